"""Notebook 01, the loop in twelve lines: linear regression by gradient descent, no classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import loop as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]

# The reference: these bodies are the twelve lines.


def _linear(x: Array, w: Array, b: float) -> Array:
    return x @ w + b


def _mse(y_true: Array, y_pred: Array) -> float:
    return float(np.mean((y_true - y_pred) ** 2))


def _mse_gradients(x: Array, y: Array, w: Array, b: float) -> tuple[Array, float]:
    error = _linear(x, w, b) - y
    dw = 2 * x.T @ error / len(y)
    db = 2 * float(np.mean(error))
    return dw, db


def _sgd_step(params: Any, grads: Any, learning_rate: float) -> list[Any]:
    return [p - learning_rate * g for p, g in zip(params, grads, strict=True)]


def _train(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[list[Any], list[float]]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        params = _sgd_step(params, _mse_gradients(x, y, *params), learning_rate)
    return params, losses


# Inputs. Columns have their own scale and offset, so that no sum, mean or axis can be mistaken for another.


def _features(rng: Rng, n: int, d: int) -> Array:
    return rng.normal(size=(n, d)) * rng.uniform(0.5, 3.0, d) + rng.uniform(-2.0, 2.0, d)


def _integers(rng: Rng, *shape: int) -> Array:
    return rng.integers(1, 9, shape) * rng.choice([-1, 1], shape)


def _linear_cases(rng: Rng) -> Cases:
    return {
        "103 rows of 3 features": (_features(rng, 103, 3), rng.normal(size=3), float(rng.uniform(1, 2))),
        "a negative b": (_features(rng, 7, 4), rng.normal(size=4), float(rng.uniform(-9, -3))),
        "one feature": (_features(rng, 6, 1), rng.normal(size=1), 0.5),
        "one row": (_features(rng, 1, 5), rng.normal(size=5), -1.5),
        "more features than rows": (_features(rng, 2, 5), rng.normal(size=5), 0.25),
        "large numbers": (1e6 * _features(rng, 5, 2), 1e3 * rng.normal(size=2), 1e5),
        "integers": (_integers(rng, 11, 3), _integers(rng, 3), 4),
    }


def _mse_cases(rng: Rng) -> Cases:
    y = 5 * rng.normal(size=103) - 2
    exact = rng.normal(size=5)
    return {
        "103 rows": (y, y + rng.normal(size=103) + 0.7),
        "3 rows": (np.array([1.0, -4.0, 2.5]), rng.normal(size=3)),
        "one row": (np.array([2.0]), rng.uniform(3, 9, 1)),
        "predictions that are all too low": (np.full(4, 10.0), rng.uniform(-5, 5, 4)),
        "exact predictions": (exact, exact.copy()),
        "errors that cancel in the mean": (np.zeros(6), np.array([3.0, -3.0, 1.0, -1.0, 2.0, -2.0])),
        "large errors": (1e8 * rng.normal(size=9), 1e8 * rng.normal(size=9)),
        "tiny errors": (np.zeros(5), 1e-3 * rng.normal(size=5)),
        "integers": (_integers(rng, 8), _integers(rng, 8)),
    }


def _gradient_cases(rng: Rng) -> Cases:
    x = _integers(rng, 7, 2).astype(float)
    w = np.array([2.0, -3.0])
    return {
        "103 rows of 3 features": (
            _features(rng, 103, 3),
            4 * rng.normal(size=103) + 2,
            rng.normal(size=3),
            float(rng.uniform(1, 2)),
        ),
        "weights of zero": (_features(rng, 7, 4), rng.normal(size=7) + 3, np.zeros(4), 0.0),
        "one feature": (_features(rng, 6, 1), rng.normal(size=6), rng.normal(size=1), -0.5),
        "one row": (_features(rng, 1, 5), rng.uniform(2, 3, 1), rng.normal(size=5), 1.0),
        "more features than rows": (_features(rng, 2, 5), rng.normal(size=2), rng.normal(size=5), 2.0),
        "exact predictions": (x, x @ w + 1.0, w, 1.0),
        "one row far off": (_features(rng, 9, 2), 50.0 * np.eye(9)[4], rng.normal(size=2), 0.0),
        "large numbers": (1e3 * _features(rng, 5, 2), 1e4 * rng.normal(size=5), rng.normal(size=2), 1e3),
        "integers": (_integers(rng, 11, 3), _integers(rng, 11), _integers(rng, 3), 2),
        "b as a NumPy number": (
            _features(rng, 8, 3),
            rng.normal(size=8),
            rng.normal(size=3),
            np.float64(rng.uniform(3, 4)),
        ),
    }


def _step_cases(rng: Rng) -> Cases:
    def mixed() -> list[Any]:
        return [
            rng.normal(size=(3, 2)),
            rng.normal(size=2),
            np.array(rng.normal()),
            1e3 * rng.normal(size=(2, 1, 5)),
        ]

    return {
        "four parameters of four shapes": (mixed(), mixed(), float(rng.uniform(0.05, 0.5))),
        "w and b": ([rng.normal(size=3), 0.75], [rng.normal(size=3), float(rng.normal())], 0.1),
        "gradients in a tuple": ([rng.normal(size=4), -2.0], (rng.normal(size=4), 1.5), 0.3),
        "a learning rate of 0": (mixed(), mixed(), 0.0),
        "three parameters of one shape": (
            [rng.normal(size=4) for _ in range(3)],
            [rng.normal(size=4) for _ in range(3)],
            0.4,
        ),
        "a learning rate above 1": ([rng.normal(size=5)], [rng.normal(size=5)], 2.5),
        "one gradient that is zero": (
            [rng.normal(size=2), rng.normal(size=3)],
            [np.zeros(2), rng.normal(size=3)],
            0.2,
        ),
        "integers": ([_integers(rng, 4), _integers(rng, 3, 2)], [_integers(rng, 4), _integers(rng, 3, 2)], 0.5),
        "a large gradient": ([rng.normal(size=6)], [1e8 * rng.normal(size=6)], 0.01),
        "no parameters": ([], [], 0.1),
    }


def _train_cases(rng: Rng) -> Cases:
    x = _features(rng, 103, 3)
    y = x @ rng.normal(size=3) + 4 + rng.normal(size=103)
    x_small, y_small = _features(rng, 7, 2), rng.normal(size=7) - 3
    unit = rng.normal(size=(11, 4))
    return {
        "103 rows of 3 features, 5 steps": (x, y, 0.02, 5),
        "one step": (x_small, y_small, 0.05, 1),
        "40 steps": (unit, unit @ rng.normal(size=4) + 2 + rng.normal(size=11), 0.05, 40),
        "no steps": (x_small, y_small, 0.05, 0),
        "a learning rate of 0": (x_small, y_small, 0.0, 3),
        "one feature": (_features(rng, 6, 1), rng.normal(size=6) + 1, 0.03, 4),
        "more features than rows": (_features(rng, 2, 5), rng.normal(size=2) + 1, 0.01, 3),
        "a learning rate so large that the loss rises": (x_small, y_small, 1.5, 6),
        "targets of zero, which are met from the start": (_features(rng, 5, 2), np.zeros(5), 0.1, 4),
        "integers": (_integers(rng, 9, 3), _integers(rng, 9), 0.01, 4),
    }


# Known mistakes, each a whole wrong answer.


def _n_by_n_mse(y_true: Array, y_pred: Array) -> float:
    return float(np.mean((y_true[:, None] - y_pred[None, :]) ** 2))


LINEAR_MISTAKES = (
    Mistake(
        "b is missing",
        wrong=lambda x, w, b: x @ w,
        why="The line has to pass through 0 when every feature is 0, whatever b is.",
        hint="Two things are added up in the formula; which one has not entered yet?",
    ),
    Mistake(
        "a column instead of a vector",
        wrong=lambda x, w, b: x @ np.reshape(w, (-1, 1)) + b,
        why="A result of shape (N, 1) meets targets of shape (N,) later, and NumPy makes an (N, N) table of them.",
        hint="With w of shape (D,) a matrix product gives (N,) by itself; nothing has to be reshaped.",
    ),
    Mistake(
        "products not added up",
        wrong=lambda x, w, b: x * w + b,
        why="x * w keeps one number for each feature, (N, D); a prediction is one number for each row.",
        hint="Which operator multiplies and adds up over the features in one go?",
    ),
    Mistake(
        "averaged over the features",
        wrong=lambda x, w, b: np.mean(x * w, axis=1) + b,
        why="The formula adds the D products up; a mean divides them by D as well.",
        hint="Look at the large sign in the formula once more.",
    ),
    Mistake(
        "b added once for each feature",
        wrong=lambda x, w, b: np.sum(x * w + b, axis=1),
        why="b is inside the sum here, so D of them end up in every prediction.",
        hint="First add up, then add b.",
    ),
    Mistake(
        "b subtracted",
        wrong=lambda x, w, b: x @ w - b,
        why="The bias is what the model predicts when every feature is 0, so its sign has to be its own.",
        hint="Try it on a row of zeros: the answer should be b itself.",
    ),
    Mistake(
        "b multiplies",
        wrong=lambda x, w, b: (x @ w) * b,
        why="A bias shifts all predictions by the same amount; it does not stretch them.",
        hint="Try it on a row of zeros: the answer should be b itself.",
    ),
    Mistake(
        "added up over the rows too",
        wrong=lambda x, w, b: float(np.sum(x * w) + b),
        why="A sum over the whole table leaves a single number; every row needs a prediction of its own.",
        hint="Add up along one axis only: the one that holds the features.",
    ),
)

MSE_MISTAKES = (
    Mistake(
        "a sum, not a mean",
        wrong=lambda y_true, y_pred: float(np.sum((y_true - y_pred) ** 2)),
        why="The sum grows with the number of rows, so losses of two data sets could not be compared.",
        hint="What is the M in MSE?",
    ),
    Mistake(
        "the square root was taken",
        wrong=lambda y_true, y_pred: float(np.sqrt(np.mean((y_true - y_pred) ** 2))),
        why="That is the RMSE: a good number to report, but its slope is another one.",
        hint="Stop one operation earlier.",
    ),
    Mistake(
        "absolute instead of squared",
        wrong=lambda y_true, y_pred: float(np.mean(np.abs(y_true - y_pred))),
        why="That is the mean absolute error; it does not punish a large error more than its share.",
        hint="What is the S in MSE?",
    ),
    Mistake(
        "averaged before squaring",
        wrong=lambda y_true, y_pred: float(np.mean(y_true - y_pred) ** 2),
        why="Errors of +3 and -3 cancel in the mean, and the loss would call them perfect.",
        hint="The order matters: which of the two operations acts on every single error?",
    ),
    Mistake(
        "not squared",
        wrong=lambda y_true, y_pred: float(np.mean(y_true - y_pred)),
        why="Errors of opposite sign cancel, and the loss can become as negative as it likes.",
        hint="What is the S in MSE?",
    ),
    Mistake(
        "halved",
        wrong=lambda y_true, y_pred: float(np.mean((y_true - y_pred) ** 2) / 2),
        why="Some textbooks write a 1/2 to make the gradient prettier; Keras' mse has none.",
        hint="Take a single row with an error of 2: what should come out?",
    ),
    Mistake(
        "divided by N - 1",
        wrong=lambda y_true, y_pred: (
            float(np.sum((y_true - y_pred) ** 2) / (len(y_true) - 1))
            if len(y_true) > 1
            else float(np.sum((y_true - y_pred) ** 2))
        ),
        why="N - 1 belongs to the variance of a sample; a loss is a plain mean over the rows.",
        hint="A mean divides by how many numbers there are.",
    ),
    Mistake(
        "every target against every prediction",
        wrong=_n_by_n_mse,
        why="Shapes (N, 1) and (N,) meet as an (N, N) table, so each target is compared with every row's prediction.",
        hint="Print the shape of the difference: it has to be (N,).",
    ),
    Mistake(
        "one number for each row",
        wrong=lambda y_true, y_pred: (y_true - y_pred) ** 2,
        why="The loss is what the whole data set is judged by: one number.",
        hint="What is the M in MSE?",
    ),
    Mistake(
        "the sum was squared, not the errors",
        wrong=lambda y_true, y_pred: float(np.sum(y_true - y_pred) ** 2 / len(y_true)),
        why="Errors of +3 and -3 cancel in the sum, and squaring comes too late to tell.",
        hint="The order matters: which of the two operations acts on every single error?",
    ),
    Mistake(
        "only the predictions are squared",
        wrong=lambda y_true, y_pred: float(np.mean(y_true - y_pred**2)),
        why="** binds before -, so the difference has to be in brackets to be squared.",
        hint="Where do round brackets belong in the formula?",
    ),
    Mistake(
        "the length of the error",
        wrong=lambda y_true, y_pred: float(np.linalg.norm(y_true - y_pred)),
        why="A norm takes a root and does not divide by N; the loss is the mean of the squares.",
        hint="Write the three operations of the formula one by one.",
    ),
    Mistake(
        "divided by the size of the targets",
        wrong=lambda y_true, y_pred: float(np.sum((y_true - y_pred) ** 2) / max(np.sum(y_true**2), 1e-12)),
        why="A relative error is a different loss: its gradient is another one.",
        hint="A mean divides by how many numbers there are.",
    ),
)


def _wrong_gradients(dw: Any = None, db: Any = None) -> Any:
    """Give a whole wrong answer in which dw, db or both are computed from (x, error) in another way."""

    def mse_gradients(x: Array, y: Array, w: Array, b: float) -> tuple[Any, Any]:
        error = _linear(x, w, b) - y
        right = _mse_gradients(x, y, w, b)
        return dw(x, error) if dw else right[0], db(x, error) if db else right[1]

    return mse_gradients


def _gradients_without_b(x: Array, y: Array, w: Array, b: float) -> tuple[Any, Any]:
    return _mse_gradients(x, y, w, 0.0)


def _gradients_swapped(x: Array, y: Array, w: Array, b: float) -> tuple[Any, Any]:
    return _mse_gradients(x, y, w, b)[::-1]


def _gradients_of_a_table(x: Array, y: Array, w: Array, b: float) -> tuple[Any, Any]:
    error = _linear(x, w, b)[None, :] - y[:, None]
    return 2 * (error @ x).mean(axis=0) / len(y), 2 * float(np.mean(error))


GRADIENT_MISTAKES = (
    Mistake(
        "the sign is flipped",
        wrong=_wrong_gradients(lambda x, e: -2 * x.T @ e / len(e), lambda x, e: -2 * float(np.mean(e))),
        why="With target minus prediction the square is the same, its slope is the opposite: the step would climb.",
        hint="When all predictions are too high, raising b makes the loss worse: which sign must db have?",
    ),
    Mistake(
        "the factor 2 is missing",
        wrong=_wrong_gradients(lambda x, e: x.T @ e / len(e), lambda x, e: float(np.mean(e))),
        why="The slope of a square is twice its base; without the 2 every step is half as long as asked for.",
        hint="What is the derivative of e squared by e?",
    ),
    Mistake(
        "a sum over the rows, not a mean",
        wrong=_wrong_gradients(lambda x, e: 2 * x.T @ e, lambda x, e: 2 * float(np.sum(e))),
        why="The loss is a mean, so its slope is one too; a sum makes the step N times too long.",
        hint="The 1/N of the loss does not vanish when you take the slope.",
    ),
    Mistake(
        "db is a sum, dw a mean",
        wrong=_wrong_gradients(db=lambda x, e: 2 * float(np.sum(e))),
        why="Both are slopes of the same mean, so both carry its 1/N.",
        hint="Compare the denominators of your two lines.",
    ),
    Mistake(
        "dw is a sum, db a mean",
        wrong=_wrong_gradients(dw=lambda x, e: 2 * x.T @ e),
        why="Both are slopes of the same mean, so both carry its 1/N; x.T @ error only adds up.",
        hint="Compare the denominators of your two lines.",
    ),
    Mistake(
        "divided by N twice",
        wrong=_wrong_gradients(lambda x, e: 2 * x.T @ e / len(e) ** 2, lambda x, e: 2 * float(np.mean(e)) / len(e)),
        why="The mean already divides by N; a second time makes every step N times too short.",
        hint="Use either a mean or a division by N.",
    ),
    Mistake(
        "averaged over the features too",
        wrong=_wrong_gradients(dw=lambda x, e: 2 * x.T @ e / x.size),
        why="The loss is a mean over N rows; D, the number of features, is in no denominator.",
        hint="x.size is N times D: which of them belongs here?",
    ),
    Mistake(
        "b left out of the prediction",
        wrong=_gradients_without_b,
        why="The error is that of the model as it is now, and the model adds b.",
        hint="Use your own linear(x, w, b) for the predictions.",
    ),
    Mistake(
        "errors not multiplied by the features",
        wrong=_wrong_gradients(dw=lambda x, e: np.full(x.shape[1], 2 * np.mean(e))),
        why="Moving w_j moves a row's prediction by its feature x_j, so each error counts with that weight.",
        hint="How far does the prediction of one row move when w_j moves by 1?",
    ),
    Mistake(
        "only the sign of the error is used",
        wrong=_wrong_gradients(lambda x, e: x.T @ np.sign(e) / len(e), lambda x, e: float(np.mean(np.sign(e)))),
        why="That is the slope of the mean absolute error; for squares a larger error pulls harder.",
        hint="What is the derivative of e squared by e?",
    ),
    Mistake(
        "the errors are squared",
        wrong=_wrong_gradients(lambda x, e: 2 * x.T @ e**2 / len(e), lambda x, e: 2 * float(np.mean(e**2))),
        why="Taking the slope lowers the power by one; a squared error has no sign left to say where to go.",
        hint="What is the derivative of e squared by e?",
    ),
    Mistake(
        "db is always 0",
        wrong=_wrong_gradients(db=lambda x, e: 0.0),
        why="b would stay where it starts, and the line would be pinned to the origin.",
        hint="b acts like a weight whose feature is 1 in every row.",
    ),
    Mistake(
        "dw and db are swapped",
        wrong=_gradients_swapped,
        why="The caller unpacks dw, db in this order and would move w by the bias' slope.",
        hint="Look at the order in the signature.",
    ),
    Mistake(
        "every target against every prediction",
        wrong=_gradients_of_a_table,
        why="Shapes (N, 1) and (N,) meet as an (N, N) table, so each target is compared with every row's prediction.",
        hint="Print the shape of the error: it has to be (N,).",
    ),
    Mistake(
        "one gradient for each row",
        wrong=_wrong_gradients(lambda x, e: 2 * x * e[:, None], lambda x, e: 2 * e),
        why="These are the slopes of the N single errors; the loss is their mean, so its slope is theirs too.",
        hint="Take the mean over the rows: which axis is that?",
    ),
    Mistake(
        "dw is a column",
        wrong=_wrong_gradients(dw=lambda x, e: (2 * x.T @ e / len(e))[:, None]),
        why="A gradient has the shape of what it belongs to, (D,); else w - rate * dw becomes a table.",
        hint="With an error of shape (N,) the product has the right shape by itself.",
    ),
)


def _step_in_place(params: Any, grads: Any, learning_rate: float) -> Any:
    for p, g in zip(params, grads, strict=True):
        p -= learning_rate * g
    return params


def _step_in_place_into_a_new_list(params: Any, grads: Any, learning_rate: float) -> Any:
    updated = []
    for p, g in zip(params, grads, strict=True):
        p -= learning_rate * g
        updated.append(p)
    return updated


def _step_in_place_by_index(params: Any, grads: Any, learning_rate: float) -> Any:
    for position, g in enumerate(grads):
        params[position] -= learning_rate * g
    return params


def _step_in_place_of_the_list(params: Any, grads: Any, learning_rate: float) -> Any:
    for position, g in enumerate(grads):
        params[position] = params[position] - learning_rate * g
    return params


def _step_of_the_first(params: Any, grads: Any, learning_rate: float) -> Any:
    return [p - learning_rate * g for p, g in zip(params[:1], grads[:1], strict=True)] + list(params[1:])


def _step_that_skips(params: Any, grads: Any, learning_rate: float) -> Any:
    return list(params) if learning_rate == 0 else _sgd_step(params, grads, learning_rate)


def _step_rebound(params: Any, grads: Any, learning_rate: float) -> Any:
    for p, g in zip(params, grads, strict=True):
        p = p - learning_rate * g
    return params


def _step_normalised(params: Any, grads: Any, learning_rate: float) -> Any:
    lengths = [float(np.sqrt(np.sum(np.square(g)))) or 1.0 for g in grads]
    return [p - learning_rate * g / n for p, g, n in zip(params, grads, lengths, strict=True)]


def _step_clipped(params: Any, grads: Any, learning_rate: float) -> Any:
    return [p - learning_rate * np.clip(g, -1.0, 1.0) for p, g in zip(params, grads, strict=True)]


def _each(rule: Any) -> Any:
    """Give a whole wrong answer that applies `rule(p, g, learning_rate)` to every parameter."""

    def sgd_step(params: Any, grads: Any, learning_rate: float) -> list[Any]:
        return [rule(p, g, learning_rate) for p, g in zip(params, grads, strict=True)]

    return sgd_step


STEP_MISTAKES = (
    Mistake(
        "a step up, not down",
        wrong=_each(lambda p, g, rate: p + rate * g),
        why="The gradient points to where the loss grows fastest; adding it climbs.",
        hint="Which sign leads away from where the gradient points?",
    ),
    Mistake(
        "the learning rate is missing",
        wrong=_each(lambda p, g, rate: p - g),
        why="The gradient says which way and how steep; how far to go is the learning rate's to say.",
        hint="One of the three arguments is not used yet.",
    ),
    Mistake(
        "divided by the learning rate",
        wrong=_each(lambda p, g, rate: p - g / (rate if rate else 1.0)),
        why="A smaller rate has to give a smaller step.",
        hint="With a rate of 0 nothing may move.",
    ),
    Mistake(
        "the step, not the new value",
        wrong=_each(lambda p, g, rate: -rate * g),
        why="What comes back replaces the parameters, so it has to contain where they were.",
        hint="With a rate of 0 the parameters should come back as they are.",
    ),
    Mistake(
        "the sign is flipped",
        wrong=_each(lambda p, g, rate: rate * g - p),
        why="The two sides of the minus are exchanged: with a rate of 0 the parameters change their sign.",
        hint="With a rate of 0 the parameters should come back as they are.",
    ),
    Mistake(
        "the parameters shrink as well",
        wrong=_each(lambda p, g, rate: p - rate * (p + g)),
        why="A pull towards 0 is weight decay, a good thing of its own; a plain step has none.",
        hint="Where the gradient is zero nothing may move.",
    ),
    Mistake(
        "p -= changes the caller's arrays",
        wrong=_step_in_place,
        why="-= writes into the array that the caller holds (and leaves a plain number in the list as it was).",
        hint="Which way of writing a subtraction makes a new array?",
    ),
    Mistake(
        "p -= in a new list still changes the caller's arrays",
        wrong=_step_in_place_into_a_new_list,
        why="The list is new but the arrays in it are the caller's, with other numbers written into them.",
        hint="Which way of writing a subtraction makes a new array?",
    ),
    Mistake(
        "params[i] -= changes the caller's arrays",
        wrong=_step_in_place_by_index,
        why="-= writes into the array that the caller holds, so the old parameters are lost to whoever needs them.",
        hint="Which way of writing a subtraction makes a new array?",
    ),
    Mistake(
        "params[i] = changes the caller's list",
        wrong=_step_in_place_of_the_list,
        why="The arrays are new, but they are put into the caller's list, so the old ones are gone there.",
        hint="Start from an empty list and append to it.",
    ),
    Mistake(
        "an old array is handed back",
        wrong=_step_that_skips,
        why="Whoever changes the new parameters later would change the old ones too, for they are the same array.",
        hint="Let the arithmetic run in every case: p - 0 * g is a new array with the same numbers.",
    ),
    Mistake(
        "only the first parameter moves",
        wrong=_step_of_the_first,
        why="All parameters go down the slope together; the others stay where they are here.",
        hint="Go through both lists side by side.",
    ),
    Mistake(
        "the length of the gradient is ignored",
        wrong=_step_normalised,
        why="A steep slope should give a long step and a flat one a short step; this makes all equally long.",
        hint="Use the gradient as it is.",
    ),
    Mistake(
        "large gradients are cut",
        wrong=_step_clipped,
        why="Clipping is a remedy of its own, and it changes the direction of the step.",
        hint="Use the gradient as it is.",
    ),
    Mistake(
        "nothing has moved",
        wrong=_step_rebound,
        why="What came back is what was passed in: p = ... names a new array, and the list does not hear.",
        hint="Begin with an empty list and append each new parameter to it.",
    ),
)


def _trained(
    *,
    gradients: Any = _mse_gradients,
    step: Any = _sgd_step,
    start: Any = lambda x: [np.zeros(x.shape[1]), 0.0],
    loss: Any = _mse,
    count: Any = lambda steps: steps,
) -> Any:
    """Give a whole wrong answer: the reference's loop with one of its parts replaced."""

    def train(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
        params, losses = start(x), []
        for _ in range(count(steps)):
            losses.append(loss(y, _linear(x, *params)))
            params = step(params, gradients(x, y, *params), learning_rate)
        return params, losses

    return train


def _train_loss_after(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for _ in range(steps):
        params = _sgd_step(params, _mse_gradients(x, y, *params), learning_rate)
        losses.append(_mse(y, _linear(x, *params)))
    return params, losses


def _train_one_more_loss(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params, losses = _train(x, y, learning_rate, steps)
    return params, [*losses, _mse(y, _linear(x, *params))]


def _train_w_before_b(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    w, b, losses = np.zeros(x.shape[1]), 0.0, []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, w, b)))
        w = w - learning_rate * _mse_gradients(x, y, w, b)[0]
        b = b - learning_rate * _mse_gradients(x, y, w, b)[1]
    return (w, b), losses


def _train_with_old_gradients(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    grads, losses = _mse_gradients(x, y, *params), []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        params = _sgd_step(params, grads, learning_rate)
    return params, losses


def _train_summed_gradients(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    total: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        total = [t + g for t, g in zip(total, _mse_gradients(x, y, *params), strict=True)]
        params = _sgd_step(params, total, learning_rate)
    return params, losses


def _train_until_it_rises(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses: list[float] = []
    for _ in range(steps):
        loss = _mse(y, _linear(x, *params))
        if losses and loss > losses[-1]:
            break
        losses.append(loss)
        params = _sgd_step(params, _mse_gradients(x, y, *params), learning_rate)
    return params, losses


def _train_keep_the_best(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    best, losses = params, []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        params = _sgd_step(params, _mse_gradients(x, y, *params), learning_rate)
        if _mse(y, _linear(x, *params)) < _mse(y, _linear(x, *best)):
            best = params
    return best, losses


def _train_row_by_row(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for step in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        row = slice(step % len(y), step % len(y) + 1)
        params = _sgd_step(params, _mse_gradients(x[row], y[row], *params), learning_rate)
    return params, losses


def _train_passes_of_rows(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        for row in range(len(y)):
            grads = _mse_gradients(x[row : row + 1], y[row : row + 1], *params)
            params = _sgd_step(params, grads, learning_rate)
    return params, losses


def _train_thrown_away(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for _ in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        _sgd_step(params, _mse_gradients(x, y, *params), learning_rate)
    return params, losses


def _train_last_loss(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params, losses = _train(x, y, learning_rate, steps)
    return params, losses[-1] if losses else 0.0


def _train_only_losses(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    return _train(x, y, learning_rate, steps)[1]


def _train_only_params(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    return _train(x, y, learning_rate, steps)[0]


def _train_three_things(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    (w, b), losses = _train(x, y, learning_rate, steps)
    return w, b, losses


def _train_other_order(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    return _train(x, y, learning_rate, steps)[::-1]


TRAIN_MISTAKES = (
    Mistake(
        "the loss is noted after the step",
        wrong=_train_loss_after,
        why="losses[0] should be the loss of the untrained model; here it is the one after the first step.",
        hint="Inside the loop, what has to come first: the note or the step?",
    ),
    Mistake(
        "one loss too many",
        wrong=_train_one_more_loss,
        why="There is one loss for each step; the loss after the last step belongs to a step that never comes.",
        hint="With steps=0 the list is empty.",
    ),
    Mistake(
        "one step short",
        wrong=_trained(count=lambda steps: max(steps - 1, 0)),
        why="range(steps - 1) and range(1, steps) both run one time too few.",
        hint="How often does the body of for i in range(steps) run?",
    ),
    Mistake(
        "one step too many",
        wrong=_trained(count=lambda steps: steps + 1),
        why="With steps=0 nothing may move, and here something does.",
        hint="How often does the body of for i in range(steps) run?",
    ),
    Mistake(
        "started from ones",
        wrong=_trained(start=lambda x: [np.ones(x.shape[1]), 0.0]),
        why="Where the run starts decides every number after it; this one starts from zeros.",
        hint="Which NumPy function makes an array of zeros?",
    ),
    Mistake(
        "b starts at the mean of the targets",
        wrong=lambda x, y, learning_rate, steps: _trained(start=lambda x: [np.zeros(x.shape[1]), np.mean(y)])(
            x, y, learning_rate, steps
        ),
        why="A clever start, and it saves steps; but all parameters start from zero here.",
        hint="With steps=0 both parameters come back as zeros.",
    ),
    Mistake(
        "b is never updated",
        wrong=_trained(step=lambda p, g, rate: [p[0] - rate * g[0], p[1]]),
        why="The line stays pinned to the origin.",
        hint="The gradients are a pair; where does the second one go?",
    ),
    Mistake(
        "b's gradient is taken after w has moved",
        wrong=_train_w_before_b,
        why="A step has one point of departure: both slopes are measured there, then both parameters move.",
        hint="Compute the gradients once a step, for both, before anything changes.",
    ),
    Mistake(
        "the gradients are computed only once",
        wrong=_train_with_old_gradients,
        why="After a step the slope is another one; this walks on in the first direction for ever.",
        hint="What depends on the parameters has to be computed inside the loop.",
    ),
    Mistake(
        "gradients pile up",
        wrong=_train_summed_gradients,
        why="Each step uses the slope where it stands; here the slopes of all earlier steps are still in it.",
        hint="Begin every step with fresh gradients.",
    ),
    Mistake(
        "it climbs",
        wrong=_trained(step=lambda p, g, rate: [p[0] + rate * g[0], p[1] + rate * g[1]]),
        why="Every step goes up the slope instead of down.",
        hint="Look at the sign in your sgd_step, and at the sign of your gradients.",
    ),
    Mistake(
        "steps half as long",
        wrong=_trained(step=lambda p, g, rate: _sgd_step(p, g, rate / 2)),
        why="The slope of a square is twice its base; without the 2 every step is half as long as asked for.",
        hint="Check mse_gradients first: it should have passed before you come here.",
    ),
    Mistake(
        "the learning rate shrinks from step to step",
        wrong=lambda x, y, learning_rate, steps: _decayed(x, y, learning_rate, steps),
        why="A schedule is a good thing of its own; here every step has the same rate.",
        hint="Pass the learning rate on as it came.",
    ),
    Mistake(
        "it stops when the loss rises",
        wrong=_train_until_it_rises,
        why="The caller asked for a number of steps; a loop that leaves early hides that the rate is too large.",
        hint="steps alone says when to stop.",
    ),
    Mistake(
        "the best parameters instead of the last",
        wrong=_train_keep_the_best,
        why="That is a checkpoint, a good thing of its own; train returns where the run ended.",
        hint="Return the parameters as the last step left them.",
    ),
    Mistake(
        "one row a step",
        wrong=_train_row_by_row,
        why="Each step uses a single row here; today a step looks at all N rows.",
        hint="Hand the whole x and y to mse_gradients.",
    ),
    Mistake(
        "one step a row",
        wrong=_train_passes_of_rows,
        why="That is N steps where one was asked for: steps counts updates of the weights.",
        hint="A single loop is enough: the rows are already summed up inside mse_gradients.",
    ),
    Mistake(
        "only the last loss is kept",
        wrong=_train_last_loss,
        why="One number cannot show how the run went; the list is what you plot.",
        hint="Append to a list, once a step.",
    ),
    Mistake(
        "only the losses come back",
        wrong=_train_only_losses,
        why="What was learned is in the parameters; without them the run was for nothing.",
        hint="Two things are returned, the parameters first.",
    ),
    Mistake(
        "only the parameters come back",
        wrong=_train_only_params,
        why="Without the losses nobody can see how the run went.",
        hint="Two things are returned, the parameters first.",
    ),
    Mistake(
        "three things come back",
        wrong=_train_three_things,
        why="The caller unpacks params, losses; w and b travel together, as sgd_step returns them.",
        hint="Put w and b into one list or tuple.",
    ),
    Mistake(
        "losses and parameters are swapped",
        wrong=_train_other_order,
        why="The caller unpacks params, losses in this order.",
        hint="Two things are returned, the parameters first.",
    ),
    Mistake(
        "what sgd_step returns is thrown away",
        wrong=_train_thrown_away,
        why="Your parameters are still zeros: sgd_step changes nothing, it gives new ones back, and nobody keeps them.",
        hint="Which name has to mean the new parameters in the next round?",
    ),
)


def _decayed(x: Array, y: Array, learning_rate: float, steps: int) -> tuple[Any, Any]:
    params: list[Any] = [np.zeros(x.shape[1]), 0.0]
    losses = []
    for step in range(steps):
        losses.append(_mse(y, _linear(x, *params)))
        params = _sgd_step(params, _mse_gradients(x, y, *params), learning_rate / (step + 1))
    return params, losses


# Other right answers, in the styles learners write.


def _linear_by_loops(x: Array, w: Array, b: float) -> Any:
    out = []
    for row in x:
        total = b
        for j in range(len(w)):
            total = total + row[j] * w[j]
        out.append(float(total))
    return out


def _mse_by_loop(y_true: Array, y_pred: Array) -> float:
    total = 0.0
    for t, p in zip(y_true, y_pred, strict=True):
        total += (float(t) - float(p)) ** 2
    return total / len(y_true)


def _gradients_by_loops(x: Array, y: Array, w: Array, b: float) -> Any:
    n_samples, n_features = x.shape
    dw, db = [0.0] * n_features, 0.0
    for i in range(n_samples):
        error = sum(x[i, j] * w[j] for j in range(n_features)) + b - y[i]
        for j in range(n_features):
            dw[j] += 2 * error * x[i, j] / n_samples
        db += 2 * error / n_samples
    return dw, float(db)


def _gradients_by_rows(x: Array, y: Array, w: Array, b: float) -> Any:
    residual = y - (x @ w + b)
    return [(-2 * residual[:, None] * x).mean(axis=0), np.mean(-2 * residual)]


def _gradients_by_einsum(x: Array, y: Array, w: Array, b: float) -> Any:
    error = np.einsum("nd,d->n", x, w) + b - y
    return np.einsum("nd,n->d", x, error) * 2 / x.shape[0], np.array(2 * error.sum() / x.shape[0])


def _gradients_augmented(x: Array, y: Array, w: Array, b: float) -> Any:
    a = np.column_stack([x, np.ones(len(x))])
    g = 2 * a.T @ (a @ np.append(w, b) - y) / len(y)
    return g[:-1], g[-1]


def _step_by_loop(params: Any, grads: Any, learning_rate: float) -> Any:
    updated = []
    for i in range(len(params)):
        new = np.array(params[i], dtype=float)
        new -= learning_rate * np.asarray(grads[i])
        updated.append(new)
    return updated


def _step_by_map(params: Any, grads: Any, learning_rate: float) -> Any:
    return list(map(lambda p, g: np.subtract(p, np.multiply(learning_rate, g)), params, grads))


def _step_of_copies(params: Any, grads: Any, learning_rate: float) -> Any:
    params = [np.copy(p) for p in params]
    for i, g in enumerate(grads):
        params[i] = params[i] - learning_rate * np.asarray(g, dtype=float)
    return params


def _train_by_names(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    w, b = np.zeros(x.shape[1]), np.float64(0)
    losses: list[float] = []
    while len(losses) < steps:
        error = x @ w + b - y
        losses.append(float(np.mean(error**2)))
        dw, db = 2 * error @ x / len(y), 2 * np.mean(error)
        w, b = w - learning_rate * dw, b - learning_rate * db
    return (w, b), losses


def _train_in_place(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    w, b = np.zeros(x.shape[1]), np.zeros(())
    losses = np.zeros(steps)
    for i in range(steps):
        error = x @ w + b - y
        losses[i] = np.mean(error**2)
        w -= learning_rate * 2 * x.T @ error / len(y)
        b -= learning_rate * 2 * np.mean(error)
    return [w, b], losses


def _train_augmented(x: Array, y: Array, learning_rate: float, steps: int) -> Any:
    a = np.column_stack([x, np.ones(len(x))])
    theta, losses = np.zeros(a.shape[1]), []
    for _ in range(steps):
        error = a @ theta - y
        losses.append((error @ error) / len(y))
        theta = theta - learning_rate * 2 * a.T @ error / len(y)
    return [theta[:-1], theta[-1]], losses


LINEAR = Exercise(
    identifier="loop.linear",
    signature="linear(x, w, b) -> (N,)",
    points=1,
    minutes=4,
    difficulty=1,
    lines=1,
    reference=_linear,
    cases=_linear_cases,
    mistakes=LINEAR_MISTAKES,
    hints=(
        "Each row of x gives one number: its features times the weights, added up, and then b.",
        "Multiplying a table by a vector with @ does the products and the sum for all rows at once, as in the shop.",
        "It is one line: return, the table, @, the weights, plus b.",
    ),
    alternatives=(
        _linear_by_loops,
        lambda x, w, b: np.einsum("nd,d->n", x, w) + b,
        lambda x, w, b: np.sum(x * w, axis=1) + b,
        lambda x, w, b: np.dot(w, x.T) + b,
        lambda x, w, b: np.column_stack([x, np.ones(len(x))]) @ np.append(w, b),
        lambda x, w, b: [float(np.dot(row, w) + b) for row in x],
        lambda x, w, b: (np.asarray(x, np.float32) @ np.asarray(w, np.float32) + b).astype(np.float32),
    ),
)

MSE = Exercise(
    identifier="loop.mse",
    signature="mse(y_true, y_pred) -> float",
    points=1,
    minutes=4,
    difficulty=1,
    lines=1,
    reference=_mse,
    cases=_mse_cases,
    mistakes=MSE_MISTAKES,
    hints=(
        "Read the name from right to left: first the errors, then their squares, then the mean.",
        "y_true - y_pred is all errors at once, ** 2 squares each of them, np.mean averages what it is given.",
        "It is one line: float(np.mean( ... )), and inside it the difference in brackets, to the power of 2.",
    ),
    alternatives=(
        _mse_by_loop,
        lambda y_true, y_pred: np.mean(np.square(y_pred - y_true)),
        lambda y_true, y_pred: np.dot(y_true - y_pred, y_true - y_pred) / len(y_true),
        lambda y_true, y_pred: sum((t - p) ** 2 for t, p in zip(y_true, y_pred, strict=True)) / len(y_true),
        lambda y_true, y_pred: np.linalg.norm(y_true - y_pred) ** 2 / y_true.size,
        lambda y_true, y_pred: np.array(((y_true - y_pred) ** 2).mean()),
        lambda y_true, y_pred: np.float32(np.mean((y_true - y_pred) ** 2)),
    ),
)

MSE_GRADIENTS = Exercise(
    identifier="loop.mse_gradients",
    signature="mse_gradients(x, y, w, b) -> (dw, db)",
    points=2,
    minutes=12,
    difficulty=2,
    lines=4,
    reference=_mse_gradients,
    cases=_gradient_cases,
    mistakes=GRADIENT_MISTAKES,
    hints=(
        "Both slopes are made of the same errors, prediction minus target, (N,); compute these first.",
        "db is twice the mean error. In dw each error is multiplied by its row of features before the mean is taken: "
        "x.T @ error multiplies and adds up over the N rows, and leaves (D,).",
        "Four lines: error = linear(x, w, b) - y; dw = 2 * (x.T @ error), divided by the number of rows; db = 2 * "
        "(mean of error); return both.",
    ),
    alternatives=(
        _gradients_by_loops,
        _gradients_by_rows,
        _gradients_by_einsum,
        _gradients_augmented,
        lambda x, y, w, b: (
            np.array([2 * np.mean((x @ w + b - y) * x[:, j]) for j in range(x.shape[1])]),
            float(2 * np.mean(x @ w + b - y)),
        ),
    ),
)

SGD_STEP = Exercise(
    identifier="loop.sgd_step",
    signature="sgd_step(params, grads, learning_rate) -> list",
    points=2,
    minutes=8,
    difficulty=1,
    lines=1,
    reference=_sgd_step,
    cases=_step_cases,
    scenario=scenarios.sgd_step,
    mistakes=STEP_MISTAKES,
    hints=(
        "Walk through params and grads side by side; zip pairs them up.",
        "For one pair the new value is p - learning_rate * g: this makes a new array, while p -= ... would change the "
        "caller's.",
        "A list comprehension does it in one line: [ (the new value) for p, g in zip(params, grads) ].",
    ),
    alternatives=(
        _step_by_loop,
        _step_by_map,
        _step_of_copies,
        lambda params, grads, learning_rate: [
            params[i] + -learning_rate * np.asarray(grads[i]) for i in range(len(params))
        ],
    ),
)

TRAIN = Exercise(
    identifier="loop.train",
    signature="train(x, y, learning_rate, steps) -> (params, losses)",
    points=2,
    minutes=12,
    difficulty=2,
    lines=5,
    reference=_train,
    cases=_train_cases,
    scenario=scenarios.train,
    mistakes=TRAIN_MISTAKES,
    hints=(
        "Before the loop: params = [an array of D zeros, 0.0] and an empty list of losses. D is x.shape[1].",
        "Inside the loop, in this order: note the loss of params as they are; compute the gradients; let sgd_step make "
        "new params. After the loop, return both.",
        "In the loop: losses.append(mse(y, linear(x, *params))), then params = sgd_step(params, the gradients at "
        "params, learning_rate). The star hands w and b over one by one.",
    ),
    alternatives=(_train_by_names, _train_in_place, _train_augmented),
)


# Predictions.

FIRST_LOSS = Question(
    identifier="loop.q1_first_loss",
    text=(
        "Today's model guesses how much a penguin weighs. On average they weigh 4.2 kg.\n"
        "All its parameters start from zero. Its loss, the mean squared error, before the first step? (a number)"
    ),
    choices=None,
    low=0,
    high=10_000,
    answer=None,
    because="Guessing 0 kg for every bird, it is off by the whole bird: the mean of the squared masses.",
)

ALWAYS_FALLS = Question(
    identifier="loop.q2_always_falls",
    text=(
        "Three runs of 100 steps with code that is right to the last digit; only the learning rate differs:\n"
        "0.06, 0.55 and 0.62. In how many of them does the loss never rise, rounding aside?"
    ),
    choices={"a": "in all three", "b": "in two", "c": "in one", "d": "in none"},
    answer="b",
    because="Above 2 / λmax, here 0.61, a step overshoots by more than it corrects.",
)

HOW_MANY_STEPS = Question(
    identifier="loop.q3_how_many_steps",
    text=(
        "model.fit(x, y, batch_size=32, epochs=3) trains on 274 penguins.\nHow many times are the parameters changed?"
    ),
    choices={"a": "3 times", "b": "24 times", "c": "27 times", "d": "822 times"},
    answer="c",
    because="Once a batch: 274 rows make 8 batches of 32 and one of 18, nine an epoch.",
)

register(LINEAR, MSE, MSE_GRADIENTS, SGD_STEP, TRAIN)
register(FIRST_LOSS, ALWAYS_FALLS, HOW_MANY_STEPS)
