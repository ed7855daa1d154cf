"""The whole loop on arrays that refuse to become NumPy's, as CuPy's do on a GPU: see ``strict_array.py``."""

import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from strict_array import BROUGHT, FETCHED, DeviceArray, strict_device
from test_losses import CLASSES as LOSSES

import minifit as keras
from minifit import backend, cuda

layers, optimizers = keras.layers, keras.optimizers


@pytest.fixture(autouse=True)
def device(request: pytest.FixtureRequest) -> Iterator[None]:
    kernels = getattr(request, "param", False)
    with strict_device(kernels=kernels) as module:
        if kernels and not hasattr(module, "ElementwiseKernel"):
            pytest.skip("no compiler (g++) to make kernels with")
        yield


both_ways = pytest.mark.parametrize("device", [False, True], ids=["eager", "kernels"], indirect=True)
"""Without kernels everything goes step by step; with them a recorded step is a few, made by a compiler of the host."""


RNG = np.random.default_rng(0)
N, BATCH = 71, 16
X = RNG.normal(size=(N, 4, 2)).astype("float32")
CLASSES = np.arange(N) % 3
HOT = np.eye(3)[CLASSES]
WEIGHTS = RNG.random(N)


def model(*first: Any) -> Any:
    return keras.Sequential(
        [
            keras.Input((4, 2)),
            *first,
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(5),
            layers.Activation("tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def student_t(y_true: Any, y_pred: Any) -> Any:
    return np.mean(np.log1p(np.square(y_true - y_pred)) * np.array([1.0, 2.0, 1.0], "float32"), axis=-1)


def assert_same(found: Any, expected: Any, rtol: float = 1e-4) -> None:
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-6)


def on_host(run: Callable[[], Any]) -> Any:
    """What `run` gives on the host."""
    with keras.device("cpu"):
        return run()


TASKS: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "sgd": (optimizers.SGD, "sparse_categorical_crossentropy", CLASSES, ["accuracy"]),
    "nesterov": (
        lambda: optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "categorical_crossentropy",
        HOT,
        ["accuracy", "mae"],
    ),
    "rmsprop": (
        lambda: optimizers.RMSprop(momentum=0.5, centered=True, clipnorm=1.0),
        "binary_crossentropy",
        HOT.astype("int64"),
        ["binary_accuracy", "mse"],
    ),
    "adam": (
        lambda: optimizers.Adam(amsgrad=True, global_clipnorm=1.0),
        "mse",
        HOT,
        ["mse", "categorical_crossentropy"],
    ),
    "adam, clipvalue": (lambda: optimizers.Adam(clipvalue=0.1), "mae", HOT, ["mae"]),
    "own loss": (optimizers.Adam, student_t, HOT, ["accuracy"]),
}


def trained(task: str) -> tuple[dict[str, list[float]], list[np.ndarray], Any]:
    """A training run with everything on, and its history, weights and predictions."""
    optimizer, loss, y, metrics = TASKS[task]
    keras.set_random_seed(1)
    net = model()
    net.compile(optimizer(), loss, metrics=metrics, weighted_metrics=["mse"] if y.ndim > 1 else [])
    stopping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
    options = {"batch_size": BATCH, "epochs": 3, "sample_weight": WEIGHTS, "validation_split": 0.2, "verbose": 0}
    history = net.fit(X, y, callbacks=[stopping], **options)
    evaluated = net.evaluate(X, y, verbose=0, return_dict=True)
    return {**history.history, **{k: [v] for k, v in evaluated.items()}}, net.get_weights(), net.predict(X, verbose=0)


@both_ways
@pytest.mark.parametrize("task", list(TASKS))
def test_training_on_the_device_gives_what_it_gives_on_the_host(task: str) -> None:
    history, weights, predictions = trained(task)
    assert all(type(w) is np.ndarray for w in [*weights, predictions])
    expected = on_host(lambda: trained(task))
    assert list(history) == list(expected[0])
    for key, values in expected[0].items():
        assert history[key] == pytest.approx(values, rel=1e-5), key
    assert_same([*weights, predictions], [*expected[1], expected[2]])


def test_weights_and_optimizer_live_on_the_device() -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(X, CLASSES, verbose=0)
    arrays = [net.optimizer.flat.vector, *net.optimizer.slots.values(), *[v.value for v in net.weights]]
    assert {type(array) for array in arrays} == {DeviceArray}


# --- own parts, and other ways to train --------------------------------------------------------------------------


class Scaled(layers.Layer):
    """A layer of somebody's own: a weight, and a constant that NumPy made."""

    def build(self, shape: Any) -> None:
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones")

    def call(self, inputs: Any) -> Any:
        return np.tanh(inputs * self.scale) + np.linspace(-1, 1, 2, dtype="float32")


class Stepping(keras.Sequential):
    """A model with a step of its own."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with keras.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
        self._loss_tracker.update_state(loss)
        return {"loss": self._loss_tracker.result()}


def functional() -> Any:
    a, b = keras.Input((4, 2), name="a"), keras.Input((3,), name="b")
    x = keras.ops.concatenate([layers.Flatten()(a), layers.Dense(4, activation="relu")(b)], axis=1)
    outputs = [layers.Dense(3, activation="softmax", name="c")(x), layers.Dense(1, name="d")(x)]
    return keras.Model([a, b], outputs)


def fit_own_layer() -> Any:
    net = model(Scaled(), layers.BatchNormalization())
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return net, net.fit(X, CLASSES, batch_size=BATCH, epochs=2, class_weight={0: 3.0}, verbose=0)


def fit_own_step() -> Any:
    net = Stepping([keras.Input((4, 2)), layers.Flatten(), layers.Dense(3, activation="softmax")])
    net.compile("sgd", "sparse_categorical_crossentropy")
    return net, net.fit(X, CLASSES, batch_size=BATCH, epochs=2, verbose=0)


def fit_functional() -> Any:
    net = functional()
    net.compile(
        optimizers.Adam(optimizers.schedules.CosineDecay(0.01, 10)),
        ["sparse_categorical_crossentropy", "mse"],
        loss_weights=[1.0, 0.5],
        metrics=[["accuracy"], ["mae"]],
    )
    y, weights = [CLASSES, WEIGHTS[:, None]], [WEIGHTS, np.ones(N)]
    validation = ([X[:20], HOT[:20]], [CLASSES[:20], WEIGHTS[:20, None]])
    options = {"batch_size": BATCH, "epochs": 2, "validation_data": validation, "verbose": 0}
    return net, net.fit([X, HOT], y, sample_weight=weights, **options)


def fit_generator() -> Any:
    net = model()
    net.compile("sgd", "mse", metrics=["mae"])
    rows = ((X[i : i + BATCH], HOT[i : i + BATCH], WEIGHTS[i : i + BATCH]) for i in range(0, N, BATCH))
    return net, net.fit(rows, epochs=1, verbose=0)


def fit_everything() -> Any:
    net = model(layers.GaussianNoise(0.1), layers.BatchNormalization())
    net.add(layers.ActivityRegularization(0.01))
    rule = optimizers.AdamW(0.01, use_ema=True, gradient_accumulation_steps=2, global_clipnorm=1.0)
    net.compile(rule, "categorical_crossentropy", metrics=["accuracy", keras.metrics.AUC(name="auc"), "mse"])
    return net, net.fit(X, HOT, batch_size=BATCH, epochs=3, validation_split=0.3, steps_per_epoch=2, verbose=0)


@both_ways
@pytest.mark.parametrize("fit", [fit_own_layer, fit_own_step, fit_functional, fit_generator, fit_everything])
def test_other_ways_to_train_give_what_they_give_on_the_host(fit: Callable[[], Any]) -> None:
    def run() -> Any:
        keras.set_random_seed(2)
        net, history = fit()
        return history.history, net.get_weights()

    history, weights = run()
    expected, expected_weights = on_host(run)
    assert list(history) == list(expected)
    assert_same(history.values(), expected.values())
    assert_same(weights, expected_weights)


def test_class_weights_and_steps_by_hand_work_on_the_device() -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(X, CLASSES, class_weight={0: 3.0}, verbose=0)
    net.train_on_batch(X, CLASSES, class_weight={1: 2.0})
    net.test_on_batch(X, CLASSES, sample_weight=WEIGHTS)
    assert type(net.predict_on_batch(X)) is np.ndarray
    with keras.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(CLASSES, net(X, training=True))
    gradients = tape.gradient(loss, net.trainable_variables)
    net.optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    assert {type(gradient.value) for gradient in gradients} == {DeviceArray}


def test_tapes_may_be_persistent_and_nested() -> None:
    x = keras.Variable([1.0, 2.0, 3.0])
    with keras.GradientTape() as outer:
        with keras.GradientTape(persistent=True) as inner:
            cubes, squares = np.sum(x**3), np.sum(x * x)
        first, other = inner.gradient(cubes, x), inner.gradient(squares, x)
        weighted = np.sum(first * np.array([1.0, 0.0, 2.0], "float32"))
    second = outer.gradient(weighted, x)
    assert {type(t.value) for t in (first, other, second)} == {DeviceArray}
    for tensor, expected in ((first, [3, 12, 27]), (other, [2, 4, 6]), (second, [6, 0, 36])):
        np.testing.assert_allclose(tensor.numpy(), expected)


# --- callbacks, and what is saved -----------------------------------------------------------------------------------


def test_callbacks_work_on_the_device(tmp_path: Path) -> None:
    def run(folder: Path) -> Any:
        keras.set_random_seed(4)
        net, calls = model(), keras.callbacks
        net.compile(optimizers.Adam(0.01, use_ema=True), "sparse_categorical_crossentropy", metrics=["accuracy"])
        kept: list[Any] = [
            calls.ModelCheckpoint(str(folder / "best.weights.npz"), save_best_only=True, save_weights_only=True),
            calls.CSVLogger(str(folder / "log.csv")),
            calls.LearningRateScheduler(lambda epoch, rate: rate * 0.9),
            calls.ReduceLROnPlateau(patience=1, factor=0.5),
            calls.TerminateOnNaN(),
            calls.BackupAndRestore(str(folder / "backup")),
            calls.SwapEMAWeights(),
            calls.LambdaCallback(on_epoch_end=lambda epoch, logs: logs["loss"]),
            calls.TensorBoard(str(folder / "board"), histogram_freq=1),
            calls.EarlyStopping(patience=2, restore_best_weights=True),
        ]
        net.fit(X, CLASSES, batch_size=BATCH, epochs=4, validation_split=0.2, verbose=0, callbacks=kept)
        other = model()
        other.load_weights(folder / "best.weights.npz")
        with (folder / "log.csv").open() as file:
            rows = [[float(cell) for cell in row] for row in list(csv.reader(file))[1:]]
        return [*net.get_weights(), *other.get_weights(), *rows]

    folders = [tmp_path / name for name in ("device", "host")]
    for folder in folders:
        folder.mkdir()
    found = run(folders[0])
    assert_same(found, on_host(lambda: run(folders[1])))


def test_weights_are_saved_from_and_loaded_to_the_device(tmp_path: Path) -> None:
    net, other = model(), model()
    net.save_weights(tmp_path / "w.npz")
    other.load_weights(tmp_path / "w.npz")
    for one, two in zip(net.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert {type(v.value) for v in other.weights} == {DeviceArray}


def test_a_bar_and_a_line_an_epoch_are_printed(capsys: pytest.CaptureFixture[str]) -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    for verbose in (1, 2):
        net.fit(X, CLASSES, batch_size=BATCH, verbose=verbose)
        assert "accuracy: 0." in capsys.readouterr().out


# --- waits ----------------------------------------------------------------------------------------------------------


OF_CLASSES = ("SparseCategoricalCrossentropy", "CategoricalGeneralizedCrossEntropy")


def crossings(fit: Callable[[Any, Any], Any]) -> tuple[list[int], list[int]]:
    """How often a number is fetched and an array brought over, in fits of 4 and 8 batches of a shape seen before."""
    fetched, brought = [], []
    for rows in (4 * BATCH, 4 * BATCH, 8 * BATCH):  # in the first the step is recorded, and has to prove itself
        x, y = np.resize(X, (rows, 4, 2)), np.resize(CLASSES, rows)
        FETCHED.clear()
        BROUGHT.clear()
        fit(x, y)
        fetched.append(len(FETCHED))
        brought.append(len(BROUGHT))
    return fetched[1:], brought[1:]


def assert_no_wait(net: Any, labels: Callable[[Any], Any] = lambda y: y, uploads: bool = True, **options: Any) -> None:
    """Nor, where the device draws its masks itself, does an array go over in a step."""
    net.fit(X[:BATCH], labels(CLASSES[:BATCH]), verbose=0)  # builds the optimizer's slots
    options = {"verbose": 0, "batch_size": BATCH, "epochs": 2, **options}
    fetched, brought = crossings(lambda x, y: net.fit(x, labels(y), **options))
    assert fetched[0] == fetched[1], f"{fetched} numbers were fetched"
    if not uploads and hasattr(backend.xp(), "ElementwiseKernel"):
        assert brought[0] == brought[1], f"{brought} arrays were brought over"


@both_ways
@pytest.mark.parametrize("task", list(TASKS))
def test_steps_wait_for_no_number_from_the_device(task: str) -> None:
    """Twice as many batches fetch no more numbers: what is fetched is fetched once a run or once an epoch."""
    optimizer, loss, y, metrics = TASKS[task]
    net = model()
    net.compile(optimizer(), loss, metrics=metrics)
    assert_no_wait(net, lambda c: y[:3][c] if y.ndim > 1 else c, uploads=task == "own loss")


@pytest.mark.parametrize("name", sorted(set(LOSSES) - {"Circle"}))  # which takes no probabilities
def test_no_loss_waits(name: str) -> None:
    net = model()
    net.compile("sgd", getattr(keras.losses, name)())
    assert_no_wait(net, lambda y: y if name in OF_CLASSES else np.eye(3)[y])


NAMED = "AUC BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CategoricalCrossentropy CosineSimilarity "
NAMED += "ConcordanceCorrelation F1Score FalseNegatives FalsePositives Hinge KLDivergence LogCoshError R2Score Recall "
NAMED += "MeanAbsoluteError MeanSquaredLogarithmicError PearsonCorrelation Poisson Precision RootMeanSquaredError "
NAMED += "TopKCategoricalAccuracy TrueNegatives TruePositives"
METRICS: dict[str, Callable[[], Any]] = {
    **{name: getattr(keras.metrics, name) for name in NAMED.split()},
    "IoU": lambda: keras.metrics.OneHotIoU(3, [0, 1]),
    "MeanIoU": lambda: keras.metrics.OneHotMeanIoU(3),
    "Precision of the best two": lambda: keras.metrics.Precision(top_k=2),
    "PrecisionAtRecall": lambda: keras.metrics.PrecisionAtRecall(0.5),
    "SensitivityAtSpecificity": lambda: keras.metrics.SensitivityAtSpecificity(0.5),
}


@pytest.mark.parametrize("name", METRICS)
def test_no_metric_waits(name: str) -> None:
    net = model()
    net.compile("sgd", "mse", metrics=[METRICS[name]()], weighted_metrics=[METRICS[name]()])
    assert_no_wait(net, lambda y: np.eye(3)[y], validation_split=0.25)


RULES = "SGD RMSprop Adam AdamW Adamax Nadam Adagrad Adadelta Lion Ftrl"
EXTRAS: dict[str, dict[str, Any]] = {
    "plain": {},
    "clipnorm": {"clipnorm": 0.5},
    "global_clipnorm": {"global_clipnorm": 0.5},
    "clipvalue": {"clipvalue": 0.1},
    "average": {"use_ema": True, "ema_overwrite_frequency": 3},
    "accumulated": {"gradient_accumulation_steps": 2},
    "decay": {"weight_decay": 0.01},
    "schedule": {"learning_rate": keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)},
}


@pytest.mark.parametrize("rule", RULES.split())
@pytest.mark.parametrize("extra", EXTRAS)
def test_no_optimizer_waits(rule: str, extra: str) -> None:
    net = model()
    net.compile(getattr(optimizers, rule)(**EXTRAS[extra]), "sparse_categorical_crossentropy")
    assert_no_wait(net)


LAYERS: dict[str, Callable[[], Any]] = {
    "BatchNormalization": layers.BatchNormalization,
    "BatchNormalization, renorm": lambda: layers.BatchNormalization(renorm=True),
    "LayerNormalization": layers.LayerNormalization,
    "Dropout": lambda: layers.Dropout(0.5),
    "GaussianDropout": lambda: layers.GaussianDropout(0.5),
    "GaussianNoise": lambda: layers.GaussianNoise(0.5),
    "Conv1D": lambda: layers.Conv1D(3, 2),
    "MaxPooling1D": lambda: layers.MaxPooling1D(2),
    "AveragePooling1D": lambda: layers.AveragePooling1D(2),
    "own": Scaled,
    "penalties": lambda: layers.Dense(2, kernel_regularizer="l1l2", kernel_constraint="max_norm"),
}


@both_ways
@pytest.mark.parametrize("name", LAYERS)
def test_no_layer_waits(name: str) -> None:
    net = model(LAYERS[name]())
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert_no_wait(net, uploads=name in ("own", "GaussianNoise", "GaussianDropout"))


CALLBACKS: dict[str, Callable[[Path], Any]] = {
    "History": lambda folder: keras.callbacks.History(),
    "EarlyStopping": lambda folder: keras.callbacks.EarlyStopping(patience=9, min_delta=10, restore_best_weights=True),
    "ModelCheckpoint": lambda folder: keras.callbacks.ModelCheckpoint(str(folder / "w.npz"), save_weights_only=True),
    "CSVLogger": lambda folder: keras.callbacks.CSVLogger(str(folder / "log.csv")),
    "ReduceLROnPlateau": lambda folder: keras.callbacks.ReduceLROnPlateau(),
    "LearningRateScheduler": lambda folder: keras.callbacks.LearningRateScheduler(lambda epoch, rate: rate),
    "BackupAndRestore": lambda folder: keras.callbacks.BackupAndRestore(str(folder / "backup")),
    "TensorBoard": lambda folder: keras.callbacks.TensorBoard(str(folder / "board")),
    "LambdaCallback": lambda folder: keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
}


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks_of_epochs_let_steps_run(name: str, tmp_path: Path) -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    options = {"class_weight": {0: 2.0}, "validation_split": 0.25, "callbacks": [CALLBACKS[name](tmp_path)]}
    assert_no_wait(net, **options)


def test_a_line_an_epoch_waits_once_an_epoch(capsys: pytest.CaptureFixture[str]) -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    assert_no_wait(net, verbose=2)


def test_who_looks_at_every_batch_waits_at_every_batch() -> None:
    """So it must be: TerminateOnNaN judges each loss, and a hook of batches that reads its logs gets numbers."""
    for judge in (
        keras.callbacks.TerminateOnNaN(),
        keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: logs["loss"]),
    ):
        net = model()
        net.compile("adam", "sparse_categorical_crossentropy")
        net.fit(X[:BATCH], CLASSES[:BATCH], verbose=0)
        fetched, _ = crossings(lambda x, y, net=net, judge=judge: net.fit(x, y, BATCH, verbose=0, callbacks=[judge]))
        assert fetched[1] - fetched[0] in (4, 8)  # of 4 batches more


# --- arrays of host and device together ------------------------------------------------------------------------------


def test_arrays_of_the_host_are_brought_over_wherever_data_go_in() -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    there = backend.asarray(X)
    expected = net.predict(X, verbose=0)
    np.testing.assert_array_equal(net.predict(there, verbose=0), expected)
    assert type(net(X).value) is DeviceArray
    assert net.evaluate(there, CLASSES, verbose=0) == net.evaluate(X, backend.asarray(CLASSES), verbose=0)
    net.train_on_batch(there, CLASSES)
    net.fit(there, backend.asarray(CLASSES), sample_weight=WEIGHTS, verbose=0)
    loss = keras.losses.SparseCategoricalCrossentropy()
    assert float(loss(CLASSES, net(X))) == float(loss(backend.asarray(CLASSES), net(there)))
    metric = keras.metrics.SparseCategoricalAccuracy()
    metric.update_state(CLASSES, net(there), sample_weight=WEIGHTS)
    metric.update_state(backend.asarray(CLASSES), expected)
    layer = net.layers[1]
    layer.set_weights([np.ones(w.shape) for w in layer.get_weights()])
    net.optimizer.apply([np.ones(v.shape) for v in net.trainable_variables], net.trainable_variables)


def test_a_constant_of_the_host_goes_over_where_a_tensor_meets_it() -> None:
    x, rows = keras.Variable(np.ones((2, 3))), np.array([1, 1, 0])
    with keras.GradientTape() as tape:
        y = x * np.array([1.0, 2.0, 3.0], "float32") + keras.ops.matmul(x, np.eye(3, dtype="float32"))
        total = np.sum(y[rows] * np.arange(3.0)[:, None])
    np.testing.assert_allclose(tape.gradient(total, x).numpy(), [[4, 6, 8], [2, 3, 4]])


def test_a_loss_that_mixes_arrays_itself_is_told_what_to_do() -> None:
    net = model()
    net.compile("adam", lambda y_true, y_pred: np.mean(y_pred, axis=-1) * np.sum(y_true * np.ones(3), axis=-1))
    with pytest.raises(TypeError, match=r"host.*(asarray|to_numpy)|(asarray|to_numpy).*host"):
        net.fit(X, HOT, verbose=0)
    net.compile("adam", lambda y_true, y_pred: np.mean(y_pred, axis=-1) * np.asarray(y_true)[:, 0])
    with pytest.raises(TypeError, match="to_numpy"):
        net.fit(X, HOT, verbose=0)


def test_an_array_of_the_device_is_refused_where_the_host_computes() -> None:
    there = backend.asarray(X)
    with keras.device("cpu"):
        net = model()
        net.compile("adam", "sparse_categorical_crossentropy")
        for call in (
            lambda: net.fit(there, CLASSES, verbose=0),
            lambda: net.predict(there, verbose=0),
            lambda: net.train_on_batch(there, CLASSES),
            lambda: net(there),
            lambda: keras.losses.MeanSquaredError()(there, X),
            lambda: keras.metrics.Mean().update_state(there),
            lambda: keras.ops.convert_to_tensor(there),
            lambda: keras.Variable(there),
        ):
            with pytest.raises(TypeError, match=r'while the device is "cpu"'):
                call()


def batches_of(x: Any, y: Any) -> Iterator[tuple[Any, Any]]:
    return ((x[i : i + BATCH], y[i : i + BATCH]) for i in range(0, len(x), BATCH))


class Batches(keras.utils.PyDataset):
    def __init__(self, x: Any, y: Any) -> None:
        super().__init__()
        self._batches = list(batches_of(x, y))

    def __len__(self) -> int:
        return len(self._batches)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        return self._batches[index]


SOURCES: dict[str, Callable[[Any], tuple[Any, ...]]] = {
    "arrays": lambda y: (X, y),
    "lists": lambda y: (X.tolist(), y.tolist()),
    "arrays of the device": lambda y: (backend.asarray(X), backend.asarray(y)),
    "generator": lambda y: (batches_of(X, y),),
    "data set": lambda y: (Batches(X, y),),
}


@pytest.mark.parametrize("source", SOURCES)
def test_labels_out_of_range_are_refused_before_they_go_over(source: str) -> None:
    net = model()
    net.compile("sgd", "sparse_categorical_crossentropy")
    net.fit(*SOURCES[source](CLASSES), verbose=0)
    before = net.get_weights()
    for labels, what in ((CLASSES + 1, "the label 3"), (CLASSES - 1, "the label -1"), (CLASSES + 0.5, "whole")):
        with pytest.raises(ValueError, match=what):
            net.fit(*SOURCES[source](labels), verbose=0)
        with pytest.raises(ValueError, match=what):
            net.evaluate(*SOURCES[source](labels), verbose=0)
    assert_same(net.get_weights(), before, rtol=0)


def _assigned(x: np.ndarray) -> Any:
    variable = keras.Variable(x)
    variable.assign_add(x)
    variable.assign_sub(x * 3)
    return variable.value


#: Where Keras takes arrays and lists of the host: beside arrays of the device (t) and Tensors (keras.Tensor(t)).
BESIDE: dict[str, Callable[[Any, np.ndarray], Any]] = {
    "greater": lambda t, x: keras.ops.greater(t, x * 2),
    "equal, a list": lambda t, x: keras.ops.equal(t, x.tolist()),
    "logical_and": lambda t, x: keras.ops.logical_and(t > 0, x > 1),
    "floor of a list": lambda t, x: keras.ops.floor(x.tolist()),
    "full": lambda t, x: keras.ops.full((2, 3), x),
    "full_like": lambda t, x: keras.ops.full_like(t, x),
    "Tensor > array": lambda t, x: keras.Tensor(t) > x * 2,
    "Tensor // array": lambda t, x: keras.Tensor(t) // (x + 5),
    "array != Tensor": lambda t, x: np.not_equal(x * 2, keras.Tensor(t)),
    "assign_add": lambda t, x: _assigned(x),
    "Constant": lambda t, x: keras.initializers.Constant(x)((2, 3)),
    "dropout": lambda t, x: keras.random.dropout(x, 0.5, seed=3),
    "shuffle": lambda t, x: keras.random.shuffle(x, seed=1),
    "to_categorical": lambda t, x: keras.utils.to_categorical(keras.ops.cast(keras.ops.abs(t), "int32"), 4),
    "normalize": lambda t, x: keras.utils.normalize(t),
}


@pytest.mark.parametrize("name", BESIDE)
def test_arrays_of_the_host_beside_those_of_the_device(name: str) -> None:
    x = np.array([-1.5, 0.5, 2.0], "float32")
    found = BESIDE[name](backend.asarray(x), x)
    expected = on_host(lambda: BESIDE[name](x, x))
    np.testing.assert_allclose(backend.to_numpy(found), backend.to_numpy(expected), rtol=1e-6)


def test_what_lies_on_the_device_can_be_set_and_forgotten_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    module = backend.xp()
    monkeypatch.setattr(cuda, "cupy", lambda: module)
    variable, metric = keras.Variable(np.ones(3)), keras.metrics.AUC()
    metric.update_state([0, 1], [0.2, 0.7])
    with keras.device("cpu"):
        variable.assign(np.arange(3.0))
        metric.reset_state()
        metric.update_state([0, 1], [0.7, 0.2])
        assert float(metric.result()) == 0
    np.testing.assert_array_equal(variable.numpy(), [0, 1, 2])
