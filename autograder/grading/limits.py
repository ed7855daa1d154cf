"""How much of everything a learner's code may use, by notebook and by cell."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

_MIB = 2**20
#: What one cell, and the check of its exercise, may have otherwise than the rest.
OF_CELLS = ("step", "cpu_step", "memory", "file_size", "open_files")


@dataclass(frozen=True)
class Limits:
    """How much a learner's code may use.

    Attributes
    ----------
    step : float
        Wall-clock seconds of one cell, or of one function on one case.
    notebook : float
        Wall-clock seconds of everything of one submission.
    cpu_step, cpu : float, optional
        The same in seconds of CPU; by default wall-clock time alone counts.
    memory : int
        Bytes of address space.
    processes : int
        Processes it may start; where this is not 0, the system may not be able to count them.
    file_size, disk : int
        Bytes of the largest file, and of all files together.
    open_files : int
    answer : int
        Bytes of one answer on its way to the judge; the judge reads no more than 32 MiB in any case.
    printed : int
        Characters kept of what it prints.
    restarts : int
        How often a notebook is started again without the cell or the function that brought it down.
    notebooks, cells : mapping
        What holds for one notebook, by its name, or for one exercise, by its identifier, instead of the above.
    """

    step: float = 10.0
    notebook: float = 60.0
    cpu_step: float | None = None
    cpu: float | None = None
    memory: int = 4096 * _MIB
    processes: int = 0
    file_size: int = 64 * _MIB
    disk: int = 256 * _MIB
    open_files: int = 256
    answer: int = 32 * _MIB
    printed: int = 4000
    restarts: int = 20
    notebooks: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    cells: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for one in fields(self):
            value = getattr(self, one.name)
            if one.name in ("notebooks", "cells"):
                for name, inner in value.items():
                    known = OF_CELLS if one.name == "cells" else _NUMBERS
                    for key, number in inner.items():
                        _checked(f'{one.name}."{name}".{key}', key, number, known)
            elif value is not None:
                _checked(one.name, one.name, value, _NUMBERS)

    @classmethod
    def load(cls, path: Path) -> Limits:
        """Read limits from a TOML file, with the attributes' names; tables are called ``[cells."loop.mse"]``.

        Raises
        ------
        ValueError
            If it holds something else, or is no TOML.
        """
        try:
            found = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"the limits in {path} cannot be read: {error}") from None
        known = {one.name for one in fields(cls)}
        for name in found.keys() - known:
            raise ValueError(f"{path}: there is no limit {name!r}; there are {', '.join(sorted(known))}")
        return cls(**found)

    def of_notebook(self, name: str) -> Limits:
        """What holds for one notebook."""
        other: Mapping[str, Any] = self.notebooks.get(name, {})
        return replace(self, **other)

    def of_cell(self, identifier: str) -> Limits:
        """What holds for one exercise: for its answer's cells and for its check."""
        other: Mapping[str, Any] = self.cells.get(identifier, {})
        return replace(self, **other)

    def of_process(self) -> dict[str, Any]:
        """What a worker puts on itself."""
        cpu = self.notebook + 5 if self.cpu is None else self.cpu
        names = ("memory", "processes", "file_size", "disk", "open_files", "answer", "printed")
        return {"cpu": int(cpu) + 1, **{name: int(getattr(self, name)) for name in names}}

    def of_step(self, identifier: str) -> dict[str, Any]:
        """What a worker puts on itself for one step alone."""
        narrower = {k: int(v) for k, v in self.cells.get(identifier, {}).items() if k not in ("step", "cpu_step")}
        cpu = self.of_cell(identifier).cpu_step
        return narrower | ({} if cpu is None else {"cpu": max(1, round(cpu))})


_NUMBERS = tuple(one.name for one in fields(Limits) if one.name not in ("notebooks", "cells"))


def _checked(where: str, name: str, value: Any, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ValueError(f"limits: there is no {where}; there are {', '.join(known)}")
    least = 0 if name in ("processes", "restarts") else 1 if name in _WHOLE else 0.01
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value < 2**53:
        raise ValueError(f"limits: {where} expects a number of at least {least:g}; got {value!r}")


_WHOLE = ("memory", "file_size", "disk", "open_files", "answer", "printed")
