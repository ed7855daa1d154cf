"""Rules that divide each gradient by the size of those before it, without a mean of gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..naming import check_numbers
from .adam import move_mean
from .optimizer import Optimizer, share


class RMSprop(Optimizer):
    """Divide each gradient by the root of its running mean square (Tieleman and Hinton, 2012).

    ``s = ρ s + (1 - ρ) g²`` and ``w -= learning_rate * g / sqrt(s + ε)``, ε inside the root as in
    Keras. Centered, the variance ``s - mean(g)²`` takes the place of s.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    rho, momentum, epsilon : float
    centered : bool
    *common, **named
        As of `Optimizer`, from `weight_decay` on.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        self.rho, self.momentum = share(self, "rho", rho), share(self, "momentum", momentum)
        check_numbers(self, 0, epsilon=epsilon)
        self.epsilon, self.centered = epsilon, centered
        wanted = {"velocity": True, "momentum": momentum, "average_gradient": centered}
        self.slot_names = tuple((name,) for name, want in wanted.items() if want)

    def rule(
        self, w: Array, g: Array, rate: float, velocity: Array, momentum: Any = None, average_gradient: Any = None
    ) -> None:
        rho, new, epsilon, rate, kept = self.numbers(g, self.rho, 1 - self.rho, self.epsilon, rate, self.momentum)
        root = np.multiply(g, g, out=self.spare(g))
        root *= new
        move_mean(velocity, rho, root)
        if average_gradient is None:
            np.add(velocity, epsilon, out=root)
        else:
            move_mean(average_gradient, rho, np.multiply(g, new, out=root))
            np.subtract(velocity, average_gradient * average_gradient, out=root)
            root += epsilon
        np.sqrt(root, out=root)
        g *= rate
        g /= root
        if momentum is not None:
            move_mean(momentum, kept, g)
            g = momentum
        w -= g


class Adagrad(Optimizer):
    """Divide each gradient by the root of the sum of all its squares so far (Duchi et al., 2011).

    ``s += g²`` and ``w -= learning_rate * g / sqrt(s + ε)``, s beginning at `initial_accumulator_value`.
    """

    slot_names = (("accumulator",),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        check_numbers(self, 0, epsilon=epsilon, initial_accumulator_value=initial_accumulator_value)
        self.initial_accumulator_value, self.epsilon = initial_accumulator_value, epsilon
        self.first_values = {"accumulator": initial_accumulator_value}

    def rule(self, w: Array, g: Array, rate: float, accumulator: Array) -> None:
        root = np.multiply(g, g, out=self.spare(g))
        accumulator += root
        np.add(accumulator, self.epsilon, out=root)
        np.sqrt(root, out=root)
        g *= rate
        g /= root
        w -= g


class Adadelta(Optimizer):
    """Divide each gradient by its own size and multiply it by that of past changes (Zeiler, 2012).

    With s the running mean of g² and d that of Δ², ``Δ = -sqrt(d + ε) / sqrt(s + ε) * g`` and
    ``w += learning_rate * Δ``. The paper's learning rate is 1.
    """

    slot_names = (("accumulated_grad", "accumulated_delta_var"),)

    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, *common: Any, **named: Any
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        check_numbers(self, 0, epsilon=epsilon)
        self.rho, self.epsilon = share(self, "rho", rho), epsilon

    def rule(self, w: Array, g: Array, rate: float, accumulated_grad: Array, accumulated_delta_var: Array) -> None:
        spare = np.multiply(g, g, out=self.spare(g))
        spare *= 1 - self.rho
        move_mean(accumulated_grad, self.rho, spare)
        g *= np.sqrt(np.add(accumulated_delta_var, self.epsilon, out=spare), out=spare)
        g /= np.sqrt(np.add(accumulated_grad, self.epsilon, out=spare), out=spare)
        np.multiply(g, g, out=spare)
        spare *= 1 - self.rho
        move_mean(accumulated_delta_var, self.rho, spare)
        g *= rate
        w -= g


class Ftrl(Optimizer):
    """Follow the regularized leader, which sets small weights to exactly 0 (McMahan et al., 2013).

    With p = -`learning_rate_power`, ``n' = n + g²``, ``z += g + 2 s w - (n'ᵖ - nᵖ) / learning_rate * w`` and
    ``w = (clip(z, -l1, l1) - z) / ((β + n'ᵖ) / learning_rate + 2 l2)``; s is the shrinkage, n begins at
    `initial_accumulator_value`.
    """

    slot_names = (("accumulator", "linear"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.initial_accumulator_value = initial_accumulator_value
        self.l1_regularization_strength = l1_regularization_strength
        self.l2_regularization_strength = l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        for name in ("initial_accumulator_value", *(n for n in vars(self) if n.endswith("_strength"))):
            check_numbers(self, **{name: getattr(self, name)})
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` needs to be positive or zero. Received: {name}={getattr(self, name)}.")
        check_numbers(self, learning_rate_power=learning_rate_power, beta=beta)
        if learning_rate_power > 0:
            raise ValueError(
                "`learning_rate_power` needs to be negative or zero. "
                f"Received: learning_rate_power={learning_rate_power}."
            )
        self.first_values = {"accumulator": initial_accumulator_value}

    def rule(self, w: Array, g: Array, rate: float, accumulator: Array, linear: Array) -> None:
        before = np.power(accumulator, -self.learning_rate_power)
        accumulator += g * g
        after = np.power(accumulator, -self.learning_rate_power)
        linear += g
        linear += w * (2 * self.l2_shrinkage_regularization_strength)
        linear -= (after - before) / rate * w
        after /= rate
        after += 2 * self.l2_regularization_strength + self.beta / rate
        bound = self.l1_regularization_strength
        np.divide(np.clip(linear, -bound, bound) - linear, after, out=w)
