"""Callbacks: the order and the logs of every hook, stopping early, checkpoints, and what callbacks do to the run."""

import csv
import os
import tempfile
import warnings
from typing import Any

import numpy as np

from .common import Outputs, cases, error_into, kept, network, recorder, regression, scenario, scripted
from .exchange import trained_on, whole_model

NAN = float("nan")


def _fit(keras: Any, callbacks: list[Any], epochs: int, metrics: list[str] | None = None, **arguments: Any) -> Any:
    """A short fit of a small network (40 rows, 3 batches an epoch) with ``callbacks``; returns model and history."""
    x, y = regression(40)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.2), "mse", metrics=metrics)
    history = model.fit(x, y, epochs=epochs, batch_size=16, shuffle=False, verbose=0, callbacks=callbacks, **arguments)
    return model, history


# --- hooks -----------------------------------------------------------------------------------------------------------


@cases({"without validation": {"split": 0.0}, "with validation": {"split": 0.25}})
def hooks_come_in_order_with_running_means_in_their_logs(keras: Any, split: float) -> Outputs:
    seen = recorder(keras)
    model, history = _fit(keras, [seen], 2, ["mae"], validation_split=split)
    return {"hooks": seen.seen, "params": seen.params, **kept(model, history)}


@scenario
def hooks_of_validation_that_runs_every_second_epoch(keras: Any) -> Outputs:
    seen = recorder(keras)
    _fit(keras, [seen], 3, ["mae"], validation_split=0.25, validation_freq=2, validation_batch_size=7)
    return {"hooks": seen.seen}


@scenario
def hooks_of_evaluate_and_predict(keras: Any) -> Outputs:
    x, y = regression(40)
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mae"])
    seen = recorder(keras)
    evaluated = model.evaluate(x, y, batch_size=16, verbose=0, callbacks=[seen])
    model.predict(x, batch_size=16, verbose=0, callbacks=[seen])
    return {"evaluated": evaluated, "hooks": seen.seen}


@scenario
def on_batch_hooks_are_reached_through_the_train_batch_hooks(keras: Any) -> Outputs:
    class Old(keras.callbacks.Callback):
        def on_batch_begin(self, batch: int, logs: Any = None) -> None:
            seen.append(["begin", batch, dict(logs)])

        def on_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(["end", batch, dict(logs)])

    seen: list[Any] = []
    _fit(keras, [Old()], 2)
    return {"seen": seen}


@scenario
def callbacks_run_in_the_order_given_and_history_after_them(keras: Any) -> Outputs:
    order: list[str] = []

    class Named(keras.callbacks.Callback):
        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            order.append(f"{self.name} {epoch} {sorted(logs)} {len(self.model.history.epoch)}")
            logs[self.name] = float(epoch)

    model, history = _fit(keras, [Named("zebra"), Named("ant")], 2)
    return {"order": order, **kept(model, history)}


@scenario
def a_key_that_a_callback_adds_reaches_history_and_train_end(keras: Any) -> Outputs:
    seen = recorder(keras)
    model, history = _fit(keras, [scripted(keras, gap=[3.0, 2.0], loss=[9.0, 8.0]), seen], 2)
    return {"last": seen.seen[-1], **kept(model, history)}


@scenario
def a_callback_sees_the_model_its_optimizer_and_the_parameters(keras: Any) -> Outputs:
    found: Outputs = {}

    class Look(keras.callbacks.Callback):
        def on_train_begin(self, logs: Any = None) -> None:
            found["params"] = dict(self.params)
            found["begin logs"] = logs

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            found.setdefault("iterations", []).append(int(self.model.optimizer.iterations))

        def on_train_end(self, logs: Any = None) -> None:
            found["end logs"] = dict(logs)

    model, history = _fit(keras, [Look()], 2, validation_split=0.25)
    return {**found, **kept(model, history)}


@scenario
def lambda_callback_takes_any_hook(keras: Any) -> Outputs:
    seen: list[Any] = []
    callback = keras.callbacks.LambdaCallback(
        on_epoch_begin=lambda epoch, logs: seen.append(["epoch begin", epoch, dict(logs)]),
        on_epoch_end=lambda epoch, logs: seen.append(["epoch end", epoch, dict(logs)]),
        on_train_begin=lambda logs: seen.append(["train begin", dict(logs)]),
        on_train_end=lambda logs: seen.append(["train end", dict(logs)]),
        on_train_batch_begin=lambda batch, logs: seen.append(["batch begin", batch, dict(logs)]),
        on_train_batch_end=lambda batch, logs: seen.append(["batch end", batch, dict(logs)]),
        on_test_end=lambda logs: seen.append(["test end", dict(logs)]),
    )
    _fit(keras, [callback], 2, validation_split=0.25)
    return {"seen": seen}


@scenario
def stopping_in_the_middle_of_an_epoch_still_validates_and_counts_it(keras: Any) -> Outputs:
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if len(self.model.history.epoch) == 1 and batch == 1:
                self.model.stop_training = True

    seen = recorder(keras)
    model, history = _fit(keras, [Stop(), seen], 5, ["mae"], validation_split=0.25)
    again = model.fit(*regression(40), epochs=2, shuffle=False, verbose=0)
    return {"hooks": [event[:2] for event in seen.seen], "again": again.history, **kept(model, history)}


@cases({hook: {"hook": hook} for hook in ("on_train_begin", "on_epoch_begin", "on_epoch_end")})
def stop_training_set_in(keras: Any, hook: str) -> Outputs:
    def stop(self: Any, *arguments: Any, **named: Any) -> None:
        self.model.stop_training = True

    seen = recorder(keras)
    stopper = type("Stopper", (keras.callbacks.Callback,), {hook: stop})()
    model, history = _fit(keras, [stopper, seen], 3)
    return {"hooks": [event[:2] for event in seen.seen], **kept(model, history)}


@scenario
def evaluate_and_predict_can_be_stopped_too(keras: Any) -> Outputs:
    class Stop(keras.callbacks.Callback):
        def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_evaluating = batch == 1

        def on_predict_batch_end(self, batch: int, logs: Any = None) -> None:
            self.model.stop_predicting = batch == 1

    x, y = regression(40)
    model = network(keras)
    model.compile("sgd", "mse")
    return {
        "evaluated": model.evaluate(x, y, batch_size=8, verbose=0, callbacks=[Stop()]),
        "predicted": model.predict(x, batch_size=8, verbose=0, callbacks=[Stop()])[:, 0],
    }


# --- early stopping --------------------------------------------------------------------------------------------------

WORSE = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
UP_AND_DOWN = [5.0, 4.0, 5.0, 4.5, 3.0, 4.0, 5.0, 6.0]

STOPS: dict[str, tuple[list[float], dict[str, Any]]] = {
    **{f"patience {p} on a worsening value": (WORSE, {"patience": p}) for p in range(4)},
    "no patience given": (WORSE, {}),
    "the wait starts anew at an improvement": (UP_AND_DOWN, {"patience": 2}),
    "patience 3 survives the bump": (UP_AND_DOWN, {"patience": 3}),
    "an equal value is no improvement": ([2.0, 2.0, 2.0, 2.0], {"patience": 2}),
    "min_delta": ([1.0, 0.95, 0.5, 0.4], {"patience": 1, "min_delta": 0.1}),
    "min_delta is made absolute": ([1.0, 0.95, 0.5, 0.4], {"patience": 1, "min_delta": -0.1}),
    "min_delta, mode max": ([0.1, 0.15, 0.5, 0.6], {"patience": 1, "min_delta": 0.1, "mode": "max"}),
    "mode max": ([0.1, 0.5, 0.4, 0.3, 0.9], {"patience": 2, "mode": "max"}),
    "mode max on a falling value": (WORSE[::-1], {"patience": 1, "mode": "max"}),
    "mode min said": (WORSE, {"patience": 1, "mode": "min"}),
    "baseline never reached": ([5.0, 4.0, 3.0, 2.9], {"patience": 2, "baseline": 1.0}),
    "baseline reached late": ([5.0, 0.9, 3.0, 2.0, 0.8, 4.0], {"patience": 2, "baseline": 1.0}),
    "baseline and restored weights": (
        [5.0, 4.0, 3.0, 2.9],
        {"patience": 2, "baseline": 1.0, "restore_best_weights": True},
    ),
    "start_from_epoch": (WORSE, {"patience": 1, "start_from_epoch": 2}),
    "start_from_epoch with restored weights": (
        WORSE,
        {"patience": 2, "start_from_epoch": 1, "restore_best_weights": True},
    ),
    "NaN is no improvement": ([1.0, NAN, NAN, 0.5], {"patience": 2}),
    "a first NaN is never beaten": ([NAN, 1.0, 0.5, 0.4, 0.3], {"patience": 2, "restore_best_weights": True}),
    "infinity then finite": ([float("inf"), 3.0, 2.0, 4.0], {"patience": 1}),
    "restored when it stopped": (UP_AND_DOWN, {"patience": 2, "restore_best_weights": True}),
    "restored when it ran to the end": ([3.0, 1.0, 2.0], {"patience": 9, "restore_best_weights": True}),
    "not restored unless asked": ([3.0, 1.0, 2.0], {"patience": 9}),
    "patience 0 restores the best": (WORSE, {"patience": 0, "restore_best_weights": True}),
}


@cases({name: {"values": values, "arguments": arguments} for name, (values, arguments) in STOPS.items()})
def early_stopping(keras: Any, values: list[float], arguments: dict[str, Any]) -> Outputs:
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", **arguments)
    model, history = _fit(keras, [scripted(keras, val_loss=values), stop], len(values), validation_split=0.25)
    return {
        "wait": stop.wait,
        "best": stop.best,
        "best_epoch": stop.best_epoch,
        "stopped_epoch": stop.stopped_epoch,
        **kept(model, history),
    }


@cases({"rising": {"values": [0.1, 0.2, 0.3, 0.4]}, "falling": {"values": [0.4, 0.3, 0.2, 0.1]}})
def early_stopping_reads_the_direction_of_accuracy_from_the_metric(keras: Any, values: list[float]) -> Outputs:
    stop = keras.callbacks.EarlyStopping(monitor="val_accuracy", patience=1)
    script = scripted(keras, val_accuracy=values)
    model, history = _fit(keras, [script, stop], 4, ["accuracy"], validation_split=0.25)
    return {"best_epoch": stop.best_epoch, "stopped_epoch": stop.stopped_epoch, **kept(model, history)}


@cases({"an accuracy": {"kind": "BinaryAccuracy"}, "an error": {"kind": "MeanAbsoluteError"}})
def early_stopping_knows_the_direction_of_a_metric_of_any_name(keras: Any, kind: str) -> Outputs:
    x, y = regression(40)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.2), "mse", metrics=[getattr(keras.metrics, kind)(name="score")])
    stop = keras.callbacks.EarlyStopping(monitor="score", patience=2)
    script = scripted(keras, score=[0.1, 0.2, 0.15, 0.3, 0.05, 0.04, 0.03])
    history = model.fit(x, y, epochs=7, shuffle=False, verbose=0, callbacks=[script, stop])
    return {
        "best_epoch": stop.best_epoch,
        "stopped_epoch": stop.stopped_epoch,
        "best": stop.best,
        **kept(model, history),
    }


@scenario
def early_stopping_minimises_an_error_metric(keras: Any) -> Outputs:
    stop = keras.callbacks.EarlyStopping(monitor="mae", patience=1)
    model, history = _fit(keras, [scripted(keras, mae=[0.5, 0.4, 0.6, 0.1]), stop], 4, ["mae"])
    return {"best_epoch": stop.best_epoch, "stopped_epoch": stop.stopped_epoch, **kept(model, history)}


@scenario
def early_stopping_cannot_guess_the_direction_of_an_unknown_key(keras: Any) -> Outputs:
    found: Outputs = {}
    with error_into(found):
        _fit(keras, [scripted(keras, profit=[1.0, 2.0]), keras.callbacks.EarlyStopping("profit")], 2)
    stop = keras.callbacks.EarlyStopping("profit", mode="max", patience=1)
    model, history = _fit(keras, [scripted(keras, profit=[1.0, 2.0, 1.5, 3.0]), stop], 4)
    return {**found, **kept(model, history)}


@scenario
def early_stopping_warns_about_a_missing_key_and_does_nothing(keras: Any) -> Outputs:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=0)
        model, history = _fit(keras, [stop], 3)
    told = any("val_loss" in str(w.message) for w in caught)
    return {"told": told, "stopped_epoch": stop.stopped_epoch, **kept(model, history)}


@scenario
def early_stopping_can_be_used_again(keras: Any) -> Outputs:
    stop = keras.callbacks.EarlyStopping(monitor="val_loss", patience=1, restore_best_weights=True)
    found: Outputs = {}
    for run, values in enumerate(([1.0, 2.0, 3.0], [9.0, 8.0, 8.5, 1.0])):
        model, history = _fit(keras, [scripted(keras, val_loss=values), stop], len(values))
        found[f"run{run}"] = {"best": stop.best, "stopped_epoch": stop.stopped_epoch, **kept(model, history)}
    return found


@scenario
def early_stopping_on_real_validation_restores_weights_that_evaluate_to_the_best(keras: Any) -> Outputs:
    x, y = regression(60)
    model = network(keras, hidden=8)
    model.compile(keras.optimizers.SGD(0.9, momentum=0.9), "mse")
    stop = keras.callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    history = model.fit(
        x[:30], y[:30], validation_data=(x[30:], y[30:]), epochs=30, shuffle=False, verbose=0, callbacks=[stop]
    )
    return {
        "best_epoch": stop.best_epoch,
        "stopped_epoch": stop.stopped_epoch,
        "evaluated": model.evaluate(x[30:], y[30:], verbose=0),
        **kept(model, history),
    }


@scenario
def the_order_of_callbacks_decides_whether_early_stopping_sees_a_key(keras: Any) -> Outputs:
    found: Outputs = {}
    for order in ("script first", "script last"):
        stop = keras.callbacks.EarlyStopping(monitor="score", mode="max", patience=1)
        pair = [scripted(keras, score=[3.0, 2.0, 1.0]), stop]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _, history = _fit(keras, pair if order == "script first" else pair[::-1], 3)
        found[order] = [stop.stopped_epoch, history.epoch]
    return found


# --- checkpoints -----------------------------------------------------------------------------------------------------

FALLING_THEN_RISING = [3.0, 2.0, 2.5, 1.0, 1.0, 4.0]

CHECKPOINTS: dict[str, dict[str, Any]] = {
    "every epoch": {"name": "{epoch:02d}.weights.h5"},
    "one file, written over": {"name": "last.weights.h5"},
    "epoch and value in the name": {"name": "{epoch}-{val_loss:.2f}.weights.h5"},
    "in a folder that is not there yet": {"name": "deep/er/{epoch:02d}.weights.h5"},
    "best only": {"name": "{epoch:02d}.weights.h5", "save_best_only": True},
    "best only, mode min": {"name": "{epoch:02d}.weights.h5", "save_best_only": True, "mode": "min"},
    "best only, mode max": {"name": "{epoch:02d}.weights.h5", "save_best_only": True, "mode": "max"},
    "best only, from a threshold": {
        "name": "{epoch:02d}.weights.h5",
        "save_best_only": True,
        "initial_value_threshold": 2.0,
    },
    "every 4 batches": {"name": "{epoch:02d}-{batch:02d}.weights.h5", "save_freq": 4},
    "every 3 batches": {"name": "{epoch:02d}-{batch:02d}.weights.h5", "save_freq": 3},
    "more batches than there are": {"name": "{epoch:02d}-{batch:02d}.weights.h5", "save_freq": 100},
}


@cases({name: {"arguments": arguments} for name, arguments in CHECKPOINTS.items()})
def checkpoint_files(keras: Any, arguments: dict[str, Any]) -> Outputs:
    arguments = dict(arguments)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, arguments.pop("name"))
        checkpoint = keras.callbacks.ModelCheckpoint(path, save_weights_only=True, **arguments)
        script = scripted(keras, val_loss=FALLING_THEN_RISING)
        model, history = _fit(keras, [script, checkpoint], 6, validation_split=0.25)
        files = sorted(
            os.path.relpath(os.path.join(where, name), folder).replace(os.sep, "/")
            for where, _, names in os.walk(folder)
            for name in names
        )
        found = {"files": files, "best": checkpoint.best, **kept(model, history)}
        if files:
            model.load_weights(os.path.join(folder, files[-1]))
            found["loaded"] = model.get_weights()
    return found


@scenario
def checkpoint_of_the_best_accuracy_holds_the_weights_of_that_epoch(keras: Any) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "best.weights.h5")
        checkpoint = keras.callbacks.ModelCheckpoint(
            path, monitor="val_accuracy", save_best_only=True, save_weights_only=True
        )
        script = scripted(keras, val_accuracy=[0.1, 0.6, 0.6, 0.5])
        model, history = _fit(keras, [script, checkpoint], 4, ["accuracy"], validation_split=0.25)
        found = kept(model, history)
        model.load_weights(path)
    return {"loaded": model.get_weights(), "best": checkpoint.best, **found}


@scenario
def checkpoint_remembers_its_best_over_fits(keras: Any) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "{val_loss:.1f}.weights.h5")
        checkpoint = keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
        for values in ([3.0, 2.0], [2.5, 1.5]):
            _fit(keras, [scripted(keras, val_loss=values), checkpoint], 2, validation_split=0.25)
        return {"files": sorted(os.listdir(folder)), "best": checkpoint.best}


@scenario
def checkpoint_without_its_key_warns_and_saves_anyway(keras: Any) -> Outputs:
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        path = os.path.join(folder, "{epoch}.weights.h5")
        checkpoint = keras.callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
        _fit(keras, [checkpoint], 2)
        files = sorted(os.listdir(folder))
    return {"files": files, "told": any("val_loss" in str(w.message) for w in caught)}


@scenario
def checkpoint_of_whole_models_can_be_loaded_and_predicts(keras: Any) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = keras.callbacks.ModelCheckpoint(os.path.join(folder, "{epoch:02d}.keras"))
        _fit(keras, [checkpoint], 2)
        files = sorted(os.listdir(folder))
        loaded = keras.models.load_model(os.path.join(folder, files[0]))
        return {"files": files, "predicted": loaded.predict(regression(3)[0], verbose=0), "w": loaded.get_weights()}


@scenario
def checkpoint_refuses_names_and_frequencies_it_cannot_use(keras: Any) -> Outputs:
    found: Outputs = {}
    wrong: dict[str, dict[str, Any]] = {
        "weights": {"filepath": "a.txt", "save_weights_only": True},
        "whole models need .keras or .h5": {"filepath": "a.txt"},
        "frequency": {"filepath": "a.weights.h5", "save_weights_only": True, "save_freq": "batch"},
    }
    for name, given in wrong.items():
        with error_into(found, name):
            keras.callbacks.ModelCheckpoint(**given)
    return found


# --- whole models ----------------------------------------------------------------------------------------------------


@cases({name: {"kind": name} for name in ("sequential", "functional", "nested")})
def a_model_saved_with_its_optimizer_trains_on_to_the_same_numbers(keras: Any, kind: str) -> Outputs:
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.keras")
        whole_model(keras, kind).save(path)
        return trained_on(keras.saving.load_model(path))


# --- learning rates --------------------------------------------------------------------------------------------------

PLATEAUS: dict[str, dict[str, Any]] = {
    "patience 0": {"patience": 0},
    "patience 2": {"patience": 2},
    "cooldown": {"patience": 1, "cooldown": 2},
    "a smallest rate": {"patience": 1, "min_lr": 0.05},
    "min_delta": {"patience": 1, "min_delta": 1.0},
    "mode max": {"patience": 1, "mode": "max"},
    "a factor": {"patience": 1, "factor": 0.5},
}


@cases({name: {"arguments": arguments} for name, arguments in PLATEAUS.items()})
def reduce_lr_on_plateau(keras: Any, arguments: dict[str, Any]) -> Outputs:
    reduce = keras.callbacks.ReduceLROnPlateau(**arguments)
    model, history = _fit(keras, [scripted(keras, val_loss=UP_AND_DOWN), reduce], 8, validation_split=0.25)
    left = {"wait": reduce.wait, "cooldown": reduce.cooldown_counter, "best": reduce.best}
    return {**left, "rate": float(model.optimizer.learning_rate), **kept(model, history)}


@scenario
def reduce_lr_on_plateau_warns_about_a_missing_key_and_logs_the_rate(keras: Any) -> Outputs:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model, history = _fit(keras, [keras.callbacks.ReduceLROnPlateau()], 2)
    return {"told": any("val_loss" in str(w.message) for w in caught), **kept(model, history)}


@cases({"of epoch and rate": {"two": True}, "of the epoch": {"two": False}})
def learning_rate_scheduler(keras: Any, two: bool) -> Outputs:
    both, epochs = (lambda epoch, rate: rate * 0.5 if epoch else rate), (lambda epoch: 0.3 / (epoch + 1))
    model, history = _fit(keras, [keras.callbacks.LearningRateScheduler(both if two else epochs)], 3)
    return {"rate": float(model.optimizer.learning_rate), **kept(model, history)}


@scenario
def a_rate_that_follows_a_schedule_cannot_be_set_by_a_callback(keras: Any) -> Outputs:
    x, y = regression(40)
    found: Outputs = {}
    made = {
        "scheduler": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 0.1),
        "plateau": lambda: keras.callbacks.ReduceLROnPlateau("loss", patience=0, min_delta=99.0),
        "an int": lambda: keras.callbacks.LearningRateScheduler(lambda epoch: 1),
    }
    for name, callback in made.items():
        model = network(keras)
        rate = keras.optimizers.schedules.ExponentialDecay(0.1, 5, 0.5) if name != "an int" else 0.1
        model.compile(keras.optimizers.SGD(rate), "mse")
        with error_into(found, name):
            model.fit(x, y, epochs=3, verbose=0, callbacks=[callback()])
    return found


# --- files, NaN, averages, backups -----------------------------------------------------------------------------------


@cases(
    {
        "no validation": {"validation_freq": None},
        "every epoch": {"validation_freq": 1},
        "every second epoch": {"validation_freq": 2},
    }
)
def csv_logger(keras: Any, validation_freq: int | None) -> Outputs:
    arguments = {} if validation_freq is None else {"validation_split": 0.25, "validation_freq": validation_freq}
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "log.csv")
        for append in (False, True):
            _fit(keras, [keras.callbacks.CSVLogger(path, append=append)], 3, ["mae"], **arguments)
        with open(path, newline="") as file:
            rows = list(csv.reader(file))
    return {"header": rows[0], "rows": [[c if c == "NA" else float(c) for c in row] for row in rows[1:]]}


@cases({"stop": {"raise_error": False}, "raise": {"raise_error": True}})
def terminate_on_nan(keras: Any, raise_error: bool) -> Outputs:
    class Overflow(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return (y_pred[:, 0] + 1.0) * float("inf")

    x, y = regression(40)
    model = network(keras)
    model.compile("sgd", Overflow())
    seen = recorder(keras)
    found: Outputs = {}
    with np.errstate(all="ignore"), error_into(found):
        model.fit(x, y, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN(raise_error), seen])
    return {"hooks": [event[:2] for event in seen.seen], **found}


@cases({"at evaluations": {"on_epoch": False}, "at epochs": {"on_epoch": True}})
def swap_ema_weights(keras: Any, on_epoch: bool) -> Outputs:
    x, y = regression(40)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.3, use_ema=True, ema_momentum=0.8), "mse")
    swap = keras.callbacks.SwapEMAWeights(swap_on_epoch=on_epoch)
    data = {"batch_size": 16, "shuffle": False, "verbose": 0, "validation_data": (x[:10], y[:10])}
    history = model.fit(x, y, epochs=3, callbacks=[swap], **data)
    return {"evaluated": model.evaluate(x, y, verbose=0), **kept(model, history)}


@scenario
def a_backed_up_run_goes_on_at_the_epoch_after_the_last_backup(keras: Any) -> Outputs:
    def fail(epoch: int, logs: Any) -> None:
        if epoch == 2:
            raise RuntimeError

    x, y = regression(40)
    found: Outputs = {}
    with tempfile.TemporaryDirectory() as folder:
        backup = os.path.join(folder, "backup")
        for run in ("broken off", "resumed"):
            model = network(keras)
            model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
            callbacks = [keras.callbacks.BackupAndRestore(backup)]
            if run == "broken off":
                callbacks.append(keras.callbacks.LambdaCallback(on_epoch_begin=fail))
            with error_into(found, run):
                model.fit(x, y, epochs=5, shuffle=False, verbose=0, callbacks=callbacks)
        return {**found, "weights": model.get_weights(), "left": os.listdir(folder)}
