"""Databases as the fault matrix needs them: set up, measured by their own drivers alone, and written to by others."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import psutil
import psycopg

import walking
from servers import PgDatabase, Value
from walking import Walker

FIRST_OF_OTHERS = 1000
"""Rows of other sessions have numbers from here on."""

Rows = tuple[tuple[Value, ...], ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """A database as its own driver shows it: columns and rows by table (rows of others left out), and the versions."""

    columns: tuple[tuple[str, tuple[str, ...]], ...]
    rows: tuple[tuple[str, Rows], ...]
    versions: tuple[str, ...]
    others: frozenset[int]


class Ground(Protocol):
    """One database of one cell."""

    engine: str
    url: str
    name: str
    slow: str
    """A statement that takes a minute; empty where a statement cannot be kept from its client."""

    def person(self, walker: Walker) -> None:
        """Name the database in the person's settings as dev."""
        ...

    def rows(self, statement: str) -> list[tuple[Value, ...]]:
        """All rows of a statement."""
        ...

    def tables(self) -> list[tuple[str, tuple[str, ...]]]:
        """Tables and their columns, sorted."""
        ...

    def insert(self, statement: str) -> None:
        """One statement of another session, in a transaction of its own; it gives up soon."""
        ...

    def locked(self, table: str) -> Callable[[], None]:
        """Let another session take a table for itself; what gives it back."""
        ...

    def others(self, run: str) -> bool:
        """Whether sessions other than ours are left."""
        ...


class SqliteGround:
    """The shop as a file."""

    engine, slow = "sqlite", ""

    def __init__(self, folder: Path) -> None:
        self.path = walking.sqlite_shop(folder / "app.db")
        self.url, self.name = f"sqlite:///{self.path}", self.path.name

    def person(self, walker: Walker) -> None:
        walker.say("")

    def rows(self, statement: str) -> list[tuple[Value, ...]]:
        with closing(sqlite3.connect(self.path, timeout=30)) as connection:
            return connection.execute(statement).fetchall()

    def tables(self) -> list[tuple[str, tuple[str, ...]]]:
        found = self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")
        return [(str(t), tuple(str(c[1]) for c in self.rows(f"PRAGMA table_info('{t}')"))) for (t,) in found]

    def insert(self, statement: str) -> None:
        with closing(sqlite3.connect(self.path, timeout=0.05)) as connection, connection:
            connection.execute(statement)

    def locked(self, table: str) -> Callable[[], None]:
        connection = sqlite3.connect(self.path, timeout=30, isolation_level=None, check_same_thread=False)
        connection.execute("BEGIN IMMEDIATE")
        return connection.close

    def full(self, tool: int) -> None:
        most = self.path.stat().st_size + 65_536
        psutil.Process(tool).rlimit(psutil.RLIMIT_FSIZE, (most, most))

    def others(self, run: str) -> bool:
        return False


class PostgresqlGround:
    """The shop on the run's own server."""

    engine, slow = "postgresql", "SELECT pg_sleep(60)"

    def __init__(self, database: PgDatabase) -> None:
        self.database = walking.pg_shop(database)
        self.url, self.name = database.url, database.name

    def person(self, walker: Walker) -> None:
        walker.secrets.append(self.database.password)
        walker.say(walking.person_of(self.database.server, **{self.name: "dev"}))

    def rows(self, statement: str) -> list[tuple[Value, ...]]:
        return self.database.query(statement)

    def tables(self) -> list[tuple[str, tuple[str, ...]]]:
        found = self.rows(
            "SELECT table_name, string_agg(column_name, ',' ORDER BY ordinal_position) FROM information_schema.columns "
            "WHERE table_schema = 'public' GROUP BY 1 ORDER BY 1"
        )
        return [(str(table), tuple(str(columns).split(","))) for table, columns in found]

    def insert(self, statement: str) -> None:
        with self.database.server.connect(self.name) as connection:
            connection.execute("SET statement_timeout = '200ms'")
            connection.execute(statement.encode())

    def locked(self, table: str) -> Callable[[], None]:
        connection = self.database.server.connect(self.name)
        connection.autocommit = False
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE".encode())
        return connection.close

    def sessions(self) -> list[int]:
        """The server's processes that work for a run of Diana's."""
        sql = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'diana-%'"
        return [int(str(row[0])) for row in self.rows(sql)]

    def others(self, run: str) -> bool:
        sql = (
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
            "AND backend_type = 'client backend'"
        )
        return self.rows(sql) != [(0,)]


def measured(ground: Ground) -> Measured:
    """The database now."""
    columns = [(table, names) for table, names in ground.tables() if table != "alembic_version"]
    rows: list[tuple[str, Rows]] = []
    others: set[int] = set()
    for table, _ in columns:
        found = sorted(ground.rows(f"SELECT * FROM {table}"), key=repr)
        others |= {int(str(row[0])) for row in found if int(str(row[0])) >= FIRST_OF_OTHERS and table != "half"}
        rows.append((table, tuple(row for row in found if table == "half" or int(str(row[0])) < FIRST_OF_OTHERS)))
    versions = tuple(sorted(str(row[0]) for row in ground.rows("SELECT version_num FROM alembic_version")))
    return Measured(tuple(columns), tuple(rows), versions, frozenset(others))


class Traffic:
    """Another session that writes all the time; `committed` are the numbers of the rows that it was told are there."""

    def __init__(self, ground: Ground, table: str) -> None:
        self._ground, self._table = ground, table
        self.committed: set[int] = set()
        self._end = threading.Event()

    def _write(self) -> None:
        values = {"audit_log": "(id, message) VALUES ({n}, 'busy')", "customer": "(id, email) VALUES ({n}, 'busy')"}
        number = FIRST_OF_OTHERS
        while not self._end.wait(0.03):
            number += 1
            with suppress(sqlite3.Error, psycopg.Error):
                self._ground.insert(f"INSERT INTO {self._table} {values[self._table].format(n=number)}")
                self.committed.add(number)

    @contextmanager
    def going(self) -> Generator[None]:
        """Write until the block ends; nothing at all where no table is named."""
        if not self._table:
            yield
            return
        thread = threading.Thread(target=self._write, daemon=True)
        thread.start()
        time.sleep(0.2)
        try:
            yield
        finally:
            self._end.set()
            thread.join()
