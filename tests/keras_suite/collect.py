"""Loading Keras' test files under the shim, running them with pytest, and noting how each test ended."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from . import homes, scope, shim


class Outcome(NamedTuple):
    """How one test ended: "passed", "failed" or "out of scope", and why."""

    test: str
    verdict: str
    why: str


class _File(pytest.Module):
    """A test file, run from where it lies, as a module that is part of no package."""

    def _getobj(self) -> ModuleType:
        name = "keras_suite_" + "_".join(self.path.parts[-3:]).removesuffix(".py")
        spec = importlib.util.spec_from_file_location(name, self.path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module  # pickle looks there
        homes.now_running(self.path.name)
        shim._State.loading = True
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise self.CollectError(f"{type(error).__name__}: {error}") from error
        finally:
            shim._State.loading = False
        _adapt(self.path, module)
        return module


def _adapt(path: Path, module: ModuleType) -> None:
    """Lift what keeps a file from running on a backend of another name."""
    if path.name == "trainer_test.py":
        ones, zeros = shim.find("keras.src.ops.ones"), shim.find("keras.src.ops.zeros")
        module.TestPyDataset.__getitem__ = lambda self, index: (ones((5, 4)), zeros((5, 3)))  # names its devices
    if path.name in homes.WITH_MASKS:
        module.ops, module.backend = homes.as_tensors(module.ops), homes.as_tensors(module.backend)


class _TooLong(Exception):
    pass


def _alarm(*args: Any) -> None:
    raise _TooLong("the test took too long and was stopped")


class Plugin:
    """Hooks of pytest."""

    def __init__(self, source: Path, limit: int) -> None:
        self.source, self.limit = source, limit
        self.outcomes: dict[str, Outcome] = {}

    def pytest_collect_directory(self, path: Path, parent: Any) -> Any:
        """Take folders for folders: to load their __init__.py would be to load Keras."""
        return pytest.Dir.from_parent(parent, path=path)

    def pytest_pycollect_makemodule(self, module_path: Path, parent: Any) -> Any:
        return _File.from_parent(parent, path=module_path)

    def pytest_collection_modifyitems(self, items: list[Any]) -> None:
        kept = []
        for item in items:
            why = scope.reason(self._name(item.nodeid))
            if why is None:
                kept.append(item)
                _drop_marks(item)
            else:
                self._note(item.nodeid, "out of scope", why)
        items[:] = kept

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._note(report.nodeid, "failed", "the file could not be loaded: " + _last_line(report))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: Any) -> Iterator[None]:
        minifit_as_it_was()
        homes.now_running(item.path.name)
        signal.signal(signal.SIGALRM, _alarm)
        signal.alarm(self.limit)
        try:
            return (yield)
        finally:
            signal.alarm(0)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.skipped:
            why = report.longrepr[2] if isinstance(report.longrepr, tuple) else "expected to fail"
            self._note(report.nodeid, "out of scope", str(why).removeprefix("Skipped: "))
        elif report.failed:
            error = _last_line(report)
            why = scope.reason_of_failure(error)
            self._note(report.nodeid, "out of scope" if why else "failed", why or error)
        elif report.when == "call":
            self._note(report.nodeid, "passed", "")

    def _name(self, nodeid: str) -> str:
        return nodeid.split("keras/src/")[-1]

    def _note(self, nodeid: str, verdict: str, why: str) -> None:
        name = self._name(nodeid)
        if name not in self.outcomes or verdict == "failed":
            self.outcomes[name] = Outcome(name, verdict, why)


def minifit_as_it_was() -> None:
    """Undo what a test that failed half way may have left behind."""
    backend = shim.importlib.import_module("minifit.backend")
    backend.set_floatx("float32")
    backend.set_epsilon(1e-7)
    if hasattr(backend, "set_image_data_format"):
        backend.set_image_data_format("channels_last")


def _drop_marks(item: Any) -> None:
    for node in item.listchain():
        node.own_markers = [m for m in node.own_markers if m.kwargs.get("reason") not in scope.RUN_ALL_THE_SAME]


def _last_line(report: Any) -> str:
    crash = getattr(getattr(report, "longrepr", None), "reprcrash", None)
    text = crash.message if crash is not None else str(report.longrepr)
    lines = [line.strip() for line in text.strip().splitlines() if line.strip()]
    if crash is None:
        return lines[-1][:400] if lines else ""
    return " | ".join(lines)[:400]


def run(files: list[str], expression: str = "", limit: int = 60, show: bool = False) -> list[Outcome]:
    """Run test files, given below Keras' source, and return how their tests ended."""
    source = shim.install()
    os.environ["KERAS_BACKEND"] = "numpy"
    plugin = Plugin(source, limit)
    options = ["-q", "--no-header", "--noconftest", "-p", "no:cacheprovider", "-p", "no:doctest", "-c", os.devnull]
    options += ["--rootdir", str(source), "-k", expression, "--show-capture=no"]
    options += ["--tb=short"] if show else ["--tb=native", "--no-summary"]
    pytest.main([*options, *(str(source / file) for file in files)], plugins=[plugin])
    return list(plugin.outcomes.values())
