"""Adam and its relatives: a running mean of gradients, divided by their running size."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import Array, floatx
from ..naming import check_numbers
from .optimizer import Optimizer, share


class _TwoMeans(Optimizer):
    """What all of Adam's family take: a rate of forgetting for each of two means."""

    slot_names: tuple[tuple[str, ...], ...] = (("momentum", "velocity"),)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        self.beta_1, self.beta_2 = share(self, "beta_1", beta_1), share(self, "beta_2", beta_2)
        check_numbers(self, 0, epsilon=epsilon)
        self.epsilon = epsilon


class Adam(_TwoMeans):
    """Step by a running mean of gradients over the root of a running mean of squares (Kingma and Ba, 2015).

    ``m = β₁ m + (1 - β₁) g``, ``v = β₂ v + (1 - β₂) g²`` and, t counting from 1,
    ``w -= learning_rate * sqrt(1 - β₂ᵗ) / (1 - β₁ᵗ) * m / (sqrt(v) + ε)``. As in Keras, ε is added to
    the *uncorrected* root, so it weighs more in the first steps than in the paper's first form.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    beta_1, beta_2, epsilon : float
    amsgrad : bool
        Whether to divide by the largest v so far.
    *common, **named
        As of `Optimizer`, from `weight_decay` on.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, *common, **named)
        self.amsgrad = amsgrad
        if amsgrad:
            self.slot_names = (*self.slot_names, ("velocity_hat",))

    def rule(self, w: Array, g: Array, rate: float, momentum: Array, velocity: Array, velocity_hat: Any = None) -> None:
        step = int(self.iterations) + 1
        alpha = rate * math.sqrt(1 - self.beta_2**step) / (1 - self.beta_1**step)
        beta_1, new_1, beta_2, new_2, epsilon, alpha = self.numbers(
            g, self.beta_1, 1 - self.beta_1, self.beta_2, 1 - self.beta_2, self.epsilon, alpha
        )
        change = self.spare(g)
        move_mean(momentum, beta_1, np.multiply(g, new_1, out=change))
        np.multiply(g, g, out=g)
        g *= new_2
        move_mean(velocity, beta_2, g)
        if velocity_hat is not None:
            velocity = np.maximum(velocity_hat, velocity, out=velocity_hat)
        np.sqrt(velocity, out=change)
        change += epsilon
        np.divide(momentum, change, out=change)
        change *= alpha
        w -= change


class AdamW(Adam):
    """Adam with weight decay apart from the gradient (Loshchilov and Hutter, 2019); see `Optimizer`."""

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        *common: Any,
        **named: Any,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, *common, **named)
        if weight_decay is None:
            raise ValueError("Argument `weight_decay` must be a float. Received: weight_decay=None; Adam has none.")


class Adamax(_TwoMeans):
    """Adam that divides by the largest gradient of late, a norm in place of the root (Kingma and Ba, 2015).

    ``m = β₁ m + (1 - β₁) g``, ``u = max(β₂ u, |g|)`` and ``w -= learning_rate / (1 - β₁ᵗ) * m / (u + ε)``.
    """

    slot_names = (("momentum", "norm"),)

    def rule(self, w: Array, g: Array, rate: float, momentum: Array, norm: Array) -> None:
        change = self.spare(g)
        move_mean(momentum, self.beta_1, np.multiply(g, 1 - self.beta_1, out=change))
        norm *= self.beta_2
        np.maximum(norm, np.abs(g, out=g), out=norm)
        np.add(norm, self.epsilon, out=change)
        np.divide(momentum, change, out=change)
        change *= rate / (1 - self.beta_1 ** (int(self.iterations) + 1))
        w -= change


class Nadam(_TwoMeans):
    """Adam that looks ahead as Nesterov's momentum does (Dozat, 2015).

    With ``μₜ = β₁ (1 - 0.96ᵗ / 2)``, its running product ``Πₜ``, and m and v as in Adam,
    ``w -= learning_rate * (μₜ₊₁ m / (1 - Πₜ₊₁) + (1 - μₜ) g / (1 - Πₜ)) / (sqrt(v / (1 - β₂ᵗ)) + ε)``.
    """

    def build(self, variables: Any) -> None:
        if not self.built:
            super().build(variables)
            self._u_product = self._number(1.0, "u_product", variables[0].dtype if variables else floatx())
            self._own.append(self._u_product)

    def _mu(self, step: int) -> float:
        return self.beta_1 * (1 - 0.5 * 0.96**step)

    def _update(self, rate: float, skipped: Sequence[int]) -> None:
        self._u_product.value *= self._mu(int(self.iterations) + 1)
        super()._update(rate, skipped)

    def rule(self, w: Array, g: Array, rate: float, momentum: Array, velocity: Array) -> None:
        step = int(self.iterations) + 1
        product = float(self._u_product)
        change = self.spare(g)
        move_mean(momentum, self.beta_1, np.multiply(g, 1 - self.beta_1, out=change))
        np.multiply(g, g, out=change)
        change *= 1 - self.beta_2
        move_mean(velocity, self.beta_2, change)
        g *= (1 - self._mu(step)) / (1 - product)
        ahead = self._mu(step + 1)
        g += np.multiply(momentum, ahead / (1 - product * ahead), out=change)
        np.multiply(velocity, 1 / (1 - self.beta_2**step), out=change)
        np.sqrt(change, out=change)
        change += self.epsilon
        g *= rate
        g /= change
        w -= g


def move_mean(mean: Array, rate: Any, addend: Array) -> None:
    """``mean = rate * mean + addend`` in place; the caller has multiplied the new value by ``1 - rate``."""
    mean *= rate
    mean += addend
