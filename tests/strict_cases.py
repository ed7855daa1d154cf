"""Small calls that show what CuPy does and what it refuses; `StrictModule` has to do, and to refuse, the same.

    python -m tests.cuda_on_host tests/strict_cases.py

calls each of them with the real CuPy and writes what came out to ``cupy_outcomes.json``. (It needs CuPy, and no GPU.)
"""

import copy
import json
import math
import operator
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

FILE = Path(__file__).with_name("cupy_outcomes.json")


def cases(xp: Any) -> dict[str, Callable[[], Any]]:
    """The calls, by name, on arrays of a module."""

    def a(value: Any, dtype: Any = None) -> Any:
        return xp.asarray(np.asarray(value, dtype=dtype))

    def f(*shape: int) -> Any:
        return a(np.arange(np.prod(shape, dtype=int), dtype="float32").reshape(shape))

    return {
        "add host": lambda: f(3) + np.ones(3, "f4"),
        "add host 0d": lambda: f(3) + np.array(1.0),
        "radd host": lambda: np.ones(3, "f4") + f(3),
        "less host 0d": lambda: f(3) < np.array(1.0),
        "add list": lambda: operator.add(f(3), [1, 2, 3]),
        "add f64 scalar": lambda: f(3) + np.float64(1),
        "add f32 scalar to f16": lambda: a([1.0], dtype="f2") + np.float32(1),
        "add pyfloat": lambda: f(3) + 1.5,
        "int + pyfloat": lambda: a([1, 2]) + 1.5,
        "i32 + pyfloat": lambda: a([1, 2], dtype="i4") + 1.5,
        "bool + 1": lambda: a([True]) + 1,
        "bool*f4": lambda: a([True, False, True]) * f(3),
        "i8+f4": lambda: a([1, 2, 3]) * f(3),
        "f4 0d f8 * f4": lambda: xp.asarray(np.float64(2)) * f(3),
        "exp i64": lambda: np.exp(a([1, 2])),
        "exp bool": lambda: np.exp(a([True])),
        "exp i8": lambda: np.exp(a([1], dtype="i1")),
        "sqrt i32": lambda: np.sqrt(a([1], dtype="i4")),
        "divide int": lambda: a([1, 2]) / a([2, 2]),
        "divide f2 int": lambda: a([1, 2], dtype="f2") / a([2, 2], dtype="i4"),
        "eq None": lambda: operator.eq(f(3), None),
        "ne None": lambda: operator.ne(f(3), None),
        "eq str": lambda: f(3) == "a",
        "in": lambda: 1.0 in f(3),
        "bool0": lambda: bool(f(0)),
        "bool3": lambda: bool(f(3)),
        "float 1el": lambda: float(f(1)),
        "index": lambda: [1, 2, 3][a(1)],
        "slice 0d": lambda: f(3)[: a(2)],
        "range": lambda: list(range(a(2))),
        "round": lambda: round(a(2.5)),
        "take wrap": lambda: f(3).take(a([0, 5, -1])),
        "np.take mode": lambda: np.take(f(3), a([0]), mode="clip"),
        "np.take host idx": lambda: np.take(f(3), np.array([0, 1])),
        "take host idx": lambda: f(3).take(np.array([0, 1])),
        "take list": lambda: f(3).take([0, 1]),
        "take int": lambda: f(3).take(1),
        "take out": lambda: np.take(f(4, 2), a([0, 1]), axis=0, out=f(2, 2)),
        "idx wrap": lambda: f(3)[a([4, -5])],
        "idx host": lambda: f(3)[np.array([0, 2])],
        "idx list": lambda: f(3)[[0, 2]],
        "idx np int": lambda: f(3)[np.int64(1)],
        "idx dev 0d": lambda: f(3, 2)[a(1)],
        "idx mask": lambda: f(3)[f(3) > 0],
        "idx two": lambda: f(3, 2)[xp.arange(3), a([0, 1, 0])],
        "idx two wrap": lambda: f(3, 2)[xp.arange(3), a([0, 5, 0])],
        "idx slice+arr": lambda: f(3, 2)[:, a([0, 1, 3])],
        "idx oob int": lambda: f(3)[5],
        "set scalar": lambda: f(3).__setitem__(0, 1.0),
        "set host": lambda: f(3).__setitem__(slice(0, 2), np.ones(2, "f4")),
        "set host whole": lambda: f(3).__setitem__(Ellipsis, np.ones(3, "f4")),
        "set host whole slice": lambda: f(3).__setitem__(slice(None), np.ones(3, "f4")),
        "set host whole wrong type": lambda: f(3).__setitem__(Ellipsis, np.ones(3)),
        "set list": lambda: f(3).__setitem__(slice(0, 2), [1.0, 2.0]),
        "set host 0d": lambda: f(3).__setitem__(0, np.array(1.0)),
        "set np scalar": lambda: f(3).__setitem__(0, np.float64(1.0)),
        "set mask scalar": lambda: f(3).__setitem__(f(3) > 0, 1.0),
        "set mask arr": lambda: f(3).__setitem__(f(3) > 0, f(2)),
        "where bool": lambda: np.where(True, f(3), 0),
        "where": lambda: np.where(f(3) > 0, f(3), 0),
        "where f8": lambda: np.where(f(3) > 0, f(3), np.float64(0)),
        "where int cond": lambda: np.where(a([0, 1, 2]), f(3), 0.0),
        "where host": lambda: np.where(f(3) > 0, f(3), np.zeros(3)),
        "where host cond": lambda: np.where(np.array([True, False, True]), f(3), 0.0),
        "clip": lambda: np.clip(f(3), 0, 1),
        "clip none": lambda: np.clip(f(3), None, 1),
        "clip f8": lambda: np.clip(f(3), np.float64(0), np.float64(1)),
        "clip arr": lambda: np.clip(f(3), a(np.float32(0)), a(np.float32(1))),
        "clip min max kw": lambda: np.clip(f(3), min=0, max=1),
        "max initial": lambda: np.max(f(3), initial=0.0),
        "max empty": lambda: np.max(f(0)),
        "sum where": lambda: np.sum(f(3), where=True),
        "sum dtype": lambda: f(3).sum(dtype="f8"),
        "sum i4": lambda: a([1, 2], dtype="i4").sum(),
        "sum bool": lambda: a([True, False]).sum(),
        "sum f2": lambda: a([1, 2], dtype="f2").sum(),
        "mean int": lambda: a([1, 2]).mean(),
        "mean bool": lambda: np.mean(a([True, False])),
        "var": lambda: np.var(f(3)),
        "prod": lambda: np.prod(f(3)),
        "sum axis tuple": lambda: f(2, 3, 4).sum(axis=(0, 2)),
        "sum axis list": lambda: f(2, 3, 4).sum(axis=[0, 2]),
        "sum empty axis tuple": lambda: np.sum(f(2, 3), axis=()),
        "argmax": lambda: f(2, 3).argmax(axis=1),
        "argmax kd": lambda: f(2, 3).argmax(axis=1, keepdims=True),
        "argsort stable": lambda: np.argsort(f(2, 3), axis=-1, kind="stable"),
        "argsort quick": lambda: np.argsort(f(2, 3), axis=-1, kind="quicksort"),
        "sort": lambda: np.sort(f(2, 3), axis=-1),
        "dot": lambda: np.dot(f(2, 3), f(3, 4)),
        "dot vec": lambda: np.dot(f(3), f(3, 4)),
        "dot scalar": lambda: np.dot(f(3), 2.0),
        "dot out": lambda: np.dot(f(2, 3), f(3, 4), out=f(2, 4)),
        "dot out f8": lambda: np.dot(f(2, 3), f(3, 4), out=f(2, 4).astype("f8")),
        "dot out T": lambda: np.dot(f(2, 3), f(3, 4), out=f(4, 2).T),
        "dot mixed types": lambda: np.dot(f(2, 3), f(3, 4).astype("f8")),
        "dot out view": lambda: np.dot(f(2, 3), f(3, 4), out=f(10)[2:].reshape(2, 4)),
        "matmul": lambda: np.matmul(f(2, 3), f(3, 4)),
        "matmul out": lambda: np.matmul(f(2, 3), f(3, 4), out=f(2, 4)),
        "@": lambda: f(5, 2, 3) @ f(3, 4),
        "einsum": lambda: np.einsum("ij,jk->ik", f(2, 3), f(3, 4), optimize=True),
        "einsum, ...": lambda: np.einsum("b...,b...->b", f(3, 2), f(3, 2)),
        "einsum, ... kept": lambda: np.einsum("b...,b...->...b", f(3, 2), f(3, 2)),
        "tensordot": lambda: np.tensordot(f(2, 3), f(3, 4), axes=1),
        "concat": lambda: np.concatenate([f(2), f(3)]),
        "concat mixed types": lambda: np.concatenate([f(2), a([1, 2])]),
        "concat host": lambda: np.concatenate([f(2), np.ones(3)]),
        "concat out": lambda: np.concatenate([f(2), f(3)], out=f(5)),
        "stack": lambda: np.stack([f(2), f(2)]),
        "stack 0d": lambda: np.stack([a(1.0), a(2.0)]),
        "expand": lambda: np.expand_dims(f(2), (0, 1)),
        "squeeze": lambda: np.squeeze(f(2, 1), axis=-1),
        "broadcast_to": lambda: np.broadcast_to(f(2), (3, 2)),
        "reshape kw": lambda: np.reshape(f(4), shape=(2, 2)),
        "reshape": lambda: np.reshape(f(4), (2, 2)),
        "reshape m": lambda: f(4).reshape(2, -1),
        "reshape m order": lambda: f(4).reshape((2, 2), order="F"),
        "transpose": lambda: np.transpose(f(2, 3, 4), (2, 0, 1)),
        "moveaxis": lambda: np.moveaxis(f(2, 3, 4), -1, 0),
        "pad": lambda: np.pad(f(2, 2), ((1, 0), (0, 2)), constant_values=0),
        "pad reflect": lambda: np.pad(f(3, 3), ((1, 0), (0, 2)), mode="reflect"),
        "pad mode positional": lambda: np.pad(f(3, 3), ((1, 0), (0, 2)), "edge"),
        "cumsum": lambda: np.cumsum(f(2, 3), axis=1),
        "cumprod": lambda: np.cumprod(f(3)),
        "diagonal": lambda: np.diagonal(f(3, 3)),
        "flip": lambda: np.flip(f(2, 3), axis=None),
        "roll": lambda: np.roll(f(4), 1),
        "rot90": lambda: np.rot90(f(2, 3), k=1, axes=(0, 1)),
        "repeat": lambda: np.repeat(f(3), 2, axis=0),
        "repeat list": lambda: np.repeat(f(3), [1, 0, 2], axis=0),
        "repeat host arr": lambda: np.repeat(f(3), np.array([1, 0, 2]), axis=0),
        "repeat dev arr": lambda: np.repeat(f(3), a([1, 0, 2]), axis=0),
        "tile": lambda: np.tile(f(2), (2, 2)),
        "nan_to_num": lambda: np.nan_to_num(f(2), nan=0.0, posinf=None, neginf=None),
        "isfinite": lambda: np.isfinite(f(2)),
        "sign": lambda: np.sign(f(2)),
        "logaddexp": lambda: np.logaddexp(f(2), xp.zeros((), dtype="f4")),
        "add.at": lambda: np.add.at(f(3), a([0, 0, 5]), f(3)),
        "add.at f2": lambda: np.add.at(f(3).astype("f2"), a([0, 0, 1]), f(3).astype("f2")),
        "add.at i8": lambda: np.add.at(a([0, 0]), a([0, 0]), a([1, 2])),
        "add.at i8 from bool": lambda: np.add.at(a([0, 0]), a([0, 0]), a([True, True])),
        "add.at f8 from i8": lambda: np.add.at(a([0.0, 0]), a([0, 0]), a([1, 2])),
        "add.at f4 from f8": lambda: np.add.at(f(2), a([0, 0]), a([1.0, 2])),
        "add.at scalar": lambda: np.add.at(f(2), a([0, 0]), 1.0),
        "add.at tuple": lambda: np.add.at(f(2, 2), (a([0, 0]), a([1, 1])), f(2)),
        "add.at host idx": lambda: np.add.at(f(2), np.array([0, 0]), f(2)),
        "add.at rows": lambda: np.add.at(f(3, 2), a([0, 0]), f(2, 2)),
        "add.reduce": lambda: np.add.reduce(f(3, 2)),
        "add.reduce axis": lambda: np.add.reduce(f(3, 2), axis=1, keepdims=True),
        "maximum.reduce": lambda: np.maximum.reduce(f(3)),
        "bincount": lambda: np.bincount(a([0, 1, 1]), minlength=4),
        "bincount w": lambda: np.bincount(a([0, 1, 1]), weights=f(3), minlength=4),
        "unique": lambda: np.unique(a([0, 1, 1])),
        "nonzero": lambda: np.nonzero(a([0, 1, 1])),
        "searchsorted": lambda: np.searchsorted(f(3), f(2)),
        "take_along": lambda: np.take_along_axis(f(2, 3), a([[0], [2]]), axis=-1),
        "take_along wrap": lambda: np.take_along_axis(f(2, 3), a([[0], [7]]), axis=-1),
        "put_along": lambda: np.put_along_axis(f(2, 3), a([[0], [2]]), 0.0, axis=-1),
        "full": lambda: xp.full((2,), 1.5, dtype="f4"),
        "full 0d": lambda: xp.full((2,), a(1.5), dtype="f4"),
        "full_like": lambda: np.full_like(f(2), 3),
        "full_like 0d": lambda: np.full_like(f(2), a(3.0)),
        "zeros_like": lambda: np.zeros_like(f(2), dtype=None),
        "ones_like shape": lambda: np.ones_like(f(2), shape=(3,)),
        "empty_like": lambda: np.empty_like(f(2)).shape,
        "arange": lambda: xp.arange(3),
        "arange f": lambda: xp.arange(0, 1, 0.25),
        "arange np f4": lambda: xp.arange(np.float32(3)),
        "arange dtype": lambda: xp.arange(3, dtype="f4"),
        "eye": lambda: xp.eye(2, 3, 1, dtype="f4"),
        "tri": lambda: xp.tri(2, 3, 1, dtype="f4"),
        "linspace": lambda: xp.linspace(0, 1, 3),
        "asarray list dev": lambda: xp.asarray([a(1.0), a(2.0)]),
        "asarray list mixed": lambda: xp.asarray([a(1.0), 2.0]),
        "asarray str": lambda: xp.asarray(np.array(["a"])),
        "asarray obj": lambda: xp.asarray(np.array([None])),
        "np.asarray": lambda: np.asarray(f(2)),
        "np.array list": lambda: np.array([a(1.0)]),
        "np.shape": lambda: np.shape(f(2)),
        "np.ndim": lambda: np.ndim(f(2)),
        "np.size": lambda: np.size(f(2)),
        "np.result_type": lambda: str(np.result_type(f(2), a([1.0]))),
        "np.iscomplexobj": lambda: np.iscomplexobj(f(2)),
        "flags w": lambda: f(2).flags.writeable,
        "flags c": lambda: f(2, 3).T.flags.c_contiguous,
        "flags item": lambda: f(2).flags["C_CONTIGUOUS"],
        "astype": lambda: f(2).astype("i4"),
        "astype copy": lambda: f(2).astype("f4", copy=False),
        "astype str": lambda: f(2).astype(str),
        "view": lambda: f(2).view("i4"),
        "item": lambda: a(3.0).item(),
        "item idx": lambda: f(3).item(1),
        "tolist": lambda: f(3).tolist(),
        "copy": lambda: f(3).copy(),
        "len0": lambda: len(a(1.0)),
        "iter0": lambda: list(a(1.0)),
        "iter": lambda: list(f(2)),
        "iadd": lambda: f(3).__iadd__(f(3)),
        "iadd f8": lambda: f(3).__iadd__(a([1.0, 2, 3])),
        "iadd host": lambda: f(3).__iadd__(np.ones(3, "f4")),
        "iadd int += float": lambda: a([1, 2]).__iadd__(1.5),
        "out f4 <- f8": lambda: np.add(a([1.0]), a([1.0]), out=f(1)),
        "out i4 <- f4": lambda: np.add(f(1), f(1), out=a([1], dtype="i4")),
        "out host": lambda: np.add(f(1), f(1), out=np.ones(1, "f4")),
        "host out dev": lambda: np.add(np.ones(1), np.ones(1), out=f(1)),
        "where=": lambda: np.add(f(2), f(2), where=a([True, False]), out=f(2)),
        "casting": lambda: np.add(f(2), f(2), casting="unsafe"),
        "dtype=": lambda: np.multiply(a([1, 2]), 2, dtype="f8"),
        "subok": lambda: np.add(f(2), f(2), subok=True),
        "modf": lambda: np.modf(f(2)),
        "power": lambda: f(3) ** 2,
        "rpow": lambda: 2.0 ** f(3),
        "floordiv": lambda: f(3) // 2,
        "mod": lambda: f(3) % 2,
        "invert": lambda: ~(f(3) > 1),
        "and": lambda: (f(3) > 1) & (f(3) < 2),
        "neg bool": lambda: -a([True]),
        "sub bool": lambda: a([True]) - a([True]),
        "logical_not": lambda: np.logical_not(f(3)),
        "count_nonzero": lambda: np.count_nonzero(f(3)),
        "any": lambda: f(3).any(),
        "all axis": lambda: np.all(f(2, 3) > 0, axis=1, keepdims=True),
        "allclose": lambda: np.allclose(f(2), f(2)),
        "array_equal": lambda: np.array_equal(f(2), f(2)),
        "linalg.norm": lambda: np.linalg.norm(f(3)),
        "quantile": lambda: np.quantile(f(4), 0.5),
        "median": lambda: np.median(f(4)),
        "percentile": lambda: np.percentile(f(4), 50),
        "histogram": lambda: np.histogram(f(4), bins=2)[0],
        "interp": lambda: np.interp(f(2), f(3), f(3)),
        "trace": lambda: np.trace(f(3, 3)),
        "outer": lambda: np.outer(f(2), f(3)),
        "vdot": lambda: np.vdot(f(2), f(2)),
        "split": lambda: np.split(f(4), 2),
        "array_split": lambda: np.array_split(f(5), 2),
        "unravel_index": lambda: np.unravel_index(a([1, 2]), (2, 2)),
        "ravel": lambda: np.ravel(f(2, 2)),
        "flatnonzero": lambda: np.flatnonzero(f(3)),
        "meshgrid": lambda: np.meshgrid(f(2), f(3)),
        "tril": lambda: np.tril(f(3, 3)),
        "isclose": lambda: np.isclose(f(2), f(2)),
        "np.round": lambda: np.round(f(2)),
        "fmax": lambda: np.fmax(f(2), 0),
        "swv": lambda: np.lib.stride_tricks.sliding_window_view(f(5), 3),
        "as_strided": lambda: np.lib.stride_tricks.as_strided(f(6), (2, 2), (8, 4)),
        "deepcopy": lambda: copy.deepcopy(f(2)),
        "format": lambda: f"{a(1.5):.2f}",
        "complex": lambda: complex(a(1.5)),
        "fill": lambda: f(2).fill(a(1.0)),
        "sort in place": lambda: f(3).sort(),
        "ptp": lambda: np.ptp(f(3)),
        "T set": lambda: f(2, 2).T.copy(),
        "el view": lambda: (lambda m: (m[0, 0].__setitem__(Ellipsis, 9.0), m)[1])(f(2, 2)),
        "std ddof": lambda: f(3).std(ddof=1),
        "argpartition": lambda: np.argpartition(f(4), 2).shape,
        "partition": lambda: np.partition(f(4), 2).shape,
        "compress": lambda: np.compress(a([True, False]), f(2)),
        "diff": lambda: np.diff(f(4)),
        "cov": lambda: np.cov(f(2, 3)),
        "kron": lambda: np.kron(f(2), f(2)),
        "inner": lambda: np.inner(f(2), f(2)),
        "matrix": lambda: np.linalg.matrix_power(f(2, 2), 2),
        "atleast": lambda: np.atleast_2d(f(2)),
        "copyto": lambda: np.copyto(f(2), f(2)),
        "isscalar": lambda: np.isscalar(a(1.0)),
        "broadcast_arrays": lambda: np.broadcast_arrays(f(2), f(3, 2))[0],
        "can_cast": lambda: np.can_cast(f(2).dtype, "f8"),
        "dtype type call": lambda: f(2).dtype.type(1.5),
        "np.float32(dev)": lambda: np.float32(a(1.5)),
        "math.floor": lambda: math.floor(a(1.5)),
        "sum(list)": lambda: sum([a(1.0), a(2.0)]),
        "max builtin": lambda: max(a(1.0), a(2.0)),
        "np.mean list": lambda: np.mean([a(1.0), a(2.0)]),
        "np.stack host": lambda: np.stack([np.ones(2), np.ones(2)]),
        "__cuda_array_interface__": lambda: hasattr(f(2), "__cuda_array_interface__"),
    }


def shown(value: Any) -> str:
    """What came out, as text: where it lies, shape, type and numbers."""
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__}[{', '.join(map(shown, value))}]"
    if hasattr(value, "get") and hasattr(value, "shape"):
        host = value.get()
        numbers = np.round(host.astype("float64"), 4).tolist() if host.dtype.kind in "fiub" else host.tolist()
        return f"device {value.shape} {value.dtype} {numbers}"
    if isinstance(value, np.ndarray):
        return f"host {value.shape} {value.dtype}"
    return f"{type(value).__name__} {value!r}"


def outcomes(xp: Any) -> dict[str, str]:
    """What each call gives, or the kind of error that it raises."""
    found = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, call in cases(xp).items():
            try:
                found[name] = shown(call())
            except Exception as error:
                kinds = (TypeError, ValueError, AttributeError, IndexError, NotImplementedError, ZeroDivisionError)
                found[name] = "raises " + next((k.__name__ for k in kinds if isinstance(error, k)), str(error)[:200])
    return found


def main() -> None:
    import cupy

    found = outcomes(cupy)
    text = json.dumps({"version": cupy.__version__, "outcomes": found}, indent=1)
    FILE.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
