"""Finding out what was handed in, by whom, and for which notebook.

Three layouts are understood, also mixed: nbgrader's ``<student>/<assignment>/<notebook>.ipynb`` (with or
without ``submitted/`` above it), ``<student>/<notebook>.ipynb``, and one flat folder of
``<student>_<notebook>.ipynb`` as learning platforms export it.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MAX_BYTES = 20 * 2**20  # of one notebook file


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
    """

    student: str
    notebook: str | None
    path: Path
    note: str = ""


class NoSubmissions(Exception):
    """The folder holds nothing that could be graded."""


def find(folder: Path, known: Collection[str], out: Path | None = None) -> list[Submission]:
    """Every submission below ``folder``, by student, then notebook; one for each student and notebook.

    Parameters
    ----------
    folder : Path
        Links are not followed.
    known : collection of str
        Names of the released notebooks.
    out : Path, optional
        Where grades go; it is no student's, even when it lies in ``folder``.

    Returns
    -------
    list of Submission

    Raises
    ------
    NoSubmissions
        If there is no such folder, or no notebook in it.
    """
    if not folder.is_dir():
        raise NoSubmissions(f"{folder} is not a folder; give the one that holds the submissions")
    found: list[Submission] = []
    for path in _entries(folder, out):
        if path.is_dir():
            found += [_in_student_folder(path, file, known) for file in _notebooks(path)]
        elif path.suffix == ".ipynb":
            found.append(_flat(path, known))
    if not found:
        raise NoSubmissions(
            f"no .ipynb file in {folder}; expected <student>/<notebook>.ipynb, "
            "<student>/<assignment>/<notebook>.ipynb or <student>_<notebook>.ipynb"
        )
    return _one_each(found)


def students(folder: Path, out: Path | None = None) -> list[str]:
    """Everybody who has a folder of their own, also those who put nothing into it."""
    return [path.name for path in _entries(folder, out) if path.is_dir()]


def _entries(folder: Path, out: Path | None) -> list[Path]:
    """What lies in a folder of submissions, without hidden files, links and the folder of the grades."""
    top = folder / "submitted" if (folder / "submitted").is_dir() else folder
    graded = None if out is None else out.resolve()
    entries = sorted(top.iterdir())
    return [p for p in entries if p.name[0] != "." and not p.is_symlink() and p.resolve() != graded]


def _notebooks(student: Path) -> list[Path]:
    """The notebooks in a student's folder and the folders in it, links and hidden files left out."""
    found = []
    for path in sorted(student.iterdir()):
        if path.name.startswith(".") or path.is_symlink():
            continue
        if path.is_dir():
            inner = (p for p in sorted(path.iterdir()) if p.suffix == ".ipynb" and not p.name.startswith("."))
            found += [p for p in inner if p.is_file() and not p.is_symlink()]
        elif path.suffix == ".ipynb":
            found.append(path)
    return found


def _in_student_folder(student: Path, path: Path, known: Collection[str]) -> Submission:
    if path.stem in known:
        return Submission(student.name, path.stem, path)
    guess, why = None, ""
    if path.parent != student and path.parent.name in known:
        guess, why = path.parent.name, "the folder it lies in"
    if guess is None:
        guess, why = by_name(path.stem, known), "its name"
    if guess is None:
        guess, why = by_cells(path, known), "its cells"
    note = f"the file is called {path.name}; taken for {guess} by {why}" if guess else ""
    return Submission(student.name, guess, path, note)


def _flat(path: Path, known: Collection[str]) -> Submission:
    name = by_name(path.stem, known)
    if name is None:
        student = path.stem.partition("_")[0]
        return Submission(student, by_cells(path, known), path, f"the file is called {path.name}")
    before = path.stem[: path.stem.rindex(name)].rstrip("_- ")
    # Canvas writes doejane_LATE_<number>_<number>_<the file's own name>.
    student = re.sub(r"(_LATE)?_\d+_\d+$", "", before)
    return Submission(student or "unknown", name, path)


def by_name(stem: str, known: Collection[str]) -> str | None:
    named = [name for name in known if name in stem]
    return max(named, key=len) if named else None


def by_cells(path: Path, known: Collection[str]) -> str | None:
    """The notebook whose number the cells' names begin with, read without trusting the file's form."""
    try:
        if path.stat().st_size > MAX_BYTES:
            return None
        text = path.read_bytes().decode("utf-8", "replace")
    except OSError:
        return None
    numbers = re.findall(r'"grade_id":\s*"(\d\d)-', text)
    counts = {name: numbers.count(name[:2]) for name in known}
    best = max(counts, key=lambda name: counts[name], default=None)
    return best if best is not None and counts[best] else None


def _one_each(found: list[Submission]) -> list[Submission]:
    """Keep one file for each student and notebook: the one named exactly so, else the last by name."""
    chosen: dict[tuple[str, str], Submission] = {}
    spare: list[Submission] = []
    for one in sorted(found, key=lambda s: (s.path.stem == s.notebook, s.path.name, str(s.path))):
        if one.notebook is None:
            spare.append(one)
            continue
        key = (one.student, one.notebook)
        note = one.note
        if key in chosen:
            other = chosen[key].path.name
            note = f"{note}; " if note else ""
            note += f"{other} was handed in too and is not graded"
        chosen[key] = Submission(one.student, one.notebook, one.path, note)
    return sorted([*chosen.values(), *spare], key=lambda s: (s.student, s.notebook or "~", s.path.name))
