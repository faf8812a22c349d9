"""Live counts of what a finding would destroy; every statement is built from names that the catalogs confirmed."""

from __future__ import annotations

import re

from diana_tools.analysis.conditions import condition
from diana_tools.databases.postgresql.casts import changed_rows, counted, target_type
from diana_tools.databases.postgresql.names import Relation, built, find_column, find_relation, quoted
from diana_tools.domain import Finding, Loss
from diana_tools.errors import ConnectionFailed
from diana_tools.sessions import ReadSession

_UNCOUNTED = frozenset({"drop_view", "drop_index", "drop_constraint", "rename"})


def loss(session: ReadSession, finding: Finding) -> Loss:
    """What is there now; `rows` None with a `why` where it cannot be counted, never a guess."""
    try:
        return _loss(session, finding)
    except ConnectionFailed as error:
        return Loss(None, why="loss.timed_out" if error.code == "statement_timed_out" else "loss.refused")


def _loss(session: ReadSession, finding: Finding) -> Loss:
    if finding.kind in ("drop_database", "drop_schema"):
        return _schemas(session, finding.object if finding.kind == "drop_schema" else "")
    if finding.kind in ("drop_column", "type_change_lossy", "not_null_without_default"):
        return _column(session, finding)
    if finding.kind in _UNCOUNTED or not finding.object:
        return Loss(None, why="loss.not_counted")
    relation = find_relation(session, finding.object)
    if relation is None:
        return Loss(None, why="loss.not_there")
    if relation.kind == "S" or relation.kind == "v":
        return Loss(None, why="loss.not_counted")
    total = _count(session, relation)
    if finding.kind in ("drop_table", "delete_without_where", "update_all"):
        return Loss(total, total)
    if finding.kind == "truncate":
        cascades = re.search(r"\bcascade\b", finding.statement, re.IGNORECASE) is not None
        everything = total + (_referencing(session, relation) if cascades else 0)
        return Loss(everything, everything)
    return _hit(session, relation, finding, total)


_COLUMNS = """
SELECT a.attname FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = :schema AND c.relname = :name AND a.attnum > 0 AND NOT a.attisdropped
"""


def _hit(session: ReadSession, relation: Relation, finding: Finding, total: int) -> Loss:
    """The rows that a restricted DELETE takes, or in which a restricted UPDATE overwrites a value.

    The condition is the project's own text, which is never sent from here: it is written anew, or not evaluated.
    """
    rows = session.tried(_COLUMNS, {"schema": relation.schema, "name": relation.name})
    columns = [str(row[0]) for row in rows]
    where = condition(finding.statement, columns, "postgres")
    if where is None:
        return Loss(None, total, "loss.condition_not_evaluated")
    if finding.kind == "update_rows":
        named = {name.strip() for name in finding.detail.split(",")}
        values = [built(quoted(column), "IS NOT NULL") for column in columns if column in named]
        where = built("(", where, ") AND (", " OR ".join(values) or "true", ")")
    return counted(session, relation, where)


def _count(session: ReadSession, relation: Relation) -> int:
    return int(str(session.tried(built("SELECT count(*) FROM", relation.sql))[0][0]))


_REFERENCING = """
WITH RECURSIVE hit AS (
  SELECT c.oid FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
    WHERE n.nspname = :schema AND c.relname = :name
  UNION
  SELECT k.conrelid FROM pg_catalog.pg_constraint k JOIN hit ON k.confrelid = hit.oid WHERE k.contype = 'f')
SELECT n.nspname, c.relname, CAST(c.relkind AS text) FROM hit JOIN pg_catalog.pg_class c ON c.oid = hit.oid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE (n.nspname, c.relname) <> (:schema, :name) AND NOT c.relispartition
"""


def _referencing(session: ReadSession, relation: Relation) -> int:
    """Rows of the tables that TRUNCATE ... CASCADE empties as well."""
    rows = session.tried(_REFERENCING, {"schema": relation.schema, "name": relation.name})
    return sum(_count(session, Relation(str(s), str(n), str(k))) for s, n, k in rows)


def _schemas(session: ReadSession, schema: str) -> Loss:
    rows = session.tried(
        "SELECT n.nspname, c.relname FROM pg_catalog.pg_class c "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        "WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' "
        "AND (:schema = '' OR n.nspname = :schema)",
        {"schema": schema},
    )
    known = session.tried("SELECT nspname FROM pg_catalog.pg_namespace WHERE nspname = :schema", {"schema": schema})
    if schema and not known:
        return Loss(None, why="loss.not_there")
    total = 0
    for name, table in rows:
        relation = Relation(str(name), str(table), "r")
        total += int(str(session.tried(built("SELECT count(*) FROM ONLY", relation.sql))[0][0]))
    return Loss(total, total)


def _column(session: ReadSession, finding: Finding) -> Loss:
    found = find_column(session, finding.object)
    if found is None:
        return Loss(None, why="loss.not_there")
    relation, column, old = found
    if relation.kind in ("v", "f"):
        return Loss(None, why="loss.not_counted")
    if finding.kind == "drop_column":
        return counted(session, relation, built(quoted(column), "IS NOT NULL"))
    if finding.kind == "not_null_without_default":
        return counted(session, relation, built(quoted(column), "IS NULL"))
    new = target_type(session, finding)
    if new is None:
        return Loss(None, _count(session, relation), "loss.type_unknown")
    return changed_rows(session, relation, column, old, new)
