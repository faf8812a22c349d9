"""Methods of connections, sessions, cursors, and of Alembic's context, dialects, inspectors and metadata."""

from __future__ import annotations

import ast

from diana_tools.analysis.python.answers import name
from diana_tools.analysis.python.effects import execute
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import (
    ANYTHING,
    Arguments,
    Bind,
    Change,
    Class,
    Context,
    Function,
    Handle,
    Row,
    Table,
    Value,
)
from diana_tools.analysis.statement import UNKNOWN, Action, Column, Statement, Where

EXECUTES = frozenset(
    {"execute", "scalar", "scalars", "exec_driver_sql", "executescript", "executemany", "exec", "stream", "_exec"}
)
_CONNECTIONS = frozenset(
    {"begin", "begin_nested", "connect", "execution_options", "get_bind", "cursor", "raw_connection"}
)
_HARMLESS_WORDS = """
commit rollback close flush in_transaction dispose refresh expunge expunge_all expire expire_all add add_all
bulk_save_objects bulk_insert_mappings configure remove detach invalidate get_isolation_level has_table
get_transaction fetchall fetchone fetchmany fetchval is_active begin_transaction prepare set_isolation_level
"""
_HARMLESS = frozenset(_HARMLESS_WORDS.split())
_LOOKING = ("has_", "get_", "is_", "supports_", "reflect", "create_all", "clear", "_get_", "configure", "begin")


def of_connection(run: Run, receiver: Bind, word: str, given: Arguments, node: ast.AST) -> Value:
    """A method of a connection, a session, an engine or a cursor."""
    if word in EXECUTES:
        return execute(run, given.get(0, "statement") or given.get(-1, "sql"), node)
    if word in _CONNECTIONS:
        return Bind(receiver.kind)
    if word == "query":
        return _query(given)
    if word == "get":
        return Row(name(given.get(0)))
    if word in ("delete", "merge", "bulk_update_mappings"):
        _object(run, word, given, node)
    elif word == "run_sync":
        _run_sync(run, given, node)
    elif word not in _HARMLESS:
        run.gap("AC002.unknown_call", node)
    return ANYTHING


def _query(given: Arguments) -> Value:
    first = given.get(0)
    table = first.table if isinstance(first, Handle) else _class_table(first)
    return Change(Action.READ, table, query=True)


def _class_table(value: Value | None) -> str:
    if isinstance(value, Class):
        return value.table or UNKNOWN
    return value.name if isinstance(value, Table) else UNKNOWN


def _object(run: Run, word: str, given: Arguments, node: ast.AST) -> None:
    """`session.delete(object)` and its like touch the row behind an object."""
    first = given.get(0)
    table = first.table if isinstance(first, Row) and first.table else _class_table(first)
    if word == "delete":
        run.emit(node, Statement(Action.DELETE, table=table, where=Where.SOME))
    else:
        run.emit(node, Statement(Action.UPDATE, table=table, where=Where.SOME, columns=(Column(UNKNOWN),)))


def _run_sync(run: Run, given: Arguments, node: ast.AST) -> None:
    function = given.get(0)
    if isinstance(function, Function):
        run.inline(run, function, Arguments((Bind(),)))
    else:
        run.gap("AC002.unknown_call", node)


def of_context(run: Run, receiver: Context, word: str, given: Arguments, node: ast.AST) -> Value:
    """A method of what is looked at. An inspector only looks; metadata can drop everything it knows."""
    if word in EXECUTES:
        return execute(run, given.get(0), node)
    if word == "autocommit_block":
        return Context("autocommit")
    if receiver.kind == "inspector" or word.startswith(_LOOKING):
        return ANYTHING
    if word == "drop_all":
        run.emit(node, Statement(Action.DROP_TABLE, table=UNKNOWN, kind="table"))
    elif receiver.kind != "metadata":
        run.gap("AC002.unknown_call", node)
    return ANYTHING
