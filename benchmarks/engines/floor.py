"""The limits: the matrix products of a step alone, and these with the memory that a step must move.

The products go into arrays that are there already: no engine on this BLAS can be faster. With ``"traffic"`` the batch
is copied out of the data, too, and as much memory is copied as an optimizer has to read and write (gradient, weights
and its own state, each once): no engine whose optimizer is a pass over them can be faster, whatever it is written in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured

#: Numbers that an optimizer reads or writes for each parameter: Adam reads g, w, m, v and writes w, m, v.
TRAFFIC = {"adam": 7, "momentum": 5}


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, mode: str) -> Callable[[], Any]:
    if workload.features_on or (mode == "traffic" and workload.task != "fit"):
        raise NotMeasured
    if mode != "traffic" and "embedding" in workload.kinds:
        raise NotMeasured  # nearly all of such a step is no product
    rng = np.random.default_rng(0)
    calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(rows: int, inner: int, columns: int) -> None:
        a, b = rng.random((rows, inner), dtype="float32"), rng.random((inner, columns), dtype="float32")
        calls.append((a, b, np.empty((rows, columns), "float32")))

    fit = workload.task == "fit"
    joined = 1 if fit or "conv" in workload.kinds else 4096 // workload.batch_size
    for i, (rows, inner, columns) in enumerate(workload.products()):
        add(rows * joined, inner, columns)
        if fit:
            add(inner, rows, columns)
            calls[-1] = (calls[-1][0].T.copy().T, calls[-1][1], calls[-1][2])  # xᵀ is a view in real life
            if i or "embedding" in workload.kinds:
                add(rows, columns, inner)
                calls[-1] = (calls[-1][0], calls[-1][1].T.copy().T, calls[-1][2])
    repeats = -(-workload.steps // joined)
    moved = TRAFFIC[workload.optimizer] * workload.parameters // 2  # a copy reads and writes
    source, target = rng.random(moved, dtype="float32"), np.empty(moved, "float32")
    batch = np.empty_like(x[: workload.batch_size])

    def run() -> None:
        for step in range(repeats):
            for a, b, out in calls:
                np.dot(a, b, out=out)
            if mode == "traffic":
                np.copyto(target, source)
                start = step * workload.batch_size
                np.copyto(batch, x[start : start + workload.batch_size])

    return run
