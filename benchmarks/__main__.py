"""Time minifit beside its peers and beside the limit, in one run.

    python -m benchmarks [steps|features|cold|memory|growth|busy] [--engines minifit ...] [--workloads "small b32" ...]
    python -m benchmarks gpu [...]

``steps`` (the default) times training steps, evaluate and predict; ``features`` a step with validation, class weights
and three callbacks beside one without; ``cold`` the way from the start of a process to its first finished epoch, and
the import alone; ``memory`` the most memory while training; ``growth`` how the time of an epoch grows with samples,
width and depth; ``busy`` what two threads do while another process wants a core; ``gpu`` steps on a GPU (``gpu.py``).

Every engine lives in a process of its own; they take turns, round by round, so that whatever else the machine does
disturbs all of them alike. Figures are medians of CPU time (and of the clock) per training step. A peer that is not
installed is named. ``pip install -e ".[bench]"`` installs them all. Results are kept as JSON, with a plot.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import gpu
from .busy import busy
from .cold import cold_start
from .engines import ENGINES, ON_CPU
from .measure import Engine, measure
from .memory import memory_table, peak_memory
from .report import growth_plot, growth_table, steps_plot, table
from .workloads import GROWTH, WORKLOADS

_PEERS = ("numpy", "keras", "tensorflow", "jax", "torch", "scikit-learn", "tinygrad")
_KERAS_LIKE = [name for name in ON_CPU if ENGINES[name][0] == "keras_api"]


def machine() -> dict[str, Any]:
    """Describe where the figures were taken, and with which versions."""
    model = ""
    if Path("/proc/cpuinfo").exists():
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    return {
        "processor": model or platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
        **{name: _version(name) for name in _PEERS},
        "others at work (load)": round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None,
        "date": time.strftime("%Y-%m-%d"),
    }


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


Found = Iterator[tuple[str, dict[str, Any]]]  #: pairs of what was measured and the figures, engine by engine


def steps(given: argparse.Namespace) -> Found:
    """Time every workload on every engine."""
    for workload in given.workloads or WORKLOADS:
        engines = {name: Engine(name, given.threads) for name in given.engines or ON_CPU}
        found = measure(engines, workload, given.rounds)
        print(f"\n{table(workload, found)}")
        yield workload, found


def features(given: argparse.Namespace) -> Found:
    """Time a step with all features of `fit` on beside one with all of them off."""
    for engine in given.engines or _KERAS_LIKE:
        workloads = {"off": "classic b32", "on": "classic b32, all features on"}
        found = measure({name: Engine(engine, given.threads) for name in workloads}, workloads, given.rounds)
        print(f"\n{table(f'features: {engine}', found, ours='off')}")
        yield engine, found


def cold(given: argparse.Namespace) -> Found:
    """Time the first epoch of a process, and an import."""
    for workload in given.workloads or ["import", "small b32", "classic b32"]:
        engines = given.engines or [*_KERAS_LIKE, *(["floor"] if workload == "import" else [])]
        found = {name: cold_start(name, workload, given.rounds, given.threads) for name in engines}
        print(f"\n{table(f'cold: {workload}', found, 's')}")
        yield workload, found


def memory(given: argparse.Namespace) -> Found:
    """Measure peak memory."""
    found = {name: peak_memory(name) for name in given.engines or _KERAS_LIKE}
    print(f"\n{memory_table(found)}")
    yield "classic b32, 60,000 samples", found


def growth(given: argparse.Namespace) -> Found:
    """Time an epoch of ever more samples, and a step of ever wider and deeper models."""
    engines = given.engines or ["minifit", "keras-jax", "keras-tensorflow", "torch-fused", "floor"]
    for kind, workloads in GROWTH.items():
        found = {w.name: measure({e: Engine(e, 1) for e in engines}, w.name, given.rounds) for w in workloads}
        print(f"\n{growth_table(kind, found)}")
        yield kind, found


def beside_others(given: argparse.Namespace) -> Found:
    """Time steps while another process wants one of the two cores."""
    for workload in given.workloads or ["classic b32", "classic b512"]:
        found = busy(workload, given.engines or ["minifit"], given.rounds)
        print(f"\n{table(f'busy: {workload}', found, ours='minifit, 1 thread')}")
        yield workload, found


KINDS: dict[str, Callable[[argparse.Namespace], Found]] = {
    "steps": steps,
    "features": features,
    "cold": cold,
    "memory": memory,
    "growth": growth,
    "busy": beside_others,
}


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["gpu"]:
        return gpu.main(arguments[1:])
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("kind", nargs="?", choices=[*KINDS], default="steps")
    parser.add_argument("--engines", nargs="+", choices=ON_CPU, metavar="ENGINE", help=", ".join(ON_CPU))
    parser.add_argument("--workloads", nargs="+", metavar="WORKLOAD", help=", ".join(WORKLOADS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="for the JSON and the plot")
    given = parser.parse_args(arguments)
    unknown = set(given.workloads or ()) - {*WORKLOADS, "import"}
    if unknown:
        parser.error(f"unknown workloads: {', '.join(sorted(unknown))}. There are: {', '.join(WORKLOADS)}.")

    result: dict[str, Any] = {"machine": machine(), "threads": given.threads, "rounds": given.rounds, "found": {}}
    print(" · ".join(f"{name} {value}" for name, value in result["machine"].items()))
    given.out.mkdir(parents=True, exist_ok=True)
    threads = f"-{given.threads}-threads" if given.threads > 1 else ""
    path = given.out / f"{given.kind}{threads}.json"
    for name, found in KINDS[given.kind](given):
        sys.stdout.flush()
        result["found"][name] = found
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")  # a long run may be cut short
    draw = {"steps": steps_plot, "growth": growth_plot}.get(given.kind)
    if draw is not None:
        draw(result, path.with_suffix(".png"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
