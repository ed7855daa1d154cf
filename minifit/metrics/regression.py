"""Errors, R² and correlations as metrics."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import ops
from ..backend import epsilon
from ..losses.loss import as_type, fit_weights, pair
from ..losses.regression import unit
from ..naming import in_range
from ..tape import unwrap
from .metric import Metric, add, as_result
from .reduction import Mean, MeanMetricWrapper

__all__ = ["CosineSimilarity", "PearsonCorrelation", "concordance_correlation", "pearson_correlation"]
__all__ += ["ConcordanceCorrelation", "R2Score", "RootMeanSquaredError"]


def cosine_similarity(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return the cosine of the angle between two vectors: 1 for one direction, unlike the loss of that name."""
    y_true, y_pred = pair("cosine_similarity", y_true, y_pred)
    return ops.sum(unit(y_true, axis) * unit(y_pred, axis), axis=axis)


def pearson_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return Pearson's coefficient of correlation along `axis`."""
    t, p = (_centred(y, axis) for y in pair("pearson_correlation", y_true, y_pred))
    t, p = (y / np.std(y, axis=axis, keepdims=True) for y in (t, p))
    return np.mean(t * p, axis=axis)


def concordance_correlation(y_true: Any, y_pred: Any, axis: int = -1) -> Any:
    """Return Lin's coefficient of concordance along `axis`: correlation that also asks for equal means and spreads."""
    y_true, y_pred = pair("concordance_correlation", y_true, y_pred)
    mean_true, mean_pred = (np.mean(y, axis=axis, keepdims=True) for y in (y_true, y_pred))
    covariance = (y_true - mean_pred) * (y_pred - mean_pred)
    spread = np.var(y_true, axis=axis, keepdims=True) + np.var(y_pred, axis=axis, keepdims=True)
    return np.mean(2 * covariance / (spread + np.square(mean_true - mean_pred) + epsilon()), axis=axis)


def _centred(y: Any, axis: int) -> Any:
    return y - np.mean(y, axis=axis, keepdims=True)


class CosineSimilarity(MeanMetricWrapper, fn=cosine_similarity, direction="up"):
    """Running cosine of the angle between labels and predictions."""


class PearsonCorrelation(MeanMetricWrapper, fn=pearson_correlation, direction="up"):
    """Running mean of each sample's correlation; ``axis=0`` correlates the samples of a batch."""


class ConcordanceCorrelation(MeanMetricWrapper, fn=concordance_correlation, direction="up"):
    """Running mean of each sample's concordance; ``axis=0`` compares the samples of a batch."""


class RootMeanSquaredError(Mean):
    """Square root of the running mean squared error."""

    _direction = "down"

    def __init__(self, name: str | None = "root_mean_squared_error", dtype: Any = None) -> None:
        super().__init__(name, dtype)

    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch: labels (N, ...), predictions (N, ...), weights (N,) or None."""
        y_true, y_pred = pair("root_mean_squared_error", unwrap(y_true), unwrap(y_pred))
        super().update_state(np.square(y_pred - y_true), sample_weight)

    def result(self) -> Any:
        return np.sqrt(super().result())


class R2Score(Metric):
    """R², the share of the labels' variance that is explained: 1 - Σ(y_true - y_pred)² / Σ(y_true - mean)².

    Parameters
    ----------
    class_aggregation : {"uniform_average", "variance_weighted_average", None}
        How the values of the C outputs become one; None leaves them (C,).
    num_regressors : int
        If not 0, the number of inputs that the "adjusted" R² accounts for.
    """

    _direction = "up"

    def __init__(
        self,
        class_aggregation: str | None = "uniform_average",
        num_regressors: int = 0,
        name: str | None = "r2_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        allowed = (None, "uniform_average", "variance_weighted_average")
        if class_aggregation not in allowed:
            raise ValueError(
                f"Invalid value for argument `class_aggregation`: expected one of {allowed}; got {class_aggregation!r}."
            )
        in_range("Invalid value for argument `num_regressors`: R2Score", num_regressors, 0, whole=True)
        self.class_aggregation = class_aggregation
        self.num_regressors = num_regressors
        self.num_samples = self.add_sum("num_samples")
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        shape = outputs_of("R2Score", y_true_shape, y_pred_shape)
        self.squared_sum = self.add_sum("squared_sum", shape)
        self.sum = self.add_sum("sum", shape)
        self.total_mse = self.add_sum("residual", shape)
        self.count = self.add_sum("count", shape)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch: labels (N, C), predictions (N, C), weights (N,) or None."""
        y_true, y_pred = pair("r2_score", *(as_type(unwrap(y), "float64") for y in (y_true, y_pred)))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        weights = as_type(1 if sample_weight is None else unwrap(sample_weight), "float64")
        weights = np.broadcast_to(fit_weights(weights, y_true, "values")[0], y_true.shape)
        add(self.sum, (y_true * weights).sum(axis=0))
        add(self.squared_sum, (y_true * y_true * weights).sum(axis=0))
        add(self.total_mse, (np.square(y_true - y_pred) * weights).sum(axis=0))
        add(self.count, weights.sum(axis=0))
        add(self.num_samples, y_true.size)

    def result(self) -> Any:
        with np.errstate(divide="ignore", invalid="ignore"):
            total = self.squared_sum.value - self.sum.value * (self.sum.value / self.count.value)
            scores = 1 - self.total_mse.value / total
            scores = np.where(np.isinf(scores), 0.0, scores)
            if self.class_aggregation == "uniform_average":
                scores = np.mean(scores)
            elif self.class_aggregation == "variance_weighted_average":
                scores = np.sum(total * scores) / np.sum(total)
        spare = float(self.num_samples) - 1 - self.num_regressors
        if self.num_regressors and spare > 0:
            scores = 1 - (1 - scores) * (spare + self.num_regressors) / spare
        elif self.num_regressors:
            warnings.warn(
                f"The adjusted R2 score needs more than {self.num_regressors + 1} samples for {self.num_regressors} "
                "regressors; this is the standard one.",
                stacklevel=2,
            )
        return as_result(scores, self.dtype)


def outputs_of(name: str, y_true_shape: Any, y_pred_shape: Any) -> tuple[int]:
    """Return the number of outputs in shapes (N, C), as a shape."""
    got = f"Received input shapes: y_pred.shape={y_pred_shape} and y_true.shape={y_true_shape}."
    if len(y_pred_shape) != 2 or len(y_true_shape) != 2:
        raise ValueError(f"{name} expects 2D inputs with shape (batch_size, output_dim). {got}")
    if None in (y_pred_shape[-1], y_true_shape[-1]):
        raise ValueError(
            f"{name} expects 2D inputs with shape (batch_size, output_dim), with output_dim fully defined "
            f"(not None). {got}"
        )
    return (y_pred_shape[-1],)
