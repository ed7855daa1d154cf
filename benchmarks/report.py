"""What was measured, as tables and as plots."""

from __future__ import annotations

from pathlib import Path
from typing import Any

COLOURS = {
    **dict.fromkeys(("minifit", "minifit, data there"), "#d55e00"),
    **dict.fromkeys(("floor", "floor + traffic", "gpu floor", "gpu floor + traffic"), "#999999"),
}  # all others are blue
_OTHERS = "#0072b2"


def table(
    workload: str,
    found: dict[str, dict[str, Any]],
    unit: str = "us",
    ours: str = "minifit",
    columns: dict[str, str] | None = None,
    first: str = "cpu",
) -> str:
    """Return one workload as lines: engine, CPU and clock per step, and how many times minifit's these are.

    `columns` says which figures are shown, and under which names; the lines are in the order of the one under `first`.
    """
    columns = columns or {"cpu": "CPU", "wall": "clock"}
    scale = {"us": 1e6, "s": 1.0}[unit]
    base = found.get(ours, {})
    wide = max([24, *map(len, found)])
    heads = [f"{name + ' ' + unit:>10}" for name in columns.values()] + [f"{'x ' + n:>8}" for n in columns.values()]
    lines = [f"{workload:{wide + 2}} {' '.join(heads)}"]
    for name, row in sorted(found.items(), key=lambda item: item[1].get(first, float("inf"))):
        if "missing" in row:
            lines.append(f"  {name:{wide}} {row['missing']:>10}")
            continue
        cells = [f"{row[key] * scale:10.2f}" if key in row else f"{'-':>10}" for key in columns]
        cells += [f"{row[k] / base[k]:8.2f}" if k in row and k in base else f"{'-':>8}" for k in columns]
        lines.append(f"  {name:{wide}} {' '.join(cells)}")
    return "\n".join(lines)


def growth_table(kind: str, found: dict[str, Any]) -> str:
    """Return lines of CPU microseconds a step, an engine a column."""
    engines = list(next(iter(found.values())))
    lines = [f"{kind + ': CPU us a step':26}" + "".join(f"{name:>18}" for name in engines)]
    for workload, row in found.items():
        cells = (f"{row[name]['cpu'] * 1e6:18.1f}" if "cpu" in row[name] else f"{'-':>18}" for name in engines)
        lines.append(f"  {workload:24}" + "".join(cells))
    return "\n".join(lines)


def _pyplot() -> Any:
    """Return matplotlib's interface, or None without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return None
    return plt


def steps_plot(
    result: dict[str, Any], path: Path, key: str = "cpu", ours: str = "minifit", title: str = "CPU time"
) -> None:
    """Draw every engine's CPU time, or what else is under `key`, as a multiple of minifit's, a panel a workload."""
    plt = _pyplot()
    panels = {name: rows for name, rows in result["found"].items() if key in rows.get(ours, {})}
    if plt is None or not panels:
        return
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    size = {"figsize": (5 * columns, 3.3 * rows), "layout": "constrained"}
    figure, axes = plt.subplots(rows, columns, squeeze=False, sharex=True, **size)
    for ax in axes.flat[len(panels) :]:
        ax.remove()
    for ax, (workload, found) in zip(axes.flat, panels.items(), strict=False):
        base = found[ours][key]
        ratios = {name: row[key] / base for name, row in found.items() if key in row}
        ordered = sorted(ratios, key=ratios.__getitem__, reverse=True)
        # From 1 on: a bar to the right is slower than minifit, one to the left is quicker.
        for i, name in enumerate(ordered):
            ratio, colour = ratios[name], COLOURS.get(name, _OTHERS)
            ax.plot([1, ratio], [i, i], color=colour, linewidth=2.5, solid_capstyle="butt")
            ax.plot(ratio, i, "o", color=colour, markersize=6)
            left = ratio < 1
            ax.annotate(
                f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}",
                (ratio, i),
                (-7 if left else 7, 0),
                textcoords="offset points",
                ha="right" if left else "left",
                va="center",
                fontsize=8,
            )
        ax.axvline(1, color="#d55e00", linewidth=0.8)
        ax.set_yticks(range(len(ordered)), ordered, fontsize=8)
        ax.set_xscale("log")
        ax.set_title(f"{workload}   (minifit {_readable(base)} a step)", loc="left", fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
        ax.margins(x=0.18, y=0.08)
        ax.tick_params(axis="x", labelbottom=True, labelsize=8)
        ax.minorticks_off()
    low, high = axes.flat[0].get_xlim()  # one scale for all panels
    ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100) if low < tick < high]
    axes.flat[0].set_xticks(ticks, [f"{tick:g}×" for tick in ticks])
    n = result.get("threads")
    threads = f", {n} thread{'s' * (n > 1)}" if n else ""
    figure.suptitle(
        f"{title} as a multiple of minifit's{threads}, log scale; grey: the limits\n{_where(result)}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    figure.savefig(path, dpi=90)
    plt.close(figure)


def growth_plot(result: dict[str, Any], path: Path) -> None:
    """Draw time over samples, width and depth, a line an engine; grey: proportional to the numbers."""
    plt = _pyplot()
    if plt is None:
        return
    figure, axes = plt.subplots(1, len(result["found"]), figsize=(15, 4.4), layout="constrained")
    blues = ["#0072b2", "#56b4e9", "#009e73", "#cc79a7"]
    for ax, (kind, found) in zip(axes, result["found"].items(), strict=True):
        sizes = [int("".join(c for c in name if c.isdigit())) for name in found]
        engines = list(next(iter(found.values())))
        colours = iter(blues)
        ends = []
        for name in engines:
            values = [row[name].get("cpu", float("nan")) for row in found.values()]
            if kind == "samples":  # of an epoch, whose steps are many
                values = [value * size / 32 for value, size in zip(values, sizes, strict=True)]
            colour = COLOURS.get(name) or next(colours)
            ax.plot(sizes, values, "o-", color=colour, markersize=4, linewidth=2 if name == "minifit" else 1.3)
            if values[-1] == values[-1]:
                ends.append((values[-1], name, colour))
        ax.set_xscale("log", base=2)
        ax.set_yscale("log")
        ax.set_xticks(sizes, map(str, sizes), fontsize=8)
        ax.minorticks_off()
        ax.set_title(f"{kind}: CPU seconds {'an epoch' if kind == 'samples' else 'a step'}", loc="left", fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        _label_ends(ax, sizes[-1], ends)
    figure.suptitle(f"Growth (log scales)   {_where(result)}", x=0.01, ha="left", fontsize=10)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _label_ends(ax: Any, x: float, ends: list[tuple[float, str, str]]) -> None:
    """Write names at the ends of lines, moved apart where they would touch."""
    low, high = ax.get_ylim()
    apart = (high / low) ** 0.055
    place = 0.0
    for value, name, colour in sorted(ends):
        place = max(value, place * apart)
        ax.annotate(name, (x, place), (8, 0), textcoords="offset points", va="center", fontsize=8, color=colour)


def _readable(seconds: float) -> str:
    return f"{seconds * 1e6:.0f} µs" if seconds < 1e-3 else f"{seconds * 1e3:.1f} ms"


def _where(result: dict[str, Any]) -> str:
    of = result["machine"]
    return f"{of['processor']}, {of['cores']} cores, NumPy {of['numpy']}, Python {of['python']}, {of['date']}"
