"""Ops taken apart into NumPy's calls: the same bits, nothing disturbed, and left alone where that cannot be."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit import ops
from minifit.inlining import Note, inlined
from minifit.ops.op import constant, noted
from minifit.recording import Recording

rng = np.random.default_rng(7)
X = rng.normal(size=(6, 4)).astype("float32")
K = rng.normal(size=(4, 3)).astype("float32")
B = rng.normal(size=3).astype("float32")


def notes_of(function: Any) -> tuple[list[Note], Any]:
    with Recording() as recording:
        result = function()
    return recording.notes, result


def names(notes: list[Note]) -> list[str]:
    return [name for name, function, *_ in notes if function is not constant]


def repeat(notes: list[Note], result: Any) -> Any:
    """Carry notes out on arrays of their own; what the last of them gives."""
    now: dict[int, Any] = {}

    def known(x: Any) -> Any:
        if type(x) in (list, tuple):
            return type(x)(map(known, x))
        return now.get(id(x), x)

    for _, function, args, options, made in notes:
        if function is constant:
            continue
        given = function(*map(known, args), **{key: known(x) for key, x in options.items()})
        now[id(made)] = given
    return now[id(result)]


def test_an_op_becomes_what_it_calls() -> None:
    notes, y = notes_of(lambda: ops.dense(X, K, B, relu=True))
    assert names(notes) == ["dense"]
    made = inlined(notes, [y])
    assert names(made) == ["dot", "add", "maximum"]
    assert made[1][3]["out"] is made[2][3]["out"] is made[2][4] is y
    np.testing.assert_array_equal(repeat(made, y), np.maximum(X @ K + B, 0))


def test_the_notes_that_went_in_stay_as_they_were() -> None:
    notes, y = notes_of(lambda: ops.dense(X, K, B))
    before, value = [*notes], y.copy()
    inlined(notes, [y])
    assert notes == before
    np.testing.assert_array_equal(y, value)


def test_an_op_that_looks_at_values_stays() -> None:
    def clipped(x: Any) -> Any:
        return x * 2 if x.max() > 0 else x

    notes, y = notes_of(lambda: noted(clipped, X))
    assert inlined(notes, [y]) == notes


@pytest.mark.parametrize(
    "look",
    [bool, len, list, np.asarray, lambda x: float(x[0]), lambda x: int(x[0]), lambda x: x.tolist(), np.ndarray.max],
)
def test_what_leaves_a_stand_in_is_known_or_refused(look: Any) -> None:
    x = X[:1, 0]

    def peek(x: Any) -> Any:
        look(x)
        return x + 1

    notes, y = notes_of(lambda: noted(peek, x))
    assert names(inlined(notes, [y])) == (["add"] if look is len else ["peek"])


def test_random_numbers_are_drawn_anew() -> None:
    draw = np.random.default_rng(0)

    def noisy(x: Any) -> Any:
        return x + draw.normal(size=x.shape).astype("float32")

    notes, y = notes_of(lambda: noted(noisy, X))
    assert inlined(notes, [y]) == notes  # the second time gives other numbers
    layer = keras.layers.Dropout(0.5, seed=1)
    notes, y = notes_of(lambda: layer(keras.Tensor(X), training=True).value)
    assert names(inlined(notes, [y])) == ["_mask", "multiply"]


def test_methods_of_objects_stay_for_they_may_have_a_state() -> None:
    class Counter:
        count = 0

        def add(self, x: Any) -> Any:
            self.count += 1
            return x + 1

    counter = Counter()
    notes, y = notes_of(lambda: noted(counter.add, X))
    assert inlined(notes, [y]) == notes
    assert counter.count == 1


def test_what_an_op_writes_into_is_as_it_was() -> None:
    room = np.empty_like(K)

    def product(x: Any, out: Any) -> Any:
        return np.dot(x.T, x[:, :3], out=out)

    notes, y = notes_of(lambda: noted(product, X, out=room))
    value = room.copy()
    made = inlined(notes, [y], [room])
    assert y is room
    assert "dot" in names(made)
    np.testing.assert_array_equal(room, value)

    def half(x: Any, out: Any) -> Any:
        out[...] = 0
        out += float(x[0, 0])  # here it can be followed no further, and something was written
        return out

    notes, y = notes_of(lambda: noted(half, X, out=room))
    value = room.copy()
    assert inlined(notes, [y], [room]) == notes
    np.testing.assert_array_equal(room, value)


def test_an_op_that_changes_what_it_was_given_stays() -> None:
    x = X.copy()

    def doubled(x: Any) -> Any:
        x *= 2
        return x + 1

    notes, y = notes_of(lambda: noted(doubled, x))
    value = x.copy()
    assert inlined(notes, [y]) == notes
    np.testing.assert_array_equal(x, value)


def test_what_is_the_same_at_every_step_is_computed_once() -> None:
    one, x = constant(np.ones(4, "float32")), X

    def step() -> Any:
        scale = noted(np.multiply, constant(one), 2.0)
        return ops.add(ops.multiply(x, scale), ops.multiply(x, scale))

    notes, y = notes_of(step)
    made = inlined(notes, [y])
    assert len(names(notes)) == 4
    assert names(made) == ["multiply", "add"]
    np.testing.assert_array_equal(repeat(made, y), 4 * X)


def test_what_nobody_reads_is_not_computed() -> None:
    notes, (_, y) = notes_of(lambda: (ops.exp(X), ops.square(X)))
    assert names(inlined(notes, [y])) == ["square"]


def test_what_is_written_to_is_not_computed_only_once() -> None:
    """Two equal calls, but between them their argument changed."""
    room = np.zeros(3, "float32")
    notes: list[Note] = []
    for value in (1.0, 2.0):
        notes.append(("setitem", operator.setitem, (room, ..., value), {}, None))
        notes.append(("negative", np.negative, (room,), {}, np.negative(np.full(3, value, "float32"))))
    total = notes[1][4] + notes[3][4]
    notes.append(("add", np.add, (notes[1][4], notes[3][4]), {}, total))
    made = inlined(notes, [total], [room])
    assert names(made).count("negative") == 2
    np.testing.assert_array_equal(repeat(made, total), [-3.0, -3.0, -3.0])


def test_views_of_what_stays_are_made_once() -> None:
    w = keras.Variable(K)
    notes, y = notes_of(lambda: noted(lambda x, k: np.dot(x, k.T), X[:, :3], w.value))
    made = inlined(notes, [y], [w.value])
    assert names(made) == ["dot"]
    (view,) = [result for _, function, args, _, result in made if function is constant and args[:1] == ("transpose",)]
    assert np.shares_memory(view, w.value)


def test_what_leaves_the_step_is_an_array_of_its_own() -> None:
    w = keras.Variable(K, name="w")
    with Recording() as recording:
        hidden = ops.matmul(X, w)
        y = ops.tanh(hidden * 2.0)
    step, source = recording.as_function({"x": X}, [w], [y.value])
    assert "b0" in source
    first = step(X)
    kept = first.copy()
    assert not np.shares_memory(first, step(2 * X))
    np.testing.assert_array_equal(first, kept)
    np.testing.assert_array_equal(first, y.value)


def test_a_variable_is_read_anew_even_if_it_is_a_single_number() -> None:
    scale = keras.Variable([[2.0]], name="scale")
    keras.optimizers.SGD().build([scale])  # from now on it is a view of a vector
    with Recording() as recording:
        y = ops.multiply(X, ops.transpose(scale))
    step, _ = recording.as_function({"x": X}, [scale], [y.value])
    scale.assign([[5.0]])
    np.testing.assert_array_equal(step(X), X * np.float32(5))


def test_memory_that_is_free_is_written_to_again() -> None:
    w = keras.Variable(K, name="w")

    def chain(x: Any) -> Any:
        for _ in range(5):
            x = ops.maximum(ops.matmul(ops.matmul(x, w), np.transpose(w)), 0.5) * 0.1
        return x

    with Recording() as recording:
        y = chain(keras.Tensor(X))
    step, source = recording.as_function({"x": X}, [w], [y.value])
    assert "b1" in source
    assert "b4" not in source
    other = rng.normal(size=X.shape).astype("float32")
    np.testing.assert_array_equal(step(other), chain(keras.Tensor(other)).value)
