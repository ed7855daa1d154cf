"""The recorded step: bit for bit the step that was recorded, for every batch after it, or not recorded at all."""

from __future__ import annotations

import copy
import functools
import gc
import pickle
import warnings
from typing import Any

import numpy as np
import pytest
from test_layers import EVERY
from test_losses import CLASSES as EVERY_LOSS
from test_losses import labels_for
from test_optimizers import ALL, RULES

import minifit as keras
from minifit import activations, layers, losses, optimizers, regularizers
from minifit.recording import NotRepeatable, Recording, Repeated

rng = np.random.default_rng(5)
N, B = 70, 16
X = rng.normal(size=(N, 6)).astype("float32")
IMAGES = rng.normal(size=(N, 8, 6, 2)).astype("float32")
STEPS = rng.normal(size=(N, 9, 4)).astype("float32")
WORDS = rng.integers(0, 20, (N, 7))
CLASSES = rng.integers(0, 3, N)
ONE_HOT = np.eye(3, dtype="float32")[CLASSES]
WEIGHTS = rng.uniform(0.5, 2.0, N).astype("float32")


def trained(make: Any, x: Any, y: Any, monkeypatch: pytest.MonkeyPatch | None, **fit: Any) -> tuple[Any, Any]:
    """Weights and history after three epochs; recorded unless there is a monkeypatch that forbids it."""
    keras.utils.set_random_seed(3)
    model = make()
    if monkeypatch is None:
        history = model.fit(x, y, **{"batch_size": B, "epochs": 3, "verbose": 0, **fit})
    else:
        with monkeypatch.context() as patch:
            patch.setattr(Repeated, "fits", staticmethod(lambda model: False))
            history = model.fit(x, y, **{"batch_size": B, "epochs": 3, "verbose": 0, **fit})
    return model, history.history


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> list[dict[Any, str]]:
    """What the fits of a test recorded: one dict a fit."""
    made: list[dict[Any, str]] = []
    begin = Repeated.__init__

    def watched(self: Repeated, model: Any) -> None:
        begin(self, model)
        made.append(self.sources)

    monkeypatch.setattr(Repeated, "__init__", watched)
    return made


def recorded(sources: list[dict[Any, str]]) -> bool:
    return bool(sources) and all(text.startswith("def step(") for found in sources for text in found.values())


def assert_the_same(make: Any, x: Any, y: Any, sources: Any, monkeypatch: Any, **fit: Any) -> None:
    """Recorded for full batches and for the remainder, and equal to the long way: weights bit for bit."""
    quick, quick_logs = trained(make, x, y, None, **fit)
    assert recorded(sources), [text for found in sources for text in found.values()]
    assert len(sources[0]) == 2
    slow, slow_logs = trained(make, x, y, monkeypatch, **fit)
    for a, b in zip(quick.get_weights(), slow.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for a, b in zip(quick.optimizer.variables, slow.optimizer.variables, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())
    assert quick_logs.keys() == slow_logs.keys()
    for name in quick_logs:
        np.testing.assert_allclose(quick_logs[name], slow_logs[name], rtol=1e-6)


def model_of(
    *parts: Any, loss: Any = "sparse_categorical_crossentropy", optimizer: Any = "adam", **compiled: Any
) -> Any:
    model = keras.Sequential([*parts, layers.Dense(3, activation="softmax")])
    model.compile(optimizer, loss, **{"metrics": ["accuracy"], **compiled})
    return model


VECTORS = {
    "nothing": list,
    "relu and dropout": lambda: [layers.Dense(5, activation="relu"), layers.Dropout(0.4)],
    "noise": lambda: [layers.GaussianNoise(0.1), layers.Dense(5, "tanh"), layers.GaussianDropout(0.2)],
    "activations": lambda: [
        layers.Dense(5, "gelu"), layers.LeakyReLU(), layers.PReLU(), layers.ELU(), layers.Activation("silu"),
    ],
    "normalisation": lambda: [layers.LayerNormalization(), layers.Dense(5, "sigmoid")],
    "penalties on weights": lambda: [
        layers.Dense(5, kernel_regularizer="l2", bias_regularizer=regularizers.L1(0.1), kernel_constraint="max_norm")
    ],
    "no bias": lambda: [layers.Dense(5, use_bias=False), layers.Rescaling(2.0, 1.0)],
    "shapes": lambda: [layers.Reshape((3, 2)), layers.Dense(4), layers.Flatten()],
}  # fmt: skip


@pytest.mark.parametrize("parts", VECTORS.values(), ids=VECTORS)
def test_layers_on_vectors(parts: Any, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_the_same(lambda: model_of(layers.Input((6,)), *parts()), X, CLASSES, sources, monkeypatch)


def test_layers_on_images(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        convolutions = (
            layers.Conv2D(4, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(3, 2, padding="same"),
        )
        return model_of(layers.Input((8, 6, 2)), *convolutions, layers.GlobalAveragePooling2D())

    assert_the_same(make, IMAGES, CLASSES, sources, monkeypatch)


def test_layers_on_sequences(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        parts = layers.Conv1D(4, 3, activation="relu"), layers.AveragePooling1D(2), layers.GlobalMaxPooling1D()
        return model_of(layers.Input((9, 4)), *parts)

    assert_the_same(make, STEPS, CLASSES, sources, monkeypatch)


def test_words(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((7,), dtype="int32"), layers.Embedding(20, 5), layers.GlobalAveragePooling1D())

    assert_the_same(make, WORDS, CLASSES, sources, monkeypatch)


def test_a_graph_of_layers(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        x = keras.Input((6,))
        a, b = layers.Dense(4, "relu")(x), layers.Dense(4, "tanh")(x)
        shared = layers.Dense(3)
        model = keras.Model(x, shared(a) * 0.5 + shared(b))
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    assert_the_same(make, X, CLASSES, sources, monkeypatch)


@pytest.mark.parametrize(
    "optimizer",
    [
        optimizers.SGD(0.1, momentum=0.9, nesterov=True, clipnorm=0.5),
        optimizers.RMSprop(global_clipnorm=1.0),
        optimizers.AdamW(weight_decay=0.1, use_ema=True, ema_overwrite_frequency=3),
        optimizers.Adam(optimizers.schedules.CosineDecay(0.1, 9), gradient_accumulation_steps=2),
        optimizers.Ftrl(loss_scale_factor=8.0),
    ],
    ids=lambda o: o.name,
)
def test_optimizers(optimizer: Any, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        fresh = type(optimizer).from_config(optimizer.get_config())
        return model_of(layers.Input((6,)), layers.Dense(5, "relu"), optimizer=fresh)

    assert_the_same(make, X, CLASSES, sources, monkeypatch)


LOSSES: dict[str, Any] = {
    "categorical": ("categorical_crossentropy", ONE_HOT),
    "smoothed": (losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT),
    "binary": ("binary_crossentropy", ONE_HOT),
    "mse": ("mse", ONE_HOT),
    "mae": ("mae", ONE_HOT.astype("float64")),
    "huber": ("huber", ONE_HOT.astype(int)),
    "kl": ("kl_divergence", ONE_HOT),
    "sparse": ("sparse_categorical_crossentropy", CLASSES[:, None].astype("float32")),
}


@pytest.mark.parametrize(("loss", "y"), LOSSES.values(), ids=LOSSES)
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["no weights", "weights"])
def test_losses(loss: Any, y: Any, weights: Any, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((6,)), loss=loss, weighted_metrics=["mse"] if np.shape(y)[-1] == 3 else [])

    assert_the_same(make, X, y, sources, monkeypatch, sample_weight=weights)


# --------------------------------------------------------------------------- all there is
#
# Small batches, so that there are many steps: three epochs of 8, 8 and 3 samples, most of them repeated.

SEVERAL = {"batch_size": 8, "epochs": 3}
#: What does something with arrays beside the ops, assigns within the step, hands on a mask or penalises activities.
THE_LONG_WAY = {
    *("ActivityRegularization", "BatchNormalization, frozen", "Dense, penalties", "Masking"),
    *("Normalization", "Normalization, axes", "Normalization, inverse"),
    *("BinaryFocalCrossentropy", "CategoricalFocalCrossentropy"),
    *("CategoricalHinge", "Circle", "CosineSimilarity", "Hinge", "SquaredHinge", "Tversky"),
    "MeanSquaredLogarithmicError",
}


def assert_right(name: str, make: Any, x: Any, y: Any, sources: Any, monkeypatch: Any, **fit: Any) -> None:
    """As `assert_the_same`, but for what is known to go the long way."""
    if name in THE_LONG_WAY or "renorm" in name:
        quick, _ = trained(make, x, y, None, **SEVERAL, **fit)
        assert not recorded(sources)
        slow, _ = trained(make, x, y, monkeypatch, **SEVERAL, **fit)
        for a, b in zip(quick.get_weights(), slow.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    else:
        assert_the_same(make, x, y, sources, monkeypatch, **SEVERAL, **fit)


@pytest.mark.parametrize("name", EVERY)
def test_every_layer(name: str, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    kind, arguments, shape = EVERY[name]

    def make() -> Any:
        x = layers.Input(shape)
        hidden = getattr(layers, kind)(**arguments)(x)
        model = keras.Model(x, layers.Dense(3)(layers.Flatten()(hidden)))
        model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    x = rng.normal(size=(19, *shape)).astype("float32")
    assert_right(name, make, x, CLASSES[:19], sources, monkeypatch)


@pytest.mark.parametrize("name", sorted(activations.NAMED.keys() - {"threshold"}))
def test_every_activation(name: str, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((6,)), layers.Dense(4, activation=name), loss="mse", metrics=[])

    assert_the_same(make, X[:19], ONE_HOT[:19], sources, monkeypatch, **SEVERAL)


@pytest.mark.parametrize("weighted", [False, True], ids=["no weights", "weights"])
@pytest.mark.parametrize("name", EVERY_LOSS)
def test_every_loss(name: str, weighted: bool, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((6,)), layers.Dense(5, "relu"), loss=getattr(losses, name)(), metrics=[])

    y, _ = labels_for(name, (19, 3))
    weights = WEIGHTS[:19] if weighted else None
    assert_right(name, make, X[:19], y.astype("float32"), sources, monkeypatch, sample_weight=weights)


@pytest.mark.parametrize("more", [{}, ALL], ids=["plain", "with all options"])
@pytest.mark.parametrize("name", RULES)
def test_every_rule(name: str, more: Any, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((6,)), layers.Dense(5, "relu"), optimizer=RULES[name](0.05, **more))

    assert_the_same(make, X[:19], CLASSES[:19], sources, monkeypatch, **SEVERAL)


@pytest.mark.parametrize("floatx", ["float64", "float16"])
def test_float_types(floatx: str, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("minifit.backend._floatx", floatx)
    parts = VECTORS["relu and dropout"]
    assert_the_same(lambda: model_of(layers.Input((6,)), *parts()), X, CLASSES, sources, monkeypatch)


# --------------------------------------------------------------------------- what may not be repeated


def test_what_a_user_wrote_is_called_at_every_step() -> None:
    calls = []

    class Counting(layers.Layer):
        def call(self, inputs: Any) -> Any:
            calls.append(len(inputs))
            return inputs

    class Own(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.dense = layers.Dense(3)

        def call(self, inputs: Any) -> Any:
            calls.append(len(inputs))
            return self.dense(inputs)

    def note(y_true: Any, y_pred: Any) -> Any:
        calls.append(len(y_pred))
        return losses.mean_squared_error(y_true, y_pred)

    def activation(x: Any) -> Any:
        calls.append(len(x))
        return x

    def built(*parts: Any, loss: Any = "mse", **others: Any) -> Any:
        model = keras.Sequential([layers.Input((6,)), *parts, layers.Dense(3, **others)])
        model.compile("sgd", loss)
        return model

    own = Own()
    own.compile("sgd", "mse")
    for model in (
        built(Counting()),
        own,
        built(loss=note),
        built(activation=activation),
        built(layers.Lambda(activation)),
        built(kernel_regularizer=lambda w: calls.append(16) or np.sum(w * w)),
        built(activity_regularizer=lambda w: calls.append(16) or np.sum(w * w)),
    ):
        before = len(calls)
        model.fit(X[:64], ONE_HOT[:64], batch_size=B, epochs=2, shuffle=False, verbose=0)
        assert calls[before:].count(16) >= 8


def test_batch_statistics_move_at_every_step(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(layers.Input((6,)), layers.Dense(5), layers.BatchNormalization())

    quick, _ = trained(make, X, CLASSES, None)
    slow, _ = trained(make, X, CLASSES, monkeypatch)
    for a, b in zip(quick.get_weights(), slow.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_bad_label_is_found_in_a_later_batch() -> None:
    def batches() -> Any:
        for i in range(6):
            yield X[:B], CLASSES[:B] + (1 if i == 5 else 0)

    model = model_of(layers.Input((6,)))
    with pytest.raises(ValueError, match="y_true holds the label 3"):
        model.fit(batches(), epochs=1, steps_per_epoch=6, verbose=0)


def test_a_layer_frozen_between_epochs_stays(sources: Any) -> None:
    model = model_of(layers.Input((6,)), layers.Dense(5, "relu"), optimizer="sgd")

    class Freeze(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            if epoch == 1:
                self.model.layers[0].trainable = False
                self.kernel = self.model.layers[0].kernel.numpy()

    freeze = Freeze()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is no gradient for the frozen ones
        model.fit(X, CLASSES, batch_size=B, epochs=4, verbose=0, callbacks=[freeze])
    np.testing.assert_array_equal(model.layers[0].kernel.numpy(), freeze.kernel)


def test_weights_set_by_a_callback_are_those_of_the_next_step(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Halve(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if batch == 2:
                self.model.set_weights([w / 2 for w in self.model.get_weights()])
                self.model.optimizer.learning_rate = 0.5

    def make() -> Any:
        return model_of(layers.Input((6,)), layers.Dense(5, "relu"), optimizer="sgd")

    assert_the_same(make, X, CLASSES, sources, monkeypatch, callbacks=[Halve()])


def test_the_logs_of_every_batch_are_those_of_the_batches_so_far() -> None:
    seen: list[float] = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            seen.append(logs["accuracy"])

    model = model_of(layers.Input((6,)), optimizer=optimizers.SGD(0.0))
    model.fit(X, CLASSES, batch_size=B, shuffle=False, verbose=0, epochs=2, callbacks=[Look()])
    right = model.predict(X, verbose=0).argmax(axis=1) == CLASSES
    wanted = [right[: min(end, N)].mean() for end in range(B, N + B, B)]
    np.testing.assert_allclose(seen, wanted * 2, rtol=1e-6)


def test_a_value_from_elsewhere_gives_the_recording_up() -> None:
    w, x = keras.Variable([1.0, 2.0]), np.array([3.0, 4.0], "float32")
    with Recording() as recording:
        y = np.sum(w * (x * 2))  # x * 2 is plain NumPy, and nobody notes it
    with pytest.raises(NotRepeatable, match="comes from outside"):
        recording.as_function({"x": x}, [w], [y.value])
    with Recording() as recording:
        y = np.sum(w * x) * np.max(x)
    with pytest.raises(NotRepeatable, match="comes from outside"):
        recording.as_function({"x": x}, [w], [y.value])
    with Recording() as recording:
        w.assign([0.0, 0.0])
        y = np.sum(w * x)
    with pytest.raises(NotRepeatable, match="a variable changes"):
        recording.as_function({"x": x}, [w], [y.value])


def test_labels_in_a_dict_are_measured_too() -> None:
    x = keras.Input((6,))
    model = keras.Model(x, {"a": layers.Dense(3, activation="softmax", name="a")(x)})
    model.compile("sgd", {"a": "mse"}, metrics={"a": ["mae"]})
    logs = model.fit(X, {"a": ONE_HOT}, batch_size=B, epochs=2, verbose=0).history
    assert len(logs["mae"]) == 2


def test_layers_find_metrics_by_what_they_can() -> None:
    class Counting(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.seen = keras.metrics.Sum(name="seen")

        def call(self, inputs: Any) -> Any:
            self.seen.update_state(len(inputs))
            return inputs

    layer = Counting()
    layer(X)
    assert [metric.name for metric in layer.metrics] == ["seen"]


def test_a_fit_that_an_error_ended_leaves_nothing_to_the_next_compile() -> None:
    class Fail(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            raise RuntimeError("enough")

    model = model_of(layers.Input((6,)), optimizer="sgd", metrics=[])
    with pytest.raises(RuntimeError, match="enough"):
        model.fit(X, CLASSES, batch_size=10, verbose=0, callbacks=[Fail()])
    model.compile(model.optimizer, lambda y_true, y_pred: np.sum(y_pred * 0 + 7.0, axis=-1))
    assert model.train_on_batch(X[:10], CLASSES[:10]) == pytest.approx(21.0)


# --------------------------------------------------------------------------- what changes on the way


class Act(keras.callbacks.Callback):
    """Does something to the model after a batch of the first epoch."""

    def __init__(self, act: Any, batch: int = 2) -> None:
        super().__init__()
        self.act, self.at, self.steps = act, batch, 0

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.steps += 1
        if self.steps == self.at + 1:
            self.act(self.model)


class ActLater(keras.callbacks.Callback):
    """Does something to the model after the second epoch."""

    def __init__(self, act: Any) -> None:
        super().__init__()
        self.act = act

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if epoch == 1:
            self.act(self.model)


def _of_layer(**attributes: Any) -> Any:
    def change(model: Any) -> None:
        for name, value in attributes.items():
            setattr(model.layers[1] if hasattr(model.layers[1], name) else model.layers[0], name, value)

    return change


CHANGES: dict[str, tuple[Any, Any]] = {
    "rate": (lambda: layers.Dropout(0.3), _of_layer(rate=0.6)),
    "epsilon": (layers.BatchNormalization, _of_layer(epsilon=0.5)),
    "statistics frozen": (layers.BatchNormalization, _of_layer(trainable=False)),
    "scale": (lambda: layers.Rescaling(2.0), _of_layer(scale=3.0)),
    "activation": (lambda: layers.Activation("relu"), _of_layer(activation=activations.tanh)),
    "the user's activation": (lambda: layers.Activation("relu"), _of_layer(activation=lambda x: x * 0.5)),
    "inner rate": (
        lambda: keras.Sequential([layers.Dense(4), layers.Dropout(0.3)]),
        lambda model: setattr(model.layers[1].layers[1], "rate", 0.7),
    ),
    "strength": (
        lambda: layers.Dense(4, kernel_regularizer=regularizers.L2(0.1)),
        lambda model: setattr(model.layers[1].kernel_regularizer, "l2", 0.5),
    ),
    "a new penalty": (
        lambda: layers.Dense(4),
        lambda model: setattr(model.layers[1].kernel, "regularizer", regularizers.L1(0.1)),
    ),
    "trainable": (lambda: layers.Dense(4), lambda model: setattr(model.layers[0].kernel, "trainable", False)),
    "call": (lambda: layers.Dense(4), lambda model: setattr(model.layers[1], "call", lambda x: x[:, :4] * 2.0)),
    "loss": (list, lambda model: model.compile(model.optimizer, "mae")),
    "optimizer": (list, lambda model: model.compile("sgd", "mae")),
    "the loss's reduction": (list, lambda model: setattr(model.loss, "reduction", "sum")),
    "a layer more": (list, lambda model: model.add(layers.Activation("tanh"))),
    "epsilon of all": (list, lambda model: keras.config.set_epsilon(0.1)),
}


@pytest.mark.filterwarnings("ignore:.*[Gg]radient.*")
@pytest.mark.parametrize("when", [Act, ActLater], ids=["between batches", "between epochs"])
@pytest.mark.parametrize(("part", "change"), CHANGES.values(), ids=CHANGES)
def test_what_a_callback_changes_holds_from_the_next_step_on(
    part: Any, change: Any, when: Any, sources: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def make() -> Any:
        keras.config.set_epsilon(1e-7)
        inner = part()
        inner = [inner] if inner != [] else []
        loss = losses.KLDivergence() if not inner else losses.MeanSquaredError()
        return model_of(layers.Input((6,)), layers.Dense(5), *inner, loss=loss, metrics=[])

    try:
        results = [trained(make, X, ONE_HOT, patch, callbacks=[when(change)])[0] for patch in (None, monkeypatch)]
    finally:
        keras.config.set_epsilon(1e-7)
    assert any(text.startswith("def step(") for found in sources for text in found.values())
    for a, b in zip(*(model.get_weights() for model in results), strict=True):
        np.testing.assert_array_equal(a, b)


def test_what_is_one_array_today_may_be_two_tomorrow(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, w = X[:B], X[B : 2 * B], WEIGHTS[:B]

    def make(units: int) -> Any:
        model = keras.Sequential([layers.Input((6,)), layers.Dense(units)])
        model.compile("sgd", "mse")
        return model

    def batches(first: Any, second: Any) -> Any:
        for i in range(8):
            yield first if i < 4 else second

    for units, first, second in ((6, (a, a), (a, b)), (1, (a, w, w), (a, w, WEIGHTS[B : 2 * B]))):
        results = []
        for patch in (None, monkeypatch):
            fit = {"batch_size": None, "epochs": 1, "steps_per_epoch": 8}
            results.append(trained(functools.partial(make, units), batches(first, second), None, patch, **fit)[0])
        for quick, slow in zip(*(model.get_weights() for model in results), strict=True):
            np.testing.assert_array_equal(quick, slow)


def test_data_that_a_callback_changes_in_place(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = []
    for patch in (None, monkeypatch):
        y = CLASSES.copy()
        turn = Act(lambda model, y=y: np.copyto(y, (y + 1) % 3))
        make = functools.partial(model_of, layers.Input((6,)))
        logs.append(trained(make, X, y, patch, shuffle=False, callbacks=[turn])[1])
    np.testing.assert_allclose(logs[0]["accuracy"], logs[1]["accuracy"], rtol=1e-6)


@pytest.mark.parametrize("hook", ["on_train_batch_end", "on_epoch_end"])
def test_a_model_is_copied_while_it_is_fitted(hook: str, sources: Any) -> None:
    copies: list[Any] = []

    class Copy(keras.callbacks.Callback):
        pass

    def take(self: Any, i: int, logs: Any = None) -> None:
        if i == 2:
            copies.extend([copy.deepcopy(self.model), pickle.loads(pickle.dumps(self.model))])

    setattr(Copy, hook, take)
    model = model_of(layers.Input((6,)), layers.Dropout(0.3, seed=1))
    model.fit(X, CLASSES, batch_size=B, epochs=3, verbose=0, callbacks=[Copy()])
    for other in copies:
        other.fit(X, CLASSES, batch_size=B, epochs=3, shuffle=False, verbose=0)
    assert len(copies) == (6 if hook == "on_train_batch_end" else 2)
    for a, b in zip(copies[::2], copies[1::2], strict=True):
        np.testing.assert_array_equal(a.get_weights()[0], b.get_weights()[0])
    assert len(sources) == 1 + len(copies)
    assert recorded(sources)


def test_a_fit_that_was_interrupted_goes_on(sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def stop(model: Any) -> None:
        raise KeyboardInterrupt

    def interrupted(at: int) -> Any:
        model = model_of(layers.Input((6,)), layers.Dropout(0.3))
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, CLASSES, batch_size=B, verbose=0, callbacks=[Act(stop, at)])
        return model

    for at in range(4):
        assert_the_same(functools.partial(interrupted, at), X, CLASSES, sources, monkeypatch)
        sources.clear()


def test_predictions_that_somebody_keeps_stay_what_they_were() -> None:
    kept: list[Any] = []

    def keep(y_true: Any, y_pred: Any) -> Any:
        kept.append((y_pred, np.array(y_pred)))
        return np.mean(y_pred, axis=-1)

    model = model_of(layers.Input((6,)), layers.Dense(5, "relu"), layers.Dense(3), metrics=[keep], loss="mse")
    model.fit(X, ONE_HOT, batch_size=B, epochs=4, verbose=0)
    assert len(kept) >= 20
    for now, then in kept:
        np.testing.assert_array_equal(np.array(now), then)


@pytest.mark.parametrize("policy", ["float16", "mixed_float16", "bfloat16", "mixed_bfloat16", "float64"])
def test_policies(policy: str, sources: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(
            *(layers.Input((6,)), layers.Dense(5, "relu"), layers.BatchNormalization(), layers.Dropout(0.3)),
        )

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        results = [trained(make, X, CLASSES, patch)[0] for patch in (None, monkeypatch)]
    finally:
        keras.config.set_dtype_policy(before)
    assert recorded(sources)
    for a, b in zip(*(model.get_weights() for model in results), strict=True):
        np.testing.assert_array_equal(a, b)


def test_nothing_of_a_step_waits_to_be_tidied_up() -> None:
    model = model_of(layers.Input((6,)), layers.Dense(64, "relu"), layers.Dropout(0.3))
    model.fit(X[:B], CLASSES[:B], batch_size=B, verbose=0)
    gc.collect()
    gc.disable()
    try:
        for rate in (0.3, 0.5):  # with the second what was recorded with the first is given up
            model.layers[1].rate = rate
            model.fit(X, CLASSES, batch_size=B, epochs=3, verbose=0)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        waiting = [x for thing in gc.garbage for x in gc.get_referents(thing) if type(x) is np.ndarray and x.size >= 64]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not waiting


def test_shapes_without_end_are_not_all_recorded() -> None:
    model = model_of(layers.Input((6,)), metrics=[])
    model.fit(((X[:n], CLASSES[:n]) for n in range(1, 50) for _ in range(3)), steps_per_epoch=147, verbose=0)
    assert len(model._repeated.sources) == 32
