"""What crosses between judge and worker: length-prefixed JSON, arrays as base64. Nothing is unpickled.

The worker loads this file by its path, so it imports nothing of the package.
"""

from __future__ import annotations

import base64
import json
import math
import os
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np

MAX_BYTES = 32 * 2**20  # of one message, either way
MAX_PARTS = 2_000_000  # of one message: each takes far more memory than bytes once it is read
_KINDS = "biufcUS"  # booleans, integers, floats, complex numbers and text; no objects, no records
_HEADER = struct.Struct(">Q")


class WireError(Exception):
    """A message that is too long, cut short or not one of ours."""


@dataclass(frozen=True)
class Foreign:
    """Stands on the judge's side for an object that is not sent: not an array, number, text or container.

    Attributes
    ----------
    type_name : str
    text : str
        The beginning of its repr.
    """

    type_name: str
    text: str

    def __repr__(self) -> str:
        return self.text


def pack(value: Any, depth: int = 0, most: int = MAX_BYTES) -> Any:
    """Turn arrays, numbers, text, None and any nesting of list, tuple and dict into JSON's own types.

    Parameters
    ----------
    value : object
    depth : int
        How deep it lies; from 50 on nothing crosses.
    most : int
        Bytes of the message it will be part of.

    Raises
    ------
    WireError
        If an array, a list or a text is too large to be sent.
    """
    if value is None or type(value) is bool:
        return value
    if type(value) is str:
        if len(value) > most:
            raise WireError(f"a text of {len(value) // 2**20} MB; at most {most // 2**20}")
        return value
    if type(value) is int:  # Python refuses to write out larger ones
        short = value.bit_length() < 10_000
        return value if short else {"foreign": "int", "text": "an integer of over 3,000 digits"}
    if type(value) is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if depth > 50:
        return _foreign(value)
    if isinstance(value, np.generic | np.ndarray) and value.dtype.kind in _KINDS:
        if value.nbytes > most // 2:  # before it is copied three times
            raise WireError(f"an array of {value.nbytes // 2**20} MB; at most {most // 2**21}")
        array = np.ascontiguousarray(value).reshape(np.shape(value))
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        text = base64.b64encode(array.tobytes()).decode("ascii")
        return {kind: text, "dtype": array.dtype.str, "shape": list(array.shape)}
    if isinstance(value, dict):
        return {"dict": [[pack(k, depth + 1, most), pack(v, depth + 1, most)] for k, v in value.items()]}
    if isinstance(value, list | tuple | range):
        if len(value) > MAX_PARTS:
            raise WireError(f"{len(value):,} items; at most {MAX_PARTS:,}")
        items = [pack(v, depth + 1, most) for v in value]
        return {"tuple": items} if isinstance(value, tuple) else items
    return _foreign(value)


def _foreign(value: Any) -> dict[str, Any]:
    try:
        text = repr(value)[:200]
    except BaseException:
        text = object.__repr__(value)
    return {"foreign": type(value).__qualname__[:80], "text": text}


def unpack(value: Any) -> Any:
    """Undo `pack`; whatever came is read as data, never run.

    Raises
    ------
    WireError
        If it is not what `pack` makes.
    """
    try:
        return _unpack(value)
    except (TypeError, ValueError, KeyError, OverflowError, MemoryError, RecursionError) as error:
        raise WireError(f"not a packed value: {clean(str(error), 80)}") from None


def _unpack(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_unpack(v) for v in value]
    if isinstance(value, dict):
        if "array" in value or "scalar" in value:
            return _unpack_array(value)
        if "float" in value:
            return float(value["float"])
        if "tuple" in value:
            return tuple(_unpack(v) for v in value["tuple"])
        if "dict" in value:
            return {_unpack(k): _unpack(v) for k, v in value["dict"]}
        if "foreign" in value:
            name = clean(value["foreign"], 80)
            return type(name, (Foreign,), {})(name, clean(value["text"]))  # messages name an object's type
    raise WireError(f"not a packed value: {str(value)[:80]}")


def _unpack_array(value: dict[str, Any]) -> Any:
    dtype = np.dtype(str(value["dtype"]))
    if dtype.kind not in _KINDS or dtype.hasobject:
        raise WireError(f"an array of {dtype} does not cross")
    shape = tuple(int(n) for n in value["shape"])
    data = base64.b64decode(value["array" if "array" in value else "scalar"], validate=True)
    if min(shape, default=0) < 0 or len(data) != math.prod(shape) * dtype.itemsize:
        raise WireError(f"{len(data)} bytes do not make {shape} of {dtype}")
    array = np.frombuffer(data, dtype).reshape(shape).copy()
    return array if "array" in value else array[()]


def clean(text: Any, limit: int = 4000) -> str:
    """Text that came from a learner's process, cut to ``limit`` characters, without lone surrogates."""
    whole = text if isinstance(text, str) else repr(text)
    cut = whole[:limit] + ("…" if len(whole) > limit else "")
    return cut.encode("utf-8", "replace").decode("utf-8")


def send(to: int, message: dict[str, Any], most: int = MAX_BYTES) -> None:
    """Write one message to a file descriptor.

    Raises
    ------
    WireError
        If it is longer than ``most``; nothing is written then.
    """
    body = json.dumps(message).encode("ascii")
    if len(body) > most:
        raise WireError(f"a message of {len(body)} bytes; {most} at most")
    rest = memoryview(_HEADER.pack(len(body)) + body)
    while rest:
        rest = rest[os.write(to, rest) :]


def receive(from_: int) -> dict[str, Any] | None:
    """Read one message from a file descriptor; None when the other side has gone.

    Raises
    ------
    WireError
        If what came is no message.
    """
    head = _read(from_, _HEADER.size)
    if len(head) < _HEADER.size:
        return None
    (length,) = _HEADER.unpack(head)
    if length > MAX_BYTES:
        raise WireError(f"a message of {length} bytes; {MAX_BYTES} at most")
    body = _read(from_, length)
    if len(body) < length:
        return None
    if sum(map(body.count, (b",", b"[", b"{"))) > 2 * MAX_PARTS:  # before anything is made of it
        raise WireError(f"a message of more than {2 * MAX_PARTS:,} parts")
    try:
        message = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise WireError(f"not JSON: {error}") from None
    if not isinstance(message, dict):
        raise WireError("not a message")
    return message


def _read(from_: int, length: int) -> bytes:
    parts = []
    while length:
        part = os.read(from_, min(length, 2**20))
        if not part:
            break
        parts.append(part)
        length -= len(part)
    return b"".join(parts)
