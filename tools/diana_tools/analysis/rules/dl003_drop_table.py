"""DL003: a table is dropped that was there before."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.DROP_TABLE and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("DL003", TYPED, kind="drop_table", loses=True, see=_see)
