"""What the probe and the rehearsal share inside the project's interpreter (3.8 and later, no part of Diana)."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import sqlite3
import sys
import traceback
from urllib.parse import parse_qs, quote, unquote

MARKER_TABLE = "diana_scratch_marker"
ENGINES = ("sqlite", "postgresql")
DRIVERS = ("psycopg", "psycopg2", "asyncpg", "pg8000", "aiosqlite", "MySQLdb", "pymysql", "oracledb", "pyodbc")
CONNECT_TIMEOUT_S = 10
_ATTACH = 24  # SQLITE_ATTACH of sqlite3.h; the module exports no name for it before 3.11

secrets = set()
opened = set()


class Refused(RuntimeError):
    """A connection that must not be used; `code` tells why."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code = code


first_refusal = []


def refuse(code, words):
    """Remember the first refusal (a project may swallow the exception) and give the exception to raise."""
    error = Refused(code, words)
    first_refusal.append(error)
    return error


def private_stdout():
    """Keep the real standard output for Diana; whatever the project prints goes to standard error."""
    kept = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    sys.stdout.flush()
    os.dup2(2, 1)
    return kept


def sqlite_path(database):
    """The file behind what `sqlite3.connect` was given; empty for a database in memory."""
    text = os.fsdecode(database)
    if text.startswith("file:"):
        path, _, query = text[5:].partition("?")
        if parse_qs(query).get("mode") == ["memory"]:
            return ""
        text = unquote(re.sub(r"^//[^/]*", "", path.partition("#")[0]))
    return "" if text in ("", ":memory:") else os.path.abspath(text)


def sqlite_marker(path):
    """The marker in a SQLite file, read through a connection of its own; empty when there is none."""
    own = _connect(f"file:{quote(path)}?mode=ro", uri=True)
    try:
        return str(own.execute(f"SELECT token FROM {MARKER_TABLE}").fetchone()[0])  # noqa: S608
    except (sqlite3.Error, TypeError):
        return ""
    finally:
        own.close()


_connect = sqlite3.connect
_own = []


def guard_sqlite(judge, hold):
    """Have `judge(path)` refuse before a file is opened (or created), and `hold(connection)` tie down each one.

    Works below SQLAlchemy, so an engine with its own `creator` and bare `sqlite3` are held too.
    """

    def judged(event, arguments):
        if event == "sqlite3.connect" and not _own:
            _own.append(True)
            try:
                judge(sqlite_path(arguments[0]))
            finally:
                _own.pop()

    def connect(*arguments, **options):
        connection = _connect(*arguments, **options)
        connection.set_authorizer(_no_attach)
        hold(connection)
        return connection

    sys.addaudithook(judged)
    sqlite3.connect = sqlite3.dbapi2.connect = connect


def _no_attach(action, first, _second, _database, _trigger):
    if action == _ATTACH and first not in ("", ":memory:"):
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK


def guard_postgresql():
    """Every libpq connection starts read-only and gives up in time, also one that bypasses SQLAlchemy."""
    os.environ.setdefault("PGCONNECT_TIMEOUT", str(CONNECT_TIMEOUT_S))
    os.environ["PGOPTIONS"] = (os.environ.get("PGOPTIONS", "") + " -c default_transaction_read_only=on").strip()


def before_connect(dialect, _record, _arguments, parameters):
    """SQLAlchemy's `do_connect`: other engines are refused; PostgreSQL gets a time limit and starts read-only."""
    for value in (parameters.get("password"), parameters.get("passwd")):
        if value:
            secrets.add(str(value))
    if dialect.name not in ENGINES:
        raise refuse("engine_unsupported", dialect.name)
    if dialect.name != "postgresql":
        return
    if dialect.driver == "asyncpg":
        parameters.setdefault("timeout", CONNECT_TIMEOUT_S)
        parameters["server_settings"] = dict(
            parameters.get("server_settings") or {}, default_transaction_read_only="on"
        )
    elif dialect.driver.startswith("psycopg"):
        parameters.setdefault("connect_timeout", CONNECT_TIMEOUT_S)
        parameters["options"] = (str(parameters.get("options") or "") + " -c default_transaction_read_only=on").strip()


def ask(connection, sql):
    """All rows of one statement on a driver's connection, outside any transaction that others would see."""
    cursor = connection.cursor()
    try:
        cursor.execute(sql)
        return [tuple(row) for row in cursor.fetchall()]
    finally:
        cursor.close()
        connection.rollback()


def postgresql_marker(connection):
    """The marker in a PostgreSQL database, whatever the search path; empty when there is none."""
    found = ask(connection, "SELECT schemaname FROM pg_catalog.pg_tables WHERE tablename = '" + MARKER_TABLE + "'")
    if len(found) != 1:
        return ""
    schema = str(found[0][0]).replace('"', '""')
    rows = ask(connection, f'SELECT token FROM "{schema}".{MARKER_TABLE}')  # noqa: S608
    return str(rows[0][0]) if len(rows) == 1 else ""


def watch_files(root):
    """Remember the files under `root` that are opened for reading: settings, .env, imported modules."""
    prefix = os.path.join(root, "")

    def seen(event, arguments):
        if event != "open" or not isinstance(arguments[0], (str, bytes)):
            return
        mode = arguments[1]
        if isinstance(mode, str) and set(mode) & set("wax+"):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))
        if path.startswith(prefix):
            opened.add(path)

    sys.addaudithook(seen)


def loaded_files(root):
    """Source files under `root`, outside any virtual environment, that this process imported or read."""
    prefix = os.path.join(root, "")
    environment = os.path.join(os.path.abspath(sys.prefix), "")
    paths = set(opened)
    for module in list(sys.modules.values()):
        path = getattr(module, "__file__", None)
        if isinstance(path, str):
            paths.add(os.path.abspath(path))
    return sorted(
        path
        for path in paths
        if path.startswith(prefix)
        and not path.startswith(environment)
        and "site-packages" not in path
        and not path.endswith(".pyc")
        and os.path.isfile(path)
    )


def sha256(path):
    """Hex digest of a file."""
    with open(path, "rb") as handle:  # noqa: PTH123
        return hashlib.sha256(handle.read()).hexdigest()


def arguments(parser):
    """Parse the command line both scripts share, then make `sys.argv` and `sys.path` look like `python -m alembic`."""
    parser.add_argument("--root", required=True)
    parser.add_argument("-c", dest="config", required=True)
    parser.add_argument("-n", dest="section", default="alembic")
    chosen = parser.parse_args()
    if os.environ.get("PYTHONSAFEPATH"):
        return chosen
    sys.path.insert(0, os.getcwd())  # noqa: PTH109
    return chosen


def configuration(chosen, words):
    """Alembic's own Config for `words` ("upgrade", "heads"), with everything env.py may look at in place."""
    from alembic.config import CommandLine, Config

    line = ["-c", chosen.config, "-n", chosen.section, *words]
    command = CommandLine(prog="alembic")
    options = command.parser.parse_args(line)
    sys.argv = ["alembic", *line]
    if not hasattr(command, "_inis_from_config"):
        return Config(file_=chosen.config, ini_section=chosen.section, cmd_opts=options)
    toml, ini = command._inis_from_config(options)
    return Config(file_=ini, toml_file=toml, ini_section=chosen.section, cmd_opts=options)


def clean(text):
    """Without any password that was seen, and without the password part of any URL."""
    for secret in sorted(secrets, key=len, reverse=True):
        for form in {secret, quote(secret), quote(secret, safe="")}:
            text = text.replace(form, "***")
    return re.sub(r"(://[^\s:/@'\"]*):[^\s/'\"]+@", r"\1:***@", text)


_WORDS = (
    ("Connection refused|could not connect|timeout expired|Network is unreachable|No route to host", "connection_refused"),
    ("could not translate host name|Name or service not known|failed to resolve host", "host_unknown"),
    ("password authentication failed|no password supplied|fe_sendauth", "wrong_password"),
    ('database "[^"]*" does not exist', "no_such_database"),
    ("file is not a database|file is encrypted", "not_a_database"),
    ("unsupported startup parameter", "pooler"),
    ("Can't locate revision identified by|is not present in the revision map|Revision .* referenced from", "history_missing_revision"),
    ("No 'script_location' key|doesn't exist.  Please use the 'init'", "config_broken"),
)  # fmt: skip


def code_of(error):
    """The code for an exception of the project's, of Alembic's or of the driver's."""
    if isinstance(error, Refused):
        return error.code
    if isinstance(error, ModuleNotFoundError):
        return "driver_missing" if str(error.name).split(".")[0] in DRIVERS else "dependency_missing"
    kind = type(error).__name__
    if kind == "NoSuchModuleError":
        return "url_scheme_unknown"
    if kind == "ArgumentError" and "URL" in str(error):
        return "url_unreadable"
    if type(error).__module__ == "configparser" or kind == "TOMLDecodeError":
        return "config_broken"
    for pattern, code in _WORDS:
        if re.search(pattern, str(error)):
            return code
    return "env_failed"


def words_of(error, root):
    """Kind and first line of an exception, with the project's own file and line where it was raised."""
    lines = str(getattr(error, "orig", None) or error).strip().splitlines()
    words = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    if isinstance(error, SyntaxError) and error.filename:
        words = f"{os.path.basename(error.filename)}:{error.lineno}: {type(error).__name__}: {error.msg}"  # noqa: PTH119
    prefix = os.path.join(root, "")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if os.path.abspath(frame.filename).startswith(prefix) and "site-packages" not in frame.filename
    ]
    if frames:
        words = f"{os.path.relpath(frames[-1].filename, root)}:{frames[-1].lineno}: {words}"
    return clean(words)[:1000]


def new_parser():
    """A parser whose refusals name the script, not the project."""
    return argparse.ArgumentParser(prog="diana", allow_abbrev=False)
