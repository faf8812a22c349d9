"""Alembic's operations, on `op` and in `batch_alter_table`, as statements (alembic.op, releases up to 1.20)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from diana_tools.analysis.python.answers import name, names, options, truth
from diana_tools.analysis.python.effects import execute
from diana_tools.analysis.python.fragments import operands
from diana_tools.analysis.python.kinds import element
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    NONE,
    Arguments,
    Batch,
    Bind,
    Context,
    Definition,
    Key,
    Plain,
    Table,
    Text,
    Type,
    Value,
)
from diana_tools.analysis.statement import UNKNOWN, Action, Column, ForeignKey, Statement

_HARMLESS = frozenset({"create_table_comment", "drop_table_comment", "inline_literal"})
_IN_PLACE = frozenset({Action.ADD_COLUMN, Action.CREATE_INDEX, Action.DROP_INDEX})
_CONSTRAINTS = {"unique": "unique", "foreignkey": "foreign key", "check": "check", "primary": "primary key"}


@dataclass(frozen=True, slots=True)
class _Call:
    """One operation: its arguments without the table, and the tables it may be about."""

    run: Run
    given: Arguments
    tables: tuple[str, ...]
    batch: bool

    def get(self, index: int, word: str) -> Value | None:
        return self.given.get(index, word)

    def on(self, action: Action) -> Iterator[Statement]:
        """The same act on each table that it may be about."""
        for table in self.tables:
            yield Statement(action, table=table, batch=self.batch, conditional=len(self.tables) > 1)


def operate(run: Run, word: str, given: Arguments, node: ast.AST, batch: Batch | None = None) -> Value:
    """Follow one call of `op.<word>` or `batch.<word>`; what it returns."""
    simple = _SIMPLE.get(word)
    if simple is not None:
        return simple(run, given, node)
    operands(run, word, given, node, batch=batch is not None)
    read = _OPERATIONS.get(word)
    if read is None:
        if word not in _HARMLESS:
            run.gap("AC002.custom_operation" if word != "run_async" else "AC002.run_async", node)
        return ANYTHING
    place, tables = _TABLE_AT.get(word, 0), ()
    if batch is not None:
        tables = (batch.table,)
    else:
        tables = _qualified(_table_of(given, place), given.get(-1, "schema"))
        given = Arguments(given.positional[:place] + given.positional[place + 1 :], given.keywords, given.loose)
    statements = tuple(read(_Call(run, given, tables, batch is not None)))
    run.emit(node, *statements)
    return Table(tables[0], statements[0].columns) if word == "create_table" and statements else ANYTHING


# Where the table's name stands among the arguments of `op`, if not first.
_TABLE_AT = {
    "drop_constraint": 1,
    "drop_index": 1,
    "create_index": 1,
    "create_unique_constraint": 1,
    "create_check_constraint": 1,
    "create_foreign_key": 1,
    "create_primary_key": 1,
    "create_exclude_constraint": 1,
}
_TABLE_WORDS = ("table_name", "tablename", "source_table", "source", "old_table_name", "name")


def _table_of(given: Arguments, place: int) -> tuple[str, ...]:
    for word in _TABLE_WORDS:
        if given.given(word):
            return names(given.get(-1, word))
    value = given.get(place)
    if value is None:
        return (UNKNOWN,) if given.loose or place == 0 else ("",)
    return names(value)


def _qualified(tables: tuple[str, ...], schema: Value | None) -> tuple[str, ...]:
    if schema is None or schema == NONE:
        return tables
    return tuple(f"{name(schema)}.{table}" if table != UNKNOWN else UNKNOWN for table in tables)


def _drop_table(call: _Call) -> Iterator[Statement]:
    guarded = bool(truth(call.get(-1, "if_exists")))
    for statement in call.on(Action.DROP_TABLE):
        yield replace(statement, guarded=guarded, kind="table")


def _drop_column(call: _Call) -> Iterator[Statement]:
    value = call.get(0, "column_name")
    for statement in call.on(Action.DROP_COLUMN):
        for column in names(value) or (UNKNOWN,):
            yield replace(statement, column=column, guarded=bool(truth(call.get(-1, "if_exists"))))


def _drop_constraint(call: _Call) -> Iterator[Statement]:
    kind = name(call.get(1, "type_") or call.get(-1, "type") or Text(""))
    for statement in call.on(Action.DROP_CONSTRAINT):
        yield replace(statement, name=name(call.get(0, "constraint_name")), kind=_CONSTRAINTS.get(kind, ""))


def _drop_index(call: _Call) -> Iterator[Statement]:
    concurrently = bool(truth(call.get(-1, "postgresql_concurrently")))
    for statement in call.on(Action.DROP_INDEX):
        yield replace(statement, name=name(call.get(0, "index_name")), concurrently=concurrently)


def _create_index(call: _Call) -> Iterator[Statement]:
    concurrently = bool(truth(call.get(-1, "postgresql_concurrently")))
    unique = "unique" if truth(call.get(-1, "unique")) else ""
    label = name(call.get(0, "index_name") or Text(""))
    for statement in call.on(Action.CREATE_INDEX):
        yield replace(statement, name=label, kind=unique, concurrently=concurrently)


def _constraint(kind: str) -> Callable[[_Call], Iterator[Statement]]:
    def read(call: _Call) -> Iterator[Statement]:
        unchecked = bool(truth(call.get(-1, "postgresql_not_valid")))
        label = name(call.get(0, "constraint_name") or Text(""))
        for statement in call.on(Action.ADD_CONSTRAINT):
            yield replace(statement, name=label, kind=kind, guarded=unchecked)

    return read


def _foreign_key(call: _Call) -> Iterator[Statement]:
    value = call.get(-1, "ondelete")
    on_delete = name(value).upper() if value is not None and value != NONE else ""
    key = ForeignKey(name(call.get(1, "referent_table") or call.get(-1, "referent")), on_delete)
    label = name(call.get(0, "constraint_name") or Text(""))
    for statement in call.on(Action.ADD_CONSTRAINT):
        unchecked = bool(truth(call.get(-1, "postgresql_not_valid")))
        yield replace(statement, name=label, kind="foreign key", keys=(key,), guarded=unchecked)


def _create_table(call: _Call) -> Iterator[Statement]:
    columns, keys = declared(call.given.positional)
    guarded = bool(truth(call.get(-1, "if_not_exists")))
    for statement in call.on(Action.CREATE_TABLE):
        yield replace(statement, columns=columns, keys=keys, guarded=guarded)


def declared(values: tuple[Value, ...]) -> tuple[tuple[Column, ...], tuple[ForeignKey, ...]]:
    """The columns and foreign keys among the arguments of a table."""
    columns = tuple(value.column for value in values if isinstance(value, Definition))
    loose = tuple(ForeignKey(value.table, value.on_delete) for value in values if isinstance(value, Key))
    return columns, loose + tuple(key for column in columns for key in column.keys)


def _add_column(call: _Call) -> Iterator[Statement]:
    found = [value for value in options(call.get(0, "column")) if isinstance(value, Definition)]
    guarded = bool(truth(call.get(-1, "if_not_exists")))
    for statement in call.on(Action.ADD_COLUMN):
        if not found:
            yield replace(statement, column=UNKNOWN)
        for value in found:
            made = value.column
            yield replace(
                statement,
                column=made.name,
                columns=(made,),
                keys=made.keys,
                new_type=made.type,
                guarded=guarded,
            )


def _rename_table(call: _Call) -> Iterator[Statement]:
    new = _qualified((name(call.get(0, "new_table_name")),), call.get(-1, "schema"))[0]
    for statement in call.on(Action.RENAME_TABLE):
        yield replace(statement, name=new)


def _bulk_insert(call: _Call) -> Iterator[Statement]:
    yield from call.on(Action.INSERT)


def _alter_column(call: _Call) -> Iterator[Statement]:
    for statement in call.on(Action.READ):
        for column in names(call.get(0, "column_name")) or (UNKNOWN,):
            yield from _altered(call, replace(statement, column=column))


def _altered(call: _Call, base: Statement) -> Iterator[Statement]:
    dialect = call.run.dialect
    wanted = call.get(-1, "type_")
    if wanted is not None and wanted != NONE:
        new, old = element(wanted, dialect), call.get(-1, "existing_type")
        yield replace(
            base,
            action=Action.ALTER_TYPE,
            new_type=new.text or UNKNOWN,
            old_type=element(old, dialect).text if old is not None else "",
            name=new.name,
            using=_converts(call.get(-1, "postgresql_using"), base.column, new),
        )
    nullable = call.get(-1, "nullable")
    if nullable is not None and nullable != NONE:
        strict = truth(nullable) is not True
        if not strict or truth(call.get(-1, "existing_nullable")) is not False:
            yield replace(base, action=Action.SET_NOT_NULL if strict else Action.DROP_NOT_NULL)
    default = call.get(-1, "server_default")
    if default is not None and default != Plain(False):
        yield replace(base, action=Action.CHANGE_DEFAULT)
    renamed = call.get(-1, "new_column_name") or call.get(-1, "name")
    if renamed is not None and renamed != NONE:
        yield replace(base, action=Action.RENAME_COLUMN, name=name(renamed))


_CASTS = re.compile(r"""\s*\(?\s*"?(?P<column>\w+)"?\s*\)?(?P<casts>(?:\s*::\s*"?[\w ]+"?(?:\([\d, ]+\))?)+)\s*""")


def _converts(using: Value | None, column: str, new: Type) -> bool:
    """Whether USING does more than cast to the new type, by way of text at most."""
    if using is None or using == NONE:
        return False
    found = _CASTS.fullmatch(name(using))
    if found is None or found.group("column").lower() != column.lower():
        return True
    casts = [part.strip(' "').lower() for part in found.group("casts").split("::")[1:]]
    bare = re.sub(r"\s*\(.*", "", casts[-1])
    target = re.sub(r"\s*\(.*", "", new.text.lower())
    return any(cast != "text" for cast in casts[:-1]) or bare not in (target, new.name.lower(), "text")


def _batch(run: Run, given: Arguments, node: ast.AST) -> Value:
    table = _qualified(_table_of(given, 0), given.get(1, "schema"))
    copied = given.get(-1, "copy_from")
    columns: tuple[Column, ...] = ()
    if copied is not None and copied != NONE:
        if isinstance(copied, Table) and copied.columns:
            columns = copied.columns
        else:
            run.gap("AC002.copy_from", node)
    recreate = given.get(2, "recreate")
    return Batch(table[0] if len(table) == 1 else UNKNOWN, name(recreate) if recreate else "auto", columns)


def rebuild(run: Run, batch: Batch, first: int, node: ast.AST) -> None:
    """The end of a batch: on SQLite most of its operations copy the whole table (alembic.ddl.sqlite)."""
    since = run.found.statements[first:]
    needed = any(s.batch and s.table == batch.table and s.action not in _IN_PLACE for s in since)
    always = batch.recreate == "always"
    if always or (needed and run.dialect == "sqlite" and batch.recreate != "never"):
        run.emit(node, Statement(Action.REBUILD, table=batch.table, columns=batch.columns, batch=True))


def _execute(run: Run, given: Arguments, node: ast.AST) -> Value:
    return execute(run, given.get(0, "sqltext"), node)


def _bind(_run: Run, _given: Arguments, _node: ast.AST) -> Value:
    return Bind()


def _context(_run: Run, _given: Arguments, _node: ast.AST) -> Value:
    return Context("context")


def _named(_run: Run, given: Arguments, _node: ast.AST) -> Value:
    return given.get(0, "name") or ANYTHING


_SIMPLE: dict[str, Callable[[Run, Arguments, ast.AST], Value]] = {
    "execute": _execute,
    "get_bind": _bind,
    "get_context": _context,
    "f": _named,
    "batch_alter_table": _batch,
}
_OPERATIONS: dict[str, Callable[[_Call], Iterator[Statement]]] = {
    "drop_table": _drop_table,
    "drop_column": _drop_column,
    "drop_constraint": _drop_constraint,
    "drop_index": _drop_index,
    "create_index": _create_index,
    "create_unique_constraint": _constraint("unique"),
    "create_check_constraint": _constraint("check"),
    "create_primary_key": _constraint("primary key"),
    "create_exclude_constraint": _constraint("exclusion"),
    "create_foreign_key": _foreign_key,
    "create_table": _create_table,
    "add_column": _add_column,
    "alter_column": _alter_column,
    "rename_table": _rename_table,
    "bulk_insert": _bulk_insert,
}
