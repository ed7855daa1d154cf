"""MonitorCallback: whether a logged value got better, decided in one place."""

from __future__ import annotations

import warnings
from typing import Any

from .. import ops
from ..naming import check_numbers
from .callback import Callback, Logs


class MonitorCallback(Callback):
    """Base of callbacks that watch one entry of the logs.

    Parameters
    ----------
    monitor : str
        A key of the logs, such as ``"val_loss"``.
    mode : {"auto", "min", "max"}
        Whether small or large is good. "auto" says min for the loss and else asks the compiled metric
        of that name; if there is none, that is an error.
    baseline : float, optional
        The value that the first must beat.
    min_delta : float
        The least change that counts as better.

    Attributes
    ----------
    best : float or None
    monitor_op : callable or None
        ``ops.less`` or ``ops.greater``, once that is known.
    """

    def __init__(
        self, monitor: str = "val_loss", mode: str = "auto", baseline: float | None = None, min_delta: float = 0.0
    ) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f'{type(self).__name__} mode \'{mode}\' is unknown: mode=... expects "auto", "min" or "max"; got '
                f'{mode!r}, which is taken as "auto".',
                stacklevel=3,
            )
            mode = "auto"
        check_numbers(self, min_delta=min_delta)
        self.monitor = monitor
        self.mode = mode
        self.best = baseline
        self.min_delta = abs(min_delta)
        self.monitor_op: Any = None

    def _set_monitor_op(self) -> None:
        direction = self.mode
        if direction == "auto":
            name = self.monitor.removeprefix("val_")
            metric = self._compiled_metric(name)
            if metric is not None:
                direction = "max" if getattr(metric, "_direction", "down") == "up" else "min"
            elif name == "loss":
                direction = "min"
            else:
                raise ValueError(
                    f"{type(self).__name__}(monitor={self.monitor!r}): it is not known whether large or small is good. "
                    'Pass mode="max" or mode="min".'
                )
        self.monitor_op = ops.greater if direction == "max" else ops.less

    def _compiled_metric(self, name: str) -> Any:
        compiled = getattr(getattr(self.model, "_compile_metrics", None), "metrics", ())
        return next((metric for metric in compiled if metric.name == name), None)

    def _is_improvement(self, current: Any, best: Any) -> bool:
        """Tell whether a value is better than another by more than `min_delta`; NaN never is."""
        if best is None:
            return True
        if self.monitor_op is None:
            self._set_monitor_op()
        sign = 1 if self.monitor_op is ops.greater else -1
        return bool(self.monitor_op(current - sign * self.min_delta, best))

    def get_monitor_value(self, logs: Logs | None) -> Any:
        """Return the watched value, or warn that it is not there and return None."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {}) or "nothing"
            validated = any(name.startswith("val_") for name in logs or {})
            advice = ""
            if self.monitor.startswith("val_") and not validated:
                advice = " Pass validation_data or validation_split to fit."
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not logged; there is {known}.{advice}",
                stacklevel=4,
            )
        return value
