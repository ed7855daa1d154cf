"""From what the user passed to batches: arrays, generators, data sets and loaders; slices, order, weights.

A `Source` gives the batches of one pass over the data. An `EpochIterator` cuts passes into epochs. The loop in
``trainer.py`` sees nothing else of the data.
"""

from __future__ import annotations

import itertools
import math
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from . import backend, config, inputs, random, tree
from .backend import Array
from .inputs import Batch, OnDisk
from .transfer import Feed

NAMES = ("x", "y", "sample_weight")


class Source:
    """Where batches ``(x, y, sample_weight)`` come from."""

    num_batches: int | None = None  #: of one pass, if that is known
    batch_size: int | None = None  #: of all batches but the last, if that is known
    judge: Callable[[Any], None] | None = None  #: sees the labels of batches that somebody else makes, on the host

    def batches(self) -> Iterator[Batch]:
        """Yield the batches of one pass."""
        raise NotImplementedError

    def first(self) -> Batch:
        """Return a batch to build a model from; no pass is the shorter for it."""
        return next(self.batches())

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last one, and once before training."""


# --------------------------------------------------------------------------- arrays


class ArrayData(Source):
    """Batches from arrays, in memory or on disk, or from dicts, lists and tuples of them.

    Parameters
    ----------
    x : (N, ...), or nested
    y : (N, ...) or nested, optional
    sample_weight : (N,), optional
        Or one an output, nested as `y`.
    batch_size : int, optional
        B; the last batch holds what is left. By default 32, or N / `steps` rounded up.
    steps : int, optional
        How many batches are wanted of a pass.
    shuffle : bool or "batch"
        True draws a new order of all samples every pass; "batch" only inside each batch.
    class_weight : dict of int to float, optional
    names : tuple of str
        What the caller calls the first three, for errors.
    judged : bool
        Whether y may hold NaN and infinity, for `TerminateOnNaN` judges the loss.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps: int | None = None,
        shuffle: bool | str = False,
        class_weight: Any = None,
        names: tuple[str, str, str] = NAMES,
        judged: bool = False,
    ) -> None:
        if x is None:
            raise ValueError(f"{names[0]} expects an array of samples, shape (N, ...); got None.")
        x, y = inputs.as_arrays(names[0], x), inputs.as_arrays(names[1], y)
        sample_weight = _weights(names[2], sample_weight, y, class_weight)
        leaves = {
            inputs.named(name, path): array
            for name, part in zip(names, (x, y, sample_weight), strict=True)
            for path, array in tree.flatten_with_path(part)
        }
        self.n_samples = inputs.same_length(leaves)
        for name, array in leaves.items():
            if array is not None and not (judged and name.startswith(names[1])):
                inputs.all_finite(name, array)
        if class_weight is not None:
            sample_weight = inputs.class_weight_to_sample_weights(_read(y), class_weight)
        if shuffle not in (True, False, "batch"):
            raise ValueError(f'shuffle expects True, False or "batch"; got {shuffle!r}.')
        self.x, self.y, self.sample_weight = x, y, sample_weight
        self._feed = Feed((x, y, sample_weight), self.n_samples)
        self.shuffle, self.names = shuffle, names
        wanted = math.ceil(self.n_samples / steps) if steps else 32
        self.batch_size: int = wanted if batch_size is None else inputs.positive_integer("batch_size", batch_size)
        self.num_batches: int = math.ceil(self.n_samples / self.batch_size)

    def first(self) -> Batch:
        return self._feed.first()

    def batches(self) -> Iterator[Batch]:
        return self._feed.batches(self.batch_size, self._order())

    def _order(self) -> np.ndarray | None:
        if not self.shuffle:
            return None
        generator = random.stream("shuffle")
        if self.shuffle == "batch":
            starts = range(0, self.n_samples, self.batch_size)
            parts = [np.arange(i, min(i + self.batch_size, self.n_samples)) for i in starts]
            return np.concatenate([generator.permutation(part) for part in parts])
        return generator.permutation(self.n_samples)


def _weights(name: str, weights: Any, y: Any, class_weight: Any) -> Any:
    """Return weights of samples as arrays, nested as `y` is."""
    if class_weight is not None:
        if weights is not None:
            raise ValueError(
                "You cannot `class_weight` and `sample_weight` at the same time: multiply them yourself and pass "
                "sample_weight."
            )
        if y is None:
            raise ValueError("class_weight needs y, whose classes it weighs; got y=None.")
        if tree.is_nested(y):
            raise ValueError("`class_weight` is only supported for Models with a single output. Pass sample_weight.")
    weights = inputs.as_arrays(name, weights, "one weight a sample, shape (N,)")
    if weights is None or not tree.is_nested(y):
        return weights
    if tree.is_nested(weights):
        if not tree.same_structure(y, weights):
            raise ValueError(
                "You should provide one `sample_weight` array per output in `y`, nested as it is: "
                f"{tree.shape_of(y)}; got {tree.shape_of(weights)}."
            )
        return weights
    if weights.ndim > 1 and weights.shape[1:] != (1,):
        raise ValueError(
            "For a model with multiple outputs, when providing one sample_weight for all of them it must have the "
            f"shape (N,); got {weights.shape}. Pass one array an output."
        )
    return tree.map_structure(lambda _: weights, y)


def _read(array: Any) -> Any:
    return array.read() if isinstance(array, OnDisk) else array


def _in_use(array: Any) -> Array:
    return backend.asarray(array.astype(backend.floatx(), copy=False) if backend.is_float(array) else array)


# --------------------------------------------------------------------------- batches that somebody else makes


def as_batch(data: Any, judge: Callable[[Any], None] | None = None) -> Batch:
    """Return what a generator or a loader gave as arrays ``(x, y, sample_weight)``."""
    parts = [inputs.as_arrays(*pair) for pair in zip(NAMES, inputs.unpack_x_y_sample_weight(data), strict=True)]
    leaves = {
        inputs.named(n, p): a for n, part in zip(NAMES, parts, strict=True) for p, a in tree.flatten_with_path(part)
    }
    inputs.same_length(leaves)
    for name, array in leaves.items():
        if array is not None:
            inputs.all_finite(f"{name} of a batch", _read(array))
    if judge is not None:
        judge(parts[1])
    x, y, weights = (tree.map_structure(lambda a: None if a is None else _in_use(_read(a)), part) for part in parts)
    return x, y, weights


class IterableData(Source):
    """Batches from what can be walked through again and again, such as a torch DataLoader or a tf.data.Dataset."""

    def __init__(self, iterable: Iterable[Any]) -> None:
        self._iterable = iterable
        try:
            self.num_batches = len(iterable)  # type: ignore[arg-type]
        except TypeError:  # there is no length, or nobody knows it
            self.num_batches = None
        self.batch_size = getattr(iterable, "batch_size", None)

    def batches(self) -> Iterator[Batch]:
        return (as_batch(data, self.judge) for data in self._iterable)


class GeneratorData(Source):
    """Batches from a generator, which is walked through once.

    The first two are looked at before training and then given back, at the beginning of every pass, as in Keras.
    """

    def __init__(self, generator: Iterator[Any]) -> None:
        self._generator = generator
        self._first = list(itertools.islice(generator, 2))
        if not self._first:
            raise ValueError("When x is a generator, the generator must yield at least one batch; it is empty.")
        if isinstance(generator, _GENERATOR) and not isinstance(self._first[0], tuple):
            raise ValueError(
                "The generator must return a tuple, (x,) or (x, y) or (x, y, sample_weight); it yielded "
                f"{type(self._first[0]).__name__}."
            )

    def batches(self) -> Iterator[Batch]:
        return (as_batch(data, self.judge) for data in itertools.chain(self._first, self._generator))


_GENERATOR = type(_ for _ in ())


class PyDataset:
    """Base of data sets that make their batches by number: write `__getitem__`, and `__len__` or `num_batches`.

    Parameters
    ----------
    workers : int
        How many batches are made at once, in threads or processes.
    use_multiprocessing : bool
        Processes rather than threads: worth it where Python itself is the slow part.
    max_queue_size : int
        How many batches may be ready and waiting.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Squares(keras.utils.PyDataset):
    ...     def __len__(self):
    ...         return 3
    ...     def __getitem__(self, index):
    ...         x = np.full((2, 1), float(index))
    ...         return x, x**2
    >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    >>> model.predict(Squares(), verbose=0).shape
    (6, 1)
    """

    def __init__(self, workers: int = 1, use_multiprocessing: bool = False, max_queue_size: int = 10) -> None:
        self.workers, self.use_multiprocessing, self.max_queue_size = workers, use_multiprocessing, max_queue_size

    def __getitem__(self, index: int) -> Any:
        """Return the batch of this number, ``(x,)``, ``(x, y)`` or ``(x, y, sample_weight)``."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[Any]:
        try:
            count = self.num_batches
        except NotImplementedError:  # nobody said, so there is no end
            count = None
        return (self[number] for number in (itertools.count() if count is None else range(count)))

    @property
    def num_batches(self) -> int | None:
        """How many batches there are; None if there is no end of them."""
        if hasattr(self, "__len__"):
            return len(self)
        raise NotImplementedError(f"{type(self).__name__} must define num_batches, a property, or __len__.")

    def on_epoch_begin(self) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self) -> None:
        """Called after the last batch of an epoch."""


class PyDatasetData(Source):
    """Batches from a `PyDataset`, or from anything that has `__getitem__` and `__len__`; shuffled by whole batches."""

    def __init__(self, dataset: Any, class_weight: Any = None, shuffle: bool | str = False) -> None:
        self._dataset, self._class_weight, self._shuffle = dataset, class_weight, shuffle
        self.num_batches = dataset.num_batches if hasattr(dataset, "num_batches") else len(dataset)
        if self.num_batches == 0:
            raise ValueError(f"The {type(dataset).__name__} has length 0: there is no batch to take.")
        self._workers = getattr(dataset, "workers", 1)
        self._processes = getattr(dataset, "use_multiprocessing", False)

    def first(self) -> Batch:
        return self._weighed(self._dataset[0])

    def batches(self) -> Iterator[Batch]:
        numbers: Iterable[int] = itertools.count() if self.num_batches is None else range(self.num_batches)
        if self._shuffle and self.num_batches is not None:
            numbers = random.stream("shuffle").permutation(self.num_batches).tolist()
        if self._workers > 1 or (self._workers > 0 and self._processes):
            return map(self._weighed, self._made_ahead(numbers))
        return (self._weighed(self._dataset[number]) for number in numbers)

    def _made_ahead(self, numbers: Iterable[int]) -> Iterator[Any]:
        from concurrent import futures  # costs time at import, and few need it

        pool: futures.Executor
        if self._processes:
            pool, make = futures.ProcessPoolExecutor(self._workers, None, _serve, (self._dataset,)), _served
        else:
            pool, make = futures.ThreadPoolExecutor(self._workers), self._dataset.__getitem__
        waiting: deque[futures.Future[Any]] = deque()
        try:
            for number in numbers:
                waiting.append(pool.submit(make, number))
                if len(waiting) > getattr(self._dataset, "max_queue_size", 10):
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)

    def _weighed(self, data: Any) -> Batch:
        if isinstance(data, list):
            data = tuple(data)
        fits = 0 < len(data) < 4 if isinstance(data, tuple) else isinstance(data, dict) or hasattr(data, "shape")
        if not fits:
            raise ValueError(
                f"{type(self._dataset).__name__}.__getitem__() must return a tuple, (x,) or (x, y) or (x, y, "
                f"sample_weight), or a dict; it returned {type(data).__name__}."
            )
        x, y, weights = as_batch(data, self.judge)
        if self._class_weight is not None:
            if weights is not None:
                raise ValueError("You cannot specify `class_weight` and `sample_weight` at the same time.")
            weights = None if y is None else inputs.class_weight_to_sample_weights(y, self._class_weight)
        return x, y, weights

    def on_epoch_begin(self) -> None:
        getattr(self._dataset, "on_epoch_begin", lambda: None)()

    def on_epoch_end(self) -> None:
        getattr(self._dataset, "on_epoch_end", lambda: None)()


_dataset_here: Any = None  # in a process that makes batches: the data set it makes them of


def _serve(dataset: Any) -> None:
    global _dataset_here
    _dataset_here = dataset


def _served(number: int) -> Any:
    return _dataset_here[number]


def source_of(
    x: Any,
    y: Any = None,
    sample_weight: Any = None,
    batch_size: int | None = None,
    steps: int | None = None,
    shuffle: bool | str = False,
    class_weight: Any = None,
    names: tuple[str, str, str] = NAMES,
    judged: bool = False,
) -> Source:
    """Return a source of batches for whatever the user passed as x."""
    if isinstance(x, Source):
        return x
    numbered = hasattr(x, "__getitem__") and (hasattr(x, "__len__") or hasattr(x, "num_batches"))
    if inputs.is_array(x) or not (numbered or hasattr(x, "__iter__")):
        return ArrayData(x, y, sample_weight, batch_size, steps, shuffle, class_weight, names, judged)
    kind = "PyDataset" if numbered else "generator"
    if not isinstance(x, (PyDataset, _GENERATOR)):
        kind = f"{type(x).__module__.partition('.')[0]} {type(x).__name__}"
    for argument, given in (("y", y), ("sample_weights", sample_weight)):
        if given is not None:
            raise ValueError(
                f"When providing `x` as a {kind}, `{argument}` should not be passed: let every batch hold it."
            )
    if numbered:
        return PyDatasetData(x, class_weight, shuffle)
    if class_weight is not None:
        raise ValueError(
            f"Argument `class_weight` is not supported for a {kind}: let every batch hold the weights of its samples."
        )
    return GeneratorData(x) if hasattr(x, "__next__") else IterableData(x)


# --------------------------------------------------------------------------- epochs


class EpochIterator:
    """The data cut into epochs: each time it is walked through it gives the batches of one.

    Parameters
    ----------
    x, y, sample_weight, batch_size, shuffle, class_weight, names, judged
        See `ArrayData`; or `x` is a source of batches.
    steps_per_epoch : int, optional
        Batches an epoch; by default one pass over the data. An epoch of fewer leaves the rest to the next one; data
        that run dry end the epoch, with a warning, and the next one begins with a fresh pass.
    steps_per_execution : int
        How many batches are given at once.

    Yields
    ------
    (first, last, batches)
        The numbers of the first and last step, and the list of batches for them.
    """

    def __init__(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        batch_size: int | None = None,
        steps_per_epoch: int | None = None,
        shuffle: bool | str = False,
        class_weight: Any = None,
        steps_per_execution: int = 1,
        names: tuple[str, str, str] = NAMES,
        judged: bool = False,
    ) -> None:
        if steps_per_epoch is not None:
            inputs.positive_integer("steps_per_epoch", steps_per_epoch)
        limit = config.max_steps_per_epoch()
        if limit:
            steps_per_epoch = min(steps_per_epoch or limit, limit)
        self.steps_per_epoch, self.steps_per_execution = steps_per_epoch, steps_per_execution
        options = (batch_size, steps_per_epoch, shuffle, class_weight, names, judged)
        self.data_adapter = source_of(x, y, sample_weight, *options)
        self._joined, self._steps = 1, 0
        self._forget()

    @property
    def num_batches(self) -> int | None:
        """The steps of an epoch, if that is known."""
        return self.steps_per_epoch or self._length

    def join(self, n: int) -> None:
        """Give `n` batches of an `ArrayData` as one, at the first of their steps; the other steps have none."""
        source: Any = self.data_adapter
        self._joined, self._steps = n, source.num_batches
        source.batch_size *= n
        source.num_batches = math.ceil(source.n_samples / source.batch_size)
        self._forget()

    def reset(self) -> None:
        """Begin anew: the next epoch begins with a fresh pass."""
        self._forget()
        self.data_adapter.on_epoch_end()

    def _forget(self) -> None:
        self._length = self.data_adapter.num_batches  # of a pass
        self._pass: Iterator[Batch] | None = None
        self._seen = 0  # batches of the pass
        self._step = 0  # steps of the epoch
        self._order_began: Any = None

    def _begin_pass(self) -> Iterator[Batch]:
        self._order_began = random.stream("shuffle").bit_generator.state
        self._pass, self._seen = self.data_adapter.batches(), 0
        return self._pass

    def __iter__(self) -> Iterator[tuple[int, int, list[Batch]]]:
        at_once = self.steps_per_execution
        self.data_adapter.on_epoch_begin()
        under_way = self._pass
        if under_way is None or (self.steps_per_epoch is None and not self._step):
            under_way = self._begin_pass()
        begin, self._step = self._step, 0
        end = self.num_batches
        for first in range(begin, end, at_once) if end else itertools.count(begin, at_once):
            if self._length is not None and self._seen >= self._length:
                if self.steps_per_epoch:
                    _warn_of_dry_data()
                break
            batches = list(itertools.islice(under_way, at_once))
            self._seen += len(batches)
            if len(batches) < at_once and self._seen != self._length:
                if self._length is None:
                    self._length = self._seen
                _warn_of_dry_data()
                self._seen = self._length  # so that a fresh pass comes next
            if not batches:
                break
            self._step = first + len(batches)
            if self._joined == 1:
                yield first, first + at_once - 1, batches
            else:
                for step in range(first * self._joined, min((first + 1) * self._joined, self._steps)):
                    yield step, step, batches
                    batches = []
        self._step = 0
        if self._length is not None and self._seen >= self._length:
            self._pass = None
        self.data_adapter.on_epoch_end()

    def enumerate_epoch(self) -> Iterator[tuple[int, int, list[Batch]]]:
        """Walk through an epoch: the same as iterating."""
        return iter(self)

    # -- to be resumed ----------------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Return where the data stand: the state of the random order's stream, steps of the pass and of the epoch."""
        return {"order": self._order_began, "seen": self._seen if self._pass else 0, "step": self._step}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go to where the data stood: the next epoch to be walked through begins at that step."""
        self._forget()
        self._step = state["step"]
        if state["seen"]:
            random.stream("shuffle").bit_generator.state = state["order"]
            under_way = self._begin_pass()
            self._seen = sum(1 for _ in itertools.islice(under_way, state["seen"]))


def _warn_of_dry_data() -> None:
    warnings.warn(
        "Your input ran out of data; the epoch ends here. Let the generator give steps_per_epoch * epochs batches, or "
        "ask for fewer steps.",
        stacklevel=4,
    )
