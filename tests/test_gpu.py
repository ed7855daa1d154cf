"""minifit on CuPy gives what it gives on NumPy, and what Keras gave.

These run where there is a GPU, as they are: ``pytest tests/test_gpu.py``. Without one they run on the pretend CUDA of
``tests/cuda_on_host``, where CuPy and g++ are installed: ``python -m tests.cuda_on_host -m pytest tests/test_gpu.py``.
The first time about a thousand kernels are compiled, which takes minutes.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cuda_on_host
import numpy as np
import pytest

PRETENDED = "CUDA_ON_HOST" in os.environ and cuda_on_host.missing() is None
if PRETENDED:
    cuda_on_host.install()
try:
    import cupy

    cupy.cuda.runtime.getDeviceCount()
except Exception as error:
    pytest.skip(f"no GPU that CuPy can use: {error}", allow_module_level=True)

from keras_runs.parity import floats, precisions, replay  # noqa: E402
from keras_runs.scenarios import SCENARIOS, TOPICS  # noqa: E402
from keras_runs.store import differences, load  # noqa: E402

import minifit as keras  # noqa: E402
from minifit import backend  # noqa: E402
from minifit.datasets import fashion_mnist  # noqa: E402

RECORDED = {name: run for topic in TOPICS for name, run in load(topic).items()}
TOLERANCES = {"float64": 1e-9, "float32": 1e-4}  # a GPU adds in another order

RNG = np.random.default_rng(0)
N, BATCH = 71, 16
X = RNG.normal(size=(N, 4, 2)).astype("float32")
CLASSES = np.arange(N) % 3
LABELS = np.eye(3, dtype="float32")[CLASSES]


@pytest.fixture(autouse=True)
def on_gpu() -> Iterator[None]:
    """Every test begins on the GPU; what it has trained there is let go."""
    with backend.device("gpu"):
        yield
    cupy.get_default_memory_pool().free_all_blocks()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "floatx"), [(name, floatx) for name in SCENARIOS for floatx in precisions(name)])
def test_run_equals_what_keras_gave(name: str, floatx: str) -> None:
    with floats(keras, floatx):
        outputs = replay(keras, name, floatx, RECORDED[name])
    found = [line for line, _ in differences(outputs, RECORDED[name], TOLERANCES[floatx])]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


def both(function: Any) -> tuple[Any, Any]:
    """What a function gives on the GPU, and on the CPU from the same seed."""
    results = []
    for device in ("gpu", "cpu"):
        with backend.device(device):
            keras.set_random_seed(1)
            results.append(function())
    return results[0], results[1]


def assert_same(got: Any, expected: Any, rtol: float = 1e-4, atol: float = 1e-5) -> None:
    assert type(got) is type(expected)
    if isinstance(expected, dict):
        assert list(got) == list(expected)
        got, expected = list(got.values()), list(expected.values())
    if isinstance(expected, (list, tuple)):
        assert len(got) == len(expected)
        for one, other in zip(got, expected, strict=True):
            assert_same(one, other, rtol, atol)
    else:
        np.testing.assert_allclose(got, expected, rtol=rtol, atol=atol)


# --------------------------------------------------------------------------- whole programs


def test_the_readmes_script(tmp_path: Path) -> None:
    (x, y), (x_test, y_test) = fashion_mnist.load_data()

    def script() -> Any:
        model = keras.Sequential(
            [
                keras.layers.Flatten(input_shape=(28, 28)),
                keras.layers.Dense(128, activation="relu"),
                keras.layers.Dropout(0.2),
                keras.layers.Dense(10, activation="softmax"),
            ]
        )
        model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        callbacks = [
            keras.callbacks.EarlyStopping("val_accuracy", patience=15, restore_best_weights=True),
            keras.callbacks.ModelCheckpoint(tmp_path / "best.keras", "val_accuracy", save_best_only=True),
        ]
        history = model.fit(
            *(x[:600] / 255, y[:600]),
            batch_size=64,
            epochs=3,
            validation_split=0.1,
            verbose=0,
            callbacks=callbacks,
        )
        best = keras.saving.load_model(tmp_path / "best.keras")
        predictions = [m.predict(x_test[:50] / 255, verbose=0) for m in (model, best)]
        return history.history, model.evaluate(x_test[:200] / 255, y_test[:200], verbose=0), predictions

    assert_same(*both(script), rtol=1e-3, atol=1e-4)


def classifier(*layers: Any, shape: Any = (4, 2)) -> Any:
    return keras.Sequential([keras.Input(shape), *layers, keras.layers.Dense(3, activation="softmax")])


def mlp() -> Any:
    layers = keras.layers
    return classifier(layers.Flatten(), layers.Dense(8, activation="relu"), layers.Dropout(0.25), layers.Dense(5))


def student_t(y_true: Any, y_pred: Any) -> Any:
    return np.mean(np.log1p(np.square(y_true - y_pred)), axis=-1)


TASKS: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "sgd": (keras.optimizers.SGD, "sparse_categorical_crossentropy", CLASSES, ["accuracy"]),
    "nesterov": (
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "categorical_crossentropy",
        LABELS,
        ["accuracy", "mae"],
    ),
    "rmsprop": (
        lambda: keras.optimizers.RMSprop(momentum=0.5, centered=True, clipnorm=1.0),
        "binary_crossentropy",
        LABELS.astype("int64"),
        ["binary_accuracy", "mse"],
    ),
    "adam": (
        lambda: keras.optimizers.Adam(amsgrad=True, global_clipnorm=1.0),
        "mse",
        LABELS,
        ["mse", "categorical_crossentropy", "auc"],
    ),
    "average": (lambda: keras.optimizers.Adam(clipvalue=0.1, use_ema=True), "mae", LABELS, ["mae"]),
    "own loss": (keras.optimizers.Adam, student_t, LABELS, ["accuracy"]),
}


@pytest.mark.parametrize("task", TASKS)
def test_training_gives_what_it_gives_on_the_cpu(task: str) -> None:
    optimizer, loss, y, metrics = TASKS[task]

    def run() -> Any:
        model = mlp()
        model.compile(optimizer(), loss, metrics=metrics, weighted_metrics=["mse"] if y.ndim > 1 else [])
        stopping = keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)
        weights = np.linspace(0.1, 1.0, N)
        given: dict[str, Any] = {"sample_weight": weights, "validation_split": 0.2, "callbacks": [stopping]}
        history = model.fit(X, y, batch_size=BATCH, epochs=3, verbose=0, **given)
        evaluated = model.evaluate(X, y, verbose=0, return_dict=True)
        return history.history, evaluated, model.get_weights(), model.predict(X, verbose=0)

    assert_same(*both(run))


def batches() -> Any:
    for start in range(0, N, BATCH):
        yield X[start : start + BATCH], LABELS[start : start + BATCH]


FEEDS = {
    "arrays": lambda: {"x": X, "y": LABELS, "batch_size": BATCH},
    "lists": lambda: {"x": X.tolist(), "y": LABELS.tolist(), "batch_size": BATCH},
    "a generator": lambda: {"x": (pair for _ in range(2) for pair in batches()), "steps_per_epoch": 5},
    "arrays on the device": lambda: {"x": backend.asarray(X), "y": backend.asarray(LABELS), "batch_size": BATCH},
    "class weights": lambda: {"x": X, "y": CLASSES, "batch_size": BATCH, "class_weight": {0: 0.5, 1: 1.0, 2: 2.0}},
    "without a shuffle": lambda: {"x": X, "y": LABELS, "batch_size": N, "shuffle": False},
}


@pytest.mark.parametrize("feed", FEEDS)
def test_data_of_every_kind(feed: str) -> None:
    def run() -> Any:
        model, given = mlp(), FEEDS[feed]()
        loss = "sparse_categorical_crossentropy" if "class_weight" in given else "categorical_crossentropy"
        model.compile("adam", loss, metrics=["accuracy"])
        return model.fit(**given, epochs=2, verbose=0).history, model.get_weights()

    assert_same(*both(run))


def test_steps_by_hand() -> None:
    def run() -> Any:
        model = mlp()
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        logs = [model.train_on_batch(*pair, return_dict=True) for pair in batches()]
        logs.append(model.test_on_batch(X, LABELS, return_dict=True))
        return [{k: float(v) for k, v in log.items()} for log in logs], model.predict_on_batch(X)

    assert_same(*both(run))


def test_a_gradient_tape_outside_of_fit() -> None:
    def run() -> Any:
        model = mlp()
        with keras.GradientTape() as tape:
            loss = np.mean(np.square(model(backend.asarray(X)) - backend.asarray(LABELS)))
        gradients = tape.gradient(loss, model.trainable_variables)
        return [keras.ops.convert_to_numpy(g) for g in gradients]

    assert_same(*both(run))


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_sixteen_bits(dtype: str) -> None:
    if "bfloat16" in dtype:
        pytest.importorskip("ml_dtypes")

    def run() -> Any:
        layers = keras.layers
        model = classifier(
            layers.Flatten(), layers.Dense(8, activation="relu", dtype=dtype), layers.Dense(5, dtype=dtype)
        )
        model.compile(keras.optimizers.SGD(0.05), "categorical_crossentropy")
        return model.fit(X, LABELS, batch_size=BATCH, epochs=2, verbose=0).history

    assert_same(*both(run), rtol=0.02, atol=0.02)


# --------------------------------------------------------------------------- what no recorded run has

OTHER_LAYERS = {
    "GlobalAveragePooling3D": lambda layers: [layers.Reshape((2, 2, 1, 2)), layers.GlobalAveragePooling3D()],
    "GlobalMaxPooling3D": lambda layers: [layers.Reshape((2, 2, 1, 2)), layers.GlobalMaxPooling3D()],
    "GaussianNoise": lambda layers: [layers.Flatten(), layers.GaussianNoise(0.3)],
    "GaussianDropout": lambda layers: [layers.Flatten(), layers.GaussianDropout(0.3)],
    "Dropout": lambda layers: [layers.Dropout(0.5, noise_shape=(None, 1, 2)), layers.Flatten()],
    "non-negative": lambda layers: [layers.Flatten(), layers.Dense(4, kernel_constraint="non_neg")],
    "orthogonal": lambda layers: [
        layers.Flatten(),
        layers.Dense(4, kernel_initializer="orthogonal", kernel_regularizer=keras.regularizers.OrthogonalRegularizer()),
    ],
    "convolution": lambda layers: [
        layers.Conv1D(6, 3, padding="same", activation="relu"),
        layers.BatchNormalization(),
        layers.MaxPooling1D(2),
        layers.Flatten(),
    ],
}


@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_layers_that_no_recorded_run_has(name: str) -> None:
    def run() -> Any:
        model = classifier(*OTHER_LAYERS[name](keras.layers))
        model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
        history = model.fit(X, LABELS, batch_size=BATCH, epochs=2, verbose=0).history
        return history, model.get_weights(), model.predict(X, verbose=0)

    assert_same(*both(run))


def test_a_scaled_loss() -> None:
    def run() -> Any:
        model = mlp()
        model.compile(keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.1)), "categorical_crossentropy")
        return model.fit(X, LABELS, batch_size=BATCH, epochs=2, verbose=0).history, model.get_weights()

    assert_same(*both(run))


# --------------------------------------------------------------------------- between devices


def test_weights_and_slots_live_on_the_gpu_and_come_home_as_numpy() -> None:
    model = mlp()
    model.compile("adam", "categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    arrays = [model.optimizer.flat.vector, *model.optimizer.slots.values(), *[v.value for v in model.trainable_weights]]
    assert {type(array) for array in arrays} == {cupy.ndarray}
    assert {type(w) for w in model.get_weights()} == {np.ndarray}
    assert type(model.predict(X, verbose=0)) is np.ndarray


@pytest.mark.parametrize(("first", "second"), [("gpu", "cpu"), ("cpu", "gpu")])
def test_a_saved_model_goes_on_on_the_other_device(first: str, second: str, tmp_path: Path) -> None:
    def trained(model: Any, epochs: int) -> Any:
        return model.fit(X, LABELS, batch_size=BATCH, shuffle=False, epochs=epochs, verbose=0).history["loss"]

    def made() -> Any:
        keras.set_random_seed(1)
        model = classifier(keras.layers.Flatten(), keras.layers.Dense(8, activation="tanh"))
        model.compile("adam", "categorical_crossentropy")
        return model

    with backend.device("cpu"):
        model = made()
        expected = trained(model, 4)
    with backend.device(first):
        model = made()
        begun = trained(model, 2)
        model.save(tmp_path / "half.keras")
    with backend.device(second):
        ended = trained(keras.saving.load_model(tmp_path / "half.keras"), 2)
    assert [*begun, *ended] == pytest.approx(expected, rel=1e-5)


@pytest.mark.skipif("CUDA_ON_HOST_GUARD" in os.environ, reason="there is no pool then, whose size could be limited")
def test_a_model_that_does_not_fit_says_how_much_is_missing() -> None:
    pool = cupy.get_default_memory_pool()
    pool.free_all_blocks()
    model = classifier(keras.layers.Flatten(), keras.layers.Dense(64))
    model.compile("adam", "categorical_crossentropy")
    model.fit(X, LABELS, verbose=0)
    limit = pool.get_limit()
    try:
        pool.set_limit(size=pool.used_bytes() + 4_000_000)
        many = np.zeros((200_000, 4, 2), "float32")
        with pytest.raises(MemoryError, match="batch_size"):
            model.train_on_batch(many, np.zeros((200_000, 3), "float32"))
    finally:
        pool.set_limit(size=limit)
    assert np.isfinite(model.fit(X, LABELS, verbose=0).history["loss"][0])


@pytest.mark.skipif(not PRETENDED, reason="the pretend CUDA counts what a GPU does")
def test_an_epoch_waits_for_the_device_once_in_a_while_not_at_every_step() -> None:
    model = mlp()
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    x, y = np.tile(X, (20, 1, 1)), np.tile(LABELS, (20, 1))
    model.fit(x, y, batch_size=BATCH, epochs=2, verbose=0)  # records the steps of both shapes, which prove themselves
    with cuda_on_host.counting() as done:
        model.fit(x, y, batch_size=BATCH, verbose=0)
    steps = -(-len(x) // BATCH)
    assert done["waits"] < steps / 4
    assert done["to_device"] < steps / 4
