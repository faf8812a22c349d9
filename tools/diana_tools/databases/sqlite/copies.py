"""A backup of a SQLite file: the online copy of one snapshot, measured, compressed, and read through again."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from diana_tools.databases import manifest
from diana_tools.databases.archive import (
    CHUNK,
    Writer,
    Written,
    backup_name,
    failed,
    measure_file,
    require_space,
    sweep,
    unpack,
    work_folder,
)
from diana_tools.databases.base import BackupRequest
from diana_tools.databases.sqlite.content import number, state
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ConnectionFailed
from diana_tools.measured import Backup, Grade, Proof, State
from diana_tools.sessions import ReadSession, Sessions

PROGRAM = f"SQLite {sqlite3.sqlite_version}, online backup"
EXTENSION = "sqlite.zst"
_COPY = "copy.sqlite"
_AS_BACKUP = {"connection_failed": "sqlite_copy_failed", "no_room_left": "disk_full"}
_SHOWN = 5


def file_url(path: Path) -> DatabaseUrl:
    """A file of Diana's own as a database."""
    return DatabaseUrl("sqlite", "", "", None, str(path))


def size_of(session: ReadSession) -> int:
    """The database's size in bytes, unfinished checkpoints included."""
    return number(session, "PRAGMA page_count") * number(session, "PRAGMA page_size")


def make(sessions: Sessions, request: BackupRequest, progress: Callable[[int], None]) -> Backup:
    """Copy, measure the copy, compress; `progress` gets the bytes copied and then compressed so far.

    Raises:
        BackupError: `disk_space` before anything is written; otherwise why it ended, with nothing left behind.
    """
    made, folder = datetime.now(UTC), request.folder
    name = backup_name(request.url.address.name, made, request.run)
    sweep(folder)
    try:
        with work_folder(folder, name) as work:
            copy = work / _COPY
            with sessions.read(request.url) as session:
                require_space(folder, 2 * size_of(session))
                session.copy_sqlite(copy, progress)
            # Measured from the very copy, so that a later proof can compare exactly.
            with sessions.read(file_url(copy)) as session:
                measured = state(session, request.version_table, (), digests=True)
            written = _compress(copy, folder / f"{name}.{EXTENSION}", progress)
    except ConnectionFailed as error:
        code = _AS_BACKUP.get(error.code, error.code)
        raise BackupError(code, error.fields | {"path": name, "folder": str(folder)}) from None
    return _recorded(request, name, made, written, measured)


def _compress(copy: Path, into: Path, progress: Callable[[int], None]) -> Written:
    done = copy.stat().st_size
    with Writer(into, compress=True) as writer, copy.open("rb", buffering=0) as handle:
        while chunk := handle.read(CHUNK):
            writer.write(chunk)
            done += len(chunk)
            progress(done)
        return writer.commit()


def _recorded(request: BackupRequest, name: str, made: datetime, written: Written, measured: State) -> Backup:
    backup = Backup(
        id=name, engine="sqlite", path=str(written.path), manifest=str(manifest.manifest_path(request.folder, name)),
        size=written.size, sha256=written.sha256, identity=request.identity.digest, address=request.url.address,
        made_at=made.isoformat(timespec="seconds"), version=measured.version, state=measured,
        server=sqlite3.sqlite_version, program=PROGRAM, batch=request.batch, version_table=request.version_table,
    )  # fmt: skip
    try:
        manifest.write(backup)
    except BackupError:
        written.path.unlink(missing_ok=True)
        raise
    return backup


def unpacked(backup: Backup, into: Path, progress: Callable[[int], None] | None = None) -> None:
    """Write a backup's database to a new private file.

    Raises:
        BackupError: `backup_hash_wrong`, `backup_truncated`, `backup_damaged`, `disk_full`.
    """
    path, done = Path(backup.path), 0
    found = measure_file(path)
    if (found.size, found.sha256) != (backup.size, backup.sha256):
        raise BackupError("backup_hash_wrong", {"path": str(path)})
    with Writer(into) as writer:
        for chunk in unpack(path):
            writer.write(chunk)
            done += len(chunk)
            if progress is not None:
                progress(done)
        writer.commit()


def proof(sessions: Sessions, backup: Backup) -> Proof:
    """Go through every byte: the hash, zstd's own checksum, then SQLite's integrity check of the whole content.

    What is wrong with the backup comes back as problems and grade none. Foreign keys that are violated are a
    check, not a problem: the database had them.

    Raises:
        BackupError: `disk_full` or `backup_file_failed`: nothing can be said about the backup.
    """
    started, path = time.monotonic(), Path(backup.path)
    if not path.is_file():
        return Proof(Grade.NONE, "", (), ("backup_missing",))
    found = measure_file(path)
    if found.size == 0:
        return Proof(Grade.NONE, found.sha256, (), ("backup_empty",))
    if (found.size, found.sha256) != (backup.size, backup.sha256):
        return Proof(Grade.NONE, found.sha256, (), ("backup_hash_wrong",))
    with work_folder(path.parent, f"{backup.id}-proof") as work:
        copy = work / _COPY
        try:
            with copy.open("xb", buffering=0) as handle:
                for chunk in unpack(path):
                    handle.write(chunk)
            checks, problems = _examined(sessions, copy)
        except OSError as error:
            raise failed(error, copy) from None
        except BackupError as error:
            if error.code not in ("backup_damaged", "backup_truncated"):
                raise
            checks, problems = (), (error.code,)
        except ConnectionFailed as error:
            checks, problems = (), (f"integrity:{error.fields.get('error') or error.code}",)
    grade = Grade.NONE if problems else Grade.READ
    return Proof(grade, found.sha256, ("sha256", "decompressed", *checks), problems, time.monotonic() - started)


def _examined(sessions: Sessions, copy: Path) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """SQLite's own words on a file: checks that were made, and problems (at most five of them)."""
    with sessions.read(file_url(copy)) as session:
        said = [str(row[0]) for row in session.rows(f"PRAGMA integrity_check({_SHOWN})")]
        problems = tuple(f"integrity:{line[:200]}" for line in said if line != "ok")
        orphans = sum(1 for _ in session.stream_sqlite("PRAGMA foreign_key_check"))
    return ("integrity_check", f"foreign_keys_violated:{orphans}" if orphans else "foreign_keys"), problems
