"""Accuracies: how often the prediction is the label. Each function gives 1 or 0 a sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array, floatx
from ..losses.loss import align_ranks, as_array, as_float
from ..losses.probabilistic import as_labels
from ..tape import unwrap
from .reduction import MeanMetricWrapper

__all__ = ["binary_accuracy", "categorical_accuracy", "sparse_categorical_accuracy", "top_k_categorical_accuracy"]
__all__ += ["Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "sparse_top_k_categorical_accuracy"]
__all__ += ["SparseCategoricalAccuracy", "SparseTopKCategoricalAccuracy", "TopKCategoricalAccuracy"]


def arrays(y_true: Any, y_pred: Any) -> tuple[Array, Array]:
    """Return both as arrays, out of any tape."""
    return as_array(unwrap(y_true)), as_array(unwrap(y_pred))


def same_shape(name: str, y_true: Array, y_pred: Array) -> None:
    """Raise unless both have one shape."""
    if y_true.shape != y_pred.shape:
        raise ValueError(
            f"{name} needs y_true and y_pred of one shape; y_true has shape {y_true.shape}, y_pred {y_pred.shape}."
        )


def accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where y_pred equals the label, element by element: (N, C) to (N, C)."""
    y_true, y_pred = align_ranks(*arrays(y_true, y_pred))
    same_shape("accuracy", y_true, y_pred)
    return (y_true.astype(y_pred.dtype, copy=False) == y_pred).astype(floatx())


def binary_accuracy(y_true: Any, y_pred: Any, threshold: float = 0.5) -> Array:
    """Return 1 where ``y_pred > threshold`` agrees with the label, element by element: (N, C) to (N, C)."""
    y_true, y_pred = align_ranks(*arrays(y_true, y_pred))
    same_shape("binary_accuracy", y_true, y_pred)
    return (y_true == (y_pred > threshold)).astype(floatx())


def categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where the largest prediction is at the largest label: (N, C) one-hot to (N,)."""
    y_true, y_pred = arrays(y_true, y_pred)
    same_shape("categorical_accuracy", y_true, y_pred)
    return (y_true.argmax(axis=-1) == y_pred.argmax(axis=-1)).astype(floatx())


def sparse_categorical_accuracy(y_true: Any, y_pred: Any) -> Array:
    """Return 1 where the largest prediction is at the integer label: (N,) and (N, C) to (N,)."""
    y_true, y_pred = arrays(y_true, y_pred)
    if y_true.ndim == y_pred.ndim and y_true.shape[-1] == 1:
        y_true = y_true[..., 0]
    if y_true.shape != y_pred.shape[:-1]:
        raise ValueError(f"sparse_categorical_accuracy needs labels of shape {y_pred.shape[:-1]}; got {y_true.shape}.")
    return (y_true == y_pred.argmax(axis=-1)).astype(floatx())


def top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5) -> Array:
    """Return 1 where the largest label's prediction is among the `k` largest: (N, C) one-hot to (N,)."""
    y_true, y_pred = arrays(y_true, y_pred)
    same_shape("top_k_categorical_accuracy", y_true, y_pred)
    return _in_top_k(y_true.argmax(axis=-1), y_pred, k)


def sparse_top_k_categorical_accuracy(y_true: Any, y_pred: Any, k: int = 5, from_sorted_ids: bool = False) -> Array:
    """Return 1 where the integer label's prediction is among the `k` largest: (N,) and (N, C) to (N,).

    Parameters
    ----------
    from_sorted_ids : bool
        Whether `y_pred` holds labels, the likeliest first, rather than a prediction for each.
    """
    y_true, y_pred = arrays(y_true, y_pred)
    if not from_sorted_ids:
        return _in_top_k(as_labels(y_true, y_pred.shape, name="sparse_top_k_categorical_accuracy"), y_pred, k)
    y_true = y_true.reshape(y_pred.shape[:-1])
    return (y_true[..., None] == y_pred[..., :k]).any(axis=-1).astype(floatx())


def _in_top_k(labels: Array, y_pred: Array, k: int) -> Array:
    kth_largest = np.sort(y_pred, axis=-1)[..., -min(k, y_pred.shape[-1])]
    of_label = np.take_along_axis(as_float(y_pred), labels[..., None], axis=-1)[..., 0]
    return (of_label >= kth_largest).astype(floatx())


class Accuracy(MeanMetricWrapper, fn=accuracy, direction="up"):
    """How often y_pred equals the label."""


class BinaryAccuracy(MeanMetricWrapper, fn=binary_accuracy, direction="up"):
    """How often ``y_pred > threshold`` agrees with a label of 0 or 1."""


class CategoricalAccuracy(MeanMetricWrapper, fn=categorical_accuracy, direction="up"):
    """How often the largest prediction is at the one-hot label."""


class SparseCategoricalAccuracy(MeanMetricWrapper, fn=sparse_categorical_accuracy, direction="up"):
    """How often the largest prediction is at the integer label."""


class TopKCategoricalAccuracy(MeanMetricWrapper, fn=top_k_categorical_accuracy, order="k name dtype", direction="up"):
    """How often the one-hot label is among the `k` largest predictions."""


class SparseTopKCategoricalAccuracy(
    MeanMetricWrapper,
    fn=sparse_top_k_categorical_accuracy,
    order="k name dtype from_sorted_ids",
    direction="up",
):
    """How often the integer label is among the `k` largest predictions."""
