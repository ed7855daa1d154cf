"""The whole loop on an array type that refuses to become a NumPy array, as CuPy's does on a GPU.

The double holds a NumPy array and answers NumPy's protocols, so that ``np.exp(a)`` or ``a + b`` work on it. What
CuPy does not allow it does not allow either: no conversion by ``np.asarray``, no NumPy array together with it in one
call, no assignment of NumPy values. It also counts how often a number is fetched, for each of these waits for the GPU.
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import backend

FETCHED: list[str] = []


class DeviceArray(np.lib.mixins.NDArrayOperatorsMixin):
    """An array that is not on the host."""

    def __init__(self, hidden: np.ndarray) -> None:
        self._hidden = hidden

    # What arrays know about themselves without looking at their numbers.
    shape = property(lambda self: self._hidden.shape)
    ndim = property(lambda self: self._hidden.ndim)
    size = property(lambda self: self._hidden.size)
    dtype = property(lambda self: self._hidden.dtype)
    flags = property(lambda self: self._hidden.flags)
    T = property(lambda self: DeviceArray(self._hidden.T))

    def __len__(self) -> int:
        return len(self._hidden)

    def get(self) -> np.ndarray:
        """The way to the host, when it is asked for."""
        return self._hidden.copy()

    def __array__(self, *arguments: Any, **options: Any) -> np.ndarray:
        raise TypeError("Implicit conversion to a NumPy array is not allowed; use get().")

    def _number(self, kind: Callable[[Any], Any]) -> Any:
        FETCHED.append(kind.__name__)
        return kind(self._hidden)

    def __float__(self) -> float:
        return self._number(float)

    def __int__(self) -> int:
        return self._number(int)

    def __bool__(self) -> bool:
        return self._number(bool)

    def item(self) -> Any:
        FETCHED.append("item")
        return self._hidden.item()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None, **options: Any) -> Any:
        if any(isinstance(x, keras.Tensor) for x in inputs):
            return NotImplemented
        if out is not None:
            options["out"] = tuple(inside(array) for array in out)
        result = wrapped(getattr(ufunc, method)(*[inside(x) for x in inputs], **options))
        return out[0] if out is not None else result

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if any(issubclass(kind, keras.Tensor) for kind in types):
            return NotImplemented
        result = function(*inside(args), **inside(kwargs))
        return kwargs["out"] if kwargs.get("out") is not None else wrapped(result)

    def __getitem__(self, index: Any) -> Any:
        return wrapped(self._hidden[inside_index(index)])

    def __setitem__(self, index: Any, value: Any) -> None:
        self._hidden[inside_index(index)] = inside(value)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        method = getattr(self._hidden, name)

        def call(*arguments: Any, **options: Any) -> Any:
            result = method(*inside(arguments), **inside(options))
            return options["out"] if options.get("out") is not None else wrapped(result)

        return call


def inside(value: Any) -> Any:
    """The hidden arrays of ``value``; a NumPy array among device arrays is an error, as it is for CuPy."""
    if isinstance(value, DeviceArray):
        return value._hidden
    if isinstance(value, (list, tuple)):
        return type(value)(inside(item) for item in value)
    if isinstance(value, dict):
        return {key: inside(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        raise TypeError(f"Unsupported type numpy.ndarray of shape {value.shape} together with device arrays.")
    return value


def inside_index(index: Any) -> Any:
    """Indices may lie on the host: CuPy brings them over by itself."""
    if isinstance(index, tuple):
        return tuple(inside_index(part) for part in index)
    return index._hidden if isinstance(index, DeviceArray) else index


def wrapped(value: Any) -> Any:
    """Arrays, and what NumPy reduces to a scalar, as device arrays: CuPy's reductions stay on the device."""
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    return type(value)(wrapped(item) for item in value) if isinstance(value, (list, tuple)) else value


class DeviceModule:
    """NumPy's functions, with device arrays as results: what ``cupy`` is to ``numpy``."""

    newaxis = np.newaxis

    def asarray(self, value: Any, dtype: Any = None) -> DeviceArray:
        return value if isinstance(value, DeviceArray) and dtype is None else self.array(value, dtype=dtype)

    def array(self, value: Any, dtype: Any = None) -> DeviceArray:
        return DeviceArray(np.array(value._hidden if isinstance(value, DeviceArray) else value, dtype=dtype))

    def __getattr__(self, name: str) -> Any:
        function = getattr(np, name)
        return lambda *arguments, **options: wrapped(function(*inside(arguments), **inside(options)))


@pytest.fixture(autouse=True)
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(backend, "_module", DeviceModule())
    monkeypatch.setattr(backend, "_device", "gpu")
    FETCHED.clear()
    yield
    backend.set_device("cpu")


RNG = np.random.default_rng(0)
N, BATCH = 71, 16
X = RNG.normal(size=(N, 4, 2)).astype("float32")
CLASSES = np.arange(N) % 3
WEIGHTS = RNG.random(N)


def model() -> Any:
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((4, 2)),
            layers.Flatten(),
            layers.Dense(8, activation="relu"),
            layers.Dropout(0.25),
            layers.Dense(5),
            layers.Activation("tanh"),
            layers.Dense(3, activation="softmax"),
        ]
    )


def student_t(y_true: Any, y_pred: Any) -> Any:
    return np.mean(np.log1p(np.square(y_true - y_pred)), axis=-1)


TASKS: dict[str, tuple[Any, Any, Any, list[str]]] = {
    "sgd": (keras.optimizers.SGD, "sparse_categorical_crossentropy", CLASSES, ["accuracy"]),
    "nesterov": (
        lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
        "categorical_crossentropy",
        np.eye(3)[CLASSES],
        ["accuracy", "mae"],
    ),
    "rmsprop": (
        lambda: keras.optimizers.RMSprop(momentum=0.5, centered=True, clipnorm=1.0),
        "binary_crossentropy",
        np.eye(3, dtype="int64")[CLASSES],
        ["binary_accuracy", "mse"],
    ),
    "adam": (
        lambda: keras.optimizers.Adam(amsgrad=True, global_clipnorm=1.0),
        "mse",
        np.eye(3)[CLASSES],
        ["mse", "categorical_crossentropy"],
    ),
    "adam, clipvalue": (lambda: keras.optimizers.Adam(clipvalue=0.1), "mae", np.eye(3)[CLASSES], ["mae"]),
    "own loss": (keras.optimizers.Adam, student_t, np.eye(3)[CLASSES], ["accuracy"]),
}


def run(task: str, on_host: bool = False) -> tuple[dict[str, list[float]], list[np.ndarray], Any]:
    """A training run with everything on, and its history, weights and predictions."""
    optimizer, loss, y, metrics = TASKS[task]
    if on_host:
        backend.set_device("cpu")
    keras.set_random_seed(1)
    net = model()
    net.compile(optimizer(), loss, metrics=metrics, weighted_metrics=["mse"] if y.ndim > 1 else [])
    history = net.fit(
        X,
        y,
        batch_size=BATCH,
        epochs=3,
        sample_weight=WEIGHTS,
        validation_split=0.2,
        verbose=0,
        callbacks=[keras.callbacks.EarlyStopping(patience=1, restore_best_weights=True)],
    )
    evaluated = net.evaluate(X, y, verbose=0, return_dict=True)
    return {**history.history, **{k: [v] for k, v in evaluated.items()}}, net.get_weights(), net.predict(X, verbose=0)


@pytest.mark.parametrize("task", list(TASKS))
def test_training_on_the_device_gives_what_it_gives_on_the_host(task: str) -> None:
    history, weights, predictions = run(task)
    assert all(type(w) is np.ndarray for w in [*weights, predictions])
    expected = run(task, on_host=True)
    assert list(history) == list(expected[0])
    for key, values in expected[0].items():
        assert history[key] == pytest.approx(values, rel=1e-5), key
    for got, wanted in zip([*weights, predictions], [*expected[1], expected[2]], strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-6)


def test_weights_and_optimizer_live_on_the_device() -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy")
    net.fit(X, CLASSES, verbose=0)
    arrays = [net.optimizer.flat.vector, *net.optimizer.slots.values(), *[v.value for v in net.weights]]
    assert {type(array) for array in arrays} == {DeviceArray}


def test_class_weights_and_steps_by_hand_work_on_the_device() -> None:
    net = model()
    net.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    net.fit(X, CLASSES, class_weight={0: 3.0}, verbose=0)
    net.train_on_batch(X, CLASSES, class_weight={1: 2.0})
    net.test_on_batch(X, CLASSES, sample_weight=WEIGHTS)
    with keras.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(CLASSES, net(X, training=True))
    gradients = tape.gradient(loss, net.trainable_variables)
    net.optimizer.apply_gradients(zip(gradients, net.trainable_variables, strict=True))
    assert {type(gradient.value) for gradient in gradients} == {DeviceArray}


def test_weights_are_saved_from_and_loaded_to_the_device(tmp_path: Any) -> None:
    net, other = model(), model()
    net.save_weights(tmp_path / "w.npz")
    other.load_weights(tmp_path / "w.npz")
    for one, two in zip(net.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)
    assert {type(v.value) for v in other.weights} == {DeviceArray}


@pytest.mark.parametrize("task", list(TASKS))
def test_steps_wait_for_no_number_from_the_device(task: str) -> None:
    """Twice as many batches fetch no more numbers: what is fetched is fetched once a run or once an epoch."""
    optimizer, loss, y, metrics = TASKS[task]
    counts = []
    for rows in (64, 128):
        net = model()
        net.compile(optimizer(), loss, metrics=metrics)
        x, targets = np.resize(X, (rows, 4, 2)), np.resize(y, (rows, *y.shape[1:]))
        net.fit(x[:BATCH], targets[:BATCH], verbose=0)
        FETCHED.clear()
        net.fit(x, targets, batch_size=BATCH, verbose=0)
        counts.append(len(FETCHED))
    assert counts[0] == counts[1]
