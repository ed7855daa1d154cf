"""Keras' place for models: ``from minifit.models import Sequential``."""

from .layers import Input
from .model import Model, Sequential
from .saving import load_model

__all__ = ["Input", "Model", "Sequential", "load_model"]
