"""What a notebook says: check, hint, solution, predict, reveal, progress, and the closing table."""

from __future__ import annotations

import dis
import html
import inspect
import sys
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
    obj : object
        What the learner wrote.

    Returns
    -------
    float
        The points earned.
    """
    from .judge import judge
    from .running import InProcess

    exercise = exercises.get(identifier)
    if isinstance(obj, str | int | float | list | tuple | dict) or obj is None or obj is Ellipsis:
        wanted = "a class" if inspect.isclass(exercise.reference) else "a function"
        print(f"{identifier}: check() expects {wanted}, such as {exercise.name}; got {type(obj).__name__}.")
        return 0.0
    if _is_the_reference(exercise, obj):
        print(f"{identifier}: this is the reference's own {exercise.name}. The point is to have built yours.")
        return 0.0
    if not _attempted(obj):
        print(
            f"{identifier}: not attempted. Write it in its cell, run that cell, then this one.\n"
            f'Stuck? hint("{identifier}")'
        )
        return 0.0
    verdict = judge(exercise, InProcess(exercise, obj), _PUBLIC_SEED)
    if verdict.status != "not attempted":
        store.change("attempts", identifier, lambda n: (n or 0) + 1)
    if verdict.score < 1:
        print(verdict.message)
        return 0.0
    earned = f"{exercise.points:g} of {exercise.points:g} points" if exercise.points else "practice, no points"
    print(f"Right. {identifier}: {earned}. {mine.keep(exercise, obj)}")
    return float(exercise.points)


def _is_the_reference(exercise: Exercise, obj: Any) -> bool:
    return obj is exercise.reference or str(getattr(obj, "__module__", "")).partition(".")[0] in ("minifit", "autograder")


def _attempted(obj: Any) -> bool:
    """Tell a body that holds only a docstring, `pass` or ``...`` from one that somebody has written."""
    code = getattr(obj, "__code__", None)
    if code is None:
        return True
    idle = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE"}
    return any(
        instruction.opname not in idle
        or (instruction.opname != "RESUME" and isinstance(instruction.argval, int | float | tuple))
        for instruction in dis.get_instructions(code)
    )


def hint(identifier: str) -> None:
    """Show the next hint of an exercise; each says a little more than the one before."""
    exercise = exercises.get(identifier)
    shown = store.read("hints").get(identifier, 0)
    number = min(shown, len(exercise.hints) - 1)
    store.change("hints", identifier, lambda n: min((n or 0) + 1, len(exercise.hints)))
    left = len(exercise.hints) - number - 1
    print(f"Hint {number + 1} of {len(exercise.hints)}: {exercise.hints[number]}")
    if left:
        print(f'{left} more: call hint("{identifier}") again.')
    else:
        print(f'That was the last one. solution("{identifier}") shows how we wrote it.')


def solution(identifier: str) -> None:
    """Show how we wrote it; the first call asks whether the hints would not do."""
    exercise = exercises.get(identifier)
    unseen = len(exercise.hints) - store.read("hints").get(identifier, 0)
    asked = store.read("solutions").get(identifier, 0)
    store.change("solutions", identifier, lambda n: (n or 0) + 1)
    if not asked and unseen > 0 and identifier not in store.read("passed"):
        word = "hint is" if unseen == 1 else "hints are"
        print(f'{unseen} {word} left: hint("{identifier}"). To see the solution all the same, call this once more.')
        return
    from .answers import solution_of

    print(solution_of(identifier))


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
        print(
            f"You predicted {_told(question, committed)}." + ("" if same else " A prediction stands once it is made.")
        )
        return
    if answer is Ellipsis:
        print(question.text)
        for letter, text in (question.choices or {}).items():
            print(f"  {letter}  {text}")
        how = "a letter" if question.choices else "a number"
        print(f"No prediction yet: put {how} in place of the dots and run the cell.")
        return
    value = _cleaned(question, answer)
    if value is None:
        expected = ", ".join(question.choices) if question.choices else "a number"
        print(f"predict({identifier!r}, ...) expects {expected}; got {answer!r}.")
        return
    store.change("predictions", identifier, lambda _: value)
    print(f"You predict {_told(question, value)}. Now find out.")


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
    store.change("revealed", identifier, lambda _: True)
    print(question.text)
    print(f"You predicted {_told(question, committed)}.")
    if question.choices is None and measured is not None:
        print(f"Measured: {float(measured):.6g}.")
    elif measured is not None and question.answer is not None:
        print(f"Measured: {measured if isinstance(measured, str) else format(float(measured), '.6g')}.")
    if answer is not None:
        verdict = "As you said" if _agrees(question, committed, answer) else "It is not so"
        print(f"{verdict}: {_told(question, answer)}. {question.because}")


def _cleaned(question: Question, answer: Any) -> Any:
    if question.choices:
        letter = str(answer).strip().lower()
        return next((known for known in question.choices if known.lower() == letter), None)
    try:
        return None if isinstance(answer, bool) else float(answer)
    except (TypeError, ValueError):
        return None


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
    return "0" if float(value) == 0 else f"{float(value):.1e}"


def progress() -> Table:
    """Return the table of exercises: passed, tried, open."""
    passed, attempts, hints = store.read("passed"), store.read("attempts"), store.read("hints")
    rows = []
    for exercise in exercises.all_exercises():
        key = exercise.identifier
        state = "passed" if key in passed else "tried" if attempts.get(key) else "open"
        earned = exercise.points if key in passed else 0
        rows.append((f"`{key}`", state, f"{earned:g} of {exercise.points:g}", attempts.get(key, 0), hints.get(key, 0)))
    return Table(("Exercise", "State", "Points", "Checks", "Hints"), rows)
