"""From the bytes that a learner handed in to a notebook as plain JSON, whatever became of the file on its way.

What can only have meant one thing is put right, and said. What holds no notebook is refused with the reason.
"""

from __future__ import annotations

import codecs
import json
import re
from pathlib import Path
from typing import Any

from autograder import cells
from autograder.grading.submissions import MAX_BYTES


class Unreadable(Exception):
    """The file holds no notebook; the text says why."""


def load(path: Path) -> tuple[dict[str, Any], list[str]]:
    """Read a notebook file.

    Parameters
    ----------
    path : Path

    Returns
    -------
    notebook : dict
        With a list ``"cells"``; nothing else about it is certain.
    notes : list of str
        What was put right.

    Raises
    ------
    Unreadable
        If there is no notebook in it.
    """
    notes: list[str] = []
    text = _text(_bytes(path), notes)
    if not text.strip():
        raise Unreadable("the file is empty")
    notebook = _parsed(text)
    if notebook is None:
        notebook = _merged(text, notes)
    if isinstance(notebook, dict) and isinstance(notebook.get("content"), dict) and "cells" not in notebook:
        notebook = notebook["content"]  # as Jupyter's contents API wraps it
        notes.append("the notebook was wrapped in another file's form; taken out of it")
    if isinstance(notebook, dict) and "cells" not in notebook and "worksheets" in notebook:
        notebook = _from_old(notebook)
        notes.append("the notebook is of an old format (3 or before); read as one of today")
    if not isinstance(notebook, dict) or not isinstance(notebook.get("cells"), list):
        raise Unreadable("the file is JSON but not a notebook: it has no list of cells")
    version = notebook.get("nbformat", 4)
    if isinstance(version, int) and not isinstance(version, bool) and version > 4:
        notes.append(f"the notebook says it is of format {version}, which is newer than ours; read as format 4")
    return notebook, notes


def _bytes(path: Path) -> bytes:
    try:
        if path.is_symlink() or not path.is_file():
            raise Unreadable("not a plain file")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise Unreadable(f"the file has {size / 2**20:.0f} MB; {MAX_BYTES // 2**20} at most")
        return path.read_bytes()
    except OSError as error:
        raise Unreadable(f"the file cannot be read: {error.strerror}") from None


_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def _text(data: bytes, notes: list[str]) -> str:
    marked = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "")
    if not marked and data[:4].count(0) == 2:  # "{" and a second character, two bytes each, without the mark
        marked = "utf-16-be" if data[0] == 0 else "utf-16-le"
    try:
        text = data.decode(marked or "utf-8")
    except UnicodeDecodeError:
        if marked or not data.lstrip().startswith(b"{"):
            raise Unreadable("the file is not text in UTF-8") from None
        text = data.decode("cp1252", "replace")
        marked = "Windows-1252"
    if marked and marked != "utf-8-sig":
        notes.append(f"the file is text in {marked.upper().removesuffix('-LE').removesuffix('-BE')}, not UTF-8")
    return text.rstrip("\x00")  # a disk that was full, or a crash, leaves these


def _parsed(text: str) -> Any:
    """What the JSON says, or None where it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _from_old(notebook: dict[str, Any]) -> dict[str, Any]:
    sheets = notebook["worksheets"]
    given = [s.get("cells") for s in sheets if isinstance(s, dict)] if isinstance(sheets, list) else []
    found = [cell for sheet in given if isinstance(sheet, list) for cell in sheet if isinstance(cell, dict)]
    if not found:
        raise Unreadable("a notebook of an old format without cells")
    for cell in found:
        if "source" not in cell:
            cell["source"] = cell.get("input", "")
        if cell.get("cell_type") == "heading":
            cell["cell_type"] = "markdown"
    return {"cells": found, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}


# Merges that were never finished

_CONFLICT = re.compile(
    r"^[ \t]*<{7}(?: [^\n]*)?\n(.*?)(?:^[ \t]*\|{7}(?: [^\n]*)?\n.*?)?"
    r"^[ \t]*={7}[ \t]*\n(.*?)^[ \t]*>{7}(?: [^\n]*)?(?:\n|\Z)",
    re.MULTILINE | re.DOTALL,
)


def sides(text: str) -> tuple[str, str] | None:
    """The two texts between which an unfinished merge did not decide; None where there are no marks.

    Examples
    --------
    >>> sides("a\\n<<<<<<< mine\\nb\\n=======\\nc\\n>>>>>>> theirs\\n")
    ('a\\nb\\n', 'a\\nc\\n')
    """
    if not _CONFLICT.search(text):
        return None
    return _CONFLICT.sub(lambda found: found[1], text), _CONFLICT.sub(lambda found: found[2], text)


def _merged(text: str, notes: list[str]) -> Any:
    both = sides(text)
    if both is None:
        marks = "<<<<<<<" in text or ">>>>>>>" in text
        raise Unreadable("the file holds merge marks (<<<<<<<)" if marks else "the file is not a notebook (not JSON)")
    one, two = (_parsed(side) for side in both)
    usable = [side for side in (one, two) if isinstance(side, dict) and isinstance(side.get("cells"), list)]
    if not usable:
        raise Unreadable("the file holds merge marks (<<<<<<<), and neither side of them is a notebook")
    if len(usable) == 1:
        notes.append("the file held merge marks (<<<<<<<); the one side that is a notebook was read")
        return usable[0]
    notes.append("the file held merge marks (<<<<<<<); its two sides were put together, cell by cell")
    return _together(*usable)


def _together(one: dict[str, Any], two: dict[str, Any]) -> dict[str, Any]:
    """The first notebook; in a cell that the two have differently, both texts stand between merge marks."""
    theirs = {name: cell for cell in two["cells"] if (name := _name(cell))}
    for cell in one["cells"]:
        other = theirs.pop(_name(cell), None)
        if other is not None and _joined(other) != _joined(cell):
            a, b = _joined(cell).rstrip("\n"), _joined(other).rstrip("\n")
            cell["source"] = f"<<<<<<< one\n{a}\n=======\n{b}\n>>>>>>> the other\n"
    return {**one, "cells": [*one["cells"], *theirs.values()]}


def _name(cell: Any) -> str:
    name = cells.metadata(cell).get("grade_id") if isinstance(cell, dict) else None
    return name if isinstance(name, str) else ""


def _joined(cell: dict[str, Any]) -> str:
    source = cell.get("source", "")
    return "".join(map(str, source)) if isinstance(source, list) else str(source)
