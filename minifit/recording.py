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
from typing import Any, ClassVar, NamedTuple

import numpy as np

from . import backend, kernels, row_kernels, variables
from .assumed import Assumed
from .inlining import Note, inlined
from .ops.op import here
from .optimizers import Optimizer
from .spelling import NotRepeatable, Writer
from .tape import Tensor, unwrap
from .variables import Variable

_MOST_SHAPES = 32  # that are recorded: each holds on to the arrays that its step computes in


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
    careful : bool
        Whether somebody else's code runs between two steps, and may change anything.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.sources: dict[Any, str] = {}
        self.launches: dict[Any, list[str]] = {}
        self.careful = False
        self._steps: dict[Any, _Step | None] = {}
        self._assumed: Assumed | None = Assumed(model)

    @classmethod
    def of(cls, model: Any, before: Repeated | None) -> Repeated | None:
        """Return what repeats a model's steps, `before` if all that it assumed is so; None if they cannot be repeated.

        Recording costs as much as a hundred small steps, so it outlives the `fit` that it was made in.
        """
        if before is not None and before.model is model and before._assumed and before._assumed.holds():
            return before
        return cls(model) if cls.fits(model) else None

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
        model, ids = self.model, list(map(id, variables))
        last_key: Any = None
        last: _Step | None = None
        look = True

        def step(x: Any, y: Any, sample_weight: Any) -> Any:
            nonlocal last_key, last, look
            if look:
                look, last_key = self.careful, None
                if not (self._assumed and self._assumed.holds()):
                    self._begin_anew()
            optimizer = model.optimizer
            flat = optimizer.flat if self._assumed else None
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
            elif key not in self.sources and len(self.sources) < _MOST_SHAPES:
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

    def _begin_anew(self) -> None:
        """Forget all steps, for the model is another one now."""
        self.sources, self.launches, self._steps = {}, {}, {}
        self._assumed = Assumed(self.model) if self.fits(self.model) else None

    def _record(self, key: Any, differentiate: Callable[..., Any], batch: tuple[Any, ...]) -> Any:
        optimizer = self.model.optimizer
        batch = tuple(part[...] for part in batch)  # what is one array today, x and y, may be two tomorrow
        proof = None if backend.on_host(batch[0]) else _Proof(self.model)
        with Recording() as recording:
            result = differentiate(*batch, *[None] * (3 - len(batch)))
        y_pred, loss, gradients, variables = result
        try:
            room = optimizer.in_place(variables)
            if type(y_pred) is not Tensor or y_pred._keras_mask is not None or room is None:
                raise NotRepeatable(
                    "several outputs, predictions with a mask, or variables in another order than the optimizer's"
                )
            if any(g is None for g in gradients):
                raise NotRepeatable("a variable has no gradient")
            run, self.sources[key] = recording.as_function(
                dict(zip(("x", "y", "sample_weight"), batch, strict=False)),
                self.model.variables,
                [y_pred.value, loss.value],
                [(f"d_{_name(v)}", kept, unwrap(g)) for v, kept, g in zip(variables, room, gradients, strict=True)],
            )
            if proof is not None:
                proof.check(run, batch, [y_pred.value, loss.value], room, list(map(unwrap, gradients)))
        except NotRepeatable as error:
            self.sources[key] = str(error)
        except Exception as error:  # whatever it is: the step itself has just shown that it works
            self.sources[key] = f"{type(error).__name__}: {error}"
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


class _Proof:
    """Shows that a step recorded on a device gives, on its own batch, what was recorded, but for the rounding.

    On the host a step has to give the same bits, see `spelling.Writer.repeats`. On a device its kernels may round
    otherwise, and its random numbers are drawn inside them. So it is run once from the state that the recorded one
    began with, and the device is waited for, once a shape of batch.
    """

    _ROUNDING: ClassVar = {"e": 5e-2, "E": 2e-1, "f": 1e-3, "d": 1e-9}  # shares of the largest number

    def __init__(self, model: Any) -> None:
        self._changing = [v for v in model.variables if not v.trainable]  # running means, seeds
        self._before = self._state()

    def _state(self) -> list[Any]:
        return [v.value.copy() for v in self._changing]

    def check(
        self, run: Callable[..., Any], batch: Any, outputs: list[Any], room: list[Any], gradients: list[Any]
    ) -> None:
        """Run a step; put back all that it changes. NotRepeatable is raised if it gives something else."""
        after, wanted = self._state(), [gradient.copy() for gradient in gradients]
        self._put(self._before)
        try:
            given = run(*batch)
            scale = max(_largest(gradient) for gradient in wanted)
            same = all(self._agree(*pair) for pair in zip(given, outputs, strict=True))
            same = same and all(self._agree(*pair, scale) for pair in zip(room, wanted, strict=True))
            same = same and all(self._agree(*pair) for pair in zip(self._state(), after, strict=True))
        finally:
            self._put(after)
            for kept, gradient in zip(room, wanted, strict=True):
                kept[...] = gradient
        if not same:
            raise NotRepeatable("repeated on its own batch, the step gives something else")

    def _put(self, values: list[Any]) -> None:
        for variable, value in zip(self._changing, values, strict=True):
            variable.value[...] = value

    def _agree(self, given: Any, wanted: Any, scale: float | None = None) -> bool:
        if given.shape != wanted.shape or given.dtype != wanted.dtype:
            return False
        share = self._ROUNDING.get(wanted.dtype.char, 0)
        room = share * max(_largest(wanted) if scale is None else scale, 1e-6)
        given, wanted = (backend.to_numpy(x).astype(np.float64) for x in (given, wanted))
        return np.allclose(given, wanted, rtol=0, atol=room, equal_nan=True)


def _largest(array: Any) -> float:
    finite = backend.to_numpy(array).astype(np.float64)
    return float(np.max(np.abs(finite), where=np.isfinite(finite), initial=0))


def _regularized(model: Any) -> list[Variable]:
    """Return the variables with a regularizer; to look for them is spared where no process ever had one."""
    return [v for v in model.trainable_variables if v.regularizer is not None] if variables.any_regularized else []


def _repeats(layer: Any) -> bool:
    return (
        _is_own(layer)
        and _is_own(type(layer).call)
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
