"""Training curves: one palette, one style, and every line labelled at its own end.

matplotlib is imported inside the functions, so that `import minifit` needs NumPy alone.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation
    from matplotlib.transforms import Transform
    from numpy.typing import ArrayLike

# From Okabe and Ito's palette, which readers with any colour blindness can tell apart.
TRAIN = "#0072B2"
VALIDATION = "#D55E00"
REFERENCE = "#8C8C8C"
THIRD = "#009E73"
FOURTH = "#CC79A7"
PALETTE = (TRAIN, VALIDATION, THIRD, FOURTH, REFERENCE)
INK = "#2B2F36"

_LABEL_GAP = 7.0  # points between the end of a line and its label
_LABEL_REACH = 90.0  # points: labels that start nearer than this to each other could overlap


def use_style() -> None:
    """Set matplotlib's defaults to the course's: a white face, a light grid, no box, sharp in a notebook.

    Figures keep their white face on a dark JupyterLab theme, so the colours mean the same everywhere.
    """
    import matplotlib as mpl
    from cycler import cycler

    mpl.rcParams.update(
        {
            "figure.figsize": (7.0, 3.6),
            "figure.dpi": 100,
            "figure.facecolor": "white",
            "savefig.facecolor": "white",
            "axes.facecolor": "white",
            "axes.edgecolor": "#9AA0A8",
            "axes.labelcolor": INK,
            "axes.titlecolor": INK,
            "axes.titlesize": 12,
            "axes.titlelocation": "left",
            "axes.titlepad": 10,
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.grid": True,
            "axes.axisbelow": True,
            "axes.prop_cycle": cycler(color=PALETTE),
            "grid.color": "#E6E8EB",
            "grid.linewidth": 0.8,
            "text.color": INK,
            "xtick.color": "#5B626C",
            "ytick.color": "#5B626C",
            "lines.linewidth": 2.0,
            "lines.solid_capstyle": "round",
            "legend.frameon": False,
            "image.cmap": "Greys",
            "font.size": 10.5,
        }
    )
    if "ipykernel" in sys.modules:
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("retina")


def label_line(ax: Axes, x: ArrayLike, y: ArrayLike, text: str, color: Any = None) -> Annotation:
    """Write `text` beside the last finite point of a line; labels that would overlap are pushed apart.

    Positions are worked out whenever the figure is drawn, so limits and scales may still change afterwards.

    Parameters
    ----------
    ax
        The axes the line was drawn in.
    x, y
        The line's points, (n,) each; or one point, as two numbers.
    text
        The label.
    color
        Any matplotlib colour; the line's own is the one to give. None: the colour of plain text.

    Returns
    -------
    Annotation
        The label, for changes of size or weight.

    Raises
    ------
    ValueError
        `x` and `y` differ in length, or no point of the line is finite.
    """
    xs, ys = np.atleast_1d(np.asarray(x, dtype=float)), np.atleast_1d(np.asarray(y, dtype=float))
    if xs.shape != ys.shape or xs.ndim != 1:
        raise ValueError(
            f"label_line(x, y) expects two sequences of one length; got shapes {xs.shape} and {ys.shape}. "
            "Pass the same arrays that were passed to ax.plot."
        )
    finite = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
    if finite.size == 0:
        raise ValueError(
            f"label_line(y) expects at least one finite point to stand beside; {text!r} has none. "
            "Use ax.text to write about a line that cannot be seen."
        )
    end = float(xs[finite[-1]]), float(ys[finite[-1]])
    place = _Beside(ax, end)
    return ax.annotate(
        text,
        xy=end,
        xytext=(0, 0),
        textcoords=place,
        color=INK if color is None else color,
        va="center",
        ha="left",
        annotation_clip=False,
    )


class _Beside:
    """Where a label stands, asked by matplotlib whenever it draws: beside its line, clear of the others."""

    def __init__(self, ax: Axes, end: tuple[float, float]) -> None:
        self.ax, self.end = ax, end

    def __call__(self, renderer: Any) -> Transform:
        """Give the translation, in pixels, from (0, 0) to the label's left edge."""
        from matplotlib.text import Annotation
        from matplotlib.transforms import Affine2D

        labels = [text for text in self.ax.texts if isinstance(text, Annotation) and text.get_visible()]
        labels = [label for label in labels if isinstance(label.anncoords, _Beside)]
        ends = self.ax.transData.transform([label.anncoords.end for label in labels])  # type: ignore[union-attr]
        pixels = renderer.points_to_pixels(1.0)
        height = pixels * max(label.get_fontsize() for label in labels) * 1.25

        me = next(i for i, label in enumerate(labels) if label.anncoords is self)
        by_x = np.argsort(ends[:, 0], kind="stable")
        cuts = np.flatnonzero(np.diff(ends[by_x, 0]) > _LABEL_REACH * pixels) + 1
        group = next(group for group in np.split(by_x, cuts) if me in group)
        levels = dict(zip(group.tolist(), spread(ends[group, 1], height), strict=True))
        return Affine2D().translate(ends[me, 0] + _LABEL_GAP * pixels, levels[me])


def spread(values: ArrayLike, gap: float) -> list[float]:
    """Move values as little as possible so that no two are nearer than `gap`; their order stays.

    Parameters
    ----------
    values
        Positions, (n,).
    gap
        The smallest distance allowed, in the unit of `values`.

    Examples
    --------
    >>> spread([0.0, 1.0, 10.0], 3.0)
    [-1.0, 2.0, 10.0]
    """
    wanted = np.asarray(values, dtype=float)
    order = np.argsort(wanted, kind="stable")
    # Without the gaps the new positions only have to be non-decreasing, the nearest such sequence being
    # the one of isotonic regression: pool neighbours that are out of order into their mean.
    blocks: list[tuple[float, int]] = []
    for value in wanted[order] - gap * np.arange(len(order)):
        mean, size = float(value), 1
        while blocks and blocks[-1][0] > mean:
            other, n_other = blocks.pop()
            mean, size = (mean * size + other * n_other) / (size + n_other), size + n_other
        blocks.append((mean, size))
    level = np.repeat([mean for mean, _ in blocks], [size for _, size in blocks]) + gap * np.arange(len(order))
    placed = np.empty(len(order))
    placed[order] = level
    return [float(value) for value in placed]


def history(history: Any, metric: str = "loss", ax: Axes | None = None) -> Axes:
    """Plot a metric by epoch, on the training rows and, where there is one, on the validation rows.

    The two lines always have the same two colours and are labelled at their ends. A value that is not a
    number cannot be drawn; the label then says at which epoch the first one came.

    Parameters
    ----------
    history
        What `fit` returned, or its `.history`: name to one value an epoch.
    metric
        A name in it, such as "loss" or "accuracy"; "val_loss" plots the same pair.
    ax
        Where to draw. None: a new figure.

    Returns
    -------
    Axes
        Epochs, counted from 1 as the progress bar does, against the metric.

    Raises
    ------
    TypeError
        `history` is neither a History nor a dict.
    ValueError
        The metric was not recorded, or nothing was.
    """
    epochs, logs = _recorded(history)
    name = metric.removeprefix("val_")
    lines = [
        (key, label, color)
        for key, label, color in [(name, "train", TRAIN), (f"val_{name}", "validation", VALIDATION)]
        if key in logs
    ]
    if not lines:
        raise ValueError(_unknown_metric(metric, logs))

    from matplotlib.ticker import MaxNLocator

    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots()
    for key, label, color in lines:
        values = np.asarray(logs[key], dtype=float)
        at = _epochs_of(values, epochs)
        ax.plot(at, values, color=color, marker="o" if len(values) < 16 else None, markersize=4)
        lost = np.flatnonzero(~np.isfinite(values))
        if lost.size:
            label = f"{label} ({values[lost[0]]} from epoch {at[lost[0]]:g})"
        if lost.size < values.size:
            label_line(ax, at, values, label, color)
        else:
            level = 0.55 if key == name else 0.45
            ax.text(0.5, level, label, color=color, transform=ax.transAxes, ha="center", va="center")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    ax.set(xlabel="epoch", ylabel=name)
    return ax


def timeline(seen: Any, first: int = 0, steps: int = 3, ax: Axes | None = None) -> Axes:
    """Draw a few training steps of a watched `fit` as a score: a line for each part, a block when it plays.

    Beside each line stand how often the part ran in all, and its share of the time.

    Parameters
    ----------
    seen : Watch
        What ``with watch(model) as seen:`` gave, after a `fit`.
    first : int
        The first step to draw, from 0.
    steps : int
        How many.
    ax
        Where to draw. None: a new figure.

    Returns
    -------
    Axes
        Milliseconds since the first step drawn, against the parts of the loop.

    Raises
    ------
    ValueError
        Fewer steps were seen.
    """
    takes = [start for part, start, _ in seen.events if part == "data"]
    if first < 0 or steps < 1 or len(takes) < first + steps:
        raise ValueError(
            f"plot.timeline(first={first}, steps={steps}) needs {first + steps} steps; {len(takes)} were seen. "
            "Call fit inside the `with watch(model) as seen:` block, or ask for earlier steps."
        )
    if ax is None:
        import matplotlib.pyplot as plt

        _, ax = plt.subplots(figsize=(8.4, 3.6))
    begin = takes[first]
    end = takes[first + steps] if first + steps < len(takes) else seen.events[-1][2]
    parts = [part for part, times in seen.calls.items() if times]
    total = sum(seen.seconds.values())
    beside = ax.get_yaxis_transform()
    for row, part in enumerate(parts):
        color = {"validation": VALIDATION, "callbacks": THIRD}.get(part, TRAIN)
        blocks = [
            ((start - begin) * 1e3, (stop - start) * 1e3)
            for name, start, stop in seen.events
            if name == part and begin <= start < end
        ]
        ax.broken_barh(blocks, (row - 0.36, 0.72), facecolor=color, edgecolor=color, linewidth=0.8)
        share = seen.seconds[part] / total
        told = f"{seen.calls[part]:,} times, " + (f"{share:.0%}" if share >= 0.005 else "under 1%")
        ax.text(1.02, row, told, transform=beside, va="center", color=color)
    for number, take in enumerate(takes[first : first + steps], start=first + 1):
        at = (take - begin) * 1e3
        ax.axvline(at, color="#9AA0A8", linewidth=0.8, linestyle=(0, (4, 4)), zorder=0)
        ax.text(at, -0.75, f" step {number}", color="#5B626C", va="bottom", size="small")
    ax.text(1.02, -0.75, "in the whole run", transform=beside, color="#5B626C", va="bottom", size="small")
    ax.set_yticks(range(len(parts)), parts)
    ax.set(xlim=(0, (end - begin) * 1e3), ylim=(len(parts) - 0.4, -0.6), xlabel="milliseconds")
    ax.grid(False, axis="y")
    ax.tick_params(axis="y", length=0)
    return ax


def _recorded(history: Any) -> tuple[np.ndarray, Mapping[str, Sequence[float]]]:
    """Give the epochs, counted from 1, and the recorded values of a History or of its dict."""
    logs = getattr(history, "history", history)
    if not isinstance(logs, Mapping):
        raise TypeError(
            "plot.history(history) expects what fit returned, or its .history dict; "
            f"got {type(history).__name__}. Keep it with `history = model.fit(...)`."
        )
    if not logs or not any(len(values) for values in logs.values()):
        raise ValueError(
            "plot.history(history) expects at least one finished epoch; this one has none. Call fit first."
        )
    longest = max(len(values) for values in logs.values())
    epoch = list(getattr(history, "epoch", ()))
    return np.asarray(epoch if len(epoch) == longest else range(longest)) + 1, logs


def _epochs_of(values: np.ndarray, epochs: np.ndarray) -> np.ndarray:
    # With validation_freq=k a value stands at every k-th epoch, and the history does not say k.
    every = max(1, len(epochs) // max(1, len(values)))
    return epochs[every - 1 :: every][: len(values)]


def _unknown_metric(metric: str, logs: Mapping[str, Any]) -> str:
    names = ", ".join(f'"{name}"' for name in logs)
    near = difflib.get_close_matches(metric, list(logs), n=1, cutoff=0.5)
    remedy = f' Did you mean "{near[0]}"?' if near else " Name it in compile(metrics=[...]) to have it recorded."
    return f'plot.history(metric=...) expects one of {names}; got "{metric}". {remedy}'
