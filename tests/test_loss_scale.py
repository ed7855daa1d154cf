"""LossScaleOptimizer, the policies of half precision, and what `compile` makes of them, on the host and on a device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict_array import StrictModule

import minifit as keras
from minifit import backend, cuda
from minifit.optimizers import SGD, Adam, LossScaleOptimizer

RNG = np.random.RandomState(0)
X = RNG.rand(64, 8).astype("float32")
Y = (X.sum(1) > 4).astype(int)
START = np.array([1.0, 2.0, 3.0, 4.0], "float32")
GRADIENT = np.array([1.0, 6.0, 7.0, 2.0], "float32")


@pytest.fixture(params=["strict", "cupy"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A device "gpu": the array type that refuses what CuPy refuses, and CuPy where it can be had."""
    module, before = StrictModule(), backend.switched
    if request.param == "strict":
        monkeypatch.setattr(cuda, "cupy", lambda: module)
    try:
        cuda.cupy()
    except RuntimeError as error:
        pytest.skip(str(error))
    yield
    backend.switched = before


@pytest.fixture(params=["cpu", "gpu"])
def device(request: pytest.FixtureRequest, gpu: None) -> Iterator[str]:
    with keras.device(request.param):
        yield request.param


@pytest.fixture(autouse=True)
def policy() -> Iterator[None]:
    yield
    keras.config.set_dtype_policy("float32")


def model(policy: str) -> Any:
    keras.config.set_dtype_policy(policy)
    layers, own = keras.layers, np.random.RandomState(1)
    head = {"dtype": "float32"} if policy.startswith("mixed") else {}
    net = keras.Sequential(
        [keras.Input((8,)), layers.Dense(16, activation="relu"), layers.Dense(2, activation="softmax", **head)]
    )
    net.set_weights([own.normal(0, 0.3, w.shape).astype("float32") for w in net.get_weights()])
    return net


def fit(net: Any, epochs: int) -> list[float]:
    return net.fit(X, Y, batch_size=16, epochs=epochs, verbose=0, shuffle=False).history["loss"]


@pytest.mark.filterwarnings("error")
def test_a_run_whose_scale_falls_and_rises_is_keras_own(device: str) -> None:
    net = model("mixed_float16")
    scaled = LossScaleOptimizer(Adam(0.01), initial_scale=2.0**40, dynamic_growth_steps=3)
    net.compile(scaled, "sparse_categorical_crossentropy")
    losses = fit(net, 6)
    # Keras 3.15.1 on PyTorch: 22 of 24 steps are left out, while the scale falls from 2**40 to 2**18.
    np.testing.assert_allclose(losses, [0.8582693338394165] * 5 + [0.8440744876861572], rtol=2e-6)
    state = float(scaled.dynamic_scale), int(scaled.iterations), int(scaled.step_counter)
    assert state == (262144.0, 2, 2)
    names = ["iteration", "learning_rate", "step_counter", "dynamic_scale", "iteration", "learning_rate"]
    assert [v.name for v in scaled.variables][:6] == names


@pytest.mark.parametrize("in_graph", [True, False], ids=["with shape known", "called first"])
def test_compile_scales_the_loss_of_a_model_in_half_precision(in_graph: bool) -> None:
    net = model("mixed_float16")
    net.compile("adam", "mse")
    assert type(net.optimizer) is LossScaleOptimizer
    assert net.optimizer.name == "loss_scale_optimizer"
    assert type(net.optimizer.inner_optimizer) is Adam
    net.compile(net.optimizer, "mse")
    assert type(net.optimizer.inner_optimizer) is Adam
    net.compile("adam", "mse", auto_scale_loss=False)
    assert type(net.optimizer) is Adam
    for policy in ("mixed_bfloat16", "float32", "float16"):
        if policy == "mixed_bfloat16":
            pytest.importorskip("ml_dtypes")
        net = model(policy)
        net.compile("adam", "mse")
        assert type(net.optimizer) is Adam


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "bfloat16"])
def test_policies_of_half_precision_train_alike_on_every_device(policy: str, gpu: None) -> None:
    if "bfloat16" in policy:
        pytest.importorskip("ml_dtypes")
    found = []
    for place in (nullcontext(), keras.device("gpu")):
        with place:
            net = model(policy)
            net.compile(SGD(0.1), "sparse_categorical_crossentropy")
            found.append([fit(net, 3), {str(v.dtype) for v in net.weights}])
    np.testing.assert_allclose(found[0][0], found[1][0], rtol=2e-2 if policy == "bfloat16" else 2e-3)
    assert found[0][1] == found[1][1] == {"float32" if "mixed" in policy else policy}
    assert found[0][0][-1] < found[0][0][0]


def test_steps(device: str) -> None:
    weight = keras.Variable(START)
    scaled = LossScaleOptimizer(SGD(0.5, loss_scale_factor=100.0))
    scaled.apply([backend.asarray(GRADIENT * scaled.initial_scale)], [weight])
    np.testing.assert_allclose(weight.numpy(), [0.5, -1.0, -0.5, 3.0], rtol=1e-6)
    scaled.apply([backend.asarray(GRADIENT * np.float32("inf"))])
    scaled.apply([backend.asarray(GRADIENT * np.float32("nan"))])
    np.testing.assert_allclose(weight.numpy(), [0.5, -1.0, -0.5, 3.0], rtol=1e-6)
    assert float(scaled.scale_loss(1.0)) == 2.0**13
    assert int(scaled.iterations) == 1


def test_gradients_whose_sum_is_too_large_are_finite_all_the_same() -> None:
    weight = keras.Variable(np.zeros(2, "float32"))
    scaled = LossScaleOptimizer(SGD(1.0), initial_scale=2.0**100)
    scaled.apply([np.full(2, 3e38, "float32")], [weight])
    np.testing.assert_allclose(weight.numpy(), -3e38 / 2.0**100, rtol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"dynamic": False}, ValueError, "set `loss_scale_factor`"),
        ({"foo": 1, "bar": 2}, ValueError, "arguments: `foo`, `bar`"),
        ({"clipnorm": 0.5}, ValueError, "on the `inner_optimizer`"),
        ({"initial_scale": 0}, ValueError, "initial_scale.*above 0"),
        ({"dynamic_growth_steps": 0}, ValueError, "dynamic_growth_steps.*at least 1"),
        ({"inner_optimizer": "adam"}, TypeError, "expects an optimizer"),
    ],
)
def test_arguments(arguments: dict[str, Any], error: type, words: str) -> None:
    with pytest.raises(error, match=words):
        LossScaleOptimizer(**{"inner_optimizer": SGD(0.1), **arguments})


def test_a_model_is_saved_with_its_scale(tmp_path: Path) -> None:
    net = model("mixed_float16")
    net.compile("adam", "sparse_categorical_crossentropy")
    fit(net, 2)
    net.save(tmp_path / "m.keras")
    other = keras.models.load_model(tmp_path / "m.keras")
    assert type(other.optimizer) is LossScaleOptimizer
    assert fit(other, 1) == fit(net, 1)


def test_what_belongs_to_the_inner_optimizer() -> None:
    inner = SGD(0.5, momentum=0.9, use_ema=True)
    scaled = LossScaleOptimizer(inner)
    scaled.learning_rate = 0.25
    assert float(inner.learning_rate) == float(scaled.learning_rate) == 0.25
    weight = keras.Variable(START)
    scaled.build([weight])
    before = [v.numpy() for v in scaled.variables]
    weights, state = scaled.stateless_apply(before, [GRADIENT * scaled.initial_scale], [START])
    np.testing.assert_allclose(weights[0], START - 0.25 * GRADIENT, rtol=1e-6)
    assert int(state[2]) == 1
    assert [v.numpy().tolist() for v in scaled.variables] == [v.tolist() for v in before]
    np.testing.assert_array_equal(weight.numpy(), START)
    scaled.apply_gradients([(GRADIENT * scaled.initial_scale, weight)])
    scaled.finalize_variable_values([weight])
    assert int(scaled.iterations) == 1
    scaled.unbuild()
    assert not scaled.built
    assert not inner.built
    again = LossScaleOptimizer.from_config(scaled.get_config())
    assert again.get_config() == scaled.get_config()
