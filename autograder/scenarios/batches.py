"""How the exercises of notebook 03 are driven: what an iterator yields is listed, a random order is described.

A shuffled order is judged by what holds for any of them: each row once in an epoch, a new order in the next,
the caller's generator and nothing else deciding it. So it does not matter in which way it was drawn.
These run in the learner's process, so nothing of the reference is imported here.
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

Rows = list[int]
Run = Callable[[np.random.Generator | None], list[Rows]]

_ENOUGH = 50  # rows; a shuffled order of fewer could look like any other
_PASSES = 12  # so many show that some rows never leave their batch
_UNSEEN = "not looked at"
_ORDER = (
    "the order",
    "the order of the next epoch",
    "the order when the same generator is used again",
    "the order when another generator has the same seed",
    "the order when the seed is another",
    "NumPy's global generator",
)


def n_steps(n_steps: Callable[..., Any], n: int, batch_size: int) -> Any:
    """Count the steps, and look whether the count is a whole number by type, too."""
    steps = n_steps(n, batch_size)
    if not isinstance(steps, int | float | np.generic):
        return steps
    whole = isinstance(steps, int | np.integer) and not isinstance(steps, bool)
    return {"the number of steps": steps, "its type": "int" if whole else "float"}


def batch_indices(make: Callable[..., Any], n: int, batch_size: int, shuffle: bool | None, seed: int | None) -> Any:
    """List the batches of one pass over `n` rows, and say what is true of it and of others like it.

    Parameters
    ----------
    shuffle : bool or None
        None leaves `shuffle` and `rng` to their defaults.
    seed : int or None
        Of the generators passed in; None passes none.

    Returns
    -------
    dict or Any
        Texts. What cannot be walked through is returned as it is.
    """
    most = math.ceil(n / batch_size) + 2
    names = ("each batch", "the lengths of the batches", "what the pass gives", *_ORDER)

    def walked(rng: np.random.Generator | None) -> Any:
        return _walked(make(n, batch_size, *_options(shuffle, rng)), most)

    with _global_generators() as untouched:
        batches = walked(_generator(seed))
        if isinstance(batches, np.ndarray):
            return _named(names, ["one array, and nothing to walk through"])
        if not isinstance(batches, list):
            return batches
        unfit = next((told for told in map(_kind, batches) if told != _kind(np.arange(2))), None)
        if unfit:
            return _named(names, [unfit])
        lengths = [len(batch) for batch in batches]
        told = _orders(lambda rng: [_joined(walked(rng))], n, seed, lengths, shuffle, untouched)
    return _named(names, [_kind(np.arange(2)), _lengths_told(lengths), *told])


def epochs(
    make: Callable[..., Any],
    arrays: Sequence[Any],
    batch_size: int,
    epochs: int,
    shuffle: bool | None,
    seed: int | None,
) -> Any:
    """List what some epochs over arrays yield, and say what is true of it and of others like it.

    The rows of each array have to be distinct, so that they can be told apart in a batch.

    Returns
    -------
    dict or Any
        Texts. What cannot be walked through is returned as it is.
    """
    numbers = [None if array is None else {key: i for i, key in enumerate(_keys(array))} for array in arrays]
    n = max(len(known) for known in numbers if known is not None)
    most = epochs * math.ceil(n / batch_size) + 2
    whole = ("each item", "each batch", "the count of epochs and steps", "the lengths of the batches")
    names = (*whole, "the parts of a batch", "the arrays of the caller", "what an epoch gives", *_ORDER)
    changed = []

    def walked(rng: np.random.Generator | None) -> Any:
        own = type(arrays)(None if array is None else array.copy() for array in arrays)  # type: ignore[call-arg]
        held = list(own)
        made = _walked(make(own, batch_size, epochs, *_options(shuffle, rng)), most)
        same = all(now is was and _equal(was, array) for now, was, array in zip(own, held, arrays, strict=False))
        changed.append(not same or len(own) != len(held))
        return made

    def passes(rng: np.random.Generator | None) -> list[Rows]:
        items = [item for item in walked(rng) if _item(item) == _GOOD_ITEM]
        by_epoch = itertools.groupby(items, key=lambda item: int(item[0]))
        firsts = ([batch[0] for _, _, batch in run] for _, run in by_epoch)
        return [_rows([np.concatenate(parts)], numbers[:1])[0] for parts in firsts]

    with _global_generators() as untouched:
        items = walked(_generator(seed))
        if not isinstance(items, list):
            return items
        unfit = next((told for told in map(_item, items) if told != _GOOD_ITEM), None)
        if unfit:
            return _named(names, [unfit])
        batches = [item[2] for item in items]
        seen = [_parts(batch, arrays) for batch in batches]
        unfit = next((told for told in seen if told != _parts(arrays, arrays)), None)
        if unfit:
            return _named(names, [_GOOD_ITEM, unfit])
        rows = [_rows(batch, numbers) for batch in batches]
        lengths = [len(own[0]) for own in rows]
        per_epoch = math.ceil(n / batch_size)
        together, told = _together(rows), []
        if together != _NOT_ROWS:  # the shorter runs vary something else than the order
            options = {"several": epochs > 1, "thorough": epochs > 2}
            told = _orders(passes, n, seed, lengths[:per_epoch], shuffle, untouched, **options)
    pairs = _pairs_told([(int(item[0]), int(item[1])) for item in items])
    left = "changed" if any(changed) else "left as they are"
    fit = [_GOOD_ITEM, _parts(arrays, arrays)]
    return _named(names, [*fit, pairs, _lengths_told(lengths), together, left, *told])


# --------------------------------------------------------------------------- walking


def _generator(seed: int | None) -> np.random.Generator | None:
    return None if seed is None else np.random.default_rng(seed)


def _options(shuffle: bool | None, rng: np.random.Generator | None) -> list[Any]:
    if shuffle is None:
        return []
    return [shuffle] if rng is None else [shuffle, rng]


def _walked(made: Any, most: int) -> Any:
    """The first things that an iterator yields, as a list; what is no iterator as it is."""
    walkable = hasattr(type(made), "__iter__") and not isinstance(made, str | bytes | dict)
    walkable = walkable and not (isinstance(made, np.ndarray) and made.ndim < 2)
    return list(itertools.islice(made, most)) if walkable else made


def _joined(batches: list[Any]) -> Rows:
    return [int(i) for batch in batches for i in np.ravel(np.asarray(batch))]


def _named(names: Sequence[str], values: Sequence[Any]) -> dict[str, Any]:
    return dict(itertools.zip_longest(names, values, fillvalue=_UNSEEN))


@contextmanager
def _global_generators() -> Iterator[Any]:
    """Give the global generators a state that nobody else does, and in the end their own back."""
    kept, python = np.random.get_state(), random.getstate()  # noqa: NPY002
    try:
        _seed_globals(20_031)
        yield _global_state()
    finally:
        np.random.set_state(kept)  # noqa: NPY002
        random.setstate(python)


def _seed_globals(seed: int) -> None:
    np.random.seed(seed)  # noqa: NPY002
    random.seed(seed)


def _global_state() -> tuple[Any, Any]:
    _, words, *rest = np.random.get_state()  # noqa: NPY002
    return (np.asarray(words).tobytes(), rest), random.getstate()


# --------------------------------------------------------------------------- what came, in words


def _kind(batch: Any) -> str:
    """What one batch of indices is."""
    if isinstance(batch, slice) or batch is None:
        return "a slice" if isinstance(batch, slice) else "None"
    try:
        array = np.asarray(batch)
    except ValueError:
        return "rows of different lengths"
    if array.ndim == 0:
        return "one number"
    kinds = {"i": "integers", "u": "integers", "f": "floats", "b": "True and False"}
    shape = "(B,)" if array.ndim == 1 else str(array.shape)
    # An empty list has no type of its own.
    return f"{kinds.get(array.dtype.kind, 'objects') if array.size else 'integers'} of shape {shape}"


def _lengths_told(lengths: list[int]) -> str:
    """The lengths of batches in turn: "6 of 16 rows, 1 of 7"."""
    runs = [(len(list(run)), length) for length, run in itertools.groupby(lengths)]
    told = [f"{count} of {length}" for count, length in runs]
    return f"{told[0]} rows" + "".join(f", {text}" for text in told[1:]) if told else "no batches"


def _pairs_told(pairs: list[tuple[int, int]]) -> str:
    """How they count: "steps 0 to 6 in epochs 0 to 2"."""
    by_epoch = [(epoch, [step for _, step in run]) for epoch, run in itertools.groupby(pairs, key=lambda pair: pair[0])]
    told = []
    for steps, run in itertools.groupby(by_epoch, key=lambda group: group[1]):
        told.append(f"{_numbers_told('step', steps)} in {_numbers_told('epoch', [epoch for epoch, _ in run])}")
    return ", then ".join(told) or "none"


def _numbers_told(noun: str, numbers: list[int]) -> str:
    if len(numbers) == 1:
        return f"{noun} {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[-1] + 1)):
        return f"{noun}s {numbers[0]} to {numbers[-1]}"
    return f"{noun}s {', '.join(map(str, numbers))}"


def _item(item: Any) -> str:
    if not isinstance(item, list | tuple):
        return "one thing"
    if len(item) != 3:
        return f"{len(item)} things"
    whole = [isinstance(number, int | np.integer) for number in item[:2]]
    return "(epoch, step, batch)" if all(whole) else "three things that do not begin with two whole numbers"


_GOOD_ITEM = _item((0, 0, ()))


def _parts(batch: Any, arrays: Sequence[Any]) -> str:
    if not isinstance(batch, list | tuple):
        return "an array" if isinstance(batch, np.ndarray) else f"of type {type(batch).__name__}"
    if batch and all(isinstance(part, int | np.integer) for part in batch):
        return "an array"  # of indices, or a list of them
    if len(batch) != len(arrays):
        return f"{len(batch)} parts of {len(arrays)} arrays"
    if any(a is None and part is not None for part, a in zip(batch, arrays, strict=True)):
        return "something where an array is None"
    if any(a is not None and part is None for part, a in zip(batch, arrays, strict=True)):
        return "None where there is an array"
    return "one part for each array, None for None"


def _equal(a: Any, b: Any) -> bool:
    return a is b if a is None or b is None else np.array_equal(a, b)


def _keys(array: Any) -> list[Any]:
    """Something to look each row up by."""
    try:
        table = np.asarray(array)
    except ValueError:  # rows of different lengths
        return [None]
    if table.ndim < 2 or not table.size:
        return table.tolist() if table.ndim == 1 else [None] * len(np.atleast_1d(table))
    return list(map(tuple, table.reshape(len(table), -1).tolist()))


def _rows(batch: Sequence[Any], numbers: Sequence[dict[Any, int] | None]) -> list[Rows]:
    """Which rows of each array a batch holds; -1 for what is none."""
    return [
        [known.get(key, -1) for key in _keys(part)]
        for part, known in zip(batch, numbers, strict=True)
        if known is not None
    ]


_NOT_ROWS = "not rows of the arrays"


def _together(rows: list[list[Rows]]) -> str:
    if any(-1 in own for parts in rows for own in parts):
        return _NOT_ROWS
    same = all(own == parts[0] for parts in rows for own in parts)
    return "the same rows of each array" if same else "different rows of different arrays"


# --------------------------------------------------------------------------- orders


def _orders(
    run: Run,
    n: int,
    seed: int | None,
    lengths: list[int],
    shuffle: bool | None,
    untouched: Any,
    several: bool = False,
    thorough: bool = True,
) -> list[str]:
    """Describe the orders of the epochs of some runs: what an epoch gives, then a text for each of `_ORDER`.

    Parameters
    ----------
    run : callable
        From a generator to the rows of each epoch.
    lengths : list of int
        Of the batches of one epoch.
    untouched : Any
        The state of the global generators before anything was run.
    several : bool
        Whether a run has more than one epoch.
    thorough : bool
        Whether to look at many epochs, and at generators with the same seed and with another.
    """
    rng = _generator(seed)
    first = run(rng)
    second = run(rng)
    passes = first + second
    for _ in range(_PASSES if thorough else 0):
        if first and len(passes) < _PASSES and n >= _ENOUGH and shuffle is not False:
            passes += run(rng)
    used = _global_state() != untouched
    contents = next((told for told in (_once(rows, n) for rows in passes) if told != _ALL), _ALL)
    if contents == _NO_ROWS:
        return [contents]
    told = [_UNSEEN] * 4
    order = _UNSEEN
    if shuffle is False or n >= _ENOUGH:
        order = _order(passes, lengths) if passes else _UNSEEN
        told[0] = _alike(first[:-1], first[1:], lengths) if several else _UNSEEN
        told[1] = _alike(first, second, lengths)
        if thorough and seed is not None:
            # Whoever draws from the global generators gives themselves away: these are in another state now.
            _seed_globals(20_032)
            told[2] = _alike(first, run(_generator(seed)), lengths)
            told[3] = _alike(first, run(_generator(seed + 1)), lengths)
    return [contents, order, *told, "used" if used else "left alone"]


_ALL = "each row once"
_NO_ROWS = "numbers that are no rows"


def _once(rows: Rows, n: int) -> str:
    if any(not 0 <= row < n for row in rows):
        return _NO_ROWS
    counts = np.bincount(rows, minlength=n) if rows else np.zeros(n)
    words = {
        (False, False): _ALL,
        (True, False): "some rows never",
        (False, True): "some rows more than once",
        (True, True): "some rows never, others more than once",
    }
    return words[bool((counts == 0).any()), bool((counts > 1).any())]


def _alike(some: list[Rows], others: list[Rows], lengths: list[int]) -> str:
    if len(some) != len(others) or not some:
        return _UNSEEN
    pairs = list(zip(some, others, strict=True))
    same = [a == b for a, b in pairs]
    if any(same):
        return "the same" if all(same) else "the same at times"
    enough = min(map(len, (*some, *others))) >= _ENOUGH
    met = enough and any(_share_that_met(a, b, lengths) > 0.6 for a, b in pairs)
    return "another, but in which the same rows meet" if met else "another"


def _share_that_met(a: Rows, b: Rows, lengths: list[int]) -> float:
    """The share of the rows side by side in `b` that are so in `a`, too, or in one batch of it if there are many."""
    place = np.full(max(*a, *b) + 1, -1)
    place[a] = np.arange(len(a))
    there = place[b]
    beside = np.abs(np.diff(there)) == 1
    if len(lengths) >= 4 and sum(lengths) == len(a):
        batch = np.repeat(np.arange(len(lengths)), lengths)[there]
        inside = np.diff(np.repeat(np.arange(len(lengths)), lengths)) == 0 if len(a) == len(b) else beside
        return max(float(np.mean(beside)), float(np.mean((np.diff(batch) == 0)[inside])))
    return float(np.mean(beside))


def _order(passes: list[Rows], lengths: list[int]) -> str:
    """What the orders of some epochs have in common. Random ones are taken for something else once in a million."""
    if all(rows == sorted(rows) for rows in passes):
        return "as the rows are"
    distinct = [list(rows) for rows in dict.fromkeys(map(tuple, passes))]
    if any(len(rows) < _ENOUGH or len(rows) != sum(lengths) for rows in distinct):
        return "another than that of the rows"
    if np.mean([_share_of_neighbours(rows, lengths) for rows in distinct]) > 0.6:
        return "one in which neighbours stay together"
    if all(batch == sorted(batch) for rows in distinct for batch in _cut(rows, lengths)) and max(lengths) > 1:
        return "one in which the rows of a batch are sorted"
    if len(distinct) >= _PASSES - 2 and _some_stay(distinct, lengths):
        return "one in which some rows never leave their batch"
    if np.mean([abs(_correlation(rows)) for rows in distinct]) > 0.5:
        return "one in which rows stay near their place"
    return "shuffled"


def _correlation(rows: Rows) -> float:
    """Of the rows with their places: 1 for the order of the rows themselves."""
    apart, places = np.array(rows) - np.mean(rows), np.arange(len(rows)) - (len(rows) - 1) / 2
    return float(apart @ places / math.sqrt((apart @ apart) * (places @ places) or 1))


def _cut(rows: Rows, lengths: list[int]) -> Iterator[Rows]:
    rest = iter(rows)
    return (list(itertools.islice(rest, length)) for length in lengths)


def _share_of_neighbours(rows: Rows, lengths: list[int]) -> float:
    """The share of the rows that come right before or after the next one, or in its batch if there are many batches."""
    side_by_side = float(np.mean(np.abs(np.diff(rows)) == 1))
    if len(lengths) < 4:
        return side_by_side
    batch = -1 - np.arange(max(rows) + 1)  # no row that is missing is in a batch with another
    batch[rows] = np.repeat(np.arange(len(lengths)), lengths)
    return max(side_by_side, float(np.mean(batch[:-1] == batch[1:])))


def _some_stay(passes: list[Rows], lengths: list[int]) -> bool:
    table = np.array(passes)
    if (table == table[0]).all(axis=0).any():
        return True
    batches = np.split(table, np.cumsum(lengths)[:-1], axis=1)
    return len(lengths) >= 4 and any(len(np.unique(batch)) < 2 * batch.shape[1] for batch in batches)
