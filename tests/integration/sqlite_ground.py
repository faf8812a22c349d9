"""What the tests of the SQLite engine and of the stores stand on: real files, real doors, a real mint and journal."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal
from diana_tools.databases.base import BackupRequest, Doors, Grant
from diana_tools.databases.sqlite import DATABASE
from diana_tools.domain import DatabaseUrl, Level
from diana_tools.executor import Executor
from diana_tools.measured import Backup, Schema, State
from diana_tools.permit import Act, Operation, Use
from diana_tools.sessions import ReadSession, Sessions

SHOP = """
CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, CONSTRAINT pkc PRIMARY KEY (version_num));
INSERT INTO alembic_version VALUES ('1a0000000001');
CREATE TABLE orgs (id INTEGER NOT NULL, name VARCHAR(40), PRIMARY KEY (id));
CREATE TABLE users (
    id INTEGER NOT NULL, email VARCHAR(255) NOT NULL, age INTEGER DEFAULT 18, note TEXT, org_id INTEGER,
    CONSTRAINT ck_age CHECK (age > 0), PRIMARY KEY (id),
    CONSTRAINT uq_email UNIQUE (email), FOREIGN KEY(org_id) REFERENCES orgs (id) ON DELETE CASCADE
);
CREATE INDEX ix_users_age ON users (age);
CREATE VIEW adults AS SELECT id, email FROM users WHERE age >= 18;
CREATE TRIGGER no_empty BEFORE INSERT ON users WHEN new.email = '' BEGIN SELECT raise(abort, 'empty'); END;
INSERT INTO orgs VALUES (1, 'one'), (2, 'two');
INSERT INTO users VALUES (1, 'a@x', 30, 'first', 1), (2, 'b@x', 40, NULL, 2), (3, 'c@x', 50, '', NULL);
"""


def database(path: Path, script: str = SHOP, *, wal: bool = False) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA journal_mode = {'wal' if wal else 'delete'}")
        connection.executescript(script)
    return path


def change(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


def ask(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


def url_of(path: Path) -> DatabaseUrl:
    return DatabaseUrl("sqlite", "pysqlite", "", None, str(path))


@dataclass(frozen=True, slots=True)
class Ground:
    """One database with its doors; every grant is minted and journalled as in a run."""

    path: Path
    doors: Doors
    mint: Mint
    journal: Journal
    folder: Path
    scratch: Path

    @property
    def url(self) -> DatabaseUrl:
        return url_of(self.path)

    @contextmanager
    def look(self) -> Generator[ReadSession]:
        with self.doors.sessions.read(self.url) as session:
            yield session

    def schema(self) -> Schema:
        with self.look() as session:
            return DATABASE.schema(session)

    def state(self, *, digests: bool = True) -> State:
        with self.look() as session:
            return DATABASE.state(session, "alembic_version", (), digests=digests)

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
        return self.grant(Act.SCRATCH, DATABASE.scratch_uses(self.scratch, self.url, ""))

    def restore_grant(self, backup: Backup) -> Grant:
        return self.grant(Act.RESTORE, DATABASE.restore_uses(self.url, backup, self.scratch))


@contextmanager
def ground(tmp_path: Path, *, wal: bool = False, script: str = SHOP) -> Generator[Ground]:
    for name in ("app", "backups", "scratch"):
        (tmp_path / name).mkdir(mode=0o700)
    path = database(tmp_path / "app" / "app.db", script, wal=wal)
    journal = Journal(tmp_path / "journal.jsonl")
    mint = Mint(journal, lambda: datetime.now(UTC))
    doors = Doors(Executor(mint, lambda: True, {}, tmp_path / "runs"), Sessions(mint))
    try:
        yield Ground(path, doors, mint, journal, tmp_path / "backups", tmp_path / "scratch")
    finally:
        journal.close()


_PROGRAM = """
import sqlite3, sys, time
path, what = sys.argv[1:]
c = sqlite3.connect(path, timeout=10, isolation_level=None)
def say(word):
    print(word, flush=True)
if what == 'open':
    c.execute('SELECT count(*) FROM users').fetchall()
elif what in ('exclusive', 'immediate'):
    c.execute('BEGIN ' + what)
elif what == 'read':
    c.execute('BEGIN'); c.execute('SELECT count(*) FROM users').fetchall()
elif what == 'transfer':
    # Money moves between two rows: its sum is the same at every moment that was ever committed.
    say('ready')
    n = 0
    while True:
        n += 1
        try:
            c.execute('BEGIN IMMEDIATE')
            c.execute('UPDATE accounts SET balance = balance - 1 WHERE id = ?', (n % 1000,))
            c.execute('UPDATE accounts SET balance = balance + 1 WHERE id = ?', ((n * 7 + 1) % 1000,))
            c.execute('INSERT INTO log VALUES (?)', ('x' * 200,))
            c.execute('COMMIT')
        except sqlite3.OperationalError:
            if c.in_transaction:
                c.execute('ROLLBACK')
        time.sleep(0.003)
elif what == 'half':
    # More pages than fit the cache are changed, so that the file itself holds half a transaction; then it dies.
    c.execute('PRAGMA cache_size = 5')
    c.execute('BEGIN')
    c.execute("UPDATE users SET note = hex(randomblob(3000))")
    import os; os.kill(os.getpid(), 9)
say('ready')
time.sleep(60)
"""


@contextmanager
def another_program(path: Path, what: str) -> Generator[int]:
    """Another process on the database: open, read, immediate, exclusive, transfer, or half (which dies at once)."""
    process = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(path), what], stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        process.stdout.readline()
        yield process.pid
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
