"""LK001: an index is built while writes to its table wait."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    locks = scene.postgresql and statement.action is Action.CREATE_INDEX and not statement.concurrently
    if locks and not scene.ledger.spares(statement.table):
        yield Sighting(statement, detail=statement.name)


RULE = Rule("LK001", WARNING, see=_see)
