"""Training curves, still and moving: one palette, one style, and every line labelled at its own end.

matplotlib is imported inside the functions, so that `import minifit` needs NumPy alone.
"""

from __future__ import annotations

import base64
import difflib
import io
import sys
import time
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
    ends = [*takes[first + 1 : first + steps], end]
    for number, (take, over) in enumerate(zip(takes[first : first + steps], ends, strict=True), start=first + 1):
        at = (take - begin) * 1e3
        ax.axvline(at, color="#9AA0A8", linewidth=0.8, linestyle=(0, (4, 4)), zorder=0)
        if over - take > 0.12 * (end - begin):  # else its name would run into the next
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


# --------------------------------------------------------------------------- plots that move


class Live:
    """A plot that moves while a loop runs: curves that grow, or a figure of your own that changes.

    Somebody who watches a notebook sees it redrawn a few times a second, for at most a fifth of the time
    that the loop takes. Where nobody watches (a graded run, a script) it is drawn once, when the cell is done.

    Parameters
    ----------
    *panels : str or sequence of str
        One panel each. ``"loss"`` draws `loss` and, where it comes, `val_loss`; a list draws each of
        its names. Default: "loss".
    figure
        Instead of panels: any matplotlib figure. Change what is in it, then call `draw`.
    every : {"epoch", "batch"}
        As a callback: when to take a point.
    moving : bool, optional
        Default: whether somebody watches.

    Attributes
    ----------
    figure : Figure
    axes : list of Axes
        One a panel, for titles, limits and scales.

    Examples
    --------
    A point a call, or as a callback a point an epoch, ``model.fit(..., callbacks=[plot.Live("loss")])``:

    >>> live = Live(["careful", "bold"])
    >>> for step in range(3):
    ...     live.add(careful=1 / (step + 1), bold=(-1) ** step)
    >>> [len(line.get_xdata()) for line in live.axes[0].lines]
    [3, 3]
    """

    #: Only a curve by batch reads the logs of batches; others need not be computed for it.
    reads_batch_logs = True

    def __init__(
        self,
        *panels: str | Sequence[str],
        figure: Any = None,
        every: str = "epoch",
        moving: bool | None = None,
    ) -> None:
        if every not in ("epoch", "batch"):
            raise ValueError(f'plot.Live(every=...) expects "epoch" or "batch"; got {every!r}.')
        if figure is not None and panels:
            raise ValueError("plot.Live() expects panels or a figure, not both; leave out figure=.")
        import matplotlib.pyplot as plt

        self._panels = [] if figure is not None else [_names_of(panel) for panel in panels or ("loss",)]
        if figure is None:
            width = 7.0 if len(self._panels) == 1 else 10.0
            figure, _ = plt.subplots(1, len(self._panels), figsize=(width, 3.6), layout="constrained")
        self.figure, self.axes = figure, list(figure.axes)
        for panel, ax in zip(self._panels, self.axes, strict=False):
            ax.set_xlabel("epoch" if every == "epoch" else "step")
            if panel.keys() == _names_of(next(iter(panel))).keys():
                ax.set_ylabel(next(iter(panel)))
        self._curves: dict[str, _Curve] = {}
        self._screen = _Screen(figure, moving)
        self._batches = 0
        if every == "batch":
            self.on_train_batch_end = self._take_batch

    def add(self, x: float | None = None, /, **values: float) -> None:
        """Add a point to each of some curves.

        Parameters
        ----------
        x : float, optional
            Where; by default each curve counts its points from 1.
        **values : float
            By the names given at the beginning; others are left out.
        """
        for panel, ax in zip(self._panels, self.axes, strict=False):
            for name, (label, color) in panel.items():
                if name in values:
                    curve = self._curves.get(name) or self._curves.setdefault(name, _Curve(ax, label, color))
                    curve.add(x, float(values[name]))
        if not any(name in values for panel in self._panels for name in panel):
            raise ValueError(_no_such_curve(self._panels, values))
        self._screen.changed()

    def draw(self) -> None:
        """Show the figure as it is now, unless it was shown a moment ago; its last state is always shown."""
        self._screen.changed()

    # -- as a callback: of fit here, of Keras', of any that calls the same hooks --------------------

    def set_model(self, model: Any) -> None:
        """Callbacks are given the model; the plot does not need it."""

    def set_params(self, params: Mapping[str, Any] | None) -> None:
        """Callbacks are told how many epochs there will be."""
        epochs = (params or {}).get("epochs")
        if "on_train_batch_end" not in vars(self) and isinstance(epochs, int) and epochs > 1:
            for ax in self.axes:
                ax.set_xlim(1, epochs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        """Take a point, unless they are taken by batch."""
        if "on_train_batch_end" not in vars(self):
            self.add(epoch + 1, **dict(logs or {}))

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        """A run that ended early leaves no empty room to its right."""
        for ax in self.axes:
            ax.set_xlim(auto=True)
            ax.autoscale_view()
        self._screen.changed()

    def _take_batch(self, batch: int, logs: Mapping[str, float] | None = None) -> None:
        self._batches += 1
        self.add(self._batches, **dict(logs or {}))

    def __getattr__(self, name: str) -> Any:
        # Every other hook does nothing; it is no method, so that nothing is prepared for it either.
        if name.startswith("on_"):
            return lambda *_, **__: None
        raise AttributeError(f"{type(self).__name__} has no {name!r}")


def _names_of(panel: str | Sequence[str]) -> dict[str, tuple[str, str]]:
    """A panel's curves: name → label and colour."""
    if isinstance(panel, str):
        name = panel.removeprefix("val_")
        return {name: ("train", TRAIN), f"val_{name}": ("validation", VALIDATION)}
    return {name: (name, PALETTE[i % len(PALETTE)]) for i, name in enumerate(panel)}


def _no_such_curve(panels: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    wanted = ", ".join(f'"{name}"' for panel in panels for name in panel)
    came = ", ".join(f'"{name}"' for name in values) or "nothing"
    return f"plot.Live.add() expects a value for one of {wanted}; got {came}."


class _Curve:
    """A line that grows, with its label at its end."""

    def __init__(self, ax: Axes, label: str, color: str) -> None:
        self.ax, self.label, self.color = ax, label, color
        self.x: list[float] = []
        self.y: list[float] = []
        (self.line,) = ax.plot([], [], color=color, markersize=4)
        self.text: Annotation | None = None

    def add(self, x: float | None, y: float) -> None:
        self.x.append(len(self.x) + 1 if x is None else x)
        self.y.append(y)
        self.line.set_data(self.x, self.y)
        self.line.set_marker("o" if len(self.x) < 16 else "None")  # a line of one point would not be seen
        self.ax.relim()
        self.ax.autoscale_view()
        if not np.isfinite(y):
            return
        if self.text is None:
            self.text = label_line(self.ax, self.x[-1], y, self.label, self.color)
        else:
            end = float(self.x[-1]), float(y)
            self.text.xy = end
            self.text.anncoords.end = end  # type: ignore[union-attr]


class _Screen:
    """Where a figure is seen: an output of a notebook's cell that is replaced, or nowhere yet.

    A figure that this shows is taken from pyplot, or it would be shown once more at the end of the cell.
    """

    def __init__(self, figure: Any, moving: bool | None) -> None:
        shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
        self.shell: Any = shell if getattr(shell, "kernel", None) is not None else None
        self.figure = figure
        self.moving = _somebody_watches(self.shell) if moving is None else moving
        self.next = 0.0  # not before this time, in seconds
        self.cell: Any = None  # the run of a cell in which it was shown
        self.handle: Any = None
        self.waiting = False
        if self.shell is not None:
            import matplotlib.pyplot as plt

            plt.close(figure)

    def changed(self) -> None:
        if self.shell is None:
            return
        if not self.waiting:
            self.waiting = True
            self.shell.events.register("post_execute", self.last)
        if self.moving and time.monotonic() >= self.next:
            begin = time.monotonic()
            self.show(100)
            self.next = time.monotonic() + max(0.1, 4 * (time.monotonic() - begin))

    def last(self) -> None:
        """The cell is done: show the final state, sharply."""
        self.waiting = False
        self.shell.events.unregister("post_execute", self.last)
        self.show(200)

    def show(self, dpi: int) -> None:
        from IPython.display import display

        image = io.BytesIO()
        self.figure.savefig(image, format="png", dpi=dpi)
        width, height = (round(100 * inches) for inches in self.figure.get_size_inches())
        data = {"image/png": base64.b64encode(image.getvalue()).decode(), "text/plain": "<a plot>"}
        known = {"metadata": {"image/png": {"width": width, "height": height}}, "raw": True}
        if self.cell == self.shell.execution_count and self.handle is not None:
            self.handle.update(data, **known)
        else:  # in each run of a cell a new output: the old one may have been cleared
            self.cell = self.shell.execution_count
            self.handle = display(data, display_id=True, **known)


def _somebody_watches(shell: Any) -> bool:
    """Tell a notebook that is open in front of someone from one that is run by a program.

    Whoever can be asked something can also see something: the front end says so with every cell.
    """
    try:
        return bool(shell.kernel.get_parent("shell")["content"]["allow_stdin"])
    except (AttributeError, KeyError, TypeError):
        return False
