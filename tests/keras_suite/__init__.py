"""Keras' own unit tests, run with minifit in Keras' place.

    python -m tests.keras_suite [area ...] [-k EXPRESSION] [-v] [--list-failures FILE]

Needs Keras 3.15 (for its test files; it is never imported), pytest and absl-py; where TensorFlow, torch, JAX, pandas
or grain are missing, the tests that need them are counted as out of scope. Nothing of Keras is kept here:

- `shim` answers ``import keras...`` with modules whose names are looked up in minifit,
- `checks` is what the tests know as ``keras.src.testing``,
- `collect` loads the test files, and notes how each test ended,
- `scope` lists the files of each area, and the tests that are about something minifit does not set out to do.
"""
