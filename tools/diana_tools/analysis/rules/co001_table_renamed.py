"""CO001: a table is renamed that was there before."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.RENAME_TABLE and not scene.ledger.spares(statement.table):
        yield Sighting(statement, detail=f"{statement.table} -> {statement.name}")


RULE = Rule("CO001", TYPED, kind="rename", see=_see)
