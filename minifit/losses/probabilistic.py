"""Losses for probabilities: cross-entropies and their relatives, in nats.

Probabilities that a softmax or sigmoid has just made remember their logits (`Tensor.made_by`); the cross-entropy of
them is then one op whose gradient goes straight to the logits.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .. import backend, ops
from ..backend import epsilon
from ..naming import check_numbers
from ..tape import Tensor, unwrap
from .loss import LossFunction, as_array, as_float, pair

__all__ = ["binary_crossentropy", "binary_focal_crossentropy", "categorical_crossentropy"]
__all__ += ["categorical_focal_crossentropy", "sparse_categorical_crossentropy"]
__all__ += ["BinaryCrossentropy", "categorical_generalized_cross_entropy", "crossentropy", "kl_divergence", "poisson"]
__all__ += ["BinaryFocalCrossentropy", "CategoricalCrossentropy", "CategoricalFocalCrossentropy"]
__all__ += ["CategoricalGeneralizedCrossEntropy", "KLDivergence", "Poisson", "SparseCategoricalCrossentropy"]


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return the mean over `axis` of -(t log p + (1 - t) log(1 - p)): (N, C) to (N,), or (N,) and (N, 1) to (N,).

    Probabilities are clipped to [1e-7, 1 - 1e-7] before the logarithm, logits are not.
    A label smoothing of s turns 0 and 1 into s / 2 and 1 - s / 2.
    """
    y_true, y_pred = pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, 2)
    return ops.mean(_binary(y_true, y_pred, from_logits), axis=axis)


def binary_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    apply_class_balancing: bool = False,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return binary cross-entropy times (1 - q)^gamma, q the probability of the right answer: easy ones fade.

    With `apply_class_balancing` class 1 is weighted by `alpha` and class 0 by ``1 - alpha``.
    """
    y_true, y_pred = pair("binary_focal_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = _smooth(y_true, label_smoothing, 2)
    p = ops.sigmoid(y_pred) if from_logits else y_pred
    right = y_true * p + (1 - y_true) * (1 - p)
    loss = ops.power(1.0 - right, gamma) * _binary(y_true, p, False)
    if apply_class_balancing:
        loss = (y_true * alpha + (1 - y_true) * (1 - alpha)) * loss
    return ops.mean(loss, axis=axis)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return -Σ t log p over the classes along `axis`, t one-hot or any distribution: (N, C) to (N,).

    Probabilities are divided by their sum and then clipped to [1e-7, 1 - 1e-7].
    A label smoothing of s gives each of the C classes s / C and takes s from the right one.
    """
    y_true, y_pred = _categories("categorical_crossentropy", y_true, y_pred, label_smoothing, axis)
    logits = y_pred if from_logits else _logits_of(y_pred, "softmax")
    if logits is not None:
        return ops.softmax_crossentropy(logits, None if from_logits else y_pred, targets=unwrap(y_true))
    return -ops.sum(y_true * ops.log(_normalised(y_pred)), axis=-1)


def categorical_focal_crossentropy(
    y_true: Any,
    y_pred: Any,
    alpha: float = 0.25,
    gamma: float = 2.0,
    from_logits: bool = False,
    label_smoothing: float = 0.0,
    axis: int = -1,
) -> Any:
    """Return -Σ alpha (1 - p)^gamma t log p over the classes: what the model is sure of fades."""
    y_true, y_pred = _categories("categorical_focal_crossentropy", y_true, y_pred, label_smoothing, axis)
    p = _normalised(ops.softmax(y_pred) if from_logits else y_pred)
    return ops.sum(alpha * ops.power(1.0 - p, gamma) * (-y_true * ops.log(p)), axis=-1)


def sparse_categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1
) -> Any:
    """Return -log p[label]: labels (N,) or (N, 1), whole numbers of any dtype, and predictions (N, C) to (N,).

    Probabilities are divided by their sum and then clipped to [1e-7, 1 - 1e-7]. Samples whose label is `ignore_class`
    cost 0 and do not count in a mean; any other label that is none of the C classes is an error.
    """
    return _sparse(y_true, y_pred, from_logits, ignore_class, axis)


def _sparse(
    y_true: Any, y_pred: Any, from_logits: Any = False, ignore_class: Any = None, axis: Any = -1, mean: bool = False
) -> Any:
    y_pred = as_float(y_pred)
    if axis != -1 and axis != y_pred.ndim - 1:
        y_true, y_pred = _classes_last(y_true, y_pred, axis)
    _several_classes("sparse_categorical_crossentropy", y_pred)
    labels = ops.noted(as_labels, unwrap(y_true), y_pred.shape, ignore_class)
    valid = None
    if ignore_class is not None:
        valid = labels != ignore_class
        labels = labels * valid
    logits = y_pred if from_logits else _logits_of(y_pred, "softmax")
    if logits is not None:
        mean = mean and valid is None
        loss = ops.softmax_crossentropy_sparse(logits, None if from_logits else y_pred, labels=labels, mean=mean)
    else:
        loss = -ops.log(_of_labels(_normalised(y_pred), labels))
    return loss if valid is None else with_mask(ops.where(valid, loss, 0), valid)


def _of_labels(p: Any, labels: Any) -> Any:
    column = ops.noted(np.expand_dims, labels, axis=-1)
    return ops.squeeze(ops.take_along_axis(p, indices=column, axis=-1), axis=-1)


def categorical_generalized_cross_entropy(y_true: Any, y_pred: Any, q: float) -> Any:
    """Return (1 - p[label]^q) / q for integer labels (N,): near cross-entropy for a small q, near 1 - p for q near 1.

    Labels that are wrong pull less than in cross-entropy.
    """
    y_pred = as_float(y_pred)
    labels = ops.noted(as_labels, unwrap(y_true), y_pred.shape, name="categorical_generalized_cross_entropy")
    p = _of_labels(y_pred, labels)
    return (1 - ops.power(p, q)) / q


def kl_divergence(y_true: Any, y_pred: Any) -> Any:
    """Return Σ t log(t / p) over the last axis, both clipped to [1e-7, 1]: (N, C) to (N,)."""
    y_true, y_pred = (ops.clip(y, epsilon(), 1) for y in pair("kl_divergence", y_true, y_pred))
    return ops.sum(y_true * ops.log(y_true / y_pred), axis=-1)


def poisson(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of y_pred - y_true log(y_pred), for counts and their expected values."""
    y_true, y_pred = pair("poisson", y_true, y_pred)
    return ops.mean(y_pred - y_true * ops.log(y_pred + epsilon()), axis=-1)


def crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """Return the cross-entropy that the shapes ask for: binary, sparse or categorical."""
    y_true, y_pred = as_array(y_true), as_float(y_pred)
    kind = crossentropy_kind(y_true.shape, y_pred.shape)
    sparse_or_not = sparse_categorical_crossentropy if kind == "sparse" else categorical_crossentropy
    return (binary_crossentropy if kind == "binary" else sparse_or_not)(y_true, y_pred, from_logits=from_logits)


def crossentropy_kind(true_shape: tuple[int, ...], pred_shape: tuple[int, ...]) -> str:
    """Return what labels and predictions of these shapes are, as Keras decides it.

    Examples
    --------
    >>> crossentropy_kind((32,), (32, 1)), crossentropy_kind((32,), (32, 10))
    ('binary', 'sparse')
    >>> crossentropy_kind((32, 10), (32, 10))
    'categorical'
    """
    if pred_shape[-1] == 1:
        return "binary"
    if len(true_shape) < len(pred_shape) or true_shape[-1] == 1:
        return "sparse"
    return "categorical"


# --------------------------------------------------------------------------- what they share


def _smooth(t: Any, label_smoothing: float, n_classes: int) -> Any:
    return ops.add(ops.multiply(t, 1.0 - label_smoothing), label_smoothing / n_classes)


def _binary(t: Any, y_pred: Any, from_logits: bool) -> Any:
    logits = y_pred if from_logits else _logits_of(y_pred, "sigmoid")
    if logits is not None:
        return ops.sigmoid_crossentropy(logits, None if from_logits else y_pred, targets=unwrap(t))
    p = _clip(y_pred)
    return -(t * ops.log(p) + ops.subtract(1, t) * ops.log(1 - p))


def _logits_of(y_pred: Any, activation: str) -> Any:
    """Return what `activation` computed these probabilities from, if that is where they come from."""
    name, logits = getattr(y_pred, "made_by", None) or (None, None)
    short = logits is not None and name == activation and (logits.tracked or not y_pred.tracked)
    return logits if short else None


def _clip(p: Any) -> Any:
    low = p.dtype.type(epsilon())
    return ops.clip(p, ops.constant(low), ops.constant(p.dtype.type(1) - low))


def _normalised(p: Any) -> Any:
    return _clip(p / ops.sum(p, axis=-1, keepdims=True))


def _categories(name: str, y_true: Any, y_pred: Any, label_smoothing: float, axis: int) -> tuple[Any, Any]:
    """Return both with the classes last, and the labels smoothed."""
    if axis not in (-1, as_array(y_pred).ndim - 1) or isinstance(axis, bool):
        y_true, y_pred = _classes_last(as_array(y_true), as_array(y_pred), axis)
    y_true, y_pred = pair(name, y_true, y_pred)
    _several_classes(name, y_pred)
    return (_smooth(y_true, label_smoothing, y_pred.shape[-1]) if label_smoothing else y_true), y_pred


def _classes_last(y_true: Any, y_pred: Any, axis: Any) -> tuple[Any, Any]:
    if isinstance(axis, bool):
        raise ValueError(f"`axis` must be of type `int`, the axis of the classes; got {axis!r}.")
    y_true = y_true if backend.on_host(y_true) else as_array(y_true)  # labels of the host are looked at there
    axis = normalize_axis_index(axis, y_pred.ndim, "axis of the classes")
    order = [i for i in range(y_pred.ndim) if i != axis] + [axis]
    if y_true.ndim == y_pred.ndim:
        y_true = np.transpose(y_true, order)
    return y_true, np.transpose(y_pred, order)


def with_mask(values: Any, mask: Any) -> Tensor:
    """Return values as a Tensor that knows which of them count."""
    values = values if isinstance(values, Tensor) else Tensor(values)
    values._keras_mask = mask
    return values


def _several_classes(name: str, y_pred: Any) -> None:
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        raise ValueError(
            f"{name} needs one output a class, y_pred of shape (N, C) with C of 2 or more; got "
            f"{y_pred.shape}. For two classes and one output use binary_crossentropy; for numbers use mse."
        )


def as_labels(
    y_true: Any, shape: tuple[int, ...], ignore_class: int | None = None, name: str = "sparse_categorical_crossentropy"
) -> Any:
    """Return class labels as integers (N,), checked against predictions of `shape` (N, C)."""
    whole = _whole_labels(y_true, shape, ignore_class, name)
    return backend.asarray(whole) if backend.on_host(whole) else whole


def _whole_labels(y_true: Any, shape: tuple[int, ...], ignore_class: int | None, name: str) -> Any:
    labels = unwrap(y_true)
    labels = labels if hasattr(labels, "dtype") else backend.asarray(labels)
    if labels.ndim == len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != shape[:-1]:
        one_hot = labels.shape == shape
        raise ValueError(
            f"{name} needs integer labels y_true of shape {shape[:-1]} for y_pred of shape {shape} (they must "
            f"have the same shape up until the last dimension); got {labels.shape}."
            + (" One-hot labels go with categorical_crossentropy." if one_hot else "")
        )
    whole = labels.astype("int64") if labels.dtype.kind != "i" else labels
    if not backend.on_host(whole):
        return whole  # fit has looked at all of them once; looking at each batch would wait for the device
    if whole is not labels and bool((whole != labels).any()):
        raise ValueError("y_true must hold whole numbers (class labels); it holds fractions or NaN.")
    real = whole if ignore_class is None else whole[whole != ignore_class]
    # Read as unsigned, a negative label is a huge one: one comparison finds both kinds.
    unsigned = real.view("uint64") if real.itemsize == 8 else real.astype("uint64")
    if real.size and int(unsigned.max()) >= shape[-1]:
        bad = real[(real < 0) | (real >= shape[-1])]
        raise ValueError(
            f"y_true holds the label {int(bad[0])}, but y_pred has {shape[-1]} classes: labels run from 0 to "
            f"{shape[-1] - 1}. Give the last layer enough units or renumber the labels."
        )
    return whole


# --------------------------------------------------------------------------- what all labels are checked for, once


def _check_sparse(y_true: Any, shape: Any, name: str, ignore_class: Any = None, axis: int = -1, **options: Any) -> None:
    labels, y_pred = _classes_last(backend.to_numpy(y_true), np.broadcast_to(0.0, shape), axis)
    _several_classes(name, y_pred)
    _whole_labels(labels, y_pred.shape, ignore_class, "sparse_categorical_crossentropy")


def _check_shares(y_true: Any, shape: Any, name: str, **options: Any) -> None:
    outside = (y_true < 0) | (y_true > 1)
    if bool(outside.any()):
        raise ValueError(
            f"y_true holds {y_true[outside].ravel()[0]}; the loss {name} needs labels from 0 to 1. Recode -1 and 1 as "
            "0 and 1; for integer labels of several classes use sparse_categorical_crossentropy."
        )


def _check_by_kind(y_true: Any, shape: Any, name: str, **options: Any) -> None:
    sparse = crossentropy_kind(y_true.shape, shape) == "sparse"
    (_check_sparse if sparse else _check_shares)(y_true, shape, name)


_fn: Any
for _fn in (binary_crossentropy, categorical_crossentropy, binary_focal_crossentropy, categorical_focal_crossentropy):
    _fn.check_labels = _check_shares
sparse_categorical_crossentropy.averaged = _sparse  # type: ignore[attr-defined]
sparse_categorical_crossentropy.check_labels = _check_sparse  # type: ignore[attr-defined]
crossentropy.check_labels = _check_by_kind  # type: ignore[attr-defined]
for _fn in (sparse_categorical_crossentropy, categorical_generalized_cross_entropy, crossentropy):
    _fn.takes_labels = True


# --------------------------------------------------------------------------- as objects


class BinaryCrossentropy(LossFunction, fn=binary_crossentropy):
    """Cross-entropy of two classes; see `binary_crossentropy`."""


class BinaryFocalCrossentropy(LossFunction, fn=binary_focal_crossentropy):
    """Cross-entropy of two classes in which easy samples fade; see `binary_focal_crossentropy`."""


class CategoricalCrossentropy(LossFunction, fn=categorical_crossentropy):
    """Cross-entropy of one-hot labels; see `categorical_crossentropy`."""


class CategoricalFocalCrossentropy(LossFunction, fn=categorical_focal_crossentropy):
    """Cross-entropy of one-hot labels in which easy samples fade; see `categorical_focal_crossentropy`."""


class SparseCategoricalCrossentropy(
    LossFunction,
    fn=sparse_categorical_crossentropy,
    order="from_logits ignore_class reduction axis name dtype",
):
    """Cross-entropy of integer labels; see `sparse_categorical_crossentropy`."""


class CategoricalGeneralizedCrossEntropy(LossFunction):
    """Cross-entropy that forgives wrong labels, more so for a larger `q`; 0 < q < 1."""

    def __init__(
        self,
        q: float = 0.5,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_generalized_cross_entropy",
        dtype: Any = None,
    ) -> None:
        check_numbers(self, q=q)
        if not 0 < q < 1:
            raise ValueError(f"q must be in the interval (0, 1); got {q!r}.")
        super().__init__(categorical_generalized_cross_entropy, reduction, name, dtype, q=q)


class KLDivergence(LossFunction, fn=kl_divergence):
    """Kullback-Leibler divergence of distributions, Σ t log(t / p)."""


class Poisson(LossFunction, fn=poisson):
    """Minus the log-likelihood of counts, y_pred - y_true log(y_pred), up to a constant."""
