"""Penalties on weights and outputs: what they return is added to the loss."""

from __future__ import annotations

import math
from typing import Any

from . import backend, ops
from .serialization import Described, Registry


class Regularizer(Described):
    """Base of regularizers: subclass and write ``__call__(x)``, which returns a number for a Tensor."""

    def __call__(self, x: Any) -> Any:
        return 0.0


class L1L2(Regularizer):
    """``l1 * sum(|x|) + l2 * sum(x²)``."""

    def __init__(self, l1: float | None = 0.0, l2: float | None = 0.0) -> None:
        self.l1 = validate_float_arg(0.0 if l1 is None else l1, "l1")
        self.l2 = validate_float_arg(0.0 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Any:
        penalties = []
        if self.l1:
            penalties.append(self.l1 * ops.sum(ops.absolute(x)))
        if self.l2:
            penalties.append(self.l2 * ops.sum(ops.square(x)))
        return sum(penalties[1:], penalties[0]) if penalties else 0.0 * ops.sum(x)


class L1(Regularizer):
    """``l1 * sum(|x|)``: draws weights to exactly 0."""

    def __init__(self, l1: float | None = 0.01) -> None:
        self.l1 = validate_float_arg(0.01 if l1 is None else l1, "l1")

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.absolute(x))


class L2(Regularizer):
    """``l2 * sum(x²)``, without a half: its gradient is ``2 * l2 * x``."""

    def __init__(self, l2: float | None = 0.01) -> None:
        self.l2 = validate_float_arg(0.01 if l2 is None else l2, "l2")

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))


class OrthogonalRegularizer(Regularizer):
    """`factor` times the mean of ``|cos|`` between any two rows of a matrix, or any two columns.

    Parameters
    ----------
    factor : float
    mode : {"rows", "columns"}
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        self.factor = validate_float_arg(factor, "factor")
        if mode not in ("rows", "columns"):
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received: mode={mode}'
            )
        self.mode = mode

    def __call__(self, inputs: Any) -> Any:
        if len(inputs.shape) != 2:
            raise ValueError(f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={inputs.shape}")
        rows = inputs if self.mode == "rows" else ops.transpose(inputs)
        squares = ops.sum(ops.square(rows), axis=1, keepdims=True)
        rows = rows / ops.sqrt(ops.maximum(squares, backend.epsilon() ** 2))
        size = rows.shape[0]
        products = ops.multiply(ops.matmul(rows, ops.transpose(rows)), 1 - backend.xp().eye(size, dtype=rows.dtype))
        return self.factor / (size * (size - 1)) * ops.sum(ops.absolute(products))


def validate_float_arg(value: Any, name: str) -> float:
    """Return a penalty's factor if it is a finite number of at least 0."""
    if not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise ValueError(f"Invalid value for argument {name}: expected a non-negative float; got {value!r}.")
    return float(value)


l1, l2, l1_l2, orthogonal_regularizer = L1, L2, L1L2, OrthogonalRegularizer

_registry = Registry("regularizers", (L1, L2, L1L2, OrthogonalRegularizer), example="l2")
get = _registry.get
serialize, deserialize = _registry.module_functions()
