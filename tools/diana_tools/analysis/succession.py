"""How a schema changes, statement by statement."""

from __future__ import annotations

from collections.abc import Callable

from diana_tools.analysis.ledger import Held, Holder, Ledger, members_of
from diana_tools.analysis.statement import UNKNOWN, Action, Column, Statement, Where


def _create(ledger: Ledger, statement: Statement) -> None:
    place = ledger.place(statement.table, temporary=True) if statement.temporary else ledger.key(statement.table)
    if statement.table == UNKNOWN or (place in ledger.tables and not statement.replaces):
        return
    maybe_there = (statement.guarded or statement.conditional) and not ledger.known
    declared = [column for column in statement.columns if column.name not in ("", "*", UNKNOWN)]
    columns = {ledger.fold(c.name): Held(c.name, c.type, fresh=True, required=not c.nullable) for c in declared}
    ledger.tables[place] = Holder(
        statement.table,
        columns,
        list(statement.keys),
        fresh=statement.temporary or not maybe_there,
        complete=bool(columns) and len(declared) == len(statement.columns) and not maybe_there,
    )


def _drop(ledger: Ledger, statement: Statement) -> None:
    ledger.tables.pop(ledger.place(statement.table), None)


def _add_column(ledger: Ledger, statement: Statement) -> None:
    holder = ledger.table(statement.table)
    if holder is None and not ledger.known and statement.table != UNKNOWN:
        holder = ledger.tables.setdefault(ledger.place(statement.table), Holder(statement.table))
    if holder is None or ledger.fold(statement.column) in holder.columns:
        return
    maybe_there = (statement.guarded or statement.conditional) and not (holder.complete and ledger.known)
    made = statement.columns[0] if statement.columns else Column(statement.column, statement.new_type)
    holder.columns[ledger.fold(statement.column)] = Held(
        made.name, made.type, fresh=not maybe_there, required=not made.nullable
    )
    holder.keys += statement.keys


def _drop_column(ledger: Ledger, statement: Statement) -> None:
    holder = ledger.table(statement.table)
    if holder is not None:
        holder.columns.pop(ledger.fold(statement.column), None)
    _copies_end(ledger, statement.table, statement.column)


def _copies_end(ledger: Ledger, table: str, column: str) -> None:
    """A column that is gone, or holds something else, is no copy of another any more."""
    place = ledger.place(table)
    for pair, copy in list(ledger.copied.items()):
        if pair[0] == place and ledger.fold(copy) == ledger.fold(column):
            del ledger.copied[pair]


def _retype(ledger: Ledger, statement: Statement) -> None:
    holder = ledger.table(statement.table)
    found = holder.columns.get(ledger.fold(statement.column)) if holder is not None else None
    if found is not None:
        found.type = statement.new_type


def _rename(ledger: Ledger, statement: Statement) -> None:
    place = ledger.place(statement.table)
    holder = ledger.tables.pop(place, None)
    if holder is not None:
        holder.name = statement.name
        ledger.tables[ledger.key(statement.name)] = holder
    elif not ledger.known:
        ledger.tables.pop(ledger.key(statement.name), None)
    for pair in [pair for pair in ledger.copied if pair[0] == place]:
        del ledger.copied[pair]


def _rename_column(ledger: Ledger, statement: Statement) -> None:
    holder = ledger.table(statement.table)
    found = holder.columns.pop(ledger.fold(statement.column), None) if holder is not None else None
    if found is not None and holder is not None:
        found.name = statement.name
        holder.columns[ledger.fold(statement.name)] = found
    _copies_end(ledger, statement.table, statement.column)
    ledger.copied.pop((ledger.place(statement.table), ledger.fold(statement.column)), None)


def _add_key(ledger: Ledger, statement: Statement) -> None:
    holder = ledger.table(statement.table)
    if holder is not None:
        holder.keys += statement.keys


def _type(ledger: Ledger, statement: Statement) -> None:
    if statement.kind == "renamed":
        members = ledger.enums.pop(ledger.key(statement.old_type), ())
        ledger.enums[ledger.key(statement.name)] = members
        _columns_of_type(ledger, statement.old_type, statement.name)
    elif statement.new_type:
        ledger.enums[ledger.key(statement.name)] = members_of(statement.new_type)
        ledger.made.add(ledger.key(statement.name))


def _columns_of_type(ledger: Ledger, old: str, new: str) -> None:
    for holder in ledger.tables.values():
        for column in holder.columns.values():
            if ledger.key(column.type) == ledger.key(old):
                column.type = new


def _enum_value(ledger: Ledger, statement: Statement) -> None:
    members = ledger.members(statement.name)
    if members:
        ledger.enums[ledger.key(statement.name)] = (*members, statement.new_type)


def _make(ledger: Ledger, statement: Statement) -> None:
    if not statement.replaces and not statement.guarded and not statement.conditional:
        ledger.made.add(ledger.key(statement.name))


def _routine(ledger: Ledger, statement: Statement) -> None:
    _make(ledger, statement)
    if statement.body is not None:
        ledger.routines[statement.name.rpartition(".")[2]] = statement.body


def _detach(ledger: Ledger, statement: Statement) -> None:
    ledger.detached.add(ledger.key(statement.table))


def _set_path(ledger: Ledger, statement: Statement) -> None:
    """Names mean other tables from here on; what was made under another path is no longer what they mean."""
    ledger.path = "" if statement.name == "public" else f"{statement.name or UNKNOWN}."


def _update(ledger: Ledger, statement: Statement) -> None:
    """A column that was filled from another one, row by row and everywhere, is a copy of it."""
    whole = statement.where is not Where.SOME and not statement.conditional and not statement.guessed
    written = [column.name for column in statement.columns]
    for column in statement.columns:
        _copies_end(ledger, statement.table, column.name)
        # What is written itself may change before or after it is read.
        verbatim = column.source and not (column.derived or column.cast) and column.source not in written
        if whole and verbatim and ledger.spares_column(statement.table, column.name):
            ledger.copied[ledger.place(statement.table), ledger.fold(column.source)] = column.name


def _rename_schema(ledger: Ledger, _statement: Statement) -> None:
    """Which table a qualified name means now is anybody's guess: nothing in a schema counts as made by us."""
    for holder in ledger.tables.values():
        if "." in holder.name:
            holder.fresh, holder.complete = False, False
    ledger.path = f"{UNKNOWN}."


_CHANGES: dict[Action, Callable[[Ledger, Statement], None]] = {
    Action.CREATE_TABLE: _create,
    Action.DROP_TABLE: _drop,
    Action.ADD_COLUMN: _add_column,
    Action.DROP_COLUMN: _drop_column,
    Action.ALTER_TYPE: _retype,
    Action.RENAME_TABLE: _rename,
    Action.RENAME_COLUMN: _rename_column,
    Action.RENAME_SCHEMA: _rename_schema,
    Action.ADD_CONSTRAINT: _add_key,
    Action.CREATE_TYPE: _type,
    Action.ADD_ENUM_VALUE: _enum_value,
    Action.CREATE_OTHER: _make,
    Action.CREATE_ROUTINE: _routine,
    Action.DETACH_PARTITION: _detach,
    Action.SET_PATH: _set_path,
    Action.UPDATE: _update,
}


def apply(ledger: Ledger, statement: Statement) -> None:
    """Take notice of what a statement does to the schema."""
    change = _CHANGES.get(statement.action)
    if change is not None:
        change(ledger, statement)
