"""How a metric of the learner's is driven: over batches, through a reset, beside a second one.

In grading these run in the learner's process, so nothing here may import the reference.
"""

from __future__ import annotations

from typing import Any

Batch = tuple[Any, ...]


def use_metric(Metric: Any, batches: list[Batch], settings: dict[str, float]) -> dict[str, Any]:
    """Ask for the result after each batch, after a reset, and of a second object.

    Parameters
    ----------
    Metric : type
        The class under test.
    batches : list of tuples
        What `update` is given, batch by batch. A last item of None is left out of the call.
    settings : dict
        The arguments of the constructor.

    Returns
    -------
    dict
        What `result` gave at each point, in the order of the calls.
    """
    metric = Metric(**settings)
    outputs = {"result() before any update": metric.result()}
    shown = {0, 1, len(batches) - 1} if len(batches) > 9 else range(len(batches))
    for i, batch in enumerate(batches):
        _update(metric, batch)
        if i in shown:
            outputs[f"result() after update {i + 1}"] = metric.result()
    outputs["result() asked once more"] = metric.result()

    other = Metric(**settings)
    outputs["result() of a second, new object"] = other.result()
    _update(other, batches[-1])
    outputs["result() of the second object after one update"] = other.result()
    outputs["result() of the first, asked again"] = metric.result()

    metric.reset()
    outputs["result() after reset()"] = metric.result()
    _update(metric, batches[0])
    outputs["result() after reset() and one update"] = metric.result()
    return outputs


def _update(metric: Any, batch: Batch) -> None:
    *values, weight = batch
    metric.update(*values) if weight is None else metric.update(*values, sample_weight=weight)
