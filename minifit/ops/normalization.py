"""Normalisation: subtract a mean, divide by a standard deviation, scale and shift; as one op."""

from __future__ import annotations

import numpy as np

from .elementwise import astype
from .op import Traced, joint_op, unbroadcast
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
        return np.mean(x, axis=axes, keepdims=True), np.var(x, axis=axes, keepdims=True), None
    n_counted = np.sum(weights, axis=axes, keepdims=True) + epsilon
    mean = np.sum(weights * x, axis=axes, keepdims=True) / n_counted
    return mean, np.sum(weights * np.square(x - mean), axis=axes, keepdims=True) / n_counted, n_counted


def _normalize_vjp(needs, dy, y, x, scale, offset, mean, variance, weights, axes, epsilon, masked_epsilon, fixed):
    n_counted = None
    if not fixed and isinstance(x, Traced):  # for a second derivative the moments, too, depend on x
        mean, variance, n_counted = moments_of(x, axes, weights, masked_epsilon)
    inverse = 1 / np.sqrt(variance + epsilon)
    centred = x - mean
    dscale = unbroadcast(dy * centred * inverse, scale.shape) if needs[1] else None
    doffset = unbroadcast(dy, offset.shape) if needs[2] else None
    if not needs[0]:
        return None, dscale, doffset, None, None, None
    dx = dy * inverse if scale is None else dy * (scale * inverse)
    if not fixed:
        # How x moves the output by way of the variance, and by way of the mean.
        by_variance = np.sum(dx * centred, axis=axes, keepdims=True) * (inverse * inverse)
        if weights is None:
            n = x.size // variance.size
            dx = dx - (centred * by_variance + np.sum(dx, axis=axes, keepdims=True)) / n
        else:
            if n_counted is None:
                n_counted = np.sum(weights, axis=axes, keepdims=True) + masked_epsilon
            off_centre = np.sum(weights * centred, axis=axes, keepdims=True) / n_counted  # 0 but for the epsilon
            by_mean = np.sum(dx, axis=axes, keepdims=True) - by_variance * off_centre
            dx = dx - weights * (centred * by_variance + by_mean) / n_counted
    return dx, dscale, doffset, None, None, None


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
        scale, offset = (v if v is None or v.shape == shape else reshape(v, shape=shape) for v in (scale, offset))
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
