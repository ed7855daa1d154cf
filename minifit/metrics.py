"""Metrics: numbers that describe a model and never touch its weights.

A metric keeps running sums over batches. Its result is therefore the value over *all samples*
seen since the last reset, not the mean of the batches' values, which differs as soon as the last
batch is shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend, initializers, losses
from .backend import Array
from .naming import auto_name, look_up, snake_case
from .tape import unwrap
from .variables import Variable


class Metric:
    """Base of metrics: write `update_state`, `result` and `reset_state`.

    Parameters
    ----------
    name : str, optional
        The key in the logs.
    """

    def __init__(self, name: str | None = None, dtype: Any = None) -> None:
        self.name = name or auto_name(snake_case(type(self).__name__))

    def update_state(self, *values: Any, **options: Any) -> None:
        """Take in a batch."""
        raise TypeError(f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight=None).")

    def result(self) -> Any:
        """Return the value over everything since the last reset."""
        raise TypeError(f"{type(self).__name__} must define result().")

    def add_weight(self, shape: Any = (), initializer: Any = "zeros", dtype: Any = None, name: str = "") -> Variable:
        """Make a variable that the metric counts in; `reset_state` sets it to zero."""
        first = initializers.get(initializer)
        return Variable(first, shape=tuple(shape), dtype=dtype, trainable=False, name=name or "variable")

    add_variable = add_weight

    def reset_state(self) -> None:
        """Forget everything seen: set to zero what `add_weight` made."""
        for value in vars(self).values():
            if isinstance(value, Variable):
                value.assign(np.zeros(value.shape))

    def __call__(self, *values: Any, **options: Any) -> Any:
        """Take in a batch and return the value over everything so far."""
        self.update_state(*values, **options)
        return self.result()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r}>"


class Mean(Metric):
    """Weighted running mean, 0 while empty.

    Examples
    --------
    >>> mean = Mean()
    >>> mean.update_state([1.0, 2.0, 6.0])
    >>> mean.update_state(9.0)
    >>> mean.result()
    4.5
    """

    def __init__(self, name: str | None = "mean", dtype: Any = None) -> None:
        super().__init__(name)
        self.reset_state()

    def reset_state(self) -> None:
        # Sums are kept in float64: a million float32 additions would lose the last digits.
        self.total: Any = 0.0
        self.count: Any = 0.0

    def update_state(self, values: Any, sample_weight: Any = None) -> None:
        """Add values, (N,) or a scalar, with weights of the same shape or one fewer axis."""
        values = backend.asarray(unwrap(values))
        if sample_weight is None:
            self.total = self.total + values.sum(dtype="float64")
            self.count += values.size
            return
        weights = backend.asarray(unwrap(sample_weight)).astype("float64", copy=False)
        values, weights = losses.align_ranks(values, weights, expand=False)
        if values.ndim > weights.ndim:
            values = values.mean(axis=tuple(range(weights.ndim, values.ndim)))
        weights = np.broadcast_to(weights, values.shape)
        self.total = self.total + (values * weights).sum(dtype="float64")
        self.count = self.count + weights.sum()

    def result(self) -> float:
        count = float(self.count)
        return float(self.total) / count if count else 0.0


class MeanMetricWrapper(Mean):
    """Running mean of a function of labels and predictions.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **options) -> (N,)``; a scalar counts as one sample.
    name : str, optional
        By default the function's own.
    """

    def __init__(self, fn: Callable[..., Any], name: str | None = None, dtype: Any = None, **options: Any) -> None:
        super().__init__(name or getattr(fn, "__name__", None))
        self.fn = fn
        self.options = options

    # As in Keras a wrapper is a Mean, and takes labels and predictions where a Mean takes values.
    def update_state(  # type: ignore[override]
        self, y_true: Any, y_pred: Any, sample_weight: Any = None
    ) -> None:
        """Take in a batch: labels (N, ...), predictions (N, ...), weights (N,) or None."""
        y_true, y_pred = _arrays(y_true, y_pred)
        super().update_state(self.fn(y_true, y_pred, **self.options), sample_weight)


# --------------------------------------------------------------------------- accuracies


def binary_accuracy(y_true: Array, y_pred: Array, threshold: float = 0.5) -> Array:
    """Return 1 where ``y_pred > threshold`` agrees with the label, element by element: (N, C) to (N, C)."""
    y_true, y_pred = losses.align_ranks(*_arrays(y_true, y_pred))
    _same_shape("binary_accuracy", y_true, y_pred)
    return _as_numbers(y_true == (y_pred > threshold))


def categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return 1 where the largest prediction is at the largest label: (N, C) one-hot to (N,)."""
    y_true, y_pred = _arrays(y_true, y_pred)
    _same_shape("categorical_accuracy", y_true, y_pred)
    return _as_numbers(y_true.argmax(axis=-1) == y_pred.argmax(axis=-1))


def sparse_categorical_accuracy(y_true: Array, y_pred: Array) -> Array:
    """Return 1 where the largest prediction is at the integer label: (N,) and (N, C) to (N,)."""
    y_true, y_pred = _arrays(y_true, y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(f"sparse_categorical_accuracy needs labels of shape {y_pred.shape[:-1]}; got {y_true.shape}.")
    return _as_numbers(y_true == y_pred.argmax(axis=-1))


def _arrays(*values: Any) -> list[Array]:
    return [backend.asarray(unwrap(value)) for value in values]


def _as_numbers(agrees: Array) -> Array:
    return agrees.astype(backend.floatx())


def _same_shape(name: str, y_true: Array, y_pred: Array) -> None:
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{name} needs y_true and y_pred of one shape; y_true has shape {y_true.shape}, y_pred {y_pred.shape}."
        )


class BinaryAccuracy(MeanMetricWrapper):
    """How often ``y_pred > threshold`` agrees with a label of 0 or 1."""

    def __init__(self, name: str = "binary_accuracy", dtype: Any = None, threshold: float = 0.5) -> None:
        super().__init__(binary_accuracy, name, threshold=threshold)


class CategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the one-hot label."""

    def __init__(self, name: str = "categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(categorical_accuracy, name)


class SparseCategoricalAccuracy(MeanMetricWrapper):
    """How often the largest prediction is at the integer label."""

    def __init__(self, name: str = "sparse_categorical_accuracy", dtype: Any = None) -> None:
        super().__init__(sparse_categorical_accuracy, name)


# --------------------------------------------------------------------------- losses as metrics


class MeanSquaredError(MeanMetricWrapper):
    """Running mean squared error."""

    def __init__(self, name: str = "mean_squared_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_squared_error, name)


class MeanAbsoluteError(MeanMetricWrapper):
    """Running mean absolute error."""

    def __init__(self, name: str = "mean_absolute_error", dtype: Any = None) -> None:
        super().__init__(losses.mean_absolute_error, name)


class BinaryCrossentropy(MeanMetricWrapper):
    """Running binary cross-entropy, in nats."""

    def __init__(self, name: str = "binary_crossentropy", dtype: Any = None, from_logits: bool = False) -> None:
        super().__init__(losses.binary_crossentropy, name, from_logits=from_logits)


class CategoricalCrossentropy(MeanMetricWrapper):
    """Running cross-entropy of one-hot labels, in nats."""

    def __init__(self, name: str = "categorical_crossentropy", dtype: Any = None, from_logits: bool = False) -> None:
        super().__init__(losses.categorical_crossentropy, name, from_logits=from_logits)


class SparseCategoricalCrossentropy(MeanMetricWrapper):
    """Running cross-entropy of integer labels, in nats."""

    def __init__(
        self, name: str = "sparse_categorical_crossentropy", dtype: Any = None, from_logits: bool = False
    ) -> None:
        super().__init__(losses.sparse_categorical_crossentropy, name, from_logits=from_logits)


_CLASSES = (
    *(Mean, BinaryAccuracy, CategoricalAccuracy, SparseCategoricalAccuracy),
    *(MeanSquaredError, MeanAbsoluteError, BinaryCrossentropy),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy),
)
_NAMED: dict[str, type[Metric]] = {
    **{c.__name__: c for c in _CLASSES},
    **{snake_case(c.__name__): c for c in _CLASSES},
    **dict.fromkeys(("mse", "MSE"), MeanSquaredError),
    **dict.fromkeys(("mae", "MAE"), MeanAbsoluteError),
    **dict.fromkeys(("bce", "BCE"), BinaryCrossentropy),
}
_BY_SHAPE: dict[str, tuple[Any, Any]] = {
    "binary": (BinaryAccuracy, BinaryCrossentropy),
    "sparse": (SparseCategoricalAccuracy, SparseCategoricalCrossentropy),
    "categorical": (CategoricalAccuracy, CategoricalCrossentropy),
}
_ACCURACY_NAMES = ("accuracy", "acc")
_CROSSENTROPY_NAMES = ("crossentropy", "ce")


def get(identifier: Any, argument: str = "metric") -> Any:
    """Return a metric by name, class, function or as it is."""
    if isinstance(identifier, str):
        return look_up(argument, identifier, _NAMED, "accuracy")(name=identifier)
    if isinstance(identifier, type):
        return identifier()
    if isinstance(identifier, Metric) or hasattr(identifier, "update_state"):
        return identifier
    if callable(identifier):
        return MeanMetricWrapper(identifier)
    return look_up(argument, identifier, _NAMED, "accuracy")


def serialize(metric: Any) -> Any:
    """Return plain data from which `deserialize` makes an equal metric; None for one of the user's own."""
    if isinstance(metric, str):
        return metric
    if isinstance(metric, type) and metric in _CLASSES:
        return {"class_name": metric.__name__, "config": {}}
    if type(metric) in _CLASSES:
        return {"class_name": type(metric).__name__, "config": {"name": metric.name, **getattr(metric, "options", {})}}
    return None


def deserialize(described: Any) -> Any:
    """Return the metric that `serialize` described."""
    if isinstance(described, str):
        return described
    return look_up("a saved metric", described["class_name"], _NAMED, "accuracy")(**described["config"])


def check(identifier: Any, argument: str) -> None:
    """Raise for what `resolve` could not make a metric of."""
    if not (isinstance(identifier, str) and identifier.lower() in (*_ACCURACY_NAMES, *_CROSSENTROPY_NAMES)):
        known = {**_NAMED, **dict.fromkeys(_ACCURACY_NAMES, Mean)}
        if isinstance(identifier, str):
            look_up(argument, identifier, known, "accuracy")
        else:
            get(identifier, argument)


def resolve(identifier: Any, y_true: Array, y_pred: Array) -> Any:
    """Return the metric for a name such as "accuracy", whose meaning depends on the shapes.

    One output a sample means binary; labels with fewer axes than the predictions, or with a last
    axis of 1, mean sparse; anything else one-hot. The loss plays no part, as in Keras.
    """
    if isinstance(identifier, str) and identifier.lower() in (*_ACCURACY_NAMES, *_CROSSENTROPY_NAMES):
        kind = losses.crossentropy_kind(y_true.shape, y_pred.shape)
        return _BY_SHAPE[kind][identifier.lower() in _CROSSENTROPY_NAMES](name=identifier)
    return get(identifier, "compile(metrics=...)")
