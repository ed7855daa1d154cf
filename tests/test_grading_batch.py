"""A class from folder to gradebook: stopped and resumed, changed, late, on several judges, on a cluster."""

import importlib.util
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import build, cli
from autograder.grading import batch, records, seats
from autograder.grading.assignment import assignments
from autograder.grading.gradebook import Gradebook
from autograder.grading.limits import Limits
from autograder.grading.submissions import Submission
from benchmarks.grading import contents

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

SOURCE = build.find_source("01")
NAME = SOURCE.stem
SHORT = Limits(5.0, 40.0)


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """A class of eight, and its grades as an undisturbed run gives them."""
    top = tmp_path_factory.mktemp("class")
    full, empty = make.solved(SOURCE), make.released(SOURCE)
    kinds = [full, empty, make.all_but_one(full, empty), *(make.with_mistakes(full, n) for n in range(5))]
    for number, notebook in enumerate(kinds):
        hand_in(top / "in", f"s{number}", notebook)
    (top / "secret").write_text("the secret of these tests\n", encoding="utf-8")
    whole = batch.grade_folder(top / "in", top / "whole", top / "secret", 2, SHORT)
    return top, whole


def hand_in(folder, student, notebook, stamp=""):
    path = folder / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(notebook), encoding="utf-8")
    if stamp:
        path.with_name("timestamp.txt").write_text(stamp, encoding="utf-8")


def points(whole):
    return {name: sum(r.points for r in results) for name, results in whole.by_student.items()}


# Several judges


def test_two_judges_give_what_one_gives(room, tmp_path):
    one = batch.grade_folder(room[0] / "in", tmp_path / "one", room[0] / "secret", 1, SHORT)
    assert points(one) == points(room[1])
    assert contents(tmp_path / "one" / "gradebook.db") == contents(room[0] / "whole" / "gradebook.db")


def test_a_judge_that_dies_costs_one_submission_at_most(room, monkeypatch):
    tasks = [(s, assignments()[NAME]) for s in batch.scan(room[0] / "in", assignments()).submissions][:3]
    started = seats._started
    killed = []

    def started_and_killed():
        process = started()
        if not killed:
            killed.append(process)
            process.kill()
            process.wait()
        return process

    monkeypatch.setattr(seats, "_started", started_and_killed)
    kept = {}
    done = dict(seats.grade_all(tasks, b"12345678", SHORT, 1, kept.__setitem__))
    assert killed
    assert {n: r.points for n, r in done.items()} == {0: 8, 1: 0, 2: 6}
    assert kept == done


def test_a_judge_that_never_comes_back_is_given_up_with_a_reason(room, monkeypatch):
    sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
    monkeypatch.setattr(
        seats, "_started", lambda: subprocess.Popen(sleeper, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    )
    seat = seats._Seat(b"12345678", SHORT)
    seat._patience = 0.5
    result = seat.grade((Submission("ada", NAME, Path("x.ipynb")), assignments()[NAME]))
    seat.close()
    assert "did not come back within 0.5 s" in result.notes[0]
    assert result.points == 0
    assert len(result.scores) == len(assignments()[NAME].items)


# Stopped, resumed, changed


@pytest.mark.skipif(sys.platform == "win32", reason="kills differ")
def test_a_run_that_is_killed_resumes_and_loses_nothing(room, tmp_path):
    top, _ = room
    words = ["grade", str(top / "in"), "--out", str(tmp_path / "torn"), "--secret-file", str(top / "secret")]
    words += [
        "--workers",
        "2",
        "--timeout",
        "5",
        "--limits",
        str(tmp_path / "limits.toml"),
        "--no-progress",
        "--resume",
    ]
    (tmp_path / "limits.toml").write_text("step = 5.0\nnotebook = 40.0\n", encoding="utf-8")
    folder = tmp_path / "torn" / records.FOLDER
    before = 0
    for more in (1, 2):
        process = subprocess.Popen([sys.executable, "-m", "autograder", *words], stdout=subprocess.DEVNULL)
        until = time.monotonic() + 120
        while process.poll() is None and len(list(folder.glob("*/*.json"))) < before + more:
            assert time.monotonic() < until
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        done = {p: p.read_bytes() for p in folder.glob("*/*.json")}
        assert len(done) >= before + more
        before = len(done)
    assert cli.main(words) == 0
    assert contents(tmp_path / "torn" / "gradebook.db") == contents(top / "whole" / "gradebook.db")
    for path, content in done.items():
        kept, now = json.loads(content), json.loads(path.read_text(encoding="utf-8"))
        assert kept["result"] == now["result"], "what was graded before the kill was not graded again"


def test_changed_grades_only_what_is_new_and_keeps_what_a_person_gave(room, tmp_path, monkeypatch):
    top, _ = room
    hand = tmp_path / "in"
    full, empty = make.solved(SOURCE), make.released(SOURCE)
    for name in ("ada", "bo"):
        hand_in(hand, name, full)
    batch.grade_folder(hand, tmp_path / "out", top / "secret", 1, SHORT)
    with Gradebook(tmp_path / "out") as book:
        grade = book._book.find_grade("01-explain", NAME, NAME, "ada")
        grade.manual_score, grade.needs_manual_grade = 1.5, False
        book._book.find_comment("01-explain", NAME, NAME, "ada").manual_comment = "Clear."
        book._book.db.commit()
    hand_in(hand, "bo", empty)
    hand_in(hand, "cleo", full)
    ran = []
    really = batch.grade
    monkeypatch.setattr(batch, "grade", lambda one, *rest: ran.append(one.student) or really(one, *rest))
    whole = batch.grade_folder(hand, tmp_path / "out", top / "secret", 1, SHORT, reuse="all")
    assert ran == ["bo", "cleo"]
    assert whole.reused == 1
    assert points(whole) == {"ada": 9.5, "bo": 0, "cleo": 8}
    with Gradebook(tmp_path / "out") as book:
        assert not book._book.find_grade("01-explain", NAME, NAME, "ada").needs_manual_grade
    assert "Clear." in (tmp_path / "out" / "feedback" / "ada.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("what", ["secret", "limits", "notebook"])
def test_an_earlier_result_stands_only_while_nothing_it_depends_on_has_changed(tmp_path, what):
    path = tmp_path / "x.ipynb"
    path.write_text("{}", encoding="utf-8")
    one, assignment = Submission("ada", NAME, path), assignments()[NAME]
    first = records.Records(tmp_path, b"12345678", SHORT).digest(one, assignment)
    assert records.Records(tmp_path, b"12345678", SHORT).digest(one, assignment) == first
    key, limits = (b"abcdefgh" if what == "secret" else b"12345678"), (Limits() if what == "limits" else SHORT)
    if what == "notebook":
        path.write_text("{ }", encoding="utf-8")
    assert records.Records(tmp_path, key, limits).digest(one, assignment) != first


def test_a_damaged_record_is_graded_again(room, tmp_path):
    top, _ = room
    batch.grade_folder(top / "in", tmp_path / "out", top / "secret", 2, SHORT)
    kept = sorted((tmp_path / "out" / records.FOLDER).glob("*/*.json"))
    kept[0].write_text('{"digest": "', encoding="utf-8")
    kept[1].write_text("{}", encoding="utf-8")
    whole = batch.grade_folder(top / "in", tmp_path / "out", top / "secret", 1, SHORT, reuse="all")
    assert whole.reused == len(kept) - 2
    assert points(whole) == points(room[1])


def test_who_is_no_longer_there_has_no_page_of_before(room, tmp_path):
    for name in ("ada", "bo"):
        hand_in(tmp_path / "in", name, make.released(SOURCE))
    batch.grade_folder(tmp_path / "in", tmp_path / "out", limits=SHORT, workers=1)
    (tmp_path / "in" / "bo" / NAME / f"{NAME}.ipynb").unlink()
    (tmp_path / "in" / "bo" / NAME).rmdir()
    (tmp_path / "in" / "bo").rmdir()
    batch.grade_folder(tmp_path / "in", tmp_path / "out", limits=SHORT, workers=1, reuse="all")
    assert list(batch.graded_before(tmp_path / "out").by_student) == ["ada"]


# Late


RULE = """
c = get_config()
c.LateSubmissionPlugin.penalty_method = "zero"
"""


@pytest.fixture(scope="module")
def late(tmp_path_factory):
    """A class in which one is on time, one late, two have times that cannot be."""
    from datetime import datetime

    top = tmp_path_factory.mktemp("late")
    full = make.solved(SOURCE)
    stamps = {
        "ada": "2026-01-09 12:00:00 UTC",
        "bo": "2026-01-10 13:00:00 Europe/Berlin",
        "cleo": "half past four",
        "dan": "2999-01-01 00:00:00 UTC",
    }
    for name, stamp in stamps.items():
        hand_in(top / "in", name, full, stamp)
    (top / "out").mkdir()
    (top / "out" / "nbgrader_config.py").write_text(RULE, encoding="utf-8")
    with Gradebook(top / "out") as book:
        book.add_assignments([assignments()[NAME]])
        book._book.update_or_create_assignment(NAME, duedate=datetime(2026, 1, 10))
    return top, batch.grade_folder(top / "in", top / "out", limits=SHORT, workers=1)


def test_being_late_costs_what_nbgraders_configuration_says(late):
    assert points(late[1]) == {"ada": 8, "bo": 0, "cleo": 8, "dan": 8}
    assert [r.penalty for r in late[1].results] == [0, 8, 0, 0]
    page = (late[0] / "out" / "feedback" / "bo.html").read_text(encoding="utf-8")
    assert "Handed in late: 8 points off." in page


def test_nbgraders_export_has_the_penalty(late):
    with Gradebook(late[0] / "out") as book:
        submission = book._book.find_submission(NAME, "bo")
        assert (submission.score, submission.late_submission_penalty) == (8, 8)
        assert submission.total_seconds_late == 43_200


def test_a_time_that_cannot_be_is_said_and_costs_nothing(late):
    notes = {r.student: "; ".join(r.notes) for r in late[1].results}
    assert "holds no time ('half past four')" in notes["cleo"]
    assert "lies in the future" in notes["dan"]


# A cluster


def test_a_cluster_gives_the_same_gradebook(room, tmp_path):
    distributed = pytest.importorskip("distributed")
    (tmp_path / "hole").mkdir()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, local_directory=tmp_path / "hole"
    ) as cluster:
        whole = batch.grade_folder(
            room[0] / "in", tmp_path / "out", room[0] / "secret", limits=SHORT, cluster=cluster.scheduler_address
        )
    assert points(whole) == points(room[1])
    assert contents(tmp_path / "out" / "gradebook.db") == contents(room[0] / "whole" / "gradebook.db")


def test_nobody_at_the_clusters_address_is_said(room, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    from autograder.grading import cluster

    monkeypatch.setattr(cluster, "PATIENCE", 1)
    with pytest.raises(build.BuildError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"):
        batch.grade_folder(room[0] / "in", tmp_path, limits=SHORT, cluster="tcp://127.0.0.1:9")


# The other verbs


def test_report_and_feedback_bring_in_what_a_person_gave_and_run_nothing(room, tmp_path, monkeypatch, capsys):
    hand_in(tmp_path / "in", "ada", make.solved(SOURCE))
    out = tmp_path / "out"
    batch.grade_folder(tmp_path / "in", out, limits=SHORT, workers=1)
    with Gradebook(out) as book:
        book._book.find_grade("01-explain", NAME, NAME, "ada").manual_score = 2.0
        book._book.db.commit()
    monkeypatch.setattr(batch, "grade", None)
    assert cli.main(["report", str(out)]) == 0
    assert str(out / "totals.csv") in capsys.readouterr().out
    assert "ada,10,10,10,0,0" in (out / "totals.csv").read_text(encoding="utf-8")
    assert cli.main(["feedback", str(out)]) == 0
    assert "1 pages in" in capsys.readouterr().out
    assert cli.main(["report", str(tmp_path / "in")]) == 2


def test_release_gives_students_everything_and_no_solution(tmp_path, capsys):
    import zipfile

    course = tmp_path / "course"
    words = ["release", "01", "--to", str(course), "--zip", str(tmp_path / "s.zip")]
    assert cli.main(words) == 0
    assert (course / "release" / NAME / f"{NAME}.ipynb").read_bytes() == assignments()[NAME].path.read_bytes()
    with zipfile.ZipFile(tmp_path / "s.zip") as box:
        names = box.namelist()
        assert f"{NAME}/{NAME}.ipynb" in names
        for name in names:
            assert b"BEGIN SOLUTION" not in box.read(name)
    assert cli.main(["release", "77", "--to", str(course)]) == 2
    assert cli.main(["release"]) == 2
    assert "say where to" in capsys.readouterr().err


def test_collect_lays_submissions_where_nbgrader_looks(tmp_path, capsys):
    text = json.dumps(make.solved(SOURCE))
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / f"ada_{NAME}.ipynb").write_text(text, encoding="utf-8-sig")
    (tmp_path / "in" / f"bo_{NAME}.ipynb").write_text("no", encoding="utf-8")
    assert cli.main(["collect", str(tmp_path / "in"), "--to", str(tmp_path / "course")]) == 0
    laid = tmp_path / "course" / "submitted"
    assert json.loads((laid / "ada" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8"))["cells"]
    assert (laid / "bo" / NAME / f"{NAME}.ipynb").read_text(encoding="utf-8") == "no"
    out = capsys.readouterr().out
    assert "bo, 01_the_loop_in_twelve_lines: the file is not a notebook" in out
    assert "2 notebooks of 2 students" in out


def test_the_gradebook_is_nbgraders_own_to_the_last_table(room):
    book = sqlite3.connect(room[0] / "whole" / "gradebook.db")
    tables = {row[0] for row in book.execute("select name from sqlite_master where type = 'table'")}
    assert {"alembic_version", "grade", "comment", "submitted_notebook"} <= tables
    import nbgrader.api

    with_theirs = os.environ["PATH"]
    try:
        os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), with_theirs])
        assert book.execute("select version_num from alembic_version").fetchone() == (
            nbgrader.api.get_alembic_version(),
        )
    finally:
        os.environ["PATH"] = with_theirs
