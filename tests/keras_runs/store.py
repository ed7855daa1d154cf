"""Outputs of a scenario to JSON and back, and the comparison of two of them.

A float is written with all its digits, so nothing is lost. Kinds are kept apart: an array is not a list, a
Python float is not an integer or a NumPy scalar, since which of them Keras hands back is part of what it promises.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent / "recorded"


def encode(value: Any) -> Any:
    """``value`` in terms of JSON: arrays become ``{"dtype", "shape", "values"}``, everything else stays itself.

    Raises
    ------
    TypeError
        For anything but nested lists, tuples and dicts of arrays, numbers, strings, booleans and None. A NumPy
        scalar is refused too.
    """
    if isinstance(value, np.ndarray):
        return {"dtype": str(value.dtype), "shape": list(value.shape), "values": value.ravel().tolist()}
    if type(value) in (list, tuple):
        return [encode(item) for item in value]
    if type(value) is dict:
        return {str(key): encode(item) for key, item in value.items()}
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise TypeError(f"a scenario gave a {type(value).__name__}: {value!r}; arrays and plain Python values are kept")


def differences(got: Any, expected: Any, tolerance: float, where: str = "") -> Iterator[tuple[str, float]]:
    """Each place where two encoded outputs differ: what is different there, and by how much.

    A number differs when its size ``|got - expected| / (1 + |expected|)`` is above ``tolerance``; the size is
    infinite for everything that is no number.
    """
    if isinstance(expected, float) and type(got) is float:
        if (math.isnan(expected) and math.isnan(got)) or got == expected:
            return
        size = abs(got - expected) / (1 + abs(expected))
        if not size <= tolerance:
            yield f"{where}: got {got!r}, Keras {expected!r}", size
    elif isinstance(expected, dict) and isinstance(got, dict):
        if list(got) != list(expected):
            yield f"{where}: keys {list(got)}, Keras {list(expected)}", math.inf
        for key in [k for k in expected if k in got]:
            yield from differences(got[key], expected[key], tolerance, f"{where}.{key}" if where else key)
    elif isinstance(expected, list) and isinstance(got, list):
        if len(got) != len(expected):
            yield f"{where}: {len(got)} items, Keras {len(expected)}", math.inf
        for index, (one, other) in enumerate(zip(got, expected, strict=False)):
            yield from differences(one, other, tolerance, f"{where}[{index}]")
    elif type(got) is not type(expected) or got != expected:
        yield f"{where}: got {got!r}, Keras {expected!r}", math.inf


def load(topic: str) -> dict[str, Any]:
    """The recorded outputs of a topic by scenario name; empty if nothing is recorded yet."""
    path = FOLDER / f"{topic}.json"
    return json.loads(path.read_text(encoding="utf-8"))["runs"] if path.exists() else {}


def save(topic: str, runs: dict[str, Any], recorded_with: str) -> None:
    """Write a topic's file, one scenario a line, under a temporary name first."""
    FOLDER.mkdir(exist_ok=True)
    lines = [f"{json.dumps(name)}: {json.dumps(run, separators=(',', ':'))}" for name, run in sorted(runs.items())]
    path = FOLDER / f"{topic}.json"
    partial = path.with_suffix(".json.partial")
    text = f'{{"recorded_with": {json.dumps(recorded_with)},\n"runs": {{\n' + ",\n".join(lines) + "\n}}\n"
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)
