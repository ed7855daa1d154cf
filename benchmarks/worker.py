"""The process in which one engine runs: it takes orders as lines of JSON and answers with what they cost.

Every engine has a process of its own, so that threads, memory and compilers of one do not touch another.
"""

from __future__ import annotations

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
    from .engines import ENGINES, NotMeasured
    from .workloads import workload_named

    module, _, argument = ENGINES[engine]
    run: Any = None
    for line in sys.stdin:
        order = json.loads(line)
        try:
            if "prepare" in order:
                workload = workload_named(order["prepare"])
                run = importlib.import_module(f".engines.{module}", __package__).prepare(
                    workload, *workload.data(), argument
                )
                run()  # compilers and caches
                answer: dict[str, Any] = {"ready": True}
            else:
                cpu, wall = time.process_time(), time.perf_counter()
                run()
                answer = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
                answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        except NotMeasured:
            answer = {"missing": "has no such model"}
        except ImportError as error:
            answer = {"missing": f"not installed ({error.name})"}
        except Exception as error:
            answer = {"missing": f"{type(error).__name__}: {str(error)[:200]}"}
        answers.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1])
