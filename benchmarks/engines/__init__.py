"""One file an engine, each with ``prepare(workload, x, y) -> round``: a function that takes ``workload.steps`` steps.

``prepare`` raises `NotMeasured` where an engine has no such model, and ImportError where it is not installed.
"""

from __future__ import annotations

#: Engine to the module that runs it, the environment it needs, and an argument for its `prepare`.
ENGINES: dict[str, tuple[str, dict[str, str], str]] = {
    "minifit": ("keras_api", {"BENCH_ENGINE": "minifit", "MINIFIT_NUMBA": "0"}, ""),
    "minifit-fast": ("keras_api", {"BENCH_ENGINE": "minifit"}, "fast"),
    "keras-tensorflow": ("keras_api", {"BENCH_ENGINE": "keras", "KERAS_BACKEND": "tensorflow"}, ""),
    "keras-jax": ("keras_api", {"BENCH_ENGINE": "keras", "KERAS_BACKEND": "jax"}, ""),
    "keras-torch": ("keras_api", {"BENCH_ENGINE": "keras", "KERAS_BACKEND": "torch"}, ""),
    "torch-foreach": ("pytorch", {}, "foreach"),
    "torch-fused": ("pytorch", {}, "fused"),
    "torch-compiled": ("pytorch", {}, "compiled"),
    "jax-step": ("jitted", {}, "step"),
    "jax-scan": ("jitted", {}, "scan"),
    "scikit-learn": ("scikit", {}, ""),
    "tinygrad": ("tiny", {}, ""),
    "textbook": ("textbook", {}, ""),
    "floor + traffic": ("floor", {}, "traffic"),
    "floor": ("floor", {}, ""),
}
ON_CPU = list(ENGINES)

_RESIDENT = "minifit", "keras-tensorflow", "keras-jax", "keras-torch"

#: Those that `gpu.py` times, on top of some of the above: with data that lie on the device from the beginning, ...
ENGINES |= {f"{name}, data there": (*ENGINES[name][:2], "resident") for name in _RESIDENT}
#: ... and with steps that are captured as CUDA graphs.
ENGINES |= {
    "torch-compiled + graphs": ("pytorch", {}, "reduce-overhead"),
    "torch-graph": ("pytorch", {}, "graph"),
    "gpu floor + traffic": ("gpu_floor", {}, "traffic"),
    "gpu floor": ("gpu_floor", {}, ""),
}
ON_GPU = [
    *("minifit, data there", "minifit"),
    *(name + there for name in _RESIDENT[1:] for there in ("", ", data there")),
    *("torch-foreach", "torch-fused", "torch-compiled", "torch-compiled + graphs", "torch-graph"),
    *("jax-step", "jax-scan", "gpu floor + traffic", "gpu floor"),
]


class NotMeasured(Exception):
    """This engine does not have what the workload asks for."""
