"""DL006: all rows are removed by TRUNCATE."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.TRUNCATE and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("DL006", TYPED, kind="truncate", loses=True, see=_see)
