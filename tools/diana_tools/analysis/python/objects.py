"""What SQLAlchemy's functions and classes make: tables, columns, types, conditions, changes, sessions."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import replace
from functools import reduce

from diana_tools.analysis.python import conditions
from diana_tools.analysis.python.answers import either, listed, name, options, truth
from diana_tools.analysis.python.fragments import embedded, fragment
from diana_tools.analysis.python.kinds import column_type, element
from diana_tools.analysis.python.operations import declared
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    NONE,
    Arguments,
    Bind,
    Change,
    Class,
    Condition,
    Context,
    Definer,
    Definition,
    Function,
    Handle,
    Imported,
    Key,
    Table,
    Text,
    Type,
    Value,
)
from diana_tools.analysis.sql.known import ESCAPES, harmless
from diana_tools.analysis.statement import UNKNOWN, Action, Column, ForeignKey, Statement, Where

_CHANGES = {"delete": Action.DELETE, "update": Action.UPDATE, "insert": Action.INSERT}
_SESSIONS = frozenset({"Session", "sessionmaker", "scoped_session", "AsyncSession"})
_ENGINES = frozenset({"create_engine", "engine_from_config", "create_async_engine"})
_EXPRESSION_WORDS = """
alias aliased all_ any_ array asc backref between bindparam case cast class_mapper collate column_property composite
configure_mappers declarative_base declared_attr defer deferred desc distinct except_ except_all exists extract false
flag_modified foreign get_history has_inherited_table hstore hybrid_method hybrid_property intersect intersect_all
joinedload label lateral lazyload literal load_only make_transient make_url new null nulls_first nulls_last nullsfirst
nullslast object_session over relationship remote selectinload selectable subqueryload synonym tablesample to_tsquery
to_tsvector tuple_ type_coerce undefer union union_all validates values within_group with_parent
"""
_EXPRESSIONS = frozenset(_EXPRESSION_WORDS.split())
"""Functions of SQLAlchemy that make a part of a statement or of a mapping, and run and register nothing."""
_WHOLE = frozenset({"text", "DDL"})
_RAW = {
    "literal_column": (0, "text"),
    "CheckConstraint": (0, "sqltext"),
    "Computed": (0, "sqltext"),
    "collate": (1, "collation"),
}
"""What makes SQL of a string, with the place of it."""
_WHERE = ("postgresql_where", "sqlite_where", "where")
_DEFINERS = {
    "DropTable": (Action.DROP_TABLE, "table"),
    "DropSchema": (Action.DROP_SCHEMA, "schema"),
    "DropSequence": (Action.DROP_SEQUENCE, "sequence"),
    "DropView": (Action.DROP_VIEW, "view"),
    "DropIndex": (Action.DROP_INDEX, "index"),
    "DropConstraint": (Action.DROP_CONSTRAINT, ""),
    "CreateTable": (Action.CREATE_TABLE, "table"),
    "CreateSchema": (Action.CREATE_OTHER, "schema"),
    "CreateSequence": (Action.CREATE_OTHER, "sequence"),
    "CreateIndex": (Action.CREATE_INDEX, "index"),
}


def construct(run: Run, callee: Imported, given: Arguments, node: ast.AST) -> Value:
    """What a call into SQLAlchemy gives; what nobody knows is a type where its name begins with a capital."""
    word = callee.last
    _callbacks(run, given)
    if callee.path.startswith("sqlalchemy.event."):
        run.gap("AC002.handed_over", node)
    if ".func." in callee.path:
        return _routine(run, word.lower(), node)
    _fragments(run, word, given, node)
    made = _MAKERS.get(word)
    if made is not None:
        return made(run, given)
    if word in _CHANGES:
        return Change(_CHANGES[word], name(given.get(0)) if given.positional else UNKNOWN)
    if word in _SESSIONS:
        run.sessions = True
        return Bind("session")
    if word in _ENGINES:
        run.gap("AC002.own_connection", node)
        return Bind()
    if word in _DEFINERS:
        action, kind = _DEFINERS[word]
        return _definer(action, kind, given)
    if word[:1].isupper():
        return column_type(word, given, run.dialect) or Type(word)
    if not callee.path.startswith("sqlalchemy.") or ".testing." in callee.path or word not in _EXPRESSIONS:
        run.gap("AC002.imported_call", node)
    return ANYTHING


def _fragments(run: Run, word: str, given: Arguments, node: ast.AST) -> None:
    """Strings that become a part of a statement; what `text()` and `DDL()` make may be a whole one."""
    if word not in _WHOLE:
        embedded(run, given, node)
    if word in _RAW:
        fragment(run, given.get(*_RAW[word]), node)
    for key in _WHERE:
        fragment(run, given.get(-1, key), node)
    unquoted = truth(given.get(1, "quote")) is not True
    if word == "quoted_name" and unquoted and not name(given.get(0, "value")).replace("_", "").isalnum():
        run.gap("AC002.dynamic_name", node)


def _routine(run: Run, word: str, node: ast.AST) -> Value:
    """A function of the database: it may do anything, unless it is known to be run for its value."""
    if word in ESCAPES:
        run.emit(node, Statement(Action.ESCAPE, name=word))
    elif not harmless(word):
        run.emit(node, Statement(Action.CALL, name=word))
    return ANYTHING


def _callbacks(run: Run, given: Arguments) -> None:
    """A function that SQLAlchemy is given may be called by it, as a listener or a default."""
    for value in given.every():
        if isinstance(value, Function):
            with run.maybe(looped=True):
                run.inline(run, value, Arguments(loose=True))


def _text(_run: Run, given: Arguments) -> Value:
    """SQL that goes into a statement as it stands, or is one."""
    found = [replace(o, sql=True) if isinstance(o, Text) else o for o in options(given.get(0, "text"))]
    return reduce(either, found) if found else ANYTHING


def _literal(_run: Run, given: Arguments) -> Value:
    return given.get(0, "name") or ANYTHING


def _table(_run: Run, given: Arguments) -> Value:
    columns, _ = declared(given.positional[1:])
    schema = given.get(-1, "schema")
    label = name(given.get(0, "name"))
    known = schema is not None and schema != NONE and label != UNKNOWN
    return Table(f"{name(schema)}.{label}" if known else label, columns)


def _column(run: Run, given: Arguments) -> Value:
    first, values = given.get(0, "name"), given.positional
    label = name(first) if isinstance(first, Text) else UNKNOWN
    kinds = [value for value in values if isinstance(value, (Type, Class)) or _is_type(value)]
    kind = given.get(-1, "type_") or (kinds[0] if kinds else None)
    keys = tuple(ForeignKey(value.table, value.on_delete) for value in values if isinstance(value, Key))
    primary = truth(given.get(-1, "primary_key")) is True
    nullable = truth(given.get(-1, "nullable"))
    default = given.get(-1, "server_default")
    generated = any(isinstance(value, Context) and value.kind == "generated" for value in values)
    return Definition(
        Column(
            label,
            element(kind, run.dialect).text,
            nullable=not primary if nullable is None else nullable,
            default=primary or generated or (default is not None and default != NONE),
            keys=keys,
        )
    )


def _is_type(value: Value) -> bool:
    return isinstance(value, Imported) and value.last[:1].isupper()


def _key(_run: Run, given: Arguments) -> Value:
    return _pointing(given.get(0, "column"), given)


def _key_constraint(_run: Run, given: Arguments) -> Value:
    there = listed(given.get(1, "refcolumns"))
    return _pointing(there[0] if there else None, given)


def _pointing(target: Value | None, given: Arguments) -> Value:
    on_delete = given.get(-1, "ondelete")
    action = name(on_delete).upper() if on_delete is not None and on_delete != NONE else ""
    if isinstance(target, Handle):
        return Key(target.table, action)
    return Key(name(target).rpartition(".")[0] or UNKNOWN, action)


def _generated(_run: Run, _given: Arguments) -> Value:
    return Context("generated")


def _and(_run: Run, given: Arguments) -> Value:
    return conditions.joined(given.positional, every=True)


def _or(_run: Run, given: Arguments) -> Value:
    return conditions.joined(given.positional, every=False)


def _not(_run: Run, given: Arguments) -> Value:
    return conditions.negated(given.get(0) or ANYTHING)


def _true(_run: Run, _given: Arguments) -> Value:
    return Condition(Where.ALWAYS)


def _select(_run: Run, given: Arguments) -> Value:
    tables = [value.table if isinstance(value, Handle) else name(value) for value in given.positional[:1]]
    known = [table for table in tables if table != UNKNOWN]
    return Change(Action.READ, known[0] if known else "")


def _inspect(_run: Run, _given: Arguments) -> Value:
    return Context("inspector")


def _metadata(_run: Run, _given: Arguments) -> Value:
    return Context("metadata")


def _definer(action: Action, kind: str, given: Arguments) -> Value:
    found = list(options(given.get(0)))
    label = name(given.get(0))
    if found and isinstance(found[0], Definer):
        label = found[0].name
    cascade = truth(given.get(-1, "cascade")) is True
    if action in (Action.DROP_TABLE, Action.CREATE_TABLE):
        return Definer(action, table=label, kind=kind, cascade=cascade)
    return Definer(action, name=label, kind=kind, cascade=cascade)


def _sequence(_run: Run, given: Arguments) -> Value:
    return Text(name(given.get(0, "name")))


_MAKERS: dict[str, Callable[[Run, Arguments], Value]] = {
    "text": _text,
    "DDL": _text,
    "literal_column": _text,
    "quoted_name": _literal,
    "table": _table,
    "Table": _table,
    "column": _column,
    "Column": _column,
    "mapped_column": _column,
    "ForeignKey": _key,
    "ForeignKeyConstraint": _key_constraint,
    "Computed": _generated,
    "Identity": _generated,
    "and_": _and,
    "or_": _or,
    "not_": _not,
    "true": _true,
    "select": _select,
    "inspect": _inspect,
    "MetaData": _metadata,
    "Sequence": _sequence,
}
