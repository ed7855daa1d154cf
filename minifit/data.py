"""From what the user passed to batches: slices, order, weights.

The data are an iterable of ``(x, y, sample_weight)`` that can be walked once an epoch and knows its
number of steps. The loop in ``trainer.py`` sees nothing else of them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from . import backend, random
from .backend import Array
from .inputs import Batch, positive_integer, same_length


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
    names : tuple of str
        What the caller calls the first three, for errors.

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
        names: tuple[str, str, str] = ("x", "y", "sample_weight"),
    ) -> None:
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self.n_samples = same_length(dict(zip(names, (x, y, sample_weight), strict=True)))
        self.batch_size = 32 if batch_size is None else positive_integer("batch_size", batch_size)
        self.n_steps = math.ceil(self.n_samples / self.batch_size)
        if shuffle not in (True, False, "batch"):
            raise ValueError(f'shuffle expects True, False or "batch"; got {shuffle!r}.')
        self.shuffle = shuffle

    def first_row(self) -> Array:
        """Return the first sample as a batch of one."""
        return self._take(self.x, slice(0, 1))

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
        # take() gathers rows faster than indexing with an array does.
        batch = backend.asarray(array[rows] if isinstance(rows, slice) else array.take(rows, axis=0))
        return batch.astype(backend.floatx(), copy=False) if backend.is_float(batch) else batch
