"""Arrays in files: written to a temporary name and renamed, read without running code.

A file is a flat table of arrays, each under a path such as ``layers/dense/vars/0``, and one text. Three
containers hold just that: HDF5, NumPy's ``.npz`` and ``.safetensors``. What is read is checked before room
is made for it: a small file cannot claim to be a large one.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

Table = dict[str, np.ndarray]

_TEXT = "config.json"  # the name of the text beside the arrays
_ENDINGS = {".h5": "h5", ".hdf5": "h5", ".npz": "npz", ".safetensors": "safetensors"}
_TYPES = {
    **{
        f"{kind}{bits}": f"{kind.lower()}{bits // 8}"
        for kind in "FIU"
        for bits in (8, 16, 32, 64)
        if kind + str(bits) != "F8"
    },
    "BOOL": "bool",
}
_LARGE = 1 << 28  # bytes; what claims to be larger must show for it
_EXPANSION = 200  # and not be this many times what is stored


class _Refused(Exception):
    """A file that holds what is not to be read."""


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


def container_of(path: Any) -> str:
    """Return ``"h5"``, ``"npz"`` or ``"safetensors"``, as the ending of a name says."""
    ending = Path(str(path)).suffix
    if ending not in _ENDINGS:
        raise ValueError(f"The file name {str(path)!r} must end in .weights.h5, .npz or .safetensors for weights.")
    return _ENDINGS[ending]


def write_arrays(path: str | os.PathLike[str], arrays: Table, text: str = "") -> None:
    """Write a table of arrays and a text; the ending of `path` chooses the container."""
    kind = container_of(path)
    with written_whole(path) as temporary, open(temporary, "wb+") as file:
        write_table(file, kind, arrays, text)


def read_arrays(path: str | os.PathLike[str]) -> tuple[Table, str]:
    """Return the table of arrays and the text of a file."""
    kind = container_of(path)
    with reading(path) as file:
        return read_table(file, kind)


@contextlib.contextmanager
def readable(name: Any) -> Iterator[None]:
    """Turn whatever goes wrong with reading a broken file into one kind of error, which names it."""
    broken = (OSError, ValueError, EOFError, KeyError, TypeError, AttributeError, RuntimeError, MemoryError)
    try:
        yield
    except (*broken, SystemError, _Refused, struct.error, zipfile.BadZipFile, zlib.error) as error:
        raise ValueError(f"{name} cannot be read as saved weights: {error}") from None


@contextlib.contextmanager
def reading(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to be read."""
    if not Path(path).is_file():
        raise FileNotFoundError(f"{path}: there is no such file.")
    with readable(path), open(path, "rb") as file:
        yield file


def write_table(file: BinaryIO, kind: str, arrays: Table, text: str = "") -> None:
    """Write a table of arrays and a text into a file that is open for writing and reading."""
    if kind == "h5":
        with _h5py().File(file, "w") as group:
            for name, array in arrays.items():
                stored = group.create_dataset(name, data=array)
                if str(array.dtype) == "bfloat16":
                    stored.attrs["dtype"] = "bfloat16"  # so Keras knows what these bytes are
            if text:
                group.attrs[_TEXT] = text
    elif kind == "npz":
        table: dict[str, Any] = {**arrays, **({_TEXT: np.array(text)} if text else {})}
        np.savez(file, **table)
    else:
        _write_safetensors(file, arrays, text)


def read_table(file: BinaryIO, kind: str) -> tuple[Table, str]:
    """Return the table of arrays and the text in an open file."""
    if kind == "npz":
        with zipfile.ZipFile(file) as archive:
            arrays = {
                info.filename.removesuffix(".npy"): _from_npy(member(archive, info)) for info in archive.infolist()
            }
        return arrays, str(arrays.pop(_TEXT, ""))
    return _read_h5(file) if kind == "h5" else _read_safetensors(file)


# --------------------------------------------------------------------------- NumPy's own


def member(archive: zipfile.ZipFile, info: zipfile.ZipInfo | str) -> bytes:
    """Return a file in a zip archive, unless it would swell out of all proportion."""
    info = archive.getinfo(info) if isinstance(info, str) else info
    _must_be_stored(info.filename, info.file_size, info.compress_size)
    return archive.read(info)


def _must_be_stored(name: str, claimed: int, stored: int) -> None:
    if claimed > _LARGE and claimed > _EXPANSION * max(stored, 1):
        raise _Refused(f"{name} claims {claimed:,} bytes, of which {stored:,} are stored: a decompression bomb")


def _from_npy(data: bytes) -> np.ndarray:
    stream = io.BytesIO(data)
    version = np.lib.format.read_magic(stream)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[version]
    shape, _, dtype = read_header(stream)
    if dtype.hasobject:
        raise _Refused("it holds Python objects, which are not loaded: they could run code (allow_pickle=False)")
    if math.prod(shape) * dtype.itemsize != len(data) - stream.tell():
        raise _Refused(f"an array of shape {shape} is cut off, or longer than it says")
    stream.seek(0)
    return _widened(np.lib.format.read_array(stream, allow_pickle=False))


def _widened(array: np.ndarray) -> np.ndarray:
    """Return bfloat16, the upper half of a float32, as float32; anything else as it is."""
    return (array.view("<u2").astype("u4") << 16).view("f4") if array.dtype == "V2" else array


# --------------------------------------------------------------------------- HDF5


def _h5py() -> Any:
    try:
        import h5py
    except ImportError:
        raise ImportError(
            'Files that end in .h5 need h5py: pip install h5py (it comes with "minifit[course]"). '
            "Or choose a name that ends in .npz or .safetensors."
        ) from None
    return h5py


def has_h5py() -> bool:
    """Tell whether HDF5 can be written and read."""
    with contextlib.suppress(ImportError):
        return bool(_h5py())
    return False


def _read_h5(file: BinaryIO) -> tuple[Table, str]:
    arrays: Table = {}

    def elsewhere(name: str, link: Any) -> str | None:
        kind = type(link).__name__
        return f"{name} is a {kind}, which is not followed" if kind in ("SoftLink", "ExternalLink") else None

    def collect(name: str, item: Any) -> _Refused | None:
        if not hasattr(item, "shape"):
            for key in ("weight_names", "layer_names"):  # of a file in Keras' older form: see saving.py
                if key in item.attrs:
                    arrays[f"{name}/{key}" if name else key] = np.array(_names(item.attrs[key]))
            return None
        try:
            if item.external or item.is_virtual:
                raise _Refused(f"{name} lies in another file, which is not opened")
            _must_be_stored(name, item.nbytes, item.id.get_storage_size())
        except _Refused as refused:  # nothing may be raised through HDF5's own loop
            return refused
        arrays[name] = _widened(np.asarray(item[()]))
        return None

    with _h5py().File(file, "r") as group:
        if told := group.visititems_links(elsewhere):  # the first that is not None
            raise _Refused(told)
        collect("", group)
        if refused := group.visititems(collect):
            raise refused
        return arrays, str(group.attrs.get(_TEXT, ""))


def _names(values: Any) -> list[str]:
    return [value.decode() if isinstance(value, bytes) else str(value) for value in values]


# --------------------------------------------------------------------------- safetensors


def _write_safetensors(file: BinaryIO, arrays: Table, text: str) -> None:
    """Write the length of a header, the header in JSON, and the arrays one after the other."""
    names = {np.dtype(kind): name for name, kind in _TYPES.items()}
    header: dict[str, Any] = {"__metadata__": {_TEXT: text}} if text else {}
    end = 0
    for name, array in arrays.items():
        if array.dtype not in names:
            raise ValueError(f"{name} has dtype {array.dtype}, which a .safetensors file cannot hold. Choose .npz.")
        begin, end = end, end + array.nbytes
        header[name] = {"dtype": names[array.dtype], "shape": list(array.shape), "data_offsets": [begin, end]}
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)  # so that the arrays lie at multiples of 8 bytes
    file.write(struct.pack("<Q", len(written)) + written)
    for array in arrays.values():
        file.write(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes())


def _read_safetensors(file: BinaryIO) -> tuple[Table, str]:
    data = file.read()
    (length,) = struct.unpack("<Q", data[:8])
    if length > len(data) - 8:
        raise _Refused(f"its header claims {length:,} bytes; the file has {len(data):,}")
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    body = data[8 + length :]
    return {name: _tensor(name, told, body) for name, told in header.items()}, str(metadata.get(_TEXT, ""))


def _tensor(name: str, told: dict[str, Any], body: bytes) -> np.ndarray:
    (begin, end), shape, kind = told["data_offsets"], tuple(told["shape"]), told["dtype"]
    dtype = np.dtype("V2" if kind == "BF16" else _TYPES[kind]).newbyteorder("<")
    sound = all(type(n) is int and n >= 0 for n in (begin, end, *shape))
    if not sound or not begin <= end <= len(body) or end - begin != math.prod(shape) * dtype.itemsize:
        raise _Refused(f"{name} of shape {shape} does not lie where the header says, in bytes {begin} to {end}")
    array = np.frombuffer(body[begin:end], dtype).reshape(shape)
    return _widened(array.astype(dtype.newbyteorder("="), copy=False))


# --------------------------------------------------------------------------- nested plain data with arrays


def is_plain(value: Any) -> bool:
    """Tell whether `write_tree` can hold a value: numbers, text and arrays, in dicts, lists and tuples."""
    if isinstance(value, dict):
        return all(is_plain(part) for pair in value.items() for part in pair)
    if type(value) in (list, tuple):
        return all(map(is_plain, value))
    if isinstance(value, (np.ndarray, np.generic)):
        return not value.dtype.hasobject
    return value is None or type(value) in (bool, int, float, str)


def write_tree(path: str | os.PathLike[str], tree: Any) -> None:
    """Write nested plain data, arrays among them, bit by bit into one file."""
    arrays: Table = {}

    def told(value: Any) -> Any:
        if isinstance(value, dict):
            return {"dict": [[told(key), told(item)] for key, item in value.items()]}
        if isinstance(value, (list, tuple)):
            return {"tuple" if isinstance(value, tuple) else "list": [told(item) for item in value]}
        if isinstance(value, (np.ndarray, np.generic)):
            arrays[f"{len(arrays)}"] = np.asarray(value)
            return {"array" if isinstance(value, np.ndarray) else "scalar": f"{len(arrays) - 1}"}
        return value

    text = json.dumps(told(tree))
    with written_whole(path) as temporary, open(temporary, "wb+") as file:
        write_table(file, "npz", arrays, text)


def read_tree(path: str | os.PathLike[str]) -> Any:
    """Return what `write_tree` wrote."""

    def made(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        ((kind, inner),) = value.items()
        if kind == "dict":
            return {made(key): made(item) for key, item in inner}
        if kind in ("list", "tuple"):
            return [made(item) for item in inner] if kind == "list" else tuple(map(made, inner))
        return arrays[inner].copy() if kind == "array" else arrays[inner][()]

    with reading(path) as file:
        arrays, text = read_table(file, "npz")
        return made(json.loads(text))
