"""Fused kernels give what the calls gave that they stand for; each is compiled for the host, and for a GPU."""

from __future__ import annotations

import operator
import os
from collections.abc import Iterator
from typing import Any

import host_kernels
import numpy as np
import pytest
from strict_array import DeviceArray, strict_device

import minifit as keras
from minifit import kernels, layers, losses, row_kernels
from minifit.spelling import Writer

SEEDS = int(os.environ.get("PROGRAMS", "8"))  # more of them now and then
pytestmark = pytest.mark.skipif(host_kernels.COMPILER is None, reason=host_kernels.WHY_NOT)


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    with strict_device():
        yield


class Program:
    """Calls on arrays of the device, carried out and noted."""

    def __init__(self, *inputs: np.ndarray) -> None:
        self.inputs = {f"x{i}": DeviceArray(x.copy()) for i, x in enumerate(inputs)}
        self.notes: list[Any] = []

    def __call__(self, function: Any, *args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        name = getattr(function, "__name__", "call")
        self.notes.append((name, function, args, options, result))
        return result

    def plain(self, *kept: Any) -> tuple[Any, str]:
        """The program as a function of its inputs, and its source."""
        return self._written(self.notes, kept)

    def fused(self, *kept: Any) -> tuple[Any, str]:
        """The same after fusing."""
        return self._written(kernels.fused(self.notes, {id(x) for x in kept}), kept)

    def _written(self, notes: list[Any], kept: Any) -> tuple[Any, str]:
        writer = Writer()
        writer.names |= {id(x): name for name, x in self.inputs.items()}
        for note in notes:
            writer.write(*note)
        returned = ", ".join(map(writer.expression, kept))
        lines = [f"def step({', '.join(self.inputs)}):", *writer.lines, f"return {returned},"]
        source = "\n    ".join(lines)
        exec(source, writer.bound)
        return writer.bound["step"], source


def setitem(x: Any, index: Any, value: Any) -> None:
    x[index] = value


def astype(x: Any, dtype: Any) -> Any:
    return x.astype(dtype)


UNARY = [
    np.exp, np.tanh, np.sqrt, np.square, np.negative, np.absolute, np.sign, np.floor, np.log1p, np.reciprocal,
    np.isfinite, np.logical_not, np.expm1, np.arctan, np.sin, np.cbrt, np.rint, np.isnan,
]  # fmt: skip
BINARY = [
    np.add, np.subtract, np.multiply, np.divide, np.maximum, np.minimum, np.power, np.greater, np.less_equal,
    np.equal, np.logical_and, np.logaddexp, np.arctan2, np.not_equal, np.logical_or, np.fmax,
]  # fmt: skip


def random_call(program: Program, rng: Any, arrays: list[Any], own: list[Any], kinds: str) -> Any:
    """One call on some of the arrays; what comes of it."""
    x, y = (arrays[rng.integers(len(arrays))] for _ in range(2))
    target = own[rng.integers(len(own))] if own else None
    fits = target is not None and np.broadcast_shapes(x.shape, target.shape) == target.shape
    binary = BINARY[rng.integers(len(BINARY))]
    kind = rng.integers(12)
    if kind == 3:
        return program(binary, x, float(round(rng.normal(), 2)))
    if kind == 4:
        return program(np.where, x, y, 0.5)
    if kind == 5 and fits:
        return program(np.multiply, target, x, out=target)
    if kind == 6 and x.ndim == 2:
        return program(operator.getitem, x, (slice(None), slice(0, 1)))
    if kind == 7 and x.shape == (4, 3):
        return program(operator.getitem, program(np.dot, program(np.reshape, x, (3, 4)), x), slice(0, 1))
    if kind == 8 and fits:
        program(setitem, target, ..., x)
        return target
    if kind == 9:
        return program(astype, x, str(rng.choice([*kinds.replace("i", "")])))
    if kind == 10:
        return program(np.clip, x, -0.5, 1.0)
    return program(binary, x, y) if kind < 3 else program(UNARY[rng.integers(len(UNARY))], x)


def random_program(seed: int, kinds: str) -> tuple[Program, list[Any]]:
    """A program of calls on arrays of shapes that broadcast, some of them in place, on views or on products."""
    rng = np.random.default_rng(seed)
    shapes: list[tuple[int, ...]] = [(4, 3), (3,), (1, 3), (4, 1), (), (4, 3)]
    program = Program(*[rng.normal(1, 2, shape).astype(rng.choice([*kinds])) for shape in shapes])
    arrays: list[Any] = list(program.inputs.values())
    own: list[Any] = []  # that may be overwritten
    for _ in range(rng.integers(4, 30)):
        try:
            made = random_call(program, rng, arrays, own, kinds)
        except (TypeError, ValueError):  # types or shapes that are not for that function
            continue
        arrays.append(made)
        if all(made is not x for x in program.inputs.values()):
            own.append(made)
    kept = [arrays[i] for i in rng.integers(len(arrays), size=3)]
    return program, kept


def test_what_a_function_takes_that_nobody_knows_is_written_out() -> None:
    def unknown(x: Any, y: Any) -> Any:
        return x[:2] + y[:2]

    program = Program(np.arange(4.0), np.ones(4))
    x, y = program.inputs.values()
    twice = program(np.multiply, program(np.add, x, y), 2.0)
    total = program(np.negative, program(np.sum, twice))
    both = program(unknown, twice, y)
    step, source = program.fused(total, both)
    found = outcome(step, [np.arange(4.0), np.full(4, 2.0)])
    np.testing.assert_array_equal(found[0], -28.0, err_msg=source)
    np.testing.assert_array_equal(found[1], [6.0, 8.0])
    assert "_sum(" in source


def test_a_number_that_changes_is_no_literal() -> None:
    draws = iter(np.float64([2.0, 3.0, 5.0]))
    program = Program(np.arange(4.0))
    (x,) = program.inputs.values()
    number = program(lambda: next(draws))
    y = program(np.add, program(np.multiply, x, number), 1.0)
    step, source = program.fused(y)
    for factor in (3.0, 5.0):
        np.testing.assert_array_equal(outcome(step, [np.arange(4.0)])[0], np.arange(4) * factor + 1, err_msg=source)


def test_part_of_an_array_is_set_by_a_mask() -> None:
    program = Program(np.arange(4.0), np.array([True, False, True, False]))
    x, mask = program.inputs.values()
    y = program(np.multiply, program(np.add, x, 1.0), 2.0)
    program(setitem, y, mask, 0.0)
    step, source = program.fused(y)
    found = outcome(step, [np.arange(4.0), np.array([False, True, True, False])])
    np.testing.assert_array_equal(found[0], [2.0, 0.0, 0.0, 8.0], err_msg=source)


def outcome(step: Any, inputs: list[np.ndarray]) -> list[np.ndarray]:
    arrays = [DeviceArray(x.copy()) for x in inputs]
    results = step(*arrays)
    return [x._hidden.copy() for x in (*results, *arrays)]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("kinds", ["d", "f", "fdie"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_program_gives_the_same_in_kernels(seed: int, kinds: str) -> None:
    program, kept = random_program(seed, kinds)
    plain, _ = program.plain(*kept)
    step, source = program.fused(*kept)
    inputs = [x._hidden for x in program.inputs.values()]
    rng = np.random.default_rng(seed)
    for _ in range(2):  # twice, for arrays are used again
        fresh = [rng.normal(1, 2, x.shape).astype(x.dtype) for x in inputs]
        tolerance = {"d": 1e-12, "f": 1e-6}.get(kinds, 2e-3)
        for got, wanted in zip(outcome(step, fresh), outcome(plain, fresh), strict=True):
            assert got.dtype == wanted.dtype
            np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=source)


# --------------------------------------------------------------------------- optimizers

RULES = {
    "sgd": keras.optimizers.SGD(0.1),
    "momentum": keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop(0.01),
    "centred rmsprop": keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": keras.optimizers.Adam(0.01),
    "amsgrad": keras.optimizers.Adam(0.01, amsgrad=True),
    "adamw": keras.optimizers.AdamW(0.01),
    "adamax": keras.optimizers.Adamax(0.01),
    "nadam": keras.optimizers.Nadam(0.01),
    "adagrad": keras.optimizers.Adagrad(0.01),
    "adadelta": keras.optimizers.Adadelta(0.5),
    "lion": keras.optimizers.Lion(0.01),
    "ftrl": keras.optimizers.Ftrl(0.01, l1_regularization_strength=0.01, l2_shrinkage_regularization_strength=0.1),
}


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("rule", RULES)
def test_an_optimizer_s_step_is_one_launch(rule: str, dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    start, gradients = rng.normal(size=(40, 5)), rng.normal(size=(4, 40, 5))
    found = {}
    for way in ("kernel", "calls"):
        if way == "calls":
            monkeypatch.setattr(kernels, "are_made", lambda: False)
        optimizer = type(RULES[rule]).from_config(RULES[rule].get_config())
        weight = keras.Variable(start, dtype=dtype, name="weight")
        for gradient in gradients:
            before = host_kernels.ElementwiseKernel.launches
            optimizer.apply([DeviceArray(gradient.astype(dtype))], [weight])
            assert host_kernels.ElementwiseKernel.launches == before + (way == "kernel")
        found[way] = [v.value for v in (weight, *optimizer.variables)]
    for one, other in zip(found["kernel"], found["calls"], strict=True):
        tolerance = {"float64": 1e-13, "float32": 1e-6, "float16": 2e-3}[dtype]
        one, other = (x._hidden if isinstance(x, DeviceArray) else x for x in (one, other))
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


# --------------------------------------------------------------------------- recorded steps

N, B = 40, 16
RNG = np.random.default_rng(5)
X, IMAGES, STEPS = RNG.normal(size=(N, 6)), RNG.normal(size=(N, 8, 6, 2)), RNG.normal(size=(N, 9, 4))
CLASSES = RNG.integers(0, 3, N)
ONE_HOT = np.eye(3)[CLASSES]
WEIGHTS = RNG.uniform(0.5, 2.0, N)
L = layers

VECTORS: dict[str, Any] = {
    "nothing": list,
    "relu and dropout": lambda: [L.Dense(5, activation="relu"), L.Dropout(0.4)],
    "two dropouts": lambda: [L.Dropout(0.5), L.Dropout(0.25, noise_shape=(None, 1)), L.Dense(5, "tanh")],
    "noise": lambda: [L.GaussianNoise(0.1), L.Dense(5, "elu"), L.GaussianDropout(0.2)],
    "activations": lambda: [L.Dense(5, "gelu"), L.LeakyReLU(), L.PReLU(), L.ELU(), L.Activation("silu")],
    "more activations": lambda: [
        L.Dense(5, "softplus"), L.Dense(5, "selu"), L.Dense(5, "mish"), L.Dense(5, "hard_silu"), L.Dense(5, "softsign")
    ],
    "softmax inside": lambda: [L.Dense(5, "softmax"), L.Dense(4, "log_softmax")],
    "layer normalisation": lambda: [L.Dense(5), L.LayerNormalization(), L.Dense(5, "sigmoid")],
    "batch normalisation": lambda: [L.Dense(5), L.BatchNormalization(), L.Dense(5, "relu6"), L.BatchNormalization()],
    "penalties": lambda: [L.Dense(5, kernel_regularizer="l2", bias_regularizer="l1", kernel_constraint="max_norm")],
    "no bias": lambda: [L.Dense(5, use_bias=False), L.Rescaling(2.0, 1.0)],
    "shapes": lambda: [L.Reshape((3, 2)), L.Dense(4), L.Flatten()],
}  # fmt: skip
LOSSES: dict[str, tuple[Any, Any, Any]] = {
    "sparse": ("sparse_categorical_crossentropy", CLASSES, "softmax"),
    "sparse, of logits": (lambda: losses.SparseCategoricalCrossentropy(from_logits=True), CLASSES, None),
    "categorical": ("categorical_crossentropy", ONE_HOT, "softmax"),
    "categorical, of logits": (lambda: losses.CategoricalCrossentropy(from_logits=True), ONE_HOT, None),
    "smoothed": (lambda: losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, "softmax"),
    "summed": (lambda: losses.SparseCategoricalCrossentropy(reduction="sum"), CLASSES, "softmax"),
    "binary": ("binary_crossentropy", ONE_HOT, "sigmoid"),
    "mse": ("mse", ONE_HOT, None),
    "mae": ("mae", ONE_HOT, None),
    "huber": ("huber", ONE_HOT, None),
    "log cosh": ("log_cosh", ONE_HOT, None),
    "kl": ("kl_divergence", ONE_HOT, "softmax"),
    "poisson": ("poisson", ONE_HOT, "softplus"),
    "hinge": ("hinge", ONE_HOT, "tanh"),
    "dice": ("dice", ONE_HOT, "softmax"),  # which adds up what softmax has divided in place
    "tversky": ("tversky", ONE_HOT, "sigmoid"),
}


def steps_of(fit: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[Any, list[list[str]]]:
    """What a function returns, and what each step launches that is recorded on the way."""
    found: list[list[str]] = []
    fuse = kernels.fused

    def watched(*given: Any) -> Any:
        notes = fuse(*given)
        found.append(kernels.launches(notes))
        return notes

    with monkeypatch.context() as patch:
        patch.setattr(kernels, "fused", watched)
        return fit(), found


def assert_the_same(
    make: Any, x: Any, y: Any, monkeypatch: pytest.MonkeyPatch, floatx: str = "float64", **fit: Any
) -> list[list[str]]:
    """In kernels, and in single calls, the same weights and logs come of it."""
    monkeypatch.setattr("minifit.backend._floatx", floatx)
    x = x.astype(floatx)
    y = y.astype(floatx) if y.ndim > 1 else y

    def trained() -> Any:
        keras.utils.set_random_seed(3)
        model = make()
        history = model.fit(x, y, **{"batch_size": B, "epochs": 3, "verbose": 0, **fit}).history
        return [w.copy() for w in model.get_weights()], history

    (weights, logs), launched = steps_of(trained, monkeypatch)
    assert len(launched) == 2, "full batches and the last one are recorded"
    with strict_device(kernels=False):
        plain, plain_logs = trained()
    tolerance = {"float64": 1e-12, "float32": 1e-5, "float16": 1e-2}[floatx]
    for one, other in zip(weights, plain, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
    for name in plain_logs:
        np.testing.assert_allclose(logs[name], plain_logs[name], rtol=tolerance)
    return launched


def model_of(*parts: Any, loss: Any = "sparse", **compiled: Any) -> Any:
    function, _, activation = LOSSES[loss]
    model = keras.Sequential([*parts, L.Dense(3, activation=activation)])
    made = function() if callable(function) else function  # now, for a loss keeps the float type in force
    model.compile(**{"optimizer": "adam", "loss": made, **compiled})
    return model


@pytest.mark.parametrize("parts", VECTORS.values(), ids=VECTORS)
def test_layers_on_vectors(parts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_the_same(lambda: model_of(L.Input((6,)), *parts()), X, CLASSES, monkeypatch)


@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["no weights", "weights"])
@pytest.mark.parametrize("loss", LOSSES)
def test_losses(loss: str, weights: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(L.Input((6,)), L.Dense(5, "tanh"), loss=loss)

    assert_the_same(make, X, LOSSES[loss][1], monkeypatch, sample_weight=weights)


@pytest.mark.parametrize("floatx", ["float32", "float16"])
def test_float_types(floatx: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make = VECTORS["relu and dropout"]
    assert_the_same(lambda: model_of(L.Input((6,)), *make()), X, CLASSES, monkeypatch, floatx)


def test_images(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        parts = (
            L.Conv2D(4, 3, activation="relu"),
            L.MaxPooling2D(2),
            L.BatchNormalization(),
            L.Conv2D(3, 2, padding="same"),
        )
        return model_of(L.Input((8, 6, 2)), *parts, L.GlobalAveragePooling2D())

    assert_the_same(make, IMAGES, CLASSES, monkeypatch)


def test_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        parts = L.Conv1D(4, 3, activation="relu"), L.AveragePooling1D(2), L.LayerNormalization(), L.Dense(4, "relu")
        return model_of(L.Input((9, 4)), *parts, L.GlobalMaxPooling1D())

    assert_the_same(make, STEPS, CLASSES, monkeypatch)


def test_a_graph_of_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        x = keras.Input((6,))
        a, b = L.Dense(4, "relu")(x), L.Dense(4, "tanh")(x)
        shared = L.Dense(3)
        model = keras.Model(x, shared(a) * 0.5 + shared(b))
        model.compile("sgd", losses.SparseCategoricalCrossentropy(from_logits=True))
        return model

    assert_the_same(make, X, CLASSES, monkeypatch)


@pytest.mark.parametrize("loss", ["sparse", "mse"])
def test_large_arrays_are_drawn_and_added_up_apart(loss: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernels, "_MOST_AT_ONCE", 8)
    monkeypatch.setattr(row_kernels, "_MOST_ROWS", 4)

    def make() -> Any:
        return model_of(L.Input((6,)), L.Dense(12, "relu"), L.Dropout(0.2), loss=loss)

    for launched in assert_the_same(make, X, LOSSES[loss][1], monkeypatch):
        assert {"mask", "sum"} <= set(launched)


def test_the_classic_step_is_eleven_launches(monkeypatch: pytest.MonkeyPatch) -> None:
    def make() -> Any:
        return model_of(L.Input((6,)), L.Dense(12, "relu"), L.Dropout(0.2), metrics=["accuracy"])

    for launched in assert_the_same(make, X, CLASSES, monkeypatch, "float32"):
        assert launched == [
            "dot", "add_maximum_mask_multiply_greater", "dot", "softmax_crossentropy", "dot", "dot", "dot", "multiply",
            "dot", "dot",
        ]  # fmt: skip
    # The eleventh is the optimizer's: see test_an_optimizer_s_step_is_one_launch.


def test_a_kernel_that_is_wrong_is_found_out_before_a_step_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    """On whatever device: a recorded step first has to give its own batch's numbers."""

    def losses_of() -> tuple[list[float], list[str]]:
        keras.set_random_seed(0)
        net = model_of(L.Input((6,)), L.Dense(8, "tanh"), L.BatchNormalization(), L.Dropout(0.3))
        history = net.fit(X, CLASSES, batch_size=B, epochs=3, verbose=0)
        return history.history["loss"], list(net._repeated.sources.values())

    right, lines = losses_of()
    assert all("tanh" in source for source in lines)
    kernels._elementwise.cache_clear()
    monkeypatch.setitem(kernels._CUDA, "tanh", "tanh({0}) * 1.01")
    same, refused = losses_of()
    kernels._elementwise.cache_clear()
    assert same == pytest.approx(right, rel=1e-5)
    assert all(why == "repeated on its own batch, the step gives something else" for why in refused)


@pytest.mark.skipif(host_kernels.nvrtc() is None, reason="NVIDIA's compiler, nvidia-cuda-nvrtc-cu12, is not installed")
def test_every_kernel_is_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the host's compiler takes, that of a real architecture takes as well."""
    found: set[str] = set()
    monkeypatch.setattr(host_kernels.ElementwiseKernel, "sources", found)
    makers = [lambda parts=parts: model_of(L.Input((6,)), *parts()) for parts in VECTORS.values()]
    makers += [lambda loss=loss: model_of(L.Input((6,)), loss=loss) for loss in LOSSES]
    labels = [CLASSES] * len(VECTORS) + [y for _, y, _ in LOSSES.values()]
    for make, y in zip(makers, labels, strict=True):
        make().fit(X.astype("float32"), y, batch_size=B, epochs=3, verbose=0)
    for rule, optimizer in RULES.items():
        optimizer = type(optimizer).from_config(optimizer.get_config())
        weight = keras.Variable(X, dtype="float32", name=rule)
        optimizer.apply([DeviceArray(X.astype("float32"))], [weight])
    assert len(found) > 60
    for source in found:
        assert not host_kernels.refused_for_a_gpu(source)
