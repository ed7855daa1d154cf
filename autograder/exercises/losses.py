"""Notebook 04: six exercises on losses, each with its cases, known mistakes, hints and other right answers.

A case is there because some wrong answer passes all the others. N differs from C and D everywhere, so that an
axis taken by mistake shows; the logits reach ±1000, so that a formula that is right on paper only shows too.
"""

from __future__ import annotations

import numpy as np

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios.losses import use_loss
from minifit import losses, ops

Array = np.ndarray
Cases = dict[str, tuple]

CLIP = 1e-7  # Keras' epsilon()


def _one_hot(labels: Array, n_classes: int) -> Array:
    return np.eye(n_classes)[labels]


def _softmax(logits: Array) -> Array:
    return np.asarray(ops.softmax(logits))


def _sigmoid(logits: Array) -> Array:
    return 1 / (1 + np.exp(-logits))


def _log_softmax(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _column(y_true: Array, y_pred: Array) -> Array:
    return np.reshape(y_true, np.shape(y_pred))


def _integers(y_true: Array) -> Array:
    return np.asarray(y_true).reshape(-1).astype(int)


# --------------------------------------------------------------------------- mean_squared_error


def mean_squared_error(y_true: Array, y_pred: Array) -> Array:
    """Give the engine's mean over the last axis of the squared errors; labels (N,) are read as (N, 1)."""
    return losses.mean_squared_error(y_true, y_pred)


def _mean_squared_error_cases(rng: np.random.Generator) -> Cases:
    few, one = rng.normal(size=(7, 3)), rng.normal(size=(5, 1))
    return {
        "three outputs": (few + rng.normal(size=(7, 3)), few),
        "one output": (one + rng.normal(size=(5, 1)), one),
        "labels of shape (N,) beside predictions of shape (N, 1)": (rng.normal(size=6), rng.normal(size=(6, 1))),
        "integer labels": (rng.integers(-4, 5, size=(5, 2)), rng.normal(size=(5, 2))),
        "errors of 1000": (np.zeros((4, 3)), rng.uniform(500, 1500, size=(4, 3))),
        "a single sample": (rng.normal(size=(1, 4)), rng.normal(size=(1, 4))),
        "perfect predictions": (few[:, :2].copy(), few[:, :2].copy()),
    }


def _wrong_mse_scalar(y_true: Array, y_pred: Array) -> Array:
    return np.mean((_column(y_true, y_pred) - y_pred) ** 2)


def _wrong_mse_sum(y_true: Array, y_pred: Array) -> Array:
    return np.sum((_column(y_true, y_pred) - y_pred) ** 2, axis=-1)


def _wrong_mse_axis(y_true: Array, y_pred: Array) -> Array:
    return np.mean((_column(y_true, y_pred) - y_pred) ** 2, axis=0)


def _wrong_mse_half(y_true: Array, y_pred: Array) -> Array:
    return mean_squared_error(y_true, y_pred) / 2


def _wrong_mse_absolute(y_true: Array, y_pred: Array) -> Array:
    return np.mean(np.abs(_column(y_true, y_pred) - y_pred), axis=-1)


def _wrong_mse_root(y_true: Array, y_pred: Array) -> Array:
    return np.sqrt(mean_squared_error(y_true, y_pred))


def _wrong_mse_mean_first(y_true: Array, y_pred: Array) -> Array:
    return np.mean(_column(y_true, y_pred) - y_pred, axis=-1) ** 2


def _wrong_mse_broadcast(y_true: Array, y_pred: Array) -> Array:
    return np.mean((y_true - y_pred) ** 2, axis=-1)


def _wrong_mse_unreduced(y_true: Array, y_pred: Array) -> Array:
    return (_column(y_true, y_pred) - y_pred) ** 2


def _wrong_mse_over_n(y_true: Array, y_pred: Array) -> Array:
    return np.sum((_column(y_true, y_pred) - y_pred) ** 2, axis=-1) / len(y_pred)


def _right_mse_loop(y_true: Array, y_pred: Array) -> list[float]:
    values = []
    for t, p in zip(y_true, y_pred, strict=True):
        errors = [float(b) - float(a) for a, b in zip(np.ravel(t), p, strict=True)]
        values.append(sum(e * e for e in errors) / len(errors))
    return values


def _right_mse_newaxis(y_true: Array, y_pred: Array) -> Array:
    if np.ndim(y_true) < np.ndim(y_pred):
        y_true = y_true[:, None]
    return ((y_pred - y_true) ** 2).mean(1)


def _right_mse_einsum(y_true: Array, y_pred: Array) -> Array:
    error = y_pred.copy()
    error -= y_true.reshape(y_pred.shape)
    return np.einsum("nd,nd->n", error, error) / y_pred.shape[1]


MEAN_SQUARED_ERROR = Exercise(
    identifier="losses.mean_squared_error",
    signature="mean_squared_error(y_true, y_pred) -> (N,)",
    points=1,
    minutes=5,
    difficulty=1,
    lines=2,
    reference=mean_squared_error,
    cases=_mean_squared_error_cases,
    mistakes=(
        Mistake(
            "averaged over the samples too",
            _wrong_mse_scalar,
            "A single number comes back, so nobody can weigh one sample more than another any more.",
            "np.mean takes an axis; which of the two axes of (N, D) has to survive?",
        ),
        Mistake(
            "averaged over the samples, not over the outputs",
            _wrong_mse_axis,
            "axis=0 runs down the batch, so the result has one value an output instead of one a sample.",
            "The axis that should disappear is the last one.",
        ),
        Mistake(
            "summed, not averaged",
            _wrong_mse_sum,
            "The sum grows with the number of outputs D; Keras divides by D.",
            "Which NumPy reduction divides by the count for you?",
        ),
        Mistake(
            "divided by the batch size",
            _wrong_mse_over_n,
            "The sum over the D outputs of one sample is divided by N, which is the number of samples.",
            "How many squared errors does one sample have?",
        ),
        Mistake(
            "not reduced at all",
            _wrong_mse_unreduced,
            "The squared errors are still (N, D); each sample should give one number.",
            "One reduction is missing, over the last axis.",
        ),
        Mistake(
            "a factor of one half",
            _wrong_mse_half,
            "Some textbooks halve the squared error to make its derivative shorter; Keras does not.",
            "Read the formula again: nothing stands before the mean.",
        ),
        Mistake(
            "absolute instead of squared errors",
            _wrong_mse_absolute,
            "That is the mean absolute error, another loss of Keras.",
            "What has to happen to each difference before it is averaged?",
        ),
        Mistake(
            "a root was taken",
            _wrong_mse_root,
            "That is the root mean squared error, which Keras has as a metric.",
            "Stop one step earlier.",
        ),
        Mistake(
            "averaged before squaring",
            _wrong_mse_mean_first,
            "Errors of opposite sign cancel in the mean, so a bad prediction can cost nothing.",
            "Square first, while each error is still by itself.",
        ),
        Mistake(
            "labels of shape (N,) spread against (N, 1)",
            _wrong_mse_broadcast,
            "NumPy turns (N,) minus (N, 1) into an (N, N) table of every label against every prediction.",
            "Give y_true the shape of y_pred before you subtract.",
        ),
    ),
    hints=(
        "Two steps: the squared differences, (N, D), then one reduction that leaves (N,).",
        "np.mean(..., axis=-1) reduces the last axis. Before you subtract, y_true needs the shape of y_pred: "
        "with (N,) against (N, 1) NumPy would build an (N, N) table.",
        "y_true = np.reshape(y_true, y_pred.shape), and then the mean over axis=-1 of (y_true - y_pred) squared.",
    ),
    alternatives=(_right_mse_loop, _right_mse_newaxis, _right_mse_einsum),
)


# --------------------------------------------------------------------------- log_softmax


def log_softmax(logits: Array) -> Array:
    """Give the engine's log-softmax over the last axis."""
    return ops.log_softmax(logits)


def _log_softmax_cases(rng: np.random.Generator) -> Cases:
    plain = rng.normal(size=(5, 3))
    high = rng.normal(size=(3, 4))
    high[np.arange(3), rng.permutation(4)[:3]] = 1000.0
    low = np.repeat(rng.uniform(-1100, -900, size=(4, 1)), 3, axis=1) + rng.normal(size=(4, 3))
    apart = rng.normal(size=(4, 7)) + np.array([[1000.0], [0.0], [-1000.0], [-30000.0]])
    wide = rng.uniform(-1000, 1000, size=(3, 5))
    return {
        "ordinary logits": (plain,),
        "more classes than samples": (rng.normal(scale=3, size=(2, 6)),),
        "a logit of 1000 in each row": (high,),
        "all logits near -1000": (low,),
        "rows near 1000, 0, -1000 and -30000": (apart,),
        "logits between -1000 and 1000": (wide,),
        "equal logits": (np.full((3, 4), rng.normal()),),
        "logits of 0": (np.zeros((2, 5)),),
        "a single sample": (rng.normal(size=(1, 6)),),
    }


def _wrong_logsm_naive(logits: Array) -> Array:
    e = np.exp(logits)
    return np.log(e / np.sum(e, axis=-1, keepdims=True))


def _wrong_logsm_two_steps(logits: Array) -> Array:
    return np.log(_softmax(logits))


def _wrong_logsm_log_sum(logits: Array) -> Array:
    return logits - np.log(np.sum(np.exp(logits), axis=-1, keepdims=True))


def _wrong_logsm_epsilon(logits: Array) -> Array:
    return np.log(_softmax(logits) + CLIP)


def _wrong_logsm_clipped(logits: Array) -> Array:
    return np.log(np.clip(_softmax(logits), CLIP, 1 - CLIP))


def _wrong_logsm_batch_axis(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=0, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=0, keepdims=True))


def _wrong_logsm_sum_of_all(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted)))


def _wrong_logsm_copied(logits: Array) -> Array:
    e = np.exp(logits)
    return np.log(e / np.sum(e))


def _wrong_logsm_global_max(logits: Array) -> Array:
    shifted = logits - np.max(logits)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _wrong_logsm_half_shifted(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return logits - np.log(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _wrong_logsm_no_log(logits: Array) -> Array:
    return _softmax(logits)


def _wrong_logsm_sign(logits: Array) -> Array:
    return -log_softmax(logits)


def _wrong_logsm_base_two(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=-1, keepdims=True)
    return shifted - np.log2(np.sum(np.exp(shifted), axis=-1, keepdims=True))


def _wrong_logsm_shift_only(logits: Array) -> Array:
    return logits - np.max(logits, axis=-1, keepdims=True)


def _wrong_logsm_keepdims(logits: Array) -> Array:
    shifted = logits - np.max(logits, axis=-1)
    return shifted - np.log(np.sum(np.exp(shifted), axis=-1))


def _right_logsm_loop(logits: Array) -> Array:
    out = np.empty(logits.shape)
    for i, row in enumerate(logits):
        top = max(row)
        out[i] = row - (top + np.log(sum(np.exp(z - top) for z in row)))
    return out


def _right_logsm_reduce(logits: Array) -> Array:
    return logits - np.logaddexp.reduce(logits, axis=1)[:, np.newaxis]


def _right_logsm_transposed(logits: Array) -> Array:
    z = logits.T - logits.max(axis=1)
    z -= np.log(np.exp(z).sum(axis=0))
    return z.T


def _right_logsm_lists(logits: Array) -> list[list[float]]:
    rows = []
    for row in logits.tolist():
        top = max(row)
        rest = top + float(np.log1p(sum(np.exp(z - top) for z in row) - 1.0))
        rows.append([z - rest for z in row])
    return rows


LOG_SOFTMAX = Exercise(
    identifier="losses.log_softmax",
    signature="log_softmax(logits) -> (N, C)",
    points=2,
    minutes=10,
    difficulty=2,
    lines=2,
    reference=log_softmax,
    cases=_log_softmax_cases,
    mistakes=(
        Mistake(
            "the exponential overflows",
            _wrong_logsm_naive,
            "np.exp(1000) is inf, and inf / inf is nan; np.exp(-1000) is 0, and its logarithm -inf.",
            "Make every exponent 0 or less before np.exp sees it.",
        ),
        Mistake(
            "the logarithm of a softmax that has already become 0",
            _wrong_logsm_two_steps,
            "The softmax itself survives, but a probability of e^-1000 is stored as 0 and its logarithm is -inf.",
            "Write log(a / b) as log(a) - log(b); one of the two logarithms then needs no exp at all.",
        ),
        Mistake(
            "the sum of exponentials overflows",
            _wrong_logsm_log_sum,
            "The subtraction is right, but exp(1000) inside the sum is still inf.",
            "Subtract each row's largest logit first; the result does not change.",
        ),
        Mistake(
            "a small number added before the logarithm",
            _wrong_logsm_epsilon,
            "Nothing blows up, but no result can be below log(1e-7) = -16.1 any more.",
            "No patch is needed: rewrite the formula so that log never meets a 0.",
        ),
        Mistake(
            "probabilities clipped before the logarithm",
            _wrong_logsm_clipped,
            "Nothing blows up, but every result below -16.1 is replaced by -16.1.",
            "No clip is needed: rewrite the formula so that log never meets a 0.",
        ),
        Mistake(
            "softmax over the batch",
            _wrong_logsm_batch_axis,
            "Each column sums to 1 here; the classes of one sample are in a row.",
            "In (N, C) the classes are the last axis.",
        ),
        Mistake(
            "one sum for the whole batch",
            _wrong_logsm_sum_of_all,
            "All samples share one denominator, so the probabilities of a row no longer sum to 1.",
            "np.sum needs the same axis and keepdims as np.max.",
        ),
        Mistake(
            "one sum for the whole batch, and no shift",
            _wrong_logsm_copied,
            "With one row a plain sum is right; with N of them each needs its own, and large logits overflow.",
            "np.sum needs axis=-1 and keepdims=True; and subtract each row's maximum before np.exp.",
        ),
        Mistake(
            "keepdims forgotten",
            _wrong_logsm_keepdims,
            "Without it np.max and np.sum give (N,), which NumPy lays along the classes, not along the samples.",
            "keepdims=True leaves (N, 1), and that meets (N, C) row by row.",
        ),
        Mistake(
            "one maximum for the whole batch",
            _wrong_logsm_global_max,
            "A row far below the batch's largest logit has all its exponentials round to 0, and log(0) is -inf.",
            "Each row needs its own maximum: np.max takes axis and keepdims.",
        ),
        Mistake(
            "the shift is on one side only",
            _wrong_logsm_half_shifted,
            "The maximum was taken out of the sum but not out of the logits in front of it.",
            "Both terms must use the shifted logits.",
        ),
        Mistake(
            "the sum of exponentials left out",
            _wrong_logsm_shift_only,
            "Subtracting the maximum only moves the row; its exponentials do not sum to 1 yet.",
            "What is still missing is the logarithm of a sum.",
        ),
        Mistake(
            "the softmax, without its logarithm",
            _wrong_logsm_no_log,
            "These are the probabilities themselves.",
            "Their logarithms are asked for, and they are easier to compute exactly.",
        ),
        Mistake(
            "the sign flipped",
            _wrong_logsm_sign,
            "A logarithm of a probability is never positive.",
            "The minus sign belongs to the loss, in the next exercise.",
        ),
        Mistake(
            "a logarithm to base 2",
            _wrong_logsm_base_two,
            "np.log2 undoes 2 to the power of x; the softmax is made with e.",
            "np.log is the natural logarithm.",
        ),
    ),
    hints=(
        "Adding the same number to all logits of a row changes no probability. Which number makes np.exp safe?",
        "Let s be the logits minus their row's maximum (axis=-1, keepdims=True). Then log softmax is s minus the "
        "logarithm of the sum of exp(s) over the row. The logarithm never meets a 0: the sum is at least 1.",
        "s = logits - np.max(logits, axis=-1, keepdims=True); then s - np.log(np.sum(np.exp(s), ...)) with the "
        "same axis and keepdims.",
    ),
    alternatives=(_right_logsm_loop, _right_logsm_reduce, _right_logsm_transposed, _right_logsm_lists),
)


# --------------------------------------------------------------------------- sparse_categorical_crossentropy


def sparse_categorical_crossentropy(y_true: Array, logits: Array) -> Array:
    """Give the engine's sparse cross-entropy from logits, labels (N,) or (N, 1) of any type."""
    return losses.sparse_categorical_crossentropy(y_true, logits, from_logits=True)


def _sparse_cases(rng: np.random.Generator) -> Cases:
    sure = np.zeros((5, 3))
    top = rng.integers(0, 3, size=5)
    sure[np.arange(5), top] = 1000.0
    sure[np.arange(5), (top + 1) % 3] = -1000.0
    return {
        "labels of shape (N,)": (rng.permutation(np.arange(7) % 4), rng.normal(size=(7, 4))),
        "labels of shape (N, 1)": (rng.permutation(np.arange(5) % 3)[:, None], rng.normal(size=(5, 3))),
        "labels stored as floats": (rng.permutation(np.arange(6) % 4).astype(float), rng.normal(size=(6, 4))),
        "float labels of shape (N, 1)": (
            rng.permutation(np.arange(4) % 3).astype(float)[:, None],
            rng.normal(size=(4, 3)),
        ),
        "labels of type uint8": (rng.permutation(np.arange(8) % 3).astype("uint8"), rng.normal(size=(8, 3))),
        "a batch without the last class": (rng.permutation(np.arange(7) % 3), rng.normal(size=(7, 5))),
        "a batch with one class only": (np.full(4, rng.integers(1, 5)), rng.normal(size=(4, 6))),
        "confident and right, logits of ±1000": (top, sure),
        "confident and wrong, logits of ±1000": ((top + 1) % 3, sure),
        "logits of 0": (rng.integers(0, 6, size=4), np.zeros((4, 6))),
        "a single sample": (rng.integers(0, 3, size=1), rng.normal(size=(1, 3))),
    }


def _wrong_sparse_scalar(y_true: Array, logits: Array) -> Array:
    return np.mean(sparse_categorical_crossentropy(y_true, logits))


def _wrong_sparse_sign(y_true: Array, logits: Array) -> Array:
    return -sparse_categorical_crossentropy(y_true, logits)


def _wrong_sparse_no_softmax(y_true: Array, logits: Array) -> Array:
    return -logits[np.arange(len(logits)), _integers(y_true)]


def _wrong_sparse_no_log(y_true: Array, logits: Array) -> Array:
    return -_softmax(logits)[np.arange(len(logits)), _integers(y_true)]


def _wrong_sparse_twice(y_true: Array, logits: Array) -> Array:
    return sparse_categorical_crossentropy(y_true, _softmax(logits))


def _wrong_sparse_columns(y_true: Array, logits: Array) -> Array:
    return -log_softmax(logits)[:, _integers(y_true)]


def _wrong_sparse_flat(y_true: Array, logits: Array) -> Array:
    return -np.take(log_softmax(logits), _integers(y_true))


def _wrong_sparse_not_flattened(y_true: Array, logits: Array) -> Array:
    return -log_softmax(logits)[np.arange(len(logits)), np.asarray(y_true).astype(int)]


def _wrong_sparse_rows_by_label(y_true: Array, logits: Array) -> Array:
    return -log_softmax(logits)[_integers(y_true)]


def _wrong_sparse_log_of_logit(y_true: Array, logits: Array) -> Array:
    return -np.log(logits[np.arange(len(logits)), _integers(y_true)])


def _wrong_sparse_log_twice(y_true: Array, logits: Array) -> Array:
    return -np.log(log_softmax(logits)[np.arange(len(logits)), _integers(y_true)])


def _wrong_sparse_from_one(y_true: Array, logits: Array) -> Array:
    return -log_softmax(logits)[np.arange(len(logits)), _integers(y_true) - 1]


def _wrong_sparse_over_classes(y_true: Array, logits: Array) -> Array:
    return sparse_categorical_crossentropy(y_true, logits) / logits.shape[-1]


def _wrong_sparse_predicted(y_true: Array, logits: Array) -> Array:
    return -np.max(log_softmax(logits), axis=-1)


def _wrong_sparse_clipped(y_true: Array, logits: Array) -> Array:
    p = _softmax(logits)[np.arange(len(logits)), _integers(y_true)]
    return -np.log(np.clip(p, CLIP, 1 - CLIP))


def _wrong_sparse_overflow(y_true: Array, logits: Array) -> Array:
    e = np.exp(logits)
    return -np.log((e / e.sum(axis=-1, keepdims=True))[np.arange(len(logits)), _integers(y_true)])


def _wrong_sparse_seen(y_true: Array, logits: Array) -> Array:
    labels = _integers(y_true)
    return sparse_categorical_crossentropy(labels, logits[:, : labels.max() + 1])


def _wrong_sparse_batch_axis(y_true: Array, logits: Array) -> Array:
    return -_wrong_logsm_batch_axis(logits)[np.arange(len(logits)), _integers(y_true)]


def _wrong_sparse_as_they_come(y_true: Array, logits: Array) -> Array:
    return -_log_softmax(logits)[np.arange(len(logits)), y_true]


def _wrong_sparse_short_rows(y_true: Array, logits: Array) -> Array:
    labels = _integers(y_true)
    return -np.sum(_one_hot(labels, labels.max() + 1) * _log_softmax(logits), axis=-1)


def _right_sparse_one_hot(y_true: Array, logits: Array) -> Array:
    hot = np.reshape(y_true, (-1, 1)) == np.arange(logits.shape[1])
    return -np.sum(hot * _log_softmax(logits), axis=-1)


def _right_sparse_loop(y_true: Array, logits: Array) -> list[float]:
    values = []
    for label, row in zip(np.ravel(y_true), logits, strict=True):
        top = row.max()
        values.append(top + np.log(np.exp(row - top).sum()) - row[int(label)])
    return values


def _right_sparse_take_along(y_true: Array, logits: Array) -> Array:
    labels = y_true.astype(np.int64).reshape(-1, 1)
    return -np.take_along_axis(_log_softmax(logits), labels, axis=1)[:, 0]


def _right_sparse_diagonal(y_true: Array, logits: Array) -> Array:
    return -np.diag(_log_softmax(logits)[:, np.squeeze(np.array(y_true, dtype=int).ravel(), axis=None).ravel()])


SPARSE = Exercise(
    identifier="losses.sparse_categorical_crossentropy",
    signature="sparse_categorical_crossentropy(y_true, logits) -> (N,)",
    points=2,
    minutes=8,
    difficulty=2,
    lines=3,
    reference=sparse_categorical_crossentropy,
    cases=_sparse_cases,
    mistakes=(
        Mistake(
            "averaged over the samples",
            _wrong_sparse_scalar,
            "One number comes back instead of one a sample.",
            "Leave the mean to the Loss class, which has to know the weights first.",
        ),
        Mistake(
            "the sign flipped",
            _wrong_sparse_sign,
            "A logarithm of a probability is negative; a loss is not.",
            "The formula begins with a minus sign.",
        ),
        Mistake(
            "no softmax",
            _wrong_sparse_no_softmax,
            "These are the logits of the true class, negated; the other classes have had no say.",
            "Pick from log_softmax(logits), not from logits.",
        ),
        Mistake(
            "no logarithm",
            _wrong_sparse_no_log,
            "These are probabilities, negated; cross-entropy needs their logarithm.",
            "Pick from log_softmax(logits).",
        ),
        Mistake(
            "softmax taken twice",
            _wrong_sparse_twice,
            "The probabilities were treated as logits, so a second softmax has flattened them.",
            "log_softmax expects the raw scores and already does the whole way to the logarithm.",
        ),
        Mistake(
            "softmax over the batch",
            _wrong_sparse_batch_axis,
            "Each class was compared with the same class of the other samples.",
            "The classes of one sample are in a row: the last axis.",
        ),
        Mistake(
            "every label picked from every row",
            _wrong_sparse_columns,
            "Indexing with [:, labels] takes all N labels from each of the N rows and gives (N, N).",
            "Row i wants label i only: index with two arrays, one of them np.arange(N).",
        ),
        Mistake(
            "whole rows picked by label",
            _wrong_sparse_rows_by_label,
            "table[labels] takes row number y of the table, all of it; wanted is entry y of each row.",
            "Index with two arrays: the rows 0 to N - 1 first, the labels second.",
        ),
        Mistake(
            "the logarithm of a logit",
            _wrong_sparse_log_of_logit,
            "A logit is no probability; of a negative one there is no logarithm at all.",
            "Your log_softmax gives the logarithms of the probabilities.",
        ),
        Mistake(
            "the logarithm taken twice",
            _wrong_sparse_log_twice,
            "log_softmax gives logarithms already; they are negative, and np.log of them is nan.",
            "Leave out one of the two.",
        ),
        Mistake(
            "labels of shape (N, 1) not flattened",
            _wrong_sparse_not_flattened,
            "An index of shape (N, 1) beside one of shape (N,) makes an (N, N) table.",
            "Give the labels the shape (N,) before they are used as an index.",
        ),
        Mistake(
            "labels used as they come",
            _wrong_sparse_as_they_come,
            "An index must be whole numbers of an integer type, of shape (N,); labels may be floats, or (N, 1).",
            "np.reshape and .astype make any of the allowed labels fit.",
        ),
        Mistake(
            "one-hot rows only as long as the largest label",
            _wrong_sparse_short_rows,
            "When the batch has no sample of the last class, these rows are shorter than the logits'.",
            "The logits know how many classes there are: logits.shape[-1].",
        ),
        Mistake(
            "labels index the flattened array",
            _wrong_sparse_flat,
            "np.take without an axis reads from the flattened table, so every label was looked up in row 0.",
            "Row i wants label i: index with two arrays, one of them np.arange(N).",
        ),
        Mistake(
            "classes counted from 1",
            _wrong_sparse_from_one,
            "Label 0 has become index -1, which is the last class in Python.",
            "Class labels start at 0, as indices do.",
        ),
        Mistake(
            "divided by the number of classes",
            _wrong_sparse_over_classes,
            "Only one term of the sum over classes is not zero; the sum is not a mean.",
            "Pick the one value you need, or sum over the classes.",
        ),
        Mistake(
            "the loss of the predicted class",
            _wrong_sparse_predicted,
            "This asks how sure the model is, whatever the label says.",
            "The label, not the largest logit, says which column counts.",
        ),
        Mistake(
            "clipped at 1e-7",
            _wrong_sparse_clipped,
            "From logits no clip is needed, and this one makes every large loss 16.118.",
            "Use log_softmax, which is finite by itself.",
        ),
        Mistake(
            "the exponential overflows",
            _wrong_sparse_overflow,
            "np.exp(1000) is inf, and the loss becomes nan or inf.",
            "You have a log_softmax that survives these logits.",
        ),
        Mistake(
            "only the classes seen in the batch",
            _wrong_sparse_seen,
            "max(label) + 1 is not the number of classes when the batch has no sample of the last one.",
            "The logits know how many classes there are: logits.shape[-1].",
        ),
    ),
    hints=(
        "Row i of log_softmax(logits) holds all the logarithms of sample i; you need the one in column y_true[i].",
        "NumPy picks one element a row when it gets two index arrays of the same length: table[rows, columns]. "
        "The columns are the labels, and an index must be whole numbers of an integer type, shape (N,).",
        "labels = np.reshape(y_true, -1).astype(int); then minus log_softmax(logits)[np.arange(len(labels)), ...]",
    ),
    alternatives=(_right_sparse_one_hot, _right_sparse_loop, _right_sparse_take_along, _right_sparse_diagonal),
)


# --------------------------------------------------------------------------- binary_crossentropy


def binary_crossentropy(y_true: Array, logits: Array) -> Array:
    """Give the engine's binary cross-entropy from logits, one output a sample."""
    y_true, logits = np.reshape(y_true, (-1, 1)), np.reshape(logits, (-1, 1))
    return losses.binary_crossentropy(y_true, logits, from_logits=True)


def _binary_cases(rng: np.random.Generator) -> Cases:
    def labels(n: int) -> Array:
        return rng.permutation(np.arange(n) % 2)

    sure = rng.permutation(np.array([1000.0, -1000.0, 1000.0, -1000.0, 800.0, -800.0, 40.0]))
    right = (sure > 0).astype(float)
    near, order = rng.uniform(17, 22, size=6), rng.permutation(6)
    return {
        "labels (N,), logits (N,)": (labels(7).astype(float), rng.normal(scale=2, size=7)),
        "labels (N,), logits (N, 1)": (labels(5).astype(float), rng.normal(scale=2, size=(5, 1))),
        "labels (N, 1), logits (N,)": (labels(6).astype(float)[:, None], rng.normal(scale=2, size=6)),
        "labels (N, 1), logits (N, 1)": (labels(4).astype(float)[:, None], rng.normal(scale=2, size=(4, 1))),
        "integer labels": (labels(7), rng.normal(scale=2, size=7)),
        "smoothed labels, between 0 and 1": (rng.uniform(0.05, 0.95, size=6), rng.normal(scale=2, size=6)),
        "confident and right, logits of ±1000": (right, sure),
        "confident and wrong, logits of ±1000": (1 - right, sure),
        "logits near ±20, right and wrong": (
            np.array([0, 0, 0, 1, 1, 1.0])[order],
            (near * [-1, 1, -1, 1, -1, 1])[order],
        ),
        "logits of 0": (labels(3).astype(float), np.zeros(3)),
        "a single sample": (np.ones((1, 1)), rng.normal(size=(1, 1))),
    }


def _flat(y_true: Array, logits: Array) -> tuple[Array, Array]:
    return np.reshape(y_true, -1), np.reshape(logits, -1)


def _wrong_binary_naive(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    p = _sigmoid(z)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _wrong_binary_clipped(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    p = np.clip(np.asarray(ops.sigmoid(z)), CLIP, 1 - CLIP)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _wrong_binary_positive_overflow(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return np.log1p(np.exp(z)) - z * y


def _wrong_binary_negative_overflow(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return z - z * y + np.log1p(np.exp(-z))


def _wrong_binary_no_abs(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-z))


def _wrong_binary_sign(y_true: Array, logits: Array) -> Array:
    return -binary_crossentropy(y_true, logits)


def _wrong_binary_swapped(y_true: Array, logits: Array) -> Array:
    return binary_crossentropy(1 - y_true, logits)


def _wrong_binary_positive_only(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return y * np.logaddexp(0, -z)


def _wrong_binary_log_p(y_true: Array, logits: Array) -> Array:
    _, z = _flat(y_true, logits)
    return np.logaddexp(0, -z)


def _wrong_binary_scalar(y_true: Array, logits: Array) -> Array:
    return np.mean(binary_crossentropy(y_true, logits))


def _wrong_binary_broadcast(y_true: Array, logits: Array) -> Array:
    values = np.logaddexp(0, logits) - logits * y_true
    return values if values.ndim == 1 else np.mean(values, axis=-1)


def _wrong_binary_unreduced(y_true: Array, logits: Array) -> Array:
    y = np.reshape(y_true, np.shape(logits))
    return np.logaddexp(0, logits) - logits * y


def _wrong_binary_no_sigmoid(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    p = np.clip(z, CLIP, 1 - CLIP)
    return -(y * np.log(p) + (1 - y) * np.log(1 - p))


def _wrong_binary_twice(y_true: Array, logits: Array) -> Array:
    return binary_crossentropy(y_true, np.asarray(ops.sigmoid(logits)))


def _wrong_binary_hard(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return np.where(y == 1, np.logaddexp(0, -z), np.logaddexp(0, z))


def _wrong_binary_rounded(y_true: Array, logits: Array) -> Array:
    y, z = _flat(y_true, logits)
    return np.logaddexp(0, np.where(y > 0.5, -z, z))


def _wrong_binary_textbook(y_true: Array, logits: Array) -> Array:
    p = _sigmoid(logits)
    return -(y_true * np.log(p) + (1 - y_true) * np.log(1 - p))


def _wrong_binary_not_flattened(y_true: Array, logits: Array) -> Array:
    return np.maximum(logits, 0) - y_true * logits + np.log1p(np.exp(-np.abs(logits)))


def _right_binary_logaddexp(y_true: Array, logits: Array) -> Array:
    z, y = logits.ravel(), y_true.ravel()
    return y * np.logaddexp(0, -z) + (1 - y) * np.logaddexp(0, z)


def _right_binary_loop(y_true: Array, logits: Array) -> list[float]:
    values = []
    for t, z in zip(np.ravel(y_true), np.ravel(logits), strict=True):
        if z >= 0:
            values.append(float((1 - t) * z + np.log(1 + np.exp(-z))))
        else:
            values.append(float(-t * z + np.log(1 + np.exp(z))))
    return values


def _right_binary_formula(y_true: Array, logits: Array) -> Array:
    y, z = np.squeeze(y_true.reshape(-1, 1), axis=1), np.squeeze(logits.reshape(-1, 1), axis=1)
    return np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))


def _right_binary_two_classes(y_true: Array, logits: Array) -> Array:
    z = np.reshape(logits, (-1, 1))
    log_p = _log_softmax(np.hstack([np.zeros_like(z), z]))
    y = np.reshape(y_true, -1)
    return -((1 - y) * log_p[:, 0] + y * log_p[:, 1])


BINARY = Exercise(
    identifier="losses.binary_crossentropy",
    signature="binary_crossentropy(y_true, logits) -> (N,)",
    points=3,
    minutes=12,
    difficulty=3,
    lines=3,
    reference=binary_crossentropy,
    cases=_binary_cases,
    mistakes=(
        Mistake(
            "the sigmoid rounds to exactly 0 or 1",
            _wrong_binary_naive,
            "Beyond a logit of 37 the sigmoid is stored as exactly 1, and log(1 - 1) is -inf.",
            "Do not compute the probability at all; simplify the formula with z in it first.",
        ),
        Mistake(
            "the textbook formula as it stands",
            _wrong_binary_textbook,
            "Its sigmoid rounds to exactly 1 beyond a logit of 37, and (N,) against (N, 1) makes an (N, N) table.",
            "Flatten both inputs first; then simplify the formula with z in it until no probability is left.",
        ),
        Mistake(
            "clipped at 1e-7",
            _wrong_binary_clipped,
            "Nothing blows up, but no loss can exceed 16.118, and this one should reach 1000.",
            "From logits no clip is needed: simplify the formula until no probability is left.",
        ),
        Mistake(
            "exp overflows at large positive logits",
            _wrong_binary_positive_overflow,
            "log(1 + exp(z)) - y z is right on paper, but np.exp(1000) is inf.",
            "For z > 0 take z out of the logarithm: log(1 + exp(z)) = z + log(1 + exp(-z)).",
        ),
        Mistake(
            "exp overflows at large negative logits",
            _wrong_binary_negative_overflow,
            "This form is safe for z > 0 only: at z = -1000 it computes np.exp(1000).",
            "The exponent must be negative whatever the sign of z.",
        ),
        Mistake(
            "the absolute value forgotten",
            _wrong_binary_no_abs,
            "max(z, 0) is there, but the exponent is -z, which is wrong and overflows when z is negative.",
            "The exponent must be negative whatever the sign of z.",
        ),
        Mistake(
            "the sign flipped",
            _wrong_binary_sign,
            "A loss is never negative here.",
            "Both logarithms of probabilities are negative, and the formula starts with a minus.",
        ),
        Mistake(
            "the labels exchanged",
            _wrong_binary_swapped,
            "This rewards the model for the wrong class.",
            "A large positive logit says class 1, so with y = 1 its loss is near 0.",
        ),
        Mistake(
            "only the term for y = 1",
            _wrong_binary_positive_only,
            "Samples of class 0 cost nothing, so a model that always says 1 would be perfect.",
            "A second term, weighted by 1 - y, is missing.",
        ),
        Mistake(
            "log(p) for both classes",
            _wrong_binary_log_p,
            "Samples of class 0 pay -log(p) too; they should pay -log(1 - p).",
            "Look at what the label multiplies in your formula.",
        ),
        Mistake(
            "averaged over the samples",
            _wrong_binary_scalar,
            "One number comes back instead of one a sample.",
            "Leave the mean to the Loss class.",
        ),
        Mistake(
            "(N,) spread against (N, 1)",
            _wrong_binary_broadcast,
            "NumPy makes an (N, N) table of every label against every logit.",
            "Flatten both to (N,) before they meet.",
        ),
        Mistake(
            "logits of shape (N, 1) not flattened",
            _wrong_binary_unreduced,
            "The result has the shape of the logits; one number a sample, (N,), is asked for.",
            "np.reshape(a, -1) gives (N,) whatever came in.",
        ),
        Mistake(
            "nothing flattened",
            _wrong_binary_not_flattened,
            "The formula is right; but (N,) against (N, 1) makes an (N, N) table, and (N, 1) stays (N, 1).",
            "np.reshape(a, -1) gives (N,) whatever came in.",
        ),
        Mistake(
            "no sigmoid",
            _wrong_binary_no_sigmoid,
            "The logits were used as if they were probabilities.",
            "A logit can be any number; the sigmoid turns it into a probability.",
        ),
        Mistake(
            "sigmoid taken twice",
            _wrong_binary_twice,
            "The probabilities were treated as logits, so everything lies between 0.31 and 1.31.",
            "The stable formula takes the raw logits.",
        ),
        Mistake(
            "labels in between treated as 0",
            _wrong_binary_hard,
            "A label of 0.9 was read as not 1, hence as 0.",
            "Use the label as a number that multiplies, not as a condition.",
        ),
        Mistake(
            "labels in between rounded",
            _wrong_binary_rounded,
            "A label of 0.9 was read as 1 and one of 0.2 as 0.",
            "Use the label as a number that multiplies, not as a condition.",
        ),
    ),
    hints=(
        "Put p = 1 / (1 + exp(-z)) into the formula on paper: the loss becomes log(1 + exp(z)) - y z. "
        "Only one piece of it can overflow.",
        "log(1 + exp(z)) is max(z, 0) + log(1 + exp(-|z|)), for both signs of z, and that exponent is never "
        "positive. Flatten y_true and logits to (N,) first.",
        "y, z = np.reshape(y_true, -1), np.reshape(logits, -1); the three terms are np.maximum(z, 0), - z * y, "
        "and np.log1p of an exponential of minus np.abs(z).",
    ),
    alternatives=(
        _right_binary_logaddexp,
        _right_binary_loop,
        _right_binary_formula,
        _right_binary_two_classes,
    ),
)


# --------------------------------------------------------------------------- categorical_crossentropy


def categorical_crossentropy(y_true: Array, probabilities: Array) -> Array:
    """Give the engine's cross-entropy of probabilities: rows made to sum to 1, clipped, then the logarithm."""
    return losses.categorical_crossentropy(y_true, probabilities)


def _categorical_cases(rng: np.random.Generator) -> Cases:
    def rows(n: int, c: int) -> Array:
        return rng.dirichlet(np.full(c, 2.0), size=n)

    labels = rng.permutation(np.arange(5) % 3)
    none, all_ = rows(5, 3), np.zeros((5, 3))
    none[np.arange(5), labels] = 0.0
    none /= none.sum(axis=-1, keepdims=True)
    all_[np.arange(5), labels] = 1.0
    large, small = rows(4, 5) * rng.uniform(2000, 9000, size=(4, 1)), rows(4, 5) * 1e-3
    large[:, 0], small[:, 0] = rng.uniform(1e-4, 2e-4, size=4), rng.uniform(2e-8, 8e-8, size=4)
    return {
        "rows that sum to 1": (_one_hot(rng.permutation(np.arange(7) % 4), 4), rows(7, 4)),
        "rows that do not sum to 1": (
            _one_hot(rng.permutation(np.arange(6) % 4), 4),
            rng.uniform(0.05, 0.95, size=(6, 4)),
        ),
        "rows whose sum is near 1": (
            _one_hot(rng.permutation(np.arange(5) % 4), 4),
            rows(5, 4) * rng.uniform(0.93, 0.99, size=(5, 1)),
        ),
        "one-hot labels stored as integers": (
            _one_hot(rng.permutation(np.arange(7) % 3), 3).astype(int),
            rng.uniform(0.05, 0.95, size=(7, 3)),
        ),
        "probability 0 for the true class": (_one_hot(labels, 3), none),
        "probability 1 for the true class": (_one_hot(labels, 3), all_),
        "probability 1 for a wrong class": (_one_hot((labels + 1) % 3, 3), all_),
        "smoothed labels": (_one_hot(labels, 3) * 0.9 + 0.1 / 3, rows(5, 3)),
        "labels that are distributions, probabilities with zeros": (rows(5, 3), none),
        "a tiny share of a large sum": (_one_hot(np.zeros(4, int), 5), large),
        "tiny values in a row with a small sum": (_one_hot(np.zeros(4, int), 5), small),
        "a single sample": (_one_hot(rng.integers(0, 4, size=1), 4), rng.uniform(0.1, 2, size=(1, 4))),
    }


def _normal(probabilities: Array) -> Array:
    return probabilities / np.sum(probabilities, axis=-1, keepdims=True)


def _wrong_cce_not_normalised(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(np.clip(probabilities, CLIP, 1 - CLIP)), axis=-1)


def _wrong_cce_not_clipped(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(_normal(probabilities)), axis=-1)


def _wrong_cce_zero_times_inf(y_true: Array, probabilities: Array) -> Array:
    with np.errstate(all="ignore"):
        terms = np.where(y_true > 0, y_true * np.log(_normal(probabilities)), 0.0)
    return -np.sum(terms, axis=-1)


def _wrong_cce_neither(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(probabilities), axis=-1)


def _wrong_cce_clipped_first(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(_normal(np.clip(probabilities, CLIP, 1 - CLIP))), axis=-1)


def _wrong_cce_clipped_low_first(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(_normal(np.maximum(probabilities, CLIP))), axis=-1)


def _wrong_cce_low_only(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(np.maximum(_normal(probabilities), CLIP)), axis=-1)


def _wrong_cce_epsilon(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(_normal(probabilities) + CLIP), axis=-1)


def _wrong_cce_tighter_clip(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(np.clip(_normal(probabilities), 1e-15, 1 - 1e-15)), axis=-1)


def _wrong_cce_clip_at_one(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * np.log(np.clip(_normal(probabilities), 1e-8, 1 - 1e-8)), axis=-1)


def _wrong_cce_one_sum(y_true: Array, probabilities: Array) -> Array:
    p = np.clip(probabilities / np.sum(probabilities), CLIP, 1 - CLIP)
    return -np.sum(y_true * np.log(p), axis=-1)


def _wrong_cce_batch_axis(y_true: Array, probabilities: Array) -> Array:
    p = probabilities / np.sum(probabilities, axis=0, keepdims=True)
    return -np.sum(y_true * np.log(np.clip(p, CLIP, 1 - CLIP)), axis=-1)


def _wrong_cce_softmax(y_true: Array, probabilities: Array) -> Array:
    return -np.sum(y_true * log_softmax(probabilities), axis=-1)


def _wrong_cce_mean(y_true: Array, probabilities: Array) -> Array:
    return categorical_crossentropy(y_true, probabilities) / probabilities.shape[-1]


def _wrong_cce_scalar(y_true: Array, probabilities: Array) -> Array:
    return np.mean(categorical_crossentropy(y_true, probabilities))


def _wrong_cce_total(y_true: Array, probabilities: Array) -> Array:
    return np.sum(categorical_crossentropy(y_true, probabilities))


def _wrong_cce_sign(y_true: Array, probabilities: Array) -> Array:
    return -categorical_crossentropy(y_true, probabilities)


def _wrong_cce_argmax(y_true: Array, probabilities: Array) -> Array:
    p = np.clip(_normal(probabilities), CLIP, 1 - CLIP)
    return -np.log(p[np.arange(len(p)), np.argmax(y_true, axis=-1)])


def _wrong_cce_binary(y_true: Array, probabilities: Array) -> Array:
    p = np.clip(_normal(probabilities), CLIP, 1 - CLIP)
    return -np.sum(y_true * np.log(p) + (1 - y_true) * np.log(1 - p), axis=-1)


def _wrong_cce_unreduced(y_true: Array, probabilities: Array) -> Array:
    return -y_true * np.log(np.clip(_normal(probabilities), CLIP, 1 - CLIP))


def _right_cce_loop(y_true: Array, probabilities: Array) -> list[float]:
    values = []
    for t, row in zip(y_true, probabilities, strict=True):
        total = sum(row)
        shares = [min(max(p / total, 1e-7), 1 - 1e-7) for p in row]
        values.append(-sum(a * np.log(b) for a, b in zip(t, shares, strict=True)))
    return values


def _right_cce_in_place(y_true: Array, probabilities: Array) -> Array:
    p = probabilities.copy()
    p /= p.sum(axis=1)[:, np.newaxis]
    p[p < 1e-7] = 1e-7
    p[p > 1 - 1e-7] = 1 - 1e-7
    return np.negative((y_true * np.log(p)).sum(1))


def _right_cce_einsum(y_true: Array, probabilities: Array) -> Array:
    p = (probabilities.T / probabilities.sum(-1)).T.clip(1e-7, 1 - 1e-7)
    return np.einsum("nc,nc->n", np.asarray(y_true, dtype=float), np.log(1 / p))


CATEGORICAL = Exercise(
    identifier="losses.categorical_crossentropy",
    signature="categorical_crossentropy(y_true, probabilities) -> (N,)",
    points=2,
    minutes=8,
    difficulty=2,
    lines=3,
    reference=categorical_crossentropy,
    cases=_categorical_cases,
    mistakes=(
        Mistake(
            "rows not made to sum to 1",
            _wrong_cce_not_normalised,
            "Keras divides each row by its sum before anything else; yours takes the values as they came.",
            "np.sum over the last axis, with keepdims, is what each row is divided by.",
        ),
        Mistake(
            "not clipped",
            _wrong_cce_not_clipped,
            "A probability of 0 gives log(0) = -inf, and 0 times -inf is nan.",
            "np.clip takes a lower and an upper bound.",
        ),
        Mistake(
            "zeros skipped instead of clipped",
            _wrong_cce_zero_times_inf,
            "Terms with a label of 0 are fine now, but a true class of probability 0 still costs infinity.",
            "Clip the probabilities instead, as Keras does.",
        ),
        Mistake(
            "neither divided by the row's sum nor clipped",
            _wrong_cce_neither,
            "The formula is there, but without the two steps that Keras takes before it.",
            "First divide each row by its sum, then clip.",
        ),
        Mistake(
            "clipped before the rows were divided",
            _wrong_cce_clipped_first,
            "The clip cut the raw values; it is meant for probabilities, after the division.",
            "Exchange the two steps.",
        ),
        Mistake(
            "the lower clip came before the division",
            _wrong_cce_clipped_low_first,
            "The bound 1e-7 is meant for probabilities; on raw values it means something else in every row.",
            "Divide first, then clip on both sides.",
        ),
        Mistake(
            "clipped from below only",
            _wrong_cce_low_only,
            "Keras also keeps probabilities below 1 - 1e-7, so a perfect prediction costs 1e-7, not 0.",
            "np.clip takes two bounds.",
        ),
        Mistake(
            "1e-7 added instead of clipped",
            _wrong_cce_epsilon,
            "Adding changes every probability a little; clipping changes only those beyond the bounds.",
            "np.clip is the function you want.",
        ),
        Mistake(
            "clipped at 1e-15",
            _wrong_cce_tighter_clip,
            "Other libraries use this bound; Keras' is 1e-7, since 1 - 1e-15 is not a float32 number.",
            "What is the loss of a true class of probability 0? With Keras' bound it is 16.118.",
        ),
        Mistake(
            "clipped at 1e-8",
            _wrong_cce_clip_at_one,
            "Keras' bound is 1e-7.",
            "What is the loss of a true class of probability 0? With Keras' bound it is 16.118.",
        ),
        Mistake(
            "one sum for the whole batch",
            _wrong_cce_one_sum,
            "All samples share one denominator, so the probabilities of a row do not sum to 1.",
            "np.sum over the last axis, with keepdims, is what each row is divided by.",
        ),
        Mistake(
            "divided by the sum over the batch",
            _wrong_cce_batch_axis,
            "Each column was made to sum to 1; the probabilities of one sample are in a row.",
            "The classes are the last axis.",
        ),
        Mistake(
            "a softmax of the probabilities",
            _wrong_cce_softmax,
            "These values have already been through a softmax; a second one flattens them.",
            "Dividing by the row's sum is all the normalising there is.",
        ),
        Mistake(
            "averaged over the classes",
            _wrong_cce_mean,
            "The formula sums over the classes; the mean is C times smaller.",
            "Cross-entropy is a sum over classes, squared error a mean over outputs.",
        ),
        Mistake(
            "averaged over the samples too",
            _wrong_cce_scalar,
            "One number comes back instead of one a sample.",
            "np.sum needs an axis, and the mean is the Loss class' business.",
        ),
        Mistake(
            "summed over the samples too",
            _wrong_cce_total,
            "One number comes back instead of one a sample.",
            "np.sum without an axis sums everything; which axis holds the classes?",
        ),
        Mistake(
            "not summed over the classes",
            _wrong_cce_unreduced,
            "The result is still (N, C); each sample should give one number.",
            "One reduction is missing, over the last axis.",
        ),
        Mistake(
            "the sign flipped",
            _wrong_cce_sign,
            "Logarithms of probabilities are negative; a loss is not.",
            "The formula begins with a minus sign.",
        ),
        Mistake(
            "only the largest label counted",
            _wrong_cce_argmax,
            "np.argmax throws away what smoothed labels say about the other classes.",
            "Multiply by the labels and sum; with one-hot labels that picks the true class by itself.",
        ),
        Mistake(
            "the binary formula for every class",
            _wrong_cce_binary,
            "The terms with 1 - y belong to binary cross-entropy, where there is no other class to carry them.",
            "Only the logarithm of p stands in the sum.",
        ),
    ),
    hints=(
        "Three steps in this order: make each row sum to 1, keep every value away from 0 and 1, then the sum.",
        "np.sum(probabilities, axis=-1, keepdims=True) has shape (N, 1), so it divides row by row. "
        "np.clip(p, 1e-7, 1 - 1e-7) keeps p inside.",
        "p = probabilities / (its row sums); p = np.clip(p, ...); then minus np.sum of y_true times np.log(p) over "
        "the last axis.",
    ),
    alternatives=(_right_cce_loop, _right_cce_in_place, _right_cce_einsum),
)


# --------------------------------------------------------------------------- Loss


class Loss:
    """The class a learner would write. Keras' own rounds to the float type in force; this one keeps what it gets."""

    def call(self, y_true: Array, y_pred: Array) -> Array:
        raise NotImplementedError("a subclass says here what its loss is")

    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        if sample_weight is not None:
            values = values * np.reshape(sample_weight, -1)
        return np.sum(values) / len(values)


def _loss_cases(rng: np.random.Generator) -> Cases:
    def data(n: int, d: int) -> tuple[Array, Array]:
        return rng.normal(size=(n, d)), rng.normal(size=(n, d))

    some = rng.permutation(np.array([0.0, 0.0, 0.0, 1.5, 2.5, 0.5, 3.0]))
    return {
        "no weights": (*data(7, 3), None),
        "weights of shape (N,)": (*data(7, 3), rng.uniform(0.2, 3, size=7)),
        "weights of shape (N, 1)": (*data(5, 2), rng.uniform(0.2, 3, size=(5, 1))),
        "all weights 10": (*data(6, 4), np.full(6, 10.0)),
        "some weights 0": (*data(7, 2), some),
        "all weights 0": (*data(5, 3), np.zeros(5)),
        "all weights 1": (*data(5, 3), np.ones(5)),
        "integer weights": (*data(4, 3), rng.integers(1, 9, size=4)),
        "one sample, weight (1, 1)": (*data(1, 3), rng.uniform(2, 3, size=(1, 1))),
    }


class _Written:
    """What a learner's class has of its own accord."""

    def call(self, y_true: Array, y_pred: Array) -> Array:
        raise NotImplementedError


class _ReducedRight(_Written):
    """The base of mistakes that spoil what goes into a right reduction, or what comes out of it."""

    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        return np.mean(values if sample_weight is None else values * np.reshape(sample_weight, -1))


class _WrongLossSumOfWeights(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        if sample_weight is None:
            return np.mean(values)
        w = np.reshape(sample_weight, -1)
        return np.sum(values * w) / np.sum(w)


class _WrongLossSum(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
        return np.sum(self.call(y_true, y_pred) * w)


class _WrongLossIgnored(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return np.mean(self.call(y_true, y_pred))


class _WrongLossBroadcast(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else sample_weight
        return np.mean(self.call(y_true, y_pred) * w)


class _WrongLossBroadcastSum(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else sample_weight
        return np.sum(self.call(y_true, y_pred) * w) / len(y_pred)


class _WrongLossTwice(_ReducedRight):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_true, y_pred, sample_weight) / len(y_pred)


class _WrongLossMeanWeight(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else np.mean(sample_weight)
        return np.mean(self.call(y_true, y_pred)) * w


class _WrongLossNonZero(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        if sample_weight is None:
            return np.mean(values)
        w = np.reshape(sample_weight, -1)
        return np.sum(values * w) / max(np.count_nonzero(w), 1)


class _WrongLossUnreduced(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
        return self.call(y_true, y_pred) * w


class _WrongLossZerosMeanNone(_ReducedRight):
    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is None or not np.any(sample_weight):
            return np.mean(self.call(y_true, y_pred))
        return super().__call__(y_true, y_pred, sample_weight)


class _WrongLossScaled(_ReducedRight):
    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None and np.any(sample_weight):
            sample_weight = sample_weight / np.max(sample_weight)
        return super().__call__(y_true, y_pred, sample_weight)


class _WrongLossSwapped(_ReducedRight):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return super().__call__(y_pred, y_true, sample_weight)


class _WrongLossWeighsPredictions(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        if sample_weight is not None:
            y_pred = y_pred * np.reshape(sample_weight, (-1, 1))
        return np.mean(self.call(y_true, y_pred))


class _WrongLossEveryElement(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        w = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
        return np.sum(values * w) / np.size(y_pred)


class _WrongLossSquaredError(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = np.mean((y_true - y_pred) ** 2, axis=-1)
        w = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
        return np.mean(values * w)


class _WrongLossAverage(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        return np.average(self.call(y_true, y_pred), weights=sample_weight)


class _WrongLossAverageFlat(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        w = None if sample_weight is None else np.ravel(sample_weight)
        return np.average(self.call(y_true, y_pred), weights=w)


class _WrongLossTruth(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        if sample_weight:
            values = values * np.reshape(sample_weight, -1)
        return np.mean(values)


class _RightLossLoop(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        weights = [1.0] * len(values) if sample_weight is None else np.ravel(sample_weight)
        total = 0.0
        for weight, value in zip(weights, values, strict=True):
            total += float(weight) * float(value)
        return total / len(values)


class _RightLossDot(_Written):
    def __call__(self, y_true, y_pred, sample_weight=None):
        values = self.call(y_true, y_pred)
        if sample_weight is None:
            sample_weight = np.ones(values.shape)
        return np.dot(values, sample_weight.ravel()) / values.shape[0]


class _RightLossMean(_Written):
    def __init__(self, name: str = "loss") -> None:
        self.name = name

    def __call__(self, y_true, y_pred, sample_weight=None):
        values = np.array(self.call(y_true, y_pred), dtype=float)
        if sample_weight is not None:
            values *= np.squeeze(np.reshape(sample_weight, (-1, 1)), axis=-1)
        return values.mean()


LOSS = Exercise(
    identifier="losses.Loss",
    signature="class Loss: call(y_true, y_pred) -> (N,), __call__(y_true, y_pred, sample_weight=None) -> float",
    points=2,
    minutes=10,
    difficulty=2,
    lines=4,
    reference=Loss,
    cases=_loss_cases,
    scenario=use_loss,
    mistakes=(
        Mistake(
            "divided by the sum of the weights",
            _WrongLossSumOfWeights,
            "That is a weighted mean; Keras divides by the number of samples N, whatever the weights are.",
            "With all weights 10 the loss must be ten times larger, not the same.",
        ),
        Mistake(
            "np.average",
            _WrongLossAverage,
            "np.average divides by the sum of the weights, fails when that is 0, and refuses weights of shape (N, 1).",
            "Multiply by the flat weights yourself, and divide by the number of samples.",
        ),
        Mistake(
            "np.average of flat weights",
            _WrongLossAverageFlat,
            "np.average divides by the sum of the weights, and fails when that is 0.",
            "Multiply by the weights yourself, and divide by the number of samples.",
        ),
        Mistake(
            "summed, not averaged",
            _WrongLossSum,
            "The loss grows with the size of the batch, and so would every step of the optimizer.",
            "Divide by the number of samples.",
        ),
        Mistake(
            "divided by the number of samples twice",
            _WrongLossTwice,
            "A mean was divided by N once more.",
            "np.mean has already divided.",
        ),
        Mistake(
            "divided by the number of outputs too",
            _WrongLossEveryElement,
            "y_pred has N times D elements; `call` has already averaged over the D outputs.",
            "Count the values that `call` returned.",
        ),
        Mistake(
            "weights ignored",
            _WrongLossIgnored,
            "sample_weight is accepted and never used.",
            "Multiply the values by the weights before you reduce.",
        ),
        Mistake(
            "an array asked whether it is true",
            _WrongLossTruth,
            "`if sample_weight:` fails for an array, which is neither true nor false.",
            "Ask `is not None`.",
        ),
        Mistake(
            "weights of shape (N, 1) spread to (N, N)",
            _WrongLossBroadcast,
            "(N,) times (N, 1) is an (N, N) table, and its mean is the mean loss times the mean weight.",
            "Give the weights the shape (N,) first.",
        ),
        Mistake(
            "weights of shape (N, 1) spread to (N, N), then summed",
            _WrongLossBroadcastSum,
            "(N,) times (N, 1) is an (N, N) table, and its sum is N times too large.",
            "Give the weights the shape (N,) first.",
        ),
        Mistake(
            "the mean loss times the mean weight",
            _WrongLossMeanWeight,
            "A weight must meet its own sample's loss; after the mean they can no longer find each other.",
            "Multiply first, reduce second.",
        ),
        Mistake(
            "samples of weight 0 left out of the count",
            _WrongLossNonZero,
            "A sample of weight 0 adds nothing to the sum but still counts in N.",
            "N is how many values there are, whatever their weights.",
        ),
        Mistake(
            "not reduced",
            _WrongLossUnreduced,
            "The weighted values come back one by one; the training loop needs a single number.",
            "What is missing is a sum and a division by N.",
        ),
        Mistake(
            "weights of 0 treated as no weights",
            _WrongLossZerosMeanNone,
            "When all weights are 0 the loss is 0; only None means that there are no weights.",
            "Ask `is not None`.",
        ),
        Mistake(
            "weights scaled to at most 1",
            _WrongLossScaled,
            "Keras uses the weights as they are given.",
            "With all weights 10 the loss must be ten times larger.",
        ),
        Mistake(
            "y_true and y_pred exchanged",
            _WrongLossSwapped,
            "`call` takes the labels first, and not every loss is symmetric.",
            "Look at the order of the arguments of `call`.",
        ),
        Mistake(
            "predictions weighted instead of losses",
            _WrongLossWeighsPredictions,
            "A weight says how much a sample's loss counts; it must not change what the model said.",
            "Call `call` first, with y_true and y_pred as they came.",
        ),
        Mistake(
            "`call` is not used",
            _WrongLossSquaredError,
            "Squared errors are computed whatever the subclass says its loss is.",
            "self.call(y_true, y_pred) gives the per-sample values of any subclass.",
        ),
    ),
    hints=(
        "Three steps: values from self.call, each times its weight if there are weights, then one number.",
        "Weights may come as (N,) or (N, 1): np.reshape(sample_weight, -1) makes both (N,). Compare with None by "
        "`is not None`, since an array is neither true nor false.",
        "values = self.call(y_true, y_pred); if there are weights, values = values * (the flat weights); then return "
        "the sum of values divided by how many there are.",
    ),
    alternatives=(_RightLossLoop, _RightLossDot, _RightLossMean),
)


# --------------------------------------------------------------------------- predictions

FIRST_LOSS = Question(
    identifier="losses.q1_first_loss",
    text=(
        "Cross-entropy is minus the natural logarithm of the probability that the right class got.\n"
        "A network with 10 classes and random weights is tested before any training. Its loss? (a number)"
    ),
    choices=None,
    low=0,
    high=1000,
    answer=None,
    because="Knowing nothing, it gives each of 10 classes about 1/10, and -log(1/10) = log 10 = 2.303.",
)

SURE_AND_WRONG = Question(
    identifier="losses.q2_sure_and_wrong",
    text=(
        "A model ends in a softmax and gives the right class a probability of exactly 0.\n"
        "Which loss does Keras report for this sample?"
    ),
    choices={"a": "infinity", "b": "nan, not a number", "c": "about 16.1", "d": "1"},
    answer="c",
    because="Keras clips probabilities at 1e-7 before the logarithm, and -log(1e-7) = 16.118.",
)

LOSS_GOES_UP = Question(
    identifier="losses.q3_loss_goes_up",
    text=(
        "In a run of 60 epochs the loss on the validation images falls for some ten epochs, then rises to twice\n"
        "its lowest value. What does the accuracy on the same images do while the loss rises?"
    ),
    choices={
        "a": "it falls back to where it began",
        "b": "it falls by some points",
        "c": "it stays the same to within a tenth of a point",
        "d": "it rises by some points",
    },
    answer="d",
    because=(
        "Accuracy asks only which side of the border an image is on, loss also how sure the model was: "
        "images that are wrong, and surely wrong, carry the loss up while more of the others come right."
    ),
)

register(MEAN_SQUARED_ERROR, LOG_SOFTMAX, SPARSE, BINARY, CATEGORICAL, LOSS)
register(FIRST_LOSS, SURE_AND_WRONG, LOSS_GOES_UP)
