"""ProgbarLogger: what a person sees while a model trains."""

from __future__ import annotations

import sys
import time
from typing import Any

from .callback import Callback, Logs

_WIDTH = 12
_SECONDS_BETWEEN_DRAWINGS = 0.1


class ProgbarLogger(Callback):
    """A bar for each epoch, in terminals and in notebooks. `fit` adds one unless ``verbose=0``.

    Where nobody can watch a line change, as in a file, each epoch is written once, at its end.
    """

    reads_batch_logs = False

    def __init__(self) -> None:
        super().__init__()
        self._live = sys.stdout is not None and (sys.stdout.isatty() or _in_notebook())
        self._in_fit = False

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        print(f"Epoch {epoch + 1}/{self.params['epochs']}")
        self._start()

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(batch + 1)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._start()

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._advance(batch + 1)

    def on_test_end(self, logs: Logs | None = None) -> None:
        if not self._in_fit:
            self._finish(logs)

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        self._start()

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        self._advance(batch + 1, with_logs=False)

    def on_predict_end(self, logs: Logs | None = None) -> None:
        self._finish(None)

    # -- drawing ----------------------------------------------------------------------------------

    def _start(self) -> None:
        self._began = self._drawn = time.perf_counter()
        self._step = self._written = 0

    def _advance(self, step: int, with_logs: bool = True) -> None:
        self._step = step
        now = time.perf_counter()
        if self._live and self.params["verbose"] == 1 and now - self._drawn > _SECONDS_BETWEEN_DRAWINGS:
            self._drawn = now
            self._write(self.model.get_metrics_result() if with_logs else {}, end="")

    def _finish(self, logs: Logs | None) -> None:
        self._write(logs or {}, end="\n")

    def _write(self, logs: Logs, end: str) -> None:
        total = self.params.get("steps") or self._step
        elapsed = time.perf_counter() - self._began
        a_step = elapsed / max(1, self._step)
        finished = end == "\n"
        clock = f"{elapsed:.0f}s {_duration(a_step)}/step" if finished else f"{a_step * (total - self._step):.0f}s left"
        values = " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())
        # A finished bar says nothing more, and without it the line fits a notebook.
        bar = "-" if finished else _bar(self._step, total)
        line = f"{self._step}/{total} {bar} {clock}" + (f" - {values}" if values else "")
        # Spaces wipe what a longer line left behind; notebooks know no escape code for that.
        begin = "\r" if self._live and self.params["verbose"] == 1 else ""
        say(begin + line.ljust(self._written if begin else 0), end=end)
        self._written = len(line)


def say(text: str, end: str = "\n") -> None:
    """Print, with plainer lines where the output knows no others."""
    try:
        print(text, end=end, flush=True)
    except UnicodeEncodeError:
        print(text.translate(str.maketrans("━╌─", "=.-")), end=end, flush=True)


def _bar(step: int, total: int) -> str:
    done = _WIDTH * step // max(1, total)
    return "━" * done + "╌" * (_WIDTH - done)


def _duration(seconds: float) -> str:
    """Return a time in the unit that suits it.

    Examples
    --------
    >>> _duration(0.0021), _duration(3.2), _duration(3e-5)
    ('2ms', '3s', '30us')
    """
    if seconds >= 1:
        return f"{seconds:.0f}s"
    return f"{seconds * 1e3:.0f}ms" if seconds >= 1e-3 else f"{seconds * 1e6:.0f}us"


def _number(value: Any) -> str:
    """Return a logged value to four places, small ones in powers of ten."""
    if not isinstance(value, float):
        return str(value)
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
