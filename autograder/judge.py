"""Judging an answer: run it on the cases, compare with the reference, name the mistake.

`judge` does not know where the answer runs. It is given a function that turns inputs into an
`Outcome`: in a notebook that is `InProcess`, in grading a worker in another process.
"""

from __future__ import annotations

import contextlib
import copy
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from . import wording
from .compare import Difference, Unusable, difference, plain
from .exercise import Exercise, Mistake
from .outcome import Outcome, Raised, Trial, Verdict, same
from .wording import Clue

Run = Callable[[tuple], Outcome]


def judge(
    exercise: Exercise,
    run: Run,
    seed: int,
    look: Callable[[], Sequence[Clue]] = tuple,
    public: bool = False,
) -> Verdict:
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
    look : callable, optional
        What the answer's own text gives away, most telling first; asked only about a wrong answer.
    public : bool
        Whether the learner can have these very inputs, with `case`.
    """
    trials = _trials(exercise, seed)
    outcomes: list[Outcome] = []
    for trial in trials:
        outcome = run(copy.deepcopy(trial.inputs))
        if outcome.delegated:
            return wording.wrong("delegated", wording.delegated(exercise, outcome))
        if outcome.timed_out:
            return wording.wrong("timed out", wording.timed_out(trial, outcome), printed=outcome.printed)
        if outcome.not_attempted and not outcomes:
            return wording.wrong("not attempted", wording.not_attempted(exercise, outcome))
        outcomes.append(_fixed(outcome))
    found = [_compare(exercise, trial, outcome) for trial, outcome in zip(trials, outcomes, strict=True)]
    first = next((i for i, difference in enumerate(found) if difference is not None), None)
    changed = next((i for i, (t, o) in enumerate(zip(trials, outcomes, strict=True)) if t.changed(o)), None)
    if first is None and changed is None:
        return wording.right(exercise, outcomes[0].printed)

    mistake = _known_mistake(exercise, trials, outcomes, values_are_right=first is None)
    if first is None:
        assert changed is not None
        text = wording.mutated(exercise, trials[changed], outcomes[changed], mistake)
        return wording.wrong("mutated input", text, mistake, outcomes[changed].printed)
    shown = wording.most_telling(exercise, trials, found, first)
    difference_found = found[shown]
    assert difference_found is not None
    if mistake is not None:
        text = wording.known(exercise, mistake, trials[shown], difference_found)
    elif not _same(outcomes[0], outcomes[-1], exercise.float32_ok):
        text = wording.remembers(trials, found)
    elif (mistake := _first_of_all(exercise, trials, outcomes, found, first)) is not None:
        text = wording.known(exercise, mistake, trials[shown], difference_found, more=True)
    else:
        text = wording.unknown(exercise, trials, outcomes, found, shown, look, public)
    return wording.wrong(difference_found.kind, text, mistake, outcomes[first].printed)


def reference_outputs(exercise: Exercise, inputs: tuple) -> Any:
    """Return what the reference gives, made plain."""
    with np.errstate(all="ignore"):
        return plain(exercise.scenario(exercise.reference, *copy.deepcopy(inputs)))


@functools.lru_cache(maxsize=256)
def _trials(exercise: Exercise, seed: int) -> list[Trial]:
    """What an answer is called with: the same for a whole class, so worked out once. Only copies go out."""
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


def _compare(exercise: Exercise, trial: Trial, outcome: Outcome) -> Difference | None:
    if outcome.raised is not None:
        return Difference("raised", wording.raised(outcome.raised))
    got = outcome.outputs
    if isinstance(got, Unusable):
        return Difference("wrong type", wording.unusable(str(got)))
    if got is None and trial.expected is not None:
        told = "It prints: printing is not returning." if outcome.printed else "Did you forget a return statement?"
        return Difference("wrong type", f"Your answer returned None. {told}")
    names = exercise.output_names()
    return difference(trial.expected, got, exercise.rtol, exercise.atol, exercise.float32_ok, names=names)


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
                changed += trial.changed(theirs) == trial.changed(outcome) != ()
            if matched == len(trials) and (changed or not values_are_right):
                return mistake
    return None


def _first_of_all(
    exercise: Exercise,
    trials: list[Trial],
    outcomes: list[Outcome],
    found: Sequence[Difference | None],
    first: int,
) -> Mistake | None:
    """Return a mistake that the answer makes among others.

    It gives the same as the answer where the answer is first wrong, and is itself right wherever the
    answer is right. Of several, the one that explains most.
    """
    if outcomes[first].raised is not None:
        return None
    best, most = None, 0
    for mistake in exercise.mistakes:
        with _as_new(mistake.wrong):
            explained = 0
            for i, trial in enumerate(trials):
                theirs = _try(exercise, mistake.wrong, trial.inputs)
                if found[i] is None:
                    if _compare(exercise, trial, theirs) is not None:
                        break
                elif _same(outcomes[i], theirs, exercise.float32_ok) and _compare(exercise, trial, theirs) is not None:
                    explained += 1
                elif i == first:
                    break
            else:
                if explained > most:
                    best, most = mistake, explained
    return best


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
