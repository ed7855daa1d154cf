"""TerminateOnNaN: end a run whose loss is no number any more."""

from __future__ import annotations

import math

from .callback import Callback, Logs
from .progress import say


class TerminateOnNaN(Callback):
    """Stop after the batch at which the epoch's loss so far became NaN or infinite.

    Parameters
    ----------
    raise_error : bool
        Raise RuntimeError at once rather than stop: no further hook is called, so that, say, a
        backup of the run is kept.
    """

    def __init__(self, raise_error: bool = False) -> None:
        super().__init__()
        self.raise_error = raise_error

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        loss = (logs or {}).get("loss")
        if loss is None or math.isfinite(loss):
            return
        if self.raise_error:
            raise RuntimeError(
                f"NaN or Inf loss encountered at batch {batch}: the loss is {loss}. Try a smaller learning rate."
            )
        say(f"Batch {batch}: Invalid loss, terminating training")
        self.model.stop_training = True
