"""PyTorch by hand: the usual loop over shuffled batches, eager or compiled, or a whole step as one CUDA graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import Workload
from . import NotMeasured
from .gpu_floor import graphed
from .on_gpu import wanted


def _model(workload: Workload) -> Any:
    from torch import nn

    class Average(nn.Module):
        def forward(self, x: Any) -> Any:
            return x.mean(dim=1)

    parts: list[Any] = []
    shape = workload.input_shape if len(workload.input_shape) < 3 else (1, *workload.input_shape[:2])
    for kind, *numbers in workload.layers:
        if kind == "dense":
            parts.append(nn.Linear(shape[-1], numbers[0]))
            shape = (numbers[0],)
            if numbers[1] in ("relu", "gelu"):
                parts.append(nn.ReLU() if numbers[1] == "relu" else nn.GELU())
        elif kind == "dropout":
            parts.append(nn.Dropout(numbers[0]))
        elif kind == "conv":
            parts += [nn.Conv2d(shape[0], numbers[0], 3), nn.ReLU()]
            shape = (numbers[0], shape[1] - 2, shape[2] - 2)
        elif kind == "pool":
            parts.append(nn.MaxPool2d(2))
            shape = (shape[0], shape[1] // 2, shape[2] // 2)
        elif kind == "flatten":
            parts.append(nn.Flatten())
            shape = (int(np.prod(shape)),)
        elif kind == "normalize":
            parts.append(nn.LayerNorm(shape[-1], eps=1e-3))
        elif kind == "embedding":
            parts.append(nn.Embedding(*numbers))
            shape = (workload.input_shape[0], numbers[1])
        else:
            parts.append(Average())
            shape = (shape[-1],)
    return nn.Sequential(*parts)


def prepare(workload: Workload, x: np.ndarray, y: np.ndarray, mode: str) -> Callable[[], Any]:
    import torch

    if workload.features_on or workload.layers[0][-1] is True or (mode == "fused" and workload.task != "fit"):
        raise NotMeasured
    torch.manual_seed(0)
    device = "cuda" if wanted() else "cpu"
    model = _model(workload).to(device)
    inputs = torch.from_numpy(x if x.ndim < 4 else np.ascontiguousarray(x.transpose(0, 3, 1, 2))).to(device)
    labels = torch.from_numpy(y).to(device)
    loss_of = torch.nn.functional.mse_loss if workload.loss == "mse" else torch.nn.functional.cross_entropy
    if workload.task != "fit":
        model.eval()
        return _forward(torch.compile(model) if mode == "compiled" else model, inputs, labels, workload, loss_of)
    in_graph = mode == "graph"
    fast: dict[str, Any] = {"foreach": mode != "fused" and not in_graph, "fused": mode == "fused" or in_graph}
    if in_graph and wanted() and workload.optimizer == "adam":
        fast["capturable"] = True  # its count of steps lies on the device, too
    optimizer: Any = (
        torch.optim.Adam(model.parameters(), lr=0.001, **fast)
        if workload.optimizer == "adam"
        else torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, **fast)
    )

    def forward(batch: Any, target: Any) -> Any:
        return loss_of(model(batch), target)

    if mode in ("compiled", "reduce-overhead"):
        forward = torch.compile(forward, mode=None if mode == "compiled" else mode)
    if in_graph:
        return _whole_steps(workload, inputs, labels, forward, optimizer)

    def run() -> None:
        order = torch.randperm(len(inputs), device=device)
        total = torch.zeros((), device=device)
        for rows in order.split(workload.batch_size):
            optimizer.zero_grad(set_to_none=True)
            loss = forward(inputs[rows], labels[rows])
            loss.backward()
            optimizer.step()
            total += loss.detach()
        total.item()

    return run


def _whole_steps(workload: Workload, inputs: Any, labels: Any, forward: Any, optimizer: Any) -> Callable[[], Any]:
    """Return a round of steps that are the same launches every time: only which rows they gather changes."""
    import torch

    rows = torch.arange(workload.batch_size, device=inputs.device)
    total = torch.zeros((), device=inputs.device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        loss = forward(inputs[rows], labels[rows])
        loss.backward()
        optimizer.step()
        total.add_(loss.detach())

    repeat = graphed(step) if wanted() else step

    def run() -> None:
        total.zero_()
        for chosen in torch.randperm(len(inputs), device=inputs.device).split(workload.batch_size):
            rows.copy_(chosen)
            repeat()
        total.item()

    return run


def _forward(model: Any, inputs: Any, labels: Any, workload: Workload, loss_of: Any) -> Callable[[], Any]:
    import torch

    rows = 256 if "conv" in workload.kinds else 4096

    def run() -> None:
        outputs, total = [], 0.0
        with torch.inference_mode():
            for batch, target in zip(inputs.split(rows), labels.split(rows), strict=True):
                logits = model(batch)
                if workload.task == "predict":
                    outputs.append(torch.softmax(logits, -1))
                else:
                    total += float(loss_of(logits, target)) + float((logits.argmax(-1) == target).float().mean())
        if outputs:
            torch.cat(outputs).numpy()

    return run
