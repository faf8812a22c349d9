"""DL023: a view, function, trigger, type or the like is dropped; typed when it takes others along."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_HOLDING = frozenset({"type", "domain", "extension"})


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action not in (Action.DROP_VIEW, Action.DROP_BEHAVIOUR):
        return
    if scene.ledger.key(statement.name) in scene.ledger.made:
        return
    view = statement.action is Action.DROP_VIEW
    grave = statement.cascade or statement.kind == "extension"
    yield Sighting(
        statement,
        object=statement.name,
        kind="drop_view" if view else None,
        level=TYPED if grave else None,
        loses=statement.cascade and statement.kind in _HOLDING,
        detail=statement.kind,
    )


RULE = Rule("DL023", WARNING, see=_see)
