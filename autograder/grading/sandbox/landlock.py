"""Landlock: a process gives up every file and every TCP port but those it names. No privilege is needed."""

from __future__ import annotations

import ctypes
import os
import struct

from . import kernel, numbers

_READ_FILE, _READ_DIR, _EXECUTE = 1 << 2, 1 << 3, 1 << 0
_ON_FILES = _EXECUTE | _READ_FILE | 1 << 1 | 1 << 14 | 1 << 15  # the rights that make sense for a plain file
_FILE_RIGHTS = {1: 13, 2: 14, 3: 15, 4: 15, 5: 16}  # version → how many rights over files it knows
_TCP = 0b11  # bind, connect
_OUTSIDE = 0b11  # abstract sockets and signals that leave the process's domain


def version() -> int:
    """The kernel's version of Landlock; 0 without it."""
    number = kernel.number("landlock_create_ruleset", numbers.OURS)
    if number is None:
        return 0
    try:
        return kernel.call(number, None, 0, 1)
    except OSError:
        return 0


def restrict(read: list[str], write: list[str]) -> list[str]:
    """Leave this process nothing of the file system but some files and folders.

    Parameters
    ----------
    read, write : list of str
        What may be read, and what may be read and written. Those that do not exist are passed over.

    Returns
    -------
    list of str
        What is now closed.
    """
    known = version()
    create, add, seal = (kernel.number(name, numbers.OURS) for name in numbers.OURS)
    if not known or create is None or add is None or seal is None:
        return []
    rights = (1 << _FILE_RIGHTS.get(known, 16)) - 1
    fields = [rights, _TCP if known >= 4 else 0, _OUTSIDE if known >= 6 else 0]
    size = 8 * (1 if known < 4 else 2 if known < 6 else 3)
    rules = kernel.call(create, ctypes.create_string_buffer(struct.pack("=QQQ", *fields)), size, 0)
    try:
        for paths, allowed in ((read, _READ_FILE | _READ_DIR | _EXECUTE), (write, rights & ~_EXECUTE)):
            for path in paths:
                _allow(add, rules, path, allowed & rights)
        kernel.prctl(kernel.NO_NEW_PRIVILEGES, 1)
        kernel.call(seal, rules, 0)
    finally:
        os.close(rules)
    return ["files", *(["TCP"] if known >= 4 else []), *(["signals"] if known >= 6 else [])]


def _allow(add: int, rules: int, path: str, allowed: int) -> None:
    try:
        there = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        if not os.path.isdir(path):
            allowed &= _ON_FILES
        kernel.call(add, rules, 1, ctypes.create_string_buffer(struct.pack("=Qi", allowed, there)), 0)
    finally:
        os.close(there)
