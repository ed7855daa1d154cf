"""Notebook 05, gradients: the slope measured, the slope computed, and how to tell a right one from a wrong one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import gradients as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]
Function = Callable[[Array], Any]

# The reference.


def _numeric_gradient(f: Function, x: Array, eps: float = 1e-5) -> Array:
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        value = x[index]
        x[index] = value + eps
        above = f(x)
        x[index] = value - eps
        below = f(x)
        x[index] = value
        gradient[index] = (above - below) / (2 * eps)
    return gradient


def _relative_error(a: Array, b: Array) -> float:
    difference, size = np.linalg.norm(a - b), np.linalg.norm(a) + np.linalg.norm(b)
    return float(difference / size) if size > 0 else 0.0


def _softmax(logits: Array, axis: int = -1) -> Array:
    e = np.exp(logits - np.max(logits, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _labels(y_true: Array) -> Array:
    return np.reshape(y_true, -1).astype(int)


def _softmax_crossentropy_gradient(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    labels = _labels(y_true)
    dz = _softmax(logits)
    dz[np.arange(len(labels)), labels] -= 1
    if sample_weight is not None:
        dz = dz * np.reshape(sample_weight, (-1, 1))
    return dz / len(labels)


def _sigmoid(z: Array) -> Array:
    return np.exp(-np.logaddexp(0, -z))  # 1 / (1 + exp(-z)), without an overflow that NumPy would warn of


def _binary_crossentropy_gradient(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    y, z = np.reshape(y_true, -1), np.reshape(logits, -1)
    w = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
    return w * (_sigmoid(z) - y) / len(z)


def _rows_sum_to_zero(gradient: Array) -> bool:
    sums = np.sum(gradient, axis=-1)
    return bool(np.all(np.abs(sums) <= 1e-5 * np.max(np.abs(gradient))))


# --------------------------------------------------------------------------- numeric_gradient


def _numeric_cases(rng: Rng) -> Cases:
    def case(function: str, *shape: int, eps: float | None) -> tuple[Any, ...]:
        return function, rng.normal(size=shape), rng.uniform(0.5, 1.5, shape), eps

    small = rng.uniform(0.05, 0.1, 3)
    return {
        "2 × 3 numbers, eps 0.1": case("sum(a * x**3 + x)", 2, 3, eps=0.1),
        "five numbers, the default eps": case("sum(a * x**3 + x)", 5, eps=None),
        "3 × 4 numbers, eps 1e-4": case("sum(a * x**2) * sum(x)", 3, 4, eps=1e-4),
        "2 × 3 numbers, the default eps": case("sum(a * x**2) * sum(x)", 2, 3, eps=None),
        "a steep function, the default eps": ("sum(exp(20 * a * x))", small, rng.uniform(0.8, 1.2, 3), None),
        "2 × 1 × 3 numbers": case("sum(exp(a * x)) + sum(x)**2", 2, 1, 3, eps=1e-3),
        "one number": case("sum(exp(a * x)) + sum(x)**2", 1, eps=0.25),
        "a straight line": case("sum(a * x)", 4, eps=0.5),
        "a coarse eps of 1": case("sum(exp(a * x)) + sum(x)**2", 3, eps=1.0),
    }


def _one_sided(sign: int) -> Any:
    def numeric_gradient(f: Function, x: Array, eps: float = 1e-5) -> Array:
        gradient, here = np.zeros(x.shape), f(x)
        for index in np.ndindex(x.shape):
            moved = x.copy()
            moved[index] += sign * eps
            gradient[index] = (f(moved) - here) / (sign * eps)
        return gradient

    return numeric_gradient


def _moved(change: Callable[[Array, Any, float], tuple[Array, Array]], divide: Any = None) -> Any:
    """Give a central difference that makes its two neighbours of x in another way."""

    def numeric_gradient(f: Function, x: Array, eps: float = 1e-5) -> Array:
        gradient = np.zeros(x.shape)
        for index in np.ndindex(x.shape):
            above, below = change(x.copy(), index, eps)
            gradient[index] = (f(above) - f(below)) / (divide(eps) if divide else 2 * eps)
        return gradient

    return numeric_gradient


def _both(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    above, below = x.copy(), x.copy()
    above[index] += eps
    below[index] -= eps
    return above, below


def _one_array_twice(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    above = x
    below = x
    above[index] += eps
    below[index] -= eps
    return above, below


def _everywhere(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    return x + eps, x - eps


def _whole_row(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    return _both(x, index[0], eps)


def _in_proportion(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    return _both(x, index, eps * abs(x[index]))


def _written_in(x: Array, index: Any, eps: float) -> tuple[Array, Array]:
    return _both(x, index, 1e-5)


def _never_put_back(f: Function, x: Array, eps: float = 1e-5) -> Array:
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        gradient[index] = (above - f(x)) / (2 * eps)
    return gradient


def _put_back_by_sums(f: Function, x: Array, eps: float = 1e-5) -> Array:
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        x[index] += eps
        above = f(x)
        x[index] -= 2 * eps
        gradient[index] = (above - f(x)) / (2 * eps)
        x[index] += eps
    return gradient


def _without_division(f: Function, x: Array, eps: float = 1e-5) -> Array:
    return 2 * eps * _numeric_gradient(f, x, eps)


def _flat(f: Function, x: Array, eps: float = 1e-5) -> list[Any]:
    return np.ravel(_numeric_gradient(f, x, eps)).tolist()


def _one_slope(f: Function, x: Array, eps: float = 1e-5) -> float:
    return float((f(x + eps) - f(x - eps)) / (2 * eps))


NUMERIC_MISTAKES = (
    Mistake(
        "one side only, forwards",
        wrong=_one_sided(1),
        why="From x to x + eps the slope changes, too; a step to either side makes that error cancel.",
        hint="Two values of f for each entry: one at x + eps, one at x - eps.",
    ),
    Mistake(
        "one side only, backwards",
        wrong=_one_sided(-1),
        why="From x - eps to x the slope changes, too; a step to either side makes that error cancel.",
        hint="Two values of f for each entry: one at x + eps, one at x - eps.",
    ),
    Mistake(
        "divided by eps instead of 2 eps",
        wrong=_moved(_both, divide=lambda eps: eps),
        why="From x - eps to x + eps it is two eps, so every slope comes out twice too large.",
        hint="How far apart are the two points?",
    ),
    Mistake(
        "divided by 2, then times eps",
        wrong=_moved(_both, divide=lambda eps: 2 / eps),
        why="Python goes from left to right: a / 2 * eps is (a / 2) * eps.",
        hint="The whole of 2 * eps stands below the fraction line: give it brackets.",
    ),
    Mistake(
        "not divided at all",
        wrong=_without_division,
        why="That is how much f changes, not how much it changes for each unit of x.",
        hint="A slope is a height divided by a width.",
    ),
    Mistake(
        "the sign is flipped",
        wrong=lambda f, x, eps=1e-5: -_numeric_gradient(f, x, eps),
        why="Where f grows with x the slope is positive.",
        hint="Which of the two values is subtracted from which?",
    ),
    Mistake(
        "every entry is moved at once",
        wrong=_moved(_everywhere),
        why="That gives the sum of all slopes, at each place; one entry at a time gives the slope of that entry.",
        hint="x + eps moves the whole array: move x[index] alone.",
    ),
    Mistake(
        "one slope for the whole array",
        wrong=_one_slope,
        why="The gradient has as many entries as x.",
        hint="Loop over np.ndindex(x.shape), and move one entry in each round.",
    ),
    Mistake(
        "one flat list of slopes",
        wrong=_flat,
        why="The slopes are right, but they have lost the shape of x, so nobody can take them off x.",
        hint="Begin with np.zeros(x.shape), and put each slope at its index.",
    ),
    Mistake(
        "a whole row is moved at once",
        wrong=_moved(_whole_row),
        why="In an array with several axes x[i] is a row, so this is the sum of the slopes in that row.",
        hint="np.ndindex(x.shape) gives the index of one entry, whatever the number of axes.",
    ),
    Mistake(
        "both neighbours are one array",
        wrong=_moved(_one_array_twice),
        why="`above = x` and `below = x` are two names of one array: what is added to one is taken off again.",
        hint="x.copy() makes an array of its own.",
    ),
    Mistake(
        "eps in proportion to x",
        wrong=_moved(_in_proportion),
        why="The move is eps times the entry here, and the division is by 2 eps.",
        hint="Every entry moves by eps, whatever its size.",
    ),
    Mistake(
        "eps is written in",
        wrong=_moved(_written_in, divide=lambda eps: 2e-5),
        why="The eps that was passed in has no effect.",
        hint="Where does your code use eps?",
    ),
    Mistake(
        "what was moved is not put back",
        wrong=_never_put_back,
        why="The next slope is measured where the last entry was left; if that is x itself, the caller's x is changed.",
        hint="Note x[index] before you change it, and assign it again afterwards; or copy x in every round.",
    ),
    Mistake(
        "x is put back by adding eps",
        wrong=_put_back_by_sums,
        why="x + eps - 2 eps + eps is not always x: every sum is rounded, so the last digit may be another.",
        hint="Note x[index] before you change it, and assign that value again.",
    ),
)


def _right_numeric_copies(f: Function, x: Array, eps: float = 1e-5) -> list[Any]:
    slopes = []
    for i in range(x.size):
        step: Array = np.zeros(x.shape)
        step.flat[i] = eps
        slopes.append((f(x + step) - f(x - step)) / (2 * eps))
    return np.reshape(slopes, x.shape).tolist()


def _right_numeric_flat(f: Function, x: Array, eps: float = 1e-5) -> Array:
    gradient = np.empty_like(x)
    for i in range(x.size):
        old = x.flat[i]
        x.flat[i] = old + eps
        right = f(x)
        x.flat[i] = old - eps
        left = f(x)
        x.flat[i] = old
        gradient.flat[i] = (right - left) / eps / 2
    return gradient


def _right_numeric_iterator(f: Function, x: Array, eps: float = 1e-5) -> Array:
    work, gradient = x.astype(float), np.zeros_like(x, dtype=float)
    entries = np.nditer(x, flags=["multi_index"])
    for _ in entries:
        at, two = entries.multi_index, []
        for sign in (1, -1):
            work[at] = x[at] + sign * eps
            two.append(float(f(work)))
        work[at] = x[at]
        gradient[at] = (two[0] - two[1]) * 0.5 / eps
    return gradient


NUMERIC = Exercise(
    identifier="gradients.numeric_gradient",
    signature="numeric_gradient(f, x, eps=1e-5) -> like x",
    points=3,
    minutes=12,
    difficulty=2,
    lines=8,
    reference=_numeric_gradient,
    cases=_numeric_cases,
    scenario=scenarios.numeric_gradient,
    mistakes=NUMERIC_MISTAKES,
    hints=(
        "One entry at a time: for index in np.ndindex(x.shape) gives each index in turn, for any number of axes.",
        "In each round make two arrays, x.copy() each; add eps to the one at that index, take eps off the other; the "
        "slope is the difference of the two values of f, divided by 2 * eps.",
        "gradient = np.zeros(x.shape); in the loop: above, below = x.copy(), x.copy(); above[index] += eps; "
        "below[index] -= eps; gradient[index] = (f(above) - f(below)) / (2 * eps). Return gradient.",
    ),
    alternatives=(_right_numeric_copies, _right_numeric_flat, _right_numeric_iterator),
    # What is left of a difference of two rounded values, after division by 2e-5.
    rtol=1e-6,
    atol=1e-7,
)


# --------------------------------------------------------------------------- relative_error


def _relative_cases(rng: Rng) -> Cases:
    a, table = rng.normal(size=7), rng.normal(size=(3, 4))
    cube = rng.normal(size=(2, 3, 5))
    return {
        "seven numbers, nearly equal": (a, a + 1e-3 * rng.normal(size=7)),
        "a table of (3, 4)": (table, table + 0.3 * rng.normal(size=(3, 4))),
        "three axes": (cube, cube + rng.normal(size=(2, 3, 5))),
        "one twice the other": (a, 2 * a),
        "opposite signs": (a, -a),
        "equal": (a, a.copy()),
        "one of them 0": (table, np.zeros((3, 4))),
        "both 0": (np.zeros(5), np.zeros(5)),
        "tiny numbers": (1e-12 * a, 1.5e-12 * a + 1e-13 * rng.normal(size=7)),
        "huge numbers": (1e9 * table, 1e9 * table + 1e8 * rng.normal(size=(3, 4))),
        "one number far off": (np.full(6, 2.0), np.array([2.0, 2.0, 2.0, 9.0, 2.0, 2.0])),
        "a slope of 0 beside others": (np.array([0.0, 3.0, -2.0]), np.array([1e-9, 3.0, -2.0])),
    }


def _norm(a: Array) -> float:
    return float(np.linalg.norm(a))


def _divided(by: Callable[[Array, Array], float]) -> Any:
    def relative_error(a: Array, b: Array) -> float:
        size = by(a, b)
        return _norm(a - b) / size if size > 0 else 0.0

    return relative_error


def _largest_ratio(a: Array, b: Array) -> float:
    return float(np.max(np.abs(a - b) / np.maximum(1e-8, np.abs(a) + np.abs(b))))


def _ratio_of_each(a: Array, b: Array) -> Array:
    return np.abs(a - b) / np.maximum(1e-300, np.abs(a) + np.abs(b))


def _zero_by_zero(a: Array, b: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.float64(_norm(a - b)) / (_norm(a) + _norm(b)))


def _squares(a: Array, b: Array) -> float:
    size = float(np.sum(a**2) + np.sum(b**2))
    return float(np.sum((a - b) ** 2)) / size if size > 0 else 0.0


def _without_brackets(a: Array, b: Array) -> float:
    return _norm(a - b) / _norm(a) + _norm(b) if _norm(a) + _norm(b) > 0 else 0.0


def _squared_too_late(a: Array, b: Array) -> float:
    size = float(abs(np.sum(a)) + abs(np.sum(b)))  # the root of the square of a sum is its absolute value
    return float(abs(np.sum(a - b))) / size if size > 0 else 0.0


RELATIVE_MISTAKES = (
    Mistake(
        "brackets are missing",
        wrong=_without_brackets,
        why="Division comes before addition: a / b + c is (a / b) + c.",
        hint="Both norms stand below the fraction line: put their sum in brackets.",
    ),
    Mistake(
        "squared after the sum",
        wrong=_squared_too_late,
        why="Numbers of both signs cancel in a sum; their squares do not.",
        hint="First the squares, then their sum, then the root; or np.linalg.norm, which does all three.",
    ),
    Mistake(
        "not divided",
        wrong=lambda a, b: _norm(a - b),
        why="0.001 is a large error for a slope of 0.002, and a tiny one for a slope of 1000.",
        hint="Relative to what? Look below the fraction line.",
    ),
    Mistake(
        "divided by the size of a alone",
        wrong=_divided(lambda a, b: _norm(a)),
        why="Then error(a, b) is not error(b, a), and a = 0 divides by 0.",
        hint="Two norms are added up below the fraction line.",
    ),
    Mistake(
        "divided by the size of b alone",
        wrong=_divided(lambda a, b: _norm(b)),
        why="Then error(a, b) is not error(b, a), and b = 0 divides by 0.",
        hint="Two norms are added up below the fraction line.",
    ),
    Mistake(
        "divided by the larger of the two",
        wrong=_divided(lambda a, b: max(_norm(a), _norm(b))),
        why="That is another good measure; in this one opposite signs give exactly 1.",
        hint="Two norms are added up below the fraction line.",
    ),
    Mistake(
        "divided by the size of the sum",
        wrong=_divided(lambda a, b: _norm(a + b)),
        why="a and -a add up to nothing, so a flipped sign would be divided by 0.",
        hint="First the two norms, each by itself, then their sum.",
    ),
    Mistake(
        "the mean of the two sizes",
        wrong=_divided(lambda a, b: (_norm(a) + _norm(b)) / 2),
        why="A factor 2 too much: opposite signs should give 1.",
        hint="Nothing stands before the sum of the norms.",
    ),
    Mistake(
        "0 divided by 0",
        wrong=_zero_by_zero,
        why="Two gradients that are both 0 agree perfectly; 0 / 0 is nan, and nan is neither small nor large.",
        hint="Treat the case in which both norms are 0 before you divide.",
    ),
    Mistake(
        "a small number added below",
        wrong=lambda a, b: _norm(a - b) / (_norm(a) + _norm(b) + 1e-8),
        why="It keeps 0 / 0 away, but makes a large error between tiny gradients look small.",
        hint="Ask whether both norms are 0 instead.",
    ),
    Mistake(
        "the largest ratio of single entries",
        wrong=_largest_ratio,
        why="An entry that should be 0 and is 1e-9 then counts as completely wrong.",
        hint="np.linalg.norm measures a whole array with one number.",
    ),
    Mistake(
        "one error for each entry",
        wrong=_ratio_of_each,
        why="One number is wanted, for the whole array.",
        hint="np.linalg.norm measures a whole array with one number.",
    ),
    Mistake(
        "squares without a root",
        wrong=_squares,
        why="A square makes small errors look smaller still: 1e-4 becomes 1e-8.",
        hint="np.linalg.norm takes the root as well.",
    ),
    Mistake(
        "absolute values instead of squares",
        wrong=lambda a, b: float(np.sum(np.abs(a - b)) / max(np.sum(np.abs(a)) + np.sum(np.abs(b)), 1e-300)),
        why="That is another norm than the one in the formula.",
        hint="np.linalg.norm does what the formula says.",
    ),
    Mistake(
        "errors that cancel",
        wrong=lambda a, b: float(abs(np.sum(a - b)) / max(_norm(a) + _norm(b), 1e-300)),
        why="An entry too large and one too small add up to nothing.",
        hint="Square the differences before you add them up, as np.linalg.norm does.",
    ),
)


def _right_relative_by_hand(a: Array, b: Array) -> float:
    above = np.sqrt(np.sum((a - b) ** 2))
    below = np.sqrt(np.sum(a**2)) + np.sqrt(np.sum(b**2))
    return above / below if below else 0.0


def _right_relative_loop(a: Array, b: Array) -> float:
    apart = size_a = size_b = 0.0
    for p, q in zip(np.ravel(a), np.ravel(b), strict=True):
        apart += (p - q) ** 2
        size_a += p**2
        size_b += q**2
    if apart == 0:
        return 0.0
    return float(apart**0.5 / (size_a**0.5 + size_b**0.5))


RELATIVE = Exercise(
    identifier="gradients.relative_error",
    signature="relative_error(a, b) -> float",
    points=1,
    minutes=5,
    difficulty=1,
    lines=4,
    reference=_relative_error,
    cases=_relative_cases,
    mistakes=RELATIVE_MISTAKES,
    hints=(
        "np.linalg.norm(a - b) is what stands above the fraction line.",
        "Below it stand two norms, added up. If that sum is 0, the answer is 0.0 and nothing is to be divided.",
        "size = np.linalg.norm(a) + np.linalg.norm(b); return 0.0 if size is 0, else the norm of a - b by size.",
    ),
    alternatives=(
        _right_relative_by_hand,
        _right_relative_loop,
        lambda a, b: (
            0
            if not (np.any(a) or np.any(b))
            else np.linalg.norm((a - b).ravel()) / (_norm(a.ravel()) + _norm(b.ravel()))
        ),
    ),
)


# --------------------------------------------------------------------------- softmax_crossentropy_gradient


def _softmax_cases(rng: Rng) -> Cases:
    def case(n: int, c: int, weights: Any = None, scale: float = 1.5) -> tuple[Any, ...]:
        return rng.integers(0, c, n), scale * rng.normal(size=(n, c)), weights

    sure = rng.uniform(-1000, 1000, size=(6, 4))
    sure[1, 2], sure[4] = 990, rng.uniform(-1000, -900, 4)  # so one shift for all rows leaves only zeros in a row
    column, logits, _ = case(5, 3)
    some = rng.permutation(np.array([0.0, 0.0, 2.5, 1.0, 0.5, 3.0, 0.0]))
    return {
        "7 samples, 4 classes": case(7, 4),
        "2 samples, 3 classes": case(2, 3),
        "weights of shape (N,)": case(8, 5, rng.uniform(0.2, 3, 8)),
        "weights of shape (N, 1)": case(6, 4, rng.uniform(0.2, 3, (6, 1))),
        "as many samples as classes": case(5, 5, rng.uniform(0.2, 3, 5)),
        "logits between -1000 and 1000": (rng.integers(0, 4, 6), sure, None),
        "labels of shape (N, 1)": (column[:, None], logits, None),
        "labels as floats": (rng.integers(0, 3, 7).astype(float), rng.normal(size=(7, 3)), None),
        "the last classes do not occur": (rng.integers(0, 2, 9), rng.normal(size=(9, 6)), None),
        "all weights 10": case(4, 3, np.full(4, 10.0)),
        "some weights 0": case(7, 3, some),
        "one sample": case(1, 6),
    }


def _softmax_with(change: Callable[..., Any]) -> Any:
    """Give a whole wrong answer, made of p, the labels and the weights as a column."""

    def softmax_crossentropy_gradient(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Any:
        labels = _labels(y_true)
        w = np.ones((len(labels), 1)) if sample_weight is None else np.reshape(sample_weight, (-1, 1))
        return change(_softmax(logits), labels, w)

    return softmax_crossentropy_gradient


def _hot(labels: Array, p: Array) -> Array:
    return np.eye(p.shape[1])[labels]


def _every_row(p: Array, labels: Array, w: Array) -> Array:
    dz = p.copy()
    dz[:, labels] -= 1
    return w * dz / len(p)


def _guessed_classes(p: Array, labels: Array, w: Array) -> Array:
    return w * (p - np.eye(int(labels.max()) + 1)[labels]) / len(p)


def _unstable(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    with np.errstate(all="ignore"):
        p = np.exp(logits) / np.sum(np.exp(logits), axis=-1, keepdims=True)
    p[np.arange(len(p)), _labels(y_true)] -= 1
    return p * (1.0 if sample_weight is None else np.reshape(sample_weight, (-1, 1))) / len(p)


def _over_the_batch(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    p = _softmax(logits, axis=0)
    w = 1.0 if sample_weight is None else np.reshape(sample_weight, (-1, 1))
    return w * (p - _hot(_labels(y_true), p)) / len(p)


def _weights_along_classes(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    right = _softmax_crossentropy_gradient(y_true, logits)
    return right if sample_weight is None else right * sample_weight


def _shifts_the_callers(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    logits -= np.max(logits, axis=-1, keepdims=True)
    return _softmax_crossentropy_gradient(y_true, logits, sample_weight)


def _labels_as_they_come(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    p = _softmax(logits)
    p[np.arange(len(p)), y_true.astype(int)] -= 1
    return p * (1.0 if sample_weight is None else np.reshape(sample_weight, (-1, 1))) / len(p)


def _one_shift_for_all(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    with np.errstate(all="ignore"):
        e = np.exp(logits - np.max(logits))
        p = e / np.sum(e, axis=-1, keepdims=True)
    p[np.arange(len(p)), _labels(y_true)] -= 1
    return p * (1.0 if sample_weight is None else np.reshape(sample_weight, (-1, 1))) / len(p)


def _losses(p: Array, labels: Array, w: Array) -> Array:
    return -np.log(np.maximum(p[np.arange(len(p)), labels], 1e-300))


def _of_probabilities(p: Array, labels: Array, w: Array) -> Array:
    return -w * _hot(labels, p) / np.maximum(p, 1e-300) / len(p)


SOFTMAX_MISTAKES = (
    Mistake(
        "not divided by N",
        wrong=_softmax_with(lambda p, labels, w: w * (p - _hot(labels, p))),
        why="That is the slope of the sum of the losses. The loss is their mean, so each row counts 1/N.",
        hint="Which factor does the formula begin with?",
    ),
    Mistake(
        "divided by N twice",
        wrong=_softmax_with(lambda p, labels, w: w * (p - _hot(labels, p)) / len(p) ** 2),
        why="The mean has one 1/N; with a second one every step is N times too short.",
        hint="Count the divisions by the number of samples.",
    ),
    Mistake(
        "divided by the classes, too",
        wrong=_softmax_with(lambda p, labels, w: w * (p - _hot(labels, p)) / p.size),
        why="The mean is over N samples; C is in no denominator.",
        hint="What does .size count, and what does len count?",
    ),
    Mistake(
        "divided by the sum of the weights",
        wrong=_softmax_with(lambda p, labels, w: w * (p - _hot(labels, p)) / np.sum(w)),
        why="Keras divides by the number of samples, whatever the weights are.",
        hint="With all weights 10 the gradient must be ten times larger.",
    ),
    Mistake(
        "the weights have no effect",
        wrong=_softmax_with(lambda p, labels, w: (p - _hot(labels, p)) / len(p)),
        why="A sample that counts three times in the loss pulls three times as hard.",
        hint="Each row of the gradient is multiplied by its sample's weight.",
    ),
    Mistake(
        "the weights lie along the classes",
        wrong=_weights_along_classes,
        why="Weights of shape (N,) meet the last axis of (N, C), which holds the classes.",
        hint="np.reshape(sample_weight, (-1, 1)) stands them up as a column: one weight a row.",
    ),
    Mistake(
        "the weights are squared",
        wrong=_softmax_with(lambda p, labels, w: w**2 * (p - _hot(labels, p)) / len(p)),
        why="The loss has each weight once, so its slope has, too.",
        hint="Multiply by the weights once.",
    ),
    Mistake(
        "the sign is flipped",
        wrong=_softmax_with(lambda p, labels, w: w * (_hot(labels, p) - p) / len(p)),
        why="Raising the right class's logit makes the loss fall, so its slope is negative.",
        hint="Which of the two is subtracted from which?",
    ),
    Mistake(
        "the 1 is not taken off",
        wrong=_softmax_with(lambda p, labels, w: w * p / len(p)),
        why="That says that every logit should fall, the right one's as well.",
        hint="What happens in the column of the right class?",
    ),
    Mistake(
        "the 1 is taken off in every row",
        wrong=_softmax_with(_every_row),
        why="p[:, y] picks, for every row, the columns of all labels; each row has one label of its own.",
        hint="Two index arrays pick one entry a row: p[np.arange(N), y].",
    ),
    Mistake(
        "labels of shape (N, 1) spread to a table",
        wrong=_labels_as_they_come,
        why="A row of indices and a column of indices pick every label's column in every row, not one place a row.",
        hint="Give the labels the shape (N,) first: np.reshape(y_true, -1).",
    ),
    Mistake(
        "the label itself is subtracted",
        wrong=_softmax_with(lambda p, labels, w: w * (p - labels[:, None]) / len(p)),
        why="A label such as 7 says which column is meant; it is no quantity.",
        hint="1 is subtracted, in the column of the label.",
    ),
    Mistake(
        "as many classes as the largest label says",
        wrong=_softmax_with(_guessed_classes),
        why="A batch need not contain the last class; the number of classes is that of the columns.",
        hint="logits.shape[1] says how many classes there are.",
    ),
    Mistake(
        "the exponential overflows",
        wrong=_unstable,
        why="np.exp(1000) is inf, and inf / inf is nan.",
        hint="Subtract each row's largest logit before np.exp, as in notebook 04.",
    ),
    Mistake(
        "one shift for all rows",
        wrong=_one_shift_for_all,
        why="In a row far below the largest logit of the batch every exponential is 0, and 0 / 0 is nan.",
        hint="Subtract each row's own largest logit: np.max with axis=1 and keepdims=True.",
    ),
    Mistake(
        "softmax over the batch",
        wrong=_over_the_batch,
        why="Each column sums to 1 here; the classes of one sample are in a row.",
        hint="In (N, C) the classes are the last axis.",
    ),
    Mistake(
        "the slope in p, not in the logits",
        wrong=_softmax_with(_of_probabilities),
        why="-1/p is how the loss changes with the probability; the logits come before the softmax.",
        hint="The formula has no division by p.",
    ),
    Mistake(
        "the losses themselves",
        wrong=_softmax_with(_losses),
        why="These are the per-sample losses, (N,); their slopes in the logits are wanted, (N, C).",
        hint="No logarithm is needed.",
    ),
    Mistake(
        "the caller's logits are shifted",
        wrong=_shifts_the_callers,
        why="logits -= ... writes into the array you were given, and the loss will be computed from it, too.",
        hint="logits - np.max(...) makes a new array.",
    ),
)


def _right_softmax_loop(y_true: Array, logits: Array, sample_weight: Array | None = None) -> list[list[float]]:
    weights = [1.0] * len(logits) if sample_weight is None else np.ravel(sample_weight)
    rows = []
    for label, row, weight in zip(np.ravel(y_true), logits, weights, strict=True):
        top = max(row)
        e = [float(np.exp(z - top)) for z in row]
        total = sum(e)
        rows.append([weight * (v / total - (c == int(label))) / len(logits) for c, v in enumerate(e)])
    return rows


def _right_softmax_hot(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    hot = np.arange(logits.shape[1]) == np.reshape(y_true, (-1, 1))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    w = np.ones(len(logits)) if sample_weight is None else np.asarray(sample_weight).ravel()
    return (np.exp(log_p) - hot) * (w / len(logits))[:, None]


def _right_softmax_einsum(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    n, c = logits.shape
    z = (logits.T - logits.max(axis=1)).T
    p = np.exp(z)
    p /= p.sum(axis=1)[:, np.newaxis]
    p -= np.eye(c)[y_true.reshape(n).astype("int64")]
    if sample_weight is None:
        return p / n
    return np.einsum("nc,n->nc", p, np.squeeze(np.reshape(sample_weight, (n, 1)), 1)) / n


SOFTMAX = Exercise(
    identifier="gradients.softmax_crossentropy_gradient",
    signature="softmax_crossentropy_gradient(y_true, logits, sample_weight=None) -> (N, C)",
    points=3,
    minutes=12,
    difficulty=2,
    lines=6,
    reference=_softmax_crossentropy_gradient,
    cases=_softmax_cases,
    scenario=scenarios.weighted_gradient,
    mistakes=SOFTMAX_MISTAKES,
    hints=(
        "In this order: the probabilities p, (N, C); take 1 off in each row at its label; the weights; 1/N.",
        "p is np.exp of your log_softmax, or exp(shifted) divided by its row sums, with each row's maximum subtracted "
        "first. p[np.arange(N), labels] -= 1 takes off the ones; labels must be integers of shape (N,).",
        "labels = np.reshape(y_true, -1).astype(int); dz = p; dz[np.arange(len(labels)), labels] -= 1; if there are "
        "weights, dz = dz * np.reshape(sample_weight, (-1, 1)); return dz / len(labels).",
    ),
    alternatives=(_right_softmax_loop, _right_softmax_hot, _right_softmax_einsum),
)


# --------------------------------------------------------------------------- binary_crossentropy_gradient


def _binary_cases(rng: Rng) -> Cases:
    def case(n: int, weights: Any = None) -> tuple[Any, ...]:
        return rng.permutation(np.arange(n) % 2), 2 * rng.normal(size=n), weights

    labels, logits, _ = case(6)
    return {
        "7 samples": case(7),
        "3 samples": case(3),
        "weights of shape (N,)": case(8, rng.uniform(0.2, 3, 8)),
        "weights of shape (N, 1)": case(5, rng.uniform(0.2, 3, (5, 1))),
        "logits of shape (N, 1)": (labels, logits[:, None], None),
        "labels of shape (N, 1)": (labels[:, None], logits, rng.uniform(0.2, 3, 6)),
        "both of shape (N, 1)": (labels[:, None], logits[:, None], None),
        "logits between -1000 and 1000": (
            np.array([0, 1, 0, 1, 1]),
            np.array([1000.0, 1000.0, -1000.0, -1000.0, rng.uniform(300, 900)]),
            None,
        ),
        "labels between 0 and 1": (rng.uniform(0.1, 0.9, 5), rng.normal(size=5), None),
        "all weights 10": case(4, np.full(4, 10.0)),
        "some weights 0": case(5, rng.permutation(np.array([0.0, 2.0, 0.0, 1.5, 0.5]))),
        "one sample": case(1),
    }


def _binary_with(change: Callable[..., Any]) -> Any:
    """Give a whole wrong answer, made of p, y, the weights and z."""

    def binary_crossentropy_gradient(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Any:
        y, z = np.reshape(y_true, -1), np.reshape(logits, -1)
        w = np.ones(len(z)) if sample_weight is None else np.reshape(sample_weight, -1)
        with np.errstate(all="ignore"):
            return change(_sigmoid(z), y, w, z)

    return binary_crossentropy_gradient


def _unflattened(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    w = 1.0 if sample_weight is None else sample_weight
    return w * (_sigmoid(logits) - y_true) / len(logits)


def _naive_sigmoid(p: Array, y: Array, w: Array, z: Array) -> Array:
    return w * (np.exp(z) / (1 + np.exp(z)) - y) / len(z)


def _clipped_sigmoid(p: Array, y: Array, w: Array, z: Array) -> Array:
    return w * (np.clip(p, 1e-7, 1 - 1e-7) - y) / len(z)


BINARY_MISTAKES = (
    Mistake(
        "not divided by N",
        wrong=_binary_with(lambda p, y, w, z: w * (p - y)),
        why="That is the slope of the sum of the losses. The loss is their mean, so each sample counts 1/N.",
        hint="Which factor does the formula begin with?",
    ),
    Mistake(
        "divided by N twice",
        wrong=_binary_with(lambda p, y, w, z: w * (p - y) / len(z) ** 2),
        why="The mean has one 1/N; with a second one every step is N times too short.",
        hint="Count the divisions by the number of samples.",
    ),
    Mistake(
        "divided by the sum of the weights",
        wrong=_binary_with(lambda p, y, w, z: w * (p - y) / np.sum(w)),
        why="Keras divides by the number of samples, whatever the weights are.",
        hint="With all weights 10 the gradient must be ten times larger.",
    ),
    Mistake(
        "the weights have no effect",
        wrong=_binary_with(lambda p, y, w, z: (p - y) / len(z)),
        why="A sample that counts three times in the loss pulls three times as hard.",
        hint="Multiply by the weights, if there are any.",
    ),
    Mistake(
        "the sign is flipped",
        wrong=_binary_with(lambda p, y, w, z: w * (y - p) / len(z)),
        why="For a yes, y = 1, raising the logit makes the loss fall: the slope is negative.",
        hint="Which of the two is subtracted from which?",
    ),
    Mistake(
        "the slope of a squared error",
        wrong=_binary_with(lambda p, y, w, z: w * (p - y) * p * (1 - p) / len(z)),
        why="p (1 - p), the slope of the sigmoid, cancels against the 1 / (p (1 - p)) of the cross-entropy.",
        hint="The formula has a difference and nothing else.",
    ),
    Mistake(
        "the slope in p, not in the logit",
        wrong=_binary_with(lambda p, y, w, z: w * (p - y) / np.maximum(p * (1 - p), 1e-12) / len(z)),
        why="The logit comes before the sigmoid, whose own slope p (1 - p) has to be multiplied in.",
        hint="After the multiplication only a difference is left.",
    ),
    Mistake(
        "the sigmoid is left out",
        wrong=_binary_with(lambda p, y, w, z: w * (z - y) / len(z)),
        why="A logit can be any number; it is the probability that is compared with the label.",
        hint="p is the sigmoid of z.",
    ),
    Mistake(
        "the probability is rounded",
        wrong=_binary_with(lambda p, y, w, z: w * ((p > 0.5) - y) / len(z)),
        why="A decision has no slope; how sure the model is must stay in.",
        hint="Use p as it is.",
    ),
    Mistake(
        "the exponential overflows",
        wrong=_binary_with(_naive_sigmoid),
        why="np.exp(1000) is inf, and inf / inf is nan.",
        hint="1 / (1 + exp(-z)) is the same number, and survives: 1 / inf is 0.",
    ),
    Mistake(
        "the probability is clipped",
        wrong=_binary_with(_clipped_sigmoid),
        why="Nothing has to be clipped here: no logarithm meets a 0.",
        hint="Leave p as it is.",
    ),
    Mistake(
        "shapes (N,) and (N, 1) spread to a table",
        wrong=_unflattened,
        why="(N,) minus (N, 1) is an (N, N) table of every label against every logit.",
        hint="Give labels, logits and weights the shape (N,) first: np.reshape(..., -1).",
    ),
)


def _right_binary_loop(y_true: Array, logits: Array, sample_weight: Array | None = None) -> list[float]:
    weights = [1.0] * len(logits) if sample_weight is None else np.ravel(sample_weight)
    slopes = []
    for y, z, w in zip(np.ravel(y_true), np.ravel(logits), weights, strict=True):
        p = 1 / (1 + np.exp(-z)) if z > 0 else np.exp(z) / (1 + np.exp(z))
        slopes.append(float(w * (p - y) / len(logits)))
    return slopes


def _right_binary_tanh(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    z = logits.ravel()
    slope = 0.5 * (1 + np.tanh(z / 2)) - y_true.ravel()
    if sample_weight is not None:
        slope = slope * sample_weight.ravel()
    return slope / z.size


def _right_binary_where(y_true: Array, logits: Array, sample_weight: Array | None = None) -> Array:
    z, y = np.reshape(logits, -1), np.reshape(y_true, -1)
    e = np.exp(-np.abs(z))
    p = np.where(z >= 0, 1 / (1 + e), e / (1 + e))
    w = np.ones_like(z) if sample_weight is None else np.reshape(sample_weight, -1)
    return np.multiply(w, p - y) / np.shape(z)[0]


BINARY = Exercise(
    identifier="gradients.binary_crossentropy_gradient",
    signature="binary_crossentropy_gradient(y_true, logits, sample_weight=None) -> (N,)",
    points=2,
    minutes=8,
    difficulty=1,
    lines=4,
    reference=_binary_crossentropy_gradient,
    cases=_binary_cases,
    scenario=scenarios.weighted_gradient,
    mistakes=BINARY_MISTAKES,
    hints=(
        "First give everything the shape (N,); then p, the sigmoid; then a difference, the weights and 1/N.",
        "np.reshape(..., -1) flattens labels, logits and weights. p = 1 / (1 + np.exp(-z)) is exact for any z: where "
        "exp is inf, p is 0.",
        "y, z = np.reshape(y_true, -1), np.reshape(logits, -1); dz = (p - y) / len(z); with weights, dz times the flat "
        "weights.",
    ),
    alternatives=(_right_binary_loop, _right_binary_tanh, _right_binary_where),
)


# --------------------------------------------------------------------------- rows_sum_to_zero


def _property_cases(rng: Rng) -> Cases:
    """Gradients that are right, and ones that are wrong in ways that this property sees.

    Right ones miss 0 by a rounding error, at most 1e-6 of their largest entry; in wrong ones a row misses it by
    more than 1e-3 of that.
    """

    def made(n: int, c: int, weights: Any = None) -> tuple[Array, Array, Array]:
        labels, logits = rng.integers(0, c, n), 1.5 * rng.normal(size=(n, c))
        return labels, logits, _softmax_crossentropy_gradient(labels, logits, weights)

    labels, logits, right = made(103, 7)
    p = _softmax(logits)
    no_ones, one_row, exchanged = p / 103, right.copy(), right.copy()
    one_row[41, labels[41]] += 1 / 103
    exchanged[3, labels[3]] += 1 / 103
    exchanged[88, labels[3]] -= 1 / 103
    along_batch = (_softmax(logits, axis=0) - _hot(labels, p)) / 103
    nan = right.copy()
    nan[5, 2] = np.nan
    tiny = made(1003, 5, rng.uniform(1e-8, 3e-8, 1003))
    tiny_wrong = _softmax(tiny[1]) * 1e-8 / 1003
    narrow = made(5003, 10)[2].astype("float32")
    coarse = made(3, 10, np.full(3, 1000.0))[2].astype("float32")
    first_row, by_columns = right.copy(), rng.normal(size=(9, 4))
    first_row[0, labels[0]] += 1 / 103
    by_columns -= by_columns.mean(axis=0)
    return {
        "a right one of 103 × 7": (right,),
        "a wrong one: p / N, the ones never taken off": (no_ones,),
        "a right one in float32": (narrow,),
        "a right one in float32 with weights of 1000": (coarse,),
        "a wrong one: a single row of 103": (one_row,),
        "a wrong one: the first row alone": (first_row,),
        "a wrong one, though its columns sum to 0": (by_columns,),
        "a wrong one: a 1 in another row than its own": (exchanged,),
        "a wrong one: softmax over the batch": (along_batch,),
        "a right one with weights near 1e-8": (tiny[2],),
        "a wrong one with weights of 1e-8": (tiny_wrong,),
        "a right one with weights near 1000": (made(9, 4, rng.uniform(500, 1500, 9))[2],),
        "a wrong one: nan in one place": (nan,),
        "a wrong one: nan everywhere": (np.full((3, 4), np.nan),),
        "a right one: 0 everywhere, as all weights are 0": (np.zeros((4, 3)),),
        "a right one of a single sample": (made(1, 6)[2],),
        "a wrong one: ten times the label taken off": ((p - 10 * _hot(labels, p)) / 103,),
        "a wrong one: label smoothing by hand that forgot the rest": ((p - 0.9 * _hot(labels, p)) / 103,),
    }


def _sums(gradient: Array, axis: int = -1) -> Array:
    return np.sum(gradient, axis=axis)


PROPERTY_MISTAKES = (
    Mistake(
        "exactly 0 is asked for",
        wrong=lambda gradient: bool(np.all(_sums(gradient) == 0)),
        why="Sums of rounded numbers are hardly ever exactly 0: 1e-18 is 0 for this purpose.",
        hint="Ask whether the sums are small.",
    ),
    Mistake(
        "a tolerance of a fixed size",
        wrong=lambda gradient: bool(np.allclose(_sums(gradient), 0)),
        why="np.allclose(sums, 0) allows 1e-8: too little for float32, too much where all numbers are that small.",
        hint="Compare the sums with the largest entry of the gradient.",
    ),
    Mistake(
        "the sign of the sums is forgotten",
        wrong=lambda gradient: bool(np.all(_sums(gradient) <= 1e-5 * np.max(np.abs(gradient)))),
        why="A sum of -1 is smaller than any tolerance, and wrong.",
        hint="np.abs comes before the comparison.",
    ),
    Mistake(
        "columns instead of rows",
        wrong=lambda gradient: bool(np.all(np.abs(_sums(gradient, 0)) <= 1e-5 * np.max(np.abs(gradient)))),
        why="A column holds one class for all samples; nothing makes its sum 0.",
        hint="The classes of one sample lie along the last axis.",
    ),
    Mistake(
        "one sum for everything",
        wrong=lambda gradient: bool(abs(np.sum(gradient)) <= 1e-5 * np.max(np.abs(gradient))),
        why="A row that is too large and one that is too small cancel in the sum of all.",
        hint="np.sum takes an axis.",
    ),
    Mistake(
        "one good row is enough",
        wrong=lambda gradient: bool(np.any(np.abs(_sums(gradient)) <= 1e-5 * np.max(np.abs(gradient)))),
        why="np.any asks whether at least one row is right.",
        hint="Every row has to be right: np.all.",
    ),
    Mistake(
        "only the first row is looked at",
        wrong=lambda gradient: bool(abs(_sums(gradient)[0]) <= 1e-5 * np.max(np.abs(gradient))),
        why="A mistake may be in any row.",
        hint="Sum along the last axis, and look at all sums.",
    ),
    Mistake(
        "nan passes",
        wrong=lambda gradient: not np.any(np.abs(_sums(gradient)) > 1e-5 * np.max(np.abs(np.nan_to_num(gradient)))),
        why="nan > anything is False, so a row of nan is never noticed; nan <= anything is False as well.",
        hint="Ask whether all are small, not whether any is large.",
    ),
    Mistake(
        "a gradient of 0 is rejected",
        wrong=lambda gradient: bool(np.all(np.abs(_sums(gradient)) < 1e-5 * np.max(np.abs(gradient)))),
        why="0 is not smaller than 0; where all weights are 0, a gradient of 0 is right.",
        hint="Smaller, or smaller or equal?",
    ),
    Mistake(
        "always True",
        wrong=lambda gradient: True,
        why="A test that cannot fail tests nothing.",
        hint="Sum along the last axis, and look at the sums.",
    ),
    Mistake(
        "turned around",
        wrong=lambda gradient: not _rows_sum_to_zero(gradient),
        why="True is to say that the rows do sum to zero.",
        hint="Read the last line of your code aloud.",
    ),
    Mistake(
        "an answer for each row",
        wrong=lambda gradient: np.abs(_sums(gradient)) <= 1e-5 * np.max(np.abs(gradient)),
        why="One answer for the whole gradient is wanted.",
        hint="np.all makes one answer of many.",
    ),
)


def _right_property_loop(gradient: Array) -> bool:
    largest = max(abs(float(v)) for v in gradient.ravel())
    for row in gradient.astype(float):
        if not abs(sum(row)) <= 1e-4 * largest:
            return False
    return largest == largest


def _right_property_allclose(gradient: Array) -> bool:
    scale = np.abs(gradient).max()
    if scale == 0:
        return True
    return np.allclose(gradient.sum(axis=1) / scale, 0, atol=1e-5)


def _right_property_product(gradient: Array) -> Any:
    sums = gradient @ np.ones(gradient.shape[1])
    return np.max(np.abs(sums)) <= 1e-4 * np.abs(gradient).max()


PROPERTY = Exercise(
    identifier="gradients.rows_sum_to_zero",
    signature="rows_sum_to_zero(gradient) -> bool",
    points=2,
    minutes=8,
    difficulty=2,
    lines=3,
    reference=_rows_sum_to_zero,
    cases=_property_cases,
    mistakes=PROPERTY_MISTAKES,
    hints=(
        "Three steps: the sum of each row, (N,); is each small; are all of them.",
        "np.abs(...) <= tolerance gives True or False for each row, np.all makes one answer of them. The tolerance is "
        "1e-5 times the largest size of an entry: np.max(np.abs(gradient)).",
        "sums = np.sum(gradient, axis=-1); largest = np.max(np.abs(gradient)); return bool(np.all(np.abs(sums) <= 1e-5 "
        "times largest)).",
    ),
    alternatives=(_right_property_loop, _right_property_allclose, _right_property_product),
)


# --------------------------------------------------------------------------- predictions

BEST_EPS = Question(
    identifier="gradients.q1_best_eps",
    text=(
        "You measure a slope by (f(x + eps) - f(x - eps)) / (2 eps), in 64-bit numbers: 16 digits.\n"
        "With which eps does the result have the smallest error?"
    ),
    choices={"a": "1e-15, as small as it can be", "b": "1e-10", "c": "1e-5", "d": "1e-1"},
    answer="c",
    because="A smaller eps bends less, but it also leaves fewer digits in the difference; near 1e-5 the two balance.",
)

SLOPE_OF_SURE = Question(
    identifier="gradients.q2_slope_of_sure",
    text=(
        "A model gives the right class a probability of 0.9. Its loss is -log(0.9) = 0.105.\n"
        "What is the slope of this loss in the logit of the right class?"
    ),
    choices={"a": "-1.11, that is -1 / 0.9", "b": "-0.9", "c": "-0.1", "d": "+0.105"},
    answer="c",
    because="The slope is p - 1 for the right class and p for the others: only what is still missing pulls.",
)

DIVIDED_TWICE = Question(
    identifier="gradients.q3_divided_twice",
    text=(
        "By mistake a gradient is divided by the batch size, 32, once more than it should be.\n"
        "A classifier of digits is trained with it for 12 epochs, by Adam.\n"
        "Its accuracy on test images is ..."
    ),
    choices={
        "a": "10 %, what guessing gives",
        "b": "far lower than with the right gradient, by more than 20 points",
        "c": "lower, by 3 to 20 points",
        "d": "the same, to within 3 points",
    },
    answer="d",
    because="Adam divides each gradient by its own typical size, so a constant factor all but cancels.",
)

register(NUMERIC, RELATIVE, SOFTMAX, BINARY, PROPERTY)
register(BEST_EPS, SLOPE_OF_SURE, DIVIDED_TWICE)
