"""The measured schema as the analysis needs it: tables with columns and keys, enums, views, routines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from diana_tools.analysis.sql.reader import read_sql
from diana_tools.analysis.statement import Action, Column, ForeignKey, Reading
from diana_tools.measured import Schema, SchemaObject

_AFTER_TYPE = re.compile(r"\s+(?:collate|not null|default|pk|generated)\b")
_REFERENCES = re.compile(r"references\s+(?P<table>\"[^\"]+\"(?:\.\"[^\"]+\")?|[\w.$]+)", re.IGNORECASE)
_ON_DELETE = re.compile(r"on delete\s+(?P<action>cascade|set null|set default|restrict)", re.IGNORECASE)
_MEMBERS = re.compile(r"'((?:[^']|'')*)'")
_ROUTINES = frozenset({"function", "procedure"})
# Kinds of objects that can depend on a table without being a part of it.
_DEPENDING_WORDS = "view matview constraint trigger rule policy function procedure table statistics"
_DEPENDING = frozenset(_DEPENDING_WORDS.split())


@dataclass(frozen=True, slots=True)
class LiveTable:
    """A table that is there: its name (qualified unless in the default schema), columns and foreign keys."""

    name: str
    columns: tuple[Column, ...]
    keys: tuple[ForeignKey, ...]


class LiveSchema:
    """A measured schema, looked at; what it lacks is simply not known."""

    def __init__(self, schema: Schema) -> None:
        self._objects = schema.objects
        self.tables = tuple(self._tables())
        self.enums = dict(self._enums())

    def _tables(self) -> Iterator[LiveTable]:
        columns: dict[str, list[Column]] = {}
        keys: dict[str, list[ForeignKey]] = {}
        for item in self._objects:
            if item.kind == "column":
                table, _, name = item.name.rpartition(".")
                columns.setdefault(table, []).append(_column(name, item.definition))
            elif item.kind == "constraint" and (key := _key(item)) is not None:
                keys.setdefault(_owner(item), []).append(key)
        for item in self._objects:
            if item.kind in ("table", "partitioned table"):
                yield LiveTable(item.name, tuple(columns.get(item.name, ())), tuple(keys.get(item.name, ())))

    def _enums(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        for item in self._objects:
            if item.kind in ("type", "enum") and item.definition.startswith("enum"):
                yield item.name, tuple(m.replace("''", "'") for m in _MEMBERS.findall(item.definition))

    def routine(self, name: str) -> Reading | None:
        """The bodies of all functions and procedures of a name, None when there is none."""
        last = name.rpartition(".")[2]
        found: Reading | None = None
        for item in self._objects:
            if item.kind in _ROUTINES and item.name.partition("(")[0].rpartition(".")[2] == last:
                found = (found or Reading()) + _body(item.definition)
        return found

    def dependants(self, name: str) -> tuple[str, ...]:
        """Views, keys, triggers and other objects whose definition speaks of a table, its own parts aside."""
        word = re.compile(rf"(?<!\w){re.escape(name.rpartition('.')[2])}(?!\w)")
        return tuple(
            item.name
            for item in self._objects
            if item.kind in _DEPENDING and _owner(item) != name and word.search(item.definition)
        )

    def using_type(self, name: str) -> tuple[str, ...]:
        """Columns of a type."""
        return tuple(
            item.name
            for item in self._objects
            if item.kind == "column" and _type(item.definition).removesuffix("[]") == name
        )

    def inside(self, schema: str) -> tuple[str, ...]:
        """Tables and views of a schema."""
        kinds = ("table", "view", "matview")
        return tuple(item.name for item in self._objects if item.kind in kinds and item.name.startswith(f"{schema}."))


def _owner(item: SchemaObject) -> str:
    """The table that a constraint, trigger, rule or policy belongs to: `table: what` (SQLite) or `table.name`."""
    if item.kind not in ("constraint", "trigger", "rule", "policy"):
        return item.name
    return item.name.split(": ")[0] if ": " in item.name else item.name.rpartition(".")[0]


def _column(name: str, definition: str) -> Column:
    lowered = definition.lower()
    return Column(name, _type(definition), nullable="not null" not in lowered, default="default" in lowered)


def _type(definition: str) -> str:
    return _AFTER_TYPE.split(definition, maxsplit=1)[0].strip()


def _key(item: SchemaObject) -> ForeignKey | None:
    found = _REFERENCES.search(item.definition)
    if found is None:
        return None
    action = _ON_DELETE.search(item.definition)
    return ForeignKey(found.group("table").replace('"', ""), action.group("action").upper() if action else "")


def _body(definition: str) -> Reading:
    reading = read_sql(definition, "postgresql")
    bodies = [s.body for s in reading.statements if s.action is Action.CREATE_ROUTINE and s.body is not None]
    return sum(bodies, Reading((), reading.gaps))
