"""What is remembered of a learner: passes, attempts, hints seen, predictions.

In a working copy it is one JSON file, ``.minifit/progress.json``. Every change locks, reads, merges, writes a
new file under a temporary name and renames it, so two notebooks at once lose nothing, and nobody reads half
a file. Without a working copy, as in graded runs, and where nothing can be written, it lives in memory.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from .paths import write_atomic

_SECTIONS = ("passed", "attempts", "hints", "predictions", "revealed", "solutions")
_STALE = 5.0  # seconds; whoever holds the lock for longer has died with it, since a change takes milliseconds
_memory: dict[Path | None, dict[str, dict[str, Any]]] = {}
_told: set[str] = set()


def working_copy() -> Path | None:
    """Return the learner's folder: the nearest one upwards with `.minifit` in it, or MINIFIT_HOME."""
    try:
        here = Path.cwd()
    except OSError:  # the folder has been deleted under us
        here = Path.home()
    for folder in (here, *here.parents):
        if (folder / ".minifit").is_dir():
            return folder
    home = os.environ.get("MINIFIT_HOME")
    return Path(home) if home else None


def read(section: str) -> dict[str, Any]:
    """Return one section, such as ``"passed"``, by exercise or question."""
    return _load(_path())[section]


def change(section: str, key: str, update: Callable[[Any], Any]) -> Any:
    """Replace one entry by ``update(old entry or None)`` and return it."""
    path = _path()
    if path is None or not _writable(path):
        return _keep(path, section, key, update)
    try:
        with _locked(path):
            everything = _load(path)
            value = update(everything[section].get(key))
            everything[section][key] = value
            write_atomic(path, json.dumps(everything, indent=1) + "\n")
    except OSError as error:
        _tell(
            f"Your progress cannot be saved in {path} ({error.strerror or error}); it lasts as long as this notebook."
        )
        return _keep(path, section, key, update)
    return value


def _keep(path: Path | None, section: str, key: str, update: Callable[[Any], Any]) -> Any:
    value = update(_load(path)[section].get(key))
    _memory.setdefault(path, {}).setdefault(section, {})[key] = value
    return value


def forget() -> None:
    """Forget what is held in memory; files stay."""
    _memory.clear()
    _told.clear()


def _path() -> Path | None:
    folder = working_copy()
    return None if folder is None else folder / ".minifit" / "progress.json"


def _writable(path: Path) -> bool:
    # A folder that only the environment names is made at the first change.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    if path.parent.is_dir() and os.access(path.parent, os.W_OK):
        return True
    _tell(f"Your progress cannot be saved in {path.parent}; it lasts as long as this notebook.")
    return False


def _load(path: Path | None) -> dict[str, dict[str, Any]]:
    found = {} if path is None else _from_file(path)
    whole = dict(found)  # with sections that a later version knows
    for section in _SECTIONS:
        entries = found.get(section)
        whole[section] = {**(entries if isinstance(entries, dict) else {}), **_memory.get(path, {}).get(section, {})}
    return copy.deepcopy(whole)


def _from_file(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not a table")
    except FileNotFoundError:
        return {}
    except OSError as error:
        _tell(f"Your progress in {path} cannot be read ({error.strerror or error}).")
        return {}
    except (ValueError, RecursionError):
        aside = path.with_name("progress.json.broken")
        number = 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"progress.json.broken{number}")
        with contextlib.suppress(OSError):
            os.replace(path, aside)
            _tell(f"Your progress file could not be read; it was moved to {aside} and a new one begun.")
            _tell("In a terminal, minifit check fills it again from your notebooks.")
        return {}
    return found


def _tell(line: str) -> None:
    if line not in _told:
        _told.add(line)
        print(line)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock of a file: another one beside it, which only one process can create."""
    lock = path.with_name(f"{path.name}.lock")
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            with contextlib.suppress(FileNotFoundError):
                if time.time() - lock.stat().st_mtime > _STALE:
                    lock.unlink()
        except PermissionError:
            if os.name != "nt":  # Windows says so of a file that is just being removed
                raise
        time.sleep(0.005)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            lock.unlink()
