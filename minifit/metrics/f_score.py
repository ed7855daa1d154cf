"""F scores: precision and recall as one number."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import epsilon
from ..losses.loss import as_type, fit_weights, init_from, pair
from ..tape import unwrap
from .metric import Metric, add, as_result
from .regression import outputs_of

__all__ = ["F1Score", "FBetaScore"]


class FBetaScore(Metric):
    """(1 + beta²) precision × recall / (beta² precision + recall).

    Parameters
    ----------
    average : {None, "micro", "macro", "weighted"}
        One value a class (C,); or of all decisions together; or the classes' mean, plain or by their frequency.
    beta : float
        How many times recall counts as much as precision.
    threshold : float, optional
        What counts as a yes is above it; by default the largest output of each sample alone.
    """

    _direction = "up"

    def __init__(
        self,
        average: str | None = None,
        beta: float = 1.0,
        threshold: float | None = None,
        name: str | None = "fbeta_score",
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        if average not in (None, "micro", "macro", "weighted"):
            _invalid("average", "Expected one of: {None, 'micro', 'macro', 'weighted'}.", average)
        for argument, value in (("beta", beta), ("threshold", 0.5 if threshold is None else threshold)):
            if not isinstance(value, float):
                _invalid(argument, "It should be a Python float.", f"{value} of type '{type(value)}'")
        if beta <= 0:
            _invalid("beta", "It should be > 0.", beta)
        if threshold is not None and not 0 < threshold <= 1:
            _invalid("threshold", "It should verify 0 < threshold <= 1.", threshold)
        self.average, self.beta, self.threshold = average, beta, threshold
        self._built = False

    def _build(self, y_true_shape: Any, y_pred_shape: Any) -> None:
        shape = outputs_of("FBetaScore", y_true_shape, y_pred_shape)
        names = ("true_positives", "false_positives", "false_negatives", "intermediate_weights")
        self._counted = {name: self.add_sum(name, () if self.average == "micro" else shape) for name in names}
        vars(self).update(self._counted)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch: labels (N, C) of 0 and 1, predictions (N, C), weights (N,) or None."""
        y_true, y_pred = (as_type(unwrap(y), self.dtype) for y in (y_true, y_pred))
        if not self._built:
            self._build(y_true.shape, y_pred.shape)
        y_true, y_pred = pair(self.name, y_true, y_pred)
        if self.threshold is None:
            yes = (y_pred >= y_pred.max(axis=-1, keepdims=True)) & (np.absolute(y_pred) > 1e-9)
        else:
            yes = y_pred > self.threshold
        yes, truth = yes.astype("float64"), y_true.astype("float64")
        weights = as_type(1 if sample_weight is None else unwrap(sample_weight), "float64")
        weights = fit_weights(weights, truth, "values")[0]
        axis = None if self.average == "micro" else 0
        values = (yes * truth, yes * (1 - truth), (1 - yes) * truth, truth)
        for variable, value in zip(self._counted.values(), values, strict=True):
            add(variable, (value * weights).sum(axis=axis))

    def result(self) -> Any:
        right, wrong, missed, frequency = (variable.value for variable in self._counted.values())
        precision = right / (right + wrong + epsilon())
        recall = right / (right + missed + epsilon())
        score = precision * recall / (self.beta**2 * precision + recall + epsilon()) * (1 + self.beta**2)
        if self.average == "weighted":
            score = np.sum(score * (frequency / (np.sum(frequency) + epsilon())))
        elif self.average is not None:
            score = np.mean(score)
        return as_result(score, self.dtype)


class F1Score(FBetaScore):
    """Harmonic mean of precision and recall, `FBetaScore` with a beta of 1."""

    __init__ = init_from(FBetaScore, "average threshold name dtype", {"name": "f1_score"}, {"beta": 1.0})


def _invalid(argument: str, expected: str, got: Any) -> None:
    raise ValueError(f"Invalid `{argument}` argument value. {expected} Received: {argument}={got}")
