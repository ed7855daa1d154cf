"""Into nbgrader's gradebook, through its own API, so that formgrader, `nbgrader export` and the rest read it."""

from __future__ import annotations

import contextlib
import functools
import importlib.util
import json
import os
import sys
import sysconfig
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from autograder import cells
from autograder.build import BuildError
from autograder.grading.assignment import Assignment
from autograder.grading.results import NO_RESPONSE, Result, Score
from autograder.grading.sanitise import closed
from autograder.paths import write_atomic

CONFIG = '''\
"""Opens this folder with nbgrader: in here, run `jupyter lab` (menu Nbgrader, Formgrader) or `nbgrader export`."""

c = get_config()  # noqa: F821

c.CourseDirectory.course_id = "minifit"
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE\\nraise NotImplementedError()"}

# nbgrader's own autograde, the formgrader's button too: damaged notebooks are repaired first, and run in a
# forked process with walls around it. See the instructor's page for how far its grades can be trusted.
c.Autograde.exporter_class = "autograder.grading.plugins.Reader"
c.Autograde.sanitize_preprocessors = [
    "autograder.grading.plugins.Repair",
    *("nbgrader.preprocessors." + name for name in ("ClearOutput", "DeduplicateIds", "OverwriteKernelspec")),
    *("nbgrader.preprocessors." + name for name in ("OverwriteCells", "CheckCellMetadata")),
]
c.Autograde.autograde_preprocessors = [
    "autograder.grading.plugins.Forked",
    *("nbgrader.preprocessors." + name for name in ("IgnorePattern", "LimitOutput", "SaveAutoGrades")),
    *("nbgrader.preprocessors." + name for name in ("AssignLatePenalties", "CheckCellMetadata")),
]
c.OverwriteCells.add_missing_cells = True
# Scripts in outputs stay text in the pages that nbgrader makes.
c.HTMLExporter.sanitize_html = True

# What being late costs, here nothing; "zero" takes all points, and a class of your own may take any part:
# c.AssignLatePenalties.plugin_class = "mymodule.MyLateRule"
c.LateSubmissionPlugin.penalty_method = "none"
'''


def needs_nbgrader() -> None:
    """Refuse at once where nbgrader is missing; to import it takes seconds.

    Raises
    ------
    BuildError
        It says what to install.
    """
    if importlib.util.find_spec("nbgrader") is None:
        raise BuildError('grading needs nbgrader, which the instructor extra brings: pip install "minifit[instructor]"')


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
        api = _nbgrader()
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "nbgrader_config.py"
        if not config.exists():
            write_atomic(config, CONFIG)
        with _quick_edition(api):
            self._book = api.Gradebook(f"sqlite:///{folder.resolve() / 'gradebook.db'}", course_id="minifit")

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

    def add(self, result: Result, entered: bool = False) -> None:
        """Enter one submission, and read back what a person has graded in it and what being late costs.

        Parameters
        ----------
        result : Result
            Of a known notebook. Its scores that were graded by hand get the points and comments given.
        entered : bool
            Whether the gradebook has these very scores already; then it is only read.
        """
        from nbgrader.api import MissingEntry

        notebook = result.notebook
        assert notebook is not None
        with warnings.catch_warnings(), self._committing_later():
            warnings.simplefilter("ignore")  # nbgrader's own queries make SQLAlchemy warn
            try:
                submission = self._book.find_submission(notebook, result.student)
            except MissingEntry:
                self._book.update_or_create_student(result.student)
                submission = self._book.add_submission(notebook, result.student)
                entered = False
            if not entered:
                self._stamp(submission, result)
            (page,) = submission.notebooks
            grades = {grade.name: grade for grade in page.grades}
            comments = {comment.name: comment for comment in page.comments}
            scores = []
            for score in result.scores:
                grade = grades[score.cell]
                comment = comments.get(score.cell if score.by_hand else f"{score.cell}-answer")
                if not entered:
                    _enter(score, grade, comment)
                scores.append(_with_what_a_person_gave(score, grade, comment))
            result.scores = scores
            self._book.db.flush()
            result.penalty = self._late(submission, page, result.student)

    def commit(self) -> None:
        """Make what was entered last."""
        self._book.db.commit()

    @contextlib.contextmanager
    def _committing_later(self) -> Iterator[None]:
        """Have nbgrader's own commits wait for ours: each takes a disk's time, and forgets what was loaded."""
        session = self._book.db()
        commit = session.commit
        session.commit = session.flush
        try:
            yield
        finally:
            session.commit = commit

    def _stamp(self, submission: Any, result: Result) -> None:
        """Note when it was handed in; a time that cannot be is said and left out."""
        from nbgrader.utils import parse_utc

        if not result.stamp:
            return
        try:
            when = parse_utc(result.stamp)
        except (ValueError, OverflowError):
            _note(result, f"its timestamp.txt holds no time ({result.stamp[:40]!r}); left out")
            return
        if when > datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1):
            _note(result, f"its timestamp.txt lies in the future ({result.stamp[:40]!r}); left out")
            return
        submission.timestamp = when

    def _late(self, submission: Any, page: Any, student: str) -> float:
        """What being late costs, by the rule in this folder's nbgrader_config.py."""
        page.late_submission_penalty = None
        late = submission.total_seconds_late
        if late > 0:
            self._book.db.refresh(page)
            penalty = self._rule.late_submission_penalty(student, page.score, late)
            if penalty is not None:
                page.late_submission_penalty = min(max(0.0, float(penalty)), page.score)
        return float(page.late_submission_penalty or 0.0)

    @functools.cached_property
    def _rule(self) -> Any:
        """nbgrader's plug-in for late penalties, as this folder's configuration has it."""
        from nbgrader.preprocessors import AssignLatePenalties
        from traitlets.config import PyFileConfigLoader

        config = PyFileConfigLoader("nbgrader_config.py", path=str(self.folder)).load_config()
        assign = AssignLatePenalties(config=config)
        assign.init_plugin()
        return assign.plugin_inst

    def add_notebook(self, result: Result, assignment: Assignment) -> None:
        """Lay the graded notebook where formgrader shows it, with the verdicts as its outputs.

        The learner's outputs are left out, and their prose cannot open an HTML tag: formgrader runs whatever
        a markdown cell holds with the instructor's rights.
        """
        path = self.folder / "autograded" / result.student / assignment.name / f"{assignment.name}.ipynb"
        write_atomic(path, json.dumps(_graded_notebook(result, assignment), indent=1) + "\n")


def _enter(score: Score, grade: Any, comment: Any) -> None:
    grade.auto_score = score.points
    # As nbgrader has it: what a person graded before wants a second look after grading again.
    grade.needs_manual_grade = score.points is None or grade.manual_score is not None
    if comment is not None:
        said = "No response." if score.status == NO_RESPONSE else closed(score.message)
        comment.auto_comment = None if score.status == "right" or not said else said


def _with_what_a_person_gave(score: Score, grade: Any, comment: Any) -> Score:
    if grade.manual_score is not None:
        score = replace(score, points=float(grade.manual_score + (grade.extra_credit or 0.0)))
    elif grade.extra_credit and score.points is not None:
        score = replace(score, points=score.points + float(grade.extra_credit))
    written = comment.manual_comment if comment is not None else None
    return replace(score, comment=written) if written else score


def _note(result: Result, text: str) -> None:
    if text not in result.notes:
        result.notes.append(text)


def _nbgrader() -> Any:
    """nbgrader's API, imported without the grammar of internationalised addresses, which takes longer than the rest.

    A library far below builds that grammar to check formats that no notebook has, and does without if it is absent.
    """
    needs_nbgrader()
    grammar: Any = "rfc3987_syntax"
    absent = grammar not in sys.modules and "jsonschema" not in sys.modules
    if absent:
        sys.modules[grammar] = None  # type: ignore[assignment]
    try:
        import nbgrader.api
    finally:
        if absent:
            del sys.modules[grammar]
    return nbgrader.api


@contextlib.contextmanager
def _quick_edition(api: Any) -> Iterator[None]:
    """Have nbgrader look up its gradebook's edition here: it would start another program to ask the same."""
    theirs = api.get_alembic_version
    folder = Path(api.__file__).parent / "alembic"

    def head() -> str:
        from alembic.script import ScriptDirectory

        found = ScriptDirectory(str(folder)).get_current_head() if folder.is_dir() else None
        if found is None:
            with _scripts_on_path():
                return theirs()
        return found

    api.get_alembic_version = head
    try:
        yield
    finally:
        api.get_alembic_version = theirs


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
    return source if kind == "code" else closed(source)


def _cell(kind: str, source: str, identifier: str, metadata: dict[str, Any]) -> dict[str, Any]:
    cell: dict[str, Any] = {"cell_type": kind, "id": identifier, "metadata": metadata, "source": source}
    return cell | {"execution_count": None, "outputs": []} if kind == "code" else cell


def _outputs(score: Score) -> list[dict[str, Any]]:
    said = {"name": "stdout", "output_type": "stream", "text": score.message + "\n"}
    points = {"text/plain": repr(float(score.points or 0.0))}
    earned = {"data": points, "execution_count": 1, "metadata": {}, "output_type": "execute_result"}
    return [said, earned] if score.message else [earned]
