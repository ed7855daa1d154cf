"""CuPy's `ElementwiseKernel`, `ReductionKernel` and `RawKernel`, compiled for the host and run on NumPy arrays.

A kernel's source is the same text that a GPU would be given: g++ compiles it behind a header of what CUDA adds to C++.
The threads of a block are fibers that a barrier switches between, so shared memory means what it means on a device.
What is not here is speed, and anything of CuPy's conventions that the engine's kernels have no use for.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

COMPILER = shutil.which("g++")
WHY_NOT = "kernels run on the host only where there is a C++ compiler, g++"

_TYPES = {
    "bool": "bool", "int8": "signed char", "uint8": "unsigned char", "int16": "short", "uint16": "unsigned short",
    "int32": "int", "uint32": "unsigned int", "int64": "long long", "uint64": "unsigned long long",
    "float16": "float16", "float32": "float", "float64": "double",
}  # fmt: skip

_HEADER = r"""
#include <math.h>
#include <stdint.h>
#include <stddef.h>
#include <string.h>
#include <ucontext.h>
#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __restrict__
#define __shared__ static
#define __launch_bounds__(...)

struct float16 {  // as CuPy's: a half that is stored, and computed with as float
    uint16_t bits;
    float16() {}
    float16(float x) {
        uint32_t u; memcpy(&u, &x, 4);
        uint32_t sign = u >> 16 & 0x8000, size = u & 0x7fffffff;
        if (size > 0x7f800000) bits = sign | 0x7e00;
        else if (size >= 0x477ff000) bits = sign | 0x7c00;
        else if (size < 0x38800000) {  // adding a half rounds at the place where a subnormal half ends
            float y; memcpy(&y, &size, 4); y += 0.5f; memcpy(&u, &y, 4);
            bits = sign | (u - 0x3f000000);
        } else bits = sign | (size - 0x38000000 + 0xfff + (size >> 13 & 1)) >> 13;
    }
    operator float() const {
        uint32_t sign = (uint32_t)(bits & 0x8000) << 16, size = bits & 0x7fff, u; float x;
        if (size >= 0x7c00) u = sign | 0x7f800000 | (size & 0x3ff) << 13;
        else if (size >= 0x400) u = sign | (size << 13) + 0x38000000;
        else { x = size * 5.9604644775390625e-8f; memcpy(&u, &x, 4); u |= sign; }
        memcpy(&x, &u, 4); return x;
    }
};
struct Index { ptrdiff_t at[16]; ptrdiff_t operator[](int k) const { return at[k]; } };
template <typename T> struct Raw {  // an array of any strides, by the number of an element or by an index an axis
    char* data; ptrdiff_t count, ndim, sizes[16], steps[16];
    ptrdiff_t size() const { return count; }
    const ptrdiff_t* shape() const { return sizes; }
    const ptrdiff_t* strides() const { return steps; }
    T& operator[](ptrdiff_t i) const {
        char* place = data;
        for (int k = ndim - 1; k >= 0; k--) { place += i % sizes[k] * steps[k]; i /= sizes[k]; }
        return *(T*)place;
    }
    T& operator[](const ptrdiff_t* index) const {
        char* place = data;
        for (int k = 0; k < ndim; k++) place += index[k] * steps[k];
        return *(T*)place;
    }
    T& operator[](const Index& index) const { return (*this)[index.at]; }
};
struct Indexer {
    ptrdiff_t count, ndim, sizes[16], here;
    ptrdiff_t size() const { return count; }
    Index get() const {
        Index index; ptrdiff_t i = here;
        for (int k = ndim - 1; k >= 0; k--) { index.at[k] = i % sizes[k]; i /= sizes[k]; }
        return index;
    }
};
template <typename T> static inline T min(T a, T b) { return b < a ? b : a; }
template <typename T> static inline T max(T a, T b) { return a < b ? b : a; }
template <typename T> static inline T atomicAdd(T* place, T x) { T old = *place; *place += x; return old; }
template <typename T> static inline T __ldg(const T* place) { return *place; }
static inline unsigned __umulhi(unsigned a, unsigned b) { return (uint64_t)a * b >> 32; }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned __int128)a * b >> 64;
}
static inline void __threadfence() {}
struct Three { unsigned x, y, z; };
static Three threadIdx, blockIdx, blockDim, gridDim;
static ucontext_t scheduler, fibers[1024];
static Three places[1024];
static bool done[1024];
static int running = -1;
static inline void __syncthreads() {
    if (running < 0) return;  // one thread by itself
    swapcontext(&fibers[running], &scheduler);
    threadIdx = places[running];
}
"""

_BLOCKS = r"""
static void** given;
static void one() { CALL; done[running] = true; swapcontext(&fibers[running], &scheduler); }
extern "C" void entry(void** args, unsigned* sizes) {
    given = args;
    running = 0;
    gridDim = {sizes[0], sizes[1], sizes[2]}; blockDim = {sizes[3], sizes[4], sizes[5]};
    int count = sizes[3] * sizes[4] * sizes[5];
    static char stacks[1024][32768];
    for (blockIdx.z = 0; blockIdx.z < gridDim.z; blockIdx.z++)
    for (blockIdx.y = 0; blockIdx.y < gridDim.y; blockIdx.y++)
    for (blockIdx.x = 0; blockIdx.x < gridDim.x; blockIdx.x++) {
        for (int t = 0; t < count; t++) {
            places[t] = {t % blockDim.x, t / blockDim.x % blockDim.y, t / (blockDim.x * blockDim.y)};
            done[t] = false;
            getcontext(&fibers[t]);
            fibers[t].uc_stack.ss_sp = stacks[t]; fibers[t].uc_stack.ss_size = sizeof stacks[t];
            fibers[t].uc_link = 0;
            makecontext(&fibers[t], one, 0);
        }
        for (int left = count; left;)  // from barrier to barrier, one thread after another
            for (int t = 0; t < count; t++)
                if (!done[t]) {
                    running = t; threadIdx = places[t];
                    swapcontext(&scheduler, &fibers[t]);
                    left -= done[t];
                }
    }
}
"""


@functools.cache
def compiled(source: str) -> ctypes.CDLL:
    """Return the library that g++ makes of a source behind the header, kept between runs by its hash."""
    if COMPILER is None:
        raise RuntimeError(WHY_NOT)
    text = _HEADER + source
    folder = Path(tempfile.gettempdir()) / f"host_kernels_{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    library = folder / f"{hashlib.sha256(text.encode()).hexdigest()[:24]}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=folder) as work:
            (Path(work) / "kernel.cpp").write_text(text)
            options = ["-O1", "-std=c++17", "-w", "-shared", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing"]
            command = [COMPILER, *options, "kernel.cpp", "-o", "kernel.so"]
            found = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
            if found.returncode:
                raise RuntimeError(f"{found.stderr}\n{source}")
            (Path(work) / "kernel.so").replace(library)
    return ctypes.CDLL(str(library))


class Param(NamedTuple):
    """One of a kernel's parameters."""

    name: str
    type: str  # a dtype's name, or a letter that stands for one
    raw: bool


def params(text: str) -> list[Param]:
    """Return what CuPy reads in a list such as ``"raw T x, float32 y"``."""
    words = [part.replace("const ", "").split() for part in text.split(",") if part.strip()]
    return [Param(w[-1], w[-2], "raw" in w[:-2]) for w in words]


def inside(value: Any) -> Any:
    """Return the NumPy array in an array of the device; anything else as it is."""
    return getattr(value, "_hidden", value)


def _refused(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.ndim > 0


class _Call:
    """The arguments of one call, checked and typed as CuPy does it."""

    def __init__(self, kernel: Any, args: Sequence[Any]) -> None:
        self.wrap: Any = next((type(a) for a in args if hasattr(a, "_hidden")), None)
        if self.wrap is not None and any(map(_refused, args)):
            raise TypeError("Unsupported type <class 'numpy.ndarray'>")
        n_in, n_out = len(kernel.ins), len(kernel.outs)
        if len(args) not in (n_in, n_in + n_out):
            raise TypeError(f"Wrong number of arguments for {kernel.name!r}: {len(args)}")
        given = list(map(inside, args))
        self.types: dict[str, np.dtype] = {}
        order = sorted(zip([*kernel.ins, *kernel.outs], given, strict=False), key=lambda p: not hasattr(p[1], "ndim"))
        for param, value in order:
            if len(param.type) == 1:
                found = value.dtype if hasattr(value, "dtype") else np.dtype(type(value))
                if self.types.setdefault(param.type, found) != found and hasattr(value, "ndim"):
                    raise TypeError(f"Type is mismatched. {param.name} {found} {self.types[param.type]}")
        self.ins = [self._typed(p, v) for p, v in zip(kernel.ins, given, strict=False)]
        self.outs = given[n_in:] or None
        for param, value in zip(kernel.outs, given[n_in:], strict=False):
            if not isinstance(value, np.ndarray):
                raise TypeError("Output arguments type must be arrays")
            if value.dtype != self.dtype(param) and not (
                np.can_cast(self.dtype(param), value.dtype, "same_kind") and not param.raw
            ):
                raise TypeError(f"output {param.name!r} is {value.dtype} and not {self.dtype(param)}")

    def dtype(self, param: Param) -> np.dtype:
        return self.types[param.type] if len(param.type) == 1 else np.dtype(param.type)

    def _typed(self, param: Param, value: Any) -> np.ndarray:
        kind = self.dtype(param)
        if isinstance(value, np.ndarray) and value.ndim and param.raw and value.dtype != kind:
            raise TypeError(f"Type is mismatched: raw {param.name!r} is {value.dtype} and not {kind}")
        if isinstance(value, np.ndarray):
            return value if value.dtype == kind else value.astype(kind)
        return np.asarray(value, kind)

    def define(self, param: Param, number: int) -> str:
        """Return C++ that makes a parameter of what comes in as ``args[number]``."""
        kind = _TYPES[self.dtype(param).name]
        if param.raw:
            return f"Raw<{kind}>& {param.name} = *(Raw<{kind}>*)args[{number}];"
        return f"{kind}* {param.name}_all = ({kind}*)args[{number}];"


class _Raw(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p), ("count", ctypes.c_ssize_t), ("ndim", ctypes.c_ssize_t),
        ("sizes", ctypes.c_ssize_t * 16), ("steps", ctypes.c_ssize_t * 16),
    ]  # fmt: skip


def _raw(array: np.ndarray) -> _Raw:
    sizes = (ctypes.c_ssize_t * 16)(*array.shape)
    return _Raw(array.ctypes.data, array.size, array.ndim, sizes, (ctypes.c_ssize_t * 16)(*array.strides))


def _pointers(things: Sequence[Any]) -> Any:
    addresses = [ctypes.addressof(t) if isinstance(t, ctypes.Structure) else t.ctypes.data for t in things]
    return (ctypes.c_void_p * len(addresses))(*addresses)


def _defines(types: dict[str, np.dtype]) -> str:
    return "".join(f"typedef {_TYPES[kind.name]} {letter};\n" for letter, kind in types.items())


class ElementwiseKernel:
    """Runs a body of C++ once for every element of arrays that broadcast against each other."""

    launches = 0  # of all kernels, for tests that count
    sources: ClassVar[set[str]] = set()  # CUDA of all that ran, for tests that give it to NVIDIA's compiler

    def __init__(
        self, in_params: str, out_params: str, operation: str, name: str = "kernel", reduce_dims: bool = True,
        preamble: str = "", no_return: bool = False, return_tuple: bool = False, loop_prep: str = "",
        after_loop: str = "", options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.ins, self.outs, self.operation, self.name = params(in_params), params(out_params), operation, name
        self.preamble, self.loop_prep, self.after_loop = preamble, loop_prep, after_loop
        self.no_return, self.return_tuple = no_return, return_tuple

    def _source(self, call: _Call) -> str:
        both = [*self.ins, *self.outs]
        plain = [p for p in both if not p.raw]
        lines = [call.define(p, k) for k, p in enumerate(both)]
        each = [f"{'' if p in self.outs else 'const '}auto& {p.name} = {p.name}_all[i];" for p in plain]
        return "\n".join([
            _defines(call.types), self.preamble, 'extern "C" void entry(void** args, Indexer& _ind) {', *lines,
            "blockDim = gridDim = {1, 1, 1};", self.loop_prep,
            ";for (ptrdiff_t i = 0; i < _ind.size(); i++) { _ind.here = i;", *each, self.operation,
            ";}", self.after_loop, ";}",
        ])  # fmt: skip

    def _cuda(self, call: _Call) -> str:
        """Return what CuPy would make of it, but for strides."""
        both = [*self.ins, *self.outs]
        taken = [f"{_TYPES[call.dtype(p).name]}* {p.name}{'' if p.raw else '_all'}" for p in both]
        each = [f"{'' if p in self.outs else 'const '}auto& {p.name} = {p.name}_all[i];" for p in both if not p.raw]
        return "\n".join([
            "typedef decltype((char*)0 - (char*)0) ptrdiff_t;", _defines(call.types), self.preamble,
            f'extern "C" __global__ void kernel({", ".join(taken)}, ptrdiff_t size) {{', self.loop_prep,
            ";for (ptrdiff_t i = blockIdx.x * blockDim.x + threadIdx.x; i < size; i += gridDim.x * blockDim.x) {",
            *each, self.operation, ";}", self.after_loop, ";}",
        ])  # fmt: skip

    def __call__(self, *args: Any, size: int | None = None, block_size: int = 128, stream: Any = None) -> Any:
        ElementwiseKernel.launches += 1
        call = _Call(self, args)
        if "_ind" not in self.operation:
            ElementwiseKernel.sources.add(self._cuda(call))
        outs = call.outs
        given = zip(self.ins, call.ins, map(inside, args), strict=False)
        shapes = [v.shape for p, v, arg in given if not p.raw and hasattr(arg, "shape")]  # numbers are no arrays
        shapes += [v.shape for p, v in zip(self.outs, outs or (), strict=False) if not p.raw]
        if (size is None) != bool(shapes):
            raise ValueError("size is given if and only if all arrays are raw")
        shape = np.broadcast_shapes(*shapes) if size is None else (size,)
        if outs is None:
            outs = [np.empty(shape, call.dtype(p)) for p in self.outs]
        if any(not p.raw and v.shape != shape for p, v in zip(self.outs, outs, strict=True)):
            raise ValueError(f"an output of {self.name!r} has not the shape {shape} of what is computed")
        things: list[Any] = []
        for param, value in zip(self.ins, call.ins, strict=True):
            spread = value if param.raw else np.array(np.broadcast_to(value, shape), order="C")
            things.append(_raw(spread) if param.raw else spread)
        made = [v if p.raw else np.array(v, call.dtype(p), order="C") for p, v in zip(self.outs, outs, strict=True)]
        things += [_raw(v) if p.raw else v for p, v in zip(self.outs, made, strict=True)]
        index = _Raw(0, int(np.prod(shape, dtype=np.int64)), len(shape), (ctypes.c_ssize_t * 16)(*shape))
        sizes = np.array([index.count, index.ndim, *index.sizes, 0], np.int64)
        compiled(self._source(call)).entry(_pointers(things), ctypes.c_void_p(sizes.ctypes.data))
        for param, value, new in zip(self.outs, outs, made, strict=True):
            if not param.raw:
                value[...] = new
        return self._returned(call, args, outs)

    def _returned(self, call: _Call, args: Sequence[Any], outs: list[np.ndarray]) -> Any:
        if self.no_return:
            return None
        if call.outs is not None:
            results = list(args[len(self.ins) :])
        else:
            results = [o if call.wrap is None else call.wrap(o) for o in outs]
        return tuple(results) if len(results) > 1 or self.return_tuple else results[0]


class ReductionKernel:
    """Maps elements, and reduces what comes of it over axes."""

    def __init__(
        self, in_params: str, out_params: str, map_expr: str, reduce_expr: str, post_map_expr: str, identity: str,
        name: str = "reduce_kernel", reduce_type: str | None = None, reduce_dims: bool = True, preamble: str = "",
        options: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.ins, self.outs, self.name, self.preamble = params(in_params), params(out_params), name, preamble
        self.map, self.reduce, self.post, self.identity = map_expr, reduce_expr, post_map_expr, identity
        self.type = reduce_type

    def _source(self, call: _Call) -> str:
        (out,) = self.outs
        kind = _TYPES[call.dtype(out).name]
        each = [f"const auto& {p.name} = {p.name}_all[j * inner + i];" for p in self.ins]
        lines = [call.define(p, k) for k, p in enumerate([*self.ins, out])]
        return "\n".join([
            _defines(call.types), self.preamble, f"typedef {self.type or kind} type_reduce;",
            'extern "C" void entry(void** args, ptrdiff_t outer, ptrdiff_t inner) {', *lines,
            "for (ptrdiff_t j = 0; j < outer; j++) {", f"type_reduce all = type_reduce({self.identity});",
            "for (ptrdiff_t i = 0; i < inner; i++) {", *each, f"const type_reduce b = type_reduce({self.map});",
            f"const type_reduce a = all; all = type_reduce({self.reduce}); }}",
            f"const type_reduce a = all; {kind}& {out.name} = {out.name}_all[j]; {self.post}; }} }}",
        ])  # fmt: skip

    def __call__(self, *args: Any, out: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
        ElementwiseKernel.launches += 1
        call = _Call(self, args)
        target = out if out is not None else (args[len(self.ins)] if call.outs else None)
        shape = np.broadcast_shapes(*[v.shape for v in call.ins])
        ndim = len(shape)
        axes = tuple(range(ndim)) if axis is None else tuple(np.atleast_1d(axis) % ndim)
        order = [*(k for k in range(ndim) if k not in axes), *axes]
        outer = int(np.prod([shape[k] for k in range(ndim) if k not in axes], dtype=np.int64))
        inner = int(np.prod([shape[k] for k in axes], dtype=np.int64))
        spread = [np.array(np.broadcast_to(v, shape).transpose(order), order="C") for v in call.ins]
        result = np.empty(outer, call.dtype(self.outs[0]))
        sizes = (ctypes.c_ssize_t(outer), ctypes.c_ssize_t(inner))
        compiled(self._source(call)).entry(_pointers([*spread, result]), *sizes)
        kept = [1 if k in axes else n for k, n in enumerate(shape) if keepdims or k not in axes]
        if target is None:
            result = result.reshape(kept)
            return result if call.wrap is None else call.wrap(result)
        inside(target)[...] = result.reshape(inside(target).shape)
        return target


class RawKernel:
    """Runs a kernel for every thread of every block of a grid."""

    def __init__(self, code: str, name: str, options: Sequence[str] = (), backend: str = "nvrtc", **_: Any) -> None:
        self.code, self.name = code, name

    @functools.cached_property
    def types(self) -> list[str]:
        found = re.search(rf"void\s+{self.name}\s*\(([^)]*)\)", self.code)
        if found is None:
            raise ValueError(f"there is no kernel {self.name!r} in its code")
        return [re.sub(r"\w+\s*$", "", part.strip()).strip() for part in found[1].split(",")]

    def __call__(self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any], shared_mem: int = 0) -> None:
        ElementwiseKernel.launches += 1
        ElementwiseKernel.sources.add(self.code)
        if len(args) != len(self.types):
            raise TypeError(f"{self.name} takes {len(self.types)} arguments and was given {len(args)}")
        handed = ", ".join(f"*({kind}*)given[{k}]" for k, kind in enumerate(self.types))
        source = self.code + _BLOCKS.replace("CALL", f"{self.name}({handed})")
        sizes = np.array([*grid, *[1] * (3 - len(grid)), *block, *[1] * (3 - len(block))], np.uint32)
        if sizes[3:].prod() > 1024 or not sizes.all():
            raise ValueError(f"CUDA_ERROR_INVALID_VALUE: grid {grid}, block {block}")
        held = [self._argument(kind, value) for kind, value in zip(self.types, args, strict=True)]
        compiled(source).entry(_pointers(held), ctypes.c_void_p(sizes.ctypes.data))

    @staticmethod
    def _argument(kind: str, value: Any) -> np.ndarray:
        """Return the bytes that CuPy would hand over: an array's address, and numbers in the type they come in."""
        value = inside(value)
        if isinstance(value, np.ndarray) and value.ndim + (kind[-1] == "*"):
            return np.array(value.ctypes.data, np.uint64)
        if kind[-1] == "*":
            raise TypeError(f"a {type(value).__name__} where {kind} is wanted")
        if isinstance(value, np.generic):
            return np.array(value)
        return np.array(value, {bool: np.bool_, int: np.int64, float: np.float64}[type(value)])


# --------------------------------------------------------------------------- for a GPU


@functools.cache
def nvrtc() -> ctypes.CDLL | None:
    """Return NVIDIA's compiler, which needs no GPU, if it is installed."""
    found = importlib.util.find_spec("nvidia.cuda_nvrtc") if importlib.util.find_spec("nvidia") else None
    folders = list(found.submodule_search_locations or ()) if found else []
    for library in [*(str(p) for f in folders for p in Path(f).glob("lib/libnvrtc.so*")), "libnvrtc.so"]:
        try:
            return ctypes.CDLL(library)
        except OSError:
            continue
    return None


def refused_for_a_gpu(source: str, architecture: str = "sm_90") -> str:
    """Return what NVIDIA's compiler has against a source; nothing if it makes machine code of it."""
    library = nvrtc()
    assert library is not None
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    options = [f"--gpu-architecture={architecture}".encode(), b"-std=c++17", b"--fmad=false"]
    failed = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    library.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    library.nvrtcGetProgramLog(program, log)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return f"{log.value.decode()}\n{source}" if failed else ""
