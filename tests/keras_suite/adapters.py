"""Keras' data adapters, told in terms of minifit's sources of batches."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from typing import Any

import pytest

from .checks import map_arrays, minifit, to_numpy

#: Keras' adapters and minifit's sources.
SOURCES = {
    "ArrayDataAdapter": "ArrayData",
    "GeneratorDataAdapter": "GeneratorData",
    "PyDatasetAdapter": "PyDatasetData",
    "TorchDataLoaderAdapter": "IterableData",
    "GrainDatasetAdapter": "IterableData",
    "TFDatasetAdapter": "IterableData",
}


class _AsItsSource(type):
    """Takes every object of the source for one of the adapter."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, cls.__mro__[2])


class _Asked:
    """What the tests ask of an adapter, beside what a source has."""

    @property
    def has_partial_batch(self: Any) -> bool | None:
        return None if self.partial_batch_size is None else bool(self.partial_batch_size)

    @property
    def partial_batch_size(self: Any) -> int | None:
        n = getattr(self, "n_samples", None)
        if n is None and hasattr(getattr(self, "_iterable", None), "dataset"):  # a DataLoader of torch
            with contextlib.suppress(TypeError):
                n = len(self._iterable.dataset)
        return None if n is None or self.batch_size is None else n % self.batch_size

    def get_numpy_iterator(self: Any) -> Iterator[Any]:
        """Yield the batches of a pass as Keras does: without the parts that were not given."""
        return (_as_keras(batch) for batch in self.batches())

    def get_tf_dataset(self: Any) -> Any:
        """Nothing that minifit has, so the test ends here if it got as far as this."""
        pytest.skip("batches as a tf.data.Dataset")


def _as_keras(batch: Any) -> Any:
    parts = list(batch)
    while len(parts) > 1 and parts[-1] is None:
        parts.pop()
    if len(parts) == 1 and isinstance(parts[0], dict):  # Keras hands on a dict as it was yielded
        return map_arrays(to_numpy, parts[0])
    return tuple(map_arrays(lambda x: x if x is None else to_numpy(x), part) for part in parts)


@functools.cache
def adapter(name: str) -> Any:
    """Return the class for an adapter of Keras, or None."""
    source = getattr(minifit("data"), SOURCES.get(name, ""), None)
    return None if source is None else _AsItsSource(name, (_Asked, source), {})
