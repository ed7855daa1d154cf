"""One training step of a model that somebody wrote by hand, watched from outside.

Such a model is known by what it does, not by its class: it has `layers` with a `forward`, a `loss`, an `optimizer`
with ``apply(gradients, variables)``, `variables()` and ``train_step(x, y) -> logs``.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

Seen = tuple[str, str, np.ndarray, float]  # step, name, a copy of the array, what its rounding is in proportion to

_PARTS = ("layers", "loss", "optimizer", "variables", "train_step")


def is_by_hand(model: Any) -> bool:
    """Tell whether a model has the parts that can be watched."""
    return not isinstance(model, type) and all(hasattr(model, part) for part in _PARTS)


def step_of(model: Any, x: Any, y: Any) -> Iterator[Seen]:
    """Yield every array of one training step, in the order in which the loop makes them.

    The step is taken by a copy of the model: the model itself stays as it is.

    Raises
    ------
    TypeError
        If the model cannot be copied.
    """
    try:
        model = copy.deepcopy(model)
    except Exception as error:
        raise TypeError(
            f"trace(model) works on a copy of the model, and this one cannot be copied: {error}. "
            "Keep no generators or open files in it."
        ) from None
    seen: list[Seen] = []
    names = _names(model)
    for layer, name in zip(model.layers, _layer_names(model), strict=True):
        if hasattr(layer, "forward"):
            layer.forward = _watched(layer, name, names, seen)
    model.loss = _Loss(model.loss, seen)
    model.optimizer.apply = _apply(model.optimizer.apply, names, seen)
    logs = model.train_step(x, y)
    seen += [("metrics", name, np.array(value), 0.0) for name, value in sorted((logs or {}).items())]
    yield from seen


def _layer_names(model: Any) -> list[str]:
    """Names as Keras gives them: dense, relu, dense_1."""
    kinds = [type(layer).__name__.lower() for layer in model.layers]
    return [f"{kind}_{n}" if (n := kinds[:i].count(kind)) else kind for i, kind in enumerate(kinds)]


def _names(model: Any) -> dict[int, str]:
    """What each array of `variables()` is called: the layer and its attribute."""
    names = {id(array): f"variable {i}" for i, array in enumerate(model.variables())}
    for layer, name in zip(model.layers, _layer_names(model), strict=True):
        for attribute, value in getattr(layer, "__dict__", {}).items():
            if id(value) in names:
                names[id(value)] = f"{name}/{attribute}"
    return names


def _watched(layer: Any, name: str, names: dict[int, str], seen: list[Seen]) -> Callable[..., Any]:
    forward = layer.forward
    own = [value for value in getattr(layer, "__dict__", {}).values() if id(value) in names]

    @functools.wraps(forward)  # whoever asks which parameters it has gets the right answer
    def watched(*arguments: Any, **options: Any) -> Any:
        seen.extend(("forward", names[id(value)], np.array(value), 0.0) for value in own)
        output = forward(*arguments, **options)
        seen.append(("forward", f"{name} output", np.array(output), 0.0))
        return output

    return watched


def _apply(apply: Callable[..., Any], names: dict[int, str], seen: list[Seen]) -> Callable[..., Any]:
    @functools.wraps(apply)
    def watched(gradients: Any, variables: Any) -> Any:
        gradients, variables = list(gradients), list(variables)
        called = [names.get(id(v), f"variable {i}") for i, v in enumerate(variables)]
        seen.extend(("gradients", name, np.array(g), 0.0) for name, g in zip(called, gradients, strict=True))
        before = [np.array(v) for v in variables]
        result = apply(gradients, variables)
        for name, variable, old in zip(called, variables, before, strict=True):
            seen.append(
                ("update", f"change of {name}", np.array(variable) - old, float(np.max(np.abs(old), initial=0.0)))
            )
        return result

    return watched


class _Loss:
    """Stands in for a model's loss and notes what it gives."""

    def __init__(self, loss: Any, seen: list[Seen]) -> None:
        self._loss, self._seen = loss, seen

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        value = self._loss(*arguments, **options)
        self._seen.append(("loss", "loss", np.array(value), 0.0))
        return value

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loss, name)
