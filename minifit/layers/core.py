"""Input, Dense, Identity and Lambda."""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .. import backend, functional, ops, serialization
from ..activations import relu
from ..dtype_policies import standardize_dtype
from ..naming import in_range
from .input_spec import InputSpec
from .layer import Elementwise, Layer, Shape


class InputLayer(Layer):
    """Says what an input looks like; see `Input`."""

    def __init__(
        self,
        shape: Sequence[int | None] | None = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Sequence[int | None] | None = None,
        input_tensor: Any = None,
        optional: bool = False,
        name: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        batch_input_shape: Sequence[int | None] | None = None,
    ) -> None:
        if input_shape is not None:
            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2)
            shape = input_shape
        batch_shape = batch_input_shape if batch_shape is None else batch_shape
        if input_tensor is not None:
            batch_shape, dtype = _as_given_by(input_tensor, shape, batch_size, dtype, sparse, batch_shape)
        elif (shape is None) == (batch_shape is None):
            raise ValueError(
                "You must pass a `shape` argument, Input(shape=...), that of one sample, such as (784,)."
                if shape is None
                else "You cannot pass both `shape` and `batch_shape` at the same time."
            )
        elif batch_size is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
        for kind, wanted in (("sparse", sparse), ("ragged", ragged)):
            if wanted:
                raise ValueError(f"`{kind}=True` is not supported: inputs are NumPy arrays. Pass dense arrays.")
        super().__init__(name=name, dtype=standardize_dtype(dtype))
        if shape is not None and batch_shape is None:
            batch_shape = (batch_size, *_as_shape(shape))
        self.batch_shape: Shape = _as_shape(batch_shape)
        self.sparse = self.ragged = False
        self.optional = optional
        self.built = True
        self._input_tensor = functional.symbolic_input(self) if input_tensor is None else input_tensor

    def call(self, inputs: Any = None) -> Any:
        return inputs

    @property
    def output(self) -> Any:
        return self._input_tensor

    def get_config(self) -> dict[str, Any]:
        names = ("batch_shape", "dtype", "sparse", "ragged", "name", "optional")
        return {name: getattr(self, name) for name in names}


def _as_shape(shape: Any) -> Shape:
    if isinstance(shape, (int, np.integer)):
        raise ValueError(f"Input(shape=...) expects a tuple; got {shape!r}. Write Input(shape=({shape},)).")
    return tuple(
        None if size is None else int(in_range("Input(shape=...): a size", size, 0, whole=True)) for size in shape
    )


def _as_given_by(tensor: Any, shape: Any, batch_size: Any, dtype: Any, sparse: Any, batch_shape: Any) -> Any:
    """Return shape and type of a symbolic tensor; what else was said must agree with it."""
    if not functional.is_symbolic(tensor):
        raise ValueError(f"Argument `input_tensor` must be a KerasTensor. Received invalid type: {type(tensor)}")
    given = {
        "batch_size": (batch_size, tensor.shape[0] if tensor.shape else None),
        "shape": (None if shape is None else tuple(shape), tuple(tensor.shape[1:])),
        "batch_shape": (None if batch_shape is None else tuple(batch_shape), tuple(tensor.shape)),
        "dtype": (dtype, tensor.dtype),
        "sparse": (sparse, False),
    }
    for name, (value, found) in given.items():
        if value is not None and value != found:
            raise ValueError(
                f"When providing the `input_tensor` argument, you cannot provide an incompatible `{name}` argument: "
                f"got {value!r} for {found!r}."
            )
    return tensor.shape, tensor.dtype


def Input(
    shape: Sequence[int | None] | None = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Sequence[int | None] | None = None,
    name: str | None = None,
    tensor: Any = None,
    optional: bool = False,
) -> Any:
    """Return a symbol for an input: the first item of a Sequential, or where a functional model begins.

    Parameters
    ----------
    shape : tuple of int
        Without the batch axis, such as ``(28, 28)``.
    batch_size : int, optional
    dtype : str, optional
    batch_shape : tuple of int, optional
        Instead of `shape` and `batch_size`.
    tensor : KerasTensor, optional
        Whose shape and type to take.
    optional : bool
        Whether None may be passed for it.

    Examples
    --------
    >>> import minifit as keras
    >>> keras.Sequential([keras.Input(shape=(4,)), keras.layers.Dense(3)]).count_params()
    15
    """
    return InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name).output


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
    kernel_regularizer, bias_regularizer, activity_regularizer : str or callable, optional
        Penalties on the weights and on the output.
    kernel_constraint, bias_constraint : str or callable, optional
    lora_rank, lora_alpha, quantization_config
        Not supported; None alone is taken.

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

    _undescribed = ("lora_rank", "lora_alpha")

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
        kernel_regularizer: Any = None,
        bias_regularizer: Any = None,
        activity_regularizer: Any = None,
        kernel_constraint: Any = None,
        bias_constraint: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(activity_regularizer=activity_regularizer, **layer_arguments)
        self._refuse(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self._keep(locals())
        if isinstance(units, bool) or not isinstance(units, (int, np.integer)) or units < 1:
            raise ValueError(f"Dense(units=...) expects a positive integer; got {units!r}.")
        self.input_spec = InputSpec(min_ndim=2)
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        if not input_shape or len(input_shape) < 2 or input_shape[-1] is None:
            raise ValueError(f"Dense {self.name!r} needs inputs of shape (B, ..., D) with D known; got {input_shape}.")
        self.kernel = self._weight("kernel", (input_shape[-1], self.units))
        self.bias = self._weight("bias", (self.units,)) if self.use_bias else None
        self.input_spec = InputSpec(min_ndim=2, axes={-1: input_shape[-1]})

    def call(self, inputs: Any) -> Any:
        if not backend.is_float(inputs):
            inputs = self._cast(inputs)
        if self.activation is relu:  # in one op
            return ops.dense(inputs, self.kernel, self.bias, relu=True)
        outputs = ops.dense(inputs, self.kernel, self.bias)
        return outputs if self.activation is None else self.activation(outputs)


class Identity(Layer):
    """Gives its inputs back."""

    def __init__(self, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.supports_masking = True
        self._build_at_init()

    def call(self, inputs: Any) -> Any:
        return inputs


class Masking(Elementwise):
    """Marks the steps whose features all equal a value as "nothing here", and sets them to 0.

    Parameters
    ----------
    mask_value : float
    """

    def __init__(self, mask_value: Any = 0.0, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self.mask_value = mask_value
        self._masks_without_input = True

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return np.any(np.not_equal(inputs, self.mask_value), axis=-1)

    def call(self, inputs: Any) -> Any:
        return inputs * self.compute_mask(inputs)[..., None]


class Lambda(Layer):
    """A function as a layer.

    A layer of your own (`build` and `call`) is saved in a way that can be read and trusted; a Python
    lambda is saved as code, which is only loaded with ``safe_mode=False``.

    Parameters
    ----------
    function : callable
        Takes the inputs, and `training` and `mask` if it names them.
    output_shape : tuple or callable, optional
        Without the batch axis, or a function of the input shape; by default found out.
    mask : array or callable, optional
        The mask of the output, or ``mask(inputs, mask)``.
    arguments : dict, optional
        Further keyword arguments of the function.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.Lambda(lambda x: x ** 2)(np.array([[3.0]])).numpy()
    array([[9.]], dtype=float32)
    """

    calls_own_code = False
    _parts = frozenset({"function", "output_shape", "mask", "arguments"})

    def __init__(
        self,
        function: Callable[..., Any],
        output_shape: Any = None,
        mask: Any = None,
        arguments: dict[str, Any] | None = None,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        if not callable(function):
            raise TypeError(f"Lambda(function=...) expects a function of the inputs; got {function!r}.")
        self.function, self.mask, self.arguments = function, mask, arguments or {}
        self._output_shape = output_shape
        self.supports_masking = self._masks_without_input = mask is not None
        takes = inspect.signature(function).parameters
        self._passes_on = [name for name in ("mask", "training") if name in takes]

    def call(self, inputs: Any, mask: Any = None, training: bool | None = None) -> Any:
        known = {"mask": mask, "training": training}
        return self.function(inputs, **self.arguments, **{name: known[name] for name in self._passes_on})

    def compute_output_shape(self, input_shape: Any) -> Any:
        if callable(self._output_shape):
            return self._output_shape(input_shape)
        if self._output_shape is None:
            return super().compute_output_shape(input_shape)
        return (input_shape[0], *self._output_shape)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return self.mask(inputs, mask) if callable(self.mask) else self.mask

    def get_config(self) -> dict[str, Any]:
        config = super().get_config() | {"output_shape": serialization.serialize(self._output_shape)}
        return {name: value for name, value in config.items() if value is not None}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: Mapping[str, Any] | None = None, safe_mode: bool | None = None
    ) -> Any:
        """Make a layer from what `get_config` returned; a lambda only if `safe_mode` is False."""
        read = functools.partial(serialization.deserialize_keras_object, custom_objects=custom_objects)
        try:
            parts = {name: read(config[name], safe_mode=safe_mode is not False) for name in cls._parts & config.keys()}
        except ValueError as error:
            raise ValueError(f"The Lambda layer {config.get('name')!r} cannot be made again: {error}") from None
        return super().from_config({**config, **parts})
