"""The limits on a GPU: the matrix products of a step by cuBLAS, captured once as a CUDA graph and replayed.

With ``"traffic"`` the graph also copies as many bytes as the batch and the optimizer have to move, as in ``floor.py``.
Without a GPU the same products run one after the other, which proves the code and is a limit of nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured
from .floor import TRAFFIC
from .on_gpu import wanted


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, mode: str) -> Callable[[], Any]:
    import torch

    if mode != "traffic" and "embedding" in workload.kinds:
        raise NotMeasured  # nearly all of such a step is no product
    device = "cuda" if wanted() else "cpu"
    calls: list[tuple[Any, Any, Any]] = []

    def add(a: Any, b: Any) -> None:
        calls.append((a, b, torch.empty(a.shape[0], b.shape[1], device=device)))

    def random(*shape: int) -> Any:
        return torch.rand(*shape, device=device)

    for i, (rows, inner, columns) in enumerate(workload.products()):
        add(random(rows, inner), random(inner, columns))
        add(random(rows, inner).T, random(rows, columns))
        if i or "embedding" in workload.kinds:
            add(random(rows, columns), random(inner, columns).T)
    moved = TRAFFIC[workload.optimizer] * workload.parameters // 2  # a copy reads and writes
    source, target = random(moved), random(moved)
    data = torch.as_tensor(x[: workload.batch_size], device=device)
    batch = torch.empty_like(data)

    def step() -> None:
        for a, b, out in calls:
            torch.mm(a, b, out=out)
        if mode == "traffic":
            target.copy_(source)
            batch.copy_(data)

    repeat = graphed(step) if wanted() else step

    def run() -> None:
        for _ in range(workload.steps):
            repeat()
        if wanted():
            torch.cuda.synchronize()

    return run


def graphed(step: Callable[[], Any]) -> Callable[[], Any]:
    """Return what repeats the launches of a step as one graph: nothing is allocated, nothing decided on the host."""
    import torch

    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # libraries set themselves up, which may not be captured
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
