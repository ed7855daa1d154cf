"""Small functions around a training script."""

from __future__ import annotations

import random as python_random
from collections.abc import Callable
from collections.abc import Sequence as _Sequence
from typing import Any

import numpy as np

from . import backend, ops, tree
from .callbacks.progress import Progbar
from .config import disable_interactive_logging, enable_interactive_logging, is_interactive_logging_enabled
from .data import PyDataset
from .dtype_policies import standardize_dtype
from .functional import KerasTensor
from .inputs import pack_x_y_sample_weight, unpack_x_y_sample_weight
from .naming import check_numbers, clear_session
from .random import set_random_seed
from .serialization import (
    CustomObjectScope,
    custom_object_scope,
    deserialize_keras_object,
    get_custom_objects,
    get_registered_name,
    get_registered_object,
    register_keras_serializable,
    serialize_keras_object,
)
from .tape import Tensor

Sequence = PyDataset

__all__ = ["CustomObjectScope", "Progbar", "PyDataset", "Sequence", "clear_session", "custom_object_scope"]
__all__ += ["deserialize_keras_object", "disable_interactive_logging", "enable_interactive_logging"]
__all__ += ["get_custom_objects", "get_registered_name", "get_registered_object", "is_interactive_logging_enabled"]
__all__ += ["is_keras_tensor", "normalize", "pack_x_y_sample_weight", "pad_sequences", "register_keras_serializable"]
__all__ += ["serialize_keras_object", "set_random_seed", "split_dataset", "standardize_dtype", "to_categorical"]
__all__ += ["unpack_x_y_sample_weight"]


def is_keras_tensor(x: Any) -> bool:
    """Tell whether something stands for data that are to come, as what `Input` returns."""
    return isinstance(x, KerasTensor)


def to_categorical(x: Any, num_classes: int | None = None) -> Any:
    """Return class labels as one-hot rows.

    Parameters
    ----------
    x : (N,) or (N, 1) of integers from 0 to C - 1, or with more axes before
    num_classes : int, optional
        C; by default the largest label + 1.

    Returns
    -------
    (N, C) float64; of the float type in use for a Tensor or an array on a GPU, and what this is

    Raises
    ------
    ValueError
        If a label lies outside 0 to C - 1.

    Examples
    --------
    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = _numbers("to_categorical(x)", backend.to_numpy(x) if _is_tensor(x) else x).astype("int64")
    check_numbers("to_categorical", 1, whole=True, optional=True, num_classes=num_classes)
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    n_classes = num_classes or int(labels.max()) + 1
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(
            f"to_categorical(x, num_classes={n_classes}) expects labels from 0 to {n_classes - 1}; got labels from "
            f"{labels.min()} to {labels.max()}."
        )
    rows = np.eye(n_classes)[labels]
    if not _is_tensor(x):
        return rows
    here = backend.asarray(rows.astype(backend.floatx()))
    return Tensor(here) if isinstance(x, Tensor) else here


def _is_tensor(x: Any) -> bool:
    """Tell whether x is a Tensor or an array on a device other than the host."""
    return isinstance(x, Tensor) or (not backend.on_host(x) and isinstance(x, backend.xp().ndarray))


def _numbers(name: str, x: Any) -> np.ndarray:
    x = np.asarray(x)
    if x.dtype.kind in "OSU":
        raise ValueError(f"{name} expects an array of numbers; got dtype {x.dtype}. Turn text into numbers first.")
    return x


def normalize(x: Any, axis: int = -1, order: int = 2) -> Any:
    """Return an array whose vectors along an axis have the length 1; vectors of zeros stay.

    Examples
    --------
    >>> normalize(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]])
    """
    if not _is_tensor(x):
        x = _numbers("normalize(x)", x)
    check_numbers("normalize", 1, order=order)
    powers = np.abs(x) ** order
    length = np.sum(powers, axis=axis, keepdims=True) ** (1 / order)
    return x / ops.where(length == 0, 1.0, length) if isinstance(x, Tensor) else x / np.where(length == 0, 1, length)


def pad_sequences(
    sequences: _Sequence[Any],
    maxlen: int | None = None,
    dtype: Any = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: Any = 0.0,
) -> np.ndarray:
    """Return lists of different lengths as the rows of one array.

    Parameters
    ----------
    sequences : list of lists
        Of numbers, or of arrays of one shape.
    maxlen : int, optional
        By default the length of the longest.
    dtype : str
    padding, truncating : {"pre", "post"}
        At which end the short ones are filled up with `value`, and the long ones cut.
    value : float or str

    Examples
    --------
    >>> pad_sequences([[1], [2, 3], [4, 5, 6]], maxlen=2)
    array([[0, 1],
           [2, 3],
           [5, 6]], dtype=int32)
    """
    if not hasattr(sequences, "__len__"):
        raise ValueError("`sequences` must be iterable: pad_sequences expects a list of lists.")
    for name, end in (("Padding", padding), ("Truncating", truncating)):
        if end not in ("pre", "post"):
            raise ValueError(f'{name} type "{end}" not understood: it is "pre" or "post".')
    for sequence in sequences:
        if not hasattr(sequence, "__len__"):
            raise ValueError(f"`sequences` must be a list of iterables. Found non-iterable: {sequence}.")
    kind = np.dtype(dtype).kind
    if isinstance(value, str) and kind not in "OSU":
        raise ValueError(f"`dtype` {dtype} is not compatible with `value`'s type, a str: pass dtype=object.")
    check_numbers("pad_sequences", 0, whole=True, optional=True, maxlen=maxlen)
    length = max(map(len, sequences)) if maxlen is None else maxlen
    shape = next((np.asarray(sequence).shape[1:] for sequence in sequences if len(sequence)), ())
    padded = np.full((len(sequences), length, *shape), value, dtype=dtype)
    for i, sequence in enumerate(sequences):
        kept = sequence[max(0, len(sequence) - length) :] if truncating == "pre" else sequence[:length]
        if not len(kept):
            continue
        row = np.asarray(kept, dtype)
        if row.shape[1:] != shape:
            raise ValueError(
                f"Shape of sample {row.shape[1:]} of sequence at position {i} is different from expected shape {shape}."
            )
        padded[i, slice(length - len(row), None) if padding == "pre" else slice(len(row))] = row
    return padded


class _Samples:
    """Some samples of a data set, to be counted, looked up and walked through."""

    def __init__(self, take: Callable[[int], Any], numbers: np.ndarray) -> None:
        self._take, self._numbers = take, numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, index: int) -> Any:
        return self._take(int(self._numbers[index]))


def split_dataset(
    dataset: Any,
    left_size: float | None = None,
    right_size: float | None = None,
    shuffle: bool = False,
    seed: int | None = None,
    preferred_backend: Any = None,
) -> tuple[Any, Any]:
    """Split data into two parts, each a sequence of samples.

    Parameters
    ----------
    dataset : array, list, tuple or dict of arrays, or a data set of samples
    left_size, right_size : float or int, optional
        A share or a number of samples; one of the two is enough.
    shuffle : bool
    seed : int, optional
        For a shuffled order that is always the same.
    preferred_backend
        Accepted for compatibility with Keras.

    Examples
    --------
    >>> left, right = split_dataset((np.arange(10), np.arange(10) % 2), left_size=0.8)
    >>> len(left), len(right), [tuple(map(int, sample)) for sample in right]
    (8, 2, [(8, 0), (9, 1)])
    """
    if left_size is None and right_size is None:
        raise ValueError("At least one of the `left_size` or `right_size` must be specified: a share such as 0.8.")
    take: Callable[[int], Any]
    if isinstance(dataset, np.ndarray) or tree.is_nested(dataset):
        arrays = tree.map_structure(np.asarray, dataset)
        lengths = {len(array) for array in tree.flatten(arrays)}
        if len(lengths) != 1:
            raise ValueError(f"split_dataset(dataset) needs arrays of one length; got the lengths {sorted(lengths)}.")
        n = lengths.pop()
        take = lambda i: tree.map_structure(lambda array: array[i], arrays)  # noqa: E731
    else:
        if not hasattr(dataset, "__iter__") and not hasattr(dataset, "__getitem__"):
            raise TypeError(f"The `dataset` argument must be arrays or a data set; got {type(dataset).__name__}.")
        samples = dataset if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") else list(dataset)
        n, take = len(samples), samples.__getitem__
    left, right = _sizes(n, left_size, right_size)
    numbers = np.arange(n)
    if shuffle:
        np.random.default_rng(python_random.randrange(2**32) if seed is None else seed).shuffle(numbers)
    return _Samples(take, numbers[:left]), _Samples(take, numbers[n - right :] if right else numbers[:0])


def _sizes(n: int, left: float | None, right: float | None) -> tuple[int, int]:
    sizes: list[int | None] = []
    for name, size in (("left_size", left), ("right_size", right)):
        if size is None:
            sizes.append(None)
            continue
        if isinstance(size, bool) or not isinstance(size, (int, float, np.number)):
            raise TypeError(f"Invalid `{name}`: expected a share or a number of samples; got {size!r}.")
        share = isinstance(size, (float, np.floating))
        if not (0 <= size <= 1 if share else 0 <= size <= n):
            raise ValueError(f"`{name}` should be a share from 0 to 1 or a number up to {n}; got {size!r}.")
        sizes.append(round(size * n) if share else int(size))
    first, second = sizes
    first = n - second if first is None else first  # type: ignore[operator]
    second = n - first if second is None else second
    if first + second > n:
        raise ValueError(f"The sum of `left_size` and `right_size` is {first + second}, more than the {n} samples.")
    if not first and not second:
        raise ValueError("Both parts would be empty.")
    return first, second
