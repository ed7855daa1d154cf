"""Model, Functional and Sequential: structure and building."""

from __future__ import annotations

import inspect
import json
import warnings
from collections.abc import Callable, Iterable
from typing import Any

from . import functional, saving, serialization, tree
from .functional import KerasTensor
from .graph import Graph, functional_config, functional_from_config, name_of, only
from .inputs import fits
from .layers import Foreign, InputLayer, Layer
from .layers.layer import Shape
from .naming import in_range
from .summary import print_summary
from .tape import Tensor
from .trainer import Trainer


class Model(Trainer, Layer):
    """Layers, and how to train them.

    Subclass it, set layers in ``__init__`` and write `call`; or draw a graph of layers from `Input` on and give its
    two ends, ``Model(inputs, outputs)``.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or a list, tuple or dict of them
        Only together, and by position only both.
    name : str, optional
    trainable, dtype
        See `Layer`.

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
    >>> x = keras.Input((3,))
    >>> keras.Model(x, keras.layers.Dense(1)(x)).output_shape
    (None, 1)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _draws_a_graph(args, kwargs):
            cls = Functional
        return super().__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _draws_a_graph(args, kwargs) and not isinstance(self, Functional):
            _make_functional(type(self))
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        if args:
            raise TypeError(
                f"{type(self).__name__}(...) takes inputs and outputs, both, or keyword arguments; got {args!r}. For "
                "layers one after the other write Sequential([...])."
            )
        Layer.__init__(self, **kwargs)
        Trainer.__init__(self)

    def _build_for(self, args: Any, kwargs: Any) -> None:
        if inspect.unwrap(type(self).build) is not inspect.unwrap(Model.build):
            super()._build_for(args, kwargs)
        else:
            self._build_shapes = self._shapes_for("build", args, kwargs)  # for files
        self.built = True  # the layers build themselves when they are called

    def build(self, input_shape: Any = None) -> None:
        """Make the weights of all layers, by a call on zeros of this shape, such as (None, 784), or nested shapes."""
        functional.compute_output_spec(
            self.call,
            tree.map_structure_up_to(_shallow(input_shape), lambda s: KerasTensor(s, self.dtype), input_shape),
        )

    # -- structure --------------------------------------------------------------------------------

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an Input."""
        return [layer for layer in self._owned(Layer) if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError("`Model.layers` attribute is reserved and should not be used. Please use another name.")

    def _flatten_layers(self, include_self: bool = True, recursive: bool = True) -> list[Layer]:
        if not recursive:
            return [*([self] if include_self else []), *self._owned(Layer)]
        return [owner for owner in self.walk() if isinstance(owner, Layer) and (include_self or owner is not self)]

    def get_layer(self, name: str | None = None, index: int | None = None) -> Layer:
        """Return a layer by its name or its position."""
        if (name is None) == (index is None):
            raise ValueError(f"Provide either a layer name or a layer index, not both; got name={name}, index={index}.")
        if index is not None:
            in_range("get_layer(index=...)", index, whole=True)
            if not -len(self.layers) <= index < len(self.layers):
                raise ValueError(
                    f"Was asked for layer at index {index}, but the model only has {len(self.layers)} layers."
                )
            return self.layers[index]
        for layer in self.layers:
            if layer.name == name:
                return layer
        known = ", ".join(layer.name for layer in self.layers)
        raise ValueError(f"No such layer: {name!r}; there is {known}.")

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[[str], Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: tuple[str, str] | list[str] | None = None,
    ) -> None:
        """Print layers, output shapes and numbers of parameters.

        Parameters
        ----------
        line_length : int, optional
            By default as long as needed.
        positions : list of float, optional
            Where each column ends, as a share of the line or a column number.
        print_fn : callable, optional
            Gets the text, line by line; by default `print`.
        expand_nested : bool
            Whether to list the layers of inner models, too.
        show_trainable : bool
        layer_range : (str, str), optional
            First and last layer to list, as names or regular expressions.
        """
        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # -- as data ----------------------------------------------------------------------------------

    def to_json(self, **options: Any) -> str:
        """Return the architecture as JSON text, from which `model_from_json` makes a model; options are json.dumps'."""
        return json.dumps(serialization.serialize_keras_object(self), **options)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make a model, untrained, from what `get_config` returned."""
        with serialization.custom_object_scope(custom_objects):
            if {"layers", "input_layers", "output_layers"} <= config.keys():
                ends = functional_from_config(config)
                others = {k: v for k, v in config.items() if k not in ("layers", "input_layers", "output_layers")}
                return cls(**ends, **others)
            return super().from_config(config)

    # -- saving -----------------------------------------------------------------------------------

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return the values of all variables by kind and path: ``["trainable_variables"]["dense"]["kernel"]``.

        Kinds are trainable_variables, non_trainable_variables, optimizer_variables and metrics_variables; with
        `value_format` "numpy_array" instead of "backend_tensor" the leaves are copies on the host.
        """
        return saving.state_tree(self, value_format)

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Give variables values by kind and path, as `get_state_tree` returned them; others stay as they are."""
        saving.set_state_tree(self, state_tree)

    def save_weights(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Save the weights; the ending chooses the format: .weights.h5 or .h5 (needs h5py), or .npz."""
        saving.save_weights(self, filepath, overwrite, **options)

    def load_weights(self, filepath: Any, **options: Any) -> None:
        """Load weights that `save_weights` or Keras wrote."""
        saving.load_weights(self, filepath, **options)

    def save(self, filepath: Any, overwrite: bool = True, **options: Any) -> None:
        """Save architecture, weights and optimizer; .keras, .npz, or .h5 (needs h5py)."""
        saving.save_model(self, filepath, overwrite, **options)


def _draws_a_graph(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return len(args) == 2 or (len(args) == 1 and "outputs" in kwargs) or {"inputs", "outputs"} <= kwargs.keys()


def _make_functional(cls: type) -> None:
    """Let a class that derives from Model, and draws a graph in its __init__, derive from Functional."""
    if cls is not Model and issubclass(cls, Model) and not issubclass(cls, Functional):
        for base in cls.__bases__:
            _make_functional(base)
        cls.__bases__ = tuple(Functional if base is Model else base for base in cls.__bases__)


def _shallow(shapes: Any) -> Any:
    """Return a nesting of shapes with the shapes as leaves."""
    if isinstance(shapes, dict):
        return {key: _shallow(value) for key, value in shapes.items()}
    if isinstance(shapes, (list, tuple)) and any(isinstance(item, (list, tuple, dict)) for item in shapes):
        return type(shapes)(_shallow(item) for item in shapes)
    return None


# --------------------------------------------------------------------------- graphs of layers


class Functional(Model):
    """What `Model(inputs, outputs)` makes: a model that walks through the graph between the two."""

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None, **kwargs: Any) -> None:
        trainable = kwargs.pop("trainable", None)
        super().__init__(name=name, **kwargs)
        if isinstance(inputs, dict):
            for key, x in inputs.items():
                if isinstance(x, KerasTensor) and key != x.name:
                    warnings.warn(
                        f"When providing `inputs` as a dict, all keys must match the names of their inputs; {key!r} is "
                        f"for {x.name!r}.",
                        stacklevel=3,
                    )
        self._graph = Graph(inputs, outputs, _input_layer)
        self._layers = [operation for operation in self._graph.operations if isinstance(operation, Layer)]
        self.output_names = [name_of(x.node.operation) for x in self._graph.flat_outputs]
        self.built = True
        if trainable is not None:
            self.trainable = trainable

    def _build_for(self, args: Any, kwargs: Any) -> None:
        """Its layers are built as the graph is drawn."""

    def build(self, input_shape: Any = None) -> None:
        self.built, self._locked = True, False

    layers = property(lambda self: self._layers[:], Model.layers.fset)  # type: ignore[attr-defined]
    operations = _operations = property(lambda self: self._graph.operations[:])
    inputs = property(lambda self: self._graph.flat_inputs[:])
    outputs = property(lambda self: self._graph.flat_outputs[:])
    input = property(lambda self: self._graph.inputs)
    output = property(lambda self: self._graph.outputs)
    input_names = property(lambda self: [x.name for x in self.inputs])
    input_shape = property(lambda self: only([x.shape for x in self.inputs]))
    output_shape = property(lambda self: only([x.shape for x in self.outputs]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        values = self._as_drawn(inputs)
        for x, its_mask in zip(values, tree.flatten(mask), strict=False) if mask is not None else ():
            if its_mask is not None:
                x._keras_mask = its_mask
        if training is None or not self._graph.says_training:
            return only(self._graph.run(values))

        def told(operation: Any, *args: Any, **kwargs: Any) -> Any:
            return operation(*args, **kwargs | ({"training": training} if "training" in kwargs else {}))

        return only(self._graph.run(values, told))

    def _as_drawn(self, inputs: Any) -> list[Any]:
        """Return a value for each input of the graph, of its rank and kind of number."""
        drawn, flat = self._graph.inputs, self._graph.flat_inputs
        if type(inputs) is Tensor and isinstance(drawn, KerasTensor):
            array = inputs.value
            if array.shape[1:] == drawn.shape[1:] and array.dtype == drawn._dtype:
                return [inputs]
            return [_fitted(inputs, drawn, ())]
        given = inputs
        if isinstance(inputs, dict) and not isinstance(drawn, dict):
            names = [x.name for x in flat]
            if len(names) == len(tree.flatten(tree.lists_to_tuples(drawn))) and set(names) <= set(inputs):
                given = [inputs[name] for name in names]
            else:
                self._mismatch(inputs)
        elif isinstance(drawn, dict) and not isinstance(inputs, dict):
            if list(drawn) != sorted(drawn) and tree.is_nested(inputs):
                self._mismatch(inputs)
        elif isinstance(drawn, dict) and not any(map(tree.is_nested, drawn.values())) and set(drawn) < set(inputs):
            warnings.warn(self._told(inputs), stacklevel=4)
            given = {key: inputs[key] for key in drawn}
        if isinstance(drawn, dict) and isinstance(given, dict) and not set(drawn) <= set(given):
            self._mismatch(inputs)
        values = tree.flatten(given)
        if len(values) != len(flat):
            if isinstance(drawn, dict):
                raise ValueError(
                    f"The model {self.name!r} expects a dict of named input(s) with keys {list(drawn)}; got "
                    f"{len(values)} input(s)."
                )
            raise ValueError(
                f"The model {self.name!r} expects {len(flat)} input(s), but it received {len(values)}. "
                f"({self._told(inputs)})"
            )
        if isinstance(drawn, dict) and not isinstance(given, dict):
            warnings.warn(self._told(inputs), stacklevel=4)
        paths = [path for path, _ in tree.flatten_with_path(drawn)]
        return [_fitted(x, symbol, path) for x, symbol, path in zip(values, flat, paths, strict=True)]

    def _told(self, inputs: Any) -> str:
        return (
            "The structure of `inputs` doesn't match the expected structure. Expected: "
            f"{tree.map_structure(lambda x: x.name, self._graph.inputs)}; received: "
            f"{tree.map_structure(lambda x: getattr(x, 'shape', x), inputs)}."
        )

    def _mismatch(self, inputs: Any) -> None:
        raise ValueError(self._told(inputs))

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return symbols for the outputs on symbols."""
        with warnings.catch_warnings():  # which are for the call itself
            warnings.simplefilter("ignore")
            values = self._as_drawn(inputs)

        def spec(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if isinstance(operation, Layer):
                return operation.compute_output_spec(*args, **kwargs)
            return functional.compute_output_spec(operation, *args, **kwargs)

        return only(self._graph.run(values, spec))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the outputs, nested, for those of the inputs."""
        symbols = tree.map_structure_up_to(
            _shallow(input_shape), lambda shape: KerasTensor(shape, self.compute_dtype), input_shape
        )
        return tree.map_structure(lambda x: x.shape, self.compute_output_spec(symbols))

    def get_config(self) -> dict[str, Any]:
        """Return the graph as plain data, as Keras writes it; the arguments of a subclass that has its own."""
        takes = inspect.signature(type(self).__init__).parameters
        kinds = {p.kind for p in takes.values()}
        if (
            type(self).__init__ is not Functional.__init__
            and not {
                inspect.Parameter.VAR_POSITIONAL,
                inspect.Parameter.VAR_KEYWORD,
            }
            <= kinds
        ):
            return super().get_config()
        return {"name": self.name, "trainable": self.trainable, **functional_config(self._graph)}


def _input_layer(symbol: KerasTensor) -> InputLayer:
    return InputLayer(batch_shape=symbol.shape, dtype=symbol.dtype, name=f"{symbol.name}CLONE")


def _fitted(x: Any, symbol: KerasTensor, path: tree.Path) -> Any:
    """Return an input with the rank and the kind of number that its symbol has."""
    if x is None:
        layer = symbol.node.operation if symbol.node else None
        if isinstance(layer, InputLayer) and not layer.optional:
            raise ValueError(f"The input {symbol.name!r} is not optional, but None was passed for it. Pass an array.")
        return None
    shape = symbol.shape
    if len(x.shape) == len(shape) + 1 and x.shape[-1] == 1:
        x = x[..., 0]
    elif len(x.shape) == len(shape) - 1 and shape[-1] == 1:
        x = x[..., None]
    elif len(x.shape) != len(shape):
        raise ValueError(
            f"Invalid input shape for input with name '{symbol.name}' and path '{'.'.join(map(str, path))}'. Expected "
            f"shape {shape}, but input has incompatible shape {tuple(x.shape)}"
        )
    if any(size is not None and size != given for size, given in zip(shape[1:], x.shape[1:], strict=True)):
        raise ValueError(
            f"Input '{symbol.name}' is incompatible with the model: expected shape={(None, *shape[1:])}, found "
            f"shape={tuple(x.shape)}."
        )
    return x if x.dtype == symbol._dtype or isinstance(x, KerasTensor) else x.astype(symbol._dtype)


# --------------------------------------------------------------------------- one layer after the other


class Sequential(Model):
    """Layers one after the other.

    Parameters
    ----------
    layers : list of Layer, optional
        The first may be an `Input`, or have an `input_shape`; without either the model is built at
        the first call.
    trainable : bool
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

    def __init__(self, layers: Iterable[Any] | None = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._functional: Functional | None = None  # the layers as a graph, once the shape of the input is known
        self._layers: list[Layer] = []
        if isinstance(layers, Layer):
            raise TypeError(f"Sequential(layers) expects a list of layers; got one {type(layers).__name__}.")
        for layer in layers or ():
            self.add(layer, rebuild=False)
        self._rebuild()

    @property
    def layers(self) -> list[Layer]:
        """The layers, without an Input."""
        return [layer for layer in self._layers if not isinstance(layer, InputLayer)]

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and `pop()` to change the "
            "layers in this model."
        )

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Add a layer at the end."""
        if isinstance(layer, KerasTensor) and layer.node and isinstance(layer.node.operation, InputLayer):
            layer = layer.node.operation
        if not isinstance(layer, Layer) and Foreign.fits(layer):
            layer = Foreign(layer)
        if not isinstance(layer, Layer):
            advice = f" Did you mean {layer.__name__}(...)?" if isinstance(layer, type) else ""
            raise ValueError(
                f"Only instances of Layer can be added to a Sequential; got {layer!r} of type {type(layer).__name__}."
                + advice
            )
        if isinstance(layer, InputLayer):
            if self._layers:
                raise ValueError(
                    f"The Sequential {self.name!r} has already been configured to use input shape "
                    f"{getattr(self._layers[0], 'batch_shape', '(unknown)')}: Input must come first, and only once."
                )
        elif any(known.name == layer.name and known is not layer for known in self._layers):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names; {layer.name!r} is there twice. "
                "Make a new layer, or pass name=..."
            )
        if not self._layers and layer.given_input_shape is not None:
            self._layers.append(InputLayer(batch_shape=layer.given_input_shape))
        self._layers.append(layer)
        self.built, self._functional = False, None
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Layer:
        """Remove the last layer and return it."""
        if not self.layers:
            raise ValueError("pop() needs a layer to remove; the Sequential is empty.")
        layer = self._layers.pop()
        self.built, self._functional = False, None
        if rebuild:
            self._rebuild()
        return layer

    def _rebuild(self) -> None:
        self.built, self._functional = False, None
        if self.layers:
            first = self._layers[0]
            shape = first.batch_shape if isinstance(first, InputLayer) else getattr(first, "input_shape", None)
            if shape is not None:
                self.build(shape)

    def _build_for(self, args: Any, kwargs: Any) -> None:
        if not self.built:
            self.build(tree.map_structure(lambda x: tuple(x.shape), args[0]) if args else None)

    def build(self, input_shape: Any = None) -> None:
        """Build every layer for inputs of this shape, such as (None, 784)."""
        if not self._layers:
            raise ValueError(
                f"The Sequential {self.name!r} cannot be built because it has no layers: add(...) some first."
            )
        shape = input_shape
        if not isinstance(shape, (tuple, list)) or not all(size is None or isinstance(size, int) for size in shape):
            if isinstance(shape, (tuple, list, dict)):  # of several inputs: the layers build themselves when called
                return
            raise ValueError("build(input_shape) needs a shape with the batch axis, such as (None, 784).")
        first = self._layers[0]
        if isinstance(first, InputLayer) and not _fit(first.batch_shape, tuple(shape)):
            raise ValueError(
                f"The Sequential {self.name!r} has already been configured to use input shape {first.batch_shape}. You "
                f"cannot build it with input_shape {tuple(shape)}."
            )
        if not isinstance(first, InputLayer):
            self._layers.insert(0, InputLayer(batch_shape=tuple(shape), dtype=first.compute_dtype))
        inputs = x = self._layers[0].output
        for layer in self.layers:
            _takes_one_input(layer)
            try:
                x = layer(x)
            except NotImplementedError:  # it cannot say what shape it gives
                return
        self._functional = Functional(inputs, x, name=self.name)
        self._locked = False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        if self._functional is not None and not self._differs(inputs):
            return self._functional.call(inputs, training, mask)
        if not self._layers:
            raise ValueError(f"The Sequential {self.name!r} has no layers yet: add(...) some first.")
        for layer in self.layers:
            inputs = layer(inputs)
        return inputs

    def _differs(self, x: Any) -> bool:
        """Tell whether a batch has other sizes than the model was built for; the layers say whether that will do."""
        if self._functional is None:
            return False
        known, shape = self._functional.input_shape, getattr(x, "shape", ())
        return known[1:] != shape[1:] and len(known) == len(shape) and not fits(shape, known)

    def __getattr__(self, name: str) -> Any:
        if name in ("input_shape", "output_shape", "inputs", "outputs", "output_names", "input_names"):
            if vars(self).get("_functional") is not None:
                return getattr(self._functional, name)
            raise AttributeError(f"Sequential model {self.name!r} has no defined {name} yet: it is not built.")
        return super().__getattr__(name)

    @property
    def input(self) -> Any:
        return self._functional.input if self._functional is not None else functional.input_of(self)

    @property
    def output(self) -> Any:
        return self._functional.output if self._functional is not None else functional.output_of(self)

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shape of the output for that of the input."""
        for layer in self.layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def compute_output_spec(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return symbols for the outputs on symbols."""
        for layer in self.layers:
            inputs = layer.compute_output_spec(inputs)
        return inputs

    def get_config(self) -> dict[str, Any]:
        """Return the architecture as plain data."""
        layers = [serialization.serialize(layer) for layer in self._layers]
        config = {"name": self.name, "trainable": self.trainable, "layers": layers}
        if self._functional is not None:
            config["build_input_shape"] = self._functional.input_shape
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
        """Make an untrained Sequential from what `get_config` returned."""
        if not {"name", "layers"} <= config.keys():
            raise ValueError(
                "A Sequential model configuration must be a dictionary containing the 'name' and 'layers' keys; got "
                f"{list(config)}."
            )
        for layer in config["layers"]:
            if not isinstance(layer, dict) or "config" not in layer:
                raise ValueError(
                    f"A layer is not described. Expected a dictionary containing a 'config' key. Got {layer}."
                )
        with serialization.custom_object_scope(custom_objects):
            layers = [serialization.deserialize(layer) for layer in config["layers"]]
        model = cls(name=config.get("name"))
        for layer in layers:
            model.add(layer, rebuild=False)
        model._rebuild()
        if not model.built and config.get("build_input_shape"):
            model.build(tuple(config["build_input_shape"]))
        return model


def _fit(known: Shape, given: Shape) -> bool:
    return len(known) == len(given) and all(a == b or a is None or b is None for a, b in zip(known, given, strict=True))


def _takes_one_input(layer: Layer) -> None:
    """Raise if a layer cannot stand in a row, because its `call` wants more than the input."""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    takes = [p for p in inspect.signature(layer.call).parameters.values() if p.kind in positional]
    wanted = [p.name for p in takes if p.default is p.empty]
    if len(wanted) > 1:
        raise ValueError(
            "Layers added to a Sequential model can only have a single required positional argument, the input; "
            f"{type(layer).__name__}.call wants {', '.join(wanted)}."
        )


serialization.Registry("models", (Model, Sequential), example="Sequential")
serialization.Registry("src.models.functional", (Functional,))  # where Keras' files look for it
