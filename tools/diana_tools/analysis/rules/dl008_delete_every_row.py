"""DL008: DELETE without a WHERE that restricts anything."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement, Where


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    unbounded = statement.action is Action.DELETE and statement.where is not Where.SOME
    if unbounded and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("DL008", TYPED, kind="delete_without_where", loses=True, see=_see)
