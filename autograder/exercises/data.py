"""Notebook 02, preparing data: what must happen before `fit` sees an array."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import data as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]
Parts = tuple[Array, ...]

# The reference.


def _split_tail(arrays: Sequence[Array], fraction: float) -> tuple[Parts, Parts]:
    cut = math.floor(len(arrays[0]) * (1 - fraction))
    return tuple(a[:cut] for a in arrays), tuple(a[cut:] for a in arrays)


def _impute(train: Array, *others: Array) -> Parts:
    medians = np.nanmedian(train, axis=0)
    return tuple(np.where(np.isnan(a), medians, a) for a in (train, *others))


def _standardize(train: Array, *others: Array) -> Parts:
    mean, std = train.mean(axis=0), train.std(axis=0)
    std = np.where(std == 0, 1.0, std)
    return tuple((a - mean) / std for a in (train, *others))


def _encode_categories(values: Array, vocabulary: Any = None) -> tuple[Array, list[Any]]:
    if vocabulary is None:
        vocabulary = sorted(set(values.tolist()))
    position = {value: code for code, value in enumerate(vocabulary)}
    codes = np.array([position.get(value, -1) for value in values.tolist()])
    return codes, list(vocabulary)


def _one_hot(labels: Array, num_classes: int | None = None) -> Array:
    if num_classes is None:
        num_classes = int(labels.max()) + 1
    if labels.min() < 0 or labels.max() >= num_classes:
        raise ValueError(f"one_hot expects labels from 0 to {num_classes - 1}; got {labels.min()} to {labels.max()}")
    return (labels[:, None] == np.arange(num_classes)).astype(np.float32)


# Inputs. Rows are distinct where a scenario has to tell them apart; columns have their own scale and offset, so
# that no statistic can be mistaken for another's.


def _table(rng: Rng, n: int, d: int) -> Array:
    """(n, d) of whole numbers in floats, no two rows alike: exact in float32, too."""
    table = rng.integers(-9, 10, (n, d)).astype(float)
    table[:, 0] = rng.permutation(n) / 2
    return table


def _features(rng: Rng, n: int, scale: Array, offset: Array) -> Array:
    return rng.normal(size=(n, len(scale))) * scale + offset


def _columns(rng: Rng, d: int) -> tuple[Array, Array]:
    return rng.uniform(1, 40, d), rng.uniform(-300, 300, d)


def _with_gaps(rng: Rng, table: Array, gaps: int) -> Array:
    """A copy with some NaN, none of them in the first two rows, so that no column is without a value."""
    table = table.copy()
    places = rng.permutation(table[2:].size)[:gaps]
    table[2:].flat[places] = np.nan
    return table


def _five_birds(rng: Rng) -> Array:
    """Bill and flipper in mm, few enough to be shown; a number is missing in each column."""
    birds = np.column_stack([rng.integers(33, 59, 5), rng.integers(175, 230, 5)]).astype(float)
    birds[rng.permutation(5)[:2], [0, 1]] = np.nan
    return birds


def _split_cases(rng: Rng) -> Cases:
    n = 103
    return {
        "103 rows, 0.2 of them": ((_table(rng, n, 3), rng.permutation(n)), 0.2),
        "np.arange(100), 0.2 of it": ((np.arange(100),), 0.2),
        "7 rows, 0.3 of them": ((_table(rng, 7, 2), rng.permutation(7), rng.permutation(7) / 4), 0.3),
        "10 rows, 0.25 of them": ([_table(rng, 10, 4), rng.permutation(10)], 0.25),
        "9 rows, half of them": ((rng.permutation(9), _table(rng, 9, 2)), 0.5),
        "11 images, 0.4 of them": ((rng.permutation(11 * 6).reshape(11, 3, 2), rng.permutation(11)), 0.4),
        "a fraction of 0": ((_table(rng, 6, 2), rng.permutation(6)), 0.0),
        "5 rows, 0.45 of them": ((_table(rng, 5, 2),), 0.45),
    }


def _impute_cases(rng: Rng) -> Cases:
    columns = _columns(rng, 3)
    train, test = _features(rng, 103, *columns), _features(rng, 21, *columns) + 5
    small = _features(rng, 7, *_columns(rng, 4))
    skewed = np.exp(rng.normal(size=(12, 2)) * 2)
    return {
        "103 rows and 21 others": (_with_gaps(rng, train, 40), _with_gaps(rng, test, 9)),
        "5 birds": (_five_birds(rng),),
        "train alone": (_with_gaps(rng, small, 6),),
        "two others": (_with_gaps(rng, train[:9], 5), _with_gaps(rng, test[:5], 3), _with_gaps(rng, test[6:10], 2)),
        "gaps in the others only": (small, _with_gaps(rng, small[::-1] + 3, 5)),
        "gaps in train only": (_with_gaps(rng, small, 6), small[:3] - 4),
        "no gaps at all": (small, small[:2] + 1),
        "a column with a long tail": (_with_gaps(rng, skewed, 7), _with_gaps(rng, skewed[:5] + 1, 2)),
        "one column": (_with_gaps(rng, train[:8, :1], 3), _with_gaps(rng, test[:4, :1], 1)),
    }


def _standardize_cases(rng: Rng) -> Cases:
    columns = _columns(rng, 3)
    train, test = _features(rng, 103, *columns), _features(rng, 21, *columns) + 5
    small = _features(rng, 7, *_columns(rng, 4))
    constant = small.copy()
    constant[:, 2] = rng.integers(2000, 2030)
    return {
        "103 rows and 21 others": (train, test),
        "5 birds": (np.nan_to_num(_five_birds(rng), nan=190.0),),
        "train alone": (small,),
        "two others": (train[:11], test[:5], test[5:9] - 20),
        "a constant column": (constant, constant[:3] + np.array([1.0, 2.0, 0.0, 3.0])),
        "a column of zeros": (np.column_stack([np.zeros(6), small[:6, 0]]),),
        "one column": (train[:8, :1], test[:4, :1]),
        "integers": (rng.integers(1, 99, (9, 2)), rng.integers(1, 99, (4, 2))),
        "bytes, as images have them": (rng.integers(0, 256, (13, 5)).astype(np.uint8), np.full((2, 5), 255, np.uint8)),
        "one row": (small[:1], small[1:3] * 0 + small[:1]),
    }


_WORDS = ("Biscoe", "Dream", "Torgersen", "Anvers", "Cormorant", "Litchfield")


def _encode_cases(rng: Rng) -> Cases:
    def drawn(words: Sequence[str], n: int) -> Array:
        """All of the words, some more often, the last of them in the alphabet first."""
        values = np.array([*words, *rng.choice(words, n - len(words), p=rng.dirichlet(np.ones(len(words))))])
        values = values[rng.permutation(n)]
        last = int(np.argmax(values == max(words)))
        values[[0, last]] = values[[last, 0]]
        return values

    islands = drawn(_WORDS[:3], 103)
    turned = ["Torgersen", "Anvers", "Biscoe", "Dream"]
    return {
        "103 values of 3 kinds": (islands, None),
        "a vocabulary, and every value known": (drawn(_WORDS[:3], 9), ["Biscoe", "Dream", "Torgersen"]),
        "a vocabulary that lacks some of the values": (drawn(_WORDS, 17), ["Biscoe", "Dream", "Torgersen"]),
        "a vocabulary in another order": (drawn(_WORDS, 14), turned),
        "a vocabulary that is an array": (drawn(_WORDS[:4], 8), np.array(["Anvers", "Biscoe", "Dream", "Paulet"])),
        "more words than the values have": (drawn(_WORDS[1:3], 5), ["Anvers", "Biscoe", "Dream", "Torgersen"]),
        "values that are empty": (drawn(("male", "female", ""), 11), None),
        "not one known value": (np.array(["male", "female", "male"]), ["Biscoe", "Dream"]),
        "one value": (np.array([str(rng.choice(_WORDS))]), None),
        "years, which are integers": (rng.permutation([2007, 2009, 2008, 2009, 2009, 2008]), None),
    }


def _one_hot_cases(rng: Rng) -> Cases:
    def labels(classes: int, n: int) -> Array:
        return rng.permutation(np.concatenate([np.arange(classes), rng.integers(0, classes, n - classes)]))

    return {
        "11 labels of 4 classes": (labels(4, 11), None),
        "num_classes given": (labels(3, 7), 3),
        "labels that lack the last two classes": (labels(3, 8), 5),
        "labels that lack a class in the middle": (rng.permutation([0, 3, 1, 3, 0]), None),
        "labels of type uint8": (labels(3, 10).astype(np.uint8), 3),
        "labels of type int32": (labels(5, 9).astype(np.int32), None),
        "one label": (np.array([2]), None),
        "a label that is C": (np.append(labels(3, 6), 3), 3),
        "a label far above C": (np.append(17, labels(3, 4)), 3),
        "a label of -1": (np.append(labels(3, 6), -1), 3),
        "a label of -1 and no num_classes": (np.append(-1, labels(4, 6)), None),
    }


# Known mistakes, each a whole wrong answer.


def _cutting(cut: Callable[[int, float], int]) -> Callable[..., Any]:
    """A split that takes its tail from another row on."""

    def split_tail(arrays: Sequence[Array], fraction: float) -> Any:
        at = cut(len(arrays[0]), fraction)
        return tuple(a[:at] for a in arrays), tuple(a[at:] for a in arrays)

    return split_tail


def _split_head(arrays: Sequence[Array], fraction: float) -> Any:
    held = len(arrays[0]) - math.floor(len(arrays[0]) * (1 - fraction))
    return tuple(a[held:] for a in arrays), tuple(a[:held] for a in arrays)


def _split_exchanged(arrays: Sequence[Array], fraction: float) -> Any:
    return _split_tail(arrays, fraction)[::-1]


def _split_shuffled(arrays: Sequence[Array], fraction: float) -> Any:
    order = np.random.default_rng(0).permutation(len(arrays[0]))
    return _split_tail([a[order] for a in arrays], fraction)


def _split_shuffled_apart(arrays: Sequence[Array], fraction: float) -> Any:
    rng = np.random.default_rng(0)
    return _split_tail([a[rng.permutation(len(a))] for a in arrays], fraction)


def _split_negative(arrays: Sequence[Array], fraction: float) -> Any:
    held = len(arrays[0]) - math.floor(len(arrays[0]) * (1 - fraction))
    return tuple(a[:-held] for a in arrays), tuple(a[-held:] for a in arrays)


def _split_overlapping(arrays: Sequence[Array], fraction: float) -> Any:
    return tuple(arrays), _split_tail(arrays, fraction)[1]


def _split_first_array(arrays: Sequence[Array], fraction: float) -> Any:
    cut = math.floor(len(arrays[0]) * (1 - fraction))
    return arrays[0][:cut], arrays[0][cut:]


def _split_list(arrays: Sequence[Array], fraction: float) -> Any:
    cut = math.floor(len(arrays) * (1 - fraction))
    return arrays[:cut], arrays[cut:]


def _split_by_count(arrays: Sequence[Array], fraction: float) -> Any:
    cut = math.floor(len(arrays) * (1 - fraction))
    return tuple(a[:cut] for a in arrays), tuple(a[cut:] for a in arrays)


def _split_by_array(arrays: Sequence[Array], fraction: float) -> Any:
    cut = math.floor(len(arrays[0]) * (1 - fraction))
    return tuple((a[:cut], a[cut:]) for a in arrays)


def _split_every(arrays: Sequence[Array], fraction: float) -> Any:
    if not fraction:
        return _split_tail(arrays, fraction)
    every = max(round(1 / fraction), 2)
    held = np.arange(len(arrays[0])) % every == every - 1
    return tuple(a[~held] for a in arrays), tuple(a[held] for a in arrays)


SPLIT_MISTAKES = (
    Mistake(
        "the first rows are held out",
        wrong=_split_head,
        why="Keras holds out the end of the arrays, and yours the beginning.",
        hint="The slice a[:cut] is the beginning, a[cut:] the end. Which one is to be trained on?",
    ),
    Mistake(
        "the two parts are exchanged",
        wrong=_split_exchanged,
        why="The pair is (train, held_out); the first part is the large one, for training.",
        hint="Look at what stands after return.",
    ),
    Mistake(
        "shuffled before the split",
        wrong=_split_shuffled,
        why="validation_split does not shuffle: it takes the last rows as they lie in the array.",
        hint="No random numbers are needed here, only slices.",
    ),
    Mistake(
        "each array shuffled by itself",
        wrong=_split_shuffled_apart,
        why="Row 5 of x and row 5 of y belong to one sample; two orders part them for good.",
        hint="No random numbers are needed here, only slices.",
    ),
    Mistake(
        "the held-out part is rounded down",
        wrong=_cutting(lambda n, fraction: n - int(n * fraction)),
        why="Keras rounds the training part down, so a fraction of a row goes to the held-out part.",
        hint="Which of the two parts does the formula give?",
    ),
    Mistake(
        "rounded to the nearest row",
        wrong=_cutting(lambda n, fraction: round(n * (1 - fraction))),
        why="The training part is rounded down, also where the next whole number is nearer.",
        hint="math.floor or int, in place of round.",
    ),
    Mistake(
        "the fraction is that of the training part",
        wrong=_cutting(lambda n, fraction: math.floor(n * fraction)),
        why="With a fraction of 0.2 a fifth is held out, and four fifths are trained on.",
        hint="How large is the training part, if the held-out part is `fraction` of all?",
    ),
    Mistake(
        "counted from the end, with nothing to count",
        wrong=_split_negative,
        why="a[:-k] leaves out the last k rows, but with k = 0 it is a[:0], and that is empty.",
        hint="Count from the beginning: a[:cut] and a[cut:] work for every cut.",
    ),
    Mistake(
        "the held-out rows are trained on as well",
        wrong=_split_overlapping,
        why="What a model has trained on says nothing about rows it has not seen.",
        hint="The training part ends where the held-out part begins.",
    ),
    Mistake(
        "only the first array is split",
        wrong=_split_first_array,
        why="All arrays are cut at the same row, so that each part has its x, its y and whatever else came.",
        hint="Each of the two parts is a tuple with one piece of every array: tuple(... for a in arrays).",
    ),
    Mistake(
        "the list of arrays is cut, not their rows",
        wrong=_split_list,
        why="arrays is (x, y), so arrays[:cut] is x without y. Each of the arrays is to be cut, and N is its length.",
        hint="N is len(arrays[0]); then a[:cut] and a[cut:] for every a in arrays.",
    ),
    Mistake(
        "the arrays are counted, not their rows",
        wrong=_split_by_count,
        why="len(arrays) is how many arrays there are. N is how many rows each of them has.",
        hint="N is len(arrays[0]).",
    ),
    Mistake(
        "a pair for each array",
        wrong=_split_by_array,
        why="The outer pair is (train, held_out); inside each are the pieces of all arrays, such as (x, y).",
        hint="Two comprehensions, one for each part, and not one with both pieces in it.",
    ),
    Mistake(
        "every few rows",
        wrong=_split_every,
        why="validation_split takes one block, the end; yours picks rows from everywhere.",
        hint="Two slices do it: up to a row, and from that row on.",
    ),
)


def _filled(statistic: Callable[[Array], Any], own: bool = False) -> Callable[..., Any]:
    """Fill the gaps with some statistic of train, or of each array's own."""

    def impute(train: Array, *others: Array) -> Any:
        return tuple(np.where(np.isnan(a), statistic(a if own else train), a) for a in (train, *others))

    return impute


def _impute_leak(train: Array, *others: Array) -> Any:
    return _filled(lambda a: np.nanmedian(np.concatenate([train, *others]), axis=0))(train, *others)


def _impute_at_gaps(train: Array, *others: Array) -> Any:
    medians, filled = np.nanmedian(train, axis=0), []
    for a in (train, *others):
        filled.append(a.copy())
        filled[-1][np.isnan(a)] = medians
    return tuple(filled)


def _impute_equal_nan(train: Array, *others: Array) -> Any:
    medians = np.nanmedian(train, axis=0)
    return tuple(np.where(a == np.nan, medians, a) for a in (train, *others))


def _impute_drop(train: Array, *others: Array) -> Any:
    return tuple(a[~np.isnan(a).any(axis=1)] for a in (train, *others))


def _impute_in_place(train: Array, *others: Array) -> Any:
    medians = np.nanmedian(train, axis=0)
    for a in (train, *others):
        rows, columns = np.nonzero(np.isnan(a))
        a[rows, columns] = medians[columns]
    return (train, *others)


def _median_of_rows(a: Array) -> Array:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of rows that have nothing but gaps
        return np.nanmedian(a, axis=1, keepdims=True)


IMPUTE_MISTAKES = (
    Mistake(
        "the mean, not the median",
        wrong=_filled(lambda a: np.nanmean(a, axis=0)),
        why="A single bird typed in with a zero too many moves the mean far; the median hardly notices it.",
        hint="np.nanmedian is called as np.nanmean is.",
    ),
    Mistake(
        "each array has its own median",
        wrong=_filled(lambda a: np.nanmedian(a, axis=0), own=True),
        why="What goes into the gaps is learned from train alone; held-out rows must not have a say in anything.",
        hint="Compute the medians once, before you go through the arrays.",
    ),
    Mistake(
        "the median of all rows together",
        wrong=_impute_leak,
        why="Held-out rows have a say in what the training rows become: that is a leak.",
        hint="Of which array alone is the median to be taken?",
    ),
    Mistake(
        "zeros",
        wrong=_filled(lambda a: 0.0),
        why="A penguin of 0 mm and 0 g is farther from every real one than any of them is from another.",
        hint="np.nanmedian(train, axis=0) has one number for each column.",
    ),
    Mistake(
        "one median for the whole table",
        wrong=_filled(np.nanmedian),
        why="Without an axis millimetres and grams are thrown together, and every gap gets the same number.",
        hint="Which axis has to go, so that one number for each column is left?",
    ),
    Mistake(
        "the median of a row",
        wrong=_filled(_median_of_rows, own=True),
        why="Along axis 1 the columns of one bird are mixed: its millimetres with its grams.",
        hint="axis=0 goes down a column, over the birds.",
    ),
    Mistake(
        "np.median of a column with gaps",
        wrong=_filled(lambda a: np.median(a, axis=0)),
        why="np.median of a column with a NaN in it is NaN, so a NaN is filled with NaN.",
        hint="There is a function of nearly the same name that leaves NaN out.",
    ),
    Mistake(
        "no gap is filled",
        wrong=_impute_equal_nan,
        why="NaN was looked for with ==, and it equals nothing, not even itself. Or the old arrays were returned.",
        hint="np.isnan(a) is True where a is NaN. And a = ... in a loop does not change the tuple: collect new arrays.",
    ),
    Mistake(
        "the medians do not fit the gaps",
        wrong=_impute_at_gaps,
        why="a[np.isnan(a)] is one long list of gaps, whatever their column; D medians do not go into it.",
        hint="np.where(np.isnan(a), medians, a) sets the row of medians against every row of a.",
    ),
    Mistake(
        "rows with gaps are dropped",
        wrong=_impute_drop,
        why="Then x has fewer rows than y, and a bird with one missing number loses the others, too.",
        hint="np.where(is it NaN?, this, that) chooses element by element and keeps the shape.",
    ),
    Mistake(
        "only train is filled",
        wrong=lambda train, *others: (_impute(train)[0], *others),
        why="The other arrays have gaps as well, and go through the same model.",
        hint="Do the same with each of (train, *others).",
    ),
    Mistake(
        "train is missing from the result",
        wrong=lambda train, *others: _impute(train, *others)[1:],
        why="What comes back is all arrays, in the order in which they came: train first.",
        hint="Go through (train, *others), not through others.",
    ),
    Mistake(
        "an array instead of a tuple",
        wrong=lambda train, *others: _impute(train, *others) if others else _impute(train)[0],
        why="With train alone a tuple of one array is to come back, or `(x,) = impute(x)` fails.",
        hint="tuple(... for a in (train, *others)) is a tuple for any number of arrays.",
    ),
    Mistake(
        "only train comes back",
        wrong=lambda train, *others: _impute(train)[0],
        why="One array was returned. The others are to be filled as well, and all of them come back in one tuple.",
        hint="tuple(... for a in (train, *others)) goes through all of them.",
    ),
    Mistake(
        "the lower of the two in the middle",
        wrong=_filled(lambda a: np.nanpercentile(a, 50, axis=0, method="lower")),
        why="With an even number of values the median is the mean of the two in the middle.",
        hint="np.nanmedian does that by itself.",
    ),
    Mistake(
        "filled in the caller's own arrays",
        wrong=_impute_in_place,
        why="The caller may want to know later which values were missing; now nobody can.",
        hint="np.where makes a new array; or work on a.copy().",
    ),
)


def _scaled(
    center: Callable[[Array], Any] = lambda a: a.mean(axis=0),
    spread: Callable[[Array], Any] = lambda a: a.std(axis=0),
    own: bool = False,
) -> Callable[..., Any]:
    """Take one statistic off and divide by another, of train or of each array's own."""

    def standardize(train: Array, *others: Array) -> Any:
        scaled = []
        for a in (train, *others):
            source = a if own else train
            divisor = spread(source)
            scaled.append((a - center(source)) / np.where(divisor == 0, 1.0, divisor))
        return tuple(scaled)

    return standardize


def _standardize_leak(train: Array, *others: Array) -> Any:
    everything = np.concatenate([train, *others])
    return _scaled(lambda _: everything.mean(axis=0), lambda _: everything.std(axis=0))(train, *others)


def _standardize_nan(train: Array, *others: Array) -> Any:
    with np.errstate(all="ignore"):
        return tuple((a - train.mean(axis=0)) / train.std(axis=0) for a in (train, *others))


def _standardize_constant_kept(train: Array, *others: Array) -> Any:
    constant = train.std(axis=0) == 0
    return tuple(np.where(constant, a, b) for a, b in zip((train, *others), _standardize(train, *others), strict=True))


def _standardize_in_place(train: Array, *others: Array) -> Any:
    mean, std = train.mean(axis=0), train.std(axis=0)
    std[std == 0] = 1
    arrays = [a.astype(float) if a.dtype.kind in "iu" else a for a in (train, *others)]
    for a in arrays:
        a -= mean
        a /= std
    return tuple(arrays)


def _standardize_no_rounding(train: Array, *others: Array) -> Any:
    scaled = []
    for a, right in zip((train, *others), _standardize(train, *others), strict=True):
        out = np.zeros_like(a)
        out[...] = right if a.dtype.kind == "f" else np.trunc(right).astype(np.int64).astype(a.dtype)
        scaled.append(out)
    return tuple(scaled)


STANDARDIZE_MISTAKES = (
    Mistake(
        "each array has its own mean and deviation",
        wrong=_scaled(own=True),
        why="The same bird would get different numbers in train and elsewhere, and the model knows only one scale.",
        hint="Compute mean and deviation once, of train, and use them for all arrays.",
    ),
    Mistake(
        "mean and deviation of all rows together",
        wrong=_standardize_leak,
        why="Held-out rows have a say in what the training rows become: that is a leak.",
        hint="Of which array alone are mean and deviation to be taken?",
    ),
    Mistake(
        "one mean and one deviation for the whole table",
        wrong=_scaled(np.mean, np.std),
        why="Without an axis all columns are thrown together, and grams are still thousands of times millimetres.",
        hint="Which axis has to go, so that one number for each column is left?",
    ),
    Mistake(
        "along the rows",
        wrong=_scaled(lambda a: a.mean(axis=1, keepdims=True), lambda a: a.std(axis=1, keepdims=True), own=True),
        why="Along axis 1 the columns of one bird are mixed: its millimetres with its grams.",
        hint="axis=0 goes down a column, over the birds.",
    ),
    Mistake(
        "divided by the variance",
        wrong=_scaled(spread=lambda a: a.var(axis=0)),
        why="The variance is in squared units; only its root, the deviation, has those of the column.",
        hint="np.std, or the root of np.var.",
    ),
    Mistake(
        "divided by N - 1 in the deviation",
        wrong=_scaled(spread=lambda a: a.std(axis=0, ddof=1) if len(a) > 1 else a.std(axis=0)),
        why="Keras, and NumPy by default, divide the sum of squares by N.",
        hint="Leave ddof out.",
    ),
    Mistake(
        "the mean is not taken off",
        wrong=_scaled(center=lambda a: 0.0),
        why="The columns have the right spread but lie far from 0, so all of them pull the loss the same way.",
        hint="There is a difference above the fraction's line.",
    ),
    Mistake(
        "not divided",
        wrong=_scaled(spread=lambda a: np.ones(a.shape[1])),
        why="The columns lie around 0, but grams still vary by hundreds and millimetres by a few.",
        hint="What stands below the fraction's line?",
    ),
    Mistake(
        "between 0 and 1",
        wrong=_scaled(lambda a: a.min(axis=0), lambda a: np.ptp(a, axis=0).astype(float)),
        why="That is another scaling, min-max: it rests on the two most extreme rows alone.",
        hint="Mean and standard deviation, in place of smallest and largest.",
    ),
    Mistake(
        "0 divided by 0",
        wrong=_standardize_nan,
        why="A constant column has a deviation of 0, and 0 / 0 is NaN, in every row.",
        hint="np.where(std == 0, 1.0, std) divides by 1 where there is nothing to divide by.",
    ),
    Mistake(
        "a constant column is left as it is",
        wrong=_standardize_constant_kept,
        why="It is to become 0: its mean is taken off, as it is everywhere.",
        hint="Only the divisor needs an exception, not the column.",
    ),
    Mistake(
        "only train is scaled",
        wrong=lambda train, *others: (_standardize(train)[0], *others),
        why="The model learns on scaled rows and is then given grams.",
        hint="Do the same with each of (train, *others).",
    ),
    Mistake(
        "train is missing from the result",
        wrong=lambda train, *others: _standardize(train, *others)[1:],
        why="What comes back is all arrays, in the order in which they came: train first.",
        hint="Go through (train, *others), not through others.",
    ),
    Mistake(
        "an array instead of a tuple",
        wrong=lambda train, *others: _standardize(train, *others) if others else _standardize(train)[0],
        why="With train alone a tuple of one array is to come back, or `(x,) = standardize(x)` fails.",
        hint="tuple(... for a in (train, *others)) is a tuple for any number of arrays.",
    ),
    Mistake(
        "only train comes back",
        wrong=lambda train, *others: _standardize(train)[0],
        why="One array was returned. The others are to be scaled as well, and all of them come back in one tuple.",
        hint="tuple(... for a in (train, *others)) goes through all of them.",
    ),
    Mistake(
        "whole numbers out of whole numbers",
        wrong=_standardize_no_rounding,
        why="np.zeros_like(a) has the type of a: put fractions into integers and they are cut off.",
        hint="Let (a - mean) / std make the new array; it has floats.",
    ),
    Mistake(
        "scaled in the caller's own arrays",
        wrong=_standardize_in_place,
        why="The caller still needs the grams, for a plot or for the next fit.",
        hint="(a - mean) / std makes a new array; -= and /= write into the old one.",
    ),
)


def _encoded(values: Array, vocabulary: Any, unknown: int = -1) -> Array:
    position = {value: code for code, value in enumerate(vocabulary)}
    return np.array([position.get(value, unknown) for value in values.tolist()])


def _found(values: Array, vocabulary: Any) -> list[Any]:
    return sorted(set(values.tolist())) if vocabulary is None else list(vocabulary)


def _coding(unknown: Callable[[int], int] = lambda size: -1, first: int = 0) -> Callable[..., Any]:
    """Code what is unknown in another way, or begin with another number."""

    def encode_categories(values: Array, vocabulary: Any = None) -> Any:
        words = _found(values, vocabulary)
        codes = _encoded(values, words, -1)
        return np.where(codes == -1, unknown(len(words)), codes + first), words

    return encode_categories


def _encode_as_met(values: Array, vocabulary: Any = None) -> Any:
    words = list(dict.fromkeys(values.tolist())) if vocabulary is None else list(vocabulary)
    return _encoded(values, words), words


def _encode_by_count(values: Array, vocabulary: Any = None) -> Any:
    counted = [word for word, _ in Counter(sorted(values.tolist())).most_common()]
    words = counted if vocabulary is None else list(vocabulary)
    return _encoded(values, words), words


def _encode_searchsorted(values: Array, vocabulary: Any = None) -> Any:
    words = _found(values, vocabulary)
    return np.searchsorted(words, values), words


def _encode_unique(values: Array, vocabulary: Any = None) -> Any:
    words, codes = np.unique(values, return_inverse=True)
    return codes, words.tolist()


def _encode_sorted(values: Array, vocabulary: Any = None) -> Any:
    words = sorted(_found(values, vocabulary))
    return _encoded(values, words), words


def _encode_grown(values: Array, vocabulary: Any = None) -> Any:
    words = _found(values, vocabulary)
    words += sorted(set(values.tolist()) - set(words))
    return _encoded(values, words), words


def _encode_dropped(values: Array, vocabulary: Any = None) -> Any:
    words = _found(values, vocabulary)
    codes = _encoded(values, words)
    return codes[codes >= 0], words


def _encode_key_error(values: Array, vocabulary: Any = None) -> Any:
    words = _found(values, vocabulary)
    position = {value: code for code, value in enumerate(words)}
    return np.array([position[value] for value in values.tolist()]), words


def _encode_index(values: Array, vocabulary: Any = None) -> Any:
    words = _found(values, vocabulary)
    return np.array([words.index(value) for value in values.tolist()]), words


def _encode_array_index(values: Array, vocabulary: Any = None) -> Any:
    vocabulary = np.unique(values) if vocabulary is None else vocabulary
    return [vocabulary.index(value) if value in vocabulary else -1 for value in values], list(vocabulary)


def _encode_array_index_known(values: Array, vocabulary: Any = None) -> Any:
    vocabulary = np.unique(values) if vocabulary is None else vocabulary
    return [vocabulary.index(value) for value in values], list(vocabulary)


def _encode_truth(values: Array, vocabulary: Any = None) -> Any:
    if not vocabulary:
        vocabulary = _found(values, None)
    return _encoded(values, vocabulary), list(vocabulary)


ENCODE_MISTAKES = (
    Mistake(
        "numbered as they come",
        wrong=_encode_as_met,
        why="The code of a word then depends on the order of the rows; shuffle them, and Dream becomes Biscoe.",
        hint="sorted(set(...)) is the same list for every order of the rows.",
    ),
    Mistake(
        "numbered by how often they come",
        wrong=_encode_by_count,
        why="Keras' StringLookup does that; here the vocabulary is sorted by the words themselves.",
        hint="sorted(set(...)), with no counting.",
    ),
    Mistake(
        "a vocabulary that is passed in is not used",
        wrong=_encode_unique,
        why="The held-out part would get a numbering of its own, in which 1 may be another island than in train.",
        hint="Find a vocabulary only when vocabulary is None.",
    ),
    Mistake(
        "a vocabulary that is passed in is sorted",
        wrong=_encode_sorted,
        why="A code is the position in the vocabulary as it was passed in; sorted, it is another one.",
        hint="Sort only what you find yourself.",
    ),
    Mistake(
        "unknown words get the code of a neighbour",
        wrong=_encode_searchsorted,
        why="np.searchsorted tells where a word would have to stand, also when it is not there.",
        hint="A dict of word to position knows what it does not hold: position.get(word, -1).",
    ),
    Mistake(
        "unknown words become 0",
        wrong=_coding(lambda size: 0),
        why="0 is the code of the first word of the vocabulary: an unknown island would be taken for it.",
        hint="What is to stand for an unknown value?",
    ),
    Mistake(
        "unknown words get a code of their own at the end",
        wrong=_coding(lambda size: size),
        why="A code of C looks like one more class, and nothing later on would notice.",
        hint="What is to stand for an unknown value?",
    ),
    Mistake(
        "unknown words are added to the vocabulary",
        wrong=_encode_grown,
        why="A model has been built for the words of train; a code it has never seen has no weights.",
        hint="The vocabulary comes back as it was passed in.",
    ),
    Mistake(
        "unknown words are dropped",
        wrong=_encode_dropped,
        why="Then there are fewer codes than rows, and each of them belongs to another row than before.",
        hint="Every value gets a code; for an unknown one it is -1.",
    ),
    Mistake(
        "an unknown word is an error",
        wrong=_encode_key_error,
        why="Looking up what is not there raises; here it is to give -1.",
        hint="position.get(word, -1) gives -1 for what a dict does not hold.",
    ),
    Mistake(
        "an unknown word is an error of .index",
        wrong=_encode_index,
        why="words.index(word) raises ValueError for a word that is not there, and searches the list from its start.",
        hint="A dict of word to position has .get(word, -1), which gives -1 then.",
    ),
    Mistake(
        "counted from 1",
        wrong=_coding(first=1),
        why="Codes are positions in the vocabulary, and the first position is 0.",
        hint="enumerate counts from 0 by itself.",
    ),
    Mistake(
        "the vocabulary does not come back",
        wrong=lambda values, vocabulary=None: _encode_categories(values, vocabulary)[0],
        why="Without it nobody can give the same codes to the next array, or say what a code means.",
        hint="Return two things: codes, vocabulary.",
    ),
    Mistake(
        "the pair is exchanged",
        wrong=lambda values, vocabulary=None: _encode_categories(values, vocabulary)[::-1],
        why="Whoever calls it unpacks codes, vocabulary in this order.",
        hint="Look at what stands after return.",
    ),
    Mistake(
        "codes that are floats",
        wrong=lambda values, vocabulary=None: (
            _encode_categories(values, vocabulary)[0].astype(float),
            _encode_categories(values, vocabulary)[1],
        ),
        why="A float is no index: table[2.0] raises in NumPy. np.zeros and np.full of -1.0 make floats.",
        hint="np.full(len(values), -1) has integers, and so has np.array of a list of integers.",
    ),
    Mistake(
        "an array asked for .index",
        wrong=_encode_array_index,
        why="Lists have .index, arrays have not; np.unique gives an array, and a vocabulary may be one, too.",
        hint="list(vocabulary) is a list; or a dict of word to position, with .get(word, -1).",
    ),
    Mistake(
        "an array asked for .index, and unknown words as well",
        wrong=_encode_array_index_known,
        why="Lists have .index, arrays have not (np.unique gives one). And .index raises for an unknown word.",
        hint="A dict of word to position does it all: .get(word, -1) asks for what it may not hold.",
    ),
    Mistake(
        "an array asked whether it is true",
        wrong=_encode_truth,
        why="`if not vocabulary` and `vocabulary or ...` fail for an array, which is neither true nor false.",
        hint="Ask `vocabulary is None`.",
    ),
)


def _checked(labels: Array, num_classes: int | None) -> int:
    """C, after a look at the labels."""
    return _one_hot(labels, num_classes).shape[1]


def _one_hot_as(dtype: Any) -> Callable[..., Any]:
    return lambda labels, num_classes=None: _one_hot(labels, num_classes).astype(dtype)


def _eye(labels: Array, num_classes: int | None = None, dtype: Any = np.float32) -> Any:
    size = int(labels.max()) + 1 if num_classes is None else num_classes
    return np.eye(size, dtype=dtype)[labels]


def _compared(labels: Array, num_classes: int | None = None, dtype: Any = np.float32) -> Any:
    size = int(labels.max()) + 1 if num_classes is None else num_classes
    return (labels[:, None] == np.arange(size)).astype(dtype)


def _one_hot_only_above(labels: Array, num_classes: int | None = None) -> Any:
    if num_classes is not None and labels.max() >= num_classes:
        raise ValueError("too large")
    return _eye(labels, num_classes)


def _one_hot_only_below(labels: Array, num_classes: int | None = None) -> Any:
    if labels.min() < 0:
        raise ValueError("negative")
    return _compared(labels, num_classes)


def _one_hot_shown(labels: Array, num_classes: int | None = None) -> Any:
    if labels.min() < 0:
        raise ValueError("negative")
    return _compared(labels)


def _one_hot_distinct(labels: Array, num_classes: int | None = None) -> Any:
    size = len(np.unique(labels)) if num_classes is None else num_classes
    if labels.min() < 0 or (num_classes is not None and labels.max() >= size):
        raise ValueError("outside")
    return _compared(labels, size)


def _one_hot_short(labels: Array, num_classes: int | None = None) -> Any:
    _checked(labels, num_classes)
    return _compared(labels, int(labels.max()) if num_classes is None else num_classes)


def _one_hot_from_1(labels: Array, num_classes: int | None = None) -> Any:
    return np.eye(_checked(labels, num_classes), dtype=np.float32)[labels.astype(int) - 1]


def _one_hot_clipped(labels: Array, num_classes: int | None = None) -> Any:
    size = int(labels.max()) + 1 if num_classes is None else num_classes
    return _compared(np.clip(labels, 0, size - 1), size)


def _one_hot_up_to(labels: Array, num_classes: int | None = None) -> Any:
    if labels.min() < 0 or (num_classes is not None and labels.max() > num_classes):
        raise ValueError("outside")
    return _eye(labels, num_classes)


def _one_hot_everywhere(labels: Array, num_classes: int | None = None) -> Any:
    rows = np.zeros((len(labels), _checked(labels, num_classes)), np.float32)
    rows[:, labels] = 1
    return rows


def _one_hot_returned(labels: Array, num_classes: int | None = None) -> Any:
    try:
        return _one_hot(labels, num_classes)
    except ValueError as error:
        return error


def _one_hot_too_strict(labels: Array, num_classes: int | None = None) -> Any:
    if num_classes is not None and labels.max() >= num_classes - 1:
        raise ValueError("outside")
    return _one_hot(labels, num_classes)


ONE_HOT_MISTAKES = (
    Mistake(
        "the labels are not looked at",
        wrong=_eye,
        why="Row -1 of np.eye(C) is its last one, so an unknown value becomes the last class without a word.",
        hint="Before anything else: if a label is below 0 or not below C, raise ValueError(...).",
    ),
    Mistake(
        "the labels are not looked at, in float64",
        wrong=lambda labels, num_classes=None: _eye(labels, num_classes, np.float64),
        why="Row -1 of np.eye(C) is its last one, so an unknown value becomes the last class without a word.",
        hint="Raise ValueError for a label below 0 or not below C; then see to the type, too.",
    ),
    Mistake(
        "a label that is no class becomes a row of zeros",
        wrong=_compared,
        why="A row without a 1 says that the sample belongs to no class, and the cross-entropy of it is always 0.",
        hint="Before anything else: if a label is below 0 or not below C, raise ValueError(...).",
    ),
    Mistake(
        "a label that is no class becomes a row of zeros, in float64",
        wrong=lambda labels, num_classes=None: _compared(labels, num_classes, np.float64),
        why="A row without a 1 says that the sample belongs to no class, and the cross-entropy of it is always 0.",
        hint="Raise ValueError for a label below 0 or not below C; then see to the type, too.",
    ),
    Mistake(
        "only labels that are too large are refused",
        wrong=_one_hot_only_above,
        why="NumPy counts negative indices from the end, so -1, the code of an unknown value, becomes the last class.",
        hint="There are two ends to look at: labels.min() and labels.max().",
    ),
    Mistake(
        "only negative labels are refused",
        wrong=_one_hot_only_below,
        why="A label of C or more finds no column, and its row has no 1.",
        hint="There are two ends to look at: labels.min() and labels.max().",
    ),
    Mistake(
        "as many columns as the labels show",
        wrong=_one_hot_shown,
        why="Held-out rows may lack the last class, and the model has an output for it all the same.",
        hint="labels.max() + 1 is for the case that num_classes is None.",
    ),
    Mistake(
        "as many columns as there are different labels",
        wrong=_one_hot_distinct,
        why="If no sample has class 2, class 3 still needs the fourth column.",
        hint="When num_classes is None, C is the largest label plus 1.",
    ),
    Mistake(
        "one column too few",
        wrong=_one_hot_short,
        why="Labels begin with 0, so the largest is C - 1, and C is one more.",
        hint="Which labels are there with C = 3?",
    ),
    Mistake(
        "shifted by one column",
        wrong=_one_hot_from_1,
        why="Class 0 has the first column; you gave it the last.",
        hint="The label is the index of the column; nothing is to be taken off.",
    ),
    Mistake(
        "labels clipped to the range",
        wrong=_one_hot_clipped,
        why="Then every wrong label silently becomes the first or the last class.",
        hint="raise ValueError(...) in place of np.clip.",
    ),
    Mistake(
        "a label that is C is let through",
        wrong=_one_hot_up_to,
        why="With C classes the last one is C - 1, so a label of C has no column.",
        hint="Look at your comparison: > or >=?",
    ),
    Mistake(
        "every row has the 1 of every label",
        wrong=_one_hot_everywhere,
        why="rows[:, labels] are those columns in all rows. Each row is to get the 1 of its own label.",
        hint="labels[:, None] == np.arange(C) asks every row for its own; or rows[np.arange(N), labels] = 1.",
    ),
    Mistake(
        "the last class is refused",
        wrong=_one_hot_too_strict,
        why="C - 1 is a class; C is the first number that is none.",
        hint="Look at your comparison: > or >=, C or C - 1?",
    ),
    Mistake(
        "the error is returned, not raised",
        wrong=_one_hot_returned,
        why="A ValueError that comes back as a result stops nobody.",
        hint="raise ValueError(...) in place of return or print.",
    ),
    Mistake(
        "the axes are exchanged",
        wrong=lambda labels, num_classes=None: _one_hot(labels, num_classes).T,
        why="A row is a sample: (N, C). Yours has a row for each class.",
        hint="labels[:, None] is a column of labels; np.arange(C) is the row of all classes.",
    ),
    Mistake(
        "float64",
        wrong=_one_hot_as(np.float64),
        why="Keras computes in float32 unless told otherwise; twice the memory buys nothing for zeros and ones.",
        hint=".astype(np.float32), or dtype=np.float32 where the array is made.",
    ),
    Mistake(
        "integers",
        wrong=_one_hot_as(np.int64),
        why="What meets the model's outputs in a loss is to have their type, float32.",
        hint=".astype(np.float32), or dtype=np.float32 where the array is made.",
    ),
    Mistake(
        "True and False",
        wrong=_one_hot_as(bool),
        why="A comparison gives True and False; a loss needs numbers, float32.",
        hint=".astype(np.float32) makes 1 and 0 of them.",
    ),
)


# Other right answers, in the styles learners write.


def _split_by_loop(arrays: Sequence[Array], fraction: float) -> Any:
    n = len(arrays[0])
    cut = int(n * (1 - fraction))
    train, held_out = [], []
    for array in arrays:
        train.append(array[0:cut])
        held_out.append(array[cut:n].copy())
    return train, held_out


def _split_by_numpy(arrays: Sequence[Array], fraction: float) -> Any:
    cut = int(np.floor(arrays[0].shape[0] * (1.0 - fraction)))
    pairs = [np.split(array, [cut]) for array in arrays]
    return tuple(zip(*pairs, strict=True))


def _split_by_rows(arrays: Sequence[Array], fraction: float) -> Any:
    rows = np.arange(len(arrays[0]))
    held = rows >= math.floor(len(rows) * (1 - fraction))
    return [a[~held] for a in arrays], [a[held].tolist() for a in arrays]


def _impute_by_loops(train: Array, *others: Array) -> Any:
    filled = []
    for a in (train, *others):
        rows = [[float(value) for value in row] for row in a]
        for row in rows:
            for j, value in enumerate(row):
                if value != value:
                    row[j] = float(np.median([v for v in train[:, j] if not np.isnan(v)]))
        filled.append(rows)
    return filled


def _impute_by_columns(train: Array, *others: Array) -> Any:
    filled = [a.copy() for a in (train, *others)]
    for j in range(train.shape[1]):
        known = train[~np.isnan(train[:, j]), j]
        for a in filled:
            a[np.isnan(a[:, j]), j] = np.median(known)
    return tuple(filled)


def _impute_by_nonzero(train: Array, *others: Array) -> Any:
    medians = np.nanquantile(train, 0.5, axis=0)
    filled = []
    for a in [train, *others]:
        a = np.array(a, dtype=float)
        rows, columns = np.where(np.isnan(a))
        a[rows, columns] = np.take(medians, columns)
        filled.append(a)
    return filled


def _standardize_by_loops(train: Array, *others: Array) -> Any:
    n, d = train.shape
    scaled: list[Any] = [[[0.0] * d for _ in a] for a in (train, *others)]
    for j in range(d):
        mean = sum(float(v) for v in train[:, j]) / n
        deviation = math.sqrt(sum((float(v) - mean) ** 2 for v in train[:, j]) / n)
        for a, out in zip((train, *others), scaled, strict=True):
            for i in range(len(a)):
                out[i][j] = (float(a[i, j]) - mean) / (deviation or 1.0)
    return scaled


def _standardize_as_keras(train: Array, *others: Array) -> Any:
    mean = np.mean(train, axis=0, keepdims=True)
    deviation = np.maximum(np.sqrt(np.var(train, axis=0, keepdims=True)), 1e-7)
    return [(a - mean) / deviation for a in [train, *others]]


def _standardize_with_epsilon(train: Array, *others: Array) -> Any:
    mean, std = train.mean(0), train.std(0)
    return tuple((a - mean) / (std + 1e-8) for a in (train, *others))


def _standardize_by_nan_to_num(train: Array, *others: Array) -> Any:
    with np.errstate(all="ignore"):
        return tuple(np.nan_to_num((a - train.mean(axis=0)) / train.std(axis=0)) for a in (train, *others))


def _encode_by_comparing(values: Array, vocabulary: Any = None) -> Any:
    if vocabulary is None:
        vocabulary = np.unique(values)
    codes = np.full(len(values), -1)
    for code, word in enumerate(vocabulary):
        codes[values == word] = code
    return codes, vocabulary


def _encode_by_list(values: Array, vocabulary: Any = None) -> Any:
    words = sorted(set(values)) if vocabulary is None else list(vocabulary)
    return [words.index(value) if value in words else -1 for value in values], words


def _encode_by_search(values: Array, vocabulary: Any = None) -> Any:
    words = np.asarray(np.unique(values) if vocabulary is None else vocabulary)
    order = np.argsort(words)
    places = np.minimum(np.searchsorted(words, values, sorter=order), len(words) - 1)
    codes = order[places]
    return np.where(words[codes] == values, codes, -1), tuple(words)


def _encode_by_table(values: Array, vocabulary: Any = None) -> Any:
    words = np.unique(values) if vocabulary is None else np.array(vocabulary)
    same = np.asarray(values)[:, None] == words[None, :]
    return np.where(same.any(axis=1), same.argmax(axis=1), -1).astype(np.int32), words.tolist()


def _one_hot_by_loop(labels: Array, num_classes: int | None = None) -> Any:
    size = num_classes or max(labels.tolist()) + 1
    rows = []
    for label in labels.tolist():
        if not 0 <= label < size:
            raise ValueError(f"label {label}")
        rows.append([1.0 if c == label else 0.0 for c in range(size)])
    return rows


def _one_hot_by_index(labels: Array, num_classes: int | None = None) -> Any:
    size = np.max(labels) + 1 if num_classes is None else num_classes
    if (labels < 0).any() or (labels >= size).any():
        raise ValueError("a label is no class")
    rows = np.zeros((len(labels), size), dtype="float32")
    rows[np.arange(len(labels)), labels] = 1
    return rows


def _one_hot_by_eye(labels: Array, num_classes: int | None = None) -> Any:
    classes = range(int(labels.max()) + 1 if num_classes is None else num_classes)
    if not set(labels.tolist()) <= set(classes):
        raise ValueError("a label is no class")
    return np.eye(len(classes), dtype=np.float32)[labels]


SPLIT_TAIL = Exercise(
    identifier="data.split_tail",
    signature="split_tail(arrays, fraction) -> (train, held_out)",
    points=2,
    minutes=7,
    difficulty=1,
    lines=3,
    reference=_split_tail,
    cases=_split_cases,
    scenario=scenarios.split_tail,
    mistakes=SPLIT_MISTAKES,
    hints=(
        "Find one row number, the cut. What is before it is to be trained on, what comes from it on is held out.",
        "The cut is math.floor(N * (1 - fraction)), with N = len(arrays[0]). Every array is cut there: a[:cut] and "
        "a[cut:].",
        "Three lines: cut = ...; train = tuple(a[:cut] for a in arrays); and the same with a[cut:]. Return both.",
    ),
    alternatives=(_split_by_loop, _split_by_numpy, _split_by_rows),
)

IMPUTE = Exercise(
    identifier="data.impute",
    signature="impute(train, *others) -> tuple",
    points=2,
    minutes=8,
    difficulty=2,
    lines=2,
    reference=_impute,
    cases=_impute_cases,
    mistakes=IMPUTE_MISTAKES,
    hints=(
        "Two steps: one median for each column of train, then put it wherever a number is missing, in every array.",
        "np.nanmedian(train, axis=0) leaves NaN out. np.where(np.isnan(a), medians, a) takes the column's median where "
        "a is NaN, and a itself elsewhere.",
        "medians = ...; then return tuple( np.where(...) for a in (train, *others) ).",
    ),
    alternatives=(_impute_by_loops, _impute_by_columns, _impute_by_nonzero),
)

STANDARDIZE = Exercise(
    identifier="data.standardize",
    signature="standardize(train, *others) -> tuple",
    points=2,
    minutes=8,
    difficulty=2,
    lines=3,
    reference=_standardize,
    cases=_standardize_cases,
    mistakes=STANDARDIZE_MISTAKES,
    hints=(
        "Mean and standard deviation of each column of train, once; then the same subtraction and division for every "
        "array.",
        "train.mean(axis=0) and train.std(axis=0) have one number for each column, (D,). Where the deviation is 0, "
        "divide by 1: np.where(std == 0, 1.0, std).",
        "mean = ...; std = ...; std = np.where(...); return tuple( (a - mean) / std for a in (train, *others) ).",
    ),
    alternatives=(
        _standardize_by_loops,
        _standardize_as_keras,
        _standardize_with_epsilon,
        _standardize_by_nan_to_num,
    ),
    # A tiny number added to the deviation, as many do against a division by 0, is no mistake.
    rtol=1e-6,
    atol=1e-7,
)

ENCODE_CATEGORIES = Exercise(
    identifier="data.encode_categories",
    signature="encode_categories(values, vocabulary=None) -> (codes, vocabulary)",
    points=3,
    minutes=12,
    difficulty=2,
    lines=5,
    reference=_encode_categories,
    cases=_encode_cases,
    scenario=scenarios.encode_categories,
    mistakes=ENCODE_MISTAKES,
    hints=(
        "First the vocabulary, if none was passed in: every different value once, sorted. Then a code for each value: "
        "its position in the vocabulary.",
        "sorted(set(values.tolist())) is the vocabulary. A dict finds positions: {word: code for code, word in "
        "enumerate(vocabulary)}, and position.get(word, -1) is -1 for a word it does not hold.",
        "if vocabulary is None: vocabulary = ...; position = {...}; codes = np.array([position.get(value, -1) for "
        "value in values.tolist()]); return codes, list(vocabulary).",
    ),
    alternatives=(_encode_by_comparing, _encode_by_list, _encode_by_search, _encode_by_table),
)

ONE_HOT = Exercise(
    identifier="data.one_hot",
    signature="one_hot(labels, num_classes=None) -> (N, C)",
    points=2,
    minutes=9,
    difficulty=2,
    lines=5,
    reference=_one_hot,
    cases=_one_hot_cases,
    scenario=scenarios.one_hot,
    mistakes=ONE_HOT_MISTAKES,
    hints=(
        "Three steps: how many columns, are all labels among them, and then the rows.",
        "C is labels.max() + 1 if num_classes is None. Then `if labels.min() < 0 or labels.max() >= C: raise "
        "ValueError(...)`. A column of labels compared with a row of all classes is a table of True and False.",
        "The table is labels[:, None] == np.arange(num_classes), (N, C); .astype(np.float32) makes 1 and 0 of it.",
    ),
    alternatives=(_one_hot_by_loop, _one_hot_by_index, _one_hot_by_eye),
)

register(SPLIT_TAIL, IMPUTE, STANDARDIZE, ENCODE_CATEGORIES, ONE_HOT)


# Predictions.

STEPS_IN_MILLIMETRES = Question(
    identifier="data.q1_steps_in_millimetres",
    text=(
        "Notebook 01 again: guess a penguin's mass from three lengths, by gradient descent on all\n"
        "rows, at half of the largest learning rate that works. With standardized lengths 16 steps\n"
        "come within 1 % of the lowest loss there is. With the same lengths in millimetres?"
    ),
    choices={"a": "about 16 as well", "b": "about 200", "c": "about 4,000", "d": "more than 100,000"},
    answer="d",
    because=(
        "The steepest direction limits the rate, and in millimetres it is some thirty million times as steep as the "
        "flattest one."
    ),
)

ROWS_AS_THEY_LIE = Question(
    identifier="data.q2_rows_as_they_lie",
    text=(
        "The 344 penguins as they were published, all columns scaled. After 60 epochs of\n"
        "fit(x, y, validation_split=0.2, shuffle=True), a model tells the three species apart on\n"
        "99.6 % of the training rows. On the validation rows?"
    ),
    choices={"a": "about 99 %", "b": "about 90 %", "c": "about 33 %, as by guessing", "d": "below 5 %"},
    answer="d",
    because="The last fifth of the table is one species, and the model has never seen it.",
)

COIN_FLIPS = Question(
    identifier="data.q3_coin_flips",
    text=(
        "120 penguins, and 2,000 columns of coin flips. Somebody keeps the ten columns that differ\n"
        "most between females and males, looking at all 120; trains on 90 birds with those ten; and\n"
        "tests on the other 30. Of 100 test birds, how many get the right sex? (a number)"
    ),
    choices=None,
    answer=None,
    because="Among 2,000 columns some agree with these birds by chance, also with those that were to be the test.",
    tolerance=0.1,
    low=0,
    high=100,
)

register(STEPS_IN_MILLIMETRES, ROWS_AS_THEY_LIE, COIN_FLIPS)
