"""LK011: a foreign key is checked against all rows while writes to both tables wait."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    added = statement.action is Action.ADD_CONSTRAINT and statement.kind == "foreign key" and not statement.guarded
    if scene.postgresql and added and not scene.ledger.spares(statement.table):
        yield Sighting(statement, detail=", ".join(key.table for key in statement.keys))


RULE = Rule("LK011", WARNING, see=_see)
