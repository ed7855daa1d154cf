"""Differentiable functions: each forward with its vector-Jacobian product beside it.

An `Op` is a forward function on arrays and, for every input, a *product*: given ``dy``, the
gradient of some scalar with respect to the op's output ``y``, it returns the gradient with
respect to that input. Called with plain arrays an op is its forward. Called with a Tensor it
hands itself to the tape (see ``tape.py``), which remembers it and later asks for the products.

The products are written in plain NumPy calls, so they can be differentiated in their turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .backend import Array, asarray, epsilon, to_numpy, xp

Product = Callable[..., Any]


class Traced:
    """What the tape's Tensor derives from, so that this file need not know the tape."""

    __slots__ = ()

    def record(self, op: Op, inputs: tuple, options: dict) -> Any:
        """Run `op` and remember it."""
        raise TypeError("Traced is a marker; only the tape's Tensor records.")


class Op:
    """A forward function and the vector-Jacobian product of each of its inputs."""

    def __init__(self, forward: Callable[..., Any], vjp: Callable[..., Sequence[Any]], shortcut: bool = False) -> None:
        self.forward = forward
        self.shortcut = shortcut  # whether the second input is on the way to the first, and may be passed by
        self.vjp = vjp
        self.__name__ = forward.__name__
        self.__doc__ = forward.__doc__

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        for value in inputs:
            if isinstance(value, Traced):
                return value.record(self, inputs, options)
        return self.forward(*inputs, **options)

    def __repr__(self) -> str:
        return f"<op {self.__name__}>"


def op(*products: Product | None, broadcast: bool = False) -> Callable[[Callable[..., Any]], Op]:
    """Make the decorated forward an `Op`, with one product an input.

    Parameters
    ----------
    products : callable or None
        ``product(dy, y, *inputs, **options) -> gradient of that input``; None where there is none.
    broadcast : bool
        Whether the inputs broadcast against each other; each gradient is then summed back to
        the shape of its input.
    """

    def vjp(needs: Sequence[bool], dy: Array, y: Array, *inputs: Array, **options: Any) -> list[Any]:
        gradients: list[Any] = []
        for need, product, x in zip(needs, products, inputs, strict=True):
            if not need or product is None:
                gradients.append(None)
                continue
            gradient = product(dy, y, *inputs, **options)
            gradients.append(unbroadcast(gradient, getattr(x, "shape", ())) if broadcast else gradient)
        return gradients

    return lambda forward: Op(forward, vjp)


def joint_op(vjp: Callable[..., Sequence[Any]], shortcut: bool = False) -> Callable[[Callable[..., Any]], Op]:
    """Make the decorated forward an `Op` whose products share work.

    `vjp` is ``vjp(needs, dy, y, *inputs, **options) -> one gradient an input``, where
    ``needs[i]`` tells whether input i's gradient is wanted at all.
    """
    return lambda forward: Op(forward, vjp, shortcut)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its variable was broadcast.

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    """
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    stretched = tuple(i for i, size in enumerate(shape, start=extra) if size == 1 and gradient.shape[i] != 1)
    return np.reshape(np.sum(gradient, axis=tuple(range(extra)) + stretched), shape)


# --------------------------------------------------------------------------- elementwise


@op(lambda dy, y, a, b: dy, lambda dy, y, a, b: dy, broadcast=True)
def add(a, b):
    return np.add(a, b)


@op(lambda dy, y, a, b: dy, lambda dy, y, a, b: -dy, broadcast=True)
def subtract(a, b):
    return np.subtract(a, b)


@op(lambda dy, y, a, b: dy * b, lambda dy, y, a, b: dy * a, broadcast=True)
def multiply(a, b):
    return np.multiply(a, b)


@op(lambda dy, y, a, b: dy / b, lambda dy, y, a, b: -dy * a / (b * b), broadcast=True)
def divide(a, b):
    return np.divide(a, b)


@op(
    lambda dy, y, a, b: dy * b * np.power(a, b - 1),
    lambda dy, y, a, b: dy * y * np.log(np.where(a > 0, a, 1)),
    broadcast=True,
)
def power(a, b):
    return np.power(a, b)


# Where two inputs are equal each gets half, the choice that keeps the gradient symmetric.
@op(
    lambda dy, y, a, b: dy * _share(a, b),
    lambda dy, y, a, b: dy * _share(b, a),
    broadcast=True,
)
def maximum(a, b):
    return np.maximum(a, b)


@op(
    lambda dy, y, a, b: dy * _share(b, a),
    lambda dy, y, a, b: dy * _share(a, b),
    broadcast=True,
)
def minimum(a, b):
    return np.minimum(a, b)


def _share(a, b):
    """1 where a > b, 1/2 where equal, 0 where smaller."""
    return 0.5 * (np.sign(a - b) + 1)


@op(None, lambda dy, y, c, a, b: dy * c, lambda dy, y, c, a, b: dy * np.logical_not(c), broadcast=True)
def where(condition, a, b):
    return np.where(condition, a, b)


@op(lambda dy, y, x, low, high: dy * ((x >= low) & (x <= high)), None, None)
def clip(x, low, high):
    return np.clip(x, low, high)


@op(lambda dy, y, x: -dy)
def negative(x):
    return np.negative(x)


@op(lambda dy, y, x: dy * y)
def exp(x):
    return np.exp(x)


@op(lambda dy, y, x: dy * (y + 1))
def expm1(x):
    return np.expm1(x)


@op(lambda dy, y, x: dy / x)
def log(x):
    return np.log(x)


@op(lambda dy, y, x: dy / (1 + x))
def log1p(x):
    return np.log1p(x)


@op(lambda dy, y, x: dy * (0.5 / y))
def sqrt(x):
    return np.sqrt(x)


@op(lambda dy, y, x: dy * 2 * x)
def square(x):
    return np.square(x)


@op(lambda dy, y, x: dy * np.sign(x))
def absolute(x):
    return np.absolute(x)


@op(lambda dy, y, x: dy * np.cos(x))
def sin(x):
    return np.sin(x)


@op(lambda dy, y, x: dy * -np.sin(x))
def cos(x):
    return np.cos(x)


@op(lambda dy, y, x: dy * (1 - y * y))
def tanh(x):
    return np.tanh(x)


@op(lambda dy, y, x, dtype: dy.astype(x.dtype), None)
def astype(x, dtype):
    return x.astype(dtype)


# --------------------------------------------------------------------------- reductions


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
    return xp().ones(x.shape, dtype=x.dtype) * _spread(dy / n_averaged, x, axis, keepdims)


def _extreme_product(dy, y, x, axis=None, keepdims=False):
    hit = x == _spread(y, x, axis, keepdims)
    n_hits = np.sum(hit, axis=axis, keepdims=True)
    return hit * (_spread(dy, x, axis, keepdims) / n_hits).astype(x.dtype)


@op(_sum_product)
def sum(x, axis=None, keepdims=False):
    return np.sum(x, axis=axis, keepdims=keepdims)


@op(_mean_product)
def mean(x, axis=None, keepdims=False):
    total = x.sum(axis=axis, keepdims=keepdims)
    return total / (x.size // total.size) if total.size else total / 1


@op(_extreme_product)
def max(x, axis=None, keepdims=False):
    return np.max(x, axis=axis, keepdims=keepdims)


@op(_extreme_product)
def min(x, axis=None, keepdims=False):
    return np.min(x, axis=axis, keepdims=keepdims)


def var(x, axis=None, keepdims=False):
    """Variance over `axis`, divided by the number of elements."""
    return np.mean(np.square(x - np.mean(x, axis=axis, keepdims=True)), axis=axis, keepdims=keepdims)


def std(x, axis=None, keepdims=False):
    """Standard deviation over `axis`."""
    return np.sqrt(var(x, axis=axis, keepdims=keepdims))


# --------------------------------------------------------------------------- shape


@op(lambda dy, y, x, shape: np.reshape(dy, x.shape))
def reshape(x, shape):
    return np.reshape(x, shape)


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


def _getitem_product(dy, y, x, index):
    return scatter(dy, index=index, shape=x.shape)


def _scatter_product(dy, y, x, index, shape):
    return getitem(dy, index=index)


@op(_getitem_product)
def getitem(x, index):
    """Return ``x[index]``, for slices and for arrays of indices."""
    return x[index]


@op(_scatter_product)
def scatter(x, index, shape):
    """Return zeros of `shape` to which `x` is added at `index`; repeated indices add up."""
    out = xp().zeros(shape, dtype=x.dtype)
    np.add.at(out, index, x)
    return out


@op(lambda dy, y, x, indices, axis: _scatter_along_axis(dy, x, indices, axis))
def take_along_axis(x, indices, axis):
    return np.take_along_axis(x, indices, axis=axis)


def _scatter_along_axis(dy, x, indices, axis):
    index = list(np.indices(indices.shape, sparse=True))
    index[axis] = indices
    return scatter(dy, index=tuple(index), shape=x.shape)


def _concatenate_vjp(needs, dy, y, *arrays, axis=0):
    ends = np.cumsum([x.shape[axis] for x in arrays])
    lead = (slice(None),) * (axis % dy.ndim)
    starts = [0, *ends[:-1]]
    return [dy[(*lead, slice(int(a), int(b)))] for a, b in zip(starts, ends, strict=True)]


@joint_op(_concatenate_vjp)
def concatenate(*arrays, axis=0):
    return np.concatenate(arrays, axis=axis)


def stack(arrays, axis=0):
    """Join arrays of one shape along a new axis."""
    return concatenate(*[np.expand_dims(x, axis) for x in arrays], axis=axis)


# --------------------------------------------------------------------------- products


def _matmul_a(dy, y, a, b):
    if b.ndim == 1:
        return unbroadcast(np.expand_dims(dy, -1) * b, a.shape)
    if a.ndim == 1:
        return unbroadcast(np.sum(np.expand_dims(dy, -2) * b, axis=-1), a.shape)
    return unbroadcast(np.matmul(dy, np.swapaxes(b, -1, -2)), a.shape)


def _matmul_b(dy, y, a, b):
    if b.ndim == 1:
        return unbroadcast(np.sum(np.expand_dims(dy, -1) * a, axis=tuple(range(a.ndim - 1))), b.shape)
    if a.ndim == 1:
        return unbroadcast(np.expand_dims(a, -1) * np.expand_dims(dy, -2), b.shape)
    return unbroadcast(np.matmul(np.swapaxes(a, -1, -2), dy), b.shape)


@op(_matmul_a, _matmul_b)
def matmul(a, b):
    return np.matmul(a, b)


def _dense_vjp(needs, dy, y, x, kernel, bias):
    if x.ndim != 2:  # every sample's every row is a row of one large product
        dx, dkernel, dbias = _dense_vjp(
            needs, dy.reshape(-1, kernel.shape[1]), y, x.reshape(-1, x.shape[-1]), kernel, bias
        )
        return None if dx is None else dx.reshape(x.shape), dkernel, dbias
    return (
        np.dot(dy, kernel.T) if needs[0] else None,
        np.dot(x.T, dy) if needs[1] else None,
        dy.sum(axis=0) if needs[2] else None,
    )


@joint_op(_dense_vjp)
def dense(x, kernel, bias):
    """Return ``x @ kernel + bias``; x (..., D), kernel (D, H), bias (H,) or None, result (..., H)."""
    y = np.dot(x, kernel)
    if bias is not None:
        y += bias
    return y


# --------------------------------------------------------------------------- activations


@op(lambda dy, y, x: dy * (y > 0))
def relu(x):
    """Return the positive part of x."""
    return np.maximum(x, 0)


@op(lambda dy, y, x: dy * y * (1 - y))
def sigmoid(x):
    """Return ``1 / (1 + exp(-x))``, written with tanh so that no exponential overflows."""
    return 0.5 * np.tanh(0.5 * x) + 0.5


@op(lambda dy, y, x: dy * sigmoid(x))
def softplus(x):
    """Return ``log(1 + exp(x))``."""
    return np.logaddexp(x, xp().zeros((), dtype=x.dtype))


@op(lambda dy, y, x, axis=-1: y * (dy - np.sum(dy * y, axis=axis, keepdims=True)))
def softmax(x, axis=-1):
    """Return exponentials that sum to 1 over `axis`."""
    y = np.exp(x - np.max(x, axis=axis, keepdims=True))
    y /= np.sum(y, axis=axis, keepdims=True)
    return y


@op(lambda dy, y, x, axis=-1: dy - np.exp(y) * np.sum(dy, axis=axis, keepdims=True))
def log_softmax(x, axis=-1):
    """Return the logarithm of softmax, finite for every finite x."""
    shifted = x - np.max(x, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


# --------------------------------------------------------------------------- losses of numbers


def _mean_squared_vjp(needs, dy, y, a, b):
    da = (a - b) * np.expand_dims(dy * (2 / a.shape[-1]), -1)
    return da if needs[0] else None, -da if needs[1] else None


@joint_op(_mean_squared_vjp)
def mean_squared_difference(a, b):
    """Return the mean over the last axis of (a - b)²; a and b (..., C) of one shape, result (...)."""
    difference = a - b
    difference *= difference
    return difference.sum(axis=-1) / a.shape[-1]


# --------------------------------------------------------------------------- joint with the loss
#
# The gradient of a cross-entropy with respect to the *logits* is simply p - t. Going the long way
# round, through log and softmax, costs time and precision. Keras clips probabilities to
# [epsilon, 1 - epsilon] before the logarithm, and a clipped one has no gradient; both are kept.
#
# The way back goes past the probabilities to the logits. Only if somebody asks for the gradient of the
# probabilities does it stop there, and softmax' own product carries it on.


def _clip_bounds(p):
    """Return the two bounds in p's own type, as Keras does: 1 - 1e-7 is 0.99999988 in float32."""
    low = p.dtype.type(epsilon())
    return low, p.dtype.type(1) - low


def _inside(p):
    low, high = _clip_bounds(p)
    return (p >= low) & (p <= high)


def _pick(rows, labels):
    return np.squeeze(np.take_along_axis(rows, labels[..., None], axis=-1), axis=-1)


def _softmax_sparse_vjp(needs, dy, y, logits, probabilities, labels):
    p = probabilities
    if p is None:
        p = softmax(logits)
    else:
        dy = dy * _inside(_pick(p, labels))
    hot = labels[..., None] == xp().arange(logits.shape[-1])
    if needs[1]:
        total = np.sum(p, axis=-1, keepdims=True)
        return None, (1 / total - hot / np.clip(p, *_clip_bounds(p))) * np.expand_dims(dy, -1)
    return (p - hot) * np.expand_dims(dy, -1), None


@joint_op(_softmax_sparse_vjp, shortcut=True)
def softmax_crossentropy_sparse(logits, probabilities, labels):
    """Return the cross-entropy in nats of integer labels.

    Parameters
    ----------
    logits : (..., C)
    probabilities : (..., C) or None
        The softmax of `logits`, where it is at hand. It is then clipped as Keras clips
        probabilities; without it the exact log-softmax is used.
    labels : (...) of integers from 0 to C - 1

    Returns
    -------
    (...)
    """
    if probabilities is None:
        return -_pick(log_softmax(logits), labels)
    return -np.log(np.clip(_pick(probabilities, labels), *_clip_bounds(probabilities)))


def _softmax_crossentropy_vjp(needs, dy, y, logits, probabilities, targets):
    p, t = probabilities, targets
    if p is None:
        p = softmax(logits)
    else:
        t = t * _inside(p)
    if needs[1]:
        total = np.sum(p, axis=-1, keepdims=True)
        each = t / np.clip(p, *_clip_bounds(p))
        return None, (np.sum(t, axis=-1, keepdims=True) / total - each) * np.expand_dims(dy, -1)
    return (p * np.sum(t, axis=-1, keepdims=True) - t) * np.expand_dims(dy, -1), None


@joint_op(_softmax_crossentropy_vjp, shortcut=True)
def softmax_crossentropy(logits, probabilities, targets):
    """Return the cross-entropy in nats of target distributions (..., C), such as one-hot rows."""
    if probabilities is None:
        log_p = log_softmax(logits)
    else:
        log_p = np.log(np.clip(probabilities, *_clip_bounds(probabilities)))
    return -np.sum(targets * log_p, axis=-1)


def _sigmoid_crossentropy_vjp(needs, dy, y, logits, probabilities, targets):
    if probabilities is None:
        return dy * (sigmoid(logits) - targets), None
    dy = dy * _inside(probabilities)
    if needs[1]:
        p = np.clip(probabilities, *_clip_bounds(probabilities))
        return None, dy * ((1 - targets) / (1 - p) - targets / p)
    return dy * (probabilities - targets), None


@joint_op(_sigmoid_crossentropy_vjp, shortcut=True)
def sigmoid_crossentropy(logits, probabilities, targets):
    """Return the binary cross-entropy in nats, element by element."""
    if probabilities is None:
        return np.maximum(logits, 0) - logits * targets + np.log1p(np.exp(-np.absolute(logits)))
    p = np.clip(probabilities, *_clip_bounds(probabilities))
    return -(targets * np.log(p) + (1 - targets) * np.log(1 - p))


# --------------------------------------------------------------------------- without a gradient

abs = absolute


def convert_to_tensor(x, dtype=None):
    """Return x as an array, or the Tensor that it is already."""
    x = x if isinstance(x, Traced) else asarray(x)
    return x if dtype is None else x.astype(dtype)


def convert_to_numpy(x):
    """Return a copy of x on the host."""
    return np.array(to_numpy(x))


def cast(x, dtype):
    """Return x in another dtype."""
    return convert_to_tensor(x, dtype)


def zeros_like(x):
    """Return zeros of x's shape and dtype."""
    return np.zeros_like(x)


def ones_like(x):
    """Return ones of x's shape and dtype."""
    return np.ones_like(x)


# --------------------------------------------------------------------------- NumPy's names

#: What the tape puts in the place of a NumPy function that is called on a Tensor.
NUMPY: dict[Any, Callable[..., Any]] = {
    np.add: add,
    np.subtract: subtract,
    np.multiply: multiply,
    np.divide: divide,
    np.power: power,
    np.float_power: power,
    np.maximum: maximum,
    np.minimum: minimum,
    np.fmax: maximum,
    np.fmin: minimum,
    np.negative: negative,
    np.positive: lambda x: x,
    np.exp: exp,
    np.expm1: expm1,
    np.log: log,
    np.log2: lambda x: log(x) / float(np.log(2)),
    np.log10: lambda x: log(x) / float(np.log(10)),
    np.log1p: log1p,
    np.logaddexp: lambda a, b: maximum(a, b) + softplus(-absolute(a - b)),
    np.sqrt: sqrt,
    np.square: square,
    np.reciprocal: lambda x: divide(1.0, x),
    np.absolute: absolute,
    np.sin: sin,
    np.cos: cos,
    np.tanh: tanh,
    np.matmul: matmul,
    np.where: where,
    np.clip: lambda x, a_min=None, a_max=None: clip(
        x, -np.inf if a_min is None else a_min, np.inf if a_max is None else a_max
    ),
    np.sum: lambda x, axis=None, keepdims=False: sum(x, axis=axis, keepdims=keepdims),
    np.mean: lambda x, axis=None, keepdims=False: mean(x, axis=axis, keepdims=keepdims),
    np.max: lambda x, axis=None, keepdims=False: max(x, axis=axis, keepdims=keepdims),
    np.min: lambda x, axis=None, keepdims=False: min(x, axis=axis, keepdims=keepdims),
    np.amax: lambda x, axis=None, keepdims=False: max(x, axis=axis, keepdims=keepdims),
    np.amin: lambda x, axis=None, keepdims=False: min(x, axis=axis, keepdims=keepdims),
    np.var: var,
    np.std: std,
    np.average: lambda x, axis=None, weights=None: (
        mean(x, axis=axis) if weights is None else sum(x * weights, axis=axis) / np.sum(weights, axis=axis)
    ),
    np.linalg.norm: lambda x, axis=None, keepdims=False: sqrt(sum(square(x), axis=axis, keepdims=keepdims)),
    np.reshape: lambda x, shape: reshape(x, shape=shape),
    np.ravel: lambda x: reshape(x, shape=(-1,)),
    np.transpose: lambda x, axes=None: transpose(x, axes=axes),
    np.swapaxes: lambda x, a, b: transpose(x, axes=_swapped(x.ndim, a, b)),
    np.squeeze: lambda x, axis=None: squeeze(x, axis=axis),
    np.expand_dims: lambda x, axis: expand_dims(x, axis=axis),
    np.broadcast_to: lambda x, shape: broadcast_to(x, shape=shape),
    np.take_along_axis: lambda x, indices, axis=-1: take_along_axis(x, indices=indices, axis=axis),
    np.take: lambda x, indices, axis=None: getitem(
        reshape(x, shape=(-1,)) if axis is None else x,
        index=indices if axis is None else (slice(None),) * (axis % x.ndim) + (indices,),
    ),
    np.concatenate: lambda arrays, axis=0: concatenate(*arrays, axis=axis),
    np.stack: stack,
    np.dot: lambda a, b: matmul(a, b) if np.ndim(a) and np.ndim(b) else multiply(a, b),
    np.inner: lambda a, b: matmul(a, transpose(b)) if np.ndim(b) > 1 else matmul(a, b),
    np.outer: lambda a, b: multiply(reshape(a, shape=(-1, 1)), reshape(b, shape=(1, -1))),
}

#: NumPy functions whose result carries no gradient: they see the Tensor's array.
NUMPY_WITHOUT_GRADIENT = frozenset(
    {
        *(np.greater, np.greater_equal, np.less, np.less_equal, np.equal, np.not_equal),
        *(np.isnan, np.isfinite, np.isinf, np.sign, np.floor, np.ceil, np.rint, np.trunc),
        *(np.logical_and, np.logical_or, np.logical_not, np.floor_divide),
        *(np.argmax, np.argmin, np.argsort, np.shape, np.ndim, np.size, np.any, np.all, np.round),
        *(np.zeros_like, np.ones_like, np.full_like, np.empty_like, np.allclose, np.array_equal),
        *(np.count_nonzero, np.array_repr, np.array_str, np.isclose, np.unique),
    }
)


def __getattr__(name: str) -> Any:
    """Hand out NumPy's function of a name that is not defined here, where it works on Tensors."""
    function = getattr(np, name, None)
    if callable(function) and (function in NUMPY or function in NUMPY_WITHOUT_GRADIENT):
        return function
    raise AttributeError(f"minifit.ops has no function {name!r}.")


def _swapped(ndim: int, a: int, b: int) -> tuple[int, ...]:
    order = list(range(ndim))
    order[a], order[b] = order[b], order[a]
    return tuple(order)


__all__ = [
    *("add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "where", "clip"),
    *("negative", "exp", "expm1", "log", "log1p", "sqrt", "square", "absolute", "sin", "cos", "tanh"),
    *("sum", "mean", "max", "min", "var", "std", "reshape", "transpose", "squeeze", "expand_dims"),
    *("broadcast_to", "take_along_axis", "concatenate", "stack", "matmul", "dense", "relu", "sigmoid"),
    *("softplus", "softmax", "log_softmax", "unbroadcast", "abs", "cast", "zeros_like"),
    *("ones_like", "convert_to_tensor", "convert_to_numpy"),
]
