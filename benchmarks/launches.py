"""Count what a training step does to a GPU, through real CuPy, on a machine without one.

    python -m tests.cuda_on_host -m benchmarks.launches ["classic b32" ...]

The stand-in for CUDA's driver (``tests/cuda_on_host``) counts every call that CuPy makes into it. A `fit` of twice as
many batches does what a step does so many times more; what it does once a `fit`, or once an epoch, falls out.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from typing import Any

from .workloads import ON_GPU, Workload

_COUNTED = ("launches", "products", "within", "fills", "to_device", "to_host", "waits")


def per_step(workload: Workload, steps: int) -> dict[str, float]:
    """Return how often a step of `fit` does each of the things that are counted."""
    from tests import cuda_on_host

    os.environ["BENCH_ENGINE"] = "minifit"
    from .engines.keras_api import build

    keras, model = build(workload)
    x, y = dataclasses.replace(workload, steps=2 * steps).data()
    x, y = keras.backend.asarray(x), keras.backend.asarray(y)

    def counts(n: int) -> dict[str, Any]:
        rows = n * workload.batch_size
        with cuda_on_host.counting() as counted:
            model.fit(x[:rows], y[:rows], batch_size=workload.batch_size, verbose=0)
        return counted

    counts(steps)  # which records the step, and compiles its kernels
    few, many = counts(steps), counts(2 * steps)
    return {name: (many[name] - few[name]) / steps for name in _COUNTED}


def main(names: list[str]) -> None:
    """Print a line a workload."""
    import minifit

    minifit.set_device("gpu")
    print(f"{'a step of':16}" + "".join(f"{name:>11}" for name in _COUNTED))
    for workload in ON_GPU.values():
        name = workload.name.removeprefix("gpu: ")
        if not names or name in names:
            # Loss and metrics look at about 4,096 samples at a time.
            found = per_step(workload, max(6, min(128, 8192 // workload.batch_size)))
            print(f"{name:16}" + "".join(f"{found[key]:11.2f}" for key in _COUNTED), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
