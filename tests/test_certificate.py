"""The recorded runs are Keras', the certificate measures against them, and it says whose parts these are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minifit
from autograder import exercise as exercises
from autograder import mine, store
from autograder.certificate import PARITY, PARTS, Row, certificate, differences, first_apart, own_parts, verdict
from autograder.recorded import RUNS, KerasRun, keras_run
from minifit.datasets import digits


def data() -> tuple[Any, Any, Any, Any]:
    (x, y), (x_test, y_test) = digits.load_data()
    return x.reshape(-1, 64) / 16, y, x_test.reshape(-1, 64) / 16, y_test


@pytest.fixture
def working_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / ".minifit").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MINIFIT_HOME", raising=False)
    store.forget()
    mine._live.clear()
    return tmp_path


@pytest.fixture
def run() -> KerasRun:
    return keras_run("held_out")


@pytest.mark.parametrize("name", RUNS)
def test_every_epoch_of_a_recorded_run_takes_every_row_once_in_an_order_of_its_own(name: str) -> None:
    recorded = keras_run(name)
    assert len(recorded.orders) == recorded.settings["epochs"]
    rows = np.arange(recorded.orders.shape[1])
    assert all(np.array_equal(np.sort(order), rows) for order in recorded.orders)
    assert len({tuple(order) for order in recorded.orders}) == len(recorded.orders)
    assert len(rows) % recorded.settings["batch_size"] > 0
    assert "float64" in recorded.made_with


@pytest.mark.parametrize("name", RUNS)
def test_the_engine_takes_the_very_steps_of_a_recorded_run(name: str) -> None:
    recorded, (x, y, x_test, y_test) = keras_run(name), data()
    kept = recorded.orders.shape[1]
    held_out = (x[kept:], y[kept:]) if kept < len(x) else (x_test, y_test)
    every = recorded.settings.get("validation_freq", 1)
    before = minifit.config.floatx()
    minifit.config.set_floatx("float64")
    try:
        layers = [minifit.layers.Dense(24, activation="relu"), minifit.layers.Dense(10)]
        model = minifit.Sequential([minifit.Input((64,)), *layers])
        model.set_weights(recorded.weights)
        loss = minifit.losses.SparseCategoricalCrossentropy(from_logits=True)
        model.compile(minifit.optimizers.Adam(0.001), loss, metrics=["accuracy"])
        history: dict[str, list[float]] = {}
        for epoch, order in enumerate(recorded.orders):
            validation = held_out if (epoch + 1) % every == 0 else None
            fit = model.fit(x[order], y[order], shuffle=False, verbose=0, validation_data=validation)
            for key, values in fit.history.items():
                history.setdefault(key, []).extend(values)
        rows = differences(
            recorded,
            history,
            weights=model.get_weights(),
            evaluation=model.evaluate(x_test, y_test, return_dict=True, verbose=0),
            predictions=model.predict(x_test, verbose=0),
        )
    finally:
        minifit.config.set_floatx(before)
    assert {row.what.partition(",")[0] for row in rows} >= {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert max(row.gap for row in rows) <= PARITY


def test_an_unknown_run_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="held_out, split_off; got 'other'"):
        keras_run("other")


# --- differences


def test_a_difference_is_the_largest_there_is_and_each_name_has_its_own(run: KerasRun) -> None:
    history = {key: np.array(values) for key, values in run.history.items()}
    history["loss"][3] -= 0.25
    history["val_accuracy"][11] += 0.125
    rows = {row.what: row for row in differences(run, history)}
    assert rows["loss, 12 epochs"].gap == pytest.approx(0.25)
    assert rows["val_accuracy, 12 epochs"].gap == pytest.approx(0.125)
    assert rows["accuracy, 12 epochs"] == Row("accuracy, 12 epochs", 12, 0.0)


def test_weights_are_compared_to_the_last_array(run: KerasRun) -> None:
    weights = [w.copy() for w in run.final_weights]
    weights[-1][7] += 1e-3
    (row,) = [r for r in differences(run, run.history, weights=weights) if "weights" in r.what]
    assert row.numbers == 64 * 24 + 24 + 24 * 10 + 10
    assert row.gap == pytest.approx(1e-3)


def test_only_what_both_have_is_compared(run: KerasRun) -> None:
    rows = differences(run, {"loss": run.history["loss"], "precision": [0.5] * 12})
    assert [row.what for row in rows] == ["loss, 12 epochs"]


def test_nan_is_a_difference(run: KerasRun) -> None:
    rows = differences(run, {"loss": [*run.history["loss"][:-1], np.nan]})
    assert np.isnan(rows[0].gap)
    assert verdict(rows, {}).startswith("Not yet Keras' numbers")


def test_a_missing_metric_of_evaluate_is_a_difference(run: KerasRun) -> None:
    rows = differences(run, run.history, evaluation={"loss": run.evaluation["loss"]})
    assert np.isnan(rows[-1].gap)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"history": {"accuracy": [1.0]}}, "compares history"),
        ({"history": {"loss": [1.0] * 5}}, r"of shape \(12,\), as Keras' run has; got \(5,\)"),
        ({"steps": [0.0] * 12}, r"steps of shape \(540,\)"),
        ({"weights": []}, "expects 4 weight arrays; got 0"),
        ({"predictions": np.zeros((359, 1))}, r"predictions of shape \(359, 10\)"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_words(run: KerasRun, wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        differences(run, **{"history": run.history, **wrong})


def test_the_first_step_that_differs_is_named(run: KerasRun) -> None:
    steps = run.steps["loss"].copy()
    steps[45 + 44 :] += 1e-6
    assert first_apart(run, steps) == "The loss first differs after batch 45 of epoch 2, by 1.0e-06."
    assert "look at what else" in first_apart(run, run.steps["loss"])


# --- what it says


@pytest.mark.parametrize(
    ("gap", "own", "said"),
    [
        (0.0, (True, True), "Keras' numbers to the last bit, every part your own."),
        (2e-16, (True, False), "Keras' numbers to 2e-16, 1 of 2 parts your own."),
        (2e-16, (False, False), "Keras' numbers to 2e-16, of the reference's parts: none of them is yours yet."),
        (1e-9, (True, True), "Not yet Keras' numbers: the largest difference is 1.0e-09."),
    ],
)
def test_the_verdict_says_how_near_and_whose(gap: float, own: tuple[bool, bool], said: str) -> None:
    assert verdict([Row("loss", 12, 0.0), Row("weights", 3, gap)], dict(zip("ab", own, strict=True))) == said


def test_a_part_is_the_learners_own_once_it_has_passed(working_copy: Path) -> None:
    assert not any(own_parts("fit").values())
    source = "def resolve(identifier, registry):\n    return registry[identifier]()"
    store.change("passed", "fit.resolve", lambda _: {"source": source, "imports": [], "helpers": {}})
    found = own_parts("fit")
    assert [identifier for identifier, own in found.items() if own] == ["fit.resolve"]


@pytest.mark.parametrize("kind", PARTS)
def test_every_part_is_an_exercise(kind: str) -> None:
    known = {exercise.identifier for exercise in exercises.all_exercises()}
    assert set(PARTS[kind]) <= known
    assert list(own_parts(kind)) == list(PARTS[kind])


# --- the picture


@pytest.mark.parametrize("name", ["", "Ada $\\frac{1}{", "a\nb" + 200 * "x", "Łukasz Żółć", 7])
def test_a_certificate_is_saved_whatever_the_name(
    working_copy: Path, run: KerasRun, name: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    figure = certificate("fit", run, run.history, steps=run.steps["loss"], weights=run.final_weights, name=name)
    saved = working_copy / "parity_certificate_fit.png"
    assert saved.read_bytes().startswith(b"\x89PNG")
    assert capsys.readouterr().out == "Saved as parity_certificate_fit.png.\n"
    told = " ".join(text.get_text() for text in figure.texts)
    assert "Parity certificate" in told
    assert "0, to the last bit" in told


def test_it_shows_the_difference_where_there_is_one(
    working_copy: Path, run: KerasRun, capsys: pytest.CaptureFixture[str]
) -> None:
    steps, history = run.steps["loss"] + 0.001, {**run.history, "loss": [v + 0.001 for v in run.history["loss"]]}
    figure = certificate("validation", run, history, steps=steps)
    assert "Not yet Keras' numbers: the largest difference is 1.0e-03." in [t.get_text() for t in figure.texts]
    assert "first differs after batch 1 of epoch 1" in capsys.readouterr().out
    curves, gaps = figure.axes
    assert gaps.get_yscale() == "log"
    (drawn,) = [line for line in gaps.lines if len(line.get_ydata()) == 12]
    np.testing.assert_allclose(drawn.get_ydata(), 0.001)
    assert sum(len(line.get_ydata()) == 12 for line in curves.lines) == 4  # two of Keras', two of the learner's


def test_a_run_that_was_validated_now_and_then_is_drawn_too(working_copy: Path) -> None:
    split = keras_run("split_off")
    figure = certificate("validation", split, split.history, steps=split.steps["loss"])
    assert [line.get_xdata().tolist() for line in figure.axes[0].lines][-1] == [2, 4]


def test_a_place_that_cannot_be_written_is_said_and_the_picture_comes_all_the_same(
    working_copy: Path, run: KerasRun, capsys: pytest.CaptureFixture[str]
) -> None:
    (working_copy / "file").write_text("", encoding="utf-8")
    figure = certificate("fit", run, run.history, path=working_copy / "file" / "below.png")
    assert "could not be saved" in capsys.readouterr().out
    assert figure.axes


def test_an_unknown_kind_is_refused(run: KerasRun) -> None:
    with pytest.raises(ValueError, match="fit, validation; got 'capstone'"):
        certificate("capstone", run, run.history)
