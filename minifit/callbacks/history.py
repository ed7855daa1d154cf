"""History: what fit returns."""

from __future__ import annotations

from .callback import Callback, Logs


class History(Callback):
    """Keeps the logs of every epoch. `fit` adds one to every run and returns it.

    Attributes
    ----------
    epoch : list of int
        The epochs that were run, from 0.
    history : dict of str to list of float
        Name of a loss or metric to its values, one an epoch in which it was measured.
    """

    def __init__(self) -> None:
        super().__init__()
        self.epoch: list[int] = []
        self.history: dict[str, list[float]] = {}

    def on_train_begin(self, logs: Logs | None = None) -> None:
        self.epoch = []

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        self.epoch.append(epoch)
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(value)
        self.model.history = self
