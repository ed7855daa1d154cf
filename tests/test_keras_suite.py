"""Keras' own tests of the small areas; `python -m tests.keras_suite` runs them all and says which fail."""

import importlib.util

import pytest

from tests.keras_suite.__main__ import in_a_process
from tests.keras_suite.scope import AREAS

#: How many tests of an area have passed: there may be more of them, never fewer.
PASSED = {"constraints": 17, "schedules": 35}

needed = [name for name in ("keras", "absl") if importlib.util.find_spec(name) is None]


@pytest.mark.skipif(bool(needed), reason=f"needs {' and '.join(needed)}: Keras brings the tests")
@pytest.mark.parametrize("area", PASSED)
def test_no_test_of_keras_that_passed_is_lost(area: str) -> None:
    outcomes = in_a_process(AREAS[area])
    failed = [f"{outcome.test}: {outcome.why}" for outcome in outcomes if outcome.verdict == "failed"]
    assert failed == []
    assert sum(outcome.verdict == "passed" for outcome in outcomes) >= PASSED[area]
