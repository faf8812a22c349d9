"""One run at a time per database: a lock file on this machine, and the server's own lock where it has one (G5)."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import socket
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from diana_config.folders import private
from diana_tools.domain import Identity
from diana_tools.errors import LockHeld
from diana_tools.workbench import Workbench


@contextmanager
def run_lock(state: Path, bench: Workbench) -> Generator[None]:
    """Hold the database for this run until the block ends; a killed process gives it back by itself.

    A change that was started meanwhile holds it as well, until it has ended itself, whatever became of Diana.

    Raises:
        LockHeld: `database_held`, or `change_still_runs` where only the change is left, with who holds it and since
            when; nothing was done.
    """
    path = private(state / "locks") / f"{_key(bench.identity)}.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _refusal(_holder(handle.read())) from None
        handle.truncate(0)
        handle.write(json.dumps({"run": bench.run, "pid": os.getpid(), "host": socket.gethostname(),
                                 "since": datetime.now(UTC).isoformat(timespec="seconds")}))  # fmt: skip
        handle.flush()
        with (
            bench.doors.sessions.hold(bench.url, bench.identity.digest),
            bench.doors.executor.holding(handle.fileno()),
        ):
            yield
        handle.truncate(0)


def _key(identity: Identity) -> str:
    """A SQLite file is one database under all its names: only device and inode count."""
    if identity.engine != "sqlite":
        return identity.digest
    return hashlib.sha256(f"sqlite {identity.database}".encode()).hexdigest()[:32]


def _refusal(holder: dict[str, str]) -> LockHeld:
    """Who holds it; of a Diana that is gone, the change that she started holds it until it has ended."""
    import psutil

    here = holder["host"] == socket.gethostname() and holder["pid"].isdigit()
    if here and not psutil.pid_exists(int(holder["pid"])):
        return LockHeld("change_still_runs", holder)
    return LockHeld("database_held", holder)


def _holder(text: str) -> dict[str, str]:
    try:
        said: dict[str, str | int] = json.loads(text)
    except ValueError:
        said = {}
    return {name: str(said.get(name, "?")) for name in ("run", "pid", "host", "since")}
