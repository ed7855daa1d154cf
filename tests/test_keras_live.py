"""minifit and real Keras side by side, where Keras is installed: the scenarios of ``keras_runs``, run by both now.

``KERAS_BACKEND`` chooses the backend, as for Keras itself; without it torch or JAX is taken, whichever is there.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_runs.exchange import KINDS, WITH_WEIGHTS, model_to_exchange, one_layer, trained_on, whole_model
from keras_runs.layers import EMBEDDINGS, LAYERS, between
from keras_runs.real_keras import choose_backend, keras_in_float64
from keras_runs.scenarios import SCENARIOS
from keras_runs.store import differences, encode

import minifit

TOLERANCE = 1e-10

BACKEND = choose_backend()
if BACKEND is None or importlib.util.find_spec(BACKEND) is None:
    pytest.skip("needs Keras and a backend for it: pip install keras torch", allow_module_level=True)

KNOWN = {
    "torch": {"convolution.average_pooling_does_not_count_padding": "repeats the edge as padding, and counts it"},
    "tensorflow": {
        "losses.saturated_probabilities_are_clipped_and_give_no_gradient": "keeps logits behind a probability",
        "losses.outputs_that_do_not_sum_to_one_are_normalised_first": "keeps logits behind a probability",
    },
}
"""What a backend does differently from the others, as the start of a scenario's name, and why."""


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_in_float64()


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = minifit.config.floatx()
    minifit.config.set_floatx("float64")
    yield
    minifit.config.set_floatx(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_run_equals_keras_run_now(keras: Any, name: str) -> None:
    for start, why in KNOWN.get(BACKEND or "", {}).items():
        if name.startswith(start):
            pytest.skip(f"Keras on {BACKEND} {why}")
    expected = encode(SCENARIOS[name](keras))
    got = encode(SCENARIOS[name](minifit))
    found = [line for line, _ in differences(got, expected, TOLERANCE)]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


def test_keras_loads_the_weights_that_minifit_saved_and_the_other_way_round(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    for writer, reader in ((minifit, keras), (keras, minifit)):
        path = tmp_path / f"{writer.__name__}.weights.h5"
        saved, loaded = model_to_exchange(writer), model_to_exchange(reader, seed=0)
        saved.save_weights(path)
        loaded.load_weights(path)
        for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("writer", ["minifit", "keras"])
def test_whole_models_go_both_ways_and_train_on(keras: Any, tmp_path: Path, kind: str, writer: str) -> None:
    pytest.importorskip("h5py")
    one, other = (minifit, keras) if writer == "minifit" else (keras, minifit)
    saved = whole_model(one, kind)
    saved.save(tmp_path / "model.keras")
    loaded = other.saving.load_model(tmp_path / "model.keras")
    found = [line for line, _ in differences(encode(trained_on(loaded)), encode(trained_on(saved)), TOLERANCE)]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


@pytest.mark.parametrize("name", [*LAYERS, *EMBEDDINGS, "seeded"])
def test_weights_of_every_layer_are_exchanged(keras: Any, name: str, tmp_path: Path) -> None:
    pytest.importorskip("h5py")

    def model(module: Any) -> Any:
        if name in EMBEDDINGS:
            parts = [module.Input((5,)), module.layers.Embedding(8, 3, **EMBEDDINGS[name])]
        elif name == "seeded":
            parts = [module.Input((5,)), module.layers.Dropout(0.3, seed=4), module.layers.GaussianNoise(0.2, seed=5)]
        else:
            kind, arguments, shape = LAYERS[name]
            parts = [module.Input(shape), module.layers.Dense(3 if len(shape) > 1 else shape[0])]
            parts.append(getattr(module.layers, kind)(**arguments))
        return module.Sequential([*parts, module.layers.Flatten(), module.layers.Dense(2)])

    for writer, reader in ((minifit, keras), (keras, minifit)):
        path = tmp_path / f"{writer.__name__}.weights.h5"
        saved, loaded = between(model(writer), 1), between(model(reader), 2)
        saved.save_weights(path)
        loaded.load_weights(path)
        for one, other in zip(saved.variables, loaded.variables, strict=True):
            np.testing.assert_array_equal(np.array(one.numpy()), np.array(other.numpy()))


@pytest.mark.parametrize("name", WITH_WEIGHTS)
@pytest.mark.parametrize("form", ["weights", "model"])
def test_every_layer_goes_both_ways(keras: Any, tmp_path: Path, name: str, form: str) -> None:
    pytest.importorskip("h5py")
    x = np.random.default_rng(2).integers(0, 6, (3, *WITH_WEIGHTS[name][1]))
    for writer, reader in ((minifit, keras), (keras, minifit)):
        saved = one_layer(writer, name)
        if form == "weights":
            saved.save_weights(tmp_path / "w.weights.h5")
            loaded = one_layer(reader, name, seed=0)
            loaded.load_weights(tmp_path / "w.weights.h5")
        else:
            saved.save(tmp_path / "m.keras")
            loaded = reader.saving.load_model(tmp_path / "m.keras")
        for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(saved.predict(x, verbose=0), loaded.predict(x, verbose=0), rtol=1e-10, atol=1e-10)


def test_models_of_attributes_go_both_ways(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    x = np.random.default_rng(2).normal(size=(3, 5))
    for writer, reader in ((minifit, keras), (keras, minifit)):
        saved, loaded = (of_attributes(kind) for kind in (writer, reader))
        saved(x), loaded(x)
        saved.set_weights([np.random.default_rng(1).normal(size=w.shape) for w in saved.get_weights()])
        saved.save_weights(tmp_path / "w.weights.h5")
        loaded.load_weights(tmp_path / "w.weights.h5")
        np.testing.assert_allclose(saved.predict(x, verbose=0), loaded.predict(x, verbose=0), rtol=1e-10)


def of_attributes(keras: Any) -> Any:
    """A subclassed model with layers in attributes of every kind, and one with weights of both kinds."""
    layers = keras.layers

    class Counts(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.seen = self.add_weight(shape=(2,), initializer="zeros", trainable=False, name="seen")
            self.scale = self.add_weight(shape=(5,), initializer="ones", name="scale")

        def call(self, inputs: Any) -> Any:
            return inputs * self.scale

    class Tree(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.zed = layers.Dense(3)
            self.block = [layers.Dense(3), [layers.Dense(3)]]
            self.named = {"one": layers.Dense(3)}
            self._private = layers.Dense(2)
            self.counts = Counts()

        def call(self, x: Any) -> Any:
            for layer in (self.counts, self.zed, self.block[0], self.block[1][0], self.named["one"]):
                x = layer(x)
            return self._private(x)

    return Tree()
