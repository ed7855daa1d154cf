"""Products of matrices and of arrays of more axes."""

from __future__ import annotations

import functools
import string

import numpy as np

from ..backend import xp
from .elementwise import multiply
from .op import agree, array, joint_op, like, op
from .reductions import sum
from .shaping import ravel, reshape, roll


def _matmul_a(dy, y, a, b):
    if b.ndim == 1:
        return like(np.expand_dims(dy, -1) * b, a)
    if a.ndim == 1:
        return like(np.sum(np.expand_dims(dy, -2) * b, axis=-1), a)
    return like(np.matmul(dy, np.swapaxes(b, -1, -2)), a)


def _matmul_b(dy, y, a, b):
    if b.ndim == 1:
        return like(np.sum(np.expand_dims(dy, -1) * a, axis=tuple(range(a.ndim - 1))), b)
    if a.ndim == 1:
        return like(np.expand_dims(a, -1) * np.expand_dims(dy, -2), b)
    return like(np.matmul(np.swapaxes(a, -1, -2), dy), b)


@op(_matmul_a, _matmul_b)
def matmul(x1, x2):
    return np.matmul(*agree(x1, x2))


def _dense_vjp(needs, dy, y, x, kernel, bias, relu=False, out=(None, None, None)):
    if relu:
        dy = dy * (y > 0)
    if x.ndim != 2:  # every sample's every row is a row of one large product
        dy, rows = dy.reshape(-1, kernel.shape[1]), x.reshape(-1, x.shape[-1])
        dx, dkernel, dbias = _dense_vjp(needs, dy, y, rows, kernel, bias, out=out)
        return None if dx is None else dx.reshape(x.shape), dkernel, dbias
    if not x.dtype == dy.dtype == kernel.dtype:
        out = None, None, None
    _, room, bias_room = ({} if array is None else {"out": array} for array in out)
    return (
        np.dot(dy, kernel.T) if needs[0] else None,
        np.dot(x.T, dy, **room) if needs[1] else None,
        np.dot(all_ones(len(dy), dy.dtype, xp()), dy, **bias_room) if needs[2] else None,  # the sum of the rows
    )


@functools.lru_cache(32)
def all_ones(n, dtype, module):
    return module.ones(n, dtype=dtype)


@joint_op(_dense_vjp, writes=True)
def dense(x, kernel, bias, relu=False):
    """Return ``x @ kernel + bias``, or its positive part; x (..., D), kernel (D, H), bias (H,) or None."""
    if x.ndim != 2:  # of more axes NumPy would multiply without BLAS
        return dense.forward(x.reshape(-1, x.shape[-1]), kernel, bias, relu).reshape(*x.shape[:-1], kernel.shape[1])
    y = np.dot(x, kernel)
    if bias is not None:
        y += bias
    return np.maximum(y, 0, out=y) if relu else y


# --------------------------------------------------------------------------- sums of products by letters


def _contract_vjp(needs, dy, y, *operands, subscripts):
    terms, _, out = subscripts.partition("->")
    named = list(zip(terms.split(","), operands, strict=True))
    gradients = []
    for i, (need, (own, x)) in enumerate(zip(needs, named, strict=True)):
        if not need:
            gradients.append(None)
            continue
        factors = [(out, dy), *named[:i], *named[i + 1 :]]
        if not set(own) <= set("".join(term for term, _ in factors)) or ("." in own and "." not in out):
            factors.append(
                (own, xp().ones(x.shape, dtype=x.dtype))
            )  # summed over at once: the gradient repeats along it
        spread = own if "." in own or not any("." in term for term, _ in factors) else "..." + own
        full = contract(*[v for _, v in factors], subscripts=f"{','.join(term for term, _ in factors)}->{spread}")
        gradients.append(like(full, x))
    return gradients


@joint_op(_contract_vjp)
def contract(*operands, subscripts):
    return np.einsum(subscripts, *agree(*operands), optimize=True)


def einsum(subscripts, *operands):
    """Return the sums of products that letters describe: ``"ij,jk->ik"`` is a product of matrices."""
    if not isinstance(subscripts, str):
        raise TypeError(f'einsum(subscripts, *operands) expects letters such as "ij,jk->ik"; got {subscripts!r}.')
    terms, arrow, out = subscripts.replace(" ", "").partition("->")
    if not arrow:
        letters = terms.replace(".", "").replace(",", "")
        out = "..." * ("..." in terms) + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    operands = tuple(array(x) for x in operands)
    if any(len(set(term)) < len(term) for term in terms.replace("...", "").split(",")):
        raise ValueError(f"einsum({subscripts!r}): a letter twice in one operand is not supported; see diagonal().")
    try:
        if "..." in terms and "..." not in out:  # which NumPy takes as it is, and CuPy does not
            full = contract(*operands, subscripts=f"{terms}->...{out}")
            return sum(full, axis=tuple(range(full.ndim - len(out))))
        return contract(*operands, subscripts=f"{terms}->{out}")
    except ValueError as error:
        shapes = [tuple(x.shape) for x in operands]
        raise ValueError(f"einsum({subscripts!r}) does not fit operands of the shapes {shapes}: {error}") from None


def tensordot(x1, x2, axes=2):
    """Return the sums of products over the last `axes` axes of x1 and the first of x2, or over two lists of axes."""
    x1, x2 = array(x1), array(x2)
    if isinstance(axes, int):
        axes = range(x1.ndim - axes, x1.ndim), range(axes)
    left, right = list(string.ascii_lowercase[: x1.ndim]), list(string.ascii_uppercase[: x2.ndim])
    summed = list(zip(np.ravel(axes[0]).tolist(), np.ravel(axes[1]).tolist(), strict=True))
    for i, j in summed:
        right[j] = left[i]
    out = [c for c in left + right if c not in [left[i] for i, _ in summed]]
    return contract(x1, x2, subscripts=f"{''.join(left)},{''.join(right)}->{''.join(out)}")


def dot(x1, x2):
    """Return the products of rows of x1 and columns of x2."""
    x1, x2 = array(x1), array(x2)
    if not x1.ndim or not x2.ndim:
        return multiply(x1, x2)
    if x1.ndim <= 2 and x2.ndim <= 2:
        return matmul(x1, x2)
    return tensordot(x1, x2, axes=(-1, -2 if x2.ndim > 1 else -1))


def inner(x1, x2):
    """Return the products of rows of x1 and rows of x2."""
    return tensordot(x1, x2, axes=(-1, -1)) if np.ndim(x1) and np.ndim(x2) else multiply(x1, x2)


def vdot(x1, x2):
    """Return the sum of the products of all elements."""
    return sum(multiply(ravel(x1), ravel(x2)))


def outer(x1, x2):
    """Return every element of x1 times every element of x2, as a matrix."""
    return multiply(reshape(x1, shape=(-1, 1)), reshape(x2, shape=(1, -1)))


def cross(x1, x2):
    """Return the vector at right angles to two vectors of three numbers, along the last axis."""
    x1, x2 = array(x1), array(x2)
    return roll(x1, -1, -1) * roll(x2, -2, -1) - roll(x1, -2, -1) * roll(x2, -1, -1)
