"""Judging an answer: run it on the cases, compare with the reference, name the mistake.

`judge` does not know where the answer runs. It is given a function that turns inputs into an
`Outcome`: in a notebook that is `InProcess`, in grading a worker in another process.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .compare import Difference, Unusable, difference, leaves, plain, ratio, ratio_text
from .exercise import Exercise, Mistake

MAX_LINES = 12


@dataclass(frozen=True)
class Raised:
    """An exception of a learner's.

    Attributes
    ----------
    type_name, text : str
    frames : tuple of (cell, line number, source line)
        The learner's own frames, outermost first.
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
        return self.raised is not None and self.raised.type_name == "NotImplementedError"


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


Run = Callable[[tuple], Outcome]


def judge(exercise: Exercise, run: Run, seed: int) -> Verdict:
    """Judge an answer on the exercise's cases.

    Parameters
    ----------
    exercise : Exercise
    run : callable
        ``run(inputs) -> Outcome``; may change its inputs, which are copies.
    seed : int
        Where the cases' random numbers start.
    """
    cases = exercise.cases(np.random.default_rng(seed))
    outcomes: dict[str, Outcome] = {}
    for name, inputs in cases.items():
        outcome = run(copy.deepcopy(inputs))
        if outcome.not_attempted:
            return _wrong("not attempted", _not_attempted_text(exercise, outcome))
        if outcome.timed_out:
            return _wrong("timed out", _timed_out_text(exercise, name, outcome))
        if outcome.delegated:
            return _wrong("delegated", _delegated_text(exercise, outcome))
        outcomes[name] = outcome

    expected = {name: reference_outputs(exercise, inputs) for name, inputs in cases.items()}
    first = _first_difference(exercise, expected, outcomes)
    if first is not None:
        name, found = first
        mistake = _known_mistake(exercise, cases, outcomes)
        if mistake is not None:
            return _wrong(found.kind, _mistake_text(exercise, mistake, name, found), mistake.name)
        text = [f"Not yet right. In the case “{name}”:", found.text, *_extra(exercise, cases, expected, outcomes)]
        return _wrong(found.kind, "\n".join(text))
    for name, outcome in outcomes.items():
        if outcome.mutated:
            return _wrong("mutated input", _mutated_text(exercise, name, outcome))
    return _again(exercise, run, cases, expected)


def reference_outputs(exercise: Exercise, inputs: tuple) -> Any:
    """Return what the reference gives, made plain."""
    return plain(exercise.scenario(exercise.reference, *copy.deepcopy(inputs)))


def _first_difference(
    exercise: Exercise, expected: dict[str, Any], outcomes: dict[str, Outcome]
) -> tuple[str, Difference] | None:
    for name, outcome in outcomes.items():
        found = _compare(exercise, expected[name], outcome)
        if found is not None:
            return name, found
    return None


def _compare(exercise: Exercise, expected: Any, outcome: Outcome) -> Difference | None:
    if outcome.raised is not None:
        return Difference("raised", _raised_text(outcome.raised))
    try:
        got = plain(outcome.outputs)
    except Unusable as error:
        return Difference("wrong type", f"Your answer gives {error}.")
    if got is None and expected is not None:
        if outcome.printed:
            told = f"It printed {outcome.printed.strip()[:60]!r}: printing is not returning. End it with return."
        else:
            told = "Did you forget a return statement?"
        return Difference("wrong type", f"Your answer returned None. {told}")
    return difference(expected, got, exercise.rtol, exercise.atol, exercise.float32_ok)


def _again(exercise: Exercise, run: Run, cases: dict[str, tuple], expected: dict[str, Any]) -> Verdict:
    """Run the first case once more: an answer that remembers its last call gives itself away."""
    name, inputs = next(iter(cases.items()))
    found = _compare(exercise, expected[name], run(copy.deepcopy(inputs)))
    if found is not None:
        text = (
            "Right the first time, but not the second: the same call gave another result.\n"
            f"{found.text}\nSomething is kept between calls, such as a list in the class or a default argument that is "
            "changed.\nTry: make what you need inside the function."
        )
        return _wrong(found.kind, text)
    return Verdict("right", f"Right. {exercise.identifier}", 1.0)


# --------------------------------------------------------------------------- known mistakes


def _known_mistake(exercise: Exercise, cases: dict[str, tuple], outcomes: dict[str, Outcome]) -> Mistake | None:
    """Return the mistake that gives the same as the learner's answer in every case."""
    for mistake in exercise.mistakes:
        if all(_same(outcomes[name], _try(exercise, mistake.wrong, inputs)) for name, inputs in cases.items()):
            return mistake
    return None


def _try(exercise: Exercise, obj: Any, inputs: tuple) -> Outcome:
    try:
        with np.errstate(all="ignore"):
            return Outcome(exercise.scenario(obj, *copy.deepcopy(inputs)))
    except Exception as error:
        return Outcome(raised=Raised(type(error).__name__, ""))


def _same(a: Outcome, b: Outcome) -> bool:
    if a.raised is not None or b.raised is not None:
        return a.raised is not None and b.raised is not None and a.raised.type_name == b.raised.type_name
    try:
        expected, got = plain(b.outputs), plain(a.outputs)
    except Unusable:
        return False
    if expected is None or got is None:
        return expected is got
    return difference(expected, got, rtol=1e-6, atol=1e-9) is None


# --------------------------------------------------------------------------- what is said


def _wrong(status: str, text: str, mistake: str | None = None) -> Verdict:
    lines = [line[:160] for line in text.splitlines()]
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], "..."]
    return Verdict(status, "\n".join(lines), 0.0, mistake)


def _not_attempted_text(exercise: Exercise, outcome: Outcome) -> str:
    frames = outcome.raised.frames if outcome.raised else ()
    where = f" The blank is at line {frames[-1][1]} of its cell." if frames else ""
    return (
        f"{exercise.identifier}: not attempted.{where}\n"
        f"Write it in place of raise NotImplementedError(), run that cell, then this one. "
        f'Stuck? hint("{exercise.identifier}")'
    )


def _timed_out_text(exercise: Exercise, name: str, outcome: Outcome) -> str:
    return (
        f"Stopped: in the case “{name}” it {outcome.timed_out}.\n"
        "A loop that never ends is the usual reason: does its condition change, and does the counter move?"
    )


def _delegated_text(exercise: Exercise, outcome: Outcome) -> str:
    return (
        f"This calls {outcome.delegated}, which does the work that {exercise.name} is to do.\n"
        "Write it with NumPy alone: the point is to have built it."
    )


def _mutated_text(exercise: Exercise, name: str, outcome: Outcome) -> str:
    which = ", ".join(f"number {i + 1}" for i in outcome.mutated)
    return (
        f"The values are right, but in the case “{name}” your code changed its input {which}.\n"
        "Whoever called it still needs that array. +=, -=, out= and x[...] = write into the caller's array.\n"
        "Try: compute a new array, or work on x.copy()."
    )


def _raised_text(raised: Raised) -> str:
    lines = [f"Your code raised {raised.type_name}: {raised.text}".rstrip(": ")[:300]]
    lines += [f"  {cell}, line {number}: {source}" for cell, number, source in raised.frames[-3:]]
    return "\n".join(lines)


def _mistake_text(exercise: Exercise, mistake: Mistake, name: str, found: Difference) -> str:
    return "\n".join(
        [
            f"Not yet right: {mistake.name}.",
            mistake.why,
            f"In the case “{name}”: {found.text}",
            f"Try: {mistake.hint}",
        ]
    )


def _extra(
    exercise: Exercise, cases: dict[str, tuple], expected: dict[str, Any], outcomes: dict[str, Outcome]
) -> list[str]:
    """Return what else can be said of an answer that is wrong in a way nobody has listed."""
    lines = []
    try:
        got = {name: plain(outcome.outputs) for name, outcome in outcomes.items() if outcome.raised is None}
    except Unusable:
        got = {}
    if len(got) == len(cases):
        for name, inputs in cases.items():
            pairs = zip(leaves(expected[name]), leaves(got[name]), strict=False)
            factor = ratio(pairs)
            if factor is not None:
                lines.append(f"In the case “{name}”: {ratio_text(factor, _sizes(inputs))}")
                break
        right = [n for n in cases if _compare(exercise, expected[n], outcomes[n]) is None]
        if right:
            lines.append(f"Right in {len(right)} of {len(cases)} cases, such as “{right[0]}”.")
    printed = next((o.printed for o in outcomes.values() if o.printed), "")
    if printed:
        lines.append("It printed: " + " / ".join(printed.strip().splitlines()[:3])[:120])
    lines.append(f'Try: work one row by hand, or hint("{exercise.identifier}").')
    return lines


def _sizes(inputs: tuple) -> dict[int, str]:
    sizes: dict[int, str] = {}
    for i, value in enumerate(inputs):
        for axis, length in enumerate(np.shape(value) if isinstance(value, np.ndarray) else ()):
            sizes.setdefault(length, f"the length of axis {axis} of input {i + 1}")
    return sizes
