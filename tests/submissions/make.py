"""A class of made-up students, made from the solved notebooks, to try grading on.

    python tests/submissions/make.py submitted    every notebook
    python tests/submissions/make.py              the class that ships beside this file: notebook 01
    minifit grade tests/submissions/class --out graded

Layout: nbgrader's own, ``submitted/<student>/<notebook>/<notebook>.ipynb``.
"""

from __future__ import annotations

import argparse
import ast
import copy
import functools
import inspect
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from autograder import build, cells
from autograder.exercise import Exercise, get

Notebook = dict[str, Any]


def released(source: Path) -> Notebook:
    """The notebook as it is handed out."""
    return json.loads(build.to_bytes(build.release(build.read_source(source))))


def solved(source: Path) -> Notebook:
    """The notebook as a learner hands it in who got everything right."""
    notebook = released(source)
    answers = {c.id: c.source for c in build.read_source(source).cells}
    for cell in notebook["cells"]:
        if cells.is_answer(cell) or cells.is_paragraph(cell):
            lines = answers[cell["id"]].splitlines()
            marks = ("### BEGIN SOLUTION", "### END SOLUTION")
            cell["source"] = "\n".join(line for line in lines if line.strip() not in marks)
    return notebook


def answer_cells(notebook: Notebook) -> dict[str, list[dict[str, Any]]]:
    """Exercise → the cells a learner fills for it."""
    found: dict[str, list[dict[str, Any]]] = {}
    for cell in notebook["cells"]:
        if cells.is_answer(cell):
            found.setdefault(cells.exercise_of(cells.metadata(cell)["grade_id"]), []).append(cell)
    return found


def with_answer(notebook: Notebook, identifier: str, text: str) -> Notebook:
    """A copy in which an exercise's answer is ``text``; further cells of it are emptied."""
    changed = copy.deepcopy(notebook)
    for n, cell in enumerate(answer_cells(changed)[identifier]):
        cell["source"] = text if n == 0 else ""
    return changed


@functools.cache
def mistakes(exercise: Exercise) -> tuple[tuple[str, str], ...]:
    """The known mistakes that can be written into a notebook: name and text, free of the reference."""
    written = [(m.name, portable(m.wrong, exercise.name)) for m in exercise.mistakes]
    return tuple((name, text) for name, text in written if text is not None)


def portable(wrong: Callable[..., Any], name: str) -> str | None:
    """The source of a function or class under another name, with the helpers it calls.

    Returns
    -------
    str or None
        None when it leans on the engine, which a learner's process does not have.
    """
    parts: dict[str, str] = {}
    if not _collect(wrong, name, parts):
        return None
    return "\n\n\n".join(parts.values())


def _collect(thing: Any, name: str, parts: dict[str, str]) -> bool:
    module = sys.modules[thing.__module__]
    inner = {"<lambda>", "<locals>"} & set(thing.__qualname__.split("."))
    if inner or not module.__name__.startswith("autograder.exercises"):
        return False
    if isinstance(thing, FunctionType) and thing.__closure__:
        return False
    written = ast.parse(inspect.getsource(thing))
    if thing.__name__ != name and any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(written)):
        return False  # it leans on the reference, whose name it takes here
    tree = _Bare(thing.__name__, name).visit(written)
    parts[name] = ast.unparse(ast.fix_missing_locations(tree))
    bound = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and not isinstance(n.ctx, ast.Load)}
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} - bound
    for other in sorted(used & vars(module).keys() - parts.keys()):
        value = vars(module)[other]
        if value is np:
            continue
        if isinstance(value, int | float | str):
            parts[other] = f"{other} = {value!r}"
        elif isinstance(value, ModuleType) or not _collect(value, other, parts):
            return False
    parts[name] = parts.pop(name)  # after what it needs
    return True


class _Bare(ast.NodeTransformer):
    """Renames a definition and takes its annotations away."""

    def __init__(self, old: str, new: str) -> None:
        self.old, self.new = old, new

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        node.returns = None
        node.name = self.new if node.name == self.old else node.name
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.name = self.new if node.name == self.old else node.name
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        self.generic_visit(node)
        return None if node.value is None else ast.Assign([node.target], node.value)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.new if node.id == self.old else node.id
        return node


def with_mistakes(notebook: Notebook, number: int) -> Notebook:
    """A copy in which every exercise has its known mistake of that number, counted round."""
    for identifier in answer_cells(notebook):
        known = mistakes(get(identifier))
        if known:
            notebook = with_answer(notebook, identifier, known[number % len(known)][1])
    return notebook


def without_cells(notebook: Notebook) -> Notebook:
    """A copy without the first exercise's cells, and without any check."""
    first = next(iter(answer_cells(notebook)), "")
    kept = [
        cell
        for cell in notebook["cells"]
        if not cells.is_check(cell)
        and not (cells.is_answer(cell) and cells.exercise_of(cells.metadata(cell)["grade_id"]) == first)
    ]
    return {**notebook, "cells": kept}


def looping(notebook: Notebook) -> Notebook:
    """A copy whose first exercise never comes back when it is called."""
    identifier = next(iter(answer_cells(notebook)), None)
    if identifier is None:
        return notebook
    name = identifier.rpartition(".")[2]
    return with_answer(notebook, identifier, f"def {name}(*args, **kwargs):\n    while True:\n        pass")


def exiting(notebook: Notebook) -> Notebook:
    """A copy whose first answer ends the process it runs in."""
    identifier = next(iter(answer_cells(notebook)), None)
    return notebook if identifier is None else with_answer(notebook, identifier, "import os\n\nos._exit(0)")


def doubled(notebook: Notebook) -> Notebook:
    """A copy in which every answer and check cell was pasted a second time, as copy and paste leaves them."""
    twice = []
    for cell in notebook["cells"]:
        twice += [cell, copy.deepcopy(cell)] if cells.is_answer(cell) or cells.is_check(cell) else [cell]
    return {**notebook, "cells": twice}


def all_but_one(full: Notebook, empty: Notebook) -> Notebook:
    """A copy of the solved notebook whose last exercise is as it was handed out."""
    last = next(reversed(answer_cells(empty)), None)
    changed = copy.deepcopy(full)
    for cell, blank in zip(changed["cells"], empty["cells"], strict=True):
        if cells.is_answer(cell) and cells.exercise_of(cells.metadata(cell)["grade_id"]) == last:
            cell["source"] = blank["source"]
    return changed


def write(folder: Path, sources: Sequence[Path]) -> None:
    """Write the class below ``folder``.

    Parameters
    ----------
    folder : Path
    sources : sequence of Path
        Solved sources, ``solutions/NN_name/NN_name.py``.
    """
    for source in sources:
        full, empty = solved(source), released(source)
        handed_in: dict[str, Notebook | str] = {
            "ada_full": full,
            "bo_unsolved": empty,
            "cleo_mistakes": with_mistakes(full, 0),
            "dan_mistakes": with_mistakes(full, 1),
            "eve_nearly": all_but_one(full, empty),
            "finn_not_json": json.dumps(full, indent=1)[:-200] + "\n<<<<<<< mine\n",
            "gus_empty_file": "",
            "hana_cells_missing": without_cells(full),
            "ivo_loops": looping(full),
            "jo_exits": exiting(full),
            "kim_pasted": doubled(full),
        }
        for student, notebook in handed_in.items():
            path = folder / student / source.stem / f"{source.stem}.ipynb"
            path.parent.mkdir(parents=True, exist_ok=True)
            text = notebook if isinstance(notebook, str) else json.dumps(notebook, indent=1) + "\n"
            path.write_text(text, encoding="utf-8", newline="\n")


#: The class that ships, to try `minifit grade` on: one notebook, eleven students.
CLASS = Path(__file__).parent / "class"


def write_class(folder: Path = CLASS) -> None:
    """Write the class that ships."""
    write(folder, [source for source in build.sources() if source.stem.startswith("01")])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Make a class of sample submissions from the solved notebooks.")
    parser.add_argument(
        "folder",
        type=Path,
        nargs="?",
        help="where to write it, such as: submitted; without it, the class beside this file",
    )
    wanted = parser.parse_args().folder
    if wanted is None:
        write_class()
    else:
        write(wanted, build.sources())
