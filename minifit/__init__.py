"""minifit: Keras' model.fit() in NumPy, small enough to be read.

``import minifit as keras`` and most scripts written for Keras run as they are.
"""

from . import (
    activations,
    backend,
    callbacks,
    config,
    datasets,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    utils,
)
from .backend import device, get_device, set_device
from .layers import Input, Layer
from .losses import Loss
from .metrics import Metric
from .model import Model, Sequential
from .models import load_model
from .naming import clear_session
from .optimizers import Optimizer
from .tape import GradientTape, Tensor, stop_gradient
from .utils import set_random_seed
from .variables import Variable

__version__ = "0.1.0"

__all__ = [
    "GradientTape",
    "Input",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "clear_session",
    "config",
    "datasets",
    "device",
    "get_device",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "models",
    "ops",
    "optimizers",
    "set_device",
    "set_random_seed",
    "stop_gradient",
    "utils",
]
