"""The strict array does what CuPy does: the outcomes of `strict_cases` were recorded with the real one."""

import json

import numpy as np
import pytest
from strict_array import BROUGHT, CUPY, FETCHED, DeviceArray, Refused, StrictModule, strict_device
from strict_cases import FILE, cases, outcomes

from minifit import backend

RECORDED = json.loads(FILE.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def found() -> dict[str, str]:
    return outcomes(StrictModule(kernels=False))


@pytest.mark.parametrize("name", RECORDED["outcomes"])
def test_outcome_is_that_of_cupy(found: dict[str, str], name: str) -> None:
    assert found[name] == RECORDED["outcomes"][name]


def test_every_case_is_recorded_and_of_the_version_whose_signatures_are_known() -> None:
    assert set(cases(StrictModule(kernels=False))) == set(RECORDED["outcomes"])
    assert RECORDED["version"] == CUPY["version"]


def test_what_crosses_is_counted() -> None:
    with strict_device(kernels=False) as module:
        x = module.asarray(np.ones(3, "float32"))
        assert (FETCHED, BROUGHT) == ([], [12])
        y = x * 2 + np.exp(x).sum()
        assert (FETCHED, BROUGHT) == ([], [12])
        float(y[0])
        bool(y[0] > 1)
        y.get()
        x[x > 0]
        np.unique(x)
        assert FETCHED == ["float", "bool", "get", "mask", "unique"]
        x[np.array([0, 1])]
        assert BROUGHT == [12, 16]


def test_the_device_is_given_back() -> None:
    before = backend.xp()
    with strict_device(), pytest.raises(Refused):
        np.asarray(backend.asarray([1.0]))
    assert backend.xp() is before
    assert type(backend.asarray([1.0])) is not DeviceArray
