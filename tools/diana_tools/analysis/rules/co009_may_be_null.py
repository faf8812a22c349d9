"""CO009: readers may meet NULL where there was none."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.DROP_NOT_NULL:
        return
    if not scene.ledger.spares_column(statement.table, statement.column):
        yield Sighting(statement)


RULE = Rule("CO009", WARNING, see=_see)
