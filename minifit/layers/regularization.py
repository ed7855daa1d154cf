"""Layers that disturb training to make it generalise."""

from __future__ import annotations

from typing import Any

from .. import backend, ops, random
from .layer import Layer


class Dropout(Layer):
    """While training, set a random part of the inputs to 0 and scale up the rest; else do nothing.

    Parameters
    ----------
    rate : float
        The share that is set to 0, from 0 to 1. The rest is multiplied by ``1 / (1 - rate)``, so
        that the mean stays what it was (Srivastava et al., 2014; the inverted form).
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

    def __init__(self, rate: float, seed: int | None = None, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            raise ValueError(f"Dropout(rate=...) expects the share of inputs to drop, from 0 to 1; got {rate!r}.")
        self.rate = float(rate)
        self.seed = seed
        self._own_stream = None if seed is None else random.seeded(seed)

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not training or self.rate == 0:
            return inputs
        if not backend.is_float(inputs):
            inputs = inputs.astype(self.dtype)
        if self.rate == 1:
            return inputs * 0.0
        generator = self._own_stream or random.stream("dropout")
        uniform = generator.random(inputs.shape, dtype="float32")
        # The mask holds 0 and 1 / (1 - rate), so that one product does both jobs.
        mask = backend.asarray(uniform >= self.rate).astype(inputs.dtype)
        mask *= 1 / (1 - self.rate)
        return ops.multiply(inputs, mask)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}
