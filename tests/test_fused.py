"""A rule written down as one loop changes every number as the rule itself does, to the last bit."""

from __future__ import annotations

import importlib.util
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import minifit as keras
from minifit.optimizers import fused

RULES = {
    "sgd": keras.optimizers.SGD(0.1),
    "momentum": keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True),
    "rmsprop": keras.optimizers.RMSprop(0.01),
    "centred rmsprop": keras.optimizers.RMSprop(0.01, momentum=0.5, centered=True),
    "adam": keras.optimizers.Adam(0.01),
    "amsgrad": keras.optimizers.Adam(0.01, amsgrad=True),
    "adamw": keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "adamax": keras.optimizers.Adamax(0.01),
    "nadam": keras.optimizers.Nadam(0.01),
    "adagrad": keras.optimizers.Adagrad(0.01),
    "adadelta": keras.optimizers.Adadelta(1.0),
    "lion": keras.optimizers.Lion(0.001),
}
needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="numba is not installed")


def stepped(optimizer: Any, n: int, floatx: str) -> list[np.ndarray]:
    """All that the optimizer knows after five steps from given gradients."""
    rng = np.random.default_rng(4)
    weight = keras.Variable(rng.normal(size=n), dtype=floatx)
    fresh = type(optimizer).from_config(optimizer.get_config())
    for _ in range(5):
        fresh.apply([rng.normal(size=n).astype(floatx)], [weight])
    return [weight.numpy(), *(v.numpy() for v in fresh.variables)]


def assert_equal(a: list[np.ndarray], b: list[np.ndarray]) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.fixture
def interpreted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The loops run by Python itself in the place of numba; gives the names of the rules' loops that ran."""
    ran: list[str] = []

    def njit(loop: Any, **options: Any) -> Any:
        def run(*arguments: Any) -> None:
            ran.append(loop.__name__)
            loop(*arguments)

        return run

    monkeypatch.setitem(sys.modules, "numba", SimpleNamespace(njit=njit))
    monkeypatch.setattr(fused, "_numba_is_there", lambda: True)
    monkeypatch.setattr(fused, "_WORTH_IT", 1)
    fused._compiled.cache_clear()
    yield ran
    fused._compiled.cache_clear()


@pytest.mark.parametrize("floatx", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", RULES.values(), ids=RULES)
def test_the_loop_is_the_rule(optimizer: Any, floatx: str, interpreted: list[str], monkeypatch: Any) -> None:
    found = stepped(optimizer, 40, floatx)
    assert len(interpreted) == 5
    monkeypatch.setattr(fused, "_numba_is_there", lambda: False)
    assert_equal(found, stepped(optimizer, 40, floatx))


def test_what_cannot_be_written_down_is_done_by_the_rule(interpreted: list[str], monkeypatch: Any) -> None:
    ftrl = keras.optimizers.Ftrl(0.1, l1_regularization_strength=0.01)
    found = stepped(ftrl, 40, "float32")
    assert not interpreted
    monkeypatch.setattr(fused, "_numba_is_there", lambda: False)
    assert_equal(found, stepped(ftrl, 40, "float32"))


@needs_numba
@pytest.mark.parametrize("optimizer", RULES.values(), ids=RULES)
def test_numba_computes_the_same_bits(optimizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = stepped(optimizer, 20_001, "float32")
    monkeypatch.setattr(fused, "_numba_is_there", lambda: False)
    assert_equal(found, stepped(optimizer, 20_001, "float32"))
