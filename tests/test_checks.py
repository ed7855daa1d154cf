"""check() tells right from wrong whatever it is given, says which, and leaves the notebook as it was."""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograder
from autograder import exercise as exercises
from autograder import mine, store
from autograder.exercise import Exercise, Mistake, Question
from autograder.judge import Verdict, judge
from autograder.running import InProcess


def reference(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.mean((x - w) ** 2, axis=-1)


def cases(rng: np.random.Generator) -> dict[str, tuple]:
    return {
        "five rows of three": (rng.normal(size=(5, 3)), rng.normal(size=(5, 3))),
        "a single row": (rng.normal(size=(1, 4)), rng.normal(size=(1, 4))),
    }


ROWS = Exercise(
    "loop.row_means",
    "row_means(x, w) -> (N,)",
    points=3,
    minutes=5,
    difficulty=1,
    lines=1,
    reference=reference,
    cases=cases,
    mistakes=(
        Mistake(
            "summed, not averaged",
            lambda x, w: np.sum((x - w) ** 2, axis=-1),
            "A sum grows with the number of columns.",
            "Which function divides by the count?",
        ),
    ),
    hints=("a", "b", "c"),
)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> None:
    exercises.all_exercises()
    monkeypatch.setitem(exercises._exercises, ROWS.identifier, ROWS)
    question = Question("loop.q_test", "How many?", None, 4.0, "Two and two.")
    choice = Question("loop.q_choice", "Which?", {"a": "this", "b": "that"}, "b", "It is that.")
    monkeypatch.setitem(exercises._questions, question.identifier, question)
    monkeypatch.setitem(exercises._questions, choice.identifier, choice)
    store.forget()


@pytest.fixture
def working_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bank: None) -> Path:
    (tmp_path / ".minifit").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verdict(obj: Any, seconds: float = 5.0) -> Verdict:
    return judge(ROWS, InProcess(ROWS, obj, seconds), 3)


# --------------------------------------------------------------------------- right answers


@pytest.mark.parametrize(
    "answer",
    [
        lambda x, w: ((x - w) ** 2).mean(axis=1),
        lambda x, w: [sum((a - b) ** 2 for a, b in zip(p, q, strict=True)) / len(p) for p, q in zip(x, w, strict=True)],
        lambda x, w: tuple(((x - w) ** 2).mean(axis=1)),
        lambda x, w: ((x - w) ** 2).mean(axis=1).astype("float32"),
        lambda x, w: np.einsum("ij,ij->i", x - w, x - w) / x.shape[1],
        lambda x, w: np.matrix((x - w) ** 2).A.mean(axis=1),
    ],
    ids=["vectorised", "loops and a list", "a tuple", "float32", "einsum", "through a matrix"],
)
def test_right_in_any_style(answer: Any) -> None:
    assert verdict(answer).status == "right"


# --------------------------------------------------------------------------- wrong and hostile ones


class AlwaysEqual(np.ndarray):
    def __eq__(self, other: object) -> Any:
        return np.ones(self.shape, bool)

    def __array_function__(self, *a: Any, **k: Any) -> Any:
        return True

    __hash__ = None  # type: ignore[assignment]


class EqualFloat(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __abs__(self) -> float:
        return 0.0

    __hash__ = float.__hash__


def stateful() -> Any:
    seen: list[int] = []

    def answer(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        seen.append(1)
        return reference_copy(x, w) + (1 if len(seen) > 2 else 0)

    return answer


def reference_copy(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.mean((x - w) ** 2, axis=-1)


def changes_its_input(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    x -= w
    return np.mean(x**2, axis=-1)


def changes_a_view(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    result = reference_copy(x, w)
    x.T[0] = 0
    return result


def recurses(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return recurses(x, w)


def prints_it(x: np.ndarray, w: np.ndarray) -> None:
    print(reference_copy(x, w))


def raises(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    return x[99]


def raises_in_str(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    class Awkward(Exception):
        def __str__(self) -> str:
            raise ValueError

    raise Awkward


def nested(x: np.ndarray, w: np.ndarray) -> list:
    deep: list = []
    for _ in range(100):
        deep = [deep]
    return deep


WRONG = {
    "transposed": (lambda x, w: np.mean((x - w) ** 2, axis=0), "wrong shape"),
    "a column": (lambda x, w: reference_copy(x, w)[:, None], "wrong shape"),
    "one number": (lambda x, w: np.mean((x - w) ** 2), "wrong shape"),
    "a square": (lambda x, w: reference_copy(x, w)[:, None] + reference_copy(x, w), "wrong shape"),
    "summed": (lambda x, w: np.sum((x - w) ** 2, axis=-1), "wrong values"),
    "negated": (lambda x, w: -reference_copy(x, w), "wrong values"),
    "off in the seventh digit": (lambda x, w: reference_copy(x, w) * (1 + 1e-7), "wrong values"),
    "NaN": (lambda x, w: reference_copy(x, w) * np.nan, "wrong values"),
    "infinite": (lambda x, w: reference_copy(x, w) + np.inf, "wrong values"),
    "None": (lambda x, w: None, "wrong type"),
    "printed": (prints_it, "wrong type"),
    "text": (lambda x, w: "0.5", "wrong type"),
    "texts": (lambda x, w: [str(v) for v in reference_copy(x, w)], "wrong type"),
    "a generator": (lambda x, w: (v for v in reference_copy(x, w)), "wrong type"),
    "a function": (lambda x, w: reference_copy, "wrong type"),
    "a dict": (lambda x, w: {0: reference_copy(x, w)}, "wrong type"),
    "a set": (lambda x, w: set(reference_copy(x, w)), "wrong type"),
    "complex": (lambda x, w: reference_copy(x, w) + 0j, "wrong type"),
    "objects": (lambda x, w: reference_copy(x, w).astype(object), "wrong type"),
    "ragged": (lambda x, w: [[1.0], [1.0, 2.0]], "wrong shape"),
    "nested a hundred deep": (nested, "wrong type"),
    "an array that equals everything": (lambda x, w: np.zeros(len(x)).view(AlwaysEqual), "wrong values"),
    "floats that equal everything": (lambda x, w: [EqualFloat(7)] * len(x), "wrong values"),
    "raises": (raises, "raised"),
    "an exception that raises": (raises_in_str, "raised"),
    "recursion": (recurses, "raised"),
    "exit": (lambda x, w: sys.exit(0), "raised"),
    "wrong number of arguments": (lambda x: x, "raised"),
    "keeps state": (stateful(), "wrong values"),
    "changes its input": (changes_its_input, "mutated input"),
    "changes its input through a view": (changes_a_view, "mutated input"),
}


@pytest.mark.parametrize(("answer", "status"), WRONG.values(), ids=WRONG.keys())
def test_wrong_answers_are_rejected_for_what_they_are(answer: Any, status: str) -> None:
    found = verdict(answer)
    assert (found.status, found.score) == (status, 0.0), found.message
    assert len(found.message.splitlines()) <= 12


def swallows_everything(x: np.ndarray, w: np.ndarray) -> np.ndarray:
    while True:
        try:
            while True:
                pass
        except Exception:
            pass


def test_an_endless_loop_is_stopped_and_loops_are_mentioned() -> None:
    found = verdict(swallows_everything, seconds=0.2)
    assert found.status == "timed out"
    assert "loop" in found.message


def test_a_listed_mistake_is_named_with_its_reason_and_hint() -> None:
    found = verdict(lambda x, w: ((x - w) ** 2).sum(1))
    assert found.mistake == "summed, not averaged"
    assert "A sum grows" in found.message
    assert "divides by the count" in found.message


def test_a_constant_factor_is_named_with_the_length_it_equals() -> None:
    text = verdict(lambda x, w: reference_copy(x, w) / len(x)).message
    assert "divided by the number of rows of x" in text


def test_a_traceback_shows_the_learners_own_line_alone() -> None:
    text = verdict(raises).message
    assert "IndexError" in text
    assert "x[99]" in text
    assert "judge.py" not in text
    assert "running.py" not in text


# --------------------------------------------------------------------------- check() in a notebook


def test_a_pass_earns_its_points_and_says_so_on_one_line(bank: None, capsys: pytest.CaptureFixture[str]) -> None:
    def row_means(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        return np.mean((x - w) ** 2, axis=-1)

    earned = autograder.check("loop.row_means", row_means)
    assert (type(earned), earned) == (float, 3.0)
    out = capsys.readouterr()
    assert out.out.startswith("Right. loop.row_means: 3 of 3 points.")
    assert out.err == ""


@pytest.mark.parametrize("stub", ["raise NotImplementedError()", "...", "pass", "'''Doc.'''"])
def test_an_untouched_blank_is_not_attempted(stub: str, bank: None, capsys: pytest.CaptureFixture[str]) -> None:
    space: dict[str, Any] = {}
    exec(f"def row_means(x, w):\n    {stub}\n", space)
    assert autograder.check("loop.row_means", space["row_means"]) == 0.0
    assert "not attempted" in capsys.readouterr().out


def test_calling_the_reference_is_no_answer(bank: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert autograder.check("loop.row_means", lambda x, w: reference(x, w)) == 0.0
    assert "This calls the function you are asked to write" in capsys.readouterr().out
    from minifit.losses import mean_squared_error

    assert autograder.check("losses.mean_squared_error", mean_squared_error) == 0.0
    assert "the reference's own" in capsys.readouterr().out
    assert autograder.check("losses.mean_squared_error", lambda t, p: mean_squared_error(t, p)) == 0.0
    assert "minifit.losses.mean_squared_error" in capsys.readouterr().out


def test_an_unknown_exercise_offers_the_nearest(bank: None) -> None:
    with pytest.raises(ValueError, match=r'Did you mean "loop\.mse"'):
        autograder.check("loop.msee", len)


def test_a_check_leaves_numpy_warnings_and_random_state_alone(bank: None) -> None:
    def meddles(x: np.ndarray, w: np.ndarray) -> np.ndarray:
        np.seterr(all="raise")
        np.random.seed(0)  # noqa: NPY002
        warnings.simplefilter("error")
        return reference_copy(x, w)

    errors, filters = np.geterr(), list(warnings.filters)
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    assert autograder.check("loop.row_means", meddles) == 3.0
    assert np.random.random() == expected  # noqa: NPY002
    assert (np.geterr(), list(warnings.filters)) == (errors, filters)


# --------------------------------------------------------------------------- mine


def test_what_passes_is_kept_readable_and_imports_alone(
    working_copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    module = working_copy / "cell.py"
    module.write_text(
        "import numpy as np\nPOWER = 2\n\ndef squares(x):\n    return x ** POWER\n\n"
        "def row_means(x, w):\n    return np.mean(squares(x - w), axis=-1)\n"
    )
    monkeypatch.syspath_prepend(str(working_copy))
    import cell  # type: ignore[import-not-found]

    autograder.check("loop.row_means", cell.row_means)
    assert "Kept in mine/loop.py" in capsys.readouterr().out
    text = (working_copy / "mine" / "loop.py").read_text()
    assert "def squares" in text
    assert "POWER = 2" in text
    space: dict[str, Any] = {}
    exec(text, space)
    assert space["row_means"](np.ones((2, 3)), np.zeros((2, 3))).tolist() == [1.0, 1.0]
    sys.modules.pop("cell")


def test_mine_gives_ones_own_after_a_pass_and_the_reference_before(
    working_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine.install()
    mine._announced.clear()
    from mine import row_means  # type: ignore[import-not-found]

    assert row_means is reference
    assert "the reference's (loop.row_means has not passed yet)" in capsys.readouterr().out

    def row_means(x, w):  # type: ignore[no-redef]
        import numpy as np

        return np.mean((x - w) ** 2, axis=-1)

    autograder.check("loop.row_means", row_means)
    capsys.readouterr()
    from mine import row_means as own

    assert own is not reference
    assert "row_means: yours" in capsys.readouterr().out


def test_a_failed_check_never_loses_an_earlier_pass(working_copy: Path) -> None:
    autograder.check("loop.row_means", reference_copy_named())
    before = (working_copy / ".minifit" / "progress.json").read_text()
    autograder.check("loop.row_means", lambda x, w: x)
    after = json.loads((working_copy / ".minifit" / "progress.json").read_text())
    assert after["passed"] == json.loads(before)["passed"] != {}
    assert after["attempts"]["loop.row_means"] == 2


def reference_copy_named() -> Any:
    def row_means(x, w):
        import numpy as np

        return np.mean((x - w) ** 2, axis=-1)

    return row_means


def test_a_class_spread_over_cells_is_kept_whole(working_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.run_cell("import numpy as np\nfrom autograder import check")
    shell.run_cell("class Loss:\n    def call(self, y_true, y_pred):\n        raise NotImplementedError()")
    shell.run_cell(
        "class Loss(Loss):\n"
        "    def __call__(self, y_true, y_pred, sample_weight=None):\n"
        "        values = self.call(y_true, y_pred)\n"
        "        if sample_weight is not None:\n"
        "            values = values * np.reshape(sample_weight, values.shape)\n"
        "        return np.mean(values)"
    )
    result = shell.run_cell("check('losses.Loss', Loss)")
    assert result.result == exercises.get("losses.Loss").points
    text = (working_copy / "mine" / "losses.py").read_text()
    assert text.count("class Loss") == 1


def test_a_broken_progress_file_is_set_aside_and_said(working_copy: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (working_copy / ".minifit" / "progress.json").write_text("{not json")
    autograder.hint("loop.row_means")
    assert "moved to" in capsys.readouterr().out
    assert (working_copy / ".minifit" / "progress.json.broken").read_text() == "{not json"


# --------------------------------------------------------------------------- hints, solutions, predictions


def test_hints_come_one_by_one_and_a_solution_only_after_them(bank: None, capsys: pytest.CaptureFixture[str]) -> None:
    autograder.solution("loop.mse")
    assert "hints are left" in capsys.readouterr().out
    total = len(exercises.get("loop.mse").hints)
    for number in range(1, total + 1):
        autograder.hint("loop.mse")
        assert f"Hint {number} of {total}" in capsys.readouterr().out
    autograder.solution("loop.mse")
    shown = capsys.readouterr().out
    assert "def mse" in shown
    assert "SOLUTION" not in shown


def test_a_prediction_stands_once_made_and_nothing_is_revealed_before(
    bank: None, capsys: pytest.CaptureFixture[str]
) -> None:
    autograder.predict("loop.q_choice", ...)
    assert "No prediction yet" in capsys.readouterr().out
    autograder.reveal("loop.q_choice")
    assert "that" not in capsys.readouterr().out.replace("after that", "")
    autograder.predict("loop.q_choice", "x")
    assert 'expects "a" or "b"; got' in capsys.readouterr().out
    autograder.predict("loop.q_choice", "A")
    autograder.predict("loop.q_choice", "b")
    assert "stands once it is made" in capsys.readouterr().out
    autograder.reveal("loop.q_choice")
    assert "You predicted a (this). It is b (that). It is that." in capsys.readouterr().out


def test_a_number_is_agreed_with_within_its_tolerance(bank: None, capsys: pytest.CaptureFixture[str]) -> None:
    autograder.predict("loop.q_test", 4.5)
    autograder.reveal("loop.q_test", 4.0)
    assert "Near enough: it is 4. Two and two." in capsys.readouterr().out


def test_the_table_says_whose_part_was_measured(bank: None) -> None:
    table = autograder.built_table([("loop.row_means", "`mse`", 2.2e-16), ("your loop", "fit", 0.0)])
    assert "the reference's so far" in repr(table)
    assert "<code>loop.row_means</code>" in table._repr_html_()


@pytest.mark.parametrize(
    ("answer", "advice"),
    [
        (lambda x, w: 1 if x > 0 else 2, "np.where"),
        (lambda x, w: (x - w) ^ 2, "written **"),
        (lambda x, w: [0.5] * 0.1, "not an array"),
        (lambda x, w: np.mean(x, axis=3), "how many axes"),
        (lambda x, w: [].append(1).append(2), "returns None"),
    ],
)
def test_everyday_errors_get_advice_of_their_own(answer: Any, advice: str) -> None:
    found = verdict(answer)
    assert found.status == "raised"
    assert advice in found.message.splitlines()[-1]
