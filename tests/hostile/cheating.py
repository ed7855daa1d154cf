"""Points that were not earned: comparisons rebound, answers looked for, answers borrowed, verdicts forged."""

from __future__ import annotations

import copy
import json

import numpy as np

from autograder.exercise import get
from autograder.judge import reference_outputs
from autograder.notebook import PUBLIC_SEED
from hostile.case import FIRST, HONEST, Case, Notebook, Places, answer, body, first, with_answer

ZEROS = "np.zeros(len(y_true))"


def with_cell(notebook: Notebook, source: str, **metadata: object) -> Notebook:
    """A copy with one cell more at its end."""
    changed = copy.deepcopy(notebook)
    changed["cells"].append({"cell_type": "code", "source": source, "metadata": metadata, "outputs": []})
    return changed


def forged_outputs(notebook: Notebook, _: Places) -> Notebook:
    changed = with_answer(notebook, "def mean_squared_error(y_true, y_pred):\n    return 0")
    for cell in changed["cells"]:
        if cell["cell_type"] == "code":
            result = {
                "output_type": "execute_result",
                "execution_count": 1,
                "metadata": {},
                "data": {"text/plain": "2.0"},
            }
            cell["outputs"] = [result]
    return changed


def forged_points(notebook: Notebook, _: Places) -> Notebook:
    changed = with_answer(notebook, "def mean_squared_error(y_true, y_pred):\n    return 0")
    for cell in changed["cells"]:
        cell["metadata"].setdefault("nbgrader", {})["points"] = 1000
    return changed


def forged_check(notebook: Notebook, _: Places) -> Notebook:
    changed = with_answer(notebook, "def mean_squared_error(y_true, y_pred):\n    return 0")
    for cell in changed["cells"]:
        if cell["cell_type"] == "code" and "check(" in cell["source"]:
            cell["source"] = "2.0"
    return changed


def another_graded_cell(notebook: Notebook, _: Places) -> Notebook:
    made_up = {
        "grade": True,
        "grade_id": "bonus",
        "points": 100,
        "solution": False,
        "locked": True,
        "schema_version": 3,
    }
    wrong = with_answer(notebook, "def mean_squared_error(y_true, y_pred):\n    return 0")
    return with_cell(wrong, "100.0", nbgrader=made_up)


def twice_the_check(notebook: Notebook, _: Places) -> Notebook:
    wrong = with_answer(notebook, "def mean_squared_error(y_true, y_pred):\n    return 0")
    check = next(c for c in wrong["cells"] if c["metadata"].get("nbgrader", {}).get("grade_id") == "losses-log_softmax")
    return {**wrong, "cells": [*wrong["cells"], copy.deepcopy(check), copy.deepcopy(check)]}


def public_cases_by_heart(notebook: Notebook, _: Places) -> Notebook:
    exercise = get(FIRST)
    known = {}
    for seed in (PUBLIC_SEED, PUBLIC_SEED + 1):
        for inputs in exercise.cases(np.random.default_rng(seed)).values():
            key = json.dumps([np.asarray(x).tolist() for x in inputs])
            known[key] = np.asarray(reference_outputs(exercise, inputs)).tolist()
    text = f"""
import json
KNOWN = {known!r}


def mean_squared_error(y_true, y_pred):
    return np.array(KNOWN.get(json.dumps([np.asarray(y_true).tolist(), np.asarray(y_pred).tolist()]), 0.0))
"""
    return with_answer(notebook, text)


LIAR = """
class Liar(np.ndarray):
    __eq__ = __le__ = __lt__ = __ge__ = lambda *_: np.True_
    __sub__ = __rsub__ = __abs__ = lambda self, *_: 0.0
    shape = property(lambda self: (len(self),))
    def __array_finalize__(self, _): pass
    def __array_ufunc__(self, *_, **__): return np.True_
    def __array_function__(self, *_, **__): return True


def mean_squared_error(y_true, y_pred):
    return np.zeros(len(y_true)).view(Liar)
"""

ALWAYS_EQUAL = """
class Equal:
    __eq__ = __le__ = __ge__ = lambda *_: True
    __len__ = lambda self: 1
    __float__ = lambda self: 0.0
    __hash__ = None
    def __array__(self, *_, **__): return np.zeros(3)
    def _repr_html_(self): return "<b>Right. 2 of 2 points</b><script>alert(1)</script>"
    __repr__ = lambda self: "array([0., 0.])"


def mean_squared_error(y_true, y_pred):
    return Equal()
"""

LOOK_UP_THE_STACK = f"""
    import sys
    frame, seen = sys._getframe(), []
    while frame is not None:
        for names in (frame.f_locals, frame.f_globals):
            for name in list(names):
                if name in ("expected", "reference", "trial", "trials", "exercise", "secret", "seed"):
                    seen.append(names[name])
        frame = frame.f_back
    return seen[0] if seen else {ZEROS}
"""

LOOK_THROUGH_MEMORY = f"""
    import gc
    for thing in gc.get_objects():
        if type(thing).__name__ in ("Exercise", "Mistake", "Trial"):
            return thing.reference(y_true, y_pred)
        name = getattr(thing, "__name__", "") if callable(thing) else ""
        if name == "mean_squared_error" and thing is not globals()["mean_squared_error"]:
            return thing(y_true, y_pred)
    return {ZEROS}
"""

# Guesses where the line to the judge is, and says on it what it would like to be true.
SPEAK_FOR_THE_WORKER = f"""
    import json, os, struct
    said = json.dumps({{"outputs": None, "score": 1.0, "status": "right", "points": 99, "found": True}}).encode()
    for line in range(3, 64):
        try:
            os.write(line, struct.pack(">Q", len(said)) + said)
        except OSError:
            pass
    return {ZEROS}
"""

TAKE_THE_WORKER_OVER = """
import gc, sys
for module in list(sys.modules.values()):
    for name in ("pack", "_pack", "Worker", "same", "_same", "judge", "difference"):
        if getattr(module, "__name__", "").endswith(("wire", "worker", "judge", "compare")) and hasattr(module, name):
            thing = getattr(module, name)
            if name == "Worker":
                thing.call = lambda self, message: {"outputs": [], "score": 1.0, "status": "right", "mutated": []}
            else:
                setattr(module, name, lambda *_, **__: True)


def mean_squared_error(y_true, y_pred):
    return 0
"""


def borrowing(package: str, call: str) -> Case:
    return answer(
        f"borrows_from_{package.partition('.')[0]}",
        f"import {package}\n\n\ndef mean_squared_error(y_true, y_pred):\n    return {call}",
        call.partition("(")[0].rpartition(".")[2],
    )


CASES = (
    answer("object_equal_to_everything", ALWAYS_EQUAL, "Equal"),
    answer("array_that_lies", LIAR),
    answer(
        "number_equal_to_everything",
        """
        class Number(float):
            __eq__ = __le__ = __lt__ = lambda *_: True
            __sub__ = __rsub__ = __abs__ = lambda *_: 0.0
            __hash__ = float.__hash__

        def mean_squared_error(y_true, y_pred):
            return [Number(0) for _ in y_true]
        """,
    ),
    first(
        "numpy_testing_rebound",
        """
        import math, operator
        for name in ("assert_allclose", "assert_array_equal", "assert_equal", "assert_almost_equal"):
            setattr(np.testing, name, lambda *_, **__: None)
        np.allclose = np.array_equal = np.isclose = math.isclose = operator.eq = lambda *_, **__: True
        _HONEST = False
        """,
    ),
    answer(
        "comparisons_rebound_and_wrong",
        """
        import builtins, math
        np.allclose = np.array_equal = np.isclose = np.abs = math.isclose = lambda *_, **__: True
        builtins.all = builtins.any = lambda *_: True
        builtins.abs = lambda _: 0

        def mean_squared_error(y_true, y_pred):
            return y_true
        """,
    ),
    answer(
        "numpy_patched",
        """
        np.mean = np.sum = np.square = np.subtract = np.asarray = np.exp = np.log = np.max = lambda *a, **k: a[0]
        np.random.default_rng = lambda *_: None

        def mean_squared_error(y_true, y_pred):
            return np.mean(y_true)
        """,
    ),
    answer("check_rebound", "check = lambda *_, **__: 2.0\n\n\ndef mean_squared_error(y_true, y_pred):\n    return 0"),
    answer(
        "module_of_checks_replaced",
        """
        import sys, types
        fake = types.ModuleType("autograder")
        fake.check = lambda *_, **__: 2.0
        sys.modules["autograder"] = sys.modules["autograder.judge"] = sys.modules["autograder.scenarios"] = fake

        def mean_squared_error(y_true, y_pred):
            return 0
        """,
    ),
    answer("worker_taken_over", TAKE_THE_WORKER_OVER, loses="all"),
    body("speaks_for_the_worker", SPEAK_FOR_THE_WORKER),
    body("stack_read", LOOK_UP_THE_STACK),
    body("memory_searched", LOOK_THROUGH_MEMORY),
    body("reference_imported", "import autograder.exercises.losses as l\nreturn l.mean_squared_error(y_true, y_pred)"),
    body(
        "reference_from_the_bank",
        'from autograder.exercise import get\nreturn get("losses.mean_squared_error").reference(y_true, y_pred)',
    ),
    body("solution_run", 'from autograder import solution\nexec(solution("losses.mean_squared_error"))\nreturn None'),
    Case(
        "reference_read_from_its_file",
        lambda notebook, places: with_answer(
            notebook,
            f"""
            import importlib.util
            spec = importlib.util.spec_from_file_location("stolen", {str(places.reference)!r})
            stolen = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(stolen)
            mean_squared_error = stolen.mean_squared_error
            """,
        ),
        says="No such file",
    ),
    answer(
        "reference_replaced",
        """
        import autograder.exercises.losses as bank, autograder.exercise as declared

        def mean_squared_error(y_true, y_pred):
            return 0

        bank.mean_squared_error = mean_squared_error
        declared.get("losses.mean_squared_error").reference = mean_squared_error
        """,
    ),
    body("engine_called", "import minifit\nreturn minifit.losses.mean_squared_error(y_true, y_pred)", "minifit.losses"),
    answer("engine_in_its_place", "from minifit.losses import mean_squared_error", "minifit.losses"),
    body("kept_earlier", "from mine.losses import mean_squared_error as kept\nreturn kept(y_true, y_pred)"),
    borrowing("keras.losses", "keras.losses.mean_squared_error(y_true, y_pred)"),
    borrowing("torch", "torch.nn.functional.mse_loss(y_pred, y_true, reduction='none').mean(-1)"),
    borrowing("sklearn.metrics", "sklearn.metrics.mean_squared_error(y_true.T, y_pred.T, multioutput='raw_values')"),
    borrowing("scipy.special", "scipy.special.huber(1e9, y_pred - y_true).mean(-1)"),
    borrowing("tensorflow", "tensorflow.keras.losses.MSE(y_true, y_pred).numpy()"),
    Case(
        "neighbour_imported",
        lambda notebook, places: with_answer(
            notebook,
            f"""
            import json
            for cell in json.load(open({str(places.neighbour)!r}))["cells"]:
                if "def mean_squared_error" in "".join(cell["source"]):
                    exec("".join(cell["source"]))
            """,
        ),
        says="No such file",
    ),
    answer(
        "module_handed_in",
        "from helper import mean_squared_error",
        "helper",
        **{"helper.py": f"import numpy as np\ndef mean_squared_error(y_true, y_pred):\n    return {HONEST}\n"},
    ),
    Case("outputs_forged", forged_outputs),
    Case("points_forged", forged_points),
    Case("check_edited", forged_check),
    Case("graded_cell_added", another_graded_cell),
    Case("check_pasted_twice", twice_the_check),
    Case("public_cases_by_heart", public_cases_by_heart),
    body("shows_a_verdict", f"print('Right. losses.mean_squared_error: 2 of 2 points.')\nreturn {ZEROS}"),
    body("changes_its_input", f"result = {HONEST}\ny_pred[...] = 0\nreturn result", "changed its input"),
    answer(
        "remembers_calls",
        f"""
        calls = []

        def mean_squared_error(y_true, y_pred):
            calls.append(1)
            return {HONEST} * (1 if len(calls) < 3 else 2)
        """,
    ),
    body("text_of_the_numbers", f"return [str(v) for v in {HONEST}]"),
    body("array_of_objects", f"return np.array([complex(v) for v in {HONEST}], dtype=object)"),
    body("complex_numbers", f"return {HONEST} + 0j"),
    body("promise_of_values", f"return (v for v in {HONEST})", "generator"),
    body("ellipsis", "return ..."),
    body("nan_everywhere", "return np.full(len(y_true), np.nan)"),
    answer(
        "verdict_as_exception",
        """
        class Right(Exception):
            score = 1.0
            status = "right"

        def mean_squared_error(y_true, y_pred):
            raise Right("Right. 2 of 2 points")
        """,
        "Right",
    ),
)
