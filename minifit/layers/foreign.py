"""Foreign: a hand-written layer, with a `forward` and a `backward` of its own, inside the engine."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import backend, random
from ..ops import Op
from ..variables import Variable
from .layer import Layer, Shape


class Foreign(Layer):
    """Put an object that knows its own gradient on the tape as one op.

    Parameters
    ----------
    inner : object
        With ``forward(x)`` or ``forward(x, training)``, and ``backward(dy) -> dx``. If it has
        ``build(features, rng)`` that is called once. Its weights are the float arrays among its
        attributes; after `backward` the gradient of ``kernel`` is in ``dkernel``, and so on.

    Notes
    -----
    A Sequential wraps such an object by itself.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> class Double:
    ...     def forward(self, x):
    ...         return 2 * x
    ...     def backward(self, dy):
    ...         return 2 * dy
    >>> model = keras.Sequential([keras.Input(shape=(3,)), Double()])
    >>> model.predict(np.ones((1, 3)), verbose=0)
    array([[2., 2., 2.]], dtype=float32)
    """

    calls_own_code = False

    def __init__(self, inner: Any, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        self._inner = inner
        self._forward_takes_training = "training" in inspect.signature(inner.forward).parameters

    def get_config(self) -> dict[str, Any]:
        raise ValueError(
            f"{type(self._inner).__name__} is a hand-written layer, which no file can describe: a model with it cannot "
            "be saved whole. Use save_weights()."
        )

    @staticmethod
    def fits(candidate: Any) -> bool:
        """Tell whether an object has a `forward` and a `backward` to be called."""
        return not isinstance(candidate, type) and all(
            callable(getattr(candidate, method, None)) for method in ("forward", "backward")
        )

    def build(self, input_shape: Shape) -> None:
        if hasattr(self._inner, "build"):
            self._inner.build(input_shape[-1], random.stream("initializers"))
        arrays = [
            name
            for name, value in vars(self._inner).items()
            if isinstance(value, np.ndarray) and value.dtype.kind == "f" and not name.startswith("_")
        ]
        # build() may have made room for the gradients already.
        self._names = [name for name in arrays if not (name.startswith("d") and name[1:] in arrays)]
        for name in self._names:
            self._variables.append(Variable(getattr(self._inner, name), dtype=self.dtype, name=name))

    def call(self, inputs: Any, training: bool = False) -> Any:
        inner, names = self._inner, self._names
        self._last_call = this_call = object()

        def forward(x: Any, *weights: Any) -> Any:
            for name, weight in zip(names, weights, strict=True):
                setattr(inner, name, weight)
            with _not_in_place(inner, "forward"):
                x = _read_only(x)
                return inner.forward(x, training=training) if self._forward_takes_training else inner.forward(x)

        def vjp(needs: Any, dy: Any, y: Any, x: Any, *weights: Any) -> list[Any]:
            if self._last_call is not this_call:
                raise RuntimeError(
                    f"{type(inner).__name__} was called again before its backward: what it keeps for backward is of "
                    "the last call. Use two objects."
                )
            with _not_in_place(inner, "backward"):
                dx = inner.backward(_read_only(dy))
            missing = [f"d{name}" for name in names if not hasattr(inner, f"d{name}")]
            if missing:
                raise AttributeError(
                    f"{type(inner).__name__}.backward() must leave the gradients of its weights: {', '.join(missing)} "
                    "is not there. A constant's name begins with an underscore."
                )
            return [dx, *(getattr(inner, f"d{name}") for name in names)]

        return Op(forward, vjp)(inputs, *self._variables)


def _read_only(array: Any) -> Any:
    """Return a view that cannot be written to: the array is the user's data, or another layer's."""
    if backend.on_host(array):
        array = array.view()
        array.flags.writeable = False
    return array


@contextlib.contextmanager
def _not_in_place(inner: Any, method: str) -> Iterator[None]:
    try:
        yield
    except ValueError as error:
        if "read-only" not in str(error):
            raise
        raise ValueError(
            f"{type(inner).__name__}.{method}() must not change what it is given: the array is still needed elsewhere. "
            "Compute a new one, such as np.maximum(x, 0), or work on x.copy()."
        ) from error
