"""What was measured, as a table and as a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def table(workload: str, found: dict[str, dict[str, Any]], unit: str = "us") -> str:
    """Return one workload as lines: engine, CPU and clock per step, and how many times minifit's CPU that is."""
    scale = {"us": 1e6, "s": 1.0}[unit]
    ours = found.get("minifit", {}).get("cpu")
    lines = [f"{workload:34} {'CPU ' + unit:>10} {'clock ' + unit:>10} {'x minifit':>10}"]
    for name, row in sorted(found.items(), key=lambda item: item[1].get("cpu", float("inf"))):
        if "missing" in row:
            lines.append(f"  {name:32} {row['missing']:>10}")
            continue
        ratio = f"{row['cpu'] / ours:10.2f}" if ours else ""
        lines.append(f"  {name:32} {row['cpu'] * scale:10.2f} {row['wall'] * scale:10.2f} {ratio}")
    return "\n".join(lines)


def write_plot(result: dict[str, Any], path: Path) -> None:
    """Draw every engine's CPU time as a multiple of minifit's, a panel a workload; nothing without matplotlib."""
    try:
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt
    except ImportError:
        return
    panels = {name: rows for name, rows in result["workloads"].items() if "cpu" in rows.get("minifit", {})}
    if not panels:
        return
    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(5 * columns, 2.8 * rows), squeeze=False, layout="constrained")
    for ax in axes.flat[len(panels) :]:
        ax.set_visible(False)
    for ax, (workload, found) in zip(axes.flat, panels.items(), strict=False):
        ours = found["minifit"]["cpu"]
        ratios = {name: row["cpu"] / ours for name, row in found.items() if "cpu" in row}
        ordered = sorted(ratios, key=ratios.__getitem__, reverse=True)
        colours = ["#d55e00" if name == "minifit" else "#999999" if name == "floor" else "#0072b2" for name in ordered]
        ax.barh(ordered, [ratios[name] for name in ordered], color=colours)
        ax.axvline(1, color="black", linewidth=0.8)
        ax.set_xscale("log")
        ax.set_title(workload, loc="left", fontsize=10)
        for i, name in enumerate(ordered):
            ax.text(ratios[name], i, f" {ratios[name]:.2g}", va="center", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
        ax.margins(x=0.15)
    figure.suptitle("CPU time per step, as a multiple of minifit's (log scale)", x=0.01, ha="left")
    figure.savefig(path, dpi=110)
