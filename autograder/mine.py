"""`mine`: the package that a learner's own answers become.

In a working copy it is a folder of readable files, written anew at every pass, that Python can import
with no help from here. Inside a notebook a stand-in takes its place: ``from mine import mse`` then gives
the learner's own if it has passed and the reference's if not, and says which.
"""

from __future__ import annotations

import difflib
import linecache
import re
import sys
import types
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import exercise as exercises
from . import store
from .paths import write_atomic

if TYPE_CHECKING:
    from .source import Piece

_HEADER = '''"""Your own {topic}: what you wrote, kept here when its check passed.

Every pass writes this file anew: change the notebook, not this file.
"""
'''

_INIT = '''"""Your own engine: what you wrote, kept here when its check passed.

``from mine import {example}`` gives yours. What has not passed yet is the reference's, and a line says so.
Every pass writes these files anew: change the notebooks, not these files.
"""

from importlib import import_module

YOURS = {{
{rows}}}


def __getattr__(name):
    if name in YOURS:
        return getattr(import_module(f"{{__name__}}.{{YOURS[name]}}"), name)
    if name.startswith("_"):
        raise AttributeError(name)
    try:
        from autograder.mine import resolve
    except ImportError:
        raise ImportError(f"{{name}} has not passed its check yet; yours are {{', '.join(YOURS) or 'none'}}") from None
    return resolve(name)


def __dir__():
    return sorted(YOURS)
'''

_ALIAS = re.compile(r"from mine\.\w+ import (\w+) as (\w+)")

_live: dict[str, Any] = {}  # passed in this process, and not to be written down
_modules: dict[str, tuple[str, types.ModuleType]] = {}  # topic → the text it was made of, and what that gave
_announced: dict[str, int] = {}


def keep(exercise: exercises.Exercise, obj: Any) -> str:
    """Keep a passing answer; return where, or why not, as a sentence.

    An earlier version stays in place until the new one has shown that it stands alone.
    """
    from .source import capture

    told = _keep(exercise, lambda others: capture(obj, exercise.name, others))
    if told.startswith("It could not be kept"):
        _live[exercise.identifier] = obj
    else:
        _live.pop(exercise.identifier, None)
    return told


def keep_text(exercise: exercises.Exercise, cells: Sequence[str]) -> str:
    """Keep a passing answer of which there is only the notebook's text; nothing of it is run but the answer."""
    from .cell_text import capture_text

    return _keep(exercise, lambda others: capture_text(cells, exercise.name, others))


def holds(exercise: exercises.Exercise) -> bool:
    """Whether there is a version of this exercise that has passed."""
    return exercise.identifier in _live or bool(_piece(store.read("passed"), exercise.identifier)["source"])


def _keep(exercise: exercises.Exercise, captured: Callable[[dict[str, str]], Piece]) -> str:
    from .source import NoSource

    passed = store.read("passed")
    others = {name: e.topic for name, e in _latest(passed).items() if e.identifier != exercise.identifier}
    key = exercise.identifier
    try:
        piece = vars(captured(others))
        _run(exercise.topic, _module_text(exercise.topic, {**passed, key: piece}))
    except Exception as error:
        store.change("passed", key, lambda old: old or {"source": ""})
        known = isinstance(error, NoSource)
        return f"It could not be kept in mine ({error if known else f'on its own it raises {error!r}'[:200]})."
    store.change("passed", key, lambda _: piece)
    folder = store.working_copy()
    if folder is None:
        return "Kept as mine."
    try:
        write(folder, exercise.topic)
    except OSError as error:
        return f"It is remembered, but mine/ cannot be written: {error}."
    return f"Kept in mine/{exercise.topic}.py."


def write(folder: Path, topic: str) -> None:
    """Write mine/<topic>.py and mine/__init__.py of a working copy from what has passed."""
    passed = store.read("passed")
    write_atomic(folder / "mine" / f"{topic}.py", _module_text(topic, passed))
    write_atomic(folder / "mine" / "__init__.py", package_text(passed))


def package_text(passed: dict[str, Any]) -> str:
    """The file that makes mine/ a package, also before anything has passed."""
    latest = _latest(passed)
    rows = "".join(f'    "{name}": "{e.topic}",\n' for name, e in latest.items())
    # Once imported, mine/fit.py would stand for the name fit of the package, and hide the function.
    clashes = "".join(
        f"from .{e.topic} import {name}  # noqa: E402, F401\n" for name, e in latest.items() if name in topics(passed)
    )
    text = _INIT.format(rows=rows, example=next(iter(latest), "mse"))
    return text + (f"\n\n{clashes}" if clashes else "")


def topics(passed: dict[str, Any]) -> set[str]:
    """The topics of which mine/ has a file."""
    return {e.topic for e in exercises.all_exercises() if _piece(passed, e.identifier)["source"]}


def _latest(passed: dict[str, Any]) -> dict[str, exercises.Exercise]:
    """By name, the exercise latest in the course that passed and whose source is kept."""
    return {e.name: e for e in exercises.all_exercises() if _piece(passed, e.identifier)["source"]}


def _piece(passed: dict[str, Any], identifier: str) -> dict[str, Any]:
    found = passed.get(identifier)
    found = found if isinstance(found, dict) else {"source": found if isinstance(found, str) else ""}
    return {"source": "", "imports": [], "helpers": {}, **found}


def _module_text(topic: str, passed: dict[str, Any]) -> str:
    """The file of one topic: imports, then what the pieces use, then the pieces in course order."""
    from .source import in_order

    ours = [e for e in exercises.all_exercises() if e.topic == topic and _piece(passed, e.identifier)["source"]]
    pieces = {e.identifier: _piece(passed, e.identifier) for e in ours}
    names = {e.name for e in ours}
    imports = {line for piece in pieces.values() for line in piece["imports"]}
    # What the file itself defines is no import of it; under another name, it is an assignment after the definition.
    imports -= {f"from mine.{topic} import {name}" for name in names}
    aliases = {line: _ALIAS.fullmatch(line) for line in imports if line.startswith(f"from mine.{topic} import ")}
    imports -= set(aliases)
    as_well = [match.groups() for match in aliases.values() if match and match[1] in names]
    imports |= {f"from mine import {m[1]} as {m[2]}" for m in aliases.values() if m and m[1] not in names}
    helpers = {k: text for piece in pieces.values() for k, text in piece["helpers"].items() if k not in names}
    head = "\n".join(in_order(imports))
    constants = "\n".join(text for text in helpers.values() if not text.startswith(("def ", "class ", "@")))
    functions = [text for text in helpers.values() if text.startswith(("def ", "class ", "@"))]
    parts = list(functions)
    for exercise in ours:
        again = "".join(f"\n\n\n{other} = {name}" for name, other in sorted(as_well) if name == exercise.name)
        parts.append(f"# {exercise.identifier}\n{pieces[exercise.identifier]['source'].strip()}{again}")
    blocks = [_HEADER.format(topic=topic).strip(), *(block for block in (head, constants) if block)]
    return "\n\n".join(blocks) + "\n\n\n" + "\n\n\n".join(parts) + "\n"


def _run(topic: str, text: str) -> types.ModuleType:
    """The module that a text makes; tracebacks and ``inspect`` find its lines."""
    made_of, module = _modules.get(topic, ("", None))
    if module is not None and made_of == text:
        return module
    module = types.ModuleType(f"mine.{topic}")
    folder = store.working_copy()
    filename = f"<mine/{topic}.py>" if folder is None else str(folder / "mine" / f"{topic}.py")
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    exec(compile(text, filename, "exec", dont_inherit=True), module.__dict__)
    _modules[topic] = text, module
    return module


def resolve(name: str, topic: str | None = None, quiet: bool = False) -> Any:
    """Return the learner's own object of this name, or the reference's, and say which.

    Parameters
    ----------
    name : str
        The last part of an exercise's identifier. Where several have it, the latest that passed counts.
    topic : str, optional
        The first part, to ask for one of several.
    quiet : bool
        Say nothing.

    Raises
    ------
    ImportError
        If no exercise has this name; the text offers the nearest.
    """
    everything = exercises.all_exercises()
    found = [e for e in everything if e.name == name and topic in (None, e.topic)]
    if not found:
        near = difflib.get_close_matches(name, [e.name for e in everything], n=1, cutoff=0.5)
        offer = f' Did you mean "{near[0]}"?' if near else ""
        raise ImportError(f"mine has no {name!r}: no exercise{f' of {topic}' if topic else ''} is called that.{offer}")
    passed = store.read("passed")
    for exercise in reversed(found):
        if exercise.identifier in _live:
            _say(f"{name}: yours", quiet)
            return _live[exercise.identifier]
        if not _piece(passed, exercise.identifier)["source"]:
            continue
        try:
            own = getattr(_run(exercise.topic, _module_text(exercise.topic, passed)), name)
        except Exception as error:
            _say(f"{name}: the reference's (yours no longer loads: {type(error).__name__}: {error})", quiet)
            return exercise.reference
        _say(f"{name}: yours", quiet)
        return own
    exercise = found[0]
    why = "could not be kept" if exercise.identifier in passed else "has not passed yet"
    _say(f"{name}: the reference's ({exercise.identifier} {why})", quiet)
    return exercise.reference


def _say(line: str, quiet: bool) -> None:
    """Print it once in each run of a cell; outside notebooks, once."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cell = getattr(shell, "execution_count", 0)
    if not quiet and _announced.get(line) != cell:
        _announced[line] = cell
        print(line)


class Mine(types.ModuleType):
    """Stands for the package `mine`, or one of its files, inside a notebook."""

    def __init__(self, name: str = "mine", topic: str | None = None) -> None:
        super().__init__(name, "Your own answers where they passed, the reference's where not.")
        self.__dict__["_topic"] = topic
        if topic is None:
            self.__dict__["__path__"] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        topic = self.__dict__["_topic"]
        if topic is None and name in exercises.TOPICS and not any(e.name == name for e in exercises.all_exercises()):
            return sys.modules[f"mine.{name}"]
        # The import statement asks twice, first only whether there is such a name.
        asking = sys._getframe(1).f_code.co_filename.startswith("<frozen importlib")
        return resolve(name, topic, quiet=asking)

    def __dir__(self) -> list[str]:
        topic = self.__dict__["_topic"]
        return sorted({e.name for e in exercises.all_exercises() if topic in (None, e.topic)})


def install() -> None:
    """Make ``import mine`` give the stand-in in this process."""
    if not isinstance(sys.modules.get("mine"), Mine):
        sys.modules["mine"] = Mine()
        for topic in exercises.TOPICS:
            sys.modules[f"mine.{topic}"] = Mine(f"mine.{topic}", topic)
