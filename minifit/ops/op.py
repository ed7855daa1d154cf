"""What an op is: a forward function with its vector-Jacobian product beside it.

An `Op` is a forward function on arrays and, for every input, a *product*: given ``dy``, the
gradient of some scalar with respect to the op's output ``y``, it returns the gradient with
respect to that input. Called with plain arrays an op is its forward. Called with a Tensor it
hands itself to the tape (see ``tape.py``), which remembers it and later asks for the products.

The products are written in plain NumPy calls, so they can be differentiated in their turn.
"""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ..backend import Array, asarray, floatx, in_words, on_host, xp
from ..backend import here as place

Product = Callable[..., Any]


class Traced:
    """What the tape's Tensor derives from, so that the ops need not know the tape."""

    __slots__ = ()
    value: Any
    symbolic = False  # whether it stands for arrays of which only the shape is known

    def record(self, op: Op, inputs: tuple, options: dict) -> Any:
        """Run `op` and remember it."""
        raise TypeError("Traced is a marker; only the tape's Tensor records.")

    def constant(self) -> Any:
        """Return the same values, through which no gradient flows."""
        raise TypeError("Traced is a marker; only the tape's Tensor has values.")

    def draw(self, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
        """Note that a function was called on what stands for arrays."""
        raise TypeError("Traced is a marker; only a symbol draws.")


def unwrap(x: Any) -> Any:
    """Return a Tensor's array; anything else as it is."""
    return x.value if isinstance(x, Traced) else x


class _Here(threading.local):
    """What belongs to the thread that runs."""

    def __init__(self) -> None:
        # While a step is recorded (see ``recording.py``): name, function, arguments and result of each call on arrays.
        self.notes: list[tuple[str, Callable[..., Any], tuple, dict, Any]] | None = None


here = _Here()


def noted(function: Callable[..., Any], *args: Any, called: str = "", **options: Any) -> Any:
    """Call a function of arrays; if a step is being recorded, the call will be repeated with it.

    What a step computes by ops is noted by itself. This is for what it does beside them, such as drawing a mask.
    """
    notes = here.notes
    if notes is None or any(isinstance(x, Traced) for x in args):  # whose ops will be noted
        return function(*args, **options)
    here.notes = None  # what happens inside is part of the call
    try:
        result = function(*args, **options)
    finally:
        here.notes = notes
    notes.append((called or function.__name__, function, args, options, result))
    return result


def constant(array: Array) -> Array:
    """Return an array; if a step is being recorded, it is one that all steps share."""
    if here.notes is not None:
        here.notes.append(("constant", constant, (), {}, array))
    return array


def drawable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Let a function of several ops be one call in a graph of symbols."""

    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        symbol = _symbol((*args, *kwargs.values()))
        return function(*args, **kwargs) if symbol is None else symbol.draw(function, args, kwargs)

    return call


def _symbol(values: Sequence[Any]) -> Any:
    for x in values:
        if type(x) in (list, tuple) and x and isinstance(x[0], (Traced, list, tuple)):
            x = _symbol(x)
        if isinstance(x, Traced) and x.symbolic:
            return x
    return None


class Op:
    """A forward function and the vector-Jacobian product of each of its inputs."""

    def __init__(
        self,
        forward: Callable[..., Any],
        vjp: Callable[..., Sequence[Any]],
        n_inputs: int = 0,
        shortcut: bool = False,
        writes: bool = False,
    ) -> None:
        self.forward = forward
        self.vjp = vjp
        self.n_inputs = n_inputs  # what comes after them is an option; 0: what has no name is an input
        self.shortcut = shortcut  # whether the second input is on the way to the first, and may be passed by
        self.writes = writes  # whether gradients can be written where they are wanted
        self.__name__, self.__module__ = forward.__name__, forward.__module__
        self.__doc__ = forward.__doc__
        self.__wrapped__ = forward  # where help() finds the arguments

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        if len(inputs) != self.n_inputs and self.n_inputs:
            inputs, options = self._bound(inputs, options)
        for value in inputs:
            if isinstance(value, Traced):
                return value.record(self, inputs, options)
        if not hasattr(inputs[0], "dtype"):
            inputs = arrays(inputs)
        try:
            if here.notes is not None:
                return noted(self.forward, *inputs, **options)
            return self.forward(*inputs, **options)
        except TypeError as error:
            if not mixed(inputs):
                raise in_words(error) from None
            return self.forward(*together(inputs), **options)

    @functools.cached_property
    def _names(self) -> list[str]:
        return list(inspect.signature(self.forward).parameters)

    def _bound(self, inputs: tuple, options: dict) -> tuple[tuple, dict]:
        """Tell inputs from options, whichever of them were given by name."""
        given = {**dict(zip(self._names, inputs, strict=False)), **options}
        needed = self._names[: self.n_inputs]
        if len(given) < len(inputs) + len(options) or not given.keys() >= set(needed):
            raise TypeError(f"{self.__name__}({', '.join(self._names)}) was given {len(inputs)} and {list(options)}.")
        return tuple(given.pop(name) for name in needed), given

    def __repr__(self) -> str:
        return f"<op {self.__name__}>"

    def __reduce__(self) -> str:
        return self.__name__  # copied and pickled as functions are: by name


def op(*products: Product | None, broadcast: bool = False) -> Callable[[Callable[..., Any]], Op]:
    """Make the decorated forward an `Op`, with one product an input.

    Parameters
    ----------
    products : callable or None
        ``product(dy, y, *inputs, **options) -> gradient of that input``; None where there is none.
    broadcast : bool
        Whether the inputs broadcast against each other and take on one type; each gradient is then
        brought back to the shape and the type of its input.
    """

    def vjp(needs: Sequence[bool], dy: Array, y: Array, *inputs: Array, **options: Any) -> list[Any]:
        gradients: list[Any] = []
        for need, product, x in zip(needs, products, inputs, strict=True):
            if not need or product is None:
                gradients.append(None)
                continue
            gradient = product(dy, y, *inputs, **options)
            gradients.append(like(gradient, x) if broadcast else gradient)
        return gradients

    if len(products) == 1 and not broadcast:  # its one input wants a gradient, or the op were not on the tape
        (only,) = products
        return lambda forward: Op(forward, lambda needs, *values, **options: (only(*values, **options),), 1)  # type: ignore[misc]
    return lambda forward: Op(forward, vjp, len(products))


def joint_op(
    vjp: Callable[..., Sequence[Any]], n_inputs: int = 0, shortcut: bool = False, writes: bool = False
) -> Callable[[Callable[..., Any]], Op]:
    """Make the decorated forward an `Op` whose products share work.

    `vjp` is ``vjp(needs, dy, y, *inputs, **options) -> one gradient an input``, where
    ``needs[i]`` tells whether input i's gradient is wanted at all. Where it `writes` it also takes `out`:
    for each input, an array that its gradient may be written into, or None.
    """
    return lambda forward: Op(forward, vjp, n_inputs, shortcut, writes)


def unbroadcast(gradient: Array, shape: tuple[int, ...]) -> Array:
    """Sum a gradient over the axes along which its variable was broadcast.

    Examples
    --------
    >>> unbroadcast(np.ones((4, 3)), (3,))
    array([4., 4., 4.])
    """
    if gradient.shape == shape:
        return gradient
    extra = gradient.ndim - len(shape)
    stretched = tuple(i for i, size in enumerate(shape, start=extra) if size == 1 and gradient.shape[i] != 1)
    return np.reshape(np.sum(gradient, axis=tuple(range(extra)) + stretched), shape)


def like(gradient: Array, x: Array) -> Array:
    """Return a gradient in the shape and the type of what it is the gradient of."""
    gradient = unbroadcast(gradient, x.shape)
    return gradient if gradient.dtype == x.dtype else gradient.astype(x.dtype)


# --------------------------------------------------------------------------- types
#
# NumPy alone goes to float64 where float32 meets an integer array or a float64 scalar. Here, as in Keras,
# the arrays of floats decide.


def array(x: Any, dtype: Any = None) -> Any:
    """Return a Python number or list as an array, its floats in the float type in force; an array as it is."""
    if x is not None and not hasattr(x, "dtype"):
        x = asarray(x)
        dtype = dtype or (floatx() if x.dtype == np.float64 else None)
    return x if dtype is None else x.astype(np.dtype(dtype))


def placed(x: Any) -> Any:
    """Return x as an array on the device in use, or the Tensor that it is."""
    return x if isinstance(x, Traced) else place(array(x))


def as_index(x: Any) -> Any:
    """Return indices, or labels, as an array on the device in use."""
    return unwrap(placed(x))


def as_float(x: Any) -> Any:
    """Return x as an array of floats."""
    x = array(x)
    return x if np.dtype(x.dtype).kind in "fc" else x.astype(floatx())


def arrays(inputs: Sequence[Any]) -> tuple[Any, ...]:
    """Return what an op was given as arrays; Python numbers stay what they are beside one."""
    beside = any(hasattr(x, "dtype") for x in inputs)
    return tuple(x if beside and isinstance(x, (int, float)) else array(x) for x in inputs)


def mixed(inputs: Sequence[Any]) -> bool:
    """Tell whether arrays of the host lie among inputs while another device is in use."""
    return xp() is not np and any(map(on_host, inputs))


def together(inputs: Sequence[Any]) -> list[Any]:
    """Return inputs with the host's arrays, such as constants in a layer of the user's own, on the device in use."""
    return [asarray(x) if on_host(x) else x for x in inputs]


def agree(*inputs: Any, floating: bool = False) -> Sequence[Any]:
    """Return inputs of one function in one float type, that of the arrays of floats among them.

    Parameters
    ----------
    inputs : array_like
    floating : bool
        Whether integers become floats even where they are among themselves.

    Examples
    --------
    >>> x = np.ones(3, "float32")
    >>> (x * np.float64(2)).dtype, np.multiply(*agree(x, np.float64(2))).dtype
    (dtype('float64'), dtype('float32'))
    """
    first = getattr(inputs[0], "dtype", None)
    if first is not None and first.kind == "f":
        for x in inputs:
            if getattr(x, "dtype", None) is not first:
                break
        else:
            return inputs
    inputs = arrays(inputs)
    floats = [x for x in inputs if hasattr(x, "dtype") and x.dtype.kind in "fc"]
    rulers = [x for x in floats if x.ndim] or [x for x in floats if not isinstance(x, np.float64)] or floats
    if rulers:
        ruler = np.result_type(*[x.dtype for x in rulers])
    elif floating or any(isinstance(x, float) for x in inputs):
        ruler = np.dtype(floatx())
    else:
        return inputs
    return [x.astype(ruler, copy=False) if hasattr(x, "dtype") else x for x in inputs]
