"""Short ways through the loop give what the long ways give: batches joined, gradients in place, a mean in its loss."""

import numpy as np
import pytest

import minifit as keras
from minifit import ops

RNG = np.random.default_rng(0)
X, LABELS = RNG.normal(size=(150, 6)).astype("float32"), RNG.integers(0, 3, 150)


class Listener(keras.callbacks.Callback):
    """Whoever listens to batches gets each by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[int] = []

    def on_test_batch_end(self, batch, logs=None):
        self.steps.append(batch)

    on_predict_batch_end = on_test_batch_end


def classifier(*extra, loss="sparse_categorical_crossentropy", metrics=("accuracy",)):
    keras.utils.set_random_seed(1)
    layers = [keras.layers.Dense(8, "relu"), *extra, keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax")]
    model = keras.Sequential([keras.Input((6,)), *layers])
    model.compile("adam", loss, metrics=list(metrics))
    return model


@pytest.fixture
def watched(monkeypatch):
    """The numbers of rows that any Dense of 3 units was given."""
    seen: list[int] = []
    call = keras.layers.Dense.call

    def watching(self, inputs):
        if self.units == 3:
            seen.append(len(inputs))
        return call(self, inputs)

    monkeypatch.setattr(keras.layers.Dense, "call", watching)
    return seen


@pytest.mark.parametrize("weights", [None, RNG.random(150)], ids=["no weights", "weights"])
def test_joined_batches_give_the_same_loss_and_metrics(watched, weights):
    model = classifier()
    joined = model.evaluate(X, LABELS, sample_weight=weights, verbose=0)
    assert watched[-1] == 150
    listener = Listener()
    apart = model.evaluate(X, LABELS, sample_weight=weights, verbose=0, callbacks=[listener])
    assert watched[-1] == 150 - 4 * 32
    assert listener.steps == [0, 1, 2, 3, 4]
    np.testing.assert_allclose(joined, apart, rtol=1e-6)


def test_joined_batches_give_the_same_predictions_and_the_same_progress_bar(watched, capsys):
    model = classifier()
    shown = model.predict(X, verbose=1)
    assert "5/5" in capsys.readouterr().out
    assert watched[-1] == 150
    np.testing.assert_allclose(shown, model.predict(X, verbose=0, callbacks=[Listener()]), rtol=1e-5)


def by_batch(y_true, y_pred):
    return np.max(y_pred)


@pytest.mark.parametrize(
    "model",
    [
        classifier(metrics=[by_batch]),
        classifier(loss=lambda y_true, y_pred: np.max(y_pred)),
        classifier(loss=keras.losses.SparseCategoricalCrossentropy(reduction="sum")),
        classifier(loss=keras.losses.SparseCategoricalCrossentropy(ignore_class=1)),
        classifier(keras.layers.Lambda(lambda x: x - np.mean(x, axis=0))),
        classifier(keras.layers.Dense(8, lambda x: x / np.sum(x, axis=0))),
        classifier(keras.layers.Dense(8, activity_regularizer="l2")),
        classifier(keras.layers.Softmax(axis=0)),
    ],
    ids=["metric", "loss", "sum", "ignored class", "lambda", "activation", "activity", "over samples"],
)
def test_what_looks_at_whole_batches_gets_them_as_they_are(watched, model):
    model.evaluate(X, LABELS, verbose=0)
    assert watched
    assert max(watched) == 32


def test_large_batches_are_not_joined(watched):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input((2**15,)), keras.layers.Dense(3)])
    model.predict(np.zeros((70, 2**15), "float32"), verbose=0)
    assert watched[-3:] == [32, 32, 6]


def test_validation_is_what_evaluate_gives():
    model = classifier()
    history = model.fit(X, LABELS, validation_data=(X, LABELS), verbose=0).history
    assert model.evaluate(X, LABELS, verbose=0) == [history["val_loss"][0], history["val_accuracy"][0]]


def test_gradients_written_in_place_add_up_where_a_layer_is_used_twice():
    keras.utils.set_random_seed(2)
    kernel = keras.Variable(RNG.normal(size=(3, 3)))
    bias = keras.Variable(RNG.normal(size=3))
    x = RNG.normal(size=(4, 3)).astype("float32")

    def gradients(**options):
        with keras.GradientTape() as tape:
            loss = np.sum(ops.dense(ops.dense(x, kernel, bias, relu=True), kernel, bias))
        return tape.gradient(loss, [kernel, bias], **options)

    room = np.empty((3, 3), "float32")
    for ours, plain in zip(gradients(out={id(kernel): room}), gradients(), strict=True):
        np.testing.assert_allclose(ours, plain.numpy(), rtol=1e-6)


def test_relu_inside_dense_has_the_gradient_of_relu_behind_it():
    keras.utils.set_random_seed(2)
    inputs = [keras.Variable(RNG.normal(size=s), dtype="float64") for s in ((2, 5, 3), (3, 4), (4,))]

    def both_orders(function):
        with keras.GradientTape() as outer:
            with keras.GradientTape() as inner:
                loss = np.sum(np.square(function(*inputs)))
            first = inner.gradient(loss, inputs)
            total = sum(np.sum(np.square(g)) for g in first)
        return [g.numpy() for g in (*first, *outer.gradient(total, inputs))]

    for ours, apart in zip(
        both_orders(lambda x, k, b: ops.dense(x, k, b, relu=True)),
        both_orders(lambda x, k, b: ops.relu(ops.dense(x, k, b))),
        strict=True,
    ):
        np.testing.assert_allclose(ours, apart, rtol=1e-12)


@pytest.mark.parametrize("from_logits", [True, False])
@pytest.mark.parametrize("kind", ["mse", "sparse"])
def test_a_mean_within_the_loss_has_the_gradients_of_one_behind_it(kind, from_logits):
    logits = keras.Variable(RNG.normal(size=(7, 3)), dtype="float64")
    y_true = LABELS[:7] if kind == "sparse" else RNG.normal(size=(7, 3))
    loss: keras.losses.Loss = keras.losses.MeanSquaredError(dtype="float64")
    if kind == "sparse":
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=from_logits, dtype="float64")

    def both_orders(weights):
        with keras.GradientTape() as outer:
            with keras.GradientTape() as inner:
                y_pred = logits * 1.0 if from_logits else keras.activations.softmax(logits)
                value = loss(y_true, y_pred, weights)
            first = inner.gradient(value, logits)
            total = np.sum(np.square(first))
        return value.numpy(), first.numpy(), outer.gradient(total, logits).numpy()

    for ours, weighted in zip(both_orders(None), both_orders(np.ones(7)), strict=True):
        np.testing.assert_allclose(ours, weighted, rtol=1e-10, atol=1e-14)
