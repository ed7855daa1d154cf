"""tinygrad with its compiled training step, on its CPU device."""

from __future__ import annotations

import os
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, _: str) -> Callable[[], Any]:
    if workload.kinds - {"dense", "dropout"} or workload.features_on or workload.task != "fit":
        raise NotMeasured
    os.environ.setdefault("DEV", "CPU")
    from tinygrad import Tensor, TinyJit, nn

    sizes = [workload.input_shape[0], *(numbers[0] for kind, *numbers in workload.layers if kind == "dense")]
    linear = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    weights = [w for layer in linear for w in (layer.weight, layer.bias)]
    adam = workload.optimizer == "adam"
    optimizer: Any = nn.optim.Adam(weights, lr=0.001) if adam else nn.optim.SGD(weights, lr=0.01, momentum=0.9)
    rates = [numbers[0] for kind, *numbers in workload.layers if kind == "dropout"]

    @TinyJit
    def step(batch: Any, target: Any) -> Any:
        with Tensor.train():
            for layer in linear[:-1]:
                batch = layer(batch).relu()
                batch = batch.dropout(rates[0]) if rates else batch
            outputs = linear[-1](batch)
            loss = (
                ((outputs - target) ** 2).mean()
                if workload.loss == "mse"
                else outputs.sparse_categorical_crossentropy(target)
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss.realize()

    rng = np.random.default_rng(0)

    def run() -> None:
        for rows in rng.permutation(len(x)).reshape(workload.steps, workload.batch_size):
            loss = step(Tensor(x[rows]).realize(), Tensor(y[rows]).realize())
        loss.item()

    return run
