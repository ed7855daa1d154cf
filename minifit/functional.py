"""Symbols instead of arrays: calling layers on them draws a graph, which a functional model then walks through.

A `KerasTensor` has a shape and a type but no numbers. A layer or an op that is called on one gives another, and a
`Node` notes what was called on what. `Graph` is all that lies between some symbols and others.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend, dtype_policies, ops, tree
from .naming import auto_name, snake_case
from .serialization import deserialize, serialize
from .tape import Tensor
from .variables import on_trial


def _operator(function: str, swapped: bool = False) -> Callable[..., Any]:
    return lambda *operands: Operation(function)(*(operands[::-1] if swapped else operands))


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
    symbolic = True
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
        self._shape, self._dtype = tuple(shape), dtype_policies.numpy_dtype(dtype)
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

    def __float__(self) -> float:
        return self._must_be_drawn("float()")

    def __int__(self) -> int:
        return self._must_be_drawn("int()")

    def __iter__(self) -> Any:
        raise TypeError("Iterating over a symbolic KerasTensor is not supported.")

    def record(self, op: Any, inputs: tuple, options: dict) -> Any:
        """Note the call of an op."""
        return draw(op, inputs, options)

    def draw(self, function: Callable[..., Any], args: tuple, kwargs: dict[str, Any]) -> Any:
        """Note the call of a function of several ops as one."""
        return draw(function, args, kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        if function in (np.shape, np.ndim):
            return getattr(args[0], function.__name__)
        if function in ops.NUMPY_WITHOUT_GRADIENT:
            return draw(function, args, kwargs)
        ours = ops.NUMPY.get(function)
        if getattr(ours, "__name__", "<lambda>") != "<lambda>":
            return draw(ours, args, kwargs)  # type: ignore[arg-type]
        return super().__array_function__(function, types, args, kwargs)

    def __eq__(self, other: Any) -> Any:
        return self is other

    def __ne__(self, other: Any) -> Any:
        return self is not other

    __hash__ = Tensor.__hash__
    __lt__, __rand__ = _operator("less"), _operator("logical_and", swapped=True)
    __le__, __ror__ = _operator("less_equal"), _operator("logical_or", swapped=True)
    __gt__, __rxor__ = _operator("greater"), _operator("logical_xor", swapped=True)
    __ge__, __and__ = _operator("greater_equal"), _operator("logical_and")
    __or__, __xor__, __invert__ = _operator("logical_or"), _operator("logical_xor"), _operator("logical_not")
    __truediv__, __rtruediv__ = _operator("true_divide"), _operator("true_divide", swapped=True)
    __floordiv__, __rfloordiv__ = _operator("floor_divide"), _operator("floor_divide", swapped=True)
    __pow__ = _operator("power")


# What an op is called where Keras has another name for it, and which of an op's arguments are arrays by their names.
_NAMES = {"getitem": "get_item", "remainder": "mod", "astype": "cast"}
_OPERANDS = {"x", "x1", "x2", "xs", "a", "b", "condition", "index", "indices", "operands"}
_HOMES = {  # the modules of Keras in which a file says that an op lies, where that is not numpy
    "nn": "relu relu6 sigmoid sparse_sigmoid softplus softsign soft_shrink sparse_plus silu squareplus log_sigmoid "
    "leaky_relu hard_sigmoid hard_silu elu selu gelu celu glu tanh_shrink hard_tanh hard_shrink threshold softmax "
    "log_softmax sparsemax max_pool average_pool conv one_hot binary_crossentropy categorical_crossentropy "
    "sparse_categorical_crossentropy multi_hot moments normalize",
    "core": "scatter scatter_update slice slice_update stop_gradient unstack cast",
    "math": "segment_sum top_k in_top_k logsumexp rsqrt erf",
    "linalg": "norm",
}


class Operation:
    """A function of `ops` in a graph: one call of it, with a name of its own and what is no array as options."""

    def __init__(self, function: str, name: str | None = None, **options: Any) -> None:
        self.function, self.name, self.options = function, name or auto_name(function), options
        self._op = ops.getitem if function == "get_item" else getattr(ops, function)
        self._first = [options["subscripts"]] if function == "einsum" else []
        self._named = {key: value for key, value in options.items() if key != "subscripts"}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if is_symbolic((args, kwargs)):
            return _noted(self, args, kwargs, compute_output_spec(self, *args, **kwargs))
        result = self._op(*self._first, *args, **kwargs, **self._named)
        return result if isinstance(result, (Tensor, list, tuple, dict)) else Tensor(result)

    def described(self) -> dict[str, Any]:
        """Return plain data, as Keras writes it."""
        home = next((home for home, names in _HOMES.items() if self.function in names.split()), "numpy")
        name = "".join(part.capitalize() for part in self.function.split("_"))
        config = serialize({"name": self.name, **self.options})
        return {"module": f"keras.src.ops.{home}", "class_name": name, "config": config, "registered_name": name}

    @classmethod
    def from_description(cls, described: dict[str, Any]) -> Operation:
        """Return the operation that `described`, or Keras, wrote."""
        function = snake_case(described["class_name"])
        if function != "get_item" and not hasattr(ops, function):
            raise ValueError(f"The file has an operation that minifit has not: {described['class_name']}.")
        return cls(function, **deserialize(described["config"]))


def draw(function: Callable[..., Any], args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    """Note the call of a function on symbols; return the symbols that it gives."""
    name = _NAMES.get(function.__name__, function.__name__)
    if isinstance(function, np.ufunc):
        return Operation(name, **kwargs)(*args)
    signature = inspect.signature(function)
    operands: list[Any] = []
    options: dict[str, Any] = {}
    symbols: dict[str, Any] = {}
    for key, value in signature.bind(*args, **kwargs).arguments.items():
        if key == "operands":
            operands += value
        elif key in _OPERANDS and len(operands) == list(signature.parameters).index(key):
            operands.append(value)
        else:
            (symbols if is_symbolic(value) else options)[key] = value
    return Operation(name, **options)(*operands, **symbols)


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
