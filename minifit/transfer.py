"""Rows of the data on their way into batches, and to the device in use.

On the host a batch is gathered when it is wanted. To a device the whole data set goes over once, if it fits. If it does
not it goes over in chunks of many batches: while one is used, the next is gathered on the host, in memory that the
device may read from, and copied by a stream of its own. Batches are views of what was gathered together, so a step
neither copies nor launches anything for its data. No chunk is written over another: somebody may hold its batches.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import backend, tree
from .backend import Array
from .inputs import Batch, OnDisk, all_finite

_ON_HOST = 2**17  # bytes that are gathered at once on the host, which then are in the processor's cache
_ON_DEVICE = 2**26  # on a device, and in a chunk that goes over
_WHOLE, _CHUNK = 2, 8  # one part in so many of what is free may be a whole data set, or a chunk, of which three exist
_MOST = 64  # batches that are gathered at once on the host

Rows = Any  #: a slice, or an array of numbers of rows


class Feed:
    """The rows of `x`, `y` and `sample_weight`, each an array, nested arrays or None, as batches on the device in use.

    Floats come in the float type in use. What lies in a file is read as it is wanted.
    """

    def __init__(self, arrays: Batch, n_samples: int) -> None:
        self._arrays, self.n_samples = arrays, n_samples
        self._nested = any(map(tree.is_nested, arrays))
        self._leaves: list[Any] = tree.flatten(arrays)
        self._whole = False  # whether all is where batches are wanted
        self._passes = 0
        self._at_once = _ON_HOST  # bytes that are gathered together

    def first(self) -> Batch:
        """Return a batch of the first row alone."""
        return self._packed([_bring(leaf, slice(0, 1)) for leaf in self._leaves])

    def batches(self, batch_size: int, order: np.ndarray | None) -> Iterator[Batch]:
        """Yield batches of these sizes; the rows in this order, or as they lie."""
        self._passes += 1
        if batch_size >= self.n_samples and order is None and self._passes == 1:  # there may be no other
            yield self._packed([_bring(leaf, slice(None)) for leaf in self._leaves])
            return
        if not self._whole and backend.xp() is not np:
            self._go_over()
        for parts, n in self._parts(batch_size, order):
            if n <= batch_size:
                yield self._packed(parts)
                continue
            for start in range(0, n, batch_size):
                rows = slice(start, start + batch_size)
                if self._nested:
                    yield self._packed([None if part is None else part[rows] for part in parts])
                else:
                    x, y, weights = parts
                    yield x[rows], None if y is None else y[rows], None if weights is None else weights[rows]

    def _packed(self, leaves: list[Any]) -> Batch:
        return tree.pack_sequence_as(self._arrays, leaves) if self._nested else tuple(leaves)

    def _go_over(self) -> None:
        """Bring everything to the device, if it fits there."""
        waiting = [leaf for leaf in self._leaves if leaf is not None and not _is_over(leaf)]
        apart = {id(leaf): leaf for leaf in waiting}  # what is both x and y goes over once
        free = backend.free_memory()
        self._at_once = min(_ON_DEVICE, free // _CHUNK)
        if any(isinstance(leaf, OnDisk) for leaf in waiting) or sum(map(_bytes_of, apart.values())) > free // _WHOLE:
            return
        over = {key: _bring_whole(leaf) for key, leaf in apart.items()}
        self._leaves = [over.get(id(leaf), leaf) for leaf in self._leaves]
        self._whole = True

    def _parts(self, batch_size: int, order: np.ndarray | None) -> Iterator[tuple[list[Any], int]]:
        """Yield the rows of several batches at a time, and how many."""
        leaves, n = self._leaves, self.n_samples
        ready = all(leaf is None or (_is_here(leaf) and not _changes(leaf)) for leaf in leaves)
        if ready and order is None:  # batches are views of the data themselves
            yield leaves, n
            return
        on_host = backend.xp() is np
        if on_host and any(isinstance(leaf, OnDisk) for leaf in leaves):
            at_once = 1
        else:
            bytes_of_batch = batch_size * max(1, sum(_bytes_of(leaf) for leaf in leaves if leaf is not None) // n)
            at_once = max(self._at_once // bytes_of_batch, 1)
            at_once = min(at_once, _MOST) if on_host else at_once
        step = at_once * batch_size
        slices = [slice(start, min(start + step, n)) for start in range(0, n, step)]
        if on_host or all(leaf is None or _is_over(leaf) for leaf in leaves):
            order = None if order is None else backend.asarray(order)
            bring = [_bringer(leaf) for leaf in leaves]
            chunks: Iterator[list[Any]] = (
                [take(rows) for take in bring] for rows in (slices if order is None else map(order.__getitem__, slices))
            )
        else:
            chunks = _going_over(leaves, [rows if order is None else order[rows] for rows in slices])
        yield from zip(chunks, (rows.stop - rows.start for rows in slices), strict=True)


# --------------------------------------------------------------------------- one array


def _is_over(array: Any) -> bool:
    """Tell whether an array lies on a device."""
    return not isinstance(array, (np.ndarray, OnDisk))


def _is_here(array: Any) -> bool:
    return not isinstance(array, OnDisk) and backend.is_here(array)


def _changes(array: Any) -> bool:
    """Tell whether an array has floats of another type than is in use."""
    return backend.is_float(array) and array.dtype != np.dtype(backend.floatx())


def _type_of(array: Any) -> Any:
    return np.dtype(backend.floatx()) if _changes(array) else array.dtype


def _bytes_of(array: Any) -> int:
    return math.prod(array.shape) * _type_of(array).itemsize


def _gathered(array: Any, rows: Rows) -> Array:
    """Return rows of an array, where it lies, or as they were read."""
    found = _taker(array)(rows)
    if not isinstance(array, OnDisk):
        return found
    found = found.read() if isinstance(found, OnDisk) else found
    all_finite("A batch read from disk", found)
    return found


def _bringer(array: Any) -> Callable[[Rows], Any]:
    """Return what gives rows of an array on the device in use, floats in the type in use."""
    if array is None:
        return lambda rows: None
    take = functools.partial(_gathered, array) if isinstance(array, OnDisk) else _taker(array)
    # Only the rows are brought to that type: the data set may be larger than memory allows twice.
    cast: Any = (lambda rows: take(rows).astype(backend.floatx())) if _changes(array) else take
    return cast if _is_here(array) else lambda rows: backend.asarray(cast(rows))


def _taker(array: Array) -> Callable[[Rows], Array]:
    # take() gathers rows faster than indexing with an array does.
    return lambda rows: array[rows] if isinstance(rows, slice) else array.take(rows, axis=0)


def _bring(array: Any, rows: Rows) -> Any:
    return _bringer(array)(rows)


def _bring_whole(array: np.ndarray) -> Array:
    """Return an array on the device in use; a copy of another type is never made of all of it at once."""
    if not _changes(array):
        return backend.asarray(array)
    over = backend.xp().empty(array.shape, dtype=backend.floatx())
    step = max(1, _ON_DEVICE * len(array) // max(1, _bytes_of(array)))
    for start in range(0, len(array), step):
        over[start : start + step] = _bring(array, slice(start, start + step))
    return over


# --------------------------------------------------------------------------- chunk by chunk


def _going_over(leaves: list[Any], chunks: list[Rows]) -> Iterator[list[Any]]:
    """Yield these rows of all arrays on the device; the next ones are on their way while somebody uses these."""
    if not hasattr(backend.xp(), "cuda"):  # no streams: one after another
        for rows in chunks:
            yield [_bring(leaf, _rows_for(leaf, rows)) for leaf in leaves]
        return
    from concurrent.futures import ThreadPoolExecutor  # costs time at import, and few need it

    largest = max(rows.stop - rows.start if isinstance(rows, slice) else len(rows) for rows in chunks)
    lane = _Lane(leaves, largest)
    with ThreadPoolExecutor(1) as pool:
        coming = lane.begin(pool, chunks[0])
        for rows in itertools.chain(chunks[1:], [None]):
            present = coming
            coming = None if rows is None else lane.begin(pool, rows)
            yield lane.arrived(present)


def _rows_for(leaf: Any, rows: Rows) -> Rows:
    """Return numbers of rows where the array lies that they are to be taken of."""
    return backend.asarray(rows) if leaf is not None and _is_over(leaf) and not isinstance(rows, slice) else rows


class _Lane:
    """A stream of its own from host to device, behind two rooms of memory that a device can read.

    What is on its way is gathered by another thread. Its place on the device is made beforehand, by the stream that
    will use it, and written to when all that this stream had to do by then is done: the memory may have been another
    array's until now.
    """

    def __init__(self, leaves: list[Any], largest: int) -> None:
        self._cuda = backend.xp().cuda
        self._device, self._stream = self._cuda.Device(), self._cuda.Stream(non_blocking=True)
        self._leaves = leaves
        self._types = [None if leaf is None else _type_of(leaf) for leaf in leaves]
        waits = [leaf is not None and not _is_over(leaf) for leaf in leaves]
        self._rooms = [
            [
                backend.pinned((largest, *leaf.shape[1:]), kind) if wait else None
                for leaf, kind, wait in zip(leaves, self._types, waits, strict=True)
            ]
            for _ in range(2)
        ]
        self._left: list[Any] = [None, None]  # events: of either room, when all in it was copied
        self._turn = 0

    def begin(self, pool: Any, rows: Rows) -> Any:
        """Send rows on their way."""
        n = rows.stop - rows.start if isinstance(rows, slice) else len(rows)
        turn, self._turn = self._turn, 1 - self._turn
        places = [
            None if leaf is None
            else _bring(leaf, _rows_for(leaf, rows)) if room is None
            else backend.xp().empty((n, *leaf.shape[1:]), dtype=kind)
            for leaf, room, kind in zip(self._leaves, self._rooms[turn], self._types, strict=True)
        ]  # fmt: skip
        free, self._left[turn], before = self._cuda.get_current_stream().record(), self._cuda.Event(), self._left[turn]
        send = functools.partial(self._send, rows, n, places, self._rooms[turn], before, free, self._left[turn])
        return places, self._left[turn], pool.submit(send)

    def _send(self, rows: Rows, n: int, places: list[Any], rooms: list[Any], before: Any, free: Any, left: Any) -> None:
        with self._device:
            if before is not None:
                before.synchronize()
            self._stream.wait_event(free)
            for leaf, place, room in zip(self._leaves, places, rooms, strict=True):
                if room is not None:
                    room[:n] = _gathered(leaf, rows)
                    place.set(room[:n], stream=self._stream)
            left.record(self._stream)

    def arrived(self, sent: Any) -> list[Any]:
        """Return what was sent, once the stream in use is told to wait for it."""
        places, left, sending = sent
        sending.result()
        self._cuda.get_current_stream().wait_event(left)
        return places
