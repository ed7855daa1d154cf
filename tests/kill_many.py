"""Kill training with SIGKILL at random moments, start it again, and compare its end bit by bit.

    python tests/kill_many.py [--kills 100] [--seed 0] [--case NAME]

Each trial starts a run in a process of its own, kills it after a random time, starts it again, and so on until it
comes to its end. Weights, History, the CSV log and what a callback of the user's own noted must then be those of a
run that was never killed.
"""

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import minifit as keras

CASES: dict[str, dict[str, Any]] = {
    "after every epoch": {"save_freq": "epoch"},
    "after every batch": {"save_freq": 1},
    "every 3 batches": {"save_freq": 3, "double_checkpoint": True},
    "epochs that are no whole pass": {"save_freq": 2, "steps_per_epoch": 3},
    "a PyDataset": {"save_freq": 2, "data": "PyDataset"},
    "a generator": {"save_freq": 3, "data": "generator", "steps_per_epoch": 4},
    "a schedule and averaged weights": {"save_freq": 2, "optimizer": "schedule"},
    "stopped early": {"save_freq": 2, "patience": 1, "rate": 0.5},
}


class Noted(keras.callbacks.Callback):
    """A callback of the user's own: it knows nothing of being resumed."""

    def __init__(self) -> None:
        super().__init__()
        self.losses: list[float] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.losses.append(logs["loss"])


class Parts(keras.utils.PyDataset):
    """Batches with noise from NumPy's global generator."""

    def __init__(self, x: np.ndarray, y: np.ndarray) -> None:
        super().__init__()
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x) // 8

    def __getitem__(self, index: int) -> Any:
        rows = slice(8 * index, 8 * index + 8)
        return self.x[rows] + 0.1 * np.random.normal(size=(8, 4)), self.y[rows]  # noqa: NPY002 - as users do


def batches(x: np.ndarray, y: np.ndarray) -> Iterator[Any]:
    """Batches without end, in an order that a generator of their own gives."""
    rng = np.random.default_rng(5)
    while True:
        rows = rng.integers(0, len(x), 8)
        yield x[rows], y[rows]


def train(
    folder: Path,
    save_freq: Any,
    double_checkpoint: bool = False,
    steps_per_epoch: int | None = None,
    data: str = "arrays",
    optimizer: str = "adam",
    patience: int = 3,
    rate: float = 0.02,
    extra: tuple[Any, ...] = (),
    epochs: int = 4,
) -> dict[str, Any]:
    """Train a small network with everything that has a state; what it came to, as plain data."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(44, 4)).astype("float32")
    y = np.tanh(x[:, :1]) + 0.1 * rng.normal(size=(44, 1)).astype("float32")
    keras.utils.set_random_seed(3)
    layers = [keras.Input((4,)), keras.layers.Dense(6, activation="relu"), keras.layers.BatchNormalization()]
    layers += [keras.layers.Dropout(0.2), keras.layers.GaussianNoise(0.1), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    adam: Any = keras.optimizers.Adam(rate)
    if optimizer == "schedule":
        schedule = keras.optimizers.schedules.CosineDecay(rate, 20)
        adam = keras.optimizers.AdamW(schedule, use_ema=True, ema_momentum=0.9, gradient_accumulation_steps=2)
    model.compile(adam, "mse", metrics=["mae", keras.metrics.RootMeanSquaredError()])
    noted = Noted()
    callbacks: list[Any] = [
        keras.callbacks.BackupAndRestore(folder / "backup", save_freq, double_checkpoint),
        noted,
        keras.callbacks.CSVLogger(folder / "log.csv"),
        keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True),
        keras.callbacks.ModelCheckpoint(folder / "best.npz", save_best_only=True, save_weights_only=True),
        *extra,
    ]
    if optimizer == "adam":
        callbacks.insert(2, keras.callbacks.ReduceLROnPlateau("loss", patience=1, factor=0.5, min_delta=0.05))
        callbacks.insert(2, keras.callbacks.LearningRateScheduler(lambda epoch, rate: 0.9 * rate))
    given: dict[str, Any] = {"x": x, "y": y, "batch_size": 8}
    if data != "arrays":
        given = {"x": Parts(x, y) if data == "PyDataset" else batches(x, y)}
    validation = (x[:13], y[:13])
    history = model.fit(
        **given,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        validation_data=validation,
        verbose=0,
        callbacks=callbacks,
    )
    return {
        "weights": [weight.tolist() for weight in model.get_weights()],
        "optimizer": [np.asarray(variable).tolist() for variable in model.optimizer.variables],
        "history": history.history,
        "epochs": history.epoch,
        "noted": noted.losses,
        "log": (folder / "log.csv").read_text(),
        "best": [part.tolist() for part in _read(folder / "best.npz")],
    }


def _read(path: Path) -> list[np.ndarray]:
    with np.load(path) as table:
        return [table[name] for name in sorted(table.files)]


def _start(case: str, folder: Path) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own; return when its training begins."""
    run = subprocess.Popen([sys.executable, __file__, "--train", str(folder), "--case", case], stdout=subprocess.PIPE)
    assert run.stdout is not None
    if run.stdout.readline() != b"begun\n":
        raise SystemExit(f"the run of {case!r} ended with {run.wait()} before it began")
    return run


def _ended(run: subprocess.Popen[bytes], folder: Path) -> str:
    if run.wait():
        raise SystemExit(f"a run ended with {run.returncode}")
    return (folder / "result.json").read_text()


def _reference(case: str) -> tuple[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        run, began = _start(case, Path(folder)), time.perf_counter()
        return _ended(run, Path(folder)), time.perf_counter() - began


def kill_many(kills: int, seed: int = 0, cases: list[str] | None = None, tell: Callable[[str], Any] = print) -> int:
    """Kill so many times; return how many runs did not end as they should."""
    chance = random.Random(seed)
    names = cases or list(CASES)
    references: dict[str, tuple[str, float]] = {}
    killed = ends = wrong = 0
    while killed < kills:
        case = names[ends % len(names)]
        if case not in references:
            references[case] = _reference(case)
        expected, seconds = references[case]
        with tempfile.TemporaryDirectory() as name:
            folder, here = Path(name), 0
            for _ in range(min(chance.randint(1, 3), kills - killed)):
                run = _start(case, folder)
                time.sleep(chance.uniform(0, seconds))
                if run.poll() is not None:  # it had come to its end
                    break
                run.send_signal(signal.SIGKILL)
                run.wait()
                here += 1
            if run.returncode:
                run = _start(case, folder)
            same = _ended(run, folder) == expected
        killed, ends, wrong = killed + here, ends + 1, wrong + (not same)
        tell(f"{killed:4} kills  {case}: killed {here} times, {'identical' if same else 'DIFFERENT'} in the end")
    tell(f"{killed} kills, {ends} ends, {ends - wrong} of them bit-identical")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--case", choices=CASES)
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.train:
        print("begun", flush=True)
        (options.train / "result.json").write_text(json.dumps(train(options.train, **CASES[options.case])))
        return 0
    return int(bool(kill_many(options.kills, options.seed, [options.case] if options.case else None)))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.exit(main())
