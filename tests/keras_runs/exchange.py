"""The model whose weights go from Keras to minifit and back in a ``.weights.h5`` file."""

from pathlib import Path
from typing import Any

from .common import regression, seeded

FILE = Path(__file__).parent / "recorded" / "saved_by_keras.weights.h5"
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
