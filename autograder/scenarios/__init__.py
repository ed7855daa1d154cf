"""How an exercise's object is driven.

In grading a scenario runs in the learner's process, so nothing here may import the reference.
"""

from __future__ import annotations

from typing import Any


def call(obj: Any, *inputs: Any) -> Any:
    """Call it: the scenario of a plain function."""
    return obj(*inputs)
