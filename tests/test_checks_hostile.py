"""Whatever a learner hands in, a check comes back with the right verdict and leaves the notebook as it was."""

from __future__ import annotations

import builtins
import os
import random
import signal
import sys
import threading
import time
from typing import Any

import numpy as np
import pytest

from autograder.exercise import Exercise, Mistake
from autograder.judge import Verdict, judge
from autograder.running import InProcess, TooSlow, time_limit, untouched

real_mean, real_sum = np.mean, sum


def reference(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    values = np.mean((x - w) ** 2, axis=-1)
    return values, float(np.mean(values))


def answer(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    """Right, and no reference."""
    values = ((x - w) ** 2).sum(axis=1) / x.shape[1]
    return values, float(values.sum() / len(values))


def cases(rng: np.random.Generator) -> dict[str, tuple]:
    return {
        "seven rows of three": (rng.normal(size=(7, 3)), rng.normal(size=(7, 3))),
        "two rows of five": (rng.normal(size=(2, 5)), rng.normal(size=(2, 5))),
    }


def in_place(x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
    x -= w
    return answer(x, np.zeros_like(x))


PAIR = Exercise(
    "losses.pair",
    "pair(x, w) -> (values, mean)",
    points=2,
    minutes=5,
    difficulty=1,
    lines=2,
    reference=reference,
    cases=cases,
    mistakes=(
        Mistake("written into the caller's x", in_place, "x -= w changes what the caller holds.", "Where is x made?"),
    ),
    hints=("a", "b", "c"),
)


def verdict(obj: Any, seconds: float = 5.0, exercise: Exercise = PAIR) -> Verdict:
    return judge(exercise, InProcess(exercise, obj, seconds), 11)


def with_values(change: Any) -> Any:
    """A right answer whose first part goes through `change`."""

    def changed(x: np.ndarray, w: np.ndarray) -> tuple[Any, float]:
        values, mean = answer(x, w)
        return change(values), mean

    return changed


# --------------------------------------------------------------------------- right


class Labelled(np.ndarray):
    """A harmless subclass."""


RIGHT: dict[str, Any] = {
    "as it is": answer,
    "a list of two": lambda x, w: list(answer(x, w)),
    "values as a list of floats": with_values(lambda v: v.tolist()),
    "values as a tuple of NumPy scalars": with_values(tuple),
    "values as 0-d arrays": with_values(lambda v: [np.asarray(e) for e in v]),
    "values in float32": with_values(lambda v: v.astype("float32")),
    "a list of float32 scalars": with_values(lambda v: list(v.astype("float32"))),
    "values in long double": with_values(lambda v: v.astype("longdouble")),
    "a harmless subclass": with_values(lambda v: v.view(Labelled)),
    "a read-only view": with_values(lambda v: np.broadcast_to(v, (3, len(v)))[1]),
    "a reversed view": with_values(lambda v: v[::-1].copy()[::-1]),
    "another byte order": with_values(lambda v: v.astype(">f8")),
    "the mean as a NumPy scalar": lambda x, w: (answer(x, w)[0], np.float64(answer(x, w)[1])),
    "the mean as a 0-d array": lambda x, w: (answer(x, w)[0], np.array(answer(x, w)[1])),
    "the mean in float32": lambda x, w: (answer(x, w)[0], np.float32(answer(x, w)[1])),
    "prints as it goes": lambda x, w: (print("x\n" * 10_000), answer(x, w))[1],
    "writes into its own copy": lambda x, w: in_place(x.copy(), w),
    "default arguments": lambda x, w, axis=-1, kept=(): answer(x, w),
    "any arguments": lambda *arguments: answer(*arguments),
    "seeds the global generator": lambda x, w: (np.random.seed(0), answer(x, w))[1],  # noqa: NPY002
}


@pytest.mark.parametrize("obj", RIGHT.values(), ids=RIGHT)
def test_a_right_answer_passes_in_any_style(obj: Any) -> None:
    found = verdict(obj)
    assert (found.status, found.score, found.mistake) == ("right", 1.0, None), found.message
    assert found.message.splitlines()[0] == "Right. losses.pair: 2 of 2 points."


def test_what_is_printed_is_shown_in_three_lines_whatever_the_verdict() -> None:
    shown = ["It printed:", "  one", "  two", "  three", "  ... and 2 more lines"]

    def printing(then: Any) -> Any:
        return lambda x, w: (print("one\ntwo\nthree\nfour\nfive"), then(x, w))[1]

    for then in (answer, with_values(np.negative), in_place, lambda x, w: x[99], kept_default):
        lines = verdict(printing(then)).message.splitlines()
        assert [line for line in lines if line in shown] == shown
        assert len(lines) <= 12
    assert "It printed:" in verdict(printing(forever), 0.1).message
    assert "It printed:" not in verdict(answer).message


def test_a_buffer_used_again_at_every_call_is_still_right() -> None:
    class Pair:
        def __init__(self) -> None:
            self.buffer = np.zeros(10)

        def __call__(self, x: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, float]:
            values, mean = answer(x, w)
            self.buffer[: len(values)] = values
            return self.buffer[: len(values)], mean

    assert verdict(Pair()).status == "right"


def test_infinities_and_nan_are_right_where_the_reference_has_them() -> None:
    odd = Exercise(
        *("losses.odd", "odd(x) -> (N,)", 1, 1, 1, 1),
        reference=lambda x: np.log(x),
        cases=lambda rng: {"a zero and a negative": (np.array([0.0, -1.0, rng.uniform(1, 2)]),)},
    )
    assert verdict(lambda x: np.log(x), exercise=odd).status == "right"
    for wrong in (np.nan_to_num, np.abs, lambda v: np.where(np.isnan(v), np.inf, v)):
        assert verdict(lambda x, wrong=wrong: wrong(np.log(x)), exercise=odd).status == "wrong values"


# --------------------------------------------------------------------------- wrong


class EqualToAll(np.ndarray):
    """Says of every comparison and every function that all is well."""

    def __eq__(self, other: object) -> Any:
        return np.ones(self.shape, bool)

    def __ne__(self, other: object) -> Any:
        return np.zeros(self.shape, bool)

    def __array_function__(self, *a: Any, **k: Any) -> Any:
        return True

    def __array_ufunc__(self, *a: Any, **k: Any) -> Any:
        return np.zeros(self.shape)

    def __sub__(self, other: object) -> Any:
        return np.zeros(self.shape)

    def copy(self, *a: Any) -> Any:
        return self

    __rsub__ = __sub__
    __hash__ = None  # type: ignore[assignment]


class EqualFloat(float):
    def __eq__(self, other: object) -> bool:
        return True

    def __add__(self, other: object) -> Any:
        return self

    def __float__(self) -> float:
        raise RuntimeError

    __radd__ = __sub__ = __rsub__ = __add__
    __hash__ = float.__hash__


class EqualText(str):
    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = str.__hash__


class FalseList(list):
    def __len__(self) -> int:
        return 2

    def __iter__(self) -> Any:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


class SaysItIsAnArray:
    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return np.ndarray

    def __eq__(self, other: object) -> bool:
        return True

    def __array__(self, *a: Any, **k: Any) -> Any:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class RaisesAtEverything:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


def holds_itself() -> list:
    endless: list = []
    endless.append(endless)
    return endless


def prints_it(x: np.ndarray, w: np.ndarray) -> None:
    print(answer(x, w))


async def asynchronous(x: np.ndarray, w: np.ndarray) -> Any:
    return answer(x, w)


def yields(x: np.ndarray, w: np.ndarray) -> Any:
    yield from answer(x, w)


def interrupts(x: np.ndarray, w: np.ndarray) -> Any:
    raise KeyboardInterrupt


def memory(x: np.ndarray, w: np.ndarray) -> Any:
    return np.ones(10**15)


def recursion(x: np.ndarray, w: np.ndarray) -> Any:
    return recursion(x, w)


def raises_a_group(x: np.ndarray, w: np.ndarray) -> Any:
    raise BaseExceptionGroup("several", [KeyboardInterrupt(), ValueError()])


def long_text(x: np.ndarray, w: np.ndarray) -> Any:
    raise ValueError("\x1b[31m" + "long " * 100_000)


def asserts(x: np.ndarray, w: np.ndarray) -> Any:
    assert x.shape == (1, 1)


def local(x: np.ndarray, w: np.ndarray) -> Any:
    print(values)  # type: ignore[has-type] # noqa: F821
    values = x
    return values, w


def kept_default(x: np.ndarray, w: np.ndarray, seen: list = []) -> Any:  # noqa: B006
    seen.append(1)
    values, mean = answer(x, w)
    return values + (len(seen) > 1), mean


class KeptInClass:
    seen: list = []  # noqa: RUF012

    def __new__(cls, x: np.ndarray, w: np.ndarray) -> Any:  # type: ignore[misc]
        cls.seen.append(x)
        return answer(cls.seen[0], w[: len(cls.seen[0])]) if x.shape == cls.seen[0].shape else answer(x, w)


_first: list = []


def remembers_the_first(x: np.ndarray, w: np.ndarray) -> Any:
    """The first answer of each shape, for ever."""
    for shape, found in _first:
        if shape == x.shape:
            return found
    _first.append((x.shape, answer(x, w)))
    return _first[-1][1]


def noisy(x: np.ndarray, w: np.ndarray) -> Any:
    values, mean = answer(x, w)
    return values + np.random.default_rng().normal(size=len(values)), mean


def through_a_view(x: np.ndarray, w: np.ndarray) -> Any:
    found = answer(x, w)
    x.reshape(-1)[1:2] += 1
    return found


def sorts(x: np.ndarray, w: np.ndarray) -> Any:
    found = answer(x, w)
    w.sort(axis=0)
    return found


def reshapes(x: np.ndarray, w: np.ndarray) -> Any:
    found = answer(x, w)
    x.resize(x.size, refcheck=False)
    return found


WRONG: dict[str, tuple[Any, str]] = {
    # types
    "None": (lambda x, w: None, "wrong type"),
    "printed": (prints_it, "wrong type"),
    "only the values": (lambda x, w: answer(x, w)[0], "wrong shape"),
    "only the mean": (lambda x, w: answer(x, w)[1], "wrong type"),
    "three things": (lambda x, w: (*answer(x, w), 1.0), "wrong shape"),
    "exchanged": (lambda x, w: answer(x, w)[::-1], "wrong shape"),
    "text": (lambda x, w: "a pair", "wrong type"),
    "numbers as text": (with_values(lambda v: v.astype(str)), "wrong type"),
    "bytes": (with_values(lambda v: b"0"), "wrong type"),
    "a dict": (lambda x, w: dict(enumerate(answer(x, w))), "wrong type"),
    "a set": (with_values(set), "wrong type"),
    "a generator": (yields, "wrong type"),
    "a generator of values": (with_values(iter), "wrong type"),
    "a map": (with_values(lambda v: map(float, v)), "wrong type"),
    "a coroutine": (asynchronous, "wrong type"),
    "a function": (lambda x, w: lambda: answer(x, w), "wrong type"),
    "a class": (lambda x, w: type, "wrong type"),
    "complex": (with_values(lambda v: v + 0j), "wrong type"),
    "objects": (with_values(lambda v: v.astype(object)), "wrong type"),
    "dates": (with_values(lambda v: v.astype("int64").astype("datetime64[s]")), "wrong type"),
    "records": (with_values(lambda v: v.view([("a", "f8")])), "wrong type"),
    "truth values": (with_values(lambda v: v > 0), "wrong type"),
    "None among the values": (with_values(lambda v: [None, *v[1:]]), "wrong type"),
    "holding itself": (lambda x, w: holds_itself(), "wrong type"),
    "a huge integer": (with_values(lambda v: [10**400] * len(v)), "wrong type"),
    # shapes
    "a column": (with_values(lambda v: v[:, None]), "wrong shape"),
    "a row": (with_values(lambda v: v[None]), "wrong shape"),
    "a square": (with_values(lambda v: v[:, None] - v), "wrong shape"),
    "one row too few": (with_values(lambda v: v[:-1]), "wrong shape"),
    "empty": (with_values(lambda v: v[:0]), "wrong shape"),
    "an empty list": (with_values(lambda v: []), "wrong shape"),
    "ragged": (with_values(lambda v: [v[:1], v[:2]]), "wrong shape"),
    "the mean as an array of one": (lambda x, w: (answer(x, w)[0], [answer(x, w)[1]]), "wrong shape"),
    "huge and virtual": (with_values(lambda v: np.broadcast_to(v[:1], 10**11)), "wrong type"),
    "a long list": (with_values(lambda v: [0.0] * 2_000_000), "wrong type"),
    # values
    "float16": (with_values(lambda v: v.astype("float16")), "wrong values"),
    "off in the eighth digit": (with_values(lambda v: v * (1 + 1e-8)), "wrong values"),
    "rounded": (with_values(lambda v: v.round(6)), "wrong values"),
    "as integers": (with_values(lambda v: v.astype(int)), "wrong values"),
    "NaN": (with_values(lambda v: v * np.nan), "wrong values"),
    "one NaN": (with_values(lambda v: np.append(v[:-1], np.nan)), "wrong values"),
    "one infinity": (with_values(lambda v: np.append(v[:-1], -np.inf)), "wrong values"),
    "reversed": (with_values(lambda v: v[::-1]), "wrong values"),
    "the next row's": (with_values(lambda v: np.roll(v, 1)), "wrong values"),
    "zeros": (with_values(np.zeros_like), "wrong values"),
    # objects that lie
    "an array equal to all": (with_values(lambda v: np.zeros(len(v)).view(EqualToAll)), "wrong values"),
    "floats equal to all": (with_values(lambda v: [EqualFloat(7)] * len(v)), "wrong values"),
    "text equal to all": (with_values(lambda v: EqualText("x")), "wrong type"),
    "a list of false length": (lambda x, w: FalseList([1.0]), "wrong shape"),
    "says it is an array": (with_values(lambda v: SaysItIsAnArray()), "wrong type"),
    "raises at everything": (lambda x, w: RaisesAtEverything(), "wrong type"),
    # exceptions
    "a wrong index": (lambda x, w: x[99], "raised"),
    "an unknown name": (lambda x, w: nowhere, "raised"),  # type: ignore[name-defined] # noqa: F821
    "a name used before": (local, "raised"),
    "shapes that do not fit": (lambda x, w: x @ w, "raised"),
    "too few parameters": (lambda x: x, "raised"),
    "an assertion": (asserts, "raised"),
    "division by zero": (lambda x, w: 1 / 0, "raised"),
    "exit": (lambda x, w: sys.exit(0), "raised"),
    "quit": (lambda x, w: (_ for _ in ()).throw(SystemExit), "raised"),
    "an interrupt of its own": (interrupts, "raised"),
    "recursion": (recursion, "raised"),
    "no memory": (memory, "raised"),
    "a group of exceptions": (raises_a_group, "raised"),
    "a long text": (long_text, "raised"),
    # state
    "a default argument that grows": (kept_default, "wrong values"),
    "a list in the class": (KeptInClass, "wrong values"),
    "the first answer for ever": (remembers_the_first, "wrong values"),
    "random": (noisy, "wrong values"),
    # inputs
    "writes into x": (in_place, "mutated input"),
    "writes through a view": (through_a_view, "mutated input"),
    "sorts w": (sorts, "mutated input"),
    "reshapes x": (reshapes, "mutated input"),
}


@pytest.mark.parametrize(("obj", "status"), WRONG.values(), ids=WRONG)
def test_a_wrong_answer_is_called_what_it_is(obj: Any, status: str, capfd: pytest.CaptureFixture[str]) -> None:
    found = verdict(obj)
    assert (found.status, found.score) == (status, 0.0), found.message
    lines = found.message.splitlines()
    assert 2 <= len(lines) <= 12
    assert all(len(line) <= 160 and line.isprintable() for line in lines)
    assert lines[-1].startswith("Try: ")
    assert capfd.readouterr() == ("", "")


def test_what_is_said_names_shapes_kinds_and_places() -> None:
    said = {name: verdict(obj).message for name, (obj, _) in WRONG.items() if name != "huge and virtual"}
    assert "Expected values to have shape (7,); got (7, 1)." in said["a column"]
    assert "Did you forget a return statement?" in said["None"]
    assert "printing is not returning" in said["printed"]
    assert "complex numbers" in said["complex"]
    assert "a generator" in said["a generator"]
    assert "make a list or an array of it" in said["a generator"]
    assert "hold 2 items (values, mean); got 3" in said["three things"]
    assert "brackets" in said["a function"]
    assert "hold floats; got True and False" in said["truth values"]
    assert "NaN or an infinity" in said["one NaN"]
    assert "Only the last of 7 values differs" in said["one NaN"]
    assert "values: the values are right but in the reverse order" in said["reversed"]
    assert "the signature is pair(x, w)" in said["too few parameters"]
    assert "Something is kept between calls" in said["random"]
    assert "changed its input w" in said["sorts w"]
    assert "(did you mean mean?)" in verdict(lambda x, w: np.maen(x)).message  # type: ignore[attr-defined]
    assert "(did you mean reference?)" in verdict(lambda x, w: referense).message  # type: ignore[name-defined] # noqa: F821


def test_a_mistake_that_only_changes_its_input_is_named() -> None:
    assert verdict(in_place).mistake == "written into the caller's x"
    assert verdict(sorts).mistake is None


# --------------------------------------------------------------------------- constant ratios


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v, x: -v, "values: every value has the wrong sign."),
        (lambda v, x: 2 * v, "values: every value is twice the right one."),
        (lambda v, x: v / 2, "values: every value is half the right one."),
        (lambda v, x: v * len(x), "values: every value is the right one times the number of rows of x."),
        (lambda v, x: v / len(x), "values: every value is the right one divided by the number of rows of x."),
        (lambda v, x: v * x.shape[1], "times the number of columns of x."),
        (lambda v, x: -v / x.shape[1], "divided by the number of columns of x, with the wrong sign."),
        (lambda v, x: v / x.size, "divided by the number of values in x."),
        (lambda v, x: v * x.shape[1] / (x.shape[1] - 1), "n - 1 instead of n, where n is the number of columns of x"),
        (lambda v, x: v / np.log(2), "the logarithm has base 2"),
        (lambda v, x: v * 7.25, "values: every value is the right one times 7.25."),
        (lambda v, x: v / 9, "values: every value is the right one divided by 9."),
        (lambda v, x: v + 0.5, "values: every value is off by the same amount, +0.5."),
        (lambda v, x: v**2, "values: every value is the square of the right one."),
        (lambda v, x: np.sqrt(v), "values: every value is the square root of the right one."),
    ],
)
def test_how_wrong_values_follow_from_the_right_ones_is_told(change: Any, told: str) -> None:
    def obj(x: np.ndarray, w: np.ndarray) -> Any:
        values, mean = answer(x, w)
        return change(values, x), mean

    assert told in verdict(obj).message


def test_no_pattern_is_told_where_there_is_none() -> None:
    message = verdict(with_values(lambda v: v + np.arange(len(v)))).message
    assert "very value" not in message


# --------------------------------------------------------------------------- time


def forever(x: np.ndarray, w: np.ndarray) -> Any:
    while True:
        pass


def swallows_exceptions(x: np.ndarray, w: np.ndarray) -> Any:
    while True:
        try:
            time.sleep(0.02)
        except Exception:
            continue


def swallows_everything(x: np.ndarray, w: np.ndarray) -> Any:
    while True:
        try:
            time.sleep(0.02)
        except BaseException:
            continue


def swallows_interrupts(x: np.ndarray, w: np.ndarray) -> Any:
    while True:
        try:
            sum(range(100))
        except (KeyboardInterrupt, SystemExit):
            continue


def sleeps(x: np.ndarray, w: np.ndarray) -> Any:
    time.sleep(60)


def tries_again_in_finally(x: np.ndarray, w: np.ndarray) -> Any:
    try:
        time.sleep(60)
    finally:
        time.sleep(60)


ENDLESS = [forever, swallows_exceptions, swallows_everything, swallows_interrupts, sleeps, tries_again_in_finally]


@pytest.mark.parametrize("obj", ENDLESS)
def test_what_does_not_end_is_ended(obj: Any) -> None:
    threads, tracing = threading.active_count(), sys.gettrace()
    start = time.monotonic()
    found = verdict(obj, 0.1)
    assert time.monotonic() - start < 2.0
    assert found.status == "timed out"
    assert "loop" in found.message
    assert (threading.active_count(), sys.gettrace()) == (threads, tracing)
    assert verdict(answer).status == "right"


@pytest.mark.parametrize("obj", [forever, swallows_exceptions, swallows_interrupts])
def test_what_does_not_end_is_ended_outside_the_main_thread_too(obj: Any) -> None:
    found: list[Verdict] = []

    def work() -> None:
        found.append(verdict(obj, 0.1))
        found.append(verdict(answer))

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    thread.join(10)
    assert [v.status for v in found] == ["timed out", "right"]


def test_a_time_limit_leaves_no_thread_and_no_alarm() -> None:
    threads = threading.active_count()
    with pytest.raises(TooSlow), time_limit(0.05):
        time.sleep(60)
    with time_limit(0.05):
        pass
    time.sleep(0.1)  # nothing rings any more
    assert threading.active_count() == threads


# --------------------------------------------------------------------------- what is put back


def meddles(x: np.ndarray, w: np.ndarray) -> Any:
    found = answer(x, w)
    np.mean = np.abs = np.allclose = np.isfinite = lambda *a, **k: True  # type: ignore[assignment,misc]
    np.random.default_rng = None  # type: ignore[assignment]
    np.seterr(all="raise")
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    np.set_printoptions(precision=1)
    sys.setrecursionlimit(sys.getrecursionlimit() + 7)
    os.chdir("/")
    sys.stdout = None  # type: ignore[assignment]
    for name in ("len", "print", "next", "isinstance", "setattr", "Exception", "type", "zip"):
        delattr(builtins, name)
    return found


def test_what_an_answer_meddles_with_is_put_back() -> None:
    names, mean, folder, limit = dict(vars(builtins)), np.mean, os.getcwd(), sys.getrecursionlimit()
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    numbers = np.random.random(), random.random()  # noqa: NPY002
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    errors, printing = np.geterr(), np.get_printoptions()
    assert verdict(meddles).status == "right"
    assert (np.random.random(), random.random()) == numbers  # noqa: NPY002
    assert dict(vars(builtins)) == names
    assert np.mean is mean
    assert (np.geterr(), np.get_printoptions(), os.getcwd()) == (errors, printing, folder)
    assert sys.getrecursionlimit() == limit
    assert sys.stdout is not None


def test_numpy_replaced_inside_an_answer_does_not_make_it_right() -> None:
    def obj(x: np.ndarray, w: np.ndarray) -> Any:
        np.abs = np.isfinite = np.allclose = lambda *a, **k: np.True_  # type: ignore[assignment,misc]
        return np.zeros(len(x)), 0.0

    assert verdict(obj).status == "wrong values"


def test_stopping_the_notebook_by_hand_is_not_taken_for_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    import _thread

    def obj(x: np.ndarray, w: np.ndarray) -> Any:
        _thread.interrupt_main()
        while True:
            pass

    # A process started in the background ignores the signal, and so would this test.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            verdict(obj)
    finally:
        signal.signal(signal.SIGINT, before)


# --------------------------------------------------------------------------- blanks


def blank_of(body: str) -> Any:
    space: dict[str, Any] = {}
    exec(f"def pair(x, w):\n    {body}\n", space)
    return space["pair"]


@pytest.mark.parametrize(
    "body",
    [
        "raise NotImplementedError()",
        "raise NotImplementedError",
        "raise NotImplementedError('write me')",
        "'''Doc.'''\n    # YOUR CODE HERE\n    raise NotImplementedError()",
        "...",
        "pass",
        "'''Doc.'''",
        "return ...",
        "return None",
        "values = x\n    raise NotImplementedError()",
    ],
)
def test_a_blank_is_not_attempted(body: str) -> None:
    found = verdict(blank_of(body))
    assert (found.status, found.score) == ("not attempted", 0.0)
    assert "not attempted" in found.message
    assert "line" in found.message or "..." in body


@pytest.mark.parametrize("body", ["return 0", "return x", "values = x", "return NotImplemented", "raise ValueError"])
def test_what_somebody_wrote_is_attempted(body: str) -> None:
    assert verdict(blank_of(body)).status in ("wrong type", "wrong shape", "raised")
    assert untouched(blank_of(body)) is None


def test_a_blank_that_an_answer_calls_is_named() -> None:
    space: dict[str, Any] = {}
    exec("def values(x):\n    raise NotImplementedError()\n\ndef pair(x, w):\n    return values(x), 0.0\n", space)
    assert "It calls values, which is not written yet" in verdict(space["pair"]).message


def test_a_class_is_attempted_once_one_of_its_methods_is() -> None:
    class Blank:
        def build(self) -> None:
            raise NotImplementedError

        def call(self) -> None:
            """To write."""

    class Begun(Blank):
        def call(self) -> int:  # type: ignore[override]
            return 1

    assert untouched(Blank) is not None
    assert untouched(Begun) is None


# --------------------------------------------------------------------------- delegation


def test_calling_the_reference_is_told_by_name_and_cannot_be_swallowed() -> None:
    def swallows(x: np.ndarray, w: np.ndarray) -> Any:
        try:
            return reference(x, w)
        except BaseException:
            return answer(x, w)

    for obj in (lambda x, w: reference(x, w), swallows, lambda x, w: (reference(x, w), answer(x, w))[1]):
        found = verdict(obj)
        assert (found.status, found.score) == ("delegated", 0.0)
        assert "This calls the function you are asked to write" in found.message


def test_calling_the_engine_is_told() -> None:
    from minifit.losses import mean_squared_error

    found = verdict(lambda x, w: (mean_squared_error(x, w), answer(x, w)[1]))
    assert found.status == "delegated"
    assert "minifit.losses.mean_squared_error" in found.message
