"""What nbgrader's metadata says of a cell, and the names that link cells and exercises.

In a source a cell bears its exercise's identifier: ``loop.mse-answer`` is the cell to fill and ``loop.mse``
its check. nbgrader allows no dot in a ``grade_id``, so released notebooks say ``loop-mse-answer`` and
``loop-mse``; no identifier has a hyphen, hence the way back is unambiguous.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

Cell = Mapping[str, Any]  # as nbformat reads it, or as plain JSON


def grade_id(name: str) -> str:
    """A cell's name as nbgrader accepts it.

    Examples
    --------
    >>> grade_id("loop.mse-answer")
    'loop-mse-answer'
    """
    return re.sub(r"[^A-Za-z0-9_-]", "-", name)


def exercise_of(name: str) -> str:
    """The exercise that a check or answer cell belongs to, whichever way its name is written.

    Examples
    --------
    >>> exercise_of("loop-mse_gradients-answer"), exercise_of("losses.Loss-answer-call")
    ('loop.mse_gradients', 'losses.Loss')
    """
    stem = re.split(r"-answer(?=-|$)", name, maxsplit=1)[0]
    return stem if "." in stem else stem.replace("-", ".", 1)


def metadata(cell: Cell) -> dict[str, Any]:
    """nbgrader's metadata of a cell; empty when it has none, or none that is a dict."""
    outer = cell.get("metadata")
    found = outer.get("nbgrader") if isinstance(outer, dict) else None
    return found if isinstance(found, dict) else {}


def is_answer(cell: Cell) -> bool:
    """Whether the learner fills this code cell."""
    meta = metadata(cell)
    return cell["cell_type"] == "code" and bool(meta.get("solution")) and not meta.get("grade")


def is_check(cell: Cell) -> bool:
    """Whether this code cell checks an exercise and gives its points."""
    meta = metadata(cell)
    return cell["cell_type"] == "code" and bool(meta.get("grade")) and not meta.get("solution")


def is_paragraph(cell: Cell) -> bool:
    """Whether a person grades this cell by hand."""
    meta = metadata(cell)
    return bool(meta.get("grade")) and bool(meta.get("solution"))


def is_setup(cell: Cell) -> bool:
    """Whether this is a setup cell: the only locked cells that grading runs."""
    return cell["cell_type"] == "code" and "setup" in cell["metadata"].get("tags", [])
