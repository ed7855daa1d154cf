"""DTypePolicy: in which types a layer computes and keeps its weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import backend
from .serialization import Described, Registry

_MIXED = {"mixed_float16": ("float16", "float32"), "mixed_bfloat16": ("bfloat16", "float32")}
_global: DTypePolicy | None = None


class DTypePolicy(Described):
    """A name for two types: ``"float32"`` is both; ``"mixed_float16"`` computes in float16 on float32 weights.

    Names that Keras knows can be written down, read and compared. Only to compute in bfloat16 the package ml_dtypes is
    needed; it saves memory, not time.

    Examples
    --------
    >>> policy = DTypePolicy("mixed_float16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('float16', 'float32')
    """

    name: str
    quantization_mode = None

    def __init__(self, name: str | None = None) -> None:
        self.name = dtype_policy().name if name is None else name
        self.compute_dtype, self.variable_dtype = _parse(self.name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


FloatDTypePolicy = Policy = DTypePolicy


def _parse(name: Any) -> tuple[str, str]:
    if not isinstance(name, str):
        raise TypeError(
            f"'name' must be a string, such as 'mixed_float16'. Received: name={name} (of type {type(name)})"
        )
    try:
        return _MIXED.get(name) or (standardize_dtype(name),) * 2
    except TypeError:
        raise ValueError(
            f"Cannot convert '{name}' to a mixed precision DTypePolicy. Pass 'mixed_float16', or the name of a type "
            "such as 'float32' or 'float64'."
        ) from None


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a type; the float type in force for None, and 32 bits for a plain ``"int"`` as in Keras."""
    if dtype is None:
        return backend.floatx()
    if dtype in ("int", int):
        return "int32"
    if dtype in ("float", float):
        return backend.floatx()
    return "bfloat16" if str(dtype) == "bfloat16" else str(np.dtype(dtype))


def numpy_dtype(name: str) -> np.dtype:
    """Return NumPy's type of a name; bfloat16 is that of the package ml_dtypes."""
    if name != "bfloat16":
        return np.dtype(name)
    try:
        from ml_dtypes import bfloat16
    except ImportError:
        raise ValueError(
            "NumPy has no bfloat16; the package ml_dtypes has: pip install ml_dtypes. Or use dtype='mixed_float16', "
            "'float16', 'float32' or 'float64'."
        ) from None
    return np.dtype(bfloat16)


def dtype_policy() -> DTypePolicy:
    """Return the policy of layers that are given none: `floatx`, unless another was set."""
    return _global or DTypePolicy(backend.floatx())


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Set the policy of layers that are made from here on and are given none."""
    global _global
    if not isinstance(policy, (str, DTypePolicy)):
        raise ValueError(
            "Invalid `policy` argument. Expected the string name of a policy (such as 'mixed_float16') or a "
            f"`DTypePolicy` instance. Received: policy={policy} (of type {type(policy)})"
        )
    policy = get(policy)
    # The plain float type is no choice of its own: it follows set_floatx.
    _global = None if policy.name == backend.floatx() else policy


set_global_policy = set_dtype_policy
global_policy = dtype_policy
Policy = DTypePolicy

_registry = Registry("dtype_policies", [DTypePolicy], example="float32")
serialize, deserialize = _registry.module_functions()


def get(identifier: Any) -> DTypePolicy:
    """Return the policy for a name, a type, a described policy, or, for None, the one in force."""
    if identifier is None:
        return dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        return deserialize(identifier)
    if isinstance(identifier, str):
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(standardize_dtype(identifier))
    except TypeError:
        raise ValueError(
            "Cannot interpret `dtype` argument. Expected a string or an instance of DTypePolicy. "
            f"Received: dtype={identifier}"
        ) from None
