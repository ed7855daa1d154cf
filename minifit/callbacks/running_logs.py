"""RunningLogs: the logs of a batch, worked out when somebody looks at them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class RunningLogs(dict[str, Any]):
    """A dict of running means that knows its names at once, and its values when it is asked.

    Whoever reads it finds the dict that it stands for. The loss alone is cheap; to look at anything else works out all.

    Parameters
    ----------
    names : dict with these keys
    loss : callable or None
        Returns the value of ``"loss"`` without the others.
    everything : callable
        Returns all values by name.

    Examples
    --------
    >>> logs = RunningLogs(dict.fromkeys(["accuracy", "loss"]), lambda: 0.5, lambda: {"accuracy": 0.75, "loss": 0.5})
    >>> logs["loss"], logs._everything is None
    (0.5, False)
    >>> {**logs}, logs._everything is None
    ({'accuracy': 0.75, 'loss': 0.5}, True)
    """

    __slots__ = ("__weakref__", "_everything", "_loss")

    def __init__(
        self, names: dict[str, None], loss: Callable[[], float] | None, everything: Callable[[], dict[str, Any]]
    ) -> None:
        super().__init__(names)
        self._loss = loss
        self._everything: Callable[[], dict[str, Any]] | None = everything

    def settle(self) -> None:
        """Work out what is still open."""
        if self._everything is not None:
            everything, self._everything = self._everything, None
            dict.update(self, everything())

    def __getitem__(self, name: str) -> Any:
        if name == "loss" and self._loss is not None and self._everything is not None:
            return self._loss()
        self.settle()
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        try:
            return self[name]
        except KeyError:
            return default

    def __reduce__(self) -> Any:
        return dict, (dict(self),)


def _settled(name: str) -> Callable[..., Any]:
    method = getattr(dict, name)

    def settled(self: RunningLogs, *args: Any, **options: Any) -> Any:
        self.settle()
        return method(self, *args, **options)

    return settled


# dict's own methods read what is stored, so it has to be there before any of them does.
for _name in (
    *("__iter__", "__reversed__", "__setitem__", "__delitem__", "__eq__", "__ne__", "__or__", "__ror__", "__ior__"),
    *("__repr__", "keys", "values", "items", "copy", "update", "setdefault", "pop", "popitem", "clear"),
):
    setattr(RunningLogs, _name, _settled(_name))
