"""minifit and Keras: the same script, one import apart."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from .on_gpu import resident, wanted

_LAYERS: dict[str, Callable[..., list[Any]]] = {
    "dense": lambda layers, units, activation: [layers.Dense(units, activation=activation)],
    "dropout": lambda layers, rate: [layers.Dropout(rate)],
    "conv": lambda layers, filters: [layers.Conv2D(filters, 3, activation="relu")],
    "pool": lambda layers: [layers.MaxPooling2D()],
    "flatten": lambda layers: [layers.Flatten()],
    "embedding": lambda layers, words, size, masked=False: [layers.Embedding(words, size, mask_zero=masked)],
    "normalize": lambda layers: [layers.LayerNormalization()],
    "average": lambda layers: [layers.GlobalAveragePooling1D()],
}


def build(workload: Workload) -> tuple[Any, Any]:
    """Return the engine's module and a compiled model."""
    keras = importlib.import_module(os.environ["BENCH_ENGINE"])
    dtype = "int32" if workload.layers[0][0] == "embedding" else None
    layers: list[Any] = [keras.Input(shape=workload.input_shape, dtype=dtype)]
    for kind, *numbers in workload.layers:
        layers += _LAYERS[kind](keras.layers, *numbers)
    model = keras.Sequential(layers)
    optimizer = "adam" if workload.optimizer == "adam" else keras.optimizers.SGD(0.01, momentum=0.9)
    metrics = [] if workload.loss == "mse" else ["accuracy"]
    model.compile(optimizer=optimizer, loss=workload.loss, metrics=metrics)
    return keras, model


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, extra: str = "") -> Callable[[], Any]:
    if extra == "fast":
        importlib.import_module("numba")
    keras, model = build(workload)
    if workload.task == "predict":
        return lambda: model.predict(x, verbose=0)
    if workload.task == "evaluate":
        return lambda: model.evaluate(x, y, verbose=0)
    if extra == "resident":
        x, y = resident(x), resident(y)
    options: dict[str, Any] = {"epochs": workload.epochs}
    if workload.features_on:
        held_out = len(x) // 10

        def options_of_a_run() -> dict[str, Any]:
            callbacks = keras.callbacks
            return {
                "validation_data": (x[:held_out], y[:held_out]),
                "class_weight": {0: 2.0, 1: 0.5},
                "callbacks": [
                    callbacks.EarlyStopping(patience=100),
                    callbacks.LearningRateScheduler(lambda epoch, rate: rate),
                    callbacks.TerminateOnNaN(),
                ],
            }
    else:

        def options_of_a_run() -> dict[str, Any]:
            return options

    def run() -> None:
        model.fit(x, y, batch_size=workload.batch_size, verbose=0, **options_of_a_run())

    run.facts = lambda: _launches(model)  # type: ignore[attr-defined]
    return run


def _launches(model: Any) -> dict[str, Any]:
    """Return what minifit's recorded step launches on a device, and the optimizer after it, which is one more."""
    recorded = getattr(getattr(model, "_repeated", None), "launches", None)
    if not recorded or not wanted():
        return {}
    names = max(recorded.values(), key=len)
    return {"launches": len(names) + 1, "launched": [*names, "optimizer"]}
