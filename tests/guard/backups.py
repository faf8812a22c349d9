"""A backup looked at from outside: unpacked by its format's own library, opened by SQLite, and read."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import zstandard

from guard.toy import content

_KNOWN: dict[str, str] = {}


def restored_content(path: Path, sha256: str, folder: Path) -> str | None:
    """The digest of what a backup holds, as `toy.content` gives it; None where the file is no longer what it was."""
    if sha256 not in _KNOWN:
        packed = path.read_bytes() if path.exists() else b""
        if hashlib.sha256(packed).hexdigest() != sha256:
            return None
        unpacked = folder / "restored.db"
        unpacked.write_bytes(zstandard.ZstdDecompressor().decompressobj().decompress(packed))
        with closing(sqlite3.connect(unpacked)) as connection:
            _KNOWN[sha256] = content(connection)
        unpacked.unlink()
    return _KNOWN[sha256]
