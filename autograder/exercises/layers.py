"""Notebook 06, layers: initial weights, Dense, ReLU, Dropout, and the Sequential that chains them."""

from __future__ import annotations

import functools
import inspect
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autograder.exercise import Exercise, Mistake, Question, register
from autograder.scenarios import layers as scenarios

Cases = dict[str, tuple[Any, ...]]
Rng = np.random.Generator
Array = NDArray[Any]

# The reference: what a learner would write.


def glorot_uniform(shape: tuple[int, ...], rng: Rng) -> Array:
    """Return (D, H) numbers, drawn evenly between -a and a, where a is the root of 6 / (D + H)."""
    fan_in, fan_out = shape
    limit = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-limit, limit, shape)


class Dense:
    """A layer in which every output is a weighted sum of all inputs, plus a bias.

    Attributes
    ----------
    kernel, bias : (D, H), (H,)
    dkernel, dbias : (D, H), (H,)
        Their gradients, after `backward`.
    """

    kernel: Array
    bias: Array
    dkernel: Array
    dbias: Array

    def __init__(self, units: int) -> None:
        self.units = units

    def build(self, features: int, rng: Rng) -> None:
        """Make the kernel, drawn by `glorot_uniform`, and the bias, of zeros."""
        self.kernel = glorot_uniform((features, self.units), rng)
        self.bias = np.zeros(self.units)

    def forward(self, x: Array) -> Array:
        """Return the outputs: (N, D) to (N, H)."""
        self._x = x
        return x @ self.kernel + self.bias

    def backward(self, dy: Array) -> Array:
        """Return the gradient of x, and leave those of kernel and bias: (N, H) to (N, D)."""
        self.dkernel = self._x.T @ dy
        self.dbias = np.sum(dy, axis=0)
        return dy @ self.kernel.T


class ReLU:
    """Keeps what is positive, and makes the rest 0."""

    def forward(self, x: Array) -> Array:
        """Return the larger of each x and 0."""
        self._positive = x > 0
        return np.maximum(x, 0)

    def backward(self, dy: Array) -> Array:
        """Return dy where x was positive, 0 elsewhere."""
        return np.where(self._positive, dy, 0)  # a product would give -0


class Dropout:
    """Sets each value to 0 with probability `rate` while training, and scales up what is left."""

    def __init__(self, rate: float, rng: Rng) -> None:
        self.rate, self.rng = rate, rng
        self._mask: Any = 1.0

    def forward(self, x: Array, training: bool) -> Array:
        """Return x as it is, or, in training, with some values 0 and the others divided by 1 - rate."""
        self._mask = (self.rng.random(x.shape) >= self.rate) / (1 - self.rate) if training else 1.0
        return x * self._mask

    def backward(self, dy: Array) -> Array:
        """Return dy through the same mask."""
        return dy * self._mask


def takes_training(layer: Any) -> bool:
    """Tell whether a layer's forward asks for `training`, as Dropout's does."""
    return "training" in inspect.signature(layer.forward).parameters


class Sequential:
    """Layers one after the other."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers

    def build(self, features: int, rng: Rng) -> None:
        """Make the weights of every layer that has some; `features` is how wide the data are."""
        for layer in self.layers:
            if hasattr(layer, "build"):
                layer.build(features, rng)
                features = layer.units

    def forward(self, x: Array, training: bool = False) -> Array:
        """Send x through every layer."""
        for layer in self.layers:
            x = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        """Send dy back through every layer, the last one first."""
        for layer in reversed(self.layers):
            dy = layer.backward(dy)
        return dy

    def variables(self) -> list[Array]:
        """Return every layer's kernel and bias, in order: the arrays themselves."""
        return [array for layer in self.layers if hasattr(layer, "kernel") for array in (layer.kernel, layer.bias)]

    def gradients(self) -> list[Array]:
        """Return the gradients of the variables, in the same order."""
        return [array for layer in self.layers if hasattr(layer, "kernel") for array in (layer.dkernel, layer.dbias)]


# --------------------------------------------------------------------------- glorot_uniform


def _limit(fan_in: int, fan_out: int) -> float:
    return float(np.sqrt(6 / (fan_in + fan_out)))


def _glorot_cases(rng: Rng) -> Cases:
    def case(d: int, h: int) -> tuple[Any, ...]:
        return (d, h), _limit(d, h), int(rng.integers(1, 10**6))

    return {
        "103 inputs, 57 outputs": case(103, 57),
        "41 inputs, 137 outputs": case(41, 137),
        "211 inputs, 10 outputs": case(211, 10),
        "5 inputs, 3 outputs": case(5, 3),
        "one input, 61 outputs": case(1, 61),
    }


def _glorot_with(limit: Any) -> Any:
    """Give a whole wrong answer, drawn evenly between -limit and limit of another size."""

    def glorot_uniform(shape: Any, rng: Rng) -> Array:
        a = limit(*shape)
        return rng.uniform(-a, a, shape)

    return glorot_uniform


def _glorot_of_its_own(shape: Any, rng: Rng) -> Array:
    a = _limit(*shape)
    return np.random.default_rng().uniform(-a, a, shape)


def _glorot_of_seed_0(shape: Any, rng: Rng) -> Array:
    a = _limit(*shape)
    return np.random.default_rng(0).uniform(-a, a, shape)


def _glorot_one_row(shape: Any, rng: Rng) -> Array:
    a = _limit(*shape)
    return np.tile(rng.uniform(-a, a, shape[1]), (shape[0], 1))


GLOROT_MISTAKES = (
    Mistake(
        "numbers of a normal distribution",
        wrong=lambda shape, rng: rng.normal(0, np.sqrt(2 / sum(shape)), shape),
        why="These have the right spread, but some lie far outside: that is glorot_normal, another initializer.",
        hint="Which method of the generator draws evenly between two ends?",
    ),
    Mistake(
        "the root is missing",
        wrong=_glorot_with(lambda d, h: 6 / (d + h)),
        why="Without the root the numbers shrink far too fast as a layer grows.",
        hint="Look at the formula once more: what stands around the quotient?",
    ),
    Mistake(
        "the root of the 6 alone",
        wrong=_glorot_with(lambda d, h: np.sqrt(6) / (d + h)),
        why="The root goes over the whole quotient; so the numbers come out far too small.",
        hint="Divide inside the brackets of np.sqrt.",
    ),
    Mistake(
        "only the inputs are counted",
        wrong=_glorot_with(lambda d, h: np.sqrt(6 / d)),
        why="That is He's limit; Glorot's counts inputs and outputs, a compromise between the way there and back.",
        hint="What is added up below the fraction line?",
    ),
    Mistake(
        "only the outputs are counted",
        wrong=_glorot_with(lambda d, h: np.sqrt(6 / h)),
        why="The sum of D products grows with D, so D has to be in the denominator.",
        hint="What is added up below the fraction line?",
    ),
    Mistake(
        "inputs times outputs",
        wrong=_glorot_with(lambda d, h: np.sqrt(6 / (d * h))),
        why="The two counts are added up; their product makes the numbers far too small.",
        hint="(D, H) has two entries: what is done with them?",
    ),
    Mistake(
        "the standard deviation is taken for the limit",
        wrong=_glorot_with(lambda d, h: np.sqrt(2 / (d + h))),
        why="2 / (D + H) is the variance that results; numbers up to a have a standard deviation of a / √3 only.",
        hint="Which number stands above the fraction line?",
    ),
    Mistake(
        "a 3 for the 6",
        wrong=_glorot_with(lambda d, h: np.sqrt(3 / (d + h))),
        why="The formula with 3 divides by the mean of D and H; with their sum below the line, 6 stands above.",
        hint="Which number stands above the fraction line?",
    ),
    Mistake(
        "never negative",
        wrong=lambda shape, rng: rng.uniform(0, _limit(*shape), shape),
        why="Weights of one sign only push every sum the same way.",
        hint="A generator's uniform takes two ends; the lower one is not 0.",
    ),
    Mistake(
        "between -1 and 1",
        wrong=_glorot_with(lambda d, h: 1.0),
        why="The limit has to shrink as the layer grows, or a sum of many products becomes huge.",
        hint="The ends are -a and a, and a is computed from the shape.",
    ),
    Mistake(
        "a generator of its own",
        wrong=_glorot_of_its_own,
        why="The numbers come from somewhere else than the `rng` that was passed in, so nobody can repeat the run.",
        hint="Call a method of rng itself.",
    ),
    Mistake(
        "the same numbers every time",
        wrong=_glorot_of_seed_0,
        why="A generator made anew inside the function starts from the beginning: all layers get equal weights.",
        hint="Call a method of the rng that was passed in, which goes on where it stopped.",
    ),
    Mistake(
        "one row, repeated",
        wrong=_glorot_one_row,
        why="All inputs have the same weights here, so the layer can only see their sum.",
        hint="The generator draws a whole array when it is given the whole shape.",
    ),
    Mistake(
        "a single number",
        wrong=lambda shape, rng: float(rng.uniform(-_limit(*shape), _limit(*shape))),
        why="Without a shape the generator draws one number, and (D, H) are wanted.",
        hint="rng.uniform takes a third argument.",
    ),
    Mistake(
        "the shape is turned around",
        wrong=lambda shape, rng: rng.uniform(-_limit(*shape), _limit(*shape), shape[::-1]),
        why="The kernel is (inputs, outputs) in Keras. PyTorch keeps it the other way round.",
        hint="Hand the shape over as it came.",
    ),
)


def _right_glorot_scaled(shape: Any, rng: Rng) -> Array:
    d, h = shape
    return (2 * rng.random((d, h)) - 1) * (6 / (d + h)) ** 0.5


def _right_glorot_by_loops(shape: Any, rng: Rng) -> list[list[float]]:
    limit = float(np.sqrt(6.0 / sum(shape)))
    return [[float(rng.uniform(-limit, limit)) for _ in range(shape[1])] for _ in range(shape[0])]


def _right_glorot_transposed(shape: Any, rng: Rng) -> Array:
    a = np.sqrt(6 / (shape[0] + shape[1]))
    return np.ascontiguousarray(rng.uniform(low=-a, high=a, size=shape[::-1]).T)


GLOROT = Exercise(
    identifier="layers.glorot_uniform",
    signature="glorot_uniform(shape, rng) -> (D, H)",
    points=2,
    minutes=6,
    difficulty=1,
    lines=3,
    reference=glorot_uniform,
    cases=_glorot_cases,
    scenario=scenarios.glorot_uniform,
    mistakes=GLOROT_MISTAKES,
    hints=(
        "First the limit a, one number, from the two entries of shape; then draw.",
        "rng.uniform(low, high, shape) draws an array of that shape, evenly between low and high.",
        "D, H = shape; a = np.sqrt(6 / (D + H)); then return rng.uniform from -a to a, in that shape.",
    ),
    alternatives=(_right_glorot_scaled, _right_glorot_by_loops, _right_glorot_transposed),
)


# --------------------------------------------------------------------------- Dense


def _dense_cases(rng: Rng) -> Cases:
    def case(n: int, d: int, h: int, looked_at: str = "everything") -> tuple[Any, ...]:
        x, dy = rng.normal(size=(n, d)) + 0.5, rng.normal(size=(n, h)) - 0.3
        kernel, bias = rng.normal(size=(d, h)), rng.uniform(1, 2, h)
        return x, dy, kernel, bias, _limit(d, h), int(rng.integers(1, 10**6)), looked_at

    return {
        "build: 43 features, 29 units": case(2, 43, 29, "build"),
        "forward: 7 samples, 4 features, 3 units": case(7, 4, 3, "forward"),
        "backward, the bias's gradient": case(7, 4, 3, "dbias"),
        "backward, the kernel's gradient": case(7, 4, 3, "dkernel"),
        "backward, what it returns": case(7, 4, 3, "dx"),
        "2 samples, 1 feature, 2 units": case(2, 1, 2),
        "as many units as features": case(6, 5, 5),
        "as many samples as features": case(4, 4, 3),
        "as many samples as units": case(3, 8, 3),
        "one sample": case(1, 4, 6),
        "one unit": case(5, 3, 1),
        "43 features, 29 units": case(11, 43, 29),
    }


class _NoForward(Dense):
    def forward(self, x):
        raise NotImplementedError


class _NoBackward(Dense):
    def backward(self, dy):
        raise NotImplementedError


def _dense_with(
    name: str = "Dense",
    kernel: Any = None,
    bias: Any = None,
    y: Any = None,
    dx: Any = None,
    dk: Any = None,
    db: Any = None,
) -> type:
    """Give a class in which one thing is computed in another way."""

    class Wrong(Dense):
        def build(self, features, rng):
            super().build(features, rng)
            if kernel:
                self.kernel = kernel((features, self.units), rng)
            if bias:
                self.bias = bias(self.units, rng)

        def forward(self, x):
            right = super().forward(x)
            return y(x, self.kernel, self.bias) if y else right

        def backward(self, dy):
            right = super().backward(dy)
            if dk:
                self.dkernel = dk(self._x, dy, self.kernel)
            if db:
                self.dbias = db(dy)
            return dx(dy, self.kernel, self._x) if dx else right

    return Wrong


class _DenseKeepsNothing(Dense):
    def forward(self, x):
        return x @ self.kernel + self.bias


class _DenseOtherName(Dense):
    def build(self, features, rng):
        self.W, self.b = glorot_uniform((features, self.units), rng), np.zeros(self.units)


class _DensePilesUp(Dense):
    def build(self, features, rng):
        super().build(features, rng)
        self.dkernel, self.dbias = np.zeros(self.kernel.shape), np.zeros(self.units)

    def backward(self, dy):
        self.dkernel = self.dkernel + self._x.T @ dy
        self.dbias = self.dbias + dy.sum(axis=0)
        return dy @ self.kernel.T


class _DenseInClass(Dense):
    def forward(self, x):
        type(self)._x = x
        return x @ self.kernel + self.bias


class _DenseFirstBatch(Dense):
    def forward(self, x):
        if not hasattr(self, "_x"):
            self._x = x
        return x @ self.kernel + self.bias


class _DenseSteps(Dense):
    def backward(self, dy):
        dx = super().backward(dy)
        self.kernel = self.kernel - 0.01 * self.dkernel
        self.bias = self.bias - 0.01 * self.dbias
        return dx


class _DenseReturnsAll(Dense):
    def backward(self, dy):
        return super().backward(dy), self.dkernel, self.dbias


class _DenseAnswersNothing(Dense):
    def forward(self, x):
        super().forward(x)


class _DenseReturnsNothing(Dense):
    def backward(self, dy):
        super().backward(dy)


class _DenseLeavesNothing(Dense):
    def backward(self, dy):
        return dy @ self.kernel.T


class _DenseRebuilds(Dense):
    def forward(self, x):
        self.build(x.shape[1], np.random.default_rng(0))
        return super().forward(x)


DENSE_MISTAKES = (
    Mistake(
        "forward is not written yet",
        wrong=_NoForward,
        why="So far so good: what build makes is right.",
        hint="Write forward, run its cell, and check again.",
    ),
    Mistake(
        "backward is not written yet",
        wrong=_NoBackward,
        why="So far so good: build and forward are right.",
        hint="Write backward, run its cell, and check again.",
    ),
    Mistake(
        "a name that self does not have",
        wrong=_DenseKeepsNothing,
        why="What one method leaves in self another finds there, but only under the same name.",
        hint="The message says which name is missing: which method should have assigned it?",
    ),
    Mistake(
        "the weights have other names",
        wrong=_DenseOtherName,
        why="Whoever uses the layer looks for self.kernel and self.bias, as in Keras.",
        hint="Which names does the statement give them?",
    ),
    Mistake(
        "a kernel of zeros",
        wrong=_dense_with(kernel=lambda shape, rng: np.zeros(shape)),
        why="With equal weights all units compute the same and get the same gradient: they stay equal for ever.",
        hint="You have written a function that draws a kernel.",
    ),
    Mistake(
        "a kernel of normal numbers",
        wrong=_dense_with(kernel=lambda shape, rng: rng.normal(size=shape)),
        why="Standard normal numbers are far too large for a layer of many inputs.",
        hint="You have written a function that draws a kernel.",
    ),
    Mistake(
        "a kernel from a generator of its own",
        wrong=_dense_with(kernel=lambda shape, rng: glorot_uniform(shape, np.random.default_rng(0))),
        why="A generator that is made anew begins anew: two layers of one shape get equal weights.",
        hint="Hand the rng on that build was given.",
    ),
    Mistake(
        "the kernel is turned around",
        wrong=_dense_with(kernel=lambda shape, rng: glorot_uniform(shape[::-1], rng)),
        why="The kernel is (features, units), in Keras; PyTorch keeps it as (units, features).",
        hint="Which shape makes x @ kernel work for x of shape (N, features)?",
    ),
    Mistake(
        "a bias that is drawn at random",
        wrong=_dense_with(bias=lambda units, rng: rng.uniform(-0.1, 0.1, units)),
        why="Nothing has to tell biases apart at the start; Keras begins with zeros.",
        hint="np.zeros takes a shape.",
    ),
    Mistake(
        "a single bias for all units",
        wrong=_dense_with(bias=lambda units, rng: np.zeros(1)),
        why="Every unit has a bias of its own.",
        hint="The bias is (H,), and H is self.units.",
    ),
    Mistake(
        "forward returns nothing",
        wrong=_DenseAnswersNothing,
        why="The next layer waits for the outputs; what stays in self does not reach it.",
        hint="End forward with return.",
    ),
    Mistake(
        "the bias is missing in forward",
        wrong=_dense_with(y=lambda x, kernel, bias: x @ kernel),
        why="A unit has to be able to answer something other than 0 when all its inputs are 0.",
        hint="Two terms are added up in the formula.",
    ),
    Mistake(
        "an activation too many",
        wrong=_dense_with(y=lambda x, kernel, bias: np.maximum(x @ kernel + bias, 0)),
        why="Here the ReLU is a layer of its own.",
        hint="Stop one operation earlier.",
    ),
    Mistake(
        "the kernel is built again at every forward",
        wrong=_DenseRebuilds,
        why="Whatever training has put into the weights is thrown away.",
        hint="Only build makes weights; forward uses what is there.",
    ),
    Mistake(
        "the bias gradient is a mean",
        wrong=_dense_with(db=lambda dy: dy.mean(axis=0)),
        why="The 1/N of the mean loss is in dy already; a mean divides by N once more.",
        hint="The bias was added to every row, so what the rows report is added up.",
    ),
    Mistake(
        "both gradients are means",
        wrong=_dense_with(dk=lambda x, dy, kernel: x.T @ dy / len(x), db=lambda dy: dy.mean(axis=0)),
        why="The 1/N of the mean loss is in dy already; here it is divided by N once more.",
        hint="A layer never divides by N: the loss has done it.",
    ),
    Mistake(
        "the kernel's gradient is a mean",
        wrong=_dense_with(dk=lambda x, dy, kernel: x.T @ dy / len(x)),
        why="The 1/N of the mean loss is in dy already; here it is divided by N once more.",
        hint="A layer never divides by N: the loss has done it.",
    ),
    Mistake(
        "the bias gradient is one number",
        wrong=_dense_with(db=lambda dy: np.sum(dy)),
        why="Every unit has a bias of its own, so it has a slope of its own.",
        hint="np.sum takes an axis: which of the two in (N, H) has to go?",
    ),
    Mistake(
        "the bias gradient is summed over the units",
        wrong=_dense_with(db=lambda dy: dy.sum(axis=1)),
        why="axis=1 adds up along a row, over the units; what has to be added up are the rows.",
        hint="The axis that should disappear is that of the samples.",
    ),
    Mistake(
        "the bias gradient keeps an axis",
        wrong=_dense_with(db=lambda dy: dy.sum(axis=0, keepdims=True)),
        why="A gradient has the shape of what it belongs to, here (H,).",
        hint="Leave out keepdims.",
    ),
    Mistake(
        "the bias gradient is not summed",
        wrong=_dense_with(db=lambda dy: dy.copy()),
        why="A gradient has the shape of what it belongs to; (N, H) is one for each sample.",
        hint="The bias was added to every row, so what the rows report is added up.",
    ),
    Mistake(
        "a bias gradient of zeros",
        wrong=_dense_with(db=lambda dy: np.zeros(dy.shape[1])),
        why="The bias would stay at 0 for ever.",
        hint="By how much does y change when the bias rises by 1?",
    ),
    Mistake(
        "dkernel is turned around",
        wrong=_dense_with(dk=lambda x, dy, kernel: dy.T @ x),
        why="A gradient has the shape of what it belongs to, here (D, H).",
        hint="Which order of the two factors gives (D, H)?",
    ),
    Mistake(
        "dx without the transpose",
        wrong=_dense_with(dx=lambda dy, kernel, x: dy @ kernel),
        why="(N, H) @ (D, H) does not fit; where D is H it fits, and is wrong.",
        hint="dx is (N, D): which way round must the kernel be?",
    ),
    Mistake(
        "gradients pile up",
        wrong=_DensePilesUp,
        why="The slopes of the last batch are still in there when the next one comes.",
        hint="Assign dkernel and dbias anew, with = and not +=.",
    ),
    Mistake(
        "what forward kept is of another layer",
        wrong=_DenseInClass,
        why="It is kept in the class, which all layers share, so the last layer called overwrites it.",
        hint="Keep it in the object: self.x = x.",
    ),
    Mistake(
        "what forward kept is of the first batch",
        wrong=_DenseFirstBatch,
        why="Each backward belongs to the forward just before it.",
        hint="Assign it at every forward, without an if.",
    ),
    Mistake(
        "backward takes a step, too",
        wrong=_DenseSteps,
        why="A layer only reports slopes; moving the weights is the optimizer's work.",
        hint="backward assigns dkernel and dbias, and nothing else.",
    ),
    Mistake(
        "backward leaves no gradients",
        wrong=_DenseLeavesNothing,
        why="dx is right, but the weights' own slopes are to be left in self.dkernel and self.dbias.",
        hint="Three things are computed in backward; two are kept, one is returned.",
    ),
    Mistake(
        "backward returns nothing",
        wrong=_DenseReturnsNothing,
        why="The layer before this one waits for dx.",
        hint="End backward with return.",
    ),
    Mistake(
        "backward returns three things",
        wrong=_DenseReturnsAll,
        why="The layer before this one gets what is returned as its dy, and that is dx alone.",
        hint="dkernel and dbias stay in self.",
    ),
)


class _RightDenseLoops:
    def __init__(self, units: int) -> None:
        self.units = units

    def build(self, features: int, rng: Rng) -> None:
        limit = (6 / (features + self.units)) ** 0.5
        self.kernel = rng.uniform(-limit, limit, size=(features, self.units))
        self.bias = np.array([0.0] * self.units)

    def forward(self, x: Array) -> Array:
        self.inputs = x
        y = np.zeros((len(x), self.units))
        for i in range(len(x)):
            for h in range(self.units):
                y[i, h] = sum(x[i, d] * self.kernel[d, h] for d in range(x.shape[1])) + self.bias[h]
        return y

    def backward(self, dy: Array) -> Array:
        self.dkernel, self.dbias = np.zeros(self.kernel.shape), np.zeros(self.units)
        dx: Array = np.zeros(self.inputs.shape)
        for i in range(len(dy)):
            for h in range(self.units):
                self.dbias[h] += dy[i, h]
                for d in range(dx.shape[1]):
                    self.dkernel[d, h] += self.inputs[i, d] * dy[i, h]
                    dx[i, d] += dy[i, h] * self.kernel[d, h]
        return dx


class _RightDenseEinsum:
    def __init__(self, units: int) -> None:
        self.units = units
        self.dkernel = self.dbias = None

    def build(self, features: int, rng: Rng) -> None:
        self.kernel = (2 * rng.random((features, self.units)) - 1) * np.sqrt(6 / (features + self.units))
        self.bias = np.zeros((self.units,))

    def forward(self, x: Array) -> Array:
        self.cache = x.copy()
        return np.einsum("nd,dh->nh", x, self.kernel) + self.bias

    def backward(self, dy: Array) -> Array:
        self.dkernel = np.einsum("nd,nh->dh", self.cache, dy)
        self.dbias = np.einsum("nh->h", dy)
        return np.einsum("nh,dh->nd", dy, self.kernel)


class _RightDenseInPlace:
    """Keeps its gradients in arrays of its own, which it fills anew."""

    def __init__(self, units: int) -> None:
        self.units = units

    def build(self, features: int, rng: Rng) -> None:
        self.kernel, self.bias = glorot_uniform((features, self.units), rng), np.zeros(self.units)
        self.dkernel, self.dbias = np.empty_like(self.kernel), np.empty_like(self.bias)

    def forward(self, x: Array) -> Array:
        y = np.dot(x, self.kernel)
        y += self.bias
        self.x = x
        return y

    def backward(self, dy: Array) -> Array:
        np.dot(self.x.T, dy, out=self.dkernel)
        self.dbias[:] = np.ones(len(dy)) @ dy
        return (self.kernel @ dy.T).T


DENSE = Exercise(
    identifier="layers.Dense",
    signature="class Dense: __init__(units), build(features, rng), forward(x) -> (N, H), backward(dy) -> (N, D)",
    points=4,
    minutes=20,
    difficulty=2,
    lines=7,
    reference=Dense,
    cases=_dense_cases,
    scenario=scenarios.dense,
    mistakes=DENSE_MISTAKES,
    hints=(
        "Three small methods. build makes two arrays; forward is `linear` of notebook 01 with a kernel of several "
        "columns; backward needs the x that forward has seen, so let forward keep it: self.x = x.",
        "backward makes three products. Let the shapes lead you: (D, H) can only be x.T @ dy, (N, D) only dy @ "
        "kernel.T, and (H,) is a sum over the rows of dy.",
        "build: self.kernel = glorot_uniform((features, self.units), rng) and self.bias = np.zeros(...). forward: "
        "self.x = x, then x @ self.kernel plus the bias. backward: self.dkernel = ..., self.dbias = ..., return dx.",
    ),
    alternatives=(_RightDenseLoops, _RightDenseEinsum, _RightDenseInPlace),
)


# --------------------------------------------------------------------------- ReLU


def _relu_cases(rng: Rng) -> Cases:
    def case(*shape: int, looked_at: str = "everything") -> tuple[Any, ...]:
        return rng.normal(size=shape), rng.normal(size=shape), looked_at

    zeros = rng.permutation(np.array([0.0, 0.0, -0.0, 1.5, -2.5, 0.5, -1e-9, 1e-9, 3.0, -1.0])).reshape(5, 2)
    below, above = -np.abs(rng.normal(size=(4, 3))) - 0.1, np.abs(rng.normal(size=(3, 5))) + 0.1
    return {
        "forward: 7 samples, 3 units": case(7, 3, looked_at="forward"),
        "forward: 2 samples, 3 units": case(2, 3, looked_at="forward"),
        "backward: 7 samples, 3 units": case(7, 3, looked_at="backward"),
        "backward: 2 samples, 3 units": case(2, 3, looked_at="backward"),
        "some exact zeros": (zeros, rng.normal(size=(5, 2)), "everything"),
        "nothing is positive": (below, rng.normal(size=(4, 3)), "everything"),
        "everything is positive": (above, rng.normal(size=(3, 5)), "everything"),
        "large values": (1e3 * rng.normal(size=(6, 2)), rng.normal(size=(6, 2)), "everything"),
        "images of 3 × 2 with 5 channels": case(4, 3, 2, 5),
        "one sample": case(1, 8),
    }


class _NoReluBackward(ReLU):
    def backward(self, dy):
        raise NotImplementedError


def _relu_with(y: Any = None, dx: Any = None) -> type:
    """Give a class in which forward, of x, or backward, of (dy, x), is computed in another way."""

    class Wrong(ReLU):
        def forward(self, x):
            self._x = x
            right = super().forward(x)
            return y(x) if y else right

        def backward(self, dy):
            return dx(dy, self._x) if dx else super().backward(dy)

    return Wrong


class _ReluKeepsNothing(ReLU):
    def forward(self, x):
        return np.maximum(x, 0)


class _ReluInPlace(ReLU):
    def forward(self, x):
        x[x < 0] = 0
        self._positive = x > 0
        return x


class _ReluGradientInPlace(ReLU):
    def backward(self, dy):
        dy[~self._positive] = 0
        return dy


class _ReluInClass(ReLU):
    def forward(self, x):
        type(self)._positive = x > 0
        return np.maximum(x, 0)


class _ReluFirstBatch(ReLU):
    def forward(self, x):
        if not hasattr(self, "_positive"):
            self._positive = x > 0
        return np.maximum(x, 0)


def _relu_loop_wrong(x: Array) -> Array:
    return x if np.all(x > 0) else np.zeros_like(x)


RELU_MISTAKES = (
    Mistake(
        "backward is not written yet",
        wrong=_NoReluBackward,
        why="So far so good: forward is right.",
        hint="Write backward, run its cell, and check again.",
    ),
    Mistake(
        "a name that self does not have",
        wrong=_ReluKeepsNothing,
        why="What one method leaves in self another finds there, but only under the same name.",
        hint="The message says which name is missing: which method should have assigned it?",
    ),
    Mistake(
        "the sign is taken away",
        wrong=_relu_with(y=np.abs),
        why="What is negative becomes 0, not positive.",
        hint="ReLU of -3 is 0.",
    ),
    Mistake(
        "the negative side is kept",
        wrong=_relu_with(y=lambda x: np.minimum(x, 0)),
        why="ReLU keeps what is positive.",
        hint="ReLU of -3 is 0, and of 3 it is 3.",
    ),
    Mistake(
        "one maximum for the whole batch",
        wrong=_relu_with(y=lambda x: np.max(x)),
        why="np.max gives the largest value of all; here every value is compared with 0 by itself.",
        hint="np.maximum compares element by element.",
    ),
    Mistake(
        "a mask instead of values",
        wrong=_relu_with(y=lambda x: (x > 0).astype(float)),
        why="Positive values pass as they are, not as 1.",
        hint="Multiply the mask by x, or use np.maximum.",
    ),
    Mistake(
        "one decision for the whole batch",
        wrong=_relu_with(y=_relu_loop_wrong),
        why="Every value is judged by its own sign.",
        hint="np.maximum compares element by element.",
    ),
    Mistake(
        "the gradient passes everywhere",
        wrong=_relu_with(dx=lambda dy, x: dy.copy()),
        why="Where x was negative, a little more x changes nothing: the slope there is 0.",
        hint="Keep in forward where x was positive.",
    ),
    Mistake(
        "the gradient's own sign decides",
        wrong=_relu_with(dx=lambda dy, x: np.maximum(dy, 0)),
        why="Slopes may be negative; whether one passes is decided by the x of forward.",
        hint="Keep in forward where x was positive.",
    ),
    Mistake(
        "dy is forgotten",
        wrong=_relu_with(dx=lambda dy, x: (x > 0).astype(float)),
        why="1 and 0 are the layer's own slopes; the chain rule multiplies them by what comes from behind.",
        hint="backward is given dy: use it.",
    ),
    Mistake(
        "multiplied by x",
        wrong=_relu_with(dx=lambda dy, x: dy * np.maximum(x, 0)),
        why="Where x is positive the slope of ReLU is 1, not x.",
        hint="A mask of True and False is enough.",
    ),
    Mistake(
        "the mask is turned around",
        wrong=_relu_with(dx=lambda dy, x: dy * (x <= 0)),
        why="The gradient passes where x passed.",
        hint="Which values did forward let through?",
    ),
    Mistake(
        "a slope of 1 at exactly 0",
        wrong=_relu_with(dx=lambda dy, x: dy * (x >= 0)),
        why="At the kink both answers can be defended; Keras' gradient there is 0.",
        hint="Greater, or greater or equal?",
    ),
    Mistake(
        "a slope of one half at exactly 0",
        wrong=_relu_with(dx=lambda dy, x: dy * (np.sign(x) + 1) / 2),
        why="At the kink several answers can be defended; Keras' gradient there is 0.",
        hint="x > 0 is a mask of True and False.",
    ),
    Mistake(
        "leaky",
        wrong=_relu_with(dx=lambda dy, x: dy * np.where(x > 0, 1, 0.01)),
        why="A leaky ReLU lets a hundredth through; forward did not.",
        hint="Where x was negative, the slope is 0.",
    ),
    Mistake(
        "forward writes into its input",
        wrong=_ReluInPlace,
        why="The layer before still needs that array for its own backward.",
        hint="np.maximum makes a new array.",
    ),
    Mistake(
        "backward writes into dy",
        wrong=_ReluGradientInPlace,
        why="dy belongs to whoever called; it may be needed once more.",
        hint="dy * mask makes a new array.",
    ),
    Mistake(
        "what forward kept is of another layer",
        wrong=_ReluInClass,
        why="It is kept in the class, which all layers share, so the last layer called overwrites it.",
        hint="Keep it in the object, as an attribute of self.",
    ),
    Mistake(
        "what forward kept is of the first batch",
        wrong=_ReluFirstBatch,
        why="Each backward belongs to the forward just before it.",
        hint="Assign it at every forward, without an if.",
    ),
)


class _RightReluWhere:
    def forward(self, x: Array) -> Array:
        self.x = x
        return np.where(x > 0, x, 0.0)

    def backward(self, dy: Array) -> Array:
        return np.where(self.x > 0, dy, 0.0)


class _RightReluOfOutput:
    def __init__(self) -> None:
        self.y: Any = None

    def forward(self, x: Array) -> Array:
        self.y = (np.abs(x) + x) / 2
        return self.y

    def backward(self, dy: Array) -> Array:
        assert self.y is not None
        dx = dy.copy()
        dx[self.y == 0] = 0
        return dx


class _RightReluLoop:
    def forward(self, x: Array) -> Array:
        out = np.zeros(x.shape)
        for index in np.ndindex(*x.shape):
            if x[index] > 0:
                out[index] = x[index]
        self.kept = out.copy()
        return out

    def backward(self, dy: Array) -> Array:
        return np.array([d if k > 0 else 0.0 for d, k in zip(dy.flat, self.kept.flat, strict=True)]).reshape(dy.shape)


RELU = Exercise(
    identifier="layers.ReLU",
    signature="class ReLU: forward(x) -> like x, backward(dy) -> like dy",
    points=1,
    minutes=6,
    difficulty=1,
    lines=3,
    reference=ReLU,
    cases=_relu_cases,
    scenario=scenarios.relu,
    mistakes=RELU_MISTAKES,
    hints=(
        "np.maximum compares two arrays, or an array and a number, element by element.",
        "Where x was positive the slope is 1, else 0. So forward keeps a mask, True where x > 0, and backward "
        "multiplies by it.",
        "forward: self.positive = x > 0, then return np.maximum of x and 0. backward: return dy times self.positive.",
    ),
    alternatives=(_RightReluWhere, _RightReluOfOutput, _RightReluLoop),
)


# --------------------------------------------------------------------------- Dropout


def _dropout_cases(rng: Rng) -> Cases:
    def case(rate: float, *shape: int, looked_at: str = "everything") -> tuple[Any, ...]:
        def no_zeros() -> Array:
            return rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)

        return rate, no_zeros(), no_zeros(), int(rng.integers(1, 10**6)), looked_at

    return {
        "inference, 3 samples, 2 units": case(0.3, 3, 2, looked_at="inference"),
        "training with a rate of 0.2": case(0.2, 103, 61, looked_at="training"),
        "a rate of 0.2": case(0.2, 211, 97),
        "a rate of 0.5": case(0.5, 103, 61),
        "a rate of 0.75": case(0.75, 103, 61),
        "a rate of 0": case(0.0, 7, 5),
        "3 samples, 4 units": case(0.3, 3, 4),
    }


class _NoDropoutBackward(Dropout):
    def backward(self, dy):
        raise NotImplementedError


def _dropout_with(mask: Any = None, back: Any = None) -> type:
    """Give a class whose mask, of (layer, x), or whose backward, of (layer, dy), is made in another way."""

    class Wrong(Dropout):
        def forward(self, x, training):
            if not mask:
                return super().forward(x, training)
            self._mask = mask(self, x) if training else 1.0
            return x * self._mask

        def backward(self, dy):
            return back(self, dy) if back else super().backward(dy)

    return Wrong


class _DropoutClassic(Dropout):
    """The original: what is left is not scaled up, and inference is scaled down."""

    def forward(self, x, training):
        self._mask = (self.rng.random(x.shape) >= self.rate) * 1.0 if training else 1 - self.rate
        return x * self._mask


class _DropoutAlways(Dropout):
    def forward(self, x, training):
        return super().forward(x, True)


class _DropoutTurnedAround(Dropout):
    def forward(self, x, training):
        return super().forward(x, not training)


class _DropoutDrawsAtInference(Dropout):
    def forward(self, x, training):
        mask = (self.rng.random(x.shape) >= self.rate) / (1 - self.rate)
        self._mask = mask if training else 1.0
        return x * self._mask


class _DropoutOldMask(Dropout):
    def forward(self, x, training):
        if not training:
            return x
        return super().forward(x, True)


class _DropoutOneMask(Dropout):
    def forward(self, x, training):
        if not training:
            self._now = 1.0
            return x
        kept = getattr(self, "_kept", None)
        if kept is None or kept.shape != x.shape:
            self._kept = (self.rng.random(x.shape) >= self.rate) / (1 - self.rate)
        self._now = self._kept
        return x * self._now

    def backward(self, dy):
        return dy * self._now


def _exactly(layer: Any, x: Array) -> Array:
    count = round(layer.rate * x.size)
    order = layer.rng.permutation(x.size).reshape(x.shape)
    return (order >= count) / (1 - layer.rate)


def _another_mask(layer: Any, dy: Array) -> Array:
    if np.ndim(layer._mask) == 0:
        return dy
    return dy * ((layer.rng.random(dy.shape) >= layer.rate) / (1 - layer.rate))


DROPOUT_MISTAKES = (
    Mistake(
        "backward is not written yet",
        wrong=_NoDropoutBackward,
        why="So far so good: forward is right, in training and out of it.",
        hint="Write backward, run its cell, and check again.",
    ),
    Mistake(
        "scaled at inference, not in training",
        wrong=_DropoutClassic,
        why="That is how dropout was first published; Keras scales up in training, so that inference is left alone.",
        hint="Divide what is kept by 1 - rate while training, and return x as it is otherwise.",
    ),
    Mistake(
        "not scaled up",
        wrong=_dropout_with(mask=lambda layer, x: (layer.rng.random(x.shape) >= layer.rate) * 1.0),
        why="With a part of the values gone, all sums behind this layer come out smaller than at inference.",
        hint="Which factor makes the mean come out as it was?",
    ),
    Mistake(
        "rate is taken for the share that is kept",
        wrong=_dropout_with(mask=lambda layer, x: (layer.rng.random(x.shape) < layer.rate) / max(layer.rate, 1e-9)),
        why="rate is how many are dropped. In a rate of 0.2 four fifths stay.",
        hint="rng.random gives numbers from 0 to 1: how many of them are below 0.2?",
    ),
    Mistake(
        "the wrong ones are kept",
        wrong=_dropout_with(mask=lambda layer, x: (layer.rng.random(x.shape) < layer.rate) / (1 - layer.rate)),
        why="The scale is right, but what should be dropped is kept, and the other way round.",
        hint="rng.random gives numbers from 0 to 1: how many of them are below 0.2?",
    ),
    Mistake(
        "divided by rate",
        wrong=_dropout_with(
            mask=lambda layer, x: (layer.rng.random(x.shape) >= layer.rate) / (layer.rate if layer.rate else 1.0)
        ),
        why="What is left over is a share of 1 - rate, so that is what brings the mean back.",
        hint="In a rate of 0.2, what do four fifths have to be multiplied by to make a whole?",
    ),
    Mistake(
        "multiplied by 1 - rate",
        wrong=_dropout_with(mask=lambda layer, x: (layer.rng.random(x.shape) >= layer.rate) * (1 - layer.rate)),
        why="What is left has to grow to make up for what is gone; here it shrinks.",
        hint="Times or divided by?",
    ),
    Mistake(
        "one mask for all samples",
        wrong=_dropout_with(
            mask=lambda layer, x: np.ones(x.shape) * (layer.rng.random(x.shape[1:]) >= layer.rate) / (1 - layer.rate)
        ),
        why="Every sample loses the same units; each value has to be drawn by itself.",
        hint="Draw an array of the whole shape of x.",
    ),
    Mistake(
        "whole samples are dropped",
        wrong=_dropout_with(
            mask=lambda layer, x: np.ones(x.shape) * (layer.rng.random((len(x), 1)) >= layer.rate) / (1 - layer.rate)
        ),
        why="One number was drawn for each row; each value has to be drawn by itself.",
        hint="Draw an array of the whole shape of x.",
    ),
    Mistake(
        "exactly the same number each time",
        wrong=_dropout_with(mask=_exactly),
        why="In Keras each value is dropped with a probability, on its own; how many go is then a matter of chance.",
        hint="rng.random(x.shape) draws a number for each value; compare it with rate.",
    ),
    Mistake(
        "the same mask at every call",
        wrong=_DropoutOneMask,
        why="A mask that stays switches the same units off for good; the point is to change them.",
        hint="Draw a new mask in every forward.",
    ),
    Mistake(
        "a generator of its own",
        wrong=_dropout_with(
            mask=lambda layer, x: (np.random.default_rng().random(x.shape) >= layer.rate) / (1 - layer.rate)
        ),
        why="The mask comes from somewhere else than the rng that was passed in, so nobody can repeat the run.",
        hint="Keep rng in __init__, and call self.rng.random.",
    ),
    Mistake(
        "a generator that begins anew",
        wrong=_dropout_with(
            mask=lambda layer, x: (np.random.default_rng(0).random(x.shape) >= layer.rate) / (1 - layer.rate)
        ),
        why="A generator made inside forward gives the same mask at every call.",
        hint="Keep rng in __init__, and call self.rng.random.",
    ),
    Mistake(
        "it drops at inference, too",
        wrong=_DropoutAlways,
        why="A finished model would answer differently each time it is asked.",
        hint="What does forward return where training is False?",
    ),
    Mistake(
        "training is taken for its opposite",
        wrong=_DropoutTurnedAround,
        why="Dropout works while training, and does nothing otherwise.",
        hint="Look at the if.",
    ),
    Mistake(
        "random numbers are drawn at inference",
        wrong=_DropoutDrawsAtInference,
        why="The result is right, but each evaluation would change the masks of the training that follows.",
        hint="Draw only where training is True.",
    ),
    Mistake(
        "the gradient passes everywhere",
        wrong=_dropout_with(back=lambda layer, dy: dy),
        why="What was dropped had no influence on the loss, so no gradient may come through there.",
        hint="Keep the mask in forward, and multiply by it.",
    ),
    Mistake(
        "backward draws a mask of its own",
        wrong=_dropout_with(back=_another_mask),
        why="Slopes then pass where the values did not.",
        hint="Keep the mask in forward, and multiply by it.",
    ),
    Mistake(
        "backward forgets the scale",
        wrong=_dropout_with(back=lambda layer, dy: dy * (layer._mask != 0)),
        why="What was kept was multiplied by 1 / (1 - rate), so its slope is that, too.",
        hint="Put the scale into the mask, and use the one mask both ways.",
    ),
    Mistake(
        "an old mask after inference",
        wrong=_DropoutOldMask,
        why="backward belongs to the last forward; after one with training=False nothing is masked.",
        hint="Set the mask at every forward, also when there is nothing to drop.",
    ),
)


class _RightDropoutBranches:
    def __init__(self, rate: float, rng: Rng) -> None:
        self.rate = rate
        self.rng = rng
        self.mask: Any = None

    def forward(self, x: Array, training: bool) -> Array:
        if not training:
            self.mask = None
            return x
        keep = self.rng.random(x.shape) < 1 - self.rate
        self.mask = np.where(keep, 1 / (1 - self.rate), 0.0)
        return x * self.mask

    def backward(self, dy: Array) -> Array:
        return dy if self.mask is None else dy * self.mask


class _RightDropoutBinomial:
    def __init__(self, rate: float, rng: Rng) -> None:
        self.keep, self.rng = 1 - rate, rng

    def forward(self, x: Array, training: bool = False) -> Array:
        self.scale = self.rng.binomial(1, self.keep, size=x.shape) / self.keep if training else np.ones(x.shape)
        return x * self.scale

    def backward(self, dy: Array) -> Array:
        return dy * self.scale


class _RightDropoutLoop:
    """Draws its numbers one by one, and from the last to the first."""

    def __init__(self, rate: float, rng: Rng) -> None:
        self.rate, self.rng = rate, rng
        self.dropped: Any = None

    def forward(self, x: Array, training: bool) -> Array:
        self.dropped = None
        y = np.array(x)
        if training:
            self.dropped = (self.rng.uniform(size=y.size)[::-1] < self.rate).reshape(y.shape)
            y[self.dropped] = 0
            y /= 1 - self.rate
        return y

    def backward(self, dy: Array) -> Array:
        if self.dropped is None:
            return np.copy(dy)
        return np.where(self.dropped, 0.0, dy / (1 - self.rate))


DROPOUT = Exercise(
    identifier="layers.Dropout",
    signature="class Dropout: __init__(rate, rng), forward(x, training) -> like x, backward(dy) -> like dy",
    points=3,
    minutes=12,
    difficulty=2,
    lines=5,
    reference=Dropout,
    cases=_dropout_cases,
    scenario=scenarios.dropout,
    mistakes=DROPOUT_MISTAKES,
    hints=(
        "One array does it all: a mask that is 0 where a value is dropped, and 1 / (1 - rate) where it is kept.",
        "self.rng.random(x.shape) draws a number from 0 to 1 for each value; a share of rate of them is below rate. "
        "Where training is False the mask is simply 1.",
        "forward: if training, self.mask = (self.rng.random(x.shape) >= self.rate) / (1 - self.rate), else "
        "self.mask = 1.0; return x times the mask. backward: dy times the same mask.",
    ),
    alternatives=(_RightDropoutBranches, _RightDropoutBinomial, _RightDropoutLoop),
)


# --------------------------------------------------------------------------- Sequential


def _sequential_cases(rng: Rng) -> Cases:
    def case(order: str, n: int, *widths: int, looked_at: str = "everything") -> tuple[Any, ...]:
        weights = [(rng.normal(size=(d, h)), rng.normal(size=h)) for d, h in itertools.pairwise(widths)]
        return rng.normal(size=(n, widths[0])), rng.normal(size=(n, widths[-1])), weights, order, looked_at

    one_width = {
        f"{method}: layers of one width": case("wcwmw", 6, 3, 3, 3, 3, looked_at=method)
        for method in ("forward", "backward", "variables", "gradients")
    }
    return {
        **one_width,
        "two dense layers, five in all": case("wcmwc", 7, 4, 3, 2),
        "one layer": case("w", 5, 3, 4),
        "a dropout first": case("mwcw", 5, 2, 6, 3),
        "no weights at all": case("cm", 4, 3),
        "two dropouts": case("mwm", 3, 5, 2),
    }


class _NoSequentialBackward(Sequential):
    def backward(self, dy):
        raise NotImplementedError


class _NoVariables(Sequential):
    def variables(self):
        raise NotImplementedError


class _NoGradients(Sequential):
    def gradients(self):
        raise NotImplementedError


def _through(model: Any, x: Array, training: Any) -> Array:
    for layer in model.layers:
        x = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
    return x


def _chain_with(forward: Any = None, backward: Any = None, variables: Any = None, gradients: Any = None) -> type:
    """Give a class in which one method, of (model, what it is given), does something else."""

    class Wrong(Sequential):
        def forward(self, x, training=False):
            return forward(self, x, training) if forward else super().forward(x, training)

        def backward(self, dy):
            return backward(self, dy) if backward else super().backward(dy)

        def variables(self):
            return variables(self) if variables else super().variables()

        def gradients(self):
            return gradients(self) if gradients else super().gradients()

    return Wrong


def _weighted(model: Any) -> list[Any]:
    return [layer for layer in model.layers if hasattr(layer, "kernel")]


def _forward_unchained(model: Any, x: Array, training: bool) -> Array:
    y = x
    for layer in model.layers:
        y = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
    return y


def _forward_all(model: Any, x: Array, training: bool) -> list[Array]:
    outputs = []
    for layer in model.layers:
        x = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
        outputs.append(x)
    return outputs


def _forward_without_training(model: Any, x: Array, training: bool) -> Array:
    for layer in model.layers:
        x = layer.forward(x)
    return x


def _forward_all_training(model: Any, x: Array, training: bool) -> Array:
    for layer in model.layers:
        x = layer.forward(x, training)
    return x


def _forward_backwards(model: Any, x: Array, training: bool) -> Array:
    for layer in reversed(model.layers):
        x = layer.forward(x, training) if takes_training(layer) else layer.forward(x)
    return x


def _backward_forwards(model: Any, dy: Array) -> Array:
    for layer in model.layers:
        dy = layer.backward(dy)
    return dy


def _backward_unchained(model: Any, dy: Array) -> Any:
    dx = dy
    for layer in reversed(model.layers):
        dx = layer.backward(dy)
    return dx


def _backward_returns_nothing(model: Any, dy: Array) -> None:
    for layer in reversed(model.layers):
        dy = layer.backward(dy)


def _backward_first_layer_left_out(model: Any, dy: Array) -> Array:
    for layer in reversed(model.layers[1:]):
        dy = layer.backward(dy)
    return dy


class _SequentialOnce(Sequential):
    """Looks the variables up when it is made."""

    def __init__(self, layers):
        super().__init__(layers)
        self._found = super().variables()

    def variables(self):
        return self._found


class _SequentialTurnsLayers(Sequential):
    """Turns its list of layers around for good."""

    def backward(self, dy):
        self.layers.reverse()
        for layer in self.layers:
            dy = layer.backward(dy)
        return dy


SEQUENTIAL_MISTAKES = (
    Mistake(
        "backward is not written yet",
        wrong=_NoSequentialBackward,
        why="So far so good: forward is right.",
        hint="Write backward, run its cell, and check again.",
    ),
    Mistake(
        "variables is not written yet",
        wrong=_NoVariables,
        why="So far so good: forward and backward are right.",
        hint="Write variables, run its cell, and check again.",
    ),
    Mistake(
        "gradients is not written yet",
        wrong=_NoGradients,
        why="So far so good: forward, backward and variables are right.",
        hint="Write gradients, run its cell, and check again.",
    ),
    Mistake(
        "training is not handed on",
        wrong=_chain_with(forward=_forward_without_training),
        why="A layer such as Dropout has to be told whether this is training: its forward takes two arguments.",
        hint="takes_training(layer) tells which layers want to know.",
    ),
    Mistake(
        "training is handed to every layer",
        wrong=_chain_with(forward=_forward_all_training),
        why="The forward of Dense and of ReLU takes x alone.",
        hint="takes_training(layer) tells which layers want to know.",
    ),
    Mistake(
        "always training",
        wrong=_chain_with(forward=lambda model, x, training: _through(model, x, True)),
        why="Dropout would drop at inference, too.",
        hint="Hand on the `training` that forward was given.",
    ),
    Mistake(
        "never training",
        wrong=_chain_with(forward=lambda model, x, training: _through(model, x, False)),
        why="Dropout would never drop anything.",
        hint="Hand on the `training` that forward was given.",
    ),
    Mistake(
        "training by default",
        wrong=type(
            "Sequential", (Sequential,), {"forward": lambda self, x, training=True: _through(self, x, training)}
        ),
        why="Who only asks for an answer must not get dropout: the default is False, as in Keras.",
        hint="Look at the first line of forward.",
    ),
    Mistake(
        "every layer gets the data",
        wrong=_chain_with(forward=_forward_unchained),
        why="Each layer has to get what the layer before made of the data.",
        hint="Give what comes out of a layer the name of what goes into the next.",
    ),
    Mistake(
        "what every layer gave comes back",
        wrong=_chain_with(forward=_forward_all),
        why="The answer of the model is what its last layer gives.",
        hint="Return the last one only.",
    ),
    Mistake(
        "forward goes from the last layer to the first",
        wrong=_chain_with(forward=_forward_backwards),
        why="The data enter at the first layer.",
        hint="Which of the two directions needs reversed()?",
    ),
    Mistake(
        "backward goes from the first layer to the last",
        wrong=_chain_with(backward=_backward_forwards),
        why="The gradient comes from the loss, which stands behind the last layer.",
        hint="reversed(self.layers) walks through a list from its end.",
    ),
    Mistake(
        "every layer gets the gradient of the last",
        wrong=_chain_with(backward=_backward_unchained),
        why="Each layer needs the gradient of its own output, and that is what the layer behind it returns.",
        hint="Give what backward returns the name of what the next one gets.",
    ),
    Mistake(
        "backward returns nothing",
        wrong=_chain_with(backward=_backward_returns_nothing),
        why="A model can be a layer of a larger one, which will need dx.",
        hint="End backward with return.",
    ),
    Mistake(
        "the first layer is left out in backward",
        wrong=_chain_with(backward=_backward_first_layer_left_out),
        why="The first layer has weights to be learned as well, and its dx is what is to be returned.",
        hint="How many rounds does the loop of backward take?",
    ),
    Mistake(
        "the list of layers is turned around for good",
        wrong=_SequentialTurnsLayers,
        why=".reverse() changes the list itself, so the next forward goes from the end to the beginning.",
        hint="reversed(self.layers) leaves the list as it is.",
    ),
    Mistake(
        "the biases are missing",
        wrong=_chain_with(variables=lambda model: [layer.kernel for layer in _weighted(model)]),
        why="Every bias is trained as well.",
        hint="Two arrays for each layer that has weights.",
    ),
    Mistake(
        "every layer is asked for weights",
        wrong=_chain_with(variables=lambda model: [w for layer in model.layers for w in (layer.kernel, layer.bias)]),
        why="ReLU and Dropout have no kernel and no bias.",
        hint='Ask first: hasattr(layer, "kernel").',
    ),
    Mistake(
        "a pair for each layer",
        wrong=_chain_with(variables=lambda model: [(layer.kernel, layer.bias) for layer in _weighted(model)]),
        why="One flat list is wanted: kernel, bias, kernel, bias. Whoever updates need not know about layers.",
        hint="+= [a, b] adds two items to a list; .append([a, b]) adds one.",
    ),
    Mistake(
        "first all kernels, then all biases",
        wrong=_chain_with(
            variables=lambda model: [
                *(layer.kernel for layer in _weighted(model)),
                *(layer.bias for layer in _weighted(model)),
            ]
        ),
        why="The order is that of the layers: each layer's kernel, then its bias.",
        hint="One walk through the layers is enough.",
    ),
    Mistake(
        "copies of the weights",
        wrong=_chain_with(variables=lambda model: [v.copy() for v in Sequential.variables(model)]),
        why="An optimizer that changes these in place would change copies, and the model would learn nothing.",
        hint="Hand out layer.kernel itself.",
    ),
    Mistake(
        "the weights as they were at the beginning",
        wrong=_SequentialOnce,
        why="A layer may have been given a new kernel since; variables has to look at what there is now.",
        hint="Collect the list in variables itself, at every call.",
    ),
    Mistake(
        "gradients gives the weights",
        wrong=_chain_with(gradients=lambda model: model.variables()),
        why="The slopes are what backward left in each layer, in dkernel and dbias.",
        hint="What does Dense.backward leave in self?",
    ),
    Mistake(
        "gradients from the last layer to the first",
        wrong=_chain_with(
            gradients=lambda model: [g for layer in reversed(_weighted(model)) for g in (layer.dkernel, layer.dbias)]
        ),
        why="Only backward goes from the end; the gradients come in the order of the variables.",
        hint="Write gradients as you wrote variables.",
    ),
    Mistake(
        "the biases' gradients are missing",
        wrong=_chain_with(gradients=lambda model: [layer.dkernel for layer in _weighted(model)]),
        why="There has to be a gradient for each of the variables.",
        hint="Write gradients as you wrote variables.",
    ),
)


class _RightSequentialAppend:
    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers

    def forward(self, x: Array, training: bool = False) -> Array:
        out = x
        for layer in self.layers:
            more = {"training": training} if takes_training(layer) else {}
            out = layer.forward(out, **more)
        return out

    def backward(self, dy: Array) -> Array:
        for i in range(len(self.layers) - 1, -1, -1):
            dy = self.layers[i].backward(dy)
        return dy

    def variables(self) -> list[Array]:
        found = []
        for layer in self.layers:
            if hasattr(layer, "kernel"):
                found.append(layer.kernel)
                found.append(layer.bias)
        return found

    def gradients(self) -> list[Array]:
        found = []
        for layer in self.layers:
            if hasattr(layer, "dkernel"):
                found += [layer.dkernel, layer.dbias]
        return found


class _RightSequentialNames:
    """Looks attributes up by name, and tries training first."""

    def __init__(self, layers: list[Any]) -> None:
        self.layers = tuple(layers)

    def forward(self, x: Array, training: bool = False) -> Array:
        for layer in self.layers:
            try:
                x = layer.forward(x, training)
            except TypeError:
                x = layer.forward(x)
        return x

    def backward(self, dy: Array) -> Array:
        for layer in self.layers[::-1]:
            dy = layer.backward(dy)
        return dy

    def _every(self, *names: str) -> list[Array]:
        return [getattr(layer, name) for layer in self.layers for name in names if hasattr(layer, name)]

    def variables(self) -> list[Array]:
        return self._every("kernel", "bias")

    def gradients(self) -> list[Array]:
        return self._every("dkernel", "dbias")


class _RightSequentialReduce:
    def __init__(self, layers: list[Any]) -> None:
        self.layers = layers

    def forward(self, x: Array, training: bool = False) -> Array:
        def through(x: Array, layer: Any) -> Array:
            return layer.forward(x, *([training] if takes_training(layer) else []))

        return functools.reduce(through, self.layers, x)

    def backward(self, dy: Array) -> Array:
        return functools.reduce(lambda dy, layer: layer.backward(dy), reversed(self.layers), dy)

    def variables(self) -> Any:
        return list(itertools.chain.from_iterable((layer.kernel, layer.bias) for layer in _weighted(self)))

    def gradients(self) -> Any:
        return tuple(g for layer in _weighted(self) for g in (layer.dkernel, layer.dbias))


SEQUENTIAL = Exercise(
    identifier="layers.Sequential",
    signature="class Sequential: forward(x, training=False), backward(dy), variables() -> list, gradients() -> list",
    points=3,
    minutes=15,
    difficulty=2,
    lines=10,
    reference=Sequential,
    cases=_sequential_cases,
    scenario=scenarios.sequential,
    mistakes=SEQUENTIAL_MISTAKES,
    hints=(
        "forward and backward are one loop each: what comes out of one layer goes into the next. backward begins at "
        "the last.",
        "In forward ask takes_training(layer): if so, layer.forward(x, training), else layer.forward(x). In backward "
        "loop over reversed(self.layers). variables walks through the layers and takes those that have a kernel: "
        'hasattr(layer, "kernel").',
        "backward: for layer in reversed(self.layers): dy = layer.backward(dy); then return dy. variables: found = []; "
        'for each layer, if hasattr(layer, "kernel"): found += [layer.kernel, layer.bias]. gradients is the same with '
        "dkernel and dbias.",
    ),
    alternatives=(_RightSequentialAppend, _RightSequentialNames, _RightSequentialReduce),
)


# --------------------------------------------------------------------------- predictions

BIAS_GRADIENT = Question(
    identifier="layers.q1_bias_gradient",
    text=(
        "A dense layer adds one bias for each unit to the outputs of all N samples of a batch.\n"
        "The loss is the mean over the batch; dy, (N, H), holds its slopes in the layer's outputs.\n"
        "The gradient of the bias is ..."
    ),
    choices={
        "a": "the mean of dy over the samples",
        "b": "the sum of dy over the samples",
        "c": "the row of dy that is largest",
        "d": "dy itself",
    },
    answer="b",
    because="Each row passes on its own share of the slope; the 1/N of the mean is in dy already.",
)

TWELVE_LAYERS = Question(
    identifier="layers.q2_twelve_layers",
    text=(
        "Twelve layers of 100 units with ReLU. Every weight is drawn from a normal distribution of\n"
        "standard deviation 1, every bias is 0, and the inputs have standard deviation 1.\n"
        "What is the standard deviation after the twelfth layer?"
    ),
    choices={"a": "about 1", "b": "about 100", "c": "about 100,000", "d": "about 10,000,000,000"},
    answer="d",
    because="Each layer adds up 100 products, half of them 0, so it multiplies by about 7; 7 to the 12th is 1.4e10.",
)

DROPOUT_PREDICTS = Question(
    identifier="layers.q3_dropout_predicts",
    text=(
        "A trained model has a Dropout(0.5) in it.\n"
        "model.predict is asked about the same image 50 times. How many different answers? (a number)"
    ),
    choices=None,
    answer=1,
    because="predict runs with training=False, and there dropout hands its input on as it is.",
    tolerance=0.01,
    low=1,
    high=50,
)

register(GLOROT, DENSE, RELU, DROPOUT, SEQUENTIAL)
register(BIAS_GRADIENT, TWELVE_LAYERS, DROPOUT_PREDICTS)
