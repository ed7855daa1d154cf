"""What a hostile submission is, and how most of them are written."""

from __future__ import annotations

import copy
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import cells

Notebook = dict[str, Any]

FIRST = "losses.mean_squared_error"
HONEST = "((np.asarray(y_pred) - np.reshape(y_true, np.shape(y_pred))) ** 2).mean(axis=-1)"
ALL = "all"


@dataclass(frozen=True)
class Places:
    """What lies around the submissions, and must be neither read nor changed by them.

    Attributes
    ----------
    home, secret, gradebook, neighbour, solutions, reference : Path
        The grader's home folder, files of the grader's, another student's notebook, the solved notebooks and
        the module that holds the references.
    port : int
        Where a server of the grader's listens on this machine.
    """

    home: Path
    secret: Path
    gradebook: Path
    neighbour: Path
    solutions: Path
    reference: Path
    port: int = 0


@dataclass(frozen=True)
class Case:
    """One submission.

    Attributes
    ----------
    name : str
        The student's.
    make : callable
        ``make(solved notebook, Places) -> notebook, or the bytes of a file``.
    loses : tuple of str
        Exercises that earn nothing, or `ALL`; every other earns full points.
    says : str
        Part of what the student is told of the first of them.
    beside : dict
        Other files handed in with it: name → text.
    """

    name: str
    make: Callable[[Notebook, Places], Notebook | bytes]
    loses: tuple[str, ...] | str = (FIRST,)
    says: str = ""
    beside: dict[str, str] = field(default_factory=dict)


def answer_cells(notebook: Notebook, identifier: str) -> list[dict[str, Any]]:
    """The cells in which an exercise is answered."""
    named = [(cells.metadata(cell).get("grade_id", ""), cell) for cell in notebook["cells"] if cells.is_answer(cell)]
    return [cell for name, cell in named if cells.exercise_of(name) == identifier]


def with_answer(notebook: Notebook, text: str) -> Notebook:
    """A copy in which the first exercise is answered so."""
    changed = copy.deepcopy(notebook)
    (cell,) = answer_cells(changed, FIRST)
    cell["source"] = textwrap.dedent(text).strip()
    return changed


def answer(name: str, text: str, says: str = "", loses: tuple[str, ...] | str = (FIRST,), **beside: str) -> Case:
    """A submission whose first answer is ``text``."""
    return Case(name, lambda notebook, _: with_answer(notebook, text), loses, says, beside)


def body(name: str, text: str, says: str = "", loses: tuple[str, ...] | str = (FIRST,)) -> Case:
    """A submission in which ``text`` is what the first answer does when it is called."""
    inside = textwrap.indent(textwrap.dedent(text).strip(), "    ")
    return answer(name, f"def mean_squared_error(y_true, y_pred):\n{inside}", says, loses)


def first(name: str, text: str, says: str = "", loses: tuple[str, ...] | str = ()) -> Case:
    """A submission whose first answer runs ``text``, then is an honest one."""
    honest = f"def mean_squared_error(y_true, y_pred):\n    return {HONEST}\n"
    return answer(name, f"{textwrap.dedent(text).strip()}\n\n\n{honest}", says, loses)


def attempt(name: str, text: Callable[[Places], str] | str) -> Case:
    """A submission that tries something whenever it is called: right where that fails, else what it brought back.

    ``text`` is the inside of a function that returns something true when it has succeeded.
    """

    def make(notebook: Notebook, places: Places) -> Notebook:
        inside = textwrap.dedent(text if isinstance(text, str) else text(places)).strip()
        return with_answer(notebook, ATTEMPT.format(inside=textwrap.indent(inside, "    ")))

    return Case(name, make, ())


ATTEMPT = f"""\
def attempt():
{{inside}}


def mean_squared_error(y_true, y_pred):
    try:
        found = attempt()
    except Exception:
        found = None
    if found:
        return f"it got out: {{{{found!r:.200}}}}"
    return {HONEST}
"""
