"""What a worker does to itself before it runs anything of a learner's.

Today: resource limits where the system has them. The judge adds the rest from outside: a process group of its
own, a clean environment, a temporary folder, deadlines. Stronger walls belong here, and report themselves the
same way.
"""

from __future__ import annotations

MEMORY = 4 * 2**30  # bytes of address space
FILE = 64 * 2**20  # bytes of the largest file it may write


def confine(cpu_seconds: int) -> list[str]:
    """Put every limit on this process that the system knows.

    Parameters
    ----------
    cpu_seconds : int
        CPU time after which the system ends the process.

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
        "CPU time": ("RLIMIT_CPU", cpu_seconds),
        "memory": ("RLIMIT_AS", MEMORY),
        "file size": ("RLIMIT_FSIZE", FILE),
        "open files": ("RLIMIT_NOFILE", 256),
        "core dumps": ("RLIMIT_CORE", 0),
    }
    in_force = []
    for name, (attribute, limit) in wanted.items():
        number = getattr(resource, attribute, None)
        if number is None:
            continue
        _, hard = resource.getrlimit(number)
        value = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        try:
            resource.setrlimit(number, (value, value))
        except (OSError, ValueError):  # macOS refuses RLIMIT_AS
            continue
        in_force.append(name)
    return in_force
