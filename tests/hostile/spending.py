"""Submissions that use up memory, disk, processes, files or the patience of who reads what they say."""

from __future__ import annotations

from hostile.case import HONEST, Case, Notebook, Places, answer, body, first, with_answer

FILL = "held = []\nwhile True:\n    held.append(np.empty(2**24))"


def long_line(notebook: Notebook, _: Places) -> Notebook:
    """50 MB of output handed in with the notebook."""
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "x" * 12_000_000}]
            break
    return notebook


CASES = (
    body("array_of_terabytes", "return np.ones(10**12)", "MemoryError"),
    body("fills_memory", FILL.replace("held = []", "held = globals().setdefault('held', [])"), "MemoryError"),
    answer("cell_fills_memory", FILL, "MemoryError"),
    body("text_of_gigabytes", "return 'x' * (10**9 * 8)", "MemoryError"),
    body(
        "forks_without_end",
        f"""
        import os
        while True:
            try:
                os.fork()
            except OSError:
                return {HONEST}
        """,
        loses=(),
    ),
    body(
        "starts_programs_without_end",
        f"""
        import subprocess, sys
        try:
            while True:
                subprocess.Popen([sys.executable, "-c", "while True: pass"])
        except OSError:
            return {HONEST}
        """,
        loses=(),
    ),
    body(
        "threads_without_end",
        f"""
        import threading, time
        try:
            for _ in range(100_000):
                threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
        except RuntimeError:
            pass
        return {HONEST}
        """,
        loses=(),
    ),
    body("fills_the_disk", "with open('big', 'wb') as f:\n    while True:\n        f.write(bytes(2**20))"),
    body(
        "fills_the_disk_with_small_files",
        f"""
        number = 0
        try:
            while True:
                with open(f"small-{{number}}", "wb") as file:
                    file.write(bytes(2**16))
                number += 1
        except OSError:
            return {HONEST}
        """,
        loses=(),
    ),
    body("opens_files_without_end", "held = []\nwhile True:\n    held.append(open('x', 'w'))", "OSError"),
    body("prints_without_end", "while True:\n    print('x' * 10**6)", "took longer"),
    first(
        "prints_much",
        """
        import os, sys
        print("x" * 10**7)
        os.write(1, b"junk" * 10**6)
        os.write(2, b"junk")
        sys.__stdout__.write("junk")
        """,
    ),
    body("array_of_200_mb", "return np.zeros(25_000_000)", "an array of 190 MB"),
    body("list_of_millions", "return [0] * 5_000_000", "5,000,000 items"),
    body("list_of_empty_lists", "return [[[] for _ in range(1000)] for _ in range(4000)]"),
    body("nested_very_deep", "value = []\nfor _ in range(100_000):\n    value = [value]\nreturn value", "nested"),
    body("holds_itself", "value = []\nvalue.append(value)\nreturn value"),
    body("text_of_40_mb", "return 'x' * 40_000_000", "a text of 38 MB"),
    answer(
        "list_without_end",
        """
        class Endless(list):
            def __iter__(self):
                while True:
                    yield 0.0
            __len__ = lambda self: 3

        def mean_squared_error(y_true, y_pred):
            return Endless()
        """,
    ),
    body("number_of_a_million_digits", "return 1 << 3_000_000"),
    body("exception_of_30_mb", "raise ValueError('x' * 30_000_000)", "ValueError"),
    Case("long_output_handed_in", long_line, ()),
    answer("cell_of_300_kb", "x = '" + "x" * 300_000 + "'", ""),
    Case(
        "nested_beyond_the_parser",
        lambda notebook, _: with_answer(notebook, "mean_squared_error = " + "(" * 50_000 + ")" * 50_000),
    ),
    body("regular_expression_without_end", "import re\nreturn re.match('(a+)+$', 'a' * 60 + 'b')", "took longer"),
)
