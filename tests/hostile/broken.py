"""Submissions that die, hang or close what they should not."""

from __future__ import annotations

from hostile.case import HONEST, answer, attempt, body, first

ENDLESS = "while True:\n    pass"

CASES = (
    body("exits_0", "import os\nos._exit(0)", "exit code 0"),
    body("exits_3", "import os\nos._exit(3)", "exit code 3"),
    body("raises_system_exit", "import sys\nsys.exit('done')", "SystemExit"),
    body("kills_itself", "import os\nos.kill(os.getpid(), 9)", "SIGKILL"),
    body("aborts", "import os\nos.abort()", "SIGABRT"),
    body("segfault", "import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    body("stops_itself", "import os, signal\nos.kill(os.getpid(), signal.SIGSTOP)", "took longer"),
    attempt("kills_its_parent", "import os\nos.kill(os.getppid(), 9)"),
    body("kills_everybody", "import os\nos.kill(-1, 9)\nos.killpg(0, 9)"),
    body(
        "recursion_without_end", "import sys\nsys.setrecursionlimit(10**9)\nreturn mean_squared_error(y_true, y_pred)"
    ),
    body("never_ends", ENDLESS, "took longer"),
    body("sleeps", "import time\ntime.sleep(10**6)", "took longer"),
    body(
        "waits_for_itself", "import threading\nlock = threading.Lock()\nlock.acquire()\nlock.acquire()", "took longer"
    ),
    body(
        "ignores_signals",
        """
        import signal
        for number in range(1, 65):
            try:
                signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError):
                pass
        while True:
            try:
                while True:
                    pass
            except BaseException:
                pass
        """,
        "took longer",
    ),
    body("asks_a_question", "return input('the answer? ')", "nobody answers input"),
    body("interrupts", "raise KeyboardInterrupt", "KeyboardInterrupt"),
    body("closes_every_file", f"import os\nos.closerange(0, 100)\nreturn {HONEST}"),
    body("replaces_its_program", "import os, sys\nos.execv(sys.executable, ['python', '-c', 'pass'])", "ermi"),
    answer(
        "exception_that_hangs",
        """
        class Odd(Exception):
            def __str__(self):
                while True:
                    pass

        def mean_squared_error(y_true, y_pred):
            raise Odd
        """,
        "took longer",
    ),
    answer(
        "exception_without_text",
        """
        class Odd(Exception):
            def __str__(self):
                raise self
            __repr__ = __str__

        def mean_squared_error(y_true, y_pred):
            raise Odd
        """,
        "Odd",
    ),
    answer("cell_never_ends", f"{ENDLESS}\nmean_squared_error = None", "did not come back"),
    answer("cell_exits", "import os\nos._exit(0)", "did not come back"),
    answer("cell_is_no_python", "def mean_squared_error(y_true, y_pred)\n    return 0", "SyntaxError"),
    answer("cell_raises", "raise RuntimeError('no')\n\n\ndef mean_squared_error(y_true, y_pred):\n    return 0", "no"),
    answer(
        "test_call_that_never_ends",
        f"def mean_squared_error(y_true, y_pred):\n    return {HONEST}\n\n\n{ENDLESS}",
        loses=(),
    ),
    answer(
        "test_call_that_kills",
        f"import os\n\n\ndef mean_squared_error(y_true, y_pred):\n    return {HONEST}\n\n\nos.kill(os.getpid(), 9)",
        loses=(),
    ),
    first("exits_when_it_ends", "import atexit, os, signal\natexit.register(os._exit, 3)\nsignal.alarm(1)"),
    first(
        "thread_that_never_ends",
        """
        import threading, time

        def busy():
            while True:
                time.sleep(0.001)

        threading.Thread(target=busy).start()
        """,
    ),
    first("warnings_are_errors", "import warnings\nwarnings.simplefilter('error')\nnp.seterr(all='raise')"),
    first("recursion_limit_of_30", "import sys\nsys.setrecursionlimit(max(60, len([0])))"),
)
