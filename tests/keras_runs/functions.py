"""Values of the activations and of the functions of ``keras.ops``, and what activations do to a network's training."""

from typing import Any

import numpy as np

from .common import Outputs, cases, kept, plain, regression, scenario, seeded

# Sparsemax is left out: Keras' results do not sum to 1 where more than one of them is positive.
ACTIVATIONS = (
    "celu elu exponential gelu hard_shrink hard_sigmoid hard_silu hard_tanh leaky_relu linear log_sigmoid "
    "log_softmax mish relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus "
    "sparse_sigmoid squareplus tanh tanh_shrink"
)
OPTIONS: dict[str, tuple[str, dict[str, Any]]] = {
    "celu, alpha": ("celu", {"alpha": 0.5}),
    "elu, alpha": ("elu", {"alpha": 0.3}),
    "gelu, approximate": ("gelu", {"approximate": True}),
    "glu": ("glu", {"axis": 0}),
    "hard_shrink, threshold": ("hard_shrink", {"threshold": 1.0}),
    "leaky_relu, steep": ("leaky_relu", {"negative_slope": 1.5}),
    "log_softmax, first axis": ("log_softmax", {"axis": 0}),
    "relu, slope": ("relu", {"negative_slope": 0.3}),
    "relu, largest value": ("relu", {"max_value": 2.0}),
    "relu, threshold": ("relu", {"threshold": 1.0}),
    "relu, all": ("relu", {"negative_slope": 0.3, "max_value": 6.0, "threshold": 0.5}),
    "softmax, first axis": ("softmax", {"axis": 0}),
    "softmax, all axes": ("softmax", {"axis": (0, 1)}),
    "soft_shrink, threshold": ("soft_shrink", {"threshold": 1.0}),
    "squareplus, b": ("squareplus", {"b": 2}),
    "threshold": ("threshold", {"threshold": 0.5, "default_value": -3.0}),
}
VALUES = np.array([[-30.0, -6.0, -3.0, -1.0, -0.5], [0.0, 0.25, 0.5, 1.0, 1.5], [3.0, 3.5, 6.0, 7.0, 15.0]])
VALUES = np.concatenate([VALUES, np.random.default_rng(0).normal(size=(3, 5)) * 2])


def numbers(result: Any) -> Any:
    """A result as float64: of which integers an index is made is each engine's own affair."""
    return plain(result).astype("float64")


@cases({name: {"name": name, "options": {}} for name in ACTIVATIONS.split()})
def activation_of_values(keras: Any, name: str, options: dict[str, Any]) -> Outputs:
    return {"values": plain(getattr(keras.activations, name)(keras.ops.convert_to_tensor(VALUES), **options))}


@cases({label: {"name": name, "options": options} for label, (name, options) in OPTIONS.items()})
def activation_with_options(keras: Any, name: str, options: dict[str, Any]) -> Outputs:
    return {"values": plain(getattr(keras.activations, name)(keras.ops.convert_to_tensor(VALUES), **options))}


# Of hard_sigmoid torch takes the slope, 1/6, in single precision only.
@cases({name: {"activation": name} for name in ACTIVATIONS.split() if name != "hard_sigmoid"})
def network_with_activation_trains(keras: Any, activation: str) -> Outputs:
    x, y = regression()
    model = keras.Sequential(
        [
            keras.Input(shape=(5,)),
            keras.layers.Dense(4, activation=activation, bias_initializer="zeros"),
            keras.layers.Dense(2),
        ]
    )
    seeded(model)
    x = np.where(np.abs(x) < 0.4, 0.0, x)  # some samples give exactly 0
    model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    return kept(model, model.fit(x, y, batch_size=16, epochs=2, shuffle=False, verbose=0))


@scenario
def functions_of_one_array(keras: Any) -> Outputs:
    ops, x = keras.ops, keras.ops.convert_to_tensor(VALUES[1:3] / 20)
    names = (
        "abs arccos arcsin arcsinh arctan arctanh ceil cos cosh erf exp expm1 floor log1p negative round sign sin "
        "sinh sqrt square tan tanh logsumexp max mean min prod std sum var median argmax argmin cumsum cumprod "
        "sort flip ravel"
    )
    return {name: numbers(getattr(ops, name)(x)) for name in names.split()}


@scenario
def functions_along_an_axis(keras: Any) -> Outputs:
    ops, x = keras.ops, keras.ops.convert_to_tensor(VALUES / 20)
    names = "max mean min prod std sum var median logsumexp argmax argsort cumsum cumprod sort flip norm normalize"
    return {name: numbers(getattr(ops, name)(x, axis=1)) for name in names.split()} | {
        "moments": [plain(m) for m in ops.moments(x, axes=[0])],
        "quantile": plain(ops.quantile(x, 0.3, axis=0)),
        "top_k": plain(ops.top_k(x, 2)[0]),
        "take": plain(ops.take(x, np.array([0, 2, 2]), axis=1)),
        "roll": plain(ops.roll(x, 2, axis=1)),
        "pad": plain(ops.pad(x, ((1, 0), (2, 1)))),
        "diff": plain(ops.diff(x, axis=1)),
        "tril": plain(ops.tril(x)),
    }


@scenario
def functions_of_two_arrays(keras: Any) -> Outputs:
    ops = keras.ops
    a, b = ops.convert_to_tensor(np.abs(VALUES[:3]) + 0.1), ops.convert_to_tensor(VALUES[3:] + 0.05)
    names = "add subtract multiply divide power maximum minimum mod arctan2 logaddexp floor_divide"
    return {name: plain(getattr(ops, name)(a, b)) for name in names.split()} | {
        "where": plain(ops.where(a > b, a, b)),
        "matmul": plain(ops.matmul(a, ops.transpose(b))),
        "einsum": plain(ops.einsum("ij,kj->ik", a, b)),
        "tensordot": plain(ops.tensordot(a, b, axes=[[0], [0]])),
        "binary_crossentropy": plain(ops.binary_crossentropy(ops.softmax(a), ops.softmax(b))),
        "categorical_crossentropy": plain(ops.categorical_crossentropy(ops.softmax(a), ops.softmax(b))),
        "sparse_from_logits": plain(ops.sparse_categorical_crossentropy(np.array([0, 4, 2]), b, from_logits=True)),
    }
