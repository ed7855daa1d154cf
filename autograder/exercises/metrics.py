"""Notebook 08: a running mean, two accuracies, precision, and the line that a person reads.

A case is there because some wrong answer passes all the others: batches of unequal lengths, weights that are
all 0, a large number before many small ones in float32, a prediction that is exactly the threshold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios.metrics import use_metric

Array = NDArray[Any]
Rng = np.random.Generator
Cases = dict[str, tuple[Any, ...]]


# --------------------------------------------------------------------------- Mean


class Mean:
    """Weighted running mean over everything since the last reset; 0.0 while there is nothing."""

    def __init__(self):
        self.reset()

    def reset(self):
        """Forget everything."""
        self.total = 0.0
        self.count = 0.0

    def update(self, values, sample_weight=None):
        """Take in a number or (N,), each with its weight; without weights each counts once."""
        values = np.asarray(values, dtype="float64")
        weights = np.ones(values.shape) if sample_weight is None else np.reshape(sample_weight, values.shape)
        self.total += float(np.sum(weights * values))
        self.count += float(np.sum(weights))

    def result(self):
        """Return the mean: one float."""
        return self.total / self.count if self.count else 0.0


def _mean_cases(rng: Rng) -> Cases:
    def some(*sizes: int) -> list[Array]:
        return [rng.normal(size=n) + 2 for n in sizes]

    def weighed(*sizes: int) -> list[tuple[Array, Array]]:
        return [(values, rng.uniform(0.2, 3, size=len(values))) for values in some(*sizes)]

    one = np.float32(1)  # a weight, so that their product has 32 bits too
    large = [(np.float32(2**24), one), *((np.float32(rng.uniform(0.97, 0.99)), one) for _ in range(300))]
    lost = (rng.normal(size=4), np.zeros(4))
    partly = (rng.normal(size=5), np.array([0.0, 1.5, 0.0, 2.5, 0.5]))
    return {
        "three batches, the last one shorter": ([(values, None) for values in some(4, 4, 2)], {}),
        "a number at a time": ([(float(rng.normal() + 2), None) for _ in range(4)], {}),
        "the loss of each batch, weighted by its size": ([(float(rng.uniform(1, 3)), n) for n in (32, 32, 32, 7)], {}),
        "weights": (weighed(6, 6, 3), {}),
        "some weights are 0": ([partly, *weighed(4)], {}),
        "a batch whose weights are all 0": ([*weighed(3), lost, *weighed(5)], {}),
        "nothing but weights of 0": ([lost], {}),
        "some batches with weights and some without": ([(some(4)[0], None), *weighed(3), (some(6)[0], None)], {}),
        "negative values": ([(-values - 3, None) for values in some(4, 3)], {}),
        "integers": ([(rng.integers(1, 9, size=n), rng.integers(1, 5, size=n)) for n in (4, 3)], {}),
        "a large number, then 300 small ones, in float32": (large, {}),
    }


class _Sums:
    """A right mean in pieces, so that a mistake can replace one of them."""

    def __init__(self):
        self.total, self.count = 0.0, 0.0

    def weights(self, values, sample_weight):
        return np.ones(np.shape(values)) if sample_weight is None else np.asarray(sample_weight, dtype=float)

    def update(self, values, sample_weight=None):
        values = np.asarray(values, dtype=float)
        weights = self.weights(values, sample_weight)
        self.take(float(np.sum(values * weights)), float(np.sum(weights)), values, weights)

    def take(self, total, count, values, weights):
        self.total += total
        self.count += count

    def result(self):
        return self.total / self.count if self.count else 0.0

    def reset(self):
        self.total, self.count = 0.0, 0.0


class _WrongMeanOfMeans(_Sums):
    def take(self, total, count, values, weights):
        self.total += total / count if count else 0.0
        self.count += 1


class _WrongMeanOfPlainMeans(_Sums):
    def take(self, total, count, values, weights):
        self.total += float(np.mean(values * weights))
        self.count += 1


class _WrongMeanByValues(_Sums):
    def take(self, total, count, values, weights):
        super().take(total, values.size, values, weights)


class _WrongMeanByBatches(_Sums):
    def take(self, total, count, values, weights):
        super().take(total, 1, values, weights)


class _WrongMeanOneWeight(_Sums):
    """Takes a weight of 1 for the whole batch where there are none."""

    def update(self, values, sample_weight=None):
        weights = 1.0 if sample_weight is None else np.asarray(sample_weight, dtype=float)
        self.take(float(np.sum(np.asarray(values, dtype=float) * weights)), float(np.sum(weights)), values, weights)


class _WrongMeanUnweighted(_Sums):
    def weights(self, values, sample_weight):
        return np.ones(np.shape(values))


class _WrongMeanCountWeighted(_Sums):
    def take(self, total, count, values, weights):
        super().take(float(np.sum(values)), count, values, weights)


class _WrongMeanLast(_Sums):
    def take(self, total, count, values, weights):
        self.total, self.count = total, count


class _WrongMeanHalves(_Sums):
    def take(self, total, count, values, weights):
        new = total / count if count else 0.0
        self.total = (self.total + new) / 2 if self.count else new
        self.count = 1

    def result(self):
        return self.total


class _WrongMeanDivides(_Sums):
    def result(self):
        return self.total / self.count


class _WrongMeanNan(_Sums):
    def result(self):
        return np.divide(self.total, self.count)


class _WrongMeanSum(_Sums):
    def result(self):
        return self.total


class _WrongMeanResetsTotal(_Sums):
    def reset(self):
        self.total = 0.0


class _WrongMeanResetsCount(_Sums):
    def reset(self):
        self.count = 0.0


class _WrongMeanNeverResets(_Sums):
    def reset(self):
        pass


class _WrongMeanForgets(_Sums):
    def result(self):
        found = super().result()
        self.reset()
        return found


class _WrongMeanZerosAsNone(_Sums):
    def weights(self, values, sample_weight):
        found = super().weights(values, sample_weight)
        return found if np.any(found) else np.ones(np.shape(values))


class _WrongMeanTruth(_Sums):
    def weights(self, values, sample_weight):
        return np.asarray(sample_weight, dtype=float) if sample_weight else np.ones(np.shape(values))


class _WrongMeanLen(_Sums):
    def update(self, values, sample_weight=None):
        super().update(values, [1.0] * len(values) if sample_weight is None else sample_weight)


class _WrongMeanNarrow(_Sums):
    def update(self, values, sample_weight=None):
        weights = 1 if sample_weight is None else sample_weight
        self.total += np.sum(values * weights)
        self.count += np.sum(weights * np.ones(np.shape(values)))


class _RightMeanLoop:
    """Value by value, in a list of pairs."""

    def __init__(self):
        self.pairs = []

    def update(self, values, sample_weight=None):
        flat = np.ravel(values)
        weights = [1] * len(flat) if sample_weight is None else np.ravel(sample_weight)
        for value, weight in zip(flat, weights, strict=True):
            self.pairs.append((float(value), float(weight)))

    def result(self):
        count = sum(weight for _, weight in self.pairs)
        return sum(value * weight for value, weight in self.pairs) / count if count > 0 else 0.0

    def reset(self):
        self.pairs = []


class _RightMeanRunning:
    """Moves the mean, and keeps no total."""

    def __init__(self):
        self.mean, self.weight = 0.0, 0.0

    def update(self, values, sample_weight=None):
        values = np.atleast_1d(np.asarray(values, dtype="float64"))
        sample_weight = np.ones(len(values)) if sample_weight is None else np.atleast_1d(sample_weight)
        if sample_weight.sum() == 0:
            return
        self.weight += sample_weight.sum()
        self.mean += np.dot(sample_weight, values - self.mean) / self.weight

    def result(self):
        return self.mean

    def reset(self):
        self.__init__()


class _RightMeanBranches:
    """One branch with weights, one without."""

    def __init__(self):
        self.reset()

    def update(self, values, sample_weight=None):
        if sample_weight is None:
            self.sums += [np.sum(values, dtype="float64"), np.size(values)]
        else:
            self.sums += [np.sum(np.multiply(values, sample_weight), dtype="float64"), np.sum(sample_weight)]

    def result(self):
        total, count = self.sums
        if count == 0:
            return 0.0
        return np.float64(total) / count

    def reset(self):
        self.sums = np.zeros(2)


_OF_MEANS = Mistake(
    "the mean of the batches' means",
    _WrongMeanOfMeans,
    "A last batch of 2 samples counts as much as one of 4, so each of its samples counts more than the others.",
    "Add up values and weights, and divide once, in result().",
)

MEAN = Exercise(
    identifier="metrics.Mean",
    signature="class Mean: update(values, sample_weight=None), result() -> float, reset()",
    points=3,
    minutes=12,
    difficulty=2,
    lines=7,
    reference=Mean,
    cases=_mean_cases,
    scenario=use_metric,
    mistakes=(
        _OF_MEANS,
        Mistake(
            "the mean of the batches' means, weights unnormalised",
            _WrongMeanOfPlainMeans,
            "Each batch is averaged by itself, and its values times weights are divided by how many there are.",
            "Add up values times weights, and weights, and divide once, in result().",
        ),
        Mistake(
            "divided by the number of values, not by the weights",
            _WrongMeanByValues,
            "So a loss is reduced (notebook 04); a metric is a weighted mean, the same when all weights are 10.",
            "The count adds up the weights.",
        ),
        Mistake(
            "one weight for a whole batch",
            _WrongMeanOneWeight,
            "Without weights each value counts once; np.sum(1) is 1, however many values there are.",
            "np.ones(np.shape(values)) are as many ones as there are values.",
        ),
        Mistake(
            "divided by the number of batches",
            _WrongMeanByBatches,
            "The total adds up values, the count adds up batches: the result is the mean sum of a batch.",
            "Each value adds its weight to the count, and 1 if there are no weights.",
        ),
        Mistake(
            "weights ignored",
            _WrongMeanUnweighted,
            "sample_weight is accepted and never used.",
            "Multiply by the weights in the total, and add the weights up in the count.",
        ),
        Mistake(
            "weights in the count only",
            _WrongMeanCountWeighted,
            "The total adds bare values up, and is then divided by a sum of weights.",
            "In the total each value is multiplied by its weight.",
        ),
        Mistake(
            "only the last batch",
            _WrongMeanLast,
            "Each update replaces what was there.",
            "+= in place of =.",
        ),
        Mistake(
            "half old, half new",
            _WrongMeanHalves,
            "The mean of the old mean and the new batch gives the last batch half of all the weight.",
            "Keep a total and a count, and divide in result().",
        ),
        Mistake(
            "division by zero while empty",
            _WrongMeanDivides,
            "Before any update, and when all weights were 0, the count is 0.",
            "result() gives 0.0 then: look at the count first.",
        ),
        Mistake(
            "nan while empty",
            _WrongMeanNan,
            "Before any update, and when all weights were 0, the count is 0, and NumPy's 0 / 0 is nan.",
            "result() gives 0.0 then: look at the count first.",
        ),
        Mistake(
            "a sum, not a mean",
            _WrongMeanSum,
            "The total grows with every value.",
            "Divide it by the count in result().",
        ),
        Mistake(
            "the count is not reset",
            _WrongMeanResetsTotal,
            "After reset() the old samples still count, as if they had been 0.",
            "Both numbers go back to 0.",
        ),
        Mistake(
            "the total is not reset",
            _WrongMeanResetsCount,
            "After reset() the old values are still in the sum.",
            "Both numbers go back to 0.",
        ),
        Mistake(
            "reset() does nothing",
            _WrongMeanNeverResets,
            "The next epoch's mean would hold this one's values, too.",
            "Both numbers go back to 0, on self.",
        ),
        Mistake(
            "result() forgets",
            _WrongMeanForgets,
            "Asked twice it gives two answers: to look at the mean must not change it.",
            "Only reset() goes back to 0.",
        ),
        Mistake(
            "weights of 0 treated as no weights",
            _WrongMeanZerosAsNone,
            "A batch whose weights are all 0 counts for nothing; only None means that every value counts once.",
            "Ask `is not None`.",
        ),
        Mistake(
            "an array asked whether it is true",
            _WrongMeanTruth,
            "An array is neither true nor false: `if sample_weight:` and `== None` ask each of its numbers.",
            "Ask `is not None`.",
        ),
        Mistake(
            "len() of a number",
            _WrongMeanLen,
            "A loss comes as one number, which has no length.",
            "np.size(values) is 1 for a number; np.ones(np.shape(values)) are weights for both.",
        ),
        Mistake(
            "summed in 32 bits",
            _WrongMeanNarrow,
            "0.0 + np.float32(...) is a float32, with seven digits: beside a large total small values vanish.",
            "float(...) around each sum before it is added.",
        ),
    ),
    hints=(
        "Two running numbers are enough: a total and a count. Everything else can be computed from them.",
        "update adds sum(values · weights) to the total and sum(weights) to the count; result divides, if the count "
        "is not 0; reset sets both to 0.0. Without weights each value's weight is 1.",
        "weights = np.ones(np.shape(values)) if sample_weight is None else sample_weight; then self.total += "
        "float(np.sum(values * weights)), and the count in the same way.",
    ),
    alternatives=(_RightMeanLoop, _RightMeanRunning, _RightMeanBranches),
)


# --------------------------------------------------------------------------- SparseCategoricalAccuracy


class SparseCategoricalAccuracy(Mean):
    """Share of the samples whose largest prediction is at the label."""

    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels (N,) or (N, 1) and predictions (N, C)."""
        right = np.argmax(y_pred, axis=-1) == np.reshape(y_true, -1)
        super().update(right, sample_weight)


def _sparse_cases(rng: Rng) -> Cases:
    def batch(n: int, c: int, column: bool = False, dtype: str = "int64", logits: bool = False) -> tuple[Array, Array]:
        """Give labels and predictions that are right about six times in ten."""
        labels = rng.integers(0, c, size=n)
        labels[0], scores = c - 1, rng.normal(size=(n, c))
        scores[np.arange(n), labels] += 2.0 * (rng.uniform(size=n) < 0.6)
        scores = 9 * scores - 20 if logits else np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
        return (labels[:, None] if column else labels).astype(dtype), scores

    def weighed(n: int, c: int, **kind: Any) -> tuple[Array, Array, Array]:
        return (*batch(n, c, **kind), rng.uniform(0.2, 3, size=n))

    few = rng.uniform(0.1, 0.9, size=(3, 3))
    best = np.argmax(few, axis=1)
    labels, scores = batch(6, 4)
    right = np.eye(4)[labels]
    return {
        "three batches, the last one shorter": ([(*batch(n, 5), None) for n in (16, 16, 3)], {}),
        "labels of shape (N, 1)": ([(*batch(n, 3, column=True), None) for n in (7, 4)], {}),
        "weights": ([weighed(n, 4) for n in (9, 9, 2)], {}),
        "labels of shape (N, 1), and weights": ([weighed(n, 6, column=True) for n in (8, 3)], {}),
        "logits, all below 0": ([(*batch(n, 7, logits=True), None) for n in (11, 6)], {}),
        "labels as floats": ([(*batch(n, 3, dtype="float64"), None) for n in (8, 5)], {}),
        "labels as bytes": ([(*batch(n, 6, dtype="uint8"), None) for n in (8, 5)], {}),
        "all right": ([(labels, right, None)], {}),
        "all wrong": ([(labels, 1 - right, None)], {}),
        "a batch whose weights are all 0": ([weighed(5, 3), (labels, scores, np.zeros(6))], {}),
        "one sample": ([(*batch(1, 5), None), (*batch(1, 5), None)], {}),
        "two samples, then one": (
            [(np.array([best[0], (best[1] + 1) % 3]), few[:2], None), (best[2:], few[2:], None)],
            {},
        ),
    }


class _Accuracy(_Sums):
    """Accuracy in pieces: which samples are right, and how they enter the sums."""

    def update(self, y_true, y_pred, sample_weight=None):
        _Sums.update(self, self.right(y_true, y_pred), sample_weight)

    def right(self, y_true, y_pred):
        return np.argmax(y_pred, axis=-1) == np.reshape(y_true, -1)


class _WrongSparseRows(_Accuracy):
    def right(self, y_true, y_pred):
        return (np.argmax(y_pred, axis=0) == y_true.ravel()[0]).mean()


class _WrongSparseFlat(_Accuracy):
    def right(self, y_true, y_pred):
        return np.argmax(y_pred) == np.reshape(y_true, -1)


class _WrongSparseSquare(_Accuracy):
    def update(self, y_true, y_pred, sample_weight=None):
        right = np.argmax(y_pred, axis=-1) == y_true
        weights = np.ones(right.shape) if sample_weight is None else np.broadcast_to(sample_weight, right.shape)
        self.total += float(np.sum(right * weights))
        self.count += float(np.sum(weights))


class _WrongSparseMeanFirst(_Accuracy):
    def right(self, y_true, y_pred):
        return np.mean(np.argmax(y_pred, axis=-1) == y_true)


class _WrongSparseLabelsArgmax(_Accuracy):
    def right(self, y_true, y_pred):
        return np.argmax(y_pred, axis=-1) == np.argmax(y_true)


class _WrongSparseLeast(_Accuracy):
    def right(self, y_true, y_pred):
        return np.argmin(y_pred, axis=-1) == np.reshape(y_true, -1)


class _WrongSparseErrors(_Accuracy):
    def right(self, y_true, y_pred):
        return np.argmax(y_pred, axis=-1) != np.reshape(y_true, -1)


class _WrongSparseSure(_Accuracy):
    def right(self, y_true, y_pred):
        return y_pred[np.arange(len(y_pred)), np.reshape(y_true, -1).astype(int)] > 0.5


class _WrongSparseProbability(_Accuracy):
    def right(self, y_true, y_pred):
        return y_pred[np.arange(len(y_pred)), np.reshape(y_true, -1).astype(int)]


class _WrongSparsePercent(_Accuracy):
    def result(self):
        return 100 * super().result()


class _WrongSparseOfMeans(_Accuracy):
    take = _WrongMeanOfMeans.take


class _WrongSparseByValues(_Accuracy):
    take = _WrongMeanByValues.take


class _WrongSparseLast(_Accuracy):
    take = _WrongMeanLast.take


class _WrongSparseUnweighted(_Accuracy):
    weights = _WrongMeanUnweighted.weights


class _WrongSparseCount(_Accuracy):
    result = _WrongMeanSum.result


class _WrongSparseDivides(_Accuracy):
    result = _WrongMeanDivides.result


class _WrongSparseNeverResets(_Accuracy):
    reset = _WrongMeanNeverResets.reset


class _RightSparseLoop:
    """Row by row."""

    def __init__(self):
        self.right, self.seen = 0.0, 0.0

    def update(self, y_true, y_pred, sample_weight=None):
        for i, row in enumerate(y_pred):
            weight = 1.0 if sample_weight is None else float(sample_weight[i])
            best = max(range(len(row)), key=row.__getitem__)
            self.right += weight * (best == int(np.ravel(y_true)[i]))
            self.seen += weight

    def result(self):
        return self.right / self.seen if self.seen else 0.0

    def reset(self):
        self.right, self.seen = 0.0, 0.0


class _RightSparseHolds:
    """Holds a mean in place of being one."""

    def __init__(self):
        self.mean = _RightMeanRunning()

    def update(self, y_true, y_pred, sample_weight=None):
        labels = y_true[:, 0] if y_true.ndim == 2 else y_true
        self.mean.update((y_pred.argmax(1) == labels).astype(float), sample_weight)

    def result(self):
        return self.mean.result()

    def reset(self):
        self.mean.reset()


class _RightSparseKeeps:
    """Keeps everything, and reduces when asked."""

    def __init__(self):
        self.batches = []

    def update(self, y_true, y_pred, sample_weight=None):
        weights = np.ones(len(y_pred)) if sample_weight is None else np.array(sample_weight)
        self.batches.append((np.argmax(y_pred, axis=1) == np.squeeze(y_true.reshape(-1, 1), 1), weights))

    def result(self):
        if not self.batches:
            return 0.0
        right = np.concatenate([right for right, _ in self.batches])
        weights = np.concatenate([weights for _, weights in self.batches])
        return float(np.average(right, weights=weights)) if weights.any() else 0.0

    def reset(self):
        self.batches.clear()


_SHARED = {
    "last": ("only the last batch", "Each update replaces what was there.", "+= in place of =; your Mean does it."),
    "values": (
        "divided by the number of samples, not by the weights",
        "A weighted accuracy is a weighted mean: the right ones' weight over all the weight.",
        "Hand the weights on to Mean, which knows what to do.",
    ),
    "weights": (
        "weights ignored",
        "sample_weight is accepted and never used.",
        "Hand it on to Mean.",
    ),
    "sum": ("a count, not a share", "The right ones are counted, and never divided.", "Let Mean's result() do it."),
    "divides": (
        "division by zero while empty",
        "Before any update, and when all weights were 0, there is nothing to divide by.",
        "result() gives 0.0 then, as that of Mean does.",
    ),
    "reset": (
        "reset() does nothing",
        "The next epoch's accuracy would hold this one's samples, too.",
        "If you subclass Mean, leave its reset() alone; else set back everything that update() adds to.",
    ),
}


def _shared(kind: str, wrong: type) -> Mistake:
    name, why, hint = _SHARED[kind]
    return Mistake(name, wrong, why, hint)


SPARSE_ACCURACY = Exercise(
    identifier="metrics.SparseCategoricalAccuracy",
    signature="class SparseCategoricalAccuracy: update(y_true, y_pred, sample_weight=None), result() -> float, reset()",
    points=1,
    minutes=6,
    difficulty=1,
    lines=2,
    reference=SparseCategoricalAccuracy,
    cases=_sparse_cases,
    scenario=use_metric,
    mistakes=(
        Mistake(
            "labels of shape (N, 1) spread against (N,)",
            _WrongSparseSquare,
            "NumPy compares each label with every prediction, an (N, N) table.",
            "np.reshape(y_true, -1) gives both shapes of labels the shape (N,).",
        ),
        Mistake(
            "the mean of the batches' accuracies",
            _WrongSparseOfMeans,
            "Each batch counts the same, however few samples it has.",
            "Hand Mean one value for each sample, and let it divide once.",
        ),
        Mistake(
            "one value for the whole batch",
            _WrongSparseMeanFirst,
            "np.mean leaves one number, which Mean takes for one sample; and no weight can meet its own sample.",
            "Hand Mean one value for each sample, (N,).",
        ),
        Mistake(
            "argmax down the batch",
            _WrongSparseRows,
            "axis=0 finds the best sample of each class; wanted is the best class of each sample.",
            "The classes are the last axis: axis=-1.",
        ),
        Mistake(
            "argmax of the whole table",
            _WrongSparseFlat,
            "Without an axis argmax finds one place in the whole table.",
            "The classes are the last axis: axis=-1.",
        ),
        Mistake(
            "argmax of the labels too",
            _WrongSparseLabelsArgmax,
            "These labels are class numbers already, not one-hot rows.",
            "Compare the argmax of the predictions with the labels as they are.",
        ),
        Mistake(
            "the smallest prediction",
            _WrongSparseLeast,
            "argmin finds the class that the model thinks least of.",
            "argmax.",
        ),
        Mistake(
            "the share of wrong ones",
            _WrongSparseErrors,
            "That is the error rate, 1 minus the accuracy.",
            "== in place of !=.",
        ),
        Mistake(
            "right only above one half",
            _WrongSparseSure,
            "With C classes the largest probability may be below 0.5, and is the answer; and logits have no 0.5.",
            "np.argmax over the last axis.",
        ),
        Mistake(
            "the label's prediction itself",
            _WrongSparseProbability,
            "The mean of the label's probability says how sure the model is; accuracy asks only which is largest.",
            "np.argmax over the last axis, compared with the labels.",
        ),
        Mistake(
            "in percent",
            _WrongSparsePercent,
            "Keras reports a share, from 0 to 1.",
            "Leave the 100 to whoever prints it.",
        ),
        _shared("values", _WrongSparseByValues),
        _shared("weights", _WrongSparseUnweighted),
        _shared("last", _WrongSparseLast),
        _shared("sum", _WrongSparseCount),
        _shared("divides", _WrongSparseDivides),
        _shared("reset", _WrongSparseNeverResets),
    ),
    hints=(
        "Accuracy is a mean: of 1 for each sample that is right and 0 for each that is not. You have a Mean.",
        "np.argmax(y_pred, axis=-1) are the model's answers, (N,). Labels may be (N, 1): np.reshape(y_true, -1) "
        "makes both kinds (N,). == compares them.",
        "right = np.argmax(y_pred, axis=-1) == np.reshape(y_true, -1); then super().update(right, sample_weight).",
    ),
    alternatives=(_RightSparseLoop, _RightSparseHolds, _RightSparseKeeps),
)


# --------------------------------------------------------------------------- BinaryAccuracy


class BinaryAccuracy(Mean):
    """Share of the samples for which `y_pred > threshold` agrees with the label."""

    def __init__(self, threshold=0.5):
        super().__init__()
        self.threshold = threshold

    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels of 0 and 1 and predictions, each (N,) or (N, 1)."""
        says_yes = np.reshape(y_pred, -1) > self.threshold
        super().update(says_yes == np.reshape(y_true, -1), sample_weight)


def _yes_or_no(rng: Rng, n: int, scale: float = 1.0, shift: float = 0.0) -> tuple[Array, Array]:
    """Give labels and predictions, of which about seven in ten are on the right side of 0.5."""
    labels = rng.integers(0, 2, size=n)
    right = rng.uniform(size=n) < 0.7
    high = np.where(right, labels, 1 - labels)
    return labels, scale * (0.5 * rng.uniform(0.02, 0.98, size=n) + 0.5 * high) + shift


def _six_samples(rng: Rng) -> list[tuple[Array, Array, None]]:
    """Give two batches that can be worked by hand: a yes and a no of each kind, then a right yes and a right no."""
    high, low = rng.uniform(0.55, 0.95, size=3), rng.uniform(0.05, 0.45, size=3)
    first = np.array([high[0], high[1], low[0], low[1]])
    return [(np.array([1, 0, 1, 0]), first, None), (np.array([1, 0]), np.array([high[2], low[2]]), None)]


def _binary_cases(rng: Rng) -> Cases:
    def batch(*sizes: int, **kind: float) -> list[tuple[Array, Array, None]]:
        return [(*_yes_or_no(rng, n, **kind), None) for n in sizes]

    def columns(*sizes: int) -> list[tuple[Array, Array, None]]:
        return [(y[:, None], p[:, None], None) for y, p, _ in batch(*sizes)]

    y, p, _ = batch(9)[0]
    at = np.array([0.5, 0.5, 0.2, 0.9, 0.5]), np.array([0, 1, 0, 1, 0])
    weights = [rng.uniform(0.2, 3, size=n) for n in (8, 8, 3)]
    return {
        "three batches, the last one shorter": (batch(16, 16, 3), {}),
        "labels and predictions of shape (N, 1)": (columns(7, 4), {}),
        "labels (N,) beside predictions (N, 1)": ([(y, p[:, None], None)], {}),
        "labels (N, 1) beside predictions (N,)": ([(y[:, None], p, None)], {}),
        "weights": ([(*_yes_or_no(rng, len(w)), w) for w in weights], {}),
        "predictions that are exactly the threshold": ([(at[1], at[0], None)], {}),
        "logits and a threshold of 0": (batch(12, 5, scale=8.0, shift=-4.0), {"threshold": 0.0}),
        "logits and a threshold of 1.5": (batch(12, 5, scale=8.0, shift=-2.5), {"threshold": 1.5}),
        "a threshold of 0.8": (batch(11, 6), {"threshold": 0.8}),
        "labels as floats": ([(y.astype("float64"), p, None) for y, p, _ in batch(6, 4)], {}),
        "more noes than yeses": ([(np.array([0, 0, 0, 1, 0, 0, 0]), rng.uniform(0, 0.45, size=7), None)], {}),
        "all weights 0": ([(y, p, np.zeros(9))], {}),
        "four samples, then two": (_six_samples(rng), {}),
    }


class _Binary(_Sums):
    """Binary accuracy in pieces."""

    def __init__(self, threshold=0.5):
        _Sums.__init__(self)
        self.threshold = threshold

    def update(self, y_true, y_pred, sample_weight=None):
        _Sums.update(self, self.right(np.reshape(y_true, -1), np.reshape(y_pred, -1)), sample_weight)

    def right(self, y_true, y_pred):
        return (y_pred > self.threshold) == y_true


class _WrongBinaryAtLeast(_Binary):
    def right(self, y_true, y_pred):
        return (y_pred >= self.threshold) == y_true


class _WrongBinaryRounds(_Binary):
    def right(self, y_true, y_pred):
        return np.round(y_pred) == y_true


class _WrongBinaryHalf(_Binary):
    def right(self, y_true, y_pred):
        return (y_pred > 0.5) == y_true


class _WrongBinaryEqual(_Binary):
    def right(self, y_true, y_pred):
        return y_pred == y_true


class _WrongBinaryBelow(_Binary):
    def right(self, y_true, y_pred):
        return (y_pred < self.threshold) == y_true


class _WrongBinaryYes(_Binary):
    def right(self, y_true, y_pred):
        return (y_pred > self.threshold) & (y_true == 1)


class _WrongBinaryAnswers(_Binary):
    def right(self, y_true, y_pred):
        return y_pred > self.threshold


class _WrongBinaryErrors(_Binary):
    def right(self, y_true, y_pred):
        return (y_pred > self.threshold) != y_true


class _WrongBinarySquare(_Binary):
    def update(self, y_true, y_pred, sample_weight=None):
        right = (y_pred > self.threshold) == y_true
        weights = np.ones(right.shape) if sample_weight is None else np.broadcast_to(sample_weight, right.shape)
        self.total += float(np.sum(right * weights))
        self.count += float(np.sum(weights))


class _WrongBinaryMeanFirst(_Binary):
    def right(self, y_true, y_pred):
        return np.mean((y_pred > self.threshold) == y_true)


class _WrongBinaryOfMeans(_Binary):
    take = _WrongMeanOfMeans.take


class _WrongBinaryByValues(_Binary):
    take = _WrongMeanByValues.take


class _WrongBinaryLast(_Binary):
    take = _WrongMeanLast.take


class _WrongBinaryUnweighted(_Binary):
    weights = _WrongMeanUnweighted.weights


class _WrongBinaryCount(_Binary):
    result = _WrongMeanSum.result


class _WrongBinaryDivides(_Binary):
    result = _WrongMeanDivides.result


class _WrongBinaryNeverResets(_Binary):
    reset = _WrongMeanNeverResets.reset


class _RightBinaryLoop:
    """Sample by sample."""

    def __init__(self, threshold=0.5):
        self.threshold, self.right, self.seen = threshold, 0.0, 0.0

    def update(self, y_true, y_pred, sample_weight=None):
        weights = [1.0] * len(y_true) if sample_weight is None else sample_weight
        for label, guess, weight in zip(np.ravel(y_true), np.ravel(y_pred), weights, strict=True):
            if (guess > self.threshold and label == 1) or (guess <= self.threshold and label == 0):
                self.right += weight
            self.seen += weight

    def result(self):
        return self.right / self.seen if self.seen > 0 else 0.0

    def reset(self):
        self.right = self.seen = 0.0


class _RightBinaryHolds:
    """Holds a mean, and makes integers of the answers."""

    def __init__(self, threshold=0.5):
        self.threshold, self.mean = threshold, _RightMeanBranches()

    def update(self, y_true, y_pred, sample_weight=None):
        answers = (np.ravel(y_pred) > self.threshold).astype(int)
        self.mean.update(1 - np.abs(answers - np.ravel(y_true)), sample_weight)

    def result(self):
        return self.mean.result()

    def reset(self):
        self.mean = _RightMeanBranches()


class _RightBinaryCounts(_Sums):
    """Counts both kinds of right answers."""

    def __init__(self, threshold=0.5):
        super().__init__()
        self.threshold = threshold

    def update(self, y_true, y_pred, sample_weight=None):
        y_true, y_pred = y_true.flatten(), y_pred.flatten()
        yes = np.where(y_pred > self.threshold, 1, 0)
        right = np.logical_or((yes == 1) & (y_true == 1), (yes == 0) & (y_true == 0))
        super().update(right, sample_weight)


BINARY_ACCURACY = Exercise(
    identifier="metrics.BinaryAccuracy",
    signature="class BinaryAccuracy(threshold=0.5): "
    "update(y_true, y_pred, sample_weight=None), result() -> float, reset()",
    points=1,
    minutes=5,
    difficulty=1,
    lines=2,
    reference=BinaryAccuracy,
    cases=_binary_cases,
    scenario=use_metric,
    mistakes=(
        Mistake(
            "yes at the threshold itself",
            _WrongBinaryAtLeast,
            "In Keras a prediction that is exactly the threshold is a no.",
            "> in place of >=.",
        ),
        Mistake(
            "rounded",
            _WrongBinaryRounds,
            "np.round has its border at 0.5 and knows nothing of a threshold.",
            "Compare the predictions with self.threshold.",
        ),
        Mistake(
            "the threshold is not used",
            _WrongBinaryHalf,
            "For logits the border is 0, and the constructor says so.",
            "Compare the predictions with self.threshold.",
        ),
        Mistake(
            "predictions compared with labels",
            _WrongBinaryEqual,
            "0.93 is not 1, so hardly any prediction ever counts as right.",
            "First a yes or a no: is the prediction above the threshold?",
        ),
        Mistake(
            "yes below the threshold",
            _WrongBinaryBelow,
            "A large prediction means yes.",
            "> in place of <.",
        ),
        Mistake(
            "only the yeses count as right",
            _WrongBinaryYes,
            "A no that is a no is right, too.",
            "Compare the answers with the labels by ==.",
        ),
        Mistake(
            "the share of yeses",
            _WrongBinaryAnswers,
            "How often the model says yes; the labels take no part.",
            "Compare the answers with the labels by ==.",
        ),
        Mistake(
            "the share of wrong ones",
            _WrongBinaryErrors,
            "That is the error rate, 1 minus the accuracy.",
            "== in place of !=.",
        ),
        Mistake(
            "(N,) spread against (N, 1)",
            _WrongBinarySquare,
            "NumPy compares each label with every prediction, an (N, N) table.",
            "np.reshape(..., -1) for both.",
        ),
        Mistake(
            "one value for the whole batch",
            _WrongBinaryMeanFirst,
            "np.mean leaves one number, which Mean takes for one sample; and no weight can meet its own sample.",
            "Hand Mean one value for each sample, (N,).",
        ),
        Mistake(
            "the mean of the batches' accuracies",
            _WrongBinaryOfMeans,
            "Each batch counts the same, however few samples it has.",
            "Hand Mean one value for each sample, and let it divide once.",
        ),
        _shared("values", _WrongBinaryByValues),
        _shared("weights", _WrongBinaryUnweighted),
        _shared("last", _WrongBinaryLast),
        _shared("sum", _WrongBinaryCount),
        _shared("divides", _WrongBinaryDivides),
        _shared("reset", _WrongBinaryNeverResets),
    ),
    hints=(
        "The same as the last exercise, with another way to find the model's answer: is the prediction large enough?",
        "np.reshape(y_pred, -1) > self.threshold is the answer, and == compares it with the flat labels. The "
        "constructor keeps the threshold, and must not forget what Mean's does.",
        "In __init__: super().__init__() and self.threshold = threshold. In update: yes = np.reshape(y_pred, -1) > "
        "self.threshold, then super().update(yes == ..., sample_weight).",
    ),
    alternatives=(_RightBinaryLoop, _RightBinaryHolds, _RightBinaryCounts),
)


# --------------------------------------------------------------------------- Precision


class Precision:
    """Of what was called a yes, the share that is one; 0.0 while nothing was."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.reset()

    def update(self, y_true, y_pred, sample_weight=None):
        """Take in labels of 0 and 1 and predictions, each (N,) or (N, 1)."""
        weights = 1.0 if sample_weight is None else np.reshape(sample_weight, -1)
        says_yes = np.reshape(y_pred, -1) > self.threshold
        is_yes = np.reshape(y_true, -1) == 1
        self.true_positives += float(np.sum(weights * (says_yes & is_yes)))
        self.false_positives += float(np.sum(weights * (says_yes & ~is_yes)))

    def result(self):
        """Return true positives over all positives: one float."""
        said = self.true_positives + self.false_positives
        return self.true_positives / said if said else 0.0

    def reset(self):
        """Forget everything."""
        self.true_positives = 0.0
        self.false_positives = 0.0


def _precision_cases(rng: Rng) -> Cases:
    def batch(*sizes: int, **kind: float) -> list[tuple[Array, Array, None]]:
        return [(*_yes_or_no(rng, n, **kind), None) for n in sizes]

    def never(n: int) -> tuple[Array, Array, None]:
        return rng.integers(0, 2, size=n), rng.uniform(0, 0.45, size=n), None

    y, p, _ = batch(9)[0]
    at = np.array([0.5, 0.5, 0.7, 0.9, 0.5, 0.6]), np.array([0, 0, 0, 1, 1, 1])
    weights = [rng.uniform(0.2, 3, size=n) for n in (8, 8, 3)]
    return {
        "three batches, the last one shorter": (batch(16, 16, 5), {}),
        "a batch in which nothing is called a yes": ([*batch(12), never(7), *batch(5)], {}),
        "never a yes": ([never(8), never(3)], {}),
        "always a yes": ([(rng.integers(0, 2, size=11), rng.uniform(0.6, 1, size=11), None)], {}),
        "labels and predictions of shape (N, 1)": ([(y[:, None], p[:, None], None) for y, p, _ in batch(7, 4)], {}),
        "labels (N,) beside predictions (N, 1)": ([(y, p[:, None], None)], {}),
        "weights": ([(*_yes_or_no(rng, len(w)), w) for w in weights], {}),
        "predictions that are exactly the threshold": ([(at[1], at[0], None)], {}),
        "logits and a threshold of 0": (batch(12, 6, scale=8.0, shift=-4.0), {"threshold": 0.0}),
        "logits and a threshold of 1.5": (batch(12, 5, scale=8.0, shift=-2.5), {"threshold": 1.5}),
        "a threshold of 0.8": (batch(14, 9), {"threshold": 0.8}),
        "labels as floats": ([(y.astype("float64"), p, None) for y, p, _ in batch(6, 4)], {}),
        "all weights 0": ([(y, p, np.zeros(9))], {}),
        "four samples, then two": (_six_samples(rng), {}),
    }


class _Counts:
    """Right precision in pieces: four counts, and what is made of them."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.reset()

    def reset(self):
        self.tp = self.fp = self.tn = self.fn = 0.0

    def says_yes(self, y_pred):
        return y_pred > self.threshold

    def weights(self, y_true, sample_weight):
        return np.ones(len(y_true)) if sample_weight is None else np.reshape(sample_weight, -1)

    def update(self, y_true, y_pred, sample_weight=None):
        w, yes, true = self.weights(y_true, sample_weight), self.says_yes(np.ravel(y_pred)), np.ravel(y_true) == 1
        self.take(*(float(np.sum(w * which)) for which in (yes & true, yes & ~true, ~yes & ~true, ~yes & true)))

    def take(self, tp, fp, tn, fn):
        self.tp += tp
        self.fp += fp
        self.tn += tn
        self.fn += fn

    def result(self):
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0


class _WrongPrecisionOfMeans(_Counts):
    def reset(self):
        self.total, self.count = 0.0, 0

    def take(self, tp, fp, tn, fn):
        self.total += tp / (tp + fp) if tp + fp else 0.0
        self.count += 1

    def result(self):
        return self.total / self.count if self.count else 0.0


class _WrongPrecisionOfSomeMeans(_WrongPrecisionOfMeans):
    def take(self, tp, fp, tn, fn):
        if tp + fp:
            super().take(tp, fp, tn, fn)


class _WrongPrecisionBits(_Counts):
    def update(self, y_true, y_pred, sample_weight=None):
        w, yes, labels = self.weights(y_true, sample_weight), self.says_yes(np.ravel(y_pred)), np.ravel(y_true)
        self.take(float(np.sum(w * (yes & labels))), float(np.sum(w * (yes & ~labels))), 0.0, 0.0)


class _WrongPrecisionRecall(_Counts):
    def result(self):
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0


class _WrongPrecisionAccuracy(_Counts):
    def result(self):
        seen = self.tp + self.fp + self.tn + self.fn
        return (self.tp + self.tn) / seen if seen else 0.0


class _WrongPrecisionOfAll(_Counts):
    def result(self):
        seen = self.tp + self.fp + self.tn + self.fn
        return self.tp / seen if seen else 0.0


class _WrongPrecisionTwice(_Counts):
    def result(self):
        return self.tp / (2 * self.tp + self.fp) if self.tp + self.fp else 0.0


class _WrongPrecisionRatio(_Counts):
    def result(self):
        return self.tp / self.fp if self.fp else 0.0


class _WrongPrecisionFalse(_Counts):
    def result(self):
        return self.fp / (self.tp + self.fp) if self.tp + self.fp else 0.0


class _WrongPrecisionDivides(_Counts):
    def result(self):
        return self.tp / (self.tp + self.fp)


class _WrongPrecisionNan(_Counts):
    def result(self):
        return np.divide(self.tp, self.tp + self.fp)


class _WrongPrecisionOne(_Counts):
    def result(self):
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 1.0


class _WrongPrecisionAtLeast(_Counts):
    def says_yes(self, y_pred):
        return y_pred >= self.threshold


class _WrongPrecisionHalf(_Counts):
    def says_yes(self, y_pred):
        return y_pred > 0.5


class _WrongPrecisionUnweighted(_Counts):
    def weights(self, y_true, sample_weight):
        return np.ones(len(y_true))


class _WrongPrecisionLast(_Counts):
    def take(self, tp, fp, tn, fn):
        self.tp, self.fp = tp, fp


class _WrongPrecisionResetsTrue(_Counts):
    def __init__(self, threshold=0.5):
        super().__init__(threshold)
        _Counts.reset(self)

    def reset(self):
        self.tp = 0.0


class _WrongPrecisionNeverResets(_WrongPrecisionResetsTrue):
    def reset(self):
        pass


class _WrongPrecisionSquare(_Counts):
    def update(self, y_true, y_pred, sample_weight=None):
        w = 1.0 if sample_weight is None else sample_weight
        yes = y_pred > self.threshold
        self.tp += float(np.sum(w * (yes & (y_true == 1))))
        self.fp += float(np.sum(w * (yes & (y_true == 0))))


class _RightPrecisionLoop:
    """Sample by sample; counts those that were called a yes."""

    def __init__(self, threshold=0.5):
        self.threshold, self.hits, self.called = threshold, 0.0, 0.0

    def update(self, y_true, y_pred, sample_weight=None):
        for i, (label, guess) in enumerate(zip(np.ravel(y_true), np.ravel(y_pred), strict=True)):
            if guess > self.threshold:
                weight = 1.0 if sample_weight is None else sample_weight[i]
                self.called += weight
                self.hits += weight * label

    def result(self):
        return 0.0 if self.called == 0 else self.hits / self.called

    def reset(self):
        self.hits, self.called = 0.0, 0.0


class _RightPrecisionMean(_Sums):
    """The mean label of what was called a yes."""

    def __init__(self, threshold=0.5):
        super().__init__()
        self.threshold = threshold

    def update(self, y_true, y_pred, sample_weight=None):
        yes = np.reshape(y_pred, -1) > self.threshold
        weights = None if sample_weight is None else np.reshape(sample_weight, -1)[yes]
        super().update(np.reshape(y_true, -1)[yes], weights)


class _RightPrecisionProducts:
    """By products of 0s and 1s, and a helper of its own."""

    def __init__(self, threshold=0.5):
        self.threshold = threshold
        self.counts = {"true": 0.0, "false": 0.0}

    def update(self, y_true, y_pred, sample_weight=None):
        y_true, answer = y_true.ravel().astype(float), (y_pred.ravel() > self.threshold).astype(float)
        if sample_weight is not None:
            answer = answer * sample_weight
        self.counts["true"] += answer @ y_true
        self.counts["false"] += answer @ (1 - y_true)

    def result(self):
        called = sum(self.counts.values())
        return self.counts["true"] / max(called, 1e-300)

    def reset(self):
        self.counts = dict.fromkeys(self.counts, 0.0)


PRECISION = Exercise(
    identifier="metrics.Precision",
    signature="class Precision(threshold=0.5): update(y_true, y_pred, sample_weight=None), result() -> float, reset()",
    points=2,
    minutes=10,
    difficulty=2,
    lines=9,
    reference=Precision,
    cases=_precision_cases,
    scenario=use_metric,
    mistakes=(
        Mistake(
            "the mean of the batches' precisions",
            _WrongPrecisionOfMeans,
            "A batch with one yes counts as much as one with ten, and a batch with none counts as 0.",
            "Add the two counts up over the batches, and divide once, in result().",
        ),
        Mistake(
            "the mean of the precisions of batches that have a yes",
            _WrongPrecisionOfSomeMeans,
            "A batch with one yes counts as much as one with ten.",
            "Add the two counts up over the batches, and divide once, in result().",
        ),
        Mistake(
            "recall",
            _WrongPrecisionRecall,
            "Divided by all that are a yes: that is how many of them were found. Precision divides by all that were "
            "called one.",
            "Below the line: true positives plus false positives.",
        ),
        Mistake(
            "accuracy",
            _WrongPrecisionAccuracy,
            "Right noes count here; precision looks only at what was called a yes.",
            "Two counts are enough, and no is in neither.",
        ),
        Mistake(
            "divided by all samples",
            _WrongPrecisionOfAll,
            "Samples that were called a no are in the count.",
            "Below the line: true positives plus false positives.",
        ),
        Mistake(
            "the true positives counted twice",
            _WrongPrecisionTwice,
            "Everything that was called a yes is counted as a false positive, the right ones too.",
            "A false positive was called a yes *and* is a no.",
        ),
        Mistake(
            "true over false",
            _WrongPrecisionRatio,
            "That is a ratio of the two, not a share of both together.",
            "Below the line: true positives plus false positives.",
        ),
        Mistake(
            "the share of false ones",
            _WrongPrecisionFalse,
            "Of what was called a yes this is the part that is none.",
            "Above the line: the true positives.",
        ),
        Mistake(
            "& and ~ of the labels themselves",
            _WrongPrecisionBits,
            "Labels may come as floats, 0.0 and 1.0, and & and ~ work with True and False only.",
            "np.reshape(y_true, -1) == 1 makes True and False of them.",
        ),
        Mistake(
            "division by zero when nothing was called a yes",
            _WrongPrecisionDivides,
            "Both counts can be 0, in the beginning or for a model that never says yes.",
            "result() gives 0.0 then.",
        ),
        Mistake(
            "nan when nothing was called a yes",
            _WrongPrecisionNan,
            "Both counts can be 0, and NumPy's 0 / 0 is nan.",
            "result() gives 0.0 then.",
        ),
        Mistake(
            "1 when nothing was called a yes",
            _WrongPrecisionOne,
            "One could say that no call was wrong; Keras says 0.",
            "result() gives 0.0 then.",
        ),
        Mistake(
            "yes at the threshold itself",
            _WrongPrecisionAtLeast,
            "In Keras a prediction that is exactly the threshold is a no.",
            "> in place of >=.",
        ),
        Mistake(
            "the threshold is not used",
            _WrongPrecisionHalf,
            "For logits the border is 0, and the constructor says so.",
            "Compare the predictions with self.threshold.",
        ),
        Mistake(
            "weights ignored",
            _WrongPrecisionUnweighted,
            "sample_weight is accepted and never used.",
            "Each sample adds its weight to a count, and 1 if there are no weights.",
        ),
        Mistake(
            "only the last batch",
            _WrongPrecisionLast,
            "Each update replaces what was there.",
            "+= in place of =.",
        ),
        Mistake(
            "the false positives are not reset",
            _WrongPrecisionResetsTrue,
            "After reset() the old false positives are still counted.",
            "Both counts go back to 0.",
        ),
        Mistake(
            "reset() does nothing",
            _WrongPrecisionNeverResets,
            "The next epoch's precision would hold this one's samples, too.",
            "Both counts go back to 0, on self.",
        ),
        Mistake(
            "(N,) spread against (N, 1)",
            _WrongPrecisionSquare,
            "NumPy compares each label with every prediction, an (N, N) table.",
            "np.reshape(..., -1) for both.",
        ),
    ),
    hints=(
        "Two running counts: yes called a yes, and no called a yes. What was called a no is in neither.",
        "says_yes = np.reshape(y_pred, -1) > self.threshold and is_yes = np.reshape(y_true, -1) == 1 are arrays of "
        "True and False; & is `and` for each sample, ~ is `not`. np.sum counts the True ones, and weighs them when "
        "they are multiplied by weights.",
        "In update: self.true_positives += float(np.sum(weights * (says_yes & is_yes))), and the false ones with "
        "~is_yes. In result: the true ones divided by both, or 0.0.",
    ),
    alternatives=(_RightPrecisionLoop, _RightPrecisionMean, _RightPrecisionProducts),
)


# --------------------------------------------------------------------------- format_logs


def _format_logs(logs: dict[str, float]) -> str:
    def number(value: float) -> str:
        return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"

    return " - ".join(f"{name}: {number(logs[name])}" for name in sorted(logs))


def _format_cases(rng: Rng) -> Cases:
    def some(low: float = 0.05, high: float = 3.0) -> float:
        return float(rng.uniform(low, high))

    return {
        "a loss and an accuracy": ({"loss": some(), "accuracy": some(0.1, 0.9)},),
        "four of them": ({"val_loss": some(), "loss": some(), "val_accuracy": some(0, 1), "accuracy": some(0, 1)},),
        "one": ({"loss": some()},),
        "none": ({},),
        "round numbers": ({"loss": 0.5, "accuracy": 1.0, "mae": 2.0},),
        "small numbers": ({"loss": some(1e-6, 9e-4), "accuracy": some(0.5, 0.9), "lr": 1e-4},),
        "exactly 0.001, and 0": ({"learning_rate": 0.001, "accuracy": 0.0, "loss": 0.0011},),
        "negative numbers": ({"cosine": -some(0.1, 0.9), "loss": -some(1e-6, 9e-4)},),
        "large numbers": ({"loss": some(1e4, 1e6), "accuracy": some(0, 1)},),
        "a loss that is nan": ({"loss": float("nan"), "accuracy": 0.1},),
        "NumPy's numbers": ({"loss": np.float64(some()), "accuracy": np.float64(some(0, 1))},),
        "capital letters": ({"loss": some(), "Precision": some(0.5, 1), "accuracy": some(0, 1)},),
    }


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) > 1e-3 else f"{value:.4e}"


def _wrong_logs_as_given(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {_number(value)}" for name, value in logs.items())


def _wrong_logs_by_value(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {_number(logs[name])}" for name in sorted(logs, key=lambda name: logs[name]))


def _wrong_logs_backwards(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {_number(logs[name])}" for name in sorted(logs, reverse=True))


def _wrong_logs_fixed(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {logs[name]:.4f}" for name in sorted(logs))


def _wrong_logs_powers(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {logs[name]:.4e}" for name in sorted(logs))


def _wrong_logs_rounded(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {round(logs[name], 4)}" for name in sorted(logs))


def _wrong_logs_digits(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {logs[name]:.4g}" for name in sorted(logs))


def _wrong_logs_two_places(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {_number(logs[name])[:4]}" for name in sorted(logs))


def _wrong_logs_border(logs: dict[str, float]) -> str:
    return " - ".join(
        f"{name}: {logs[name]:.4f}" if abs(logs[name]) >= 1e-3 else f"{name}: {logs[name]:.4e}" for name in sorted(logs)
    )


def _wrong_logs_sign(logs: dict[str, float]) -> str:
    return " - ".join(
        f"{name}: {logs[name]:.4f}" if logs[name] > 1e-3 else f"{name}: {logs[name]:.4e}" for name in sorted(logs)
    )


def _wrong_logs_zero(logs: dict[str, float]) -> str:
    return " - ".join(
        f"{name}: {logs[name]:.4f}" if abs(logs[name]) > 1e-3 or not logs[name] else f"{name}: {logs[name]:.4e}"
        for name in sorted(logs)
    )


def _wrong_logs_comma(logs: dict[str, float]) -> str:
    return _format_logs(logs).replace(" - ", ", ")


def _wrong_logs_no_spaces(logs: dict[str, float]) -> str:
    return "-".join(f"{name}: {_number(logs[name])}" for name in sorted(logs))


def _wrong_logs_equals(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}={_number(logs[name])}" for name in sorted(logs))


def _wrong_logs_tight(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}:{_number(logs[name])}" for name in sorted(logs))


def _wrong_logs_trailing(logs: dict[str, float]) -> str:
    return "".join(f"{name}: {_number(logs[name])} - " for name in sorted(logs))


def _wrong_logs_leading(logs: dict[str, float]) -> str:
    return "".join(f" - {name}: {_number(logs[name])}" for name in sorted(logs))


def _wrong_logs_list(logs: dict[str, float]) -> list[str]:
    return [f"{name}: {_number(logs[name])}" for name in sorted(logs)]


def _wrong_logs_no_case(logs: dict[str, float]) -> str:
    return " - ".join(f"{name}: {_number(logs[name])}" for name in sorted(logs, key=str.lower))


def _right_logs_loop(logs: dict[str, float]) -> str:
    text = ""
    for name, value in sorted(logs.items()):
        if text:
            text += " - "
        text += name + ": "
        text += "%.4f" % value if value > 1e-3 or value < -1e-3 else "%.4e" % value  # noqa: UP031
    return text


def _right_logs_format(logs: dict[str, float]) -> str:
    kinds = {True: "{}: {:.4f}", False: "{}: {:.4e}"}
    names = list(logs)
    names.sort()
    parts = [kinds[bool(np.abs(logs[name]) > 0.001)].format(name, logs[name]) for name in names]
    return " - ".join(parts)


def _right_logs_cut(logs: dict[str, float]) -> str:
    text = "".join(
        f"{name}: {format(float(logs[name]), '.4e' if not abs(logs[name]) > 1e-3 else '.4f')} - "
        for name in sorted(logs)
    )
    return text[:-3]


FORMAT_LOGS = Exercise(
    identifier="metrics.format_logs",
    signature="format_logs(logs) -> str",
    points=1,
    minutes=8,
    difficulty=2,
    lines=5,
    reference=_format_logs,
    cases=_format_cases,
    mistakes=(
        Mistake(
            "in the order they came",
            _wrong_logs_as_given,
            "Keras sorts the names, so that two runs can be read side by side.",
            "sorted(logs) gives the names in alphabetical order.",
        ),
        Mistake(
            "sorted by value",
            _wrong_logs_by_value,
            "The names are to be in alphabetical order, whatever their values.",
            "sorted(logs) sorts names.",
        ),
        Mistake(
            "sorted backwards",
            _wrong_logs_backwards,
            "From z to a.",
            "sorted(logs), with nothing else.",
        ),
        Mistake(
            "capital letters sorted among small ones",
            _wrong_logs_no_case,
            "Python sorts capital letters before small ones, and so does Keras.",
            "sorted(logs), with no key.",
        ),
        Mistake(
            "small numbers vanish",
            _wrong_logs_fixed,
            "With four places a rate of 0.00004 is shown as 0.0000.",
            "Up to 0.001, use .4e in place of .4f.",
        ),
        Mistake(
            "powers of ten for all",
            _wrong_logs_powers,
            "9.1300e-01 is hard to read; only numbers of at most 0.001 are to be written so.",
            "Two formats, and an if.",
        ),
        Mistake(
            "rounded, not formatted",
            _wrong_logs_rounded,
            "round(0.5, 4) is shown as 0.5; columns of numbers only line up with all four places.",
            'f"{value:.4f}" always writes four.',
        ),
        Mistake(
            "four digits in place of four places",
            _wrong_logs_digits,
            ".4g counts digits from the first that is not 0, and leaves zeros at the end away.",
            ".4f and .4e.",
        ),
        Mistake(
            "cut off",
            _wrong_logs_two_places,
            "Cutting a text rounds nothing, and takes away too much.",
            'f"{value:.4f}".',
        ),
        Mistake(
            "0.001 itself",
            _wrong_logs_border,
            "0.001 is not above 0.001, so it is written 1.0000e-03.",
            "> in place of >=.",
        ),
        Mistake(
            "negative numbers taken for small ones",
            _wrong_logs_sign,
            "-0.5 is below 0.001, but it is not small.",
            "abs(value) says how large it is.",
        ),
        Mistake(
            "an exception for 0",
            _wrong_logs_zero,
            "Keras writes 0 as 0.0000e+00, as all numbers of at most 0.001.",
            "One condition is enough.",
        ),
        Mistake(
            "separated by commas",
            _wrong_logs_comma,
            "Between two of them stands a dash with a space on each side.",
            '" - ".join(...)',
        ),
        Mistake(
            "no spaces around the dash",
            _wrong_logs_no_spaces,
            "Between two of them stands a dash with a space on each side.",
            '" - ".join(...)',
        ),
        Mistake(
            "an equals sign",
            _wrong_logs_equals,
            "After a name stand a colon and a space.",
            'f"{name}: ..."',
        ),
        Mistake(
            "no space after the colon",
            _wrong_logs_tight,
            "After a name stand a colon and a space.",
            'f"{name}: ..."',
        ),
        Mistake(
            "a dash at the end",
            _wrong_logs_trailing,
            "The dash stands between two of them, so there is one less than there are names.",
            "join puts its text between the parts, and nowhere else.",
        ),
        Mistake(
            "a dash at the beginning",
            _wrong_logs_leading,
            "The dash stands between two of them, so there is one less than there are names.",
            "join puts its text between the parts, and nowhere else.",
        ),
        Mistake(
            "a list",
            _wrong_logs_list,
            "The parts are right; wanted is one text.",
            '" - ".join(...) makes one text of a list.',
        ),
    ),
    hints=(
        "One part for each name, in alphabetical order, and then all parts in one text.",
        'A part is f"{name}: {value:.4f}", or .4e where abs(value) is at most 0.001. " - ".join(parts) makes one text.',
        "for name in sorted(logs): value = logs[name]; form = '.4f' if abs(value) > 1e-3 else '.4e'; "
        'parts.append(f"{name}: {value:{form}}"). After the loop, return the parts joined.',
    ),
    alternatives=(_right_logs_loop, _right_logs_format, _right_logs_cut),
)


# --------------------------------------------------------------------------- predictions

LAST_IMAGE = Question(
    identifier="metrics.q1_last_image",
    text=(
        "1,409 images come in batches of 128: eleven full ones, and a last one with a single image.\n"
        "If an epoch's loss were the mean of the batches' mean losses, how many times as much would\n"
        "that last image count as one of the others? (a number)"
    ),
    choices=None,
    answer=None,
    because="Each batch has a twelfth of the say. The last image has all of its batch's, any other a 128th of it.",
    tolerance=0.05,
    low=0,
    high=2000,
)

EVALUATE_AT_ONCE = Question(
    identifier="metrics.q2_evaluate_at_once",
    text=(
        "fit has trained for one epoch, and prints its training loss. At once you evaluate the\n"
        "model on the very same rows. There is no dropout. What comes out?"
    ),
    choices={
        "a": "the same number",
        "b": "the same, up to the last short batch",
        "c": "a clearly lower loss",
        "d": "a clearly higher loss",
    },
    answer="c",
    because=(
        "fit's number is a mean over the models that the epoch went through, each measured before its step; "
        "evaluate asks only the last of them."
    ),
)

PRECISION_OF_BATCHES = Question(
    identifier="metrics.q3_precision",
    text=(
        "One image in ten is an 8. Of those that a model calls an 8, over all test images, 90 %\n"
        "are one: its precision is 0.90. Cut the images into batches of 32, and average the\n"
        "batches' precisions. What comes out, about?"
    ),
    choices={"a": "0.90", "b": "0.86", "c": "0.95", "d": "0.68"},
    answer="d",
    because="A batch in which nothing is called an 8 has a precision of 0, and counts as much as any other.",
)

register(MEAN, SPARSE_ACCURACY, BINARY_ACCURACY, PRECISION, FORMAT_LOGS)
register(LAST_IMAGE, EVALUATE_AT_ONCE, PRECISION_OF_BATCHES)
