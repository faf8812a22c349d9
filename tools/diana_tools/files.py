"""Reads a project's files as what they are, data of somebody else: regular ones only, and never more than a limit."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path


def bounded(path: Path, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file; None for anything else, however it is named or linked.

    Without O_NONBLOCK a named pipe would hang the very first look at a project.
    """
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    with os.fdopen(handle, "rb") as file:
        try:
            return file.read(limit) if stat.S_ISREG(os.fstat(handle).st_mode) else None
        except OSError:
            return None


def bounded_text(path: Path, limit: int) -> str:
    """The same as UTF-8, undecodable bytes replaced; empty where there is nothing to read."""
    return (bounded(path, limit) or b"").decode("utf-8", "replace")


def sha256_of(path: Path) -> str:
    """Hex digest of a regular file, however large.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError("not a regular file")
        return hashlib.file_digest(file, "sha256").hexdigest()


def repository(root: Path) -> Path:
    """The nearest folder at or above `root` with a `.git`; `root` itself where there is none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path, its links followed, ends outside `root`."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
