"""Namespaces: a process that sees no files, processes, networks and shared memory but its own.

Made without privilege, by way of a user namespace, where the system allows those.
"""

from __future__ import annotations

import ctypes
import os
import struct
from pathlib import Path

from . import kernel, numbers

WORK = "/notebook"  # the only folder that may be written to
_DEVICES = ("null", "zero", "full", "random", "urandom")
_NEW = 0x10000000 | 0x20000 | 0x20000000 | 0x40000000 | 0x8000000 | 0x4000000  # user, files, processes, net, IPC, name
_BIND, _RECURSIVE, _PRIVATE, _DETACH = 0x1000, 0x4000, 0x40000, 2
_READ_ONLY, _NO_SETUID, _NO_DEVICES, _NO_PROGRAMS = 1, 2, 4, 8

#: What namespaces close, in the words of a report.
CLOSED = ["files", "processes", "network", "shared memory", "disk"]


def enter(root: str, readable: list[tuple[str, tuple[str, ...]]], disk: int) -> None:
    """Move this process into namespaces of its own, its first child into one of processes.

    The process must have one thread. Whatever goes wrong leaves it in between: to be done in a child that is
    given up then.

    Parameters
    ----------
    root : str
        An empty folder, over which the new tree of files is built; nothing is written to it.
    readable : list of (str, tuple of str)
        Files and folders to be seen, read-only, each with the names of folders in it that are not.
    disk : int
        Bytes that may be written below `WORK`.

    Raises
    ------
    OSError
        If the system does not allow it.
    """
    user, group = os.getuid(), os.getgid()
    kernel.call("unshare", _NEW)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
        Path("/proc/self", name).write_text(text, encoding="ascii")
    _mount("none", "/", flags=_RECURSIVE | _PRIVATE)
    _mount("tmpfs", root, "tmpfs", _NO_SETUID | _NO_DEVICES, "size=4m,mode=755")
    for path, without in readable:
        _show(path, root + path)
        for name in without:
            if os.path.isdir(f"{path}/{name}"):
                _mount("tmpfs", f"{root}{path}/{name}", "tmpfs", _READ_ONLY, "size=4k,mode=755")
    devices = [name for name in _DEVICES if os.path.exists(f"/dev/{name}")]
    for folder in (WORK, "/dev", "/tmp", "/proc"):
        os.makedirs(root + folder, exist_ok=True)
    for name in devices:
        Path(f"{root}/dev/{name}").touch()
    _seal(root)
    for name in devices:
        _mount(f"/dev/{name}", f"{root}/dev/{name}", flags=_BIND)
    flags = _NO_SETUID | _NO_DEVICES | _NO_PROGRAMS
    _mount("tmpfs", root + WORK, "tmpfs", flags, f"size={disk},nr_inodes=10000,mode=700")
    os.chdir(root)
    pivot = kernel.number("pivot_root", numbers.KERNEL)
    assert pivot is not None
    here = ctypes.create_string_buffer(b".")
    kernel.call(pivot, here, here)
    kernel.call("umount2", b".", _DETACH)
    os.chdir(WORK)
    kernel.call("sethostname", b"notebook", 8)


def _show(path: str, place: str) -> None:
    if os.path.isdir(path):
        os.makedirs(place, exist_ok=True)
    elif not os.path.exists(place):
        os.makedirs(os.path.dirname(place), exist_ok=True)
        Path(place).touch()
    _mount(path, place, flags=_BIND | _RECURSIVE)


def _seal(root: str) -> None:
    """Make everything mounted so far read-only. What was stricter before stays so, which a remount cannot promise."""
    number = kernel.number("mount_setattr", numbers.KERNEL)
    assert number is not None
    wanted = ctypes.create_string_buffer(struct.pack("=QQQQ", _READ_ONLY | _NO_SETUID | _NO_DEVICES, 0, 0, 0))
    kernel.call(number, -100, ctypes.create_string_buffer(root.encode()), 0x8000, wanted, 32)  # AT_RECURSIVE


def _mount(source: str, target: str, kind: str = "none", flags: int = 0, options: str = "") -> None:
    words = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), options.encode())
    try:
        kernel.call("mount", *words)
    except OSError as error:
        raise OSError(error.errno, f"mount {source} for notebooks: {os.strerror(error.errno or 0)}") from None
