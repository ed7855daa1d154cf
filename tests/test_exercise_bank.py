"""The known mistakes are the autograder's own tests: every one fails under its own name, every right answer passes."""

from __future__ import annotations

import copy
import itertools
import re
import time

import numpy as np
import pytest

from autograder.compare import Unusable, difference, leaves, plain
from autograder.exercise import Exercise, all_exercises
from autograder.judge import Verdict, judge
from autograder.running import InProcess, same

EXERCISES = all_exercises()
SEEDS = (1, 22, 333)

# SYLLABUS: identifiers are a contract with submissions, grade cells and records.
PROMISED = {
    *("orientation.mean_squared", "loop.linear", "loop.mse", "loop.mse_gradients", "loop.sgd_step", "loop.train"),
    *("data.standardize", "data.impute", "data.one_hot", "data.encode_categories", "data.split_tail"),
    *("batches.n_steps", "batches.batch_indices", "batches.take", "batches.epochs"),
    *("losses.mean_squared_error", "losses.log_softmax", "losses.sparse_categorical_crossentropy"),
    *("losses.binary_crossentropy", "losses.categorical_crossentropy", "losses.Loss"),
    *("gradients.numeric_gradient", "gradients.relative_error", "gradients.softmax_crossentropy_gradient"),
    *("gradients.binary_crossentropy_gradient", "gradients.rows_sum_to_zero"),
    *("layers.glorot_uniform", "layers.Dense", "layers.ReLU", "layers.Dropout", "layers.Sequential"),
    *("optimizers.momentum_step", "optimizers.nesterov_step", "optimizers.rmsprop_step", "optimizers.adam_step"),
    *("optimizers.Adam", "optimizers.decoupled_weight_decay"),
    *("metrics.Mean", "metrics.SparseCategoricalAccuracy", "metrics.BinaryAccuracy", "metrics.Precision"),
    *("metrics.format_logs", "fit.resolve", "fit.compile", "fit.train_step", "fit.fit"),
    *("validation.test_step", "validation.evaluate", "validation.predict", "validation.fit"),
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
def test_a_check_of_a_wrong_answer_nobody_listed_is_quick(exercise: Exercise) -> None:
    """The slowest there is: every known mistake is run beside it."""
    start = time.perf_counter()
    assert verdict(exercise, lambda *inputs: "nothing", 4).score == 0.0
    assert time.perf_counter() - start < 2.0


@each_exercise
def test_no_two_mistakes_give_the_same(exercise: Exercise) -> None:
    for seed in SEEDS:
        trials = [
            inputs for case in (seed, seed + 1) for inputs in exercise.cases(np.random.default_rng(case)).values()
        ]
        outcomes = {m.name: [outcome(exercise, m.wrong, inputs) for inputs in trials] for m in exercise.mistakes}
        for (one, a), (two, b) in itertools.combinations(outcomes.items(), 2):
            assert a != b, f"{one} and {two} cannot be told apart"


def outcome(exercise: Exercise, obj: object, inputs: tuple) -> str:
    """What came of one call, to seven digits."""
    found = InProcess(exercise, obj, guarded=False)(copy.deepcopy(inputs))
    if found.raised is not None:
        return found.raised.type_name
    parts = []
    for where, value in leaves(found.outputs) if not isinstance(found.outputs, Unusable) else ():
        text = (
            [f"{v:.7g}" for v in value.ravel()] if isinstance(value, np.ndarray) and value.dtype.kind == "f" else value
        )
        parts.append((where, getattr(value, "shape", None), str(text)))
    return f"{parts} {found.mutated} {found.outputs if isinstance(found.outputs, Unusable) else ''}"


class Nothing:
    """Has every method, and all give nothing."""

    def __init__(self, *a: object, **k: object) -> None:
        pass

    def __call__(self, *a: object, **k: object) -> None:
        return None

    def __getattr__(self, name: str) -> object:
        return lambda *a, **k: None


class Zero(Nothing):
    def __call__(self, *a: object, **k: object) -> float:  # type: ignore[override]
        return 0.0


CARELESS = {
    "None": lambda *inputs: None,
    "its first input": lambda *inputs: inputs[0],
    "its last input": lambda *inputs: inputs[-1],
    "zero": lambda *inputs: 0.0,
    "zeros like its first input": lambda *inputs: np.zeros_like(inputs[0], dtype=float),
    "ones, one for each row": lambda *inputs: np.ones(len(inputs[0])),
    "NaN": lambda *inputs: np.nan,
    "two Nones": lambda *inputs: (None, None),
    "empty lists": lambda *inputs: ([], []),
    "an empty dict": lambda *inputs: {},
    "a class of nothing": Nothing,
    "a class of zeros": Zero,
}


@pytest.mark.parametrize("answer", CARELESS.values(), ids=CARELESS)
@each_exercise
def test_what_gives_nothing_of_worth_is_rejected(exercise: Exercise, answer: object) -> None:
    found = verdict(exercise, answer, 5)
    assert found.score == 0.0
    lines = found.message.splitlines()
    assert 2 <= len(lines) <= 12
    assert lines[-1].startswith(("Try: ", "Write it"))


def lists(value: object) -> object:
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else rebuilt(value, lists)


def float32(value: object) -> object:
    narrow = isinstance(value, np.ndarray | np.generic) and value.dtype == np.float64
    return value.astype("float32") if narrow else rebuilt(value, float32)  # type: ignore[union-attr]


def scalars(value: object) -> object:
    return np.float64(value) if isinstance(value, float) else rebuilt(value, scalars)


def swapped(value: object) -> object:
    """Lists for tuples, tuples for lists."""
    if isinstance(value, list | tuple):
        return (tuple if isinstance(value, list) else list)(swapped(item) for item in value)
    return value


def rebuilt(value: object, change: object) -> object:
    return type(value)(change(item) for item in value) if isinstance(value, list | tuple) else value  # type: ignore


@pytest.mark.parametrize("style", [lists, float32, scalars, swapped])
@pytest.mark.parametrize(
    "exercise", [e for e in EXERCISES if not isinstance(e.reference, type)], ids=lambda e: e.identifier
)
def test_a_right_answer_passes_in_another_type(exercise: Exercise, style: object) -> None:
    def answer(*inputs: object) -> object:
        return style(exercise.reference(*inputs))  # type: ignore[operator]

    found = verdict(exercise, answer, 6)
    assert found.status == "right", found.message


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
