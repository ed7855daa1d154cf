"""Starting and ending a worker's process: forked from a warm one on Linux, a fresh one elsewhere."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, Protocol

from autograder.grading.sandbox import kernel

START = 60.0  # seconds until a worker must have started, on a machine however busy
_HERE = Path(__file__).parent

# The only variables of the grader's environment that reach a learner's code.
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "SYSTEMROOT",
    "SYSTEMDRIVE",
    "WINDIR",
    "COMSPEC",
    "PATHEXT",
    "LD_LIBRARY_PATH",
)


class Process(Protocol):
    """A worker's process.

    Attributes
    ----------
    to, from_ : int
        File descriptors to write requests to and to read answers from.
    """

    to: int
    from_: int

    def kill(self) -> None:
        """End it with all it started; returns at once, and may be called again, from any thread."""

    def code(self) -> int | None:
        """Its exit code once it has ended, negative for a signal; None if nobody knows."""

    def said(self) -> str:
        """What it wrote on stderr before it was ready."""

    def close(self) -> None:
        """End it with all it started, wait until all is gone, and remove its folder."""


def start(limits: dict[str, Any], packages: tuple[str, ...]) -> Process:
    """Start a worker.

    Raises
    ------
    RuntimeError
        If none can be started.
    """
    return Forked(_forker(), limits, packages) if kernel.column() is not None else Spawned(limits, packages)


# --------------------------------------------------------------------------- forked from a warm process


class Forker:
    """The judge's end of a `forker.py`; one for each process that judges, shared by its threads."""

    def __init__(self) -> None:
        self.folder = tempfile.mkdtemp(prefix="minifit-")
        _copy_fonts(self.folder)
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        self.log = Path(self.folder, "start.log")
        with self.log.open("wb") as errors, theirs:
            self._process = subprocess.Popen(
                [*_python(), str(_HERE / "forker.py"), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                cwd=self.folder,
                env=_environment(self.folder),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._line = ours
        ours.settimeout(START)
        try:
            ready = json.loads(ours.makefile("rb").readline())
        except (OSError, ValueError):
            said = self.log.read_text(encoding="utf-8", errors="replace")[-2000:]
            self.close()
            raise RuntimeError(f"no process for learners' code starts here\n{said}".rstrip()) from None
        ours.settimeout(None)
        self.why_not_apart = str(ready["why"])

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def fork(self, request: dict[str, Any], line: socket.socket, keeper: socket.socket) -> None:
        """Ask for a worker that speaks over ``line`` and a keeper that speaks over ``keeper``."""
        with self._lock:
            socket.send_fds(self._line, [json.dumps(request).encode()], [line.fileno(), keeper.fileno()])
            self._line.recv(1)

    def forget(self) -> None:
        """In a fork of the judge: leave the line to the judge itself."""
        self._line.close()

    def close(self) -> None:
        self._line.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


_current: Forker | None = None
_starting = threading.Lock()


def _forker() -> Forker:
    global _current
    with _starting:
        if _current is None or not _current.alive:
            if _current is not None:
                _current.close()
            _current = Forker()
        return _current


def _forget() -> None:
    global _current, _starting
    _starting = threading.Lock()
    if _current is not None:
        _current.forget()
        _current = None


@atexit.register
def stop() -> None:
    """End the process that workers are forked from; the next worker starts another."""
    global _current
    if _current is not None:
        _current.close()
        _current = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class Forked:
    """A worker that was forked, with a keeper that ends it."""

    def __init__(self, forker: Forker, limits: dict[str, Any], packages: tuple[str, ...]) -> None:
        self._folder = tempfile.mkdtemp(prefix="worker-", dir=forker.folder)
        self._line, theirs = socket.socketpair()
        self._keeper, keepers = socket.socketpair()
        self._code: int | None = None
        self._gone = False
        self._lock = threading.Lock()
        self._log = forker.log
        with theirs, keepers:
            try:
                request = {"limits": limits, "folder": self._folder, "packages": list(packages)}
                forker.fork(request, theirs, keepers)
            except OSError as error:
                raise RuntimeError(f"no process for learners' code starts here: {error}") from None
        self.to = self.from_ = self._line.fileno()

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._keeper.send(b"k")

    def code(self) -> int | None:
        self._wait(5)
        return self._code

    def _wait(self, seconds: float) -> None:
        with self._lock:
            if self._gone:
                return
            try:
                self._keeper.settimeout(seconds)
                status = self._keeper.recv(4)
                if len(status) == 4:
                    self._code = os.waitstatus_to_exitcode(struct.unpack("=i", status)[0])
                    status = self._keeper.recv(1)
                self._gone = not status
            except OSError:
                self.kill()

    def said(self) -> str:
        return self._log.read_text(encoding="utf-8", errors="replace")[-2000:]

    def close(self) -> None:
        self.kill()
        self._wait(10)
        self._line.close()
        self._keeper.close()
        shutil.rmtree(self._folder, ignore_errors=True)


# --------------------------------------------------------------------------- a fresh process


class Spawned:
    """A worker in a fresh process, ended with its process group."""

    def __init__(self, limits: dict[str, Any], packages: tuple[str, ...]) -> None:
        self._folder = tempfile.mkdtemp(prefix="minifit-")
        _copy_fonts(self._folder)
        self._killed = False
        self._lock = threading.Lock()
        # Beside the folder: what lies in it is the learner's to change.
        handle, self._log = tempfile.mkstemp(prefix="minifit-", suffix=".log")
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        try:
            self._process = subprocess.Popen(
                [*_python(), str(_HERE / "worker.py"), json.dumps([limits, packages])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=handle,
                cwd=self._folder,
                env=_environment(self._folder),
                bufsize=0,
                **options,
            )
        finally:
            os.close(handle)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self.to, self.from_ = self._process.stdin.fileno(), self._process.stdout.fileno()

    def kill(self) -> None:
        with self._lock:
            if self._killed:
                return
            self._killed = True
            if sys.platform == "win32":
                subprocess.run(
                    ["taskkill", "/F", "/T", "/PID", str(self._process.pid)], capture_output=True, check=False
                )
            else:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                self._process.kill()

    def code(self) -> int | None:
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self.kill()
            return None

    def said(self) -> str:
        return Path(self._log).read_text(encoding="utf-8", errors="replace")[-2000:]

    def close(self) -> None:
        self.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)
        with contextlib.suppress(OSError):
            os.remove(self._log)


# --------------------------------------------------------------------------- both


def _python() -> list[str]:
    return [sys.executable, "-I", "-B", "-X", "utf8"]


@functools.cache
def _font_lists() -> tuple[Path, ...]:
    """matplotlib's lists of fonts, which each fresh process would otherwise take seconds to make for itself."""
    try:
        import matplotlib
        import matplotlib.font_manager
    except ImportError:
        return ()
    return tuple(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))


def _copy_fonts(folder: str) -> None:
    for fonts in _font_lists():
        shutil.copy(fonts, folder)


def _environment(folder: str) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), folder)
    # One thread each: small products are slower with more, and the grader runs several workers.
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    environment |= dict.fromkeys(threads, "1")
    return environment | {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"}
