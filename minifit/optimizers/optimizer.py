"""Optimizer: from gradients to changed weights.

The weights of a model are one flat vector, and so is everything that a rule remembers about them. Whatever
the number of layers, a step is a handful of in-place calls on a few arrays as long as the model has
parameters. Python floats are used for every scalar, never ``np.float64``: an array of float32 times an
``np.float64`` scalar is computed, slowly, in float64.
"""

from __future__ import annotations

import inspect
import math
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import backend, initializers
from ..backend import Array
from ..naming import auto_name, in_range, refuse_unknown, snake_case
from ..serialization import Described, serialize
from ..tape import Tensor, changed, unwrap
from ..variables import FlatVector, Variable, on_trial
from . import fused
from .schedules import LearningRateSchedule


class Optimizer(Described):
    """Base of update rules.

    A rule of your own is written as for Keras: `update_step` changes one variable, and `build` makes what it
    remembers. The engine's rules are quicker: each writes `rule`, which changes the flat vector of all weights.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
        A callable takes nothing and returns the rate of the next step.
    weight_decay : float, optional
        Each step first takes ``weight_decay * learning_rate`` of every weight away, apart from the
        gradient (Loshchilov and Hutter, 2019).
    clipnorm, clipvalue, global_clipnorm : float, optional
        At most one: bound the norm of each variable's gradient, each element, or the norm of all.
    use_ema : bool
        Keep a running mean of the weights, ``a = ema_momentum * a + (1 - ema_momentum) * w``, and put it in their
        place every `ema_overwrite_frequency` steps or, if that is None, at the end of `fit`.
    ema_momentum : float
    ema_overwrite_frequency : int, optional
    loss_scale_factor : float, optional
        What `scale_loss` multiplies the loss by, and a step divides its gradients by.
    gradient_accumulation_steps : int, optional
        Step once in so many calls, on the mean of their gradients.
    name : str, optional

    Attributes
    ----------
    iterations : Variable
        How many steps were taken.
    variables : list of Variable
        All that the next step depends on apart from the weights, in Keras' order.
    slots : dict of str to (P,)
        What the rule remembers, as long as the flat vector of parameters.

    Examples
    --------
    >>> import minifit as keras
    >>> class SignDescent(keras.optimizers.Optimizer):
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         self.assign_sub(variable, learning_rate * np.sign(gradient))
    >>> weight = keras.Variable([1.0, 2.0])
    >>> SignDescent(0.5).apply([np.array([-3.0, 0.1])], [weight])
    >>> weight.numpy()
    array([1.5, 1.5], dtype=float32)
    """

    #: Names of the slots; those in one group alternate in `variables`, variable by variable.
    slot_names: tuple[tuple[str, ...], ...] = ()
    #: What slots begin with, where it is not 0.
    first_values: Mapping[str, float] = {}

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        use_ema: bool = False,
        ema_momentum: float = 0.99,
        ema_overwrite_frequency: int | None = None,
        loss_scale_factor: float | None = None,
        gradient_accumulation_steps: int | None = None,
        name: str | None = None,
        **unknown: Any,
    ) -> None:
        if unknown.pop("decay", None) is not None:
            warnings.warn("`decay` is ignored, as in Keras 3; a schedule in learning_rate does it.", stacklevel=3)
        refuse_unknown(type(self), unknown)
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self.use_ema, self.ema_momentum = use_ema, ema_momentum
        self.ema_overwrite_frequency = ema_overwrite_frequency
        self.loss_scale_factor = loss_scale_factor
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._check_arguments()
        self._iterations = self._number(0, "iteration", "int32")
        self._set_rate(learning_rate)
        self._undecayed: list[Variable] = []
        self._undecayed_names = ""
        self._own: list[Variable] = []
        self.flat: FlatVector | None = None
        self.slots: dict[str, Array] = {}
        self._scalars: list[Array] = []  # what `numbers` returned last, and what is in them
        self._in_scalars: list[float] = []

    def __init_subclass__(cls, **options: Any) -> None:
        # For help() and completion: `*common` stands for the arguments of Optimizer that are not listed before it.
        super().__init_subclass__(**options)
        own = inspect.signature(cls.__init__).parameters
        if "common" in own:
            every = {**own, **inspect.signature(Optimizer.__init__).parameters, **own}
            listed = [p for p in every.values() if p.name not in ("self", "common", "named", "unknown")]
            cls.__signature__ = inspect.Signature(listed)  # type: ignore[attr-defined]

    def _check_arguments(self) -> None:
        owner = type(self).__name__
        clips = {n: v for n in ("clipnorm", "clipvalue", "global_clipnorm") if (v := getattr(self, n)) is not None}
        if len(clips) > 1:
            raise ValueError(
                "Only one of `clipnorm`, `clipvalue` and `global_clipnorm` can bound the gradients of "
                f"{owner}(...); got {', '.join(clips)}."
            )
        for argument in (*clips, "loss_scale_factor", "weight_decay"):
            if getattr(self, argument) is not None:
                in_range(f"{owner}({argument}=...)", getattr(self, argument), 0, above=argument != "weight_decay")
        for argument, least in (("gradient_accumulation_steps", 2), ("ema_overwrite_frequency", 1)):
            value = getattr(self, argument)
            if value is not None and not (isinstance(value, int) and value >= least):
                raise ValueError(f"`{argument}` must be an integer >= {least}; {owner}(...) got {value!r}.")
        momentum = self.ema_momentum
        if self.use_ema and not (isinstance(momentum, (int, float, np.number)) and 0 <= momentum <= 1):
            raise ValueError(f"`ema_momentum` must be in the range [0, 1]; got {momentum!r}.")

    # -- the learning rate ------------------------------------------------------------------------

    def _set_rate(self, value: Any) -> None:
        if callable(value) and not isinstance(value, type):
            self._learning_rate: Any = value
            return
        if not isinstance(value, (float, np.floating)):
            raise ValueError(
                f"{type(self).__name__}(learning_rate=...) expects a float, such as 0.01, or a schedule; got {value!r}."
            )
        self._learning_rate = self._number(float(self._checked_rate(value)), "learning_rate", backend.floatx())

    def _checked_rate(self, value: Any) -> Any:
        if isinstance(value, str) or not 0 <= value < math.inf:
            raise ValueError(f"{type(self).__name__}(learning_rate=...) must be at least 0 and finite; got {value!r}.")
        return value

    def _number(self, value: float, name: str, dtype: Any) -> Variable:
        """Return a variable that stays on the host: every step reads it, and must not wait for a device."""
        variable = Variable(value, dtype=dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{name}"
        return variable.keep_on_host()

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a Variable, to be read by ``float()``, or what a schedule gives."""
        rate = self._learning_rate
        if isinstance(rate, Variable):
            return rate
        return rate(int(self._iterations)) if isinstance(rate, LearningRateSchedule) else rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if callable(value):
            self._set_rate(value)
        elif callable(self._learning_rate):
            raise TypeError(
                "This optimizer was created with a `LearningRateSchedule`: its learning_rate follows a schedule and "
                "cannot be set to a number. Give the optimizer a float learning_rate if a callback is to change it."
            )
        else:
            self._learning_rate.assign(backend.to_numpy(self._checked_rate(unwrap(value))))

    lr = learning_rate  # its old name

    @property
    def iterations(self) -> Any:
        """How many steps were taken; the calls of `apply`, where gradients are accumulated, are more."""
        steps = self.gradient_accumulation_steps
        return self._iterations.value // steps if steps else self._iterations

    # -- what a rule remembers --------------------------------------------------------------------

    @property
    def built(self) -> bool:
        return self.flat is not None

    @property
    def variables(self) -> list[Variable]:
        rate = [] if callable(self._learning_rate) else [self._learning_rate]
        return [self._iterations, *rate, *self._own]

    def build(self, variables: Sequence[Variable]) -> None:
        """Lay the variables out as one vector, and make the slots. Done at the first step."""
        if self.built:
            return
        for variable in variables:
            if not isinstance(variable, Variable):
                raise TypeError(
                    f"{type(self).__name__} changes Variables, such as model.trainable_variables; got "
                    f"{type(variable).__name__}."
                )
        self._n_before = len(self._own)
        kept: dict[str, list[Variable]] = {}
        if self.use_ema:
            kept["average"] = self.add_optimizer_variables(variables, "average")
            self._model_variables_moving_average = kept["average"]
        if self.gradient_accumulation_steps:
            kept["gradient_accumulator"] = self.add_optimizer_variables(variables, "gradient_accumulator")
            self._accumulated_gradients = kept["gradient_accumulator"]
        for group in self.slot_names:
            first = [initializers.Constant(self.first_values.get(name, 0.0)) for name in group]
            kept |= zip(group, self.add_optimizer_variables(variables, group, first), strict=True)
        self._slot_variables = kept
        self._lay_out(variables)

    def unbuild(self) -> None:
        """Forget the variables and what was remembered about them: the next step begins anew."""
        if self.built:
            self.flat, self.slots, self._own = None, {}, self._own[: self._n_before]

    def _lay_out(self, variables: Sequence[Variable]) -> None:
        """Make flat vectors of the variables and of every slot; a copied model has lost them."""
        self.flat = flat = FlatVector(variables)
        self.slots = {name: FlatVector(kept).vector for name, kept in self._slot_variables.items()}
        self._of_rule = {n: slot for n, slot in self.slots.items() if n not in ("average", "gradient_accumulator")}
        self._ids = list(map(id, flat.variables))
        self._index = {key: i for i, key in enumerate(self._ids)}
        self._gradient = backend.xp().zeros_like(flat.vector)
        self._gradient_views = flat.views(self._gradient)
        self._room = dict(zip(self._ids, self._gradient_views, strict=True))
        self._spare = backend.xp().empty_like(flat.vector)
        self._find_decayed()

    def add_variable(
        self,
        shape: Sequence[int],
        initializer: Any = "zeros",
        dtype: Any = None,
        aggregation: Any = "none",
        layout: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Make a variable that belongs to the state of this optimizer."""
        variable = Variable(initializers.get(initializer), shape, dtype, trainable=False, name=name)
        variable.path = f"{self.name}/{variable.name}"
        self._own.append(variable)
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Any = "zeros"
    ) -> Variable:
        """Make a variable of the shape and type of a weight."""
        name = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=name)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: Any, initializer: Any = "zeros"
    ) -> Any:
        """Return a list with a variable for each weight; if `name` is a list of names, one such list a name."""
        names = [name] if isinstance(name, str) else list(name)
        first = initializer if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(names) != len(first):
            raise ValueError(
                f"The number of provided names must match the number of initializers; got {names} and {first}."
            )
        made: tuple[list[Variable], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for kept, slot, value in zip(made, names, first, strict=True):
                kept.append(self.add_variable_from_reference(variable, slot, value))
        return made[0] if isinstance(name, str) else made

    def _get_variable_index(self, variable: Variable) -> int:
        return self._index[id(variable)]

    def __getstate__(self) -> dict[str, Any]:
        # A copy lays out its variables anew before its next step: it has no use for vectors of ours.
        ours = ("_of_rule", "_gradient", "_gradient_views", "_room", "_spare")
        kept = {name: value for name, value in vars(self).items() if name not in ours}
        return {**kept, "slots": {}} if self.built else kept

    # -- the step ---------------------------------------------------------------------------------

    def apply(self, gradients: Sequence[Any], variables: Sequence[Variable] | None = None) -> None:
        """Take one step.

        Parameters
        ----------
        gradients : sequence of arrays or Tensors
            One a variable; None leaves its variable alone.
        variables : sequence of Variable
            May be left out after the first step.
        """
        if not len(gradients):
            return
        if variables is None:
            if self.flat is None:
                raise ValueError("apply(gradients, variables) needs the variables at the first step.")
            variables = self.flat.variables
        if len(gradients) != len(variables):
            raise ValueError(
                f"apply(gradients, variables) needs one gradient a variable; got {len(gradients)} gradients and "
                f"{len(variables)} variables."
            )
        flat = self._flat_of(variables)
        skipped = () if gradients is self._gradient_views else self._gather(flat, gradients, variables)
        if self.loss_scale_factor is not None:
            self._gradient /= self.loss_scale_factor
        kept = self._remember(skipped) if skipped else ()
        if not self.gradient_accumulation_steps or self._mean_gradient(skipped):
            rate = float(unwrap(self.learning_rate))
            self._clip(self._gradient_views if self.clipnorm else [self._gradient])
            if self.weight_decay:
                for part in self._decayed:
                    flat.vector[part] *= 1 - self.weight_decay * rate
            self._update(rate, skipped)
        for array, part, values in kept:
            array[part] = values
        if self.use_ema:
            self._move_average()
        for variable in flat.variables:
            if variable._constraint is not None and self._index[id(variable)] not in skipped:
                variable.assign(variable._constraint(variable))
        count = self._iterations.value
        count[()] = int(count) + 1  # `count += 1` takes thirty times as long
        changed(flat)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> Variable:
        """Take one step from pairs of gradient and variable, as ``zip`` makes them; return the count of calls."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])
        return self._iterations

    def stateless_apply(
        self, optimizer_variables: Sequence[Any], grads: Sequence[Any], trainable_variables: Sequence[Any]
    ) -> tuple[list[Array], list[Array]]:
        """Return what a step would make of these weights and this state of `variables`; nothing is changed."""
        if not self.built:
            raise ValueError(f"To call `stateless_apply`, {type(self).__name__} must be built: call build(variables).")
        weights: list[Variable] = self.flat.variables  # type: ignore[union-attr]
        with on_trial():
            for variable, value in zip(
                [*weights, *self.variables], [*trainable_variables, *optimizer_variables], strict=True
            ):
                variable.assign(value)
            self.apply(grads, weights)
            return [v.value.copy() for v in weights], [v.value.copy() for v in self.variables]

    def rule(self, *w_g_rate: Any, **slots: Any) -> None:
        """Change weights in place, ``rule(w, g, rate, momentum=...)``: the engine's own form of a rule.

        `w`, the gradient `g` and every slot are arrays of one shape: usually all parameters, (P,). What is in `g`
        may be overwritten.
        """
        raise NotImplementedError(f"{type(self).__name__} must define update_step(gradient, variable, learning_rate).")

    def update_step(self, gradient: Any, variable: Variable, learning_rate: Any) -> None:
        """Change one variable. Override it for a rule of your own, with `assign`, `assign_add` and `assign_sub`.

        Parameters
        ----------
        gradient : Tensor like variable
        variable : Variable
        learning_rate : float
        """
        i = self._get_variable_index(variable)
        slots = {name: self._slot_variables[name][i].value for name in self._of_rule}
        self.rule(variable.value, unwrap(gradient).copy(), float(unwrap(learning_rate)), **slots)
        changed(variable)

    def _update(self, rate: float, skipped: Sequence[int]) -> None:
        flat: FlatVector = self.flat  # type: ignore[assignment]
        if type(self).update_step is Optimizer.update_step:
            if not fused.apply(self.rule, flat.vector, self._gradient, rate, self._of_rule):
                self.rule(flat.vector, self._gradient, rate, **self._of_rule)
            return
        for i, (variable, gradient) in enumerate(zip(flat.variables, self._gradient_views, strict=True)):
            if i not in skipped:
                self.update_step(Tensor(gradient.copy()), variable, rate)

    def spare(self, like: Array) -> Array:
        """Return an array to write into, as long as the gradient that a rule was given."""
        return self._spare if like is self._gradient else np.empty_like(like)

    def numbers(self, like: Array, *values: float) -> Sequence[Any]:
        """Return numbers to compute with on arrays such as `like`; a rule asks once, for all that it needs.

        For the flat gradient on the host they are arrays without axes: a call on a small array then takes half the
        time, for NumPy need not find out what a Python number is. Of its type they are the same numbers.
        """
        if like is not self._gradient or not backend.on_host(like):
            return values
        if len(self._scalars) != len(values) or self._scalars[0].dtype != like.dtype:
            self._scalars = [np.array(value, like.dtype) for value in values]
            self._in_scalars = [*values]
        for i, value in enumerate(values):
            if value != self._in_scalars[i]:
                self._scalars[i][()] = self._in_scalars[i] = value
        return self._scalars

    def assign(self, variable: Variable, value: Any) -> None:
        """Set a variable, in `update_step`."""
        variable.assign(value)

    def assign_add(self, variable: Variable, value: Any) -> None:
        """Add to a variable, in `update_step`."""
        variable.assign_add(value)

    def assign_sub(self, variable: Variable, value: Any) -> None:
        """Subtract from a variable, in `update_step`."""
        variable.assign_sub(value)

    def _flat_of(self, variables: Sequence[Variable]) -> FlatVector:
        """Return the flat vector, made or made again if need be."""
        if self.flat is None:
            self.build(variables)
        elif self.flat.stale:
            self._lay_out(self.flat.variables)
        return self.flat  # type: ignore[return-value]

    def room(self) -> dict[int, Array]:
        """Return where gradients are wanted, by ids of variables: what is written there need not be copied."""
        return {} if self.flat is None or self.flat.stale else self._room

    def in_place(self, variables: Sequence[Variable]) -> list[Array] | None:
        """Return the arrays that gradients are wanted in: `apply` need not look at these. None if not all are."""
        wanted = bool(self.room()) and list(map(id, variables)) == self._ids
        return self._gradient_views if wanted else None

    def _gather(self, flat: FlatVector, gradients: Sequence[Any], variables: Sequence[Variable]) -> list[int]:
        """Copy the gradients into the flat one; return the indices of the variables without."""
        ordered = gradients
        if list(map(id, variables)) != self._ids:
            ordered = self._in_order(gradients, variables)
        skipped = []
        for i, (gradient, view) in enumerate(zip(ordered, self._gradient_views, strict=True)):
            if gradient is view:  # where it was wanted
                continue
            array = unwrap(gradient)
            if array is None:
                skipped.append(i)
                view[...] = 0
            elif getattr(array, "shape", ()) != view.shape:
                raise ValueError(
                    f"The gradient of {flat.variables[i].name!r} has shape {np.shape(array)}; the variable has shape "
                    f"{view.shape}."
                )
            else:
                view[...] = backend.asarray(array)
        if skipped:
            without = [v.path for v, gradient in zip(variables, gradients, strict=True) if gradient is None]
            self._warn_of_missing(without, len(skipped) == len(ordered))
        return skipped

    def _in_order(self, arrays: Sequence[Any], variables: Sequence[Variable]) -> list[Any]:
        """Return the gradients in the order of the flat vector, None for those that were not given."""
        found: list[Any] = [None] * len(self._ids)
        for array, variable in zip(arrays, variables, strict=True):
            if id(variable) not in self._index:
                raise ValueError(
                    f"Unknown variable: {variable!r}. {type(self).__name__} was built for other variables. Compile the "
                    "model again, or make a new optimizer, after the variables change."
                )
            found[self._index[id(variable)]] = array
        return found

    @staticmethod
    def _warn_of_missing(paths: list[str], is_all: bool) -> None:
        if is_all:
            raise ValueError(
                "No gradients provided for any variable. Does the loss depend on the model, and was it computed "
                "inside the GradientTape?"
            )
        if paths:
            warnings.warn(
                f"Gradients do not exist for variables {paths}: they stay as they are. Are they used in the loss?",
                stacklevel=4,
            )

    def _remember(self, skipped: Sequence[int]) -> list[tuple[Array, slice, Array]]:
        """Copy what a step over the whole vector changes though it has no gradient."""
        flat: FlatVector = self.flat  # type: ignore[assignment]
        arrays = [flat.vector, *self._of_rule.values()]
        return [(a, flat.slices[i], a[flat.slices[i]].copy()) for a in arrays for i in skipped]

    def _mean_gradient(self, skipped: Sequence[int]) -> bool:
        """Accumulate the gradient; tell whether to step now, on the mean."""
        steps, total = self.gradient_accumulation_steps or 1, self.slots["gradient_accumulator"]
        total += self._gradient
        if (int(self._iterations) + 1) % steps:
            return False
        np.divide(total, steps, out=self._gradient)
        total[...] = 0
        for i in skipped:
            self._gradient_views[i][...] = 0
        return True

    def _clip_gradients(self, gradients: Sequence[Any]) -> list[Array]:
        """Return bounded copies of gradients."""
        arrays = [unwrap(gradient).copy() for gradient in gradients]
        self._clip(arrays)
        return arrays

    def _clip(self, gradients: Sequence[Array]) -> None:
        if self.clipvalue is not None:
            for gradient in gradients:
                np.clip(gradient, -self.clipvalue, self.clipvalue, out=gradient)
        elif self.clipnorm is not None:
            for gradient in gradients:
                _scale_to_norm([gradient], self.clipnorm)
        elif self.global_clipnorm is not None:
            _scale_to_norm(gradients, self.global_clipnorm)

    # -- decay and averages of the weights --------------------------------------------------------

    def exclude_from_weight_decay(
        self, var_list: Iterable[Variable] | None = None, var_names: Iterable[str] | None = None
    ) -> None:
        """Let weight decay leave these variables alone, and those whose name one of the expressions is found in."""
        self._undecayed, self._undecayed_names = list(var_list or ()), "|".join(var_names or ())
        if self.built:
            self._find_decayed()

    def _find_decayed(self) -> None:
        flat: FlatVector = self.flat  # type: ignore[assignment]

        def is_left_alone(variable: Variable) -> bool:
            by_name = self._undecayed_names and re.search(self._undecayed_names, variable.name)
            return bool(by_name) or any(variable is other for other in self._undecayed)

        left = [is_left_alone(variable) for variable in flat.variables]
        self._decayed = [s for s, out in zip(flat.slices, left, strict=True) if not out] if any(left) else [slice(None)]

    def _move_average(self) -> None:
        flat: FlatVector = self.flat  # type: ignore[assignment]
        average, step = self.slots["average"], int(self.iterations)
        momentum = self.ema_momentum if step else 0.0  # the first average is the first weights
        average *= momentum
        average += np.multiply(flat.vector, 1 - momentum, out=self._spare)
        if self.ema_overwrite_frequency and (step + 1) % self.ema_overwrite_frequency == 0:
            flat.vector[...] = average

    def finalize_variable_values(self, var_list: Sequence[Variable]) -> None:
        """Put the running means of the weights in their place, where they are kept: the end of `fit`."""
        if self.use_ema and self.built:
            flat = self._flat_of(var_list)
            flat.vector[...] = self.slots["average"]
            changed(flat)

    def scale_loss(self, loss: Any) -> Any:
        """Return the loss to differentiate."""
        return loss if self.loss_scale_factor is None else loss * self.loss_scale_factor

    # -- state ------------------------------------------------------------------------------------

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set `variables` from arrays in their order."""
        if not self.built:
            raise ValueError(
                "You are calling `set_weights()` on an optimizer that is not built: it has no variables yet. Call "
                "build(trainable_variables) first."
            )
        for variable, weight in zip(self.variables, weights, strict=False):
            variable.assign(weight)

    def save_own_variables(self, store: Any) -> None:
        """Write all variables into a mapping, under ``"0"``, ``"1"``, ..."""
        for i, variable in enumerate(self.variables):
            store[str(i)] = variable.numpy()

    def load_own_variables(self, store: Any) -> None:
        """Read what `save_own_variables` wrote."""
        if len(store.keys()) != len(self.variables):
            warnings.warn(
                f"Skipping variable loading for optimizer {self.name!r}: it has {len(self.variables)} variables, the "
                f"saved one {len(store.keys())}. Build it for the same architecture first.",
                stacklevel=2,
            )
            return
        for i, variable in enumerate(self.variables):
            variable.assign(store[str(i)])

    def get_state(self) -> dict[str, np.ndarray]:
        """Return copies of everything that the next step depends on."""
        state: dict[str, np.ndarray] = {}
        self.save_own_variables(state)
        return state

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go back to what `get_state` returned."""
        wanted = {str(i): variable.shape for i, variable in enumerate(self.variables)}
        found = {name: np.shape(array) for name, array in state.items()}
        if wanted != found:
            raise ValueError(
                f"The saved state of {type(self).__name__} has arrays of shapes {list(found.values())}; this one has "
                f"{list(wanted.values())}. Was it saved from the same architecture?"
            )
        self.load_own_variables(state)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer without its state."""
        return {**super().get_config(), "learning_rate": serialize(self._learning_rate)}


def share(optimizer: Optimizer, name: str, value: float) -> float:
    """Return a decay rate if it is one, from 0 to 1; at 1 a corrected mean would divide by zero."""
    in_range(f"{type(optimizer).__name__}({name}=...)", value, 0, 1)
    if value == 1 and name.startswith("beta"):
        raise ValueError(f"{type(optimizer).__name__}({name}=...) must be below 1; got {value!r}.")
    return float(value)


def _scale_to_norm(gradients: Sequence[Array], bound: float) -> None:
    """Shrink arrays in place by one factor, until their common norm is no more than `bound`."""
    norm = np.sqrt(sum(np.vdot(gradient, gradient) for gradient in gradients))
    for gradient in gradients:
        gradient *= (bound / np.maximum(norm, bound)).astype(gradient.dtype)
