"""Data of every kind: nested arrays, generators, data sets, loaders, files; and where a pass can be taken up again."""

import random as python_random
import subprocess
import sys
import textwrap
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import random, tree
from minifit.data import ArrayData, EpochIterator, GeneratorData, IterableData, PyDataset, PyDatasetData

N = 23
X = np.arange(float(N))[:, None]


def line(features: int = 1) -> Any:
    """A small linear model, compiled."""
    model = keras.Sequential([keras.Input((features,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.001), "mse", metrics=["mae"])
    return model


def rows(data: EpochIterator) -> list[float]:
    """The first column of an epoch, row by row."""
    return [float(row[0]) for _, _, batches in data for x, _, _ in batches for row in x]


# --- nested data -----------------------------------------------------------------------------------------------------

Point = namedtuple("Point", ["east", "north"])


@pytest.mark.parametrize(
    "structure",
    [1, [1, 2], (1, [2, {"a": 3}]), {"b": 1, "a": (2, 3)}, Point(1, [2]), {"z": None, "y": [None, 1]}],
    ids=str,
)
def test_flatten_and_pack_are_each_others_reverse(structure: Any) -> None:
    flat = tree.flatten(structure)
    assert tree.pack_sequence_as(structure, flat) == structure
    assert type(tree.pack_sequence_as(structure, flat)) is type(structure)
    assert [leaf for _, leaf in tree.flatten_with_path(structure)] == flat
    assert all(tree.at(structure, path) == leaf for path, leaf in tree.flatten_with_path(structure))
    assert tree.map_structure(lambda leaf: leaf, structure) == structure


def test_structures_that_differ_are_told_apart() -> None:
    for one, other in [([1], (1,)), ({"a": 1}, {"b": 1}), ([1, 2], [1]), (1, [1]), (Point(1, 2), (1, 2))]:
        assert not tree.same_structure(one, other)
        with pytest.raises(ValueError, match="same nested structure"):
            tree.map_structure(lambda a, b: a, one, other)
    with pytest.raises(ValueError, match="2 leaves"):
        tree.pack_sequence_as([0, 0], [1])


@pytest.mark.parametrize("make", [lambda a: [a, 2 * a], lambda a: (a, 2 * a), lambda a: {"a": a, "b": 2 * a}])
@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_nested_arrays_stay_together_row_by_row(make: Any, shuffle: Any) -> None:
    data = EpochIterator(make(X), {"y": 3 * X}, X[:, 0], batch_size=4, shuffle=shuffle)
    seen = []
    for _, _, [(x, y, weights)] in data:
        first, second = tree.flatten(x)
        np.testing.assert_array_equal(second, 2 * first)
        np.testing.assert_array_equal(y["y"], 3 * first)
        np.testing.assert_array_equal(weights["y"], first[:, 0])
        assert type(x) is type(make(X))
        assert first.dtype == np.float32
        seen += first[:, 0].tolist()
    assert sorted(seen) == X[:, 0].tolist()


def test_a_list_of_numbers_is_an_array_and_a_list_of_arrays_is_several() -> None:
    assert next(ArrayData([[1.0, 2.0], [3.0, 4.0]]).batches())[0].shape == (2, 2)
    assert [part.shape for part in next(ArrayData([np.ones((2, 1)), [[1], [2]]]).batches())[0]] == [(2, 1), (2, 1)]


def test_what_does_not_fit_in_nested_data_is_named_by_its_place() -> None:
    for x, words in [
        ({"a": X, "b": X[:5]}, r"x\['a'\] has 23, x\['b'\] has 5"),
        ([X, np.full((N, 1), np.nan)], r"x\[1\] holds 23 NaN"),
        ({"a": {"b": ["one"] * N}}, r"x\['a'\]\['b'\] expects an array of numbers"),
    ]:
        with pytest.raises(ValueError, match=words):
            ArrayData(x)
    with pytest.raises(ValueError, match="one `sample_weight` array per output"):
        ArrayData(X, [X, X], [X[:, 0]])
    with pytest.raises(ValueError, match="only supported for Models with a single output"):
        ArrayData(X, [X, X], class_weight={0: 1.0})


# --- batches that somebody else makes --------------------------------------------------------------------------------


class Loader:
    """Like a torch DataLoader: can be walked through again and again, and may know its length."""

    def __init__(self, sized: bool) -> None:
        self.walks = 0
        if sized:
            Loader.__len__ = lambda self: 6  # type: ignore[attr-defined]
        elif hasattr(Loader, "__len__"):
            del Loader.__len__

    def __iter__(self) -> Iterator[Any]:
        self.walks += 1
        return ([X[i : i + 4], X[i : i + 4]] for i in range(0, N, 4))


@pytest.mark.parametrize("sized", [True, False])
@pytest.mark.filterwarnings("ignore:Your input ran out of data")
def test_a_loader_is_walked_through_once_an_epoch(sized: bool) -> None:
    loader = Loader(sized)
    history = line().fit(loader, epochs=3, verbose=0).history
    assert loader.walks == 4  # one to see what a batch looks like
    assert len(history["loss"]) == 3
    assert line().predict(loader, verbose=0).shape == (N, 1)


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize("kind", ["generator", "loader", "data set"])
def test_every_source_trains_as_the_arrays_do(kind: str) -> None:
    parts = [(X[i : i + 4], 2 * X[i : i + 4]) for i in range(0, N, 4)]

    class Set(PyDataset):
        num_batches = len(parts)  # type: ignore[assignment]

        def __getitem__(self, index: int) -> Any:
            return parts[index]

    source = {"generator": iter(parts), "loader": (parts.__iter__), "data set": Set()}[kind]
    if kind == "loader":
        source = type("Parts", (), {"__iter__": lambda self: iter(parts), "__len__": lambda self: len(parts)})()
    model, other = line(), line()
    other.set_weights(model.get_weights())
    model.fit(source, epochs=1, shuffle=False, verbose=0)
    other.fit(X, 2 * X, batch_size=4, shuffle=False, verbose=0)
    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(one, two)


def test_each_kind_of_data_is_recognised() -> None:
    numbered = type("Numbered", (), {"__getitem__": lambda self, i: (X, X), "__len__": lambda self: 2})()
    for x, kind in [
        (X, ArrayData),
        ([X, X], ArrayData),
        (iter([(X, X)]), GeneratorData),
        (((X, X) for _ in range(2)), GeneratorData),
        (Loader(True), IterableData),
        (numbered, PyDatasetData),
    ]:
        assert type(EpochIterator(x).data_adapter) is kind
    for x in ("file.csv", None, 3):
        with pytest.raises(ValueError, match="x expects an array"):
            EpochIterator(x)


def test_torch_tensors_need_no_torch_here() -> None:
    class Foreign:
        """What of a torch tensor is used."""

        def __init__(self, array: np.ndarray) -> None:
            self.array = array
            self.shape = array.shape

        def detach(self) -> Any:
            return self

        def cpu(self) -> Any:
            return self

        def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
            return np.asarray(self.array, dtype=dtype)

    (x, y, _) = next(GeneratorData(iter([(Foreign(X), Foreign(X))])).batches())
    assert type(x) is type(y) is np.ndarray
    assert x.dtype == np.float32
    assert "torch" not in sys.modules


def test_batches_are_checked_as_they_come() -> None:
    for bad, words in [
        ((np.full((2, 1), np.nan), X[:2]), "x of a batch holds 2 NaN"),
        ((X[:2], X[:3]), "x has 2, y has 3"),
        ((X[:2], X[:2], X[:2], X[:2]), "4 items"),
    ]:
        with pytest.raises(ValueError, match=words):
            line().fit(iter([(X, X), bad]), verbose=0)


# --- data sets of numbered batches -----------------------------------------------------------------------------------


class Numbered(PyDataset):
    """Six batches that hold their numbers, and take their time."""

    def __len__(self) -> int:
        return 6

    def __getitem__(self, index: int) -> Any:
        if index == 7:
            raise RuntimeError("there is no seventh")
        threading.Event().wait(0.002 * (index % 2))
        return np.full((2, 1), float(index)), np.zeros((2, 1))


@pytest.mark.parametrize("options", [{}, {"workers": 3}, {"workers": 3, "max_queue_size": 1}], ids=str)
def test_workers_keep_the_order(options: dict[str, Any]) -> None:
    data = EpochIterator(Numbered(**options))
    for _ in range(2):
        assert rows(data)[::2] == [0, 1, 2, 3, 4, 5]


def test_processes_keep_the_order(tmp_path: Path) -> None:
    script = textwrap.dedent("""
        import numpy as np, os
        from minifit.data import EpochIterator, PyDataset

        class Numbered(PyDataset):
            def __len__(self):
                return 6
            def __getitem__(self, index):
                return np.full((1, 2), [index, os.getpid()], float), np.zeros((1, 1))

        if __name__ == "__main__":
            data = EpochIterator(Numbered(workers=2, use_multiprocessing=True))
            found = [x[0].tolist() for _, _, [(x, _, _)] in data]
            assert [number for number, _ in found] == [0, 1, 2, 3, 4, 5], found
            assert all(process != os.getpid() for _, process in found)
    """)
    (tmp_path / "script.py").write_text(script)
    subprocess.run([sys.executable, tmp_path / "script.py"], check=True, timeout=60)


def test_batches_are_shuffled_as_wholes_by_our_own_stream() -> None:
    keras.set_random_seed(3)
    data = EpochIterator(Numbered(), shuffle=True)
    epochs = [rows(data) for _ in range(3)]
    assert all(sorted(order[::2]) == [0, 1, 2, 3, 4, 5] and order[::2] == order[1::2] for order in epochs)
    assert len({tuple(order) for order in epochs}) > 1
    keras.set_random_seed(3)
    python_random.random()
    assert rows(EpochIterator(Numbered(), shuffle=True)) == epochs[0]


def test_an_endless_data_set_goes_on_where_it_stopped() -> None:
    class Endless(Numbered):
        num_batches = None  # type: ignore[assignment]

        def __getitem__(self, index: int) -> Any:
            return super().__getitem__(index) if index < 7 else (np.full((2, 1), float(index)), np.zeros((2, 1)))

    for options in ({}, {"workers": 2}):
        data = EpochIterator(Endless(**options), steps_per_epoch=2)
        assert [rows(data)[::2] for _ in range(3)] == [[0, 1], [2, 3], [4, 5]]


def test_an_error_in_a_worker_comes_out() -> None:
    class Broken(Numbered):
        def __len__(self) -> int:
            return 9

    with pytest.raises(RuntimeError, match="no seventh"):
        rows(EpochIterator(Broken(workers=3)))


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_memory_mapped_array_is_never_read_whole(tmp_path: Path) -> None:
    """Four gigabytes on disk, a sparse file, of which a few batches are wanted."""
    script = textwrap.dedent("""
        import resource, sys
        import numpy as np
        import minifit as keras

        x = np.memmap(sys.argv[1], dtype="float32", mode="w+", shape=(1_000_000, 1000))
        y = np.memmap(sys.argv[2], dtype="float32", mode="w+", shape=(1_000_000, 1))
        model = keras.Sequential([keras.Input((1000,)), keras.layers.Dense(1)])
        model.compile("sgd", "mse")
        model.fit(x[:64], y[:64], verbose=0)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        model.fit(x, y, batch_size=64, steps_per_epoch=5, validation_split=0.5, validation_steps=2, verbose=0)
        model.evaluate(x, y, batch_size=64, steps=3, verbose=0)
        model.predict(x, batch_size=64, steps=3, verbose=0)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        assert grown < 150, f"{grown} MiB more"
    """)
    (tmp_path / "script.py").write_text(script)
    subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "x.bin", tmp_path / "y.bin"], check=True, timeout=120
    )


@pytest.mark.parametrize("shuffle", [False, True, "batch"])
def test_an_array_in_a_file_trains_as_one_in_memory(tmp_path: Path, shuffle: Any) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"], file["y"] = X, 2 * X
    models = [line(), line()]
    models[1].set_weights(models[0].get_weights())
    histories = []
    with h5py.File(tmp_path / "data.h5") as file:
        for model, (x, y) in zip(models, ((X, 2 * X), (file["x"], file["y"])), strict=True):
            keras.set_random_seed(5)
            fitted = model.fit(x, y, batch_size=4, epochs=2, shuffle=shuffle, validation_split=0.3, verbose=0)
            histories.append(fitted.history)
        np.testing.assert_array_equal(models[1].predict(file["x"], verbose=0), models[0].predict(X, verbose=0))
    assert histories[0] == histories[1]


def test_what_is_wrong_in_a_file_is_found_in_its_batch(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["x"] = np.where(X > 10, np.nan, X)
        with pytest.raises(ValueError, match="read from disk holds"):
            line().fit(file["x"], X, batch_size=4, shuffle=False, verbose=0)


# --- taken up again --------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Your input ran out of data")
@pytest.mark.parametrize(("steps", "stop"), [(None, 1), (None, 3), (None, 6), (3, 2), (4, 1)])
def test_data_go_on_in_the_middle_of_an_epoch(steps: int | None, stop: int) -> None:
    def data() -> EpochIterator:
        return EpochIterator(X, X, batch_size=4, shuffle=True, steps_per_epoch=steps)

    keras.set_random_seed(11)
    whole = data()
    rows(whole)
    walk, state = iter(whole), None
    for _ in range(stop):
        next(walk)
        state = whole.get_state()
    streams = random.get_state()
    rest = [x[:, 0].tolist() for _, _, [(x, _, _)] in walk]
    later = rows(whole)

    keras.set_random_seed(99)
    random.set_state(streams)
    again = data()
    assert state is not None
    again.set_state(state)
    taken_up = list(again)
    assert [first for first, *_ in taken_up] == list(range(stop, stop + len(rest)))
    assert [x[:, 0].tolist() for _, _, [(x, _, _)] in taken_up] == rest
    assert rows(again) == later


# --- shapes, limits and labels that fit lets pass --------------------------------------------------------------------


def test_a_sequential_takes_other_shapes_that_its_layers_take() -> None:
    model = keras.Sequential([keras.layers.Conv2D(1, 3, padding="same")])
    model.compile("sgd", "mse", metrics=["mae"])
    for size in (8, 6):
        x, y = np.ones((4, size, size, 2)), np.ones((4, size, size, 1))
        model.fit(x, y, verbose=0)
        assert model.predict(x, verbose=0).shape == y.shape
    flat = keras.Sequential([keras.layers.Flatten()])
    assert [flat.predict(np.ones((3, *shape)), verbose=0).shape for shape in ((5, 7), (7, 5))] == [(3, 35)] * 2
    with pytest.raises(ValueError, match="incompatible with the layer"):
        model.predict(np.ones((4, 8, 8, 3)), verbose=0)
    promised = keras.Sequential([keras.Input((8, 8, 2)), keras.layers.Conv2D(1, 3)])
    assert promised.predict(np.ones((4, 6, 6, 2)), verbose=0).shape == (4, 4, 4, 1)  # as in Keras
    drawn = keras.Model(promised.inputs, promised.outputs)
    with pytest.raises(ValueError, match=r"shape \(8, 8, 2\)"):
        drawn.predict(np.ones((4, 6, 6, 2)), verbose=0)


def test_losses_of_outputs_without_names_are_logged_as_they_were_spelt() -> None:
    class Two(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = keras.layers.Dense(1)

        def call(self, x: Any) -> Any:
            return self.dense(x), self.dense(x)

    model = Two()
    model.compile("sgd", ("mse", "mae"))
    history = model.fit(np.ones((4, 2)), (np.ones((4, 1)), np.ones((4, 1))), verbose=0)
    assert sorted(history.history) == ["loss", "mae_loss", "mse_loss"]
    with pytest.raises(ValueError, match="loss_weights expects numbers"):
        model.compile("sgd", "mse", ["accuracy"])


def test_labels_of_a_model_with_open_sizes_are_held_against_what_it_gives() -> None:
    model = keras.Sequential([keras.Input((None, None, 2)), keras.layers.Conv2D(1, 3, padding="same")])
    model.compile("sgd", "mse", metrics=["mae"])
    for size in (8, 6):
        model.fit(np.ones((4, size, size, 2)), np.ones((4, size, size, 1)), verbose=0)


def test_epochs_and_steps_can_be_limited_from_outside() -> None:
    steps: list[int] = []
    count = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: steps.append(batch))
    keras.config.set_max_epochs(2)
    keras.config.set_max_steps_per_epoch(3)
    try:
        assert (keras.config.max_epochs(), keras.config.max_steps_per_epoch()) == (2, 3)
        for epochs in (1, 4):
            line().fit(X, X, batch_size=2, epochs=epochs, verbose=0, callbacks=[count])
        assert steps == [0, 1, 2] * 3
        assert line().predict(X, batch_size=2, verbose=0).shape == (6, 1)
    finally:
        keras.config.set_max_epochs(None)
        keras.config.set_max_steps_per_epoch(None)


def test_infinite_labels_are_left_to_the_callback_that_judges_the_loss() -> None:
    broken = np.where(X == 5, np.inf, X)
    model = line()
    for arguments in ({"x": X, "y": broken}, {"x": broken, "y": X, "callbacks": [keras.callbacks.TerminateOnNaN()]}):
        with pytest.raises(ValueError, match="infinite values"):
            model.fit(verbose=0, **arguments)
    with np.errstate(all="ignore"):
        history = model.fit(X, broken, epochs=3, verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1
    with pytest.raises(ValueError, match=r"validation_data\[1\] holds"):
        model.fit(X, X, validation_data=(X, broken), verbose=0, callbacks=[keras.callbacks.TerminateOnNaN()])
