"""The loop: batches, epochs, validation, what fit, evaluate, predict and the on-batch methods give back."""

from typing import Any

import numpy as np

from .common import Outputs, binary, cases, classes, error_into, kept, network, recorder, regression, scenario

BATCHES: dict[str, dict[str, Any]] = {
    "default of 32": {},
    "32 leaves a remainder of 7": {"batch_size": 32},
    "16 leaves a remainder of 7": {"batch_size": 16},
    "a remainder of 1": {"batch_size": 17},
    "1": {"batch_size": 1},
    "the whole set": {"batch_size": 103},
    "more than the set": {"batch_size": 500},
}


@cases({name: {"arguments": arguments} for name, arguments in BATCHES.items()})
def every_row_is_used_in_batches_of(keras: Any, arguments: dict[str, Any]) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("adam", "mse", metrics=["mae"])
    seen = recorder(keras)
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0, callbacks=[seen], **arguments)
    steps = sum(name == "on_train_batch_end" for name, *_ in seen.seen)
    return {"steps": steps, "params": history.params, **kept(model, history)}


@scenario
def the_loss_of_an_epoch_is_a_mean_over_samples(keras: Any) -> Outputs:
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(1)])
    model.set_weights([np.zeros((1, 1)), np.zeros(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse", metrics=["mse"])
    x, y = np.ones((3, 1)), np.array([1.0, 2.0, 3.0])
    return kept(model, model.fit(x, y, batch_size=2, epochs=1, shuffle=False, verbose=0))


@scenario
def the_loss_of_a_batch_describes_the_weights_before_its_update(keras: Any) -> Outputs:
    x, y = regression(16)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.5), "mse", metrics=["mse", "mae"])
    first = model.evaluate(x, y, verbose=0)
    return {"evaluated": first, **kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))}


@cases({"two elements": {"weighted": False}, "three elements": {"weighted": True}})
def validation_data(keras: Any, weighted: bool) -> Outputs:
    x, y = classes()
    w = np.random.default_rng(30).random(33)
    held_out = (x[70:], y[70:], w) if weighted else (x[70:], y[70:])
    model = network(keras, 3, "softmax")
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:70], y[:70], validation_data=held_out, epochs=3, batch_size=16, shuffle=False, verbose=0)
    return kept(model, history)


@cases({str(part): {"n": n, "part": part} for n, part in ((103, 0.2), (103, 0.5), (10, 0.3), (100, 0.33), (103, 0.01))})
def validation_split_takes_the_last_rows(keras: Any, n: int, part: float) -> Outputs:
    x, y = regression(n)
    model = network(keras)
    model.compile("sgd", "mse")
    seen = recorder(keras)
    history = model.fit(x, y, validation_split=part, batch_size=1, epochs=1, shuffle=False, verbose=0, callbacks=[seen])
    counts = [sum(e[0] == f"on_{mode}_batch_end" for e in seen.seen) for mode in ("train", "test")]
    return {"rows": counts, **kept(model, history)}


@scenario
def validation_data_wins_over_validation_split(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", "mse")
    given = {"validation_data": (x[:9], y[:9]), "validation_split": 0.5}
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0, **given))


@cases({"4": {"size": 4}, "None follows batch_size": {"size": None}})
def validation_batch_size(keras: Any, size: int | None) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", "mse")
    seen = recorder(keras)
    history = model.fit(
        x,
        y,
        batch_size=16,
        validation_data=(x[:33], y[:33]),
        validation_batch_size=size,
        epochs=2,
        shuffle=False,
        verbose=0,
        callbacks=[seen],
    )
    steps = [event[1] for event in seen.seen if event[0] == "on_test_batch_end"]
    return {"steps": steps, **kept(model, history)}


@cases({"2": {"frequency": 2}, "3": {"frequency": 3}, "list": {"frequency": [1, 4, 5]}})
def validation_freq(keras: Any, frequency: int | list[int]) -> Outputs:
    x, y = regression(40)
    model = network(keras)
    model.compile("sgd", "mse")
    history = model.fit(x, y, validation_split=0.25, validation_freq=frequency, epochs=6, shuffle=False, verbose=0)
    return kept(model, history)


@scenario
def initial_epoch_is_an_index_and_epochs_the_last_one(keras: Any) -> Outputs:
    x, y = regression(40)
    model = network(keras)
    model.compile("sgd", "mse")
    seen = recorder(keras)
    history = model.fit(x, y, initial_epoch=2, epochs=5, shuffle=False, verbose=0, callbacks=[seen])
    begun = [event[1] for event in seen.seen if event[0] == "on_epoch_begin"]
    nothing = model.fit(x, y, initial_epoch=5, epochs=5, shuffle=False, verbose=0)
    return {"begun": begun, "nothing": nothing.history, "params": history.params, **kept(model, history)}


@scenario
def a_second_fit_continues_the_weights_with_a_new_history(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), "mse")
    first = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    second = model.fit(x, y, epochs=1, shuffle=False, verbose=0)
    found = {"same": first is second, "first": first.history, "is_model_history": model.history is second}
    return {**found, **kept(model, second)}


@cases({"keys in order": {}})
def history_has_sorted_keys_of_plain_floats(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile("sgd", "binary_crossentropy", metrics=["mse", "accuracy", "acc"])
    history = model.fit(x, y, validation_split=0.2, epochs=2, shuffle=False, verbose=0)
    types = sorted({type(v).__name__ for values in history.history.values() for v in values})
    return {"types": types, "params": history.params, **kept(model, history)}


@cases({"loss only": {"metrics": None}, "two metrics": {"metrics": ["mse", "mae"]}})
def return_forms(keras: Any, metrics: list[str] | None) -> Outputs:
    x, y = regression(20)
    model = network(keras)
    model.compile("sgd", "mae", metrics=metrics)
    return {
        "evaluate": model.evaluate(x, y, verbose=0),
        "evaluate as dict": model.evaluate(x, y, verbose=0, return_dict=True),
        "train_on_batch": model.train_on_batch(x, y),
        "train_on_batch as dict": model.train_on_batch(x, y, return_dict=True),
        "test_on_batch": model.test_on_batch(x, y),
        "test_on_batch as dict": model.test_on_batch(x, y, return_dict=True),
        "predict": model.predict(x[:3], verbose=0),
        "predict_on_batch": model.predict_on_batch(x[:3]),
        "weights": model.get_weights(),
    }


@cases({f"batch size {size}": {"size": size} for size in (None, 1, 16, 40, 103, 1000)})
def evaluate_and_predict_do_not_depend_on_the_batch_size(keras: Any, size: int | None) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return {
        "evaluated": model.evaluate(x, y, batch_size=size, verbose=0),
        "predicted": model.predict(x, batch_size=size, verbose=0)[::9],
    }


@scenario
def on_batch_methods_reset_the_metrics_first(keras: Any) -> Outputs:
    x, y = regression(30)
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mae"])
    rows = [slice(0, 4), slice(4, 20), slice(20, 30)]
    found = {"trained": [model.train_on_batch(x[r], y[r]) for r in rows]}
    found["tested"] = [model.test_on_batch(x[r], y[r]) for r in rows]
    return {"weights": model.get_weights(), **found}


@scenario
def an_own_loop_with_train_on_batch_equals_fit(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("adam", "mse")
    for _ in range(2):
        for start in range(0, 103, 32):
            model.train_on_batch(x[start : start + 32], y[start : start + 32])
    return {"weights": model.get_weights(), "iterations": int(model.optimizer.iterations)}


@scenario
def predict_works_before_compile_and_fit_and_evaluate_do_not(keras: Any) -> Outputs:
    x, y = regression(20)
    model = network(keras)
    found: Outputs = {"predicted": model.predict(x[:3], verbose=0)}
    for name in ("fit", "train_on_batch", "test_on_batch"):
        with error_into(found, name):
            getattr(model, name)(x, y)
    return found


@scenario
def wrong_lengths_and_empty_splits_are_value_errors(keras: Any) -> Outputs:
    x, y = regression(20)
    model = network(keras)
    model.compile("sgd", "mse")
    found: Outputs = {}
    wrong: dict[str, dict[str, Any]] = {
        "y shorter": {"y": y[:19]},
        "weights shorter": {"y": y, "sample_weight": np.ones(19)},
        "nothing to train on": {"y": y, "validation_split": 0.99},
    }
    for name, given in wrong.items():
        with error_into(found, name):
            model.fit(x, **given, verbose=0)
    return {"weights": model.get_weights(), **found}


@scenario
def labels_become_one_hot_rows(keras: Any) -> Outputs:
    return {
        "counted": keras.utils.to_categorical([0, 2, 1, 2]),
        "column": keras.utils.to_categorical(np.array([[1], [0]]), num_classes=4),
    }


@scenario
def set_weights_and_get_weights_copy(keras: Any) -> Outputs:
    x, y = regression(20)
    model = network(keras)
    model.compile("sgd", "mse")
    before = model.get_weights()
    given = [w.copy() for w in before]
    model.set_weights(given)
    model.fit(x, y, epochs=1, shuffle=False, verbose=0)
    found: Outputs = {"before": before, "given": given, "after": model.get_weights()}
    with error_into(found, "too few"):
        model.set_weights(before[:-1])
    with error_into(found, "wrong shape"):
        model.set_weights([w.T for w in before])
    return found
