"""Mean and Sum of what comes batch by batch; MeanMetricWrapper: the mean of a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import losses
from ..losses.loss import OfFunction, align_ranks, as_array, as_type, divide_no_nan, fit_weights, masked
from ..tape import unwrap
from .metric import Metric, add, as_result, put

__all__ = ["Mean", "MeanMetricWrapper", "Sum"]


class Sum(Metric):
    """Weighted running sum.

    Examples
    --------
    >>> total = Sum()
    >>> float(total([1, 3, 5, 7], sample_weight=[1, 1, 0, 0]))
    4.0
    """

    def __init__(self, name: str | None = "sum", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_sum("total")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, (N, ...) or a scalar, times weights of the same shape or fewer axes."""
        values, weights = _with_weights(values, sample_weight, np.sum)
        add(self.total, values.sum(dtype="float64") if weights is None else (values * weights).sum())

    def result(self) -> Any:
        return as_result(self.total.value, self.dtype)


class Mean(Metric):
    """Weighted running mean, 0 while empty.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.update_state([1.0, 2.0, 6.0])
    >>> mean.update_state(9.0)
    >>> float(mean.result())
    4.5
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.total = self.add_sum("total")
        self.count = self.add_sum("count")

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, (N, ...) or a scalar, with weights of the same shape or fewer axes."""
        if isinstance(sample_weight, (int, float)) and getattr(values, "ndim", 1) == 0:  # the loss of a batch
            add(self.total, unwrap(values).astype("float64") * sample_weight)
            add(self.count, sample_weight)
            return
        values, weights = _with_weights(values, sample_weight, np.mean)
        a_sample = math.prod(values.shape[1:]) or 1  # of which the mean is taken first
        if weights is None:
            total, count = values.sum(dtype="float64"), values.shape[0] if values.ndim else 1
        else:
            total, count = (values * weights).sum(), weights.sum() / a_sample
        add(self.total, total if a_sample == 1 else total / a_sample)
        add(self.count, count)

    def sums(self) -> tuple[float, float]:
        """Return the sum of values times weights, and that of the weights."""
        return float(self.total.value), float(self.count.value)

    def set_sums(self, total: float, count: float) -> None:
        """Go on from such sums."""
        put(self.total, np.float64(total))
        put(self.count, np.float64(count))

    def result(self) -> Any:
        return as_result(self._quotient(), self.dtype)

    def as_float(self, sums: tuple[float, float] | None = None) -> float:
        """Return ``float(result())``, or what it would be for other sums."""
        total, count = self.sums() if sums is None else sums
        quotient = total / count if count else 0.0
        return float(np.float32(quotient)) if self.dtype == "float32" else float(as_result(quotient, self.dtype))

    def _quotient(self) -> Any:
        total, count = self.total.value, self.count.value
        # On the host they are numbers, but for the first time, and that is ten times as quick.
        return total / count if type(count) is np.float64 and count else divide_no_nan(total, count)


def _with_weights(values: Any, sample_weight: Any, reduce: Callable[..., Any]) -> tuple[Any, Any]:
    """Return values and weights of one shape, in double precision; the values reduced to the axes of the weights."""
    mask = getattr(values, "_keras_mask", None)
    values = as_array(unwrap(values))
    if sample_weight is None:
        return values, None
    weights = as_type(unwrap(sample_weight), "float64")
    if mask is not None:
        weights = masked(weights, mask, "float64")
    values, weights = align_ranks(values, weights)
    if values.ndim > weights.ndim:
        values = reduce(values, axis=tuple(range(weights.ndim, values.ndim)))
    weights, values = fit_weights(weights, values, "values")
    return values, np.broadcast_to(weights, values.shape)


class MeanMetricWrapper(OfFunction, Mean):
    """Running mean of a function of labels and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **options) -> (N,)``; a scalar counts as one sample.
    name : str, optional
    options
        Passed on to `fn` at every call.
    """

    argument_order = "name dtype {}"
    _direction: str  # "up" or "down", where one of them is better

    def __init_subclass__(cls, direction: str = "", **of_function: Any) -> None:
        super().__init_subclass__(**of_function)
        if direction:
            cls._direction = direction

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name, dtype)
        if not callable(fn):
            raise TypeError(f"{type(self).__name__}(fn=...) expects a function of y_true and y_pred; got {fn!r}.")
        self._take(fn, options)
        if not hasattr(self, "_direction") and (isinstance(fn, losses.Loss) or fn in losses.FUNCTIONS):
            self._direction = "down"

    # As in Keras a wrapper is a Mean, and takes labels and predictions where a Mean takes values.
    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch: labels (N, ...), predictions (N, ...), weights (N,) or None."""
        mask = getattr(y_pred, "_keras_mask", None)
        values = self.fn(as_array(unwrap(y_true)), as_array(unwrap(y_pred)), **self.options)
        if mask is not None:
            weights = None if sample_weight is None else as_type(unwrap(sample_weight), "float64")
            sample_weight = masked(weights, mask, "float64")
        super().update_state(values, sample_weight)
