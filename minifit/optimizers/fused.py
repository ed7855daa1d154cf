"""One pass instead of a dozen: a rule's in-place calls as one loop, compiled by numba, or as one kernel of a GPU.

A rule such as Adam's is a row of calls, each of which walks through all parameters. Called on stand-ins that note what
is done to them, the rule writes itself down, and the notes are the body of a loop that numba compiles, where it is
installed, or of a kernel, where the arrays are a device's. Each number goes through the same roundings in the same
order, so nothing but the time tells the difference. The rules stay the only source: the notes are taken anew at every
step, for the scalars in them change. ``MINIFIT_NUMBA=0`` turns numba off.
"""

from __future__ import annotations

import functools
import importlib.util
import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import kernels
from ..backend import Array

_WORTH_IT = 10_000  # parameters: below that the notes take as long as the rule
_NOT_ALIKE = {"power", "clip"}  # numba's differ from NumPy's in the last bit, or in what they take


class _NotNoted(Exception):
    """The rule does something that these notes have no word for."""


class _Notes:
    """What a rule did: lines such as ``("multiply", ("g", 0), "t0")``, an integer being the number of a scalar."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, tuple[Any, ...], str]] = []
        self.scalars: list[float] = []
        self._made = 0

    def stand_in(self, name: str = "") -> _StandIn:
        if not name:
            name = f"t{self._made}"
            self._made += 1
        return _StandIn(name, self)

    def write(self, function: Any, inputs: tuple[Any, ...], out: Any) -> _StandIn:
        target = self.stand_in() if out is None else out
        names: list[Any] = []
        for x in inputs:
            if type(x) is _StandIn:
                names.append(x.name)
            elif type(x) in (int, float):
                names.append(len(self.scalars))
                self.scalars.append(x)
            else:
                raise _NotNoted
        self.lines.append((function.__name__, tuple(names), target.name))
        return target


class _StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """Takes the place of an array as long as the parameters."""

    def __init__(self, name: str, notes: _Notes) -> None:
        self.name, self.notes = name, notes

    def __imul__(self, other: Any) -> _StandIn:  # these three, the commonest, without the way through NumPy
        return self.notes.write(np.multiply, (self, other), self)

    def __iadd__(self, other: Any) -> _StandIn:
        return self.notes.write(np.add, (self, other), self)

    def __isub__(self, other: Any) -> _StandIn:
        return self.notes.write(np.subtract, (self, other), self)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **others: Any) -> Any:
        if method != "__call__" or others or (out and type(out[0]) is not _StandIn):
            raise _NotNoted
        return self.notes.write(ufunc, inputs, out and out[0])

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function is np.empty_like:
            return self.notes.stand_in()
        if function is np.clip and not kwargs:
            return self.notes.write(np.clip, args, None)
        raise _NotNoted


def apply(rule: Callable[..., None], w: Array, g: Array, rate: float, slots: Mapping[str, Array]) -> bool:
    """Change `w` and the slots as ``rule(w, g, rate, **slots)`` would, in one pass; tell whether that could be done."""
    on_host = type(w) is np.ndarray
    if on_host and (w.size < _WORTH_IT or w.dtype.char not in "fd" or not _numba_is_there()):
        return False
    if not on_host and not (kernels.are_made() and w.size):
        return False
    notes = _Notes()
    try:
        rule(notes.stand_in("w"), notes.stand_in("g"), rate, **{name: notes.stand_in(name) for name in slots})
    except _NotNoted:
        return False
    lines = tuple(notes.lines)
    if not on_host:
        return kernels.run_rule(lines, tuple(notes.scalars), w, g, slots)
    if any(function in _NOT_ALIKE for function, _, _ in lines):
        return False
    _compiled(lines, tuple(slots))(w, g, np.array(notes.scalars, w.dtype), *slots.values())
    return True


@functools.cache
def _numba_is_there() -> bool:
    wanted = os.environ.get("MINIFIT_NUMBA", "1") != "0"
    return wanted and importlib.util.find_spec("numba") is not None


@functools.cache
def _compiled(lines: tuple[Any, ...], slots: tuple[str, ...]) -> Callable[..., None]:
    import numba

    bound: dict[str, Any] = {}
    exec(compile(source(lines, slots), "<fused rule>", "exec"), {"np": np}, bound)
    return numba.njit(bound["loop"], error_model="numpy", nogil=True)


def source(lines: tuple[Any, ...], slots: tuple[str, ...]) -> str:
    """Return the loop as Python.

    Examples
    --------
    >>> print(source((("multiply", ("g", 0), "t0"), ("subtract", ("w", "t0"), "w")), ()))
    def loop(w, g, s):
        s0 = s[0]
        for i in range(w.size):
            w_, g_ = w[i], g[i]
            t0_ = np.multiply(g_, s0)
            w_ = np.subtract(w_, t0_)
            w[i] = w_
    """
    arrays = ["w", "g", *slots]
    count = sum(isinstance(name, int) for _, names, _ in lines for name in names)
    text = [f"def loop({', '.join(['w', 'g', 's', *slots])}):"]
    text += [f"    s{k} = s[{k}]" for k in range(count)]
    text.append("    for i in range(w.size):")
    text.append(f"        {', '.join(f'{a}_' for a in arrays)} = {', '.join(f'{a}[i]' for a in arrays)}")
    for function, names, target in lines:
        given = ", ".join(f"s{name}" if isinstance(name, int) else f"{name}_" for name in names)
        text.append(f"        {target}_ = np.{function}({given})")
    changed = {target for _, _, target in lines}
    text += [f"        {a}[i] = {a}_" for a in arrays if a in changed and a != "g"]
    return "\n".join(text)
