"""The walls around a learner's code, each put up where the system allows it, and all of them reported.

Which files here run where: `library` says what may be seen; `namespaces`, `landlock`, `seccomp` and `resources`
are put by a process on itself, before it runs anything of a learner's. They are loaded by path
in processes that import nothing else of the package, so they import nothing of it either.
"""

from __future__ import annotations

import os
from typing import Any

from . import kernel, landlock, library, namespaces, resources, seccomp

#: What may hold around a learner's code, weakest first. "limits": its time, memory and files are limited, its
#: environment is empty. "kernel": it can neither read nor write any file but those it needs, nor use the network.
#: "full": files, processes and networks of others do not exist for it, and nothing it starts outlives it.
LEVELS = ("limits", "kernel", "full")


def confine(limits: dict[str, Any], folder: str, readable: library.Readable, apart: bool = False) -> list[str]:
    """Put walls around this process that it cannot take down again. For a fresh process with one thread.

    Parameters
    ----------
    limits : dict
        ``cpu``, ``memory``, ``file_size``, ``open_files``, ``processes``.
    folder : str
        The only one it may write to.
    readable : list of (str, tuple of str)
        See `library.readable`.
    apart : bool
        Whether it is in namespaces of its own already, see `namespaces.enter`.

    Returns
    -------
    list of str
        What is limited or closed.
    """
    started = [*namespaces.CLOSED] if apart else []
    # In a namespace of its own the system counts its processes alone; elsewhere it would count all of the user's.
    # The superuser's it never counts.
    tasks = limits["processes"] + 64 if apart and os.getuid() else None
    in_force = resources.put({**limits, "tasks": tasks})
    if kernel.column() is None:
        return [*started, *in_force]
    kernel.prctl(kernel.NO_DUMPS, 0)
    kernel.drop_capabilities()
    devices = [f"/dev/{name}" for name in ("zero", "full", "random", "urandom")]
    try:
        closed = landlock.restrict([*library.flat(readable), *devices], [folder, "/dev/null"])
    except OSError:
        closed = []
    closed += seccomp.restrict(limits["processes"] > 0, apart, attributes=apart)
    return list(dict.fromkeys([*started, *in_force, *closed]))


def level(in_force: list[str]) -> str:
    """Which of `LEVELS` holds."""
    if set(namespaces.CLOSED) <= set(in_force) and "system calls" in in_force:
        return "full"
    return "kernel" if {"files", "network", "system calls"} <= set(in_force) else "limits"


def sentence(in_force: list[str]) -> str:
    """What held around the learners' code, for who reads the grades."""
    held = level(in_force)
    limits = [name for name in in_force if name in ("CPU time", "memory", "file size", "open files", "disk")]
    first = f"Sandbox: {held}. Each notebook ran in a process of its own, limited in {_listed(['wall time', *limits])}"
    if held == "full":
        return f"{first}; the files, processes and network of this machine did not exist for it."
    if held == "kernel":
        return f"{first}; it could open no files but Python's own, and no network."
    open_ = "read files" if "network" in in_force else "read files and use the network"
    return f"{first}. It could still {open_}: grade people you do not trust in a container."


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}" if len(names) > 1 else "".join(names)


def require(in_force: list[str], wanted: str = "full") -> None:
    """Refuse to grade behind lower walls than wanted.

    Raises
    ------
    RuntimeError
        It says what holds instead.
    """
    held = level(in_force)
    if LEVELS.index(held) < LEVELS.index(wanted):
        raise RuntimeError(
            f"the sandbox here is {held!r}, and {wanted!r} is required: this system offers only "
            f"{_listed(in_force) or 'time limits'}. On Linux, allow user namespaces, or grade in a container that does."
        )
