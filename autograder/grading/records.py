"""What has been graded, kept as it is done: a file for each submission, so that a run may stop at any moment."""

from __future__ import annotations

import functools
import hashlib
import json
import secrets
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from autograder.grading.archives import safe
from autograder.grading.assignment import Assignment
from autograder.grading.limits import Limits
from autograder.grading.reading import HandedIn, Step
from autograder.grading.results import Result, Score
from autograder.grading.submissions import MAX_BYTES, Submission
from autograder.paths import write_atomic

FOLDER = ".results"


class Records:
    """The results of a folder of grades, by student and notebook.

    Parameters
    ----------
    out : Path
        The folder of grades.
    key : bytes
        The secret; other cases make other results.
    limits : Limits
    reuse : {"", "run", "all"}
        Which earlier results stand while nothing they depend on has changed: none, those of the last run, all.
    """

    def __init__(self, out: Path, key: bytes, limits: Limits, reuse: str = "") -> None:
        self._folder = out / FOLDER
        self._reuse = reuse
        self._common = hashlib.sha256(repr(limits).encode() + hashlib.sha256(key).digest() + edition().encode())
        last = _read(self._folder / "run.json").get("run", "")
        self._run = last if reuse == "run" and last else secrets.token_hex(8)
        write_atomic(self._folder / "run.json", json.dumps({"run": self._run}) + "\n")

    def digest(self, one: Submission, assignment: Assignment | None) -> str:
        """What a result depends on, in short."""
        total = self._common.copy()
        for part in (one.student, one.notebook or "", one.note, one.problem, one.stamp, one.lms):
            total.update(part.encode("utf-8", "replace") + b"\0")
        total.update(b"" if assignment is None else assignment.path.read_bytes())
        try:
            if one.path.is_file() and one.path.stat().st_size <= MAX_BYTES:
                total.update(one.path.read_bytes())
        except OSError:
            pass  # said when it is graded
        return total.hexdigest()

    def get(self, one: Submission, digest: str) -> tuple[Result, bool] | None:
        """An earlier result that still stands, and whether the gradebook has it."""
        if not self._reuse:
            return None
        kept = _read(self._path(one.student, one.notebook, one.path.name))
        if kept.get("digest") != digest or (self._reuse == "run" and kept.get("run") != self._run):
            return None
        try:
            return _result(kept["result"]), bool(kept.get("entered"))
        except (KeyError, TypeError):
            return None  # written by another edition

    def put(self, result: Result, digest: str) -> None:
        """Keep what the judge found, before any person changes it; nobody ever sees half of it."""
        plain = asdict(replace(result, handed=None))
        plain["handed"] = None if result.handed is None else _handed_as_json(result.handed)
        kept = {"digest": digest, "run": self._run, "entered": False, "result": plain}
        write_atomic(self._path(result.student, result.notebook, result.file), json.dumps(kept))

    def entered(self, result: Result) -> None:
        """Note that the gradebook has it."""
        path = self._path(result.student, result.notebook, result.file)
        write_atomic(path, json.dumps({**_read(path), "entered": True}))

    def _path(self, student: str, notebook: str | None, file: str) -> Path:
        return self._folder / safe(student) / f"{notebook or safe(file)}.json"


def everything(out: Path) -> list[Result]:
    """All results kept in a folder of grades, by student, then notebook."""
    found = []
    for path in sorted((out / FOLDER).glob("*/*.json")):
        try:
            found.append(_result(_read(path)["result"]))
        except (KeyError, TypeError):
            continue
    return sorted(found, key=lambda r: (r.student, r.notebook or "~", r.file))


def note_class(out: Path, **facts: Any) -> None:
    """Keep what is known of the class as a whole."""
    write_atomic(out / FOLDER / "class.json", json.dumps(facts) + "\n")


def noted_class(out: Path) -> dict[str, Any]:
    """What `note_class` kept; empty when nothing was graded there."""
    return _read(out / FOLDER / "class.json")


def forget(out: Path, kept: Iterable[Result]) -> None:
    """Drop the records of submissions that are no longer there."""
    names = {(safe(r.student), f"{r.notebook or safe(r.file)}.json") for r in kept}
    for path in (out / FOLDER).glob("*/*.json"):
        if (path.parent.name, path.name) not in names:
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _handed_as_json(handed: HandedIn) -> dict[str, Any]:
    return {
        "steps": [asdict(step) for step in handed.steps],
        "paragraphs": handed.paragraphs,
        "unchanged": sorted(handed.unchanged),
        "missing": sorted(handed.missing),
        "notes": handed.notes,
        "cells": handed.cells,
    }


def _result(kept: dict[str, Any]) -> Result:
    handed = kept.get("handed")
    if handed is not None:
        handed = HandedIn(
            [Step(**step) for step in handed["steps"]],
            handed["paragraphs"],
            set(handed["unchanged"]),
            set(handed["missing"]),
            handed["notes"],
            handed["cells"],
        )
    return Result(**{**kept, "scores": [Score(**score) for score in kept["scores"]], "handed": handed})


@functools.cache
def edition() -> str:
    """A digest of the package's own code: another edition may grade otherwise."""
    total = hashlib.sha256()
    package = Path(__file__).resolve().parents[1]
    for path in sorted(package.rglob("*.py")):
        total.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return total.hexdigest()
