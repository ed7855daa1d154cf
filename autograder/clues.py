"""What the text of a wrong answer gives away: slips that can be seen without running it.

None of these is an error by itself, so they are looked for only in an answer that is wrong already.
"""

from __future__ import annotations

import ast
import builtins
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .exercise import TOPICS, Exercise, all_exercises
from .source import NoSource, namespace_of, text_of
from .wording import Clue

Function = ast.FunctionDef | ast.AsyncFunctionDef

# Calls of NumPy's that write somewhere, or say or set something: nothing has to be done with what they return.
_WORKING = {"copyto", "put", "place", "putmask", "fill_diagonal", "seterr", "set_printoptions", "save", "savez", "at"}
_MAKING = {"reshape", "astype", "copy", "ravel", "flatten", "clip", "round", "transpose", "squeeze", "sum", "mean"}
_IN_PLACE = {"append", "extend", "insert", "sort", "reverse", "update", "clear", "fill"}


def clues_in(obj: Any, exercise: Exercise) -> list[Clue]:
    """Return what can be seen in an answer's text, most telling first.

    Parameters
    ----------
    obj : function or class
        The learner's.
    exercise : Exercise
    """
    parts = [part for part in map(_parsed, _parts(obj)) if part is not None]
    found: list[Clue] = []
    for look in (_exits, _returns_in_loop, _thrown_away, _none_of_in_place, _rebound):
        for tree, _ in parts:
            found += look(tree)
    for tree, space in parts:
        found += _of_the_notebook(tree, space)
        found += _unused(tree, exercise, isinstance(obj, type))
    return found


def _parts(obj: Any) -> list[Any]:
    """The functions an answer consists of: itself, or a class's methods."""
    if not isinstance(obj, type):
        return [obj]
    ours = [c for c in obj.__mro__ if c.__module__ == obj.__module__]
    return [value for c in reversed(ours) for value in vars(c).values() if isinstance(value, types.FunctionType)]


def _parsed(function: Any) -> tuple[Function, Mapping[str, Any]] | None:
    """A function as a tree with the line numbers of its cell, and what it finds around it."""
    try:
        text, first = text_of(function, function.__name__)
        tree = ast.parse(text)
    except (NoSource, AttributeError, SyntaxError, RecursionError, ValueError):
        return None
    definition = next((node for node in tree.body if isinstance(node, Function)), None)
    if definition is None:
        return None
    ast.increment_lineno(tree, first - 1)
    return definition, namespace_of(function)


def siblings(obj: Any, exercise: Exercise) -> list[tuple[Exercise, Any]]:
    """Return the other exercises whose answers this one calls, each with what the learner has under its name."""
    parts = [part for part in map(_parsed, _parts(obj)) if part is not None]
    used = {node.id for tree, _ in parts for node in ast.walk(tree) if isinstance(node, ast.Name)}
    space = {name: value for _, space in parts for name, value in space.items()}
    order = TOPICS.index(exercise.topic) if exercise.topic in TOPICS else len(TOPICS)
    found = {}
    for other in all_exercises():
        before = other.topic not in TOPICS or TOPICS.index(other.topic) <= order
        theirs = space.get(other.name)
        if (
            other.name in used
            and other.name != exercise.name
            and before
            and isinstance(theirs, types.FunctionType | type)
        ):
            found[other.name] = other, theirs  # of several with one name, the nearest before
    return list(found.values())


# --------------------------------------------------------------------------- one slip each


def _exits(function: Function) -> Iterator[Clue]:
    for call in _calls(function):
        if isinstance(call.func, ast.Name) and call.func.id in ("exit", "quit"):
            yield Clue(
                f"{call.func.id}() in line {call.lineno} ends the whole notebook, not the function.",
                "leave with return.",
                raises=True,
            )


def _returns_in_loop(function: Function) -> Iterator[Clue]:
    for loop in _within(function):
        if not isinstance(loop, ast.For | ast.While):
            continue
        for statement in loop.body:
            if isinstance(statement, ast.Return):
                kind = "for" if isinstance(loop, ast.For) else "while"
                yield Clue(
                    f"The return in line {statement.lineno} stands inside the {kind} loop, which ends there "
                    "in its first round.",
                    "move it to the left, to where the loop itself begins.",
                )


def _thrown_away(function: Function) -> Iterator[Clue]:
    exercises = {e.name for e in all_exercises() if not isinstance(e.reference, type)}
    for statement in _within(function):
        if not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)):
            continue
        call = statement.value
        name = ast.unparse(call.func)
        last = name.rpartition(".")[2]
        of_numpy = name.startswith(("np.", "numpy.")) and ".random." not in name and last not in _WORKING
        writes = any(keyword.arg == "out" for keyword in call.keywords)
        method = isinstance(call.func, ast.Attribute) and last in _MAKING
        if (name in exercises or of_numpy or method) and not writes:
            yield Clue(
                f"What {name}(...) gives in line {statement.lineno} is thrown away: nothing takes it.",
                "give it a name: ... = " + f"{name}(...).",
            )


def _none_of_in_place(function: Function) -> Iterator[Clue]:
    for statement in _within(function):
        if not (isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Call)):
            continue
        target, call = statement.targets[0], statement.value.func
        changes = isinstance(call, ast.Attribute) and call.attr in _IN_PLACE
        if changes and ast.unparse(target) == ast.unparse(call.value):  # type: ignore[attr-defined]
            yield Clue(
                f".{call.attr}() in line {statement.lineno} changes the list itself and returns None.",  # type: ignore[attr-defined]
                "call it on a line of its own, without an = before it.",
                raises=True,
            )


def _rebound(function: Function) -> Iterator[Clue]:
    """``for p in params: p = p - 1``: the list does not hear of it."""
    for loop in _within(function):
        if not isinstance(loop, ast.For):
            continue
        names = {node.id for node in ast.walk(loop.target) if isinstance(node, ast.Name)}
        for i, statement in enumerate(loop.body):
            if not (isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)):
                continue
            name = statement.targets[0].id
            later = [node for after in loop.body[i + 1 :] for node in ast.walk(after)]
            if name in names and not any(isinstance(node, ast.Name) and node.id == name for node in later):
                yield Clue(
                    f"{name} = ... in line {statement.lineno} gives the name {name} to something new; "
                    "what the loop goes through does not hear of it.",
                    "collect the new ones in a list of your own.",
                )


def _unused(function: Function, exercise: Exercise, method: bool) -> Iterator[Clue]:
    needed = _arguments_needed(exercise.reference, function.name if method else None)
    loaded = {node.id for node in ast.walk(function) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    for position, argument in enumerate(arguments):
        if argument.arg not in loaded and argument.arg not in ("self", "cls") and needed(position):
            yield Clue(
                f"{argument.arg} is an argument, and your {function.name} never uses it.",
                f"where does {argument.arg} enter the formula?",
            )


def _arguments_needed(reference: Any, method: str | None) -> Callable[[int], bool]:
    """Tell by position whether the reference uses an argument."""
    theirs = getattr(reference, method, None) if method else reference
    code = getattr(theirs, "__code__", None)
    if not isinstance(code, types.CodeType):
        return lambda position: False
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(code)))
    except (OSError, TypeError, SyntaxError):
        return lambda position: False
    loaded = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    return lambda position: position < len(names) and names[position] in loaded


def _of_the_notebook(function: Function, space: Mapping[str, Any]) -> Iterator[Clue]:
    """Arrays, and counts such as N, that the notebook has under a name that is no argument here."""
    arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
    given = {argument.arg for argument in arguments}
    stored = {
        node.id for node in ast.walk(function) if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load)
    }
    bound = {
        a.arg for node in ast.walk(function) if isinstance(node, ast.arguments) for a in (*node.args, *node.kwonlyargs)
    }
    for node in ast.walk(function):
        if not isinstance(node, ast.Name) or node.id in given | stored | bound or hasattr(builtins, node.id):
            continue
        value = space.get(node.id)
        count = isinstance(value, int | float) and not isinstance(value, bool) and len(node.id) == 1
        if isinstance(value, np.ndarray) or count:
            meant = next((name for name in given if name.lower() == node.id.lower()), None)
            yield Clue(
                f"{node.id} in line {node.lineno} is the notebook's {node.id}, not an argument of {function.name}.",
                f"did you mean the argument {meant}?"
                if meant
                else "compute it from the arguments, or hand it over as one.",
                raises=True,
            )
            return


# --------------------------------------------------------------------------- looking through


def _within(function: Function) -> Iterator[ast.AST]:
    """Everything in a function's body, but not in functions inside of it."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            waiting = [*ast.iter_child_nodes(node), *waiting]


def _calls(function: Function) -> Sequence[ast.Call]:
    return [node for node in _within(function) if isinstance(node, ast.Call)]
