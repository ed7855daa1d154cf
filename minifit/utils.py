"""Small functions around a training script."""

from __future__ import annotations

from typing import Any

import numpy as np

from .naming import clear_session
from .random import set_random_seed

__all__ = ["clear_session", "set_random_seed", "to_categorical"]


def to_categorical(x: Any, num_classes: int | None = None) -> np.ndarray:
    """Return class labels as one-hot rows.

    Parameters
    ----------
    x : (N,) or (N, 1) of integers from 0 to C - 1
    num_classes : int, optional
        C; by default the largest label + 1.

    Returns
    -------
    (N, C) float64

    Raises
    ------
    ValueError
        If a label lies outside 0 to C - 1.

    Examples
    --------
    >>> to_categorical([0, 2], num_classes=3)
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    labels = np.asarray(x, dtype="int64")
    if labels.ndim > 1 and labels.shape[-1] == 1:
        labels = labels[..., 0]
    n_classes = int(labels.max()) + 1 if num_classes is None else num_classes
    if labels.size and (labels.min() < 0 or labels.max() >= n_classes):
        raise ValueError(
            f"to_categorical(x, num_classes={n_classes}) expects labels from 0 to {n_classes - 1}; got labels from "
            f"{labels.min()} to {labels.max()}."
        )
    return np.eye(n_classes)[labels]
