"""How the loss exercises are driven where calling them once is not enough.

In grading these run in the learner's process, so nothing here may import the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Arrays = Any


def use_loss(Loss: Any, y_true: Arrays, y_pred: Arrays, sample_weight: Arrays) -> dict[str, Any]:
    """Subclass a learner's `Loss` as they would themselves, and reduce with it.

    The subclass charges more for a prediction that is too low than for one that is too high, so labels and
    predictions cannot be exchanged unnoticed. It is part linear, part square, so weights cannot be hidden in its
    arguments, and no loss that Keras has gives the same numbers.

    Parameters
    ----------
    Loss : type
        The class under test: `__call__(y_true, y_pred, sample_weight=None)` reduces what `call` returns.
    y_true, y_pred : (N, D)
    sample_weight : (N,), (N, 1) or None

    Returns
    -------
    dict
        One number for each way of calling the same object, in this order, so that a weight kept from an
        earlier call shows in the last.
    """

    class Lopsided(Loss):
        def call(self, y_true: Arrays, y_pred: Arrays) -> np.ndarray:
            error = y_true - y_pred
            return np.mean(np.maximum(3 * error, -error) + error**2, axis=-1)

    loss = Lopsided()
    outputs = {}
    if sample_weight is not None:
        outputs["loss(y_true, y_pred, sample_weight)"] = loss(y_true, y_pred, sample_weight)
        outputs["loss(y_true, y_pred, sample_weight=sample_weight)"] = loss(y_true, y_pred, sample_weight=sample_weight)
    outputs["loss(y_true, y_pred)"] = loss(y_true, y_pred)
    return outputs
