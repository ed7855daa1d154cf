"""What weights may be: an optimizer replaces each constrained weight by its projection after every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from . import backend
from .naming import check_numbers
from .serialization import Described, Registry


class Constraint(Described):
    """Base of constraints: subclass and write ``__call__(w)``, which returns the nearest allowed weight."""

    def __call__(self, w: Any) -> Any:
        return w


class NonNeg(Constraint):
    """No weight is below 0."""

    def __call__(self, w: Any) -> Any:
        return np.maximum(w, 0)


class MinMaxNorm(Constraint):
    """The norm along `axis` is from `min_value` to `max_value`.

    Parameters
    ----------
    min_value, max_value : float
    rate : float
        How much of the way to go at each step: 1 is all of it.
    axis : int or list of int
        0 for each neuron's weights in a Dense kernel; ``[0, 1, 2]`` for each filter of a Conv2D.
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: int | Sequence[int] = 0
    ) -> None:
        check_numbers(self, 0, min_value=min_value)
        check_numbers(self, min_value, max_value=max_value)
        check_numbers(self, 0, 1, rate=rate)
        self.min_value, self.max_value, self.rate, self.axis = min_value, max_value, rate, axis

    def __call__(self, w: Any) -> Any:
        norm = _norm(w, self.axis)
        wanted = self.rate * np.clip(norm, self.min_value, self.max_value) + (1 - self.rate) * norm
        return w * (wanted / (backend.epsilon() + norm))


class MaxNorm(Constraint):
    """The norm along `axis` is at most `max_value`; see `MinMaxNorm`."""

    def __init__(self, max_value: float = 2, axis: int | Sequence[int] = 0) -> None:
        check_numbers(self, 0, max_value=max_value)
        self.max_value, self.axis = max_value, axis

    def __call__(self, w: Any) -> Any:
        return MinMaxNorm(0, self.max_value, 1, self.axis)(w)


class UnitNorm(Constraint):
    """The norm along `axis` is 1; see `MinMaxNorm`."""

    def __init__(self, axis: int | Sequence[int] = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        return w / (backend.epsilon() + _norm(w, self.axis))


def _norm(w: Any, axis: int | Sequence[int]) -> Any:
    return np.sqrt(np.sum(np.square(w), axis=axis if isinstance(axis, int) else tuple(axis), keepdims=True))


max_norm, min_max_norm, non_neg, unit_norm = MaxNorm, MinMaxNorm, NonNeg, UnitNorm

_registry = Registry("constraints", (MaxNorm, MinMaxNorm, NonNeg, UnitNorm), example="max_norm")
get = _registry.get
serialize, deserialize = _registry.module_functions()
