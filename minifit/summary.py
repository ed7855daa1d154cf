"""What `Model.summary` prints: layers, output shapes, numbers of parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

from . import functional, tree
from .callbacks.progress import say
from .graph import name_of


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: Sequence[float] | None = None,
    print_fn: Callable[[str], Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Sequence[str] | None = None,
) -> None:
    """Print a table of the layers of a model; see `Model.summary` for the arguments."""
    graph = getattr(model, "_graph", None)
    branched = graph is not None and any(len(node.inputs) > 1 for node in graph.nodes)
    head = ["Layer (type)", "Output Shape", "Param #"]
    head += ["Connected to"] * branched + ["Trainable"] * show_trainable
    items = _in_range(graph.operations if graph else model.layers, layer_range)
    rows = _rows(items, graph if branched else None, expand_nested)
    rows = [[*row[: 3 + branched], *row[4:][:show_trainable]] for row in rows]
    widths = [max(len(row[i]) for row in (head, *rows)) + 2 for i in range(len(head))]
    if line_length and positions:
        ends = [int(p * line_length) if p <= 1 else int(p) for p in positions]
        widths = [end - begin for begin, end in zip([0, *ends], ends, strict=False)]
    elif line_length:
        widths[0] += max(0, line_length - sum(widths))
    rule = "─" * sum(widths)
    table = [_aligned(row, widths) for row in (head, *rows)]
    lines = [f'Model: "{model.name}"', rule, table[0], rule, *table[1:], rule]
    counts = {"Total": model.weights, "Trainable": model.trainable_weights}
    counts["Non-trainable"] = model.non_trainable_weights
    if getattr(getattr(model, "optimizer", None), "built", False):
        counts["Optimizer"] = model.optimizer.variables
        counts["Total"] = [*model.weights, *model.optimizer.variables]
    for kind, variables in counts.items():
        size = sum(v.size * v.value.itemsize for v in variables)
        lines.append(f"{kind} params: {sum(v.size for v in variables):,} ({_bytes(size)})")
    for line in lines:
        (print_fn or say)(line)


def _rows(layers: Sequence[Any], graph: Any, expand: bool, indent: str = "") -> list[list[str]]:
    """Return name, shape, count, connections and whether trainable, for each layer and op."""
    rows = []
    for layer in layers:
        count, trained = "0", "-"
        if hasattr(layer, "count_params"):
            count = f"{layer.count_params():,}" if layer.built else "0 (unbuilt)"
            trained = ("Y" if layer.trainable else "N") if layer.weights else "-"
        calls = [] if graph is None else [node for node in graph.nodes if node.operation is layer]
        connected = ", ".join(name_of(x.node.operation) for node in calls for x in node.inputs) or "-"
        called = f"{indent}{layer.name} ({type(layer).__name__})"
        rows.append([called, _shape_shown(layer), count, connected, trained])
        if expand and hasattr(layer, "summary"):
            rows += _rows(layer.layers, None, expand, f"{indent}    ")
    return rows


def _in_range(layers: list[Any], layer_range: Any) -> list[Any]:
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            f"layer_range must be a list or tuple of length 2, the names of the first and the last layer to list; got "
            f"{layer_range!r}."
        )
    first, last = ([i for i, layer in enumerate(layers) if re.match(name, layer.name)] for name in layer_range)
    if not first or not last:
        raise ValueError(f"Passed layer_range does not match the layer names in the model. Received: {layer_range}")
    return layers[min(first) : max(last) + 1]


def _shape_shown(layer: Any) -> str:
    try:
        shapes = tree.map_structure(lambda x: x.shape, functional.output_of(layer))
    except AttributeError:
        built = getattr(layer, "_build_shapes", None)
        if not built or hasattr(layer, "summary"):
            return "?"
        try:
            shapes = layer.compute_output_shape(*built.values())
        except NotImplementedError:
            return "?"
    return str(shapes)


def _aligned(row: list[str], widths: list[int]) -> str:
    cells = [cell[: width - 1].ljust(width) for cell, width in zip(row, widths, strict=False)]
    cells[2] = row[2].rjust(widths[2] - 2) + "  "
    return "".join(cells).rstrip()


def _bytes(size: float) -> str:
    """Return a number of bytes in the unit that suits it.

    Examples
    --------
    >>> _bytes(407080)
    '397.54 KB'
    """
    power = min(int(math.log(max(size, 1), 1024)), 3)
    return f"{size / 1024**power:.2f} {('B', 'KB', 'MB', 'GB')[power]}"
