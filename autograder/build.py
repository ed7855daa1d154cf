"""``solutions/NN_name/NN_name.py`` → ``course/NN_name/NN_name.ipynb``: one source, one released notebook.

The solved source is a Jupytext percent file that carries nbgrader's metadata in its cell headers. Its
released edition is made by nbgrader's own preprocessors, so that ``nbgrader autograde`` finds what it
expects. The same source gives the same bytes each time: cell ids come from the source, nothing holds a date.
"""

from __future__ import annotations

import ast
import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from autograder import cells, glossary, paths

NotebookNode = Any

BLANK_LINES = 40  # the longest blank a learner is asked to fill
CODE_LINES = 12  # what can be read at once
PROSE_WORDS = 120

_NO_PROSE = re.compile(r"\$\$.*?\$\$|\$.*?\$|```.*?```|(?<=\])\([^)]*\)", re.DOTALL)  # formulas, code, where links lead

_KERNEL = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


class BuildError(Exception):
    """The sources cannot be built as they are; the text names every problem found."""


@dataclass
class Built:
    """What one source gives.

    Attributes
    ----------
    name : str
        ``NN_name``.
    files : dict of str to bytes
        Path below ``course/NN_name`` → content: the notebook and whatever lies beside its source.
    problems : list of str
        Reasons to refuse, each with what to do.
    warnings : list of str
        Departures from the style that do not stop the build.
    """

    name: str
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def sources(folder: Path | None = None) -> list[Path]:
    """Every notebook source below ``folder`` (default: ``solutions/``), in course order."""
    folder = paths.solutions_folder() if folder is None else folder
    return [p / f"{p.name}.py" for p in sorted(folder.glob("[0-9]*_*")) if (p / f"{p.name}.py").is_file()]


def find_source(name: str, folder: Path | None = None) -> Path:
    """The source that ``name`` means: ``04``, ``4``, ``04_losses`` or ``losses``.

    Raises
    ------
    BuildError
        If no source, or more than one, goes by that name.
    """
    known = sources(folder)
    wanted = name.zfill(2) if name.isdigit() else name
    exact = [p for p in known if p.stem == wanted]
    found = exact or [p for p in known if wanted in (p.stem[:2], p.stem[3:])]
    if len(found) != 1:
        raise BuildError(
            f"no notebook called {name!r}; there are {', '.join(p.stem for p in known) or 'none'}"
            if not found
            else f"{name!r} could be {', '.join(p.stem for p in found)}; give the whole name"
        )
    return found[0]


def read_source(path: Path) -> NotebookNode:
    """Read a solved source as a notebook with reproducible cell ids.

    Parameters
    ----------
    path : Path
        A Jupytext percent file.

    Returns
    -------
    nbformat.NotebookNode
        The solved notebook, without outputs.
    """
    jupytext = _need("jupytext")
    nbformat = _need("nbformat")
    try:
        text = path.read_text(encoding="utf-8")
        nb = jupytext.reads(text, fmt="py:percent")
    except (OSError, ValueError) as error:
        raise BuildError(f"{path}: cannot be read as a Jupytext percent file: {error}") from error
    nb.metadata = nbformat.from_dict(_KERNEL)
    nb.nbformat, nb.nbformat_minor = 4, 5
    taken: set[str] = set()
    for cell in nb.cells:
        cell.metadata.pop("lines_to_next_cell", None)
        cell.metadata.pop("lines_to_end_of_cell_marker", None)
        meta = cells.metadata(cell)
        if "grade_id" in meta:
            meta["grade_id"] = cells.grade_id(str(meta["grade_id"]))
        cell.id = _cell_id(cell, taken)
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return nb


def _cell_id(cell: NotebookNode, taken: set[str]) -> str:
    """A cell's id: its grade_id, else a digest of its text; at most 64 characters."""
    wanted = cells.metadata(cell).get("grade_id", "")[:60]
    if not wanted:
        wanted = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
    name, n = wanted, 1
    while name in taken:
        n += 1
        name = f"{wanted}-{n}"
    taken.add(name)
    return name


def release(solved: NotebookNode) -> NotebookNode:
    """Make the edition that learners open from the solved one; the solved one is left as it is.

    Raises
    ------
    BuildError
        If nbgrader refuses the notebook.
    """
    import copy

    preprocessors = _need("nbgrader.preprocessors")
    nb = copy.deepcopy(solved)
    resources: dict[str, Any] = {}
    # The order of nbgrader's own generate_assignment, without what needs a gradebook.
    for step in (
        preprocessors.LockCells,
        preprocessors.ClearSolutions,
        preprocessors.ClearOutput,
        preprocessors.CheckCellMetadata,
        preprocessors.ClearHiddenTests,
        preprocessors.ClearMarkScheme,
        preprocessors.ComputeChecksums,
        preprocessors.CheckCellMetadata,
    ):
        try:
            nb, resources = step().preprocess(nb, resources)
        except Exception as error:
            raise BuildError(f"nbgrader's {step.__name__} refuses the notebook: {error}") from error
    return nb


def to_bytes(nb: NotebookNode) -> bytes:
    """The notebook as the bytes of its file: sorted keys, plain newlines, one at the end."""
    nbformat = _need("nbformat")
    return (nbformat.writes(nb, version=nbformat.NO_CONVERT).rstrip("\n") + "\n").encode("utf-8")


def build_one(source: Path) -> Built:
    """Build one source in memory.

    Parameters
    ----------
    source : Path
        ``NN_name/NN_name.py``.

    Returns
    -------
    Built
        ``files`` is empty when there are problems.
    """
    built = Built(source.stem)
    try:
        solved = read_source(source)
        built.problems += find_problems(solved, source)
        if built.problems:
            return built
        released = release(solved)
    except BuildError as error:
        built.problems.append(str(error))
        return built
    built.warnings += find_warnings(released)
    built.warnings += find_unexplained(released, source.parent.parent / glossary.PAGE)
    built.files[f"{source.stem}.ipynb"] = to_bytes(released)
    for path in sorted(source.parent.rglob("*")):
        below = path.relative_to(source.parent)
        hidden = any(part.startswith((".", "__")) for part in below.parts)
        if path.is_file() and path != source and not hidden and path.suffix != ".ipynb":
            built.files[below.as_posix()] = path.read_bytes()
    return built


def differences(built: Built, folder: Path) -> list[str]:
    """What of ``folder`` (``course/NN_name``) is not what the source makes.

    Returns
    -------
    list of str
        One line a file; empty when they agree.
    """
    there = {p.relative_to(folder).as_posix() for p in _files(folder)}
    lines = [f"{folder.name}/{name} is missing" for name in sorted(built.files.keys() - there)]
    lines += [f"{folder.name}/{name} has no source" for name in sorted(there - built.files.keys())]
    lines += [
        f"{folder.name}/{name} differs from its source"
        for name in sorted(there & built.files.keys())
        if (folder / name).read_bytes() != built.files[name]
    ]
    return lines


def write(built: Built, folder: Path) -> list[str]:
    """Make ``folder`` (``course/NN_name``) what the source makes; files without a source are removed.

    Returns
    -------
    list of str
        Files written or removed.
    """
    changed = []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        if name not in built.files:
            path.unlink()
            changed.append(f"{folder.name}/{name} removed")
    for name, content in built.files.items():
        path = folder / name
        if not path.is_file() or path.read_bytes() != content:
            paths.write_atomic(path, content)
            changed.append(f"{folder.name}/{name}")
    return changed


def clashes(built: list[Built]) -> list[str]:
    """Files of one name and different content beside two sources: a working copy puts them into one folder."""
    seen: dict[str, tuple[str, bytes]] = {}
    texts = []
    for one in built:
        for name, content in one.files.items():
            other, there = seen.setdefault(name, (one.name, content))
            if there != content:
                texts.append(f"{one.name}: its {name} is not {other}'s; give it another name")
    return texts


def orphans(course: Path, known: list[Path]) -> list[Path]:
    """Folders of ``course/`` whose source is gone."""
    names = {p.stem for p in known}
    if not course.is_dir():
        return []
    return [p for p in sorted(course.glob("[0-9]*_*")) if p.is_dir() and p.name not in names]


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [
        p
        for p in sorted(folder.rglob("*"))
        if p.is_file() and not any(part.startswith((".", "__")) for part in p.relative_to(folder).parts)
    ]


# What is refused


def find_problems(solved: NotebookNode, source: Path) -> list[str]:
    """Reasons to refuse a solved notebook, each naming its cell and what to do."""
    problems: list[str] = []
    graded: dict[str, NotebookNode] = {}
    answered: list[str] = []
    seen: set[str] = set()
    for cell in solved.cells:
        meta = cell.metadata.get("nbgrader")
        where = _where(cell)
        if "BEGIN HIDDEN TESTS" in cell.source:
            problems.append(
                f"{where}: hidden tests come back in feedback pages; put secret cases in the Exercise's cases"
            )
        if cell.cell_type == "markdown":
            problems += [
                f"{where}: shows {link}, which is not beside the source"
                for link in re.findall(r"!\[[^\]]*\]\(([^)\s]+)", cell.source)
                if not re.match(r"[a-z]+:", link) and not (source.parent / link).is_file()
            ]
        if not isinstance(meta, dict):
            if "BEGIN SOLUTION" in cell.source:
                problems.append(f"{where}: has a solution but no nbgrader metadata in its header")
            continue
        missing = {"grade", "grade_id", "locked", "schema_version", "solution"} - meta.keys()
        if missing:
            problems.append(f"{where}: its nbgrader metadata lacks {', '.join(sorted(missing))}")
            continue
        grade_id = meta["grade_id"]
        if grade_id in seen:
            problems.append(f"{where}: the grade_id {grade_id!r} is used twice; give each cell its own")
        seen.add(grade_id)
        blank = _blank_lines(cell.source)
        if blank > BLANK_LINES:
            problems.append(
                f"{where}: a blank of {blank} lines; {BLANK_LINES} at most, so spread it over several cells"
            )
        if cell.cell_type == "markdown":
            continue
        if meta["solution"] and not meta["grade"]:
            if "BEGIN SOLUTION" not in cell.source:
                problems.append(f"{where}: a cell to fill without ### BEGIN SOLUTION; all of it would be cleared")
            if "-answer" not in grade_id:
                problems.append(f'{where}: a cell to fill is called "<exercise>-answer"')
            answered.append(cells.exercise_of(grade_id))
        elif meta["grade"]:
            exercise = cells.exercise_of(grade_id)
            graded[exercise] = cell
            if exercise not in answered:
                problems.append(f'{where}: no cell "{exercise}-answer" comes before this check')
            if not re.search(rf"""check\(\s*["']{re.escape(exercise)}["']""", cell.source):
                problems.append(f'{where}: does not call check("{exercise}", …)')
    problems += [
        f"{source.stem}, cell {name}-answer: nothing checks it; add the check cell {name!r} after it"
        for name in dict.fromkeys(answered)
        if name not in graded
    ]
    return problems + _bank_problems(graded)


def _bank_problems(graded: dict[str, NotebookNode]) -> list[str]:
    """Check cells whose exercise is not in the bank, or is worth something else there."""
    if not graded:
        return []
    from autograder.exercise import get

    problems: list[str] = []
    for identifier, cell in graded.items():
        try:
            exercise = get(identifier)
        except ValueError as error:
            problems.append(f"{_where(cell)}: {error}")
            continue
        points = cell.metadata.nbgrader.get("points")
        if points != exercise.points:
            problems.append(
                f"{_where(cell)}: the cell gives {points} points, its Exercise {exercise.points:g}; make them agree"
            )
    return problems


def find_warnings(released: NotebookNode) -> list[str]:
    """Cells of the released notebook that hold more than can be read at once."""
    warnings = []
    for cell in released.cells:
        if cell.cell_type == "code" and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            lines = _lines_to_read(cell.source)
            if lines > CODE_LINES:
                warnings.append(f"{_where(cell)}: {lines} lines to read at once; {CODE_LINES} at most")
        elif cell.cell_type == "markdown":
            words = len(re.findall(r"[^\W\d_]+", _NO_PROSE.sub("", cell.source)))
            if words > PROSE_WORDS:
                warnings.append(f"{_where(cell)}: {words} words; {PROSE_WORDS} at most")
    return warnings


def find_unexplained(released: NotebookNode, page: Path) -> list[str]:
    """Links into the glossary that lead nowhere."""
    known = glossary.entries(page.read_text(encoding="utf-8")) if page.is_file() else []
    return [
        f"links to {link!r} of the glossary, which is not there; add it to {page.parent.name}/{page.name}"
        for link in dict.fromkeys(glossary.links(released.cells))
        if link not in known
    ]


def build_glossary(folder: Path, course: Path, change: bool) -> tuple[list[str], list[str]]:
    """Bring ``course/glossary.md`` up to date with the one in ``folder``.

    Returns
    -------
    problems, lines : list of str
        What is wrong with the page; what was written, or with ``change=False`` what is out of date.
    """
    page, there = folder / glossary.PAGE, course / glossary.PAGE
    if not page.is_file():
        return [], []
    content = page.read_bytes()
    problems = [f"{glossary.PAGE}: {text}" for text in glossary.faults(content.decode("utf-8"))]
    if problems or (there.is_file() and there.read_bytes() == content):
        return problems, []
    if change:
        paths.write_atomic(there, content)
    return [], [f"{course.name}/{glossary.PAGE}" + ("" if change else " differs from its source")]


def _lines_to_read(source: str) -> int:
    """Lines of code a reader meets: blank lines, docstrings and nbgrader's stub do not count."""
    lines = source.splitlines()
    skipped = {i for i, line in enumerate(lines, 1) if not line.strip() or "YOUR CODE HERE" in line}
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return len(lines) - len(skipped)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and ast.get_docstring(node, clean=False) is not None:
            text = node.body[0]
            skipped.update(range(text.lineno, (text.end_lineno or text.lineno) + 1))
    return len(lines) - len(skipped)


def _blank_lines(source: str) -> int:
    longest = 0
    for body in re.findall(r"### BEGIN SOLUTION[^\n]*\n(.*?)### END SOLUTION", source, flags=re.S):
        longest = max(longest, sum(1 for line in body.splitlines() if line.strip()))
    return longest


def _where(cell: NotebookNode) -> str:
    grade_id = cells.metadata(cell).get("grade_id")
    if grade_id:
        return f"cell {grade_id}"
    first = next((line for line in cell.source.splitlines() if line.strip()), "")
    return f"cell {first[:50]!r}"


def _need(module: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise BuildError(
            f'this needs {error.name}, which the instructor extra brings: pip install "minifit[instructor]"'
        ) from error
