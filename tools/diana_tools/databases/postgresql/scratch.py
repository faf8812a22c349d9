"""A throw-away database on a server of Diana's own, of the target's major version; never on the target's server."""

from __future__ import annotations

import asyncio
import re
import shutil
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from diana_tools.command import ReadCommand, WriteCommand
from diana_tools.databases.base import Doors, Grant
from diana_tools.databases.postgresql import programs, server
from diana_tools.databases.postgresql.dump import said
from diana_tools.databases.postgresql.feed import offered
from diana_tools.databases.postgresql.names import MARKER_TABLE, built, literal, quoted
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import BackupError, ConnectionFailed, RehearsalError
from diana_tools.measured import Backup
from diana_tools.permit import Use
from diana_tools.session_places import OwnServer, own_server_digest
from diana_tools.sessions import ChangeSession

MAKE, PREPARE, LOAD, LOAD_SCHEMA, LOAD_HISTORY, MARK = (
    "scratch_make", "scratch_prepare", "scratch_load", "scratch_load_schema", "scratch_load_history", "scratch_mark",
)  # fmt: skip
KEEPER = "diana_keeper"
_LOAD_S = 12 * 3600.0
_LIST_S = 600.0
# They would reach other servers, some of them with passwords.
_LEFT_OUT = re.compile(r"^\d+; \d+ \d+ (?:USER MAPPING|SUBSCRIPTION|SUBSCRIPTION TABLE) ", re.MULTILINE)
# Roles of hosted servers that may nearly everything; a plain role of that name may nothing.
_HOSTED = ("rds_superuser", "cloudsqlsuperuser", "azure_pg_admin", "neon_superuser", "alloydbsuperuser", "doadmin")


def role_of(url: DatabaseUrl) -> str:
    """The role that migrates in the scratch: named as on the target, so that what it makes has the same owner."""
    return url.username or "diana"


def restore_command(
    found: programs.Programs, work: Path, url: DatabaseUrl, *options: str, replica: bool = True
) -> WriteCommand:
    """The pg_restore that loads `work/archive` as `work/restore.list` says, all or nothing."""
    name = url.database.replace("\\", "\\\\").replace("'", "\\'")
    argv = (
        found.path("pg_restore"), "--exit-on-error", "--single-transaction", "--no-password", "--format=custom",
        *options, f"--use-list={work / 'restore.list'}", f"--dbname=dbname='{name}'", str(work / "archive"),
    )  # fmt: skip
    env = programs.client_environment(url, work / "pgpass")
    env["PGOPTIONS"] = f"{env.get('PGOPTIONS', '')} -c statement_timeout=0 -c lock_timeout=0".strip()
    if replica:
        env["PGOPTIONS"] += " -c session_replication_role=replica"
    return WriteCommand(argv, work, env, timeout=_LOAD_S)


def uses(folder: Path, url: DatabaseUrl, server_version: str) -> tuple[Use, ...]:
    """The uses of making, loading, marking and destroying, none of which names a port or a password.

    Raises:
        RehearsalError: `scratch_programs_missing`, `scratch_no_user`.
    """
    found = server.server_programs(programs.major_of(server_version))
    keeper = DatabaseUrl("postgresql", "psycopg", "127.0.0.1", 1, url.database or role_of(url), KEEPER)
    loads = _loads(found, folder / "postgresql", keeper)
    return (
        *server.uses(folder, found),
        *(Use(name, own_server_digest(server.place_of(folder))) for name in (MAKE, PREPARE, MARK)),
        *(Use(name, command.digest) for name, command in loads.items()),
    )


async def write_list(
    doors: Doors, found: programs.Programs, work: Path, backup: Backup, left_out: re.Pattern[str]
) -> str:
    """Write `work/restore.list`: the archive's entries without those that match; returns them.

    Raises:
        BackupError: `backup_not_restorable` when the table of contents cannot be read.
    """
    archive = work / "archive"
    command = ReadCommand((found.path("pg_restore"), "--format=custom", "--list", str(archive)), work, timeout=_LIST_S)
    async with offered(backup, archive):
        output = await doors.executor.query(command)
    if output.exit_code != 0 or output.truncated:
        raise BackupError("backup_not_restorable", {"path": backup.path, "error": said(output, ())})
    entries = "".join(line for line in output.stdout.splitlines(keepends=True) if not left_out.match(line))
    (work / "restore.list").write_text(entries, encoding="utf-8")
    return entries


def _loads(found: programs.Programs, work: Path, keeper: DatabaseUrl) -> dict[str, WriteCommand]:
    return {
        LOAD: restore_command(found, work, keeper, "--no-tablespaces"),
        LOAD_SCHEMA: restore_command(found, work, keeper, "--no-tablespaces", "--schema-only"),
        LOAD_HISTORY: restore_command(found, work, keeper, "--no-tablespaces", "--data-only"),
    }


async def make(doors: Doors, folder: Path, url: DatabaseUrl, server_version: str, grant: Grant) -> PostgresqlScratch:
    """Start a server and make an empty database on it; `url` is the target and is not connected to.

    Raises:
        RehearsalError: `scratch_programs_missing`, `scratch_no_user`, `scratch_impossible`.
    """
    found = server.server_programs(programs.major_of(server_version))
    work = folder / "postgresql"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True, mode=0o700)
    try:
        running = await server.start(doors, folder, found, grant)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    # Of the target's own parameters only those that change what statements mean, never how it is reached.
    query = tuple((name, value) for name, value in url.query if name == "options")
    there = replace(running.url(role_of(url), url.database or role_of(url)), driver=url.driver, query=query)
    scratch = PostgresqlScratch(there, there.address.place, running, folder, found)
    try:
        programs.write_passfile(work / "pgpass", running.password)
        await asyncio.to_thread(scratch.furnish, grant)
    except ConnectionFailed as error:
        await asyncio.shield(scratch.destroy())
        words = error.fields.get("error", error.code)
        raise RehearsalError("scratch_impossible", {"place": scratch.place, "error": words}) from None
    except BaseException:
        await asyncio.shield(scratch.destroy())
        raise
    return scratch


@dataclass(slots=True)
class PostgresqlScratch:
    """See `databases.base.Scratch`. `url` connects as the target's own role, the keeper does Diana's part."""

    url: DatabaseUrl
    place: str
    server: server.ThrowAway
    folder: Path
    found: programs.Programs

    @property
    def _work(self) -> Path:
        return self.folder / "postgresql"

    async def load(self, backup: Backup, grant: Grant) -> None:
        """The whole backup, with the roles it names: owners and grants are restored too."""
        await asyncio.to_thread(self._prepare, backup, grant)
        await write_list(self.server.doors, self.found, self._work, backup, _LEFT_OUT)
        await self._restore(backup, grant, LOAD)

    async def load_schema(self, schema_of: Backup, grant: Grant) -> None:
        """The schema without rows, then the rows of the migration tool's table."""
        await asyncio.to_thread(self._prepare, schema_of, grant)
        entries = await write_list(self.server.doors, self.found, self._work, schema_of, _LEFT_OUT)
        await self._restore(schema_of, grant, LOAD_SCHEMA)
        history = _entries_of(entries, schema_of.version_table)
        if history:
            (self._work / "restore.list").write_text(history, encoding="utf-8")
            await self._restore(schema_of, grant, LOAD_HISTORY)

    async def mark(self, marker: str, grant: Grant) -> None:
        """The marker table with its one row, readable by every role there."""
        await asyncio.to_thread(self._mark, marker, grant)

    async def destroy(self) -> None:
        """Stop the server and remove every file."""
        await self.server.stop()
        await asyncio.to_thread(shutil.rmtree, self._work, ignore_errors=True)

    def furnish(self, grant: Grant) -> None:
        """The keeper, the migrating role and an empty database."""
        with self._changing(server.FIRST_ROLE, "template1", grant, MAKE) as session:
            session.run(f"CREATE ROLE {KEEPER} SUPERUSER LOGIN PASSWORD {literal(self.server.password)}")
            session.run(f"CREATE ROLE {quoted(self.url.username)} SUPERUSER LOGIN PASSWORD {self._secret}")
            session.run(f"DROP DATABASE IF EXISTS {quoted(self.url.database)}")
            session.run(f"CREATE DATABASE {quoted(self.url.database)} TEMPLATE template0")

    @property
    def _secret(self) -> str:
        return literal(self.server.password)

    @contextmanager
    def _changing(self, role: str, database: str, grant: Grant, name: str) -> Generator[ChangeSession]:
        url, own = self.server.url(role, database), OwnServer(self.server.place)
        with self.server.doors.sessions.change(url, grant.permit, grant.operation, grant.use(name), own) as session:
            yield session

    def _prepare(self, backup: Backup, grant: Grant) -> None:
        """A database like the one that was dumped: same first role, roles, encoding, locale, settings, grants.

        Raises:
            BackupError: `extension_missing`, `backup_not_restorable`.
        """
        around, name, role = backup.surroundings, quoted(self.url.database), quoted(self.url.username)
        try:
            with self._changing(KEEPER, "template1", grant, PREPARE) as session:
                _need_extensions(session, backup)
                if around is not None:
                    session.run(f"DROP DATABASE {name}")
                    session.run(f"DROP ROLE {role}")
                    session.run(f"ALTER ROLE {server.FIRST_ROLE} RENAME TO {quoted(around.superuser)}")
                    _tried(session, around.roles)
                    _tried(session, (f"CREATE ROLE {role} SUPERUSER",))
                    session.run(
                        f"ALTER ROLE {role} LOGIN PASSWORD {self._secret}{_like_hosted(session, self.url.username)}"
                    )
                    _create(session, name, around.options)
                    _tried(session, around.database)
        except ConnectionFailed as error:
            words = error.fields.get("error", error.code)
            raise BackupError("backup_not_restorable", {"path": backup.path, "error": words}) from None

    async def _restore(self, backup: Backup, grant: Grant, name: str) -> None:
        keeper = self.server.url(KEEPER, self.url.database)
        command = _loads(self.found, self._work, keeper)[name]
        async with offered(backup, self._work / "archive"):
            changed = await self.server.change(command, grant, name)
        if changed.output.exit_code != 0:
            words = said(changed.output, (self.server.password,))
            raise BackupError("backup_not_restorable", {"path": backup.path, "error": words})

    def _mark(self, marker: str, grant: Grant) -> None:
        with self._changing(KEEPER, self.url.database, grant, MARK) as session:
            schema = session.one(
                "SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname !~ '^pg_' "
                "AND nspname <> 'information_schema' ORDER BY nspname <> 'public', nspname LIMIT 1"
            )
            if schema is None:
                session.run("CREATE SCHEMA public")
            table = f"{quoted(str(schema or 'public'))}.{MARKER_TABLE}"
            session.run(f"CREATE TABLE {table} (token text NOT NULL)")
            session.run(built("INSERT INTO", table, "VALUES (:marker)"), {"marker": marker})
            session.run(f"GRANT SELECT ON {table} TO PUBLIC")


def _tried(session: ChangeSession, statements: tuple[str, ...]) -> None:
    """Run each; what a newer or smaller server does not know is left out, and pg_restore says what it misses."""
    for statement in statements:
        with suppress(ConnectionFailed):
            session.run(statement)


def _create(session: ChangeSession, name: str, options: str) -> None:
    """With the encoding and locale of the target, or with plain C order where this machine has no such locale."""
    try:
        session.run(f"CREATE DATABASE {name} {options}")
    except ConnectionFailed:
        encoding = re.search(r"ENCODING '[\w-]+'", options)
        plain = "LC_COLLATE 'C' LC_CTYPE 'C'"
        session.run(f"CREATE DATABASE {name} TEMPLATE template0 {encoding.group() if encoding else ''} {plain}")


def _like_hosted(session: ChangeSession, role: str) -> str:
    """A member of a hosted server's own administrators gets here what it has there."""
    member = session.one(
        "SELECT pg_catalog.bool_or(pg_catalog.pg_has_role(:role, oid, 'MEMBER')) FROM pg_catalog.pg_roles "
        "WHERE rolname = ANY(CAST(:hosted AS text[]))",
        {"role": role, "hosted": "{" + ",".join(_HOSTED) + "}"},
    )
    return " SUPERUSER" if member else ""


def _need_extensions(session: ChangeSession, backup: Backup) -> None:
    wanted = {o.name for o in backup.state.schema.objects if o.kind == "extension"}
    there = {str(row[0]) for row in session.rows("SELECT name FROM pg_catalog.pg_available_extensions")}
    if missing := sorted(wanted - there):
        raise BackupError("extension_missing", {"extensions": ", ".join(missing), "path": backup.path})


def _entries_of(entries: str, version_table: str) -> str:
    """The entry of the migration tool's rows in pg_restore's list."""
    schema, _, table = version_table.rpartition(".")
    where = re.escape(schema) if schema else r"\S+"
    wanted = rf"^\d+; \d+ \d+ TABLE DATA {where} {re.escape(table)} .*$"
    return "\n".join(re.findall(wanted, entries, re.MULTILINE)) + "\n" if table else ""
