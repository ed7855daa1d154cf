"""What a learner did to the notebook's form costs no points where it is clear what was meant, and is said."""

import copy
import importlib.util
import json
import random
from pathlib import Path

import pytest

from autograder import build, cells
from autograder.grading import opening, secret
from autograder.grading.assignment import assignments
from autograder.grading.grader import Limits, grade
from autograder.grading.reading import Unreadable, read
from autograder.grading.submissions import Submission

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

SOURCE = build.find_source("01")
NAME = SOURCE.stem
MSE, CHECK, EXPLAIN = "loop-mse-answer", "loop-mse", "01-explain"


@pytest.fixture(scope="module")
def assignment():
    """The released notebook 01."""
    return assignments()[NAME]


@pytest.fixture(scope="module")
def whole():
    """Notebook 01 with everything right."""
    return make.solved(SOURCE)


@pytest.fixture
def full(whole):
    """A copy of it, to be harmed."""
    return copy.deepcopy(whole)


def by_name(notebook, name):
    return next(c for c in notebook["cells"] if cells.metadata(c).get("grade_id") == name)


def place(notebook, name):
    return next(i for i, c in enumerate(notebook["cells"]) if cells.metadata(c).get("grade_id") == name)


def graded(folder, content, assignment):
    path = folder / f"{NAME}.ipynb"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return grade(Submission("ada", NAME, path), assignment, lambda i: secret.seed(b"12345678", i), Limits(5.0, 40.0))


def status(result):
    return {s.identifier: s.status for s in result.scores}


# Harm to the cells, each with what is said of it; everything else stays right


def paste(nb):
    at = place(nb, MSE)
    nb["cells"].insert(at + 1, copy.deepcopy(nb["cells"][at]))


def paste_before_filling(nb):
    at = place(nb, MSE)
    blank = by_name(make.released(SOURCE), MSE)
    nb["cells"].insert(at + 1, copy.deepcopy(blank))


def split_between(nb):
    at = place(nb, MSE)
    second = {**copy.deepcopy(nb["cells"][at]), "source": "helper = 3"}
    nb["cells"].insert(at, second)


def split_inside(nb):
    at = place(nb, MSE)
    lines = nb["cells"][at]["source"].splitlines()
    second = {**copy.deepcopy(nb["cells"][at]), "source": "\n".join(lines[-1:])}
    nb["cells"][at]["source"] = "\n".join(lines[:-1])
    nb["cells"].insert(at + 1, second)


def split_and_nameless(nb):
    split_inside(nb)
    nb["cells"][place(nb, MSE) + 1]["metadata"] = {}


def paste_check(nb):
    at = place(nb, CHECK)
    nb["cells"].insert(at, copy.deepcopy(nb["cells"][at]))


def delete_check(nb):
    del nb["cells"][place(nb, CHECK)]


def check_above(nb):
    nb["cells"].insert(place(nb, MSE), nb["cells"].pop(place(nb, CHECK)))


def upside_down(nb):
    nb["cells"].reverse()


def setup_last(nb):
    nb["cells"].append(nb["cells"].pop(place(nb, "01-setup")))


def delete_setup(nb):
    del nb["cells"][place(nb, "01-setup")]


def to_markdown(nb):
    by_name(nb, MSE)["cell_type"] = "markdown"


def to_raw(nb):
    by_name(nb, MSE)["cell_type"] = "raw"


def fenced(nb):
    cell = by_name(nb, MSE)
    cell["cell_type"], cell["source"] = "markdown", f"```python\n{cell['source']}\n```"


def explain_as_code(nb):
    by_name(nb, EXPLAIN)["cell_type"] = "code"


def rename(nb):
    by_name(nb, MSE)["metadata"]["nbgrader"]["grade_id"] = "my-own-name"


def rename_and_new_id(nb):
    cell = by_name(nb, MSE)
    cell["metadata"]["nbgrader"]["grade_id"], cell["id"] = "cell-0a1b2c3d", "0a1b2c3d"


def strip_all(nb):
    for number, cell in enumerate(nb["cells"]):
        cell["metadata"], cell["id"] = {}, f"c{number}"


def metadata_is_a_list(nb):
    for cell in nb["cells"]:
        cell["metadata"] = []


def edit_check(nb):
    by_name(nb, CHECK)["source"] = 'check("loop.mse", lambda *a: 0)\n1000.0'


def edit_points(nb):
    by_name(nb, CHECK)["metadata"]["nbgrader"]["points"] = 1000


def schema_none(nb):
    for cell in nb["cells"]:
        cells.metadata(cell).pop("schema_version", None)


def schema(version):
    def harm(nb):
        for cell in nb["cells"]:
            if cells.metadata(cell):
                cells.metadata(cell)["schema_version"] = version

    harm.__name__ = f"schema_{version}"
    return harm


def merge_marks_around_the_blank(nb):
    cell, blank = by_name(nb, MSE), "".join(by_name(make.released(SOURCE), MSE)["source"])
    cell["source"] = f"<<<<<<< HEAD\n{cell['source']}\n=======\n{blank}\n>>>>>>> origin\n"


def odd_cells(nb):
    nb["cells"][3:3] = [None, 7, {"cell_type": "code"}, {"cell_type": "code", "source": {"a": 1}, "metadata": {}}]


HARMS = {
    paste: "there more than once: loop-mse-answer",
    paste_before_filling: "there more than once: loop-mse-answer",
    split_between: "there more than once: loop-mse-answer",
    split_inside: "was split in two; joined again",
    split_and_nameless: "was split in two; joined again",
    paste_check: "there more than once: loop-mse",
    delete_check: "missing: loop-mse",
    check_above: "loop-mse stood above the answer it checks",
    upside_down: "stood above the answer it checks",
    setup_last: "",
    delete_setup: "",
    to_markdown: "loop-mse-answer is markdown; read as code",
    to_raw: "loop-mse-answer is raw; read as code",
    fenced: "loop-mse-answer is markdown; read as code",
    explain_as_code: "01-explain is code; read as markdown",
    rename: "had lost its name and is known again by text and place: loop-mse-answer",
    rename_and_new_id: "had lost its name and is known again by text and place: loop-mse-answer",
    strip_all: "11 cells had lost their names",
    metadata_is_a_list: "11 cells had lost their names",
    edit_check: "changed though locked: loop-mse; what was handed out counts",
    edit_points: "marks were changed (points)",
    schema_none: "marks were changed (schema_version)",
    schema(1): "marks were changed (schema_version)",
    schema(2): "marks were changed (schema_version)",
    schema(99): "marks were changed (schema_version)",
    merge_marks_around_the_blank: "held merge marks (<<<<<<<); the side that was worked on counts",
    odd_cells: "no text; left out",
}


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
def test_harm_to_the_cells_costs_nothing_and_is_said(tmp_path, assignment, full, harm):
    harm(full)
    result = graded(tmp_path, full, assignment)
    assert {s.status for s in result.scores if not s.by_hand} == {"right"}, result.notes
    assert result.points == 8
    assert result.waiting == 2
    assert HARMS[harm] in "; ".join(result.notes)


@pytest.mark.parametrize("seed", range(3))
def test_cells_in_any_order_are_graded_as_in_the_right_one(tmp_path, assignment, full, seed):
    random.Random(seed).shuffle(full["cells"])
    assert graded(tmp_path, full, assignment).points == 8


# Harm to the file


def utf16(text):
    return text.encode("utf-16")


def as_format_3(nb):
    for cell in nb["cells"]:
        if cell["cell_type"] == "code":
            cell["input"] = cell.pop("source")
    return {"worksheets": [{"cells": nb["cells"]}], "nbformat": 3, "nbformat_minor": 0, "metadata": {}}


FILES = {
    "a byte order mark": (lambda nb: json.dumps(nb).encode("utf-8-sig"), ""),
    "UTF-16": (lambda nb: json.dumps(nb).encode("utf-16"), "text in UTF-16"),
    "UTF-16 without a mark": (lambda nb: json.dumps(nb).encode("utf-16-le"), "text in UTF-16"),
    "UTF-32": (lambda nb: json.dumps(nb).encode("utf-32"), "text in UTF-32"),
    "Windows-1252": (
        lambda nb: json.dumps(nb, ensure_ascii=False).replace("·", "é").encode("cp1252", "replace"),
        "1252",
    ),
    "zeros at the end": (lambda nb: json.dumps(nb).encode() + b"\0" * 4096, ""),
    "format 3": (lambda nb: json.dumps(as_format_3(nb)).encode(), "of an old format"),
    "format 5": (lambda nb: json.dumps({**nb, "nbformat": 5}).encode(), "format 5, which is newer"),
    "Jupyter's contents": (lambda nb: json.dumps({"name": "x", "content": nb}).encode(), "wrapped in another"),
}


@pytest.mark.parametrize("kind", FILES)
def test_harm_to_the_file_costs_nothing_and_is_said(tmp_path, assignment, full, kind):
    write, said = FILES[kind]
    result = graded(tmp_path, write(full), assignment)
    assert result.points == 8, result.notes
    assert said in "; ".join(result.notes)


def merged(one, two):
    """Two notebooks as git leaves them when it cannot merge: each line that differs between marks."""
    import difflib

    a, b = (json.dumps(nb, indent=1).splitlines() for nb in (one, two))
    lines = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if kind == "equal":
            lines += a[i:j]
        else:
            lines += ["<<<<<<< HEAD", *a[i:j], "=======", *b[k:m], ">>>>>>> origin/main"]
    return ("\n".join(lines) + "\n").encode()


def test_an_unfinished_merge_with_the_handed_out_notebook_gives_the_work(tmp_path, assignment, full):
    result = graded(tmp_path, merged(full, make.released(SOURCE)), assignment)
    assert result.points == 8, result.notes
    assert "its two sides were put together" in "; ".join(result.notes)


def test_an_unfinished_merge_of_two_answers_costs_that_exercise_alone(tmp_path, assignment, full):
    other = make.with_answer(full, "loop.sgd_step", "def sgd_step(params, grads, learning_rate):\n    return 7")
    result = graded(tmp_path, merged(full, other), assignment)
    found = status(result)
    assert found["loop.sgd_step"] == "raised"
    assert found["loop.mse"] == found["loop.linear"] == "right"
    assert "loop-sgd_step-answer holds two versions between merge marks" in "; ".join(result.notes)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"cells": [{"source": "a"}', "not a notebook"),
        (b"\xff\xfea", "not text in UTF-8"),
        (b'{"cells": [\n<<<<<<< a\n{{\n=======\n]]\n>>>>>>> b\n', "neither side"),
        (b'{"worksheets": 3}', "old format"),
        (b'{"content": {}}', "no list of cells"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_the_reason(tmp_path, assignment, content, reason):
    path = tmp_path / "x.ipynb"
    path.write_bytes(content)
    with pytest.raises(Unreadable, match=reason):
        read(path, assignment)


# What must not be repaired


def test_a_deleted_answer_is_missing_and_not_made_up(tmp_path, assignment, full):
    del full["cells"][place(full, MSE)]
    found = status(graded(tmp_path, full, assignment))
    assert found["loop.mse"] == "missing"
    assert found["loop.linear"] == "right"


def test_an_answer_written_elsewhere_counts(tmp_path, assignment, full):
    cell = by_name(full, MSE)
    elsewhere = {"cell_type": "code", "source": cell["source"], "metadata": {}}
    cell["source"] = by_name(make.released(SOURCE), MSE)["source"]
    full["cells"].insert(place(full, MSE) + 1, elsewhere)
    assert status(graded(tmp_path, full, assignment))["loop.mse"] == "right"


def test_of_two_filled_copies_the_later_one_counts_as_in_jupyter(tmp_path, assignment, full):
    second = {**copy.deepcopy(by_name(full, MSE)), "source": "def mse(y_true, y_pred):\n    return 0.0"}
    full["cells"].insert(place(full, MSE) + 1, second)
    assert status(graded(tmp_path, full, assignment))["loop.mse"] == "wrong values"


def test_a_scribble_of_the_same_name_is_not_taken_for_the_answer_that_is_there(tmp_path, assignment, full):
    scribble = {"cell_type": "code", "source": "def mse(a, b):\n    return 0.0", "metadata": {}, "id": "x"}
    full["cells"].insert(place(full, MSE), scribble)
    handed = read(written(tmp_path, full), assignment)
    assert [c["grade_id"] for c in handed.cells if c["source"] == scribble["source"]] == [""]
    assert status(graded(tmp_path, full, assignment))["loop.mse"] == "right"


def written(folder, notebook):
    path = folder / "w.ipynb"
    path.write_text(json.dumps(notebook), encoding="utf-8")
    return path


def test_a_paragraph_without_its_name_is_found_below_its_question(tmp_path, assignment, full):
    cell = by_name(full, EXPLAIN)
    cell["metadata"], cell["id"], cell["source"] = {}, "x", "It is a loop around four steps."
    assert read(written(tmp_path, full), assignment).paragraphs == {EXPLAIN: "It is a loop around four steps."}


def test_an_honest_notebook_has_no_notes(tmp_path, assignment, full):
    assert read(written(tmp_path, full), assignment).notes == []
    assert read(written(tmp_path, make.released(SOURCE)), assignment).notes == []


def test_sides_of_a_merge_with_a_common_base_are_found():
    text = "a\n<<<<<<< one\nb\n||||||| base\nx\n=======\nc\n>>>>>>> two\nd\n"
    assert opening.sides(text) == ("a\nb\nd\n", "a\nc\nd\n")
