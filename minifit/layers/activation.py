"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import activations, ops
from ..naming import check_numbers
from ..tape import unwrap
from .input_spec import InputSpec, axis_of
from .layer import Elementwise, Layer, Shape


class Activation(Elementwise):
    """An activation function as a layer of its own.

    Parameters
    ----------
    activation : str or callable
    """

    def __init__(self, activation: Any, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self._keep(locals())

    def call(self, inputs: Any) -> Any:
        return self.activation(inputs)


def _not_negative(cls: str, argument: str, value: Any, may_be_none: bool = False) -> None:
    check_numbers(cls, optional=True, **{argument: value})
    if (value is None and not may_be_none) or (value is not None and value < 0):
        raise ValueError(
            f"{argument} of a {cls} layer cannot be {'' if may_be_none else 'None or '}a negative value. "
            f"Received: {argument}={value}"
        )


class ReLU(Elementwise):
    """``max(x, 0)``, or with a slope below a threshold and a highest value.

    Parameters
    ----------
    max_value : float, optional
    negative_slope : float
        Below `threshold` the output is ``negative_slope * (x - threshold)``.
    threshold : float
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        _not_negative("ReLU", "max_value", max_value, may_be_none=True)
        _not_negative("ReLU", "negative_slope", negative_slope)
        _not_negative("ReLU", "threshold", threshold)
        self._keep(locals())

    def call(self, inputs: Any) -> Any:
        return activations.relu(inputs, self.negative_slope, self.max_value, self.threshold)


class LeakyReLU(Elementwise):
    """x where positive, ``negative_slope * x`` elsewhere."""

    def __init__(self, negative_slope: float = 0.3, **layer_arguments: Any) -> None:
        negative_slope = layer_arguments.pop("alpha", negative_slope)  # its name in older scripts
        super().__init__(**layer_arguments)
        check_numbers(self, optional=True, negative_slope=negative_slope)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "The negative_slope value of a Leaky ReLU layer cannot be None or negative value. "
                f"Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)


class ELU(Elementwise):
    """x where positive, ``alpha * (exp(x) - 1)`` elsewhere."""

    def __init__(self, alpha: float = 1.0, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        check_numbers(self, alpha=alpha)
        self.alpha = alpha

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)


class Softmax(Elementwise):
    """Exponentials that sum to 1 over an axis, or over several.

    Parameters
    ----------
    axis : int or tuple of int

    Notes
    -----
    A mask may be passed in the call: what is False there gets 0.
    """

    def __init__(self, axis: int | Sequence[int] = -1, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.axis = axis

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None:
            return self._softmax(inputs)
        mask = unwrap(mask)
        sizes = zip(mask.shape[::-1], inputs.shape[::-1], strict=False)
        if mask.ndim > inputs.ndim or any(m not in (1, size) for m, size in sizes):
            raise ValueError(
                "The `mask` must be broadcastable to `inputs` and must not have more dimensions. "
                f"Received: inputs.shape={inputs.shape}, mask.shape={mask.shape}"
            )
        mask = mask if mask.dtype == bool else mask > 0.5
        lowest = -3e4 if inputs.dtype == "float16" else -1e9
        return ops.where(mask, self._softmax(ops.where(mask, inputs, lowest)), 0.0)

    def _softmax(self, x: Any) -> Any:
        axes = (self.axis,) if isinstance(self.axis, int) else tuple(self.axis)
        for axis in axes:
            axis_of(axis, x.shape, self.name)
        return activations.softmax(x, axis=axes[0]) if len(axes) == 1 else ops.softmax(x, axis=axes)


class PReLU(Layer):
    """x where positive, ``alpha * x`` elsewhere, with a trained alpha for each place of a sample.

    Parameters
    ----------
    alpha_initializer : str or Initializer
    alpha_regularizer, alpha_constraint : str or callable, optional
    shared_axes : int or list of int, optional
        Axes along which one alpha is shared, such as ``[1, 2]`` for one a channel of images.
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: Any = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self._keep(locals())
        one = shared_axes is not None and not isinstance(shared_axes, (list, tuple))
        self.shared_axes = [shared_axes] if one else shared_axes and list(shared_axes)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        shared = [axis_of(axis, input_shape, self.name, "shared_axes") for axis in self.shared_axes or ()]
        self.alpha = self._weight("alpha", [1 if i in shared else n for i, n in enumerate(input_shape)][1:])
        own = {i: n for i, n in enumerate(input_shape) if i and i not in shared} if shared else {}
        self.input_spec = InputSpec(ndim=len(input_shape), axes=own)

    def call(self, inputs: Any) -> Any:
        return ops.relu(inputs) - self.alpha * ops.relu(-inputs)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)
