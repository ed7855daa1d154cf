"""Weighted: how a layer makes its weights, and keeps the arguments that say how."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .. import activations, constraints, dtype_policies, initializers, random, regularizers
from ..variables import Variable
from .owner import Owner

# What every layer is made from; the rest of a class' arguments are its own.
BASE_ARGUMENTS = ("activity_regularizer", "trainable", "dtype", "autocast", "name")
_NOT_KEPT = ("self", "__class__", "layer_arguments", *BASE_ARGUMENTS)

_FAMILIES: dict[str, Callable[[Any, str], Any]] = {
    "activation": lambda value, name: activations.get(value),
    "initializer": initializers.get,
    "regularizer": regularizers.get,
    "constraint": constraints.get,
}


class Weighted(Owner):
    """An owner that makes weights."""

    _locked = _building = False  # whether no weights may be made any more; whether `build` is under way
    _undescribed: tuple[str, ...] = ()  # arguments that are no part of get_config
    path: str | None = None

    def __getattr__(self, name: str) -> Any:
        if name in ("_variables", "_trainable", "_call_losses", "name", "_policy"):
            self._super_called()
        if name == "_layers":
            return [owner for owner in self._owned(Owner) if owner is not self]
        if name in ("_trainable_variables", "_non_trainable_variables"):
            return [v for v in self.own_variables if v.may_train is (name == "_trainable_variables")]
        return object.__getattribute__(self, name)  # which raises, with the error of a property if there is one

    def _super_called(self) -> None:
        if "_call_losses" not in self.__dict__:
            raise RuntimeError(
                f"In layer {type(self).__name__!r}, you forgot to call super().__init__() as the first statement of "
                "__init__()."
            )

    def _no_new_state(self, name: Any) -> str:
        return (
            f"You cannot add new elements of state (variables or sub-layers) to a layer that is already built: "
            f"{self.name!r} got {name!r}. Make all of them in __init__() or in build()."
        )

    def add_weight(
        self,
        *args: Any,
        shape: Sequence[int] | None = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Make a weight that belongs to this layer; shape, initializer and dtype may be given by position.

        Parameters
        ----------
        initializer : str or Initializer, optional
            By default Glorot uniform; zeros for integers.
        trainable : bool
            False for what no gradient moves.
        autocast : bool
            Whether mixed precision computes with it in the narrower type.
        regularizer, constraint : str or callable, optional
            A penalty that is added to the loss; what brings the value back to where it may be, after each step.
        """
        self._super_called()
        if self._locked:
            raise ValueError(self._no_new_state(name or "a weight"))
        positional = dict(zip(("shape", "initializer", "dtype"), args, strict=False))
        if len(args) > 3:
            raise TypeError(f"add_weight() takes at most 3 positional arguments but {len(args)} were given.")
        if isinstance(positional.get("shape"), str):
            raise ValueError(
                f"`name` must be passed as a keyword argument: add_weight(shape=..., name={args[0]!r}), and the shape "
                "comes first."
            )
        for argument, value in (("shape", shape), ("initializer", initializer), ("dtype", dtype)):
            if argument in positional and value is not None:
                raise ValueError(f"`{argument}` was passed both positionally and as a keyword argument.")
        shape, initializer = positional.get("shape", shape), positional.get("initializer", initializer)
        dtype = dtype_policies.numpy_dtype(
            dtype_policies.standardize_dtype(positional.get("dtype", dtype) or self.variable_dtype)
        )
        if initializer is None:
            initializer = "zeros" if dtype.kind in "iub" else "glorot_uniform"
        variable = Variable(
            initializers.get(initializer),
            shape=() if shape is None else tuple(shape),
            dtype=dtype,
            trainable=trainable,
            autocast=autocast,
            aggregation=aggregation,
            name=name,
        )
        variable.path = "/".join([(self._building and self.path) or self.name, variable.name])
        variable.regularizer = regularizers.get(regularizer)
        variable.constraint = constraints.get(constraint)
        variable.trainable = trainable and self._trainable
        self._variables.append(variable)
        return variable

    add_variable = add_weight  # its older name

    def _keep(self, arguments: dict[str, Any]) -> None:
        """Set the arguments of __init__, its ``locals()``, as attributes.

        Where the name ends in a family, such as `kernel_initializer`, that is what the value stands for there.
        """
        for name, value in arguments.items():
            if name not in _NOT_KEPT and name not in self._undescribed:
                family = _FAMILIES.get(name.rpartition("_")[2])
                setattr(self, name, family(value, name) if family else value)

    def _weight(self, name: str, shape: Sequence[Any], **options: Any) -> Variable:
        """Make a weight as the arguments ``<name>_initializer``, ``_regularizer`` and ``_constraint`` say."""
        parts = ("initializer", "regularizer", "constraint")
        said: dict[str, Any] = {part: getattr(self, f"{name}_{part}", None) for part in parts}
        return self.add_weight(shape, name=name, **said, **options)

    def _refuse(self, **arguments: Any) -> None:
        for name, value in arguments.items():
            if value is not None:
                raise NotImplementedError(
                    f"{type(self).__name__}({name}={value!r}) is not supported: leave it at None."
                )

    def _untrack_variable(self, variable: Variable) -> None:
        self._variables = [own for own in self._variables if own is not variable]

    @property
    def variables(self) -> list[Variable]:
        """All weights, and the states of random generators."""
        found = [
            variable
            for owner in self.walk()
            for variable in (*owner.own_variables, *(s.state for s in owner._owned(random.SeedGenerator)))
        ]
        return list({id(variable): variable for variable in found}.values())
