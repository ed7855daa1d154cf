"""The limit: the matrix products of a step alone, into arrays that are there already.

No engine on this BLAS can be faster. What an optimizer's memory traffic adds is no part of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured


def products(workload: Workload) -> list[tuple[int, int, int]]:
    """Return (rows, inner, columns) of every product of one forward pass."""
    rows, shape = workload.batch_size, workload.input_shape
    found = []
    for kind, *numbers in workload.layers:
        if kind == "dense":
            found.append((rows, shape[-1], numbers[0]))
            shape = (numbers[0],)
        elif kind == "conv":
            shape = (shape[0] - 2, shape[1] - 2, shape[2])
            found.append((rows * shape[0] * shape[1], 9 * shape[2], numbers[0]))
            shape = (*shape[:2], numbers[0])
        elif kind == "pool":
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif kind == "flatten":
            shape = (int(np.prod(shape)),)
        elif kind != "dropout":
            raise NotMeasured
    return found


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, _: str) -> Callable[[], Any]:
    if workload.features_on:
        raise NotMeasured
    rng = np.random.default_rng(0)
    calls: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []

    def add(rows: int, inner: int, columns: int) -> None:
        a, b = rng.random((rows, inner), dtype="float32"), rng.random((inner, columns), dtype="float32")
        calls.append((a, b, np.empty((rows, columns), "float32")))

    for i, (rows, inner, columns) in enumerate(products(workload)):
        rows *= 1 if workload.task == "fit" else 4096 // workload.batch_size
        add(rows, inner, columns)
        if workload.task == "fit":
            add(inner, rows, columns)
            calls[-1] = (calls[-1][0].T.copy().T, calls[-1][1], calls[-1][2])  # xᵀ is a view in real life
            if i:
                add(rows, columns, inner)
                calls[-1] = (calls[-1][0], calls[-1][1].T.copy().T, calls[-1][2])
    repeats = workload.steps if workload.task == "fit" else -(-workload.samples // 4096)

    def run() -> None:
        for _ in range(repeats):
            for a, b, out in calls:
                np.dot(a, b, out=out)

    return run
