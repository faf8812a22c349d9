"""What running a value does: SQL text, a change or a DDL construct that was put together before."""

from __future__ import annotations

import ast
from contextlib import nullcontext

from diana_tools.analysis.python.answers import options
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import Change, Definer, Rows, Text, Value
from diana_tools.analysis.statement import Action, Statement


def execute(run: Run, value: Value | None, node: ast.AST) -> Value:
    """Follow `execute(value)` on a connection, a session or `op`; what it returns."""
    found = options(value)
    if not found:
        run.gap("AC002.dynamic_sql", node)
    table = ""
    with run.maybe() if len(found) > 1 else nullcontext():
        for option in found:
            table = _one(run, option, node) or table
    return Rows(table)


def _one(run: Run, value: Value, node: ast.AST) -> str:
    """Run one value; the table that rows come from, where that is known."""
    if isinstance(value, Text):
        run.sql(value, node)
    elif isinstance(value, Change):
        run.emit(node, change(value))
        return value.table
    elif isinstance(value, Definer):
        statement = Statement(value.action, table=value.table, name=value.name, kind=value.kind, cascade=value.cascade)
        run.emit(node, statement)
    else:
        run.gap("AC002.dynamic_sql", node)
    return ""


def change(value: Change) -> Statement:
    """The statement that a change comes to when it is run."""
    if value.action is Action.READ:
        return Statement(Action.READ)
    return Statement(value.action, table=value.table, where=value.where, filters=value.filters, columns=value.columns)
