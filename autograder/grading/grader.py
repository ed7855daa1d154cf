"""Grading one submission: the worker runs the learner's cells and functions, the judge compares."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from autograder import cells
from autograder.grading import wire
from autograder.grading.assignment import Assignment, Item
from autograder.grading.definitions import definitions
from autograder.grading.limits import Limits
from autograder.grading.reading import HandedIn, Step, Unreadable, read
from autograder.grading.results import BY_HAND, MISSING, NO_RESPONSE, UNGRADED, Result, Score
from autograder.grading.session import Died, Session
from autograder.grading.submissions import Submission
from autograder.judge import Outcome, Raised, Verdict, judge
from autograder.notebook import PUBLIC_SEED

# The reference is not made for several threads: one judgement at a time. Whoever waits for a worker lets others in.
_JUDGING = threading.Lock()

_SETUP = 60.0  # seconds that a setup cell may take


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
    exercises = [item.exercise for item in assignment.items if not item.by_hand]
    packages = sorted({name.partition(".")[0] for exercise in exercises for name in exercise.allowed})
    run = _Run(handed, limits.of_notebook(assignment.name), tuple(packages))
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

    def __init__(self, handed: HandedIn, limits: Limits, packages: tuple[str, ...]) -> None:
        self.notes: list[str] = []
        self._handed = handed
        self._limits = limits
        self._packages = packages
        self._texts = [step.text for step in handed.steps]
        self._spent = 0.0
        self._starts = 0
        self._session: Session | None = None
        self._found: set[str] = set()
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
            message = self._message(item, verdict, seeds(item.identifier))
        points = item.points * min(1.0, max(0.0, float(verdict.score)))
        return Score(
            item.cell,
            item.identifier,
            round(points, 6),
            item.points,
            verdict.status,
            wire.clean(message),
            verdict.mistake or "",
        )

    def _message(self, item: Item, verdict: Verdict, seed: int) -> str:
        """What a learner may read: told of the notebook's own cases, never of the secret ones.

        Also an exception's text or a print of theirs could carry secret inputs out, so these come from there, too.
        """
        if seed == PUBLIC_SEED or verdict.status in ("not attempted", "delegated"):
            return verdict.message
        if verdict.status == "right":
            return verdict.message.partition("\n")[0]  # what follows is what it printed
        public = judge(item.exercise, lambda inputs: self._call(item, inputs), PUBLIC_SEED, public=True)
        if public.status != "right":
            return public.message
        known = next((m for m in item.exercise.mistakes if m.name == verdict.mistake), None)
        more = f"\n{known.why}\nTry: {known.hint}" if known else ""
        return f"Right on the inputs of the notebook's own check, not on others like them.{more}"

    def _absent(self, item: Item) -> Score:
        """The object to check is not there: say which cell is to blame."""
        name = f"{item.cell}-answer"
        blamed = [text for cell, text in self._raised.items() if cell == name or cell.startswith(f"{name}-")]
        if blamed:
            return _nothing(item, "raised", blamed[0])
        if self._over:
            return _nothing(item, "timed out", self._over)
        if name in self._handed.missing:
            return _nothing(item, MISSING, f"There is no {item.expression}, and its cell is missing.")
        return _nothing(item, "not attempted", f"After your cells have run there is no {item.expression}.")

    @property
    def _over(self) -> str:
        """Why nothing of this notebook is run any more."""
        if self._spent >= self._limits.notebook:
            return f"The whole notebook had {self._limits.notebook:g} s; they were used up."
        if self._session is None and self._starts > self._limits.restarts:
            return f"The notebook brought its process down {self._starts} times; then nobody started it again."
        return ""

    def _ask(self, message: dict[str, Any], identifier: str, ours: bool = False) -> dict[str, Any]:
        if ours and self._session is not None:  # imports on a busy machine are not the learner's time
            return self._session.ask(message, _SETUP)
        seconds = min(self._limits.of_cell(identifier).step, self._limits.notebook - self._spent)
        if self._session is None or seconds <= 0:
            raise Died(f"it had no time left of the notebook's {self._limits.notebook:g} s", timed_out=True)
        start = time.monotonic()
        try:
            return self._session.ask({**message, "limits": self._limits.of_step(identifier)}, seconds)
        except Died:
            self.close()
            raise
        finally:
            self._spent += time.monotonic() - start

    def _ready(self) -> None:
        """Have a worker that has run every cell that can be run."""
        while self._session is None and not self._over:
            self._starts += 1
            self._session = Session(self._limits, self._packages)
            for number, step in enumerate(self._handed.steps):
                try:
                    self._do(step, self._texts[number])
                except Died as died:
                    self.close()
                    self._leave_out(number, step, str(died))
                    break

    def _leave_out(self, number: int, step: Step, why: str) -> None:
        """From now on run only what a cell defines; if that brings the worker down as well, nothing of it."""
        text = self._texts[number]
        self._texts[number] = "" if step.kind == "take" else definitions(text)
        if self._texts[number] == text:
            self._texts[number] = ""
        if step.cell not in self._raised:
            self._raised[step.cell] = f"This cell did not come back: {why}."
            kept = "all but its definitions" if self._texts[number] else "it"
            self.notes.append(f"cell {step.cell} did not come back, so {kept} was left out: {why}")

    def _do(self, step: Step, text: str) -> None:
        if not text.strip():
            return
        if step.kind == "take":
            message = {"do": "take", "exercise": step.cell, "expression": text}
            if self._ask(message, step.cell).get("found"):
                self._found.add(step.cell)
            return
        reply = self._ask({"do": "run", "cell": step.cell, "source": text}, cells.exercise_of(step.cell), step.ours)
        if "raised" in reply:
            raised = _raised(reply["raised"])
            self._raised.setdefault(step.cell, _told(raised))
            if raised.type_name == "MemoryError":  # what it filled may still be filled
                raise Died("it used up its memory")

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
            outcome = _outcome(self._ask(message, item.identifier), len(inputs))
        except Died as died:
            ended = Raised("ProcessEnded", str(died))
            outcome = Outcome(timed_out=str(died).removeprefix("it ")) if died.timed_out else Outcome(raised=ended)
            self._gone[item.identifier] = outcome
        finally:
            _JUDGING.acquire()
        if outcome.raised is not None and outcome.raised.type_name == "MemoryError":
            self._gone[item.identifier] = outcome
            self.close()
        return outcome


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
