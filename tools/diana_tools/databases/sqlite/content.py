"""What a SQLite database holds: version rows, row counts, and digests that do not depend on the order of rows."""

from __future__ import annotations

import hashlib

from diana_tools.databases.sqlite.catalog import Table, built, quote, schema, tables
from diana_tools.measured import State, TableMeasure
from diana_tools.sessions import ReadSession

_WIDTH = 16


def state(session: ReadSession, version_table: str, wanted: tuple[str, ...], *, digests: bool) -> State:
    """Everything that "as before" is compared with, from the session's one snapshot; memory stays constant.

    `wanted` names the tables to count (empty: all); names that are not there are left out.
    """
    found = tables(session)
    names = {name.lower() for name in wanted}
    counted = tuple(table for table in found if not names or table.name.lower() in names)
    measures = tuple(
        digest(session, table) if digests else TableMeasure(table.name, rows(session, table)) for table in counted
    )
    return State(schema(session), version(session, found, version_table), measures, violations(session), digests)


def violations(session: ReadSession) -> tuple[str, ...]:
    """Foreign keys that rows break: SQLite enforces none unless a connection asks for it (sqlite.org/foreignkeys)."""
    found: dict[str, int] = {}
    for table, _row, parent, number in session.rows("PRAGMA foreign_key_check"):
        name = f"{table}.{parent}_{number}"
        found[name] = found.get(name, 0) + 1
    return tuple(f"{name}:{count}" for name, count in sorted(found.items()))


def version(session: ReadSession, found: tuple[Table, ...], version_table: str) -> tuple[str, ...]:
    """The rows of the migration tool's own table, sorted; none when it is not there."""
    for table in found:
        if table.name.lower() == version_table.lower() and table.columns:
            column = quote(table.columns[0].name)
            sql = built("SELECT CAST(", column, "AS TEXT) FROM", quote(table.name), "WHERE", column, "IS NOT NULL")
            return tuple(sorted(_text(row[0]) for row in session.stream_sqlite(sql)))
    return ()


def rows(session: ReadSession, table: Table) -> int:
    """How many rows a table has."""
    return number(session, built("SELECT count(*) FROM", quote(table.name)))


def digest(session: ReadSession, table: Table) -> TableMeasure:
    """Count and digest in one pass: the sum of a hash of every row, so that order and storage do not matter.

    Columns are taken by name, so that a rebuilt table with the same content in another order agrees.
    """
    total, count = 0, 0
    columns = ", ".join(quote(name) for name in table.content)
    for row in session.stream_sqlite(built("SELECT", columns, "FROM", quote(table.name))):
        # `ascii` tells number, text (bytearray), blob (bytes) and null apart, and is the same in every Python.
        total += int.from_bytes(hashlib.blake2b(ascii(row).encode(), digest_size=_WIDTH).digest(), "big")
        count += 1
    return TableMeasure(table.name, count, (total % (1 << 8 * _WIDTH)).to_bytes(_WIDTH, "big").hex())


def number(session: ReadSession, sql: str) -> int:
    """The one number that a statement gives."""
    for row in session.stream_sqlite(sql):
        return int(row[0] or 0)
    return 0


def _text(value: int | float | bytes | bytearray | None) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes | bytearray) else str(value)
