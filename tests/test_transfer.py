"""Data on their way to a device: as a whole where they fit, else in chunks; the same batches, and no copy a batch."""

from typing import Any

import numpy as np
import pytest
from strict_array import BROUGHT, FETCHED, DeviceArray, strict_device

import minifit as keras
from minifit import backend, transfer
from minifit.data import ArrayData

RNG = np.random.default_rng(0)
N, BATCH = 103, 8
X, Y = RNG.normal(size=(N, 4, 3)), RNG.integers(0, 3, N)
WEIGHTS = RNG.random(N)
ROW = (12 + 1) * 4 + 8  # bytes of a row once its floats are float32: X, WEIGHTS, Y


def batches(passes: int = 2, **options: Any) -> list[Any]:
    keras.set_random_seed(3)
    data = ArrayData({"a": X, "b": [X]}, Y, WEIGHTS, batch_size=BATCH, **options)
    return [batch for _ in range(passes) for batch in data.batches()]


def at_home(batch: Any) -> list[np.ndarray]:
    x, y, weights = batch
    return [backend.to_numpy(part) for part in (x["a"], x["b"][0], y, weights)]


def has_free(monkeypatch: pytest.MonkeyPatch, free: int, at_once: int = 2**26) -> None:
    monkeypatch.setattr(backend, "free_memory", lambda: free)
    monkeypatch.setattr(transfer, "_ON_DEVICE", at_once)
    monkeypatch.setattr(transfer, "_CHUNK", 2)  # so little is free here that nothing else would be a chunk


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
@pytest.mark.parametrize(
    ("free", "at_once"), [(2**40, 2**26), (2**40, 2000), (12_000, 2000), (12_000, 1), (12_000, 2**26), (0, 1)]
)
def test_a_device_gets_the_hosts_batches(shuffle: Any, free: int, at_once: int, monkeypatch: Any) -> None:
    expected = [at_home(batch) for batch in batches(shuffle=shuffle)]
    has_free(monkeypatch, free, at_once)
    with strict_device(kernels=False):
        found = batches(shuffle=shuffle)
        assert isinstance(found[0][0]["a"], DeviceArray)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            for there, here in zip(at_home(one), other, strict=True):
                np.testing.assert_array_equal(there, here, strict=True)


def copies(make: Any) -> int:
    BROUGHT.clear()
    make()
    return len(BROUGHT)


def test_what_fits_goes_over_once_and_what_does_not_a_chunk_at_a_time(monkeypatch: Any) -> None:
    data_bytes = N * ROW
    with strict_device(kernels=False):
        has_free(monkeypatch, 2 * data_bytes)
        assert copies(batches) == 3  # X, which is there twice, Y, and WEIGHTS
        assert sum(BROUGHT) == data_bytes
        assert copies(lambda: batches(shuffle=True)) == 3 + 2  # and the order of either pass
        per_chunk = 3 * BATCH
        has_free(monkeypatch, 2 * data_bytes - 1, per_chunk * (ROW + 12 * 4))
        chunks = -(-N // per_chunk)
        assert copies(lambda: batches(passes=1, shuffle=True)) == 4 * chunks  # one an array and chunk, none a batch


def test_floats_change_their_type_on_the_host_in_pieces(monkeypatch: Any) -> None:
    has_free(monkeypatch, 2**40, at_once=10 * 12 * 4)
    with strict_device(kernels=False):
        batches()
    assert BROUGHT.count(10 * 12 * 4) == 10
    assert max(BROUGHT) <= max(10 * 12 * 4, Y.nbytes)


def test_one_pass_in_one_batch_does_not_ask_for_memory(monkeypatch: Any) -> None:
    monkeypatch.setattr(backend, "free_memory", lambda: pytest.fail("asking takes as long as a step"))
    with strict_device(kernels=False):
        ((x, y, _),) = ArrayData(X, Y, steps=1).batches()
    assert (x.shape, y.shape, x.dtype) == (X.shape, Y.shape, "float32")


def trained() -> tuple[dict[str, list[float]], np.ndarray]:
    keras.set_random_seed(1)
    dense = [keras.layers.Flatten(), keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.25)]
    model = keras.Sequential([keras.Input((4, 3)), *dense, keras.layers.Dense(3, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    options: dict[str, Any] = {"batch_size": BATCH, "epochs": 3, "validation_split": 0.2, "verbose": 0}
    history = model.fit(X, Y, class_weight={1: 2.0}, **options).history
    evaluated = model.evaluate(X, Y, batch_size=BATCH, verbose=0)
    return {**history, "evaluated": evaluated}, model.predict(X, batch_size=BATCH, verbose=0)


def test_training_on_data_that_do_not_fit_is_the_same(monkeypatch: Any) -> None:
    logs, predictions = trained()
    with strict_device(kernels=False):
        whole, whole_predictions = trained()
        has_free(monkeypatch, N * ROW, 3 * BATCH * ROW)
        assert copies(lambda: batches(passes=1)) > 3
        found, found_predictions = trained()
    for key, values in whole.items():
        assert found[key] == pytest.approx(values, rel=1e-6), key
    np.testing.assert_allclose(found_predictions, whole_predictions, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found_predictions, predictions, rtol=1e-4, atol=1e-6)
    for key, values in logs.items():
        assert found[key] == pytest.approx(values, rel=1e-4), key


def test_arrays_that_lie_on_the_device_stay_there(monkeypatch: Any) -> None:
    expected = [[part[i : i + BATCH] for part in (X, Y)] for i in range(0, N, BATCH)]
    with strict_device(kernels=False):
        x = backend.asarray(X)
        for free in (2**40, N * 8):
            has_free(monkeypatch, free, 4 * BATCH * ROW)
            for (there, labels, _), (here, wanted) in zip(
                ArrayData(x, Y, batch_size=BATCH).batches(), expected, strict=True
            ):
                np.testing.assert_array_equal(there.get(), here.astype("float32"))
                np.testing.assert_array_equal(labels.get(), wanted)
        FETCHED.clear()
        for _ in ArrayData(np.zeros((N, 2)), Y, batch_size=BATCH, shuffle=True, class_weight={1: 2.0}).batches():
            pass
        assert not FETCHED  # what came from the host was looked at there


def test_what_lies_in_a_file_goes_over_in_chunks(tmp_path: Any, monkeypatch: Any) -> None:
    np.save(tmp_path / "x.npy", X)
    has_free(monkeypatch, 2**40, 4 * BATCH * ROW)
    x = np.load(tmp_path / "x.npy", mmap_mode="r")
    with strict_device(kernels=False):
        keras.set_random_seed(3)
        data = ArrayData(x, Y, WEIGHTS, batch_size=BATCH, shuffle=True)
        found = [backend.to_numpy(batch[0]) for batch in data.batches()]
    for there, (here, *_) in zip(found, map(at_home, batches(1, shuffle=True)), strict=True):
        np.testing.assert_array_equal(there, here, strict=True)


def test_several_small_batches_are_gathered_at_once_and_large_ones_alone() -> None:
    small = [x for x, _, _ in ArrayData(X, Y, batch_size=BATCH, shuffle=True).batches()]
    assert len({id(x.base) for x in small}) == 1
    large = [x for x, _, _ in ArrayData(np.zeros((9, 2**16), "float32"), batch_size=2, shuffle=True).batches()]
    assert [len(x) for x in large] == [2, 2, 2, 2, 1]
    assert all(x.base is None for x in large)
