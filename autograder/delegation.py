"""Noticing that an answer has others do the work: the reference, the engine, Keras, another file.

What is free to call: the learner's own cells, NumPy, Python's own library, what draws and shows, and what the
exercise declares as `allowed`.
"""

from __future__ import annotations

import dis
import functools
import os
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any

import numpy as np

from .exercise import Exercise

_PACKAGE = str(Path(__file__).resolve().parent) + os.sep
_ENGINE = str(Path(__file__).resolve().parents[1] / "minifit") + os.sep
_PATHS = sysconfig.get_paths()
_STANDARD = tuple(str(Path(_PATHS[key]).resolve()) + os.sep for key in ("stdlib", "platstdlib"))
_SITES = ("site-packages", "dist-packages")

#: Packages that draw, show and count, none of which does an exercise's work. What they call is their own affair.
_SHOWING = (
    *("matplotlib", "mpl_toolkits", "PIL", "contourpy", "kiwisolver", "cycler", "dateutil", "fontTools"),
    *("IPython", "ipykernel", "ipywidgets", "traitlets", "tqdm", "pytest", "_pytest", "hypothesis", "threadpoolctl"),
)
_FREE = frozenset({*sys.stdlib_module_names, *_SHOWING, "numpy", "__main__", "autograder", "mine", "minifit"})

_ANY = Exception  # by a name that no answer changes


class Watch:
    """Notices, while it is entered, what an answer calls to have its work done.

    Parameters
    ----------
    exercise : Exercise
    obj : object
        The answer. What stands in the same file as it is its own, except in a notebook: there only cells count.

    Attributes
    ----------
    called : str
        The first such function, or nothing.
    """

    def __init__(self, exercise: Exercise, obj: Any = None) -> None:
        self.called = ""
        self._allowed = exercise.allowed
        self._name = exercise.name
        right = (exercise.reference, *exercise.alternatives)
        self._right = {code for answer in right for code in codes_of(answer)}
        written = [code.co_filename for code in codes_of(obj)] or [code.co_filename for code in codes_of(type(obj))]
        if _in_a_notebook():
            written = [file for file in written if _kind(file) == "cell"]
        driving = [code.co_filename for code in codes_of(exercise.scenario)]
        self._own = {*written, *driving} if written or _in_a_notebook() else set()
        self._looked_at: set[CodeType] = set()
        self._inside: FrameType | None = None  # what an allowed function calls is its own affair

    def __enter__(self) -> Watch:
        self._before = sys.getprofile()
        sys.setprofile(self._see)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(self._before)

    def _see(self, frame: FrameType, event: str, argument: Any) -> None:
        if self.called:
            return
        if self._inside is not None:
            if event == "return" and frame is self._inside:
                self._inside = None
        elif event == "call" and frame.f_code in self._right:
            self.called = f"the reference, {frame.f_code.co_name.strip('_')}"
        else:
            try:
                if event == "call":
                    self.called = self._python(frame)
                elif event == "c_call":
                    self.called = self._compiled(argument)
            except _ANY:  # an answer that has renamed what Python offers; it is none the worse for that here
                pass

    def _python(self, frame: FrameType) -> str:
        code = frame.f_code
        file = code.co_filename
        if file.startswith("<frozen importlib"):  # what happens at an import is not the answer's doing
            self._inside = frame
            return ""
        kind = _kind(file)
        module = str(frame.f_globals.get("__name__", ""))
        if kind == "engine":
            family = Path(file).relative_to(_ENGINE).parts[0].removesuffix(".py")
            called = code.co_name
            if called == "__call__":  # of an object that stands for a function
                owner = frame.f_locals.get("self")
                called = str(getattr(owner, "__name__", type(owner).__name__))
            return self._unless_allowed(f"minifit.{family}.{called}", frame)
        if kind == "showing":
            self._inside = frame
            return ""
        if kind == "package":
            return self._unless_allowed(_public(module, code.co_name), frame)
        if module.partition(".")[0] == "mine" and code.co_name == self._name:
            return f"{module}.{code.co_name}"
        if kind == "file" and file not in self._own and self._own and not module.startswith("mine"):
            return f"{code.co_name} in {Path(file).name}, another file"
        if kind in ("cell", "file") and code not in self._looked_at:
            self._looked_at.add(code)
            return next((n for n in _array_functions(code, frame.f_globals) if not self._is_allowed(n)), "")
        return ""

    def _compiled(self, function: Any) -> str:
        module = getattr(function, "__module__", None)
        if module in _FREE:
            return ""
        owner = getattr(function, "__self__", None)
        if module is None and owner is not None and not isinstance(owner, ModuleType):
            kind = owner if isinstance(owner, type) else type(owner)
            module = kind.__module__
        if not isinstance(module, str) or module.partition(".")[0] in _FREE:
            return ""
        if module.partition(".")[0] not in sys.modules:  # made up by the learner, not imported
            return ""
        name = _public(module, str(getattr(function, "__name__", "")))
        return "" if self._is_allowed(name) else name

    def _is_allowed(self, name: str) -> bool:
        return any(name == allowed or name.startswith(f"{allowed}.") for allowed in self._allowed)

    def _unless_allowed(self, name: str, frame: FrameType) -> str:
        if not self._is_allowed(name):
            return name
        self._inside = frame
        return ""


def codes_of(obj: Any) -> Iterator[CodeType]:
    """The code of a function, or of all that a class defines itself."""
    if isinstance(obj, type):
        for value in vars(obj).values():
            yield from codes_of(getattr(value, "__func__", value))
    elif isinstance(getattr(obj, "__code__", None), CodeType):
        yield obj.__code__


def _in_a_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and shell.get_ipython() is not None


@functools.lru_cache(maxsize=4096)
def _kind(file: str) -> str:
    """Whose a file is: "engine", "package", "showing", "free", "cell" (a notebook's) or "file"."""
    if file.startswith(_ENGINE):
        return "engine"
    if file.startswith(_PACKAGE):
        return "free"
    parts = Path(file).parts
    for site in _SITES:
        if site in parts:
            package = parts[len(parts) - parts[::-1].index(site)].partition(".")[0]
            return "showing" if package in _SHOWING else "free" if package in _FREE else "package"
    if file.startswith("<") or "ipykernel" in file or not os.path.isfile(file):
        return "cell"
    return "free" if file.startswith(_STANDARD) else "file"


def _public(module: str, name: str) -> str:
    """A function's name as its documentation has it: without the private modules it is kept in."""
    parts = [part for part in module.split(".") if not part.startswith("_")]
    return ".".join([*(parts or [module]), name])


_PASSED_OVER = ("PUSH_NULL", "PRECALL", "CACHE", "SWAP", "ROT_TWO", "POP_TOP")


def _array_functions(code: CodeType, names: dict[str, Any]) -> Iterator[str]:
    """Array functions (ufuncs) of other packages that a piece of code names: no call of theirs is ever reported."""
    held: Any = None  # what the last step gave, as far as that can be known
    imported = ""
    inside: dict[str, Any] = {}  # modules that the code imports itself
    for step in dis.get_instructions(code):
        name, path = str(step.argval), ""
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF"):
            held, path = names.get(name), name
        elif step.opname.startswith("LOAD_FAST"):
            held = inside.get(name)
        elif step.opname == "STORE_FAST":
            if imported and isinstance(held, ModuleType):
                inside[name] = held
            held, imported = None, ""
        elif step.opname == "IMPORT_NAME":
            held, imported = sys.modules.get(name.partition(".")[0]), name
        elif step.opname == "IMPORT_FROM":
            whole = sys.modules.get(imported)
            held = whole if imported.endswith(f".{name}") else getattr(whole, name, None)
            path = f"{imported}.{name}"
        elif step.opname in ("LOAD_ATTR", "LOAD_METHOD") and isinstance(held, ModuleType):
            path = f"{held.__name__}.{name}"
            held = getattr(held, name, None)
        elif step.opname not in _PASSED_OVER:
            held = None
        if isinstance(held, np.ufunc) and path and not _is_numpys(held):
            yield _public(path.rpartition(".")[0], held.__name__) if "." in path else held.__name__


def _is_numpys(function: np.ufunc) -> bool:
    made_of_python = "(vectorized)" in function.__name__
    return made_of_python or getattr(np, function.__name__, None) is function
