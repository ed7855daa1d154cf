"""Losses: signatures, types, masks, shapes that do not fit, plain data and back. (Their values: test_keras_runs.)"""

import copy
import inspect
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import losses
from minifit.losses.loss import REDUCTIONS, fit_weights

KERAS_SIGNATURES = json.loads((Path(__file__).parent / "keras_signatures.json").read_text())
"""As ``inspect.signature`` gives them for Keras 3.15: module to name to arguments."""
SIGNATURES = KERAS_SIGNATURES["losses"]

CLASSES = sorted(name for name in SIGNATURES if name[0].isupper() and name != "Loss")


def plain_signature(function: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    return ", ".join(str(p.replace(annotation=p.empty)) for p in parameters if p.kind is not p.VAR_KEYWORD)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_is_keras(name: str) -> None:
    assert plain_signature(getattr(losses, name)) == SIGNATURES[name]


def labels_for(name: str, shape: tuple[int, ...], seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions from 0 to 1 of this shape that suit the loss."""
    rng = np.random.default_rng(seed)
    y_pred = 0.05 + 0.9 * rng.random(shape)
    if name in ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy", "Circle"):
        return rng.integers(0, shape[-1], shape[:-1]), y_pred
    return np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])], y_pred


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_loss_has_its_type_and_so_has_its_gradient(name: str, dtype: str) -> None:
    y_true, y_pred = labels_for(name, (5, 3))
    loss = getattr(losses, name)(dtype=dtype)
    assert loss(y_true, y_pred).dtype == dtype
    assert loss(y_true, y_pred, sample_weight=np.ones(5)).dtype == dtype
    variable = keras.Variable(y_pred, dtype=dtype)
    with keras.GradientTape() as tape:
        value = loss(y_true, variable)
    assert tape.gradient(value, variable).dtype == dtype


@pytest.mark.parametrize("name", CLASSES)
def test_without_a_type_of_its_own_a_loss_computes_in_the_one_in_force(name: str) -> None:
    y_true, y_pred = labels_for(name, (5, 3))
    assert getattr(losses, name)()(y_true, y_pred).dtype == "float32"


@pytest.mark.parametrize("name", CLASSES)
def test_gradient_is_that_of_the_values(name: str) -> None:
    y_true, y_pred = labels_for(name, (4, 3))
    options = {"gamma": 4.0} if name == "Circle" else {}
    loss = getattr(losses, name)(dtype="float64", **options)
    weights = None if name in ("Dice", "Tversky") else np.array([1.0, 0.5, 2.0, 0.0])
    variable = keras.Variable(y_pred, dtype="float64")
    with keras.GradientTape() as tape:
        value = loss(y_true, variable, weights)
    gradient = tape.gradient(value, variable).numpy()
    near = 1e-7 * max(1.0, np.max(np.abs(gradient)))
    for index in np.ndindex(y_pred.shape):
        step = np.zeros_like(y_pred)
        step[index] = 1e-6
        slope = (float(loss(y_true, y_pred + step, weights)) - float(loss(y_true, y_pred - step, weights))) / 2e-6
        assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=near)


@pytest.mark.parametrize("name", CLASSES)
def test_a_loss_is_plain_data_and_back_a_copy_and_a_pickle(name: str) -> None:
    options = {"CosineSimilarity": {"axis": 0}, "Huber": {"delta": 0.3}, "Dice": {"axis": 0}, "Circle": {"gamma": 9.0}}
    loss = getattr(losses, name)(reduction="sum", name="mine", **options.get(name, {}))
    y_true, y_pred = labels_for(name, (4, 3))
    described = losses.serialize(loss)
    assert described["module"] == "keras.losses"
    assert described["class_name"] == name
    for again in (losses.deserialize(described), copy.deepcopy(loss), pickle.loads(pickle.dumps(loss))):
        assert type(again) is type(loss)
        assert again.get_config() == loss.get_config()
        assert float(again(y_true, y_pred)) == float(loss(y_true, y_pred))
    assert type(losses.get(described)) is type(loss)
    assert "dtype" not in loss.get_config()


def test_functions_are_known_by_name_and_a_wrapped_one_is_described_with_its_options() -> None:
    assert losses.get("huber") is losses.huber
    assert losses.get(None) is None
    assert isinstance(losses.get("Huber"), losses.Huber)
    assert losses.serialize(losses.huber) == "huber"
    wrapped = losses.LossFunction(losses.huber, delta=0.5)
    again = losses.deserialize(losses.serialize(wrapped))
    assert again.fn is losses.huber
    assert again.options == {"delta": 0.5}
    with pytest.raises(ValueError, match='Did you mean "huber"'):
        losses.get("hubert")


def test_a_loss_of_ones_own_keeps_its_arguments() -> None:
    class Pinball(losses.Loss):
        def __init__(self, quantile: float = 0.5, **others: Any) -> None:
            super().__init__(**others)
            self.quantile = quantile

        def call(self, y_true: Any, y_pred: Any) -> Any:
            error = y_true - y_pred
            return keras.ops.mean(keras.ops.maximum(self.quantile * error, (self.quantile - 1) * error), axis=-1)

    loss = Pinball(0.9, reduction="sum")
    assert loss.get_config() == {"quantile": 0.9, "name": "pinball", "reduction": "sum"}
    again = losses.deserialize(losses.serialize(loss), custom_objects={"Pinball": Pinball})
    assert float(again(np.array([[1], [0]]), np.zeros((2, 1)))) == pytest.approx(0.9)


def test_options_can_be_read_and_unknown_ones_are_refused() -> None:
    assert losses.Huber(2.0).delta == 2.0
    assert losses.Dice("sum", "name", 1).axis == 1
    with pytest.raises(TypeError, match=r'Huber\(...\) takes no argument .deltas.*Did you mean "delta"'):
        losses.Huber(deltas=1.0)
    with pytest.raises(ValueError, match=r"q must be in the interval \(0, 1\)"):
        losses.CategoricalGeneralizedCrossEntropy(q=1.0)
    with pytest.raises(ValueError, match="Invalid value for argument `reduction`"):
        losses.Huber(reduction="average")


# --- masks and weights -----------------------------------------------------------------------------------------------


def test_what_a_mask_hides_counts_neither_above_nor_below() -> None:
    y_pred = keras.Tensor(np.array([[1.0], [5.0], [3.0]], "float32"))
    y_pred._keras_mask = np.array([True, False, True])
    loss = losses.MeanSquaredError()
    assert float(loss(np.zeros((3, 1)), y_pred)) == 5.0
    assert float(loss(np.zeros((3, 1)), y_pred, sample_weight=[2.0, 2.0, 0.0])) == 1.0
    y_pred._keras_mask = np.zeros(3, bool)
    assert float(loss(np.zeros((3, 1)), y_pred)) == 0.0


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_an_ignored_class_has_no_loss_and_no_gradient(reduction: str | None) -> None:
    loss = losses.SparseCategoricalCrossentropy(ignore_class=-1, reduction=reduction, dtype="float64")
    sound = losses.SparseCategoricalCrossentropy(reduction=reduction, dtype="float64")
    y_true, y_pred = np.array([1, -1, 0]), labels_for("", (3, 4))[1]
    variable = keras.Variable(y_pred, dtype="float64")
    with keras.GradientTape() as tape:
        value = loss(y_true, variable)
    assert np.all(tape.gradient(value, variable).numpy()[1] == 0)
    got, expected = np.asarray(value.numpy()), np.asarray(sound(y_true[[0, 2]], y_pred[[0, 2]]).numpy())
    np.testing.assert_allclose(got if got.ndim == 0 else got[[0, 2]], expected, rtol=1e-12)


def test_classes_may_lie_along_another_axis() -> None:
    y_true, y_pred = labels_for("SparseCategoricalCrossentropy", (4, 5, 3))
    moved = np.moveaxis(y_pred, -1, 1)
    expected = losses.sparse_categorical_crossentropy(y_true, y_pred)
    np.testing.assert_array_equal(losses.sparse_categorical_crossentropy(y_true, moved, axis=1), expected)
    np.testing.assert_array_equal(losses.sparse_categorical_crossentropy(y_true[:, None], moved, axis=1), expected)
    hot = np.moveaxis(np.eye(3)[y_true], -1, 1)
    np.testing.assert_allclose(losses.categorical_crossentropy(hot, moved, axis=1), expected)
    with pytest.raises(ValueError, match="`axis` must be of type `int`"):
        losses.categorical_crossentropy(hot, moved, axis=True)


@pytest.mark.parametrize("seed", range(200))
def test_random_shapes_give_the_mean_or_an_error_but_never_a_broadcast(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4)))
    other = shape if rng.random() < 0.4 else tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4)))
    y_true, y_pred = rng.normal(size=shape), rng.normal(size=other)
    fits = shape == other or shape == (*other, 1) or (*shape, 1) == other
    if not fits:
        with pytest.raises(ValueError, match="must have the same shape"):
            losses.mean_squared_error(y_true, y_pred)
        return
    expected = np.mean((y_true.ravel() - y_pred.ravel()) ** 2)
    assert float(losses.MeanSquaredError(dtype="float64")(y_true, y_pred)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("seed", range(200))
def test_random_weights_act_along_their_own_axes_or_raise(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=tuple(int(n) for n in rng.integers(1, 4, rng.integers(1, 4))))
    weights = rng.random(tuple(int(n) for n in rng.integers(1, 4, rng.integers(0, 4))))
    shape = weights.shape[:-1] if weights.ndim == values.ndim + 1 and weights.shape[-1] == 1 else weights.shape
    if len(shape) > values.ndim or any(w not in (1, v) for w, v in zip(shape, values.shape, strict=False)):
        with pytest.raises(ValueError, match="sample_weight of shape"):
            fit_weights(weights, values)
        return
    fitted, same = fit_weights(weights, values)
    assert same.size == values.size
    product = np.broadcast_to(fitted, same.shape)  # weights never make the values more
    for index in np.ndindex(*same.shape):
        place = tuple(min(i, n - 1) for i, n in zip(index, weights.shape, strict=False))
        assert product[index] == weights[place]
