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
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  #: an ndarray of the module in use: ``numpy.ndarray`` or ``cupy.ndarray``

_FLOAT_TYPES = ("float16", "float32", "float64")

_floatx = "float32"
_epsilon = 1e-7
_image_data_format = "channels_last"
_module: ModuleType = np
_device = "cpu"
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


def set_device(name: str) -> None:
    """Create arrays on ``"cpu"`` (NumPy) or ``"gpu"`` (CuPy) from now on.

    Raises
    ------
    ValueError
        If `name` is neither.
    RuntimeError
        If there is no CuPy or no GPU that it can use.
    """
    global _module, _device
    if name == "cpu":
        _module = np
    elif name == "gpu":
        _module = _cupy()
    else:
        raise ValueError(f'set_device(name) expects "cpu" or "gpu"; got {name!r}.')
    _device = name


def get_device() -> str:
    """Return the device that new arrays are created on, ``"cpu"`` or ``"gpu"``."""
    return _device


@contextlib.contextmanager
def device(name: str) -> Iterator[None]:
    """Create arrays on another device inside a ``with`` block."""
    before = _device
    set_device(name)
    try:
        yield
    finally:
        set_device(before)


def _cupy() -> ModuleType:
    try:
        cupy = importlib.import_module("cupy")
        cupy.cuda.runtime.getDeviceCount()
    except ImportError:
        raise RuntimeError(
            'The device "gpu" needs CuPy, which is not installed. '
            'Install it with: pip install "minifit[gpu]" (CUDA 12) or "minifit[gpu13]" (CUDA 13).'
        ) from None
    except Exception as error:
        raise RuntimeError(
            f'The device "gpu" needs an NVIDIA GPU with a working driver; CuPy says: {error}. '
            'Use set_device("cpu") on this machine.'
        ) from None
    return cupy


def xp() -> ModuleType:
    """Return the array module in use: ``numpy`` or ``cupy``."""
    return _module


def asarray(value: Any, dtype: Any = None) -> Array:
    """Return `value` as an array on the device in use, copied only where it has to be."""
    return _module.asarray(value, dtype=dtype)


def to_numpy(value: Any) -> np.ndarray:
    """Return a host copy of a device array; a NumPy array comes back as it is.

    This is the only way from a device to the host, and it is never taken implicitly.
    """
    value = getattr(value, "value", value)
    return value.get() if hasattr(value, "get") else np.asarray(value)


def on_host(array: Any) -> bool:
    """Tell whether reading a number of this array is free, rather than a wait for a device."""
    return isinstance(array, np.ndarray)


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
    if chosen_by_user or largest_product_flops >= 256e6 or _module is not np:
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
