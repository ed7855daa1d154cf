"""`minifit grade`: whatever is handed in, each student gets what their work is worth, and the others theirs."""

import csv
import importlib.util
import json
import math
import os
import re
import shutil
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from autograder import build, cells, cli, exercise
from autograder.grading import batch, feedback, secret, table, wire
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.gradebook import Gradebook
from autograder.grading.grader import Limits, grade
from autograder.grading.reading import Unreadable, read
from autograder.grading.results import Result, Score
from autograder.grading.session import Died, Session
from autograder.grading.submissions import NoSubmissions, Submission, find

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

KNOWN = ("00_orientation", "01_the_loop_in_twelve_lines", "04_losses")
LOSSES = build.find_source("04_losses")
SHORT = Limits(step=5.0, notebook=40.0)


@pytest.fixture(scope="module")
def losses():
    """The released notebook 04."""
    return assignments()["04_losses"]


@pytest.fixture(scope="module")
def full():
    """Notebook 04 with everything right."""
    return make.solved(LOSSES)


@pytest.fixture(autouse=True, scope="module")
def quick_gradebooks():
    """nbgrader asks another program for the same number at every new gradebook, for seconds: ask once."""
    import functools

    import nbgrader.api

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nbgrader.api, "get_alembic_version", functools.cache(nbgrader.api.get_alembic_version))
        yield


def seeds(identifier):
    return secret.seed(b"the secret of these tests", identifier)


def handed_in(folder, notebook, name="04_losses"):
    path = folder / f"{name}.ipynb"
    path.write_text(notebook if isinstance(notebook, str) else json.dumps(notebook), encoding="utf-8")
    return Submission("ada", name, path)


def graded(folder, notebook, assignment, limits=SHORT):
    return grade(handed_in(folder, notebook), assignment, seeds, limits)


def by_exercise(result):
    return {score.identifier: score for score in result.scores}


# What crosses between judge and worker


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        3,
        -0.0,
        2.5,
        "text \u0000 \ud800"[:6],
        [1, [2.0, None]],
        (1, 2),
        {"a": (1,), 2: [3]},
        np.float32(1.5),
        np.int64(7),
        np.bool_(True),
        np.zeros((0, 3)),
        np.arange(6.0).reshape(2, 3).T,
        np.array(["a", "bc"]),
        np.array(1 + 2j),
    ],
    ids=repr,
)
def test_what_is_sent_arrives_as_it_was(value):
    got = wire.unpack(json.loads(json.dumps(wire.pack(value))))
    assert type(got) is type(value)
    if isinstance(value, np.ndarray | np.generic):
        assert (got.dtype, got.shape) == (value.dtype, value.shape)
        assert got.tobytes() == value.tobytes()
    else:
        assert got == value


def test_nan_and_infinity_arrive():
    got = wire.unpack(json.loads(json.dumps(wire.pack([math.nan, math.inf, -math.inf]))))
    assert math.isnan(got[0])
    assert got[1:] == [math.inf, -math.inf]


def test_objects_do_not_cross_only_their_names():
    class Odd:
        def __repr__(self):
            raise RuntimeError

    endless = []
    endless.append(endless)
    for value in (Odd(), lambda: 0, np.array([object()]), np.zeros(2, dtype=[("a", "i4")]), 10**5000, {1, 2}):
        assert isinstance(wire.unpack(json.loads(json.dumps(wire.pack(value)))), wire.Foreign)
    json.dumps(wire.pack(endless))
    assert type(wire.unpack(wire.pack(Odd()))).__name__.endswith("Odd")


@pytest.mark.parametrize(
    "value",
    [
        {"array": "AAAA", "dtype": "|O", "shape": [1]},
        {"array": "AAAA", "dtype": "<f8", "shape": [10**9]},
        {"array": "AAAA", "dtype": "<f8", "shape": [-1]},
        {"array": "not base64!", "dtype": "<f8", "shape": [1]},
        {"array": "AAAA", "dtype": "nonsense", "shape": [1]},
        {"array": "AAAA"},
        {"dict": [[[1], 2]]},
        {"tuple": 3},
        {"float": "one"},
        {"surprise": 1},
    ],
)
def test_a_forged_value_is_refused(value):
    with pytest.raises(wire.WireError):
        wire.unpack(value)


# Finding out what was handed in


def touch(path, text="{}"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "submitted/ada/04_losses/04_losses.ipynb",
        "ada/04_losses/04_losses.ipynb",
        "ada/04_losses.ipynb",
        "ada_04_losses.ipynb",
        "ada_LATE_123_4567_04_losses-1.ipynb",
        "ada/04_losses/Untitled.ipynb",
        "ada/my copy of 04_losses (2).ipynb",
        "ada/minifit-course/04_losses.ipynb",
    ],
)
def test_submissions_are_found_in_every_layout(tmp_path, name):
    touch(tmp_path / name)
    (one,) = find(tmp_path, KNOWN)
    assert (one.student, one.notebook) == ("ada", "04_losses")


def test_a_notebook_of_another_name_is_known_by_its_cells(tmp_path, full):
    touch(tmp_path / "ada" / "homework.ipynb", json.dumps(full))
    (one,) = find(tmp_path, KNOWN)
    assert one.notebook == "04_losses"
    assert "taken for 04_losses by its cells" in one.note


def test_of_two_files_for_one_notebook_the_one_named_so_counts_and_the_other_is_mentioned(tmp_path):
    touch(tmp_path / "ada" / "04_losses.ipynb")
    touch(tmp_path / "ada" / "04_losses-old.ipynb")
    (one,) = find(tmp_path, KNOWN)
    assert one.path.name == "04_losses.ipynb"
    assert "04_losses-old.ipynb was handed in too" in one.note


def test_a_notebook_that_nothing_identifies_is_still_reported(tmp_path):
    touch(tmp_path / "ada" / "x.ipynb")
    (one,) = find(tmp_path, KNOWN)
    assert one.notebook is None


@pytest.mark.skipif(sys.platform == "win32", reason="links need rights on Windows")
def test_links_are_not_followed(tmp_path):
    touch(tmp_path / "elsewhere" / "04_losses.ipynb")
    touch(tmp_path / "class" / "bo" / "04_losses.ipynb")
    (tmp_path / "class" / "ada").mkdir()
    (tmp_path / "class" / "ada" / "04_losses.ipynb").symlink_to(tmp_path / "elsewhere" / "04_losses.ipynb")
    (tmp_path / "class" / "cleo").symlink_to(tmp_path / "elsewhere")
    assert [one.student for one in find(tmp_path / "class", KNOWN)] == ["bo"]


def test_an_empty_folder_and_no_folder_are_told_apart(tmp_path):
    with pytest.raises(NoSubmissions, match=r"no \.ipynb file in"):
        find(tmp_path, KNOWN)
    with pytest.raises(NoSubmissions, match="is not a folder"):
        find(tmp_path / "nowhere", KNOWN)


# Reading it, in whatever state it is


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"  \n", "the file is empty"),
        (b"\xff\xfe\x00", "not text in UTF-8"),
        (b"not JSON", "not a notebook"),
        (b'{"cells": [}\n<<<<<<< mine\n>>>>>>> theirs', "merge marks"),
        (b"[" * 100_000, "not a notebook"),
        (b"[]", "no list of cells"),
        (b'{"cells": 3}', "no list of cells"),
        (b'{"cells": []}', "no cells"),
        (b'{"cells": [3, null]}', "no cells"),
        (b'{"worksheets": []}', "old format"),
        (json.dumps({"cells": [{"cell_type": "code", "source": ""}] * 1001}).encode(), "1001 cells; 1000 at most"),
        (b" " * (20 * 2**20 + 1), "20 at most"),
    ],
    ids=lambda x: str(x)[:24],
)
def test_a_file_that_is_no_notebook_scores_0_with_the_reason(tmp_path, losses, content, reason):
    path = tmp_path / "04_losses.ipynb"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        read(path, losses)
    result = grade(Submission("ada", "04_losses", path), losses, seeds, SHORT)
    assert result.points == 0
    assert len(result.scores) == len(losses.items)
    assert reason in result.notes[0]


def test_a_byte_order_mark_does_no_harm(tmp_path, losses, full):
    path = tmp_path / "04_losses.ipynb"
    path.write_text(json.dumps(full), encoding="utf-8-sig")
    assert read(path, losses).missing == set()


@pytest.mark.parametrize(
    "harm",
    [
        {"grade": False, "solution": False, "locked": False},
        {"points": 1000},
        {"schema_version": 1},
        {"schema_version": 99},
        {"schema_version": None, "checksum": 3},
    ],
    ids=str,
)
def test_metadata_that_a_learner_changed_means_nothing(tmp_path, losses, full, harm):
    changed = json.loads(json.dumps(full))
    for cell in changed["cells"]:
        if cells.metadata(cell):
            cell["metadata"]["nbgrader"].update(harm)
    result = graded(tmp_path, changed, losses)
    assert result.points == losses.points - 2
    assert result.most == losses.points


def test_cells_without_any_metadata_are_graded_by_what_they_define(tmp_path, losses, full):
    bare = [{**cell, "metadata": []} for cell in full["cells"]]
    result = graded(tmp_path, {**full, "cells": bare}, losses)
    assert result.points == losses.points - 2


# Grading it


def test_everything_right_earns_every_point_and_leaves_the_paragraph_to_a_person(tmp_path, losses, full):
    result = graded(tmp_path, full, losses)
    assert [s.status for s in result.scores if not s.by_hand] == ["right"] * 6
    assert result.points == losses.points - 2
    assert result.waiting == 2
    assert result.notes == []


def test_an_untouched_notebook_earns_0_and_was_not_attempted(tmp_path, losses):
    result = graded(tmp_path, make.released(LOSSES), losses)
    assert {s.status for s in result.scores} == {"not attempted", "no response"}
    assert result.points == result.waiting == 0


@pytest.mark.parametrize("exercise_", exercise.all_exercises(), ids=lambda e: e.identifier)
def test_a_known_mistake_made_in_another_process_is_named(tmp_path, exercise_):
    known = make.mistakes(exercise_)
    if not known:
        pytest.skip("its mistakes lean on the engine, which a learner's process does not have")
    answer = {"grade_id": f"{cells.grade_id(exercise_.identifier)}-answer", "solution": True, "locked": False}
    check = {"grade_id": cells.grade_id(exercise_.identifier), "grade": True, "solution": False, "points": 1}
    for name, text in known:
        source = [
            {"cell_type": "code", "source": f"import numpy as np\n\n\n{text}", "metadata": {"nbgrader": answer}},
            {
                "cell_type": "code",
                "source": f'check("{exercise_.identifier}", {exercise_.name})',
                "metadata": {"nbgrader": check},
            },
        ]
        path = tmp_path / "90_one" / "90_one.ipynb"
        touch(path, json.dumps({"cells": source, "metadata": {}}))
        result = grade(Submission("ada", "90_one", path), Assignment("90_one", path), seeds, SHORT)
        assert [(s.mistake, s.points) for s in result.scores] == [(name, 0.0)], text


# Guesses where the pipe to the judge is, and writes on it.
WRITE_EVERYWHERE = """\
import os
for i in range(3, 99):
    try:
        os.write(i, {!r})
    except OSError:
        pass
"""


def first_answer(full, text):
    return make.with_answer(full, "losses.mean_squared_error", text)


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("def mean_squared_error(a, b):\n    while True:\n        pass", "timed out", "took longer than 2 s"),
        ("def mean_squared_error(a, b):\n    import os\n    os._exit(3)", "raised", r"exit code 3"),
        ("def mean_squared_error(a, b):\n    import os\n    os.kill(os.getpid(), 9)", "raised", "SIGKILL"),
        ("def mean_squared_error(a, b):\n    import ctypes\n    ctypes.string_at(0)", "raised", "ended"),
        ("def mean_squared_error(a, b):\n    exit()", "raised", "SystemExit"),
        ("def mean_squared_error(a, b):\n    return input()", "raised", "nobody answers input"),
        ("def mean_squared_error(a, b):\n    return a / 'x'", "raised", "line 2: return a / 'x'"),
        ("def mean_squared_error(a, b):\n    return np.zeros(10**8)", "raised", "an array of 762 MB; at most 16"),
        ("def mean_squared_error(a, b):\n    return ['x' * 10**6] * 40", "raised", "more than 32 MB"),
        ("def mean_squared_error(a, b):\n    return lambda: 0", "wrong type", "function"),
        ("def mean_squared_error(a, b):\n    a *= 0\n    return ((b - a) ** 2).mean(-1)", "wrong values", "Expected"),
        ("def mean_squared_error(a, b)\n    return 0", "raised", "SyntaxError"),
        ("mean_squared_error = 3", "raised", "not callable"),
        ("", "not attempted", "there is no mean_squared_error"),
        ("import os\nos._exit(0)", "raised", "did not come back"),
        ("while True:\n    pass", "raised", "took longer than 2 s"),
        ("from minifit.losses import mean_squared_error", "delegated", "minifit.losses.mean_squared_error"),
        ("from autograder.exercises.losses import mean_squared_error", "wrong type", "None"),
        ("from mine import mean_squared_error", "raised", "not there during grading"),
        (WRITE_EVERYWHERE.format(b"x" * 99), "raised", "nonsense"),
    ],
)
@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_what_goes_wrong_in_one_exercise_costs_that_one_alone(tmp_path, losses, full, text, status, said):
    result = graded(tmp_path, first_answer(full, text), losses, Limits(2.0, 20.0))
    scores = by_exercise(result)
    first = scores.pop("losses.mean_squared_error")
    assert (first.status, first.points) == (status, 0.0), first.message
    assert said in first.message
    assert {s.status for s in scores.values() if not s.by_hand} == {"right"}


def test_prints_do_not_reach_the_judge(tmp_path, losses, full):
    noisy = first_answer(
        full, "print('x' * 10**6)\nimport os, sys\nos.write(1, b'junk' * 1000)\nos.write(2, b'junk')\n"
    )
    noisy["cells"].append({"cell_type": "code", "metadata": {}, "source": "sys.__stdout__.write('junk')"})
    assert graded(tmp_path, noisy, losses).points == losses.points - 3


def test_what_only_ipython_understands_does_no_harm(tmp_path, losses, full):
    magic = {"cell_type": "code", "metadata": {}, "source": "%matplotlib inline\n!ls\nnp.mean?\ndisplay(1)\nx = 1"}
    shell = {"cell_type": "code", "metadata": {}, "source": "%%bash\nexit 3"}
    result = graded(tmp_path, {**full, "cells": [magic, shell, *full["cells"]]}, losses)
    assert result.points == losses.points - 2


def test_the_whole_notebook_has_an_end_too(tmp_path, losses, full):
    wait = {"cell_type": "code", "metadata": {}, "source": "import time\ntime.sleep(1.5)"}
    result = graded(tmp_path, {**full, "cells": [wait] * 5 + full["cells"]}, losses, Limits(2.0, 4.0))
    assert {s.status for s in result.scores if not s.by_hand} == {"timed out"}
    assert result.points == 0


def test_what_a_submission_leaves_running_ends_with_it(tmp_path, losses, full):
    if sys.platform == "win32":
        pytest.skip("process groups differ")
    mark = tmp_path / "mark"
    code = f"import time, pathlib; time.sleep(3); pathlib.Path({str(mark)!r}).touch()"
    child = f"import subprocess, sys\nsubprocess.Popen([sys.executable, '-c', {code!r}])"
    graded(tmp_path, first_answer(full, child), losses)
    subprocess.run([sys.executable, "-c", "import time; time.sleep(4)"], check=True)
    assert not mark.exists()


def test_the_secret_and_the_environment_do_not_reach_a_worker(monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_INSTRUCTOR", "x")
    look = "import os, sys\nassert 'SECRET_OF_THE_INSTRUCTOR' not in os.environ\n"
    look += "assert [f for f in os.listdir() if not f.startswith('fontlist')] == []\n"
    modules = "found = [m for m in sys.modules if m.startswith(('autograder.', 'minifit.'))]\n"
    modules += "assert not [m for m in found if not m.startswith('autograder.scenarios')], 'reference'\n"
    with Session() as session:
        assert "raised" not in session.ask({"do": "run", "cell": "a", "source": look + modules}, 10)


def test_a_forged_length_does_not_make_the_judge_wait_or_grow():
    code = WRITE_EVERYWHERE.format(struct.pack(">Q", 2**60))
    with Session() as session, pytest.raises(Died, match="nonsense"):
        session.ask({"do": "run", "cell": "a", "source": code}, 10)


# The secret


def test_the_secret_is_made_once_and_only_its_owner_can_read_it(tmp_path):
    first = secret.load(tmp_path / "secret")
    assert secret.load(tmp_path / "secret") == first
    assert len(first) >= 32
    if sys.platform != "win32":
        assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600


def test_a_secret_that_is_too_short_is_refused(tmp_path):
    (tmp_path / "secret").write_text("short\n", encoding="utf-8")
    with pytest.raises(secret.SecretError, match="has 5 bytes; at least 8"):
        secret.load(tmp_path / "secret")


# A class, from folder to gradebook


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """The sample class, graded: folder of submissions, folder of grades, what came of it."""
    top = tmp_path_factory.mktemp("class")
    make.write(top / "submitted", [LOSSES])
    (top / "submitted" / "lou_nothing").mkdir()
    whole = batch.grade_folder(top / "submitted", top / "graded", limits=Limits(3.0, 30.0), workers=2)
    return top, whole


def points(whole):
    return {r.student: r.points for r in whole.results}


def test_each_student_gets_what_their_work_is_worth(room):
    assert points(room[1]) == {
        "ada_full": 12,
        "bo_unsolved": 0,
        "cleo_mistakes": 0,
        "dan_mistakes": 0,
        "eve_nearly": 10,
        "finn_not_json": 0,
        "gus_empty_file": 0,
        "hana_cells_missing": 11,
        "ivo_loops": 11,
        "jo_exits": 11,
        "kim_pasted": 12,
        "lou_nothing": 0,
    }


def test_the_table_has_a_row_for_every_graded_cell(room):
    with (room[0] / "graded" / "grades.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == table.COLUMNS
    assert len(rows) == 12 * 7
    wrong = [r for r in rows if r["student"] == "cleo_mistakes" and r["exercise"] == "losses.log_softmax"]
    assert wrong[0]["status"] == "wrong values"
    assert wrong[0]["mistake"] in [m.name for m in exercise.get("losses.log_softmax").mistakes]
    assert {r["status"] for r in rows if r["student"] == "lou_nothing"} == {"not handed in"}
    by_hand = [r for r in rows if r["exercise"] == "04-explain" and r["student"] == "ada_full"]
    assert (by_hand[0]["points"], by_hand[0]["max"]) == ("", "2")


def test_nbgraders_own_api_reads_the_gradebook(room):
    from nbgrader.api import Gradebook as Book

    with Book(f"sqlite:///{room[0] / 'graded' / 'gradebook.db'}") as book:
        assert book.find_assignment("04_losses").max_score == 14
        scores = {s.student.id: s for s in book.assignment_submissions("04_losses")}
        assert {name: s.score for name, s in scores.items()} == {
            name: p for name, p in points(room[1]).items() if name != "lou_nothing"
        }
        assert scores["ada_full"].needs_manual_grade
        assert not scores["bo_unsolved"].needs_manual_grade
        unread = book.find_grade("04-explain", "04_losses", "04_losses", "ada_full")
        assert (unread.auto_score, unread.needs_manual_grade) == (None, True)
        said = book.find_comment("losses-log_softmax-answer", "04_losses", "04_losses", "cleo_mistakes")
        assert said.auto_comment.startswith("Not yet right: ")


def nbgrader(*words, folder):
    scripts = sysconfig.get_path("scripts")
    environment = os.environ | {
        "PATH": os.pathsep.join([scripts, os.environ["PATH"]]),
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_nbgrader_export_reads_the_gradebook(room):
    nbgrader("export", "--to", "out.csv", folder=room[0] / "graded")
    with (room[0] / "graded" / "out.csv").open(encoding="utf-8", newline="") as file:
        rows = {r["student_id"]: float(r["score"]) for r in csv.DictReader(file)}
    assert rows == {name: p for name, p in points(room[1]).items() if name != "lou_nothing"} | (
        {"lou_nothing": 0.0} if "lou_nothing" in rows else {}
    )


def test_the_notebooks_that_formgrader_shows_are_valid_and_carry_the_verdicts(room):
    import nbformat
    from nbgrader.nbgraderformat import MetadataValidator

    paths_ = sorted((room[0] / "graded" / "autograded").glob("*/04_losses/04_losses.ipynb"))
    assert len(paths_) == 11
    for path in paths_:
        nb = nbformat.read(path, as_version=4)
        nbformat.validate(nb)
        MetadataValidator().validate_nb(nb)
    ada = json.loads(paths_[0].read_text(encoding="utf-8"))
    check = next(c for c in ada["cells"] if c["id"] == "losses-log_softmax")
    assert check["outputs"][-1]["data"] == {"text/plain": "2.0"}


def test_every_student_has_a_page_and_the_class_has_one(room):
    pages = {p.stem for p in (room[0] / "graded" / "feedback").iterdir()}
    assert pages == set(points(room[1]))
    index = (room[0] / "graded" / "index.html").read_text(encoding="utf-8")
    assert all(f'href="feedback/{name}.html"' in index for name in pages)
    for page in (index, (room[0] / "graded" / "feedback" / "cleo_mistakes.html").read_text(encoding="utf-8")):
        assert "http://" not in page
        assert "https://" not in page
        assert "<script" not in page


def test_grading_again_gives_the_same_and_keeps_what_a_person_graded(room, tmp_path):
    from nbgrader.api import Gradebook as Book

    out = tmp_path / "graded"
    shutil.copytree(room[0] / "graded", out)
    few = tmp_path / "submitted"
    for name in ("ada_full", "cleo_mistakes"):
        shutil.copytree(room[0] / "submitted" / name, few / name)
    with Book(f"sqlite:///{out / 'gradebook.db'}") as book:
        book.find_grade("04-explain", "04_losses", "04_losses", "ada_full").manual_score = 1.5
        book.find_comment("04-explain", "04_losses", "04_losses", "ada_full").manual_comment = "Clear & short."
        book.db.commit()
    again = batch.grade_folder(few, out, limits=SHORT, workers=1)
    assert points(again) == {"ada_full": 13.5, "cleo_mistakes": 0}
    before = {(r.student, s.cell): s.message for r in room[1].results for s in r.scores}
    assert all(before[r.student, s.cell] == s.message for r in again.results for s in r.scores)
    page = (out / "feedback" / "ada_full.html").read_text(encoding="utf-8")
    assert "Clear &amp; short." in page
    with Book(f"sqlite:///{out / 'gradebook.db'}") as book:
        assert len(book.assignment_submissions("04_losses")) == 11


def test_another_secret_draws_other_cases(room, tmp_path):
    one, two = (secret.seed(key, "losses.log_softmax") for key in (b"12345678", b"abcdefgh"))
    cases = exercise.get("losses.log_softmax").cases
    a, b = (next(iter(cases(np.random.default_rng(n)).values()))[0] for n in (one, two))
    assert not np.array_equal(a, b)


def test_submissions_graded_at_the_same_time_are_not_mixed_up(tmp_path, full):
    for number, name in enumerate(("ada", "bo", "cleo")):
        touch(tmp_path / "in" / name / "04_losses.ipynb", json.dumps(make.with_mistakes(full, number)))
    whole = batch.grade_folder(tmp_path / "in", tmp_path / "out", limits=SHORT, workers=3)
    for number, result in enumerate(whole.results):
        made = {item: make.mistakes(exercise.get(item)) for item in make.answer_cells(full)}
        expected = {item: known[number % len(known)][0] for item, known in made.items() if known}
        assert {s.identifier: s.mistake for s in result.scores if s.mistake} == expected


def test_a_changed_edition_is_not_mixed_into_old_grades(room, tmp_path, losses):
    changed = json.loads(losses.path.read_text(encoding="utf-8"))
    changed["cells"] = [c for c in changed["cells"] if c["id"] != "losses-Loss"]
    path = tmp_path / "04_losses" / "04_losses.ipynb"
    touch(path, json.dumps(changed))
    shutil.copytree(room[0] / "graded", tmp_path / "graded")
    with Gradebook(tmp_path / "graded") as book, pytest.raises(build.BuildError, match="grade into a new folder"):
        book.add_assignments([Assignment("04_losses", path)])


def test_a_fault_of_ours_in_one_submission_is_said_and_the_others_are_graded(tmp_path, full, monkeypatch):
    def faulty(one, *rest):
        if one.student == "ada":
            raise ZeroDivisionError("a bug")
        return grade(one, *rest)

    monkeypatch.setattr(batch, "grade", faulty)
    for name in ("ada", "bo"):
        touch(tmp_path / name / "04_losses.ipynb", json.dumps(full))
    whole = batch.grade_folder(tmp_path, tmp_path / "graded", limits=SHORT, workers=1)
    assert points(whole) == {"ada": 0, "bo": 12}
    assert "no fault of the student's" in whole.by_student["ada"][0].notes[0]
    again = batch.grade_folder(tmp_path, tmp_path / "graded", limits=SHORT, workers=1)
    assert list(again.by_student) == ["ada", "bo"], "the folder of the grades is no student"


# What a learner writes cannot harm who reads it

SCRIPT = "<script>alert(1)</script>"


def test_what_a_learner_writes_is_escaped_everywhere(tmp_path, full, losses):
    for name, cell in [(cells.metadata(c).get("grade_id"), c) for c in full["cells"]]:
        if name == "04-explain":
            explain = cell
    hostile = make.with_answer(
        full, "losses.mean_squared_error", f"def mean_squared_error(a, b):\n    raise ValueError('{SCRIPT}')"
    )
    explain = next(c for c in hostile["cells"] if cells.metadata(c).get("grade_id") == "04-explain")
    explain["source"] = f"a < b, $a<b$ {SCRIPT} <img src=x onerror=alert(1)>"
    touch(tmp_path / "in" / "ada" / "04_losses.ipynb", json.dumps(hostile))
    batch.grade_folder(tmp_path / "in", tmp_path / "out", limits=SHORT, workers=1)
    page = (tmp_path / "out" / "feedback" / "ada.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;" in page
    assert "<script" not in page
    shown = tmp_path / "out" / "autograded" / "ada" / "04_losses" / "04_losses.ipynb"
    prose = next(c for c in json.loads(shown.read_text(encoding="utf-8"))["cells"] if c["id"] == "04-explain")["source"]
    assert "<script" not in prose
    assert "<img" not in prose
    assert "a < b, $a< b$" in prose


def test_a_name_and_a_note_are_escaped_in_pages_and_no_formula_in_tables():
    bad = Result("=cmd()", "04_losses", "x.ipynb", [Score("a-b", "a.b", 0.0, 1.0, "raised", SCRIPT, SCRIPT)], [SCRIPT])
    for page in (feedback.student_page(SCRIPT, [bad]), feedback.class_page({SCRIPT: [bad]}, ["04_losses"])):
        assert "<script" not in page
    assert table.to_csv([bad]).splitlines()[1].startswith("'=cmd(),")


# The command


def test_the_command_grades_a_folder_and_says_where_the_grades_are(tmp_path, full, capsys):
    touch(tmp_path / "in" / "ada" / "04_losses.ipynb", json.dumps(full))
    touch(tmp_path / "in" / "bo" / "04_losses.ipynb", "")
    assert cli.main(["grade", str(tmp_path / "in"), "--workers", "1"]) == 0
    out = capsys.readouterr().out
    assert "ada  12 of 14, 2 by hand" in out
    assert "bo, 04_losses: not graded: the file is empty" in out
    assert (tmp_path / "in-graded" / "index.html").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grade", "nowhere"], "nowhere is not a folder"),
        (["check", "nowhere"], "no file, folder or notebook called 'nowhere'"),
        (["hint", "losses.log_softmx"], 'Did you mean "losses.log_softmax"?'),
        (["solution", "losses.log_softmx"], 'Did you mean "losses.log_softmax"?'),
        (["build", "77"], "no notebook called '77'"),
    ],
)
def test_a_command_that_cannot_be_carried_out_exits_2_and_says_why(tmp_path, monkeypatch, capsys, words, said):
    monkeypatch.chdir(tmp_path)
    assert cli.main(words) == 2
    assert said in capsys.readouterr().err


def test_check_judges_a_notebook_in_the_terminal(tmp_path, full, capsys):
    right = handed_in(tmp_path, full).path
    assert cli.main(["check", str(right)]) == 0
    assert re.search(r"losses\.log_softmax +2 of 2  right\n", capsys.readouterr().out)
    wrong = handed_in(tmp_path, make.with_mistakes(full, 0)).path
    assert cli.main(["check", str(wrong)]) == 1
    assert "Not yet right: " in capsys.readouterr().out


def test_the_sample_class_that_ships_is_what_the_script_makes(tmp_path):
    make.write_class(tmp_path)
    made = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*.ipynb")}
    shipped = {p.relative_to(make.CLASS).as_posix(): p.read_bytes() for p in make.CLASS.rglob("*.ipynb")}
    stale = sorted(name for name in made.keys() | shipped.keys() if made.get(name) != shipped.get(name))
    assert stale == [], "run: python tests/submissions/make.py"
