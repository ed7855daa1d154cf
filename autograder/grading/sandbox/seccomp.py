"""seccomp: system calls that a notebook has no use for fail, whatever the rest of the walls lets through."""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from . import kernel, numbers

_ARCHITECTURES = (0xC000003E, 0xC00000B7)  # x86-64, AArch64, as the kernel calls them
_ALLOW, _KILL, _FAIL = 0x7FFF0000, 0x80000000, 0x00050000
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _FIRST = 0, 4, 16  # where they lie in what the kernel shows of a call
_THREAD = 0x00010000
_NAMESPACES = 0x7E020000  # CLONE_NEW…

Program = list[tuple[int, int, int, int]]


def restrict(processes: bool, own_processes_only: bool, attributes: bool) -> list[str]:
    """Make this process, and all it starts, fail at what it has no use for.

    Parameters
    ----------
    processes : bool
        Whether it may start other processes. Threads it may start in any case.
    own_processes_only : bool
        Whether it sees nobody's processes but its own; otherwise it may send signals to itself alone.
    attributes : bool
        Whether it may change owners, modes and times of files.

    Returns
    -------
    list of str
        What is now closed.
    """
    column = kernel.column()
    if column is None:
        return []
    program = _program(column, processes, own_processes_only, attributes)
    code = b"".join(struct.pack("=HBBI", *instruction) for instruction in program)
    instructions = ctypes.create_string_buffer(code)
    header = ctypes.create_string_buffer(struct.pack("@HxxxxxxQ", len(program), ctypes.addressof(instructions)))
    try:
        kernel.prctl(kernel.NO_NEW_PRIVILEGES, 1)
        kernel.prctl(22, 2, header)  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    except OSError:
        return []
    return ["network", "system calls", *([] if processes else ["processes"])]


def _program(column: int, processes: bool, own_processes_only: bool, attributes: bool) -> Program:
    refused = numbers.OTHERS | numbers.CHANNELS | numbers.KERNEL
    if not processes:
        refused |= numbers.STARTING
    if not attributes:
        refused |= numbers.ATTRIBUTES
    me = os.getpid()
    checked = {name: both[column] for name, both in numbers.CHECKED.items()}
    program: Program = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, _ARCHITECTURES[column]),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
    ]
    if column == 0:  # the numbers of x32, a second way to call the same kernel
        program += [(_AT_LEAST, 0, 1, 0x40000000), _fail(errno.ENOSYS)]
    for both in refused.values():
        number = both[column]
        if number is not None:
            program += [(_EQUAL, 0, 1, number), _fail(errno.EPERM)]
    # What clone3 is asked for lies in memory that a filter cannot read. Told that there is none, the C library
    # uses clone, whose flags it can.
    program += [(_EQUAL, 0, 1, checked["clone3"] or 0), _fail(errno.ENOSYS)]
    asks: Program = [(_LOAD, 0, 0, _FIRST), (_ANY_BIT, 0, 1, _NAMESPACES), _fail(errno.EPERM)]
    if not processes:
        asks += [(_ANY_BIT, 1, 0, _THREAD), _fail(errno.EPERM)]
    program += _when(checked["clone"], asks)
    for name in ("prlimit64", "sched_setaffinity", "sched_setscheduler", "sched_setparam", "sched_setattr"):
        program += _when(checked[name], _only(0, me))
    if not own_processes_only:
        program += _when(checked["kill"], _only(me))
        program += _when(checked["tgkill"], _only(me))
    return [*program, (_RETURN, 0, 0, _ALLOW)]


def _fail(error: int) -> tuple[int, int, int, int]:
    return (_RETURN, 0, 0, _FAIL | error)


def _only(*allowed: int) -> Program:
    """Fail unless the first argument is one of these."""
    program: Program = [(_LOAD, 0, 0, _FIRST)]
    for left, value in zip(range(len(allowed) - 1, -1, -1), allowed, strict=True):
        program.append((_EQUAL, left + 1, 0, value))
    return [*program, _fail(errno.EPERM)]


def _when(number: int | None, then: Program) -> Program:
    """Look closer at one system call, and allow it if that finds nothing."""
    if number is None:
        return []
    return [(_EQUAL, 0, len(then) + 1, number), *then, (_RETURN, 0, 0, _ALLOW)]
