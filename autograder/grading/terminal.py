"""`minifit check`: a learner's notebooks, run and judged in the terminal."""

from __future__ import annotations

import json
from pathlib import Path

from autograder import mine, store
from autograder.exercise import get
from autograder.grading.assignment import Assignment, assignments
from autograder.grading.feedback import title
from autograder.grading.grader import Limits, grade
from autograder.grading.results import NO_RESPONSE, Result
from autograder.grading.submissions import Submission, by_cells, by_name
from autograder.notebook import PUBLIC_SEED


class NothingToCheck(Exception):
    """There is no notebook where the learner says; the text says what to give."""


def notebooks(what: str | None, working_copy: Path) -> list[Submission]:
    """The notebooks that a learner means.

    Parameters
    ----------
    what : str, optional
        A file, a folder, or a number or name such as ``04``; by default the whole working copy.
    working_copy : Path

    Returns
    -------
    list of Submission

    Raises
    ------
    NothingToCheck
        If there is none.
    """
    known = assignments()
    path = working_copy if what is None else Path(what).expanduser()
    if path.is_file():
        return [_of(path, known)]
    if path.is_dir():
        found = [p for p in sorted(path.glob("*.ipynb")) if by_name(p.stem, known) == p.stem]
        if found:
            return [_of(p, known) for p in found]
        hint = "open the course first: minifit lab" if what is None else "give a folder that holds notebooks"
        raise NothingToCheck(f"no notebook of the course in {path}; {hint}")
    name = what.zfill(2) if what and what.isdigit() else what
    named = [k for k in known if name in (k, k[:2], k[3:])]
    if not named:
        raise NothingToCheck(f"no file, folder or notebook called {what!r}; there are {', '.join(known)}")
    path = working_copy / f"{named[0]}.ipynb"
    if not path.is_file():
        raise NothingToCheck(f"there is no {path}; open the course first: minifit lab")
    return [_of(path, known)]


def _of(path: Path, known: dict[str, Assignment]) -> Submission:
    return Submission("you", by_name(path.stem, known) or by_cells(path, known), path)


def check(found: list[Submission], seconds: float) -> int:
    """Print the verdicts on some notebooks.

    Returns
    -------
    int
        0 when every exercise of every notebook is right, else 1.
    """
    known = assignments()
    everything = True
    for one in found:
        result = grade(one, known.get(one.notebook or ""), lambda _: PUBLIC_SEED, Limits(seconds, 6 * seconds))
        print(_text(result))
        _remember(one, result)
        exercises = [s for s in result.scores if not s.by_hand]
        everything = everything and bool(result.scores) and all(s.status == "right" for s in exercises)
    return 0 if everything else 1


def _remember(one: Submission, result: Result) -> None:
    """Keep what passed in mine and among the learner's progress, as a check in the notebook does."""
    if store.working_copy() is None or store.working_copy() not in one.path.resolve().parents:
        return
    for score in result.scores:
        if score.by_hand or score.status in ("not attempted", NO_RESPONSE):
            continue
        store.change("attempts", score.identifier, lambda n: (n or 0) + 1)
        if score.status == "right":
            mine.keep_text(get(score.identifier), _code_cells(one.path))


def _code_cells(path: Path) -> list[str]:
    cells = json.loads(path.read_text(encoding="utf-8-sig")).get("cells", [])
    return ["".join(cell["source"]) for cell in cells if cell.get("cell_type") == "code"]


def _text(result: Result) -> str:
    lines = [title(result.notebook or result.file)]
    lines += [f"  {note}" for note in result.notes]
    width = max((len(s.identifier) for s in result.scores), default=0)
    for score in result.scores:
        if score.by_hand:
            written = "not written yet" if score.status == NO_RESPONSE else "written; a person grades it"
            lines.append(f"  {score.identifier:<{width}}  {written}")
            continue
        lines.append(f"  {score.identifier:<{width}}  {score.points or 0:g} of {score.most:g}  {score.status}")
        if score.status not in ("right", "not attempted"):
            lines += [f"    {line}" for line in score.message.splitlines()]
    return "\n".join(lines)
