"""Metric: numbers that describe a model and never touch its weights.

A metric keeps running sums over batches. Its result is therefore the value over *all samples*
seen since the last reset, not the mean of the batches' values, which differs as soon as the last
batch is shorter.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from .. import backend, dtype_policies, initializers, tree
from ..naming import auto_name, snake_case
from ..serialization import Described
from ..tape import Tensor
from ..variables import Variable, bring, holding, keep


class Metric(Described):
    """Base of metrics: write `update_state` and `result`, and keep what you count in `add_variable`.

    Parameters
    ----------
    dtype : str, optional
        The type of the result; by default the float type in force.
    name : str, optional
        The key in the logs.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Largest(keras.Metric):
    ...     def __init__(self, name="largest", **others):
    ...         super().__init__(name=name, **others)
    ...         self.largest = self.add_variable((), "zeros", name="largest")
    ...     def update_state(self, y_true, y_pred, sample_weight=None):
    ...         self.largest.assign(np.maximum(self.largest, np.max(y_pred)))
    ...     def result(self):
    ...         return self.largest
    >>> metric = Largest()
    >>> metric.update_state([0.0, 1.0], [0.25, 0.5])
    >>> float(metric.result())
    0.5
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or auto_name(snake_case(type(self).__name__))
        self._dtype = dtype_policies.get(dtype or backend.floatx()).compute_dtype
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        return self._dtype

    # -- what subclasses write --------------------------------------------------------------------

    def update_state(self, *values: Any, **options: Any) -> None:
        """Take in a batch."""
        raise NotImplementedError(
            f"{type(self).__name__} must define update_state(y_true, y_pred, sample_weight=None)."
        )

    def result(self) -> Any:
        """Return the value over everything since the last reset."""
        raise NotImplementedError(f"{type(self).__name__} must define result().")

    def __call__(self, *values: Any, **options: Any) -> Any:
        """Take in a batch and return the value over everything so far."""
        self._check_initialised()
        self.update_state(*values, **options)
        return self.result()

    # -- what it counts in ------------------------------------------------------------------------

    def add_variable(
        self, shape: Any, initializer: Any, dtype: Any = None, aggregation: str = "sum", name: str | None = None
    ) -> Variable:
        """Make a variable that the metric counts in; `reset_state` sets it to zero."""
        self._check_initialised()
        first = initializers.get("zeros" if initializer is None else initializer)
        variable = Variable(first, shape=tuple(shape), dtype=dtype, trainable=False, name=name or "variable")
        variable.path = f"{self.name}/{variable.name}"
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: Any = None, name: str | None = None
    ) -> Variable:
        """Make a variable that the metric counts in; see `add_variable`."""
        return self.add_variable(shape, initializer, dtype, name=name)

    def add_sum(self, name: str, shape: Sequence[int] = ()) -> Variable:
        """Make a variable in double precision: a million additions in float32 would lose the last digits."""
        return self.add_variable(shape, "zeros", "float64", name=name)

    @property
    def variables(self) -> list[Variable]:
        """Own variables, then those of inner metrics, wherever in the attributes they are."""
        held = tree.flatten(list(vars(self).values()))
        own = {id(v): v for v in held if isinstance(v, Variable)}
        inner = {id(v): v for metric in held if isinstance(metric, Metric) for v in metric.variables}
        return list({**own, **inner}.values())

    def reset_state(self) -> None:
        """Forget everything seen: set all variables to zero."""
        bring(self.variables)
        for variable in self.variables:
            variable.assign(np.zeros(variable.shape))

    def _check_initialised(self) -> None:
        if "_variables" not in vars(self):
            raise RuntimeError(f"You forgot to call `super().__init__()` in {type(self).__name__}.__init__.")

    # -- the same, with the counts held by the caller ---------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Any], *values: Any, **options: Any) -> list[Any]:
        """Return what `update_state` would make of these values of the variables, which stay as they are."""
        with self._swapped(metric_variables):
            self.update_state(*values, **options)
            return [Tensor(variable.value) for variable in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """Return the result for these values of the variables."""
        with self._swapped(metric_variables):
            return self.result()

    def stateless_reset_state(self) -> list[Any]:
        """Return the values of the variables after `reset_state`."""
        with self._swapped(self.variables):
            self.reset_state()
            return [Tensor(variable.value) for variable in self.variables]

    def _swapped(self, values: Sequence[Any]) -> AbstractContextManager[None]:
        variables = self.variables
        if len(values) != len(variables):
            raise ValueError(
                f"Argument `metric_variables` must hold one value for each of the {len(variables)} variables of "
                f"{type(self).__name__}; got {len(values)}."
            )
        return holding(variables, values)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


def add(variable: Variable, amount: Any) -> None:
    """Add to what no tape ever looks at, which spares a metric in the loop the copy that `assign_add` makes."""
    put(variable, variable.value + amount)


def put(variable: Variable, value: Any) -> None:
    """Set what no tape ever looks at."""
    keep(variable)
    variable.value = value


def summed_at(places: Any, amounts: Any, size: int) -> Any:
    """Return `size` sums of amounts, each added at its place. (`bincount` does the same, but waits for a device.)"""
    sums = backend.xp().zeros(size)
    np.add.at(sums, places, amounts)
    return sums


def as_result(value: Any, dtype: str) -> Tensor:
    """Return a value as a Tensor: for NumPy, for float(), to compare and to print."""
    return Tensor(backend.asarray(value, dtype=dtype))
