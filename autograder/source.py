"""The source of what a learner wrote, whole enough to stand in a file of its own.

A function drags along what it uses of the notebook: imports, constants, other functions. A class may
have been spread over several cells, ``class Loss(Loss):`` each adding a method; it becomes one class again.
"""

from __future__ import annotations
import __future__

import ast
import builtins
import inspect
import linecache
import symtable
import sys
import textwrap
import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

_LONGEST = 2000  # characters of a constant
_LARGEST = 200  # numbers in a constant array


class NoSource(Exception):
    """The source cannot be had; the text says why."""


@dataclass
class Piece:
    """What one exercise's answer is made of.

    Attributes
    ----------
    source : str
        The function or class itself.
    imports : list of str
        Whole import statements.
    helpers : dict of str to str
        What else of the notebook it uses, by name: constants, functions, classes.
    """

    source: str
    imports: list[str] = field(default_factory=list)
    helpers: dict[str, str] = field(default_factory=dict)


def capture(obj: Any, name: str, kept: Mapping[str, str] | None = None) -> Piece:
    """Collect the source that defines `obj` under `name`, and all it needs.

    Parameters
    ----------
    obj : function or class
    name : str
        The exercise's name. An answer that is called otherwise gets this name too.
    kept : mapping of str to str, optional
        Names of exercises that have passed, to their topics: these are imported, not copied.

    Raises
    ------
    NoSource
        If some of it was not written in a cell or a file, or cannot be written down.
    """
    piece = Piece(_text(obj, name))
    own_name = getattr(obj, "__name__", name)
    if own_name not in (name, "<lambda>"):
        piece.source += f"\n\n\n{name} = {own_name}"
    functions = [f for c in _chain(obj) for f in _functions(c)] if isinstance(obj, type) else [inspect.unwrap(obj)]
    if any(f.__code__.co_flags & __future__.annotations.compiler_flag for f in functions):
        piece.imports.append("from __future__ import annotations")
    _collect(piece.source, _namespace(obj), {name, own_name}, kept or {}, piece)
    return piece


def text_of(obj: Any, name: str) -> tuple[str, int]:
    """Return the text of a function or class, and the line of its cell or file that it begins in.

    Raises
    ------
    NoSource
        If it was not written in a cell or a file.
    """
    text = _text(obj, name)
    code = getattr(inspect.unwrap(obj), "__code__", None) if not isinstance(obj, type) else None
    return text, code.co_firstlineno if isinstance(code, types.CodeType) else 1


def namespace_of(obj: Any) -> Mapping[str, Any]:
    """Return what a function's or a class's methods find under the names that they look up outside."""
    return _namespace(obj)


def _collect(text: str, space: Mapping[str, Any], known: set[str], kept: Mapping[str, str], piece: Piece) -> None:
    """Add what `text` uses, and what that uses, each before what uses it."""
    for name in sorted(_used_names(text) - known):
        if name not in space or _is_pythons(name, space[name]):
            continue
        known.add(name)
        value = space[name]
        if name in kept:
            piece.imports.append(f"from mine.{kept[name]} import {name}")
        elif isinstance(value, types.ModuleType):
            piece.imports.append(f"import {value.__name__}" + _as(value.__name__, name))
        elif (constant := _constant(value)) is not None:
            if constant.startswith("np."):
                piece.imports.append("import numpy as np")
            piece.helpers[name] = f"{name} = {constant}"
        elif (imported := _import_of(value, name, space)) is not None:
            piece.imports.append(imported)
        elif isinstance(value, types.FunctionType | type):
            helper = _text(value, name)
            _collect(helper, _namespace(value), known, kept, piece)
            piece.helpers[name] = helper
        else:
            kind = type(value).__name__
            raise NoSource(f"it uses {name} of the notebook, a {kind}; hand it over as an argument")
    piece.imports = in_order(piece.imports)


def _is_pythons(name: str, value: Any) -> bool:
    """Whether a name means what it always means; `compile` may be a learner's own."""
    # IPython has an open, an exit and a display of its own.
    known = value is getattr(builtins, name, None)
    return known or str(getattr(value, "__module__", type(value).__module__)).startswith("IPython")


def in_order(imports: Iterable[str]) -> list[str]:
    """Import statements, each once, in the order of a file's head."""
    return sorted(set(imports), key=lambda line: ("__future__" not in line, line.startswith("from"), line))


def _as(real: str, name: str) -> str:
    return "" if real == name else f" as {name}"


def _constant(value: Any) -> str | None:
    """The expression that gives a constant again."""
    if isinstance(value, np.ndarray):
        if value.dtype.kind not in "biuf" or value.size > _LARGEST or not np.isfinite(value).all():
            return None
        return f"np.array({value.tolist()!r}, dtype={value.dtype.name!r})"
    if isinstance(value, np.bool | np.integer | np.floating):
        value = value.item()
    if not isinstance(value, int | float | str | bytes | tuple | list | dict | set | types.NoneType):
        return None
    text = repr(value)
    try:
        return text if len(text) <= _LONGEST and ast.literal_eval(text) == value else None
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _import_of(value: Any, name: str, space: Mapping[str, Any]) -> str | None:
    """The statement that imports a value, if it comes from a module that is not the notebook."""
    real = getattr(value, "__name__", None)
    homes = [getattr(value, "__module__", None), "numpy", "numpy.linalg", "math"]
    for home in homes:
        module = sys.modules.get(home) if isinstance(home, str) else None
        if module is None or vars(module) is space or home == space.get("__name__"):
            continue
        if isinstance(real, str) and getattr(module, real, None) is value:
            return f"from {home} import {real}{_as(real, name)}"
    return None


def _namespace(obj: Any) -> Mapping[str, Any]:
    """Where a function's or a class's methods look up their names."""
    if isinstance(obj, type):
        own = [f for c in _chain(obj) for f in _functions(c)]
        spaces = [_namespace(f) for f in own] or [vars(sys.modules.get(obj.__module__, builtins))]
        return {name: value for space in spaces for name, value in space.items()}
    function = inspect.unwrap(obj)
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    # A method that calls super() has a cell for its class.
    held = {name: cell.cell_contents for name, cell in cells if name != "__class__" and not _empty(cell)}
    return {**function.__globals__, **held}


def _empty(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is Ellipsis
    except ValueError:
        return True


def _used_names(text: str) -> set[str]:
    """Names that a text looks up outside itself."""
    top = symtable.symtable(text, "<source>", "exec")
    assigned = {s.get_name() for s in top.get_symbols() if s.is_assigned() or s.is_imported()}
    used = {s.get_name() for s in top.get_symbols() if s.is_referenced()}
    for table in _tables(top):
        used |= {s.get_name() for s in table.get_symbols() if s.is_global() and s.is_referenced()}
    return used - assigned


def _tables(table: symtable.SymbolTable) -> Iterator[symtable.SymbolTable]:
    for child in table.get_children():
        yield child
        yield from _tables(child)


# --------------------------------------------------------------------------- text


def _text(obj: Any, name: str) -> str:
    if isinstance(obj, type):
        return _class_text(obj)
    if not isinstance(obj, types.FunctionType):
        raise NoSource(f"it is an object of type {type(obj).__name__}, no function or class")
    function = inspect.unwrap(obj)
    lines, tree = _file(function.__code__.co_filename)
    first = function.__code__.co_firstlineno
    if function.__name__ == "<lambda>":
        return f"{name} = {_lambda_text(function, lines, tree)}"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and node.name == function.__name__ and _first_line(node) == first:
            return textwrap.dedent("".join(lines[first - 1 : node.end_lineno])).rstrip()
    raise NoSource(f"the source of {function.__name__} is not to be found")


def _lambda_text(function: types.FunctionType, lines: list[str], tree: ast.Module) -> str:
    code = function.__code__
    for node in ast.walk(tree):
        if isinstance(node, ast.Lambda) and node.lineno <= code.co_firstlineno <= (node.end_lineno or 0):
            text = ast.unparse(node)
            other = next(c for c in compile(text, "<lambda>", "eval").co_consts if isinstance(c, types.CodeType))
            if (other.co_code, other.co_names, other.co_varnames) == (code.co_code, code.co_names, code.co_varnames):
                return text
    raise NoSource("the source of the lambda is not to be found; write it with def")


def _file(filename: str) -> tuple[list[str], ast.Module]:
    lines = linecache.getlines(filename)
    try:
        return lines, ast.parse("".join(lines))
    except SyntaxError:
        return lines, ast.Module([], [])


def _first_line(node: ast.stmt) -> int:
    return min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", ()))])


def _functions(cls: type) -> list[types.FunctionType]:
    """A class's own functions, also where they hide in a property or a static method."""
    found = []
    for value in vars(cls).values():
        for inner in (value, *(getattr(value, part, None) for part in ("__func__", "fget", "fset", "func"))):
            if isinstance(inner, types.FunctionType):
                found.append(inspect.unwrap(inner))
                break
    return found


def _chain(cls: type) -> list[type]:
    """A class and the earlier ones of its own name that it continues, earliest first."""
    chain = [cls]
    while True:
        before = [c for c in chain[0].__bases__ if (c.__name__, c.__module__) == (cls.__name__, cls.__module__)]
        if len(before) != 1:
            return chain
        chain.insert(0, before[0])


@dataclass
class _Body:
    """One class statement: its lines, and where each thing in it stands."""

    head: str
    items: dict[str, str]
    indent: int
    text: str


def _class_text(cls: type) -> str:
    chain, bodies, added = _chain(cls), [], []
    for c in chain:
        body = _find_body(c)
        if body is not None:
            bodies.append(body)
        for attribute, function in vars(c).items():
            outside = isinstance(function, types.FunctionType) and (body is None or attribute not in body.items)
            if outside and attribute != "<lambda>" and not attribute.startswith("__annot"):
                text = _text(function, f"_{attribute}")
                bound = f"_{attribute}" if function.__name__ == "<lambda>" else function.__name__
                added.append(f"{text}\n\n\n{cls.__name__}.{attribute} = {bound}")
    if not bodies:
        raise NoSource(f"the source of class {cls.__name__} is not to be found")
    return "\n\n\n".join([*_joined(bodies), *dict.fromkeys(added)])


def _joined(bodies: list[_Body]) -> list[str]:
    """One class of all its parts, or the parts as they are where joining could change their meaning."""
    alike = len({body.indent for body in bodies}) == 1
    if len(bodies) == 1 or not alike or any("super" in body.text or "__class__" in body.text for body in bodies):
        return [body.text for body in bodies]
    items: dict[str, str] = {}
    for body in bodies:
        items.update(body.items)
    return ["\n\n".join([bodies[0].head, *items.values()])]


def _find_body(cls: type) -> _Body | None:
    for function in _functions(cls):
        lines, tree = _file(function.__code__.co_filename)
        first = function.__code__.co_firstlineno
        for node in ast.walk(tree):
            if not isinstance(node, ast.ClassDef) or node.name != cls.__name__:
                continue
            if node.lineno <= first <= (node.end_lineno or 0):
                return _body(node, lines)
    # A class without methods leaves no trace of where it stood: look through the cells, the last first.
    names = {
        k for k, value in vars(cls).items() if not k.startswith("__") and not isinstance(value, types.FunctionType)
    }
    for filename in reversed(list(linecache.cache)):
        if "ipykernel" in filename or filename.startswith("<ipython"):
            lines, tree = _file(filename)
            for node in tree.body:
                if isinstance(node, ast.ClassDef) and node.name == cls.__name__:
                    body = _body(node, lines)
                    if names == set(body.items):
                        return body
    return None


def _body(node: ast.ClassDef, lines: list[str]) -> _Body:
    text = textwrap.dedent("".join(lines[_first_line(node) - 1 : node.end_lineno])).rstrip()
    inner = ast.parse(text).body[0]
    assert isinstance(inner, ast.ClassDef)
    rows, statements = text.splitlines(), inner.body
    documented = isinstance(statements[0], ast.Expr) and isinstance(statements[0].value, ast.Constant)
    if documented:
        head = statements[0].end_lineno or 0
        statements = statements[1:]
    else:
        head = _first_line(statements[0]) - 1
        while rows[head - 1].strip()[:1] in ("", "#"):  # what stands above a statement belongs to it
            head -= 1
    items: dict[str, str] = {}
    start = head
    for statement in statements:
        end = statement.end_lineno or start
        if not isinstance(statement, ast.Pass):
            items[_bound(statement) or f"statement at line {start}"] = "\n".join(rows[start:end]).strip("\n")
        start = end
    return _Body("\n".join(rows[:head]), items, inner.body[0].col_offset, text)


def _bound(statement: ast.stmt) -> str | None:
    """The name that a statement in a class gives a value to."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement.name
    if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id
    return None
