"""DL022: a sequence is dropped or set to another number."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    moved = statement.action in (Action.DROP_SEQUENCE, Action.RESTART_SEQUENCE)
    if moved and scene.ledger.key(statement.name) not in scene.ledger.made:
        yield Sighting(statement)


RULE = Rule("DL022", TYPED, see=_see)
