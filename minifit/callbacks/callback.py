"""Callback: what fit calls at set points."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .. import tree
from ..files import is_plain
from ..serialization import arguments_of

Logs = dict[str, Any]  #: names of losses and metrics to Python floats

HOOKS = (
    *("on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end"),
    *("on_train_batch_begin", "on_train_batch_end", "on_test_begin", "on_test_end"),
    *("on_test_batch_begin", "on_test_batch_end", "on_predict_begin", "on_predict_end"),
    *("on_predict_batch_begin", "on_predict_batch_end"),
)


class Callback:
    """Base of callbacks: override the hooks that you need.

    Attributes
    ----------
    model : Model
        The model in training. Setting ``model.stop_training = True`` ends it.
    params : dict
        ``verbose``, ``epochs`` and ``steps``.

    Notes
    -----
    Epochs and batches are counted from 0. The logs at the end of a training batch are the running
    means of the epoch so far. The dict given to `on_epoch_end` is one object for all callbacks:
    a key that one adds is seen by those after it, and by History.
    """

    #: False for callbacks that do not read the logs of training batches, which then are not computed.
    reads_batch_logs = True
    #: True for callbacks that must find what all the others have done, wherever they are in the list.
    comes_last = False
    # Of the class, so that a callback works whose __init__ does not call this one's.
    model: Any = None
    params: Any = None

    def __init__(self) -> None:
        self.model = None
        self.params = None

    def set_model(self, model: Any) -> None:
        self.model = model

    def set_params(self, params: dict[str, Any]) -> None:
        self.params = params

    def on_train_begin(self, logs: Logs | None = None) -> None:
        """Called once, before the first epoch."""

    def on_train_end(self, logs: Logs | None = None) -> None:
        """Called once, with the logs of the last epoch."""

    def on_epoch_begin(self, epoch: int, logs: Logs | None = None) -> None:
        """Called before the first batch of an epoch."""

    def on_epoch_end(self, epoch: int, logs: Logs | None = None) -> None:
        """Called after validation, with the logs of the epoch."""

    def on_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_begin`."""

    def on_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Another name of `on_train_batch_end`."""

    def on_train_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a training step."""
        self.on_batch_begin(batch, logs=logs)

    def on_train_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a training step."""
        self.on_batch_end(batch, logs=logs)

    def on_test_begin(self, logs: Logs | None = None) -> None:
        """Called before evaluation, also before the validation of an epoch."""

    def on_test_end(self, logs: Logs | None = None) -> None:
        """Called after evaluation; the keys carry no ``val_``."""

    def on_test_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch is evaluated."""

    def on_test_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch was evaluated."""

    def on_predict_begin(self, logs: Logs | None = None) -> None:
        """Called before prediction."""

    def on_predict_end(self, logs: Logs | None = None) -> None:
        """Called after prediction."""

    def on_predict_batch_begin(self, batch: int, logs: Logs | None = None) -> None:
        """Called before a batch is predicted."""

    def on_predict_batch_end(self, batch: int, logs: Logs | None = None) -> None:
        """Called after a batch was predicted, with ``{"outputs": array}``."""

    # -- for BackupAndRestore ---------------------------------------------------------------------

    def get_state(self) -> dict[str, Any]:
        """Return what a resumed run has to know: the attributes that are plain data or arrays.

        What the engine's own callbacks were given as arguments is left out, so that a script may be
        started again with others.
        """
        ours = [cls for cls in type(self).__mro__ if cls.__module__.startswith(__package__) and "__init__" in vars(cls)]
        left_out = {"model", "params", *(name for cls in ours for name in arguments_of(cls))}
        return {name: value for name, value in vars(self).items() if name not in left_out and is_plain(value)}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to what `get_state` returned; lists and dicts stay the objects that they are."""
        for name, value in state.items():
            mine = getattr(self, name, None)
            if isinstance(mine, list) and isinstance(value, list):
                mine[:] = value
            elif isinstance(mine, dict) and isinstance(value, dict):
                mine.clear()
                mine.update(value)
            else:
                setattr(self, name, value)


def as_callbacks(callbacks: Any) -> list[Any]:
    """Return what was given to ``fit(callbacks=...)``, nested lists too, as a list of callbacks."""
    if callbacks is None:
        return []
    callbacks = getattr(callbacks, "callbacks", callbacks)  # of a CallbackList
    try:
        given = tree.flatten(callbacks if tree.is_nested(callbacks) else list(callbacks))
    except TypeError:
        given = [callbacks]
    for callback in given:
        if isinstance(callback, type) or not hasattr(callback, "set_model"):
            called = f"{callback.__name__}()" if isinstance(callback, type) else "LambdaCallback(on_epoch_end=...)"
            raise TypeError(
                f"fit(callbacks=...) expects a list of Callback objects; got {callback!r}. Did you mean {called}?"
            )
    return given


def python_logs(logs: Mapping[str, Any] | None) -> Logs:
    """Return logs as callbacks get them: keys sorted, values Python floats, nested dicts flattened."""
    flat: Logs = {}
    for name, value in (logs or {}).items():
        if isinstance(value, Mapping):
            flat.update(python_logs(value))
        else:
            flat[name] = _as_python(value)
    return {name: flat[name] for name in sorted(flat)}


def _as_python(value: Any) -> Any:
    value = getattr(value, "value", value)
    if isinstance(value, str) or value is None or np.ndim(value) > 0:
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
