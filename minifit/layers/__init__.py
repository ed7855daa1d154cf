"""Layers, one file a family. A layer is `build` and `call`, nothing else."""

from .core import Activation, Dense, Flatten, Input, InputLayer
from .layer import Layer
from .regularization import Dropout

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Input", "InputLayer", "Layer"]
