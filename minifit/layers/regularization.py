"""Layers that disturb training to make it generalise, or that ask a price for large outputs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, ops, philox, random, regularizers
from .layer import Elementwise


class _Noise(Elementwise):
    """Random while training, the identity else.

    The state of `seed_generator` alone decides what is drawn: whoever puts it back gets the same numbers again.
    """

    def __init__(self, argument: str, strength: Any, seed: int | None = None, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        if isinstance(strength, bool) or not isinstance(strength, (int, float, np.number)) or not 0 <= strength <= 1:
            raise ValueError(
                f"{type(self).__name__}({argument}=...): Invalid value received for argument `{argument}`. Expected a "
                f"float value between 0 and 1. It goes from 0 to 1; received: {argument}={strength!r}"
            )
        self.seed = seed
        setattr(self, argument, float(strength))
        if strength > 0:
            self.seed_generator = random.SeedGenerator(seed)

    def _normal(self, shape: tuple[int, ...], dtype: Any, mean: float, stddev: float) -> Any:
        return philox.normal(self.seed_generator.key(), shape, dtype, mean, stddev)


class Dropout(_Noise):
    """While training, set a random part of the inputs to 0 and scale up the rest; else do nothing.

    Parameters
    ----------
    rate : float
        The share that is set to 0, from 0 to 1. The rest is multiplied by ``1 / (1 - rate)``, so
        that the mean stays what it was (Srivastava et al., 2014; the inverted form).
    noise_shape : tuple of int or None, optional
        Shape of the mask; where it is 1 the inputs along that axis are dropped or kept together.
    seed : int, optional
        For a stream of the layer's own.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> layer = keras.layers.Dropout(0.5)
    >>> layer(np.ones((2, 3), "float32")).numpy()
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    >>> bool(np.isin(layer(np.ones((2, 3)), training=True).numpy(), [0, 2]).all())
    True
    """

    def __init__(
        self,
        rate: float,
        noise_shape: Sequence[int | None] | None = None,
        seed: int | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__("rate", rate, seed, **layer_arguments)
        self.noise_shape = None if noise_shape is None else _checked_shape(noise_shape)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if not backend.is_float(inputs):
            inputs = self._cast(inputs)
        if self.rate == 1:
            return inputs * 0.0
        shape = inputs.shape
        if self.noise_shape is not None:
            shape = tuple(n if wanted is None else wanted for n, wanted in zip(shape, self.noise_shape, strict=True))
        return ops.multiply(inputs, ops.noted(self._mask, shape, inputs.dtype))

    def _mask(self, shape: tuple[int, ...], dtype: Any) -> Any:
        # The mask holds 0 and 1 / (1 - rate), so that one product does both jobs.
        return philox.mask(self.seed_generator.key(), shape, dtype, self.rate)


def _checked_shape(noise_shape: Any) -> tuple[int | None, ...]:
    wrong = "Invalid value received for argument `noise_shape`. Expected"
    if isinstance(noise_shape, str) or not hasattr(noise_shape, "__iter__"):
        raise ValueError(f"{wrong} a tuple or list of integers. Received: noise_shape={noise_shape}")
    shape = tuple(noise_shape)
    if any(size is not None and not isinstance(size, (int, np.integer)) for size in shape):
        raise ValueError(f"{wrong} all elements to be integers or None. Received: noise_shape={noise_shape}")
    if any(size is not None and size < 1 for size in shape):
        raise ValueError(f"{wrong} all dimensions to be positive integers or None. Received: noise_shape={noise_shape}")
    return shape


class GaussianNoise(_Noise):
    """While training, add normal noise of mean 0.

    Parameters
    ----------
    stddev : float
        From 0 to 1.
    seed : int, optional
    """

    def __init__(self, stddev: float, seed: int | None = None, **layer_arguments: Any) -> None:
        super().__init__("stddev", stddev, seed, **layer_arguments)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.stddev == 0:
            return inputs
        return inputs + ops.noted(self._normal, inputs.shape, inputs.dtype, 0.0, self.stddev)


class GaussianDropout(_Noise):
    """While training, multiply by normal noise of mean 1 and variance ``rate / (1 - rate)``.

    Parameters
    ----------
    rate : float
        From 0 to 1, as that of `Dropout`.
    seed : int, optional
    """

    def __init__(self, rate: float, seed: int | None = None, **layer_arguments: Any) -> None:
        super().__init__("rate", rate, seed, **layer_arguments)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        stddev = math.sqrt(self.rate / (1.0 - self.rate))
        return inputs * ops.noted(self._normal, inputs.shape, inputs.dtype, 1.0, stddev)


class ActivityRegularization(Elementwise):
    """Gives its inputs back, and adds ``l1 * sum(|x|) + l2 * sum(x²)``, divided by the batch size, to the loss."""

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **layer_arguments: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **layer_arguments)
        self.l1, self.l2 = l1, l2

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["activity_regularizer"]  # which l1 and l2 make
        return config
