"""Convolution, pooling and rows of a table where arrays live on a device: each thread makes one number of a result.

On the host windows are laid out cell by cell, in slices. A device wants it the other way round: thousands of threads,
of which each knows the number that it makes, *gathers* what belongs to it, and adds to nobody else's. So a gradient
with respect to inputs is not scattered from windows to pixels: every pixel asks which windows it was in.

The sizes of a convolution stand in its kernels as constants, for a compiler that knows what it divides by makes
multiplications of divisions. There is one kernel for each geometry, and any number of samples goes through it.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ..backend import Array, is_float, xp

_AT_ONCE = 2**27  # numbers of a matrix of windows, half a GB in float32


def elsewhere(on_device: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a function be another one, of the same arguments, where arrays live on a device that compiles kernels."""

    def choose(on_host: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(on_host)
        def either(*args: Any, **options: Any) -> Any:
            module = xp()
            if module is np or not hasattr(module, "ElementwiseKernel"):
                return on_host(*args, **options)
            for value in args:
                if hasattr(type(value), "called"):  # what watches the calls on an array, and wants this one as one
                    return value.called(on_device, args, options)
            return on_device(*args, **options)

        return either

    return choose


# --------------------------------------------------------------------------- texts of kernels
#
# `axes` is a tuple of (size, positions, window, stride, dilation, before) for each axis that a window slides along.


def _decoded(places: list[tuple[str, Any]], whole: str) -> str:
    """Return C++ that takes the number of an element apart into its index, of which the last moves first."""
    lines = ["Count rest = i;"]
    for name, size in reversed(places):
        lines.append(f"const Count {name} = rest % {size}; rest /= {size};")
    return "\n".join([*lines, f"const Count {whole} = rest;"])


def _flat(whole: str, places: list[tuple[str, Any]]) -> str:
    """Return the number of an element that has this index."""
    return functools.reduce(lambda text, place: f"({text} * {place[1]} + {place[0]})", places, f"(Count){whole}")


def _axes(names: str, axes: Any, of: int) -> list[tuple[str, Any]]:
    return [(f"{names}{n}", axis[of]) for n, axis in enumerate(axes)]


def _cells(axes: Any, inner: str, back: bool = False) -> str:
    """Return loops over the cells at p0, ..., which meet the inputs a0, ...; or, `back`, over the windows of these."""
    opened = []
    for n, (size, positions, window, stride, dilation, before) in enumerate(axes):
        opened.append(f"for (int k{n} = 0; k{n} < {window}; ++k{n}) {{")
        if back:
            opened.append(f"const int t{n} = (int)a{n} + {before} - k{n} * {dilation};")
            opened.append(f"if (t{n} < 0 || t{n} % {stride} || t{n} / {stride} >= {positions}) continue;")
            opened.append(f"const int p{n} = t{n} / {stride};")
        else:
            opened.append(f"const int a{n} = (int)p{n} * {stride} - {before} + k{n} * {dilation};")
            opened.append(f"if (a{n} < 0 || a{n} >= {size}) continue;")
    return "\n".join([*opened, inner, "}" * len(axes)])


def _patches_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    index = [*_axes("p", axes, 1), *_axes("k", axes, 2), ("c", width)]
    where = [
        f"const int a{n} = (int)p{n} * {stride} - {before} + (int)k{n} * {dilation};"
        for n, (_, _, _, stride, dilation, before) in enumerate(axes)
    ]
    inside = " && ".join(f"a{n} >= 0 && a{n} < {axis[0]}" for n, axis in enumerate(axes))
    pixel = _flat("sample", [*_axes("a", axes, 0), ("channel", channels)])
    return (
        "raw T x, int64 samples",
        "T out",
        f"{_decoded(index, 'sampled')}\n{_grouped(channels, width)}\nconst Count channel = group * {width} + c;\n"
        + "\n".join(where)
        + f"\nout = {inside} ? x[{pixel}] : T(0);",
    )


def _grouped(channels: int, width: int) -> str:
    """Return C++ that tells the sample from the group; with one group there is nothing to tell."""
    if channels == width:
        return "const Count sample = sampled, group = 0;"
    return "const Count sample = sampled % (Count)samples, group = sampled / (Count)samples;"


def _gathered_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    index = [*_axes("a", axes, 0), ("channel", channels)]
    place = _flat("(group * (Count)samples + sample)", [*_axes("p", axes, 1), *_axes("k", axes, 2), ("c", width)])
    return (
        "raw T columns, int64 samples",
        "T out",
        f"{_decoded(index, 'sample')}\nconst Count group = channel / {width}, c = channel % {width};\nSum sum = 0;\n"
        + _cells(axes, f"sum += (Sum)columns[{place}];", back=True)
        + "\nout = (T)sum;",
    )


def _window_and_pixel(axes: Any, channels: int) -> tuple[str, str, str, str]:
    ends = [("c", channels)]
    of_window, of_pixel = [*_axes("p", axes, 1), *ends], [*_axes("a", axes, 0), *ends]
    return (
        *(_decoded(of_window, "sample"), _decoded(of_pixel, "sample")),
        *(_flat("sample", of_window), _flat("sample", of_pixel)),
    )


def _max_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    decoded, _, _, pixel = _window_and_pixel(axes, channels)
    inner = f"const T seen = x[{pixel}]; if (none || seen > best || seen != seen) {{ best = seen; none = false; }}"
    return "raw T x", "T out", f"{decoded}\nT best = T(0); bool none = true;\n{_cells(axes, inner)}\nout = best;"


def _from_maxima_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    decoded, _, window, pixel = _window_and_pixel(axes, channels)
    inner = f"if (!found && x[{pixel}] == y[{window}]) {{ found = true; value = values[{pixel}]; }}"
    start = "bool found = false; T value = T(0);"
    return "raw T values, raw T x, raw T y", "T out", f"{decoded}\n{start}\n{_cells(axes, inner)}\nout = value;"


def _to_maxima_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    """A pixel gets a window's number if it is equal to the maximum and no cell before it is."""
    _, decoded, window, _ = _window_and_pixel(axes, channels)
    earlier, is_self = [], []
    for n, (size, _, over, stride, dilation, before) in enumerate(axes):
        earlier.append(f"for (int j{n} = 0; j{n} < {over} && !over; ++j{n}) {{")
        earlier.append(f"const int b{n} = p{n} * {stride} - {before} + j{n} * {dilation};")
        earlier.append(f"if (b{n} < 0 || b{n} >= {size}) continue;")
        is_self.append(f"j{n} == k{n}")
    other = _flat("sample", [*_axes("b", axes, 0), ("c", channels)])
    search = "\n".join(earlier) + (
        f"if ({' && '.join(is_self)}) over = true; else if (x[{other}] == y[window]) {{ over = true; mine = false; }}"
    )
    inner = (
        f"const Count window = {window};\nif (x[i] == y[window]) {{\nbool mine = true, over = false;\n{search}\n"
        + "}" * len(axes)
        + "\nif (mine) sum += (Sum)values[window];\n}"
    )
    body = f"{decoded}\nSum sum = 0;\n{_cells(axes, inner, back=True)}\nout = (T)sum;"
    return "raw T values, raw T x, raw T y", "T out", body


def _sums_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    decoded, _, _, pixel = _window_and_pixel(axes, channels)
    inner = _cells(axes, f"sum += (Sum)values[{pixel}];")
    return "raw T values", "T out", f"{decoded}\nSum sum = 0;\n{inner}\nout = (T)sum;"


def _sums_back_text(axes: Any, channels: int, width: int) -> tuple[str, str, str]:
    _, decoded, window, _ = _window_and_pixel(axes, channels)
    inner = _cells(axes, f"sum += (Sum)values[{window}];", back=True)
    return "raw T values", "T out", f"{decoded}\nSum sum = 0;\n{inner}\nout = (T)sum;"


_TEXTS = {
    "patches": _patches_text,
    "gathered": _gathered_text,
    "max": _max_text,
    "from_maxima": _from_maxima_text,
    "to_maxima": _to_maxima_text,
    "sums": _sums_text,
    "sums_back": _sums_back_text,
}


@functools.lru_cache(maxsize=512)
def _kernel(module: Any, name: str, axes: Any, channels: int, width: int, half: bool, long: bool) -> Any:
    arguments, result, body = _TEXTS[name](axes, channels, width)
    counted = "long long" if long else "int"  # divisions of 64 bits are several times as slow
    # Halves are added up as floats.
    types = f"typedef {counted} Count;\n" + ("typedef float Sum;" if half else "typedef T Sum;")
    return module.ElementwiseKernel(arguments, result, f"{types}\n{body}", f"minifit_{name}")


def _launched(name: str, windows: Any, channels: int, width: int, given: tuple[Any, ...], out: Array) -> Array:
    largest = max(out.size, *(x.size for x in given if hasattr(x, "size")))
    half, long = out.dtype.itemsize == 2, largest >= 2**31
    given = tuple(_in_one_piece(x) if hasattr(x, "shape") else x for x in given)
    _kernel(xp(), name, windows.axes, channels, width, half, long)(*given, out)
    return out


def _in_one_piece(x: Array) -> Array:
    return x if x.flags.c_contiguous else x.copy()


# --------------------------------------------------------------------------- convolution


def _blocks(samples: int, numbers_per_sample: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // max(1, numbers_per_sample))
    return (slice(start, min(start + step, samples)) for start in range(0, samples, step))


def _sizes(x_channels: int, kernel_shape: Any, windows: Any) -> tuple[int, int, int, int, int]:
    """Return groups, positions, and the rows of a group's kernel, then its channels and its filters."""
    width, filters = kernel_shape[-2:]
    groups = x_channels // width
    return groups, math.prod(windows.positions), math.prod(kernel_shape[:-1]), width, filters // groups


def _kernels(kernel: Array, groups: int) -> Array:
    """Return the kernels of all groups as matrices (groups, cells * channels, filters)."""
    return kernel.reshape(-1, groups, kernel.shape[-1] // groups).transpose(1, 0, 2)


def _by_group(x: Array, groups: int) -> Array:
    """Return numbers (..., groups * filters) as matrices (groups, samples * positions, filters)."""
    return x.reshape(-1, groups, x.shape[-1] // groups).transpose(1, 0, 2)


def _ungrouped(matrices: Array) -> Array:
    """Return matrices of groups (groups, rows, filters) as one (rows, groups * filters)."""
    if len(matrices) == 1:
        return matrices[0]
    return matrices.transpose(1, 0, 2).reshape(matrices.shape[1], -1)


def _product(a: Array, b: Array) -> Array:
    """Return the products of matrices, group by group."""
    return np.dot(a[0], b[0])[None] if len(a) == 1 else np.matmul(a, b)


def _patches(x: Array, kernel_shape: Any, windows: Any) -> Array:
    """Return all windows as matrices (groups, samples * positions, cells * channels)."""
    groups, positions, rows, width, _ = _sizes(x.shape[-1], kernel_shape, windows)
    if rows == width and groups == 1 and all(axis[3] == 1 for axis in windows.axes):  # a window is a pixel
        return _in_one_piece(x).reshape(1, -1, width)
    out = xp().empty((groups, x.shape[0] * positions, rows), dtype=x.dtype)
    return _launched("patches", windows, x.shape[-1], width, (x, x.shape[0]), out)


def conv(x: Array, kernel: Array, bias: Array | None, windows: Any, relu: bool = False) -> Array:
    groups, positions, rows, _, _ = _sizes(x.shape[-1], kernel.shape, windows)
    matrices, filters = _kernels(kernel, groups), kernel.shape[-1]
    blocks = list(_blocks(x.shape[0], groups * positions * rows))
    if len(blocks) == 1:
        y = _ungrouped(_product(_patches(x, kernel.shape, windows), matrices))
    else:
        y = xp().empty((x.shape[0] * positions, filters), dtype=x.dtype)
        for block in blocks:
            part = slice(block.start * positions, block.stop * positions)
            y[part] = _ungrouped(_product(_patches(x[block], kernel.shape, windows), matrices))
    if bias is not None or relu:
        _finished(y, bias, relu)
    return y.reshape(x.shape[0], *windows.positions, filters)


def _finished(y: Array, bias: Array | None, relu: bool) -> None:
    """Add the bias of each filter and leave the positive part, in one pass and in place."""
    body = ("" if bias is None else f"y += bias[i % {y.shape[-1]}];") + (" if (y < T(0)) y = T(0);" if relu else "")
    given = () if bias is None else (_in_one_piece(bias.astype(y.dtype, copy=False)),)
    _plain(xp(), "" if bias is None else "raw T bias", "T y", body, "minifit_finished")(*given, y)


@functools.lru_cache(maxsize=64)
def _plain(module: Any, arguments: str, result: str, body: str, name: str) -> Any:
    return module.ElementwiseKernel(arguments, result, body, name)


def conv_inputs(dy: Array, kernel: Array, windows: Any, shape: Any) -> Array:
    groups, positions, rows, width, _ = _sizes(shape[-1], kernel.shape, windows)
    matrices = _kernels(kernel, groups).transpose(0, 2, 1)
    dx = xp().empty(shape, dtype=dy.dtype)
    for block in _blocks(shape[0], groups * positions * rows):
        columns = _product(_by_group(dy[block], groups), matrices)
        _launched("gathered", windows, shape[-1], width, (columns, block.stop - block.start), dx[block])
    return dx


def conv_kernel(x: Array, dy: Array, windows: Any, shape: Any, out: Array | None = None) -> Array:
    groups, positions, rows, _, _ = _sizes(x.shape[-1], shape, windows)
    blocks = list(_blocks(x.shape[0], groups * positions * rows))
    if out is None:
        out = xp().empty(shape, dtype=dy.dtype)
    if len(blocks) == groups == 1:
        patches = _patches(x, shape, windows)[0]
        np.dot(patches.T, dy.reshape(-1, shape[-1]), out=out.reshape(rows, shape[-1]))
        return out
    out[...] = 0
    for block in blocks:
        patches = _patches(x[block], shape, windows).transpose(0, 2, 1)
        out += _ungrouped(_product(patches, _by_group(dy[block], groups))).reshape(shape)
    return out


# --------------------------------------------------------------------------- pooling


def max_pool(x: Array, windows: Any) -> Array:
    y = xp().empty((x.shape[0], *windows.positions, x.shape[-1]), dtype=x.dtype)
    return _launched("max", windows, x.shape[-1], 0, (x,), y)


def by_maxima(values: Array, x: Array, y: Array, windows: Any, back: bool) -> Array:
    out = xp().empty(x.shape if back else y.shape, dtype=values.dtype)
    same = x.dtype == values.dtype
    given = (values, x if same else x.astype(values.dtype), y if same else y.astype(values.dtype))
    return _launched("to_maxima" if back else "from_maxima", windows, x.shape[-1], 0, given, out)


def by_sums(values: Array, windows: Any, shape: Any, back: bool) -> Array:
    out = xp().empty(shape, dtype=values.dtype)
    return _launched("sums_back" if back else "sums", windows, values.shape[-1], 0, (values,), out)


# --------------------------------------------------------------------------- rows of a table
#
# No step waits for a look at its indices. One that names no row gives a row of NaN, which the loss then tells of, and
# its gradient goes nowhere. Rows that are named several times get their gradients in no certain order.

_ROW = """
const I named = index[i / width];
const bool unsigned_ = I(-1) > I(0);  // of which none counts from the end
const long long row = (long long)named < 0 ? (unsigned_ ? rows : (long long)named + rows) : (long long)named;
"""


def rows_of(x: Array, index: Array) -> Array:
    """Return the rows of x that `index` names."""
    width, places = math.prod(x.shape[1:]), "raw T x, raw I index, int64 rows, int64 width"
    nothing = 'T(nanf(""))' if is_float(x) else "T(0)"
    body = f"{_ROW} out = row >= 0 && row < rows ? x[row * width + i % width] : {nothing};"
    out = xp().empty((*index.shape, *x.shape[1:]), dtype=x.dtype)
    if out.size:
        kernel = _plain(xp(), places, "T out", body, "minifit_rows")
        kernel(_in_one_piece(x), _in_one_piece(index), x.shape[0], width, out)
    return out


def add_rows(out: Array, index: Array, x: Array) -> None:
    """Add rows to those of `out` that `index` names."""
    if not is_float(out):
        np.add.at(out, index, x)
    elif out.dtype.char in "fd" and out.flags.c_contiguous:
        if x.size:
            places = "raw T x, raw I index, int64 rows, int64 width"
            body = f"{_ROW} if (row >= 0 && row < rows) atomicAdd(&out[row * width + i % width], x[i]);"
            kernel = _plain(xp(), places, "raw T out", body, "minifit_add_rows")
            kernel(_in_one_piece(x), _in_one_piece(index), len(out), math.prod(out.shape[1:]), out, size=x.size)
    else:  # halves are added up as floats
        wide = xp().zeros(out.shape, dtype=np.result_type(out.dtype, np.float32))
        add_rows(wide, index, x.astype(wide.dtype))
        out += wide.astype(out.dtype)
