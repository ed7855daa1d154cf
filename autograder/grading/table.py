"""``grades.csv``: a row for each graded cell of each student."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

from autograder.grading.results import Result

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


def _safe(row: Iterable[str]) -> list[str]:
    return [f"'{text}" if text[:1] in ("=", "+", "-", "@", "\t", "\r") else text for text in row]
