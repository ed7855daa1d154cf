"""nbgrader's own commands with our classes in its configuration: repair, walls, clamped points, no script shown."""

import copy
import importlib.util
import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from autograder import build, cells
from autograder.grading import gradebook
from autograder.grading.assignment import assignments
from autograder.grading.reading import arranged
from autograder.grading.repair import repaired
from autograder.grading.submissions import Submission

pytest.importorskip("nbgrader")
from autograder.grading import plugins

spec = importlib.util.spec_from_file_location("make", Path(__file__).parent / "submissions" / "make.py")
make = importlib.util.module_from_spec(spec)
spec.loader.exec_module(make)

SOURCE = build.find_source("01")
NAME = SOURCE.stem
LINUX = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the forked executor is Linux's")


@pytest.fixture(scope="module")
def assignment():
    """The released notebook 01."""
    return assignments()[NAME]


@pytest.fixture(scope="module")
def full():
    """Notebook 01 with everything right."""
    return make.solved(SOURCE)


def by_name(notebook, name):
    return next(c for c in notebook["cells"] if cells.metadata(c).get("grade_id") == name)


# The notebook that nbgrader gets to see


def laid_out(notebook, assignment):
    found, notes = repaired(notebook, assignment)
    return plugins.whole(arranged(found, assignment, notes), assignment)


def test_whatever_was_done_to_it_nbgrader_sees_the_handed_out_notebook_with_the_answers_in_it(full, assignment):
    import nbformat
    from nbgrader.nbgraderformat import MetadataValidator

    harmed = copy.deepcopy(full)
    harmed["cells"].reverse()
    harmed["cells"] += copy.deepcopy(harmed["cells"])
    for cell in harmed["cells"]:
        if cells.metadata(cell):
            cells.metadata(cell).update(schema_version=99, points=1000, locked=False)
    nb = nbformat.from_dict(laid_out(harmed, assignment))
    nbformat.validate(nb)
    MetadataValidator().validate_nb(nb)
    released = [c["id"] for c in assignment.notebook["cells"]]
    assert [c["id"] for c in nb.cells] == released
    names = {name: cell for cell in nb.cells if (name := cells.metadata(cell).get("grade_id"))}
    for name, ours in assignment.released.items():
        assert names[name]["metadata"] == ours["metadata"]
        if not (cells.is_answer(ours) or cells.is_paragraph(ours)):
            assert names[name]["source"] == ours["source"]


def test_what_a_learner_added_stays_where_it_was_and_can_do_nothing(full, assignment):
    more = copy.deepcopy(full)
    at = next(i for i, c in enumerate(more["cells"]) if cells.metadata(c).get("grade_id") == "loop-mse-answer")
    more["cells"].insert(at, {"cell_type": "code", "source": "helper = 1", "metadata": {}})
    more["cells"].insert(at, {"cell_type": "markdown", "source": "<script>alert(1)</script>", "metadata": {}})
    nb = laid_out(more, assignment)
    ids = [c["id"] for c in nb["cells"]]
    below = nb["cells"][ids.index("loop-mse-answer") - 2 : ids.index("loop-mse-answer")]
    assert [c["source"] for c in below] == ["< script>alert(1)< /script>", "helper = 1"]


def test_an_empty_hand_in_is_the_untouched_notebook(assignment):
    nb = plugins.whole(arranged([], assignment, []), assignment)
    assert "This cell was missing" in by_name(nb, "loop-mse-answer")["source"]
    assert by_name(nb, "01-explain")["source"] == assignment.released["01-explain"]["source"]


# What a cell gives


@pytest.mark.parametrize(
    ("source", "earned"),
    [
        ("2.0", 2.0),
        ("1", 1.0),
        ("99.0", 2.0),
        ("-3.0", 0.0),
        ("None", 0.0),
        ("'2.0'", 0.0),
        ("True", 0.0),
        ("float('nan')", 0.0),
        ("float('inf')", 0.0),
        ("import numpy as np\nnp.float64(2.0)", 0.0),
        ("x = 2.0", 0.0),
        ("class F(float):\n    def __repr__(self): return '2.0'\nF(2)", 0.0),
        ("import sys\nprint('noise', file=sys.stderr)\n2.0", 2.0),
    ],
)
def test_a_check_earns_exactly_a_clamped_float(source, earned):
    outputs = plugins._ran(7, source, 2.0, {})
    assert outputs[-1]["data"] == {"text/plain": repr(earned)}
    assert not [o for o in outputs if o["output_type"] == "stream" and o["name"] == "stderr"]


def test_a_check_that_raises_earns_nothing_and_shows_no_more_than_its_lines():
    (error,) = plugins._ran(7, "x = 1\n1 / 0", 2.0, {})
    assert error["output_type"] == "error"
    assert error["evalue"] == "division by zero\n  line 2: 1 / 0"


def test_a_cell_shows_no_html_whatever_it_ends_in():
    source = "class H:\n    def _repr_html_(self): return '<script>'\nH()"
    assert plugins._ran(7, source, None, {}) == []


FORGED = """
import os
for number in range(3, 40):
    try: os.write(number, b'{}\\n')
    except OSError: pass
"""
RUNS = {
    "right": ("def f(): return 1", "1.0", "1.0"),
    "ends its process": ("import os; os._exit(0)", "1.0", "1.0"),
    "never ends": ("while True: pass", "1.0", "1.0"),
    "kills": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "1.0", "1.0"),
    "floods": ("print('x' * 10**8)", "1.0", "1.0"),
    "forges": (
        "import os\nfor i in range(3, 40):\n    try: os.write(i, b'{}\\n')\n    except OSError: pass",
        "1.0",
        "1.0",
    ),
}


@LINUX
@pytest.mark.parametrize("kind", RUNS)
def test_what_one_cell_does_costs_that_cell_alone(kind):
    first, check, earned = RUNS[kind]
    executor = plugins.Forked(seconds=2.0, notebook_seconds=20.0)
    outputs = executor._outputs([(0, first, None), (1, check, 1.0)])
    assert outputs[1][-1]["data"]["text/plain"] == earned, outputs


@LINUX
def test_the_process_of_a_submission_sees_neither_files_nor_the_network_nor_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("SECRET_OF_THE_INSTRUCTOR", "x")
    (tmp_path / "gradebook.db").write_text("x", encoding="utf-8")
    look = f"""
import os, socket
seen = ["environment"] if "SECRET_OF_THE_INSTRUCTOR" in os.environ else []
for name, do in {{
    "gradebook": lambda: open({str(tmp_path / "gradebook.db")!r}).read(),
    "written": lambda: open({str(tmp_path / "gradebook.db")!r}, "w"),
    "home": lambda: os.listdir(os.path.expanduser("~root")),
    "network": lambda: socket.create_connection(("127.0.0.1", 9), 1),
}}.items():
    try:
        do()
        seen.append(name)
    except ConnectionRefusedError:
        seen.append(name)
    except OSError:
        pass
print(seen)
"""
    from autograder.grading.session import Session

    with Session() as trial:
        if trial.level == "limits":
            pytest.skip("no walls on this system")
    outputs = plugins.Forked()._outputs([(0, look, None)])
    assert outputs[0] == [{"name": "stdout", "output_type": "stream", "text": "[]\n"}]


# The real commands


def nbgrader(*words, folder, fails=False):
    environment = os.environ | {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]),
        "HOME": str(folder),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
    }
    command = [sys.executable, "-m", "nbgrader", *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode != 0) == fails, done.stderr
    return done.stderr


def hostile_paragraph(nb):
    by_name(nb, "01-explain")["source"] = "<script>document.title='PWNED'</script> [x](javascript:alert(1))"


def raises_script(nb):
    by_name(nb, "loop-linear-answer")["source"] = "raise ValueError('<script>alert(1)</script>')"


def pasted(nb):
    nb["cells"] = make.doubled(nb)["cells"]


def schema_1(nb):
    for cell in nb["cells"]:
        if cells.metadata(cell):
            cells.metadata(cell)["schema_version"] = 1


def schema_99(nb):
    for cell in nb["cells"]:
        if cells.metadata(cell):
            cells.metadata(cell)["schema_version"] = 99


def points_of_a_thousand(nb):
    by_name(nb, "loop-mse")["metadata"]["nbgrader"]["points"] = 1000


def metadata_is_a_list(nb):
    for cell in nb["cells"]:
        cell["metadata"] = []


def check_returns_a_thousand(nb):
    by_name(nb, "loop-mse")["source"] = "1000.0"


CLASS = {
    "a_whole": (None, 8),
    "b_paragraph": (hostile_paragraph, 8),
    "c_raises": (raises_script, None),
    "d_pasted": (pasted, 8),
    "e_schema_1": (schema_1, 8),
    "f_schema_99": (schema_99, 8),
    "g_points": (points_of_a_thousand, 8),
    "h_list": (metadata_is_a_list, 8),
    "i_check": (check_returns_a_thousand, 8),
    "j_bom": ("utf-8-sig", 8),
    "k_utf16": ("utf-16", 8),
    "l_cut": ("cut", 0),
    "m_empty": ("empty", 0),
    "z_whole": (None, 8),
}


def hand_in(folder, student, harm, full):
    path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
    path.parent.mkdir(parents=True)
    nb = copy.deepcopy(full)
    if callable(harm):
        harm(nb)
    text = json.dumps(nb)
    encoding = harm if harm in ("utf-8-sig", "utf-16") else "utf-8"
    path.write_bytes({"cut": text[:-200].encode(), "empty": b""}.get(harm, text.encode(encoding)))


@pytest.fixture(scope="module")
def course(tmp_path_factory, full, assignment):
    """A class of broken and hostile submissions, graded by `nbgrader autograde` with our configuration."""
    folder = tmp_path_factory.mktemp("course")
    with gradebook.Gradebook(folder) as book:
        book.add_assignments([assignment])
    for student, (harm, _) in CLASS.items():
        hand_in(folder, student, harm, full)
    said = nbgrader("autograde", NAME, folder=folder)
    nbgrader("generate_feedback", NAME, folder=folder)
    return folder, said


def scores(folder):
    from nbgrader.api import Gradebook as Book

    with Book(f"sqlite:///{folder / 'gradebook.db'}") as book:
        return {s.student.id: s.score for s in book.assignment_submissions(NAME)}


@LINUX
def test_nbgraders_autograde_grades_everybody_and_gives_honest_work_its_points(course):
    found = scores(course[0])
    assert set(found) == set(CLASS)
    assert {name: found[name] for name, (_, points) in CLASS.items() if points is not None} == {
        name: points for name, (_, points) in CLASS.items() if points is not None
    }
    assert found["c_raises"] < 8


@LINUX
def test_each_repair_is_in_nbgraders_log(course):
    said = course[1]
    assert "d_pasted: 10 cells are there more than once" in said
    assert "l_cut: not graded: the file is not a notebook (not JSON)" in said
    assert "i_check: a cell is changed though locked: loop-mse" in said


@LINUX
def test_nbgraders_feedback_shows_no_script_of_theirs(course):
    for name in ("b_paragraph", "c_raises"):
        page = (course[0] / "feedback" / name / NAME / f"{NAME}.html").read_text(encoding="utf-8")
        assert "alert(1)" in page
        assert not re.search(r"<script>(document\.title|alert)", page)
        assert not re.search(r"""href=["']?javascript""", page)


@LINUX
def test_what_was_executed_carries_text_alone(course):
    for path in (course[0] / "autograded").glob("*/*/*.ipynb"):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            for output in cell.get("outputs", []):
                assert set(output.get("data", {})) <= {"text/plain"}
                assert output["output_type"] != "stream" or output["name"] == "stdout"


def test_plain_nbgrader_without_our_classes_gives_honest_work_the_same_points(tmp_path, full, assignment):
    empty = make.released(SOURCE)
    honest = {"ada": full, "bo": empty, "cleo": make.all_but_one(make.with_mistakes(full, 0), empty)}
    with gradebook.Gradebook(tmp_path) as book:
        book.add_assignments([assignment])
    plain = gradebook.CONFIG.split("# nbgrader's own autograde")[0]
    (tmp_path / "nbgrader_config.py").write_text(plain, encoding="utf-8")
    for student, notebook in honest.items():
        hand_in(tmp_path, student, None, notebook)
    nbgrader("autograde", NAME, folder=tmp_path)
    assert scores(tmp_path) == {name: judged(tmp_path, name, assignment) for name in honest}


def judged(folder, student, assignment):
    from autograder.grading.grader import Limits, grade

    path = folder / "submitted" / student / NAME / f"{NAME}.ipynb"
    return grade(Submission(student, NAME, path), assignment, lambda _: 3, Limits(5.0, 40.0)).points
