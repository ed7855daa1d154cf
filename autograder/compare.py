"""Comparing what came with what was expected, and telling the difference in words.

Nothing here trusts the objects it is given: they are turned into plain arrays, text and containers
first, so that no ``__eq__`` of a learner's decides anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_FLOAT32_RTOL = 1e-5
_FLOAT32_ATOL = 1e-6


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
    """

    kind: str
    text: str


def plain(value: Any, depth: int = 0) -> Any:
    """Return `value` as nested lists and dicts of plain arrays, text and None.

    A list or tuple of numbers is an array. Subclasses lose what they have overridden.

    Raises
    ------
    Unusable
        For objects that are no data: functions, generators, arrays of objects, complex numbers.
    """
    if depth > 20:
        raise Unusable("something nested more than 20 deep")
    if value is None:
        return None
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, bool | int | float | np.generic | np.ndarray):
        return _array(value)
    if isinstance(value, dict):
        return {str(key): plain(dict.__getitem__(value, key), depth + 1) for key in dict.keys(value)}
    if isinstance(value, list | tuple):
        items = [plain(item, depth + 1) for item in value]
        shapes = {item.shape if isinstance(item, np.ndarray) else None for item in items}
        # Numbers, or rows of one length, make one array; arrays of several shapes stay apart.
        return np.array(items) if items and shapes == {()} else items
    held = getattr(value, "value", None)  # a Tensor of the engine
    if isinstance(held, np.ndarray):
        return _array(held)
    raise Unusable(f"{_a(type(value).__name__)}, which is neither a number nor an array")


def _array(value: Any) -> np.ndarray:
    try:
        array = np.array(value, copy=True, subok=False)
    except OverflowError:
        raise Unusable("an integer too large for an array") from None
    if array.dtype.kind == "O":
        raise Unusable("an array of Python objects (are its rows of different lengths?)")
    if array.dtype.kind == "c":
        raise Unusable("complex numbers")
    if array.dtype.kind not in "biufUS":
        raise Unusable(f"an array of {array.dtype}")
    return array


def _a(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def difference(
    expected: Any, got: Any, rtol: float, atol: float, float32_ok: bool = True, where: str = ""
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
    """
    where = where or "the result"
    if isinstance(expected, np.ndarray):
        return _array_difference(expected, got, rtol, atol, float32_ok, where)
    if isinstance(expected, list):
        return _list_difference(expected, got, rtol, atol, float32_ok, where)
    if isinstance(expected, dict):
        return _dict_difference(expected, got, rtol, atol, float32_ok, where)
    same = type(expected) is type(got) and expected == got
    return None if same else Difference("wrong values", f"Expected {where} to be {expected!r}; got {shown(got)}.")


def _array_difference(
    expected: np.ndarray, got: Any, rtol: float, atol: float, float32_ok: bool, where: str
) -> Difference | None:
    got = _stacked(got)
    if not isinstance(got, np.ndarray):
        wanted = "a number" if expected.shape == () else f"an array of shape {expected.shape}"
        return Difference("wrong type", f"Expected {where} to be {wanted}; got {shown(got)}.")
    if (got.dtype.kind in "US") != (expected.dtype.kind in "US"):
        return Difference("wrong type", f"Expected {where} to hold {_kind(expected)}; got {_kind(got)}.")
    if got.shape != expected.shape:
        return Difference("wrong shape", _shape_text(expected.shape, got.shape, where))
    if expected.dtype.kind in "US":
        wrong = expected != got
    else:
        narrow = float32_ok and got.dtype in (np.float32, np.float16)
        wrong = ~close(expected, got, *((_FLOAT32_RTOL, _FLOAT32_ATOL) if narrow else (rtol, atol)))
    if not wrong.any():
        return None
    return Difference("wrong values", _value_text(expected, got, wrong, where))


def _stacked(value: Any) -> Any:
    """Make an array of a list of rows, where that is possible."""
    if isinstance(value, list) and value and all(isinstance(item, np.ndarray) for item in value):
        shapes = {item.shape for item in value}
        return np.array(value) if len(shapes) == 1 else value
    return np.array([]) if isinstance(value, list) and not value else value


def close(expected: np.ndarray, got: np.ndarray, rtol: float, atol: float) -> np.ndarray:
    """Tell element by element whether two number arrays agree; NaN agrees with NaN, inf with inf."""
    a, b = expected.astype("float64"), got.astype("float64")
    finite = np.abs(a[np.isfinite(a)])
    scale = max(1.0, float(finite.max())) if finite.size else 1.0
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= atol * scale + rtol * np.abs(a)
    return (a == b) | near & np.isfinite(a) & np.isfinite(b) | np.isnan(a) & np.isnan(b)


def _list_difference(
    expected: list, got: Any, rtol: float, atol: float, float32_ok: bool, where: str
) -> Difference | None:
    if isinstance(got, np.ndarray) and got.ndim:
        got = list(got)
    if not isinstance(got, list):
        return Difference("wrong type", f"Expected {where} to hold {len(expected)} items; got {shown(got)}.")
    if len(got) != len(expected):
        return Difference("wrong shape", f"Expected {where} to hold {len(expected)} items; got {len(got)}.")
    for i, (a, b) in enumerate(zip(expected, got, strict=True)):
        found = difference(
            a, np.asarray(b) if isinstance(b, np.generic) else b, rtol, atol, float32_ok, f"{where}[{i}]"
        )
        if found:
            return found
    return None


def _dict_difference(
    expected: dict, got: Any, rtol: float, atol: float, float32_ok: bool, where: str
) -> Difference | None:
    if not isinstance(got, dict):
        return Difference("wrong type", f"Expected {where} to be a dict; got {shown(got)}.")
    if set(got) != set(expected):
        return Difference("wrong values", f"Expected {where} to have the keys {sorted(expected)}; got {sorted(got)}.")
    for key, value in expected.items():
        found = difference(
            value, got[key], rtol, atol, float32_ok, key if where == "the result" else f"{where}[{key!r}]"
        )
        if found:
            return found
    return None


# --------------------------------------------------------------------------- in words


def _kind(array: np.ndarray) -> str:
    return "text" if array.dtype.kind in "US" else "numbers"


def _shape_text(expected: tuple[int, ...], got: tuple[int, ...], where: str) -> str:
    text = f"Expected {where} to have shape {expected}; got {got}."
    if len(expected) == 1 and got == (expected[0], expected[0]):
        text += "\nA square came of two vectors: somewhere (N,) met (N, 1)."
    elif got == expected[::-1] and len(expected) > 1:
        text += "\nThe axes are exchanged."
    elif got == (*expected, 1):
        text += "\nThere is a last axis of length 1 too many."
    elif expected != () and got == ():
        text += "\nEverything was reduced to one number; keep one value for each sample."
    return text


def _value_text(expected: np.ndarray, got: np.ndarray, wrong: np.ndarray, where: str) -> str:
    index = tuple(int(i) for i in np.argwhere(wrong)[0])
    place = f"{where}[{', '.join(map(str, index))}]" if index else where
    lines = [f"Expected {place} to be {_number(expected[index])}; got {_number(got[index])}."]
    if wrong.size > 1:
        lines.append(f"{int(wrong.sum())} of {wrong.size} values differ.")
    if expected.dtype.kind in "fiu" and got.dtype.kind in "fiub":
        if np.isnan(got[wrong].astype(float)).any() or np.isinf(got[wrong].astype(float)).any():
            lines.append("There is a NaN or an infinity where a finite number belongs.")
        elif close(expected, got, _FLOAT32_RTOL, _FLOAT32_ATOL).all():
            lines.append("It is right to six or seven digits: something was computed in float32 or rounded.")
    return "\n".join(lines)


def ratio(pairs: Iterator[tuple[Any, Any]]) -> float | None:
    """Return the one factor between all expected and got numbers, or None if there is none.

    Parameters
    ----------
    pairs : iterable of (expected, got)
        Plain values of the same structure.
    """
    factors: list[float] = []
    for expected, got in pairs:
        if not isinstance(expected, np.ndarray) or not isinstance(got, np.ndarray) or expected.shape != got.shape:
            return None
        if expected.dtype.kind not in "fiu" or got.dtype.kind not in "fiu":
            return None
        a, b = expected.astype(float).ravel(), got.astype(float).ravel()
        used = np.abs(a) > 1e-9
        if not np.isfinite(b).all() or (np.abs(b[~used]) > 1e-9).any():
            return None
        factors.extend(b[used] / a[used])
    if len(factors) < 2 or not factors[0] or not np.allclose(factors, factors[0], rtol=1e-4, atol=0):
        return None
    return None if math.isclose(factors[0], 1.0, rel_tol=1e-4) else float(factors[0])


def ratio_text(factor: float, sizes: dict[int, str]) -> str:
    """Return a factor in words; `sizes` tells what lengths of the inputs are called."""
    for value, word in ((factor, "times"), (1 / factor, "divided by")):
        whole = round(value)
        if whole > 1 and math.isclose(value, whole, rel_tol=1e-4):
            what = f" ({sizes[whole]})" if whole in sizes else ""
            return f"Every value is the right one {word} {whole}{what}."
    if math.isclose(factor, -1, rel_tol=1e-4):
        return "Every value has the wrong sign."
    return f"Every value is the right one times {factor:.4g}."


def leaves(value: Any) -> Iterator[Any]:
    """Yield the arrays, texts and Nones in a plain value."""
    if isinstance(value, list):
        for item in value:
            yield from leaves(item)
    elif isinstance(value, dict):
        for key in sorted(value):
            yield from leaves(value[key])
    else:
        yield value


def _number(value: Any) -> str:
    if isinstance(value, np.floating):
        return f"{float(value):.6g}"
    return repr(value.item())


def shown(value: Any) -> str:
    """Return a short description of a plain value."""
    if value is None:
        return "None"
    if isinstance(value, np.ndarray):
        return _number(value[()]) if value.shape == () else f"an array of shape {value.shape}"
    if isinstance(value, list):
        return f"a list of {len(value)} items"
    text = repr(value)
    return text if len(text) < 60 else text[:57] + "..."
