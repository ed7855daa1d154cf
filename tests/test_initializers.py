"""Initializers, regularizers and constraints: their formulas, their arguments, and their ways to and from names."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit.initializers import compute_fans

initializers, regularizers, constraints = keras.initializers, keras.regularizers, keras.constraints

RANDOM = [
    *("RandomNormal", "RandomUniform", "TruncatedNormal", "VarianceScaling", "GlorotUniform", "GlorotNormal"),
    *("HeUniform", "HeNormal", "LecunUniform", "LecunNormal", "Orthogonal"),
]


# --- initializers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [*RANDOM, "Zeros", "Ones", "Constant"])
@pytest.mark.parametrize("shape", [(3, 4), (2, 3, 4, 5)])
@pytest.mark.parametrize("dtype", [None, "float16", "float64"])
def test_initializers_give_the_shape_and_type_that_they_are_asked_for(name: str, shape: Any, dtype: Any) -> None:
    values = getattr(initializers, name)()(shape, dtype=dtype)
    assert (values.shape, str(values.dtype)) == (shape, dtype or "float32")


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_gives_the_same_at_every_call_and_a_generator_does_not(name: str) -> None:
    cls = getattr(initializers, name)

    def two(seed: Any) -> bool:
        initializer = cls(seed=seed)
        return np.array_equal(initializer((4, 4)), initializer((4, 4)))

    assert two(7)
    assert not two(None)
    assert not two(keras.random.SeedGenerator(7))
    np.testing.assert_array_equal(cls(seed=7)((4, 4)), cls(seed=7).clone()((4, 4)))


@pytest.mark.parametrize("name", RANDOM)
def test_without_a_seed_the_engines_seed_decides(name: str) -> None:
    drawn = []
    for _ in range(2):
        keras.utils.set_random_seed(3)
        drawn.append(getattr(initializers, name)()((4, 4)))
    np.testing.assert_array_equal(*drawn)


@pytest.mark.parametrize(
    ("make", "variance", "bound"),
    [
        (initializers.RandomNormal, 0.05**2, np.inf),
        (initializers.TruncatedNormal, (0.05 * 0.8796) ** 2, 0.1),
        (initializers.RandomUniform, 0.1**2 / 12, 0.05),
        (initializers.GlorotUniform, 2 / 500, np.sqrt(6 / 500)),
        (initializers.GlorotNormal, 2 / 500, 2 * np.sqrt(2 / 500) / 0.8796),
        (initializers.HeUniform, 2 / 200, np.sqrt(6 / 200)),
        (initializers.HeNormal, 2 / 200, 2 * np.sqrt(2 / 200) / 0.8796),
        (initializers.LecunUniform, 1 / 200, np.sqrt(3 / 200)),
        (initializers.LecunNormal, 1 / 200, 2 * np.sqrt(1 / 200) / 0.8796),
        (lambda seed: initializers.VarianceScaling(3.0, "fan_out", "untruncated_normal", seed), 3 / 300, np.inf),
        (lambda seed: initializers.VarianceScaling(3.0, "fan_in", "normal", seed, [1], [0]), 3 / 300, 1.0),
    ],
)
def test_random_values_have_their_variance_and_bounds(make: Any, variance: float, bound: float) -> None:
    values = make(seed=0)((200, 300), dtype="float64")
    assert abs(values.mean()) < 4 * np.sqrt(variance / values.size)
    assert values.var() == pytest.approx(variance, rel=0.03)
    assert abs(values).max() <= bound * 1.0001


@pytest.mark.parametrize("shape", [(5, 5), (6, 4), (4, 6), (3, 2, 4)])
def test_orthogonal_has_orthonormal_columns_or_rows(shape: Any) -> None:
    matrix = initializers.Orthogonal(gain=2.0, seed=1)(shape, dtype="float64").reshape(-1, shape[-1])
    product = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    np.testing.assert_allclose(product, 4 * np.eye(min(matrix.shape)), atol=1e-12)


def test_fixed_values() -> None:
    np.testing.assert_array_equal(initializers.Constant(3)((2, 2)), np.full((2, 2), 3))
    np.testing.assert_array_equal(initializers.Constant([1.0, 2.0])((2, 2)), [[1, 2], [1, 2]])
    np.testing.assert_array_equal(initializers.Identity(2.0)((2, 3)), [[2, 0, 0], [0, 2, 0]])


@pytest.mark.parametrize(("shape", "fans"), [((), (1, 1)), ((5,), (5, 5)), ((3, 4), (3, 4)), ((2, 3, 4, 5), (24, 30))])
def test_fans(shape: Any, fans: Any) -> None:
    assert compute_fans(shape) == fans
    assert compute_fans((2, 3, 4), input_axes=[0], output_axes=[1, 2]) == (2, 12)


def test_an_array_is_its_own_initializer() -> None:
    layer = keras.layers.Dense(2, kernel_initializer=np.arange(6.0).reshape(3, 2))
    layer.build((None, 3))
    np.testing.assert_array_equal(layer.get_weights()[0], [[0, 1], [2, 3], [4, 5]])
    with pytest.raises(ValueError, match=r"Expected `shape` to be \(2,\).*got \(3,\)"):
        initializers.get(np.zeros(2))((3,))


def test_initializers_are_found_by_all_their_names() -> None:
    for name, cls in {
        "zeros": "Zeros",
        "one": "Ones",
        "normal": "RandomNormal",
        "uniform": "RandomUniform",
        "he_normal": "HeNormal",
        "HeNormal": "HeNormal",
        "OrthogonalInitializer": "Orthogonal",
        "IdentityInitializer": "Identity",
    }.items():
        assert type(initializers.get(name)) is getattr(initializers, cls)
    assert initializers.glorot_uniform is initializers.GlorotUniform
    assert initializers.OrthogonalInitializer is initializers.Orthogonal

    def own(shape: Any, dtype: Any = None) -> np.ndarray:
        return np.full(shape, 0.5, dtype)

    assert initializers.get(own) is own
    assert isinstance(initializers.get(initializers.Ones), initializers.Ones)
    assert keras.Variable(own, shape=(2,)).numpy().tolist() == [0.5, 0.5]
    assert keras.Variable("ones", shape=(2,)).numpy().tolist() == [1.0, 1.0]


# --- regularizers ----------------------------------------------------------------------------------------------------

W = np.array([[1.0, -2.0, 0.0], [3.0, 0.5, -1.0]])
COSINES = (W / np.linalg.norm(W, axis=0)).T @ (W / np.linalg.norm(W, axis=0))  # of the columns

PENALTIES: dict[str, tuple[Callable[[], Any], float]] = {
    "l1": (lambda: regularizers.L1(0.1), 0.1 * 7.5),
    "l2": (lambda: regularizers.L2(0.1), 0.1 * 15.25),
    "both": (lambda: regularizers.L1L2(0.1, 0.2), 0.1 * 7.5 + 0.2 * 15.25),
    "neither": (lambda: regularizers.L1L2(), 0.0),
    "one of both": (lambda: regularizers.L1L2(l2=0.2), 0.2 * 15.25),
    "rows": (lambda: regularizers.OrthogonalRegularizer(0.1), 0.1 * 2 / np.sqrt(5 * 10.25)),
    "columns": (
        lambda: regularizers.OrthogonalRegularizer(0.1, "columns"),
        0.1 / 3 * sum(abs(COSINES[i, j]) for i, j in ((0, 1), (0, 2), (1, 2))),
    ),
}


@pytest.mark.parametrize("name", list(PENALTIES))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_penalties_follow_their_formula_in_the_type_of_the_weight(name: str, dtype: str) -> None:
    make, expected = PENALTIES[name]
    penalty = make()(keras.Variable(W, dtype=dtype))
    assert penalty.dtype == dtype
    assert float(penalty) == pytest.approx(expected, rel=5e-3 if dtype == "float16" else 1e-6)


@pytest.mark.parametrize("name", list(PENALTIES))
def test_penalties_have_the_gradient_of_their_formula(name: str) -> None:
    regularizer, rng = PENALTIES[name][0](), np.random.default_rng(0)
    variable = keras.Variable(rng.normal(size=(3, 4)), dtype="float64")
    with keras.GradientTape() as tape:
        penalty = regularizer(variable)
    gradient = tape.gradient(penalty, variable).numpy()
    value, step = variable.numpy(), 1e-6
    for i in np.ndindex(value.shape):
        shift = np.zeros_like(value)
        shift[i] = step
        rise = float(regularizer(value + shift)) - float(regularizer(value - shift))
        assert gradient[i] == pytest.approx(rise / (2 * step), rel=1e-5, abs=1e-8)


def test_penalties_have_keras_defaults() -> None:
    assert regularizers.get("l2").get_config() == {"l2": 0.01}
    assert regularizers.get("L1").get_config() == {"l1": 0.01}
    assert regularizers.get("l1l2").get_config() == {"l1": 0.0, "l2": 0.0}
    assert regularizers.L1L2(l1=None, l2=1).get_config() == {"l1": 0.0, "l2": 1.0}
    assert float(regularizers.L1L2()(W)) == 0.0
    assert regularizers.l1_l2 is regularizers.L1L2
    with pytest.raises(ValueError, match='no "l1_l2" is known'):
        regularizers.get("l1_l2")


# --- constraints -----------------------------------------------------------------------------------------------------

PROJECTIONS: dict[str, tuple[Callable[[], Any], Any]] = {
    "not negative": (constraints.NonNeg, np.maximum(W, 0)),
    "unit": (constraints.UnitNorm, W / np.linalg.norm(W, axis=0)),
    "unit rows": (lambda: constraints.UnitNorm(axis=1), W / np.linalg.norm(W, axis=1, keepdims=True)),
    "unit matrix": (lambda: constraints.UnitNorm(axis=[0, 1]), W / np.linalg.norm(W)),
    "at most": (lambda: constraints.MaxNorm(1.5), W * np.minimum(1, 1.5 / np.linalg.norm(W, axis=0))),
    "within": (
        lambda: constraints.MinMaxNorm(1.5, 2.5),
        W * np.clip(np.linalg.norm(W, axis=0), 1.5, 2.5) / np.linalg.norm(W, axis=0),
    ),
    "half the way": (
        lambda: constraints.MinMaxNorm(1.5, 2.5, rate=0.5),
        W * (0.5 + 0.5 * np.clip(np.linalg.norm(W, axis=0), 1.5, 2.5) / np.linalg.norm(W, axis=0)),
    ),
}


@pytest.mark.parametrize("name", list(PROJECTIONS))
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_projections_follow_their_formula_in_the_type_of_the_weight(name: str, dtype: str) -> None:
    make, expected = PROJECTIONS[name]
    for weight in (W.astype(dtype), keras.Variable(W, dtype=dtype)):
        projected = make()(weight)
        assert projected.dtype == dtype
        np.testing.assert_allclose(np.asarray(projected), expected, rtol=2e-3 if dtype == "float16" else 1e-6)


def test_zeros_can_be_projected() -> None:
    for make, _ in PROJECTIONS.values():
        np.testing.assert_array_equal(make()(np.zeros((2, 3))), np.zeros((2, 3)))


# --- to and from plain data, wrong calls -----------------------------------------------------------------------------

KINDS: dict[str, list[Any]] = {
    "initializers": [initializers.Constant([1.0, 2.0]), *(getattr(initializers, name)(seed=3) for name in RANDOM)],
    "regularizers": [make() for make, _ in PENALTIES.values()],
    "constraints": [make() for make, _ in PROJECTIONS.values()],
}


@pytest.mark.parametrize("module", list(KINDS))
def test_all_come_back_from_plain_data(module: str) -> None:
    family = getattr(keras, module)
    assert family.get(None) is None
    for thing in KINDS[module]:
        described = json.loads(json.dumps(family.serialize(thing)))
        assert described["module"] == f"keras.{module}"
        for again in (
            family.deserialize(described),
            family.get(described),
            type(thing).from_config(described["config"]),
        ):
            assert type(again) is type(thing)
            assert family.serialize(again) == described


WRONG: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "a misspelt initializer": (lambda: initializers.get("he_norml"), ValueError, 'Did you mean "he_normal"?'),
    "an initializer from a number": (lambda: initializers.get(3), ValueError, 'such as "zeros".*3'),
    "a seed that is none": (lambda: initializers.HeNormal(seed="a"), ValueError, "`seed` argument.*'a'"),
    "a scale below zero": (lambda: initializers.VarianceScaling(-1.0), ValueError, "`scale` must be positive.*-1.0"),
    "an unknown mode": (lambda: initializers.VarianceScaling(mode="in"), ValueError, "Invalid `mode`.*'in'.*fan_in"),
    "an unknown distribution": (
        lambda: initializers.VarianceScaling(distribution="cauchy"),
        ValueError,
        "Invalid `distribution`.*'cauchy'.*uniform",
    ),
    "an identity of three axes": (lambda: initializers.Identity()((2, 2, 2)), ValueError, r"2D matrices.*\(2, 2, 2\)"),
    "an orthogonal vector": (lambda: initializers.Orthogonal()((2,)), ValueError, r"two-dimensional.*\(2,\)"),
    "an initializer without a formula": (lambda: initializers.Initializer()((2,)), NotImplementedError, "__call__"),
    "a penalty below zero": (lambda: regularizers.L1(-0.1), ValueError, "argument l1: expected a non-negative.*-0.1"),
    "a penalty that is no number": (lambda: regularizers.L2("a"), ValueError, "argument l2"),  # type: ignore[arg-type]
    "an endless penalty": (lambda: regularizers.L1L2(l2=np.inf), ValueError, "argument l2.*inf"),
    "an unknown penalty": (lambda: regularizers.get("l3"), ValueError, 'no "l3" is known'),
    "penalties of neither rows nor columns": (
        lambda: regularizers.OrthogonalRegularizer(mode="both"),
        ValueError,
        "`mode`.*both",
    ),
    "orthogonal tensors": (lambda: regularizers.OrthogonalRegularizer()(np.ones((2, 2, 2))), ValueError, "rank 2"),
    "an unknown constraint": (lambda: constraints.get("maxnorm"), ValueError, 'Did you mean "max_norm"?'),
}


@pytest.mark.parametrize("case", list(WRONG))
def test_wrong_calls_say_what_was_wrong(case: str) -> None:
    call, kind, message = WRONG[case]
    with pytest.raises(kind, match=message):
        call()
