"""A gradient by the tape against the slope itself: is a function of your own differentiated rightly?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import backend
from .tape import GradientTape, Tensor
from .variables import Variable


def check_gradients(
    f: Callable[..., Any], inputs: Any, step: float = 1e-5, tolerance: float = 1e-6, seed: int = 0
) -> float:
    """Compare the gradient that the tape gives with central differences, ``(f(x + h) - f(x - h)) / 2h``, in float64.

    Parameters
    ----------
    f : callable
        ``f(*inputs)``, of one Tensor or several nested in a list; written in NumPy calls, ops or layers. It must give
        the same every time, and have no kink within `step` of the inputs.
    inputs : array_like, or a list of array_like
        Where to check. A Variable, such as a layer's weight, is moved where it is, so that f need not use what it is
        given; it must be float64.
    step : float
        How far an element is moved to each side, relative to its size where that is above 1.
    tolerance : float
        The largest error that is taken, relative to the largest element of the gradient.
    seed : int
        Of the random numbers by which outputs are weighed, lest the errors of two make up for each other.

    Returns
    -------
    float
        The largest error found.

    Raises
    ------
    AssertionError
        Where the two differ: it says in which element of which input, and by what factor.

    Examples
    --------
    >>> import minifit as keras
    >>> check_gradients(lambda x: np.sum(np.exp(x) * np.sin(x)), [0.5, 1.0, 2.0]) < 1e-8
    True
    >>> layer = keras.layers.Dense(3, activation="gelu", dtype="float64")
    >>> layer.build((None, 2))
    >>> x = np.random.default_rng(0).normal(size=(4, 2))
    >>> check_gradients(lambda x, *weights: layer(x), [x, *layer.weights]) < 1e-8
    True
    """
    several = isinstance(inputs, (list, tuple)) and not all(isinstance(x, (int, float)) for x in inputs)
    before = backend.floatx()
    backend.set_floatx("float64")
    try:
        variables = [_as_variable(x) for x in (inputs if several else [inputs])]
        with GradientTape() as tape:
            total = _weighed(f(*variables), seed)
        if not isinstance(total, Tensor):
            raise TypeError(
                "check_gradients(f, ...): f returned no Tensor, so no gradient can be taken. Look for float(...), "
                "np.asarray(...) or .numpy() inside f."
            )
        gradients = tape.gradient(total, variables)
        if float(total) != float(_weighed(f(*variables), seed)):
            raise ValueError("check_gradients(f, ...): f gave two results for the same inputs. Fix its random seed.")
        found = [
            _compare(place, variable, gradient, lambda: float(_weighed(f(*variables), seed)), step, tolerance)
            for place, (variable, gradient) in enumerate(zip(variables, gradients, strict=True))
        ]
    finally:
        backend.set_floatx(before)
    return max(found, default=0.0)


def _as_variable(x: Any) -> Variable:
    if not isinstance(x, Variable):
        return Variable(backend.to_numpy(x), dtype="float64")
    if x.dtype != np.float64:
        raise ValueError(
            f"check_gradients(f, inputs) needs float64; {x.name!r} is {x.dtype}, too coarse for differences. "
            'Make the layer with dtype="float64".'
        )
    return x


def _weighed(outputs: Any, seed: int) -> Any:
    rng = np.random.default_rng(seed)
    parts: Sequence[Any] = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    total = 0.0
    for part in parts:
        total = total + np.sum(part * backend.asarray(rng.uniform(0.5, 1.5, np.shape(part))))
    return total


def _compare(
    place: int, variable: Variable, gradient: Any, value: Callable[[], float], step: float, tolerance: float
) -> float:
    at = np.array(backend.to_numpy(variable))
    tape = np.zeros_like(at) if gradient is None else backend.to_numpy(gradient)
    slope = np.zeros_like(at)
    for index in np.ndindex(at.shape):
        h = step * max(1.0, float(abs(at[index])))
        sides = []
        for moved in (at[index] + h, at[index] - h):
            nearby = at.copy()
            nearby[index] = moved
            variable.assign(nearby)
            sides.append(value())
        slope[index] = (sides[0] - sides[1]) / (2 * h)
    variable.assign(at)
    if not at.size:
        return 0.0
    error = np.abs(tape - slope) / max(np.abs(slope).max(), np.abs(tape).max(), 1e-3)
    worst = np.unravel_index(np.argmax(np.where(np.isnan(error), np.inf, error)), at.shape)
    if not error[worst] <= tolerance:
        factor = f", {tape[worst] / slope[worst]:.4g} times it" if slope[worst] else ""
        raise AssertionError(
            f"The gradient with respect to inputs[{place}] is wrong at {tuple(map(int, worst))}: the slope is "
            f"{slope[worst]:.9g}; the tape gives {tape[worst]:.9g}{factor}."
        )
    return float(error[worst])
