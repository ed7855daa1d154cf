"""Modules named ``keras...`` that are minifit inside."""

from __future__ import annotations

import functools
import importlib
import importlib.abc
import importlib.machinery
import importlib.util
import inspect
import pkgutil
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from . import checks, homes

#: Where a test may ask for a framework that need not be installed.
FRAMEWORKS = ("tensorflow", "grain", "pandas", "tensorflow_io", "flax", "requests")

#: Names that mean another thing in every module, so that they are not looked for in all of minifit.
COMMON = {"get_config", "from_config", "get_state", "set_state"}

#: What Keras' backend puts together from the modules of the one in use.
VIRTUAL = {f"keras.src.backend.{name}" for name in ("random", "nn", "math", "linalg", "core")} | {
    "keras.src.ops.random"
}


class _State:
    """Whether test files are being loaded: only then may a missing name pass for the moment."""

    loading = False


class Missing:
    """What stands for a name that minifit lacks, so that the other tests of a file can run; using it fails."""

    def __init__(self, path: str) -> None:
        self._path = path

    def _fail(self) -> Any:
        raise AttributeError(f"minifit has nothing for {self._path}")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not _State.loading:
            self._fail()
        if len(args) == 1 and not kwargs:  # used as a decorator
            return args[0] if inspect.isclass(args[0]) else _failing(args[0], self._path)
        return Missing(f"{self._path}(...)")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing(f"{self._path}.{name}") if _State.loading else self._fail()

    def __mro_entries__(self, bases: tuple[type, ...]) -> tuple[type, ...]:
        path = self._path

        class MissingBase:
            def __new__(cls, *args: Any, **kwargs: Any) -> Any:
                raise AttributeError(f"minifit has nothing for {path}")

        return (MissingBase,)

    def __repr__(self) -> str:
        return f"<nothing for {self._path}>"


def _failing(function: Any, path: str) -> Any:
    """Return a test of the same name that fails."""
    if not inspect.isfunction(function):
        return function

    def fails(*args: Any, **kwargs: Any) -> None:
        raise AttributeError(f"minifit has nothing for {path}")

    fails.__name__ = function.__name__
    return fails


def keras_source() -> Path | None:
    """Return the folder of Keras' source, found without importing it, or None where it is not installed."""
    finders = [f for f in sys.meta_path if not isinstance(f, Finder)]
    for finder in finders:
        spec = finder.find_spec("keras", None) if hasattr(finder, "find_spec") else None
        if spec is not None and spec.origin:
            source = Path(spec.origin).parent / "src"
            return source if source.is_dir() else None
    return None


class Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes a `Shim` for every ``keras...`` module, and empty modules for frameworks that are not installed."""

    def __init__(self, source: Path) -> None:
        self.source = source
        self.absent = [n for n in FRAMEWORKS if importlib.util.find_spec(n) is None]

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        root = name.partition(".")[0]
        if root == "keras":
            if not self.is_module(name):
                return None
        elif root not in self.absent and name != "conftest":
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)

    def create_module(self, spec: Any) -> types.ModuleType:
        if spec.name == "conftest":
            return checks.conftest(spec.name)
        return Shim(spec.name, self) if spec.name.startswith("keras") else Absent(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to run: names are found when they are asked for."""

    def is_module(self, name: str) -> bool:
        """Tell whether Keras has a module of this dotted name (``keras.x`` is taken for ``keras.src.x``)."""
        if name in ("keras", "keras.src"):
            return True
        if name in VIRTUAL:
            return True
        inner = self.source.joinpath(*_parts(name))
        return inner.is_dir() or inner.with_suffix(".py").is_file()


class Absent(types.ModuleType):
    """A framework that is not installed: its names can be imported, its classes match nothing, calling one skips."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name[0].isupper():
            return _AbsentClass(name, (), {"__init__": _skip(f"{self.__name__} is not installed")})
        module = Absent(f"{self.__name__}.{name}")
        sys.modules.setdefault(module.__name__, module)
        return module

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        pytest.skip(f"{self.__name__.partition('.')[0]} is not installed")


class _AbsentClass(type):
    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _skip("the framework is not installed")


def _framework(name: str) -> types.ModuleType:
    return importlib.import_module(name)


def _skip(why: str) -> Any:
    def skip(*args: Any, **kwargs: Any) -> None:
        pytest.skip(why)

    return skip


class Shim(types.ModuleType):
    """A module of Keras whose names are those of minifit."""

    def __init__(self, name: str, finder: Finder) -> None:
        super().__init__(name)
        self.__dict__["_finder"] = finder
        self.__path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        inside = f"{self.__name__}.{name}"
        if name == "tensorflow":  # of keras.src.utils.module_utils, which loads it when it is needed
            return _framework(name)
        if self._finder.is_module(inside):
            return importlib.import_module(inside)
        found = find(inside)
        if found is not NOTHING:
            return found
        if _State.loading:
            return Missing(inside)
        raise AttributeError(f"minifit has nothing for {inside}")

    def __setattr__(self, name: str, value: Any) -> None:
        """Pass on what a test sets, to where minifit reads it."""
        if not name.startswith("__") and not isinstance(value, types.ModuleType):
            for module in homes_of(_parts(self.__name__)):
                if name in vars(module):
                    setattr(module, name, value)
                    return
        super().__setattr__(name, value)


NOTHING = object()


def find(inside: str) -> Any:
    """Return minifit's object for a dotted name of Keras, or `NOTHING`."""
    path = ".".join(_parts(inside))
    *parents, name = path.split(".")
    special = homes.special(path)
    if special is not None:
        return special
    for module in homes_of(parents):
        value = getattr(module, name, NOTHING)
        if value is not NOTHING and not isinstance(value, types.ModuleType):
            return value
    if name in COMMON or not parents or (name.islower() and "_" not in name):
        return NOTHING  # too common a name to be looked for everywhere
    found = next((vars(m)[name] for m in everywhere() if _defines(m, name)), NOTHING)
    # Keras' layers have functions beside them, named like ops but layers all the same.
    return NOTHING if parents[0] == "layers" and not inspect.isclass(found) else found


def _defines(module: types.ModuleType, name: str) -> bool:
    value = vars(module).get(name)
    return callable(value) and str(getattr(value, "__module__", "")).startswith("minifit")


def _parts(name: str) -> list[str]:
    parts = name.split(".")[1:]
    return parts[1:] if parts[:1] == ["src"] else parts


def homes_of(parts: list[str]) -> Iterator[types.ModuleType]:
    """Yield the modules of minifit in which to look for the names of a module of Keras, nearest first."""
    seen = set()
    for home in [*homes.listed(parts), *(_module(".".join(parts[:n])) for n in range(len(parts), 0, -1))]:
        if home is not None and home.__name__ not in seen:
            seen.add(home.__name__)
            yield home
    if not parts:
        yield importlib.import_module("minifit")


def _module(inside: str) -> types.ModuleType | None:
    name = f"minifit.{inside}"
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not name.startswith(error.name):
            raise
        return None


@functools.cache
def everywhere() -> list[types.ModuleType]:
    """Return every module of minifit, data sets and pictures apart."""
    names = [info.name for info in pkgutil.walk_packages(importlib.import_module("minifit").__path__, "minifit.")]
    elsewhere = ("minifit.datasets", "minifit.plot", "minifit.trace")
    return [importlib.import_module(name) for name in names if not name.startswith(elsewhere)]


def install() -> Path:
    """Put minifit in Keras' place for the rest of this process; return the folder of Keras' source."""
    source = keras_source()
    if source is None:
        raise ImportError("Keras is not installed, and its tests come with it: pip install keras==3.15.1 absl-py")
    sys.meta_path.insert(0, Finder(source))
    return source
