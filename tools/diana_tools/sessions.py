"""The only file that opens a database connection: read-only by the engine, or changing with a permit."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import quote

from diana_tools.connection_codes import failure
from diana_tools.domain import DatabaseUrl
from diana_tools.errors import ConnectionFailed, LockHeld
from diana_tools.permit import Act, Operation, Permit, Redeemer, Use
from diana_tools.session_places import DATA_PLACE, OwnServer, Place, inode, mismatch, require

if TYPE_CHECKING:
    from psycopg import Connection as PsycopgConnection
    from sqlalchemy import Connection, Engine

Value = str | int | float | bytes | bool | None
Row = tuple[Value, ...]
RawRow = tuple[int | float | bytes | bytearray | None, ...]

_STATEMENT_TIMEOUT_MS = 30_000
_CONNECT_TIMEOUT_S = 10
_SQLITE_PATIENCE_S = 5.0
_OWN_MARK = 0x4449414E


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

    def tried(self, sql: str, parameters: Mapping[str, Value] | None = None) -> list[Row]:
        """Like `rows`, inside a savepoint: after a refusal the session and its snapshot go on.

        Raises:
            ConnectionFailed: the engine refused the statement; the code tells why.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            with self._connection.begin_nested():
                return self.rows(sql, parameters)
        except SQLAlchemyError as error:
            raise failure(error, self.url) from None

    def greeted_pid(self) -> int:
        """PostgreSQL only: the process id that the server's greeting named; a pooler makes up one of its own."""
        return self._psycopg().info.backend_pid

    def stop(self) -> None:
        """PostgreSQL only: have the server end the statement that another thread waits for."""
        from psycopg import Error

        with suppress(Error):
            self._psycopg().cancel_safe(timeout=5)

    def _psycopg(self) -> PsycopgConnection[Row]:
        if self.url.engine != "postgresql":
            raise TypeError("not a PostgreSQL session")
        return cast("PsycopgConnection[Row]", self._connection.connection.driver_connection)

    def stream_sqlite(self, sql: str) -> Iterator[RawRow]:
        """SQLite only: one statement's rows as they come; texts are bytearrays, so that bad UTF-8 stops nothing.

        Raises:
            ConnectionFailed: the engine refused the statement.
        """
        driver = self._driver()
        driver.text_factory = bytearray
        try:
            with closing(driver.execute(sql)) as cursor:
                yield from cursor
        except sqlite3.Error as error:
            raise failure(error, self.url) from None
        finally:
            driver.text_factory = str

    def copy_sqlite(self, into: Path, progress: Callable[[int], None] | None = None) -> None:
        """SQLite only: the online backup API into a new file, from this session's snapshot.

        `progress` gets bytes copied so far. The file is created 0600.

        Raises:
            ConnectionFailed: `no_room_left`, `database_locked`; the unfinished file is removed.
        """
        into.touch(mode=0o600, exist_ok=False)
        target = sqlite3.connect(into)
        try:
            _copy_pages(self._driver(), target, self.url, progress)
        except BaseException:
            into.unlink()
            raise
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

    def run_sqlite(self, sql: str, values: tuple[Value, ...] = ()) -> None:
        """SQLite only: one statement as it stands, `?` for each value; a colon in it has no meaning of its own.

        Raises:
            ConnectionFailed: with the engine's first line.
        """
        try:
            self._driver().execute(sql, values)
        except sqlite3.Error as error:
            raise failure(error, self.url) from None

    def load_sqlite(self, source: Path, progress: Callable[[int], None] | None = None) -> None:
        """SQLite only: the backup API from a file *into* this live database (WAL safe, same inode).

        Raises:
            ConnectionFailed: `database_locked` when another connection holds it; the database is as it was.
        """
        with closing(_open_sqlite(source, "ro")) as reader:
            _copy_pages(reader, self._driver(), self.url, progress)


class Sessions:
    """Opens connections: `read` for looking, `change` with a permit that is redeemed first."""

    def __init__(self, redeemer: Redeemer) -> None:
        self._redeemer = redeemer
        self._made: dict[str, set[tuple[int, int]]] = {}

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
    def change(
        self, url: DatabaseUrl, permit: Permit, operation: Operation, use: Use, place: Place = None
    ) -> Generator[ChangeSession]:
        """A changing session in autocommit, opened after its use of the permit is burnt.

        A permit of kind scratch opens only a SQLite file that was made under it, or a server that says itself that
        its data lies in Diana's own folder.

        Raises:
            PermitRefused: the permit is not good for this; nothing was opened.
            ChangeFailed: `session_mismatch` when the use was declared for another place; nothing was changed.
            ConnectionFailed: as for `read`.
        """
        require(url, place, operation, use)
        if url.engine == "sqlite" and operation.act is Act.SCRATCH and inode(url) not in self._made.get(permit.id, ()):
            raise mismatch(url, use)
        self._redeemer.redeem(permit, operation, use)
        engine = _engine(url, writable=True)
        try:
            with _connected(engine, url) as connection:
                session = ChangeSession(connection.execution_options(isolation_level="AUTOCOMMIT"), url)
                if isinstance(place, OwnServer) and not place.holds(session.one(DATA_PLACE)):
                    raise mismatch(url, use)
                yield session
        finally:
            engine.dispose()

    @contextmanager
    def hold(self, url: DatabaseUrl, key: str) -> Generator[None]:
        """Hold the server's own advisory lock of a key (16 hex characters count), where the engine has one.

        Raises:
            LockHeld: `database_held_on_server`: another machine's run has it.
            ConnectionFailed: as for `read`.
        """
        if url.engine != "postgresql":
            yield
            return
        engine = _engine(url, writable=False)
        try:
            with _connected(engine, url) as connection:
                session = ReadSession(connection.execution_options(isolation_level="AUTOCOMMIT"), url)
                number = int.from_bytes(bytes.fromhex(key[:16]), signed=True)
                if session.one("SELECT pg_try_advisory_lock(:key)", {"key": number}) is not True:
                    raise LockHeld("database_held_on_server", {"place": url.address.place})
                yield
        finally:
            engine.dispose()

    def create_sqlite(self, url: DatabaseUrl, permit: Permit, operation: Operation, use: Use) -> None:
        """Make a new, empty SQLite file, 0600, after its use of the permit is burnt; never touches an existing one.

        Raises:
            PermitRefused: the permit is not good for this; nothing was made.
            ChangeFailed: `session_mismatch` when the use was declared for another file, or the permit is not of kind
                scratch.
            FileExistsError, OSError: there is something already, or the folder takes no file.
        """
        require(url, None, operation, use)
        if url.engine != "sqlite" or operation.act is not Act.SCRATCH:
            raise mismatch(url, use)
        self._redeemer.redeem(permit, operation, use)
        os.close(os.open(url.database, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600))
        self._made.setdefault(permit.id, set()).add(inode(url))


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
        path = _sqlite_file(url)
        if not writable:
            _settle(path)
        mode = "rw" if writable else "ro"
        return create_engine("sqlite+pysqlite://", creator=lambda: _open_sqlite(path, mode), poolclass=NullPool)
    if url.engine != "postgresql":
        raise ConnectionFailed("engine_unknown", {"place": url.address.place, "error": url.engine})
    query = dict(url.query)
    arguments: dict[str, str | int] = {"connect_timeout": _CONNECT_TIMEOUT_S, "application_name": "diana"}
    if not writable:
        # Arguments win over the URL's query: the person's own options must not be lost.
        arguments["options"] = f"{query.get('options', '')} -c default_transaction_read_only=on".strip()
    return create_engine(
        URL.create(
            "postgresql+psycopg", url.username or None, url.password or None, url.host or None, url.port, url.database,
            query,
        ),
        connect_args=arguments,
        poolclass=NullPool,
    )  # fmt: skip


def _open_sqlite(path: Path, mode: str) -> sqlite3.Connection:
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}", uri=True, timeout=_SQLITE_PATIENCE_S, isolation_level=None,
        check_same_thread=False,
    )  # fmt: skip


def _sqlite_file(url: DatabaseUrl) -> Path:
    """The database's file, looked at before SQLite sees it: SQLite would explain little.

    It is never opened here: closing it would drop the locks of every SQLite connection of this process (POSIX).
    """
    path, place = Path(url.database), url.address.place
    if url.driver == "pysqlcipher":
        raise ConnectionFailed("database_encrypted", {"place": place, "error": ""})
    if url.database.startswith("file:") or path.name.startswith("file:") or any(name == "uri" for name, _ in url.query):
        raise ConnectionFailed("database_uri", {"place": place, "error": ""})
    if url.database in ("", ":memory:"):
        raise ConnectionFailed("database_in_memory", {"place": place, "error": ""})
    try:
        if path.is_dir():
            raise ConnectionFailed("database_is_folder", {"place": place, "error": ""})
        if not path.is_file():
            raise ConnectionFailed("database_missing", {"place": place, "error": ""})
    except OSError as error:
        raise ConnectionFailed("database_unreadable", {"place": place, "error": error.strerror or ""}) from None
    return path


def _settle(path: Path) -> None:
    """Let SQLite finish what a killed writer left: a read-only connection may not roll an unfinished transaction back.

    Any program that opens the file would do the same; without it the committed content could not be read at all.
    """
    if not path.with_name(path.name + "-journal").exists():
        return
    # What cannot be settled here is refused, with its own code, by the connection that follows.
    with suppress(sqlite3.Error), closing(_open_sqlite(path, "rw")) as connection:
        connection.execute("PRAGMA query_only = ON")
        connection.execute("SELECT count(*) FROM sqlite_master")


def _copy_pages(
    source: sqlite3.Connection, target: sqlite3.Connection, url: DatabaseUrl, progress: Callable[[int], None] | None
) -> None:
    """Every page, all or nothing; a lock that outlasts the connection's own patience ends it."""
    page = int(source.execute("PRAGMA page_size").fetchone()[0])

    def step(status: int, remaining: int, total: int) -> None:
        # Left alone, `backup` would try for ever.
        if status in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            raise ConnectionFailed("database_locked", {"place": url.address.place, "error": ""})
        if progress is not None:
            progress((total - remaining) * page)

    try:
        source.backup(target, pages=2000, progress=step)
    except sqlite3.Error as error:
        raise failure(error, url) from None


def own_file(path: Path) -> Engine:
    """Diana's own file of state, which exists; it carries her mark, so that no target is ever opened here.

    Raises:
        ConnectionFailed: `not_dianas_file` for anything else, `not_a_database` for what is none.
    """
    from sqlalchemy import NullPool, create_engine

    try:
        with closing(_open_sqlite(path, "rw")) as connection:
            mark = int(connection.execute("PRAGMA application_id").fetchone()[0])
            if mark == 0 and connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0:
                connection.execute(f"PRAGMA application_id = {_OWN_MARK}")
            elif mark != _OWN_MARK:
                raise ConnectionFailed("not_dianas_file", {"place": str(path), "error": ""})
    except sqlite3.Error as error:
        raise failure(error, DatabaseUrl("sqlite", "", "", None, str(path))) from None
    return create_engine("sqlite+pysqlite://", creator=lambda: _open_sqlite(path, "rw"), poolclass=NullPool)
