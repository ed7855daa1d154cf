"""Losses as metrics: their mean over all samples, in place of the one that is made small."""

from __future__ import annotations

from .. import losses
from .reduction import MeanMetricWrapper

__all__ = ["MeanAbsoluteError", "MeanAbsolutePercentageError", "MeanSquaredError", "MeanSquaredLogarithmicError"]
__all__ += ["BinaryCrossentropy", "CategoricalCrossentropy", "LogCoshError", "SparseCategoricalCrossentropy"]
__all__ += ["CategoricalHinge", "Hinge", "KLDivergence", "Poisson", "SquaredHinge"]


class MeanSquaredError(MeanMetricWrapper, fn=losses.mean_squared_error):
    """Running mean squared error."""


class MeanAbsoluteError(MeanMetricWrapper, fn=losses.mean_absolute_error):
    """Running mean absolute error."""


class MeanAbsolutePercentageError(MeanMetricWrapper, fn=losses.mean_absolute_percentage_error):
    """Running mean absolute error in percent of the label."""


class MeanSquaredLogarithmicError(MeanMetricWrapper, fn=losses.mean_squared_logarithmic_error):
    """Running mean of (log(1 + y_true) - log(1 + y_pred))²."""


class LogCoshError(MeanMetricWrapper, fn=losses.log_cosh, name="logcosh"):
    """Running mean of log(cosh(y_pred - y_true))."""


class BinaryCrossentropy(
    MeanMetricWrapper,
    fn=losses.binary_crossentropy,
    order="name dtype from_logits label_smoothing",
    label_smoothing=0,
):
    """Running binary cross-entropy."""


class CategoricalCrossentropy(MeanMetricWrapper, fn=losses.categorical_crossentropy, label_smoothing=0):
    """Running cross-entropy of one-hot labels."""


class SparseCategoricalCrossentropy(MeanMetricWrapper, fn=losses.sparse_categorical_crossentropy):
    """Running cross-entropy of integer labels."""


class KLDivergence(MeanMetricWrapper, fn=losses.kl_divergence):
    """Running Kullback-Leibler divergence, Σ t log(t / p)."""


class Poisson(MeanMetricWrapper, fn=losses.poisson):
    """Running y_pred - y_true log(y_pred)."""


class Hinge(MeanMetricWrapper, fn=losses.hinge):
    """Running mean of max(0, 1 - t y_pred)."""


class SquaredHinge(MeanMetricWrapper, fn=losses.squared_hinge):
    """Running mean of max(0, 1 - t y_pred)²."""


class CategoricalHinge(MeanMetricWrapper, fn=losses.categorical_hinge):
    """Running max(0, 1 + the largest wrong output - the right one)."""
