"""Layer: what every layer and every model is."""

from __future__ import annotations

import inspect
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, initializers
from ..naming import auto_name, refuse_unknown, snake_case
from ..tape import Tensor
from ..variables import Variable
from .owner import Owner

Shape = tuple[int | None, ...]


class _Here(threading.local):
    """What belongs to the thread that runs: one may train while another predicts."""

    def __init__(self) -> None:
        # The calls under way, outermost first: whether it is a training call, and the losses added in it.
        self.calls: list[tuple[bool, list[Any]]] = []


_here = _Here()


class Layer(Owner):
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
        super().__init__(trainable)
        self._call_losses: list[Any] = []
        self.dtype = str(np.dtype(dtype or backend.floatx()))
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.given_input_shape = None if input_shape is None else (None, *input_shape)
        self.output_shape: Shape | None = None
        self._takes_training = "training" in inspect.signature(self.call).parameters

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
        if isinstance(inputs, Layer):
            raise TypeError(
                f"{type(self).__name__} was called on {type(inputs).__name__}: Keras' functional API is not here. "
                "Write Sequential([Input(shape=...), ...]), or subclass Model."
            )
        inputs = inputs if isinstance(inputs, Tensor) else Tensor(self._as_input(inputs))
        if not self.built:
            self.build_once((None, *inputs.shape[1:]))
        if training is None:
            training = _here.calls[-1][0] if _here.calls else False
        if self._takes_training:
            options["training"] = training
        added: list[Any] = []
        _here.calls.append((training, added))
        try:
            outputs = self.call(inputs, **options)
        finally:
            _here.calls.pop()
            self._call_losses = added
        if added and _here.calls:
            _here.calls[-1][1].extend(added)  # what an inner layer adds is the outer one's, too
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
            trainable=trainable,
            name=name or "variable",
        )
        variable.trainable = trainable and self._trainable
        self._variables.append(variable)
        return variable

    # -- losses -----------------------------------------------------------------------------------

    def add_loss(self, loss: Any) -> None:
        """Add a scalar to the loss of the call under way."""
        (_here.calls[-1][1] if _here.calls else self._call_losses).append(loss)

    @property
    def losses(self) -> list[Any]:
        """What `add_loss` was given during the last call, here and in inner layers."""
        return self._call_losses

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name!r} built={self.built}>"


def _constant(outputs: Any) -> Any:
    if isinstance(outputs, (tuple, list, dict)):
        return outputs
    return Tensor(backend.asarray(outputs))
