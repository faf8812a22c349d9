"""DL002: a schema is dropped; blocked when everything in it goes with it, or when it is not empty."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import BLOCKED, TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.DROP_SCHEMA or scene.ledger.key(statement.name) in scene.ledger.made:
        return
    live = scene.ledger.live
    filled = live.inside(statement.name) if live is not None else ()
    yield Sighting(statement, level=BLOCKED if statement.cascade or filled else None, detail=", ".join(filled[:5]))


RULE = Rule("DL002", TYPED, kind="drop_schema", loses=True, see=_see)
