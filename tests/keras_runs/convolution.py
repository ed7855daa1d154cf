"""Convolution, pooling and zero padding over their options: outputs, and weights after training through them.

Recorded on JAX: Keras on PyTorch repeats the edge where ``padding="same"`` averages, which no other backend does.
"""

from typing import Any

import numpy as np

from .common import Array, Outputs, cases, error_into, kept, plain, scenario, seeded

IMAGES = np.random.default_rng(11).normal(size=(7, 6, 5, 4))
SEQUENCES = np.random.default_rng(12).normal(size=(7, 6, 4))
LABELS = np.array([0, 2, 1, 1, 0, 2, 2])
FIRST = "channels_first"


def trained(keras: Any, layers: list[Any], x: Array, scale: float = 0.5) -> Outputs:
    """What the model says of a sample, and two epochs of gradient descent towards random targets."""
    model = seeded(keras.Sequential([keras.Input(shape=x.shape[1:]), *layers]), scale=scale)
    before = model.predict(x, verbose=0)
    model.compile(keras.optimizers.SGD(0.1), "mse")
    y = np.random.default_rng(13).normal(size=before.shape)
    history = model.fit(x, y, batch_size=3, epochs=2, shuffle=False, verbose=0)
    return {"before": before[:1], **kept(model, history)}


# --- convolution -----------------------------------------------------------------------------------------------------

CONV1D: dict[str, dict[str, Any]] = {
    "plain": {},
    "one step wide": {"kernel_size": 1},
    "same": {"padding": "same"},
    "same, even": {"padding": "same", "kernel_size": 4},
    "same, strides": {"padding": "same", "strides": 2},
    "causal": {"padding": "causal"},
    "causal, dilated": {"padding": "causal", "dilation_rate": 2, "kernel_size": 2},
    "causal, strides": {"padding": "causal", "strides": 3},
    "dilated": {"dilation_rate": 2},
    "groups": {"groups": 2, "filters": 6},
    "channels first": {"data_format": FIRST, "padding": "same"},
    "without bias": {"use_bias": False, "activation": "tanh"},
}


@cases({name: {"options": options} for name, options in CONV1D.items()})
def conv1d_trains(keras: Any, options: dict[str, Any]) -> Outputs:
    return trained(keras, [keras.layers.Conv1D(**{"filters": 3, "kernel_size": 3, **options})], SEQUENCES)


CONV2D: dict[str, dict[str, Any]] = {
    "plain": {},
    "relu": {"activation": "relu"},
    "softmax": {"activation": "softmax"},
    "one cell": {"kernel_size": 1},
    "oblong": {"kernel_size": (2, 3), "strides": (1, 2)},
    "strides": {"strides": 2},
    "strides wider than the kernel": {"kernel_size": 2, "strides": 3},
    "strides wider than the kernel, same": {"kernel_size": 2, "strides": 3, "padding": "same"},
    "same": {"padding": "same"},
    "same, even": {"padding": "same", "kernel_size": (2, 4)},
    "same, strides": {"padding": "same", "strides": 2, "kernel_size": (3, 2)},
    "same, larger than the image": {"padding": "same", "kernel_size": (7, 6)},
    "dilated": {"dilation_rate": (2, 1)},
    "same, dilated": {"dilation_rate": (2, 3), "padding": "same"},
    "two groups": {"groups": 2, "filters": 6},
    "as many groups as channels": {"groups": 4, "filters": 4, "padding": "same"},
    "channels first": {"data_format": FIRST},
    "channels first, same": {"data_format": FIRST, "padding": "same", "strides": 2},
    "channels first, strides, groups": {"data_format": FIRST, "strides": 2, "groups": 3, "filters": 3},
    "without bias": {"use_bias": False, "activation": "sigmoid"},
}


@cases({name: {"options": options} for name, options in CONV2D.items()})
def conv2d_trains(keras: Any, options: dict[str, Any]) -> Outputs:
    x = IMAGES.transpose(0, 3, 1, 2) if options.get("groups") != 3 else IMAGES[:, :3]
    x = x if options.get("data_format") == FIRST else IMAGES
    return trained(keras, [keras.layers.Conv2D(**{"filters": 3, "kernel_size": 3, **options})], x)


@scenario
def conv2d_with_penalties_and_constraints_trains(keras: Any) -> Outputs:
    layers = [
        keras.layers.Conv2D(
            3,
            2,
            activation="tanh",
            kernel_regularizer="l2",
            bias_regularizer=keras.regularizers.L1(0.05),
            activity_regularizer=keras.regularizers.L2(0.02),
            kernel_constraint=keras.constraints.MaxNorm(0.7, axis=(0, 1, 2)),
            bias_constraint="non_neg",
        )
    ]
    return trained(keras, layers, IMAGES)


@scenario
def a_small_network_of_images_trains(keras: Any) -> Outputs:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(shape=(6, 5, 4)),
            layers.Conv2D(4, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(5, 2, activation="relu"),
            layers.AveragePooling2D((2, 1)),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    seeded(model)
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(IMAGES, LABELS, batch_size=3, epochs=3, shuffle=False, verbose=0)
    return {"count": model.count_params(), **kept(model, history)}


@scenario
def a_small_network_of_sequences_trains(keras: Any) -> Outputs:
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input(shape=(6, 4)),
            layers.Conv1D(4, 2, padding="causal", activation="relu"),
            layers.Conv1D(5, 2, strides=2, activation="tanh"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(3, activation="softmax"),
        ]
    )
    seeded(model)
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(SEQUENCES, LABELS, batch_size=3, epochs=3, shuffle=False, verbose=0)
    return {"count": model.count_params(), **kept(model, history)}


# --- pooling ---------------------------------------------------------------------------------------------------------

POOL2D: dict[str, dict[str, Any]] = {
    "plain": {"pool_size": 2},
    "oblong": {"pool_size": (3, 2)},
    "overlapping": {"pool_size": 3, "strides": 1},
    "apart": {"pool_size": 2, "strides": 3},
    "channels first": {"pool_size": 2, "data_format": FIRST},
    "same": {"pool_size": 2, "padding": "same"},
    "same, overlapping": {"pool_size": (3, 4), "strides": (2, 1), "padding": "same"},
    "same, apart": {"pool_size": 2, "strides": 3, "padding": "same"},
    "same, channels first": {"pool_size": 3, "strides": 2, "padding": "same", "data_format": FIRST},
}
POOL1D: dict[str, dict[str, Any]] = {
    "plain": {"pool_size": 2},
    "overlapping": {"pool_size": 3, "strides": 1},
    "channels first": {"pool_size": 2, "data_format": FIRST},
    "same": {"pool_size": 4, "padding": "same"},
    "same, overlapping": {"pool_size": 3, "strides": 2, "padding": "same"},
}
POOLS = {
    **{f"2D, {name}": {"rank": 2, "options": options} for name, options in POOL2D.items()},
    **{f"1D, {name}": {"rank": 1, "options": options} for name, options in POOL1D.items()},
}
INSIDE = {name: case for name, case in POOLS.items() if "padding" not in case["options"]}


def pooled(keras: Any, name: str, rank: int, options: dict[str, Any], scale: float = 0.5) -> Outputs:
    """Training through a pooling layer with a convolution of one cell before it."""
    x = IMAGES if rank == 2 else SEQUENCES
    conv = getattr(keras.layers, f"Conv{rank}D")(3, 1, data_format=options.get("data_format"))
    pool = getattr(keras.layers, f"{name}Pooling{rank}D")(**options)
    return trained(keras, [conv, pool], x, scale)


@cases(POOLS)
def max_pooling_trains(keras: Any, rank: int, options: dict[str, Any]) -> Outputs:
    return pooled(keras, "Max", rank, options)


@cases(POOLS)
def max_pooling_of_equal_inputs_gives_the_gradient_to_the_first(
    keras: Any, rank: int, options: dict[str, Any]
) -> Outputs:
    x = np.random.default_rng(14).integers(0, 2, size=(IMAGES if rank == 2 else SEQUENCES).shape).astype("float64")
    pool = getattr(keras.layers, f"MaxPooling{rank}D")(**options)
    place = keras.layers.Dense(1)  # whose kernel's gradient says from where in the window it came
    model = keras.Sequential([keras.Input(shape=x.shape[1:]), Scale(keras), pool, keras.layers.Flatten(), place])
    model.set_weights([np.ones(x.shape[1:]), *seeded(model).get_weights()[1:]])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return kept(model, model.fit(x, np.arange(7.0), batch_size=7, epochs=1, shuffle=False, verbose=0))


def Scale(keras: Any) -> Any:
    """A layer with one factor for every pixel."""

    class Factors(keras.layers.Layer):
        def build(self, input_shape: Any) -> None:
            self.factors = self.add_weight(shape=input_shape[1:], initializer="ones", name="factors")

        def call(self, inputs: Any) -> Any:
            return inputs * self.factors

    return Factors()


@cases(INSIDE)
def average_pooling_trains(keras: Any, rank: int, options: dict[str, Any]) -> Outputs:
    return pooled(keras, "Average", rank, options)


@cases({name: case for name, case in POOLS.items() if name not in INSIDE})
def average_pooling_does_not_count_padding(keras: Any, rank: int, options: dict[str, Any]) -> Outputs:
    return pooled(keras, "Average", rank, options)


@cases(
    {
        f"{name}{rank}D{', channels first' * bool(form)}{', axes kept' * keep}": {
            "name": f"Global{name}Pooling{rank}D",
            "x": x,
            "options": {"data_format": form, "keepdims": keep},
        }
        for name in ("Average", "Max")
        for rank, x in ((1, SEQUENCES), (2, IMAGES))
        for form in (None, FIRST)
        for keep in (False, True)
    }
)
def global_pooling_trains(keras: Any, name: str, x: Array, options: dict[str, Any]) -> Outputs:
    rank = x.ndim - 2
    conv = getattr(keras.layers, f"Conv{rank}D")(3, 1, data_format=options["data_format"])
    return trained(keras, [conv, getattr(keras.layers, name)(**options)], x)


@cases({"of numbers": {"kind": "int32"}, "of truth values": {"kind": "bool"}})
def masked_steps_do_not_count_in_a_global_average(keras: Any, kind: str) -> Outputs:
    mask = np.random.default_rng(15).integers(0, 2, size=(7, 6))
    mask[:, 0] = 1
    outputs: Outputs = {}
    for keepdims in (False, True):
        layer = keras.layers.GlobalAveragePooling1D(keepdims=keepdims)
        outputs[f"keepdims={keepdims}"] = plain(layer(SEQUENCES, mask=mask.astype(kind)))
        turned = keras.layers.GlobalAveragePooling1D(data_format=FIRST, keepdims=keepdims)
        outputs[f"first, keepdims={keepdims}"] = plain(turned(SEQUENCES.swapaxes(1, 2), mask=mask.astype(kind)))
    return outputs


# --- padding, shapes, functions --------------------------------------------------------------------------------------


@cases(
    {
        "one number": {"options": {"padding": 2}},
        "two numbers": {"options": {"padding": (1, 2)}},
        "four numbers": {"options": {"padding": ((1, 0), (2, 3))}},
        "channels first": {"options": {"padding": ((1, 0), (2, 2)), "data_format": FIRST}},
        "by default": {"options": {}},
    }
)
def zero_padding_trains(keras: Any, options: dict[str, Any]) -> Outputs:
    x = IMAGES.transpose(0, 3, 1, 2) if "data_format" in options else IMAGES
    pad = keras.layers.ZeroPadding2D(**options)
    outputs = {"padding": [list(pair) for pair in pad.padding]}
    conv = keras.layers.Conv2D(2, 1, activation="tanh", data_format=options.get("data_format"))
    after = keras.layers.Conv2D(3, 2, data_format=options.get("data_format"))
    return {**outputs, **trained(keras, [conv, pad, after], x)}


@scenario
def shapes_are_computed_with_open_axes(keras: Any) -> Outputs:
    layers = keras.layers
    found: Outputs = {}

    def note(name: str, layer: Any, shape: tuple[int | None, ...]) -> None:
        found[name] = list(layer.compute_output_shape(shape))

    for padding in ("valid", "same"):
        for form in ("channels_last", FIRST):
            key = f"{padding} {form} "
            options = {"padding": padding, "data_format": form}
            note(f"{key}conv", layers.Conv2D(3, (2, 3), strides=(2, 1), **options), (None, None, 9, 11))
            note(f"{key}dilated", layers.Conv2D(3, 3, dilation_rate=2, **options), (5, 8, 9, 11))
            note(f"{key}conv 1D", layers.Conv1D(3, 4, strides=3, **options), (None, 12, 11))
            note(f"{key}max", layers.MaxPooling2D((2, 3), **options), (None, 7, None, 9))
            note(f"{key}average", layers.AveragePooling1D(3, 2, **options), (None, 7, 8))
            note(f"{key}pad", layers.ZeroPadding2D(((1, 2), (3, 4)), data_format=form), (None, None, 9, 11))
            for keep in (False, True):
                pool = layers.GlobalAveragePooling2D(data_format=form, keepdims=keep)
                note(f"{key}global {keep}", pool, (None, None, 9, 11))
    note("causal", layers.Conv1D(3, 4, padding="causal", strides=2), (None, 9, 2))
    return found


@scenario
def functions_take_the_arguments_of_the_layers(keras: Any) -> Outputs:
    ops = keras.ops
    kernel = np.random.default_rng(16).normal(size=(2, 3, 4, 5))
    x, turned = keras.ops.convert_to_tensor(IMAGES), keras.ops.convert_to_tensor(IMAGES.transpose(0, 3, 1, 2))
    sequence = keras.ops.convert_to_tensor(SEQUENCES)
    return {
        "conv": plain(ops.conv(x, kernel, 2, "same", "channels_last", 1)),
        "dilated": plain(ops.conv(x, kernel, dilation_rate=(1, 2))),
        "grouped": plain(ops.conv(x, kernel[:, :, :2, :4])),
        "turned": plain(ops.conv(turned, kernel, (1, 2), data_format=FIRST)),
        "sequence": plain(ops.conv(sequence, kernel[0])),
        "max": plain(ops.max_pool(x, 3, 1, "same")),
        "max turned": plain(ops.max_pool(turned, (2, 3), (2, 3), data_format=FIRST)),
        "average": plain(ops.average_pool(sequence, 2, 2)),
        "average turned": plain(ops.average_pool(turned, (2, 3), 2, "valid", FIRST)),
    }


@cases(
    {
        "no filters": {"layer": "Conv2D", "options": {"filters": 0, "kernel_size": 2}},
        "negative kernel": {"layer": "Conv2D", "options": {"filters": 1, "kernel_size": (2, -1)}},
        "three sizes": {"layer": "Conv2D", "options": {"filters": 1, "kernel_size": (2, 2, 2)}},
        "no stride": {"layer": "Conv1D", "options": {"filters": 1, "kernel_size": 2, "strides": 0}},
        "strides and dilation": {
            "layer": "Conv1D",
            "options": {"filters": 1, "kernel_size": 2, "strides": 2, "dilation_rate": 2},
        },
        "groups and filters": {"layer": "Conv2D", "options": {"filters": 3, "kernel_size": 2, "groups": 2}},
        "causal images": {"layer": "Conv2D", "options": {"filters": 1, "kernel_size": 2, "padding": "causal"}},
        "unknown padding": {"layer": "Conv1D", "options": {"filters": 1, "kernel_size": 2, "padding": "full"}},
        "unknown format": {"layer": "MaxPooling2D", "options": {"data_format": "channels_middle"}},
        "pool of nothing": {"layer": "MaxPooling2D", "options": {"pool_size": 0}},
        "pool of three sizes": {"layer": "AveragePooling2D", "options": {"pool_size": (1, 2, 3)}},
        "padding by text": {"layer": "ZeroPadding2D", "options": {"padding": "1"}},
        "negative padding": {"layer": "ZeroPadding2D", "options": {"padding": (1, (2, -1))}},
    }
)
def wrong_arguments_raise(keras: Any, layer: str, options: dict[str, Any]) -> Outputs:
    outputs: Outputs = {}
    with error_into(outputs):
        getattr(keras.layers, layer)(**options)
    return outputs


@scenario
def wrong_inputs_raise(keras: Any) -> Outputs:
    layers = keras.layers
    outputs: Outputs = {}
    for name, layer, shape in (
        ("groups do not divide the channels", layers.Conv2D(4, 2, groups=2), (2, 5, 5, 3)),
        ("kernel larger than the image", layers.Conv2D(4, 6), (2, 5, 5, 3)),
        ("a sequence to a layer of images", layers.Conv2D(4, 2), (2, 5, 3)),
        ("an image to a pool of sequences", layers.MaxPooling1D(2), (2, 5, 5, 3)),
        ("rows to a global pool", layers.GlobalMaxPooling2D(), (2, 5)),
    ):
        with error_into(outputs, name):
            layer(np.zeros(shape))
    return outputs
