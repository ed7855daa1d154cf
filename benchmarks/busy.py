"""Two threads allowed while another process keeps a core busy: does anything wait for a thread that does not run?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .measure import Engine, cores, measure

SPIN = "import os, sys\nif len(sys.argv) > 1: os.sched_setaffinity(0, map(int, sys.argv[1:]))\nwhile True: pass"


@contextmanager
def a_busy_process() -> Iterator[None]:
    """Let another process count for nothing on the first two cores, on one of them at a time."""
    spinning = subprocess.Popen([sys.executable, "-c", SPIN, *map(str, cores(2) or ())])
    try:
        yield
    finally:
        spinning.kill()
        spinning.wait()


def busy(workload: str, engines: list[str], rounds: int) -> dict[str, dict[str, Any]]:
    """Return medians per step on two cores, one of which somebody else wants, with one thread and with two allowed."""
    with a_busy_process():
        running = {f"{name}, {n} thread{'s' * (n > 1)}": Engine(name, n, n_cores=2) for name in engines for n in (1, 2)}
        return measure(running, workload, rounds)
