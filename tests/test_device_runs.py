"""Every recorded run of Keras again, on arrays as strict as those of a GPU: same numbers, nothing crosses unasked."""

from collections.abc import Iterator

import pytest
from keras_runs.parity import TOLERANCES, floats, precisions, replay
from keras_runs.scenarios import SCENARIOS, TOPICS
from keras_runs.store import differences, load
from strict_array import strict_device

import minifit as keras

RECORDED = {name: run for topic in TOPICS for name, run in load(topic).items()}


@pytest.fixture(autouse=True)
def device() -> Iterator[None]:
    with floats(keras, "float64"), strict_device(kernels=False):
        yield


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("name", "floatx"), [(name, floatx) for name in SCENARIOS for floatx in precisions(name)])
def test_run_on_the_device_equals_the_recorded_one(name: str, floatx: str) -> None:
    recorded = RECORDED[name]
    found = [line for line, _ in differences(replay(keras, name, floatx, recorded), recorded, TOLERANCES[floatx])]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])
