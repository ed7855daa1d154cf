"""What a learner is told: the verdict in at most 12 lines, the last of which says what to try.

Every text here is made of a verdict that stands already. If one cannot be made, a plainer one is given:
nobody is to see a traceback of the check's own.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .advice import on_exception
from .compare import WHOLE, Difference, Unusable, leaves, pattern
from .exercise import Exercise, Mistake
from .outcome import Outcome, Raised, Trial, Verdict

MAX_LINES = 12
_WIDEST = 160  # characters; a notebook folds lines of more than 92
_MOST_NUMBERS = 12  # in inputs that are shown
_NEARLY = "It is nearly right everywhere: a slope measured by nudging, or a small number added for safety?"
_NOT_ABOUT_INPUTS = {"NameError", "AttributeError", "UnboundLocalError", "RecursionError", "SystemExit"}
_LONGEST_INPUTS = 140  # characters


@dataclass(frozen=True)
class Clue:
    """Something seen in the text of an answer that is wrong.

    Attributes
    ----------
    told : str
        What was seen, and where.
    advice : str
        What to do, as the end of "Try: ...".
    raises : bool
        Whether it can be why something was raised.
    """

    told: str
    advice: str
    raises: bool = False


# --------------------------------------------------------------------------- verdicts


def right(exercise: Exercise, printed: str) -> Verdict:
    """All is well."""
    lines = [f"Right. {exercise.identifier}: {_points(exercise)}.", *_printed_lines(printed)]
    return Verdict("right", "\n".join(map(_cut, lines)), 1.0)


def wrong(status: str, text: str, mistake: Mistake | None = None, printed: str = "") -> Verdict:
    """Something is not, and `text` says what."""
    *told, last = text.splitlines()  # the last line says what to try
    told += _printed_lines(printed)
    if len(told) >= MAX_LINES:
        told = [*told[: MAX_LINES - 2], "..."]
    return Verdict(status, "\n".join(map(_cut, [*told, last])), 0.0, mistake.name if mistake else None)


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else line[: _WIDEST - 4].rpartition(" ")[0] + " ..."


def _printed_lines(printed: str) -> list[str]:
    lines = ["".join(c for c in line if c.isprintable()) for line in printed.strip().splitlines()]
    if not lines:
        return []
    more = [f"  ... and {len(lines) - 3} more lines"] if len(lines) > 3 else []
    return ["It printed:", *(f"  {line[:100]}" for line in lines[:3]), *more]


def _points(exercise: Exercise) -> str:
    return f"{exercise.points:g} of {exercise.points:g} points" if exercise.points else "practice, no points"


# --------------------------------------------------------------------------- before any value is looked at


def not_attempted(exercise: Exercise, outcome: Outcome) -> str:
    """The blank is still there, here or in a function that is called."""
    frames = outcome.raised.frames if outcome.raised else ()
    place, line, _ = frames[-1] if frames else ("", 0, "")
    where = f" The blank: {place}, line {line}." if place else ""
    function = place.rpartition("in ")[2]
    if len(frames) > 1 and function != exercise.name and frames[0][0].endswith(f"in {exercise.name}"):
        where = f" It calls {function}, which is not written yet ({place}, line {line})."
    return (
        f"{exercise.identifier}: not attempted.{where}\n"
        f"Write it in place of raise NotImplementedError(), run that cell, then this one. "
        f'Stuck? hint("{exercise.identifier}")'
    )


def timed_out(trial: Trial, outcome: Outcome) -> str:
    """It did not come to an end."""
    return (
        f"Stopped: in the case “{trial.name}” it {outcome.timed_out}.\n"
        "A loop that never ends is the usual reason.\n"
        "Try: does the loop's condition change, and does its counter move?"
    )


def delegated(exercise: Exercise, outcome: Outcome) -> str:
    """Somebody else did the work."""
    called = outcome.delegated
    if called.startswith("the reference") or called.rpartition(".")[2].strip("_") == exercise.name:
        told = f"This calls the function you are asked to write: {called}."
    else:
        told = f"This calls {called}, which does the work that {exercise.name} is to do."
    return f"{told}\nTry: write it with NumPy alone; the point is to have built it."


def raised(error: Raised) -> str:
    """What an answer raised, with the learner's own lines."""
    text = error.text
    product = re.search(r"matmul: .*\(size (\d+) is different from (\d+)\)", text)
    if product:
        text = f"the axes that a matrix product adds over have {product[2]} and {product[1]} elements"
    lines = [f"Your code raised {error.type_name}: {text}".rstrip(": ")]
    return "\n".join(lines + [f"  {place}, line {number}: {source}" for place, number, source in error.frames[-3:]])


def unusable(what: str) -> str:
    """An answer that is no data."""
    if "generator" in what or "iterator" in what or what.startswith(("a map", "a zip", "a filter")):
        remedy = "\nIt is a promise of values: make a list or an array of it."
    elif "function" in what or "method" in what:
        remedy = "\nAre its round brackets missing where you call it?"
    elif "coroutine" in what:
        remedy = "\nWrite def, without async."
    else:
        remedy = ""
    return f"Your answer gives {what}.{remedy}"


# --------------------------------------------------------------------------- wrong values


def most_telling(exercise: Exercise, trials: Sequence[Trial], found: Sequence[Difference | None], first: int) -> int:
    """Which failing case to show. Of values: one that is off by more than rounding, and short enough to follow."""
    wrong_values = [i for i, difference in enumerate(found) if difference and difference.kind == "wrong values"]
    if first not in wrong_values:
        return first
    clear = [i for i in wrong_values if not found[i].slight] or wrong_values  # type: ignore[union-attr]
    with contextlib.suppress(Exception):
        short = [i for i in clear if _with(exercise, trials[i]) and not _is_single(trials[i])]
        return (short or clear)[0]
    return clear[0]


def _is_single(trial: Trial) -> bool:
    """Whether there is but one row, which hides what happens between rows."""
    return any(isinstance(value, np.ndarray) and value.ndim and len(value) < 2 for value in trial.inputs)


def known(exercise: Exercise, mistake: Mistake, trial: Trial, found: Difference | None, more: bool = False) -> str:
    """A mistake by its name; `more` where it is not the only one."""
    assert found is not None
    told = found.text.splitlines()[0] if found.kind != "raised" else found.text
    name = f"first of all, {mistake.name}" if more else mistake.name
    given = ""
    if found.kind == "wrong values":
        with contextlib.suppress(Exception):
            given = "".join(f"\n{line}" for line in [_with(exercise, trial)] if line)
    after = "\nThere is more than this one: mend it, check again, and see the next." if more else ""
    return (
        f"Not yet right: {name}.\n{mistake.why}\nIn the case “{trial.name}”: {told}{given}{after}\nTry: {mistake.hint}"
    )


def mutated(exercise: Exercise, trial: Trial, outcome: Outcome, mistake: Mistake | None) -> str:
    """Right values, and a caller whose arrays are no longer what they were."""
    names = exercise.input_names(len(trial.inputs))
    which = " and ".join(names[i] for i in trial.changed(outcome))
    told = f"The values are right, but in the case “{trial.name}” your code changed its input {which}."
    if mistake is not None:
        return f"Not yet right: {mistake.name}.\n{told}\n{mistake.why}\nTry: {mistake.hint}"
    return (
        f"{told}\nWhoever called it still needs that. +=, -=, out=, .sort() and x[...] = write into the caller's.\n"
        "Try: compute a new array, or work on x.copy()."
    )


def remembers(trials: Sequence[Trial], found: Sequence[Difference | None]) -> str:
    """The same call, another result."""
    if found[0] is None:
        told = "Right the first time, but not the second: the same call gave another result."
    else:
        told = "The same call gave one result the first time and another the second."
    difference_found = found[-1] or next(d for d in found if d is not None)
    return (
        f"{told}\nIn the case “{trials[-1].name}”: {difference_found.text.splitlines()[0]}\n"
        "Something is kept between calls: a list in the class, a default argument that is changed, a global.\n"
        "Try: make what you need inside the function, and draw no random numbers of your own."
    )


def unknown(
    exercise: Exercise,
    trials: Sequence[Trial],
    outcomes: Sequence[Outcome],
    found: Sequence[Difference | None],
    shown: int,
    look: Callable[[], Sequence[Clue]] = tuple,
    public: bool = False,
) -> str:
    """What can be said of an answer that is wrong in a way nobody has listed."""
    difference_found, trial = found[shown], trials[shown]
    assert difference_found is not None
    head = f"Not yet right. In the case “{trial.name}”:\n{difference_found.text}"
    try:
        return head + _details(exercise, trials, outcomes, found, shown, look, public)
    except Exception:  # the verdict stands, whatever keeps it from being told in more words
        return f'{head}\nTry: hint("{exercise.identifier}").'


def _details(
    exercise: Exercise,
    trials: Sequence[Trial],
    outcomes: Sequence[Outcome],
    found: Sequence[Difference | None],
    shown: int,
    look: Callable[[], Sequence[Clue]],
    public: bool,
) -> str:
    difference_found, trial, outcome = found[shown], trials[shown], outcomes[shown]
    assert difference_found is not None
    lines = [_square(trial, difference_found)]
    told = None
    if difference_found.kind == "wrong values":
        told = _pattern(exercise, trials, outcomes, difference_found.where) or _nearly(trials, outcomes)
        lines.append(told or "")
    values = difference_found.kind == "wrong values"
    about_names = outcome.raised is not None and outcome.raised.type_name in _NOT_ABOUT_INPUTS
    if not about_names and difference_found.kind != "wrong type":
        lines.append(_with(exercise, trial) if values else _shapes(exercise, trial))
    right_ones = [trial.name for trial, d in zip(trials, found, strict=True) if d is None]
    if right_ones:
        lines.append(f"Right in {len(right_ones)} of {len(trials)} calls, such as “{right_ones[0]}”.")
    clue = next((clue for clue in look() if outcome.raised is None or clue.raises), None)
    if clue is not None:
        lines.append(clue.told)
        advice = clue.advice
    else:
        advice = _advice(exercise, trial, difference_found, outcome, told, public)
    return "".join(f"\n{line}" for line in lines if line) + f"\nTry: {advice}"


def _square(trial: Trial, found: Difference) -> str:
    """Why (N,) was wanted and (N, N) came."""
    shapes = re.search(r"shape \((\d+),\); got \((\d+), (\d+)\)", found.text)
    if found.kind != "wrong shape" or not shapes or len(set(shapes.groups())) > 1:
        return ""
    arrays = [value for value in trial.inputs if isinstance(value, np.ndarray)]
    if not any(a.ndim == 2 and a.shape[1] == 1 for a in arrays) and any(a.dtype.kind in "iu" for a in arrays):
        return "Every row was paired with every label: [:, labels] takes whole columns."
    return "A square came of two vectors: somewhere (N,) met (N, 1)."


def _pattern(exercise: Exercise, trials: Sequence[Trial], outcomes: Sequence[Outcome], where: str) -> str | None:
    """How the wrong values follow from the right ones, if they do so in every case."""
    names, pairs, sizes = exercise.output_names(), [], []
    for trial, outcome in zip(trials, outcomes, strict=True):
        if outcome.raised is not None or isinstance(outcome.outputs, Unusable):
            continue
        expected = dict(leaves(trial.expected, names=names)).get(where)
        got = _leaf(outcome.outputs, trial.expected, where, names)
        if not isinstance(expected, np.ndarray) or not isinstance(got, np.ndarray) or expected.shape != got.shape:
            return None
        pairs.append((expected, got))
        sizes.append(_sizes(exercise, trial.inputs))
    told = pattern(pairs, sizes)
    return told if told is None or where == WHOLE else f"{where}: {told[0].lower()}{told[1:]}"


def _nearly(trials: Sequence[Trial], outcomes: Sequence[Outcome]) -> str | None:
    """What to say of values that are off a little in every case, and in some not by rounding alone."""
    worst = []
    for trial, outcome in zip(trials, outcomes, strict=True):
        if outcome.raised is not None or isinstance(outcome.outputs, Unusable):
            return None
        wanted, came = dict(leaves(trial.expected)), dict(leaves(outcome.outputs))
        for where, a in wanted.items():
            b = came.get(where)
            if not isinstance(a, np.ndarray) or a.dtype.kind not in "fiu" or not a.any():
                continue
            if not isinstance(b, np.ndarray) or b.shape != a.shape or b.dtype.kind not in "fiu":
                return None
            with np.errstate(all="ignore"):
                worst.append(float(np.max(np.abs(a - b)) / np.max(np.abs(a))))
    if len(worst) > 1 and 1e-9 < max(worst) < 1e-4:
        return _NEARLY
    return None


def _leaf(outputs: Any, expected: Any, where: str, names: Sequence[str]) -> Any:
    """The part of an answer that is called `where`; lists and arrays may stand for one another."""
    if isinstance(expected, list) and isinstance(outputs, np.ndarray) and outputs.ndim:
        outputs = [np.asarray(item) for item in outputs]
    elif isinstance(expected, np.ndarray) and isinstance(outputs, list):
        with contextlib.suppress(ValueError):
            outputs = np.array(outputs)
    return dict(leaves(outputs, names=names)).get(where)


def _sizes(exercise: Exercise, inputs: tuple) -> dict[str, float]:
    """What can be counted of a case's inputs, in words."""
    sizes: dict[str, float] = {}
    for name, value in zip(exercise.input_names(len(inputs)), inputs, strict=True):
        if isinstance(value, int | float) and not isinstance(value, bool):
            sizes[name] = float(value)
        if not isinstance(value, np.ndarray) or not value.size:
            continue
        if value.ndim == 1:
            sizes[f"the length of {name}"] = len(value)
        elif value.ndim > 1:
            sizes[f"the number of rows of {name}"] = len(value)
            sizes[f"the number of columns of {name}"] = value.shape[-1]
            sizes[f"the number of values in {name}"] = value.size
        if value.dtype.kind == "f" and value.ndim == 1 and (value >= 0).all():
            sizes[f"the mean of {name}"] = float(value.mean())
    return sizes


# --------------------------------------------------------------------------- inputs


def _with(exercise: Exercise, trial: Trial) -> str:
    """A line with a case's inputs, where they are few numbers; else nothing."""
    counts = [_numbers(value) for value in trial.inputs]
    if not counts or any(count is None for count in counts) or sum(filter(None, counts)) > _MOST_NUMBERS:
        return ""
    names = exercise.input_names(len(trial.inputs))
    text = ", ".join(f"{name} = {written(value)}" for name, value in zip(names, trial.inputs, strict=True))
    return f"There, {text}." if len(text) <= _LONGEST_INPUTS else ""


def _shapes(exercise: Exercise, trial: Trial) -> str:
    """A line with the shapes of a case's arrays."""
    names = exercise.input_names(len(trial.inputs))
    arrays = [f"{n} is {v.shape}" for n, v in zip(names, trial.inputs, strict=True) if isinstance(v, np.ndarray)]
    return f"There, {', '.join(arrays)}." if arrays else ""


def _numbers(value: Any) -> int | None:
    """How many numbers (or texts) there are to read; None for what cannot be written down."""
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return 1
    if isinstance(value, np.ndarray):
        return value.size if value.dtype.kind in "biufU" else None
    if isinstance(value, list | tuple | dict):
        counts = [_numbers(item) for item in (value.values() if isinstance(value, dict) else value)]
        return None if None in counts else sum(filter(None, counts))
    return None


def written(value: Any) -> str:
    """An input as a learner would type it, to five digits.

    Examples
    --------
    >>> written(np.array([[1.0, 2.5], [1 / 3, -4.0]]))
    '[[1, 2.5], [0.33333, -4]]'
    >>> written(("a", None, np.zeros((0, 3))))
    "('a', None, an empty array of shape (0, 3))"
    """
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"an empty array of shape {value.shape}"
        return written(value.tolist())
    if isinstance(value, np.generic):
        return written(value.item())
    if isinstance(value, float):
        return f"{value:.5g}"
    if isinstance(value, list):
        return "[" + ", ".join(map(written, value)) + "]"
    if isinstance(value, tuple):
        return "(" + ", ".join(map(written, value)) + ("," if len(value) == 1 else "") + ")"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {written(item)}" for key, item in value.items()) + "}"
    return repr(value)


# --------------------------------------------------------------------------- one thing to do next


def _advice(
    exercise: Exercise, trial: Trial, found: Difference, outcome: Outcome, told: str | None, public: bool
) -> str:
    hint = f'hint("{exercise.identifier}")'
    if outcome.raised is not None:
        return on_exception(outcome.raised, exercise)
    if found.kind == "wrong type" and "returned None" in found.text:
        return "end the function with return and the result."
    if found.kind == "wrong shape":
        return f"print the shapes on the way to the result; the signature is {exercise.signature}."
    if told == _NEARLY:
        return f"the formula itself is exact; compute that. If you cannot see it: {hint}."
    if told:
        return f"where does that factor or order come from? If you cannot see it: {hint}."
    if found.kind != "wrong values":
        return f"look at what your return line makes, or {hint}."
    if _with(exercise, trial):
        return f"work this case by hand, or {hint}."
    rows = any(isinstance(value, np.ndarray) and value.ndim and len(value) > 1 for value in trial.inputs)
    what = "one row of it" if rows else "it"
    given = f'; case("{exercise.identifier}", "{trial.name}") gives its inputs' if public else ""
    return f"work {what} by hand{given}. Or {hint}."
