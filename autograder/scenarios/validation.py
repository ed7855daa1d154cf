"""How the exercises of notebook 10 are driven: on the stand-ins of notebook 09, grown by what 10 needs.

In grading these run in the learner's process, so nothing here may import the reference or the engine.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .fit import Compiled, Fittable, history_of, in_order, numbered, rows, step

Arrays = Any


def test_step(
    test_step: Callable[..., Any], batches: list[tuple[Arrays, Arrays]], kernel: Arrays, rate: float
) -> dict[str, Any]:
    """Take test steps on a model, with a note of whether anybody walked backwards."""
    walked = []

    def watched(model: Compiled, x: Arrays, y: Arrays) -> Any:
        logs = test_step(model, x, y)
        walked.append(model.backwards)
        return logs

    outputs = step(watched, batches, kernel, rate)
    outputs["calls of backward"] = walked[-1] if walked else 0
    return outputs


class Evaluable(Fittable):
    """A model whose test steps note which rows they got, and after how many train steps."""

    def __init__(self, orders: list[list[int]]) -> None:
        super().__init__(orders)
        self.tested: list[str] = []

    def test_step(self, x: Any, y: Any) -> dict[str, float]:
        after = f"after step {self.steps}: " if self.steps else ""
        self.tested.append(after + self._told(x, y))
        self.metrics["loss"].update(float(np.mean(y)) / (self.steps + 1) - 5, len(x))
        self.metrics["late"].update(np.asarray(y, dtype=float) - self.steps)
        return self.logs()

    def evaluate(self, x: Any, y: Any, batch_size: int = 32) -> dict[str, float]:
        """Evaluate as the model does: with metrics emptied first."""
        logs: dict[str, float] = {}
        if not len(x):
            raise ValueError("evaluate(x, y) got no rows: is there anything to validate on?")
        for metric in self.metrics.values():
            metric.seen = []
        for start in range(0, len(x), batch_size):
            logs = self.test_step(x[start : start + batch_size], y[start : start + batch_size])
        return logs


def evaluate(evaluate: Callable[..., Any], n: int, features: int, batch_size: int | None) -> dict[str, Any]:
    """Evaluate a model twice; its metrics still hold an earlier run.

    Parameters
    ----------
    n, features : int
        The shape of x.
    batch_size : int, optional
        None: it is left to its default.
    """
    model = Evaluable([list(range(n))[::-1]])
    x, y = numbered(n, features)
    arguments = [] if batch_size is None else [batch_size]
    first = evaluate(model, x, y, *arguments)
    outputs: dict[str, Any] = {"what each test_step got": list(model.tested), "what comes back": first}
    outputs["what comes back the second time"] = evaluate(model, x, y, *arguments)
    outputs["train steps taken"] = model.steps
    return outputs


class Predicting(Compiled):
    """A model that notes how many rows each forward pass got."""

    def __init__(self, kernel: Arrays) -> None:
        super().__init__(kernel)
        self.passes: list[int] = []

    def forward(self, x: Arrays, training: bool = False) -> Arrays:
        self.passes.append(len(x))
        return super().forward(x, training)

    __call__ = forward

    def batches(self, x: Any, y: Any, batch_size: int = 32, shuffle: bool = True, rng: Any = None) -> Any:
        """Batches in sequence, or backwards where shuffling is asked for."""
        order = np.arange(len(x))[::-1] if shuffle else np.arange(len(x))
        for start in range(0, len(x), batch_size):
            chosen = order[start : start + batch_size]
            yield x[chosen], None if y is None else y[chosen]


def predict(predict: Callable[..., Any], x: Arrays, kernel: Arrays, batch_size: int | None) -> Any:
    """Predict, and look at the rows of each forward pass.

    Parameters
    ----------
    x : (N, D)
    kernel : (D, C)
    batch_size : int, optional
        None: it is left to its default.
    """
    model = Predicting(kernel)
    result = predict(model, x) if batch_size is None else predict(model, x, batch_size)
    if result is None:
        return None
    return {
        "what comes back": result,
        "rows of each forward pass": model.passes,
        "updates": model.optimizer.iterations,
    }


def fit(
    fit: Callable[..., Any],
    orders: list[list[int]],
    options: dict[str, Any],
    features: int,
    held_out: int,
) -> dict[str, Any] | None:
    """Fit with validation, and see which rows are trained on, which are evaluated, and when.

    Parameters
    ----------
    orders : list of list of int
        The order of rows that each epoch is to take; rows that were split off are passed over.
    options : dict
        Arguments of `fit` after x and y; those that are not in it are left to their defaults.
    held_out : int
        How many rows of their own `validation_data` has; 0: the argument is left out.
    """
    model = Evaluable(orders)
    n = len(orders[0])
    x, y = numbered(n + held_out, features)
    arguments = dict(options)
    if held_out:
        arguments["validation_data"] = (x[n:], y[n:])
    outputs = history_of(fit(model, x[:n], y[:n], *in_order(arguments)))
    if outputs is None:
        return None
    return {
        "asked of self.batches": _of_training(model),
        "what each train_step got": list(model.trained),
        "rows that were evaluated": _joined(model.tested),
        **outputs,
    }


def _of_training(model: Evaluable) -> list[str]:
    """What was asked for to train on; who evaluates by hand may ask for batches, too, in sequence."""
    return [asked for asked in model.asked if "shuffle True" in asked] or list(model.asked)


def _joined(tested: list[str]) -> list[str] | str:
    return tested or "none"


__all__ = ["evaluate", "fit", "predict", "rows", "test_step"]
