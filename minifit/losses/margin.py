"""Hinge losses: a margin of 1 is asked for, and what lies beyond it costs nothing."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import ops
from .loss import LossFunction, pair

__all__ = ["CategoricalHinge", "Hinge", "SquaredHinge", "categorical_hinge", "hinge", "squared_hinge"]


def _signs(y_true: Any) -> Any:
    """Return labels as they are, or -1 and 1 if all of them are 0 or 1."""
    is_binary = np.all((y_true == 0) | (y_true == 1))
    return np.where(is_binary, 2.0 * y_true - 1.0, y_true)


def hinge(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of max(0, 1 - t y_pred), for labels t of -1 and 1, or of 0 and 1."""
    y_true, y_pred = pair("hinge", y_true, y_pred)
    return ops.mean(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0), axis=-1)


def squared_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return the mean over the last axis of max(0, 1 - t y_pred)²."""
    y_true, y_pred = pair("squared_hinge", y_true, y_pred)
    return ops.mean(ops.square(ops.maximum(1.0 - _signs(y_true) * y_pred, 0.0)), axis=-1)


def categorical_hinge(y_true: Any, y_pred: Any) -> Any:
    """Return max(0, 1 + the largest wrong output - the right one), for one-hot labels (N, C)."""
    y_true, y_pred = pair("categorical_hinge", y_true, y_pred)
    right = ops.sum(y_true * y_pred, axis=-1)
    wrong = ops.max((1.0 - y_true) * y_pred, axis=-1)
    return ops.maximum(wrong - right + 1.0, 0.0)


class Hinge(LossFunction, fn=hinge):
    """Mean of max(0, 1 - t y_pred), for labels t of -1 and 1, or of 0 and 1."""


class SquaredHinge(LossFunction, fn=squared_hinge):
    """Mean of max(0, 1 - t y_pred)²."""


class CategoricalHinge(LossFunction, fn=categorical_hinge):
    """max(0, 1 + the largest wrong output - the right one), for one-hot labels."""
