"""Embedding: a vector for each integer."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import backend, ops
from ..tape import unwrap
from .layer import Layer


class Embedding(Layer):
    """A table of vectors, looked up by integers: (B, ...) gives (B, ..., `output_dim`).

    Parameters
    ----------
    input_dim : int
        V, the number of rows; indices go from 0 to V - 1.
    output_dim : int
        E, the length of a vector; the weight ``embeddings`` is (V, E).
    embeddings_initializer : str or Initializer
    embeddings_regularizer, embeddings_constraint : str or callable, optional
    mask_zero : bool
        Whether 0 stands for "nothing here": what comes after then leaves those steps out, the loss too.
    weights : (V, E), optional
        First values.
    lora_rank, lora_alpha, quantization_config
        Not supported; None alone is taken.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> keras.layers.Embedding(10, 4)(np.array([[1, 2, 2]])).shape
    (1, 3, 4)
    """

    _undescribed = ("weights", "lora_rank", "lora_alpha")

    def __init__(
        self,
        input_dim: int,
        output_dim: int,
        embeddings_initializer: Any = "uniform",
        embeddings_regularizer: Any = None,
        embeddings_constraint: Any = None,
        mask_zero: bool = False,
        weights: Any = None,
        lora_rank: None = None,
        lora_alpha: None = None,
        quantization_config: None = None,
        **layer_arguments: Any,
    ) -> None:
        layer_arguments.pop("input_length", None)  # of older scripts
        super().__init__(**layer_arguments)
        self._refuse(lora_rank=lora_rank, lora_alpha=lora_alpha, quantization_config=quantization_config)
        self._keep(locals())
        for name, value in (("input_dim", input_dim), ("output_dim", output_dim)):
            if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
                raise ValueError(
                    f"`{name}` must be a positive integer. Received: {name}={value} (of type {type(value).__name__})."
                )
        self.supports_masking = self._masks_without_input = bool(mask_zero)
        self.autocast = False  # large indices do not survive a narrower type
        if weights is not None:
            self.build()
            self.set_weights(weights if isinstance(weights, list) and len(weights) == 1 else [weights])

    def build(self, input_shape: Any = None) -> None:
        self.embeddings = self._weight("embeddings", (self.input_dim, self.output_dim), autocast=False)

    def call(self, inputs: Any) -> Any:
        rows = ops.getitem(self.embeddings, index=ops.noted(self._indices, unwrap(inputs)))
        return rows if self._mixed is None else self._cast(rows)

    def _indices(self, indices: Any) -> Any:
        """Return whole numbers, none of them beyond the rows that there are.

        On a device no step waits for a look at them: one that names no row gets a row of NaN, and so does the loss.
        """
        if indices.dtype.kind not in "iu":
            indices = indices.astype("int32")
        if not backend.on_host(indices):
            return indices.view(indices.dtype.str.replace("i", "u"))  # for no index counts from the end
        if indices.size and not 0 <= indices.min() <= indices.max() < self.input_dim:
            raise ValueError(
                f"Embedding {self.name!r} has rows 0 to {self.input_dim - 1}; got indices from {indices.min()} to "
                f"{indices.max()}. Make input_dim larger, or map what is not known to one index."
            )
        return indices

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return ops.noted(np.not_equal, unwrap(inputs), 0) if self.mask_zero else None
