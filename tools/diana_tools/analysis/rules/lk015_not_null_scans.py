"""LK015: SET NOT NULL reads the whole table under a lock that stops everything."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if scene.postgresql and statement.action is Action.SET_NOT_NULL and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("LK015", WARNING, see=_see)
