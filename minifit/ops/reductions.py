"""Functions that take axes away or run along one: sum, mean, max, var, cumsum, sort and the like."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.array_utils import normalize_axis_tuple

from ..backend import xp
from ..naming import check_numbers
from .elementwise import absolute, exp, log, power, sqrt, square
from .op import array, as_float, like, op, unwrap
from .shaping import concatenate, moveaxis, ravel, reshape, take_along_axis


def _axes(axis):
    return tuple(axis) if type(axis) is list else axis  # NumPy takes tuples alone


def _spread(reduced, x, axis, keepdims):
    """Give a reduced array back the axes that the reduction removed, at length 1."""
    if axis is None:
        return reduced  # one number broadcasts against anything
    return reduced if keepdims else np.expand_dims(reduced, axis)


def _sum_product(dy, y, x, axis=None, keepdims=False):
    return np.broadcast_to(_spread(dy, x, axis, keepdims), np.shape(x))


def _mean_product(dy, y, x, axis=None, keepdims=False):
    n_averaged = x.size // y.size
    # A product with ones is several times quicker than broadcast_to on arrays as small as a batch.
    return _spread(dy / n_averaged, x, axis, keepdims) * xp().ones(x.shape, dtype=x.dtype)


def _extreme_product(dy, y, x, axis=None, keepdims=False, initial=None):
    hit = x == _spread(y, x, axis, keepdims)
    n_hits = np.maximum(np.sum(hit, axis=_axes(axis), keepdims=True), 1)
    return hit * (_spread(dy, x, axis, keepdims) / n_hits).astype(x.dtype)


@op(_sum_product)
def sum(x, axis=None, keepdims=False):
    return np.sum(x, axis=_axes(axis), keepdims=keepdims)


@op(_mean_product)
def mean(x, axis=None, keepdims=False):
    axis = _axes(axis)
    if x.dtype.char not in "fd":  # NumPy adds float16 up in float32, lest it overflow
        return np.mean(as_float(x), axis=axis, keepdims=keepdims)
    total = x.sum(axis=axis, keepdims=keepdims)
    return total / (x.size // total.size) if total.size else total / 1


@op(
    lambda dy, y, x, weights: np.expand_dims(dy, -2) * np.expand_dims(weights, -1),
    lambda dy, y, x, weights: like(np.squeeze(np.matmul(x, np.expand_dims(dy, -1)), axis=-1), weights),
)
def weigh(x, weights):
    """Return the sums of rows, each times its weight: x (..., T, C) and weights (..., T) give (..., C)."""
    return np.squeeze(np.matmul(np.expand_dims(weights, -2), x), axis=-2)


def _extreme(reduce, larger, x, axis, keepdims, initial):
    if initial is None:
        return reduce(x, axis=_axes(axis), keepdims=keepdims)
    if x.size:
        return larger(reduce(x, axis=_axes(axis), keepdims=keepdims), initial)
    return np.sum(x, axis=_axes(axis), keepdims=keepdims) + x.dtype.type(initial)  # of nothing: `initial` everywhere


@op(_extreme_product)
def max(x, axis=None, keepdims=False, initial=None):
    return _extreme(np.max, np.maximum, x, axis, keepdims, initial)


@op(_extreme_product)
def min(x, axis=None, keepdims=False, initial=None):
    return _extreme(np.min, np.minimum, x, axis, keepdims, initial)


amax, amin = max, min


def any(x, axis=None, keepdims=False):
    """Tell whether one element over `axis` is true."""
    return np.any(array(x), axis=_axes(axis), keepdims=keepdims)


def all(x, axis=None, keepdims=False):
    """Tell whether all elements over `axis` are true."""
    return np.all(array(x), axis=_axes(axis), keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """Return the variance over `axis`, divided by the number of elements."""
    x = as_float(x)
    return mean(square(x - mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """Return the standard deviation over `axis`."""
    return sqrt(var(x, axis=axis, keepdims=keepdims))


def average(x, axis=None, weights=None):
    """Return the mean over `axis`, in which each element counts as often as its weight says."""
    if weights is None:
        return mean(x, axis=axis)
    x, weights = as_float(x), array(weights)
    if weights.ndim == 1 and x.ndim > 1:
        weights = reshape(weights, shape=(-1,) + (1,) * (x.ndim - 1 - axis % x.ndim))
    return sum(x * weights, axis=axis) / np.sum(np.broadcast_to(weights, x.shape), axis=axis)


def logsumexp(x, axis=None, keepdims=False):
    """Return ``log(sum(exp(x)))``, which overflows nowhere."""
    x = as_float(x)
    top = unwrap(max(x, axis=axis, keepdims=True))
    top = np.where(np.isfinite(top), top, 0)
    total = log(sum(exp(x - top), axis=axis, keepdims=keepdims))
    return total + np.reshape(top, total.shape)


def norm(x, ord=None, axis=None, keepdims=False):
    """Return the norm of vectors (one axis) or matrices (two): 2 unless `ord` is another."""
    x = as_float(x)
    if ord is None or ord == "fro" or (ord == 2 and isinstance(axis, int)) or (ord == 2 and x.ndim == 1):
        return sqrt(sum(square(x), axis=axis, keepdims=keepdims))
    if x.ndim > 1 and not isinstance(axis, int):
        raise ValueError(f"norm(ord=...) knows 'fro' for matrices, and numbers for vectors (axis=-1); got {ord}.")
    if ord in (np.inf, -np.inf):
        return (max if ord > 0 else min)(absolute(x), axis=axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(np.not_equal(x, 0), axis=_axes(axis), keepdims=keepdims).astype(x.dtype)
    return power(sum(power(absolute(x), ord), axis=axis, keepdims=keepdims), 1 / ord)


# --------------------------------------------------------------------------- products of many
#
# Dividing the whole product by each factor would be quicker, and wrong where a factor is 0.


def _rows(x, axis, keepdims):
    """Return x with the axes to be reduced as one, the last; and the shape that is then asked for."""
    axes = normalize_axis_tuple(range(x.ndim) if axis is None else axis, x.ndim)
    kept = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    rows = moveaxis(x, axes, range(-len(axes), 0))
    rows = reshape(rows, shape=(*kept, math.prod(rows.shape[len(kept) :])))
    return rows, tuple(1 if a in axes else n for a, n in enumerate(x.shape)) if keepdims else kept


def prod(x, axis=None, keepdims=False, dtype=None):
    """Return the product over `axis`, multiplied in pairs."""
    left, shape = _rows(array(x, dtype), axis, keepdims)
    while left.shape[-1] > 1:
        half = left.shape[-1] // 2
        pairs = left[..., :half] * left[..., half : 2 * half]
        left = concatenate([pairs, left[..., 2 * half :]], axis=-1)  # of an odd number one has no partner
    return reshape(left, shape=shape) if left.shape[-1] else np.ones(shape, left.dtype)


def cumprod(x, axis=None, dtype=None):
    """Return the products of the first 1, 2, 3 ... elements along `axis`."""
    x = array(x, dtype)
    x = ravel(x) if axis is None else moveaxis(x, axis, 0)
    reach = 1
    while reach < x.shape[0]:
        x = concatenate([x[:reach], x[reach:] * x[:-reach]], axis=0)
        reach *= 2
    return moveaxis(x, 0, axis or 0)


def _cumsum_product(dy, y, x, axis=None, dtype=None):
    backwards = np.cumsum(np.flip(dy, axis or 0), axis=axis or 0)
    return like(np.reshape(np.flip(backwards, axis or 0), x.shape), x)


@op(_cumsum_product)
def cumsum(x, axis=None, dtype=None):
    """Return the sums of the first 1, 2, 3 ... elements along `axis`."""
    return np.cumsum(x, axis=axis, dtype=dtype)


# --------------------------------------------------------------------------- in order


def sort(x, axis=-1):
    """Return x in rising order along `axis`."""
    x = array(x)
    return take_along_axis(x, np.argsort(x, axis=axis), axis=axis)


def top_k(x, k, sorted=True):
    """Return the k largest along the last axis, largest first, and where they are."""
    x = array(x)
    check_numbers("top_k", 0, x.shape[-1], whole=True, k=k)
    places = np.argsort(-unwrap(x), axis=-1, kind="stable")[..., :k]
    return take_along_axis(x, places, axis=-1), places


def quantile(x, q, axis=None, method="linear", keepdims=False):
    """Return the value below which a share q lies: between two neighbours, as `method` has it.

    Parameters
    ----------
    x : array_like
    q : float or array_like of floats
        From 0 to 1. Several give the result a first axis more.
    axis : int or tuple of int, optional
    method : str
        ``"linear"``, ``"lower"``, ``"higher"``, ``"nearest"`` or ``"midpoint"``.
    keepdims : bool
    """
    if method not in ("linear", "lower", "higher", "nearest", "midpoint"):
        raise ValueError(
            f'quantile(method=...) is "linear", "lower", "higher", "nearest" or "midpoint"; got {method!r}.'
        )
    rows, shape = _rows(as_float(x), axis, keepdims)
    rows = sort(rows)
    found = []
    for share in np.ravel(q).tolist():
        check_numbers("quantile", 0, 1, q=share)
        place = share * (rows.shape[-1] - 1)
        low, high = int(np.floor(place)), int(np.ceil(place))
        way = {"linear": place - low, "lower": 0.0, "higher": 1.0, "nearest": np.round(place) - low, "midpoint": 0.5}
        between = rows[..., low] + (rows[..., high] - rows[..., low]) * float(way[method])
        found.append(reshape(between, shape=(1, *shape)))
    joined = concatenate(found, axis=0)
    return joined if np.ndim(q) else joined[0]


def median(x, axis=None, keepdims=False):
    """Return the value in the middle, or halfway between the two in the middle."""
    return quantile(x, 0.5, axis=axis, keepdims=keepdims)
