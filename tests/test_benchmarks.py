"""The benchmarks run, say what is missing, and describe their models rightly."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import minifit as keras
from benchmarks.__main__ import main
from benchmarks.engines.keras_api import build
from benchmarks.workloads import GROWTH, WORKLOADS, workload_named

SMALL = "small b32"


def test_a_run_leaves_figures_of_each_engine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["steps", "--engines", "minifit", "floor", "--workloads", SMALL, "--rounds", "1", "--out", str(tmp_path)])
    result = json.loads((tmp_path / "steps.json").read_text())
    assert set(result["found"][SMALL]) == {"minifit", "floor"}
    assert result["found"][SMALL]["floor"]["cpu"] < result["found"][SMALL]["minifit"]["cpu"] < 0.1
    assert result["machine"]["numpy"] in capsys.readouterr().out


@pytest.mark.skipif(importlib.util.find_spec("tinygrad") is not None, reason="tinygrad is installed")
def test_a_missing_peer_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["steps", "--engines", "tinygrad", "--workloads", SMALL, "--rounds", "1", "--out", str(tmp_path)])
    assert "not installed (tinygrad)" in capsys.readouterr().out


def test_an_unknown_workload_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["steps", "--workloads", "smal b32"])
    assert "unknown workloads: smal b32" in capsys.readouterr().err


@pytest.mark.parametrize("name", [w.name for w in (*WORKLOADS.values(), *GROWTH["width"], *GROWTH["depth"])])
def test_the_limit_counts_the_parameters_that_the_model_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_ENGINE", "minifit")
    workload = workload_named(name)
    engine, model = build(workload)
    assert engine is keras
    beside = sum(w.size for layer in model.layers if "norm" in layer.name for w in layer.weights)
    assert workload.parameters == model.count_params() - beside
