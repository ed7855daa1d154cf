"""Record the runs again with real Keras, in a checkout of the package.

    python autograder/recorded/record.py [--check]

needs ``pip install keras jax``: on JAX, Keras draws the order of the rows from NumPy, where it can be seen. Each
run is one call of `fit`. The first weights and the orders are Keras' own; where a record exists they are
taken from it, so that recording again gives the same numbers. With ``--check`` nothing is written, and the
exit code is 1 when a number moved by more than 1e-12.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

CHECKOUT = Path(__file__).resolve().parents[2]


def main(arguments: list[str]) -> int:
    """Record every run, say how far each moved, and return the exit code."""
    os.environ["KERAS_BACKEND"] = "jax"
    sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / "tests")]
    from keras_runs.real_keras import keras_in_float64

    from autograder.recorded import FOLDER, RUNS, SHARED

    keras = keras_in_float64()
    made_with = f"Keras {keras.__version__} on {keras.config.backend()}, {keras.config.floatx()}"
    moved = 0
    for name, own in RUNS.items():
        old = _old(FOLDER / f"{name}.npz")
        about, arrays = record(keras, {**SHARED, **own}, old)
        gap = max((float(np.max(np.abs(arrays[key] - old[key]))) for key in old), default=np.inf)
        moved += gap > 1e-12
        print(f"{name}: {made_with}, {'new' if not old else f'moved by {gap:.1e}'}")
        if "--check" not in arguments and gap > 1e-12:
            np.savez_compressed(FOLDER / f"{name}.npz", **arrays)
            text = json.dumps({"made_with": made_with, **about}, indent=1)
            (FOLDER / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return int(moved > 0 and "--check" in arguments)


def _old(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def record(keras: Any, settings: dict[str, Any], old: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train once and return what there is to keep: texts and lists, and arrays."""
    from minifit.datasets import digits

    (images, y), (test_images, y_test) = digits.load_data()
    x, x_test = images.reshape(-1, 64) / 16, test_images.reshape(-1, 64) / 16
    if not old:
        keras.utils.set_random_seed(9)
    hidden, classes = settings["units"]
    layers = [keras.layers.Dense(hidden, activation="relu"), keras.layers.Dense(classes)]
    model = keras.Sequential([keras.Input(shape=(64,)), *layers])
    if old:
        model.set_weights([old[f"weights_{i}"] for i in range(4)])
    weights = [np.array(w) for w in model.get_weights()]
    model.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )

    options: dict[str, Any] = {
        key: settings[key] for key in ("batch_size", "epochs", "validation_split", "validation_freq") if key in settings
    }
    if "validation_split" not in settings:
        options["validation_data"] = (x_test, y_test)
    seen = recorder(keras)
    known = list(old.get("orders", ()))
    with permutations(known[:1] + known) as drawn:
        fit = model.fit(x, y, callbacks=[seen], verbose=0, **options)
    # Before the first epoch Keras draws one order more, for a look at a batch by which it builds its metrics.
    orders = drawn[-settings["epochs"] :]
    evaluation = model.evaluate(x_test, y_test, batch_size=settings["batch_size"], return_dict=True, verbose=0)
    arrays = {
        **{f"weights_{i}": w for i, w in enumerate(weights)},
        **{f"final_weights_{i}": np.array(w) for i, w in enumerate(model.get_weights())},
        "orders": np.stack(orders).astype("int16"),
        "steps_loss": np.array(seen.loss),
        "steps_accuracy": np.array(seen.accuracy),
        "predictions": model.predict(x_test, batch_size=settings["batch_size"], verbose=0),
    }
    return {"settings": settings, "history": fit.history, "evaluation": evaluation}, arrays


@contextlib.contextmanager
def permutations(known: list[Any]) -> Iterator[list[Any]]:
    """Note the permutations that are drawn inside the block; the `known` ones are drawn first."""
    drawn: list[Any] = []
    original = np.random.permutation

    def permutation(n: int) -> Any:
        drawn.append(known[len(drawn)].astype(int) if len(drawn) < len(known) else original(n))
        return drawn[-1].copy()

    np.random.permutation = permutation  # type: ignore[assignment]
    try:
        yield drawn
    finally:
        np.random.permutation = original


def recorder(keras: Any) -> Any:
    """A callback with the lists `loss` and `accuracy`: what Keras reports after each batch."""

    class Seen(keras.callbacks.Callback):
        def __init__(self) -> None:
            super().__init__()
            self.loss: list[float] = []
            self.accuracy: list[float] = []

        def on_train_batch_end(self, batch: int, logs: dict[str, float]) -> None:
            self.loss.append(float(logs["loss"]))
            self.accuracy.append(float(logs["accuracy"]))

    return Seen()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
