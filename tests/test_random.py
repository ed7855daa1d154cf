"""The random arrays of ``keras.random``: distributions, seeds that repeat, streams that can be restored."""

from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import random

DRAWS: dict[str, tuple[tuple[Any, ...], dict[str, Any], float, float]] = {
    # the call, and the mean and standard deviation that it should have
    "normal": (((50_000,), 2.0, 3.0), {}, 2.0, 3.0),
    "truncated_normal": (((50_000,), 2.0, 3.0), {}, 2.0, 3.0 * 0.8796),
    "uniform": (((50_000,), -1.0, 3.0), {}, 1.0, 4 / 12**0.5),
    "randint": (((50_000,), 2, 7), {}, 4.0, 2**0.5),
    "gamma": (((50_000,), 2.5), {}, 2.5, 2.5**0.5),
    "beta": (((50_000,), 3.0, 2.0), {}, 0.6, 0.2),
    "binomial": (((50_000,), 10.0, 0.3), {}, 3.0, 2.1**0.5),
}


@pytest.mark.parametrize("name", list(DRAWS))
def test_distribution_has_its_mean_and_deviation(name: str) -> None:
    arguments, options, mean, deviation = DRAWS[name]
    drawn = getattr(random, name)(*arguments, seed=1, **options)
    assert drawn.dtype == ("int32" if name == "randint" else "float32")
    assert drawn.mean(dtype="float64") == pytest.approx(mean, abs=0.02 * deviation)
    assert drawn.std(dtype="float64") == pytest.approx(deviation, rel=0.02)


def test_bounds_are_kept() -> None:
    assert np.abs(random.truncated_normal((10_000,), seed=0)).max() <= 2
    assert set(random.randint((1000,), 3, 5, seed=0).tolist()) == {3, 4}
    uniform = random.uniform((1000,), 2, 3, seed=0)
    assert (uniform.min() >= 2, uniform.max() < 3) == (True, True)
    assert (random.normal((), dtype="float16").dtype, random.uniform((2, 3), dtype="float64").shape) == (
        "float16",
        (2, 3),
    )


def test_an_integer_gives_the_same_every_time_and_a_generator_never() -> None:
    def twice(seed: Any) -> tuple[np.ndarray, np.ndarray]:
        return random.normal((3,), seed=seed), random.normal((3,), seed=seed)

    assert np.array_equal(*twice(7))
    assert not np.array_equal(*twice(None))
    one, two = random.SeedGenerator(7), random.SeedGenerator(7)
    first, second = twice(one)
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(twice(two)[1], second)
    for large in (2**31, 2**32 - 1, -1):
        assert random.uniform((2,), seed=large).shape == (2,)


def test_draws_without_a_seed_follow_the_global_one_and_can_be_restored() -> None:
    keras.utils.set_random_seed(5)
    first = random.normal((4,))
    state = random.get_state()
    second, seeds = random.normal((4,)), random.SeedGenerator().state.numpy()
    random.set_state(state)
    np.testing.assert_array_equal(random.normal((4,)), second)
    np.testing.assert_array_equal(random.SeedGenerator().state.numpy(), seeds)
    keras.utils.set_random_seed(5)
    np.testing.assert_array_equal(random.normal((4,)), first)


def test_a_seed_generator_is_saved_by_its_state_and_its_config() -> None:
    seeds = random.SeedGenerator(3, name="mine")
    seeds.next()
    assert seeds.get_config() == {"seed": 3, "name": "mine"}
    other = random.SeedGenerator.from_config(seeds.get_config())
    other.state.assign(seeds.state)
    np.testing.assert_array_equal(other.next(), seeds.next())
    np.testing.assert_array_equal(seeds.state.numpy(), [3, 2])
    assert not np.array_equal(seeds.next(ordered=False), seeds.next(ordered=False))


def test_classes_are_drawn_with_the_probabilities_of_their_softmax() -> None:
    drawn = random.categorical(np.log([[0.2, 0.8], [1.0, 1e-30]]), 20_000, seed=1)
    assert (drawn.shape, drawn.dtype) == ((2, 20_000), "int32")
    np.testing.assert_allclose(drawn.mean(axis=1), [0.8, 0], atol=0.01)


def test_dropout_keeps_the_mean_and_the_gradient() -> None:
    x = keras.Variable(np.ones((100, 100)))
    with keras.GradientTape() as tape:
        y = random.dropout(x, 0.25, seed=1)
    np.testing.assert_array_equal(np.unique(y.numpy()), np.float32([0, 4 / 3]))
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), y.numpy())
    assert float(y.mean()) == pytest.approx(1, abs=0.02)
    rows = random.dropout(np.ones((50, 3), "float32"), 0.5, noise_shape=(None, 1), seed=1)
    np.testing.assert_array_equal(rows.min(axis=1), rows.max(axis=1))
    assert random.dropout(x, 0.0) is x
    assert not random.dropout(x, 1.0).numpy().any()


def test_shuffle_moves_whole_rows() -> None:
    x = np.arange(60).reshape(20, 3)
    rows, columns = random.shuffle(x, seed=1), random.shuffle(keras.Tensor(x.T), axis=1, seed=1)
    assert not np.array_equal(rows, x)
    np.testing.assert_array_equal(np.sort(rows[:, 0]), x[:, 0])
    np.testing.assert_array_equal(columns.numpy(), rows.T)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: random.normal((2,), seed="a"), "integer or an instance of `SeedGenerator`"),
        (lambda: random.SeedGenerator("a"), "must be an integer"),
        (lambda: random.SeedGenerator(1, sed=2), "Unrecognized keyword arguments: sed"),
        (lambda: random.randint((2,), 0, 3, dtype="float32"), "integer `dtype`"),
        (lambda: random.uniform((2,), dtype="int32"), "floating point `dtype`"),
        (lambda: random.categorical(np.ones(3), 2), "2-D"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        call()
