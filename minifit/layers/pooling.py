"""Pooling layers: many pixels or steps become one, channel by channel."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .. import ops
from ..backend import standardize_data_format, xp
from ..ops.convolution import check_padding, int_tuple
from ..ops.op import constant
from ..tape import unwrap
from .convolution import output_shape
from .input_spec import InputSpec
from .layer import Layer, Shape


class Pooling(Layer):
    """What pooling with windows has in common."""

    rank: int
    pool: Callable[..., Any]

    def __init__(
        self,
        pool_size: int | Sequence[int] = 2,
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(name=name, **layer_arguments)
        self.pool_size = int_tuple(pool_size, self.rank, "pool_size")
        self.strides = self.pool_size if strides is None else int_tuple(strides, self.rank, "strides")
        self.padding = check_padding(padding)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(ndim=self.rank + 2)
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return self.pool(inputs, self.pool_size, self.strides, self.padding, self.data_format)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return output_shape(self.name, input_shape, self.pool_size, self.strides, self.padding, self.data_format)


class MaxPooling1D(Pooling):
    """The maximum of every window of a sequence; (B, T, C) becomes (B, T', C). Arguments as for `MaxPooling2D`."""

    rank, pool = 1, staticmethod(ops.max_pool)


class MaxPooling2D(Pooling):
    """The maximum of every window of an image, channel by channel.

    Parameters
    ----------
    pool_size : int or (int, int)
        The size of the window, by default 2 by 2.
    strides : int or (int, int), optional
        From one window to the next; by default `pool_size`, so that windows do not overlap.
    padding : {"valid", "same"}
        With "valid" rows and columns that fill no window are dropped; with "same" they make smaller ones.
    data_format : {"channels_last", "channels_first"}, optional
        By default as `minifit.config.image_data_format` says.

    Notes
    -----
    Inputs (B, H, W, C) give outputs (B, H', W', C). The gradient of a window goes to its maximum, of several equal
    ones to the first.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.MaxPooling2D()(np.arange(16.0).reshape(1, 4, 4, 1)).numpy()[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]], dtype=float32)
    """

    rank, pool = 2, staticmethod(ops.max_pool)


class AveragePooling(Pooling):
    """Pooling whose window has no size by default."""

    pool = staticmethod(ops.average_pool)

    def __init__(
        self,
        pool_size: int | Sequence[int],
        strides: int | Sequence[int] | None = None,
        padding: str = "valid",
        data_format: str | None = None,
        name: str | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(pool_size, strides, padding, data_format, name, **layer_arguments)


class AveragePooling1D(AveragePooling):
    """The mean of every window of a sequence; arguments and shapes as for `MaxPooling1D`. Padding does not count."""

    rank = 1


class AveragePooling2D(AveragePooling):
    """The mean of every window of an image; arguments and shapes as for `MaxPooling2D`. Padding does not count."""

    rank = 2


class GlobalPooling(Layer):
    """What pooling over all pixels or steps has in common."""

    rank: int
    reduce: Callable[..., Any]

    def __init__(self, data_format: str | None = None, keepdims: bool = False, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.data_format = standardize_data_format(data_format)
        self.keepdims = keepdims
        self.input_spec = InputSpec(ndim=self.rank + 2)
        first = 1 if self.data_format == "channels_last" else 2
        self._axes = tuple(range(first, first + self.rank))
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return self.reduce(inputs, axis=self._axes, keepdims=self.keepdims)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        kept = (1,) if self.keepdims else ()
        return tuple(size for axis, n in enumerate(input_shape) for size in (kept if axis in self._axes else (n,)))


class GlobalMaxPooling1D(GlobalPooling):
    """The maximum over all steps: (B, T, C) becomes (B, C), or (B, 1, C) with `keepdims`."""

    rank, reduce = 1, staticmethod(ops.max)


class GlobalMaxPooling2D(GlobalPooling):
    """The maximum over all pixels: (B, H, W, C) becomes (B, C), or (B, 1, 1, C) with `keepdims`."""

    rank, reduce = 2, staticmethod(ops.max)


class GlobalMaxPooling3D(GlobalPooling):
    """The maximum over a volume: (B, D, H, W, C) becomes (B, C), or (B, 1, 1, 1, C) with `keepdims`."""

    rank, reduce = 3, staticmethod(ops.max)


class GlobalAveragePooling1D(GlobalPooling):
    """The mean over all steps, or those of a mask (B, T): (B, T, C) becomes (B, C), or (B, 1, C) with `keepdims`.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> x = np.array([[[1.0], [3.0], [8.0]]])
    >>> keras.layers.GlobalAveragePooling1D()(x, mask=np.array([[True, True, False]])).numpy()
    array([[2.]], dtype=float32)
    """

    rank, reduce = 1, staticmethod(ops.mean)

    def call(self, inputs: Any, mask: Any = None) -> Any:
        (axis,) = self._axes
        steps_first = inputs if axis == 1 else ops.transpose(inputs, axes=(0, 2, 1))
        # One product of matrices, four times as quick as adding up along the middle axis.
        mean = ops.weigh(steps_first, _shares(unwrap(mask), inputs.shape[axis], np.dtype(inputs.dtype)))
        return ops.expand_dims(mean, axis=axis) if self.keepdims else mean

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        return None


def _shares(mask: Any, steps: int, dtype: Any) -> Any:
    """Return what each step counts in the mean: (1, T), or (B, T) with a mask."""
    return constant(_equal_shares(steps, dtype, xp())) if mask is None else ops.noted(_shares_of, mask, dtype)


@functools.lru_cache(32)
def _equal_shares(steps: int, dtype: Any, module: Any) -> Any:
    return module.full((1, steps), 1 / steps, dtype=dtype)


def _shares_of(mask: Any, dtype: Any) -> Any:
    there = (xp().asarray(mask) != 0).astype(dtype)
    return there / there.sum(axis=1, keepdims=True)


class GlobalAveragePooling2D(GlobalPooling):
    """The mean over all pixels: (B, H, W, C) becomes (B, C), or (B, 1, 1, C) with `keepdims`."""

    rank, reduce = 2, staticmethod(ops.mean)


class GlobalAveragePooling3D(GlobalPooling):
    """The mean over a volume: (B, D, H, W, C) becomes (B, C), or (B, 1, 1, 1, C) with `keepdims`."""

    rank, reduce = 3, staticmethod(ops.mean)


MaxPool1D, MaxPool2D = MaxPooling1D, MaxPooling2D
AvgPool1D, AvgPool2D = AveragePooling1D, AveragePooling2D
GlobalMaxPool1D, GlobalMaxPool2D, GlobalMaxPool3D = GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D
GlobalAvgPool1D, GlobalAvgPool2D = GlobalAveragePooling1D, GlobalAveragePooling2D
GlobalAvgPool3D = GlobalAveragePooling3D
CLASSES = (
    *(AveragePooling1D, AveragePooling2D, MaxPooling1D, MaxPooling2D),
    *(GlobalAveragePooling1D, GlobalAveragePooling2D, GlobalAveragePooling3D),
    *(GlobalMaxPooling1D, GlobalMaxPooling2D, GlobalMaxPooling3D),
)
__all__ = [
    *(c.__name__ for c in CLASSES),
    *("AvgPool1D", "AvgPool2D", "GlobalAvgPool1D", "GlobalAvgPool2D", "GlobalAvgPool3D"),
    *("GlobalMaxPool1D", "GlobalMaxPool2D", "GlobalMaxPool3D", "MaxPool1D", "MaxPool2D"),
]
