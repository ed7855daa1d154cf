"""Named random streams that can be saved and restored.

Shuffling, initial weights and dropout each draw from a stream of their own, so that adding a
dropout layer does not change the order of the batches. Nothing here reads NumPy's global
state: a plotting library that draws a random number changes no result.
"""

from __future__ import annotations

import random as python_random
import zlib
from typing import Any

import numpy as np

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


def seeded(seed: int) -> np.random.Generator:
    """Return a generator of somebody's own, apart from all streams, which begins at `seed`."""
    return np.random.Generator(np.random.SFC64(seed))
