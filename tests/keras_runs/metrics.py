"""Metrics: which one a name means, under which key it is logged, what it is averaged over."""

from typing import Any

import numpy as np

from .common import Outputs, binary, cases, classes, kept, network, one_hot, plain, regression, scenario

ACCURACY = {
    "outputs (N, 1)": (1, "sigmoid", "plain"),
    "outputs (N, 1), labels (N, 1)": (1, "sigmoid", "column"),
    "sparse labels (N,)": (3, "softmax", "plain"),
    "sparse labels (N, 1)": (3, "softmax", "column"),
    "one-hot labels": (3, "softmax", "one-hot"),
    "two sigmoid outputs are taken as categories": (2, "sigmoid", "one-hot"),
}


@cases({f"{case}, {name}": {"case": case, "name": name} for case in ACCURACY for name in ("accuracy", "acc")})
def accuracy_resolves_by_shape(keras: Any, case: str, name: str) -> Outputs:
    outputs, activation, shape = ACCURACY[case]
    x, y = binary() if outputs < 3 else classes()
    labels = {"plain": y, "column": y[:, None], "one-hot": one_hot(y, max(outputs, 2))}[shape]
    model = network(keras, outputs, activation, seed=3)
    loss = "mse" if shape == "one-hot" or outputs == 1 else "sparse_categorical_crossentropy"
    model.compile("sgd", loss, metrics=[name])
    return {"evaluated": model.evaluate(x, labels, batch_size=16, verbose=0, return_dict=True)}


@scenario
def string_metrics_are_logged_under_the_string_given(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mae", "MSE", "mean_absolute_error", "mse", "mean_squared_error", "MAE"])
    found = kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x[:9], y[:9])))
    return {"evaluated": model.evaluate(x, y, verbose=0), **found}


@scenario
def metric_objects_are_logged_under_their_own_name(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    metrics = [
        keras.metrics.BinaryAccuracy(),
        keras.metrics.BinaryAccuracy(threshold=0.7, name="strict"),
        keras.metrics.MeanSquaredError(),
        keras.metrics.MeanAbsoluteError(name="distance"),
    ]
    model.compile("sgd", "binary_crossentropy", metrics=metrics)
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@scenario
def categorical_metrics_by_name_and_object(keras: Any) -> Outputs:
    x, y = classes()
    sparse, dense = network(keras, 3, "softmax"), network(keras, 3, "softmax")
    sparse.compile(
        "sgd",
        "sparse_categorical_crossentropy",
        metrics=["sparse_categorical_accuracy", keras.metrics.SparseCategoricalAccuracy(name="again")],
    )
    dense.compile(
        "sgd",
        "categorical_crossentropy",
        metrics=["categorical_accuracy", keras.metrics.CategoricalAccuracy(name="again"), "binary_accuracy"],
    )
    return {
        "sparse": kept(sparse, sparse.fit(x, y, epochs=1, shuffle=False, verbose=0)),
        "dense": kept(dense, dense.fit(x, one_hot(y, 3), epochs=1, shuffle=False, verbose=0)),
    }


@scenario
def crossentropies_serve_as_metrics_too(keras: Any) -> Outputs:
    x, y = binary()
    model = network(keras, 1, "sigmoid")
    model.compile("sgd", "mse", metrics=["binary_crossentropy", keras.metrics.BinaryCrossentropy(name="object")])
    many = network(keras, 3, "softmax")
    many.compile("sgd", "mse", metrics=["categorical_crossentropy"])
    labels = classes()[1]
    return {
        "binary": model.evaluate(x, y[:, None], batch_size=16, verbose=0, return_dict=True),
        "categorical": many.evaluate(x, one_hot(labels, 3), batch_size=16, verbose=0, return_dict=True),
    }


@scenario
def repeated_names_are_numbered(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mae", "mae", keras.metrics.MeanSquaredError(name="mae")])
    return {"evaluated": model.evaluate(x, y, verbose=0, return_dict=True)}


@scenario
def metrics_ignore_sample_weights_and_weighted_metrics_use_them(keras: Any) -> Outputs:
    x, y = regression()
    w = np.random.default_rng(14).random(103) * 4
    model = network(keras)
    model.compile("sgd", "mse", metrics=["mse", "mae"], weighted_metrics=["mse", keras.metrics.MeanSquaredError()])
    found = kept(model, model.fit(x, y, sample_weight=w, epochs=2, shuffle=False, verbose=0))
    return {"evaluated": model.evaluate(x, y, sample_weight=w, verbose=0, return_dict=True), **found}


@scenario
def weighted_loss_metric_and_weighted_metric_divide_by_different_counts(keras: Any) -> Outputs:
    x = np.array([[1.0], [2.0], [3.0]])
    model = keras.Sequential([keras.Input(shape=(1,)), keras.layers.Dense(1)])
    model.set_weights([np.zeros((1, 1)), np.zeros(1)])
    model.compile("sgd", "mse", metrics=["mse"], weighted_metrics=[keras.metrics.MeanSquaredError(name="weighted")])
    w = np.array([1.0, 0.0, 3.0])
    return {"evaluated": model.evaluate(x, x[:, 0], sample_weight=w, batch_size=2, verbose=0, return_dict=True)}


@scenario
def class_weights_reach_weighted_metrics(keras: Any) -> Outputs:
    x, y = classes()
    model = network(keras, 3, "softmax")
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"], weighted_metrics=["accuracy"])
    weights = {0: 0.5, 2: 4.0}
    return kept(model, model.fit(x, y, class_weight=weights, epochs=2, shuffle=False, verbose=0))


@scenario
def a_metric_function_is_averaged_over_samples_and_a_scalar_one_over_batches(keras: Any) -> Outputs:
    def distance(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

    def largest(y_true: Any, y_pred: Any) -> Any:
        return keras.ops.max(keras.ops.abs(y_true - y_pred))

    x, y = regression(5)
    model = network(keras)
    model.compile("sgd", "mse", metrics=[distance, largest])
    return {"evaluated": model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)}


@scenario
def a_metric_class_of_the_users_own_is_reset_each_epoch(keras: Any) -> Outputs:
    class Rows(keras.metrics.Metric):
        def __init__(self, name: str = "rows") -> None:
            super().__init__(name=name)
            self.count = 0

        def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
            self.count += y_true.shape[0]

        def result(self) -> Any:
            return float(self.count)

        def reset_state(self) -> None:
            self.count = 0

    x, y = regression()
    model = network(keras)
    model.compile("sgd", "mse", metrics=[Rows()])
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0, validation_data=(x[:9], y[:9])))


@scenario
def metrics_used_by_hand_accumulate_until_reset(keras: Any) -> Outputs:
    y_true, y_pred = np.array([[0.0], [1.0], [1.0]]), np.array([[0.5], [0.6], [0.2]])
    found: Outputs = {}
    for name in ("BinaryAccuracy", "MeanSquaredError", "MeanAbsoluteError"):
        metric = getattr(keras.metrics, name)()
        states = [float(metric.result())]
        metric.update_state(y_true, y_pred)
        states.append(float(metric.result()))
        states.append(float(metric(y_true[:1], y_pred[1:2])))
        metric.update_state(y_true, y_pred, sample_weight=np.array([0.0, 2.0, 1.0]))
        states.append(float(metric.result()))
        metric.reset_state()
        states.append(float(metric.result()))
        found[name] = [metric.name, *states]
    return found


@scenario
def mean_metric_weighs_its_values(keras: Any) -> Outputs:
    mean = keras.metrics.Mean()
    mean.update_state([1.0, 3.0, 5.0], sample_weight=[1.0, 1.0, 0.0])
    mean.update_state(10.0)
    empty = keras.metrics.Mean()
    zero = keras.metrics.Mean()
    zero.update_state([4.0], sample_weight=[0.0])
    return {"results": [float(m.result()) for m in (mean, empty, zero)]}


@scenario
def accuracy_functions_compare_each_sample(keras: Any) -> Outputs:
    p = np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]])
    y = np.array([1, 1, 2])
    return {
        "sparse": plain(keras.metrics.sparse_categorical_accuracy(y, p)),
        "categorical": plain(keras.metrics.categorical_accuracy(one_hot(y, 3), p)),
        "binary at the threshold": plain(keras.metrics.binary_accuracy([[1.0], [0.0]], [[0.5], [0.5]])),
    }


# --- every metric ----------------------------------------------------------------------------------------------------


def _drawn(kind: str, n: int, c: int, seed: int) -> tuple[Any, Any]:
    """Labels and predictions of ``n`` samples; probabilities are multiples of 1/64, so that some meet a threshold."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(n, c))
    labels = rng.integers(0, c, n)
    shares = rng.dirichlet(np.ones(c), n)
    binary_labels = (rng.random((n, c)) < 0.4).astype(float)
    return {
        "numbers": (rng.normal(size=(n, c)), outputs),
        "positive": (3 * rng.random((n, c)), 0.01 + 3 * rng.random((n, c))),
        "binary": (binary_labels, rng.permuted(np.tile(np.arange(65.0), (n, 1)), axis=1)[:, :c] / 64),
        "binary logits": (binary_labels, outputs),
        "signs": (np.sign(rng.normal(size=(n, c))), outputs),
        "one-hot": (one_hot(labels, c), shares),
        "shares": (rng.dirichlet(np.ones(c), n), shares),
        "sparse": (labels, shares),
        "whole": (rng.integers(0, 2, (n, c)), rng.integers(0, 2, (n, c)).astype(float)),
        "ids": (labels, np.argsort(rng.random((n, c)), axis=1).astype(float)),
        "classes": (rng.integers(-1, c + 1, n), rng.integers(0, c, n)),
    }[kind]


Options = list[dict[str, Any]]
THRESHOLDS: Options = [
    {},
    {"thresholds": 0.25},
    {"thresholds": [0.9, 0.25]},
    {"thresholds": [0.0, 0.25, 0.5, 0.75, 1.0]},
]
CURVES: Options = [
    {"curve": curve, "summation_method": method}
    for curve in ("ROC", "PR", "PRGAIN")
    for method in ("interpolation", "majoring", "minoring")
]
CONSTRAINED = {
    "SensitivityAtSpecificity": "specificity",
    "SpecificityAtSensitivity": "sensitivity",
    "PrecisionAtRecall": "recall",
    "RecallAtPrecision": "precision",
}
AVERAGES = (None, "micro", "macro", "weighted")
EVERY: list[tuple[str, str, int, Options]] = [
    *[(name, "numbers", 3, [{}]) for name in ("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError")],
    *[(name, "numbers", 3, [{}]) for name in ("RootMeanSquaredError", "LogCoshError", "CosineSimilarity")],
    ("MeanSquaredLogarithmicError", "positive", 3, [{}]),
    ("R2Score", "numbers", 3, [{}, {"class_aggregation": None}, {"class_aggregation": "variance_weighted_average"}]),
    ("R2Score", "numbers", 1, [{"num_regressors": 2}, {"num_regressors": 12}, {"num_regressors": 20}]),
    ("PearsonCorrelation", "numbers", 4, [{}]),
    ("ConcordanceCorrelation", "numbers", 4, [{}, {"axis": 0}]),
    ("Accuracy", "whole", 3, [{}]),
    ("BinaryAccuracy", "binary", 3, [{}, {"threshold": 0.25}]),
    ("CategoricalAccuracy", "one-hot", 3, [{}]),
    ("SparseCategoricalAccuracy", "sparse", 3, [{}]),
    ("TopKCategoricalAccuracy", "one-hot", 7, [{}, {"k": 2}]),
    ("SparseTopKCategoricalAccuracy", "sparse", 7, [{}, {"k": 2}]),
    ("SparseTopKCategoricalAccuracy", "ids", 7, [{"k": 2, "from_sorted_ids": True}]),
    ("BinaryCrossentropy", "binary", 3, [{}, {"label_smoothing": 0.1}]),
    ("BinaryCrossentropy", "binary logits", 3, [{"from_logits": True}]),
    ("CategoricalCrossentropy", "one-hot", 3, [{}, {"label_smoothing": 0.1}]),
    ("SparseCategoricalCrossentropy", "sparse", 3, [{}, {"ignore_class": 1}]),
    ("KLDivergence", "shares", 3, [{}]),
    ("Poisson", "positive", 3, [{}]),
    ("Hinge", "signs", 3, [{}]),
    ("SquaredHinge", "binary", 3, [{}]),
    ("CategoricalHinge", "one-hot", 3, [{}]),
    *[(name, "binary", 3, THRESHOLDS) for name in ("TruePositives", "FalsePositives", "TrueNegatives")],
    ("FalseNegatives", "binary", 1, THRESHOLDS),
    ("Precision", "binary", 3, [*THRESHOLDS, {"top_k": 2}, {"class_id": 1}, {"top_k": 2, "class_id": 2}]),
    ("Recall", "binary", 3, [*THRESHOLDS, {"top_k": 2, "thresholds": 0.5}]),
    *[
        (name, "binary", 3, [{of: 0.5}, {of: 0.8, "num_thresholds": 1}, {of: 0.3, "num_thresholds": 9, "class_id": 1}])
        for name, of in CONSTRAINED.items()
    ],
    ("AUC", "binary", 1, CURVES),
    ("AUC", "binary", 3, [{**curve, "thresholds": [0.75, 0.5, 0.1]} for curve in CURVES]),
    ("AUC", "binary", 3, [{**curve, "num_thresholds": 9, "multi_label": True} for curve in CURVES]),
    ("AUC", "binary", 3, [{"multi_label": m, "label_weights": [1.0, 2.0, 0.5]} for m in (False, True)]),
    ("AUC", "binary logits", 3, [{"from_logits": True}]),
    *[("FBetaScore", "one-hot", 3, [{"average": a}, {"average": a, "beta": 2.0, "threshold": 0.3}]) for a in AVERAGES],
    ("F1Score", "binary", 3, [{"average": average, "threshold": 0.5} for average in AVERAGES]),
    ("IoU", "classes", 3, [{"num_classes": 3, "target_class_ids": [0, 2], "ignore_class": i} for i in (None, 0)]),
    ("MeanIoU", "classes", 3, [{"num_classes": 3, "ignore_class": -1}, {"num_classes": 2}]),
    ("OneHotIoU", "one-hot", 3, [{"num_classes": 3, "target_class_ids": [1]}]),
    ("OneHotMeanIoU", "one-hot", 3, [{"num_classes": 3}]),
    ("BinaryIoU", "binary", 1, [{}, {"target_class_ids": [1], "threshold": 0.25}]),
]


def _row(name: str, kind: str, outputs: int, options: Options) -> tuple[str, dict[str, Any]]:
    case = f"{name}, {kind}, {outputs}, {', '.join(f'{k}={v}' for k, v in options[-1].items())}"
    return case, {"name": name, "kind": kind, "outputs": outputs, "options": options}


@cases(dict(_row(*row) for row in EVERY))
def every_metric_over_uneven_batches(keras: Any, name: str, kind: str, outputs: int, options: Options) -> Outputs:
    found: Outputs = {}
    for number, chosen in enumerate(options):
        for weighted in (False,) if chosen.get("axis") == 0 else (False, True):
            metric = getattr(keras.metrics, name)(**chosen)
            results = []
            for seed, n in enumerate((6, 7, 1)):
                # Eighths add up without rounding, also where Keras on torch sums in single precision.
                weights = np.random.default_rng(seed).integers(0, 9, n) / (1 if "IoU" in name else 8)
                metric.update_state(*_drawn(kind, n, outputs, seed), sample_weight=weights if weighted else None)
                results.append(plain(metric.result()))
            counts = {v.name: plain(v) for v in metric.variables}
            metric.reset_state()
            metric.update_state(*_drawn(kind, 6, outputs, 9))
            found[f"{number}, {'weighted' if weighted else 'plain'}"] = [results, counts, plain(metric.result())]
    return found


@scenario
def mean_and_sum_of_any_shape(keras: Any) -> Outputs:
    rng = np.random.default_rng(31)
    found: Outputs = {}
    for name in ("Mean", "Sum"):
        metric = getattr(keras.metrics, name)()
        for shape, weight_shape in (
            ((4,), None),
            ((3, 2), None),
            ((3, 2), (3,)),
            ((3, 2), (1, 2)),
            ((2, 3, 2), (2, 3)),
        ):
            metric.update_state(rng.normal(size=shape), None if weight_shape is None else rng.random(weight_shape))
            found[f"{name} {shape} {weight_shape}"] = [plain(metric.result()), *(plain(v) for v in metric.variables)]
        metric.update_state(3.0)
        metric.update_state(5.0, sample_weight=4)
        found[f"{name} of scalars"] = plain(metric.result())
    return found
