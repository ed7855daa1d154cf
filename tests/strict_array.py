"""Arrays that are as strict as CuPy's, with NumPy inside: what keeps the GPU's path honest on machines without a GPU.

`DeviceArray` stands for ``cupy.ndarray``, `StrictModule` for ``cupy``. Both know the functions, arguments, types and
methods that CuPy knows, and no others: ``cupy_signatures.json`` has them from the real one. What is to be found out
the hard way on a GPU is an error here as well: an array that becomes a host array by itself, arrays of host and
device in one call, host values put into a device array, scalars where CuPy wants arrays. Reductions and elements are
arrays of no axes, never NumPy's scalars, and an index out of range wraps round in silence, as it does there.

Every wait for the device (a number that is fetched, a count that a result's shape depends on) is noted in `FETCHED`,
and every array that goes over in `BROUGHT`.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from minifit import backend

CUPY = json.loads(Path(__file__).with_name("cupy_signatures.json").read_text(encoding="utf-8"))

FETCHED: list[str] = []
"""What was waited for, in order: ``float``, ``bool``, ``get``, ``mask``, ``unique`` and so on."""

BROUGHT: list[int] = []
"""The bytes of each array that went from the host to the device."""

SCALARS = (bool, int, float, complex, np.number, np.bool_)
TYPES = "?bBhHiIlLqQefdFD"
WAITING = frozenset(
    [
        *("argwhere", "average", "bincount", "choose", "compress", "extract", "flatnonzero"),
        *("histogram", "in1d", "intersect1d", "isin", "nonzero", "percentile", "place"),
        *("quantile", "setdiff1d", "setxor1d", "trim_zeros", "union1d", "unique", "unique_all"),
        *("unique_counts", "unique_inverse", "unique_values"),
    ]
)
"""Functions whose result's shape, or whose error, depends on the numbers."""


class Refused(TypeError):
    """What CuPy would not do. (A TypeError, for that is what CuPy raises.)"""


# --------------------------------------------------------------------------- what may go in


def inside(value: Any) -> Any:
    """The hidden arrays of a value; a NumPy array among device arrays is an error, as it is for CuPy."""
    if isinstance(value, DeviceArray):
        return value._hidden
    if isinstance(value, np.ndarray):
        raise Refused(f"Unsupported type {type(value)} of shape {value.shape} together with device arrays.")
    if type(value) in (list, tuple):
        return type(value)(map(inside, value))
    if type(value) is dict:
        return {key: inside(item) for key, item in value.items()}
    return value


def wrapped(value: Any) -> Any:
    """Arrays, and what NumPy reduces to a scalar, as device arrays: CuPy's reductions stay on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return type(value)(*map(wrapped, value))
    return type(value)(map(wrapped, value)) if isinstance(value, (list, tuple)) else value


@functools.cache
def signature(tokens: tuple[str, ...]) -> inspect.Signature:
    """The arguments that ``cupy_signatures.json`` lists."""
    kinds = inspect.Parameter
    kind: Any = kinds.POSITIONAL_OR_KEYWORD
    found: list[inspect.Parameter] = []
    for token in tokens:
        if token == "/":
            found = [p.replace(kind=kinds.POSITIONAL_ONLY) for p in found]
        elif token.startswith("**"):
            found.append(inspect.Parameter(token[2:], kinds.VAR_KEYWORD))
        elif token.startswith("*"):
            kind = kinds.KEYWORD_ONLY
            found += [inspect.Parameter(token[1:], kinds.VAR_POSITIONAL)] if token[1:] else []
        else:
            default = None if token.endswith("=") else kinds.empty
            found.append(inspect.Parameter(token.rstrip("="), kind, default=default))
    return inspect.Signature(found)


def fits(name: str, tokens: list[str], args: tuple[Any, ...], options: dict[str, Any]) -> dict[str, Any]:
    """What each of CuPy's arguments was given; an error for one that it does not have."""
    try:
        return signature(tuple(tokens)).bind(*args, **options).arguments
    except TypeError as error:
        raise Refused(f"CuPy's {name}({', '.join(tokens)}): {error}") from None


def waited(what: str) -> None:
    FETCHED.append(what)


# --------------------------------------------------------------------------- indices


def inside_index(index: Any, shape: tuple[int, ...]) -> Any:
    """An index for the hidden array: lists and host arrays go over by themselves, what is out of range wraps."""
    parts = list(index) if isinstance(index, tuple) else [index]
    taken = sum(1 if not _is_mask(p) else p.ndim for p in parts if p is not None and p is not Ellipsis)
    axis, found = 0, []
    for part in parts:
        if part is None or part is Ellipsis:
            axis += len(shape) - taken if part is Ellipsis else 0
            found.append(part)
            continue
        if isinstance(part, slice):
            bounds = (part.start, part.stop, part.step)
            part = slice(*[int(bound) if isinstance(bound, DeviceArray) else bound for bound in bounds])
        elif isinstance(part, DeviceArray):
            if _is_mask(part):
                axis += part.ndim - 1
            part = part._hidden
        elif isinstance(part, (list, np.ndarray)):
            part = np.asarray(part)
            BROUGHT.append(part.nbytes)
            part = part.astype(np.int64) if part.size == 0 else part
        if isinstance(part, np.ndarray) and part.dtype.kind in "iu" and axis < len(shape) and shape[axis]:
            part = part % shape[axis]
        found.append(part)
        axis += 1
    return tuple(found)


def _is_mask(part: Any) -> bool:
    return getattr(getattr(part, "dtype", None), "kind", "") == "b" and hasattr(part, "ndim")


def _waits(index: Any) -> bool:
    return any(_is_mask(part) and part.ndim for part in (index if isinstance(index, tuple) else (index,)))


# --------------------------------------------------------------------------- the array


class Flags:
    """What CuPy tells about the layout of an array."""

    def __init__(self, flags: Any) -> None:
        self._flags = flags

    def __getattr__(self, name: str) -> bool:
        if name not in CUPY["flags"]:
            raise AttributeError(f"CuPy's flags have no {name}")
        return getattr(self._flags, name)

    def __getitem__(self, name: str) -> bool:
        if name not in ("C_CONTIGUOUS", "F_CONTIGUOUS", "OWNDATA"):
            raise KeyError(f"{name} is not defined for CuPy's flags")
        return self._flags[name]


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is not on the host."""

    __array_priority__ = 100

    def __init__(self, hidden: np.ndarray) -> None:
        self._hidden = hidden

    # What arrays know about themselves without looking at their numbers.
    shape = property(lambda self: self._hidden.shape, lambda self, shape: setattr(self._hidden, "shape", shape))
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    dtype = property(lambda self: self._hidden.dtype)
    nbytes = property(lambda self: self._hidden.nbytes)
    itemsize = property(lambda self: self._hidden.itemsize)
    strides = property(lambda self: self._hidden.strides)
    flags = property(lambda self: Flags(self._hidden.flags))
    T = property(lambda self: DeviceArray(self._hidden.T))
    mT = property(lambda self: DeviceArray(self._hidden.mT))
    real = property(lambda self: DeviceArray(self._hidden.real))
    imag = property(lambda self: DeviceArray(self._hidden.imag))

    def __len__(self) -> int:
        return len(self._hidden)  # of no axes: a TypeError

    def __iter__(self) -> Iterator[DeviceArray]:
        if not self.ndim:
            raise TypeError("iteration over a 0-d array")
        return (self[i] for i in range(len(self)))

    # -- to the host, when it is asked for

    def get(self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True) -> np.ndarray:
        """The way to the host."""
        waited("get")
        if out is None:
            return self._hidden.copy()
        if type(out) is not np.ndarray or out.dtype != self.dtype or out.shape != self.shape:
            raise Refused(f"get(out=) expects a NumPy array of shape {self.shape} and type {self.dtype}.")
        out[...] = self._hidden
        return out

    def set(self, arr: Any, stream: Any = None) -> None:
        """The way from the host."""
        if not isinstance(arr, np.ndarray) or arr.dtype != self.dtype or arr.shape != self.shape:
            raise Refused(f"set(arr) expects a NumPy array of shape {self.shape} and type {self.dtype}; got {arr!r}.")
        BROUGHT.append(arr.nbytes)
        self._hidden[...] = arr

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise Refused(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct a NumPy array "
            "explicitly."
        )

    def _number(self, kind: Callable[[Any], Any]) -> Any:
        waited(kind.__name__)
        return kind(self._hidden)

    def __float__(self) -> float:
        return self._number(float)

    def __int__(self) -> int:
        return self._number(int)

    def __bool__(self) -> bool:
        return self._number(bool) if self.size else False

    def __complex__(self) -> complex:
        return self._number(complex)

    def __repr__(self) -> str:
        return self._number(repr)

    def __str__(self) -> str:
        return self._number(str)

    def __format__(self, spec: str) -> str:
        return format(self.get(), spec)

    def __reduce__(self) -> Any:
        return _brought, (self.get(),)

    @property
    def base(self) -> DeviceArray | None:
        """What this is a view of; None if the memory is its own."""
        return None if self._hidden.base is None else DeviceArray(self._hidden.base)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return {"shape": self.shape, "typestr": self.dtype.str, "version": 3, "data": (self._hidden.ctypes.data, False)}

    def __copy__(self) -> DeviceArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> DeviceArray:
        return self.copy()

    def item(self, *none: Any) -> Any:
        if none:
            raise Refused("CuPy's item() takes no index")
        waited("item")
        return self._hidden.item()

    def tolist(self) -> Any:
        waited("tolist")
        return self._hidden.tolist()

    # -- NumPy's protocols

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        """What CuPy makes of a ufunc: its own of that name, if all that goes in is its own, a scalar, or refused."""
        name = ufunc.__name__
        if name not in CUPY["ufuncs"] and name not in CUPY["functions"]:
            return NotImplemented
        if out is not None:
            if len(out) != 1:
                raise ValueError("The 'out' parameter must have exactly one array value")
            options["out"] = out[0]
        for x in (*inputs, *(out or ())):
            if not isinstance(x, (DeviceArray, np.ndarray, *SCALARS)) and x is not None:
                return NotImplemented  # so that the indices of `at` are no tuple; those of ``cupy.add.at`` may be
        if name in ("greater", "greater_equal", "less", "less_equal", "equal", "not_equal"):
            inputs = tuple(x.item() if isinstance(x, np.ndarray) and not x.ndim else x for x in inputs)
        return run_ufunc(name, method, inputs, options)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """What CuPy makes of a function: its own of that name and place."""
        place = ".".join([*function.__module__.split(".")[1:], function.__name__])
        if place not in CUPY["functions"] and place not in CUPY["ufuncs"]:
            return NotImplemented
        if any(kind not in (DeviceArray, np.ndarray) for kind in types):
            return NotImplemented
        return run_function(place, args, kwargs)

    def __eq__(self, other: Any) -> Any:
        return self._compared(other, np.equal, False)

    def __ne__(self, other: Any) -> Any:
        return self._compared(other, np.not_equal, True)

    __hash__ = None  # type: ignore[assignment]

    def _compared(self, other: Any, how: Any, otherwise: bool) -> Any:
        if other is None:
            return DeviceArray(np.full(self.shape, otherwise))
        return how(self, other)

    # -- parts

    def __getitem__(self, index: Any) -> DeviceArray:
        if _waits(index):
            waited("mask")
        own = inside_index(index, self.shape)
        if not any(part is Ellipsis or isinstance(part, np.ndarray) for part in own):
            own = (*own, Ellipsis)  # an element is a view, too
        return wrapped(self._hidden[own])

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(value, (DeviceArray, *SCALARS)) and np.ndim(value):
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")  # in CuPy's words
        if _waits(index) and isinstance(value, DeviceArray) and value.ndim:
            waited("mask")
        own = value._hidden if isinstance(value, DeviceArray) else value
        self._hidden[inside_index(index, self.shape)] = own

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in CUPY["methods"]:
            raise AttributeError(f"CuPy's arrays have no {name!r}")

        def call(*args: Any, **options: Any) -> Any:
            fits(f"ndarray.{name}", CUPY["methods"][name], args, options)
            return run_method(self, name, args, options)

        return call


def _brought(host: np.ndarray) -> DeviceArray:
    return DeviceArray(host)


# --------------------------------------------------------------------------- calls


@functools.cache
def _loop(name: str, given: tuple[Any, ...]) -> Any:
    """The types of the results of a ufunc for inputs of these types; an error if CuPy has no loop for them."""
    ufunc = getattr(np, name)
    resolved = ufunc.resolve_dtypes((*given, *[None] * ufunc.nout))
    chars = "".join(t.char for t in resolved)
    known = CUPY["ufuncs"][name]["types"]
    same = str.maketrans("qQ", "lL")
    wanted = f"{chars[: ufunc.nin]}->{chars[ufunc.nin :]}"
    if wanted.translate(same) in [loop.translate(same) for loop in known]:
        return resolved[ufunc.nin :]
    for loop in known:  # the first that holds all inputs
        into, _, out = loop.partition("->")
        if all(np.can_cast(a, b) for a, b in zip(resolved, into, strict=False)):
            return tuple(map(np.dtype, out))
    raise Refused(f"Wrong type {chars[: ufunc.nin]} of arguments for CuPy's {name}")


def _kind(x: Any) -> Any:
    return x.dtype if hasattr(x, "dtype") else type(x)


def run_ufunc(name: str, method: str, inputs: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a ufunc, or a method of it, as CuPy does."""
    if name == "matmul":
        if method != "__call__":
            raise NotImplementedError(f"CuPy has no matmul.{method}")
        return run_function(name, inputs, options)
    known = CUPY["ufuncs"][name]
    if method == "at":
        return _add_at(name, *inputs, **options)
    if method != "__call__":
        if method not in known["methods"]:
            raise NotImplementedError(f"CuPy has no {name}.{method}")
        allowed = {"axis", "dtype", "out", "keepdims"} if method == "reduce" else {"axis", "dtype", "out"}
    else:
        allowed = {"out", "dtype", "casting"}
    unknown = options.keys() - allowed
    if unknown:
        raise Refused(f"CuPy's {name} got an unexpected keyword argument {sorted(unknown)}")
    arrays = [*inputs, options.get("out")]
    for x in arrays:
        if isinstance(x, np.ndarray):
            raise Refused(f"Unsupported type {type(x)} of shape {x.shape}")
    options = {key: inside(value) for key, value in options.items() if value is not None}
    out = arrays[-1]
    call = getattr(np, name) if method == "__call__" else getattr(getattr(np, name), method)
    result = call(*map(inside, inputs), **options)
    if out is not None:
        return out
    if method == "__call__" and "dtype" not in options and isinstance(getattr(np, name), np.ufunc):
        results = result if isinstance(result, tuple) else (result,)
        types = _loop(name, tuple(map(_kind, inputs)))
        results = tuple(wrapped(np.asarray(r).astype(t, copy=False)) for r, t in zip(results, types, strict=True))
        return results if isinstance(result, tuple) else results[0]
    return wrapped(result)


def _add_at(name: str, a: Any, indices: Any, b: Any = None) -> None:
    """CuPy's ``ufunc.at``, which is its ``scatter_add`` and the like: of some types alone."""
    kinds = CUPY["ufuncs"][name]["at"]
    if not kinds:
        raise NotImplementedError(f"`{name}.at` is not supported yet")
    if not isinstance(a, DeviceArray) or a.dtype.char.replace("q", "l").replace("Q", "L") not in kinds:
        raise Refused(f"cupy.{name}.at only supports the types {kinds}; got {getattr(a, 'dtype', type(a))}")
    getattr(np, name).at(a._hidden, inside_index(indices, a.shape), inside(b))


def run_method(array: DeviceArray, name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a method of an array as CuPy does."""
    if name in ("take", "dot", "argsort"):
        return run_function(name, (array, *args), options)
    if name == "astype":
        return _astype(array, *args, **options)
    if name in WAITING:
        waited(name)
    hidden = array._hidden
    if name == "fill":
        (value,) = args or options.values()
        if getattr(value, "ndim", 0):
            raise ValueError("non-scalar ndarray cannot be used for fill")
        hidden.fill(value.item() if isinstance(value, np.ndarray) else inside(value))
        return None
    if name in ("scatter_add", "scatter_max", "scatter_min"):
        ufunc = {"scatter_add": "add", "scatter_max": "maximum", "scatter_min": "minimum"}[name]
        return _add_at(ufunc, array, *args, **options)
    if name in ("reduced_view", "toDlpack", "mdspan", "dump", "dumps", "tofile"):
        raise NotImplementedError(f"the strict array has no {name}")
    out = options.get("out")
    if isinstance(options.get("axis"), list):
        options = {**options, "axis": tuple(options["axis"])}
    result = getattr(hidden, name)(*inside(args), **inside(options))
    return wrapped(result) if out is None else out


def _astype(
    array: DeviceArray, dtype: Any, order: str = "K", casting: Any = None, subok: Any = None, copy: bool = True
) -> DeviceArray:
    _known_type(np.dtype(dtype))
    if not copy and array.dtype == np.dtype(dtype):
        return array
    return DeviceArray(array._hidden.astype(dtype, order=order, copy=copy))


def _known_type(dtype: np.dtype) -> None:
    if dtype.char not in TYPES and dtype.name != "bfloat16":
        raise ValueError(f"Unsupported dtype {dtype}")


def _take(a: Any, indices: Any, axis: int | None = None, out: Any = None) -> Any:
    if isinstance(indices, (list, tuple, np.ndarray)):
        indices = StrictModule().array(indices)
    taken = np.take(a._hidden, inside(indices), axis=axis, mode="wrap")
    return _into(out, taken)


def _dot(a: Any, b: Any, out: Any = None) -> Any:
    if not (isinstance(a, DeviceArray) and isinstance(b, DeviceArray)):
        raise Refused(f"CuPy's dot expects two of its arrays; got {type(a).__name__} and {type(b).__name__}")
    product = np.dot(a._hidden, b._hidden)
    if out is not None and (not out.flags.c_contiguous or out.shape != product.shape or out.dtype != product.dtype):
        raise ValueError(
            f"CuPy's dot(out=) expects a C-contiguous array of shape {product.shape} and type {product.dtype}."
        )
    return _into(out, product)


def _where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if isinstance(condition, np.ndarray):
        raise Refused(f"Unsupported type {type(condition)} of shape {condition.shape}")
    if not isinstance(condition, DeviceArray):
        raise AttributeError(f"{type(condition).__name__!r} object has no attribute 'astype' (cupy.where's condition)")
    if x is None:
        return run_function("nonzero", (condition,), {})
    for value in (x, y):
        if not isinstance(value, (DeviceArray, *SCALARS)):
            raise Refused(f"Unsupported type {type(value)}")
    return wrapped(np.where(condition._hidden, inside(x), inside(y)))


def _take_along_axis(a: Any, indices: Any, axis: Any) -> Any:
    size = a.size if axis is None else a.shape[axis]
    return wrapped(np.take_along_axis(inside(a), inside(indices) % max(size, 1), axis))


def _arange(*limits: Any, dtype: Any = None) -> Any:
    if any(isinstance(x, DeviceArray) for x in limits):
        raise Refused("cupy.arange takes numbers; of arrays of the device it makes whole ones, in silence.")
    return wrapped(np.arange(*limits, dtype=dtype))


def _einsum(subscripts: str, *operands: Any, **options: Any) -> Any:
    terms, _, out = subscripts.partition("->")
    if "..." in terms and "->" in subscripts and "..." not in out:
        raise ValueError("output has more dimensions than subscripts given in einstein sum, but no '...' ellipsis")
    return wrapped(np.einsum(subscripts, *inside(operands), **inside(options)))


def _argsort(a: Any, axis: Any = -1, kind: Any = None) -> Any:
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return wrapped(np.argsort(inside(a), axis=axis, kind="stable"))


def _into(out: Any, result: Any) -> Any:
    if out is None:
        return wrapped(result)
    out._hidden[...] = result
    return out


SPECIAL: dict[str, Callable[..., Any]] = {
    "take": _take,
    "dot": _dot,
    "where": _where,
    "take_along_axis": _take_along_axis,
    "arange": _arange,
    "argsort": _argsort,
    "einsum": _einsum,
}


def run_function(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    """Call a function as CuPy does."""
    if name in CUPY["ufuncs"]:  # of NumPy's functions that are ufuncs there
        return run_ufunc(name, "__call__", args, options)
    fits(name, CUPY["functions"][name], args, options)
    if name in WAITING:
        waited(name)
    if name in SPECIAL:
        return SPECIAL[name](*args, **options)
    for value in options.values() if name != "full" else ():
        if isinstance(value, np.ndarray):
            raise Refused(f"Unsupported type {type(value)} of shape {value.shape}")
    function: Any = np
    for part in name.split("."):
        function = getattr(function, part)
    out = options.get("out")
    result = function(*inside(args), **inside(options))
    if isinstance(result, bool) and name in ("allclose", "array_equal", "array_equiv"):
        result = np.asarray(result)  # which stays there, too
    return wrapped(result) if out is None else out


class StrictModule:
    """What ``cupy`` is to ``numpy``: its functions, with device arrays as results.

    Parameters
    ----------
    kernels : bool
        Whether kernels can be made, by a compiler of the host. Without one, or without them, all goes the eager way.
    """

    __name__ = "strict"
    ndarray = DeviceArray
    newaxis = None

    def __init__(self, kernels: bool = True) -> None:
        self._kernels = kernels

    def asarray(self, a: Any, dtype: Any = None, order: Any = None, *, copy: Any = None, blocking: Any = False) -> Any:
        same = isinstance(a, DeviceArray) and (dtype is None or a.dtype == np.dtype(dtype)) and not copy
        return a if same else self.array(a, dtype=dtype)

    def array(
        self,
        obj: Any,
        dtype: Any = None,
        copy: bool = True,
        order: Any = "K",
        subok: bool = False,
        ndmin: int = 0,
        *,
        blocking: bool = False,
    ) -> DeviceArray:
        if isinstance(obj, DeviceArray):
            hidden = np.array(obj._hidden, dtype=dtype, ndmin=ndmin)
        else:
            hidden = np.array(self._gathered(obj), dtype=dtype, ndmin=ndmin)
        _known_type(hidden.dtype)
        return DeviceArray(hidden)

    def _gathered(self, obj: Any) -> Any:
        """What a list of arrays joins to: all of the host, or all of the device."""
        if isinstance(obj, (list, tuple)):
            leaves = _leaves(obj)
            on_device = [isinstance(leaf, DeviceArray) for leaf in leaves]
            if all(on_device) and leaves:
                return inside(obj)
            if any(on_device):
                raise Refused("Implicit conversion to a NumPy array is not allowed: a list of host and device values.")
        found = np.asarray(obj)
        BROUGHT.append(found.nbytes)
        return found

    def asnumpy(self, a: Any) -> np.ndarray:
        return a.get() if isinstance(a, DeviceArray) else np.asarray(a)

    def __getattr__(self, name: str) -> Any:
        if name in ("ElementwiseKernel", "ReductionKernel", "RawKernel") and self._kernels:
            return getattr(_host_kernels(), name)
        if name in CUPY["functions"] or name in CUPY["ufuncs"]:
            return Function(name)
        if name.startswith("_") or name not in np.__dict__ or not isinstance(getattr(np, name), (type, float)):
            raise AttributeError(f"CuPy {CUPY['version']} has no {name!r}")
        return getattr(np, name)


class Function:
    """One of CuPy's functions; of its ufuncs, with their methods."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **options: Any) -> Any:
        return run_function(self.__name__, args, options)

    def at(self, a: Any, indices: Any, b: Any = None) -> None:
        _add_at(self.__name__, a, indices, b)


def _leaves(value: Any) -> list[Any]:
    if isinstance(value, (list, tuple)):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]


def _host_kernels() -> Any:
    """Kernels that a compiler of the host makes; where there is none, this module has no kernels."""
    try:
        import host_kernels
    except ImportError:
        raise AttributeError("no kernels: there is no host_kernels") from None
    if host_kernels.COMPILER is None:
        raise AttributeError("no kernels: there is no compiler on this machine")
    return host_kernels


@contextmanager
def strict_device(kernels: bool = True) -> Iterator[StrictModule]:
    """The device "gpu" is this module's inside the block, and its arrays are those that new ones are."""
    before = backend._module, backend._device, backend.switched
    module: Any = StrictModule(kernels)
    backend._module, backend._device, backend.switched = module, "gpu", True
    FETCHED.clear()
    BROUGHT.clear()
    try:
        yield module
    finally:
        backend._module, backend._device, backend.switched = before
