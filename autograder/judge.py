"""Judging an answer: run it on the cases, compare with the reference, name the mistake.

`judge` does not know where the answer runs. It is given a function that turns inputs into an
`Outcome`: in a notebook that is `InProcess`, in grading a worker in another process.
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .compare import Difference, Unusable, difference, leaves, pattern, plain
from .exercise import Exercise, Mistake

MAX_LINES = 12
_WIDEST = 160


@dataclass(frozen=True)
class Raised:
    """An exception of a learner's.

    Attributes
    ----------
    type_name, text : str
    frames : tuple of (place, line number, source line)
        The learner's own frames, outermost first. A place reads "cell [5], in mse", or "in mse".
    """

    type_name: str
    text: str
    frames: tuple[tuple[str, int, str], ...] = ()


@dataclass(frozen=True)
class Outcome:
    """What one run of a scenario gave.

    Attributes
    ----------
    outputs : object
    raised : Raised, optional
    timed_out : str
        Why there is no result, when it took too long.
    mutated : tuple of int
        Positions of the inputs that were changed.
    printed : str
    delegated : str
        The function of the engine or of the reference that was called to do the work.
    """

    outputs: Any = None
    raised: Raised | None = None
    timed_out: str = ""
    mutated: tuple[int, ...] = ()
    printed: str = ""
    delegated: str = ""

    @property
    def not_attempted(self) -> bool:
        """Whether the blank is still there."""
        if self.raised is not None:
            return self.raised.type_name == "NotImplementedError"
        return type(self.outputs).__name__ == "ellipsis"


@dataclass(frozen=True)
class Verdict:
    """What a learner is told, and what they earn.

    Attributes
    ----------
    status : str
        "right", "not attempted", "raised", "timed out", "wrong type", "wrong shape", "wrong values",
        "mutated input" or "delegated".
    message : str
        At most 12 lines.
    score : float
        1.0 or 0.0.
    mistake : str, optional
        The name of the known mistake.
    """

    status: str
    message: str
    score: float
    mistake: str | None = None


@dataclass(frozen=True)
class Trial:
    """One call: what it is called, its inputs, what the reference makes of them."""

    name: str
    inputs: tuple
    expected: Any
    may_change: tuple[int, ...]


Run = Callable[[tuple], Outcome]


def judge(exercise: Exercise, run: Run, seed: int) -> Verdict:
    """Judge an answer on the exercise's cases.

    After the cases come the first case with other numbers and the first case once more: an answer that
    remembers an earlier call gives itself away.

    Parameters
    ----------
    exercise : Exercise
    run : callable
        ``run(inputs) -> Outcome``; may change its inputs, which are copies.
    seed : int
        Where the cases' random numbers start.
    """
    trials = _trials(exercise, seed)
    outcomes: list[Outcome] = []
    for trial in trials:
        outcome = run(copy.deepcopy(trial.inputs))
        if outcome.delegated:
            return _wrong("delegated", _delegated_text(exercise, outcome))
        if outcome.timed_out:
            return _wrong("timed out", _timed_out_text(trial, outcome), printed=outcome.printed)
        if outcome.not_attempted and not outcomes:
            return _wrong("not attempted", _not_attempted_text(exercise, outcome))
        outcomes.append(_fixed(outcome))
    found = [_compare(exercise, trial, outcome) for trial, outcome in zip(trials, outcomes, strict=True)]
    first = next((i for i, difference in enumerate(found) if difference is not None), None)
    changed = next((i for i, (t, o) in enumerate(zip(trials, outcomes, strict=True)) if _changed(t, o)), None)
    if first is None and changed is None:
        return _right(exercise, outcomes[0].printed)

    mistake = _known_mistake(exercise, trials, outcomes, values_are_right=first is None)
    if first is None:
        assert changed is not None
        text = _mutated_text(exercise, trials[changed], outcomes[changed], mistake)
        return _wrong("mutated input", text, mistake, outcomes[changed].printed)
    difference_found = found[first]
    assert difference_found is not None
    if mistake is not None:
        text = _mistake_text(mistake, trials[first], difference_found)
    elif not _same(outcomes[0], outcomes[-1], exercise.float32_ok):
        text = _state_text(trials, outcomes, found)
    else:
        text = _difference_text(exercise, trials, outcomes, found, first)
    return _wrong(difference_found.kind, text, mistake, outcomes[first].printed)


def reference_outputs(exercise: Exercise, inputs: tuple) -> Any:
    """Return what the reference gives, made plain."""
    with np.errstate(all="ignore"):
        return plain(exercise.scenario(exercise.reference, *copy.deepcopy(inputs)))


def same(a: Any, b: Any) -> bool:
    """Tell whether two inputs are the same to the last bit."""
    if isinstance(a, np.ndarray):
        alike = isinstance(b, np.ndarray) and a.dtype == b.dtype and a.shape == b.shape
        return alike and a.tobytes() == b.tobytes()
    if isinstance(a, list | tuple):
        return type(a) is type(b) and len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    if isinstance(a, int | float | str | bool | None):
        return type(a) is type(b) and (a == b or a != a)
    return True  # objects made for the run, such as generators and models, are the scenario's own


def _trials(exercise: Exercise, seed: int) -> list[Trial]:
    cases = list(exercise.cases(np.random.default_rng(seed)).items())
    fresh = next(iter(exercise.cases(np.random.default_rng(seed + 1)).items()))
    again = (f"{cases[0][0]}, once more", cases[0][1])
    trials = []
    for name, inputs in (*cases, (f"{fresh[0]}, with other numbers", fresh[1]), again):
        used = copy.deepcopy(inputs)
        with np.errstate(all="ignore"):
            expected = plain(exercise.scenario(exercise.reference, *used))
        # What the reference itself writes into, an answer may write into as well.
        may_change = tuple(i for i, (a, b) in enumerate(zip(inputs, used, strict=True)) if not same(a, b))
        trials.append(Trial(name, inputs, expected, may_change))
    return trials


def _fixed(outcome: Outcome) -> Outcome:
    """Outputs as plain copies, or what keeps them from being that."""
    try:
        return replace(outcome, outputs=plain(outcome.outputs))
    except Unusable as error:
        return replace(outcome, outputs=error)


def _changed(trial: Trial, outcome: Outcome) -> tuple[int, ...]:
    return tuple(i for i in outcome.mutated if i not in trial.may_change)


def _compare(exercise: Exercise, trial: Trial, outcome: Outcome) -> Difference | None:
    if outcome.raised is not None:
        return Difference("raised", _raised_text(outcome.raised))
    got = outcome.outputs
    if isinstance(got, Unusable):
        return Difference("wrong type", f"Your answer gives {got}.{_remedy(str(got))}")
    if got is None and trial.expected is not None:
        told = "It prints: printing is not returning." if outcome.printed else "Did you forget a return statement?"
        return Difference("wrong type", f"Your answer returned None. {told}")
    names = exercise.output_names()
    return difference(trial.expected, got, exercise.rtol, exercise.atol, exercise.float32_ok, names=names)


def _remedy(what: str) -> str:
    if "generator" in what or "iterator" in what or what.startswith(("a map", "a zip", "a filter")):
        return "\nIt is a promise of values: make a list or an array of it."
    if "function" in what or "method" in what:
        return "\nAre its round brackets missing where you call it?"
    if "coroutine" in what:
        return "\nWrite def, without async."
    return ""


# --------------------------------------------------------------------------- known mistakes


def _known_mistake(
    exercise: Exercise, trials: list[Trial], outcomes: list[Outcome], values_are_right: bool
) -> Mistake | None:
    """Return the first mistake that gives the same as the learner's answer in every trial."""
    for mistake in exercise.mistakes:
        with _as_new(mistake.wrong):
            matched = changed = 0
            for trial, outcome in zip(trials, outcomes, strict=True):
                theirs = _try(exercise, mistake.wrong, trial.inputs)
                if not _same(outcome, theirs, exercise.float32_ok):
                    break
                matched += 1
                changed += _changed(trial, theirs) == _changed(trial, outcome) != ()
            if matched == len(trials) and (changed or not values_are_right):
                return mistake
    return None


def _try(exercise: Exercise, obj: Any, inputs: tuple) -> Outcome:
    used = copy.deepcopy(inputs)
    try:
        with np.errstate(all="ignore"):
            outputs = plain(exercise.scenario(obj, *used))
    except Unusable as error:
        outputs = error
    except Exception as error:
        return Outcome(raised=Raised(type(error).__name__, (str(error).splitlines() or [""])[0]))
    mutated = tuple(i for i, (a, b) in enumerate(zip(inputs, used, strict=True)) if not same(a, b))
    return Outcome(outputs, mutated=mutated)


def _same(a: Outcome, b: Outcome, float32_ok: bool) -> bool:
    if a.raised is not None or b.raised is not None:
        return a.raised is not None and b.raised is not None and a.raised.type_name == b.raised.type_name
    theirs, ours = a.outputs, b.outputs
    if isinstance(theirs, Unusable) or isinstance(ours, Unusable):
        return str(theirs) == str(ours)
    if ours is None or theirs is None:
        return ours is theirs
    # Wider than between right answers: rounding differs between two ways to make one mistake.
    return difference(ours, theirs, rtol=1e-7, atol=1e-10, float32_ok=float32_ok) is None


@contextlib.contextmanager
def _as_new(obj: Any) -> Iterator[None]:
    """Put back what an answer keeps between calls: in its class, in default arguments, in a closure."""
    owners = [c for c in obj.__mro__ if c is not object] if isinstance(obj, type) else [obj]
    functions = [f for owner in owners for f in (owner, *vars(owner).values()) if hasattr(f, "__code__")]
    kept: list[tuple[Any, str, Any]] = [
        (owner, name, value)
        for owner in owners
        for name, value in vars(owner).items()
        if _is_store(value) and not name.startswith("__")
    ]
    for function in functions:
        if any(_is_store(value) for value in function.__defaults__ or ()):
            kept.append((function, "__defaults__", function.__defaults__))
        cells = function.__closure__ or ()
        kept += [(c, "cell_contents", c.cell_contents) for c in cells if _is_store(getattr(c, "cell_contents", 0))]
    copies = [(owner, name, copy.deepcopy(value)) for owner, name, value in kept]
    try:
        yield
    finally:
        for owner, name, value in copies:
            setattr(owner, name, value)


def _is_store(value: Any) -> bool:
    return isinstance(value, list | dict | set | np.ndarray)


# --------------------------------------------------------------------------- what is said


def _right(exercise: Exercise, printed: str) -> Verdict:
    lines = [f"Right. {exercise.identifier}: {_points(exercise)}.", *_printed_lines(printed)]
    return Verdict("right", "\n".join(map(_cut, lines)), 1.0)


def _wrong(status: str, text: str, mistake: Mistake | None = None, printed: str = "") -> Verdict:
    *told, last = text.splitlines()  # the last line says what to try
    told += _printed_lines(printed)
    if len(told) >= MAX_LINES:
        told = [*told[: MAX_LINES - 2], "..."]
    return Verdict(status, "\n".join(map(_cut, [*told, last])), 0.0, mistake.name if mistake else None)


def _cut(line: str) -> str:
    return line if len(line) <= _WIDEST else line[: _WIDEST - 3] + "..."


def _printed_lines(printed: str) -> list[str]:
    lines = ["".join(c for c in line if c.isprintable()) for line in printed.strip().splitlines()]
    if not lines:
        return []
    more = [f"  ... and {len(lines) - 3} more lines"] if len(lines) > 3 else []
    return ["It printed:", *(f"  {line[:100]}" for line in lines[:3]), *more]


def _points(exercise: Exercise) -> str:
    return f"{exercise.points:g} of {exercise.points:g} points" if exercise.points else "practice, no points"


def _not_attempted_text(exercise: Exercise, outcome: Outcome) -> str:
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


def _timed_out_text(trial: Trial, outcome: Outcome) -> str:
    return (
        f"Stopped: in the case “{trial.name}” it {outcome.timed_out}.\n"
        "A loop that never ends is the usual reason.\n"
        "Try: does the loop's condition change, and does its counter move?"
    )


def _delegated_text(exercise: Exercise, outcome: Outcome) -> str:
    called = outcome.delegated
    if called.startswith("the reference") or called.rpartition(".")[2].strip("_") == exercise.name:
        told = f"This calls the function you are asked to write: {called}."
    else:
        told = f"This calls {called}, which does the work that {exercise.name} is to do."
    return f"{told}\nTry: write it with NumPy alone; the point is to have built it."


def _mutated_text(exercise: Exercise, trial: Trial, outcome: Outcome, mistake: Mistake | None) -> str:
    names = exercise.input_names(len(trial.inputs))
    which = " and ".join(names[i] for i in _changed(trial, outcome))
    told = f"The values are right, but in the case “{trial.name}” your code changed its input {which}."
    if mistake is not None:
        return f"Not yet right: {mistake.name}.\n{told}\n{mistake.why}\nTry: {mistake.hint}"
    return (
        f"{told}\nWhoever called it still needs that. +=, -=, out=, .sort() and x[...] = write into the caller's.\n"
        "Try: compute a new array, or work on x.copy()."
    )


def _raised_text(raised: Raised) -> str:
    text = raised.text
    product = re.search(r"matmul: .*\(size (\d+) is different from (\d+)\)", text)
    if product:
        text = f"the axes that a matrix product adds over have {product[2]} and {product[1]} elements"
    lines = [f"Your code raised {raised.type_name}: {text}".rstrip(": ")]
    return "\n".join(lines + [f"  {place}, line {number}: {source}" for place, number, source in raised.frames[-3:]])


def _mistake_text(mistake: Mistake, trial: Trial, found: Difference) -> str:
    told = found.text.splitlines()[0] if found.kind != "raised" else found.text
    return f"Not yet right: {mistake.name}.\n{mistake.why}\nIn the case “{trial.name}”: {told}\nTry: {mistake.hint}"


def _state_text(trials: list[Trial], outcomes: list[Outcome], found: Sequence[Difference | None]) -> str:
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


def _difference_text(
    exercise: Exercise,
    trials: list[Trial],
    outcomes: list[Outcome],
    found: Sequence[Difference | None],
    first: int,
) -> str:
    """Return what can be said of an answer that is wrong in a way nobody has listed."""
    difference_found, outcome = found[first], outcomes[first]
    assert difference_found is not None
    lines = [f"Not yet right. In the case “{trials[first].name}”:", difference_found.text]
    right = [trial.name for trial, d in zip(trials, found, strict=True) if d is None]
    told = None
    if difference_found.kind == "wrong values":
        told = _pattern_text(exercise, trials, outcomes, difference_found.where)
        if told:
            lines.append(told)
    if right:
        lines.append(f"Right in {len(right)} of {len(trials)} calls, such as “{right[0]}”.")
    lines.append(f"Try: {_advice(exercise, difference_found, outcome, told)}")
    return "\n".join(lines)


def _pattern_text(exercise: Exercise, trials: list[Trial], outcomes: list[Outcome], where: str) -> str | None:
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
    return told if told is None or where == "the result" else f"{where}: {told[0].lower()}{told[1:]}"


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


def _advice(exercise: Exercise, found: Difference, outcome: Outcome, told: str | None) -> str:
    """One thing to do next."""
    raised = outcome.raised
    if raised is not None:
        for words, advice in _EVERYDAY.items():
            if words in raised.text:
                return advice
        if "positional argument" in raised.text or "keyword argument" in raised.text:
            return f"the signature is {exercise.signature}."
        if raised.type_name == "ValueError" and any(
            word in raised.text for word in ("broadcast", "shape", "core dim", "align")
        ):
            return "print the shape of each array in that line; which axes should meet?"
        if raised.text.startswith("module "):
            return "look up how that function is called and spelled."
        return _ADVICE.get(raised.type_name, f'read that line once more, or hint("{exercise.identifier}").')
    if found.kind == "wrong type" and "None" in found.text:
        return "end the function with return and the result."
    if found.kind == "wrong shape":
        return f"print the shapes on the way to the result; the signature is {exercise.signature}."
    if told:
        return f'where does that factor or order come from? If you cannot see it: hint("{exercise.identifier}").'
    return f'work one row by hand, or hint("{exercise.identifier}").'


#: What beginners' errors say, and what to do about each.
_EVERYDAY = {
    "truth value of an array": "`if` asks one question; np.where or np.maximum asks one for each element.",
    "can't multiply sequence": "a list is not an array: go through its items one by one.",
    "bitwise_xor": "a power is written ** in Python.",
    "can be converted to Python scalars": "that works on one number; NumPy's function of that name works on all.",
    "is out of bounds for array of dimension": "print the shape: how many axes are there?",
    "inhomogeneous shape": "arrays of different shapes do not fit into one; treat them one by one.",
    "and 'NoneType'": "something here is None: print what each side is.",
    "'NoneType' object has no attribute 'append'": ".append changes the list and returns None; do not assign it.",
    "Cannot cast ufunc": "an integer array cannot take fractions in place; p - ... makes a new array.",
}

_ADVICE = {
    "NameError": "is that name spelled as where it is defined, and has that cell been run?",
    "UnboundLocalError": "give that variable a value before it is used, also when a loop or an if is skipped.",
    "RecursionError": "the function calls itself without an end; which call did you mean?",
    "IndexError": "print the shape of what is indexed, and the index.",
    "KeyError": "print the keys there are.",
    "ZeroDivisionError": "print the divisor: what is counted there, and when is it 0?",
    "AttributeError": "is it written in the class, with that spelling, and has that cell been run?",
    "MemoryError": "print the shapes: something is made far larger than its inputs.",
    "SystemExit": "leave with return.",
    "AssertionError": "an assert of your own failed; print what it looks at.",
    "EOFError": "take the values from the arguments, not from input().",
}
