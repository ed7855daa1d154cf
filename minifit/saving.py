"""Saving: weights under Keras' own paths, and whole models.

The paths are those of Keras' ``.weights.h5`` files, which are therefore exchanged with it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np

from . import activations
from .files import read_arrays, write_arrays
from .naming import snake_case


def weights_by_path(model: Any) -> dict[str, Any]:
    """Return a model's variables under the paths that Keras gives them in files.

    A layer is called after its class and counted within the model, whatever its own name.
    """
    paths: dict[str, Any] = {}
    counts: dict[str, int] = {}
    for layer in model.layers:
        kind = snake_case(type(layer).__name__)
        name = f"{kind}_{counts[kind]}" if counts.get(kind) else kind
        counts[kind] = counts.get(kind, 0) + 1
        for i, variable in enumerate(layer.variables):
            paths[f"layers/{name}/vars/{i}"] = variable
    owned = {id(v) for v in paths.values()}
    for i, variable in enumerate(v for v in model.variables if id(v) not in owned):
        paths[f"vars/{i}"] = variable
    return paths


def save_weights(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write a model's weights."""
    _must_be_built(model, "save_weights")
    _may_write(path, overwrite)
    write_arrays(path, {name: variable.numpy() for name, variable in weights_by_path(model).items()})


def load_weights(model: Any, path: str | os.PathLike[str]) -> None:
    """Read a model's weights; all are checked before the first is set."""
    _must_be_built(model, "load_weights")
    set_weights_by_path(model, read_arrays(path)[0], path)


def set_weights_by_path(model: Any, arrays: dict[str, np.ndarray], path: Any) -> None:
    variables = weights_by_path(model)
    found = {name: array for name, array in arrays.items() if name.startswith(("layers/", "vars/"))}
    if set(found) != set(variables):
        missing, extra = sorted(set(variables) - set(found)), sorted(set(found) - set(variables))
        raise ValueError(
            f"{path} does not hold the weights of this model: "
            f"missing {', '.join(missing) or 'nothing'}; not in the model {', '.join(extra) or 'nothing'}."
        )
    for name, variable in variables.items():
        if found[name].shape != variable.shape:
            raise ValueError(
                f"{path}: {name} has shape {found[name].shape}; the model's {variable.name} has {variable.shape}."
            )
    for name, variable in variables.items():
        variable.assign(found[name])


def _must_be_built(model: Any, method: str) -> None:
    if not model.built:
        raise ValueError(f"{method}() needs a built model: call it on data, or give it an Input shape, first.")


def _may_write(path: str | os.PathLike[str], overwrite: bool) -> None:
    if not overwrite and Path(path).exists():
        raise FileExistsError(f"{path} exists. Choose another name, or pass overwrite=True.")


def save_model(model: Any, path: str | os.PathLike[str], overwrite: bool = True) -> None:
    """Write architecture, weights and, where it is compiled, how, with the optimizer's state.

    Raises
    ------
    ValueError
        If a layer could not be made again from its `get_config`.
    """
    _must_be_built(model, "save")
    _may_write(path, overwrite)
    for layer in model.layers:
        _must_be_rebuildable(layer)
    arrays = {name: variable.numpy() for name, variable in weights_by_path(model).items()}
    described: dict[str, Any] = {"class_name": type(model).__name__, "config": model.get_config()}
    described["compiled"] = model.compiled
    described["compile"] = model.get_compile_config() if model.compiled else None
    if described["compile"] and model.optimizer.built:
        arrays |= {f"optimizer/{name}": array for name, array in model.optimizer.get_state().items()}
    write_arrays(path, arrays, json.dumps(described))


def _must_be_rebuildable(layer: Any) -> None:
    try:
        config = layer.get_config()
        if isinstance(config.get("activation"), str) and config["activation"] not in activations.NAMED:
            config["activation"] = None  # the user's own, which load_model takes from custom_objects
        type(layer).from_config(config)
    except Exception as error:
        raise ValueError(
            f"The layer {layer.name!r} cannot be saved: {type(layer).__name__}.get_config() does not give what its "
            f"__init__ needs ({error}). Write get_config(), or use save_weights()."
        ) from None
