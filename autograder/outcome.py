"""What judging is about: one call of an answer, what it gave, and the verdict on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Raised:
    """An exception of a learner's.

    Attributes
    ----------
    type_name, text : str
    frames : tuple of (place, line number, source line)
        The learner's own frames, outermost first. A place reads "cell [5], in mse", or "in mse".
    """

    type_name: str
    text: str
    frames: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one run of a scenario gave.

    Attributes
    ----------
    outputs : object
    raised : Raised, optional
    timed_out : str
        Why there is no result, when it took too long.
    mutated : tuple of int
        Positions of the inputs that were changed.
    printed : str
    delegated : str
        The function of the engine or of the reference that was called to do the work.
    """

    outputs: Any = None
    raised: Raised | None = None
    timed_out: str = ""
    mutated: tuple[int, ...] = ()
    printed: str = ""
    delegated: str = ""

    @property
    def not_attempted(self) -> bool:
        """Whether the blank is still there."""
        if self.raised is not None:
            return self.raised.type_name == "NotImplementedError"
        return type(self.outputs).__name__ == "ellipsis"


@dataclass(frozen=True)
class Verdict:
    """What a learner is told, and what they earn.

    Attributes
    ----------
    status : str
        "right", "not attempted", "raised", "timed out", "wrong type", "wrong shape", "wrong values",
        "mutated input" or "delegated".
    message : str
        At most 12 lines.
    score : float
        1.0 or 0.0.
    mistake : str, optional
        The name of the known mistake.
    """

    status: str
    message: str
    score: float
    mistake: str | None = None


@dataclass(frozen=True)
class Trial:
    """One call: what it is called, its inputs, what the reference makes of them."""

    name: str
    inputs: tuple
    expected: Any
    may_change: tuple[int, ...]

    def changed(self, outcome: Outcome) -> tuple[int, ...]:
        """Which inputs were changed that may not be."""
        return tuple(i for i in outcome.mutated if i not in self.may_change)


def same(a: Any, b: Any) -> bool:
    """Tell whether two inputs are the same to the last bit."""
    if isinstance(a, np.ndarray):
        alike = isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape
        return alike and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, int | float | str | bool | None):
        return type(a) is type(b) and (a == b or a != a)
    return True  # objects made for the run, such as generators and models, are the scenario's own
