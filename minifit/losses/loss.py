"""Loss: one value a sample first, reduced to one number second.

A loss *function* reduces the last axis only: (N, C) to (N,). A `Loss` *object* calls such a
function, multiplies by the sample weights and reduces to a scalar. Keeping the two apart is what
lets a weight act on a sample.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from .. import backend, dtype_policies, ops
from ..naming import auto_name, check_numbers, refuse_unknown, snake_case
from ..serialization import Described, serialize
from ..tape import Tensor, unwrap

REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


class Loss(Described):
    """Base of losses: subclass and write `call(y_true, y_pred) -> one value a sample`.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"}
        The first two are the same, Σ wᵢ ℓᵢ / N: the divisor is the number of values, whatever the
        weights. ``"mean_with_sample_weight"`` divides by Σ wᵢ.
    dtype : str, optional
        The float type to compute in; by default the one in force.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> loss = keras.losses.MeanSquaredError()
    >>> y_true, y_pred = np.zeros((2, 3)), np.array([[1.0, 1, 1], [3, 3, 3]])
    >>> float(loss(y_true, y_pred))
    5.0
    >>> float(loss(y_true, y_pred, sample_weight=np.array([9.0, 1.0])))
    9.0
    """

    takes_labels = False  # whether labels stay the whole numbers that they are
    _averaged: Any = None  # the same as `call` and the mean of what it gives, where they are one op

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in REDUCTIONS:
            raise ValueError(
                f"Invalid value for argument `reduction` of {type(self).__name__}: expected one of "
                f"{', '.join(map(repr, REDUCTIONS))}; got {reduction!r}."
            )
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.reduction = reduction
        self._given_dtype = dtype
        self._dtype = dtype_policies.numpy_dtype(dtype_policies.get(dtype or backend.floatx()).compute_dtype)

    @property
    def dtype(self) -> str:
        return str(self._dtype)

    def check_labels(self, y_true: Any, output_shape: tuple[int | None, ...]) -> None:
        """Raise if labels (N, ...) cannot go with outputs of this shape; asked once, before training."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample, (N,)."""
        raise NotImplementedError(f"{type(self).__name__} must define call(self, y_true, y_pred).")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss, a Tensor.

        Parameters
        ----------
        y_true : (N, ...)
        y_pred : (N, ...)
        sample_weight : (N,) or (N, 1), optional
        """
        mask = getattr(y_pred, "_keras_mask", None)
        y_pred = as_type(y_pred, self._dtype)
        y_true = as_array(y_true) if self.takes_labels else as_type(y_true, self._dtype)
        if sample_weight is None and mask is None and self._averaged is not None and y_pred.size:
            values = self._averaged(y_true, y_pred, mean=True)
        else:
            values = self.call(y_true, y_pred)
        if not hasattr(values, "ndim"):
            raise TypeError(
                f"The loss {self.name} must return one value a sample, an array or Tensor of shape (N,); it "
                f"returned {type(values).__name__}. float(...), .item() and lists take it off the tape."
            )
        own_mask = getattr(values, "_keras_mask", None)
        if own_mask is not None:
            mask = own_mask if mask is None else np.logical_and(mask, own_mask)
        loss = as_type(reduce_weighted(values, sample_weight, self.reduction, mask), self._dtype)
        return loss if isinstance(loss, Tensor) else Tensor(loss)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["dtype"]
        return config if self._given_dtype is None else {**config, "dtype": self.dtype}


def as_array(x: Any) -> Any:
    """Return a Tensor or an array as it is; lists of fractions in the float type in force."""
    if isinstance(x, Tensor):
        return x
    if hasattr(x, "dtype"):
        return backend.asarray(x)
    x = np.asarray(x)
    if x.dtype.kind in "OSU":
        raise ValueError(f"Losses and metrics expect arrays of numbers as labels, predictions and weights; got {x!r}.")
    return backend.asarray(x, dtype=backend.floatx() if x.dtype.kind == "f" else None)


def as_type(x: Any, dtype: Any) -> Any:
    """Return `x` as an array or Tensor of a type."""
    if not isinstance(x, Tensor):
        x = as_array(x)
    if x.dtype == dtype:
        return x
    return x.astype(dtype) if isinstance(x, Tensor) else ops.noted(as_dtype, x, np.dtype(dtype))


def as_dtype(array: Any, dtype: Any) -> Any:
    return array.astype(dtype)


def as_float(x: Any) -> Any:
    """Return `x` as an array or Tensor of floats."""
    x = as_array(x)
    return x if backend.is_float(x) else x.astype(backend.floatx())


def align_ranks(a: Any, b: Any, expand: bool = True) -> tuple[Any, Any]:
    """Add or remove a last axis of length 1 so that (N,) and (N, 1) meet, never as (N, N).

    Parameters
    ----------
    a, b : arrays whose ranks may differ by one
    expand : bool
        Whether (N,) becomes (N, 1), rather than (N, 1) becoming (N,).
    """
    more = a.ndim - b.ndim
    if not more:
        return a, b
    if more == 1 and a.shape[-1] == 1:
        return (a, ops.noted(np.expand_dims, b, -1)) if b.ndim == 1 and expand else (ops.noted(np.squeeze, a, -1), b)
    if more == -1 and b.shape[-1] == 1:
        return (ops.noted(np.expand_dims, a, -1), b) if a.ndim == 1 and expand else (a, ops.noted(np.squeeze, b, -1))
    return a, b


def pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as floats of one type and one shape, or say why that cannot be."""
    y_pred = as_float(y_pred)
    y_true = as_type(y_true, y_pred.dtype)
    if y_true.shape != y_pred.shape:
        y_true, y_pred = align_ranks(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        n_outputs = 1 if y_true.ndim < 2 else y_true.shape[-1]
        advice = f" Give the last layer {n_outputs} unit{'s' * (n_outputs > 1)}."
        if n_outputs == 1 and "crossentropy" in name:
            advice = " For integer class labels use the loss sparse_categorical_crossentropy."
        raise ValueError(
            f"{name} needs y_true and y_pred of one shape (they must have the same shape); y_true has shape "
            f"{y_true.shape}, y_pred {y_pred.shape}.{advice}"
        )
    return y_true, y_pred


# --------------------------------------------------------------------------- weights and reduction


def fit_weights(weights: Any, values: Any, what: str = "losses") -> tuple[Any, Any]:
    """Return weights of as many axes as the values, and the values; an axis of the weights is as long, or 1.

    Examples
    --------
    >>> weights, values = fit_weights(np.ones(4), np.ones((4, 3)))
    >>> weights.shape, values.shape
    ((4, 1), (4, 3))
    """
    values, weights = align_ranks(values, weights)
    missing, shape = values.ndim - weights.ndim, values.shape
    if weights.shape != shape[: weights.ndim]:
        as_long = (w in (1, v) for w, v in zip(weights.shape, shape, strict=False))
        if missing < 0 or not all(as_long):
            raise ValueError(
                f"sample_weight of shape {weights.shape} does not fit {what} of shape {shape}: "
                "give one weight a sample, shape (N,)."
            )
    return ops.noted(np.reshape, weights, weights.shape + (1,) * missing) if missing else weights, values


def reduce_weighted(values: Any, sample_weight: Any = None, reduction: str | None = "mean", mask: Any = None) -> Any:
    """Weight per-sample losses and reduce them, as Keras does.

    Parameters
    ----------
    values : (N, ...)
    sample_weight : (N, ...), optional
        Of the same shape, or with a last axis of 1 more or less.
    reduction : str or None
    mask : (N, ...) of bool, optional
        Where it is False a value does not count, and neither does it in the divisor of a mean.

    Returns
    -------
    scalar, or `values` weighted if `reduction` is None or ``"none"``
    """
    weights = None
    if sample_weight is not None:
        weights = as_type(unwrap(sample_weight), values.dtype)
    if mask is not None:
        weights = masked(weights, mask, values.dtype, mean=reduction in ("mean", "sum_over_batch_size"))
    if weights is not None:
        # A loss of one's own may have reduced already: then each weight gives a value.
        weights, values = fit_weights(weights, values) if values.ndim else align_ranks(weights, values)
        values = values * weights
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        return divide_no_nan(ops.sum(values), np.sum(weights))
    return ops.mean(values)


def masked(weights: Any, mask: Any, dtype: Any, mean: bool = False) -> Any:
    """Return weights that are 0 where the mask is; for a mean, the others grow as its divisor should shrink."""
    mask = backend.asarray(unwrap(mask)).astype(dtype)
    if mean:
        mask = mask * divide_no_nan(mask.size, np.sum(mask))
    if weights is None:
        return mask
    mask, weights = align_ranks(mask, weights)
    return weights * mask


def divide_no_nan(a: Any, b: Any) -> Any:
    """Return ``a / b``, and 0 where b is 0."""
    zero = b == 0
    return np.where(zero, 0, a / np.where(zero, 1, b))


# --------------------------------------------------------------------------- functions as objects


def init_from(
    base: Any, order: str, defaults: Mapping[str, Any] = {}, fixed: Mapping[str, Any] = {}, fn: Any = None
) -> Any:
    """Return an ``__init__`` whose arguments come in this order, and go to that of `base`.

    Parameters
    ----------
    order : str
        Names of arguments of `base` and `fn`, whose defaults they have; any other name is a required argument.
    defaults, fixed : dict
        What is to be another default, and what `base` always gets.
    """
    known = {**(inspect.signature(fn).parameters if fn else {}), **inspect.signature(base).parameters}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter("self", kind)]
    for name in order.split():
        default = known[name].default if name in known else inspect.Parameter.empty
        parameters.append(inspect.Parameter(name, kind, default=defaults.get(name, default)))
    signature = inspect.Signature(parameters)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        refuse_unknown(type(self), [name for name in kwargs if name not in signature.parameters])
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        base.__init__(**fixed, **given.arguments)

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    return __init__


#: What options of the engine's own functions have to be.
_RANGES: dict[str, dict[str, Any]] = {
    "label_smoothing": {"least": 0, "most": 1},
    "gamma": {"least": 0},
    "delta": {"least": 0},
    "threshold": {},
    "ignore_class": {"whole": True},
    "k": {"least": 1, "whole": True},
}


class OfFunction(Described):
    """What is made of a function and of options that it gets at every call.

    ``class Huber(LossFunction, fn=huber)`` makes a class for one function. Its arguments are the function's options
    and those in `argument_order`; ``order="..."`` says otherwise, and other keywords change defaults.
    """

    argument_order = "{}"
    options: dict[str, Any]

    def __init_subclass__(cls, fn: Callable[..., Any] | None = None, order: str = "", **defaults: Any) -> None:
        super().__init_subclass__()
        if fn is not None:
            order = (order or cls.argument_order).format(" ".join([*inspect.signature(fn).parameters][2:]))
            base = cls.__mro__[1]
            cls.__init__ = init_from(base, order, {"name": fn.__name__, **defaults}, {"fn": fn}, fn)  # type: ignore[method-assign]

    def _take(self, fn: Any, options: dict[str, Any]) -> None:
        self.fn, self.options = fn, options
        if str(getattr(fn, "__module__", "")).startswith("minifit."):
            for name in _RANGES.keys() & options.keys():
                check_numbers(self, optional=True, **_RANGES[name], **{name: options[name]})

    def __getattr__(self, name: str) -> Any:
        options = vars(self).get("options", {})
        if name in options:
            return options[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **serialize(self.options)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        if isinstance(config.get("fn"), str):  # one of the engine's own
            config = {**config, "fn": {"module": "keras.losses", "class_name": "function", "config": config["fn"]}}
        return super().from_config(config)


class LossFunction(OfFunction, Loss):
    """A loss function as a Loss.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **options) -> (N,)``, or an already reduced scalar.
    options
        Passed on to `fn` at every call.
    """

    argument_order = "{} reduction name dtype"

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name or getattr(fn, "__name__", None), reduction, dtype)
        self._take(fn, options)
        self.takes_labels = getattr(fn, "takes_labels", False)
        averaged = getattr(fn, "averaged", None)
        if averaged and reduction in ("sum_over_batch_size", "mean") and type(self).call is LossFunction.call:
            self._averaged = functools.partial(averaged, **self.options)

    def check_labels(self, y_true: Any, output_shape: tuple[int | None, ...]) -> None:
        if hasattr(self.fn, "check_labels"):
            shape = (len(y_true), *(size or 1 for size in output_shape[1:]))
            y_true = y_true if hasattr(y_true, "dtype") else backend.asarray(y_true)  # which may lie on the host
            self.fn.check_labels(y_true, shape, self.name, **self.options)

    def call(self, y_true: Any, y_pred: Any) -> Any:
        return self.fn(*align_ranks(y_true, y_pred), **self.options)
