"""Layers that only move elements."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .. import functional, ops
from ..backend import standardize_data_format
from ..naming import check_numbers
from .input_spec import InputSpec
from .layer import Layer


class Flatten(Layer):
    """Each sample as one row: (B, 28, 28) becomes (B, 784).

    Parameters
    ----------
    data_format : {"channels_last", "channels_first"}, optional
        With the latter the channels, axis 1, are put last before.
    """

    def __init__(self, data_format: str | None = None, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=1)

    def call(self, inputs: Any) -> Any:
        if self.data_format == "channels_first" and inputs.ndim > 2:
            inputs = ops.transpose(inputs, axes=(0, *range(2, inputs.ndim), 1))
        return ops.reshape(inputs, shape=(inputs.shape[0], math.prod(inputs.shape[1:])))


class Reshape(Layer):
    """Each sample in another shape.

    Parameters
    ----------
    target_shape : tuple of int
        Without the batch axis; one size may be -1, which is whatever is left.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.Reshape((-1, 2))(np.zeros((5, 3, 4))).shape
    (5, 6, 2)
    """

    def __init__(self, target_shape: Sequence[int], **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        if not isinstance(target_shape, (list, tuple)):
            raise TypeError(f"Reshape(target_shape=...) expects a tuple such as (28, 28, 1); got {target_shape!r}.")
        for size in target_shape:
            check_numbers(self, whole=True, target_shape=size)
        self.target_shape = tuple(target_shape)
        if any(size < -1 for size in self.target_shape):
            raise ValueError(
                f"Each size must be a non-negative integer or -1. Received: target_shape={self.target_shape}"
            )
        if self.target_shape.count(-1) > 1:
            raise ValueError(
                f"There must be at most one unknown dimension (-1). Received: target_shape={self.target_shape}"
            )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return ops.reshape(inputs, shape=self.compute_output_shape(inputs.shape))

    def compute_output_shape(self, input_shape: Any) -> Any:
        sizes = list(self.target_shape)
        if None in input_shape[1:]:
            return (input_shape[0], *(None if size == -1 else size for size in sizes))
        n_there, known = math.prod(input_shape[1:]), math.prod(size for size in sizes if size != -1)
        if -1 in sizes and known and n_there % known == 0:
            sizes[sizes.index(-1)] = n_there // known
        if math.prod(sizes) != n_there:
            raise ValueError(
                f"Reshape {self.name!r}: the total size of the tensor must be unchanged. Samples of shape "
                f"{tuple(input_shape[1:])} have {n_there} elements; target_shape={self.target_shape} does not fit."
            )
        return (input_shape[0], *sizes)

    def compute_output_spec(self, inputs: Any) -> Any:
        return functional.KerasTensor(self.compute_output_shape(inputs.shape), inputs.dtype)
