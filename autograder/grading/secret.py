"""The secret that grading draws its cases from: kept, so that grading again gives the same grades."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path

from autograder.paths import write_atomic


class SecretError(Exception):
    """The file of the secret cannot be used; the text says why."""


def load(path: Path) -> bytes:
    """Read the secret, or make a random one that only its owner can read.

    Parameters
    ----------
    path : Path
        Any file of at least 8 bytes will do.

    Raises
    ------
    SecretError
        If there is one that cannot be read, or that is too short to be a secret.
    """
    try:
        secret = path.read_bytes().strip()
    except FileNotFoundError:
        secret = secrets.token_hex(32).encode("ascii")
        write_atomic(path, secret + b"\n", mode=0o600)
    except OSError as error:
        raise SecretError(f"the secret in {path} cannot be read: {error.strerror}") from error
    if len(secret) < 8:
        raise SecretError(f"the secret in {path} has {len(secret)} bytes; at least 8 make one hard to guess")
    return secret


def seed(secret: bytes, identifier: str) -> int:
    """The seed of one exercise's cases: the same for every student, told by nothing but the secret.

    Examples
    --------
    >>> seed(b"a secret of mine", "loop.mse") == seed(b"a secret of mine", "loop.linear")
    False
    """
    digest = hmac.new(secret, identifier.encode("utf-8"), hashlib.sha256).digest()
    return int.from_bytes(digest[:8], "big")
