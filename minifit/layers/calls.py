"""Called: what is done around a layer's `call`: types, shapes, masks."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import backend, dtype_policies, ops, tree
from ..tape import Tensor
from ..variables import Variable
from .input_spec import check_inputs
from .weights import Weighted


class _Here(threading.local):
    """What belongs to the thread that runs: one may train while another predicts."""

    def __init__(self) -> None:
        # The calls and builds under way, outermost first: of which layer, whether in training, losses added in it, and
        # what else is handed on to inner layers.
        self.calls: list[tuple[Called, bool | None, list[Any], dict[str, Any] | None]] = []


here = _Here()


@functools.cache
def parameters_of(function: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """Return the parameters of a method but for self."""
    return dict(list(inspect.signature(function).parameters.items())[1:])


def _shape_of(x: Any) -> Any:
    return tuple(x.shape) if hasattr(x, "shape") else None


def mask_of(x: Any) -> Any:
    return getattr(x, "_keras_mask", None)


def _here_if_array(mask: Any) -> Any:
    return backend.asarray(mask) if isinstance(mask, np.ndarray) else mask


def map_shapes(function: Callable[[Any], Any], shapes: Any) -> Any:
    """Apply a function to the shapes, tuples of sizes, in nested data."""
    if isinstance(shapes, dict):
        return {key: map_shapes(function, shape) for key, shape in shapes.items()}
    if shapes is None or all(size is None or isinstance(size, (int, np.integer)) for size in shapes):
        return shapes if shapes is None else function(tuple(shapes))
    return type(shapes)(map_shapes(function, shape) for shape in shapes)


def as_tensors(outputs: Any) -> Any:
    """Return plain arrays among the outputs as constants."""

    def as_tensor(x: Any) -> Any:
        return x if isinstance(x, Tensor) or x is None else Tensor(backend.asarray(x))

    return tree.map_structure(as_tensor, outputs)


class Called(Weighted):
    """What has a `call` that is not called directly."""

    call: Any
    _context_args: frozenset[str] = frozenset()
    _masks_without_input = False  # whether outputs have masks that inputs had not, as those of Embedding
    _mixed: Any = None  # the type of the computation, if it is not that of the weights or not NumPy's
    _fitting: Any = None  # spec, shape and type of the last input that did fit
    calls_own_code = True  #: whether `call` calls nothing that a user wrote
    input_spec: Any = None  #: an InputSpec, or several, that inputs are held against

    def _cast(self, x: Any) -> Any:
        """Return x in the type of the computation."""
        wanted = dtype_policies.numpy_dtype(self.compute_dtype)
        if x.dtype == wanted:
            return x
        y = ops.astype(x, dtype=wanted)
        if mask_of(x) is not None:
            y._keras_mask = x._keras_mask
        return y

    def _converted(self, args: Any, kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return all arrays as Tensors, floats in the type of the computation; integers may be indices, and stay."""

        def convert(x: Any) -> Any:
            if not isinstance(x, Tensor):
                if not hasattr(x, "__array__") and not hasattr(x, "__cuda_array_interface__"):
                    return x
                x = Tensor(backend.asarray(x))
            return self._cast(x) if self.autocast and x.dtype.kind == "f" and x.dtype != self._compute_type else x

        args = tree.map_structure(convert, args)
        for x in tree.flatten(args):
            if not isinstance(x, Tensor) and x is not None:
                raise ValueError(
                    "Only input tensors may be passed as positional arguments. The following argument value should be "
                    f"passed as a keyword argument, or as an array: {x!r} (of type {type(x)})"
                )
        return args, {
            name: _here_if_array(value) if name.endswith("mask") else tree.map_structure(convert, value)
            for name, value in kwargs.items()
        }

    def _check(self, x: Any) -> None:
        fitting = (self.input_spec, x.value.shape, x.value.dtype) if type(x) is Tensor else None
        if fitting is None or fitting != self._fitting:
            check_inputs(self.input_spec, x, self.name)
            self._fitting = fitting

    def _shapes_for(self, method: str, args: Any, kwargs: Any) -> dict[str, Any]:
        """Return the shapes of the inputs under the names that `build` or `compute_output_shape` has for them."""
        given = {**dict(zip(parameters_of(type(self).call), args, strict=False)), **kwargs}
        arrays = {k: v for k, v in given.items() if k != "mask" and any(hasattr(x, "shape") for x in tree.flatten(v))}
        shapes = {f"{k}_shape": tree.map_structure(_shape_of, v) for k, v in arrays.items()}
        names = [
            name
            for name, parameter in parameters_of(inspect.unwrap(getattr(type(self), method))).items()
            if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        ]
        if len(names) == 1:
            return {names[0]: next(iter(shapes.values()), None)}
        for name in names:
            rule = (
                f"For a `{method}()` method with more than one argument, all should be called as one of `call()` with "
                f"`_shape` behind it. Layer {type(self).__name__!r}: {method}() has "
            )
            if not name.endswith("_shape"):
                raise ValueError(f"{rule}argument `{name}`, which does not end in `_shape`.")
            if name.removesuffix("_shape") not in parameters_of(type(self).call):
                raise ValueError(
                    f"{rule}argument `{name}`, but `call()` does not have argument `{name.removesuffix('_shape')}`."
                )
        return {name: shapes[name] for name in names if name in shapes}

    def _call_mixed(self, args: Any, kwargs: Any) -> Any:
        """Run `call` with the weights, kept in a wider type, in that of the computation."""
        own = vars(self)
        weights = {k: v for k, v in own.items() if isinstance(v, Variable) and v.autocast and v.dtype.kind == "f"}
        own.update({name: self._cast(v) for name, v in weights.items() if v.may_train})
        try:
            outputs = self.call(*args, **kwargs)
        finally:
            own.update(weights)
        if self._mixed == "bfloat16":  # NumPy goes to float32 where it meets a number, and in products of matrices
            return tree.map_structure(lambda x: self._cast(x) if x.dtype == "float32" else x, as_tensors(outputs))
        return outputs

    def _register_call_context_args(self, *names: str) -> None:
        """Let `call` have these arguments handed on from outer layers to inner ones, as `training` is."""
        if self._build_shapes is not None:
            raise RuntimeError("Cannot add call-context args after the layer has been called.")
        self._context_args |= {*names}

    @property
    def _call_context_args(self) -> frozenset[str]:
        return self._context_args | {"training"}

    def _handed_on(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        found = dict((here.calls[-1][3] or {}) if here.calls else {})
        found.update({name: kwargs.pop(name) for name in self._context_args & kwargs.keys()})
        takes = parameters_of(type(self).call)
        kwargs.update({name: found[name] for name in self._context_args & found.keys() if name in takes})
        return found

    def _masks(self, args: Any, kwargs: dict[str, Any], first: Any) -> Any:
        """Give `call` the masks of its inputs, where it asks for them; return that of the first input."""
        if self._takes_masks:
            takes = parameters_of(type(self).call)
            given = {**dict(zip(takes, args, strict=False)), **kwargs}
            arrays = {k: v for k, v in given.items() if any(isinstance(x, Tensor) for x in tree.flatten(v))}
            for name, value in arrays.items():
                wanted = "mask" if len(arrays) == 1 else f"{name}_mask"
                if wanted in takes and given.get(wanted) is None:
                    kwargs[wanted] = tree.map_structure(mask_of, value)
        mask = kwargs.get("mask")
        mask = tree.map_structure(mask_of, first) if mask is None else mask
        return mask if any(m is not None for m in tree.flatten(mask)) else None

    def _hand_on(self, inputs: Any, outputs: Any, mask: Any) -> None:
        flat = tree.flatten(outputs)
        if not self.supports_masking or all(mask_of(x) is not None for x in flat):
            return
        masks = self.compute_mask(inputs, mask)
        if masks is not None:
            for x, own in zip(flat, tree.flatten(masks), strict=False):
                if isinstance(x, Tensor) and x._keras_mask is None:
                    x._keras_mask = own
