"""A training step written down once, and then repeated without the objects that wrote it.

What a step does to arrays is the same for every batch of one shape: layers, tape and losses only decide which function
comes next. So the second step of a shape is recorded: every call on arrays is noted (see ``ops/op.py``), with what went
in and what came out. Written as a Python function of the batch, the notes *are* the step, forward and backward, and
later steps call that function. It is what ``tf.function``, ``jax.jit`` and CUDA graphs do.

A recording may be repeated only if nothing but the batch, the variables and fresh random numbers went into it. It is
given up as soon as an array came from elsewhere, and then every step goes the long way, which is always right.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .ops.op import here
from .optimizers import Optimizer
from .tape import Tensor, unwrap
from .variables import Variable

Note = tuple[str, Callable[..., Any], tuple[Any, ...], dict[str, Any], Any]


class NotRepeatable(Exception):
    """Something went into the step that a later step would not have."""


class Recording:
    """Notes every call on arrays inside a ``with`` block.

    Attributes
    ----------
    notes : list
        ``(name, function, arguments, options, result)`` of each call, in order.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> w, x = keras.Variable([1.0, 2.0], name="w"), np.array([3.0, 4.0], "float32")
    >>> with Recording() as recording:
    ...     y = np.sum(w * x) + 1.0
    >>> step, source = recording.as_function({"x": x}, [w], [y.value])
    >>> print(source)
    def step(x):
        a0 = multiply(w.value, x)
        a1 = sum(a0)
        a2 = add(a1, 1.0)
        return a2
    >>> [value.item() for value in (y, step(x), step(10 * x))]
    [12.0, 12.0, 111.0]
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []

    def __enter__(self) -> Recording:
        here.notes = self.notes
        return self

    def __exit__(self, *_: object) -> None:
        here.notes = None

    def as_function(
        self,
        inputs: Mapping[str, Any],
        variables: Sequence[Variable],
        outputs: Sequence[Any],
        into: Sequence[tuple[str, Any, Any]] = (),
    ) -> tuple[Callable[..., Any], str]:
        """Return the notes as a function of the inputs, and its source.

        Parameters
        ----------
        inputs : dict of str to array
            What went in, by the names that the function's arguments shall have.
        variables : sequence of Variable
            What the function reads anew at every call.
        outputs : sequence of arrays
            What it returns.
        into : sequence of (str, array, array)
            Names, arrays that outlive the call, and what is copied into each.

        Raises
        ------
        NotRepeatable
            If an array came from elsewhere.
        """
        writer = _Writer()
        for name, array in inputs.items():
            writer.names[id(array)] = name
        for variable in variables:
            name = writer.bind(_name(variable), variable)
            writer.names[id(variable.value)] = f"{name}.value"
        for name, kept, _ in into:
            writer.names[id(kept)] = writer.bind(name, kept)
        for note in self.notes:
            writer.write(*note)
        for _, kept, array in into:
            if array is not kept:
                writer.lines.append(f"{writer.names[id(kept)]}[...] = {writer.expression(array)}")
        returned = ", ".join(map(writer.expression, outputs))
        lines = [f"def step({', '.join(inputs)}):", *(f"    {line}" for line in writer.lines), f"    return {returned}"]
        source = "\n".join(lines)
        exec(compile(source, "<recorded step>", "exec"), writer.bound)
        return writer.bound["step"], source


class Repeated:
    """Forward and backward of a model's training step, recorded for each shape of batch and then repeated.

    Parameters
    ----------
    model : Model
        One that `fits`.

    Attributes
    ----------
    sources : dict
        By shapes of batches, the lines of each recorded step, or why there are none.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.sources: dict[Any, str] = {}
        self._steps: dict[Any, _Step | None] = {}

    @staticmethod
    def fits(model: Any) -> bool:
        """Tell whether all that a model's step calls is the engine's own: what a user wrote may do anything."""
        parts: Any = model._compile_loss.parts if model._compile_loss else ()
        return (
            all(map(_repeats, model.walk()))
            and not vars(model).keys() & {"train_step", "compute_loss"}
            and isinstance(model.optimizer, Optimizer)
            and len(parts) == 1
            and _is_own(parts[0].loss)
            and _is_own(getattr(parts[0].loss, "fn", parts[0].loss))
            and all(_is_own(v.regularizer) for v in model.trainable_variables if v.regularizer is not None)
        )

    def step_of(self, differentiate: Callable[..., Any], variables: list[Variable]) -> Callable[..., Any]:
        """Return what computes the same as `differentiate`, quicker from the third batch of a shape on."""
        optimizer, steps, ids = self.model.optimizer, self._steps, list(map(id, variables))

        def step(x: Any, y: Any, sample_weight: Any) -> Any:
            flat = optimizer.flat
            if flat is None or flat.stale:
                return differentiate(x, y, sample_weight)
            batch = (x, y) if sample_weight is None else (x, y, sample_weight)
            key = tuple([(getattr(array, "shape", None), getattr(array, "dtype", None)) for array in batch])
            if (None, None) in key:  # nested, or not there
                return differentiate(x, y, sample_weight)
            known = steps.get(key)
            if known is not None and known.flat is flat and known.ids == ids:
                y_pred, loss = known.run(*batch)
                return Tensor(y_pred), loss, known.gradients, variables
            if key not in steps:  # it may be the only one
                steps[key] = None
            elif key not in self.sources:
                return self._record(key, differentiate, batch)
            return differentiate(x, y, sample_weight)

        return step

    def _record(self, key: Any, differentiate: Callable[..., Any], batch: tuple[Any, ...]) -> Any:
        optimizer = self.model.optimizer
        with Recording() as recording:
            result = differentiate(*batch, *[None] * (3 - len(batch)))
        y_pred, loss, gradients, variables = result
        try:
            room = optimizer.in_place(variables)
            if type(y_pred) is not Tensor or y_pred._keras_mask is not None or room is None:
                raise NotRepeatable(
                    "several outputs, predictions with a mask, or variables in another order than the optimizer's"
                )
            run, self.sources[key] = recording.as_function(
                dict(zip(("x", "y", "sample_weight"), batch, strict=False)),
                self.model.variables,
                [y_pred.value, loss.value],
                [(f"d_{_name(v)}", kept, unwrap(g)) for v, kept, g in zip(variables, room, gradients, strict=True)],
            )
        except NotRepeatable as error:
            self.sources[key] = str(error)
        else:
            self._steps[key] = _Step(run, optimizer.flat, list(map(id, variables)), room)
        return result


class _Step(NamedTuple):
    """A recorded step, and what has to be as it was for it to be repeated."""

    run: Callable[..., Any]
    flat: Any
    ids: list[int]  # of the variables, which `gradients` are of
    gradients: list[Any]


def _repeats(layer: Any) -> bool:
    return (
        _is_own(layer)
        and layer.calls_own_code
        and "call" not in vars(layer)
        and layer.activity_regularizer is None
        and _is_own(getattr(layer, "activation", None) or layer)
    )


def _is_own(thing: Any) -> bool:
    """Tell whether a function, or what an object is made of, is the engine's."""
    maker = thing if hasattr(thing, "__name__") else type(thing)
    return str(maker.__module__).startswith(f"{__package__}.")


def _name(variable: Variable) -> str:
    return (variable.path.partition("/")[2] or variable.path).replace("/", "_")


class _Writer:
    """Writes notes as lines of Python.

    Attributes
    ----------
    names : dict of int to str
        By ids of arrays, what they are called.
    bound : dict of str to object
        What the lines name and do not make.
    """

    def __init__(self) -> None:
        self.names: dict[int, str] = {}
        self.bound: dict[str, Any] = {}
        self.lines: list[str] = []
        self._count = 0

    def bind(self, name: str, value: Any) -> str:
        """Return a free name for a value that the lines use."""
        name = re.sub(r"\W", "_", name)
        name = name if name.isidentifier() else f"f_{name}"
        free, number = name, 1
        while self.bound.get(free, value) is not value:
            number += 1
            free = f"{name}_{number}"
        self.bound[free] = value
        return free

    def write(
        self, name: str, function: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any], result: Any
    ) -> None:
        """Write one call."""
        if name == "assign":
            raise NotRepeatable("a variable changes in the step")
        if name == "constant":
            self.names[id(result)] = self.bind("one", result)
            return
        try:
            given = [*map(self.expression, args), *(f"{key}={self.expression(x, key)}" for key, x in options.items())]
        except NotRepeatable as error:
            raise NotRepeatable(f"{name}: {error}") from None
        results = result if isinstance(result, (tuple, list)) else [result]
        targets = ", ".join(map(self._target, results)) + ("," if results is result and len(results) == 1 else "")
        self.lines.append(f"{targets} = {self.bind(name.strip('_'), function)}({', '.join(given)})")

    def _target(self, result: Any) -> str:
        if result is None:
            return "_"
        if not hasattr(result, "dtype"):
            raise NotRepeatable(f"a {type(result).__name__} comes out of a call, and may steer the step")
        if id(result) in self.names:  # an array that was written into, or handed on
            return "_"
        self.names[id(result)] = f"a{self._count}"
        self._count += 1
        return self.names[id(result)]

    def expression(self, value: Any, called: str = "option") -> str:
        """Return what stands for a value in the lines."""
        if id(value) in self.names:
            return self.names[id(value)]
        if value is None or isinstance(value, (bool, int, str)) or (type(value) is float and math.isfinite(value)):
            return repr(value)
        if type(value) in (tuple, list):
            inner = ", ".join(map(self.expression, value))
            return f"[{inner}]" if type(value) is list else f"({inner},)" if value else "()"
        if hasattr(value, "dtype"):
            raise NotRepeatable(f"an array of shape {value.shape} comes from outside the step")
        called = str(value) if isinstance(value, np.dtype) else getattr(value, "__name__", called)
        return self.bind(called, value)
