"""EventFile: a file that TensorBoard reads, written record by record.

A record is its length, a checksum, a message, and another checksum. A message is in the form of
protocol buffers: for each field a number that says which and of what kind it is, then its value.
"""

from __future__ import annotations

import itertools
import os
import struct
import time
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

_opened = itertools.count()


class EventFile:
    """An event file in a folder, made when it is opened; each summary is a tag, a value and a step.

    Parameters
    ----------
    folder : str or path
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        Path(folder).mkdir(parents=True, exist_ok=True)
        # TensorBoard takes files of this name for event files, and reads them in the order of their names.
        import socket  # costs time at import, and few need it

        name = f"events.out.tfevents.{time.time():.0f}.{socket.gethostname()}.{os.getpid()}.{next(_opened)}.v2"
        self._file = open(Path(folder) / name, "ab")  # noqa: SIM115 - until close()
        self._write(text(3, "brain.Event:2"))

    def _write(self, *fields: bytes) -> None:
        message = number(1, time.time()) + b"".join(fields)
        length = struct.pack("<Q", len(message))
        self._file.write(length + _checksum(length) + message + _checksum(message))

    def _add(self, tag: str, step: int, value: bytes) -> None:
        self._write(integer(2, step), inside(5, inside(1, text(1, tag) + value)))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Add a number."""
        self._add(tag, step, _key(2, 5) + struct.pack("<f", value))

    def histogram(self, tag: str, values: np.ndarray, step: int, bins: int = 30) -> None:
        """Add how many of the values lie where; those that are not finite are left out."""
        values = np.asarray(values, dtype="float64").ravel()
        values = values[np.isfinite(values)]
        if not values.size:
            return
        counts, edges = np.histogram(values, bins)
        moments = (values.min(), values.max(), values.size, values.sum(), values @ values)
        fields = [number(i, float(moment)) for i, moment in enumerate(moments, start=1)]
        self._add(tag, step, inside(5, b"".join([*fields, numbers(6, edges[1:]), numbers(7, counts)])))

    def image(self, tag: str, gray: np.ndarray, step: int) -> None:
        """Add a picture of values from 0 to 1, (height, width) or with a last axis of 3 or 4 colours."""
        pixels = np.clip(np.nan_to_num(gray) * 255, 0, 255).astype("uint8")
        height, width, channels = (*pixels.shape, 1)[:3]
        size = integer(1, height) + integer(2, width) + integer(3, channels)
        self._add(tag, step, inside(4, size + raw(4, _png(pixels.reshape(height, width * channels), width, channels))))

    def words(self, tag: str, content: str, plugin: str, step: int) -> None:
        """Add a text for one of TensorBoard's plugins."""
        tensor = integer(1, 7) + inside(2, b"") + raw(8, content.encode())  # a string, of no axes
        metadata = inside(1, text(1, plugin) + raw(2, b"1"))
        self._add(tag, step, inside(9, metadata) + inside(8, tensor))

    def flush(self) -> None:
        """Let readers see what was added."""
        self._file.flush()

    def close(self) -> None:
        self._file.close()


# --------------------------------------------------------------------------- fields of a message


def _varint(value: int) -> bytes:
    """Return a whole number in bytes of seven bits, the lowest first; the eighth says that more come."""
    value &= (1 << 64) - 1
    digits = bytearray()
    while value > 0x7F:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


def _key(field: int, kind: int) -> bytes:
    return _varint(field << 3 | kind)


def integer(field: int, value: int) -> bytes:
    return _key(field, 0) + _varint(int(value))


def number(field: int, value: float) -> bytes:
    return _key(field, 1) + struct.pack("<d", value)


def raw(field: int, value: bytes) -> bytes:
    return _key(field, 2) + _varint(len(value)) + value


inside = raw  # a message as a field of another


def text(field: int, value: str) -> bytes:
    return raw(field, value.encode())


def numbers(field: int, values: Iterable[float]) -> bytes:
    return raw(field, np.asarray(values, dtype="<f8").tobytes())


# --------------------------------------------------------------------------- checksums and pictures


def _table() -> list[int]:
    remainders = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)  # Castagnoli's polynomial, its bits turned round
        remainders.append(byte)
    return remainders


_REMAINDERS = _table()


def crc32c(data: bytes) -> int:
    """Return the CRC-32C of some bytes.

    Examples
    --------
    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    remainder = 0xFFFFFFFF
    for byte in data:
        remainder = _REMAINDERS[(remainder ^ byte) & 0xFF] ^ remainder >> 8
    return remainder ^ 0xFFFFFFFF


def _checksum(data: bytes) -> bytes:
    # Turned and shifted, so that the checksum of a record that holds a checksum is no constant.
    value = crc32c(data)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _png(rows: np.ndarray, width: int, channels: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    colour = {1: 0, 3: 2, 4: 6}[channels]
    header = struct.pack(">IIBBBBB", width, len(rows), 8, colour, 0, 0, 0)
    lines = b"".join(b"\0" + row.tobytes() for row in rows)  # 0: the row is not told by its neighbours
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body
