"""InputSpec: what a layer asks of its inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .. import tree
from ..serialization import Described


class InputSpec(Described):
    """Rank, size of some axes, and type that an input must have; what is None is left open.

    Examples
    --------
    >>> InputSpec(min_ndim=2, axes={-1: 4})
    InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: str | None = None,
        shape: Sequence[int | None] | None = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: Mapping[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        self.dtype = dtype
        self.shape = None if shape is None else tuple(shape)
        self.ndim = ndim if shape is None else len(self.shape or ())
        self.max_ndim, self.min_ndim = max_ndim, min_ndim
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (ValueError, TypeError, AttributeError):
            raise TypeError(f"Argument `axes` must be a dict with integer keys. Received: axes={axes}") from None
        self.allow_last_axis_squeeze, self.name, self.optional = allow_last_axis_squeeze, name, optional
        rank = self.ndim or self.max_ndim
        if rank and any(axis > rank - 1 for axis in self.axes):
            raise ValueError(f"Axis {max(self.axes)} is greater than the maximum allowed value: {rank - 1}")

    def __repr__(self) -> str:
        said = {key: value for key, value in vars(self).items() if value}
        return f"InputSpec({', '.join(f'{key}={value}' for key, value in said.items())})"

    def complaint(self, x: Any) -> str | None:
        """Return what is wrong with an input, or None."""
        shape, ndim = tuple(x.shape), len(x.shape)
        wanted = self.shape
        if self.allow_last_axis_squeeze and wanted is not None:
            shape, wanted = (s[:-1] if s and s[-1] == 1 else s for s in (shape, wanted))
        elif self.ndim is not None and ndim != self.ndim:
            return f"expected ndim={self.ndim}, found ndim={ndim}. Full shape received: {shape}"
        if self.max_ndim is not None and ndim > self.max_ndim:
            return f"expected max_ndim={self.max_ndim}, found ndim={ndim}"
        if self.min_ndim is not None and ndim < self.min_ndim:
            return f"expected min_ndim={self.min_ndim}, found ndim={ndim}. Full shape received: {shape}"
        if self.dtype is not None and str(x.dtype) != self.dtype:
            return f"expected dtype={self.dtype}, found dtype={x.dtype}"
        for axis, size in self.axes.items():
            if size is not None and shape[axis] not in (size, None):
                return (
                    f"expected axis {axis} of input shape to have value {size}, but received input with shape {shape}"
                )
        if wanted is not None and any(a != b for a, b in zip(wanted, shape, strict=False) if None not in (a, b)):
            return f"expected shape={self.shape}, found shape={shape}"
        return None


def axis_of(axis: int, shape: Any, owner: str, argument: str = "axis") -> int:
    """Return an axis counted from 0, or raise if there is none of this number."""
    if not -len(shape) <= axis < len(shape):
        raise np.exceptions.AxisError(
            f"{owner}: Axis {axis} is out of bounds for input shape {tuple(shape)}. Received: {argument}={axis}; "
            f"{argument} goes from {-len(shape)} to {len(shape) - 1}."
        )
    return axis % len(shape)


def check_inputs(specs: Any, inputs: Any, layer_name: str) -> None:
    """Raise ValueError unless each input, in the order of `specs`, is what its spec asks for."""
    flat_specs = tree.flatten(specs)
    names = [getattr(spec, "name", None) for spec in flat_specs]
    if isinstance(inputs, dict) and all(names):
        for name in names:
            if name not in inputs:
                raise ValueError(
                    f'Missing data for input "{name}". You passed a data dictionary with keys {list(inputs)}. '
                    f"Expected the following keys: {names}"
                )
        inputs = [inputs[name] for name in names]
    flat = tree.flatten(inputs)
    if len(flat) != len(flat_specs):
        hint = f" Pass a dict with the keys {names}." if names and all(names) else ""
        raise ValueError(
            f'Layer "{layer_name}" expects {len(flat_specs)} input(s), but it received {len(flat)} input tensors.{hint}'
        )
    for index, (x, spec) in enumerate(zip(flat, flat_specs, strict=True)):
        if spec is None or (x is None and spec.optional):
            continue
        if not hasattr(x, "shape"):
            raise ValueError(
                f"Inputs to a layer should be tensors. Got '{x}' (of type {type(x)}) as input for layer '{layer_name}'."
            )
        complaint = spec.complaint(x)
        if complaint:
            named = f" with name '{spec.name}'" if spec.name else ""
            hint = ". Is an axis missing? x[None] adds one in front, x[..., None] at the end" * ("ndim=" in complaint)
            raise ValueError(
                f"Input {index}{named} of layer '{layer_name}' is incompatible with the layer: {complaint}{hint}"
            )
