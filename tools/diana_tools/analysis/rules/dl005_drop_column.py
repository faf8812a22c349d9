"""DL005: a column is dropped that was there before; no loss when its values were copied to a new one first."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement
from diana_tools.analysis.types import lossy, parse_type


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    ledger = scene.ledger
    if statement.action is Action.REBUILD and statement.columns:
        yield from _left_out(statement, scene)
    if statement.action is not Action.DROP_COLUMN or ledger.spares_column(statement.table, statement.column):
        return
    copy = ledger.copied.get((ledger.place(statement.table), ledger.fold(statement.column)), "")
    if copy and _holds_all(statement, copy, scene):
        yield Sighting(statement, loses=False, detail=f"{statement.column} = {copy}")
    else:
        yield Sighting(statement, detail=ledger.type_of(statement.table, statement.column))


def _left_out(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    """Columns that a rebuild loses because the table it was told to copy from does not name them."""
    holder = scene.ledger.table(statement.table)
    named = {scene.ledger.fold(column.name) for column in statement.columns}
    for key, column in holder.columns.items() if holder is not None else ():
        if key not in named and not column.fresh:
            yield Sighting(statement, object=f"{statement.table}.{column.name}", detail=column.type)


def _holds_all(statement: Statement, copy: str, scene: Scene) -> bool:
    old, new = (scene.ledger.type_of(statement.table, name) for name in (statement.column, copy))
    return bool(old and new) and not lossy(parse_type(old), parse_type(new))


RULE = Rule("DL005", TYPED, kind="drop_column", loses=True, see=_see)
