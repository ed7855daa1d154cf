"""The parity certificate: a learner's own `fit` held against a recorded run of Keras, as a picture to keep."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from minifit.plot import INK, REFERENCE, TRAIN

from . import exercise as exercises
from . import mine
from .paths import write_atomic
from .recorded import KerasRun

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PARITY = 1e-12  # 64-bit sums in another order stay far below this, and no mistake does
_FLOOR = 1e-17  # where a difference of 0 is drawn on a logarithmic axis
_TABLE, _ROW, _ROWS = 0.352, 0.029, 10  # of the lower half: where it begins, how far its lines are apart, how many
_FAINT = "#6A717B"
_WIDTH, _HEIGHT = 10.4, 7.3

#: The exercises whose answers run in each certified training, in course order.
PARTS: dict[str, tuple[str, ...]] = {
    "fit": (
        *("batches.batch_indices", "batches.take", "losses.log_softmax", "losses.sparse_categorical_crossentropy"),
        *("losses.Loss", "gradients.softmax_crossentropy_gradient", "layers.Dense", "layers.ReLU", "layers.Sequential"),
        *("optimizers.Adam", "metrics.Mean", "metrics.SparseCategoricalAccuracy"),
        *("fit.resolve", "fit.compile", "fit.train_step", "fit.fit"),
    ),
}
PARTS["validation"] = (
    *PARTS["fit"][:-1],
    *("validation.test_step", "validation.evaluate", "validation.predict", "validation.fit"),
)


class Row(NamedTuple):
    """One line of the table: what was compared, how many numbers that is, and the largest difference."""

    what: str
    numbers: int
    gap: float


def differences(
    run: KerasRun,
    history: Mapping[str, Sequence[float]],
    steps: Sequence[float] | None = None,
    weights: Sequence[Any] | None = None,
    evaluation: Mapping[str, float] | None = None,
    predictions: Any = None,
) -> list[Row]:
    """Compare a run with Keras' record of the same.

    Parameters
    ----------
    run : KerasRun
    history : mapping of str to sequence of float
        What `fit` recorded: every name that is in both is compared.
    steps : sequence of float, optional
        The loss as it was reported after each batch.
    weights : sequence of arrays, optional
        The weights after training, in Keras' order.
    evaluation : mapping of str to float, optional
        What `evaluate` gave on the test images.
    predictions : (rows, classes) array, optional
        What `predict` gave for them.

    Returns
    -------
    list of Row

    Raises
    ------
    ValueError
        Where two things cannot be compared: another number of epochs, batches or weights; no loss.
    """
    if "loss" not in history:
        raise ValueError(f"the certificate compares history['loss']; got the names {sorted(history)}.")
    rows = [
        _row(_told(key, len(kept)), f"history[{key!r}]", history[key], kept)
        for key, kept in sorted(run.history.items(), key=lambda item: ("val_" in item[0], "loss" not in item[0]))
        if key in history
    ]
    if steps is not None:
        rows.append(_row("loss after each batch", "steps", steps, run.steps["loss"]))
    if weights is not None:
        if len(weights) != len(run.final_weights):
            raise ValueError(
                f"the certificate expects {len(run.final_weights)} weight arrays; got {len(weights)}. "
                "Is it a model of two Dense layers?"
            )
        found = [
            _row("", f"weights[{i}]", w, k) for i, (w, k) in enumerate(zip(weights, run.final_weights, strict=True))
        ]
        rows.append(
            Row("weights in the end", sum(row.numbers for row in found), float(np.max([row.gap for row in found])))
        )
    if evaluation is not None:
        kept = [run.evaluation[key] for key in sorted(run.evaluation)]
        got = [evaluation.get(key, np.nan) for key in sorted(run.evaluation)]
        rows.append(_row("evaluate on the test images", "evaluation", got, kept))
    if predictions is not None:
        rows.append(_row("predict for the test images", "predictions", predictions, run.predictions))
    return rows


def _told(key: str, epochs: int) -> str:
    return f"{key}, {epochs} epochs"


def _row(what: str, name: str, got: Any, kept: Any) -> Row:
    got, kept = np.asarray(got, dtype="float64"), np.asarray(kept, dtype="float64")
    if got.shape != kept.shape:
        raise ValueError(f"the certificate expects {name} of shape {kept.shape}, as Keras' run has; got {got.shape}.")
    return Row(what, kept.size, float(np.max(np.abs(got - kept))))


def own_parts(kind: str) -> dict[str, bool]:
    """By exercise, whether the part that `mine` gives is the learner's own.

    Parameters
    ----------
    kind : {"fit", "validation"}
        The notebook whose training is certified.
    """
    known = {exercise.identifier: exercise for exercise in exercises.all_exercises()}
    found = {}
    for identifier in PARTS[kind]:
        exercise = known.get(identifier)
        if exercise is not None:
            given = mine.resolve(exercise.name, exercise.topic, quiet=True)
            found[identifier] = given is not exercise.reference
    return found


def certificate(
    kind: str,
    run: KerasRun,
    history: Mapping[str, Sequence[float]],
    *,
    steps: Sequence[float] | None = None,
    weights: Sequence[Any] | None = None,
    evaluation: Mapping[str, float] | None = None,
    predictions: Any = None,
    name: str = "",
    path: str | Path | None = None,
) -> Figure:
    """Draw the certificate, save it as a PNG, and say where.

    Parameters
    ----------
    kind : {"fit", "validation"}
        Which parts the run was made of: those of notebook 09, or of 10.
    run, history, steps, weights, evaluation, predictions
        As for `differences`.
    name : str
        Whose certificate it is; left out when empty.
    path : str or Path, optional
        By default ``parity_certificate_<kind>.png`` in the current folder.

    Returns
    -------
    Figure
        Of no window; a notebook shows it once, as a value.
    """
    if kind not in PARTS:
        raise ValueError(f"certificate(kind) expects one of {', '.join(PARTS)}; got {kind!r}.")
    rows = differences(run, history, steps, weights, evaluation, predictions)
    parts = own_parts(kind)
    figure = _figure()
    _head(figure, run, rows, parts, name)
    curve, gaps = (figure.add_axes(box) for box in ((0.07, 0.455, 0.38, 0.305), (0.57, 0.455, 0.40, 0.305)))
    _draw_curves(curve, run, history)
    _draw_gaps(gaps, run, history, steps)
    _draw_table(figure, rows)
    _draw_parts(figure, parts)

    if steps is not None and not rows_agree(rows):
        print(first_apart(run, steps))
    target = Path(f"parity_certificate_{kind}.png") if path is None else Path(path)
    try:
        write_atomic(target, figure.png())  # type: ignore[attr-defined]
        print(f"Saved as {target}.")
    except OSError as error:
        print(f"The certificate could not be saved as {target}: {error.strerror or error}.")
    return figure


def _figure() -> Figure:
    from matplotlib.figure import Figure

    class Certificate(Figure):
        """A figure that shows itself in a notebook where pyplot has not been imported, too."""

        def png(self) -> bytes:
            import io
            import warnings

            buffer = io.BytesIO()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a name may have letters that the font has not
                self.savefig(buffer, format="png", dpi=200)
            return buffer.getvalue()

        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            return self.png(), {"width": round(_WIDTH * 90), "height": round(_HEIGHT * 90)}

        def __repr__(self) -> str:
            return "A parity certificate"

    return Certificate(figsize=(_WIDTH, _HEIGHT), dpi=100, facecolor="white", edgecolor="none")


def rows_agree(rows: Sequence[Row]) -> bool:
    """Whether every difference is one that rounding can explain."""
    return all(row.gap <= PARITY for row in rows)


def first_apart(run: KerasRun, steps: Sequence[float]) -> str:
    """Say where the loss first leaves Keras': what differs from the first batch on is another mistake than what
    differs from the second (the update) or in the last of an epoch (a short batch)."""
    gaps = np.abs(np.asarray(steps, dtype="float64") - run.steps["loss"])
    wrong = np.flatnonzero(~(gaps <= PARITY))
    if not len(wrong):
        return "The loss after each batch is Keras'; look at what else the table compares."
    epoch, batch = divmod(int(wrong[0]), len(gaps) // run.settings["epochs"])
    return f"The loss first differs after batch {batch + 1} of epoch {epoch + 1}, by {gaps[wrong[0]]:.1e}."


def verdict(rows: Sequence[Row], parts: Mapping[str, bool]) -> str:
    """One sentence: how near to Keras, and whose parts these are."""
    worst = float(np.max([row.gap for row in rows]))
    own = sum(parts.values())
    if not rows_agree(rows):
        return f"Not yet Keras' numbers: the largest difference is {worst:.1e}."
    near = "to the last bit" if worst == 0 else f"to {worst:.0e}"
    if not own:
        return f"Keras' numbers {near}, of the reference's parts: none of them is yours yet."
    whose = "every part your own" if own == len(parts) else f"{own} of {len(parts)} parts your own"
    return f"Keras' numbers {near}, {whose}."


def _head(figure: Figure, run: KerasRun, rows: Sequence[Row], parts: Mapping[str, bool], name: str) -> None:
    text: dict[str, Any] = {"color": INK, "parse_math": False, "va": "center"}
    figure.text(0.07, 0.945, "Parity certificate", size=21, weight="bold", **text)
    holder = " ".join(str(name).split())[:48]
    if holder:
        figure.text(0.97, 0.945, holder, size=17, ha="right", **text)
    figure.text(0.07, 0.888, verdict(rows, parts), size=13, **text)
    today = datetime.date.today().isoformat()
    settings = run.settings
    held = (
        f"model.fit, {settings['epochs']} epochs in batches of {settings['batch_size']}, Adam, 1,438 digits; "
        f"held against {run.made_with}; {today}"
    )
    figure.text(0.07, 0.852, held, size=9.5, **{**text, "color": _FAINT})
    figure.add_artist(_line(figure, 0.07, 0.97, 0.826))


def _line(figure: Figure, left: float, right: float, height: float) -> Any:
    from matplotlib.lines import Line2D

    return Line2D([left, right], [height, height], color="#D3D8DE", lw=1, transform=figure.transFigure)


def _plain_axes(ax: Axes) -> None:
    """The course's look, also where nobody has set the style."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color("#9AA0A8")
    ax.grid(True, color="#E6E8EB", lw=0.8)
    ax.set_axisbelow(True)
    ax.tick_params(colors=_FAINT, labelsize=9)
    ax.xaxis.label.set_color(INK)


def _draw_curves(ax: Axes, run: KerasRun, history: Mapping[str, Sequence[float]]) -> None:
    _plain_axes(ax)
    for key, told in (("loss", "        training"), ("val_loss", "validation        ")):
        if key in run.history and key in history:
            at = _epochs(run, key)
            ax.plot(at, run.history[key], color=REFERENCE, lw=7, alpha=0.45, solid_capstyle="round")
            ax.plot(at, history[key], color=TRAIN, lw=1.6, ls="-" if key == "loss" else (0, (3, 1.5)), marker="o", ms=3)
            place: dict[str, Any] = {
                "xytext": (0, 9 if key == "loss" else -17),
                "textcoords": "offset points",
                "ha": "center",
            }
            if "val_loss" in history:
                ax.annotate(told, (at[len(at) // 2], history[key][len(at) // 2]), color=TRAIN, size=9, **place)
    ax.set_title("Your loss, drawn over Keras' (grey)", loc="left", size=11, color=INK)
    ax.set_xlabel("epoch", size=9.5)
    ax.set_xticks(range(1, run.settings["epochs"] + 1, 1 + run.settings["epochs"] // 14))
    ax.set_ylim(bottom=0)


def _epochs(run: KerasRun, key: str) -> list[int]:
    """Which epochs, counted from 1, a name in the history has values of."""
    every = run.settings.get("validation_freq", 1) if key.startswith("val_") else 1
    return [every * (i + 1) for i in range(len(run.history[key]))]


def _draw_gaps(ax: Axes, run: KerasRun, history: Mapping[str, Sequence[float]], steps: Sequence[float] | None) -> None:
    _plain_axes(ax)
    per_epoch = len(run.steps["loss"]) / run.settings["epochs"]
    drawn = []
    if steps is not None:
        gap = np.abs(np.asarray(steps, dtype="float64") - run.steps["loss"])
        at = (1 + np.arange(len(gap))) / per_epoch
        ax.plot(at, np.maximum(gap, _FLOOR), ".", color=TRAIN, ms=2.5, alpha=0.6)
        drawn.append(gap)
    gap = np.abs(np.subtract(history["loss"], run.history["loss"]))
    ax.plot(_epochs(run, "loss"), np.maximum(gap, _FLOOR), "o", color=TRAIN, ms=5.5, mfc="white", mew=1.4)
    drawn.append(gap)
    worst = np.nanmax([np.nan_to_num(np.max(g), nan=1.0, posinf=1e3) for g in drawn])
    top = max(1e-8, 20 * worst)
    ax.set(yscale="log", ylim=(_FLOOR / 4, top))
    ticks = [10.0**k for k in range(-16, 4, 3) if 10.0**k < top]
    ax.set_yticks([_FLOOR, *ticks], ["0", *(f"$10^{{{round(np.log10(t))}}}$" for t in ticks)])
    ax.minorticks_off()
    ax.set_title("Their difference, on a log axis", loc="left", size=11, color=INK)
    ax.set_xlabel("epoch" if steps is None else "epoch (dots: after each batch, rings: of each epoch)", size=9.5)
    ax.set_xticks(range(0, run.settings["epochs"] + 1, 2))


def _draw_table(figure: Figure, rows: Sequence[Row]) -> None:
    text: dict[str, Any] = {"color": INK, "va": "center", "size": 9.5, "parse_math": False}
    figure.text(0.07, _TABLE, "Largest differences", **{**text, "size": 11})
    figure.text(0.31, _TABLE, "numbers", ha="right", **{**text, "color": _FAINT})
    for i, row in enumerate(rows):
        height = _TABLE - 0.04 - _ROW * i
        gap = "0, to the last bit" if row.gap == 0 else f"{row.gap:.1e}"
        figure.text(0.07, height, row.what, **text)
        figure.text(0.31, height, f"{row.numbers:,}", ha="right", **{**text, "color": _FAINT})
        figure.text(0.45, height, gap, ha="right", **{**text, "weight": "bold"})


def _draw_parts(figure: Figure, parts: Mapping[str, bool]) -> None:
    text: dict[str, Any] = {"va": "center", "size": 8.8, "parse_math": False}
    own = sum(parts.values())
    figure.text(0.57, _TABLE, f"Parts: {own} of {len(parts)} yours", color=INK, **{**text, "size": 11})
    if own < len(parts):
        told = "grey and slanted: the reference's"
        figure.text(0.97, _TABLE, told, color=_FAINT, ha="right", **{**text, "style": "italic"})
    for i, (identifier, yours) in enumerate(parts.items()):
        column, line = divmod(i, _ROWS)
        look = {"color": TRAIN} if yours else {"color": _FAINT, "style": "italic"}
        place = 0.57 + 0.23 * column, _TABLE - 0.04 - _ROW * line
        figure.text(*place, identifier.partition(".")[2], **{**text, **look})


__all__ = ["PARTS", "Row", "certificate", "differences", "own_parts", "verdict"]
