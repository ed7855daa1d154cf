"""Saved on one device, loaded on the other, trained on with the same numbers; copies, pickles and switches likewise.

The GPU is the strict array type, and CuPy where it can be had (``python -m tests.cuda_on_host -m pytest …`` has one).
"""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict_array import StrictModule

import minifit as keras
from minifit import backend, cuda

RNG = np.random.default_rng(0)
X, CLASSES = RNG.normal(size=(96, 6)).astype("float32"), np.arange(96) % 3
WAYS = [("cpu", "gpu"), ("gpu", "cpu"), ("gpu", "gpu")]


@pytest.fixture(autouse=True, params=["strict", "cupy"])
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    before = backend._module, backend._device, backend.switched
    if request.param == "strict":
        module = StrictModule()
        monkeypatch.setattr(cuda, "cupy", lambda: module)
    try:
        keras.set_device("gpu")
    except RuntimeError as error:
        pytest.skip(str(error))
    keras.set_device("cpu")
    yield
    backend._module, backend._device, backend.switched = before


def model(optimizer: Any = "adam") -> Any:
    keras.utils.set_random_seed(5)
    layers = keras.layers
    net = keras.Sequential(
        [
            *(keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dropout(0.3)),
            *(layers.BatchNormalization(), layers.Dense(3, activation="softmax")),
        ]
    )
    net.compile(optimizer, "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net


def train(net: Any, epochs: int = 2, **options: Any) -> dict[str, list[float]]:
    return net.fit(X, CLASSES, batch_size=16, epochs=epochs, verbose=0, **options).history


def randomness(net: Any) -> Any:
    """All that what comes next is drawn from; a file of weights leaves it out, as Keras' does."""
    return keras.random.get_state(), [v.numpy() for v in net.variables if "seed" in v.name]


def draws_from(net: Any, state: Any) -> None:
    keras.random.set_state(state[0])
    for variable, value in zip((v for v in net.variables if "seed" in v.name), state[1], strict=True):
        variable.assign(value)


def lies_on(net: Any, device: str) -> bool:
    # Seeds, the count of steps and the rate lie on the host wherever the rest does.
    arrays = [v.value for v in (*net.variables, *net.optimizer.variables) if not v.stays_on_host]
    return {backend.on_host(array) for array in arrays} == {device == "cpu"}


def same(got: dict[str, list[float]], wanted: dict[str, list[float]]) -> None:
    assert list(got) == list(wanted)
    for key, values in wanted.items():
        np.testing.assert_allclose(got[key], values, rtol=2e-5, err_msg=key)


@pytest.fixture(scope="module")
def never_moved() -> dict[str, list[float]]:
    """What four epochs on the host are like."""
    return train(model(), 4)


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
@pytest.mark.parametrize("ending", [".weights.h5", ".npz", ".safetensors", ".keras"])
def test_a_file_goes_from_device_to_device(way: tuple[str, str], ending: str, tmp_path: Path, never_moved: Any) -> None:
    if "h5" in ending:
        pytest.importorskip("h5py")
    path = tmp_path / f"w{ending}"
    with keras.device(way[0]):
        net = model()
        first = train(net)
        assert lies_on(net, way[0])
        net.save(path) if ending == ".keras" else net.save_weights(path)
        state, outputs = randomness(net), net.predict(X, verbose=0)
    with keras.device(way[1]):
        if ending == ".keras":
            other = keras.models.load_model(path)
        else:
            other = model()
            other.optimizer.build(other.trainable_variables)
            other.load_weights(path)
        draws_from(other, state)
        assert lies_on(other, way[1])
        np.testing.assert_allclose(other.predict(X, verbose=0), outputs, rtol=1e-5, atol=1e-6)
        second = train(other)
    same({key: first[key] + second[key] for key in first}, never_moved)


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
@pytest.mark.parametrize(
    "copied",
    [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net)), lambda net: net],
    ids=["deepcopy", "pickle", "itself"],
)
def test_a_copy_is_made_on_the_device_in_use(way: tuple[str, str], copied: Any, never_moved: Any) -> None:
    with keras.device(way[0]):
        net = model()
        first = train(net)
        state, before = randomness(net), net.get_weights()
    with keras.device(way[1]):
        other = copied(net)
        draws_from(other, state)
        second = train(other)
        assert lies_on(other, way[1])
    if other is not net:
        assert lies_on(net, way[0])
        for weight, value in zip(net.get_weights(), before, strict=True):
            np.testing.assert_array_equal(weight, value)
    same({key: first[key] + second[key] for key in first}, never_moved)


def test_a_pickle_from_a_gpu_holds_nothing_of_it() -> None:
    with keras.device("gpu"):
        net = model()
        train(net, 1)
        data = pickle.dumps(net)
    assert b"cupy" not in data
    assert b"strict_array" not in data
    assert lies_on(pickle.loads(data), "cpu")


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
def test_a_clone_is_made_on_the_device_in_use(way: tuple[str, str]) -> None:
    with keras.device(way[0]):
        net = model()
        train(net, 1)
    with keras.device(way[1]):
        other = keras.models.clone_model(net)
        other.set_weights(net.get_weights())
        assert {backend.on_host(v.value) for v in other.weights if not v.stays_on_host} == {way[1] == "cpu"}
        np.testing.assert_allclose(other.predict(X, verbose=0), net.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


class Killed(Exception):
    pass


class Kill(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        if self.epoch == 2 and batch == 3:
            raise Killed

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self.epoch = epoch


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
@pytest.mark.parametrize("save_freq", ["epoch", 2])
def test_a_run_that_was_killed_goes_on_elsewhere(
    way: tuple[str, str], save_freq: Any, tmp_path: Path, never_moved: Any
) -> None:
    def backup() -> Any:
        return keras.callbacks.BackupAndRestore(tmp_path / "backup", save_freq=save_freq)

    with keras.device(way[0]):
        net = model()
        with pytest.raises(Killed):
            train(net, 4, callbacks=[backup(), Kill()])
    with keras.device(way[1]):
        other = model()
        keras.utils.set_random_seed(99)
        same(train(other, 4, callbacks=[backup()]), never_moved)
        assert lies_on(other, way[1])


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
def test_the_best_of_a_run_is_kept_and_restored_elsewhere(way: tuple[str, str], tmp_path: Path) -> None:
    path = tmp_path / "best.weights.npz"
    callbacks = keras.callbacks
    with keras.device(way[0]):
        net = model()
        checkpoint = callbacks.ModelCheckpoint(path, "loss", save_best_only=True, save_weights_only=True)
        stop = callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)
        average = callbacks.SwapEMAWeights(swap_on_epoch=True)
        train(net, 3, callbacks=[checkpoint, stop])
        other = model(keras.optimizers.SGD(0.1, momentum=0.9, use_ema=True))
        train(other, 2, callbacks=[average])
    with keras.device(way[1]):
        train(other, 1, callbacks=[average])
        assert lies_on(other, way[1])
        best = model()
        best.optimizer.build(best.trainable_variables)
        best.load_weights(path)
        np.testing.assert_allclose(best.predict(X, verbose=0), net.predict(X, verbose=0), rtol=1e-5, atol=1e-6)


def test_a_switch_in_the_middle_takes_everything_along(never_moved: Any) -> None:
    net, found = model(), []
    for device in ("gpu", "cpu", "gpu", "cpu"):
        keras.set_device(device)
        found.append(train(net, 1))
        assert lies_on(net, device)
    same({key: [history[key][0] for history in found] for key in found[0]}, never_moved)
    keras.set_device("gpu")
    results = net.evaluate(X, CLASSES, verbose=0), net.test_on_batch(X, CLASSES), net.predict_on_batch(X).sum()
    keras.set_device("cpu")
    again = net.evaluate(X, CLASSES, verbose=0), net.test_on_batch(X, CLASSES), net.predict_on_batch(X).sum()
    for got, wanted in zip(results, again, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


@pytest.mark.parametrize("way", WAYS, ids="-to-".join)
def test_the_scale_of_a_loss_goes_along(way: tuple[str, str], tmp_path: Path) -> None:
    def scaled() -> Any:
        inner = keras.optimizers.Adam(0.01)
        return keras.optimizers.LossScaleOptimizer(inner, initial_scale=2.0**30, dynamic_growth_steps=4)

    expected = model(scaled())
    wanted = train(expected, 4)
    with keras.device(way[0]):
        net = model(scaled())
        first = train(net)
        net.save(tmp_path / "m.keras")
        state = randomness(net)
    with keras.device(way[1]):
        other = keras.models.load_model(tmp_path / "m.keras")
        draws_from(other, state)
        second = train(other)
    same({key: first[key] + second[key] for key in first}, wanted)
    assert float(other.optimizer.dynamic_scale) == float(expected.optimizer.dynamic_scale)
    assert int(other.optimizer.iterations) == int(expected.optimizer.iterations) == 24
