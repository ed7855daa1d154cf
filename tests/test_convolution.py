"""Convolution and pooling against loops over single pixels, their gradients of first and second order, and types.

That their numbers are Keras' own is in ``keras_runs/convolution.py``.
"""

import itertools
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict_array import DeviceArray, StrictModule
from test_gradients import check, check_second, normal

import minifit as keras
from minifit import backend, ops
from minifit.ops import convolution

layers = keras.layers
RNG = np.random.default_rng


# --- a reference that has nothing in common with the engine ----------------------------------------------------------


def padded(x: np.ndarray, window: Any, strides: Any, dilation: Any, padding: str, value: float) -> np.ndarray:
    """The inputs, channels last, with what the padding adds."""
    widths = [(0, 0)]
    for size, width, stride, step in zip(x.shape[1:-1], window, strides, dilation, strict=True):
        reach = (width - 1) * step + 1
        total = {"valid": 0, "causal": reach - 1}.get(
            padding, max(0, (math.ceil(size / stride) - 1) * stride + reach - size)
        )
        before = total if padding == "causal" else total // 2
        widths.append((before, total - before))
    return np.pad(x, [*widths, (0, 0)], constant_values=value)


def windows_of(x: np.ndarray, window: Any, strides: Any, dilation: Any) -> Any:
    """Every position of the window, with the pixels (B, cells, C) that it sees there."""
    counts = [
        (size - (width - 1) * step - 1) // stride + 1
        for size, width, stride, step in zip(x.shape[1:-1], window, strides, dilation, strict=True)
    ]
    for position in np.ndindex(*counts):
        seen = [
            x[(slice(None), *(p * s + c * d for p, s, c, d in zip(position, strides, cell, dilation, strict=True)))]
            for cell in np.ndindex(*window)
        ]
        yield counts, position, np.stack(seen, axis=1)


def naive_conv(x: np.ndarray, kernel: np.ndarray, strides: Any, padding: str, dilation: Any) -> np.ndarray:
    window, (width, filters) = kernel.shape[:-2], kernel.shape[-2:]
    groups = x.shape[-1] // width
    y: Any = None
    for counts, position, seen in windows_of(
        padded(x, window, strides, dilation, padding, 0), window, strides, dilation
    ):
        y = np.zeros((len(x), *counts, filters)) if y is None else y
        for b, f in itertools.product(range(len(x)), range(filters)):
            first = f // (filters // groups) * width
            y[(b, *position, f)] = np.sum(seen[b, :, first : first + width] * kernel[..., f].reshape(-1, width))
    return y


def naive_pool(x: np.ndarray, window: Any, strides: Any, padding: str, kind: str) -> np.ndarray:
    ones = (1,) * len(window)
    y: Any = None
    for counts, position, seen in windows_of(padded(x, window, strides, ones, padding, np.nan), window, strides, ones):
        y = np.zeros((len(x), *counts, x.shape[-1])) if y is None else y
        y[(slice(None), *position)] = (np.nanmax if kind == "max" else np.nanmean)(seen, axis=1)
    return y


def drawn(rng: np.random.Generator) -> dict[str, Any]:
    """A random geometry in which the window fits."""
    rank = int(rng.integers(1, 4))
    window = tuple(int(k) for k in rng.integers(1, 4, size=rank))
    strides = tuple(int(s) for s in rng.integers(1, 4, size=rank))
    dilation = tuple(int(d) for d in rng.integers(1, 3, size=rank))
    sizes = tuple(
        (k - 1) * d + 1 + int(more) for k, d, more in zip(window, dilation, rng.integers(0, 4, rank), strict=True)
    )
    return {"window": window, "strides": strides, "dilation": dilation, "sizes": sizes}


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("seed", range(40))
def test_conv_equals_a_loop_over_pixels(seed: int, data_format: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = RNG(seed)
    how = drawn(rng)
    if seed % 2:
        monkeypatch.setattr(convolution, "_BLOCK", 1)  # a block for every sample
    groups = int(rng.integers(1, 4))
    width, filters = int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    x = rng.normal(size=(3, *how["sizes"], groups * width))
    kernel = rng.normal(size=(*how["window"], width, filters))
    padding = ["valid", "same", "causal"][seed % (3 if x.ndim == 3 else 2)]
    expected = naive_conv(x, kernel, how["strides"], padding, how["dilation"])
    if data_format == "channels_first":
        x, expected = np.moveaxis(x, -1, 1), np.moveaxis(expected, -1, 1)
    got = ops.conv(x, kernel, how["strides"], padding, data_format, how["dilation"])
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
@pytest.mark.parametrize("kind", ["max", "average"])
@pytest.mark.parametrize("seed", range(20))
def test_pooling_equals_a_loop_over_pixels(seed: int, kind: str, data_format: str) -> None:
    rng = RNG(seed)
    how = drawn(rng)
    x = rng.normal(size=(3, *how["sizes"], 2))
    padding = ["valid", "same"][seed % 2]
    expected = naive_pool(x, how["window"], how["strides"], padding, kind)
    if data_format == "channels_first":
        x, expected = np.moveaxis(x, -1, 1), np.moveaxis(expected, -1, 1)
    got = getattr(ops, f"{kind}_pool")(x, how["window"], how["strides"], padding, data_format)
    np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-12)


# --- gradients -------------------------------------------------------------------------------------------------------

GEOMETRIES: dict[str, dict[str, Any]] = {
    "plain": {},
    "strides": {"strides": (2, 3)},
    "same": {"padding": "same"},
    "same, strides": {"padding": "same", "strides": (3, 2)},
    "same, dilated": {"padding": "same", "dilation_rate": (2, 1)},
}


@pytest.fixture
def float64() -> Any:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("how", list(GEOMETRIES))
def test_gradients_of_conv(how: str, groups: int) -> None:
    def conv(x: Any, kernel: Any, bias: Any) -> Any:
        return ops.conv(x, kernel, bias=bias, **GEOMETRIES[how])

    arrays = normal(2, 5, 4, 2), normal(3, 2, 2 // groups, 4), normal(4)
    check(conv, *arrays)
    check_second(conv, *(a[:1] if a.ndim == 4 and a.shape[0] == 2 else a for a in arrays))


@pytest.mark.usefixtures("float64")
def test_third_derivative_of_conv() -> None:
    x, kernel = keras.Variable(normal(1, 4, 1)), keras.Variable(normal(2, 1, 1))
    with keras.GradientTape() as outer:
        with keras.GradientTape() as middle:
            with keras.GradientTape() as inner:
                y = np.sum(ops.conv(x, kernel) ** 3)
            first = np.sum(inner.gradient(y, x) ** 2)
        second = np.sum(middle.gradient(first, kernel) ** 2)
    third = outer.gradient(second, x).numpy()

    def second_at(value: np.ndarray) -> float:
        w = keras.Variable(value)
        with keras.GradientTape() as middle:
            with keras.GradientTape() as inner:
                y = np.sum(ops.conv(w, kernel) ** 3)
            first = np.sum(inner.gradient(y, w) ** 2)
        return float(np.sum(middle.gradient(first, kernel) ** 2))

    for i in range(4):
        step = np.zeros((1, 4, 1))
        step[0, i] = 1e-6
        slope = (second_at(x.numpy() + step) - second_at(x.numpy() - step)) / 2e-6
        np.testing.assert_allclose(third[0, i, 0], slope, rtol=1e-6)


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("padding", ["valid", "same"])
@pytest.mark.parametrize("strides", [1, 2, 3])
@pytest.mark.parametrize("pool", [ops.max_pool, ops.average_pool])
def test_gradients_of_pooling(pool: Any, strides: int, padding: str) -> None:
    def pooled(x: Any) -> Any:
        return pool(x, (2, 3), strides, padding)

    check(pooled, normal(2, 5, 6, 2))
    check_second(lambda x: pooled(x) ** 2, normal(1, 5, 4, 2))


LAYERS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Conv1D": (lambda: layers.Conv1D(3, 2, padding="causal", activation="tanh"), (2, 5, 2)),
    "Conv2D": (lambda: layers.Conv2D(4, (2, 3), groups=2, data_format="channels_first"), (2, 2, 4, 5)),
    "MaxPooling1D": (lambda: layers.MaxPooling1D(), (2, 5, 2)),
    "MaxPooling2D": (lambda: layers.MaxPooling2D(3, 1, "same"), (2, 4, 5, 2)),
    "AveragePooling1D": (lambda: layers.AveragePooling1D(2, data_format="channels_first"), (2, 2, 5)),
    "AveragePooling2D": (lambda: layers.AveragePooling2D(2, padding="same"), (2, 5, 3, 2)),
    "GlobalMaxPooling1D": (lambda: layers.GlobalMaxPooling1D(), (2, 5, 2)),
    "GlobalMaxPooling2D": (lambda: layers.GlobalMaxPooling2D(keepdims=True), (2, 3, 4, 2)),
    "GlobalAveragePooling1D": (lambda: layers.GlobalAveragePooling1D(), (2, 5, 2)),
    "GlobalAveragePooling2D": (lambda: layers.GlobalAveragePooling2D(data_format="channels_first"), (2, 2, 3, 4)),
    "GlobalMaxPooling3D": (lambda: layers.GlobalMaxPooling3D(), (2, 2, 3, 2, 2)),
    "GlobalAveragePooling3D": (lambda: layers.GlobalAveragePooling3D(keepdims=True), (2, 2, 3, 2, 2)),
    "ZeroPadding2D": (lambda: layers.ZeroPadding2D(((1, 0), (0, 2))), (2, 3, 4, 2)),
}


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize("name", list(LAYERS))
def test_gradients_of_layers(name: str) -> None:
    make, shape = LAYERS[name]
    layer = make()
    layer.build(shape)
    weights = [normal(*w.shape, seed=i) for i, w in enumerate(layer.weights)]

    def forward(x: Any, *values: Any) -> Any:
        # The weights become the arrays, or Variables, that the check moves.
        for attribute, value in zip(("kernel", "bias"), values, strict=False):
            object.__setattr__(layer, attribute, value if isinstance(value, keras.Tensor) else keras.Variable(value))
        return layer.call(x if isinstance(x, keras.Tensor) else keras.Tensor(x))

    check(forward, normal(*shape), *weights)


@pytest.mark.usefixtures("float64")
def test_a_masked_average_takes_no_gradient_from_masked_steps() -> None:
    x = keras.Variable(normal(2, 3, 2))
    mask = np.array([[1, 0, 1], [1, 0, 0]])
    with keras.GradientTape() as tape:
        y = np.sum(layers.GlobalAveragePooling1D()(x, mask=mask))
    expected = np.broadcast_to((mask / mask.sum(axis=1, keepdims=True))[..., None], (2, 3, 2))
    np.testing.assert_allclose(tape.gradient(y, x).numpy(), expected)


def test_of_equal_inputs_the_first_has_the_gradient() -> None:
    corners = {1: np.pad(np.ones((3, 3)), (0, 1)), 2: np.kron(np.ones((2, 2)), [[1, 0], [0, 0]])}
    for strides, expected in corners.items():
        x = keras.Variable(np.zeros((1, 4, 4, 1)))
        with keras.GradientTape() as tape:
            y = np.sum(ops.max_pool(x, 2, strides))
        np.testing.assert_array_equal(tape.gradient(y, x).numpy()[0, :, :, 0], expected)


# --- types, shapes, inputs -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", list(LAYERS))
def test_a_type_stays_what_it_is(name: str, dtype: str) -> None:
    make, shape = LAYERS[name]
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        layer = make()
        x = keras.Variable(normal(*shape).astype(dtype))
        with keras.GradientTape() as tape:
            y = layer(x)
            total = np.sum(y)
        gradients = tape.gradient(total, [x, *layer.weights])
        assert {str(a.dtype) for a in (y, *gradients, *layer.weights)} == {dtype}
        assert y.shape == layer.compute_output_shape(shape)
        assert layer.compute_output_shape((None, *shape[1:])) == (None, *y.shape[1:])
    finally:
        keras.config.set_floatx(before)


@pytest.mark.parametrize("name", list(LAYERS))
def test_layers_come_back_from_their_config(name: str) -> None:
    make, shape = LAYERS[name]
    layer = make()
    x = normal(*shape)
    y = layer(x).numpy()
    again = type(layer).from_config(layer.get_config())
    again.build(shape)
    again.set_weights(layer.get_weights())
    np.testing.assert_array_equal(again(x).numpy(), y)


@pytest.mark.parametrize("dtype", ["uint8", "int64", "bool"])
def test_images_of_integers_are_convolved_as_floats(dtype: str) -> None:
    x = RNG(0).integers(0, 2, size=(2, 5, 5, 1)).astype(dtype)
    layer = layers.Conv2D(2, 3)
    y = layer(x)
    assert y.dtype == "float32"
    np.testing.assert_allclose(y.numpy(), layer(x.astype("float32")).numpy())


def test_an_empty_batch_gives_an_empty_output_and_gradient() -> None:
    layer = layers.Conv2D(3, 2)
    layer.build((None, 5, 5, 2))
    with keras.GradientTape() as tape:
        y = ops.max_pool(layer(np.zeros((0, 5, 5, 2), "float32")), 2)
        total = np.sum(y)
    assert y.shape == (0, 2, 2, 3)
    assert not any(g.numpy().any() for g in tape.gradient(total, layer.trainable_weights))


def test_inputs_are_not_changed() -> None:
    x, kernel = normal(2, 5, 5, 2), normal(2, 2, 2, 3)
    kept = x.copy(), kernel.copy()
    v, w = keras.Variable(x), keras.Variable(kernel)
    with keras.GradientTape() as tape:
        y = np.sum(ops.average_pool(ops.max_pool(ops.conv(v, w, padding="same"), 2, 1), 2))
    tape.gradient(y, [v, w])
    ops.conv(x, kernel)
    ops.max_pool(x, 2)
    np.testing.assert_array_equal(x, kept[0])
    np.testing.assert_array_equal(kernel, kept[1])


def test_the_data_format_in_force_is_that_of_layers_and_functions() -> None:
    x, kernel = normal(2, 3, 5, 4), normal(2, 2, 3, 6)
    expected = ops.conv(x, kernel, data_format="channels_first")
    backend.set_image_data_format("channels_first")
    try:
        assert layers.MaxPooling2D().data_format == "channels_first"
        np.testing.assert_array_equal(ops.conv(x, kernel), expected)
        assert layers.Conv2D(6, 2)(x).shape == expected.shape
    finally:
        backend.set_image_data_format("channels_last")
    with pytest.raises(ValueError, match=r"channels_first.*'nchw'"):
        backend.set_image_data_format("nchw")


# --- errors ----------------------------------------------------------------------------------------------------------

X = np.zeros((2, 5, 5, 3))
ERRORS: dict[str, tuple[Any, str]] = {
    "filters": (lambda: layers.Conv2D(-1, 2), "`filters`.*strictly positive.*filters=-1"),
    "kernel of text": (lambda: layers.Conv2D(1, "big"), "`kernel_size`.*2 integers.*big"),
    "kernel of floats": (lambda: layers.Conv2D(1, (1.5, 2)), "`kernel_size`.*2 integers"),
    "groups": (lambda: layers.Conv2D(4, 2, groups=2).build((None, 5, 5, 3)), "groups=2, but the input has 3 channels"),
    "larger than the image": (lambda: layers.Conv2D(4, 6)(X), r"zero or negative.*\(6, 6\).*\(5, 5\).*same"),
    "rank": (lambda: layers.Conv2D(4, 2)(X[0]), "expected min_ndim=4, found ndim=3.*axis missing"),
    "rank of a pool": (lambda: layers.MaxPooling1D(2)(X), "expected ndim=3, found ndim=4"),
    "rank of a function": (lambda: ops.conv(X[0], np.zeros((2, 2, 3, 1))), r"ndim=4.*\(5, 5, 3\)"),
    "channels": (lambda: ops.conv(X, np.zeros((2, 2, 2, 4))), "channels must match.*3 input channels"),
    "channels by filters": (lambda: ops.conv(X, np.zeros((2, 2, 1, 4))), "divide the filters"),
    "other channels than built for": (
        lambda: (layer := layers.Conv2D(4, 2), layer(X), layer(X[..., :2])),
        "axis -1 .*value 3",
    ),
    "causal pool": (lambda: ops.max_pool(X[0], 2, padding="causal"), "padding.*'causal'"),
    "strides": (lambda: ops.average_pool(X, 2, (1, 2, 3)), "`strides`.*2 integers"),
    "no axis": (lambda: ops.max_pool(np.zeros((2, 3)), 2), "ndim=2"),
    "padding of three": (lambda: layers.ZeroPadding2D((1, 2, 3)), r"2 tuples of 2 ints.*\(1, 2, 3\)"),
}


@pytest.mark.parametrize("name", list(ERRORS))
def test_errors_say_what_was_expected_and_what_came(name: str) -> None:
    act, message = ERRORS[name]
    with pytest.raises(ValueError, match=re.compile(message, re.DOTALL)):
        act()


# --- a whole network -------------------------------------------------------------------------------------------------


def network() -> Any:
    return keras.Sequential(
        [
            keras.Input((9, 8, 2)),
            layers.ZeroPadding2D(1),
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(6, 2, padding="same", groups=2, activation="relu"),
            layers.AveragePooling2D(2, padding="same"),
            layers.GlobalMaxPooling2D(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def trained() -> Any:
    keras.set_random_seed(4)
    model = network()
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    rng = RNG(4)
    x, y = rng.normal(size=(40, 9, 8, 2)).astype("float32"), rng.integers(0, 3, size=40)
    model.fit(x, y, batch_size=16, epochs=2, verbose=0)
    return model, x, y


def test_a_network_trains_on_the_device_as_on_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    expected, *_ = trained()
    monkeypatch.setattr(backend, "_module", StrictModule())
    monkeypatch.setattr(backend, "_device", "gpu")
    model, *_ = trained()
    assert {type(v.value) for v in model.weights} == {DeviceArray}
    for got, wanted in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_a_network_comes_back_from_its_weights_file(tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    model, x, _ = trained()
    model.save_weights(tmp_path / "w.weights.h5")
    other = network()
    other.load_weights(tmp_path / "w.weights.h5")
    np.testing.assert_array_equal(other.predict(x, verbose=0), model.predict(x, verbose=0))
