"""MI011: the migration does nothing."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _after(scene: Scene) -> Iterable[Sighting]:
    if scene.python and scene.direction == "up" and not scene.statements and not scene.unread:
        yield Sighting(Statement(Action.READ))


RULE = Rule("MI011", WARNING, after=_after)
