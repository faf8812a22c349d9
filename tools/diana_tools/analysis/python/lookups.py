"""Attributes and items of values."""

from __future__ import annotations

from diana_tools.analysis.python.answers import either, listed, paired
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    DATA,
    Batch,
    Bind,
    Choice,
    Class,
    Columns,
    Context,
    Handle,
    Imported,
    Method,
    Pairs,
    Plain,
    Table,
    Text,
    Value,
)

_DIALECT = frozenset({"dialect", "impl"})
_CONNECTIONS = frozenset({"bind", "engine", "connection", "conn", "session", "sync_connection"})
_COLUMNS = frozenset({"c", "columns"})


def attribute(run: Run, holder: Value, name: str) -> Value:
    """`holder.name`; a method stays a pair of both until it is called."""
    if isinstance(holder, Imported):
        return Imported(f"{holder.path}.{name}")
    if isinstance(holder, (Bind, Context)):
        return _of_connection(run, holder, name)
    if isinstance(holder, Table):
        return _of_table(holder, name)
    if isinstance(holder, Columns):
        return Handle(holder.table, name)
    if isinstance(holder, Class):
        return _of_class(holder, name)
    if isinstance(holder, Handle) and name in ("name", "key"):
        return Text(holder.name)
    if isinstance(holder, Choice):
        found = [attribute(run, option, name) for option in holder.options]
        return found[0] if len(set(found)) == 1 else Method(holder, name)
    return Method(holder, name)


def _of_connection(run: Run, holder: Bind | Context, name: str) -> Value:
    if name in _DIALECT:
        return Context("dialect")
    if name == "name" and (not isinstance(holder, Context) or holder.kind == "dialect"):
        known = {"sqlite": "sqlite", "postgresql": "postgresql"}.get(run.dialect)
        return Text(known) if known else DATA
    if name in _CONNECTIONS:
        return Bind("raw" if name == "connection" else "connection")
    if name == "as_sql":
        return Plain(False)
    return Method(holder, name)


def _of_table(holder: Table, name: str) -> Value:
    if name in _COLUMNS:
        return Columns(holder.name)
    if name in ("name", "fullname"):
        return Text(holder.name)
    return Method(holder, name)


def _of_class(holder: Class, name: str) -> Value:
    if not holder.table:
        return Method(holder, name) if not holder.enum else DATA
    if name == "__table__":
        return Table(holder.table)
    if name == "__tablename__":
        return Text(holder.table)
    return Method(holder, name) if name in ("metadata", "query") else Handle(holder.table, name)


def element_of(holder: Value, key: Value) -> Value:
    """`holder[key]`."""
    if isinstance(holder, Columns):
        return Handle(holder.table, key.text) if isinstance(key, Text) else DATA
    if isinstance(holder, Pairs) and holder.known and isinstance(key, Text) and not key.holes:
        return holder.get(key.text) or DATA
    if (pairs := paired(holder)) is not None:
        return _any(tuple(value for _, value in pairs))
    if (items := listed(holder)) is not None:
        if isinstance(key, Plain) and isinstance(key.value, int):
            return items[key.value] if -len(items) <= key.value < len(items) else DATA
        return _any(items)
    return holder if isinstance(holder, (Imported, Batch)) else DATA


def _any(values: tuple[Value, ...]) -> Value:
    if not values:
        return DATA
    found = values[0]
    for value in values[1:50]:
        found = either(found, value)
    return found
