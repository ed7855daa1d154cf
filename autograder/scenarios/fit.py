"""How the exercises of notebook 09 are driven: on small stand-ins for a model, its loss and its metrics.

In grading these run in the learner's process, so nothing here may import the reference or the engine. The
stand-ins follow the course's protocols, but none of them is an answer to an exercise: the loss is one that
Keras does not have, the optimizer neither, and a mean of nothing is NaN here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

Arrays = Any


def registry_of(names: Iterable[str]) -> dict[str, type]:
    """Names to classes that can be made without arguments: "binary_accuracy" to BinaryAccuracy."""
    return {name: type(name.title().replace("_", ""), (), {"__doc__": name}) for name in names}


def told(value: Any, registry: dict[str, type]) -> Any:
    """What a value is, in words; one that has nothing to do with the registry comes back as it is."""
    for cls in registry.values():
        if value is cls:
            return f"the class {cls.__name__} itself"
        if type(value) is cls:
            return f"an object of class {cls.__name__}"
    return value


# --------------------------------------------------------------------------- resolve, compile


def resolve(resolve: Callable[..., Any], identifier: str, names: list[str], what: str) -> dict[str, Any]:
    """Look something up among classes made of `names`.

    Parameters
    ----------
    what : {"a name", "a typo", "nothing like it", "an object"}
        With "an object", one of the class that `identifier` names is handed in ready-made.
    """
    registry = registry_of(names)
    if what == "an object":
        ready = registry[identifier]()
        found = resolve(ready, registry)
        return {"what came back": "the object itself" if found is ready else told(found, registry)}
    if what == "a name":
        first, second = resolve(identifier, registry), resolve(identifier, registry)
        return {
            "what came back": told(first, registry),
            "what came back of a second call": "the same once more" if first is second else told(second, registry),
            "the registry afterwards": {name: cls.__name__ for name, cls in registry.items()},
        }
    try:
        found = resolve(identifier, registry)
    except ValueError as error:
        text = str(error)
        if what == "nothing like it":
            return {"for an unknown name": "raises ValueError"}
        known = [word for word in re.findall(r"\w+", text.replace(identifier, "")) if word in registry]
        return {
            "for an unknown name": "raises ValueError",
            "the first known name in its text": known[0] if known else "none",
        }
    if isinstance(found, BaseException):
        came = "the error, without raising it"
    else:
        came = "a text" if isinstance(found, str) else told(found, registry)
    return {"for an unknown name": f"returns {came}", "the first known name in its text": "none"}


class NotForBackward(TypeError):
    """What went into `backward` is no array like `y_pred`."""


class NotForApply(ValueError):
    """What went into `apply` are no two lists of arrays that match."""


class Compilable:
    """A model as `compile` finds it: with weights, and with the names it knows."""

    def __init__(self, kernel: Arrays, optimizers: list[str], losses: list[str], metrics: list[str]) -> None:
        self.kernel = kernel.copy()
        self.metrics: Any
        self.OPTIMIZERS, self.LOSSES, self.METRICS = map(registry_of, (optimizers, losses, metrics))
        self.built = True

    def variables(self) -> list[Arrays]:
        return [self.kernel]

    def build(self, *_: Any, **__: Any) -> None:
        """Draw new weights, as a layer's `build` does."""
        self.kernel[...] = 0.5 - self.kernel

    def state(self, before: Any = None) -> dict[str, Any]:
        """What `compile` left behind, in words."""
        known = {**self.OPTIMIZERS, **self.LOSSES, **self.METRICS}
        metrics = getattr(self, "metrics", "not there")
        if isinstance(metrics, dict):
            shared = len({id(metric) for metric in metrics.values()}) < len(metrics)
            metrics = {str(name): told(metric, known) for name, metric in metrics.items()}
            if shared:
                metrics = {"one object under several names": ", ".join(sorted(metrics))}
        elif isinstance(metrics, list | tuple):
            metrics = [told(metric, known) for metric in metrics]
        optimizer = getattr(self, "optimizer", "not there")
        again = before is not None and optimizer is before
        return {
            "self.optimizer": "the same object as before" if again else told(optimizer, known),
            "self.loss": told(getattr(self, "loss", "not there"), known),
            "self.metrics": metrics,
            "the weights": self.kernel.copy(),
        }


def compile(
    compile: Callable[..., Any],
    kernel: Arrays,
    optimizer: str,
    loss: str,
    metrics: Sequence[str] | None,
    ready: bool,
    known: list[list[str]],
) -> dict[str, Any]:
    """Compile a model, then once more with no metrics.

    Parameters
    ----------
    kernel : (D, H)
        The model's weights, which are to stay as they are.
    metrics : sequence of str, optional
        None: the argument is left out.
    ready : bool
        Whether the optimizer and the loss are handed in as objects.
    known : three lists of str
        The names of optimizers, losses and metrics that the model knows.
    """
    model = Compilable(kernel, *known)
    given = [model.OPTIMIZERS[optimizer](), model.LOSSES[loss]()] if ready else [optimizer, loss]
    try:
        compile(model, *given) if metrics is None else compile(model, *given, metrics)
    except ValueError:
        return {"compile raises": "ValueError"}
    outputs = model.state()
    if ready:
        objects = getattr(model, "optimizer", None), getattr(model, "loss", None)
        outputs["kept as handed in"] = [a is b for a, b in zip(objects, given, strict=True)]
    else:
        before, kept = getattr(model, "optimizer", None), getattr(model, "metrics", None)
        compile(model, *given)
        outputs |= {f"compiled again, {name}": value for name, value in model.state(before).items()}
        outputs["compiled again, the metrics are"] = (
            "the old ones" if getattr(model, "metrics", None) is kept else "new"
        )
    return outputs


# --------------------------------------------------------------------------- a model to step


class Average:
    """A running mean with the protocol of a metric; it keeps what it got, and of nothing it gives NaN."""

    def __init__(self) -> None:
        self.seen: list[tuple[float, float]] = []

    def update(self, values: Any, sample_weight: Any = None) -> None:
        values = np.ravel(np.asarray(values, dtype="float64"))
        weights = np.ones(len(values)) if sample_weight is None else np.ravel(sample_weight)
        self.seen += [(float(v), float(w)) for v, w in zip(values, weights, strict=True)]

    def result(self) -> float:
        total = sum(w for _, w in self.seen)
        return float(sum(v * w for v, w in self.seen) / total) if total else float("nan")

    def reset(self) -> None:
        self.seen = []


class Above(Average):
    """The share of predictions that lie above their label."""

    def update(self, y_true: Arrays, y_pred: Arrays, sample_weight: Any = None) -> None:  # type: ignore[override]
        super().update(np.mean(np.asarray(y_pred) > np.asarray(y_true), axis=-1), sample_weight)


class Lopsided:
    """A loss that charges three times as much for a prediction that is too low as for one that is too high."""

    def call(self, y_true: Arrays, y_pred: Arrays) -> Arrays:
        error = y_pred - y_true
        return np.mean(np.where(error < 0, 3.0, 1.0) * error**2, axis=-1)

    def __call__(self, y_true: Arrays, y_pred: Arrays) -> float:
        return float(np.mean(self.call(y_true, y_pred)))

    def gradient(self, y_true: Arrays, y_pred: Arrays) -> Arrays:
        """The slope of the mean loss by each prediction, of the shape of `y_pred`."""
        error = y_pred - y_true
        return np.where(error < 0, 6.0, 2.0) * error / error.size


class Shrinking:
    """An optimizer whose k-th step is 1/k as long as its first."""

    def __init__(self, learning_rate: float) -> None:
        self.learning_rate, self.iterations = learning_rate, 0

    def apply(self, gradients: Sequence[Arrays], variables: Sequence[Arrays]) -> None:
        self.iterations += 1
        gradients, variables = list(gradients), list(variables)
        shapes = [[np.shape(array) for array in arrays] for arrays in (gradients, variables)]
        if shapes[0] != shapes[1]:
            raise NotForApply(f"apply(gradients, variables) got arrays of shapes {shapes[0]} and {shapes[1]}")
        for gradient, variable in zip(gradients, variables, strict=True):
            variable -= self.learning_rate / self.iterations * gradient


class Compiled:
    """A linear model, compiled. In training mode its outputs are larger, as a layer of dropout would make some."""

    def __init__(self, kernel: Arrays, learning_rate: float = 0.1) -> None:
        self.kernel, self.bias = kernel.copy(), np.linspace(-0.5, 0.5, kernel.shape[1])
        self._gradients = [np.zeros_like(self.kernel), np.zeros_like(self.bias)]
        self.optimizer, self.loss = Shrinking(learning_rate), Lopsided()
        self.metrics: dict[str, Any] = {"loss": Average(), "above": Above()}
        self.backwards = 0

    def forward(self, x: Arrays, training: bool = False) -> Arrays:
        self._x, self._factor = x, 1.5 if training else 1.0
        return self._factor * (x @ self.kernel + self.bias)

    __call__ = forward

    def backward(self, dy: Arrays) -> Arrays:
        wanted = (len(self._x), self.kernel.shape[1])
        if np.shape(dy) != wanted:
            came = "one number" if np.shape(dy) == () else f"shape {np.shape(dy)}"
            raise NotForBackward(f"backward(dy) expects an array like y_pred, of shape {wanted}; got {came}")
        self.backwards += 1
        dy = self._factor * dy
        self._gradients = [self._x.T @ dy, dy.sum(axis=0)]
        return dy @ self.kernel.T

    def variables(self) -> list[Arrays]:
        return [self.kernel, self.bias]

    def gradients(self) -> list[Arrays]:
        return self._gradients


def step(step: Callable[..., Any], batches: list[tuple[Arrays, Arrays]], kernel: Arrays, rate: float) -> dict[str, Any]:
    """Take one step a batch, and see what comes back and what it leaves behind.

    Parameters
    ----------
    step : callable
        ``step(self, x, y) -> dict``: a train step or a test step.
    batches : list of (x, y)
        (B, D) and (B, H), B another in each.
    kernel : (D, H)
    rate : float
        The learning rate.
    """
    model = Compiled(kernel, rate)
    outputs: dict[str, Any] = {}
    for number, (x, y) in enumerate(batches, 1):
        outputs[f"what step {number} returns"] = step(model, x, y)
    outputs["the weights afterwards"] = [model.kernel, model.bias]
    outputs["the gradients afterwards"] = model.gradients()
    outputs["updates"] = model.optimizer.iterations
    return outputs


# --------------------------------------------------------------------------- a model to fit


def rows(ids: Any) -> str:
    """Row numbers as text: "rows 0 to 31", "rows 4 1 0"."""
    ids = [int(i) for i in np.ravel(ids)]
    if len(ids) > 2 and ids == list(range(ids[0], ids[0] + len(ids))):
        return f"rows {ids[0]} to {ids[-1]}"
    return f"row {ids[0]}" if len(ids) == 1 else "rows " + " ".join(map(str, ids))


DEFAULTS = {
    "batch_size": 32,
    "epochs": 1,
    "shuffle": True,
    "rng": None,
    "validation_data": None,
    "validation_split": 0.0,
    "validation_freq": 1,
}


class Fittable:
    """A model whose steps only note which rows they got, and whose batches come in orders made beforehand.

    A row's number is its first feature; its label is three times that. The metrics are not empty to begin with.

    Parameters
    ----------
    orders : list of list of int
        For each epoch, the order in which `batches` gives the rows.
    """

    def __init__(self, orders: list[list[int]]) -> None:
        self.orders = orders
        self.metrics = {"loss": Average(), "late": Average()}
        for metric in self.metrics.values():
            metric.update(1000.0, 70.0)  # of an earlier run
        self.steps = 0
        self.asked: list[str] = []
        self.trained: list[str] = []
        self._generators: list[Any] = []
        self._draws: list[int] = []

    def batches(self, x: Any, y: Any, batch_size: int = 32, shuffle: bool = True, rng: Any = None) -> Iterator[Any]:
        """Note what was asked for, and give batches: of the order made beforehand, or in sequence."""
        order = self.orders[len(self.asked) % len(self.orders)] if shuffle else range(len(x))
        order = [i for i in order if i < len(x)]
        count = f"{len(x)} rows" if y is None or len(y) == len(x) else f"{len(x)} rows with {len(y)} labels"
        asked = f"{count}, batch_size {batch_size}, shuffle {bool(shuffle)}, rng {self._generator(rng)}"
        self.asked.append(asked)

        def give() -> Iterator[Any]:
            for start in range(0, len(order), batch_size):
                chosen = np.array(order[start : start + batch_size], dtype=int)
                yield np.asarray(x)[chosen], None if y is None else np.asarray(y)[chosen]

        return give()

    def _generator(self, rng: Any) -> str:
        if self._generators and any(rng is given for given in self._generators):
            return "as given"
        if not isinstance(rng, np.random.Generator):
            return "None" if rng is None else repr(rng)[:40]
        draw = int(rng.integers(2**60))
        repeats = draw in self._draws
        self._draws.append(draw)
        # Whoever was given none may make one, but not one that draws the same order every epoch.
        told = "not the given one" if self._generators else "None"
        return "one that starts over every epoch" if repeats else told

    def train_step(self, x: Any, y: Any) -> dict[str, float]:
        self.steps += 1
        self.trained.append(self._told(x, y))
        self.metrics["loss"].update(float(np.mean(y)) / self.steps + 1, len(x))
        self.metrics["late"].update(np.asarray(y, dtype=float) * self.steps)
        return self.logs()

    def logs(self) -> dict[str, float]:
        return {name: metric.result() for name, metric in self.metrics.items()}

    def _told(self, x: Any, y: Any) -> str:
        x, y = np.asarray(x, dtype=float), np.ravel(np.asarray(y, dtype=float))
        if x.ndim != 2 or not len(x):
            return f"for x an array of shape {x.shape}"
        if len(x) != len(y):
            return f"{rows(x[:, 0])} with {len(y)} labels"
        fitting = np.array_equal(3 * x[:, 0], y)
        return rows(x[:, 0]) + ("" if fitting else " with the labels of " + rows(np.round(y / 3)))


def numbered(n: int, d: int) -> tuple[Arrays, Arrays]:
    """Rows that know their number: x (n, d) begins with it, y (n,) is three times it."""
    x = np.arange(n)[:, None] * np.ones(d) + np.arange(d) / 8
    return x, 3.0 * np.arange(n)


def history_of(result: Any) -> dict[str, Any] | Any:
    """The two parts of a History, copied; what is no History comes back as it is."""
    if not hasattr(result, "history") or not hasattr(result, "epoch"):
        return {"something that is no History": result} if result is not None else None
    record = result.history
    copied = {str(k): list(v) if isinstance(v, list | tuple) else v for k, v in record.items()}
    return {
        "history.epoch": list(result.epoch),
        "history.history": copied,
    }


def in_order(options: dict[str, Any]) -> list[Any]:
    """The arguments of `fit` after x and y by position, as far as the last one that is given."""
    values = DEFAULTS | options
    return list(values.values())[: 1 + max((list(values).index(name) for name in options), default=-1)]


def fit(
    fit: Callable[..., Any], orders: list[list[int]], options: dict[str, Any], features: int, seeded: bool
) -> dict[str, Any] | None:
    """Fit, look, and fit the same model once more.

    Parameters
    ----------
    orders : list of list of int
        The order of rows that each epoch is to take.
    options : dict
        Arguments of `fit` after x and y; those that are not in it are left to their defaults.
    seeded : bool
        Whether a generator is passed in.
    """
    model = Fittable(orders)
    x, y = numbered(len(orders[0]), features)
    arguments = dict(options)
    if seeded:
        arguments["rng"] = np.random.default_rng(3)
        model._generators.append(arguments["rng"])
    first = fit(model, x, y, *in_order(arguments))
    outputs = history_of(first)
    if outputs is None:
        return None
    outputs = {
        "asked of self.batches": list(model.asked),
        "what each train_step got": list(model.trained),
        **outputs,
    }
    steps = len(model.trained)
    again = history_of(fit(model, x, y, *in_order({**arguments, "epochs": 1})))
    outputs["in a second fit, what each train_step got"] = list(model.trained[steps:])
    outputs["in a second fit"] = again
    if hasattr(first, "history"):
        outputs["the first History, after that"] = history_of(first)
    return outputs
