"""The glossary: one page, ``solutions/glossary.md``, and the links into it from notebooks.

A heading of the third level is an entry; ``[learning rate](../glossary.md#learning-rate)`` leads to it. Headwords are
written small, because JupyterLab makes a heading's anchor of its letters as they are and GitHub of small ones. In a
working copy, where the page lies beside the notebooks, the link leads there too: nothing is above JupyterLab's root.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

PAGE = "glossary.md"

_HEADING = re.compile(r"^### +(.+?) *$", re.MULTILINE)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]*glossary\.md[^)\s]*)\)")


def entries(page: str) -> list[str]:
    """The anchors of a page's entries, in order.

    Examples
    --------
    >>> entries("# Glossary\\n\\n### learning rate\\nHow far to walk.\\n")
    ['learning-rate']
    """
    return [heading.replace(" ", "-") for heading in _HEADING.findall(page)]


def links(cells: Iterable[Any]) -> list[str]:
    """Where the links of some cells lead in the glossary: anchors, in order, one for each link.

    What is no link of the agreed form is given whole, such as ``"glossary.md#step"``.
    """
    found = []
    for cell in cells:
        if cell.cell_type == "markdown":
            for _, target in _LINK.findall(cell.source):
                found.append(target.removeprefix(f"../{PAGE}#") if target.startswith(f"../{PAGE}#") else target)
    return found


def faults(page: str) -> list[str]:
    """What is wrong with the page itself: entries twice, out of order, with capitals or without a text."""
    heads = _HEADING.findall(page)
    texts = [text.strip() for text in _HEADING.split(page)[2::2]]
    wrong = [f"{head!r} stands in it twice" for head in sorted({h for h in heads if heads.count(h) > 1})]
    wrong += [
        f"{head!r} has capitals, so links to it would not work everywhere" for head in heads if head != head.lower()
    ]
    wrong += [f"{head!r} says nothing" for head, text in zip(heads, texts, strict=True) if not text]
    wrong += [f"{b!r} stands after {a!r}" for a, b in pairwise(heads) if b < a]
    return wrong
