"""What an exercise is: declared once, and everything else follows from the declaration."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .scenario import call

Cases = Callable[[np.random.Generator], dict[str, tuple]]

#: The topics in course order; each is a module of `autograder.exercises`.
TOPICS = ("orientation", "loop", "losses")


@dataclass(frozen=True)
class Mistake:
    """A wrong answer that learners give.

    Attributes
    ----------
    name : str
        Short, such as ``"averaged over classes too"``.
    wrong : callable or type
        A complete wrong answer with the exercise's signature.
    why, hint : str
        One sentence each: why it is wrong; what to look at.
    """

    name: str
    wrong: Any
    why: str
    hint: str


@dataclass(frozen=True)
class Exercise:
    """Something to write, and how an answer is judged.

    Attributes
    ----------
    identifier : str
        Such as ``"losses.log_softmax"``.
    signature : str
        As the statement shows it.
    points, minutes, difficulty, lines
        Difficulty is 1, 2 or 3; lines is about how many a solution has.
    reference : callable or type
        The right answer.
    cases : callable
        From a random generator to the inputs of each named case.
    scenario : callable
        ``scenario(obj, *inputs) -> outputs``; by default it calls `obj`.
    mistakes, hints, alternatives : tuple
        Known wrong answers; at least three hints from a nudge to almost the code; other right answers.
    rtol, atol : float
        How far a float64 answer may be off.
    float32_ok : bool
        Whether an answer in float32 is compared at 1e-5.
    """

    identifier: str
    signature: str
    points: float
    minutes: int
    difficulty: int
    lines: int
    reference: Any
    cases: Cases
    scenario: Callable[..., Any] = call
    mistakes: tuple[Mistake, ...] = ()
    hints: tuple[str, ...] = ()
    alternatives: tuple[Any, ...] = ()
    rtol: float = 1e-9
    atol: float = 1e-12
    float32_ok: bool = True

    @property
    def topic(self) -> str:
        return self.identifier.partition(".")[0]

    @property
    def name(self) -> str:
        """The name of the object in the notebook."""
        return self.identifier.partition(".")[2]


@dataclass(frozen=True)
class Question:
    """Something to predict before it is measured.

    Attributes
    ----------
    identifier : str
    text : str
    choices : dict of str to str, optional
        Letters to texts; None where a number is asked for.
    answer : str or float, optional
        None where `reveal` is given the measured value.
    because : str
        One sentence.
    tolerance : float
        How far a number may be off, relative to the answer.
    """

    identifier: str
    text: str
    choices: dict[str, str] | None
    answer: str | float | None
    because: str
    tolerance: float = 0.25


_exercises: dict[str, Exercise] = {}
_questions: dict[str, Question] = {}


def register(*items: Exercise | Question) -> None:
    """Make exercises and questions known by their identifiers."""
    for item in items:
        known: dict[str, Any] = _exercises if isinstance(item, Exercise) else _questions
        if item.identifier in known:
            raise ValueError(f"{item.identifier!r} is declared twice.")
        known[item.identifier] = item


def _load(topic: str) -> None:
    if topic in TOPICS:
        importlib.import_module(f"autograder.exercises.{topic}")


def _find(kind: str, known: dict[str, Any], identifier: str) -> Any:
    _load(str(identifier).partition(".")[0])
    if identifier in known:
        return known[identifier]
    for topic in TOPICS:
        _load(topic)
    if identifier in known:
        return known[identifier]
    near = difflib.get_close_matches(str(identifier), known, n=1, cutoff=0.4)
    raise ValueError(f"There is no {kind} {identifier!r}." + (f' Did you mean "{near[0]}"?' if near else ""))


def get(identifier: str) -> Exercise:
    """Return an exercise; an unknown identifier raises ValueError and offers the nearest."""
    return _find("exercise", _exercises, identifier)


def get_question(identifier: str) -> Question:
    """Return a question; an unknown identifier raises ValueError and offers the nearest."""
    return _find("question", _questions, identifier)


def all_exercises() -> list[Exercise]:
    """Return every exercise, in course order."""
    for topic in TOPICS:
        _load(topic)
    order = {topic: i for i, topic in enumerate(TOPICS)}
    return sorted(_exercises.values(), key=lambda exercise: order.get(exercise.topic, len(order)))
