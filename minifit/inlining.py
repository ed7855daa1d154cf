"""Ops taken apart: the NumPy calls that a recorded step makes, without the functions around them.

A recorded step is a list of notes, one a call of an op (see ``recording.py``). For a small model most of an op's time
goes into Python: its arguments, its branches, its checks, which come out the same at every step. So each op is called
once more, on stand-ins that carry the call out on the arrays they stand for and note it. The notes of these calls, in
the place of the op's own note, are the same step in a straight line.

Nothing is taken on trust. What the calls give is compared with what the op gave, bit by bit; and where an op looks at
*values*, draws random numbers or does anything else that a stand-in cannot follow, its note stays as it was.
"""

from __future__ import annotations

import functools
import operator
import types
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .ops.op import constant

Note = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]

_LARGEST_CONSTANT = 2**20  # bytes: what is larger is made anew at every step, as the op does


class NotInlined(Exception):
    """An op does something that its stand-ins cannot follow."""


def is_array(value: Any) -> bool:
    """Tell whether a value is an array, or a number with a NumPy type."""
    return hasattr(value, "dtype") and hasattr(value, "shape") and not isinstance(value, type)


def leaves(*values: Any) -> list[Any]:
    """Return the arrays among values, and in lists, tuples and dicts among them."""
    found: list[Any] = []
    for value in values:
        kind = type(value)
        if kind is np.ndarray:
            found.append(value)
        elif kind in (tuple, list):
            found += leaves(*value)
        elif kind is dict:
            found += leaves(*value.values())
        elif kind not in _PLAIN and is_array(value):
            found.append(value)
    return found


_PLAIN = {bool, int, float, str, slice, type(None)}


def replaced(value: Any, change: Callable[[Any], Any]) -> Any:
    """Return lists, tuples and dicts anew, with ``change`` applied to all else in them."""
    kind = type(value)
    if kind in (tuple, list):
        return kind([replaced(part, change) for part in value])
    if kind is dict:
        return {key: replaced(part, change) for key, part in value.items()} if value else value
    return value if kind in _PLAIN else change(value)


# --------------------------------------------------------------------------- calls on arrays that are no functions


class Method:
    """A method of arrays as a function: ``Method("take")(x, rows)`` is ``x.take(rows)``."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, x: Any, *args: Any, **options: Any) -> Any:
        return getattr(x, self.__name__)(*args, **options)

    def __repr__(self) -> str:
        return f"<method {self.__name__}>"


method = functools.cache(Method)
_of_ufunc = functools.cache(lambda ufunc, name: getattr(ufunc, name))
#: Methods that may be called on a stand-in, and NumPy's functions for those that have one of the same arguments.
_METHODS: dict[str, Callable[..., Any]] = {
    **{name: method(name) for name in ("astype", "copy", "cumsum", "dot", "flatten", "ravel", "repeat", "take")},
    **{name: getattr(np, name) for name in ("all", "any", "argmax", "argmin", "max", "mean", "min", "sum")},
    **{name: getattr(np, name) for name in ("squeeze", "swapaxes")},
}
_ABOUT_SHAPES = {np.shape, np.ndim, np.size, np.result_type, np.can_cast}
_VIEWS = {np.transpose, np.reshape, np.squeeze, np.expand_dims, np.swapaxes, np.moveaxis, np.broadcast_to}


# --------------------------------------------------------------------------- stand-ins


class _StandIn(np.lib.mixins.NDArrayOperatorsMixin):
    """Takes the place of an array in a call of an op, and notes what is done with it."""

    __slots__ = ("_array", "_calls")

    def __init__(self, array: Any, calls: _Calls) -> None:
        self._array, self._calls = array, calls

    # What asks for the kind of array gets the answer that the array itself would give.
    __class__ = property(lambda self: type(self._array))
    shape = property(lambda self: self._array.shape)
    dtype = property(lambda self: self._array.dtype)
    ndim = property(lambda self: self._array.ndim)
    size = property(lambda self: self._array.size)
    T = property(lambda self: self._calls.make(np.transpose, (self,), {}))

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> Any:
        return self._calls.make(operator.getitem, (self, index), {})

    def __setitem__(self, index: Any, value: Any) -> None:
        self._calls.make(operator.setitem, (self, index, value), {})

    def reshape(self, *shape: Any) -> Any:
        return self._calls.make(np.reshape, (self, shape[0] if len(shape) == 1 else shape), {})

    def transpose(self, *axes: Any) -> Any:
        given = (axes[0] if len(axes) == 1 else axes,) if axes else ()
        return self._calls.make(np.transpose, (self, *given), {})

    def called(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Note the call of a function that knows what to do with arrays alone, such as a kernel."""
        return self._calls.make(function, args, options)

    def __getattr__(self, name: str) -> Any:
        if name in _METHODS:
            return lambda *args, **options: self._calls.make(_METHODS[name], (self, *args), options)
        if hasattr(self._array, name):
            raise NotInlined(f"it asks an array for its {name}")
        raise AttributeError(name)

    def __array_ufunc__(self, ufunc: Any, kind: str, *inputs: Any, **options: Any) -> Any:
        out = options.get("out")
        if out is not None and len(out) == 1:
            options["out"] = out[0]
        return self._calls.make(ufunc if kind == "__call__" else _of_ufunc(ufunc, kind), inputs, options)

    def __array_function__(self, function: Any, kinds: Any, args: Any, options: Any) -> Any:
        if function in _ABOUT_SHAPES:
            return function(*_unwrapped(args), **_unwrapped(options))
        return self._calls.make(function, args, options)

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise NotInlined("it looks at values")

    __array__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = __iter__ = __contains__ = _refuse
    item = tolist = _refuse


def _unwrapped(value: Any) -> Any:
    kind = type(value)
    if kind is _StandIn:
        return value._array
    if kind in (tuple, list):
        return kind([_unwrapped(part) for part in value])
    if kind is dict:
        return {key: _unwrapped(part) for key, part in value.items()} if value else value
    return value


class _Calls:
    """The calls that one op makes on stand-ins.

    Parameters
    ----------
    memory : Memory
        Is told which arrays share memory.
    inputs : list of arrays
        What the op is given.
    into : list of arrays
        Those among them that it may write into.

    Attributes
    ----------
    notes : list
        A note of each call.
    """

    def __init__(self, memory: Memory, inputs: list[Any], into: list[Any]) -> None:
        self.memory = memory
        self.notes: list[Note] = []
        self._known: dict[int, _StandIn] = {id(x): _StandIn(x, self) for x in inputs}
        self._theirs = {memory.root(x) for x in inputs} - {memory.root(x) for x in into}

    def stand_in(self, array: Any) -> Any:
        """Return what takes an array's place, the same every time; anything but an array as it is."""
        found = self._known.get(id(array))
        if found is None and is_array(array):
            found = self._known[id(array)] = _StandIn(array, self)
        return array if found is None else found

    def make(self, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]) -> Any:
        """Carry a call out and note it."""
        into = args[0] if function in _IN_PLACE else options.get("out")
        args, options = _unwrapped(args), _unwrapped(options)
        inputs = leaves(args, options)
        for array in inputs:
            if id(array) not in self._known:
                self._take_as_constant(array)
        if into is not None and (type(into) is not _StandIn or self.memory.root(into._array) in self._theirs):
            raise NotInlined("it writes where a second time could be told from the first")
        result = function(*args, **options)
        if into is None and any(result is x for x in inputs):  # such as astype to the same type
            return self._known[id(result)]
        if not (result is None or is_array(result) or (type(result) in (tuple, list) and all(map(is_array, result)))):
            raise NotInlined(f"{function.__name__} gives no array")
        self.memory.note(function, inputs, result)
        self.notes.append((function.__name__, function, args, options, result))
        return replaced(result, self.stand_in)

    def end(self) -> None:
        """Let go of the stand-ins, which hold this; else all arrays of the step would wait for Python to tidy up."""
        self._known.clear()

    def _take_as_constant(self, array: Any) -> None:
        """Note an array that was made in the op: of shapes and types alone, for nothing else leaves a stand-in."""
        if getattr(array, "nbytes", 0) > _LARGEST_CONSTANT:
            raise NotInlined("it makes a large array")
        self.notes.append(("constant", constant, (), {}, array))
        self._known[id(array)] = _StandIn(array, self)
        self._theirs.add(self.memory.root(array))


_IN_PLACE = {operator.setitem, *(_of_ufunc(ufunc, "at") for ufunc in (np.add, np.subtract, np.maximum, np.minimum))}


class Memory:
    """Which arrays of a step may share memory: those with the same `root`."""

    def __init__(self) -> None:
        self._parents: dict[int, int] = {}
        self._alive: list[Any] = []  # so that no id is given twice

    def join(self, a: Any, b: Any) -> None:
        self._alive += [a, b]
        self._parents[self.root(a)] = self.root(b)

    def root(self, array: Any) -> int:
        key = id(array)
        while self._parents.get(key, key) != key:
            key = self._parents[key]
        return key

    def note(self, function: Callable[..., Any], inputs: Sequence[Any], result: Any) -> None:
        """Take a call and what came of it."""
        if isinstance(function, np.ufunc) or function in _FRESH:
            return
        for made in leaves(result):
            for given in inputs:
                if made is not given and _may_share(made, given):
                    self.join(made, given)


#: Functions whose results are never views.
_FRESH = {
    *(np.dot, np.einsum, np.where, np.clip, np.concatenate, np.take_along_axis, np.sort, np.argsort, np.cumsum),
    *(np.sum, np.max, np.min, np.mean, np.all, np.any, np.argmax, np.argmin),
    *(np.zeros_like, np.ones_like, np.empty_like, np.full_like),
    *map(method, ("astype", "copy", "cumsum", "dot", "flatten", "repeat", "take")),
}


def _may_share(a: Any, b: Any) -> bool:
    if isinstance(a, np.generic) or isinstance(b, np.generic):
        return False
    if type(a) is np.ndarray is type(b):
        return np.may_share_memory(a, b)
    return True


# --------------------------------------------------------------------------- one op


def _calls_of(note: Note, memory: Memory) -> list[Note]:
    """Return the calls that an op's note stands for, or the note itself."""
    name, function, args, options, wanted = note
    inputs, into = leaves(args, options), leaves(options.get("out"))
    if name not in ("constant", "assign") and _depends_on_arguments_alone(function):
        calls = _Calls(memory, inputs, into)
        before = [(room, room.copy()) for room in into]
        try:
            given = function(*replaced(args, calls.stand_in), **replaced(options, calls.stand_in))
            same = _matched(given, wanted, [*before, *((x, x) for x in inputs)])
        except Exception:  # whatever it is: the op itself has just shown that it works
            for room, value in before:
                room[...] = value
        else:
            for made, meant in same.values():
                memory.join(made, meant)

            def named(x: Any) -> Any:
                return same[id(x)][1] if id(x) in same else x

            return [(n, f, *replaced((args, options, result), named)) for n, f, args, options, result in calls.notes]
        finally:
            calls.end()
    memory.note(function, inputs, wanted)
    return [note]


def _depends_on_arguments_alone(function: Any) -> bool:
    if isinstance(function, (np.ufunc, types.FunctionType)):
        return True
    return isinstance(getattr(function, "__self__", None) or np, types.ModuleType) and not isinstance(function, type)


def _matched(given: Any, wanted: Any, before: Sequence[tuple[Any, Any]]) -> dict[int, tuple[Any, Any]]:
    """Return pairs of what the calls gave and what the op gave, which is equal to the last bit.

    So has to be what the op was given, `before` and after the calls.
    """
    same: dict[int, tuple[Any, Any]] = {}
    inputs = {id(x): value for x, value in before}
    results = (given, wanted) if isinstance(wanted, (tuple, list)) else ([given], [wanted])
    for mine, meant in zip(*results, strict=True):
        if mine is None and meant is None:
            continue
        if type(mine) is not _StandIn:
            raise NotInlined("it gives what no array went into")
        made = mine._array
        if made is not meant:
            if id(made) in inputs or same.get(id(made), (made, meant))[1] is not meant:
                raise NotInlined("it gives something else the second time")
            same[id(made)] = made, meant
    pairs = [*same.values(), *((x, value) for x, value in before if x is not value)]
    if not all(equal(*pair) for pair in pairs):
        raise NotInlined("it gives something else the second time")
    return same


def equal(a: Any, b: Any) -> bool:
    """Compare arrays bit by bit; those of a device, which would have to be waited for, by shape and type."""
    if type(a) is not type(b) or a.shape != b.shape or a.dtype != b.dtype:
        return False
    return not isinstance(a, (np.ndarray, np.generic)) or a.tobytes() == b.tobytes()


# --------------------------------------------------------------------------- all of them


def inlined(notes: Sequence[Note], kept: Sequence[Any] = (), fixed: Sequence[Any] = ()) -> list[Note]:
    """Return a step's notes with the calls that ops make in the place of the ops.

    Parameters
    ----------
    notes : sequence of (str, callable, tuple, dict, object)
        Name, function, arguments, options and result of each call.
    kept : sequence of arrays
        What is wanted of the step, apart from what it writes into.
    fixed : sequence of arrays
        Arrays that are the same objects at every step, whatever is in them. Views of them are made once.

    Returns
    -------
    list
        Notes of the same kind, with the same objects as results where the results of ops are.
    """
    memory, wanted = Memory(), set(map(id, kept))
    found = [call for note in notes for call in _calls_of(note, memory)]
    found = _needed(_each_once(found, memory, wanted, fixed), wanted)
    return _in_rooms(found, memory, kept)


def written(note: Note) -> list[Any]:
    """Return the arrays that a call writes into."""
    _, function, args, options, result = note
    if function in _IN_PLACE:
        return [args[0]]
    into = leaves(options.get("out"))
    if is_call(function):
        return into
    given = {id(x) for x in leaves(args)}
    return into + [x for x in leaves(result) if id(x) in given]


def is_call(function: Any) -> bool:
    """Tell whether a function is NumPy's: all that it does is in its result and in `out`."""
    if isinstance(function, np.ufunc) or function in _IN_PLACE:
        return True
    module = getattr(function, "__module__", None) or getattr(getattr(function, "__self__", None), "__module__", None)
    return (
        isinstance(function, Method)
        or isinstance(getattr(function, "__self__", None), np.ufunc)
        or function is operator.getitem
        or str(module).partition(".")[0] == "numpy"
    )


def _each_once(notes: list[Note], memory: Memory, kept: set[int], fixed: Sequence[Any]) -> list[Note]:
    """Leave out what was computed before, and compute what is the same at every step now."""
    every = {memory.root(x) for note in notes for x in written(note)}
    constants, places = set[int](), set(map(id, fixed))
    times: dict[int, int] = {}  # how often each piece of memory was written to so far
    before: dict[Any, Any] = {}
    alike: dict[Any, Any] = {}
    again: dict[int, Any] = {}
    shaped: dict[int, Any] = {}
    found = []
    for name, function, args, options, result in notes:
        args, options = replaced((args, options), lambda x: again.get(id(x), x))
        if function is np.reshape and id(result) not in kept:
            if not every & {memory.root(result), memory.root(args[0])}:
                args, options = (shaped.get(id(args[0]), args[0]), result.shape), {}  # past shapes on the way
                shaped[id(result)] = args[0]
            if args[0].shape == result.shape and memory.root(result) == memory.root(args[0]):
                again[id(result)] = args[0]
                continue
        same_type = function is method("astype") and (type(result), result.dtype) == (type(args[0]), args[0].dtype)
        if same_type and id(result) not in kept and not every & {memory.root(result), memory.root(args[0])}:
            again[id(result)] = args[0]
            continue
        note = name, function, args, options, result
        changed = [memory.root(x) for x in written(note)]
        for root in changed:
            times[root] = times.get(root, 0) + 1
        pure = is_call(function) and not changed and is_array(result) and id(result) not in kept
        if function is constant and memory.root(result) not in every:
            constants.add(id(result))
            first = alike.setdefault(_contents(result), result)
            if first is not result and id(result) not in kept:
                again[id(result)] = first
                continue
        elif pure and memory.root(result) not in every:
            inputs = leaves(args, options)
            key = _key((function, args, options)), *(times.get(memory.root(x), 0) for x in inputs)
            if key in before:
                again[id(result)] = before[key]
                continue
            before[key] = result
            if inputs and all(id(x) in constants for x in inputs) and result.nbytes <= _LARGEST_CONSTANT:
                constants.add(id(result))
                note = "constant", constant, (), {}, result
        if pure and _is_view(function, args, options, result) and id(args[0]) in places:
            places.add(id(result))
            note = "constant", constant, (name, args[0]), {}, result
        found.append(note)
    return found


def _contents(array: Any) -> Any:
    """Return what equal constants have in common."""
    if not isinstance(array, (np.ndarray, np.generic)):
        return id(array)
    return type(array), array.dtype, array.shape, array.tobytes()


def _key(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value), *map(_key, value)
    if type(value) is dict:
        return tuple((key, _key(part)) for key, part in value.items())
    return id(value) if is_array(value) or callable(value) else (type(value), repr(value))


def _is_view(function: Callable[..., Any], args: tuple[Any, ...], options: Any, result: Any) -> bool:
    """Tell whether a call is certain to give nothing but another look at its first argument."""
    if function not in _VIEWS and function is not operator.getitem:
        return False
    others = leaves(args[1:], options)
    return not others and (
        np.may_share_memory(result, args[0]) if type(result) is np.ndarray else function is np.transpose
    )


def _needed(notes: list[Note], wanted: set[int]) -> list[Note]:
    """Leave out the calls that nothing comes of."""
    found: list[Note] = []
    wanted = set(wanted)
    for note in reversed(notes):
        _, function, args, options, result = note
        idle = (is_call(function) and not written(note)) or function is constant
        if idle and not any(id(x) in wanted for x in leaves(result)):
            continue
        wanted |= {id(x) for x in leaves(args, options)}
        found.append(note)
    return found[::-1]


# --------------------------------------------------------------------------- memory that stays


#: Of these every result is the number nearest to the right one, wherever it is written.
_EXACT = {
    *(np.add, np.subtract, np.multiply, np.divide, np.negative, np.square, np.sqrt, np.absolute, np.reciprocal),
    *(np.maximum, np.minimum, np.sign, np.bitwise_and, np.bitwise_or, np.invert),
}
_TAKE_OUT = {np.dot, np.sum, np.max, np.min}
_LARGEST_ROOM = 2**24  # bytes


def _in_rooms(notes: list[Note], memory: Memory, kept: Sequence[Any]) -> list[Note]:
    """Let calls write into arrays that stay from step to step, and into those that nobody reads any more.

    What leaves the step, or goes into a call that is not NumPy's, is an array of its own every time.
    """
    held = {memory.root(x) for x in kept}
    last: dict[int, int] = {}
    for i, (_, function, args, options, result) in enumerate(notes):
        for x in leaves(args, options, result):
            last[memory.root(x)] = i
            if not is_call(function):
                held.add(memory.root(x))
    moved: dict[int, Any] = {}  # by ids of results, the rooms that they are now in, and views of them
    placed = set[int]()  # the ids of these
    rooms: dict[int, Any] = {}  # by roots
    free: dict[Any, list[Any]] = {}
    found: list[Note] = []
    ends: dict[int, list[int]] = {}
    for root, i in last.items():
        ends.setdefault(i, []).append(root)
    for i, (name, function, args, options, result) in enumerate(notes):
        ending = {root: rooms.pop(root) for root in ends.get(i, []) if root in rooms}
        args, options, now = replaced((args, options, result), lambda x: moved.get(id(x), x))
        root = memory.root(result)
        if now is not result:
            pass
        elif _fits_in_a_room(function, options, result) and root not in held:
            kind = result.shape, result.dtype
            mine = [r for r, room in ending.items() if function in _EXACT and any(x is room for x in args)]
            mine = [r for r in mine if (ending[r].shape, ending[r].dtype) == kind]
            spare = free.setdefault(kind, [])
            now = ending.pop(mine[0]) if mine else spare.pop() if spare else _room_like(result, found)
            moved[id(result)] = rooms[root] = now
            placed.add(id(now))
            options = {**options, "out": now}
        elif args and id(args[0]) in placed and (function in _VIEWS or function is operator.getitem):
            view = function(*args, **options)
            if _is_view(function, args, options, view):
                now = moved[id(result)] = view
                placed.add(id(view))
                name, function, args, options = "constant", constant, (name, args[0]), {}
        found.append((name, function, args, options, now))
        for room in ending.values():
            free.setdefault((room.shape, room.dtype), []).append(room)
    return found


def _room_like(result: Any, notes: list[Note]) -> Any:
    room = np.empty_like(result)
    notes.append(("constant", constant, ("room",), {}, room))
    return room


def _fits_in_a_room(function: Any, options: dict[str, Any], result: Any) -> bool:
    return (
        (isinstance(function, np.ufunc) or function in _TAKE_OUT)
        and not options.keys() & {"out", "where"}
        and type(result) is np.ndarray
        and result.ndim > 0
        and result.flags.c_contiguous
        and result.nbytes <= _LARGEST_ROOM
    )
