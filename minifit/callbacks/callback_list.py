"""CallbackList: every hook of all callbacks, in order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .callback import HOOKS, Callback, as_callbacks, python_logs
from .history import History
from .progress import ProgbarLogger

_ALL_HOOKS = (*HOOKS, "on_batch_begin", "on_batch_end")


class CallbackList:
    """Calls every hook of every callback, in the order of the list.

    Parameters
    ----------
    callbacks : Callback or iterable of Callback
    add_history, add_progbar : bool
        Whether to add a `History` and a `ProgbarLogger` at the end, unless there is one.
    model : Model
    params
        See `Callback.params`.

    Attributes
    ----------
    history : History or None
        The one in the list.
    """

    def __init__(
        self,
        callbacks: Any = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: Any = None,
        **params: Any,
    ) -> None:
        self.callbacks = list(as_callbacks(callbacks))
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(callback, kind) for callback in self.callbacks):
                self.callbacks.append(kind())
        self.history = next((c for c in reversed(self.callbacks) if isinstance(c, History)), None)
        self.set_model(model)
        self.set_params(params)
        self._listen()

    def set_model(self, model: Any) -> None:
        """Give all callbacks the model."""
        self.model = model
        if model is None:
            return
        if self.history is not None:
            model.history = self.history
        for callback in self.callbacks:
            callback.set_model(model)

    def set_params(self, params: dict[str, Any]) -> None:
        """Give all callbacks the parameters of the run, if there are any."""
        self.params = params
        for callback in self.callbacks if params else ():
            callback.set_params(params)

    def append(self, callback: Any) -> None:
        """Add a callback at the end."""
        self.callbacks += as_callbacks([callback])
        if self.model is not None:
            callback.set_model(self.model)
        if self.params:
            callback.set_params(self.params)
        self._listen()

    def _listen(self) -> None:
        late = [c for c in self.callbacks if getattr(c, "comes_last", False)]
        early = [c for c in self.callbacks if c not in late]
        for callback in late:
            callback.others = early
        self._listeners = {hook: _those_who_hear(early, hook) for hook in _ALL_HOOKS}
        self._late = {hook: _those_who_hear(late, hook) for hook in _ALL_HOOKS}
        self._logs_unread = {
            hook
            for hook in ("on_train_batch_end", "on_test_batch_end", "on_predict_batch_end")
            if not any(_reads_logs(c, hook) for c in self.callbacks if _overrides(c, hook))
        }

    def hears(self, hook: str) -> bool:
        """Tell whether anybody is to be called at this hook."""
        return bool(self._listeners[hook] or self._late[hook])

    def strangers(self, phase: str) -> list[Any]:
        """Return the callbacks that do something at every batch and are not the engine's own."""
        hooks = (f"on_{phase}_batch_begin", f"on_{phase}_batch_end")
        return [c for c in self.callbacks if any(_overrides(c, hook) and not _is_ours(c, hook) for hook in hooks)]

    def is_heard(self, *hooks: str) -> bool:
        """Tell whether any of these hooks does more than move a progress bar."""
        heard = [listener for hook in hooks for listener in (*self._listeners[hook], *self._late[hook])]
        return any(type(getattr(listener, "__self__", None)) is not ProgbarLogger for listener in heard)

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
        listeners, late = self._listeners[hook], self._late[hook]
        if not (listeners or late):
            return
        if hook in self._logs_unread:
            logs = None
        elif callable(logs):
            logs = logs()
        logs = {} if logs is None else logs
        try:
            for listener in listeners:
                listener(*position, logs)
        except Exception:
            # A run that one callback ends with an error is still backed up, and its history is whole.
            behind = listeners[listeners.index(listener) + 1 :]
            for listener in (*(h for h in behind if isinstance(getattr(h, "__self__", None), History)), *late):
                listener(*position, logs)
            raise
        for listener in late:
            listener(*position, logs)

    def __getattr__(self, hook: str) -> Callable[..., None]:
        # callbacks.on_epoch_end(epoch, logs), as in Keras
        if hook not in _ALL_HOOKS:
            raise AttributeError(f"CallbackList has no hook {hook!r}; it has {', '.join(HOOKS)}.")

        def call(*arguments: Any, logs: Any = None) -> None:
            n_positions = 1 if "epoch" in hook or "batch" in hook else 0
            position, rest = arguments[:n_positions], arguments[n_positions:]
            self.call(hook, *position, logs=python_logs(rest[0] if rest else logs))

        return call


def _those_who_hear(callbacks: list[Any], hook: str) -> list[Callable[..., Any]]:
    return [getattr(callback, hook) for callback in callbacks if _overrides(callback, hook)]


def _overrides(callback: Any, hook: str) -> bool:
    """Tell whether a callback does anything at this hook: defined in its class or set on the object."""

    def differs(name: str) -> bool:
        in_class = getattr(type(callback), name, None)
        return name in vars(callback) or (in_class is not None and in_class is not getattr(Callback, name))

    if hook in ("on_train_batch_begin", "on_train_batch_end"):
        return differs(hook) or differs(hook.replace("train_", ""))
    return differs(hook)


def _is_ours(callback: Any, hook: str) -> bool:
    """Tell whether a callback is one of the engine's classes, and the hook is the method of that class."""
    set_on_it = vars(callback).keys() & {hook, hook.replace("train_", "")}
    return type(callback).__module__.startswith(__package__) and not set_on_it


def _reads_logs(callback: Any, hook: str) -> bool:
    """Tell whether a callback wants the logs of batches: it has not said no, or somebody's own class speaks for it."""
    if getattr(callback, "reads_batch_logs", True):
        return True
    theirs = [cls for cls in type(callback).__mro__ if not cls.__module__.startswith((__package__, "builtins"))]
    said = any("reads_batch_logs" in vars(cls) for cls in theirs)
    return not said and any({hook, hook.replace("train_", "")} & vars(cls).keys() for cls in theirs)
