"""A class of submissions that cheat, break, spend, spy and reach out: each gets what it deserves, the others theirs."""

import contextlib
import hashlib
import importlib.util
import json
import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest
from hostile import CASES, FIRST, Places
from hostile.case import ALL

from autograder import build
from autograder.grading import batch, process, sandbox
from autograder.grading.limits import Limits
from autograder.grading.results import UNGRADED

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

NAME = "04_losses"
LIMITS = Limits(step=10.0, notebook=60.0, memory=1000 * 2**20, disk=64 * 2**20, cells={FIRST: {"step": 1.5}})
HONEST = ("honest_ada", "honest_zoe")  # first and last of the class

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no walls but limits")


def contents(top):
    """Every file below a folder: its bytes' digest, its mode and the time it was written."""
    found = {}
    for path in sorted(top.rglob("*")):
        facts = path.lstat()
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(top))] = (hashlib.sha256(data).hexdigest(), facts.st_mode, facts.st_mtime_ns)
    return found


def processes_of(folder):
    """Processes started with an environment that names a folder: the forker, and all that came of it."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            with contextlib.suppress(OSError):
                if os.fsencode(folder) in Path("/proc", entry, "environ").read_bytes():
                    found.append(int(entry))
    return found


@pytest.fixture(scope="module")
def room(tmp_path_factory):
    """The class, graded: what came of it, what lay around before and after, who called, who is still running."""
    top = tmp_path_factory.mktemp("hostile")
    full = make.solved(build.find_source(NAME))
    home, around = top / "home", top / "around"
    (home / ".ssh").mkdir(parents=True)
    around.mkdir()
    for path in (home / ".ssh" / "id_rsa", home / ".profile", around / "gradebook.db", around / "secret"):
        path.write_text("not for a notebook", encoding="utf-8")
    solutions = around / "solutions"
    solutions.mkdir()
    (solutions / "04_losses.py").write_text("not for a notebook", encoding="utf-8")
    called = []
    server = socket.create_server(("127.0.0.1", 0))

    def listen():
        with contextlib.suppress(OSError):
            while True:
                called.append(server.accept())

    threading.Thread(target=listen, daemon=True).start()
    places = Places(
        home,
        around / "secret",
        around / "gradebook.db",
        top / "submitted" / HONEST[0] / f"{NAME}.ipynb",
        solutions,
        Path(batch.__file__).parents[1] / "exercises" / "losses.py",
        server.getsockname()[1],
    )
    for name in HONEST:
        (top / "submitted" / name).mkdir(parents=True)
        (top / "submitted" / name / f"{NAME}.ipynb").write_text(json.dumps(full), encoding="utf-8")
    for case in CASES:
        folder = top / "submitted" / case.name
        folder.mkdir()
        made = case.make(json.loads(json.dumps(full)), places)
        data = made if isinstance(made, bytes) else json.dumps(made).encode()
        (folder / f"{NAME}.ipynb").write_bytes(data)
        for other, text in case.beside.items():
            (folder / other).write_text(text, encoding="utf-8")
    temporary = top / "temporary"
    temporary.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_OF_THE_INSTRUCTOR", "x")
        patch.setenv("TMPDIR", str(temporary))
        patch.setattr("tempfile.tempdir", None)
        process.stop()
        before = {place: contents(place) for place in (home, around, top / "submitted")}
        reference = places.reference.read_bytes()
        whole = batch.grade_folder(top / "submitted", top / "graded", limits=LIMITS, workers=2)
        process.stop()
        time.sleep(1.5)  # what was left behind would have acted by now
        after = {place: contents(place) for place in before}
    server.close()
    left = [p.name for p in temporary.iterdir()]
    return {
        "results": {r.student: r for r in whole.results if r.notebook == NAME},
        "whole": whole,
        "before": before,
        "after": after,
        "reference": (reference, places.reference.read_bytes()),
        "called": called,
        "running": processes_of(temporary),
        "left": left,
    }


def earned(result):
    return {score.identifier: score for score in result.scores if not score.by_hand}


def test_the_walls_are_the_strongest_this_system_allows(room):
    assert room["whole"].level in ("kernel", "full"), room["whole"].in_force


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_it_earns_what_it_deserves_and_nothing_else(room, case):
    result = room["results"][case.name]
    scores = earned(result)
    assert len(scores) == 6
    lost = tuple(scores) if case.loses == ALL else case.loses
    got = {name: score.points for name, score in scores.items()}
    assert got == {name: 0.0 if name in lost else score.most for name, score in scores.items()}, "\n".join(
        [*result.notes, *(f"{s.identifier}: {s.status}: {s.message}" for s in scores.values() if s.status != "right")]
    )
    if case.says:
        told = [scores[FIRST].message, *result.notes]
        assert any(case.says in text for text in told), told


@pytest.mark.parametrize("name", HONEST)
def test_who_sits_beside_them_gets_every_point(room, name):
    result = room["results"][name]
    assert {s.status for s in earned(result).values()} == {"right"}
    assert result.notes == []


def test_every_submission_was_graded(room):
    assert len(room["results"]) == len(CASES) + len(HONEST)
    assert not [r.student for r in room["results"].values() if "no fault of the student's" in " ".join(r.notes)]
    broken = {case.name for case in CASES if case.loses == ALL}
    ungraded = {r.student for r in room["results"].values() if any(s.status == UNGRADED for s in r.scores)}
    assert ungraded <= broken


def test_nothing_outside_was_changed(room):
    assert room["before"] == room["after"]
    assert room["reference"][0] == room["reference"][1]


def test_nobody_was_called_over_the_network(room):
    assert room["called"] == []


def test_nothing_is_left_running_and_no_folder_stays(room):
    assert room["running"] == []
    assert room["left"] == []


def test_there_are_at_least_90_of_them_with_names_of_their_own():
    assert len({case.name for case in CASES}) == len(CASES) >= 90


def test_what_holds_is_told(room):
    told = sandbox.sentence(room["whole"].in_force)
    assert told.startswith(f"Sandbox: {room['whole'].level}.")
