"""What a notebook says: nothing raises in an unsolved run, nothing is told too early, tables read well."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograder
from autograder import exercise as exercises
from autograder import store
from autograder.exercise import Exercise, Question

TWICE = Exercise(
    *("loop.twice", "twice(x) -> (N,)", 2.5, 1, 1, 1),
    reference=lambda x: 2 * x,
    cases=lambda rng: {"five numbers": (rng.normal(size=5),)},
    hints=("first", "second", "third"),
)
LETTER = Question("loop.q_letter", "Which way?", {"a": "up", "B": "down"}, "B", "It rolls downhill.")
NUMBER = Question("loop.q_number", "How many?", None, 40.0, "Four tens.", tolerance=0.1)
MEASURED = Question("loop.q_measured", "How long?", None, None, "It was measured.")
CHOSEN = Question("loop.q_chosen", "Which wins?", {"a": "this", "b": "that"}, None, "It was measured.")


@pytest.fixture
def said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    exercises.all_exercises()
    monkeypatch.setitem(exercises._exercises, TWICE.identifier, TWICE)
    for question in (LETTER, NUMBER, MEASURED, CHOSEN):
        monkeypatch.setitem(exercises._questions, question.identifier, question)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()

    def run(function: Any, *arguments: Any) -> str:
        assert function(*arguments) in (None, 0.0, 2.5)
        out, err = capsys.readouterr()
        assert err == ""
        return out

    return run


# --------------------------------------------------------------------------- check


@pytest.mark.parametrize("obj", [None, ..., 3.0, np.ones(2), "twice", [1], int, NotImplemented])
def test_what_is_no_function_is_no_answer(obj: Any, said: Any) -> None:
    text = said(autograder.check, "loop.twice", obj)
    assert text.startswith("loop.twice: ")
    assert 'check("loop.twice", twice)' in text


def test_points_are_a_plain_float(said: Any) -> None:
    earned = autograder.check("loop.twice", lambda x: x + x)
    assert (type(earned), earned) == (float, 2.5)
    assert type(autograder.check("loop.twice", lambda x: x)) is float


def test_a_pass_is_one_line_and_what_was_printed_follows(said: Any) -> None:
    def twice(x: Any) -> Any:
        print("here")
        return x + x

    text = said(autograder.check, "loop.twice", twice)
    assert text.splitlines()[0].startswith("Right. loop.twice: 2.5 of 2.5 points.")
    assert text.splitlines()[1:] == ["It printed:", "  here"]


# --------------------------------------------------------------------------- predict and reveal


def test_the_dots_show_the_question_and_its_choices(said: Any) -> None:
    text = said(autograder.predict, "loop.q_letter", ...)
    assert all(part in text for part in ("Which way?", "a  up", "B  down", "a letter"))
    assert "a number" in said(autograder.predict, "loop.q_number", ...)
    assert store.read("predictions") == {}


@pytest.mark.parametrize("answer", ["b", "B", " b ", "B "])
def test_letters_are_read_in_either_case(answer: str, said: Any) -> None:
    assert "down" in said(autograder.predict, "loop.q_letter", answer)
    assert "You predicted B (down), and so it is." in said(autograder.reveal, "loop.q_letter")


@pytest.mark.parametrize("answer", ["c", "", "ab", 2, None, ["a"], np.ones(2)])
def test_a_letter_that_is_no_choice_lists_the_choices(answer: Any, said: Any) -> None:
    text = said(autograder.predict, "loop.q_letter", answer)
    assert 'expects "a" or "b"' in text.lower()
    assert store.read("predictions") == {}


@pytest.mark.parametrize("answer", ["many", None, True, float("nan"), float("inf"), [1, 2], 1j])
def test_what_is_no_number_is_refused(answer: Any, said: Any) -> None:
    assert "expects a number" in said(autograder.predict, "loop.q_number", answer)
    assert store.read("predictions") == {}


@pytest.mark.parametrize("answer", [38, 38.0, "38", np.float32(38), np.array(38)])
def test_numbers_are_read_in_any_form(answer: Any, said: Any) -> None:
    assert "38" in said(autograder.predict, "loop.q_number", answer)
    assert "You predicted 38. Near enough: it is 40. Four tens." in said(autograder.reveal, "loop.q_number")


def test_a_number_outside_the_tolerance_is_not_so(said: Any) -> None:
    said(autograder.predict, "loop.q_number", 30)
    text = said(autograder.reveal, "loop.q_number", 39.5)
    assert "You predicted 30." in text
    assert "Measured: 39.5." in text
    assert "You predicted 30. It is 40. Four tens." in text


def test_a_prediction_stands(said: Any) -> None:
    said(autograder.predict, "loop.q_number", 38)
    assert "stands once it is made" in said(autograder.predict, "loop.q_number", 40)
    assert "stands" not in said(autograder.predict, "loop.q_number", 38)
    assert "stands" not in said(autograder.predict, "loop.q_number", ...)
    assert store.read("predictions") == {"loop.q_number": 38.0}


@pytest.mark.parametrize("measured", [None, 3.5, "b", np.ones(3), [1], {}, float("nan"), object()])
def test_reveal_never_raises_and_says_nothing_before_a_prediction(measured: Any, said: Any) -> None:
    for question in (LETTER, NUMBER, MEASURED, CHOSEN):
        before = said(autograder.reveal, question.identifier, measured)
        assert "Predict first" in before
        assert question.because not in before
        said(autograder.predict, question.identifier, "a" if question.choices else 1)
        assert said(autograder.reveal, question.identifier, measured).startswith(question.text)


def test_without_a_measurement_a_measured_answer_waits(said: Any) -> None:
    said(autograder.predict, "loop.q_measured", 2)
    assert "Nothing has been measured yet" in said(autograder.reveal, "loop.q_measured")
    text = said(autograder.reveal, "loop.q_measured", np.float32(2.25))
    assert "You predicted 2. Near enough: it is 2.25. It was measured." in text


# --------------------------------------------------------------------------- hints and solutions


def test_hints_come_in_order_and_say_how_many_are_left(said: Any) -> None:
    assert "2 more" in said(autograder.hint, "loop.twice")
    assert "1 more" in said(autograder.hint, "loop.twice")
    assert "That was the last one" in said(autograder.hint, "loop.twice")
    assert "Hint 3 of 3: third" in said(autograder.hint, "loop.twice")


def test_a_solution_is_asked_for_twice(said: Any) -> None:
    assert "hints are left" in said(autograder.solution, "loop.mse")
    assert "def mse" in said(autograder.solution, "loop.mse")


def test_after_all_hints_an_attempt_is_asked_for(said: Any) -> None:
    for _ in exercises.get("loop.mse").hints:
        said(autograder.hint, "loop.mse")
    assert "You have not tried it yet" in said(autograder.solution, "loop.mse")


def test_after_hints_and_an_attempt_it_comes_at_once(said: Any) -> None:
    for _ in exercises.get("loop.mse").hints:
        said(autograder.hint, "loop.mse")
    said(autograder.check, "loop.mse", lambda a, b: 1.0)
    text = said(autograder.solution, "loop.mse")
    assert "def mse" in text
    assert "SOLUTION" not in text


def test_a_solution_that_is_not_there_is_said(said: Any) -> None:
    said(autograder.solution, "loop.twice")
    assert "not to be had" in said(autograder.solution, "loop.twice")


# --------------------------------------------------------------------------- tables


def test_the_last_table_gives_differences_of_what_passed_alone(said: Any) -> None:
    said(autograder.check, "loop.twice", lambda x: x + x)
    rows = [
        ("loop.twice", "twice", 2.2e-16),
        ("loop.twice", "twice", np.float32(0)),
        ("loop.twice", "twice", np.array(1e-12)),
        ("loop.mse", "mse", 0.5),
        ("a loop", "fit", None),
        ("a loop", "fit", "bit for bit"),
        ("a loop", "fit", [1, 2]),
    ]
    table = autograder.built_table(rows)
    gaps = [row[2] for row in table.rows]
    assert gaps == ["2.2e-16", "0", "1.0e-12", "the reference's so far", "–", "bit for bit", "[1, 2]"]
    lines = repr(table).splitlines()
    assert lines[0].split("  ")[0] == "You built"
    assert len(lines) == len(rows) + 2
    page = table._repr_html_()
    assert page.count("<tr>") == len(rows) + 1
    assert "color" not in page  # the theme's own, light or dark


def test_text_in_a_table_cannot_become_markup(said: Any) -> None:
    assert "<script>" not in autograder.built_table([("<script>", "`<b>`", 0)])._repr_html_()


def test_progress_counts_exercises_points_checks_and_hints(said: Any) -> None:
    said(autograder.check, "loop.twice", lambda x: x)
    said(autograder.hint, "loop.twice")
    said(autograder.check, "loop.twice", lambda x: x + x)
    table = autograder.progress()
    row = next(row for row in table.rows if "loop.twice" in row[0])
    assert row[1:] == ["passed", "2.5 of 2.5", "2", "1"]
    assert table.rows[-1][1] == f"1 of {len(exercises.all_exercises())}"


# --------------------------------------------------------------------------- declarations


def test_unknown_names_offer_the_nearest(said: Any) -> None:
    for call, wrong, near in [
        (lambda name: autograder.check(name, len), "loop.twise", "loop.twice"),
        (autograder.hint, "twice", "loop.twice"),
        (autograder.predict, "loop.q_leter", "loop.q_letter"),
        (autograder.reveal, "loop.q_numbr", "loop.q_number"),
    ]:
        with pytest.raises(ValueError, match=f'Did you mean "{near}"'):
            call(wrong)


def test_a_declaration_that_cannot_be_right_is_refused() -> None:
    good: dict[str, Any] = {
        "identifier": "loop.x",
        "signature": "x()",
        "points": 1,
        "minutes": 1,
        "difficulty": 1,
        "lines": 1,
        "reference": len,
        "cases": dict,
    }
    Exercise(**good)
    for field, value in [("identifier", "x"), ("points", -1), ("hints", ["a"]), ("reference", None), ("cases", 3)]:
        with pytest.raises((ValueError, TypeError), match=field):
            Exercise(**{**good, field: value})
    with pytest.raises(ValueError, match="expects one of a, b; got 'c'"):
        Question("loop.q", "Which?", {"a": "", "b": ""}, "c", "Because.")
    with pytest.raises(ValueError, match="expects a number"):
        Question("loop.q", "How many?", None, "c", "Because.")


def test_names_of_inputs_and_outputs_come_from_scenario_or_signature() -> None:
    def scenario(obj: Any, data: Any, *rest: Any) -> Any:
        return obj

    pair = Exercise(*("loop.p", "p(x, b=1) -> (dw, db)", 1, 1, 1, 1), reference=len, cases=dict)
    assert pair.input_names(3) == ["x", "b", "number 3"]
    assert pair.output_names() == ["dw", "db"]
    assert Exercise(*("loop.p", "p(x) -> (N, C)", 1, 1, 1, 1), reference=len, cases=dict).output_names() == []
    own = Exercise(*("loop.p", "p(x) -> float", 1, 1, 1, 1), reference=len, cases=dict, scenario=scenario)
    assert own.input_names(2) == ["data", "number 2"]
