"""How the exercises of notebook 05 are driven where a plain call would not show enough.

These run in the learner's process, so nothing of the reference is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = Any

#: Functions of an array and of coefficients of its shape, each giving one number. They bend, and no two entries alike,
#: so that a one-sided difference, another step and a nudge to the wrong entry all show.
FUNCTIONS: dict[str, Callable[[Array, Array], Any]] = {
    "sum(a * x**3 + x)": lambda x, a: np.sum(a * x**3 + x),
    "sum(a * x**2) * sum(x)": lambda x, a: np.sum(a * x**2) * np.sum(x),
    "sum(exp(a * x)) + sum(x)**2": lambda x, a: float(np.sum(np.exp(a * x)) + np.sum(x) ** 2),
    "sum(exp(20 * a * x))": lambda x, a: np.sum(np.exp(20 * a * x)),
    "sum(a * x)": lambda x, a: np.sum(a * x),
}


def numeric_gradient(gradient: Callable[..., Any], function: str, x: Array, a: Array, eps: float | None) -> Any:
    """Ask for the slopes of a function at x; eps is left out where it is None."""

    def f(x: Array) -> Any:
        return FUNCTIONS[function](x, a)

    return gradient(f, x) if eps is None else gradient(f, x, eps)


def weighted_gradient(gradient: Callable[..., Any], y_true: Array, logits: Array, sample_weight: Array | None) -> Any:
    """Ask for the slopes of a loss; weights are left out where there are none, as most callers do."""
    return gradient(y_true, logits) if sample_weight is None else gradient(y_true, logits, sample_weight)
