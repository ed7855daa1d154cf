"""All scenarios, by name: ``SCENARIOS["losses.reduction_of_weighted_losses[sum]"](keras)`` runs one."""

from . import callbacks, convolution, functions, layers, loop, losses, metrics, optimizers, weights
from .common import SCENARIOS

TOPICS = [
    module.__name__.rpartition(".")[2]
    for module in (layers, convolution, functions, losses, metrics, optimizers, weights, loop, callbacks)
]

__all__ = ["SCENARIOS", "TOPICS"]
