"""Engines in processes of their own, which take turns: what a step costs each of them."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from .engines import ENGINES
from .engines.on_gpu import environment_on_gpu

ROOT = Path(__file__).parents[1]
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def environment_of(engine: str, threads: int, device: str = "cpu", tf32: bool = False) -> dict[str, str]:
    """Return the environment of an engine's process; more than one thread leaves each engine its own policy."""
    own = {**os.environ, **ENGINES[engine][1], "TF_CPP_MIN_LOG_LEVEL": "3", "BENCH_DEVICE": device}
    if device == "gpu":
        own |= environment_on_gpu(tf32)
    else:
        own["CUDA_VISIBLE_DEVICES"] = ""
    own["TF_NUM_INTRAOP_THREADS"] = own["TF_NUM_INTEROP_THREADS"] = str(threads)
    if threads == 1:
        own |= dict.fromkeys(_THREAD_VARIABLES, "1")
    return own


def cores(n: int) -> list[int] | None:
    """Return the first `n` cores that this process may use; None where nobody can say."""
    return sorted(os.sched_getaffinity(0))[:n] if hasattr(os, "sched_setaffinity") else None


def run_script(script: str, *arguments: str, environment: dict[str, str], n_cores: int) -> str:
    """Run Python code in a fresh process and return what it printed; nothing if it failed."""
    allowed = cores(n_cores)
    done: Any = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=(lambda: os.sched_setaffinity(0, allowed)) if allowed else None,
    )
    return done.stdout if done.returncode == 0 else ""


class Engine:
    """A worker process, spoken to line by line."""

    def __init__(
        self, name: str, threads: int, n_cores: int | None = None, device: str = "cpu", tf32: bool = False
    ) -> None:
        self.name = name
        allowed = cores(n_cores or threads)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.worker", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=ROOT,
            env=environment_of(name, threads, device, tf32),
            preexec_fn=(lambda: os.sched_setaffinity(0, allowed)) if allowed else None,
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


def measure(
    engines: dict[str, Engine], workload: str | dict[str, str], rounds: int, **changes: int
) -> dict[str, dict[str, Any]]:
    """Return, engine by engine, medians per step in seconds, or why there are none; the engines are closed.

    `workload` is one for all, or a workload an engine; `changes` are made to its attributes.
    """
    found: dict[str, dict[str, Any]] = {}
    of = workload if isinstance(workload, dict) else dict.fromkeys(engines, workload)
    try:
        for name, engine in engines.items():
            found[name] = engine.ask(prepare=of[name], changes=changes)
        facts = {name: answer.get("facts", {}) for name, answer in found.items()}
        ready = [name for name in engines if "missing" not in found[name]]
        runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ready}
        for _ in range(rounds):
            for name in ready:
                runs[name].append(engines[name].ask(run=1))
        for name in ready:
            failed = [answer for answer in runs[name] if "missing" in answer]
            found[name] = failed[0] if failed else _summary(runs[name]) | facts[name]
    finally:
        for engine in engines.values():
            engine.close()
    return found


def _summary(answers: list[dict[str, Any]]) -> dict[str, Any]:
    keys = [key for key in ("cpu", "wall", "events") if key in answers[0]]
    of_a_step = {key: [answer[key] / answer["steps"] for answer in answers] for key in keys}
    return {
        **{key: statistics.median(values) for key, values in of_a_step.items()},
        **{f"least_{key}": min(values) for key, values in of_a_step.items()},
    }
