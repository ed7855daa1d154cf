"""The most memory that a process holds while it trains on 60,000 x 784 numbers."""

from __future__ import annotations

import json
from typing import Any

from .measure import environment_of, run_script

SCRIPT = """
import json, resource
import numpy as np
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
from benchmarks.engines.keras_api import build
from benchmarks.workloads import WORKLOADS
keras, model = build(WORKLOADS["classic b32"])
ready = peak()
rng = np.random.default_rng(0)
x, y = rng.random((60_000, 784), dtype="float32"), rng.integers(0, 10, 60_000)
given = peak()
model.fit(x, y, epochs=2, verbose=0)
print(json.dumps({"data": x.nbytes + y.nbytes, "ready": ready, "given": given, "peak": peak()}))
"""


def peak_memory(engine: str) -> dict[str, Any]:
    """Return bytes: of the data, of the process before it had them and with them, and the most while it trained."""
    printed = run_script(SCRIPT, environment=environment_of(engine, 1), n_cores=1)
    return json.loads(printed.strip().splitlines()[-1]) if printed else {"missing": "did not run"}


def memory_table(found: dict[str, dict[str, Any]]) -> str:
    """Return a line an engine, in MB."""
    head = (
        f"{'peak memory, MB':22} {'before':>8} {'data':>8} {'peak':>8} {'beyond the data':>16} {'training added':>15}"
    )
    lines = [head]
    for name, row in found.items():
        if "missing" in row:
            lines.append(f"  {name:20} {row['missing']}")
            continue
        beyond, added = row["peak"] - row["data"], row["peak"] - row["given"]
        numbers = [row["ready"], row["data"], row["peak"], beyond, added]
        lines.append("  {:20} {:8.0f} {:8.0f} {:8.0f} {:14.0f} {:14.0f}".format(name, *(n / 1e6 for n in numbers)))
    return "\n".join(lines)
