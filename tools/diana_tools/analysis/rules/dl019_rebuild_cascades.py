"""DL019: on SQLite a rebuild drops the old table, and with foreign keys on that deletes the rows that point to it."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_REACHING = frozenset({"CASCADE", "SET NULL", "SET DEFAULT"})


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.REBUILD or not scene.sqlite:
        return
    switched = scene.switches.get("foreign_keys")
    if switched is Action.SAFETY_OFF:
        return
    for table, key in scene.ledger.pointing_to(statement.table):
        if key.on_delete in _REACHING:
            on = switched is Action.SAFETY_ON
            yield Sighting(statement, object=table, loses=on, guessed=not on, detail=f"ON DELETE {key.on_delete}")


RULE = Rule("DL019", TYPED, loses=True, see=_see)
