"""What a notebook says: check, hint, solution, predict, reveal, progress, and the closing table."""

from __future__ import annotations

import html
import inspect
import math
import sys
import textwrap
from collections.abc import Sequence
from typing import Any

from . import exercise as exercises
from . import mine, store
from .exercise import Exercise, Question

_PUBLIC_SEED = 20_26


def setup() -> None:
    """Say which versions run here, and style the plots. The first cell of every notebook."""
    import numpy as np

    import minifit

    print(
        f"minifit {minifit.__version__} on {minifit.get_device()}, NumPy {np.__version__}, "
        f"Python {sys.version.split()[0]}"
    )
    folder = store.working_copy()
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))  # for the scripts a learner starts from here
    mine.install()
    try:
        from minifit import plot

        plot.use_style()
    except ImportError:
        print('Plots need matplotlib: pip install "minifit[course]"')


def check(identifier: str, obj: Any) -> float:
    """Judge an answer, say what was found, and keep it if it is right.

    Parameters
    ----------
    identifier : str
        Such as ``"loop.mse"``.
    obj : function or class
        What the learner wrote.

    Returns
    -------
    float
        The points earned.

    Raises
    ------
    ValueError
        An unknown identifier; the text offers the nearest.
    """
    from .judge import judge
    from .running import InProcess

    exercise = exercises.get(identifier)
    unfit = _unfit(exercise, obj)
    if unfit:
        print(f"{exercise.identifier}: {unfit}")
        return 0.0
    verdict = judge(exercise, InProcess(exercise, obj), _PUBLIC_SEED)
    if verdict.status != "not attempted":
        store.change("attempts", exercise.identifier, lambda n: (n or 0) + 1)
    if verdict.score <= 0:
        _say_in_lines(verdict.message, 12)
        return 0.0
    told, *printed = verdict.message.splitlines()
    print(f"{told} {mine.keep(exercise, obj)}", *printed, sep="\n")
    return float(min(1.0, verdict.score) * exercise.points)


def _unfit(exercise: Exercise, obj: Any) -> str:
    """Why an object cannot be an answer to be run; nothing if it can."""
    wants_class = inspect.isclass(exercise.reference)
    wanted = "class" if wants_class else "function"
    call = f'check("{exercise.identifier}", {exercise.name})'
    if obj is Ellipsis or obj is NotImplemented:
        return f"not attempted. Hand over your {wanted}: {call}."
    if obj is exercise.reference or str(getattr(obj, "__module__", "")).partition(".")[0] in ("minifit", "autograder"):
        return f"this is the reference's own {exercise.name}. The point is to have built yours."
    if not callable(obj) or (wants_class and not isinstance(obj, type)):
        came = f"an object of type {type(obj).__name__}"
        return f"check() expects the {wanted} itself; got {came}.\nTry: {call}, with no brackets after {exercise.name}."
    if isinstance(obj, type) and not wants_class:
        return f"check() expects a function; got the class {obj.__name__}.\nTry: {call}, with a def {exercise.name}."
    return ""


def _say(text: str, indent: str = "") -> None:
    """Print prose in lines that fit a notebook, which would break a longer one in the middle of a word."""
    for line in text.splitlines():
        print(*_folded(line, indent), sep="\n")


def _folded(line: str, indent: str = "") -> list[str]:
    return textwrap.fill(line, 96, subsequent_indent=indent, break_long_words=False).splitlines()


def _say_in_lines(text: str, most: int) -> None:
    """Print a verdict folded, its last line (what to try) whole, the middle cut if it grows too long."""
    *told, last = [_folded(line) for line in text.splitlines()]
    lines = [line for each in told for line in each]
    if len(lines) + len(last) > most:
        lines = [*lines[: most - len(last) - 1], "..."]
    print(*lines, *last, sep="\n")


def hint(identifier: str) -> None:
    """Show the next hint of an exercise; each says a little more than the one before."""
    exercise = exercises.get(identifier)
    shown = store.read("hints").get(identifier, 0)
    number = min(shown, len(exercise.hints) - 1)
    store.change("hints", identifier, lambda n: min((n or 0) + 1, len(exercise.hints)))
    left = len(exercise.hints) - number - 1
    _say(f"Hint {number + 1} of {len(exercise.hints)}: {exercise.hints[number]}")
    if left:
        print(f'{left} more: call hint("{identifier}") again.')
    else:
        print(f'That was the last one. solution("{identifier}") shows how we wrote it.')


def solution(identifier: str) -> None:
    """Show how we wrote it; the first call asks whether the hints would not do."""
    exercise = exercises.get(identifier)
    unseen = len(exercise.hints) - store.read("hints").get(identifier, 0)
    tried = store.read("attempts").get(identifier, 0)
    asked = store.read("solutions").get(identifier, 0)
    store.change("solutions", identifier, lambda n: (n or 0) + 1)
    if not asked and (unseen > 0 or not tried) and identifier not in store.read("passed"):
        word = "hint is" if unseen == 1 else "hints are"
        left = f'{unseen} {word} left: hint("{identifier}").' if unseen > 0 else "You have not tried it yet."
        print(f"{left} To see the solution all the same, call this once more.")
        return
    from .answers import solution_of

    try:
        print(solution_of(identifier))
    except (FileNotFoundError, ValueError) as error:
        print(f"The solution is not to be had here: {error}")


# --------------------------------------------------------------------------- predictions


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
        _say(f"You predicted {_told(question, committed)}." + ("" if same else " A prediction stands once it is made."))
        return
    if answer is Ellipsis:
        _say(question.text)
        for letter, text in (question.choices or {}).items():
            _say(f"  {letter}  {text}", indent="     ")
        how = f'a letter in quotes, such as "{next(iter(question.choices))}",' if question.choices else "a number"
        print(f"No prediction yet: put {how} in place of the dots and run the cell.")
        return
    value = _cleaned(question, answer)
    if value is None:
        expected = ", ".join(question.choices) if question.choices else "a number"
        print(f"predict({identifier!r}, ...) expects {expected}; got {answer!r}.")
        return
    store.change("predictions", identifier, lambda _: value)
    _say(f"You predict {_told(question, value)}. Now find out.")


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
    _say(question.text)
    _say(f"You predicted {_told(question, committed)}.")
    if answer is None:
        print("Nothing has been measured yet: run the experiment above, then this cell.")
        return
    store.change("revealed", identifier, lambda _: True)
    if measured is not None and (question.answer is not None or question.choices is None):
        print(f"Measured: {_measured(measured)}.")
    verdict = "As you said" if _agrees(question, committed, answer) else "It is not so"
    _say(f"{verdict}: {_told(question, answer)}. {question.because}")


def _cleaned(question: Question, answer: Any) -> Any:
    if question.choices:
        letter = str(answer).strip().lower()
        return next((known for known in question.choices if known.lower() == letter), None)
    try:
        number = None if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError):
        return None
    return number if number is not None and math.isfinite(number) else None


def _measured(value: Any) -> str:
    """A measured value in words, whatever an experiment gave."""
    try:
        return f"{float(value):.6g}"
    except (TypeError, ValueError):
        return str(value)[:200]


def _told(question: Question, answer: Any) -> str:
    if question.choices:
        return f"{answer} ({question.choices.get(answer, answer)})"
    return f"{float(answer):.6g}"


def _agrees(question: Question, committed: Any, answer: Any) -> bool:
    if question.choices:
        return str(committed).lower() == str(answer).lower()
    return abs(float(committed) - float(answer)) <= question.tolerance * abs(float(answer))


# --------------------------------------------------------------------------- tables


class Table:
    """Rows under a head, readable in notebooks of either theme and in terminals."""

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.head = [str(cell) for cell in head]
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __repr__(self) -> str:
        table = [self.head, *self.rows]
        widths = [max(len(row[i]) for row in table) for i in range(len(self.head))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(line.rstrip() for line in lines)

    def _repr_html_(self) -> str:
        def cells(row: list[str], tag: str) -> str:
            style = "text-align: left; padding: 0.35em 1.2em 0.35em 0"
            return "".join(f'<{tag} style="{style}">{_code(cell)}</{tag}>' for cell in row)

        body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in self.rows)
        return f"<table><thead><tr>{cells(self.head, 'th')}</tr></thead><tbody>{body}</tbody></table>"


def _code(cell: str) -> str:
    """Return a cell as HTML; what stands in backquotes is code."""
    parts = html.escape(cell).split("`")
    return "".join(f"<code>{part}</code>" if i % 2 else part for i, part in enumerate(parts))


def built_table(rows: Sequence[tuple[str, str, Any]]) -> Table:
    """Return the table that closes a notebook.

    Parameters
    ----------
    rows : sequence of (what you built, what Keras calls it, largest difference)
        The first is an exercise's identifier or any text. A difference is a number; where the
        learner's own part has not passed the table says so instead.
    """
    passed = store.read("passed")
    known = {exercise.identifier for exercise in exercises.all_exercises()}
    shown = []
    for built, keras, gap in rows:
        own = built not in known or built in passed
        shown.append((f"`{built}`", keras, _gap(gap) if own else "the reference's so far"))
    return Table(("You built", "Keras calls it", "Largest difference"), shown)


def _gap(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, str):
        return value
    try:
        number = float(value)
    except (TypeError, ValueError):
        return str(value)
    return "0" if number == 0 else f"{number:.1e}"


def progress() -> Table:
    """Return the table of exercises: passed, tried, open."""
    passed, attempts, hints = store.read("passed"), store.read("attempts"), store.read("hints")
    rows = []
    for exercise in exercises.all_exercises():
        key = exercise.identifier
        state = "passed" if key in passed else "tried" if attempts.get(key) else "open"
        earned = exercise.points if key in passed else 0
        rows.append((f"`{key}`", state, f"{earned:g} of {exercise.points:g}", attempts.get(key, 0), hints.get(key, 0)))
    everything = exercises.all_exercises()
    done = [exercise for exercise in everything if exercise.identifier in passed]
    points = f"{sum(e.points for e in done):g} of {sum(e.points for e in everything):g}"
    rows.append(("All", f"{len(done)} of {len(everything)}", points, sum(attempts.values()), sum(hints.values())))
    return Table(("Exercise", "State", "Points", "Checks", "Hints"), rows)
