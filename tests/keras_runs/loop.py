"""The loop: batches, epochs, validation, what fit, evaluate, predict and the on-batch methods give back."""

from typing import Any

import numpy as np

from .common import (
    Outputs,
    binary,
    cases,
    classes,
    error_into,
    kept,
    network,
    plain,
    recorder,
    regression,
    scenario,
    seeded,
)

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


# --- data that is no array --------------------------------------------------------------------------------------------


def spy(keras: Any) -> Any:
    """A linear model with a list ``seen``: of each batch the first number, negative where it is tested on."""

    class Spy(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)
            self.seen: list[float] = []

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def train_step(self, data: Any) -> Any:
            self.seen.append(float(plain(data[0])[0, 0]))
            return super().train_step(data)

        def test_step(self, data: Any) -> Any:
            self.seen.append(-float(plain(data[0])[0, 0]))
            return super().test_step(data)

    model = Spy()
    model(np.zeros((1, 1)))
    seeded(model)
    model.compile(keras.optimizers.SGD(0.01), "mse", metrics=["mae"])
    return model


def batches(count: int, size: int = 2, weighted: bool = False) -> Any:
    """Yield batches of rows that hold the number of their batch, from 1."""
    for i in range(1, count + 1):
        parts = (np.full((size, 1), float(i)), np.full((size, 1), 2.0 * i), np.arange(1.0, size + 1))
        yield parts if weighted else parts[:2]


GENERATORS: dict[str, dict[str, Any]] = {
    "one epoch": {"count": 5},
    "runs dry in the second epoch": {"count": 5, "epochs": 3},
    "steps that divide it": {"count": 6, "epochs": 3, "steps_per_epoch": 2},
    "steps that do not": {"count": 7, "epochs": 4, "steps_per_epoch": 2},
    "fewer batches than steps": {"count": 3, "epochs": 2, "steps_per_epoch": 5},
    "a single batch": {"count": 1, "epochs": 2},
}


@cases({name: {"arguments": arguments} for name, arguments in GENERATORS.items()})
def a_generator_gives_the_batches(keras: Any, arguments: dict[str, Any]) -> Outputs:
    model = spy(keras)
    count = arguments["count"]
    others = {name: value for name, value in arguments.items() if name != "count"}
    return {**kept(model, model.fit(batches(count), verbose=0, **others)), "seen": list(model.seen)}


@scenario
def a_generator_may_yield_weights_and_validate(keras: Any) -> Outputs:
    model = spy(keras)
    history = model.fit(
        batches(9, weighted=True),
        steps_per_epoch=3,
        epochs=3,
        validation_data=batches(20),
        validation_steps=2,
        verbose=0,
    )
    return {**kept(model, history), "seen": list(model.seen)}


STEPS: dict[str, dict[str, Any]] = {
    "fewer than batches": {"batch_size": 2, "steps_per_epoch": 2, "epochs": 4},
    "more than batches": {"batch_size": 2, "steps_per_epoch": 7, "epochs": 2},
    "as many as batches": {"batch_size": 2, "steps_per_epoch": 5, "epochs": 2},
    "which set the batch size": {"steps_per_epoch": 3, "epochs": 2},
    "of validation": {"batch_size": 4, "validation_batch_size": 3, "validation_steps": 2, "epochs": 2},
}


@cases({name: {"arguments": arguments} for name, arguments in STEPS.items()})
def steps_of_an_epoch(keras: Any, arguments: dict[str, Any]) -> Outputs:
    model = spy(keras)
    x = np.arange(10.0)[:, None]
    if "validation_steps" in arguments:
        arguments = {**arguments, "validation_data": (x, x)}
    return {**kept(model, model.fit(x, 2 * x, shuffle=False, verbose=0, **arguments)), "seen": list(model.seen)}


@scenario
def evaluate_and_predict_stop_after_steps(keras: Any) -> Outputs:
    model = spy(keras)
    x = np.arange(10.0)[:, None]
    return {
        "evaluated": model.evaluate(x, x, batch_size=3, steps=2, verbose=0),
        "from a generator": model.evaluate(batches(3), verbose=0),
        "predicted": model.predict(x, batch_size=3, steps=2, verbose=0),
        "predicted from a generator": model.predict((x for x, _ in ((b, None) for b in [(x,), (x[:2],)])), verbose=0),
        "seen": list(model.seen),
    }


def numbered(keras: Any, weighted: bool = False, **options: Any) -> Any:
    """A data set of 4 batches with a list ``asked`` of all that was asked of it."""

    class Numbered(keras.utils.PyDataset):
        def __init__(self) -> None:
            super().__init__(**options)
            self.asked: list[Any] = []

        def __len__(self) -> int:
            return 4

        def __getitem__(self, index: int) -> Any:
            self.asked.append(index)
            return list(batches(index + 1, 3, weighted))[-1]

        def on_epoch_begin(self) -> None:
            self.asked.append("begin")

        def on_epoch_end(self) -> None:
            self.asked.append("end")

    return Numbered()


@cases({"alone": {"validated": False}, "with validation": {"validated": True}})
def a_data_set_of_numbered_batches(keras: Any, validated: bool) -> Outputs:
    model, data, held_out = spy(keras), numbered(keras), numbered(keras)
    arguments = {"validation_data": held_out} if validated else {}
    history = model.fit(data, epochs=2, shuffle=False, verbose=0, **arguments)
    model.evaluate(held_out, verbose=0)
    predicted = model.predict(data, verbose=0)
    asked = {"asked": list(data.asked), "asked to validate": list(held_out.asked)}
    return {**kept(model, history), "seen": list(model.seen), "predicted": predicted, **asked}


@scenario
def class_weight_weighs_batches_of_a_data_set(keras: Any) -> Outputs:
    model = spy(keras)
    return kept(model, model.fit(numbered(keras), class_weight={2: 3.0, 4: 0.5}, shuffle=False, verbose=0))


@scenario
def what_does_not_go_with_batches_is_refused(keras: Any) -> Outputs:
    model, found = spy(keras), {}
    x = np.ones((4, 1))
    wrong: dict[str, Any] = {
        "y": {"y": x},
        "sample_weight": {"sample_weight": x},
        "class_weight": {"class_weight": {0: 1.0}},
        "validation_split": {"validation_split": 0.5},
    }
    for name, given in wrong.items():
        with error_into(found, name):
            model.fit(batches(3), verbose=0, **given)
    with error_into(found, "nothing"):
        model.fit(batches(0), verbose=0)
    with error_into(found, "class_weight and weights"):
        model.fit(numbered(keras, weighted=True), class_weight={0: 1.0}, verbose=0)
    return found


# --- several inputs and outputs ---------------------------------------------------------------------------------------


def forked(keras: Any, kind: str) -> Any:
    """A model of two inputs, ``a`` and ``b``, and two outputs, ``mean`` and ``kind``; as lists, or as dicts."""
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    hidden = keras.layers.Dense(4, activation="tanh")(a)
    other = keras.layers.Dense(4)(b)
    joint = hidden + other
    outputs = [
        keras.layers.Dense(1, name="mean")(joint),
        keras.layers.Dense(3, activation="softmax", name="kind")(joint),
    ]
    if kind == "dict":
        return seeded(keras.Model({"a": a, "b": b}, {"mean": outputs[0], "kind": outputs[1]}))
    return seeded(keras.Model([a, b], outputs))


LOSSES: dict[str, dict[str, Any]] = {
    "lists": {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "metrics": [["mae", "mse"], ["accuracy"]],
        "loss_weights": [0.3, 2.0],
    },
    "dicts by name": {
        "loss": {"mean": "mae", "kind": "sparse_categorical_crossentropy"},
        "metrics": {"kind": "acc"},
        "weighted_metrics": {"mean": ["mse"], "kind": ["accuracy"]},
        "loss_weights": {"kind": 0.5, "mean": 1.0},
    },
    "metrics of one kind": {
        "loss": ["mse", "sparse_categorical_crossentropy"],
        "metrics": ["mse", "accuracy"],
        "weighted_metrics": ["mse", "accuracy"],
    },
    "one output without a loss": {"loss": [None, "sparse_categorical_crossentropy"]},
}


@cases({f"{name}, {kind}": {"compiled": c, "kind": kind} for name, c in LOSSES.items() for kind in ("list", "dict")})
def losses_and_metrics_of_several_outputs(keras: Any, compiled: dict[str, Any], kind: str) -> Outputs:
    rng = np.random.default_rng(8)
    x, y = [rng.normal(size=(22, 3)), rng.normal(size=(22, 2))], [rng.normal(size=(22, 1)), rng.integers(0, 3, 22)]
    w = rng.random(22)
    if kind == "dict":
        x, y = dict(zip("ab", x, strict=True)), {"mean": y[0], "kind": y[1]}  # type: ignore[assignment]
        if isinstance(compiled["loss"], list):
            names = ("mean", "kind")
            compiled = {key: dict(zip(names, value, strict=True)) for key, value in compiled.items()}
    model = forked(keras, kind)
    model.compile(keras.optimizers.SGD(0.1), **compiled)
    found = kept(model, model.fit(x, y, sample_weight=w, batch_size=8, epochs=2, shuffle=False, verbose=0))
    names = [metric.name for metric in model.metrics]
    predicted = model.predict(x, verbose=0)
    return {
        **found,
        "names": names,
        "evaluated": model.evaluate(x, y, verbose=0),
        "by name": model.evaluate(x, y, verbose=0, return_dict=True),
        "predicted": predicted,
    }


@scenario
def weights_of_samples_for_each_output(keras: Any) -> Outputs:
    rng = np.random.default_rng(9)
    x, y = [rng.normal(size=(22, 3)), rng.normal(size=(22, 2))], [rng.normal(size=(22, 1)), rng.integers(0, 3, 22)]
    model = forked(keras, "list")
    model.compile("sgd", ["mse", "sparse_categorical_crossentropy"], weighted_metrics=[["mse"], ["accuracy"]])
    weights = [rng.random(22), rng.random(22)]
    found = kept(model, model.fit(x, y, sample_weight=weights, batch_size=8, shuffle=False, verbose=0))
    trained = model.train_on_batch([part[:5] for part in x], [part[:5] for part in y], [w[:5] for w in weights])
    return {**found, "trained": trained, "tested": model.test_on_batch(x, y, return_dict=True)}


@cases(
    {
        "one for all": {"loss": "mse"},
        "by key": {"loss": {"left": "mse", "right": "mae"}},
        "some": {"loss": {"left": "mse"}},
    }
)
def losses_of_a_model_that_returns_a_dict(keras: Any, loss: Any) -> Outputs:
    class Two(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = keras.layers.Dense(2), keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return {"left": self.left(x), "right": self.right(x)}

    x, y = regression(20)
    model = Two()
    model(x[:1])
    seeded(model)
    model.compile("sgd", loss, metrics={"left": ["mae"], "right": ["mse"]})
    labels = {"left": y, "right": y[:, :1]}
    found = kept(model, model.fit(x, labels, epochs=2, shuffle=False, verbose=0))
    return {**found, "evaluated": model.evaluate(x, labels, verbose=0)}


# --- what a model adds ------------------------------------------------------------------------------------------------


@cases({"told whether it trains": {"told": True}, "not told": {"told": False}})
def a_model_tells_its_layers_that_they_train_if_it_is_told(keras: Any, told: bool) -> Outputs:
    class Told(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.normal, self.dense = keras.layers.BatchNormalization(), keras.layers.Dense(2)

        def call(self, x: Any, training: bool = False) -> Any:
            return self.dense(self.normal(x, training=training))

    class NotTold(Told):
        def call(self, x: Any) -> Any:
            return self.dense(self.normal(x))

    x, y = regression()
    model = Told() if told else NotTold()
    model(x[:1])
    model.set_weights([w if w.ndim == 1 else np.full(w.shape, 0.5) for w in model.get_weights()])
    model.compile("sgd", "mse")
    found = kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))
    return {**found, "evaluated": model.evaluate(x, y, verbose=0)}


@scenario
def penalties_are_part_of_both_losses(keras: Any) -> Outputs:
    x, y = regression()
    layers = [
        keras.Input((5,)),
        keras.layers.Dense(4, "tanh", kernel_regularizer="l2", activity_regularizer=keras.regularizers.L1(0.1)),
        keras.layers.Dense(2, bias_regularizer=keras.regularizers.L1(0.2)),
    ]
    model = seeded(keras.Sequential(layers))
    model.compile("sgd", "mse", metrics=["mse"], loss_weights=0.5)
    return kept(model, model.fit(x, y, epochs=2, validation_split=0.3, shuffle=False, verbose=0))


@scenario
def an_own_compute_loss_and_metric(keras: Any) -> Outputs:
    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(2)
            self.doubled = keras.metrics.Mean(name="doubled")

        def call(self, x: Any) -> Any:
            return self.dense(x)

        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True) -> Any:
            loss = super().compute_loss(x, y, y_pred, sample_weight, training)
            self.doubled.update_state(2 * loss)
            return loss

    x, y = regression(40)
    model = Own()
    model(x[:1])
    seeded(model)
    model.compile("sgd", "mse", metrics=["mae"])
    found = kept(model, model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0, validation_data=(x, y)))
    return {**found, "evaluated": model.evaluate(x, y, verbose=0), "names": model.metrics_names}


@scenario
def a_layer_is_shared_and_a_model_is_a_layer(keras: Any) -> Outputs:
    shared = keras.layers.Dense(3, activation="tanh")
    inner = keras.Sequential([keras.Input((3,)), keras.layers.Dense(3), keras.layers.Dense(2)])
    inputs = keras.Input((3,))
    model = keras.Model(inputs, inner(shared(shared(inputs))))
    seeded(model)
    x, y = regression(30, features=3)
    model.compile("sgd", "mse")
    found = kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    shapes = {"input": list(model.input_shape), "output": list(model.output_shape), "layers": len(model.layers)}
    return {**found, **shapes, "predicted": copy.predict(x, verbose=0), "count": model.count_params()}
