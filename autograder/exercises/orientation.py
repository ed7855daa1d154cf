"""Notebook 00: one exercise of one line, worth nothing, to learn what the tools say."""

from __future__ import annotations

import numpy as np

from autograder.exercise import Exercise, Mistake, Question, register

Array = np.ndarray


def mean_squared(y_true: Array, y_pred: Array) -> float:
    """Return the mean of the squared differences of two arrays of the same shape, (N,)."""
    return float(np.mean((y_true - y_pred) ** 2))


def _cases(rng: np.random.Generator) -> dict[str, tuple]:
    truth = rng.normal(size=7)
    error = rng.uniform(0.5, 1.5, size=3)
    return {
        "seven numbers": (truth, truth + rng.normal(size=7)),
        "errors that cancel": (np.zeros(6), np.concatenate([error, -error])),
        "integers": (rng.integers(0, 10, size=5), rng.integers(10, 20, size=5)),
        "errors of 1000": (rng.normal(size=4), rng.uniform(900.0, 1100.0, size=4)),
        "one number": (rng.normal(size=1), rng.normal(size=1)),
        "a perfect prediction": (truth[:4].copy(), truth[:4].copy()),
    }


def _summed(y_true: Array, y_pred: Array) -> float:
    return float(np.sum((y_true - y_pred) ** 2))


def _absolute(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(np.abs(y_true - y_pred)))


def _not_squared(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(y_true - y_pred))


def _not_squared_swapped(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(y_pred - y_true))


def _mean_first(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(y_true - y_pred) ** 2)


def _squares_first(y_true: Array, y_pred: Array) -> float:
    return float(np.mean(y_true**2 - y_pred**2))


def _added(y_true: Array, y_pred: Array) -> float:
    return float(np.mean((y_true + y_pred) ** 2))


def _halved(y_true: Array, y_pred: Array) -> float:
    return float(np.mean((y_true - y_pred) ** 2) / 2)


def _root(y_true: Array, y_pred: Array) -> float:
    return float(np.sqrt(np.mean((y_true - y_pred) ** 2)))


def _not_averaged(y_true: Array, y_pred: Array) -> Array:
    return (y_true - y_pred) ** 2


def _by_method(y_true: Array, y_pred: Array) -> float:
    return np.square(np.subtract(y_pred, y_true)).mean()


def _by_loop(y_true: Array, y_pred: Array) -> float:
    total = 0.0
    for truth, guess in zip(y_true, y_pred, strict=True):
        total += (float(truth) - float(guess)) ** 2
    return total / len(y_true)


def _by_dot(y_true: Array, y_pred: Array) -> float:
    error = np.asarray(y_true, dtype=float) - y_pred
    return error @ error / error.size


def _by_average(y_true: Array, y_pred: Array) -> Array:
    return np.average(np.power(np.abs(y_true - y_pred), 2))


MEAN_SQUARED = Exercise(
    identifier="orientation.mean_squared",
    signature="mean_squared(y_true, y_pred) -> float",
    points=0,
    minutes=3,
    difficulty=1,
    lines=1,
    reference=mean_squared,
    cases=_cases,
    mistakes=(
        Mistake(
            "summed, not averaged",
            _summed,
            "Twice as much data would give twice the error, so two data sets could not be compared.",
            "What should the value be if every pair occurs twice?",
        ),
        Mistake(
            "absolute, not squared",
            _absolute,
            "The mean of the absolute differences is a measure too, another one: the mean absolute error.",
            "An error of 3 should count nine times as much as an error of 1.",
        ),
        Mistake(
            "not squared",
            _not_squared,
            "Errors of opposite signs cancel, so a bad prediction can look perfect.",
            "What is the error of predicting 1 and -1 where the truth is 0 and 0?",
        ),
        Mistake(
            "not squared, predictions first",
            _not_squared_swapped,
            "Errors of opposite signs cancel, so a bad prediction can look perfect.",
            "What is the error of predicting 1 and -1 where the truth is 0 and 0?",
        ),
        Mistake(
            "averaged before squaring",
            _mean_first,
            "Errors of opposite signs cancel in the mean, before the square can make them positive.",
            "Which has to come first, the square or the mean?",
        ),
        Mistake(
            "squared before subtracting",
            _squares_first,
            "A difference of squares is not the square of a difference: it can be negative.",
            "Subtract first; then look at where your parentheses close.",
        ),
        Mistake(
            "added, not subtracted",
            _added,
            "A perfect prediction has to cost nothing, and here it does not.",
            "What do you get for a prediction that equals the truth?",
        ),
        Mistake(
            "halved",
            _halved,
            "Textbooks put a 1/2 in front to make the derivative tidy; the formula here does not.",
            "Compare the factor in front of your sum with the one in the formula.",
        ),
        Mistake(
            "root of it",
            _root,
            "The root brings the error back to the unit of the data, and has another name: RMSE.",
            "The formula ends with the mean.",
        ),
        Mistake(
            "not averaged",
            _not_averaged,
            "One value for every pair comes back where a single number is asked for.",
            "One more function turns these values into one.",
        ),
    ),
    hints=(
        "Read the formula from the inside out: a difference, its square, the mean of all squares.",
        "NumPy works on whole arrays: `a - b` subtracts pair by pair, `** 2` squares every element, "
        "and `np.mean(...)` makes one number of them.",
        "Fill in the two gaps: return float(np.mean((... - ...) ** 2))",
    ),
    alternatives=(_by_method, _by_loop, _by_dot, _by_average),
)

OPERATIONS = Question(
    identifier="orientation.q1_operations",
    text=(
        "One line calls fit for one epoch: 10,000 images in batches of 32, then a look at 2,000 others. Count as one "
        "operation every batch taken, forward pass, loss, gradient computation, update and measurement, every batch "
        "looked at afterwards, and every moment at which callbacks are called. How many operations is that line?"
    ),
    choices=None,
    low=1,
    high=10_000_000,
    answer=None,
    because=(
        "10,000 images make 313 batches, and each goes through all six stations of the inner loop; callbacks are "
        "called before and after each."
    ),
    tolerance=0.25,
)

FIRST_EPOCH = Question(
    identifier="orientation.q2_first_epoch",
    text=(
        "A new model knows nothing: it names 1 image in 10 correctly, by luck. After one epoch, when it has seen "
        "every training image once, how many of 100 new images does it name correctly?"
    ),
    choices=None,
    low=0,
    high=100,
    answer=None,
    because="One epoch is 313 updates of the weights, and the first hundred do most of the work.",
    tolerance=0.1,
)

FORWARD_SHARE = Question(
    identifier="orientation.q3_forward_share",
    text="Of the time that fit takes with this model, what share goes into forward, the model's guessing?",
    choices={
        "a": "about a tenth",
        "b": "about a quarter",
        "c": "about a half",
        "d": "about three quarters",
    },
    answer=None,
    because=(
        "Gradients are the forward pass walked backwards and cost as much or more, and Adam, the optimizer, goes over "
        "all 101,770 weights several times at every step."
    ),
)

register(MEAN_SQUARED, OPERATIONS, FIRST_EPOCH, FORWARD_SHARE)
