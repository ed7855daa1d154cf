"""Variable: a named array that training changes; FlatVector: many of them as one.

All trainable variables of a model are views into one flat vector. An optimizer then updates a
whole model with a dozen calls, however many layers there are, and saving or averaging a model
is copying one array.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from . import backend
from .backend import Array
from .naming import auto_name
from .ops.op import here as noting
from .tape import Tensor, changed, unwrap


class _Here(threading.local):
    before: dict[int, tuple[Variable, Array]] | None = None  # the values to go back to


here = _Here()
any_regularized = False  #: whether any variable of this process ever had a regularizer; most processes have none


class Variable(Tensor):
    """A named array that training changes.

    Parameters
    ----------
    initializer : array_like, callable or str
        The first value; or ``initializer(shape, dtype)`` or the name of one, which need `shape`.
    shape : tuple of int, optional
    dtype : str, optional
        By default that of the first value, where Python's floats and float64 become the float type in force.
    trainable : bool
        Whether gradients are wanted.
    autocast : bool
        Whether a layer of mixed precision computes with it in the narrower type.
    aggregation, synchronization
        Accepted for compatibility with Keras; they change nothing here.
    name : str, optional
        By default ``variable``, counted.

    Attributes
    ----------
    path : str
        The name behind those of its owners, such as ``sequential/dense/kernel``.
    regularizer : callable or None
        ``regularizer(variable)`` is a penalty that its layer adds to the loss.
    constraint : callable or None
        ``constraint(variable)`` is what an optimizer replaces the value with after each step.

    Examples
    --------
    >>> import minifit as keras
    >>> step = keras.Variable(1.5, name="step")
    >>> step.assign_add(1.0).numpy()
    array(2.5, dtype=float32)
    """

    __slots__ = (
        *("_constraint", "_regularizer", "_trainable", "autocast", "changed", "home", "may_train", "name", "path"),
        "stays_on_host",
    )

    def __init__(
        self,
        initializer: Any,
        shape: Sequence[int] | None = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: Any = "none",
        synchronization: Any = "auto",
        name: str | None = None,
    ) -> None:
        name = auto_name("variable") if name is None else name
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"Argument `name` must be a string and cannot contain character `/`; got {name!r}.")
        if isinstance(initializer, str):
            from .initializers import get

            initializer = get(initializer)
        if callable(initializer):
            if shape is None:
                raise ValueError("Variable(initializer, shape=...) needs a shape when initializer is callable.")
            dtype = np.dtype(dtype or backend.floatx())
            value = initializer(tuple(shape), dtype=dtype)
        else:
            value = unwrap(initializer)
        own = backend.xp().array(backend.asarray(unwrap(value)), dtype=dtype or _kind_of(value))
        super().__init__(own, tracked=trainable)
        self.name = self.path = name
        self.autocast = autocast
        self._trainable = trainable
        self._regularizer: Callable[[Any], Any] | None = None
        self._constraint: Callable[[Any], Any] | None = None
        self.changed = 0  # when it was last changed in place, in the tape's count of changes
        self.may_train = trainable  # False for what no gradient ever moves, such as moving statistics
        self.home: FlatVector | None = None
        self.stays_on_host = False  # True for what the loop reads at every step, and must not wait for

    @property
    def regularizer(self) -> Callable[[Any], Any] | None:
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[Any], Any] | None) -> None:
        global any_regularized
        any_regularized = any_regularized or value is not None
        self._regularizer = _callable_or_none("regularizer", value)

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[Any], Any] | None) -> None:
        self._constraint = _callable_or_none("constraint", value)

    @property
    def trainable(self) -> bool:
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = self.tracked = bool(value)

    def assign(self, value: Any) -> Variable:
        """Set the value in place."""
        value = unwrap(value)
        if np.shape(value) != self.shape:
            raise ValueError(
                f"Variable {self.name!r} has shape {self.shape}; assign() was given shape {np.shape(value)}."
            )
        return self._set(self._beside(value))

    def _beside(self, value: Any) -> Array:
        """Return a value as an array where the variable's own lies."""
        if backend.on_host(self.value):
            return backend.to_numpy(value)
        with contextlib.nullcontext() if backend.is_here(self.value) else backend.device("gpu"):
            return backend.asarray(value)

    def _set(self, value: Array) -> Variable:
        keep(self)
        if self.home is None:
            # A new array: what a tape has computed from the old one stays true.
            fresh = np.empty_like(self.value)
            fresh[...] = value
            self.value = fresh
        else:
            self.value[...] = value
        if self.home is not None or self.tracked or self.may_train:  # of nothing else would a tape need to know
            changed(self)
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value in place."""
        value = unwrap(value)
        try:
            return self._set(self.value + value)
        except TypeError:  # a constant that lies on another device
            return self._set(self.value + self._beside(value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value in place."""
        value = unwrap(value)
        try:
            return self._set(self.value - value)
        except TypeError:  # a constant that lies on another device
            return self._set(self.value - self._beside(value))

    def keep_on_host(self) -> Variable:
        """Let the value lie on the host whatever device is in use; return the variable."""
        self.value, self.stays_on_host = backend.to_numpy(self.value), True
        return self

    def __getstate__(self) -> dict[str, Any]:
        # A copy, pickled or not, lies on the device that is in use where it is made.
        names = [name for cls in type(self).__mro__ for name in vars(cls).get("__slots__", ()) if name[:2] != "__"]
        return {**{name: getattr(self, name) for name in names}, "value": backend.to_numpy(self.value)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        if not self.stays_on_host:
            self.value = backend.here(self.value)

    def __repr__(self) -> str:
        return f"<Variable path={self.path}, shape={self.shape}, dtype={self.dtype}, value={self.numpy()}>"


def keep(variable: Variable) -> None:
    """Note the value that a variable is about to lose, if what is under way is `on_trial`."""
    if noting.notes is not None:
        noting.notes.append(("assign", variable.assign, (), {}, None))  # of a value that no step will find again
    if here.before is not None:
        here.before.setdefault(id(variable), (variable, variable.value.copy()))


def bring(variables: Iterable[Variable]) -> None:
    """Move variables to the device in use, but for those that stay on the host."""
    for variable in variables:
        if not variable.stays_on_host and not backend.is_here(variable.value):
            variable.value = backend.here(variable.value)
            changed(variable)
            if variable.home is not None:
                variable.home.stale = True


@contextlib.contextmanager
def on_trial() -> Iterator[None]:
    """Give the variables that change inside the block their values back: a call for the sake of shapes counts not."""
    outer, here.before = here.before, {}
    try:
        yield
    finally:
        before, here.before = here.before, outer
        for variable, value in before.values():
            variable._set(value)


@contextlib.contextmanager
def for_good() -> Iterator[None]:
    """Let the block change variables even inside `on_trial`: weights are made there once and for all."""
    outer, here.before = here.before, None
    try:
        yield
    finally:
        here.before = outer


@contextlib.contextmanager
def holding(variables: Sequence[Variable], values: Sequence[Any]) -> Iterator[None]:
    """Let variables have these values inside the block, and their own again after it."""
    before = [variable.value for variable in variables]
    try:
        for variable, value in zip(variables, values, strict=True):
            variable.value = backend.asarray(unwrap(value))
        yield
    finally:
        for variable, value in zip(variables, before, strict=True):
            variable.value = value


def _kind_of(value: Any) -> Any:
    """Return the type of a variable whose maker named none."""
    dtype = getattr(value, "dtype", None)
    if dtype is None:  # Python's numbers, and lists of them
        dtype = np.asarray(value).dtype
        dtype = np.dtype("int32") if dtype.kind == "i" else dtype
    return backend.floatx() if dtype == np.float64 else dtype


def _callable_or_none(attribute: str, value: Any) -> Any:
    if value is not None and not callable(value):
        raise ValueError(f"Variable.{attribute} expects a function of the variable, or None; got {value!r}.")
    return value


class FlatVector:
    """Several variables as slices of one 1-D array.

    From construction on, each variable's `value` is a view into `vector`; its shape and its
    numbers stay what they were.

    Parameters
    ----------
    variables : sequence of Variable
        All of one dtype.

    Attributes
    ----------
    vector : (P,)
        P is the number of parameters in all.
    slices : list of slice
        Where each variable lies.
    stale : bool
        Whether a later FlatVector has taken one of the variables over.
    """

    def __init__(self, variables: Sequence[Variable]) -> None:
        dtypes = {str(v.dtype) for v in variables}
        if len(dtypes) > 1:
            raise ValueError(
                f"Variables of one model must share a float type; got {sorted(dtypes)}. Build the model after "
                "minifit.config.set_floatx(...), not across it."
            )
        self.variables = list(variables)
        self.stale = False
        self.changed = 0  # when all of them were last changed at once, in the tape's count of changes
        ends = np.cumsum([v.size for v in variables], dtype=int)
        self.slices = [slice(int(end) - v.size, int(end)) for v, end in zip(variables, ends, strict=True)]
        dtype = self.variables[0].dtype if self.variables else backend.floatx()
        self.vector: Array = backend.xp().empty(int(ends[-1]) if len(ends) else 0, dtype=dtype)
        for variable, part in zip(self.variables, self.slices, strict=True):
            self.vector[part] = variable.value.ravel()
            variable.value = self.vector[part].reshape(variable.shape)
            if variable.home is not None:
                variable.home.stale = True
            variable.home = self

    def __getstate__(self) -> dict[str, Any]:
        # A copied view is no view any more: the copy has to be laid out anew before its next step.
        return {**vars(self), "stale": True, "vector": None}

    def views(self, vector: Array) -> list[Array]:
        """Return another vector of the same length, cut and shaped as the variables are."""
        return [
            vector[part].reshape(variable.shape) for variable, part in zip(self.variables, self.slices, strict=True)
        ]
