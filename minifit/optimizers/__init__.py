"""Optimizers: update rules, learning rate schedules, and optimizers by name."""

from __future__ import annotations

from typing import Any

from ..serialization import Registry
from . import schedules
from .adam import Adam, Adamax, AdamW, Nadam
from .adaptive import Adadelta, Adagrad, Ftrl, RMSprop
from .loss_scale import LossScaleOptimizer
from .optimizer import Optimizer
from .sgd import SGD, Lion

__all__ = [
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Ftrl",
    "Lion",
    "LossScaleOptimizer",
    "Nadam",
    "Optimizer",
    "RMSprop",
    "deserialize",
    "get",
    "schedules",
    "serialize",
]

_CLASSES = (SGD, RMSprop, Adam, AdamW, Adamax, Nadam, Adagrad, Adadelta, Lion, Ftrl)
_registry = Registry("optimizers", (*_CLASSES, LossScaleOptimizer), example="adam")
_registry.named = {c.__name__.lower(): c for c in _CLASSES} | _registry.named
serialize, deserialize = _registry.module_functions()


def get(identifier: Any) -> Any:
    """Return an optimizer by name, configuration or class, or as it is.

    Examples
    --------
    >>> float(get("adam").learning_rate)
    0.0010000000474974513
    """
    return _registry.get(identifier, "compile(optimizer=...)", call_it="apply")
