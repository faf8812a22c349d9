"""Tables, columns and constraints on PostgreSQL, read from the parse tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from diana_tools.analysis.sql.pg_rows import changes, column_of, copied, relation
from diana_tools.analysis.sql.pg_types import column, constraint_kind, foreign_key, type_text
from diana_tools.analysis.sql.tree import Node
from diana_tools.analysis.statement import Action, Statement


def create_table(node: Node, base: Statement) -> Iterator[Statement]:
    """CREATE TABLE, with its columns and keys; also of a foreign table or a partition."""
    inner = node.node("base") or node
    elements = inner.nodes("tableElts")
    columns = tuple(column(item) for item in elements if item.kind == "ColumnDef")
    loose = tuple(foreign_key(item) for item in elements if item.text("contype") == "CONSTR_FOREIGN")
    place = inner.node("relation")
    yield replace(
        base,
        action=Action.CREATE_TABLE,
        table=relation(place),
        columns=columns,
        keys=loose + tuple(key for item in columns for key in item.keys),
        guarded=inner.flag("if_not_exists"),
        temporary=_temporary(place),
    )


def _temporary(place: Node | None) -> bool:
    return place is not None and place.text("relpersistence") == "t"


def create_table_as(node: Node, base: Statement) -> Iterator[Statement]:
    """CREATE TABLE AS and CREATE MATERIALIZED VIEW."""
    into, query = node.node("into"), node.node("query")
    place = into.node("rel") if into is not None else None
    if node.text("objtype") == "OBJECT_MATVIEW":
        yield replace(base, action=Action.CREATE_OTHER, kind="view", name=relation(place))
        return
    made = replace(
        base,
        action=Action.CREATE_TABLE,
        table=relation(place),
        guarded=node.flag("if_not_exists"),
        temporary=_temporary(place),
    )
    yield copied(made, query, (), whole=True) if query is not None and query.kind == "SelectStmt" else made
    if query is not None:
        yield from changes(query, base)


def alter_table(node: Node, base: Statement) -> Iterator[Statement]:
    """ALTER TABLE, one statement a command; ALTER TYPE … DROP ATTRIBUTE takes values away just the same."""
    if node.text("objtype") not in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE", "OBJECT_TYPE"):
        yield base
        return
    table = relation(node.node("relation"))
    for command in node.nodes("cmds"):
        made = _COMMANDS.get(command.text("subtype"), _other)
        yield from made(command, replace(base, table=table, guarded=command.flag("missing_ok")))


def _other(_command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.READ)


def _cascade(command: Node) -> bool:
    return command.text("behavior") == "DROP_CASCADE"


def _drop_column(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.DROP_COLUMN, column=command.text("name"), cascade=_cascade(command))


def _drop_constraint(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.DROP_CONSTRAINT, name=command.text("name"), cascade=_cascade(command))


def _add_column(command: Node, base: Statement) -> Iterator[Statement]:
    definition = command.node("def")
    if definition is None:
        return
    made = column(definition)
    yield replace(base, action=Action.ADD_COLUMN, column=made.name, columns=(made,), keys=made.keys, new_type=made.type)


def _alter_type(command: Node, base: Statement) -> Iterator[Statement]:
    definition, name = command.node("def"), command.text("name")
    using = definition.node("raw_default") if definition is not None else None
    new_type = type_text(definition.node("typeName")) if definition is not None else ""
    yield replace(
        base, action=Action.ALTER_TYPE, column=name, new_type=new_type, using=not _plain(using, name, new_type)
    )


def _plain(using: Node | None, name: str, new_type: str) -> bool:
    """No USING, or one that does what PostgreSQL does by itself: `USING x::new_type`, also by way of text."""
    if using is None:
        return True
    casts: list[str] = []
    node: Node | None = using
    while node is not None and node.kind == "TypeCast":
        casts.append(type_text(node.node("typeName")))
        node = node.node("arg")
    return column_of(node) == name and all(cast in (new_type, "text") for cast in casts)


def _not_null(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.SET_NOT_NULL, column=command.text("name"))


def _nullable(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.DROP_NOT_NULL, column=command.text("name"))


def _default(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.CHANGE_DEFAULT, column=command.text("name"))


def _add_constraint(command: Node, base: Statement) -> Iterator[Statement]:
    definition = command.node("def")
    if definition is None:
        return
    keys = (foreign_key(definition),) if definition.text("contype") == "CONSTR_FOREIGN" else ()
    kind = constraint_kind(definition)
    yield replace(
        base,
        action=Action.ADD_CONSTRAINT,
        name=definition.text("conname"),
        kind=kind,
        keys=keys,
        guarded=definition.flag("skip_validation") or "indexname" in definition.fields,
    )


def _detach(command: Node, base: Statement) -> Iterator[Statement]:
    definition = command.node("def")
    partition = relation(definition.node("name")) if definition is not None else ""
    yield replace(
        base,
        action=Action.DETACH_PARTITION,
        table=partition,
        name=base.table,
        concurrently=definition is not None and definition.flag("concurrent"),
    )


def _unlogged(_command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.SET_UNLOGGED)


def _row_security_off(_command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.ACCESS, kind="row security")


def _triggers_off(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.SAFETY_OFF, kind="trigger", name=command.text("name"))


def _triggers_on(command: Node, base: Statement) -> Iterator[Statement]:
    yield replace(base, action=Action.SAFETY_ON, kind="trigger", name=command.text("name"))


_Reader = Callable[[Node, Statement], Iterator[Statement]]
_COMMANDS: dict[str, _Reader] = {
    "AT_DropColumn": _drop_column,
    "AT_DropConstraint": _drop_constraint,
    "AT_AddColumn": _add_column,
    "AT_AlterColumnType": _alter_type,
    "AT_SetNotNull": _not_null,
    "AT_DropNotNull": _nullable,
    "AT_ColumnDefault": _default,
    "AT_AddConstraint": _add_constraint,
    "AT_DetachPartition": _detach,
    "AT_SetUnLogged": _unlogged,
    "AT_DisableRowSecurity": _row_security_off,
    "AT_NoForceRowSecurity": _row_security_off,
    "AT_DisableTrig": _triggers_off,
    "AT_DisableTrigAll": _triggers_off,
    "AT_DisableTrigUser": _triggers_off,
    "AT_EnableTrig": _triggers_on,
    "AT_EnableTrigAll": _triggers_on,
    "AT_EnableTrigUser": _triggers_on,
}
