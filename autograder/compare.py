"""Comparing what came with what was expected, and telling the difference in words.

Nothing here trusts the objects it is given: they are turned into plain arrays, text and containers
first, so that no ``__eq__`` of a learner's decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

WHOLE = "the result"
_FLOAT32_RTOL = 1e-5
_FLOAT32_ATOL = 1e-6
_MOST_ITEMS = 1_000_000  # of a list
_MOST_BYTES = 2**28  # of an array
_DEEPEST = 20

Pair = tuple[np.ndarray, np.ndarray]


class Unusable(Exception):
    """A value that cannot be an answer; the text says what came."""


@dataclass(frozen=True)
class Difference:
    """The first place where an answer is not the expected one.

    Attributes
    ----------
    kind : {"wrong type", "wrong shape", "wrong values"}
    text : str
        One to four lines.
    where : str
        How the value that differs is called: ``"the result"``, ``"dw"``, ``"the result[1]"``.
    slight : bool
        Whether it could be a matter of rounding.
    """

    kind: str
    text: str
    where: str = WHOLE
    slight: bool = False


def _part(where: str, index: str) -> str:
    return f"{'result' if where == WHOLE else where}[{index}]"


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as nested lists and dicts of plain arrays, text and None, all of them copies.

    A list or tuple of numbers is an array. Subclasses lose what they have overridden: what a value is
    is read off its type, and read with the methods of the type it descends from.

    Raises
    ------
    Unusable
        For objects that are no data: functions, generators, arrays of objects, complex numbers.
    """
    kind = type(value)
    if depth > _DEEPEST:
        raise Unusable(f"something nested more than {_DEEPEST} deep")
    if value is None:
        return None
    if issubclass(kind, str):
        return str.__str__(value)
    if issubclass(kind, np.ndarray | np.generic):
        return _array(value)
    if issubclass(kind, bool):
        return _array(value)
    if issubclass(kind, int):
        return _array(int.__add__(value, 0))
    if issubclass(kind, float):
        return _array(float.__add__(value, 0.0))
    if issubclass(kind, dict):
        return {_key(key): plain(item, depth + 1) for key, item in list(dict.items(value))}
    if issubclass(kind, list):
        return _row(kind.__name__, list.__len__(value), list.__iter__(value), depth)
    if issubclass(kind, tuple):
        return _row(kind.__name__, tuple.__len__(value), tuple.__iter__(value), depth)
    if issubclass(kind, range):
        return _row(kind.__name__, len(value), iter(value), depth)
    if kind.__module__ == "minifit.tape":  # what the engine's own losses return
        return plain(value.value, depth + 1)
    if issubclass(kind, Unusable):
        raise value
    raise Unusable(f"{_a(kind.__name__)}, which is neither a number nor an array")


def _row(name: str, length: int, values: Iterator[Any], depth: int) -> Any:
    if length > _MOST_ITEMS:
        raise Unusable(f"{_a(name)} of more than {_MOST_ITEMS:,} items")
    items = [plain(item, depth + 1) for item in values]
    # Numbers make one array; arrays stay apart, since they may be of several shapes.
    numbers = items and all(isinstance(item, np.ndarray) and item.shape == () for item in items)
    return _array(np.array(items)) if numbers else items


def _key(key: Any) -> str:
    if issubclass(type(key), str):
        return str.__str__(key)
    return repr(key) if type(key) in (int, bool, float) else f"<{type(key).__name__}>"


def _array(value: Any) -> np.ndarray:
    if issubclass(type(value), np.ndarray):
        value = np.ndarray.view(value, np.ndarray)
        if value.nbytes > _MOST_BYTES:
            raise Unusable(f"an array of shape {value.shape}, which is {value.nbytes / 2**20:,.0f} MB")
    try:
        array = np.array(value, copy=True, subok=False)
    except (OverflowError, MemoryError):
        raise Unusable("a number too large for an array") from None
    if array.dtype.kind == "O":
        if issubclass(type(value), int):
            raise Unusable("an integer too large for an array")
        raise Unusable("an array of Python objects (are its rows of different lengths?)")
    if array.dtype.kind == "c":
        raise Unusable("complex numbers")
    if array.dtype.kind not in "biufUS":
        raise Unusable(f"an array of {array.dtype}")
    return array


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"


def difference(
    expected: Any,
    got: Any,
    rtol: float,
    atol: float,
    float32_ok: bool = True,
    where: str = "",
    names: Sequence[str] = (),
) -> Difference | None:
    """Return how `got` differs from `expected`, both made `plain`, or None if it does not.

    Parameters
    ----------
    rtol, atol : float
        Allowed relative error, and absolute error where the largest expected value is at most 1.
    float32_ok : bool
        Whether a float32 `got` is compared at 1e-5 instead.
    where : str
        How the value is called in the text, such as ``"result[1]"``.
    names : sequence of str
        How the parts of a list are called, where they have names.
    """
    where = where or WHOLE
    if isinstance(expected, np.ndarray):
        return _array_difference(expected, got, rtol, atol, float32_ok, where)
    if isinstance(expected, list):
        return _list_difference(expected, got, rtol, atol, float32_ok, where, names)
    if isinstance(expected, dict):
        return _dict_difference(expected, got, rtol, atol, float32_ok, where)
    if type(expected) is type(got) and expected == got:
        return None
    kind = "wrong values" if type(expected) is type(got) else "wrong type"
    if isinstance(expected, str) and " " in where:  # a sentence of a scenario's, such as "what was changed"
        came = got if isinstance(got, str) else shown(got)
        return Difference(kind, f"{where[0].upper()}{where[1:]}: expected {expected}, got {came}.", where)
    return Difference(kind, f"Expected {where} to be {expected!r}; got {shown(got)}.", where)


def _array_difference(
    expected: np.ndarray, got: Any, rtol: float, atol: float, float32_ok: bool, where: str
) -> Difference | None:
    stacked = _stacked(got)
    if not isinstance(stacked, np.ndarray):
        wanted = "a number" if expected.shape == () else f"an array of shape {expected.shape}"
        if isinstance(got, list) and expected.ndim and all(isinstance(item, np.ndarray) for item in got):
            lengths = ", ".join(str(item.shape) for item in got[:4]) + (", ..." if len(got) > 4 else "")
            text = f"Expected {where} to be {wanted}; got items of the shapes {lengths}."
            return Difference("wrong shape", text, where)
        note = "\nThat is text; leave out str() and the quotes." if isinstance(got, str) else ""
        return Difference("wrong type", f"Expected {where} to be {wanted}; got {shown(got)}.{note}", where)
    got = stacked
    if got.shape != expected.shape:
        return Difference("wrong shape", _shape_text(expected, got, where), where)
    if not got.size:
        return None
    wanted, came = _family(expected), _family(got)
    # What a reference makes of whole numbers may be whole; a scenario that wants an int asks for the type.
    if wanted != came and {wanted, came} != {"floats", "integers"}:
        hint = "\nThe values are right: convert their type." if _equal_anyhow(expected, got) else ""
        return Difference("wrong type", f"Expected {where} to hold {wanted}; got {came}.{hint}", where)
    if wanted == "text":
        wrong = expected != got
    else:
        wrong = ~close(expected, got, *tolerances(expected, got, rtol, atol, float32_ok))
    if not wrong.any():
        return None
    slight = wanted == "floats" and bool(close(expected, got, _FLOAT32_RTOL, _FLOAT32_ATOL).all())
    return Difference("wrong values", _value_text(expected, got, wrong, where), where, slight)


def tolerances(
    expected: np.ndarray, got: np.ndarray, rtol: float, atol: float, float32_ok: bool = True
) -> tuple[float, float]:
    """Relative and absolute tolerance for two arrays, by their types."""
    narrow = expected.dtype == np.float32 or (float32_ok and got.dtype in (np.float32, np.float16))
    return (max(rtol, _FLOAT32_RTOL), max(atol, _FLOAT32_ATOL)) if narrow else (rtol, atol)


def _family(array: np.ndarray) -> str:
    families = {"b": "True and False", "i": "integers", "u": "integers", "f": "floats", "U": "text", "S": "bytes"}
    return families[array.dtype.kind]


def _equal_anyhow(expected: np.ndarray, got: np.ndarray) -> bool:
    if expected.dtype.kind in "US" or got.dtype.kind in "US":
        return False
    return bool(close(expected, got, 1e-9, 1e-12).all())


def _stacked(value: Any) -> Any:
    """Make an array of nested lists of rows, where that is possible."""
    if not isinstance(value, list):
        return value
    items = [_stacked(item) for item in value]
    if not items:
        return np.array([])
    if all(isinstance(item, np.ndarray) for item in items) and len({item.shape for item in items}) == 1:
        return np.array(items)
    return value


def close(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Tell element by element whether two number arrays agree; NaN agrees with NaN, inf with inf."""
    a, b = expected.astype("float64"), got.astype("float64")
    finite = np.abs(a[np.isfinite(a)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= atol * scale + rtol * np.abs(a)
    return (a == b) | near & np.isfinite(a) & np.isfinite(b) | np.isnan(a) & np.isnan(b)


def _list_difference(
    expected: list, got: Any, rtol: float, atol: float, float32_ok: bool, where: str, names: Sequence[str]
) -> Difference | None:
    named = len(names) == len(expected) > 1
    parts = f" ({', '.join(names)})" if named else ""
    if isinstance(got, np.ndarray) and got.ndim and got.dtype.kind not in "US":
        got = list(got)
    if not isinstance(got, list):
        text = f"Expected {where} to hold {_count(len(expected), 'item')}{parts}; got {shown(got)}."
        return Difference("wrong type", text, where)
    if len(got) != len(expected):
        text = f"Expected {where} to hold {_count(len(expected), 'item')}{parts}; got {len(got)}."
        return Difference("wrong shape", text, where)
    for i, (a, b) in enumerate(zip(expected, got, strict=True)):
        part = names[i] if named else _part(where, str(i))
        found = difference(a, np.asarray(b) if isinstance(b, np.generic) else b, rtol, atol, float32_ok, part)
        if found:
            return found
    return None


def _dict_difference(
    expected: dict, got: Any, rtol: float, atol: float, float32_ok: bool, where: str
) -> Difference | None:
    if not isinstance(got, dict):
        return Difference("wrong type", f"Expected {where} to be a dict; got {shown(got)}.", where)
    if set(got) != set(expected):
        return Difference("wrong values", _keys_text(expected, got, where), where)
    for key, value in expected.items():
        part = key if where == WHOLE else _part(where, repr(key))
        found = difference(value, got[key], rtol, atol, float32_ok, part)
        if found:
            return found
    return None


# --------------------------------------------------------------------------- in words


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


def _shape_text(expected: np.ndarray, got: np.ndarray, where: str) -> str:
    wanted, came = expected.shape, got.shape
    if wanted == ():
        text = f"Expected {where} to be one number; got an array of shape {came}."
    elif came == ():
        text = f"Expected {where} to have shape {wanted}; got one number."
    else:
        text = f"Expected {where} to have shape {wanted}; got {came}."
    if wanted == () and came == (1,):
        text += "\nThe number is inside a list or an array; a comma at the end of the return line makes a tuple, too."
    elif len(wanted) > 1 and came == wanted[::-1]:
        text += "\nThe axes are exchanged."
    elif came == (*wanted, 1):
        text += "\nThere is a last axis of length 1 too many."
    elif came == (1, *wanted):
        text += "\nThere is a first axis of length 1 too many."
    elif came == () and wanted:
        text += "\nEverything was reduced to one number, and one value for each is wanted."
    elif wanted == () and expected.dtype.kind == "f" and got.dtype.kind in "fiu" and got.size:
        for name, reduced in (("mean", np.mean(got)), ("sum", np.sum(got))):
            if close(expected, np.asarray(reduced, "float64"), 1e-9, 1e-12).all():
                text += f"\nThe right number is the {name} of these."
                break
    elif len(wanted) > 1 and len(came) == 1 and wanted != came:
        text += "\nAn axis was reduced that should stay."
    return text


def _keys_text(expected: dict, got: dict, where: str) -> str:
    """What a dict has and should not, or lacks; a scenario says with a key of several words what came."""
    told = [key for key in got if key not in expected and " " in key]
    if told and where == WHOLE:
        return f"Your answer gave {' and '.join(told)}."
    missing = [key for key in expected if key not in got]
    extra = [key for key in got if key not in expected]
    parts = [f"{' and '.join(map(repr, missing))} missing"] if missing else []
    parts += [f"{' and '.join(map(repr, extra))} too many"] if extra else []
    return f"Expected {where} to have the keys {list(expected)}; {', '.join(parts)}."


def _value_text(expected: np.ndarray, got: np.ndarray, wrong: np.ndarray, where: str) -> str:
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = _part(where, ", ".join(map(str, index))) if index else where
    wanted, came = _two_numbers(expected[index], got[index])
    lines = [f"Expected {place} to be {wanted}; got {came}."]
    if wrong.size > 1:
        lines.append(_how_many(wrong))
    if expected.dtype.kind in "fiu":
        odd = got[wrong].astype(float)
        if np.isnan(odd).any() or (np.isinf(odd) & np.isfinite(expected[wrong].astype(float))).any():
            lines.append("There is a NaN or an infinity where a finite number belongs: log(0), 0 / 0 or an overflow.")
        elif close(expected, got, _FLOAT32_RTOL, _FLOAT32_ATOL).all():
            lines.append("It is right to six or seven digits: something is rounded, in float32, or slightly off.")
    return "\n".join(lines)


def _how_many(wrong: np.ndarray) -> str:
    count = int(wrong.sum())
    rows = np.flatnonzero(wrong.reshape(len(wrong), -1).any(axis=1))
    if wrong.ndim > 1 and len(wrong) > 1 and len(rows) == 1 and count > 1:
        place = {0: "the first", len(wrong) - 1: "the last"}.get(int(rows[0]))
        return f"{count} of {wrong.size} values differ, all in {place or 'one'} row."
    if wrong.ndim == 1 and count == 1 and len(wrong) > 2 and wrong[-1]:
        return f"Only the last of {wrong.size} values differs."
    if count == wrong.size:
        return f"All {wrong.size} values differ."
    return f"{count} of {wrong.size} values {'differs' if count == 1 else 'differ'}."


def leaves(value: Any, where: str = WHOLE, names: Sequence[str] = ()) -> Iterator[tuple[str, Any]]:
    """Yield the arrays, texts and Nones in a plain value, each with how it is called in a Difference."""
    if isinstance(value, list):
        for i, item in enumerate(value):
            part = names[i] if len(names) == len(value) > 1 else _part(where, str(i))
            yield from leaves(item, part)
    elif isinstance(value, dict):
        for key in value:
            yield from leaves(value[key], key if where == WHOLE else _part(where, repr(key)))
    else:
        yield where, value


def pattern(pairs: Sequence[Pair], sizes: Sequence[dict[str, float]]) -> str | None:
    """Say how a wrong answer follows from the right one, when it does so in every case.

    Parameters
    ----------
    pairs : sequence of (expected, got)
        One for each case, of equal shapes.
    sizes : sequence of dict
        What can be counted of each case's inputs: ``"the number of rows of x"`` → 17.

    Returns
    -------
    str or None
        One line.
    """
    usable = all(
        a.shape == b.shape and a.dtype.kind in "fiu" and b.dtype.kind in "fiu" and np.isfinite(b).all()
        for a, b in pairs
    )
    if not usable or not pairs or not any(a.size for a, _ in pairs):
        return None
    floats = [(a.astype("float64"), b.astype("float64")) for a, b in pairs]
    if all(np.isfinite(a).all() for a, _ in floats):
        factors = [_factor(a, b) for a, b in floats]
        known = [(factor, size) for factor, size in zip(factors, sizes, strict=True) if factor is not None]
        if len([f for f in factors if f is None]) == sum(not a.any() and not b.any() for a, b in floats) and known:
            text = _factor_text([f for f, _ in known], [s for _, s in known], sum(a.size for a, _ in floats))
            if text:
                return text
    with np.errstate(all="ignore"):
        for told, change in _CHANGES.items():
            if all(_alike(change(a), b) for a, b in floats):
                return told
    gaps = [b - a for a, b in floats]
    flat = np.concatenate([gap.ravel() for gap in gaps])
    if flat.size > 2 and np.isfinite(flat).all() and flat[0] and np.allclose(flat, flat[0], rtol=1e-6, atol=1e-12):
        return f"Every value is off by the same amount, {flat[0]:+.6g}."
    return None


_CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "Every value is the square of the right one.": np.square,
    "Every value is the square root of the right one.": np.sqrt,
    "Every value is the right one without its sign.": np.abs,
    "Every value is the exponential of the right one.": np.exp,
    "Every value is the logarithm of the right one.": np.log,
    "Every value is 1 divided by the right one.": lambda a: 1 / a,
    "The values are right but in the reverse order.": lambda a: a[::-1] if a.ndim else a + 1,
    "The rows and columns are exchanged.": lambda a: a.T if a.ndim > 1 else a + 1,
}


def _alike(a: np.ndarray, b: np.ndarray) -> bool:
    return a.shape == b.shape and bool(close(a, b, 1e-7, 1e-10).all())


def _factor(a: np.ndarray, b: np.ndarray) -> float | None:
    used = np.abs(a) > 1e-9 * max(1.0, float(np.abs(a).max(initial=0)))
    if not used.any():
        return None
    factors = b[used] / a[used]
    # Weighed by size: among large values a tiny one carries rounding errors, not information.
    best = float(np.dot(b[used], a[used]) / np.dot(a[used], a[used]))
    same = np.allclose(b, best * a, rtol=1e-6, atol=1e-9 * float(np.abs(b).max(initial=0)))
    return best if same and np.isfinite(factors).all() else None


_RATIOS = {
    -1.0: "Every value has the wrong sign.",
    2.0: "Every value is twice the right one.",
    0.5: "Every value is half the right one.",
    -2.0: "Every value is twice the right one, with the wrong sign.",
    -0.5: "Every value is half the right one, with the wrong sign.",
    1 / math.log(2): "Every value is the right one divided by log 2: the logarithm has base 2.",
    1 / math.log(10): "Every value is the right one divided by log 10: the logarithm has base 10.",
}


def _factor_text(factors: list[float], sizes: list[dict[str, float]], count: int) -> str | None:
    """Name the factor between wrong and right values, one for each case."""
    if all(math.isclose(f, 1.0, rel_tol=1e-6) for f in factors) or not all(factors):
        return None
    constant = all(math.isclose(f, factors[0], rel_tol=1e-6) for f in factors)
    if constant:
        for value, text in _RATIOS.items():
            if math.isclose(factors[0], value, rel_tol=1e-6):
                return text
    for label in sizes[0]:
        counted = [size.get(label, 0.0) for size in sizes]
        if not all(counted) or (len(set(counted)) == 1 and counted[0] == 1):
            continue
        shown_size = f"{label} ({counted[0]:g})" if len(set(counted)) == 1 else label
        for sign, note in ((1, ""), (-1, ", with the wrong sign")):
            pairs = list(zip(factors, counted, strict=True))
            for share, words in ((1.0, ""), (2.0, "twice "), (0.5, "half ")):
                if all(math.isclose(f, sign * share * n, rel_tol=1e-6) for f, n in pairs):
                    return f"Every value is the right one times {words}{shown_size}{note}."
                if all(math.isclose(f, sign / (share * n), rel_tol=1e-6) for f, n in pairs):
                    return f"Every value is the right one divided by {words}{shown_size}{note}."
            if all(n > 1 and math.isclose(f, sign * n / (n - 1), rel_tol=1e-6) for f, n in pairs):
                return f"Every value is divided by n - 1 instead of n, where n is {shown_size}{note}."
    if not constant or count < 2:
        return None
    factor = factors[0]
    inverse = round(1 / factor)
    if abs(inverse) > 1 and math.isclose(1 / factor, inverse, rel_tol=1e-6):
        return f"Every value is the right one divided by {inverse}."
    return f"Every value is the right one times {factor:.6g}."


def _two_numbers(expected: Any, got: Any) -> tuple[str, str]:
    """Both as short as they can be and still differ."""
    for digits in (6, 9, 12, 17):
        wanted, came = _number(expected, digits), _number(got, digits)
        if wanted != came:
            break
    return wanted, came


def _number(value: Any, digits: int = 6) -> str:
    if isinstance(value, np.floating):
        return f"{float(value):.{digits}g}"
    return repr(value.item() if isinstance(value, np.generic) else value)


def shown(value: Any) -> str:
    """Return a short description of a plain value."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return _number(value[()]) if value.shape == () else f"an array of shape {value.shape}"
    if isinstance(value, list):
        return f"a list of {_count(len(value), 'item')}"
    if isinstance(value, dict):
        return f"a dict with the keys {sorted(value)}"[:60]
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
