"""The command: see the package's docstring."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from . import collect, scope, shim

VERDICTS = ("passed", "failed", "out of scope")


def main() -> int:
    """Run the areas one after the other, each in a process of its own, and print how the tests ended."""
    parser = argparse.ArgumentParser(prog="python -m tests.keras_suite", description="Keras' tests, run on minifit.")
    parser.add_argument("area", nargs="*", help=f"of {', '.join(scope.AREAS)}; or a file such as losses/loss_test.py")
    parser.add_argument("-k", metavar="EXPRESSION", default="", help="only tests whose names match, as in pytest")
    parser.add_argument("-v", action="store_true", help="print the failing tests, each with its error")
    parser.add_argument("-s", action="store_true", help="print also the tests out of scope, each with its reason")
    parser.add_argument("-l", "--list-failures", metavar="FILE", help="write the failing tests and their errors there")
    parser.add_argument("--trace", action="store_true", help="show pytest's own output, with tracebacks")
    parser.add_argument("--limit", type=int, default=60, metavar="SECONDS", help="the longest a test may take")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.into:
        outcomes = collect.run(options.area, options.k, options.limit, options.trace)
        Path(options.into).write_text(json.dumps(outcomes), encoding="utf-8")
        return 0
    if shim.keras_source() is None:
        parser.error("Keras is not installed, and its tests come with it: pip install keras==3.15.1 absl-py")
    areas = {area: files_of(parser, area) for area in options.area or scope.AREAS}
    found = {area: in_a_process(files, options.k, options.limit, options.trace) for area, files in areas.items()}
    print(table(found))
    for verdict, wanted in (("failed", options.v), ("out of scope", options.s)):
        if wanted:
            print(f"\n{verdict}:\n" + listing(found, verdict))
    if options.list_failures:
        Path(options.list_failures).write_text(listing(found, "failed"), encoding="utf-8")
    return int(any(o.verdict == "failed" for outcomes in found.values() for o in outcomes))


def files_of(parser: argparse.ArgumentParser, area: str) -> list[str]:
    """Return the test files of an area, of a group of areas ("layers"), or the one file that was named."""
    group = [file for name, files in scope.AREAS.items() if name.partition("-")[0] == area for file in files]
    if area in scope.AREAS or group:
        return scope.AREAS.get(area) or group
    if not area.endswith("_test.py"):
        parser.error(f"area expects one of {', '.join(scope.AREAS)}, or a file like losses/loss_test.py; got {area!r}.")
    return [area]


def in_a_process(files: list[str], expression: str = "", limit: int = 60, show: bool = False) -> list[collect.Outcome]:
    """Run test files in a process of their own: what they change for all, ends with it."""
    with tempfile.TemporaryDirectory() as folder:
        into = Path(folder) / "outcomes.json"
        command = [sys.executable, "-m", "tests.keras_suite", *files, "-k", expression, "--limit", str(limit)]
        command += ["--trace"] * show
        done = subprocess.run(
            [*command, "--into", str(into)],
            stdout=None if show else subprocess.PIPE,
            stderr=None if show else subprocess.STDOUT,
            text=True,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        if not into.exists():
            why = f"the process ended with {done.returncode}: {(done.stdout or '')[-2000:]}"
            return [collect.Outcome(file, "failed", why) for file in files]
        return [collect.Outcome(*outcome) for outcome in json.loads(into.read_text(encoding="utf-8"))]


def table(found: dict[str, list[collect.Outcome]]) -> str:
    """Return the counts by area as a table."""
    rows = [("area", *VERDICTS, "total")]
    for area, outcomes in [*found.items(), ("all", [o for each in found.values() for o in each])]:
        counts = Counter(outcome.verdict for outcome in outcomes)
        rows.append((area, *(str(counts[verdict]) for verdict in VERDICTS), str(len(outcomes))))
    width = max(len(row[0]) for row in rows)
    return "\n".join(f"{row[0]:<{width}} " + " ".join(f"{cell:>12}" for cell in row[1:]) for row in rows)


def listing(found: dict[str, list[collect.Outcome]], verdict: str) -> str:
    """Return the tests that ended so, each with the reason."""
    chosen = [o for outcomes in found.values() for o in outcomes if o.verdict == verdict]
    return "".join(f"{outcome.test}\n    {outcome.why}\n" for outcome in chosen)


if __name__ == "__main__":
    sys.exit(main())
