"""The references of notebook 08 are the engine's metrics, number for number, and its line is the one Keras printed."""

import numpy as np
import pytest

import minifit as keras
from autograder.exercise import get


def reference(name):
    return get(f"metrics.{name}").reference


rng = np.random.default_rng(5)
SIZES = rng.integers(1, 41, size=31)
BITS = [(rng.integers(0, 2, size=n), rng.uniform(size=n)) for n in SIZES]
CLASSES = [(rng.integers(0, 7, size=(n, 1)), rng.normal(size=(n, 7))) for n in SIZES]
BATCHES = {
    "Mean": [(values,) for _, values in BITS],
    "SparseCategoricalAccuracy": CLASSES,
    "BinaryAccuracy": BITS,
    "Precision": BITS,
}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", BATCHES)
def test_every_running_result_is_that_of_the_engine(name, weighted):
    keras.config.set_floatx("float64")
    try:
        ours, theirs = reference(name)(), getattr(keras.metrics, name)()
        assert ours.result() == float(theirs.result()) == 0.0
        for batch in BATCHES[name]:
            weights = rng.uniform(0, 3, size=len(batch[-1])) if weighted else None
            ours.update(*batch, sample_weight=weights)
            theirs.update_state(*batch, sample_weight=weights)
            assert ours.result() == pytest.approx(float(theirs.result()), rel=1e-14)
            assert type(ours.result()) is float
        ours.reset()
        assert ours.result() == 0.0
    finally:
        keras.config.set_floatx("float32")


def test_a_loss_is_taken_in_with_the_size_of_its_batch():
    mean = reference("Mean")()
    for loss, n in ((3.0, 32), (1.0, 7)):
        mean.update(loss, sample_weight=n)
    assert mean.result() == (3 * 32 + 7) / 39


def test_the_line_is_the_one_that_keras_printed():
    logs = {"loss": 0.9219719399962164, "accuracy": 0.9034776437189496}
    assert reference("format_logs")(logs) == "accuracy: 0.9035 - loss: 0.9220"
    # Recorded from the progress bar of Keras 3.15.1.
    small = {"lr": 0.00012345, "loss": 0.001, "accuracy": 0.0, "zz": -0.5}
    assert reference("format_logs")(small) == "accuracy: 0.0000e+00 - loss: 1.0000e-03 - lr: 1.2345e-04 - zz: -0.5000"
