"""A throw-away SQLite file: for SQLite another file is another server. It is made, loaded and marked by permit."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from diana_tools.databases.archive import work_folder
from diana_tools.databases.base import Grant
from diana_tools.databases.sqlite.catalog import MARKER_TABLE, built, quote, tables
from diana_tools.databases.sqlite.copies import file_url, unpacked
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ConnectionFailed, RehearsalError
from diana_tools.measured import Backup
from diana_tools.permit import Use
from diana_tools.session_places import session_digest
from diana_tools.sessions import ChangeSession, ReadSession, Row, Sessions

MAKE, LOAD, MARK = "scratch_make", "scratch_load", "scratch_mark"
_NAME = "scratch.sqlite"
_BESIDE = ("", "-wal", "-shm", "-journal")
_OBJECTS = (
    r"SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\'"
    " ORDER BY CASE type WHEN 'table' THEN 1 WHEN 'index' THEN 2 WHEN 'view' THEN 3 ELSE 4 END, rowid"
)


def scratch_url(folder: Path) -> DatabaseUrl:
    """Where the scratch of a scratch folder is, known before there is one."""
    return file_url(folder / _NAME)


def uses(folder: Path) -> tuple[Use, ...]:
    """The uses of making, loading and marking, bound to the one file that they may touch."""
    digest = session_digest(scratch_url(folder))
    return tuple(Use(name, digest) for name in (MAKE, LOAD, MARK))


def make(sessions: Sessions, folder: Path, target: DatabaseUrl, grant: Grant) -> SqliteScratch:
    """An empty scratch file.

    Raises:
        RehearsalError: `scratch_impossible` when there is something in its place, or no file can be made;
            `scratch_beside_target` when the folder is the target's own.
    """
    url = scratch_url(folder)
    try:
        if Path(target.database).parent.resolve() == folder.resolve():
            raise RehearsalError("scratch_beside_target", {"place": url.database})
        sessions.create_sqlite(url, grant.permit, grant.operation, grant.use(MAKE))
    except OSError as error:
        raise RehearsalError("scratch_impossible", {"place": url.database, "error": error.strerror or ""}) from None
    return SqliteScratch(sessions, url, url.database)


@dataclass(slots=True)
class SqliteScratch:
    """See `databases.base.Scratch`."""

    sessions: Sessions
    url: DatabaseUrl
    place: str

    async def load(self, backup: Backup, grant: Grant) -> None:
        """The whole backup, by the backup API."""
        await asyncio.to_thread(self._load, backup, grant)

    async def load_schema(self, schema_of: Backup, grant: Grant) -> None:
        """Every object made anew, without rows but those of the migration table."""
        await asyncio.to_thread(self._load_schema, schema_of, grant)

    async def mark(self, marker: str, grant: Grant) -> None:
        """The marker table with its one row."""
        await asyncio.to_thread(self._mark, marker, grant)

    async def destroy(self) -> None:
        """Remove the file and what SQLite keeps beside it."""
        for suffix in _BESIDE:
            with suppress(OSError):
                Path(self.url.database + suffix).unlink(missing_ok=True)

    def _load(self, backup: Backup, grant: Grant) -> None:
        with self._content(backup) as content, self._changing(grant, LOAD) as session:
            session.load_sqlite(content)

    def _load_schema(self, backup: Backup, grant: Grant) -> None:
        with self._content(backup) as content:
            with self.sessions.read(file_url(content)) as source:
                statements = _creating(source)
                table, history = _history(source, backup.version_table)
            with self._changing(grant, LOAD) as session:
                for statement in statements:
                    session.run_sqlite(statement)
                for row in history:
                    values = ", ".join("?" for _ in row)
                    session.run_sqlite(built("INSERT INTO", quote(table), "VALUES (", values, ")"), row)

    def _mark(self, marker: str, grant: Grant) -> None:
        with self._changing(grant, MARK) as session:
            session.run_sqlite(built("CREATE TABLE", MARKER_TABLE, "(token TEXT NOT NULL)"))
            session.run_sqlite(built("INSERT INTO", MARKER_TABLE, "VALUES (?)"), (marker,))

    def _changing(self, grant: Grant, name: str) -> AbstractContextManager[ChangeSession]:
        return self.sessions.change(self.url, grant.permit, grant.operation, grant.use(name))

    @contextmanager
    def _content(self, backup: Backup) -> Generator[Path]:
        """The backup's database as a file of its own, and the engine's refusals as what they mean here."""
        try:
            with work_folder(Path(self.url.database).parent, f"{backup.id}-load") as work:
                content = work / "content.sqlite"
                unpacked(backup, content)
                yield content
        except ConnectionFailed as error:
            words = error.fields.get("error") or error.code
            raise BackupError("backup_not_restorable", {"path": backup.path, "error": words}) from None


def _creating(source: ReadSession) -> list[str]:
    """The statements that make every object again; what a virtual table makes by itself is left to it."""
    rows = [(str(kind), str(name), str(sql)) for kind, name, sql in source.rows(built(_OBJECTS))]
    virtual = tuple(f"{name}_" for _, name, sql in rows if sql.lower().startswith("create virtual"))
    return [sql for kind, name, sql in rows if kind != "table" or not name.startswith(virtual)]


def _history(source: ReadSession, version_table: str) -> tuple[str, list[Row]]:
    for table in tables(source):
        if table.name.lower() == version_table.lower():
            return table.name, source.rows(built("SELECT * FROM", quote(table.name)))
    return "", []
