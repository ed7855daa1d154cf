"""Notebook 09, compile and fit: the parts of a model put together, and the two loops around them."""

from __future__ import annotations

import difflib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import fit as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]

# The reference: plain functions of `self`, as the notebook has them, one a cell.


class History:
    """What `fit` returns: the numbers of the epochs, and by name one value an epoch."""

    def __init__(self) -> None:
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}


def _resolve(identifier: Any, registry: dict[str, Any]) -> Any:
    if not isinstance(identifier, str):
        return identifier
    if identifier in registry:
        return registry[identifier]()
    near = difflib.get_close_matches(identifier, registry, n=1)
    offer = f' Did you mean "{near[0]}"?' if near else ""
    raise ValueError(f"{identifier!r} is not known.{offer}")


def _compile(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    self.optimizer = _resolve(optimizer, self.OPTIMIZERS)
    self.loss = _resolve(loss, self.LOSSES)
    self.metrics = {"loss": _resolve("mean", self.METRICS)}
    for name in metrics:
        self.metrics[name] = _resolve(name, self.METRICS)


def _train_step(self: Any, x: Array, y: Array) -> dict[str, float]:
    y_pred = self.forward(x, training=True)
    loss = self.loss(y, y_pred)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    for name, metric in self.metrics.items():
        if name == "loss":
            metric.update(loss, sample_weight=len(x))
        else:
            metric.update(y, y_pred)
    return {name: metric.result() for name, metric in self.metrics.items()}


def _fit(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Rng | None = None,
) -> History:
    history = History()
    for epoch in range(epochs):
        for metric in self.metrics.values():
            metric.reset()
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(x_batch, y_batch)
        history.epoch.append(epoch)
        for name, value in logs.items():
            history.history.setdefault(name, []).append(value)
    return history


# Inputs.

OPTIMIZERS = ["sgd", "momentum", "rmsprop", "adam"]
LOSSES = ["mse", "binary_crossentropy", "sparse_categorical_crossentropy"]
METRICS = ["mean", "accuracy", "binary_accuracy", "precision"]


def _resolve_cases(rng: Rng) -> Cases:
    def mixed(names: list[str]) -> list[str]:
        return [str(name) for name in rng.permutation(names)]

    optimizers, losses = mixed(OPTIMIZERS), mixed(LOSSES)
    return {
        "a known optimizer": (optimizers[1], optimizers, "a name"),
        "the first that is known": (losses[0], losses, "a name"),
        "the last that is known": (losses[-1], losses, "a name"),
        "a registry of one": ("adam", ["adam"], "a name"),
        "an object, ready-made": (optimizers[2], optimizers, "an object"),
        "adma": ("adma", mixed(["sgd", "momentum", "adam", "rmsprop"]), "a typo"),
        "crossentropy of two classes, misspelt": ("binary_crosentropy", losses, "a typo"),
        "msee": ("msee", mixed(LOSSES), "a typo"),
        "a name that is like no other": ("zzz", optimizers, "nothing like it"),
    }


def _compile_cases(rng: Rng) -> Cases:
    known = [OPTIMIZERS, LOSSES, METRICS]

    def kernel() -> Array:
        return rng.normal(size=(3, 2))

    return {
        "an optimizer, a loss and a metric by name": (kernel(), "adam", "mse", ["accuracy"], False, known),
        "three metrics, in a tuple": (
            kernel(),
            "sgd",
            "mse",
            ("precision", "accuracy", "binary_accuracy"),
            False,
            known,
        ),
        "no metrics": (kernel(), "rmsprop", "binary_crossentropy", None, False, known),
        "an empty list of metrics": (kernel(), "momentum", "sparse_categorical_crossentropy", [], False, known),
        "objects, ready-made": (kernel(), "sgd", "binary_crossentropy", ["precision"], True, known),
        "a metric that is misspelt": (kernel(), "adam", "mse", ["accuracy", "persicion"], False, known),
    }


def _batches(rng: Rng, sizes: list[int], d: int, h: int) -> list[tuple[Array, Array]]:
    return [(rng.normal(size=(b, d)) + 0.3, rng.normal(size=(b, h))) for b in sizes]


def _step_cases(rng: Rng) -> Cases:
    return {
        "batches of 7, 7 and 3 rows": (_batches(rng, [7, 7, 3], 4, 2), rng.normal(size=(4, 2)), 0.1),
        "one batch of 5": (_batches(rng, [5], 3, 2), rng.normal(size=(3, 2)), 0.2),
        "a batch of one row": (_batches(rng, [4, 1], 2, 3), rng.normal(size=(2, 3)), 0.05),
        "one output": (_batches(rng, [6, 2], 3, 1), rng.normal(size=(3, 1)), 0.1),
        "a learning rate of 0": (_batches(rng, [5, 3], 3, 2), rng.normal(size=(3, 2)), 0.0),
        "batches that grow": (_batches(rng, [2, 3, 8], 3, 4), rng.normal(size=(3, 4)), 0.1),
    }


def _orders(rng: Rng, n: int, epochs: int) -> list[list[int]]:
    """An order an epoch, no two of them alike and none in sequence."""
    orders: list[list[int]] = [list(range(n))]
    while len(orders) <= epochs:
        order = rng.permutation(n).tolist()
        if order not in orders:
            orders.append(order)
    return orders[1:]


def _fit_cases(rng: Rng) -> Cases:
    def case(n: int, epochs: int, options: dict[str, Any], seeded: bool = True) -> tuple[Any, ...]:
        return _orders(rng, n, epochs + 1), options, int(rng.integers(1, 5)), seeded

    return {
        "11 rows in batches of 4, 3 epochs": case(11, 3, {"batch_size": 4, "epochs": 3}),
        "one epoch": case(7, 1, {"batch_size": 3, "epochs": 1}),
        "two epochs, not shuffled": case(9, 2, {"batch_size": 4, "epochs": 2, "shuffle": False}),
        "nothing but x and y": case(37, 1, {}, seeded=False),
        "no generator, 2 epochs": case(8, 2, {"batch_size": 3, "epochs": 2}, seeded=False),
        "a batch size above the number of rows": case(5, 2, {"batch_size": 16, "epochs": 2}),
        "batches of one row": case(4, 2, {"batch_size": 1, "epochs": 2}),
    }


# Known mistakes, each a whole wrong answer.


def _resolve_class(identifier: Any, registry: dict[str, Any]) -> Any:
    found = _resolve(identifier, registry)
    return registry[identifier] if isinstance(identifier, str) else found


def _resolve_key_error(identifier: Any, registry: dict[str, Any]) -> Any:
    return registry[identifier]() if isinstance(identifier, str) else identifier


def _resolve_names_only(identifier: Any, registry: dict[str, Any]) -> Any:
    return _resolve(str(identifier), registry)


def _resolve_none(identifier: Any, registry: dict[str, Any]) -> Any:
    if not isinstance(identifier, str):
        return identifier
    return registry[identifier]() if identifier in registry else None


def _resolve_no_offer(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str) and identifier not in registry:
        raise ValueError(f"{identifier} is not known")
    return _resolve(identifier, registry)


def _resolve_lists_all(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str) and identifier not in registry:
        farthest = sorted(registry, key=lambda name: difflib.SequenceMatcher(None, name, identifier).ratio())
        raise ValueError(f"{identifier} is not known; known are {', '.join(farthest)}")
    return _resolve(identifier, registry)


def _resolve_guesses(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str) and identifier not in registry:
        near = difflib.get_close_matches(identifier, registry, n=1)
        return _resolve(near[0] if near else identifier, registry)
    return _resolve(identifier, registry)


def _resolve_index_error(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str) and identifier not in registry:
        near = difflib.get_close_matches(identifier, registry)
        raise ValueError(f"{identifier} is not known. Did you mean {near[0]}?")
    return _resolve(identifier, registry)


def _resolve_made_once(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str) and identifier in registry:
        cls = registry[identifier]
        if not hasattr(cls, "the_one"):
            cls.the_one = cls()
        return cls.the_one
    return _resolve(identifier, registry)


def _resolve_new_of_its_type(identifier: Any, registry: dict[str, Any]) -> Any:
    return _resolve(identifier, registry) if isinstance(identifier, str) else type(identifier)()


def _resolve_returned_error(identifier: Any, registry: dict[str, Any]) -> Any:
    try:
        return _resolve(identifier, registry)
    except ValueError as error:
        return error


def _resolve_message(identifier: Any, registry: dict[str, Any]) -> Any:
    try:
        return _resolve(identifier, registry)
    except ValueError as error:
        return str(error)


RESOLVE_MISTAKES = (
    Mistake(
        "the class instead of an object",
        wrong=_resolve_class,
        why="What is in the registry is a class; an optimizer that can step is an object, made by calling the class.",
        hint="A pair of round brackets is missing.",
    ),
    Mistake(
        "KeyError for an unknown name",
        wrong=_resolve_key_error,
        why="registry[name] raises a KeyError by itself, which says nothing of what was meant.",
        hint="Ask `identifier in registry` first, and raise ValueError where it is not.",
    ),
    Mistake(
        "objects are not let through",
        wrong=_resolve_names_only,
        why="Whoever hands in Adam(0.01) has made the choice already; only strings are looked up.",
        hint="isinstance(identifier, str) tells the two cases apart.",
    ),
    Mistake(
        "None for an unknown name",
        wrong=_resolve_none,
        why="None goes through unnoticed, and fails much later, in the middle of a training step.",
        hint="raise ValueError(...) stops here, where the typing mistake is.",
    ),
    Mistake(
        "nothing is offered",
        wrong=_resolve_no_offer,
        why="The nearest known name is what turns an error into a remedy.",
        hint="difflib.get_close_matches(identifier, registry) takes the dict itself as the list of names.",
    ),
    Mistake(
        "the known names are listed, the nearest not first",
        wrong=_resolve_lists_all,
        why="A list of everything leaves the search to the reader.",
        hint="Put the nearest name before the list: difflib.get_close_matches finds it.",
    ),
    Mistake(
        "the nearest is taken without asking",
        wrong=_resolve_guesses,
        why='A program that trains with "adam" when "adma" was written may train with what nobody wanted.',
        hint="Offer the name in the text of a ValueError; let the person decide.",
    ),
    Mistake(
        "IndexError where nothing is near",
        wrong=_resolve_index_error,
        why="get_close_matches gives an empty list for a name that is like no other, and [0] fails on it.",
        hint="Make the offer only if the list is not empty.",
    ),
    Mistake(
        "one object for all",
        wrong=_resolve_made_once,
        why="Two models that share an Adam would share its memory, too.",
        hint="Call the class at every call of resolve, and keep nothing.",
    ),
    Mistake(
        "an object is replaced by a new one",
        wrong=_resolve_new_of_its_type,
        why="Adam(0.01) would become an Adam with the default rate.",
        hint="Return the very object that came in.",
    ),
    Mistake(
        "the error is returned, not raised",
        wrong=_resolve_returned_error,
        why="An error that is returned is an object like any other, and becomes the optimizer.",
        hint="raise ValueError(text) in place of return.",
    ),
    Mistake(
        "the error text is returned",
        wrong=_resolve_message,
        why="A text that is returned becomes the optimizer; only an exception stops the program.",
        hint="raise ValueError(text)",
    ),
)


def _resolve_early(identifier: Any, registry: dict[str, Any]) -> Any:
    try:
        return registry[identifier]()
    except KeyError:
        near = difflib.get_close_matches(identifier, list(registry)) if isinstance(identifier, str) else None
    except TypeError:  # unhashable
        return identifier
    if near is None:
        return identifier
    raise ValueError(f"unknown: {identifier}; nearest: {near or 'nothing'}")


def _resolve_by_distance(identifier: Any, registry: dict[str, Any]) -> Any:
    if not isinstance(identifier, str):
        return identifier
    for name, cls in registry.items():
        if name == identifier:
            return cls()
    ordered = sorted(registry, key=lambda name: -difflib.SequenceMatcher(None, identifier, name).ratio())
    raise ValueError("Unknown " + identifier + "! Known, the nearest first: " + ", ".join(ordered))


def _resolve_with_get(identifier: Any, registry: dict[str, Any]) -> Any:
    if isinstance(identifier, str):
        cls = registry.get(identifier)
        if cls is None:
            closest = max(registry, key=lambda name: difflib.SequenceMatcher(None, identifier, name).ratio())
            raise ValueError(f"Did you mean {closest}?")
        identifier = cls()
    return identifier


def _metrics_of(self: Any, names: Any) -> dict[str, Any]:
    return {"loss": _resolve("mean", self.METRICS)} | {name: _resolve(name, self.METRICS) for name in names}


def _compile_with(**changed: Any) -> Any:
    """Give a whole wrong compile in which one attribute is made in another way, or something more is done."""

    def compile(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
        _compile(self, optimizer, loss, metrics)
        for attribute, make in changed.items():
            setattr(self, attribute, make(self, optimizer, loss, metrics))

    return compile


def _compile_adds(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    kept = getattr(self, "metrics", {})
    _compile(self, optimizer, loss, metrics)
    self.metrics = kept | self.metrics


def _compile_keeps_optimizer(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    kept = getattr(self, "optimizer", None)
    _compile(self, optimizer, loss, metrics)
    self.optimizer = self.optimizer if kept is None else kept


def _compile_rebuilds(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    _compile(self, optimizer, loss, metrics)
    self.build()


def _compile_looks_up(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    self.optimizer = self.OPTIMIZERS[optimizer]()
    self.loss = self.LOSSES[loss]()
    self.metrics = _metrics_of(self, metrics)


def _compile_shared(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    _compile(self, optimizer, loss, metrics)
    self.metrics = dict.fromkeys(self.metrics, self.metrics["loss"])


def _compile_skips(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    _compile(self, optimizer, loss, [name for name in metrics if name in self.METRICS])


def _as_classes(self: Any, optimizer: Any, loss: Any, names: Any) -> Any:
    return {"loss": self.METRICS["mean"]} | {name: self.METRICS[name] for name in names if name in self.METRICS}


def _compile_local(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    optimizer = _resolve(optimizer, self.OPTIMIZERS)
    loss = _resolve(loss, self.LOSSES)
    metrics = _metrics_of(self, metrics)


COMPILE_MISTAKES = (
    Mistake(
        "names of the function, not of the model",
        wrong=_compile_local,
        why="A variable of the function is gone when it ends; what the model is to keep has to be put on self.",
        hint="self.optimizer = ..., self.loss = ..., self.metrics = ...",
    ),
    Mistake(
        "names are kept as names",
        wrong=_compile_with(optimizer=lambda self, o, *_: o, loss=lambda self, o, loss, m: loss),
        why='"adam" cannot step and "mse" cannot judge; fit needs the objects.',
        hint="Send the optimizer and the loss through your resolve, each with its own registry.",
    ),
    Mistake(
        "the loss has no metric",
        wrong=_compile_with(metrics=lambda self, o, loss, names: {n: _resolve(n, self.METRICS) for n in names}),
        why='The loss in the logs is a mean over the epoch: self.metrics needs a "loss" that keeps it.',
        hint='Begin with {"loss": resolve("mean", self.METRICS)}.',
    ),
    Mistake(
        "a list of metrics",
        wrong=_compile_with(metrics=lambda self, o, loss, names: list(_metrics_of(self, names).values())),
        why="The logs need a name for every value; a list has lost them.",
        hint="A dict: from the name to the metric.",
    ),
    Mistake(
        "a list of metrics, the loss' own not among them",
        wrong=_compile_with(metrics=lambda self, o, loss, names: [_resolve(n, self.METRICS) for n in names]),
        why="The logs need a name for every value, and the loss one of its own: a list has neither.",
        hint='A dict that begins with {"loss": resolve("mean", self.METRICS)}.',
    ),
    Mistake(
        "the loss' mean under another name",
        wrong=_compile_with(
            metrics=lambda self, o, loss, names: {n: _resolve(n, self.METRICS) for n in ("mean", *names)}
        ),
        why='"mean" is how self.METRICS calls that metric; in the logs of the model it has the name "loss".',
        hint='{"loss": resolve("mean", self.METRICS)}',
    ),
    Mistake(
        "the class of a mean, not a mean",
        wrong=_compile_with(
            metrics=lambda self, o, loss, names: {**_metrics_of(self, names), "loss": self.METRICS["mean"]}
        ),
        why="The registry holds classes; what keeps a sum of its own is an object.",
        hint='resolve("mean", self.METRICS)',
    ),
    Mistake(
        "classes of metrics, not metrics",
        wrong=_compile_with(metrics=_as_classes),
        why="The registry holds classes; what keeps a sum of its own is an object.",
        hint="resolve(name, self.METRICS) gives an object.",
    ),
    Mistake(
        "a list of names",
        wrong=_compile_with(metrics=lambda self, o, loss, names: list(names)),
        why="A name cannot add anything up; fit will call update and result of what is kept here.",
        hint="A dict: from the name to the object that resolve gives.",
    ),
    Mistake(
        "metrics stay names",
        wrong=_compile_with(
            metrics=lambda self, o, loss, names: {"loss": _resolve("mean", self.METRICS)} | {n: n for n in names}
        ),
        why="The values of the dict have to be metric objects, or nobody can update them.",
        hint="resolve(name, self.METRICS) for each of them.",
    ),
    Mistake(
        "the loss as its own metric",
        wrong=_compile_with(
            metrics=lambda self, o, loss, names: {**_metrics_of(self, names), "loss": _resolve(loss, self.LOSSES)}
        ),
        why="The loss judges one batch; what averages it over an epoch is a metric, a mean.",
        hint='resolve("mean", self.METRICS)',
    ),
    Mistake(
        "metrics of an earlier compile stay",
        wrong=_compile_adds,
        why="compile replaces what was compiled before; an old metric would go on showing up in the logs.",
        hint="Make a new dict at every call.",
    ),
    Mistake(
        "the old optimizer is kept",
        wrong=_compile_keeps_optimizer,
        why="A second compile with a name means a fresh optimizer, without the memory of the first.",
        hint="Assign self.optimizer at every call, whatever is there.",
    ),
    Mistake(
        "the weights are drawn again",
        wrong=_compile_rebuilds,
        why="compile changes how a model learns, not what it knows; its weights stay.",
        hint="Nothing is built here.",
    ),
    Mistake(
        "only names are accepted",
        wrong=_compile_looks_up,
        why="An optimizer may come as an object with settings of its own, such as Adam(0.01).",
        hint="Your resolve lets objects through; use it in place of the square brackets.",
    ),
    Mistake(
        "one metric object for all names",
        wrong=_compile_shared,
        why="All values would run into one sum, and every name would show the same number.",
        hint="Call resolve once for each name.",
    ),
    Mistake(
        "unknown metrics are skipped",
        wrong=_compile_skips,
        why="A typing mistake would silently cost a metric.",
        hint="resolve raises ValueError for it; let it.",
    ),
    Mistake(
        "the loss is looked up among the optimizers",
        wrong=_compile_with(loss=lambda self, o, loss, m: _resolve(loss, self.OPTIMIZERS)),
        why="Each kind of thing has a registry of its own.",
        hint="self.LOSSES for the loss.",
    ),
)


def _compile_at_once(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    self.optimizer, self.loss = _resolve(optimizer, self.OPTIMIZERS), _resolve(loss, self.LOSSES)
    self.metrics = _metrics_of(self, metrics)


def _compile_mean_last(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> None:
    made = {}
    for name in list(metrics):
        made[name] = _resolve(name, self.METRICS)
    made["loss"] = self.METRICS["mean"]()
    self.metrics = made
    self.loss = _resolve(loss, self.LOSSES)
    self.optimizer = _resolve(optimizer, self.OPTIMIZERS)


def _compile_vars(self: Any, optimizer: Any, loss: Any, metrics: Any = ()) -> Any:
    pairs = [("loss", "mean"), *((name, name) for name in metrics)]
    vars(self).update(
        optimizer=_resolve(optimizer, self.OPTIMIZERS),
        loss=_resolve(loss, self.LOSSES),
        metrics={name: _resolve(known, self.METRICS) for name, known in pairs},
    )
    return self


def _learn(self: Any, x: Array, y: Array, y_pred: Array) -> None:
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())


def _note(self: Any, x: Array, y: Array, y_pred: Array, loss: Any = None, weight: Any = None) -> dict[str, float]:
    """Update every metric and read it; by default as it should be."""
    loss = self.loss(y, y_pred) if loss is None else loss
    self.metrics["loss"].update(loss, sample_weight=len(x) if weight is None else weight)
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y, y_pred)
    return _results(self)


def _results(self: Any) -> dict[str, float]:
    return {name: metric.result() for name, metric in self.metrics.items()}


def _step_inference(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x)
    _learn(self, x, y, y_pred)
    return _note(self, x, y, y_pred)


def _step_after_update(self: Any, x: Array, y: Array) -> Any:
    _learn(self, x, y, self.forward(x, training=True))
    return _note(self, x, y, self.forward(x, training=True))


def _step_after_update_inference(self: Any, x: Array, y: Array) -> Any:
    _learn(self, x, y, self.forward(x, training=True))
    return _note(self, x, y, self.forward(x))


def _step_batches_alike(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    return _note(self, x, y, y_pred, weight=1)


def _step_never_updates(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred))
    return _note(self, x, y, y_pred)


def _step_stale(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.optimizer.apply(self.gradients(), self.variables())
    self.backward(self.loss.gradient(y, y_pred))
    return _note(self, x, y, y_pred)


def _step_this_batch(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    loss = self.loss(y, y_pred)
    _learn(self, x, y, y_pred)
    return {**_note(self, x, y, y_pred), "loss": loss}


def _step_resets(self: Any, x: Array, y: Array) -> Any:
    for metric in self.metrics.values():
        metric.reset()
    return _train_step(self, x, y)


def _step_only_loss(self: Any, x: Array, y: Array) -> Any:
    return {"loss": _train_step(self, x, y)["loss"]}


def _step_no_loss_metric(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y, y_pred)
    return _results(self)


def _step_no_metrics(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    self.metrics["loss"].update(self.loss(y, y_pred), sample_weight=len(x))
    return _results(self)


def _step_swapped_gradient(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y_pred, y))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_swapped_loss(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    return _note(self, x, y, y_pred, loss=self.loss(y_pred, y))


def _step_swapped_metrics(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    self.metrics["loss"].update(self.loss(y, y_pred), sample_weight=len(x))
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y_pred, y)
    return _results(self)


def _step_swapped_apply(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.variables(), self.gradients())
    return _note(self, x, y, y_pred)


def _step_divides_again(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred) / len(x))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_loss_backwards(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_error_backwards(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(y_pred - y)
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_twice(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_objects(self: Any, x: Array, y: Array) -> Any:
    _train_step(self, x, y)
    return {name: str(type(metric).__name__) for name, metric in self.metrics.items()}


def _step_all_alike(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    for metric in self.metrics.values():
        metric.update(y, y_pred)
    return _results(self)


def _step_loss_and_all(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    loss = self.loss(y, y_pred)
    _learn(self, x, y, y_pred)
    self.metrics["loss"].update(loss, sample_weight=len(x))
    for metric in self.metrics.values():
        metric.update(y, y_pred)
    return _results(self)


def _step_swapped_all(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y_pred, y))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred, loss=self.loss(y_pred, y))


def _step_apply_backward(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.optimizer.apply(self.backward(self.loss.gradient(y, y_pred)), self.variables())
    return _note(self, x, y, y_pred)


def _step_metric_objects(self: Any, x: Array, y: Array) -> Any:
    _train_step(self, x, y)
    return dict(self.metrics)


def _step_by_hand(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred))
    for gradient, variable in zip(self.gradients(), self.variables(), strict=True):
        variable -= self.optimizer.learning_rate * gradient
    return _note(self, x, y, y_pred)


def _step_gradient_of_inference(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, self.forward(x))
    return _note(self, x, y, y_pred)


def _step_returns_nothing(self: Any, x: Array, y: Array) -> Any:
    _train_step(self, x, y)


def _step_uphill(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(-self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_sum(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred) * len(x))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _step_copies(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), [variable.copy() for variable in self.variables()])
    return _note(self, x, y, y_pred)


def _step_loss_times_size(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    _learn(self, x, y, y_pred)
    return _note(self, x, y, y_pred, loss=self.loss(y, y_pred) * len(x))


STEP_MISTAKES = (
    Mistake(
        "uphill",
        wrong=_step_uphill,
        why="The optimizer subtracts already; with the sign turned as well, every step makes the loss larger.",
        hint="Hand the gradient on as it is.",
    ),
    Mistake(
        "the gradient of a sum",
        wrong=_step_sum,
        why="The loss is a mean over the batch, so its gradient is one too; a sum makes steps B times too long.",
        hint="Hand the gradient on as it is.",
    ),
    Mistake(
        "copies of the weights are moved",
        wrong=_step_copies,
        why="apply changes the arrays that it is given, in place; the model's own stay where they are.",
        hint="self.variables(), with nothing around it.",
    ),
    Mistake(
        "the loss is multiplied by the number of samples",
        wrong=_step_loss_times_size,
        why="A Mean multiplies by sample_weight itself; the number of samples would count twice.",
        hint="metric.update(loss, sample_weight=len(x)), with the loss as it is.",
    ),
    Mistake(
        "forward in inference mode",
        wrong=_step_inference,
        why="Without training=True dropout does nothing, and a model trains as if it had none.",
        hint="self.forward(x, training=True)",
    ),
    Mistake(
        "metrics of the weights after the update",
        wrong=_step_after_update,
        why="Keras reports how the batch went before the model had learned from it; a second forward pass flatters.",
        hint="Keep the y_pred of the first forward pass for the loss and for the metrics.",
    ),
    Mistake(
        "metrics of the weights after the update, in inference mode",
        wrong=_step_after_update_inference,
        why="Keras reports the very predictions that the gradient came from: before the update, in training mode.",
        hint="One forward pass is enough: keep its y_pred.",
    ),
    Mistake(
        "every batch counts the same",
        wrong=_step_batches_alike,
        why="The loss of a batch is a mean over its samples; a short last batch must not weigh as much as a full one.",
        hint='self.metrics["loss"].update(loss, sample_weight=len(x))',
    ),
    Mistake(
        "the optimizer is never called",
        wrong=_step_never_updates,
        why="backward only finds out which way is down; the weights move in optimizer.apply.",
        hint="After backward: self.optimizer.apply(self.gradients(), self.variables()).",
    ),
    Mistake(
        "update before backward",
        wrong=_step_stale,
        why="The optimizer then moves by the gradients of the batch before, and by none at all in the first step.",
        hint="Exchange the two lines.",
    ),
    Mistake(
        "the loss of this batch alone",
        wrong=_step_this_batch,
        why="The logs hold running means of the epoch, the loss among them.",
        hint='Return self.metrics["loss"].result(), as for every other metric.',
    ),
    Mistake(
        "metrics reset in every step",
        wrong=_step_resets,
        why="A mean over an epoch has to survive its batches; fit resets it once an epoch.",
        hint="There is no reset in a train step.",
    ),
    Mistake(
        "only the loss comes back",
        wrong=_step_only_loss,
        why="The logs are the results of all metrics, each under its name.",
        hint="Go through self.metrics.items().",
    ),
    Mistake(
        "the loss is not averaged anywhere",
        wrong=_step_no_loss_metric,
        why='The metric called "loss" was never updated, so it has nothing to say.',
        hint='self.metrics["loss"].update(loss, sample_weight=len(x))',
    ),
    Mistake(
        "the other metrics are not updated",
        wrong=_step_no_metrics,
        why='Only "loss" was; whatever else was compiled has nothing to say.',
        hint='metric.update(y, y_pred) for every name but "loss".',
    ),
    Mistake(
        "y and y_pred exchanged in the gradient",
        wrong=_step_swapped_gradient,
        why="Every loss takes the labels first; exchanged, it tells which way the labels should go.",
        hint="self.loss.gradient(y, y_pred)",
    ),
    Mistake(
        "y and y_pred exchanged in the loss",
        wrong=_step_swapped_loss,
        why="Every loss takes the labels first, and few are symmetric.",
        hint="self.loss(y, y_pred)",
    ),
    Mistake(
        "y and y_pred exchanged in the metrics",
        wrong=_step_swapped_metrics,
        why="Every metric takes the labels first.",
        hint="metric.update(y, y_pred)",
    ),
    Mistake(
        "gradients and variables exchanged",
        wrong=_step_swapped_apply,
        why="The optimizer now moves the gradients by the weights, and the model stays where it is.",
        hint="apply(gradients, variables)",
    ),
    Mistake(
        "divided by the batch size once more",
        wrong=_step_divides_again,
        why="The gradient is that of a mean already: the 1/B is inside. Adam would hide this, and SGD crawl.",
        hint="Hand dy on as it is.",
    ),
    Mistake(
        "the loss itself goes backward",
        wrong=_step_loss_backwards,
        why="backward wants, for each prediction, which way the loss grows: an array like y_pred, not the loss.",
        hint="self.loss.gradient(y, y_pred)",
    ),
    Mistake(
        "y_pred - y goes backward",
        wrong=_step_error_backwards,
        why="Only some losses have that slope; which one a model has, its loss knows.",
        hint="self.loss.gradient(y, y_pred)",
    ),
    Mistake(
        "two updates a step",
        wrong=_step_twice,
        why="One batch, one step: the second moves again by a slope that is no longer that of this place.",
        hint="Call apply once.",
    ),
    Mistake(
        "the gradient of another forward pass",
        wrong=_step_gradient_of_inference,
        why="backward retraces the last forward pass; between the two there must be no other.",
        hint="One forward pass a step.",
    ),
    Mistake(
        "names of metrics, not results",
        wrong=_step_objects,
        why="The logs hold numbers: what each metric says now.",
        hint="metric.result()",
    ),
    Mistake(
        "the loss' mean gets labels and predictions",
        wrong=_step_all_alike,
        why='"loss" is a Mean: it takes the loss and its weight, not labels and predictions.',
        hint='Treat the name "loss" apart from all others.',
    ),
    Mistake(
        "the loss' mean gets labels and predictions as well",
        wrong=_step_loss_and_all,
        why='"loss" is in self.metrics, too: a loop over all of them feeds it a second time, with labels.',
        hint='In the loop over self.metrics.items() pass over the name "loss".',
    ),
    Mistake(
        "y and y_pred exchanged in the loss and in its gradient",
        wrong=_step_swapped_all,
        why="Every loss takes the labels first, and few are symmetric.",
        hint="self.loss(y, y_pred) and self.loss.gradient(y, y_pred)",
    ),
    Mistake(
        "what goes into apply is not self.gradients()",
        wrong=_step_apply_backward,
        why="apply wants one gradient for each variable; the loss and backward return slopes by outputs and inputs.",
        hint="self.gradients() gives them, in the order of self.variables().",
    ),
    Mistake(
        "metrics, not their results",
        wrong=_step_metric_objects,
        why="The logs hold numbers: what each metric says now.",
        hint="metric.result()",
    ),
    Mistake(
        "gradient descent by hand",
        wrong=_step_by_hand,
        why="How far to go is the optimizer's business; Adam's memory and counter would be passed over.",
        hint="self.optimizer.apply(self.gradients(), self.variables())",
    ),
    Mistake(
        "nothing comes back",
        wrong=_step_returns_nothing,
        why="fit puts what a step returns into the History.",
        hint="Return a dict: name to metric.result().",
    ),
)


def _step_samples(self: Any, x: Array, y: Array) -> Any:
    """The loss' mean fed with the samples' own losses."""
    y_pred = self.forward(x, training=True)
    values = self.loss.call(y, y_pred)
    _learn(self, x, y, y_pred)
    logs = {}
    for name, metric in self.metrics.items():
        metric.update(values) if name == "loss" else metric.update(y, y_pred)
        logs[name] = metric.result()
    return logs


def _step_metrics_first(self: Any, x: Array, y: Array) -> Any:
    predictions = self.forward(x, training=True)
    logs = _note(self, x, y, predictions)
    self.backward(dy=self.loss.gradient(y, predictions))
    self.optimizer.apply(self.gradients(), self.variables())
    return logs


def _step_lists(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, True)
    batch_loss = float(self.loss(y, y_pred))
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply([g.copy() for g in self.gradients()], list(self.variables()))
    for name in self.metrics:
        if name != "loss":
            self.metrics[name].update(y, y_pred)
    self.metrics["loss"].update([batch_loss], [x.shape[0]])
    return dict(zip(self.metrics, [m.result() for m in self.metrics.values()], strict=True))


def _record(history: History, epoch: int, logs: dict[str, float]) -> History:
    history.epoch.append(epoch)
    for name, value in logs.items():
        history.history.setdefault(name, []).append(value)
    return history


def _fit_with(
    start: Any = None, before: Any = None, pairs: Any = None, epoch_number: Any = None, after: Any = None
) -> Any:
    """Give a whole wrong fit in which one thing is done in another way."""

    def fit(
        self: Any,
        x: Array,
        y: Array,
        batch_size: int = 32,
        epochs: int = 1,
        shuffle: bool = True,
        rng: Any = None,
    ) -> Any:
        history, logs = History(), {}
        if start:
            start(self)
        for epoch in range(epochs):
            (before or _reset)(self)
            batches = self.batches if pairs is None else pairs
            given = (x, y, batch_size, shuffle, rng)
            for x_batch, y_batch in batches(*given) if pairs is None else batches(self, *given):
                logs = self.train_step(x_batch, y_batch)
            if after:
                logs = after(self, logs)
            _record(history, epoch_number(epoch) if epoch_number else epoch, logs)
        return history

    return fit


def _reset(self: Any) -> None:
    for metric in self.metrics.values():
        metric.reset()


def _reset_afterwards(self: Any, logs: dict[str, float]) -> dict[str, float]:
    _reset(self)
    return logs


def _nothing(self: Any) -> None:
    """Do not reset."""


def _drop_short(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return [pair for pair in self.batches(x, y, batch_size, shuffle, rng) if len(pair[0]) == batch_size]


def _in_sequence(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y, batch_size, False, rng)


def _default_size(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y, 32, shuffle, rng)


def _no_generator(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y, batch_size, shuffle, None)


def _same_seed(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y, batch_size, shuffle, np.random.default_rng(0))


def _always_shuffled(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y, batch_size, True, rng)


def _all_at_once(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return [(x, y)]


def _with_defaults(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return self.batches(x, y)


def _first_only(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return list(self.batches(x, y, batch_size, shuffle, rng))[:1]


def _sliced(self: Any, x: Array, y: Array, batch_size: int, shuffle: bool, rng: Any) -> Any:
    return [(x[i : i + batch_size], y[i : i + batch_size]) for i in range(0, len(x), batch_size)]


def _fit_one_order(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    history, batches = History(), list(self.batches(x, y, batch_size, shuffle, rng))
    for epoch in range(epochs):
        _reset(self)
        for x_batch, y_batch in batches:
            logs = self.train_step(x_batch, y_batch)
        _record(history, epoch, logs)
    return history


def _fit_used_up(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    history, batches, logs = History(), iter(self.batches(x, y, batch_size, shuffle, rng)), {}
    for epoch in range(epochs):
        _reset(self)
        for x_batch, y_batch in batches:
            logs = self.train_step(x_batch, y_batch)
        _record(history, epoch, logs)
    return history


def _fit_every_step(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    history = History()
    for epoch in range(epochs):
        _reset(self)
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            _record(history, epoch, self.train_step(x_batch, y_batch))
    return history


def _fit_values_of_steps(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    history = _fit_every_step(self, x, y, batch_size, epochs, shuffle, rng)
    history.epoch = list(range(epochs))
    return history


def _fit_last_epoch(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    whole = _fit(self, x, y, batch_size, epochs, shuffle, rng)
    whole.history = {name: values[-1:] for name, values in whole.history.items()}
    return whole


def _fit_numbers(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    whole = _fit(self, x, y, batch_size, epochs, shuffle, rng)
    whole.history = {name: values[-1] for name, values in whole.history.items()}  # type: ignore[misc]
    return whole


def _fit_dict(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    return _fit(self, x, y, batch_size, epochs, shuffle, rng).history


def _fit_after_one(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    return _fit(self, x, y, batch_size, min(epochs, 1), shuffle, rng)


def _fit_nothing(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    _fit(self, x, y, batch_size, epochs, shuffle, rng)


def _fit_diary(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    new = _fit(self, x, y, batch_size, epochs, shuffle, rng)
    self.diary = getattr(self, "diary", History())
    self.diary.epoch += new.epoch
    for name, values in new.history.items():
        self.diary.history.setdefault(name, []).extend(values)
    return self.diary


def _fit_other_defaults(
    self: Any, x: Array, y: Array, batch_size: int = 64, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    return _fit(self, x, y, batch_size, epochs, shuffle, rng)


def _fit_unshuffled_default(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = False, rng: Any = None
) -> Any:
    return _fit(self, x, y, batch_size, epochs, shuffle, rng)


def _mean_of_logs(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    history = History()
    for epoch in range(epochs):
        _reset(self)
        seen = [self.train_step(*pair) for pair in self.batches(x, y, batch_size, shuffle, rng)]
        _record(history, epoch, {name: float(np.mean([logs[name] for logs in seen])) for name in seen[0]})
    return history


FIT_MISTAKES = (
    Mistake(
        "metrics are never reset",
        wrong=_fit_with(before=_nothing),
        why="Every epoch's averages then drag along all epochs before, and whatever was in the metrics earlier.",
        hint="metric.reset() for every metric, before the first batch of each epoch.",
    ),
    Mistake(
        "metrics are reset once, not once an epoch",
        wrong=_fit_with(start=_reset, before=_nothing),
        why="From the second epoch on the averages drag along the epochs before.",
        hint="Move the reset inside the loop over epochs.",
    ),
    Mistake(
        "metrics are reset at the end of an epoch only",
        wrong=_fit_with(before=_nothing, after=_reset_afterwards),
        why="Whatever was in the metrics before fit ends up in the first epoch.",
        hint="Reset before the first batch, not after the last.",
    ),
    Mistake(
        "the last batch is dropped",
        wrong=_fit_with(pairs=_drop_short),
        why="A batch that is shorter than the others is a batch all the same; its rows would be missed every epoch.",
        hint="Train on every pair that self.batches yields.",
    ),
    Mistake(
        "never shuffled",
        wrong=_fit_with(pairs=_in_sequence),
        why="With rows in one order, say sorted by class, each batch pulls the model another way.",
        hint="Hand your argument shuffle on to self.batches.",
    ),
    Mistake(
        "always shuffled",
        wrong=_fit_with(pairs=_always_shuffled),
        why="Whoever says shuffle=False has a reason, such as rows in the order of time.",
        hint="Hand your argument shuffle on to self.batches.",
    ),
    Mistake(
        "batch_size is not handed on",
        wrong=_fit_with(pairs=_default_size),
        why="self.batches then cuts batches of 32, whatever the caller asked for.",
        hint="self.batches(x, y, batch_size, shuffle, rng)",
    ),
    Mistake(
        "nothing but x and y is handed on",
        wrong=_fit_with(pairs=_with_defaults),
        why="batch_size, shuffle and rng are what the caller asked for; self.batches has to hear of them.",
        hint="self.batches(x, y, batch_size, shuffle, rng)",
    ),
    Mistake(
        "rng is not handed on",
        wrong=_fit_with(pairs=_no_generator),
        why="The order then cannot be repeated, although the caller passed a generator for it.",
        hint="self.batches(x, y, batch_size, shuffle, rng)",
    ),
    Mistake(
        "a generator of the same seed in every epoch",
        wrong=_fit_with(pairs=_same_seed),
        why="A generator that starts anew draws the same order in every epoch.",
        hint="Hand the caller's rng on: one generator, which goes on from epoch to epoch.",
    ),
    Mistake(
        "one order for all epochs",
        wrong=_fit_one_order,
        why="The rows are to be mixed anew for each epoch; kept in a list, the first order comes again and again.",
        hint="Call self.batches inside the loop over epochs.",
    ),
    Mistake(
        "the batches are used up after one epoch",
        wrong=_fit_used_up,
        why="self.batches gives its pairs once; in the second epoch nothing is left.",
        hint="Call self.batches inside the loop over epochs.",
    ),
    Mistake(
        "all rows at once",
        wrong=_fit_with(pairs=_all_at_once),
        why="One step an epoch is slow to learn, and the rows of a large data set do not fit in memory together.",
        hint="for x_batch, y_batch in self.batches(...)",
    ),
    Mistake(
        "the batches are cut by hand",
        wrong=_fit_with(pairs=_sliced),
        why="self.batches shuffles, and Replay puts Keras' orders there; rows that are cut here miss both.",
        hint="for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng)",
    ),
    Mistake(
        "one batch an epoch",
        wrong=_fit_with(pairs=_first_only),
        why="An epoch is over when every row has been seen once.",
        hint="Is there a return or a break inside the loop over batches?",
    ),
    Mistake(
        "a value for every batch",
        wrong=_fit_every_step,
        why="A History has one value an epoch: what the metrics say after the last batch.",
        hint="Move the lines that fill the History out of the inner loop.",
    ),
    Mistake(
        "values for every batch, epochs once",
        wrong=_fit_values_of_steps,
        why="A History has one value an epoch: what the metrics say after the last batch.",
        hint="The loop that fills history.history belongs after the loop over batches.",
    ),
    Mistake(
        "the mean of what the steps returned",
        wrong=_mean_of_logs,
        why="Each of these is a running mean already; their mean counts the early batches many times.",
        hint="The last step's logs are the epoch's.",
    ),
    Mistake(
        "only the last epoch is kept",
        wrong=_fit_last_epoch,
        why="The lists of a History grow by one value an epoch.",
        hint="setdefault(name, []).append(value)",
    ),
    Mistake(
        "numbers instead of lists",
        wrong=_fit_numbers,
        why="Assigning overwrites the epoch before; a History keeps them all, in lists.",
        hint="setdefault(name, []).append(value)",
    ),
    Mistake(
        "the dict instead of the History",
        wrong=_fit_dict,
        why="fit returns the object, which knows the epochs' numbers, too.",
        hint="return history",
    ),
    Mistake(
        "it ends after the first epoch",
        wrong=_fit_after_one,
        why="A return inside the loop ends all loops at once.",
        hint="Look at how far the return is indented.",
    ),
    Mistake(
        "epochs are numbered from 1",
        wrong=_fit_with(epoch_number=lambda epoch: epoch + 1),
        why="The progress bar shows 1, but History.epoch counts from 0.",
        hint="range(epochs) begins at 0.",
    ),
    Mistake(
        "the History of an earlier fit goes on",
        wrong=_fit_diary,
        why="Every call returns a History of its own; an old one must not change any more.",
        hint="history = History() at the beginning of fit.",
    ),
    Mistake(
        "another default for batch_size",
        wrong=_fit_other_defaults,
        why="Keras takes 32 where nothing is said.",
        hint="Copy the signature from the statement.",
    ),
    Mistake(
        "not shuffled by default",
        wrong=_fit_unshuffled_default,
        why="Keras shuffles unless it is told not to.",
        hint="Copy the signature from the statement.",
    ),
    Mistake(
        "nothing comes back",
        wrong=_fit_nothing,
        why="The History is all that is left of a training, besides the weights.",
        hint="return history",
    ),
)


class _OwnHistory:
    def __init__(self, epoch: Any, history: Any) -> None:
        self.epoch, self.history = epoch, history


def _fit_by_lists(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    rows = []
    for _ in range(epochs):
        for metric in list(self.metrics.values()):
            metric.reset()
        rows.append([self.train_step(*pair) for pair in self.batches(x, y, batch_size, shuffle, rng)][-1])
    return _OwnHistory(list(range(epochs)), {name: [row[name] for row in rows] for name in rows[0]})


def _fit_reads_metrics(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    result, epoch = History(), 0
    while epoch < epochs:
        batches = self.batches(x, y, batch_size=batch_size, shuffle=shuffle, rng=rng)
        _reset(self)
        for pair in batches:
            self.train_step(pair[0], pair[1])
        for name in self.metrics:
            if name not in result.history:
                result.history[name] = []
            result.history[name] += [self.metrics[name].result()]
        result.epoch += [epoch]
        epoch += 1
    return result


def _fit_own_generator(
    self: Any, x: Array, y: Array, batch_size: int = 32, epochs: int = 1, shuffle: bool = True, rng: Any = None
) -> Any:
    rng = np.random.default_rng() if rng is None else rng
    record: dict[str, Any] = {}
    for _ in range(epochs):
        _reset(self)
        for x_batch, y_batch in list(self.batches(x, y, batch_size, shuffle, rng)):
            logs = self.train_step(x_batch, y_batch)
        for name, value in logs.items():
            record[name] = (*record.get(name, ()), value)
    return _OwnHistory(tuple(range(epochs)), record)


RESOLVE = Exercise(
    identifier="fit.resolve",
    signature="resolve(identifier, registry) -> object",
    points=2,
    minutes=8,
    difficulty=1,
    lines=6,
    reference=_resolve,
    cases=_resolve_cases,
    scenario=scenarios.resolve,
    mistakes=RESOLVE_MISTAKES,
    hints=(
        ("Three cases, one after the other: it is no string; it is a known name; it is neither."),
        (
            "isinstance(identifier, str) tells a string. `identifier in registry` tells a known name; "
            "registry[identifier] is a class, and calling it makes the object."
        ),
        (
            "For the last case: near = difflib.get_close_matches(identifier, registry), then raise "
            "ValueError(...) with the name, and with near[0] if near is not empty."
        ),
    ),
    alternatives=(_resolve_early, _resolve_by_distance, _resolve_with_get),
)

COMPILE = Exercise(
    identifier="fit.compile",
    signature="compile(self, optimizer, loss, metrics=())",
    points=2,
    minutes=8,
    difficulty=1,
    lines=5,
    reference=_compile,
    cases=_compile_cases,
    scenario=scenarios.compile,
    mistakes=COMPILE_MISTAKES,
    hints=(
        (
            "Three attributes to set: self.optimizer, self.loss, self.metrics. Every one of them goes through "
            "your resolve."
        ),
        (
            "Each kind has its registry: self.OPTIMIZERS, self.LOSSES, self.METRICS. The dict begins with the "
            "loss' own mean."
        ),
        (
            'self.metrics = {"loss": resolve("mean", self.METRICS)}, then for each name in metrics: '
            "self.metrics[name] = resolve(name, self.METRICS). The optimizer and the loss take one line each."
        ),
    ),
    alternatives=(_compile_at_once, _compile_mean_last, _compile_vars),
)

TRAIN_STEP = Exercise(
    identifier="fit.train_step",
    signature="train_step(self, x, y) -> dict",
    points=4,
    minutes=15,
    difficulty=3,
    lines=9,
    reference=_train_step,
    cases=_step_cases,
    scenario=scenarios.step,
    mistakes=STEP_MISTAKES,
    hints=(
        (
            "The six moves of the statement are six short pieces of code, in that order. Only one forward pass "
            "is needed."
        ),
        (
            "Moves 1 to 4: y_pred = self.forward(x, training=True); loss = self.loss(y, y_pred); "
            "self.backward(self.loss.gradient(y, y_pred)); then apply with self.gradients() first and "
            "self.variables() second."
        ),
        (
            'Move 5: for name, metric in self.metrics.items(): if name == "loss", metric.update(loss, '
            "sample_weight=len(x)), else metric.update(y, y_pred). Move 6: {name: metric.result() for name, "
            "metric in self.metrics.items()}."
        ),
    ),
    alternatives=(_step_samples, _step_metrics_first, _step_lists),
)

FIT = Exercise(
    identifier="fit.fit",
    signature="fit(self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None) -> History",
    points=4,
    minutes=15,
    difficulty=3,
    lines=10,
    reference=_fit,
    cases=_fit_cases,
    scenario=scenarios.fit,
    mistakes=FIT_MISTAKES,
    hints=(
        (
            "Two loops, one inside the other: for epoch in range(epochs), and in it for x_batch, y_batch in "
            "self.batches(...)."
        ),
        (
            "Before the inner loop reset the metrics; inside it keep what self.train_step returns, each time "
            "over the last; after it write that into the History. The return stands after both loops."
        ),
        (
            "After the inner loop: history.epoch.append(epoch), then for name, value in logs.items(): "
            "history.history.setdefault(name, []).append(value)."
        ),
    ),
    alternatives=(_fit_by_lists, _fit_reads_metrics, _fit_own_generator),
)

HOW_NEAR = Question(
    identifier="fit.q1_how_near",
    text=(
        "Your fit and real Keras: the same first weights, the same rows in the same order, 540 steps of Adam in "
        "64-bit numbers. By how much do the losses of an epoch differ at most?"
    ),
    choices={
        "a": "about 0.01: training is noisy",
        "b": "about 0.00001: small errors add up over 540 steps",
        "c": "about 1e-10, which is as near as two programs get",
        "d": "about 1e-16, or not at all",
    },
    answer="d",
    because="Nothing random is left, so only the last binary digit of 64-bit numbers can differ, and it does not grow.",
)

WHICH_SHOWS = Question(
    identifier="fit.q2_which_shows",
    text=(
        "You break the loop in one of these ways. Which of them changes the curve of the loss so little that a run "
        "with another shuffle, and no mistake, would be ten times as far away?"
    ),
    choices={
        "a": "only the one with PyTorch's epsilon in Adam",
        "b": "only the one that averages the batches' means",
        "c": "only the one whose gradients are divided by 32 once too often",
        "d": "all three",
    },
    answer="d",
    because=(
        "Another order moves the loss by 0.01. Adam divides a gradient by its own size, so even a factor of 32 hardly "
        "shows: none of the three moves the loss by more than 0.001."
    ),
)

COMPILE_AGAIN = Question(
    identifier="fit.q3_compile_again",
    text=(
        'After 4 epochs you call compile again, with the same arguments ("adam", ...), and fit 8 more. What is gone?'
    ),
    choices={
        "a": "nothing: it goes on as if compile had not been called",
        "b": "what Adam remembers of the earlier steps",
        "c": "the weights: the loss starts from 2.3 again",
        "d": "both the weights and Adam's memory",
    },
    answer="b",
    because='compile never touches weights, but the name "adam" makes a new Adam, whose memory is empty.',
)

register(RESOLVE, COMPILE, TRAIN_STEP, FIT)
register(HOW_NEAR, WHICH_SHOWS, COMPILE_AGAIN)
