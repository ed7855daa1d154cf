"""Keras' place for models: ``from minifit.models import Sequential``."""

from .cloning import clone_model, model_from_json
from .layers import Input
from .model import Functional, Model, Sequential
from .saving import load_model, save_model

__all__ = ["Functional", "Input", "Model", "Sequential", "clone_model", "load_model", "model_from_json", "save_model"]
