"""Tensor and GradientTape: what was done, walked backwards.

A `Tensor` is an array that, while a `GradientTape` is open, has every op on it written down:
op, inputs, output. `GradientTape.gradient` walks that list from its end to its beginning. At
each line it knows how the loss depends on the output, asks the op how it therefore depends on
the inputs, and adds that up, for a value used twice receives a gradient twice.
"""

from __future__ import annotations

import contextlib
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from . import ops
from .backend import Array, in_words, to_numpy, xp
from .ops import stop_gradient as stop_gradient
from .ops import unwrap
from .ops.op import as_index, constant, here, mixed, noted, placed, together


class _Here(threading.local):
    """What belongs to the thread that runs: one may train while another predicts."""

    def __init__(self) -> None:
        self.tapes: list[GradientTape] = []  # those that are open, outermost first


_here = _Here()
_changes = 0


def changed(what: Any) -> None:
    """Note that a variable, or a vector of many, changed in place: what tapes wrote down before is no longer so."""
    global _changes
    _changes += 1
    what.changed = _changes


class Tensor(ops.Traced):
    """An array whose history a tape can follow. Read its array with `.numpy()`.

    Operators, NumPy's functions and the ops of the engine all work on it.

    Examples
    --------
    >>> import minifit as keras
    >>> x = keras.Variable([1.0, 2.0, 3.0])
    >>> with keras.GradientTape() as tape:
    ...     loss = np.sum(x ** 2)
    >>> tape.gradient(loss, x).numpy()
    array([2., 4., 6.], dtype=float32)
    """

    __slots__ = ("__weakref__", "_keras_mask", "made_by", "tracked", "value")

    # NumPy then leaves `array + tensor` to the tensor.
    __array_priority__ = 1000

    def __init__(self, value: Any, tracked: bool = False) -> None:
        self.value: Array = value
        self.tracked = tracked  # whether something of this is a variable that wants a gradient
        # Set by softmax and sigmoid: which of them made this, and from what.
        self.made_by: tuple[str, Tensor] | None = None
        self._keras_mask: Array | None = None  # which samples and steps count, where that is not all of them

    # -- what it is ---------------------------------------------------------------------------

    @property
    def shape(self) -> tuple[int, ...]:
        return self.value.shape

    @property
    def ndim(self) -> int:
        return self.value.ndim

    @property
    def size(self) -> int:
        return self.value.size

    @property
    def dtype(self) -> np.dtype:
        return self.value.dtype

    @property
    def T(self) -> Tensor:
        return ops.transpose(self)

    def numpy(self) -> np.ndarray:
        """Return a copy of the array, on the host."""
        return np.array(to_numpy(self.value))

    def __repr__(self) -> str:
        return f"<Tensor shape={self.shape} dtype={self.dtype} value={to_numpy(self.value)!r}>"

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if self.tracked and _here.tapes:
            raise TypeError(
                "np.asarray(), np.array() and float lists take a Tensor off the tape, and its gradient "
                "would be lost. Leave the Tensor as it is (NumPy's functions work on it), or call "
                ".numpy() if no gradient is wanted."
            )
        return np.asarray(to_numpy(self.value), dtype=dtype)

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)

    def __bool__(self) -> bool:
        return bool(self.value)

    def __len__(self) -> int:
        return len(self.value)

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.size == 1 else str(self), spec) if spec else str(self)

    def item(self) -> Any:
        """Return the only element as a Python number."""
        return self.value.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        return to_numpy(self.value).tolist()

    # -- recording ----------------------------------------------------------------------------

    def record(self, op: ops.Op, inputs: tuple, options: dict) -> Tensor:
        """Run `op` on the arrays of `inputs` and write it down on every open tape."""
        arrays, needs = [], []
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x.value)
                needs.append(x.tracked)
            else:
                arrays.append(ops.array(x) if isinstance(x, (list, tuple)) else x)
                needs.append(False)
        try:
            if here.notes is None:
                output = Tensor(op.forward(*arrays, **options))
            else:
                output = Tensor(noted(op.forward, *arrays, called=op.__name__, **options))
        except TypeError as error:
            if not mixed(arrays):
                raise in_words(error) from None
            arrays = together(arrays)
            output = Tensor(op.forward(*arrays, **options))
        if True in needs and _here.tapes:
            output.tracked = True
            for tape in _here.tapes:
                tape.records.append((op, inputs, arrays, needs, options, output, _changes))
        return output

    def constant(self) -> Tensor:
        return Tensor(self.value)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        if method == "reduce" and ufunc in (np.add, np.maximum, np.minimum):
            reduce = {np.add: np.sum, np.maximum: np.max, np.minimum: np.min}[ufunc]
            options = {name: kwargs[name] for name in ("axis", "keepdims") if name in kwargs}
            return ops.NUMPY[reduce](*inputs, **{"axis": 0, **options})
        if method != "__call__":
            return NotImplemented
        if kwargs.get("out") is not None:
            raise TypeError(
                f"np.{ufunc.__name__}(..., out=...) and in-place operators would overwrite a value that "
                "the tape still needs. Write `a = a + b` instead of `a += b`."
            )
        return self.__array_function__(ufunc, (), inputs, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in ops.NUMPY:
            return ops.NUMPY[function](*args, **kwargs)
        if function in ops.NUMPY_WITHOUT_GRADIENT:
            arrays, options = [unwrap(x) for x in args], {name: unwrap(x) for name, x in kwargs.items()}
            try:
                return function(*arrays, **options)
            except TypeError as error:
                if not mixed(arrays):
                    raise in_words(error) from None
                return function(*together(arrays), **options)
        name = getattr(function, "__name__", str(function))
        raise TypeError(
            f"np.{name} has no gradient in minifit. Build the expression from {len(ops.NUMPY)} NumPy functions "
            "that have one (exp, log, sum, mean, maximum, where, matmul, take_along_axis, ...), or use "
            "np.zeros_like, comparisons and .numpy() where no gradient is wanted."
        )

    # -- methods that arrays have -------------------------------------------------------------

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.sum(self, axis=axis, keepdims=keepdims)

    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.mean(self, axis=axis, keepdims=keepdims)

    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.max(self, axis=axis, keepdims=keepdims)

    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.min(self, axis=axis, keepdims=keepdims)

    def var(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.var(self, axis=axis, keepdims=keepdims)

    def std(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.std(self, axis=axis, keepdims=keepdims)

    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor:
        return ops.prod(self, axis=axis, keepdims=keepdims)

    def cumsum(self, axis: Any = None) -> Tensor:
        return ops.cumsum(self, axis=axis)

    def any(self, axis: Any = None) -> Array:
        return self.value.any(axis=axis)

    def all(self, axis: Any = None) -> Array:
        return self.value.all(axis=axis)

    def round(self, decimals: int = 0) -> Array:
        return self.value.round(decimals)

    def argmax(self, axis: Any = None) -> Array:
        return self.value.argmax(axis=axis)

    def argmin(self, axis: Any = None) -> Array:
        return self.value.argmin(axis=axis)

    def reshape(self, *shape: Any) -> Tensor:
        return ops.reshape(self, shape=shape[0] if len(shape) == 1 else shape)

    def ravel(self) -> Tensor:
        return ops.ravel(self)

    flatten = ravel

    def transpose(self, *axes: Any) -> Tensor:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else (axes or None)
        return ops.transpose(self, axes=order)

    def squeeze(self, axis: Any = None) -> Tensor:
        return ops.squeeze(self, axis=axis)

    def astype(self, dtype: Any) -> Tensor:
        return ops.astype(self, np.dtype(dtype))

    def clip(self, low: Any = None, high: Any = None) -> Tensor:
        return ops.NUMPY[np.clip](self, low, high)

    def dot(self, other: Any) -> Tensor:
        return ops.dot(self, other)

    def copy(self) -> Tensor:
        return ops.NUMPY[np.positive](self)

    def __getitem__(self, index: Any) -> Tensor:
        if isinstance(index, tuple):
            index = tuple(as_index(i) if isinstance(i, (Tensor, np.ndarray)) else i for i in index)
        elif isinstance(index, (Tensor, np.ndarray)):
            index = as_index(index)
        return ops.getitem(self, index=index)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "A Tensor cannot be changed in place: the tape still needs its values. Build a new one with "
            "np.where(...), or use Variable.assign(...) for a weight."
        )

    # -- operators ----------------------------------------------------------------------------

    def __add__(self, other: Any) -> Tensor:
        return ops.add(self, other)

    def __radd__(self, other: Any) -> Tensor:
        return ops.add(other, self)

    def __sub__(self, other: Any) -> Tensor:
        return ops.subtract(self, other)

    def __rsub__(self, other: Any) -> Tensor:
        return ops.subtract(other, self)

    def __mul__(self, other: Any) -> Tensor:
        return ops.multiply(self, other)

    def __rmul__(self, other: Any) -> Tensor:
        return ops.multiply(other, self)

    def __truediv__(self, other: Any) -> Tensor:
        return ops.divide(self, other)

    def __rtruediv__(self, other: Any) -> Tensor:
        return ops.divide(other, self)

    def __floordiv__(self, other: Any) -> Array:
        return self._compared(operator.floordiv, unwrap(other))

    def __rfloordiv__(self, other: Any) -> Array:
        return unwrap(other) // self.value

    def __mod__(self, other: Any) -> Tensor:
        return ops.mod(self, other)

    def __rmod__(self, other: Any) -> Tensor:
        return ops.mod(other, self)

    def __pow__(self, other: Any) -> Tensor:
        return ops.square(self) if isinstance(other, int) and other == 2 else ops.power(self, other)

    def __rpow__(self, other: Any) -> Tensor:
        return ops.power(other, self)

    def __matmul__(self, other: Any) -> Tensor:
        return ops.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Tensor:
        return ops.matmul(other, self)

    def __neg__(self) -> Tensor:
        return ops.negative(self)

    def __abs__(self) -> Tensor:
        return ops.absolute(self)

    def _compared(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        """Return what a function without a gradient gives; an array of the host is brought to the device."""
        try:
            return noted(function, self.value, other)
        except TypeError as error:
            if not mixed([other]):
                raise in_words(error) from None
            return function(self.value, *together([other]))

    def __lt__(self, other: Any) -> Array:
        return self._compared(operator.lt, unwrap(other))

    def __le__(self, other: Any) -> Array:
        return self._compared(operator.le, unwrap(other))

    def __gt__(self, other: Any) -> Array:
        return self._compared(operator.gt, unwrap(other))

    def __ge__(self, other: Any) -> Array:
        return self._compared(operator.ge, unwrap(other))

    def __eq__(self, other: Any) -> Any:
        return self._compared(operator.eq, unwrap(other))

    def __ne__(self, other: Any) -> Any:
        return self._compared(operator.ne, unwrap(other))

    __hash__ = object.__hash__


class GradientTape:
    """Write down what is done to variables inside a ``with`` block, then differentiate it.

    Parameters
    ----------
    persistent : bool
        Whether `gradient` may be asked for more than once.
    watch_accessed_variables : bool
        Accepted for compatibility with TensorFlow; trainable variables are always watched.

    Examples
    --------
    >>> import minifit as keras
    >>> a = keras.Variable(3.0)
    >>> with keras.GradientTape() as tape:
    ...     y = a * a + a
    >>> float(tape.gradient(y, a))
    7.0
    """

    def __init__(self, persistent: bool = False, watch_accessed_variables: bool = True) -> None:
        self.persistent = persistent
        # op, inputs, their arrays, which of them want a gradient, options, output, count of changes
        self.records: list[tuple[ops.Op, tuple, list, list[bool], dict, Tensor, int]] = []
        self._began = _changes
        self._used = False

    def __enter__(self) -> GradientTape:
        _here.tapes.append(self)
        self._began = _changes
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _here.tapes.remove(self)

    def watch(self, tensor: Tensor | Sequence[Tensor]) -> None:
        """Follow a Tensor that is no variable, so that a gradient can be asked of it."""
        for x in tensor if isinstance(tensor, (list, tuple)) else [tensor]:
            if not isinstance(x, Tensor):
                raise TypeError(
                    f"GradientTape.watch(tensor) expects a Tensor; got {type(x).__name__}. Make one with "
                    "minifit.Tensor(array), or use a Variable."
                )
            x.tracked = True

    def gradient(self, target: Any, sources: Any, output_gradients: Any = None, out: Any = None) -> Any:
        """Return the gradient of `target` with respect to each of `sources`.

        Parameters
        ----------
        target : Tensor
            Usually the loss, a scalar. An array is summed first.
        sources : Tensor or Variable, or a list or tuple of them
        output_gradients : array like target, optional
            Weights of the target's elements, instead of ones.
        out : dict of int to array, optional
            By ids of sources, where the gradients of these may be written; they need not be. What is returned is then
            arrays, not Tensors.

        Returns
        -------
        Tensor or list
            Of the sources' shapes; None where the target does not depend on a source.

        Raises
        ------
        TypeError
            If `target` is no Tensor: the computation has left the tape.
        RuntimeError
            On a second call, unless the tape is persistent.
        """
        if self._used and not self.persistent:
            raise RuntimeError(
                "A GradientTape gives one gradient and then forgets. Ask for all sources in one call, "
                "or open GradientTape(persistent=True)."
            )
        if not isinstance(target, Tensor):
            raise TypeError(
                f"gradient(target, ...) expects a Tensor; got {type(target).__name__}: somewhere the "
                "computation left the tape. Look for float(...), np.asarray(...), .numpy() or .item() on the "
                "way from the variables to the loss."
            )
        self._used = True
        wanted = _tensors_in(sources)
        recording = self in _here.tapes
        if recording:
            _here.tapes.remove(self)  # walking back is no part of what was done
        try:
            gradients = self._walk_back(target, wanted, output_gradients, out or {})
        finally:
            if recording:
                _here.tapes.append(self)
            if not self.persistent:
                self.records = []
        return gradients if wanted is sources else _put_back(sources, iter(gradients))

    def jacobian(self, target: Tensor, sources: Any) -> Any:
        """Return, for each source, the gradient of every element of `target`: of shape target.shape + source.shape."""
        wanted = _tensors_in(sources)
        rows = xp().eye(target.size, dtype=target.dtype)
        before, self.persistent = self.persistent, True
        try:
            found = [self.gradient(target, wanted, np.reshape(row, target.shape)) for row in rows]
        finally:
            self.persistent = before
            if not before:
                self.records = []
        joined = [
            None if each[0] is None else ops.reshape(ops.stack(each), shape=(*target.shape, *source.shape))
            for source, each in zip(wanted, zip(*found, strict=True), strict=True)
        ]
        return _put_back(sources, iter(joined))

    def reset(self) -> None:
        """Forget all that was written down."""
        self.records = []
        self._used = False
        self._began = _changes

    @contextlib.contextmanager
    def stop_recording(self) -> Iterator[None]:
        """Write nothing down inside a ``with`` block, for what needs no gradient."""
        recording = self in _here.tapes
        if recording:
            _here.tapes.remove(self)
        try:
            yield
        finally:
            if recording:
                _here.tapes.append(self)

    def _walk_back(self, target: Tensor, wanted: list[Tensor], dy: Any, out: dict[int, Array]) -> list[Tensor | None]:
        # While an outer tape is open, the products run on Tensors, and so are written down there:
        # that is all that second derivatives take.
        nested = bool(_here.tapes)
        start = constant(xp().ones(target.shape, dtype=target.dtype)) if dy is None else placed(dy)
        found: dict[int, Any] = {id(target): start}
        keep = set(map(id, wanted))
        on_the_way = None if _changes == self._began else self._leading_to(keep)
        for op, inputs, arrays, needs, options, output, when in reversed(self.records):
            key = id(output)
            if key not in found:
                continue
            if on_the_way is not None:
                if key not in on_the_way:
                    continue
                _unchanged_since(when, inputs, needs, nested)
            dy = found[key] if key in keep else found.pop(key)
            if op.shortcut:  # past the probabilities, unless it is their gradient that is asked for
                needs = [needs[0], id(inputs[1]) in keep]
            if nested:
                live = [need or op.shortcut for need in needs]
                values = [x if keeps else a for x, a, keeps in zip(inputs, arrays, live, strict=True)]
                gradients = op.vjp(needs, dy, output, *values, **options)
            else:
                if op.writes and out:  # but what is used twice is added up
                    room = [None if id(x) in found else out.get(id(x)) for x in inputs]
                    options = {**options, "out": room}
                if here.notes is None:
                    gradients = op.vjp(needs, dy, output.value, *arrays, **options)
                else:
                    name = f"{op.__name__}_vjp"
                    gradients = noted(op.vjp, needs, dy, output.value, *arrays, called=name, **options)
            for x, need, gradient in zip(inputs, needs, gradients, strict=True):
                if need and gradient is not None:
                    key = id(x)
                    found[key] = noted(operator.add, found[key], gradient) if key in found else gradient
        gradients = map(found.get, map(id, wanted))
        return list(gradients) if out else [g if g is None or isinstance(g, Tensor) else Tensor(g) for g in gradients]

    def _leading_to(self, keep: set[int]) -> set[int]:
        """Return the ids of all that was computed from the wanted sources."""
        reached = set(keep)
        for _, inputs, _, _, _, output, _ in self.records:
            if any(id(x) in reached for x in inputs):
                reached.add(id(output))
        return reached


def _unchanged_since(when: int, inputs: tuple, needs: list[bool], nested: bool) -> None:
    for x, need in zip(inputs, needs, strict=True):
        # A variable apart from an optimizer's vector gets a new array when it is assigned; the tape has the old.
        home = getattr(x, "home", None)
        overwritten = home is not None or (nested and need)
        if overwritten and max(getattr(x, "changed", 0), getattr(home, "changed", 0)) > when:
            raise RuntimeError(
                f"{x.name!r} was changed (by an optimizer or assign) after the tape had used it, so its gradient would "
                "be that of another value. Take all gradients first, then apply them."
            )


def _tensors_in(sources: Any) -> list[Tensor]:
    """Return the Tensors in nested lists, tuples and dicts; a plain list of them as it is."""
    if isinstance(sources, Tensor):
        return [sources]
    if type(sources) is list and len([x for x in sources if isinstance(x, Tensor)]) == len(sources):
        return sources
    if not isinstance(sources, (list, tuple, dict)):
        raise TypeError(
            f"gradient(target, sources) expects Variables or Tensors, or lists and dicts of them; got "
            f"{type(sources).__name__}, of which no tape knows anything."
        )
    found: list[Tensor] = []
    for item in sources.values() if isinstance(sources, dict) else sources:
        if isinstance(item, Tensor):
            found.append(item)
        else:
            found += _tensors_in(item)
    return found


def _put_back(sources: Any, gradients: Iterator[Any]) -> Any:
    """Return the gradients in the nesting of the sources."""
    if isinstance(sources, Tensor):
        return next(gradients)
    if isinstance(sources, dict):
        return {key: _put_back(item, gradients) for key, item in sources.items()}
    return [next(gradients) if isinstance(item, Tensor) else _put_back(item, gradients) for item in sources]
