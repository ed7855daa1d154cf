"""Wrong calls, one row each: the kind of error, that it names the argument and the remedy, that no weight has moved."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pytest

import minifit as keras

N = 20
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5))
CLASSES = np.arange(N) % 3
BINARY = CLASSES % 2
REAL = RNG.normal(size=(N, 2))


class Row(NamedTuple):
    """What is called with the model, what it raises, words that the message must hold, how the model is compiled."""

    call: Callable[[Any], Any]
    error: type[Exception]
    says: tuple[str, ...]
    model: Mapping[str, Any] = MappingProxyType({})


def build(outputs: int = 3, activation: str | None = "softmax", loss: Any = "sparse", **options: Any) -> Any:
    """A small model; it is compiled if there is a loss or another argument of compile."""
    model = keras.Sequential(
        [
            keras.Input((5,)),
            keras.layers.Dense(4, activation="relu"),
            keras.layers.Dense(outputs, activation=activation),
        ]
    )
    if loss is not None or options:
        loss = "sparse_categorical_crossentropy" if loss == "sparse" else loss
        model.compile(**{"optimizer": keras.optimizers.SGD(0.5), "loss": loss, **options})
    return model


def fit(**changes: Any) -> Callable[[Any], Any]:
    """``model.fit`` on good data and settings but for ``changes``."""
    return lambda model: model.fit(**{"x": X, "y": CLASSES, "verbose": 0, "batch_size": 8, **changes})


def compiled(**options: Any) -> Callable[[Any], Any]:
    return lambda model: model.compile(**{"optimizer": "sgd", "loss": "mse", **options})


def with_nan(array: np.ndarray) -> np.ndarray:
    array = array.astype(float)
    array[3] = np.nan
    return array


def last(labels: np.ndarray, value: Any) -> np.ndarray:
    labels = labels.copy()
    labels[-1] = value
    return labels


BINARY_MODEL = {"outputs": 1, "activation": "sigmoid", "loss": "binary_crossentropy"}
REGRESSION = {"outputs": 2, "activation": None, "loss": "mse"}

DATA: dict[str, Row] = {
    "x with too few features": Row(fit(x=X[:, :4]), ValueError, ("x", "(5,)", "(4,)", "Reshape")),
    "x with an axis too many": Row(fit(x=np.stack([X, X], -1)), ValueError, ("x", "(5,)", "(5, 2)")),
    "x without a features axis": Row(fit(x=X[:, 0]), ValueError, ("x", "(5,)", "(20,)")),
    "no x": Row(fit(x=None), ValueError, ("x expects", "None")),
    "no y": Row(fit(y=None), ValueError, ("y", "None")),
    "y longer than x": Row(fit(y=np.tile(CLASSES, 2)), ValueError, ("x has 20", "y has 40", "same number")),
    "weights shorter than x": Row(fit(sample_weight=np.ones(3)), ValueError, ("x has 20", "sample_weight has 3")),
    "weights for every output": Row(fit(sample_weight=np.ones((N, 2))), ValueError, ("sample_weight", "(N,)")),
    "weights that are NaN": Row(fit(sample_weight=with_nan(np.ones(N))), ValueError, ("sample_weight[3]", "NaN")),
    "weights that are words": Row(fit(sample_weight=["a"] * N), ValueError, ("sample_weight", "(N,)", "numbers")),
    "NaN in x": Row(fit(x=with_nan(X)), ValueError, ("x holds 5 NaN", "x[3, 0]", "drop")),
    "NaN in y": Row(fit(y=with_nan(REAL)), ValueError, ("y holds 2 NaN", "y[3, 0]"), REGRESSION),
    "NaN among labels": Row(fit(y=with_nan(CLASSES)), ValueError, ("y", "NaN")),
    "infinity in x": Row(fit(x=np.where(X.max() > X, X, np.inf)), ValueError, ("x", "inf")),
    "words in x": Row(fit(x=np.full((N, 5), "a")), ValueError, ("x expects", "numbers", "<U1")),
    "words in y": Row(fit(y=np.full(N, "cat")), ValueError, ("y expects", "numbers")),
    "rows of different lengths": Row(fit(x=[[1.0, 2.0], [1.0]]), ValueError, ("x expects", "different lengths", "Pad")),
    "a single number": Row(fit(x=3.0), ValueError, ("x expects", "single number")),
    "a file name": Row(fit(x="data.csv"), ValueError, ("x expects an array",)),
    "a dict of other names": Row(fit(x={"a": X}), ValueError, ("structure of `inputs`", "expected", "'a'")),
    "two inputs for a model of one": Row(fit(x=[X, X]), ValueError, ("expects 1 input", "received 2")),
    "empty data": Row(fit(x=X[:0], y=CLASSES[:0]), ValueError, ("x", "no samples")),
    "empty data to evaluate": Row(lambda m: m.evaluate(X[:0], CLASSES[:0], verbose=0), ValueError, ("x", "no samples")),
    "empty data to predict": Row(lambda m: m.predict(X[:0], verbose=0), ValueError, ("x", "no samples")),
    "empty data on batch": Row(lambda m: m.train_on_batch(X[:0], CLASSES[:0]), ValueError, ("x", "no samples")),
    "too few features to predict": Row(lambda m: m.predict(X[:, :4], verbose=0), ValueError, ("x", "(5,)", "(4,)")),
    "too few features to call": Row(lambda m: m(X[:, :4]), ValueError, ("axis -1", "value 5", "(20, 4)")),
    "lengths that differ to evaluate": Row(
        lambda m: m.evaluate(X, CLASSES[:5], verbose=0), ValueError, ("x has 20", "y has 5")
    ),
    "lengths that differ on batch": Row(
        lambda m: m.train_on_batch(X, CLASSES[:3]), ValueError, ("x has 20", "y has 3")
    ),
}

LABELS: dict[str, Row] = {
    "a label out of range": Row(fit(y=CLASSES + 1), ValueError, ("label 3", "3 classes", "0 to 2", "units")),
    "a negative label": Row(fit(y=CLASSES - 1), ValueError, ("label -1", "0 to 2")),
    "a label out of range in the last batch": Row(
        fit(y=last(CLASSES, 3), shuffle=False), ValueError, ("label 3", "0 to 2")
    ),
    "a label out of range in validation_data": Row(
        fit(validation_data=(X, CLASSES + 1)), ValueError, ("label 3", "0 to 2")
    ),
    "labels with fractions": Row(fit(y=CLASSES + 0.5), ValueError, ("whole numbers", "fractions")),
    "one-hot labels for a sparse loss": Row(
        fit(y=np.eye(3)[CLASSES]), ValueError, ("sparse_categorical_crossentropy", "One-hot", "categorical")
    ),
    "integer labels for a one-hot loss": Row(
        fit(), ValueError, ("categorical_crossentropy", "sparse_"), {"loss": "categorical_crossentropy"}
    ),
    "one output for a loss over classes": Row(
        fit(y=BINARY), ValueError, ("one output a class", "binary_crossentropy"), {"outputs": 1}
    ),
    "two outputs for a binary loss": Row(
        fit(y=BINARY),
        ValueError,
        ("binary_crossentropy", "y_pred", "one shape"),
        {"outputs": 2, "activation": "sigmoid", "loss": "binary_crossentropy"},
    ),
    "binary labels of -1 and 1": Row(fit(y=2 * BINARY - 1), ValueError, ("binary_crossentropy", "-1"), BINARY_MODEL),
    "three classes for a binary loss": Row(fit(), ValueError, ("binary_crossentropy", "2"), BINARY_MODEL),
    "three outputs for two targets": Row(
        fit(y=REAL), ValueError, ("mean_squared_error", "(8, 2)", "(8, 3)", "2 unit"), {**REGRESSION, "outputs": 3}
    ),
    "two outputs for one target": Row(
        fit(y=REAL[:, 0]), ValueError, ("mean_squared_error", "last layer 1 unit"), REGRESSION
    ),
    "a metric that does not fit the labels": Row(
        fit(), ValueError, ("categorical_accuracy", "shape"), {"metrics": ["categorical_accuracy"]}
    ),
}

ARGUMENTS: dict[str, Row] = {
    **{
        f"batch_size {value!r}": Row(
            fit(batch_size=value), ValueError, ("batch_size expects", "at least 1", repr(value))
        )
        for value in (0, -1, 2.5, "32", True)
    },
    **{
        f"epochs {value!r}": Row(fit(epochs=value), ValueError, ("epochs expects an integer", repr(value)))
        for value in (-1, 1.5, "3", None)
    },
    "initial_epoch -1": Row(fit(initial_epoch=-1), ValueError, ("initial_epoch", "-1")),
    "shuffle yes": Row(fit(shuffle="yes"), ValueError, ("shuffle", "True, False", "'yes'")),
    "verbose 7": Row(fit(verbose=7), ValueError, ("verbose", "7")),
    **{
        f"validation_split {value!r}": Row(
            fit(validation_split=value), ValueError, ("validation_split expects", "0.2", repr(value))
        )
        for value in (1.0, -0.1, 20, "0.2")
    },
    "validation_split that leaves nothing": Row(
        fit(validation_split=0.97), ValueError, ("validation_split=0.97", "0 to train on", "another fraction")
    ),
    "validation_data without y": Row(fit(validation_data=X), ValueError, ("validation_data", "(x, y)", "ndarray")),
    "validation_data of four": Row(fit(validation_data=(X,) * 4), ValueError, ("validation_data", "4 items")),
    "validation_data with too few features": Row(
        fit(validation_data=(X[:, :4], CLASSES)), ValueError, ("validation_data[0]", "(5,)")
    ),
    "validation_data of different lengths": Row(
        fit(validation_data=(X, CLASSES[:3])), ValueError, ("validation_data[1] has 3", "same number")
    ),
    "validation_data with too few weights": Row(
        fit(validation_data=(X, CLASSES, np.ones(2))), ValueError, ("validation_data[2] has 2",)
    ),
    "NaN in validation_data": Row(
        fit(validation_data=(with_nan(X), CLASSES)), ValueError, ("validation_data[0]", "NaN")
    ),
    "validation_freq 0": Row(
        fit(validation_data=(X, CLASSES), validation_freq=0), ValueError, ("validation_freq", "0")
    ),
    "validation_freq all": Row(
        fit(validation_data=(X, CLASSES), validation_freq="all"), ValueError, ("validation_freq", "'all'")
    ),
    "validation_batch_size -3": Row(
        fit(validation_data=(X, CLASSES), validation_batch_size=-3), ValueError, ("validation_batch_size", "-3")
    ),
    "class_weight as a list": Row(fit(class_weight=[1, 2, 3]), ValueError, ("class_weight", "dict", "list")),
    "class_weight with words as keys": Row(
        fit(class_weight={"0": 1.0}), ValueError, ("class_weight", "'0'", "integers")
    ),
    "class_weight with a fraction as key": Row(fit(class_weight={0.5: 1.0}), ValueError, ("class_weight", "0.5")),
    "class_weight below zero": Row(fit(class_weight={0: -1.0}), ValueError, ("class_weight[0]", "-1")),
    "class_weight NaN": Row(fit(class_weight={0: float("nan")}), ValueError, ("class_weight[0]", "nan")),
    "class_weight that is a word": Row(fit(class_weight={0: "a"}), ValueError, ("class_weight[0]", "'a'")),
    "class_weight and sample_weight": Row(
        fit(class_weight={0: 1.0}, sample_weight=np.ones(N)),
        ValueError,
        ("`class_weight` and `sample_weight`", "multiply"),
    ),
    "class_weight without y": Row(fit(class_weight={0: 1.0}, y=None), ValueError, ("class_weight needs y",)),
    "a callback class": Row(
        fit(callbacks=[keras.callbacks.EarlyStopping]), TypeError, ("callbacks", "Did you mean EarlyStopping()")
    ),
    "a function as callback": Row(fit(callbacks=[print]), TypeError, ("callbacks", "LambdaCallback")),
    "a word as callbacks": Row(fit(callbacks="early"), TypeError, ("callbacks", "list of Callback")),
    "a number as callbacks": Row(fit(callbacks=3), TypeError, ("callbacks", "list of Callback", "3")),
    "an argument that fit does not have": Row(fit(epoch=3), TypeError, ("fit()", "'epoch'")),
    "batch_size 0 to evaluate": Row(
        lambda m: m.evaluate(X, CLASSES, batch_size=0, verbose=0), ValueError, ("batch_size", "0")
    ),
    "batch_size 0 to predict": Row(lambda m: m.predict(X, batch_size=0, verbose=0), ValueError, ("batch_size", "0")),
}

UNCOMPILED = {"loss": None}


def calling(name: str) -> Callable[[Any], Any]:
    return lambda model: getattr(model, name)(X, CLASSES)


COMPILE: dict[str, Row] = {
    **{
        f"{name} before compile": Row(calling(name), ValueError, ("compile()", f"{name}()"), UNCOMPILED)
        for name in ("fit", "evaluate", "train_on_batch", "test_on_batch")
    },
    "no loss": Row(fit(), ValueError, ("No loss", "compile(loss=...)"), {"loss": None, "optimizer": "sgd"}),
    "an unknown loss": Row(compiled(loss="mes"), ValueError, ("compile(loss=...)", '"mes"', 'Did you mean "mse"?')),
    "a number as loss": Row(compiled(loss=3), ValueError, ("compile(loss=...)", "name such as", "3")),
    "a list of losses of which one is unknown": Row(
        compiled(loss=["mse", "mes"]), ValueError, ("compile(loss=...)", '"mes"')
    ),
    "labels nested otherwise than outputs": Row(
        fit(y=[CLASSES, CLASSES]), ValueError, ("different structures", "y_true")
    ),
    "an unknown optimizer": Row(
        compiled(optimizer="adma"), ValueError, ("compile(optimizer=...)", 'Did you mean "adam"?')
    ),
    "a number as optimizer": Row(
        compiled(optimizer=0.1), ValueError, ("compile(optimizer=...)", "name such as", "0.1")
    ),
    "no optimizer": Row(fit(), ValueError, ("Training needs an optimizer", "adam"), {"optimizer": None}),
    "an unknown metric": Row(
        compiled(metrics=["acuracy"]), ValueError, ("compile(metrics=...)", 'Did you mean "accuracy"?')
    ),
    "a metric without a list": Row(compiled(metrics="accuracy"), ValueError, ("metrics", "list", "accuracy")),
    "a number as metric": Row(compiled(metrics=[3]), ValueError, ("compile(metrics=...)", "name such as", "3")),
    "an unknown weighted metric": Row(compiled(weighted_metrics=["mea"]), ValueError, ("weighted_metrics", "mean")),
    "loss_weights as an integer": Row(compiled(loss_weights=2), ValueError, ("loss_weights", "float", "2")),
    "a loss that returns a number": Row(
        fit(), TypeError, ("one value a sample", "float"), {"loss": lambda y_true, y_pred: 1.0}
    ),
    "a loss that returns nothing": Row(
        fit(), TypeError, ("one value a sample", "NoneType"), {"loss": lambda y_true, y_pred: None}
    ),
    "a loss that leaves the tape": Row(
        fit(), TypeError, ("off the tape",), {"loss": lambda y_true, y_pred: np.mean(np.asarray(y_pred))}
    ),
    "a loss that ignores the prediction": Row(
        fit(), TypeError, ("left the tape",), {"loss": lambda y_true, y_pred: np.ones(len(y_true))}
    ),
    "a loss that is not reduced": Row(
        fit(),
        ValueError,
        ("reduce to one number", "(8,)", "mean"),
        {"loss": keras.losses.SparseCategoricalCrossentropy(reduction="none")},
    ),
    "an unknown reduction": Row(
        lambda m: keras.losses.MeanSquaredError(reduction="avg"), ValueError, ("reduction", "'mean'", "'avg'")
    ),
    "a whole number as learning rate": Row(
        lambda m: keras.optimizers.SGD(1), ValueError, ("SGD(learning_rate=...)", "float", "1")
    ),
    "a word as learning rate": Row(
        lambda m: keras.optimizers.Adam("fast"), ValueError, ("Adam(learning_rate=...)", "'fast'")
    ),
    "a learning rate below zero": Row(
        lambda m: keras.optimizers.Adam(-0.1), ValueError, ("Adam(learning_rate=...)", "-0.1")
    ),
    "a learning rate of NaN": Row(lambda m: keras.optimizers.SGD(float("nan")), ValueError, ("learning_rate", "nan")),
    "momentum above one": Row(lambda m: keras.optimizers.SGD(0.1, momentum=2.0), ValueError, ("momentum", "2.0")),
    "lr, the old name": Row(lambda m: keras.optimizers.Adam(lr=0.1), TypeError, ("lr", "learning_rate")),
    "two kinds of clipping": Row(
        lambda m: keras.optimizers.SGD(0.1, clipnorm=1.0, clipvalue=1.0), ValueError, ("one of", "clipnorm, clipvalue")
    ),
    "clipping at zero": Row(lambda m: keras.optimizers.SGD(0.1, clipnorm=0.0), ValueError, ("clipnorm", "above 0")),
}

LAYERS: dict[str, Row] = {
    "an unknown activation": Row(
        lambda m: keras.layers.Dense(3, activation="rleu"), ValueError, ("activation", 'Did you mean "relu"?')
    ),
    "a number as activation": Row(
        lambda m: keras.layers.Dense(3, activation=3), ValueError, ("activation", "name such as", "3")
    ),
    "no units": Row(lambda m: keras.layers.Dense(0), ValueError, ("Dense(units=...)", "positive integer", "0")),
    "half a unit": Row(lambda m: keras.layers.Dense(3.5), ValueError, ("Dense(units=...)", "3.5")),  # type: ignore[arg-type]
    "a misspelt argument": Row(
        lambda m: keras.layers.Dense(3, actvation="relu"), TypeError, ("Dense", "actvation", "activation")
    ),
    "an unknown initializer": Row(
        lambda m: keras.layers.Dense(3, kernel_initializer="glorot"), ValueError, ("kernel_initializer", "glorot_")
    ),
    "a dropout rate in per cent": Row(
        lambda m: keras.layers.Dropout(20), ValueError, ("Dropout(rate=...)", "0 to 1", "20")
    ),
    "a dropout rate below zero": Row(lambda m: keras.layers.Dropout(-0.1), ValueError, ("Dropout(rate=...)", "-0.1")),
    "a number as input shape": Row(lambda m: keras.Input(5), ValueError, ("Input(shape=...)", "Input(shape=(5,))")),  # type: ignore[arg-type]
    "no input shape": Row(lambda m: keras.Input(), ValueError, ("Input(shape=...)", "(784,)")),
    "a layer class in a Sequential": Row(
        lambda m: keras.Sequential([keras.layers.Dense]),  # type: ignore[list-item]
        ValueError,
        ("Sequential", "Did you mean Dense(...)"),
    ),
    "a number in a Sequential": Row(lambda m: keras.Sequential([3]), ValueError, ("Sequential", "3")),  # type: ignore[list-item]
    "a layer without a list": Row(lambda m: keras.Sequential(keras.layers.Dense(3)), TypeError, ("list of layers",)),  # type: ignore[arg-type]
    "two inputs": Row(
        lambda m: keras.Sequential([keras.Input((3,)), keras.Input((3,))]), ValueError, ("Input", "first", "once")
    ),
    "two layers of one name": Row(
        lambda m: keras.Sequential([keras.layers.Dense(3, name="a"), keras.layers.Dense(3, name="a")]),
        ValueError,
        ("unique names", "'a'"),
    ),
    "a layer name that is not there": Row(lambda m: m.get_layer("dens"), ValueError, ("'dens'", "there is")),
    "too few weights to set": Row(lambda m: m.set_weights([X]), ValueError, ("set_weights", "4 arrays", "1")),
    "weights of a wrong shape to set": Row(
        lambda m: m.set_weights([w.T for w in m.get_weights()]), ValueError, ("weights[0]", "(5, 4)", "(4, 5)")
    ),
    "weights of a wrong shape in the last place": Row(
        lambda m: m.set_weights([*[w + 1 for w in m.get_weights()[:-1]], np.zeros(7)]),
        ValueError,
        ("weights[3]", "(3,)", "(7,)"),
    ),
}

ELSEWHERE: dict[str, Row] = {
    "weights from a file that is not there": Row(
        lambda m: m.load_weights("no/such.weights.h5"), FileNotFoundError, ("no/such.weights.h5", "no such file")
    ),
    "weights into a folder that is not there": Row(
        lambda m: m.save_weights("no/such/folder.npz"), FileNotFoundError, ("folder", "does not exist")
    ),
    "weights under an unknown ending": Row(
        lambda m: m.save_weights("a.txt"), ValueError, ("a.txt", ".npz", ".weights.h5")
    ),
    "a checkpoint under an unknown ending": Row(
        lambda m: keras.callbacks.ModelCheckpoint("a.txt"), ValueError, ("filepath", ".keras", "a.txt")
    ),
    "a checkpoint frequency that is a word": Row(
        lambda m: keras.callbacks.ModelCheckpoint("a.keras", save_freq="batch"), ValueError, ("save_freq", '"epoch"')
    ),
    "a hook that is misspelt": Row(
        lambda m: keras.callbacks.LambdaCallback(on_epoch_ende=print), TypeError, ("on_epoch_ende", "on_epoch_end")
    ),
    "patience below zero": Row(lambda m: keras.callbacks.EarlyStopping(patience=-1), ValueError, ("patience", "-1")),
    "an unknown float type": Row(lambda m: keras.config.set_floatx("float"), ValueError, ("float32", "'float'")),
    "a word as seed": Row(lambda m: keras.set_random_seed("a"), ValueError, ("seed", "42", "'a'")),  # type: ignore[arg-type]
    "a seed below zero": Row(lambda m: keras.set_random_seed(-1), ValueError, ("seed", "-1")),
    "a label beyond num_classes": Row(
        lambda m: keras.utils.to_categorical([0, 5], 3), ValueError, ("num_classes=3", "0 to 2", "5")
    ),
    "a device that does not exist": Row(lambda m: keras.set_device("tpu"), ValueError, ('"cpu"', '"gpu"', "'tpu'")),
}


def call_of(name: str, *args: Any, **options: Any) -> Callable[[Any], Any]:
    """A call of something of the package by its name: what is wrong on purpose is no business of a type checker."""

    def call(model: Any) -> Any:
        found: Any = keras
        for part in name.split("."):
            found = getattr(found, part)
        return found(*args, **options)

    return call


NAN = float("nan")
SHARE, AT_LEAST_0, ABOVE_0 = "a number from 0 to 1", "a number of at least 0", "a number above 0"
COUNT, COUNT_0, NUMBER = "an integer of at least 1", "an integer of at least 0", "a number"

# What is called, what it needs, an argument, what that expects, and wrong values of it.
NUMBERS: list[tuple[str, dict[str, Any], str, str, tuple[Any, ...]]] = [
    ("layers.Conv2D", {"kernel_size": 3}, "filters", "an integer", ("8", 2.5)),
    ("layers.Conv1D", {"filters": 4, "kernel_size": 3}, "groups", "an integer", ("2",)),
    ("layers.BatchNormalization", {}, "axis", "an integer", ("last", 1.5)),
    ("layers.BatchNormalization", {}, "momentum", SHARE, (2.0, -0.1, NAN)),
    ("layers.BatchNormalization", {}, "epsilon", AT_LEAST_0, (-1.0, "small")),
    ("layers.LayerNormalization", {}, "epsilon", AT_LEAST_0, (-1, None)),
    ("layers.Normalization", {}, "axis", "an integer", ("a",)),
    ("layers.Reshape", {}, "target_shape", "an integer", ((2.5,), ("a",))),
    ("layers.ReLU", {}, "max_value", NUMBER, ("6",)),
    ("layers.LeakyReLU", {}, "negative_slope", NUMBER, ("a",)),
    ("layers.ELU", {}, "alpha", NUMBER, ("a", NAN)),
    ("constraints.MaxNorm", {}, "max_value", AT_LEAST_0, (-1, "a")),
    ("constraints.MinMaxNorm", {"min_value": 2.0}, "max_value", "a number of at least 2.0", (1.0,)),
    ("constraints.MinMaxNorm", {}, "rate", SHARE, (1.5,)),
    ("initializers.RandomNormal", {}, "stddev", AT_LEAST_0, (-1.0, "a")),
    ("initializers.RandomUniform", {}, "minval", NUMBER, ("a",)),
    ("initializers.Orthogonal", {}, "gain", NUMBER, ("a",)),
    ("losses.BinaryCrossentropy", {}, "label_smoothing", SHARE, (2.0, -0.1)),
    ("losses.CategoricalCrossentropy", {}, "label_smoothing", SHARE, ("a",)),
    ("losses.Huber", {}, "delta", AT_LEAST_0, (-1.0, NAN)),
    ("losses.BinaryFocalCrossentropy", {}, "gamma", AT_LEAST_0, ("a",)),
    ("losses.SparseCategoricalCrossentropy", {}, "ignore_class", "an integer", ("unknown",)),
    ("metrics.BinaryCrossentropy", {}, "label_smoothing", SHARE, (-1,)),
    ("metrics.BinaryAccuracy", {}, "threshold", NUMBER, ("a",)),
    ("metrics.TopKCategoricalAccuracy", {}, "k", COUNT, (0, "5")),
    ("metrics.SparseTopKCategoricalAccuracy", {}, "k", COUNT, (2.5,)),
    ("metrics.Precision", {}, "top_k", COUNT, (-1, 0)),
    ("metrics.Recall", {}, "class_id", COUNT_0, (-9, "cat")),
    ("metrics.MeanIoU", {}, "num_classes", COUNT, (0, "2")),
    ("optimizers.SGD", {}, "weight_decay", AT_LEAST_0, (-0.1, "a")),
    ("optimizers.AdamW", {}, "weight_decay", AT_LEAST_0, ("a", NAN)),
    ("optimizers.SGD", {}, "clipnorm", ABOVE_0, (-1.0, "a")),
    ("optimizers.SGD", {}, "clipvalue", ABOVE_0, (NAN,)),
    ("optimizers.SGD", {}, "loss_scale_factor", ABOVE_0, (0, "a")),
    ("optimizers.Adam", {}, "beta_1", SHARE, ("a", 1.5)),
    ("optimizers.Nadam", {}, "beta_2", SHARE, (NAN,)),
    ("optimizers.Adam", {}, "epsilon", AT_LEAST_0, (-1.0, "a")),
    ("optimizers.RMSprop", {}, "rho", SHARE, (-1.0,)),
    ("optimizers.Adagrad", {}, "initial_accumulator_value", AT_LEAST_0, (-1.0,)),
    ("optimizers.Ftrl", {}, "beta", NUMBER, ("a",)),
    (
        "optimizers.schedules.ExponentialDecay",
        {"decay_steps": 10, "decay_rate": 0.5},
        "initial_learning_rate",
        NUMBER,
        ("a", None, NAN),
    ),
    (
        "optimizers.schedules.InverseTimeDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 9},
        "decay_rate",
        NUMBER,
        ("a",),
    ),
    ("optimizers.schedules.PolynomialDecay", {"initial_learning_rate": 0.1}, "decay_steps", NUMBER, ("a", NAN)),
    (
        "optimizers.schedules.CosineDecay",
        {"initial_learning_rate": 0.1, "decay_steps": 9},
        "warmup_steps",
        AT_LEAST_0,
        (-1,),
    ),
    ("optimizers.schedules.CosineDecay", {"initial_learning_rate": 0.1, "decay_steps": 9}, "alpha", NUMBER, ("a",)),
    (
        "optimizers.schedules.CosineDecayRestarts",
        {"initial_learning_rate": 0.1, "first_decay_steps": 9},
        "t_mul",
        ABOVE_0,
        (0, "a"),
    ),
    ("callbacks.EarlyStopping", {}, "patience", COUNT_0, ("3", 1.5, NAN)),
    ("callbacks.EarlyStopping", {}, "min_delta", NUMBER, ("a",)),
    ("callbacks.EarlyStopping", {}, "baseline", NUMBER, ("a",)),
    ("callbacks.ReduceLROnPlateau", {}, "factor", AT_LEAST_0, (-0.5, "a")),
    ("callbacks.ReduceLROnPlateau", {}, "cooldown", COUNT_0, (-1,)),
    ("callbacks.ModelCheckpoint", {"filepath": "a.keras"}, "initial_value_threshold", NUMBER, ("a",)),
    ("callbacks.TensorBoard", {}, "histogram_freq", COUNT_0, ("a",)),
    ("ops.one_hot", {"x": [0, 1]}, "num_classes", COUNT, (-1, "a")),
    ("ops.top_k", {"x": X}, "k", "an integer from 0 to 5", (9, -1)),
    ("ops.quantile", {"x": X}, "q", SHARE, (2.0,)),
    ("random.dropout", {"inputs": X}, "rate", SHARE, (2.0, "a")),
    ("random.normal", {"shape": (2,)}, "stddev", NUMBER, ("a",)),
    ("utils.to_categorical", {"x": [0, 1]}, "num_classes", COUNT, (-1, "a")),
    ("utils.pad_sequences", {"sequences": [[1]]}, "maxlen", COUNT_0, (-1,)),
    ("utils.normalize", {"x": X}, "order", "a number of at least 1", ("a", 0)),
]


def number_row(name: str, others: dict[str, Any], argument: str, expects: str, value: Any) -> Row:
    shown = value[0] if isinstance(value, tuple) else value
    says = f"{name.rpartition('.')[2]}({argument}=...) expects {expects}"
    return Row(call_of(name, **others, **{argument: value}), ValueError, (says, f"got {shown!r}"))


IMAGE = np.zeros((1, 8, 8, 3))


def with_gradient(*gradients: Any) -> Callable[[Any], Any]:
    """One step of an optimizer of its own on the weights of the model."""
    return lambda m: keras.optimizers.SGD(0.1).apply(list(gradients), m.trainable_variables)


MORE_LAYERS: dict[str, Row] = {
    f"an image without channels for {name}": Row(
        lambda m, name=name, args=args: getattr(keras.layers, name)(*args)(IMAGE[..., 0]),
        ValueError,
        ("of layer", "ndim=4, found ndim=3", "x[..., None]"),
    )
    for name, args in (("Conv2D", (4, 3)), ("MaxPooling2D", ()), ("GlobalAveragePooling2D", ()))
} | {
    "an image with an axis too many": Row(
        lambda m: keras.layers.Conv2D(4, 3, name="eyes")(IMAGE[None]), ValueError, ("'eyes'", "ndim=4", "Reshape")
    ),
    "a kernel larger than the image": Row(
        lambda m: keras.layers.Conv2D(4, 9)(IMAGE), ValueError, ("(9, 9)", "(8, 8)", "smaller window", "same")
    ),
    "a kernel of three sizes": Row(
        call_of("layers.Conv2D", 4, (3, 3, 3)), ValueError, ("`kernel_size`", "2 integers", "(3, 3, 3)")
    ),
    "an unknown padding": Row(
        call_of("layers.Conv2D", 4, 3, padding="full"), ValueError, ("`padding`", "'same'", "'full'")
    ),
    "groups that do not divide the filters": Row(
        call_of("layers.Conv2D", 4, 3, groups=3), ValueError, ("filters", "divisible", "groups=3")
    ),
    "strides of 0": Row(call_of("layers.MaxPooling2D", strides=0), ValueError, ("`strides`", "value > 0", "0")),
    "an unknown data format": Row(
        call_of("layers.Flatten", data_format="last"), ValueError, ("data_format", "'channels_last'", "'last'")
    ),
    "three widths of padding": Row(
        call_of("layers.ZeroPadding2D", (1, 2, 3)), ValueError, ("padding", "tuple of 2", "(1, 2, 3)")
    ),
    "an index beyond an embedding": Row(
        lambda m: keras.layers.Embedding(3, 2)(np.array([[0, 3]])), ValueError, ("rows 0 to 2", "3", "input_dim larger")
    ),
    "an embedding without rows": Row(call_of("layers.Embedding", 0, 3), ValueError, ("`input_dim`", "positive", "0")),
    "an axis that BatchNormalization does not find": Row(
        lambda m: keras.layers.BatchNormalization(axis=5)(X), ValueError, ("axis=5", "(20, 5)", "from -2 to 1")
    ),
    "an axis that Softmax does not find": Row(
        lambda m: keras.layers.Softmax(axis=9)(X), IndexError, ("softmax", "axis=9", "from -2 to 1")
    ),
    "an axis that PReLU does not find": Row(
        lambda m: keras.layers.PReLU(shared_axes=[9])(X), IndexError, ("shared_axes=9", "from -2 to 1")
    ),
    "a number as function of a Lambda": Row(call_of("layers.Lambda", 3), TypeError, ("Lambda(function=...)", "3")),
    "a word as scale": Row(call_of("layers.Rescaling", "a"), ValueError, ("Rescaling(scale=...)", "number", "'a'")),
    "a number as target shape": Row(
        call_of("layers.Reshape", 4), TypeError, ("Reshape(target_shape=...)", "tuple such as (28, 28, 1)", "4")
    ),
    "a target shape of another size": Row(
        lambda m: keras.layers.Reshape((4,))(X), ValueError, ("5 elements", "target_shape=(4,)")
    ),
    "half a feature in an input shape": Row(
        call_of("Input", (2.5,)), ValueError, ("Input(shape=...)", "integer", "2.5")
    ),
    "a size below zero in an input shape": Row(call_of("Input", (-1,)), ValueError, ("Input(shape=...)", "-1")),
    "a layer called on nothing": Row(lambda m: keras.layers.Dense(3)(None), ValueError, ("tensors", "None")),
    "a layer of one input called on two": Row(
        lambda m: keras.layers.Dense(3)([X, X]), ValueError, ("expects 1 input(s)", "2 input")
    ),
    "an unknown type": Row(call_of("layers.Dense", 3, dtype="float31"), ValueError, ("'float31'", "'float32'")),
    "an unknown regularizer": Row(
        call_of("layers.Dense", 3, kernel_regularizer="l3"), ValueError, ("kernel_regularizer", 'Did you mean "l2"?')
    ),
    "an unknown constraint": Row(
        call_of("layers.Dense", 3, kernel_constraint="maxnorm"), ValueError, ("kernel_constraint", '"max_norm"')
    ),
    "an initializer that is unknown everywhere": Row(
        call_of("initializers.get", "glorot"), ValueError, ("interpret initializer:", "glorot_")
    ),
    "a layer that forgot super().__init__()": Row(
        lambda m: type("Mine", (keras.layers.Layer,), {"__init__": lambda self: None})()(X),
        RuntimeError,
        ("'Mine'", "super().__init__()", "first statement"),
    ),
    "such a layer in a Sequential": Row(
        lambda m: m.add(type("Mine", (keras.layers.Layer,), {"__init__": lambda self: None})()),
        RuntimeError,
        ("'Mine'", "super().__init__()"),
    ),
    "a layer without call": Row(
        lambda m: type("Mine", (keras.layers.Layer,), {})()(X), NotImplementedError, ("Mine", "must define call()")
    ),
}

MEASURES: dict[str, Row] = {
    "a loss without labels": Row(
        lambda m: keras.losses.MeanSquaredError()(None, X), ValueError, ("arrays of numbers", "labels", "None")
    ),
    "a loss of words": Row(lambda m: keras.losses.Huber()("a", X), ValueError, ("arrays of numbers", "'a'")),
    "a loss on an axis that is not there": Row(
        lambda m: keras.losses.CategoricalCrossentropy(axis=9)(X, X), ValueError, ("axis", "9", "dimension 2")
    ),
    "a weight of classes that is not between 0 and 1": Row(
        call_of("losses.CategoricalGeneralizedCrossEntropy", q=2.0), ValueError, ("q", "(0, 1)", "2.0")
    ),
    "an unknown loss by name": Row(call_of("losses.get", "huberr"), ValueError, ("loss", 'Did you mean "huber"?')),
    "metrics of other shapes": Row(
        lambda m: keras.metrics.MeanSquaredError().update_state(X, X[:, :3]),
        ValueError,
        ("mean_squared_error needs y_true and y_pred of one shape", "(20, 5)", "(20, 3)", "5 units"),
    ),
    "a mean of words": Row(lambda m: keras.metrics.Mean().update_state("a"), ValueError, ("arrays of numbers", "'a'")),
    "a mean of nothing": Row(lambda m: keras.metrics.Mean().update_state(None), ValueError, ("arrays", "None")),
    "a metric of a number": Row(call_of("metrics.MeanMetricWrapper", 3), TypeError, ("fn=", "function", "3")),
    "a threshold above 1": Row(call_of("metrics.Precision", 2.0), ValueError, ("Threshold", "[0, 1]", "2.0")),
    "a threshold that is a word": Row(call_of("metrics.Recall", "a"), ValueError, ("Threshold", "[0, 1]", "'a'")),
    "a class that is not predicted": Row(
        lambda m: keras.metrics.Precision(class_id=9).update_state(X > 0, X), ValueError, ("class_id=9", "0 to 4")
    ),
    "an area of one threshold": Row(call_of("metrics.AUC", 1), ValueError, ("num_thresholds", "> 1", "1")),
    "an area of a word": Row(call_of("metrics.AUC", "many"), ValueError, ("num_thresholds", "integer", "many")),
    "an unknown curve": Row(call_of("metrics.AUC", curve="roc2"), ValueError, ("curve", "'ROC'", "roc2")),
    "too few weights of labels": Row(
        lambda m: keras.metrics.AUC(multi_label=True, label_weights=[1, 2]).update_state(X > 0, X),
        ValueError,
        ("AUC(label_weights=...)", "2 weights", "5 labels"),
    ),
    "a specificity above 1": Row(
        call_of("metrics.SensitivityAtSpecificity", 2.0), ValueError, ("`specificity`", "[0, 1]", "2.0")
    ),
    "a specificity that is a word": Row(
        call_of("metrics.SensitivityAtSpecificity", "a"), ValueError, ("`specificity`", "[0, 1]", "a")
    ),
    "a class below the first": Row(call_of("metrics.IoU", 2, [-5]), ValueError, ("Target class", "-5", "[0, 2)")),
    "no class at all": Row(call_of("metrics.IoU", 2, []), ValueError, ("Target class", "[0, 2)")),
    "an unknown average": Row(call_of("metrics.F1Score", "mean"), ValueError, ("`average`", "'macro'", "mean")),
    "regressors that are a word": Row(
        call_of("metrics.R2Score", num_regressors="a"), ValueError, ("`num_regressors`", "integer", "'a'")
    ),
}

STEPS: dict[str, Row] = {
    "an unknown optimizer by name": Row(
        call_of("optimizers.get", "rmsprob"), ValueError, ('"rmsprop"', '"adamw"', "Did you mean")
    ),
    "a class as learning rate": Row(
        lambda m: keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay),
        ValueError,
        ("SGD(learning_rate=...)", "schedule"),
    ),
    "a word as learning rate later": Row(
        lambda m: setattr(m.optimizer, "learning_rate", "a"), ValueError, ("SGD(learning_rate=...)", "'a'")
    ),
    "a mean of weights with too large a share": Row(
        call_of("optimizers.SGD", use_ema=True, ema_momentum="a"), ValueError, ("`ema_momentum`", "[0, 1]", "'a'")
    ),
    "gradients accumulated over one step": Row(
        call_of("optimizers.SGD", gradient_accumulation_steps=1),
        ValueError,
        ("gradient_accumulation_steps", ">= 2", "1"),
    ),
    "a power above zero": Row(
        call_of("optimizers.Ftrl", learning_rate_power=1.0), ValueError, ("`learning_rate_power`", "negative", "1.0")
    ),
    "too few gradients": Row(with_gradient(X), ValueError, ("one gradient a variable", "1 gradients", "4 variables")),
    "gradients of a wrong shape": Row(with_gradient(X, X, X, X), ValueError, ("shape (20, 5)", "variable", "(5, 4)")),
    "no gradient at all": Row(with_gradient(None, None, None, None), ValueError, ("No gradients", "GradientTape")),
    "arrays to be changed": Row(
        lambda m: keras.optimizers.SGD().apply([X], [X]), TypeError, ("Variables", "trainable_variables", "ndarray")
    ),
    "a schedule of too few values": Row(
        call_of("optimizers.schedules.PiecewiseConstantDecay", [1, 2], [0.1, 0.2]),
        ValueError,
        ("boundaries", "one value more"),
    ),
    "a schedule of words": Row(
        call_of("optimizers.schedules.PiecewiseConstantDecay", [1], ["a", "b"]), ValueError, ("values", "number", "'a'")
    ),
    "a schedule that goes back": Row(
        call_of("optimizers.schedules.PiecewiseConstantDecay", [2, 1], [0.1, 0.2, 0.3]),
        ValueError,
        ("boundaries", "rising"),
    ),
    "a schedule of no steps": Row(
        call_of("optimizers.schedules.CosineDecay", 0.1, 0), ValueError, ("`decay_steps`", "> 0", "0")
    ),
    "a number as schedule of a callback": Row(
        call_of("callbacks.LearningRateScheduler", 3),
        TypeError,
        ("LearningRateScheduler(schedule=...)", "function", "3"),
    ),
    "a schedule that returns an integer": Row(
        fit(callbacks=[keras.callbacks.LearningRateScheduler(lambda epoch: 1)]),
        ValueError,
        ("`schedule`", "float", "1"),
    ),
    "a factor of 1": Row(call_of("callbacks.ReduceLROnPlateau", factor=1.0), ValueError, ("factor", "1.0")),
    "a hook that is a number": Row(
        call_of("callbacks.LambdaCallback", on_epoch_end=3), TypeError, ("on_epoch_end", "function", "3")
    ),
    "a log into a folder that is not there": Row(
        fit(callbacks=[keras.callbacks.CSVLogger("no/such/log.csv")]),
        FileNotFoundError,
        ("CSVLogger", "no/such", "Make it"),
    ),
    "a checkpoint every -1 batches": Row(
        call_of("callbacks.ModelCheckpoint", "a.keras", save_freq=-1),
        ValueError,
        ("save_freq", "number of batches", "-1"),
    ),
    "a backup nowhere": Row(call_of("callbacks.BackupAndRestore", ""), ValueError, ("backup_dir", "folder")),
    "averages of weights that nobody keeps": Row(
        lambda m: m.evaluate(X, CLASSES, verbose=0, callbacks=[keras.callbacks.SwapEMAWeights()]),
        ValueError,
        ("SwapEMAWeights", "use_ema=True", "optimizer"),
    ),
}


def batches(*items: Any) -> Any:
    yield from items


SOURCES: dict[str, Row] = {
    "a generator and y": Row(
        lambda m: m.fit(batches((X, CLASSES)), CLASSES, verbose=0),
        ValueError,
        ("`x` as a generator", "`y`", "every batch"),
    ),
    "a generator and validation_split": Row(
        lambda m: m.fit(batches((X, CLASSES)), validation_split=0.2),
        ValueError,
        ("validation_split", "validation_data"),
    ),
    "a generator that is empty": Row(lambda m: m.fit(batches(), verbose=0), ValueError, ("generator", "at least one")),
    "a generator of arrays": Row(
        lambda m: m.fit(batches(X), verbose=0), ValueError, ("generator", "(x, y)", "ndarray")
    ),
    "a generator of too few features": Row(
        lambda m: m.fit(batches((X[:, :4], CLASSES)), verbose=0), ValueError, ("axis -1", "value 5", "(20, 4)")
    ),
    "a generator of NaN": Row(
        lambda m: m.fit(batches((with_nan(X), CLASSES)), verbose=0), ValueError, ("x of a batch", "NaN", "[3, 0]")
    ),
    "a data set without a length": Row(
        lambda m: m.fit(
            type("Mine", (keras.utils.PyDataset,), {"__getitem__": lambda s, i: (X, CLASSES)})(), verbose=0
        ),
        NotImplementedError,
        ("Mine", "num_batches", "__len__"),
    ),
    "no steps an epoch": Row(fit(steps_per_epoch=0), ValueError, ("steps_per_epoch", "at least 1", "0")),
    "steps an epoch that are a word": Row(fit(steps_per_epoch="a"), ValueError, ("steps_per_epoch", "'a'")),
    "validation steps below zero": Row(
        fit(validation_data=(X, CLASSES), validation_steps=-1), ValueError, ("validation_steps", "-1")
    ),
    "a dict to predict": Row(lambda m: m.predict({"a": X}, verbose=0), ValueError, ("structure of `inputs`", "'a'")),
    "a dict of two to evaluate": Row(
        lambda m: m.evaluate({"a": X, "b": X}, CLASSES, verbose=0), ValueError, ("structure of `inputs`", "'b'")
    ),
    "a loss for an output that is not there": Row(fit(), ValueError, ("loss dict", "nope"), {"loss": {"nope": "mse"}}),
    "weights for two losses where there is one": Row(
        fit(), ValueError, ("loss_weights", "1 losses", "2 weights"), {"loss": "mse", "loss_weights": [1.0, 2.0]}
    ),
}


def graph(of: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda m: of(keras.Input((3,), name="a"), keras.Input((4,), name="b"))


MODELS: dict[str, Row] = {
    "an output that does not depend on the input": Row(
        graph(lambda a, b: keras.Model(a, keras.layers.Dense(2)(b))), ValueError, ("not connected", "'b'")
    ),
    "arrays as inputs": Row(call_of("Model", X, X), ValueError, ("inputs", "KerasTensors", "Input(...)")),
    "a number as output": Row(graph(lambda a, b: keras.Model(a, 3)), ValueError, ("outputs", "KerasTensors", "int")),
    "inputs without outputs": Row(graph(lambda a, b: keras.Model(a)), TypeError, ("inputs and outputs", "Sequential")),
    "data of another shape than the input's": Row(
        graph(lambda a, b: keras.Model(a, keras.layers.Dense(2)(a))(X)), ValueError, ("'a'", "(None, 3)", "(20, 5)")
    ),
    "one array for two inputs": Row(
        graph(lambda a, b: keras.Model([a, b], keras.layers.Dense(2)(a)).predict(X[:, :3], verbose=0)),
        ValueError,
        ("2 input(s)", "received 1"),
    ),
    "a symbol as an array": Row(graph(lambda a, b: np.asarray(a)), ValueError, ("symbolic", "minifit.ops")),
    "an Input at the end": Row(lambda m: m.add(keras.Input((3,))), ValueError, ("Input", "first", "once")),
    "a layer beyond the last": Row(lambda m: m.get_layer(index=9), ValueError, ("index 9", "2 layers")),
    "a word as index of a layer": Row(
        lambda m: m.get_layer(index="a"), ValueError, ("get_layer(index=...)", "integer", "'a'")
    ),
    "no layer asked for": Row(lambda m: m.get_layer(), ValueError, ("name", "index")),
    "a model under an unknown ending": Row(lambda m: m.save("a.txt"), ValueError, ("extension", ".keras", "a.txt")),
    "a model into a folder that is not there": Row(
        lambda m: m.save("no/such/a.keras"), FileNotFoundError, ("no/such", "does not exist", "Make it first")
    ),
    "a model that is not there": Row(
        call_of("models.load_model", "nope.keras"), ValueError, ("File not found", "nope.keras")
    ),
    "half a JSON": Row(
        call_of("models.model_from_json", "{"), ValueError, ("model_from_json(json_string)", "Model.to_json")
    ),
    "a JSON of a list": Row(call_of("models.model_from_json", "[]"), ValueError, ("model_from_json", "model", "list")),
    "a number to clone": Row(call_of("models.clone_model", 3), ValueError, ("clone_model(model)", "int", "3")),
    "a class that nobody knows": Row(
        call_of("saving.deserialize_keras_object", {"class_name": "Densee", "config": {}}),
        ValueError,
        ("'Densee'", "custom_objects"),
    ),
    "a step that returns nothing": Row(
        lambda m: trained(
            type("Mine", (keras.Sequential,), {"train_step": lambda s, d: None})([keras.layers.Dense(3)])
        ),
        TypeError,
        ("Mine.train_step", "dict", "return {"),
    ),
}


def trained(model: Any) -> Any:
    model.compile("sgd", "mse")
    return model.fit(X, X[:, :3], verbose=0)


FUNCTIONS: dict[str, Row] = {
    "letters that do not fit": Row(
        call_of("ops.einsum", "ij,jk", X, X), ValueError, ("einsum('ij,jk')", "(20, 5), (20, 5)", "'j'")
    ),
    "letters for more operands": Row(call_of("ops.einsum", "ij,jk", X), ValueError, ("einsum('ij,jk')", "operands")),
    "a number as letters": Row(call_of("ops.einsum", 3, X), TypeError, ("einsum(subscripts", "ij,jk->ik", "3")),
    "an unknown kind of quantile": Row(
        call_of("ops.quantile", X, 0.5, method="a"), ValueError, ("quantile(method=...)", "linear", "'a'")
    ),
    "unequal parts": Row(call_of("ops.split", X, 3), ValueError, ("split(x, 3", "20", "equal parts")),
    "a number as shape": Row(call_of("random.normal", -1), TypeError, ("`shape`", "tuple", "(2, 3)", "-1")),
    "a size below zero": Row(call_of("random.uniform", (2, -1)), ValueError, ("`shape`", "at least 0", "-1")),
    "a word as seed of a draw": Row(call_of("random.normal", (2,), seed="a"), ValueError, ("`seed`", "integer", "'a'")),
    "a word as seed of a row of seeds": Row(call_of("random.SeedGenerator", "a"), ValueError, ("`seed`", "42", "'a'")),
    "integers from uniform": Row(call_of("random.uniform", (2,), dtype="int32"), ValueError, ("dtype", "randint")),
    "words to normalize": Row(call_of("utils.normalize", "a"), ValueError, ("normalize(x)", "numbers", "<U1")),
    "words as classes": Row(
        call_of("utils.to_categorical", ["cat"]), ValueError, ("to_categorical(x)", "numbers", "Turn text")
    ),
    "numbers as sequences": Row(
        call_of("utils.pad_sequences", [1, 2]), ValueError, ("`sequences`", "list of iterables", "1")
    ),
    "a share above 1": Row(call_of("utils.split_dataset", X, 1.5), ValueError, ("`left_size`", "0 to 1", "1.5")),
    "parts of more than all": Row(
        call_of("utils.split_dataset", X, 0.5, 0.9), ValueError, ("`left_size` and `right_size`", "28", "20 samples")
    ),
    "an epsilon below zero": Row(call_of("config.set_epsilon", -1), ValueError, ("set_epsilon", "at least 0", "-1")),
    "an unknown policy": Row(call_of("config.set_dtype_policy", "mixed8"), ValueError, ("'mixed8'", "'mixed_float16'")),
    "a value of another shape": Row(lambda m: m.weights[0].assign(X), ValueError, ("assign()", "(5, 4)", "(20, 5)")),
    "a variable without a shape": Row(call_of("Variable", np.zeros), ValueError, ("Variable", "shape")),
    "a gradient of a number": Row(
        lambda m: keras.GradientTape().gradient(3.0, m.weights), TypeError, ("Tensor", "float", "left the tape")
    ),
}

ROWS = DATA | LABELS | ARGUMENTS | COMPILE | LAYERS | ELSEWHERE
ROWS |= {
    f"{name}({argument}={value!r})": number_row(name, others, argument, expects, value)
    for name, others, argument, expects, values in NUMBERS
    for value in values
}
ROWS |= MORE_LAYERS | MEASURES | STEPS | SOURCES | MODELS | FUNCTIONS


@pytest.mark.filterwarnings("ignore:.*encountered")
@pytest.mark.parametrize("name", list(ROWS))
def test_wrong_call_is_named_and_changes_nothing(name: str) -> None:
    row = ROWS[name]
    model = build(**row.model)
    before = model.get_weights()
    with pytest.raises(row.error) as caught:
        row.call(model)
    message = str(caught.value)
    assert [words for words in row.says if words not in message] == [], f"not in the message: {message}"
    assert len(message) < 420, message
    assert message.count("\n") <= 1, message
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


@pytest.mark.parametrize("name", [*DATA, *LABELS, *ARGUMENTS, *SOURCES])
def test_a_model_trains_after_a_wrong_call(name: str) -> None:
    """Nothing half done stays behind: the next, right call gives what it gives on a fresh model."""
    row = ROWS[name]
    model, fresh = build(), build()
    fresh.set_weights(model.get_weights())
    with pytest.raises(row.error):
        row.call(build(**row.model) if row.model else model)
    assert fit(shuffle=False)(model).history == fit(shuffle=False)(fresh).history


@pytest.mark.parametrize("name", ["fit", "evaluate"])
def test_a_model_without_layers_has_nothing_to_do(name: str) -> None:
    model = keras.Sequential()
    model.compile("sgd", "mse")
    with pytest.raises(ValueError, match="layer"):
        getattr(model, name)(X, X, verbose=0)


def test_a_misspelt_mode_warns_and_is_taken_as_auto() -> None:
    with pytest.warns(UserWarning, match=r'mode=.*"auto", "min" or "max"; got .best.'):
        stop = keras.callbacks.EarlyStopping(mode="best")
    assert stop.mode == "auto"


def test_a_missing_key_of_the_logs_is_named_beside_those_that_are_there() -> None:
    with pytest.warns(UserWarning, match=r"'val_loss', which is not logged; there is loss.*validation_data"):
        fit(callbacks=[keras.callbacks.EarlyStopping()])(build())


def test_a_checkpoint_name_with_an_unknown_key_lists_the_known_ones(tmp_path: Any) -> None:
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{vall_loss}.npz")
    with pytest.raises(KeyError, match=r"vall_loss.*not logged; there is epoch, loss"):
        fit(callbacks=[checkpoint])(build())


def test_weights_of_another_model_are_refused_by_name_and_nothing_is_set(tmp_path: Any) -> None:
    build(outputs=7).save_weights(tmp_path / "seven.npz")
    model = build()
    before = model.get_weights()
    with pytest.raises(ValueError, match=r"seven\.npz: layers/dense_1/vars/0 has shape \(4, 7\).*\(4, 3\)"):
        model.load_weights(tmp_path / "seven.npz")
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_files_that_are_no_weights_are_refused(tmp_path: Any) -> None:
    for name in ("a.npz", "a.weights.h5"):
        (tmp_path / name).write_bytes(b"this is not a file of weights")
        with pytest.raises(ValueError, match=r"cannot be read as saved weights"):
            build().load_weights(tmp_path / name)
