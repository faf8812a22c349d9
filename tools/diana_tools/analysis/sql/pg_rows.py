"""Rows on PostgreSQL: which are deleted, changed or copied, read from the parse tree."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from diana_tools.analysis.sql.compare import REFLEXIVE, compared
from diana_tools.analysis.sql.pg_types import type_text
from diana_tools.analysis.sql.tree import Node
from diana_tools.analysis.statement import Action, Column, Statement, Where

_KEEPING = frozenset({"CoalesceExpr", "TypeCast", "CollateClause"})
_NARROWING = frozenset(
    {"groupClause", "distinctClause", "havingClause", "limitCount", "limitOffset", "withClause", "lockingClause"}
)
_CHANGES = frozenset({"DeleteStmt", "UpdateStmt", "InsertStmt", "MergeStmt"})


def relation(node: Node | None) -> str:
    """A table's name as written, unquoted; empty when there is none."""
    if node is None:
        return ""
    return ".".join(part for part in (node.text("schemaname"), node.text("relname")) if part)


def column_of(node: Node | None) -> str:
    """The column that a plain reference names, `*` for all of them; empty for any other expression."""
    if node is None or node.kind != "ColumnRef":
        return ""
    last = node.nodes("fields")[-1:]
    return "" if not last else "*" if last[0].kind == "A_Star" else last[0].text("sval")


def changes(node: Node, base: Statement) -> Iterator[Statement]:
    """Every delete, update, insert and merge in a statement, also those in its WITH clauses."""
    for inner in node.walk():
        if inner.kind == "DeleteStmt":
            yield _delete(inner, base)
        elif inner.kind == "UpdateStmt":
            yield _update(inner, base)
        elif inner.kind == "InsertStmt":
            yield from _insert(inner, base)
        elif inner.kind == "MergeStmt":
            yield from _merge(inner, base)


def changes_rows(node: Node) -> bool:
    """Whether the statement itself is one that changes rows."""
    return node.kind in _CHANGES


def _delete(node: Node, base: Statement) -> Statement:
    table = relation(node.node("relation"))
    where, filters = restriction(node.node("whereClause"), table)
    return replace(base, action=Action.DELETE, table=table, where=where, filters=filters)


def _update(node: Node, base: Statement) -> Statement:
    table = relation(node.node("relation"))
    condition = node.node("whereClause")
    where, filters = restriction(condition, table)
    columns = _written(node.nodes("targetList"), _null_tests(condition))
    return replace(base, action=Action.UPDATE, table=table, where=where, filters=filters, columns=columns)


def _written(targets: tuple[Node, ...], null: frozenset[str]) -> tuple[Column, ...]:
    return tuple(_assignment(target, null) for target in targets)


def _assignment(target: Node, null: frozenset[str]) -> Column:
    name, value = target.text("name"), target.node("val")
    column = replace(projected(name, value), name=name)
    first = value.nodes("args")[:1] if value is not None and value.kind == "CoalesceExpr" else ()
    keeps = bool(first) and column_of(first[0]) == name
    touches = value is not None and any(column_of(inner) == name for inner in value.walk())
    return replace(column, fills=name in null or keeps, derived=name if touches and not keeps else "")


def _insert(node: Node, base: Statement) -> Iterator[Statement]:
    table = relation(node.node("relation"))
    names = tuple(column.text("name") for column in node.nodes("cols"))
    conflict = node.node("onConflictClause")
    made = replace(base, action=Action.INSERT, table=table, columns=tuple(Column(name) for name in names))
    query = node.node("selectStmt")
    if query is not None and query.kind == "SelectStmt":
        made = copied(made, query, names, whole=conflict is None)
    yield made
    if conflict is not None and conflict.text("action") == "ONCONFLICT_UPDATE":
        columns = _written(conflict.nodes("targetList"), frozenset())
        yield replace(base, action=Action.UPDATE, table=table, where=Where.SOME, columns=columns, kind="upsert")


def _merge(node: Node, base: Statement) -> Iterator[Statement]:
    table = relation(node.node("relation"))
    for clause in node.nodes("mergeWhenClauses"):
        if clause.text("commandType") == "CMD_DELETE":
            yield replace(base, action=Action.DELETE, table=table, where=Where.SOME)
        elif clause.text("commandType") == "CMD_UPDATE":
            columns = _written(clause.nodes("targetList"), frozenset())
            yield replace(base, action=Action.UPDATE, table=table, where=Where.SOME, columns=columns)


def copied(statement: Statement, query: Node, names: tuple[str, ...], *, whole: bool) -> Statement:
    """What a query brings into a table: from which table, all rows or not, which column from which."""
    sources = query.nodes("fromClause")
    one = len(sources) == 1 and sources[0].kind == "RangeVar" and sources[0].flag("inh")
    where, _ = restriction(query.node("whereClause"), relation(sources[0]) if one else "")
    complete = one and whole and where is not Where.SOME and not any(name in query.fields for name in _NARROWING)
    targets = query.nodes("targetList")
    columns = tuple(projected(name, target.node("val")) for name, target in _paired(names, targets))
    return replace(
        statement,
        reads=relation(sources[0]) if one else "",
        complete=complete,
        star=len(targets) == 1 and column_of(targets[0].node("val")) == "*",
        columns=columns,
    )


def _paired(names: tuple[str, ...], targets: tuple[Node, ...]) -> Iterator[tuple[str, Node]]:
    for index, target in enumerate(targets):
        own = target.text("name") or column_of(target.node("val"))
        yield (names[index] if index < len(names) else own), target


def projected(name: str, value: Node | None) -> Column:
    """One column as an expression makes it: kept from a column, derived from one, or neither."""
    cast, node = "", value
    while node is not None and node.kind in _KEEPING:
        if node.kind == "TypeCast":
            cast = cast or type_text(node.node("typeName"))
        first = node.nodes("args")[:1]
        node = node.node("arg") or (first[0] if first else None)
    source = column_of(node)
    if source and source != "*":
        return Column(name, source=source, cast=cast)
    inner = [column_of(part) for part in value.walk()] if value is not None else []
    return Column(name, derived=next((column for column in inner if column), ""))


def restriction(condition: Node | None, table: str) -> tuple[Where, tuple[str, ...]]:
    """Whether a condition restricts anything, and the columns it looks at."""
    if condition is None:
        return Where.NONE, ()
    if holds(condition, table):
        return Where.ALWAYS, ()
    looked_at = (column_of(node) for node in condition.walk())
    return Where.SOME, tuple(dict.fromkeys(name for name in looked_at if name and name != "*"))


def holds(node: Node | None, table: str) -> bool:
    """Whether a condition is true for every row, as far as its text tells (`1=1`, `TRUE`, `id = id`)."""
    if node is None:
        return False
    if node.kind == "BoolExpr":
        return _junction(node, table)
    if node.kind == "A_Expr":
        return _comparison(node)
    if node.kind == "SubLink":
        return _membership(node, table)
    if node.kind == "TypeCast":
        return _constant(node.node("arg")) in (True, "t", "true", 1)
    return _constant(node) is True


def _junction(node: Node, table: str) -> bool:
    parts = node.nodes("args")
    if node.text("boolop") == "AND_EXPR":
        return all(holds(part, table) for part in parts)
    if node.text("boolop") == "OR_EXPR":
        return any(holds(part, table) for part in parts) or _complementary(parts)
    return _constant(parts[0] if parts else None) is False or _never(parts[0] if parts else None)


def _complementary(parts: tuple[Node, ...]) -> bool:
    """`x IS NULL OR x IS NOT NULL`."""
    tests = [part for part in parts if part.kind == "NullTest"]
    pairs = ((a, b) for a in tests for b in tests if a.text("nulltesttype") != b.text("nulltesttype"))
    return any(column_of(a.node("arg")) == column_of(b.node("arg")) != "" for a, b in pairs)


def _never(node: Node | None) -> bool:
    """A comparison of constants that is false: `NOT (1 = 0)`."""
    result = _compared(node)
    return result is False


def _comparison(node: Node) -> bool:
    left, right = node.node("lexpr"), node.node("rexpr")
    if left is None or right is None:
        return False
    sign = "".join(node.names("name"))
    if node.text("kind") in ("AEXPR_LIKE", "AEXPR_ILIKE"):
        return _constant(right) == "%" and not sign.startswith("!")
    reflexive = sign in REFLEXIVE or node.text("kind") == "AEXPR_NOT_DISTINCT"
    if reflexive and left.kind == "ColumnRef" and left.same(right):
        return True
    return _compared(node) is True


def _compared(node: Node | None) -> bool | None:
    if node is None or node.kind != "A_Expr" or node.text("kind") != "AEXPR_OP":
        return None
    return compared("".join(node.names("name")), _constant(node.node("lexpr")), _constant(node.node("rexpr")))


def _constant(node: Node | None) -> int | str | bool | None:
    """The value of a constant; null and numbers with a point count as unknown."""
    if node is None or node.kind != "A_Const" or node.flag("isnull"):
        return None
    for name, inner in (("ival", "ival"), ("sval", "sval")):
        value = node.node(name)
        if value is not None:
            return value.number(inner) if name == "ival" else value.text(inner)
    boolean = node.node("boolval")
    return boolean.flag("boolval") if boolean is not None else None


def _membership(node: Node, table: str) -> bool:
    """`EXISTS (SELECT 1)` and `id IN (SELECT id FROM the_same_table)`."""
    query = node.node("subselect")
    if query is None or query.kind != "SelectStmt" or "whereClause" in query.fields or "limitCount" in query.fields:
        return False
    sources = query.nodes("fromClause")
    if node.text("subLinkType") == "EXISTS_SUBLINK":
        return not sources
    same = len(sources) == 1 and relation(sources[0]) == table != ""
    targets = query.nodes("targetList")
    column = column_of(node.node("testexpr"))
    return same and len(targets) == 1 and column != "" and column_of(targets[0].node("val")) == column


def _null_tests(condition: Node | None) -> frozenset[str]:
    """Columns that must be NULL for a row to be touched: conjuncts of the form `x IS NULL`."""
    if condition is None:
        return frozenset()
    parts = (condition,)
    if condition.kind == "BoolExpr" and condition.text("boolop") == "AND_EXPR":
        parts = condition.nodes("args")
    tests = (part for part in parts if part.kind == "NullTest" and part.text("nulltesttype") == "IS_NULL")
    return frozenset(column_of(test.node("arg")) for test in tests)
