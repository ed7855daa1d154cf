"""Metrics: numbers that describe a model. See `metric` for how they are kept over batches."""

# ruff: noqa: F401, F403, F405
from __future__ import annotations

from typing import Any

from .. import losses
from ..backend import Array
from ..losses import (
    binary_crossentropy,
    binary_focal_crossentropy,
    categorical_crossentropy,
    categorical_focal_crossentropy,
    categorical_hinge,
    hinge,
    huber,
    kl_divergence,
    log_cosh,
    mean_absolute_error,
    mean_absolute_percentage_error,
    mean_squared_error,
    mean_squared_logarithmic_error,
    poisson,
    sparse_categorical_crossentropy,
    squared_hinge,
)
from ..naming import look_up
from ..serialization import Registry
from . import accuracy, confusion, f_score, from_losses, iou, reduction, regression
from .accuracy import *
from .confusion import *
from .f_score import *
from .from_losses import *
from .iou import *
from .metric import Metric
from .reduction import *
from .regression import *

_modules = (reduction, accuracy, regression, from_losses, confusion, f_score, iou)
CLASSES = [item for m in _modules for item in map(m.__dict__.get, m.__all__) if isinstance(item, type)]
_SHORT = {
    "mse": from_losses.MeanSquaredError,
    "mae": from_losses.MeanAbsoluteError,
    "mape": from_losses.MeanAbsolutePercentageError,
    "msle": from_losses.MeanSquaredLogarithmicError,
    "bce": from_losses.BinaryCrossentropy,
}
_aliases = {**_SHORT, **{name.upper(): metric for name, metric in _SHORT.items()}}
_registry = Registry("metrics", CLASSES, aliases=_aliases, example="accuracy")
serialize, deserialize = _registry.module_functions()

# Names that mean what fits the shapes, as Keras decides it.
_ACCURACY: dict[str, Any] = {
    "binary": accuracy.BinaryAccuracy,
    "sparse": accuracy.SparseCategoricalAccuracy,
    "categorical": accuracy.CategoricalAccuracy,
}
_CROSSENTROPY: dict[str, Any] = {
    "binary": from_losses.BinaryCrossentropy,
    "sparse": from_losses.SparseCategoricalCrossentropy,
    "categorical": from_losses.CategoricalCrossentropy,
}
_BY_SHAPE = {"accuracy": _ACCURACY, "acc": _ACCURACY, "crossentropy": _CROSSENTROPY, "ce": _CROSSENTROPY}


def get(identifier: Any, argument: str = "metric") -> Any:
    """Return a metric by name or description; an object or function as it is; a class instantiated.

    Examples
    --------
    >>> get("mse").name
    'mean_squared_error'
    """
    return _registry.get(identifier, argument)


def check(identifier: Any, argument: str) -> None:
    """Raise for what `resolve` could not make a metric of."""
    if isinstance(identifier, str):
        if identifier.lower() not in _BY_SHAPE:
            look_up(argument, identifier, {**_registry.named, **_BY_SHAPE}, "accuracy")
    elif not hasattr(identifier, "update_state"):
        get(identifier, argument)


def resolve(identifier: Any, y_true: Array, y_pred: Array) -> Any:
    """Return the metric for what `compile` was given; a name is what it is logged under.

    What "accuracy" means depends on the shapes: one output a sample means binary; labels with fewer axes than the
    predictions, or with a last axis of 1, mean sparse; anything else one-hot. The loss plays no part, as in Keras.
    """
    if isinstance(identifier, str) and identifier.lower() in _BY_SHAPE:
        kind = losses.crossentropy_kind(y_true.shape, y_pred.shape)
        return _BY_SHAPE[identifier.lower()][kind](name=identifier)
    found = identifier if hasattr(identifier, "update_state") else get(identifier, "compile(metrics=...)")
    if isinstance(identifier, str):
        found.name = identifier
    if hasattr(found, "update_state"):
        return found
    return MeanMetricWrapper(found, name=getattr(found, "__name__", None) or type(found).__name__)
