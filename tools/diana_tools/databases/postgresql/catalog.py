"""The whole user schema from the server's own catalogs, in a form that a dump and restore does not change."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from string import Template

from diana_tools.databases.postgresql.names import MARKER_TABLE, settled
from diana_tools.measured import Schema, SchemaObject
from diana_tools.sessions import ReadSession

_USER = "n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'"
_PARTS = {
    "user": _USER,
    "marker": MARKER_TABLE,
    "schema": "CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END",
    "relation": f"{_USER} AND c.relname <> '{MARKER_TABLE}' AND NOT EXISTS (SELECT FROM pg_depend x "
    "WHERE x.classid = CAST('pg_class' AS regclass) AND x.objid = c.oid AND x.deptype = 'e')",
}

# `varchar IN (...)` is stored as one cast of an array, and as an array of casts once its own text was parsed again.
_ARRAY_CAST = re.compile(r"\(ARRAY\[((?:'(?:[^']|'')*'::character varying(?:\(\d+\))?(?:, )?)+)\]\)::text\[\]")
_ELEMENT = re.compile(r"'(?:[^']|'')*'::character varying(?:\(\d+\))?")


@cache
def _queries() -> tuple[str, ...]:
    text = files("diana_tools.databases.postgresql").joinpath("catalog.sql").read_text("utf-8")
    plain = re.sub(r"(?m)^--.*\n", "", text)
    return tuple(Template(query).substitute(_PARTS) for query in re.split(r"(?m);$", plain) if query.strip())


def schema(session: ReadSession) -> Schema:
    """The whole user schema: qualified names (unless in public), no oids, sorted; equal after a dump and restore."""
    found: list[SchemaObject] = []
    with settled(session):
        for query in _queries():
            found += (
                SchemaObject(str(kind), str(name), normal(str(definition or "")))
                for kind, name, definition in session.rows(query)
            )
    return Schema(tuple(sorted(found, key=lambda o: (o.kind, o.name, o.definition))))


def normal(definition: str) -> str:
    """A definition in the form that the server gives after a dump and restore."""
    return _ARRAY_CAST.sub(_cast_elements, definition)


def _cast_elements(found: re.Match[str]) -> str:
    return "ARRAY[" + ", ".join(f"({element})::text" for element in _ELEMENT.findall(found.group(1))) + "]"
