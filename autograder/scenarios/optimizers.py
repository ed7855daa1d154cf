"""How an optimizer of the learner's is driven: through several steps, beside a second one.

In grading these run in the learner's process, so nothing here may import the reference.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Arrays = list[np.ndarray]


def use_adam(
    Adam: Any, variables: Arrays, gradients: list[Arrays], settings: dict[str, float], new_rate: float | None
) -> dict[str, Any]:
    """Take a step with each of some lists of gradients, then one with a second optimizer.

    From the third step on the variables come as new views of the same memory, in the same order, so that what
    is remembered has to be remembered by position, and what is changed has to be changed in place.

    Parameters
    ----------
    Adam : type
        The class under test.
    variables : list of arrays
        Where the walk starts; the arrays themselves stay as they are.
    gradients : list of lists of arrays
        One list a step.
    settings : dict
        The arguments of the constructor.
    new_rate : float or None
        What ``learning_rate`` is set to after half of the steps.

    Returns
    -------
    dict
        The variables after each step, how many steps were counted, and what became of the gradients.
    """
    adam, held = Adam(**settings), [w.copy() for w in variables]
    outputs: dict[str, Any] = {"iterations of a new Adam": adam.iterations}
    seen = []  # keeps the views alive, so that no two have one address
    kept = [[g.copy() for g in grads] for grads in gradients]
    for step, grads in enumerate(gradients):
        if new_rate is not None and step == len(gradients) // 2:
            adam.learning_rate = new_rate
        if step != 1:
            seen.append([w[...] for w in held])
        adam.apply(list(grads), list(seen[-1]))
        outputs |= {f"variables[{i}] after step {step + 1}": w.copy() for i, w in enumerate(held)}
    outputs[f"iterations after step {len(gradients)}"] = adam.iterations

    other, fresh = Adam(**settings), [w[::-1].copy() for w in variables[::-1]]
    other.apply([g.copy() for g in kept[0][::-1]], list(fresh))
    outputs |= {f"variables[{i}] after the first step of a second Adam": w for i, w in enumerate(fresh)}
    outputs["iterations of the second Adam"] = other.iterations
    outputs["the gradients"] = "unchanged" if all(map(_equal, gradients, kept)) else "written into"
    return outputs


def _equal(now: Arrays, before: Arrays) -> bool:
    return all(map(np.array_equal, now, before))
