"""Types, columns and keys as PostgreSQL's parse tree declares them."""

from __future__ import annotations

from diana_tools.analysis.sql.tree import Node
from diana_tools.analysis.statement import Column, ForeignKey

_ON_DELETE = {"c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT", "r": "RESTRICT"}
_CONSTRAINTS = {
    "CONSTR_UNIQUE": "unique",
    "CONSTR_PRIMARY": "primary key",
    "CONSTR_CHECK": "check",
    "CONSTR_FOREIGN": "foreign key",
    "CONSTR_EXCLUSION": "exclusion",
    "CONSTR_NOTNULL": "not null",
}
_HAS_DEFAULT = frozenset({"CONSTR_DEFAULT", "CONSTR_GENERATED", "CONSTR_IDENTITY"})
_SERIAL = frozenset({"serial", "bigserial", "smallserial", "serial4", "serial8", "serial2"})


def type_text(node: Node | None) -> str:
    """A type as SQL spells it: `varchar(20)`, `numeric(10,2)`, `int4[]`; empty when there is none."""
    if node is None:
        return ""
    names = [name for name in node.names("names") if name != "pg_catalog"]
    numbers = [_number(item) for item in node.nodes("typmods")]
    known = "interval" not in names and numbers and all(number is not None for number in numbers)
    inner = f"({','.join(str(number) for number in numbers)})" if known else ""
    return ".".join(names) + inner + "[]" * min(len(node.nodes("arrayBounds")), 1)


def _number(node: Node) -> int | None:
    value = node.node("ival") if node.kind == "A_Const" else None
    return value.number("ival") if value is not None else None


def column(node: Node) -> Column:
    """A ColumnDef: type, whether NULL is allowed, whether there is a default, keys."""
    declared = type_text(node.node("typeName"))
    kinds = {constraint.text("contype") for constraint in node.nodes("constraints")}
    serial = declared in _SERIAL
    return Column(
        node.text("colname"),
        declared,
        nullable=not (kinds & {"CONSTR_NOTNULL", "CONSTR_PRIMARY"} or serial),
        default=bool(kinds & _HAS_DEFAULT) or serial,
        keys=tuple(foreign_key(item) for item in node.nodes("constraints") if item.text("contype") == "CONSTR_FOREIGN"),
    )


def foreign_key(node: Node) -> ForeignKey:
    """A foreign key constraint: the table it points to and what a delete there does here."""
    table = node.node("pktable")
    names = (table.text("schemaname"), table.text("relname")) if table is not None else ()
    return ForeignKey(".".join(name for name in names if name), _ON_DELETE.get(node.text("fk_del_action"), ""))


def constraint_kind(node: Node) -> str:
    """unique, primary key, check, foreign key, exclusion or not null; empty for none of them."""
    return _CONSTRAINTS.get(node.text("contype"), "")
