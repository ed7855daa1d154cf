"""Losses by name, by object and of the user's own; labels of every shape; saturated outputs; weights and reductions."""

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
    one_hot,
    plain,
    regression,
    scenario,
    seeded,
)

REGRESSION_NAMES = ["mse", "MSE", "mean_squared_error", "MeanSquaredError", "mae", "MAE", "mean_absolute_error"]


@cases({name: {"name": name} for name in REGRESSION_NAMES})
def regression_loss_by_name(keras: Any, name: str) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.2), name)
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@cases(
    {
        f"{name}, labels {shape}": {"name": name, "shape": shape}
        for name in ("binary_crossentropy", "bce", "mse", "mae")
        for shape in ("(N,)", "(N, 1)")
    }
)
def binary_labels_of_either_shape_train_alike(keras: Any, name: str, shape: str) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile(keras.optimizers.SGD(0.5), name, metrics=["accuracy"])
    labels = y if shape == "(N,)" else y[:, None]
    history = model.fit(x, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
    return {"evaluated": model.evaluate(x, labels, verbose=0), **kept(model, history)}


@cases(
    {
        f"{by}, {'logits' if logits else 'probabilities'}": {"by": by, "logits": logits}
        for by in ("binary", "categorical", "sparse")
        for logits in (False, True)
    }
)
def crossentropy_by_object(keras: Any, by: str, logits: bool) -> Outputs:
    x, y = binary() if by == "binary" else classes()
    outputs, activation, name = {
        "binary": (1, "sigmoid", "BinaryCrossentropy"),
        "categorical": (3, "softmax", "CategoricalCrossentropy"),
        "sparse": (3, "softmax", "SparseCategoricalCrossentropy"),
    }[by]
    model = network(keras, outputs, None if logits else activation)
    model.compile(keras.optimizers.SGD(0.5), getattr(keras.losses, name)(from_logits=logits))
    labels = one_hot(y, 3) if by == "categorical" else y
    return kept(model, model.fit(x, labels, epochs=2, shuffle=False, verbose=0))


@cases({"(N,)": {"shape": (103,)}, "(N, 1)": {"shape": (103, 1)}})
def sparse_labels_of_either_shape_train_alike(keras: Any, shape: tuple[int, ...]) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y.reshape(shape), epochs=2, shuffle=False, verbose=0))


@cases({dtype: {"dtype": dtype} for dtype in ("float32", "float64", "int8", "uint8", "int32")})
def sparse_labels_may_be_of_any_number_type(keras: Any, dtype: str) -> Outputs:
    x, y = classes(21)
    model = network(keras, 3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y.astype(dtype), epochs=1, shuffle=False, verbose=0))


@scenario
def boolean_labels_count_as_zeros_and_ones(keras: Any) -> Outputs:
    x, y = binary(21)
    model = network(keras, 1, "sigmoid")
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y.astype(bool), epochs=1, shuffle=False, verbose=0))


@cases({name: {"name": name} for name in ("mse", "mae", "binary_crossentropy", "categorical_crossentropy")})
def whole_numbers_as_targets(keras: Any, name: str) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile("sgd", name, metrics=["accuracy", "mae"])
    return kept(model, model.fit(x, one_hot(y, 3).astype("int64"), epochs=2, shuffle=False, verbose=0))


@scenario
def a_batch_without_the_last_class_keeps_its_number_of_outputs(keras: Any) -> Outputs:
    x, y = classes(count=4)
    y = np.where(y == 3, 0, y)
    model = network(keras, 4, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@cases({"probabilities": {"logits": False}, "logits": {"logits": True}})
def multi_label_binary_crossentropy_averages_over_labels(keras: Any, logits: bool) -> Outputs:
    x, _ = regression()
    y = (np.random.default_rng(8).random((103, 3)) < 0.3).astype(int)
    model = network(keras, 3, None if logits else "sigmoid")
    model.compile(keras.optimizers.SGD(0.5), keras.losses.BinaryCrossentropy(from_logits=logits), metrics=["accuracy"])
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@cases({name: {"name": name} for name in ("binary", "categorical", "sparse")})
def saturated_probabilities_are_clipped_and_give_no_gradient(keras: Any, name: str) -> Outputs:
    x = np.array([[60.0], [-60.0], [60.0], [-60.0], [0.3]])
    y = np.array([1, 0, 0, 1, 1])
    outputs, activation = (1, "sigmoid") if name == "binary" else (2, "softmax")
    loss = {
        "binary": "binary_crossentropy",
        "categorical": "categorical_crossentropy",
        "sparse": "sparse_categorical_crossentropy",
    }[name]
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(outputs, activation=activation)])
    kernel = np.ones((1, 1)) if name == "binary" else np.array([[-0.5, 0.5]])
    model.set_weights([kernel, np.zeros(outputs)])
    model.compile(keras.optimizers.SGD(1.0), loss)
    labels = one_hot(y, 2) if name == "categorical" else y
    found: Outputs = {}
    for row in range(5):
        found[f"row{row}"] = model.evaluate(x[row : row + 1], labels[row : row + 1], verbose=0)
    for row in range(5):
        model.train_on_batch(x[row : row + 1], labels[row : row + 1])
        found[f"weights{row}"] = model.get_weights()
    return found


@cases({name: {"name": name} for name in ("binary", "categorical", "sparse")})
def enormous_logits_cost_their_size_and_never_infinity(keras: Any, name: str) -> Outputs:
    x = np.array([[1000.0], [-1000.0], [1000.0], [-1000.0], [0.0]])
    y = np.array([1, 0, 0, 1, 1])
    outputs = 1 if name == "binary" else 2
    loss = {
        "binary": keras.losses.BinaryCrossentropy,
        "categorical": keras.losses.CategoricalCrossentropy,
        "sparse": keras.losses.SparseCategoricalCrossentropy,
    }[name](from_logits=True)
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(outputs)])
    kernel = np.ones((1, 1)) if name == "binary" else np.array([[-0.5, 0.5]])
    model.set_weights([kernel, np.zeros(outputs)])
    model.compile(keras.optimizers.SGD(1e-4), loss)
    labels = one_hot(y, 2) if name == "categorical" else y
    rows = [model.evaluate(x[i : i + 1], labels[i : i + 1], verbose=0) for i in range(5)]
    return {"rows": rows, **kept(model, model.fit(x, labels, epochs=1, shuffle=False, verbose=0))}


@cases({"categorical": {"sparse": False}, "sparse": {"sparse": True}})
def outputs_that_do_not_sum_to_one_are_normalised_first(keras: Any, sparse: bool) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "sigmoid")
    model.compile(keras.optimizers.SGD(0.5), ("sparse_" if sparse else "") + "categorical_crossentropy")
    labels = y if sparse else one_hot(y, 3)
    return kept(model, model.fit(x, labels, epochs=2, shuffle=False, verbose=0))


@cases({"outputs (N, 1)": {"outputs": 1}, "one-hot": {"outputs": 3}, "sparse": {"outputs": -3}})
def the_name_crossentropy_resolves_by_shapes(keras: Any, outputs: int) -> Outputs:
    x, y = binary() if outputs == 1 else classes()
    model = network(keras, abs(outputs), "sigmoid" if outputs == 1 else "softmax")
    model.compile("sgd", "crossentropy")
    labels = one_hot(y, 3) if outputs == 3 else y
    return kept(model, model.fit(x, labels, epochs=1, shuffle=False, verbose=0))


@cases({str(r): {"reduction": r} for r in ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight")})
def reduction_of_weighted_losses(keras: Any, reduction: str) -> Outputs:
    x, y = regression()
    w = np.random.default_rng(9).random(103) * 3
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.01), keras.losses.MeanSquaredError(reduction=reduction))
    return kept(model, model.fit(x, y, sample_weight=w, epochs=2, shuffle=False, verbose=0))


@scenario
def loss_objects_called_by_hand_reduce_as_asked(keras: Any) -> Outputs:
    y_true = np.array([[0.0, 1.0], [1.0, 1.0], [0.5, 0.0]])
    y_pred = np.array([[0.1, 0.7], [0.2, 1.0], [0.9, 0.0]])
    w = np.array([2.0, 0.0, 0.5])
    found: Outputs = {}
    for name in ("MeanSquaredError", "MeanAbsoluteError", "BinaryCrossentropy"):
        for reduction in ("sum_over_batch_size", "sum", "none", None, "mean_with_sample_weight"):
            loss = getattr(keras.losses, name)(reduction=reduction)
            found[f"{name}, {reduction}"] = plain(loss(y_true, y_pred))
            found[f"{name}, {reduction}, weighted"] = plain(loss(y_true, y_pred, sample_weight=w))
            found[f"{name}, {reduction}, weights (N, 1)"] = plain(loss(y_true, y_pred, sample_weight=w[:, None]))
    zero = keras.losses.MeanSquaredError(reduction="mean_with_sample_weight")
    found["all weights zero"] = plain(zero(y_true, y_pred, sample_weight=np.zeros(3)))
    return found


@scenario
def loss_functions_give_one_value_for_each_sample(keras: Any) -> Outputs:
    rng = np.random.default_rng(10)
    y_true, y_pred = rng.random((4, 3)), rng.random((4, 3))
    labels, sequence = np.array([2, 0, 1, 2]), rng.random((4, 2, 3))
    found = {
        name: plain(getattr(keras.losses, name)(y_true, y_pred))
        for name in ("mean_squared_error", "mean_absolute_error", "binary_crossentropy", "categorical_crossentropy")
    }
    found["sparse"] = plain(keras.losses.sparse_categorical_crossentropy(labels, y_pred))
    found["sparse from logits"] = plain(
        keras.losses.sparse_categorical_crossentropy(labels, 9 * y_pred, from_logits=True)
    )
    found["categorical from logits"] = plain(
        keras.losses.categorical_crossentropy(one_hot(labels, 3), 9 * y_pred, from_logits=True)
    )
    found["binary from logits"] = plain(keras.losses.binary_crossentropy(y_true, 9 * y_pred - 4, from_logits=True))
    found["sequences"] = plain(keras.losses.mean_squared_error(sequence, sequence**2))
    found["(N,) against (N, 1)"] = plain(keras.losses.mean_squared_error(y_true[:, 0], y_pred[:, :1]))
    found["(N, 1) against (N,)"] = plain(keras.losses.mean_absolute_error(y_true[:, :1], y_pred[:, 0]))
    return found


@scenario
def label_smoothing_mixes_with_the_number_of_classes(keras: Any) -> Outputs:
    y_true, y_pred = np.array([[1.0, 0, 0, 0]]), np.array([[0.7, 0.1, 0.1, 0.1]])
    categorical = keras.losses.CategoricalCrossentropy(label_smoothing=0.1)
    logits = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.3)
    two = keras.losses.BinaryCrossentropy(label_smoothing=0.2)
    return {
        "categorical": plain(categorical(y_true, y_pred)),
        "from logits": plain(logits(y_true, 5 * y_pred)),
        "binary": plain(two(y_true, y_pred)),
    }


@cases({"sequences of outputs": {"weights": None}, "a weight for every step": {"weights": (21, 4)}})
def sequence_losses_keep_the_time_axis(keras: Any, weights: tuple[int, int] | None) -> Outputs:
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(21, 4, 3)), rng.normal(size=(21, 4, 2))
    w = None if weights is None else rng.random(weights)
    model = seeded(keras.Sequential([keras.Input(shape=(4, 3)), keras.layers.Dense(2)]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return kept(model, model.fit(x, y, sample_weight=w, batch_size=8, epochs=2, shuffle=False, verbose=0))


@scenario
def sparse_labels_for_every_step_of_a_sequence(keras: Any) -> Outputs:
    rng = np.random.default_rng(12)
    x, y = rng.normal(size=(21, 4, 5)), rng.integers(0, 3, size=(21, 4))
    model = seeded(keras.Sequential([keras.Input(shape=(4, 5)), keras.layers.Dense(3, activation="softmax")]))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0))


def _per_sample(keras: Any) -> Any:
    return lambda y_true, y_pred: keras.ops.mean(keras.ops.square(y_pred - y_true) ** 2, axis=-1)


def _scalar(keras: Any) -> Any:
    return lambda y_true, y_pred: keras.ops.sum(keras.ops.abs(y_pred - y_true))


def _with_operators(keras: Any) -> Any:
    return lambda y_true, y_pred: (y_true - y_pred) ** 2 / (1.0 + y_pred * y_pred) - 0.25 * -y_pred


def _log_cosh(keras: Any) -> Any:
    def log_cosh(y_true: Any, y_pred: Any) -> Any:
        error = y_pred - y_true
        both = keras.ops.exp(error) + keras.ops.exp(-error)
        return keras.ops.mean(keras.ops.log(both / 2), axis=-1)

    return log_cosh


def _pinball(keras: Any) -> Any:
    def pinball(y_true: Any, y_pred: Any) -> Any:
        error = y_true - y_pred
        return keras.ops.mean(keras.ops.maximum(0.9 * error, -0.1 * error), axis=-1)

    return pinball


def _truncated(keras: Any) -> Any:
    def truncated(y_true: Any, y_pred: Any) -> Any:
        error = keras.ops.square(y_pred - y_true)
        return keras.ops.mean(keras.ops.where(error < 0.25, error, 0.25 + 0.0 * error), axis=-1)

    return truncated


OWN = {
    "one value a sample": _per_sample,
    "a scalar is not reduced again": _scalar,
    "operators alone, one value an output": _with_operators,
    "log, exp": _log_cosh,
    "maximum": _pinball,
    "where": _truncated,
}


@cases({name: {"make": make} for name, make in OWN.items()})
def a_loss_function_of_the_users_own_trains(keras: Any, make: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.05), make(keras), metrics=["mse"])
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@scenario
def a_loss_class_of_the_users_own_is_weighted_and_reduced(keras: Any) -> Outputs:
    class Quartic(keras.losses.Loss):
        def call(self, y_true: Any, y_pred: Any) -> Any:
            return keras.ops.mean((y_pred - y_true) ** 4, axis=-1)

    x, y = regression()
    w = np.random.default_rng(13).random(103)
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.05), Quartic(name="quartic"))
    return kept(model, model.fit(x, y, sample_weight=w, epochs=2, shuffle=False, verbose=0))


@scenario
def loss_weights_scale_the_loss_and_its_gradient(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile(keras.optimizers.SGD(0.05), "mse", loss_weights=2.5, metrics=["mse"])
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_split=0.2))


@cases({"beside a loss": {"loss": "mse"}, "alone": {"loss": None}})
def a_layer_adds_to_the_loss(keras: Any, loss: str | None) -> Outputs:
    class Penalised(keras.layers.Layer):
        def call(self, inputs: Any) -> Any:
            self.add_loss(0.1 * keras.ops.mean(keras.ops.square(inputs)))
            return inputs

    x, y = regression()
    layers = [keras.Input(shape=(5,)), keras.layers.Dense(3), Penalised(), keras.layers.Dense(2)]
    model = seeded(keras.Sequential(layers))
    model.compile(keras.optimizers.SGD(0.1), loss)
    given = (x, y) if loss else (x,)
    history = model.fit(*given, epochs=2, shuffle=False, verbose=0)
    return {"evaluated": model.evaluate(*given, verbose=0), **kept(model, history)}


@scenario
def without_any_loss_there_is_nothing_to_compute(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd")
    found: Outputs = {}
    with error_into(found):
        model.fit(x, y, verbose=0)
    return found


@scenario
def a_loss_class_in_place_of_an_object_takes_its_defaults(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", keras.losses.MeanAbsoluteError)
    return kept(model, model.fit(x, y, epochs=1, shuffle=False, verbose=0))


@scenario
def a_loss_function_of_keras_by_reference(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", keras.losses.mean_squared_error)
    return kept(model, model.fit(x, y, epochs=1, shuffle=False, verbose=0))


# --- every loss ------------------------------------------------------------------------------------------------------


def _drawn(kind: str, shape: tuple[int, ...], seed: int = 21) -> tuple[Any, Any]:
    """Labels and predictions that a kind of loss is for, ``shape`` being that of the predictions."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=shape)
    labels = rng.integers(0, shape[-1], shape[:-1])
    shares = np.exp(outputs) / np.exp(outputs).sum(axis=-1, keepdims=True)
    return {
        "numbers": (rng.normal(size=shape), outputs),
        "positive": (3 * rng.random(shape), 0.01 + 3 * rng.random(shape)),
        "binary": ((rng.random(shape) < 0.4).astype(float), rng.random(shape)),
        "binary logits": ((rng.random(shape) < 0.4).astype(float), 3 * outputs),
        "signs": (np.sign(rng.normal(size=shape)), outputs),
        "one-hot": (one_hot(labels, shape[-1]), shares),
        "one-hot, unscaled": (one_hot(labels, shape[-1]), rng.random(shape)),
        "one-hot logits": (one_hot(labels, shape[-1]), 3 * outputs),
        "shares": (rng.dirichlet(np.ones(shape[-1]), shape[:-1]), shares),
        "sparse": (labels, shares),
        "sparse logits": (labels, 3 * outputs),
        "embeddings": (labels, outputs / np.sqrt((outputs**2).sum(axis=-1, keepdims=True))),
    }[kind]


Options = list[dict[str, Any]]
EVERY: list[tuple[str, str, Options]] = [
    ("MeanSquaredError", "numbers", [{}]),
    ("MeanAbsoluteError", "numbers", [{}]),
    ("MeanAbsolutePercentageError", "numbers", [{}]),
    ("MeanSquaredLogarithmicError", "positive", [{}]),
    ("MeanSquaredLogarithmicError", "numbers", [{}]),
    ("Huber", "numbers", [{}, {"delta": 0.3}]),
    ("LogCosh", "numbers", [{}]),
    ("CosineSimilarity", "numbers", [{}, {"axis": 0}, {"axis": 1}]),
    ("Hinge", "signs", [{}]),
    ("Hinge", "binary", [{}]),
    ("SquaredHinge", "signs", [{}]),
    ("SquaredHinge", "binary", [{}]),
    ("CategoricalHinge", "one-hot", [{}]),
    ("KLDivergence", "shares", [{}]),
    ("KLDivergence", "one-hot", [{}]),
    ("Poisson", "positive", [{}]),
    ("BinaryCrossentropy", "binary", [{}, {"label_smoothing": 0.2}, {"axis": 0}]),
    ("BinaryCrossentropy", "binary logits", [{"from_logits": True}, {"from_logits": True, "label_smoothing": 0.1}]),
    ("BinaryFocalCrossentropy", "binary", [{}, {"gamma": 1.3, "alpha": 0.4, "apply_class_balancing": True}]),
    ("BinaryFocalCrossentropy", "binary logits", [{"from_logits": True, "label_smoothing": 0.1}]),
    ("CategoricalCrossentropy", "one-hot", [{}, {"label_smoothing": 0.2}]),
    ("CategoricalCrossentropy", "one-hot, unscaled", [{}]),
    ("CategoricalCrossentropy", "shares", [{}]),
    ("CategoricalCrossentropy", "one-hot logits", [{"from_logits": True, "label_smoothing": 0.1}]),
    ("CategoricalFocalCrossentropy", "one-hot, unscaled", [{}, {"gamma": 1.0, "alpha": 0.4, "label_smoothing": 0.2}]),
    ("CategoricalFocalCrossentropy", "one-hot logits", [{"from_logits": True}]),
    ("SparseCategoricalCrossentropy", "sparse", [{}, {"ignore_class": 1}]),
    (
        "SparseCategoricalCrossentropy",
        "sparse logits",
        [{"from_logits": True}, {"from_logits": True, "ignore_class": 0}],
    ),
    ("CategoricalGeneralizedCrossEntropy", "sparse", [{}, {"q": 0.8}]),
    ("Dice", "binary", [{}, {"axis": -1}, {"axis": 0}]),
    ("Tversky", "binary", [{}, {"alpha": 0.2, "beta": 0.7}, {"axis": -1}]),
    ("Circle", "embeddings", [{}, {"remove_diagonal": False}, {"gamma": 10.0, "margin": 0.2}]),
]
REDUCTIONS = ("sum_over_batch_size", "sum", "none", "mean_with_sample_weight")


@cases({f"{name}, {kind}": {"name": name, "kind": kind, "options": given} for name, kind, given in EVERY})
def every_loss_weighs_and_reduces(keras: Any, name: str, kind: str, options: Options) -> Outputs:
    found: Outputs = {}
    for shape in ((5, 3), (1, 4)) if name == "Circle" else ((5, 3), (1, 4), (4, 3, 2)):
        y_true, y_pred = _drawn(kind, shape)
        full = np.random.default_rng(22).random(shape[:-1])
        weights = [None, full, *([full[:, None], np.zeros(5)] if shape == (5, 3) else [])]
        for number, chosen in enumerate(options):
            for reduction in REDUCTIONS:
                loss = getattr(keras.losses, name)(reduction=reduction, **chosen)
                fitting = weights if chosen.get("axis", -1) == -1 else [None]
                found[f"{shape} {number} {reduction}"] = [plain(loss(y_true, y_pred, w)) for w in fitting]
    return found


@cases({f"{name}, {kind}": {"name": name, "kind": kind, "options": given[-1]} for name, kind, given in EVERY})
def every_loss_trains(keras: Any, name: str, kind: str, options: dict[str, Any]) -> Outputs:
    y, _ = _drawn(kind, (23, 3))
    x = np.random.default_rng(23).normal(size=(23, 5))
    activation = None if "logits" in kind or kind in ("numbers", "signs") else "softmax"
    model = network(keras, 3, {"positive": "softplus", "binary": "sigmoid"}.get(kind, activation))
    options = {k: v for k, v in options.items() if k != "axis" or v == -1}
    model.compile(keras.optimizers.SGD(0.1), getattr(keras.losses, name)(**options))
    weights = None if name in ("Circle", "Dice", "Tversky") else np.random.default_rng(24).random(23)
    return kept(model, model.fit(x, y, sample_weight=weights, batch_size=9, epochs=2, shuffle=False, verbose=0))


@scenario
def losses_by_every_name(keras: Any) -> Outputs:
    y_true, y_pred = _drawn("shares", (4, 3))
    names = ("mse", "MSE", "mae", "mape", "MAPE", "msle", "MSLE", "bce", "BCE", "kld", "KLD", "huber", "log_cosh")
    names += ("poisson", "hinge", "squared_hinge", "categorical_hinge", "cosine_similarity", "dice", "tversky")
    names += ("binary_focal_crossentropy", "categorical_focal_crossentropy", "kl_divergence")
    return {name: plain(keras.losses.get(name)(y_true, y_pred)) for name in names}
