"""What of the file system a notebook's process may read: Python's own library, a few packages, no answer."""

from __future__ import annotations

import os
import sys
import sysconfig

Readable = list[tuple[str, tuple[str, ...]]]

_SITES = ("site-packages", "dist-packages")

#: Packages whose import gives the real thing. All others are not there, or, where they could do the work of
#: an exercise, stand-ins that say so.
PACKAGES = (
    *("numpy", "matplotlib", "mpl_toolkits", "pylab", "PIL", "contourpy", "cycler", "dateutil", "fontTools"),
    *("kiwisolver", "packaging", "pyparsing", "six", "tqdm", "threadpoolctl", "typing_extensions"),
)


def readable(own: list[str], packages: tuple[str, ...] = ()) -> Readable:
    """Files and folders to be seen, each with the names of folders in it that are not.

    Parameters
    ----------
    own : list of str
        Files and folders of this package.
    packages : tuple of str
        Names of packages to be seen beside `PACKAGES`.
    """
    shown: Readable = []
    for key in ("stdlib", "platstdlib"):
        path = sysconfig.get_path(key)
        if path and os.path.isfile(os.path.join(path, "os.py")):
            shown.append((path, _SITES))
    for folder in dict.fromkeys(sys.path):
        if folder.endswith(("lib-dynload", ".zip")) and not any(folder.startswith(f"{p}/") for p, _ in shown):
            shown.append((folder, ()))
        elif os.path.basename(folder) in _SITES and os.path.isdir(folder):
            shown += [(os.path.join(folder, name), ()) for name in _of(folder, (*PACKAGES, *packages))]
    shown += [(path, ()) for path in ("/usr/share/zoneinfo", "/etc/localtime", *own)]
    found = {path: without for path, without in shown if os.path.exists(path)}
    return list(found.items())


def _of(folder: str, packages: tuple[str, ...]) -> list[str]:
    """The entries of a folder of packages that belong to some: ``numpy``, ``numpy.libs``, ``six.py``."""
    wanted = {name.lower() for name in packages} | {"pillow"}  # the folder of PIL's libraries is called so
    return [name for name in sorted(os.listdir(folder)) if name.partition(".")[0].lower() in wanted]


def flat(shown: Readable) -> list[str]:
    """The same as folders without exceptions, for who can only allow: one with exceptions is taken apart."""
    paths = []
    for path, without in shown:
        inside = [os.path.join(path, name) for name in os.listdir(path) if name not in without] if without else [path]
        paths += inside
    return paths
