"""Loss and metrics that look at batches later: nobody who looks can tell."""

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit.callbacks.running_logs import RunningLogs
from minifit.recording import Repeated

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(150, 6)).astype("float32"), RNG.integers(0, 3, 150)
VALUES = {"accuracy": 0.75, "loss": 0.5}


def classifier(metrics: Any = ("accuracy",)) -> Any:
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def fit(model: Any, *callbacks: Any, **options: Any) -> Any:
    return model.fit(X, LABELS, epochs=2, verbose=0, callbacks=list(callbacks), **options).history


def at_batches(function: Any) -> Any:
    return keras.callbacks.LambdaCallback(on_train_batch_end=function)


# --- the logs of a batch ---------------------------------------------------------------------------------------------


def logs() -> RunningLogs:
    return RunningLogs(dict.fromkeys(VALUES), lambda: VALUES["loss"], lambda: dict(VALUES))


WAYS_TO_READ = """
dict(d)
{**d}
__import__("json").dumps(d)
list(d.items())
list(d.values())
d.keys()
list(d)
tuple(d)
[*d]
len(d)
bool(d)
str(d)
repr(d)
sorted(d)
list(reversed(d))
d.copy()
copy.copy(d)
copy.deepcopy(d)
pickle.loads(pickle.dumps(d))
d | {"x": 1}
{"x": 1} | d
d == VALUES
[VALUES].index(d)
d != VALUES
"loss" in d
"x" in d
d["accuracy"]
d.get("accuracy")
d.get("x", 3)
max(d, key=d.get)
"{loss} {accuracy}".format(**d)
"{loss} {accuracy}".format_map(d)
isinstance(d, dict)
[d["loss"], dict(d)]
[d.pop("loss"), dict(d)]
[d.popitem(), dict(d)]
[d.setdefault("accuracy", 3), dict(d)]
[d.update(loss=2.0), dict(d)]
[d.clear(), dict(d)]
[d.__delitem__("loss"), dict(d)]
[d.__setitem__("loss", 1.0), d["loss"], dict(d)]
[d.__ior__({"x": 1}), dict(d)]
"""


@pytest.mark.parametrize("read", WAYS_TO_READ.split("\n")[1:-1])
def test_logs_of_a_batch_are_read_as_the_dict_that_they_stand_for(read: str) -> None:
    assert eval(read, {**globals(), "d": logs()}) == eval(read, {**globals(), "d": dict(VALUES)})


def test_the_loss_alone_leaves_the_metrics_alone() -> None:
    found = RunningLogs(dict.fromkeys(VALUES), lambda: 0.5, lambda: pytest.fail("all were asked for"))
    assert (found["loss"], found.get("loss"), len(found), "accuracy" in found) == (0.5, 0.5, 2, True)
    with pytest.raises(KeyError, match="nonsense"):
        logs()["nonsense"]


# --- whoever looks, whenever ------------------------------------------------------------------------------------------


def eagerly() -> list[dict[str, float]]:
    """The logs of all batches, where no batch waits: the metric is an object, so anybody may hold it."""
    seen: list[dict[str, float]] = []
    model = classifier([keras.metrics.SparseCategoricalAccuracy("accuracy")])
    fit(model, at_batches(lambda batch, logs: seen.append(dict(logs))))
    assert not model._measuring.deferred
    return seen


@pytest.mark.parametrize("when", ["read at once", "kept", "loss first", "every third"])
def test_logs_of_batches_that_wait_are_those_of_batches_that_do_not(when: str) -> None:
    model, seen = classifier(), []

    def look(batch: int, logs: Any) -> None:
        assert model._measuring.deferred
        if when == "loss first":
            assert logs["loss"] == dict(logs)["loss"]
        if when != "every third" or batch % 3 == 0:
            seen.append(logs if when == "kept" else dict(logs))

    fit(model, at_batches(look))
    expected = eagerly()
    assert seen == (expected if when != "every third" else [e for i, e in enumerate(expected) if i % 5 % 3 == 0])


def test_whether_anybody_listens_changes_no_result() -> None:
    expected = fit(classifier())
    listeners = [
        keras.callbacks.TerminateOnNaN(),
        at_batches(lambda batch, logs: None),
        at_batches(lambda batch, logs: logs["loss"]),
        at_batches(lambda batch, logs: dict(logs)),
    ]
    for listener in listeners:
        assert fit(classifier(), listener) == expected


def test_a_metric_that_somebody_holds_is_up_to_date_at_every_batch() -> None:
    class Holder(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            self.found: list[tuple[float, float]] = []
            self.metric = self.model.metrics[1].metrics[0]

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            self.found.append((float(self.metric.result()), logs["accuracy"]))

    holder = Holder()
    fit(classifier(), holder)
    assert len(holder.found) == 10
    assert all(held == logged for held, logged in holder.found)


def test_logs_stay_those_of_the_batch_when_a_callback_evaluates_or_resets() -> None:
    model, seen = classifier(), []
    evaluate = at_batches(lambda batch, logs: model.evaluate(X[:40], LABELS[:40], verbose=0) if batch == 4 else None)
    fit(model, evaluate, at_batches(lambda batch, logs: seen.append(dict(logs))))
    assert seen == eagerly()
    model, seen = classifier(), []
    reset = at_batches(lambda batch, logs: model.reset_metrics() if batch == 4 else None)
    fit(model, reset, at_batches(lambda batch, logs: seen.append(dict(logs))))
    assert seen == eagerly()


def test_terminate_on_nan_sees_the_batch_at_which_it_happens() -> None:
    labels = RNG.normal(size=(150, 1))
    labels[70] = np.nan
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    seen: list[int] = []
    callbacks = [keras.callbacks.TerminateOnNaN(), at_batches(lambda batch, logs: seen.append(batch))]
    history = model.fit(X, labels, shuffle=False, verbose=0, epochs=3, callbacks=callbacks).history
    assert seen == [0, 1, 2]
    assert np.isnan(history["loss"])
    assert np.isnan(history["mae"])


def test_a_class_of_ones_own_gets_logs_though_its_base_wants_none() -> None:
    class Schedule(keras.callbacks.LearningRateScheduler):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            found.append(sorted(logs))

    found: list[list[str]] = []
    fit(classifier(), Schedule(lambda epoch, rate: rate))
    assert found == [["accuracy", "loss"]] * 10


def test_wide_predictions_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(5000, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    waited = []
    update = type(model._compile_metrics).update_state

    def watching(self: Any, y: Any, y_pred: Any, weights: Any = None) -> None:
        waited.append(len(y))
        update(self, y, y_pred, weights)

    monkeypatch.setattr(type(model._compile_metrics), "update_state", watching)
    model.fit(X, LABELS, verbose=0)
    assert max(waited) == 32


# --- recorded steps, from fit to fit ----------------------------------------------------------------------------------


def twice(change: Any, monkeypatch: pytest.MonkeyPatch, *, repeat: bool) -> tuple[list[float], bool]:
    """Train, change something, train again; return the losses, and whether the recorded steps were kept."""
    with monkeypatch.context() as patched:
        if not repeat:
            patched.setattr(Repeated, "fits", staticmethod(lambda model: False))
        keras.utils.set_random_seed(3)
        dense = keras.layers.Dense(8, "relu", kernel_regularizer=keras.regularizers.L2(0.1))
        model = keras.Sequential(
            [keras.Input((6,)), dense, keras.layers.Dropout(0.2), keras.layers.Dense(3, "softmax")]
        )
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy())
        losses, before = fit(model)["loss"], model._repeated
        change(model)
        return losses + fit(model)["loss"], model._repeated is before and repeat


@pytest.mark.parametrize(
    ("change", "kept"),
    [
        (lambda model: None, True),
        (lambda model: model.set_weights([w + 1 for w in model.get_weights()]), True),
        (lambda model: setattr(model.layers[0], "activation", keras.activations.tanh), False),
        (lambda model: setattr(model.layers[0].kernel_regularizer, "l2", 0.5), False),
        (lambda model: setattr(model.layers[1], "rate", 0.5), False),
        (lambda model: model.compile("sgd", "sparse_categorical_crossentropy"), False),
        (lambda model: setattr(model.layers[0], "trainable", False), False),
    ],
    ids=["nothing", "weights", "activation", "regularizer", "rate", "compile", "trainable"],
)
def test_recorded_steps_are_kept_while_nothing_they_assumed_changes(
    change: Any, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses, was_kept = twice(change, monkeypatch, repeat=True)
    assert was_kept == kept
    np.testing.assert_allclose(losses, twice(change, monkeypatch, repeat=False)[0], rtol=1e-5)


def test_what_a_callback_changes_between_epochs_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def losses(*, repeat: bool) -> list[float]:
        with monkeypatch.context() as patched:
            if not repeat:
                patched.setattr(Repeated, "fits", staticmethod(lambda model: False))
            model = classifier()
            change = keras.callbacks.LambdaCallback(
                on_epoch_end=lambda epoch, logs: setattr(model.layers[0], "activation", keras.activations.sigmoid)
            )
            return fit(model, change)["loss"]

    np.testing.assert_allclose(losses(repeat=True), losses(repeat=False), rtol=1e-5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_a_copy_of_a_trained_model_trains_itself(copied: Any) -> None:
    model = classifier()
    fit(model)
    before = model.get_weights()
    other = copied(model)
    fit(other)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert not any(np.array_equal(a, b) for a, b in zip(before, other.get_weights(), strict=True))
