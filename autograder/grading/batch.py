"""`minifit grade`: a folder of submissions in, a gradebook, a table and pages out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder.grading import feedback, secret, table
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.gradebook import Gradebook
from autograder.grading.grader import Limits, grade
from autograder.grading.results import UNGRADED, Result, Score
from autograder.grading.session import Session
from autograder.grading.submissions import Submission, find, students
from autograder.paths import write_atomic

NOT_HANDED_IN = "not handed in"


@dataclass(frozen=True)
class Class:
    """What grading a folder gave.

    Attributes
    ----------
    by_student : dict of str to list of Result
    notebooks : list of str
        Those handed in by anybody, in course order.
    in_force : list of str
        The limits that held for learners' code, such as ``"memory"``.
    """

    by_student: dict[str, list[Result]]
    notebooks: list[str]
    in_force: list[str]

    @property
    def results(self) -> list[Result]:
        """Every result, by student, then notebook."""
        return [result for results in self.by_student.values() for result in results]


def grade_folder(
    folder: Path,
    out: Path,
    secret_file: Path | None = None,
    workers: int | None = None,
    limits: Limits | None = None,
    course: Path | None = None,
    progress: bool = False,
) -> Class:
    """Grade every submission below a folder. No submission, whatever it holds, stops the others.

    Parameters
    ----------
    folder : Path
        See `submissions.find` for the layouts it may have.
    out : Path
        Becomes (or stays) an nbgrader course folder, with ``grades.csv``, ``index.html`` and ``feedback/``.
    secret_file : Path, optional
        Where the secret is, or will be; by default ``out/secret``.
    workers : int, optional
        Submissions graded at a time; by default one a processor, at most 4.
    limits : Limits, optional
    course : Path, optional
        Where the released notebooks are; by default the package's own.
    progress : bool
        Whether to show a bar on stderr.

    Returns
    -------
    Class

    Raises
    ------
    NoSubmissions, SecretError, BuildError, RuntimeError
        Before anything is graded, when something basic is wrong.
    """
    known = assignments(course)
    found = find(folder, known, out)
    with Session(5) as trial:  # better to know now that no worker starts here
        in_force = trial.in_force
    seeds = Seeds(secret.load(out / "secret" if secret_file is None else secret_file))
    notebooks = [name for name in known if any(s.notebook == name for s in found)]
    with Gradebook(out) as book:
        book.add_assignments(known[name] for name in notebooks)
        graded = _grade_all(found, known, seeds, workers or min(4, os.cpu_count() or 1), limits or Limits())
        results = list(_shown(graded, len(found), progress))
        by_student = _by_student(results, students(folder, out), known, notebooks)
        for result in (r for mine in by_student.values() for r in mine):
            if result.file and result.notebook:
                result.scores = book.add(result)
                book.add_notebook(result, known[result.notebook])
    whole = Class(by_student, notebooks, in_force)
    write_atomic(out / "grades.csv", table.to_csv(whole.results))
    write_atomic(out / "index.html", feedback.class_page(by_student, notebooks))
    for student, mine in by_student.items():
        write_atomic(out / "feedback" / f"{student}.html", feedback.student_page(student, mine))
    return whole


class Seeds:
    """Exercise → secret seed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, identifier: str) -> int:
        return secret.seed(self._key, identifier)


def _grade_all(
    found: list[Submission],
    known: dict[str, Assignment],
    seeds: Callable[[str], int],
    workers: int,
    limits: Limits,
) -> Iterator[Result]:
    with ThreadPoolExecutor(workers) as pool:
        waiting = [pool.submit(_surely, one, known.get(one.notebook or ""), seeds, limits) for one in found]
        try:
            for future in as_completed(waiting):
                yield future.result()
        finally:
            for future in waiting:
                future.cancel()


def _surely(one: Submission, assignment: Assignment | None, seeds: Callable[[str], int], limits: Limits) -> Result:
    """Grade one submission; should that fail through a fault of ours, say so and let the others be graded."""
    try:
        return grade(one, assignment, seeds, limits)
    except Exception as error:
        reason = f"not graded: grading it failed ({type(error).__name__}: {error}); this is no fault of the student's"
        items = assignment.items if assignment else []
        scores = [Score(item.cell, item.identifier, 0.0, item.points, UNGRADED) for item in items]
        return Result(one.student, one.notebook, one.path.name, scores, [reason])


def _shown(graded: Iterable[Result], total: int, progress: bool) -> Iterable[Result]:
    if not progress:
        return graded
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return _counted(graded, total)
    bar: Any = tqdm(graded, total=total, desc="grading", unit="notebook", file=sys.stderr)
    return bar


def _counted(graded: Iterable[Result], total: int) -> Iterator[Result]:
    for n, result in enumerate(graded, 1):
        print(f"\rgrading: {n} of {total}", end="\n" if n == total else "", file=sys.stderr, flush=True)
        yield result


def _by_student(
    results: list[Result], folders: list[str], known: dict[str, Assignment], notebooks: list[str]
) -> dict[str, list[Result]]:
    """Order the results, and say of every student what was not handed in."""
    everybody = sorted({*folders, *(r.student for r in results)})
    by_student: dict[str, list[Result]] = {name: [] for name in everybody}
    for result in results:
        by_student[result.student].append(result)
    for student, mine in by_student.items():
        for name in notebooks:
            if not any(r.notebook == name for r in mine):
                scores = [Score(i.cell, i.identifier, 0.0, i.points, NOT_HANDED_IN) for i in known[name].items]
                mine.append(Result(student, name, scores=scores, notes=[NOT_HANDED_IN]))
        mine.sort(key=lambda r: (r.notebook or "~", r.file))
    return by_student
