"""The learner's process: runs the cells of one notebook, then their functions on inputs from the judge.

Forked from a warm process (`forker.py`), or started as a script, isolated, with a fresh folder as its current
one. It imports nothing of the package: `autograder` and `minifit` are stand-ins here, save for the scenarios,
the data sets and the plots. The judge talks to it over one line; prints go elsewhere.
"""

from __future__ import annotations

import builtins
import contextlib
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import linecache
import os
import re
import signal
import sys
import traceback
import types
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
ENGINE = PACKAGE.parent / "minifit"

#: What of the package a learner's process may read: nothing that knows an answer.
OWN = [str(PACKAGE / "scenarios"), str(ENGINE / "plot.py"), str(ENGINE / "datasets")]
_REAL = re.compile(r"autograder\.scenarios(\.\w+)?|minifit\.(plot|datasets(\.\w+)?)")
_ROOMS = ("autograder", "minifit", "mine")

# Packages that could do an exercise's work. Importing one does no harm, and calling it is noticed.
_DOING_THE_WORK = (
    *("keras", "tensorflow", "tf_keras", "torch", "torchvision", "torchmetrics", "lightning", "pytorch_lightning"),
    *("jax", "jaxlib", "flax", "optax", "equinox", "sklearn", "skorch", "scipy", "statsmodels", "pandas", "polars"),
    *("autograd", "cupy", "numba", "numexpr", "mxnet", "paddle", "theano", "aesara", "pytensor", "tinygrad"),
    *("xgboost", "lightgbm", "transformers", "micrograd", "chainer", "sympy", "mpmath", "ml_dtypes", "h5py"),
)
_INERT = ("IPython", "ipywidgets", "ipykernel", "google")  # they show things, and nobody looks


class StandIn(types.ModuleType):
    """A module in which every name does nothing, or says why it is not here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if _REAL.fullmatch(full):
            return importlib.import_module(full)
        if self.__name__.partition(".")[0] in ("autograder", *_INERT):
            return lambda *_, **__: None
        return Absent(full)


class Absent:
    """Something that is not in the learner's process; only using it is an error."""

    called = ""  # the first of the engine's that was

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Absent:
        if name.startswith("__"):
            raise AttributeError(name)
        return Absent(f"{self._name}.{name}")

    def __call__(self, *_: Any, **__: Any) -> Any:
        if not self._name.startswith("mine."):
            Absent.called = Absent.called or self._name
        raise RuntimeError(f"{self._name} is not there during grading; use what the notebook defines")


class Mine(types.ModuleType):
    """`from mine import mse` gives what the notebook itself has defined by then."""

    def __init__(self, name: str, namespace: dict[str, Any]) -> None:
        super().__init__(name)
        self.__dict__["__path__"] = []
        self.__dict__["_namespace"] = namespace

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._namespace.get(name, Absent(f"mine.{name}"))


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Answers imports of `autograder`, `minifit` and `mine`, and of packages that could do the work, by stand-ins.

    Parameters
    ----------
    namespace : dict
        The notebook's names.
    packages : tuple of str
        Packages that an exercise allows: these are the real ones.
    """

    def __init__(self, namespace: dict[str, Any], packages: tuple[str, ...] = ()) -> None:
        self.namespace = namespace
        self.absent = (*_ROOMS, *_INERT, *(name for name in _DOING_THE_WORK if name not in packages))

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        room, *below = fullname.split(".")
        if room not in self.absent:
            return None
        if _REAL.fullmatch(fullname):
            top = PACKAGE if room == "autograder" else ENGINE
            stem = top.joinpath(*below)
            package = stem / "__init__.py"
            file = package if package.is_file() else stem.with_suffix(".py")
            where = [str(stem)] if file == package else None
            if not file.is_file():
                return None
            return importlib.util.spec_from_file_location(fullname, file, submodule_search_locations=where)
        return importlib.machinery.ModuleSpec(fullname, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        if spec.name.partition(".")[0] == "mine":
            return Mine(spec.name, self.namespace)
        return StandIn(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__dict__.setdefault("__path__", [])


class Bounded(io.StringIO):
    """Keeps the beginning of what is written to it."""

    def __init__(self, most: int) -> None:
        super().__init__()
        self._most = most

    def write(self, text: str) -> int:
        room = self._most - self.tell()
        if room > 0:
            super().write(str(text)[:room])
        return len(text)


class Kept:
    """What a cell or an answer may have changed of what all share, to be put back after it.

    For the sake of the other exercises of the same notebook: a patched NumPy costs the one that patched it.
    """

    def __init__(self) -> None:
        self._modules = {name: m for name, m in sys.modules.items() if name.partition(".")[0] in _ROOTS}
        spaces = [vars(m) for name, m in self._modules.items() if name in _SHARED or name in scenarios]
        self._spaces = [(space.update, space.copy()) for space in spaces]
        shared_lists: list[list[Any]] = [sys.meta_path, sys.path_hooks, sys.path]
        self._lists = [(one, one[:]) for one in shared_lists]
        self._sys = (sys.settrace, sys.setprofile, sys.setrecursionlimit, sys.getrecursionlimit(), sys.modules)
        self._timer: Callable[..., Any] | None = getattr(signal, "setitimer", None)
        self._folder, self._chdir = os.getcwd(), os.chdir
        self._warnings = warnings.simplefilter

    def put_back(self) -> None:
        """Put everything back. Uses no name that could have been changed."""
        trace, profile, set_limit, limit, modules = self._sys
        trace(None)
        profile(None)
        for update, names in self._spaces:
            update(names)
        for one, was in self._lists:
            one[:] = was
        sys.modules = modules
        modules.update(self._modules)
        set_limit(limit)
        if self._timer is not None:
            self._timer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
        with contextlib.suppress(OSError):
            self._chdir(self._folder)
        self._warnings("ignore")


# Whose names are put back: what scenarios, answers and this file itself lean on. All would take a millisecond.
_SHARED = (
    *("builtins", "math", "os", "json", "json.encoder", "base64", "struct", "copy", "linecache", "traceback", "io"),
    *("time", "random", "functools", "operator", "contextlib", "warnings", "importlib", "numpy", "numpy.linalg"),
    *("numpy.random", "numpy._core.fromnumeric", "numpy._core._methods", "numpy._core.multiarray"),
)
_ROOTS = {name.partition(".")[0] for name in _SHARED} | {"sys", "autograder", "minifit", "types", "re", "collections"}


class Worker:
    """Runs cells in one namespace and keeps the objects that checks ask about.

    Parameters
    ----------
    wire, resources : module
        `autograder.grading.wire` and `autograder.grading.sandbox.resources`.
    limits : dict
        ``answer`` in bytes, ``printed`` in characters.
    packages : sequence of str
        What it may import beside NumPy and matplotlib.
    """

    def __init__(self, wire: Any, resources: Any, limits: dict[str, Any], packages: list[str]) -> None:
        self.wire, self.resources, self.limits = wire, resources, limits
        self.module = types.ModuleType("__main__")
        self.namespace = self.module.__dict__
        self.namespace["display"] = self.namespace["get_ipython"] = lambda *_, **__: None
        self.taken: dict[str, Any] = {}
        sys.modules["__main__"] = self.module
        sys.meta_path.insert(0, Finder(self.namespace, tuple(packages)))

    def run(self, message: dict[str, Any]) -> dict[str, Any]:
        """Run one cell; what it raises is an answer."""
        name, source = f"<cell {message['cell']}>", message["source"]
        try:
            code = _compile(source, name)
            exec(code, self.namespace)
        except BaseException as error:
            return {"raised": self.describe(error)}
        return {}

    def take(self, message: dict[str, Any]) -> dict[str, Any]:
        """Keep the object a check cell names, as it is when the check comes."""
        try:
            found = eval(message["expression"], self.namespace)
        except BaseException:
            return {"found": message["exercise"] in self.taken}
        self.taken[message["exercise"]] = found
        return {"found": True}

    def call(self, message: dict[str, Any]) -> dict[str, Any]:
        """Drive a learner's object with one case's inputs."""
        module, _, name = message["scenario"].partition(":")
        scenario = getattr(scenarios[module], name)
        inputs = self.wire.unpack(message["inputs"])
        before = copy.deepcopy(inputs)
        printed = Bounded(self.limits["printed"])
        sys.stdout = printed
        Absent.called = ""
        reply: dict[str, Any] = {}
        try:
            with _quiet():
                outputs = scenario(self.taken[message["exercise"]], *inputs)
            reply["outputs"] = self.wire.pack(outputs, most=self.limits["answer"])
        except self.wire.WireError as error:
            reply["raised"] = {"type": "TooLarge", "text": str(error), "frames": []}
        except BaseException as error:
            reply["raised"] = self.describe(error)
        finally:
            sys.stdout = _nowhere
        reply["mutated"] = [i for i, (a, b) in enumerate(zip(before, inputs, strict=True)) if not _same(a, b)]
        reply |= {"printed": printed.getvalue(), "delegated": Absent.called}
        return reply

    def describe(self, error: BaseException) -> dict[str, Any]:
        """An exception as text, with the learner's own frames only."""
        frames = [
            [f"in {frame.name}", frame.lineno or 0, (frame.line or "").strip()[:200]]
            for frame in traceback.extract_tb(error.__traceback__)
            if frame.filename.startswith("<cell ")
        ]
        if isinstance(error, SyntaxError) and not frames and (error.filename or "").startswith("<cell "):
            frames = [["in the cell", error.lineno or 0, (error.text or "").strip()[:200]]]
        try:
            text = error.msg if isinstance(error, SyntaxError) else str(error)
        except BaseException:
            text = ""
        return {"type": type(error).__name__[:80], "text": str(text)[:2000], "frames": frames[-5:]}


def _compile(source: str, name: str) -> types.CodeType:
    """Compile a cell; lines that only IPython understands are left out."""
    try:
        code = compile(source, name, "exec", dont_inherit=True)
    except SyntaxError:
        plain = _without_magics(source)
        if plain == source:
            raise
        source = plain
        code = compile(source, name, "exec", dont_inherit=True)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    return code


def _without_magics(source: str) -> str:
    lines = source.splitlines()
    first = next((line for line in lines if line.strip()), "")
    if first.startswith("%%") and not re.match(r"%%(time|timeit|capture|prun)\b", first):
        return "pass"
    magic = re.compile(r"\s*(%|!|\?)|.*\?\s*$")
    return "\n".join(re.sub(r"\S.*", "pass", line) if magic.match(line) else line for line in lines)


def _same(a: Any, b: Any) -> bool:
    import numpy as np

    if isinstance(a, np.ndarray):
        same_kind = isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape
        return same_kind and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(_same(a[k], b[k]) for k in a)
    return type(a) is type(b) and (a == b or a != a)


def _quiet() -> Any:
    import numpy as np

    return np.errstate(all="ignore")


def load(name: str) -> Any:
    """A file or folder beside this one, as a module that knows nothing of the package it lies in."""
    if f"_{name}" in sys.modules:
        return sys.modules[f"_{name}"]
    path = HERE / name
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    where = [str(path)] if path.is_dir() else None
    spec = importlib.util.spec_from_file_location(f"_{name}", file, submodule_search_locations=where)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_nowhere: Any = None
scenarios: dict[str, types.ModuleType] = {}  # by their full names


def load_scenarios() -> None:
    """Import every scenario, before the walls and before anything of a learner's can stand in their place."""
    finder = Finder({})
    sys.meta_path.insert(0, finder)
    try:
        for file in sorted((PACKAGE / "scenarios").glob("*.py")):
            name = "autograder.scenarios" + ("" if file.stem == "__init__" else f".{file.stem}")
            scenarios[name] = importlib.import_module(name)
    finally:
        sys.meta_path.remove(finder)


def serve(requests: int, replies: int, in_force: list[str], limits: dict[str, Any], packages: list[str]) -> None:
    """Serve the judge until it hangs up.

    Parameters
    ----------
    requests, replies : int
        File descriptors. What were standard input, output and error lead nowhere from then on.
    in_force : list of str
        What is limited or closed for this process.
    limits : dict
        See `Limits.of_process`.
    packages : list of str
        What may be imported beside NumPy and matplotlib.
    """
    global _nowhere
    wire, resources = load("wire"), load("sandbox").resources
    _nowhere = sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdin = io.StringIO()
    warnings.simplefilter("ignore")
    builtins.input = _no_input
    worker = Worker(wire, resources, limits, packages)
    kept = Kept()
    verbs = {"run": worker.run, "take": worker.take, "call": worker.call}
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):  # until now it could say what went wrong
        os.dup2(null, standard)
    os.close(null)
    wire.send(replies, {"in force": in_force, "number": 0})
    while (message := wire.receive(requests)) is not None:
        resources.narrow(message.get("limits") or {})
        try:
            reply = verbs[message["do"]](message)
        except BaseException as error:
            reply = {"raised": worker.describe(error)}
        if message["do"] != "take":
            kept.put_back()
        number = {"number": message["number"]}
        try:
            wire.send(replies, reply | number, limits["answer"])
        except wire.WireError:
            limit = f"the answer has more than {limits['answer'] // 2**20} MB"
            wire.send(replies, {"raised": {"type": "TooLarge", "text": limit, "frames": []}} | number)


def _no_input(*_: Any) -> str:
    raise EOFError("nobody answers input() while a notebook is graded")


def main(given: str) -> None:
    """As a fresh process, where none can be forked: limit it, and serve over standard input and output."""
    limits, packages = json.loads(given)
    requests, replies = os.dup(0), os.dup(1)
    if sys.platform == "win32":
        import msvcrt

        for line in (requests, replies):
            msvcrt.setmode(line, os.O_BINARY)
    load("wire")
    load_scenarios()
    walls = load("sandbox").resources.put(limits)
    serve(requests, replies, walls, limits, packages)


if __name__ == "__main__":
    main(sys.argv[1])
