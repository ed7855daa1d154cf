"""scikit-learn's multilayer perceptron, which has dense layers with relu, and no dropout."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, _: str) -> Callable[[], Any]:
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if workload.kinds - {"dense", "dropout"} or workload.features_on:
        raise NotMeasured
    warnings.simplefilter("ignore")
    kind = MLPRegressor if workload.loss == "mse" else MLPClassifier
    solver = {"solver": "adam"} if workload.optimizer == "adam" else {"solver": "sgd", "momentum": 0.9}
    model: Any = kind(
        hidden_layer_sizes=[numbers[0] for name, *numbers in workload.layers[:-1] if name == "dense"],
        batch_size=workload.batch_size,
        alpha=0.0,
        max_iter=1,
        warm_start=True,
        **solver,
    )
    target = y.ravel() if workload.loss == "mse" else y
    if workload.task == "fit":
        return lambda: model.fit(x, target)
    model.fit(x[:4096], target[:4096])
    return (lambda: model.predict_proba(x)) if workload.task == "predict" else (lambda: model.score(x, target))
