"""Forward values of the layers, and that training through each of them moves the same weights the same way."""

import json
from typing import Any

import numpy as np

from .common import Outputs, cases, classes, error_into, kept, network, one_hot, plain, regression, scenario, seeded

ACTIVATIONS = ["linear", "relu", "sigmoid", "tanh", "softmax"]


@cases({name: {"activation": name} for name in ACTIVATIONS})
def dense_with_activation_trains(keras: Any, activation: str) -> Outputs:
    x, y = regression()
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            keras.layers.Dense(4, activation=activation),
            keras.layers.Dense(2, activation=activation),
        ]
    )
    seeded(model)
    model.compile(optimizer=keras.optimizers.SGD(0.3), loss="mse")
    before = model.predict(x[:7], verbose=0)
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return {"before": before, "after": model.predict(x[:7], verbose=0), **kept(model, history)}


@cases({name: {"activation": name} for name in ACTIVATIONS})
def activation_at_extreme_inputs(keras: Any, activation: str) -> Outputs:
    values = np.array([[-1000.0, -40.0, -1.0, -0.0], [0.0, 1e-9, 2.5, 1000.0], [1000.0, 999.0, -1000.0, 3.0]])
    layer = keras.Sequential([keras.Input(shape=(4,)), keras.layers.Activation(activation)])
    by_function = getattr(keras.activations, activation)
    return {
        "by_layer": layer.predict(values, verbose=0),
        "by_function": plain(by_function(keras.ops.convert_to_tensor(values))),
    }


@scenario
def activation_layers_train_like_activation_arguments(keras: Any) -> Outputs:
    x, y = classes()
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            keras.layers.Dense(6),
            keras.layers.Activation("relu"),
            keras.layers.Dense(3),
            keras.layers.Activation("softmax"),
        ]
    )
    seeded(model)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return kept(model, model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0))


@scenario
def dense_without_bias_trains_its_kernel_only(keras: Any) -> Outputs:
    x, y = regression()
    model = keras.Sequential([keras.Input(shape=(5,)), keras.layers.Dense(2, activation="relu", use_bias=False)])
    seeded(model)
    model.compile(keras.optimizers.SGD(0.1), "mae")
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@scenario
def dense_acts_on_the_last_axis_of_sequences(keras: Any) -> Outputs:
    rng = np.random.default_rng(5)
    x, y = rng.normal(size=(21, 4, 3)), rng.normal(size=(21, 4, 2))
    model = keras.Sequential(
        [keras.Input(shape=(4, 3)), keras.layers.Dense(5, activation="sigmoid"), keras.layers.Dense(2)]
    )
    seeded(model)
    model.compile(keras.optimizers.SGD(0.2), "mse", metrics=["mae"])
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return {"predicted": model.predict(x[:2], verbose=0), **kept(model, history)}


@scenario
def flatten_turns_images_into_rows(keras: Any) -> Outputs:
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(21, 4, 3)), rng.integers(0, 3, size=21)
    model = keras.Sequential(
        [keras.Input(shape=(4, 3)), keras.layers.Flatten(), keras.layers.Dense(3, activation="softmax")]
    )
    seeded(model)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
    return {"predicted": model.predict(x[:2], verbose=0), **kept(model, history)}


@scenario
def dropout_of_rate_zero_changes_nothing_in_training(keras: Any) -> Outputs:
    x, y = regression()
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(2),
        ]
    )
    seeded(model)
    model.compile("sgd", "mse")
    return kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))


@scenario
def dropout_is_the_identity_in_evaluate_and_predict(keras: Any) -> Outputs:
    x, y = regression()
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(4, activation="tanh"),
            keras.layers.Dropout(0.9),
            keras.layers.Dense(2),
        ]
    )
    seeded(model)
    model.compile("sgd", "mse", metrics=["mae"])
    return {"evaluated": model.evaluate(x, y, verbose=0), "predicted": model.predict(x[:5], verbose=0)}


@scenario
def input_shape_on_the_first_layer_makes_the_input(keras: Any) -> Outputs:
    x, y = classes()
    model = keras.Sequential(
        [
            keras.layers.Dense(4, activation="relu", input_shape=(5,)),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(3, activation="softmax"),
        ]
    )
    seeded(model)
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    outputs = {"layers": len(model.layers), "parameters": model.count_params()}
    return {**outputs, **kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))}


@scenario
def a_model_without_input_is_built_by_its_first_data(keras: Any) -> Outputs:
    x, y = regression()
    model = keras.Sequential([keras.layers.Dense(4, activation="tanh"), keras.layers.Dense(2)])
    unbuilt = len(model.get_weights())
    outputs: Outputs = {"weights_before": unbuilt}
    with error_into(outputs, "count_params_raises"):
        model.count_params()
    model.build((None, 5))
    seeded(model)
    model.compile("sgd", "mse")
    return {**outputs, **kept(model, model.fit(x, y, epochs=1, shuffle=False, verbose=0))}


@scenario
def layers_can_be_added_one_by_one(keras: Any) -> Outputs:
    x, y = regression()
    model = keras.Sequential(name="by_steps")
    model.add(keras.Input(shape=(5,)))
    model.add(keras.layers.Dense(3, activation="relu", name="first"))
    model.add(keras.layers.Dense(2, name="second"))
    seeded(model)
    model.compile("sgd", "mse")
    history = model.fit(x, y, epochs=1, shuffle=False, verbose=0)
    names = [layer.name for layer in model.layers]
    kernel = model.get_layer("second").get_weights()[0]
    return {"name": model.name, "names": names, "kernel": kernel, **kept(model, history)}


@scenario
def a_frozen_layer_keeps_its_weights(keras: Any) -> Outputs:
    x, y = regression()
    model = network(keras)
    model.layers[0].trainable = False
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), "mse")
    counts = [len(model.trainable_weights), len(model.non_trainable_weights)]
    return {"counts": counts, **kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))}


@scenario
def two_models_of_different_sizes_train_side_by_side(keras: Any) -> Outputs:
    x, y = classes()
    small, large = network(keras, 3, "softmax", hidden=2), network(keras, 3, "softmax", hidden=9, seed=4)
    for model in (small, large):
        model.compile("adam", "categorical_crossentropy", metrics=["acc"])
    outputs: Outputs = {}
    for round_ in range(2):
        for name, model in (("small", small), ("large", large)):
            history = model.fit(x, one_hot(y, 3), epochs=1, shuffle=False, verbose=0)
            outputs[f"{name}{round_}"] = kept(model, history)
    return outputs


@scenario
def a_layer_of_the_users_own_trains(keras: Any) -> Outputs:
    class Scale(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="factor")
            self.shift = self.add_weight(shape=(), initializer="zeros", name="shift")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factor + self.shift

    x, y = regression()
    model = seeded(keras.Sequential([keras.Input(shape=(5,)), Scale(), keras.layers.Dense(2), Scale()]))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return {"parameters": model.count_params(), **kept(model, history)}


@scenario
def a_subclassed_model_uses_a_layer_twice(keras: Any) -> Outputs:
    class Shared(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.shared = keras.layers.Dense(5, activation="tanh")
            self.dropout = keras.layers.Dropout(0.5)
            self.head = keras.layers.Dense(2)

        def call(self, inputs: Any, training: bool = False) -> Any:
            hidden = self.shared(self.shared(inputs)) + inputs
            return self.head(self.dropout(hidden, training=False))

    x, y = regression()
    model = Shared()
    model(x[:1])
    seeded(model)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    history = model.fit(x, y, epochs=2, shuffle=False, verbose=0)
    return {"predicted": model.predict(x[:3], verbose=0), **kept(model, history)}


@cases({dtype: {"dtype": dtype} for dtype in ("uint8", "int64", "float32", "bool")})
def inputs_of_other_types_are_cast_to_the_float_type(keras: Any, dtype: str) -> Outputs:
    rng = np.random.default_rng(7)
    x = rng.integers(0, 2 if dtype == "bool" else 256, size=(21, 5)).astype(dtype)
    y = rng.normal(size=21)
    model = network(keras, 1)
    model.compile("adam", "mse")
    history = model.fit(x, y, epochs=1, shuffle=False, verbose=0)
    return {"predicted": model.predict(x[:4], verbose=0), **kept(model, history)}


# --- every layer with its arguments -----------------------------------------------------------------------------------

IMAGES, STEPS, ROWS = (4, 6, 3), (5, 3), (6,)
LAYERS: dict[str, tuple[str, dict[str, Any], tuple[int, ...]]] = {
    "Dense, penalties": (
        "Dense",
        {"units": 3, "kernel_regularizer": "l2", "bias_regularizer": "l1", "activity_regularizer": "l1l2"},
        ROWS,
    ),
    "Dense, constraints": (
        "Dense",
        {"units": 3, "activation": "elu", "kernel_constraint": "max_norm", "bias_constraint": "non_neg"},
        STEPS,
    ),
    "Activation": ("Activation", {"activation": "gelu"}, ROWS),
    "ReLU": ("ReLU", {}, ROWS),
    "ReLU, all": ("ReLU", {"max_value": 1.0, "negative_slope": 0.1, "threshold": 0.2}, STEPS),
    "LeakyReLU": ("LeakyReLU", {}, ROWS),
    "LeakyReLU, slope": ("LeakyReLU", {"negative_slope": 0.05}, STEPS),
    "PReLU": ("PReLU", {"alpha_initializer": "ones", "alpha_regularizer": "l2"}, STEPS),
    "PReLU, shared": ("PReLU", {"shared_axes": [1, 2], "alpha_constraint": "non_neg"}, IMAGES),
    "ELU": ("ELU", {"alpha": 0.7}, ROWS),
    "Softmax": ("Softmax", {}, ROWS),
    "Softmax, axis": ("Softmax", {"axis": 1}, STEPS),
    "Softmax, axes": ("Softmax", {"axis": [1, 2]}, STEPS),
    "Flatten": ("Flatten", {}, IMAGES),
    "Flatten, channels first": ("Flatten", {"data_format": "channels_first"}, IMAGES),
    "Reshape": ("Reshape", {"target_shape": [3, -1]}, IMAGES),
    "Identity": ("Identity", {}, STEPS),
    "Masking": ("Masking", {"mask_value": 0.5}, STEPS),
    "ActivityRegularization": ("ActivityRegularization", {"l1": 0.1, "l2": 0.2}, STEPS),
    "BatchNormalization": ("BatchNormalization", {}, ROWS),
    "BatchNormalization, images": ("BatchNormalization", {"momentum": 0.8, "epsilon": 0.01}, IMAGES),
    "BatchNormalization, channels first": ("BatchNormalization", {"axis": 1, "momentum": 0.5}, IMAGES),
    "BatchNormalization, no scale": ("BatchNormalization", {"scale": False, "beta_regularizer": "l2"}, STEPS),
    "BatchNormalization, no center": ("BatchNormalization", {"center": False, "gamma_constraint": "non_neg"}, STEPS),
    "BatchNormalization, neither": ("BatchNormalization", {"center": False, "scale": False}, ROWS),
    "BatchNormalization, frozen": ("BatchNormalization", {"trainable": False}, ROWS),
    "BatchNormalization, renorm": ("BatchNormalization", {"renorm": True, "renorm_momentum": 0.7}, STEPS),
    "BatchNormalization, clipped renorm": (
        "BatchNormalization",
        {"renorm": True, "renorm_clipping": {"rmin": 0.5, "rmax": 1.5, "dmax": 0.3}, "scale": False},
        ROWS,
    ),
    "LayerNormalization": ("LayerNormalization", {}, ROWS),
    "LayerNormalization, axes": ("LayerNormalization", {"axis": [1, 2, 3], "epsilon": 0.01}, IMAGES),
    "LayerNormalization, two axes": ("LayerNormalization", {"axis": [3, 2], "gamma_regularizer": "l1"}, IMAGES),
    "LayerNormalization, no scale": ("LayerNormalization", {"scale": False, "beta_constraint": "non_neg"}, STEPS),
    "LayerNormalization, neither": ("LayerNormalization", {"scale": False, "center": False}, STEPS),
    "LayerNormalization, rms": ("LayerNormalization", {"rms_scaling": True}, STEPS),
    "Normalization": ("Normalization", {"mean": [0.1, 0.2, 0.3], "variance": [1.0, 2.0, 3.0]}, STEPS),
    "Normalization, inverse": ("Normalization", {"axis": None, "mean": 0.5, "variance": 4.0, "invert": True}, STEPS),
    "Normalization, axes": (
        "Normalization",
        {"axis": [1, 2], "mean": [0.1, 0.2, 0.3], "variance": [1.0, 2.0, 3.0]},
        STEPS,
    ),
    "Rescaling": ("Rescaling", {"scale": 0.5, "offset": -1.0}, IMAGES),
    "Rescaling, channels": ("Rescaling", {"scale": [0.5, 1.0, 2.0], "offset": [0.0, 1.0, 2.0]}, IMAGES),
    "Dropout, none": ("Dropout", {"rate": 0.0, "noise_shape": [None, 1, 3], "seed": 3}, STEPS),
    "GaussianDropout, none": ("GaussianDropout", {"rate": 0.0, "seed": 3}, STEPS),
    "GaussianNoise, none": ("GaussianNoise", {"stddev": 0.0}, STEPS),
}


def between(model: Any, seed: int = 0) -> Any:
    """Set every weight between 0.1 and 0.9, so that variances are positive."""
    rng = np.random.default_rng(seed)
    model.set_weights([0.1 + 0.8 * rng.random(w.shape) for w in model.get_weights()])
    return model


def own_part(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration without what depends on what was made before, or on where Keras keeps its types."""
    by_place = ("name", "dtype", "quantization_config")
    part = {k: v for k, v in config.items() if k not in by_place and (k, v) != ("activity_regularizer", None)}
    return json.loads(json.dumps(part, sort_keys=True))


@cases(
    {name: {"kind": kind, "arguments": arguments, "shape": shape} for name, (kind, arguments, shape) in LAYERS.items()}
)
def layer_trains(keras: Any, kind: str, arguments: dict[str, Any], shape: tuple[int, ...]) -> Outputs:
    rng = np.random.default_rng(11)
    x, y = rng.normal(size=(21, *shape)), rng.normal(size=(21, 2))
    layer = getattr(keras.layers, kind)(**arguments)
    config = own_part(layer.get_config())
    before = [keras.Input(shape=shape), keras.layers.Dense(3 if len(shape) > 1 else shape[0])]
    model = between(keras.Sequential([*before, layer, keras.layers.Flatten(), keras.layers.Dense(2)]))
    model.compile(keras.optimizers.SGD(0.0005), "mse", metrics=["mae"])
    outputs = {
        "config": config,
        "trainable": [len(model.trainable_weights), len(model.non_trainable_weights)],
        "predicted": model.predict(x, verbose=0),
        "in_training": keras.ops.convert_to_numpy(layer(keras.ops.convert_to_tensor(x[:4]), training=True)),
        "losses": [float(value) for value in layer.losses],
    }
    history = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, validation_data=(x[:5], y[:5]))
    return {**outputs, "after": model.predict(x[:3], verbose=0), **kept(model, history)}


@cases({name: {"kind": kind} for name, kind in {"noise": "GaussianNoise", "dropout": "GaussianDropout"}.items()})
def gaussian_layers_are_the_identity_in_predict(keras: Any, kind: str) -> Outputs:
    x = np.random.default_rng(12).normal(size=(4, 3))
    layer = getattr(keras.layers, kind)(0.5, seed=7)
    model = keras.Sequential([keras.Input(shape=(3,)), layer])
    return {"predicted": model.predict(x, verbose=0), "config": own_part(layer.get_config())}


EMBEDDINGS: dict[str, dict[str, Any]] = {
    "plain": {},
    "penalty": {"embeddings_regularizer": "l2", "embeddings_constraint": "unit_norm"},
    "initial": {"weights": np.arange(24.0).reshape(8, 3) / 24},
    "mask": {"mask_zero": True},
}


@cases({name: {"arguments": arguments} for name, arguments in EMBEDDINGS.items()})
def embedding_trains(keras: Any, arguments: dict[str, Any]) -> Outputs:
    rng = np.random.default_rng(13)
    x, y = rng.integers(0, 8, size=(21, 5)), rng.normal(size=(21, 5, 2))
    layer = keras.layers.Embedding(8, 3, **arguments)
    model = keras.Sequential([keras.Input(shape=(5,)), layer, keras.layers.Dense(2, activation="tanh")])
    if "weights" not in arguments:
        between(model)
    else:
        between(model.layers[1])
    model.compile(keras.optimizers.SGD(0.3), "mse", metrics=["mae"])
    before = model.predict(x, verbose=0)
    history = model.fit(x, y, batch_size=8, epochs=3, shuffle=False, verbose=0, validation_data=(x[:5], y[:5]))
    evaluated = model.evaluate(x, y, sample_weight=rng.random((21, 5)), verbose=0)
    return {"config": own_part(layer.get_config()), "before": before, "evaluated": evaluated, **kept(model, history)}


@cases({"softmax": {"kind": "Softmax"}, "batch": {"kind": "BatchNormalization"}})
def masks_reach_the_layers_that_use_them(keras: Any, kind: str) -> Outputs:
    rng = np.random.default_rng(14)
    x, y = rng.normal(size=(21, 5, 3)), rng.normal(size=(21, 5, 3))
    x[rng.random((21, 5)) < 0.4] = 0
    layer = getattr(keras.layers, kind)()
    dense = keras.layers.Dense(3)
    parts = [keras.Input(shape=(5, 3)), keras.layers.Masking(), dense]
    model = between(keras.Sequential([*parts, layer] if kind == "BatchNormalization" else parts))
    model.compile(keras.optimizers.SGD(0.1), "mse", metrics=["mae"])
    outputs = kept(model, model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0))
    mask = rng.random((21, 5, 3)) < 0.5 if kind == "Softmax" else rng.random((21, 5)) < 0.5
    arguments = {"training": True} if kind == "BatchNormalization" else {}
    masked = keras.ops.convert_to_numpy(
        layer(keras.ops.convert_to_tensor(x), mask=keras.ops.convert_to_tensor(mask), **arguments)
    )
    return {"masked": masked, "after": layer.get_weights(), **outputs}


@cases({"last axis": {"axis": -1}, "axes": {"axis": (1, 2)}, "everything": {"axis": None}})
def normalization_adapts(keras: Any, axis: Any) -> Outputs:
    x = np.random.default_rng(15).normal(3.0, 2.0, size=(20, 4, 3))
    layer = keras.layers.Normalization(axis=axis)
    layer.adapt(x)
    return {
        "weights": layer.get_weights(),
        "normalised": keras.ops.convert_to_numpy(layer(x)),
        "config": own_part(layer.get_config()),
    }


@scenario
def lambda_layers_compute_and_take_training(keras: Any) -> Outputs:
    def halve(x: Any, factor: float, training: bool = False) -> Any:
        return keras.ops.square(x) * (factor if training else 1.0)

    x, y = regression()
    layer = keras.layers.Lambda(halve, arguments={"factor": 0.5})
    model = seeded(keras.Sequential([keras.Input(shape=(5,)), keras.layers.Dense(4), layer, keras.layers.Dense(2)]))
    model.compile(keras.optimizers.SGD(0.01), "mse")
    before = model.predict(x[:4], verbose=0)
    return {"before": before, **kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))}


@scenario
def a_layer_of_several_inputs_builds_and_adds_losses(keras: Any) -> Outputs:
    class Mixed(keras.layers.Layer):
        def build(self, a_shape: Any, b_shape: Any) -> None:
            self.left = self.add_weight(shape=(a_shape[-1], 2), initializer="ones", regularizer="l2")
            self.right = self.add_weight(shape=(b_shape[-1], 2), initializer="ones", trainable=False)

        def call(self, a: Any, b: Any, training: bool = False) -> Any:
            if training:
                self.add_loss(0.1 * keras.ops.sum(a))
            return keras.ops.matmul(a, self.left) + keras.ops.matmul(b, self.right)

    class Both(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.mixed = Mixed(activity_regularizer="l2")
            self.head = keras.layers.Dense(2, bias_regularizer="l1")

        def call(self, x: Any) -> Any:
            return self.head(self.mixed(x[:, :3], b=x[:, 3:]))

    x, y = regression()
    keras.utils.clear_session()  # names are counted in a process
    model = Both()
    model(x[:1])
    between(model)
    model(x[:7])
    outputs: Outputs = {"names": [w.name for w in model.weights], "losses": [float(value) for value in model.losses]}
    model.compile(keras.optimizers.SGD(0.05), "mse")
    outputs |= kept(model, model.fit(x, y, epochs=2, shuffle=False, verbose=0))
    return {**outputs, "evaluated": model.evaluate(x, y, verbose=0)}


@scenario
def switching_trainable_moves_weights_between_the_lists(keras: Any) -> Outputs:
    model = keras.Sequential(
        [keras.Input(shape=(4,)), keras.layers.Dense(3), keras.layers.BatchNormalization(), keras.layers.Dense(2)]
    )
    found: Outputs = {}

    def note(when: str) -> None:
        shapes = [[list(w.shape) for w in part] for part in (model.trainable_weights, model.non_trainable_weights)]
        found[when] = [shapes, [layer.trainable for layer in model.layers]]

    note("new")
    model.layers[0].trainable = False
    note("first frozen")
    model.trainable = False
    note("all frozen")
    model.trainable = True
    note("all free")
    found["order"] = [w.name for w in model.weights]
    return found


@scenario
def outputs_of_a_mixed_policy_are_halves(keras: Any) -> Outputs:
    found: Outputs = {}
    for name in ("float32", "float64"):
        layer = keras.layers.Dense(2, dtype=name)
        outputs = layer(np.ones((2, 3)))
        found[name] = [
            layer.dtype,
            layer.compute_dtype,
            str(keras.ops.convert_to_numpy(outputs).dtype),
            str(keras.ops.convert_to_numpy(layer.kernel).dtype),
        ]
    for name in ("mixed_float16", "mixed_bfloat16", "float16"):
        policy = keras.dtype_policies.DTypePolicy(name)
        found[name] = [policy.name, policy.compute_dtype, policy.variable_dtype]
    return found
