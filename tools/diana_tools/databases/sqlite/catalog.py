"""A SQLite schema in a form that survives a rebuild of its tables: from PRAGMAs, from text only where none tells."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from diana_tools.databases.sqlite import sqltext
from diana_tools.databases.sqlite.sqltext import TableText
from diana_tools.measured import Schema, SchemaObject
from diana_tools.sessions import ReadSession, Value

MARKER_TABLE = "diana_scratch_marker"

# Everything of SQLite's own (sqlite_sequence, statistics, automatic indexes) begins with this name.
_OURS = r"m.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND m.tbl_name <> '" + MARKER_TABLE + "'"
_VIRTUAL = "m.sql LIKE 'create virtual%'"
_REAL = f"m.type = 'table' AND {_OURS} AND NOT {_VIRTUAL}"
_STORED = 0
_EXPRESSION = -2


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table; `key` is its place in the primary key from 1, 0 outside. Generated ones hold no content."""

    name: str
    type: str
    required: bool
    default: str | None
    key: int
    generated: bool


@dataclass(frozen=True, slots=True)
class Table:
    """A table as it is stored: its name, its columns in order, and the text that made it."""

    name: str
    columns: tuple[Column, ...]
    sql: str

    @property
    def content(self) -> tuple[str, ...]:
        """Names of the columns that hold content of their own, sorted."""
        return tuple(sorted(column.name for column in self.columns if not column.generated))


def quote(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def built(*parts: str) -> str:
    """One statement from its parts, which are constants and quoted names, never anybody's text."""
    return " ".join(parts)


def tables(session: ReadSession) -> tuple[Table, ...]:
    """All tables that hold rows, by name; not SQLite's own, not Diana's marker, not virtual ones (they hold none)."""
    texts = {
        str(name): str(sql)
        for name, sql in session.rows(built("SELECT m.name, m.sql FROM sqlite_master m WHERE", _REAL))
    }
    columns: dict[str, list[Column]] = defaultdict(list)
    for table, name, kind, required, default, key, hidden in session.rows(
        built(
            'SELECT m.name, c.name, c.type, c."notnull", c.dflt_value, c.pk, c.hidden',
            "FROM sqlite_master m, pragma_table_xinfo(m.name) c WHERE",
            _REAL,
            "ORDER BY m.name, c.cid",
        )
    ):
        columns[str(table)].append(
            Column(
                str(name), sqltext.normal(str(kind or "")), bool(required), None if default is None else str(default),
                _number(key), _number(hidden) != _STORED,
            )
        )  # fmt: skip
    return tuple(Table(name, tuple(columns[name]), texts[name]) for name in sorted(texts))


def schema(session: ReadSession) -> Schema:
    """The whole schema.

    Names of foreign keys and of unique constraints do not count: SQLite does not tell them, nor does it use them.
    """
    found = tables(session)
    objects: set[SchemaObject] = set()
    for table in found:
        text = sqltext.read_table(table.sql)
        objects.add(SchemaObject("table", table.name, text.options))
        objects.update(_columns(table, text))
        objects.update(_key_and_checks(table, text))
    objects.update(_foreign_keys(session, {table.name.lower(): table for table in found}))
    objects.update(_indexes(session))
    for kind, name, sql in session.rows(
        built(
            "SELECT m.type, m.name, m.sql FROM sqlite_master m WHERE",
            _OURS,
            "AND (m.type IN ('view', 'trigger') OR",
            _VIRTUAL,
            ")",
        )
    ):
        objects.add(SchemaObject(str(kind), str(name), sqltext.made(str(sql))))
    return Schema(tuple(sorted(objects, key=lambda one: (one.kind, one.name, one.definition))))


def _columns(table: Table, text: TableText) -> list[SchemaObject]:
    keys = [column for column in table.columns if column.key]
    objects: list[SchemaObject] = []
    for column in table.columns:
        # Such a key is the row's own number: it can never be null, whether its table says so or not.
        row_number = column.key and len(keys) == 1 and column.type == "integer"
        formula, collation = text.generated.get(column.name.lower(), ""), text.collations.get(column.name.lower(), "")
        parts = (
            column.type,
            "not null" if column.required or row_number else "",
            f"default {sqltext.default(column.default)}" if column.default is not None else "",
            "pk" if column.key else "",
            f"collate {collation}" if collation and collation != "binary" else "",
            f"generated {formula}" if formula else "",
        )
        objects.append(SchemaObject("column", f"{table.name}.{column.name}", " ".join(part for part in parts if part)))
    return objects


def _key_and_checks(table: Table, text: TableText) -> list[SchemaObject]:
    keys = sorted((column.key, column.name) for column in table.columns if column.key)
    objects = [_constraint(table.name, f"check({check})", f"check({check})") for check in text.checks]
    if keys:
        listed = f"primary key({', '.join(name for _, name in keys)})"
        objects.append(
            _constraint(table.name, "primary key", listed + (" autoincrement" if text.autoincrement else ""))
        )
    return objects


def _constraint(table: str, what: str, definition: str) -> SchemaObject:
    return SchemaObject("constraint", f"{table}: {what}", definition)


def _foreign_keys(session: ReadSession, known: dict[str, Table]) -> list[SchemaObject]:
    """Foreign keys; one that names no columns points to the other table's primary key."""
    keys: dict[tuple[str, int], list[tuple[Value, ...]]] = defaultdict(list)
    for table, number, *rest in session.rows(
        built(
            'SELECT m.name, k.id, k."table", k."from", k."to", k.on_update, k.on_delete',
            "FROM sqlite_master m, pragma_foreign_key_list(m.name) k WHERE",
            _REAL,
            "ORDER BY m.name, k.id, k.seq",
        )
    ):
        keys[str(table), _number(number)].append(tuple(rest))
    objects: list[SchemaObject] = []
    for (table, _), parts in keys.items():
        there = str(parts[0][0])
        other = known.get(there.lower())
        implied = sorted((c.key, c.name) for c in other.columns if c.key) if other else []
        to = [str(part[2]) for part in parts if part[2] is not None] or [name for _, name in implied]
        own = ", ".join(str(part[1]) for part in parts)
        on_update, on_delete = str(parts[0][3]).lower(), str(parts[0][4]).lower()
        definition = f"references {other.name if other else there}({', '.join(to)})"
        definition += f" on update {on_update}" if on_update != "no action" else ""
        definition += f" on delete {on_delete}" if on_delete != "no action" else ""
        objects.append(_constraint(table, f"foreign key({own})", definition))
    return objects


def _indexes(session: ReadSession) -> list[SchemaObject]:
    """Indexes that somebody made, and unique constraints, which SQLite keeps as automatic indexes."""
    found: dict[tuple[str, str, bool, str, bool, str], list[str | None]] = defaultdict(list)
    for table, index, unique, origin, partial, sql, place, name, descending, collation in session.rows(
        built(
            'SELECT m.name, i.name, i."unique", i.origin, i.partial, s.sql, c.cid, c.name, c."desc", c.coll',
            "FROM sqlite_master m, pragma_index_list(m.name) i, pragma_index_xinfo(i.name) c",
            "LEFT JOIN sqlite_master s ON s.type = 'index' AND s.name = i.name WHERE",
            _REAL,
            "AND c.key = 1 ORDER BY m.name, i.name, c.seqno",
        )
    ):
        key = (str(table), str(index), bool(unique), str(origin), bool(partial), str(sql or ""))
        word = f" collate {str(collation).lower()}" if str(collation).lower() != "binary" else ""
        column = f"{name}{word}{' desc' if descending else ''}"
        found[key].append(None if _number(place) == _EXPRESSION else column)
    return [_index(*key, columns) for key, columns in found.items() if key[3] in ("c", "u")]


def _index(
    table: str, index: str, unique: bool, origin: str, partial: bool, sql: str, columns: Sequence[str | None]
) -> SchemaObject:
    plain = [column for column in columns if column is not None]
    listed = f"({', '.join(plain)})"
    if origin == "u":
        return _constraint(table, f"unique{listed}", f"unique{listed}")
    if partial or len(plain) < len(columns):
        listed = sqltext.index_tail(sql)
    return SchemaObject("index", index, f"{'unique ' if unique else ''}on {table}{listed}")


def _number(value: Value) -> int:
    return int(value or 0)
