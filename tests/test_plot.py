"""Curves: the same two colours, labels at the ends that never overlap, errors that say what was recorded."""

import subprocess
import sys
from itertools import pairwise
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from matplotlib.figure import Figure

from minifit import plot

LOGS = {"loss": [0.9, 0.5, 0.3], "accuracy": [0.5, 0.7, 0.8], "val_loss": [0.8, 0.6, 0.31]}


@pytest.fixture
def ax():
    return Figure(figsize=(6, 3)).add_subplot()


def labels(ax):
    return {text.get_text(): text for text in ax.texts}


def heights(ax):
    """Draw, and give each label's lower and upper edge in pixels."""
    ax.figure.canvas.draw()
    boxes = {name: text.get_window_extent() for name, text in labels(ax).items()}
    return {name: (box.y0, box.y1) for name, box in boxes.items()}


def test_train_and_validation_have_their_colours_and_are_labelled_at_their_ends(ax):
    plot.history(LOGS, ax=ax)
    train, validation = ax.lines
    assert train.get_color() == plot.TRAIN
    assert validation.get_color() == plot.VALIDATION
    assert labels(ax)["train"].get_color() == plot.TRAIN
    assert labels(ax)["validation"].xy == (3, 0.31)


def test_epochs_count_from_one_as_the_progress_bar_does(ax):
    plot.history(SimpleNamespace(history=LOGS, epoch=[5, 6, 7]), ax=ax)
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), [6, 7, 8])


def test_val_name_plots_the_same_pair(ax):
    plot.history(LOGS, "val_loss", ax=ax)
    assert len(ax.lines) == 2
    assert ax.get_ylabel() == "loss"


def test_metric_without_validation_is_one_line(ax):
    plot.history(LOGS, "accuracy", ax=ax)
    assert list(labels(ax)) == ["train"]


def test_validation_every_second_epoch_stands_at_those_epochs(ax):
    plot.history({"loss": [5, 4, 3, 2, 1], "val_loss": [4, 2]}, ax=ax)
    np.testing.assert_array_equal(ax.lines[1].get_xdata(), [2, 4])


def test_labels_of_lines_that_meet_are_pushed_apart_and_keep_their_order(ax):
    for i in range(5):
        ax.plot([0, 1], [0, i * 1e-6])
        plot.label_line(ax, [0, 1], [0, i * 1e-6], f"line {i}")
    ax.set_ylim(0, 1)
    edges = [heights(ax)[f"line {i}"] for i in range(5)]
    assert all(lower[1] <= upper[0] for lower, upper in pairwise(edges))


def test_labels_follow_limits_that_change_after_them(ax):
    plot.label_line(ax, [0, 1], [0, 1], "end")
    before = heights(ax)["end"][0]
    ax.set_ylim(0, 10)
    assert heights(ax)["end"][0] < before


def test_labels_far_apart_along_x_do_not_move_each_other(ax):
    ax.set_xlim(0, 1)
    plot.label_line(ax, 0.0, 0.5, "left")
    alone = heights(ax)["left"]
    plot.label_line(ax, 1.0, 0.5, "right")
    assert heights(ax)["left"] == alone


def test_label_stands_at_the_last_finite_point(ax):
    assert plot.label_line(ax, [0, 1, 2], [3, 4, np.nan], "lost").xy == (1, 4)


def test_run_that_diverged_says_so_at_its_line(ax):
    plot.history({"loss": [1.0, np.nan, np.nan], "val_loss": [np.nan] * 3}, ax=ax)
    assert "train (nan from epoch 2)" in labels(ax)
    assert "validation (nan from epoch 1)" in labels(ax)


def test_unknown_metric_offers_the_nearest_and_lists_what_there_is():
    with pytest.raises(ValueError, match=r'"loss", "accuracy", "val_loss"; got "acuracy".*mean "accuracy"'):
        plot.history(LOGS, "acuracy")


def test_metric_that_resembles_nothing_says_where_metrics_are_named():
    with pytest.raises(ValueError, match=r"compile\(metrics"):
        plot.history(LOGS, "zzz")


@pytest.mark.parametrize("empty", [{}, {"loss": []}])
def test_empty_history_says_to_fit_first(empty):
    with pytest.raises(ValueError, match="Call fit first"):
        plot.history(empty)


def test_model_instead_of_history_is_refused():
    with pytest.raises(TypeError, match=r"history = model\.fit"):
        plot.history(object())


def test_label_of_arrays_of_different_lengths_is_refused(ax):
    with pytest.raises(ValueError, match=r"\(2,\) and \(3,\)"):
        plot.label_line(ax, [0, 1], [0, 1, 2], "odd")


def test_label_of_nothing_finite_is_refused(ax):
    with pytest.raises(ValueError, match="'gone' has none"):
        plot.label_line(ax, [0], [np.nan], "gone")


def test_spread_moves_nothing_that_is_clear_already():
    assert plot.spread([0.0, 5.0, 2.0], 1.0) == [0.0, 5.0, 2.0]


def test_spread_keeps_the_gap_and_the_mean():
    placed = plot.spread([1.0, 1.0, 1.0, 40.0], 3.0)
    assert min(np.diff(sorted(placed))) >= 3.0
    assert np.mean(placed[:3]) == pytest.approx(1.0)


def test_style_is_set_without_a_window():
    before = matplotlib.rcParams.copy()
    try:
        plot.use_style()
        assert matplotlib.rcParams["figure.facecolor"] == "white"
        assert matplotlib.rcParams["axes.prop_cycle"].by_key()["color"][0] == plot.TRAIN
    finally:
        matplotlib.rcParams.update(before)


def test_importing_plot_does_not_import_matplotlib():
    code = "import sys, minifit.plot; assert 'matplotlib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


# ----------------------------------------------------------------------- timeline


def watched(n_steps):
    """A run as `watch` sees it: each step takes 2 ms of data and 8 ms of forward."""
    events = []
    for i in range(n_steps):
        events += [("data", i / 100, i / 100 + 0.002), ("forward", i / 100 + 0.002, i / 100 + 0.01)]
    calls = {"data": n_steps, "forward": n_steps, "validation": 0}
    seconds = {"data": 0.002 * n_steps, "forward": 0.008 * n_steps, "validation": 0.0}
    return SimpleNamespace(calls=calls, seconds=seconds, events=events)


def test_timeline_shows_the_steps_asked_for_in_milliseconds(ax):
    plot.timeline(watched(5), first=1, steps=2, ax=ax)
    assert ax.get_xlim() == (0, pytest.approx(20))
    blocks = [path.get_extents() for path in ax.collections[1].get_paths()]
    assert [(box.x0, box.x1) for box in blocks] == [pytest.approx((2, 10)), pytest.approx((12, 20))]
    assert {"data", "forward"} == {label.get_text() for label in ax.get_yticklabels()}
    assert {"5 times, 20%", "5 times, 80%"} <= set(labels(ax))


def test_timeline_up_to_the_last_step_ends_with_it(ax):
    plot.timeline(watched(2), first=0, steps=2, ax=ax)
    assert ax.get_xlim()[1] == pytest.approx(20)


@pytest.mark.parametrize(("first", "steps"), [(1, 2), (-1, 1), (0, 0)])
def test_timeline_of_steps_that_were_not_seen_is_refused(first, steps):
    with pytest.raises(ValueError, match=r"2 were seen\. Call fit inside"):
        plot.timeline(watched(2), first=first, steps=steps)


# ----------------------------------------------------------------------- plots that move


def curve(live, name):
    return live._curves[name].line


def test_live_panels_have_train_and_validation_in_their_colours():
    live = plot.Live("loss", "accuracy")
    for epoch in range(3):
        live.on_epoch_end(epoch, {"loss": 1.0 / (epoch + 1), "val_loss": 2.0, "accuracy": 0.5, "other": 9.0})
    assert [ax.get_ylabel() for ax in live.axes] == ["loss", "accuracy"]
    assert curve(live, "loss").get_color() == plot.TRAIN
    assert curve(live, "val_loss").get_color() == plot.VALIDATION
    np.testing.assert_array_equal(curve(live, "loss").get_xdata(), [1, 2, 3])
    assert labels(live.axes[0])["validation"].xy == (3, 2.0)


def test_live_curves_by_hand_count_their_points_or_stand_where_told():
    live = plot.Live(["careful", "bold"])
    live.add(careful=1.0)
    live.add(10, careful=0.5, bold=2.0)
    np.testing.assert_array_equal(curve(live, "careful").get_xdata(), [1, 10])
    assert labels(live.axes[0])["bold"].xy == (10, 2.0)


def test_live_label_stays_at_the_last_finite_point():
    live = plot.Live()
    for value in (1.0, 0.5, np.nan):
        live.add(loss=value)
    assert labels(live.axes[0])["train"].xy == (2, 0.5)


@pytest.mark.parametrize(("every", "points"), [("epoch", 3), ("batch", 12)])
def test_live_is_a_callback_of_fit_and_changes_no_number(every, points):
    import minifit as keras

    def history(callbacks):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        model.compile(optimizer="sgd", loss="mse")
        x = np.linspace(0, 1, 20).reshape(10, 2)
        return model.fit(x, x[:, :1], batch_size=3, epochs=3, verbose=0, callbacks=callbacks).history

    live = plot.Live("loss", every=every)
    assert history([live]) == history([])
    assert len(curve(live, "loss").get_xdata()) == points
    assert live.axes[0].get_xlim()[1] < points + 1.5


def test_live_answers_every_hook_and_nothing_else():
    live = plot.Live()
    live.on_test_batch_begin(0)
    live.on_predict_end(logs={})
    with pytest.raises(AttributeError, match="Live has no 'nothing'"):
        _ = live.nothing


def test_live_refuses_what_it_was_not_told_of():
    with pytest.raises(ValueError, match='one of "loss", "val_loss"; got "los"'):
        plot.Live("loss").add(los=1.0)
    with pytest.raises(ValueError, match='expects "epoch" or "batch"'):
        plot.Live(every="step")
    with pytest.raises(ValueError, match="not both"):
        plot.Live("loss", figure=Figure())


CELLS = """
live = plot.Live("loss", moving={moving})
for i in range(30):
    live.add(loss=1 / (i + 1))
    time.sleep(0.01)
===
live.add(loss=0.5)
===
fig, ax = plt.subplots()
(line,) = ax.plot([], [])
mine = plot.Live(figure=fig, moving={moving})
for i in range(5):
    line.set_data([0, 1], [0, i])
    mine.draw()
"""


@pytest.mark.parametrize("moving", [None, True])
def test_live_leaves_one_picture_in_each_cell(moving, tmp_path, monkeypatch):
    """Whether it moved or nobody watched: a notebook that was run holds the last state, once."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    nb = nbformat.v4.new_notebook()
    first = "import time\nimport matplotlib.pyplot as plt\nfrom minifit import plot"
    nb.cells = [nbformat.v4.new_code_cell(c) for c in [first, *CELLS.format(moving=moving).split("===\n")]]
    nbclient.NotebookClient(nb, timeout=60).execute()
    for cell in nb.cells[1:]:
        assert [output.output_type for output in cell.outputs] == ["display_data"]
        assert set(cell.outputs[0].data) == {"image/png", "text/plain"}
