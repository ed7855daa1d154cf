"""LambdaCallback: a callback from functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .callback import HOOKS, Callback


class LambdaCallback(Callback):
    """Call functions at hooks.

    Parameters
    ----------
    on_epoch_begin, on_epoch_end, on_train_begin, on_train_end : callable, optional
    on_train_batch_begin, on_train_batch_end : callable, optional
    hooks
        Any other hook by its name; what does not begin with ``on_`` becomes an attribute.

    Examples
    --------
    >>> shout = LambdaCallback(on_epoch_end=lambda epoch, logs: print(epoch, logs["loss"]))
    >>> shout.on_epoch_end(3, {"loss": 0.5})
    3 0.5
    """

    def __init__(
        self,
        on_epoch_begin: Callable[..., Any] | None = None,
        on_epoch_end: Callable[..., Any] | None = None,
        on_train_begin: Callable[..., Any] | None = None,
        on_train_end: Callable[..., Any] | None = None,
        on_train_batch_begin: Callable[..., Any] | None = None,
        on_train_batch_end: Callable[..., Any] | None = None,
        **hooks: Callable[..., Any],
    ) -> None:
        super().__init__()
        given = {
            "on_epoch_begin": on_epoch_begin,
            "on_epoch_end": on_epoch_end,
            "on_train_begin": on_train_begin,
            "on_train_end": on_train_end,
            "on_train_batch_begin": on_train_batch_begin,
            "on_train_batch_end": on_train_batch_end,
            **hooks,
        }
        for hook, function in given.items():
            if hook.startswith("on_") and hook not in (*HOOKS, "on_batch_begin", "on_batch_end"):
                raise TypeError(f"LambdaCallback knows no hook {hook!r}; hooks are {', '.join(HOOKS)}.")
            if hook.startswith("on_") and function is not None and not callable(function):
                raise TypeError(f"LambdaCallback({hook}=...) expects a function; got {function!r}.")
            if function is not None:
                setattr(self, hook, function)
