"""LK002: an index is dropped; on PostgreSQL under a lock that stops everything, unless concurrently."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import INFORMATION, WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.DROP_INDEX or (statement.table and scene.ledger.spares(statement.table)):
        return
    locks = scene.postgresql and not statement.concurrently
    yield Sighting(statement, object=statement.name, level=WARNING if locks else INFORMATION, detail=statement.table)


RULE = Rule("LK002", WARNING, kind="drop_index", see=_see)
