"""Which SQLite file a database is."""

from __future__ import annotations

from pathlib import Path

from diana_tools.domain import DatabaseUrl, Identity
from diana_tools.errors import ConnectionFailed


def identity(url: DatabaseUrl) -> Identity:
    """Device and inode of the file, links followed. There is no server, and the host is not part of it.

    Raises:
        ConnectionFailed: `database_missing`.
    """
    try:
        seen = Path(url.database).stat()
    except OSError:
        raise ConnectionFailed("database_missing", {"place": url.address.place, "error": ""}) from None
    return Identity("sqlite", "", f"{seen.st_dev}:{seen.st_ino}", "", url.address.name)
