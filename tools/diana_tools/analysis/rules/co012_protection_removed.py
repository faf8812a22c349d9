"""CO012: a constraint is dropped that kept the data in order."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.DROP_CONSTRAINT and not scene.ledger.spares(statement.table):
        yield Sighting(statement, detail=" ".join(part for part in (statement.kind, statement.name) if part))


RULE = Rule("CO012", WARNING, kind="drop_constraint", see=_see)
