"""From nothing to the first finished epoch: a fresh process imports an engine, builds a model and trains it once."""

from __future__ import annotations

import statistics
import time
from typing import Any

from .measure import environment_of, run_script

try:
    import resource
except ImportError:  # Windows counts no time of children
    resource = None  # type: ignore[assignment]

EPOCH = """
import sys
from benchmarks.workloads import WORKLOADS
from benchmarks.engines.keras_api import prepare
workload = WORKLOADS[sys.argv[1]]
prepare(workload, *workload.data())()
print("done")
"""
IMPORT = "import importlib, os; importlib.import_module(os.environ['BENCH_ENGINE']); print('done')"
NUMPY = "import numpy; print('done')"


def cold_start(engine: str, workload: str, rounds: int, threads: int) -> dict[str, Any]:
    """Return medians of seconds of CPU and of the clock, the process's start included.

    `workload` is that of the epoch, or ``"import"`` for the import of the engine alone.
    """
    script, arguments = (IMPORT, ()) if workload == "import" else (EPOCH, (workload,))
    if engine == "floor":  # what NumPy itself takes to come up
        script, arguments = NUMPY, ()
    taken: dict[str, list[float]] = {"cpu": [], "wall": []}
    for _ in range(rounds + 1):  # the first time, files come from the disk
        cpu, wall = _children(), time.perf_counter()
        if not run_script(script, *arguments, environment=environment_of(engine, threads), n_cores=threads):
            return {"missing": "did not run"}
        taken["cpu"].append(_children() - cpu)
        taken["wall"].append(time.perf_counter() - wall)
    return {key: statistics.median(values[1:]) for key, values in taken.items()}


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
