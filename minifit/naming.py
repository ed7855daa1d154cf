"""Names: from classes to log keys, the nearest known name to a misspelt one; and what an argument has to be."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .backend import clear_session as clear_session
from .backend import counts as _counts


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


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``' Did you mean "adam"?'`` for ``"adan"``, or nothing if no known name is near."""
    name, known = str(name).lower(), sorted(known)
    swapped = [other for other in known if sorted(other) == sorted(name)]
    matches = swapped or difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f' Did you mean "{matches[0]}"?' if matches else ""


def refuse_unknown(cls: type, unknown: Iterable[str]) -> None:
    """Raise TypeError for keyword arguments that a class does not take, offering the nearest."""
    known: dict[str, None] = {}
    for base in cls.__mro__:
        for parameter in inspect.signature(base.__init__).parameters.values():  # type: ignore[misc]
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) and parameter.name != "self":
                known[parameter.name] = None
    for name in unknown:
        renamed = {"lr": "learning_rate", "decay": "weight_decay"}.get(name)
        hint = f' Did you mean "{renamed}"?' if renamed in known else nearest(name, known)
        raise TypeError(f"{cls.__name__}(...) takes no argument {name!r}.{hint} It takes {', '.join(known)}.")


def in_range(
    name: str, value: Any, least: float = -math.inf, most: float = math.inf, whole: bool = False, above: bool = False
) -> Any:
    """Return a number, or integer if `whole`, that is in a range, or above `least`; anything else, NaN too, raises."""
    scalar = getattr(value, "shape", None) == () and not whole  # an array or a Variable
    is_number = scalar or (isinstance(value, numbers.Integral if whole else numbers.Real) and value is not True)
    if not is_number or value is False or not least <= value <= most or (above and value == least):
        where = f" of at least {least}" if least > -math.inf else ""
        where = f" above {least}" if above else f" from {least} to {most}" if most < math.inf else where
        raise ValueError(f"{name} expects {'an integer' if whole else 'a number'}{where}; got {value!r}.")
    return value


def check_numbers(
    owner: Any,
    least: float = -math.inf,
    most: float = math.inf,
    *,
    whole: bool = False,
    above: bool = False,
    optional: bool = False,
    **given: Any,
) -> None:
    """Hold the given arguments of a class or a function, which may be None if `optional`, against a range."""
    called = owner if isinstance(owner, str) else type(owner).__name__
    for name, value in given.items():
        if value is not None or not optional:
            in_range(f"{called}({name}=...)", value, least, most, whole, above)


def look_up(argument: str, identifier: Any, known: Mapping[str, Any], example: str) -> Any:
    """Return what a name stands for; an unknown one raises and offers the nearest.

    Parameters
    ----------
    argument : str
        How the caller wrote it, such as ``"compile(loss=...)"``; quoted in the error.
    identifier : str
    known : mapping
        Names to objects.
    example : str
        One of them, for whoever passed no name at all.
    """
    if isinstance(identifier, str):
        for name in (identifier, identifier.lower(), snake_case(identifier)):
            if name in known:
                return known[name]
        shown = ", ".join(f'"{name}"' for name in list(dict.fromkeys(known))[:6])
        hint = nearest(identifier, known)
        raise ValueError(f'Could not interpret {argument}: no "{identifier}" is known.{hint} Names include {shown}.')
    raise ValueError(
        f'{argument} expects a name such as "{example}", or an object or function that does what it does; got '
        f"{type(identifier).__name__} ({identifier!r})."
    )
