"""ModelCheckpoint: save the model, or its weights, while it trains."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from .callback import Logs
from .monitor import MonitorCallback

_WEIGHT_ENDINGS = (".weights.h5", ".h5", ".npz")
_MODEL_ENDINGS = (".keras", ".h5", ".npz")


class ModelCheckpoint(MonitorCallback):
    """Save at the end of every epoch, or every so many batches.

    Parameters
    ----------
    filepath : str or path
        May hold ``{epoch:02d}``, counted from 1, and names of the logs such as ``{val_loss:.3f}``.
        Ends in .weights.h5, .h5 or .npz for weights, in .keras, .h5 or .npz for whole models.
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
        super().__init__(monitor, mode)
        endings = _WEIGHT_ENDINGS if save_weights_only else _MODEL_ENDINGS
        self.filepath = str(filepath)
        if not self.filepath.endswith(endings):
            what = "weights" if save_weights_only else "whole models"
            raise ValueError(
                f"ModelCheckpoint(filepath=...) of {what} must end in {', '.join(endings)}; got {self.filepath!r}."
            )
        if save_freq != "epoch" and (isinstance(save_freq, bool) or not isinstance(save_freq, int)):
            raise ValueError(f'ModelCheckpoint(save_freq=...) expects "epoch" or batches; got {save_freq!r}.')
        self.verbose = verbose
        self.save_best_only = save_best_only
        self.save_weights_only = save_weights_only
        self.save_freq = save_freq
        self.best = initial_value_threshold
        self.reads_batch_logs = save_freq != "epoch"
        self._batches_since_save = 0
        self._epoch = 0

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            return
        self._batches_since_save += 1
        if self._batches_since_save >= self.save_freq:  # type: ignore[operator]
            self._batches_since_save = 0
            self._save(self._epoch, batch, logs)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.save_freq == "epoch":
            self._save(epoch, None, logs)

    def _save(self, epoch: int, batch: int | None, logs: Logs | None) -> None:
        path = self._path(epoch, batch, logs)
        if self.save_best_only:
            current = self.monitored(logs)
            if current is None:
                warnings.warn("ModelCheckpoint saves all the same, so that nothing is lost.", stacklevel=2)
            elif np.isnan(current) or not self.improved(current, self.best):
                if self.verbose:
                    print(f"\nEpoch {epoch + 1}: {self.monitor} did not improve from {self.best}")
                return
            else:
                self.best = current
        if self.verbose:
            print(f"\nEpoch {epoch + 1}: saving to {path}")
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.save_weights_only:
            self.model.save_weights(path)
        else:
            self.model.save(path)

    def _path(self, epoch: int, batch: int | None, logs: Logs | None) -> Path:
        names: dict[str, Any] = {"epoch": epoch + 1, **(logs or {})}
        if batch is not None:
            names["batch"] = batch + 1
        try:
            return Path(self.filepath.format(**names))
        except KeyError as error:
            raise KeyError(
                f"ModelCheckpoint(filepath={self.filepath!r}) names {error}, which is not logged; there is "
                f"{', '.join(names)}."
            ) from None
