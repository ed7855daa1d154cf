"""Copies of models with weights of their own, and models from JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from . import serialization, tree
from .layers import InputLayer, Layer
from .model import Functional, Model, Sequential


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Return an untrained model from what `Model.to_json` gave."""
    try:
        config = json.loads(json_string)
    except ValueError as error:
        raise ValueError(f"model_from_json(json_string) expects what Model.to_json gave: {error}") from None
    return _a_model("model_from_json(json_string)", serialization.deserialize_keras_object(config, custom_objects))


def _a_model(argument: str, model: Any) -> Any:
    if not isinstance(model, Model):
        raise ValueError(f"{argument} expects a model; got {type(model).__name__} ({model!r}).")
    return model


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
) -> Any:
    """Return a model of the same structure with weights of its own, not trained.

    Parameters
    ----------
    model : Model
    input_tensors : KerasTensor, or nested, optional
        To draw the new graph from.
    clone_function : callable, optional
        ``clone_function(layer) -> layer``, for every layer but inputs.
    call_function : callable, optional
        ``call_function(layer, *args) -> outputs``, for a functional model.
    recursive : bool
        Whether inner models are cloned layer by layer, too.
    """
    return _clone(_a_model("clone_model(model)", model), input_tensors, clone_function, call_function, recursive, {})


def _clone(model: Any, tensors: Any, clone: Any, call: Any, recursive: bool, made: dict[int, Any]) -> Any:
    if not isinstance(model, (Sequential, Functional)):
        if clone or call or tensors is not None:
            raise ValueError(
                "Arguments `clone_function`, `call_function` and `input_tensors` are only supported for Sequential "
                f"models or Functional models; got a {type(model).__name__}."
            )
        return serialization.deserialize_keras_object(
            serialization.serialize_keras_object(model), custom_objects={type(model).__name__: type(model)}
        )

    def cloned(layer: Any) -> Any:
        if not isinstance(layer, Layer):
            return layer
        if id(layer) not in made:
            if recursive and isinstance(layer, (Sequential, Functional)):
                inner_call = None if isinstance(layer, Sequential) else call
                made[id(layer)] = _clone(layer, None, clone, inner_call, True, made)
            else:
                made[id(layer)] = clone(layer) if clone else type(layer).from_config(layer.get_config())
        return made[id(layer)]

    if isinstance(model, Sequential):
        if call is not None:
            raise ValueError("`call_function` argument is not supported with Sequential models.")
        begin = model._layers[:1] if isinstance(model._layers[0], InputLayer) else []
        if tensors is not None:
            begin = [InputLayer(input_tensor=x) for x in tree.flatten(tensors)]
        copy: Any = Sequential(
            [*(InputLayer.from_config(b.get_config()) if tensors is None else b for b in begin)], name=model.name
        )
        for layer in model.layers:
            copy.add(cloned(layer), rebuild=False)
        copy._rebuild()
    else:
        if tensors is None:
            tensors = tree.map_structure(
                lambda x: InputLayer(batch_shape=x.shape, dtype=x.dtype, name=x.name).output, model.input
            )
        elif not tree.same_structure(tensors, model.input) and len(tree.flatten(tensors)) != 1:
            raise ValueError(
                f"`input_tensors` must have the same structure as model.input, {tree.shape_of(model.input)}; got "
                f"{tree.shape_of(tensors)}."
            )
        tensors = tree.pack_sequence_as(model.input, tree.flatten(tensors))

        def called(operation: Any, *args: Any, **kwargs: Any) -> Any:
            operation = cloned(operation)
            return call(operation, *args, **kwargs) if call else operation(*args, **kwargs)

        outputs = model._graph.run(tree.flatten(tensors), called)
        copy = Model(tensors, outputs, name=model.name)
    compiled = model.get_compile_config()
    if compiled is not None:
        copy.compile_from_config(compiled)
    return copy
