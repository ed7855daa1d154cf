"""Callback: what fit calls at set points; CallbackList: all of them in order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

Logs = dict[str, Any]  #: names of losses and metrics to Python floats

_HOOKS = (
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

    def __init__(self) -> None:
        self.model: Any = None
        self.params: dict[str, Any] = {}

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


class CallbackList:
    """Calls every hook of every callback, in the order of the list.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback
    model : Model
    params
        See `Callback.params`.
    """

    def __init__(self, callbacks: Any = None, model: Any = None, **params: Any) -> None:
        self.callbacks = as_callbacks(callbacks)
        self.params = params
        self._listeners: dict[str, list[Callable[..., Any]]] = {}
        for callback in self.callbacks:
            callback.set_model(model)
            callback.set_params(params)
        for hook in _HOOKS:
            self._listeners[hook] = [getattr(c, hook) for c in self.callbacks if _overrides(c, hook)]
        self._batch_logs_are_read = any(
            getattr(c, "reads_batch_logs", True) for c in self.callbacks if _overrides(c, "on_train_batch_end")
        )

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        model = self.callbacks[0].model if self.callbacks else None
        self.__init__([*self.callbacks, callback], model=model, **self.params)  # type: ignore[misc]

    def call(self, hook: str, *position: int, logs: Any = None) -> None:
        """Call one hook of all callbacks.

        Parameters
        ----------
        hook : str
        position : int
            The epoch or batch, for the hooks that have one.
        logs : dict, or callable that returns one, optional
            A callable is only asked if somebody listens.
        """
        listeners = self._listeners[hook]
        if not listeners:
            return
        if hook == "on_train_batch_end" and not self._batch_logs_are_read:
            logs = None
        elif callable(logs):
            logs = logs()
        logs = {} if logs is None else logs
        for listener in listeners:
            listener(*position, logs)

    def __getattr__(self, hook: str) -> Callable[..., None]:
        # callbacks.on_epoch_end(epoch, logs), as in Keras
        if hook not in _HOOKS:
            raise AttributeError(f"CallbackList has no hook {hook!r}; it has {', '.join(_HOOKS)}.")

        def call(*arguments: Any, logs: Any = None) -> None:
            n_positions = 1 if "epoch" in hook or "batch" in hook else 0
            position, rest = arguments[:n_positions], arguments[n_positions:]
            self.call(hook, *position, logs=python_logs(rest[0] if rest else logs))

        return call


def as_callbacks(callbacks: Any) -> list[Any]:
    """Return what was given to ``fit(callbacks=...)`` as a list of callbacks."""
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        return callbacks.callbacks
    given = list(callbacks) if isinstance(callbacks, Iterable) else [callbacks]
    for callback in given:
        if isinstance(callback, type) or not hasattr(callback, "set_model"):
            called = f"{callback.__name__}()" if isinstance(callback, type) else "LambdaCallback(on_epoch_end=...)"
            raise TypeError(
                f"fit(callbacks=...) expects a list of Callback objects; got {callback!r}. Did you mean {called}?"
            )
    return given


def _overrides(callback: Any, hook: str) -> bool:
    """Tell whether a callback does anything at this hook: defined in its class or set on the object."""

    def differs(name: str) -> bool:
        in_class = getattr(type(callback), name, None)
        return name in vars(callback) or (in_class is not None and in_class is not getattr(Callback, name))

    if hook in ("on_train_batch_begin", "on_train_batch_end"):
        return differs(hook) or differs(hook.replace("train_", ""))
    return differs(hook)


def python_logs(logs: Mapping[str, Any] | None) -> Logs:
    """Return logs as callbacks get them: keys sorted, values Python floats, nested dicts flattened."""
    flat: Logs = {}
    for name, value in (logs or {}).items():
        if isinstance(value, Mapping):
            flat.update(value)
        else:
            flat[name] = value
    return {name: _as_python(flat[name]) for name in sorted(flat)}


def _as_python(value: Any) -> Any:
    value = getattr(value, "value", value)
    if isinstance(value, (bool, str)) or value is None:
        return value
    if np.ndim(value) == 0:
        try:
            return float(value)
        except (TypeError, ValueError):
            return value
    return value
