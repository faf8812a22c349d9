"""Who else has a SQLite file open: a look into /proc on Linux, at best effort; elsewhere nobody is seen."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from diana_tools.databases.base import Blocker
from diana_tools.redaction import plain

_PROC = Path("/proc")
# Where SQLite locks for writing: the reserved byte of the file, or the first lock of its shared memory (WAL).
_RESERVED = 0x40000001
_WAL_WRITE = 120
_LOCK = re.compile(r"POSIX\s+\S+\s+WRITE\s+(\d+)\s+([0-9a-f]+):([0-9a-f]+):(\d+)\s+(\d+)\s+(\d+|EOF)")


def holders(path: Path) -> tuple[Blocker, ...]:
    """Other processes that hold the file open, with `writing` for those that are in a write transaction.

    `seconds` is always 0: the system does not tell since when. `query` is the program's name. Processes of other
    users are not seen without rights, nor those in another container or on another machine.
    """
    try:
        target = path.stat()
    except OSError:
        return ()
    writing = _writers(path)
    return tuple(
        Blocker(str(pid), "writing" if pid in writing else "open", 0.0, _program(pid))
        for pid in sorted(_pids())
        if pid != os.getpid() and _holds(pid, target)
    )


def _pids() -> Iterator[int]:
    with suppress(OSError):
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit())


def _holds(pid: int, target: os.stat_result) -> bool:
    try:
        for entry in (_PROC / str(pid) / "fd").iterdir():
            with suppress(OSError):
                seen = entry.stat()
                if (seen.st_dev, seen.st_ino) == (target.st_dev, target.st_ino):
                    return True
    except OSError:
        return False
    return False


def _writers(path: Path) -> frozenset[int]:
    """The processes that hold a write lock where SQLite takes one, by the kernel's own table."""
    places: dict[tuple[int, int, int], int] = {}
    for file, byte in ((path, _RESERVED), (path.with_name(path.name + "-shm"), _WAL_WRITE)):
        with suppress(OSError):
            seen = file.stat()
            places[os.major(seen.st_dev), os.minor(seen.st_dev), seen.st_ino] = byte
    found: set[int] = set()
    with suppress(OSError):
        for lock in _LOCK.finditer((_PROC / "locks").read_text()):
            pid, major, minor, inode, first, last = lock.groups()
            byte = places.get((int(major, 16), int(minor, 16), int(inode)))
            if byte is not None and int(first) <= byte and (last == "EOF" or byte <= int(last)):
                found.add(int(pid))
    return frozenset(found)


def _program(pid: int) -> str:
    try:
        return plain((_PROC / str(pid) / "comm").read_text(errors="replace").strip(), 60)
    except OSError:
        return ""
