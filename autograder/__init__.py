"""The course: exercises, checks and hints. What a notebook imports.

Everything heavy is imported where it is used, so that a notebook's first cell is quick.
"""

from __future__ import annotations

from typing import Any

from . import mine as _mine
from .notebook import built_table, case, check, hint, progress, setup, solution
from .predictions import predict, reveal

__all__ = [
    "built_table",
    "case",
    "check",
    "hint",
    "loop_picture",
    "predict",
    "progress",
    "reveal",
    "setup",
    "solution",
    "trace",
]

_mine.install()


def loop_picture(*args: Any, **kwargs: Any) -> Any:
    """Draw the training loop with today's part lit; see `autograder.picture.loop_picture`."""
    from .picture import loop_picture as draw

    return draw(*args, **kwargs)


def trace(*args: Any, **kwargs: Any) -> Any:
    """Follow one batch through the loop; see `minifit.trace.trace`."""
    from minifit.trace import trace as follow

    return follow(*args, **kwargs)
