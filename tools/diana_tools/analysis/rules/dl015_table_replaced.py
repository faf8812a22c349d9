"""DL015: a table that was there is replaced by an empty one of the same name."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.CREATE_TABLE or statement.temporary:
        return
    if statement.replaces and not scene.ledger.spares(statement.table):
        yield Sighting(statement)
    elif scene.ledger.key(statement.table) in scene.dropped:
        yield Sighting(statement, loses=False)


RULE = Rule("DL015", TYPED, kind="drop_table", loses=True, see=_see)
