"""Notebook 03, batches and epochs: which rows a step sees, and in which order."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import batches as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]
Arrays = Sequence[Any]
Item = tuple[Any, ...]

# The reference.


def _n_steps(n: int, batch_size: int) -> int:
    return math.ceil(n / batch_size)


def _batch_indices(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator[Array]:
    order = np.arange(n)
    if shuffle:
        order = (rng or np.random.default_rng()).permutation(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


def _take(arrays: Arrays, indices: Array) -> tuple[Any, ...]:
    return tuple(None if a is None else a[indices] for a in arrays)


def _epochs(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    rng = rng or np.random.default_rng()
    for epoch in range(epochs):
        for step, indices in enumerate(_batch_indices(len(arrays[0]), batch_size, shuffle, rng)):
            yield epoch, step, _take(arrays, indices)


# Inputs. N leaves a remainder where nothing else is said; rows are distinct, so that they can be told apart.


def _n_steps_cases(rng: Rng) -> Cases:
    batch_size = int(rng.integers(7, 60))
    return {
        "103 rows in batches of 32": (103, 32),
        "96 rows in batches of 32": (96, 32),
        "97 rows in batches of 32": (97, 32),
        "5 rows in batches of 32": (5, 32),
        "32 rows in batches of 32": (32, 32),
        "11 rows one by one": (11, 1),
        "no rows": (0, 8),
        "60,000 rows in batches of 128": (60_000, 128),
        "some rows": (int(rng.integers(200, 5000)), batch_size),
        "one row less than 9 batches": (9 * batch_size - 1, batch_size),
    }


def _batch_indices_cases(rng: Rng) -> Cases:
    def seed() -> int:
        return int(rng.integers(2**31))

    return {
        "103 rows in batches of 16": (103, 16, True, seed()),
        "not shuffled": (103, 16, False, seed()),
        "not shuffled, and no generator": (25, 10, False, None),
        "shuffled, and no generator": (103, 20, True, None),
        "only n and batch_size": (101, 16, None, None),
        "96 rows in batches of 32": (96, 32, True, seed()),
        "5 rows in batches of 32": (5, 32, True, seed()),
        "12 rows one by one": (12, 1, True, seed()),
        "one batch of 60 rows": (60, 60, True, seed()),
        "no rows": (0, 4, True, seed()),
        "96 rows in batches of 32, not shuffled": (96, 32, False, seed()),
    }


def _rows(rng: Rng, n: int, d: int) -> Array:
    """(n, d) of whole and half numbers, no two rows alike: exact in float32, too."""
    table = rng.integers(-9, 10, (n, d)).astype(float)
    table[:, 0] = rng.permutation(n) / 2
    return table


def _take_cases(rng: Rng) -> Cases:
    n = 23
    x, y, weights = _rows(rng, n, 4), rng.permutation(n), rng.permutation(n) / 4
    some = rng.permutation(n)[:7]
    return {
        "x and y, 7 rows": ((x, y), some),
        "x, y and weights": ((x, y, weights), some[:5]),
        "no weights": ((x, y, None), some[2:6]),
        "None in the middle": ((x, None, weights), some),
        "x alone": ((x,), some[:3]),
        "a list of arrays": ([y, x], some[1:4]),
        "one row": ((x, y), some[:1]),
        "all rows": ((x, y, weights), rng.permutation(n)),
        "neighbours": ((x, y), np.arange(4, 9)),
        "one row twice": ((x, y), some[[0, 1, 0]]),
        "4 rows": ((_rows(rng, 4, 2),), rng.permutation(4)[:3]),
        "images": ((rng.permutation(n * 6).reshape(n, 3, 2), y), some),
    }


def _epochs_cases(rng: Rng) -> Cases:
    def seed() -> int:
        return int(rng.integers(2**31))

    n = 103
    x, y, weights = _rows(rng, n, 3), rng.permutation(n), rng.permutation(n) / 4
    small = (_rows(rng, 11, 2), rng.permutation(11))
    return {
        "103 rows in batches of 16, 3 epochs": ((x, y), 16, 3, True, seed()),
        "not shuffled": ((x, y), 16, 2, False, seed()),
        "x, y and weights": ((x, y, weights), 20, 2, True, seed()),
        "no weights": ((x, y, None), 24, 2, True, seed()),
        "no weights, and not shuffled": ((small[0], small[1], None), 4, 3, False, None),
        "no generator": ((x, y), 16, 2, True, None),
        "only the first three arguments": ((x, y), 16, 2, None, None),
        "x alone, one epoch": ((x,), 32, 1, True, seed()),
        "96 rows in batches of 32": ((x[:96], y[:96]), 32, 2, True, seed()),
        "11 rows in batches of 32": (small, 32, 3, True, seed()),
        "a list of arrays": ([y, x], 16, 2, True, seed()),
        "no epochs": (small, 4, 0, True, seed()),
    }


# Known mistakes, each a whole wrong answer.

N_STEPS_MISTAKES = (
    Mistake(
        "the last, smaller batch is not counted",
        wrong=lambda n, batch_size: n // batch_size,
        why="// rounds down, so the 7 rows that are left of 103 after 3 batches of 32 get no step.",
        hint="Which way has to be rounded, so that every row gets a step?",
    ),
    Mistake(
        "one step too many when nothing is left over",
        wrong=lambda n, batch_size: n // batch_size + 1,
        why="96 rows are 3 batches of 32 exactly; the + 1 adds an empty fourth.",
        hint="Add a step only if there is a remainder, or let math.ceil round up.",
    ),
    Mistake(
        "not rounded",
        wrong=lambda n, batch_size: n / batch_size,
        why="A step is taken or not; nobody can take 3.2 of them.",
        hint="math.ceil rounds up and gives an int.",
    ),
    Mistake(
        "rounded to the nearest number",
        wrong=lambda n, batch_size: round(n / batch_size),
        why="7 rows that are left over are less than half a batch, and yet somebody has to see them.",
        hint="Which way has to be rounded, so that every row gets a step?",
    ),
    Mistake(
        "a float",
        wrong=lambda n, batch_size: float(math.ceil(n / batch_size)),
        why="range(4.0) is an error in Python: a count has to be an int. np.ceil gives a float.",
        hint="math.ceil gives an int; int(...) makes one.",
    ),
    Mistake(
        "at least one step",
        wrong=lambda n, batch_size: max(1, math.ceil(n / batch_size)),
        why="No rows are no batches.",
        hint="The formula needs no exception: what does it give for n = 0?",
    ),
    Mistake(
        "rounded down, but at least one",
        wrong=lambda n, batch_size: max(1, n // batch_size),
        why="// rounds down, so the rows that are left over get no step unless there are no others.",
        hint="Which way has to be rounded, so that every row gets a step?",
    ),
    Mistake(
        "divided the wrong way round",
        wrong=lambda n, batch_size: math.ceil(batch_size / n) if n else 0,
        why="That is how many times the data fit into a batch.",
        hint="How many batches of 32 are there in 103 rows?",
    ),
    Mistake(
        "the rest is added",
        wrong=lambda n, batch_size: n // batch_size + n % batch_size,
        why="n % batch_size is how many rows are left over; together they make one more step, not one each.",
        hint="Ask whether there is a rest, not how large it is.",
    ),
)


def _in_batches(
    order: Callable[[int, int, bool, Rng], Array], starts: Callable[[int, int], Any] | None = None, lost: int = 0
) -> Callable[..., Any]:
    """A wrong answer of the usual form, with another order, other starts or other ends."""

    def batch_indices(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator[Array]:
        rows = order(n, batch_size, shuffle, rng or np.random.default_rng())
        for start in range(0, n, batch_size) if starts is None else starts(n, batch_size):
            yield rows[start : start + batch_size - lost]

    return batch_indices


def _right_order(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    return rng.permutation(n) if shuffle else np.arange(n)


def _order_with_replacement(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    return rng.integers(0, n, n) if shuffle and n else np.arange(n)


def _order_inside(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    rows = np.arange(n)
    for start in range(0, n, batch_size) if shuffle else ():
        rng.shuffle(rows[start : start + batch_size])
    return rows


def _order_but_last(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    rows = np.arange(n)
    if shuffle:
        rng.shuffle(rows[: n - n % batch_size])
    return rows


def _order_global(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    return np.random.permutation(n) if shuffle else np.arange(n)  # noqa: NPY002


def _order_seeded_global(n: int, batch_size: int, shuffle: bool, rng: Rng) -> Array:
    np.random.seed(0)  # noqa: NPY002
    return _order_global(n, batch_size, shuffle, rng)


def _indices_of_whole_batches(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    batches = list(_batch_indices(n, batch_size, shuffle=False))
    if shuffle:
        (rng or np.random.default_rng()).shuffle(batches)
    yield from batches


def _indices_padded(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    rows = _right_order(n, batch_size, shuffle, rng or np.random.default_rng())
    for start in range(0, n, batch_size):
        yield np.take(rows, range(start, start + batch_size), mode="wrap")


def _indices_in_equal_pieces(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    rows = _right_order(n, batch_size, shuffle, rng or np.random.default_rng())
    yield from np.array_split(rows, max(_n_steps(n, batch_size), 1)) if n else ()


def _indices_returned(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Any:
    for indices in _batch_indices(n, batch_size, shuffle, rng):
        return indices
    return np.arange(0)


def _indices_one_by_one(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    for indices in _batch_indices(n, batch_size, shuffle, rng):
        yield from indices


def _indices_as_slices(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    for start in range(0, n, batch_size):
        yield slice(start, start + batch_size)


def _indices_by_default_in_order(
    n: int, batch_size: int, shuffle: bool = False, rng: Rng | None = None
) -> Iterator[Array]:
    return _batch_indices(n, batch_size, shuffle, rng)


def _indices_grown(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Iterator:
    rows = _right_order(n, batch_size, shuffle, rng or np.random.default_rng())
    for start in range(0, n, batch_size):
        yield rows[: start + batch_size]


def _indices_need_rng(n: int, batch_size: int, shuffle: bool = True, rng: Any = None) -> Iterator[Array]:
    order = rng.permutation(n) if shuffle else np.arange(n)
    for start in range(0, n, batch_size):
        yield order[start : start + batch_size]


_LAST_BATCH = "Every row belongs to the epoch, also those of the last, smaller batch: Keras drops none."
_ONE_GENERATOR = "The caller passes a generator so that the run can be repeated; yours is decided by something else."

BATCH_INDICES_MISTAKES = (
    Mistake(
        "the last, smaller batch is dropped",
        wrong=_in_batches(_right_order, lambda n, b: range(0, n - n % b, b)),
        why=_LAST_BATCH,
        hint="range(0, n, batch_size) has a start for every batch, the last one too; a slice may end beyond the array.",
    ),
    Mistake(
        "the last batch is filled up",
        wrong=_indices_padded,
        why="To fill it some rows are used twice, and count twice in this epoch.",
        hint="The last batch is smaller; a slice that ends beyond the array gives just what is there.",
    ),
    Mistake(
        "an empty batch at the end",
        wrong=_in_batches(_right_order, lambda n, b: range(0, (n // b + 1) * b, b)),
        why="When batch_size divides n nothing is left over, and a loss of no rows is 0 / 0.",
        hint="range(0, n, batch_size) has no start beyond the last row.",
    ),
    Mistake(
        "never shuffled",
        wrong=_in_batches(lambda n, b, shuffle, rng: np.arange(n)),
        why="With shuffle=True, the default, every pass is to have a random order.",
        hint="rng.permutation(n) is 0 to n - 1 in a random order.",
    ),
    Mistake(
        "always shuffled",
        wrong=_in_batches(lambda n, b, shuffle, rng: rng.permutation(n)),
        why="With shuffle=False the rows are to come as they are.",
        hint="Where does your code look at shuffle?",
    ),
    Mistake(
        "not shuffled by default",
        wrong=_indices_by_default_in_order,
        why="fit shuffles unless it is told not to, and this function is made for it.",
        hint="Look at the default of shuffle in the signature.",
    ),
    Mistake(
        "the generator that is passed in is not used",
        wrong=_in_batches(lambda n, b, shuffle, rng: _right_order(n, b, shuffle, np.random.default_rng())),
        why=_ONE_GENERATOR,
        hint="Make a generator only when rng is None; otherwise draw from rng.",
    ),
    Mistake(
        "a seed of its own",
        wrong=_in_batches(lambda n, b, shuffle, rng: _right_order(n, b, shuffle, np.random.default_rng(0))),
        why="With a fixed seed inside, every pass has the same order, and no generator of the caller's changes it.",
        hint="Make a generator only when rng is None, with no seed; otherwise draw from rng.",
    ),
    Mistake(
        "drawn from a generator that everybody shares",
        wrong=_in_batches(_order_global),
        why="np.random.shuffle, np.random.permutation and Python's random share a hidden generator with everybody: "
        "any other draw in the program changes your order.",
        hint="rng.permutation and rng.shuffle are called in the same way.",
    ),
    Mistake(
        "np.random.seed is set inside",
        wrong=_in_batches(_order_seeded_global),
        why="That resets the generator that everybody shares, and gives every pass the same order.",
        hint="rng.permutation(n); a seed is the caller's business.",
    ),
    Mistake(
        "drawn with replacement",
        wrong=_in_batches(_order_with_replacement),
        why="Each row is drawn anew, so some come twice and about a third of them never.",
        hint="A permutation has each number once.",
    ),
    Mistake(
        "shuffled inside each batch only",
        wrong=_in_batches(_order_inside),
        why="The order inside a batch does not matter: a batch's loss is a mean. Its rows have to change.",
        hint="Shuffle all n indices first; cut them into batches after that.",
    ),
    Mistake(
        "whole batches are shuffled",
        wrong=_indices_of_whole_batches,
        why="The batches come in another order, but the same rows always meet in one.",
        hint="Shuffle all n indices first; cut them into batches after that.",
    ),
    Mistake(
        "the last batch always has the same rows",
        wrong=_in_batches(_order_but_last),
        why="Only the full batches were shuffled; the rows at the end never leave their place.",
        hint="Shuffle all n indices, before any batch is cut.",
    ),
    Mistake(
        "pieces of equal length",
        wrong=_indices_in_equal_pieces,
        why="103 rows are to be cut into 16, 16, ..., 7: full batches and a rest. np.array_split makes them equal.",
        hint="Cut at range(0, n, batch_size).",
    ),
    Mistake(
        "a row is lost at each end",
        wrong=_in_batches(_right_order, None, lost=1),
        why="A slice ends before its second number, so order[a : b - 1] lacks a row.",
        hint="order[start : start + batch_size] has batch_size rows.",
    ),
    Mistake(
        "return instead of yield",
        wrong=_indices_returned,
        why="return ends the function, so there is one batch and never a second.",
        hint="yield hands a batch out and goes on after it.",
    ),
    Mistake(
        "one index at a time",
        wrong=_indices_one_by_one,
        why="What is yielded is to be an array with the indices of a whole batch.",
        hint="Yield a slice of the order: order[start : start + batch_size].",
    ),
    Mistake(
        "slices instead of indices",
        wrong=_indices_as_slices,
        why="A slice is a range of neighbours; a shuffled batch is not.",
        hint="Use the slice on the array of indices: order[start : start + batch_size].",
    ),
    Mistake(
        "every batch begins with the first row",
        wrong=_indices_grown,
        why="order[: stop] is everything up to there, so batches grow and rows come again and again.",
        hint="A slice has a start, too: order[start : start + batch_size].",
    ),
    Mistake(
        "rng may be None",
        wrong=_indices_need_rng,
        why="Without a generator of the caller's there is nothing to draw from, and shuffle=True is the default.",
        hint="If rng is None, make one: np.random.default_rng().",
    ),
)


def _take_as(change: Callable[[Any, Array], Any]) -> Callable[..., Any]:
    """Take something else of every array that is one."""
    return lambda arrays, indices: tuple(None if a is None else change(a, indices) for a in arrays)


def _take_all(arrays: Arrays, indices: Array) -> Any:
    return tuple(a[indices] for a in arrays)


def _take_object(arrays: Arrays, indices: Array) -> Any:
    return tuple(np.array([a[i] for i in indices]) if a is not None else np.full(len(indices), np.nan) for a in arrays)


TAKE_MISTAKES = (
    Mistake(
        "None is indexed",
        wrong=_take_all,
        why="Who passes no sample weights passes None, and None has no rows.",
        hint="None if a is None else ...",
    ),
    Mistake(
        "None is left out",
        wrong=lambda arrays, indices: tuple(a[indices] for a in arrays if a is not None),
        why="Whoever unpacks x, y, sample_weight = batch finds two things instead of three.",
        hint="For every array that comes in, one thing goes out.",
    ),
    Mistake(
        "NaN instead of None",
        wrong=_take_object,
        why="None says that there are no weights; an array of NaN says that they are unknown.",
        hint="None if a is None else ...",
    ),
    Mistake(
        "an array asked whether it is true",
        wrong=lambda arrays, indices: tuple(a[indices] if a else None for a in arrays),
        why="`if a` fails for an array of several numbers, which is neither true nor false.",
        hint="Ask `a is None`.",
    ),
    Mistake(
        "columns instead of rows",
        wrong=_take_as(lambda a, indices: a[..., indices]),
        why="Samples lie along the first axis; you index the last.",
        hint="a[indices] takes rows, whatever the shape of a row is.",
    ),
    Mistake(
        "the first rows",
        wrong=_take_as(lambda a, indices: a[: len(indices)]),
        why="The indices say which rows; only their number is used.",
        hint="NumPy takes an array of indices in square brackets: a[indices].",
    ),
    Mistake(
        "everything between the first and the last index",
        wrong=_take_as(lambda a, indices: a[indices[0] : indices[-1] + 1]),
        why="Shuffled indices are no range; between two of them lie others.",
        hint="NumPy takes an array of indices in square brackets: a[indices].",
    ),
    Mistake(
        "in the order of the rows",
        wrong=_take_as(lambda a, indices: a[np.sort(indices)]),
        why="The batch is to have the rows in the order of the indices.",
        hint="a[indices] keeps the order.",
    ),
    Mistake(
        "each row once, in the order of the table",
        wrong=_take_as(lambda a, indices: a[np.unique(indices)]),
        why="The batch is to have a row for each index, in this order, and twice if it is asked for twice.",
        hint="Neither a mask nor a set is needed: a[indices] does just that.",
    ),
    Mistake(
        "np.take without an axis",
        wrong=_take_as(np.take),
        why="Without axis=0 np.take counts through all numbers of a table, and not through its rows.",
        hint="np.take(a, indices, axis=0), or a[indices].",
    ),
    Mistake(
        "only x and y",
        wrong=lambda arrays, indices: _take(arrays[:2], indices),
        why="Whatever comes in is to come out, sample weights too.",
        hint="Go through arrays, however many there are.",
    ),
    Mistake(
        "x is taken, the others are whole",
        wrong=lambda arrays, indices: (arrays[0][indices], *arrays[1:]),
        why="The targets of a batch have to be those of its rows.",
        hint="The same indices for each of the arrays.",
    ),
    Mistake(
        "a tuple for each row",
        wrong=lambda arrays, indices: tuple(
            tuple(None if a is None else a[i] for a in arrays) for i in indices.tolist()
        ),
        why="A batch is a tuple of arrays, (x, y), and not a list of samples.",
        hint="The comprehension goes over arrays; NumPy does all indices at once.",
    ),
    Mistake(
        "the rest is taken",
        wrong=_take_as(lambda a, indices: np.delete(a, indices, axis=0)),
        why="np.delete gives the rows that are not among the indices.",
        hint="a[indices].",
    ),
)


def _walking(
    first_epoch: int = 0, first_step: int = 0, order: Callable[[int, int, bool, Any, int], Any] | None = None
) -> Callable[..., Any]:
    """A wrong answer of the usual form, that counts from elsewhere or gets its indices in another way."""

    def epochs(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Iterator:
        rng = rng or np.random.default_rng()
        n = len(arrays[0])
        for epoch in range(epochs):
            rows = _batch_indices(n, batch_size, shuffle, rng)
            rows = rows if order is None else order(n, batch_size, shuffle, rng, epoch)
            for step, indices in enumerate(rows):
                yield epoch + first_epoch, step + first_step, _take(arrays, indices)

    return epochs


def _epochs_one_order(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    order = list(_batch_indices(len(arrays[0]), batch_size, shuffle, rng))
    for epoch in range(epochs):
        for step, indices in enumerate(order):
            yield epoch, step, _take(arrays, indices)


def _epochs_of_same_batches(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    rng = rng or np.random.default_rng()
    order = list(_batch_indices(len(arrays[0]), batch_size, shuffle, rng))
    for epoch in range(epochs):
        if shuffle:
            rng.shuffle(order)
        for step, indices in enumerate(order):
            yield epoch, step, _take(arrays, indices)


def _epochs_used_up(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    order = _batch_indices(len(arrays[0]), batch_size, shuffle, rng)
    for epoch in range(epochs):
        for step, indices in enumerate(order):
            yield epoch, step, _take(arrays, indices)


def _epochs_over_arrays(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    for epoch in range(epochs):
        for step, indices in enumerate(_batch_indices(len(arrays), batch_size, shuffle, rng)):
            yield epoch, step, _take(arrays, indices)


def _epochs_first_batches(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    n = len(arrays[0])
    for epoch in range(epochs):
        for step in range(_n_steps(n, batch_size)):
            yield epoch, step, _take(arrays, next(_batch_indices(n, batch_size, shuffle, rng)))


def _epochs_counting_on(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    for step, (epoch, _, batch) in enumerate(_epochs(arrays, batch_size, epochs, shuffle, rng)):
        yield epoch, step, batch


def _epochs_apart(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    rng = rng or np.random.default_rng()
    for epoch in range(epochs):
        ways = [list(_batch_indices(len(arrays[0]), batch_size, shuffle, rng)) for _ in arrays]
        for step, each in enumerate(zip(*ways, strict=True)):
            yield epoch, step, tuple(None if a is None else a[i] for a, i in zip(arrays, each, strict=True))


def _epochs_weights_stay(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    for epoch, step, batch in _epochs((*arrays, np.arange(len(arrays[0]))), batch_size, epochs, shuffle, rng):
        start = step * batch_size
        rest = tuple(None if a is None else a[start : start + batch_size] for a in arrays[2:])
        yield epoch, step, (*batch[:2][: len(arrays)], *rest)


def _epochs_exchanged(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    for epoch, step, batch in _epochs(arrays, batch_size, epochs, shuffle, rng):
        yield step, epoch, batch


def _epochs_bare(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Iterator:
    for _, _, batch in _epochs(arrays, batch_size, epochs, shuffle, rng):
        yield batch


def _epochs_flat(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Iterator:
    for epoch, step, batch in _epochs(arrays, batch_size, epochs, shuffle, rng):
        yield (epoch, step, *batch)


def _epochs_of_indices(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Iterator:
    rng = rng or np.random.default_rng()
    for epoch in range(epochs):
        for step, indices in enumerate(_batch_indices(len(arrays[0]), batch_size, shuffle, rng)):
            yield epoch, step, indices


def _epochs_by_default_in_order(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = False, rng: Any = None
) -> Iterator[Item]:
    return _epochs(arrays, batch_size, epochs, shuffle, rng)


def _epochs_in_place(
    arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None
) -> Iterator[Item]:
    rng = rng or np.random.default_rng()
    for epoch in range(epochs):
        if shuffle:
            order = rng.permutation(len(arrays[0]))
            for a in arrays:
                if a is not None:
                    a[:] = a[order]
        for step, indices in enumerate(_batch_indices(len(arrays[0]), batch_size, shuffle=False)):
            yield epoch, step, _take(arrays, indices)


def _full_batches(n: int, batch_size: int, shuffle: bool, rng: Any, epoch: int) -> Any:
    return (indices for indices in _batch_indices(n, batch_size, shuffle, rng) if len(indices) == batch_size)


def _of_global(n: int, batch_size: int, shuffle: bool, rng: Any, epoch: int) -> Any:
    order = _order_global(n, batch_size, shuffle, rng)
    return (order[start : start + batch_size] for start in range(0, n, batch_size))


EPOCHS_MISTAKES = (
    Mistake(
        "one order for all epochs",
        wrong=_epochs_one_order,
        why="The order was drawn once, before the epochs began; a new one is wanted in each.",
        hint="Call batch_indices inside the loop over the epochs.",
    ),
    Mistake(
        "the same batches in another order",
        wrong=_epochs_of_same_batches,
        why="The rows were dealt out once, before the epochs began, so the same ones always meet in a batch; and the "
        "small one comes at any place.",
        hint="Call batch_indices inside the loop over the epochs: it deals all rows out anew.",
    ),
    Mistake(
        "only the first epoch has batches",
        wrong=_epochs_used_up,
        why="A generator can be walked through once: what batch_indices gave is empty in the second epoch, and no "
        "error says so.",
        hint="An outer loop over the epochs, and inside it a new call of batch_indices each time.",
    ),
    Mistake(
        "the same seed in every epoch",
        wrong=_walking(order=lambda n, b, s, rng, epoch: _batch_indices(n, b, s, np.random.default_rng(0))),
        why="A new generator with the same seed draws the same order again.",
        hint="One generator for all epochs: the one that was passed in.",
    ),
    Mistake(
        "a seed of its own",
        wrong=_walking(order=lambda n, b, s, rng, epoch: _batch_indices(n, b, s, np.random.default_rng(epoch))),
        why="With a fixed seed, or the epoch as the seed, every run has the same orders, whatever generator is "
        "passed in.",
        hint="One generator for all epochs: the one that was passed in.",
    ),
    Mistake(
        "the generator is not handed on",
        wrong=_walking(order=lambda n, b, s, rng, epoch: _batch_indices(n, b, s)),
        why=_ONE_GENERATOR,
        hint="batch_indices has a parameter for it.",
    ),
    Mistake(
        "drawn from a generator that everybody shares",
        wrong=_walking(order=_of_global),
        why="np.random.shuffle, np.random.permutation and Python's random share a hidden generator with everybody: "
        "any other draw in the program changes your order.",
        hint="Hand rng to batch_indices, which draws from it.",
    ),
    Mistake(
        "shuffle is not handed on",
        wrong=_walking(order=lambda n, b, s, rng, epoch: _batch_indices(n, b, True, rng)),
        why="With shuffle=False the rows are to come as they are, in every epoch.",
        hint="batch_indices has a parameter for it.",
    ),
    Mistake(
        "never shuffled",
        wrong=_walking(order=lambda n, b, s, rng, epoch: _batch_indices(n, b, False, rng)),
        why="With shuffle=True, the default, every epoch is to have a new random order.",
        hint="Hand shuffle and rng to batch_indices.",
    ),
    Mistake(
        "not shuffled by default",
        wrong=_epochs_by_default_in_order,
        why="fit shuffles unless it is told not to, and this function is made for it.",
        hint="Look at the default of shuffle in the signature.",
    ),
    Mistake(
        "x and y in different orders",
        wrong=_epochs_apart,
        why="Each array was shuffled by itself, so every x meets the y of another sample.",
        hint="One batch of indices, and take gives the same rows of every array.",
    ),
    Mistake(
        "sample weights stay where they are",
        wrong=_epochs_weights_stay,
        why="x and y are shuffled and the weights are not, so every sample gets the weight of another.",
        hint="Hand all arrays to take, not only x and y.",
    ),
    Mistake(
        "the caller's arrays are shuffled",
        wrong=_epochs_in_place,
        why="Whoever passed x and y still wants to know which row is which; you reordered their arrays.",
        hint="Shuffle indices; take(arrays, indices) makes new, small arrays.",
    ),
    Mistake(
        "the last, smaller batch is dropped",
        wrong=_walking(order=_full_batches),
        why=_LAST_BATCH,
        hint="Yield every batch that batch_indices gives.",
    ),
    Mistake(
        "the arrays are counted, not their rows",
        wrong=_epochs_over_arrays,
        why="len(arrays) is how many arrays there are. N is how many rows each of them has.",
        hint="N is len(arrays[0]).",
    ),
    Mistake(
        "every step takes a first batch",
        wrong=_epochs_first_batches,
        why="Each call of batch_indices begins anew, so next(batch_indices(...)) is always a first batch.",
        hint="Call it once in each epoch, and let a for loop walk through it.",
    ),
    Mistake(
        "steps counted on through the epochs",
        wrong=_epochs_counting_on,
        why="step says which batch of its epoch this is, so it begins at 0 in each.",
        hint="enumerate inside the loop over the epochs begins anew each time.",
    ),
    Mistake(
        "epochs counted from 1",
        wrong=_walking(first_epoch=1),
        why="Only the progress bar begins with 1; in callbacks, in history.epoch and here the first epoch is 0.",
        hint="for epoch in range(epochs).",
    ),
    Mistake(
        "steps counted from 1",
        wrong=_walking(first_step=1),
        why="The first batch of an epoch is step 0.",
        hint="enumerate counts from 0 by itself.",
    ),
    Mistake(
        "epochs and steps counted from 1",
        wrong=_walking(1, 1),
        why="The first epoch is 0 and its first batch is step 0.",
        hint="range and enumerate count from 0 by themselves.",
    ),
    Mistake(
        "epoch and step exchanged",
        wrong=_epochs_exchanged,
        why="The order is (epoch, step, batch), from the outer loop to the inner.",
        hint="Look at what stands after yield.",
    ),
    Mistake(
        "only the batch",
        wrong=_epochs_bare,
        why="Whoever uses it wants to know where the run is: (epoch, step, batch).",
        hint="yield epoch, step, batch.",
    ),
    Mistake(
        "the batch is spread out",
        wrong=_epochs_flat,
        why="Three things are to be yielded, and the third is the tuple that take gives.",
        hint="yield epoch, step, take(arrays, indices), with no star.",
    ),
    Mistake(
        "indices instead of rows",
        wrong=_epochs_of_indices,
        why="A model cannot be trained on row numbers; the batch is to hold the rows themselves.",
        hint="take(arrays, indices) fetches them.",
    ),
)


# Other right answers, in the styles learners write.


def _steps_by_counting(n: int, batch_size: int) -> int:
    steps = 0
    while n > 0:
        n -= batch_size
        steps += 1
    return steps


def _indices_as_list(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Any:
    if rng is None:
        rng = np.random.default_rng()
    order = list(range(n))
    if shuffle:
        rng.shuffle(order)
    return [order[i : i + batch_size] for i in range(0, n, batch_size)]


def _indices_by_sorting(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Any:
    rng = np.random.default_rng() if rng is None else rng
    order = np.argsort(rng.random(n)) if shuffle else np.arange(n)
    while len(order):
        yield order[:batch_size]
        order = order[batch_size:]


def _indices_by_swaps(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Any:
    rng = rng or np.random.default_rng()
    order = np.arange(n)
    for i in range(n - 1, 0, -1) if shuffle else ():
        j = int(rng.integers(0, i + 1))
        order[[i, j]] = order[[j, i]]
    yield from np.split(order, range(batch_size, n, batch_size)) if n else ()


def _indices_by_drawing(n: int, batch_size: int, shuffle: bool = True, rng: Rng | None = None) -> Any:
    rng = rng or np.random.default_rng()
    left = np.arange(n)
    for _ in range(_n_steps(n, batch_size)):
        size = min(batch_size, len(left))
        batch = rng.choice(left, size, replace=False) if shuffle else left[:size]
        left = left[~np.isin(left, batch)]
        yield batch


def _take_by_loop(arrays: Arrays, indices: Array) -> Any:
    batch: list[Any] = []
    for array in arrays:
        if array is None:
            batch.append(None)
        else:
            batch.append(np.array([array[i] for i in indices]))
    return batch


def _epochs_by_permuting(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Any:
    rng = rng or np.random.default_rng()
    for epoch in range(epochs):
        if shuffle:  # in the order of the epoch before
            order = rng.permutation(len(arrays[0]))
            arrays = [None if a is None else a[order] for a in arrays]
        for step, start in enumerate(range(0, len(arrays[0]), batch_size)):
            yield epoch, step, [None if a is None else a[start : start + batch_size] for a in arrays]


def _epochs_as_list(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Any:
    out = []
    n = len(arrays[0])
    order = np.arange(n)
    rng = np.random.default_rng() if rng is None else rng
    for epoch in range(epochs):
        if shuffle:
            rng.shuffle(order)
        for step in range(_n_steps(n, batch_size)):
            rows = order[step * batch_size : (step + 1) * batch_size]
            out.append([epoch, step, tuple(a if a is None else np.take(a, rows, axis=0) for a in arrays)])
    return out


def _epochs_from_the_caller(arrays: Arrays, batch_size: int, epochs: int, shuffle: bool = True, rng: Any = None) -> Any:
    for epoch in range(epochs):
        counter = itertools.count()
        for indices in _indices_by_sorting(len(arrays[0]), batch_size, shuffle, rng):
            yield np.int64(epoch), next(counter), _take(arrays, indices)


N_STEPS = Exercise(
    identifier="batches.n_steps",
    signature="n_steps(n, batch_size) -> int",
    points=1,
    minutes=3,
    difficulty=1,
    lines=1,
    reference=_n_steps,
    cases=_n_steps_cases,
    scenario=scenarios.n_steps,
    mistakes=N_STEPS_MISTAKES,
    hints=(
        "Every row gets a step, and the rows that are left over share one. Which way is the division to be rounded?",
        "math.ceil rounds up and gives an int. `import math` may stand in your cell.",
        "One line: return math.ceil( n divided by batch_size ).",
    ),
    alternatives=(
        _steps_by_counting,
        lambda n, batch_size: (n + batch_size - 1) // batch_size,
        lambda n, batch_size: -(-n // batch_size),
        lambda n, batch_size: n // batch_size + (n % batch_size > 0),
        lambda n, batch_size: int(np.ceil(n / batch_size)),
        lambda n, batch_size: len(range(0, n, batch_size)),
    ),
)

BATCH_INDICES = Exercise(
    identifier="batches.batch_indices",
    signature="batch_indices(n, batch_size, shuffle=True, rng=None) -> Iterator[ndarray]",
    points=3,
    minutes=14,
    difficulty=2,
    lines=5,
    reference=_batch_indices,
    cases=_batch_indices_cases,
    scenario=scenarios.batch_indices,
    mistakes=BATCH_INDICES_MISTAKES,
    hints=(
        "Two steps: first the order of all n rows, as one array of indices; then a loop that yields a piece of it at a "
        "time.",
        "The order is np.arange(n), or rng.permutation(n) when shuffled; if rng is None, np.random.default_rng() makes "
        "one. The pieces start at range(0, n, batch_size), and a slice that ends beyond the array is simply shorter.",
        "order = np.arange(n); if shuffle: take rng, or make one, and order = rng.permutation(n); for start in "
        "range(0, n, batch_size): yield order[start : start + batch_size].",
    ),
    alternatives=(_indices_as_list, _indices_by_sorting, _indices_by_swaps, _indices_by_drawing),
)

TAKE = Exercise(
    identifier="batches.take",
    signature="take(arrays, indices) -> tuple",
    points=1,
    minutes=4,
    difficulty=1,
    lines=1,
    reference=_take,
    cases=_take_cases,
    mistakes=TAKE_MISTAKES,
    hints=(
        "Go through the arrays; each gives its rows, and None gives None.",
        "a[indices] are the rows of a in the order of the indices. `None if a is None else a[indices]` leaves None in "
        "peace.",
        "One line: return tuple( ... for a in arrays ), with the expression of the second hint inside.",
    ),
    alternatives=(
        _take_by_loop,
        lambda arrays, indices: [a if a is None else np.take(a, indices, axis=0) for a in arrays],
        lambda arrays, indices: (*(None if a is None else a[indices.tolist(), ...].copy() for a in arrays),),
    ),
)

EPOCHS = Exercise(
    identifier="batches.epochs",
    signature="epochs(arrays, batch_size, epochs, shuffle=True, rng=None) -> Iterator[(epoch, step, batch)]",
    points=3,
    minutes=14,
    difficulty=2,
    lines=4,
    reference=_epochs,
    cases=_epochs_cases,
    scenario=scenarios.epochs,
    mistakes=EPOCHS_MISTAKES,
    hints=(
        "Two loops, one in the other: over the epochs, and over what batch_indices gives in this epoch. In the inner "
        "one yield three things.",
        "Call batch_indices(len(arrays[0]), batch_size, shuffle, rng) inside the outer loop: each call draws a new "
        "order from the same generator. enumerate counts the steps.",
        "for epoch in range(epochs): for step, indices in enumerate(batch_indices(...)): yield epoch, step, "
        "take(arrays, indices).",
    ),
    alternatives=(_epochs_by_permuting, _epochs_as_list, _epochs_from_the_caller),
)

register(N_STEPS, BATCH_INDICES, TAKE, EPOCHS)


# Predictions.

WHAT_IS_LEFT_OVER = Question(
    identifier="batches.q1_what_is_left_over",
    text="fit(x, y, batch_size=32) on 1,438 rows: 44 full batches, and 30 rows are left over.\nWhat becomes of them?",
    choices={
        "a": "they are dropped in this epoch",
        "b": "they make a batch of 30",
        "c": "they are filled up to 32 with rows from the beginning",
        "d": "they are added to the last full batch",
    },
    answer="b",
    because="The last batch of an epoch is smaller, and every row is seen once.",
)

SORTED = Question(
    identifier="batches.q2_sorted",
    text=(
        "Digits sorted from 0 to 9, fit(x, y, shuffle=False): in the second epoch it reports an\n"
        "accuracy of 0.61 on the training images. What is it on test images after that epoch?"
    ),
    choices={"a": "about 0.8", "b": "about 0.6", "c": "about 0.4", "d": "about 0.1"},
    answer="d",
    because="After each epoch the network has just seen nines, and says nine to everything.",
)

ONE_LARGE_BATCH = Question(
    identifier="batches.q3_one_large_batch",
    text=(
        "Ten epochs with batches of 8 give an accuracy of 0.96 on test images. The same network, the\n"
        "same learning rate, ten epochs with all 1,438 rows in one batch, which is much quicker?"
    ),
    choices={"a": "about 0.98", "b": "about 0.96", "c": "about 0.8", "d": "about 0.2"},
    answer="d",
    because="Ten epochs of one step are ten steps; with batches of 8 they are 1,800.",
)

register(WHAT_IS_LEFT_OVER, SORTED, ONE_LARGE_BATCH)
