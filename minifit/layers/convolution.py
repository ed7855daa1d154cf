"""Convolution layers, and the zeros around an image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import ops
from ..activations import relu
from ..backend import standardize_data_format
from ..naming import check_numbers
from ..ops.convolution import check_padding, int_tuple, n_positions
from .input_spec import InputSpec
from .layer import Layer, Shape


def output_shape(
    layer: str,
    input_shape: Shape,
    window: tuple[int, ...],
    strides: tuple[int, ...],
    padding: str,
    data_format: str,
    dilation: tuple[int, ...] | None = None,
    filters: int | None = None,
) -> Shape:
    """Return the shape of what a convolution or a pooling gives; open axes stay open."""
    if len(input_shape) != len(window) + 2:
        raise ValueError(
            f"Layer {layer!r}: a window of {window} needs inputs of ndim={len(window) + 2}, samples and channels "
            f"included; got shape {tuple(input_shape)}. Reshape the inputs; x[..., None] adds an axis of one channel."
        )
    axis, sizes = (-1, input_shape[1:-1]) if data_format == "channels_last" else (1, input_shape[2:])
    shape = [input_shape[0], *n_positions(sizes, window, strides, dilation or (1,) * len(window), padding)]
    shape.insert(axis % len(input_shape), filters or input_shape[axis])
    return tuple(shape)


class Conv(Layer):
    """What convolutions over any number of axes have in common."""

    rank: int

    def __init__(
        self,
        filters: int,
        kernel_size: int | Sequence[int],
        strides: int | Sequence[int] = 1,
        padding: str = "valid",
        data_format: str | None = None,
        dilation_rate: int | Sequence[int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **layer_arguments)
        check_numbers(self, whole=True, filters=filters, groups=groups)
        self._keep(locals())
        if filters <= 0:
            raise ValueError(
                f"Invalid value for argument `filters`. Expected a strictly positive value. Received filters={filters}."
            )
        if groups <= 0:
            raise ValueError(f"The number of groups must be a positive integer. Received: groups={groups}.")
        if filters % groups:
            raise ValueError(
                "The number of filters must be evenly divisible by the number of groups. "
                f"Received: groups={groups}, filters={filters}."
            )
        self.kernel_size = int_tuple(kernel_size, self.rank, "kernel_size")
        self.strides = int_tuple(strides, self.rank, "strides")
        self.dilation_rate = int_tuple(dilation_rate, self.rank, "dilation_rate")
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ValueError(
                "`strides > 1` not supported in conjunction with `dilation_rate > 1`. "
                f"Received: strides={self.strides} and dilation_rate={self.dilation_rate}"
            )
        self.padding = check_padding(padding, self.rank)
        self.data_format = standardize_data_format(data_format)
        self.input_spec = InputSpec(min_ndim=self.rank + 2)

    def build(self, input_shape: Shape) -> None:
        axis = -1 if self.data_format == "channels_last" else 1
        channels: Any = input_shape[axis]
        self.input_spec = InputSpec(min_ndim=self.rank + 2, axes={axis: channels})
        if channels % self.groups:
            raise ValueError(
                "The number of input channels must be evenly divisible by the number of groups. Received "
                f"groups={self.groups}, but the input has {channels} channels (full input shape is {input_shape})."
            )
        self.compute_output_shape(input_shape)  # which raises where the kernel does not fit
        self.kernel = self._weight("kernel", (*self.kernel_size, channels // self.groups, self.filters))
        self.bias = self._weight("bias", (self.filters,)) if self.use_bias else None

    def call(self, inputs: Any) -> Any:
        where = self.strides, self.padding, self.data_format, self.dilation_rate
        if self.activation is relu:  # in one op
            return ops.conv(inputs, self.kernel, *where, bias=self.bias, relu=True)
        return self.activation(ops.conv(inputs, self.kernel, *where, bias=self.bias))

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        where = self.strides, self.padding, self.data_format, self.dilation_rate
        return output_shape(self.name, input_shape, self.kernel_size, *where, filters=self.filters)


class Conv1D(Conv):
    """Slide a kernel along a sequence: each of the F outputs of a step sees a window of steps, all channels of it.

    Parameters
    ----------
    filters : int
        F, the number of channels of the output.
    kernel_size : int
        k, how many steps the window spans.
    strides : int
        Steps from one position of the window to the next.
    padding : {"valid", "same", "causal"}
        With "same" the output is as long as the input (over `strides`), as if zeros were around it; with "causal" the
        zeros are all before it, so that no step sees a later one.
    data_format : {"channels_last", "channels_first"}, optional
        By default as `minifit.config.image_data_format` says.
    dilation_rate : int
        Steps between two neighbours in the window.
    groups : int
        How many groups of channels are convolved each by itself.
    activation : str or callable, optional
    use_bias : bool
    kernel_initializer, bias_initializer : str or Initializer
    kernel_regularizer, bias_regularizer, activity_regularizer : str or Regularizer, optional
    kernel_constraint, bias_constraint : str or Constraint, optional

    Notes
    -----
    Inputs (B, T, C) give outputs (B, T', F); the kernel is (k, C / groups, F), the bias (F,).

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.Conv1D(8, 3, padding="causal")(np.zeros((2, 10, 4), "float32")).shape
    (2, 10, 8)
    """

    rank = 1


class Conv2D(Conv):
    """Slide a kernel over an image: each of the F outputs of a pixel sees a window around it, all channels of it.

    Arguments are those of `Conv1D`; where that takes a number this takes one for both axes, or a pair (rows, columns).
    There is no "causal" padding.

    Notes
    -----
    Inputs (B, H, W, C) give outputs (B, H', W', F); the kernel is (k, k, C / groups, F), the bias (F,).

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> layer = keras.layers.Conv2D(32, 3, activation="relu")
    >>> layer(np.zeros((2, 28, 28, 1), "float32")).shape
    (2, 26, 26, 32)
    >>> [w.shape for w in layer.get_weights()]
    [(3, 3, 1, 32), (32,)]
    """

    rank = 2


class ZeroPadding2D(Layer):
    """Zeros around an image.

    Parameters
    ----------
    padding : int, or (int, int), or ((int, int), (int, int))
        How many: on all sides; above and below, left and right; or ``((above, below), (left, right))``.
    data_format : {"channels_last", "channels_first"}, optional
        By default as `minifit.config.image_data_format` says.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.ZeroPadding2D(((1, 0), (0, 2)))(np.ones((2, 5, 5, 3), "float32")).shape
    (2, 6, 7, 3)
    """

    def __init__(self, padding: Any = (1, 1), data_format: str | None = None, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.data_format = standardize_data_format(data_format)
        rows, columns = (padding,) * 2 if isinstance(padding, int) else _pair(padding)
        self.padding = (int_tuple(rows, 2, "1st entry of padding", 0), int_tuple(columns, 2, "2nd entry of padding", 0))
        self.input_spec = InputSpec(ndim=4)

    @property
    def _widths(self) -> Any:
        nothing = (0, 0)
        if self.data_format == "channels_last":
            return nothing, *self.padding, nothing
        return nothing, nothing, *self.padding

    def call(self, inputs: Any) -> Any:
        return ops.pad(inputs, self._widths)

    def compute_output_shape(self, input_shape: Shape) -> Shape:
        return tuple(None if n is None else n + sum(w) for n, w in zip(input_shape, self._widths, strict=True))


def _pair(padding: Any) -> Any:
    if not isinstance(padding, (tuple, list)) or len(padding) != 2:
        raise ValueError(
            "ZeroPadding2D(padding=...): `padding` should be an int, a tuple of 2 ints, or a tuple of 2 tuples of 2 "
            f"ints ((above, below), (left, right)). Received: padding={padding!r}"
        )
    return padding


Convolution1D, Convolution2D = Conv1D, Conv2D
CLASSES = (Conv1D, Conv2D, ZeroPadding2D)
__all__ = ["Conv1D", "Conv2D", "Convolution1D", "Convolution2D", "ZeroPadding2D"]
