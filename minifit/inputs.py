"""What the user passed to fit, evaluate and predict: checked, with errors that name the argument.

Every public boundary validates here; the loop inside trusts.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from . import backend, tree
from .backend import Array
from .naming import in_range
from .tape import unwrap

Batch = tuple[Any, Any, Any]  #: x (B, ...), y (B, ...) or None, sample_weight (B,) or None; each may be nested


def as_array(name: str, value: Any, what: str = "an array of numbers, shape (N, ...)") -> Any:
    """Return the user's `value` as an array of numbers with a samples axis, or say what it is instead."""
    value = unwrap(value)
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
    if hasattr(value, "to_frame"):  # a pandas series is a column
        value = value.to_frame()
    if hasattr(value, "dtypes") and hasattr(value, "to_numpy"):  # pandas: columns of several types of numbers
        kinds = value.dtypes if hasattr(value.dtypes, "__iter__") else [value.dtypes]
        if len({str(kind) for kind in kinds}) > 1 and all(getattr(kind, "kind", "O") in "fiub" for kind in kinds):
            value = value.to_numpy(dtype=backend.floatx())
    try:
        array = _where_it_lies(value) if not on_disk(value) else value if isinstance(value, OnDisk) else OnDisk(value)
    except ValueError as error:
        raise ValueError(
            f"{name} expects {what}; its rows have different lengths ({error}). Pad or cut them to one length."
        ) from None
    except TypeError as error:
        raise TypeError(f"{name} expects {what}; got {type(value).__name__}: {error}") from None
    if array.dtype.kind not in "fiub":
        raise ValueError(
            f"{name} expects {what}; got dtype {array.dtype}. Turn text and categories into numbers first. "
            f"(Unrecognized data type: {type(value).__name__}.)"
        )
    if array.ndim == 0:
        raise ValueError(f"{name} expects {what}; got a single number, {array}.")
    return array


def _where_it_lies(value: Any) -> Any:
    """Return an array of the device in use as it is, and anything else on the host, where it is looked at for free."""
    module = backend.xp()
    return backend.asarray(value) if module is np or isinstance(value, _arrays_of(module)) else np.asarray(value)


@functools.cache
def _arrays_of(module: Any) -> type:
    return type(module.empty(0))


def as_arrays(name: str, value: Any, what: str = "an array of numbers, shape (N, ...)") -> Any:
    """Return an array, or the dict, list or tuple of arrays that the user gave, one an input or output."""
    if not holds_arrays(value):
        return None if value is None else as_array(name, value, what)
    leaves = [None if leaf is None else as_array(named(name, p), leaf, what) for p, leaf in _leaves(value)]
    return tree.pack_sequence_as(_shallow(value), leaves)


def holds_arrays(value: Any) -> bool:
    """Tell a list of arrays, one an input, from a list of numbers, which is an array.

    Examples
    --------
    >>> holds_arrays([np.zeros(3), np.zeros(3)]), holds_arrays([[1, 2], [3, 4]])
    (True, False)
    """
    if isinstance(value, (list, tuple)) and value:
        first = value[0]
        return first is None or bool(getattr(first, "shape", ())) or holds_arrays(first)
    return isinstance(value, dict)


def _shallow(value: Any) -> Any:
    """Return the containers alone: a list of numbers among them is a leaf, for it is an array."""
    if not holds_arrays(value):
        return None
    if isinstance(value, dict):
        return type(value)((key, _shallow(item)) for key, item in value.items())
    items = [_shallow(item) for item in value]
    return type(value)(*items) if hasattr(value, "_fields") else type(value)(items)


def _leaves(value: Any) -> list[tuple[tree.Path, Any]]:
    return [(path, tree.at(value, path)) for path, _ in tree.flatten_with_path(_shallow(value))]


def is_array(value: Any) -> bool:
    """Tell arrays, and what might be meant as such, from a source of batches."""
    return value is None or isinstance(value, (list, tuple, dict, str, bytes)) or hasattr(value, "shape")


def to_be_split(x: Any, y: Any, sample_weight: Any) -> tuple[Any, ...]:
    """Return the arrays of which `validation_split` is to take a part."""
    if not is_array(x):
        raise ValueError(
            f"Argument `validation_split` is only supported for arrays; x is a {type(x).__name__}. Pass "
            "validation_data."
        )
    if x is None:
        raise ValueError("x expects an array of samples, shape (N, ...); got None.")
    arrays = as_arrays("x", x), as_arrays("y", y), as_arrays("sample_weight", sample_weight)
    names = ("x", "y", "sample_weight")
    same_length(
        {named(n, p): a for n, part in zip(names, arrays, strict=True) for p, a in tree.flatten_with_path(part)}
    )
    return arrays


def named(name: str, path: Sequence[Any]) -> str:
    """Return what a leaf is called in messages: ``x['a'][0]``."""
    return name + "".join(f"[{key!r}]" for key in path)


class OnDisk:
    """Some rows of an array that lies in a file, such as an h5py dataset; they are read a batch at a time."""

    def __init__(self, source: Any, start: int = 0, stop: int | None = None) -> None:
        self.source, self.start = source, start
        self.stop = len(source) if stop is None else stop
        self.shape = (self.stop - start, *source.shape[1:])
        self.ndim, self.dtype = len(self.shape), np.dtype(source.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Any:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            return OnDisk(self.source, self.start + start, self.start + stop)
        return self.take(rows)

    def read(self) -> np.ndarray:
        """Return all these rows."""
        return np.asarray(self.source[self.start : self.stop])

    def take(self, rows: Any, axis: int = 0) -> np.ndarray:
        """Return rows in any order. Files are read in rising order, each row once."""
        wanted, back = np.unique(backend.to_numpy(rows), return_inverse=True)
        return np.asarray(self.source[wanted + self.start])[back]


def on_disk(value: Any) -> bool:
    """Tell an array that is to be read a part at a time: it has a shape, and is of no library of arrays in memory."""
    if isinstance(value, (np.ndarray, OnDisk)):
        return isinstance(value, (np.memmap, OnDisk))
    in_memory = ("__dlpack__", "__array_interface__", "__array_ufunc__", "to_numpy", "numpy", "value")
    return (
        bool(getattr(value, "shape", ()))
        and hasattr(value, "__getitem__")
        and not any(hasattr(value, name) for name in in_memory)
    )


def all_finite(name: str, array: Any) -> None:
    """Raise if a float array holds NaN or infinity, and say where."""
    if isinstance(array, OnDisk) or not backend.is_float(array):  # what is on disk is looked at when read
        return
    # One addition a value, and no array of flags, unless something is wrong, or the sum is too large for its type.
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(array.sum() if array.dtype.char in "fd" else array.sum(dtype="float64"))
    if not math.isfinite(total):
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
    n_samples = next(iter(lengths.values()), 0)
    if n_samples == 0:
        raise ValueError(f"There are no samples: {' and '.join(lengths)} of length 0. Pass at least one row.")
    return n_samples


def positive_integer(name: str, value: Any, smallest: int = 1) -> int:
    """Return `value` if it is a whole number of at least `smallest`."""
    return int(in_range(name, value, smallest, whole=True))


def unpack_x_y_sample_weight(data: Any) -> Batch:
    """Return a batch ``x``, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)`` as three items.

    Examples
    --------
    >>> unpack_x_y_sample_weight(("x", "y"))
    ('x', 'y', None)
    """
    if type(data) is tuple and len(data) == 3:
        return data
    if not isinstance(data, (tuple, list)):
        return data, None, None
    if not 1 <= len(data) <= 3:
        raise ValueError(
            f"Data is expected to be in format x, (x,), (x, y) or (x, y, sample_weight); got {len(data)} items."
        )
    x, y, sample_weight = (*data, None, None)[:3]
    return x, y, sample_weight


def pack_x_y_sample_weight(x: Any, y: Any = None, sample_weight: Any = None) -> Any:
    """Return ``x``, ``(x, y)`` or ``(x, y, sample_weight)``: what `unpack_x_y_sample_weight` takes apart."""
    if y is None:
        return (x,) if isinstance(x, (tuple, list)) else x
    return (x, y) if sample_weight is None else (x, y, sample_weight)


def unpack_validation(value: Any) -> Batch:
    """Return ``validation_data`` as three items; anything but a tuple has to be a source of batches."""
    if isinstance(value, (tuple, list)) and not 1 <= len(value) <= 3:
        raise ValueError(f"validation_data expects (x, y) or (x, y, sample_weight); got {len(value)} items.")
    if not isinstance(value, (tuple, list, dict)) and hasattr(value, "shape"):
        raise ValueError(f"validation_data expects (x, y) or (x, y, sample_weight); got {type(value).__name__}.")
    return unpack_x_y_sample_weight(value)


def split_tail(arrays: Sequence[Any], fraction: float) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Cut the last part off every array, before any shuffling; None stays None.

    Parameters
    ----------
    arrays : sequence of nested (N, ...) or None
    fraction : float
        The first ``floor(N * (1 - fraction))`` rows stay.

    Returns
    -------
    (kept, held_out)
    """
    if isinstance(fraction, bool) or not isinstance(fraction, (int, float)) or not 0 < fraction < 1:
        raise ValueError(f"validation_split expects a fraction between 0 and 1, such as 0.2; got {fraction!r}.")
    n_samples = len(next(leaf for leaf in tree.flatten(tuple(arrays)) if leaf is not None))
    n_kept = math.floor(n_samples * (1 - fraction))
    if n_kept in (0, n_samples):
        raise ValueError(
            f"Training data contains {n_samples} samples: validation_split={fraction} of them leaves one side empty, "
            f"{n_kept} to train on, {n_samples - n_kept} to validate on. Choose another fraction or pass "
            "validation_data."
        )

    def part(rows: slice) -> tuple[Any, ...]:
        return tree.map_structure(lambda a: None if a is None else a[rows], tuple(arrays))

    return part(slice(0, n_kept)), part(slice(n_kept, n_samples))


def class_weight_to_sample_weights(y: Array, class_weight: Mapping[int, float]) -> Array:
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
    >>> class_weight_to_sample_weights(np.array([0, 1, 2]), {1: 9.0})
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
    y = y if hasattr(y, "astype") else np.asarray(y)
    labels = y.argmax(axis=-1) if y.ndim > 1 and y.shape[-1] > 1 else np.reshape(y, (len(y), -1))[:, 0]
    labels = np.rint(labels).astype("int64")
    weights = np.ones_like(labels, dtype=backend.floatx())
    for key, weight in class_weight.items():
        weights[labels == key] = weight
    return weights


def fits(shape: Sequence[int], expected: Sequence[int | None]) -> bool:
    """Tell whether a batch of this shape is what a model was built for, or is but for a last axis of 1.

    Examples
    --------
    >>> fits((32, 5), (None, 5)), fits((32,), (None, 1)), fits((32, 5), (None, 4))
    (True, True, False)
    """
    if len(shape) + 1 == len(expected) and expected[-1] == 1:
        expected = expected[:-1]
    elif len(shape) == len(expected) + 1 and shape[-1] == 1:
        shape = shape[:-1]
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
