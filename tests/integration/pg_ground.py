"""What the tests of the PostgreSQL engine stand on: a real server, real doors, a real mint and journal."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString

import psutil
from psycopg import sql

from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal
from diana_tools.databases.base import BackupRequest, Doors, Grant
from diana_tools.databases.postgresql import DATABASE
from diana_tools.databases.postgresql import server as throw_away
from diana_tools.domain import DatabaseUrl, Level
from diana_tools.executor import Executor
from diana_tools.measured import Backup, Schema, State
from diana_tools.permit import Act, Operation, Use
from diana_tools.sessions import ReadSession, Sessions
from servers import PgDatabase

RICH = (Path(__file__).parent / "pg_rich.sql").read_text("utf-8")
SHOP = """
CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY);
INSERT INTO alembic_version VALUES ('1a0000000001');
CREATE TABLE users (id serial PRIMARY KEY, email varchar(255) NOT NULL UNIQUE, age int CHECK (age > 0), note text);
INSERT INTO users (email, age, note) SELECT 'u' || g || '@x', g, 'note ' || g FROM generate_series(1, 300) g;
"""


@dataclass(frozen=True, slots=True)
class Ground:
    """One database with its doors; every grant is minted and journalled as in a run."""

    database: PgDatabase
    url: DatabaseUrl
    doors: Doors
    mint: Mint
    folder: Path
    scratch: Path

    def as_role(self, url: DatabaseUrl) -> Ground:
        return replace(self, url=url)

    @contextmanager
    def look(self, url: DatabaseUrl | None = None) -> Generator[ReadSession]:
        with self.doors.sessions.read(url or self.url) as session:
            yield session

    def schema(self, url: DatabaseUrl | None = None) -> Schema:
        with self.look(url) as session:
            return DATABASE.schema(session)

    def state(self, url: DatabaseUrl | None = None, *, digests: bool = True) -> State:
        with self.look(url) as session:
            return DATABASE.state(session, "alembic_version", (), digests=digests)

    def version(self) -> str:
        with self.look() as session:
            return DATABASE.facts(session).version

    def request(self, run: str = "run-1") -> BackupRequest:
        with self.look() as session:
            identity = DATABASE.identity(session, self.url)
        return BackupRequest(
            url=self.url, identity=identity, folder=self.folder, run=run, version=("1a0000000001",),
            version_table="alembic_version", batch=run, touched=("users",),
        )  # fmt: skip

    async def backup(self, run: str = "run-1") -> Backup:
        return await DATABASE.backup(self.doors, self.request(run), lambda _done: None)

    def grant(self, act: Act, uses: tuple[Use, ...]) -> Grant:
        with self.look() as session:
            identity = DATABASE.identity(session, self.url).digest
        operation = Operation(act=act, tool="alembic", identity=identity, plan_hash="p", uses=uses, recovery="none")
        return Grant(self.mint.mint(operation, level=Level.DEV, destructive=False, grade="read"), operation)

    def scratch_grant(self) -> Grant:
        return self.grant(Act.SCRATCH, DATABASE.scratch_uses(self.scratch, self.url, self.version()))

    def restore_grant(self, backup: Backup) -> Grant:
        return self.grant(Act.RESTORE, DATABASE.restore_uses(self.url, backup, self.scratch))

    def scratch_processes(self) -> list[int]:
        """Processes whose command line names this ground's scratch."""
        place = str(throw_away.place_of(self.scratch))
        found: list[int] = []
        for process in psutil.process_iter(["cmdline"]):
            if any(place in word for word in process.info["cmdline"] or ()):
                found.append(process.pid)
        return found

    def role(self, attributes: LiteralString = "LOGIN") -> DatabaseUrl:
        """A new role of the server, as the one who connects to this database."""
        name, password = f"r_{secrets.token_hex(4)}", secrets.token_urlsafe(12)
        with self.database.server.connect() as connection:
            connection.execute(
                sql.SQL("CREATE ROLE {} {} PASSWORD {}").format(
                    sql.Identifier(name), sql.SQL(attributes), sql.Literal(password)
                )
            )  # fmt: skip
        return replace(self.url, username=name, password=password)


@contextmanager
def ground(tmp_path: Path, database: PgDatabase, script: str = SHOP) -> Generator[Ground]:
    for name in ("backups", "scratch"):
        (tmp_path / name).mkdir(mode=0o700)
    database.execute(script)
    journal = Journal(tmp_path / "journal.jsonl")
    mint = Mint(journal, lambda: datetime.now(UTC))
    doors = Doors(Executor(mint, lambda: True, os.environ, tmp_path / "runs"), Sessions(mint))
    try:
        yield Ground(database, database.target, doors, mint, tmp_path / "backups", tmp_path / "scratch")
    finally:
        journal.close()
