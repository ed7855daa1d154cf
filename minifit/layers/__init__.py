"""Layers, one file a family. A layer is `build` and `call`, nothing else."""

from .core import Activation, Dense, Flatten, Input, InputLayer
from .foreign import Foreign
from .layer import Layer
from .regularization import Dropout

__all__ = ["Activation", "Dense", "Dropout", "Flatten", "Foreign", "Input", "InputLayer", "Layer"]
