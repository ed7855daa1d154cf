"""Limits that POSIX systems keep for a process: memory, CPU time, files."""

from __future__ import annotations

from typing import Any


def put(limits: dict[str, Any]) -> list[str]:
    """Put every limit on this process that the system knows.

    Parameters
    ----------
    limits : dict
        ``cpu`` in seconds; ``memory``, ``file_size`` in bytes; ``open_files``; ``tasks``, processes and
        threads together, where it is there.

    Returns
    -------
    list of str
        Names of the limits now in force, such as ``"memory"``.
    """
    try:
        import resource
    except ImportError:  # Windows
        return []
    wanted = {
        "CPU time": ("RLIMIT_CPU", limits["cpu"]),
        "memory": ("RLIMIT_AS", limits["memory"]),
        "file size": ("RLIMIT_FSIZE", limits["file_size"]),
        "open files": ("RLIMIT_NOFILE", limits["open_files"]),
        "core dumps": ("RLIMIT_CORE", 0),
    }
    if limits.get("tasks"):
        wanted["processes"] = ("RLIMIT_NPROC", limits["tasks"])
    in_force = []
    for name, (attribute, limit) in wanted.items():
        number = getattr(resource, attribute, None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        value = int(limit) if hard == resource.RLIM_INFINITY else min(int(limit), hard)
        try:
            resource.setrlimit(number, (value, value))
        except (OSError, ValueError):  # macOS refuses RLIMIT_AS
            continue
        in_force.append(name)
    return in_force


def narrow(limits: dict[str, Any]) -> None:
    """Set the limits of one step below those of the whole: what is not named goes back to the whole's.

    Parameters
    ----------
    limits : dict
        ``cpu`` in seconds from now, ``memory``, ``file_size``, ``open_files``.
    """
    try:
        import resource
    except ImportError:
        return
    attributes = {"memory": "RLIMIT_AS", "file_size": "RLIMIT_FSIZE", "open_files": "RLIMIT_NOFILE"}
    wanted = {attribute: limits.get(name) for name, attribute in attributes.items()}
    used = resource.getrusage(resource.RUSAGE_SELF)
    spent = int(used.ru_utime + used.ru_stime) + 1
    wanted["RLIMIT_CPU"] = spent + int(limits["cpu"]) if limits.get("cpu") else None
    for attribute, limit in wanted.items():
        number = getattr(resource, attribute, None)
        if number is None:
            continue
        soft, hard = resource.getrlimit(number)
        value = hard if limit is None else int(limit) if hard == resource.RLIM_INFINITY else min(int(limit), hard)
        if value != soft:
            try:
                resource.setrlimit(number, (value, hard))
            except (OSError, ValueError):
                continue
