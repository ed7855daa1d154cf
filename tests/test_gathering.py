"""Convolution, pooling and rows of tables by a device's kernels, compiled for the host: its numbers, and no waits."""

from typing import Any

import host_kernels
import numpy as np
import pytest
import strict_array
from strict_array import strict_device

import minifit as keras
from minifit import backend, ops
from minifit.ops import convolution, gathering

pytestmark = pytest.mark.skipif(host_kernels.COMPILER is None, reason=host_kernels.WHY_NOT)
RNG = np.random.default_rng(0)

GEOMETRIES: dict[str, tuple[Any, ...]] = {
    # sizes, window, strides, dilation, padding, groups
    "a window inside": ((6, 7), (3, 2), (1, 1), (1, 1), "valid", 1),
    "over the edges, with gaps between positions": ((7, 5), (3, 3), (2, 3), (1, 1), "same", 2),
    "with gaps between cells": ((9, 8), (2, 3), (1, 1), (2, 3), "same", 3),
    "only what was before": ((6,), (3,), (1,), (2,), "causal", 1),
    "a pixel": ((4, 3), (1, 1), (1, 1), (1, 1), "valid", 1),
    "windows that overlap": ((8, 8), (3, 3), (2, 2), (1, 1), "valid", 1),
    "windows side by side, rows left over": ((7, 6), (2, 2), (2, 2), (1, 1), "valid", 1),
    "a volume": ((4, 3, 5), (2, 2, 2), (1, 2, 1), (1, 1, 1), "same", 1),
}


def same(function: Any, *arrays: np.ndarray, near: float = 1e-12) -> None:
    """A function of arrays gives on the device what it gives on the host."""
    expected = function(*arrays)
    with strict_device(kernels=True):
        found = function(*map(backend.asarray, arrays))
        assert isinstance(found, strict_array.DeviceArray)
        found = found.get()
    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
    np.testing.assert_allclose(found, expected, rtol=near, atol=near)


def drawn(*shape: int, dtype: str = "float64") -> np.ndarray:
    return RNG.normal(size=shape).astype(dtype)


@pytest.mark.parametrize("name", list(GEOMETRIES))
def test_convolutions_and_their_products_are_the_hosts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes, window, *steps, groups = GEOMETRIES[name]
    where = convolution._windows(sizes, window, *steps)
    x, kernel, bias = drawn(5, *sizes, 2 * groups), drawn(*window, 2, 3 * groups), drawn(3 * groups)
    dy = drawn(5, *where.positions, 3 * groups)
    for at_once in (2**27, 600):  # in one block, and in several
        monkeypatch.setattr(gathering, "_AT_ONCE", at_once)
        same(lambda x, k, b: convolution._conv(x, k, b, windows=where, relu=True), x, kernel, bias)
        same(lambda x, k: convolution._conv(x, k, None, windows=where), x, kernel)
        same(lambda dy, k: convolution._conv_inputs(dy, k, windows=where, shape=x.shape), dy, kernel)
        same(lambda x, dy: convolution._conv_kernel(x, dy, windows=where, shape=kernel.shape), x, dy)


@pytest.mark.parametrize("name", [n for n, (*_, steps, padding, _) in GEOMETRIES.items() if set(steps) == {1}])
def test_pooling_both_ways_is_the_hosts(name: str) -> None:
    sizes, window, strides, dilation, padding, _ = GEOMETRIES[name]
    if padding == "causal":
        return
    where = convolution._windows(sizes, window, strides, dilation, padding)
    x = np.round(drawn(3, *sizes, 2))  # of which many are equal
    y = convolution._max_pool(x, windows=where)
    dy = drawn(*y.shape)
    same(lambda x: convolution._max_pool(x, windows=where), x)
    same(lambda x: convolution._max_pool(x, windows=where), (10 * x).astype("int32"))
    same(lambda *a: convolution._by_maxima(*a, windows=where, back=True), dy, x, y)
    same(lambda *a: convolution._by_maxima(*a, windows=where, back=False), drawn(*x.shape), x, y)
    same(lambda x: convolution._average_pool(x, windows=where), x)
    same(lambda dy: convolution._by_sums(dy, windows=where, shape=x.shape, back=True), dy)


def test_halves_are_added_up_as_floats_and_maxima_of_nan_are_nan() -> None:
    where = convolution._windows((6, 6), (3, 3), (1, 1), (1, 1), "same")
    dy, kernel = drawn(2, 6, 6, 4, dtype="float16"), drawn(3, 3, 3, 4, dtype="float16")
    same(lambda d, k: convolution._conv_inputs(d, k, windows=where, shape=(2, 6, 6, 3)), dy, kernel, near=2e-2)
    x = drawn(1, 6, 6, 1)
    x[0, 2, 3, 0] = np.nan
    same(lambda x: convolution._max_pool(x, windows=where), x)


@pytest.mark.parametrize("kind", ["int32", "int64", "uint8"])
def test_rows_are_looked_up_and_added_to(kind: str) -> None:
    table, index = drawn(7, 2, 3), RNG.integers(0, 7, (4, 5)).astype(kind)
    same(lambda t, i: ops.getitem(t, index=i), table, index)
    same(lambda g, i: ops.add_at(g, index=i, shape=table.shape), drawn(4, 5, 2, 3), index)
    if kind != "uint8":
        same(lambda t, i: ops.getitem(t, index=i), table, index - 3)  # some count from the end


def test_an_index_that_names_no_row_gives_nan_without_a_wait() -> None:
    with strict_device(kernels=True):
        layer = keras.layers.Embedding(5, 2)
        strict_array.FETCHED.clear()
        rows = layer(backend.asarray(np.array([[0, 5, 4, -1]], "int32")))
        assert not strict_array.FETCHED
        np.testing.assert_array_equal(np.isnan(rows.numpy())[0, :, 0], [False, True, False, True])
        gradient = ops.add_at(rows.value * 0 + 1, index=backend.asarray(np.array([[0, 5, 4, -9]])), shape=(5, 2))
        np.testing.assert_array_equal(gradient.get()[:, 0], [1, 0, 0, 0, 1])


# --- whole models ----------------------------------------------------------------------------------------------------

IMAGES, LABELS = drawn(48, 9, 9, 1, dtype="float32"), np.arange(48) % 3
WORDS = RNG.integers(0, 20, (48, 6)).astype("int32")


def images() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            *(keras.Input((9, 9, 1)), layers.Conv2D(4, 3, activation="relu"), layers.MaxPooling2D(2)),
            *(layers.Conv2D(6, 2, padding="same"), layers.AveragePooling2D(3, padding="same"), layers.Flatten()),
            *(layers.Dropout(0.3), layers.GaussianNoise(0.1), layers.Dense(3, activation="softmax")),
        ]
    )


def text() -> Any:
    layers = keras.layers
    pooled = (layers.Embedding(20, 4), layers.GlobalAveragePooling1D(), layers.GaussianDropout(0.2))
    return keras.Sequential([keras.Input((6,), dtype="int32"), *pooled, layers.Dense(3, activation="softmax")])


def trained(make: Any, x: np.ndarray) -> tuple[dict[str, list[float]], list[np.ndarray]]:
    keras.set_random_seed(4)
    model = make()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, LABELS, batch_size=8, epochs=2, validation_split=0.25, verbose=0).history
    return history, model.get_weights()


@pytest.mark.parametrize(("make", "x"), [(images, IMAGES), (text, WORDS)])
def test_a_seeded_run_with_noise_is_the_same_on_both_devices(make: Any, x: np.ndarray) -> None:
    history, weights = trained(make, x)
    with strict_device(kernels=True):
        found, found_weights = trained(make, x)
    for key, values in history.items():
        assert found[key] == pytest.approx(values, rel=1e-5), key
    for there, here in zip(found_weights, weights, strict=True):
        np.testing.assert_allclose(there, here, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("make", "x"), [(images, IMAGES), (text, WORDS)])
def test_more_steps_wait_for_no_more_numbers_and_bring_nothing_over(make: Any, x: np.ndarray) -> None:
    counts = []
    with strict_device(kernels=True):
        for batches in (3, 6):
            model = make()
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            model.fit(x[:8], LABELS[:8], batch_size=8, verbose=0)
            strict_array.FETCHED.clear()
            strict_array.BROUGHT.clear()
            model.fit(x[: 8 * batches], LABELS[: 8 * batches], batch_size=8, verbose=0)
            counts.append((len(strict_array.FETCHED), len(strict_array.BROUGHT)))
    assert counts[0] == counts[1]
