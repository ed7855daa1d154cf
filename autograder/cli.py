"""The ``minifit`` command."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from autograder import paths


def _build(options: argparse.Namespace) -> int:
    from autograder import build

    course = paths.course_folder()
    known = build.sources()
    chosen = [build.find_source(name) for name in options.notebooks] if options.notebooks else known
    stale = [] if options.notebooks else build.orphans(course, known)
    failed = False
    for source in chosen:
        built = build.build_one(source)
        for text in built.problems:
            print(f"{built.name}: {text}", file=sys.stderr)
        for text in built.warnings:
            print(f"{built.name}: warning: {text}", file=sys.stderr)
        if built.problems:
            failed = True
            continue
        if options.check:
            lines = build.differences(built, course / built.name)
            failed = failed or bool(lines)
        else:
            lines = build.write(built, course / built.name)
        print("\n".join(lines) if lines else f"{built.name}: up to date")
    for folder in stale:
        failed = True
        print(f"{folder.name}: course/ has it, solutions/ does not; remove it", file=sys.stderr)
    return 1 if failed else 0


def parser() -> argparse.ArgumentParser:
    """The command line as argparse understands it."""
    top = argparse.ArgumentParser(prog="minifit")
    verbs = top.add_subparsers(dest="verb", required=True)
    build = verbs.add_parser("build")
    build.add_argument("notebooks", nargs="*")
    build.add_argument("--check", action="store_true")
    build.set_defaults(run=_build)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    options = parser().parse_args(arguments)
    from autograder.build import BuildError

    try:
        return options.run(options)
    except (BuildError, FileNotFoundError) as error:
        print(f"minifit {options.verb}: {error}", file=sys.stderr)
        return 2
