"""A learner's working copy: their own folder of notebooks, brought up to date and never overwritten."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autograder import paths
from autograder.glossary import PAGE

FOLDER = "minifit-course"
STATE = ".minifit"
_RECORD = "handed_out.json"


class LabError(Exception):
    """The working copy cannot be made or opened; the text says what to do."""


@dataclass(frozen=True)
class Change:
    """What happened to one file of the working copy.

    Attributes
    ----------
    kind : {"new", "updated", "beside"}
        "beside": the learner has worked on theirs, so the newer one lies next to it.
    name : str
        The file, below the working copy.
    beside : str
        Where the newer one lies, for "beside".
    """

    kind: str
    name: str
    beside: str = ""


def hand_out(folder: Path, course: Path | None = None) -> list[Change]:
    """Make a working copy, or bring one up to date.

    A file that is still as it was handed out is replaced by a newer edition. One that the learner has touched
    stays, and the newer edition is laid beside it, once. A deleted notebook is handed out afresh.

    Parameters
    ----------
    folder : Path
        The working copy; made when missing.
    course : Path, optional
        Where the released notebooks are; by default the package's own.

    Returns
    -------
    list of Change
        Empty when everything was up to date.

    Raises
    ------
    LabError
        If the folder is part of the package, or cannot be written.
    """
    course = paths.course_folder() if course is None else course
    folder = folder.expanduser().resolve()
    if folder == course or course in folder.parents or folder in course.parents:
        raise LabError(f"{folder} belongs to minifit itself; give a folder of your own with --dir")
    if folder.exists() and not folder.is_dir():
        raise LabError(f"{folder} is a file; give a folder with --dir")
    try:
        return _hand_out(folder, course)
    except OSError as error:
        raise LabError(
            f"{error.filename or folder} cannot be written ({error.strerror}); choose another folder with --dir"
        ) from error


def _hand_out(folder: Path, course: Path) -> list[Change]:
    (folder / STATE).mkdir(parents=True, exist_ok=True)
    (folder / "mine").mkdir(exist_ok=True)
    if not (folder / "mine" / "__init__.py").exists():
        from autograder.mine import package_text

        paths.write_atomic(folder / "mine" / "__init__.py", package_text({}))
    record = _read_record(folder)
    before = json.dumps(record)
    handed, offered = record["handed_out"], record["offered"]
    changes = []
    for name, source in _files(course):
        content = source.read_bytes()
        new, path = _digest(content), folder / name
        if not path.exists():
            changes.append(Change("new", name))
        elif (there := _digest(path.read_bytes())) == new:
            handed[name] = new
            continue
        elif there == handed.get(name):
            changes.append(Change("updated", name))
        else:
            if new not in (handed.get(name), offered.get(name)):
                beside = _beside(folder, name, offered.get(name))
                paths.write_atomic(folder / beside, content)
                offered[name] = new
                changes.append(Change("beside", name, beside))
            continue
        paths.write_atomic(path, content)
        handed[name] = new
    if json.dumps(record) != before:
        paths.write_atomic(folder / STATE / _RECORD, json.dumps(record, indent=1) + "\n")
    return changes


def _files(course: Path) -> Iterator[tuple[str, Path]]:
    """Name in the working copy and path, of every notebook, whatever lies beside one, and the glossary."""
    if (course / PAGE).is_file():
        yield PAGE, course / PAGE
    for room in sorted(course.glob("[0-9]*_*")):
        for path in sorted(room.rglob("*")):
            below = path.relative_to(room)
            if path.is_file() and not any(part.startswith((".", "__")) for part in below.parts):
                yield below.as_posix(), path


def _beside(folder: Path, name: str, offered: str | None) -> str:
    """Where to lay a newer edition: never on a file the learner may have worked on."""
    path = Path(name)
    number = 1
    while True:
        # The number first, then "new": JupyterLab's side bar shows the beginning of a name.
        order, _, rest = path.name.partition("_") if path.name[:1].isdigit() else ("", "", path.name)
        new = "new" if number == 1 else f"new{number}"
        beside = path.with_name("_".join(filter(None, (order, new, rest)))).as_posix()
        there = folder / beside
        if not there.exists() or _digest(there.read_bytes()) == offered:
            return beside
        number += 1


def _read_record(folder: Path) -> dict[str, dict[str, str]]:
    record: Any = None
    with contextlib.suppress(OSError, ValueError):
        record = json.loads((folder / STATE / _RECORD).read_text(encoding="utf-8"))
    empty: dict[str, dict[str, str]] = {"handed_out": {}, "offered": {}}
    if not isinstance(record, dict):
        return empty
    return {key: dict(record[key]) if isinstance(record.get(key), dict) else {} for key in empty}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def find_working_copy(start: Path | None = None) -> Path:
    """The working copy that ``start`` (default: the current folder) lies in, else ``minifit-course`` below it."""
    start = Path.cwd() if start is None else start
    for folder in (start, *start.parents):
        if (folder / STATE).is_dir():
            return folder
    return start / FOLDER


def first_notebook(folder: Path, wanted: str | None, course: Path | None = None) -> str:
    """Name, below the working copy, of the notebook to open.

    Parameters
    ----------
    folder : Path
        The working copy.
    wanted : str, optional
        ``04``, ``4``, ``losses`` or ``04_losses``; by default the first notebook.

    Raises
    ------
    LabError
        If there is no such notebook.
    """
    course = paths.course_folder() if course is None else course
    known = [p.name for p in sorted(course.glob("[0-9]*_*")) if (p / f"{p.name}.ipynb").is_file()]
    if not known:
        raise LabError(f"no notebook in {course}; make them with: minifit build")
    if wanted is None:
        return f"{known[0]}.ipynb"
    name = Path(wanted).name.removesuffix(".ipynb")
    if (folder / f"{name}.ipynb").is_file():
        return f"{name}.ipynb"
    name = name.zfill(2) if name.isdigit() else name
    found = [k for k in known if name in (k, k[:2], k[3:])]
    if not found:
        raise LabError(f"no notebook called {wanted!r}; there are {', '.join(known)}")
    return f"{found[0]}.ipynb"


def command(folder: Path, notebook: str, port: int | None, browser: bool) -> list[str]:
    """The command that opens JupyterLab on a working copy.

    Raises
    ------
    LabError
        If JupyterLab is not installed.
    """
    if importlib.util.find_spec("jupyterlab") is None:
        raise LabError(
            "JupyterLab is not installed; the course extra brings it: "
            f'{Path(sys.executable).name} -m pip install "minifit[course]"'
        )
    words = [sys.executable, "-m", "jupyterlab", f"--ServerApp.root_dir={folder}"]
    words += [f"--LabApp.default_url=/lab/tree/{notebook}"]
    words += [f"--ServerApp.port={port}"] if port is not None else []
    words += [] if browser else ["--no-browser"]
    # In a container the learner is root, and JupyterLab would not start.
    words += ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return words


def open_lab(words: list[str], folder: Path) -> int:
    """Turn into JupyterLab, in the working copy; on Windows, wait for it.

    Returns
    -------
    int
        Its exit code, on Windows.
    """
    sys.stdout.flush()
    environment = os.environ | {"JUPYTER_CONFIG_PATH": _without_news(folder)}
    if sys.platform != "win32":
        os.chdir(folder)
        os.execve(words[0], words, environment)
    with contextlib.suppress(KeyboardInterrupt):
        return subprocess.call(words, cwd=folder, env=environment)
    return 0


def _without_news(folder: Path) -> str:
    """Configure JupyterLab not to ask, on the first page a learner sees, whether they want its news."""
    config = folder / STATE / "jupyter"
    page = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    paths.write_atomic(config / "labconfig" / "page_config.json", json.dumps(page) + "\n")
    return os.pathsep.join([str(config), *filter(None, [os.environ.get("JUPYTER_CONFIG_PATH")])])
