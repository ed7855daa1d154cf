"""Grading a class: `minifit grade` beside plain `nbgrader autograde`, and what kills in the middle do to it.

    python -m benchmarks.grading                            30 students × 2 notebooks, three routes in one run
    python -m benchmarks.grading --kill 10 --students 300   killed ten times with SIGKILL, resumed, compared

All routes grade the same files on the same machine, one after the other: plain nbgrader with no configuration of
ours, the same command with our repair step and forked executor, and `minifit grade` with two judges.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from autograder import build
from autograder.grading.assignment import assignments
from autograder.grading.gradebook import CONFIG, Gradebook

PLAIN = "\n".join(CONFIG.split("# nbgrader's own autograde")[0].splitlines()) + "\n"


def make_class(folder: Path, students: int, names: list[str]) -> None:
    """Write submissions of honest work: right, wrong in known ways, half done, untouched."""
    path = Path(__file__).parents[1] / "tests" / "submissions" / "make.py"
    spec = importlib.util.spec_from_file_location("make", path)
    assert spec is not None
    assert spec.loader is not None
    make: Any = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make)
    for name in names:
        source = build.find_source(name)
        full, empty = make.solved(source), make.released(source)
        kinds = [full, make.all_but_one(full, empty), empty, *(make.with_mistakes(full, n) for n in range(4))]
        for number in range(students):
            target = folder / f"s{number:03d}" / source.stem / f"{source.stem}.ipynb"
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(json.dumps(kinds[number % len(kinds)], indent=1), encoding="utf-8")


def grade(submitted: Path, out: Path, *more: str) -> list[str]:
    """The command that grades a class."""
    words = ["grade", str(submitted), "--out", str(out), "--workers", "2", "--no-progress", *more]
    return [sys.executable, "-m", "autograder", *words]


def timed(words: list[str], folder: Path, log: Path) -> float:
    """Run a command to its end; the seconds it took."""
    start = time.perf_counter()
    with log.open("ab") as file:
        subprocess.run(words, cwd=folder, env=_environment(folder), stdout=file, stderr=file, check=True)
    return time.perf_counter() - start


def _environment(folder: Path) -> dict[str, str]:
    names = {"HOME": "home", "IPYTHONDIR": "ipython", "JUPYTER_RUNTIME_DIR": "runtime"}
    package = str(Path(__file__).parents[1])
    return os.environ | {name: str(folder / below) for name, below in names.items()} | {"PYTHONPATH": package}


def scores(folder: Path) -> dict[tuple[str, str], float]:
    """(student, assignment) → points, as nbgrader's export has them."""
    words = [sys.executable, "-m", "nbgrader", "export", "--to", "export.csv"]
    subprocess.run(words, cwd=folder, env=_environment(folder), capture_output=True, check=True)
    with (folder / "export.csv").open(encoding="utf-8", newline="") as file:
        return {(row["student_id"], row["assignment"]): float(row["score"]) for row in csv.DictReader(file)}


def side_by_side(room: Path, students: int, names: list[str]) -> None:
    """Grade one class by three routes and print what each took."""
    make_class(room / "submitted", students, names)
    stems = [build.find_source(name).stem for name in names]
    seconds: dict[str, float] = {}
    points: dict[str, dict[tuple[str, str], float]] = {}
    log = room / "log.txt"
    for route in ("minifit grade", "nbgrader with our plug-ins", "nbgrader plain"):
        folder = room / route.replace(" ", "-")
        if route == "minifit grade":
            seconds[route] = timed(grade(room / "submitted", folder), room, log)
        else:
            with Gradebook(folder) as book:
                book.add_assignments(assignments()[stem] for stem in stems)
            if route == "nbgrader plain":
                (folder / "nbgrader_config.py").write_text(PLAIN, encoding="utf-8")
            shutil.copytree(room / "submitted", folder / "submitted")
            runs = ([sys.executable, "-m", "nbgrader", "autograde", stem] for stem in stems)
            seconds[route] = sum(timed(words, folder, log) for words in runs)
        points[route] = {key: value for key, value in scores(folder).items() if key[1] in stems}
        print(f"{route:<28}{seconds[route]:8.1f} s", flush=True)
    ours = points["minifit grade"]
    for route, theirs in points.items():
        differ = sum(ours.get(key) != value for key, value in theirs.items())
        ratio = seconds[route] / seconds["minifit grade"]
        print(f"{route:<28}{ratio:8.1f} × minifit grade; {differ} of {len(theirs)} scores differ")


def killed(room: Path, students: int, names: list[str], times: int, seed: int) -> None:
    """Grade a class undisturbed, then again with kills at random moments, and compare the gradebooks."""
    make_class(room / "submitted", students, names)
    (room / "secret").write_text("a secret for both runs\n", encoding="utf-8")
    log, same = room / "log.txt", ("--secret-file", str(room / "secret"))
    whole = timed(grade(room / "submitted", room / "whole", *same), room, log)
    print(f"undisturbed: {whole:.1f} s for {students * len(names)} notebooks", flush=True)
    rng = random.Random(seed)
    command = grade(room / "submitted", room / "torn", "--resume", *same)
    before = 0
    for number in range(times):
        with log.open("ab") as file:
            process = subprocess.Popen(command, cwd=room, env=_environment(room), stdout=file, stderr=file)
        time.sleep(rng.uniform(3.0, 3.0 + 2 * whole / times))
        ended = process.poll() is not None
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = len(list((room / "torn" / ".results").glob("*/*.json")))
        print(f"kill {number + 1}: {'had ended' if ended else 'killed'}, {done} graded", flush=True)
        if done < before:
            raise SystemExit("grades were lost")
        before = done
    rest = timed(command, room, log)
    print(f"the rest: {rest:.1f} s")
    one, two = (contents(room / name / "gradebook.db") for name in ("whole", "torn"))
    print("gradebooks identical" if one == two else f"{len(one ^ two)} rows differ", f"({len(one)} rows)")
    if one != two:
        raise SystemExit(1)


def contents(path: Path) -> set[tuple[Any, ...]]:
    """All grades and comments in a gradebook, without the random ids of its rows."""
    book = sqlite3.connect(path)
    query = """
        select student.id, assignment.name, base_cell.name, {what}
        from {table} join submitted_notebook on {table}.notebook_id = submitted_notebook.id
        join submitted_assignment on submitted_notebook.assignment_id = submitted_assignment.id
        join student on submitted_assignment.student_id = student.id
        join assignment on submitted_assignment.assignment_id = assignment.id
        join base_cell on {table}.cell_id = base_cell.id"""
    grades = book.execute(
        query.format(table="grade", what="auto_score, manual_score, needs_manual_grade, extra_credit")
    )
    comments = book.execute(query.format(table="comment", what="auto_comment, manual_comment"))
    return {("grade", *row) for row in grades} | {("comment", *row) for row in comments}


def main() -> None:
    parser = argparse.ArgumentParser(description="Time the grading of a class of made-up students.")
    parser.add_argument("--students", type=int, default=30)
    parser.add_argument("--notebooks", nargs="+", default=["01", "04"])
    parser.add_argument("--kill", type=int, default=0, metavar="N", help="kill it N times and compare gradebooks")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="minifit-class-") as folder:
        if options.kill:
            killed(Path(folder), options.students, options.notebooks, options.kill, options.seed)
        else:
            side_by_side(Path(folder), options.students, options.notebooks)


if __name__ == "__main__":
    main()
