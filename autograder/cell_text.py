"""The source of what a learner wrote, from the text of a notebook's cells alone: nothing of it is run."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Mapping

from .source import NoSource, Piece, _Body, _body, _first_line, _joined, _used_names, in_order

# What a value may consist of that can be written down again.
_PLAIN = (
    *(ast.Constant, ast.List, ast.Tuple, ast.Dict, ast.Set, ast.UnaryOp, ast.unaryop, ast.BinOp, ast.operator),
    *(ast.Load, ast.keyword),
)


def capture_text(cells: Iterable[str], name: str, kept: Mapping[str, str] | None = None) -> Piece:
    """Collect from the text of a notebook what `capture` collects from a running one.

    Parameters
    ----------
    cells : iterable of str
        The code cells, in order; lines with magics are left out, and cells that do not parse.
    name : str
        The exercise's name.
    kept : mapping of str to str, optional
        As for `capture`.

    Raises
    ------
    NoSource
        If some of it is not to be found, or could only be had by running the notebook.
    """
    found = _Cells(cells)
    piece = Piece(found.text(name))
    if found.annotations_later:
        piece.imports.append("from __future__ import annotations")
    _collect_text(piece.source, found, {name}, kept or {}, piece)
    return piece


class _Cells:
    """What the cells of a notebook define: imports, functions, classes and values, by name."""

    def __init__(self, cells: Iterable[str]) -> None:
        self.imports: dict[str, str] = {}
        self.values: dict[str, tuple[str, ast.expr]] = {}
        self.definitions: dict[str, str] = {}
        self.classes: dict[str, list[_Body]] = {}
        self.annotations_later = False
        for cell in cells:
            lines = ["\n" if line.lstrip().startswith(("%", "!")) else line for line in cell.splitlines(keepends=True)]
            try:
                tree = ast.parse("".join(lines))
            except SyntaxError:
                continue
            for statement in tree.body:
                self._take(statement, lines)

    def _take(self, statement: ast.stmt, lines: list[str]) -> None:
        text = "".join(lines[_first_line(statement) - 1 : statement.end_lineno]).rstrip()
        if isinstance(statement, ast.ImportFrom) and statement.module == "__future__":
            self.annotations_later = True
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            home = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
            for alias in statement.names:
                bound = alias.asname or alias.name.partition(".")[0]
                self.imports[bound] = f"{home}import {alias.name}" + (f" as {alias.asname}" if alias.asname else "")
        elif isinstance(statement, ast.FunctionDef):
            self.definitions[statement.name] = text
        elif isinstance(statement, ast.ClassDef):
            continues = any(isinstance(base, ast.Name) and base.id == statement.name for base in statement.bases)
            before = self.classes.get(statement.name, []) if continues else []
            self.classes[statement.name] = [*before, _body(statement, lines)]
            self.definitions.pop(statement.name, None)
        elif isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name):
            self.values[statement.targets[0].id] = text, statement.value

    def text(self, name: str) -> str:
        if name in self.definitions:
            return self.definitions[name]
        if name in self.classes:
            return "\n\n\n".join(_joined(self.classes[name]))
        if name in self.values and isinstance(self.values[name][1], ast.Lambda | ast.Name):
            return self.values[name][0]
        raise NoSource(f"no cell defines {name}")

    def is_plain(self, name: str) -> bool:
        """Whether a value can be written down: numbers, text, and arrays and lists of them."""
        if name not in self.values:
            return False
        for node in ast.walk(self.values[name][1]):
            of_numpy = isinstance(node, ast.Call) and ast.unparse(node.func) in ("np.array", "np.asarray")
            inside = isinstance(node, ast.Attribute | ast.Name) and ast.unparse(node) in (
                "np",
                "np.array",
                "np.asarray",
            )
            if not (isinstance(node, _PLAIN) or of_numpy or inside):
                return False
        return True


def _collect_text(text: str, found: _Cells, known: set[str], kept: Mapping[str, str], piece: Piece) -> None:
    for name in sorted(_used_names(text) - known):
        known.add(name)
        if name in kept:
            piece.imports.append(f"from mine.{kept[name]} import {name}")
        elif name in found.definitions or name in found.classes:
            helper = found.text(name)
            _collect_text(helper, found, known, kept, piece)
            piece.helpers[name] = helper
        elif name in found.imports:
            piece.imports.append(found.imports[name])
        elif name in found.values and (found.is_plain(name) or isinstance(found.values[name][1], ast.Lambda)):
            _collect_text(found.values[name][0], found, known, kept, piece)
            piece.helpers[name] = found.values[name][0]
        elif name in found.values:
            raise NoSource(f"it uses {name} of the notebook; run the check there, or hand it over as an argument")
    piece.imports = in_order(piece.imports)
