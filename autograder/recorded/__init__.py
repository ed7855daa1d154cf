"""Runs of real Keras that a learner's `fit` is held against; `record.py` beside this file made them.

Everything that was left to chance is kept with a run, the first weights and the order of the rows in every
epoch, so that another engine can take the very same steps.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

FOLDER = Path(__file__).resolve().parent

#: name → what is special about it, beside the settings that all runs share.
RUNS: dict[str, dict[str, Any]] = {
    "held_out": {"epochs": 12, "validation": "the test images, as validation_data"},
    "split_off": {"epochs": 4, "validation_split": 0.3, "validation_freq": 2},
}
SHARED: dict[str, Any] = {"batch_size": 32, "learning_rate": 0.001, "units": [24, 10], "data": "digits"}


@dataclass(frozen=True)
class KerasRun:
    """One recorded `fit` of real Keras, in 64-bit numbers.

    Attributes
    ----------
    made_with : str
        Such as ``"Keras 3.15.1 on torch, float64"``.
    settings : dict
        ``batch_size``, ``learning_rate``, ``units``, ``epochs`` and what else was passed to `fit`.
    weights, final_weights : list of arrays
        Kernel and bias of each layer, before and after.
    orders : (epochs, rows) int
        Which row came when, epoch by epoch.
    steps : dict of (epochs · batches,) arrays
        "loss" and "accuracy" as Keras reported them after each batch: running means of the epoch.
    history : dict of lists
        `History.history`.
    evaluation : dict
        What `evaluate` gave on the test images afterwards.
    predictions : (rows, classes)
        What `predict` gave for them.
    """

    made_with: str
    settings: dict[str, Any]
    weights: list[Array]
    final_weights: list[Array]
    orders: Array
    steps: dict[str, Array]
    history: dict[str, list[float]]
    evaluation: dict[str, float]
    predictions: Array


def keras_run(name: str = "held_out") -> KerasRun:
    """Return a recorded run of Keras.

    Parameters
    ----------
    name : {"held_out", "split_off"}
        The first is validated on the test images after each of 12 epochs; the second holds out the last 30 %
        of its rows and looks at them after every second of 4 epochs.

    Raises
    ------
    ValueError
        An unknown name.

    Examples
    --------
    >>> run = keras_run()
    >>> run.orders.shape, run.weights[0].shape, len(run.history["loss"])
    ((12, 1438), (64, 24), 12)
    """
    if name not in RUNS:
        raise ValueError(f"keras_run(name) expects one of {', '.join(RUNS)}; got {name!r}.")
    with np.load(FOLDER / f"{name}.npz", allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    about = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return KerasRun(
        made_with=about["made_with"],
        settings=about["settings"],
        weights=_numbered(arrays, "weights"),
        final_weights=_numbered(arrays, "final_weights"),
        orders=arrays["orders"].astype(int),
        steps={key: arrays[f"steps_{key}"] for key in ("loss", "accuracy")},
        history=about["history"],
        evaluation=about["evaluation"],
        predictions=arrays["predictions"],
    )


def _numbered(arrays: dict[str, Array], name: str) -> list[Array]:
    """Arrays stored as name_0, name_1, ... as a list."""
    return [arrays[f"{name}_{i}"] for i in range(sum(key.rpartition("_")[0] == name for key in arrays))]
