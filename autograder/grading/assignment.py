"""What a released notebook asks for: its exercises, its paragraphs, its setup."""

from __future__ import annotations

import ast
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from autograder import cells, paths
from autograder.exercise import Exercise, get


@dataclass(frozen=True)
class Item:
    """Something in a notebook that earns points.

    Attributes
    ----------
    cell : str
        grade_id of the graded cell, such as ``"loop-mse"``.
    identifier : str
        The exercise's, such as ``"loop.mse"``; of a paragraph, its cell's name.
    points : float
    expression : str
        What the check cell hands to `check`, usually a name. Empty for a paragraph.
    """

    cell: str
    identifier: str
    points: float
    expression: str = ""

    @property
    def by_hand(self) -> bool:
        """Whether a person has to grade it."""
        return not self.expression

    @property
    def exercise(self) -> Exercise:
        """Its declaration in the bank."""
        return get(self.identifier)


@dataclass(frozen=True)
class Assignment:
    """A released notebook, read as the judge needs it. Only this edition says what counts and for how much.

    Attributes
    ----------
    name : str
        ``NN_name``.
    path : Path
        The released notebook.
    """

    name: str
    path: Path

    @cached_property
    def notebook(self) -> dict[str, Any]:
        """The notebook as plain JSON, every cell's source one string."""
        notebook = json.loads(self.path.read_text(encoding="utf-8"))
        for cell in notebook["cells"]:
            cell["source"] = "".join(cell["source"])
        return notebook

    @cached_property
    def released(self) -> dict[str, dict[str, Any]]:
        """grade_id → released cell."""
        named = [(cells.metadata(c).get("grade_id"), c) for c in self.notebook["cells"]]
        return {name: cell for name, cell in named if name}

    @cached_property
    def items(self) -> list[Item]:
        """What earns points, in the notebook's order."""
        items = []
        for name, cell in self.released.items():
            points = float(cells.metadata(cell).get("points", 0))
            if cells.is_check(cell):
                identifier = cells.exercise_of(name)
                items.append(Item(name, identifier, points, _checked(cell["source"], identifier)))
            elif cells.is_paragraph(cell):
                items.append(Item(name, name, points))
        return items

    @property
    def points(self) -> float:
        """The most this notebook gives."""
        return sum(item.points for item in self.items)


def _checked(source: str, identifier: str) -> str:
    """What a check cell hands over: the second argument of its `check(identifier, …)`."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "check" and len(node.args) == 2:
            return ast.unparse(node.args[1])
    return identifier.rpartition(".")[2]


def assignments(folder: Path | None = None) -> dict[str, Assignment]:
    """Every released notebook below ``folder`` (default: ``course/``), by name.

    Raises
    ------
    FileNotFoundError
        If there is none.
    """
    folder = paths.course_folder() if folder is None else folder
    found = {p.stem: Assignment(p.stem, p) for p in sorted(folder.glob("[0-9]*_*/[0-9]*_*.ipynb"))}
    found = {name: a for name, a in found.items() if a.path.parent.name == name}
    if not found:
        raise FileNotFoundError(f"no released notebook in {folder}; make them with: minifit build")
    return found
