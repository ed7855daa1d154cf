"""How the exercises of notebook 06 are driven: layers are built, called and asked for their gradients.

These run in the learner's process, so nothing of the reference is imported here. What is drawn at random is
judged by its properties, never by its values: the order of the draws is the learner's own.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

Array = Any
Outputs = dict[str, Any]

NOT_WRITTEN = "not written yet"
_NEW, _OLD = "other numbers", "the same numbers"


def _floats(value: Any) -> bool:
    return isinstance(value, np.ndarray | np.floating | float) and np.asarray(value).dtype.kind == "f"


def _told(value: Any) -> str:
    """What came where an array of floats was to come."""
    if _floats(value):
        return "a single number"
    held = f" of {value.dtype}" if isinstance(value, np.ndarray) else ""
    return "None" if value is None else f"{type(value).__name__}{held}"


# --------------------------------------------------------------------------- glorot_uniform


def glorot_uniform(draw: Any, shape: tuple[int, int], limit: float, seed: int) -> Any:
    """Draw twice from one generator, then from an equal and from another one, and describe what came.

    Returns
    -------
    dict or Any
        What is no array of floats is returned as it is.
    """
    rng = np.random.default_rng(seed)
    drawn = draw(shape, rng)
    if isinstance(drawn, list):
        drawn = np.array(drawn)
    if drawn is None or isinstance(drawn, str):
        return drawn
    if not _floats(drawn) or np.ndim(drawn) == 0:
        return _only({"the shape": _told(drawn)}, _GLOROT)
    more = draw(shape, rng)
    equal, other = draw(shape, np.random.default_rng(seed)), draw(shape, np.random.default_rng(seed + 1))
    return {
        "the shape": str(drawn.shape),
        **_spread(drawn, limit),
        "numbers that occur twice": int(drawn.size - len(np.unique(drawn))),
        "a second draw from the same generator": _NEW if len(np.intersect1d(drawn, more)) < drawn.size / 2 else _OLD,
        "a draw from an equal generator": _OLD if np.array_equal(drawn, equal) else _NEW,
        "a draw from another generator": _OLD if np.array_equal(drawn, other) else _NEW,
    }


_GLOROT = (
    *("the shape", "the largest size", "the mean", "the standard deviation", "the share within half of the limit"),
    *("numbers that occur twice", "a second draw from the same generator", "a draw from an equal generator"),
    "a draw from another generator",
)


def _spread(drawn: Array, limit: float) -> Outputs:
    """Largest size, mean, spread and evenness; each exactly as it should be, if it is within five standard errors."""
    n = drawn.size
    many = n > 1000
    largest, mean = float(np.abs(drawn).max(initial=0)), float(np.mean(drawn))
    deviation, inner = float(np.std(drawn)), float(np.mean(np.abs(drawn) < limit / 2))
    even = limit / np.sqrt(3)
    fits = largest <= limit * (1 + 1e-6) and (not many or largest >= limit * (1 - 20 / n))
    return {
        "the largest size": limit if fits else largest,
        "the mean": 0.0 if abs(mean) < 5 * even / np.sqrt(n) else mean,
        "the standard deviation": even if not many or abs(deviation / even - 1) < 3 / np.sqrt(n) else deviation,
        "the share within half of the limit": 0.5 if not many or abs(inner - 0.5) < 2.5 / np.sqrt(n) else inner,
    }


# --------------------------------------------------------------------------- Dense


_BUILT = (
    *("the kernel's shape", "the kernel's largest size", "the kernel's mean", "the kernel's standard deviation"),
    *("the kernel's share within half of the limit", "the bias after build"),
    *("a second layer's kernel, from the same generator", "a kernel from an equal generator"),
)
_DENSE = {
    "build": _BUILT,
    "forward": ("forward(x)",),
    "dbias": ("dbias",),
    "dkernel": ("dkernel",),
    "dx": ("backward(dy)",),
    "everything": (
        *(*_BUILT, "forward(x)", "backward(dy)", "dkernel", "dbias"),
        *("the kernel after backward", "the bias after backward", "forward of a second batch"),
        *("backward of a second batch", "dkernel of a second batch", "dbias of a second batch"),
    ),
}


def dense(
    Dense: Any, x: Array, dy: Array, kernel: Array, bias: Array, limit: float, seed: int, looked_at: str
) -> Outputs:
    """Build a layer, look at what it starts from, then give it a kernel and a bias and send a batch both ways.

    A second layer of another size is called in between, and the first gets a second batch: what is kept in the
    class, or from an earlier batch, shows.

    Parameters
    ----------
    looked_at : str
        Which part of the outputs is given; a method that it does not need is not called, so that a layer of which
        only the first methods are written can be judged so far.
    """
    return _only(_dense(Dense, x, dy, kernel, bias, limit, seed, looked_at), _DENSE[looked_at])


def _dense(
    Dense: Any, x: Array, dy: Array, kernel: Array, bias: Array, limit: float, seed: int, looked_at: str
) -> Outputs:
    (features, units), rng = kernel.shape, np.random.default_rng(seed)
    second, its_dy = 2 * x[:1], dy[:1].copy()
    layer, twin, equal, other = Dense(units), Dense(units), Dense(units), Dense(units + 1)
    layer.build(features, rng)
    outputs = _built(layer, limit)
    if not isinstance(outputs.get("the bias after build"), np.ndarray):
        return outputs
    twin.build(features, rng)
    equal.build(features, np.random.default_rng(seed))
    drawn = {"a second layer's kernel, from the same generator": twin, "a kernel from an equal generator": equal}
    outputs |= {name: _OLD if np.array_equal(layer.kernel, a.kernel) else _NEW for name, a in drawn.items()}
    if looked_at == "build":
        return outputs
    layer.kernel, layer.bias = kernel.copy(), bias.copy()
    outputs["forward(x)"] = y = _call(layer, "forward", x)
    if y is NOT_WRITTEN or looked_at == "forward":
        return outputs
    other.build(features, rng)
    other.forward(-x[::-1])
    outputs["backward(dy)"] = dx = _call(layer, "backward", dy)
    if dx is NOT_WRITTEN:
        return outputs
    outputs |= {name: _copied(getattr(layer, name, NOT_WRITTEN)) for name in ("dkernel", "dbias")}
    outputs["the kernel after backward"] = _copied(layer.kernel)
    outputs["the bias after backward"] = _copied(layer.bias)
    outputs["forward of a second batch"] = _copied(layer.forward(second))
    outputs["backward of a second batch"] = _copied(layer.backward(its_dy))
    outputs |= {f"{name} of a second batch": _copied(getattr(layer, name, None)) for name in ("dkernel", "dbias")}
    return outputs


def _only(outputs: Outputs, names: tuple[str, ...]) -> Outputs:
    """The outputs of these names, with a word in the place of those that are missing."""
    return {name: outputs.get(name, NOT_WRITTEN) for name in names}


def _built(layer: Any, limit: float) -> Outputs:
    """What build made; of the kernel alone, where that is no array of floats."""
    made, bias = getattr(layer, "kernel", NOT_WRITTEN), getattr(layer, "bias", NOT_WRITTEN)
    if not isinstance(made, np.ndarray) or made.dtype.kind != "f":
        return {"the kernel's shape": made if made is NOT_WRITTEN else _told(made)}
    told = {f"the kernel's {name.removeprefix('the ')}": value for name, value in _spread(made, limit).items()}
    return {"the kernel's shape": str(made.shape), **told, "the bias after build": _copied(bias)}


def _call(layer: Any, method: str, *arguments: Any) -> Any:
    """Call a method; one that is not there, or still a blank, is told apart from one that fails."""
    if not hasattr(layer, method):
        return NOT_WRITTEN
    try:
        return _copied(getattr(layer, method)(*arguments))
    except NotImplementedError:
        return NOT_WRITTEN


def _copied(value: Any) -> Any:
    """As it is now: a later call may write into it."""
    return copy.copy(value) if isinstance(value, np.ndarray | list) else value


# --------------------------------------------------------------------------- ReLU


_RELU = {
    "forward": ("forward(x)",),
    "backward": ("backward(dy)",),
    "everything": ("forward(x)", "backward(dy)", "forward of a second batch", "its backward"),
}


def relu(ReLU: Any, x: Array, dy: Array, looked_at: str) -> Outputs:
    """Send a batch both ways, with another layer called in between, then a second batch of another shape."""
    return _only(_relu(ReLU, x, dy, looked_at), _RELU[looked_at])


def _relu(ReLU: Any, x: Array, dy: Array, looked_at: str) -> Outputs:
    layer, other = ReLU(), ReLU()
    second, its_dy = 1 - x[:1], dy[:1].copy()
    outputs: Outputs = {"forward(x)": _copied(layer.forward(x))}
    if looked_at == "forward":
        return outputs
    other.forward(-2 * x[::-1])
    outputs["backward(dy)"] = dx = _call(layer, "backward", dy)
    if dx is NOT_WRITTEN:
        return outputs
    outputs["forward of a second batch"] = _copied(layer.forward(second))
    outputs["its backward"] = _copied(layer.backward(its_dy))
    return outputs


# --------------------------------------------------------------------------- Dropout

_DROPPED = (
    *("the factor on what is kept", "the share set to 0", "what is set to 0", "the next mask"),
    *("how many are set to 0 each time", "the mask of an equal generator", "the mask of another generator"),
)
_DROPOUT = {
    "inference": ("forward(x, training=False)", "the generator after that"),
    "training": _DROPPED,
    "everything": (
        *("forward(x, training=False)", "the generator after that", *_DROPPED),
        *("what backward(dy) gives", "what it gives after training=False"),
    ),
}


def dropout(Dropout: Any, rate: float, x: Array, dy: Array, seed: int, looked_at: str) -> Outputs:
    """Call a layer for inference and for training, and say what its masks are like.

    `x` and `dy` hold no 0, so a 0 that comes out was put there.
    """
    return _only(_dropout(Dropout, rate, x, dy, seed, looked_at), _DROPOUT[looked_at])


def _dropout(Dropout: Any, rate: float, x: Array, dy: Array, seed: int, looked_at: str) -> Outputs:
    rng = np.random.default_rng(seed)
    layer = Dropout(rate, rng)
    before = copy.deepcopy(rng.bit_generator.state)
    outputs: Outputs = {"forward(x, training=False)": _copied(layer.forward(x, training=False))}
    outputs["the generator after that"] = "as it was" if rng.bit_generator.state == before else "drawn from"
    if looked_at == "inference":
        return outputs
    y = _copied(layer.forward(x, training=True))
    if not _floats(y) or np.shape(y) != x.shape:
        outputs["the factor on what is kept"] = f"{_told(y)} of shape {np.shape(y)}" if _floats(y) else _told(y)
        return outputs
    ratio = y / x
    outputs |= _masked(ratio, rate)
    dx = _call(layer, "backward", dy) if looked_at == "everything" else NOT_WRITTEN
    if x.size > 1000:
        outputs |= _redrawn(Dropout, layer, rate, x, ratio, seed)
    if dx is NOT_WRITTEN:
        return outputs
    outputs["what backward(dy) gives"] = _backward_told(dx, dy, ratio)
    layer.forward(x, training=False)
    after = layer.backward(dy)
    same = np.shape(after) == dy.shape and np.array_equal(after, dy)
    outputs["what it gives after training=False"] = "dy" if same else "not dy"
    return outputs


def _redrawn(Dropout: Any, layer: Any, rate: float, x: Array, ratio: Array, seed: int) -> Outputs:
    """How later masks, and those of other layers, go with the first."""
    following = _masks(ratio, layer.forward(x, training=True) / x)
    counts = {int(np.sum(layer.forward(x[:99], training=True) == 0)) for _ in range(5)}
    equal, other = Dropout(rate, np.random.default_rng(seed)), Dropout(rate, np.random.default_rng(seed + 1))
    equal.forward(x, training=False)
    return {
        "the next mask": following,
        "how many are set to 0 each time": "not always as many" if len(counts) > 1 else "always as many",
        "the mask of an equal generator": _masks(ratio, equal.forward(x, training=True) / x),
        "the mask of another generator": _masks(ratio, other.forward(x, training=True) / x),
    }


def _masked(ratio: Array, rate: float) -> Outputs:
    """What the kept values were multiplied by, how many were not kept, and whether each was on its own."""
    kept, dropped = ratio[ratio != 0], ratio == 0
    share, n = float(np.mean(dropped)), dropped.size
    scale = "several numbers"
    if not kept.size:
        scale = "nothing is kept"
    elif np.allclose(kept, kept[0], rtol=1e-6):
        scale = f"{kept[0]:.6g}"
    if n <= 1000:  # too few to say how many are dropped
        return {"the factor on what is kept": scale}
    near = abs(share - rate) <= 5 * np.sqrt(rate * (1 - rate) / n)
    told = "each value by itself"
    if len(np.unique(dropped, axis=0)) == 1 and 0 < share < 1:
        told = "whole columns"
    elif len(np.unique(dropped, axis=1).T) == 1 and 0 < share < 1:
        told = "whole rows"
    return {
        "the factor on what is kept": scale,
        "the share set to 0": f"{rate:g}" if near else f"{share:.2f}",
        "what is set to 0": told,
    }


def _masks(one: Array, two: Array) -> str:
    return "the same mask" if np.array_equal(one == 0, two == 0) else "another mask"


def _backward_told(dx: Any, dy: Array, ratio: Array) -> str:
    if dx is NOT_WRITTEN or not _floats(dx) or np.shape(dx) != dy.shape:
        return dx if dx is NOT_WRITTEN else _told(dx)
    factor = dx / dy
    if np.allclose(factor, ratio, rtol=1e-6):
        return "dy times what x was multiplied by"
    if np.array_equal(factor, np.ones_like(factor)):
        return "dy as it came"
    if np.array_equal(factor == 0, ratio == 0):
        return "the mask of forward, another scale"
    return "another mask than that of forward"


# --------------------------------------------------------------------------- Sequential


class _Weighted:
    """Stands in for Dense."""

    def __init__(self, kernel: Array, bias: Array) -> None:
        self.kernel, self.bias = kernel, bias
        self.dkernel, self.dbias = np.zeros(kernel.shape), np.zeros(bias.shape)
        self._x: Array = None

    def forward(self, x: Array) -> Array:
        self._x = x
        return x @ self.kernel + self.bias

    def backward(self, dy: Array) -> Array:
        if self._x is not None:
            self.dkernel, self.dbias = self._x.T @ dy, dy.sum(axis=0)
        return dy @ self.kernel.T


class _Curved:
    """Stands in for ReLU: no weights, and no word about training."""

    _x: Array = 0.0

    def forward(self, x: Array) -> Array:
        self._x = x
        return np.tanh(x) + x

    def backward(self, dy: Array) -> Array:
        return dy * (2 - np.tanh(self._x) ** 2)


class _Minded:
    """Stands in for Dropout: does one thing in training and another when not."""

    _factor = 1.0

    def forward(self, x: Array, training: bool) -> Array:
        if not isinstance(training, bool | np.bool):
            raise TypeError(f"training should be True or False; a layer got {training!r}")
        self._factor = 3.0 if training else 1.0
        return x * self._factor

    def backward(self, dy: Array) -> Array:
        return dy * self._factor


_SEQUENTIAL = {
    "forward": ("forward(x)", "forward(x, training=False)", "forward(x, training=True)"),
    "backward": ("backward(dy)",),
    "variables": ("variables()", "the arrays of variables()"),
    "gradients": ("gradients()",),
}
_SEQUENTIAL["everything"] = (
    *(name for part in _SEQUENTIAL.values() for name in part),
    *("variables() once the layers have new ones", "gradients() of a second batch"),
)


def sequential(
    Sequential: Any, x: Array, dy: Array, weights: list[tuple[Array, Array]], order: str, looked_at: str
) -> Outputs:
    """Chain stand-ins for layers, send a batch both ways, and ask for weights and gradients.

    Parameters
    ----------
    order : str
        One letter a layer: w has the next of `weights`, c is curved, m minds whether it is training.
    """
    return _only(_sequential(Sequential, x, dy, weights, order, looked_at), _SEQUENTIAL[looked_at])


def _sequential(
    Sequential: Any, x: Array, dy: Array, weights: list[tuple[Array, Array]], order: str, looked_at: str
) -> Outputs:
    kinds = {"c": _Curved, "m": _Minded}
    given = iter(weights)
    layers = [_Weighted(*(a.copy() for a in next(given))) if kind == "w" else kinds[kind]() for kind in order]
    model, other = Sequential(list(layers)), Sequential([_Curved()])
    outputs: Outputs = {"forward(x)": _copied(model.forward(x))}
    other.forward(x)
    for training in (False, True):
        outputs[f"forward(x, training={training})"] = _copied(model.forward(x, training=training))
    for name, arguments in {"backward": (dy,), "variables": (), "gradients": ()}.items():
        if all(wanted in outputs for wanted in _SEQUENTIAL[looked_at]):
            return outputs
        found = _call(model, name, *arguments)
        if found is NOT_WRITTEN:
            return outputs
        outputs[f"{name}({'dy' if arguments else ''})"] = _held(found)
        if name == "variables":
            outputs["the arrays of variables()"] = _whose(found, layers)
    for layer in layers:
        if isinstance(layer, _Weighted):
            layer.kernel, layer.bias = layer.kernel + 1, layer.bias - 1
    model.forward(x[:1])
    model.backward(dy[:1])
    outputs["variables() once the layers have new ones"] = _held(model.variables())
    outputs["gradients() of a second batch"] = _held(model.gradients())
    return outputs


def _held(found: Any) -> Any:
    return [_copied(a) for a in found] if isinstance(found, list | tuple) else found


def _whose(found: Any, layers: list[Any]) -> str:
    own = [id(a) for layer in layers if isinstance(layer, _Weighted) for a in (layer.kernel, layer.bias)]
    if not isinstance(found, list | tuple):
        return "not a list"
    return "the layers' own" if all(id(a) in own for a in found) else "not the layers' own"
