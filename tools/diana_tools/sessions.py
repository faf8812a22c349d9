"""The only file that opens a database connection: read-only by the engine, or changing with a permit."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ConnectionFailed
from diana_tools.permit import Operation, Permit, Redeemer, Use
from diana_tools.redaction import redact

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

Value = str | int | float | bytes | bool | None
Row = tuple[Value, ...]

_STATEMENT_TIMEOUT_MS = 30_000
_CONNECT_TIMEOUT_S = 10

_CODES = (
    (r"refused|could not connect|Network is unreachable|No route to host|timeout expired", "connection_refused"),
    (r"password authentication failed|no password supplied|authentication failed", "wrong_password"),
    (r"database \"?.*\"? does not exist", "no_such_database"),
    (r"file is not a database|file is encrypted", "not_a_database"),
    (r"could not translate host name|Name or service not known|resolve host", "host_unknown"),
    (r"unable to open database file|permission denied", "database_unreadable"),
    (r"database is locked", "database_locked"),
)  # fmt: skip


def failure(error: Exception, url: DatabaseUrl) -> ConnectionFailed:
    """Turn a driver's error into a code and its first line, without any secret."""
    words = redact(str(getattr(error, "orig", None) or error), (url.password,)).strip()
    first = words.splitlines()[0] if words else type(error).__name__
    for pattern, code in _CODES:
        if re.search(pattern, words, re.IGNORECASE):
            return ConnectionFailed(code, {"place": url.address.place, "error": first[:300]})
    return ConnectionFailed("connection_failed", {"place": url.address.place, "error": first[:300]})


class ReadSession:
    """A connection that the engine itself holds to reading; one snapshot from first to last statement."""

    def __init__(self, connection: Connection, url: DatabaseUrl) -> None:
        self._connection = connection
        self.url = url

    def rows(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Run one statement that Diana built from parts and return all rows; `:name` marks a parameter.

        Raises:
            ConnectionFailed: the engine refused the statement; the code tells why.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            return [tuple(row) for row in self._connection.execute(text(sql), dict(parameters or {}))]
        except SQLAlchemyError as error:
            raise failure(error, self.url) from None

    def one(self, sql: str, parameters: Mapping[str, Value] | None = None) -> Value:
        """The first column of the first row, or None when there is no row."""
        rows = self.rows(sql, parameters)
        return rows[0][0] if rows else None

    def copy_sqlite(self, into: Path, progress: Callable[[int], None] | None = None) -> None:
        """SQLite only: the online backup API into a new file, from this session's snapshot.

        `progress` gets bytes copied so far. The file is created 0600.
        """
        into.touch(mode=0o600, exist_ok=False)
        source = self._driver()
        page = int(source.execute("PRAGMA page_size").fetchone()[0])

        def step(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress((total - remaining) * page)

        target = sqlite3.connect(into)
        try:
            source.backup(target, pages=2000, progress=step)
        except sqlite3.Error as error:
            raise failure(error, self.url) from None
        finally:
            target.close()

    def _driver(self) -> sqlite3.Connection:
        driver = self._connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("not a SQLite session")
        return driver


class ChangeSession(ReadSession):
    """A connection that may change something; it exists only after its permit was redeemed."""

    def run(self, sql: str, parameters: Mapping[str, Value] | None = None) -> None:
        """Run one statement outside any explicit transaction.

        Raises:
            ConnectionFailed: with the engine's first line.
        """
        from sqlalchemy import text
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._connection.execute(text(sql), dict(parameters or {}))
        except SQLAlchemyError as error:
            raise failure(error, self.url) from None

    def load_sqlite(self, source: Path, progress: Callable[[int], None] | None = None) -> None:
        """SQLite only: the backup API from a file *into* this live database (WAL safe, same inode).

        Raises:
            ConnectionFailed: `database_locked` when another connection holds it.
        """
        reader = sqlite3.connect(f"file:{quote(str(source))}?mode=ro", uri=True)
        page = int(reader.execute("PRAGMA page_size").fetchone()[0])

        def step(_status: int, remaining: int, total: int) -> None:
            if progress is not None:
                progress((total - remaining) * page)

        try:
            reader.backup(self._driver(), pages=2000, progress=step)
        except sqlite3.Error as error:
            raise failure(error, self.url) from None
        finally:
            reader.close()


class Sessions:
    """Opens connections: `read` for looking, `change` with a permit that is redeemed first."""

    def __init__(self, redeemer: Redeemer) -> None:
        self._redeemer = redeemer

    @contextmanager
    def read(self, url: DatabaseUrl, *, statement_timeout_ms: int = _STATEMENT_TIMEOUT_MS) -> Generator[ReadSession]:
        """A session in one read-only transaction (repeatable read) with a time limit per statement.

        Raises:
            ConnectionFailed: unreachable, refused, missing file (which is not created), no database.
        """
        engine = _engine(url, writable=False)
        try:
            with _connected(engine, url) as connection:
                _hold_to_reading(connection, url, statement_timeout_ms)
                yield ReadSession(connection, url)
                connection.rollback()
        finally:
            engine.dispose()

    @contextmanager
    def change(self, url: DatabaseUrl, permit: Permit, operation: Operation, use: Use) -> Generator[ChangeSession]:
        """A changing session in autocommit, opened after its use of the permit is burnt.

        Raises:
            PermitRefused: the permit is not good for this; nothing was opened.
            ConnectionFailed: as for `read`.
        """
        self._redeemer.redeem(permit, operation, use)
        engine = _engine(url, writable=True)
        try:
            with _connected(engine, url) as connection:
                yield ChangeSession(connection.execution_options(isolation_level="AUTOCOMMIT"), url)
        finally:
            engine.dispose()


@contextmanager
def _connected(engine: Engine, url: DatabaseUrl) -> Generator[Connection]:
    from sqlalchemy.exc import SQLAlchemyError

    try:
        connection = engine.connect()
    except (SQLAlchemyError, sqlite3.Error, ModuleNotFoundError) as error:
        raise failure(error, url) from None
    try:
        yield connection
    finally:
        connection.close()


def _hold_to_reading(connection: Connection, url: DatabaseUrl, statement_timeout_ms: int) -> None:
    from sqlalchemy import text
    from sqlalchemy.exc import SQLAlchemyError

    try:
        if url.engine == "sqlite":
            connection.execute(text("PRAGMA query_only = ON"))
            connection.execute(text("BEGIN"))
            connection.execute(text("SELECT count(*) FROM sqlite_master"))
        else:
            connection.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
            connection.execute(text(f"SET LOCAL statement_timeout = {int(statement_timeout_ms)}"))
    except SQLAlchemyError as error:
        raise failure(error, url) from None


def _engine(url: DatabaseUrl, *, writable: bool) -> Engine:
    from sqlalchemy import URL, NullPool, create_engine

    if url.engine == "sqlite":
        path = Path(url.database)
        if not path.is_file():
            raise ConnectionFailed("database_missing", {"place": url.database, "error": ""})
        mode = "rw" if writable else "ro"

        def opened() -> sqlite3.Connection:
            return sqlite3.connect(
                f"file:{quote(str(path))}?mode={mode}",
                uri=True,
                timeout=5,
                isolation_level=None,
                check_same_thread=False,
            )

        return create_engine("sqlite+pysqlite://", creator=opened, poolclass=NullPool)
    if url.engine != "postgresql":
        raise ConnectionFailed("engine_unknown", {"place": url.address.place, "error": url.engine})
    arguments: dict[str, str | int] = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "diana"}
    if not writable:
        arguments["options"] = "-c default_transaction_read_only=on"
    return create_engine(
        URL.create(
            "postgresql+psycopg", url.username or None, url.password or None, url.host or None, url.port, url.database,
            dict(url.query),
        ),
        connect_args=arguments,
        poolclass=NullPool,
    )  # fmt: skip
