"""DL020: something is dropped and its like is added under another name, as tools do for what was a rename."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement
from diana_tools.analysis.types import SqlType, parse_type


def _after(scene: Scene) -> Iterable[Sighting]:
    for sighting in scene.losses:
        statement = sighting.statement
        if statement.action is Action.DROP_COLUMN:
            yield from _columns(statement, sighting.detail, scene)
        elif statement.action is Action.DROP_TABLE:
            yield from _tables(statement, scene)


def _columns(dropped: Statement, old_type: str, scene: Scene) -> Iterable[Sighting]:
    if not old_type:
        return
    for added in scene.statements:
        same_table = scene.ledger.key(added.table) == scene.ledger.key(dropped.table)
        if added.action is Action.ADD_COLUMN and same_table and _like(parse_type(old_type), parse_type(added.new_type)):
            yield Sighting(dropped, kind="drop_column", detail=f"{dropped.column} -> {added.column}")
            return


def _like(old: SqlType, new: SqlType) -> bool:
    return (old.family, old.width, old.array) == (new.family, new.width, new.array)


def _tables(dropped: Statement, scene: Scene) -> Iterable[Sighting]:
    columns = scene.dropped.get(scene.ledger.key(dropped.table), frozenset())
    for made in scene.statements:
        names = frozenset(scene.ledger.key(column.name) for column in made.columns)
        other = scene.ledger.key(made.table) != scene.ledger.key(dropped.table)
        if made.action is Action.CREATE_TABLE and other and len(columns) > 1 and names == columns:
            yield Sighting(dropped, kind="drop_table", detail=f"{dropped.table} -> {made.table}")
            return


RULE = Rule("DL020", TYPED, after=_after)
