"""The ``minifit`` command. Each verb is a few lines over the module that does it.

Exit codes: 0 all is well, 1 the answer is "no" (something wrong, something differs), 2 the command could not be
carried out as given.
"""

from __future__ import annotations

import argparse
import os
import sys
import textwrap
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from autograder import lab, paths
from autograder.build import BuildError
from autograder.grading import commands


class UsageError(Exception):
    """The command line asks for something that is not there; the text says what is."""


def _lab(options: argparse.Namespace) -> int:
    folder = (Path(options.dir) if options.dir else lab.find_working_copy()).expanduser().resolve()
    words = lab.command(folder, lab.first_notebook(folder, options.notebook), options.port, options.browser)
    changes = lab.hand_out(folder)
    if not (folder / lab.STATE).is_dir():
        raise UsageError(f"{folder} could not be made")
    new = [c.name for c in changes if c.kind == "new"]
    if new:
        print(f"{len(new)} new in {folder}: {', '.join(new)}")
    for change in changes:
        if change.kind == "updated":
            print(f"{change.name}: brought up to date (you had not touched it)")
        elif change.kind == "beside":
            print(f"{change.name}: yours is kept; the newer edition is beside it as {change.beside}")
    print(f"Your working copy: {folder}")
    return lab.open_lab(words, folder)


def _check(options: argparse.Namespace) -> int:
    from autograder.grading import terminal

    folder, what = _folder_of(options), options.what
    what = str(Path(what).resolve()) if what and Path(what).exists() else what
    _use_working_copy(options, say=False)
    try:
        files = terminal.notebooks(what, folder)
    except terminal.NothingToCheck as error:
        raise UsageError(str(error)) from error
    return terminal.check(files, options.timeout)


def _hint(options: argparse.Namespace) -> int:
    from autograder.notebook import show_hint

    _use_working_copy(options)
    _known(options.exercise)
    show_hint(options.exercise, f"minifit hint {options.exercise}", f"minifit solution {options.exercise}")
    return 0


def _solution(options: argparse.Namespace) -> int:
    from autograder.answers import solution_of
    from autograder.notebook import show_solution

    found = _use_working_copy(options)
    _known(options.exercise)
    if found:
        show_solution(options.exercise, f"minifit hint {options.exercise}", "give this command once more")
    else:  # nobody remembers that it was asked before
        print(solution_of(options.exercise))
    return 0


def _progress(options: argparse.Namespace) -> int:
    from autograder import progress

    _use_working_copy(options)
    print(progress())
    return 0


def _folder_of(options: argparse.Namespace) -> Path:
    return Path(options.dir).expanduser().resolve() if options.dir else lab.find_working_copy()


def _use_working_copy(options: argparse.Namespace, say: bool = True) -> bool:
    """Use the working copy that is named, that this is in, or that lies here; say so where there is none."""
    folder = _folder_of(options)
    if (folder / lab.STATE).is_dir():
        if options.dir:
            os.environ["MINIFIT_HOME"] = str(folder)
            os.chdir(folder)
        os.environ.setdefault("MINIFIT_HOME", str(folder))
        return True
    if options.dir:
        raise UsageError(f"{folder} is no working copy; make one with: minifit lab --dir {options.dir}")
    if say and not os.environ.get("MINIFIT_HOME"):
        print(
            f"No working copy here (looked in {Path.cwd()} and above), so nothing of yours is known.\n"
            f"Go to it with cd, or name it: minifit {options.verb} ... --dir FOLDER\n"
        )
    return bool(os.environ.get("MINIFIT_HOME"))


def _known(identifier: str) -> None:
    from autograder.exercise import get

    try:
        get(identifier)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _build(options: argparse.Namespace) -> int:
    from autograder import build

    if paths.checkout() is None:
        raise UsageError("this works in a checkout of the repository; here the notebooks are already built")
    course = paths.course_folder()
    known = build.sources()
    chosen = [build.find_source(name) for name in options.notebooks] if options.notebooks else known
    failed = False
    everything = [build.build_one(source) for source in chosen]
    for text in build.clashes(everything):
        failed = True
        print(text, file=sys.stderr)
    for built in everything:
        for text in built.problems:
            print(f"{built.name}: {text}", file=sys.stderr)
        for text in built.warnings:
            print(f"{built.name}: warning: {text}", file=sys.stderr)
        if built.problems:
            failed = True
            continue
        folder = course / built.name
        lines = build.differences(built, folder) if options.check else build.write(built, folder)
        failed = failed or (options.check and bool(lines))
        print("\n".join(lines) if lines else f"{built.name}: up to date")
    problems, lines = build.build_glossary(paths.solutions_folder(), course, change=not options.check)
    failed = failed or bool(problems) or (options.check and bool(lines))
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    print(*lines, sep="\n", end="\n" if lines else "")
    for stale in [] if options.notebooks else build.orphans(course, known):
        failed = True
        print(f"{stale.name}: course/ has it, solutions/ does not; remove it", file=sys.stderr)
    return 1 if failed else 0


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 < value < 86_400:
        raise argparse.ArgumentTypeError(f"expected seconds between 0 and 86400, got {text}")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 64:
        raise argparse.ArgumentTypeError(f"expected a number from 1 to 64, got {text}")
    return value


def parser() -> argparse.ArgumentParser:
    """The command line as argparse understands it."""
    top = argparse.ArgumentParser(
        prog="minifit",
        description="Rebuild Keras' model.fit() in notebooks: open the course, check your work, grade a class.",
        epilog="Each verb has its own help: minifit lab --help",
    )
    top.add_argument("--version", action="version", version=f"minifit {_version()}")
    verbs = top.add_subparsers(dest="verb", metavar="VERB")

    def verb(name: str, run: object, line: str, text: str, example: str) -> argparse.ArgumentParser:
        one = verbs.add_parser(
            name,
            help=line,
            description=textwrap.fill(f"{line[0].upper()}{line[1:]}. {text}", 78, break_on_hyphens=False),
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        one.set_defaults(run=run)
        return one

    def working_copy(one: argparse.ArgumentParser) -> None:
        one.add_argument("--dir", metavar="FOLDER", help="your working copy (default: the one you are in)")

    one = verb(
        "lab",
        _lab,
        "open the course in JupyterLab",
        "You work in a folder of your own, minifit-course. A notebook that you have touched is never overwritten; "
        "delete it to get it fresh.",
        "minifit lab --dir ~/minifit-course",
    )
    one.add_argument("notebook", nargs="?", help="which to open, such as 04 or losses (default: the first)")
    one.add_argument("--dir", metavar="FOLDER", help=f"your working copy (default: ./{lab.FOLDER})")
    one.add_argument("--no-browser", dest="browser", action="store_false", help="print the address instead")
    one.add_argument("--port", type=int, help="port to listen on (default: JupyterLab's, or the next free one)")

    one = verb(
        "check",
        _check,
        "check your notebooks in the terminal",
        "Runs the cells you filled, then every check. Exit code 0 when all is right, 1 when something is not. "
        "What passes is kept in mine/, as the check in the notebook keeps it.",
        "minifit check 04_losses.ipynb",
    )
    one.add_argument("what", nargs="?", help="a notebook, its number, or a folder (default: your working copy)")
    working_copy(one)
    one.add_argument("--timeout", type=_seconds, default=10.0, help="seconds a cell may run (default: 10)")

    one = verb(
        "hint",
        _hint,
        "show the next hint for an exercise",
        "Each call gives one more.",
        "minifit hint losses.log_softmax",
    )
    one.add_argument("exercise", help="its identifier, as in check(...)")
    working_copy(one)

    one = verb(
        "solution",
        _solution,
        "show the solved cell of an exercise",
        "Try first; it asks once.",
        "minifit solution loop.mse",
    )
    one.add_argument("exercise", help="its identifier, as in check(...)")
    working_copy(one)

    one = verb(
        "progress", _progress, "show which exercises have passed", "Reads your working copy.", "minifit progress"
    )
    working_copy(one)

    commands.add(verb, _seconds, _count)

    one = verb(
        "build",
        _build,
        "make course/ from solutions/",
        "For authors, in a checkout.",
        "minifit build 04 && minifit build --check",
    )
    one.add_argument("notebooks", nargs="*", help="which, such as 04 or losses (default: all)")
    one.add_argument("--check", action="store_true", help="change nothing; exit 1 when course/ is out of date")
    return top


def _version() -> str:
    try:
        return metadata.version("minifit")
    except metadata.PackageNotFoundError:
        return "(not installed)"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments : sequence of str, optional
        By default those of the process.

    Returns
    -------
    int
        The exit code.
    """
    top = parser()
    options = top.parse_args(arguments)
    if options.verb is None:
        top.print_help()
        return 2
    try:
        code = options.run(options)
        sys.stdout.flush()
        return code
    except (UsageError, commands.Refused, BuildError, lab.LabError, FileNotFoundError, RuntimeError) as error:
        print(f"minifit {options.verb}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"\nminifit {options.verb}: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:  # whoever read along, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
