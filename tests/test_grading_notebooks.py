"""Every notebook of the course, graded as it is handed out and as it is solved: nothing, and every point."""

import importlib.util
import json
from pathlib import Path

import pytest

from autograder import build
from autograder.grading import secret
from autograder.grading.assignment import Assignment
from autograder.grading.grader import grade
from autograder.grading.limits import Limits
from autograder.grading.submissions import Submission

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)


def graded(folder, source, notebook, key):
    name = source.stem
    released = folder / name / f"{name}.ipynb"
    released.parent.mkdir(exist_ok=True)
    released.write_text(json.dumps(make.released(source)), encoding="utf-8")
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    seeds = lambda identifier: secret.seed(key, identifier)  # noqa: E731
    return grade(Submission("ada", name, path), Assignment(name, released), seeds, Limits(step=30.0, notebook=120.0))


@pytest.mark.parametrize("source", build.sources(), ids=lambda path: path.stem)
def test_a_solved_notebook_earns_every_point_and_an_untouched_one_none(tmp_path, source):
    for key in (b"the secret of these tests", b"another secret"):
        solved = graded(tmp_path, source, make.solved(source), key)
        told = [f"{s.identifier}: {s.message}" for s in solved.scores if s.status != "right" and not s.by_hand]
        assert (told, solved.notes) == ([], [])
        assert solved.points + solved.waiting == solved.most
    untouched = graded(tmp_path, source, make.released(source), key)
    assert {s.status for s in untouched.scores} <= {"not attempted", "no response"}
    assert untouched.points == untouched.waiting == 0
