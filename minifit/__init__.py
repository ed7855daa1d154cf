"""minifit: Keras' model.fit() in NumPy, small enough to be read.

``import minifit as keras`` and most scripts written for Keras run as they are.
"""

from . import (
    activations,
    backend,
    callbacks,
    config,
    constraints,
    datasets,
    dtype_policies,
    initializers,
    layers,
    losses,
    metrics,
    models,
    ops,
    optimizers,
    random,
    regularizers,
    saving,
    tree,
    utils,
)
from . import dtype_policies as mixed_precision  # as older scripts call it
from .backend import device, get_device, set_device
from .dtype_policies import DTypePolicy
from .functional import KerasTensor
from .gradcheck import check_gradients
from .initializers import Initializer
from .layers import Input, InputSpec, Layer
from .losses import Loss
from .metrics import Metric
from .models import Functional, Model, Sequential, load_model
from .naming import clear_session
from .optimizers import Optimizer
from .regularizers import Regularizer
from .tape import GradientTape, Tensor, stop_gradient
from .utils import set_random_seed
from .variables import Variable

__version__ = "0.1.0"

__all__ = [
    "DTypePolicy",
    "Functional",
    "GradientTape",
    "Initializer",
    "Input",
    "InputSpec",
    "KerasTensor",
    "Layer",
    "Loss",
    "Metric",
    "Model",
    "Optimizer",
    "Regularizer",
    "Sequential",
    "Tensor",
    "Variable",
    "activations",
    "backend",
    "callbacks",
    "check_gradients",
    "clear_session",
    "config",
    "constraints",
    "datasets",
    "device",
    "dtype_policies",
    "get_device",
    "initializers",
    "layers",
    "load_model",
    "losses",
    "metrics",
    "mixed_precision",
    "models",
    "ops",
    "optimizers",
    "random",
    "regularizers",
    "saving",
    "set_device",
    "set_random_seed",
    "stop_gradient",
    "tree",
    "utils",
]
