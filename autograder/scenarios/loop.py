"""How the exercises of notebook 01 are driven where a plain call would not show enough.

These run in the learner's process, so nothing of the reference is imported here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

_CHANGED = {
    (False, False): "nothing",
    (True, False): "its arrays",
    (False, True): "its list",
    (True, True): "its list and its arrays",
}


def sgd_step(step: Callable[..., Any], params: Any, grads: Any, learning_rate: float) -> Any:
    """Take one step, then look for arrays that are not new and for changes in what was passed in.

    Returns
    -------
    dict or Any
        ``"the list"`` that came back, and two texts that say "none" after a proper step. What cannot be
        looked into (None, a generator) is returned as it is.
    """
    arrays = [array for array in (*params, *grads) if isinstance(array, np.ndarray)]
    held, values = [*params, *grads], [array.copy() for array in arrays]
    updated = step(params, grads, learning_rate)
    if not isinstance(updated, list | tuple | np.ndarray):
        return updated
    not_new = [
        position
        for position, new in enumerate(updated)
        if isinstance(new, np.ndarray) and any(np.may_share_memory(new, old) for old in arrays)
    ]
    overwritten = [not np.array_equal(old, was) for old, was in zip(arrays, values, strict=True)]
    exchanged = len(held) != len(params) + len(grads) or any(
        now is not was for now, was in zip((*params, *grads), held, strict=False)
    )
    return {
        "the list": updated,
        "the list's arrays that are not new": ", ".join(map(str, not_new)) or "none",
        "what was changed of the caller's": _CHANGED[any(overwritten), exchanged],
    }


def train(train: Callable[..., Any], x: Any, y: Any, learning_rate: float, steps: int) -> Any:
    """Train, and give each part of what comes back a name.

    Returns
    -------
    dict or None
        ``"losses"``, ``"w"`` and ``"b"``; under a key that says so, what is not ``([w, b], losses)``.
    """
    result = train(x, y, learning_rate, steps)
    if result is None:
        return None
    if not isinstance(result, list | tuple) or len(result) != 2:
        count = f"{len(result)} things" if isinstance(result, list | tuple) else "one thing"
        return {f"{count} instead of the pair (params, losses)": result}
    params, losses = result
    if not isinstance(params, list | tuple) or len(params) != 2:
        return {"losses": losses, "params that are not a pair of w and b": params}
    return {"losses": losses, "w": params[0], "b": params[1]}  # the losses first: they show an error soonest
