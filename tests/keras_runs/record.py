"""Run every scenario with real Keras and write what it gave to ``recorded/*.json``; say what changed.

    python tests/keras_runs/record.py [--check] [NAME ...]

needs ``pip install keras torch``. A run that agrees with its record to 1e-12 is left as it stands, so that
recording again on another machine changes nothing. ``--check`` writes nothing and exits with 1 when something
would change. Names (or parts of them) restrict it to the scenarios that contain one.
"""

import argparse
import sys
from pathlib import Path

SAME = 1e-12


def main(arguments: list[str] | None = None) -> int:
    """Record, report, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*", help="record only the scenarios whose name contains one of these")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a record would change")
    given = parser.parse_args(arguments)

    sys.path.insert(0, str(Path(__file__).parents[1]))
    from keras_runs.exchange import FILE, WHOLE, model_to_exchange, whole_model
    from keras_runs.real_keras import keras_in_float64
    from keras_runs.scenarios import SCENARIOS, TOPICS
    from keras_runs.store import differences, encode, load, save

    keras = keras_in_float64()
    recorded_with = f"Keras {keras.__version__} on {keras.config.backend()}, {keras.config.floatx()}"
    print(recorded_with)
    changed = 0
    for topic in TOPICS:
        old = load(topic)
        own = {name: run for name, run in SCENARIOS.items() if name.startswith(f"{topic}.")}
        new = {name: old[name] for name in own if name in old}
        for name, run in own.items():
            if given.names and not any(part in name for part in given.names):
                continue
            outputs = encode(run(keras))
            found = list(differences(outputs, old[name], SAME)) if name in old else [("new", 0.0)]
            if found:
                new[name] = outputs
                changed += 1
                print(f"{name}: {found[0][0]}" + (f" and {len(found) - 1} more" if len(found) > 1 else ""))
        for name in sorted(set(old) - set(own)):
            changed += 1
            print(f"{name}: no scenario has this name any more; its record is dropped")
        if not given.check and new != old:
            save(topic, new, recorded_with)
    if not FILE.exists():
        changed += 1
        print(f"{FILE.name}: new")
        if not given.check:
            model_to_exchange(keras).save_weights(FILE)
    for kind, file in WHOLE.items():
        if not file.exists():
            changed += 1
            print(f"{file.name}: new")
            if not given.check:
                whole_model(keras, kind).save(file)
    print(f"{len(SCENARIOS)} scenarios, {changed} records {'would change' if given.check else 'changed'}")
    return 1 if given.check and changed else 0


if __name__ == "__main__":
    raise SystemExit(main())
