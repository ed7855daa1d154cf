"""The worker and its walls: each of them alone, what holds without the strongest, and what a crash leaves behind."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from autograder import build
from autograder.grading import process, sandbox, secret, wire
from autograder.grading.assignment import Assignment
from autograder.grading.grader import grade
from autograder.grading.limits import Limits
from autograder.grading.session import Died, Session
from autograder.grading.submissions import Submission

linux = pytest.mark.skipif(sys.platform != "linux", reason="namespaces, Landlock and seccomp are Linux'")


def run(session, source, seconds=20.0):
    """What a cell raised, as text; empty if nothing."""
    reply = session.ask({"do": "run", "cell": "a", "source": source}, seconds)
    return f"{reply['raised']['type']}: {reply['raised']['text']}" if "raised" in reply else ""


# What is not there, and what still is

CLOSED = {
    "a file of the system": "open('/etc/passwd')",
    "the reference": f"open({str(Path(build.__file__).parent / 'exercises' / 'losses.py')!r})",
    "the package itself": f"open({build.__file__!r})",
    "a listing of what lies outside": f"import os\nos.listdir({str(Path(build.__file__).parents[1])!r})",
    "another process": "import os\nos.kill(os.getppid(), 9)",
    "a process's limits": "import os, resource\nresource.prlimit(os.getppid(), resource.RLIMIT_CPU, (1, 1))",
    "the memory of a process": "import os\nopen(f'/proc/{os.getppid()}/mem')",
    "a socket": "import socket\nsocket.socket()",
    "a fork": "import os\nos.fork()",
    "a program": "import subprocess, sys\nsubprocess.run([sys.executable, '-V'])",
    "a file's mode elsewhere": f"import os\nos.chmod({__file__!r}, 0)",
    "a file's end elsewhere": f"import os\nos.truncate({__file__!r}, 0)",
    "a new place for a file": f"import os\nos.rename({__file__!r}, 'mine')",
}
OPEN = {
    "NumPy": "import numpy.polynomial, numpy.fft\nassert numpy.linalg.norm([3, 4]) == 5",
    "a plot": "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.title('$x^2$')\nplt.savefig('a.png')",
    "files of its own": "open('x', 'w').write('a')\nimport os\nos.makedirs('a/b')\nos.replace('x', 'a/y')",
    "temporary files": "import tempfile\ntempfile.mkdtemp()\ntempfile.NamedTemporaryFile().write(b'x')",
    "threads": "import concurrent.futures as c\nwith c.ThreadPoolExecutor(3) as p:\n    list(p.map(abs, [1, -2]))",
    "randomness": "import os, secrets\nimport numpy as np\nnp.random.default_rng().random()\nsecrets.token_hex()",
    "a data set": "from minifit.datasets import penguins\npenguins.load_data()",
    "time": "import datetime, time\ndatetime.datetime.now()\ntime.sleep(0)",
}


def seen(session):
    """What of `CLOSED` is open after all, and what of `OPEN` is closed."""
    wrong = {name: "got through" for name, source in CLOSED.items() if not run(session, source)}
    return wrong | {name: said for name, source in OPEN.items() if (said := run(session, source))}


@linux
def test_everything_outside_is_closed_and_everything_needed_is_there():
    with Session() as session:
        if session.level == "limits":
            pytest.skip("this system has neither namespaces nor Landlock")
        assert seen(session) == {}


def test_a_fresh_process_where_none_can_be_forked_does_the_same_work(monkeypatch):
    monkeypatch.setattr(process.kernel, "column", lambda: None)
    with Session() as session:
        assert {name: said for name, source in OPEN.items() if (said := run(session, source))} == {}
        message = {"do": "take", "exercise": "losses.x", "expression": "abs"}
        assert session.ask(message, 20)["found"]
        call = {"do": "call", "exercise": "losses.x", "scenario": "autograder.scenarios:call"}
        reply = session.ask({**call, "inputs": wire.pack((np.array([-1.0, 2.0]),))}, 20)
        assert wire.unpack(reply["outputs"]).tolist() == [1.0, 2.0]
        with pytest.raises(Died, match="took longer than 1 s"):
            run(session, "while True: pass", 1.0)


WITHOUT_NAMESPACES = """
import sys
sys.path[:0] = {path!r}
from test_grading_sandbox import Session, sandbox, seen
with Session() as session:
    print(session.level, seen(session))
try:
    sandbox.require(session.in_force, "full")
except RuntimeError as error:
    print(error)
"""


@linux
def test_without_namespaces_files_processes_and_network_are_closed_all_the_same():
    """As on systems that allow no user namespaces: here one in which no more of them may be made."""
    if shutil.which("unshare") is None or subprocess.run(["unshare", "-Ur", "true"], check=False).returncode:
        pytest.skip("user namespaces cannot be made here to be forbidden in")
    script = WITHOUT_NAMESPACES.format(path=[str(Path(__file__).parent), str(Path(build.__file__).parents[1])])
    forbid = 'echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -c "$1"'
    done = subprocess.run(
        ["unshare", "-Ur", "sh", "-c", forbid, sys.executable, script], capture_output=True, text=True, check=True
    )
    first, second = done.stdout.splitlines()
    level, _, wrong = first.partition(" ")
    if level == "limits":
        pytest.skip("this system has no Landlock")
    assert (level, wrong) == ("kernel", "{}")
    assert "the sandbox here is 'kernel', and 'full' is required" in second


def test_levels_are_told_and_required():
    full = [*sandbox.namespaces.CLOSED, "memory", "system calls"]
    kernel = ["memory", "files", "network", "system calls"]
    assert [sandbox.level(x) for x in (full, kernel, ["memory"], [])] == ["full", "kernel", "limits", "limits"]
    assert "did not exist for it" in sandbox.sentence(full)
    assert "It could still read files and use the network" in sandbox.sentence(["memory"])
    sandbox.require(full, "full")
    sandbox.require(kernel, "kernel")
    with pytest.raises(RuntimeError, match="'limits', and 'kernel' is required"):
        sandbox.require(["memory"], "kernel")


# What is left of a process


def below(pid):
    """The processes that a process has started, and those that they have."""
    parents = {}
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError, ValueError):
            stat = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
            if stat[0] != "Z":
                parents[int(entry)] = int(stat[1])
    found = {pid}
    for _ in parents:
        found |= {child for child, parent in parents.items() if parent in found}
    return found - {pid}


def soon(happens):
    """Whether something comes about within a while: the list of processes is not read in one moment."""
    end = time.monotonic() + 20
    while not (found := happens()) and time.monotonic() < end:
        time.sleep(0.05)
    return found


DAEMON = """
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        time.sleep(600)
    os._exit(0)
"""


@linux
def test_a_worker_ends_with_all_that_it_started():
    with Session(Limits(processes=8)) as session:
        before = below(process._forker()._process.pid)
        said = run(session, "import subprocess\nfor _ in range(3): subprocess.Popen(['/x'])")
        assert said.startswith("FileNotFoundError")
        assert run(session, DAEMON) == ""
        assert soon(lambda: len(below(process._forker()._process.pid)) > len(before))
    assert soon(lambda: not below(process._forker()._process.pid))


@linux
def test_when_the_judge_is_killed_nothing_of_its_workers_stays():
    script = "from autograder.grading.session import Session\nfrom autograder.grading import process\n"
    script += "s = Session()\nprint(process._forker()._process.pid, flush=True)\n"
    script += "s.ask({'do': 'run', 'cell': 'a', 'source': 'while True: pass'}, 600)"
    judge = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    forker = int(judge.stdout.readline())
    time.sleep(0.3)
    everything = {forker, *below(forker)}
    assert len(everything) >= 3
    judge.kill()
    judge.wait()
    assert soon(lambda: not any(Path("/proc", str(pid), "exe").exists() for pid in everything))


@linux
def test_when_the_forker_is_killed_the_next_worker_comes_from_another():
    with Session() as session:
        old = process._forker()._process
        os.kill(old.pid, signal.SIGKILL)
        old.wait()
        assert run(session, "x = 1") == "", "those it has started live on"
    with Session() as session:
        assert run(session, "x = 1") == ""
    assert process._forker()._process.pid != old.pid


# Limits


def test_limits_are_read_from_a_file(tmp_path):
    path = tmp_path / "limits.toml"
    path.write_text(
        'step = 5\nmemory = 1_000_000_000\n[notebooks."04_losses"]\nnotebook = 90\n[cells."losses.Loss"]\nstep = 2.5\n',
        encoding="utf-8",
    )
    limits = Limits.load(path)
    assert (limits.step, limits.of_cell("losses.Loss").step, limits.of_notebook("04_losses").notebook) == (5, 2.5, 90)
    assert limits.of_notebook("05_gradients").notebook == 60
    assert limits.of_process()["memory"] == 1_000_000_000


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stepp = 3", "there is no limit 'stepp'"),
        ("step = 0", "step expects a number of at least 0.01; got 0"),
        ("step = true", "step expects a number"),
        ('memory = "4 GB"', "memory expects a number"),
        ('[cells."a.b"]\nprocesses = 3', 'there is no cells."a.b".processes'),
        ("step = ", "cannot be read"),
    ],
)
def test_limits_that_make_no_sense_are_refused(tmp_path, text, said):
    (tmp_path / "limits.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        Limits.load(tmp_path / "limits.toml")


def one_exercise(folder, answers, **limits):
    """Grade a notebook of two exercises whose answers are given; their statuses and the notes."""
    notebook = {"metadata": {}, "cells": []}
    for name, text in answers.items():
        stem = name.replace(".", "-", 1)
        answer = {"grade_id": f"{stem}-answer", "solution": True, "grade": False, "locked": False}
        check = {"grade_id": stem, "grade": True, "solution": False, "points": 1}
        source = f'check("{name}", {name.partition(".")[2]})'
        notebook["cells"] += [
            {"cell_type": "code", "source": f"import numpy as np\n{text}", "metadata": {"nbgrader": answer}},
            {"cell_type": "code", "source": source, "metadata": {"nbgrader": check}},
        ]
    path = folder / "90_one" / "90_one.ipynb"
    path.parent.mkdir()
    path.write_text(json.dumps(notebook), encoding="utf-8")
    given = Limits(**limits)
    seeds = lambda identifier: secret.seed(b"the secret of these tests", identifier)  # noqa: E731
    result = grade(Submission("ada", "90_one", path), Assignment("90_one", path), seeds, given)
    return {score.identifier: score for score in result.scores}, result.notes


LINEAR = "def linear(x, w, b):\n    return x @ w + b\n"
MSE = "def mse(y_true, y_pred):\n    return float(np.mean((y_pred - y_true) ** 2))\n"


def test_what_a_cell_defines_counts_though_the_cell_never_ends(tmp_path):
    answers = {"loop.linear": f"{LINEAR}while True:\n    pass", "loop.mse": MSE}
    scores, notes = one_exercise(tmp_path, answers, step=1.0)
    assert {s.status for s in scores.values()} == {"right"}
    assert notes == [
        "cell loop-linear-answer did not come back, so all but its definitions was left out: it took longer than 1 s"
    ]


def test_an_exercise_may_have_limits_of_its_own(tmp_path):
    slow = "import time\ndef linear(x, w, b):\n    time.sleep(0.4)\n    return x @ w + b\n"
    tight = {"loop.linear": {"step": 0.2}}
    scores, _ = one_exercise(tmp_path, {"loop.linear": slow, "loop.mse": MSE}, cells=tight)
    assert [s.status for s in scores.values()] == ["timed out", "right"]


@linux
def test_memory_and_cpu_of_one_exercise_can_be_less_than_the_notebooks(tmp_path):
    big = "def linear(x, w, b):\n    np.ones(2**27)\n    return x @ w + b\n"
    busy = "def mse(y_true, y_pred):\n    while True:\n        pass\n"
    tight = {"loop.linear": {"memory": 1_200_000_000}, "loop.mse": {"cpu_step": 1}}
    scores, _ = one_exercise(tmp_path, {"loop.linear": big, "loop.mse": busy}, cells=tight, step=30.0)
    assert "MemoryError" in scores["loop.linear"].message
    assert "CPU time was used up" in scores["loop.mse"].message


def test_a_notebook_that_always_dies_is_not_started_for_ever(tmp_path):
    answers = {"loop.linear": "import os\nos._exit(1)", "loop.mse": MSE}
    scores, _ = one_exercise(tmp_path, answers, restarts=0)
    assert [s.points for s in scores.values()] == [0, 0]
    assert "brought its process down 1 times" in scores["loop.mse"].message


# The line between judge and worker


def test_a_message_of_too_many_parts_is_refused_before_it_is_read():
    reading, writing = os.pipe()
    body = b"[" + b"0," * (2 * wire.MAX_PARTS) + b"0]"
    import threading

    sender = threading.Thread(target=lambda: os.write(writing, len(body).to_bytes(8, "big")) + _write(writing, body))
    sender.start()
    with pytest.raises(wire.WireError, match="parts"):
        wire.receive(reading)
    sender.join()


def _write(to, data):
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(to, rest) :]
    return 0


ANSWER_TWICE = """
import json, os, struct
said = json.dumps({"number": 1}).encode()
for line in range(3, 9):
    try:
        os.write(line, struct.pack(">Q", len(said)) + said)
    except OSError:
        pass
"""


def test_an_answer_to_an_earlier_question_is_no_answer():
    twice = "import json, os, struct\nsaid = json.dumps({'number': 1}).encode()\n"
    twice += (
        "for i in range(3, 9):\n    try: os.write(i, struct.pack('>Q', len(said)) + said)\n    except OSError: pass"
    )
    with Session() as session:
        assert run(session, twice) == ""
        with pytest.raises(Died, match="answers what nobody asked"):
            run(session, "x = 1")
