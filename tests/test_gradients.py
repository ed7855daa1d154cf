"""Every gradient of the engine against central differences in float64: ops, NumPy's functions, layers, losses, tape.

A check multiplies the outputs by fixed random numbers before it sums them, so that no two outputs can make up for each
other's errors, and compares the tape's gradient with ``(f(x + h) - f(x - h)) / 2h`` in every element of every input.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

import minifit as keras

RTOL = 1e-6
STEP = 1e-6


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers whose absolute values lie in 0.3 .. 2.3, away from kinks, zeros and ties."""
    rng = np.random.default_rng((seed, *shape))
    return rng.choice([-1.0, 1.0], size=shape) * (0.3 + 2 * rng.random(shape))


def positive(*shape: int, seed: int = 0) -> np.ndarray:
    return np.abs(normal(*shape, seed=seed))


def weighted_sum(outputs: Any) -> Any:
    weights = np.random.default_rng(99).normal(size=np.shape(outputs))
    return np.sum(outputs * weights)


def by_differences(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The gradient of ``weighted_sum(function(*arrays))`` with respect to every array, element by element."""
    found = []
    for array in arrays:
        gradient = np.zeros_like(array)
        for index in np.ndindex(array.shape):
            value = array[index]
            sides = []
            for moved in (value + STEP, value - STEP):
                array[index] = moved
                sides.append(float(weighted_sum(function(*arrays))))
            array[index] = value
            gradient[index] = (sides[0] - sides[1]) / (2 * STEP)
        found.append(gradient)
    return found


def by_tape(function: Callable[..., Any], arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The same by the engine; a gradient that is None counts as zeros."""
    variables = [keras.Variable(a, dtype="float64") for a in arrays]
    with keras.GradientTape() as tape:
        total = weighted_sum(function(*variables))
    gradients = tape.gradient(total, variables)
    return [np.zeros_like(a) if g is None else g.numpy() for a, g in zip(arrays, gradients, strict=True)]


def check(function: Callable[..., Any], *arrays: np.ndarray) -> None:
    copies = [np.array(a, dtype="float64") for a in arrays]
    for got, expected in zip(by_tape(function, copies), by_differences(function, copies), strict=True):
        assert got.shape == expected.shape
        np.testing.assert_allclose(got, expected, rtol=RTOL, atol=RTOL * max(1.0, np.abs(expected).max(initial=0)))


def check_second(function: Callable[..., Any], *arrays: np.ndarray) -> None:
    """The gradient of the gradient: a tape within a tape, against differences of the inner gradient."""

    def inner_gradient(*values: Any) -> Any:
        variables = [v if isinstance(v, keras.Tensor) else keras.Variable(v, dtype="float64") for v in values]
        with keras.GradientTape() as tape:
            total = weighted_sum(function(*variables))
        gradients = tape.gradient(total, variables)
        return np.concatenate([np.reshape(g, (-1,)) for g in gradients if g is not None])

    def differentiable(*values: Any) -> Any:
        result = inner_gradient(*values)
        return result if any(isinstance(v, keras.Tensor) for v in values) else result.numpy()

    check(differentiable, *arrays)


# --- operators and methods -------------------------------------------------------------------------------------------

Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]
LABELS = np.array([2, 0, 1, 1, 2])
TARGETS = np.array([[0.0, 1, 0], [0.2, 0.3, 0.5], [1, 0, 0], [0, 0, 1], [2, 0, 1]])

METHODS: dict[str, Case] = {
    "a + 2, 2 + a": (lambda a: (a + 2) * (2 + a), (normal(3, 4),)),
    "a - 2, 2 - a": (lambda a: (a - 2) * (2 - a), (normal(3, 4),)),
    "a * 2, 2 * a": (lambda a: a * 2 + 3 * a, (normal(3, 4),)),
    "a / 2, 2 / a": (lambda a: a / 2 + 2 / a, (normal(3, 4),)),
    "a ** 2, a ** 3, a ** 0.5": (lambda a: a**2 + a**3 + a**0.5, (positive(3, 4),)),
    "a ** a, 2 ** a": (lambda a: a**a + 2**a, (positive(3, 4),)),
    "a @ b": (lambda a, b: a @ b, (normal(3, 4), normal(4, 2))),
    "-a, abs(a)": (lambda a: -a * abs(a), (normal(3, 4),)),
    "array with tensor": (lambda a: np.arange(4.0) * a + np.ones((3, 1)) / a, (normal(3, 4),)),
    "array @ tensor": (lambda a: np.ones((2, 3)) @ a, (normal(3, 4),)),
    "sum, mean": (lambda a: a.sum(axis=0) * a.mean(axis=0), (normal(3, 4),)),
    "max, min": (lambda a: a.max(axis=1) - a.min(axis=1), (normal(3, 4),)),
    "var, std": (lambda a: a.var(axis=1) + a.std(axis=1), (normal(3, 4),)),
    "reshape, ravel, flatten": (lambda a: a.reshape(4, 3).ravel() * a.flatten(), (normal(3, 4),)),
    "T, transpose": (lambda a: a.T @ a.transpose(1, 0).T, (normal(3, 4),)),
    "squeeze, astype, copy": (lambda a: a.squeeze().astype("float64").copy() ** 2, (normal(3, 1),)),
    "clip, dot": (lambda a, b: a.clip(-1.0, 1.0).dot(b), (normal(3, 4), normal(4))),
    "prod, cumsum": (lambda a: a.prod(axis=1) * a.cumsum(axis=1)[:, 2], (normal(3, 4),)),
    "a % b": (lambda a, b: a % b + 5.0 % a, (normal(3, 4), positive(4))),
    "iteration": (lambda a: a[0] * a[1] + sum(row * row for row in a), (normal(3, 4),)),
}


@pytest.mark.parametrize("case", list(METHODS))
def test_operators_and_methods_of_tensors_have_gradients(case: str) -> None:
    function, arrays = METHODS[case]
    if "array" not in case:  # NumPy has all these methods itself, so the forward must agree too
        np.testing.assert_allclose(function(*map(keras.Tensor, arrays)).numpy(), function(*arrays), rtol=1e-14)
    check(function, *arrays)


# --- losses ----------------------------------------------------------------------------------------------------------


def probabilities(*shape: int) -> np.ndarray:
    return 0.05 + 0.9 * np.random.default_rng(shape).random(shape)


REAL, BINARY_LABELS = normal(5, 3, seed=7), (normal(5, 3, seed=8) > 0).astype(float)
losses = keras.losses
LOSSES: dict[str, tuple[Callable[[Any], Any], np.ndarray]] = {
    "mse": (lambda p: losses.mean_squared_error(REAL, p), normal(5, 3)),
    "mse, (N,) against (N, 1)": (lambda p: losses.mean_squared_error(REAL[:, 0], p), normal(5, 1)),
    "mae": (lambda p: losses.mean_absolute_error(REAL, p), normal(5, 3)),
    "mse of sequences": (lambda p: losses.mean_squared_error(normal(5, 2, 3, seed=9), p), normal(5, 2, 3)),
    "binary": (lambda p: losses.binary_crossentropy(BINARY_LABELS, p), probabilities(5, 3)),
    "binary, labels (N,)": (lambda p: losses.binary_crossentropy(BINARY_LABELS[:, 0], p), probabilities(5, 1)),
    "binary, logits": (lambda z: losses.binary_crossentropy(BINARY_LABELS, z, from_logits=True), normal(5, 3)),
    "binary, smoothed": (
        lambda p: losses.binary_crossentropy(BINARY_LABELS, p, label_smoothing=0.2),
        probabilities(5, 3),
    ),
    "categorical": (lambda p: losses.categorical_crossentropy(TARGETS, p), probabilities(5, 3)),
    "categorical, logits": (lambda z: losses.categorical_crossentropy(TARGETS, z, from_logits=True), normal(5, 3)),
    "categorical, smoothed": (
        lambda p: losses.categorical_crossentropy(TARGETS, p, label_smoothing=0.3),
        probabilities(5, 3),
    ),
    "sparse": (lambda p: losses.sparse_categorical_crossentropy(LABELS, p), probabilities(5, 3)),
    "sparse, labels (N, 1)": (
        lambda p: losses.sparse_categorical_crossentropy(LABELS[:, None], p),
        probabilities(5, 3),
    ),
    "sparse, logits": (
        lambda z: losses.sparse_categorical_crossentropy(LABELS, z, from_logits=True),
        normal(5, 3),
    ),
    "sparse, sequences": (
        lambda p: losses.sparse_categorical_crossentropy(np.array([[0, 1], [2, 2]]), p),
        probabilities(2, 2, 3),
    ),
}


@pytest.mark.parametrize("case", list(LOSSES))
def test_loss_function_has_the_gradient_of_its_values(case: str) -> None:
    function, outputs = LOSSES[case]
    check(function, outputs)


@pytest.mark.parametrize("reduction", ["sum_over_batch_size", "sum", "mean_with_sample_weight", "none"])
@pytest.mark.parametrize("weights", [None, (5,), (5, 1)], ids=["no weights", "weights (N,)", "weights (N, 1)"])
@pytest.mark.parametrize("name", ["MeanSquaredError", "BinaryCrossentropy", "CategoricalCrossentropy"])
def test_weighted_and_reduced_loss_has_its_gradient(name: str, weights: Any, reduction: str) -> None:
    loss = getattr(losses, name)(reduction=reduction)
    w = None if weights is None else np.array([2.0, 0.0, 0.5, 1.0, 3.0]).reshape(weights)
    labels = BINARY_LABELS if name == "BinaryCrossentropy" else TARGETS
    check(lambda p: loss(labels, p, sample_weight=w), probabilities(5, 3))


SHORTCUTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "sigmoid then binary": ("sigmoid", lambda p: losses.binary_crossentropy(BINARY_LABELS, p)),
    "softmax then categorical": ("softmax", lambda p: losses.categorical_crossentropy(TARGETS, p)),
    "softmax then sparse": ("softmax", lambda p: losses.sparse_categorical_crossentropy(LABELS, p)),
    "sigmoid then categorical": ("sigmoid", lambda p: losses.categorical_crossentropy(TARGETS, p)),
    "sigmoid then sparse": ("sigmoid", lambda p: losses.sparse_categorical_crossentropy(LABELS, p)),
    "softmax then binary": ("softmax", lambda p: losses.binary_crossentropy(BINARY_LABELS, p)),
    "softmax then mse": ("softmax", lambda p: losses.mean_squared_error(TARGETS, p)),
    "softmax, then scaled, then sparse": (
        "softmax",
        lambda p: losses.sparse_categorical_crossentropy(LABELS, p * p),
    ),
}


@pytest.mark.parametrize("case", list(SHORTCUTS))
def test_activation_followed_by_loss_has_the_gradient_of_the_two(case: str) -> None:
    activation, loss = SHORTCUTS[case]
    check(lambda z: loss(getattr(keras.activations, activation)(z)), normal(5, 3))


@pytest.mark.parametrize("case", list(SHORTCUTS))
def test_activation_followed_by_loss_has_the_value_of_the_two(case: str) -> None:
    activation, loss = SHORTCUTS[case]
    by_way_of_tensors = loss(getattr(keras.activations, activation)(keras.Tensor(normal(5, 3))))
    one_after_the_other = loss(getattr(keras.activations, activation)(normal(5, 3)))
    np.testing.assert_allclose(by_way_of_tensors.numpy(), one_after_the_other, rtol=1e-12)


@pytest.mark.parametrize("case", list(SHORTCUTS))
def test_activation_followed_by_loss_has_a_second_derivative(case: str) -> None:
    activation, loss = SHORTCUTS[case]
    check_second(lambda z: loss(getattr(keras.activations, activation)(z)), normal(5, 3))


def test_saturated_probabilities_have_no_gradient_and_those_at_the_clip_have() -> None:
    p = keras.Variable([[0.0], [1e-8], [1e-7], [0.5], [1 - 1e-7], [1.0]], dtype="float64")
    with keras.GradientTape() as tape:
        total = np.sum(losses.binary_crossentropy(np.zeros((6, 1)), p))
    gradient = tape.gradient(total, p).numpy()[:, 0]
    np.testing.assert_allclose(gradient[[0, 1, 3, 5]], [0, 0, 2, 0])
    assert gradient[2] == pytest.approx(1.0)
    assert gradient[4] == pytest.approx(1e7)


@pytest.mark.parametrize("size", [60.0, 1000.0])
def test_enormous_logits_have_finite_gradients(size: float) -> None:
    z = keras.Variable([[size, -size, 0.0]], dtype="float64")
    for loss in (
        lambda: losses.sparse_categorical_crossentropy([1], z, from_logits=True),
        lambda: losses.categorical_crossentropy([[0, 1, 0]], z, from_logits=True),
        lambda: losses.binary_crossentropy([[0, 1, 0]], z, from_logits=True),
    ):
        with keras.GradientTape() as tape:
            total = np.sum(loss())
        gradient = tape.gradient(total, z).numpy()[0]
        assert np.isfinite(gradient).all()
        assert gradient[1] < -0.3
        assert gradient[0] > 0.3


def test_a_loss_in_plain_numpy_calls_trains() -> None:
    def student_t(y_true: Any, y_pred: Any) -> Any:
        error = np.abs(y_true - y_pred)
        near = np.log1p(np.square(error)) / 2
        return np.mean(np.where(error < 1.5, near, 0.5 + np.sqrt(error)), axis=-1)

    check(lambda p: student_t(REAL, p), normal(5, 3))
    x, kernel = normal(5, 4), normal(4, 3, seed=1)
    model = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(3, use_bias=False)])
    model.set_weights([kernel])
    model.compile(keras.optimizers.SGD(0.1), student_t)
    model.fit(x, REAL, epochs=1, verbose=0)
    (expected,) = by_differences(lambda w: np.mean(student_t(REAL, x @ w)), [kernel.copy()])
    scale = np.random.default_rng(99).normal(size=())  # what weighted_sum multiplies a single number with
    np.testing.assert_allclose(model.get_weights()[0], kernel - 0.1 * expected / scale, rtol=RTOL)


# --- layers and whole models -----------------------------------------------------------------------------------------


def check_model(model: Any, x: np.ndarray, loss: Callable[[Any], Any], training: bool = True) -> None:
    """Differentiate with respect to every weight of ``model`` and to ``x``; random layers draw the same every time."""
    model(x)
    variables = model.trainable_variables
    fixed = model.non_trainable_variables  # seeds, and moving statistics
    values = [v.numpy() for v in fixed]

    def run(inputs: Any, *weights: Any) -> Any:
        for variable, weight in zip([*variables, *fixed], [*weights, *values], strict=True):
            variable.assign(weight)
        return loss(model(inputs, training=training))

    with keras.GradientTape() as tape:
        tracked = keras.Variable(x, dtype="float64")
        total = weighted_sum(run(tracked, *[v.numpy() for v in variables]))
    gradients = tape.gradient(total, [tracked, *variables])
    expected = by_differences(
        lambda *arrays: run(*arrays).numpy(), [np.array(x), *[np.array(v.numpy()) for v in variables]]
    )
    for got, wanted in zip(gradients, expected, strict=True):
        np.testing.assert_allclose(got.numpy(), wanted, rtol=RTOL, atol=RTOL)


def same(outputs: Any) -> Any:
    return outputs


@pytest.mark.parametrize("activation", ["linear", "relu", "sigmoid", "tanh", "softmax"])
@pytest.mark.parametrize("use_bias", [True, False], ids=["with bias", "without bias"])
@pytest.mark.parametrize("shape", [(6, 4), (2, 3, 4)], ids=["rows", "sequences"])
def test_dense_layer_has_gradients(activation: str, use_bias: bool, shape: tuple[int, ...]) -> None:
    keras.set_random_seed(1)
    layer = keras.layers.Dense(3, activation=activation, use_bias=use_bias, bias_initializer="random_normal")
    check_model(layer, normal(*shape), same)


@pytest.mark.parametrize("rate", [0.0, 0.4, 0.9])
def test_dropout_has_the_gradient_of_the_mask_that_it_drew(rate: float) -> None:
    keras.set_random_seed(2)
    check_model(keras.Sequential([keras.layers.Dense(8), keras.layers.Dropout(rate)]), normal(5, 3), same)


MODELS: dict[str, tuple[list[Any], Callable[[Any], Any]]] = {
    "classifier": (
        [("Dense", 4, "relu"), ("Dropout", 0.3), ("Dense", 3, "softmax")],
        lambda p: losses.sparse_categorical_crossentropy(LABELS, p),
    ),
    "binary": ([("Dense", 4, "tanh"), ("Dense", 3, "sigmoid")], lambda p: losses.binary_crossentropy(BINARY_LABELS, p)),
    "logits": (
        [("Flatten",), ("Dense", 4, "sigmoid"), ("Activation", "tanh"), ("Dense", 3)],
        lambda z: losses.categorical_crossentropy(TARGETS, z, from_logits=True),
    ),
    "regression": ([("Dense", 5, "softmax"), ("Dense", 3)], lambda p: losses.mean_squared_error(REAL, p)),
}


@pytest.mark.parametrize("case", list(MODELS))
def test_whole_model_has_gradients(case: str) -> None:
    keras.set_random_seed(3)
    parts, loss = MODELS[case]
    layers = []
    for kind, *arguments in parts:
        layer = getattr(keras.layers, kind)(*arguments[:1])
        if len(arguments) > 1:
            layer = getattr(keras.layers, kind)(arguments[0], activation=arguments[1])
        layers.append(layer)
    check_model(keras.Sequential(layers), normal(5, 4) if case != "logits" else normal(5, 2, 2), loss)


def test_a_layer_called_twice_gets_the_sum_of_both_gradients() -> None:
    keras.set_random_seed(4)

    class Twice(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.shared = keras.layers.Dense(3, activation="tanh")

        def call(self, inputs: Any) -> Any:
            return self.shared(self.shared(inputs)) * inputs

    check_model(Twice(), normal(4, 3), same)


# --- the tape --------------------------------------------------------------------------------------------------------


def gradient_at(function: Callable[..., Any], *values: float) -> list[float]:
    variables = [keras.Variable(v, dtype="float64") for v in values]
    with keras.GradientTape() as tape:
        result = function(*variables)
    return [float(g) for g in tape.gradient(result, variables)]


def test_a_variable_used_again_gets_every_part_of_its_gradient() -> None:
    assert gradient_at(lambda a: a * a + a, 3.0) == [7.0]
    assert gradient_at(lambda a: a + a + a, 3.0) == [3.0]


def test_diamonds_are_walked_in_the_right_order() -> None:
    def diamond(a: Any, b: Any) -> Any:
        d = a * b
        e = a + d
        return d * e

    a, b = 2.0, -3.0
    assert gradient_at(diamond, a, b) == [b * (a + a * b) + a * b * (1 + b), a * (a + a * b) + a * b * a]


def test_long_chains_do_not_overflow_the_stack() -> None:
    def chain(a: Any) -> Any:
        for _ in range(5000):
            a = a + 0.001
        return a

    assert gradient_at(chain, 1.0) == [1.0]


def test_exp_is_its_own_derivative() -> None:
    assert gradient_at(np.exp, 2.0)[0] == pytest.approx(np.exp(2.0), rel=1e-15)


def test_maximum_of_equal_values_shares_the_gradient() -> None:
    assert gradient_at(np.maximum, 2.0, 2.0) == [0.5, 0.5]


def test_absolute_value_and_relu_are_flat_at_zero() -> None:
    assert gradient_at(np.abs, 0.0) == [0.0]
    assert gradient_at(keras.activations.relu, 0.0) == [0.0]


def test_sources_that_do_not_matter_have_no_gradient() -> None:
    a, b = keras.Variable(1.0), keras.Variable(2.0)
    with keras.GradientTape() as tape:
        y = a * 2
    assert tape.gradient(y, [a, b])[1] is None


def test_frozen_variables_have_no_gradient() -> None:
    a, b = keras.Variable(1.0), keras.Variable(2.0, trainable=False)
    with keras.GradientTape() as tape:
        y = a * b
    found = tape.gradient(y, [a, b])
    assert float(found[0]) == 2.0
    assert found[1] is None


def test_the_gradient_has_the_structure_of_the_sources() -> None:
    a = keras.Variable([1.0, 2.0])
    with keras.GradientTape(persistent=True) as tape:
        y = np.sum(a * a)
    assert isinstance(tape.gradient(y, a), keras.Tensor)
    assert isinstance(tape.gradient(y, [a]), list)
    assert tape.gradient(y, a).shape == (2,)


def test_an_array_as_target_is_summed_and_may_be_weighted() -> None:
    a = keras.Variable([1.0, 2.0, 3.0], dtype="float64")
    with keras.GradientTape(persistent=True) as tape:
        y = a * a
    np.testing.assert_array_equal(tape.gradient(y, a).numpy(), [2, 4, 6])
    np.testing.assert_array_equal(tape.gradient(y, a, output_gradients=np.array([1.0, 0, -1])).numpy(), [2, 0, -6])


def test_a_tape_gives_one_gradient_unless_it_is_persistent() -> None:
    a = keras.Variable(3.0)
    with keras.GradientTape() as once, keras.GradientTape(persistent=True) as often:
        y = a * a
    once.gradient(y, a)
    with pytest.raises(RuntimeError, match="persistent=True"):
        once.gradient(y, a)
    assert float(often.gradient(y, a)) == float(often.gradient(y, a)) == 6.0


def test_the_gradient_may_be_asked_for_inside_the_block() -> None:
    a = keras.Variable(3.0)
    with keras.GradientTape() as tape:
        y = a * a
        assert float(tape.gradient(y, a)) == 6.0


def test_a_watched_tensor_has_a_gradient_and_others_have_none() -> None:
    x, other = keras.Tensor(np.array([1.0, 2.0])), keras.Tensor(np.array([1.0, 2.0]))
    with keras.GradientTape() as tape:
        tape.watch(x)
        y = np.sum(x * x * other)
    found = tape.gradient(y, [x, other])
    np.testing.assert_array_equal(found[0].numpy(), [2.0, 8.0])
    assert found[1] is None
    array: Any = np.ones(2)
    with pytest.raises(TypeError, match="Tensor"):
        keras.GradientTape().watch(array)


def test_stop_gradient_makes_a_constant() -> None:
    assert gradient_at(lambda a: a * keras.stop_gradient(a), 3.0) == [3.0]


def test_what_happens_outside_of_the_block_is_not_recorded() -> None:
    a = keras.Variable(3.0)
    outside = a * a
    with keras.GradientTape() as tape:
        y = outside * a
    assert float(tape.gradient(y, a)) == 9.0


def test_leaving_the_tape_is_an_error_that_says_how() -> None:
    a = keras.Variable([1.0, 2.0])
    with keras.GradientTape() as tape:
        with pytest.raises(TypeError, match="off the tape"):
            np.asarray(a)
        with pytest.raises(TypeError, match=r"cannot be changed in place"):
            a[0] = 1.0
        number = float(np.sum(a))
    with pytest.raises(TypeError, match=r"expects a Tensor; got float"):
        tape.gradient(number, a)


def test_numpy_functions_without_gradient_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"np\.partition has no gradient"):
        np.partition(keras.Variable([2.0, 1.0]), 1)


def test_a_jacobian_has_a_row_for_every_element_of_the_target() -> None:
    x = normal(3)
    a, b, c = keras.Variable(x), keras.Variable(normal(2, 2)), keras.Variable(1.0)
    with keras.GradientTape() as tape:
        y = np.stack([a[0] * a[1], a[2] ** 2]) + b @ np.ones(2)
    by_a, by_b, by_c = tape.jacobian(y, [a, b, c])
    np.testing.assert_allclose(by_a.numpy(), [[x[1], x[0], 0], [0, 0, 2 * x[2]]])
    np.testing.assert_allclose(by_b.numpy(), [[[1, 1], [0, 0]], [[0, 0], [1, 1]]])
    assert by_c is None
    assert tape.records == []


def test_a_jacobian_of_a_gradient_is_the_hessian() -> None:
    a = keras.Variable(normal(3))
    with keras.GradientTape() as outer:
        with keras.GradientTape() as inner:
            y = np.sum(a**3) + a[0] * a[1]
        slope = inner.gradient(y, a)
    expected = np.diag(6 * a.numpy())
    expected[0, 1] = expected[1, 0] = 1
    np.testing.assert_allclose(outer.jacobian(slope, a).numpy(), expected)


def test_a_tape_can_be_stopped_and_reset() -> None:
    a = keras.Variable(3.0)
    with keras.GradientTape() as tape:
        with tape.stop_recording():
            constant = a * a
        y = constant * a
        assert float(tape.gradient(y, a)) == 9.0
        tape.reset()
        y = a * a
    assert float(tape.gradient(y, a)) == 6.0


def test_an_error_inside_the_block_closes_the_tape() -> None:
    a = keras.Variable(1.0)
    with pytest.raises(ZeroDivisionError), keras.GradientTape() as tape:
        raise ZeroDivisionError
    _ = a * a
    assert tape.records == []


def test_evaluating_and_predicting_record_nothing() -> None:
    x = normal(40, 3)
    model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(x, x[:, 0], epochs=1, verbose=0)
    with keras.GradientTape() as tape:
        pass
    for _ in range(100):
        model.evaluate(x, x[:, 0], verbose=0)
        model.predict(x, verbose=0)
    assert tape.records == []


def test_second_derivatives_come_from_a_tape_in_a_tape() -> None:
    a = keras.Variable(2.0, dtype="float64")
    with keras.GradientTape() as outer:
        with keras.GradientTape() as inner:
            y = a**3 + np.exp(a)
        first = inner.gradient(y, a)
    second = outer.gradient(first, a)
    assert float(first) == pytest.approx(12 + np.exp(2.0))
    assert float(second) == pytest.approx(12 + np.exp(2.0))


def test_gradient_does_not_touch_values() -> None:
    values = normal(3, 4)
    a = keras.Variable(values, dtype="float64")
    with keras.GradientTape() as tape:
        p = keras.activations.softmax(a)
        loss = np.sum(losses.sparse_categorical_crossentropy([0, 1, 2], p))
    before = [p.numpy(), loss.numpy()]
    tape.gradient(loss, a)
    np.testing.assert_array_equal(a.numpy(), values)
    np.testing.assert_array_equal(p.numpy(), before[0])
    np.testing.assert_array_equal(loss.numpy(), before[1])
