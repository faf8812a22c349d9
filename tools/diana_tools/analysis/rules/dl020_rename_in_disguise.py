"""DL020: something is dropped and its like is added under another name, as tools do for what was a rename."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement
from diana_tools.analysis.types import SqlType, parse_type

_MOST = 200


def _after(scene: Scene) -> Iterable[Sighting]:
    added = [statement for statement in scene.statements if statement.action is Action.ADD_COLUMN][:_MOST]
    made = [statement for statement in scene.statements if statement.action is Action.CREATE_TABLE][:_MOST]
    for sighting in scene.losses[:_MOST]:
        dropped = sighting.statement
        if dropped.action is Action.DROP_COLUMN and sighting.detail:
            yield from _columns(dropped, sighting.detail, added, scene)
        elif dropped.action is Action.DROP_TABLE:
            yield from _tables(dropped, made, scene)


def _columns(dropped: Statement, old_type: str, added: list[Statement], scene: Scene) -> Iterable[Sighting]:
    for other in added:
        same_table = scene.ledger.key(other.table) == scene.ledger.key(dropped.table)
        if same_table and _like(parse_type(old_type), parse_type(other.new_type)):
            yield Sighting(dropped, kind="drop_column", detail=f"{dropped.column} -> {other.column}")
            return


def _like(old: SqlType, new: SqlType) -> bool:
    return (old.family, old.width, old.array) == (new.family, new.width, new.array)


def _tables(dropped: Statement, made: list[Statement], scene: Scene) -> Iterable[Sighting]:
    columns = scene.dropped.get(scene.ledger.key(dropped.table), frozenset())
    for other in made if len(columns) > 1 else ():
        names = frozenset(scene.ledger.fold(column.name) for column in other.columns)
        if names == columns and scene.ledger.key(other.table) != scene.ledger.key(dropped.table):
            yield Sighting(dropped, kind="drop_table", detail=f"{dropped.table} -> {other.table}")
            return


RULE = Rule("DL020", TYPED, after=_after)
