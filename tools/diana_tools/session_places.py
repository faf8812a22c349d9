"""What a changing session is bound to: the hash that its use was declared with, and what the server says of itself."""

from __future__ import annotations

import hashlib
import json
import stat
from dataclasses import dataclass
from pathlib import Path

from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ChangeFailed
from diana_tools.permit import Act, Operation, Use

DATA_PLACE = "SELECT pg_catalog.current_setting('data_directory', true)"
MAINTENANCE = ("postgres", "template1")
"""Databases of every PostgreSQL server from which another one can be made, renamed and removed."""


@dataclass(frozen=True, slots=True)
class Beside:
    """A session in a maintenance database, to work on `target`, a database of the same server."""

    target: DatabaseUrl


@dataclass(frozen=True, slots=True)
class OwnServer:
    """A session on the throw-away server whose data lies below `folder`; its port is not known before the permit."""

    folder: Path

    def holds(self, told: object) -> bool:
        """Whether what a server answered to `DATA_PLACE` is this server's own data directory."""
        return isinstance(told, str) and Path(told).resolve() == (self.folder / "data").resolve()


Place = Beside | OwnServer | None
"""Where a session goes: None is the very database that its use was declared for."""


def session_digest(url: DatabaseUrl) -> str:
    """What a use that opens a changing session is declared with: a hash of the engine and the place."""
    return _hash("session", url.engine, url.host, url.port, url.database)


def maintenance_digest(url: DatabaseUrl) -> str:
    """What a use is declared with that works on a database from beside it."""
    return _hash("maintenance", url.engine, url.host, url.port, url.database)


def own_server_digest(folder: Path) -> str:
    """What a use is declared with that opens sessions on a server of Diana's own."""
    return _hash("own server", str(folder))


def _hash(*words: str | int | None) -> str:
    # A command's digest is one of an object, so that no use can be both a command's and a session's.
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def require(url: DatabaseUrl, place: Place, operation: Operation, use: Use) -> None:
    """Refuse a session that its use was not declared for, and any scratch session that is not on Diana's own server.

    Raises:
        ChangeFailed: `session_mismatch`.
    """
    scratch = operation.act is Act.SCRATCH
    wanted, own = _wanted(url, place), isinstance(place, OwnServer)
    if not wanted or use.digest != wanted or (url.engine != "sqlite" and scratch != own):
        raise mismatch(url, use)


def inode(url: DatabaseUrl) -> tuple[int, int]:
    """Device and inode of a SQLite file; zeros for none, and for a link: it may have a removed file's inode."""
    try:
        found = Path(url.database).lstat()
    except OSError:
        return 0, 0
    return (found.st_dev, found.st_ino) if stat.S_ISREG(found.st_mode) else (0, 0)


def mismatch(url: DatabaseUrl, use: Use) -> ChangeFailed:
    """The refusal of a session that goes elsewhere than its use says."""
    return ChangeFailed("session_mismatch", {"use": use.name, "place": url.address.place})


def _wanted(url: DatabaseUrl, place: Place) -> str:
    """The digest that a use needs for this session; empty where there is none that would do."""
    if place is None:
        return session_digest(url)
    if url.engine != "postgresql":
        return ""
    if isinstance(place, OwnServer):
        return own_server_digest(place.folder) if url.host == "127.0.0.1" else ""
    target = place.target
    same = (url.engine, url.host, url.port) == (target.engine, target.host, target.port)
    return maintenance_digest(target) if same and url.database in MAINTENANCE else ""
