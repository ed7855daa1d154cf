"""An answer that has somebody else do its work is told whom it calls, in the notebook and in grading."""

import sys
from dataclasses import replace

import numpy as np
import pytest

from autograder.exercise import Exercise, get
from autograder.judge import judge
from autograder.running import InProcess

HONEST = "x - x.max(-1, keepdims=True) - np.log(np.exp(x - x.max(-1, keepdims=True)).sum(-1, keepdims=True))"
SOFTMAX = f"""
import numpy as np


def log_softmax(x, axis=-1):
    return {HONEST}


def twice(x):
    return log_softmax(x)


square = np.frompyfunc(lambda v: v, 1, 1)
"""


@pytest.fixture(scope="module", autouse=True)
def packages(tmp_path_factory):
    """Stand-ins for packages that need not be installed here, where packages lie; a file that is none."""
    top = tmp_path_factory.mktemp("x") / "site-packages"
    for name in ("torchlike", "torchlike/nn"):
        (top / name).mkdir(parents=True)
        (top / name / "__init__.py").write_text(SOFTMAX, encoding="utf-8")
    (top.parent / "neighbours_work.py").write_text(SOFTMAX, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(top))
        patch.syspath_prepend(str(top.parent))
        yield
    for name in ("torchlike", "torchlike.nn", "neighbours_work"):
        sys.modules.pop(name, None)


def in_a_cell(source: str):
    names = {"np": np, "__name__": "__main__"}
    exec(compile(source, "<ipython-input-3>", "exec"), names)
    return names["log_softmax"]


def verdict(source: str, exercise: Exercise | None = None):
    exercise = exercise or get("losses.log_softmax")
    return judge(exercise, InProcess(exercise, in_a_cell(source)), 3)


@pytest.mark.parametrize(
    ("source", "called"),
    [
        ("import torchlike\ndef log_softmax(x):\n    return torchlike.log_softmax(x)", "torchlike.log_softmax"),
        ("from torchlike.nn import twice as log_softmax", "torchlike.nn.twice"),
        ("def log_softmax(x):\n    from torchlike import twice\n    return twice(x)", "torchlike.twice"),
        (
            "import torchlike\ndef log_softmax(x):\n    return np.apply_along_axis(torchlike.twice, -1, x)",
            "torchlike.twice",
        ),
        (
            "import neighbours_work\ndef log_softmax(x):\n    return neighbours_work.log_softmax(x)",
            "log_softmax in neighbours_work.py, another file",
        ),
        ("from minifit.ops import log_softmax", "log_softmax"),
        ("from autograder.exercises.losses import log_softmax", "the reference, log_softmax"),
        (
            "from autograder.exercise import get\n"
            "def log_softmax(x):\n    return get('losses.log_softmax').alternatives[0](x)",
            "the reference",
        ),
    ],
)
def test_who_does_the_work_is_named(source, called):
    found = verdict(source)
    assert (found.status, found.score) == ("delegated", 0.0), found.message
    assert called in found.message


def test_in_a_notebook_only_what_stands_in_its_cells_is_the_learners_own(monkeypatch):
    monkeypatch.setattr("autograder.delegation._in_a_notebook", lambda: True)
    found = verdict("from neighbours_work import log_softmax")
    assert "log_softmax in neighbours_work.py, another file" in found.message
    assert verdict(f"def log_softmax(x):\n    return {HONEST}").status == "right"


def test_array_functions_of_other_packages_are_seen_too():
    special = pytest.importorskip("scipy.special")
    for source in (
        "import scipy.special\ndef log_softmax(x):\n    return scipy.special.xlogy(x, x)",
        "from scipy.special import xlogy\ndef log_softmax(x):\n    return xlogy(x, x)",
        "def log_softmax(x):\n    import scipy.special as s\n    return s.xlogy(x, x)",
    ):
        found = verdict(source)
        assert (found.status, "xlogy" in found.message) == ("delegated", True)
    assert special.xlogy(1, 1) == 0


@pytest.mark.parametrize(
    "source",
    [
        f"def log_softmax(x):\n    return {HONEST}",
        f"def log_softmax(x):\n    import math, collections\n    collections.Counter('ab')\n    return {HONEST}",
        f"def log_softmax(x):\n    np.linalg.norm(x), np.einsum('ij->i', x), np.vectorize(abs)(x)\n    return {HONEST}",
        f"import functools\n@functools.lru_cache\ndef size(n):\n    return n\n"
        f"def log_softmax(x):\n    size(3)\n    return {HONEST}",
        f"def log_softmax(x):\n    import torchlike, minifit.losses\n    np.median(x)\n    return {HONEST}",
        f"class Own:\n    def __call__(self, x):\n        return {HONEST}\nlog_softmax = Own()",
    ],
)
def test_honest_work_with_numpy_and_python_is_right(source):
    assert verdict(source).status == "right"


@pytest.mark.parametrize(
    ("allowed", "status"),
    [
        (("torchlike.log_softmax",), "right"),
        (("torchlike",), "right"),
        (("torchlike.nn",), "delegated"),
        (("torch",), "delegated"),
        ((), "delegated"),
    ],
)
def test_an_exercise_says_what_may_be_called(allowed, status):
    exercise = replace(get("losses.log_softmax"), allowed=allowed)
    source = "import torchlike\ndef log_softmax(x):\n    return torchlike.log_softmax(x)"
    assert verdict(source, exercise).status == status
