"""A layer is written method by method, and the check says how far it is; what is drawn is judged whatever the order."""

import numpy as np
import pytest

from autograder.exercise import get
from autograder.judge import judge
from autograder.running import InProcess


def verdict(identifier, answer, seed=1):
    exercise = get(identifier)
    return judge(exercise, InProcess(exercise, answer), seed)


class Dense:
    def __init__(self, units):
        self.units = units

    def build(self, features, rng):
        limit = np.sqrt(6 / (features + self.units))
        self.kernel, self.bias = rng.uniform(-limit, limit, (features, self.units)), np.zeros(self.units)


class WithForward(Dense):
    def forward(self, x):
        self.x = x
        return x @ self.kernel + self.bias


class WithoutBias(Dense):
    def forward(self, x):
        self.x = x
        return x @ self.kernel


class TwoMistakes(WithForward):
    def backward(self, dy):
        self.dkernel, self.dbias = self.x.T @ dy, dy.mean(axis=0)  # a mean, and nothing is returned


class Blank:
    def __init__(self, units):
        self.units = units

    def build(self, features, rng):
        raise NotImplementedError


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (Dense, "forward is not written yet"),
        (WithForward, "backward is not written yet"),
        (WithoutBias, "the bias is missing in forward"),
        (TwoMistakes, "the bias gradient is a mean"),
    ],
)
def test_a_class_in_the_making_is_told_how_far_it_is(answer, name):
    found = verdict("layers.Dense", answer)
    assert found.score == 0
    assert found.mistake == name, found.message


def test_a_class_of_blanks_is_not_attempted():
    assert verdict("layers.Dense", Blank).status == "not attempted"


@pytest.mark.parametrize("identifier", ["layers.glorot_uniform", "layers.Dense", "layers.Dropout"])
def test_what_is_drawn_passes_on_any_seed(identifier):
    """Properties of random numbers hold with a probability; these are set so that a check does not fail by chance."""
    exercise = get(identifier)
    quick = [a for a in exercise.alternatives if "oop" not in a.__name__]
    for seed in range(40):
        for answer in (exercise.reference, *quick):
            found = judge(exercise, InProcess(exercise, answer, guarded=False), seed)
            assert found.status == "right", f"{seed}: {found.message}"
