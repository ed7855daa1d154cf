"""MonitorCallback: whether a logged value got better, decided in one place."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .callback import Callback, Logs

_BETTER_UPWARDS = ("accuracy", "acc", "auc", "precision", "recall", "f1", "fbeta", "iou", "r2", "top_k")


class MonitorCallback(Callback):
    """Base of callbacks that watch one entry of the logs.

    Parameters
    ----------
    monitor : str
        A key of the logs, such as ``"val_loss"``.
    mode : {"auto", "min", "max"}
        Whether small or large is good. "auto" says min for losses and errors, max for accuracies and
        the like, and raises for a name of which neither is known.
    min_delta : float
        The least change that counts as better.
    """

    def __init__(self, monitor: str = "val_loss", mode: str = "auto", min_delta: float = 0.0) -> None:
        super().__init__()
        if mode not in ("auto", "min", "max"):
            warnings.warn(
                f'{type(self).__name__}(mode=...) expects "auto", "min" or "max"; got {mode!r}: taken as "auto".',
                stacklevel=3,
            )
            mode = "auto"
        self.monitor = monitor
        self.mode = mode
        self.min_delta = abs(min_delta)

    def direction(self) -> str:
        """Return "min" or "max"."""
        return infer_mode(self.monitor, self.mode, self.model)

    def improved(self, current: float, best: float | None) -> bool:
        """Tell whether `current` is better than `best` by more than `min_delta`; NaN never is."""
        if best is None:
            return True
        if self.direction() == "max":
            return bool(np.greater(current - self.min_delta, best))
        return bool(np.less(current + self.min_delta, best))

    def monitored(self, logs: Logs | None) -> Any:
        """Return the watched value, or warn that it is not there and return None."""
        value = (logs or {}).get(self.monitor)
        if value is None:
            known = ", ".join(logs or {}) or "nothing"
            needs_validation = self.monitor.startswith("val_") and not any(
                name.startswith("val_") for name in logs or {}
            )
            advice = " Pass validation_data or validation_split to fit." if needs_validation else ""
            warnings.warn(
                f"{type(self).__name__} watches {self.monitor!r}, which is not logged; there is {known}.{advice}",
                stacklevel=4,
            )
        return value


def infer_mode(monitor: str, mode: str = "auto", model: Any = None) -> str:
    """Return the direction in which a logged value gets better.

    Examples
    --------
    >>> infer_mode("val_loss"), infer_mode("val_accuracy")
    ('min', 'max')
    """
    if mode != "auto":
        return mode
    name = monitor.removeprefix("val_")
    if name == "loss" or name.endswith("loss"):
        return "min"
    metric = model.find_metric(name) if hasattr(model, "find_metric") else None
    kind = type(metric).__name__.lower()
    if any(word in text for word in _BETTER_UPWARDS for text in (name, kind)):
        return "max"
    if any(word in text for word in ("error", "crossentropy", "mse", "mae", "bce") for text in (name, kind)):
        return "min"
    raise ValueError(
        f'monitor={monitor!r} with mode="auto": it is not known whether large or small is good. '
        'Say mode="max" or mode="min".'
    )
