"""Layers that bring data to a scale at which networks learn."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .. import backend, ops
from ..naming import check_numbers
from ..serialization import serialize
from ..tape import unwrap
from .layer import Layer, Shape


class Rescaling(Layer):
    """``scale * x + offset``, such as ``Rescaling(1 / 255)`` for bytes of images.

    Parameters
    ----------
    scale, offset : float or array
        An array broadcasts against the channels.
    """

    def __init__(self, scale: Any, offset: Any = 0.0, **layer_arguments: Any) -> None:
        super().__init__(**layer_arguments)
        for argument, value in (("scale", scale), ("offset", offset)):
            if (value if hasattr(value, "dtype") else np.asarray(value)).dtype.kind in "OSU":
                raise ValueError(f"Rescaling({argument}=...) expects a number or an array of numbers; got {value!r}.")
        self.scale, self.offset = scale, offset
        self.supports_masking = True

    def call(self, inputs: Any) -> Any:
        scale, offset = (ops.constant(backend.asarray(v, dtype=self._compute_type)) for v in (self.scale, self.offset))
        if scale.ndim and backend.image_data_format() == "channels_first":
            scale = scale.reshape(scale.shape + (1,) * (3 - scale.ndim))
        return self._cast(inputs) * scale + offset

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)


class Normalization(Layer):
    """``(x - mean) / sqrt(variance)``, with mean and variance of known data: given, or found out by `adapt`.

    Parameters
    ----------
    axis : int, tuple of int or None
        Axes along which each place has a mean of its own; None for one mean of everything.
    mean, variance : float or array, optional
        Both, or none.
    invert : bool
        Whether to undo a normalisation instead: ``x * sqrt(variance) + mean``.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> layer = keras.layers.Normalization()
    >>> layer.adapt(np.array([[1.0], [2.0], [3.0]]))
    >>> layer(np.array([[2.0]])).numpy()
    array([[0.]], dtype=float32)
    """

    def __init__(
        self,
        axis: int | Sequence[int] | None = -1,
        mean: Any = None,
        variance: Any = None,
        invert: bool = False,
        **layer_arguments: Any,
    ) -> None:
        super().__init__(**layer_arguments)
        self.axis = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        for one in self.axis:
            check_numbers(self, whole=True, axis=one)
        self.input_mean, self.input_variance, self.invert = mean, variance, invert
        self.supports_masking = True
        if (mean is None) != (variance is None):
            raise ValueError(
                "When setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        if np.shape(mean) != np.shape(variance) or len(np.shape(mean)) > len(self.axis):
            raise ValueError(
                "`mean` and `variance` must have the same shape, with no more axes than `axis` has. Received: mean "
                f"shape {np.shape(mean)}, variance shape {np.shape(variance)} and axis={self.axis}"
            )

    def build(self, input_shape: Shape) -> None:
        ndim = len(input_shape)
        if any(not -ndim <= axis < ndim for axis in self.axis):
            raise ValueError(
                f"All `axis` values must be in the range [-ndim, ndim). Received inputs with ndim={ndim}, while "
                f"axis={self.axis}"
            )
        self._kept = sorted(axis % ndim for axis in self.axis)
        if any(input_shape[axis] is None for axis in self._kept):
            raise ValueError(
                f"All `axis` values to be kept must have a known shape. Received axis={self.axis}, "
                f"inputs.shape={tuple(input_shape)}"
            )
        self._shape: Any = tuple(n if i in self._kept else 1 for i, n in enumerate(input_shape))
        self._averaged = tuple(i for i in range(ndim) if i not in self._kept)
        if self.input_mean is None:
            shape = [input_shape[axis] for axis in self._kept]
            self.adapt_mean = self.add_weight(shape, "zeros", name="mean", trainable=False)
            self.adapt_variance = self.add_weight(shape, "ones", name="variance", trainable=False)
            self.count = self.add_weight((), "zeros", "int32", name="count", trainable=False)  # as Keras' files have it

    @property
    def mean(self) -> Any:
        """The mean that is taken off, in a shape that broadcasts against the inputs; None before the layer is built."""
        return self._spread(self.input_mean, "adapt_mean")

    @property
    def variance(self) -> Any:
        return self._spread(self.input_variance, "adapt_variance")

    def _spread(self, given: Any, adapted: str) -> Any:
        if not self.built:
            return None
        if given is None:
            return getattr(self, adapted).value.reshape(self._shape).astype(self._compute_type, copy=False)
        value = backend.asarray(given, dtype=self._compute_type)
        own = dict(zip(self._kept[::-1], value.shape[::-1], strict=False))  # the last axes, where it has fewer
        value = value.reshape([own.get(axis, 1) for axis in range(len(self._shape))])
        return np.broadcast_to(value, self._shape)

    def call(self, inputs: Any) -> Any:
        x = self._cast(inputs)
        deviation = np.maximum(np.sqrt(self.variance), backend.epsilon())
        return x * deviation + self.mean if self.invert else (x - self.mean) / deviation

    def adapt(self, data: Any) -> None:
        """Find out mean and variance of data.

        Parameters
        ----------
        data : array, or iterable of batches
            A batch is an array or a tuple that begins with one.
        """
        if hasattr(data, "shape"):
            data = [data]
        elif not hasattr(data, "__iter__") and not hasattr(data, "__getitem__"):
            raise TypeError(f"adapt(data) expects an array or an iterable of batches; got {type(data).__name__}.")
        batches = _batches(data)
        first = next(batches, None)
        if first is None:
            raise ValueError(
                "adapt() received an empty iterable: there is no batch in it. Pass adapt([x]) or adapt(x)."
            )
        if not self.built:
            self.build(first.shape)
        mean: Any = 0.0
        variance: Any = 0.0
        n_seen = 0
        for batch in itertools.chain([first], batches):
            if batch.ndim != len(self._shape) or any(batch.shape[axis] != self._shape[axis] for axis in self._kept):
                raise ValueError(
                    f"adapt() got data of an incompatible shape: the layer was built for {self._shape} (1 where any "
                    f"size will do), data.shape={batch.shape}"
                )
            n = math.prod(batch.shape[axis] for axis in self._averaged)
            n_seen += n
            share = n / n_seen
            own_mean = batch.mean(axis=self._averaged, dtype="float64")
            moved = own_mean - mean
            mean = mean + moved * share
            own_variance = batch.var(axis=self._averaged, dtype="float64")
            variance = variance * (1 - share) + own_variance * share + moved * moved * (share * (1 - share))
        self.adapt_mean.assign(mean)
        self.adapt_variance.assign(variance)

    def compute_output_shape(self, input_shape: Any) -> Any:
        return tuple(input_shape)

    def get_config(self) -> dict[str, Any]:
        given = {name: serialize(_plain(getattr(self, f"input_{name}"))) for name in ("mean", "variance")}
        return {**super().get_config(), **given}


def _plain(value: Any) -> Any:
    return value if value is None else backend.to_numpy(value).tolist()


def _batches(data: Any) -> Iterator[Any]:
    items = (data[i] for i in range(len(data))) if hasattr(data, "__getitem__") else data
    for item in items:
        batch = item[0] if isinstance(item, tuple) else item
        if not hasattr(batch, "shape"):
            raise TypeError(
                "adapt() expects batches with a `.shape` attribute, such as NumPy arrays; got one of type "
                f"{type(batch).__name__}."
            )
        yield backend.asarray(unwrap(batch))
