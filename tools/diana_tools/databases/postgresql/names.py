"""Names and texts as parts of statements: always quoted, and safe for a driver that looks for `:name` in them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass

from diana_tools.sessions import ReadSession

MARKER_TABLE = "diana_scratch_marker"


def quoted(name: str) -> str:
    """An identifier in double quotes; a colon is written as its code point, so that it is no parameter."""
    body = name.replace('"', '""')
    if ":" not in body:
        return f'"{body}"'
    return 'U&"' + body.replace("\\", "\\\\").replace(":", "\\003A") + '"'


def literal(text: str) -> str:
    """A string in single quotes, for statements that take no parameters; a colon is no parameter in it either."""
    if ":" not in text and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return "U&'" + text.replace("'", "''").replace("\\", "\\\\").replace(":", "\\003A") + "'"


def built(*parts: str) -> str:
    """One statement from its parts: constants, and names and numbers that `quoted` or the catalogs gave."""
    return " ".join(parts)


def qualified(schema: str, name: str) -> str:
    """`"schema"."name"`, quoted."""
    return f"{quoted(schema)}.{quoted(name)}"


def shown(schema: str, name: str) -> str:
    """The name as people see it: with its schema unless that is public."""
    return name if schema == "public" else f"{schema}.{name}"


@contextmanager
def settled(session: ReadSession) -> Generator[None]:
    """Settings under which the server writes names and values in one way only; the earlier ones come back after.

    With an empty search path everything outside `pg_catalog` is qualified, whatever the role's own path is.
    """
    wanted = {
        "search_path": "", "timezone": "UTC", "datestyle": "ISO, YMD", "intervalstyle": "postgres",
        "bytea_output": "hex", "extra_float_digits": "1", "lc_monetary": "C", "quote_all_identifiers": "off",
        "xmlbinary": "base64",
    }  # fmt: skip
    earlier = set_locally(session, wanted)
    yield
    set_locally(session, earlier)


def set_locally(session: ReadSession, wanted: dict[str, str]) -> dict[str, str]:
    """Set for the rest of the transaction; the values before."""
    rows = session.rows(
        "SELECT name, current_setting(name), set_config(name, value, true) "
        "FROM unnest(CAST(:names AS text[]), CAST(:given AS text[])) AS wanted(name, value)",
        {"names": _array(tuple(wanted)), "given": _array(tuple(wanted.values()))},
    )
    return {str(name): str(value) for name, value, _ in rows}


def _array(values: tuple[str, ...]) -> str:
    """A text array in the server's own notation."""
    return "{" + ",".join('"' + v.replace("\\", "\\\\").replace('"', '\\"') + '"' for v in values) + "}"


@dataclass(frozen=True, slots=True)
class Relation:
    """A table-like object that was found: schema, name, and `pg_class.relkind`."""

    schema: str
    name: str
    kind: str

    @property
    def sql(self) -> str:
        """The qualified, quoted name."""
        return qualified(self.schema, self.name)


_FIND = """
SELECT n.nspname, c.relname, CAST(c.relkind AS text) FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relname = :name AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  AND (n.nspname = :schema OR (:schema = '' AND pg_catalog.pg_table_is_visible(c.oid)))
"""


def splits(text: str) -> list[tuple[str, str]]:
    """Every way to read a dotted name as (what comes before a dot, what comes after); last dot first."""
    dots = [at for at, letter in enumerate(text) if letter == "."]
    return [(text[:at], text[at + 1 :]) for at in reversed(dots)]


def find_relation(session: ReadSession, name: str) -> Relation | None:
    """The relation of an unquoted name, `table` or `schema.table`; the role's search path decides where none is given.

    A name may hold dots of its own: every reading is looked up, the plain one first.
    """
    for schema, table in [("", name), *splits(name)]:
        rows = session.rows(_FIND, {"name": table, "schema": schema})
        if rows:
            return Relation(str(rows[0][0]), str(rows[0][1]), str(rows[0][2]))
    return None


def find_column(session: ReadSession, name: str) -> tuple[Relation, str, str] | None:
    """Relation, column and type of an unquoted `table.column` or `schema.table.column`."""
    for table, column in splits(name):
        relation = find_relation(session, table)
        if relation is None:
            continue
        kind = session.one(
            "SELECT pg_catalog.format_type(a.atttypid, a.atttypmod) FROM pg_catalog.pg_attribute a "
            "WHERE a.attrelid = CAST(CAST(:table AS text) AS regclass) AND a.attname = :column AND a.attnum > 0 "
            "AND NOT a.attisdropped",
            {"table": _regclass(relation), "column": column},
        )
        if kind is not None:
            return relation, column, str(kind)
    return None


def _regclass(relation: Relation) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (relation.schema, relation.name))
