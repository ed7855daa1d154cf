"""The cases of notebook 05 say what they hold, and the property told there sees no more than it can."""

import numpy as np
import pytest

from autograder.exercise import get

PROPERTY = get("gradients.rows_sum_to_zero")
SOFTMAX = get("gradients.softmax_crossentropy_gradient").reference


@pytest.mark.parametrize("seed", range(20))
def test_the_property_tells_right_gradients_from_wrong_ones(seed):
    """The names of the cases are the truth; the reference is not asked for it."""
    for name, (gradient,) in PROPERTY.cases(np.random.default_rng(seed)).items():
        assert name.startswith(("a right", "a wrong"))
        assert PROPERTY.reference(gradient) is name.startswith("a right"), name


@pytest.mark.parametrize("seed", range(20))
def test_right_gradients_miss_0_by_far_less_than_wrong_ones(seed):
    """Any tolerance from 1e-6 to 1e-3 of the largest entry gives the same verdicts."""
    for name, (gradient,) in PROPERTY.cases(np.random.default_rng(seed)).items():
        largest, sums = np.max(np.abs(gradient)), np.abs(np.sum(gradient, axis=-1))
        if name.startswith("a right"):
            assert np.all(sums <= 1e-6 * largest), name
        else:
            assert not np.all(sums <= 1e-3 * largest), name


def test_a_multiple_of_a_right_gradient_has_the_property():
    """What notebook 05 says of it: necessary, not sufficient."""
    right = SOFTMAX(np.array([2, 0, 1]), np.random.default_rng(0).normal(size=(3, 4)))
    assert all(PROPERTY.reference(factor * right) for factor in (1.0, 1 / 32, -1.0))
