"""Learning rates that change with the step: give one to an optimizer in place of a number.

A schedule is called with a step, counted from 0, and returns its rate: a float for one step, an array for
an array of steps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend
from ..naming import check_numbers, in_range
from ..serialization import Described, Registry


class LearningRateSchedule(Described):
    """Base of schedules: subclass and write ``__call__(step)``.

    Examples
    --------
    >>> import minifit as keras
    >>> class Halving(keras.optimizers.schedules.LearningRateSchedule):
    ...     def __init__(self, first):
    ...         self.first = first
    ...     def __call__(self, step):
    ...         return self.first / 2**step
    >>> Halving(0.8)(3)
    0.1
    """

    def __call__(self, step: Any) -> Any:
        raise NotImplementedError(f"The schedule {type(self).__name__} must override `__call__(self, step)`.")


class _Decay(LearningRateSchedule):
    """A formula that is evaluated in double precision, whatever the step comes as."""

    def __call__(self, step: Any) -> Any:
        rate = self._at(np.asarray(backend.to_numpy(step), dtype="float64"))
        return float(rate) if np.ndim(rate) == 0 else rate.astype(backend.floatx())

    def _at(self, step: np.ndarray) -> Any:
        raise NotImplementedError

    def _positive(self, name: str, steps: float) -> float:
        """Return a number of steps, if it is one; the other arguments were set before."""
        for argument, value in {**vars(self), name: steps}.items():
            if argument not in ("name", "staircase", "cycle") and (argument, value) != ("warmup_target", None):
                in_range(f"{type(self).__name__}({argument}=...)", value)
        if steps <= 0:
            raise ValueError(f"Argument `{name}` must be > 0; got {name}={steps}.")
        return steps


class ExponentialDecay(_Decay):
    """``initial_learning_rate * decay_rate ** (step / decay_steps)``; a staircase rounds the exponent down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "ExponentialDecay",
    ) -> None:
        self.initial_learning_rate, self.decay_rate = initial_learning_rate, decay_rate
        self.staircase, self.name = staircase, name
        self.decay_steps = self._positive("decay_steps", decay_steps)

    def _periods(self, step: np.ndarray) -> Any:
        periods = step / self.decay_steps
        return np.floor(periods) if self.staircase else periods

    def _at(self, step: np.ndarray) -> Any:
        return float(self.initial_learning_rate) * np.power(float(self.decay_rate), self._periods(step))


class InverseTimeDecay(ExponentialDecay):
    """``initial_learning_rate / (1 + decay_rate * step / decay_steps)``; a staircase rounds the quotient down."""

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        decay_rate: float,
        staircase: bool = False,
        name: str = "InverseTimeDecay",
    ) -> None:
        super().__init__(initial_learning_rate, decay_steps, decay_rate, staircase, name)

    def _at(self, step: np.ndarray) -> Any:
        return float(self.initial_learning_rate) / (1 + self.decay_rate * self._periods(step))


class PiecewiseConstantDecay(_Decay):
    """``values[i]`` from the step after ``boundaries[i - 1]`` up to and including ``boundaries[i]``.

    Parameters
    ----------
    boundaries : list of int
        Ascending steps.
    values : list of float
        One more than `boundaries`.

    Examples
    --------
    >>> rate = PiecewiseConstantDecay([100, 200], [0.1, 0.01, 0.001])
    >>> rate(100), rate(101), rate(1000)
    (0.1, 0.01, 0.001)
    """

    def __init__(self, boundaries: Sequence[float], values: Sequence[float], name: str = "PiecewiseConstant") -> None:
        if len(boundaries) != len(values) - 1:
            raise ValueError(
                f"PiecewiseConstantDecay(boundaries, values) needs one value more than boundaries; got "
                f"{len(boundaries)} boundaries {boundaries} and {len(values)} values {values}."
            )
        for value in (*boundaries, *values):
            in_range("PiecewiseConstantDecay(boundaries, values)", value)
        if list(boundaries) != sorted(boundaries):
            raise ValueError(f"PiecewiseConstantDecay(boundaries=...) must be in rising order; got {boundaries}.")
        self.boundaries, self.values, self.name = boundaries, values, name

    def _at(self, step: np.ndarray) -> Any:
        return np.array(self.values, dtype="float64")[np.searchsorted(self.boundaries, step)]


class PolynomialDecay(_Decay):
    """From the initial rate to `end_learning_rate` in `decay_steps` along ``(1 - step / decay_steps) ** power``.

    Then the rate stays; with `cycle`, it starts again each time from the same polynomial, stretched to the
    smallest multiple of `decay_steps` that is not below the step.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        end_learning_rate: float = 0.0001,
        power: float = 1.0,
        cycle: bool = False,
        name: str = "PolynomialDecay",
    ) -> None:
        self.initial_learning_rate, self.end_learning_rate = initial_learning_rate, end_learning_rate
        self.power, self.cycle, self.name = power, cycle, name
        self.decay_steps = self._positive("decay_steps", decay_steps)

    def _at(self, step: np.ndarray) -> Any:
        if self.cycle:
            done = step / (self.decay_steps * np.maximum(1.0, np.ceil(step / self.decay_steps)))
        else:
            done = np.minimum(step, self.decay_steps) / self.decay_steps
        span = float(self.initial_learning_rate) - self.end_learning_rate
        return span * np.power(1 - done, self.power) + self.end_learning_rate


class CosineDecay(_Decay):
    """Half a cosine wave from the initial rate to the share `alpha` of it (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    initial_learning_rate : float
    decay_steps : int
        After the warm-up.
    alpha : float
        What is left at the end: a share of the rate from which the decay begins.
    name : str
    warmup_target : float, optional
        The rate to go to first, in a straight line, and to decay from.
    warmup_steps : int
    """

    def __init__(
        self,
        initial_learning_rate: float,
        decay_steps: float,
        alpha: float = 0.0,
        name: str = "CosineDecay",
        warmup_target: float | None = None,
        warmup_steps: int = 0,
    ) -> None:
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        check_numbers(self, 0, warmup_steps=warmup_steps)
        self.warmup_target, self.warmup_steps = warmup_target, warmup_steps
        self.decay_steps = self._positive("decay_steps", decay_steps)

    def _at(self, step: np.ndarray) -> Any:
        first = float(self.initial_learning_rate)
        if self.warmup_target is None:
            return first * self._share(step)
        warm = np.minimum(step / max(self.warmup_steps, 1), 1)
        rising = first + (self.warmup_target - first) * warm
        return np.where(step < self.warmup_steps, rising, self.warmup_target * self._share(step - self.warmup_steps))

    def _share(self, step: np.ndarray) -> Any:
        wave = 0.5 * (1 + np.cos(math.pi * np.minimum(step, self.decay_steps) / self.decay_steps))
        return (1 - self.alpha) * wave + self.alpha


class CosineDecayRestarts(_Decay):
    """Half cosine waves one after the other (Loshchilov and Hutter, 2017).

    Parameters
    ----------
    initial_learning_rate : float
    first_decay_steps : int
        Length of the first wave.
    t_mul, m_mul : float
        How much longer, and how much higher, each wave is than the one before.
    alpha : float
        The lowest rate, as a share of the initial one.
    """

    def __init__(
        self,
        initial_learning_rate: float,
        first_decay_steps: float,
        t_mul: float = 2.0,
        m_mul: float = 1.0,
        alpha: float = 0.0,
        name: str = "SGDRDecay",
    ) -> None:
        self.initial_learning_rate, self.alpha, self.name = initial_learning_rate, alpha, name
        check_numbers(self, 0, above=True, t_mul=t_mul)
        self.t_mul, self.m_mul = t_mul, m_mul
        self.first_decay_steps = self._positive("first_decay_steps", first_decay_steps)

    def _at(self, step: np.ndarray) -> Any:
        done = step / self.first_decay_steps  # in lengths of the first wave
        if self.t_mul == 1:
            wave = np.floor(done)
            done = done - wave
        else:  # n waves are (1 - t_mul ** n) / (1 - t_mul) long
            wave = np.floor(np.log(1 - done * (1 - self.t_mul)) / math.log(self.t_mul))
            before = (1 - np.power(float(self.t_mul), wave)) / (1 - self.t_mul)
            done = (done - before) / np.power(float(self.t_mul), wave)
        height = 0.5 * np.power(float(self.m_mul), wave) * (1 + np.cos(math.pi * done))
        return float(self.initial_learning_rate) * ((1 - self.alpha) * height + self.alpha)


_registry = Registry(
    "optimizers.schedules",
    (
        *(LearningRateSchedule, ExponentialDecay, InverseTimeDecay, PiecewiseConstantDecay, PolynomialDecay),
        *(CosineDecay, CosineDecayRestarts),
    ),
    example="CosineDecay",
)
serialize, deserialize = _registry.module_functions()
