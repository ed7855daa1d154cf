"""Intersection over union, from a matrix of confusion that grows batch by batch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backend import asarray, epsilon
from ..losses.loss import as_array, as_type, fit_weights, init_from
from ..naming import check_numbers
from ..tape import unwrap
from .metric import Metric, add, as_result, summed_at

__all__ = ["BinaryIoU", "IoU", "MeanIoU", "OneHotIoU", "OneHotMeanIoU"]


class IoU(Metric):
    """Mean over some classes of |labels ∩ predictions| / |labels ∪ predictions|.

    Parameters
    ----------
    num_classes : int
    target_class_ids : sequence of int
        The classes to average over, all if None; one that never occurs does not count.
    ignore_class : int, optional
        A label whose elements do not count; neither do labels and predictions that are no class.
    sparse_y_true, sparse_y_pred : bool
        Whether they hold class numbers, rather than one value a class along `axis`.
    dtype : str, optional
        The type to count in, by default int32, in which weights lose their fractions.

    Examples
    --------
    >>> iou = IoU(num_classes=2, target_class_ids=[0])
    >>> f"{float(iou([0, 0, 1, 1], [0, 1, 0, 1])):.3f}"
    '0.333'
    """

    _direction = "up"

    def __init__(
        self,
        num_classes: int,
        target_class_ids: Sequence[int] | None,
        name: str | None = None,
        dtype: Any = None,
        ignore_class: int | None = None,
        sparse_y_true: bool = True,
        sparse_y_pred: bool = True,
        axis: int = -1,
    ) -> None:
        super().__init__(dtype or "int", name)
        check_numbers(self, 1, whole=True, num_classes=num_classes)
        self.num_classes = num_classes
        self.target_class_ids = list(range(num_classes) if target_class_ids is None else target_class_ids)
        wrong = [i for i in self.target_class_ids if not 0 <= i < num_classes]
        if wrong or not self.target_class_ids:
            raise ValueError(f"Target class id {wrong} is out of range, which is [0, {num_classes}).")
        self.ignore_class, self.axis = ignore_class, axis
        self.sparse_y_true, self.sparse_y_pred = sparse_y_true, sparse_y_pred
        self.total_cm = self.add_variable(
            (num_classes, num_classes), "zeros", self.dtype, name="total_confusion_matrix"
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        """Take in a batch: labels, predictions and weights of as many elements each, in any shape."""
        y_true, y_pred = as_array(unwrap(y_true)), as_array(unwrap(y_pred))
        y_true = y_true if self.sparse_y_true else y_true.argmax(axis=self.axis)
        y_pred = y_pred if self.sparse_y_pred else y_pred.argmax(axis=self.axis)
        if y_true.size != y_pred.size:
            raise ValueError(f"{self.name} needs as many labels as predictions; got {y_true.size} and {y_pred.size}.")
        weights = None if sample_weight is None else self._weights(sample_weight, y_true)
        y_true, y_pred = (y.astype(self.dtype).ravel() for y in (y_true, y_pred))
        counts = self._known(y_true, y_pred) * (1 if weights is None else weights)
        # An element that does not count goes to class 0 with a weight of 0.
        row, column = (np.where(counts != 0, y, 0).astype("int64") for y in (y_true, y_pred))
        n = self.num_classes
        matrix = summed_at(row * n + column, counts, n * n).reshape(n, n)
        add(self.total_cm, matrix.astype(self.dtype))

    def _known(self, y_true: Any, y_pred: Any) -> Any:
        """Return where both are classes and the label is not to be ignored."""
        known = (y_true >= 0) & (y_true < self.num_classes) & (y_pred >= 0) & (y_pred < self.num_classes)
        return known if self.ignore_class is None else known & (y_true != self.ignore_class)

    def _weights(self, sample_weight: Any, y_true: Any) -> Any:
        weights = as_array(unwrap(sample_weight))
        if weights.dtype.kind == "f" and "int" in self.dtype:
            warnings.warn(
                f"sample_weight is of type float, but {self.name} counts in int: casting cuts the fractions off. Pass "
                f'{type(self).__name__}(..., dtype="float32").',
                stacklevel=3,
            )
        weights, y_true = fit_weights(as_type(weights, self.dtype), y_true, "labels")
        return np.broadcast_to(weights, y_true.shape).ravel()

    def result(self) -> Any:
        matrix = self.total_cm.value
        both = np.diagonal(matrix)
        either = matrix.sum(axis=0) + matrix.sum(axis=1) - both
        ids = asarray(self.target_class_ids)
        both, either = both[ids].astype("float32"), either[ids].astype("float32")
        occurs = either > 1e-9
        iou = np.where(occurs, both / (either + epsilon()), 0)
        return as_result(iou.sum() / (occurs.sum().astype("float32") + epsilon()), "float32")


class BinaryIoU(IoU):
    """`IoU` of two classes, a prediction of at least `threshold` being class 1."""

    def __init__(
        self,
        target_class_ids: Sequence[int] = (0, 1),
        threshold: float = 0.5,
        name: str | None = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(2, target_class_ids, name, dtype)
        self.threshold = threshold

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:
        super().update_state(y_true, as_type(unwrap(y_pred), "float32") >= self.threshold, sample_weight)


class MeanIoU(IoU):
    """`IoU` averaged over all classes that occur."""

    __init__ = init_from(
        IoU, "num_classes name dtype ignore_class sparse_y_true sparse_y_pred axis", {}, {"target_class_ids": None}
    )


class OneHotIoU(IoU):
    """`IoU` for one-hot labels, and for predictions with one value a class unless `sparse_y_pred`."""

    __init__ = init_from(
        IoU,
        "num_classes target_class_ids name dtype ignore_class sparse_y_pred axis",
        {"sparse_y_pred": False},
        {"sparse_y_true": False},
    )


class OneHotMeanIoU(MeanIoU):
    """`MeanIoU` for one-hot labels, and for predictions with one value a class unless `sparse_y_pred`."""

    __init__ = init_from(
        MeanIoU,
        "num_classes name dtype ignore_class sparse_y_pred axis",
        {"sparse_y_pred": False},
        {"sparse_y_true": False},
    )
