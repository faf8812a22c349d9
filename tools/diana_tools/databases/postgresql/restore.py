"""Giving a backup's state back over a database: into a new one, compared, then both renamed in one transaction."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from diana_tools.backup import differences
from diana_tools.command import WriteCommand
from diana_tools.databases.archive import stamp, work_folder
from diana_tools.databases.base import Doors, Grant
from diana_tools.databases.postgresql import facts, programs
from diana_tools.databases.postgresql.dump import programs_for, said
from diana_tools.databases.postgresql.feed import offered
from diana_tools.databases.postgresql.names import quoted
from diana_tools.databases.postgresql.scratch import restore_command, write_list
from diana_tools.databases.postgresql.state import state
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ChangeFailed, ConnectionFailed
from diana_tools.measured import Backup
from diana_tools.permit import Use
from diana_tools.session_places import MAINTENANCE, Beside, maintenance_digest
from diana_tools.sessions import ChangeSession, ReadSession
from diana_tools.traffic import uncompared

CREATE, LOAD, SWAP, CLEAN = "restore_create", "restore_load", "restore_swap", "restore_clean"
_LONGEST_NAME = 63
_END_S = 10.0
_STATEMENT_MS = 15 * 60_000
# A second subscription would compete with the first for the same slot.
_LEFT_OUT = re.compile(r"^\d+; \d+ \d+ SUBSCRIPTION(?: TABLE)? ", re.MULTILINE)


def side_name(database: str, backup: Backup) -> str:
    """The new database that the backup is loaded into: the same name each time, so that nothing piles up."""
    return _shortened(database, f"_restore_{hashlib.sha256(backup.id.encode()).hexdigest()[:8]}")


def _shortened(name: str, tail: str) -> str:
    """A name with a tail, within the 63 bytes that the server keeps of a name."""
    room = _LONGEST_NAME - len(tail)
    return name.encode()[:room].decode("utf-8", "ignore") + tail


def uses(url: DatabaseUrl, backup: Backup, folder: Path) -> tuple[Use, ...]:
    """The uses of a restore: its sessions are bound to the target, its one command to all that it does.

    Raises:
        BackupError: `backup_program_missing`.
    """
    command = _command(url, backup, folder)
    digest = maintenance_digest(url)
    return (
        Use(CREATE, digest), Use(LOAD, command.digest), Use(SWAP, digest), Use(CLEAN, digest, recovery=True),
    )  # fmt: skip


def _command(url: DatabaseUrl, backup: Backup, folder: Path) -> WriteCommand:
    side = replace(url, database=side_name(url.database, backup))
    return restore_command(programs_for(backup.server), _work(folder), side, replica=False)


def _work(folder: Path) -> Path:
    return folder / "restore.part"


@dataclass(frozen=True, slots=True)
class _Restore:
    """One restore under way; `maintenance` is another database of the same server, to rename from."""

    doors: Doors
    url: DatabaseUrl
    maintenance: DatabaseUrl
    backup: Backup
    grant: Grant

    @property
    def side(self) -> str:
        return side_name(self.url.database, self.backup)

    def failed(self, code: str, words: str, **more: str) -> ChangeFailed:
        fields = {"place": self.url.address.place, "backup": self.backup.path, "error": words}
        return ChangeFailed(code, fields | more)

    @contextmanager
    def changing(self, name: str) -> Generator[ChangeSession]:
        grant, beside = self.grant, Beside(self.url)
        with self.doors.sessions.change(
            self.maintenance, grant.permit, grant.operation, grant.use(name), beside
        ) as session:
            yield session


async def restore(doors: Doors, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
    """Restore; returns the name of the database that holds the failed state, on the same server.

    Other sessions of the database are ended for the moment of the renaming. The database gets a new identity: its
    oid is another one afterwards. Once begun it goes to its end, also when the caller is cancelled.

    Raises:
        ChangeFailed: `database_changed`, `restore_failed`: nothing was changed. `restore_swap_failed`: the restored
            copy is there under the name in `side`, the database itself was not changed. `restore_settings_failed`:
            it was restored, but the settings in `statements` are not those of the backup.
    """
    work = asyncio.ensure_future(_restored(doors, url, backup, folder, grant))
    return await asyncio.shield(work)


async def _restored(doors: Doors, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
    place = {"place": url.address.place, "backup": backup.path}
    try:
        maintenance = await asyncio.to_thread(_maintenance, doors, url)
        await asyncio.to_thread(_same_identity, doors, url, grant)
    except ConnectionFailed as error:
        raise ChangeFailed("restore_failed", place | {"error": error.fields.get("error", error.code)}) from None
    this = _Restore(doors, url, maintenance, backup, grant)
    try:
        await asyncio.to_thread(_create, this)
        await _load(this, folder)
        await asyncio.to_thread(_compare, this)
    except (BackupError, ConnectionFailed) as error:
        await asyncio.to_thread(_clean, this)
        raise this.failed("restore_failed", error.fields.get("error", error.code)) from None
    return await asyncio.to_thread(_swap, this)


def _maintenance(doors: Doors, url: DatabaseUrl) -> DatabaseUrl:
    """A database of the same server that we may connect to: nobody can rename the one he is in."""
    last: ConnectionFailed | None = None
    for name in MAINTENANCE:
        other = replace(url, database=name)
        if name == url.database:
            continue
        try:
            with doors.sessions.read(other):
                return other
        except ConnectionFailed as error:
            last = error
    raise last or ConnectionFailed("no_such_database", {"place": url.address.place, "error": "postgres, template1"})


def _same_identity(doors: Doors, url: DatabaseUrl, grant: Grant) -> None:
    try:
        with doors.sessions.read(url) as session:
            found = facts.identity(session, url)
    except ConnectionFailed as error:
        # A migration may have dropped it: then there is nothing to take the place of.
        if error.code != "no_such_database":
            raise
        return
    if found.digest != grant.operation.identity:
        raise ChangeFailed("database_changed", {"place": url.address.place})


def _create(this: _Restore) -> None:
    around = this.backup.surroundings
    options = around.options if around is not None else "TEMPLATE template0"
    with this.changing(CREATE) as session:
        session.run(f"DROP DATABASE IF EXISTS {quoted(this.side)}")
        session.run(f"CREATE DATABASE {quoted(this.side)} {options}")


async def _load(this: _Restore, folder: Path) -> None:
    found, work = programs_for(this.backup.server), _work(folder)
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    with work_folder(folder, work.name.removesuffix(".part")):
        try:
            programs.write_passfile(work / "pgpass", this.url.password)
        except ValueError:
            raise BackupError("password_line_break", {"place": this.url.address.place, "error": "pgpass"}) from None
        await write_list(this.doors, found, work, this.backup, _LEFT_OUT)
        command, grant = _command(this.url, this.backup, folder), this.grant
        async with offered(this.backup, work / "archive"):
            changed = await this.doors.executor.change(
                command, grant.permit, grant.operation, grant.use(LOAD), lambda _line: None, private=True
            )
    if changed.output.exit_code != 0:
        words = said(changed.output, (this.url.password,))
        raise BackupError("backup_not_restorable", {"path": this.backup.path, "error": words})


def _compare(this: _Restore) -> None:
    """The copy against the state that was measured in the dumped snapshot, before anything is renamed."""
    side = replace(this.url, database=this.side)
    with this.doors.sessions.read(side, statement_timeout_ms=_STATEMENT_MS) as session:
        found = state(session, this.backup.version_table, (), digests=True)
    words = differences(this.backup.state, found)
    if problems := tuple(word for word in words if word not in uncompared(words)):
        raise BackupError("backup_differs", {"path": this.backup.path, "error": ", ".join(problems[:5])})


def _clean(this: _Restore) -> None:
    with suppress(ConnectionFailed), this.changing(CLEAN) as session:
        session.run(f"DROP DATABASE IF EXISTS {quoted(this.side)}")


def _swap(this: _Restore) -> str:
    name = this.url.database
    kept = _shortened(name, f"_failed_{stamp(datetime.now(UTC))}")
    try:
        with this.changing(SWAP) as session:
            there = _exists(session, name)
            if there:
                session.run(f"ALTER DATABASE {quoted(name)} WITH ALLOW_CONNECTIONS false")
                _end_sessions(session, name)
            left = _renamed(session, this, kept if there else "")
            if there:
                session.run(f"ALTER DATABASE {quoted(kept)} WITH ALLOW_CONNECTIONS true")
    except ConnectionFailed as error:
        words = error.fields.get("error", error.code)
        raise this.failed("restore_swap_failed", words, side=this.side) from None
    if left:
        raise this.failed("restore_settings_failed", left[0][1], kept=kept, statements="; ".join(s for s, _ in left))
    return kept if there else ""


def _exists(session: ReadSession, name: str) -> bool:
    return bool(session.rows("SELECT datname FROM pg_catalog.pg_database WHERE datname = :name", {"name": name}))


def _end_sessions(session: ChangeSession, name: str) -> None:
    """End every session of the database; new ones are not let in any more. Who cannot be ended makes the swap fail."""
    deadline = time.monotonic() + _END_S
    while time.monotonic() < deadline:
        pids = session.rows("SELECT pid FROM pg_catalog.pg_stat_activity WHERE datname = :name", {"name": name})
        if not pids:
            return
        for (pid,) in pids:
            with suppress(ConnectionFailed):
                session.run("SELECT pg_catalog.pg_terminate_backend(CAST(:pid AS int))", {"pid": pid})
        time.sleep(0.1)


def _renamed(session: ChangeSession, this: _Restore, kept: str) -> list[tuple[str, str]]:
    """Both names in one transaction, and the database's own settings; what of those was refused, with the words.

    A failure undoes all of it and lets sessions in again.
    """
    name, refused = quoted(this.url.database), list[tuple[str, str]]()
    session.run("BEGIN")
    try:
        if kept:
            session.run(f"ALTER DATABASE {name} RENAME TO {quoted(kept)}")
        session.run(f"ALTER DATABASE {quoted(this.side)} RENAME TO {name}")
        around = this.backup.surroundings
        for statement in around.database if around is not None else ():
            session.run("SAVEPOINT setting")
            try:
                session.run(statement)
            except ConnectionFailed as error:
                refused.append((statement, error.fields.get("error", error.code)))
                session.run("ROLLBACK TO SAVEPOINT setting")
        session.run("COMMIT")
    except ConnectionFailed:
        session.run("ROLLBACK")
        if kept:
            session.run(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")
        raise
    return refused
