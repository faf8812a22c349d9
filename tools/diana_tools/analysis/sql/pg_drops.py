"""What PostgreSQL drops, truncates and renames, read from the parse tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from diana_tools.analysis.sql.pg_rows import relation
from diana_tools.analysis.sql.tree import Node
from diana_tools.analysis.statement import UNKNOWN, Action, Statement

_ACTIONS = {
    "OBJECT_TABLE": Action.DROP_TABLE,
    "OBJECT_SCHEMA": Action.DROP_SCHEMA,
    "OBJECT_INDEX": Action.DROP_INDEX,
    "OBJECT_SEQUENCE": Action.DROP_SEQUENCE,
    "OBJECT_VIEW": Action.DROP_VIEW,
    "OBJECT_MATVIEW": Action.DROP_VIEW,
}


def _qualified(node: Node) -> str:
    """The name of a dropped object, in whichever of four shapes the grammar wraps it."""
    names = node.names("items") or node.names("objname") or node.names("names")
    names = tuple(name for name in names if name != "pg_catalog")
    return ".".join(names) or node.text("sval")


def _drop(node: Node, base: Statement) -> Iterator[Statement]:
    removed = node.text("removeType")
    action = _ACTIONS.get(removed, Action.DROP_BEHAVIOUR)
    common = replace(
        base,
        action=action,
        kind=removed.removeprefix("OBJECT_").lower().replace("_", " "),
        cascade=node.text("behavior") == "DROP_CASCADE",
        guarded=node.flag("missing_ok"),
        concurrently=node.flag("concurrent"),
    )
    for item in node.nodes("objects"):
        name = _qualified(item)
        if action is Action.DROP_TABLE:
            yield replace(common, table=name)
        elif removed in ("OBJECT_TRIGGER", "OBJECT_POLICY", "OBJECT_RULE"):
            table, _, own = name.rpartition(".")
            yield replace(common, table=table, name=own)
            if removed == "OBJECT_POLICY":
                yield replace(common, action=Action.ACCESS, table=table, name=own)
        else:
            yield replace(common, name=name)


def _drop_database(node: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.DROP_DATABASE, name=node.text("dbname"), guarded=node.flag("missing_ok"))


def _drop_owned(_node: Node, base: Statement) -> Iterator[Statement]:
    """DROP OWNED BY drops every object of a role in this database: nobody can name them from here."""
    yield replace(base, action=Action.DROP_TABLE, table=UNKNOWN, cascade=True)


def _truncate(node: Node, base: Statement) -> Iterator[Statement]:
    cascade = node.text("behavior") == "DROP_CASCADE"
    for place in node.nodes("relations"):
        yield replace(base, action=Action.TRUNCATE, table=relation(place), cascade=cascade)


def _rename(node: Node, base: Statement) -> Iterator[Statement]:
    renamed, new = node.text("renameType"), node.text("newname")
    table = relation(node.node("relation"))
    if renamed == "OBJECT_TABLE":
        schema = table.rpartition(".")[0]
        yield replace(base, action=Action.RENAME_TABLE, table=table, name=f"{schema}.{new}" if schema else new)
    elif renamed == "OBJECT_COLUMN" and node.text("relationType") in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE"):
        yield replace(base, action=Action.RENAME_COLUMN, table=table, column=node.text("subname"), name=new)
    elif renamed == "OBJECT_SCHEMA":
        yield replace(base, action=Action.RENAME_SCHEMA, name=new, old_type=node.text("subname"))
    elif renamed == "OBJECT_TYPE":
        yield from _rename_type(node, base, new)
    else:
        yield base


def _rename_type(node: Node, base: Statement, new: str) -> Iterator[Statement]:
    holder = node.node("object")
    old = ".".join(holder.names("items")) if holder is not None else ""
    yield replace(base, action=Action.CREATE_TYPE, kind="renamed", name=new, old_type=old)


def _move(node: Node, base: Statement) -> Iterator[Statement]:
    if node.text("objectType") != "OBJECT_TABLE":
        yield base
        return
    table = relation(node.node("relation"))
    new = f"{node.text('newschema')}.{table.rpartition('.')[2]}"
    yield replace(base, action=Action.RENAME_TABLE, table=table, name=new)


READERS: dict[str, Callable[[Node, Statement], Iterator[Statement]]] = {
    "DropStmt": _drop,
    "DropdbStmt": _drop_database,
    "DropOwnedStmt": _drop_owned,
    "TruncateStmt": _truncate,
    "RenameStmt": _rename,
    "AlterObjectSchemaStmt": _move,
}
