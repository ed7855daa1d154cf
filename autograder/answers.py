"""How we wrote it: the solved cells of an exercise, from the sources of the notebooks."""

from __future__ import annotations

import re

from .paths import solutions_folder

_MARKS = re.compile(r"^[ \t]*###[ \t]*(BEGIN|END) SOLUTION[^\n]*\n?", re.MULTILINE)


def solution_of(identifier: str) -> str:
    """Return the text of every cell named ``<identifier>-answer...``, solved.

    Raises
    ------
    ValueError
        If no notebook holds such a cell.
    """
    wanted = re.compile(rf'"grade_id": "{re.escape(identifier)}-answer[^"]*"')
    found = []
    for path in sorted(solutions_folder().glob("*/*.py")):
        for cell in re.split(r"^# %%", path.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
            head, _, body = cell.partition("\n")
            if wanted.search(head):
                found.append(_MARKS.sub("", body).strip("\n"))
    if not found:
        raise ValueError(f"No notebook holds a solution of {identifier!r}.")
    return "\n\n\n".join(found)
