"""What the tape puts in the place of a NumPy function that is called on a Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import elementwise, linear, reductions, shaping

_here = vars(elementwise) | vars(linear) | vars(reductions) | vars(shaping)

#: Functions that take their arguments as NumPy's of the same name do.
_SAME = (
    "add subtract multiply divide mod power arctan2 maximum minimum logaddexp negative square absolute reciprocal "
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan arcsin arccos arctan sinh cosh tanh arcsinh arccosh "
    "arctanh where sum mean max min var std average prod cumsum cumprod sort quantile median reshape transpose "
    "squeeze expand_dims broadcast_to ravel moveaxis swapaxes take take_along_axis diff concatenate stack hstack "
    "vstack split meshgrid flip roll rot90 repeat tile diagonal diag trace tril triu matmul dot inner outer vdot "
    "cross tensordot einsum amax amin"
)

#: NumPy's functions with a gradient.
NUMPY: dict[Any, Callable[..., Any]] = {
    **{getattr(np, name): _here[name] for name in _SAME.split()},
    np.float_power: elementwise.power,
    np.fmax: elementwise.maximum,
    np.fmin: elementwise.minimum,
    np.positive: lambda x: elementwise.add(x, 0),
    np.clip: lambda x, a_min=None, a_max=None, min=None, max=None: elementwise.clip(
        x,
        next((bound for bound in (a_min, min) if bound is not None), -np.inf),
        next((bound for bound in (a_max, max) if bound is not None), np.inf),
    ),
    np.nan_to_num: lambda x, copy=True, **values: elementwise.nan_to_num(x, **values),
    np.astype: lambda x, dtype: elementwise.astype(x, dtype=np.dtype(dtype)),
    np.percentile: lambda x, q, **options: reductions.quantile(x, np.divide(q, 100), **options),
    np.linalg.norm: reductions.norm,
    np.pad: shaping.pad,
}

#: NumPy's functions whose result carries no gradient: they see the Tensor's array.
_WITHOUT = (
    "greater greater_equal less less_equal equal not_equal isclose allclose array_equal isnan isfinite isinf isposinf "
    "isneginf isin sign signbit floor ceil trunc round rint floor_divide logical_and logical_or logical_not "
    "logical_xor bitwise_and bitwise_or bitwise_xor invert left_shift right_shift argmax argmin argsort argpartition "
    "any all count_nonzero nonzero shape ndim size unique searchsorted digitize bincount histogram unravel_index "
    "zeros_like ones_like full_like empty_like array_repr array_str copyto"
)
NUMPY_WITHOUT_GRADIENT = frozenset(getattr(np, name) for name in _WITHOUT.split())
