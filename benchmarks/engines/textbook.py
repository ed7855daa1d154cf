"""NumPy as textbooks write it: forward, backward and Adam array by array, with no thought of speed."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, _: str) -> Callable[[], Any]:
    if workload.kinds - {"dense", "dropout"} or workload.features_on or workload.task != "fit":
        raise NotMeasured
    rng = np.random.default_rng(0)
    sizes = [workload.input_shape[0], *(numbers[0] for kind, *numbers in workload.layers if kind == "dense")]
    rate = next((numbers[0] for kind, *numbers in workload.layers if kind == "dropout"), 0.0)
    weights = [rng.normal(0, 0.05, size).astype("float32") for size in pairwise(sizes)]
    biases = [np.zeros(size, "float32") for size in sizes[1:]]
    parameters = [*weights, *biases]
    m, v = [np.zeros_like(p) for p in parameters], [np.zeros_like(p) for p in parameters]
    t = 0

    def gradients(batch: np.ndarray, target: np.ndarray) -> list[np.ndarray]:
        activations, masks = [batch], []
        for w, b in zip(weights[:-1], biases[:-1], strict=True):
            hidden = np.maximum(activations[-1] @ w + b, 0)
            mask = (rng.random(hidden.shape, dtype="float32") >= rate) / np.float32(1 - rate)
            masks.append(mask)
            activations.append(hidden * mask if rate else hidden)
        outputs = activations[-1] @ weights[-1] + biases[-1]
        if workload.loss == "mse":
            d = 2 * (outputs - target) / outputs.size
        else:
            p = np.exp(outputs - outputs.max(axis=1, keepdims=True))
            p /= p.sum(axis=1, keepdims=True)
            d = p.copy()
            d[np.arange(len(d)), target] -= 1
            d /= len(d)
        dw: list[np.ndarray] = []
        db: list[np.ndarray] = []
        for i in range(len(weights) - 1, -1, -1):
            dw.insert(0, activations[i].T @ d)
            db.insert(0, d.sum(axis=0))
            if i:
                d = (d @ weights[i].T) * (masks[i - 1] if rate else 1) * (activations[i] > 0)
        return [*dw, *db]

    def run() -> None:
        nonlocal t
        for rows in rng.permutation(len(x)).reshape(workload.steps, workload.batch_size):
            t += 1
            for i, g in enumerate(gradients(x[rows], y[rows])):
                if workload.optimizer == "adam":
                    m[i] = 0.9 * m[i] + 0.1 * g
                    v[i] = 0.999 * v[i] + 0.001 * g**2
                    parameters[i] -= 0.001 * (m[i] / (1 - 0.9**t)) / (np.sqrt(v[i] / (1 - 0.999**t)) + 1e-7)
                else:
                    m[i] = 0.9 * m[i] - 0.01 * g
                    parameters[i] += m[i]

    return run
