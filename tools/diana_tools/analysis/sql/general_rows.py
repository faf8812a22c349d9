"""Rows in every dialect but PostgreSQL: which are deleted, changed or copied, read by sqlglot.

Import this inside a function: sqlglot takes half a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import cast

from sqlglot import exp

from diana_tools.analysis.sql.general_where import column_of, null_tests, restriction, table_name
from diana_tools.analysis.sql.known import ESCAPES, harmless
from diana_tools.analysis.statement import Action, Column, Statement, Where


def rows(tree: exp.Expr, base: Statement) -> Iterator[Statement]:
    """Every delete, update and insert in a statement, also those inside others, and what it calls."""
    for inner in tree.find_all(exp.Delete, exp.Update, exp.Insert, exp.Merge, exp.TruncateTable, exp.Create):
        if isinstance(inner, exp.Delete):
            yield from _delete(inner, base)
        elif isinstance(inner, exp.Update):
            yield _update(inner, base)
        elif isinstance(inner, exp.Insert):
            yield from _insert(inner, base)
        elif isinstance(inner, exp.Merge):
            yield replace(base, action=Action.DELETE, table=table_name(inner.this), where=Where.SOME)
        elif isinstance(inner, exp.Create):
            yield from _create(inner, base)
    yield from _calls(tree, base)


def _delete(node: exp.Delete, base: Statement) -> Iterator[Statement]:
    several = [table for table in _expressions(node, "tables") if isinstance(table, exp.Table)]
    condition = _condition(node)
    limited = node.args.get("limit") is not None
    for target in several or [node.this]:
        table = table_name(target)
        where, filters = restriction(condition, table)
        yield replace(base, action=Action.DELETE, table=table, where=Where.SOME if limited else where, filters=filters)


def _condition(node: exp.Expr) -> exp.Expr | None:
    where = node.args.get("where")
    inner = where.this if isinstance(where, exp.Where) else None
    return inner if isinstance(inner, exp.Expr) else None


def _expressions(node: exp.Expr, name: str = "expressions") -> list[exp.Expr]:
    found = node.args.get(name)
    items = cast("list[object]", found) if isinstance(found, list) else []
    return [item for item in items if isinstance(item, exp.Expr)]


def _update(node: exp.Update, base: Statement) -> Statement:
    condition = _condition(node)
    table = table_name(node.this)
    where, filters = restriction(condition, table)
    limited = node.args.get("limit") is not None
    null = null_tests(condition)
    columns = tuple(column for item in _expressions(node) for column in _assigned(item, null))
    return replace(
        base,
        action=Action.UPDATE,
        table=table,
        where=Where.SOME if limited else where,
        filters=filters,
        columns=columns,
    )


def _assigned(node: exp.Expr, null: frozenset[str]) -> Iterator[Column]:
    if not isinstance(node, exp.EQ):
        return
    targets = _expressions(node.this) if isinstance(node.this, exp.Tuple) else [node.this]
    for target in targets:
        name, value = column_of(target), node.expression
        column = replace(projected(name, value), name=name)
        keeps = isinstance(value, exp.Coalesce) and column_of(value.this) == name
        touches = any(column_of(inner) == name for inner in value.find_all(exp.Column))
        yield replace(column, fills=name in null or keeps, derived=name if touches and not keeps else "")


def _insert(node: exp.Insert, base: Statement) -> Iterator[Statement]:
    target = node.this
    names = tuple(item.name for item in _expressions(target)) if isinstance(target, exp.Schema) else ()
    table = table_name(target)
    alternative = str(node.args.get("alternative") or "").upper()
    conflict = node.args.get("conflict")
    made = replace(base, action=Action.INSERT, table=table, columns=tuple(Column(name) for name in names))
    query = node.expression
    if isinstance(query, exp.Select):
        whole = conflict is None and alternative in ("", "ABORT", "FAIL", "ROLLBACK")
        made = copied(made, query, names, whole=whole)
    yield made
    written = (
        tuple(column for item in _expressions(conflict) for column in _assigned(item, frozenset()))
        if isinstance(conflict, exp.OnConflict)
        else ()
    )
    if alternative == "REPLACE" or written or node.args.get("overwrite"):
        yield replace(base, action=Action.UPDATE, table=table, where=Where.SOME, columns=written, kind="upsert")


def _create(node: exp.Create, base: Statement) -> Iterator[Statement]:
    """CREATE TABLE AS SELECT; every other CREATE was read before it came here."""
    query = node.expression
    temporary = node.find(exp.TemporaryProperty) is not None
    made = replace(
        base,
        action=Action.CREATE_TABLE,
        table=table_name(node.this),
        guarded=bool(node.args.get("exists")),
        replaces=bool(node.args.get("replace")),
        temporary=temporary,
    )
    yield copied(made, query, (), whole=True) if isinstance(query, exp.Select) else made


def copied(statement: Statement, query: exp.Select, names: tuple[str, ...], *, whole: bool) -> Statement:
    """What a query brings into a table: from which table, all rows or not, which column from which."""
    source = query.args.get("from_")
    table = source.this if isinstance(source, exp.From) else None
    one = isinstance(table, exp.Table) and not query.args.get("joins")
    narrowing = ("group", "distinct", "having", "limit", "offset", "with_", "qualify")
    where, _ = restriction(_condition(query), table_name(table) if one else "")
    complete = one and whole and where is not Where.SOME and not any(query.args.get(name) for name in narrowing)
    targets = _expressions(query)
    pairs = enumerate(targets)
    columns = tuple(
        projected(names[index] if index < len(names) else target.alias_or_name, target) for index, target in pairs
    )
    return replace(
        statement,
        reads=table_name(table) if one else "",
        complete=complete,
        star=len(targets) == 1 and isinstance(targets[0], exp.Star),
        columns=columns,
    )


def projected(name: str, value: exp.Expr) -> Column:
    """One column as an expression makes it: kept from a column, derived from one, or neither."""
    cast, node = "", value
    while isinstance(node, (exp.Alias, exp.Paren, exp.Cast, exp.Coalesce, exp.Collate)):
        if isinstance(node, exp.Cast) and not cast:
            cast = str(node.args["to"].sql())
        node = node.this
    source = column_of(node)
    if source:
        return Column(name, source=source, cast=cast)
    inner = (column_of(part) for part in value.find_all(exp.Column))
    return Column(name, derived=next((column for column in inner if column), ""))


def _calls(tree: exp.Expr, base: Statement) -> Iterator[Statement]:
    for node in tree.find_all(exp.Anonymous):
        name = node.name.lower()
        if name in ESCAPES:
            yield replace(base, action=Action.ESCAPE, name=name)
        elif not harmless(name):
            yield replace(base, action=Action.CALL, name=name)
