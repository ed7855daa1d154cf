"""Every notebook, run top to bottom in a clean kernel: solved it gives full points, unsolved none and no error."""

import importlib.util
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autograder import build, cells, lab, paths

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

SOURCES = build.sources()
MOST_LINES = 40  # that one cell may print: a screen


@pytest.fixture
def code_cells(tmp_path, monkeypatch):
    """Run a notebook in a working copy of its own; gives its code cells with their outputs."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    lab.hand_out(tmp_path / "copy", paths.course_folder())

    def run(notebook):
        nb = nbformat.reads(json.dumps(notebook), as_version=4)
        where = {"metadata": {"path": str(tmp_path / "copy")}}
        start = _cpu_of_children()
        NotebookClient(nb, timeout=300, allow_errors=True, resources=where).execute()
        assert _cpu_of_children() - start < 60, "a notebook has a minute of computing"
        return [cell for cell in nb.cells if cell.cell_type == "code"]

    return run


def _cpu_of_children():
    """Seconds that ended kernels have computed: unlike a clock it does not see what else the machine does."""
    used = os.times()
    return used.children_user + used.children_system


def stream(cell, name):
    return "".join(o.text for o in cell.outputs if o.output_type == "stream" and o.name == name)


def assert_runs_clean(code):
    """No cell raises, writes to stderr or fills more than a screen."""
    for cell in code:
        errors = [f"{o.ename}: {o.evalue}" for o in cell.outputs if o.output_type == "error"]
        assert not errors, f"{cell.source}\n{errors[0]}"
        assert stream(cell, "stderr") == "", cell.source
        assert stream(cell, "stdout").count("\n") <= MOST_LINES, cell.source


def earned(cell):
    """What nbgrader reads off a check cell."""
    (result,) = [o for o in cell.outputs if o.output_type == "execute_result"]
    return result.data["text/plain"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_a_solved_notebook_gives_full_points_at_every_check(source, code_cells):
    code = code_cells(make.solved(source))
    assert_runs_clean(code)
    for cell in filter(cells.is_check, code):
        assert earned(cell) == repr(float(cells.metadata(cell)["points"])), stream(cell, "stdout")


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.stem)
def test_an_unsolved_notebook_runs_to_its_end_and_scores_0(source, code_cells):
    code = code_cells(make.released(source))
    assert_runs_clean(code)
    for cell in filter(cells.is_check, code):
        assert earned(cell) == "0.0"
        assert "not attempted" in stream(cell, "stdout").lower()
