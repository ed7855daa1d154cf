"""Losses for numbers. Each takes y_true and y_pred (..., C) to one value a row, (...)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import epsilon
from .loss import LossFunction, pair

__all__ = ["mean_absolute_error", "mean_absolute_percentage_error", "mean_squared_error"]
__all__ += ["MeanSquaredError", "cosine_similarity", "huber", "log_cosh", "mean_squared_logarithmic_error"]
__all__ += ["Huber", "LogCosh", "MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredLogarithmicError"]
__all__ += ["CosineSimilarity"]


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of (y_true - y_pred)²: (N, C) to (N,)."""
    return _mean_squared_error(y_true, y_pred)


def _mean_squared_error(y_true: Any, y_pred: Any, mean: bool = False) -> Any:
    y_true, y_pred = pair("mean_squared_error", y_true, y_pred)
    return ops.mean_squared_difference(y_true, y_pred, mean=mean)


mean_squared_error.averaged = _mean_squared_error  # type: ignore[attr-defined]


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of |y_true - y_pred|: (N, C) to (N,)."""
    y_true, y_pred = pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


def mean_absolute_percentage_error(y_true: Any, y_pred: Any) -> Any:
    """Return 100 times the mean of |y_true - y_pred| / |y_true|, the divisor at least 1e-7."""
    y_true, y_pred = pair("mean_absolute_percentage_error", y_true, y_pred)
    ratio = (y_true - y_pred) / ops.maximum(ops.absolute(y_true), epsilon())
    return 100.0 * ops.mean(ops.absolute(ratio), axis=-1)


def mean_squared_logarithmic_error(y_true: Any, y_pred: Any) -> Any:
    """Return the mean of (log(1 + y_true) - log(1 + y_pred))², negative numbers taken as 0."""
    y_true, y_pred = pair("mean_squared_logarithmic_error", y_true, y_pred)
    log_pred, log_true = (ops.log(ops.maximum(y, epsilon()) + 1.0) for y in (y_pred, y_true))
    return ops.mean(ops.square(log_pred - log_true), axis=-1)


def huber(y_true: Any, y_pred: Any, delta: float = 1.0) -> Any:
    """Return the mean of e²/2 where the error e is at most `delta`, and of the tangent there, δ|e| - δ²/2, beyond."""
    y_true, y_pred = pair("huber", y_true, y_pred)
    error = y_pred - y_true
    size = ops.absolute(error)
    return ops.mean(ops.where(size <= delta, 0.5 * ops.square(error), delta * size - 0.5 * delta**2), axis=-1)


def log_cosh(y_true: Any, y_pred: Any) -> Any:
    """Return the mean of log(cosh(error)): about e²/2 near 0, |e| - log 2 far from it."""
    y_true, y_pred = pair("log_cosh", y_true, y_pred)
    error = y_pred - y_true
    return ops.mean(error + ops.softplus(error * -2.0) - float(np.log(2)), axis=-1)


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return minus the cosine of the angle between two vectors: -1 for one direction, 1 for opposite ones."""
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return -ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def unit(x: Any, axis: int = -1) -> Any:
    """Return vectors of length 1; one of length 0 stays 0, and has a gradient of 0."""
    squared = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return x / ops.sqrt(ops.maximum(squared, epsilon() ** 2))


class MeanSquaredError(LossFunction, fn=mean_squared_error):
    """Mean of (y_true - y_pred)²."""


class MeanAbsoluteError(LossFunction, fn=mean_absolute_error):
    """Mean of |y_true - y_pred|."""


class MeanAbsolutePercentageError(LossFunction, fn=mean_absolute_percentage_error):
    """100 times the mean of |y_true - y_pred| / |y_true|."""


class MeanSquaredLogarithmicError(LossFunction, fn=mean_squared_logarithmic_error):
    """Mean of (log(1 + y_true) - log(1 + y_pred))²."""


class Huber(LossFunction, fn=huber, name="huber_loss"):
    """Squared for errors up to `delta`, linear beyond: an outlier pulls no harder than an error of `delta`."""


class LogCosh(LossFunction, fn=log_cosh):
    """Mean of log(cosh(y_pred - y_true)), a smooth relative of `Huber`."""


class CosineSimilarity(LossFunction, fn=cosine_similarity):
    """Minus the cosine of the angle between y_true and y_pred along `axis`."""
