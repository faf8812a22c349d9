"""Whether a WHERE restricts anything, asked of sqlglot's tree.

Import this inside a function: sqlglot takes half a second.
"""

from __future__ import annotations

from sqlglot import exp

from diana_tools.analysis.sql.compare import REFLEXIVE, compared
from diana_tools.analysis.statement import Where

_SIGNS: dict[type[exp.Expr], str] = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.LT: "<",
    exp.GT: ">",
    exp.LTE: "<=",
    exp.GTE: ">=",
}


def table_name(node: object) -> str:
    """A table's name as written, unquoted; empty when it is none."""
    if isinstance(node, exp.Schema):
        node = node.this
    if not isinstance(node, exp.Table):
        return ""
    return ".".join(part.name for part in node.parts)


def column_of(node: object) -> str:
    """The column that a plain reference names; empty for any other expression."""
    while isinstance(node, exp.Paren):
        node = node.this
    if isinstance(node, exp.Identifier):
        return node.name
    return node.name if isinstance(node, exp.Column) and not isinstance(node.this, exp.Star) else ""


def restriction(condition: exp.Expr | None, table: str) -> tuple[Where, tuple[str, ...]]:
    """Whether a condition restricts anything, and the columns it looks at."""
    if condition is None:
        return Where.NONE, ()
    if holds(condition, table):
        return Where.ALWAYS, ()
    names = (column_of(node) for node in condition.find_all(exp.Column))
    return Where.SOME, tuple(dict.fromkeys(name for name in names if name))


def null_tests(condition: exp.Expr | None) -> frozenset[str]:
    """Columns that must be NULL for a row to be touched: conjuncts of the form `x IS NULL`."""
    if condition is None:
        return frozenset()
    parts = list(condition.flatten()) if isinstance(condition, exp.And) else [condition]
    tests = (part for part in parts if isinstance(part, exp.Is) and isinstance(part.expression, exp.Null))
    return frozenset(column_of(test.this) for test in tests)


def holds(node: exp.Expr, table: str) -> bool:
    """Whether a condition is true for every row, as far as its text tells (`1=1`, `TRUE`, `id = id`)."""
    node = node.unnest()
    if isinstance(node, exp.Or):
        parts = list(node.flatten())
        return any(holds(part, table) for part in parts) or _complementary(parts)
    if isinstance(node, exp.And):
        return all(holds(part, table) for part in node.flatten())
    if isinstance(node, exp.Not):
        return _truth(node.this) is False
    if isinstance(node, (exp.In, exp.Exists)):
        return _membership(node, table)
    return _truth(node) is True


def _truth(node: exp.Expr) -> bool | None:
    """True or false where the text alone decides; None otherwise."""
    node = node.unnest()
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    constant = _constant(node)
    if isinstance(constant, int):
        return constant != 0
    if isinstance(node, (exp.Like, exp.Glob)):
        pattern = _constant(node.expression)
        return True if pattern in ("%", "*") else None
    return _comparison(node)


def _comparison(node: exp.Expr) -> bool | None:
    if not isinstance(node, exp.Binary):
        return None
    sign = _SIGNS.get(type(node), "")
    reflexive = sign in REFLEXIVE or isinstance(node, (exp.Is, exp.NullSafeEQ))
    if reflexive and isinstance(node.this, exp.Column) and node.this == node.expression:
        return True
    return compared(sign, _constant(node.this), _constant(node.expression))


def _constant(node: object) -> int | str | None:
    if not isinstance(node, exp.Literal):
        return None
    text = str(node.this)
    if node.is_string:
        return text
    return int(text) if text.isdecimal() and len(text) < 20 else None


def _complementary(parts: list[exp.Expr]) -> bool:
    """`x IS NULL OR x IS NOT NULL`."""
    null = {column_of(part.this) for part in parts if isinstance(part, exp.Is)}
    inner = [part.this for part in parts if isinstance(part, exp.Not)]
    filled = {column_of(part.this) for part in inner if isinstance(part, exp.Is)}
    return bool((null & filled) - {""})


def _membership(node: exp.In | exp.Exists, table: str) -> bool:
    """`EXISTS (SELECT 1)` and `id IN (SELECT id FROM the_same_table)`."""
    query = node.args.get("query") if isinstance(node, exp.In) else node.this
    query = query.unnest() if isinstance(query, exp.Subquery) else query
    if not isinstance(query, exp.Select) or query.args.get("where") or query.args.get("limit"):
        return False
    source = query.args.get("from_")
    if isinstance(node, exp.Exists):
        return source is None
    same = isinstance(source, exp.From) and table_name(source.this) == table != "" and not query.args.get("joins")
    columns = [column_of(item) for item in query.expressions]
    return same and columns == [column_of(node.this)] != [""]
