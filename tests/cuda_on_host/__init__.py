"""A pretend CUDA: real CuPy, without a GPU.

CuPy's own code runs as it was installed, Cython and Python, down to the calls that it makes into NVIDIA's libraries.
These calls land here: memory is the host's (`driver.cpp`), kernels are compiled by g++ instead of NVRTC and their
threads take turns on the processor (`device.h`, `driver.cpp`), products of matrices go to NumPy's BLAS (`blas.cpp`).

It answers whether a program gives the right numbers through CuPy, what CuPy refuses, how many kernels it launches,
what it copies between host and device, and what happens when memory runs out. It is NOT a GPU: it says nothing about
speed, about races between threads or streams, or about what NVIDIA's compiler and libraries round otherwise.

Wanted: Linux on x86-64, CuPy for CUDA 12 (``cupy-cuda12x``), and g++ 12 or newer. Missing, and refused with "not
supported": cuSOLVER, cuRAND, cuFFT, CUB, stream capture; sorting is done by NumPy.

    python -m tests.cuda_on_host script.py …            run a script on it
    python -m tests.cuda_on_host -m pytest tests/…      run a module on it
    CUDA_ON_HOST_MEMORY=100000000 python -m …           a device of so many bytes (8 GiB otherwise)
    CUDA_ON_HOST_BACKWARDS=1 python -m …                the last block and the last thread first
    CUDA_ON_HOST_GUARD=1 python -m …                    a kernel that leaves an array at its end crashes, and says where
    CUDA_ON_HOST_NVRTC=1 python -m …                    every kernel must please NVIDIA's compiler, too (nvidia.py)

In a program, call `install()` before CuPy is imported; `counters()` then tells what was done.
"""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from . import building

COUNTED = [  # as in driver.cpp
    *("launches", "products", "to_device", "to_host", "within", "fills", "waits", "allocations"),
    *("bytes_to_device", "bytes_to_host", "compiled"),
]

for _alias in ("cuda_on_host", "tests.cuda_on_host"):  # one module, whether tests/ or its parent is on the path
    sys.modules.setdefault(_alias, sys.modules[__name__])

_kept: list[Any] = []  # what the libraries hold pointers to
_driver: Any = None


def missing() -> str | None:
    """Return why it cannot be installed here, or None if it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "the pretend CUDA needs Linux on x86-64"
    if shutil.which("g++") is None or shutil.which("nm") is None:
        return "the pretend CUDA needs g++ and nm"
    if importlib.util.find_spec("cupy") is None or importlib.util.find_spec("cupy_backends") is None:
        return "CuPy is not installed"
    if b"libcublas.so.12" not in building.extension("libs/cublas").read_bytes():
        return "the pretend CUDA is made for cupy-cuda12x"
    if _driver is None and "cupy" in sys.modules:
        return "CuPy was imported before the pretend CUDA was installed"
    return None


def install() -> None:
    """Put the pretend CUDA in place of NVIDIA's libraries in this process."""
    global _driver
    if _driver is not None:
        return
    reason = missing()
    if reason:
        raise RuntimeError(reason)
    home = building.home()
    os.environ["CUPY_ACCELERATORS"] = ""  # neither CUB nor cuTENSOR
    os.environ["CUPY_CACHE_DIR"] = str(building.kernels())
    _driver = ctypes.CDLL(str(home / "libcuda.so.1"), ctypes.RTLD_GLOBAL)
    for name in ("libnvrtc.so.12", "libcublasLt.so.12"):
        _kept.append(ctypes.CDLL(str(home / name), ctypes.RTLD_GLOBAL))
    products = ctypes.CDLL(str(home / "libcublas.so.12"), ctypes.RTLD_GLOBAL)
    blas = ctypes.CDLL(str(_numpy_blas()))
    products.host_set_products(blas.scipy_sgemm_64_, blas.scipy_dgemm_64_)
    compile_kernel = ctypes.CFUNCTYPE(None, ctypes.c_void_p, *[ctypes.c_char_p] * 3)(_compile)
    _driver.host_set_compiler(compile_kernel)
    _kept.extend([products, blas, compile_kernel])
    set_memory(int(os.environ.get("CUDA_ON_HOST_MEMORY", 8 << 30)))
    _driver.host_set_backwards(bool(os.environ.get("CUDA_ON_HOST_BACKWARDS")))
    _replace_runtime()
    _sort_with_numpy()
    if os.environ.get("CUDA_ON_HOST_GUARD"):
        import cupy

        _driver.host_set_guarded()
        cupy.cuda.set_allocator(None)  # without CuPy's pool: every array is a block of its own
        faulthandler.enable()


def set_memory(size: int) -> None:
    """Give the device so many bytes in all."""
    _driver.host_set_memory(ctypes.c_size_t(size))


def counters() -> dict[str, int]:
    """Return what was done until now: kernel launches, matrix products, copies in each direction, waits, …"""
    values = (ctypes.c_ulonglong * len(COUNTED)).in_dll(_driver, "host_counters")
    return dict(zip(COUNTED, values, strict=True))


@contextlib.contextmanager
def counting() -> Iterator[dict[str, int]]:
    """Count what a block does: the dictionary is filled when the block ends."""
    before, during = counters(), dict.fromkeys(COUNTED, 0)
    yield during
    during.update({name: value - before[name] for name, value in counters().items()})


# ---------------------------------------------------------------------------------------------- CUDA's runtime


def _numpy_blas() -> Path:
    import numpy as np

    return next((Path(np.__file__).parents[1] / "numpy.libs").glob("libscipy_openblas64_*.so"))


def _replace_runtime() -> None:
    """Let CuPy's calls of the CUDA runtime, which its module contains as a copy, jump to `driver.cpp`."""
    path = building.extension("api/runtime")
    module = ctypes.CDLL(str(path))
    table = [line.split() for line in building.symbols(path)]
    offsets = {line[2]: int(line[0], 16) for line in table if len(line) == 3}
    begin = _address(module.PyInit_runtime) - offsets["PyInit_runtime"]
    for name, offset in offsets.items():
        if not name.startswith("cuda") or not name[4].isupper():
            continue
        ours = getattr(_driver, f"cudart_{name}", None)
        if ours is not None:
            code = b"\x48\xb8" + _address(ours).to_bytes(8, "little")  # mov rax, ours
        else:
            text = ctypes.create_string_buffer(name.encode())
            _kept.append(text)
            code = b"\x48\xbf" + ctypes.addressof(text).to_bytes(8, "little")  # mov rdi, the name
            code += b"\x48\xb8" + _address(_driver.host_refuse).to_bytes(8, "little")
        _overwrite(begin + offset, code + b"\xff\xe0")  # jmp rax
    _kept.append(module)


def _address(function: Any) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0


def _overwrite(address: int, code: bytes) -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    first, last = address // page * page, (address + len(code) + page - 1) // page * page
    protect = ctypes.CDLL(None, use_errno=True).mprotect
    if protect(ctypes.c_void_p(first), ctypes.c_size_t(last - first), 7):  # read, write, execute
        raise OSError(ctypes.get_errno(), "the system does not let code be changed in memory")
    ctypes.memmove(address, code, len(code))
    protect(ctypes.c_void_p(first), ctypes.c_size_t(last - first), 5)


# ---------------------------------------------------------------------------------------------- kernels and sorting


def _compile(program: int, source: bytes, options: bytes, names: bytes) -> None:
    """Compile a kernel's source for the host; called by ``nvrtcCompileProgram`` in `driver.cpp`."""
    try:
        code, log = building.compiled(source.decode(), options.decode().split("\n"), names.decode().splitlines())
    except Exception as error:  # nothing can rise through the C code that called
        code, log = b"", f"{type(error).__name__}: {error}"
    _driver.host_set_result(ctypes.c_void_p(program), code, ctypes.c_size_t(len(code)), log.encode())


def _sort_with_numpy() -> None:
    """Let NumPy do what CuPy has Thrust do: sort along the last axis."""
    import numpy as np
    from cupy.cuda import thrust

    def sort(dtype: Any, data: int, keys: int, shape: Sequence[int]) -> None:
        _view(data, shape, dtype).sort(axis=-1, kind="stable")

    def argsort(dtype: Any, index: int, data: int, keys: int, shape: Sequence[int]) -> None:
        values = _view(data, shape, dtype)
        order = np.argsort(values, axis=-1, kind="stable")
        _view(index, shape, np.int64)[...] = order
        values[...] = np.take_along_axis(values, order, axis=-1)

    def lexsort(dtype: Any, index: int, keys: int, k: int, n: int) -> None:
        _view(index, (n,), np.int64)[...] = np.lexsort(_view(keys, (k, n), dtype))

    thrust.sort, thrust.argsort, thrust.lexsort = sort, argsort, lexsort


def _view(address: int, shape: Sequence[int], dtype: Any) -> Any:
    """Return an array over the device's memory, which is the host's."""
    import numpy as np

    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * size).from_address(address), dtype).reshape(shape)
