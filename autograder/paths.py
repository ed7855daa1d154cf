"""Where the notebooks and their sources live, in a checkout and in an installed package."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def checkout() -> Path | None:
    """Top folder of the checkout this package runs from, or None when it was installed from a wheel.

    Returns
    -------
    Path or None
    """
    top = _PACKAGE.parent
    return top if (top / "solutions").is_dir() and (top / "pyproject.toml").is_file() else None


def course_folder() -> Path:
    """Folder of the notebooks that learners open: ``NN_name/NN_name.ipynb``.

    Raises
    ------
    FileNotFoundError
        If the package was installed without its course.
    """
    return _room("course")


def solutions_folder() -> Path:
    """Folder of the solved sources, Jupytext percent: ``NN_name/NN_name.py``.

    Raises
    ------
    FileNotFoundError
        If the package was installed without its course.
    """
    return _room("solutions")


def _room(name: str) -> Path:
    top = checkout()
    folder = _PACKAGE / f"_{name}" if top is None else top / name
    if top is None and not folder.is_dir():
        raise FileNotFoundError(
            f"this installation of minifit has no {name}/ (looked in {folder}); "
            'install it again: pip install --force-reinstall "minifit[course]"'
        )
    return folder


def write_atomic(path: Path, content: str | bytes, mode: int | None = None) -> None:
    """Write a file under a temporary name beside it, then rename: nobody ever sees half of it.

    Parameters
    ----------
    path : Path
        Its folder is made when missing.
    content : str or bytes
        Text is written as UTF-8 with plain newlines on every system.
    mode : int, optional
        Permission bits, such as 0o600; by default what the user's umask gives.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode("utf-8") if isinstance(content, str) else content
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
        if mode is None:
            umask = os.umask(0)
            os.umask(umask)
            mode = 0o666 & ~umask
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
