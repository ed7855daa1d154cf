"""What a notebook says: setup, check, case, hint, solution, progress, and the closing table."""

from __future__ import annotations

import contextlib
import html
import inspect
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from . import exercise as exercises
from . import mine, store
from .exercise import Exercise
from .outcome import Verdict
from .saying import say, say_in_lines

PUBLIC_SEED = 20_26  # of the cases that learners see; those of grading are secret
_PUBLIC_SEED = PUBLIC_SEED


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
    _explain_missing_names()


def _explain_missing_names() -> None:
    """After a NameError, say which cell to run: cells out of order and restarted kernels end in one."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if shell is None or NameError in shell.custom_exceptions:
        return

    def explain(shell: Any, kind: type, error: BaseException, trace: Any, tb_offset: int | None = None) -> Any:
        shown = shell.showtraceback((kind, error, trace), tb_offset=tb_offset)
        name = getattr(error, "name", None) or ""
        told = _where_defined(name, shell.user_ns.get("In", [""])[-1])
        if told:
            say(told)
        return shown

    shell.set_custom_exc((NameError,), explain)


def _where_defined(name: str, cell: str) -> str:
    if "predict(" in cell and len(name) < 3:
        return f'A letter goes in quotes: "{name}".'
    if name == "case":
        return "It comes with the course: from autograder import case"
    if any(exercise.name == name for exercise in exercises.all_exercises()):
        return (
            f"{name} is not defined in this kernel. Run the cell above that defines it, then this one. After a restart "
            "nothing is defined any more: in the menu, Run > Run All Above Selected Cell."
        )
    return ""


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
    exercise = exercises.get(identifier)
    unfit = _unfit(exercise, obj)
    if unfit:
        say(f"{exercise.identifier}: {unfit}")
        return 0.0
    verdict = _judged(exercise, obj)
    if verdict.status != "not attempted":
        store.change("attempts", exercise.identifier, lambda n: (n or 0) + 1)
    if verdict.score <= 0:
        blamed = _sibling_to_blame(exercise, obj) if verdict.status not in ("not attempted", "delegated") else None
        say_in_lines(blamed or verdict.message, 12)
        _remind(exercise, obj, verdict.status)
        return 0.0
    told, *printed = verdict.message.splitlines()
    say("\n".join([f"{told} {mine.keep(exercise, obj)}", *printed]))
    return float(min(1.0, verdict.score) * exercise.points)


def _judged(exercise: Exercise, obj: Any) -> Verdict:
    from .clues import clues_in
    from .judge import judge
    from .running import InProcess

    with _exit_is_an_error(obj):
        return judge(exercise, InProcess(exercise, obj), PUBLIC_SEED, lambda: clues_in(obj, exercise), public=True)


def _sibling_to_blame(exercise: Exercise, obj: Any) -> str | None:
    """What to say where the answer calls another exercise's that does not pass: that comes first."""
    from .clues import siblings

    for other, theirs in siblings(obj, exercise):
        if not _unfit(other, theirs) and _judged(other, theirs).status not in ("right", "not attempted"):
            return (
                f"Not yet right, and the reason may lie elsewhere: {exercise.name} calls {other.name}, "
                f"and your {other.name} does not pass its own check now.\n"
                f'Try: check("{other.identifier}", {other.name}), and mend that one first.'
            )
    return None


def _remind(exercise: Exercise, obj: Any, status: str) -> None:
    """What a learner may not have in mind: a cell that was not run, a version that is kept."""
    same_as_before = _checked.get(exercise.identifier) is obj
    _checked[exercise.identifier] = obj
    if same_as_before and status != "not attempted":
        say(f"(This is the very {exercise.name} of the last check. If you have changed its cell, run that first.)")
    if mine.holds(exercise):
        print(f"(mine still holds the {exercise.name} that passed.)")


_checked: dict[str, Any] = {}  # exercise → what failed its last check


@contextlib.contextmanager
def _exit_is_an_error(obj: Any) -> Iterator[None]:
    """In a notebook ``exit()`` would end the whole kernel, a second later and without a word."""
    space = getattr(inspect.unwrap(obj), "__globals__", {})
    ours = {name: space[name] for name in ("exit", "quit") if type(space.get(name)).__module__.startswith("IPython")}
    try:
        space.update(dict.fromkeys(ours, sys.exit))
        yield
    finally:
        space.update(ours)


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


def case(identifier: str, name: str | None = None) -> tuple[tuple, Any]:
    """Give the inputs of a case of a check, and what should come of them.

    Parameters
    ----------
    identifier : str
    name : str, optional
        As the check calls it; by default the first.

    Returns
    -------
    inputs, wanted : tuple, object
        ``mse(*inputs)`` should give `wanted`.

    Raises
    ------
    ValueError
        If there is no such case; the text names those there are.
    """
    import numpy as np

    from .judge import reference_outputs

    exercise = exercises.get(identifier)
    cases = exercise.cases(np.random.default_rng(PUBLIC_SEED))
    wanted = next(iter(cases)) if name is None else name.removesuffix(", once more")
    if wanted.endswith(", with other numbers"):
        wanted = wanted.removesuffix(", with other numbers")
        cases = exercise.cases(np.random.default_rng(PUBLIC_SEED + 1))
    if wanted not in cases:
        raise ValueError(f"{identifier} has no case {name!r}; its cases are {', '.join(map(repr, cases))}.")
    return cases[wanted], reference_outputs(exercise, cases[wanted])


def hint(identifier: str) -> None:
    """Show the next hint of an exercise; each says a little more than the one before."""
    show_hint(identifier, f'call hint("{identifier}") again', f'solution("{identifier}")')


def show_hint(identifier: str, again: str, solved: str) -> None:
    """Show the next hint, and how to get one more, or the solution: a notebook's call or a terminal's command."""
    exercise = exercises.get(identifier)
    shown = store.read("hints").get(identifier, 0)
    number = min(shown, len(exercise.hints) - 1)
    store.change("hints", identifier, lambda n: min((n or 0) + 1, len(exercise.hints)))
    left = len(exercise.hints) - number - 1
    say(f"Hint {number + 1} of {len(exercise.hints)}: {exercise.hints[number]}")
    if left:
        print(f"{left} more: {again}.")
    else:
        print(f"That was the last one. {solved} shows how we wrote it.")


def solution(identifier: str) -> None:
    """Show how we wrote it; the first call asks whether the hints would not do."""
    show_solution(identifier, f'hint("{identifier}")', "call this once more")


def show_solution(identifier: str, first: str, again: str) -> None:
    """Show the solution, or at the first call how to get a hint instead: a notebook's call or a terminal's command."""
    exercise = exercises.get(identifier)
    unseen = len(exercise.hints) - store.read("hints").get(identifier, 0)
    tried = store.read("attempts").get(identifier, 0)
    asked = store.read("solutions").get(identifier, 0)
    store.change("solutions", identifier, lambda n: (n or 0) + 1)
    if not asked and (unseen > 0 or not tried) and identifier not in store.read("passed"):
        word = "hint is" if unseen == 1 else "hints are"
        left = f"{unseen} {word} left: {first}." if unseen > 0 else "You have not tried it yet."
        print(f"{left} To see the solution all the same, {again}.")
        return
    from .answers import solution_of

    try:
        print(solution_of(identifier))
    except (FileNotFoundError, ValueError) as error:
        print(f"The solution is not to be had here: {error}")


# --------------------------------------------------------------------------- tables


class Table:
    """Rows under a head, readable in notebooks of either theme and in terminals."""

    def __init__(self, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        self.head = [str(cell) for cell in head]
        self.rows = [[str(cell) for cell in row] for row in rows]

    def __repr__(self) -> str:
        table = [[cell.replace("`", "") for cell in row] for row in (self.head, *self.rows)]
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
