"""Several judges at work at a time, each a process of its own that grades one submission after the other.

A judge that comes to grief, or never comes back, costs the submission it had; its seat is filled again.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import select
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from autograder.grading import secret
from autograder.grading.assignment import Assignment
from autograder.grading.grader import grade
from autograder.grading.limits import Limits
from autograder.grading.results import UNGRADED, Result, Score
from autograder.grading.submissions import Submission

Task = tuple[Submission, Assignment | None]
_HEADER = struct.Struct(">Q")


class Seeds:
    """Exercise → secret seed."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def __call__(self, identifier: str) -> int:
        return secret.seed(self._key, identifier)


def surely(grade: Callable[..., Result], task: Task, seeds: Callable[[str], int], limits: Limits) -> Result:
    """Grade one submission; should that fail through a fault of ours, say so and let the others be graded."""
    one, assignment = task
    start = time.monotonic()
    if one.problem:
        notes = [text for text in (one.problem, one.note) if text]
        result = Result(one.student, None, one.path.name, notes=notes)
    else:
        try:
            result = grade(one, assignment, seeds, limits)
        except Exception as error:
            result = failed(task, f"{type(error).__name__}: {error}")
    result.stamp, result.lms = one.stamp, one.lms
    result.seconds = round(time.monotonic() - start, 3)
    return result


def failed(task: Task, why: str) -> Result:
    """The result of a submission that could not be graded through a fault of ours."""
    one, assignment = task
    reason = f"not graded: grading it failed ({why}); this is no fault of the student's"
    items = assignment.items if assignment else []
    scores = [Score(item.cell, item.identifier, 0.0, item.points, UNGRADED) for item in items]
    return Result(one.student, one.notebook, one.path.name, scores, [reason], stamp=one.stamp, lms=one.lms)


def grade_all(
    tasks: Sequence[Task], key: bytes, limits: Limits, seats: int, keep: Callable[[int, Result], None]
) -> Generator[tuple[int, Result], None, None]:
    """Grade submissions in several processes.

    Parameters
    ----------
    tasks : sequence of (Submission, Assignment or None)
    key : bytes
        The secret.
    limits : Limits
    seats : int
        How many judges.
    keep : callable
        Called with a task's position and result as soon as it is done, whether or not anybody asks for it yet.

    Returns
    -------
    iterator of (int, Result)
        The task's position and what came of it, in the order they are done. The judges are at work as soon as
        this is called.
    """
    waiting: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[int, Result]] = queue.SimpleQueue()
    for number in range(len(tasks)):
        waiting.put(number)
    places = [_Seat(key, limits) for _ in range(min(seats, len(tasks)))]

    def serve(seat: _Seat) -> None:
        while (number := waiting.get()) is not None:
            result = seat.grade(tasks[number])
            if not seat.closed:
                keep(number, result)
            done.put((number, result))

    threads = [threading.Thread(target=serve, args=(seat,), daemon=True) for seat in places]
    for thread in threads:
        thread.start()

    def results() -> Generator[tuple[int, Result], None, None]:
        try:
            for _ in tasks:
                yield done.get()
        finally:
            for _ in places:
                waiting.put(None)
            for seat in places:
                seat.close()

    return results()


class _Seat:
    """One judge's process, from the judge's who hands out the work."""

    def __init__(self, key: bytes, limits: Limits) -> None:
        self._start = (key, limits)
        most = max([limits.notebook, *(limits.of_notebook(name).notebook for name in limits.notebooks)])
        self._patience = 3 * most + 120
        self._process: subprocess.Popen[bytes] | None = None
        self.closed = False

    def grade(self, task: Task) -> Result:
        why = ""
        for _ in range(2):  # what happens once may be the machine's fault
            try:
                return self._ask(task)
            except TimeoutError:
                self._end()
                why = f"its judge did not come back within {self._patience:g} s"
                break
            except (OSError, EOFError, pickle.PickleError) as error:
                self._end()
                why = f"its judge's process ended ({type(error).__name__})"
        return failed(task, why)

    def _ask(self, task: Task) -> Result:
        if self.closed:
            raise EOFError
        if self._process is None:
            self._process = _started()
            assert self._process.stdin is not None
            _send(self._process.stdin, self._start)
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        _send(process.stdin, task)
        return _receive(process.stdout, time.monotonic() + self._patience)

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            process.wait(3)  # a judge leaves when nobody is there to ask, and takes its workers along
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def close(self) -> None:
        self.closed = True
        self._end()


def _started() -> subprocess.Popen[bytes]:
    package = str(Path(__file__).resolve().parents[2])
    path = os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    return subprocess.Popen(
        # Safe path: the folder one stands in may hold a learner's json.py.
        [sys.executable, "-P", "-m", "autograder.grading.seats"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": path} | dict.fromkeys(threads, "1"),
    )


def _send(pipe: Any, thing: Any) -> None:
    body = pickle.dumps(thing)
    pipe.write(_HEADER.pack(len(body)) + body)
    pipe.flush()


def _receive(pipe: Any, until: float | None = None) -> Any:
    """What another process of ours sent; learners' processes never hold these pipes."""
    (length,) = _HEADER.unpack(_exactly(pipe, _HEADER.size, until))
    return pickle.loads(_exactly(pipe, length, until))


def _exactly(pipe: Any, length: int, until: float | None) -> bytes:
    parts = []
    while length:
        if until is not None and sys.platform != "win32":  # Windows cannot wait for a pipe: no deadline there
            left = until - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise TimeoutError
        part = os.read(pipe.fileno(), min(length, 2**20))
        if not part:
            raise EOFError
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def main() -> None:
    """Sit down and grade what is handed over, until nobody hands over any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests: BinaryIO = os.fdopen(os.dup(0), "rb", buffering=0)
    replies: BinaryIO = os.fdopen(os.dup(1), "wb", buffering=0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(2, 1)
    try:
        key, limits = _receive(requests)
        while True:
            task = _receive(requests)
            _send(replies, surely(grade, task, Seeds(key), limits))
    except (EOFError, BrokenPipeError):
        return


if __name__ == "__main__":
    main()
