"""A backup's archive at a path that pg_restore can open: the file itself, or a pipe that is fed while it is read."""

from __future__ import annotations

import asyncio
import os
import select
import threading
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from diana_tools.databases.archive import failed, unpack
from diana_tools.errors import BackupError
from diana_tools.measured import Backup

_WAIT_S = 0.1


@asynccontextmanager
async def offered(backup: Backup, at: Path) -> AsyncGenerator[None]:
    """Offer the archive at `at` (in a private folder) for one reading; nothing is left there afterwards.

    An archive with zstd around it is decompressed into a named pipe: constant memory, and no room on the disk. The
    reader must be told the format, else it would open the pipe twice.

    Raises:
        BackupError: `backup_damaged`, `backup_truncated`, `backup_file_failed`, whatever the reader made of it.
    """
    path = Path(backup.path)
    if path.suffix != ".zst":
        at.symlink_to(path)
        try:
            yield
        finally:
            at.unlink(missing_ok=True)
        return
    os.mkfifo(at, 0o600)
    stop = threading.Event()
    feeding = asyncio.ensure_future(asyncio.to_thread(_feed, at, unpack(path), stop))
    cancelled = False
    try:
        yield
    except asyncio.CancelledError:
        cancelled = True
        raise
    finally:
        stop.set()
        await asyncio.wait((feeding,))
        _close(at)
        error = feeding.exception()
        if error is not None and not cancelled:
            raise error


def _close(pipe: Path) -> None:
    """Take the pipe away; a reader that waits for somebody to write gets an end, and none can come any more."""
    gone = pipe.rename(pipe.with_suffix(".gone"))
    with suppress(OSError):
        os.close(os.open(gone, os.O_WRONLY | os.O_NONBLOCK))
    gone.unlink()


def _feed(pipe: Path, chunks: Iterator[bytes], stop: threading.Event) -> None:
    """Write until the end or until the reader has gone; never waits for a reader that does not come or read."""
    handle = _opened(pipe, stop)
    if handle is None:
        return
    try:
        # A reader that went away early has said why itself.
        with suppress(BrokenPipeError):
            for chunk in chunks:
                _write(handle, memoryview(chunk), stop)
    except BackupError:
        # Whatever a stopped reader left unread says nothing about the file.
        if not stop.is_set():
            raise
    except OSError as error:
        raise failed(error, pipe) from None
    finally:
        os.close(handle)


def _opened(pipe: Path, stop: threading.Event) -> int | None:
    while not stop.is_set():
        # Without a reader this is refused (ENXIO) instead of waiting for one.
        with suppress(OSError):
            return os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        stop.wait(_WAIT_S)
    return None


def _write(handle: int, rest: memoryview, stop: threading.Event) -> None:
    while rest:
        if select.select((), (handle,), (), _WAIT_S)[1]:
            with suppress(BlockingIOError):
                rest = rest[os.write(handle, rest) :]
        elif stop.is_set():
            raise BrokenPipeError
