"""DL024: a table stops being written to the log; a crash empties it."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.SET_UNLOGGED and not scene.ledger.spares(statement.table):
        yield Sighting(statement)


RULE = Rule("DL024", TYPED, see=_see)
