"""The pretend CUDA gives what NumPy gives: real CuPy's own kernels, compiled for the host.

Skipped unless the tests were started with ``python -m tests.cuda_on_host -m pytest``.
"""

import os
from collections.abc import Callable
from typing import Any

import cuda_on_host
import numpy as np
import pytest

if "CUDA_ON_HOST" not in os.environ:
    pytest.skip("start it with python -m tests.cuda_on_host -m pytest", allow_module_level=True)
if cuda_on_host.missing():
    pytest.skip(str(cuda_on_host.missing()), allow_module_level=True)
cuda_on_host.install()

import cupy  # noqa: E402
import cupyx  # noqa: E402

RNG = np.random.default_rng(0)
TOLERANCE = {"e": 5e-3, "f": 1e-5, "d": 1e-13}
MATRIX = RNG.normal(size=(37, 70))

SAME: dict[str, Callable[[Any, Any], Any]] = {
    "a sum over everything": lambda np, a: a.sum(),
    "sums over rows": lambda np, a: a.sum(axis=1, keepdims=True),
    "sums over columns": lambda np, a: np.sum(a, axis=0),
    "means over two axes of three": lambda np, a: a.reshape(37, 7, 10).mean(axis=(0, 2)),
    "variances": lambda np, a: a.var(axis=0),
    "largest": lambda np, a: a.max(axis=-1),
    "smallest of all": lambda np, a: a.min(),
    "where the largest is": lambda np, a: a.argmax(axis=1),
    "where the largest of all is": lambda np, a: a.argmax(),
    "sums so far": lambda np, a: np.cumsum(a[:, :5], axis=0),
    "all and any": lambda np, a: np.stack([(a > -9).all(axis=1), (a > 2).any(axis=1)]),
    "rows and columns broadcast": lambda np, a: a[:, :1] * a[:1] - a.mean() / 3,
    "a view with steps backwards": lambda np, a: np.exp(a[:0:-2, ::3][:, :23]) + a[1::2, 1::3],
    "transposed": lambda np, a: np.ascontiguousarray(a.T) * a.T,
    "functions": lambda np, a: np.tanh(a) + np.log1p(abs(a)) + np.sqrt(abs(a)) + np.sign(a) + np.exp2(a),
    "powers and remainders": lambda np, a: abs(a) ** 1.5 + a % 0.5 + a // 0.5,
    "chosen by a mask": lambda np, a: np.where(a > 0, a, a * 0.1),
    "between two numbers": lambda np, a: np.clip(a, -0.5, 0.5),
    "rows by their numbers": lambda np, a: np.take(a, np.asarray([[3, 0], [36, 3]]), axis=0),
    "elements by their numbers": lambda np, a: a[np.asarray([1, 2, 2]), np.asarray([0, 5, 5])],
    "elements by a mask": lambda np, a: a[a > 1],
    "numbers of elements": lambda np, a: np.stack(np.nonzero(a > 1)),
    "joined": lambda np, a: np.concatenate([a, a[:3], -a], axis=0),
    "padded": lambda np, a: np.pad(a, ((1, 2), (0, 3))),
    "sorted": lambda np, a: np.sort(a, axis=1) + np.take_along_axis(a, np.argsort(a, axis=1), axis=1),
    "sorted along the first axis": lambda np, a: np.sort(a, axis=0),
    "another type": lambda np, a: (a * 100).astype("int32").astype("float16"),
    "a product of matrices": lambda np, a: a @ a.T,
    "a product with a vector": lambda np, a: np.dot(a, a[0]) + a @ a[1],
    "a product of vectors": lambda np, a: np.dot(a[0], a[1]),
    "products of many matrices": lambda np, a: np.matmul(a.reshape(37, 7, 10), a.reshape(37, 10, 7)),
    "one matrix times many": lambda np, a: np.matmul(a[:4, :7], a.reshape(37, 7, 10)),
    "a product over two axes": lambda np, a: (
        np.tensordot(a.reshape(37, 7, 10), a[:, :28].reshape(37, 7, 4), [[0, 1], [0, 1]])
    ),
    "by indices": lambda np, a: np.einsum("bij,bkj->bik", a.reshape(37, 7, 10), a.reshape(37, 7, 10)),
}  # fmt: skip


def close(got: Any, expected: Any, dtype: str) -> None:
    assert isinstance(got, cupy.ndarray)
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    scale = np.abs(expected.astype("float64")).max(initial=1.0)
    np.testing.assert_allclose(got.get(), expected, rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype] * scale)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", SAME)
def test_cupy_gives_what_numpy_gives(name: str, dtype: str) -> None:
    array = MATRIX.astype(dtype)
    close(SAME[name](cupy, cupy.asarray(array)), np.asarray(SAME[name](np, array)), dtype)


@pytest.mark.parametrize("dtype", "bBhHiIlL?")
def test_integers_and_truths(dtype: str) -> None:
    array = (MATRIX * 9).astype("int8").astype(dtype)
    on_device = cupy.asarray(array)
    for got, expected in ((on_device * 3, array * 3), (on_device.sum(axis=0), array.sum(axis=0))):
        assert got.dtype == expected.dtype
        np.testing.assert_array_equal(got.get(), expected)


def test_numpys_functions_find_cupy() -> None:
    on_device = cupy.asarray(MATRIX)
    assert isinstance(np.exp(on_device), cupy.ndarray)
    assert isinstance(np.concatenate([on_device, on_device]), cupy.ndarray)
    with pytest.raises(TypeError, match="Implicit conversion"):
        np.asarray(on_device)
    with pytest.raises(TypeError, match="Unsupported type"):
        on_device + MATRIX


def test_adding_where_indices_repeat() -> None:
    got, expected = cupy.zeros((5, 3)), np.zeros((5, 3))
    rows, values = np.array([0, 4, 0, 0]), RNG.normal(size=(4, 3))
    cupyx.scatter_add(got, cupy.asarray(rows), cupy.asarray(values))
    np.add.at(expected, rows, values)
    close(got, expected, "d")
    cupy.add.at(got, cupy.asarray(rows), 1.0)
    np.add.at(expected, rows, 1.0)
    close(got, expected, "d")


def test_elementwise_kernels() -> None:
    kernel = cupy.ElementwiseKernel(
        "T x, raw T table, float32 scale", "T y, int32 n", "y = x * scale + table[i % 3]; n = i"
    )
    table = np.array([1, 2, 3.0])
    y, n = kernel(cupy.asarray(MATRIX), cupy.asarray(table), np.float32(0.5))
    np.testing.assert_array_equal(n.get().ravel(), np.arange(MATRIX.size))
    close(y, MATRIX * 0.5 + table[np.arange(MATRIX.size) % 3].reshape(MATRIX.shape), "d")


def test_reduction_kernels() -> None:
    kernel = cupy.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")
    close(kernel(cupy.asarray(MATRIX), axis=1), np.sqrt((MATRIX**2).sum(axis=1)), "d")


def test_fused_functions() -> None:
    @cupy.fuse
    def length(x: Any, y: Any) -> Any:
        return cupy.sqrt(x * x + y)

    close(length(cupy.asarray(MATRIX), 2.0), np.sqrt(MATRIX**2 + 2.0), "d")


BLOCK_SUMS = r"""
extern "C" __global__ void block_sums(const double* x, double* sums, double* total, int n) {
    extern __shared__ double mine[];
    __shared__ double of_warps[32];
    double sum = 0;
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) sum += x[i];
    mine[threadIdx.x] = sum;
    __syncthreads();
    for (int step = blockDim.x / 2; step; step /= 2) {
        if (threadIdx.x < step) mine[threadIdx.x] += mine[threadIdx.x + step];
        __syncthreads();
    }
    for (int step = 16; step; step /= 2) sum += __shfl_xor_sync(0xffffffff, sum, step);
    if (threadIdx.x % 32 == 0) of_warps[threadIdx.x / 32] = sum;
    __syncthreads();
    if (threadIdx.x == 0) {
        sums[blockIdx.x] = mine[0];
        for (int i = 0; i < blockDim.x / 32; i++) atomicAdd(total, of_warps[i]);
    }
}"""


def test_threads_of_a_block_wait_for_each_other() -> None:
    kernel = cupy.RawKernel(BLOCK_SUMS, "block_sums")
    sums, total = cupy.zeros(3), cupy.zeros(1)
    kernel((3,), (128,), (cupy.asarray(MATRIX), sums, total, np.int32(MATRIX.size)), shared_mem=128 * 8)
    assert float(sums.sum()) == pytest.approx(MATRIX.sum(), rel=1e-12)
    assert float(total[0]) == pytest.approx(MATRIX.sum(), rel=1e-12)


def test_threads_that_wait_for_ever_are_an_error() -> None:
    ended = 'extern "C" __global__ void ended(int* n) { if (threadIdx.x < 40) { __syncthreads(); atomicAdd(n, 1); } }'
    count = cupy.zeros(1, "int32")
    cupy.RawKernel(ended, "ended")((1,), (64,), (count,))
    assert int(count[0]) == 40  # who has ended is waited for no longer
    split = 'extern "C" __global__ void split() { if (threadIdx.x) __syncthreads(); else __syncwarp(); }'
    with pytest.raises(cupy.cuda.driver.CUDADriverError, match="LAUNCH_FAILED"):
        cupy.RawKernel(split, "split")((1,), (64,), ())


def test_templates_by_their_names() -> None:
    source = "template <class T> __global__ void twice(T* x) { x[threadIdx.x] *= T(2); }"
    module = cupy.RawModule(code=source, name_expressions=["twice<float>", "twice<int>"])
    numbers, counts = cupy.ones(8, "float32"), cupy.ones(8, "int32")
    module.get_function("twice<float>")((1,), (8,), (numbers,))
    module.get_function("twice<int>")((1,), (8,), (counts,))
    assert numbers.tolist() == counts.tolist() == [2] * 8


def test_source_that_does_not_compile_is_cupys_own_error() -> None:
    with pytest.raises(cupy.cuda.compiler.CompileException, match="nonsense"):
        cupy.ElementwiseKernel("T x", "T y", "y = nonsense(x)")(cupy.ones(3))


def test_memory_has_an_end() -> None:
    pool = cupy.get_default_memory_pool()
    free, total = cupy.cuda.runtime.memGetInfo()
    assert 0 < free <= total
    try:
        cuda_on_host.set_memory(total - free + 10_000_000)
        with pytest.raises((cupy.cuda.memory.OutOfMemoryError, cupy.cuda.runtime.CUDARuntimeError)):
            cupy.empty(20_000_000, "uint8")
        assert cupy.ones(1_000_000, "float32").sum() == 1_000_000
    finally:
        cuda_on_host.set_memory(total)
    pool.free_all_blocks()


def test_memory_that_nobody_wrote_is_not_zero() -> None:
    memory = cupy.cuda.MemoryPointer(cupy.cuda.Memory(8000), 0)
    assert np.isnan(cupy.ndarray(1000, memptr=memory).get()).all()


def test_what_is_done_is_counted() -> None:
    x = cupy.asarray(MATRIX)
    _ = x + x, x @ x.T  # compiled, and the library is loaded
    with cuda_on_host.counting() as done:
        y = x + x
        z = y @ y.T
        assert float(z[0, 0]) > 0
        cupy.asarray(MATRIX)
    assert (done["launches"], done["products"], done["to_host"], done["to_device"]) == (1, 1, 1, 1)
    assert done["bytes_to_device"] == MATRIX.nbytes


def test_streams_and_events() -> None:
    begin, end = cupy.cuda.Event(), cupy.cuda.Event()
    with cupy.cuda.Stream(non_blocking=True) as stream:
        begin.record()
        x = cupy.ones(100_000).sum()
        end.record()
        stream.synchronize()
    assert float(x) == 100_000
    assert cupy.cuda.get_elapsed_time(begin, end) > 0
    pinned = cupy.cuda.alloc_pinned_memory(800)
    host = np.frombuffer(pinned, "float64", 100)
    cupy.arange(100.0).get(out=host)
    np.testing.assert_array_equal(host, np.arange(100.0))
