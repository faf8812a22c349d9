"""DL016: a partition is detached and dropped."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.DROP_TABLE and scene.ledger.key(statement.table) in scene.ledger.detached:
        yield Sighting(statement, loses=False)


RULE = Rule("DL016", TYPED, kind="drop_table", see=_see)
