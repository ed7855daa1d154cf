"""BackupAndRestore: a run that was killed goes on where it was."""

from __future__ import annotations

import json
import os
import random as python_random
from pathlib import Path
from typing import Any

import numpy as np

from .. import random
from ..files import read_tree, write_tree, written_whole
from .callback import Callback, Logs
from .model_checkpoint import BatchCounter


class BackupAndRestore(Callback, BatchCounter):
    """Save the whole state of a run while it trains; start the same script again, and it goes on from there.

    A backup holds weights, the optimizer with its step and learning rate, all random streams, the
    order and place of the data, running sums of the metrics, History and the state of the other
    callbacks. The resumed run therefore ends with the very bits of one that was never interrupted,
    if its batches come in an order of the engine's own (arrays, a `PyDataset`) or in one that is
    always the same.

    Parameters
    ----------
    backup_dir : str or path
        For this callback alone. It is emptied when training ends.
    save_freq : "epoch" or int
        At the end of every epoch, or also inside, every so many batches.
    double_checkpoint : bool
        Whether to keep the last backup but one, too, and to use it if the last cannot be read.
    delete_checkpoint : bool
        Whether to remove the backup when training ends.

    Notes
    -----
    A callback takes part with what its `get_state` returns: for one of your own all attributes that
    are plain data or arrays. A backup is one file that is there whole or not at all.
    """

    comes_last = True  # its backups hold what the others made of the same moment
    others: list[Any]

    def __init__(
        self,
        backup_dir: str | os.PathLike[str],
        save_freq: str | int = "epoch",
        double_checkpoint: bool = False,
        delete_checkpoint: bool = True,
    ) -> None:
        Callback.__init__(self)
        BatchCounter.__init__(self)
        if not backup_dir:
            raise ValueError("Empty `backup_dir` argument passed: name a folder for the backups.")
        if save_freq != "epoch" and (not isinstance(save_freq, int) or save_freq < 0):
            raise ValueError(
                f'Invalid value for argument `save_freq`: expected "epoch" or a number of batches; got {save_freq!r}.'
            )
        self.backup_dir = os.fspath(backup_dir)
        self.save_freq, self.double_checkpoint, self.delete_checkpoint = save_freq, double_checkpoint, delete_checkpoint
        self.reads_batch_logs = save_freq != "epoch"
        folder = Path(backup_dir)
        self._weights_path = folder / "latest.npz"
        self._prev_weights_path = folder / "latest.npz.bkp"
        self._training_metadata_path = folder / "training_metadata.json"  # for people: nothing is read from it
        self._prev_training_metadata_path = folder / "training_metadata.json.bkp"
        self._current_epoch = 0
        self._restored: dict[str, Any] | None = None
        self.others = []

    # -- going on ---------------------------------------------------------------------------------

    def on_train_begin(self, logs: Logs | None = None) -> None:
        if not self.model.built:
            raise ValueError(
                "BackupAndRestore needs a model that is built before fit(): give it an Input, or call it on a batch."
            )
        for partial in Path(self.backup_dir).glob(".latest.npz*.partial"):  # of a save that was killed
            partial.unlink()
        state = self._restored = self._read()
        if state is None:
            return
        self._restore(state, with_data=state["batch"] is None)  # a generator cannot be walked through twice
        self._current_epoch = state["epoch"]
        # A run that had ended, but for its last hook, has no epoch left.
        self.model._under_way.first_epoch = self.params["epochs"] if state["stopped"] else state["epoch"]
        self.model.stop_training = state["stopped"]
        if state["batch"] is None:
            self.model._under_way.resumed_logs = state["logs"]

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._current_epoch = epoch
        state, self._restored = self._restored, None
        if state is not None and state["batch"] is not None:
            # This epoch had begun when it was saved: what the hooks of its beginning did is undone.
            self._restore(state)
            for metric, sums in zip(self._metrics(), state["metrics"], strict=True):
                _set_sums(metric, sums)
            self.model._under_way.resumed_logs = state["logs"]

    def _read(self) -> dict[str, Any] | None:
        if not self._weights_path.exists():
            return None
        try:
            return read_tree(self._weights_path)
        except ValueError:
            if not self._prev_weights_path.exists():
                raise
        return read_tree(self._prev_weights_path)

    def _restore(self, state: dict[str, Any], with_data: bool = True) -> None:
        model = self.model
        expected, saved = [v.shape for v in model.variables], [np.shape(w) for w in state["weights"]]
        if expected != saved:
            raise ValueError(
                f"The backup in {self.backup_dir} is of another model: its weights have the shapes {saved}, the "
                f"model's {expected}. Remove the folder to start anew."
            )
        for variable, value in zip(model.variables, state["weights"], strict=True):
            variable.assign(value)
        if state["optimizer"] is not None:
            model.optimizer.build(model.trainable_variables)
            model.optimizer.set_state(state["optimizer"])
        mine = self._named_others()
        for name, theirs in state["callbacks"].items():
            if name in mine:
                mine[name].set_state(theirs)
        BatchCounter.__init__(self)
        self._batches_seen_since_last_saving, self._last_batch_seen = state["counted"]
        if with_data:
            model._under_way.data.set_state(state["data"])
        random.set_state(state["random"])  # the data may have drawn from it on the way
        python_random.setstate(state["python"])
        np.random.set_state(state["numpy"])  # noqa: NPY002 - what the user's own code may draw from

    # -- saving -----------------------------------------------------------------------------------

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        # A run about to stop is saved at the end of its epoch.
        if self.due_at_batch(batch) and not self.model.stop_training:
            self._save(self._current_epoch, batch, logs)
        self._last_batch_seen = batch

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self._current_epoch = epoch + 1
        self._last_batch_seen = 0
        if self.save_freq:
            self._save(epoch + 1, None, logs)

    def on_train_end(self, logs: Logs | None = None) -> None:
        if not self.delete_checkpoint:
            return
        # The backup in use goes last but one, so that a kill in between leaves it or nothing.
        for path in (self._prev_weights_path, self._prev_training_metadata_path, self._training_metadata_path):
            path.unlink(missing_ok=True)
        self._weights_path.unlink(missing_ok=True)
        folder = Path(self.backup_dir)
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()

    def _save(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        Path(self.backup_dir).mkdir(parents=True, exist_ok=True)
        for path, previous in (
            (self._weights_path, self._prev_weights_path),
            (self._training_metadata_path, self._prev_training_metadata_path),
        ):
            if self.double_checkpoint and path.exists():
                with written_whole(previous) as copy:
                    copy.write_bytes(path.read_bytes())
        write_tree(self._weights_path, self._state(epoch, batch, logs))
        self._training_metadata_path.write_text(json.dumps({"epoch": epoch, "batch": self._last_batch_seen}))

    def _state(self, epoch: int, batch: int | None, logs: Logs | None) -> dict[str, Any]:
        model = self.model
        optimizer = model.optimizer
        return {
            "epoch": epoch,
            "batch": batch,
            "logs": logs or {},
            "stopped": bool(model.stop_training),
            "counted": (self._batches_seen_since_last_saving, self._last_batch_seen),
            "weights": [variable.numpy() for variable in model.variables],
            "optimizer": optimizer.get_state() if getattr(optimizer, "built", False) else None,
            "metrics": None if batch is None else [_sums(metric) for metric in self._metrics()],
            "callbacks": {name: callback.get_state() for name, callback in self._named_others().items()},
            "data": model._under_way.data.get_state(),
            "random": random.get_state(),
            "python": python_random.getstate(),
            "numpy": np.random.get_state(),  # noqa: NPY002
        }

    def _named_others(self) -> dict[str, Any]:
        named: dict[str, Any] = {}
        for callback in self.others:
            if hasattr(callback, "get_state"):
                kind = type(callback).__name__
                named[f"{kind} {sum(name.startswith(f'{kind} ') for name in named)}"] = callback
        return named

    def _metrics(self) -> list[Any]:
        """Return the model's metrics, those that others hold included."""
        found: dict[int, Any] = {}

        def look_into(metric: Any) -> None:
            if id(metric) not in found:
                found[id(metric)] = metric
                for inner in getattr(metric, "metrics", ()):
                    look_into(inner)

        for metric in self.model.metrics:
            look_into(metric)
        return list(found.values())


def _sums(metric: Any) -> dict[str, Any]:
    """Return what a metric has counted: its variables, and numbers and arrays among its attributes."""
    numbers = {k: v for k, v in vars(metric).items() if isinstance(v, (int, float, np.ndarray, np.generic))}
    return {"variables": [v.numpy() for v in getattr(metric, "variables", ())], "numbers": numbers}


def _set_sums(metric: Any, sums: dict[str, Any]) -> None:
    for variable, value in zip(getattr(metric, "variables", ()), sums["variables"], strict=True):
        variable.assign(value)
    for name, value in sums["numbers"].items():
        setattr(metric, name, value)
