"""Nested data: dicts, lists and tuples with arrays, or anything else, at their leaves.

Leaves come in one order everywhere: lists and tuples from first to last, dicts by sorted key. ``None`` is a leaf.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Path = tuple[Any, ...]  #: keys and indices that lead to a leaf


def is_nested(structure: Any) -> bool:
    """Tell a dict, list or tuple from a leaf."""
    return isinstance(structure, (dict, list, tuple))


def _keys(structure: Any) -> Sequence[Any]:
    if not isinstance(structure, dict):
        return range(len(structure))
    if isinstance(structure, OrderedDict):
        return list(structure)
    try:
        return sorted(structure)
    except TypeError:  # keys of several types have no order of their own
        return list(structure)


def _rebuild(structure: Any, values: Sequence[Any]) -> Any:
    """Return a container like `structure`, with one value a key."""
    if isinstance(structure, dict):
        found = dict(zip(_keys(structure), values, strict=True))
        return type(structure)((key, found[key]) for key in structure)
    return type(structure)(*values) if hasattr(structure, "_fields") else type(structure)(values)


def flatten_with_path(structure: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield the path to each leaf, and the leaf.

    Examples
    --------
    >>> list(flatten_with_path({"b": 1, "a": [2, 3]}))
    [(('a', 0), 2), (('a', 1), 3), (('b',), 1)]
    """
    if not is_nested(structure):
        yield path, structure
        return
    for key in _keys(structure):
        yield from flatten_with_path(structure[key], (*path, key))


def flatten(structure: Any) -> list[Any]:
    """Return the leaves."""
    if not is_nested(structure):
        return [structure]
    leaves: list[Any] = []
    for item in structure if not isinstance(structure, dict) else (structure[key] for key in _keys(structure)):
        if is_nested(item):
            leaves += flatten(item)
        else:
            leaves.append(item)
    return leaves


def at(structure: Any, path: Path) -> Any:
    """Return what lies at a path."""
    for key in path:
        structure = structure[key]
    return structure


def map_structure(function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to the leaves of structures that are alike; the result is nested as they are.

    Examples
    --------
    >>> map_structure(lambda a, b: a + b, {"x": 1, "y": (2, 3)}, {"x": 10, "y": (20, 30)})
    {'x': 11, 'y': (22, 33)}
    """
    if len(structures) == 1 and not is_nested(structures[0]):
        return function(structures[0])
    for other in structures[1:]:
        assert_same_structure(structures[0], other)
    return map_structure_up_to(structures[0], function, *structures)


def map_structure_up_to(shallow: Any, function: Callable[..., Any], *structures: Any) -> Any:
    """Apply a function to what lies in `structures` where `shallow` has its leaves."""
    if not is_nested(shallow):
        return function(*structures)
    for other in structures:
        _same_container(shallow, other)
    parts = [map_structure_up_to(shallow[k], function, *(s[k] for s in structures)) for k in _keys(shallow)]
    return _rebuild(shallow, parts)


def pack_sequence_as(structure: Any, flat: Sequence[Any]) -> Any:
    """Return leaves in the nesting of `structure`, the keys of dicts sorted as they are in `flatten`."""
    leaves = iter(flat)
    n_leaves = len(flatten(structure))
    if isinstance(flat, Mapping) or not hasattr(flat, "__len__") or len(flat) != n_leaves:
        raise ValueError(f"pack_sequence_as(structure, flat) needs a list of {n_leaves} leaves; got {flat!r}.")

    def pack(part: Any) -> Any:
        if not is_nested(part):
            return next(leaves)
        values = [pack(part[key]) for key in _keys(part)]
        return dict(zip(_keys(part), values, strict=True)) if type(part) is dict else _rebuild(part, values)

    return pack(structure)


def _same_container(a: Any, b: Any) -> None:
    alike = (isinstance(a, dict) and isinstance(b, dict)) or type(a) is type(b)
    if not alike or (is_nested(a) and (set(a) != set(b) if isinstance(a, dict) else len(a) != len(b))):
        raise ValueError(
            f"The two structures don't have the same nested structure: expected {type(a).__name__} {shape_of(a)}, got "
            f"{type(b).__name__} {shape_of(b)}."
        )


def assert_same_structure(a: Any, b: Any) -> None:
    """Raise ValueError unless both are nested alike; what their leaves are does not matter."""
    if is_nested(a) or is_nested(b):
        _same_container(a, b)
        for key in _keys(a):
            assert_same_structure(a[key], b[key])


def same_structure(a: Any, b: Any) -> bool:
    """Tell whether both are nested alike."""
    try:
        assert_same_structure(a, b)
    except ValueError:
        return False
    return True


def lists_to_tuples(structure: Any) -> Any:
    """Return the same with every list as a tuple."""
    if not is_nested(structure):
        return structure
    parts = [lists_to_tuples(structure[key]) for key in _keys(structure)]
    return tuple(parts) if isinstance(structure, list) else _rebuild(structure, parts)


def shape_of(structure: Any) -> Any:
    """Return the nesting, with a star for each leaf, to show in a message."""
    if not is_nested(structure):
        return "*"
    return _rebuild(structure, [shape_of(structure[key]) for key in _keys(structure)])
