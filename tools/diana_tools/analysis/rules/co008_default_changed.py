"""CO008: the default of a column changes while older code may rely on it."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.CHANGE_DEFAULT:
        return
    if not scene.ledger.spares_column(statement.table, statement.column):
        yield Sighting(statement)


RULE = Rule("CO008", WARNING, see=_see)
