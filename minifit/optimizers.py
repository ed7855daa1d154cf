"""Optimizers: update rules over one flat vector.

Whatever the number of layers, a step is a handful of in-place calls on three or four arrays as long
as the model has parameters. Python floats are used for every scalar, never ``np.float64``: an array
of float32 times an ``np.float64`` scalar is computed, slowly, in float64.
"""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from . import backend
from .backend import Array
from .naming import auto_name, look_up, refuse_unknown, snake_case
from .tape import changed, unwrap
from .variables import FlatVector, Variable


class Optimizer:
    """Base of update rules: subclass and write `update_step`.

    Parameters
    ----------
    learning_rate : float or callable
        A callable gets the step, counted from 0, and returns the rate of that step.
    name : str, optional
    weight_decay : float, optional
        Each step first takes ``weight_decay * learning_rate`` of every weight away, apart from the
        gradient (Loshchilov and Hutter, 2019).
    clipnorm, clipvalue, global_clipnorm : float, optional
        At most one: bound the norm of each variable's gradient, each element, or the norm of all.

    Attributes
    ----------
    iterations : Variable
        How many steps were taken.
    slots : dict of str to (P,)
        What the rule remembers, as long as the flat vector of parameters.
    """

    slot_names: tuple[str, ...] = ()

    def __init__(
        self,
        learning_rate: Any = 0.001,
        name: str | None = None,
        weight_decay: float | None = None,
        clipnorm: float | None = None,
        clipvalue: float | None = None,
        global_clipnorm: float | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self), unknown)
        given = {"clipnorm": clipnorm, "clipvalue": clipvalue, "global_clipnorm": global_clipnorm}
        clips = {name: value for name, value in given.items() if value is not None}
        if len(clips) > 1:
            raise ValueError(
                f"{type(self).__name__}(...) takes one of clipnorm, clipvalue and global_clipnorm; got "
                f"{', '.join(clips)}."
            )
        for argument, value in clips.items():
            if value <= 0:
                raise ValueError(f"{type(self).__name__}({argument}=...) must be above 0; got {value!r}.")
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.weight_decay = weight_decay
        self.clipnorm, self.clipvalue, self.global_clipnorm = clipnorm, clipvalue, global_clipnorm
        self._set_rate(learning_rate)
        self.iterations = _on_host(Variable(0, dtype="int64", trainable=False, name="iterations"))
        self.flat: FlatVector | None = None
        self.slots: dict[str, Array] = {}

    # -- the learning rate ------------------------------------------------------------------------

    def _set_rate(self, value: Any) -> None:
        if callable(value):
            self._schedule, self._rate = _of_the_step(value), None
            return
        if isinstance(value, (int, np.integer)) or not isinstance(value, (float, np.floating)):
            raise ValueError(
                f"{type(self).__name__}(learning_rate=...) expects a float, such as 0.01, or a schedule; got {value!r}."
            )
        self._checked_rate(value)
        self._schedule = None
        self._rate = _on_host(Variable(float(value), trainable=False, name="learning_rate"))

    def _checked_rate(self, value: Any) -> Any:
        if not 0 <= value < math.inf:
            raise ValueError(f"{type(self).__name__}(learning_rate=...) must be at least 0 and finite; got {value!r}.")
        return value

    @property
    def learning_rate(self) -> Any:
        """The rate of the next step: a Variable, to be read by ``float()``, or what a schedule gives."""
        return self._rate if self._schedule is None else self._schedule(int(self.iterations.value))

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        if self._schedule is not None and not callable(value):
            raise TypeError(
                "learning_rate follows a schedule and cannot be set to a number. Give the optimizer a float "
                "learning_rate if a callback is to change it."
            )
        if callable(value) or self._rate is None:
            self._set_rate(value)
        else:
            self._rate.assign(np.asarray(self._checked_rate(unwrap(value)), dtype=self._rate.dtype))

    @property
    def lr(self) -> Any:
        """The old name of `learning_rate`."""
        return self.learning_rate

    @lr.setter
    def lr(self, value: Any) -> None:
        self.learning_rate = value

    # -- the step ---------------------------------------------------------------------------------

    def build(self, variables: Sequence[Variable]) -> None:
        """Lay the variables out as one vector, and make the slots. Done at the first step."""
        old = self.flat
        self.flat = FlatVector(variables)
        self._known = list(map(id, self.flat.variables))
        self._shapes = [variable.shape for variable in self.flat.variables]
        self._gradient = backend.xp().zeros_like(self.flat.vector)
        self._gradient_views = self.flat.views(self._gradient)
        self._scratch = [backend.xp().empty_like(self.flat.vector) for _ in range(2)]
        if old is None:
            self.slots = {name: self.first_slot(name) for name in self.slot_names}

    def first_slot(self, name: str) -> Array:
        """Return the first value of a slot."""
        return backend.xp().zeros_like(self.flat.vector)  # type: ignore[union-attr]

    def apply(self, gradients: Sequence[Any], variables: Sequence[Variable] | None = None) -> None:
        """Take one step.

        Parameters
        ----------
        gradients : sequence of arrays or Tensors
            One a variable; None leaves its variable alone.
        variables : sequence of Variable
            May be left out after the first step.
        """
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
        skipped = self._gather(flat, gradients, variables)
        rate = float(unwrap(self.learning_rate))
        self._clip(flat)
        kept = self._remember(skipped)
        if self.weight_decay:
            flat.vector *= 1 - self.weight_decay * rate
        self.update_step(self._gradient, flat.vector, rate)
        for array, part, values in kept:
            array[part] = values
        self.iterations.value += 1
        changed(*flat.variables)

    def apply_gradients(self, grads_and_vars: Iterable[tuple[Any, Variable]]) -> None:
        """Take one step from pairs of gradient and variable, as ``zip`` makes them."""
        pairs = list(grads_and_vars)
        self.apply([gradient for gradient, _ in pairs], [variable for _, variable in pairs])

    def update_step(self, gradient: Array, variable: Array, learning_rate: float) -> None:
        """Change `variable` in place; all three are about the flat vector of parameters (P,)."""
        raise TypeError(f"{type(self).__name__} must define update_step(gradient, variable, learning_rate).")

    def _flat_of(self, variables: Sequence[Variable]) -> FlatVector:
        if self.flat is None:
            self.build(variables)
        elif self.flat.stale:
            self.build(self.flat.variables)
        flat: FlatVector = self.flat  # type: ignore[assignment]
        if variables is flat.variables or list(map(id, variables)) == self._known:
            return flat
        known = set(self._known)
        for variable in variables:
            if id(variable) not in known:
                raise ValueError(
                    f"{type(self).__name__} was built for other variables and does not know {variable!r}. "
                    "Compile the model again, or make a new optimizer, after the variables change."
                )
        return flat

    def _gather(self, flat: FlatVector, gradients: Sequence[Any], variables: Sequence[Variable]) -> list[int]:
        """Copy the gradients into the flat one; return the indices of the variables without."""
        if len(gradients) == len(flat.variables) and not any(g is None for g in gradients):
            arrays = [unwrap(gradient) for gradient in gradients]
            if list(map(id, variables)) == self._known and [a.shape for a in arrays] == self._shapes:
                for view, array in zip(self._gradient_views, arrays, strict=True):
                    view[...] = array
                return []
        given = {id(v): unwrap(g) for g, v in zip(gradients, variables, strict=True)}
        skipped = []
        for i, (variable, view) in enumerate(zip(flat.variables, self._gradient_views, strict=True)):
            gradient = given.get(id(variable))
            if gradient is None:
                skipped.append(i)
                view[...] = 0
            elif np.shape(gradient) != view.shape:
                raise ValueError(
                    f"The gradient of {variable.name!r} has shape {np.shape(gradient)}; the variable has shape "
                    f"{view.shape}."
                )
            else:
                view[...] = gradient
        if len(skipped) == len(flat.variables):
            raise ValueError(
                "No variable has a gradient: does the loss depend on the model, and was it computed inside the "
                "GradientTape?"
            )
        if any(v is not None and given.get(id(v), 0) is None for v in variables):
            names = ", ".join(flat.variables[i].name for i in skipped)
            warnings.warn(f"No gradient for {names}: left as it is. Is it used in the loss?", stacklevel=3)
        return skipped

    def _clip(self, flat: FlatVector) -> None:
        gradient = self._gradient
        if self.clipvalue is not None:
            np.clip(gradient, -self.clipvalue, self.clipvalue, out=gradient)
        elif self.clipnorm is not None:
            flat.each(gradient, lambda part: _scale_to_norm(part, float(self.clipnorm)))  # type: ignore[arg-type]
        elif self.global_clipnorm is not None:
            _scale_to_norm(gradient, self.global_clipnorm)

    def _remember(self, skipped: list[int]) -> list[tuple[Array, slice, Array]]:
        flat: FlatVector = self.flat  # type: ignore[assignment]
        arrays = [flat.vector, *self.slots.values()] if skipped else []
        return [(a, flat.slices[i], a[flat.slices[i]].copy()) for a in arrays for i in skipped]

    # -- state ------------------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        return self.flat is not None

    def get_state(self) -> dict[str, np.ndarray]:
        """Return copies of everything that the next step depends on."""
        state = {"iterations": self.iterations.numpy()}
        if self._rate is not None:
            state["learning_rate"] = self._rate.numpy()
        return {**state, **{name: np.array(backend.to_numpy(a)) for name, a in self.slots.items()}}

    def set_state(self, state: dict[str, Any]) -> None:
        """Go back to what `get_state` returned; the optimizer must be built."""
        self.iterations.assign(state["iterations"])
        if self._rate is not None and "learning_rate" in state:
            self._rate.assign(state["learning_rate"])
        for name, array in self.slots.items():
            if np.shape(state[name]) != array.shape:
                raise ValueError(
                    f"The saved {type(self).__name__} has {np.size(state[name])} values of {name}; this model has "
                    f"{array.size} parameters. Was it saved from the same architecture?"
                )
            array[...] = backend.asarray(state[name])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer without its state."""
        rate = self._schedule if self._rate is None else float(self._rate.value)
        config: dict[str, Any] = {"name": self.name, "learning_rate": rate}
        for name in ("weight_decay", "clipnorm", "clipvalue", "global_clipnorm"):
            config[name] = getattr(self, name)
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Optimizer:
        return cls(**config)


def _of_the_step(schedule: Any) -> Any:
    """Return a schedule as a function of the step; Keras also takes a function of nothing."""
    try:
        inspect.signature(schedule).bind()
    except TypeError:
        return schedule
    return lambda step: schedule()


def _share(optimizer: Optimizer, name: str, value: float) -> float:
    """Return a decay rate if it is one, from 0 to 1; at 1 a corrected mean would divide by zero."""
    if not 0 <= value <= 1 or (value == 1 and name.startswith("beta")):
        raise ValueError(f"{type(optimizer).__name__}({name}=...) must be from 0 to 1; got {value!r}.")
    return float(value)


def _on_host(variable: Variable) -> Variable:
    """Keep a variable's number on the host: every step reads it, and must not wait for a device."""
    variable.value = backend.to_numpy(variable.value)
    return variable


def _scale_to_norm(gradient: Array, bound: float) -> None:
    norm = np.sqrt(np.vdot(gradient, gradient))
    gradient *= (bound / np.maximum(norm, bound)).astype(gradient.dtype)


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate * g``, with momentum if asked for.

    With momentum μ the velocity is ``v = μ v - learning_rate * g`` and ``w += v``: the rate is
    inside the velocity, so a change of rate leaves past velocity as it is. (PyTorch keeps the
    rate outside.) With Nesterov's form ``w += μ v - learning_rate * g`` after the new v.

    Parameters
    ----------
    learning_rate : float or callable
    momentum : float
        From 0 to 1.
    nesterov : bool
    """

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, name, **common)
        self.momentum, self.nesterov = _share(self, "momentum", momentum), nesterov
        self.slot_names = ("velocity",) if momentum else ()

    def update_step(self, gradient: Array, variable: Array, learning_rate: float) -> None:
        step = np.multiply(gradient, -learning_rate, out=gradient)
        if self.momentum:
            velocity = self.slots["velocity"]
            velocity *= self.momentum
            velocity += step
            if self.nesterov:
                variable += step
                step = np.multiply(velocity, self.momentum, out=self._scratch[0])
            else:
                step = velocity
        variable += step

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "momentum": self.momentum, "nesterov": self.nesterov}


class RMSprop(Optimizer):
    """Divide each gradient by the root of its running mean square (Tieleman and Hinton, 2012).

    ``s = ρ s + (1 - ρ) g²`` and ``w -= learning_rate * g / sqrt(s + ε)``, ε inside the root as in
    Keras. Centered, the variance ``s - mean(g)²`` takes the place of s.

    Parameters
    ----------
    learning_rate : float or callable
    rho, momentum, epsilon : float
    centered : bool
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, name, **common)
        self.rho, self.momentum = _share(self, "rho", rho), _share(self, "momentum", momentum)
        self.epsilon, self.centered = epsilon, centered
        self.slot_names = ("velocity", *(["momentum"] * bool(momentum)), *(["average_gradient"] * centered))

    def update_step(self, gradient: Array, variable: Array, learning_rate: float) -> None:
        squares, root = self._scratch
        velocity = self.slots["velocity"]
        _move_average(velocity, np.multiply(gradient, gradient, out=squares), self.rho)
        np.add(velocity, self.epsilon, out=root)
        if self.centered:
            average = self.slots["average_gradient"]
            np.copyto(squares, gradient)
            _move_average(average, squares, self.rho)
            root -= np.multiply(average, average, out=squares)
        np.sqrt(root, out=root)
        gradient *= learning_rate
        gradient /= root
        if self.momentum:
            momentum = self.slots["momentum"]
            momentum *= self.momentum
            momentum += gradient
            gradient = momentum
        variable -= gradient

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("rho", "momentum", "epsilon", "centered")}
        return {**super().get_config(), **own}


class Adam(Optimizer):
    """Step by a running mean of gradients over the root of a running mean of squares (Kingma and Ba, 2015).

    ``m = β₁ m + (1 - β₁) g``, ``v = β₂ v + (1 - β₂) g²`` and, t counting from 1,
    ``w -= learning_rate * sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) * m / (sqrt(v) + ε)``. As in Keras, ε is added to
    the *uncorrected* root, so it weighs more in the first steps than in the paper's first form.

    Parameters
    ----------
    learning_rate : float or callable
    beta_1, beta_2, epsilon : float
    amsgrad : bool
        Whether to divide by the largest v so far.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        name: str | None = None,
        **common: Any,
    ) -> None:
        super().__init__(learning_rate, name, **common)
        self.beta_1, self.beta_2 = _share(self, "beta_1", beta_1), _share(self, "beta_2", beta_2)
        self.epsilon, self.amsgrad = epsilon, amsgrad
        self.slot_names = ("momentum", "velocity", *(["largest_velocity"] * amsgrad))

    def update_step(self, gradient: Array, variable: Array, learning_rate: float) -> None:
        step = int(self.iterations.value) + 1
        alpha = learning_rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        squares, root = self._scratch
        velocity = self.slots["velocity"]
        _move_average(velocity, np.multiply(gradient, gradient, out=squares), self.beta_2)
        _move_average(self.slots["momentum"], gradient, self.beta_1)
        if self.amsgrad:
            largest = self.slots["largest_velocity"]
            velocity = np.maximum(largest, velocity, out=largest)
        np.sqrt(velocity, out=root)
        root += self.epsilon
        change = np.divide(self.slots["momentum"], root, out=root)
        change *= alpha
        variable -= change

    def get_config(self) -> dict[str, Any]:
        own = {name: getattr(self, name) for name in ("beta_1", "beta_2", "epsilon", "amsgrad")}
        return {**super().get_config(), **own}


def _move_average(average: Array, value: Array, rate: float) -> None:
    """``average = rate * average + (1 - rate) * value`` in place; `value` is used up."""
    average *= rate
    value *= 1 - rate
    average += value


_CLASSES = (SGD, RMSprop, Adam)
_NAMED = {name: c for c in _CLASSES for name in (c.__name__, c.__name__.lower())}


def get(identifier: Any) -> Any:
    """Return an optimizer by name, configuration or class, or as it is.

    Examples
    --------
    >>> float(get("adam").learning_rate)
    0.0010000000474974513
    """
    if isinstance(identifier, dict):
        return look_up("optimizer", identifier["class_name"], _NAMED, "Adam").from_config(identifier["config"])
    if isinstance(identifier, type):
        return identifier()
    if isinstance(identifier, Optimizer) or hasattr(identifier, "apply"):
        return identifier
    return look_up("compile(optimizer=...)", identifier, _NAMED, "adam")()
