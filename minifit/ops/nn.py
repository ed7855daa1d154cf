"""Activations, and what else networks are made of: one_hot, normalize, moments."""

from __future__ import annotations

import math

import numpy as np

from .. import backend
from ..backend import floatx, xp
from ..naming import check_numbers
from .elementwise import absolute, erf, maximum, minimum, sqrt, square, tanh, where
from .op import array, as_float, as_index, op
from .reductions import mean, norm, sum
from .shaping import split


@op(lambda dy, y, x: dy * (y > 0))
def relu(x):
    """Return the positive part of x."""
    return np.maximum(x, 0)


@op(lambda dy, y, x, low, high: dy * ((x > low) & (x < high)))
def between(x, low, high):
    """Return x held between two numbers, flat at and beyond them."""
    return np.minimum(np.maximum(x, low), high)


def relu6(x):
    """Return x held between 0 and 6."""
    return between(x, 0, 6)


@op(lambda dy, y, x, negative_slope=0.2: np.where(x > 0, dy, dy * negative_slope))
def leaky_relu(x, negative_slope=0.2):
    """Return x where it is positive, and `negative_slope` times x elsewhere."""
    x = as_float(x)
    return np.where(x > 0, x, x * negative_slope)


@op(lambda dy, y, x, alpha=1.0: np.where(x > 0, dy, dy * (y + alpha)))
def elu(x, alpha=1.0):
    """Return x where it is positive, and ``alpha * (exp(x) - 1)`` elsewhere."""
    x = as_float(x)
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def selu(x):
    """Return `elu`, scaled so that mean 0 and variance 1 stay what they are from layer to layer."""
    return 1.0507009873554804934193349852946 * elu(x, alpha=1.6732632423543772848170429916717)


def celu(x, alpha=1.0):
    """Return x where it is positive, and ``alpha * (exp(x / alpha) - 1)`` elsewhere: smooth at 0 for every alpha."""
    return alpha * elu(array(x) / alpha)


@op(lambda dy, y, x: dy * y * (1 - y))
def sigmoid(x):
    """Return ``1 / (1 + exp(-x))``, written with tanh so that no exponential overflows."""
    return 0.5 * np.tanh(0.5 * as_float(x)) + 0.5


def log_sigmoid(x):
    """Return the logarithm of sigmoid, finite for every finite x."""
    return -softplus(-array(x))


def hard_sigmoid(x):
    """Return ``x / 6 + 1/2``, held between 0 and 1."""
    return relu6(array(x) + 3.0) / 6.0


def sparse_sigmoid(x):
    """Return ``x / 2 + 1/2``, held between 0 and 1."""
    return 0.5 * between(x, -1, 1) + 0.5


def silu(x):
    """Return ``x * sigmoid(x)``."""
    return array(x) * sigmoid(x)


def hard_silu(x):
    """Return ``x * hard_sigmoid(x)``."""
    return array(x) * hard_sigmoid(x)


swish, hard_swish = silu, hard_silu


@op(lambda dy, y, x: dy * sigmoid(x))
def softplus(x):
    """Return ``log(1 + exp(x))``."""
    x = as_float(x)
    return np.logaddexp(x, x.dtype.type(0))


def squareplus(x, b=4):
    """Return ``(x + sqrt(x² + b)) / 2``."""
    x = as_float(x)
    return 0.5 * (x + sqrt(square(x) + b))


def sparse_plus(x):
    """Return 0 up to -1, x from 1 on, and ``(x + 1)² / 4`` between."""
    x = as_float(x)
    return where(x >= 1, x, 0.25 * square(maximum(minimum(x, 1.0) + 1.0, 0.0)))


def softsign(x):
    """Return ``x / (1 + |x|)``."""
    x = as_float(x)
    return x / (absolute(x) + 1.0)


def mish(x):
    """Return ``x * tanh(softplus(x))``."""
    return array(x) * tanh(softplus(x))


@op(lambda dy, y, x: dy * np.exp(x * x * -0.5) * (1 / math.sqrt(2 * math.pi)))
def normal_share(x):
    """Return the share of a normal distribution that lies below x."""
    return 0.5 * erf(x / math.sqrt(2)) + 0.5


def gelu(x, approximate=True):
    """Return x times the normal distribution's share below x, that in a closed form where `approximate`."""
    x = as_float(x)
    return x * (sigmoid(math.sqrt(8 / math.pi) * x * (1 + 0.044715 * square(x))) if approximate else normal_share(x))


def hard_tanh(x):
    """Return x held between -1 and 1."""
    return between(x, -1, 1)


def tanh_shrink(x):
    """Return ``x - tanh(x)``."""
    return array(x) - tanh(x)


def hard_shrink(x, threshold=0.5):
    """Return x with 0 in the place of what is no further than `threshold` from 0."""
    x = array(x)
    return where(np.absolute(x) > threshold, x, 0)


def soft_shrink(x, threshold=0.5):
    """Return x moved by `threshold` towards 0, which is not passed."""
    x = as_float(x)
    return relu(x - threshold) - relu(-x - threshold)


def threshold(x, threshold, default_value):
    """Return x where it is above `threshold`, and `default_value` elsewhere."""
    x = array(x)
    return where(x > threshold, x, default_value)


def glu(x, axis=-1):
    """Return one half of x, along `axis`, times the sigmoid of the other half."""
    value, gate = split(x, 2, axis=axis)
    return value * sigmoid(gate)


@op(lambda dy, y, x, axis=-1: y * (dy - np.sum(dy * y, axis=axis, keepdims=True)))
def softmax(x, axis=-1):
    """Return exponentials that sum to 1 over `axis`, or over several."""
    x = as_float(x)
    y = x - x.max(axis=axis, keepdims=True)
    np.exp(y, out=y)
    y /= y.sum(axis=axis, keepdims=True)
    return y


@op(lambda dy, y, x, axis=-1: dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True))
def log_softmax(x, axis=-1):
    """Return the logarithm of softmax, finite for every finite x."""
    x = as_float(x)
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _sparsemax_product(dy, y, x, axis=-1):
    support = (y > 0).astype(y.dtype)
    inside = np.sum(dy * support, axis=axis, keepdims=True) / np.sum(support, axis=axis, keepdims=True)
    return support * (dy - inside)


@op(_sparsemax_product)
def sparsemax(x, axis=-1):
    """Return the distribution nearest to x: it sums to 1 over `axis`, and small x get exactly 0."""
    x = as_float(x)
    falling = -np.sort(-x, axis=axis)
    place = np.cumsum(xp().ones(x.shape, dtype=x.dtype), axis=axis)  # 1, 2, 3 ...
    excess = np.cumsum(falling, axis=axis) - 1
    support = falling * place > excess
    count = np.sum(support, axis=axis, keepdims=True)
    taken = np.take_along_axis(excess, count - 1, axis=axis)
    return np.maximum(x - taken / count.astype(x.dtype), 0)


# --------------------------------------------------------------------------- beside activations


def one_hot(x, num_classes, axis=-1, dtype=None, sparse=False):
    """Return rows of zeros with a 1 at the place that x names; a negative x has none.

    Examples
    --------
    >>> one_hot([0, 2], 3)
    array([[1., 0., 0.],
           [0., 0., 1.]], dtype=float32)
    """
    if sparse:
        raise ValueError("one_hot(sparse=True) is not supported; arrays are dense here.")
    check_numbers("one_hot", 1, whole=True, num_classes=num_classes)
    x = as_index(x)
    hot = x[..., None] == xp().arange(num_classes)
    return np.moveaxis(hot, -1, axis).astype(dtype or floatx())


def multi_hot(inputs, num_classes=None, axis=-1, dtype=None, sparse=False, **kwargs):
    """Return, for rows of class numbers, zeros with a 1 at the place of every class in the row."""
    hot = one_hot(inputs, num_classes or kwargs["num_tokens"], axis=-1, dtype=dtype, sparse=sparse)
    return np.moveaxis(np.max(hot, axis=-2) if hot.ndim > 1 else hot, -1, axis)


def normalize(x, axis=-1, order=2, epsilon=None):
    """Return x divided by its norm over `axis`, which counts as `epsilon` (1e-7) where it is smaller."""
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Argument `order` must be an int >= 1; got {order!r}.")
    x = as_float(x)
    least = backend.epsilon() if epsilon is None else epsilon
    if order == 2:  # bounded before the root, whose slope at 0 is infinite
        return x / sqrt(maximum(sum(square(x), axis=axis, keepdims=True), least**2))
    return x / maximum(norm(x, ord=order, axis=axis, keepdims=True), least)


def moments(x, axes, keepdims=False, synchronized=False):
    """Return mean and variance over `axes`."""
    x, axes = as_float(x), tuple(axes) if isinstance(axes, list) else axes
    middle = mean(x, axis=axes, keepdims=True)
    variance = mean(square(x - middle), axis=axes, keepdims=keepdims)
    return (middle if keepdims else mean(x, axis=axes)), variance


def in_top_k(targets, predictions, k):
    """Tell for every row whether its target is among the k largest predictions; at a tie it is."""
    check_numbers("in_top_k", 0, whole=True, k=k)
    predictions, targets = as_index(predictions), as_index(targets)
    own = np.take_along_axis(predictions, targets[..., None], axis=-1)
    return (np.sum(predictions > own, axis=-1) < k) & ~np.isnan(own[..., 0])
