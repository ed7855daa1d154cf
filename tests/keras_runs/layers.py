"""Forward values of the layers, and that training through each of them moves the same weights the same way."""

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
