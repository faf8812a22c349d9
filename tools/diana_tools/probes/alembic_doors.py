"""Every database connection that the project opens, held or refused below SQLAlchemy (see alembic_child.py)."""

import _thread
import importlib.util
import os
import re
import sqlite3
import sys
import threading
from pathlib import Path
from urllib.parse import parse_qsl, quote, unquote, urlencode

from alembic_child import refuse, secrets

MARKER_TABLE = "diana_scratch_marker"
ENGINES = ("sqlite", "postgresql")
CONNECT_TIMEOUT_S = 10
_ATTACH = 24  # SQLITE_ATTACH of sqlite3.h; the module has no name for it before 3.11
_OPTIONS = ("timeout", "detect_types", "isolation_level", "check_same_thread", "factory", "cached_statements", "uri")
_READ_ONLY = "-c default_transaction_read_only=on"
_LIMITS = "-c statement_timeout=30000 -c lock_timeout=5000"
_PROGRAMS = (
    "subprocess.Popen",
    "os.system",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.fork",
    "os.forkpty",
    "pty.spawn",
)

_real_connect = sqlite3.connect
_state = threading.local()
attempts = []


def _on(name):
    return getattr(_state, name, False)


class _Marked:
    """Sets a flag of this thread for a while."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        self.before = _on(self.name)
        setattr(_state, self.name, True)

    def __exit__(self, *_raised):
        setattr(_state, self.name, self.before)


class _Stepping:
    """The process runs a migration; it stays so when a thread that the migration started outlives it."""

    running = 0

    def __enter__(self):
        self.threads = _thread._count()
        _Stepping.running += 1

    def __exit__(self, *_raised):
        if _thread._count() <= self.threads:
            _Stepping.running -= 1


def sqlite_path(database):
    """The file behind what `sqlite3.connect` was given; empty for a database in memory."""
    text = os.fsdecode(database)
    if text.startswith("file:"):
        path, _, query = text[5:].partition("#")[0].partition("?")
        if dict(parse_qsl(query)).get("mode") == "memory":
            return ""
        text = unquote(path)
        if text.startswith("//"):
            text = "/" + text[2:].partition("/")[2]
    return "" if text in ("", ":memory:") else str(Path(text).absolute())


def _as_read_only(database, path):
    text = os.fsdecode(database)
    query = text.partition("#")[0].partition("?")[2] if text.startswith("file:") else ""
    kept = [pair for pair in parse_qsl(query) if pair[0] != "mode"]
    return f"file:{quote(path)}?" + urlencode([*kept, ("mode", "ro")])


def guard_sqlite(judge, hold, *, read_only):
    """Have `judge(path)` refuse a file before it is opened (or created), and `hold(connection)` tie down each one.

    An engine with its own `creator` and bare `sqlite3` pass here too; `sqlite3.Connection(...)`, which could not be
    held, is refused.
    """

    def judged(event, arguments):
        if event != "sqlite3.connect" or _on("own"):
            return
        path = sqlite_path(arguments[0])
        if path and not _on("through"):
            raise refuse("connection_bypassed", path)
        if path:
            attempts.append({"engine": "sqlite", "database": path})
            judge(path)

    def connect(database, *positional, **options):
        options.update(zip(_OPTIONS, positional))  # noqa: B905  (`strict` is not in 3.8)
        path = sqlite_path(database)
        if path and read_only:
            database, options["uri"] = _as_read_only(database, path), True
        with _Marked("through"):
            connection = _real_connect(database, **options)
        connection.set_authorizer(_no_attach)
        hold(connection)
        return connection

    sys.addaudithook(judged)
    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _no_attach(action, first, _second, _database, _trigger):
    if action == _ATTACH and first not in ("", ":memory:"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def sqlite_marker(path):
    """The marker in a SQLite file, read through a connection of its own; empty when there is none."""
    if not Path(path).is_file():
        return ""
    with _Marked("own"):
        own = _real_connect(f"file:{quote(path)}?mode=ro", uri=True)
    try:
        return str(own.execute(f"SELECT token FROM {MARKER_TABLE}").fetchone()[0])  # noqa: S608
    except (sqlite3.Error, TypeError):
        return ""
    finally:
        own.close()


def hold_postgresql():
    """Every libpq connection starts read-only and gives up in time, also one that passes SQLAlchemy by."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_TIMEOUT_S))
    os.environ["PGOPTIONS"] = f"{os.environ.get('PGOPTIONS', '')} {_READ_ONLY}".strip()


def before_connect(dialect, arguments, parameters, *, limits):
    """For SQLAlchemy's `do_connect`: other engines are refused; PostgreSQL starts read-only and gives up in time."""
    for name in ("password", "passwd"):
        if parameters.get(name):
            secrets.add(str(parameters[name]))
    if dialect.name not in ENGINES:
        raise refuse("engine_unsupported", dialect.name)
    if dialect.name != "postgresql":
        return
    attempts.append(_place(arguments, parameters))
    if dialect.driver == "asyncpg":
        parameters.setdefault("timeout", CONNECT_TIMEOUT_S)
        settings = dict(parameters.get("server_settings") or {}, default_transaction_read_only="on")
        if limits:
            settings.update(statement_timeout="30000", lock_timeout="5000")
        parameters["server_settings"] = settings
    elif dialect.driver.startswith("psycopg"):
        parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        options = [str(parameters.get("options") or ""), _READ_ONLY, _LIMITS if limits else ""]
        parameters["options"] = " ".join(options).strip()


def _place(arguments, parameters):
    """Where a connection is to go, and the address that was asked for (`hostaddr`) whatever the host is called.

    What psycopg itself resolved a name to is not one: a name may have many addresses.
    """
    said = re.search(r"\bhostaddr\s*=\s*'?([^\s'&]+)", " ".join(map(str, arguments)))
    address = parameters.get("hostaddr") or (said[1] if said else os.environ.get("PGHOSTADDR", ""))
    port = str(parameters.get("port") or "")
    return {
        "engine": "postgresql",
        "host": str(parameters.get("host") or ""),
        "port": int(port) if port.isdigit() else None,
        "database": str(parameters.get("dbname") or parameters.get("database") or ""),
        "username": str(parameters.get("user") or ""),
        "hostaddr": str(address),
    }


def marker_questions():
    """A dialogue: yields SQL, is sent the rows, returns the marker of a PostgreSQL database (empty: none)."""
    found = yield f"SELECT schemaname FROM pg_catalog.pg_tables WHERE tablename = '{MARKER_TABLE}'"  # noqa: S608
    if len(found) != 1:
        return ""
    schema = str(found[0][0]).replace('"', '""')
    rows = yield f'SELECT token FROM "{schema}".{MARKER_TABLE}'  # noqa: S608
    return str(rows[0][0]) if len(rows) == 1 else ""


def _admission(marker):
    """A dialogue that returns whether a connection may be used; one that may is let write."""
    if (yield from marker_questions()) != marker:
        return False
    yield "SET default_transaction_read_only TO off"
    return True


def converse(dialogue, ask):
    """Hold a dialogue with `ask(sql) -> rows` and give what it returns."""
    try:
        sql = next(dialogue)
        while True:
            sql = dialogue.send(ask(sql))
    except StopIteration as end:
        return end.value


async def _converse_async(dialogue, ask):
    try:
        sql = next(dialogue)
        while True:
            sql = dialogue.send(await ask(sql))
    except StopIteration as end:
        return end.value


def _asking(connection, **cursor_options):
    def ask(sql):
        cursor = connection.cursor(**cursor_options)
        try:
            cursor.execute(sql)
            return [tuple(row) for row in cursor.fetchall()] if cursor.description else []
        finally:
            cursor.close()

    return ask


def admit(connection, marker, **cursor_options):
    """Close and refuse a fresh DB-API connection to a PostgreSQL database that does not carry `marker`."""
    if converse(_admission(marker), _asking(connection, **cursor_options)):
        connection.commit()
        return connection
    connection.close()
    raise refuse("marker_not_seen", "postgresql")


def guard_drivers(marker):
    """Have every connection that psycopg, psycopg2 or asyncpg hands out show `marker` before anyone gets it.

    The drivers are imported here, before the project can keep a reference to an unguarded function.
    """
    for name, guard in (("psycopg", _guard_psycopg), ("psycopg2", _guard_psycopg2), ("asyncpg", _guard_asyncpg)):
        if importlib.util.find_spec(name) is not None:
            try:
                guard(marker)
            except ImportError:
                continue


def _guard_psycopg(marker):
    import psycopg
    from psycopg.rows import tuple_row

    direct, waiting = psycopg.Connection.connect.__func__, psycopg.AsyncConnection.connect.__func__

    def connect(cls, *arguments, **options):
        return admit(direct(cls, *arguments, **options), marker, row_factory=tuple_row)

    async def connect_async(cls, *arguments, **options):
        connection = await waiting(cls, *arguments, **options)

        async def ask(sql):
            cursor = await connection.cursor(row_factory=tuple_row).execute(sql)
            return await cursor.fetchall() if cursor.description else []

        if await _converse_async(_admission(marker), ask):
            await connection.commit()
            return connection
        await connection.close()
        raise refuse("marker_not_seen", "postgresql")

    psycopg.Connection.connect = classmethod(connect)
    psycopg.AsyncConnection.connect = classmethod(connect_async)
    psycopg.connect = psycopg.Connection.connect


def _guard_psycopg2(marker):
    import psycopg2
    from psycopg2.extensions import cursor

    direct = psycopg2._connect

    def connect(*arguments, **options):
        return admit(direct(*arguments, **options), marker, cursor_factory=cursor)

    psycopg2._connect = connect


def _guard_asyncpg(marker):
    import asyncpg
    import asyncpg.connection

    direct = asyncpg.connection.connect

    async def connect(*arguments, **options):
        with _Marked("own"):
            connection = await direct(*arguments, **options)
        if await _converse_async(_admission(marker), connection.fetch):
            return connection
        await connection.close()
        raise refuse("marker_not_seen", "postgresql")

    asyncpg.connect = asyncpg.connection.connect = connect


def guard_steps():
    """While a migration runs, no thread starts a program or opens a network connection but its database's.

    A rehearsal must not reach what is not the scratch: neither by `psql` in a shell nor by a driver nobody guards.
    """

    def judged(event, arguments):
        if not _Stepping.running or _on("own"):
            return
        if event in _PROGRAMS:
            raise refuse("rehearsal_reached_out", _program(arguments))
        if event == "socket.connect" and isinstance(arguments[1], tuple):
            raise refuse("rehearsal_reached_out", ":".join(str(part) for part in arguments[1][:2]))

    sys.addaudithook(judged)
    _guard_fork_exec()


def _guard_fork_exec():
    """What `multiprocessing` starts its programs with raises no audit event of its own."""
    try:
        import _posixsubprocess
    except ImportError:
        return
    direct = _posixsubprocess.fork_exec

    def fork_exec(arguments, *rest):
        if _Stepping.running:
            raise refuse("rehearsal_reached_out", _program(arguments))
        return direct(arguments, *rest)

    _posixsubprocess.fork_exec = fork_exec


def _program(arguments):
    first = arguments[0] if arguments else ""
    return Path(os.fsdecode(first).split()[0]).name if isinstance(first, (str, bytes)) and first else "fork"


def stepping():
    """A context in which the process counts as running a migration."""
    return _Stepping()


def own_way():
    """A context in which the thread may connect: Diana's code has checked it or will."""
    return _Marked("own")
