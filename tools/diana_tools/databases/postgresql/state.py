"""One moment of a database, measured in one snapshot: schema, version rows, exact counts, order-free digests."""

from __future__ import annotations

import time

from diana_tools.databases.postgresql.catalog import schema
from diana_tools.databases.postgresql.names import (
    MARKER_TABLE,
    Relation,
    built,
    find_relation,
    set_locally,
    settled,
    shown,
)
from diana_tools.errors import ConnectionFailed
from diana_tools.measured import State, TableMeasure
from diana_tools.sessions import ReadSession

DIGEST_SECONDS = 300.0
# A count of a large table takes its time, but nobody waits long behind a lock.
_PATIENCE = {"statement_timeout": "15min", "lock_timeout": "10s"}
LARGE_OBJECTS = "(large objects)"

# Leaves only: a partitioned parent has no rows of its own, and the content of a foreign table is not in a dump.
_TABLES = """
SELECT n.nspname, c.relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname <> :marker AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend x
    WHERE x.classid = CAST('pg_catalog.pg_class' AS regclass) AND x.objid = c.oid AND x.deptype = 'e')
ORDER BY n.nspname, c.relname
"""
_CONTENTS = """
SELECT CAST(coalesce(sum(pg_catalog.hashtextextended(CAST(oid AS text) || ' ' ||
  pg_catalog.md5(pg_catalog.lo_get(oid)), 0)), 0) AS text) FROM pg_catalog.pg_largeobject_metadata
"""
_DIGEST = 'CAST(coalesce(sum(pg_catalog.hashtextextended(CAST(ROW("diana row".*) AS text), 0)), 0) AS text)'


def state(
    session: ReadSession,
    version_table: str,
    tables: tuple[str, ...],
    *,
    digests: bool,
    seconds: float = DIGEST_SECONDS,
) -> State:
    """Measure; when `seconds` are over, the tables that are left get their exact count and no digest.

    One count may take a quarter of an hour, whatever the session's own limit: it is never guessed.

    The digest is the sum of the server's 64-bit hashes of all rows as text: the order of rows does not matter.

    Raises:
        ConnectionFailed: `rights_missing` for a table that may not be read, `statement_timed_out`.
    """
    version = _version(session, version_table)
    found = [Relation(str(s), str(n), "r") for s, n in session.rows(_TABLES, {"marker": MARKER_TABLE})]
    wanted = [r for r in found if not tables or shown(r.schema, r.name) in tables or r.name in tables]
    deadline = time.monotonic() + seconds
    earlier = set_locally(session, _PATIENCE)
    with settled(session):
        measured = [_measure(session, relation, deadline if digests else 0.0) for relation in wanted]
    if not tables:
        objects = session.one("SELECT count(*) FROM pg_catalog.pg_largeobject_metadata")
        measured += [_large_objects(session, int(str(objects)), deadline if digests else 0.0)] if objects else []
    found_schema = schema(session)
    set_locally(session, earlier)
    return State(found_schema, version, tuple(measured), digests=digests)


def _version(session: ReadSession, version_table: str) -> tuple[str, ...]:
    relation = find_relation(session, version_table)
    if relation is None:
        return ()
    return tuple(sorted(str(row[0]) for row in session.rows(built("SELECT * FROM", relation.sql)) if row))


def _large_objects(session: ReadSession, objects: int, deadline: float) -> TableMeasure:
    left = deadline - time.monotonic()
    if left > 0:
        set_locally(session, {"statement_timeout": str(int(left * 1000) + 1)})
        try:
            return TableMeasure(LARGE_OBJECTS, objects, str(session.tried(_CONTENTS)[0][0]))
        except ConnectionFailed:
            # Another role's object, one above the gigabyte that a value holds, or no time left: counted only.
            pass
        finally:
            set_locally(session, _PATIENCE)
    return TableMeasure(LARGE_OBJECTS, objects)


def _measure(session: ReadSession, relation: Relation, deadline: float) -> TableMeasure:
    name, left = shown(relation.schema, relation.name), deadline - time.monotonic()
    if left > 0:
        sql = built("SELECT count(*),", _DIGEST, "FROM ONLY", relation.sql, 'AS "diana row"')
        set_locally(session, {"statement_timeout": str(int(left * 1000) + 1)})
        try:
            rows, digest = session.tried(sql)[0]
        except ConnectionFailed as error:
            if error.code != "statement_timed_out":
                raise
        else:
            return TableMeasure(name, int(str(rows)), str(digest))
        finally:
            set_locally(session, _PATIENCE)
    return TableMeasure(name, int(str(session.one(built("SELECT count(*) FROM ONLY", relation.sql)))))
