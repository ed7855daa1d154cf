"""Taking notebooks out of zip files that nobody vouches for.

Nothing is ever extracted to where the archive says: names are made safe, links and paths that climb out are
refused, and what is read is counted as it is read, whatever the archive claims of itself.
"""

from __future__ import annotations

import re
import stat
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

MAX_MEMBERS = 5000
MAX_BYTES = 512 * 2**20  # of all that one archive unpacks to
MAX_MEMBER = 20 * 2**20  # of one notebook in it
MAX_ARCHIVE = 256 * 2**20  # of an archive in an archive


@dataclass
class Unpacked:
    """What came out of an archive.

    Attributes
    ----------
    files : list of PurePosixPath
        Paths inside the archive, made safe, of what was written below the folder.
    others : list of str
        Names of files that are no notebook.
    problems : list of str
        What was refused, and why.
    """

    files: list[PurePosixPath] = field(default_factory=list)
    others: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def unpack(archive: Path, into: Path) -> Unpacked:
    """Write the notebooks and archives of a zip file below a folder.

    Parameters
    ----------
    archive : Path
    into : Path
        Made when there is anything to write.

    Returns
    -------
    Unpacked
        A file that cannot be used is a line in ``problems``; nothing is raised for it.
    """
    out = Unpacked()
    try:
        with zipfile.ZipFile(archive) as box:
            members = [m for m in box.infolist() if not m.is_dir()]
            if len(members) > MAX_MEMBERS:
                out.problems.append(f"{archive.name} holds {len(members)} files; {MAX_MEMBERS} at most")
                return out
            left = MAX_BYTES
            for member in members:
                left -= _take(box, member, into, out, left)
                if left <= 0:
                    out.problems.append(
                        f"{archive.name} unpacks to more than {MAX_BYTES // 2**20} MB; the rest is left out"
                    )
                    break
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        out.problems.append(f"{archive.name} cannot be opened as a zip file: {str(error)[:120]}")
    return out


def is_archive(path: Path | PurePosixPath) -> bool:
    """Whether a file's name says that it is a zip file."""
    return path.suffix.lower() == ".zip"


def may_be_notebook(name: str) -> bool:
    """Whether a file of this name may hold a notebook: ``.ipynb``, or what browsers and mail make of it."""
    low = name.lower()
    return ".ipynb" in low or (low.endswith((".json", ".txt")) and low != "timestamp.txt")


def safe(part: str) -> str:
    """A name that is a plain one on every system and on every page.

    Examples
    --------
    >>> safe("../<b>Jane Doe</b>")
    '_b_Jane Doe__b_'
    """
    plain = re.sub(r"[^\w .@+(),'-]", "_", part).strip(" .")[:120]
    return re.sub(r"^[_ .]*_(?=\w)", "_", plain) if plain else "_"


def _take(box: zipfile.ZipFile, member: zipfile.ZipInfo, into: Path, out: Unpacked, left: int) -> int:
    """Write one member, if it is wanted and harmless; the bytes it took."""
    name = member.filename.replace("\\", "/")
    path = PurePosixPath(name)
    if path.name.startswith(".") or "__MACOSX" in path.parts:
        return 0
    if path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name):
        out.problems.append(f"{safe(path.name)} lies outside its archive ({name[:80]!r}); refused")
        return 0
    if stat.S_ISLNK(member.external_attr >> 16):
        out.problems.append(f"{safe(path.name)} is a link; refused")
        return 0
    if not (may_be_notebook(path.name) or is_archive(path)):
        out.others.append(path.name)
        return 0
    most = min(left, MAX_ARCHIVE if is_archive(path) else MAX_MEMBER)
    try:
        with box.open(member) as file:
            data = file.read(most + 1)
    except (zipfile.BadZipFile, zlib.error, OSError, RuntimeError, NotImplementedError, EOFError) as error:
        what = "is encrypted" if member.flag_bits & 1 else f"is damaged ({str(error)[:80]})"
        out.problems.append(f"{safe(path.name)} {what}; refused")
        return 0
    if len(data) > most:
        out.problems.append(f"{safe(path.name)} unpacks to more than {most // 2**20} MB; refused")
        return most
    below = PurePosixPath(*(safe(part) for part in path.parts))
    target = into / below
    while target.exists():  # two names that became one
        below = below.with_name(f"_{below.name}")
        target = into / below
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(data)
    out.files.append(below)
    return len(data)
