"""What a GPU adds to an engine: is one seen, the same precision for all, data that lie there, a clock on the device."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from . import ENGINES, NotMeasured


def wanted() -> bool:
    """Tell whether this process is to run on a GPU."""
    return os.environ.get("BENCH_DEVICE") == "gpu"


def environment_on_gpu(tf32: bool) -> dict[str, str]:
    """Return what makes all engines use one GPU side by side, and products of float32 mean the same to all."""
    own = {"MINIFIT_DEVICE": "gpu", "BENCH_TF32": str(int(tf32)), "CUPY_TF32": str(int(tf32))}
    own |= {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
    own["JAX_DEFAULT_MATMUL_PRECISION"] = "tensorfloat32" if tf32 else "float32"
    return own if tf32 else {**own, "NVIDIA_TF32_OVERRIDE": "0"}


def family(engine: str) -> str:
    """Return the library whose arrays an engine computes with: cupy, torch, jax or tensorflow."""
    module, environment, _ = ENGINES[engine]
    if module == "keras_api":
        return environment.get("KERAS_BACKEND", "cupy")
    return {"pytorch": "torch", "jitted": "jax", "gpu_floor": "torch"}.get(module, "")


def clock_of(engine: str) -> Any:
    """Return a clock on the device, or None where a library has none, once its library is seen to see a GPU."""
    kind = family(engine)
    tf32 = os.environ.get("BENCH_TF32") == "1"
    if kind == "cupy":
        importlib.import_module("minifit").config.set_tf32(tf32)
        return _Clock(importlib.import_module("minifit").backend.xp().cuda)
    if kind == "torch":
        torch: Any = importlib.import_module("torch")
        _must_see(torch.cuda.is_available())
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = tf32
        return _TorchClock(torch.cuda)
    if kind == "jax":
        _must_see(importlib.import_module("jax").default_backend() == "gpu")
        return None
    if kind == "tensorflow":
        tensorflow: Any = importlib.import_module("tensorflow")
        _must_see(bool(tensorflow.config.list_physical_devices("GPU")))
        tensorflow.config.experimental.enable_tensor_float_32_execution(tf32)
        return None
    raise NotMeasured("runs on no GPU")


def _must_see(gpu: bool) -> None:
    if not gpu:
        raise NotMeasured("sees no GPU")


class _Clock:
    """Two events in CuPy's stream; the time between them is what the device says it was."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self._events = [cuda.Event(), cuda.Event()]

    def begin(self) -> None:
        self._cuda.runtime.deviceSynchronize()
        self._events[0].record()

    def end(self) -> float:
        self._events[1].record()
        self._events[1].synchronize()
        return self._cuda.get_elapsed_time(*self._events) / 1e3


class _TorchClock:
    """The same in PyTorch's stream."""

    def __init__(self, cuda: Any) -> None:
        self._cuda = cuda
        self._events = [cuda.Event(enable_timing=True) for _ in range(2)]

    def begin(self) -> None:
        self._cuda.synchronize()
        self._events[0].record()

    def end(self) -> float:
        self._events[1].record()
        self._events[1].synchronize()
        return self._events[0].elapsed_time(self._events[1]) / 1e3


def resident(x: np.ndarray) -> Any:
    """Return an array of the library behind the engine of this process, on its device."""
    if os.environ["BENCH_ENGINE"] == "minifit":
        return importlib.import_module("minifit").backend.asarray(x)
    kind = os.environ["KERAS_BACKEND"]
    library: Any = importlib.import_module("jax.numpy" if kind == "jax" else kind)
    if kind == "torch":
        return library.as_tensor(x, device="cuda" if wanted() else "cpu")
    return library.asarray(x) if kind == "jax" else library.constant(x)
