"""What makes nbgrader's own commands repair and confine: three classes that its configuration names.

``nbgrader autograde`` and the formgrader's button then read damaged files, find a learner's cells again, run each
submission in a forked process with walls around it, and give clamped points. The check still runs in the process
of the learner's code, with its public cases: enough against accidents, not against somebody who means to cheat.
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import linecache
import math
import os
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

from nbconvert.exporters import NotebookExporter
from nbformat import NotebookNode, from_dict
from nbgrader.preprocessors import Execute, NbGraderPreprocessor
from traitlets import Float, Unicode

from autograder import cells
from autograder.grading import opening
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.definitions import definitions
from autograder.grading.limits import Limits
from autograder.grading.reading import HandedIn, arranged
from autograder.grading.repair import repaired
from autograder.grading.sanitise import closed

_PRINTED = 4000  # characters kept of what a cell prints
_RESTARTS = 5


class Reader(NotebookExporter):
    """nbgrader's exporter, which also reads files that are damaged; what holds no notebook is an empty one."""

    def from_filename(self, filename: str, resources: Any = None, **kw: Any) -> Any:
        """Convert the notebook in a file."""
        assignment = _assignment(resources)
        if assignment is None:
            return super().from_filename(filename, resources=resources, **kw)
        try:
            notebook, notes = opening.load(Path(filename))
        except opening.Unreadable as error:
            notebook, notes = {"cells": []}, [f"not graded: {error}"]
        resources = {**(resources or {}), "minifit": {"cells": notebook["cells"], "notes": notes}}
        resources.setdefault("metadata", {})["name"] = Path(filename).stem
        return self.from_notebook_node(from_dict(_plain(notebook, assignment)), resources=resources, **kw)


class Repair(NbGraderPreprocessor):
    """Lays the learner's text into the notebook that was handed out. The first of `sanitize_preprocessors`."""

    def preprocess(self, nb: NotebookNode, resources: Any) -> tuple[NotebookNode, Any]:
        """Repair one notebook; one that is not of this course is left as it is."""
        assignment = _assignment(resources)
        if assignment is None:
            return nb, resources
        given = resources.get("minifit") or {"cells": json.loads(json.dumps(nb.cells)), "notes": []}
        try:
            found, notes = repaired(given, assignment)
        except opening.Unreadable as error:
            found, notes = [], [f"not graded: {error}"]
        handed = arranged(found, assignment, given["notes"] + notes)
        for note in handed.notes:
            self.log.warning("%s: %s", resources["nbgrader"].get("student"), note)
        return from_dict(whole(handed, assignment)), resources


class Forked(Execute):
    """Runs a submission in a forked process with walls around it. Stands where nbgrader's `Execute` does."""

    seconds = Float(10.0, help="Seconds that a cell may take.").tag(config=True)
    notebook_seconds = Float(60.0, help="Seconds that a notebook may take.").tag(config=True)
    least = Unicode("", help='The least confinement to accept: "", "limits" or "kernel".').tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: Any, km: Any = None) -> tuple[NotebookNode, Any]:
        """Run one notebook; where the system cannot fork safely, nbgrader's own way is taken."""
        if not sys.platform.startswith("linux") or _assignment(resources) is None:
            return super().preprocess(nb, resources, km)
        code = [(i, cell) for i, cell in enumerate(nb.cells) if cell.cell_type == "code"]
        for _, cell in code:
            cell.outputs, cell.execution_count = [], None
        wanted = [(i, text, _points(cell)) for i, cell in code if (text := _run_of(cell))]
        for number, outputs in self._outputs(wanted).items():
            nb.cells[number].outputs = [from_dict(one) for one in outputs]
            nb.cells[number].execution_count = number
        return nb, resources

    def _outputs(self, wanted: list[tuple[int, str, float | None]]) -> dict[int, list[dict[str, Any]]]:
        """Cell's number → what it gave. A cell that brings the process down is left out the next time."""
        done: dict[int, list[dict[str, Any]]] = {}
        fatal: dict[int, str] = {}
        end = time.monotonic() + self.notebook_seconds
        for _ in range(_RESTARTS):
            todo = [one for one in wanted if one[0] not in fatal]
            number, why = _in_child(todo, done, self.seconds, end, self.least)
            if number is None:
                break
            fatal[number] = why
            self.log.warning("cell %d was left out: %s", number, why)
        for number, _, _ in wanted:
            if number in fatal or number not in done:
                why = fatal.get(number, "the notebook had no time left")
                done[number] = [_error("ProcessEnded", f"This cell did not come back: {why}.")]
        return done


def whole(handed: HandedIn, assignment: Assignment) -> dict[str, Any]:
    """The handed-out notebook with the learner's answers in it, in an order in which it can be run.

    Parameters
    ----------
    handed : HandedIn
    assignment : Assignment

    Returns
    -------
    dict
        A notebook as plain JSON, valid for nbgrader whatever was handed in.
    """
    texts: dict[str, list[str]] = {}
    before: dict[str, list[dict[str, Any]]] = {}
    extra: list[dict[str, Any]] = []
    for number, cell in enumerate(handed.cells):
        name = cell["grade_id"]
        if name:
            texts.setdefault(name, []).append(cell["source"])
            if extra:
                before.setdefault(name, []).extend(extra)
                extra = []
        elif not _handed_out(cell, assignment):
            extra.append(_own(cell, number))
    order: list[dict[str, Any]] = []
    for released in assignment.notebook["cells"]:
        name = cells.metadata(released).get("grade_id", "")
        order += before.get(name, []) if name else []
        theirs = cells.is_answer(released) or cells.is_paragraph(released)
        source = released["source"]
        if theirs and name in texts:
            source = "\n\n".join(texts[name])
            source = source if released["cell_type"] == "code" else closed(source)
        elif cells.is_answer(released):
            source = f"# This cell was missing.\n{source}"
        order.append(_cell({**released, "source": source}))
    return {"cells": order + extra, "metadata": assignment.notebook["metadata"], "nbformat": 4, "nbformat_minor": 5}


def _handed_out(cell: dict[str, str], assignment: Assignment) -> bool:
    """Whether a nameless cell is one of the handed-out ones, which stand in the whole notebook anyway."""
    text = cell["source"].strip()
    return not text or any(text == c["source"].strip() for c in assignment.notebook["cells"])


def _own(cell: dict[str, str], number: int) -> dict[str, Any]:
    kind = "code" if cell["cell_type"] == "code" else "markdown"
    source = cell["source"] if kind == "code" else closed(cell["source"])
    return _cell({"cell_type": kind, "id": f"handed-in-{number}", "metadata": {}, "source": source})


def _cell(cell: dict[str, Any]) -> dict[str, Any]:
    kept = {name: cell[name] for name in ("cell_type", "id", "metadata", "source")}
    kept = json.loads(json.dumps(kept))
    return kept | {"execution_count": None, "outputs": []} if kept["cell_type"] == "code" else kept


def _plain(notebook: dict[str, Any], assignment: Assignment) -> dict[str, Any]:
    """A notebook that nbconvert accepts, whatever is in it; what is graded comes from `Repair`."""
    order = []
    for number, cell in enumerate(notebook["cells"]):
        if not isinstance(cell, dict):
            continue
        kind = cell.get("cell_type")
        source = cell.get("source", "")
        text = "".join(map(str, source)) if isinstance(source, list) else str(source)
        meta = cell["metadata"] if isinstance(cell.get("metadata"), dict) else {}
        plain = _cell(
            {"cell_type": kind if kind == "code" else "markdown", "id": f"c{number}", "metadata": meta, "source": text}
        )
        if kind == "code" and isinstance(cell.get("outputs"), list):
            plain["outputs"] = [o for o in cell["outputs"] if isinstance(o, dict)]
        order.append(plain)
    return {"cells": order, "metadata": assignment.notebook["metadata"], "nbformat": 4, "nbformat_minor": 5}


def _assignment(resources: Any) -> Assignment | None:
    name = ((resources or {}).get("nbgrader") or {}).get("notebook") or (resources or {}).get("unique_key")
    return assignments().get(str(name))


def _run_of(cell: Any) -> str:
    """What of a cell counts: all of answers, checks, setup and the learner's own; else what it defines."""
    given = cells.metadata(cell).get("locked") and not cells.is_check(cell) and not cells.is_setup(cell)
    return definitions(cell.source) if given else cell.source


def _points(cell: Any) -> float | None:
    return float(cells.metadata(cell)["points"]) if cells.is_check(cell) else None


# The child's side and the parent's


def _in_child(
    todo: list[tuple[int, str, float | None]],
    done: dict[int, list[dict[str, Any]]],
    seconds: float,
    end: float,
    least: str,
) -> tuple[int | None, str]:
    """Run cells in a forked process; which of them brought it down, if one did, and how."""
    _warm()
    from autograder.grading import sandbox

    folder = tempfile.mkdtemp(prefix="minifit-")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(todo, folder, writing, sandbox, least)
    os.close(writing)
    lines, number = _Lines(reading), None
    try:
        for number, _, _ in todo:
            deadline = min(time.monotonic() + seconds + (5 if number == todo[0][0] else 0), end)
            line = lines.next(deadline)
            if line is None:
                late = time.monotonic() >= deadline
                return number, f"it took longer than {seconds:g} s" if late else "its process ended"
            answer = json.loads(line)
            if answer["cell"] is None:
                raise RuntimeError(f"no process for learners' code starts here: {answer['why']}")
            done[number] = [one for one in answer["outputs"] if isinstance(one, dict)]
        return None, ""
    except (ValueError, KeyError, TypeError):
        return number, "it wrote nonsense where its results go"
    finally:
        os.close(reading)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, 0)
        shutil.rmtree(folder, ignore_errors=True)


def _warm() -> None:
    """Import what every notebook needs, once, in the process that is forked."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot
    import numpy  # noqa: F401

    from autograder.exercise import all_exercises

    all_exercises()


class _Lines:
    """Lines from a pipe, each by its deadline."""

    def __init__(self, pipe: int) -> None:
        self._pipe, self._kept = pipe, b""

    def next(self, deadline: float) -> bytes | None:
        """One line; None when it is late, too long, or nobody is there to write it."""
        while b"\n" not in self._kept:
            left = deadline - time.monotonic()
            if left <= 0 or len(self._kept) > 2**20 or not select.select([self._pipe], [], [], left)[0]:
                return None
            part = os.read(self._pipe, 2**16)
            if not part:
                return None
            self._kept += part
        line, _, self._kept = self._kept.partition(b"\n")
        return line


def _child(todo: list[tuple[int, str, float | None]], folder: str, writing: int, sandbox: Any, least: str) -> None:
    """Put up the walls and run the cells; never returns."""
    try:
        os.setsid()
        os.chdir(folder)
        for number in range(3, 1024):  # the gradebook's, the server's
            if number != writing:
                with contextlib.suppress(OSError):
                    os.close(number)
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        os.environ.clear()
        os.environ.update({"HOME": folder, "TMPDIR": folder, "MPLCONFIGDIR": folder, "MPLBACKEND": "Agg"})
        package = Path(__file__).resolve().parents[1]
        from autograder.grading.sandbox import library

        seen = library.readable([str(package), str(package.parent / "minifit")])
        in_force = sandbox.confine(Limits().of_process(), folder, seen)
        if least:
            sandbox.require(in_force, least)
    except BaseException as error:
        _tell(writing, {"cell": None, "why": f"{type(error).__name__}: {error}"})
        os._exit(1)
    try:
        namespace: dict[str, Any] = {"__name__": "__main__", "display": _nothing, "get_ipython": _nothing}
        warnings.simplefilter("ignore")
        for number, source, points in todo:
            _tell(writing, {"cell": number, "outputs": _ran(number, source, points, namespace)})
    finally:
        os._exit(0)


def _tell(pipe: int, answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode() + b"\n"
    while body:
        body = body[os.write(pipe, body) :]


def _nothing(*_: Any, **__: Any) -> None:
    return None


def _ran(number: int, source: str, points: float | None, namespace: dict[str, Any]) -> list[dict[str, Any]]:
    """What one cell gives: what it printed, its error, and of a check the points."""
    printed = io.StringIO()
    value: Any = None
    outputs: list[dict[str, Any]] = []
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            value = _executed(number, source, namespace)
    except BaseException as error:
        outputs.append(_error(type(error).__name__[:80], _frame(error)))
    said = printed.getvalue()[:_PRINTED]
    if said:
        outputs.insert(0, {"name": "stdout", "output_type": "stream", "text": said})
    if points is not None and len(outputs) == bool(said):
        # Exactly a float: nbgrader gives full marks to anything else that a cell ends in.
        earned = float(value) if type(value) in (int, float) and math.isfinite(value) else 0.0
        data = {"text/plain": repr(min(max(earned, 0.0), points))}
        outputs.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return outputs


def _executed(number: int, source: str, namespace: dict[str, Any]) -> Any:
    from autograder.grading.worker import _without_magics

    name = f"<ipython-input-{number}>"
    try:
        tree = ast.parse(source, name)
    except SyntaxError:
        source = _without_magics(source)
        tree = ast.parse(source, name)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, name, "exec"), namespace)
    if not isinstance(last, ast.Expr):
        return None
    return eval(compile(ast.Expression(last.value), name, "eval"), namespace)


def _frame(error: BaseException) -> str:
    try:
        text = str(error)[:500]
    except BaseException:
        text = ""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith("<ipython-input")]
    return text + (f"\n  line {frames[-1].lineno}: {(frames[-1].line or '')[:200]}" if frames else "")


def _error(name: str, text: str) -> dict[str, Any]:
    return {"ename": name, "evalue": text, "output_type": "error", "traceback": [f"{name}: {text}"]}
