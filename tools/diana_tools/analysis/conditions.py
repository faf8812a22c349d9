"""The WHERE of a DELETE or UPDATE, written anew so that it can be counted: the project's own text is never sent."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlglot.expressions import Expr


def condition(statement: str, columns: Collection[str], dialect: str) -> str | None:
    """The condition with every name quoted; None for anything but plain comparisons of the table's own columns.

    `columns` are spelled as the catalog has them; `dialect` is sqlite or postgres.
    """
    import sqlglot
    from sqlglot import expressions as sql
    from sqlglot.errors import SqlglotError

    try:
        parsed = sqlglot.parse_one(statement, dialect=dialect)
    except SqlglotError:
        return None
    where = parsed.args.get("where") if isinstance(parsed, (sql.Delete, sql.Update)) else None
    more = ("using", "limit", "from", "from_", "with", "with_", "order")
    if not isinstance(where, sql.Where) or any(parsed.args.get(name) for name in more):
        return None
    spelled = {name.lower(): name for name in columns} if dialect == "sqlite" else {name: name for name in columns}
    if not all(_simple(node, spelled, dialect) for node in where.this.walk()):
        return None
    for column in where.find_all(sql.Column):
        column.set("this", sql.Identifier(this=spelled[_known(column, dialect)], quoted=True))
    return where.this.sql(dialect=dialect, identify=True)


def _simple(node: Expr, columns: dict[str, str], dialect: str) -> bool:
    """Whether a part of a condition is a column of the table, a constant, or a plain comparison of such."""
    from sqlglot import expressions as sql

    if isinstance(node, sql.Column):
        return _known(node, dialect) in columns and not node.args.get("table")
    plain = (
        sql.Identifier, sql.Literal, sql.Null, sql.Boolean, sql.Neg, sql.And, sql.Or, sql.Not, sql.Paren, sql.EQ,
        sql.NEQ, sql.GT, sql.GTE, sql.LT, sql.LTE, sql.Is, sql.In, sql.Between, sql.Like,
    )  # fmt: skip
    return isinstance(node, plain) and not (isinstance(node, sql.In) and node.args.get("query"))


def _known(column: Expr, dialect: str) -> str:
    """A column's name as its engine looks for it: SQLite in any case, PostgreSQL in small letters unless quoted."""
    quoted = bool(getattr(column.this, "quoted", False))
    return column.name if quoted and dialect != "sqlite" else column.name.lower()
