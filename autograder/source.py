"""The source of what a learner wrote, whole enough to stand in a file of its own.

A function drags along what it uses of the notebook: imports, constants, other functions. A class may
have been spread over several cells, ``class Loss(Loss):`` each adding a method.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import linecache
import textwrap
import types
from typing import Any

_CONSTANTS = (int, float, str, bool, tuple, type(None))


class NoSource(Exception):
    """The source cannot be had; the text says why."""


def whole_source(obj: Any, own: frozenset[str] = frozenset()) -> tuple[str, set[str]]:
    """Return source that defines `obj` from nothing.

    Parameters
    ----------
    obj : function or class
    own : frozenset of str
        Names of exercises that have passed: they are imported, not copied.

    Returns
    -------
    source : str
        Imports first, then what it uses, then itself.
    imported : set of str
        Which of `own` it uses.

    Raises
    ------
    NoSource
        If some of it was not written in a cell or a file.
    """
    pieces: dict[str, str] = {}
    imports: set[str] = set()
    imported: set[str] = set()
    _collect(obj, obj.__name__, own - {obj.__name__}, pieces, imports, imported)
    head = "\n".join(sorted(imports))
    return (head + "\n\n\n" if head else "") + "\n\n\n".join(pieces.values()) + "\n", imported


def _collect(
    obj: Any, name: str, own: frozenset[str], pieces: dict[str, str], imports: set[str], imported: set[str]
) -> None:
    if name in pieces:
        return
    text = _text(obj)
    pieces[name] = text
    del pieces[name]  # its place is after what it uses
    space = _namespace(obj)
    used = _used_names(text) - {obj.__name__, name}
    pieces_before = dict.fromkeys([name])
    for other in sorted(used):
        if other not in space or other in pieces_before:
            continue
        value = space[other]
        if other in own:
            imported.add(other)
        elif isinstance(value, types.ModuleType):
            imports.add(_import_of(other, value))
        elif isinstance(value, _CONSTANTS):
            pieces.setdefault(other, f"{other} = {value!r}")
        elif getattr(value, "__module__", "") == getattr(obj, "__module__", None):
            _collect(value, other, own, pieces, imports, imported)
        elif hasattr(value, "__module__") and hasattr(value, "__name__"):
            imports.add(f"from {value.__module__} import {value.__name__}" + _as(value.__name__, other))
    pieces[name] = text


def _import_of(name: str, module: types.ModuleType) -> str:
    return f"import {module.__name__}" + _as(module.__name__, name)


def _as(real: str, name: str) -> str:
    return "" if real == name else f" as {name}"


def _namespace(obj: Any) -> dict[str, Any]:
    if isinstance(obj, type):
        functions = [f for c in obj.__mro__ for f in vars(c).values() if isinstance(f, types.FunctionType)]
        own = [f for f in functions if f.__module__ == obj.__module__]
        return own[0].__globals__ if own else {}
    return getattr(obj, "__globals__", {})


def _used_names(text: str) -> set[str]:
    names = {node.id for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Name)}
    return names - set(dir(builtins))


def _text(obj: Any) -> str:
    if isinstance(obj, type):
        return _class_text(obj)
    if not isinstance(obj, types.FunctionType):
        raise NoSource(f"it is {type(obj).__name__}, no function or class")
    try:
        text = textwrap.dedent(inspect.getsource(obj)).strip("\n")
    except (OSError, TypeError):
        raise NoSource(f"the source of {obj.__name__} is not to be found") from None
    if text.lstrip().startswith("lambda") or obj.__name__ == "<lambda>":
        raise NoSource("it is a lambda; write it with def")
    return text


def _class_text(cls: type) -> str:
    """Return the text of a class and of the earlier classes of its own that it continues."""
    chain = [c for c in cls.__mro__ if c.__module__ == cls.__module__][::-1]
    return "\n\n\n".join(_one_class(c) for c in chain)


def _one_class(cls: type) -> str:
    functions = [f for f in vars(cls).values() if isinstance(f, types.FunctionType)]
    texts, added = [], []
    for function in functions:
        code = function.__code__
        lines = linecache.getlines(code.co_filename) or _lines_of(function)
        found = _class_around(lines, cls.__name__, code.co_firstlineno)
        if found is None:
            added.append(f"{_text(function)}\n\n\n{cls.__name__}.{function.__name__} = {function.__name__}")
        elif found not in texts:
            texts.append(found)
    if not texts:
        raise NoSource(f"the source of class {cls.__name__} is not to be found")
    return "\n\n\n".join([*texts, *dict.fromkeys(added)])


def _lines_of(function: types.FunctionType) -> list[str]:
    try:
        return inspect.findsource(function)[0]
    except OSError:
        return []


def _class_around(lines: list[str], name: str, line: int) -> str | None:
    text = "".join(lines)
    try:
        tree = ast.parse(text)
    except SyntaxError:
        return None
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name and node.lineno <= line <= (node.end_lineno or 0):
            first = min([node.lineno, *(d.lineno for d in node.decorator_list)])
            return "".join(lines[first - 1 : node.end_lineno]).rstrip("\n")
    return None
