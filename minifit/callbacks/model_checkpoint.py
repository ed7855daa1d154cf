"""ModelCheckpoint: save the model, or its weights, while it trains."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from ..naming import check_numbers
from .callback import Logs
from .monitor import MonitorCallback
from .progress import say

_WEIGHT_ENDINGS = (".weights.h5", ".h5", ".npz", ".safetensors")
_MODEL_ENDINGS = (".keras", ".h5", ".npz")


class BatchCounter:
    """Counts batches over epochs, for callbacks that do something every so many."""

    save_freq: str | int

    def __init__(self) -> None:
        self._batches_seen_since_last_saving = 0
        self._last_batch_seen = -1

    def due_at_batch(self, batch: int) -> bool:
        """Count up to a batch, which may be several on; tell whether it is time."""
        if self.save_freq == "epoch" or not self.save_freq:
            return False
        new_epoch = batch <= self._last_batch_seen
        self._batches_seen_since_last_saving += batch + 1 if new_epoch else batch - self._last_batch_seen
        self._last_batch_seen = batch
        if self._batches_seen_since_last_saving < int(self.save_freq):
            return False
        self._batches_seen_since_last_saving = 0
        return True


class ModelCheckpoint(MonitorCallback, BatchCounter):
    """Save at the end of every epoch, or every so many batches.

    Parameters
    ----------
    filepath : str or path
        May hold ``{epoch:02d}``, counted from 1, and names of the logs such as ``{val_loss:.3f}``.
        Ends in .weights.h5, .h5, .npz or .safetensors for weights, in .keras, .h5 or .npz for whole models.
    monitor : str
    verbose : int
    save_best_only : bool
        Whether to save only when `monitor` is better than ever before, over all runs of this object.
    save_weights_only : bool
    mode : {"auto", "min", "max"}
    save_freq : "epoch" or int
        A number counts batches, over epochs.
    initial_value_threshold : float, optional
        The value that the first save must beat.
    """

    def __init__(
        self,
        filepath: str | os.PathLike[str],
        monitor: str = "val_loss",
        verbose: int = 0,
        save_best_only: bool = False,
        save_weights_only: bool = False,
        mode: str = "auto",
        save_freq: str | int = "epoch",
        initial_value_threshold: float | None = None,
    ) -> None:
        MonitorCallback.__init__(self, monitor, mode, initial_value_threshold)
        BatchCounter.__init__(self)
        endings = _WEIGHT_ENDINGS if save_weights_only else _MODEL_ENDINGS
        self.filepath = os.fspath(filepath)
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "whole models"
            raise ValueError(
                f"ModelCheckpoint(filepath=...) of {what} must end in {', '.join(endings)}; got {self.filepath!r}."
            )
        check_numbers(self, optional=True, initial_value_threshold=initial_value_threshold)
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int) or save_freq < 1):
            raise ValueError(
                f'Unrecognized save_freq: ModelCheckpoint(save_freq=...) expects "epoch" or a number of batches; got '
                f"{save_freq!r}."
            )
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.reads_batch_logs = save_freq != "epoch"
        self._current_epoch = 0
        self._why = ""  # what is better than before, for a person

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._current_epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.due_at_batch(batch):
            self._save(self._current_epoch, batch, logs or {})

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        if self.save_freq == "epoch":
            self._save(epoch, None, logs or {})

    def _save(self, epoch: int, batch: int | None, logs: Logs) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only and not self._is_best(epoch, logs):
            return
        if self.verbose:
            say(f"\nEpoch {epoch + 1}: {self._why}saving model to {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)
        if self.verbose:
            say(f"\nEpoch {epoch + 1}: finished saving model to {path}")

    def _is_best(self, epoch: int, logs: Logs) -> bool:
        current = self.get_monitor_value(logs)
        if current is None or np.ndim(current) > 0:
            why = "is not logged" if current is None else f"is no single number ({current})"
            warnings.warn(f"{self.monitor} {why}: ModelCheckpoint saves, so that nothing is lost.", stacklevel=4)
            return True
        best = "None" if self.best is None else f"{self.best:.5f}"
        if self._is_improvement(current, self.best):
            self._why = f"{self.monitor} improved from {best} to {current:.5f}, "
            self.best = current
            return True
        if self.verbose:
            say(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {best}")
        return False

    def _path(self, epoch: int, batch: int | None, logs: Logs) -> Path:
        names: dict[str, Any] = {"epoch": epoch + 1, **({} if batch is None else {"batch": batch + 1}), **logs}
        try:
            return Path(self.filepath.format(**names))
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint(filepath={self.filepath!r}) names {error}, which is not logged; there is "
                f"{', '.join(names)}."
            ) from None
