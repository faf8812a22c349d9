"""Which database this is, what the server tells about it, and who would get in the way."""

from __future__ import annotations

from diana_tools.databases.base import Blocker
from diana_tools.domain import DatabaseUrl, Identity
from diana_tools.errors import ConnectionFailed
from diana_tools.measured import ServerFacts
from diana_tools.redaction import plain
from diana_tools.sessions import ReadSession

LONG_SECONDS = 60


def identity(session: ReadSession, url: DatabaseUrl) -> Identity:
    """System identifier of the cluster (empty where the role may not read it) and oid of the database."""
    try:
        server = session.tried("SELECT CAST(system_identifier AS text) FROM pg_catalog.pg_control_system()")[0][0]
    except ConnectionFailed:
        server = ""
    database, name = session.rows(
        "SELECT CAST(oid AS text), datname FROM pg_catalog.pg_database WHERE datname = current_database()"
    )[0]
    return Identity("postgresql", str(server), str(database), url.host, str(name))


def facts(session: ReadSession) -> ServerFacts:
    """Version, size, other sessions on this database, a pooler in between, and what the role may do here.

    `rights` are `superuser`, `owner`, `create_schema`, `create_table` (in public), `create_database`,
    `signal_sessions`; and `in_recovery` alone on a standby, where nothing can be changed.
    """
    version = session.one("SHOW server_version")
    size = session.one("SELECT pg_catalog.pg_database_size(current_database())")
    pid = session.one("SELECT pg_catalog.pg_backend_pid()")
    # A pooler answers the greeting itself, so the process it names is not the one that runs the statements.
    pooler = "" if pid == session.greeted_pid() else "pooler"
    return ServerFacts(
        version=str(version), size=int(str(size)), round_trip=0.0, sessions=_sessions(session), pooler=pooler,
        rights=_rights(session),
    )  # fmt: skip


def _sessions(session: ReadSession) -> tuple[str, ...]:
    rows = session.rows(
        "SELECT coalesce(nullif(application_name, ''), '-'), coalesce(usename, '-'), coalesce(state, '-') "
        "FROM pg_catalog.pg_stat_activity WHERE datname = current_database() AND pid <> pg_catalog.pg_backend_pid() "
        "AND backend_type IN ('client backend', 'walsender') ORDER BY 1, 2, 3"
    )
    return tuple(plain(f"{application} ({user}, {state})", 120) for application, user, state in rows)


def _rights(session: ReadSession) -> tuple[str, ...]:
    if session.one("SELECT pg_catalog.pg_is_in_recovery()"):
        return ("in_recovery",)
    row = session.rows("""
        SELECT r.rolsuper, pg_catalog.pg_has_role(d.datdba, 'MEMBER'),
          pg_catalog.has_database_privilege(d.oid, 'CREATE'),
          coalesce((SELECT pg_catalog.has_schema_privilege(n.oid, 'CREATE') FROM pg_catalog.pg_namespace n
            WHERE n.nspname = 'public'), false),
          r.rolsuper OR r.rolcreatedb, pg_catalog.pg_has_role('pg_signal_backend', 'MEMBER')
        FROM pg_catalog.pg_roles r, pg_catalog.pg_database d
        WHERE r.rolname = current_user AND d.datname = current_database()
    """)[0]
    names = ("superuser", "owner", "create_schema", "create_table", "create_database", "signal_sessions")
    return tuple(name for name, has in zip(names, row, strict=True) if has)


_BLOCKERS = """
SELECT 'pid ' || a.pid || ' ' || coalesce(nullif(a.application_name, ''), '-')
    || ' (' || coalesce(a.usename, '-') || ')',
  concat_ws(', ', coalesce(a.state, a.backend_type),
    CASE WHEN cardinality(pg_catalog.pg_blocking_pids(a.pid)) > 0 THEN 'waits for '
      || array_to_string(pg_catalog.pg_blocking_pids(a.pid), ' ') END,
    (SELECT 'holds ' || string_agg(DISTINCT l.mode || ' on ' || CAST(CAST(l.relation AS regclass) AS text), ', ')
       FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation' AND l.relation >= 16384
       AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))),
  coalesce(extract(epoch FROM clock_timestamp() - a.xact_start), 0), coalesce(left(a.query, 1000), '')
FROM pg_catalog.pg_stat_activity a
WHERE a.datname = current_database() AND a.pid <> pg_catalog.pg_backend_pid()
  AND (a.state LIKE 'idle in transaction%'
    OR a.xact_start < clock_timestamp() - make_interval(secs => CAST(:long AS int))
    OR cardinality(pg_catalog.pg_blocking_pids(a.pid)) > 0
    OR EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.pid = a.pid AND l.granted AND l.locktype = 'relation'
       AND l.relation >= 16384 AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')))
UNION ALL
SELECT 'prepared ' || gid || ' (' || owner || ')', 'prepared transaction',
  coalesce(extract(epoch FROM clock_timestamp() - prepared), 0), ''
FROM pg_catalog.pg_prepared_xacts WHERE database = current_database()
ORDER BY 3 DESC LIMIT 50
"""


def blockers(session: ReadSession) -> tuple[Blocker, ...]:
    """Sessions that are idle in a transaction, long in one, waiting, or hold a strong lock on a user table.

    Prepared transactions too: they hold their locks over a restart. At most 50, the longest first.
    """
    return tuple(
        Blocker(plain(str(who), 200), plain(str(state), 500), float(str(seconds)), plain(str(query), 200))
        for who, state, seconds, query in session.rows(_BLOCKERS, {"long": LONG_SECONDS})
    )
