"""Named random streams that can be saved and restored, and the random arrays of ``keras.random``.

Shuffling, initial weights and dropout each draw from a stream of their own, so that adding a
dropout layer does not change the order of the batches. Nothing here reads NumPy's global
state: a plotting library that draws a random number changes no result.

A seed gives the same numbers on every device. What training draws anew at every step, masks and
noise, is made where the arrays live (see ``philox.py``); the rest is drawn on the host.
"""

from __future__ import annotations

import random as python_random
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import backend, philox
from .backend import Array
from .naming import auto_name, check_numbers, in_range
from .philox import Key
from .serialization import Described, Registry
from .variables import Variable, here, keep

_seed: int | None = None
_streams: dict[str, np.random.Generator] = {}


def set_random_seed(seed: int) -> None:
    """Make every random draw of the engine reproducible from here on.

    Python's and NumPy's global generators are seeded too, for the user's own code.

    Parameters
    ----------
    seed : int
        From 0 to 2**32 - 1.

    Examples
    --------
    >>> import minifit
    >>> minifit.utils.set_random_seed(7)
    """
    global _seed
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**32:
        raise ValueError(f"set_random_seed(seed) expects an integer from 0 to 2**32 - 1, such as 42; got {seed!r}.")
    _seed = int(seed)
    _streams.clear()
    python_random.seed(_seed)
    np.random.seed(_seed)  # noqa: NPY002 - the user's own code may draw from it; the engine never does


def stream(name: str) -> np.random.Generator:
    """Return the generator behind a name such as ``"shuffle"``, made at first use."""
    if name not in _streams:
        # crc32 rather than hash(): the same name must give the same stream in every process.
        entropy = None if _seed is None else (_seed, zlib.crc32(name.encode()))
        _streams[name] = np.random.Generator(np.random.SFC64(entropy))
    return _streams[name]


def get_state() -> dict[str, Any]:
    """Return the state of every stream, as plain data that JSON can hold after conversion."""
    return {
        "seed": _seed,
        "streams": {name: generator.bit_generator.state for name, generator in _streams.items()},
    }


def set_state(state: dict[str, Any]) -> None:
    """Put every stream back to what `get_state` returned."""
    global _seed
    _seed = state["seed"]
    _streams.clear()
    for name, inner in state["streams"].items():
        stream(name).bit_generator.state = inner


def seeded(seed: Any) -> np.random.Generator:
    """Return a generator of somebody's own, apart from all streams, which begins at `seed`."""
    return np.random.Generator(np.random.SFC64(seed))


class SeedGenerator(Described):
    """A row of seeds, for the `seed` of random functions and layers; what it has reached is a variable.

    Parameters
    ----------
    seed : int, optional
        Where the row begins; by default `set_random_seed` decides it.
    name : str, optional

    Attributes
    ----------
    state : Variable
        The seed, and how many were drawn. A layer that holds the generator as an attribute saves it.

    Examples
    --------
    >>> import minifit as keras
    >>> seeds = keras.random.SeedGenerator(42)
    >>> one, two = keras.random.normal((2,), seed=seeds), keras.random.normal((2,), seed=seeds)
    >>> bool((one == two).any())
    False
    """

    def __init__(self, seed: int | None = None, name: str | None = None, **kwargs: Any) -> None:
        kwargs.pop("backend", None)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments: {', '.join(kwargs)}. It takes seed and name.")
        self.name = auto_name("seed_generator") if name is None else name
        self.seed = seed
        first = make_default_seed() if seed is None else seed
        if isinstance(first, bool) or not isinstance(first, (int, np.integer)):
            raise ValueError(f"Argument `seed` must be an integer, such as 42; got {seed!r}.")
        start = np.array([first % 2**32, 0])
        self.state = Variable(start, dtype="uint32", trainable=False, name="seed_generator_state")
        self.state.keep_on_host()  # so that no step waits for a device

    def next(self, ordered: bool = True) -> Array:
        """Return the next seed, two integers; with ``ordered=False`` those after it are scattered."""
        drawn = self.state.value
        keep(self.state)
        self.state.value = drawn + _ONE_MORE if ordered else (drawn + 1) * 5387 % 933199
        return drawn

    def key(self) -> Key:
        """Return the next seed as two Python integers."""
        first, second = self.next().tolist()
        return first, second


_ONE_MORE = np.array([0, 1], "uint32")


Registry("random", classes=[SeedGenerator])


def make_default_seed() -> int:
    """Return the seed of what was given none."""
    return int(stream("seed_generator").integers(1, 10**9))


def draw_seed(seed: Any) -> Array:
    """Return two integers that stand for an integer, for a generator's next seed, or, for None, a stream's."""
    if seed is None:
        return backend.asarray(_unseeded().integers(2**32, size=2, dtype="uint32"))
    if isinstance(seed, SeedGenerator):
        return seed.next()
    if isinstance(seed, (int, np.integer)):
        return backend.asarray([int(seed) % 2**32, 0], "uint32")
    raise ValueError(
        f"Argument `seed` must be either an integer or an instance of `SeedGenerator`; got {seed!r} of type "
        f"{type(seed).__name__}."
    )


def _unseeded() -> np.random.Generator:
    return stream("random" if here.before is None else "trial")  # what is on trial leaves no trace


def _generator(seed: Any) -> np.random.Generator:
    return _unseeded() if seed is None else seeded(backend.to_numpy(draw_seed(seed)))


def _key(seed: Any) -> Key:
    first, second = backend.to_numpy(draw_seed(seed)).tolist()
    return first, second


# --------------------------------------------------------------------------- random arrays


def _made(drawn: Any, dtype: Any) -> Array:
    return backend.asarray(drawn).astype(dtype or backend.floatx(), copy=False)


def _size(shape: Any) -> tuple[int, ...]:
    if isinstance(shape, str) or not hasattr(shape, "__iter__"):
        raise TypeError(f"Argument `shape` must be a tuple of integers, such as (2, 3); got {shape!r}.")
    return tuple(in_range("Argument `shape`: a size", size, 0, whole=True) for size in shape)


def _precision(dtype: Any) -> Any:
    """Return the type to draw floats in: NumPy draws no float16."""
    return np.float64 if np.dtype(dtype or backend.floatx()) == np.float64 else np.float32


def normal(shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None) -> Array:
    """Return normally distributed numbers.

    Parameters
    ----------
    shape : tuple of int
    mean, stddev : float
    dtype : str, optional
        The float type in force unless given.
    seed : int or SeedGenerator, optional
        With the same integer the same numbers come every time.
    """
    check_numbers("normal", mean=mean, stddev=stddev)
    return philox.normal(_key(seed), _size(shape), dtype or backend.floatx(), mean, stddev)


def draw_truncated(generator: np.random.Generator, shape: Any, dtype: Any = "float64") -> np.ndarray:
    """Return numbers from a standard normal distribution, those beyond 2 drawn again."""
    drawn = np.asarray(generator.standard_normal(shape, dtype))
    while (outside := np.abs(drawn) > 2).any():
        drawn[outside] = generator.standard_normal(int(outside.sum()))
    return drawn


def truncated_normal(
    shape: Sequence[int], mean: float = 0.0, stddev: float = 1.0, dtype: Any = None, seed: Any = None
) -> Array:
    """Return normally distributed numbers, those further than two `stddev` from the mean drawn again."""
    return _made(draw_truncated(_generator(seed), _size(shape), _precision(dtype)) * stddev + mean, dtype)


def uniform(
    shape: Sequence[int], minval: float = 0.0, maxval: float = 1.0, dtype: Any = None, seed: Any = None
) -> Array:
    """Return numbers between `minval`, included, and `maxval`, excluded, all equally likely."""
    if dtype and np.dtype(dtype).kind != "f":
        raise ValueError(f"`keras.random.uniform` requires a floating point `dtype`. For {dtype} there is randint.")
    return philox.uniform(_key(seed), _size(shape), dtype or backend.floatx()) * (maxval - minval) + minval


def randint(shape: Sequence[int], minval: int, maxval: int, dtype: Any = "int32", seed: Any = None) -> Array:
    """Return integers from `minval` up to, but not including, `maxval`."""
    if dtype and np.dtype(dtype).kind not in "iu":
        raise ValueError(f"`keras.random.randint` requires an integer `dtype`. For {dtype} there is uniform.")
    return _made(_generator(seed).integers(minval, maxval, _size(shape)), dtype or "int32")


def categorical(logits: Any, num_samples: int, dtype: Any = "int32", seed: Any = None) -> Array:
    """Return classes drawn with the probabilities of the softmax of logits (N, C), as (N, num_samples)."""
    logits = backend.to_numpy(logits)
    if logits.ndim != 2:
        raise ValueError(f"`logits` should be a 2-D tensor with shape [batch_size, num_classes]; got {logits.shape}.")
    check_numbers("categorical", 0, whole=True, num_samples=num_samples)
    noise = _generator(seed).gumbel(size=(len(logits), num_samples, logits.shape[1]))
    return _made(np.argmax(logits[:, None] + noise, axis=-1), dtype)


def gamma(shape: Sequence[int], alpha: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Return numbers of the gamma distribution of shape `alpha` and scale 1."""
    return _made(_generator(seed).standard_gamma(backend.to_numpy(alpha), _size(shape)), dtype)


def beta(shape: Sequence[int], alpha: Any, beta: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Return numbers between 0 and 1 of the beta distribution."""
    return _made(_generator(seed).beta(backend.to_numpy(alpha), backend.to_numpy(beta), _size(shape)), dtype)


def binomial(shape: Sequence[int], counts: Any, probabilities: Any, dtype: Any = None, seed: Any = None) -> Array:
    """Return how many of `counts` trials succeed, each with its probability."""
    trials = backend.to_numpy(counts).astype(np.int64)
    return _made(_generator(seed).binomial(trials, backend.to_numpy(probabilities), _size(shape)), dtype)


def dropout(inputs: Any, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None) -> Any:
    """Return the inputs with a random share `rate` set to 0 and the rest multiplied by ``1 / (1 - rate)``."""
    check_numbers("dropout", 0, 1, rate=rate)
    inputs = _placed(inputs)
    if rate == 0:
        return inputs
    if rate == 1:
        return inputs * 0
    sizes = inputs.shape if noise_shape is None else noise_shape
    shape = tuple(n if size is None else size for n, size in zip(inputs.shape, sizes, strict=True))
    return inputs * philox.mask(_key(seed), shape, inputs.dtype, float(rate))


def shuffle(x: Any, axis: int = 0, seed: Any = None) -> Any:
    """Return x with its rows, along `axis`, in another order."""
    x = _placed(x)
    return np.take(x, backend.asarray(_generator(seed).permutation(x.shape[axis])), axis=axis)


def _placed(x: Any) -> Any:
    """Return x as an array on the device in use, or the Tensor that it is."""
    return backend.asarray(x) if backend.on_host(x) or not hasattr(x, "shape") else x
