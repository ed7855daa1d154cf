"""Layers: gradients, types, masks, state, and what is said about wrong calls; their numbers are in ``keras_runs``."""

import copy
import pickle
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from keras_runs.layers import LAYERS, own_part
from test_gradients import check_model, same

import minifit as keras
from minifit import layers

RNG = np.random.default_rng(0)
#: Every layer once more in a form with weights and a gradient, and the shape of a batch for it.
NOISE = {
    "Dropout": ("Dropout", {"rate": 0.4, "seed": 1}, (6,)),
    "Dropout, noise_shape": ("Dropout", {"rate": 0.4, "noise_shape": [None, 1, 3]}, (5, 3)),
    "GaussianDropout": ("GaussianDropout", {"rate": 0.4}, (6,)),
    "GaussianNoise": ("GaussianNoise", {"stddev": 0.4}, (6,)),
}
EVERY = LAYERS | NOISE


@pytest.fixture
def float64() -> Iterator[None]:
    before = keras.config.floatx()
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx(before)


def make(name: str, **more: Any) -> tuple[Any, np.ndarray]:
    kind, arguments, shape = EVERY[name]
    rng = np.random.default_rng(5)
    # Away from 0 and from thresholds, where a difference tells no derivative.
    x = rng.choice([-1.0, 1.0], size=(7, *shape)) * (0.25 + rng.random((7, *shape)))
    layer = getattr(layers, kind)(**arguments, **more)
    layer.build(x.shape)
    for weight in layer.weights:
        weight.assign(0.2 + rng.random(weight.shape))
    return layer, x


@pytest.mark.parametrize("training", [True, False], ids=["training", "not training"])
@pytest.mark.parametrize("name", EVERY)
@pytest.mark.usefixtures("float64")
def test_layer_has_gradients(name: str, training: bool) -> None:
    if "renorm" in name and training:
        pytest.skip("renorm holds r and d, which depend on x, to be constants")
    layer, x = make(name)
    check_model(layer, x, same, training)


@pytest.mark.parametrize("name", ["BatchNormalization, images", "LayerNormalization, axes", "Dense, penalties"])
@pytest.mark.usefixtures("float64")
def test_normalisation_has_a_second_derivative(name: str) -> None:
    layer, x = make(name)

    def slope(at: np.ndarray) -> Any:
        v = keras.Variable(at)
        with keras.GradientTape() as inner:
            total = np.sum(layer(v, training=True) ** 3)
        return v, inner.gradient(total, v)

    direction = np.random.default_rng(6).normal(size=x.shape)
    with keras.GradientTape() as outer:
        v, first = slope(x)
        along = np.sum(first * direction)
    second = outer.gradient(along, v).numpy()
    h = 1e-5
    expected = (slope(x + h * direction)[1].numpy() - slope(x - h * direction)[1].numpy()) / (2 * h)
    np.testing.assert_allclose(second, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.usefixtures("float64")
def test_masked_batch_normalization_has_gradients() -> None:
    layer, x = make("BatchNormalization, no scale")
    mask = np.random.default_rng(7).random(x.shape[:-1]) < 0.5

    class Masked(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.inner = layer

        def call(self, inputs: Any) -> Any:
            return self.inner(inputs, mask=mask)

    check_model(Masked(), x, same)


@pytest.mark.usefixtures("float64")
def test_embedding_has_gradients_and_adds_up_repeated_rows() -> None:
    layer = layers.Embedding(5, 2)
    with keras.GradientTape() as tape:
        total = np.sum(layer(np.array([[0, 3], [3, 3]])) * np.array([[[1.0, 2.0]], [[3.0, 4.0]]]))
    (gradient,) = tape.gradient(total, layer.trainable_weights)
    np.testing.assert_array_equal(gradient.numpy(), [[1, 2], [0, 0], [0, 0], [7, 10], [0, 0]])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", EVERY)
def test_layer_stays_in_its_type(name: str, dtype: str) -> None:
    layer, x = make(name, dtype=dtype)
    assert {str(w.dtype) for w in layer.weights} <= {dtype, "int32"}
    for training in (True, False):
        assert layer(x, training=training).dtype == dtype
        assert layer(x.astype("float32"), training=training).dtype == dtype
    with keras.GradientTape() as tape:
        v = keras.Variable(x, dtype=dtype)
        total = np.sum(layer(v, training=True))
    assert {str(g.dtype) for g in tape.gradient(total, [v, *layer.trainable_weights]) if g is not None} == {dtype}
    assert {str(w.dtype) for w in layer.weights} <= {dtype, "int32"}
    assert all(str(loss.dtype) == dtype for loss in layer.losses)


@pytest.mark.parametrize("name", EVERY)
def test_mixed_precision_computes_in_float16_on_float32_weights(name: str) -> None:
    layer, x = make(name, dtype="mixed_float16")
    assert (layer.compute_dtype, layer.variable_dtype) == ("float16", "float32")
    with keras.GradientTape() as tape:
        outputs = layer(x, training=True)
        total = np.sum(outputs)
    assert outputs.dtype == "float16"
    assert {str(g.dtype) for g in tape.gradient(total, layer.trainable_weights)} <= {"float32"}
    assert {str(w.dtype) for w in layer.weights} <= {"float32", "int32"}


@pytest.mark.parametrize("name", EVERY)
def test_layer_is_made_again_from_its_config_copied_and_pickled(name: str) -> None:
    layer, x = make(name)
    again = type(layer).from_config(layer.get_config())
    described = layers.deserialize(layers.serialize(layer))
    assert own_part(again.get_config()) == own_part(layer.get_config()) == own_part(described.get_config())
    assert [w.shape for w in described.weights] == [w.shape for w in layer.weights]  # the build config is in it
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        if name not in NOISE:
            np.testing.assert_array_equal(other(x).numpy(), layer(x).numpy())
        assert not {id(w) for w in other.weights} & {id(w) for w in layer.weights}


@pytest.mark.parametrize("name", EVERY)
def test_symbolic_call_has_the_shape_of_the_real_one(name: str) -> None:
    kind, arguments, shape = EVERY[name]
    layer = getattr(layers, kind)(**arguments)
    symbol = layer(keras.Input(shape))
    outputs = layer(np.ones((7, *shape)))
    assert symbol.shape == (None, *outputs.shape[1:])
    assert layer.compute_output_shape((7, *shape)) == outputs.shape
    assert layer.output is symbol
    assert len(layer._nodes) == 1


# --- noise -----------------------------------------------------------------------------------------------------------


def test_noise_has_its_mean_and_spread_and_a_row_of_draws_is_independent() -> None:
    ones = np.ones((300, 200), "float32")
    drawn = layers.Dropout(0.3, seed=1)(ones, training=True).numpy()
    assert drawn.mean() == pytest.approx(1, abs=0.01)
    assert set(np.unique(drawn)) == {0, np.float32(1 / 0.7)}
    normal = layers.GaussianNoise(0.5, seed=2)(0 * ones, training=True).numpy()
    assert (normal.mean(), normal.std()) == (pytest.approx(0, abs=0.01), pytest.approx(0.5, abs=0.01))
    times = layers.GaussianDropout(0.5, seed=3)(ones, training=True).numpy()
    assert (times.mean(), times.std()) == (pytest.approx(1, abs=0.02), pytest.approx(1, abs=0.02))
    layer = layers.GaussianNoise(1.0, seed=4)
    calls = np.array([layer(np.zeros((1, 50)), training=True).numpy()[0] for _ in range(400)])
    among = np.corrcoef(calls, rowvar=False) - np.eye(50)
    one_on = np.corrcoef(calls[:-1].T, calls[1:].T)[:50, 50:]
    assert max(np.abs(among).max(), np.abs(one_on).max()) < 0.25


def test_the_seed_generator_alone_decides_what_is_drawn() -> None:
    x = np.ones((4, 9))
    one, other = layers.Dropout(0.5, seed=7), layers.Dropout(0.5, seed=7)
    first = one(x, training=True).numpy()
    np.testing.assert_array_equal(other(x, training=True).numpy(), first)
    assert (one(x, training=True).numpy() != first).any()
    one.seed_generator.state.assign([7, 0])
    np.testing.assert_array_equal(one(x, training=True).numpy(), first)
    assert [v.numpy().tolist() for v in one.variables] == [[7, 1]]
    assert one.weights == []
    keras.utils.set_random_seed(3)
    drawn = layers.Dropout(0.5)(x, training=True).numpy()
    keras.utils.set_random_seed(3)
    np.testing.assert_array_equal(layers.Dropout(0.5)(x, training=True).numpy(), drawn)


# --- masks -----------------------------------------------------------------------------------------------------------


def test_a_mask_goes_from_embedding_to_the_loss() -> None:
    model = keras.Sequential([keras.Input((4,)), layers.Embedding(5, 3, mask_zero=True), layers.Dense(1)])
    model.compile(loss="mse")
    x, y = np.array([[1, 2, 0, 0], [3, 0, 0, 0]]), RNG.normal(size=(2, 4, 1)).astype("float32")
    by_hand = (model.predict(x, verbose=0) - y)[x != 0] ** 2
    assert model.evaluate(x, y, verbose=0) == pytest.approx(by_hand.mean(), rel=1e-5)
    assert layers.Dense(2)(layers.Embedding(5, 3)(x))._keras_mask is None


def test_a_mask_is_handed_to_call_and_dropped_by_a_layer_that_does_not_support_it() -> None:
    seen = []

    class Looks(layers.Layer):
        def __init__(self, supports: bool) -> None:
            super().__init__()
            self.supports_masking = supports

        def call(self, inputs: Any, mask: Any = None) -> Any:
            seen.append(mask)
            return inputs * 2

    x = layers.Masking()(np.array([[[1.0, 2.0], [0.0, 0.0]]]))
    assert Looks(True)(x)._keras_mask is x._keras_mask
    assert Looks(False)(x)._keras_mask is None
    assert seen[0] is seen[1] is x._keras_mask
    np.testing.assert_array_equal(x._keras_mask, [[True, False]])


# --- state -----------------------------------------------------------------------------------------------------------


def test_layers_of_several_inputs_are_built_from_shapes_by_name() -> None:
    class Join(layers.Layer):
        def build(self, right_shape: Any, left_shape: Any) -> None:
            self.seen = left_shape, right_shape

        def call(self, left: Any, right: Any, scale: float = 1.0) -> Any:
            return (left["a"] + right[1]) * scale

    join = Join()
    outputs = join({"a": np.ones((2, 3))}, right=[np.ones((2, 1)), np.ones((2, 3))], scale=2.0)
    np.testing.assert_array_equal(outputs.numpy(), np.full((2, 3), 4.0))
    assert join.seen == ({"a": (2, 3)}, [(2, 1), (2, 3)])
    assert join.get_build_config() == {"shapes_dict": {"right_shape": [(2, 1), (2, 3)], "left_shape": {"a": (2, 3)}}}
    again = Join()
    again.build_from_config(join.get_build_config())
    assert again.built


def test_losses_are_those_of_the_last_call_and_of_weights_that_are_trained() -> None:
    class Adds(layers.Layer):
        def call(self, x: Any) -> Any:
            self.add_loss(np.sum(x))
            return x

    class Outer(layers.Layer):
        def __init__(self) -> None:
            super().__init__()
            self.parts = {"adds": Adds(activity_regularizer="l1"), "dense": layers.Dense(1, kernel_regularizer="l2")}

        def call(self, x: Any) -> Any:
            return self.parts["dense"](self.parts["adds"](x))

    outer = Outer()
    for _ in range(2):
        outer(np.full((2, 3), 2.0))
        outer.parts["dense"].kernel.assign(np.ones((3, 1)))
        assert [float(loss) for loss in outer.losses] == pytest.approx([12.0, 0.06, 0.03])
    outer.parts["dense"].trainable = False
    assert len(outer.losses) == 2
    with pytest.raises(ValueError, match="add_loss"):
        outer.add_loss("much")


def test_own_variables_are_stored_trained_ones_first_as_in_keras() -> None:
    class Own(layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.count = self.add_weight(shape=(), initializer="zeros", trainable=False, name="count")
            self.w = self.add_weight(shape=(2,), initializer="ones", name="w")
            self.inner = layers.Dense(1)
            self.inner.build(input_shape)

    layer = Own(name="own")
    layer.build((None, 2))
    assert [v.path for v in layer.weights] == ["own/w", "own/count", "own/dense/kernel", "own/dense/bias"] or [
        v.name for v in layer.weights
    ] == ["w", "count", "kernel", "bias"]
    store: dict[str, Any] = {}
    layer.save_own_variables(store)
    assert [value.shape for value in store.values()] == [(2,), ()]
    layer.load_own_variables({"0": [3.0, 4.0], "1": 5.0})
    assert (layer.w.numpy().tolist(), float(layer.count)) == ([3.0, 4.0], 5.0)
    with pytest.raises(ValueError, match="expected 2 variables, but received 1"):
        layer.load_own_variables({"0": [3.0, 4.0]})


def test_config_of_a_layer_that_keeps_no_argument_is_what_it_was_made_with() -> None:
    class Block(layers.Layer):
        def __init__(self, units: int, activation: str = "relu", **others: Any) -> None:
            super().__init__(**others)
            self.dense = layers.Dense(units, activation)

        def call(self, x: Any) -> Any:
            return self.dense(x)

    block = Block(3, activation="tanh", name="block")
    assert own_part(block.get_config()) == {"activation": "tanh", "trainable": True, "units": 3}
    assert Block.from_config(block.get_config())(np.ones((2, 2))).shape == (2, 3)


def test_stateless_call_leaves_the_layer_as_it_was() -> None:
    layer = layers.BatchNormalization(momentum=0.0)
    x = RNG.normal(size=(8, 2)).astype("float32")
    layer.build(x.shape)
    outputs, fixed = layer.stateless_call([np.full(2, 3.0), np.ones(2)], [np.zeros(2), np.ones(2)], x, training=True)
    np.testing.assert_allclose(outputs.numpy().mean(axis=0), 1, atol=1e-5)
    np.testing.assert_allclose(fixed[0], x.mean(axis=0), rtol=1e-5)
    np.testing.assert_array_equal(layer.moving_mean.numpy(), 0)
    np.testing.assert_array_equal(layer.gamma.numpy(), 1)
    with pytest.raises(ValueError, match="a value for each of its 2 trainable and 2 non-trainable"):
        layer.stateless_call([np.ones(2)], [], x)


def test_batches_and_arrays_adapt_alike() -> None:
    x = RNG.normal(3.0, 2.0, size=(50, 4, 3)).astype("float32")
    for axis in (-1, (1, 2), None, ()):
        whole, parts, pairs = (layers.Normalization(axis=axis) for _ in range(3))
        whole.adapt(x)
        parts.adapt(x[i : i + 8] for i in range(0, 50, 8))
        pairs.adapt([(x[:20], None), (x[20:], None)])
        for other in (parts, pairs):
            for one, two in zip(whole.get_weights(), other.get_weights(), strict=True):
                np.testing.assert_allclose(one, two, rtol=1e-6)
        there = layers.Normalization(axis=axis, mean=0.0, variance=1.0)
        assert there(x).dtype == "float32"


def test_policies_are_set_by_name_and_globally() -> None:
    policies = keras.dtype_policies
    assert policies.get("mixed_float16") == policies.DTypePolicy("mixed_float16")
    assert policies.deserialize(policies.serialize(policies.DTypePolicy("float64"))).name == "float64"
    try:
        policies.set_dtype_policy("mixed_float16")
        assert layers.Dense(2)(np.ones((2, 2))).dtype == "float16"
    finally:
        policies.set_dtype_policy("float32")
    assert layers.Dense(2)(np.ones((2, 2))).dtype == "float32"


# --- wrong calls -----------------------------------------------------------------------------------------------------


class Forgets(layers.Layer):
    def __init__(self) -> None:
        self.units = 3

    def call(self, x: Any) -> Any:
        return x


class MakesWeightsLate(layers.Layer):
    def call(self, x: Any) -> Any:
        self.w = self.add_weight(shape=())
        return x


class MakesLayersLate(layers.Layer):
    def call(self, x: Any) -> Any:
        self.dense = layers.Dense(1)
        return self.dense(x)


ONES = np.ones((2, 3))
WRONG: dict[str, tuple[Any, type[Exception], str]] = {
    "no super().__init__()": (lambda: Forgets()(ONES), RuntimeError, "forgot to call super"),
    "weights in call": (lambda: MakesWeightsLate()(ONES), ValueError, "cannot add new elements of state"),
    "layers in call": (lambda: MakesLayersLate()(ONES), ValueError, "cannot add new elements of state.*'dense'"),
    "a name with a slash": (lambda: layers.Dense(1, name="a/b"), ValueError, "cannot contain"),
    "trainable as text": (lambda: layers.Dense(1, trainable="no"), ValueError, "boolean"),
    "an unknown type": (lambda: layers.Dense(1, dtype="float31"), ValueError, "float31"),
    "a number by position": (lambda: layers.Dense(1)(ONES, 3), ValueError, "keyword argument"),
    "weights by name": (lambda: layers.Layer().add_weight("kernel"), ValueError, "keyword argument"),
    "an unknown regularizer": (
        lambda: layers.Dense(1, kernel_regularizer="l3"),
        ValueError,
        r"kernel_regularizer.*l3",
    ),
    "LoRA": (lambda: layers.Dense(1, lora_rank=2), NotImplementedError, "lora_rank=2"),
    "an index too large": (lambda: layers.Embedding(3, 2)(np.array([0, 3])), ValueError, "rows 0 to 2; got .* 0 to 3"),
    "an index too small": (lambda: layers.Embedding(3, 2)(np.array([-1, 1])), ValueError, "rows 0 to 2; got .* -1"),
    "features of another build": (
        lambda: [layer(x) for layer in [layers.Dense(1)] for x in (ONES, np.ones((2, 4)))],
        ValueError,
        "incompatible with the layer: expected axis -1",
    ),
    "one row of features": (lambda: layers.Dense(1)(np.ones(3)), ValueError, "min_ndim=2, found ndim=1.*axis missing"),
    "normalisation over no such axis": (lambda: layers.LayerNormalization(axis=3)(ONES), ValueError, "out of bounds"),
    "a batch axis out of range": (lambda: layers.BatchNormalization(axis=-3)(ONES), ValueError, "out of bounds"),
    "a mask of another rank": (
        lambda: layers.BatchNormalization()(ONES, mask=np.ones((2, 3)), training=True),
        ValueError,
        "one dimension less",
    ),
    "elements that do not fit": (
        lambda: layers.Reshape((2, -1))(ONES),
        ValueError,
        r"3 elements; target_shape=\(2, -1",
    ),
    "a lambda, safely": (
        lambda: layers.Lambda.from_config(layers.Lambda(lambda x: x).get_config()),
        ValueError,
        "safe_mode=False",
    ),
    "an argument from nowhere": (lambda: layers.ReLU(alpha=1), TypeError, "alpha"),
    "no call": (lambda: layers.Layer()(ONES), NotImplementedError, "`call` method implemented"),
    "counting what is not built": (lambda: layers.Dense(1).count_params(), ValueError, "isn't built"),
    "nothing to adapt to": (lambda: layers.Normalization().adapt([]), ValueError, "empty iterable"),
    "no output yet": (lambda: layers.Dense(1).output, AttributeError, "never been called"),
}


@pytest.mark.filterwarnings("ignore:A lambda is saved")
@pytest.mark.parametrize("name", WRONG)
def test_wrong_call_says_what_is_wrong(name: str) -> None:
    call, error, words = WRONG[name]
    with pytest.raises(error, match=words):
        call()


def test_a_lambda_comes_back_where_the_file_is_trusted() -> None:
    with pytest.warns(UserWarning, match="safe_mode"):
        config = layers.Lambda(lambda x, power=2: x**power, output_shape=lambda shape: shape).get_config()
    again = layers.Lambda.from_config(config, safe_mode=False)
    np.testing.assert_array_equal(again(np.array([[3.0]])).numpy(), [[9.0]])
    assert again.compute_output_shape((None, 3)) == (None, 3)


# --- what a call for the sake of shapes leaves behind ----------------------------------------------------------------


class Counts(layers.Layer):
    """Counts its calls, and draws numbers at each."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = self.add_weight((), "zeros", "int32", trainable=False)
        self.seeds = keras.random.SeedGenerator(3)
        self.seen = keras.metrics.Mean()
        self.inner = layers.Dense(1, kernel_initializer=keras.initializers.RandomNormal(seed=self.seeds))

    def call(self, x: Any) -> Any:
        self.calls.assign_add(1)
        self.seen.update_state(1.0)
        return self.inner(x) + keras.random.normal((1,), seed=self.seeds) + keras.random.normal((1,))

    def state(self) -> tuple[int, int, float, float]:
        drawn = float(keras.random.normal(())[()])
        return int(self.calls), int(self.seeds.state.numpy()[1]), float(self.seen.count), drawn


def test_drawing_and_building_a_model_moves_no_variable_and_no_stream() -> None:
    keras.utils.set_random_seed(1)
    first = float(keras.random.normal(())[()])
    keras.utils.set_random_seed(1)
    keras.Sequential([keras.Input((3,)), layer := Counts()])
    # The first weights of the inner layer are made once and for all, and with the seed that they took.
    assert layer.state() == (0, 1, 0.0, first)
    layer.compute_output_shape((None, 3))
    assert layer.state()[:3] == (0, 1, 0.0)
    layer(np.ones((2, 3)))
    assert layer.state()[:3] == (1, 2, 1.0)


def test_fit_counts_only_the_steps_of_a_model_that_it_builds() -> None:
    class Subclassed(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.layer = Counts()

        def call(self, x: Any) -> Any:
            return self.layer(x)

    model = Subclassed()
    model.compile("sgd", "mse")
    model.fit(np.ones((6, 3)), np.ones((6, 1)), batch_size=2, verbose=0)
    assert int(model.layer.calls) == 3


@pytest.mark.parametrize("sequential", [False, True])
def test_whoever_calls_a_model_has_the_last_word_on_training(sequential: bool) -> None:
    x = keras.Input((20,))
    model = keras.Model(x, layers.Dropout(0.5)(x, training=True))
    model = keras.Sequential([model]) if sequential else model
    ones = np.ones((2, 20))
    assert (model.predict(ones, verbose=0) == 1).all()
    assert (model(ones, training=False).numpy() == 1).all()
    assert (model(ones).numpy() == 0).any()  # nobody said anything, so what was drawn holds


def test_add_variable_is_add_weight() -> None:
    layer = layers.Layer()
    variable = layer.add_variable(shape=(2,), initializer="ones", trainable=False)
    assert layer.non_trainable_variables == [variable]


def test_normalization_adapts_to_arrays_of_other_libraries() -> None:
    class Foreign:
        def __init__(self, array: np.ndarray) -> None:
            self.array, self.shape = array, array.shape

        def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
            return self.array

    data = RNG.normal(size=(8, 2)).astype("float32")
    one, other = layers.Normalization(), layers.Normalization()
    one.adapt([Foreign(data[:4]), (Foreign(data[4:]), "labels")])
    other.adapt(data)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-6)
    np.testing.assert_allclose(one.variance, other.variance, rtol=1e-6)


# --- bfloat16 --------------------------------------------------------------------------------------------------------


def test_bfloat16_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ml_dtypes", None)
    layer = layers.Dense(1, dtype="bfloat16")  # may be made, described and read anywhere
    with pytest.raises(ValueError, match="pip install ml_dtypes"):
        layer(ONES)
    with pytest.raises(ValueError, match="pip install ml_dtypes"):
        keras.losses.MeanSquaredError(dtype="bfloat16")


@pytest.mark.parametrize("policy", ["bfloat16", "mixed_bfloat16"])
def test_a_model_in_bfloat16_trains_as_in_float32(policy: str) -> None:
    pytest.importorskip("ml_dtypes")
    x = RNG.normal(size=(32, 4))
    y = x.sum(axis=1, keepdims=True)
    losses = []
    for dtype in (policy, "float32"):
        keras.utils.set_random_seed(0)
        model = keras.Sequential(
            [layers.Dense(8, "tanh", dtype=dtype), layers.BatchNormalization(dtype=dtype), layers.Dense(1, dtype=dtype)]
        )
        model.compile(keras.optimizers.Adam(0.02), keras.losses.MeanSquaredError(dtype=dtype.removeprefix("mixed_")))
        losses.append(model.fit(x, y, epochs=3, verbose=0, shuffle=False).history["loss"])
        assert model.predict(x, verbose=0).dtype == dtype.removeprefix("mixed_")
        assert model.weights[0].dtype == ("float32" if dtype != "bfloat16" else dtype)
    np.testing.assert_allclose(losses[0], losses[1], rtol=0.05)
