"""The array module in use, the float type, devices and transfers.

Every other file of the engine is written in plain NumPy calls. NumPy's own protocols
(``__array_ufunc__``, ``__array_function__``) carry those calls to the module that owns the
arrays, so only *creating* an array and *bringing one home* have to know the device, and both
happen here.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import os
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager
from types import ModuleType
from typing import Any

import numpy as np

from . import cuda

Array = Any  #: an ndarray of the module in use: ``numpy.ndarray`` or ``cupy.ndarray``

_ON_HOST = (np.ndarray, np.generic)
_FLOAT_TYPES = ("float16", "float32", "float64")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_tf32 = False
_device, _module = "", None  # of the process; nothing until an array is wanted
switched = False  #: whether the device was ever changed, so that arrays may lie on several
counts: dict[str, int] = {}  #: how often each automatic name was given


def floatx() -> str:
    """Return the float type of new weights and of computation, ``"float32"`` unless set.

    Examples
    --------
    >>> import minifit
    >>> minifit.config.floatx()
    'float32'
    """
    return _floatx


def set_floatx(value: str) -> None:
    """Set the float type: ``"float16"``, ``"float32"`` or ``"float64"``. Existing weights keep theirs."""
    global _floatx
    if value not in _FLOAT_TYPES:
        raise ValueError(f"set_floatx(value) expects one of {', '.join(_FLOAT_TYPES)}; got {value!r}.")
    _floatx = value


def epsilon() -> float:
    """Return the small number that keeps logarithms and divisions finite, 1e-7 unless set."""
    return _epsilon


def set_epsilon(value: float) -> None:
    """Set the small number that keeps logarithms and divisions finite."""
    global _epsilon
    if not isinstance(value, (int, float, np.number)) or not value >= 0:
        raise ValueError(f"set_epsilon(value) expects a number of at least 0, such as 1e-7; got {value!r}.")
    _epsilon = float(value)


def image_data_format() -> str:
    """Return where images have their channels unless a layer says it: ``"channels_last"`` unless set."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set where images have their channels: ``"channels_last"`` or ``"channels_first"``."""
    global _image_data_format
    _image_data_format = standardize_data_format(data_format)


def clear_session() -> None:
    """Start counting automatic names from the beginning."""
    counts.clear()


def standardize_data_format(data_format: str | None) -> str:
    """Return a data format in lower case, checked; that in force for None."""
    found = _image_data_format if data_format is None else str(data_format).lower()
    if found not in ("channels_first", "channels_last"):
        raise ValueError(f"data_format must be one of 'channels_first', 'channels_last'; got {data_format!r}.")
    return found


class _Here(threading.local):
    """What a ``with device(...)`` says to the thread that it runs in."""

    device: str = ""
    module: Any = None


_here = _Here()


def set_device(name: str) -> None:
    """Create arrays on ``"cpu"`` (NumPy) or ``"gpu"`` (CuPy) from now on.

    Without a call, the environment variable ``MINIFIT_DEVICE`` decides, or else it is ``"cpu"``. Weights of a model
    follow when it is trained, evaluated or asked to predict.

    Parameters
    ----------
    name : str
        ``"cpu"``, or ``"gpu"``, also called ``"cuda"``. Of several GPUs it is the first that is visible:
        ``CUDA_VISIBLE_DEVICES=1`` chooses another one.

    Raises
    ------
    ValueError
        If `name` is neither.
    RuntimeError
        If there is no CuPy or no GPU that it can use; it says which.
    """
    global _module, _device, switched
    found = _standardized("set_device(name)", name)
    before, _module, _device = _module, _module_of(found), found
    switched = switched or before not in (None, _module)


def get_device() -> str:
    """Return the device that new arrays are created on, ``"cpu"`` or ``"gpu"``."""
    xp()
    return _here.device or _device


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """Create arrays on another device inside a ``with`` block, in this thread alone.

    Examples
    --------
    >>> import minifit
    >>> with minifit.device("cpu"):
    ...     minifit.get_device()
    'cpu'
    """
    global switched
    found = _standardized("device(name)", name)
    before, outer = (_here.device, _here.module), xp()
    _here.device, _here.module = found, _module_of(found)
    switched = switched or outer is not _here.module
    try:
        yield
    finally:
        _here.device, _here.module = before


def _standardized(argument: str, name: Any) -> str:
    """Return ``"cpu"`` or ``"gpu"`` for one of the names that they go by."""
    found = {"cuda": "gpu"}.get(kind := str(name).lower().removesuffix(":0"), kind)
    if found not in ("cpu", "gpu"):
        several = found.partition(":")[0] in ("gpu", "cuda")
        hint = " Of several GPUs CUDA_VISIBLE_DEVICES chooses the one to use." if several else ""
        raise ValueError(f'{argument} expects "cpu" or "gpu"; got {name!r}.{hint}')
    return found


def _module_of(found: str) -> ModuleType:
    if found == "cpu":
        return np
    module = cuda.cupy()
    if _tf32:
        cuda.set_tf32(True)
    return module


def xp() -> ModuleType:
    """Return the array module in use: ``numpy`` or ``cupy``."""
    return _here.module or _module or _as_the_environment_says()


def _as_the_environment_says() -> ModuleType:
    global _module, _device
    found = _standardized("The environment variable MINIFIT_DEVICE", os.environ.get("MINIFIT_DEVICE") or "cpu")
    _module, _device = _module_of(found), found
    return _module


def asarray(value: Any, dtype: Any = None) -> Array:
    """Return `value` as an array on the device in use, copied only where it has to be."""
    module = _here.module or _module or xp()
    if module is np and type(value) is not np.ndarray and hasattr(value, "__cuda_array_interface__"):
        raise TypeError(
            'An array on the GPU was given while the device is "cpu". Call minifit.set_device("gpu") first, or fetch '
            "the array: array.get() for CuPy's, array.cpu() for PyTorch's."
        )
    return module.asarray(value, dtype=dtype)


def to_numpy(value: Any) -> np.ndarray:
    """Return a host copy of a device array; a NumPy array comes back as it is.

    This is the only way from a device to the host, and it is never taken implicitly.
    """
    value = getattr(value, "value", value)
    return value.get() if hasattr(value, "get") else np.asarray(value)


def here(array: Array) -> Array:
    """Return an array, which may lie on another device, on the device in use."""
    return np.asarray(to_numpy(array)) if xp() is np else asarray(array)


def free_memory() -> int:
    """Return how many bytes arrays can still take on the device in use; nobody knows it of the host."""
    return cuda.free_memory(xp())


def total_memory() -> int:
    """Return how many bytes arrays can take on the device in use."""
    return cuda.total_memory(xp())


def pinned(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return a new array on the host from which the device in use can read while the host goes on."""
    return cuda.pinned(xp(), shape, dtype)


def device_errors() -> AbstractContextManager[None]:
    """Return a context, or a decorator, in which errors of a device say what to do; see ``cuda.py``."""
    return cuda.errors_in_words(xp)


def in_words(error: Exception) -> Exception:
    """Return an error that says what to do instead of one of a device; any other error as it is."""
    return cuda.in_words(xp(), error) or error


def tf32() -> bool:
    """Tell whether products of float32 arrays on a GPU may round their factors to 10 binary digits, as TF32 does."""
    return _tf32


def set_tf32(on: bool) -> None:
    """Let products of float32 arrays on a GPU round their factors to 10 binary digits, where it can: quicker, and off
    unless asked for. Sums stay in float32, and so does all else."""
    global _tf32
    _tf32 = bool(on)
    if "gpu" in (_device, _here.device):
        cuda.set_tf32(_tf32)


def on_host(array: Any) -> bool:
    """Tell whether reading a number of this array is free, rather than a wait for a device."""
    return isinstance(array, _ON_HOST)


def is_here(array: Any) -> bool:
    """Tell whether an array lies on the device in use."""
    return on_host(array) == (xp() is np)


def is_float(array: Array) -> bool:
    """Tell whether an array holds floating-point numbers."""
    return array.dtype.kind == "f" or array.dtype.char == "E"  # that of bfloat16


@contextlib.contextmanager
def one_blas_thread(largest_product_flops: float) -> Iterator[None]:
    """Hold BLAS to one thread while products are small.

    Below about 256 MFLOP a second thread gains little, and on a busy machine the two threads
    spin waiting for each other, which has been measured to cost a factor of 20 and more. A
    limit that the user set in the environment is respected. Without threadpoolctl installed
    nothing is changed.

    Parameters
    ----------
    largest_product_flops : float
        Multiplications and additions in the largest matrix product of a step.
    """
    chosen_by_user = any(name in os.environ for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"))
    if chosen_by_user or largest_product_flops >= 256e6 or xp() is not np:
        yield
        return
    controller = _blas_controller()
    if controller is None:
        yield
        return
    _limited.enter(controller)
    try:
        yield
    finally:
        _limited.leave()


class _Limited:
    """Counts who wants one thread: the first sets the limit, the last lifts it, whichever threads they are."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._limit: Any = None

    def enter(self, controller: Any) -> None:
        with self._lock:
            if self._users == 0:
                self._limit = controller.limit(limits=1, user_api="blas")
            self._users += 1

    def leave(self) -> None:
        with self._lock:
            self._users -= 1
            if self._users == 0:
                self._limit.restore_original_limits()


_limited = _Limited()


@functools.cache
def _blas_controller() -> Any:
    """Return threadpoolctl's view of the loaded libraries, which takes milliseconds to get."""
    try:
        return importlib.import_module("threadpoolctl").ThreadpoolController()
    except ImportError:
        return None
