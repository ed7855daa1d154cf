"""What a recorded step takes for granted: everything in a model that is written into it, and that somebody may change.

Between two steps there may be a callback, and between two fits a whole notebook. A rate of dropout, an activation, a
loss, a layer more: whatever is another object than it was makes the recorded steps those of another model.
"""

from __future__ import annotations

import itertools
import operator
from collections.abc import Iterable, Mapping
from typing import Any

from . import backend

#: Attributes of layers and models that change as they are used, and that no step depends on.
_USED = frozenset({"_fitting", "_measuring", "_repeated", "_under_way", "history", "stop_training"})


class Assumed:
    """What has to be as it was for recorded steps to be true: all that model, loss and regularizers consist of.

    It is compared object by object, which takes as long as a dozen calls of NumPy.
    """

    def __init__(self, model: Any) -> None:
        owners, losses = list(model.walk()), model._compile_loss
        self._attributes = list(map(vars, owners))
        self._calls = [(kind, kind.call) for kind in {type(owner) for owner in owners}]
        self._variables = [(v, v.regularizer, v.trainable) for v in model.variables]
        self._live: list[Any] = []  # what shows the contents of lists and dicts as they are at any time
        for attributes in self._attributes:
            self._look_into(_lasting(attributes))
        others = losses, *losses.parts, *(part.loss for part in losses.parts), *(r for _, r, _ in self._variables)
        self._look_into([getattr(other, "__dict__", None) for other in others])
        self._settings, self._before = _settings(), self._now()

    def _look_into(self, values: Iterable[Any]) -> None:
        for value in values:
            kind = type(value)
            if kind in (list, tuple, dict):
                inside = value.values() if kind is dict else value
                if kind is not tuple:
                    self._live.append(inside)
                self._look_into(inside)

    def _now(self) -> tuple[list[int], list[Any]]:
        values = [*itertools.chain.from_iterable(self._live)]
        for attributes in self._attributes:
            values += _lasting(attributes)
        return [*map(len, self._live)], values

    def holds(self) -> bool:
        """Tell whether nothing has changed."""
        (lengths, values), (lengths_before, values_before) = self._now(), self._before
        return (
            lengths == lengths_before
            and len(values) == len(values_before)
            and all(map(operator.is_, values, values_before))
            and self._settings == _settings()
            and all(v._regularizer is regularizer and v._trainable == may for v, regularizer, may in self._variables)
            and all(kind.call is call for kind, call in self._calls)
        )


def _lasting(attributes: Mapping[str, Any]) -> list[Any]:
    return [value for name, value in attributes.items() if name not in _USED]


def _settings() -> tuple[Any, ...]:
    return backend.xp(), backend.floatx(), backend.epsilon()
