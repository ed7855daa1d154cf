"""Input, Dense, Activation and Flatten."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import activations, backend, initializers, ops
from .layer import Layer, Shape


class InputLayer(Layer):
    """Says what one sample looks like; passes it on."""

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: str | None = None,
        name: str | None = None,
        batch_shape: Sequence[int | None] | None = None,
    ) -> None:
        super().__init__(name=name, dtype=dtype)
        if shape is None and batch_shape is None:
            raise ValueError("Input(shape=...) needs the shape of one sample, such as Input(shape=(784,)).")
        if shape is None:
            shape = tuple(batch_shape or ())[1:]
        if isinstance(shape, int):
            raise ValueError(f"Input(shape=...) expects a tuple; got {shape!r}. Write Input(shape=({shape},)).")
        self.batch_shape: Shape = (batch_size, *shape)
        self.built = True

    @property
    def shape(self) -> Shape:
        return self.batch_shape

    def call(self, inputs: Any) -> Any:
        return inputs if inputs.dtype == self.dtype else inputs.astype(self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "dtype": self.dtype, "shape": list(self.batch_shape[1:])}


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: str | None = None,
    name: str | None = None,
) -> InputLayer:
    """Return what a Sequential takes as its first item to know the shape of one sample.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis, such as ``(28, 28)``.

    Examples
    --------
    >>> import minifit as keras
    >>> keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(3)]).count_params()
    15
    """
    return InputLayer(shape=shape, batch_size=batch_size, dtype=dtype, name=name)


class Dense(Layer):
    """Fully connected: ``activation(inputs @ kernel + bias)`` over the last axis.

    Parameters
    ----------
    units : int
        H, the size of the output.
    activation : str or callable, optional
        By default none.
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer

    Notes
    -----
    Inputs (B, ..., D) give outputs (B, ..., H); the kernel is (D, H), the bias (H,).

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> layer = keras.layers.Dense(3, activation="relu")
    >>> layer(np.zeros((2, 4), "float32")).shape
    (2, 3)
    >>> [w.shape for w in layer.get_weights()]
    [(4, 3), (3,)]
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        **layer_arguments: Any,
    ) -> None:
        if "input_dim" in layer_arguments:
            layer_arguments["input_shape"] = (layer_arguments.pop("input_dim"),)
        super().__init__(**layer_arguments)
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
            raise ValueError(f"Dense(units=...) expects a positive integer; got {units!r}.")
        self.units = int(units)
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self.kernel_initializer = initializers.get(kernel_initializer, "kernel_initializer")
        self.bias_initializer = initializers.get(bias_initializer, "bias_initializer")

    def build(self, input_shape: Shape) -> None:
        if len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(
                f"Dense {self.name!r} needs inputs of shape (B, ..., D) with D known; got {tuple(input_shape)}."
            )
        self.kernel = self.add_weight((input_shape[-1], self.units), initializer=self.kernel_initializer, name="kernel")
        self.bias = (
            self.add_weight((self.units,), initializer=self.bias_initializer, name="bias") if self.use_bias else None
        )

    def call(self, inputs: Any) -> Any:
        if inputs.ndim < 2 or inputs.shape[-1] != self.kernel.shape[0]:
            raise ValueError(
                f"Dense {self.name!r} was built for {self.kernel.shape[0]} features on the last axis of a batch "
                f"(B, ..., {self.kernel.shape[0]}); got inputs of shape {inputs.shape}."
            )
        if not backend.is_float(inputs):
            inputs = inputs.astype(self.dtype)
        return self.activation(ops.dense(inputs, self.kernel, self.bias))

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            "kernel_initializer": initializers.serialize(self.kernel_initializer),
            "bias_initializer": initializers.serialize(self.bias_initializer),
        }


class Activation(Layer):
    """An activation function as a layer of its own.

    Parameters
    ----------
    activation : str or callable
    """

    def __init__(self, activation: Any, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.activation = activations.get(activation)

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "activation": activations.serialize(self.activation)}


class Flatten(Layer):
    """Each sample as one row: (B, 28, 28) becomes (B, 784)."""

    def call(self, inputs: Any) -> Any:
        return ops.reshape(inputs, shape=(inputs.shape[0], math.prod(inputs.shape[1:])))
