"""Time minifit beside its peers and beside the limit on one GPU, in one run.

    python -m benchmarks gpu [--engines ...] [--workloads ...] [--rounds 7] [--tf32]

Training steps of every workload on every engine, each in a process of its own, which take turns. All compute in
float32 (products too, unless ``--tf32``), on the same batch sizes, with the data on the device wherever a framework can
keep them there. Figures are medians over rounds of the time per step: by the clock, by events on the device where a
library has them, and of the host's CPU. Below each table: the ratios that are aimed at, and whether this run met them.

Without a GPU the command says what is missing and exits with 2. ``--device cpu --rounds 1`` takes the same ways on the
processor, in small; it proves that they are there, and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .engines import ON_GPU as ENGINES_ON_GPU
from .engines.floor import TRAFFIC
from .engines.on_gpu import environment_on_gpu
from .measure import Engine, measure, run_script
from .report import steps_plot, table
from .workloads import ON_GPU, Workload

_OURS, _FLOOR = "minifit, data there", "gpu floor"
_KERAS = [name for name in ENGINES_ON_GPU if name.startswith("keras")]
_COLUMNS = {"wall": "clock", "events": "events", "cpu": "CPU"}

#: What is aimed at: a workload, against what, and the largest ratio of the times by the clock.
TARGETS: list[tuple[str, list[str], float]] = [
    *((f"gpu: classic b{n}", _KERAS, 0.7) for n in (32, 512, 4096)),
    ("gpu: wide b256", _KERAS, 0.7),
    ("gpu: wide b4096", _KERAS, 0.7),
    ("gpu: wide b4096", [_FLOOR], 1.3),
]

# In a process of its own: this one shall hold no memory of the GPU while others are measured.
_DESCRIBE = """
import json, sys
import minifit
try:
    minifit.set_device("gpu")
except RuntimeError as error:
    print(json.dumps({"missing": str(error)}))
    sys.exit()
xp = minifit.backend.xp()
cuda = xp.cuda
found = cuda.runtime.getDeviceProperties(0)
source, target = xp.ones(1 << 27, "float32"), xp.empty(1 << 27, "float32")
begin, end = cuda.Event(), cuda.Event()
taken = []
for _ in range(10):
    begin.record()
    target[...] = source
    end.record()
    end.synchronize()
    taken.append(cuda.get_elapsed_time(begin, end) / 1e3)
print(json.dumps({
    "GPU": found["name"].decode() if isinstance(found["name"], bytes) else str(found["name"]),
    "compute capability": f"{found['major']}.{found['minor']}",
    "memory, GB": round(minifit.backend.total_memory() / 1e9, 1),
    "bandwidth, GB/s": round(2 * source.nbytes / min(taken) / 1e9),
    "CUDA of the driver": cuda.runtime.driverGetVersion(),
    "CUDA of CuPy": cuda.runtime.runtimeGetVersion(),
    "cupy": xp.__version__,
}))
"""


def describe() -> dict[str, Any]:
    """Describe the GPU, or say under ``"missing"`` why there is none."""
    environment = {**os.environ, **environment_on_gpu(tf32=False)}
    environment.pop("MINIFIT_DEVICE")
    printed = run_script(_DESCRIBE, environment=environment, n_cores=os.cpu_count() or 1)
    found = json.loads(printed.splitlines()[-1]) if printed else {"missing": "CuPy did not describe the GPU."}
    if "missing" not in found and (tool := shutil.which("nvidia-smi")):
        asked = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(asked, capture_output=True, text=True, check=False)
        found["driver"] = done.stdout.partition("\n")[0].strip()
    return found


def bytes_moved(workload: Workload) -> int:
    """Return the bytes that a step has to move at the least: what the optimizer passes over, and the batch twice."""
    batch = workload.batch_size * math.prod(workload.input_shape)
    return 4 * (TRAFFIC[workload.optimizer] * workload.parameters + 2 * batch)


def verdicts(workload: str, found: dict[str, dict[str, Any]]) -> list[str]:
    """Return a line for each ratio that is aimed at: what it is in this run, and whether that is met."""
    lines = []
    for name, others, most in TARGETS:
        if name != workload:
            continue
        times = {other: found[other]["wall"] for other in others if "wall" in found.get(other, {})}
        what = "Keras' best" if others is _KERAS else " ".join(others)
        if not times or "wall" not in found.get(_OURS, {}):
            lines.append(f"  aim: at most {most:g} x {what}: not measured")
            continue
        best = min(times, key=times.__getitem__)
        ratio = found[_OURS]["wall"] / times[best]
        told = "met" if ratio <= most else "missed"
        lines.append(f"  aim: at most {most:g} x {what}: {ratio:.2f} x {best}, {told}")
    return lines


def _limits(workload: Workload, machine: dict[str, Any], found: dict[str, dict[str, Any]]) -> list[str]:
    lines = []
    bandwidth = machine.get("bandwidth, GB/s")
    if bandwidth:
        moved = bytes_moved(workload)
        lines.append(f"  {moved / 1e6:.2f} MB to be moved: {moved / bandwidth / 1e3:.1f} us at {bandwidth} GB/s")
    launches = found.get(_OURS, {}).get("launches")
    lines.append(f"  launches in minifit's step: {'not told' if launches is None else launches}")
    return lines


def main(arguments: list[str] | None = None) -> int:
    """Run the command; return its exit code."""
    from .__main__ import machine

    parser = argparse.ArgumentParser(prog="python -m benchmarks gpu", description=(__doc__ or "").partition("\n")[0])
    names = [name.removeprefix("gpu: ") for name in ON_GPU]
    parser.add_argument("--engines", nargs="+", choices=ENGINES_ON_GPU, metavar="ENGINE", default=ENGINES_ON_GPU)
    parser.add_argument("--workloads", nargs="+", choices=names, metavar="WORKLOAD", default=names)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--device", choices=["gpu", "cpu"], default="gpu", help="cpu proves the code, in small")
    parser.add_argument("--tf32", action="store_true", help="let products round their factors to 10 bits, everywhere")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="for the JSON and the plot")
    given = parser.parse_args(arguments)

    gpu = describe() if given.device == "gpu" else {}
    if "missing" in gpu:
        print(f"No GPU to measure: {gpu['missing']}", file=sys.stderr)
        return 2
    result: dict[str, Any] = {
        "machine": {**machine(), **gpu},
        "device": given.device,
        "tf32": given.tf32,
        "rounds": given.rounds,
        "found": {},
    }
    print(" · ".join(f"{name} {value}" for name, value in result["machine"].items()))
    given.out.mkdir(parents=True, exist_ok=True)
    path = given.out / f"{'gpu' if given.device == 'gpu' else 'gpu-in-small'}{'-tf32' if given.tf32 else ''}.json"
    in_small = {} if given.device == "gpu" else {"steps": 3, "epochs": 2}
    for name in given.workloads:
        workload, began = ON_GPU[f"gpu: {name}"], time.perf_counter()
        threads = os.cpu_count() or 1
        engines = {e: Engine(e, threads, device=given.device, tf32=given.tf32) for e in given.engines}
        found = measure(engines, workload.name, given.rounds, **in_small)
        lines = [table(name, found, ours=_OURS, columns=_COLUMNS, first="wall"), *_limits(workload, gpu, found)]
        aims = verdicts(workload.name, found) if given.device == "gpu" else []
        lines += aims
        print("\n" + "\n".join(lines) + f"\n  ({time.perf_counter() - began:.0f} s)", flush=True)
        result["found"][name] = {**found, "aims": {"told": aims}}
        path.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")  # a long run may be cut short
    where = ", ".join(str(gpu[key]) for key in ("GPU", "CUDA of CuPy") if key in gpu) or "in small, on the processor"
    steps_plot(result, path.with_suffix(".png"), key="wall", ours=_OURS, title=f"Time by the clock on {where}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
