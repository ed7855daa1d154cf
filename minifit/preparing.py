"""Between the user and the loop: what was passed becomes epochs of batches, and errors come before the first step."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import activations, backend, inputs, tree
from .callbacks import CallbackList
from .data import ArrayData, EpochIterator, Source
from .layers import Activation, Dense, Dropout, Flatten, InputLayer, Layer
from .variables import bring, on_trial


def on_device(method: Callable[..., Any]) -> Callable[..., Any]:
    """Let a method find all variables on the device in use, and say errors of a device in words."""

    @functools.wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        with backend.device_errors():
            if backend.switched:
                measured = [v for metric in self._all_metrics() for v in metric.variables]
                bring((*self.variables, *measured, *getattr(self.optimizer, "variables", ())))
            return method(self, *args, **kwargs)

    return call


def count_of(x: Any) -> int:
    """Return the number of samples in inputs that may be nested."""
    if hasattr(x, "shape"):
        return x.shape[0]
    return len(next((leaf for leaf in tree.flatten(x) if leaf is not None), ()) if tree.is_nested(x) else x)


def epochs_of(
    model: Any,
    prefix: str,
    x: Any,
    y: Any,
    sample_weight: Any,
    batch_size: int | None,
    steps: int | None,
    shuffle: bool | str = False,
    class_weight: Any = None,
    judged: bool = False,
) -> EpochIterator:
    """Return the data as epochs; `prefix` begins the names of the arguments that they came in."""
    if steps is not None:
        inputs.positive_integer(f"{prefix}steps", steps)
    if batch_size is not None:
        inputs.positive_integer(f"{prefix}batch_size", batch_size)
    names = tuple(f"validation_data[{i}]" for i in range(3)) if prefix else ("x", "y", "sample_weight")
    options = (batch_size, steps, shuffle, class_weight, model.steps_per_execution)
    return EpochIterator(x, y, sample_weight, *options, names=names, judged=judged)  # type: ignore[arg-type]


def check_input(model: Any, source: Source) -> None:
    """Raise if an array is not what the model was built for."""
    expected = getattr(model, "input_shape", None)
    if not isinstance(source, ArrayData) or tree.is_nested(source.x) or not isinstance(expected, tuple):
        return
    name, shape = source.names[0], source.x.shape
    if inputs.fits(shape, expected):
        return
    why = ""
    if model._differs(source.x):
        try:
            with on_trial():
                model._forward(source.first()[0], training=False)
        except ValueError as error:
            why = f" ({error})"
        else:
            return
    raise ValueError(
        f"{name} expects samples of shape {inputs.shown(expected[1:])}, as the model was built for; got "
        f"{inputs.shown(shape[1:])} ({name}.shape is {shape}). Reshape the data or change the model's input "
        f"shape.{why}"
    )


def prepare(model: Any, source: Source) -> None:
    """Build what is not built, and compare model and labels: errors come before the first step."""
    check_input(model, source)
    loss, metrics = model._compile_loss, model._compile_metrics
    settled = (loss is None or loss.built) and (not metrics or metrics.built)
    if not isinstance(source, ArrayData):
        source.judge = None if backend.xp() is np else functools.partial(_judge, model)
        if model.built and settled:
            return
        source.on_epoch_begin()
    x, y, _ = source.first()
    y_pred, shape = None, getattr(model, "output_shape", None)
    sizes = shape[1:] if isinstance(shape, tuple) else (None,)
    if model.built and all(isinstance(size, int) for size in sizes) and not model._differs(x):
        y_pred = backend.xp().zeros((count_of(x), *sizes), dtype=backend.floatx())
    elif not (model.built and settled) and getattr(type(model), "call", None) is not Layer.call:
        with on_trial():
            y_pred = model._forward(x, training=False)
    if y is None or y_pred is None or any(map(model._overrides, ("compute_loss", "compute_metrics"))):
        return
    if loss is not None and not loss.built:
        loss.build(y, y_pred)
    if metrics and not metrics.built:
        metrics.build(y, y_pred)
    own = any(map(model._overrides, ("train_step", "test_step")))
    if own or tree.is_nested(y) or tree.is_nested(y_pred):
        return
    if loss is not None and isinstance(source, ArrayData) and not isinstance(source.y, inputs.OnDisk):
        loss.check_labels(source.y, (None, *y_pred.shape[1:]))
    metrics.check_fit(y, y_pred)


def _judge(model: Any, y: Any) -> None:
    """Look at the labels of a batch before it goes over to a device, where looking would be waiting."""
    shape = getattr(model, "output_shape", None)
    known = isinstance(shape, tuple) and all(isinstance(size, int) for size in shape[1:])
    own = any(map(model._overrides, ("train_step", "test_step", "compute_loss", "compute_metrics")))
    if known and not own and backend.on_host(y) and model._compile_loss is not None:
        model._compile_loss.check_labels(y, shape)


def blas_threads(model: Any, source: Source) -> Any:
    """Return a context that holds BLAS to one thread if the largest matrix product of a step is small."""
    matrices = [v.size for v in model.variables if v.ndim > 1]
    return backend.one_blas_thread(2.0 * (source.batch_size or 32) * max(matrices, default=0))


def join_batches(model: Any, phase: str, data: EpochIterator, run: CallbackList) -> None:
    """Let several batches go through the model as one, where nobody can tell the difference.

    That is so if nobody listens but the progress bar, no step is the user's own, and every layer, loss and metric
    is one of those that look at each sample by itself.
    """
    source = data.data_adapter
    graph = vars(model).get("_functional") or model
    if (
        not isinstance(source, ArrayData)
        or tree.is_nested(source.x)
        or data.steps_per_epoch
        or data.steps_per_execution > 1
        or run.is_heard(f"on_{phase}_batch_begin", f"on_{phase}_batch_end")
        or type(model).__module__ != f"{__package__}.model"  # a Sequential or a graph of layers
        or f"{phase}_step" in vars(model)
        or not all(map(_keeps_samples_apart, getattr(graph, "operations", [None])))
    ):
        return
    if phase == "test" and not (
        model._compile_loss and model._compile_loss.is_additive and model._compile_metrics.is_additive
    ):
        return
    widest = max([math.prod(source.x.shape[1:]), *(v.shape[-1] for v in model.variables if v.ndim)])
    data.join(max(min(4096, 2**20 // widest, backend.free_memory() // (32 * widest)) // source.batch_size, 1))


def _keeps_samples_apart(layer: Any) -> bool:
    """Tell whether a layer is certain to treat each sample by itself when it is not in training."""
    return (
        type(layer) in (InputLayer, Dense, Dropout, Flatten, Activation)
        and "call" not in vars(layer)
        and getattr(layer, "batch_shape", (None,))[0] is None
        and layer.activity_regularizer is None
        and getattr(layer, "activation", None) in (None, *activations.NAMED.values())
    )
