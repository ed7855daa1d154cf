"""Sample weights and class weights: what they scale, what they do not, what may not be combined."""

from typing import Any

import numpy as np

from .common import Outputs, binary, cases, classes, error_into, kept, network, one_hot, regression, scenario, seeded


@cases({shape: {"shape": shape} for shape in ("(N,)", "(N, 1)", "one-hot")})
def class_weight_with_a_class_missing_weighs_it_one(keras: Any, shape: str) -> Outputs:
    x, y = classes()
    labels = {"(N,)": y, "(N, 1)": y[:, None], "one-hot": one_hot(y, 3)}[shape]
    model = network(keras, 3, "softmax")
    loss = ("" if shape == "one-hot" else "sparse_") + "categorical_crossentropy"
    model.compile(keras.optimizers.SGD(0.1), loss, metrics=["accuracy"])
    weights = {0: 3.0, 2: 0.25}
    return kept(model, model.fit(x, labels, class_weight=weights, epochs=2, shuffle=False, verbose=0))


@scenario
def class_weight_with_labels_as_floats(keras: Any) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
    weights = {1: 5.0, 2: 0.0, 7: 100.0}
    return kept(model, model.fit(x, y.astype(float), class_weight=weights, epochs=2, shuffle=False, verbose=0))


@scenario
def weights_for_every_step_reach_weighted_metrics(keras: Any) -> Outputs:
    rng = np.random.default_rng(24)
    x, y, w = rng.normal(size=(21, 4, 3)), rng.normal(size=(21, 4, 2)), rng.random((21, 4))
    model = seeded(keras.Sequential([keras.Input(shape=(4, 3)), keras.layers.Dense(2)]))
    model.compile(keras.optimizers.SGD(0.1), "mae", metrics=["mse"], weighted_metrics=["mae"])
    history = model.fit(x, y, sample_weight=w, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return kept(model, history)


@scenario
def class_weight_of_an_imbalanced_binary_task(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y, class_weight={0: 1, 1: 9}, epochs=2, shuffle=False, verbose=0))


@scenario
def class_weight_does_not_reach_validation(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile("sgd", "binary_crossentropy", weighted_metrics=["accuracy"])
    history = model.fit(x, y, class_weight={0: 1.0, 1: 9.0}, validation_split=0.3, epochs=2, shuffle=False, verbose=0)
    return kept(model, history)


@cases({"(N,)": {"shape": (103,)}, "(N, 1)": {"shape": (103, 1)}})
def sample_weight_of_either_shape_scales_each_loss(keras: Any, shape: tuple[int, ...]) -> Outputs:
    x, y = regression()
    w = np.random.default_rng(20).random(103) * 2
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    return kept(model, model.fit(x, y, sample_weight=w.reshape(shape), epochs=2, shuffle=False, verbose=0))


@cases({"(N,)": {"shape": (103,)}, "(N, 1)": {"shape": (103, 1)}})
def sample_weight_with_a_single_output(keras: Any, shape: tuple[int, ...]) -> Outputs:
    x, y = binary()
    w = np.random.default_rng(21).random(103) * 2
    model = network(keras, 1, "sigmoid")
    model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", weighted_metrics=["accuracy"])
    return kept(model, model.fit(x, y, sample_weight=w.reshape(shape), epochs=2, shuffle=False, verbose=0))


@scenario
def rows_of_weight_zero_still_count_in_the_divisor(keras: Any) -> Outputs:
    x, y = regression()
    w = (np.arange(103) % 3 > 0).astype(float)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.1), "mse", weighted_metrics=["mae"])
    history = model.fit(x, y, sample_weight=w, epochs=2, shuffle=False, verbose=0)
    nothing = model.evaluate(x, y, sample_weight=np.zeros(103), verbose=0)
    return {"all weights zero": nothing, **kept(model, history)}


@scenario
def integer_and_float32_sample_weights_are_cast(keras: Any) -> Outputs:
    x, y = regression(21)
    found: Outputs = {}
    for dtype in ("int64", "float32"):
        model = network(keras)
        model.compile("sgd", "mse")
        w = np.arange(21).astype(dtype)
        found[dtype] = kept(model, model.fit(x, y, sample_weight=w, epochs=1, shuffle=False, verbose=0))
    return found


@scenario
def class_weight_and_sample_weight_together_are_an_error(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile("sgd", "binary_crossentropy")
    found: Outputs = {}
    with error_into(found, "fit"):
        model.fit(x, y, class_weight={0: 1.0}, sample_weight=np.ones(103), verbose=0)
    with error_into(found, "train_on_batch"):
        model.train_on_batch(x, y, class_weight={0: 1.0}, sample_weight=np.ones(103))
    return {"weights": model.get_weights(), **found}


@scenario
def evaluate_and_validation_take_weights_as_third_element(keras: Any) -> Outputs:
    x, y = regression()
    w = np.random.default_rng(22).random(103)
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mae"], weighted_metrics=["mae"])
    history = model.fit(x[:80], y[:80], validation_data=(x[80:], y[80:], w[80:]), epochs=2, shuffle=False, verbose=0)
    evaluated = model.evaluate(x, y, sample_weight=w, batch_size=16, verbose=0, return_dict=True)
    return {"evaluated": evaluated, **kept(model, history)}


@scenario
def validation_split_cuts_the_sample_weights_too(keras: Any) -> Outputs:
    x, y = regression()
    w = np.random.default_rng(23).random(103)
    model = network(keras)
    model.compile("sgd", "mse", weighted_metrics=["mae"])
    return kept(model, model.fit(x, y, sample_weight=w, validation_split=0.2, epochs=2, shuffle=False, verbose=0))


@scenario
def train_on_batch_takes_class_weight_and_sample_weight(keras: Any) -> Outputs:
    x, y = classes(16)
    found: Outputs = {}
    forms: dict[str, dict[str, Any]] = {
        "class": {"class_weight": {1: 5.0}},
        "sample": {"sample_weight": np.arange(16.0)},
    }
    for name, given in forms.items():
        model = network(keras, 3, "softmax")
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
        found[name] = [model.train_on_batch(x, y, return_dict=True, **given) for _ in range(3)]
        found[f"{name} weights"] = model.get_weights()
    found["tested"] = model.test_on_batch(x, y, sample_weight=np.arange(16.0), return_dict=True)
    return found
