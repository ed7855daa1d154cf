"""Finding the released notebook's cells again in one that a learner has taken apart.

A cell is known by its name; where that is gone, by its id, by its text, by what it defines, by the question above
it. Only what can mean one thing is repaired, and each repair is said.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

from autograder import cells
from autograder.grading.assignment import Assignment
from autograder.grading.opening import Unreadable, sides

MAX_CELLS = 1000
MAX_SOURCE = 200_000  # characters of one cell

Handed = dict[str, str]  # cell_type, source, grade_id ("" where it is none of the released cells)
_META = ("grade", "solution", "locked", "points", "schema_version", "task")


def repaired(notebook: Mapping[str, Any], assignment: Assignment) -> tuple[list[Handed], list[str]]:
    """A learner's cells, each under the name of the released cell that it is.

    Parameters
    ----------
    notebook : mapping
        As `opening.load` gives it.
    assignment : Assignment

    Returns
    -------
    cells : list of dict
        In the learner's order; copies that say nothing are left out.
    notes : list of str
        What was repaired.

    Raises
    ------
    Unreadable
        If there is no cell in it, or far too many.
    """
    notes: list[str] = []
    found, ids, metas = _cleaned(notebook, notes)
    released = assignment.released
    for cell in found:
        cell["grade_id"] = cell["grade_id"] if cell["grade_id"] in released else ""
    _name_again(found, ids, assignment, notes)
    _settle(found, released, notes)
    _retype(found, released, notes)
    _tell_changes(found, metas, released, notes)
    return _whole_again(_without_blank_copies(found, released, notes), released, notes), notes


def same_text(a: str, b: str) -> bool:
    """Whether two texts differ in nothing but white space at the ends of lines."""
    return [x.rstrip() for x in a.strip().splitlines()] == [x.rstrip() for x in b.strip().splitlines()]


def listed(what: str, names: list[str]) -> list[str]:
    """One note on some cells, or none.

    Examples
    --------
    >>> listed("missing", ["a", "b"])
    ['2 cells are missing: a, b']
    """
    if not names:
        return []
    few = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    return [f"{'a cell is' if len(names) == 1 else f'{len(names)} cells are'} {what}: {few}"]


def _cleaned(notebook: Mapping[str, Any], notes: list[str]) -> tuple[list[Handed], list[str], list[dict]]:
    """Cells of plain text, their ids and nbgrader's metadata of them."""
    given = notebook["cells"]
    if len(given) > MAX_CELLS:
        raise Unreadable(f"the notebook has {len(given)} cells; {MAX_CELLS} at most")
    found: list[Handed] = []
    ids: list[str] = []
    metas: list[dict] = []
    for number, cell in enumerate(given, 1):
        if not isinstance(cell, dict):
            continue
        source = cell.get("source", "")
        if isinstance(source, list):
            source = "".join(part for part in source if isinstance(part, str))
        if not isinstance(source, str) or len(source) > MAX_SOURCE:
            why = f"longer than {MAX_SOURCE:,} characters" if isinstance(source, str) else "no text"
            notes.append(f"cell {number} is {why}; left out")
            continue
        kind, meta, identifier = cell.get("cell_type"), cells.metadata(cell), cell.get("id")
        name = meta.get("grade_id")
        found.append(
            {
                "cell_type": kind if kind in ("code", "markdown", "raw") else "raw",
                "source": source.encode("utf-8", "replace").decode("utf-8").replace("\x00", ""),
                "grade_id": name if isinstance(name, str) else "",
            }
        )
        ids.append(identifier if isinstance(identifier, str) else "")
        metas.append(meta)
    if not found:
        raise Unreadable("the notebook has no cells")
    return found, ids, metas


# Names that are gone


def _name_again(found: list[Handed], ids: list[str], assignment: Assignment, notes: list[str]) -> None:
    """Give nameless cells the names of released cells that nothing else bears."""
    released = assignment.released
    lost = [name for name in released if name not in {c["grade_id"] for c in found}]
    again: list[str] = []

    def take(cell: Handed, name: str) -> None:
        cell["grade_id"] = name
        again.append(name)

    by_id = {released[name]["id"]: name for name in lost}
    for cell, identifier in zip(found, ids, strict=True):
        name = by_id.get(identifier)
        if not cell["grade_id"] and name and _could_be(cell, released[name]):
            take(cell, name)
            del by_id[identifier]
    for name in lost:
        if name in again:
            continue
        nameless = [c for c in found if not c["grade_id"]]
        for cell in [c for c in nameless if _is(c, name, released[name])]:
            take(cell, name)
        if name not in again and cells.is_paragraph(released[name]):
            below = _below_question(found, name, assignment)
            if below is not None:
                take(below, name)
    matter = [name for name in dict.fromkeys(again) if _matters(released[name])]
    if matter:
        few = ", ".join(matter[:3]) + (f" and {len(matter) - 3} more" if len(matter) > 3 else "")
        lead = (
            "a cell had lost its name and is"
            if len(matter) == 1
            else f"{len(matter)} cells had lost their names and are"
        )
        notes.append(f"{lead} known again by text and place: {few}")


def _could_be(cell: Handed, released: dict[str, Any]) -> bool:
    """Whether a cell that has a released cell's id may also be it by its text."""
    if not cells.is_answer(released):
        return cells.is_paragraph(released) or same_text(cell["source"], released["source"])
    names = defined(cell["source"])
    return names is None or not names or bool(names & (defined(released["source"]) or set()))


def _is(cell: Handed, name: str, released: dict[str, Any]) -> bool:
    text = cell["source"]
    if released["source"].strip() and not cells.is_paragraph(released) and same_text(text, released["source"]):
        return True
    if cells.is_check(released):
        exercise = re.escape(cells.exercise_of(name))
        return bool(re.search(rf"""^\s*check\(\s*["']{exercise}["']""", text, re.MULTILINE))
    if cells.is_answer(released):
        return bool(defined(text)) and defined(text) == defined(released["source"])
    return False


def defined(source: str) -> set[str] | None:
    """What a cell defines: functions, and classes with their methods; None where it cannot be parsed.

    Examples
    --------
    >>> sorted(defined("class A:\\n    def f(self): ...\\ndef g(): ..."))
    ['A.f', 'g']
    """
    try:
        tree = ast.parse(_code_of(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        heads = re.findall(r"^(?:async )?def +(\w+)|^class +(\w+)", source, re.MULTILINE)
        return {a or b for a, b in heads} or None
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.ClassDef):
            methods = {f"{node.name}.{n.name}" for n in node.body if isinstance(n, ast.FunctionDef)}
            names |= methods or {node.name}
    return names


def _below_question(found: list[Handed], name: str, assignment: Assignment) -> Handed | None:
    """The learner's own prose that stands where a paragraph belongs: right below its question."""
    order = assignment.notebook["cells"]
    place = next(i for i, c in enumerate(order) if cells.metadata(c).get("grade_id") == name)
    handed_out = {c["source"].strip() for c in order if c["cell_type"] == "markdown"} - {order[place]["source"].strip()}
    for above in reversed(order[:place]):
        if above["cell_type"] != "markdown":
            continue
        at = [i for i, c in enumerate(found) if same_text(c["source"], above["source"])]
        if len(at) != 1:
            return None
        below = found[at[0] + 1 : at[0] + 2]
        fits = [c for c in below if not c["grade_id"] and c["cell_type"] != "code"]
        return next((c for c in fits if c["source"].strip() not in handed_out), None)
    return None


# What was done to cells that have their names


def _settle(found: list[Handed], released: Mapping[str, dict[str, Any]], notes: list[str]) -> None:
    """Decide merges inside a cell where one side is what was handed out, or both are the same."""
    for cell in found:
        both = sides(cell["source"])
        if both is None:
            continue
        blank = released[cell["grade_id"]]["source"] if cell["grade_id"] else ""
        written = [side for side in both if not same_text(side, blank)]
        name = cell["grade_id"] or "without a name"
        if len(written) < 2 or same_text(*both):
            cell["source"] = (written or [both[0]])[0]
            notes.append(f"cell {name} held merge marks (<<<<<<<); the side that was worked on counts")
        else:
            notes.append(f"cell {name} holds two versions between merge marks (<<<<<<<); neither can count")


def _retype(found: list[Handed], released: Mapping[str, dict[str, Any]], notes: list[str]) -> None:
    for cell in found:
        if not cell["grade_id"]:
            continue
        kind = released[cell["grade_id"]]["cell_type"]
        if cell["cell_type"] != kind:
            notes.append(f"cell {cell['grade_id']} is {cell['cell_type']}; read as {kind}")
            cell["cell_type"] = kind
            if kind == "code":
                cell["source"] = _code_of(cell["source"])


def _code_of(source: str) -> str:
    """Code without the fence that markdown puts around it."""
    fenced = re.fullmatch(r"\s*```[ \t]*\w*[ \t]*\n(.*?)\n?```\s*", source, re.DOTALL)
    return fenced[1] if fenced else source


def _tell_changes(
    found: list[Handed], metas: list[dict], released: Mapping[str, dict[str, Any]], notes: list[str]
) -> None:
    """Say what was changed of that which the handed-out notebook alone decides."""
    texts: list[str] = []
    flags: Counter[str] = Counter()
    for cell, meta in zip(found, metas, strict=True):
        name = cell["grade_id"]
        if not name:
            continue
        ours = released[name]
        if (cells.is_check(ours) or cells.is_setup(ours)) and not same_text(cell["source"], ours["source"]):
            texts.append(name)
        if meta:
            flags.update(key for key in _META if meta.get(key) != cells.metadata(ours).get(key))
    texts = list(dict.fromkeys(texts))
    if texts:
        notes.append(listed("changed though locked", texts)[0] + "; what was handed out counts")
    if flags:
        notes.append(f"nbgrader's marks were changed ({', '.join(sorted(flags))}); those handed out count")


def _without_blank_copies(
    found: list[Handed], released: Mapping[str, dict[str, Any]], notes: list[str]
) -> list[Handed]:
    """Leave out untouched copies of a cell that was filled elsewhere: run later, they would undo the answer."""
    times = Counter(c["grade_id"] for c in found if c["grade_id"] and _matters(released[c["grade_id"]]))
    twice = {name for name, n in times.items() if n > 1}
    if not twice:
        return found
    kept: list[Handed] = []
    last = {name: max(i for i, c in enumerate(found) if c["grade_id"] == name) for name in twice}
    filled = {
        c["grade_id"]
        for c in found
        if c["grade_id"] in twice
        and c["source"].strip()
        and not same_text(c["source"], released[c["grade_id"]]["source"])
    }
    for i, cell in enumerate(found):
        name = cell["grade_id"]
        if name in twice:
            blank = not cell["source"].strip() or same_text(cell["source"], released[name]["source"])
            theirs = cells.is_answer(released[name]) or cells.is_paragraph(released[name])
            if theirs and blank and (name in filled or i != last[name]):
                continue
        kept.append(cell)
    notes += listed("there more than once", sorted(twice, key=list(released).index))
    return kept


def _whole_again(found: list[Handed], released: Mapping[str, dict[str, Any]], notes: list[str]) -> list[Handed]:
    """Join the parts of an answer that was split in the middle of a definition."""
    kept: list[Handed] = []
    for cell in found:
        first = kept[-1] if kept else None
        if first is not None and first["grade_id"] and cell["cell_type"] == "code":
            name = first["grade_id"]
            joined = f"{first['source'].rstrip()}\n{cell['source']}"
            part = cell["grade_id"] in (name, "") and cells.is_answer(released[name])
            if part and not _parses(first["source"], cell["source"]) and _parses(joined):
                first["source"] = joined
                notes.append(f"cell {name} was split in two; joined again")
                continue
        kept.append(cell)
    return kept


def _parses(*sources: str) -> bool:
    try:
        for source in sources:
            ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _matters(released: dict[str, Any]) -> bool:
    return cells.is_answer(released) or cells.is_check(released) or cells.is_paragraph(released)
