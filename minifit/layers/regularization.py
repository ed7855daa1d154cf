"""Layers that disturb training to make it generalise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, ops, random
from .layer import Layer


class Dropout(Layer):
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
        super().__init__(**layer_arguments)
        if isinstance(rate, bool) or not isinstance(rate, (int, float, np.floating)) or not 0 <= rate <= 1:
            raise ValueError(f"Dropout(rate=...) expects the share of inputs to drop, from 0 to 1; got {rate!r}.")
        self.rate = float(rate)
        self.noise_shape = noise_shape
        self.seed = seed
        self._generator = None if seed is None else random.seeded(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if not backend.is_float(inputs):
            inputs = inputs.astype(self.dtype)
        if self.rate == 1:
            return inputs * 0.0
        shape = inputs.shape
        if self.noise_shape is not None:
            shape = tuple(n if wanted is None else wanted for n, wanted in zip(shape, self.noise_shape, strict=True))
        generator = self._generator or random.stream("dropout")
        uniform = generator.random(shape, dtype="float32")
        # The mask holds 0 and 1 / (1 - rate), so that one product does both jobs.
        mask = backend.asarray(uniform >= self.rate).astype(inputs.dtype)
        mask *= 1 / (1 - self.rate)
        return ops.multiply(inputs, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "noise_shape": self.noise_shape, "seed": self.seed}
