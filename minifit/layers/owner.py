"""Owner: which weights and inner layers an object has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from ..variables import Variable

Kind = TypeVar("Kind")


class Owner:
    """Something with weights of its own and with inner owners.

    What is owned is not kept in a book but looked up when it is asked for: whatever is an attribute, or
    lies in a list, tuple or dict that is one, belongs to its owner.
    """

    def __init__(self, trainable: bool) -> None:
        self._variables: list[Variable] = []
        self._trainable = trainable
        self.built = False

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Owner, Variable)) and "_variables" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets a layer or a weight."
            )
        super().__setattr__(name, value)

    def _owned(self, kind: type[Kind]) -> list[Kind]:
        found: dict[int, Kind] = {}

        def look_into(value: Any) -> None:
            if isinstance(value, kind):
                found.setdefault(id(value), value)
            elif isinstance(value, (list, tuple)):
                for item in value:
                    look_into(item)
            elif isinstance(value, dict):
                for item in value.values():
                    look_into(item)

        for name, value in vars(self).items():
            if name != "_call_losses":  # a weight there is a penalty, and belongs where it is an attribute
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
        """The weights of this owner alone."""
        return self._owned(Variable)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        for owner in self.walk():
            owner._trainable = bool(value)
            for variable in owner.own_variables:
                variable.trainable = owner._trainable and variable.may_train

    @property
    def variables(self) -> list[Variable]:
        """All weights, this owner's own before those of its inner ones."""
        return list({id(v): v for owner in self.walk() for v in owner.own_variables}.values())

    @property
    def weights(self) -> list[Variable]:
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return self.non_trainable_variables

    name: str

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights as NumPy arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights`."""
        variables = self.variables
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
                f"count_params() of {self.name!r}: it has no weights before it is built. "
                "Call it on data or give it an input_shape."
            )
        return sum(variable.size for variable in self.variables)
