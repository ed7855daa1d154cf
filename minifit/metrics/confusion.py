"""What follows from counts of right and wrong decisions at one or many thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, ops
from ..backend import Array, epsilon
from ..losses.loss import align_ranks, as_array, as_type, divide_no_nan, fit_weights, init_from
from ..naming import check_numbers
from ..tape import unwrap
from .accuracy import same_shape
from .metric import Metric, add, as_result, summed_at

_ALL = ("true_positives", "false_positives", "true_negatives", "false_negatives")
_RATES = {
    "recall": ("true_positives", "false_negatives"),
    "precision": ("true_positives", "false_positives"),
    "specificity": ("true_negatives", "false_positives"),
}
_NEVER = -1e10  # what predictions become that are not among the top k

__all__ = ["FalseNegatives", "FalsePositives", "Precision", "Recall", "TrueNegatives", "TruePositives"]
__all__ += ["AUC", "PrecisionAtRecall", "RecallAtPrecision", "SensitivityAtSpecificity", "SpecificityAtSensitivity"]


class ConfusionMetric(Metric):
    """Base of metrics that count decisions, a yes being a prediction above a threshold.

    Attributes
    ----------
    thresholds : list of float, T of them
    true_positives, false_positives, true_negatives, false_negatives : Variable, (T,)
        Those of them that the metric needs.
    """

    top_k: int | None = None
    class_id: int | None = None
    multi_label = False
    label_weights: Any = None

    def _count_at(self, thresholds: Any, counted: Sequence[str], n_labels: int | None = None, called: str = "") -> None:
        """Make the variables; with `n_labels` each label is counted on its own, (T, L)."""
        self._at = np.asarray(thresholds, dtype="float64")
        n = len(self._at)
        # Even thresholds are what counts fall between, so that 200 of them cost no more than a few.
        self._even = n > 2 and np.allclose(self._at, np.arange(n, dtype="float32") / (n - 1), atol=epsilon())
        shape = (n,) if n_labels is None else (n, n_labels)
        self._counted = {name: self.add_sum(called or name, shape) for name in counted}
        vars(self).update({called or name: variable for name, variable in self._counted.items()})

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch: labels of 0 and 1, predictions from 0 to 1, both (N, ...), weights (N,) or None."""
        dtype = backend.floatx()  # in double precision float32 predictions would not equal their thresholds
        y_pred, y_true = align_ranks(as_type(unwrap(y_pred), dtype), as_type(unwrap(y_true), dtype))
        same_shape(self.name, y_true, y_pred)
        if self.top_k is not None:
            rank = np.argsort(np.argsort(-y_pred, axis=-1, kind="stable"), axis=-1)
            y_pred = np.where(rank < self.top_k, y_pred, _NEVER)
        if self.class_id is not None:
            if y_pred.ndim < 2:
                raise ValueError(
                    "When class_id is provided, y_pred must be a 2D array with shape (num_samples, num_classes), found "
                    f"shape: {y_pred.shape}"
                )
            if self.class_id >= y_pred.shape[-1]:
                raise ValueError(
                    f"{self.name} has class_id={self.class_id}, but y_pred has {y_pred.shape[-1]} classes, 0 to "
                    f"{y_pred.shape[-1] - 1}."
                )
            y_true, y_pred = (y[..., self.class_id, None] for y in (y_true, y_pred))
        weights = as_type(1 if sample_weight is None else unwrap(sample_weight), "float64")
        weights = fit_weights(weights, y_pred, "values")[0]
        if self.label_weights is not None and not self.multi_label:
            weights = weights * as_array(self.label_weights)
        counts = dict(zip(_ALL, self._counts(y_true != 0, y_pred, weights), strict=True))
        for name, variable in self._counted.items():
            add(variable, counts[name])

    def _counts(self, is_true: Array, y_pred: Array, weights: Array) -> tuple[Array, ...]:
        """Return true and false positives, true and false negatives, at each threshold."""
        columns = (-1, y_pred.shape[-1] if self.multi_label else 1)
        y_pred = y_pred.reshape(columns)
        positive, negative = ((which * weights).reshape(columns) for which in (is_true, ~is_true))
        true_positives, false_positives = self._above(y_pred, positive), self._above(y_pred, negative)
        true_negatives = negative.sum(axis=0) - false_positives
        false_negatives = positive.sum(axis=0) - true_positives
        counts = (true_positives, false_positives, true_negatives, false_negatives)
        return counts if self.multi_label else tuple(count[:, 0] for count in counts)

    def _above(self, y_pred: Array, weights: Array) -> Array:
        """Return the weight of the predictions above each threshold: (M, L) to (T, L)."""
        n, (_, n_labels) = len(self._at), y_pred.shape
        if not self._even:
            at = backend.asarray(self._at, dtype=y_pred.dtype)
            return ((y_pred > at[:, None, None]) * weights).sum(axis=1)
        # Threshold i is i / (n - 1): a prediction in bin k is above thresholds 0 to k - 1.
        inside = np.where(y_pred > 0, np.minimum(y_pred, 1), 0)
        bins = np.ceil(inside * (n - 1)).astype("int64")
        if self._at[0] < 0:
            bins = np.maximum(bins, 1)
        bins = bins + backend.xp().arange(n_labels) * (n + 1)
        sums = summed_at(bins.ravel(), weights.ravel(), (n + 1) * n_labels)
        return np.cumsum(sums.reshape(n_labels, n + 1)[:, :0:-1], axis=1)[:, ::-1].T

    # -- rates, (T,) ------------------------------------------------------------------------------

    def _value(self, name: str) -> Array:
        return self._counted[name].value

    def _ratio(self, count: str, other: str) -> Array:
        return divide_no_nan(self._value(count), self._value(count) + self._value(other))

    def _rate(self, name: str) -> Array:
        return self._ratio(*_RATES[name])

    def _at_thresholds(self, values: Array) -> Any:
        return as_result(values[0] if len(values) == 1 else values, self.dtype)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {**config, "thresholds": self.init_thresholds} if "thresholds" in config else config

    init_thresholds: Any = None  # as they were given


def _checked(thresholds: Any, default: float) -> list[float]:
    if thresholds is None:
        return [default]
    thresholds = list(thresholds) if np.ndim(thresholds) else [thresholds]
    outside = [t for t in thresholds if not isinstance(t, (int, float, np.number)) or not 0 <= t <= 1]
    if outside or not thresholds:
        raise ValueError(f"Threshold values must be in [0, 1]. Received: {outside}")
    return thresholds


class _Count(ConfusionMetric):
    counted = ""

    def __init__(self, thresholds: Any = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(dtype, name)
        self.init_thresholds, self.thresholds = thresholds, _checked(thresholds, 0.5)
        self._count_at(self.thresholds, [self.counted], called="accumulator")

    def result(self) -> Any:
        return self._at_thresholds(self._value(self.counted))


class TruePositives(_Count):
    """Number of labels 1 with predictions above each of `thresholds`, 0.5 by default."""

    counted = "true_positives"


class FalsePositives(_Count):
    """Number of labels 0 with predictions above each of `thresholds`, 0.5 by default."""

    counted = "false_positives"


class TrueNegatives(_Count):
    """Number of labels 0 with predictions not above each of `thresholds`, 0.5 by default."""

    counted = "true_negatives"


class FalseNegatives(_Count):
    """Number of labels 1 with predictions not above each of `thresholds`, 0.5 by default."""

    counted = "false_negatives"


class _Rate(ConfusionMetric):
    _direction = "up"
    counted: tuple[str, ...] = ()

    def __init__(
        self,
        thresholds: Any = None,
        top_k: int | None = None,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(dtype, name)
        check_numbers(self, 1, whole=True, optional=True, top_k=top_k)
        check_numbers(self, 0, whole=True, optional=True, class_id=class_id)
        self.init_thresholds, self.top_k, self.class_id = thresholds, top_k, class_id
        self.thresholds = _checked(thresholds, 0.5 if top_k is None else _NEVER)
        self._count_at(self.thresholds, self.counted)

    def result(self) -> Any:
        return self._at_thresholds(self._ratio(*self.counted))


class Precision(_Rate):
    """Share of the predictions above a threshold whose label is 1.

    Parameters
    ----------
    thresholds : float or list of float, optional
        0.5 by default; with several the result is (T,).
    top_k : int, optional
        Only the k largest predictions of a sample can be a yes, by default whatever their size.
    class_id : int, optional
        The only class that is looked at.
    """

    counted = _RATES["precision"]


class Recall(_Rate):
    """Share of the labels 1 whose predictions are above a threshold; its arguments are those of `Precision`."""

    counted = _RATES["recall"]


class _Constrained(ConfusionMetric):
    """The best of one rate, over the thresholds at which another is at least a value."""

    _direction = "up"
    rates = ("", "")

    def __init__(
        self,
        num_thresholds: int = 200,
        class_id: int | None = None,
        name: str | None = None,
        dtype: Any = None,
        **at: Any,
    ) -> None:
        super().__init__(dtype, name)
        ((argument, value),) = at.items()
        if not isinstance(value, (int, float, np.number)) or not 0 <= value <= 1:
            raise ValueError(f"Argument `{argument}` must be in the range [0, 1]. Received: {argument}={value}")
        _at_least(1, num_thresholds)
        check_numbers(self, 0, whole=True, optional=True, class_id=class_id)
        self.value, self.num_thresholds, self.class_id = value, num_thresholds, class_id
        setattr(self, argument, value)
        self.thresholds = [0.5] if num_thresholds == 1 else [i / (num_thresholds - 1) for i in range(num_thresholds)]
        self._count_at(self.thresholds, _ALL)

    def result(self) -> Any:
        wanted, constrained = map(self._rate, self.rates)
        return as_result(np.max(np.where(constrained >= self.value, wanted, 0)), self.dtype)


class SensitivityAtSpecificity(_Constrained):
    """Largest sensitivity, which is recall, at a threshold with at least this specificity."""

    __init__ = init_from(_Constrained, "specificity num_thresholds class_id name dtype")
    rates = ("recall", "specificity")


class SpecificityAtSensitivity(_Constrained):
    """Largest specificity, the share of labels 0 with a no, at a threshold with at least this sensitivity."""

    __init__ = init_from(_Constrained, "sensitivity num_thresholds class_id name dtype")
    rates = ("specificity", "recall")


class PrecisionAtRecall(_Constrained):
    """Largest precision at a threshold with at least this recall."""

    __init__ = init_from(_Constrained, "recall num_thresholds class_id name dtype")
    rates = ("precision", "recall")


class RecallAtPrecision(_Constrained):
    """Largest recall at a threshold with at least this precision."""

    __init__ = init_from(_Constrained, "precision num_thresholds class_id name dtype")
    rates = ("recall", "precision")


def _at_least(least: int, num_thresholds: int) -> None:
    if not isinstance(num_thresholds, (int, np.integer)) or num_thresholds < least:
        raise ValueError(
            f"Argument `num_thresholds` must be an integer > {least - 1}. Received: num_thresholds={num_thresholds}"
        )


class AUC(ConfusionMetric):
    """Area under a curve that the thresholds trace: 1 is perfect; under ROC 0.5 is what a coin gives.

    Parameters
    ----------
    num_thresholds : int
        Evenly spaced, and one beyond either end.
    curve : {"ROC", "PR", "PRGAIN"}
        Recall against false alarms; precision against recall; the same as gains over chance.
    summation_method : {"interpolation", "majoring", "minoring"}
        The height of the curve between two thresholds: in the middle, or the larger or smaller end.
    thresholds : list of float, optional
        Instead of `num_thresholds`.
    multi_label : bool
        Whether each column has an area of its own, whose mean is the result; else all are pooled.
    num_labels : int, optional
        The number of columns, for `multi_label`; the first batch tells it, too.
    label_weights : list of float, optional
        One weight a column.
    from_logits : bool
        Whether predictions still have to pass a sigmoid.

    Examples
    --------
    >>> auc = AUC(num_thresholds=3)
    >>> float(auc([0, 0, 1, 1], [0, 0.5, 0.3, 0.9]))
    0.75
    """

    _direction = "up"

    def __init__(
        self,
        num_thresholds: int = 200,
        curve: str = "ROC",
        summation_method: str = "interpolation",
        name: str | None = None,
        dtype: Any = None,
        thresholds: Sequence[float] | None = None,
        multi_label: bool = False,
        num_labels: int | None = None,
        label_weights: Any = None,
        from_logits: bool = False,
    ) -> None:
        super().__init__(dtype, name)
        self.curve = _one_of("curve", curve, ("PR", "ROC", "PRGAIN"), str.upper)
        methods = ("interpolation", "majoring", "minoring")
        self.summation_method = _one_of("summation method", summation_method, methods, str.lower)
        if thresholds is not None:
            self.init_thresholds = inner = sorted(_checked(thresholds, 0.5))
            num_thresholds = len(inner) + 2
        else:
            _at_least(2, num_thresholds)
            inner = [i / (num_thresholds - 1) for i in range(1, num_thresholds - 1)]
        check_numbers(self, 0, whole=True, optional=True, num_labels=num_labels)
        if num_labels and not multi_label:
            raise ValueError("`num_labels` is needed only when `multi_label` is True.")
        self.num_thresholds, self.from_logits, self._from_logits = num_thresholds, from_logits, from_logits
        self.multi_label, self.num_labels = multi_label, num_labels
        self.label_weights = None if label_weights is None else list(label_weights)
        self.thresholds = [-epsilon(), *inner, 1 + epsilon()]
        self._built = False
        if num_labels or not multi_label:
            self._build((None, num_labels))

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        return {k: v for k, v in config.items() if k != "thresholds" or v is not None}

    def _build(self, shape: Sequence[int | None]) -> None:
        if self.multi_label and len(shape) != 2:
            raise ValueError(
                f"`y_pred` must have rank 2 when `multi_label=True`. Found rank {len(shape)}. Full shape received for "
                f"`y_pred`: {shape}"
            )
        if self.multi_label and self.label_weights is not None and len(self.label_weights) != shape[1]:
            raise ValueError(f"AUC(label_weights=...) holds {len(self.label_weights)} weights for {shape[1]} labels.")
        self._count_at(self.thresholds, _ALL, shape[1] if self.multi_label else None)
        self._built = True

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        y_pred = as_array(unwrap(y_pred))
        if not self._built:
            self._build(y_pred.shape)
        super().update_state(y_true, ops.sigmoid(y_pred) if self.from_logits else y_pred, sample_weight)

    def result(self) -> Any:
        if self.curve == "PR" and self.summation_method == "interpolation":
            return self._over_labels(self._interpolated_pr())
        x, y = self._points()
        if self.summation_method == "interpolation":
            heights = (y[:-1] + y[1:]) / 2.0
        else:
            heights = (np.minimum if self.summation_method == "minoring" else np.maximum)(y[:-1], y[1:])
        return self._over_labels((x[:-1] - x[1:]) * heights)

    def _points(self) -> tuple[Array, Array]:
        """Return x and y of the curve at each threshold."""
        if self.curve == "ROC":
            return self._ratio("false_positives", "true_negatives"), self._rate("recall")
        if self.curve == "PR":
            return self._rate("recall"), self._rate("precision")
        hits, alarms, rejected, misses = map(self._value, _ALL)
        odds = divide_no_nan(hits + misses, rejected + alarms)
        recall = np.where(hits == 0, 0.0, 1.0 - odds * divide_no_nan(misses, hits))
        precision = np.where(hits == 0, 1.0, 1.0 - odds * divide_no_nan(alarms, hits))
        return np.maximum(recall, 0.0), precision

    def _interpolated_pr(self) -> Array:
        """Return the area under precision between any two thresholds, true positives growing in line with all.

        There precision is (a + b p) / p, p the number of positives, and its integral over recall has a logarithm.
        """
        hits, alarms, _, misses = map(self._value, _ALL)
        positives = hits + alarms
        gained = hits[:-1] - hits[1:]
        slope = divide_no_nan(gained, np.maximum(positives[:-1] - positives[1:], 0))
        start = hits[1:] - slope * positives[1:]
        both = (positives[:-1] > 0) & (positives[1:] > 0)
        growth = np.where(both, divide_no_nan(positives[:-1], np.maximum(positives[1:], 0)), 1)
        return divide_no_nan(slope * (gained + start * np.log(growth)), np.maximum(hits[1:] + misses[1:], 0))

    def _over_labels(self, areas: Array) -> Any:
        total = areas.sum(axis=0)
        if self.multi_label and self.label_weights is not None:
            weights = backend.asarray(self.label_weights, dtype="float64")
            total = divide_no_nan((total * weights).sum(), weights.sum())
        elif self.multi_label:
            total = total.mean()
        return as_result(total, self.dtype)


def _one_of(what: str, value: Any, allowed: Sequence[str], spelt: Any) -> str:
    name = spelt(str(getattr(value, "value", value)))
    if name not in allowed:
        raise ValueError(f'Invalid AUC {what} value: "{value}". Expected values are {list(allowed)}')
    return name
