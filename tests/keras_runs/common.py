"""What every scenario uses: a registry, small data sets, weights from a seed, a recording callback.

A scenario is a function ``scenario(keras) -> dict``. ``keras`` is real Keras when the run is recorded and
minifit when it is replayed, so a scenario is written in the public names that both have. Nothing in it is left
to chance: weights come from :func:`seeded`, rows are never shuffled, dropout draws nothing.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

Array = np.ndarray
Outputs = dict[str, Any]
Scenario = Callable[..., Outputs]

SCENARIOS: dict[str, Callable[[Any], Outputs]] = {}
"""Name, as ``topic.sentence`` or ``topic.sentence[case]``, to function of the Keras module in use."""


def scenario(function: Scenario) -> Scenario:
    """Register ``function`` under its topic (its module) and its own name."""
    return cases({"": {}})(function)


def cases(variants: Mapping[str, Mapping[str, Any]]) -> Callable[[Scenario], Scenario]:
    """Register a scenario once for every case: its name in brackets to its keyword arguments."""

    def register(function: Scenario) -> Scenario:
        topic = function.__module__.rpartition(".")[2]
        for case, arguments in variants.items():
            name = f"{topic}.{function.__name__}" + (f"[{case}]" if case else "")
            if name in SCENARIOS:
                raise ValueError(f"two scenarios are named {name!r}")
            SCENARIOS[name] = lambda keras, f=function, a=arguments: f(keras, **a)  # type: ignore[misc]
        return function

    return register


# --- data: small, lopsided, with a remainder ------------------------------------------------------------------------


def regression(n: int = 103, features: int = 5, outputs: int = 2, seed: int = 1) -> tuple[Array, Array]:
    """``x: (n, features)``, ``y: (n, outputs)`` float64."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features))
    return x, np.tanh(x @ rng.normal(size=(features, outputs))) + 0.1 * rng.normal(size=(n, outputs))


def binary(n: int = 103, features: int = 5, seed: int = 2) -> tuple[Array, Array]:
    """``x: (n, features)`` float64, ``y: (n,)`` int64, about a quarter of it ones."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features))
    return x, (x[:, 0] + 0.5 * rng.normal(size=n) > 0.7).astype(np.int64)


def classes(n: int = 103, features: int = 5, count: int = 3, seed: int = 3) -> tuple[Array, Array]:
    """``x: (n, features)`` float64, ``y: (n,)`` int64 in ``0..count-1``."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, features))
    return x, np.argmax(x @ rng.normal(size=(features, count)) + rng.gumbel(size=(n, count)), axis=1)


def one_hot(y: Array, count: int) -> Array:
    """``(n,)`` integers to ``(n, count)`` float64."""
    return np.eye(count)[y]


# --- models ----------------------------------------------------------------------------------------------------------


def seeded(model: Any, seed: int = 0, scale: float = 0.5) -> Any:
    """Set every weight of ``model`` from one seeded generator, in the order of ``get_weights()``, and return it."""
    rng = np.random.default_rng(seed)
    model.set_weights([scale * rng.normal(size=w.shape) for w in model.get_weights()])
    return model


def network(
    keras: Any, outputs: int = 2, activation: str | None = None, features: int = 5, hidden: int = 4, seed: int = 0
) -> Any:
    """``features - hidden (tanh) - outputs (activation)`` with seeded weights."""
    layers = [
        keras.Input(shape=(features,)),
        keras.layers.Dense(hidden, activation="tanh"),
        keras.layers.Dense(outputs, activation=activation),
    ]
    return seeded(keras.Sequential(layers), seed)


def weight_only(keras: Any, features: int = 1) -> Any:
    """One neuron without bias and without activation, all weights 0: its output is ``x @ w``."""
    model = keras.Sequential([keras.Input(shape=(features,)), keras.layers.Dense(1, use_bias=False)])
    model.set_weights([np.zeros((features, 1))])
    return model


def output_itself(y_true: Any, y_pred: Any) -> Any:
    """A loss whose gradient with respect to the output of a sample is 1, whatever the label.

    With :func:`weight_only` and batches of one row, the gradient of the weights is that row of ``x``.
    """
    return y_pred


# --- what to keep of a run -------------------------------------------------------------------------------------------


def plain(array: Any) -> Array:
    """A NumPy copy of a tensor outside any tape, wherever it lies."""
    return array.get() if hasattr(array, "get") else np.array(array)


def kept(model: Any, history: Any) -> Outputs:
    """The parts of a finished ``fit`` that a run is compared by: keys in their order, values, epochs, weights."""
    return {
        "keys": list(history.history),
        "history": dict(history.history),
        "epochs": list(history.epoch),
        "weights": model.get_weights(),
    }


@contextmanager
def error_into(outputs: Outputs, key: str = "raises") -> Iterator[None]:
    """Note the kind of error that the block raises (``None`` if it does not)."""
    outputs[key] = None
    try:
        yield
    except Exception as error:
        kind = next(c for c in type(error).__mro__ if c.__module__ == "builtins")
        outputs[key] = kind.__name__


HOOKS = [
    f"on_{mode}{part}_{edge}"
    for mode, part, edge in itertools.product(("train", "test", "predict"), ("", "_batch"), ("begin", "end"))
] + ["on_epoch_begin", "on_epoch_end"]


def recorder(keras: Any) -> Any:
    """A callback with a list ``seen``: every hook as ``[name, index or None, log keys in order, log values]``."""

    def note(name: str, indexed: bool) -> Callable[..., None]:
        def hook(self: Any, *arguments: Any, logs: Any = None) -> None:
            index = arguments[0] if indexed else None
            given = logs if logs is not None else (arguments[indexed] if len(arguments) > indexed else None)
            logs = {k: v for k, v in (given or {}).items() if k != "outputs"}
            kind = "None" if given is None else "outputs" if "outputs" in given else "logs"
            self.seen.append([name, index, kind, list(logs), list(logs.values())])

        return hook

    methods: dict[str, Any] = {name: note(name, "batch" in name or "epoch" in name) for name in HOOKS}
    recording: Any = type("Recorder", (keras.callbacks.Callback,), methods)()
    recording.seen = []
    return recording


def scripted(keras: Any, **values: list[float]) -> Any:
    """A callback that writes ``values[key][epoch]`` into the epoch's logs, so that later ones read a script."""

    class Script(keras.callbacks.Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            for key, sequence in values.items():
                logs[key] = sequence[epoch]

    return Script()
