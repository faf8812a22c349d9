"""CO002: a column is renamed that was there before."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.RENAME_COLUMN:
        return
    if not scene.ledger.spares_column(statement.table, statement.column):
        yield Sighting(statement, detail=f"{statement.column} -> {statement.name}")


RULE = Rule("CO002", TYPED, kind="rename", see=_see)
