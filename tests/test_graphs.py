"""Ops in drawn graphs: each is one call there, under Keras' name, and is written into files as Keras writes it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import ops

X, Y = np.random.default_rng(7).normal(size=(2, 3, 4)).astype("float32")

#: What is drawn -> the name, and the class in Keras' files.
DRAWN: dict[str, tuple[Callable[[Any, Any], Any], str]] = {
    "a sum": (lambda x, y: x + y, "Add"),
    "a constant first": (lambda x, y: 1 - x, "Subtract"),
    "an array beside": (lambda x, y: x * np.arange(4, dtype="float32"), "Multiply"),
    "a quotient": (lambda x, y: x / y, "TrueDivide"),
    "a remainder": (lambda x, y: x % 2, "Mod"),
    "a whole quotient": (lambda x, y: x // 0.5, "FloorDivide"),
    "a power": (lambda x, y: x**2, "Power"),
    "rows and columns": (lambda x, y: x[:, None, 1:3], "GetItem"),
    "a comparison": (lambda x, y: x > 0, "Greater"),
    "both": (lambda x, y: (x > 0) & (y > 0), "LogicalAnd"),
    "the opposite": (lambda x, y: ~(x > 0), "LogicalNot"),
    "equality": (lambda x, y: ops.equal(x, y), "Equal"),
    "a mean": (lambda x, y: ops.mean(x, -1), "Mean"),
    "a variance": (lambda x, y: ops.var(x, axis=1), "Var"),
    "one after another": (lambda x, y: ops.concatenate([x, y], axis=1), "Concatenate"),
    "a choice": (lambda x, y: ops.where(x > 0, x, y), "Where"),
    "a type": (lambda x, y: ops.cast(x, "int32"), "Cast"),
    "letters": (lambda x, y: ops.einsum("bi,bi->b", x, y), "Einsum"),
    "a norm": (lambda x, y: ops.norm(x, axis=-1), "Norm"),
    "places": (lambda x, y: ops.argmax(x, -1), "Argmax"),
    "the largest": (lambda x, y: ops.top_k(x, 2)[0], "TopK"),
    "one of several": (lambda x, y: ops.split(x, 2, axis=1)[1], "Split"),
    "backwards": (lambda x, y: ops.flip(x, axis=1), "Flip"),
    "an activation": (lambda x, y: ops.gelu(x), "Gelu"),
    "a shape": (lambda x, y: ops.reshape(x, (-1, 2, 2)), "Reshape"),
    "no gradient": (lambda x, y: ops.stop_gradient(x), "StopGradient"),
    "NumPy's own": (lambda x, y: np.round(x), "Round"),
    "zeros": (lambda x, y: ops.zeros_like(x), "ZerosLike"),
}


@pytest.mark.parametrize("what", DRAWN)
def test_an_op_in_a_graph_is_one_call_and_comes_back_from_a_file(what: str, tmp_path: Path) -> None:
    function, called = DRAWN[what]
    keras.clear_session()
    x, y = keras.Input((4,)), keras.Input((4,))
    model = keras.Model([x, y], function(x, y))
    described = model.get_config()["layers"][-1]
    assert described["class_name"] == called
    assert described["module"].startswith("keras.src.ops.")
    assert described["config"]["name"] == model.output_names[0]
    json.dumps(described)
    expected = ops.convert_to_numpy(function(keras.Tensor(X), keras.Tensor(Y)))
    given = model.predict_on_batch([X, Y])
    np.testing.assert_allclose(given, expected, rtol=1e-6)
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "m.keras").predict_on_batch([X, Y]), given)


def test_outputs_that_are_ops_are_logged_under_their_names() -> None:
    keras.clear_session()
    x = keras.Input((4,))
    hidden = keras.layers.Dense(4)(x)
    model = keras.Model(x, [ops.concatenate([hidden, x]), x[:, 0] / 2])
    assert model.output_names == ["concatenate", "true_divide"]


def test_symbols_are_equal_to_themselves_alone() -> None:
    x, y = keras.Input((4,)), keras.Input((4,))
    assert x == x
    assert (x == y) is False
    assert x != y
    assert y in [x, y]
    assert ops.shape(x) == (None, 4)
    for number in (float, int):
        with pytest.raises(ValueError, match="symbolic"):
            number(x)


def test_an_op_of_keras_that_is_not_there_is_named() -> None:
    x = keras.Input((4,))
    config = keras.Model(x, ops.exp(x)).get_config()
    config["layers"][-1] |= {"class_name": "Cholesky", "module": "keras.src.ops.linalg"}
    with pytest.raises(ValueError, match="Cholesky"):
        keras.Model.from_config(config)


def test_an_op_of_several_keeps_its_gradient_in_a_graph() -> None:
    x = keras.Input((4,))
    hidden = keras.layers.Dense(3)(x)
    model = keras.Model(x, ops.logsumexp(hidden, axis=-1, keepdims=True) + ops.std(hidden, axis=1, keepdims=True))
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_weights()
    model.fit(X, np.ones((3, 1)), verbose=0)
    assert not any(map(np.array_equal, before, model.get_weights()))
