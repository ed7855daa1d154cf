"""The `minifit` command: what a learner types."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request

import pytest

from autograder import build, cli, lab, paths, store

EDITION = '{{"cells": [], "metadata": {{"edition": {}}}, "nbformat": 4, "nbformat_minor": 5}}\n'


@pytest.fixture
def course(tmp_path):
    """Two released notebooks, one with a picture beside it."""
    for name in ("00_start", "01_next"):
        room = tmp_path / "course" / name
        room.mkdir(parents=True)
        (room / f"{name}.ipynb").write_text(EDITION.format(1), encoding="utf-8")
    (tmp_path / "course" / "01_next" / "loop.png").write_bytes(b"png")
    return tmp_path / "course"


@pytest.fixture
def copy(tmp_path, course):
    """A working copy, freshly handed out."""
    lab.hand_out(tmp_path / "mine", course)
    return tmp_path / "mine"


def new_edition(course, n=2):
    (course / "00_start" / "00_start.ipynb").write_text(EDITION.format(n), encoding="utf-8")


def edition(path):
    return json.loads(path.read_text(encoding="utf-8"))["metadata"]["edition"]


def test_a_working_copy_has_the_notebooks_and_what_lies_beside_them(copy):
    names = {p.relative_to(copy).as_posix() for p in copy.iterdir()}
    assert names == {".minifit", "mine", "00_start.ipynb", "01_next.ipynb", "loop.png"}


def test_handing_out_again_changes_nothing(copy, course):
    before = {p: p.stat().st_mtime_ns for p in copy.glob("*.*")}
    assert lab.hand_out(copy, course) == []
    assert {p: p.stat().st_mtime_ns for p in copy.glob("*.*")} == before


def test_an_untouched_notebook_is_brought_up_to_date(copy, course):
    new_edition(course)
    assert lab.hand_out(copy, course) == [lab.Change("updated", "00_start.ipynb")]
    assert edition(copy / "00_start.ipynb") == 2


def test_a_touched_notebook_is_kept_and_the_newer_one_laid_beside_it_once(copy, course):
    (copy / "00_start.ipynb").write_text("my work", encoding="utf-8")
    assert lab.hand_out(copy, course) == []
    new_edition(course)
    assert lab.hand_out(copy, course) == [lab.Change("beside", "00_start.ipynb", "00_new_start.ipynb")]
    assert (copy / "00_start.ipynb").read_text(encoding="utf-8") == "my work"
    assert edition(copy / "00_new_start.ipynb") == 2
    (copy / "00_new_start.ipynb").unlink()
    assert lab.hand_out(copy, course) == []


def test_work_in_the_newer_edition_is_kept_too(copy, course):
    (copy / "00_start.ipynb").write_text("my work", encoding="utf-8")
    new_edition(course)
    lab.hand_out(copy, course)
    (copy / "00_new_start.ipynb").write_text("more of my work", encoding="utf-8")
    new_edition(course, 3)
    assert lab.hand_out(copy, course) == [lab.Change("beside", "00_start.ipynb", "00_new2_start.ipynb")]
    assert (copy / "00_new_start.ipynb").read_text(encoding="utf-8") == "more of my work"


def test_a_deleted_notebook_is_handed_out_afresh(copy, course):
    (copy / "00_start.ipynb").unlink()
    assert lab.hand_out(copy, course) == [lab.Change("new", "00_start.ipynb")]


@pytest.mark.parametrize("record", ["", "not JSON", "[]", '{"handed_out": 3}'])
def test_a_lost_record_costs_nobody_their_work(copy, course, record):
    (copy / ".minifit" / "handed_out.json").write_text(record, encoding="utf-8")
    (copy / "01_next.ipynb").write_text("my work", encoding="utf-8")
    lab.hand_out(copy, course)
    assert (copy / "01_next.ipynb").read_text(encoding="utf-8") == "my work"


def test_the_courses_own_folder_is_no_working_copy(course):
    for folder in (course, course.parent, course / "00_start"):
        with pytest.raises(lab.LabError, match="belongs to minifit itself"):
            lab.hand_out(folder, course)


def test_a_file_is_no_working_copy(tmp_path, course):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(lab.LabError, match="is a file"):
        lab.hand_out(tmp_path / "file", course)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root and Windows may write anywhere")
def test_a_folder_that_cannot_be_written_is_named(tmp_path, course):
    (tmp_path / "closed").mkdir(mode=0o500)
    with pytest.raises(lab.LabError, match=r"closed.* cannot be written"):
        lab.hand_out(tmp_path / "closed" / "copy", course)


def test_the_working_copy_is_found_from_within(copy):
    assert lab.find_working_copy(copy / "mine") == copy
    assert lab.find_working_copy(copy.parent) == copy.parent / "minifit-course"


@pytest.mark.parametrize("wanted", ["01", "1", "next", "01_next", "01_next.ipynb"])
def test_a_notebook_is_opened_by_number_or_name(copy, course, wanted):
    assert lab.first_notebook(copy, wanted, course) == "01_next.ipynb"


def test_an_unknown_notebook_is_answered_with_those_there_are(copy, course):
    with pytest.raises(lab.LabError, match="no notebook called '7'; there are 00_start, 01_next"):
        lab.first_notebook(copy, "7", course)


def test_without_jupyterlab_the_extra_is_named(copy, monkeypatch):
    monkeypatch.setattr(lab.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(lab.LabError, match=r"minifit\[course\]"):
        lab.command(copy, "00_start.ipynb", None, True)


def test_lab_serves_the_first_notebook_from_the_working_copy(tmp_path):
    """The real thing: JupyterLab starts, lists the notebooks and would open the first."""
    words = [sys.executable, "-m", "autograder", "lab", "--no-browser", "--dir", str(tmp_path / "copy")]
    environment = os.environ | {"JUPYTER_CONFIG_DIR": str(tmp_path), "JUPYTER_RUNTIME_DIR": str(tmp_path)}
    log = tmp_path / "log"
    with log.open("wb") as file:
        server = subprocess.Popen(words, stdout=file, stderr=file, env=environment, cwd=tmp_path)
    try:
        address = wait_for(r"http://(?:localhost|127\.0\.0\.1):(\d+)(/lab/tree/\S+)\?token=(\w+)", log, server)
        first = sorted(p.name for p in paths.course_folder().glob("[0-9]*_*"))[0]
        assert address[2] == f"/lab/tree/{first}.ipynb"
        url = f"http://127.0.0.1:{address[1]}/api/contents?token={address[3]}"
        names = {entry["name"] for entry in answer_of(url, server)["content"]}
        assert {f"{first}.ipynb", "mine"} <= names
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)


def wait_for(pattern, log, server, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        if found := re.search(pattern, log.read_text(encoding="utf-8", errors="replace")):
            return found
        time.sleep(0.2)
    raise AssertionError(log.read_text(encoding="utf-8", errors="replace"))


def answer_of(url, server, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                return json.load(answer)
        except urllib.error.URLError:  # the address is printed before the server listens
            if time.monotonic() > end or server.poll() is not None:
                raise
            time.sleep(0.2)


@pytest.mark.parametrize("verb", ["lab", "check", "hint", "solution", "progress", "grade", "build"])
def test_every_verb_explains_itself_with_an_example(verb, capsys):
    with pytest.raises(SystemExit) as end:
        cli.main([verb, "--help"])
    assert end.value.code == 0
    assert f"example:\n  minifit {verb}" in capsys.readouterr().out


def test_without_a_verb_the_verbs_are_listed(capsys):
    assert cli.main([]) == 2
    assert "grade a folder of submissions" in capsys.readouterr().out


def test_version(capsys):
    with pytest.raises(SystemExit) as end:
        cli.main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"minifit \d+\.\d+\.\d+\S*\n", capsys.readouterr().out)


# --------------------------------------------------------------------------- a learner in the terminal


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder that is no working copy, in a process that knows of none."""
    monkeypatch.setenv("MINIFIT_HOME", "")
    monkeypatch.chdir(tmp_path)
    store.forget()
    return tmp_path


@pytest.mark.parametrize("words", [["progress"], ["hint", "loop.mse"], ["solution", "loop.mse"]])
def test_without_a_working_copy_it_is_said_where_it_was_looked_for(words, elsewhere, capsys):
    assert cli.main(words) == 0
    assert f"No working copy here (looked in {elsewhere} and above)" in capsys.readouterr().out


def test_a_folder_that_is_no_working_copy_is_refused(elsewhere, capsys):
    assert cli.main(["progress", "--dir", str(elsewhere)]) == 2
    assert "is no working copy; make one with: minifit lab --dir" in capsys.readouterr().err


def test_in_a_terminal_hints_and_solutions_are_commands(elsewhere, monkeypatch, capsys):
    lab.hand_out(elsewhere / "copy")
    monkeypatch.chdir(elsewhere / "copy")
    assert cli.main(["hint", "loop.mse"]) == 0
    assert "2 more: minifit hint loop.mse." in capsys.readouterr().out
    assert cli.main(["solution", "loop.mse"]) == 0
    assert "give this command once more" in capsys.readouterr().out
    assert cli.main(["solution", "loop.mse"]) == 0
    assert "def mse" in capsys.readouterr().out


def test_without_a_memory_the_solution_is_shown_at_once(elsewhere, capsys):
    assert cli.main(["solution", "loop.mse"]) == 0
    assert "def mse" in capsys.readouterr().out


def test_tables_in_a_terminal_have_no_backquotes(elsewhere, capsys):
    assert cli.main(["progress"]) == 0
    assert "`" not in capsys.readouterr().out


def test_what_passes_in_the_terminal_is_kept_as_in_the_notebook(elsewhere, capsys):
    """Also the way back after the progress file was lost."""
    copy = elsewhere / "copy"
    lab.hand_out(copy)
    nb = build.read_source(build.find_source("01"))
    (copy / "01_the_loop_in_twelve_lines.ipynb").write_bytes(build.to_bytes(nb))
    assert cli.main(["check", "01", "--dir", "copy"]) == 0
    assert cli.main(["progress", "--dir", str(copy)]) == 0
    assert capsys.readouterr().out.count("passed") == 5
    script = "import sys; sys.modules['autograder'] = None\nfrom mine import train\nprint(train.__module__)"
    found = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=False)
    assert found.stdout.strip() == "mine.loop", found.stderr
