"""The pretend CUDA's driver without CuPy: kernels are compiled, loaded and launched by hand."""

import ctypes
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cuda_on_host import building

if sys.platform != "linux" or platform.machine() != "x86_64" or shutil.which("g++") is None:
    pytest.skip("kernels run on the host only on Linux, x86-64, with g++", allow_module_level=True)

SCALE = 'extern "C" __global__ void scale(float* x, float by) { x[blockIdx.x * blockDim.x + threadIdx.x] *= by; }'
SUMS = """
extern "C" __global__ void sums(const double* x, double* of_blocks, unsigned* order) {
    __shared__ double held[64];
    held[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    for (int step = 32; step; step /= 2) {
        __syncthreads();
        if (threadIdx.x < step) held[threadIdx.x] += held[threadIdx.x + step];
    }
    if (threadIdx.x == 0) of_blocks[blockIdx.x] = held[0];
    order[threadIdx.x] = __shfl_xor_sync(0xffffffffu, threadIdx.x, 5) + __ballot_sync(0xffffffffu, threadIdx.x % 2);
}"""


@pytest.fixture(scope="module")
def launched(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., int]:
    """A function that compiles a kernel and launches it; it returns the driver's status."""
    folder = tmp_path_factory.mktemp("driver")
    driver = ctypes.CDLL(
        str(building.library(folder / "libcuda.so.1", building.HERE / "driver.cpp")), ctypes.RTLD_GLOBAL
    )

    def launch(source: str, name: str, blocks: int, threads: int, *arguments: Any) -> int:
        (folder / "kernel.cpp").write_text(f'#include "{building.HERE}/device.h"\n' + building.host_source(source))
        made = folder / "kernel.so"
        subprocess.run(["g++", "-std=c++17", "-shared", *building.FLAGS, folder / "kernel.cpp", "-o", made], check=True)
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        assert driver.cuModuleLoadData(ctypes.byref(module), made.read_bytes()) == 0
        assert driver.cuModuleGetFunction(ctypes.byref(function), module, b"no such kernel") == 500
        assert driver.cuModuleGetFunction(ctypes.byref(function), module, name.encode()) == 0
        held = [a.ctypes.data_as(ctypes.c_void_p) if isinstance(a, np.ndarray) else a for a in arguments]
        places = (ctypes.c_void_p * len(held))(*[ctypes.addressof(a) for a in held])
        return int(driver.cuLaunchKernel(function, blocks, 1, 1, threads, 1, 1, 0, None, places, None))

    return launch


def test_every_thread_of_every_block_runs_once(launched: Callable[..., int]) -> None:
    x = np.arange(96, dtype="float32")
    assert launched(SCALE, "scale", 3, 32, x, ctypes.c_float(2)) == 0
    np.testing.assert_array_equal(x, 2 * np.arange(96))


def test_threads_wait_for_each_other_and_exchange_values(launched: Callable[..., int]) -> None:
    x, sums, order = np.random.default_rng(0).normal(size=(5, 64)), np.zeros(5), np.zeros(64, "uint32")
    assert launched(SUMS, "sums", 5, 64, x, sums, order) == 0
    np.testing.assert_allclose(sums, x.sum(axis=1))
    np.testing.assert_array_equal(order, (np.arange(64) % 32 ^ 5) + np.arange(64) // 32 * 32 + np.uint32(0xAAAAAAAA))


def test_waiting_for_ever_is_an_error(launched: Callable[..., int]) -> None:
    source = 'extern "C" __global__ void split() { if (threadIdx.x) __syncthreads(); else __syncwarp(); }'
    assert launched(source, "split", 1, 64) == 719


def test_a_block_that_no_gpu_could_run_is_refused(launched: Callable[..., int]) -> None:
    assert launched(SCALE, "scale", 1, 1025, np.zeros(1025, "float32"), ctypes.c_float(2)) == 1
