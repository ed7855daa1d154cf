"""A traced batch as a picture: every array of a step as a small map of its values, in the order of the loop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .plot import INK, REFERENCE, VALIDATION

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_CELLS = 48  # of a map, along either side
_PLACES = {"data": 0, "forward": 1, "loss": 2, "gradients": 3, "update": 4, "metrics": 5}


def draw(rows: Sequence[Any], marked: int | None = None, ax: Axes | None = None) -> Axes:
    """Draw a trace's rows, a column for each step of the loop.

    Orange is above zero and blue below, paler towards it; each array has its own scale, the largest
    distance from zero.

    Parameters
    ----------
    rows : sequence of Row
    marked : int, optional
        The row to frame: the first that differs from another trace's.
    ax
        Where to draw. None: a new figure.

    Returns
    -------
    Axes
    """
    columns: dict[str, list[int]] = {}
    for i, row in enumerate(rows):
        columns.setdefault(row.step, []).append(i)
    steps = sorted(columns, key=lambda step: _PLACES.get(step, len(_PLACES)))
    tallest = max((sum(_height(rows[i].value) for i in found) for found in columns.values()), default=1.0)
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(1.75 * len(steps) + 0.4, 0.72 * tallest + 0.6), layout="constrained")
    for place, step in enumerate(steps):
        ax.text(place, 0.35, step, ha="center", va="bottom", weight="bold", color=INK)
        if place:
            ax.annotate(
                "", (place - 0.36, 0.52), (place - 0.64, 0.52), arrowprops={"arrowstyle": "->", "color": REFERENCE}
            )
        top = 0.0
        for i in columns[step]:
            top -= _tile(ax, rows[i], place, top, i == marked)
    ax.set(xlim=(-0.5, len(steps) - 0.5), ylim=(-tallest - 0.1, 0.85))
    ax.axis("off")
    return ax


def _tile(ax: Axes, row: Any, place: int, top: float, marked: bool) -> float:
    """Draw one array below `top`; return how high it is with its label."""
    table = _as_table(row.value)
    wide, high = _side(table.shape[1]) * 0.56, _side(table.shape[0])
    box = (place - wide / 2, place + wide / 2, top - high, top)
    scale = float(np.max(np.abs(table[np.isfinite(table)]), initial=0.0)) or 1.0
    ax.imshow(
        table, extent=box, cmap=_colours(), vmin=-scale, vmax=scale, aspect="auto", interpolation="nearest", zorder=2
    )
    edge = {"edgecolor": VALIDATION, "linewidth": 2.5} if marked else {"edgecolor": "#9AA0A8", "linewidth": 0.8}
    ax.add_patch(_rectangle(box, **edge))
    shape = " × ".join(map(str, row.value.shape)) if row.value.ndim else f"{float(row.value):.4g}"
    name = row.name.removeprefix("change of ")
    ax.text(
        place,
        top - high - 0.05,
        f"{name}\n{shape}",
        ha="center",
        va="top",
        size=7.5,
        color=VALIDATION if marked else INK,
    )
    if marked:
        ax.text(
            place, top + 0.04, "first difference", ha="center", va="bottom", size=7.5, weight="bold", color=VALIDATION
        )
    return _height(row.value)


def _rectangle(box: tuple[float, float, float, float], **look: Any) -> Any:
    from matplotlib.patches import Rectangle

    left, right, low, high = box
    return Rectangle((left, low), right - left, high - low, fill=False, zorder=3, **look)


def _colours() -> Any:
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("around zero", ["#0072B2", "#FFFFFF", "#D55E00"])


def _as_table(value: np.ndarray) -> np.ndarray:
    """An array as rows and columns, no more than can be told apart: every so many are left out."""
    table = np.asarray(value, dtype=float)
    table = table.reshape(len(table), -1) if table.ndim > 1 else table.reshape(1, -1)
    if not table.size:
        return np.zeros((1, 1))
    rows, columns = (np.linspace(0, n - 1, min(n, _MOST_CELLS)).round().astype(int) for n in table.shape)
    return table[np.ix_(rows, columns)]


def _side(n: int) -> float:
    """How long the side of a map is: longer for more, but not in proportion."""
    return 0.16 + 0.84 * float(np.log(n) / np.log(_MOST_CELLS)) if n > 1 else 0.16


def _height(value: np.ndarray) -> float:
    return _side(_as_table(value).shape[0]) + 0.66
