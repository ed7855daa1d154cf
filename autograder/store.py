"""What is remembered of a learner: passes, attempts, hints seen, predictions.

In a working copy it is one JSON file, ``.minifit/progress.json``. Every change reads the file, merges
and writes a new one under a temporary name that is then renamed, so that two notebooks at once lose
nothing but a count. Without a working copy, as in graded runs, it lives in memory.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .paths import write_atomic

_SECTIONS = ("passed", "attempts", "hints", "predictions", "revealed", "solutions")
_memory: dict[str, dict[str, Any]] = {}


def working_copy() -> Path | None:
    """Return the learner's folder: the nearest one upwards with `.minifit` in it, or MINIFIT_HOME."""
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / ".minifit").is_dir():
            return folder
    home = os.environ.get("MINIFIT_HOME")
    return Path(home) if home else None


def read(section: str) -> dict[str, Any]:
    """Return one section, such as ``"passed"``, by exercise or question."""
    return _load()[section]


def change(section: str, key: str, update: Callable[[Any], Any]) -> Any:
    """Replace one entry by ``update(old entry or None)`` and return it."""
    everything = _load()
    value = update(everything[section].get(key))
    everything[section][key] = value
    path = _path()
    if path is None:
        _memory.update(everything)
    else:
        write_atomic(path, json.dumps(everything, indent=1) + "\n")
    return value


def _path() -> Path | None:
    folder = working_copy()
    return None if folder is None else folder / ".minifit" / "progress.json"


def _load() -> dict[str, dict[str, Any]]:
    path = _path()
    if path is None:
        return {section: dict(_memory.get(section, {})) for section in _SECTIONS}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not a table")
    except FileNotFoundError:
        found = {}
    except ValueError:
        aside = path.with_name("progress.json.broken")
        os.replace(path, aside)
        print(f"Your progress file could not be read; it was moved to {aside} and a new one begun.")
        found = {}
    kept = {section: found.get(section) for section in _SECTIONS}
    return {section: dict(value) if isinstance(value, dict) else {} for section, value in kept.items()}


def forget() -> None:
    """Forget what is held in memory; files stay."""
    _memory.clear()
