"""Differentiable functions, and the NumPy-like functions of ``keras.ops``.

They take arrays, lists and Tensors. What NumPy itself does right on Tensors, comparisons and the
like, is NumPy's own function, handed its arrays and lists where the device in use can read them.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from .convolution import *  # noqa: F403
from .core import *  # noqa: F403
from .crossentropy import *  # noqa: F403
from .elementwise import *  # noqa: F403
from .linear import *  # noqa: F403
from .nn import *  # noqa: F403
from .numpy_names import NUMPY, NUMPY_WITHOUT_GRADIENT
from .op import *  # noqa: F403
from .reductions import *  # noqa: F403
from .shaping import *  # noqa: F403

_NOT_DRAWN = {"is_tensor", "dtype", "convert_to_numpy", "convert_to_tensor", "shape", "unary", "binary"}
_NOT_DRAWN |= {"cond", "switch", "while_loop", "fori_loop", "scan", "map", "vectorized_map"}  # these take functions
for _name, _value in list(globals().items()):
    if inspect.isfunction(_value) and _value.__module__ != op.__module__ and _name not in _NOT_DRAWN:  # noqa: F405
        globals()[_name] = drawable(_value)  # noqa: F405


def __getattr__(name: str) -> Any:
    """Hand out NumPy's function of a name that is not defined here, where it works on Tensors."""
    function = getattr(np, name, None)
    if callable(function) and (function in NUMPY or function in NUMPY_WITHOUT_GRADIENT):
        return _placing(function)
    raise AttributeError(f"minifit.ops has no function {name!r}.")


@functools.cache
def _placing(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy's function for arrays and lists that may have to be brought to the device in use."""

    @functools.wraps(function, updated=())
    def placing(*args: Any, **options: Any) -> Any:
        if xp() is np:  # noqa: F405
            return function(*args, **options)
        return function(*[_brought(x) for x in args], **options)

    return placing


def _brought(x: Any) -> Any:
    return asarray(x) if isinstance(x, (np.ndarray, list)) else x  # noqa: F405


def __dir__() -> list[str]:
    own = [name for name, value in globals().items() if isinstance(value, Op) or inspect.isfunction(value)]  # noqa: F405
    return sorted([*own, *(function.__name__ for function in NUMPY_WITHOUT_GRADIENT)])
