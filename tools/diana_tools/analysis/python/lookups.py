"""Attributes and items of values."""

from __future__ import annotations

from diana_tools.analysis.python.answers import either, listed, name, paired
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
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
    Unknown,
    Value,
)

_DIALECT = frozenset({"dialect", "impl"})
_CONNECTIONS = frozenset({"bind", "engine", "connection", "conn", "session", "sync_connection"})
_COLUMNS = frozenset({"c", "columns"})


def attribute(run: Run, holder: Value, word: str) -> Value:
    """`holder.name`; a method stays a pair of both until it is called."""
    if isinstance(holder, Imported):
        return Imported(f"{holder.path}.{word}")
    if isinstance(holder, (Bind, Context)):
        return _of_connection(run, holder, word)
    if isinstance(holder, Table):
        return _of_table(holder, word)
    if isinstance(holder, Columns):
        return Handle(holder.table, word)
    if isinstance(holder, Class):
        return _of_class(holder, word)
    if isinstance(holder, Handle) and word in ("name", "key"):
        return Text(holder.name)
    if isinstance(holder, Choice):
        found = [attribute(run, option, word) for option in holder.options]
        return found[0] if len(set(found)) == 1 else Method(holder, word)
    return Method(holder, word)


def _of_connection(run: Run, holder: Bind | Context, word: str) -> Value:
    if word in _DIALECT:
        return Context("dialect")
    if word == "name" and (not isinstance(holder, Context) or holder.kind == "dialect"):
        known = {"sqlite": "sqlite", "postgresql": "postgresql"}.get(run.dialect)
        return Text(known) if known else ANYTHING
    if word in _CONNECTIONS:
        return Bind("raw" if word == "connection" else "connection")
    if word == "as_sql":
        return Plain(False)
    if holder == Context("metadata") and word == "tables":
        return Context("tables")
    return Method(holder, word)


def _of_table(holder: Table, word: str) -> Value:
    if word in _COLUMNS:
        return Columns(holder.name)
    if word in ("name", "fullname"):
        return Text(holder.name)
    return Method(holder, word)


def _of_class(holder: Class, word: str) -> Value:
    if not holder.table:
        return Method(holder, word) if not holder.enum else ANYTHING
    if word == "__table__":
        return Table(holder.table)
    if word == "__tablename__":
        return Text(holder.table)
    return Method(holder, word) if word in ("metadata", "query") else Handle(holder.table, word)


def element_of(holder: Value, key: Value) -> Value:
    """`holder[key]`."""
    if isinstance(holder, Columns):
        return Handle(holder.table, key.text) if isinstance(key, Text) else ANYTHING
    if holder == Context("tables"):
        return Table(name(key))
    if isinstance(holder, Pairs) and holder.known and isinstance(key, Text) and not key.holes:
        return holder.get(key.text) or ANYTHING
    if (pairs := paired(holder)) is not None:
        return _any(tuple(value for _, value in pairs))
    if (items := listed(holder)) is not None:
        if isinstance(key, Plain) and isinstance(key.value, int):
            return items[key.value] if -len(items) <= key.value < len(items) else ANYTHING
        return _any(items)
    return _of_module(holder) if isinstance(holder, Imported) else ANYTHING


def _of_module(holder: Imported) -> Value:
    """`list[int]` and `Mapped[int]` are types still; what hangs in another module may be anything."""
    root = holder.path.partition(".")[0]
    if root in ("builtins", "typing", "collections", "sqlalchemy", "sqlmodel"):
        return holder
    return ANYTHING if holder.path == "os.environ" else Unknown(foreign=True)


def _any(values: tuple[Value, ...]) -> Value:
    if not values:
        return ANYTHING
    found = values[0]
    for value in values[1:50]:
        found = either(found, value)
    return found
