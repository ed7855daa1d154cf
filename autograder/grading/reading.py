"""Reading what a learner handed in, whatever state it is in.

Only the text of the learner's own cells is taken from a submission. What is locked, what counts and for how much
comes from the released notebook, so flags flipped, points changed or checks edited by a learner mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autograder import cells
from autograder.grading import opening
from autograder.grading.assignment import Assignment
from autograder.grading.definitions import definitions
from autograder.grading.opening import Unreadable
from autograder.grading.repair import listed, repaired, same_text

__all__ = ["HandedIn", "Step", "Unreadable", "read"]


@dataclass(frozen=True)
class Step:
    """One thing the worker does.

    Attributes
    ----------
    kind : {"run", "take"}
        Run ``text`` as a cell, or keep the object that the expression ``text`` names.
    cell : str
        grade_id of the cell, or ``"#7"`` for the seventh when it has none; of a "take", the exercise.
    text : str
    ours : bool
        Whether the text is the released notebook's, not the learner's.
    """

    kind: Literal["run", "take"]
    cell: str
    text: str
    ours: bool = False


@dataclass
class HandedIn:
    """A submission as the judge uses it.

    Attributes
    ----------
    steps : list of Step
        What the worker does, in order.
    paragraphs : dict of str to str
        grade_id → what the learner wrote.
    unchanged : set of str
        grade_ids of cells to fill, code or prose, that still say what was handed out.
    missing : set of str
        grade_ids of released cells that the submission lacks.
    notes : list of str
        What was repaired.
    cells : list of dict
        The learner's cells, cleaned: cell_type, source, grade_id or "".
    """

    steps: list[Step] = field(default_factory=list)
    paragraphs: dict[str, str] = field(default_factory=dict)
    unchanged: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    cells: list[dict[str, str]] = field(default_factory=list)


def read(path: Path, assignment: Assignment) -> HandedIn:
    """Read one submitted file against its released notebook.

    Raises
    ------
    Unreadable
        If nothing in it can be graded.
    """
    notebook, notes = opening.load(path)
    found, repairs = repaired(notebook, assignment)
    return arranged(found, assignment, notes + repairs)


def arranged(found: list[dict[str, str]], assignment: Assignment, notes: list[str]) -> HandedIn:
    """What the worker has to do with a learner's cells, in which order.

    Parameters
    ----------
    found : list of dict
        As `repair.repaired` gives them.
    assignment : Assignment
    notes : list of str
        What was repaired so far.
    """
    handed = HandedIn(cells=found, notes=notes)
    items = {item.cell: item for item in assignment.items}
    released = assignment.released
    for number, cell in enumerate(found, 1):
        name = cell["grade_id"]
        ours = released.get(name)
        if ours is None:
            if cell["cell_type"] == "code":
                handed.steps.append(Step("run", f"#{number}", cell["source"]))
        elif cells.is_answer(ours):
            handed.steps.append(Step("run", name, cell["source"]))
        elif cells.is_setup(ours):
            handed.steps.append(Step("run", name, ours["source"], ours=True))
        elif cells.is_check(ours):
            handed.steps.append(Step("take", items[name].identifier, items[name].expression))
        elif cells.is_paragraph(ours):
            earlier = handed.paragraphs.get(name)
            handed.paragraphs[name] = cell["source"] if earlier is None else f"{earlier}\n\n{cell['source']}"
        elif text := _given(ours):
            handed.steps.append(Step("run", name, text, ours=True))
    there = {cell["grade_id"] for cell in found}
    handed.missing = released.keys() - there
    handed.unchanged = {
        name
        for name in released.keys() & there
        if all(same_text(c["source"], released[name]["source"]) for c in found if c["grade_id"] == name)
    }
    _given_in_place(handed, assignment)
    _setup_first(handed, assignment)
    _take_late(handed, assignment)
    lost = [name for name in released if name in handed.missing and _to_tell(released[name])]
    handed.notes += listed("missing", lost)
    return handed


def _given(ours: dict[str, Any]) -> str:
    """What a locked cell gives to the answers: what it defines. What it shows or measures is not run."""
    aside = cells.is_answer(ours) or cells.is_check(ours) or cells.is_setup(ours) or cells.is_paragraph(ours)
    return "" if aside or ours["cell_type"] != "code" else definitions(ours["source"])


def _given_in_place(handed: HandedIn, assignment: Assignment) -> None:
    """Have a given cell that was deleted run where it stood: before what comes after it."""
    order = {name: place for place, name in enumerate(assignment.released)}
    for name in order:
        text = _given(assignment.released[name]) if name in handed.missing else ""
        if text:
            later = (i for i, s in enumerate(handed.steps) if order.get(s.cell, -1) > order[name])
            handed.steps.insert(next(later, len(handed.steps)), Step("run", name, text, ours=True))


def _setup_first(handed: HandedIn, assignment: Assignment) -> None:
    """Have a setup cell that was deleted, or moved below an answer it stood above, run first."""
    order = list(assignment.released)
    first: list[Step] = []
    for name, ours in assignment.released.items():
        if not cells.is_setup(ours):
            continue
        at = next((i for i, s in enumerate(handed.steps) if s.cell == name and s.ours), None)
        before = handed.steps[:at]
        late = any(s.cell in assignment.released and order.index(s.cell) > order.index(name) for s in before)
        if name in handed.missing or late:
            first.append(Step("run", name, ours["source"], ours=True))
    handed.steps[:0] = first


def _take_late(handed: HandedIn, assignment: Assignment) -> None:
    """Have a check that was deleted, or that stands above its answer, count at the end."""
    late = []
    for item in assignment.items:
        if item.by_hand:
            continue
        stem = f"{item.cell}-answer"
        takes = [i for i, s in enumerate(handed.steps) if s.kind == "take" and s.cell == item.identifier]
        runs = [i for i, s in enumerate(handed.steps) if s.cell == stem or s.cell.startswith(f"{stem}-")]
        if not takes or (runs and runs[-1] > takes[-1]):
            late.append(Step("take", item.identifier, item.expression))
            if takes:
                handed.notes.append(f"cell {item.cell} stood above the answer it checks; it was judged at the end")
    handed.steps += late


def _to_tell(released: dict[str, Any]) -> bool:
    return cells.is_answer(released) or cells.is_check(released) or cells.is_paragraph(released)
