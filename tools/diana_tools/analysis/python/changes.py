"""Updates, deletes, inserts and queries of SQLAlchemy, put together link by link."""

from __future__ import annotations

import ast
from dataclasses import replace

from diana_tools.analysis.python.answers import name, paired
from diana_tools.analysis.python.conditions import condition, joined
from diana_tools.analysis.python.effects import change
from diana_tools.analysis.python.run import Run
from diana_tools.analysis.python.values import ANYTHING, Arguments, Change, Handle, Row, Rows, Value
from diana_tools.analysis.statement import UNKNOWN, Action, Column, Where

_ACTIONS = {"update": Action.UPDATE, "delete": Action.DELETE, "insert": Action.INSERT, "select": Action.READ}
_ONE_ROW = frozenset({"first", "one", "one_or_none", "get"})
_ALL_ROWS = frozenset({"all", "scalars", "yield_per", "distinct"})
_NUMBERS = frozenset({"count", "scalar", "exists", "subquery", "scalar_subquery", "as_scalar", "cte", "alias", "label"})


def of_table(table: str, word: str, given: Arguments) -> Change | None:
    """`table.update(...)` and the like; None for any other method. Old releases took the condition right here."""
    action = _ACTIONS.get(word)
    if action is None:
        return None
    made = Change(action, table)
    first = given.get(0, "whereclause")
    made = _restricted(made, (first,)) if first is not None and action in (Action.UPDATE, Action.DELETE) else made
    values = given.get(-1, "values")
    return _written(made, Arguments((values,))) if values is not None else made


def of_change(run: Run, receiver: Change, word: str, given: Arguments, node: ast.AST) -> Value:
    """One more link of a chain; `query(...).update()` and `.delete()` run at once."""
    if word in ("where", "filter", "having"):
        return _restricted(receiver, given.positional)
    if word == "filter_by":
        names = tuple(key for key, _ in given.keywords)
        return replace(receiver, where=Where.SOME, filters=receiver.filters + names)
    if word in ("values", "ordered_values", "on_conflict_do_update"):
        return _written(receiver, given)
    if word in ("update", "delete"):
        action = Action.UPDATE if word == "update" else Action.DELETE
        done = _written(replace(receiver, action=action), given if word == "update" else Arguments())
        run.emit(node, change(done))
        return ANYTHING
    if word in _ONE_ROW:
        return Row(receiver.table)
    if word in _ALL_ROWS:
        return Rows(receiver.table)
    return ANYTHING if word in _NUMBERS else receiver


def _restricted(receiver: Change, values: tuple[Value, ...]) -> Change:
    if not values:
        return receiver
    made = condition(joined(values, every=True))
    where = Where.SOME if Where.SOME in (made.where, receiver.where) else Where.ALWAYS
    return replace(receiver, where=where, filters=receiver.filters + made.filters, fills=receiver.fills + made.fills)


def _written(receiver: Change, given: Arguments) -> Change:
    """The columns that are written; `?` when they are not known."""
    columns: list[Column] = [_column(key, value, receiver) for key, value in given.keywords]
    for value in given.positional:
        pairs = paired(value)
        if pairs is None:
            columns.append(Column(UNKNOWN))
        else:
            columns += [_column(name(key), inner, receiver) for key, inner in pairs]
    if given.loose or (receiver.action is Action.UPDATE and not columns):
        columns.append(Column(UNKNOWN))
    return replace(receiver, columns=receiver.columns + tuple(columns))


def _column(label: str, value: Value, receiver: Change) -> Column:
    source = value.name if isinstance(value, Handle) and value.table == receiver.table else ""
    return Column(label, source=source, fills=label in receiver.fills)
