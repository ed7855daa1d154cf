"""Grading one submission: the worker runs the learner's cells and functions, the judge compares."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from autograder.grading import wire
from autograder.grading.assignment import Assignment, Item
from autograder.grading.reading import HandedIn, Step, Unreadable, read
from autograder.grading.results import BY_HAND, MISSING, NO_RESPONSE, UNGRADED, Result, Score
from autograder.grading.session import Died, Session
from autograder.grading.submissions import Submission
from autograder.judge import Outcome, Raised, judge

# The reference is not made for several threads: one judgement at a time. Whoever waits for a worker lets others in.
_JUDGING = threading.Lock()

_SETUP = 60.0  # seconds that a setup cell may take


@dataclass(frozen=True)
class Limits:
    """How long a learner's code may run, in seconds of wall-clock time.

    Attributes
    ----------
    step : float
        One cell, or one function on one case.
    notebook : float
        Everything of one submission.
    """

    step: float = 10.0
    notebook: float = 60.0


def grade(submission: Submission, assignment: Assignment | None, seeds: Callable[[str], int], limits: Limits) -> Result:
    """Grade one submission. Whatever it holds, a result comes back.

    Parameters
    ----------
    submission : Submission
    assignment : Assignment or None
        The released notebook; None when it is not known which one was handed in.
    seeds : callable
        Exercise's identifier → seed of its cases.
    limits : Limits

    Returns
    -------
    Result
    """
    result = Result(submission.student, submission.notebook, submission.path.name)
    if submission.note:
        result.notes.append(submission.note)
    if assignment is None:
        result.notes.insert(0, "not graded: neither the file's name nor its cells tell which notebook it is")
        return result
    try:
        handed = read(submission.path, assignment)
    except Unreadable as error:
        result.notes.insert(0, f"not graded: {error}")
        result.scores = [_nothing(item, UNGRADED, str(error)) for item in assignment.items]
        return result
    result.handed = handed
    result.notes += handed.notes
    run = _Run(handed, limits)
    try:
        for item in assignment.items:
            result.scores.append(_paragraph(item, handed) if item.by_hand else run.score(item, seeds))
    finally:
        run.close()
    result.notes += run.notes
    return result


def _nothing(item: Item, status: str, message: str) -> Score:
    return Score(item.cell, item.identifier, 0.0, item.points, status, message)


def _paragraph(item: Item, handed: HandedIn) -> Score:
    text = handed.paragraphs.get(item.cell, "")
    if item.cell in handed.unchanged or not text.strip():
        return _nothing(item, NO_RESPONSE, "")
    return Score(item.cell, item.identifier, None, item.points, BY_HAND)


class _Run:
    """One submission's worker, started again without the cell or the function that brought it down."""

    def __init__(self, handed: HandedIn, limits: Limits) -> None:
        self.notes: list[str] = []
        self._handed = handed
        self._limits = limits
        self._spent = 0.0
        self._session: Session | None = None
        self._found: set[str] = set()
        self._fatal: dict[int, str] = {}  # step → why it is left out from now on
        self._raised: dict[str, str] = {}  # cell → what it raised
        self._gone: dict[str, Outcome] = {}  # exercise → how it brought the worker down

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def score(self, item: Item, seeds: Callable[[str], int]) -> Score:
        """What one exercise earned."""
        self._ready()
        if item.identifier not in self._found:
            return self._absent(item)
        with _JUDGING:
            verdict = judge(item.exercise, lambda inputs: self._call(item, inputs), seeds(item.identifier))
        points = item.points * min(1.0, max(0.0, float(verdict.score)))
        return Score(
            item.cell,
            item.identifier,
            round(points, 6),
            item.points,
            verdict.status,
            wire.clean(verdict.message),
            verdict.mistake or "",
        )

    def _absent(self, item: Item) -> Score:
        """The object to check is not there: say which cell is to blame."""
        name = f"{item.cell}-answer"
        blamed = [text for cell, text in self._raised.items() if cell == name or cell.startswith(f"{name}-")]
        if blamed:
            return _nothing(item, "raised", blamed[0])
        if self._spent >= self._limits.notebook:
            return _nothing(
                item, "timed out", f"The whole notebook had {self._limits.notebook:g} s; they were used up."
            )
        if name in self._handed.missing:
            return _nothing(item, MISSING, f"There is no {item.expression}, and its cell is missing.")
        return _nothing(item, "not attempted", f"After your cells have run there is no {item.expression}.")

    def _ask(self, message: dict[str, Any], ours: bool = False) -> dict[str, Any]:
        if ours and self._session is not None:  # imports on a busy machine are not the learner's time
            return self._session.ask(message, _SETUP)
        seconds = min(self._limits.step, self._limits.notebook - self._spent)
        if self._session is None or seconds <= 0:
            raise Died(f"it had no time left of the notebook's {self._limits.notebook:g} s", timed_out=True)
        start = time.monotonic()
        try:
            return self._session.ask(message, seconds)
        except Died:
            self.close()
            raise
        finally:
            self._spent += time.monotonic() - start

    def _ready(self) -> None:
        """Have a worker that has run every cell that can be run."""
        while self._session is None and self._spent < self._limits.notebook:
            self._session = Session(int(self._limits.notebook) + 5)
            for number, step in enumerate(self._handed.steps):
                if number in self._fatal:
                    continue
                try:
                    self._do(step)
                except Died as died:
                    self.close()
                    self._fatal[number] = str(died)
                    self._raised.setdefault(step.cell, f"This cell did not come back: {died}.")
                    self.notes.append(f"cell {step.cell} was left out: {died}")
                    break

    def _do(self, step: Step) -> None:
        if step.kind == "take":
            message = {"do": "take", "exercise": step.cell, "expression": step.text}
            if self._ask(message).get("found"):
                self._found.add(step.cell)
            return
        reply = self._ask({"do": "run", "cell": step.cell, "source": step.text}, step.ours)
        if "raised" in reply:
            self._raised.setdefault(step.cell, _told(_raised(reply["raised"])))

    def _call(self, item: Item, inputs: tuple) -> Outcome:
        """Run the learner's object on one case, in the worker."""
        if item.identifier in self._gone:
            return self._gone[item.identifier]
        scenario = item.exercise.scenario
        message = {
            "do": "call",
            "exercise": item.identifier,
            "scenario": f"{scenario.__module__}:{scenario.__qualname__}",
            "inputs": wire.pack(inputs),
        }
        _JUDGING.release()
        try:
            return _outcome(self._ask(message), len(inputs))
        except Died as died:
            ended = Raised("ProcessEnded", str(died))
            gone = Outcome(timed_out=str(died).removeprefix("it ")) if died.timed_out else Outcome(raised=ended)
            self._gone[item.identifier] = gone
            return gone
        finally:
            _JUDGING.acquire()


def _outcome(reply: dict[str, Any], inputs: int) -> Outcome:
    """A worker's reply as the judge reads it; nothing in it is trusted to have the right form."""
    printed, delegated = wire.clean(reply.get("printed", "")), wire.clean(reply.get("delegated", ""), 80)
    listed = reply.get("mutated")
    mutated = tuple(i for i in range(inputs) if i in listed) if isinstance(listed, list) else ()
    if "raised" in reply:
        return Outcome(raised=_raised(reply["raised"]), mutated=mutated, printed=printed, delegated=delegated)
    try:
        outputs = wire.unpack(reply.get("outputs"))
    except wire.WireError as error:
        return Outcome(raised=Raised("WireError", str(error)))
    return Outcome(outputs, mutated=mutated, printed=printed, delegated=delegated)


def _raised(value: Any) -> Raised:
    value = value if isinstance(value, dict) else {}
    frames = value.get("frames")
    plain = []
    for frame in frames if isinstance(frames, list) else []:
        if isinstance(frame, list) and len(frame) == 3:
            number = frame[1] if isinstance(frame[1], int) else 0
            plain.append((wire.clean(frame[0], 80), number, wire.clean(frame[2], 200)))
    kind, text = wire.clean(value.get("type", "Exception"), 80), wire.clean(value.get("text", ""), 1000)
    return Raised(kind, (text.splitlines() or [""])[0], tuple(plain))


def _told(raised: Raised) -> str:
    lines = [f"  line {number}: {line}" for _, number, line in raised.frames[-1:]]
    return "\n".join([f"The cell raised {raised.type_name}: {raised.text}".rstrip(": "), *lines])
