"""A training step written down once, and then repeated without the objects that wrote it.

What a step does to arrays is the same for every batch of one shape: layers, tape and losses only decide which function
comes next. So the second step of a shape is recorded: every call on arrays is noted (see ``ops/op.py``), with what went
in and what came out. Written as a Python function of the batch, the notes *are* the step, forward and backward, and
later steps call that function. It is what ``tf.function``, ``jax.jit`` and CUDA graphs do. On the way from notes to
lines ops are taken apart (``inlining.py``), fused for a device (``kernels.py``) and spelt (``spelling.py``).

A recording may be repeated only if nothing but the batch, the variables and fresh random numbers went into it. It is
given up as soon as an array came from elsewhere, and then every step goes the long way, which is always right.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from . import backend, kernels, row_kernels, variables
from .inlining import Note, inlined
from .ops.op import here
from .optimizers import Optimizer
from .spelling import NotRepeatable, Writer
from .tape import Tensor, unwrap
from .variables import Variable


class Recording:
    """Notes every call on arrays inside a ``with`` block.

    Attributes
    ----------
    notes : list
        ``(name, function, arguments, options, result)`` of each call, in order.
    launches : list of str
        What the function launches on a device; see ``kernels.py``.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> w, x = keras.Variable([1.0, 2.0], name="w"), np.array([3.0, 4.0], "float32")
    >>> with Recording() as recording:
    ...     y = np.sum(w * x) + 1.0
    >>> step, source = recording.as_function({"x": x}, [w], [y.value])
    >>> print(source)
    def step(x):
        multiply(w.value, x, b0)
        a0 = add_reduce(b0, None)
        a1 = a0 + 1.0
        return a1
    >>> [value.item() for value in (y, step(x), step(10 * x))]
    [12.0, 12.0, 111.0]
    """

    def __init__(self) -> None:
        self.notes: list[Note] = []
        self.launches: list[str] = []

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
            If an array came from elsewhere, or the function does not give what was noted.
        """
        writer = Writer()
        for name, array in inputs.items():
            writer.names[id(array)] = name
        for variable in variables:
            name = writer.bind(_name(variable), variable)
            writer.names[id(variable.value)] = f"{name}.value"
        for name, kept, _ in into:
            writer.names[id(kept)] = writer.bind(name, kept)
        rooms, fixed = [kept for _, kept, _ in into], [v.value for v in variables if v.home is not None]
        copied = [(kept, ..., array) for _, kept, array in into if array is not kept]
        copies: list[Note] = [("setitem", operator.setitem, args, {}, None) for args in copied]
        wanted = {*map(id, outputs), *map(id, rooms)}
        notes = inlined([*row_kernels.replaced(self.notes, wanted), *copies], outputs, [*fixed, *rooms])
        notes = kernels.fused(notes, wanted)
        for note in notes:
            writer.write(*note)
        self.launches = kernels.launches(notes)
        step = writer.as_function([*inputs], outputs)
        if all(map(backend.on_host, inputs.values())) and not writer.repeats(
            [*inputs.values()], outputs, [(kept, array) for _, kept, array in into]
        ):
            raise NotRepeatable("repeated on its own batch, the step gives something else")
        return step


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
    launches : dict
        By shapes of batches, the kernels that each recorded step launches on a device.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.sources: dict[Any, str] = {}
        self.launches: dict[Any, list[str]] = {}
        self._steps: dict[Any, _Step | None] = {}
        self._assumed = _assumed_of(model)

    @classmethod
    def of(cls, model: Any, before: Repeated | None) -> Repeated | None:
        """Return what repeats a model's steps, `before` if all that it assumed is so; None if they cannot be repeated.

        Recording costs as much as a hundred small steps, so it outlives the `fit` that it was made in.
        """
        if not cls.fits(model):
            return None
        if before is not None:
            now, then = _assumed_of(model), before._assumed
            if len(now) == len(then) and all(map(operator.is_, now, then)):
                return before
        return cls(model)

    def __reduce__(self) -> Any:
        return type(None), ()  # a model that is copied or saved records its own

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
            and all(_is_own(v.regularizer) for v in _regularized(model))
        )

    def step_of(self, differentiate: Callable[..., Any], variables: list[Variable]) -> Callable[..., Any]:
        """Return what computes the same as `differentiate`, quicker from the third batch of a shape on.

        What comes of a repeated step is arrays where `differentiate` gives Tensors.
        """
        optimizer, ids = self.model.optimizer, list(map(id, variables))
        last_key: Any = None
        last: _Step | None = None

        def step(x: Any, y: Any, sample_weight: Any) -> Any:
            nonlocal last_key, last
            flat = optimizer.flat
            if flat is None or flat.stale:
                return differentiate(x, y, sample_weight)
            try:
                key: Any = x.shape, x.dtype, y.shape, y.dtype
                if sample_weight is not None:
                    key += sample_weight.shape, sample_weight.dtype
            except AttributeError:  # nested, or not there
                return differentiate(x, y, sample_weight)
            if optimizer.loss_scale_factor is not None:  # which is written into the step
                key += (optimizer.loss_scale_factor,)
            if key != last_key:
                last_key, last = key, self._step(key, flat, ids)
            if last is not None and last.flat is flat:
                y_pred, loss = last.run(x, y) if sample_weight is None else last.run(x, y, sample_weight)
                return y_pred, loss, last.gradients, variables
            if key not in self._steps:  # it may be the only one
                self._steps[key] = None
            elif key not in self.sources:
                last_key = None
                return self._record(key, differentiate, (x, y) if sample_weight is None else (x, y, sample_weight))
            return differentiate(x, y, sample_weight)

        return step

    def _step(self, key: Any, flat: Any, ids: list[int]) -> _Step | None:
        """Return the step recorded for a shape and variables; forget it if one's array is not where it was."""
        known = self._steps.get(key)
        if known is not None and not (known.flat is flat and all(v.value is array for v, array in known.places)):
            known = self._steps[key] = None
            del self.sources[key]
        return known if known is not None and known.ids == ids else None

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
            self.launches[key] = recording.launches
            places = [(v, v.value) for v in self.model.variables if v.home is not None]
            self._steps[key] = _Step(run, optimizer.flat, list(map(id, variables)), room, places)
        return result


class _Step(NamedTuple):
    """A recorded step, and what has to be as it was for it to be repeated."""

    run: Callable[..., Any]
    flat: Any
    ids: list[int]  # of the variables, which `gradients` are of
    gradients: list[Any]
    places: list[tuple[Variable, Any]]  # where the variables are that change in place


#: Attributes of layers and models that change as they are used, and that no step depends on.
_USED = frozenset({"_fitting", "_measuring", "_repeated", "_under_way", "history", "stop_training"})


def _assumed_of(model: Any) -> list[Any]:
    """Return everything that has to be the same object for what was recorded to be true."""
    assumed: list[Any] = [backend.xp(), backend.floatx(), model.optimizer, model._scale]
    parts = [part.loss for part in model._compile_loss.parts]
    for thing in (*model.walk(), *parts, *(v.regularizer for v in _regularized(model))):
        assumed.append(thing)
        for name, value in vars(thing).items():
            if name not in _USED:
                assumed.append(value)
                if type(value) in (list, tuple, dict):
                    assumed += value.values() if isinstance(value, dict) else value
    return assumed


def _regularized(model: Any) -> list[Variable]:
    """Return the variables with a regularizer; to look for them is spared where no process ever had one."""
    return [v for v in model.trainable_variables if v.regularizer is not None] if variables.any_regularized else []


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
