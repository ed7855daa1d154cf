"""Notebook 10, validation and inference: the same loop with the learning left out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.exercises.fit import History
from autograder.scenarios import validation as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]

# The reference: plain functions of `self`, as the notebook has them, one a cell.


def _test_step(self: Any, x: Array, y: Array) -> dict[str, float]:
    y_pred = self.forward(x, training=False)
    loss = self.loss(y, y_pred)
    for name, metric in self.metrics.items():
        if name == "loss":
            metric.update(loss, sample_weight=len(x))
        else:
            metric.update(y, y_pred)
    return {name: metric.result() for name, metric in self.metrics.items()}


def _evaluate(self: Any, x: Array, y: Array, batch_size: int = 32) -> dict[str, float]:
    for metric in self.metrics.values():
        metric.reset()
    for x_batch, y_batch in self.batches(x, y, batch_size, shuffle=False, rng=None):
        logs = self.test_step(x_batch, y_batch)
    return logs


def _predict(self: Any, x: Array, batch_size: int = 32) -> Array:
    outputs = []
    for x_batch, _ in self.batches(x, None, batch_size, shuffle=False, rng=None):
        outputs.append(self.forward(x_batch, training=False))
    return np.concatenate(outputs)


def _fit(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Rng | None = None,
    validation_data: tuple[Array, Array] | None = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> History:
    if validation_data is None and validation_split:
        kept = int(len(x) * (1 - validation_split))
        validation_data = (x[kept:], y[kept:])
        x, y = x[:kept], y[:kept]
    history = History()
    for epoch in range(epochs):
        for metric in self.metrics.values():
            metric.reset()
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(x_batch, y_batch)
        if validation_data is not None and (epoch + 1) % validation_freq == 0:
            validation = self.evaluate(*validation_data, batch_size)
            logs = logs | {f"val_{name}": value for name, value in validation.items()}
        history.epoch.append(epoch)
        for name, value in logs.items():
            history.history.setdefault(name, []).append(value)
    return history


# Inputs.


def _batches(rng: Rng, sizes: list[int], d: int, h: int) -> list[tuple[Array, Array]]:
    return [(rng.normal(size=(b, d)) + 0.3, rng.normal(size=(b, h))) for b in sizes]


def _step_cases(rng: Rng) -> Cases:
    return {
        "batches of 7, 7 and 3 rows": (_batches(rng, [7, 7, 3], 4, 2), rng.normal(size=(4, 2)), 0.1),
        "one batch of 5": (_batches(rng, [5], 3, 2), rng.normal(size=(3, 2)), 0.2),
        "a batch of one row": (_batches(rng, [4, 1], 2, 3), rng.normal(size=(2, 3)), 0.05),
        "one output": (_batches(rng, [6, 2], 3, 1), rng.normal(size=(3, 1)), 0.1),
        "batches that grow": (_batches(rng, [2, 3, 8], 3, 4), rng.normal(size=(3, 4)), 0.1),
    }


def _evaluate_cases(rng: Rng) -> Cases:
    return {
        "11 rows in batches of 4": (11, 3, 4),
        "70 rows, batches of the default size": (70, int(rng.integers(1, 5)), None),
        "more than there are in a batch": (5, 2, 16),
        "batches of one row": (int(rng.integers(3, 6)), 1, 1),
        "no remainder": (8, 2, 4),
    }


def _predict_cases(rng: Rng) -> Cases:
    return {
        "11 rows in batches of 4": (rng.normal(size=(11, 3)), rng.normal(size=(3, 2)), 4),
        "70 rows, batches of the default size": (rng.normal(size=(70, 2)), rng.normal(size=(2, 3)), None),
        "one output": (rng.normal(size=(7, 4)), rng.normal(size=(4, 1)), 3),
        "fewer rows than a batch": (rng.normal(size=(5, 3)), rng.normal(size=(3, 2)), 16),
        "one row": (rng.normal(size=(1, 3)), rng.normal(size=(3, 4)), 2),
        "no remainder": (rng.normal(size=(9, 2)), rng.normal(size=(2, 4)), 3),
    }


def _fit_cases(rng: Rng) -> Cases:
    def case(n: int, held_out: int = 0, **options: Any) -> tuple[Any, ...]:
        orders = [rng.permutation(n).tolist() for _ in range(options.get("epochs", 1) + 1)]
        return orders, options, int(rng.integers(1, 5)), held_out

    return {
        "validation_data, 3 epochs": case(11, 5, batch_size=4, epochs=3),
        "validation_split of 0.3": case(11, batch_size=4, epochs=2, validation_split=0.3),
        "no validation": case(7, batch_size=3, epochs=2),
        "validation_freq of 2, 5 epochs": case(7, 4, batch_size=3, epochs=5, validation_freq=2),
        "validation_split and validation_freq of 3": case(
            13, batch_size=4, epochs=4, validation_split=0.25, validation_freq=3
        ),
        "both validation_data and validation_split": case(9, 4, batch_size=4, epochs=1, validation_split=0.4),
        "validation_split of 0.2, batches of the default size": case(43, validation_split=0.2),
        "data to hold out, batches of the default size": case(5, 37),
    }


# Known mistakes, each a whole wrong answer.


def _reset(self: Any) -> None:
    for metric in self.metrics.values():
        metric.reset()


def _results(self: Any) -> dict[str, float]:
    return {name: metric.result() for name, metric in self.metrics.items()}


def _note(self: Any, x: Array, y: Array, y_pred: Array, loss: Any = None, weight: Any = None) -> dict[str, float]:
    """Update every metric and read it; by default as it should be."""
    loss = self.loss(y, y_pred) if loss is None else loss
    self.metrics["loss"].update(loss, sample_weight=len(x) if weight is None else weight)
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y, y_pred)
    return _results(self)


def _test_dropout_on(self: Any, x: Array, y: Array) -> Any:
    return _note(self, x, y, self.forward(x, training=True))


def _test_learns(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _test_trains(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=True)
    self.backward(self.loss.gradient(y, y_pred))
    self.optimizer.apply(self.gradients(), self.variables())
    return _note(self, x, y, y_pred)


def _test_backward(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    self.backward(self.loss.gradient(y, y_pred))
    return _note(self, x, y, y_pred)


def _test_batches_alike(self: Any, x: Array, y: Array) -> Any:
    return _note(self, x, y, self.forward(x, training=False), weight=1)


def _test_this_batch(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    return {**_note(self, x, y, y_pred), "loss": self.loss(y, y_pred)}


def _test_resets(self: Any, x: Array, y: Array) -> Any:
    _reset(self)
    return _test_step(self, x, y)


def _test_only_loss(self: Any, x: Array, y: Array) -> Any:
    return {"loss": _test_step(self, x, y)["loss"]}


def _test_no_loss(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y, y_pred)
    return _results(self)


def _test_no_metrics(self: Any, x: Array, y: Array) -> Any:
    self.metrics["loss"].update(self.loss(y, self.forward(x, training=False)), sample_weight=len(x))
    return _results(self)


def _test_swapped_loss(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    return _note(self, x, y, y_pred, loss=self.loss(y_pred, y))


def _test_swapped_metrics(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    self.metrics["loss"].update(self.loss(y, y_pred), sample_weight=len(x))
    for name, metric in self.metrics.items():
        if name != "loss":
            metric.update(y_pred, y)
    return _results(self)


def _test_all_alike(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x, training=False)
    for metric in self.metrics.values():
        metric.update(y, y_pred)
    return _results(self)


def _test_prefixed(self: Any, x: Array, y: Array) -> Any:
    return {f"val_{name}": value for name, value in _test_step(self, x, y).items()}


def _test_returns_nothing(self: Any, x: Array, y: Array) -> Any:
    _test_step(self, x, y)


TEST_STEP_MISTAKES = (
    Mistake(
        "dropout stays on",
        wrong=_test_dropout_on,
        why="With training=True dropout goes on removing units, and what is judged is half a model.",
        hint="self.forward(x, training=False)",
    ),
    Mistake(
        "it learns",
        wrong=_test_learns,
        why="These rows are there to judge by; whoever learns from them cannot be judged by them any more.",
        hint="No backward and no optimizer in a test step.",
    ),
    Mistake(
        "it is a train step",
        wrong=_test_trains,
        why="The weights move, and dropout is on: both belong to training alone.",
        hint="Leave out backward and apply, and go forward with training=False.",
    ),
    Mistake(
        "backward for nothing",
        wrong=_test_backward,
        why="Nobody asks for the gradients here, and computing them takes longer than all the rest.",
        hint="Forward, loss, metrics: no more.",
    ),
    Mistake(
        "every batch counts the same",
        wrong=_test_batches_alike,
        why="The loss of a batch is a mean over its samples; a short last batch must not weigh as much as a full one.",
        hint='self.metrics["loss"].update(loss, sample_weight=len(x))',
    ),
    Mistake(
        "the loss of this batch alone",
        wrong=_test_this_batch,
        why="What comes back are the means over all batches so far, the loss among them.",
        hint='Return self.metrics["loss"].result(), as for every other metric.',
    ),
    Mistake(
        "metrics reset in every step",
        wrong=_test_resets,
        why="Then only the last batch is judged; evaluate resets, once, before the first.",
        hint="There is no reset in a step.",
    ),
    Mistake(
        "only the loss comes back",
        wrong=_test_only_loss,
        why="All metrics are asked for, each under its name.",
        hint="Go through self.metrics.items().",
    ),
    Mistake(
        "the loss is not averaged anywhere",
        wrong=_test_no_loss,
        why='The metric called "loss" was never updated, so it has nothing to say.',
        hint='self.metrics["loss"].update(loss, sample_weight=len(x))',
    ),
    Mistake(
        "the other metrics are not updated",
        wrong=_test_no_metrics,
        why='Only "loss" was; whatever else was compiled has nothing to say.',
        hint='metric.update(y, y_pred) for every name but "loss".',
    ),
    Mistake(
        "y and y_pred exchanged in the loss",
        wrong=_test_swapped_loss,
        why="Every loss takes the labels first, and few are symmetric.",
        hint="self.loss(y, y_pred)",
    ),
    Mistake(
        "y and y_pred exchanged in the metrics",
        wrong=_test_swapped_metrics,
        why="Every metric takes the labels first.",
        hint="metric.update(y, y_pred)",
    ),
    Mistake(
        "the loss' mean gets labels and predictions",
        wrong=_test_all_alike,
        why='"loss" is a Mean: it takes the loss and its weight, not labels and predictions.',
        hint='Treat the name "loss" apart from all others.',
    ),
    Mistake(
        "val_ is put before the names here",
        wrong=_test_prefixed,
        why="evaluate gives plain names; only fit, which has two of each, tells them apart by val_.",
        hint="Return the names as they stand in self.metrics.",
    ),
    Mistake(
        "nothing comes back",
        wrong=_test_returns_nothing,
        why="evaluate returns what its last step returned.",
        hint="Return a dict: name to metric.result().",
    ),
)


def _test_by_samples(self: Any, x: Array, y: Array) -> Any:
    y_pred = self.forward(x)
    self.metrics["loss"].update(self.loss.call(y, y_pred))
    for name in [name for name in self.metrics if name != "loss"]:
        self.metrics[name].update(y, y_pred)
    return _results(self)


def _test_called(self: Any, x: Array, y: Array) -> Any:
    predictions = self(x, training=False)
    logs = {}
    for name, metric in self.metrics.items():
        if name == "loss":
            metric.update(float(self.loss(y, predictions)), len(x))
        else:
            metric.update(y, predictions)
        logs[name] = float(metric.result())
    return logs


def _test_lists(self: Any, x: Array, y: Array) -> Any:
    outputs = self.forward(x, False)
    self.metrics["loss"].update([self.loss(y, outputs)], [len(y)])
    _ = [m.update(y, outputs) for n, m in self.metrics.items() if n != "loss"]
    return dict(zip(self.metrics, [m.result() for m in self.metrics.values()], strict=True))


def _evaluate_with(pairs: Any = None, step: Any = None, reset: bool = True, give: Any = None) -> Any:
    """Give a whole wrong evaluate in which one thing is done in another way."""

    def evaluate(self: Any, x: Array, y: Array, batch_size: int = 32) -> Any:
        if reset:
            _reset(self)
        seen = []
        for pair in (pairs or _in_sequence)(self, x, y, batch_size):
            seen.append((step or type(self).test_step)(self, *pair))
        return give(self, seen) if give else seen[-1]

    return evaluate


def _in_sequence(self: Any, x: Array, y: Any, batch_size: int) -> Any:
    return self.batches(x, y, batch_size, False, None)


def _full_ones(self: Any, x: Any, y: Any, size: int) -> Any:
    """The batches but for a short last one."""
    return [pair for pair in _in_sequence(self, x, y, size) if len(pair[0]) in (size, len(x))]


def _step_after_reset(self: Any, x: Array, y: Array) -> Any:
    _reset(self)
    return self.test_step(x, y)


def _evaluate_other_default(self: Any, x: Array, y: Array, batch_size: int = 64) -> Any:
    return _evaluate(self, x, y, batch_size)


EVALUATE_MISTAKES = (
    Mistake(
        "metrics are not reset",
        wrong=_evaluate_with(reset=False),
        why="Whatever was in the metrics before, the training rows for example, is averaged in.",
        hint="metric.reset() for every metric, before the first batch.",
    ),
    Mistake(
        "metrics are reset in every batch",
        wrong=_evaluate_with(step=_step_after_reset),
        why="In the end they know the last batch alone.",
        hint="Reset before the loop, once.",
    ),
    Mistake(
        "the mean of what the batches returned",
        wrong=_evaluate_with(
            give=lambda self, seen: {name: float(np.mean([logs[name] for logs in seen])) for name in seen[0]}
        ),
        why="Each of these is a running mean already, so the first rows count again and again.",
        hint="The last step's logs are those of all rows.",
    ),
    Mistake(
        "the last batch is dropped",
        wrong=_evaluate_with(pairs=_full_ones),
        why="Those rows are then never judged.",
        hint="A short batch is a batch all the same.",
    ),
    Mistake(
        "shuffled",
        wrong=_evaluate_with(pairs=lambda self, x, y, size: self.batches(x, y, size, True, None)),
        why="The order does not matter for judging, but drawing one disturbs whatever draws from that generator next.",
        hint="shuffle=False",
    ),
    Mistake(
        "all rows at once",
        wrong=_evaluate_with(pairs=lambda self, x, y, size: [(x, y)]),
        why="A data set larger than memory can be evaluated batch by batch, but not in one piece.",
        hint="Go through self.batches, or through slices of batch_size rows.",
    ),
    Mistake(
        "batch_size is not handed on",
        wrong=_evaluate_with(pairs=lambda self, x, y, size: self.batches(x, y, 32, False, None)),
        why="Batches of 32 are used then, whatever the caller asked for.",
        hint="self.batches(x, y, batch_size, shuffle=False, rng=None)",
    ),
    Mistake(
        "only the first batch",
        wrong=_evaluate_with(pairs=lambda self, x, y, size: list(_in_sequence(self, x, y, size))[:1]),
        why="The rows after it are never judged.",
        hint="Is there a return inside the loop?",
    ),
    Mistake(
        "it trains",
        wrong=_evaluate_with(step=lambda self, x, y: self.train_step(x, y)),
        why="Whoever learns from the test rows cannot be judged by them any more.",
        hint="self.test_step",
    ),
    Mistake(
        "the logs of every batch",
        wrong=_evaluate_with(give=lambda self, seen: seen),
        why="What is wanted is one dict: the metrics after the last batch.",
        hint="Keep only what the last test_step returned.",
    ),
    Mistake(
        "the loss alone",
        wrong=_evaluate_with(give=lambda self, seen: seen[-1]["loss"]),
        why="The metrics that were compiled are asked for, too.",
        hint="Return the whole dict.",
    ),
    Mistake(
        "val_ is put before the names here",
        wrong=_evaluate_with(give=lambda self, seen: {f"val_{name}": value for name, value in seen[-1].items()}),
        why="evaluate gives plain names; only fit, which has two of each, tells them apart by val_.",
        hint="Return the dict as it is.",
    ),
    Mistake(
        "another default for batch_size",
        wrong=_evaluate_other_default,
        why="Keras takes 32 where nothing is said.",
        hint="Copy the signature from the statement.",
    ),
    Mistake(
        "nothing comes back",
        wrong=_evaluate_with(give=lambda self, seen: None),
        why="The caller wants to see the numbers, and fit puts them into its History.",
        hint="Return what the last test_step returned.",
    ),
)


def _evaluate_slices(self: Any, x: Array, y: Array, batch_size: int = 32) -> Any:
    for name in self.metrics:
        self.metrics[name].reset()
    for start in range(0, len(x), batch_size):
        self.test_step(x[start : start + batch_size], y[start : start + batch_size])
    return {name: metric.result() for name, metric in self.metrics.items()}


def _evaluate_while(self: Any, x: Array, y: Array, batch_size: int = 32) -> Any:
    _reset(self)
    logs: dict[str, float] = {}
    at = 0
    while at < len(x):
        rows = slice(at, min(at + batch_size, len(x)))
        logs = dict(self.test_step(x[rows], y[rows]))
        at = rows.stop
    return logs


def _evaluate_listed(self: Any, x: Array, y: Array, batch_size: int = 32) -> Any:
    [metric.reset() for metric in self.metrics.values()]
    return [self.test_step(*pair) for pair in self.batches(x, y, batch_size, shuffle=False, rng=None)][-1]


def _predict_with(pairs: Any = None, training: bool = False, give: Any = np.concatenate) -> Any:
    """Give a whole wrong predict in which one thing is done in another way."""

    def predict(self: Any, x: Array, batch_size: int = 32) -> Any:
        found = (pairs or _in_sequence)(self, x, None, batch_size)
        return give([self.forward(part, training=training) for part, _ in found])

    return predict


def _softmax(outputs: list[Array]) -> Array:
    e = np.exp(np.concatenate(outputs))
    return e / e.sum(axis=1, keepdims=True)


def _predict_other_default(self: Any, x: Array, batch_size: int = 64) -> Any:
    return _predict(self, x, batch_size)


def _predict_first(self: Any, x: Array, batch_size: int = 32) -> Any:
    return self.forward(x[:batch_size], training=False)


PREDICT_MISTAKES = (
    Mistake(
        "a list of batches",
        wrong=_predict_with(give=list),
        why="Nobody who asks for predictions wants to know how they were cut up: one array, a row for each row of x.",
        hint="np.concatenate(list_of_arrays) puts them one below the other.",
    ),
    Mistake(
        "dropout stays on",
        wrong=_predict_with(training=True),
        why="A prediction would be another one every time, and a worse one.",
        hint="self.forward(x_batch, training=False)",
    ),
    Mistake(
        "the last batch is dropped",
        wrong=_predict_with(pairs=_full_ones),
        why="The last rows of x get no prediction.",
        hint="A short batch is a batch all the same.",
    ),
    Mistake(
        "shuffled",
        wrong=_predict_with(pairs=lambda self, x, y, size: self.batches(x, y, size, True, None)),
        why="Prediction i has to belong to row i of x.",
        hint="shuffle=False",
    ),
    Mistake(
        "all rows at once",
        wrong=_predict_with(pairs=lambda self, x, y, size: [(x, None)]),
        why="A forward pass of all rows needs memory for all of them, in every layer.",
        hint="Go through self.batches, batch_size rows at a time.",
    ),
    Mistake(
        "batch_size is not handed on",
        wrong=_predict_with(pairs=lambda self, x, y, size: self.batches(x, None, 32, False, None)),
        why="Batches of 32 are used then, whatever the caller asked for.",
        hint="self.batches(x, None, batch_size, shuffle=False, rng=None)",
    ),
    Mistake(
        "the first batch alone",
        wrong=_predict_first,
        why="The rows after it get no prediction.",
        hint="Is there a return inside the loop?",
    ),
    Mistake(
        "the last batch alone",
        wrong=_predict_with(give=lambda outputs: outputs[-1]),
        why="Each batch overwrites the one before.",
        hint="Collect the outputs in a list, and join them after the loop.",
    ),
    Mistake(
        "classes instead of outputs",
        wrong=_predict_with(give=lambda outputs: np.argmax(np.concatenate(outputs), axis=1)),
        why="predict gives what the last layer gives, (N, C); which class that means is the caller's business.",
        hint="Leave out the argmax.",
    ),
    Mistake(
        "softmax on top",
        wrong=_predict_with(give=_softmax),
        why="predict gives what the last layer gives; if the model ends in logits, these are what Keras returns, too.",
        hint="Leave out the softmax.",
    ),
    Mistake(
        "batches side by side",
        wrong=_predict_with(give=lambda outputs: np.concatenate(outputs, axis=-1)),
        why="Rows belong below rows.",
        hint="axis=0, which is np.concatenate's default.",
    ),
    Mistake(
        "one long row",
        wrong=_predict_with(give=lambda outputs: np.concatenate(outputs).ravel()),
        why="(N, C) is wanted: a row of C numbers for each row of x.",
        hint="np.concatenate alone keeps the rows.",
    ),
    Mistake(
        "another default for batch_size",
        wrong=_predict_other_default,
        why="Keras takes 32 where nothing is said.",
        hint="Copy the signature from the statement.",
    ),
    Mistake(
        "nothing comes back",
        wrong=_predict_with(give=lambda outputs: None),
        why="The predictions are all that was asked for.",
        hint="return np.concatenate(...)",
    ),
)


def _predict_slices(self: Any, x: Array, batch_size: int = 32) -> Any:
    parts = [self.forward(x[i : i + batch_size], training=False) for i in range(0, len(x), batch_size)]
    return np.vstack(parts)


def _predict_filled(self: Any, x: Array, batch_size: int = 32) -> Any:
    result = None
    for start in range(0, len(x), batch_size):
        outputs = self.forward(x[start : start + batch_size])
        if result is None:
            result = np.empty((len(x), *outputs.shape[1:]))
        result[start : start + len(outputs)] = outputs
    return result


def _predict_rows(self: Any, x: Array, batch_size: int = 32) -> Any:
    rows: list[Any] = []
    for x_batch, _ in self.batches(x, None, batch_size, False, None):
        rows.extend(self.forward(x_batch, False))
    return np.array(rows)


def _fit_with(
    split: Any = None,
    due: Any = None,
    before: Any = None,
    judge: Any = None,
    name: Any = None,
    merge: Any = None,
) -> Any:
    """Give a whole wrong fit in which one thing about validation is done in another way."""

    def fit(
        self: Any,
        x: Array,
        y: Array,
        batch_size: int = 32,
        epochs: int = 1,
        shuffle: bool = True,
        rng: Any = None,
        validation_data: Any = None,
        validation_split: float = 0.0,
        validation_freq: int = 1,
    ) -> Any:
        x, y, validation_data = (split or _split)(x, y, validation_data, validation_split)
        history = History()
        for epoch in range(epochs):
            _reset(self)
            for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
                logs = self.train_step(x_batch, y_batch)
            logs = dict(logs)
            turn = (due or _due)(epoch, validation_freq, epochs)
            if validation_data is not None and turn:
                seen = (judge or _judge)(self, x, y, validation_data, batch_size)
                seen = {(name or "val_{}").format(key): value for key, value in seen.items()}
                logs = merge(self, logs, seen) if merge else logs | seen
            history.epoch.append(epoch)
            for key, value in logs.items():
                history.history.setdefault(key, []).append(value)
        return history

    return fit


def _split(x: Array, y: Array, data: Any, fraction: float, kept: Any = None) -> tuple[Array, Array, Any]:
    if data is not None or not fraction:
        return x, y, data
    n = int(len(x) * (1 - fraction)) if kept is None else kept(len(x), fraction)
    return x[:n], y[:n], (x[n:], y[n:])


def _split_rounded(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return _split(x, y, data, fraction, lambda n, f: round(n * (1 - f)))


def _split_up(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return _split(x, y, data, fraction, lambda n, f: n - int(n * f))


def _split_turned(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return _split(x, y, data, fraction, lambda n, f: int(n * f))


def _split_first(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    if data is not None or not fraction:
        return x, y, data
    n = len(x) - int(len(x) * (1 - fraction))
    return x[n:], y[n:], (x[:n], y[:n])


def _split_shuffled(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    if data is not None or not fraction:
        return x, y, data
    order = np.random.default_rng(0).permutation(len(x))
    return _split(x[order], y[order], data, fraction)


def _split_keeps(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return x, y, _split(x, y, data, fraction)[2]


def _split_wins(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return _split(x, y, None, fraction) if fraction else (x, y, data)


def _split_both(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    x, y, tail = _split(x, y, None, fraction)
    return x, y, tail if data is None else data


def _split_x_only(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return _split(x, y, data, fraction)[0], y, _split(x, y, data, fraction)[2]


def _split_nothing(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    if data is not None:
        return x, y, data
    n = int(len(x) * (1 - fraction))
    return x[:n], y[:n], (x[n:], y[n:])


def _split_ignored(x: Array, y: Array, data: Any, fraction: float) -> tuple[Array, Array, Any]:
    return x, y, data


def _due(epoch: int, every: int, epochs: int) -> bool:
    return (epoch + 1) % every == 0


def _judge(self: Any, x: Array, y: Array, data: Any, batch_size: int) -> Any:
    return self.evaluate(*data, batch_size)


def _judge_by_training(self: Any, x: Array, y: Array, data: Any, batch_size: int) -> Any:
    for start in range(0, len(data[0]), batch_size):
        logs = self.train_step(data[0][start : start + batch_size], data[1][start : start + batch_size])
    return logs


def _judge_without_reset(self: Any, x: Array, y: Array, data: Any, batch_size: int) -> Any:
    for start in range(0, len(data[0]), batch_size):
        logs = self.test_step(data[0][start : start + batch_size], data[1][start : start + batch_size])
    return logs


def _fit_first_validates(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> Any:
    x, y, validation_data = _split(x, y, validation_data, validation_split)
    history = History()
    for epoch in range(epochs):
        seen = {}
        if validation_data is not None and (epoch + 1) % validation_freq == 0:
            seen = {f"val_{k}": v for k, v in self.evaluate(*validation_data, batch_size).items()}
        _reset(self)
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(x_batch, y_batch)
        history.epoch.append(epoch)
        for key, value in (logs | seen).items():
            history.history.setdefault(key, []).append(value)
    return history


def _fit_stale(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> Any:
    x, y, validation_data = _split(x, y, validation_data, validation_split)
    history, logs = History(), {}
    for epoch in range(epochs):
        _reset(self)
        for x_batch, y_batch in self.batches(x, y, batch_size, shuffle, rng):
            logs.update(self.train_step(x_batch, y_batch))
        if validation_data is not None and (epoch + 1) % validation_freq == 0:
            logs.update({f"val_{k}": v for k, v in self.evaluate(*validation_data, batch_size).items()})
        history.epoch.append(epoch)
        for key, value in logs.items():
            history.history.setdefault(key, []).append(value)
    return history


FIT_MISTAKES = (
    Mistake(
        "the first rows are held out",
        wrong=_fit_with(split=_split_first),
        why="validation_split takes the tail of the data.",
        hint="x[:kept] to train on, x[kept:] to hold out.",
    ),
    Mistake(
        "random rows are held out",
        wrong=_fit_with(split=_split_shuffled),
        why="Keras cuts before it shuffles: the held-out rows are the last ones, in their order.",
        hint="Cut first; self.batches shuffles what is left.",
    ),
    Mistake(
        "held-out rows are trained on as well",
        wrong=_fit_with(split=_split_keeps),
        why="A model is then judged by rows that it has seen: the leak that validation is there to rule out.",
        hint="Rows that are held out have to leave x and y.",
    ),
    Mistake(
        "kept and held out are exchanged",
        wrong=_fit_with(split=_split_turned),
        why="validation_split is the share that is held out, not the share that is trained on.",
        hint="kept = int(len(x) * (1 - validation_split))",
    ),
    Mistake(
        "the cut is rounded to the nearest row",
        wrong=_fit_with(split=_split_rounded),
        why="Keras rounds down: 7.7 rows to train on are 7.",
        hint="int(len(x) * (1 - validation_split))",
    ),
    Mistake(
        "the cut is rounded up",
        wrong=_fit_with(split=_split_up),
        why="Keras rounds the rows to train on down: of 7.7 it trains on 7, and holds out the rest.",
        hint="int(len(x) * (1 - validation_split))",
    ),
    Mistake(
        "y is not cut",
        wrong=_fit_with(split=_split_x_only),
        why="x has lost its last rows, y has not: what belongs together has to be cut together.",
        hint="x, y = x[:kept], y[:kept]",
    ),
    Mistake(
        "validated on no rows",
        wrong=_fit_with(split=_split_nothing),
        why="Where neither validation_data nor validation_split is given there is nothing to evaluate.",
        hint="Cut only if validation_split is not 0; else validation_data stays None.",
    ),
    Mistake(
        "validation_split is ignored",
        wrong=_fit_with(split=_split_ignored),
        why="Nothing is held out, and no val_ names appear.",
        hint="Where validation_data is None and validation_split is above 0, make validation_data of the last rows.",
    ),
    Mistake(
        "validation_split wins over validation_data",
        wrong=_fit_with(split=_split_wins),
        why="Whoever hands in validation data wants to be judged by these; Keras then forgets validation_split.",
        hint="Cut only if validation_data is None.",
    ),
    Mistake(
        "rows are cut off although validation_data was given",
        wrong=_fit_with(split=_split_both),
        why="They are lost: neither trained on nor evaluated.",
        hint="Cut only if validation_data is None.",
    ),
    Mistake(
        "validated in every epoch",
        wrong=_fit_with(due=lambda epoch, every, epochs: True),
        why="With validation_freq=2 only every second epoch is validated.",
        hint="(epoch + 1) % validation_freq == 0",
    ),
    Mistake(
        "validated in the wrong epochs",
        wrong=_fit_with(due=lambda epoch, every, epochs: epoch % every == 0),
        why="With validation_freq=2 the second epoch is the first to be validated, and epochs are counted from 0 here.",
        hint="(epoch + 1) % validation_freq == 0",
    ),
    Mistake(
        "validated after the last epoch only",
        wrong=_fit_with(due=lambda epoch, every, epochs: epoch + 1 == epochs),
        why="One value tells nothing of when the model stopped getting better.",
        hint="Evaluate inside the loop over epochs.",
    ),
    Mistake(
        "validated before the epoch",
        wrong=_fit_first_validates,
        why="val_loss is that of the model at the end of the epoch.",
        hint="Evaluate after the loop over batches.",
    ),
    Mistake(
        "val_ is missing",
        wrong=_fit_with(name="{}"),
        why="The validation values overwrite those of training.",
        hint='f"val_{name}"',
    ),
    Mistake(
        "val_ twice",
        wrong=_fit_with(name="val_val_{}"),
        why="evaluate gives plain names, to which val_ is put once.",
        hint='f"val_{name}"',
    ),
    Mistake(
        "training values read after validation",
        wrong=_fit_with(merge=lambda self, logs, seen: _results(self) | seen),
        why="evaluate empties the metrics and fills them anew: what they say afterwards is about the validation rows.",
        hint="Take the training logs before you evaluate: they are what the last train_step returned.",
    ),
    Mistake(
        "only val_loss is kept",
        wrong=_fit_with(merge=lambda self, logs, seen: logs | {"val_loss": seen["val_loss"]}),
        why="Every metric is asked for on the validation rows, too.",
        hint="Go through all names that evaluate returned.",
    ),
    Mistake(
        "the training values are lost",
        wrong=_fit_with(merge=lambda self, logs, seen: seen),
        why="The History holds both: the names as they are for training, with val_ for validation.",
        hint="Join the two dicts: logs | {...}",
    ),
    Mistake(
        "the training rows are evaluated",
        wrong=_fit_with(judge=lambda self, x, y, data, size: self.evaluate(x, y, size)),
        why="Rows that were trained on cannot say how the model does on new ones.",
        hint="self.evaluate(*validation_data, batch_size)",
    ),
    Mistake(
        "batch_size is not handed to evaluate",
        wrong=_fit_with(judge=lambda self, x, y, data, size: self.evaluate(*data)),
        why="Validation goes in batches of the same size as training.",
        hint="self.evaluate(*validation_data, batch_size)",
    ),
    Mistake(
        "validation trains",
        wrong=_fit_with(judge=_judge_by_training),
        why="The model learns from the very rows that it is judged by.",
        hint="self.evaluate takes test steps.",
    ),
    Mistake(
        "validation adds to the training averages",
        wrong=_fit_with(judge=_judge_without_reset),
        why="The metrics still hold the training rows, so both are averaged together.",
        hint="self.evaluate resets first.",
    ),
    Mistake(
        "an old validation is repeated",
        wrong=_fit_stale,
        why="In an epoch without validation there is no val_ value: the lists of a History may differ in length.",
        hint="Begin each epoch with a new dict of logs.",
    ),
)


def _fit_by_hand(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> Any:
    """Test steps in a loop of its own, and a dict filled name by name."""
    if validation_data is None and validation_split > 0:
        cut = math.floor(len(x) * (1 - validation_split))
        validation_data = x[cut:], y[cut:]
        x, y = x[:cut], y[:cut]
    diary = History()
    for epoch in range(epochs):
        _reset(self)
        for pair in self.batches(x, y, batch_size, shuffle, rng):
            self.train_step(*pair)
        logs = _results(self)
        if validation_data and not (epoch + 1) % validation_freq:
            _reset(self)
            x_val, y_val = validation_data
            for i in range(0, len(x_val), batch_size):
                self.test_step(x_val[i : i + batch_size], y_val[i : i + batch_size])
            for name, value in _results(self).items():
                logs["val_" + name] = value
        diary.epoch.append(epoch)
        for name in logs:
            diary.history[name] = [*diary.history.get(name, []), logs[name]]
    return diary


def _fit_two_writers(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> Any:
    """The two kinds of values written one after the other."""
    history = History()

    def write(logs: dict[str, float], prefix: str) -> None:
        for name, value in logs.items():
            history.history.setdefault(prefix + name, []).append(value)

    if validation_split != 0 and validation_data is None:
        x, held_x = np.split(x, [int(len(x) * (1 - validation_split))])
        y, held_y = np.split(y, [len(x)])
        validation_data = (held_x, held_y)
    for epoch in range(epochs):
        for metric in self.metrics.values():
            metric.reset()
        for pair in self.batches(x, y, batch_size, shuffle, rng):
            logs = self.train_step(*pair)
        write(logs, "")
        if validation_data is not None and epoch % validation_freq == validation_freq - 1:
            write(self.evaluate(validation_data[0], validation_data[1], batch_size=batch_size), "val_")
        history.epoch.append(epoch)
    return history


def _fit_planned(
    self: Any,
    x: Array,
    y: Array,
    batch_size: int = 32,
    epochs: int = 1,
    shuffle: bool = True,
    rng: Any = None,
    validation_data: Any = None,
    validation_split: float = 0.0,
    validation_freq: int = 1,
) -> Any:
    """The epochs that are validated, worked out beforehand."""
    held = () if validation_data is None else tuple(validation_data)
    if not held and validation_split:
        n_held = len(x) - int(len(x) * (1 - validation_split))
        held = x[-n_held:], y[-n_held:]
        x, y = x[:-n_held], y[:-n_held]
    planned = set(range(validation_freq - 1, epochs, validation_freq)) if held else set()
    history = History()
    for epoch in range(epochs):
        _reset(self)
        logs = dict([self.train_step(*pair) for pair in self.batches(x, y, batch_size, shuffle, rng)][-1])
        if epoch in planned:
            logs.update((f"val_{name}", value) for name, value in self.evaluate(*held, batch_size).items())
        history.epoch = [*history.epoch, epoch]
        for name, value in logs.items():
            history.history[name] = history.history.get(name, []) + [value]  # noqa: RUF005
    return history


TEST_STEP = Exercise(
    identifier="validation.test_step",
    signature="test_step(self, x, y) -> dict",
    points=2,
    minutes=6,
    difficulty=1,
    lines=7,
    reference=_test_step,
    cases=_step_cases,
    scenario=scenarios.test_step,
    mistakes=TEST_STEP_MISTAKES,
    hints=(
        ("It is your train_step with two of its six moves left out, and one word changed."),
        (
            "Left out are backward and apply; forward gets training=False. Loss and metrics are noted and read "
            "as in training."
        ),
        (
            "y_pred = self.forward(x, training=False); loss = self.loss(y, y_pred); then the loop over "
            "self.metrics.items() and the dict of results, both as in train_step."
        ),
    ),
    alternatives=(_test_by_samples, _test_called, _test_lists),
)

EVALUATE = Exercise(
    identifier="validation.evaluate",
    signature="evaluate(self, x, y, batch_size=32) -> dict",
    points=2,
    minutes=8,
    difficulty=2,
    lines=5,
    reference=_evaluate,
    cases=_evaluate_cases,
    scenario=scenarios.evaluate,
    mistakes=EVALUATE_MISTAKES,
    hints=(
        ("It is the inside of fit's loop over epochs: reset, then the batches. Only the step is another one."),
        (
            "Reset every metric, go through self.batches(x, y, batch_size, shuffle=False, rng=None), and give "
            "each pair to self.test_step."
        ),
        (
            "logs = self.test_step(x_batch, y_batch) inside the loop; return logs after it: what the last step "
            "returned holds the means over all rows."
        ),
    ),
    alternatives=(_evaluate_slices, _evaluate_while, _evaluate_listed),
)

PREDICT = Exercise(
    identifier="validation.predict",
    signature="predict(self, x, batch_size=32) -> (N, C)",
    points=2,
    minutes=8,
    difficulty=2,
    lines=4,
    reference=_predict,
    cases=_predict_cases,
    scenario=scenarios.predict,
    mistakes=PREDICT_MISTAKES,
    hints=(
        ("Go through the rows batch by batch, in their order, keep the outputs, and join them at the end."),
        (
            "self.batches(x, None, batch_size, shuffle=False, rng=None) yields pairs (x_batch, None). There are "
            "no labels here, and no metrics."
        ),
        (
            "outputs = [] before the loop; outputs.append(self.forward(x_batch, training=False)) inside; return "
            "np.concatenate(outputs)."
        ),
    ),
    alternatives=(_predict_slices, _predict_filled, _predict_rows),
)

FIT = Exercise(
    identifier="validation.fit",
    signature=(
        "fit(self, x, y, batch_size=32, epochs=1, shuffle=True, rng=None, "
        "validation_data=None, validation_split=0.0, validation_freq=1) -> History"
    ),
    points=4,
    minutes=18,
    difficulty=3,
    lines=17,
    reference=_fit,
    cases=_fit_cases,
    scenario=scenarios.fit,
    mistakes=FIT_MISTAKES,
    hints=(
        (
            "Two pieces are new: one before the loops, which cuts rows off for validation_split, and one at the "
            "end of an epoch, which evaluates."
        ),
        (
            "Before: if validation_data is None and validation_split is not 0, kept = int(len(x) * (1 - "
            "validation_split)); the rows from kept on become validation_data, the rows before it x and y. At "
            "the end of an epoch: only if validation_data is not None and (epoch + 1) % validation_freq == 0."
        ),
        (
            "At the end of an epoch: seen = self.evaluate(*validation_data, batch_size), then logs = logs | "
            '{f"val_{name}": value for name, value in seen.items()}, and only then the lines that fill the '
            "History."
        ),
    ),
    alternatives=(_fit_by_hand, _fit_two_writers, _fit_planned),
)

MOVES = Question(
    identifier="validation.q1_moves",
    text=(
        "A model with dropout is fitted for 6 epochs, twice from the same start: once without and once with "
        "validation data. How far apart are the weights of the two in the end?"
    ),
    choices={
        "a": "not one bit",
        "b": "about 1e-16, by rounding",
        "c": "about 0.01, since validation draws dropout masks, too, and training gets others",
        "d": "about 0.1, since the model learns from the validation rows, though less",
    },
    answer="a",
    because="A test step neither moves a weight nor draws a random number, so training does not notice it.",
)

BELOW = Question(
    identifier="validation.q2_below",
    text=(
        "A run of 40 epochs with dropout 0.5: val_loss is below loss in every one of them. In the last epochs that "
        "is mostly because"
    ),
    choices={
        "a": "some validation rows have leaked into the training rows",
        "b": "the validation rows happen to be easier",
        "c": "loss is an average over the epoch, in which the model was still worse",
        "d": "loss is measured while dropout removes half of the units, val_loss is not",
    },
    answer="d",
    because="Measured in the same mode and at the same time, the training rows cost half of what the new ones cost.",
)

LEFT_ON = Question(
    identifier="validation.q3_left_on",
    text=(
        "That model predicts the 359 test images, twice: as it should, and with dropout left on by mistake. How many "
        "images get another class? (a number)"
    ),
    choices=None,
    answer=None,
    because="Half of the hidden units are missing in each of these predictions, and other ones in the next.",
    low=0,
    high=359,
)

register(TEST_STEP, EVALUATE, PREDICT, FIT)
register(MOVES, BELOW, LEFT_ON)
