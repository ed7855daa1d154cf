"""Owner: which weights and inner layers an object has."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..variables import Variable

Kind = TypeVar("Kind")

# A weight in these is a penalty or an argument, and belongs where it is an attribute.
_NOT_LOOKED_INTO = frozenset({"_call_losses", "_functional", "_given"})


class _MayBe(dict[Any, bool]):
    """By its type, whether a value may be of a kind or hold such values: asked of every attribute, it must be quick."""

    def __init__(self, kind: Any) -> None:
        super().__init__()
        self.kind = kind

    def __missing__(self, what: Any) -> bool:
        if len(self) >= 4096:  # classes that come and go are not to be kept
            self.clear()
        try:
            self[what] = issubclass(what, (self.kind, list, tuple, dict))
        except TypeError:  # of a protocol with attributes only an object can tell
            self[what] = True
        return self[what]


_may_be: Callable[[Any], _MayBe] = functools.lru_cache(64)(_MayBe)  # by kind


class Owner:
    """Something with weights of its own and with inner owners.

    What is owned is not kept in a book but looked up when it is asked for: whatever is an attribute, or
    lies in a list, tuple or dict that is one, belongs to its owner.
    """

    _trainable: bool
    built = False

    def __init__(self, trainable: bool) -> None:
        self._variables: list[Variable] = []
        self._trainable = trainable
        self.built = False

    def _owned(self, kind: type[Kind]) -> list[Kind]:
        found: dict[int, Kind] = {}
        seen: set[int] = set()  # containers: one may lie in itself
        may_be = _may_be(kind)

        def look_into(value: Any) -> None:
            if isinstance(value, kind):
                found.setdefault(id(value), value)
            elif isinstance(value, (list, tuple, dict)) and id(value) not in seen:
                seen.add(id(value))
                for item in value.values() if isinstance(value, dict) else value:
                    if may_be[type(item)]:
                        look_into(item)

        for name, value in vars(self).items():
            if may_be[type(value)] and name not in _NOT_LOOKED_INTO:
                look_into(value)
        return list(found.values())

    def walk(self) -> Iterator[Owner]:
        """Yield this and every inner owner once, outer before inner, in the order of attributes."""
        seen: set[int] = set()
        waiting: list[Owner] = [self]
        while waiting:
            owner = waiting.pop(0)
            if id(owner) not in seen:
                seen.add(id(owner))
                yield owner
                waiting = owner._owned(Owner) + waiting

    @property
    def own_variables(self) -> list[Variable]:
        """The weights of this owner alone, those that may be trained before the others."""
        return sorted(self._owned(Variable), key=lambda v: not v.may_train)

    @property
    def trainable(self) -> bool:
        """Whether the weights are trained; setting it holds for all inner layers."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for owner in self.walk():
            owner._trainable = bool(value)
            for variable in owner.own_variables:
                variable.trainable = owner._trainable and variable.may_train

    @property
    def weights(self) -> list[Variable]:
        """All weights, this owner's own before those of its inner ones."""
        return list({id(v): v for owner in self.walk() for v in owner.own_variables}.values())

    @property
    def trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if v.trainable] if self._trainable else []

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return [v for v in self.weights if not v.trainable] if self._trainable else self.weights

    @property
    def variables(self) -> list[Variable]:
        """All weights, and the states of random generators."""
        return self.weights

    @property
    def trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if v.trainable] if self._trainable else []

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable] if self._trainable else self.variables

    name: str

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights as NumPy arrays."""
        return [variable.numpy() for variable in self.weights]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights`."""
        variables = self.weights
        if len(weights) != len(variables):
            raise ValueError(
                f"set_weights(weights) of {self.name!r} expects {len(variables)} arrays; got {len(weights)}."
                + ("" if self.built else " It is not built yet: call it on data or give it an input_shape.")
            )
        for i, (variable, value) in enumerate(zip(variables, weights, strict=True)):
            if np.shape(value) != variable.shape:
                raise ValueError(
                    f"set_weights(weights) of {self.name!r}: weights[{i}] is for {variable.name!r} of shape "
                    f"{variable.shape}; got shape {np.shape(value)}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Return the number of weights, counted one by one."""
        if not self.built:
            raise ValueError(
                f"You tried to call `count_params` on {self.name!r}, but it isn't built and has no weights yet. "
                "Call it on data or give it an input_shape."
            )
        return sum(variable.size for variable in self.weights)

    # -- state in files -----------------------------------------------------------------------------

    def save_own_variables(self, store: Any) -> None:
        """Put the weights of this owner alone under ``"0"``, ``"1"``, … into a dict of arrays."""
        for i, variable in enumerate(self.own_variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Take what `save_own_variables` put there."""
        variables = self.own_variables
        if len(store) != len(variables):
            hint = "" if self.built else f" {self.name!r} was never built and thus it doesn't have any variables."
            raise ValueError(
                f"Layer {self.name!r} expected {len(variables)} variables, but received {len(store)} variables during "
                f"loading. Expected: {[v.name for v in variables]}.{hint}"
            )
        for i, variable in enumerate(variables):
            variable.assign(np.asarray(store[str(i)]))
