"""CO010: older code may write what a new constraint refuses."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    unique = statement.action is Action.CREATE_INDEX and statement.kind == "unique"
    if (statement.action is Action.ADD_CONSTRAINT or unique) and not scene.ledger.spares(statement.table):
        yield Sighting(statement, detail=statement.kind)


RULE = Rule("CO010", WARNING, undone=True, see=_see)
