"""Losses: what training makes small. See `loss` for how values become one number."""

# ruff: noqa: F401, F403
from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from ..serialization import Registry
from . import margin, probabilistic, regression, similarity
from .loss import Loss, LossFunction, align_ranks, reduce_weighted
from .margin import *
from .probabilistic import *
from .probabilistic import crossentropy_kind
from .regression import *
from .similarity import *

_found = [getattr(m, name) for m in (regression, margin, probabilistic, similarity) for name in m.__all__]
CLASSES = [item for item in _found if isinstance(item, type)]
FUNCTIONS = [item for item in _found if not isinstance(item, type)]
_SHORT = {
    "mse": regression.mean_squared_error,
    "mae": regression.mean_absolute_error,
    "mape": regression.mean_absolute_percentage_error,
    "msle": regression.mean_squared_logarithmic_error,
    "bce": probabilistic.binary_crossentropy,
    "kld": probabilistic.kl_divergence,
    "ce": probabilistic.crossentropy,
}
_upper = {name.upper(): fn for name, fn in _SHORT.items()}
_aliases = {**_SHORT, **_upper, "LossFunctionWrapper": LossFunction}
_registry = Registry("losses", [*CLASSES, LossFunction], FUNCTIONS, _aliases, example="mse")
serialize, deserialize = _registry.module_functions()


def get(identifier: Any, argument: str = "loss") -> Any:
    """Return a loss function or object by name; an object or function as it is; a class instantiated.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    return _registry.get(identifier, argument)


def as_reduced(identifier: Any) -> Callable[..., Any]:
    """Return what training calls: ``loss(y_true, y_pred, sample_weight) -> scalar``.

    A Loss is that already, and so is any object whose call takes `sample_weight`, such as one that
    a learner wrote from nothing. A plain function gives values to be reduced.
    """
    loss = get(identifier, "compile(loss=...)")
    if isinstance(loss, Loss):
        return loss
    try:
        takes_weights = "sample_weight" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        takes_weights = False
    return loss if takes_weights else LossFunction(loss)
