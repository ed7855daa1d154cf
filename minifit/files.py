"""Arrays in files: written to a temporary name and renamed, read without running code.

A file is a flat table of arrays, each under a path such as ``layers/dense/vars/0``, plus one text in
JSON. Both containers, NumPy's ``.npz`` and HDF5, can hold just that.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

_JSON = "config.json"
_H5_ENDINGS = (".h5", ".hdf5")
_NPZ_ENDINGS = (".npz", ".keras")


@contextlib.contextmanager
def written_whole(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary name beside `path`, renamed to it if the block ends well.

    Whoever reads `path` finds the old file or the new one, never half of one, even if the process
    is killed.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path}: the folder {path.parent} does not exist. Make it first.")
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".partial")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # as any new file; mkstemp keeps its own to the user alone
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_arrays(path: str | os.PathLike[str], arrays: dict[str, np.ndarray], text: str = "") -> None:
    """Write a table of arrays and a text; the ending of `path` chooses the container."""
    with written_whole(path) as temporary:
        if _container(path) == "h5":
            with _h5py().File(temporary, "w") as file:
                for name, array in arrays.items():
                    file.create_dataset(name, data=array)
                if text:
                    file.attrs[_JSON] = text
        else:
            table: dict[str, Any] = {**arrays, **({_JSON: np.array(text)} if text else {})}
            with open(temporary, "wb") as file:
                np.savez(file, **table)


def read_arrays(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], str]:
    """Return the table of arrays and the text of a file."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    try:
        if _container(path) == "h5":
            with _h5py().File(path, "r") as file:
                arrays: dict[str, np.ndarray] = {}
                file.visititems(lambda name, item: _collect(arrays, name, item))
                return arrays, str(file.attrs.get(_JSON, ""))
        with np.load(path, allow_pickle=False) as table:
            if "model.weights.h5" in table.files:
                raise ValueError("it was saved by Keras. Save its weights there as .weights.h5, and load those")
            arrays = {name: table[name] for name in table.files}
    except (OSError, ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{path} cannot be read as saved weights: {error}") from None
    text = str(arrays.pop(_JSON, ""))
    return arrays, text


def _collect(arrays: dict[str, np.ndarray], name: str, item: Any) -> None:
    if hasattr(item, "shape"):
        arrays[name] = item[()]


def _container(path: str | os.PathLike[str]) -> str:
    name = str(path)
    if name.endswith(_H5_ENDINGS):
        return "h5"
    if name.endswith(_NPZ_ENDINGS):
        return "npz"
    raise ValueError(
        f"The file name {name!r} must end in .weights.h5 or .npz for weights, in .keras, .h5 or .npz for models."
    )


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            'Files that end in .h5 need h5py: pip install h5py (it comes with "minifit[course]"). '
            "Or choose a name that ends in .npz."
        ) from None
    return h5py
