"""EarlyStopping: end a run that no longer gets better."""

from __future__ import annotations

from typing import Any

from ..naming import check_numbers
from .callback import Logs
from .monitor import MonitorCallback
from .progress import say


class EarlyStopping(MonitorCallback):
    """Stop when a logged value has not improved for `patience` epochs.

    Parameters
    ----------
    monitor : str
    min_delta : float
        The least change that counts as better.
    patience : int
        Epochs without improvement to wait. 0 and 1 stop at the same epoch, as in Keras.
    verbose : int
        1 says when it stops and what it restores.
    mode : {"auto", "min", "max"}
    baseline : float, optional
        An improvement only resets the waiting if the value is better than this, too.
    restore_best_weights : bool
        Whether to go back, at the end of training, to the weights of the best epoch: also when the
        run was not stopped early.
    start_from_epoch : int
        Epochs before this one are ignored.

    Attributes
    ----------
    stopped_epoch : int
        The epoch, from 0, at which it stopped; 0 if it did not.
    best, best_epoch, best_weights
        The best value, its epoch, and copies of the weights then.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        min_delta: float = 0.0,
        patience: int = 0,
        verbose: int = 0,
        mode: str = "auto",
        baseline: float | None = None,
        restore_best_weights: bool = False,
        start_from_epoch: int = 0,
    ) -> None:
        super().__init__(monitor, mode, min_delta=min_delta)
        check_numbers(self, 0, whole=True, patience=patience, start_from_epoch=start_from_epoch)
        check_numbers(self, optional=True, baseline=baseline)
        self.patience = patience
        self.verbose = verbose
        self.baseline = baseline
        self.restore_best_weights = restore_best_weights
        self.start_from_epoch = start_from_epoch
        self._reset()

    def _reset(self) -> None:
        self.wait = 0
        self.stopped_epoch = 0
        self.best: float | None = None
        self.best_epoch = 0
        self.best_weights: list[Any] | None = None

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self._reset()

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if self.monitor_op is None:
            self._set_monitor_op()
        current = self.get_monitor_value(logs)
        if current is None or epoch < self.start_from_epoch:
            return
        self.wait += 1
        if self._is_improvement(current, self.best):
            self.best = current
            self.best_epoch = epoch
            if self.restore_best_weights:
                self.best_weights = self.model.get_weights()
            if self.baseline is None or self._is_improvement(current, self.baseline):
                self.wait = 0
        elif self.wait >= self.patience and epoch > 0:
            self.stopped_epoch = epoch
            self.model.stop_training = True

    def on_train_end(self, logs: Logs | None = None) -> None:
        if self.stopped_epoch and self.verbose:
            say(f"Epoch {self.stopped_epoch + 1}: early stopping")
        if self.restore_best_weights and self.best_weights is not None:
            if self.verbose:
                say(f"Restoring model weights from the end of the best epoch: {self.best_epoch + 1}.")
            self.model.set_weights(self.best_weights)
