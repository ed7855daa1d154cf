"""Keras' place for settings: ``minifit.config.set_floatx("float64")``."""

import logging

from . import serialization
from .backend import (
    epsilon,
    floatx,
    image_data_format,
    set_epsilon,
    set_floatx,
    set_image_data_format,
    set_tf32,
    tf32,
)
from .dtype_policies import dtype_policy, set_dtype_policy

_interactive = True
_limits: dict[str, int | None] = {"epochs": None, "steps_per_epoch": None}


def backend() -> str:
    """Return the name of the backend, for scripts that ask: always ``"numpy"``."""
    return "numpy"


def enable_interactive_logging() -> None:
    """Print progress and messages, as at the start."""
    global _interactive
    _interactive = True


def disable_interactive_logging() -> None:
    """Send progress and messages to the logger ``"minifit"`` instead of printing them."""
    global _interactive
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Tell whether messages are printed."""
    return _interactive


def set_max_epochs(max_epochs: int | None) -> None:
    """Let no `fit` take more epochs, to try a script out; None for no limit."""
    _limits["epochs"] = max_epochs


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Let no epoch of `fit`, `evaluate` or `predict` take more steps, to try a script out; None for no limit."""
    _limits["steps_per_epoch"] = max_steps_per_epoch


def max_epochs() -> int | None:
    """Return what `set_max_epochs` set."""
    return _limits["epochs"]


def max_steps_per_epoch() -> int | None:
    """Return what `set_max_steps_per_epoch` set."""
    return _limits["steps_per_epoch"]


def set_logging_verbosity(level: str) -> None:
    """Set from which level on, such as ``"INFO"`` or ``"ERROR"``, messages reach the logger."""
    if level not in ("FATAL", "ERROR", "WARNING", "INFO", "DEBUG"):
        raise ValueError(
            f"Please pass a valid level for logging verbosity: FATAL, ERROR, WARNING, INFO or DEBUG; got {level!r}."
        )
    logging.getLogger("minifit").setLevel(level)


def enable_unsafe_deserialization() -> None:
    """Let every load from here on run the lambdas that files hold, as ``safe_mode=False`` does for one."""
    serialization._here.safe = False


__all__ = ["backend", "disable_interactive_logging", "enable_interactive_logging", "enable_unsafe_deserialization"]
__all__ += ["epsilon", "floatx", "image_data_format", "is_interactive_logging_enabled", "set_epsilon", "set_floatx"]
__all__ += ["max_epochs", "max_steps_per_epoch", "set_max_epochs", "set_max_steps_per_epoch"]
__all__ += ["dtype_policy", "set_dtype_policy", "set_image_data_format", "set_logging_verbosity", "set_tf32", "tf32"]
