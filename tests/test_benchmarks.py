"""The benchmarks run, say what is missing, and describe their models rightly."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

import minifit as keras
from benchmarks.__main__ import main
from benchmarks.engines import ENGINES, on_gpu
from benchmarks.engines.keras_api import build
from benchmarks.gpu import TARGETS, bytes_moved, verdicts
from benchmarks.workloads import GROWTH, ON_GPU, WORKLOADS, workload_named

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


@pytest.mark.parametrize(
    "name", [w.name for w in (*WORKLOADS.values(), *ON_GPU.values(), *GROWTH["width"], *GROWTH["depth"])]
)
def test_the_limit_counts_the_parameters_that_the_model_has(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_ENGINE", "minifit")
    workload = workload_named(name)
    engine, model = build(workload)
    assert engine is keras
    beside = sum(w.size for layer in model.layers if "norm" in layer.name for w in layer.weights)
    assert workload.parameters == model.count_params() - beside


# --------------------------------------------------------------------------- on a GPU


def test_without_a_gpu_one_line_says_what_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert main(["gpu", "--out", str(tmp_path)]) == 2
    told = capsys.readouterr().err
    assert told.startswith('No GPU to measure: The device "gpu"')
    assert told.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_the_same_ways_are_taken_on_a_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engines = ["minifit, data there", "minifit", "torch-graph"]
    order = ["gpu", "--device", "cpu", "--rounds", "1", "--workloads", "classic b32", "--out", str(tmp_path)]
    assert main([*order, "--engines", *engines]) == 0
    result = json.loads((tmp_path / "gpu-in-small.json").read_text())
    found = result["found"]["classic b32"]
    assert set(found) == {*engines, "aims"}
    assert 0 < found["minifit"]["wall"] < 1
    assert found["aims"] == {"told": []}  # a processor meets and misses nothing
    if importlib.util.find_spec("torch") is None:
        assert "not installed (torch)" in capsys.readouterr().out


def test_aims_are_met_or_missed_or_not_measured() -> None:
    times = {"minifit, data there": 6.0, "keras-jax": 10.0, "keras-torch": 20.0, "gpu floor": 4.0}
    found = {name: {"wall": time} for name, time in times.items()}
    (line,) = verdicts("gpu: classic b32", found)
    assert line == "  aim: at most 0.7 x Keras' best: 0.60 x keras-jax, met"
    assert [line.rpartition(", ")[2] for line in verdicts("gpu: wide b4096", found)] == ["met", "missed"]
    found["gpu floor"] = {"missing": "sees no GPU"}
    assert verdicts("gpu: wide b4096", found)[1].endswith("not measured")
    assert verdicts("gpu: text b32", found) == []
    assert {name for name, _, _ in TARGETS} <= set(ON_GPU)


def test_bytes_that_a_step_has_to_move() -> None:
    # Adam reads g, w, m and v and writes w, m and v; the batch is read and written.
    assert bytes_moved(ON_GPU["gpu: classic b32"]) == 4 * (7 * 101_770 + 2 * 32 * 784)


@pytest.mark.parametrize("tf32", [True, False])
def test_products_mean_the_same_to_all_engines(tf32: bool) -> None:
    own = on_gpu.environment_on_gpu(tf32)
    assert own["CUPY_TF32"] == str(int(tf32))
    assert own["JAX_DEFAULT_MATMUL_PRECISION"] == ("tensorfloat32" if tf32 else "float32")
    assert ("NVIDIA_TF32_OVERRIDE" in own) is not tf32


def test_every_engine_of_the_gpu_is_known_by_its_library() -> None:
    found = {name: on_gpu.family(name) for name in ENGINES}
    assert found["minifit, data there"] == "cupy"
    assert found["gpu floor"] == found["torch-graph"] == found["keras-torch, data there"] == "torch"
    assert found["jax-scan"] == found["keras-jax"] == "jax"
    assert found["textbook"] == ""
