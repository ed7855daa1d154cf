"""Graphs: all that is called between some symbols and others, to be walked through, written down and read.

The calls are ordered as Keras orders them, for the order of layers is the order of weights.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from . import serialization, tree
from .functional import KerasTensor, Node, Operation


class Graph:
    """What is called between some symbols and others.

    Parameters
    ----------
    inputs, outputs : KerasTensor, or nested
    input_layer : callable
        Makes an input layer of a symbol that something else gave.

    Attributes
    ----------
    nodes : list of Node
        In the order in which they are called: the deepest first, as in Keras.
    operations : list
        Layers and ops, each once, in that order.
    says_training : bool
        Whether a layer was called with `training`. Whoever calls the model has the last word on it, as in Keras.
    """

    def __init__(self, inputs: Any, outputs: Any, input_layer: Callable[[KerasTensor], Any]) -> None:
        self.inputs, self.outputs = inputs, outputs
        self.flat_inputs, self.flat_outputs = tree.flatten(inputs), tree.flatten(outputs)
        for argument, symbols, given in (("inputs", self.flat_inputs, inputs), ("outputs", self.flat_outputs, outputs)):
            for x in symbols:
                if not isinstance(x, KerasTensor):
                    raise ValueError(
                        f"All `{argument}` values must be KerasTensors: what Input(...) gives, or a layer called on "
                        f"one. Received {argument} of type {type(given).__name__}, including one {type(x).__name__}."
                    )
        self._begins = {id(x): x.node.operation if _is_input(x) else input_layer(x) for x in self.flat_inputs}
        calls = list(self._walk())
        depths = self._depths(calls)
        place = {id(node): i for i, node in enumerate(calls)}
        self.nodes = sorted((n for n in calls), key=lambda n: (-depths[id(n)], place[id(n)]))
        self.says_training = any("training" in node.kwargs for node in calls)
        first_seen: dict[int, int] = {}
        operations: dict[int, Any] = {}
        op_depths: dict[int, int] = {}
        for node in calls:
            key = id(node.operation)
            operations[key] = node.operation
            op_depths[key] = max(op_depths.get(key, 0), depths[id(node)])
            first_seen.setdefault(key, self._seen[id(node)])
        for x in self.flat_inputs:
            operation = self._begins[id(x)]
            operations[id(operation)] = operation
            first_seen.setdefault(id(operation), self._seen.get(id(x), -1))
            op_depths[id(operation)] = max(op_depths.get(id(operation), 0), depths.get(id(x), 0))
        self.operations = sorted(operations.values(), key=lambda op: (-op_depths[id(op)], first_seen[id(op)]))

    def _walk(self) -> Iterator[Node]:
        """Yield every call once, after those that it needs."""
        self._seen: dict[int, int] = {}  # when a call or an input was first come upon, from the outputs backwards
        done: set[int] = set()
        under_way: set[int] = set()
        stack: list[tuple[KerasTensor, Any, bool]] = []
        for path, x in reversed(list(tree.flatten_with_path(self.outputs))):
            stack.append((x, path, False))
        while stack:
            x, path, ready = stack.pop()
            if id(x) in self._begins:
                self._seen.setdefault(id(x), len(self._seen))
                continue
            node = x.node
            if node is None or _is_input(x):
                where = ".".join(map(str, path))
                raise ValueError(
                    f"Output with path `{where}` is not connected to `inputs`: it needs {x.name!r}, which is not among "
                    "them."
                )
            if ready:
                under_way.discard(id(node))
                if id(node) not in done:
                    done.add(id(node))
                    yield node
                continue
            if id(node) in done:
                continue
            if id(node) in under_way:
                raise ValueError("The graph has a loop.")
            under_way.add(id(node))
            self._seen.setdefault(id(node), len(self._seen))
            stack.append((x, path, True))
            stack.extend((y, path, False) for y in reversed(node.inputs))

    def _depths(self, calls: list[Node]) -> dict[int, int]:
        """Return how far each call and each input lies from the outputs, a layer's calls all as far as its farthest."""
        depths: dict[int, int] = {}
        of_operation: dict[int, int] = {}
        for node in reversed(calls):
            key = id(node.operation)
            depth = max(depths.get(id(node), 0), of_operation.get(key, 0))
            depths[id(node)] = of_operation[key] = depth
            for x in node.inputs:
                before = id(x) if id(x) in self._begins else id(x.node)
                depths[before] = max(depths.get(before, 0), depth + 1)
        return depths

    def begins(self, symbol: KerasTensor) -> Any:
        """Return the input layer of one of the inputs."""
        return self._begins[id(symbol)]

    @functools.cached_property
    def _plan(self) -> tuple[list[tuple[Any, ...]], Any, int]:
        """Every call as (operation, slot of the only argument, all arguments, slots of outputs)."""
        slots: dict[int, _Slot] = {}

        def slot(x: Any) -> Any:
            return slots.setdefault(id(x), _Slot(len(slots))) if isinstance(x, KerasTensor) else x

        for x in self.flat_inputs:
            slot(x)
        steps = []
        for node in self.nodes:
            args, kwargs = tree.map_structure(slot, node.args), tree.map_structure(slot, node.kwargs)
            only = args[0].number if len(args) == 1 and isinstance(args[0], _Slot) and not kwargs else None
            found = [slot(x).number for x in tree.flatten(node.outputs)]
            single = found[0] if isinstance(node.outputs, KerasTensor) else None
            steps.append((node.operation, only, args, kwargs, single, found))
        return steps, tree.map_structure(slot, self.outputs), len(slots)

    def run(self, values: Sequence[Any], call: Callable[..., Any] | None = None) -> Any:
        """Return the outputs, nested, for a value of each input; `call(operation, ...)` may make the calls."""
        steps, outputs, n_slots = self._plan
        found: list[Any] = [*values, *[None] * (n_slots - len(values))]

        def value_of(x: Any) -> Any:
            return found[x.number] if isinstance(x, _Slot) else x

        for operation, only, args, kwargs, single, slots in steps:
            if only is not None and call is None:
                result = operation(found[only])
            else:
                args, kwargs = tree.map_structure(value_of, args), tree.map_structure(value_of, kwargs)
                result = operation(*args, **kwargs) if call is None else call(operation, *args, **kwargs)
            if single is not None:
                found[single] = result
            else:
                for slot, value in zip(slots, tree.flatten(result), strict=True):
                    found[slot] = value
        if isinstance(outputs, _Slot):
            return found[outputs.number]
        return tree.pack_sequence_as(outputs, [found[x.number] for x in tree.flatten(outputs)])


class _Slot:
    """Where, among the values of a walk through a graph, that of a symbol is kept."""

    def __init__(self, number: int) -> None:
        self.number = number


def _is_input(x: KerasTensor) -> bool:
    return x.node is not None and not x.node.inputs and _begins(x.node.operation)


def _begins(operation: Any) -> bool:
    return hasattr(operation, "batch_shape")


def only(items: Any) -> Any:
    return items[0] if isinstance(items, (list, tuple)) and len(items) == 1 else items


def name_of(operation: Any) -> str:
    return str(getattr(operation, "name", None) or operation.__name__)


# --------------------------------------------------------------------------- as data


def functional_config(graph: Graph) -> dict[str, Any]:
    """Return layers, and which is called on what, as plain data."""
    ours = {id(node) for node in graph.nodes}
    calls: dict[int, list[Any]] = {id(operation): [] for operation in graph.operations}
    for node in graph.nodes:
        calls[id(node.operation)].append(node)

    def place(x: Any) -> list[Any]:
        if id(x.node) not in ours:
            return [graph.begins(x).name, 0, 0]
        index = [id(node) for node in calls[id(x.node.operation)]].index(id(x.node))
        return [name_of(x.node.operation), index, [id(y) for y in tree.flatten(x.node.outputs)].index(id(x))]

    def described(x: Any) -> Any:
        if not isinstance(x, KerasTensor):
            return serialization.serialize(x)
        config = {"shape": list(x.shape), "dtype": x.dtype, "keras_history": place(x)}
        return {"class_name": "__keras_tensor__", "config": config}

    layers = []
    for operation in graph.operations:
        nodes = [
            {"args": tree.map_structure(described, n.args), "kwargs": tree.map_structure(described, n.kwargs)}
            for n in calls[id(operation)]
        ]
        as_data = operation.described() if isinstance(operation, Operation) else serialization.serialize(operation)
        layers.append({**as_data, "name": name_of(operation), "inbound_nodes": nodes})
    ends = {"input_layers": graph.inputs, "output_layers": graph.outputs}
    return {"layers": layers, **{key: tree.map_structure(place, symbols) for key, symbols in ends.items()}}


def functional_from_config(config: dict[str, Any]) -> dict[str, Any]:
    """Draw the graph that `functional_config` described; return its two ends."""
    made: dict[str, Any] = {}
    drawn: dict[str, list[Any]] = {}
    waiting = []
    for layer in config["layers"]:
        if str(layer.get("module")).startswith("keras.src.ops."):
            operation: Any = Operation.from_description(layer)
        else:
            operation = serialization.deserialize(
                {k: v for k, v in layer.items() if k not in ("name", "inbound_nodes")}
            )
        made[layer["name"]] = operation
        drawn[layer["name"]] = [operation.output] if _begins(operation) else []
        waiting.append((layer["name"], list(layer["inbound_nodes"])))

    def at(place: list[Any]) -> Any:
        name, call, output = place[:3]
        if name not in made:
            raise ValueError(f"Invalid Functional model configuration. Missing node: {name}")
        return tree.flatten(drawn[name][call])[output]

    def revived(value: Any) -> Any:
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            return at(value["config"]["keras_history"])
        if isinstance(value, dict) and "class_name" not in value:
            return {key: revived(item) for key, item in value.items()}
        if isinstance(value, (list, tuple)):
            return type(value)(revived(item) for item in value)
        return serialization.deserialize(value)

    def arguments(name: str, node: Any) -> tuple[Any, Any]:
        if isinstance(node, dict):
            args = revived(node["args"])
            if name.startswith("get_item"):  # x[0, 1:]: JSON knows no tuples
                args = [tuple(x) if isinstance(x, list) else x for x in args]
            return args, revived(node["kwargs"])
        return [only([at(place) for place in node])], {}

    while any(nodes for _, nodes in waiting):
        before = sum(len(nodes) for _, nodes in waiting)
        for name, nodes in waiting:
            while nodes and not _begins(made[name]):
                try:
                    args, kwargs = arguments(name, nodes[0])
                except IndexError:  # what it is called on is not drawn yet
                    break
                drawn[name].append(made[name](*args, **kwargs))
                nodes.pop(0)
            if _begins(made[name]):
                nodes.clear()
        if sum(len(nodes) for _, nodes in waiting) == before:
            raise ValueError(
                "Invalid Functional model configuration: the graph has a loop, or calls that lead nowhere."
            )

    def ends(places: Any) -> Any:
        if isinstance(places, list) and len(places) == 3 and isinstance(places[0], str):
            return at(places)
        if isinstance(places, dict):
            return {key: ends(item) for key, item in places.items()}
        return type(places)(ends(item) for item in places)

    return {"inputs": ends(config["input_layers"]), "outputs": ends(config["output_layers"])}
