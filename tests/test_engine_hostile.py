"""Uses that a tutorial never shows and a semester always brings."""

import copy
import io
import threading
import warnings

import numpy as np
import pytest

import minifit as keras

RNG = np.random.default_rng(3)
X = RNG.normal(size=(23, 4)).astype("float32")
Y = RNG.normal(size=(23, 1)).astype("float32")
LABELS = RNG.integers(0, 3, 23)


def dense_model(**compile_arguments):
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(5, activation="relu"), keras.layers.Dense(1)])
    model.compile(**{"optimizer": "adam", "loss": "mse", **compile_arguments})
    return model


# --- what a model owns ---------------------------------------------------------------------------


def test_layers_in_lists_tuples_and_dicts_are_trained_whenever_they_were_put_there():
    class Blocks(keras.Model):
        def __init__(self):
            super().__init__()
            self.hidden = []
            self.hidden.append(keras.layers.Dense(3))
            self.named = {"out": keras.layers.Dense(1)}
            self._private = (keras.layers.Dense(2),)

        def call(self, inputs):
            return self.named["out"](self._private[0](self.hidden[0](inputs)))

    model = Blocks()
    model(X)
    assert len(model.trainable_variables) == 6


def test_unfreezing_leaves_alone_what_was_never_trainable():
    class Counts(keras.layers.Layer):
        def build(self, input_shape):
            self.seen = self.add_weight((), "zeros", trainable=False, name="seen")
            self.scale = self.add_weight((), "ones", name="scale")

        def call(self, inputs):
            return inputs * self.scale

    model = keras.Sequential([keras.Input((4,)), Counts(), keras.layers.Dense(1)])
    model.trainable = False
    assert model.trainable_variables == []
    model.trainable = True
    assert [v.name for v in model.trainable_variables] == ["scale", "kernel", "bias"]


def test_weights_keep_their_order_while_part_of_a_model_is_frozen_and_fit_runs():
    model = dense_model()
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    shapes = []
    look = keras.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: shapes.append([w.shape for w in model.get_weights()])
    )
    before = model.layers[0].get_weights()
    model.fit(X, Y, verbose=0, callbacks=[look])
    assert shapes == [[(4, 5), (5,), (5, 1), (1,)]]
    assert all(np.array_equal(a, b) for a, b in zip(before, model.layers[0].get_weights(), strict=True))


# --- tapes ---------------------------------------------------------------------------------------


def test_a_gradient_is_that_of_the_value_the_tape_has_seen():
    v = keras.Variable(3.0)
    with keras.GradientTape() as tape:
        loss = v * v
    v.assign(100.0)
    assert float(tape.gradient(loss, v)) == 6.0


def test_a_gradient_after_an_optimizer_has_changed_its_weight_raises():
    v = keras.Variable(3.0)
    optimizer = keras.optimizers.SGD(0.1)
    optimizer.apply([np.float32(0)], [v])
    with keras.GradientTape(persistent=True) as tape:
        loss = v * v
    optimizer.apply([np.float32(1)], [v])
    with pytest.raises(RuntimeError, match="Take all gradients first"):
        tape.gradient(loss, v)


def test_a_layer_may_move_its_own_statistics_while_it_trains():
    class Centre(keras.layers.Layer):
        def build(self, input_shape):
            self.moving = self.add_weight((input_shape[-1],), "zeros", trainable=False, name="moving")
            self.scale = self.add_weight((input_shape[-1],), "ones", name="scale")

        def call(self, inputs, training=False):
            centred = (inputs - self.moving) * self.scale
            if training:
                self.moving.assign(0.9 * self.moving + 0.1 * keras.ops.mean(inputs, axis=0))
            return centred

    model = keras.Sequential([keras.Input((4,)), Centre(), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(X, Y, epochs=2, verbose=0)
    assert np.any(model.layers[0].moving.numpy() != 0)


def test_a_gradient_that_does_not_pass_the_changed_weight_is_still_given():
    generator, critic = keras.Variable(2.0), keras.Variable(5.0)
    with keras.GradientTape() as tape:
        made = generator * 3.0
        loss = critic * made
    generator.assign(0.0)
    assert float(tape.gradient(loss, critic)) == 6.0


def test_the_gradient_of_probabilities_is_there_beside_the_short_way_to_the_weights():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    with keras.GradientTape() as tape:
        p = model(X)
        loss = keras.losses.SparseCategoricalCrossentropy()(LABELS, p)
    dp, *both = tape.gradient(loss, [p, *model.trainable_variables])
    with keras.GradientTape() as tape:
        loss = keras.losses.SparseCategoricalCrossentropy()(LABELS, model(X))
    alone = tape.gradient(loss, model.trainable_variables)
    hot = np.eye(3)[LABELS]
    np.testing.assert_allclose(dp.numpy(), (1 - hot / p.numpy()) / len(X), rtol=1e-4, atol=1e-6)
    for a, b in zip(both, alone, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=1e-6)


def test_watching_a_variable_does_not_make_it_trainable():
    v = keras.Variable(2.0, trainable=False)
    with keras.GradientTape() as tape:
        tape.watch(v)
        loss = v * v
    assert float(tape.gradient(loss, v)) == 4.0
    assert not v.trainable


def test_sources_may_be_nested_and_must_be_tensors():
    a, b = keras.Variable(2.0), keras.Variable(3.0)
    with keras.GradientTape() as tape:
        loss = a * b
    found = tape.gradient(loss, {"a": a, "rest": [b]})
    assert (float(found["a"]), float(found["rest"][0])) == (3.0, 2.0)
    with pytest.raises(TypeError, match="Variables or Tensors"), keras.GradientTape() as tape:
        tape.gradient(a * b, np.ones(3))


def test_a_thread_that_predicts_while_another_trains_drops_nothing_out():
    dropping = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5)])
    stop, ones = threading.Event(), np.ones((50, 4), "float32")

    def train():
        while not stop.is_set():
            dropping(ones, training=True)

    class Outer(keras.Model):
        def __init__(self):
            super().__init__()
            self.inner = keras.layers.Dropout(0.5)

        def call(self, inputs):
            return self.inner(inputs)

    thread = threading.Thread(target=train)
    thread.start()
    try:
        outer = Outer()
        assert all(np.array_equal(outer(ones, training=False).numpy(), ones) for _ in range(100))
    finally:
        stop.set()
        thread.join()


# --- hand-written layers -------------------------------------------------------------------------


class ByHand:
    def __init__(self, units):
        self.units = units

    def build(self, features, rng):
        self.kernel = rng.normal(size=(features, self.units)).astype("float32")
        self.dkernel = np.zeros_like(self.kernel)

    def forward(self, x):
        self.x = x
        return x @ self.kernel

    def backward(self, dy):
        self.dkernel = self.x.T @ dy
        return dy @ self.kernel.T


def test_a_hand_written_layer_trains_like_the_engines_own():
    own = keras.Sequential([keras.Input((4,)), ByHand(1)])
    theirs = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, use_bias=False)])
    theirs.set_weights(own.get_weights())
    runs = []
    for model in (own, theirs):
        model.compile(keras.optimizers.Adam(0.1), "mse")
        runs.append(model.fit(X, Y, epochs=3, shuffle=False, verbose=0).history["loss"])
    assert runs[0] == pytest.approx(runs[1], rel=1e-6)


def test_a_hand_written_layer_called_twice_before_backward_is_refused():
    layer = keras.layers.Foreign(ByHand(4))
    with keras.GradientTape() as tape:
        loss = keras.ops.sum(layer(layer(X)))
    with pytest.raises(RuntimeError, match="Use two objects"):
        tape.gradient(loss, layer.trainable_variables)


def test_a_hand_written_layer_may_not_write_into_what_it_is_given():
    class InPlace:
        def forward(self, x):
            x[x < 0] = 0
            return x

        def backward(self, dy):
            return dy

    model = keras.Sequential([InPlace()])
    before = X.copy()
    with pytest.raises(ValueError, match=r"InPlace\.forward\(\) must not change"):
        model.predict(X, verbose=0)
    assert np.array_equal(before, X)


def test_adding_to_a_variable_keeps_its_shape():
    v = keras.Variable([1.0])
    v.assign_add(2.0)
    assert v.numpy().tolist() == [3.0]
    with pytest.raises(ValueError, match="broadcast"):
        v.assign_add(np.ones(5))


def test_an_inner_gradient_uses_the_constants_that_were_seen():
    v, c = keras.Variable(3.0), keras.Variable(2.0, trainable=False)
    with keras.GradientTape() as outer:
        with keras.GradientTape() as inner:
            y = c * v * v
        c.assign(51.0)
        slope = inner.gradient(y, v)
    assert float(slope) == 12.0
    assert float(outer.gradient(slope, v)) == 4.0


def test_accuracy_may_be_written_in_capitals():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, activation="softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy", metrics=["Accuracy"])
    assert "Accuracy" in model.fit(X, LABELS, verbose=0).history


# --- data and types ------------------------------------------------------------------------------


def test_uint8_labels_do_not_wrap_in_a_loss_of_ones_own():
    def hinge(y_true, y_pred):
        return np.maximum(1 - (2 * y_true - 1) * y_pred[:, 0], 0)

    y = (LABELS > 0).astype("uint8")
    model = dense_model(loss=hinge)
    assert model.evaluate(X, y, verbose=0) == pytest.approx(model.evaluate(X, y.astype(float), verbose=0))


def test_integer_images_may_go_straight_into_dropout():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit(RNG.integers(0, 256, (9, 4), dtype="uint8"), np.zeros((9, 1)), verbose=0)
    assert model.predict(np.zeros((2, 4), "uint8"), verbose=0).dtype == np.float32


def test_a_row_of_numbers_is_a_column_for_a_model_of_one_feature():
    model = keras.Sequential([keras.layers.Dense(1, input_shape=[1])])
    model.compile("sgd", "mse")
    model.fit(np.arange(6.0), 2 * np.arange(6.0), epochs=600, verbose=0)
    assert model.predict(np.array([10.0]), verbose=0)[0, 0] == pytest.approx(20, abs=0.2)


def test_a_frame_of_floats_and_booleans_is_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [0.5, 1.5], "b": [True, False]})
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    assert model.predict(frame, verbose=0).shape == (2, 1)


def test_half_precision_data_raise_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        dense_model().fit(np.full((4000, 4), 100, "float16"), np.ones((4000, 1)), verbose=0, batch_size=4000)


# --- a run that is cut, copied, saved --------------------------------------------------------------


def test_a_fit_that_raises_leaves_a_model_that_can_be_frozen_and_trained():
    model = dense_model()

    def fail(batch, logs):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        model.fit(X, Y, verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_train_batch_end=fail)])
    model.layers[0].trainable = False
    model.compile("sgd", "mse")
    before = model.layers[0].get_weights()[0]
    model.fit(X, Y, verbose=0)
    assert np.array_equal(before, model.layers[0].get_weights()[0])


def test_a_saved_model_is_compiled_as_it_was(tmp_path):
    model = dense_model(loss=keras.losses.MeanSquaredError(reduction="sum"), weighted_metrics=["mae"], loss_weights=0.5)
    model.fit(X, Y, verbose=0)
    model.save(tmp_path / "m.keras")
    again = keras.load_model(tmp_path / "m.keras")
    assert again.evaluate(X, Y, verbose=0) == pytest.approx(model.evaluate(X, Y, verbose=0), rel=1e-6)
    for m in (model, again):
        m.fit(X, Y, verbose=0, shuffle=False)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), again.get_weights(), strict=True))


def test_a_model_compiled_with_parts_of_ones_own_asks_for_them(tmp_path):
    def ten_times(y_true, y_pred):
        return 10 * keras.ops.square(y_true - y_pred)[:, 0]

    model = dense_model(loss=ten_times)
    model.save(tmp_path / "m.keras")
    with pytest.raises(ValueError, match=r"'ten_times'.*custom_objects"):
        keras.load_model(tmp_path / "m.keras")
    assert not keras.load_model(tmp_path / "m.keras", compile=False).compiled
    again = keras.load_model(tmp_path / "m.keras", custom_objects={"ten_times": ten_times})
    assert again.evaluate(X, Y, verbose=0) == model.evaluate(X, Y, verbose=0)


def test_a_model_in_a_model_can_be_saved_and_a_hand_written_layer_is_refused_at_once(tmp_path):
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    model = keras.Sequential([inner, keras.layers.Dense(1)])
    model.save(tmp_path / "m.keras")
    again = keras.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again.predict(X, verbose=0), model.predict(X, verbose=0))
    with pytest.raises(ValueError, match="save_weights"):
        keras.Sequential([keras.Input((4,)), ByHand(2)]).save(tmp_path / "n.keras")


def test_a_file_that_was_cut_short_is_named(tmp_path):
    path = tmp_path / "w.npz"
    dense_model().save_weights(path)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(ValueError, match=r"w\.npz cannot be read"):
        dense_model().load_weights(path)


def test_a_seeded_dropout_keeps_its_own_stream():
    first, second = (keras.layers.Dropout(0.5, seed=1) for _ in range(2))
    ones = np.ones((8, 8), "float32")
    a = first(ones, training=True).numpy()
    keras.utils.set_random_seed(9)
    assert np.array_equal(a, second(ones, training=True).numpy())
    assert not np.array_equal(a, first(ones, training=True).numpy())


def test_fit_prints_where_the_console_knows_no_box_drawing(monkeypatch):
    console = io.TextIOWrapper(io.BytesIO(), encoding="cp1252")
    monkeypatch.setattr("sys.stdout", console)
    dense_model().fit(X, Y, epochs=1)
    dense_model().summary()
    console.flush()
    assert b"------" in console.buffer.getvalue()


def test_a_deep_copy_trains_apart_from_its_original():
    model = dense_model()
    model.fit(X, Y, verbose=0)
    twin = copy.deepcopy(model)
    before = model.get_weights()
    twin.fit(X, Y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    assert not np.array_equal(before[0], twin.get_weights()[0])


def test_a_metric_as_keras_guide_writes_it():
    class TruePositives(keras.metrics.Metric):
        def __init__(self, name="tp"):
            super().__init__(name=name)
            self.count = self.add_weight(name="tp", initializer="zeros")

        def update_state(self, y_true, y_pred, sample_weight=None):
            hit = keras.ops.logical_and(keras.ops.equal(y_true, 1), y_pred[:, 0] > 0.5)
            self.count.assign_add(keras.ops.sum(keras.ops.cast(hit, "float32")))

        def result(self):
            return self.count

    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy", metrics=[TruePositives()])
    y = (LABELS > 0).astype("float32")
    hits = int(((model.predict(X, verbose=0)[:, 0] > 0.5) & (y == 1)).sum())
    for _ in range(2):
        assert model.evaluate(X, y, verbose=0, return_dict=True)["tp"] == hits
