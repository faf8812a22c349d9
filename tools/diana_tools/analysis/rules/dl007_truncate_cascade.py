"""DL007: TRUNCATE … CASCADE empties every table that points here as well."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import BLOCKED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.TRUNCATE and statement.cascade and not scene.ledger.spares(statement.table):
        reached = dict.fromkeys(table for table, _ in scene.ledger.pointing_to(statement.table))
        yield Sighting(statement, detail=", ".join(list(reached)[:5]))


RULE = Rule("DL007", BLOCKED, kind="truncate", loses=True, see=_see)
