"""The references of notebook 07 are the engine's optimizers, number for number; the facts its prose rests on."""

import numpy as np
import pytest

import minifit as keras
from autograder.exercise import get


def reference(name):
    return get(f"optimizers.{name}").reference


@pytest.fixture(autouse=True)
def float64():
    keras.config.set_floatx("float64")
    yield
    keras.config.set_floatx("float32")


rng = np.random.default_rng(7)
START, GRADIENTS = rng.normal(size=(7, 3)), rng.normal(size=(40, 7, 3))
ADAM = (0.01, 0.9, 0.999, 1e-7)


def adamw(t, w, g, m, v):
    return reference("adam_step")(reference("decoupled_weight_decay")(w, 0.01, 0.04), g, m, v, t, *ADAM)


RULES = {
    "momentum_step": (1, lambda t, w, g, v: reference("momentum_step")(w, g, v, 0.01, 0.9)),
    "nesterov_step": (1, lambda t, w, g, v: reference("nesterov_step")(w, g, v, 0.01, 0.9)),
    "rmsprop_step": (1, lambda t, w, g, v: reference("rmsprop_step")(w, g, v, 0.01, 0.9, 1e-7)),
    "adam_step": (2, lambda t, w, g, m, v: reference("adam_step")(w, g, m, v, t, *ADAM)),
    "decoupled_weight_decay": (2, adamw),
}
ENGINES = {
    "momentum_step": lambda: keras.optimizers.SGD(0.01, 0.9),
    "nesterov_step": lambda: keras.optimizers.SGD(0.01, 0.9, True),
    "rmsprop_step": lambda: keras.optimizers.RMSprop(0.01),
    "adam_step": lambda: keras.optimizers.Adam(0.01),
    "decoupled_weight_decay": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.04),
}


@pytest.mark.parametrize("name", RULES)
def test_forty_steps_are_those_of_the_engine(name):
    slots, rule = RULES[name]
    w, memory, optimizer = START, [np.zeros_like(START)] * slots, ENGINES[name]()
    theirs = keras.Variable(START)
    for t, g in enumerate(GRADIENTS, 1):
        w, *memory = rule(t, w, g, *memory)
        optimizer.apply([g], [theirs])
    np.testing.assert_allclose(w, theirs.numpy(), rtol=0, atol=1e-13)


def test_the_class_steps_as_the_engine_on_several_arrays_and_follows_a_changed_rate():
    shapes = [(5, 3), (3,), (3, 3), (3,)]
    ours = [rng.normal(size=shape) for shape in shapes]
    theirs = [keras.Variable(w) for w in ours]
    adam, engine = reference("Adam")(0.05), keras.optimizers.Adam(0.05)
    for t in range(20):
        if t == 10:
            adam.learning_rate = engine.learning_rate = 0.005
        gradients = [rng.normal(size=shape) for shape in shapes]
        adam.apply(gradients, ours)
        engine.apply(gradients, theirs)
    assert adam.iterations == int(engine.iterations) == 20
    for w, v in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(w, v.numpy(), rtol=0, atol=1e-13)


def test_uncorrected_steps_are_longest_at_the_twelfth():
    m = v = np.zeros(1)
    lengths = []
    for _ in range(4000):  # step 10**6 turns the correction off
        w, m, v = reference("adam_step")(np.zeros(1), np.ones(1), m, v, 10**6, 1.0, 0.9, 0.999, 1e-12)
        lengths.append(-float(w[0]))
    assert int(np.argmax(lengths)) == 11
    assert [round(lengths[i], 2) for i in (0, 11, 999)] == [3.16, 6.57, 1.26]


@pytest.mark.parametrize(("degrees", "steps"), [(0, 122), (45, 1397)])
def test_adam_needs_more_steps_in_a_turned_ravine(degrees, steps):
    a = np.deg2rad(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    w, m, v = turn @ [1.0, 1.0], np.zeros(2), np.zeros(2)
    far = []
    for t in range(1, 2001):
        far.append(np.linalg.norm(w) > np.sqrt(2) / 1000)
        w, m, v = reference("adam_step")(w, turn @ ([100.0, 1.0] * (turn.T @ w)), m, v, t, 0.03, 0.9, 0.999, 1e-7)
    assert int(np.flatnonzero(far)[-1]) + 1 == steps
