"""`minifit grade`: a folder of submissions in, a gradebook, tables and pages out."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder.grading import feedback, records, secret, table
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.gradebook import Gradebook, needs_nbgrader
from autograder.grading.grader import grade
from autograder.grading.limits import Limits
from autograder.grading.records import Records
from autograder.grading.results import Result, Score
from autograder.grading.seats import Seeds, Task, grade_all, surely
from autograder.grading.session import Session
from autograder.grading.similarity import alike
from autograder.grading.submissions import NoSubmissions, scan
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
    level : str
        How strong they are together: ``"limits"``, ``"kernel"`` or ``"full"``.
    reused : int
        How many submissions stood from an earlier run.
    """

    by_student: dict[str, list[Result]]
    notebooks: list[str]
    in_force: list[str] = field(default_factory=list)
    level: str = ""
    reused: int = 0

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
    reuse: str = "",
    sandbox: str = "",
    cluster: str = "",
) -> Class:
    """Grade every submission below a folder. No submission, whatever it holds, stops the others.

    Parameters
    ----------
    folder : Path
        See `submissions.scan` for the layouts it may have.
    out : Path
        Becomes (or stays) an nbgrader course folder, with tables, ``index.html`` and ``feedback/``.
    secret_file : Path, optional
        Where the secret is, or will be; by default ``out/secret``.
    workers : int, optional
        Judges at work at a time; by default one a processor, at most 8.
    limits : Limits, optional
    course : Path, optional
        Where the released notebooks are; by default the package's own.
    progress : bool
        Whether to show a bar on stderr.
    reuse : {"", "run", "all"}
        Which earlier results stand while nothing they depend on has changed: none, those of the last run (which
        was stopped), all.
    sandbox : str
        The least confinement to accept, such as ``"full"``; by default whatever the system allows.
    cluster : str
        Address of a Dask scheduler whose workers do the judging.

    Returns
    -------
    Class

    Raises
    ------
    NoSubmissions, SecretError, BuildError, RuntimeError
        Before anything is graded, when something basic is wrong.
    """
    known = assignments(course)
    needs_nbgrader()
    found = scan(folder, known, out)
    level, in_force = walls(sandbox)  # better to know now that no worker starts here
    key = secret.load(out / "secret" if secret_file is None else secret_file)
    limits = limits or Limits()
    notebooks = [name for name in known if any(s.notebook == name for s in found.submissions)]
    tasks: list[Task] = [(one, known.get(one.notebook or "")) for one in found.submissions]
    kept = Records(out, key, limits, reuse)
    digests = [kept.digest(*task) for task in tasks]
    earlier = (kept.get(task[0], digest) for task, digest in zip(tasks, digests, strict=True))
    done = {i: old for i, old in enumerate(earlier) if old is not None}
    left = [i for i in range(len(tasks)) if i not in done]

    def keep(position: int, result: Result) -> None:
        kept.put(result, digests[left[position]])

    fresh = _judged([tasks[i] for i in left], key, limits, workers or min(8, os.cpu_count() or 1), cluster, keep)
    results: list[Result] = []
    with contextlib.closing(fresh), Gradebook(out) as book:
        book.add_assignments(known[name] for name in notebooks)
        writer = _Writer(book, kept, known)
        for _, result in _shown(fresh, len(left), progress):
            writer.add(result)
            results.append(result)
        for result, entered in done.values():
            writer.add(result, entered)
            results.append(result)
        writer.commit()
    records.forget(out, results)
    records.note_class(out, students=found.students, notebooks=notebooks, in_force=in_force, level=level)
    whole = Class(_by_student(results, found.students, known, notebooks), notebooks, in_force, level, len(done))
    write_report(whole, out, known)
    write_feedback(whole, out, known)
    return whole


def graded_before(out: Path, course: Path | None = None) -> Class:
    """What is known of a folder of grades, with all that people have entered in its gradebook since.

    Raises
    ------
    NoSubmissions
        If nothing was graded there.
    """
    facts, results = records.noted_class(out), records.everything(out)
    if not facts or not results:
        raise NoSubmissions(f"nothing has been graded in {out}; first: minifit grade SUBMISSIONS --out {out}")
    known = assignments(course)
    with Gradebook(out) as book:
        for result in results:
            if result.file and result.notebook:
                book.add(result, entered=True)
    by_student = _by_student(results, facts["students"], known, facts["notebooks"])
    return Class(by_student, facts["notebooks"], facts["in_force"], facts["level"], len(results))


def walls(wanted: str = "") -> tuple[str, list[str]]:
    """What holds around a learner's code on this machine.

    Raises
    ------
    RuntimeError
        If it is less than what is wanted, or if no process for learners' code starts at all.
    """
    from autograder.grading import sandbox

    with Session() as trial:
        level, in_force = trial.level, trial.in_force
    if wanted:
        sandbox.require(in_force, wanted)
    return level, in_force


def write_report(whole: Class, out: Path, known: dict[str, Assignment]) -> list[Path]:
    """Write the page of the class and the tables; the paths of all that was written."""
    from autograder.grading import sandbox

    pairs = alike([r for r in whole.results if r.handed], known)
    said = sandbox.sentence(whole.in_force) if whole.level else ""
    files = {
        "index.html": feedback.class_page(whole.by_student, whole.notebooks, pairs, said),
        "grades.csv": table.to_csv(whole.results),
        "totals.csv": table.totals(whole.by_student, whole.notebooks),
        "similar.csv": table.pairs(pairs),
        **table.for_platforms(whole.by_student, known),
    }
    for name, text in files.items():
        write_atomic(out / name, text)
    return [out / name for name in files]


def write_feedback(whole: Class, out: Path, known: dict[str, Assignment]) -> list[Path]:
    """Write a page for each student; the paths of all of them."""
    paths = []
    for student, mine in whole.by_student.items():
        paths.append(out / "feedback" / f"{student}.html")
        write_atomic(paths[-1], feedback.student_page(student, mine, known))
    return paths


class _Writer:
    """The one that writes into the gradebook, several results at a time."""

    def __init__(self, book: Gradebook, kept: Records, known: dict[str, Assignment]) -> None:
        self._book, self._kept, self._known = book, kept, known
        self._open: list[Result] = []
        self._since = time.monotonic()

    def add(self, result: Result, entered: bool = False) -> None:
        if not (result.file and result.notebook):
            return
        self._book.add(result, entered)
        if entered:
            return
        self._book.add_notebook(result, self._known[result.notebook])
        self._open.append(result)
        if len(self._open) >= 20 or time.monotonic() - self._since > 2:
            self.commit()

    def commit(self) -> None:
        """Commit, and only then note what the gradebook has: after a kill the rest is entered once more."""
        self._book.commit()
        for result in self._open:
            self._kept.entered(result)
        self._open, self._since = [], time.monotonic()


def _judged(
    tasks: list[Task], key: bytes, limits: Limits, workers: int, cluster: str, keep: Callable[[int, Result], None]
) -> Generator[tuple[int, Result], None, None]:
    if cluster:
        from autograder.grading.cluster import grade_all as on_cluster

        return _kept(on_cluster(tasks, key, limits, cluster), keep)
    if workers > 1 and len(tasks) > 1:
        return grade_all(tasks, key, limits, workers, keep)
    return _kept(((i, surely(grade, task, Seeds(key), limits)) for i, task in enumerate(tasks)), keep)


def _kept(
    graded: Iterable[tuple[int, Result]], keep: Callable[[int, Result], None]
) -> Generator[tuple[int, Result], None, None]:
    for position, result in graded:
        keep(position, result)
        yield position, result


def _shown(graded: Iterable[Any], total: int, progress: bool) -> Iterable[Any]:
    if not progress or not total:
        return graded
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return _counted(graded, total)
    bar: Any = tqdm(graded, total=total, desc="grading", unit="notebook", file=sys.stderr)
    return bar


def _counted(graded: Iterable[Any], total: int) -> Iterator[Any]:
    for n, result in enumerate(graded, 1):
        print(f"\rgrading: {n} of {total}", end="\n" if n == total else "", file=sys.stderr, flush=True)
        yield result


def _by_student(
    results: list[Result], everybody: list[str], known: dict[str, Assignment], notebooks: list[str]
) -> dict[str, list[Result]]:
    """Order the results, and say of every student what was not handed in."""
    by_student: dict[str, list[Result]] = {name: [] for name in sorted({*everybody, *(r.student for r in results)})}
    for result in results:
        by_student[result.student].append(result)
    for student, mine in by_student.items():
        for name in notebooks:
            if not any(r.notebook == name for r in mine):
                scores = [Score(i.cell, i.identifier, 0.0, i.points, NOT_HANDED_IN) for i in known[name].items]
                mine.append(Result(student, name, scores=scores, notes=[NOT_HANDED_IN]))
        mine.sort(key=lambda r: (r.notebook or "~", r.file))
    return by_student
