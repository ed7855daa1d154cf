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
from .naming import check_numbers
from .serialization import Described, Registry
from .tape import unwrap

# The standard deviation of a normal distribution cut off at two of its standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(Described):
    """Base of all initializers: subclass and write `__call__(shape, dtype=None)`."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        raise NotImplementedError(f"{type(self).__name__} must define __call__(shape, dtype=None).")

    def clone(self) -> Initializer:
        """Return an equal initializer."""
        return type(self).from_config(self.get_config())


class Zeros(Initializer):
    """All zeros."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return backend.xp().zeros(shape, dtype=dtype or backend.floatx())


class Ones(Initializer):
    """All ones."""

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        return backend.xp().ones(shape, dtype=dtype or backend.floatx())


class Constant(Initializer):
    """One value everywhere, or an array that is broadcast to the shape."""

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        value = unwrap(self.value)
        value = value if isinstance(value, (int, float)) else backend.here(value)
        return backend.xp().full(shape, value, dtype=dtype or backend.floatx())


class Identity(Initializer):
    """The identity matrix, times `gain`: ones along the diagonal of an oblong one, too."""

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if len(shape) != 2:
            raise ValueError(f"Identity can only be used for 2D matrices; got shape={tuple(shape)}.")
        return backend.xp().eye(*shape, dtype=dtype or backend.floatx()) * self.gain


class _Random(Initializer):
    """Draws on the host, so that a seed gives the same weights on every device."""

    def __init__(self, seed: Any = None) -> None:
        if isinstance(seed, bool) or not (seed is None or isinstance(seed, (int, np.integer)) or hasattr(seed, "next")):
            raise ValueError(
                f"{type(self).__name__}: `seed` argument should be an integer or a SeedGenerator; got {seed!r}."
            )
        self.seed = seed

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        if self.seed is None:
            generator = random.stream("initializers")
        else:
            fixed = isinstance(self.seed, (int, np.integer))
            generator = np.random.default_rng(self.seed if fixed else backend.to_numpy(self.seed.next()))
        return backend.asarray(self._draw(generator, tuple(shape)).astype(dtype or backend.floatx()))

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        raise NotImplementedError


class RandomUniform(_Random):
    """Uniform between `minval` and `maxval`."""

    def __init__(self, minval: float = -0.05, maxval: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        check_numbers(self, minval=minval, maxval=maxval)
        self.minval, self.maxval = minval, maxval

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.uniform(self.minval, self.maxval, shape)


class RandomNormal(_Random):
    """Normal with `mean` and `stddev`."""

    def __init__(self, mean: float = 0.0, stddev: float = 0.05, seed: Any = None) -> None:
        super().__init__(seed)
        check_numbers(self, mean=mean)
        check_numbers(self, 0, stddev=stddev)
        self.mean, self.stddev = mean, stddev

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return generator.normal(self.mean, self.stddev, shape)


class TruncatedNormal(RandomNormal):
    """Normal, drawn again beyond two standard deviations."""

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        return self.mean + self.stddev * random.draw_truncated(generator, shape)


def compute_fans(
    shape: Sequence[int], input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
) -> tuple[int, int]:
    """Return how many inputs and outputs a weight of this shape connects.

    Examples
    --------
    >>> compute_fans((784, 128))
    (784, 128)
    >>> compute_fans((3, 3, 16, 32))  # a 3 x 3 convolution from 16 to 32 channels
    (144, 288)
    """
    if input_axes is not None and output_axes is not None:
        return math.prod(shape[i] for i in input_axes), math.prod(shape[i] for i in output_axes)
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
    seed : int or SeedGenerator, optional
    input_axes, output_axes : list of int, optional
        The axes that count as inputs and as outputs, where it is not the last but one and the last.
    """

    def __init__(
        self,
        scale: float = 1.0,
        mode: str = "fan_in",
        distribution: str = "truncated_normal",
        seed: Any = None,
        input_axes: Sequence[int] | None = None,
        output_axes: Sequence[int] | None = None,
    ) -> None:
        super().__init__(seed)
        if scale <= 0:
            raise ValueError(f"Argument `scale` must be positive float. Got scale={scale}.")
        distribution = distribution.lower()
        distribution = "truncated_normal" if distribution == "normal" else distribution
        allowed = {
            "mode": ("fan_in", "fan_out", "fan_avg"),
            "distribution": ("truncated_normal", "untruncated_normal", "uniform"),
        }
        for argument, value in (("mode", mode), ("distribution", distribution)):
            if value not in allowed[argument]:
                raise ValueError(
                    f"Invalid `{argument}` argument: {value!r}. Use one of {', '.join(allowed[argument])}."
                )
        self.scale, self.mode, self.distribution = scale, mode, distribution
        self.input_axes, self.output_axes = input_axes, output_axes

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        fan_in, fan_out = compute_fans(shape, self.input_axes, self.output_axes)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "untruncated_normal":
            return generator.normal(0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _TRUNCATED_STDDEV * random.draw_truncated(generator, shape)


class _Scaled(VarianceScaling):
    """A named setting of VarianceScaling."""

    setting: tuple[float, str, str]

    def __init__(
        self, seed: Any = None, input_axes: Sequence[int] | None = None, output_axes: Sequence[int] | None = None
    ) -> None:
        super().__init__(*self.setting, seed, input_axes, output_axes)


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


class Orthogonal(_Random):
    """A matrix with orthonormal columns, or rows if there are fewer, times `gain` (Saxe et al., 2014).

    All axes but the last are taken together as rows.
    """

    def __init__(self, gain: float = 1.0, seed: Any = None) -> None:
        super().__init__(seed)
        check_numbers(self, gain=gain)
        self.gain = gain

    def _draw(self, generator: np.random.Generator, shape: tuple[int, ...]) -> np.ndarray:
        if len(shape) < 2:
            raise ValueError(f"Orthogonal must have at least two-dimensional weights; got shape={shape}.")
        rows, columns = math.prod(shape[:-1]), shape[-1]
        q, r = np.linalg.qr(generator.standard_normal((max(rows, columns), min(rows, columns))))
        q *= np.sign(np.diag(r))  # without it, the matrices would not be drawn evenly
        return self.gain * (q.T if rows < columns else q).reshape(shape)


_CLASSES = (
    *(Zeros, Ones, Constant, Identity, RandomUniform, RandomNormal, TruncatedNormal, VarianceScaling, Orthogonal),
    *(GlorotUniform, GlorotNormal, HeUniform, HeNormal, LecunUniform, LecunNormal),
)
_ALIASES = {
    "IdentityInitializer": Identity,  # of older files
    "OrthogonalInitializer": Orthogonal,
    "uniform": RandomUniform,
    "normal": RandomNormal,
    "zero": Zeros,
    "one": Ones,
}
_registry = Registry("initializers", _CLASSES, aliases=_ALIASES, example="zeros")
serialize, deserialize = _registry.module_functions()

# Keras' other names for the classes.
zeros, ones, constant, identity, orthogonal = Zeros, Ones, Constant, Identity, Orthogonal
random_normal, random_uniform, truncated_normal = RandomNormal, RandomUniform, TruncatedNormal
glorot_normal, glorot_uniform, he_normal, he_uniform = GlorotNormal, GlorotUniform, HeNormal, HeUniform
lecun_normal, lecun_uniform, variance_scaling = LecunNormal, LecunUniform, VarianceScaling
IdentityInitializer, OrthogonalInitializer = Identity, Orthogonal


def get(identifier: Any, argument: str | None = None) -> Any:
    """Return an initializer by name, configuration or class; one that gives an array; or a function as it is."""
    if not hasattr(identifier, "shape"):
        return _registry.get(identifier, argument)

    def given(shape: Sequence[int], dtype: Any = None) -> Array:
        if tuple(shape) != tuple(identifier.shape):
            raise ValueError(
                f"Expected `shape` to be {tuple(identifier.shape)}, that of the array; got {tuple(shape)}."
            )
        return backend.asarray(unwrap(identifier), dtype=dtype or backend.floatx())

    return given
