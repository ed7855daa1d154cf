"""`mine`: the package that a learner's own answers become.

In a working copy it is a folder of readable files, written anew at every pass, that Python can import
with no help from here. Inside a notebook a stand-in takes its place: ``from mine import mse`` then gives
the learner's own if it has passed and the reference's if not, and says which.
"""

from __future__ import annotations

import sys
import types
from typing import Any

from . import exercise as exercises
from . import store
from .paths import write_atomic
from .source import NoSource, whole_source

_HEADER = '"""Your own {topic}: written by you in notebook {topic}, kept here when the check passed."""\n\n'
_INIT_HEADER = '"""Your own engine: what you wrote and what passed its check."""\n\n'


def keep(exercise: exercises.Exercise, obj: Any) -> str:
    """Keep a passing answer; return where, or why not, as a sentence.

    An earlier version stays in place until the new one is written.
    """
    own = frozenset(exercises.get(identifier).name for identifier in store.read("passed"))
    try:
        source, imported = whole_source(obj, own)
    except (NoSource, SyntaxError) as error:
        return f"It could not be kept in mine ({error})."
    text = "".join(f"from mine import {name}\n" for name in sorted(imported)) + source
    try:
        _load(exercise, text)
    except Exception as error:
        return f"It could not be kept in mine: on its own it raises {type(error).__name__}: {error}."
    store.change("passed", exercise.identifier, lambda _: text)
    _write(exercise.topic)
    _announced.discard(exercise.identifier)
    folder = store.working_copy()
    return "Kept as mine." if folder is None else f"Kept in mine/{exercise.topic}.py."


def _write(topic: str) -> None:
    """Write mine/<topic>.py and mine/__init__.py from what has passed."""
    folder = store.working_copy()
    if folder is None:
        return
    passed = store.read("passed")
    known = [e for e in exercises.all_exercises() if e.identifier in passed]
    ours = [e for e in known if e.topic == topic]
    parts = [f"# {e.identifier}\n{passed[e.identifier].strip()}\n" for e in ours]
    write_atomic(folder / "mine" / f"{topic}.py", _HEADER.format(topic=topic) + "\n\n".join(parts))
    lines = [f"from .{e.topic} import {e.name}\n" for e in known]
    names = ", ".join(f'"{e.name}"' for e in known)
    write_atomic(folder / "mine" / "__init__.py", f"{_INIT_HEADER}{''.join(lines)}\n__all__ = [{names}]\n")


def _load(exercise: exercises.Exercise, text: str) -> Any:
    """Return the object that a kept source defines."""
    name = f"mine.{exercise.topic}"
    module = types.ModuleType(name)
    # inspect can then show it, and a traceback its lines.
    filename = f"<mine {exercise.identifier}>"
    import linecache

    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec"), module.__dict__)
    return module.__dict__[exercise.name]


_announced: set[str] = set()


def resolve(name: str, topic: str | None = None) -> Any:
    """Return the learner's own object of this name, or the reference's, and say which, once.

    Raises
    ------
    AttributeError
        If no exercise has this name.
    """
    found = [e for e in exercises.all_exercises() if e.name == name and topic in (None, e.topic)]
    if not found:
        raise AttributeError(f"mine has no {name!r}: no exercise is called that")
    exercise = found[-1]
    text = store.read("passed").get(exercise.identifier)
    if text is not None:
        try:
            obj = _load(exercise, text)
        except Exception as error:
            print(f"{name}: the reference's (yours no longer loads: {type(error).__name__}: {error})")
            return exercise.reference
        _say(exercise, f"{name}: yours")
        return obj
    _say(exercise, f"{name}: the reference's ({exercise.identifier} has not passed yet)")
    return exercise.reference


def _say(exercise: exercises.Exercise, line: str) -> None:
    if f"{exercise.identifier}:{line}" not in _announced:
        _announced.add(f"{exercise.identifier}:{line}")
        print(line)


class Mine(types.ModuleType):
    """Stands for the package `mine`, or one of its files, inside a notebook."""

    def __init__(self, name: str = "mine", topic: str | None = None) -> None:
        super().__init__(name, "Your own answers where they passed, the reference's where not.")
        self.__dict__["_topic"] = topic
        if topic is None:
            self.__dict__["__path__"] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if self.__dict__["_topic"] is None and name in exercises.TOPICS:
            return sys.modules[f"mine.{name}"]
        return resolve(name, self.__dict__["_topic"])


def install() -> None:
    """Make ``import mine`` give the stand-in in this process."""
    if not isinstance(sys.modules.get("mine"), Mine):
        sys.modules["mine"] = Mine()
        for topic in exercises.TOPICS:
            sys.modules[f"mine.{topic}"] = Mine(f"mine.{topic}", topic)
