"""The instructor's verbs of the command line: release, collect, grade, feedback, report."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

Verb = Callable[..., argparse.ArgumentParser]  # cli.parser's maker of one verb

_LAYOUTS = (
    "<student>/<assignment>/<notebook>.ipynb as nbgrader collects them, <student>/<notebook>.ipynb, "
    "<student>_<notebook>.ipynb, or zip files as Canvas and Moodle give them to download"
)


class Refused(Exception):
    """The command cannot be carried out as given; the text says what to do."""


def add(verb: Verb, seconds: Callable[[str], float], count: Callable[[str], int]) -> None:
    """Put the verbs on the command line."""
    one = verb(
        "release",
        _release,
        "make the assignments that students get",
        "Gives nbgrader's folders source/ and release/, or one zip file; no solution and no secret is in them.",
        "minifit release 01 04 --to my-course --zip for-students.zip",
    )
    one.add_argument("notebooks", nargs="*", help="which, such as 04 or losses (default: all)")
    one.add_argument("--to", metavar="COURSE", help="nbgrader's course folder, made when missing")
    one.add_argument("--zip", metavar="FILE", help="also, or only, a zip file to upload")

    one = verb(
        "collect",
        _collect,
        "lay submissions where nbgrader looks for them",
        "For `nbgrader autograde` and the formgrader; `minifit grade` needs it not.",
        "minifit collect submissions.zip --to my-course",
    )
    one.add_argument("folder", help=_LAYOUTS)
    one.add_argument("--to", metavar="COURSE", required=True, help="nbgrader's course folder")

    _add_grade(verb, seconds, count)

    for name, line in (
        ("feedback", "write the students' pages again"),
        ("report", "write the class page and tables again"),
    ):
        one = verb(
            name,
            _feedback if name == "feedback" else _report,
            line,
            "With the points and comments given in the formgrader since; nothing is run again.",
            f"minifit {name} graded",
        )
        one.add_argument("out", help="the folder of grades, as minifit grade made it")


def _add_grade(verb: Verb, seconds: Callable[[str], float], count: Callable[[str], int]) -> None:
    one = verb(
        "grade",
        _grade,
        "grade a folder of submissions",
        "Gives nbgrader's gradebook, tables and pages of feedback. No broken notebook stops the others.",
        "minifit grade submitted --out graded",
    )
    one.add_argument("folder", help=_LAYOUTS)
    one.add_argument("--out", metavar="OUT", help="where the grades go (default: FOLDER-graded, beside it)")
    one.add_argument(
        "--secret-file",
        metavar="FILE",
        help="the secret that test cases are drawn from (default: OUT/secret, made at random); "
        "the same secret gives the same grades",
    )
    again = one.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with a run that was stopped; what it did stands")
    again.add_argument("--changed", action="store_true", help="grade only what is new or has changed")
    one.add_argument("--workers", type=count, help="submissions at a time (default: one a processor, at most 8)")
    one.add_argument("--cluster", metavar="ADDRESS", default="", help="judge on a Dask cluster, tcp://HOST:8786")
    one.add_argument(
        "--timeout",
        type=seconds,
        default=10.0,
        metavar="S",
        help="seconds a cell or one case may take; a whole notebook gets six times as long (default: 10)",
    )
    one.add_argument("--memory", type=_megabytes, metavar="MB", help="memory a notebook may use (default: 4096)")
    one.add_argument("--limits", metavar="FILE", help="all limits, by notebook and by cell, in a TOML file")
    one.add_argument(
        "--require-sandbox",
        nargs="?",
        const="full",
        default="",
        choices=("kernel", "full"),
        help="refuse to grade behind lower walls than these (default when given: full)",
    )
    one.add_argument(
        "--init",
        action="store_true",
        help="make FOLDER an nbgrader course in which `nbgrader autograde` and the formgrader repair and confine "
        "submissions as minifit does; nothing is graded",
    )
    one.add_argument("--no-progress", dest="progress", action="store_false", help="no progress bar")


def _megabytes(text: str) -> int:
    value = int(text)
    if not 64 <= value <= 2**20:
        raise argparse.ArgumentTypeError(f"expected megabytes from 64 to 1048576, got {text}")
    return value * 2**20


def _chosen(names: list[str]) -> list[Any]:
    from autograder.grading.assignment import assignments

    known = assignments()
    found = []
    for name in names or known:
        wanted = name.zfill(2) if name.isdigit() else name
        some = [a for k, a in known.items() if wanted in (k, k[:2], k[3:])]
        if not some:
            raise Refused(f"no notebook called {name!r}; there are {', '.join(known)}")
        found += some
    return found


def _release(options: argparse.Namespace) -> int:
    from autograder.grading.releasing import release, zipped

    if not (options.to or options.zip):
        raise Refused("say where to: --to COURSE for nbgrader's folders, --zip FILE for one file to upload")
    chosen = _chosen(options.notebooks)
    if options.to:
        release(chosen, Path(options.to))
        print(f"{len(chosen)} in {Path(options.to) / 'release'}; with nbgrader's exchange go on there with:")
        print(f"  nbgrader release_assignment {chosen[0].name}")
    if options.zip:
        zipped(chosen, Path(options.zip))
        print(f"{len(chosen)} in {options.zip}")
    return 0


def _collect(options: argparse.Namespace) -> int:
    from autograder.grading.releasing import collect

    for line in collect(Path(options.folder), Path(options.to)):
        print(line)
    return 0


def _grade(options: argparse.Namespace) -> int:
    from autograder.grading.batch import grade_folder
    from autograder.grading.limits import Limits
    from autograder.grading.secret import SecretError
    from autograder.grading.submissions import NoSubmissions

    folder = Path(options.folder)
    if options.init:
        from autograder.grading.releasing import release

        release(_chosen([]), folder)
        print(f"{folder} is an nbgrader course now: put submissions in with `minifit collect`, then, in there,")
        print("  nbgrader autograde NOTEBOOK     or the formgrader's button")
        return 0
    out = Path(options.out) if options.out else _beside(folder)
    if options.limits:
        try:
            limits = Limits.load(Path(options.limits))
        except ValueError as error:
            raise Refused(str(error)) from error
    else:
        limits = Limits(options.timeout, 6 * options.timeout)
        limits = Limits(options.timeout, 6 * options.timeout, memory=options.memory or limits.memory)
    secret_file = Path(options.secret_file) if options.secret_file else None
    try:
        whole = grade_folder(
            folder,
            out,
            secret_file,
            options.workers,
            limits,
            progress=options.progress and sys.stderr.isatty(),
            reuse="run" if options.resume else "all" if options.changed else "",
            sandbox=options.require_sandbox,
            cluster=options.cluster,
        )
    except (NoSubmissions, SecretError) as error:
        raise Refused(str(error)) from error
    _tell(whole)
    print(f"Pages: {out / 'index.html'}\nTable: {out / 'grades.csv'}\nGradebook: {out / 'gradebook.db'}")
    return 0


def _beside(folder: Path) -> Path:
    whole = folder.resolve()
    return whole.parent / f"{whole.stem if whole.suffix == '.zip' else whole.name}-graded"


def _tell(whole: Any) -> None:
    from autograder.grading import sandbox

    width = max(len(name) for name in whole.by_student)
    for student, results in whole.by_student.items():
        points, most = sum(r.points for r in results), sum(r.most for r in results)
        later, late = sum(r.waiting for r in results), sum(r.penalty for r in results)
        more = f", {later:g} by hand" if later else ""
        print(f"{student:<{width}}  {points:g} of {most:g}{more}" + (f", {late:g} off for being late" if late else ""))
    for result in whole.results:
        for note in result.notes if result.file else ():
            print(f"{result.student}, {result.notebook or result.file}: {note}")
    if whole.reused:
        print(f"{whole.reused} of {sum(bool(r.file) for r in whole.results)} stood from an earlier run.")
    print(sandbox.sentence(whole.in_force))


def _feedback(options: argparse.Namespace) -> int:
    from autograder.grading.assignment import assignments
    from autograder.grading.batch import write_feedback

    whole = _before(Path(options.out))
    pages = write_feedback(whole, Path(options.out), assignments())
    print(f"{len(pages)} pages in {Path(options.out) / 'feedback'}")
    return 0


def _report(options: argparse.Namespace) -> int:
    from autograder.grading.assignment import assignments
    from autograder.grading.batch import write_report

    whole = _before(Path(options.out))
    for path in write_report(whole, Path(options.out), assignments()):
        print(path)
    return 0


def _before(out: Path) -> Any:
    from autograder.grading.batch import graded_before
    from autograder.grading.submissions import NoSubmissions

    try:
        return graded_before(out)
    except NoSubmissions as error:
        raise Refused(str(error)) from error
