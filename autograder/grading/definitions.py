"""What a cell defines, without what it does besides."""

from __future__ import annotations

import ast

_KINDS = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


def definitions(source: str) -> str:
    """A cell's imports, functions and classes, and its names for plain values; empty when it is no Python.

    Examples
    --------
    >>> print(definitions("import os; N = 3\\ndef f():\\n    return N\\nwhile True:\\n    f()"))
    import os
    N = 3
    <BLANKLINE>
    def f():
        return N
    """
    try:
        written = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""
    kept: list[ast.stmt] = [
        node
        for node in written.body
        if isinstance(node, _KINDS) or (isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant))
    ]
    return ast.unparse(ast.Module(kept, []))
