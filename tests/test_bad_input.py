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
    "too few features to call": Row(lambda m: m(X[:, :4]), ValueError, ("expected shape=(None, 5)", "(20, 4)")),
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

ROWS = DATA | LABELS | ARGUMENTS | COMPILE | LAYERS | ELSEWHERE


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


@pytest.mark.parametrize("name", [name for name in ROWS if name in DATA | LABELS | ARGUMENTS])
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
