"""Layer: what every layer and every model is."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import backend, initializers
from ..naming import auto_name, refuse_unknown, snake_case
from ..tape import Tensor, unwrap
from ..variables import Variable

Shape = tuple[int | None, ...]

#: Whether the outermost call under way is a training call; inner layers inherit it.
_training: list[bool] = []


class Layer:
    """Something with weights that turns arrays into arrays.

    Write `build(input_shape)`, which makes the weights, and `call(inputs)`, which uses them; a
    `call` that behaves differently while training also takes `training`.

    Parameters
    ----------
    name : str, optional
        By default the class name in snake case, counted.
    trainable : bool
    dtype : str, optional
        Float type of weights and computation; by default the one in force.
    input_shape : tuple of int, optional
        Shape of one sample, for the first layer of a Sequential.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Scale(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
    ...     def call(self, inputs):
    ...         return inputs * self.factor
    >>> Scale()(np.ones((2, 3), "float32")).shape
    (2, 3)
    """

    def __init__(
        self,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
        input_shape: Sequence[int | None] | None = None,
        **unknown: Any,
    ) -> None:
        refuse_unknown(type(self), unknown)
        self._layers: list[Layer] = []
        self._variables: list[Variable] = []
        self._losses: list[Any] = []
        self._trainable = trainable
        self.built = False
        self.dtype = str(np.dtype(dtype or backend.floatx()))
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.given_input_shape = None if input_shape is None else (None, *input_shape)
        self.output_shape: Shape | None = None
        self._takes_training = "training" in inspect.signature(self.call).parameters

    def __setattr__(self, name: str, value: Any) -> None:
        # A weight or a layer that becomes an attribute belongs to this layer from then on.
        if not name.startswith("_"):
            for item in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(item, (Layer, Variable)):
                    self._own(item)
        super().__setattr__(name, value)

    def _own(self, item: Layer | Variable) -> None:
        if "_layers" not in self.__dict__:
            raise RuntimeError(
                f"{type(self).__name__}.__init__ must call super().__init__() before it sets a layer or a weight."
            )
        owned: list[Any] = self._layers if isinstance(item, Layer) else self._variables
        if not any(item is known for known in owned):
            owned.append(item)

    # -- to be written by subclasses --------------------------------------------------------------

    def build(self, input_shape: Shape) -> None:
        """Make the weights; `input_shape` is (None, ...), the batch size being open."""

    def call(self, inputs: Any) -> Any:
        """Return the output for a batch of inputs."""
        raise TypeError(f"{type(self).__name__} must define call(self, inputs).")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal, unbuilt layer."""
        config: dict[str, Any] = {"name": self.name, "trainable": self._trainable, "dtype": self.dtype}
        if self.given_input_shape is not None:
            config["input_shape"] = list(self.given_input_shape[1:])
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Layer:
        """Make a layer from what `get_config` returned."""
        return cls(**config)

    # -- use --------------------------------------------------------------------------------------

    def __call__(self, inputs: Any, training: bool | None = None, **options: Any) -> Tensor:
        """Build if need be, then `call`.

        Parameters
        ----------
        inputs : array or Tensor, (B, ...)
        training : bool, optional
            Inherited from the model that is being called; False outside of one.
        """
        inputs = inputs if isinstance(inputs, Tensor) else Tensor(self._as_input(inputs))
        if not self.built:
            self.build_once((None, *inputs.shape[1:]))
        if training is None:
            training = _training[-1] if _training else False
        if not _training:
            self.clear_losses()
        if self._takes_training:
            options["training"] = training
        _training.append(training)
        try:
            outputs = self.call(inputs, **options)
        finally:
            _training.pop()
        return outputs if isinstance(outputs, Tensor) else _constant(outputs)

    def _as_input(self, inputs: Any) -> backend.Array:
        array = backend.asarray(inputs)
        # Integers stay integers (they may be indices); floats take the width of the computation.
        return array.astype(self.dtype, copy=False) if backend.is_float(array) else array

    def build_once(self, input_shape: Shape) -> None:
        """Call `build` and remember that it was done."""
        self.build(input_shape)
        self.built = True

    def add_weight(
        self,
        shape: Sequence[int] = (),
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        name: str | None = None,
    ) -> Variable:
        """Make a weight that belongs to this layer.

        Parameters
        ----------
        shape : tuple of int
        initializer : str or Initializer, optional
            By default Glorot uniform.
        dtype : str, optional
        trainable : bool
        name : str, optional
        """
        variable = Variable(
            initializers.get("glorot_uniform" if initializer is None else initializer),
            shape=tuple(shape),
            dtype=dtype or self.dtype,
            trainable=trainable and self._trainable,
            name=name or "variable",
        )
        self._own(variable)
        return variable

    # -- weights ----------------------------------------------------------------------------------

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        for variable in self._variables:
            variable.trainable = self._trainable and variable.name not in self._never_trainable
        for layer in self._layers:
            layer.trainable = value

    #: Names of weights that no gradient ever moves, such as moving statistics.
    _never_trainable: frozenset[str] = frozenset()

    @property
    def variables(self) -> list[Variable]:
        """All weights, this layer's own before its inner layers'."""
        inner = [variable for layer in self._layers for variable in layer.variables]
        return list({id(v): v for v in [*self._variables, *inner]}.values())

    @property
    def weights(self) -> list[Variable]:
        return self.variables

    @property
    def trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if v.trainable]

    @property
    def trainable_weights(self) -> list[Variable]:
        return self.trainable_variables

    @property
    def non_trainable_variables(self) -> list[Variable]:
        return [v for v in self.variables if not v.trainable]

    @property
    def non_trainable_weights(self) -> list[Variable]:
        return self.non_trainable_variables

    def get_weights(self) -> list[np.ndarray]:
        """Return copies of all weights as NumPy arrays."""
        return [variable.numpy() for variable in self.variables]

    def set_weights(self, weights: Sequence[Any]) -> None:
        """Set all weights from arrays in the order of `get_weights`."""
        variables = self.variables
        if len(weights) != len(variables):
            raise ValueError(
                f"set_weights(weights) of {self.name!r} expects {len(variables)} arrays; got {len(weights)}."
                + ("" if self.built else " It is not built yet: call it on data or give it an input_shape.")
            )
        for i, (variable, value) in enumerate(zip(variables, weights, strict=True)):
            if np.shape(value) != variable.shape:
                raise ValueError(
                    f"set_weights(weights) of {self.name!r}: weights[{i}] is for {variable.name!r} of shape "
                    f"{variable.shape}; got shape {np.shape(value)}."
                )
        for variable, value in zip(variables, weights, strict=True):
            variable.assign(value)

    def count_params(self) -> int:
        """Return the number of weights, counted one by one."""
        if not self.built:
            raise ValueError(
                f"count_params() of {self.name!r}: it has no weights before it is built. "
                "Call it on data or give it an input_shape."
            )
        return sum(variable.size for variable in self.variables)

    # -- losses -----------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss of the call under way."""
        self._losses.append(loss)

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given during the last call, here and in inner layers."""
        return [*self._losses, *(loss for layer in self._layers for loss in layer.losses)]

    def clear_losses(self) -> None:
        """Forget the losses of the last call."""
        if self._losses:
            self._losses.clear()
        for layer in self._layers:
            layer.clear_losses()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} built={self.built}>"


def _constant(outputs: Any) -> Any:
    if isinstance(outputs, (tuple, list, dict)):
        return outputs
    return Tensor(backend.asarray(outputs))


@contextlib.contextmanager
def training_phase(training: bool) -> Iterator[None]:
    """Make calls inside the ``with`` block training calls, or not."""
    _training.append(training)
    try:
        yield
    finally:
        _training.pop()


__all__ = ["Layer", "Shape", "training_phase", "unwrap"]
