"""How the engine behaves: order and chance, what moves and what does not, files, float types, Keras scripts."""

import copy
import json
import math
import os
import pickle
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import random
from minifit.tape import unwrap

N, BATCH = 103, 16
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 5)).astype("float32")
CLASSES = np.argmax(X[:, :3], axis=1)
REAL = (X[:, :2] * X[:, 1:3]).astype("float32")


def classifier(rate: float = 0.0, optimizer: Any = "adam", metrics: Any = ("accuracy",)) -> Any:
    layers = [
        keras.Input((5,)),
        keras.layers.Dense(8, activation="relu"),
        keras.layers.Dropout(rate),
        keras.layers.Dense(3, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(optimizer, "sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def equal(first: Any, second: Any) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


class Spy(keras.Sequential):
    """A model that writes down every batch that it is trained on, as float arrays."""

    def __init__(self, layers: Any) -> None:
        super().__init__(layers)
        self.batches: list[tuple[np.ndarray, ...]] = []

    def train_step(self, data: Any) -> Any:
        self.batches.append(tuple(np.array(unwrap(part)) for part in data))
        return super().train_step(data)


def spied_epochs(seed: int | None = None, epochs: int = 1, **arguments: Any) -> list[np.ndarray]:
    """The order in which rows were trained on, epoch by epoch; row ``i`` is ``x = i``, ``y = 2 i``, ``w = i / 2``."""
    rows = np.arange(float(N))
    model = Spy([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(keras.optimizers.SGD(0.0), "mse")
    if seed is not None:
        keras.set_random_seed(seed)
    model.fit(rows[:, None], 2 * rows, sample_weight=rows / 2, batch_size=BATCH, epochs=epochs, verbose=0, **arguments)
    for x, y, w in model.batches:
        np.testing.assert_array_equal(y, 2 * x[:, 0])
        np.testing.assert_array_equal(w, x[:, 0] / 2)
    steps = math.ceil(N / BATCH)
    assert [len(x) for x, *_ in model.batches] == ([BATCH] * (steps - 1) + [N % BATCH]) * epochs
    order = np.concatenate([x[:, 0] for x, *_ in model.batches]).astype(int)
    return list(order.reshape(epochs, N))


# --- order -----------------------------------------------------------------------------------------------------------


def test_every_row_comes_once_an_epoch_with_its_label_and_its_weight() -> None:
    for order in spied_epochs(epochs=3):
        np.testing.assert_array_equal(np.sort(order), np.arange(N))


def test_fit_shuffles_by_default_and_anew_each_epoch() -> None:
    first, second, third = spied_epochs(epochs=3)
    for one, other in ((first, second), (second, third), (first, np.arange(N))):
        assert not np.array_equal(one, other)


def test_without_shuffling_the_order_is_the_users() -> None:
    for order in spied_epochs(epochs=2, shuffle=False):
        np.testing.assert_array_equal(order, np.arange(N))


def test_shuffle_batch_keeps_rows_in_their_batch() -> None:
    (order,) = spied_epochs(shuffle="batch")
    assert not np.array_equal(order, np.arange(N))
    np.testing.assert_array_equal(order // BATCH, np.arange(N) // BATCH)


def test_a_seed_repeats_the_orders_and_another_seed_does_not() -> None:
    assert equal(spied_epochs(seed=7, epochs=2), spied_epochs(seed=7, epochs=2))
    assert not equal(spied_epochs(seed=7), spied_epochs(seed=8))


def test_two_fits_in_a_row_have_different_orders() -> None:
    keras.set_random_seed(7)
    assert not equal(spied_epochs(), spied_epochs())


def test_numpys_global_generator_is_neither_read_nor_moved() -> None:
    orders = []
    for seed in (1, 2):
        keras.set_random_seed(7)
        np.random.seed(seed)  # noqa: NPY002 - that this changes nothing is the point
        before = np.random.get_state()[1]  # type: ignore[index]  # noqa: NPY002
        orders.append(spied_epochs())
        np.testing.assert_array_equal(before, np.random.get_state()[1])  # type: ignore[index]  # noqa: NPY002
    assert equal(*orders)


def test_validation_split_holds_out_the_last_rows_and_trains_on_none_of_them() -> None:
    rows = np.arange(100.0)
    model = Spy([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(rows[:, None], rows, validation_split=0.2, verbose=0)
    seen = np.concatenate([x[:, 0] for x, *_ in model.batches])
    np.testing.assert_array_equal(np.sort(seen), rows[:80])


# --- chance ----------------------------------------------------------------------------------------------------------


def test_a_seed_repeats_initial_weights_shuffling_and_dropout() -> None:
    runs = []
    for _ in range(2):
        keras.set_random_seed(3)
        model = classifier(rate=0.4)
        history = model.fit(X, CLASSES, epochs=2, verbose=0)
        runs.append([*model.get_weights(), np.array(history.history["loss"])])
    assert equal(*runs)


def test_dropout_does_not_change_the_order_of_the_batches() -> None:
    keras.set_random_seed(7)
    plain = spied_epochs(seed=7)
    keras.set_random_seed(7)
    keras.layers.Dropout(0.5)(X, training=True)
    assert equal(plain, spied_epochs())


def test_layers_of_one_shape_begin_with_different_weights() -> None:
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8), keras.layers.Dense(8)])
    assert not np.array_equal(model.get_weights()[0], model.get_weights()[2])


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_drops_its_share_and_scales_up_the_rest(rate: float) -> None:
    keras.set_random_seed(0)
    dropped = keras.layers.Dropout(rate)(np.ones((100, 1000), "float32"), training=True).numpy()
    share = np.mean(dropped == 0)
    assert abs(share - rate) < 5 * math.sqrt(rate * (1 - rate) / dropped.size)
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / (1 - rate)], rtol=1e-6)
    assert len(np.unique(dropped, axis=0)) == 100


def test_dropout_draws_a_new_mask_at_each_call() -> None:
    layer = keras.layers.Dropout(0.5)
    assert not np.array_equal(layer(X, training=True).numpy(), layer(X, training=True).numpy())


@pytest.mark.parametrize("how", [{}, {"training": False}], ids=["by default", "when told"])
def test_dropout_is_the_identity_outside_of_training(how: dict[str, bool]) -> None:
    np.testing.assert_array_equal(keras.layers.Dropout(0.9)(X, **how).numpy(), X)


def test_dropout_of_everything_gives_zeros() -> None:
    np.testing.assert_array_equal(keras.layers.Dropout(1.0)(X, training=True).numpy(), np.zeros_like(X))


def test_dropout_layers_with_a_seed_have_a_stream_each() -> None:
    first, second = keras.layers.Dropout(0.5, seed=3), keras.layers.Dropout(0.5, seed=3)
    masks = [[layer(X, training=True).numpy() for _ in range(2)] for layer in (first, second)]
    assert equal(masks[0], masks[1])
    assert not np.array_equal(masks[0][0], masks[0][1])


# --- what evaluation leaves alone ------------------------------------------------------------------------------------


def test_validation_changes_no_weight_and_draws_no_number() -> None:
    weights = []
    for validation in (None, (X[:20], CLASSES[:20])):
        keras.set_random_seed(5)
        model = classifier(rate=0.3)
        model.fit(X, CLASSES, epochs=2, verbose=0, validation_data=validation)
        weights.append(model.get_weights())
    assert equal(*weights)


def test_evaluate_and_predict_move_no_weight_no_optimizer_and_no_stream() -> None:
    model = classifier(rate=0.5)
    model.fit(X, CLASSES, verbose=0)
    before = model.get_weights(), model.optimizer.get_state(), json.dumps(random.get_state(), default=str)
    model.evaluate(X, CLASSES, verbose=0)
    model.predict(X, verbose=0)
    model.test_on_batch(X, CLASSES)
    assert equal(before[0], model.get_weights())
    assert equal(before[1].values(), model.optimizer.get_state().values())
    assert before[2] == json.dumps(random.get_state(), default=str)


def test_layers_are_told_whether_they_train() -> None:
    told = []

    class Listener(keras.layers.Layer):
        def call(self, inputs: Any, training: bool = False) -> Any:
            told.append(training)
            return inputs

    model = keras.Sequential([keras.Input((5,)), Listener(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    told.clear()
    x, y = X[:12], REAL[:12, :1]
    model.fit(x, y, batch_size=4, epochs=2, validation_data=(x[:8], y[:8]), validation_batch_size=4, verbose=0)
    assert told == [True, True, True, False, False] * 2
    told.clear()
    model.evaluate(x, y, verbose=0)
    model.predict(x, verbose=0)
    model(x)
    model(x, training=True)
    assert told == [False, False, False, True]


@pytest.mark.parametrize("size", [1, 2, 10, N, 1000])
def test_evaluate_and_predict_give_the_same_for_every_batch_size(size: int) -> None:
    model = classifier()
    weights = RNG.random(N)
    expected = model.evaluate(X, CLASSES, sample_weight=weights, batch_size=N, verbose=0)
    assert model.evaluate(X, CLASSES, sample_weight=weights, batch_size=size, verbose=0) == pytest.approx(expected)
    np.testing.assert_allclose(
        model.predict(X, batch_size=size, verbose=0), model.predict(X, batch_size=N, verbose=0), rtol=1e-5
    )


def test_predict_gives_one_array_of_all_rows() -> None:
    outputs = classifier().predict(X, batch_size=BATCH, verbose=0)
    assert type(outputs) is np.ndarray
    assert (outputs.shape, outputs.dtype) == ((N, 3), np.float32)
    np.testing.assert_allclose(outputs.sum(axis=1), 1, rtol=1e-6)


def test_the_loss_of_a_model_that_does_not_learn_is_the_same_from_fit_and_evaluate() -> None:
    model = classifier(optimizer=keras.optimizers.SGD(0.0))
    history = model.fit(X, CLASSES, epochs=2, batch_size=BATCH, verbose=0, validation_data=(X, CLASSES))
    losses = {round(value, 6) for key in ("loss", "val_loss") for value in history.history[key]}
    assert losses == {round(model.evaluate(X, CLASSES, verbose=0)[0], 6)}


# --- who owns what ---------------------------------------------------------------------------------------------------


def test_fit_mutates_nothing_of_the_callers() -> None:
    given = [X.copy(), CLASSES.copy(), np.ones(N), {0: 2.0}]
    kept = copy.deepcopy(given)
    classifier().fit(given[0], given[1], sample_weight=given[2], verbose=0)
    classifier().fit(given[0], given[1], class_weight=given[3], verbose=0)
    assert equal(given[:3], kept[:3])
    assert given[3] == kept[3]


@pytest.mark.parametrize("view", [lambda a: a[::-1], np.asfortranarray, lambda a: np.repeat(a, 2, axis=0)[::2]])
def test_data_may_lie_in_memory_in_any_way(view: Any) -> None:
    model = classifier()
    np.testing.assert_allclose(model.predict(view(X), verbose=0), model.predict(view(X).copy(), verbose=0), rtol=1e-6)


def test_get_weights_gives_copies_and_set_weights_takes_copies() -> None:
    model = classifier()
    before = model.get_weights()
    kept = copy.deepcopy(before)
    model.set_weights(before)
    model.fit(X, CLASSES, verbose=0)
    assert equal(before, kept)
    before[0][:] = 9
    assert not np.any(model.get_weights()[0] == 9)


def test_compile_leaves_the_weights_and_begins_the_optimizer_anew() -> None:
    model = classifier()
    model.fit(X, CLASSES, verbose=0)
    before = model.get_weights()
    model.compile("adam", "sparse_categorical_crossentropy")
    assert equal(before, model.get_weights())
    assert int(model.optimizer.iterations) == 0


def test_logs_of_each_epoch_are_an_object_of_their_own() -> None:
    seen: list[dict[str, float]] = []
    keep = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs))
    history = classifier().fit(X, CLASSES, epochs=3, verbose=0, callbacks=[keep])
    assert len({id(logs) for logs in seen}) == 3
    assert [logs["loss"] for logs in seen] == history.history["loss"]
    assert json.loads(json.dumps(history.history)) == history.history


def test_two_models_of_different_sizes_do_not_know_each_other() -> None:
    small, large = classifier(), keras.Sequential([keras.Input((7,)), keras.layers.Dense(2)])
    large.compile("sgd", "mse")
    before = small.get_weights()
    large.fit(np.ones((9, 7)), np.ones((9, 2)), verbose=0)
    assert equal(before, small.get_weights())
    assert [w.shape for w in large.get_weights()] == [(7, 2), (2,)]


def test_two_models_that_share_a_layer_both_train_it() -> None:
    shared = keras.layers.Dense(4)
    models = [keras.Sequential([keras.Input((5,)), shared, keras.layers.Dense(2)]) for _ in range(2)]
    for model in models:
        model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    for model in (*models, *models):
        before = shared.get_weights()
        model.train_on_batch(X, REAL)
        assert not equal(before, shared.get_weights())
        assert equal(models[0].layers[0].get_weights(), models[1].layers[0].get_weights())


def test_an_optimizer_serves_one_model() -> None:
    optimizer = keras.optimizers.Adam()
    classifier(optimizer=optimizer).fit(X, CLASSES, verbose=0)
    other = classifier(optimizer=optimizer)
    with pytest.raises(ValueError, match=r"built for other variables.*new optimizer"):
        other.fit(X, CLASSES, verbose=0)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"])
@pytest.mark.parametrize("trained", [False, True], ids=["fresh", "trained"])
def test_a_copy_of_a_model_trains_on_its_own(duplicate: Any, trained: bool) -> None:
    model = classifier()
    if trained:
        model.fit(X, CLASSES, verbose=0)
    twin, before = duplicate(model), model.get_weights()
    first = twin.fit(X, CLASSES, shuffle=False, verbose=0)
    assert equal(before, model.get_weights())
    second = model.fit(X, CLASSES, shuffle=False, verbose=0)
    assert first.history == second.history
    assert equal(twin.get_weights(), model.get_weights())


def test_all_weights_of_a_model_are_views_of_one_vector() -> None:
    model = classifier()
    model.fit(X, CLASSES, verbose=0)
    np.testing.assert_array_equal(np.concatenate([w.ravel() for w in model.get_weights()]), model.optimizer.flat.vector)
    model.set_weights([w + 1 for w in model.get_weights()])
    np.testing.assert_array_equal(np.concatenate([w.ravel() for w in model.get_weights()]), model.optimizer.flat.vector)


def test_freezing_after_the_first_fit_keeps_weights_and_slots() -> None:
    model = classifier()
    model.fit(X, CLASSES, verbose=0)
    model.layers[0].trainable = False
    model.compile("adam", "sparse_categorical_crossentropy")
    before = model.get_weights()
    model.fit(X, CLASSES, verbose=0)
    assert [np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True)] == [
        True,
        True,
        False,
        False,
    ]
    model.layers[0].trainable = True
    model.compile("adam", "sparse_categorical_crossentropy")
    model.fit(X, CLASSES, verbose=0)
    assert not equal(before[:2], model.get_weights()[:2])


# --- files -----------------------------------------------------------------------------------------------------------

ENDINGS = ["npz", "weights.h5", "h5"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_weights_go_into_a_file_and_come_back_bit_for_bit(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("h5py") if "h5" in ending else None
    model, other = classifier(), classifier()
    model.save_weights(tmp_path / f"model.{ending}")
    assert not equal(model.get_weights(), other.get_weights())
    other.load_weights(str(tmp_path / f"model.{ending}"))
    assert equal(model.get_weights(), other.get_weights())
    assert [path.name for path in tmp_path.iterdir()] == [f"model.{ending}"]


@pytest.mark.parametrize("ending", ["keras", "npz", "h5"])
def test_a_whole_model_comes_back_and_trains_on_as_if_never_saved(tmp_path: Path, ending: str) -> None:
    pytest.importorskip("h5py") if "h5" in ending else None
    model = classifier()
    model.fit(X, CLASSES, epochs=2, shuffle=False, verbose=0)
    model.save(tmp_path / f"model.{ending}")
    loaded = keras.models.load_model(tmp_path / f"model.{ending}")
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))
    assert loaded.evaluate(X, CLASSES, verbose=0) == model.evaluate(X, CLASSES, verbose=0)
    again = [m.fit(X, CLASSES, epochs=2, shuffle=False, verbose=0).history for m in (loaded, model)]
    assert again[0] == again[1]
    assert equal(loaded.get_weights(), model.get_weights())


def test_loading_does_not_tie_two_models_together(tmp_path: Path) -> None:
    model = classifier()
    model.save(tmp_path / "m.keras")
    loaded = keras.models.load_model(tmp_path / "m.keras")
    before = model.get_weights()
    loaded.fit(X, CLASSES, verbose=0)
    assert equal(before, model.get_weights())


def test_overwriting_is_refused_when_not_wanted(tmp_path: Path) -> None:
    model = classifier()
    model.save_weights(tmp_path / "w.npz")
    with pytest.raises(FileExistsError, match=r"w\.npz exists.*overwrite=True"):
        model.save_weights(tmp_path / "w.npz", overwrite=False)


KILLED = """
    import os, sys
    import numpy as np
    import minifit as keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.save_weights(sys.argv[1])

    def half(file, **arrays):
        file.write(b"half of it")
        file.flush()
        os._exit(9)

    np.savez = half
    model.set_weights([w + 1 for w in model.get_weights()])
    model.save_weights(sys.argv[1])
"""


def test_a_process_killed_while_it_saves_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(KILLED), str(path)], check=False)
    assert done.returncode == 9
    model = keras.Sequential([keras.Input((5,)), keras.layers.Dense(3)])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[1], np.zeros(3))


def test_a_save_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = classifier()
    model.save_weights(tmp_path / "w.npz")
    before = (tmp_path / "w.npz").read_bytes()

    def full(file: Any, **arrays: Any) -> None:
        file.write(b"half of it")
        raise OSError("No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.raises(OSError, match="No space left"):
        model.save_weights(tmp_path / "w.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["w.npz"]
    assert (tmp_path / "w.npz").read_bytes() == before


def test_a_file_with_code_in_it_is_refused(tmp_path: Path) -> None:
    arrays: Any = {"layers/dense/vars/0": np.array([print], dtype=object)}
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(ValueError, match=r"w\.npz cannot be read"):
        classifier().load_weights(tmp_path / "w.npz")


# --- float types -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["float32", "float64"])
def floatx(request: pytest.FixtureRequest) -> Iterator[str]:
    before = keras.config.floatx()
    keras.config.set_floatx(request.param)
    yield request.param
    keras.config.set_floatx(before)


LOSS_AND_LABELS: dict[str, tuple[Any, Any]] = {
    "sparse": ("sparse_categorical_crossentropy", CLASSES),
    "sparse, float labels": ("sparse_categorical_crossentropy", CLASSES.astype("float64")),
    "categorical": ("categorical_crossentropy", np.eye(3)[CLASSES]),
    "binary": ("binary_crossentropy", np.eye(3, dtype="int64")[CLASSES]),
    "mse": ("mse", np.eye(3)[CLASSES]),
    "mae": ("mae", np.eye(3, dtype="uint8")[CLASSES]),
    "own": (lambda t, p: np.mean(np.log1p(np.square(t - p)) * 2 + 1, axis=-1), np.eye(3)[CLASSES]),
}


@pytest.mark.parametrize("weighted", [False, True], ids=["no weights", "float64 weights"])
@pytest.mark.parametrize("case", list(LOSS_AND_LABELS))
def test_a_training_step_stays_in_the_float_type(
    floatx: str, case: str, weighted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorded: list[Any] = []

    class Watch(keras.GradientTape):
        def gradient(self, *arguments: Any, **options: Any) -> Any:
            recorded.extend(output for *_, output, _ in self.records)
            gradients = super().gradient(*arguments, **options)
            recorded.extend(gradients)
            return gradients

    monkeypatch.setattr("minifit.trainer.GradientTape", Watch)
    loss, labels = LOSS_AND_LABELS[case]
    layers = [keras.layers.Dense(4, activation="relu"), keras.layers.Dropout(0.3), keras.layers.Activation("tanh")]
    model = keras.Sequential([keras.Input((5,)), *layers, keras.layers.Dense(3, activation="softmax")])
    model.compile("adam", loss)
    weights = np.ones(N) if weighted else None
    model.fit(X.astype("float64"), labels, sample_weight=weights, batch_size=BATCH, verbose=0)
    assert len(recorded) > 20
    assert {str(tensor.dtype) for tensor in [*recorded, *model.get_weights()]} == {floatx}


OPTIMIZERS = [
    lambda: keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True, weight_decay=0.01),
    lambda: keras.optimizers.RMSprop(0.1, momentum=0.9, centered=True, clipnorm=1.0),
    lambda: keras.optimizers.Adam(0.1, amsgrad=True, global_clipnorm=1.0),
    lambda: keras.optimizers.Adam(np.float64(0.1), clipvalue=0.5),
]


@pytest.mark.parametrize("make", OPTIMIZERS, ids=["sgd", "rmsprop", "adam", "adam, NumPy's float"])
def test_optimizers_stay_in_the_float_type(floatx: str, make: Any) -> None:
    model = classifier(optimizer=make())
    model.fit(X, CLASSES, verbose=0)
    optimizer = model.optimizer
    arrays = [optimizer.flat.vector, *optimizer.slots.values(), *model.get_weights()]
    assert {str(array.dtype) for array in arrays} == {floatx}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int32", "uint8", "bool"])
def test_predictions_have_the_float_type_whatever_comes_in(floatx: str, dtype: str) -> None:
    assert str(classifier().predict(np.abs(X * 9).astype(dtype), verbose=0).dtype) == floatx


def test_bytes_do_not_overflow() -> None:
    image = np.array([[0, 255, 255, 255, 1]], dtype="uint8")
    model = classifier()
    np.testing.assert_array_equal(model.predict(image, verbose=0), model.predict(image.astype("float32"), verbose=0))


def test_metrics_add_up_a_million_small_numbers_exactly_enough() -> None:
    mean = keras.metrics.Mean()
    for _ in range(1000):
        mean.update_state(np.full(1000, 0.1, "float32"))
    assert mean.result() == pytest.approx(0.1, abs=1e-6)


# --- importing -------------------------------------------------------------------------------------------------------

IMPORT = """
    import sys, time
    import numpy
    began = time.process_time()  # of this process alone, whatever else the machine does
    import minifit
    seconds = time.process_time() - began
    heavy = ["matplotlib", "h5py", "cupy", "IPython", "tqdm", "pandas", "scipy", "threadpoolctl", "autograder"]
    print(seconds, *[name for name in heavy if name in sys.modules])
"""


def test_importing_is_quick_and_brings_in_numpy_alone(tmp_path: Path) -> None:
    # As on anybody's machine, what was compiled once is kept.
    kept = {**os.environ, "PYTHONPYCACHEPREFIX": str(tmp_path)}
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    times = []
    for _ in range(4):
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(IMPORT)], capture_output=True, text=True, check=True, env=kept
        )
        seconds, *heavy = done.stdout.split()
        assert heavy == []
        times.append(float(seconds))
    assert min(times) < 0.3


# --- what is printed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("verbose", "lines"), [(0, 0), (1, 4), (2, 4)])
def test_verbose_says_how_much_is_printed(capsys: pytest.CaptureFixture[str], verbose: int, lines: int) -> None:
    classifier().fit(X, CLASSES, epochs=2, verbose=verbose, validation_split=0.2)
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == lines
    if lines:
        assert printed[0] == "Epoch 1/2"
        for word in ("3/3", "accuracy: 0.", "loss: ", "val_accuracy: 0.", "val_loss: "):
            assert word in printed[-1]


def test_summary_lists_layers_shapes_and_parameters() -> None:
    lines: list[str] = []
    classifier().summary(print_fn=lines.append)
    text = "\n".join(lines)
    for words in ("(Dense)", "(None, 8)", "(Dropout)", "(None, 3)", "48", "27", "Total params: 75"):
        assert words in text


# --- scripts written for Keras ---------------------------------------------------------------------------------------

CLASSIFICATION = """
    import numpy as np
    from tensorflow import keras

    rng = np.random.default_rng(1)
    x = rng.integers(0, 256, size=(600, 28, 28)).astype("uint8")
    y = (x[:, :14].mean(axis=(1, 2)) > x[:, 14:].mean(axis=(1, 2))).astype(int) + (x[:, 0, 0] > 127)
    x_train, y_train, x_test, y_test = x[:500], y[:500], x[500:], y[500:]
    x_train = x_train.reshape(500, 784).astype("float32") / 255
    x_test = x_test.reshape(100, 784).astype("float32") / 255

    model = keras.Sequential([
        keras.layers.Dense(128, activation="relu", input_shape=(784,)),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(10, activation="softmax"),
    ])
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.summary()
    callbacks = [
        keras.callbacks.EarlyStopping(monitor="val_loss", patience=2, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(
            "my_best_model.h5", monitor="val_accuracy", save_best_only=True, mode="max"
        ),
    ]
    history = model.fit(
        x_train, y_train, epochs=5, batch_size=64, validation_split=0.1, callbacks=callbacks, verbose=2
    )
    test_loss, test_acc = model.evaluate(x_test, y_test, verbose=2)
    predicted = np.argmax(model.predict(x_test), axis=1)
    best = keras.models.load_model("my_best_model.h5")

    accuracy_is_that_of_predict = np.isclose(np.mean(predicted == y_test), test_acc)
    shape_of_best = best.predict(x_test, verbose=0).shape
    parameters = model.count_params()
    keys = sorted(history.history)
"""

IMBALANCED = """
    import numpy as np
    from tensorflow import keras

    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 20))
    y = (X[:, 0] + X[:, 1] > 1.9).astype(int)

    model = keras.models.Sequential()
    model.add(keras.layers.Input(shape=(20,)))
    model.add(keras.layers.Dense(16, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(
        loss="binary_crossentropy", optimizer=keras.optimizers.RMSprop(learning_rate=0.001), metrics=["accuracy"]
    )
    history = model.fit(
        X[:400], y[:400], batch_size=32, epochs=3, class_weight={0: 1, 1: 9},
        validation_data=(X[400:], y[400:]), verbose=0,
    )
    results = model.evaluate(X[400:], y[400:], verbose=0)
    classes = (model.predict(X[400:], verbose=0) > 0.5).astype("int32")

    accuracy_is_that_of_predict = np.isclose(np.mean(classes[:, 0] == y[400:]), results[1])
    validation_is_not_weighted = history.history["val_loss"][-1] == results[0]
    epochs = history.epoch
    keys = sorted(history.history)
"""

REGRESSION = """
    import numpy as np
    from tensorflow.keras.models import Sequential
    from tensorflow.keras.layers import Dense, Flatten
    from tensorflow.keras.optimizers import SGD
    from tensorflow.keras.callbacks import LambdaCallback

    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 2, 3))
    y = x.sum(axis=(1, 2))
    x = (x - x.mean(axis=0)) / x.std(axis=0)

    model = Sequential([Flatten(input_shape=(2, 3)), Dense(1)])
    model.compile(optimizer=SGD(learning_rate=0.05, momentum=0.9), loss="mse", metrics=["mae"])
    seen = []
    note = LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(logs["mae"]))
    history = model.fit(x, y, epochs=30, verbose=0, callbacks=[note])

    callback_saw_history = seen == history.history["mae"]
    kernel = model.layers[-1].get_weights()[0].shape
    fits_exactly = history.history["loss"][-1] < 1e-4
"""

CUSTOM_LOOP = """
    import numpy as np
    import tensorflow as tf
    from tensorflow import keras

    rng = np.random.default_rng(4)
    x = rng.normal(size=(100, 6)).astype("float32")
    y = np.argmax(x[:, :3], axis=1)

    def make():
        return keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, activation="tanh"), keras.layers.Dense(3)])

    model, twin = make(), make()
    twin.set_weights(model.get_weights())
    optimizer = keras.optimizers.Adam(learning_rate=1e-2)
    loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    train_acc_metric = keras.metrics.SparseCategoricalAccuracy()
    accuracies = []
    for epoch in range(2):
        for step in range(0, 100, 32):
            x_batch, y_batch = x[step:step + 32], y[step:step + 32]
            with tf.GradientTape() as tape:
                logits = model(x_batch, training=True)
                loss_value = loss_fn(y_batch, logits)
                loss_value += sum(model.losses)
            grads = tape.gradient(loss_value, model.trainable_weights)
            optimizer.apply_gradients(zip(grads, model.trainable_weights))
            train_acc_metric.update_state(y_batch, logits)
        accuracies.append(float(train_acc_metric.result()))
        train_acc_metric.reset_state()
    print("loss", float(loss_value), f"{loss_value:.4f}", loss_value.numpy())

    twin.compile(
        keras.optimizers.Adam(1e-2), loss_fn, metrics=[keras.metrics.SparseCategoricalAccuracy(name="accuracy")]
    )
    history = twin.fit(x, y, epochs=2, shuffle=False, verbose=0)
    weights_are_those_of_fit = all(map(np.array_equal, model.get_weights(), twin.get_weights()))
    accuracies_are_those_of_fit = accuracies == history.history["accuracy"]
"""

SCRIPTS: dict[str, tuple[str, dict[str, Any]]] = {
    "classification": (
        CLASSIFICATION,
        {
            "accuracy_is_that_of_predict": True,
            "shape_of_best": (100, 10),
            "parameters": 101770,
            "keys": ["accuracy", "loss", "val_accuracy", "val_loss"],
        },
    ),
    "binary with class_weight": (
        IMBALANCED,
        {
            "accuracy_is_that_of_predict": True,
            "validation_is_not_weighted": True,
            "epochs": [0, 1, 2],
            "keys": ["accuracy", "loss", "val_accuracy", "val_loss"],
        },
    ),
    "regression": (REGRESSION, {"callback_saw_history": True, "kernel": (6, 1), "fits_exactly": True}),
    "custom loop": (CUSTOM_LOOP, {"weights_are_those_of_fit": True, "accuracies_are_those_of_fit": True}),
}

IMPORTS = {
    "import tensorflow as tf\n": "import minifit as tf\n",
    "from tensorflow import keras\n": "import minifit as keras\n",
    "from tensorflow.keras.": "from minifit.",
}


@pytest.mark.parametrize("name", list(SCRIPTS))
def test_script_written_for_keras_runs_with_only_its_imports_changed(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, expected = SCRIPTS[name]
    for old, new in IMPORTS.items():
        script = script.replace(old, new)
    monkeypatch.chdir(tmp_path)
    keras.set_random_seed(1)
    names: dict[str, Any] = {}
    exec(textwrap.dedent(script), names)
    assert {key: names[key] for key in expected} == expected


class Plain(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.hidden = keras.layers.Dense(8, activation="tanh")
        self.head = keras.layers.Dense(3, activation="softmax")

    def call(self, inputs: Any, training: bool = False) -> Any:
        return self.head(self.hidden(inputs))


class OwnStep(Plain):
    """With a training step of its own, written as Keras' guide writes it."""

    def train_step(self, data: Any) -> Any:
        x, y = data
        with keras.GradientTape() as tape:
            y_pred = self(x, training=True)
            loss = self.compute_loss(y=y, y_pred=y_pred)
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for metric in self.metrics:
            if metric.name == "loss":
                metric.update_state(loss)
            else:
                metric.update_state(y, y_pred)
        return {metric.name: metric.result() for metric in self.metrics}


def test_a_train_step_of_the_users_own_trains_and_logs() -> None:
    models = [Plain(), OwnStep()]
    histories = []
    for model in models:
        model(X[:1])
        model.set_weights(models[0].get_weights())
    for model in models:
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        # One batch an epoch: the guide's step takes the mean of the batches' losses, fit that of the samples'.
        histories.append(model.fit(X, CLASSES, epochs=2, batch_size=N, shuffle=False, verbose=0).history)
    assert list(histories[1]) == list(histories[0]) == ["accuracy", "loss"]
    for key, values in histories[0].items():
        assert histories[1][key] == pytest.approx(values)
    assert equal(models[0].get_weights(), models[1].get_weights())


def test_a_train_step_that_returns_nothing_is_named() -> None:
    class Forgetful(keras.Sequential):
        def train_step(self, data: Any) -> Any:
            super().train_step(data)

    model = Forgetful([keras.Input((5,)), keras.layers.Dense(2)])
    model.compile("sgd", "mse")
    with pytest.raises(TypeError, match=r"Forgetful\.train_step\(data\) must return the logs.*NoneType"):
        model.fit(X, REAL, verbose=0)


def test_a_hand_written_layer_with_forward_and_backward_trains_like_ours() -> None:
    class Linear:
        def __init__(self, kernel: np.ndarray, bias: np.ndarray) -> None:
            self.kernel, self.bias = kernel, bias

        def forward(self, x: np.ndarray) -> np.ndarray:
            self._x = x
            return x @ self.kernel + self.bias

        def backward(self, dy: np.ndarray) -> np.ndarray:
            self.dkernel, self.dbias = self._x.T @ dy, dy.sum(axis=0)
            return dy @ self.kernel.T

    ours = keras.Sequential([keras.Input((5,)), keras.layers.Dense(4), keras.layers.Dense(2)])
    w = ours.get_weights()
    theirs = keras.Sequential([keras.Input((5,)), Linear(w[0].copy(), w[1].copy()), Linear(w[2].copy(), w[3].copy())])  # type: ignore[list-item]
    histories = []
    for model in (ours, theirs):
        model.compile("adam", "mse")
        histories.append(model.fit(X, REAL, epochs=3, shuffle=False, verbose=0).history["loss"])
    assert histories[0] == pytest.approx(histories[1], rel=1e-5)


def test_automatic_names_count_up_and_begin_anew() -> None:
    keras.utils.clear_session()
    names = [keras.layers.Dense(1).name for _ in range(3)] + [keras.layers.Dropout(0.1).name]
    assert names == ["dense", "dense_1", "dense_2", "dropout"]
    keras.utils.clear_session()
    assert keras.layers.Dense(1).name == "dense"


def test_scripts_find_older_places_of_names() -> None:
    assert keras.backend.clear_session is keras.utils.clear_session
    try:
        keras.mixed_precision.set_global_policy("mixed_float16")
        assert keras.mixed_precision.global_policy().compute_dtype == "float16"
    finally:
        keras.config.set_dtype_policy("float32")
