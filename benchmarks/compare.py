"""Time minifit's `fit` beside Keras' in one run, and print the ratios.

    python benchmarks/compare.py [--rounds 7]

The same script trains the same model on the same random data with each engine, in turns, so that
whatever else the machine does disturbs all of them alike. Figures are medians of CPU time; one BLAS
thread. Keras runs on the backend that KERAS_BACKEND names; without Keras installed that is said.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import minifit

WORKLOADS = {
    # name: (features, hidden layers, outputs, dropout, batch size, steps a round)
    "small 10-16-1, batch 32": (10, [16], 1, 0.0, 32, 300),
    "classic 784-128-dropout-10, batch 32": (784, [128], 10, 0.2, 32, 300),
    "classic, batch 512": (784, [128], 10, 0.2, 512, 40),
}


def training_run(keras: Any, workload: str) -> Callable[[], None]:
    """Return a function that trains for one epoch."""
    features, hidden, outputs, dropout, batch_size, steps = WORKLOADS[workload]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch_size * steps, features)).astype("float32")
    layers = [keras.Input(shape=(features,))]
    for units in hidden:
        layers.append(keras.layers.Dense(units, activation="relu"))
        if dropout:
            layers.append(keras.layers.Dropout(dropout))
    if outputs == 1:
        y = rng.standard_normal((len(x), 1)).astype("float32")
        model = keras.Sequential([*layers, keras.layers.Dense(1)])
        model.compile(optimizer="adam", loss="mse")
    else:
        y = rng.integers(0, outputs, len(x))
        model = keras.Sequential([*layers, keras.layers.Dense(outputs, activation="softmax")])
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return lambda: model.fit(x, y, batch_size=batch_size, epochs=1, verbose=0) and None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    engines = {"minifit": minifit}
    try:
        import keras
    except ImportError:
        print("Keras is not installed: minifit is timed alone.")
    else:
        if keras.backend.backend() == "torch":
            import torch

            torch.set_num_threads(1)
        engines[f"Keras {keras.__version__} ({keras.backend.backend()})"] = keras

    print(f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, NumPy {np.__version__}")
    for workload, (*_, steps) in WORKLOADS.items():
        runs = {name: training_run(engine, workload) for name, engine in engines.items()}
        times: dict[str, list[float]] = {name: [] for name in runs}
        for run in runs.values():
            run()
        for _ in range(rounds):
            for name, run in runs.items():
                start = time.process_time()
                run()
                times[name].append((time.process_time() - start) / steps)
        medians = {name: statistics.median(values) for name, values in times.items()}
        ours = medians["minifit"]
        print(f"\n{workload}")
        for name, value in medians.items():
            print(f"  {name:28} {value * 1e6:9.0f} us of CPU a step   {value / ours:5.1f} x minifit's")


if __name__ == "__main__":
    main()
