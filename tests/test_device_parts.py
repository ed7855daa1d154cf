"""Every op, layer, loss, metric, rule and so on: on strict device arrays what it is on the host, without a wait."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from strict_array import FETCHED, DeviceArray, strict_device
from test_initializers import PENALTIES, PROJECTIONS, W
from test_initializers import RANDOM as INITIALIZERS
from test_layers import EVERY as LAYERS
from test_layers import make as make_layer
from test_losses import CLASSES as LOSSES
from test_losses import labels_for
from test_metrics import CLASSES as METRICS
from test_metrics import batch as batch_for
from test_metrics import made as make_metric
from test_ops import CASES, NUMPY_CASES
from test_optimizers import ALL, RULES
from test_optimizers import train as steps_of
from test_optimizers import weights as some_weights

import minifit as keras
from minifit import activations, backend, tree

#: Ops that are handed labels of the host past the losses, which would bring them over.
PAST_THE_LOSSES = ("softmax_crossentropy", "sigmoid_crossentropy", "add_at", "getitem: rows", "_take_rows")
WAITS = ("getitem: a mask", "_normalize")  # whose case takes moments off the tape


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def at_home(found: Any) -> Any:
    """Arrays and Tensors, nested as they are, on the host."""

    def fetched(x: Any) -> Any:
        return x if x is None or isinstance(x, (bool, int, float, str)) else np.array(backend.to_numpy(x))

    return tree.map_structure(fetched, found)


def assert_equal_on_both(run: Callable[[], Any], waits: bool = False, rtol: float = 1e-12) -> None:
    """What `run` gives is on the device, without a wait, what it is on the host."""
    keras.set_random_seed(3)
    expected = at_home(run())
    with strict_device(kernels=False):
        keras.set_random_seed(3)
        found = run()
        fetched = list(FETCHED)
        on_host = [x for x in tree.flatten(found) if isinstance(getattr(x, "value", x), np.ndarray)]
        found = at_home(found)
    assert not on_host, f"{len(on_host)} results came back to the host"
    assert waits or not fetched, f"waited for {fetched}"
    flat = list(zip(tree.flatten_with_path(found), tree.flatten_with_path(expected), strict=True))
    assert flat
    for (path, one), (_, other) in flat:
        if one is None or other is None:
            assert one is other, path
            continue
        assert np.asarray(one).dtype == np.asarray(other).dtype, path
        np.testing.assert_allclose(one, other, rtol=rtol, atol=rtol, err_msg=str(path))


def differentiated(function: Callable[..., Any], arrays: Any, sources: Any = ()) -> Any:
    """Outputs, and the gradients of their weighted sum."""
    variables = [keras.Variable(a, dtype=str(np.asarray(a).dtype)) for a in arrays]
    wanted = [*variables, *sources]
    with keras.GradientTape() as tape:
        outputs = function(*variables)
        total = 0.0
        for y in outputs if isinstance(outputs, (list, tuple)) else [outputs]:
            total = total + np.sum(y * backend.asarray(1 + 0.1 * np.arange(max(y.size, 1))[: y.size].reshape(y.shape)))
    return [outputs, tape.gradient(total, wanted)]


@pytest.mark.parametrize("case", [c for c in CASES if not c.startswith(PAST_THE_LOSSES)])
def test_op_and_its_gradient(case: str) -> None:
    function, arrays = CASES[case]
    assert_equal_on_both(lambda: differentiated(function, arrays), waits=case in WAITS)


@pytest.mark.parametrize("function", list(NUMPY_CASES), ids=lambda f: f.__name__)
def test_numpy_function_and_its_gradient(function: Any) -> None:
    made, arrays = NUMPY_CASES[function]
    assert_equal_on_both(lambda: differentiated(made, arrays))


X = np.array([[0.5, -1.5, 2.0], [2.0, 0.0, -0.25]])
IDS = np.array([2, 0, 1, 0])
WHOLE = np.array([[6, 3], [1, 12]])
OF_ONE = "argmax argmin argsort ceil floor trunc rint round sign signbit isnan isinf isfinite isneginf isposinf "
OF_ONE += "logical_not any all count_nonzero zeros_like ones_like nonzero ndim shape size cumsum"
OF_TWO = "equal not_equal greater greater_equal less less_equal isclose allclose array_equal logical_and logical_or "
OF_TWO += "logical_xor floor_divide"
OF_BITS = "bitwise_and bitwise_or bitwise_xor left_shift right_shift"
WITHOUT_GRADIENT: dict[str, Callable[[Any], Any]] = {
    **{name: lambda ops, name=name: getattr(ops, name)(_x(X)) for name in OF_ONE.split()},
    **{name: lambda ops, name=name: getattr(ops, name)(_x(X), _x(X[::-1])) for name in OF_TWO.split()},
    **{name: lambda ops, name=name: getattr(ops, name)(_x(WHOLE), _x(WHOLE[::-1])) for name in OF_BITS.split()},
    "argmax, axis": lambda ops: ops.argmax(_x(X), axis=1, keepdims=True),
    "argsort, axis": lambda ops: ops.argsort(_x(X), axis=0),
    "invert": lambda ops: ops.invert(_x(WHOLE)),
    "arange": lambda ops: [ops.arange(5), ops.arange(1, 2, 0.25), ops.arange(_x(np.array(4)))],
    "linspace": lambda ops: [ops.linspace(0, 1, 5), ops.linspace(0.0, X[0], 3, retstep=True)],
    "made": lambda ops: [ops.eye(3), ops.identity(2), ops.tri(3, k=1), ops.zeros((2, 2)), ops.full((2,), 7)],
    "full": lambda ops: [ops.full((2, 3), _x(np.array(1.5))), ops.full_like(_x(X), 2)],
    "one_hot": lambda ops: [ops.one_hot(IDS, 3), ops.one_hot(_x(IDS), 3, axis=0), ops.multi_hot(IDS, 3)],
    "in_top_k": lambda ops: ops.in_top_k(np.array([0, 2]), _x(X), 2),
    "top_k": lambda ops: list(ops.top_k(_x(X), 2)),
    "take": lambda ops: [ops.take(_x(X), IDS, axis=1), ops.take(_x(X), [1, 0]), ops.take(X, 1, axis=0)],
    "take_along_axis": lambda ops: ops.take_along_axis(_x(X), np.array([[2], [0]]), axis=1),
    "scatter": lambda ops: ops.scatter(np.array([[0], [2], [0]]), np.array([1.0, 2.0, 3.0]), (4,)),
    "scatter, two axes": lambda ops: ops.scatter(np.array([[0, 1], [1, 1]]), np.array([1.0, 2.0]), (2, 2)),
    "scatter_update": lambda ops: ops.scatter_update(_x(X), np.array([[0, 1], [1, 2]]), np.array([9.0, 8.0])),
    "slice": lambda ops: [ops.slice(_x(X), (0, 1), (2, 2)), ops.slice_update(_x(X), (0, 1), np.ones((1, 2)))],
    "segment_sum": lambda ops: ops.segment_sum(np.arange(8.0).reshape(4, 2), IDS, num_segments=3),
    "where": lambda ops: [ops.where(X > 0, _x(X), 0.0), ops.where(_x(X) > 0, X, -X), ops.where(True, _x(X), 0.0)],
    "clip": lambda ops: ops.clip(_x(X), -1, 1),
    "searchsorted": lambda ops: ops.searchsorted(_x(np.array([0.0, 1.0, 2.0])), _x(X[0])),
    "digitize": lambda ops: ops.digitize(_x(X[0]), _x(np.array([0.0, 1.0, 3.0]))),
    "mixed by hand": lambda ops: [ops.add(_x(X), X), ops.multiply(X, _x(X)), ops.matmul(_x(X), X.T)],
    "index of the host": lambda ops: keras.Variable(X)[np.array([1, 1, 0])],
    "indices of the host": lambda ops: keras.Variable(X)[np.array([1, 1, 0]), np.array([0, 2, 2])],
    "cast": lambda ops: ops.cast(_x(X), "int32"),
    "scan": lambda ops: list(ops.scan(lambda c, x: (c + x, c), ops.zeros((3,)), _x(X))),
    "loops": lambda ops: [ops.map(lambda row: row * 2, _x(X)), ops.vectorized_map(lambda row: row + 1, _x(X))],
    "losses": lambda ops: [
        ops.binary_crossentropy(np.array([1.0, 0.0]), _x(np.array([0.3, 0.6]))),
        ops.categorical_crossentropy(np.eye(3)[:2], _x(X), from_logits=True),
        ops.sparse_categorical_crossentropy(np.array([2, 0]), _x(X), from_logits=True),
    ],
    "repeat": lambda ops: [ops.repeat(_x(X), 2, axis=1), ops.repeat(_x(X), np.array([1, 2]), axis=0)],
    "quantile": lambda ops: [ops.quantile(_x(X), 0.3), ops.median(_x(X), axis=1)],
    "unravel_index": lambda ops: list(np.unravel_index(_x(IDS), (2, 2))),
}
THERE_THEY_WAIT = ("arange", "linspace", "nonzero", "shape", "ndim", "size", "allclose", "array_equal")


def _x(array: np.ndarray) -> Any:
    return keras.ops.convert_to_tensor(array)


@pytest.mark.parametrize("name", WITHOUT_GRADIENT)
def test_function_without_a_gradient(name: str) -> None:
    assert_equal_on_both(lambda: WITHOUT_GRADIENT[name](keras.ops), waits=name in THERE_THEY_WAIT)


@pytest.mark.parametrize("training", [True, False], ids=["training", "not training"])
@pytest.mark.parametrize("name", LAYERS)
def test_layer(name: str, training: bool) -> None:
    def run() -> Any:
        layer, x = make_layer(name)
        FETCHED.clear()
        found = differentiated(lambda v: layer(v, training=training), [x], layer.trainable_variables)
        return [*found, layer.losses, [v.value for v in layer.weights]]

    assert_equal_on_both(run)


OTHER_LAYERS: dict[str, Callable[[], Any]] = {
    "Embedding": lambda: _embedded(keras.layers.Embedding(5, 2)),
    "Embedding, zeros masked": lambda: _embedded(keras.layers.Embedding(5, 2, mask_zero=True)),
    "Masking": lambda: keras.layers.Masking()(np.array([[[0.0, 0.0], [1.0, 2.0]]])),
    "Masking, then mean": lambda: keras.layers.GlobalAveragePooling1D()(
        keras.layers.Masking()(np.array([[[0.0, 0.0], [1.0, 2.0]]]))
    ),
    "Mean with a mask of the host": lambda: keras.layers.GlobalAveragePooling1D()(
        np.ones((1, 3, 2)), mask=np.array([[True, False, True]])
    ),
    "BatchNormalization with a mask of the host": lambda: keras.layers.BatchNormalization()(
        np.arange(12.0).reshape(2, 3, 2), training=True, mask=np.array([[True, False, True], [True, True, True]])
    ),
    "Lambda": lambda: keras.layers.Lambda(lambda x: x * np.array([1.0, 2.0]))(np.ones((3, 2))),
    "Identity": lambda: keras.layers.Identity()(np.ones((3, 2))),
    "ActivityRegularization": lambda: _with_losses(keras.layers.ActivityRegularization(0.1, 0.2), np.ones((3, 2))),
    "Normalization": lambda: keras.layers.Normalization(mean=2.0, variance=4.0)(np.ones((3, 2))),
    "Normalization, adapted": lambda: _adapted(keras.layers.Normalization(), np.arange(6.0).reshape(3, 2)),
    "Rescaling": lambda: keras.layers.Rescaling(1 / 255)(np.ones((3, 2))),
}


def _embedded(layer: Any) -> Any:
    ids = np.array([[0, 3], [3, 1]])
    with keras.GradientTape() as tape:
        total = np.sum(np.square(layer(ids)))
    return [layer(ids), tape.gradient(total, layer.trainable_variables)]


def _with_losses(layer: Any, x: Any) -> Any:
    return [layer(x), layer.losses]


def _adapted(layer: Any, x: Any) -> Any:
    layer.adapt(x)
    return layer(x)


@pytest.mark.parametrize("name", OTHER_LAYERS)
def test_other_layer(name: str) -> None:
    assert_equal_on_both(OTHER_LAYERS[name], waits="adapted" in name)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name: str, weighted: bool, reduction: str) -> None:
    y_true, y_pred = labels_for(name, (4, 3))
    weights = np.array([1.0, 0.5, 2.0, 0.0]) if weighted and name not in ("Dice", "Tversky") else None

    def run() -> Any:
        loss = getattr(keras.losses, name)(reduction=reduction)
        return differentiated(lambda v: loss(y_true, v, weights), [y_pred])

    assert_equal_on_both(run)


@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("name", METRICS)
@pytest.mark.filterwarnings("ignore:sample_weight is of type float")
def test_metric(name: str, weighted: bool) -> None:
    data = batch_for(name)

    def run() -> Any:
        metric = make_metric(name)
        metric.update_state(*data, **({"sample_weight": np.arange(5.0)} if weighted else {}))
        metric.update_state(*data)
        return [metric.result(), [v.value for v in metric.variables]]

    # What is known of the number of samples, a number of Python's, needs no wait.
    assert_equal_on_both(run, waits=name == "R2Score", rtol=1e-6)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(
    "more", [{}, ALL, {"clipnorm": 0.5}, {"clipvalue": 0.1}, {"global_clipnorm": 0.5}], ids=lambda m: "+".join(m)
)
def test_optimizer(rule: str, more: dict[str, Any]) -> None:
    def run() -> Any:
        optimizer, variables = RULES[rule](0.1, **more), some_weights()
        steps_of(optimizer, variables)
        FETCHED.clear()  # the weights, which `train` returns
        return [[v.value for v in variables], dict(optimizer.slots)]

    assert_equal_on_both(run)


SCHEDULES: dict[str, Callable[[], Any]] = {
    "exponential": lambda: keras.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5),
    "inverse time": lambda: keras.optimizers.schedules.InverseTimeDecay(0.1, 3, 0.5, staircase=True),
    "piecewise": lambda: keras.optimizers.schedules.PiecewiseConstantDecay([2, 4], [0.1, 0.05, 0.01]),
    "polynomial": lambda: keras.optimizers.schedules.PolynomialDecay(0.1, 5, cycle=True),
    "cosine": lambda: keras.optimizers.schedules.CosineDecay(0.0, 5, warmup_target=0.1, warmup_steps=2),
    "restarts": lambda: keras.optimizers.schedules.CosineDecayRestarts(0.1, 3),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedule(name: str) -> None:
    def run() -> Any:
        variables = some_weights()
        steps_of(keras.optimizers.Adam(SCHEDULES[name]()), variables, steps=7)
        FETCHED.clear()
        return [v.value for v in variables]

    assert_equal_on_both(run)


@pytest.mark.parametrize("name", [*INITIALIZERS, "Zeros", "Ones"])
def test_initializer(name: str) -> None:
    assert_equal_on_both(lambda: keras.Variable(getattr(keras.initializers, name)(), shape=(4, 3)))


@pytest.mark.parametrize("name", PENALTIES)
def test_regularizer(name: str) -> None:
    assert_equal_on_both(lambda: differentiated(lambda w: w.sum() + PENALTIES[name][0]()(w), [W]))


@pytest.mark.parametrize("name", PROJECTIONS)
def test_constraint(name: str) -> None:
    assert_equal_on_both(lambda: PROJECTIONS[name][0]()(backend.asarray(W)))


@pytest.mark.parametrize("name", sorted(set(activations.NAMED) - {"threshold"}))
def test_activation(name: str) -> None:
    x = np.array([[-7.0, -1.5, -0.4, 0.2], [0.3, 1.7, 8.0, -0.1]])
    assert_equal_on_both(lambda: differentiated(activations.get(name), [x]))


def test_strict_arrays_do_not_mix_by_themselves() -> None:
    with strict_device(kernels=False) as module:
        x = module.asarray(np.ones(3))
        for mixing in (lambda: x + np.ones(3), lambda: np.ones(3) * x, lambda: np.concatenate([x, np.ones(3)])):
            with pytest.raises(TypeError, match="Unsupported type"):
                mixing()
        with pytest.raises(TypeError, match="Implicit conversion"):
            np.asarray(x)
        assert type(x.sum()) is DeviceArray
