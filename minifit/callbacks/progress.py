"""Progbar and ProgbarLogger: what a person sees while a model trains."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .. import config
from .callback import Callback, Logs, python_logs


def say(text: str, end: str = "\n") -> None:
    """Print, with plainer lines where the output knows no others; or log, if interactive logging is off."""
    if not config.is_interactive_logging_enabled():
        logging.getLogger("minifit").info(text.strip())
        return
    try:
        print(text, end=end, flush=True)
    except UnicodeEncodeError:
        print(text.translate(str.maketrans("━╌─", "=.-")), end=end, flush=True)


class Progbar:
    """A line that shows how far something is: a moving bar where a person watches, else one line at the end.

    Parameters
    ----------
    target : int or None
        Steps in all, if that is known.
    width : int
    verbose : {0, 1, 2}
        Silent, a bar, or one line at the end.
    interval : float
        Seconds between two drawings.
    stateful_metrics, stateless_metrics : iterable of str, optional
        The values to show as they are, or those of which to show the mean over steps; one of the two says
        which, and by default all are averaged.
    unit_name : str
    """

    def __init__(
        self,
        target: int | None,
        width: int = 12,
        verbose: int = 1,
        interval: float = 0.1,
        stateful_metrics: Iterable[str] | None = None,
        stateless_metrics: Iterable[str] | None = None,
        unit_name: str = "step",
    ) -> None:
        if stateful_metrics is not None and stateless_metrics is not None:
            raise ValueError("Only one of `stateful_metrics` or `stateless_metrics` can be given to Progbar.")
        self.target, self.width, self.verbose = target, width, verbose
        self.interval, self.unit_name = interval, unit_name
        self._as_they_are = None if stateful_metrics is None else set(stateful_metrics)
        self._averaged = None if stateless_metrics is None else set(stateless_metrics)
        # Where nobody can watch a line change, as in a file, it is written once, at its end.
        self._live = verbose == 1 and sys.stdout is not None and (sys.stdout.isatty() or _in_notebook())
        self._sums: dict[str, tuple[Any, float]] = {}  # name to sum and count
        self._seen = self._written = 0
        self._began = time.perf_counter()
        self._drawn = self._began if interval else 0.0

    def update(
        self, current: int, values: Sequence[tuple[str, Any]] | None = None, finalize: bool | None = None
    ) -> None:
        """Show that `current` steps are done.

        Parameters
        ----------
        current : int
        values : list of (name, value), optional
        finalize : bool, optional
            Whether this is the end; by default when `current` reaches the target.
        """
        if finalize is None:
            finalize = self.target is not None and current >= self.target
        steps = max(current - self._seen, 1)
        for name, value in values or ():
            total, count = self._sums.get(name, (0.0, 0.0))
            alone = finalize or not self._is_averaged(name)
            self._sums[name] = (value, 1) if alone else (total + np.mean(value) * steps, count + steps)
        self._seen = current
        now = time.perf_counter()
        if self.verbose and (finalize or (self.due(now) and (self._live or not self.interval))):
            self._drawn = now
            self._draw(finalize, now - self._began)

    def add(self, n: int, values: Sequence[tuple[str, Any]] | None = None) -> None:
        """Show that `n` more steps are done."""
        self.update(self._seen + n, values)

    def due(self, now: float | None = None) -> bool:
        """Tell whether it is time to draw again."""
        return self.verbose == 1 and (time.perf_counter() if now is None else now) - self._drawn >= self.interval

    def _is_averaged(self, name: str) -> bool:
        if self._averaged is not None:
            return name in self._averaged
        return name not in (self._as_they_are or ())

    def _draw(self, finished: bool, elapsed: float) -> None:
        total = self.target
        a_step = elapsed / max(1, self._seen)
        clock = f"{elapsed:.0f}s {'- ' * (self.verbose == 2)}{_duration(a_step)}/{self.unit_name}"
        if not finished and total:
            clock = f"{a_step * (total - self._seen):.0f}s left"
        values = " - ".join(f"{name}: {_number(value, count)}" for name, (value, count) in self._sums.items())
        # A finished bar says nothing more, and without it the line fits a notebook.
        bar = "-" if finished or not total else _bar(self._seen, total, self.width)
        line = f"{self._seen}/{'Unknown' if total is None else total} {bar} {clock}" + (values and f" - {values}")
        # Spaces wipe what a longer line left behind; notebooks know no escape code for that.
        begin = "\r" if self._live else ""
        say(begin + line.ljust(self._written if begin else 0), end="\n" if finished or not self._live else "")
        self._written = len(line)


class ProgbarLogger(Callback):
    """A bar for each epoch, in terminals and in notebooks. `fit` adds one unless ``verbose=0``."""

    reads_batch_logs = False

    def __init__(self) -> None:
        super().__init__()
        self._in_fit = False
        self._bar: Progbar | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._in_fit = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        self._in_fit = False

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.params["epochs"] > 1:
            say(f"Epoch {epoch + 1}/{self.params['epochs']}")
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

    def _start(self) -> None:
        verbose = 1 if self.params["verbose"] == "auto" else self.params["verbose"]
        self._bar = Progbar(self.params.get("steps"), verbose=verbose, stateless_metrics=())
        self._step = 0

    def _advance(self, step: int, with_logs: bool = True) -> None:
        self._step = step
        if self._bar is not None and self._bar._live and self._bar.due():  # else the logs need not be computed
            self._bar.update(
                step, list(python_logs(self.model.get_metrics_result() if with_logs else {}).items()), finalize=False
            )

    def _finish(self, logs: Logs | None) -> None:
        if self._bar is not None:
            self._bar.target = self.params.get("steps") or self._step
            self._bar.update(self._step, list((logs or {}).items()), finalize=True)


def _bar(step: int, total: int, width: int) -> str:
    done = min(width, width * step // max(1, total))
    return "━" * done + "╌" * (width - done)


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


def _number(total: Any, count: float = 1) -> str:
    """Return a logged value to four places, small ones in powers of ten."""
    if isinstance(total, str) or total is None:
        return str(total)
    value = np.mean(total) / max(1, count)
    return f"{value:.4f}" if abs(value) >= 1e-3 or value == 0 else f"{value:.4e}"


def _in_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")
