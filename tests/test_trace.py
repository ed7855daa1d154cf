"""trace and watch: every array of a step, the model left as it was, the first difference named."""

import numpy as np
import pytest

import minifit as keras
from minifit import random
from minifit.trace import _difference, trace, watch

N, FEATURES, UNITS, CLASSES = 23, 5, 4, 3


@pytest.fixture
def batch():
    rng = np.random.default_rng(0)
    return rng.normal(size=(N, FEATURES)).astype("float32"), rng.integers(0, CLASSES, size=N)


def build(optimizer="adam", metrics=("accuracy",), seed=7):
    keras.utils.set_random_seed(seed)
    model = keras.Sequential(
        [
            keras.Input(shape=(FEATURES,)),
            keras.layers.Dense(UNITS, activation="relu"),
            keras.layers.Dropout(0.5),
            keras.layers.Dense(CLASSES, activation="softmax"),
        ]
    )
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy", metrics=list(metrics))
    return model


def everything(model):
    """All that training changes, as plain comparable data."""
    return {
        "weights": [w.tolist() for w in model.get_weights()],
        "optimizer": repr(model.optimizer.get_state()),
        "metrics": repr([(m.name, m.result()) for m in model.metrics]),
        "streams": repr(random.get_state()),
    }


def names(traced, step):
    return [row.name for row in traced.rows if row.step == step]


def test_steps_come_in_the_order_of_the_loop(batch):
    steps = [row.step for row in trace(build(), *batch).rows]
    assert list(dict.fromkeys(steps)) == ["data", "forward", "loss", "gradients", "update", "metrics"]


def test_each_layer_has_its_weights_and_its_output_with_shapes(batch):
    traced = trace(build(), *batch)
    forward = [row for row in traced.rows if row.step == "forward"]
    shapes = [row.value.shape for row in forward]
    assert shapes == [
        (FEATURES, UNITS),
        (UNITS,),
        (N, UNITS),
        (N, UNITS),
        (UNITS, CLASSES),
        (CLASSES,),
        (N, CLASSES),
    ]
    np.testing.assert_allclose(forward[-1].value.sum(axis=-1), 1, rtol=1e-5)


def test_update_is_what_the_optimizer_makes_of_the_gradients(batch):
    model = build(optimizer=keras.optimizers.SGD(0.1))
    traced = trace(model, *batch)
    kernel = names(traced, "gradients")[0]
    np.testing.assert_allclose(
        traced[f"change of {kernel}"], -0.1 * traced[f"gradients {kernel}"], rtol=1e-3, atol=1e-8
    )


def test_loss_and_metrics_are_those_of_train_on_batch(batch):
    traced = trace(build(), *batch)
    logs = build().train_on_batch(*batch, return_dict=True)
    assert traced["metrics loss"] == pytest.approx(logs["loss"])
    assert traced["metrics accuracy"] == pytest.approx(logs["accuracy"])
    assert traced["loss loss"] == pytest.approx(logs["loss"], rel=1e-6)


@pytest.mark.parametrize("steps_before", [0, 3])
@pytest.mark.parametrize("optimizer", ["adam", "rmsprop", keras.optimizers.SGD(0.1, momentum=0.9)])
def test_model_is_left_exactly_as_it_was(batch, steps_before, optimizer):
    model = build(optimizer=optimizer)
    for _ in range(steps_before):
        model.train_on_batch(*batch)
    before = everything(model)
    trace(model, *batch)
    assert everything(model) == before


def test_training_goes_on_as_if_there_had_been_no_trace(batch):
    plain, traced = build(), build()
    keras.utils.set_random_seed(3)
    expected = plain.fit(*batch, epochs=3, batch_size=4, verbose=0).history
    keras.utils.set_random_seed(3)
    traced.fit(*batch, epochs=1, batch_size=4, verbose=0)
    trace(traced, *batch)
    again = traced.fit(*batch, epochs=3, initial_epoch=1, batch_size=4, verbose=0).history
    assert again["loss"] == expected["loss"][1:]
    assert all(np.array_equal(a, b) for a, b in zip(plain.get_weights(), traced.get_weights(), strict=True))


def test_model_is_left_as_it_was_when_the_step_fails(batch):
    class Broken(keras.Sequential):
        def train_step(self, data):
            super().train_step(data)
            raise RuntimeError("planted")

    model = build()
    broken = Broken(model.layers)
    broken.build((None, FEATURES))
    broken.compile(optimizer="sgd", loss="sparse_categorical_crossentropy")
    before = everything(broken)
    with pytest.raises(RuntimeError, match="planted"):
        trace(broken, *batch)
    assert everything(broken) == before
    assert "compute_loss" not in vars(broken)
    assert all("call" not in vars(layer) for layer in broken.layers)


def test_two_traces_of_one_model_do_not_differ_although_it_drops_out(batch):
    model = build()
    again = trace(model, *batch, against=trace(model, *batch))
    assert again.difference is None
    assert repr(again).endswith("No array differs.")


def test_same_model_under_other_layer_names_does_not_differ(batch):
    one = build()
    keras.layers.Dense(1)  # takes a number, so that the names of the next model differ
    other = build()
    other.set_weights(one.get_weights())
    assert trace(one, *batch, against=other).difference is None


def test_first_difference_names_the_array_and_the_factor(batch):
    slow, fast = build(keras.optimizers.SGD(0.1)), build(keras.optimizers.SGD(0.2))
    told = trace(fast, *batch, against=slow).difference
    assert told.startswith("update change of dense")
    assert told.endswith("Every value is 2 times the other's.")


def test_first_difference_is_the_earliest(batch):
    one, other = build(), build(optimizer="sgd")
    weights = other.get_weights()
    weights[2][1, 1] += 0.5
    other.set_weights(weights)
    told = trace(one, *batch, against=other).difference
    assert told.startswith(f"forward {one.layers[2].name}/kernel: ")
    assert "at [1, 1], the largest of 1 differences in 12 values" in told


def test_difference_of_data_and_of_their_types_is_told(batch):
    x, y = batch
    model = build()
    assert trace(model, x, y, against=trace(model, x + 1, y)).difference.startswith("data x: ")
    assert "dtype float32 against float64" in trace(model, x, y, against=trace(model, x.astype(float), y)).difference
    assert f"shape ({N}, 5) against (9, 5)" in trace(model, x, y, against=trace(model, x[:9], y[:9])).difference


def test_nan_differs_from_a_number_and_not_from_nan():
    assert _difference(np.array([1.0, np.nan]), np.array([1.0, np.nan])) is None
    assert "nan against 2" in _difference(np.array([1.0, np.nan]), np.array([1.0, 2.0]))
    assert _difference(np.array([np.inf, 1.0]), np.array([np.inf, 1.0])) is None


def test_rounding_is_no_difference():
    a = np.linspace(-1, 1, 50, dtype="float32")
    assert _difference(a, a * np.float32(1 + 2e-7)) is None
    assert _difference(a, a * np.float32(1 + 1e-3)) is not None


def test_sample_weight_is_shown_and_changes_the_loss(batch):
    weights = np.linspace(0, 2, N)
    traced = trace(build(), *batch, sample_weight=weights)
    np.testing.assert_array_equal(traced["data sample_weight"], weights)
    assert traced["loss loss"] != trace(build(), *batch)["loss loss"]


def test_own_training_step_is_traced_too(batch):
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(CLASSES)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, y = data
            with keras.GradientTape() as tape:
                loss = self.compute_loss(x, y, self(x, training=True))
            gradients = tape.gradient(loss, self.trainable_variables)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_variables, strict=True))
            return {"loss": loss}

    model = Own()
    model(batch[0][:1])
    model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    traced = trace(model, *batch)
    assert names(traced, "gradients") == [f"{model.dense.name}/kernel", f"{model.dense.name}/bias"]
    assert len(names(traced, "update")) == 2


def test_table_shows_names_shapes_and_values_and_escapes_them_in_html(batch):
    keras.utils.set_random_seed(1)
    model = keras.Sequential([keras.Input(shape=(FEATURES,)), keras.layers.Dense(CLASSES, name="a<b")])
    model.compile(optimizer="sgd", loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    traced = trace(model, *batch)
    assert "a<b/kernel" in repr(traced)
    assert f"({FEATURES}, {CLASSES})" in repr(traced)
    page = traced._repr_html_()
    assert "a&lt;b/kernel" in page
    assert "a<b" not in page
    assert page.count("<tr") == len(traced.rows) + 1


def test_name_that_is_not_there_lists_what_is(batch):
    with pytest.raises(KeyError, match=r"forward .*, loss loss"):
        trace(build(), *batch)["kernle"]


def test_bad_arguments_say_what_to_do(batch):
    with pytest.raises(TypeError, match="expects a model, such as a Sequential; got str"):
        trace("model", *batch)
    with pytest.raises(ValueError, match=r"call model\.compile"):
        trace(keras.Sequential([keras.Input(shape=(FEATURES,)), keras.layers.Dense(1)]), *batch)
    unbuilt = keras.Sequential([keras.layers.Dense(1)])
    unbuilt.compile(optimizer="sgd", loss="mse")
    with pytest.raises(ValueError, match=r"Input\(shape=\.\.\.\)"):
        trace(unbuilt, *batch)
    with pytest.raises(TypeError, match=r"another trace, or a model.*got list"):
        trace(build(), *batch, against=[1])
    with pytest.raises(ValueError, match="samples of shape"):
        trace(build(), batch[0][:, :2], batch[1])


# ----------------------------------------------------------------------- watch


def test_watch_counts_every_part_of_fit(batch):
    model = build()
    with watch(model) as seen:
        model.fit(*batch, validation_data=batch, epochs=2, batch_size=4, verbose=0)
    steps = 2 * 6  # 23 rows in batches of 4: the last one holds 3
    for part in ("data", "forward", "loss", "gradients", "update", "metrics", "validation"):
        assert seen.calls[part] == steps, part
    # train begin and end, epoch begin and end, batch begin and end, and the same of each validation
    assert seen.calls["callbacks"] == 2 + 2 * 2 + 2 * steps + 2 * (2 + 2 * 6)
    assert all(seconds > 0 for part, seconds in seen.seconds.items())


def test_watch_changes_no_result(batch):
    plain, watched = build(), build()
    keras.utils.set_random_seed(3)
    expected = plain.fit(*batch, validation_split=0.3, epochs=2, batch_size=4, verbose=0).history
    keras.utils.set_random_seed(3)
    with watch(watched):
        seen = watched.fit(*batch, validation_split=0.3, epochs=2, batch_size=4, verbose=0).history
    assert seen == expected


def test_watch_takes_its_hands_off_at_the_end_even_after_an_error(batch):
    model = build()
    call, gradient = keras.callbacks.CallbackList.call, keras.GradientTape.gradient
    with pytest.raises(ValueError, match="samples"), watch(model):
        model.fit(batch[0], batch[1][:-1], verbose=0)
    assert keras.callbacks.CallbackList.call is call
    assert keras.GradientTape.gradient is gradient
    assert not {"call", "compute_loss", "_measure"} & set(vars(model))
    assert "apply" not in vars(model.optimizer)


def test_events_of_one_step_follow_each_other(batch):
    model = build()
    with watch(model) as seen:
        model.fit(*batch, batch_size=N, verbose=0)
    parts = [part for part, _, _ in seen.events if part != "callbacks"]
    assert parts == ["data", "forward", "loss", "gradients", "update", "metrics"]
    assert all(start <= end for _, start, end in seen.events)


def test_watch_shows_a_table_with_its_sum(batch):
    model = build()
    with watch(model) as seen:
        model.fit(*batch, batch_size=4, verbose=0)
    together = f"{sum(seen.calls.values()):,}"
    assert together in repr(seen).splitlines()[-1]
    assert together in seen._repr_html_()


def test_watching_something_else_is_refused():
    with pytest.raises(TypeError, match="got NoneType"):
        watch(None)


# ----------------------------------------------------------------------- models written by hand, and the picture


class ByHand:
    """The smallest model of notebook 09's protocol: one dense layer, squared error, plain descent."""

    def __init__(self, divisor=1.0):
        self.layers, self.loss, self.optimizer = [HandDense()], HandLoss(divisor), HandSGD()

    def variables(self):
        return [self.layers[0].kernel, self.layers[0].bias]

    def train_step(self, x, y):
        y_pred = self.layers[0].forward(x)
        loss = self.loss(y, y_pred)
        dy = self.loss.gradient(y, y_pred)
        self.optimizer.apply([x.T @ dy, dy.sum(axis=0)], self.variables())
        return {"loss": loss}


class HandDense:
    def __init__(self):
        self.kernel, self.bias = np.linspace(-1, 1, 5)[:, None], np.array([0.5])

    def forward(self, x):
        return x @ self.kernel + self.bias


class HandLoss:
    def __init__(self, divisor):
        self.divisor = divisor

    def __call__(self, y, y_pred):
        return float(np.mean((y - y_pred) ** 2))

    def gradient(self, y, y_pred):
        return 2 * (y_pred - y) / len(y) / self.divisor


class HandSGD:
    def apply(self, gradients, variables):
        for g, v in zip(gradients, variables, strict=True):
            v -= 0.1 * g


@pytest.fixture
def columns():
    rng = np.random.default_rng(2)
    return rng.normal(size=(N, FEATURES)), rng.normal(size=(N, 1))


def test_a_model_written_by_hand_is_followed_and_left_as_it_was(columns):
    model = ByHand()
    before = [v.copy() for v in model.variables()]
    traced = trace(model, *columns)
    assert [(row.step, row.name) for row in traced.rows] == [
        *(("data", "x"), ("data", "y"), ("forward", "handdense/kernel"), ("forward", "handdense/bias")),
        *(("forward", "handdense output"), ("loss", "loss"), ("gradients", "handdense/kernel")),
        *(("gradients", "handdense/bias"), ("update", "change of handdense/kernel")),
        *(("update", "change of handdense/bias"), ("metrics", "loss")),
    ]
    np.testing.assert_allclose(traced["update change of handdense/bias"], -0.1 * traced["gradients handdense/bias"])
    assert all(np.array_equal(a, b) for a, b in zip(before, model.variables(), strict=True))
    assert "forward" not in vars(model.layers[0])


def test_a_model_written_by_hand_is_held_against_the_engine(columns):
    keras.config.set_floatx("float64")
    try:
        engine = keras.Sequential([keras.Input(shape=(FEATURES,)), keras.layers.Dense(1)])
        engine.set_weights(ByHand().variables())
        engine.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        assert trace(ByHand(), *columns, against=engine).difference is None
        told = trace(ByHand(divisor=N), *columns, against=engine).difference
    finally:
        keras.config.set_floatx("float32")
    assert told.startswith("gradients handdense/kernel: ")
    assert f"Every value is {1 / N:.4g} times the other's." in told


def test_a_model_that_cannot_be_copied_says_what_to_do(columns):
    model = ByHand()
    model.rest = (i for i in range(3))
    with pytest.raises(TypeError, match="Keep no generators"):
        trace(model, *columns)


def test_a_change_of_weights_is_compared_as_exactly_as_the_weights_are_known():
    assert _difference(np.array([1e-3]), np.array([1e-3 + 1e-15])) is not None
    assert _difference(np.array([1e-3]), np.array([1e-3 + 1e-15]), scale=1.0) is None


def test_the_picture_has_every_array_and_frames_the_first_difference(columns):
    from matplotlib.figure import Figure

    traced = trace(ByHand(), *columns, against=ByHand(divisor=2))
    ax = traced.plot(Figure(figsize=(10, 4)).add_subplot())
    assert len(ax.images) == len(traced.rows)
    told = [text.get_text() for text in ax.texts]
    assert {"data", "forward", "loss", "gradients", "update", "metrics"} <= set(told)
    assert told.count("first difference") == 1
    framed = [patch for patch in ax.patches if patch.get_linewidth() > 2]
    assert len(framed) == 1
    assert "first difference" not in [t.get_text() for t in trace(ByHand(), *columns).plot().texts]
