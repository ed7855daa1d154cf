"""The known mistakes are the autograder's own tests: every one fails under its own name, every right answer passes."""

from __future__ import annotations

import copy
import itertools
import re
import time

import numpy as np
import pytest

from autograder.compare import Unusable, difference, plain
from autograder.exercise import Exercise, all_exercises
from autograder.judge import Verdict, judge
from autograder.running import InProcess, same

EXERCISES = all_exercises()
SEEDS = (1, 22, 333)

# SYLLABUS: identifiers are a contract with submissions, grade cells and records.
PROMISED = {
    *("orientation.mean_squared", "loop.linear", "loop.mse", "loop.mse_gradients", "loop.sgd_step", "loop.train"),
    *("losses.mean_squared_error", "losses.log_softmax", "losses.sparse_categorical_crossentropy"),
    *("losses.binary_crossentropy", "losses.categorical_crossentropy", "losses.Loss"),
}


def verdict(exercise: Exercise, obj: object, seed: int) -> Verdict:
    return judge(exercise, InProcess(exercise, obj, guarded=False), seed)


each_exercise = pytest.mark.parametrize("exercise", EXERCISES, ids=lambda e: e.identifier)
each_seed = pytest.mark.parametrize("seed", SEEDS)
MISTAKES = [pytest.param(e, m, id=f"{e.identifier}: {m.name}") for e in EXERCISES for m in e.mistakes]
ALTERNATIVES = [
    pytest.param(e, a, id=f"{e.identifier}: {a.__name__.strip('_')}") for e in EXERCISES for a in e.alternatives
]


def test_the_bank_holds_the_promised_exercises() -> None:
    assert {e.identifier for e in EXERCISES} >= PROMISED


@each_exercise
@each_seed
def test_the_reference_passes(exercise: Exercise, seed: int) -> None:
    found = verdict(exercise, exercise.reference, seed)
    assert found.status == "right", found.message


@pytest.mark.parametrize(("exercise", "alternative"), ALTERNATIVES)
def test_other_right_answers_pass(exercise: Exercise, alternative: object) -> None:
    for seed in SEEDS:
        found = verdict(exercise, alternative, seed)
        assert found.status == "right", found.message


@pytest.mark.parametrize(("exercise", "mistake"), MISTAKES)
def test_a_mistake_fails_under_its_own_name(exercise: Exercise, mistake: object) -> None:
    for seed in SEEDS:
        found = verdict(exercise, mistake.wrong, seed)  # type: ignore[attr-defined]
        assert found.score == 0.0
        assert found.mistake == mistake.name, found.message  # type: ignore[attr-defined]
        assert len(found.message.splitlines()) <= 12


@each_exercise
def test_cases_vary_with_the_seed_and_nothing_else(exercise: Exercise) -> None:
    once, again, other = (exercise.cases(np.random.default_rng(seed)) for seed in (5, 5, 6))
    assert list(once) == list(again) == list(other)
    assert all(same(once[name], again[name]) for name in once)
    assert any(not same(once[name], other[name]) for name in once)


@each_exercise
def test_the_reference_changes_no_input(exercise: Exercise) -> None:
    for inputs in exercise.cases(np.random.default_rng(9)).values():
        given = copy.deepcopy(inputs)
        exercise.scenario(exercise.reference, *given)
        assert same(given, inputs)


@each_exercise
def test_a_check_is_quick(exercise: Exercise) -> None:
    start = time.perf_counter()
    verdict(exercise, exercise.reference, 4)
    assert time.perf_counter() - start < 2.0


@each_exercise
def test_the_declaration_is_complete(exercise: Exercise) -> None:
    assert re.fullmatch(r"[a-z_]+\.[A-Za-z_]+", exercise.identifier)
    assert exercise.name in exercise.signature
    assert exercise.points >= 0
    assert 1 <= exercise.minutes <= 30
    assert exercise.difficulty in (1, 2, 3)
    assert 1 <= exercise.lines <= 20
    assert len(exercise.hints) >= 3
    assert len(exercise.alternatives) >= 3
    assert len(exercise.mistakes) >= 5
    assert len({m.name for m in exercise.mistakes}) == len(exercise.mistakes)
    assert all(m.why and m.hint for m in exercise.mistakes)


@each_exercise
def test_an_answer_of_zeros_of_the_right_shape_is_rejected(exercise: Exercise) -> None:
    """No case set is satisfied by constants: whatever is expected somewhere is not always the same."""
    expected = []
    for seed in SEEDS:
        cases = exercise.cases(np.random.default_rng(seed))
        expected += [plain(exercise.scenario(exercise.reference, *inputs)) for inputs in cases.values()]
    distinct = 0
    for a, b in itertools.pairwise(expected):
        try:
            distinct += difference(a, b, 1e-9, 1e-12) is not None
        except Unusable:
            distinct += 1
    assert distinct >= len(SEEDS)
