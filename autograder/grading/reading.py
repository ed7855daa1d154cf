"""Reading what a learner handed in, whatever state it is in.

Only the text of the learner's own cells is taken from a submission. What is locked, what counts and for how much
comes from the released notebook, so flags flipped, points changed or checks edited by a learner mean nothing.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from autograder import cells
from autograder.grading.assignment import Assignment
from autograder.grading.submissions import MAX_BYTES

MAX_CELLS = 1000
MAX_SOURCE = 200_000  # characters of one cell


class Unreadable(Exception):
    """The file holds no notebook; the text says why."""


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
    handed = HandedIn(cells=_cells(_notebook(path)))
    items = {item.cell: item for item in assignment.items}
    seen: set[str] = set()
    pasted: list[str] = []
    for number, cell in enumerate(handed.cells, 1):
        name = cell["grade_id"]
        released = assignment.released.get(name)
        if released is None:
            if cell["cell_type"] == "code":
                handed.steps.append(Step("run", f"#{number}", cell["source"]))
            continue
        if name in seen:
            pasted.append(name)
        elif cell["cell_type"] != released["cell_type"]:
            handed.notes.append(f"cell {name} is {cell['cell_type']}; read as {released['cell_type']}")
        if cells.is_answer(released):
            handed.steps.append(Step("run", name, cell["source"]))
        elif cells.is_setup(released):
            handed.steps.append(Step("run", name, released["source"], ours=True))
        elif cells.is_check(released):
            handed.steps.append(Step("take", items[name].identifier, items[name].expression))
        elif cells.is_paragraph(released):
            earlier = handed.paragraphs.get(name)
            text = cell["source"] if earlier is None else f"{earlier}\n\n{cell['source']}"
            handed.paragraphs[name] = text
        seen.add(name)
    handed.missing = assignment.released.keys() - seen
    for name in assignment.released.keys() & seen:
        texts = [c["source"] for c in handed.cells if c["grade_id"] == name]
        if all(_same_text(text, assignment.released[name]["source"]) for text in texts):
            handed.unchanged.add(name)
    # A setup cell that was deleted still runs, first; a check that was deleted still counts, last.
    for name, released in assignment.released.items():
        if name in handed.missing and cells.is_setup(released):
            handed.steps.insert(0, Step("run", name, released["source"], ours=True))
    handed.steps += [
        Step("take", item.identifier, item.expression)
        for item in assignment.items
        if not item.by_hand and item.cell in handed.missing
    ]
    lost = [name for name, released in assignment.released.items() if name in handed.missing and _matters(released)]
    handed.notes += _listed("missing", lost) + _listed("there more than once", list(dict.fromkeys(pasted)))
    return handed


def _listed(what: str, names: list[str]) -> list[str]:
    """One note on some cells, or none."""
    if not names:
        return []
    few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"{'a cell is' if len(names) == 1 else f'{len(names)} cells are'} {what}: {few}"]


def _matters(released: dict[str, Any]) -> bool:
    return cells.is_answer(released) or cells.is_check(released) or cells.is_paragraph(released)


def _same_text(a: str, b: str) -> bool:
    """Whether two texts differ in nothing but white space at the ends of lines."""
    return [x.rstrip() for x in a.strip().splitlines()] == [x.rstrip() for x in b.strip().splitlines()]


def _notebook(path: Path) -> dict[str, Any]:
    try:
        if path.is_symlink() or not path.is_file():
            raise Unreadable("not a plain file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Unreadable(f"the file has {size / 2**20:.0f} MB; {MAX_BYTES // 2**20} at most")
        data = path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror}") from None
    if not data.strip():
        raise Unreadable("the file is empty")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Unreadable("the file is not text in UTF-8") from None
    try:
        notebook = json.loads(text)
    except (ValueError, RecursionError):
        marks = "<<<<<<<" in text and ">>>>>>>" in text
        raise Unreadable(
            "the file holds merge marks (<<<<<<<)" if marks else "the file is not a notebook (not JSON)"
        ) from None
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        old = isinstance(notebook, dict) and "worksheets" in notebook
        raise Unreadable(
            "a notebook of an old format; open it in JupyterLab, save it and hand it in again"
            if old
            else "the file is JSON but not a notebook: it has no list of cells"
        )
    return notebook


def _cells(notebook: dict[str, Any]) -> list[dict[str, str]]:
    given = notebook["cells"]
    if len(given) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(given)} cells; {MAX_CELLS} at most")
    found = []
    for cell in given:
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str) or len(source) > MAX_SOURCE:
            continue
        kind = cell.get("cell_type")
        name = cells.metadata(cell).get("grade_id")
        found.append(
            {
                "cell_type": kind if kind in ("code", "markdown", "raw") else "raw",
                "source": source.encode("utf-8", "replace").decode("utf-8").replace("\x00", ""),
                "grade_id": name if isinstance(name, str) else "",
            }
        )
    if not found:
        raise Unreadable("the notebook has no cells")
    return found
