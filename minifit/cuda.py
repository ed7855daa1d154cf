"""CuPy: found, asked for memory, and what it raises said in words.

CuPy is imported when a GPU is asked for, never before. Whatever stands in the way of using one, at the start or in the
middle of training, becomes one error here, and the error says what to do.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import math
import os
import re
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np

_INSTALL = 'pip install "minifit[gpu]" (CUDA 12) or "minifit[gpu13]" (CUDA 13)'
_NO_ROOM = (2, "CUBLAS_STATUS_ALLOC_FAILED")  # cudaErrorMemoryAllocation
_NO_DEVICE, _OLD_DRIVER = 100, 35
UNLIMITED = 1 << 62  #: bytes of memory, where nobody knows how many there are


# --------------------------------------------------------------------------- is there a GPU, and can it be used?


@functools.cache
def cupy() -> ModuleType:
    """Return CuPy, once a first product on the GPU has come out right; or raise RuntimeError, which says why not."""
    try:
        module = importlib.import_module("cupy")
    except ImportError as error:
        if error.name == "cupy":
            raise RuntimeError(
                f'The device "gpu" needs CuPy, which is not installed. Install it: {_INSTALL}.'
            ) from None
        raise RuntimeError(f'The device "gpu" needs CuPy, which does not load: {error}. Try: {_INSTALL}.') from None
    try:
        module.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise RuntimeError(f'The device "gpu" {_why_not(module, error)}') from None
    try:
        ones = module.ones((2, 2), dtype="float32")
        right = float((ones @ ones).sum()) == 8.0
    except Exception as error:
        raise RuntimeError(
            f'The device "gpu" was found, but a first product on it failed: {_first_line(error)}. If CUDA\'s libraries '
            f"are what is missing, they come with {_INSTALL}."
        ) from None
    if not right:
        raise RuntimeError('The device "gpu" computes wrongly: 2 x 2 ones multiplied do not sum to 8. Use "cpu".')
    return module


def _why_not(module: ModuleType, error: Exception) -> str:
    """Say why CuPy finds no GPU."""
    status, runtime = getattr(error, "status", None), module.cuda.runtime
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    hidden = f" CUDA_VISIBLE_DEVICES is {visible!r}, which may hide it." if visible is not None else ""
    if status == _NO_DEVICE:
        return f'finds no NVIDIA GPU in this machine.{hidden} Use set_device("cpu") here.'
    if status == _OLD_DRIVER:
        driver, built = (_version(version()) for version in (runtime.driverGetVersion, runtime.runtimeGetVersion))
        if driver == "0.0":
            return 'needs an NVIDIA GPU and its driver; this machine has no such driver. Use set_device("cpu") here.'
        return (
            f"needs a newer driver: that of this machine is for CUDA {driver}, and CuPy was built for CUDA {built}. "
            f"Update the driver, or install the CuPy that fits it: {_INSTALL}."
        )
    return f'needs an NVIDIA GPU with a working driver; CuPy says: {error}.{hidden} Use set_device("cpu") here.'


def _version(number: int) -> str:
    return f"{number // 1000}.{number % 1000 // 10}"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0] if lines else ''}".rstrip(".: ")


# --------------------------------------------------------------------------- memory


def free_memory(module: Any) -> int:
    """Return how many bytes arrays of a module can still take."""
    if not hasattr(module, "cuda"):
        return UNLIMITED
    pool = module.get_default_memory_pool()
    room, limit = module.cuda.runtime.memGetInfo()[0] + pool.free_bytes(), pool.get_limit()
    return int(min(room, limit - pool.used_bytes()) if limit else room)


def total_memory(module: Any) -> int:
    """Return how many bytes arrays of a module can take in all."""
    if not hasattr(module, "cuda"):
        return UNLIMITED
    total, limit = module.cuda.runtime.memGetInfo()[1], module.get_default_memory_pool().get_limit()
    return int(min(total, limit) if limit else total)


def pinned(module: Any, shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a new array on the host from which a device can read while the host goes on; a plain one without."""
    if not hasattr(module, "cuda"):
        return np.empty(shape, dtype)
    size = math.prod(shape)
    memory = module.cuda.alloc_pinned_memory(max(size, 1) * np.dtype(dtype).itemsize)
    return np.frombuffer(memory, dtype, size).reshape(shape)


def set_tf32(on: bool) -> None:
    """Let products of float32 arrays round their factors to 10 binary digits, or not."""
    products: Any = importlib.import_module("cupy._core._routines_linalg")
    products.set_compute_type("f", products.COMPUTE_TYPE_TF32 if on else products.COMPUTE_TYPE_DEFAULT)


# --------------------------------------------------------------------------- errors in words


@contextlib.contextmanager
def errors_in_words(module: Any) -> Iterator[None]:
    """Turn what CuPy raises inside the block into an error that says what to do; others pass as they are.

    It is a decorator, too. After an error for want of memory what the failed step held is given back, and the process
    goes on.
    """
    try:
        yield
    except Exception as error:
        told = in_words(module() if callable(module) else module, error)
        if told is None:
            raise
        # The step's arrays live in the frames that the error came through: let go of them, and of the error.
        if isinstance(told, MemoryError):
            importlib.import_module("traceback").clear_frames(error.__traceback__)
        cause = None if isinstance(told, MemoryError) else error
    else:
        return
    raise told from cause


def in_words(module: Any, error: Exception) -> Exception | None:
    """Return the error to raise instead of one of CuPy's; None if it is no matter of the device."""
    if isinstance(error, (TypeError, ValueError)):
        return _mixed(error, on_gpu=module is not np)
    if not type(error).__module__.startswith("cupy"):
        return None
    text, status = str(error), getattr(error, "status", None)
    if isinstance(error, MemoryError) or status in _NO_ROOM or _NO_ROOM[1] in text:
        return _no_room(module, text)
    if text.startswith(("cudaError", "CUDA_ERROR", "CUBLAS_STATUS", "CURAND_STATUS", "NVRTC_ERROR")):
        return RuntimeError(
            f"The GPU, or its driver, gave up: {_first_line(error)}. Nothing more can run on it in this process, and "
            "what lies in its memory is lost. Start Python again; with callbacks.BackupAndRestore the same script goes "
            'on where it was. If nvidia-smi fails too, restart the machine; set_device("cpu") works without a GPU.'
        )
    return None


def _no_room(module: Any, text: str) -> MemoryError:
    wanted = re.search(r"allocating ([\d,]+) bytes", text)
    needed = f"another {wanted[1]} bytes" if wanted else "what it was asked for"
    try:
        module.get_default_memory_pool().free_all_blocks()
        left = f"{free_memory(module):,} of {total_memory(module):,} bytes are free"
    except Exception:  # it has none to ask, or does not answer
        left = "too few bytes are free"
    return MemoryError(
        f"The GPU has no room for {needed}: {left}. Take fewer samples at a time: pass a smaller batch_size= (to fit, "
        "evaluate or predict); or free what else lies on the GPU."
    )


def _mixed(error: Exception, on_gpu: bool) -> TypeError | None:
    text = str(error)
    met = "numpy.ndarray" in text and any(words in text for words in ("Unsupported type", "expected cupy", "for fill"))
    if not on_gpu and (met or "Implicit conversion to a NumPy array" in text):
        return TypeError(
            f'An array, or a weight of a model, lies on the GPU while the device is "cpu" ({_first_line(error)}). Call '
            'minifit.set_device("gpu") first, or fetch the array: minifit.backend.to_numpy(array). Weights follow at '
            "fit, evaluate and predict; before a model is called directly, one of these has to be."
        )
    if met:
        return TypeError(
            f"An array on the host met one on the GPU ({_first_line(error)}). Bring it over first: "
            "minifit.backend.asarray(array). The weights of a model come to the device in use at fit, evaluate and "
            "predict; before it is called directly after set_device(), one of these has to be."
        )
    if "Implicit conversion to a NumPy array" in text:
        return TypeError(
            f"An array on the GPU was taken for one on the host ({_first_line(error)}). Use NumPy's functions on it as "
            "they are, without np.asarray() or float lists; or fetch it: minifit.backend.to_numpy(array)."
        )
    return None
