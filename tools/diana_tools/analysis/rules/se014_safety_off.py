"""SE014: a safety switch is turned off and not turned on again."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action


def _after(scene: Scene) -> Iterable[Sighting]:
    last = {
        (statement.table, statement.kind, statement.name): statement
        for statement in scene.statements
        if statement.action in (Action.SAFETY_OFF, Action.SAFETY_ON)
    }
    for statement in last.values():
        if statement.action is Action.SAFETY_OFF:
            yield Sighting(statement, object=statement.table or statement.name, detail=statement.kind)


RULE = Rule("SE014", TYPED, after=_after)
