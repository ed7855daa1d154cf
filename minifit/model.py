"""Model and Sequential: structure, building, summary, weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import backend, saving
from . import layers as layers_module
from .callbacks.progress import say
from .layers import Foreign, InputLayer, Layer
from .layers.layer import Shape
from .naming import look_up
from .tape import Tensor
from .trainer import Trainer


class Model(Trainer, Layer):
    """Layers, and how to train them. Subclass it, set layers in ``__init__`` and write `call`.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Line(keras.Model):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.dense = keras.layers.Dense(1)
    ...     def call(self, inputs):
    ...         return self.dense(inputs)
    >>> Line()(np.zeros((2, 3), "float32")).shape
    (2, 1)
    """

    def __init__(self, name: str | None = None, trainable: bool = True, dtype: str | None = None) -> None:
        if name is not None and not isinstance(name, str):
            raise TypeError(
                f"Model(name=...) expects a str; got {type(name).__name__}. Keras' functional API, Model(inputs, "
                "outputs), is not here: write Sequential([...]), or subclass Model."
            )
        Layer.__init__(self, name=name, trainable=trainable, dtype=dtype)
        Trainer.__init__(self)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(value, "update_state") and not name.startswith("_"):
            self._own_metrics.append(value)
        super().__setattr__(name, value)

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an Input."""
        return [layer for layer in self._owned(Layer) if not isinstance(layer, InputLayer)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its position."""
        if (name is None) == (index is None):
            raise ValueError("get_layer(name, index) takes exactly one of the two.")
        if index is not None:
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(f"get_layer(index={index}): the model has {len(self.layers)} layers.")
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"get_layer(name={name!r}): no layer of that name; there is {known}.")

    def _table(self) -> list[tuple[str, str, str]]:
        rows = []
        for layer in self.layers:
            shape = layer.output_shape
            count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
            rows.append((f"{layer.name} ({type(layer).__name__})", "?" if shape is None else str(shape), count))
        return rows

    def summary(self, print_fn: Callable[[str], Any] | None = None) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        print_fn : callable, optional
            Gets the text, line by line; by default `print`.
        """
        head = ("Layer (type)", "Output Shape", "Param #")
        table = [head, *self._table()]
        widths = [max(len(row[column]) for row in table) + 2 for column in range(3)]
        rule = "─" * sum(widths)
        trained = sum(v.size for v in self.trainable_variables)
        frozen = sum(v.size for v in self.non_trainable_variables)
        lines = [f'Model: "{self.name}"', rule]
        for i, (layer, shape, count) in enumerate(table):
            lines.append(layer.ljust(widths[0]) + shape.ljust(widths[1]) + count.rjust(widths[2]))
            if i == 0:
                lines.append(rule)
        lines += [rule, f"Total params: {trained + frozen:,}", f"Trainable params: {trained:,}"]
        lines.append(f"Non-trainable params: {frozen:,}")
        for line in lines:
            (print_fn or say)(line)

    # -- saving -----------------------------------------------------------------------------------

    def save_weights(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Save the weights; the ending chooses the format: .weights.h5 or .h5 (needs h5py), or .npz."""
        saving.save_weights(self, filepath, overwrite)

    def load_weights(self, filepath: str | os.PathLike[str]) -> None:
        """Load weights that `save_weights` or Keras wrote."""
        saving.load_weights(self, filepath)

    def save(self, filepath: str | os.PathLike[str], overwrite: bool = True) -> None:
        """Save architecture, weights and optimizer; .keras, .npz, or .h5 (needs h5py)."""
        saving.save_model(self, filepath, overwrite)


class Sequential(Model):
    """Layers one after the other.

    Parameters
    ----------
    layers : list of Layer, optional
        The first may be an `Input`, or have an `input_shape`; without either the model is built at
        the first call.
    name : str, optional

    Examples
    --------
    >>> import minifit as keras
    >>> model = keras.Sequential([
    ...     keras.layers.Dense(128, activation="relu", input_shape=(784,)),
    ...     keras.layers.Dropout(0.2),
    ...     keras.layers.Dense(10, activation="softmax"),
    ... ])
    >>> model.count_params()
    101770
    """

    def __init__(
        self,
        layers: Iterable[Layer] | None = None,
        name: str | None = None,
        trainable: bool = True,
        dtype: str | None = None,
    ) -> None:
        super().__init__(name=name, trainable=trainable, dtype=dtype)
        self._layers: list[Layer] = []
        self.input_shape: Shape | None = None
        if isinstance(layers, Layer):
            raise TypeError(f"Sequential(layers) expects a list of layers; got one {type(layers).__name__}.")
        for layer in layers or ():
            self._append(layer)
        self._build_if_possible()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an Input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    def add(self, layer: Layer) -> None:
        """Add a layer at the end."""
        self._append(layer)
        self._build_if_possible()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self.layers:
            raise ValueError("pop() needs a layer to remove; the Sequential is empty.")
        layer = self._layers.pop()
        if rebuild:
            self._build_if_possible()
        return layer

    def _append(self, layer: Any) -> None:
        if not isinstance(layer, Layer) and Foreign.fits(layer):
            layer = Foreign(layer)
        if not isinstance(layer, Layer):
            advice = f" Did you mean {layer.__name__}(...)?" if isinstance(layer, type) else ""
            raise TypeError(f"Sequential expects layers; got {layer!r} of type {type(layer).__name__}.{advice}")
        if isinstance(layer, InputLayer):
            if self._layers:
                raise ValueError("Input must come first in a Sequential, and only once.")
        elif any(known.name == layer.name for known in self._layers):
            raise ValueError(
                f"All layers of a Sequential need different names; {layer.name!r} is there twice. Make a new layer, "
                "or pass name=..."
            )
        shape = layer.given_input_shape or getattr(layer, "input_shape", None)
        if not self._layers and shape is not None:
            self._layers.append(InputLayer(shape=shape[1:]))
        self._layers.append(layer)

    def _build_if_possible(self) -> None:
        self.built = False
        self.input_shape = None
        if self._layers and isinstance(self._layers[0], InputLayer):
            self.build_once(self._layers[0].batch_shape)

    def build_once(self, input_shape: Shape) -> None:
        if not self.layers:
            return
        super().build_once(tuple(input_shape))

    def build(self, input_shape: Shape | None = None) -> None:
        """Build every layer by sending one sample of zeros through."""
        if input_shape is None:
            raise ValueError("build(input_shape) needs a shape with the batch axis, such as (None, 784).")
        shape = (None, *input_shape[1:])
        x: Any = Tensor(backend.xp().zeros((1, *(size or 1 for size in shape[1:])), dtype=self.dtype))
        for layer in self.layers:
            x = layer(x, training=False)
            layer.output_shape = (None, *x.shape[1:])
        self.input_shape = shape
        self.output_shape = (None, *x.shape[1:])
        self.built = True

    def call(self, inputs: Any, training: bool = False) -> Any:
        if not self._layers:
            raise ValueError(f"The Sequential {self.name!r} has no layers yet: add(...) some first.")
        for layer in self._layers:
            inputs = layer(inputs, training=training)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the architecture as plain data."""
        layers = [{"class_name": type(layer).__name__, "config": layer.get_config()} for layer in self._layers]
        return {"name": self.name, "layers": layers}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Sequential:
        """Make an untrained Sequential from what `get_config` returned."""
        layers: Sequence[Layer] = [layer_from_config(item, custom_objects) for item in config["layers"]]
        return cls(layers, name=config.get("name"))


def layer_from_config(item: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Make a layer from its class name and configuration."""
    own = custom_objects or {}
    if item["class_name"] == "Sequential":
        return Sequential.from_config(item["config"], own)
    known = {name: getattr(layers_module, name) for name in layers_module.__all__ if name not in ("Input", "Foreign")}
    config = {**item["config"]}
    if config.get("activation") in own:
        config["activation"] = own[config["activation"]]
    kinds = {**known, **own}
    return look_up("load_model(custom_objects=...)", item["class_name"], kinds, "Dense")(**config)
