"""DF004: a column becomes NOT NULL that may hold NULL."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.SET_NOT_NULL and not scene.ledger.spares(statement.table):
        holder = scene.ledger.table(statement.table)
        known = holder.columns.get(scene.ledger.fold(statement.column)) if holder is not None else None
        if known is None or not known.required:
            yield Sighting(statement)


RULE = Rule("DF004", TYPED, undone=True, see=_see)
