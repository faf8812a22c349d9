"""A look at an Alembic project through its own env.py, reading only: what it is configured for and what it sees.

Run by the project's interpreter in the folder that `alembic` is run in. It never creates the version table nor a
missing SQLite file, starts every connection read-only, and prints one marked line of JSON.
"""

import ast
import os
import sys
from pathlib import Path

import alembic_child as child
import alembic_doors as doors
import alembic_files as files
import alembic_text as text


def main():
    """Look, report, and end at once whatever threads the project has started."""
    kept = child.private_stdout()
    chosen = child.new_parser().parse_args()
    body = {"version": "", "place": None, "error": "", "words": ""}
    files.watch_files()
    try:
        child.like_python_m_alembic()
        body.update(look(chosen))
    except BaseException as error:
        cause = child.cause_of(error)
        body.update(error=child.code_of(cause), words=child.words_of(cause, chosen.root))
    body["place"] = doors.attempts[-1] if doors.attempts else None
    body["loaded"] = files.loaded_files(chosen.root)
    body["searched"] = files.searched(chosen.root)
    child.report(kept, body)
    os._exit(0)


def look(chosen):
    """Everything there is to say, as a dict that becomes JSON.

    Whatever fails is raised, and turned into a code by the caller.
    """
    import alembic
    from alembic.script import ScriptDirectory

    hold_everything()
    _, config, _ = child.configuration(chosen, ["current"])
    seen = []
    try:
        script = ScriptDirectory.from_config(config)
    except BaseException:
        if _is_flask_migrate(chosen):
            raise child.Refused("flask_migrate", chosen.config) from None
        raise

    def fn(heads, context):
        seen.append(_seen(chosen, script, heads, context))
        return []

    child.run_environment(config, script, fn, dont_mutate=True)
    if not seen:
        # A project may have swallowed a refusal; when it got through all the same, nothing was lost by it.
        raise child.refusals[0] if child.refusals else child.Refused("env_never_ran", "")
    if any(one != seen[0] for one in seen[1:]):
        raise child.Refused("several_databases", ", ".join(sorted({_database_of(one) for one in seen})))
    folders = [files.spelled(str(place)) for place in (script.dir, *script._version_locations)]
    return {
        "version": alembic.__version__,
        "scripts": [files.named(folder, chosen.root) for folder in folders],
        **seen[0],
    }


def hold_everything():
    """Let every connection of this process read only, and give up in time."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    doors.guard_sqlite(_must_exist, _hold_to_reading, read_only=True)
    doors.hold_postgresql()
    event.listen(Engine, "do_connect", _before_connect)


def _must_exist(path):
    if not Path(path).exists():
        raise child.refuse("database_missing", path)


def _hold_to_reading(connection):
    connection.execute("PRAGMA query_only = ON").close()


def _before_connect(dialect, _record, arguments, parameters):
    doors.before_connect(dialect, arguments, parameters, limits=True)
    if dialect.name != "postgresql" or dialect.driver == "asyncpg" or dialect.driver.startswith("psycopg"):
        return None
    connection = dialect.connect(*arguments, **parameters)
    cursor = connection.cursor()
    cursor.execute("SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")
    cursor.close()
    connection.commit()
    return connection


def _is_flask_migrate(chosen):
    env = Path(chosen.config).parent / "env.py"
    return env.is_file() and "flask" in env.read_text("utf-8", "replace")


def _seen(chosen, script, heads, context):
    if context.dialect.name not in doors.ENGINES:
        raise child.refuse("engine_unsupported", context.dialect.name)
    if context.connection is None:
        raise child.refuse("env_never_ran", "")
    schema = context.version_table_schema
    return {
        **_database(context),
        **_history(chosen, script, tuple(heads)),
        "shape": _shape(context),
        "version_table": f"{schema}.{context.version_table}" if schema else context.version_table,
    }


def _database_of(one):
    return one["url"]["database"] + " " + one["version_table"]


def _history(chosen, script, current):
    """Revisions, their order, and what is wrong with them.

    The files are loaded here, after env.py, as Alembic does it: env.py may be what makes them importable.
    """
    from alembic.script.revision import RevisionMap

    try:
        scripts = list(script._load_revisions())
    except Exception as error:
        raise child.Refused("migration_unreadable", child.words_of(error, chosen.root)) from None
    problems = _problems(scripts, current)
    body = {
        "current": sorted(current),
        "migrations": [_migration(chosen, one) for one in scripts],
        "problems": problems,
        "heads": [],
        "pending": [],
        "applied": [],
    }
    if problems:
        return body
    script.revision_map = RevisionMap(lambda: iter(scripts))
    try:
        pending = [step.revision.revision for step in script._upgrade_revs("heads", current)]
        applied = child.applied(script, current)
        body["applied"] = [one.revision for one in script.walk_revisions() if one.revision in applied][::-1]
        body.update(heads=sorted(script.get_heads()), pending=pending)
    except Exception as error:
        kind = type(error.__cause__ or error).__name__
        words = child.clean(str(error)).replace("\n", " ")
        body["problems"] = [f"cycle:{words}" if "Cycle" in kind or "Loop" in kind else f"contradiction:{words}"]
    return body


def _problems(scripts, current):
    """What makes Alembic fail or guess: as `code:object` words."""
    ids = [one.revision for one in scripts]
    known = set(ids)
    words = [f"duplicate_id:{one}" for one in sorted({one for one in ids if ids.count(one) > 1})]
    words += [f"missing_revision:{one}" for one in sorted(set(current) - known)]
    labels = {label for one in scripts for label in one._orig_branch_labels}
    for one in scripts:
        parents = one._versioned_down_revisions
        words += [f"missing_parent:{one.revision}:{parent}" for parent in parents if parent not in known]
        wanted = set(_tuple(one.dependencies)) - known - labels
        words += [f"missing_parent:{one.revision}:{other}" for other in sorted(wanted)]
    return words


def _tuple(value):
    return (value,) if isinstance(value, str) else tuple(value or ())


def _migration(chosen, one):
    source = Path(one.path).read_bytes()
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        tree = None
    return {
        "id": one.revision,
        "name": Path(one.path).stem,
        "description": one.doc or "",
        "path": child.relative(one.path, chosen.root),
        "checksum": child.sha256(one.path),
        "reversible": text.reversible(tree) if tree else None,
        "transactional": text.transactional(tree) if tree else False,
    }


def _shape(context):
    """What a failure leaves behind, by the project's own `context.configure`."""
    if context.dialect.name == "sqlite" or not context.impl.transactional_ddl or _autocommit(context):
        return "none"
    alone = context._transaction_per_migration and not context._in_external_transaction
    return "per_migration" if alone else "whole_run"


def _driver(connection):
    fairy = connection.connection
    return getattr(fairy, "driver_connection", None) or getattr(fairy, "connection", fairy)


def _autocommit(context):
    asked = context.connection.get_execution_options().get("isolation_level")
    usual = getattr(context.dialect, "_on_connect_isolation_level", None) or getattr(
        context.dialect, "isolation_level", None
    )
    return "AUTOCOMMIT" in (asked, usual) or getattr(_driver(context.connection), "autocommit", False) is True


def _database(context):
    """The address, the identity's words and the marker, as the tool's own connection sees them."""
    connection = context.connection
    if context.dialect.name == "sqlite":
        return _sqlite(connection)
    database = str(_rows(connection, "SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()")[0][0])
    return {
        "url": _url(connection),
        "database": database,
        "server": _aside(connection, lambda ask: str(ask(_SERVER)[0][0])),
        "marker": _aside(connection, lambda ask: doors.converse(doors.marker_questions(), ask)),
    }


_SERVER = "SELECT system_identifier FROM pg_catalog.pg_control_system()"


def _rows(connection, sql):
    return [tuple(row) for row in connection.exec_driver_sql(sql).fetchall()]


def _aside(connection, question):
    """The answer to a question that may be refused, without spoiling the transaction it is asked in."""
    try:
        with connection.begin_nested():
            return question(lambda sql: _rows(connection, sql))
    except Exception:
        return ""


def _sqlite(connection):
    path = next((row[2] for row in _rows(connection, "PRAGMA database_list") if row[1] == "main"), "")
    if not path:
        raise child.refuse("database_in_memory", "")
    file = Path(path).stat()
    return {
        "url": {"engine": "sqlite", "driver": connection.dialect.driver, "database": str(Path(path))},
        "server": "",
        "database": f"{file.st_dev}:{file.st_ino}",
        "marker": doors.sqlite_marker(path),
    }


# Of the URL's own options these mean something to libpq; `options` and the time limit are the probe's own.
_LIBPQ = ("sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "channel_binding", "gssencmode", "krbsrvname",
          "target_session_attrs", "require_auth", "service", "hostaddr")  # fmt: skip


def _url(connection):
    """Where the connection really goes and with what: the driver's own words before those of the engine's URL."""
    url = connection.engine.url
    body = {
        "engine": "postgresql", "driver": connection.dialect.driver, "host": url.host or url.query.get("host", ""),
        "port": url.port, "database": url.database or "", "username": url.username or "",
        "password": str(url.password or ""), "query": {k: v for k, v in url.query.items() if k in _LIBPQ},
    }  # fmt: skip
    driver = getattr(_driver(connection), "info", None)
    if driver is not None and hasattr(driver, "dbname"):
        told = driver.get_parameters() if hasattr(driver, "get_parameters") else driver.dsn_parameters
        body.update(
            host=driver.host or "", port=driver.port, database=driver.dbname, username=driver.user,
            password=driver.password or "", query={k: v for k, v in told.items() if k in _LIBPQ},
        )  # fmt: skip
    elif doors.attempts:
        body.update({name: value for name, value in doors.attempts[-1].items() if value and name != "hostaddr"})
    address = doors.attempts[-1].get("hostaddr", "") if doors.attempts else body["query"].get("hostaddr", "")
    body["query"].pop("hostaddr", None)
    if address:
        body["query"]["hostaddr"] = address
    body["host"] = body["host"][0] if isinstance(body["host"], tuple) else body["host"]
    body["query"] = sorted([k, str(v)] for k, v in body["query"].items())
    return body


if __name__ == "__main__":
    main()
    sys.exit(1)
