"""What a finding would destroy in a SQLite database, counted live; what cannot be counted says why."""

from __future__ import annotations

import re

from diana_tools.analysis.conditions import condition
from diana_tools.analysis.types import SqlType, parse_type
from diana_tools.databases.sqlite.catalog import Column, Table, built, quote, tables
from diana_tools.databases.sqlite.content import number, rows
from diana_tools.domain import Finding, Loss
from diana_tools.sessions import ReadSession

_WHOLE_TABLE = frozenset({"drop_table", "truncate", "delete_without_where", "update_all"})
# How SQLite stores a type's values (its manual, "Datatypes", 3.1), by the family that the analysis gives it.
_AFFINITY = {
    "text": "TEXT", "enum": "TEXT", "uuid": "TEXT", "integer": "INTEGER", "float": "REAL", "bytes": "BLOB",
    "decimal": "NUMERIC", "boolean": "NUMERIC", "date": "NUMERIC", "time": "NUMERIC", "timestamp": "NUMERIC",
    "timestamptz": "NUMERIC",
}  # fmt: skip
_NEW_TYPE = (
    re.compile(r"(?:->|→|=>|\bto\b)\s*(?P<type>[A-Za-z_][\w .]*(?:\([^()]*\))?)\s*$"),
    re.compile(r"\btype_\s*=\s*(?:\w+\.)*(?P<type>\w+(?:\([^()]*\))?)"),
    re.compile(r"\bTYPE\s+(?P<type>[A-Za-z_]\w*(?:\s*\([^()]*\))?)", re.IGNORECASE),
)


def loss(session: ReadSession, finding: Finding) -> Loss:
    """Rows or values that the finding's statement would destroy or change, and the rows of its table."""
    found = {table.name.lower(): table for table in tables(session)}
    table, column = _named(found, finding.object)
    if table is None:
        return Loss(None, why="loss.not_there")
    if finding.kind in _WHOLE_TABLE:
        count = rows(session, table)
        return Loss(count, count)
    if finding.kind in ("delete_rows", "update_rows"):
        return _hit(session, table, finding)
    if column is None:
        return Loss(None, rows(session, table), "loss.not_there" if "." in finding.object else "loss.not_counted")
    if finding.kind == "drop_column":
        return _counted(session, table, built(quote(column.name), "IS NOT NULL"))
    if finding.kind == "not_null_without_default":
        return _counted(session, table, built(quote(column.name), "IS NULL"))
    if finding.kind == "type_change_lossy":
        return _changed(session, table, column, finding)
    return Loss(None, rows(session, table), "loss.not_counted")


def _named(found: dict[str, Table], name: str) -> tuple[Table | None, Column | None]:
    """The table and column behind `table.column`, `main.table` or a table's name that has a dot of its own."""
    lowered = name.lower().removeprefix("main.")
    if lowered in found:
        return found[lowered], None
    table = found.get(lowered.rpartition(".")[0])
    wanted = lowered.rpartition(".")[2]
    column = next((one for one in table.columns if one.name.lower() == wanted), None) if table else None
    return table, column


def _counted(session: ReadSession, table: Table, condition: str) -> Loss:
    sql = built("SELECT count(*) FROM", quote(table.name), "WHERE", condition)
    return Loss(number(session, sql), rows(session, table))


def _changed(session: ReadSession, table: Table, column: Column, finding: Finding) -> Loss:
    """Values that are longer than the new type says, or that come out of a cast to it as something else.

    SQLite itself enforces no length: such values stay, but they no longer fit what the schema promises.
    """
    new = _new_type(finding)
    affinity = _AFFINITY.get(new.family) if new is not None else None
    if new is None or affinity is None:
        return Loss(None, rows(session, table), "loss.type_unknown")
    value = quote(column.name)
    cast = built("CAST(", value, "AS", affinity, ")")
    # A number that is equal after the cast is the same number; a text must come back letter by letter.
    changed = built(
        "(CAST(", cast, "AS TEXT) IS NOT CAST(", value, "AS TEXT)",
        "AND NOT (typeof(", value, ") IN ('integer', 'real') AND", cast, "=", value, "))",
    )  # fmt: skip
    if new.family == "text":
        changed = built(changed, "OR length(CAST(", value, "AS TEXT)) >", str(new.width))
    return _counted(session, table, changed)


def _new_type(finding: Finding) -> SqlType | None:
    for text in (finding.detail, finding.statement):
        for pattern in _NEW_TYPE:
            if match := pattern.search(text):
                return parse_type(match.group("type"))
    return None


def _hit(session: ReadSession, table: Table, finding: Finding) -> Loss:
    """The rows that a restricted DELETE takes, or in which a restricted UPDATE overwrites a value."""
    where = condition(finding.statement, [column.name for column in table.columns], "sqlite")
    if where is None:
        return Loss(None, rows(session, table), "loss.condition_not_evaluated")
    if finding.kind == "update_rows":
        named = {name.strip().lower() for name in finding.detail.split(",")}
        values = [built(quote(column.name), "IS NOT NULL") for column in table.columns if column.name.lower() in named]
        where = built("(", where, ") AND (", " OR ".join(values) or "1", ")")
    return _counted(session, table, where)
