"""BatchNormalization and LayerNormalization."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from .. import backend, ops
from ..naming import check_numbers
from ..ops.normalization import moments_of, normalize
from ..tape import unwrap
from .input_spec import InputSpec, axis_of
from .layer import Layer, Shape


def _at_least_float32(x: Any) -> Any:
    """Return x in a type in which sums over many elements do not overflow."""
    return x if x.dtype in ("float32", "float64") else ops.astype(x, dtype=np.dtype("float32"))


class BatchNormalization(Layer):
    """Normalise each channel over the batch: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    While training, mean and variance are those of the batch; else they are moving averages of what training has
    seen, ``moving * momentum + batch * (1 - momentum)``, kept in weights that no gradient moves. A layer with
    ``trainable = False`` always takes the moving ones, and leaves them (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    axis : int
        That of the channels.
    momentum : float
        0 keeps the last batch, close to 1 many of them.
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer, moving_mean_initializer, moving_variance_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : str or callable, optional
    renorm : bool
        Whether, while training too, the result is corrected towards moving statistics (Ioffe, 2017).
    renorm_clipping : dict, optional
        Bounds ``"rmin"``, ``"rmax"`` and ``"dmax"`` of that correction.
    renorm_momentum : float
    synchronized : bool
        Accepted for compatibility: there is one device.

    Notes
    -----
    Inputs and outputs (B, ..., C), or with `axis` where C is. A mask (B, ...) says which places count.
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        check_numbers(self, whole=True, axis=axis)
        check_numbers(self, 0, 1, momentum=momentum, renorm_momentum=renorm_momentum)
        check_numbers(self, 0, epsilon=epsilon)
        self._keep(locals())
        self.renorm_clipping = _checked_clipping(renorm_clipping or {}) if renorm else renorm_clipping
        self.supports_masking = True

    def build(self, input_shape: Shape) -> None:
        axis = axis_of(self.axis, input_shape, self.name)
        size = input_shape[axis]
        self.gamma = self._weight("gamma", (size,), autocast=False) if self.scale else None
        self.beta = self._weight("beta", (size,), autocast=False) if self.center else None
        kept: dict[str, Any] = {"trainable": False, "autocast": False}
        self.moving_mean = self._weight("moving_mean", (size,), **kept)
        self.moving_variance = self._weight("moving_variance", (size,), **kept)
        if self.renorm:
            deviation = np.sqrt(backend.to_numpy(self.moving_variance))
            first = {"moving_stddev": deviation, "renorm_mean": self.moving_mean.numpy(), "renorm_stddev": deviation}
            for name, value in first.items():
                setattr(self, name, self.add_weight((size,), name=name, **kept).assign(value))
        self.input_spec = InputSpec(ndim=len(input_shape), axes={self.axis: size})

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        x, kind = _at_least_float32(inputs), inputs.dtype
        axis = self.axis % x.ndim
        axes = tuple(i for i in range(x.ndim) if i != axis)
        shape = tuple(n if i == axis else 1 for i, n in enumerate(x.shape))
        gamma, beta, weights = self.gamma, self.beta, None
        if mask is not None:
            weights = self._weights_of(mask, x)
        fixed = not (training and self.trainable)
        if fixed:
            mean, variance = (unwrap(v).reshape(shape) for v in (self.moving_mean, self.moving_variance))
        else:
            mean, variance, _ = ops.noted(moments_of, unwrap(x), axes, weights, backend.epsilon())
            if self.renorm:
                gamma, beta = self._renormed(mean.reshape(-1), variance.reshape(-1), gamma, beta)
            else:
                ops.noted(self._move_both, mean, variance)
        y = normalize(
            x, gamma, beta, mean, variance, axes, self.epsilon, weights, backend.epsilon(), fixed=fixed, shape=shape
        )
        return y if kind == y.dtype else ops.astype(y, dtype=np.dtype(kind))

    def _weights_of(self, mask: Any, x: Any) -> Any:
        mask = unwrap(mask)
        if mask.ndim != x.ndim - 1:
            raise ValueError(
                "The mask provided should be one dimension less than the inputs. "
                f"Received: mask.shape={mask.shape}, inputs.shape={x.shape}"
            )
        return np.broadcast_to(mask[..., None], x.shape).astype(bool).astype(x.dtype)

    def _move_both(self, mean: Any, variance: Any) -> None:
        self._move("moving_mean", mean, self.momentum)
        self._move("moving_variance", variance, self.momentum)

    def _move(self, name: str, value: Any, momentum: float) -> None:
        moving = getattr(self, name)
        moving.assign(moving.value * momentum + value.reshape(-1) * (1.0 - momentum))

    def _renormed(self, mean: Any, variance: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        """Return scale and shift that correct the batch's statistics towards the moving ones; move those."""
        deviation = np.sqrt(variance + self.epsilon)
        moving = np.maximum(self.renorm_stddev.value, math.sqrt(self.epsilon))
        bounds = self.renorm_clipping or {}
        r = np.clip(deviation / moving, bounds.get("rmin", 0.0), bounds.get("rmax", math.inf))
        d = (mean - self.renorm_mean.value) / moving
        d = np.clip(d, -bounds.get("dmax", math.inf), bounds.get("dmax", math.inf))
        self._move("renorm_mean", mean, self.renorm_momentum)
        self._move("renorm_stddev", deviation, self.renorm_momentum)
        self._move("moving_mean", mean, self.momentum)
        self._move("moving_stddev", deviation, self.momentum)
        self.moving_variance.assign(np.square(self.moving_stddev.value) - self.epsilon)
        shift = d if gamma is None else d * gamma
        return r if gamma is None else r * gamma, shift if beta is None else shift + beta

    def compute_output_shape(self, input_shape: Any) -> Any:
        axis_of(self.axis, input_shape, self.name)
        return tuple(input_shape)


def _checked_clipping(clipping: dict[str, float]) -> dict[str, float]:
    if set(clipping) - {"rmin", "rmax", "dmax"}:
        raise ValueError(
            f"Received invalid keys for `renorm_clipping` argument: {clipping}. Supported: 'rmin', 'rmax', 'dmax'."
        )
    if clipping.get("rmax", math.inf) < clipping.get("rmin", 0.0):
        raise ValueError(f"rmax should be greater than rmin in the `renorm_clipping` argument. Received: {clipping}.")
    if clipping.get("dmax", 0.0) < 0:
        raise ValueError(f"dmax should be non-negative in the `renorm_clipping` argument. Received: {clipping}.")
    return clipping


class LayerNormalization(Layer):
    """Normalise each sample over its own elements: ``gamma * (x - mean) / sqrt(variance + epsilon) + beta``.

    Parameters
    ----------
    axis : int or list of int
        Over which to normalise; gamma and beta have one value for each place along them.
    epsilon : float
    center, scale : bool
        Whether there is a beta, and a gamma.
    beta_initializer, gamma_initializer : str or Initializer
    beta_regularizer, gamma_regularizer, beta_constraint, gamma_constraint : str or callable, optional
    rms_scaling : bool
        Deprecated in Keras: divide only, with no mean taken off and no beta.
    """

    def __init__(
        self,
        axis: int | Sequence[int] = -1,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        rms_scaling: bool = False,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        if not isinstance(axis, (int, list, tuple)):
            raise TypeError(f"Expected an int or a list/tuple of ints for the argument 'axis', but received: {axis!r}")
        check_numbers(self, 0, epsilon=epsilon)
        self._keep(locals())
        self.axis: Any = axis if isinstance(axis, int) else list(axis)
        self.supports_masking = True
        self.autocast = False

    def _axes(self, shape: Any) -> tuple[int, ...]:
        axes = [self.axis] if isinstance(self.axis, int) else self.axis
        return tuple(sorted(axis_of(axis, shape, self.name) for axis in axes))

    def build(self, input_shape: Shape) -> None:
        shape = [input_shape[axis] for axis in self._axes(input_shape)]
        self.gamma = self._weight("gamma", shape, autocast=False) if self.scale or self.rms_scaling else None
        self.beta = self._weight("beta", shape, autocast=False) if self.center and not self.rms_scaling else None

    def call(self, inputs: Any) -> Any:
        x = _at_least_float32(inputs)
        axes = self._axes(x.shape)
        shape = tuple(n if i in axes else 1 for i, n in enumerate(x.shape))
        if self.rms_scaling:
            y = x / np.sqrt(np.var(x, axis=axes, keepdims=True) + self.epsilon) * ops.reshape(self.gamma, shape=shape)
        else:
            mean, variance, _ = ops.noted(moments_of, unwrap(x), axes)
            y = normalize(x, self.gamma, self.beta, mean, variance, axes, self.epsilon, shape=shape)
        return y if y.dtype == self._compute_type else self._cast(y)

    def compute_output_shape(self, input_shape: Any) -> Any:
        self._axes(input_shape)
        return tuple(input_shape)
