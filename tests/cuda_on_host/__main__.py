"""``python -m tests.cuda_on_host script.py …`` or ``… -m module …``: run it with the pretend CUDA."""

import os
import runpy
import sys

from tests import cuda_on_host

if len(sys.argv) < 2 or (sys.argv[1] == "-m" and len(sys.argv) < 3):
    sys.exit(cuda_on_host.__doc__)
os.environ["CUDA_ON_HOST"] = "1"  # for the processes that pytest starts
cuda_on_host.install()
del sys.argv[0]
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
