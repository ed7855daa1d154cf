"""Printing prose: in lines that a notebook does not break in the middle of a word."""

from __future__ import annotations

import textwrap

WIDTH = 92  # characters; JupyterLab shows a few more on a laptop's screen


def say(text: str, indent: str = "") -> None:
    """Print a text, each of its lines folded."""
    for line in text.splitlines():
        print(*folded(line, indent), sep="\n")


def say_in_lines(text: str, most: int) -> None:
    """Print a verdict folded, its last line (what to try) whole, the middle cut if it grows too long."""
    *told, last = [folded(line) for line in text.splitlines()]
    lines = [line for each in told for line in each]
    if len(lines) + len(last) > most:
        lines = [*lines[: most - len(last) - 1], "..."]
    print(*lines, *last, sep="\n")


def folded(line: str, indent: str = "") -> list[str]:
    """A line as several that are narrow enough; an indented one stays indented."""
    indent = indent or line[: len(line) - len(line.lstrip())]
    return textwrap.fill(
        line, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ).splitlines()
