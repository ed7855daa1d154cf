"""The judge's end of a worker process: start it, ask it under a deadline, end it with all it started."""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any, BinaryIO, cast

from autograder.grading import wire

_WORKER = Path(__file__).with_name("worker.py")
_START = 60.0  # seconds until a worker must have started, on a machine however busy

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


class Died(Exception):
    """The worker is gone: it ended itself, was ended at its deadline, or no longer speaks sense.

    Attributes
    ----------
    timed_out : bool
        Whether the deadline ended it.
    """

    def __init__(self, reason: str, timed_out: bool = False) -> None:
        super().__init__(reason)
        self.timed_out = timed_out


class Session:
    """One worker process, from its start to its end.

    Parameters
    ----------
    cpu_seconds : int
        CPU time after which the system itself ends the worker.

    Attributes
    ----------
    in_force : list of str
        The limits that the worker could put on itself.

    Raises
    ------
    RuntimeError
        If a worker cannot start at all on this machine.
    """

    def __init__(self, cpu_seconds: int) -> None:
        self._folder = tempfile.mkdtemp(prefix="minifit-")
        for fonts in _font_lists():
            shutil.copy(fonts, self._folder)
        log = Path(self._folder, "start.log")
        options: dict[str, Any] = {"start_new_session": True}
        if sys.platform == "win32":
            options = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
        self._killed = False
        self._lock = threading.Lock()
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-B", "-X", "utf8", str(_WORKER), str(cpu_seconds)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                cwd=self._folder,
                env=_environment(self._folder),
                bufsize=0,
                **options,
            )
        self._to = cast(BinaryIO, self._process.stdin)
        self._from = cast(BinaryIO, self._process.stdout)
        try:
            ready = self._exchange(None, _START)
        except Died as died:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            self.close()
            raise RuntimeError(f"no process for learners' code starts here: {died}\n{said}") from None
        self.in_force = [wire.clean(name, 40) for name in ready.get("in force", [])]

    def ask(self, message: dict[str, Any], seconds: float) -> dict[str, Any]:
        """Send a request and wait for its answer.

        Parameters
        ----------
        message : dict
            ``{"do": "run" | "take" | "call", ...}``; see `worker.py`.
        seconds : float
            Wall-clock time after which the worker and whatever it started are ended.

        Returns
        -------
        dict

        Raises
        ------
        Died
            If no answer came; the session is over then.
        """
        return self._exchange(message, seconds)

    def _exchange(self, message: dict[str, Any] | None, seconds: float) -> dict[str, Any]:
        late = threading.Event()

        def end() -> None:
            late.set()
            self._kill()

        watchdog = threading.Timer(seconds, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            if message is not None:
                wire.send(self._to, message)
            reply = wire.receive(self._from)
        except wire.WireError as error:
            self._kill()
            raise Died(f"the notebook's process answered nonsense ({error})") from None
        except OSError:
            reply = None
        finally:
            watchdog.cancel()
        if late.is_set():
            raise Died(f"it took longer than {seconds:g} s", timed_out=True)
        if reply is None:
            raise Died(self._ending())
        return reply

    def _ending(self) -> str:
        """How the process ended, in words."""
        try:
            code = self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._kill()
            return "the notebook's process hung up"
        if code >= 0:
            return f"it ended its own process (exit code {code})"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        causes = {"SIGXCPU": ": its CPU time was used up", "SIGXFSZ": ": it wrote too large a file"}
        return f"its process was ended by {name}{causes.get(name, '')}"

    def _kill(self) -> None:
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

    def close(self) -> None:
        """End the worker and all it started, and remove its folder."""
        self._kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        for pipe in (self._to, self._from):
            with contextlib.suppress(OSError):
                pipe.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@functools.cache
def _font_lists() -> tuple[Path, ...]:
    """matplotlib's lists of fonts, which each worker would otherwise take seconds to make for itself."""
    try:
        import matplotlib
        import matplotlib.font_manager
    except ImportError:
        return ()
    return tuple(Path(matplotlib.get_cachedir()).glob("fontlist-*.json"))


def _environment(folder: str) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    environment |= dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"), folder)
    # One thread each: small products are slower with more, and the grader runs several workers.
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    environment |= dict.fromkeys(threads, "1")
    return environment | {"MPLBACKEND": "Agg", "PYTHONHASHSEED": "0"}
