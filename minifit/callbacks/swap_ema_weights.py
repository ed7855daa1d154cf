"""SwapEMAWeights: evaluate with averaged weights, train on with the others."""

from __future__ import annotations

from typing import Any

from .callback import Callback, Logs


class SwapEMAWeights(Callback):
    """Put the optimizer's moving average of the weights into the model while it is evaluated.

    The optimizer needs ``use_ema=True``.

    Parameters
    ----------
    swap_on_epoch : bool
        Whether to swap at the end of each epoch, too, and back at the beginning of the next: for
        callbacks after this one, such as `ModelCheckpoint`, to find the averages.
    """

    reads_batch_logs = False

    def __init__(self, swap_on_epoch: bool = False) -> None:
        super().__init__()
        self.swap_on_epoch = swap_on_epoch
        self._ema_weights_in_model = False

    def _pairs(self) -> list[tuple[Any, Any]]:
        optimizer = self.model.optimizer
        optimizer = getattr(optimizer, "inner_optimizer", optimizer)
        averages = getattr(optimizer, "_model_variables_moving_average", None)
        if not averages:
            raise ValueError(
                "SwapEMAWeights must be used when `use_ema=True` is set on the optimizer; got "
                f"use_ema={getattr(optimizer, 'use_ema', False)}."
            )
        return list(zip(optimizer.flat.variables, averages, strict=True))

    def _swap(self, averages_wanted: bool) -> None:
        if self._ema_weights_in_model == averages_wanted:
            return
        for variable, average in self._pairs():
            kept = variable.numpy()
            variable.assign(average)
            average.assign(kept)
        self._ema_weights_in_model = averages_wanted

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        if self.swap_on_epoch:
            self._swap(False)

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        if not self.swap_on_epoch:
            return
        self._swap(True)
        if epoch == self.params["epochs"] - 1:
            # At the end of fit the optimizer writes the averages into the model: they must be the averages again.
            for variable, average in self._pairs():
                average.assign(variable)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        self._swap(True)

    def on_test_end(self, logs: Logs | None = None) -> None:
        self._swap(False)

    on_predict_begin, on_predict_end = on_test_begin, on_test_end
