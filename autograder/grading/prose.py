"""A learner's Markdown as HTML that can do nothing: no tag, link or picture of theirs, formulas without a script."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from html import escape
from typing import Any

_MOST = 20_000  # characters of a paragraph
_LONGEST = 2_000  # characters of a formula

_MATHML = "{http://www.w3.org/1998/Math/MathML}"
_TAGS = re.compile(
    r"math|mrow|mi|mn|mo|mtext|mspace|ms|msup|msub|msubsup|mfrac|msqrt|mroot|mover|munder|munderover|mtable|mtr|mtd|"
    r"mstyle|mpadded|mphantom|menclose|mmultiscripts|none|mprescripts"
)
_ATTRIBUTES = re.compile(
    r"display|displaystyle|scriptlevel|stretchy|fence|separator|lspace|rspace|accent|accentunder|linethickness|"
    r"mathvariant|columnalign|rowspacing|columnspacing|minsize|maxsize|movablelimits|largeop|notation|width|height|"
    r"depth|form"
)


def to_html(text: str) -> str:
    """Render a learner's prose.

    Parameters
    ----------
    text : str
        Markdown with formulas between dollars.

    Returns
    -------
    str
        HTML whose tags and attributes are all ours; formulas are MathML, which browsers show by themselves.

    Examples
    --------
    >>> to_html("a **bold** <script>")
    '<p>a <strong>bold</strong> &lt;script&gt;</p>'
    """
    cut = text[:_MOST] + ("…" if len(text) > _MOST else "")
    try:
        return _renderer()(cut).strip()
    except Exception:  # whatever a learner found to trip it with
        return f"<pre>{escape(cut)}</pre>"


def formula(latex: str, block: bool = False) -> str:
    """A formula as MathML; its source as code where it cannot be read."""
    source = f"<code>{escape(latex)}</code>"
    if len(latex) > _LONGEST:
        return source
    try:
        from latex2mathml.converter import convert

        root = ET.fromstring(convert(latex, display="block" if block else "inline"))
        return _checked(root)
    except Exception:
        return source


def _checked(node: ET.Element) -> str:
    tag = node.tag.removeprefix(_MATHML)
    if not _TAGS.fullmatch(tag):
        raise ValueError(tag)
    kept = "".join(f' {name}="{escape(value)}"' for name, value in node.attrib.items() if _ATTRIBUTES.fullmatch(name))
    inner = escape(node.text or "") + "".join(_checked(child) + escape(child.tail or "") for child in node)
    return f"<{tag}{kept}>{inner}</{tag}>"


def _renderer() -> Any:
    import mistune

    class Plain(mistune.HTMLRenderer):
        def link(self, text: str, url: str, title: str | None = None) -> str:
            return f"{text} ({escape(url)})" if url not in text else text

        def image(self, text: str, url: str, title: str | None = None) -> str:
            return f"{text} (picture: {escape(url[:200])})"

        def heading(self, text: str, level: int, **_: Any) -> str:
            return f"<p><strong>{text}</strong></p>\n"

        def block_code(self, code: str, info: str | None = None) -> str:
            return f"<pre>{escape(code)}</pre>\n"

        def inline_html(self, html: str) -> str:
            return escape(html)

        def block_html(self, html: str) -> str:
            return f"<p>{escape(html.strip())}</p>\n"

        def inline_math(self, text: str) -> str:
            return formula(text)

        def block_math(self, text: str) -> str:
            return f"<p>{formula(text, block=True)}</p>\n"

    return mistune.create_markdown(renderer=Plain(escape=True), plugins=["math", "table", "strikethrough"])
