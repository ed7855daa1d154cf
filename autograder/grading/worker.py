"""The learner's process: runs the cells of one notebook, then their functions on inputs from the judge.

Started as a script, isolated (``python -I``), with a fresh folder as its current one. It imports nothing of
the package: `autograder` and `minifit` are stand-ins here, save for the scenarios, the data sets and the
plots. The judge talks to it over what were its standard input and output; prints go elsewhere.
"""

from __future__ import annotations

import builtins
import copy
import importlib.abc
import importlib.machinery
import importlib.util
import io
import linecache
import os
import re
import sys
import traceback
import types
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent
ENGINE = PACKAGE.parent / "minifit"
PRINTED = 4000  # characters kept of what a learner prints

# What of the package a learner's process may hold: nothing that knows an answer.
_REAL = re.compile(r"autograder\.scenarios(\.\w+)?|minifit\.(plot|datasets(\.\w+)?)")
_ROOMS = ("autograder", "minifit", "mine")


class StandIn(types.ModuleType):
    """A module in which every name does nothing, or says why it is not here."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        full = f"{self.__name__}.{name}"
        if _REAL.fullmatch(full):
            return importlib.import_module(full)
        if self.__name__.partition(".")[0] == "autograder":
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
    """Answers every import of `autograder`, `minifit` and `mine`, with a stand-in for all but `_REAL`."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.namespace = namespace

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> Any:
        room, *below = fullname.split(".")
        if room not in _ROOMS:
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

    def write(self, text: str) -> int:
        room = PRINTED - self.tell()
        if room > 0:
            super().write(str(text)[:room])
        return len(text)


class Worker:
    """Runs cells in one namespace and keeps the objects that checks ask about.

    Parameters
    ----------
    wire : module
        `autograder.grading.wire`.
    """

    def __init__(self, wire: Any) -> None:
        self.wire = wire
        self.module = types.ModuleType("__main__")
        self.namespace = self.module.__dict__
        self.namespace["display"] = self.namespace["get_ipython"] = lambda *_, **__: None
        self.taken: dict[str, Any] = {}
        sys.modules["__main__"] = self.module
        sys.meta_path.insert(0, Finder(self.namespace))

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
        scenario = getattr(importlib.import_module(module), name)
        inputs = self.wire.unpack(message["inputs"])
        before = copy.deepcopy(inputs)
        printed = Bounded()
        sys.stdout = printed
        Absent.called = ""
        reply: dict[str, Any] = {}
        try:
            outputs = scenario(self.taken[message["exercise"]], *inputs)
            reply["outputs"] = self.wire.pack(outputs)
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


def _load(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"_{name}", HERE / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


_nowhere: Any = None


def main(cpu_seconds: int) -> None:
    """Serve the judge until it hangs up."""
    global _nowhere
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    replies = os.fdopen(os.dup(1), "wb", buffering=0)
    wire = _load("wire")
    in_force = _load("confine").confine(cpu_seconds)
    worker = Worker(wire)
    wire.send(replies, {"ready": True, "in force": in_force})

    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    _nowhere = sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stdin = io.StringIO()
    warnings.simplefilter("ignore")
    builtins.input = _no_input
    verbs = {"run": worker.run, "take": worker.take, "call": worker.call}
    while (message := wire.receive(requests)) is not None:
        try:
            reply = verbs[message["do"]](message)
        except BaseException as error:
            reply = {"raised": worker.describe(error)}
        try:
            wire.send(replies, reply)
        except wire.WireError:
            limit = f"the answer has more than {wire.MAX_BYTES // 2**20} MB"
            wire.send(replies, {"raised": {"type": "TooLarge", "text": limit, "frames": []}})


def _no_input(*_: Any) -> str:
    raise EOFError("nobody answers input() while a notebook is graded")


if __name__ == "__main__":
    main(int(sys.argv[1]))
