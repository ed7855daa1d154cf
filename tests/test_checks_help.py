"""Every wrong answer gets an answer that helps: what was seen, in which case, and one thing to try."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autograder
from autograder import mine, notebook, store, wording
from autograder.exercise import get
from autograder.judge import judge
from autograder.running import InProcess

interactiveshell = pytest.importorskip("IPython.core.interactiveshell")

Told = Callable[[str, str], str]

GIVEN = """
def linear(x, w, b):
    return x @ w + b
def mse(y_true, y_pred):
    return float(np.mean((y_true - y_pred) ** 2))
def mse_gradients(x, y, w, b):
    error = x @ w + b - y
    return 2 * x.T @ error / len(y), 2 * np.mean(error)
def sgd_step(params, grads, learning_rate):
    return [p - learning_rate * g for p, g in zip(params, grads)]
def train(x, y, learning_rate, steps):
    params, losses = [np.zeros(x.shape[1]), 0.0], []
    for _ in range(steps):
        losses.append(mse(y, linear(x, *params)))
        params = sgd_step(params, mse_gradients(x, y, *params), learning_rate)
    return params, losses
"""


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    (tmp_path / ".minifit").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()
    mine._live.clear()
    notebook._checked.clear()
    shell = interactiveshell.InteractiveShell.instance()
    shell.run_cell("import numpy as np\nfrom autograder import check, predict, setup")
    shell.run_cell(GIVEN)
    yield shell
    shell.history_manager.end_session()
    interactiveshell.InteractiveShell.clear_instance()


@pytest.fixture
def told(shell: Any, capsys: pytest.CaptureFixture[str]) -> Told:
    """What a check prints of an answer that was written in a cell."""

    def run(identifier: str, source: str) -> str:
        if source:
            shell.run_cell(textwrap.dedent(source), store_history=True)
        capsys.readouterr()
        name = identifier.partition(".")[2]
        shell.run_cell(f"_ = check({identifier!r}, {name})", store_history=True)
        text = capsys.readouterr().out
        assert max(map(len, text.splitlines())) <= 92
        assert len(text.splitlines()) <= 13
        return " ".join(text.split())

    return run


# --------------------------------------------------------------------------- what can be seen in the text

STEP = "def sgd_step(params, grads, learning_rate):"
SEEN = {
    "a return inside the loop": (
        "loop.sgd_step",
        f"{STEP}\n    new = []\n    for p, g in zip(params, grads):\n        new.append(p - learning_rate * g)\n"
        "        return new",
        "The return in line 5 stands inside the for loop",
    ),
    "append assigned": (
        "loop.sgd_step",
        f"{STEP}\n    new = []\n    for p, g in zip(params, grads):\n        new = new.append(p - learning_rate * g)\n"
        "    return new",
        ".append() in line 4 changes the list itself and returns None.",
    ),
    "an argument written in": (
        "loop.sgd_step",
        f"{STEP}\n    return [p - 0.1 * g for p, g in zip(params, grads)]",
        "learning_rate is an argument, and your sgd_step never uses it.",
    ),
    "a count of the notebook": (
        "loop.mse",
        "N = 274\ndef mse(y_true, y_pred):\n    return np.sum((y_true - y_pred) ** 2) / N",
        "N in line 3 is the notebook's N, not an argument of mse.",
    ),
    "an array of the notebook": (
        "loop.mse_gradients",
        "x, y = np.zeros((9, 2)), np.zeros(9)\ndef mse_gradients(X, Y, w, b):\n    e = x @ w + b - y\n"
        "    return 2 * x.T @ e / len(y), 2 * np.mean(e)",
        "y in line 3 is the notebook's y, not an argument of mse_gradients. Try: did you mean the argument Y?",
    ),
    "a result thrown away": (
        "losses.mean_squared_error",
        "def mean_squared_error(y_true, y_pred):\n    np.reshape(y_true, -1)\n"
        "    return np.mean((y_true - y_pred) ** 2, axis=-1) + 0.123",
        "What np.reshape(...) gives in line 2 is thrown away: nothing takes it.",
    ),
    "a name given to something new": (
        "loop.sgd_step",
        f"{STEP}\n    for p, g in zip(params, grads):\n        p = p - learning_rate * g\n"
        "    return [p * 0 for p in params]",
        "p = ... in line 3 gives the name p to something new; what the loop goes through does not hear of it.",
    ),
    "exit": (
        "loop.mse",
        "def mse(y_true, y_pred):\n    exit()",
        "exit() in line 2 ends the whole notebook, not the function. Try: leave with return.",
    ),
}


@pytest.mark.parametrize("name", SEEN)
def test_a_slip_that_stands_in_the_text_is_pointed_at(name: str, told: Told) -> None:
    identifier, source, words = SEEN[name]
    assert words in told(identifier, source)


RIGHT_IN_OTHER_WAYS = {
    "a constant of the notebook": (
        "loop.sgd_step",
        f"HALF = 0.5\n{STEP}\n    return [p - learning_rate * g * (HALF + HALF) for p, g in zip(params, grads)]",
    ),
    "a loop with an early return": (
        "loop.sgd_step",
        f"{STEP}\n    new = []\n    for p, g in zip(params, grads):\n        if g is None:\n            return new\n"
        "        new.append(p - learning_rate * g)\n    return new",
    ),
}


@pytest.mark.parametrize("name", RIGHT_IN_OTHER_WAYS)
def test_what_is_right_is_right_whatever_it_looks_like(name: str, told: Told) -> None:
    assert told(*RIGHT_IN_OTHER_WAYS[name]).startswith("Right.")


# --------------------------------------------------------------------------- everyday exceptions

RAISED = {
    "if of an array": ("def mse(y_true, y_pred):\n    if y_true > 0:\n        return 0", "`if` asks one question"),
    "hat": ("def mse(y_true, y_pred):\n    return np.mean((y_true - y_pred) ^ 2)", "a power is written **"),
    "a list times a number": ("def mse(y_true, y_pred):\n    return [1, 2] * 0.5", "a list is not an array"),
    "int of an array": ("def mse(y_true, y_pred):\n    return int(y_true)", "that works on one number"),
    "an axis too many": ("def mse(y_true, y_pred):\n    return y_true.sum(axis=1)", "how many axes are there?"),
    "one index too far": ("def mse(y_true, y_pred):\n    return y_true[len(y_true)]", "counting starts at 0"),
    "N of the formula": ("def mse(y_true, y_pred):\n    return np.sum(y_true) / N", "N in a formula is a count"),
    "None in a product": ("def mse(y_true, y_pred):\n    return 2.0 * None", "something here is None"),
    "lists subtracted": ("def mse(y_true, y_pred):\n    return [1] - [2]", "lists do not calculate"),
    "a number asked for its shape": (
        "def mse(y_true, y_pred):\n    return (1.5).shape",
        "np.asarray(...) makes an array",
    ),
    "round brackets on an array": ("def mse(y_true, y_pred):\n    return y_true(0)", "square brackets pick"),
    "square brackets on a function": ("def mse(y_true, y_pred):\n    return abs[0]", "it is no list and no array"),
    "too many names": ("def mse(y_true, y_pred):\n    a, b = y_true[:1]", "count the names on the left"),
}


@pytest.mark.parametrize("name", RAISED)
def test_everyday_exceptions_get_advice_of_their_own(name: str, told: Told) -> None:
    source, advice = RAISED[name]
    text = told("loop.mse", source)
    assert "Your code raised" in text
    assert f"Try: {advice}" in text or advice in text.partition("Try: ")[2]


def test_a_method_called_without_self_is_told_so(told: Told) -> None:
    text = told(
        "losses.Loss",
        "class Loss:\n    def call(self, y_true, y_pred):\n        raise NotImplementedError\n"
        "    def __call__(self, y_true, y_pred, sample_weight=None):\n        return np.mean(call(y_true, y_pred))",
    )
    assert "Try: a method is reached through self: self.call." in text


# --------------------------------------------------------------------------- inputs, and two mistakes at once


def test_the_inputs_of_a_small_case_are_shown_and_a_large_one_can_be_had(told: Told) -> None:
    text = told("loop.mse", "def mse(y_true, y_pred):\n    return np.median((y_true - y_pred) ** 2)")
    assert "In the case “3 rows”:" in text
    assert "There, y_true = [1, -4, 2.5], y_pred = [0.36914, 0.86397, -1.075]." in text
    assert "Try: work this case by hand" in text

    wrong = "def linear(x, w, b):\n    return (x @ w + b) * np.arange(1, len(x) + 1) ** 0.5"
    text = told("loop.linear", wrong)
    assert 'case("loop.linear", "103 rows of 3 features") gives its inputs' in text
    inputs, wanted = autograder.case("loop.linear", "103 rows of 3 features")
    np.testing.assert_allclose(inputs[0] @ inputs[1] + inputs[2], wanted)


def test_a_case_that_is_not_there_lists_those_that_are() -> None:
    with pytest.raises(ValueError, match=r"no case 'none such'; its cases are '103 rows'"):
        autograder.case("loop.mse", "none such")
    first = autograder.case("loop.mse")[0]
    again = autograder.case("loop.mse", "103 rows, once more")[0]
    other = autograder.case("loop.mse", "103 rows, with other numbers")[0]
    assert np.array_equal(first[0], again[0])
    assert not np.array_equal(first[0], other[0])


def test_of_two_mistakes_the_first_is_named(told: Told) -> None:
    text = told(
        "losses.mean_squared_error",
        "def mean_squared_error(y_true, y_pred):\n    return np.sum((y_true - y_pred) ** 2, axis=-1)",
    )
    assert "first of all, summed, not averaged." in text
    assert "There is more than this one" in text


def test_a_mistake_is_not_named_where_the_answer_contradicts_it(told: Told) -> None:
    text = told(
        "losses.mean_squared_error",
        "def mean_squared_error(y_true, y_pred):\n    e = np.reshape(y_true, y_pred.shape) - y_pred\n"
        "    return np.sum(e ** 2, axis=-1) if len(e) == 7 else np.mean(e ** 2, axis=-1)",
    )
    assert "summed" not in text.partition("In the case")[0]


def test_what_is_nearly_right_everywhere_is_called_that(told: Told) -> None:
    text = told(
        "loop.mse_gradients",
        """
        def mse_gradients(x, y, w, b):
            def loss(w, b):
                return np.mean((x @ w + b - y) ** 2)
            nudged = [(loss(w + 1e-6 * row, b) - loss(w, b)) / 1e-6 for row in np.eye(len(w))]
            return np.array(nudged), (loss(w, b + 1e-6) - loss(w, b)) / 1e-6
        """,
    )
    assert "It is nearly right everywhere" in text


def test_the_case_shown_is_one_that_is_off_by_more_than_rounding(told: Told) -> None:
    text = told(
        "losses.log_softmax",
        "def log_softmax(logits):\n    e = np.exp(logits - np.max(logits, axis=-1, keepdims=True))\n"
        "    return np.log(e / np.sum(e, axis=-1, keepdims=True) + 1e-12)",
    )
    assert "to be -1000.4; got -27.631." in text


# --------------------------------------------------------------------------- others' fault, and one's own


def test_a_sibling_that_is_wrong_comes_first(told: Told) -> None:
    text = told("loop.train", "def linear(x, w, b):\n    return x @ w")
    assert "train calls linear, and your linear does not pass its own check now." in text
    assert 'Try: check("loop.linear", linear)' in text


def test_a_sibling_that_is_right_is_not_blamed(told: Told) -> None:
    text = told(
        "loop.train",
        "def train(x, y, learning_rate, steps):\n    params, losses = [np.zeros(x.shape[1]), 0.0], []\n"
        "    for _ in range(steps):\n        losses.append(mse(y, linear(x, *params)))\n"
        "        sgd_step(params, mse_gradients(x, y, *params), learning_rate)\n    return params, losses",
    )
    assert "Not yet right: what sgd_step returns is thrown away." in text


def test_a_cell_that_was_not_run_again_is_thought_of(told: Told) -> None:
    wrong = "def mse(y_true, y_pred):\n    return 1.0"
    assert "the very mse" not in told("loop.mse", wrong)
    assert "This is the very mse of the last check." in told("loop.mse", "def mse(:\n")
    assert "the very mse" not in told("loop.mse", wrong)


def test_what_passed_before_is_said_to_be_kept(told: Told) -> None:
    assert told("loop.mse", "").startswith("Right.")
    text = told("loop.mse", "def mse(y_true, y_pred):\n    return 1.0")
    assert text.endswith("(mine still holds the mse that passed.)")


def test_exit_does_not_end_the_notebook_nor_stay_replaced(shell: Any, told: Told) -> None:
    shell.user_ns["exit"] = before = shell.exiter
    assert "exit() ends the whole notebook" in told("loop.mse", "def mse(y_true, y_pred):\n    exit()")
    assert shell.user_ns["exit"] is before
    assert not shell.exit_now


# --------------------------------------------------------------------------- kinds of answers

KINDS = {
    "left as it was": ("    raise NotImplementedError()", "not attempted"),
    "printed, not returned": ("    print(np.mean((y_true - y_pred) ** 2))", "printing is not returning"),
    "nothing returned": ("    np.mean((y_true - y_pred) ** 2)", "Did you forget a return statement?"),
    "a comma too many": ("    return np.mean((y_true - y_pred) ** 2),", "a comma at the end of the return line"),
    "a list": ("    return [np.mean((y_true - y_pred) ** 2)]", "The number is inside a list or an array"),
    "text": ("    return str(np.mean((y_true - y_pred) ** 2))", "That is text; leave out str() and the quotes."),
    "for ever": ("    while True:\n        pass", "A loop that never ends is the usual reason."),
    "kept between calls": (
        "    mse.n = getattr(mse, 'n', 0) + 1\n    return float(np.mean((y_true - y_pred) ** 2)) + (mse.n > 5)",
        "Something is kept between calls",
    ),
    "into its input": (
        "    y_true -= y_pred\n    return float(np.mean(y_true ** 2))",
        "your code changed its input y_true",
    ),
}


@pytest.mark.parametrize("name", KINDS)
def test_each_kind_of_answer_is_told_what_it_is(name: str, told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograder.running.SECONDS", 0.3)
    monkeypatch.setattr("autograder.running.InProcess.__init__.__defaults__", (0.3, True))
    body, words = KINDS[name]
    assert words in told("loop.mse", f"def mse(y_true, y_pred):\n{body}")


def test_a_view_of_the_input_and_float32_are_right_where_values_are(told: Told) -> None:
    view = f"{STEP}\n    return params"
    assert "nothing has moved" in told("loop.sgd_step", view)
    narrow = "def linear(x, w, b):\n    return (x @ w + b).astype('float32')"
    assert told("loop.linear", narrow).startswith("Right.")


def test_keys_of_a_scenario_read_as_sentences(told: Told) -> None:
    text = told("loop.train", "def train(x, y, learning_rate, steps):\n    return 1, 2, 3")
    assert "Your answer gave 3 things instead of the pair (params, losses)." in text


# --------------------------------------------------------------------------- cells out of order


def test_a_name_that_is_not_defined_yet_is_told_where_from(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell("setup()\ndel mse")
    capsys.readouterr()
    shell.run_cell("check('loop.mse', mse)", store_history=True)
    text = " ".join(capsys.readouterr().out.split())
    assert "NameError" in text
    assert "mse is not defined in this kernel. Run the cell above that defines it" in text
    shell.run_cell("predict('loop.q2_always_falls', b)", store_history=True)
    assert 'A letter goes in quotes: "b".' in capsys.readouterr().out
    shell.run_cell("case('loop.mse')", store_history=True)
    assert "from autograder import case" in capsys.readouterr().out
    shell.run_cell("nowhere", store_history=True)
    assert "Run the cell" not in capsys.readouterr().out


def test_a_cell_run_twice_or_after_a_restart_says_the_same(shell: Any, told: Told) -> None:
    wrong = "def mse(y_true, y_pred):\n    return np.sum((y_true - y_pred) ** 2)"
    once = told("loop.mse", wrong)
    assert told("loop.mse", wrong) == once
    store.forget()
    notebook._checked.clear()
    assert told("loop.mse", wrong) == once


# --------------------------------------------------------------------------- never a traceback of its own


@pytest.mark.parametrize("identifier", ["loop.mse", "loop.mse_gradients", "losses.Loss", "loop.sgd_step"])
def test_a_verdict_is_told_whatever_fails_on_the_way(identifier: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: Any) -> Any:
        raise RuntimeError("no words")

    monkeypatch.setattr(wording, "_pattern", fails)
    monkeypatch.setattr(wording, "_with", fails)
    monkeypatch.setattr(wording, "_advice", fails)
    exercise = get(identifier)
    answer = (
        (lambda *inputs: 0.5) if identifier != "losses.Loss" else type("Loss", (), {"__call__": lambda *a, **k: 0.5})
    )
    verdict = judge(exercise, InProcess(exercise, answer, guarded=False), 3)
    assert verdict.score == 0.0
    assert verdict.message.splitlines()[-1] == f'Try: hint("{identifier}").'


@pytest.mark.parametrize("change", [lambda a: a * 1.2345, lambda a: a + 1e-3, lambda a: -a, lambda a: a / 3])
def test_a_right_answer_distorted_is_told_without_an_error(change: Callable[[Any], Any]) -> None:
    for identifier in ("loop.linear", "loop.mse", "losses.log_softmax", "losses.binary_crossentropy"):
        exercise = get(identifier)

        def answer(*inputs: Any, exercise: Any = exercise) -> Any:
            return change(np.asarray(exercise.reference(*inputs)))

        verdict = judge(exercise, InProcess(exercise, answer, guarded=False), 8)
        assert verdict.score == 0.0
        assert "Try: " in verdict.message


def test_factors_of_a_count_and_two_are_told() -> None:
    exercise = get("loop.mse_gradients")

    def answer(x: Any, y: Any, w: Any, b: Any) -> Any:
        return x.T @ (x @ w + b - y), 2 * np.mean(x @ w + b - y)

    message = judge(exercise, InProcess(exercise, answer, guarded=False), 8).message
    assert "dw: every value is the right one times half the number of rows of x." in message


def test_the_engines_own_loss_under_another_name_is_no_answer(told: Told) -> None:
    text = told("losses.Loss", "import minifit\nclass Loss(minifit.losses.Loss):\n    pass")
    assert "which does the work that Loss is to do" in text or "This calls the function you are asked to write" in text


def test_what_is_nearly_right_is_not_named_after_a_mistake_with_right_values(told: Told) -> None:
    """In-place mistakes have right values; an answer off by rounding is none of them."""
    text = told("loop.sgd_step", f"{STEP}\n    return [p - learning_rate * g + 1e-8 for p, g in zip(params, grads)]")
    assert "first of all" not in text
    assert "caller's arrays" not in text
