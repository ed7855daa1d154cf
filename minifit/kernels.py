"""Fused kernels: a recorded step's elementwise calls in as few launches as they can be done in.

On a GPU a small array costs not its bytes but the call: each NumPy call is a launch of a kernel, and some microseconds
of Python. So where the array module has `ElementwiseKernel` (CuPy's does), the notes of a recorded step, see
``recording.py``, are rewritten: calls on arrays of one shape become one kernel, whose body is written from the notes.
What only these calls need stays in registers; what others read is written out.

Beside ``backend.py`` this is the one file that knows CuPy, and it knows it by what the module in use offers. Kernels
keep NumPy's types and the order of roundings, so they give what the calls gave, but for the last bit of an exponential.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from . import backend, philox
from .ops.op import constant
from .scheduling import Group, Memory, Note, Plan, Unit, arrays_in, is_array

_KEPT_BYTES = 1 << 24  # a larger array is made anew at every step, lest many of them fill the memory
_OPTIONS = ("--fmad=false",)  # lest two roundings become one, which single calls do not
# A larger mask is drawn by a kernel of its own, which makes 16 numbers of what here makes one. And a larger sum is
# taken by a kernel of its own, for here the last block would have too much to add up.
_MOST_AT_ONCE = 1 << 18
_MOST_ARRAYS = 40  # that one kernel takes: its arguments have 4 KB

_TYPES = {
    "?": "bool", "b": "signed char", "B": "unsigned char", "h": "short", "H": "unsigned short", "i": "int",
    "I": "unsigned int", "l": "long long", "q": "long long", "L": "unsigned long long", "Q": "unsigned long long",
    "e": "float", "f": "float", "d": "double",
}  # fmt: skip

# --------------------------------------------------------------------------- calls as CUDA

#: By names of NumPy's functions, what they are in CUDA; float16 is computed with as float, as NumPy does.
_CUDA = {
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": "{0} / {1}",
    "negative": "-{0}",
    "positive": "{0}",
    "square": "{0} * {0}",
    "reciprocal": "1 / {0}",
    "maximum": "{0} >= {1} || {0} != {0} ? {0} : {1}",  # NaN if one of them is
    "minimum": "{0} <= {1} || {0} != {0} ? {0} : {1}",
    "sign": "{0} > 0 ? 1 : {0} < 0 ? -1 : {0}",
    "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}",
    "less": "{0} < {1}",
    "less_equal": "{0} <= {1}",
    "equal": "{0} == {1}",
    "not_equal": "{0} != {1}",
    "logical_and": "{0} != 0 && {1} != 0",
    "logical_or": "{0} != 0 || {1} != 0",
    "logical_xor": "({0} != 0) != ({1} != 0)",
    "logical_not": "{0} == 0",
    "isnan": "{0} != {0}",
    "isfinite": "{0} - {0} == {0} - {0}",
    "isinf": "{0} == {0} && {0} - {0} != {0} - {0}",
    "where": "{0} ? {1} : {2}",
    "clip": "{0} < {1} ? ({1} > {2} ? {2} : {1}) : {0} > {2} ? {2} : {0}",
    "astype": "{0}",
    "logaddexp": "logaddexp_({0}, {1})",
}
_CALLS = (
    "exp exp2 expm1 log log2 log10 log1p sqrt cbrt sin cos tan sinh cosh tanh floor ceil trunc rint hypot fmax fmin"
)
_CUDA |= {name: f"{name}({{0}})" for name in _CALLS.split()} | {
    name: f"{name}({{0}}, {{1}})" for name in ("hypot", "fmax", "fmin")
}
_CUDA |= {f"arc{name}": f"a{name}({{0}})" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")}
_CUDA |= {"arctan2": "atan2({0}, {1})", "power": "pow({0}, {1})"}
_OF_FLOATS = {"absolute": "fabs({0})"}
_OF_WHOLE = {
    "absolute": "{0} < 0 ? -{0} : {0}",
    "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "bitwise_xor": "{0} ^ {1}",
    "invert": "~{0}",
    "isnan": "false",
    "isfinite": "true",
}
_OF_BOOLS = {
    "add": "{0} || {1}",
    "multiply": "{0} && {1}",
    "maximum": "{0} || {1}",
    "minimum": "{0} && {1}",
    "absolute": "{0}",
    "invert": "!{0}",
}
_NOT_OF_WHOLE = {"power", "reciprocal", "divide"}  # NumPy's on integers are other functions

_PREAMBLE = """
template <typename T> __device__ inline T logaddexp_(T a, T b) {
    if (a == b) return a + (T)0.6931471805599453;
    const T d = a - b;
    return d > 0 ? a + log1p(exp(-d)) : d <= 0 ? b + log1p(exp(d)) : d;
}
"""

_OPERATORS = {
    operator.add: np.add, operator.sub: np.subtract, operator.mul: np.multiply, operator.truediv: np.divide,
    operator.neg: np.negative, operator.gt: np.greater, operator.ge: np.greater_equal, operator.lt: np.less,
    operator.le: np.less_equal, operator.eq: np.equal, operator.ne: np.not_equal, operator.and_: np.bitwise_and,
    operator.or_: np.bitwise_or, operator.xor: np.bitwise_xor, operator.invert: np.invert, operator.pow: np.power,
    operator.abs: np.absolute,
}  # fmt: skip


def expression(name: str, kind: str, *operands: str) -> str | None:
    """Return a call of a NumPy function as CUDA, its operands being of the type with the character `kind`.

    Examples
    --------
    >>> expression("arctan2", "f", "a", "b")
    'atan2(a, b)'
    """
    if kind in "efd":
        found = _OF_FLOATS.get(name) or _CUDA.get(name)
    elif name in _NOT_OF_WHOLE:
        return None
    else:
        found = (_OF_BOOLS.get(name) if kind == "?" else None) or _OF_WHOLE.get(name) or _CUDA.get(name)
    return None if found is None else found.format(*operands)


def cast(text: str, kind: str, wanted: str) -> str:
    """Return an expression in another type; one of float16 is held as float, already rounded."""
    if kind == wanted:
        return text
    if wanted == "?":
        return f"(({text}) != 0)"
    if wanted == "e":
        return f"(float)(float16)(float)({text})"
    return text if (kind, wanted) == ("e", "f") else f"({_TYPES[wanted]})({text})"


def literal(value: Any, kind: str) -> str:
    """Return a number as CUDA has it, in the type with the character `kind`.

    Examples
    --------
    >>> literal(0.1, "f"), literal(-2, "d"), literal(True, "?")
    ('0.10000000149011612f', '(-2.0)', 'true')
    """
    value = np.dtype(kind).type(value).item()
    if kind == "?":
        return "true" if value else "false"
    if kind not in "efd":
        text = f"{value}ULL" if kind in "LQ" else f"{value}LL" if kind in "lq" else str(value)
        return "(-9223372036854775807LL - 1)" if value == -(2**63) else f"({text})" if value < 0 else text
    if not math.isfinite(value):
        huge = "(1e300 * 1e300)"
        text = f"({huge} - {huge})" if math.isnan(value) else huge if value > 0 else f"(-{huge})"
        return f"({_TYPES[kind]}){text}"
    text = f"{value!r}{'' if kind == 'd' else 'f'}"
    return f"({text})" if value < 0 or text[0] == "-" else text


# --------------------------------------------------------------------------- a note as a line


class _Line(NamedTuple):
    """An elementwise note: which function of what, in which types."""

    function: str
    inputs: tuple[Any, ...]  # arrays, and numbers
    kinds: tuple[str, ...]  # the types that the inputs are brought to
    made: str  # the type that comes out of it
    result: Any  # the array that it is stored in, and whose type it then has
    overwrites: bool = False  # whether that array was there before

    @property
    def counts(self) -> bool:
        return self.function == "mask"

    def text(self, names: dict[int, str]) -> str:
        """Return the right side of an assignment."""
        if self.function == "mask":
            key, bits, below, scale = self.inputs
            kept = f"philox_bits({names[id(key)]}_0, {names[id(key)]}_1, i, {bits}) >= {below}u"
            return f"{kept} ? {literal(scale, self.made)} : {literal(0, self.made)}"
        operands = []
        for x, kind in zip(self.inputs, self.kinds, strict=True):
            operands.append(cast(names[id(x)], x.dtype.char, kind) if is_array(x) else literal(x, kind))
        found = expression(self.function, self.kinds[-1], *operands)
        assert found is not None  # what could not be written is no line
        text = f"(float)(float16)({found})" if self.made == "e" and self.function != "astype" else found
        return cast(text, self.made, self.result.dtype.char)


def _is_number(x: Any) -> bool:
    return isinstance(x, (bool, int, float, np.generic))


def _line(note: Note) -> _Line | None:
    """Return a note as a line of a kernel; None if it is none, or in types that kernels have no word for."""
    _, function, args, options, result = note
    if function is _drawn:
        key, _, dtype, rate = args
        kind = np.dtype(dtype).char
        known = is_array(result) and 0 < result.size <= _MOST_AT_ONCE and kind in "efd"
        return _Line("mask", (key, *philox.cut(rate), 1 / (1 - rate)), (kind,), kind, result) if known else None
    function = _OPERATORS.get(function, function)
    name = getattr(function, "__name__", "")
    options = dict(options)
    out = options.pop("out", None)
    if type(out) is tuple and len(out) == 1:
        out = out[0]
    if name == "setitem" and len(args) == 3 and _is_all(args[1]):
        name, out, result, args = "astype", args[0], args[0], (args[2],)
    if type(result) in (tuple, list) and len(result) == 1:
        result = result[0]
    if not is_array(result) or (out is not None and out is not result) or not result.size:
        return None
    found: _Line | None = None
    if name in ("astype", "copy") and 0 < len(args) <= 2 and not options.keys() - {"dtype", "copy"}:
        found = _cast_line(args[0], result)
    elif function is np.where and len(args) == 3 and not options:
        kind = result.dtype.char
        found = _Line("where", tuple(args), ("?", kind, kind), kind, result)
    elif function is np.clip:
        found = _clip_line(args, options, result)
    elif isinstance(function, np.ufunc) and function.nout == 1 and len(args) == function.nin:
        found = _ufunc_line(function, args, options, out, result)
    if found is None or not all(is_array(x) or _is_number(x) for x in found.inputs):
        return None
    kinds = {*found.kinds, found.made, *(x.dtype.char for x in (*found.inputs, result) if is_array(x))}
    shapes = [x.shape for x in found.inputs if is_array(x)]
    if not kinds <= _TYPES.keys() or not shapes or not _spreads_to(shapes, result.shape):
        return None
    known = expression(found.function, found.kinds[-1], "a", "b", "c") is not None
    return found._replace(overwrites=out is not None) if known else None


def _with_keys_apart(note: Note) -> list[Note]:
    """Return the mask of a dropout as two notes: the key, which is drawn on the host, and what follows from it."""
    _, function, args, options, result = note
    layer: Any = getattr(function, "__self__", None)
    if getattr(function, "__name__", "") != "_mask" or options or not hasattr(layer, "seed_generator"):
        return [note]
    key = np.zeros(2, "uint64")
    words = functools.partial(_next_key, layer.seed_generator)
    return [("key", words, (), {}, key), ("mask", _drawn, (key, *args, layer.rate), {}, result)]


def _keys(note: Note) -> set[int]:
    return {id(note[2][0])} if note[1] is _drawn else set()


def _next_key(generator: Any) -> np.ndarray:
    return np.array(generator.key(), "uint64")


def _drawn(key: np.ndarray, shape: tuple[int, ...], dtype: Any, rate: float) -> Any:
    return philox.mask(tuple(key.tolist()), shape, dtype, rate)


def _is_all(index: Any) -> bool:
    parts = index if type(index) is tuple else (index,)
    return all(i is Ellipsis or (type(i) is slice and i == slice(None)) for i in parts)


def _spreads_to(shapes: Sequence[tuple[int, ...]], shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(*shapes, shape) == shape
    except ValueError:
        return False


def _cast_line(x: Any, result: Any) -> _Line | None:
    kind = x.dtype.char if hasattr(x, "dtype") else result.dtype.char
    return None if x is result else _Line("astype", (x,), (kind,), kind, result)


def _clip_line(args: tuple[Any, ...], options: dict[str, Any], result: Any) -> _Line | None:
    given = dict(zip(("x", "a_min", "a_max"), args, strict=False)) | options
    low, high = (given.pop(a, given.pop(b, None)) for a, b in (("a_min", "min"), ("a_max", "max")))
    if given.keys() != {"x"} or low is None or high is None:
        return None
    kind = result.dtype.char
    return _Line("clip", (given["x"], low, high), (kind,) * 3, kind, result)


def _ufunc_line(function: np.ufunc, args: Any, options: dict[str, Any], out: Any, result: Any) -> _Line | None:
    dtype = options.pop("dtype", None)
    if options.keys() - {"casting"}:
        return None
    weak = [type(x) if type(x) in (int, float) else np.dtype(getattr(x, "dtype", bool)) for x in args]
    wanted: Any = {} if dtype is None else {"signature": (*[None] * function.nin, np.dtype(dtype))}
    casting = options.get("casting", "same_kind")
    try:
        *kinds, made = function.resolve_dtypes((*weak, None), casting=casting, **wanted)
    except (TypeError, OverflowError):
        return None
    if out is None and made != result.dtype:
        return None
    return _Line(function.__name__, tuple(args), tuple(k.char for k in kinds), made.char, result)


# --------------------------------------------------------------------------- kernels


def _device_module() -> Any:
    """Return the array module in use if it makes kernels, else None."""
    module = backend.xp()
    return module if module is not np and hasattr(module, "ElementwiseKernel") else None


def are_made() -> bool:
    """Tell whether the array module in use makes kernels."""
    return _device_module() is not None


@functools.cache
def _elementwise(
    module: Any, takes: str, gives: str, body: str, name: str, preamble: str, before: str = "", after: str = ""
) -> Any:
    options = {"preamble": preamble, "no_return": True, "options": _OPTIONS, "loop_prep": before, "after_loop": after}
    return module.ElementwiseKernel(takes, gives, body, name, **options)


def fused(notes: list[Note], kept: Collection[int]) -> list[Note]:
    """Return notes that do the same in fewer launches, on a device; on the host, as they are.

    Parameters
    ----------
    notes : list of Note
        Calls of NumPy's functions, as in ``recording.py``.
    kept : collection of int
        The ids of the arrays that are read after the last note.
    """
    module = _device_module()
    if module is None:
        return notes
    notes = _without_idle(_without_copies([part for note in notes for part in _with_keys_apart(note)], kept))
    # A number of NumPy's that a note makes may be another one at the next step, and is no literal.
    numbers = {id(x) for note in notes if note[0] != "constant" for x in arrays_in(note[4]) if not is_array(x)}
    plan = Plan(notes, kept, lambda note: None if numbers & set(map(id, note[2])) - _keys(note) else _line(note))
    tails = _tails(plan)
    found: list[Note] = []
    for group in plan.groups:
        if len(group.units) > 1 or id(group) in tails:
            found += _notes_of(group, tails.get(id(group)), plan, module)
        else:
            found.append(_directly(group.units[0].note, module))
    return found


def _without_copies(notes: list[Note], kept: Collection[int]) -> list[Note]:
    """Return notes in which a product that is copied is written at once where the copy would be."""
    units = [Unit(note, None) for note in notes]
    touched: dict[int, int] = {}
    for unit in units:
        for key in {id(x) for x in unit.touched}:
            touched[key] = touched.get(key, 0) + 1
    products = {id(note[4]): place for place, note in enumerate(notes) if note[1] is np.dot and "out" not in note[3]}
    instead: dict[int, Any] = {}
    found = list(notes)
    for place, (_, function, args, _, _) in enumerate(notes):
        if function is not operator.setitem or args[1] is not Ellipsis or id(args[2]) not in products:
            continue
        room, _, product = args
        fits = room.dtype == product.dtype and room.shape == product.shape and room.flags.c_contiguous
        if not fits or touched[id(room)] > 1 or id(product) in kept or id(product) in instead:
            continue
        if any(x is product for unit in units[:place] for x in unit.written):
            continue
        made = products[id(product)]
        instead[id(product)] = room
        found[made] = (*notes[made][:3], {**notes[made][3], "out": room}, room)
        found[place] = ("constant", constant, (), {}, product)  # which nobody reads any more
    return [_renamed(note, instead) for note in found] if instead else notes


def _renamed(note: Note, instead: dict[int, Any]) -> Note:
    def named(x: Any) -> Any:
        if type(x) in (tuple, list):
            return type(x)(map(named, x))
        return instead.get(id(x), x)

    name, function, args, options, result = note
    if function is constant:
        return note
    return name, function, named(args), {key: named(x) for key, x in options.items()}, result


def _without_idle(notes: list[Note]) -> list[Note]:
    """Return notes in which a sum over axes of length 1, or a division by 1, is another look at the same array."""
    units = [Unit(note, None) for note in notes]
    memory = Memory(units)
    written = {memory.root(id(x)) for unit in units for x in unit.written}
    found = []
    for note in notes:
        _, function, args, options, result = note
        if function in (np.sum, np.divide) and is_array(args[0]) and args[0].dtype == result.dtype:
            x = args[0]
            if _does_nothing(function, x, args, options, result) and written.isdisjoint(memory.roots([x, result])):
                note = "reshape", np.reshape, (x, result.shape), {}, result
        found.append(note)
    return found


def _does_nothing(function: Any, x: Any, args: tuple[Any, ...], options: dict[str, Any], result: Any) -> bool:
    if function is np.sum:
        return x.size == result.size and options.get("out") is None
    return function is np.divide and not options and type(args[1]) in (int, float) and args[1] == 1


# --------------------------------------------------------------------------- sums of all elements


class _Tail(NamedTuple):
    """What follows a kernel's last element: a sum over one of its arrays, and lines on that number."""

    summed: Any  # the array
    total: Any  # the array of one number
    lines: list[Any]


def _tails(plan: Plan) -> dict[int, _Tail]:
    """Take the sums over whatever a kernel makes out of a plan; return them by ids of the kernels' groups."""
    found: dict[int, _Tail] = {}
    for group in [g for g in plan.groups if g.is_kernel and g.shape and math.prod(g.shape) <= _MOST_AT_ONCE]:
        written = group.arrays()[1]
        for other in [g for g in plan.groups if not g.is_kernel]:
            summed, looks = _summed(other.units[0], plan)
            if id(summed) not in written or summed.shape != group.shape:
                continue
            if not plan.is_last_to_write(group, summed, before=other):
                continue
            total = other.units[0].results[0]
            after = [g for g in plan.groups if g.is_kernel and set(g.arrays()[0]) == {id(total)} and g.shape == ()]
            found[id(group)] = _Tail(summed, total, after[0].units if after else [])
            plan.groups = [g for g in plan.groups if g not in (other, *looks, *after[:1])]
            break
    return found


def _summed(unit: Unit, plan: Plan) -> tuple[Any, list[Group]]:
    """Return the array that a note adds up whole, as its kernel left it, and the notes that are only there for that."""
    _, function, args, options, _ = unit.note
    looks: list[Group] = []
    if function is not np.sum or len(args) != 1 or not is_array(args[0]) or options.get("out") is not None:
        return None, []
    x: Any = args[0]
    if unit.results[0].shape != () or x.dtype.char not in "fd" or unit.results[0].dtype != x.dtype:
        return None, []
    while look := next((g for g in plan.groups if _is_reshape(g.units[0]) and g.units[0].results[0] is x), None):
        users = [g for g in plan.groups if any(x is y for u in g.units for y in u.read)]
        if len(users) > 1 or not plan.stays(x):
            break
        looks.append(look)
        x = look.units[0].read[0]
    return x, looks


def _is_reshape(unit: Unit) -> bool:
    return unit.note[1] is np.reshape


_IN_A_BLOCK = """
    work_[threadIdx.x] = sum_;
    __syncthreads();
    for (unsigned n_ = blockDim.x, half_; n_ > 1; n_ = half_) {
        half_ = (n_ + 1) / 2;
        if (threadIdx.x + half_ < n_) work_[threadIdx.x] += work_[threadIdx.x + half_];
        __syncthreads();
    }
"""
#: The threads of a block add up what they have, and the last block to finish, what the blocks have.
_ADD_UP = """
    __shared__ {type} work_[128];
    __shared__ bool is_last_;
    {in_a_block}
    if (threadIdx.x == 0) {{
        parts[blockIdx.x] = work_[0];
        __threadfence();
        is_last_ = atomicAdd(&arrived[(ptrdiff_t)0], 1u) == gridDim.x - 1;
    }}
    __syncthreads();
    if (!is_last_) return;
    sum_ = 0;
    for (unsigned b_ = threadIdx.x; b_ < gridDim.x; b_ += blockDim.x) sum_ += *(volatile {type}*)&parts[b_];
    {in_a_block}
    if (threadIdx.x == 0) {{
        arrived[(ptrdiff_t)0] = 0;
        const {type} total_ = work_[0];
        {lines}
    }}
"""


# --------------------------------------------------------------------------- notes that call kernels


def _directly(note: Note, module: Any) -> Note:
    """Return a note whose call need not find its way to the module through NumPy, which takes longer than a launch."""
    name, function, args, options, result = note
    if function in _LOOKS or getattr(np, getattr(function, "__name__", ""), None) is not function:
        return note
    return name, getattr(module, function.__name__, function), args, options, result


def launches(notes: Sequence[Note]) -> list[str]:
    """Return the names of the notes that launch a kernel, a product or a copy, rather than only look at an array."""
    return [note[0] for note in notes if not _is_idle(note)]


def _is_idle(note: Note) -> bool:
    name, function, args, _, result = note
    if name in ("constant", "empty", "key") or function in _LOOKS:
        return True
    return function is operator.getitem and not any(True for _ in arrays_in(args[1])) and result is not None


_LOOKS = {np.reshape, np.transpose, np.squeeze, np.expand_dims, np.swapaxes, np.moveaxis, np.broadcast_to}


def _notes_of(group: Group, tail: _Tail | None, plan: Plan, module: Any) -> list[Note]:
    """Return what calls a kernel: the call, before it what makes the arrays that it writes into."""
    inputs, outs = list(filter(is_array, group.arrays()[0].values())), plan.outputs(group)
    if len(inputs) + len(outs) > _MOST_ARRAYS and tail is None:
        return [_directly(unit.note, module) for unit in group.units]
    keys = list({id(k): k for unit in group.units if unit.line.counts for k in unit.line.inputs[:1]}.values())
    names = {id(key): f"k{number}" for number, key in enumerate(keys)}
    loaded = {id(x): f"x{number}" for number, x in enumerate(inputs)}
    takes = [f"uint64 {names[id(key)]}_{word}" for key in keys for word in (0, 1)]
    takes += [f"{x.dtype.name} {loaded[id(x)]}" for x in inputs]
    names |= {id(x): f"(float){loaded[id(x)]}" if x.dtype.char == "e" else loaded[id(x)] for x in inputs}
    gives = [f"{x.dtype.name} y{number}" for number, x in enumerate(outs)]
    lines = [_assigned(unit, number, names) for number, unit in enumerate(group.units)]
    lines += [f"y{number} = {_stored(names[id(x)], x)};" for number, x in enumerate(outs)]
    called = "_".join(dict.fromkeys(unit.line.function for unit in group.units))[:60]
    room = [_room(x, plan.stays(x), module) for x in outs if plan.is_fresh(x)]
    ends: dict[str, str] = {}
    if tail is not None:
        called = f"{called}_sum"
        lines.append(f"sum_ += {names[id(tail.summed)]};")
        ends, more, results = _end(group, tail, plan, names, module)
        gives += more
        room += results
        outs = [*outs, *[note[-1] for note in results]]
    preamble = (philox.CUDA if keys else "") + (_PREAMBLE if "logaddexp_" in "".join(lines) else "")
    kernel = _elementwise(module, ", ".join(takes), ", ".join(gives), "\n".join(lines), called, preamble, **ends)
    call = functools.partial(_with_keys, kernel, len(keys)) if keys else kernel
    return [*room, (called, call, (*keys, *inputs, *outs), {}, None)]


def _assigned(unit: Unit, number: int, names: dict[int, str], mark: str = "v") -> str:
    text = unit.line.text(names)
    names[id(unit.line.result)] = f"{mark}{number}"
    return f"{_TYPES[unit.line.result.dtype.char]} {mark}{number} = {text};"


def _end(
    group: Group, tail: _Tail, plan: Plan, names: dict[int, str], module: Any
) -> tuple[dict[str, str], list[str], list[Note]]:
    """Return a sum as what comes before and after a kernel's loop, its parameters, and notes that make its arrays."""
    made = _TYPES[tail.total.dtype.char]
    names[id(tail.total)] = "total_"
    lines = [_assigned(unit, number, names, "t") for number, unit in enumerate(tail.lines)]
    results = {id(x): x for x in [tail.total, *[unit.line.result for unit in tail.lines]]}
    wanted = [x for x in results.values() if plan.is_read(x)]
    lines += [f"r{number}[(ptrdiff_t)0] = {_stored(names[id(x)], x)};" for number, x in enumerate(wanted)]
    parts = module.empty((-(-math.prod(group.shape) // 128),), tail.total.dtype)
    arrived = module.zeros((1,), "uint32")
    more = [f"raw {tail.total.dtype.name} parts", "raw uint32 arrived"]
    more += [f"raw {x.dtype.name} r{number}" for number, x in enumerate(wanted)]
    room = [_room(parts, True, module), _room(arrived, True, module)]
    room += [_room(x, plan.stays(x), module) for x in wanted]
    ends = {
        "before": f"{made} sum_ = 0;",
        "after": _ADD_UP.format(type=made, in_a_block=_IN_A_BLOCK, lines=" ".join(lines)),
    }
    return ends, more, room


def _stored(name: str, array: Any) -> str:
    return f"(float16){name}" if array.dtype.char == "e" else name


def _with_keys(kernel: Any, count: int, *args: Any) -> None:
    kernel(*[word for key in args[:count] for word in key.tolist()], *args[count:])


def _room(array: Any, stays: bool, module: Any) -> Note:
    """Return a note that gives an array to write into: if it is small and stays in the step, always the same one."""
    if stays and array.nbytes <= _KEPT_BYTES:
        return "constant", constant, (), {}, array
    return "empty", module.empty, (array.shape, array.dtype), {}, array


# --------------------------------------------------------------------------- an optimizer's rule


def run_rule(lines: tuple[Any, ...], scalars: tuple[float, ...], w: Any, g: Any, slots: Mapping[str, Any]) -> bool:
    """Change weights and slots in one launch, as lines such as ``("multiply", ("g", 0), "t0")`` say.

    Parameters
    ----------
    lines : tuple of (str, tuple, str)
        NumPy's function, what it is called on, an integer being the number of a scalar, and the name of the result.
    scalars : tuple of float
    w, g : array
        Weights and gradient; what is left in `g` is not to be used.
    slots : dict of str to array
        What the rule remembers, of the same shape and type.

    Returns
    -------
    bool
        False if there are no words for it in CUDA, and nothing was done.
    """
    arrays = {"w": w, "g": g, **slots}
    if w.dtype.char not in "efd" or any(x.dtype != w.dtype for x in arrays.values()):
        return False
    in_a_row = w.dtype.char != "e" and all(x.flags.c_contiguous for x in arrays.values())
    launch = _rule(backend.xp(), lines, len(scalars), tuple(slots), w.dtype.char, in_a_row)
    if launch is None:
        return False
    launch(arrays, scalars)
    return True


@functools.cache
def _rule(
    module: Any, lines: tuple[Any, ...], count: int, slots: tuple[str, ...], kind: str, in_a_row: bool
) -> Callable[..., None] | None:
    """Return what launches a rule on arrays and scalars."""
    names, made = ["w", "g", *slots], _TYPES[kind]
    body, known = [], set(names)
    for function, given, target in lines:
        text = expression(function, kind, *[f"({made})s{x}" if isinstance(x, int) else x for x in given])
        if text is None:
            return None
        rounded = f"(float)(float16)({text})" if kind == "e" else text
        body.append(f"{'' if target in known else made + ' '}{target} = {rounded};")
        known.add(target)
    changed = [name for name in names if name != "g" and any(target == name for _, _, target in lines)]
    write = _rule_in_a_row if in_a_row else _rule_of_any
    return write(module, names, body, changed, count, kind)


def _rule_in_a_row(
    module: Any, names: list[str], body: list[str], changed: list[str], count: int, kind: str
) -> Callable[..., None]:
    """As a kernel that reads its numbers one after another: launched in half the time of one that asks for strides."""
    made = _TYPES[kind]
    takes = [f"{made}* {name}_all" for name in names] + [f"double s{k}" for k in range(count)]
    loaded = [f"{made} {name} = {name}_all[i];" for name in names]
    stored = [f"{name}_all[i] = {name};" for name in changed]
    place, all_threads = "(long long)blockIdx.x * blockDim.x + threadIdx.x", "(long long)gridDim.x * blockDim.x"
    loop = f"for (long long i = {place}; i < n; i += {all_threads}) {{"
    head = f'extern "C" __global__ void rule({", ".join(takes)}, long long n) {{'
    code = "\n".join([head, loop, *loaded, *body, *stored, "}", "}"])
    kernel = module.RawKernel(code, "rule", options=_OPTIONS)

    def launch(arrays: Mapping[str, Any], scalars: tuple[float, ...]) -> None:
        n = arrays["w"].size
        kernel((min(-(-n // 256), 1 << 16),), (256,), (*arrays.values(), *map(float, scalars), n))

    return launch


def _rule_of_any(
    module: Any, names: list[str], body: list[str], changed: list[str], count: int, kind: str
) -> Callable[..., None]:
    typed, made = np.dtype(kind).name, _TYPES[kind]
    takes = [f"{typed} {name}_" for name in names] + [f"{typed} s{k}" for k in range(count)]
    gives = [f"{typed} {name}_new" for name in changed]
    loaded = [f"{made} {name} = {name}_;" for name in names]
    stored = [f"{name}_new = {'(float16)' if kind == 'e' else ''}{name};" for name in changed]
    body = [*loaded, *body, *stored]
    kernel = _elementwise(module, ", ".join(takes), ", ".join(gives), "\n".join(body), "rule", "")

    def launch(arrays: Mapping[str, Any], scalars: tuple[float, ...]) -> None:
        kernel(*arrays.values(), *scalars, *[arrays[name] for name in changed])

    return launch
