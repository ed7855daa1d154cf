"""Names: from classes to log keys, and the nearest known name to a misspelt one."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

_counts: dict[str, int] = {}


def snake_case(name: str) -> str:
    """Return a class name as Keras logs it.

    Examples
    --------
    >>> snake_case("BinaryAccuracy")
    'binary_accuracy'
    >>> snake_case("Conv2D")
    'conv2d'
    """
    name = re.sub(r"\W+", "", name)
    name = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub("([a-z])([A-Z])", r"\1_\2", name).lower()


def auto_name(prefix: str) -> str:
    """Return ``dense``, then ``dense_1``, ``dense_2``: counted over the whole process, as in Keras."""
    count = _counts.get(prefix, 0)
    _counts[prefix] = count + 1
    return f"{prefix}_{count}" if count else prefix


def clear_session() -> None:
    """Start counting automatic names from the beginning."""
    _counts.clear()


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean "adam"?'`` for ``"adan"``, or nothing if no known name is near."""
    matches = difflib.get_close_matches(str(name).lower(), sorted(known), n=1, cutoff=0.5)
    return f' Did you mean "{matches[0]}"?' if matches else ""


def look_up(argument: str, identifier: Any, known: Mapping[str, Any]) -> Any:
    """Return what a name stands for; an unknown one raises and offers the nearest.

    Parameters
    ----------
    argument : str
        How the caller wrote it, such as ``"compile(loss=...)"``; quoted in the error.
    identifier : str
    known : mapping
        Names to objects.
    """
    if isinstance(identifier, str):
        for name in (identifier, identifier.lower(), snake_case(identifier)):
            if name in known:
                return known[name]
        shown = ", ".join(f'"{name}"' for name in list(dict.fromkeys(known))[:6])
        hint = nearest(identifier, known)
        raise ValueError(f'{argument} knows no "{identifier}".{hint} Known names include {shown}.')
    raise ValueError(
        f"{argument} expects a name or an object of the right kind; got {type(identifier).__name__} ({identifier!r})."
    )
