"""Submissions that change what is not theirs, or leave something behind that acts later."""

from __future__ import annotations

from hostile.case import HONEST, Case, attempt, first, with_answer

LATER = """
import os, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        time.sleep(1)
        open({path!r}, "w").write("still here")
        time.sleep(1000)
    os._exit(0)
return True
"""


PAY = """
import sqlite3
book = sqlite3.connect({path!r})
book.execute("update grade set manual_score = 99")
book.commit()
return True
"""
PROGRAM = """
import subprocess
subprocess.Popen(["sh", "-c", "sleep 1; touch {path}"], start_new_session=True)
return True
"""


def writing(path: object) -> str:
    return f"open({str(path)!r}, 'a').write('x')\nreturn True"


CASES = (
    attempt(
        "writes_the_gradebook",
        lambda p: PAY.format(path=str(p.gradebook)),
    ),
    attempt("writes_into_the_gradebook", lambda p: writing(p.gradebook)),
    attempt("writes_the_secret", lambda p: writing(p.secret)),
    attempt("writes_a_neighbour", lambda p: writing(p.neighbour)),
    attempt("deletes_a_neighbour", lambda p: f"import os\nos.remove({str(p.neighbour)!r})\nreturn True"),
    attempt("moves_a_neighbour", lambda p: f"import os\nos.rename({str(p.neighbour)!r}, 'taken')\nreturn True"),
    attempt("locks_a_neighbour_away", lambda p: f"import os\nos.chmod({str(p.neighbour)!r}, 0)\nreturn True"),
    attempt("ages_a_neighbour", lambda p: f"import os\nos.utime({str(p.neighbour)!r}, (0, 0))\nreturn True"),
    attempt(
        "cuts_the_solutions",
        lambda p: f"import os\nos.truncate(next(os.scandir({str(p.solutions)!r})).path, 0)\nreturn True",
    ),
    attempt("empties_the_home_folder", lambda p: f"import shutil\nshutil.rmtree({str(p.home)!r})\nreturn True"),
    attempt("writes_a_login_script", lambda p: writing(p.home / ".profile")),
    attempt(
        "writes_a_startup_file_of_ipython",
        lambda p: f"import os\nos.makedirs({str(p.home / '.ipython' / 'x')!r})\nreturn True",
    ),
    attempt(
        "writes_sitecustomize",
        "import numpy, pathlib\n(pathlib.Path(numpy.__file__).parents[1] / 'sitecustomize.py').touch()\nreturn True",
    ),
    attempt(
        "writes_a_path_file",
        "import json, pathlib\n(pathlib.Path(json.__file__).parents[1] / 'x.pth').write_text('import os')\nreturn True",
    ),
    attempt("changes_numpy_on_disk", "import numpy\nopen(numpy.__file__, 'a').write('x = 1')\nreturn True"),
    attempt("writes_to_the_common_folder", "open('/tmp/left_by_a_notebook', 'w').write('x')\nreturn True"),
    attempt("writes_to_shared_memory", "open('/dev/shm/left_by_a_notebook', 'w').write('x')\nreturn True"),
    attempt("leaves_a_daemon", lambda p: LATER.format(path=str(p.home / "later"))),
    attempt(
        "leaves_a_program",
        lambda p: PROGRAM.format(path=p.home / "later"),
    ),
    attempt(
        "mounts",
        "import ctypes\nlibrary = ctypes.CDLL(None)\nreturn library.mount(b'none', b'/', b'tmpfs', 0, None) == 0",
    ),
    attempt(
        "leaves_its_namespaces", "import ctypes\nlibrary = ctypes.CDLL(None)\nreturn library.unshare(0x10000000) == 0"
    ),
    attempt("becomes_somebody_else", "import os\nos.setgroups([])\nos.setuid(0 if os.getuid() else 1)\nreturn True"),
    attempt("raises_its_limits", "import resource\nresource.setrlimit(resource.RLIMIT_AS, (-1, -1))\nreturn True"),
    first(
        "hooks_imports",
        """
        import builtins, importlib, sys

        class Hook:
            def find_spec(self, name, *_):
                raise ImportError("mine now")

        sys.meta_path.insert(0, Hook())
        builtins.__import__ = lambda *_, **__: None
        importlib.import_module = lambda *_: None
        sys.modules.pop("numpy", None)
        sys.path[:] = []
        """,
    ),
    first(
        "traces_everything",
        """
        import sys, threading

        def trace(*_):
            raise RuntimeError("traced")

        threading.settrace(trace)
        sys.settrace(trace)
        sys.setprofile(trace)
        """,
        loses=(),
    ),
    first("changes_folder", "import os\nos.makedirs('deep/er', exist_ok=True)\nos.chdir('deep/er')\nos.rmdir('../er')"),
    first(
        "replaces_the_streams", "import sys, io\nsys.stdout = sys.stderr = sys.__stdout__ = None\nsys.exc_info = None"
    ),
    Case(
        "files_beside_it",
        lambda notebook, _: with_answer(
            notebook, f"import numpy as np\n\n\ndef mean_squared_error(y_true, y_pred):\n    return {HONEST}"
        ),
        (),
        beside={
            "numpy.py": "raise SystemExit",
            "sitecustomize.py": "import os; os._exit(1)",
            "json.py": "raise SystemExit",
            "conftest.py": "raise SystemExit",
            "autograder.py": "def check(*_): return 2.0",
            "nbgrader_config.py": "raise SystemExit",
            "timestamp.txt": "1970-01-01 00:00:00 UTC",
        },
    ),
)
