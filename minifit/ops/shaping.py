"""Functions that move, repeat and join elements, and change none."""

from __future__ import annotations

import builtins
import functools
import itertools
import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..backend import to_numpy, xp
from . import gathering
from .elementwise import add, multiply
from .gathering import elsewhere
from .op import agree, array, as_index, constant, joint_op, like, op, placed, unbroadcast, unwrap


@op(lambda dy, y, x, shape=None, newshape=None: np.reshape(dy, x.shape))
def reshape(x, newshape=None, shape=None):
    """Return the elements in another shape, whichever of the two names it is given under."""
    return np.reshape(x, newshape if shape is None else shape)


@op(lambda dy, y, x, axes=None: np.transpose(dy, None if axes is None else tuple(np.argsort(axes))))
def transpose(x, axes=None):
    return np.transpose(x, axes)


@op(lambda dy, y, x, axis=None: np.reshape(dy, x.shape))
def squeeze(x, axis=None):
    return np.squeeze(x, axis=axis)


@op(lambda dy, y, x, axis: np.reshape(dy, x.shape))
def expand_dims(x, axis):
    return np.expand_dims(x, axis)


@op(lambda dy, y, x, shape: unbroadcast(dy, x.shape))
def broadcast_to(x, shape):
    return np.broadcast_to(x, shape)


def ravel(x):
    """Return the elements in one row."""
    return reshape(x, shape=(-1,))


def moveaxis(x, source, destination):
    """Return x with some axes moved to other places."""
    x = array(x)
    moved = normalize_axis_tuple(source, x.ndim)
    order = [a for a in range(x.ndim) if a not in moved]
    for place, axis in sorted(zip(normalize_axis_tuple(destination, x.ndim), moved, strict=True)):
        order.insert(place, axis)
    return transpose(x, axes=tuple(order))


def swapaxes(x, axis1, axis2):
    """Return x with two axes exchanged."""
    x = array(x)
    order = list(range(x.ndim))
    order[axis1], order[axis2] = order[axis2], order[axis1]
    return transpose(x, axes=tuple(order))


# --------------------------------------------------------------------------- parts


def _getitem_vjp(needs, dy, y, x, index, out=(None,)):
    room = {} if out[0] is None or out[0].dtype != dy.dtype else {"out": out[0]}
    return (add_at(dy, index=index, shape=x.shape, **room),)


@joint_op(_getitem_vjp, n_inputs=1, writes=True)
def getitem(x, index):
    """Return ``x[index]``, for slices and for arrays of indices."""
    return _rows_of(x, index) if _names_rows(index) else x[index]


@elsewhere(gathering.rows_of)
def _rows_of(x, index):
    return x.take(index, axis=0)  # twice as quick as an index


@op(lambda dy, y, x, index, shape: getitem(dy, index=index))
def add_at(x, index, shape, out=None):
    """Return zeros of `shape` to which `x` is added at `index`; repeated indices add up."""
    if out is None:
        out = xp().zeros(shape, dtype=x.dtype)
    else:
        out[...] = 0
    if all(isinstance(i, (int, builtins.slice, type(...), type(None))) for i in _as_tuple(index)):
        out[index] = x  # slices hit no place twice
    elif _names_rows(index):
        _add_rows(out, index, x)
    else:
        xp().add.at(out, index, x)  # NumPy's protocol hands no tuple of indices on
    return out


@elsewhere(gathering.add_rows)
def _add_rows(out, index, x):
    width = math.prod(out.shape[1:])  # NumPy adds number by number five times as quickly as row by row
    places = np.multiply(index.reshape(-1, 1), width, dtype="int64") + xp().arange(width)
    np.add.at(out.reshape(-1), places.reshape(-1), x.reshape(-1))


def _names_rows(index):
    return getattr(index, "ndim", 0) > 0 and index.dtype.kind in "iu"


def _as_tuple(index):
    return index if isinstance(index, tuple) else (index,)


def _put_product(dy, y, x, values, index):
    return put(dy, 0, index=index)


@op(_put_product, lambda dy, y, x, values, index: like(getitem(dy, index=index), values))
def put(x, values, index):
    """Return x with `values` in the place of ``x[index]``."""
    out = x.copy()
    out[index] = values
    return out


def take(x, indices, axis=None):
    """Return the elements at `indices` along `axis`, or of all in one row."""
    x = ravel(x) if axis is None else array(x)
    return getitem(x, index=(builtins.slice(None),) * ((axis or 0) % x.ndim) + (as_index(indices),))


def take_along_axis(x, indices, axis=None):
    """Return, in every place, the element that `indices`, of as many axes as x, names along `axis`."""
    x = ravel(x) if axis is None else array(x)
    index = [constant(np.reshape(xp().arange(n), (-1,) + (1,) * (x.ndim - 1 - a))) for a, n in enumerate(x.shape)]
    index[axis or 0] = as_index(indices)
    return getitem(x, index=tuple(index))


def slice(inputs, start_indices, shape):
    """Return the block of `shape` that begins at `start_indices`."""
    return getitem(array(inputs), index=_block(start_indices, shape))


def slice_update(inputs, start_indices, updates):
    """Return `inputs` with a block replaced that begins at `start_indices`."""
    return put(placed(inputs), placed(updates), index=_block(start_indices, np.shape(updates)))


def _block(start, shape):
    return tuple(builtins.slice(int(a), int(a) + n) for a, n in zip(unwrap(start), shape, strict=True))


def scatter(indices, values, shape):
    """Return zeros of `shape` to which values (n, ...) are added at `indices` (n, axes); repeated ones add up."""
    return add_at(placed(values), index=_columns(indices), shape=tuple(shape))


def scatter_update(inputs, indices, updates, reduction=None):
    """Return `inputs` with `updates` (n, ...) in the place of, or with ``"add"`` added to, what is at `indices`."""
    if reduction not in (None, "add"):
        raise ValueError(f'scatter_update(reduction=...) expects None or "add"; got {reduction!r}.')
    if reduction == "add":
        return add(inputs, scatter(indices, updates, np.shape(inputs)))
    return put(placed(inputs), placed(updates), index=_columns(indices))


def _columns(indices):
    indices = as_index(indices)
    return tuple(indices[..., a] for a in range(indices.shape[-1]))


def diff(a, n=1, axis=-1):
    """Return each element less the one before it, `n` times over."""
    a = moveaxis(a, axis, 0)
    for _ in range(n):
        a = a[1:] - a[:-1]
    return moveaxis(a, 0, axis)


# --------------------------------------------------------------------------- joined and cut


def _join_vjp(needs, dy, y, *arrays, axis=0):
    ends = np.cumsum([x.shape[axis] for x in arrays])
    lead = (builtins.slice(None),) * (axis % dy.ndim)
    starts = [0, *ends[:-1]]
    parts = [dy[(*lead, builtins.slice(int(a), int(b)))] for a, b in zip(starts, ends, strict=True)]
    return [like(part, x) for part, x in zip(parts, arrays, strict=True)]


@joint_op(_join_vjp)
def join(*arrays, axis=0):
    return np.concatenate(agree(*arrays), axis=axis)


def concatenate(xs, axis=0):
    """Return arrays one after another along `axis`."""
    return join(*[ravel(x) if axis is None else array(x) for x in xs], axis=axis or 0)


def stack(x, axis=0):
    """Join arrays of one shape along a new axis."""
    return join(*[expand_dims(part, axis) for part in x], axis=axis)


def hstack(xs):
    """Return arrays side by side: along the second axis, or the only one."""
    xs = [array(x) for x in xs]
    return concatenate(xs, axis=1 if xs[0].ndim > 1 else 0)


def vstack(xs):
    """Return arrays below each other; one of a single axis is a row."""
    return concatenate([x if np.ndim(x) > 1 else reshape(x, shape=(1, -1)) for x in xs], axis=0)


def split(x, indices_or_sections, axis=0):
    """Return x in so many equal parts, or cut before each of the indices."""
    x = array(x)
    size, cuts = x.shape[axis], indices_or_sections
    if isinstance(cuts, int):
        if size % cuts:
            raise ValueError(f"split(x, {cuts}, axis={axis}) cannot cut {size} into {cuts} equal parts.")
        cuts = range(size // cuts, size, size // cuts) if size else [0] * (cuts - 1)
    ends = [0, *[int(c) for c in cuts], size]
    lead = (builtins.slice(None),) * (axis % x.ndim)
    return [getitem(x, index=(*lead, builtins.slice(a, b))) for a, b in itertools.pairwise(ends)]


def unstack(x, num=None, axis=0):
    """Return the parts of x along `axis`, without that axis."""
    x = moveaxis(x, axis, 0)
    return [x[i] for i in range(x.shape[0] if num is None else num)]


def meshgrid(*x, indexing="xy"):
    """Return the coordinates of every point of the grid that rows of coordinates span."""
    rows = [ravel(row) for row in x]
    places = range(len(rows))
    if indexing == "xy" and len(rows) > 1:
        places = [1, 0, *places[2:]]
    spread = [reshape(row, shape=(-1,) + (1,) * (len(rows) - 1 - p)) for row, p in zip(rows, places, strict=True)]
    shape = np.broadcast_shapes(*[row.shape for row in spread])
    return [broadcast_to(row, shape=shape) for row in spread]


# --------------------------------------------------------------------------- moved and repeated


def _move_product(dy, y, x, by):
    places = by(np.reshape(xp().arange(x.size), x.shape))
    return np.reshape(add_at(np.reshape(dy, (-1,)), index=np.reshape(places, (-1,)), shape=(x.size,)), x.shape)


@op(_move_product)
def move(x, by):
    """Return ``by(x)``, for what moves or repeats elements: moving their numbers alike shows the way back."""
    return by(x)


def flip(x, axis=None):
    """Return x in the opposite order along `axis`, or along every one."""
    return move(x, by=functools.partial(np.flip, axis=axis))


def roll(x, shift, axis=None):
    """Return x moved on by `shift` places; what falls off at the end comes in at the beginning."""
    return move(x, by=functools.partial(np.roll, shift=shift, axis=axis))


def rot90(array, k=1, axes=(0, 1)):
    """Return x turned by k quarters in the plane of two axes."""
    return move(array, by=functools.partial(np.rot90, k=k, axes=axes))


def repeat(x, repeats, axis=None):
    """Return every element, or row, so many times after another."""
    repeats = repeats if isinstance(repeats, int) else to_numpy(repeats).tolist()
    return move(x, by=functools.partial(np.repeat, repeats=repeats, axis=axis))


def tile(x, repeats):
    """Return the whole of x so many times along each axis."""
    return move(x, by=functools.partial(np.tile, reps=repeats))


def diagonal(x, offset=0, axis1=0, axis2=1):
    """Return the diagonals of the planes of two axes."""
    return move(x, by=functools.partial(np.diagonal, offset=offset, axis1=axis1, axis2=axis2))


def diag(x, k=0):
    """Return the diagonal of a matrix, or the matrix with this diagonal."""
    x = array(x)
    if x.ndim == 2:
        return diagonal(x, offset=k)
    n = x.shape[0] + abs(k)
    at = np.arange(x.shape[0])
    return add_at(x, index=(at + max(-k, 0), at + max(k, 0)), shape=(n, n))


def trace(x, offset=0, axis1=0, axis2=1):
    """Return the sums of the diagonals."""
    return diagonal(x, offset, axis1, axis2).sum(axis=-1)


def tril(x, k=0):
    """Return x with zeros above a diagonal of its last two axes."""
    x = array(x)
    return multiply(x, xp().tri(*x.shape[-2:], k, dtype=x.dtype))


def triu(x, k=0):
    """Return x with zeros below a diagonal of its last two axes."""
    x = array(x)
    return multiply(x, 1 - xp().tri(*x.shape[-2:], k - 1, dtype=x.dtype))


def _pad_product(dy, y, x, widths, value):
    return dy[tuple(builtins.slice(a, a + n) for (a, _), n in zip(widths, x.shape, strict=True))]


@op(_pad_product)
def surround(x, widths, value):
    return np.pad(x, widths, constant_values=value)


def pad(x, pad_width, mode="constant", constant_values=None):
    """Return x with so many elements put before and after it along each axis; `mode` as NumPy has it."""
    x = array(x)
    if mode != "constant" and constant_values is not None:
        raise ValueError(
            f"Argument `constant_values` can only be provided when `mode == 'constant'`; got mode={mode!r}."
        )
    widths = tuple(map(tuple, np.broadcast_to(pad_width, (x.ndim, 2)).tolist()))
    if mode == "constant":
        return surround(x, widths=widths, value=0 if constant_values is None else constant_values)
    return move(x, by=functools.partial(np.pad, pad_width=widths, mode=mode))
