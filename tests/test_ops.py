"""Every op of the engine, and every NumPy function on Tensors: gradients, second derivatives, values and types.

`CASES` is the one table. Each op of the package must occur in it; each case is differentiated in float64 against
central differences, once and twice, and run in float32 and float16, where nothing on the tape may be of another type.
"""

import copy
import functools
import importlib
import itertools
import pickle
import pkgutil
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from test_gradients import check, check_second, float64, normal, positive  # noqa: F401

import minifit as keras
from minifit import activations, backend, ops
from minifit.gradcheck import check_gradients

Case = tuple[Callable[..., Any], tuple[np.ndarray, ...]]
CASES: dict[str, Case] = {}


def share(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers between 0.1 and 0.9."""
    return 0.1 + 0.8 * np.random.default_rng((seed, *shape)).random(shape)


# --- the table -------------------------------------------------------------------------------------------------------

BROADCASTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "same shape": ((3, 4), (3, 4)),
    "a row": ((3, 4), (4,)),
    "row and column": ((3, 1), (1, 4)),
    "a number": ((3, 4), ()),
    "more axes": ((2, 1), (5, 1, 3)),
}
BINARY = ["add", "subtract", "multiply", "divide", "maximum", "minimum", "mod", "arctan2", "logaddexp", "divide_no_nan"]
UNARY = (
    "negative reciprocal square absolute cbrt exp exp2 expm1 sin cos tan arctan sinh cosh tanh arcsinh erf relu "
    "relu6 leaky_relu elu selu celu sigmoid log_sigmoid hard_sigmoid silu hard_silu softplus squareplus "
    "sparse_plus softsign mish gelu hard_tanh sparse_sigmoid tanh_shrink hard_shrink soft_shrink nan_to_num"
)
UNARY_SHARE = ["log", "log2", "log10", "log1p", "sqrt", "rsqrt", "arcsin", "arccos", "arctanh"]
REDUCTIONS = ["sum", "mean", "max", "min", "amax", "amin", "var", "std", "prod", "logsumexp", "median", "norm"]
AXES: tuple[Any, ...] = (None, 0, 1, -1, (0, 2), (0, 1, 2))
MATMULS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "matrices": ((3, 4), (4, 2)),
    "a batch times a matrix": ((5, 3, 4), (4, 2)),
    "a matrix times a batch": ((3, 4), (5, 4, 2)),
    "batches": ((5, 3, 4), (5, 4, 2)),
    "batches that broadcast": ((5, 1, 3, 4), (2, 4, 2)),
    "row times matrix": ((4,), (4, 2)),
    "row times batch": ((4,), (5, 4, 2)),
    "matrix times column": ((3, 4), (4,)),
    "batch times column": ((5, 3, 4), (4,)),
    "row times column": ((4,), (4,)),
}
EINSUMS: dict[str, tuple[tuple[int, ...], ...]] = {
    "ij,jk->ik": ((3, 4), (4, 2)),
    "ij,jk": ((3, 4), (4, 2)),
    "ij->": ((3, 4),),
    "ij->ji": ((3, 4),),
    "ij,j->": ((3, 4), (4,)),
    "i,j->ij": ((3,), (4,)),
    "ij,ik->": ((3, 4), (3, 2)),
    "ij,jk,kl->il": ((2, 3), (3, 4), (4, 2)),
    "...ij,jk->...ik": ((2, 2, 3, 4), (4, 2)),
    "i...,i->...": ((3, 4, 2), (3,)),
    "b...,b...->b": ((3, 4, 2), (3, 1, 2)),
}
LABELS = np.array([2, 0, 1, 1, 2])
TARGETS = np.array([[0.0, 1, 0], [0.2, 0.3, 0.5], [1, 0, 0], [0, 0, 1], [2, 0, 1]])

for name, (shapes, (left, right)) in itertools.product(BINARY, BROADCASTS.items()):
    CASES[f"{name}: {shapes}"] = (getattr(ops, name), (normal(*left), normal(*right, seed=1)))
for shapes, (left, right) in BROADCASTS.items():
    CASES[f"power: {shapes}"] = (ops.power, (positive(*left), normal(*right, seed=1)))
    condition = np.random.default_rng(3).random(np.broadcast_shapes(left, right)) < 0.5
    CASES[f"where: {shapes}"] = (functools.partial(ops.where, condition), (normal(*left), normal(*right, seed=1)))
for name in UNARY.split():
    CASES[f"{name}: matrix"] = (getattr(ops, name), (normal(3, 4),))
    CASES[f"{name}: number"] = (getattr(ops, name), (normal(),))
for name in UNARY_SHARE:
    CASES[f"{name}: matrix"] = (getattr(ops, name), (share(3, 4),))
for name, axis, keepdims in itertools.product(REDUCTIONS, AXES, (False, True)):
    reduction = functools.partial(getattr(ops, name), axis=axis, keepdims=keepdims)
    CASES[f"{name}: axis {axis}, keepdims {keepdims}"] = (reduction, (normal(2, 3, 4),))
for name, axis in itertools.product(("softmax", "log_softmax", "sparsemax"), (-1, 0, 1)):
    CASES[f"{name}: axis {axis}"] = (functools.partial(getattr(ops, name), axis=axis), (normal(2, 3, 4),))
for name, axis in itertools.product(["cumsum", "cumprod", "sort", "normalize", "flip"], (-1, 0, 1)):
    CASES[f"{name}: axis {axis}"] = (functools.partial(getattr(ops, name), axis=axis), (normal(2, 3, 4),))
for shapes, (left, right) in MATMULS.items():
    CASES[f"matmul: {shapes}"] = (ops.matmul, (normal(*left), normal(*right, seed=1)))
for letters, operands in EINSUMS.items():
    arrays = tuple(normal(*shape, seed=seed) for seed, shape in enumerate(operands))
    CASES[f"einsum: {letters}"] = (functools.partial(ops.einsum, letters), arrays)
for mode in ("constant", "reflect", "symmetric", "edge", "wrap"):
    CASES[f"pad: {mode}"] = (functools.partial(ops.pad, pad_width=((1, 2), (0, 1)), mode=mode), (normal(3, 4),))
for method in ("linear", "lower", "higher", "nearest", "midpoint"):
    CASES[f"quantile: {method}"] = (lambda x, m=method: ops.quantile(x, [0.3, 0.55], 1, m), (normal(3, 4),))
for ord in (1, 3, np.inf, -np.inf):
    CASES[f"norm: {ord}"] = (functools.partial(ops.norm, ord=ord, axis=-1), (normal(3, 4),))
CASES |= {
    "arccosh": (ops.arccosh, (1.5 + share(3),)),
    "clip: both bounds": (lambda x: ops.clip(x, -1.0, 0.8), (normal(3, 4),)),
    "clip: by name": (lambda x: ops.clip(x, x_min=-1.0, x_max=0.8), (normal(3, 4),)),
    "clip: one bound": (lambda x: np.clip(x, 0.5, None), (normal(3, 4),)),
    "astype": (lambda x: ops.astype(x, x.dtype), (normal(3, 4),)),
    "cast": (lambda x: ops.cast(x, str(x.dtype)), (normal(3, 4),)),
    "copy": (ops.copy, (normal(3, 4),)),
    "weigh": (ops.weigh, (normal(2, 3, 4), normal(2, 3))),
    "weigh: all samples alike": (ops.weigh, (normal(2, 3, 4), normal(1, 3))),
    "average: weighted": (lambda x, w: ops.average(x, axis=0, weights=w), (normal(3, 4), positive(3, 4))),
    "average: a weight a row": (lambda x, w: ops.average(x, axis=0, weights=w), (normal(3, 4), positive(3))),
    "moments": (lambda x: np.stack(ops.moments(x, axes=(0, 2))), (normal(2, 3, 4),)),
    "prod: zeros among them": (lambda x: ops.prod(x * (np.abs(x) > 1), axis=1), (normal(4, 3),)),
    "cumprod: zeros among them": (lambda x: ops.cumprod(x * (np.abs(x) > 1), axis=1), (normal(4, 3),)),
    "cumprod: in one row": (ops.cumprod, (normal(2, 3),)),
    "cumsum: in one row": (ops.cumsum, (normal(2, 3),)),
    "top_k": (lambda x: ops.top_k(x, 2)[0], (normal(3, 4),)),
    "reshape: to a vector": (lambda x: ops.reshape(x, (-1,)), (normal(3, 4),)),
    "reshape: to more axes": (lambda x: ops.reshape(x, shape=(2, 3, 2)), (normal(3, 4),)),
    "transpose: reversed": (ops.transpose, (normal(2, 3, 4),)),
    "transpose: an order": (lambda x: ops.transpose(x, (2, 0, 1)), (normal(2, 3, 4),)),
    "moveaxis": (lambda x: ops.moveaxis(x, (0, 1), (2, 0)), (normal(2, 3, 4),)),
    "swapaxes": (lambda x: ops.swapaxes(x, 0, -1), (normal(2, 3, 4),)),
    "squeeze: every axis": (ops.squeeze, (normal(1, 3, 1),)),
    "squeeze: one axis": (lambda x: ops.squeeze(x, 0), (normal(1, 3, 1),)),
    "expand_dims: last": (lambda x: ops.expand_dims(x, axis=-1), (normal(3, 4),)),
    "broadcast_to": (lambda x: ops.broadcast_to(x, (2, 3, 4)), (normal(3, 1),)),
    "getitem: slices": (lambda x: x[1:, ::2], (normal(3, 4),)),
    "getitem: an integer and an ellipsis": (lambda x: x[..., 1], (normal(2, 3, 4),)),
    "getitem: rows more than once": (lambda x: x[np.array([0, 2, 2, 2])], (normal(3, 4),)),
    "getitem: pairs of indices": (lambda x: x[np.arange(3), [1, 1, 3]], (normal(3, 4),)),
    "getitem: a mask": (lambda x: x[np.array([True, False, True])], (normal(3, 4),)),
    "add_at: rows more than once": (lambda x: ops.add_at(x, np.array([0, 2, 2]), (4, 4)), (normal(3, 4),)),
    "scatter": (lambda v: ops.scatter([[0, 1], [2, 3], [0, 1]], v, (3, 4)), (normal(3),)),
    "scatter_update": (lambda x, v: ops.scatter_update(x, [[0, 1], [2, 3]], v), (normal(3, 4), normal(2))),
    "scatter_update: add": (
        lambda x, v: ops.scatter_update(x, [[0, 1], [0, 1]], v, reduction="add"),
        (normal(3, 4), normal(2)),
    ),
    "slice": (lambda x: ops.slice(x, (1, 2), (2, 1)), (normal(3, 4),)),
    "slice_update": (lambda x, v: ops.slice_update(x, (1, 2), v), (normal(3, 4), normal(2, 2))),
    "segment_sum": (lambda x: ops.segment_sum(x, [0, 2, 0], 3), (normal(3, 4),)),
    "take": (lambda x: ops.take(x, [[0, 2], [2, 1]], axis=-1), (normal(2, 3),)),
    "take: of all in one row": (lambda x: ops.take(x, [0, 5, 5]), (normal(2, 3),)),
    "take_along_axis: last": (lambda x: ops.take_along_axis(x, np.array([[0], [3], [3]]), -1), (normal(3, 4),)),
    "take_along_axis: first, repeated": (
        lambda x: ops.take_along_axis(x, np.array([[2, 2, 0, 1], [2, 0, 0, 1]]), axis=0),
        (normal(3, 4),),
    ),
    "take_along_axis: broadcast": (lambda x: ops.take_along_axis(x, np.array([[1]]), axis=1), (normal(3, 4),)),
    "diff": (lambda x: ops.diff(x, n=2, axis=0), (normal(4, 3),)),
    "concatenate: axis 0": (
        lambda a, b, c: ops.concatenate([a, b, c]),
        (normal(2, 3), normal(1, 3), normal(4, 3)),
    ),
    "concatenate: axis -1": (lambda a, b: ops.concatenate([a, b], axis=-1), (normal(2, 3), normal(2, 1))),
    "stack: axis 1": (lambda a, b: ops.stack([a, b], axis=1), (normal(2, 3), normal(2, 3, seed=1))),
    "hstack": (lambda a, b: ops.hstack([a, b]), (normal(2, 3), normal(2, 1))),
    "vstack": (lambda a, b: ops.vstack([a, b]), (normal(3), normal(2, 3))),
    "split": (lambda x: ops.concatenate(ops.split(x, 2, axis=1)[::-1]), (normal(2, 4),)),
    "split: at indices": (lambda x: ops.split(x, [1, 3])[1], (normal(4, 2),)),
    "unstack": (lambda x: ops.unstack(x, axis=1)[2], (normal(2, 3),)),
    "meshgrid": (lambda a, b: np.multiply(*ops.meshgrid(a, b)), (normal(3), normal(4))),
    "meshgrid: ij": (lambda a, b: np.multiply(*ops.meshgrid(a, b, indexing="ij")), (normal(3), normal(4))),
    "flip: every axis": (ops.flip, (normal(2, 3),)),
    "roll": (lambda x: ops.roll(x, 2), (normal(2, 3),)),
    "roll: an axis": (lambda x: ops.roll(x, -1, axis=1), (normal(2, 3),)),
    "rot90": (ops.rot90, (normal(2, 3),)),
    "repeat": (lambda x: ops.repeat(x, 2), (normal(2, 3),)),
    "repeat: rows": (lambda x: ops.repeat(x, np.array([2, 0, 1]), axis=1), (normal(2, 3),)),
    "tile": (lambda x: ops.tile(x, (2, 1, 2)), (normal(2, 3),)),
    "diagonal": (lambda x: ops.diagonal(x, offset=1), (normal(3, 4),)),
    "diag: of a matrix": (ops.diag, (normal(3, 4),)),
    "diag: of a row": (lambda x: ops.diag(x, k=-1), (normal(3),)),
    "trace": (ops.trace, (normal(3, 4),)),
    "tril": (ops.tril, (normal(2, 3, 4),)),
    "triu": (lambda x: ops.triu(x, k=1), (normal(2, 3, 4),)),
    "dot": (ops.dot, (normal(2, 3, 4), normal(2, 4, 3))),
    "dot: a number": (ops.dot, (normal(), normal(3))),
    "inner": (ops.inner, (normal(3, 4), normal(2, 4))),
    "outer": (ops.outer, (normal(3), normal(4))),
    "vdot": (ops.vdot, (normal(2, 3), normal(2, 3, seed=1))),
    "cross": (ops.cross, (normal(2, 3), normal(2, 3, seed=1))),
    "tensordot": (ops.tensordot, (normal(2, 3, 4), normal(3, 4, 2))),
    "tensordot: named axes": (lambda a, b: ops.tensordot(a, b, ((0, 1), (1, 0))), (normal(2, 3, 2), normal(3, 2, 2))),
    "dense: rows": (ops.dense, (normal(5, 3), normal(3, 2), normal(2))),
    "dense: sequences": (ops.dense, (normal(5, 2, 3), normal(3, 4), normal(4))),
    "dense: without bias": (lambda x, w: ops.dense(x, w, None), (normal(5, 3), normal(3, 2))),
    "glu": (lambda x: ops.glu(x, axis=0), (normal(4, 3),)),
    "threshold": (lambda x: ops.threshold(x, 0.1, -2.0), (normal(4, 3),)),
    "gelu: approximate": (lambda x: ops.gelu(x, approximate=True), (normal(4, 3),)),
    "gelu: exact": (lambda x: ops.gelu(x, approximate=False), (normal(4, 3),)),
    "normalize: order 3": (lambda x: ops.normalize(x, order=3), (normal(4, 3),)),
    "mean_squared_difference": (ops.mean_squared_difference, (normal(5, 3), normal(5, 3, seed=1))),
    "softmax_crossentropy_sparse": (
        lambda z: ops.softmax_crossentropy_sparse(z, None, labels=LABELS),
        (normal(5, 3),),
    ),
    "softmax_crossentropy": (
        lambda z: ops.softmax_crossentropy(z, None, targets=TARGETS.astype(z.dtype)),
        (normal(5, 3),),
    ),
    "sigmoid_crossentropy": (
        lambda z: ops.sigmoid_crossentropy(z, None, targets=TARGETS.astype(z.dtype)),
        (normal(5, 3),),
    ),
    "binary_crossentropy": (ops.binary_crossentropy, (share(5, 3), share(5, 3, seed=1))),
    "binary_crossentropy: logits": (
        functools.partial(ops.binary_crossentropy, from_logits=True),
        (share(5, 3), normal(5, 3)),
    ),
    "categorical_crossentropy": (ops.categorical_crossentropy, (share(5, 3), share(5, 3, seed=1))),
    "categorical_crossentropy: logits": (
        functools.partial(ops.categorical_crossentropy, from_logits=True, axis=0),
        (share(5, 3), normal(5, 3)),
    ),
    "sparse_categorical_crossentropy": (
        lambda p: ops.sparse_categorical_crossentropy(LABELS, p),
        (share(5, 3),),
    ),
    "conv": (lambda x, k: ops.conv(x, k, 1, "same"), (normal(2, 4, 4, 2), normal(3, 3, 2, 2))),
    "max_pool": (lambda x: ops.max_pool(x, 2), (normal(2, 4, 4, 2),)),
    "average_pool": (lambda x: ops.average_pool(x, 2, padding="same"), (normal(2, 3, 5, 2),)),
}


def layer_norm(x: Any, scale: Any, offset: Any) -> Any:
    moments = [backend.asarray(m) for m in ops.moments(ops.stop_gradient(x), axes=(1,), keepdims=True)]
    moments = [getattr(m, "value", m) for m in moments]
    return ops_normalization.normalize(x, scale, offset, *moments, axes=(1,), epsilon=0.1)


ops_normalization = importlib.import_module("minifit.ops.normalization")
CASES["_normalize"] = (layer_norm, (normal(3, 4), normal(4), normal(4, seed=1)))


def ops_of_the_engine() -> dict[int, str]:
    """Every op in every module of the package, by identity."""
    modules = [importlib.import_module(m.name) for m in pkgutil.walk_packages(keras.__path__, "minifit.")]
    return {id(v): f"{m.__name__}.{n}" for m in modules for n, v in vars(m).items() if isinstance(v, ops.Op)}


# --- gradients -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(CASES))
def test_op_has_the_gradient_of_its_forward(case: str) -> None:
    function, arrays = CASES[case]
    check(function, *arrays)


@pytest.mark.parametrize("case", list(CASES))
def test_op_has_a_second_derivative(case: str) -> None:
    function, arrays = CASES[case]
    check_second(lambda *x: np.square(function(*x)), *arrays)


def test_every_op_of_the_engine_is_in_the_table() -> None:
    seen = set()
    for function, arrays in CASES.values():
        variables = [keras.Variable(a) for a in arrays]
        with keras.GradientTape() as outer:
            with keras.GradientTape() as inner:
                total = np.sum(np.square(function(*variables)))
            inner.gradient(total, variables)
        seen |= {id(record[0]) for record in outer.records}
    assert {name for key, name in ops_of_the_engine().items() if key not in seen} == set()


def test_products_of_all_but_one_are_right_beside_zeros() -> None:
    x = keras.Variable([[2.0, 0.0, 3.0], [0.0, 0.0, 1.0]])
    with keras.GradientTape() as tape:
        y = np.prod(x, axis=1)
    np.testing.assert_array_equal(tape.gradient(y, x).numpy(), [[0, 6, 0], [0, 0, 0]])


def test_activations_have_the_slope_that_keras_gives_them_at_a_kink() -> None:
    slopes = {
        "relu": (0.0, 0.0),
        "relu6": (0.0, 0.0),
        "leaky_relu": (0.0, 0.2),
        "elu": (0.0, 1.0),
        "selu": (0.0, 1.7580993408473766),
        "hard_tanh": (1.0, 0.0),
        "sparse_sigmoid": (-1.0, 0.0),
        "sparse_plus": (1.0, 1.0),
        "softsign": (0.0, 1.0),
        "softplus": (0.0, 0.5),
    }
    for name, (place, expected) in slopes.items():
        x = keras.Variable([place])
        with keras.GradientTape() as tape:
            y = getattr(activations, name)(x)
        assert tape.gradient(y, x).numpy()[0] == pytest.approx(expected, rel=1e-15), name


# --- types -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_nothing_on_the_tape_is_of_another_type_than_the_inputs(case: str, dtype: str) -> None:
    keras.config.set_floatx(dtype)
    function, arrays = CASES[case]
    variables = [keras.Variable(a.astype(dtype), dtype=dtype) for a in arrays]
    with keras.GradientTape() as outer:
        with keras.GradientTape() as tape:
            outputs = function(*variables)
        gradients = tape.gradient(outputs, variables)
    assert outputs.dtype == dtype
    assert {str(g.dtype) for g in gradients if g is not None} == {dtype}
    written = [(record[0], record[5].dtype) for record in outer.records]
    assert [(op, kind) for op, kind in written if kind.kind == "f" and kind != dtype] == []
    assert function(*[a.astype(dtype) for a in arrays]).dtype == dtype  # and with plain arrays


OTHERS = {
    "a number of Python": 2.5,
    "an integer of Python": 3,
    "a list": [1.5, 2.5, 0.5],
    "a float64 scalar": np.float64(2.5),
    "a float64 array without axes": np.array(2.5),
    "integers": np.array([1, 2, 3]),
    "small integers": np.array([1, 2, 3], "uint8"),
    "booleans": np.array([True, True, True]),
}


@pytest.mark.parametrize("other", list(OTHERS))
@pytest.mark.parametrize(
    "name", ["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "mod", "arctan2"]
)
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_a_narrow_array_meets_does_not_widen_it(name: str, dtype: str, other: str) -> None:
    keras.config.set_floatx(dtype)
    x, op, numpy = np.array([0.5, 1.5, 2.5], dtype), getattr(ops, name), getattr(np, name)
    for order in (1, -1):
        variable = keras.Variable(x, dtype=dtype)
        assert op(*(x, OTHERS[other])[::order]).dtype == dtype
        with keras.GradientTape() as tape:
            y = op(*(variable, OTHERS[other])[::order])
            if not isinstance(OTHERS[other], list) or order == 1:
                assert numpy(*(variable, OTHERS[other])[::order]).dtype == dtype
        assert y.dtype == tape.gradient(y, variable).dtype == dtype
        np.testing.assert_allclose(y.numpy(), numpy(*(x.astype("float64"), OTHERS[other])[::order]), rtol=2e-3)


def test_integers_become_floats_of_the_type_in_force() -> None:
    for floatx in ("float32", "float64"):
        keras.config.set_floatx(floatx)
        for function in (ops.exp, ops.sqrt, ops.mean, ops.softmax, ops.sigmoid, ops.std, ops.erf, ops.logsumexp):
            for x in ([1, 2], np.array([1, 2]), keras.Tensor(np.array([1, 2]))):
                assert function(x).dtype == floatx, function
        assert ops.divide(np.array([1, 2]), np.array([2, 3])).dtype == floatx
        assert ops.add([1, 2], 0.5).dtype == ops.array([0.5]).dtype == ops.zeros((2,)).dtype == floatx
        assert ops.add([1, 2], 2).dtype.kind == ops.sum([1, 2]).dtype.kind == ops.arange(3).dtype.kind == "i"


def test_the_mean_of_many_float16_does_not_overflow() -> None:
    assert ops.mean(np.full(100, 60000, "float16")) == 60000


# --- NumPy's functions on Tensors ------------------------------------------------------------------------------------

NUMPY_CASES: dict[Any, Case] = {
    np.add: (np.add, (normal(3, 4), normal(4, seed=1))),
    np.subtract: (np.subtract, (normal(3, 4), normal(4, seed=1))),
    np.multiply: (np.multiply, (normal(3, 4), normal(4, seed=1))),
    np.divide: (np.divide, (normal(3, 4), normal(4, seed=1))),
    np.power: (np.power, (positive(3, 4), normal(4, seed=1))),
    np.float_power: (np.float_power, (positive(3, 4), normal(4, seed=1))),
    np.maximum: (np.maximum, (normal(3, 4), normal(4, seed=1))),
    np.minimum: (np.minimum, (normal(3, 4), normal(4, seed=1))),
    np.fmax: (np.fmax, (normal(3, 4), normal(4, seed=1))),
    np.fmin: (np.fmin, (normal(3, 4), normal(4, seed=1))),
    np.logaddexp: (np.logaddexp, (normal(3, 4), normal(4, seed=1))),
    **{f: (f, (normal(3, 4),)) for f in (np.negative, np.positive, np.exp, np.expm1, np.square, np.absolute)},
    **{f: (f, (normal(3, 4),)) for f in (np.reciprocal, np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh)},
    **{f: (f, (normal(3, 4),)) for f in (np.arctan, np.arcsinh, np.cbrt, np.exp2, np.nan_to_num)},
    **{f: (f, (share(3, 4),)) for f in (np.arcsin, np.arccos, np.arctanh)},
    np.arccosh: (lambda x: np.arccosh(1 + x), (positive(3),)),
    np.arctan2: (np.arctan2, (normal(3, 4), normal(4, seed=1))),
    np.mod: (np.mod, (normal(3, 4), normal(4, seed=1))),
    **{f: (f, (positive(3, 4),)) for f in (np.log, np.log2, np.log10, np.log1p, np.sqrt)},
    np.matmul: (np.matmul, (normal(3, 4), normal(4, 2))),
    np.where: (lambda a, b: np.where(a > b, a * b, b), (normal(3, 4), normal(3, 4, seed=1))),
    np.clip: (lambda x: np.clip(x, -0.9, 1.1), (normal(3, 4),)),
    **{
        f: (lambda x, f=f: f(x, axis=1, keepdims=True), (normal(2, 3, 4),))
        for f in (np.sum, np.mean, np.max, np.min, np.amax, np.amin, np.var, np.std, np.prod, np.median)
    },
    np.average: (lambda x, w: np.average(x, axis=0, weights=w), (normal(3, 4), positive(3, 4))),
    np.linalg.norm: (lambda x: np.linalg.norm(x, axis=-1), (normal(3, 4),)),
    np.quantile: (lambda x: np.quantile(x, [0.2, 0.5], axis=1), (normal(3, 4),)),
    np.percentile: (lambda x: np.percentile(x, 30, axis=0), (normal(3, 4),)),
    **{f: (lambda x, f=f: f(x, axis=1), (normal(3, 4),)) for f in (np.cumsum, np.cumprod, np.sort, np.diff, np.flip)},
    np.moveaxis: (lambda x: np.moveaxis(x, 0, -1), (normal(2, 3, 4),)),
    np.roll: (lambda x: np.roll(x, 1, axis=1), (normal(3, 4),)),
    np.rot90: (np.rot90, (normal(3, 4),)),
    np.repeat: (lambda x: np.repeat(x, 2, axis=1), (normal(3, 4),)),
    np.tile: (lambda x: np.tile(x, (2, 1)), (normal(3, 4),)),
    np.pad: (lambda x: np.pad(x, 1, constant_values=2.0), (normal(3, 4),)),
    **{f: (f, (normal(3, 4),)) for f in (np.diagonal, np.diag, np.trace, np.tril, np.triu)},
    np.split: (lambda x: np.split(x, 2, axis=1)[1], (normal(3, 4),)),
    np.meshgrid: (lambda a, b: np.meshgrid(a, b)[0], (normal(3), normal(4))),
    np.hstack: (lambda a, b: np.hstack([a, b]), (normal(3, 2), normal(3, 1))),
    np.vstack: (lambda a, b: np.vstack([a, b]), (normal(3, 2), normal(2))),
    np.astype: (lambda x: np.astype(x, np.float64), (normal(3, 4),)),
    np.einsum: (lambda a, b: np.einsum("ij,jk->k", a, b), (normal(3, 4), normal(4, 2))),
    np.tensordot: (lambda a, b: np.tensordot(a, b, axes=1), (normal(3, 4), normal(4, 2))),
    np.vdot: (np.vdot, (normal(4), normal(4, seed=1))),
    np.cross: (np.cross, (normal(4, 3), normal(3))),
    np.reshape: (lambda x: np.reshape(x, (4, 3)), (normal(3, 4),)),
    np.ravel: (np.ravel, (normal(3, 4),)),
    np.transpose: (lambda x: np.transpose(x, (1, 0, 2)), (normal(2, 3, 4),)),
    np.swapaxes: (lambda x: np.swapaxes(x, 0, -1), (normal(2, 3, 4),)),
    np.squeeze: (lambda x: np.squeeze(x, axis=1), (normal(3, 1),)),
    np.expand_dims: (lambda x: np.expand_dims(x, 0), (normal(3, 4),)),
    np.broadcast_to: (lambda x: np.broadcast_to(x, (3, 4)), (normal(4),)),
    np.take_along_axis: (lambda x: np.take_along_axis(x, np.array([[1], [1], [0]]), axis=1), (normal(3, 4),)),
    np.take: (lambda x: np.take(x, [0, 2, 2], axis=1), (normal(3, 4),)),
    np.concatenate: (lambda a, b: np.concatenate([a, b, a], axis=1), (normal(3, 2), normal(3, 1))),
    np.stack: (lambda a, b: np.stack([a, b, a]), (normal(3, 2), normal(3, 2, seed=1))),
    np.dot: (np.dot, (normal(3, 4), normal(4))),
    np.inner: (np.inner, (normal(3, 4), normal(2, 4))),
    np.outer: (np.outer, (normal(3), normal(4))),
}


@pytest.mark.parametrize("function", list(NUMPY_CASES), ids=lambda f: f.__name__)
def test_numpy_function_on_tensors_has_the_gradient_of_its_forward(function: Any) -> None:
    call, arrays = NUMPY_CASES[function]
    check(call, *arrays)


@pytest.mark.parametrize("function", list(NUMPY_CASES), ids=lambda f: f.__name__)
def test_numpy_function_on_tensors_has_the_value_that_numpy_gives(function: Any) -> None:
    call, arrays = NUMPY_CASES[function]
    on_tensors = call(*[keras.Variable(a, dtype="float64") for a in arrays])
    np.testing.assert_allclose(on_tensors.numpy(), call(*arrays), rtol=1e-14)


def test_every_numpy_function_with_a_gradient_is_checked() -> None:
    assert set(ops.NUMPY) <= set(NUMPY_CASES)


def test_numpy_functions_without_a_gradient_see_the_numbers() -> None:
    x = keras.Variable([[3.0, 1.0], [2.0, np.nan]])
    np.testing.assert_array_equal(np.isnan(x), [[False, False], [False, True]])
    np.testing.assert_array_equal(ops.argmax(x[:, :1], axis=0), [0])
    np.testing.assert_array_equal(ops.floor_divide(x, 2.0)[0], [1, 0])
    np.testing.assert_array_equal(np.where(x > 1.5, 1, 0), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(np.searchsorted(a=keras.Tensor(np.arange(4)), v=2), 2)


# --- as Keras has them -----------------------------------------------------------------------------------------------


def test_arguments_may_be_given_by_position_or_by_name() -> None:
    x = keras.Variable(normal(2, 3))
    assert ops.sum(x, 0).shape == ops.sum(x=x, axis=0).shape == (3,)
    assert ops.reshape(x, (3, 2)).shape == ops.reshape(x, newshape=(3, 2)).shape == (3, 2)
    assert ops.add(x1=x, x2=1.0).shape == ops.matmul(x, x2=normal(3, 3)).shape == (2, 3)
    for wrong in (lambda: ops.sum(x, 0, True, None, 5), lambda: ops.add(x), lambda: ops.relu(x, x=x)):
        with pytest.raises(TypeError, match=r"\("):
            wrong()


def test_ops_are_copied_and_pickled_by_name() -> None:
    for op in (ops.elu, ops.add, ops.absolute, ops.mod, ops.softmax):
        assert pickle.loads(pickle.dumps(op)) is copy.deepcopy(op) is op


def test_lists_numbers_and_tensors_are_taken() -> None:
    keras.config.set_floatx("float32")
    np.testing.assert_array_equal(ops.concatenate([[1, 2], [3]]), [1, 2, 3])
    np.testing.assert_allclose(ops.softmax([0.0, 0.0]), [0.5, 0.5])
    np.testing.assert_array_equal(ops.take([5, 6, 7], [0, 2]), [5, 7])
    joined = ops.convert_to_tensor([keras.Variable(1.0), keras.Variable(2.0)])
    assert isinstance(joined, keras.Tensor)
    assert ops.is_tensor(joined)
    assert not ops.is_tensor([1.0])
    assert ops.one_hot([[0, 2]], 3, axis=1).tolist() == [[[1, 0], [0, 0], [0, 1]]]
    assert ops.multi_hot([[0, 2], [1, 1]], 3).tolist() == [[1, 0, 1], [0, 1, 0]]
    assert ops.in_top_k([0, 1], [[0.1, 0.2, 0.3], [0.5, 0.5, 0.1]], 2).tolist() == [False, True]
    assert "argmax" in dir(ops)
    with pytest.raises(AttributeError, match="no function 'nonsense'"):
        _ = ops.nonsense


def test_loops_are_pythons_and_have_gradients() -> None:
    x = keras.Variable([1.0, 2.0, 3.0], dtype="float64")
    with keras.GradientTape(persistent=True) as tape:
        carry, rows = ops.scan(lambda c, row: (c * row, {"seen": c + row}), np.array(1.0), x)
        squares = ops.map(lambda row: row * row, x)
        product = ops.fori_loop(0, 3, lambda i, value: value * x[i], 1.0)
        count, power = ops.while_loop(lambda n, v: n < 3, lambda n, v: (n + 1, v * x[0]), (0, 1.0))
        chosen = ops.cond(x[0] > 5, lambda: x[0], lambda: x[1]) + ops.switch(7, [lambda v: v, lambda v: 2 * v], x[2])
    np.testing.assert_allclose(rows["seen"].numpy(), [2.0, 3.0, 5.0])
    for value in (carry, product):
        np.testing.assert_allclose(tape.gradient(value, x).numpy(), [6.0, 3.0, 2.0])
    np.testing.assert_allclose(tape.gradient(squares, x).numpy(), [2.0, 4.0, 6.0])
    assert (count, float(tape.gradient(power, x).numpy()[0])) == (3, 3.0)
    np.testing.assert_array_equal(tape.gradient(chosen, x).numpy(), [0.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("call", "error", "said"),
    [
        (lambda: ops.split(np.ones(5), 2), ValueError, "equal parts"),
        (lambda: ops.einsum("ii->i", np.ones((2, 2))), ValueError, "diagonal"),
        (lambda: ops.pad(np.ones(2), 1, mode="reflect", constant_values=1), ValueError, "constant_values"),
        (lambda: ops.where(np.ones(2), np.ones(2)), ValueError, "x1"),
        (lambda: ops.norm(np.ones((2, 2)), ord=3), ValueError, "fro"),
        (lambda: ops.normalize(np.ones(2), order=0.5), ValueError, "order"),
        (lambda: ops.one_hot([1], 2, sparse=True), ValueError, "sparse"),
        (lambda: ops.scatter_update(np.ones(2), [[0]], [1.0], reduction="max"), ValueError, "reduction"),
        (lambda: ops.categorical_crossentropy(np.ones((2, 3)), np.ones((2, 2))), ValueError, "same shape"),
        (lambda: ops.binary_crossentropy(np.ones(3), np.ones((3, 1))), ValueError, "same shape"),
        (lambda: ops.sparse_categorical_crossentropy(np.ones(3), np.ones((2, 3))), ValueError, "same shape"),
    ],
)
def test_wrong_calls_say_what_is_wrong(call: Callable[[], Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        call()


# --- activations -----------------------------------------------------------------------------------------------------


def test_relu_has_a_slope_a_threshold_and_a_largest_value() -> None:
    x = np.array([-4.0, -1.0, 0.0, 0.5, 2.0, 9.0])
    np.testing.assert_allclose(activations.relu(x, negative_slope=0.5), [-2, -0.5, 0, 0.5, 2, 9])
    np.testing.assert_allclose(activations.relu(x, max_value=6), [0, 0, 0, 0.5, 2, 6])
    np.testing.assert_allclose(activations.relu(x, threshold=1), [0, 0, 0, 0, 2, 9])
    np.testing.assert_allclose(activations.relu(x, 0.5, 6.0, 1.0), [-2.5, -1, -0.5, -0.25, 2, 6])


@pytest.mark.parametrize("name", sorted(activations.NAMED))
def test_activation_is_found_by_name_and_has_a_gradient(name: str) -> None:
    function = activations.get(name)
    assert activations.get(activations.serialize(function)) is activations.deserialize(function.__name__) is function
    arguments = {"threshold": 0.1, "default_value": -1.0} if name == "threshold" else {}
    assert check_gradients(lambda x: function(x, **arguments), normal(3, 4)) < 1e-6


def test_sparsemax_is_a_distribution_with_zeros() -> None:
    p = activations.sparsemax(np.random.default_rng(0).normal(size=(50, 7)) * 2)
    np.testing.assert_allclose(p.sum(axis=-1), 1)
    assert (p >= 0).all()
    assert (p == 0).any()


# --- the numerical check ---------------------------------------------------------------------------------------------


def test_a_wrong_gradient_is_found_and_its_place_is_named() -> None:
    @ops.op(lambda dy, y, x: np.where(x > 2, 2 * dy, dy))
    def wrong_above_two(x):  # type: ignore[no-untyped-def]
        return x + 0.0

    assert check_gradients(wrong_above_two, [[0.5, 1.0]]) < 1e-9
    with pytest.raises(AssertionError, match=r"inputs\[1\] is wrong at \(0, 2\).*2 times"):
        check_gradients(lambda a, b: a * wrong_above_two(b), [[1.0], [[0.5, 1.0, 3.0]]])


def test_the_check_refuses_what_it_cannot_check() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="two results"):
        check_gradients(lambda x: x * rng.random(), [1.0])
    with pytest.raises(TypeError, match="returned no Tensor"):
        check_gradients(lambda x: x.numpy(), [1.0])
    with pytest.raises(ValueError, match="float64"):
        check_gradients(lambda x: x, [keras.Variable([1.0], dtype="float32")])
    before = keras.config.floatx()
    layer = keras.layers.Dense(2, dtype="float64")
    layer.build((None, 3))
    weights = layer.get_weights()
    assert check_gradients(lambda x, *_: [layer(x), layer(2 * x)], [normal(4, 3), *layer.weights]) < 1e-9
    np.testing.assert_array_equal(weights[0], layer.get_weights()[0])
    assert keras.config.floatx() == before


REDUCTIONS = ["sum", "mean", "max", "min", "prod", "var", "std", "logsumexp", "any", "all", "median", "amax", "amin"]


@pytest.mark.parametrize("name", REDUCTIONS)
def test_axes_may_come_as_a_list(name: str) -> None:
    x, reduce = normal(2, 3, 4), getattr(ops, name)
    as_list, as_tuple = (backend.to_numpy(reduce(x, axis=axes)) for axes in ([0, 2], (0, 2)))
    np.testing.assert_array_equal(as_list, as_tuple)
    if name not in ("any", "all"):
        check(lambda x: reduce(x, axis=[0, 2], keepdims=True), x)
