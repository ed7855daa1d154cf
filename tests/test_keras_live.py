"""minifit and real Keras side by side, where Keras is installed: the scenarios of ``keras_runs``, run by both now.

``KERAS_BACKEND`` chooses the backend, as for Keras itself; without it torch or JAX is taken, whichever is there.
"""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_runs.exchange import model_to_exchange
from keras_runs.real_keras import choose_backend, keras_in_float64
from keras_runs.scenarios import SCENARIOS
from keras_runs.store import differences, encode

import minifit

TOLERANCE = 1e-10

BACKEND = choose_backend()
if BACKEND is None or importlib.util.find_spec(BACKEND) is None:
    pytest.skip("needs Keras and a backend for it: pip install keras torch", allow_module_level=True)

KNOWN = {
    "tensorflow": {
        "losses.saturated_probabilities_are_clipped_and_give_no_gradient": "keeps logits behind a probability",
        "losses.outputs_that_do_not_sum_to_one_are_normalised_first": "keeps logits behind a probability",
    }
}
"""What a backend does differently from the others, as the start of a scenario's name, and why."""


@pytest.fixture(scope="module")
def keras() -> Any:
    return keras_in_float64()


@pytest.fixture(autouse=True)
def float64() -> Iterator[None]:
    before = minifit.config.floatx()
    minifit.config.set_floatx("float64")
    yield
    minifit.config.set_floatx(before)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", list(SCENARIOS))
def test_run_equals_keras_run_now(keras: Any, name: str) -> None:
    for start, why in KNOWN.get(BACKEND or "", {}).items():
        if name.startswith(start):
            pytest.skip(f"Keras on {BACKEND} {why}")
    expected = encode(SCENARIOS[name](keras))
    got = encode(SCENARIOS[name](minifit))
    found = [line for line, _ in differences(got, expected, TOLERANCE)]
    assert not found, f"{len(found)} differences, first: " + "; ".join(found[:3])


def test_keras_loads_the_weights_that_minifit_saved_and_the_other_way_round(keras: Any, tmp_path: Path) -> None:
    pytest.importorskip("h5py")
    for writer, reader in ((minifit, keras), (keras, minifit)):
        path = tmp_path / f"{writer.__name__}.weights.h5"
        saved, loaded = model_to_exchange(writer), model_to_exchange(reader, seed=0)
        saved.save_weights(path)
        loaded.load_weights(path)
        for one, other in zip(saved.get_weights(), loaded.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
