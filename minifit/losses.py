"""Losses: one value a sample first, reduced to one number second.

A loss *function* reduces the last axis only: (N, C) to (N,). A `Loss` *object* calls such a
function, multiplies by the sample weights and reduces to a scalar. Keeping the two apart is what
lets a weight act on a sample.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from . import backend, ops
from .backend import epsilon, is_float
from .naming import auto_name, look_up, snake_case
from .tape import Tensor, unwrap

_REDUCTIONS = ("sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none", None)


class Loss:
    """Base of losses: subclass and write `call(y_true, y_pred) -> one value a sample`.

    Parameters
    ----------
    name : str, optional
    reduction : {"sum_over_batch_size", "mean", "sum", "mean_with_sample_weight", "none"}
        The first two are the same, Σ wᵢ ℓᵢ / N: the divisor is the number of values, whatever the
        weights. ``"mean_with_sample_weight"`` divides by Σ wᵢ.
    dtype : str, optional
        Accepted for compatibility; losses compute in the float type of the prediction.

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

    def __init__(
        self, name: str | None = None, reduction: str | None = "sum_over_batch_size", dtype: Any = None
    ) -> None:
        if reduction not in _REDUCTIONS:
            raise ValueError(
                f"{type(self).__name__}(reduction=...) expects one of {', '.join(map(repr, _REDUCTIONS))}; "
                f"got {reduction!r}."
            )
        self.name = name or auto_name(snake_case(type(self).__name__))
        self.reduction = reduction

    def check_labels(self, y_true: Any, output_shape: tuple[int | None, ...]) -> None:
        """Raise if labels (N, ...) cannot go with outputs of this shape; asked once, before training."""

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each sample, (N,)."""
        raise TypeError(f"{type(self).__name__} must define call(self, y_true, y_pred).")

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Return the reduced loss, a Tensor.

        Parameters
        ----------
        y_true : (N, ...)
        y_pred : (N, ...)
        sample_weight : (N,) or (N, 1), optional
        """
        y_pred, y_true = _as_float(y_pred), _as_array(y_true)
        if y_true.dtype.kind in "ub":
            y_true = y_true.astype("int64")  # 2 * y - 1 of a uint8 label 0 would be 255
        loss = reduce_weighted(self.call(y_true, y_pred), sample_weight, self.reduction)
        return loss if isinstance(loss, Tensor) else Tensor(loss)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "reduction": self.reduction}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Loss:
        return cls(**config)


def reduce_weighted(values: Any, sample_weight: Any = None, reduction: str | None = "mean") -> Any:
    """Weight per-sample losses and reduce them, as Keras does.

    Parameters
    ----------
    values : (N, ...)
    sample_weight : (N, ...), optional
        Of the same shape, or with a last axis of 1 more or less.
    reduction : str or None

    Returns
    -------
    scalar, or `values` weighted if `reduction` is None or ``"none"``
    """
    weights = None
    if sample_weight is not None:
        weights = backend.asarray(unwrap(sample_weight)).astype(values.dtype, copy=False)
        values, weights = align_ranks(values, weights)
        if values.ndim and weights.ndim and values.shape[: weights.ndim] != weights.shape:
            raise ValueError(
                f"sample_weight of shape {weights.shape} does not fit losses of shape {values.shape}: "
                "give one weight a sample, shape (N,)."
            )
        values = values * np.reshape(weights, weights.shape + (1,) * (values.ndim - weights.ndim))
    if reduction in (None, "none") or values.shape in ((), (0,)):
        return values
    if reduction == "sum":
        return ops.sum(values)
    if reduction == "mean_with_sample_weight" and weights is not None:
        total_weight = np.sum(weights)
        return ops.sum(values) * (0.0 if total_weight == 0 else 1 / total_weight)
    return ops.mean(values)


def _as_array(x: Any) -> Any:
    return x if isinstance(x, Tensor) else backend.asarray(x)


def _as_float(x: Any) -> Any:
    x = _as_array(x)
    return x if is_float(x) else x.astype(backend.floatx())


def align_ranks(a: Any, b: Any, expand: bool = True) -> tuple[Any, Any]:
    """Add or remove a last axis of length 1 so that (N,) and (N, 1) meet, never as (N, N).

    Parameters
    ----------
    a, b : arrays whose ranks may differ by one
    expand : bool
        Whether (N,) becomes (N, 1), rather than (N, 1) becoming (N,).
    """
    if a.ndim == b.ndim + 1 and a.shape[-1] == 1:
        return (a, np.expand_dims(b, -1)) if b.ndim == 1 and expand else (np.squeeze(a, -1), b)
    if b.ndim == a.ndim + 1 and b.shape[-1] == 1:
        return (np.expand_dims(a, -1), b) if a.ndim == 1 and expand else (a, np.squeeze(b, -1))
    return a, b


def _pair(name: str, y_true: Any, y_pred: Any) -> tuple[Any, Any]:
    """Return both as floats of one type and one shape, or say why that cannot be."""
    y_pred = _as_float(y_pred)
    y_true = _as_array(y_true)
    if y_true.dtype != y_pred.dtype:
        y_true = y_true.astype(y_pred.dtype)
    y_true, y_pred = align_ranks(y_true, y_pred)
    if y_true.shape != y_pred.shape:
        n_outputs = 1 if y_true.ndim < 2 else y_true.shape[-1]
        advice = f" Give the last layer {n_outputs} unit{'s' * (n_outputs > 1)}."
        if n_outputs == 1 and "crossentropy" in name:
            advice = " For integer class labels use the loss sparse_categorical_crossentropy."
        raise ValueError(
            f"The loss {name} needs y_true and y_pred of one shape; y_true has shape {y_true.shape}, "
            f"y_pred {y_pred.shape}.{advice}"
        )
    return y_true, y_pred


# --------------------------------------------------------------------------- regression


def mean_squared_error(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of (y_true - y_pred)²: (N, C) to (N,)."""
    y_true, y_pred = _pair("mean_squared_error", y_true, y_pred)
    return ops.mean_squared_difference(y_true, y_pred)


def mean_absolute_error(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of |y_true - y_pred|: (N, C) to (N,)."""
    y_true, y_pred = _pair("mean_absolute_error", y_true, y_pred)
    return ops.mean(ops.absolute(y_true - y_pred), axis=-1)


# --------------------------------------------------------------------------- probabilities


def binary_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return the mean over `axis` of -(t log p + (1 - t) log(1 - p)), in nats.

    Parameters
    ----------
    y_true : (N, C) of 0 and 1, or (N,) where C = 1
    y_pred : (N, C)
        Probabilities, clipped to [1e-7, 1 - 1e-7] before the logarithm; or logits.
    from_logits : bool
        Whether `y_pred` holds logits; nothing is clipped then.
    label_smoothing : float
        s turns 0 and 1 into s / 2 and 1 - s / 2.
    """
    y_true, y_pred = _pair("binary_crossentropy", y_true, y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + 0.5 * label_smoothing
    return ops.mean(_binary(y_true, y_pred, from_logits), axis=axis)


def _binary(t: Any, y_pred: Any, from_logits: bool) -> Any:
    if from_logits:
        return ops.sigmoid_crossentropy(y_pred, None, targets=unwrap(t))
    logits = _logits_of(y_pred, "sigmoid")
    if logits is not None:
        return ops.sigmoid_crossentropy(logits, y_pred, targets=unwrap(t))
    p = _clip(y_pred)
    return -(t * ops.log(p) + (1 - t) * ops.log(1 - p))


def _logits_of(y_pred: Any, activation: str) -> Any:
    """Return what `activation` computed these probabilities from, if that is where they come from."""
    name, logits = getattr(y_pred, "made_by", None) or (None, None)
    return logits if name == activation and logits is not None and logits.tracked else None


def _clip(p: Any) -> Any:
    low = p.dtype.type(epsilon())
    return ops.clip(p, low, p.dtype.type(1) - low)


def categorical_crossentropy(
    y_true: Any, y_pred: Any, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1
) -> Any:
    """Return -Σ t log p over the classes, in nats: (N, C) to (N,).

    Parameters
    ----------
    y_true : (N, C)
        One-hot rows or other distributions.
    y_pred : (N, C)
        Probabilities, divided by their sum and then clipped to [1e-7, 1 - 1e-7]; or logits.
    from_logits : bool
        Whether `y_pred` holds logits.
    label_smoothing : float
        s gives each of the C classes s / C and takes s from the right one.
    """
    if axis not in (-1, _as_array(y_pred).ndim - 1):
        y_true, y_pred = np.moveaxis(_as_array(y_true), axis, -1), np.moveaxis(y_pred, axis, -1)
    y_true, y_pred = _pair("categorical_crossentropy", y_true, y_pred)
    _several_classes("categorical_crossentropy", y_pred)
    if label_smoothing:
        y_true = y_true * (1 - label_smoothing) + label_smoothing / y_pred.shape[-1]
    if from_logits:
        return ops.softmax_crossentropy(y_pred, None, targets=unwrap(y_true))
    logits = _logits_of(y_pred, "softmax")
    if logits is not None:
        return ops.softmax_crossentropy(logits, y_pred, targets=unwrap(y_true))
    p = _clip(y_pred / ops.sum(y_pred, axis=-1, keepdims=True))
    return -ops.sum(y_true * ops.log(p), axis=-1)


def sparse_categorical_crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """Return -log p[label], in nats: (N,) labels and (N, C) predictions to (N,).

    Parameters
    ----------
    y_true : (N,) or (N, 1)
        Whole numbers from 0 to C - 1, in any dtype.
    y_pred : (N, C)
        Probabilities, divided by their sum and then clipped to [1e-7, 1 - 1e-7]; or logits.
    from_logits : bool
        Whether `y_pred` holds logits.

    Raises
    ------
    ValueError
        If a label is not one of the C classes. (Keras goes on with a wrong number.)
    """
    y_pred = _as_float(y_pred)
    _several_classes("sparse_categorical_crossentropy", y_pred)
    labels = as_labels(y_true, y_pred.shape)
    if from_logits:
        return ops.softmax_crossentropy_sparse(y_pred, None, labels=labels)
    logits = _logits_of(y_pred, "softmax")
    if logits is not None:
        return ops.softmax_crossentropy_sparse(logits, y_pred, labels=labels)
    p = _clip(y_pred / ops.sum(y_pred, axis=-1, keepdims=True))
    return -ops.log(ops.squeeze(ops.take_along_axis(p, indices=labels[..., None], axis=-1), axis=-1))


def crossentropy(y_true: Any, y_pred: Any, from_logits: bool = False) -> Any:
    """Return the cross-entropy that the shapes ask for: binary, sparse or categorical."""
    y_true, y_pred = _as_array(y_true), _as_float(y_pred)
    kind = crossentropy_kind(y_true.shape, y_pred.shape)
    fn = {
        "binary": binary_crossentropy,
        "sparse": sparse_categorical_crossentropy,
        "categorical": categorical_crossentropy,
    }[kind]
    return fn(y_true, y_pred, from_logits=from_logits)


def crossentropy_kind(true_shape: tuple[int, ...], pred_shape: tuple[int, ...]) -> str:
    """Return what labels and predictions of these shapes are, as Keras decides it.

    Examples
    --------
    >>> crossentropy_kind((32,), (32, 1)), crossentropy_kind((32,), (32, 10))
    ('binary', 'sparse')
    >>> crossentropy_kind((32, 10), (32, 10))
    'categorical'
    """
    if pred_shape[-1] == 1:
        return "binary"
    if len(true_shape) < len(pred_shape) or true_shape[-1] == 1:
        return "sparse"
    return "categorical"


def _several_classes(name: str, y_pred: Any) -> None:
    if y_pred.ndim < 2 or y_pred.shape[-1] == 1:
        raise ValueError(
            f"The loss {name} needs one output a class, y_pred of shape (N, C) with C of 2 or more; got "
            f"{y_pred.shape}. For two classes and one output use binary_crossentropy; for numbers use mse."
        )


def as_labels(y_true: Any, shape: tuple[int, ...]) -> Any:
    """Return class labels as integers (N,), checked against predictions of `shape` (N, C)."""
    labels = unwrap(y_true)
    labels = labels if hasattr(labels, "dtype") else backend.asarray(labels)
    if labels.ndim == len(shape) and labels.shape[-1] == 1:
        labels = labels[..., 0]
    if labels.shape != shape[:-1]:
        one_hot = labels.shape == shape
        raise ValueError(
            f"The loss sparse_categorical_crossentropy needs integer labels y_true of shape {shape[:-1]} for "
            f"y_pred of shape {shape}; got {labels.shape}."
            + (" One-hot labels go with categorical_crossentropy." if one_hot else "")
        )
    whole = labels.astype("int64") if labels.dtype.kind != "i" else labels
    if not backend.on_host(whole):
        return whole  # fit has looked at all of them once; looking at each batch would wait for the device
    if whole is not labels and bool((whole != labels).any()):
        raise ValueError("y_true must hold whole numbers (class labels); it holds fractions or NaN.")
    # Read as unsigned, a negative label is a huge one: one comparison finds both kinds.
    if whole.size and int(whole.astype("uint64").max()) >= shape[-1]:
        bad = whole[(whole < 0) | (whole >= shape[-1])]
        raise ValueError(
            f"y_true holds the label {int(bad[0])}, but y_pred has {shape[-1]} classes: labels run from 0 to "
            f"{shape[-1] - 1}. Give the last layer enough units or renumber the labels."
        )
    return backend.asarray(whole)


# --------------------------------------------------------------------------- as objects


class LossFunction(Loss):
    """A loss function as a Loss.

    Parameters
    ----------
    fn : callable
        ``fn(y_true, y_pred, **options) -> (N,)``, or an already reduced scalar.
    options
        Passed on to `fn` at every call.
    """

    def __init__(
        self,
        fn: Callable[..., Any],
        reduction: str | None = "sum_over_batch_size",
        name: str | None = None,
        dtype: Any = None,
        **options: Any,
    ) -> None:
        super().__init__(name=name or getattr(fn, "__name__", None), reduction=reduction)
        self.fn = fn
        self.options = options

    def check_labels(self, y_true: Any, output_shape: tuple[int | None, ...]) -> None:
        fn, y_true = self.fn, backend.asarray(y_true)
        shape = (len(y_true), *(size or 1 for size in output_shape[1:]))
        if fn is crossentropy:
            kind = crossentropy_kind(y_true.shape, shape)
            fn = binary_crossentropy if kind == "binary" else sparse_categorical_crossentropy
            fn = categorical_crossentropy if kind == "categorical" else fn
        if fn is sparse_categorical_crossentropy:
            _several_classes("sparse_categorical_crossentropy", np.broadcast_to(0.0, shape))
            as_labels(backend.to_numpy(y_true), shape)
        elif fn in (binary_crossentropy, categorical_crossentropy) and bool(((y_true < 0) | (y_true > 1)).any()):
            found = y_true[(y_true < 0) | (y_true > 1)].ravel()[0]
            raise ValueError(
                f"y_true holds {found}; the loss {self.name} needs labels from 0 to 1. Recode -1 and 1 as 0 and 1; "
                "for integer labels of several classes use sparse_categorical_crossentropy."
            )

    def call(self, y_true: Any, y_pred: Any) -> Any:
        if self.fn not in _OWN_FUNCTIONS:  # ours align for themselves; a user's sees aligned shapes
            y_true, y_pred = align_ranks(y_true, y_pred)
        values = self.fn(y_true, y_pred, **self.options)
        if not hasattr(values, "ndim"):
            raise TypeError(
                f"The loss {self.name} must return one value a sample, an array or Tensor of shape (N,); it "
                f"returned {type(values).__name__}. float(...), .item() and lists take it off the tape."
            )
        return values

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self.options}


class MeanSquaredError(LossFunction):
    """Mean squared error; see `mean_squared_error`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_squared_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_squared_error, reduction, name)


class MeanAbsoluteError(LossFunction):
    """Mean absolute error; see `mean_absolute_error`."""

    def __init__(
        self,
        reduction: str | None = "sum_over_batch_size",
        name: str = "mean_absolute_error",
        dtype: Any = None,
    ) -> None:
        super().__init__(mean_absolute_error, reduction, name)


class BinaryCrossentropy(LossFunction):
    """Cross-entropy of two classes; see `binary_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "binary_crossentropy",
        dtype: Any = None,
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(binary_crossentropy, reduction, name, **options)


class CategoricalCrossentropy(LossFunction):
    """Cross-entropy of one-hot labels; see `categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        label_smoothing: float = 0.0,
        axis: int = -1,
        reduction: str | None = "sum_over_batch_size",
        name: str = "categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        options = {"from_logits": from_logits, "label_smoothing": label_smoothing, "axis": axis}
        super().__init__(categorical_crossentropy, reduction, name, **options)


class SparseCategoricalCrossentropy(LossFunction):
    """Cross-entropy of integer labels; see `sparse_categorical_crossentropy`."""

    def __init__(
        self,
        from_logits: bool = False,
        reduction: str | None = "sum_over_batch_size",
        name: str = "sparse_categorical_crossentropy",
        dtype: Any = None,
    ) -> None:
        super().__init__(sparse_categorical_crossentropy, reduction, name, from_logits=from_logits)


_OWN_FUNCTIONS = (
    *(mean_squared_error, mean_absolute_error, binary_crossentropy),
    *(categorical_crossentropy, sparse_categorical_crossentropy, crossentropy),
)
_CLASSES = (
    *(MeanSquaredError, MeanAbsoluteError, BinaryCrossentropy),
    *(CategoricalCrossentropy, SparseCategoricalCrossentropy),
)
_NAMED: dict[str, Any] = {
    **{fn.__name__: fn for fn in _OWN_FUNCTIONS},
    **{c.__name__: c for c in _CLASSES},
    **dict.fromkeys(("mse", "MSE"), mean_squared_error),
    **dict.fromkeys(("mae", "MAE"), mean_absolute_error),
    **dict.fromkeys(("bce", "BCE"), binary_crossentropy),
    "ce": crossentropy,
}


def get(identifier: Any) -> Any:
    """Return a loss function or object by name; an object or function as it is; a class instantiated.

    Examples
    --------
    >>> get("mse").__name__
    'mean_squared_error'
    """
    if isinstance(identifier, str):
        identifier = look_up("compile(loss=...)", identifier, _NAMED, "mse")
    if isinstance(identifier, type):
        identifier = identifier()
    if identifier is None or callable(identifier):
        return identifier
    raise ValueError(
        f'compile(loss=...) expects a Loss, a function of (y_true, y_pred) or a name such as "mse"; got '
        f"{type(identifier).__name__} ({identifier!r})."
    )


def serialize(loss: Any) -> dict[str, Any] | None:
    """Return plain data from which `deserialize` makes an equal loss; None for one of the user's own."""
    if isinstance(loss, LossFunction) and type(loss).__module__ == __name__ and loss.fn in _OWN_FUNCTIONS:
        return {"fn": loss.fn.__name__, "config": loss.get_config()}
    return None


def deserialize(described: dict[str, Any]) -> Loss:
    """Return the loss that `serialize` described."""
    fn = look_up("a saved loss", described["fn"], _NAMED, "mse")
    return LossFunction(fn, **described["config"])


def as_reduced(identifier: Any) -> Callable[..., Any]:
    """Return what training calls: ``loss(y_true, y_pred, sample_weight) -> scalar``.

    A Loss is that already, and so is any object whose call takes `sample_weight`, such as one that
    a learner wrote from nothing. A plain function gives values to be reduced.
    """
    loss = get(identifier)
    if isinstance(loss, Loss):
        return loss
    try:
        takes_weights = "sample_weight" in inspect.signature(loss).parameters
    except (TypeError, ValueError):
        takes_weights = False
    return loss if takes_weights else LossFunction(loss)
