"""Rules whose step is a gradient or a mean of gradients, not divided by its size: SGD and Lion."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import Array
from ..naming import check_numbers
from .optimizer import Optimizer, share


class SGD(Optimizer):
    """Gradient descent: ``w -= learning_rate * g``, with momentum if asked for.

    With momentum μ the velocity is ``v = μ v - learning_rate * g`` and ``w += v``: the rate is
    inside the velocity, so a change of rate leaves past velocity as it is. (PyTorch keeps the
    rate outside.) With Nesterov's form ``w += μ v - learning_rate * g`` after the new v.

    Parameters
    ----------
    learning_rate : float, LearningRateSchedule or callable
    momentum : float
        From 0 to 1.
    nesterov : bool
    *common, **named
        As of `Optimizer`, from `weight_decay` on.
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, *common: Any, **named: Any
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        check_numbers(self, momentum=momentum)
        if not 0 <= momentum <= 1:
            raise ValueError(f"`momentum` must be a float between [0, 1]. Got momentum={momentum!r}.")
        self.momentum, self.nesterov = float(momentum), nesterov
        self.slot_names = (("momentum",),) if momentum else ()

    def rule(self, w: Array, g: Array, rate: float, momentum: Any = None) -> None:
        minus_rate, kept = self.numbers(g, -rate, self.momentum)
        g *= minus_rate
        if momentum is not None:
            momentum *= kept
            momentum += g
            if self.nesterov:
                w += g
                g = np.multiply(momentum, kept, out=g)
            else:
                g = momentum
        w += g


class Lion(Optimizer):
    """Step by the sign of a mean of gradients: every weight moves equally far (Chen et al., 2023).

    ``w -= learning_rate * sign(β₁ m + (1 - β₁) g)``, then ``m = β₂ m + (1 - β₂) g``.
    """

    slot_names = (("momentum",),)

    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, *common: Any, **named: Any
    ) -> None:
        super().__init__(learning_rate, *common, **named)
        check_numbers(self, beta_1=beta_1)
        if not 0 < beta_1 <= 1:
            raise ValueError(
                "Argument `beta_1` must be in the [0, 1] range. Otherwise, the optimizer degenerates to SignSGD. "
                f"Received: beta_1={beta_1}."
            )
        self.beta_1, self.beta_2 = float(beta_1), share(self, "beta_2", beta_2)

    def rule(self, w: Array, g: Array, rate: float, momentum: Array) -> None:
        step = np.multiply(momentum, self.beta_1, out=self.spare(g))
        step += g * (1 - self.beta_1)
        np.sign(step, out=step)
        step *= rate
        w -= step
        momentum *= self.beta_2
        g *= 1 - self.beta_2
        momentum += g
