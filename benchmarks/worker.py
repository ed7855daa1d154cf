"""The process in which one engine runs: it takes orders as lines of JSON and answers with what they cost.

Every engine has a process of its own, so that threads, memory and compilers of one do not touch another.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import os
import resource
import sys
import time
from typing import Any


def main(engine: str) -> None:
    """Answer ``{"prepare": workload}`` and ``{"run": rounds}`` until there is nothing more to read."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what an engine prints must not mix with the answers
    from .engines import ENGINES, NotMeasured, on_gpu
    from .workloads import workload_named

    module, _, argument = ENGINES[engine]
    run: Any = None
    workload: Any = None
    clock: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "prepare" in order:
                workload = dataclasses.replace(workload_named(order["prepare"]), **order.get("changes", {}))
                clock = on_gpu.clock_of(engine) if on_gpu.wanted() else None
                run = importlib.import_module(f".engines.{module}", __package__).prepare(
                    workload, *workload.data(), argument
                )
                run()  # compilers and caches
                answer: dict[str, Any] = {"ready": True, "facts": getattr(run, "facts", dict)()}
            else:
                # `fit` is told how many epochs there are; what has no such notion walks through the data again.
                again = 1 if module == "keras_api" else workload.epochs
                cpu, wall = time.process_time(), time.perf_counter()
                if clock is not None:
                    clock.begin()
                for _ in range(again):
                    run()
                events = {} if clock is None else {"events": clock.end()}
                answer = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall, **events}
                answer["steps"] = workload.steps * workload.epochs
                answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        except NotMeasured as reason:
            answer = {"missing": str(reason) or "has no such model"}
        except ImportError as error:
            answer = {"missing": f"not installed ({error.name})"}
        except Exception as error:
            answer = {"missing": f"{type(error).__name__}: {str(error)[:200]}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
