"""Symbols instead of arrays: calling layers on them draws a graph, which a functional model then walks through.

A `KerasTensor` has a shape and a type but no numbers. A layer or an op that is called on one gives another, and a
`Node` notes what was called on what. `Graph` is all that lies between some symbols and others.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, ops, tree
from .naming import auto_name
from .serialization import Described, Registry
from .tape import Tensor
from .variables import on_trial


class KerasTensor(Tensor):
    """A shape and a type without numbers: what stands for an array while a graph is drawn.

    Parameters
    ----------
    shape : tuple of int or None
        None where the size is open.
    dtype : str
    name : str, optional

    Attributes
    ----------
    node : Node or None
        The call that gave it.

    Examples
    --------
    >>> import minifit as keras
    >>> x = keras.Input((4,))
    >>> (2 * keras.layers.Dense(3)(x)).shape
    (None, 3)
    """

    __slots__ = ("_dtype", "_shape", "name", "node")
    sparse = ragged = False  # there are only dense arrays

    def __init__(
        self,
        shape: Sequence[int | None],
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        record_history: bool = True,
        name: str | None = None,
    ) -> None:
        super().__init__(None)
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        self.name = name or auto_name("keras_tensor")
        self.node: Node | None = None

    @property
    def shape(self) -> Any:
        return self._shape

    @property
    def dtype(self) -> Any:
        return str(self._dtype)

    @property
    def ndim(self) -> int:
        return len(self._shape)

    def __len__(self) -> int:
        return self._must_be_drawn("len()")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self.shape}, dtype={self.dtype}, name={self.name}>"

    def _must_be_drawn(self, what: str) -> Any:
        raise ValueError(
            f"A KerasTensor is symbolic: it has a shape and a type, but no numbers for {what}. Call layers and "
            "minifit.ops on it, or write a layer of your own whose call() does this."
        )

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        return self._must_be_drawn("an array")

    def numpy(self) -> Any:
        return self._must_be_drawn("numpy()")

    def __bool__(self) -> bool:
        raise TypeError("A symbolic KerasTensor cannot be used as a boolean.")

    def __iter__(self) -> Any:
        raise TypeError("Iterating over a symbolic KerasTensor is not supported.")

    def record(self, op: Any, inputs: tuple, options: dict) -> Any:
        """Note the call of an op."""
        return Operation(op.__name__, op=op)(*inputs, **options)

    def __lt__(self, other: Any) -> Any:
        return Operation("less")(self, other)

    def __le__(self, other: Any) -> Any:
        return Operation("less_equal")(self, other)

    def __gt__(self, other: Any) -> Any:
        return Operation("greater")(self, other)

    def __ge__(self, other: Any) -> Any:
        return Operation("greater_equal")(self, other)


class Operation(Described):
    """An op in a graph: one call of it, with a name of its own."""

    def __init__(self, function: str, name: str | None = None, op: Callable[..., Any] | None = None) -> None:
        self.function, self.name = function, name or auto_name(function)
        self._op = op or getattr(ops, function, None) or ops.NUMPY.get(getattr(np, function)) or getattr(np, function)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic((args, kwargs)):
            return _noted(self, args, kwargs, compute_output_spec(self, *args, **kwargs))
        result = self._op(*args, **kwargs)
        return result if isinstance(result, (Tensor, list, tuple, dict)) else Tensor(result)


Registry("operations", (Operation,), example="Operation")


@dataclasses.dataclass(eq=False)
class Node:
    """One call: of a layer or an op, on what, and the symbols that it gave, nested."""

    operation: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any

    @functools.cached_property
    def inputs(self) -> list[KerasTensor]:
        """The symbols among the arguments."""
        return [x for x in tree.flatten((self.args, self.kwargs)) if isinstance(x, KerasTensor)]


def is_symbolic(structure: Any) -> bool:
    """Tell whether there is a symbol among the leaves."""
    return any(isinstance(leaf, KerasTensor) for leaf in tree.flatten(structure))


def call_symbolically(layer: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Return symbols for what a layer gives on symbols, and note the call; build the layer if need be."""
    layer._build_for(args, kwargs)
    return _noted(layer, args, kwargs, layer.compute_output_spec(*args, **kwargs))


def symbolic_input(layer: Any) -> KerasTensor:
    """Return the symbol of an InputLayer."""
    symbol = KerasTensor(layer.batch_shape, layer.dtype, name=layer.name)
    return _noted(layer, (), {}, symbol)


def _noted(operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> Any:
    def anew(x: Any) -> Any:  # a layer may hand on the symbol it got
        return KerasTensor(x.shape, x.dtype, name=x.name) if isinstance(x, KerasTensor) and x.node else x

    node = Node(operation, args, kwargs, tree.map_structure(anew, outputs))
    for symbol in tree.flatten(node.outputs):
        if isinstance(symbol, KerasTensor):
            symbol.node = node
    if hasattr(operation, "__dict__"):
        vars(operation).setdefault("_nodes", []).append(node)
    return node.outputs


def input_of(layer: Any) -> Any:
    """Return the symbols that a layer was first called on."""
    node = _first_node(layer, "input")
    if not node.args and not node.kwargs:
        return node.outputs  # of an InputLayer
    return node.args[0] if len(node.args) == 1 else node.inputs


def output_of(layer: Any) -> Any:
    """Return the symbols that a layer first gave."""
    return _first_node(layer, "output").outputs


def _first_node(layer: Any, what: str) -> Node:
    nodes = vars(layer).get("_nodes")
    if not nodes:
        raise AttributeError(f"The layer {layer.name!r} has never been called on a KerasTensor, and so has no {what}.")
    return nodes[0]


def compute_output_spec(function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Return symbols for what a function gives, found out by calling it on zeros; no variable moves by it.

    Where a size is open the call is made twice, with different sizes: what differs in the result is open, too.
    """
    symbols = [x for x in tree.flatten((args, kwargs)) if isinstance(x, KerasTensor)]
    if hasattr(function, "_build_for"):
        function._build_for(args, kwargs)

    def called(n_samples: int, other: int) -> Any:
        def zeros(x: Any) -> Any:
            if not isinstance(x, KerasTensor):
                return x
            sizes = [size if size is not None else other if axis else n_samples for axis, size in enumerate(x.shape)]
            return Tensor(backend.xp().zeros(tuple(sizes), dtype=x._dtype))

        with np.errstate(all="ignore"), on_trial():
            return function(*tree.map_structure(zeros, args), **tree.map_structure(zeros, kwargs))

    first = called(1, 64)
    second = called(2, 128) if any(None in x.shape for x in symbols) else first
    if hasattr(function, "_clear_losses"):
        function._clear_losses()
    return tree.map_structure(_symbol_of, first, second)


def _symbol_of(a: Any, b: Any) -> Any:
    if not hasattr(a, "shape"):
        return a
    shape = [size if size == other else None for size, other in zip(a.shape, b.shape, strict=True)]
    return KerasTensor(shape, a.dtype)
