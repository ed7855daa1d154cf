"""minifit repeats every recorded run of real Keras, to 1e-10 in float64 and to 1e-5 in float32.

``keras_runs/scenarios.py`` holds the runs as code that serves both, ``keras_runs/record.py`` records them again,
``keras_runs/parity.py`` prints how far apart they are.
"""

from collections.abc import Iterator

import numpy as np
import pytest
from keras_runs.exchange import FILE, WHOLE, model_to_exchange, trained_on
from keras_runs.parity import ONLY_DOUBLE, TOLERANCES, floats, precisions, replay
from keras_runs.scenarios import SCENARIOS, TOPICS
from keras_runs.store import differences, encode, load

import minifit as keras

TOLERANCE = TOLERANCES["float64"]
"""Relative and absolute: ``|minifit - Keras| <= 1e-10 * (1 + |Keras|)``."""

RECORDED = {name: run for topic in TOPICS for name, run in load(topic).items()}


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    """The runs are in double precision; what comes after them is not."""
    with floats(keras, "float64"):
        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "floatx"), [(name, floatx) for name in SCENARIOS for floatx in precisions(name)])
def test_run_equals_the_recorded_one(name: str, floatx: str) -> None:
    recorded = RECORDED[name]
    found = [line for line, _ in differences(replay(keras, name, floatx, recorded), recorded, TOLERANCES[floatx])]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


def test_every_run_that_is_compared_in_double_precision_alone_is_there() -> None:
    assert [start for start in ONLY_DOUBLE if not any(name.startswith(start) for name in SCENARIOS)] == []


def test_weights_that_keras_saved_are_loaded() -> None:
    pytest.importorskip("h5py")
    model, expected = model_to_exchange(keras, seed=0), model_to_exchange(keras)
    model.load_weights(FILE)
    for loaded, saved in zip(model.get_weights(), expected.get_weights(), strict=True):
        np.testing.assert_array_equal(loaded, saved)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_model_that_keras_saved_trains_on_to_the_same_numbers(kind: str) -> None:
    pytest.importorskip("h5py")
    outputs = encode(trained_on(keras.saving.load_model(WHOLE[kind])))
    expected = RECORDED[f"callbacks.a_model_saved_with_its_optimizer_trains_on_to_the_same_numbers[{kind}]"]
    found = [line for line, _ in differences(outputs, expected, TOLERANCE)]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


def test_every_scenario_has_a_record_and_every_record_a_scenario() -> None:
    assert set(SCENARIOS) == set(RECORDED), "run python tests/keras_runs/record.py"


def test_comparison_tells_kinds_orders_and_values_apart() -> None:
    def different(got: object, expected: object) -> bool:
        return bool(list(differences(encode(got), encode(expected), TOLERANCE)))

    nan = float("nan")
    assert not different({"a": [1.0, nan]}, {"a": [1.0 + 1e-11, nan]})
    assert different(1.0, 1)
    assert different({"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0})
    assert different([1.0], [1.0, 2.0])
    assert different(1.0, 1.0 + 1e-9)
    assert different(nan, 1.0)
    assert different(np.zeros(2), [0.0, 0.0])
    assert different(np.zeros(2, "float32"), np.zeros(2))
    assert different(np.zeros((2, 1)), np.zeros(2))
    assert different(None, 0.0)
    with pytest.raises(TypeError, match="float32"):
        encode({"loss": np.float32(1.0)})
