"""What is remembered survives two notebooks at once, a broken file, a folder that cannot be written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from autograder import store


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".minifit").mkdir()
    (tmp_path / "course").mkdir()
    monkeypatch.chdir(tmp_path / "course")
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()
    return tmp_path / ".minifit" / "progress.json"


def test_the_working_copy_is_the_nearest_folder_upwards(state: Path) -> None:
    assert store.working_copy() == state.parent.parent


def test_the_environment_names_it_where_none_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MINIFIT_HOME", str(tmp_path / "elsewhere"))
    store.forget()
    store.change("hints", "loop.mse", lambda n: 1)
    assert json.loads((tmp_path / "elsewhere" / ".minifit" / "progress.json").read_text())["hints"] == {"loop.mse": 1}


def test_without_one_it_is_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()
    store.change("hints", "loop.mse", lambda n: (n or 0) + 1)
    assert store.change("hints", "loop.mse", lambda n: (n or 0) + 1) == 2
    assert store.read("hints") == {"loop.mse": 2}
    assert list(tmp_path.iterdir()) == []
    store.forget()
    assert store.read("hints") == {}


def test_what_is_read_is_a_copy(state: Path) -> None:
    store.change("passed", "loop.mse", lambda _: {"source": "x"})
    store.read("passed")["loop.mse"]["source"] = "y"
    assert store.read("passed") == {"loop.mse": {"source": "x"}}


def test_several_notebooks_at_once_lose_nothing(state: Path) -> None:
    script = (
        "import sys; from autograder import store\n"
        "for i in range(40):\n"
        "    store.change('attempts', 'shared', lambda n: (n or 0) + 1)\n"
        "    store.change('passed', f'{sys.argv[1]}.{i}', lambda _: True)\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", script, name], cwd=state.parent) for name in "abc"]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert store.read("attempts") == {"shared": 120}
    assert len(store.read("passed")) == 120
    assert [path.name for path in state.parent.iterdir()] == ["progress.json"]


def test_a_lock_that_somebody_died_with_is_taken_away(state: Path) -> None:
    lock = state.with_name("progress.json.lock")
    lock.touch()
    os.utime(lock, (time.time() - 60, time.time() - 60))
    assert store.change("hints", "a", lambda n: 1) == 1
    assert not lock.exists()


@pytest.mark.parametrize("text", ["", "{", "[1, 2]", "null", "\x00\x01", '{"passed": NaN', "[" * 100_000])
def test_a_broken_file_is_set_aside_and_said(state: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    state.write_text(text)
    assert store.change("hints", "a", lambda n: (n or 0) + 1) == 1
    assert state.with_name("progress.json.broken").read_text() == text
    assert "moved to" in capsys.readouterr().out
    state.write_text(text)
    store.read("hints")
    assert state.with_name("progress.json.broken2").read_text() == text


def test_sections_of_the_wrong_form_are_left_out_and_unknown_ones_kept(state: Path) -> None:
    state.write_text(json.dumps({"passed": [1], "hints": {"a": 1}, "later": {"x": 1}}))
    assert store.read("passed") == {}
    store.change("hints", "b", lambda n: 2)
    assert json.loads(state.read_text())["later"] == {"x": 1}
    assert json.loads(state.read_text())["hints"] == {"a": 1, "b": 2}


def test_a_write_that_fails_keeps_the_old_file_and_goes_on_in_memory(
    state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.change("hints", "a", lambda n: 1)
    before = state.read_text()

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", full)
        assert store.change("hints", "a", lambda n: n + 1) == 2
        assert store.change("hints", "a", lambda n: n + 1) == 3
    assert state.read_text() == before
    assert capsys.readouterr().out.count("No space left on device") == 1
    assert [path.name for path in state.parent.iterdir()] == ["progress.json"]
    assert store.change("hints", "b", lambda n: 1) == 1
    assert json.loads(state.read_text())["hints"] == {"a": 3, "b": 1}
