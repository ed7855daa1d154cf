"""The one picture of the course: the training loop, with the part a notebook is about lit.

The drawing is plain matplotlib. It has its own white card, so it reads the same on light and dark pages.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minifit.plot import INK, THIRD, TRAIN, VALIDATION

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Stroke = Sequence[tuple[float, float]]


class Station(NamedTuple):
    """One stop on the loop: where it stands, what it does in code, and on which side it says so."""

    x: float
    y: float
    code: str
    color: str
    above: bool = False


# The unit is the inch. The inner loop runs clockwise: along its upper side, back along its lower side.
STATIONS = {
    "data": Station(1.75, 3.16, "x, y = batch", TRAIN, above=True),
    "forward": Station(3.45, 3.16, "y_pred = model(x)", TRAIN, above=True),
    "loss": Station(5.15, 3.16, "loss(y, y_pred)", TRAIN, above=True),
    "gradients": Station(5.15, 1.86, "tape.gradient()", TRAIN),
    "update": Station(3.45, 1.86, "optimizer.apply()", TRAIN),
    "metrics": Station(1.75, 1.86, "metrics.update()", TRAIN),
    "validation": Station(7.02, 2.51, "evaluate()", VALIDATION),
    "callbacks": Station(8.15, 2.51, "on_epoch_end()", THIRD),
    "history": Station(9.28, 2.51, "history.append()", THIRD),
}
LOOPS = {"epochs": VALIDATION, "batches": TRAIN}
PARTS = ("data", "epochs", "batches", *[name for name in STATIONS if name != "data"])

WIDTH, HEIGHT = 10.4, 4.6
_CARD = "#FFFFFF"
_CALM_TILE, _CALM_ICON, _CALM_TEXT, _CALM_LINE = "#E9ECEF", "#8D949D", "#767D87", "#D3D8DE"
_TILE = 0.31  # the side of a station, before the padding around its icon


def loop_picture(lit: str | Iterable[str] | None = None) -> Figure:
    """Draw the training loop with some of its parts lit.

    Parameters
    ----------
    lit
        A part or several: "data", "epochs", "batches", "forward", "loss", "gradients", "update", "metrics",
        "validation", "callbacks", "history". None: all of them, the whole machine.

    Returns
    -------
    matplotlib Figure
        It belongs to no window and to no list of open figures, so a notebook shows it once, as a value.

    Raises
    ------
    ValueError
        A name that is no part of the loop.
    """
    parts = _parts(lit)

    from matplotlib.figure import Figure

    class Picture(Figure):
        """A figure that shows itself in a notebook where pyplot has not been imported, too."""

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            import io

            buffer = io.BytesIO()
            self.savefig(buffer, format="png", dpi=200)
            return buffer.getvalue(), {"width": round(WIDTH * 100), "height": round(HEIGHT * 100)}

        def __repr__(self) -> str:
            shown = "the whole machine" if lit is None else ", ".join(sorted(parts, key=PARTS.index))
            return f"The training loop: {shown}"

    figure = Picture(figsize=(WIDTH, HEIGHT), dpi=100, facecolor="none", edgecolor="none")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set(xlim=(0, WIDTH), ylim=(0, HEIGHT), aspect="equal")
    ax.axis("off")
    _draw_card(ax)
    _draw_outer_loop(ax, "epochs" in parts)
    _draw_inner_loop(ax, "batches" in parts)
    for name, station in STATIONS.items():
        _draw_station(ax, name, station, name in parts, halo=len(parts) < len(PARTS))
    return figure


def save_picture(path: str | os.PathLike[str], lit: str | Iterable[str] | None = None) -> Path:
    """Write the picture to a file, whose ending says the format: .svg, .png, .pdf.

    Parameters
    ----------
    path
        Where; a file that is there is replaced in one move.
    lit
        As for `loop_picture`.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    ValueError
        An ending that matplotlib does not write, or an unknown part.
    """
    target = Path(path)
    figure = loop_picture(lit)
    formats = figure.canvas.get_supported_filetypes()
    kind = target.suffix.removeprefix(".").lower()
    if kind not in formats:
        raise ValueError(f"save_picture(path) expects a name that ends in .svg, .png or .pdf; got {target.name!r}.")
    import matplotlib as mpl

    draft = target.with_name(f".{target.name}.{os.getpid()}")
    # A fixed salt and no date: the same picture gives the same file, whenever it is made.
    with mpl.rc_context({"svg.hashsalt": "minifit"}):
        figure.savefig(draft, format=kind, dpi=200, metadata={"Date": None} if kind == "svg" else None)
    draft.replace(target)
    return target


def _parts(lit: str | Iterable[str] | None) -> set[str]:
    if lit is None:
        return set(PARTS)
    names = [lit] if isinstance(lit, str) else list(lit)
    for name in names:
        if name not in PARTS:
            near = difflib.get_close_matches(str(name), PARTS, n=1, cutoff=0.5)
            remedy = f' Did you mean "{near[0]}"?' if near else ""
            raise ValueError(
                f"loop_picture(lit=...) expects parts of the loop: {', '.join(PARTS)}; got {name!r}.{remedy}"
            )
    return set(names)


def _draw_card(ax: Axes) -> None:
    _box(ax, (0.17, 0.17), (WIDTH - 0.34, HEIGHT - 0.34), 0.12, 0.22, facecolor=_CARD, edgecolor="#DDE1E6")
    corner = WIDTH - 0.42, HEIGHT - 0.42
    ax.text(*corner, "model.fit(x, y)", family="monospace", size=12, color=INK, ha="right", va="top")


def _box(ax: Axes, at: tuple[float, float], size: tuple[float, float], pad: float, radius: float, **look: Any) -> None:
    from matplotlib.patches import FancyBboxPatch

    style = f"round,pad={pad},rounding_size={radius}"
    ax.add_patch(FancyBboxPatch(at, *size, boxstyle=style, **{"linewidth": 1, **look}))


def _draw_outer_loop(ax: Axes, lit: bool) -> None:
    color, width = _line(LOOPS["epochs"], lit)
    y, right, left, bottom = STATIONS["history"].y, WIDTH - 0.42, 0.42, 0.57
    back = _rounded([(5.98, y), (right, y), (right, bottom), (left, bottom), (left, y), (0.9, y)], 0.3)
    ax.plot(*back.T, color=color, linewidth=width, solid_capstyle="butt", zorder=1)
    _arrow(ax, (0.82, y), 0, color, lit)
    _arrow(ax, (6.36, y), 0, color, lit)
    for before, after in [("validation", "callbacks"), ("callbacks", "history")]:
        _arrow(ax, ((STATIONS[before].x + STATIONS[after].x) / 2 + 0.05, y), 0, color, lit)
    _chip(ax, (WIDTH / 2, bottom), "epochs", "every pass over the data", LOOPS["epochs"], lit, _CARD)


def _draw_inner_loop(ax: Axes, lit: bool) -> None:
    color, width = _line(LOOPS["batches"], lit)
    face, edge = ("#F1F7FC", "#CFE1F0") if lit else ("#F6F8FA", "#E4E8EC")
    _box(ax, (1.07, 1.06), (4.76, 2.9), 0.12, 0.2, facecolor=face, edgecolor=edge, zorder=2)
    first, corner = STATIONS["data"], STATIONS["gradients"]
    top, low = first.y, corner.y
    left, right = first.x - 0.42, corner.x + 0.42
    start = (STATIONS["forward"].x, top)  # under a station, where the ends of the line do not show
    corners = [start, (right, top), (right, low), (left, low), (left, top), start]
    track = _rounded(corners, (top - low) / 2)
    ax.plot(*track.T, color=color, linewidth=width, zorder=3)
    between = (first.x + start[0]) / 2, (start[0] + corner.x) / 2
    for x in between:
        _arrow(ax, (x + 0.05, top), 0, color, lit, zorder=4)
        _arrow(ax, (x - 0.05, low), 180, color, lit, zorder=4)
    _arrow(ax, (right, (top + low) / 2 - 0.04), -90, color, lit, zorder=4)
    _arrow(ax, (left, (top + low) / 2 + 0.04), 90, color, lit, zorder=4)
    _chip(ax, (start[0], (top + low) / 2), "batches", "every few rows", LOOPS["batches"], lit, None)


def _line(color: str, lit: bool) -> tuple[str, float]:
    return (color, 3.4) if lit else (_CALM_LINE, 2.2)


def _arrow(ax: Axes, tip: tuple[float, float], degrees: float, color: str, lit: bool, zorder: float = 2.5) -> None:
    from matplotlib.patches import Polygon

    size = 0.11 if lit else 0.085
    shape = np.array([(1.0, 0.0), (-0.75, 0.95), (-0.35, 0.0), (-0.75, -0.95)]) * size
    turn = np.deg2rad(degrees)
    rotation = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    ax.add_patch(Polygon(shape @ rotation + tip, closed=True, color=color, linewidth=1, zorder=zorder))


def _chip(ax: Axes, at: tuple[float, float], name: str, said: str, color: str, lit: bool, face: str | None) -> None:
    from matplotlib.offsetbox import AnnotationBbox, HPacker, TextArea

    ink, tone = (color, INK) if lit else (_CALM_TEXT, _CALM_ICON)
    words: list[Artist] = [
        TextArea(name, textprops={"size": 12, "color": ink, "weight": "bold"}),
        TextArea(said, textprops={"size": 9, "color": tone}),
    ]
    box = AnnotationBbox(
        HPacker(children=words, align="baseline", pad=0, sep=6),
        at,
        frameon=face is not None,
        pad=0.5,
        bboxprops={"facecolor": face, "edgecolor": "none"} if face else None,
    )
    box.zorder = 5
    ax.add_artist(box)


def _draw_station(ax: Axes, name: str, station: Station, lit: bool, halo: bool) -> None:
    from matplotlib.colors import to_rgb

    x, y = station.x, station.y
    face, icon, text = (station.color, "white", INK) if lit else (_CALM_TILE, _CALM_ICON, _CALM_TEXT)
    square: dict[str, Any] = {"ax": ax, "at": (x - _TILE / 2, y - _TILE / 2), "size": (_TILE, _TILE)}
    if lit and halo:
        pale = tuple(0.82 + 0.18 * level for level in to_rgb(face))
        _box(**square, pad=0.225, radius=0.2, facecolor=pale, edgecolor="none", zorder=5)
    _box(**square, pad=0.155, radius=0.13, facecolor=face, edgecolor="white", linewidth=2.5, zorder=6)
    for stroke in ICONS[name]:
        points = np.asarray(stroke, dtype=float) * 0.2 + (x, y)
        dot: dict[str, Any] = {"marker": "o", "markersize": 4.2, "markeredgewidth": 0}
        ax.plot(
            *points.T,
            color=icon,
            linewidth=1.7,
            solid_capstyle="round",
            zorder=7,
            **(dot if len(points) == 1 else {}),
        )
    name_y, code_y = (y + 0.63, y + 0.46) if station.above else (y - 0.475, y - 0.665)
    middle: dict[str, Any] = {"ha": "center", "va": "center", "zorder": 6}
    ax.text(x, name_y, name, size=10.5, weight="bold" if lit else "normal", color=text, **middle)
    tone = _CALM_TEXT if lit else _CALM_ICON
    ax.text(x, code_y, station.code, size=7.6, family="monospace", color=tone, **middle)


def _rounded(corners: Stroke, radius: float) -> np.ndarray:
    """Give the points of a path through `corners` whose turns are arcs of `radius`, (n, 2)."""
    points = np.asarray(corners, dtype=float)
    path = [points[:1]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        into, out = corner - before, after - corner
        into, out = into / np.hypot(*into), out / np.hypot(*out)
        angle = np.linspace(0, np.pi / 2, 24)[:, None]
        path.append(corner - radius * into * (1 - np.sin(angle)) + radius * out * (1 - np.cos(angle)))
    return np.concatenate([*path, points[-1:]])


def _arc(x: float, y: float, radius: float, start: float = 0, stop: float = 360) -> np.ndarray:
    angle = np.deg2rad(np.linspace(start, stop, 40))
    return np.column_stack([x + radius * np.cos(angle), y + radius * np.sin(angle)])


_ACROSS = np.linspace(-1, 1, 40)
_LID = 0.72 * (1 - _ACROSS**2)
_KNOBS = [(-0.35, 0.7), (0.45, 0.0), (-0.1, -0.7)]

# Strokes in a square from -1 to 1; a stroke of one point is a dot.
ICONS: dict[str, list[Any]] = {
    "data": [
        [(-1, -0.95), (0.45, -0.95), (0.45, 0.5), (-1, 0.5), (-1, -0.95)],
        [(-0.5, 0.95), (0.95, 0.95), (0.95, -0.5)],
        [(-1, -0.45), (-0.5, -0.05), (-0.1, -0.4), (0.15, -0.2), (0.45, -0.5)],
    ],
    "forward": [
        [(-1, -0.85), (-1, 0.85)],
        [(-0.45, -0.6), (-0.45, 0.6)],
        [(0.02, 0), (1, 0)],
        [(0.6, 0.42), (1, 0), (0.6, -0.42)],
    ],
    "loss": [_arc(0, 0, 0.98), _arc(0, 0, 0.5), [(0, 0)]],
    "gradients": [
        np.column_stack([_ACROSS, 1.75 * _ACROSS**2 - 0.85]),
        [(-0.62, 0.35)],
        [(-0.3, 0.25), (0.0, -0.22)],
        [(-0.27, -0.14), (0.0, -0.22), (0.1, 0.06)],
    ],
    "update": [[(-1, y), (1, y)] for _, y in _KNOBS] + [_arc(x, y, s) for x, y in _KNOBS for s in (0.1, 0.2)],
    "metrics": [_arc(0, -0.45, 1.0, 0, 180), [(0, -0.45), (0.5, 0.18)], [(0, -0.45)]],
    "validation": [
        np.column_stack([_ACROSS, _LID]),
        np.column_stack([_ACROSS, -_LID]),
        _arc(0, 0, 0.28),
        [(0, 0)],
    ],
    "callbacks": [
        [
            (-0.95, -0.5),
            (-0.65, -0.2),
            *_arc(0, 0.3, 0.65, 180, 0),
            (0.65, -0.2),
            (0.95, -0.5),
            (-0.95, -0.5),
        ],
        _arc(0, -0.62, 0.28, 205, 335),
        [(0, 0.95), (0, 1.1)],
    ],
    "history": [
        [(-0.95, 0.95), (-0.95, -0.95), (0.95, -0.95)],
        np.column_stack([0.15 + 0.75 * _ACROSS, 1.4 * np.exp(-2 - 2 * _ACROSS) - 0.6]),
    ],
}
