"""When loss and metrics look at a batch: at once, or later together with others where nobody can tell the difference.

A metric costs a dozen calls a batch, however few samples there are in it. So while a model of the engine's own layers,
losses and metrics is trained on arrays, batches wait here until there are a few thousand samples, and whoever wants to
know a value before that is told it as if nothing had waited.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend, tree
from .callbacks.running_logs import RunningLogs
from .tape import Tensor, unwrap

_MOST_SAMPLES, _MOST_NUMBERS = 4096, 2**17  # that wait, and that their predictions may be


class Measuring:
    """The running loss and the metrics of `compile`.

    Parameters
    ----------
    loss : Mean
    metrics : CompileMetrics

    Attributes
    ----------
    deferred : bool
        Whether batches may wait; `fit` says so.
    watched : bool
        Whether a callback of the user's own is called at every batch.
    in_hand : bool
        Whether somebody else may hold one of the metrics, and look at it at any time.
    held : list of Metric or None
        Those of model and layers, while batches come and looking for them each time would cost too much.
    """

    def __init__(self, loss: Any, metrics: Any) -> None:
        self.loss, self.metrics, self._any_metrics = loss, metrics, bool(metrics)
        given = tree.flatten([metrics.plain or [], metrics.weighted or []])
        self.in_hand = not all(metric is None or isinstance(metric, str) for metric in given)
        self.deferred = self.watched = False
        self.held: list[Any] | None = None
        self._losses: list[tuple[Any, int]] = []  # with the number of samples of each
        self._sums: tuple[float, float] | None = None  # of the mean loss, where they are ahead of it
        self._batches: list[tuple[Any, Any, Any]] = []
        self._most = 0
        self._empty_logs: dict[str, None] | None = None  # the names of the logs, in order
        self._loss_alone: Callable[[], float] | None = None
        self._shown: Callable[[], RunningLogs | None] | None = None

    def __getstate__(self) -> dict[str, Any]:
        self.settle()  # nobody has logs of a copy
        return vars(self)

    # -- batches that wait ------------------------------------------------------------------------

    def defer(self, loss: Any, n: int, y: Any, y_pred: Any, sample_weight: Any) -> None:
        """Let a batch of `n` samples wait."""
        self._losses.append((unwrap(loss), n))
        if self._any_metrics:
            y_pred = unwrap(y_pred)
            if self.watched:  # and who watches may change the data that these are rows of
                y, sample_weight = (x if x is None else x.copy() for x in (y, sample_weight))
            self._batches.append((y, y_pred, sample_weight))
            if len(self._batches) == 1:
                self._most = min(_MOST_SAMPLES // max(n, 1), _MOST_NUMBERS // max(y_pred.size, 1))
            if len(self._batches) >= self._most:
                self.catch_up()
        elif len(self._losses) >= _MOST_SAMPLES:
            self.catch_up()

    def catch_up(self) -> None:
        """Let loss and metrics see the batches that wait."""
        if self._losses:
            self._add_up()
        if self._sums is not None:
            self.loss.set_sums(*self._sums)
            self._sums = None
        if self._batches:
            batches, self._batches = self._batches, []
            self.metrics.update_state(*map(_joined, zip(*batches, strict=True)))

    def running_loss(self) -> float:
        """Return the mean loss so far; the metrics go on waiting."""
        if self._losses:
            self._add_up()
        return self.loss.as_float(self._sums)

    def _add_up(self) -> None:
        """Add the losses that wait, one after the other, as the mean would have."""
        losses, self._losses = self._losses, []
        if not isinstance(losses[0][0], (np.ndarray, np.generic)):  # adding them on a device spares a wait for each
            values, counts = zip(*losses, strict=True)
            self.loss.update_state(np.stack(values), sample_weight=backend.asarray(counts, dtype="float64"))
            return
        total, count = self._sums or self.loss.sums()
        for loss, n in losses:
            total += float(loss) * n
            count += n
        self._sums = total, count

    # -- logs whose values nobody has asked for yet -----------------------------------------------

    def logs(self, everything: Callable[[], dict[str, Any]]) -> RunningLogs:
        """Return the logs of the batch that was just taken."""
        if self._empty_logs is None:
            names = self.metrics.by_name()
            self._empty_logs = dict.fromkeys(sorted({"loss", *names}))
            self._loss_alone = None if "loss" in names else self.running_loss
        logs = RunningLogs(self._empty_logs, self._loss_alone, everything)
        self._shown = weakref.ref(logs)
        return logs

    def settle(self) -> None:
        """Work out the logs that somebody has kept, for what they are about is going to change."""
        if self._shown is not None:
            logs, self._shown = self._shown(), None
            if logs is not None:
                logs.settle()

    def hand_out(self) -> None:
        """Bring all up to date, for the metrics are given to somebody, who may look or change them at any time."""
        self.settle()
        self.catch_up()
        self.in_hand = True
        self.deferred = self.deferred and not self.watched


def _joined(parts: tuple[Any, ...]) -> Any:
    return None if parts[0] is None else np.concatenate(parts)


def is_plain(y: Any, y_pred: Any, sample_weight: Any) -> bool:
    """Tell whether a batch's labels, predictions and weights are an array each, and all of them count."""
    if type(y_pred) is not Tensor:
        return hasattr(y_pred, "dtype")  # an array comes from a recorded step, whose batches are plain
    return y_pred._keras_mask is None and all(x is None or hasattr(x, "shape") for x in (y, sample_weight))
