"""Saving a log: a new private file, never over another one, through no link (O16)."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path, PurePath

from diana_agent import report_text as text
from diana_tools.errors import DianaError

_MOST_NAMES = 10_000


def write(words: str, folder: Path, name: str, inside: Path | None = None) -> Path:
    """Save a log as a private file that did not exist before (-2, -3 ... are tried), following no link (O16).

    With `inside`, the folder must lie in that one; missing folders are made.

    Raises:
        DianaError: `log_unwritable`; nothing half-written is left.
    """
    target = Path(os.path.normpath(folder.absolute()))
    try:
        _must_be_plain(name)
        handle = _open_folder(target, inside)
        try:
            return target / _new_file(handle, name, words.encode("utf-8", "replace"))
        finally:
            os.close(handle)
    except (OSError, ValueError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise DianaError("log_unwritable", {"path": text.line(str(target / name)), "error": text.line(why)}) from None


def _must_be_plain(name: str) -> None:
    if name in ("", ".", "..") or PurePath(name).name != name:
        raise ValueError("not a file name")


def _open_folder(target: Path, inside: Path | None) -> int:
    """The folder's handle, reached part by part; only a top-level link such as /tmp is the system's own."""
    base = Path(os.path.normpath(inside.absolute())) if inside else Path(*target.parts[:2])
    if not target.is_relative_to(base):
        raise ValueError("outside the project")
    handle = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
    for part in target.relative_to(base).parts:
        try:
            with suppress(FileExistsError):
                os.mkdir(part, 0o700, dir_fd=handle)
            deeper = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=handle)
        finally:
            os.close(handle)
        handle = deeper
    return handle


def _new_file(folder: int, name: str, content: bytes) -> str:
    stem, suffix = PurePath(name).stem, PurePath(name).suffix
    for number in range(1, _MOST_NAMES):
        chosen = name if number == 1 else f"{stem}-{number}{suffix}"
        try:
            file = os.open(chosen, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        except FileExistsError:
            continue
        try:
            with os.fdopen(file, "wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
        except OSError:
            os.unlink(chosen, dir_fd=folder)
            raise
        return chosen
    raise ValueError("too many logs of that name")
