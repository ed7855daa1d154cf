"""What a person looks at inside the loop: one batch, step by step; one run, part by part.

Both watch from outside. They stand beside the calls that any training step makes (a layer's `call`,
`compute_loss`, `GradientTape.gradient`, `optimizer.apply`) and change none of their results.
"""

from __future__ import annotations

import contextlib
import copy
import html
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from . import backend, random
from .by_hand import is_by_hand, step_of
from .callbacks import CallbackList
from .layers import InputLayer, Layer
from .model import Model
from .tape import GradientTape, unwrap

_SHOWN = 3  # values of an array in a table
_ROUNDING = 100  # in units of the last place of an array's largest value: less is no difference


# --------------------------------------------------------------------------- one batch


@dataclass(frozen=True)
class Row:
    """One array on its way through the loop.

    Attributes
    ----------
    step : str
        "data", "forward", "loss", "gradients", "update" or "metrics".
    name : str
        Such as ``dense/kernel``.
    value : ndarray
        A copy, on the host.
    scale : float
        What its rounding errors are in proportion to, if that is more than its own largest value: a change
        of weights is known as exactly as the weights are.
    """

    step: str
    name: str
    value: np.ndarray
    scale: float = 0.0

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Give step, name, shape, dtype, first values and range as text."""
        flat = self.value.ravel()
        first = ", ".join(_number(v) for v in flat[:_SHOWN]) + (", …" if flat.size > _SHOWN else "")
        span = f"{_number(flat.min())} to {_number(flat.max())}" if flat.size > 1 else ""
        shape = str(self.value.shape) if self.value.ndim else "one number"
        return self.step, self.name, shape, str(self.value.dtype), first, span


@dataclass
class Trace:
    """One batch on its way through the loop: a table in a notebook and in a terminal.

    Attributes
    ----------
    rows : list of Row
        In the order in which the loop makes them.
    difference : str or None
        With ``trace(..., against=...)``: the first array that differs, and by how much; None if none does.
    """

    rows: list[Row] = field(default_factory=list)
    difference: str | None = None
    _compared: bool = False
    _first: int | None = None

    _HEAD = ("step", "name", "shape", "dtype", "first values", "smallest to largest")

    def __getitem__(self, name: str) -> np.ndarray:
        """Return the array of this name; the first one, where a name stands in several steps."""
        for row in self.rows:
            if name in (row.name, f"{row.step} {row.name}"):
                return row.value
        raise KeyError(f"{name}: this trace holds {', '.join(f'{row.step} {row.name}' for row in self.rows)}.")

    def first_difference(self, other: Trace) -> str | None:
        """Name the first array that differs from the other trace's, and by how much; None if none does.

        Arrays are compared in their order, whatever their layers are called. Differences of rounding, up to
        a hundred units in the last place of an array's largest value, are none.
        """
        place, told = self._first_difference(other)
        self._first = place
        return told

    def _first_difference(self, other: Trace) -> tuple[int | None, str | None]:
        for i, (ours, theirs) in enumerate(zip(self.rows, other.rows, strict=False)):
            kind = ours.step, ours.name.rpartition("/")[2] if "/" in ours.name else ""
            if kind != (theirs.step, theirs.name.rpartition("/")[2] if "/" in theirs.name else ""):
                return i, (
                    f"{ours.step} {ours.name}: the other has {theirs.step} {theirs.name} in its place; the two "
                    "do not make the same steps."
                )
            told = _difference(ours.value, theirs.value, max(ours.scale, theirs.scale))
            if told:
                return i, f"{ours.step} {ours.name}: {told}"
        longer = max(self.rows, other.rows, key=len)
        n_common = min(len(self.rows), len(other.rows))
        if len(longer) > n_common:
            extra = longer[n_common]
            ours_is_longer = longer is self.rows
            told = f"{extra.step} {extra.name}: only {'this' if ours_is_longer else 'the other'} trace has it."
            return n_common if ours_is_longer else None, told
        return None, None

    def plot(self, ax: Any = None) -> Any:
        """Draw the batch on its way: each array as a small map of its values, a column for each step.

        With `against`, the first array that differs is framed.

        Parameters
        ----------
        ax
            Where to draw. None: a new figure.

        Returns
        -------
        Axes
        """
        from .flow import draw

        return draw(self.rows, self._first, ax)

    def _verdict(self) -> str:
        if not self._compared:
            return ""
        return f"First difference: {self.difference}" if self.difference else "No array differs."

    def __repr__(self) -> str:
        cells = [self._HEAD, *(row.cells() for row in self.rows)]
        widths = [max(len(row[i]) for row in cells) for i in range(len(self._HEAD))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in cells]
        lines.insert(1, "  ".join("─" * width for width in widths))
        return "\n".join(line.rstrip() for line in [*lines, *filter(None, [self._verdict()])])

    def _repr_html_(self) -> str:
        body, before = [], None
        for row in self.rows:
            cells = list(row.cells())
            new = row.step != before
            before = row.step
            cells[0] = f"<b>{cells[0]}</b>" if new else ""
            body.append((cells[0], *map(html.escape, cells[1:]), new))
        return _table(self._HEAD, body) + _paragraph(self._verdict())


def trace(model: Any, x: Any, y: Any = None, sample_weight: Any = None, against: Any = None) -> Trace:
    """Send one batch through the training loop and show every array on the way.

    The model is left exactly as it was: weights, optimizer, metrics and random streams go back to what they
    were. Two models traced on one batch therefore draw the same dropout masks.

    Parameters
    ----------
    model : Model
        Compiled and built; or one written by hand, with `layers`, `loss`, `optimizer`, `variables()` and
        ``train_step(x, y)``, as notebook 09 of the course makes it.
    x : (B, ...)
        All of it is one batch.
    y : (B, ...), optional
    sample_weight : (B,), optional
    against : Trace or Model, optional
        What to compare with: another trace, or a model that is traced on the same batch.

    Returns
    -------
    Trace
        Rows of step, name, shape, dtype and values; with `against`, the first array that differs.

    Raises
    ------
    TypeError
        `model` is no model, or `against` neither a model nor a Trace.
    ValueError
        The model is not compiled or not built, or the batch does not fit it.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(1, name="line")])
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> one = trace(model, np.ones((4, 3)), np.zeros((4, 1)))
    >>> [row.name for row in one.rows if row.step == "gradients"]
    ['line/kernel', 'line/bias']
    """
    if against is not None and not isinstance(against, (Trace, Model)) and not is_by_hand(against):
        raise TypeError(
            f"trace(against=...) expects another trace, or a model to trace on the same batch; got "
            f"{type(against).__name__}."
        )
    data = [("x", x), ("y", y), ("sample_weight", sample_weight)]
    recorded = Trace([Row("data", name, _copy(value)) for name, value in data if value is not None])
    if not isinstance(model, Model) and is_by_hand(model):
        recorded.rows += [Row(*seen) for seen in step_of(model, x, y)]
    else:
        recorded.rows += _step_of_engine(model, x, y, sample_weight)
    if against is not None:
        other = against if isinstance(against, Trace) else trace(against, x, y, sample_weight)
        recorded.difference, recorded._compared = recorded.first_difference(other), True
    return recorded


def _step_of_engine(model: Any, x: Any, y: Any, sample_weight: Any) -> list[Row]:
    _check_model(model, "trace(model)")
    if not model.built:
        raise ValueError(
            "trace(model) expects a built model, since building draws the first weights; this one is not. Give "
            "its Sequential an Input(shape=...), or call model(x[:1]) once."
        )
    rows: list[Row] = []
    with _put_back(model), contextlib.ExitStack() as stack:
        _record_into(rows, model, stack)
        logs = model.train_on_batch(x, y, sample_weight=sample_weight, return_dict=True)
    return rows + [Row("metrics", name, np.asarray(value)) for name, value in logs.items()]


def _record_into(rows: list[Row], model: Any, stack: contextlib.ExitStack) -> None:
    """Write a row for every array that the next training step makes."""
    names = _names_of_variables(model)
    seen: dict[str, int] = {}

    def at_layer(layer: Layer, call: Callable[..., Any]) -> Callable[..., Any]:
        def recording(*args: Any, **options: Any) -> Any:
            seen[layer.name] = times = seen.get(layer.name, 0) + 1
            if times == 1:
                rows.extend(Row("forward", names[id(v)], _copy(v)) for v in layer._variables if id(v) in names)
            output = call(*args, **options)
            name = f"{layer.name} output" if times == 1 else f"{layer.name} output {times}"
            rows.append(Row("forward", name, _copy(output)))
            return output

        return recording

    for layer in _inner_layers(model):
        stack.enter_context(_replaced(layer, "call", at_layer(layer, layer.call)))

    def compute_loss(*args: Any, **options: Any) -> Any:
        loss = compute(*args, **options)
        rows.append(Row("loss", "loss", _copy(loss)))
        return loss

    def gradient(tape: GradientTape, target: Any, sources: Any, *args: Any, **options: Any) -> Any:
        found = differentiate(tape, target, sources, *args, **options)
        several = isinstance(sources, (list, tuple))
        for source, value in zip(sources if several else [sources], found if several else [found], strict=True):
            if id(source) in names and value is not None:
                rows.append(Row("gradients", names[id(source)], _copy(value)))
        return found

    def apply(*args: Any, **options: Any) -> Any:
        before = [_copy(v) for v in model.trainable_variables]
        result = update(*args, **options)
        for variable, old in zip(model.trainable_variables, before, strict=True):
            rows.append(Row("update", f"change of {names[id(variable)]}", _copy(variable) - old, _largest(old)))
        return result

    compute, differentiate, update = model.compute_loss, GradientTape.gradient, model.optimizer.apply
    stack.enter_context(_replaced(model, "compute_loss", compute_loss))
    stack.enter_context(_replaced(GradientTape, "gradient", gradient))
    stack.enter_context(_replaced(model.optimizer, "apply", apply))


@contextlib.contextmanager
def _put_back(model: Any) -> Iterator[None]:
    """Leave model, optimizer, metrics and random streams as they were, whatever happens inside."""
    optimizer = model.optimizer
    values = [(variable, _copy(variable)) for variable in model.variables]
    built = getattr(optimizer, "flat", None) is not None
    state = optimizer.get_state() if hasattr(optimizer, "get_state") else None
    compiled = model._compile_metrics
    measured = [(m, copy.deepcopy(vars(m))) for m in model.metrics]
    resolved = {name: copy.copy(value) for name, value in vars(compiled).items()}
    streams = random.get_state()
    own = [g for owner in model.walk() for g in vars(owner).values() if isinstance(g, np.random.Generator)]
    own_states = [generator.bit_generator.state for generator in own]
    try:
        yield
    finally:
        for variable, value in values:
            variable.assign(value)
        if state is not None and built:
            optimizer.set_state(state)
        elif state is not None:
            optimizer.unbuild()
            optimizer.set_state(state)
        vars(compiled).update(resolved)
        for metric, before in measured:
            vars(metric).clear()
            vars(metric).update(before)
        random.set_state(streams)
        for generator, before in zip(own, own_states, strict=True):
            generator.bit_generator.state = before


# --------------------------------------------------------------------------- one run


#: Parts of the loop that a Watch tells apart, as the picture of the loop names them.
PARTS = ("data", "forward", "loss", "gradients", "update", "metrics", "validation", "callbacks")


class Watch:
    """Counts and times the parts of the training loop while it is open as a ``with`` block.

    Attributes
    ----------
    calls : dict of str to int
        How many times each part ran: batches taken, forward passes, losses, gradient computations, updates
        of the weights, measurements, batches of validation, and moments at which callbacks were called.
    seconds : dict of str to float
        Wall-clock time in each; what happens within validation counts as validation only.
    events : list of (str, float, float)
        Part, start and end in seconds since the block was entered.
    """

    def __init__(self, model: Any) -> None:
        self.model = model
        self.calls = dict.fromkeys(PARTS, 0)
        self.seconds = dict.fromkeys(PARTS, 0.0)
        self.events: list[tuple[str, float, float]] = []
        self._stack = contextlib.ExitStack()
        self._validating: float | None = None
        self._waiting: float | None = None

    def __enter__(self) -> Watch:
        model, inner = self.model, self._timed
        self._began = time.perf_counter()
        replacements: list[tuple[Any, str, Any]] = [
            (model, "call", inner("forward", model.call)),
            (model, "compute_loss", inner("loss", model.compute_loss)),
            (GradientTape, "gradient", inner("gradients", GradientTape.gradient)),
            (model.optimizer, "apply", inner("update", model.optimizer.apply)),
            (model, "_measure", inner("metrics", model._measure)),
            (CallbackList, "call", self._at_hook(CallbackList.call)),
            (CallbackList, "hears", lambda run, hook: True),
        ]
        for owner, name, value in replacements:
            self._stack.enter_context(_replaced(owner, name, value))
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _note(self, part: str, start: float) -> None:
        end = time.perf_counter()
        self.calls[part] += 1
        self.seconds[part] += end - start
        self.events.append((part, start - self._began, end - self._began))

    def _timed(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*args: Any, **options: Any) -> Any:
            if self._validating is not None:
                return function(*args, **options)
            start = time.perf_counter()
            try:
                return function(*args, **options)
            finally:
                self._note(part, start)

        return timed

    def _at_hook(self, call: Callable[..., None]) -> Callable[..., None]:
        def at_hook(run: Any, hook: str, *position: int, logs: Any = None) -> None:
            if hook == "on_train_batch_begin" and self._waiting is not None:
                self._note("data", self._waiting)
            if hook == "on_test_begin":
                self._validating = time.perf_counter()
            self.calls["validation"] += hook == "on_test_batch_begin"
            start = time.perf_counter()
            call(run, hook, *position, logs=logs)
            if self._validating is None:
                self._note("callbacks", start)
            else:
                self.calls["callbacks"] += 1  # its time is part of the validation's
            if hook == "on_test_end" and self._validating is not None:
                self._note("validation", self._validating)
                self.calls["validation"] -= 1  # it is counted by its batches
                self._validating = None
            self._waiting = time.perf_counter() if hook in ("on_epoch_begin", "on_train_batch_end") else None

        return at_hook

    def __repr__(self) -> str:
        total = sum(self.seconds.values())
        lines = [f"{'part':<12}{'times':>9}{'seconds':>10}{'share':>10}"]
        lines += [
            f"{part:<12}{self.calls[part]:>9,}{self.seconds[part]:>10.3f}{self._share(part):>10}" for part in PARTS
        ]
        return "\n".join([*lines, f"{'together':<12}{sum(self.calls.values()):>9,}{total:>10.3f}"])

    def _repr_html_(self) -> str:
        rows: list[tuple[Any, ...]] = [
            (f"<b>{part}</b>", f"{self.calls[part]:,}", f"{self.seconds[part]:.3f}", self._share(part), False)
            for part in PARTS
        ]
        total = sum(self.calls.values()), sum(self.seconds.values())
        rows.append(("together", f"{total[0]:,}", f"{total[1]:.3f}", "", True))
        return _table(("part", "times", "seconds", "share"), rows, align="right")

    def _share(self, part: str) -> str:
        share = self.seconds[part] / (sum(self.seconds.values()) or 1.0)
        return f"{share:.0%}" if share >= 0.005 or not self.calls[part] else "under 1%"


def watch(model: Any) -> Watch:
    """Count and time the parts of the training loop of every `fit` inside a ``with`` block.

    The results of `fit` stay what they are; it takes a few microseconds a part longer.

    Parameters
    ----------
    model : Model
        Compiled.

    Returns
    -------
    Watch

    Raises
    ------
    TypeError
        `model` is no model.
    ValueError
        It is not compiled.

    Examples
    --------
    >>> import numpy as np, minifit as keras
    >>> model = keras.Sequential([keras.Input(shape=(3,)), keras.layers.Dense(1)])
    >>> model.compile(optimizer="sgd", loss="mse")
    >>> with watch(model) as seen:
    ...     _ = model.fit(np.ones((10, 3)), np.zeros((10, 1)), batch_size=4, epochs=2, verbose=0)
    >>> seen.calls["update"]
    6
    """
    _check_model(model, "watch(model)")
    return Watch(model)


# --------------------------------------------------------------------------- shared


def _check_model(model: Any, where: str) -> None:
    if not isinstance(model, Model):
        raise TypeError(f"{where} expects a model, such as a Sequential; got {type(model).__name__}.")
    if not model.compiled:
        raise ValueError(f'{where} expects a compiled model: call model.compile(optimizer="adam", loss="mse") first.')


@contextlib.contextmanager
def _replaced(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute inside a ``with`` block; put back, or remove, what was there."""
    had = name in vars(owner)
    before = vars(owner).get(name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if had:
            setattr(owner, name, before)
        else:
            delattr(owner, name)


def _inner_layers(layer: Any) -> Iterator[Layer]:
    inner = [owner for owner in layer.walk() if owner is not layer]
    return (owner for owner in inner if isinstance(owner, Layer) and not isinstance(owner, InputLayer))


def _names_of_variables(model: Any) -> dict[int, str]:
    names = {id(v): v.name for v in model.own_variables}
    for layer in _inner_layers(model):
        names.update({id(v): f"{layer.name}/{v.name}" for v in layer.own_variables})
    return names


def _copy(value: Any) -> np.ndarray:
    return np.array(backend.to_numpy(unwrap(value)))


def _largest(value: np.ndarray) -> float:
    return float(np.max(np.abs(value), initial=0.0))


def _difference(ours: np.ndarray, theirs: np.ndarray, scale: float = 0.0) -> str | None:
    """Tell how two arrays differ; None if they do not, but for rounding."""
    if ours.shape != theirs.shape:
        return f"shape {ours.shape} against {theirs.shape}."
    if ours.dtype != theirs.dtype:
        return f"dtype {ours.dtype} against {theirs.dtype}."
    if ours.size == 0:
        return None
    a, b = np.atleast_1d(ours).astype(float), np.atleast_1d(theirs).astype(float)
    with np.errstate(invalid="ignore"):
        distance = np.abs(a - b)
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    distance[same] = 0.0
    distance[~same & ~np.isfinite(distance)] = np.inf
    finite = np.abs(np.concatenate([a.ravel(), b.ravel()]))
    scale = max(scale, float(finite[np.isfinite(finite)].max(initial=0.0)))
    unit = float(np.finfo(ours.dtype).eps) if ours.dtype.kind == "f" else 0.0
    if not distance.max() > _ROUNDING * unit * scale:
        return None
    where = np.unravel_index(int(distance.argmax()), distance.shape)
    n_different = int((distance > _ROUNDING * unit * scale).sum())
    place = f" at [{', '.join(map(str, where))}]" if ours.ndim else ""
    told = f"{_two_numbers(a[where], b[where])}{place}"
    if ours.ndim:
        told += f", the largest of {n_different:,} differences in {ours.size:,} values"
    return f"{told}.{_ratio(a, b)}"


def _ratio(a: np.ndarray, b: np.ndarray) -> str:
    """Tell the one factor between two arrays, if there is one."""
    counted = np.isfinite(a) & np.isfinite(b) & (b != 0)
    if counted.sum() < 2 or not np.array_equal(a == 0, b == 0):
        return ""
    ratios = a[counted] / b[counted]
    middle = float(np.median(ratios))
    constant = np.allclose(ratios, middle, rtol=1e-3) and abs(middle - 1) > 1e-3
    return f" Every value is {middle:.4g} times the other's." if constant else ""


def _two_numbers(ours: Any, theirs: Any) -> str:
    """Both as short as they can be and still differ."""
    for digits in (4, 8, 12, 17):
        a, b = f"{ours:.{digits}g}", f"{theirs:.{digits}g}"
        if a != b:
            break
    return f"{a} against {b}"


def _number(value: Any) -> str:
    return f"{value:.4g}" if np.asarray(value).dtype.kind == "f" else str(value)


def _table(head: Sequence[str], rows: Sequence[tuple[Any, ...]], align: str = "left") -> str:
    """Give an HTML table in the colours of the page around it; a row's last item draws a line above it."""
    style = "padding:2px 10px 2px 0;white-space:nowrap;text-align:"
    cells_style = [style + "left", *[style + align] * (len(head) - 1)]
    parts = [
        f"<th style='{cell};opacity:.65;font-weight:normal'>{html.escape(name)}</th>"
        for cell, name in zip(cells_style, head, strict=True)
    ]
    lines = [f"<tr>{''.join(parts)}</tr>"]
    for *cells, new in rows:
        border = "border-top:1px solid rgba(128,128,128,.35)" if new else "border:none"
        columns = "".join(
            f"<td style='{cell};{border}'>{text}</td>" for cell, text in zip(cells_style, cells, strict=True)
        )
        lines.append(f"<tr style='background:none'>{columns}</tr>")
    style = "border-collapse:collapse;font-variant-numeric:tabular-nums;margin:4px 0"
    return f"<table style='{style}'>{''.join(lines)}</table>"


def _paragraph(text: str) -> str:
    return f"<p><b>{html.escape(text)}</b></p>" if text else ""
