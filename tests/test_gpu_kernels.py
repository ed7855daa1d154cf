"""What this package's kernels make on CuPy is what NumPy makes: random numbers, windows, rows, and data in chunks.

As ``test_gpu.py`` it runs where there is a GPU, and else on the pretend CUDA of ``tests/cuda_on_host``:
``python -m tests.cuda_on_host -m pytest tests/test_gpu_kernels.py``.
"""

import functools
import os
from typing import Any

import cuda_on_host
import numpy as np
import pytest

if "CUDA_ON_HOST" in os.environ and cuda_on_host.missing() is None:
    cuda_on_host.install()
try:
    import cupy

    cupy.cuda.runtime.getDeviceCount()
except Exception as error:
    pytest.skip(f"no GPU that CuPy can use: {error}", allow_module_level=True)

import minifit as keras
from minifit import backend, ops, philox, transfer
from minifit.data import ArrayData
from minifit.ops import convolution

RNG = np.random.default_rng(0)
KEY = (2**31 + 7, 9)


def drawn(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape)


def same(function: Any, *arrays: np.ndarray, near: float = 1e-11) -> None:
    """A function gives on the GPU what it gives on the host."""
    expected = function(*arrays)
    with backend.device("gpu"):
        found = function(*map(backend.asarray, arrays))
        assert isinstance(found, cupy.ndarray)
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found.get(), expected, rtol=near, atol=near)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shape", [(0,), (15,), (16,), (3, 37), (64, 129)])
def test_random_numbers(shape: Any, dtype: str) -> None:
    for rate in (0.2, 1e-4):
        same(functools.partial(philox.mask, KEY, shape, dtype, rate), near=0)
    same(lambda: philox.uniform(KEY, shape, dtype), near=0)
    near = {"float16": 2e-3, "float32": 1e-5, "float64": 1e-12}[dtype]
    same(lambda: philox.normal(KEY, shape, dtype, 1.0, 2.0), near=near)


@pytest.mark.parametrize(
    ("sizes", "window", "strides", "dilation", "padding", "groups"),
    [
        ((7, 5), (3, 3), (2, 3), (1, 1), "same", 2),
        ((6,), (3,), (1,), (2,), "causal", 1),
        ((8, 8), (3, 3), (1, 1), (1, 1), "valid", 1),
        ((4, 3), (1, 1), (1, 1), (1, 1), "valid", 1),
        ((7, 6), (2, 2), (2, 2), (1, 1), "valid", 1),
    ],
)
def test_windows(sizes: Any, window: Any, strides: Any, dilation: Any, padding: str, groups: int) -> None:
    where = convolution._windows(sizes, window, strides, dilation, padding)
    x, kernel, bias = drawn(5, *sizes, 2 * groups), drawn(*window, 2, 3 * groups), drawn(3 * groups)
    dy = drawn(5, *where.positions, 3 * groups)
    same(lambda x, k, b: convolution._conv(x, k, b, windows=where, relu=True), x, kernel, bias)
    same(lambda dy, k: convolution._conv_inputs(dy, k, windows=where, shape=x.shape), dy, kernel)
    same(lambda x, dy: convolution._conv_kernel(x, dy, windows=where, shape=kernel.shape), x, dy)
    if padding != "causal":
        x = np.round(x)
        y = convolution._max_pool(x, windows=where)
        dy = drawn(*y.shape)
        same(lambda x: convolution._max_pool(x, windows=where), x)
        same(lambda *a: convolution._by_maxima(*a, windows=where, back=True), dy, x, y)
        same(lambda *a: convolution._by_maxima(*a, windows=where, back=False), drawn(*x.shape), x, y)
        same(lambda x: convolution._average_pool(x, windows=where), x)
        same(lambda dy: convolution._by_sums(dy, windows=where, shape=x.shape, back=True), dy)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint8"])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_rows(kind: str, dtype: str) -> None:
    table, index = drawn(7, 2, 3).astype(dtype), RNG.integers(0, 7, (4, 5)).astype(kind)
    same(lambda t, i: ops.getitem(t, index=i), table, index)
    gradient = drawn(4, 5, 2, 3).astype(dtype)
    same(
        lambda g, i: ops.add_at(g, index=i, shape=(7, 2, 3)), gradient, index, near=1e-2 if dtype == "float16" else 1e-5
    )


def test_an_index_that_names_no_row() -> None:
    with backend.device("gpu"):
        rows = keras.layers.Embedding(5, 2)(backend.asarray(np.array([[0, 5, 4, -1]], "int32"))).numpy()
    np.testing.assert_array_equal(np.isnan(rows)[0, :, 0], [False, True, False, True])


X, Y, WEIGHTS = drawn(103, 4, 3), RNG.integers(0, 9, 103), RNG.random(103)


def epochs(shuffle: Any) -> list[list[np.ndarray]]:
    keras.set_random_seed(3)
    data = ArrayData({"a": X, "b": [X]}, Y, WEIGHTS, batch_size=8, shuffle=shuffle)
    batches = [batch for _ in range(2) for batch in data.batches()]  # all are held, while others go over
    return [[backend.to_numpy(part) for part in (x["a"], x["b"][0], y, w)] for x, y, w in batches]


@pytest.mark.parametrize("shuffle", [True, False, "batch"])
@pytest.mark.parametrize(("free", "at_once"), [(None, 2**26), (10_000, 2**11), (10_000, 1)])
def test_data_that_fit_and_data_that_do_not(free: Any, at_once: int, shuffle: Any, monkeypatch: Any) -> None:
    expected = epochs(shuffle)
    monkeypatch.setattr(transfer, "_ON_DEVICE", at_once)
    monkeypatch.setattr(transfer, "_CHUNK", 2)
    if free is not None:
        monkeypatch.setattr(backend, "free_memory", lambda: free)
    with backend.device("gpu"):
        found = epochs(shuffle)
    for one, other in zip(found, expected, strict=True):
        for there, here in zip(one, other, strict=True):
            np.testing.assert_array_equal(there, here, strict=True)
