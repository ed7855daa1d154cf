"""Models from files, and Keras' place for models: ``from minifit.models import Sequential``."""

from __future__ import annotations

import json
import os
import warnings
from typing import Any

import numpy as np

from . import losses, metrics, optimizers
from .files import read_arrays
from .layers import Input
from .model import Model, Sequential
from .saving import set_weights_by_path

__all__ = ["Input", "Model", "Sequential", "load_model"]


def load_model(path: str | os.PathLike[str], custom_objects: dict[str, Any] | None = None, compile: bool = True) -> Any:
    """Return the model that `Model.save` wrote, ready to predict and to train on.

    Parameters
    ----------
    path : str or path
    custom_objects : dict of str to class, optional
        The user's own layer classes by name.
    compile : bool
        Whether to compile it as it was when saved.

    Raises
    ------
    ValueError
        If the file is no saved model, or names a class that is not known. Nothing in a file is run.
    """
    arrays, text = read_arrays(path)
    if not text:
        raise ValueError(f"{path} holds weights alone: build the model and call load_weights() on it.")
    described = json.loads(text)
    if not {"class_name", "config", "compiled", "compile"} <= described.keys():
        raise ValueError(f"{path} holds no model that minifit saved.")
    if described["class_name"] != "Sequential":
        raise ValueError(
            f"{path} holds a {described['class_name']}, which cannot be rebuilt from a file. Make the model in code "
            "and call load_weights() on weights saved by save_weights()."
        )
    model = Sequential.from_config(described["config"], custom_objects)
    if not model.built:
        raise ValueError(f"{path} holds a model without an input shape; it cannot be built.")
    set_weights_by_path(model, arrays, path)
    if compile and described["compiled"]:
        _compile_as_saved(model, described["compile"], arrays, path)
    return model


def _compile_as_saved(model: Any, config: dict[str, Any] | None, arrays: dict[str, np.ndarray], path: Any) -> None:
    if config is None:
        warnings.warn(
            f"{path}: the model was compiled with a loss, a metric, an optimizer or a schedule of your own, which a "
            "file does not hold. It predicts; call compile() again before you train or evaluate it.",
            stacklevel=3,
        )
        return
    optimizer, loss = optimizers.get(config.pop("optimizer")), losses.deserialize(config.pop("loss"))
    for argument in ("metrics", "weighted_metrics"):
        config[argument] = [metrics.deserialize(described) for described in config[argument]]
    model.compile(optimizer, loss, **config)
    if "optimizer/iterations" in arrays:
        optimizer.build(model.trainable_variables)
        optimizer.set_state({k.partition("/")[2]: v for k, v in arrays.items()})
