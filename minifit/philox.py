"""Random numbers by their number: the same ones wherever they are drawn.

A *counter-based* generator has no state that a draw would change. The i-th block of random bits is a scrambled i, and
the key says how it is scrambled. So thousands of threads of a GPU can each make blocks of their own at once, and a
processor that makes them one after another gets the same bits: a seeded run drops the same units on every device, and
no mask is ever copied to one.

The generator is Philox4x64-10 (Salmon et al., 2011), which NumPy brings: four words of 64 bits a block, ten rounds of
two multiplications. `CUDA` has it once more for devices. Everything else here makes masks, uniform and normal numbers
of those words, once in NumPy and once in CUDA.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend
from .backend import Array

Key = tuple[int, int]  #: what all numbers of one draw follow from: two whole numbers below 2**64
Shape = tuple[int, ...]

_ROUGH = 2**16


class _Host(threading.local):
    """NumPy's generator; a new one each time would take ten times as long as to set this one to another key."""

    def __init__(self) -> None:
        self.bits = np.random.Philox(key=0)
        self.inner: dict[str, Any] = {"counter": (0, 0, 0, 0), "key": (0, 0)}
        self.state: Any = {"bit_generator": "Philox", "state": self.inner, "buffer": (0,) * 4, "buffer_pos": 4}
        self.state |= {"has_uint32": 0, "uinteger": 0}


_host = _Host()


def words(key: Key, n: int) -> np.ndarray:
    """Return the first `n` words of 64 bits that belong to a key, on the host.

    Examples
    --------
    >>> words((1, 2), 5)[4] == np.random.Philox(key=[1, 2]).random_raw(5)[4]
    np.True_
    """
    _host.inner["key"] = key
    _host.bits.state = _host.state
    return _host.bits.random_raw(n)


# --------------------------------------------------------------------------- masks


@functools.cache
def cut(rate: float) -> tuple[int, int]:
    """Return how many bits decide about one number, and below which value of theirs it is dropped.

    16 bits, drawn in half the time; 32 where every multiple of 1/65536 misses the rate by a thousandth of it or more.
    """
    rough = round(rate * _ROUGH)
    if abs(rough - rate * _ROUGH) <= 1e-3 * min(rate, 1 - rate) * _ROUGH:
        return 16, rough
    return 32, min(round(rate * 2**32), 2**32 - 1)


def mask(key: Key, shape: Shape, dtype: Any, rate: float) -> Array:
    """Return an array of 0, a share `rate` of it, and else ``1 / (1 - rate)``."""
    n, (bits, below), scale = math.prod(shape), cut(rate), 1 / (1 - rate)
    device = _kernel("mask")
    if device is not None:
        return device(key, shape, dtype, 256 // bits, bits, below, scale)
    drawn = words(key, -(-n * bits // 64)).view("uint16" if bits == 16 else "uint32")[:n].reshape(shape)
    kept = _placed(drawn >= below).astype(dtype)
    kept *= scale
    return kept


# --------------------------------------------------------------------------- floats
#
# A number between 0 and 1 is made of as many bits as its type holds exactly: the upper 24 of 32, or 53 of 64.


def uniform(key: Key, shape: Shape, dtype: Any) -> Array:
    """Return numbers from 0, included, to 1, excluded, all equally likely."""
    device = _kernel("uniform")
    if device is not None:
        return device(key, shape, dtype, _per_block(dtype))
    whole, step = _whole(key, math.prod(shape), dtype)
    whole *= step
    return _placed(whole.reshape(shape)).astype(dtype, copy=False)


def normal(key: Key, shape: Shape, dtype: Any, mean: float = 0.0, stddev: float = 1.0) -> Array:
    """Return normally distributed numbers, two at a time by the method of Box and Muller (1958)."""
    device = _kernel("normal")
    if device is not None:
        return device(key, shape, dtype, _per_block(dtype), mean, stddev)
    n = math.prod(shape)
    whole, step = _whole(key, n + n % 2, dtype)
    pairs = whole.reshape(-1, 2)
    radius, angle = pairs[:, 0] + 0.5, pairs[:, 1] * (2 * math.pi * step)
    radius *= step
    np.log(radius, out=radius)
    radius *= -2.0
    np.sqrt(radius, out=radius)
    np.multiply(radius, np.cos(angle), out=pairs[:, 0])
    np.multiply(radius, np.sin(angle), out=pairs[:, 1])
    whole *= stddev
    whole += mean
    return _placed(whole[:n].reshape(shape)).astype(dtype, copy=False)


def _whole(key: Key, n: int, dtype: Any) -> tuple[np.ndarray, float]:
    """Return n whole numbers as floats, and what to multiply them by to be below 1."""
    if np.dtype(dtype) == np.float64:
        return (words(key, n) >> np.uint64(11)).astype("float64"), 2.0**-53
    return (words(key, (n + 1) // 2).view("uint32")[:n] >> np.uint32(8)).astype("float32"), 2.0**-24


def _per_block(dtype: Any) -> int:
    return 4 if np.dtype(dtype) == np.float64 else 8


def _placed(drawn: np.ndarray) -> Array:
    return drawn if backend.xp() is np else backend.asarray(drawn)


# --------------------------------------------------------------------------- on a device

CUDA = r"""
#ifndef MINIFIT_PHILOX
#define MINIFIT_PHILOX
typedef unsigned long long philox_word;

__device__ inline philox_word philox_high(philox_word a, philox_word b) {  // the upper half of the product
#if defined(__CUDA_ARCH__) || defined(__HIP_DEVICE_COMPILE__)
    return __umul64hi(a, b);
#else
    return (philox_word)(((unsigned __int128)a * b) >> 64);
#endif
}

// The four words of one block. Blocks count from 0 here; NumPy, which adds 1 before it draws, calls this one 1.
__device__ inline void philox_block(philox_word k0, philox_word k1, philox_word block, philox_word* out) {
    philox_word a = block + 1, b = 0, c = 0, d = 0;
    for (int round = 0; round < 10; ++round) {
        const philox_word m0 = 0xD2E7470EE14C6C93ULL, m1 = 0xCA5A826395121157ULL;
        const philox_word high0 = philox_high(m0, a), low0 = m0 * a, high1 = philox_high(m1, c), low1 = m1 * c;
        a = high1 ^ b ^ k0;
        b = low1;
        c = high0 ^ d ^ k1;
        d = low0;
        k0 += 0x9E3779B97F4A7C15ULL;
        k1 += 0xBB67AE8584CAA73BULL;
    }
    out[0] = a, out[1] = b, out[2] = c, out[3] = d;
}

// The 16 or 32 bits that decide about one element of a mask: for kernels that make more of an element than its mask.
__device__ inline unsigned philox_bits(philox_word k0, philox_word k1, philox_word element, int bits) {
    philox_word out[4];
    philox_block(k0, k1, element * bits / 256, out);
    const int first = (int)(element * bits % 256);
    return (unsigned)(out[first / 64] >> (first % 64)) & (bits == 16 ? 0xFFFFU : 0xFFFFFFFFU);
}
#endif
"""  #: Philox4x64-10, for every kernel that draws

# A thread makes one block, and all the numbers that come of its 256 bits.
_BODIES = {
    "mask": (
        "uint64 k0, uint64 k1, int64 n, int32 bits, uint64 below, float64 scale",
        """
        philox_word drawn[4];
        philox_block(k0, k1, i, drawn);
        const int each = 256 / bits;
        for (int j = 0; j < each && i * each + j < n; ++j) {
            const int first = j * bits;
            const philox_word here = (drawn[first / 64] >> (first % 64)) & (bits == 16 ? 0xFFFFULL : 0xFFFFFFFFULL);
            out[i * each + j] = (T)(here >= below ? scale : 0.0);
        }
        """,
    ),
    "uniform": (
        "uint64 k0, uint64 k1, int64 n",
        """
        philox_word drawn[4];
        philox_block(k0, k1, i, drawn);
        const int each = sizeof(T) == 8 ? 4 : 8;
        for (int j = 0; j < each && i * each + j < n; ++j) {
            if (sizeof(T) == 8) out[i * 4 + j] = (T)((double)(drawn[j] >> 11) * (1.0 / 9007199254740992.0));
            else out[i * 8 + j] = (T)((float)((unsigned)(drawn[j / 2] >> (j % 2 * 32)) >> 8) * (1.0f / 16777216.0f));
        }
        """,
    ),
    "normal": (
        "uint64 k0, uint64 k1, int64 n, float64 mean, float64 stddev",
        """
        philox_word drawn[4];
        philox_block(k0, k1, i, drawn);
        const int each = sizeof(T) == 8 ? 4 : 8;
        for (int j = 0; j < each && i * each + j < n; ++j) {
            const int even = j & ~1;  // of two numbers the first says how far from 0, and the second, which way
            if (sizeof(T) == 8) {
                const double step = 1.0 / 9007199254740992.0;
                const double radius = sqrt(-2.0 * log(((double)(drawn[even] >> 11) + 0.5) * step));
                const double angle = (double)(drawn[even + 1] >> 11) * (6.283185307179586 * step);
                out[i * 4 + j] = (T)(radius * (j % 2 ? sin(angle) : cos(angle)) * stddev + mean);
            } else {
                const float step = 1.0f / 16777216.0f;
                const unsigned far = (unsigned)drawn[even / 2] >> 8, way = (unsigned)(drawn[even / 2] >> 32) >> 8;
                const float radius = sqrtf(-2.0f * logf(((float)far + 0.5f) * step));
                const float angle = (float)way * (6.2831853f * step);
                out[i * 8 + j] = (T)(radius * (j % 2 ? sinf(angle) : cosf(angle)) * (float)stddev + (float)mean);
            }
        }
        """,
    ),
}


def _kernel(name: str) -> Callable[..., Array] | None:
    """Return what draws where the arrays live; None where that is the host, or somewhere without kernels."""
    module = backend.xp()
    return None if module is np else _compiled(module, name)


@functools.cache
def _compiled(module: Any, name: str) -> Callable[..., Array] | None:
    make = getattr(module, "ElementwiseKernel", None)
    if make is None:
        return None
    arguments, body = _BODIES[name]
    kernel = make(arguments, "raw T out", body, f"minifit_{name}", preamble=CUDA)

    def draw(key: Key, shape: Shape, dtype: Any, per_block: int, *given: Any) -> Array:
        n = math.prod(shape)
        out = module.empty(shape, dtype=dtype)
        if n:
            kernel(*key, n, *given, out, size=-(-n // per_block))
        return out

    return draw
