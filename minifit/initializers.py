"""First values of weights.

An initializer is called with a shape and gives an array. Without a seed it draws from the
engine's own stream ``"initializers"``; with a seed it gives the same values at every call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import backend, random
from .backend import Array
from .naming import look_up, snake_case

# The standard deviation of a normal distribution cut off at two of its standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer:
    """Base of all initializers: subclass and write `__call__(shape, dtype=None)`."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        raise TypeError(f"{type(self).__name__} must define __call__(shape, dtype=None).")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal initializer."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return backend.xp().zeros(shape, dtype=dtype or backend.floatx())


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return backend.xp().ones(shape, dtype=dtype or backend.floatx())


class Constant(Initializer):
    """One value everywhere."""

    def __init__(self, value: float = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return backend.xp().full(shape, self.value, dtype=dtype or backend.floatx())


class _Random(Initializer):
    """Draws on the host, so that a seed gives the same weights on every device."""

    seed: int | None

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        generator = random.stream("initializers") if self.seed is None else np.random.default_rng(self.seed)
        return backend.asarray(self._draw(generator, tuple(shape)).astype(dtype or backend.floatx()))

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise TypeError(f"{type(self).__name__} must define _draw(generator, shape).")


def _truncated_normal(generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return values


class RandomUniform(_Random):
    """Uniform between `minval` and `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: int | None = None) -> None:
        self.minval, self.maxval, self.seed = minval, maxval, seed

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.uniform(self.minval, self.maxval, shape)


class RandomNormal(_Random):
    """Normal with `mean` and `stddev`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: int | None = None) -> None:
        self.mean, self.stddev, self.seed = mean, stddev, seed

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal, drawn again beyond two standard deviations."""

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * _truncated_normal(generator, shape)


def fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many inputs and outputs a weight of this shape connects.

    Examples
    --------
    >>> fans((784, 128))
    (784, 128)
    >>> fans((3, 3, 16, 32))  # a 3 x 3 convolution from 16 to 32 channels
    (144, 288)
    """
    if len(shape) < 2:
        size = shape[0] if shape else 1
        return size, size
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


class VarianceScaling(_Random):
    """Random values whose variance is ``scale`` divided by the weight's fan.

    Parameters
    ----------
    scale : float
    mode : {"fan_in", "fan_out", "fan_avg"}
    distribution : {"truncated_normal", "untruncated_normal", "uniform"}
    seed : int, optional
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: int | None = None,
    ) -> None:
        self.scale, self.mode, self.distribution, self.seed = scale, mode, distribution, seed

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * _truncated_normal(generator, shape)


class _Scaled(VarianceScaling):
    """A named setting of VarianceScaling, whose only argument is the seed."""

    setting: tuple[float, str, str]

    def __init__(self, seed: int | None = None) -> None:
        super().__init__(*self.setting, seed=seed)

    def get_config(self) -> dict[str, Any]:
        return {"seed": self.seed}


class GlorotUniform(_Scaled):
    """Uniform in ±sqrt(6 / (fan_in + fan_out)), Keras' default for kernels (Glorot and Bengio, 2010)."""

    setting = (1.0, "fan_avg", "uniform")


class GlorotNormal(_Scaled):
    """Truncated normal of variance 2 / (fan_in + fan_out) (Glorot and Bengio, 2010)."""

    setting = (1.0, "fan_avg", "truncated_normal")


class HeUniform(_Scaled):
    """Uniform in ±sqrt(6 / fan_in), for layers followed by relu (He et al., 2015)."""

    setting = (2.0, "fan_in", "uniform")


class HeNormal(_Scaled):
    """Truncated normal of variance 2 / fan_in (He et al., 2015)."""

    setting = (2.0, "fan_in", "truncated_normal")


class LecunUniform(_Scaled):
    """Uniform in ±sqrt(3 / fan_in) (LeCun et al., 1998)."""

    setting = (1.0, "fan_in", "uniform")


class LecunNormal(_Scaled):
    """Truncated normal of variance 1 / fan_in (LeCun et al., 1998)."""

    setting = (1.0, "fan_in", "truncated_normal")


_CLASSES: tuple[type[Initializer], ...] = (
    *(Zeros, Ones, Constant, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling),
    *(GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal),
)
_NAMED: dict[str, type[Initializer]] = {
    **{c.__name__: c for c in _CLASSES},
    **{snake_case(c.__name__): c for c in _CLASSES},
    "uniform": RandomUniform,
    "normal": RandomNormal,
}


def get(identifier: Any, argument: str = "initializer") -> Any:
    """Return an initializer by name, by configuration, or as it is."""
    if isinstance(identifier, dict):
        return look_up(argument, identifier["class_name"], _NAMED, "zeros")(**identifier["config"])
    if isinstance(identifier, type):
        return identifier()
    if callable(identifier):
        return identifier
    return look_up(argument, identifier, _NAMED, "zeros")()


def serialize(initializer: Any) -> dict[str, Any]:
    """Return plain data from which `get` makes an equal initializer."""
    return {"class_name": type(initializer).__name__, "config": initializer.get_config()}
