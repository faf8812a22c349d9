"""LK043: SQLite copies a whole table, and nobody else can write to the file meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if scene.sqlite and statement.action is Action.REBUILD and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("LK043", WARNING, see=_see)
