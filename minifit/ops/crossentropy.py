"""Losses as one op each, joint with the activation before them where that is exact and cheap."""

from __future__ import annotations

import numpy as np

from ..backend import epsilon, xp
from . import reductions
from .elementwise import clip, log
from .nn import log_softmax, sigmoid, softmax, softplus
from .op import as_float, as_index, joint_op, placed
from .reductions import sum
from .shaping import moveaxis, squeeze, take_along_axis

#
# Those that take `mean` can end in the mean over all samples, which spares training an op of its own for that.


def _mean_squared_vjp(needs, dy, y, a, b, mean=False):
    slope = (dy * (2 / (a.size if mean else a.shape[-1])))[..., None]
    return (a - b) * slope if needs[0] else None, (b - a) * slope if needs[1] else None


@joint_op(_mean_squared_vjp)
def mean_squared_difference(a, b, mean=False):
    """Return the mean over the last axis of (a - b)²; a and b (..., C) of one shape, result (...) or one number."""
    difference = a - b
    difference *= difference
    return reductions.mean.forward(difference, axis=None if mean else -1)


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
    if labels.ndim == 1:
        return rows[xp().arange(labels.size), labels]  # several times quicker than take_along_axis
    return np.squeeze(np.take_along_axis(rows, labels[..., None], axis=-1), axis=-1)


def _softmax_sparse_vjp(needs, dy, y, logits, probabilities, labels, mean=False):
    p = probabilities
    if mean:
        dy = dy / (logits.size // logits.shape[-1])
    if p is None:
        p = softmax(logits)
    else:
        dy = dy * _inside(_pick(p, labels))
    hot = labels[..., None] == xp().arange(logits.shape[-1])
    if needs[1]:
        total = np.sum(p, axis=-1, keepdims=True)
        return None, (1 / total - hot / np.clip(p, *_clip_bounds(p))) * np.expand_dims(dy, -1)
    return (p - hot) * dy[..., None], None


@joint_op(_softmax_sparse_vjp, shortcut=True)
def softmax_crossentropy_sparse(logits, probabilities, labels, mean=False):
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
    (...), or one number
    """
    if probabilities is None:
        log_p = _pick(log_softmax(logits), labels)
    else:
        low, high = _clip_bounds(probabilities)
        log_p = np.log(np.minimum(np.maximum(_pick(probabilities, labels), low), high))  # np.clip takes twice as long
    return -(reductions.mean.forward(log_p) if mean else log_p)


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


# --------------------------------------------------------------------------- of any outputs, as Keras' functions


def binary_crossentropy(target, output, from_logits=False):
    """Return the cross-entropy of every element, of probabilities clipped to [epsilon, 1 - epsilon] or of logits."""
    target, output = _of_one_shape(target, output)
    if from_logits:
        return target * softplus(-output) + (1 - target) * softplus(output)
    p = clip(output, *_clip_bounds(output))
    return -(target * log(p) + (1 - target) * log(1 - p))


def categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return the cross-entropy over `axis`, of distributions (first brought to the sum 1) or of logits."""
    target, output = _of_one_shape(target, output)
    return -sum(target * _log_probabilities(output, from_logits, axis), axis=axis)


def sparse_categorical_crossentropy(target, output, from_logits=False, axis=-1):
    """Return the cross-entropy over `axis` of the classes that integers name."""
    target, output = as_index(target), as_float(placed(output))
    if target.ndim == output.ndim and target.shape[axis] == 1:
        target = np.squeeze(target, axis=axis)
    log_p = moveaxis(_log_probabilities(output, from_logits, axis), axis, -1)
    if target.shape != log_p.shape[:-1]:
        raise ValueError(
            "Arguments `target` and `output` must have the same shape up until the last dimension; got "
            f"{target.shape} and {output.shape}."
        )
    return -squeeze(take_along_axis(log_p, target.astype(int)[..., None], axis=-1), axis=-1)


def _log_probabilities(output, from_logits, axis):
    if from_logits:
        return log_softmax(output, axis=axis)
    return log(clip(output / sum(output, axis=axis, keepdims=True), *_clip_bounds(output)))


def _of_one_shape(target, output):
    target, output = placed(target), as_float(placed(output))
    if target.shape != output.shape:
        raise ValueError(
            f"Arguments `target` and `output` must have the same shape; got {target.shape} and {output.shape}."
        )
    return target, output
