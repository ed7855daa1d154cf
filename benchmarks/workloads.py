"""What is timed: models, data and tasks, described once for every engine."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

#: A layer is a tuple of its kind and its numbers: ("dense", units, activation), ("dropout", rate),
#: ("conv", filters), which is 3 x 3 with relu, ("pool",), which is 2 x 2, ("flatten",), ("embedding", words, size) or
#: ("embedding", words, size, True), where 0 is masked, ("average",), ("normalize",), which is LayerNormalization.
Layer = tuple[Any, ...]


@dataclass(frozen=True)
class Workload:
    """One thing to be timed.

    Attributes
    ----------
    input_shape : tuple of int
        Of one sample.
    steps : int
        Batches in a timed round.
    task : {"fit", "evaluate", "predict"}
    features_on : bool
        Whether `fit` validates, weighs classes and calls three callbacks.
    epochs : int
        How often a timed round goes through the data.
    """

    name: str
    input_shape: tuple[int, ...]
    layers: tuple[Layer, ...]
    batch_size: int
    steps: int
    optimizer: str = "adam"
    loss: str = "sparse_categorical_crossentropy"
    task: str = "fit"
    features_on: bool = False
    epochs: int = 1

    @property
    def outputs(self) -> int:
        return int(self.layers[-1][1])

    @property
    def kinds(self) -> set[str]:
        """The kinds of layers in it."""
        return {kind for kind, *_ in self.layers}

    @property
    def parameters(self) -> int:
        """How many numbers are trained."""
        return sum(inner * columns + columns for _, inner, columns in self.products()) + sum(
            math.prod(numbers[:2]) for kind, *numbers in self.layers if kind == "embedding"
        )

    def products(self) -> list[tuple[int, int, int]]:
        """Return (rows, inner, columns) of every matrix product of one forward pass."""
        rows, shape = self.batch_size, self.input_shape
        found = []
        for kind, *numbers in self.layers:
            if kind == "dense":
                found.append((rows * math.prod(shape[:-1]), shape[-1], numbers[0]))
                shape = (*shape[:-1], numbers[0])
            elif kind == "conv":
                shape = (shape[0] - 2, shape[1] - 2, shape[2])
                found.append((rows * shape[0] * shape[1], 9 * shape[2], numbers[0]))
                shape = (*shape[:2], numbers[0])
            elif kind == "pool":
                shape = (shape[0] // 2, shape[1] // 2, shape[2])
            elif kind == "flatten":
                shape = (math.prod(shape),)
            elif kind == "embedding":
                shape = (*shape, numbers[1])
            elif kind == "average":
                shape = (shape[-1],)
        return found

    @property
    def samples(self) -> int:
        return self.batch_size * self.steps

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Return x and y, the same in every process."""
        rng = np.random.default_rng(0)
        if self.layers[0][0] == "embedding":
            x = rng.integers(0, self.layers[0][1], (self.samples, *self.input_shape)).astype("int32")
        else:
            x = rng.random((self.samples, *self.input_shape), dtype="float32")
        if self.loss == "mse":
            return x, rng.random((self.samples, self.outputs), dtype="float32")
        return x, rng.integers(0, self.outputs, self.samples)


def _dense(*units: int, last: int, dropout: float = 0.0) -> tuple[Layer, ...]:
    hidden: list[Layer] = []
    for n in units:
        hidden += [("dense", n, "relu"), *([("dropout", dropout)] if dropout else [])]
    return (*hidden, ("dense", last, "softmax" if last > 1 else None))


_CLASSIC = _dense(128, last=10, dropout=0.2)
_CNN: tuple[Layer, ...] = (
    *(("conv", 32), ("pool",), ("conv", 64), ("pool",)),
    *(("flatten",), ("dense", 128, "relu"), ("dense", 10, "softmax")),
)
_TEXT: tuple[Layer, ...] = (("embedding", 5000, 64), ("average",), ("dense", 64, "relu"), ("dense", 2, "softmax"))

_MASKED: tuple[Layer, ...] = (("embedding", 5000, 64, True), *_TEXT[1:])
_NORMALIZED: tuple[Layer, ...] = (*(("dense", 128, "gelu"), ("normalize",)) * 4, ("dense", 10, "softmax"))

WORKLOADS: dict[str, Workload] = {
    w.name: w
    for w in (
        Workload("small b32", (10,), _dense(16, last=1), 32, 500, loss="mse"),
        Workload("classic b32", (784,), _CLASSIC, 32, 400),
        Workload("classic b128", (784,), _CLASSIC, 128, 150),
        Workload("classic b512", (784,), _CLASSIC, 512, 50),
        Workload("classic b4096", (784,), _CLASSIC, 4096, 8),
        Workload("wide b256", (784,), _dense(1024, 1024, last=10), 256, 8, optimizer="momentum"),
        Workload("deep b32", (64,), _dense(*[64] * 20, last=10), 32, 100),
        Workload("cnn b64", (28, 28, 1), _CNN, 64, 12),
        Workload("cnn predict", (28, 28, 1), _CNN, 32, 60, task="predict"),
        Workload("text b32", (80,), _TEXT, 32, 150),
        Workload("text b32, masked", (80,), _MASKED, 32, 150),
        Workload("layer norm + gelu b32", (64,), _NORMALIZED, 32, 150),
        Workload("evaluate 60,000", (784,), _CLASSIC, 32, 1875, task="evaluate"),
        Workload("predict 60,000", (784,), _CLASSIC, 32, 1875, task="predict"),
        Workload("classic b32, all features on", (784,), _CLASSIC, 32, 400, features_on=True),
    )
}

#: What is timed on a GPU: enough steps for a round to last, and few enough for the data to lie there whole.
ON_GPU: dict[str, Workload] = {
    w.name: w
    for w in (
        Workload("gpu: classic b32", (784,), _CLASSIC, 32, 500, epochs=2),
        Workload("gpu: classic b512", (784,), _CLASSIC, 512, 100, epochs=5),
        Workload("gpu: classic b4096", (784,), _CLASSIC, 4096, 20, epochs=10),
        Workload("gpu: wide b256", (784,), _dense(1024, 1024, last=10), 256, 100, optimizer="momentum", epochs=4),
        Workload("gpu: wide b4096", (784,), _dense(1024, 1024, last=10), 4096, 20, optimizer="momentum", epochs=5),
        Workload("gpu: cnn b64", (28, 28, 1), _CNN, 64, 200, epochs=2),
        Workload("gpu: text b32", (80,), _TEXT, 32, 500, epochs=2),
    )
}

#: What grows, to the workloads that it grows through.
GROWTH: dict[str, list[Workload]] = {
    "samples": [Workload(f"{32 * n} samples", (784,), _CLASSIC, 32, n) for n in (50, 100, 200, 400, 800, 1600)],
    "width": [Workload(f"width {n}", (n,), _dense(n, n, last=10), 128, 8) for n in (32, 64, 128, 256, 512, 1024)],
    "depth": [Workload(f"depth {n}", (64,), _dense(*[64] * n, last=10), 32, 50) for n in (1, 2, 5, 10, 20, 40)],
}


def workload_named(name: str) -> Workload:
    """Return a workload of any table."""
    grown = {w.name: w for ws in GROWTH.values() for w in ws}
    return (WORKLOADS | ON_GPU | grown)[name]
