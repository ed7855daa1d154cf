"""What an exercise is: declared once, and everything else follows from the declaration."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .scenarios import call

Cases = Callable[[np.random.Generator], dict[str, tuple]]

#: The topics in course order; each is, or will be, a module of `autograder.exercises` and of `mine`.
TOPICS = (
    *("orientation", "loop", "data", "batches", "losses", "gradients", "layers", "optimizers", "metrics", "fit"),
    *("validation", "weights", "callbacks", "stopping", "schedules", "resume", "curves", "tape", "scale"),
    "capstone",
)


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
    allowed : tuple of str
        Dotted names of what an answer may call beside NumPy and Python's own library: a function, or a package
        with all that is in it, such as ``"scipy.special.xlogy"``.
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
    allowed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z]\w*\.[A-Za-z]\w*", self.identifier):
            raise ValueError(f'Exercise(identifier) expects "topic.name"; got {self.identifier!r}.')
        if not self.points >= 0:
            raise ValueError(f"Exercise({self.identifier!r}, points) expects 0 or more; got {self.points!r}.")
        for name in ("mistakes", "hints", "alternatives", "allowed"):
            if not isinstance(getattr(self, name), tuple):
                raise TypeError(f"Exercise({self.identifier!r}, {name}) expects a tuple.")
        for name in ("reference", "cases", "scenario"):
            if not callable(getattr(self, name)):
                raise TypeError(f"Exercise({self.identifier!r}, {name}) expects a callable.")

    @property
    def topic(self) -> str:
        return self.identifier.partition(".")[0]

    @property
    def name(self) -> str:
        """The name of the object in the notebook."""
        return self.identifier.partition(".")[2]

    def input_names(self, count: int) -> list[str]:
        """How a case's inputs are called: the scenario's parameters, else the signature's, else numbers."""
        named = [
            parameter.name
            for parameter in inspect.signature(self.scenario).parameters.values()
            if parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        ][1:]
        if not named:
            inside = re.search(r"\((.*?)\)", self.signature)
            parts = inside[1].split(",") if inside else []
            named = [part.split("=")[0].strip(" *") for part in parts]
        return [*named, *(f"number {i + 1}" for i in range(len(named), count))][:count]

    def output_names(self) -> list[str]:
        """How the parts of what comes back are called, where the signature says so: "-> (dw, db)"."""
        after = self.signature.partition("->")[2].strip()
        parts = [part.strip() for part in after.strip("()").split(",")]
        named = after.startswith("(") and len(parts) > 1 and all(part.isidentifier() for part in parts)
        return parts if named and parts[0][0].islower() else []


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
    low, high : float, optional
        What a number that is meant can be; others are not committed. With 100 as `high`, a share such as 0.6 is asked
        about too.
    """

    identifier: str
    text: str
    choices: dict[str, str] | None
    answer: str | float | None
    because: str
    tolerance: float = 0.25
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        if self.choices and self.answer is not None and self.answer not in self.choices:
            letters = ", ".join(self.choices)
            raise ValueError(f"Question({self.identifier!r}, answer) expects one of {letters}; got {self.answer!r}.")
        if not self.choices and isinstance(self.answer, str):
            raise ValueError(f"Question({self.identifier!r}, answer) expects a number; got {self.answer!r}.")


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
    name = f"autograder.exercises.{topic}"
    if topic in TOPICS and importlib.util.find_spec(name) is not None:
        importlib.import_module(name)


def _find(kind: str, known: dict[str, Any], identifier: str) -> Any:
    _load(str(identifier).partition(".")[0])
    if identifier in known:
        return known[identifier]
    for topic in TOPICS:
        _load(topic)
    if identifier in known:
        return known[identifier]
    near = difflib.get_close_matches(str(identifier), known, n=1, cutoff=0.4)
    near = near or [other for other in known if other.partition(".")[2] == str(identifier)]
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
