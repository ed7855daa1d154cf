"""Convolution and pooling over any number of axes.

One idea serves all of them: a window of k × k *cells* slides over an image. Looked at cell by cell instead of
position by position, each cell meets, over all positions at once, one regular slice of the inputs. So nothing here
loops over pixels, and nothing is ever padded: a cell that hangs over the edge merely meets fewer positions.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, floatx, is_float, standardize_data_format, xp
from . import gathering
from .core import convert_to_tensor
from .gathering import elsewhere
from .linear import all_ones
from .op import joint_op, op

__all__ = ["average_pool", "conv", "max_pool"]

Index = tuple[Any, ...]
Sizes = tuple[int, ...]


# --------------------------------------------------------------------------- windows


class Windows(NamedTuple):
    """Where a window goes, and what its cells meet there."""

    positions: Sizes  # how many along each axis
    cells: tuple[tuple[Index, Index, Index], ...]  # index in the window, slice of the inputs, of the positions
    apart: bool  # whether no input is in two windows
    inside: bool  # whether no window hangs over the edge
    axes: tuple[Sizes, ...]  # of each axis the size, positions, window, stride, dilation, and what is before the edge


def n_positions(sizes: Sequence[int | None], window: Sizes, strides: Sizes, dilation: Sizes, padding: str) -> Any:
    """Return how often a window fits along each axis; None where the axis is open."""
    counts: list[int | None] = []
    for size, width, stride, step in zip(sizes, window, strides, dilation, strict=True):
        taken = (width - 1) * step if padding == "valid" else 0
        counts.append(None if size is None else (size - taken - 1) // stride + 1)
    if any(count is not None and count < 1 for count in counts):
        raise ValueError(
            f"Computed output size would be zero or negative: a window of {window} (dilation {dilation}) does not fit "
            f"into inputs of {tuple(sizes)}. Take a smaller window, larger inputs or padding='same'."
        )
    return tuple(counts)


@functools.lru_cache(maxsize=256)
def _windows(sizes: Sizes, window: Sizes, strides: Sizes, dilation: Sizes, padding: str) -> Windows:
    positions = n_positions(sizes, window, strides, dilation, padding)
    axes, where, apart, outside = [], [], True, 0
    for size, count, width, stride, step in zip(sizes, positions, window, strides, dilation, strict=True):
        reach = (width - 1) * step + 1
        over = max(0, (count - 1) * stride + reach - size)
        # Of an odd number of missing pixels the larger half is behind.
        before = {"valid": 0, "same": over // 2, "causal": reach - 1}[padding]
        where.append((size, count, width, stride, step, before))
        axes.append([(cell, *_meeting(size, count, stride, cell * step - before)) for cell in range(width)])
        apart, outside = apart and stride >= reach, outside + over
    samples = (slice(None),)
    crossed = (zip(*each, strict=True) for each in itertools.product(*axes))
    cells = [(cell, samples + inputs, samples + outputs) for cell, inputs, outputs in crossed if None not in inputs]
    return Windows(positions, tuple(cells), apart, not outside, tuple(where))


def _meeting(size: int, count: int, stride: int, shift: int) -> tuple[slice | None, slice | None]:
    """Return where a cell, at ``position * stride + shift``, is on the inputs: on which of them, at which positions."""
    first = max(0, -(shift // stride))
    last = min(count - 1, (size - 1 - shift) // stride)
    if last < first:
        return None, None
    return slice(first * stride + shift, last * stride + shift + 1, stride), slice(first, last + 1)


# --------------------------------------------------------------------------- convolution
#
# All windows laid out as the rows of a matrix make a convolution one product of matrices. That matrix is k · k times
# as large as the inputs, so it is made for a few samples at a time, which stay in the processor's cache.
#
# A convolution is linear in the inputs and in the kernel, so its two products are convolutions of a kind, and the
# products of those are again among the three: gradients of every order are here.

_BLOCK = 2**19  # numbers at a time, 2 MB in float32

# What a step frees, glibc hands back to the system, and in the next step every page costs anew, a quarter of the time
# in all. It keeps twice the largest block that it has ever seen freed, so here is one, which nobody writes to.
np.empty(2**25 - 2**13, dtype="uint8")


def _blocks(samples: int, numbers_per_sample: int) -> Iterator[slice]:
    step = max(1, _BLOCK // numbers_per_sample)
    return (slice(start, min(start + step, samples)) for start in range(0, samples, step))


def _groups(channels: int, kernel_shape: Sizes) -> Iterator[tuple[slice, slice]]:
    """Return which channels and which filters see each other, group by group."""
    width, filters = kernel_shape[-2:]
    n = channels // width
    return ((slice(g * width, (g + 1) * width), slice(g * filters // n, (g + 1) * filters // n)) for g in range(n))


def _rows(block: Array) -> Array:
    """Return a matrix of all positions of all samples, a row each."""
    return block.reshape(-1, block.shape[-1])


def _patches(x: Array, kernel_shape: Sizes, windows: Windows) -> Iterator[tuple[slice, Array]]:
    """Yield samples and all their windows as a matrix (samples · positions, cells · channels), block by block."""
    columns = math.prod(kernel_shape[:-1])
    room: Array = None  # for the first block, and smaller ones; where nothing is met its zeros stay
    for samples in _blocks(x.shape[0], math.prod(windows.positions) * (columns + kernel_shape[-1])):
        block = x[samples]
        if room is None:
            room = xp().zeros((block.shape[0], *windows.positions, *kernel_shape[:-1]), dtype=x.dtype)
        taken = room[: block.shape[0]]
        for cell, inputs, outputs in windows.cells:
            taken[(*outputs, *cell)] = block[inputs]
        yield samples, taken.reshape(-1, columns)


def _conv_vjp(needs, dy, y, x, kernel, bias, windows, relu=False, out=(None, None, None)):
    if relu:
        dy = dy * (y > 0)
    if not x.dtype == dy.dtype == kernel.dtype:
        out = None, None, None
    _, room, bias_room = ({} if array is None else {"out": array} for array in out)
    n = dy.size // dy.shape[-1]
    return (
        _conv_inputs(dy, kernel, windows=windows, shape=x.shape) if needs[0] else None,
        _conv_kernel(x, dy, windows=windows, shape=kernel.shape, **room) if needs[1] else None,
        np.dot(all_ones(n, dy.dtype, xp()), _rows(dy), **bias_room) if needs[2] else None,  # the sum of the rows
    )


@joint_op(_conv_vjp, writes=True)
@elsewhere(gathering.conv)
def _conv(x, kernel, bias, windows, relu=False):
    y = xp().empty((x.shape[0], *windows.positions, kernel.shape[-1]), dtype=x.dtype)
    for channels, filters in _groups(x.shape[-1], kernel.shape):
        matrix = _rows(kernel[..., filters])
        for samples, patches in _patches(x[..., channels], kernel.shape, windows):
            np.matmul(patches, matrix, out=_rows(y[samples])[:, filters])
    # Line by line of the image: NumPy is slow on rows as short as the channels, and on pairs of array and number.
    width = y.shape[-2]
    lines = y.reshape(-1, width * y.shape[-1])
    if bias is not None:
        lines += np.tile(bias, width)
    if relu:
        np.maximum(lines, xp().zeros(lines.shape[1:], dtype=y.dtype), out=lines)
    return y


def _conv_inputs_vjp(needs, g, dx, dy, kernel, windows, shape):
    return (
        _conv(g, kernel, None, windows=windows) if needs[0] else None,
        _conv_kernel(g, dy, windows=windows, shape=kernel.shape) if needs[1] else None,
    )


@joint_op(_conv_inputs_vjp)
@elsewhere(gathering.conv_inputs)
def _conv_inputs(dy, kernel, windows, shape):
    """Return the gradient with respect to the inputs: each cell's share, added where the cell had been."""
    dx = xp().zeros(shape, dtype=dy.dtype)
    for channels, filters in _groups(shape[-1], kernel.shape):
        for samples in _blocks(shape[0], math.prod(windows.positions) * sum(kernel.shape[-2:])):
            block, into = dy[samples][..., filters], dx[samples][..., channels]
            rows = _rows(block)
            for cell, inputs, outputs in windows.cells:
                share = np.dot(rows, kernel[(*cell, slice(None), filters)].T)
                met = into[inputs]
                met += share.reshape(*block.shape[:-1], -1)[outputs]
    return dx


def _conv_kernel_vjp(needs, g, dkernel, x, dy, windows, shape):
    return (
        _conv_inputs(dy, g, windows=windows, shape=x.shape) if needs[0] else None,
        _conv(x, g, None, windows=windows) if needs[1] else None,
    )


@joint_op(_conv_kernel_vjp)
@elsewhere(gathering.conv_kernel)
def _conv_kernel(x, dy, windows, shape, out=None):
    """Return the gradient with respect to the kernel."""
    dkernel = xp().empty(shape, dtype=dy.dtype) if out is None else out
    dkernel[...] = 0
    for channels, filters in _groups(x.shape[-1], shape):
        into = dkernel[..., filters]
        for samples, patches in _patches(x[..., channels], shape, windows):
            into += np.dot(patches.T, _rows(dy[samples][..., filters])).reshape(into.shape)
    return dkernel


# --------------------------------------------------------------------------- pooling


#
# Numbers travel from inputs to windows, or `back`; each way is the other's product.


def _max_product(dy, y, x, windows):
    return _by_maxima(dy, x, y, windows=windows, back=True)


@op(_max_product)
@elsewhere(gathering.max_pool)
def _max_pool(x, windows):
    lowest = -np.inf if is_float(x) else np.iinfo(x.dtype).min
    y = xp().full((x.shape[0], *windows.positions, x.shape[-1]), lowest, dtype=x.dtype)
    for _, inputs, outputs in windows.cells:
        met = y[outputs]
        np.maximum(met, x[inputs], out=met)
    return y


def _by_maxima_product(g, out, values, x, y, windows, back):
    return _by_maxima(g, x, y, windows=windows, back=not back)


@op(_by_maxima_product, None, None)
@elsewhere(gathering.by_maxima)
def _by_maxima(values, x, y, windows, back):
    """Carry numbers between every window and its maximum; of several equal inputs the first is it."""
    out = xp().zeros(x.shape if back else y.shape, dtype=values.dtype)
    searching = xp().ones(y.shape, dtype=bool)
    for _, inputs, outputs in windows.cells:
        still = searching[outputs]
        hit = x[inputs] == y[outputs]
        hit &= still
        still ^= hit
        of, to = (outputs, inputs) if back else (inputs, outputs)
        met = out[to]
        if back and windows.apart:
            np.multiply(values[of], hit, out=met)
        else:
            met += values[of] * hit
    return out


def _by_sums_product(g, out, values, windows, shape, back):
    return _by_sums(g, windows=windows, shape=values.shape, back=not back)


@op(_by_sums_product)
@elsewhere(gathering.by_sums)
def _by_sums(values, windows, shape, back):
    """Carry numbers between every window and all its inputs, adding up."""
    out = xp().zeros(shape, dtype=values.dtype)
    for _, inputs, outputs in windows.cells:
        of, to = (outputs, inputs) if back else (inputs, outputs)
        met = out[to]
        met += values[of]
    return out


def _average_pool(x, windows):
    x = x if is_float(x) else x.astype(floatx())
    total = _by_sums(x, windows=windows, shape=(x.shape[0], *windows.positions, x.shape[-1]), back=False)
    if windows.inside:
        return total / len(windows.cells)
    there = xp().ones((1, *x.shape[1:-1], 1), dtype=x.dtype)  # padding does not count
    return total / _by_sums(there, windows=windows, shape=(1, *windows.positions, 1), back=False)


# --------------------------------------------------------------------------- what is public


def conv(inputs, kernel, strides=1, padding="valid", data_format=None, dilation_rate=1, bias=None, relu=False):
    """Slide a kernel over one axis or more.

    Parameters
    ----------
    inputs : (B, ..., C), or (B, C, ...) with ``data_format="channels_first"``
    kernel : (..., C / groups, F)
        How many groups of channels there are, each with F / groups filters that see no other, follows from the shapes.
    strides, dilation_rate : int or tuple
        From one position to the next, and from one cell of the kernel to the next.
    padding : {"valid", "same", "causal"}
        Only inside; over the edges by as much before as behind; only before, for sequences.
    bias : (F,), optional
    relu : bool
        Whether only the positive part is wanted.

    Examples
    --------
    >>> x = np.array([1.0, 2.0, 4.0, 8.0]).reshape(1, 4, 1)
    >>> conv(x, np.array([-1.0, 1.0]).reshape(2, 1, 1)).ravel()  # differences
    array([1., 2., 4.])
    """
    kernel = convert_to_tensor(kernel)
    rank, (width, filters) = kernel.ndim - 2, kernel.shape[-2:]
    x, back = _channels_last(convert_to_tensor(inputs), rank, data_format)
    if x.shape[-1] % width or filters % (x.shape[-1] // width):
        raise ValueError(
            "The number of input channels must match the kernel's, or be evenly divisible by it into groups that "
            f"divide the filters. Received: {x.shape[-1]} input channels, kernel of shape {tuple(kernel.shape)}."
        )
    steps = int_tuple(strides, rank, "strides"), int_tuple(dilation_rate, rank, "dilation_rate")
    windows = _windows(x.shape[1:-1], kernel.shape[:-2], *steps, check_padding(padding, rank))
    x = x if x.dtype == kernel.dtype else x.astype(kernel.dtype)
    return back(_conv(x, kernel, bias, windows=windows, relu=relu))


def max_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Return the maximum of every window, channel by channel; the gradient goes to the first of equal maxima.

    Parameters
    ----------
    inputs : (B, ..., C), or (B, C, ...) with ``data_format="channels_first"``
    pool_size : int or tuple
    strides : int or tuple, optional
        By default `pool_size`, so that windows do not overlap.
    padding : {"valid", "same"}
    """
    return _pool(_max_pool, inputs, pool_size, strides, padding, data_format)


def average_pool(inputs, pool_size, strides=None, padding="valid", data_format=None):
    """Return the mean of every window, channel by channel; arguments as for `max_pool`. Padding does not count."""
    return _pool(_average_pool, inputs, pool_size, strides, padding, data_format)


def _pool(pool, inputs, pool_size, strides, padding, data_format):
    x = convert_to_tensor(inputs)
    rank = x.ndim - 2
    x, back = _channels_last(x, rank, data_format)
    window = int_tuple(pool_size, rank, "pool_size")
    strides = window if strides is None else int_tuple(strides, rank, "strides")
    return back(pool(x, windows=_windows(x.shape[1:-1], window, strides, (1,) * rank, check_padding(padding))))


def _channels_last(x, rank, data_format):
    """Return x with the channels last, and the function that puts those of an output where they were."""
    if x.ndim != rank + 2 or rank < 1:
        raise ValueError(f"Inputs need ndim={rank + 2}, samples and channels included; got shape {tuple(x.shape)}.")
    if standardize_data_format(data_format) == "channels_last":
        return x, lambda y: y
    axes = range(1, rank + 1)
    return np.transpose(x, (0, *(i + 1 for i in axes), 1)), lambda y: np.transpose(y, (0, rank + 1, *axes))


# --------------------------------------------------------------------------- arguments


def int_tuple(value: Any, n: int, name: str, least: int = 1) -> Sizes:
    """Return `n` integers, where one may stand for all."""
    whole = (int, np.integer)
    values = (value,) * n if isinstance(value, whole) else value
    said = f"The `{name}` argument must be a tuple of {n} integers. Received {name}={value}"
    if not isinstance(values, (tuple, list)) or len(values) != n or not all(isinstance(v, whole) for v in values):
        raise ValueError(f"{said}.")
    wrong = {v for v in values if v < least}
    if wrong:
        raise ValueError(f"{said}, including values {wrong} that do not satisfy `value {'>' if least else '>='} 0`.")
    return tuple(values)


def check_padding(padding: Any, rank: int = 0) -> str:
    """Return a kind of padding in lower case; "causal" is one for convolutions over one axis."""
    allowed = ("valid", "same", "causal") if rank == 1 else ("valid", "same")
    if str(padding).lower() not in allowed:
        raise ValueError(f"The `padding` argument must be one of {allowed}. Received: {padding!r}")
    return str(padding).lower()
