"""The models that go from Keras to minifit and back: weights in a ``.weights.h5`` file, whole ones in ``.keras``."""

from pathlib import Path
from typing import Any

import numpy as np

from .common import Outputs, kept, regression, seeded

FOLDER = Path(__file__).parent / "recorded"
FILE = FOLDER / "saved_by_keras.weights.h5"
KINDS = ("sequential", "functional", "nested")
WHOLE = {kind: FOLDER / f"saved_by_keras_{kind}.keras" for kind in KINDS}
SEED = 77


def model_to_exchange(keras: Any, seed: int = SEED) -> Any:
    """A trained-once model with several layers of one class, layers without weights, and names of its own."""
    layers = [
        keras.Input(shape=(5,)),
        keras.layers.Dense(4, activation="relu", name="first"),
        keras.layers.Dropout(0.1),
        keras.layers.Dense(3, use_bias=False),
        keras.layers.Activation("tanh"),
        keras.layers.Flatten(),
        keras.layers.Dense(2, name="last"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "mse")
    model.fit(*regression(8), epochs=1, verbose=0)
    return seeded(model, seed)


WITH_WEIGHTS: dict[str, tuple[Any, tuple[int, ...]]] = {
    "Dense": (lambda layers: layers.Dense(3), (5,)),
    "Embedding": (lambda layers: layers.Embedding(7, 3), (4,)),
    "Conv1D": (lambda layers: layers.Conv1D(3, 2), (6, 2)),
    "Conv2D": (lambda layers: layers.Conv2D(4, 2, groups=2), (6, 5, 4)),
    "BatchNormalization": (lambda layers: layers.BatchNormalization(), (5,)),
    "BatchNormalization without scale": (lambda layers: layers.BatchNormalization(scale=False), (5,)),
    "LayerNormalization": (lambda layers: layers.LayerNormalization(), (5,)),
    "PReLU": (lambda layers: layers.PReLU(), (4, 3)),
    "Normalization": (lambda layers: layers.Normalization(), (5,)),
}
"""The layers that have weights, and the shape of a sample."""


def one_layer(keras: Any, name: str, seed: int = SEED) -> Any:
    """A model of this one layer and two without weights around it, with positive weights from a seed."""
    make, shape = WITH_WEIGHTS[name]
    model = keras.Sequential([keras.Input(shape), keras.layers.Activation("linear"), make(keras.layers)])
    model.add(keras.layers.Dropout(0.5))
    rng = np.random.default_rng(seed)
    counts = [np.ones(w.shape) if w.dtype.kind in "iu" else 0.1 + rng.random(w.shape) for w in model.get_weights()]
    model.set_weights(counts)
    return model


def whole_model(keras: Any, kind: str) -> Any:
    """A compiled model that has been trained for two epochs, with a schedule and averages of its weights."""
    layers = keras.layers
    if kind == "functional":
        inputs = keras.Input(shape=(5,))
        hidden = layers.Dense(4, activation="tanh")(inputs)
        model = keras.Model(inputs, layers.Dense(2, kernel_regularizer="l2")(hidden))
    elif kind == "nested":
        inner = keras.Sequential([keras.Input(shape=(5,)), layers.Dense(3, activation="relu"), layers.Dense(4)])
        model = keras.Sequential([keras.Input(shape=(5,)), inner, layers.Dense(2)])
    else:
        norm = layers.BatchNormalization(momentum=0.8)
        model = keras.Sequential([keras.Input(shape=(5,)), layers.Dense(4, activation="elu"), norm, layers.Dense(2)])
    seeded(model)
    rate = keras.optimizers.schedules.ExponentialDecay(0.05, 7, 0.5)
    model.compile(keras.optimizers.AdamW(rate, use_ema=kind == "nested"), "mse", metrics=["mae"])
    trained_on(model)
    return model


def trained_on(model: Any) -> Outputs:
    """What two more epochs make of a model."""
    x, y = regression(40)
    return kept(model, model.fit(x, y, epochs=2, batch_size=16, shuffle=False, verbose=0))
