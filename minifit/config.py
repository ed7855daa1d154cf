"""Keras' place for settings: ``minifit.config.set_floatx("float64")``."""

from .backend import epsilon, floatx, set_epsilon, set_floatx

__all__ = ["epsilon", "floatx", "set_epsilon", "set_floatx"]
