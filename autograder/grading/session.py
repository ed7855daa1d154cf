"""The judge's end of a worker process: start it, ask it under a deadline, end it with all it started."""

from __future__ import annotations

import contextlib
import signal
import threading
from typing import Any

from autograder.grading import sandbox, wire
from autograder.grading.limits import Limits
from autograder.grading.process import START, Process, start


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
    limits : Limits, optional
    packages : tuple of str
        Names of packages that the worker may import beside NumPy, matplotlib and Python's own.

    Attributes
    ----------
    in_force : list of str
        What is limited or closed for the worker; `sandbox.level` and `sandbox.sentence` sum it up.

    Raises
    ------
    RuntimeError
        If a worker cannot start at all on this machine.
    """

    def __init__(self, limits: Limits | None = None, packages: tuple[str, ...] = ()) -> None:
        self._asked = 0
        self._process: Process = start((limits or Limits()).of_process(), packages)
        try:
            ready = self._exchange(None, START)
        except Died as died:
            said = self._process.said()
            self.close()
            raise RuntimeError(f"no process for learners' code starts here: {died}\n{said}".rstrip()) from None
        named = ready.get("in force", [])
        self.in_force = [wire.clean(name, 40) for name in named] if isinstance(named, list) else []

    @property
    def level(self) -> str:
        """Which of `sandbox.LEVELS` holds."""
        return sandbox.level(self.in_force)

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
            self._process.kill()

        watchdog = threading.Timer(seconds, end)
        watchdog.daemon = True
        watchdog.start()
        try:
            if message is not None:
                self._asked += 1
                wire.send(self._process.to, {**message, "number": self._asked})
            reply = wire.receive(self._process.from_)
            if reply is not None and reply.get("number") != self._asked:
                raise wire.WireError("it answers what nobody asked")
        except wire.WireError as error:
            self._process.kill()
            raise Died(f"the notebook's process answered nonsense ({error})") from None
        except OSError:
            reply = None
        finally:
            watchdog.cancel()
        if late.is_set():
            raise Died(f"it took longer than {seconds:g} s", timed_out=True)
        if reply is None:
            raise Died(_ending(self._process.code()))
        return reply

    def close(self) -> None:
        """End the worker and all it started, and remove its folder."""
        self._process.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _ending(code: int | None) -> str:
    """How the process ended, in words."""
    if code is None:
        return "the notebook's process hung up"
    if code >= 0:
        return f"it ended its own process (exit code {code})"
    name = f"signal {-code}"
    with contextlib.suppress(ValueError):
        name = signal.Signals(-code).name
    causes = {"SIGXCPU": ": its CPU time was used up", "SIGXFSZ": ": it wrote too large a file"}
    return f"its process was ended by {name}{causes.get(name, '')}"
