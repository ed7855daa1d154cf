"""Judging on the machines of a Dask cluster: each worker is a judge, what it grades travels to it as plain bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from autograder.build import BuildError
from autograder.grading.assignment import Assignment
from autograder.grading.grader import grade
from autograder.grading.limits import Limits
from autograder.grading.records import edition
from autograder.grading.results import Result
from autograder.grading.seats import Seeds, Task, failed, surely
from autograder.grading.submissions import MAX_BYTES, Submission

PATIENCE = 15  # seconds until a scheduler must have answered


def grade_all(
    tasks: Sequence[Task], key: bytes, limits: Limits, address: str
) -> Generator[tuple[int, Result], None, None]:
    """Grade submissions on a cluster.

    Parameters
    ----------
    tasks : sequence of (Submission, Assignment or None)
    key : bytes
        The secret; it goes to the workers, so the cluster has to be one's own.
    limits : Limits
    address : str
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Yields
    ------
    tuple of int and Result
        As they are done.

    Raises
    ------
    BuildError
        If `distributed` is not installed, or nobody answers at the address.
    """
    try:
        from distributed import Client, as_completed
    except ModuleNotFoundError as error:
        raise BuildError(f'--cluster needs {error.name}: pip install "minifit[cluster]"') from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, TimeoutError, ValueError) as error:
        raise BuildError(f"no Dask scheduler answers at {address} ({type(error).__name__})") from error
    with client:
        waiting: dict[Any, int] = {}
        for number, (one, assignment) in enumerate(tasks):
            data = None if one.problem or assignment is None else _bytes(one.path)
            if data is None or assignment is None:  # nothing to run: said here, as it would be there
                yield number, surely(grade, (one, assignment), Seeds(key), limits)
                continue
            task = (one, data, assignment.name, assignment.path.read_bytes())
            waiting[client.submit(elsewhere, task, key, limits, edition(), pure=False, retries=2)] = number
        for future in as_completed(list(waiting)):
            number = waiting.pop(future)
            try:
                yield number, future.result()
            except Exception as error:
                yield number, failed(tasks[number], f"on the cluster: {type(error).__name__}: {str(error)[:200]}")


def elsewhere(task: tuple[Submission, bytes, str, bytes], key: bytes, limits: Limits, wanted: str) -> Result:
    """Grade a submission that came as bytes; what a worker of the cluster runs.

    Raises
    ------
    RuntimeError
        If this machine has another edition of minifit than the one that asks.
    """
    if edition() != wanted:
        raise RuntimeError("this worker has another edition of minifit; install the same everywhere")
    one, data, name, released = task
    with tempfile.TemporaryDirectory(prefix="minifit-") as folder:
        handed_in = Path(folder, "in", one.path.name)
        handed_out = Path(folder, "out", f"{name}.ipynb")
        for path, content in ((handed_in, data), (handed_out, released)):
            path.parent.mkdir()
            path.write_bytes(content)
        there = replace(one, path=handed_in)
        return surely(grade, (there, Assignment(name, handed_out)), Seeds(key), limits)


def _bytes(path: Path) -> bytes | None:
    try:
        plain = path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_BYTES
        return path.read_bytes() if plain else None
    except OSError:
        return None
