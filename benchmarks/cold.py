"""From nothing to the first finished epoch: a fresh process imports an engine, builds a model and trains it once."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

try:
    import resource
except ImportError:  # Windows counts no time of children
    resource = None  # type: ignore[assignment]

SCRIPT = """
import sys
from benchmarks.workloads import WORKLOADS
from benchmarks.engines.keras_api import prepare
workload = WORKLOADS[sys.argv[1]]
prepare(workload, *workload.data())()
"""


def cold_start(environment: dict[str, str], workload: str) -> dict[str, float]:
    """Return seconds of CPU and of the clock, the process's start included."""
    cpu, wall = _children(), time.perf_counter()
    done: Any = subprocess.run(
        [sys.executable, "-c", SCRIPT, workload],
        env=environment,
        cwd=Path(__file__).parents[1],
        capture_output=True,
        check=False,
    )
    if done.returncode:
        return {}
    return {"cpu": _children() - cpu, "wall": time.perf_counter() - wall}


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
