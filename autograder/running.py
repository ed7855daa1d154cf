"""Running a learner's code inside the notebook's own process, and coming back from it.

Whatever it does, the state that it shares with the notebook is put back: NumPy's error handling and
global generator, the warnings filters, standard output.
"""

from __future__ import annotations

import contextlib
import copy
import ctypes
import io
import linecache
import os
import signal
import sys
import sysconfig
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .exercise import Exercise
from .judge import Outcome, Raised

SECONDS = 5.0  # for one case; a right answer takes milliseconds
_PRINTED = 2000
_PACKAGE = Path(__file__).resolve().parent
_ENGINE = str(_PACKAGE.parent / "minifit") + os.sep
_LIBRARIES = tuple(
    str(Path(path).resolve()) + os.sep
    for path in {*sysconfig.get_paths().values(), str(_PACKAGE), _ENGINE}
    if path != sysconfig.get_paths()["data"]
)


class TooSlow(BaseException):
    """Raised inside a learner's code when its time is over. No ``except Exception`` catches it."""


class InProcess:
    """Runs an exercise's scenario on an object of the learner's.

    Parameters
    ----------
    exercise : Exercise
    obj : object
    seconds : float
        Wall-clock time for one case.
    guarded : bool
        Whether calling the engine or the reference to do the work is noticed.
    """

    def __init__(self, exercise: Exercise, obj: Any, seconds: float = SECONDS, guarded: bool = True) -> None:
        self.exercise, self.obj, self.seconds, self.guarded = exercise, obj, seconds, guarded

    def __call__(self, inputs: tuple) -> Outcome:
        before = copy.deepcopy(inputs)
        printed = io.StringIO()
        raised: Raised | None = None
        outputs, timed_out = None, ""
        watch = Watch(self.exercise) if self.guarded else contextlib.nullcontext()
        with _own_state(printed):
            try:
                with time_limit(self.seconds), watch:
                    outputs = self.exercise.scenario(self.obj, *inputs)
            except TooSlow:
                timed_out = f"took longer than {self.seconds:g} s"
            except KeyboardInterrupt:
                raise
            except BaseException as error:
                raised = describe(error)
        mutated = tuple(i for i, (a, b) in enumerate(zip(before, inputs, strict=True)) if not same(a, b))
        called = watch.called if isinstance(watch, Watch) else ""
        return Outcome(outputs, raised, timed_out, mutated, printed.getvalue()[:_PRINTED], called)


@contextlib.contextmanager
def _own_state(printed: io.StringIO) -> Iterator[None]:
    state = np.random.get_state()  # noqa: NPY002 - the learner's own stream, put back as it was
    try:
        with (
            warnings.catch_warnings(),
            np.errstate(all="ignore"),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(state)  # noqa: NPY002


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` inside the block once it has taken too long.

    In the main thread of a POSIX system an alarm does it; elsewhere a timer raises it in this thread
    at the next line of Python.
    """
    if hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread():

        def stop(*_: Any) -> None:
            # An answer that swallows it is stopped again, and again.
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            raise TooSlow

        before = signal.signal(signal.SIGALRM, stop)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
        return
    thread = ctypes.c_ulong(threading.get_ident())
    timer = threading.Timer(
        seconds, lambda: ctypes.pythonapi.PyThreadState_SetAsyncExc(thread, ctypes.py_object(TooSlow))
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Watch:
    """Notices that the exercise's reference, or the engine, is called to do the learner's work.

    Attributes
    ----------
    called : str
        The first such function, or nothing.
    """

    def __init__(self, exercise: Exercise) -> None:
        self.called = ""
        self._reference = set(_code_of(exercise.reference))

    def __enter__(self) -> Watch:
        self._before = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _see(self, frame: Any, event: str, argument: Any) -> None:
        if event == "call" and not self.called:
            code = frame.f_code
            if code.co_filename.startswith(_ENGINE):
                self.called = f"minifit.{Path(code.co_filename).stem}.{code.co_name}"
            elif code in self._reference:
                self.called = f"the reference, {code.co_name}"


def _code_of(obj: Any) -> Iterator[Any]:
    if isinstance(obj, type):
        for value in vars(obj).values():
            yield from _code_of(value)
    elif hasattr(obj, "__code__"):
        yield obj.__code__


def describe(error: BaseException) -> Raised:
    """Return an exception as text, with the learner's own frames only."""
    frames = []
    for frame in traceback.extract_tb(error.__traceback__):
        if not frame.filename.startswith(_LIBRARIES) and not frame.filename.startswith("<frozen"):
            line = frame.line or linecache.getline(frame.filename, frame.lineno or 0)
            frames.append((f"in {frame.name}", frame.lineno or 0, line.strip()[:120]))
    try:
        text = str(error)
    except BaseException:
        text = ""
    if isinstance(error, SystemExit):
        text = "exit() ends the whole notebook; return instead"
    if isinstance(error, RecursionError):
        frames = frames[-1:]
    first_line = (text.splitlines() or [""])[0]
    return Raised(type(error).__name__, first_line, tuple(frames[-3:]))


def same(a: Any, b: Any) -> bool:
    """Tell whether two inputs are the same to the last bit."""
    if isinstance(a, np.ndarray):
        alike = isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape
        return alike and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, int | float | str | bool | None):
        return type(a) is type(b) and (a == b or a != a)
    return True  # objects made for the run, such as generators and models, are the scenario's own


Runner = Callable[[tuple], Outcome]
