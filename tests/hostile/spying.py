"""Submissions that read what is not theirs, and send it out. Where the walls hold they come to nothing."""

from __future__ import annotations

from hostile.case import attempt


def reading(path: object) -> str:
    return f"return open({str(path)!r}, 'rb').read(100)"


CASES = (
    attempt("reads_the_secret", lambda p: reading(p.secret)),
    attempt("reads_the_gradebook", lambda p: reading(p.gradebook)),
    attempt("reads_a_neighbour", lambda p: reading(p.neighbour)),
    attempt("reads_the_home_folder", lambda p: f"import os\nreturn os.listdir({str(p.home)!r})"),
    attempt("reads_a_key_at_home", lambda p: reading(p.home / ".ssh" / "id_rsa")),
    attempt("reads_the_solutions", lambda p: f"import os\nreturn os.listdir({str(p.solutions)!r})"),
    attempt("reads_the_reference", lambda p: reading(p.reference)),
    attempt("reads_the_passwords", reading("/etc/passwd")),
    attempt("reads_the_whole_disk", "import os\nreturn [n for n in os.listdir('/') if n in ('etc', 'var', 'boot')]"),
    attempt(
        "follows_a_link", lambda p: f"import os\nos.symlink({str(p.secret)!r}, 'link')\nreturn open('link').read()"
    ),
    attempt(
        "makes_a_hard_link", lambda p: f"import os\nos.link({str(p.secret)!r}, 'hard')\nreturn open('hard').read()"
    ),
    attempt("climbs_out", "import os\nos.chdir('../../../../../../..')\nreturn open('etc/passwd').read()"),
    attempt("reads_the_environment", "import os\nreturn [v for n, v in os.environ.items() if 'INSTRUCTOR' in n]"),
    attempt("reads_the_parents_environment", "import os\nreturn open(f'/proc/{os.getppid()}/environ').read()"),
    attempt(
        "reads_the_parents_memory",
        """
        import os
        line = open(f"/proc/{os.getppid()}/maps").readline()
        start = int(line.partition("-")[0], 16)
        memory = open(f"/proc/{os.getppid()}/mem", "rb")
        memory.seek(start)
        return memory.read(100)
        """,
    ),
    attempt(
        "reads_other_processes",
        "import os\nreturn [n for n in os.listdir('/proc') if n.isdigit() and int(n) > 2 and n != str(os.getpid())]",
    ),
    attempt(
        "traces_its_parent",
        "import ctypes, os\nlibrary = ctypes.CDLL(None)\nreturn library.ptrace(16, os.getppid(), None, None) == 0",
    ),
    attempt(
        "looks_at_its_open_files",
        """
        import os, stat
        found = []
        for number in range(4, 256):
            try:
                mode = os.fstat(number).st_mode
                found += [] if stat.S_ISCHR(mode) else [number]  # /dev/null and /dev/urandom are anybody's
            except OSError:
                pass
        return found
        """,
    ),
    attempt(
        "asks_the_network",
        "import urllib.request\nreturn urllib.request.urlopen('http://example.com', timeout=1).read(10)",
    ),
    attempt("asks_for_a_name", "import socket\nreturn socket.gethostbyname('example.com')"),
    attempt(
        "calls_a_local_server", lambda p: f"import socket\nreturn socket.create_connection(('127.0.0.1', {p.port}), 1)"
    ),
    attempt(
        "sends_a_datagram",
        lambda p: f"import socket\nreturn socket.socket(type=socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', {p.port}))",
    ),
    attempt("opens_a_server", "import socket\ns = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()\nreturn s"),
    attempt(
        "calls_a_daemon", "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('/run/docker.sock')\nreturn s"
    ),
)
