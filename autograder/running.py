"""Running a learner's code inside the notebook's own process, and coming back from it.

Whatever it does, what it shares with the notebook is put back: standard output, NumPy's error handling,
names and global generator, the warnings filters, the built-in names, the recursion limit, the folder.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import ctypes
import difflib
import dis
import functools
import inspect
import io
import linecache
import os
import random
import signal
import sys
import sysconfig
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .compare import Unusable, plain
from .delegation import Watch, codes_of
from .exercise import Exercise
from .judge import Outcome, Raised, same

SECONDS = 5.0  # for one case; a right answer takes milliseconds
_AGAIN = 0.01  # seconds between two stops of an answer that swallows them
_PRINTED = 2000  # characters
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
        blank = untouched(self.obj)
        if blank is not None:
            return Outcome(raised=Raised("NotImplementedError", "", (_place(blank, blank.co_firstlineno),)))
        before = copy.deepcopy(inputs)
        printed = Bounded()
        raised: Raised | None = None
        outputs: Any = None
        timed_out = ""
        watch = Watch(self.exercise, self.obj)
        call = functools.partial(_named_as_before, self.exercise.scenario, self.obj, *inputs)
        with _own_state(printed):
            try:
                with watch if self.guarded else contextlib.nullcontext(), time_limit(self.seconds):
                    outputs = call()
                outputs = _taken(outputs)
            except TooSlow:
                timed_out = f"took longer than {self.seconds:g} s"
            except KeyboardInterrupt as error:
                if not _by_hand(error):  # somebody pressed stop
                    raise
                raised = describe(error)
            except BaseException as error:
                raised = describe(error)
        mutated = tuple(i for i, (a, b) in enumerate(zip(before, inputs, strict=True)) if not same(a, b))
        return Outcome(outputs, raised, timed_out, mutated, printed.getvalue(), watch.called)


def _named_as_before(scenario: Callable[..., Any], *arguments: Any) -> Any:
    """Call, and put back what was renamed or deleted of Python's and NumPy's names.

    Here and not with the rest of the state: on the way out even a with statement needs ``next``.
    """
    spaces = [vars(module) for module in (builtins, np, np.linalg, np.random)]
    kept = [(space, space.copy()) for space in spaces]
    try:
        return scenario(*arguments)
    finally:
        for space, names in kept:
            space.update(names)


class Bounded(io.StringIO):
    """Keeps the beginning of what is written to it."""

    def write(self, text: str) -> int:
        room = _PRINTED - self.tell()
        if room > 0:
            super().write(str(text)[:room])
        return len(text)


def _taken(outputs: Any) -> Any:
    """Copy what came back before a later call can change it."""
    if outputs is Ellipsis:
        return outputs
    try:
        return plain(outputs)
    except Unusable as error:
        if type(outputs) is types.CoroutineType:
            outputs.close()  # or Python complains later that nobody awaited it
        return error


def _by_hand(error: BaseException) -> bool:
    """Whether a raise statement raised it, not the keyboard."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    return last is not None and last.tb_frame.f_code.co_code[last.tb_lasti] == dis.opmap["RAISE_VARARGS"]


@contextlib.contextmanager
def _own_state(printed: io.StringIO) -> Iterator[None]:
    # The global streams are the learner's own; they are put back as they were.
    numpy_stream, python_stream = np.random.get_state(), random.getstate()  # noqa: NPY002
    printing, limit, folder = np.get_printoptions(), sys.getrecursionlimit(), _folder()
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
        np.random.set_state(numpy_stream)  # noqa: NPY002
        random.setstate(python_stream)
        np.set_printoptions(**printing)
        sys.setrecursionlimit(limit)
        if folder and _folder() != folder:
            os.chdir(folder)


def _folder() -> str:
    try:
        return os.getcwd()
    except OSError:  # it has been deleted
        return ""


# --------------------------------------------------------------------------- time


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raise `TooSlow` inside the block once it has taken too long.

    In the main thread of a POSIX system an alarm does it; elsewhere a second thread, gone at the end of
    the block, raises it in this one. Neither can end a single call into compiled code.
    """
    alarm = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    with _alarm(seconds) if alarm else _watcher(seconds):
        yield


def _ours(frame: types.FrameType) -> bool:
    return frame.f_code.co_filename in (__file__, contextlib.__file__)


@contextlib.contextmanager
def _alarm(seconds: float) -> Iterator[None]:
    stops = 0
    tracing = sys.gettrace()

    def stop(_: int, frame: types.FrameType | None) -> None:
        nonlocal stops
        if frame is None or _ours(frame):  # the learner's code has not begun, or is over
            return
        stops += 1
        if stops > 1:
            # It catches everything inside a loop. Stopping it in its except block gets out of that loop.
            sys.settrace(on)
            while frame is not None and not _ours(frame):
                frame.f_trace = on
                frame = frame.f_back
        raise TooSlow

    def on(frame: types.FrameType, event: str, _: Any) -> Any:
        if event == "line" and not _ours(frame):
            raise TooSlow
        return on

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if stops > 1:
            sys.settrace(tracing)


@contextlib.contextmanager
def _watcher(seconds: float) -> Iterator[None]:
    thread = threading.get_ident()
    raise_in = ctypes.pythonapi.PyThreadState_SetAsyncExc
    over = threading.Event()
    inside = True

    def watch() -> None:
        pause = seconds
        while not over.wait(pause):
            frame = sys._current_frames().get(thread)
            if inside and frame is not None and not _ours(frame):
                raise_in(ctypes.c_ulong(thread), ctypes.py_object(TooSlow))
            pause = _AGAIN

    watching = threading.Thread(target=watch, daemon=True)
    watching.start()
    try:
        yield
    finally:
        inside = False
        # One may still be on its way; it arrives during these calls. To call it off would leave a flag set
        # that makes Python 3.11 spin for ever in a profiled call.
        for _ in range(3):
            with contextlib.suppress(TooSlow):
                over.set()
                watching.join()


# --------------------------------------------------------------------------- what it holds


_IDLE = {"RESUME", "NOP", "POP_TOP", "PUSH_NULL", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
_RAISING = {"LOAD_GLOBAL", "LOAD_COMMON_CONSTANT", "PRECALL", "CALL", "RAISE_VARARGS", "KW_NAMES"}


def untouched(obj: Any) -> types.CodeType | None:
    """Return the code of a blank nobody has filled: a docstring, ``pass``, ``...``, NotImplementedError.

    Of a class, when all its own methods are such blanks.

    Examples
    --------
    >>> def blank(x):
    ...     '''Something to write.'''
    >>> untouched(blank).co_name
    'blank'
    >>> untouched(lambda x: 0) is None
    True
    """
    if isinstance(obj, type):
        own = [c for c in obj.__mro__ if c.__module__ == obj.__module__]
        codes = [code for c in own for code in codes_of(c)]
        return codes[0] if codes and all(map(_is_blank, codes)) else None
    code = getattr(obj, "__code__", None)
    return code if isinstance(code, types.CodeType) and _is_blank(code) else None


def _is_blank(code: types.CodeType) -> bool:
    if code.co_name == "<lambda>" or code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE):
        return False
    instructions = list(dis.get_instructions(code))
    raising = any(i.opname == "RAISE_VARARGS" for i in instructions)
    for i in instructions:
        if i.opname in ("LOAD_CONST", "RETURN_CONST"):
            if not (i.argval is None or i.argval is Ellipsis or (raising and isinstance(i.argval, str))):
                return False
        elif i.opname == "LOAD_GLOBAL":
            if i.argval != "NotImplementedError":
                return False
        elif i.opname not in _IDLE and not (raising and i.opname in _RAISING):
            return False
    return True


# --------------------------------------------------------------------------- exceptions in words


def describe(error: BaseException) -> Raised:
    """Return an exception as text, with the learner's own frames only."""
    frames = []
    last = error.__traceback__
    while last is not None:
        code = last.tb_frame.f_code
        if not code.co_filename.startswith((*_LIBRARIES, "<frozen", "<__array_function__")):
            frames.append(_place(code, last.tb_lineno))
        last = last.tb_next
    try:
        text = str(error)
    except BaseException:
        text = ""
    if isinstance(error, SystemExit):
        text = "exit() ends the whole notebook; return instead"
    if isinstance(error, RecursionError):
        frames = frames[-1:]
    first_line = "".join(c for c in (text.splitlines() or [""])[0][:300] if c.isprintable())
    return Raised(type(error).__name__[:80], first_line + _nearest(error), tuple(frames[-3:]))


def _nearest(error: BaseException) -> str:
    """What a name that is not there may have been meant to be."""
    known: list[str] = []
    with contextlib.suppress(Exception):
        if isinstance(error, AttributeError) and isinstance(error.name, str):
            known = dir(error.obj)
        elif isinstance(error, NameError) and isinstance(error.name, str) and error.__traceback__ is not None:
            last = error.__traceback__
            while last.tb_next is not None:
                last = last.tb_next
            known = [*last.tb_frame.f_locals, *last.tb_frame.f_globals, *dir(builtins)]
        if known:
            near = difflib.get_close_matches(error.name, known, n=1, cutoff=0.7)  # type: ignore[attr-defined]
            return f" (did you mean {near[0]}?)" if near else ""
    return ""


def _place(code: types.CodeType, line: int | None) -> tuple[str, int, str]:
    """Where a learner finds it: the cell's number or the file's name, the function, the line."""
    cell = _cell(code.co_filename)
    source = linecache.getline(code.co_filename, line or 0).strip()[:120]
    inside = "" if code.co_name in ("<module>", "<lambda>") else f"in {code.co_name}"
    return ", ".join(part for part in (cell, inside) if part) or "in your code", line or 0, source


def _cell(filename: str) -> str:
    with contextlib.suppress(Exception):
        shell: Any = sys.modules["IPython"].get_ipython()
        kind, name = shell.compile.format_code_name(filename)
        return f"cell {name.removeprefix('In')}" if kind == "Cell" else ""
    return "" if filename.startswith("<") else f"in {Path(filename).name}"
