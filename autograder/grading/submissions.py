"""Finding out what was handed in, by whom, and for which notebook.

Understood, also mixed: nbgrader's ``<student>/<assignment>/<notebook>.ipynb`` (with or without ``submitted/``
above it), ``<student>/<notebook>.ipynb``, one flat folder of ``<student>_<notebook>.ipynb``, and zip files: a
class as Canvas or Moodle gives it to download, or one a student.
"""

from __future__ import annotations

import re
import shutil
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from autograder.grading.archives import Unpacked, is_archive, may_be_notebook, safe, unpack

MAX_BYTES = 20 * 2**20  # of one notebook file
MAX_FILES = 500  # looked at in one student's folder
_DEEPEST = 6


@dataclass(frozen=True)
class Submission:
    """One file that a student handed in.

    Attributes
    ----------
    student : str
    notebook : str or None
        ``NN_name``; None when neither the file's name nor its cells tell.
    path : Path
    note : str
        What an instructor should know of how it was found.
    problem : str
        Why there is nothing to grade in it; empty when there is.
    stamp : str
        When it was handed in, as nbgrader's ``timestamp.txt`` has it.
    lms : str
        The student's number at the learning platform, such as ``"canvas 4711"``.
    """

    student: str
    notebook: str | None
    path: Path
    note: str = ""
    problem: str = ""
    stamp: str = ""
    lms: str = ""


class NoSubmissions(Exception):
    """The folder holds nothing that could be graded."""


@dataclass
class Found:
    """What a folder of submissions holds.

    Attributes
    ----------
    submissions : list of Submission
        One for each student and notebook, by student, then notebook.
    students : list of str
        Everybody who has a folder or file, also those who put nothing of use into it.
    """

    submissions: list[Submission] = field(default_factory=list)
    students: list[str] = field(default_factory=list)


def find(folder: Path, known: Collection[str], out: Path | None = None) -> list[Submission]:
    """Every submission below ``folder``; see `scan`."""
    return scan(folder, known, out).submissions


def scan(folder: Path, known: Collection[str], out: Path | None = None) -> Found:
    """Find every submission below a folder, or in a zip file.

    Parameters
    ----------
    folder : Path
        Links are not followed.
    known : collection of str
        Names of the released notebooks.
    out : Path, optional
        Where grades go; it is no student's, even when it lies in ``folder``. Archives are unpacked below it;
        without it they are left alone.

    Returns
    -------
    Found

    Raises
    ------
    NoSubmissions
        If there is no such folder, or no notebook in it.
    """
    box = None if out is None else out / "unpacked"
    if box is not None and box.is_dir() and not box.is_symlink():
        shutil.rmtree(box)
    if folder.is_file() and is_archive(folder) and box is not None:
        found = list(_archive(folder, known, box))
    elif folder.is_dir():
        found = list(_folder(_entries(folder, out), known, box))
    else:
        raise NoSubmissions(f"{folder} is not a folder; give the one that holds the submissions")
    if not any(one.path.is_file() for one in found):
        raise NoSubmissions(
            f"no .ipynb file in {folder}; expected <student>/<notebook>.ipynb, "
            "<student>/<assignment>/<notebook>.ipynb, <student>_<notebook>.ipynb or zip files of them"
        )
    found = _told_apart(found)
    names = sorted({one.student for one in found})
    return Found(_one_each([one for one in found if one.path.is_file()]), names)


def _entries(folder: Path, out: Path | None) -> list[Path]:
    """What lies in a folder of submissions, without hidden files, links and the folder of the grades."""
    top = folder / "submitted" if (folder / "submitted").is_dir() else folder
    graded = None if out is None else out.resolve()
    entries = sorted(top.iterdir())
    return [p for p in entries if p.name[0] != "." and not p.is_symlink() and p.resolve() != graded]


def _folder(entries: list[Path], known: Collection[str], box: Path | None) -> Iterator[Submission]:
    for path in entries:
        if path.is_dir():
            yield from _student(path, known, box)
        elif is_archive(path) and box is not None:
            yield from _archive(path, known, box)
        elif path.suffix.lower() == ".ipynb" or (may_be_notebook(path.name) and by_cells(path, known)):
            yield _flat(path, known)


# A student's own folder


def _student(folder: Path, known: Collection[str], box: Path | None) -> Iterator[Submission]:
    who, lms, _ = _sender(folder.name)
    files, others = _files(folder)
    found = [_in_student_folder(folder, file, known) for file in files]
    for archive in (p for p in others if is_archive(p) and box is not None):
        assert box is not None
        found += _inside(archive, folder, known, box / safe(folder.name))
    rest = [p.name for p in others if not is_archive(p)]
    if not found and rest:
        few = ", ".join(safe(name) for name in rest[:3])
        found = [Submission("", None, folder / rest[0], problem=f"not graded: handed in {few}; no notebook")]
    if not found:
        found = [Submission("", None, folder)]  # somebody, with nothing
    for one in found:
        yield replace(one, student=who, lms=lms)


def _files(student: Path) -> tuple[list[Path], list[Path]]:
    """The notebooks below a student's folder, and its other files; links and hidden files left out."""
    notebooks: list[Path] = []
    others: list[Path] = []
    waiting = [(student, 0)]
    while waiting and len(notebooks) + len(others) < MAX_FILES:
        folder, depth = waiting.pop(0)
        for path in sorted(folder.iterdir()):
            if path.name.startswith(".") or path.is_symlink() or path.name == "__MACOSX":
                continue
            if path.is_dir():
                if depth < _DEEPEST:
                    waiting.append((path, depth + 1))
            elif path.suffix.lower() == ".ipynb" or (may_be_notebook(path.name) and _looks_like_one(path)):
                notebooks.append(path)
            elif path.name != "timestamp.txt":
                others.append(path)
    return notebooks, others


def _looks_like_one(path: Path) -> bool:
    try:
        head = path.read_bytes()[:MAX_BYTES]
    except OSError:
        return False
    return ".ipynb" in path.name.lower() or b'"grade_id"' in head.replace(b"\x00", b"")


def _in_student_folder(student: Path, path: Path, known: Collection[str]) -> Submission:
    stamp = _stamp(path) if path.parent.parent == student else ""
    if path.stem in known:
        return Submission(student.name, path.stem, path, stamp=stamp)
    guess, why = None, ""
    if path.parent != student and path.parent.name in known:
        guess, why = path.parent.name, "the folder it lies in"
    if guess is None:
        guess, why = by_name(path.stem, known), "its name"
    if guess is None:
        guess, why = by_cells(path, known), "its cells"
    note = f"the file is called {safe(path.name)}; taken for {guess} by {why}" if guess else ""
    return Submission(student.name, guess, path, note, stamp=stamp)


def _stamp(path: Path) -> str:
    """What nbgrader wrote down as the time of handing in."""
    file = path.with_name("timestamp.txt")
    try:
        return "" if file.is_symlink() else file.read_text(encoding="utf-8", errors="replace")[:100].strip()
    except OSError:
        return ""


# One file a student, named by a learning platform


def _sender(stem: str) -> tuple[str, str, bool]:
    """Who a name that a platform gave belongs to: student, number at the platform, whether marked late.

    Examples
    --------
    >>> _sender("doejane_LATE_4711_99012_")
    ('doejane', 'canvas 4711', True)
    >>> _sender("Jane Doe_4711_assignsubmission_file_")
    ('Jane Doe', 'moodle 4711', False)
    """
    if moodle := re.match(r"(.+?)_(\d+)_assignsubmission_\w+?(?:_|$)", stem):
        return safe(moodle[1]), f"moodle {moodle[2]}", False
    if canvas := re.match(r"([^_]+)_(LATE_)?(\d+)_(?:\d+|text)_?", stem):
        return safe(canvas[1]), f"canvas {canvas[3]}", bool(canvas[2])
    return _named(stem), "", False


def _named(text: str) -> str:
    """A student's name that is safe to write anywhere, and that nobody else's becomes."""
    plain = safe(text)
    return plain if plain == text else f"{plain}-{zlib.crc32(text.encode('utf-8', 'replace')):08x}"


def _flat(path: Path, known: Collection[str]) -> Submission:
    stem = path.name[: path.name.lower().find(".ipynb")] if ".ipynb" in path.name.lower() else path.stem
    who, lms, late = _sender(stem)
    name, note = by_name(stem, known), "marked late by Canvas" if late else ""
    if name is None:
        who = who if lms else _named(path.stem.partition("_")[0])
        renamed = f"the file is called {safe(path.name)}"
        return Submission(who, by_cells(path, known), path, "; ".join(filter(None, (renamed, note))), lms=lms)
    if not lms:
        before = stem[: _plain(stem).rindex(_plain(name))].rstrip("_- ")
        who = _named(before) if before else "unknown"
    return Submission(who, name, path, note, lms=lms)


def _plain(text: str) -> str:
    """Lower case with one kind of gap; as long as it was."""
    return re.sub(r"[\s-]", "_", text.lower())


def by_name(stem: str, known: Collection[str]) -> str | None:
    """The notebook whose name stands in a file's name."""
    named = [name for name in known if _plain(name) in _plain(stem)]
    return max(named, key=len) if named else None


def by_cells(path: Path, known: Collection[str]) -> str | None:
    """The notebook whose number its cells' names or its title begin with; the file's form is not trusted."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        text = path.read_bytes().replace(b"\x00", b"").decode("utf-8", "replace")
    except OSError:
        return None
    numbers = re.findall(r'"(?:grade_)?id":\s*"(\d\d)-', text) + re.findall(r'"# (\d\d) (?:·|\\u00b7)', text)
    counts = {name: numbers.count(name[:2]) for name in known}
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None


# Archives


def _archive(archive: Path, known: Collection[str], box: Path) -> Iterator[Submission]:
    """A zip file among the submissions: one student's, or a whole class as a platform gives it."""
    who, lms, late = _sender(archive.stem)
    own = by_name(archive.stem, known)
    if lms or own:
        if own and not lms:
            before = archive.stem[: _plain(archive.stem).rindex(_plain(own))].rstrip("_- ")
            who = _named(before) if before else "unknown"
        for one in _inside(archive, archive, known, box):
            note = "; ".join(filter(None, (one.note, "marked late by Canvas" if late else "")))
            yield replace(one, student=who, lms=lms, note=note)
        return
    into = box / safe(archive.stem)
    got = unpack(archive, into)
    top = into / "submitted" if (into / "submitted").is_dir() else into
    inside = sorted(top.iterdir()) if top.is_dir() else []
    if len(inside) == 1 and inside[0].is_dir() and not _sender(inside[0].name)[1] and inside[0].name not in known:
        deeper = sorted(inside[0].iterdir())  # one folder around everything
        if any((p.is_dir() and p.name not in known) or is_archive(p) or _sender(p.stem)[1] for p in deeper):
            inside = deeper
    folders = [p for p in inside if p.is_dir() and p.name not in known]
    whole_class = any(is_archive(p) or _sender(p.stem)[1] for p in inside) or len(folders) > 1
    flat = [p for p in inside if p.is_file()]
    students_in_names = {_flat(p, known).student for p in flat if by_name(p.stem, known) not in (None, p.stem)}
    if whole_class or len(students_in_names) > 1:
        yield from _folder(inside, known, box / f"{safe(archive.stem)}-inside")
        for text in got.problems:
            yield Submission(safe(archive.stem), None, archive, problem=f"not graded: {text}")
    else:
        for one in _of_files(got, archive, into, known, box):
            yield replace(one, student=who)


def _inside(archive: Path, owner: Path, known: Collection[str], box: Path) -> list[Submission]:
    """What one student's archive holds."""
    into = box / safe(archive.stem)
    return _of_files(unpack(archive, into), archive, into, known, box)


def _of_files(got: Unpacked, archive: Path, into: Path, known: Collection[str], box: Path) -> list[Submission]:
    found = [_in_student_folder(into, into / name, known) for name in got.files if not is_archive(name)]
    found = [replace(one, stamp="") for one in found]  # a learner's own word on when it was handed in
    for name in (n for n in got.files if is_archive(n)):
        inner = unpack(into / name, into / f"{name.name}-inside")
        more = (into / f"{name.name}-inside" / n for n in inner.files if not is_archive(n))
        found += [replace(_in_student_folder(into, path, known), stamp="") for path in more]
        got.problems += inner.problems
    if found:
        first, *others = found
        extra = "; ".join(filter(None, (first.note, *got.problems)))
        return [replace(first, note=extra), *others]
    said = "; ".join(got.problems[:3])
    if not said:
        few = ", ".join(safe(name) for name in got.others[:3])
        said = f"{safe(archive.name)} holds no notebook" + (f", only {few}" if few else "")
    return [Submission("", None, archive, problem=f"not graded: {said}")]


# Who is who, and which file counts


def _told_apart(found: list[Submission]) -> list[Submission]:
    """Two people of one name are told apart by their numbers at the platform."""
    numbers: dict[str, set[str]] = {}
    for one in found:
        numbers.setdefault(one.student, set()).add(one.lms)
    return [
        replace(one, student=f"{one.student} {one.lms.split()[-1]}")
        if one.lms and len(numbers[one.student]) > 1
        else one
        for one in found
    ]


def _natural(name: str) -> list[tuple[int, str]]:
    """An order in which 10 comes after 9."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _one_each(found: list[Submission]) -> list[Submission]:
    """Keep one file for each student and notebook: the one named exactly so, else the last by name."""
    chosen: dict[tuple[str, str], Submission] = {}
    spare: list[Submission] = []
    for one in sorted(found, key=lambda s: (s.path.stem == s.notebook, _natural(s.path.name), str(s.path))):
        if one.notebook is None:
            spare.append(one)
            continue
        key = (one.student, one.notebook)
        note = one.note
        if key in chosen:
            other = safe(chosen[key].path.name)
            note = f"{note}; " if note else ""
            note += f"{other} was handed in too and is not graded"
        chosen[key] = replace(one, note=note)
    return sorted([*chosen.values(), *spare], key=lambda s: (s.student, s.notebook or "~", s.path.name))
