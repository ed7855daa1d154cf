"""What spreadsheets and learning platforms read: every graded cell, totals, grades to upload, alike pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from autograder.grading.assignment import Assignment
from autograder.grading.results import Result
from autograder.grading.similarity import Pair

COLUMNS = ("student", "notebook", "exercise", "points", "max", "status", "mistake", "note")


def to_csv(results: Iterable[Result]) -> str:
    """The whole table as text.

    Parameters
    ----------
    results : iterable of Result

    Returns
    -------
    str
        With a header; ``points`` is empty while a person has yet to grade the cell. A cell that a spreadsheet
        would take for a formula is led by an apostrophe.
    """
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    for result in results:
        note = "; ".join(result.notes)
        if not result.scores:
            writer.writerow(_safe((result.student, result.notebook or "", "", "", "", "not graded", "", note)))
        for score in result.scores:
            points = "" if score.points is None else f"{score.points:g}"
            row = (result.student, result.notebook or "", score.identifier, points, f"{score.most:g}")
            writer.writerow(_safe((*row, score.status, score.mistake, note)))
    return file.getvalue()


def totals(by_student: Mapping[str, Sequence[Result]], notebooks: Sequence[str]) -> str:
    """A row for each student: points of each notebook, their sum, what is still to be graded by hand.

    Parameters
    ----------
    by_student : mapping of str to sequence of Result
    notebooks : sequence of str
        Columns, in course order.
    """
    rows: list[list[str]] = [["student", *notebooks, "points", "max", "by hand", "late penalty"]]
    for student, results in by_student.items():
        earned = {r.notebook: r.points for r in results if r.notebook}
        sums = (f(results) for f in (_points, _most, _waiting, _penalty))
        rows.append([student, *(f"{earned.get(name, 0.0):g}" for name in notebooks), *(f"{n:g}" for n in sums)])
    return _written(rows)


def for_platforms(by_student: Mapping[str, Sequence[Result]], known: Mapping[str, Assignment]) -> dict[str, str]:
    """Grades to upload to a learning platform, for those of its students whose numbers their files' names gave.

    Parameters
    ----------
    by_student : mapping of str to sequence of Result
    known : mapping of str to Assignment

    Returns
    -------
    dict of str to str
        ``canvas.csv`` and ``moodle.csv`` → content; empty where nobody came from there.
    """
    out: dict[str, str] = {}
    for platform, head in (("canvas", ["Student", "ID", "Section"]), ("moodle", ["Identifier", "Full name"])):
        theirs = {
            student: (number, results)
            for student, results in by_student.items()
            if (number := next((r.lms.split()[-1] for r in results if r.lms.startswith(platform)), ""))
        }
        if not theirs:
            continue
        names = [n for n in known if any(r.notebook == n for _, results in theirs.values() for r in results)]
        rows = [[*head, *names]]
        if platform == "canvas":  # its importer wants to know what is the most
            rows.append(["Points Possible", "", "", *(f"{known[n].points:g}" for n in names)])
        for student, (number, results) in theirs.items():
            first = [student, number, ""] if platform == "canvas" else [f"Participant {number}", student]
            earned = {r.notebook: f"{r.points:g}" for r in results if r.notebook}
            rows.append([*first, *(earned.get(name, "") for name in names)])
        out[f"{platform}.csv"] = _written(rows)
    return out


def pairs(found: Iterable[Pair]) -> str:
    """Submissions that are alike, a row a pair."""
    rows = [["one", "other", "notebook", "likeness", "most alike in", "to the letter in"]]
    for pair in found:
        exercises, words = ", ".join(pair.exercises), ", ".join(pair.same_words)
        rows.append([pair.one, pair.two, pair.notebook, f"{pair.likeness:.2f}", exercises, words])
    return _written(rows)


def _points(results: Sequence[Result]) -> float:
    return sum(r.points for r in results)


def _most(results: Sequence[Result]) -> float:
    return sum(r.most for r in results)


def _waiting(results: Sequence[Result]) -> float:
    return sum(r.waiting for r in results)


def _penalty(results: Sequence[Result]) -> float:
    return sum(r.penalty for r in results)


def _written(rows: Iterable[Iterable[str]]) -> str:
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerows(_safe(row) for row in rows)
    return file.getvalue()


def _safe(row: Iterable[str]) -> list[str]:
    return [f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text for text in row]
