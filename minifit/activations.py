"""Activation functions by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ops
from .naming import look_up
from .tape import Tensor


def linear(x: Any) -> Any:
    """Return x as it is."""
    return x


def relu(x: Any) -> Any:
    """Return the positive part, ``max(x, 0)``."""
    return ops.relu(x)


def tanh(x: Any) -> Any:
    """Return the hyperbolic tangent."""
    return ops.tanh(x)


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``.

    The output remembers its logits, so that binary cross-entropy can take the short way back.
    """
    return _remember("sigmoid", ops.sigmoid(x), x)


def softmax(x: Any, axis: int = -1) -> Any:
    """Return exponentials normalised to sum 1 over `axis`: x (..., C), result (..., C).

    The output remembers its logits, so that cross-entropy can take the short way back.
    """
    y = ops.softmax(x, axis=axis)
    return _remember("softmax", y, x) if axis in (-1, len(x.shape) - 1) else y


def _remember(name: str, y: Any, x: Any) -> Any:
    if isinstance(y, Tensor) and isinstance(x, Tensor):
        y.made_by = (name, x)
    return y


NAMED: dict[str, Callable[..., Any]] = {
    "linear": linear,
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "softmax": softmax,
}


def get(identifier: Any) -> Callable[..., Any]:
    """Return an activation by name, a function as it is, and `linear` for None.

    Examples
    --------
    >>> get("relu") is relu
    True
    """
    if identifier is None:
        return linear
    return identifier if callable(identifier) else look_up("activation", identifier, NAMED, "relu")


def serialize(activation: Callable[..., Any]) -> str:
    """Return an activation's name, from which `get` finds it again."""
    name = getattr(activation, "__name__", type(activation).__name__)
    if NAMED.get(name, activation) is not activation:
        raise ValueError(f"Your own activation is called {name!r} like one of minifit's; rename it to save the model.")
    if name == "<lambda>":
        raise ValueError("A lambda as activation has no name to be saved under; write it with def.")
    return name
