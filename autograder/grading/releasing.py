"""What students get, and what came back from them, in the folders where nbgrader looks."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from autograder.grading import opening
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.gradebook import Gradebook
from autograder.grading.submissions import MAX_BYTES, scan
from autograder.paths import write_atomic


def release(chosen: Sequence[Assignment], course: Path) -> None:
    """Make nbgrader's ``source/`` and ``release/``, its gradebook and its configuration.

    Parameters
    ----------
    chosen : sequence of Assignment
    course : Path
        Made when missing.
    """
    with Gradebook(course) as book:
        book.add_assignments(chosen)
    for assignment in chosen:
        for name, content in _files(assignment):
            write_atomic(course / "release" / assignment.name / name, content)
            write_atomic(course / "source" / assignment.name / name, content)


def zipped(chosen: Sequence[Assignment], path: Path) -> None:
    """Write one zip file with a folder for each notebook; the same notebooks give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as box:
        for assignment in chosen:
            for name, content in _files(assignment):
                entry = zipfile.ZipInfo(f"{assignment.name}/{name}")
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                box.writestr(entry, content)


def _files(assignment: Assignment) -> Iterator[tuple[str, bytes]]:
    """The released notebook and what lies beside it: nothing of it knows a solution or a secret."""
    folder = assignment.path.parent
    for path in sorted(folder.rglob("*")):
        below = path.relative_to(folder)
        if path.is_file() and not any(part.startswith((".", "__")) for part in below.parts):
            yield below.as_posix(), path.read_bytes()


def collect(folder: Path, course: Path) -> Iterator[str]:
    """Lay submissions out as nbgrader expects them, whatever they came in as.

    Parameters
    ----------
    folder : Path
        See `submissions.scan`.
    course : Path
        nbgrader's course folder; files go to ``submitted/<student>/<assignment>/``.

    Yields
    ------
    str
        A line on each that needed a repair or has nothing in it.

    Raises
    ------
    NoSubmissions
        If there is nothing.
    """
    found = scan(folder, assignments(), course)
    laid = 0
    for one in found.submissions:
        if one.notebook is None or one.problem:
            yield f"{one.student}: {one.problem or 'nothing tells which notebook ' + one.path.name + ' is'}"
            continue
        try:
            notebook, notes = opening.load(one.path)
            content = (json.dumps(notebook, indent=1) + "\n").encode("utf-8")
        except opening.Unreadable as error:
            notes, content = [f"{error}; laid down as it is"], _as_it_is(one.path)
        target = course / "submitted" / one.student / one.notebook
        write_atomic(target / f"{one.notebook}.ipynb", content)
        if one.stamp:
            write_atomic(target / "timestamp.txt", one.stamp + "\n")
        laid += 1
        for note in filter(None, [one.note, *notes]):
            yield f"{one.student}, {one.notebook}: {note}"
    yield f"{laid} notebooks of {len(found.students)} students in {course / 'submitted'}"


def _as_it_is(path: Path) -> bytes:
    plain = path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES
    return path.read_bytes() if plain else b""
