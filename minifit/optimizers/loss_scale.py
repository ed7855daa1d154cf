"""LossScaleOptimizer: gradients in float16 that do not vanish.

Half precision holds nothing below 6e-8, and gradients are often smaller. So the loss is multiplied by a large number
before it is differentiated, and the gradients are divided by it, in single precision, before the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from ..initializers import Constant
from ..naming import in_range
from ..serialization import deserialize, serialize
from ..tape import unwrap
from ..variables import Variable
from .optimizer import Optimizer


class LossScaleOptimizer(Optimizer):
    """Scale the loss for another optimizer, by as much as float16 bears.

    A step whose gradients hold NaN or infinity is left out, and the scale halved; after `dynamic_growth_steps` steps
    that all went well it is doubled. `compile` wraps the optimizer of a ``"mixed_float16"`` model by itself. On a GPU
    each step waits for one number: whether the gradients are finite.

    Parameters
    ----------
    inner_optimizer : Optimizer
        What takes the steps. Clipping, decay and the like are its own.
    initial_scale : float
        Rather too large than too small: it is lowered much more quickly than raised.
    dynamic_growth_steps : int
    name : str, optional

    Attributes
    ----------
    dynamic_scale, step_counter : Variable
        The scale of the next step, and the steps since it last changed. They are there from the first step on.

    Examples
    --------
    >>> import minifit as keras
    >>> optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=1024.0)
    >>> weight = keras.Variable([1.0, 2.0])
    >>> optimizer.apply([np.array([1024.0, 2048.0])], [weight])
    >>> weight.numpy()
    array([0.5, 1. ], dtype=float32)
    """

    def __init__(
        self,
        inner_optimizer: Any,
        initial_scale: float = 2.0**15,
        dynamic_growth_steps: int = 2000,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        if not unknown.pop("dynamic", True):
            raise ValueError(
                "LossScaleOptimizer has no `dynamic=False`: for a scale that stays, set `loss_scale_factor` on the "
                "`inner_optimizer` and do without this one."
            )
        for argument, usual in _OF_EVERY_OPTIMIZER.items():
            if unknown.pop(argument, usual) != usual:
                raise ValueError(
                    f"LossScaleOptimizer does not support `{argument}`. Set `{argument}` on the `inner_optimizer`."
                )
        if unknown:
            raise ValueError(f"LossScaleOptimizer does not support arguments: `{'`, `'.join(unknown)}`.")
        if not isinstance(inner_optimizer, Optimizer):
            raise TypeError(f"LossScaleOptimizer(inner_optimizer) expects an optimizer; got {inner_optimizer!r}.")
        self.inner_optimizer = inner_optimizer
        self.initial_scale = float(in_range("LossScaleOptimizer(initial_scale=...)", initial_scale, 0, above=True))
        self.dynamic_growth_steps = int(
            in_range("LossScaleOptimizer(dynamic_growth_steps=...)", dynamic_growth_steps, 1, whole=True)
        )
        self.dynamic_scale: Any = None
        self.step_counter: Any = None
        super().__init__(learning_rate=0.0, name=name)
        inner_optimizer.loss_scale_factor = None  # the loss is scaled once

    @property
    def built(self) -> bool:
        return self.dynamic_scale is not None

    @property
    def variables(self) -> list[Variable]:
        return [*super().variables, *self.inner_optimizer.variables]

    def build(self, variables: Sequence[Variable]) -> None:
        """Make what the scale is kept in, and build the inner optimizer. Done at the first step."""
        if self.built:
            return
        self.step_counter = self.add_variable((), "zeros", "int32", name="step_counter").keep_on_host()
        first = Constant(self.initial_scale)
        self.dynamic_scale = self.add_variable((), first, "float32", name="dynamic_scale").keep_on_host()
        self.inner_optimizer.build(variables)

    def unbuild(self) -> None:
        self.dynamic_scale = self.step_counter = None
        self._own = []
        self.inner_optimizer.unbuild()

    def apply(self, gradients: Sequence[Any], variables: Sequence[Variable] | None = None) -> None:
        """Take one step with gradients of the scaled loss, or none, if they are not finite."""
        if not self.built:
            self.build(variables or ())
        if not self._finite(gradients):
            self._set_scale(0.5)
            return
        inner = self.inner_optimizer
        inner.loss_scale_factor = self.loss_scale_factor
        try:
            inner.apply(gradients, variables)
        finally:
            inner.loss_scale_factor = None
        if int(self.step_counter) == self.dynamic_growth_steps - 1:
            self._set_scale(2.0)
        else:
            self.step_counter.assign_add(1)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        super().apply_gradients(grads_and_vars)
        return self.inner_optimizer._iterations

    def _set_scale(self, factor: float) -> None:
        self.step_counter.assign(np.zeros(()))
        self.dynamic_scale.assign(self.dynamic_scale.value * np.float32(factor))

    def _finite(self, gradients: Sequence[Any]) -> bool:
        """Tell whether all numbers of gradients are finite, at the price of one that is waited for."""
        inner = self.inner_optimizer
        in_place = inner.built and gradients is inner._gradient_views
        arrays = [inner._gradient] if in_place else [unwrap(g) for g in gradients if unwrap(g) is not None]
        # A sum with NaN or infinity in it is one of them itself; it may also just be too large.
        with np.errstate(over="ignore", invalid="ignore"):
            total = float(sum(np.sum(array) for array in arrays))
        return math.isfinite(total) or all(bool(np.isfinite(array).all()) for array in arrays)

    # -- what the inner optimizer knows -----------------------------------------------------------

    @property
    def loss_scale_factor(self) -> Any:
        """What the loss of the next step is multiplied by."""
        return float(self.dynamic_scale) if self.built else self.initial_scale

    @loss_scale_factor.setter
    def loss_scale_factor(self, value: Any) -> None:  # of any other optimizer it is an argument
        pass

    @property
    def flat(self) -> Any:
        """The inner optimizer's flat vector of all weights."""
        return self.inner_optimizer.flat

    @flat.setter
    def flat(self, value: Any) -> None:
        pass

    @property
    def learning_rate(self) -> Any:
        return self.inner_optimizer.learning_rate

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        self.inner_optimizer.learning_rate = value

    @property
    def iterations(self) -> Any:
        return self.inner_optimizer.iterations

    def room(self) -> dict[int, Any]:
        return self.inner_optimizer.room()

    def in_place(self, variables: Sequence[Variable]) -> list[Any] | None:
        return self.inner_optimizer.in_place(variables)

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        self.inner_optimizer.finalize_variable_values(var_list)

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        self.inner_optimizer.exclude_from_weight_decay(var_list, var_names)

    def get_config(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "inner_optimizer": serialize(self.inner_optimizer),
            "initial_scale": self.initial_scale,
            "dynamic_growth_steps": self.dynamic_growth_steps,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> LossScaleOptimizer:
        return cls(**{**config, "inner_optimizer": deserialize(config["inner_optimizer"])})


#: What older files say of it, though it is the inner optimizer's: nothing but these values.
_OF_EVERY_OPTIMIZER = {
    **dict.fromkeys(("weight_decay", "clipnorm", "global_clipnorm", "clipvalue", "loss_scale_factor")),
    **dict.fromkeys(("ema_overwrite_frequency", "gradient_accumulation_steps")),
    "use_ema": False,
    "ema_momentum": 0.99,
}
