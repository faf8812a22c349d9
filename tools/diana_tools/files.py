"""Reads a project's files as what they are, data of somebody else: regular ones only, and never more than a limit."""

from __future__ import annotations

import hashlib
import os
import stat
from contextlib import suppress
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


_SOURCES = frozenset(
    (".py", ".sql", ".ini", ".cfg", ".toml", ".yaml", ".yml", ".json", ".csv", ".tsv", ".txt", ".mako", ".j2", ".xml")
)
_NOT_SOURCES = frozenset(("node_modules", "__pycache__"))


def digest_of_sources(root: Path) -> str:
    """SHA-256 over every file of a project that reads like code or its data, by relative path; links are not followed.

    Hidden folders, virtual environments and caches are left out: what two checkouts do not share would tell them apart.
    """
    whole = hashlib.sha256()
    for folder, names, files in os.walk(root):
        names[:] = sorted(one for one in names if _of_the_project(Path(folder, one)))
        for name in sorted(files):
            path = Path(folder, name)
            if path.suffix.lower() in _SOURCES and not path.is_symlink():
                with suppress(OSError):
                    whole.update(f"{path.relative_to(root).as_posix()}\0{sha256_of(path)}\n".encode(errors="replace"))
    return whole.hexdigest()


def _of_the_project(folder: Path) -> bool:
    return not (
        folder.name.startswith(".") or folder.name in _NOT_SOURCES or (folder / "pyvenv.cfg").exists()
        or folder.is_symlink()
    )  # fmt: skip


def repository(root: Path) -> Path:
    """The nearest folder at or above `root` with a `.git`; `root` itself where there is none."""
    return next((folder for folder in (root, *root.parents) if (folder / ".git").exists()), root)


def leads_out(path: Path, root: Path) -> bool:
    """Whether a path, its links followed, ends outside `root`."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))
