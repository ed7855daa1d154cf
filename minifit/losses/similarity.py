"""Losses of likeness: of two regions (Dice, Tversky), and of embeddings with one label (circle)."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from ..backend import epsilon, xp
from ..tape import unwrap
from .loss import LossFunction, as_array, as_float, pair
from .probabilistic import with_mask

__all__ = ["Circle", "Dice", "Tversky", "circle", "dice", "tversky"]


def dice(y_true: Any, y_pred: Any, axis: Any = None) -> Any:
    """Return 1 - 2 |A ∩ B| / (|A| + |B|), summed over `axis`; by default over all, the batch included."""
    y_true, y_pred = pair("dice", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    return 1 - 2.0 * both / (ops.sum(y_true, axis=axis) + ops.sum(y_pred, axis=axis) + epsilon())


def tversky(y_true: Any, y_pred: Any, alpha: float = 0.5, beta: float = 0.5, axis: Any = None) -> Any:
    """Return 1 - |A ∩ B| / (|A ∩ B| + alpha |A \\ B| + beta |B \\ A|), A the labels, B the predictions.

    With one half each it is `dice`.
    """
    y_true, y_pred = pair("tversky", y_true, y_pred)
    both = ops.sum(y_true * y_pred, axis=axis)
    missed = ops.sum(y_true * (1 - y_pred), axis=axis)
    invented = ops.sum(y_pred * (1 - y_true), axis=axis)
    return 1 - both / (both + alpha * missed + beta * invented + epsilon())


def circle(
    y_true: Any,
    y_pred: Any,
    ref_labels: Any = None,
    ref_embeddings: Any = None,
    remove_diagonal: bool = True,
    gamma: float = 80,
    margin: float = 0.4,
) -> Any:
    """Return the circle loss (N,): embeddings of one label are drawn together, others driven apart.

    Embeddings `y_pred` (N, D) have length 1, labels (N,) are integers. They are compared with references (M, D) and
    their labels (M,), by default the batch itself, and then, with `remove_diagonal`, no sample with itself. `gamma`
    scales the similarities, and `margin` says how far from ideal they may stay.
    """
    y_pred = as_float(y_pred)
    labels = unwrap(as_array(y_true)).astype("int32").reshape(-1, 1)
    others = labels if ref_labels is None else unwrap(as_array(ref_labels)).astype("int32").reshape(-1, 1)
    references = y_pred if ref_embeddings is None else as_array(ref_embeddings)
    if y_pred.ndim != 2 or len(labels) != len(y_pred) or len(others) != len(references):
        raise ValueError(
            "The loss circle needs embeddings y_pred of shape (N, D) and one integer label a row, y_true (N,); got "
            f"y_pred {tuple(y_pred.shape)} and {len(labels)} labels, {len(others)} of references {len(references)}."
        )
    distance = ops.maximum(1 - ops.matmul(y_pred, ops.transpose(references)), 0.0)
    alike, unlike = labels == others.T, labels != others.T
    if remove_diagonal:
        alike = alike & ~xp().eye(*alike.shape, dtype=bool)
    pull = -gamma * ops.maximum((margin + distance) * alike, 0.0) * (margin - distance)
    push = gamma * ops.maximum((1 + margin - distance) * unlike, 0.0) * (1 - margin - distance)
    loss = ops.softplus(_log_sum_exp(pull, alike) + _log_sum_exp(push, unlike))
    return with_mask(loss, unwrap(loss) > 0)


def _log_sum_exp(x: Any, where: Any) -> Any:
    """Return log Σ exp(x) along each row, of those places alone; -inf where a row has none."""
    top = np.max(np.where(where, unwrap(x), -np.inf), axis=1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0).astype(x.dtype)
    total = ops.sum(ops.exp(ops.where(where, x - top, -np.inf)), axis=1)
    found = unwrap(total) > 0
    return ops.where(found, ops.log(ops.where(found, total, 1)) + top[:, 0], -np.inf)


class Dice(LossFunction, fn=dice, order="reduction name axis dtype"):
    """One minus the share of two regions that overlaps, 2 |A ∩ B| / (|A| + |B|), summed over `axis`."""


class Tversky(LossFunction, fn=tversky, order="alpha beta reduction name axis dtype"):
    """`Dice` with a price of its own for what is missed, `alpha`, and for what is invented, `beta`."""


class Circle(LossFunction, fn=circle, order="gamma margin remove_diagonal reduction name dtype", gamma=80.0):
    """Circle loss of embeddings (N, D) of length 1 and integer labels (N,); see `circle`."""
