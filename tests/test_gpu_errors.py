"""What stands in the way of a GPU, at the beginning or in the middle: one error, which says what to do; and life after.

CuPy is played by a stand-in that raises what CuPy raises. Where CuPy itself can be had, on a GPU or on the pretend one
(``python -m tests.cuda_on_host -m pytest tests/test_gpu_errors.py``), the last part runs on it.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from strict_array import StrictModule, strict_device

import minifit as keras
from minifit import backend, cuda

RNG = np.random.default_rng(0)
X, Y = RNG.random((2000, 16), dtype="float32"), RNG.random((2000, 1), dtype="float32")


class CUDARuntimeError(RuntimeError):
    """As CuPy has it."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


class OutOfMemoryError(MemoryError):
    """As CuPy has it."""


CUDARuntimeError.__module__ = "cupy_backends.cuda.api.runtime"
OutOfMemoryError.__module__ = "cupy.cuda.memory"


def model(units: int = 8) -> Any:
    layers = keras.layers
    net = keras.Sequential([keras.Input((16,)), layers.Dense(units, "relu"), layers.Dropout(0.2), layers.Dense(1)])
    net.compile("adam", "mse", metrics=["mae"])
    return net


def raising(error: Exception) -> Any:
    def call(*_: Any, **__: Any) -> Any:
        raise error

    return call


def stand_in(error: Exception | None = None, driver: int = 12040, product: Any = None) -> Any:
    """CuPy as far as `set_device` looks at it."""
    count = raising(error) if error else lambda: 1
    runtime = SimpleNamespace(getDeviceCount=count, driverGetVersion=lambda: driver, runtimeGetVersion=lambda: 13010)
    return SimpleNamespace(cuda=SimpleNamespace(runtime=runtime), ones=product or (lambda *a, **k: np.ones(*a, **k)))


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = backend._module, backend._device, backend.switched
    cuda.cupy.cache_clear()
    yield
    backend._module, backend._device, backend.switched = before
    cuda.cupy.cache_clear()


# --------------------------------------------------------------------------- no GPU to begin with

NO_DRIVER = CUDARuntimeError(35, "cudaErrorInsufficientDriver: CUDA driver version is insufficient")
BEGINNINGS = {
    "no CuPy": (None, ["not installed", 'pip install "minifit[gpu]"', "minifit[gpu13]"]),
    "no driver": (stand_in(NO_DRIVER, driver=0), ["NVIDIA GPU and its driver", 'set_device("cpu")']),
    "an old driver": (stand_in(NO_DRIVER), ["CUDA 12.4", "CUDA 13.1", "Update the driver", "minifit[gpu]"]),
    "no GPU": (stand_in(CUDARuntimeError(100, "cudaErrorNoDevice: no device")), ["no NVIDIA GPU", "hide it"]),
    "no answer": (stand_in(CUDARuntimeError(999, "cudaErrorUnknown: unknown error")), ["cudaErrorUnknown", "driver"]),
    "no cuBLAS": (
        stand_in(product=raising(ImportError('Failure finding "libcublasLt.so.12"'))),
        ["libcublasLt.so.12", "libraries", 'pip install "minifit[gpu]"'],
    ),
    "wrong numbers": (stand_in(product=lambda *a, **k: np.zeros((2, 2))), ["computes wrongly"]),
}


@pytest.mark.parametrize("case", list(BEGINNINGS))
def test_what_is_missing_is_said_and_the_cpu_stays_in_use(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, words = BEGINNINGS[case]
    monkeypatch.setitem(sys.modules, "cupy", module)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "7")
    for use in (lambda: keras.set_device("gpu"), lambda: keras.device("gpu").__enter__()):
        with pytest.raises(RuntimeError) as caught:
            use()
        assert [word for word in words if word not in str(caught.value)] == []
        assert "\n" not in str(caught.value)
    assert keras.get_device() == "cpu"
    assert np.isfinite(model().fit(X, Y, verbose=0).history["loss"][0])


def test_a_broken_cupy_is_told_from_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    error = ImportError("libcudart.so.12: cannot open shared object file", name="cupy._core")
    monkeypatch.setattr(importlib, "import_module", raising(error))
    with pytest.raises(RuntimeError, match="CuPy, which does not load: libcudart"):
        keras.set_device("gpu")


def test_a_gpu_that_works_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    module = stand_in(product=lambda *a, **k: asked.append(1) or np.ones(*a, **k))
    monkeypatch.setitem(sys.modules, "cupy", module)
    for name in ("gpu", "GPU", "cuda", "gpu:0", "cuda:0"):
        keras.set_device(name)
        assert keras.get_device() == "gpu"
        assert backend.xp() is module
    assert asked == [1]


@pytest.mark.parametrize("name", ["tpu", "", None, 3, "gpu:1", "cuda:2", "cpu:1"])
def test_names_that_are_none(name: Any) -> None:
    for use in (lambda: keras.set_device(name), lambda: keras.device(name).__enter__()):
        with pytest.raises(ValueError, match='expects "cpu" or "gpu"; got') as caught:
            use()
        assert ("CUDA_VISIBLE_DEVICES" in str(caught.value)) == (str(name)[:3] in ("gpu", "cud"))


# --------------------------------------------------------------------------- the environment, and threads


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    own = {**os.environ, **environment}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=own, check=False)


def test_the_environment_decides_when_an_array_is_first_wanted() -> None:
    code = "import minifit, sys; assert 'cupy' not in sys.modules; print(minifit.get_device())"
    assert run(code, MINIFIT_DEVICE="").stdout == run(code, MINIFIT_DEVICE="CPU").stdout == "cpu\n"
    wrong = run(code, MINIFIT_DEVICE="tpu")
    assert "The environment variable MINIFIT_DEVICE expects" in wrong.stderr.splitlines()[-1]
    without = "import sys; sys.modules['cupy'] = None; import minifit; print('fine'); minifit.backend.asarray([1.0])"
    done = run(without, MINIFIT_DEVICE="gpu")
    assert done.stdout == "fine\n"
    assert 'RuntimeError: The device "gpu" needs CuPy' in done.stderr.splitlines()[-1]
    chosen = run("import minifit; minifit.set_device('cpu'); print(minifit.get_device())", MINIFIT_DEVICE="gpu")
    assert chosen.stdout == "cpu\n"


def test_a_with_block_is_for_its_own_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "cupy", StrictModule)
    seen = []
    with keras.device("gpu"):
        thread = threading.Thread(target=lambda: seen.append((keras.get_device(), backend.xp())))
        thread.start()
        thread.join()
        with keras.device("cpu"):
            assert keras.get_device() == "cpu"
        assert keras.get_device() == "gpu"
        assert isinstance(backend.xp(), StrictModule)
    assert seen == [("cpu", np)]
    assert backend.xp() is np


def test_tf32_is_off_unless_asked_for_and_is_set_where_a_gpu_is(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[bool] = []
    monkeypatch.setattr(cuda, "set_tf32", told.append)
    monkeypatch.setattr(cuda, "cupy", StrictModule)
    assert not keras.config.tf32()
    keras.set_device("gpu")
    assert told == []
    keras.config.set_tf32(True)
    keras.set_device("cpu")
    keras.config.set_tf32(True)
    assert told == [True]
    keras.set_device("gpu")
    keras.config.set_tf32(False)
    assert told == [True, True, False]


# --------------------------------------------------------------------------- in the middle


class Failing(keras.callbacks.Callback):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        held = np.zeros(1000)
        self.model.held = lambda: held
        raise self.error


def test_a_batch_that_does_not_fit_is_said_with_the_bytes_and_the_remedy() -> None:
    error = OutOfMemoryError("Out of memory allocating 1,234,567 bytes (allocated so far: 9 bytes).")
    with strict_device() as module:
        freed: list[int] = []
        pool = SimpleNamespace(
            free_all_blocks=lambda: freed.append(1), free_bytes=lambda: 5, get_limit=lambda: 0, used_bytes=lambda: 0
        )
        runtime = SimpleNamespace(memGetInfo=lambda: (10**9, 8 * 10**9))
        module.cuda, module.get_default_memory_pool = SimpleNamespace(runtime=runtime), lambda: pool  # type: ignore[attr-defined]
        net = model()
        with pytest.raises(
            MemoryError, match=r"another 1,234,567 bytes: 1,000,000,005 of 8,000,000,000 bytes are free.*batch_size="
        ):
            net.fit(X, Y, verbose=0, callbacks=[Failing(error)])
        assert freed
        assert np.isfinite(net.fit(X, Y, verbose=0).history["loss"][0])


DEAD = ["cudaErrorUnknown: unknown error", "cudaErrorIllegalAddress: an illegal memory access was encountered"]


@pytest.mark.parametrize("text", DEAD)
def test_a_dead_driver_is_one_error(text: str) -> None:
    with strict_device(), pytest.raises(RuntimeError, match=r"BackupAndRestore.*nvidia-smi") as caught:
        model().fit(X, Y, verbose=0, callbacks=[Failing(CUDARuntimeError(999, text))])
    assert text.partition(":")[0] in str(caught.value)
    assert isinstance(caught.value.__cause__, CUDARuntimeError)


@pytest.mark.parametrize("error", [KeyError("mine"), RuntimeError("cudaErrorUnknown, said I"), MemoryError("mine")])
def test_errors_of_the_users_own_stay_what_they_are(error: Exception) -> None:
    with strict_device(), pytest.raises(type(error)) as caught:
        model().fit(X, Y, verbose=0, callbacks=[Failing(error)])
    assert caught.value is error


REFUSALS = [
    TypeError("Unsupported type <class 'numpy.ndarray'>"),
    TypeError("Argument 'b' has incorrect type (expected cupy._core.core._ndarray_base, got numpy.ndarray)"),
    ValueError("non-scalar numpy.ndarray cannot be used for fill"),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_arrays_of_two_devices_in_one_call(error: Exception) -> None:
    with strict_device(), pytest.raises(TypeError, match=r"host met one on the GPU.*minifit\.backend\.asarray"):
        model().fit(X, Y, verbose=0, callbacks=[Failing(error)])


def test_an_array_on_the_gpu_is_refused_by_the_cpu() -> None:
    with strict_device() as module:
        array, net = module.asarray(X), model()
    for call in (net.fit, net.predict, net.evaluate):
        with pytest.raises(TypeError, match=r'device is "cpu".*set_device\("gpu"\).*array\.get\(\)'):
            call(array, *[Y] * (call != net.predict), verbose=0)


def test_a_model_follows_at_predict_and_not_when_it_is_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda, "cupy", StrictModule)
    with keras.device("gpu"):
        net = model()
    with pytest.raises(TypeError):
        net(X[:2])
    assert net.predict(X, verbose=0).shape == (2000, 1)
    assert type(net(X[:2]).value) is np.ndarray


def test_on_the_host_nobody_counts_bytes() -> None:
    assert backend.free_memory() == backend.total_memory() == cuda.UNLIMITED
    array = backend.pinned((3, 2), "float32")
    assert (array.shape, array.dtype, type(array)) == ((3, 2), np.float32, np.ndarray)


# --------------------------------------------------------------------------- on CuPy itself


@pytest.fixture
def cupy() -> Iterator[Any]:
    try:
        keras.set_device("gpu")
    except RuntimeError as error:
        pytest.skip(str(error))
    pool = backend.xp().get_default_memory_pool()
    yield backend.xp()
    pool.set_limit(size=0)


def test_cupy_a_batch_that_does_not_fit_and_one_that_does(cupy: Any) -> None:
    pool = cupy.get_default_memory_pool()
    net = model(256)
    net.fit(X[:64], Y[:64], verbose=0)
    pool.free_all_blocks()
    pool.set_limit(size=pool.total_bytes() + 1_500_000)
    assert backend.free_memory() <= backend.total_memory() == pool.get_limit()
    for call in (net.fit, net.evaluate, net.predict):
        arrays = (X,) if call == net.predict else (X, Y)
        with pytest.raises(MemoryError, match=r"another [\d,]+ bytes: [\d,]+ of [\d,]+ bytes are free.*batch_size="):
            call(*arrays, batch_size=2000, verbose=0)
        call(*arrays, batch_size=20, verbose=0)


def test_cupy_arrays_of_two_devices(cupy: Any) -> None:
    ours, theirs = cupy.ones((3, 3)), np.ones((3, 3))
    calls = [lambda: np.add(ours, theirs), lambda: np.dot(ours, theirs), lambda: np.concatenate([ours, theirs])]
    calls += [lambda: ours.__setitem__(Ellipsis, theirs), lambda: np.asarray(ours)]
    for call in calls:
        with pytest.raises(TypeError, match=r"An array on the (host|GPU)"), backend.device_errors():
            call()


def test_cupy_a_model_that_is_called_directly_after_a_switch(cupy: Any) -> None:
    net = model()
    keras.set_device("cpu")
    with pytest.raises(TypeError, match=r"An array on the (host|GPU)"):
        net(X[:2])
    net.predict(X, verbose=0)
    assert net(X[:2]).shape == (2, 1)


def test_cupy_memory_that_a_device_reads_while_the_host_goes_on(cupy: Any) -> None:
    host = backend.pinned((100, 3), "float32")
    host[...] = np.arange(300, dtype="float32").reshape(100, 3)
    np.testing.assert_array_equal(backend.to_numpy(cupy.asarray(host)), host)
    assert type(host) is np.ndarray


def test_cupy_products_round_their_factors_only_when_asked_to(cupy: Any) -> None:
    products = importlib.import_module("cupy._core._routines_linalg")
    if int(cupy.cuda.Device().compute_capability) < 80:
        pytest.skip("this GPU has no TF32")
    assert products.get_compute_type("f") != products.COMPUTE_TYPE_TF32
    keras.config.set_tf32(True)
    assert products.get_compute_type("f") == products.COMPUTE_TYPE_TF32
    keras.config.set_tf32(False)
    assert products.get_compute_type("f") == products.COMPUTE_TYPE_DEFAULT


def test_cupy_a_gpu_array_is_taken_as_it_is(cupy: Any) -> None:
    net = model()
    net.fit(cupy.asarray(X), cupy.asarray(Y), verbose=0)
    keras.set_device("cpu")
    with pytest.raises(TypeError, match='device is "cpu"'):
        net.predict(cupy.asarray(X))
