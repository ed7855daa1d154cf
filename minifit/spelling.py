"""The notes of a recorded step as lines of Python, every call spelt in the way that takes NumPy the least time.

On arrays as small as a batch of a small model, how a call is spelt can take longer than what it does. Measured on 193
numbers: ``multiply(w, 0.9, w)`` takes twice the time of ``multiply(w, n0_9, w)``, where ``n0_9`` is the same number as
an array without axes; ``x.dot(k, out)`` two thirds of ``dot(x, k, out=out)``; ``add.reduce(x, None)`` a third of
``sum(x)``. Each pair is one and the same loop over the same numbers, so not a bit differs.

Only NumPy's own arrays are spelt so. Those of a device get the calls as they were noted.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .inlining import Method, equal, is_array, is_call, leaves


class NotRepeatable(Exception):
    """Something went into the step that a later step would not have."""


_AS_OPERATORS = {np.add: "+", np.subtract: "-", np.multiply: "*", np.divide: "/"}
_REDUCTIONS = {np.sum: np.add, np.max: np.maximum, np.min: np.minimum}
_LARGEST_FULL = 2**18  # bytes
_OF_REDUCTIONS = ("axis", "keepdims", "initial", "out")
_RESHAPES = {np.reshape, np.squeeze, np.expand_dims}
_METHODS = {np.transpose: "transpose", np.swapaxes: "swapaxes"}


def _replay(results: Sequence[Any]) -> Callable[..., Any]:
    """Return a function that gives these results, call by call."""
    gives = iter(results)
    return lambda *_, **__: next(gives)


class Writer:
    """Writes notes as lines of Python.

    Attributes
    ----------
    names : dict of int to str
        By ids of arrays, what they are called.
    bound : dict of str to object
        What the lines name and do not make.
    lines : list of str
    results : dict of str to list
        By the names of functions that are not NumPy's, what each of their calls gave.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.bound: dict[str, Any] = {}
        self.lines: list[str] = []
        self.results: dict[str, list[Any]] = {}
        self._count = self._rooms = 0
        self._constants: dict[int, tuple[Any, ...]] = {}  # by ids, what is known of them
        self._numbers: dict[Any, Any] = {}

    def bind(self, name: str, value: Any) -> str:
        """Return a free name for a value that the lines use."""
        name = re.sub(r"\W", "_", name)
        name = name if name.isidentifier() else f"f_{name}"
        free, number = name, 1
        while self.bound.get(free, value) is not value:
            number += 1
            free = f"{name}_{number}"
        self.bound[free] = value
        return free

    def as_function(self, inputs: Sequence[str], outputs: Sequence[Any]) -> tuple[Callable[..., Any], str]:
        """Return the lines as a function, and its source."""
        body = [*self.lines, f"return {', '.join(map(self.expression, outputs))}"]
        source = "\n    ".join([f"def step({', '.join(inputs)}):", *body])
        self._code = compile(source, "<recorded step>", "exec")
        exec(self._code, self.bound)
        return self.bound.pop("step"), source  # which would else hold itself, and all its arrays

    def repeats(self, inputs: Sequence[Any], outputs: Sequence[Any], into: Sequence[tuple[Any, Any]]) -> bool:
        """Tell whether the function gives, on what was recorded, what was recorded.

        Functions that are not NumPy's, which may draw random numbers, are not called: they give what they gave.

        Parameters
        ----------
        inputs, outputs : sequence of arrays
        into : sequence of (array, array)
            What the function writes into, which is left as it is, and what is to be found there then.
        """
        bound = {**self.bound, **{name: _replay(results) for name, results in self.results.items()}}
        exec(self._code, bound)
        step = bound.pop("step")
        before = [room.copy() for room, _ in into]
        wanted = [copy if room is array else array for copy, (room, array) in zip(before, into, strict=True)]
        wanted = [array.astype(room.dtype, copy=False) for array, (room, _) in zip(wanted, into, strict=True)]
        try:
            given = step(*inputs)
            same = all(map(equal, given if len(outputs) > 1 else [given], outputs))
            return same and all(map(equal, (room for room, _ in into), wanted))
        finally:
            for (room, _), value in zip(into, before, strict=True):
                room[...] = value

    def write(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> None:
        """Write one call."""
        if name == "assign":
            raise NotRepeatable("a variable changes in the step")
        if name == "constant":
            self._constants[id(result)] = args
            return
        try:
            if function is operator.setitem:
                into, index, value = args
                self.lines.append(f"{self.expression(into)}[{self._index(index)}] = {self.expression(value)}")
                return
            call = self._call(name, function, args, options, result)
        except NotRepeatable as error:
            raise NotRepeatable(f"{name}: {error}") from None
        results = result if isinstance(result, (tuple, list)) else [result]
        targets = ", ".join(map(self._target, results)) + ("," if results is result and len(results) == 1 else "")
        self.lines.append(call if set(targets) <= set("_, ") else f"{targets} = {call}")

    def _target(self, result: Any) -> str:
        if result is None:
            return "_"
        if not is_array(result):
            raise NotRepeatable(f"a {type(result).__name__} comes out of a call, and may steer the step")
        if id(result) in self.names:  # an array that was written into, or handed on
            return "_"
        self.names[id(result)] = f"a{self._count}"
        self._count += 1
        return self.names[id(result)]

    # -- values -----------------------------------------------------------------------------------

    def expression(self, value: Any, called: str = "option") -> str:
        """Return what stands for a value in the lines."""
        if id(value) in self._constants and id(value) not in self.names:
            self.names[id(value)] = self.bind(self._name_of_constant(value), value)
        if id(value) in self.names:
            return self.names[id(value)]
        if value is None or isinstance(value, (bool, int, str)) or (type(value) is float and math.isfinite(value)):
            return repr(value)
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.expression, value))
            return f"[{inner}]" if type(value) is list else f"({inner},)" if value else "()"
        if type(value) is slice:
            return (
                f"slice({self.expression(value.start)}, {self.expression(value.stop)}, {self.expression(value.step)})"
            )
        if value is ...:
            return "..."
        if is_array(value):
            raise NotRepeatable(f"an array of shape {value.shape} comes from outside the step")
        called = str(value) if isinstance(value, np.dtype) else getattr(value, "__name__", called)
        return self.bind(called, value)

    def _name_of_constant(self, value: Any) -> str:
        args = self._constants[id(value)]
        if args == ("room",):
            self._rooms += 1
            return f"b{self._rooms - 1}"
        if args:  # a view of what has a name
            return f"{self.expression(args[1]).removesuffix('.value')}_{args[0]}"
        if not isinstance(value, (np.ndarray, np.generic)) or value.dtype.kind not in "fiu":
            return "constant"
        if value.size == 1:
            return f"n{value.item():g}"
        return "ones" if np.all(value == 1) else "constant"

    def _index(self, index: Any) -> str:
        """Return an index as it is written between brackets."""
        if type(index) is tuple and index:
            return ", ".join(map(self._index, index)) + "," * (len(index) == 1)
        if type(index) is slice and all(x is None or type(x) is int for x in (index.start, index.stop, index.step)):
            text = ":".join("" if x is None else str(x) for x in (index.start, index.stop))
            return text if index.step is None else f"{text}:{index.step}"
        return self.expression(index)

    def _given(self, args: Sequence[Any], options: dict[str, Any]) -> str:
        named = (f"{key}={self.expression(x, key)}" for key, x in options.items())
        return ", ".join([*map(self.expression, args), *named])

    # -- calls ------------------------------------------------------------------------------------

    def _call(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> str:
        if function is operator.getitem:
            return f"{self.expression(args[0])}[{self._index(args[1])}]"
        if isinstance(function, Method):
            return f"{self.expression(args[0])}.{name}({self._given(args[1:], options)})"
        if function is np.transpose and len(args) == 1 and not options:
            return f"{self.expression(args[0])}.T"
        if all(isinstance(x, (np.ndarray, np.generic)) for x in leaves(args, options, result)):
            quick = self._quick(function, args, options, result)
            if quick is not None:
                return quick
        called = self.bind(name.strip("_"), function)
        if not is_call(function):
            self.results.setdefault(called, []).append(result)
        return f"{called}({self._given(args, options)})"

    def _quick(
        self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> str | None:
        """Return a call on NumPy's arrays in its quickest spelling, or None if that is how it was noted."""
        first = args[0] if args else None
        if isinstance(function, np.ufunc):
            return self._ufunc(function, args, options, result)
        if function is np.dot and type(first) is np.ndarray and options.keys() <= {"out"}:
            return f"{self.expression(first)}.dot({self._given([args[1], *options.values()], {})})"
        if function in _REDUCTIONS and type(first) is np.ndarray and not options.keys() - {*_OF_REDUCTIONS}:
            axis = args[1] if len(args) > 1 else options.get("axis")
            if len(args) <= 2 and options.get("initial") is None:
                ufunc = _REDUCTIONS[function]
                more = [None, options.get("out"), bool(options.get("keepdims"))]
                more = more if any(x is not None and x is not False for x in more) else []
                called = self.bind(f"{ufunc.__name__}_reduce", _reduce_of[ufunc])
                return f"{called}({self._given([first, axis, *more], {})})"
        if function in _RESHAPES and type(result) is np.ndarray is type(first) and "order" not in options:
            return f"{self.expression(first)}.reshape({self.expression(result.shape)})"
        if function in _METHODS and type(first) is np.ndarray:
            return f"{self.expression(first)}.{_METHODS[function]}({self._given(args[1:], options)})"
        return None

    def _ufunc(self, ufunc: np.ufunc, args: tuple[Any, ...], options: dict[str, Any], result: Any) -> str | None:
        if isinstance(result, np.generic):
            if ufunc in _AS_OPERATORS and not options and isinstance(args[0], np.generic):
                return f" {_AS_OPERATORS[ufunc]} ".join(map(self.expression, args))
            return None
        if type(result) is not np.ndarray or options.keys() - {"out"}:
            return None
        given = [self._scalar(x, args, result) for x in args]
        if ufunc in (np.maximum, np.minimum):
            given = [self._spread(x, result) for x in given]
            return f"{self.bind(ufunc.__name__, ufunc)}({self._given(given, options)})"  # `out` has to be named
        return f"{self.bind(ufunc.__name__, ufunc)}({self._given([*given, *options.values()], {})})"

    def _spread(self, x: Any, result: np.ndarray) -> Any:
        """Return a number as an array full of it: then alone NumPy compares several numbers at a time."""
        is_number = type(x) is np.ndarray and x.ndim == 0 and x is self._numbers.get((x.dtype, x.tobytes()))
        if not is_number or result.nbytes > _LARGEST_FULL:
            return x
        key = x.dtype, x.tobytes(), result.shape
        if key not in self._numbers:
            self._numbers[key] = np.full(result.shape, x, x.dtype)
        full = self._numbers[key]
        self.names[id(full)] = self.bind(f"all_{self.names[id(x)]}", full)
        return full

    def _scalar(self, x: Any, args: Sequence[Any], result: np.ndarray) -> Any:
        """Return a number beside arrays as an array without axes, if it is the same number to them."""
        others = [a for a in args if type(a) is np.ndarray and a is not x]
        if not others:
            return x
        if type(x) in (int, float):
            kinds = {a.dtype for a in others}
            if len(kinds) > 1 or others[0].dtype.kind != "f":
                return x
            number = np.array(x, others[0].dtype)
        elif self._constants.get(id(x)) == () and x.size == 1:
            if np.broadcast_shapes(*[a.shape for a in others]) != result.shape:
                return x
            number = np.array(x).reshape(())
        else:
            return x
        number = self._numbers.setdefault((number.dtype, number.tobytes()), number)
        self.names[id(number)] = self.bind(f"n{number.item():g}", number)
        return number


_reduce_of = {ufunc: ufunc.reduce for ufunc in _REDUCTIONS.values()}
