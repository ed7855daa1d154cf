"""JAX by hand: one jitted step called batch by batch, or a whole epoch scanned inside one compiled function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured
from .on_gpu import wanted


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, mode: str) -> Callable[[], Any]:
    import jax
    import jax.numpy as jnp

    known = workload.layers[0][-1] is not True and "normalize" not in workload.kinds
    if not known or workload.features_on or workload.task != "fit" or _too_slow(workload, mode):
        raise NotMeasured
    rng = np.random.default_rng(0)
    weights = _weights(workload, rng)
    inputs, labels = jnp.asarray(x), jnp.asarray(y)

    def loss_of(weights: Any, batch: Any, target: Any, key: Any) -> Any:
        outputs = _forward(workload, weights, batch, key)
        if workload.loss == "mse":
            return jnp.mean((outputs - target) ** 2)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(outputs), target[:, None], axis=1))

    def step(state: Any, rows: Any) -> Any:
        weights, m, v, t, key = state
        key, mine = jax.random.split(key)
        loss, g = jax.value_and_grad(loss_of)(weights, inputs[rows], labels[rows], mine)
        t = t + 1
        if workload.optimizer == "adam":
            m = jax.tree.map(lambda a, b: 0.9 * a + 0.1 * b, m, g)
            v = jax.tree.map(lambda a, b: 0.999 * a + 0.001 * b * b, v, g)
            rate = 0.001 * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
            weights = jax.tree.map(lambda w, a, b: w - rate * a / (jnp.sqrt(b) + 1e-7), weights, m, v)
        else:
            m = jax.tree.map(lambda a, b: 0.9 * a - 0.01 * b, m, g)
            weights = jax.tree.map(jnp.add, weights, m)
        return (weights, m, v, t, key), loss

    m, v = jax.tree.map(jnp.zeros_like, weights), jax.tree.map(jnp.zeros_like, weights)
    state: Any = (weights, m, v, jnp.float32(0), jax.random.key(0))

    if mode == "scan":
        epoch = jax.jit(lambda state, order: jax.lax.scan(step, state, order), donate_argnums=0)

        def run() -> None:
            nonlocal state
            order = rng.permutation(len(x)).reshape(workload.steps, workload.batch_size)
            state, losses = epoch(state, order)
            np.asarray(losses)
    else:
        jitted = jax.jit(lambda state, order, i: step(state, order[i]), donate_argnums=0)

        def run() -> None:
            nonlocal state
            order = jnp.asarray(rng.permutation(len(x)).reshape(workload.steps, workload.batch_size))
            for i in range(workload.steps):
                state, loss = jitted(state, order, i)
            np.asarray(loss)

    return run


def _too_slow(workload: Workload, mode: str) -> bool:
    # On a CPU, XLA runs convolutions inside a scan an order of magnitude more slowly.
    return mode == "scan" and "conv" in workload.kinds and not wanted()


def _weights(workload: Workload, rng: np.random.Generator) -> list[Any]:
    import jax.numpy as jnp

    weights: list[Any] = []
    shape = workload.input_shape

    def array(*size: int) -> Any:
        return jnp.asarray(rng.normal(0, 0.05, size).astype("float32"))

    for kind, *numbers in workload.layers:
        if kind == "dense":
            weights.append((array(shape[-1], numbers[0]), jnp.zeros(numbers[0])))
            shape = (numbers[0],)
        elif kind == "conv":
            weights.append((array(3, 3, shape[-1], numbers[0]), jnp.zeros(numbers[0])))
            shape = (shape[0] - 2, shape[1] - 2, numbers[0])
        elif kind == "pool":
            shape = (shape[0] // 2, shape[1] // 2, shape[2])
        elif kind == "flatten":
            shape = (int(np.prod(shape)),)
        elif kind == "embedding":
            weights.append((array(*numbers),))
            shape = (shape[0], numbers[1])
        elif kind == "average":
            shape = (shape[-1],)
    return weights


def _forward(workload: Workload, weights: Any, x: Any, key: Any) -> Any:
    import jax
    import jax.numpy as jnp

    own = iter(weights)
    for kind, *numbers in workload.layers:
        if kind == "dense":
            w, b = next(own)
            x = x @ w + b
            x = jax.nn.relu(x) if numbers[1] == "relu" else x
        elif kind == "dropout":
            x = x * jax.random.bernoulli(key, 1 - numbers[0], x.shape) / (1 - numbers[0])
        elif kind == "conv":
            w, b = next(own)
            x = jax.lax.conv_general_dilated(x, w, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC")) + b
            x = jax.nn.relu(x)
        elif kind == "pool":
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        elif kind == "flatten":
            x = x.reshape(len(x), -1)
        elif kind == "embedding":
            x = next(own)[0][x]
        else:
            x = x.mean(axis=1)
    return x
