"""Conditions: of Python, where both sides are known, and of SQLAlchemy, on columns."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from diana_tools.analysis.python.answers import listed
from diana_tools.analysis.python.values import ANYTHING, NONE, Condition, Handle, Plain, Text, Value
from diana_tools.analysis.sql.reader import read_sql
from diana_tools.analysis.statement import Where

_REFLEXIVE = (ast.Eq, ast.LtE, ast.GtE)


def compared(sign: ast.cmpop, left: Value, right: Value) -> Value:
    """`left <sign> right`: a condition on rows where a column takes part, else a truth value where both are known."""
    for column, other in ((left, right), (right, left)):
        if isinstance(column, Handle):
            if column == other and isinstance(sign, _REFLEXIVE):
                return Condition(Where.ALWAYS)
            filters = tuple(side.name for side in (left, right) if isinstance(side, Handle))
            null = isinstance(sign, (ast.Eq, ast.Is)) and other == NONE
            return Condition(Where.SOME, filters, (column.name,) if null else ())
    if isinstance(sign, (ast.In, ast.NotIn)):
        return _membership(left, right, wanted=isinstance(sign, ast.In))
    if not _certain(left) or not _certain(right):
        return ANYTHING
    if isinstance(sign, (ast.Eq, ast.Is)):
        return Plain(_bare(left) == _bare(right))
    if isinstance(sign, (ast.NotEq, ast.IsNot)):
        return Plain(_bare(left) != _bare(right))
    return ANYTHING


def _certain(value: Value) -> bool:
    return isinstance(value, Plain) or (isinstance(value, Text) and not value.holes)


def _bare(value: Value) -> Value:
    """Without the place where it was written."""
    return Text(value.text) if isinstance(value, Text) else value


def _membership(left: Value, right: Value, *, wanted: bool) -> Value:
    if not _certain(left):
        return ANYTHING
    items = listed(right)
    if items is not None and all(_certain(item) for item in items):
        return Plain((_bare(left) in [_bare(item) for item in items]) is wanted)
    if isinstance(right, Text) and not right.holes and isinstance(left, Text):
        return Plain((left.text in right.text) is wanted)
    return ANYTHING


def joined(values: Iterable[Value], *, every: bool) -> Value:
    """`a & b` and `and_(a, b)`, or `a | b` and `or_(a, b)`; something unknown counts as a restriction."""
    parts = [condition(value) for value in values]
    if not parts:
        return Condition(Where.ALWAYS)
    always = [part.where is not Where.SOME for part in parts]
    filters = tuple(dict.fromkeys(name for part in parts for name in part.filters))
    if all(always) if every else any(always):
        return Condition(Where.ALWAYS)
    fills = tuple(name for part in parts for name in part.fills) if every else ()
    return Condition(Where.SOME, filters, fills)


def negated(value: Value) -> Value:
    """`~a` and `not_(a)`."""
    return Condition(Where.SOME, condition(value).filters)


def condition(value: Value) -> Condition:
    """A value in the place of a condition: text is read as SQL, True is no restriction, the unknown is one."""
    if isinstance(value, Condition):
        return value
    if isinstance(value, Plain) and value.value is True:
        return Condition(Where.ALWAYS)
    if isinstance(value, Text) and not value.holes:
        reading = read_sql(" ".join(("DELETE FROM t WHERE", value.text)), "sqlite")
        if len(reading.statements) == 1 and not reading.gaps:
            return Condition(reading.statements[0].where, reading.statements[0].filters)
    return Condition(Where.SOME)
