"""Files fetched once and kept: where they lie and how they get there whole or not at all."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path


def cache_folder() -> Path:
    """The folder for fetched data sets, which need not exist yet.

    ``$MINIFIT_HOME/datasets`` if that variable is set, else ``minifit/datasets`` in the platform's cache folder
    (``$XDG_CACHE_HOME`` or ``~/.cache``; ``~/Library/Caches`` on macOS; ``%LOCALAPPDATA%`` on Windows).
    """
    if home := os.environ.get("MINIFIT_HOME"):
        return Path(home).expanduser() / "datasets"
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "minifit" / "datasets"


def fetch(
    urls: Iterable[str],
    destination: Path,
    check: Callable[[bytes], object],
    limit: int,
    timeout: float = 30.0,
) -> None:
    """Download a file from the first address that gives the right content.

    `destination` appears complete and checked, or not at all, whatever interrupts the download.

    Parameters
    ----------
    urls : iterable of str
        Addresses of the same file, tried in turn.
    destination : Path
        Where to write it. Folders on the way are made.
    check : callable
        Gets the content and raises ValueError, with the reason as its text, if it is not the expected one.
    limit : int
        The most bytes to accept.
    timeout : float
        Seconds without an answer after which an address is given up.

    Raises
    ------
    ConnectionError
        If no address gave the right content; the text has one line an address, with the reason.
    OSError
        If `destination` cannot be written.
    """
    # These two take longer to import than the rest of the package's data modules together,
    # and most sessions never download anything.
    from http.client import HTTPException
    from urllib.request import urlopen

    # First of all, so that a folder that cannot be written is known before minutes of waiting.
    destination.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in urls:
        try:
            with urlopen(url, timeout=timeout) as response:
                content = response.read(limit + 1)
            if len(content) > limit:
                raise ValueError(f"more than the {limit:,} bytes expected")
            check(content)
        except (OSError, HTTPException, ValueError) as error:
            failures.append(f"  {url}: {error or type(error).__name__}")
            continue
        write_whole(destination, content)
        return
    raise ConnectionError("\n".join(failures))


def write_whole(destination: Path, content: bytes) -> None:
    """Write a file under a temporary name in the folder of `destination`, then rename it."""
    temporary = destination.with_name(f".{destination.name}.{os.getpid()}.part")
    try:
        temporary.write_bytes(content)
        temporary.replace(destination)
    finally:
        temporary.unlink(missing_ok=True)
