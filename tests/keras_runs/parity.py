"""Replay every recorded run of Keras with minifit, in double and in single precision, and print how far apart they are.

    python tests/keras_runs/parity.py [--write FILE]

needs no Keras: the runs are recorded. A difference is ``|minifit - Keras| / (1 + |Keras|)``, the largest over all
numbers of all runs of a topic. Both precisions are compared with what Keras gave in double precision.
"""

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

TOLERANCES = {"float64": 1e-10, "float32": 1e-5}
ONLY_DOUBLE = {
    "losses.saturated_probabilities_are_clipped_and_give_no_gradient[binary]": (
        "1 - 1e-7 is 0.99999988 in single precision, so that a wrong prediction costs at most 15.94, as in Keras"
    ),
    "losses.every_loss_trains[MeanAbsolutePercentageError, numbers]": (
        "it divides by labels near 0, which magnifies the rounding of weights to 7e-5"
    ),
    "optimizers.optimizer_is_described_by_its_arguments": "compared as text, in which 0.1 reads 0.10000000149",
    "optimizers.a_rule_of_the_users_own_is_called_variable_by_variable": "the same",
}
"""Beginnings of the names of runs that only double precision repeats to 1e-5, with the reason."""


@contextmanager
def floats(keras: Any, name: str) -> Iterator[None]:
    """Compute in a float type inside the block."""
    before = keras.config.floatx()
    keras.config.set_floatx(name)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def replay(keras: Any, name: str, floatx: str, recorded: Any) -> Any:
    """The encoded outputs of a scenario; where the record says float64, `floatx` is called that, too."""
    from keras_runs.scenarios import SCENARIOS
    from keras_runs.store import encode

    with floats(keras, floatx):
        return _as_recorded(encode(SCENARIOS[name](keras)), recorded, floatx)


def _as_recorded(value: Any, recorded: Any, floatx: str) -> Any:
    if isinstance(value, dict) and isinstance(recorded, dict):
        renamed = {"dtype": "float64"} if (value.get("dtype"), recorded.get("dtype")) == (floatx, "float64") else {}
        return {key: _as_recorded(item, recorded.get(key), floatx) for key, item in value.items()} | renamed
    if isinstance(value, list) and isinstance(recorded, list) and len(value) == len(recorded):
        return [_as_recorded(item, other, floatx) for item, other in zip(value, recorded, strict=True)]
    return value


def precisions(name: str) -> list[str]:
    """The float types in which a run is compared."""
    return ["float64"] if name.startswith(tuple(ONLY_DOUBLE)) else [*TOLERANCES]


def numbers(value: Any) -> int:
    """How many floats an encoded output holds."""
    if isinstance(value, (dict, list)):
        return sum(map(numbers, value.values() if isinstance(value, dict) else value))
    return isinstance(value, float)


def table(keras: Any) -> list[tuple[str, int, int, float, float]]:
    """A row a topic: its name, runs, numbers compared, largest difference in float64 and in float32."""
    from keras_runs.scenarios import TOPICS
    from keras_runs.store import differences, load

    rows = []
    for topic in TOPICS:
        recorded = load(topic)
        worst = dict.fromkeys(TOLERANCES, 0.0)
        for name, run in recorded.items():
            for floatx in precisions(name):
                found = differences(replay(keras, name, floatx, run), run, 0.0)
                worst[floatx] = max(worst[floatx], max((size for _, size in found), default=0.0))
        rows.append((topic, len(recorded), numbers(recorded), worst["float64"], worst["float32"]))
    return rows


def as_text(rows: list[tuple[str, int, int, float, float]]) -> str:
    """The table in Markdown, with a last row for all topics."""
    total = ("all", sum(r[1] for r in rows), sum(r[2] for r in rows), max(r[3] for r in rows), max(r[4] for r in rows))
    lines = ["| | runs | numbers compared | float64 | float32 |", "|---|---:|---:|---:|---:|"]
    lines += [f"| {t} | {n} | {m:,} | {double:.0e} | {single:.0e} |" for t, n, m, double, single in [*rows, total]]
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> int:
    """Print the table; return 1 if a tolerance is exceeded."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--write", metavar="FILE", type=Path, help="put the table between the marks of this page")
    given = parser.parse_args(arguments)
    sys.path.insert(0, str(Path(__file__).parents[1]))
    warnings.simplefilter("ignore")
    import minifit

    rows = table(minifit)
    text = as_text(rows)
    print(text)
    if given.write:
        page = given.write.read_text(encoding="utf-8")
        before, mark, rest = page.partition("<!-- parity -->\n")
        _, end, after = rest.partition("<!-- /parity -->")
        if not (mark and end):
            raise SystemExit(f"{given.write} has no <!-- parity --> and <!-- /parity --> to write between")
        given.write.write_text(before + mark + text + "\n" + end + after, encoding="utf-8")
    return int(any(r[3] > TOLERANCES["float64"] or r[4] > TOLERANCES["float32"] for r in rows))


if __name__ == "__main__":
    raise SystemExit(main())
