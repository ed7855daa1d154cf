"""Every layer, loss and metric on drawn shapes and types: the right result or a clear error, never a silent broadcast.

What is right is not computed again by another formula. It follows from what a sample is: a batch gives what its samples
give one by one, and a metric over two halves gives what it gives over the whole.
"""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import minifit as keras

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*encountered"),
    pytest.mark.filterwarnings("ignore:Mean of empty slice"),
]
TRIES = settings(max_examples=15, deadline=None, derandomize=True)

FLOATS = ("float32", "float64", "float16")
TYPES = (*FLOATS, "int64", "int32", "uint8", "bool")
SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)


def drawn(shape: tuple[int, ...], dtype: str, seed: int) -> np.ndarray:
    """Values between 0 and 1, or whole ones of 0 and 1."""
    values = np.random.default_rng(seed).random(shape)
    return values.astype(dtype) if dtype.startswith("float") else (values > 0.5).astype(dtype)


@st.composite
def near_shapes(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that are equal, or differ by an axis, or by a length, or in everything; one has an axis of samples."""
    shape = draw(SHAPES.filter(lambda shape: len(shape) > 1))
    kind = draw(st.sampled_from(["equal", "equal", "without the last", "with a 1 more", "one length", "any"]))
    other = {
        "equal": shape,
        "without the last": shape[:-1] or shape,
        "with a 1 more": (*shape, 1),
        "one length": (*shape[:-1], shape[-1] % 4 + 1),
        "any": draw(SHAPES),
    }[kind]
    return (shape, other) if len(other) > 1 and draw(st.booleans()) else (other, shape)


def must_say_why(error: Exception) -> None:
    """An error is one of ours: a sentence about an argument, and not what NumPy says deep inside."""
    text = str(error)
    assert len(text) > 25, text
    assert "could not be broadcast" not in text, text
    assert "not aligned" not in text, text


LOSSES = {c.__name__: c for c in keras.losses.CLASSES}
ACROSS_SAMPLES = {"Circle", "Dice", "Tversky"}  # these look at a batch as a whole


@pytest.mark.parametrize("name", sorted(LOSSES))
@TRIES
@given(near_shapes(), st.sampled_from(TYPES), st.sampled_from(FLOATS), st.integers(0, 99))
def test_a_loss_of_a_batch_is_the_losses_of_its_samples(
    name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], labels: str, floats: str, seed: int
) -> None:
    y_true, y_pred = drawn(shapes[0], labels, seed), drawn(shapes[1], floats, seed + 1)
    if "Hinge" in name and labels.startswith("float"):
        y_true = np.round(y_true)  # whether labels are 0 and 1 is decided over the batch, as in Keras
    loss = LOSSES[name](reduction="none")
    try:
        values = loss(y_true, y_pred).numpy()
    except (ValueError, TypeError) as error:
        must_say_why(error)
        return
    assert values.dtype == "float32"
    assert len(y_true) == len(y_pred)
    if name in ACROSS_SAMPLES:
        return
    assert math.prod(values.shape) <= max(y_true.size, y_pred.size)
    assert values.shape[:1] in ((len(y_pred),), ())
    if "Hinge" in name and len(np.unique(y_true)) < 2:
        return
    for i in range(len(y_pred)):
        if "Hinge" in name and len(np.unique(y_true[i : i + 1])) < len(np.unique(y_true)):
            continue
        one = loss(y_true[i : i + 1], y_pred[i : i + 1]).numpy()
        np.testing.assert_allclose(np.ravel(values[i : i + 1]), np.ravel(one), rtol=2e-3, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(LOSSES) - ACROSS_SAMPLES))
@TRIES
@given(near_shapes(), st.integers(0, 99))
def test_weights_of_samples_fit_or_are_refused(
    name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], seed: int
) -> None:
    weight_shape, shape = shapes
    sparse = name.startswith("Sparse")
    y_pred = drawn((*shape, 3), "float32", seed)
    y_true = drawn(shape, "int64", seed) if sparse else drawn((*shape, 3), "float32", seed + 1)
    weights = drawn(weight_shape, "float32", seed + 2)
    loss = LOSSES[name](reduction="none")
    try:
        plain, weighted = loss(y_true, y_pred).numpy(), loss(y_true, y_pred, weights).numpy()
    except (ValueError, TypeError) as error:
        must_say_why(error)
        return
    assert weighted.size == plain.size, "weights must not make more losses than there are"
    fitting = weights.reshape(weights.shape + (1,) * max(0, plain.ndim - weights.ndim))
    if fitting.ndim == plain.ndim:
        np.testing.assert_allclose(weighted.reshape(plain.shape), plain * fitting, rtol=1e-4, atol=1e-6)


NEEDED: dict[str, dict[str, Any]] = {
    "SensitivityAtSpecificity": {"specificity": 0.5},
    "SpecificityAtSensitivity": {"sensitivity": 0.5},
    "PrecisionAtRecall": {"recall": 0.5},
    "RecallAtPrecision": {"precision": 0.5},
    "IoU": {"num_classes": 2, "target_class_ids": [0, 1]},
    "MeanIoU": {"num_classes": 2},
    "OneHotIoU": {"num_classes": 4, "target_class_ids": [0]},
    "OneHotMeanIoU": {"num_classes": 4},
}
METRICS = {c.__name__: c for c in keras.metrics.CLASSES if c.__name__ not in ("Metric", "MeanMetricWrapper")}


@pytest.mark.parametrize("name", sorted(METRICS))
@TRIES
@given(near_shapes(), st.sampled_from(TYPES), st.sampled_from(("float32", "float64")), st.integers(0, 99))
def test_a_metric_over_halves_is_the_metric_over_the_whole(
    name: str, shapes: tuple[tuple[int, ...], tuple[int, ...]], labels: str, floats: str, seed: int
) -> None:
    y_true, y_pred = drawn(shapes[0], labels, seed), drawn(shapes[1], floats, seed + 1)
    if "IoU" in name:
        y_pred = np.round(y_pred)
    if "Hinge" in name:
        y_true = np.round(y_true.astype("float32"))
        y_true.flat[0], y_true.flat[-1] = 0, 1
    values = (y_pred,) if name in ("Mean", "Sum") else (y_true, y_pred)
    whole, halves = (METRICS[name](**NEEDED.get(name, {})) for _ in range(2))
    half = len(y_pred) // 2
    try:
        whole.update_state(*values)
        if half and len(values[0]) == len(y_pred) and "Hinge" not in name:
            halves.update_state(*(v[:half] for v in values))
            halves.update_state(*(v[half:] for v in values))
        else:
            halves.update_state(*values)
    except (ValueError, TypeError) as error:
        must_say_why(error)
        return
    assert name in ("Mean", "Sum") or len(y_true) == len(y_pred)
    result = np.asarray(whole.result())
    assert result.dtype.kind == "f"
    np.testing.assert_allclose(np.asarray(halves.result()), result, rtol=1e-4, atol=1e-5)


LAYERS: dict[str, Any] = {
    "Dense": lambda: keras.layers.Dense(3, activation="tanh"),
    "Activation": lambda: keras.layers.Activation("gelu"),
    "ReLU": lambda: keras.layers.ReLU(max_value=0.7, negative_slope=0.1),
    "LeakyReLU": keras.layers.LeakyReLU,
    "PReLU": keras.layers.PReLU,
    "ELU": keras.layers.ELU,
    "Softmax": keras.layers.Softmax,
    "Dropout": lambda: keras.layers.Dropout(0.5),
    "GaussianNoise": lambda: keras.layers.GaussianNoise(0.5),
    "GaussianDropout": lambda: keras.layers.GaussianDropout(0.5),
    "ActivityRegularization": lambda: keras.layers.ActivityRegularization(0.1, 0.1),
    "Flatten": keras.layers.Flatten,
    "Reshape": lambda: keras.layers.Reshape((-1, 1)),
    "Embedding": lambda: keras.layers.Embedding(2, 3),
    "BatchNormalization": keras.layers.BatchNormalization,
    "LayerNormalization": keras.layers.LayerNormalization,
    "Normalization": lambda: keras.layers.Normalization(mean=0.5, variance=2.0),
    "Rescaling": lambda: keras.layers.Rescaling(2.0, 1.0),
    "Identity": keras.layers.Identity,
    "Lambda": lambda: keras.layers.Lambda(lambda x: x * 2.0),
    "Conv1D": lambda: keras.layers.Conv1D(2, 2, padding="same"),
    "Conv2D": lambda: keras.layers.Conv2D(2, 2, strides=2),
    "MaxPooling1D": lambda: keras.layers.MaxPooling1D(2),
    "MaxPooling2D": lambda: keras.layers.MaxPooling2D(2, padding="same"),
    "AveragePooling1D": lambda: keras.layers.AveragePooling1D(2, padding="same"),
    "AveragePooling2D": lambda: keras.layers.AveragePooling2D(2),
    "GlobalAveragePooling1D": keras.layers.GlobalAveragePooling1D,
    "GlobalAveragePooling2D": keras.layers.GlobalAveragePooling2D,
    "GlobalMaxPooling1D": keras.layers.GlobalMaxPooling1D,
    "GlobalMaxPooling2D": keras.layers.GlobalMaxPooling2D,
    "ZeroPadding2D": lambda: keras.layers.ZeroPadding2D(1),
}


@pytest.mark.parametrize("name", sorted(LAYERS))
@TRIES
@given(SHAPES.filter(lambda shape: len(shape) > 1), st.sampled_from(TYPES), st.integers(0, 99))
def test_a_layer_treats_a_batch_as_its_samples(name: str, shape: tuple[int, ...], dtype: str, seed: int) -> None:
    x = drawn(shape, "int64" if name == "Embedding" else dtype, seed)
    layer = LAYERS[name]()
    try:
        y = layer(x)
        expected = layer.compute_output_shape(shape)
    except (ValueError, TypeError) as error:
        must_say_why(error)
        return
    assert tuple(y.shape) == tuple(expected)
    assert len(y) == len(x)
    if dtype.startswith("float"):
        assert y.dtype == "float32", "float inputs take the type of the computation"
    for i in range(len(x)):
        np.testing.assert_allclose(layer(x[i : i + 1]).numpy()[0], y.numpy()[i], rtol=2e-3, atol=1e-5)


def test_no_layer_is_forgotten() -> None:
    public = {c.__name__ for c in keras.layers._CLASSES if c.__name__ not in ("Layer", "InputLayer", "Masking")}
    without_3d = {name for name in public if "3D" not in name}
    assert without_3d <= set(LAYERS)
