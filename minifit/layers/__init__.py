"""Layers, one file a family. A layer is `build` and `call`, nothing else."""

from ..serialization import Registry
from . import convolution, pooling
from .activation import ELU, Activation, LeakyReLU, PReLU, ReLU, Softmax
from .convolution import *  # noqa: F403
from .core import Dense, Identity, Input, InputLayer, Lambda, Masking
from .embedding import Embedding
from .foreign import Foreign
from .input_spec import InputSpec
from .layer import Layer
from .normalization import BatchNormalization, LayerNormalization
from .pooling import *  # noqa: F403
from .preprocessing import Normalization, Rescaling
from .regularization import ActivityRegularization, Dropout, GaussianDropout, GaussianNoise
from .reshaping import Flatten, Reshape

_CLASSES = (
    *(Activation, ActivityRegularization, BatchNormalization, Dense, Dropout, ELU, Embedding, Flatten),
    *(GaussianDropout, GaussianNoise, Identity, InputLayer, Lambda, LayerNormalization, LeakyReLU, Normalization),
    *(Masking, PReLU, ReLU, Rescaling, Reshape, Softmax, Layer),
    *(*convolution.CLASSES, *pooling.CLASSES),
)
_registry = Registry("layers", _CLASSES, example="Dense")
get = _registry.get
serialize, deserialize = _registry.module_functions()

__all__ = ["Foreign", "Input", "InputSpec", "deserialize", "serialize", *(c.__name__ for c in _CLASSES)]
__all__ += convolution.__all__ + pooling.__all__
