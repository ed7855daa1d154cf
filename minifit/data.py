"""From what the user passed to batches: slices, order, weights.

Every source of data is an iterable of ``(x, y, sample_weight)`` that can be walked once an epoch,
and knows its number of steps. The loop in ``trainer.py`` sees nothing else of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from . import backend, random
from .backend import Array
from .tape import unwrap

Batch = tuple[Any, Any, Any]  #: x (B, ...), y (B, ...) or None, sample_weight (B,) or None


class ArrayData:
    """Batches from arrays that fit in memory.

    Parameters
    ----------
    x : (N, ...)
    y : (N, ...), optional
    sample_weight : (N,) or (N, 1), optional
    batch_size : int
        B; the last batch holds what is left and is never dropped.
    shuffle : bool or "batch"
        True draws a new order of all samples every epoch; "batch" only inside each batch.

    Attributes
    ----------
    n_samples : int
    n_steps : int
        Batches an epoch, N / B rounded up.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        shuffle: bool | str = False,
    ) -> None:
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.n_samples = same_length({"x": x, "y": y, "sample_weight": sample_weight})
        self.batch_size = 32 if batch_size is None else positive_integer("batch_size", batch_size)
        self.n_steps = math.ceil(self.n_samples / self.batch_size)
        if shuffle not in (True, False, "batch"):
            raise ValueError(f'shuffle expects True, False or "batch"; got {shuffle!r}.')
        self.shuffle = shuffle

    def __len__(self) -> int:
        return self.n_steps

    def __iter__(self) -> Iterator[Batch]:
        order = self._order()
        for start in range(0, self.n_samples, self.batch_size):
            stop = min(start + self.batch_size, self.n_samples)
            rows: Any = slice(start, stop) if order is None else order[start:stop]
            yield self._take(self.x, rows), self._take(self.y, rows), self._take(self.sample_weight, rows)

    def _order(self) -> Array | None:
        if not self.shuffle:
            return None
        generator = random.stream("shuffle")
        if self.shuffle == "batch":
            starts = range(0, self.n_samples, self.batch_size)
            parts = [np.arange(i, min(i + self.batch_size, self.n_samples)) for i in starts]
            return backend.asarray(np.concatenate([generator.permutation(part) for part in parts]))
        return backend.asarray(generator.permutation(self.n_samples))

    @staticmethod
    def _take(array: Any, rows: Any) -> Any:
        # Only the batch is brought to the float type in use: the data set may be larger than memory allows twice.
        if array is None:
            return None
        batch = backend.asarray(array[rows])
        return batch.astype(backend.floatx(), copy=False) if backend.is_float(batch) else batch


# --------------------------------------------------------------------------- what the user passed


def as_array(name: str, value: Any, what: str = "an array of numbers, shape (N, ...)") -> Any:
    """Return the user's `value` as an array of numbers with a samples axis, or say what it is instead."""
    value = unwrap(value)
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


def no_nan(name: str, array: Any) -> None:
    """Raise if a float array holds NaN, and say where."""
    # One addition a value, and no array of flags, unless something is wrong.
    if backend.is_float(array) and not math.isfinite(float(array.sum())):
        missing = np.isnan(array)
        if bool(missing.any()):
            first = tuple(int(i) for i in np.argwhere(missing)[0])
            raise ValueError(
                f"{name} holds {int(missing.sum())} NaN, the first at {name}[{', '.join(map(str, first))}]. One NaN "
                "makes the loss and then every weight NaN: fill the gaps or drop the rows before fit."
            )


def same_length(arrays: Mapping[str, Any]) -> int:
    """Return the common length N of the arrays that are not None."""
    lengths = {name: len(array) for name, array in arrays.items() if array is not None}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name} has {n}" for name, n in lengths.items())
        raise ValueError(f"Data cardinality is ambiguous: {told} samples. All must have the same number of samples.")
    n_samples = next(iter(lengths.values()))
    if n_samples == 0:
        raise ValueError(f"{' and '.join(lengths)} hold no samples (length 0): there is nothing to run on.")
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
