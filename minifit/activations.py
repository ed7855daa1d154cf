"""Activation functions by name. Most are those of ``ops/nn.py``; here is what Keras has otherwise, or remembers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import ops
from .ops import (
    celu,
    elu,
    glu,
    hard_shrink,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu6,
    selu,
    silu,
    soft_shrink,
    softplus,
    softsign,
    sparse_plus,
    sparse_sigmoid,
    sparsemax,
    squareplus,
    tanh,
    tanh_shrink,
    threshold,
)
from .serialization import Registry
from .tape import Tensor


def linear(x: Any) -> Any:
    """Return x as it is."""
    return x


def relu(x: Any, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Any:
    """Return the positive part, ``max(x, 0)``, or a variation of it.

    Parameters
    ----------
    x : array_like
    negative_slope : float
        What ``x - threshold`` is multiplied by below the threshold.
    max_value : float, optional
        What no value is above.
    threshold : float
        Up to which x counts as negative.

    Examples
    --------
    >>> relu([-2.0, 1.0, 9.0], negative_slope=0.5, max_value=6.0)
    array([-1.,  1.,  6.], dtype=float32)
    """
    if max_value is None and threshold == 0:
        return ops.leaky_relu(x, negative_slope=negative_slope) if negative_slope else ops.relu(x)
    x = ops.array(x)
    kept = ops.relu6 if max_value == 6 else ops.relu
    y = kept(x) if threshold == 0 else ops.where(x > threshold, x, 0)
    if max_value is not None:
        y = ops.clip(y, 0, max_value)
    return y - negative_slope * ops.relu(threshold - x) if negative_slope else y


def sigmoid(x: Any) -> Any:
    """Return ``1 / (1 + exp(-x))``.

    The output remembers its logits, so that binary cross-entropy can take the short way back.
    """
    return _remember("sigmoid", ops.sigmoid(x), x)


def softmax(x: Any, axis: Any = -1) -> Any:
    """Return exponentials normalised to sum 1 over `axis`, or over several: x (..., C), result (..., C).

    The output remembers its logits, so that cross-entropy can take the short way back.
    """
    y = ops.softmax(x, axis=axis)
    return _remember("softmax", y, x) if axis in (-1, y.ndim - 1) else y


def _remember(name: str, y: Any, x: Any) -> Any:
    if isinstance(y, Tensor) and isinstance(x, Tensor):
        y.made_by = (name, x)
    return y


def gelu(x: Any, approximate: bool = False) -> Any:
    """Return x times the normal distribution's share below x, that in a closed form where `approximate`."""
    return ops.gelu(x, approximate=approximate)


def exponential(x: Any) -> Any:
    """Return ``exp(x)``."""
    return ops.exp(x)


swish, hard_swish = silu, hard_silu

_REGISTRY = Registry(
    "activations",
    functions=[
        *(celu, elu, exponential, gelu, glu, hard_shrink, hard_sigmoid, hard_silu, hard_tanh, leaky_relu, linear),
        *(log_sigmoid, log_softmax, mish, relu, relu6, selu, sigmoid, silu, soft_shrink, softmax, softplus, softsign),
        *(sparse_plus, sparse_sigmoid, sparsemax, squareplus, tanh, tanh_shrink, threshold),
    ],
    aliases={"swish": silu, "hard_swish": hard_silu},
    example="relu",
)
NAMED = _REGISTRY.named
serialize, deserialize = _REGISTRY.module_functions()


def get(identifier: Any) -> Callable[..., Any]:
    """Return an activation by name or description, a function as it is, and `linear` for None.

    Examples
    --------
    >>> get("relu") is relu
    True
    """
    return linear if identifier is None else _REGISTRY.get(identifier, "activation")
