"""How the exercises of notebook 02 are driven where a plain call would not show enough.

These run in the learner's process, so nothing of the reference is imported here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np


def split_tail(split: Callable[..., Any], arrays: Sequence[Any], fraction: float) -> Any:
    """Split, and say which rows of each array went where.

    The rows of each array have to be distinct, so that they can be told apart afterwards.

    Returns
    -------
    dict or None
        ``"train"`` and ``"held_out"``: one text for each array, such as "rows 0 to 81". Under a key that says so,
        what is not a pair.
    """
    result = split(arrays, fraction)
    if result is None:
        return None
    if not isinstance(result, list | tuple) or len(result) != 2:
        return {f"{_count(result)} instead of the pair (train, held_out)": "that"}
    numbers = [_row_numbers(array) for array in arrays]
    parts = {name: _rows_of(part, numbers) for name, part in zip(("train", "held_out"), result, strict=True)}
    together = all(
        isinstance(part, str) or all(rows == part[0] for rows in part if not isinstance(rows, str))
        for part in parts.values()
    )
    told = {
        name: part if isinstance(part, str) else [rows if isinstance(rows, str) else _told(rows) for rows in part]
        for name, part in parts.items()
    }
    return {**told, "what each row of the arrays keeps": "its partners" if together else "nothing"}


def _count(result: Any) -> str:
    return f"{len(result)} things" if isinstance(result, list | tuple) else "one thing"


def _key(row: Any) -> tuple[Any, ...]:
    return tuple(np.ravel(row).tolist())


def _row_numbers(array: Any) -> dict[tuple[Any, ...], int]:
    return {_key(row): number for number, row in enumerate(array)}


def _rows_of(part: Any, numbers: list[dict[tuple[Any, ...], int]]) -> Any:
    """The row numbers of each array in a part, or a text where there are none."""
    if isinstance(part, np.ndarray):
        return "an array, not a tuple of arrays"
    if not isinstance(part, list | tuple):
        return f"no tuple of arrays but {type(part).__name__}"
    if len(part) != len(numbers):
        return f"{len(part)} of {len(numbers)} arrays"
    found = []
    for array, known in zip(part, numbers, strict=True):
        rows = [known.get(_key(row)) for row in array] if np.ndim(array) else [None]
        found.append("something else than its rows" if None in rows else rows)
    return found


def _told(rows: list[int]) -> str:
    if not rows:
        return "no rows"
    if rows == list(range(rows[0], rows[-1] + 1)):
        return f"rows {rows[0]} to {rows[-1]}" if len(rows) > 1 else f"row {rows[0]}"
    if rows == list(range(rows[0], rows[-1] - 1, -1)):
        return f"rows {rows[0]} down to {rows[-1]}"
    return f"{len(rows)} rows, in order but with gaps" if rows == sorted(rows) else f"{len(rows)} rows in no order"


def one_hot(one_hot: Callable[..., Any], labels: Any, num_classes: int | None) -> Any:
    """Encode labels; where one of them is no class, look for the ValueError that is asked for.

    Returns
    -------
    dict or Any
        ``"the rows"`` and ``"their type"``; where an error is asked for, a text that says which came, or else the
        rows.
    """
    arguments = (labels,) if num_classes is None else (labels, num_classes)
    most = np.inf if num_classes is None else num_classes
    if np.min(labels) < 0 or np.max(labels) >= most:
        try:
            rows = one_hot(*arguments)
        except ValueError:
            return "a ValueError"
        except Exception as error:
            return f"an error, but {type(error).__name__}"
        return "an error that was not raised" if isinstance(rows, Exception) else rows
    rows = one_hot(*arguments)
    if not isinstance(rows, np.ndarray | list | tuple):
        return rows
    # A list has no type of its own; it becomes what the next step makes of it.
    return {"the rows": rows, "their type": str(rows.dtype) if isinstance(rows, np.ndarray) else "float32"}


def encode_categories(encode: Callable[..., Any], values: Any, vocabulary: Any) -> Any:
    """Encode values, and give each part of what comes back a name.

    Returns
    -------
    dict or None
        ``"codes"``, ``"the type of the codes"`` and ``"vocabulary"`` as a list; under a key that says so, what
        is not a pair.
    """
    result = encode(values) if vocabulary is None else encode(values, vocabulary)
    if result is None:
        return None
    if not isinstance(result, list | tuple) or len(result) != 2:
        return {f"{_count(result)} instead of the pair (codes, vocabulary)": result}
    codes, found = result
    kinds = {"i": "integers", "u": "integers", "f": "floats", "U": "text", "b": "True and False"}
    try:
        kind = kinds.get(np.asarray(codes).dtype.kind, "something else")
    except ValueError:  # rows of different lengths
        kind = "something else"
    return {"codes": codes, "the type of the codes": kind, "vocabulary": _listed(found)}


def _listed(vocabulary: Any) -> Any:
    if isinstance(vocabulary, np.ndarray):
        return vocabulary.tolist()
    if not isinstance(vocabulary, list | tuple):
        return None if vocabulary is None else f"of type {type(vocabulary).__name__}, which is no list"
    return [value.item() if isinstance(value, np.generic) else value for value in vocabulary]
