"""Into nbgrader's gradebook, through its own API, so that formgrader, `nbgrader export` and the rest read it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder import cells
from autograder.build import BuildError
from autograder.grading.assignment import Assignment
from autograder.grading.results import NO_RESPONSE, Result, Score
from autograder.paths import write_atomic

CONFIG = '''\
"""Opens this folder with nbgrader: in here, run `jupyter lab` (menu Nbgrader, Formgrader) or `nbgrader export`."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "minifit"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\\nraise NotImplementedError()"}
# A cell that a learner deleted comes back before nbgrader's own autograde runs.
c.OverwriteCells.add_missing_cells = True
'''


class Gradebook:
    """An nbgrader course folder: ``gradebook.db``, ``source/``, ``autograded/`` and a config that opens them.

    Parameters
    ----------
    folder : Path
        Made when missing. Grades and comments that a person entered in it stay.

    Raises
    ------
    BuildError
        If nbgrader is not installed.
    """

    def __init__(self, folder: Path) -> None:
        try:
            from nbgrader.api import Gradebook as Book
        except ModuleNotFoundError as error:
            raise BuildError(
                f'grading needs {error.name}, which the instructor extra brings: pip install "minifit[instructor]"'
            ) from error
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nbgrader_config.py"
        if not config.exists():
            write_atomic(config, CONFIG)
        with _scripts_on_path():
            self._book = Book(f"sqlite:///{folder.resolve() / 'gradebook.db'}", course_id="minifit")

    def __enter__(self) -> Gradebook:
        return self

    def __exit__(self, *_: object) -> None:
        self._book.close()

    def add_assignments(self, wanted: Iterable[Assignment]) -> None:
        """Enter notebooks with their graded cells.

        Raises
        ------
        BuildError
            If a notebook is already there with other cells and with submissions.
        """
        for assignment in wanted:
            self._book.update_or_create_assignment(assignment.name)
            self._check_cells(assignment)
            kernel = json.dumps(assignment.notebook["metadata"].get("kernelspec", {}))
            self._book.update_or_create_notebook(assignment.name, assignment.name, kernelspec=kernel)
            for name, cell in assignment.released.items():
                self._add_cell(assignment.name, name, cell)
            # Formgrader lists the assignments that it finds here.
            source = self.folder / "source" / assignment.name / assignment.path.name
            write_atomic(source, assignment.path.read_bytes())

    def _add_cell(self, assignment: str, name: str, cell: dict[str, Any]) -> None:
        meta, kind = cells.metadata(cell), cell["cell_type"]
        where = (name, assignment, assignment)
        if meta.get("grade"):
            self._book.update_or_create_grade_cell(*where, max_score=float(meta["points"]), cell_type=kind)
        if meta.get("solution"):
            self._book.update_or_create_solution_cell(*where)
        locked = bool(not meta.get("solution") and (meta.get("grade") or meta.get("locked")))
        self._book.update_or_create_source_cell(
            *where, cell_type=kind, locked=locked, source=cell["source"], checksum=meta.get("checksum")
        )

    def _check_cells(self, assignment: Assignment) -> None:
        from nbgrader.api import MissingEntry

        try:
            known = self._book.find_notebook(assignment.name, assignment.name)
        except MissingEntry:
            return
        graded = {item.cell for item in assignment.items}
        if {cell.name for cell in known.grade_cells} != graded and known.submissions:
            raise BuildError(
                f"{self.folder / 'gradebook.db'} holds grades of another edition of {assignment.name}; "
                "grade into a new folder with --out"
            )

    def add(self, result: Result) -> list[Score]:
        """Enter one submission, and read back what a person has graded in it.

        Parameters
        ----------
        result : Result
            Of a known notebook.

        Returns
        -------
        list of Score
            The result's scores, those graded by hand with the points and comments given.
        """
        notebook = result.notebook
        assert notebook is not None
        self._book.update_or_create_student(result.student)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own queries make SQLAlchemy warn
            self._book.update_or_create_submission(notebook, result.student)
        scores = []
        for score in result.scores:
            grade = self._book.find_grade(score.cell, notebook, notebook, result.student)
            grade.auto_score = score.points
            # As nbgrader has it: what a person graded before wants a second look after grading again.
            grade.needs_manual_grade = score.points is None or grade.manual_score is not None
            if grade.manual_score is not None:
                points = float(grade.manual_score + (grade.extra_credit or 0.0))
                score = replace(score, points=points)
            scores.append(self._add_comment(notebook, result.student, score))
        self._book.db.commit()
        return scores

    def _add_comment(self, notebook: str, student: str, score: Score) -> Score:
        from nbgrader.api import MissingEntry

        name = score.cell if score.by_hand else f"{score.cell}-answer"
        try:
            comment = self._book.find_comment(name, notebook, notebook, student)
        except MissingEntry:
            return score
        automatic = "No response." if score.status == NO_RESPONSE else score.message
        comment.auto_comment = None if score.status == "right" or not automatic else automatic
        written = comment.manual_comment
        return replace(score, comment=written) if written else score

    def add_notebook(self, result: Result, assignment: Assignment) -> None:
        """Lay the graded notebook where formgrader shows it, with the verdicts as its outputs.

        The learner's outputs are left out, and their prose cannot open an HTML tag: formgrader runs whatever
        a markdown cell holds with the instructor's rights.
        """
        path = self.folder / "autograded" / result.student / assignment.name / f"{assignment.name}.ipynb"
        write_atomic(path, json.dumps(_graded_notebook(result, assignment), indent=1) + "\n")


@contextlib.contextmanager
def _scripts_on_path() -> Iterator[None]:
    """nbgrader starts `alembic` by name, which is not on the path of a virtual environment not activated."""
    before = os.environ.get("PATH")
    os.environ["PATH"] = os.pathsep.join(filter(None, [sysconfig.get_path("scripts"), before]))
    try:
        yield
    finally:
        if before is None:
            del os.environ["PATH"]
        else:
            os.environ["PATH"] = before


def _graded_notebook(result: Result, assignment: Assignment) -> dict[str, Any]:
    by_cell = {score.cell: score for score in result.scores}
    handed_in = result.handed.cells if result.handed else []
    order: list[dict[str, Any]] = []
    placed: set[str] = set()
    for n, cell in enumerate(handed_in):
        name = cell["grade_id"]
        released = assignment.released.get(name)
        if released is None:
            kind = "code" if cell["cell_type"] == "code" else "markdown"
            order.append(_cell(kind, _closed(kind, cell["source"]), f"handed-in-{n}", {}))
        elif name not in placed:
            placed.add(name)
            theirs = cells.is_answer(released) or cells.is_paragraph(released)
            order.append(_from_released(released, _all_of(handed_in, name) if theirs else None))
    for name, released in assignment.released.items():
        if name not in placed and name in by_cell:
            order.append(_from_released(released))
    for graded in order:
        score = by_cell.get(cells.metadata(graded).get("grade_id", ""))
        if score is not None and graded["cell_type"] == "code":
            graded.update(outputs=_outputs(score), execution_count=1)
    return {"cells": order, "metadata": assignment.notebook["metadata"], "nbformat": 4, "nbformat_minor": 5}


def _all_of(handed: Sequence[dict[str, str]], name: str) -> str:
    return "\n\n".join(cell["source"] for cell in handed if cell["grade_id"] == name)


def _from_released(released: dict[str, Any], theirs: str | None = None) -> dict[str, Any]:
    kind = released["cell_type"]
    source = released["source"] if theirs is None else _closed(kind, theirs)
    return _cell(kind, source, released["id"], released["metadata"])


def _closed(kind: str, source: str) -> str:
    """A learner's text, whose markdown cannot open an HTML tag: "<" before a name gets a space after it."""
    return source if kind == "code" else re.sub(r"<(?=[A-Za-z/!?])", "< ", source)


def _cell(kind: str, source: str, identifier: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": identifier, "metadata": metadata, "source": source}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def _outputs(score: Score) -> list[dict[str, Any]]:
    said = {"name": "stdout", "output_type": "stream", "text": score.message + "\n"}
    points = {"text/plain": repr(float(score.points or 0.0))}
    earned = {"data": points, "execution_count": 1, "metadata": {}, "output_type": "execute_result"}
    return [said, earned] if score.message else [earned]
