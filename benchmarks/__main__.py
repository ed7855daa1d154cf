"""Time minifit beside its peers and beside the limit, in one run.

    python -m benchmarks [--engines minifit floor …] [--workloads "small b32" …] [--rounds 7] [--threads 1] [--cold]

Every engine lives in a process of its own; they take turns, round by round, so that whatever else the machine does
disturbs all of them alike. Figures are medians of CPU time (and of the clock) per training step. A peer that is not
installed is named. ``pip install -e ".[bench]"`` installs them all.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from .cold import cold_start
from .engines import ENGINES
from .report import table, write_plot
from .workloads import WORKLOADS

HERE = Path(__file__).parent
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def environment_of(engine: str, threads: int) -> dict[str, str]:
    """Return the environment of an engine's process; more than one thread leaves each engine its own policy."""
    own = {**os.environ, **ENGINES[engine][1], "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
    own["TF_NUM_INTRAOP_THREADS"] = own["TF_NUM_INTEROP_THREADS"] = str(threads)
    if threads == 1:
        own |= dict.fromkeys(_THREAD_VARIABLES, "1")
    return own


class Engine:
    """A worker process, spoken to line by line, on as many cores as it may have threads."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        cores = sorted(os.sched_getaffinity(0))[:threads] if hasattr(os, "sched_setaffinity") else None
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=HERE.parent,
            env=environment_of(name, threads),
            preexec_fn=(lambda: os.sched_setaffinity(0, cores)) if cores else None,
        )

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(order) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        return json.loads(line) if line else {"missing": "its process died"}

    def close(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()
        self.process.wait()


def measure(workload: str, engines: list[str], rounds: int, threads: int) -> dict[str, dict[str, Any]]:
    """Return, engine by engine, medians per step in seconds, or why there are none."""
    running = {name: Engine(name, threads) for name in engines}
    found: dict[str, dict[str, Any]] = {}
    try:
        for name, engine in running.items():
            found[name] = engine.ask(prepare=workload)
        ready = [name for name in engines if "missing" not in found[name]]
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in ready}
        for _ in range(rounds):
            for name in ready:
                runs[name].append(running[name].ask(run=1))
        steps = WORKLOADS[workload].steps
        for name in ready:
            answers = [a for a in runs[name] if "missing" not in a]
            if len(answers) < rounds:
                found[name] = next(a for a in runs[name] if "missing" in a)  # type: ignore[assignment]
                continue
            found[name] = {key: statistics.median(a[key] for a in answers) / steps for key in ("cpu", "wall")}
            found[name]["peak"] = max(a["peak"] for a in answers)
    finally:
        for engine in running.values():
            engine.close()
    return found


def machine() -> dict[str, Any]:
    """Describe where the figures were taken."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "numpy": np.__version__,
        "date": time.strftime("%Y-%m-%d"),
    }


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--engines", nargs="+", choices=[*ENGINES], default=[*ENGINES], metavar="ENGINE")
    parser.add_argument("--workloads", nargs="+", choices=[*WORKLOADS], default=[*WORKLOADS], metavar="WORKLOAD")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cold", action="store_true", help="time cold starts, and nothing else")
    parser.add_argument("--out", type=Path, default=HERE / "results", help="folder for the JSON and the plot")
    given = parser.parse_args(arguments)

    result: dict[str, Any] = {"machine": machine(), "threads": given.threads, "rounds": given.rounds, "workloads": {}}
    print(" · ".join(str(value) for value in result["machine"].values()))
    for workload in given.workloads:
        if given.cold:
            engines = [name for name in given.engines if ENGINES[name][0] == "keras_api"]
            taken = {
                name: [cold_start(environment_of(name, given.threads), workload) for _ in range(given.rounds)]
                for name in engines
            }
            found: dict[str, Any] = {
                name: {key: statistics.median(run[key] for run in runs) for key in ("cpu", "wall")}
                if all(runs)
                else {"missing": "did not run"}
                for name, runs in taken.items()
            }
        else:
            found = measure(workload, given.engines, given.rounds, given.threads)
        result["workloads"][workload] = found
        print(f"\n{table(workload, found, 's' if given.cold else 'us')}", flush=True)
    given.out.mkdir(parents=True, exist_ok=True)
    name = f"{'cold' if given.cold else 'fit'}-{given.threads}-thread{'s' * (given.threads > 1)}"
    (given.out / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    write_plot(result, given.out / f"{name}.png")


if __name__ == "__main__":
    main()
