"""Predict, commit, then see: questions that are answered before anything runs."""

from __future__ import annotations

import math
from typing import Any

from . import exercise as exercises
from . import store
from .exercise import Question
from .saying import say


def predict(identifier: str, answer: Any = ...) -> None:
    """Commit to an answer before anything runs; ``...`` shows the question.

    Parameters
    ----------
    identifier : str
    answer : str or float
        The letter of a choice, or a number.
    """
    question = exercises.get_question(identifier)
    committed = store.read("predictions").get(identifier)
    if committed is not None:
        same = answer is Ellipsis or _cleaned(question, answer) == committed
        say(question.text)
        say(f"You predicted {_told(question, committed)}." + ("" if same else " A prediction stands once it is made."))
        return
    if answer is Ellipsis:
        _ask(question)
        return
    value = _cleaned(question, answer)
    if value is None or _out_of_range(question, value):
        say(_refusal(question, answer, value))
        return
    store.change("predictions", identifier, lambda _: value)
    say(question.text)
    say(f"You predict {_told(question, value)}. Now find out.")


def reveal(identifier: str, measured: Any = None) -> None:
    """Show the prediction beside what is the case; says nothing before there is a prediction.

    Parameters
    ----------
    identifier : str
    measured : float or str, optional
        What an experiment gave, for a question whose answer is measured, or to show beside it.
    """
    question = exercises.get_question(identifier)
    committed = store.read("predictions").get(identifier)
    if committed is None:
        print(f"Predict first: predict({identifier!r}, ...) above. The answer is shown after that.")
        return
    answer = question.answer if question.answer is not None else _cleaned(question, measured)
    say(question.text)
    if answer is None:
        say(f"You predicted {_told(question, committed)}.")
        print("Nothing has been measured yet: run the experiment above, then this cell.")
        return
    store.change("revealed", identifier, lambda _: True)
    predicted = f"You predicted {_told(question, committed)}"
    if not _agrees(question, committed, answer):
        say(f"{predicted}. It is {_told(question, answer, 3)}. {question.because}")
    elif question.choices or committed == answer:
        say(f"{predicted}, and so it is. {question.because}")
    else:
        say(f"{predicted}. Near enough: it is {_told(question, answer, 3)}. {question.because}")
    if measured is not None and question.answer is not None:
        say(f"Measured: {_measured(measured)}.")


def _ask(question: Question) -> None:
    say(question.text)
    for letter, text in (question.choices or {}).items():
        say(f"  {letter}  {text}", indent="     ")
    how = f'a letter in quotes, such as "{next(iter(question.choices))}",' if question.choices else "a number"
    print(f"No prediction yet: put {how} in place of the dots and run the cell.")


def _refusal(question: Question, answer: Any, value: Any) -> str:
    """Why an answer is none; a slip of the finger is not committed for good."""
    if question.choices:
        *others, last = (f'"{letter}"' for letter in question.choices)
        return f"predict({question.identifier!r}, ...) expects {', '.join(others)} or {last}; got {answer!r}."
    wanted = "a number"
    if question.low is not None and question.high is not None:
        wanted = f"a number between {question.low:g} and {question.high:g}"
    meant = ""
    if value is not None and question.high == 100 and 0 < value < 1:
        meant = f" Do you mean {100 * value:g}?"
    return f"predict({question.identifier!r}, ...) expects {wanted}; got {answer!r}.{meant}"


def _out_of_range(question: Question, value: Any) -> bool:
    if question.choices:
        return False
    low, high = question.low, question.high
    too_low = low is not None and value < low
    # 0.6 of "how many of 100" is a share, not a count.
    too_low = too_low or (high == 100 and 0 < value < 1)
    return too_low or (high is not None and value > high)


def _cleaned(question: Question, answer: Any) -> Any:
    """An answer as it is kept: a letter as in the choices, or a finite number; None if it is neither."""
    if question.choices:
        said = str(answer).strip().strip("\"'").lower()
        letter = next((known for known in question.choices if known.lower() == said), None)
        if letter is not None or len(said) < 3 or not isinstance(answer, str):
            return letter
        meant = [known for known, text in question.choices.items() if text.lower().startswith(said)]
        return meant[0] if len(meant) == 1 else None
    try:
        number = None if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _measured(value: Any) -> str:
    """A measured value in words, whatever an experiment gave."""
    try:
        return _number(float(value), 3)
    except (TypeError, ValueError):
        return str(value)[:200]


def _number(value: float, digits: int) -> str:
    return (
        f"{value:.{digits}g}" if abs(value) < 10**digits else f"{value:.10g}" if value == int(value) else f"{value:.0f}"
    )


def _told(question: Question, answer: Any, digits: int = 6) -> str:
    if question.choices:
        return f"{answer} ({question.choices.get(answer, answer)})"
    return _number(float(answer), digits)


def _agrees(question: Question, committed: Any, answer: Any) -> bool:
    if question.choices:
        return str(committed).lower() == str(answer).lower()
    return abs(float(committed) - float(answer)) <= question.tolerance * abs(float(answer))
