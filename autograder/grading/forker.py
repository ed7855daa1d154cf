"""The process that workers are forked from: warm, and clean.

It has NumPy and matplotlib in memory, so that a worker starts in milliseconds. It has never imported the
reference nor been told a secret: a fork carries all of its parent's memory. Started as a script, isolated; it
reads from the judge over one socket, whose requests bring two more: the worker's line to the judge, and its
keeper's. Linux only.

    judge ── forker ── keeper (its own line to the judge; ends everything when told to, or when the judge is gone)
                         └── init of a process namespace ── worker (its own line to the judge)
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import select
import signal
import socket
import struct
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

# Also what loads libraries of the system, which a worker cannot find any more.
_WARM = (
    *("ctypes", "hashlib", "zlib", "bz2", "lzma", "decimal", "uuid", "csv", "http.client", "urllib.request"),
    *("numpy", "numpy.random", "numpy.testing"),
    *("matplotlib.pyplot", "matplotlib.backends.backend_agg", "PIL.Image"),
)


def _worker() -> Any:
    spec = importlib.util.spec_from_file_location("_worker", HERE / "worker.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def main(descriptor: int) -> None:
    """Fork workers until the judge hangs up."""
    for name in _WARM:
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    worker = _worker()
    sandbox = worker.load("sandbox")
    worker.load("wire")
    worker.load_scenarios()
    root = tempfile.mkdtemp(prefix="root-", dir=os.getcwd())
    forker = Forker(worker, sandbox, root)
    gc.collect()
    gc.freeze()
    control = socket.socket(fileno=descriptor)
    trial = forker.trial()
    control.sendall(json.dumps({"apart": not trial, "why": trial}).encode() + b"\n")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for keepers
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 65536, 2)
        if not data:
            break
        forker.start(json.loads(data), descriptors, control)


class Forker:
    """Forks workers into the strongest walls there are.

    Parameters
    ----------
    worker, sandbox : module
    root : str
        An empty folder.
    """

    def __init__(self, worker: Any, sandbox: Any, root: str) -> None:
        self.worker, self.sandbox, self.root = worker, sandbox, root
        self.apart = False

    def trial(self) -> str:
        """Find out whether a child can be given namespaces of its own. Returns why not, or nothing."""
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            said = ""
            try:
                readable = self.sandbox.library.readable(self.worker.OWN)
                self.sandbox.namespaces.enter(self.root, readable, 2**20)
                if not os.fork():
                    Path("trial").write_text("x", encoding="ascii")
                    os._exit(0)
                _, status = os.wait()
                said = "" if status == 0 else "a process in its own namespaces does not live"
            except BaseException as error:
                said = f"{type(error).__name__}: {error}"
            os.write(writing, said.encode()[:2000])
            os._exit(0)
        os.close(writing)
        said = os.read(reading, 4000).decode()
        os.close(reading)
        os.waitpid(child, 0)
        self.apart = not said
        return said

    def start(self, request: dict[str, Any], descriptors: list[int], control: socket.socket) -> None:
        """Fork a keeper, which forks the rest; this process goes on at once."""
        if os.fork():
            for one in descriptors:
                os.close(one)
            control.send(b".")
            return
        try:
            control.close()
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._keep(request, *descriptors)
        except BaseException:
            traceback.print_exc(file=sys.__stderr__)
        finally:
            os._exit(70)

    def _keep(self, request: dict[str, Any], line: int, judge: int) -> None:
        """Be the keeper: start the worker, wait for its end or the judge's word, leave nothing behind."""
        os.setsid()
        kernel = self.sandbox.kernel
        Path("/proc/self/oom_score_adj").write_text("500", encoding="ascii")  # before the judge, should memory run out
        readable = self.sandbox.library.readable(self.worker.OWN, tuple(request["packages"]))
        folder = request["folder"]
        ended, ending = os.pipe()
        if self.apart:
            folder = self.sandbox.namespaces.WORK
            self.sandbox.namespaces.enter(self.root, readable, request["limits"]["disk"])
        else:
            kernel.prctl(kernel.ADOPT_ORPHANS, 1)
        first = os.fork()
        if not first:
            os.close(judge)
            os.close(ended)
            if self.apart:
                kernel.prctl(kernel.DIE_WITH_PARENT, signal.SIGKILL)
                self._init(request, line, ending, folder, readable)
            else:
                os.close(ending)
                self._work(request, line, folder, readable)
            os._exit(70)
        os.close(line)
        os.close(ending)
        status = b""
        if self.apart:
            waiting, _, _ = select.select([ended, judge], [], [])
            if ended in waiting:
                status = os.read(ended, 4)
            else:
                os.kill(first, signal.SIGKILL)
            os.waitpid(first, 0)  # the kernel ends everything in the namespace before this returns
        else:
            status = _wait_outside(first, judge)
        with contextlib.suppress(OSError):
            os.write(judge, status)
        os._exit(0)

    def _init(self, request: dict[str, Any], line: int, ending: int, folder: str, readable: Any) -> None:
        """Be the first process of the namespace, whose end is the end of all others."""
        worker = os.fork()
        if not worker:
            os.close(ending)
            self._work(request, line, folder, readable)
            os._exit(70)
        os.close(line)
        while True:
            pid, status = os.wait()
            if pid == worker:
                os.write(ending, struct.pack("=i", status))
                os._exit(0)

    def _work(self, request: dict[str, Any], line: int, folder: str, readable: Any) -> None:
        os.setsid()
        os.chdir(folder)
        for name in ("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "MPLCONFIGDIR"):
            os.environ[name] = folder
        tempfile.tempdir = None
        os.dup2(line, 3)
        os.closerange(4, 1024)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.close(null)
        walls = self.sandbox.confine(request["limits"], folder, readable, self.apart)
        self.worker.serve(3, 3, walls, request["limits"], request["packages"])
        os._exit(0)


def _wait_outside(worker: int, judge: int) -> bytes:
    """Without a process namespace: wait for the worker or the judge's word, then end all that was started.

    What a worker starts is adopted by this process when its parent is gone, so nothing gets away by that.
    """
    status = b""
    while not status:
        if select.select([judge], [], [], 0.01)[0]:
            break
        pid, code = os.waitpid(worker, os.WNOHANG)
        status = struct.pack("=i", code) if pid else b""
    while True:
        for child in _children():
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return status


def _children() -> list[int]:
    """Processes whose parent this one is."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                parent = Path("/proc", entry, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[1]
                if int(parent) == os.getpid():
                    found.append(int(entry))
    return found


if __name__ == "__main__":
    main(int(sys.argv[1]))
