"""What the user passed to fit, evaluate and predict: checked, with errors that name the argument.

Every public boundary validates here; the loop inside trusts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import backend
from .backend import Array
from .tape import unwrap

Batch = tuple[Any, Any, Any]  #: x (B, ...), y (B, ...) or None, sample_weight (B,) or None


def as_array(name: str, value: Any, what: str = "an array of numbers, shape (N, ...)") -> Any:
    """Return the user's `value` as an array of numbers with a samples axis, or say what it is instead."""
    value = unwrap(value)
    if hasattr(value, "dtypes") and hasattr(value, "to_numpy"):  # pandas: columns of several types of numbers
        kinds = value.dtypes if hasattr(value.dtypes, "__iter__") else [value.dtypes]
        if len({str(kind) for kind in kinds}) > 1 and all(getattr(kind, "kind", "O") in "fiub" for kind in kinds):
            value = value.to_numpy(dtype=backend.floatx())
    try:
        array = backend.asarray(value)
    except ValueError as error:
        raise ValueError(
            f"{name} expects {what}; its rows have different lengths ({error}). Pad or cut them to one length."
        ) from None
    except TypeError as error:
        raise TypeError(f"{name} expects {what}; got {type(value).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} expects {what}; got dtype {array.dtype}. Turn text and categories into numbers first."
        )
    if array.ndim == 0:
        raise ValueError(f"{name} expects {what}; got a single number, {array}.")
    return array


def all_finite(name: str, array: Any) -> None:
    """Raise if a float array holds NaN or infinity, and say where."""
    # One addition a value, and no array of flags, unless something is wrong.
    if backend.is_float(array) and not math.isfinite(float(array.sum(dtype="float64"))):
        broken = ~np.isfinite(array)
        if bool(broken.any()):
            first = tuple(int(i) for i in np.argwhere(broken)[0])
            kind = "NaN" if bool(np.isnan(array[first])) else "infinite values"
            raise ValueError(
                f"{name} holds {int(broken.sum())} {kind}, the first at {name}[{', '.join(map(str, first))}]. One of "
                "them makes the loss and then every weight NaN: fill the gaps or drop the rows before fit."
            )


def same_length(arrays: Mapping[str, Any]) -> int:
    """Return the common length N of the arrays that are not None."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"Data cardinality is ambiguous: {told} samples. All must have the same number of samples.")
    n_samples = next(iter(lengths.values()))
    if n_samples == 0:
        raise ValueError(f"There are no samples: {' and '.join(lengths)} of length 0. Pass at least one row.")
    return n_samples


def positive_integer(name: str, value: Any, smallest: int = 1) -> int:
    """Return `value` if it is a whole number of at least `smallest`."""
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < smallest:
        raise ValueError(f"{name} expects an integer of at least {smallest}; got {value!r}.")
    return int(value)


def unpack(value: Any, name: str = "validation_data") -> Batch:
    """Return ``(x, y)`` or ``(x, y, sample_weight)`` as three items.

    Examples
    --------
    >>> unpack(("x", "y"))
    ('x', 'y', None)
    """
    if not isinstance(value, (tuple, list)) or not 1 <= len(value) <= 3:
        got = f"{len(value)} items" if isinstance(value, (tuple, list)) else type(value).__name__
        raise ValueError(f"{name} expects (x, y) or (x, y, sample_weight); got {got}.")
    x, y, w = (*value, None, None)[:3]
    return x, y, w


def split_tail(arrays: Sequence[Any], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Cut the last part off every array, before any shuffling; None stays None.

    Parameters
    ----------
    arrays : sequence of (N, ...) or None
    fraction : float
        The first ``floor(N * (1 - fraction))`` rows stay.

    Returns
    -------
    (kept, held_out)
    """
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ValueError(f"validation_split expects a fraction between 0 and 1, such as 0.2; got {fraction!r}.")
    n_samples = same_length({"x": arrays[0]})
    n_kept = math.floor(n_samples * (1 - fraction))
    if n_kept in (0, n_samples):
        raise ValueError(
            f"validation_split={fraction} of {n_samples} samples leaves one side empty: {n_kept} to train on, "
            f"{n_samples - n_kept} to validate on. Choose another fraction or pass validation_data."
        )
    kept = tuple(None if a is None else a[:n_kept] for a in arrays)
    return kept, tuple(None if a is None else a[n_kept:] for a in arrays)


def class_weight_to_sample_weight(y: Array, class_weight: Mapping[int, float]) -> Array:
    """Return the weight of each sample's class.

    Parameters
    ----------
    y : (N,) or (N, 1) of labels, or (N, C) one-hot
    class_weight : dict of int to float
        Classes that it does not name weigh 1. Weights are not normalised.

    Returns
    -------
    (N,)

    Examples
    --------
    >>> class_weight_to_sample_weight(np.array([0, 1, 2]), {1: 9.0})
    array([1., 9., 1.], dtype=float32)
    """
    if not isinstance(class_weight, Mapping):
        raise ValueError(
            f"class_weight expects a dict from class to weight, such as {{0: 1.0, 1: 9.0}}; got "
            f"{type(class_weight).__name__}."
        )
    for key, weight in class_weight.items():
        if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
            raise ValueError(f"class_weight has the key {key!r}; keys are class labels, integers from 0.")
        if isinstance(weight, bool) or not isinstance(weight, (int, float, np.number)) or not weight >= 0:
            raise ValueError(f"class_weight[{key}] expects a number of at least 0; got {weight!r}.")
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else np.reshape(y, (len(y), -1))[:, 0]
    labels = np.rint(labels).astype("int64")
    weights = backend.xp().ones(len(labels), dtype=backend.floatx())
    for key, weight in class_weight.items():
        weights[labels == key] = weight
    return weights


def sample_weights(name: str, value: Any) -> Array:
    """Return the user's weights of samples as an array."""
    weights = as_array(name, value, "one weight a sample, shape (N,)")
    all_finite(name, weights)
    return weights


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Tell whether a batch of this shape is what a model was built for."""
    return len(shape) == len(expected) and all(
        size is None or size == given for size, given in zip(expected[1:], shape[1:], strict=True)
    )


def shown(shape: Sequence[int | None]) -> str:
    """Return a shape in words: ``(28, any)``."""
    return "(" + ", ".join("any" if size is None else str(size) for size in shape) + ("," * (len(shape) == 1)) + ")"


def verbosity(verbose: Any) -> int:
    """Return 0, 1 or 2."""
    if verbose not in ("auto", 0, 1, 2, True, False):
        raise ValueError(f'verbose expects 0, 1, 2 or "auto"; got {verbose!r}.')
    return 1 if verbose == "auto" else int(verbose)


def epochs_to_validate(validation_freq: Any) -> Callable[[int], bool]:
    """Return whether an epoch, counted from 1, is followed by validation."""
    if isinstance(validation_freq, (list, tuple, set)):
        return lambda epoch: epoch in validation_freq
    every = positive_integer("validation_freq", validation_freq)
    return lambda epoch: epoch % every == 0
