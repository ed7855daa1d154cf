"""CompileMetrics: the metrics of `compile`, as one metric."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import backend, metrics
from .backend import Array
from .tape import unwrap


class CompileMetrics(metrics.Metric):
    """All that `compile` was given, made at the first batch, when the shapes are known.

    Parameters
    ----------
    plain, weighted : sequence
        Names, objects, classes or functions; only the second see sample weights.

    Attributes
    ----------
    metrics : list of Metric
        Empty before the first batch.
    """

    def __init__(self, plain: Sequence[Any] | None, weighted: Sequence[Any] | None) -> None:
        super().__init__(name="compile_metrics")
        for argument, given in (("metrics", plain), ("weighted_metrics", weighted)):
            if isinstance(given, (str, Mapping)):
                example = f"[{given!r}]" if isinstance(given, str) else '["accuracy"]'
                raise ValueError(f"compile({argument}=...) expects a list, such as {example}; got {given!r}.")
            for identifier in given or ():
                metrics.check(identifier, f"compile({argument}=...)")
        self.plain, self.weighted = list(plain or ()), list(weighted or ())
        self.metrics: list[Any] = []
        self._names: list[str] = []

    def __bool__(self) -> bool:
        return bool(self.plain or self.weighted)

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch."""
        y_true, y_pred = unwrap(y_true), unwrap(y_pred)
        if not self.metrics:
            self._make(y_true, y_pred)
        for i, metric in enumerate(self.metrics):
            if i < len(self.plain):
                metric.update_state(y_true, y_pred)
            else:
                metric.update_state(y_true, y_pred, sample_weight=sample_weight)

    def _make(self, y_true: Array, y_pred: Array) -> None:
        self.metrics = [metrics.resolve(m, y_true, y_pred) for m in [*self.plain, *self.weighted]]
        self._names = []
        for i, metric in enumerate(self.metrics):
            name = metric.name
            if i >= len(self.plain) and name in self._names:
                name = f"weighted_{name}"
            repeated = sum(known == name or known.startswith(f"{name}_") for known in self._names)
            self._names.append(f"{name}_{repeated}" if name in self._names else name)

    def check_fit(self, y_true: Array, output_shape: Sequence[int | None]) -> None:
        """Raise if one of the engine's own metrics cannot compare such labels with such outputs."""
        y_true = backend.asarray(y_true)
        y_pred = backend.xp().zeros((len(y_true), *(size or 1 for size in output_shape[1:])), dtype=backend.floatx())
        for identifier in [*self.plain, *self.weighted]:
            metric = metrics.resolve(identifier, y_true, y_pred)
            if type(metric).__module__ == metrics.__name__ and hasattr(metric, "fn"):
                with np.errstate(all="ignore"):
                    metric.fn(y_true, y_pred, **metric.options)

    def result(self) -> dict[str, Any]:
        """Return the running values by log name."""
        return {name: metric.result() for name, metric in zip(self._names, self.metrics, strict=True)}

    def reset_state(self) -> None:
        for metric in self.metrics:
            metric.reset_state()
