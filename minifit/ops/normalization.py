"""Normalisation: subtract a mean, divide by a standard deviation, scale and shift; as one op."""

from __future__ import annotations

import numpy as np

from ..backend import xp
from .elementwise import astype
from .linear import all_ones as ones
from .op import Traced, joint_op
from .shaping import reshape


def moments_of(x, axes, weights=None, epsilon=0.0):
    """Return mean, variance and (the sum of weights, or the count) of x over `axes`, all with axes of length 1.

    Parameters
    ----------
    weights : array like x, optional
        Of 0 and 1: which elements count.
    epsilon : float
        What is added to the sum of weights, which may be 0.
    """
    if weights is None:
        total = _sum(x, axes)
        n = x.size // max(total.size, 1)
        mean = total / n
        return mean, _sum(np.square(x - mean), axes) / n, None
    n_counted = _sum(weights, axes) + epsilon
    mean = _sum(weights * x, axes) / n_counted
    return mean, _sum(weights * np.square(x - mean), axes) / n_counted, n_counted


def _sum(x, axes):
    """Return ``np.sum(x, axes, keepdims=True)``: over the last axis or all others a product with ones, far quicker."""
    last = x.ndim - 1
    if x.dtype.char not in "fd" or axes not in ((last,), tuple(range(last))):
        return np.sum(x, axis=axes, keepdims=True)
    rows = x.reshape(-1, x.shape[-1])
    if axes == (last,):
        return np.dot(rows, ones(rows.shape[1], x.dtype, xp())).reshape(*x.shape[:-1], 1)
    return np.dot(ones(rows.shape[0], x.dtype, xp()), rows).reshape(*(1,) * last, -1)


def _normalize_vjp(needs, dy, y, x, scale, offset, mean, variance, weights, axes, epsilon, masked_epsilon, fixed):
    n_counted = None
    if not fixed and isinstance(x, Traced):  # for a second derivative the moments, too, depend on x
        mean, variance, n_counted = moments_of(x, axes, weights, masked_epsilon)
    inverse = 1 / np.sqrt(variance + epsilon)
    normal = (x - mean) * inverse
    dscale = _sum_like(dy * normal, scale) if needs[1] else None
    doffset = _sum_like(dy, offset) if needs[2] else None
    if not needs[0]:
        return None, dscale, doffset, None, None, None
    dnormal = dy if scale is None else dy * scale
    if not fixed:
        # How x moves the output by way of the variance, and by way of the mean.
        by_variance, by_mean = _sum(dnormal * normal, axes), _sum(dnormal, axes)
        if weights is None:
            n = x.size // variance.size
            dnormal = dnormal - by_mean / n - normal * (by_variance / n)
        else:
            if n_counted is None:
                n_counted = _sum(weights, axes) + masked_epsilon
            off_centre = _sum(weights * normal, axes) / n_counted  # 0 but for the epsilon
            dnormal = dnormal - weights * (normal * by_variance + by_mean - by_variance * off_centre) / n_counted
    return dnormal * inverse, dscale, doffset, None, None, None


def _sum_like(gradient, x):
    """Return `unbroadcast` of a gradient to x."""
    extra = gradient.ndim - x.ndim
    axes = tuple(i for i, n in enumerate(gradient.shape) if i < extra or x.shape[i - extra] != n)
    return _sum(gradient, axes).reshape(x.shape) if axes else gradient


@joint_op(_normalize_vjp)
def _normalize(x, scale, offset, mean, variance, weights, axes, epsilon, masked_epsilon, fixed):
    factor = 1 / np.sqrt(variance + epsilon)
    if scale is not None:
        factor = factor * scale
    y = x - mean
    y *= factor
    if offset is not None:
        y += offset
    return y


def normalize(
    x, scale, offset, mean, variance, axes, epsilon, weights=None, masked_epsilon=0.0, fixed=False, shape=None
):
    """Return ``(x - mean) / sqrt(variance + epsilon) * scale + offset``.

    Parameters
    ----------
    x : Tensor or array
    scale, offset : Tensor, array or None
    mean, variance : array
        Of x over `axes`, with these axes of length 1; they get no gradient of their own.
    axes : tuple of int
    weights : array like x, optional
        Which elements of x are in the moments.
    masked_epsilon : float
        What was added to the sum of weights.
    fixed : bool
        Whether the moments are constants; else the gradient of x goes through them, too.
    shape : tuple of int, optional
        Given to scale and offset, so that they broadcast against x.
    """
    scale, offset = (v if v is None or v.dtype == x.dtype else astype(v, dtype=x.dtype) for v in (scale, offset))
    if shape is not None:
        # What has the sizes of the last axes broadcasts as it is.
        fits = [v is None or shape[len(shape) - v.ndim :] == v.shape for v in (scale, offset)]
        scale, offset = (v if fit else reshape(v, shape=shape) for v, fit in zip((scale, offset), fits, strict=True))
    return _normalize(
        x,
        scale,
        offset,
        mean,
        variance,
        weights,
        axes=axes,
        epsilon=epsilon,
        masked_epsilon=masked_epsilon,
        fixed=fixed,
    )
