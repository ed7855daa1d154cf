"""What passes is kept: whole, readable, importable without the course, and never lost again."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograder
from autograder import exercise as exercises
from autograder import mine, store
from autograder.exercise import Exercise
from autograder.source import NoSource, capture

interactiveshell = pytest.importorskip("IPython.core.interactiveshell")

TWICE = Exercise(
    *("loop.twice", "twice(x) -> (N,)", 1, 1, 1, 1),
    reference=lambda x: 2 * x,
    cases=lambda rng: {"five numbers": (rng.normal(size=5),)},
)
THRICE = Exercise(
    *("losses.thrice", "thrice(x) -> (N,)", 1, 1, 1, 1),
    reference=lambda x: 3 * x,
    cases=lambda rng: {"five numbers": (rng.normal(size=5),)},
)
TALLY = Exercise(
    *("losses.Tally", "Tally(start)", 1, 1, 1, 1),
    reference=type("Tally", (), {"__init__": lambda s, start: setattr(s, "n", start), "add": lambda s, x: s.n + x}),
    cases=lambda rng: {"a number": (float(rng.normal()), rng.normal(size=3))},
    scenario=lambda obj, start, x: obj(start).add(x),
)

Notebook = Callable[[str], Any]


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    exercises.all_exercises()
    for exercise in (TWICE, THRICE, TALLY):
        monkeypatch.setitem(exercises._exercises, exercise.identifier, exercise)
    (tmp_path / ".minifit").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()
    mine._live.clear()
    mine._announced.clear()
    return tmp_path


@pytest.fixture
def notebook(copy: Path) -> Iterator[Notebook]:
    shell = interactiveshell.InteractiveShell.instance()
    shell.run_cell("import numpy as np\nfrom autograder import check")

    def run(source: str) -> Any:
        result = shell.run_cell(textwrap.dedent(source), store_history=True)
        result.raise_error()
        return result.result

    yield run
    shell.history_manager.end_session()
    interactiveshell.InteractiveShell.clear_instance()


def kept(copy: Path, topic: str) -> dict[str, Any]:
    space: dict[str, Any] = {}
    exec((copy / "mine" / f"{topic}.py").read_text(), space)
    return space


def imported(copy: Path, code: str, without: str = "autograder") -> str:
    """What a script prints that imports `mine` in a Python where `without` cannot be imported."""
    script = f"import sys; sys.modules[{without!r}] = None\n{code}"
    found = subprocess.run([sys.executable, "-c", script], cwd=copy, capture_output=True, text=True, check=False)
    return found.stdout + found.stderr


X = np.arange(3.0)

PASSING = {
    "a function": "def twice(x):\n    return 2 * x",
    "a lambda": "twice = lambda x: 2 * x",
    "a lambda among others": "a, twice, b = (lambda x: x), (lambda x: 2 * x), (lambda x: 3 * x)",
    "another name": "def double(x):\n    return 2 * x\ntwice = double",
    "an import by another name": (
        "import numpy as num\nfrom math import sqrt as root\ndef twice(x):\n    return root(4) * num.array(x)"
    ),
    "a ufunc": "from numpy import add, ndarray\ndef twice(x: ndarray) -> ndarray:\n    return add(x, x)",
    "constants": "A, B = 1, [0.5]\nE = {'k': (1, None)}\ndef twice(x):\n    return (A + E['k'][0]) * x * B[0] * 2",
    "an array": "W = np.array([[2.0]])\ndef twice(x):\n    return x * W[0]",
    "a NumPy number": "W = np.float64(2)\ndef twice(x):\n    return x * W",
    "a helper of a helper": (
        "def one(x):\n    return x\ndef two(x):\n    return one(x) + one(x)\ndef twice(x):\n    return two(x)"
    ),
    "helpers that call each other": (
        "def even(n):\n    return n == 0 or odd(n - 1)\ndef odd(n):\n    return n != 0 and even(n - 1)\n"
        "def twice(x):\n    return (1 + even(2)) * x"
    ),
    "a helper class": (
        "class Times:\n    def go(self, x):\n        return 2 * x\ndef twice(x):\n    return Times().go(x)"
    ),
    "a decorator": (
        "import functools\ndef plain(f):\n    @functools.wraps(f)\n    def g(x):\n        return f(x)\n    return g\n"
        "@plain\ndef twice(x):\n    return 2 * x"
    ),
    "a closure over a number": (
        "def make(factor):\n    def twice(x):\n        return factor * x\n    return twice\ntwice = make(2)"
    ),
    "text of several lines": 'def twice(x):\n    """Twice.\n\n  Less deep.\n    """\n    return 2 * x',
    "a name that is a local elsewhere": "x = 5\nt = 'unused'\ndef twice(x):\n    t = 2\n    return t * x",
    "a magic in its cell": "%time pass\ndef twice(x):\n    return 2 * x",
    "annotations from the future": (
        "from __future__ import annotations\ndef twice(x: Nowhere) -> Nowhere:\n    return 2 * x"
    ),
}


@pytest.mark.parametrize("cell", PASSING.values(), ids=PASSING)
def test_what_passes_stands_alone(
    cell: str, copy: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook(cell)
    assert notebook("check('loop.twice', twice)") == 1.0
    assert "Right. loop.twice: 1 of 1 points. Kept in mine/loop.py." in capsys.readouterr().out
    assert kept(copy, "loop")["twice"](X).tolist() == [0, 2, 4]
    assert imported(copy, "from mine import twice; import numpy as np; print(twice(np.ones(1)))") == "[2.]\n"


def test_a_file_reads_as_one_module_in_course_order(copy: Path, notebook: Notebook) -> None:
    notebook("SCALE = 1.0\ndef scaled(v):\n    return SCALE * v")
    notebook("def mse(y_true, y_pred):\n    return scaled(np.mean((y_true - y_pred) ** 2))\ncheck('loop.mse', mse)")
    notebook("def linear(x, w, b):\n    return scaled(x @ w + b)\ncheck('loop.linear', linear)")
    text = (copy / "mine" / "loop.py").read_text()
    assert text.startswith('"""Your own loop')
    assert text.count("import numpy as np") == text.count("def scaled") == text.count("SCALE = 1.0") == 1
    order = [text.index(part) for part in ("import numpy", "SCALE", "def scaled", "# loop.linear", "# loop.mse")]
    assert order == sorted(order)


def test_an_exercise_that_has_passed_is_imported_and_not_copied(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    notebook("def thrice(x):\n    return twice(x) + x\ncheck('losses.thrice', thrice)")
    text = (copy / "mine" / "losses.py").read_text()
    assert "from mine.loop import twice" in text
    assert "def twice" not in text
    assert imported(copy, "from mine import thrice; import numpy as np; print(thrice(np.ones(1)))") == "[3.]\n"


def test_a_class_over_several_cells_becomes_one(copy: Path, notebook: Notebook) -> None:
    notebook(
        """
        class Tally:
            '''Counts.'''

            unit = 1  # one each

            def __init__(self, start):
                self.start = start

            def add(self, x):
                raise NotImplementedError()
        """
    )
    for wrong_first in ("x", "self.start * self.unit + x", "self.unit * self.start + x"):
        notebook(f"class Tally(Tally):\n    # adds to all\n    def add(self, x):\n        return {wrong_first}")
    assert notebook("check('losses.Tally', Tally)") == 1.0
    text = (copy / "mine" / "losses.py").read_text()
    assert (text.count("class Tally"), text.count("def add"), text.count("def __init__")) == (1, 1, 1)
    assert "'''Counts.'''" in text
    assert "# one each" in text
    assert "# adds to all" in text
    assert "self.unit * self.start + x" in text
    assert kept(copy, "losses")["Tally"](1).add(2) == 3


def test_a_class_whose_parts_call_super_is_kept_in_parts(copy: Path, notebook: Notebook) -> None:
    notebook("class Tally:\n    def __init__(self, start):\n        self.start = start")
    notebook("class Tally(Tally):\n    def add(self, x):\n        return self.start + x - 1")
    notebook("class Tally(Tally):\n    def add(self, x):\n        return super().add(x) + 1")
    assert notebook("check('losses.Tally', Tally)") == 1.0
    assert (copy / "mine" / "losses.py").read_text().count("class Tally") == 3
    assert kept(copy, "losses")["Tally"](1).add(2) == 3


def test_methods_given_to_a_class_from_outside_are_kept(copy: Path, notebook: Notebook) -> None:
    notebook("class Tally:\n    start = 0")
    notebook("def begin(self, start):\n    self.start = start\nTally.__init__ = begin")
    notebook("Tally.add = lambda self, x: self.start + x")
    assert notebook("check('losses.Tally', Tally)") == 1.0
    assert kept(copy, "losses")["Tally"](1).add(2) == 3


def test_a_base_class_of_ones_own_comes_along(copy: Path, notebook: Notebook) -> None:
    notebook("class Base:\n    def __init__(self, start):\n        self.start = start")
    notebook(
        """
        class Tally(Base):
            @property
            def now(self):
                return self.start

            def add(self, x):
                return self.now + x
        """
    )
    assert notebook("check('losses.Tally', Tally)") == 1.0
    assert kept(copy, "losses")["Tally"](1).add(2) == 3


def test_what_cannot_be_kept_passes_and_says_why_and_loses_nothing(
    copy: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    before = (copy / "mine" / "loop.py").read_text()
    capsys.readouterr()
    notebook("rng = np.random.default_rng(0)\ndef twice(x):\n    rng.random()\n    return x + x")
    assert notebook("check('loop.twice', twice)") == 1.0
    told = capsys.readouterr().out.replace("\n", " ")
    assert "it uses rng of the notebook, a Generator; hand it over as an argument" in told
    assert (copy / "mine" / "loop.py").read_text() == before
    notebook("from mine import twice as own\nassert own is twice")


def test_a_wrong_version_never_replaces_a_right_one(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    before = (copy / "mine" / "loop.py").read_text()
    assert notebook("def twice(x):\n    return x\ncheck('loop.twice', twice)") == 0.0
    assert (copy / "mine" / "loop.py").read_text() == before
    assert notebook("def twice(x):\n    return x + x\ncheck('loop.twice', twice)") == 1.0
    assert "return x + x" in (copy / "mine" / "loop.py").read_text()


def test_every_import_says_whose_part_it_is(copy: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]) -> None:
    said = "twice: the reference's (loop.twice has not passed yet)\n"
    for _ in range(2):
        notebook("from mine import twice")
        assert capsys.readouterr().out == said
    notebook("import mine\nfor _ in range(5):\n    mine.loop.twice(1)")
    assert capsys.readouterr().out == said
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice);")
    capsys.readouterr()
    notebook("from mine import twice, thrice")
    assert capsys.readouterr().out == "twice: yours\nthrice: the reference's (losses.thrice has not passed yet)\n"
    notebook("from mine.loop import twice")
    assert capsys.readouterr().out == "twice: yours\n"


def test_an_unknown_part_offers_the_nearest(copy: Path, notebook: Notebook) -> None:
    with pytest.raises(ImportError, match='Did you mean "twice"'):
        notebook("from mine import twise")
    with pytest.raises(ImportError, match="no exercise of losses"):
        notebook("from mine.losses import twice")


def test_the_reference_got_from_mine_is_no_answer(
    copy: Path, notebook: Notebook, capsys: pytest.CaptureFixture[str]
) -> None:
    notebook("from mine import mse, log_softmax")
    for cell in ("check('loop.mse', mse)", "check('loop.mse', lambda a, b: mse(a, b))"):
        assert notebook(cell) == 0.0
    assert notebook("check('losses.log_softmax', lambda z: log_softmax(z))") == 0.0
    said = capsys.readouterr().out
    assert "the reference's own mse" in said
    assert said.count("This calls the function you are asked to write") == 2


def test_ones_own_part_may_be_used_from_mine(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)\ndel twice")
    notebook("from mine import twice\ndef thrice(x):\n    return twice(x) + x")
    assert notebook("check('losses.thrice', thrice)") == 1.0
    assert imported(copy, "from mine import thrice; import numpy as np; print(thrice(np.ones(1)))") == "[3.]\n"


def test_without_the_course_only_what_passed_is_there(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    assert "ImportError: thrice has not passed its check yet; yours are twice" in imported(
        copy, "from mine import thrice"
    )
    assert imported(copy, "import mine; print(dir(mine))") == "['twice']\n"


def test_with_the_course_a_script_gets_the_reference_and_is_told(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    said = imported(copy, "from mine import mse; print(mse([1.0], [3.0]))", without="nothing at all")
    assert said.startswith("mse: the reference's (loop.mse has not passed yet)\n")


def test_without_a_working_copy_all_of_it_works_in_memory(
    copy: Path, notebook: Notebook, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (copy / ".minifit").rmdir()
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    assert "Kept as mine." in capsys.readouterr().out
    notebook("from mine import twice as own\nassert own(4) == 8")
    assert capsys.readouterr().out == "twice: yours\n"
    assert list(copy.iterdir()) == []


def test_a_source_that_no_longer_runs_gives_way_to_the_reference(
    copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store.change("passed", "loop.twice", lambda _: {"source": "def twice(x:"})
    assert mine.resolve("twice") is TWICE.reference
    assert "yours no longer loads: SyntaxError" in capsys.readouterr().out


def test_objects_without_source_are_told_apart() -> None:
    space: dict[str, Any] = {}
    exec("def twice(x):\n    return 2 * x", space)
    with pytest.raises(NoSource, match="not to be found"):
        capture(space["twice"], "twice")
    with pytest.raises(NoSource, match="no function or class"):
        capture(np.add, "twice")


def test_importing_the_course_is_light() -> None:
    heavy = ("matplotlib", "nbgrader", "minifit", "IPython")
    script = f"import sys, autograder; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_the_names_a_notebook_imports_are_all_there() -> None:
    assert set(autograder.__all__) >= {
        *("built_table", "check", "hint", "loop_picture", "predict", "progress", "reveal", "setup", "solution"),
    }


# --------------------------------------------------------------------------- names that meet


def test_ones_own_part_under_another_name_is_no_import_of_the_file_itself(copy: Path, notebook: Notebook) -> None:
    notebook("def twice(x):\n    return 2 * x\ncheck('loop.twice', twice)")
    notebook("from mine import twice as double\ndef mse(y_true, y_pred):\n    e = double(y_true - y_pred) / 2")
    notebook("def mse(y_true, y_pred):\n    return float(np.mean((double(y_true - y_pred) / 2) ** 2))")
    assert notebook("check('loop.mse', mse)") == 1.0
    text = (copy / "mine" / "loop.py").read_text()
    assert "from mine.loop" not in text
    assert "double = twice" in text
    assert imported(copy, "from mine import mse\nprint(mse(1.0, 3.0))").strip() == "4.0"


def test_a_function_that_is_called_like_its_topic_is_the_function(
    copy: Path, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = Exercise(
        *("losses.losses", "losses(x) -> (N,)", 1, 1, 1, 1),
        reference=lambda x: 5 * x,
        cases=lambda rng: {"five numbers": (rng.normal(size=5),)},
    )
    monkeypatch.setitem(exercises._exercises, losses.identifier, losses)
    notebook("def losses(x):\n    return 5 * x\ncheck('losses.losses', losses)")
    notebook("def thrice(x):\n    return 3 * x\ncheck('losses.thrice', thrice)")
    assert imported(copy, "import mine.losses\nfrom mine import losses\nprint(losses(2))").strip() == "10"
    assert imported(copy, "from mine.losses import losses, thrice\nprint(thrice(2))").strip() == "6"
    assert notebook("from mine import losses as l\nl(2)") == 10


def test_a_method_outside_of_its_class_is_kept_with_what_it_uses(
    copy: Path, notebook: Notebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in notebook 09: functions of self, one a cell, one of them hiding a name of Python's."""

    class Box:
        pass

    def drive(obj: Any, number: float) -> Any:
        box = Box()
        obj(box, number)
        return box.n

    compiles = Exercise(
        *("loop.compile", "compile(self, number)", 1, 1, 1, 1),
        reference=lambda self, number: setattr(self, "n", 2 * number),
        cases=lambda rng: {"a number": (float(rng.normal()),)},
        scenario=drive,
    )
    fits = Exercise(
        *("losses.fit", "fit(self, number)", 1, 1, 1, 1),
        reference=lambda self, number: setattr(self, "n", 2 * number),
        cases=lambda rng: {"a number": (float(rng.normal()),)},
        scenario=drive,
    )
    for exercise in (compiles, fits):
        monkeypatch.setitem(exercises._exercises, exercise.identifier, exercise)
    notebook("def compile(self, number):\n    self.n = 2 * number")
    assert notebook("check('loop.compile', compile)") == 1.0
    notebook("def fit(self, number):\n    compile(self, number)")
    assert notebook("check('losses.fit', fit)") == 1.0
    assert "from mine.loop import compile" in (copy / "mine" / "losses.py").read_text()
    assert "class Model" not in (copy / "mine" / "loop.py").read_text()


def test_mine_is_a_package_before_anything_has_passed(tmp_path: Path) -> None:
    from autograder import lab

    lab.hand_out(tmp_path / "copy")
    told = imported(tmp_path / "copy", "import mine\nprint(mine.YOURS)\nfrom mine import mse")
    assert told.startswith("{}\n")
    assert "mse has not passed its check yet; yours are none" in told


# --------------------------------------------------------------------------- from the text of a notebook

CELLS = [
    "import numpy as np\nfrom math import sqrt as root\nEPS, x = 1e-7, np.zeros(3)\nSMALL = -1e-7",
    "%matplotlib inline\n!ls\ndef half(v):\n    return v / root(4) + 0 * SMALL",
    "this is no Python",
    "def twice(v):\n    return 1",
    "def twice(v):\n    return np.asarray(half(v)) * 4",
    "from mine import thrice\nclass Tally:\n    def __init__(self, start):\n        self.n = start",
    "class Tally(Tally):\n    def add(self, v):\n        return self.n + thrice(v) / 3",
    "loud = lambda v: 2 * v",
]


def test_an_answer_is_kept_from_text_alone_with_what_it_uses(copy: Path) -> None:
    told = mine.keep_text(TWICE, CELLS)
    assert told == "Kept in mine/loop.py."
    assert kept(copy, "loop")["twice"](3.0) == 6.0
    assert store.read("passed").keys() == {"loop.twice"}
    assert imported(copy, "from mine import twice\nprint(twice(2))").strip() == "4.0"


def test_a_class_over_cells_is_joined_from_text_and_what_passed_is_imported(copy: Path) -> None:
    mine.keep_text(THRICE, ["def thrice(v):\n    return 3 * v"])
    assert mine.keep_text(TALLY, CELLS) == "Kept in mine/losses.py."
    text = (copy / "mine" / "losses.py").read_text()
    assert text.count("class Tally") == 1
    assert kept(copy, "losses")["Tally"](1).add(2) == 3.0


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["x = open('f')\ndef twice(v):\n    return x"], "it uses x of the notebook"),
        (["print(1)"], "no cell defines twice"),
    ],
)
def test_what_text_alone_does_not_tell_is_said(cells: list[str], why: str, copy: Path) -> None:
    assert why in mine.keep_text(TWICE, cells)
    assert store.read("passed")["loop.twice"]["source"] == ""
