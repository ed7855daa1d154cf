"""Calling Linux where Python has no function for it."""

from __future__ import annotations

import ctypes
import functools
import os
import platform
import sys
from typing import Any

from . import numbers

NO_NEW_PRIVILEGES = 38  # of prctl
DIE_WITH_PARENT = 1
ADOPT_ORPHANS = 36
NO_DUMPS = 4


@functools.cache
def _library() -> Any:
    return ctypes.CDLL(None, use_errno=True)


@functools.cache
def column() -> int | None:
    """Where this processor's numbers stand in `numbers`; None when they are not known, or it is not Linux."""
    known = {"x86_64": 0, "aarch64": 1}
    return known.get(platform.machine()) if sys.platform == "linux" and sys.maxsize > 2**32 else None


def number(name: str, table: numbers.Numbers) -> int | None:
    """The number of a system call here."""
    place = column()
    return None if place is None else table[name][place]


def call(what: str | int, *arguments: Any) -> int:
    """Call a function of the C library, or a system call by its number.

    Raises
    ------
    OSError
        What the kernel said.
    """
    library = _library()
    if isinstance(what, int):
        wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]
        result = library.syscall(ctypes.c_long(what), *wide)
    else:
        result = getattr(library, what)(*arguments)
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")
    return result


def prctl(option: int, value: int = 0, *rest: Any) -> int:
    """Set something of this process."""
    numbers_ = [ctypes.c_ulong(a) if isinstance(a, int) else a for a in (value, *rest, *[0] * (3 - len(rest)))]
    return call("prctl", option, *numbers_)


def drop_capabilities() -> None:
    """Give up what the superuser may do, whoever this process belongs to."""
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    call("capset", header, (ctypes.c_uint32 * 6)())
