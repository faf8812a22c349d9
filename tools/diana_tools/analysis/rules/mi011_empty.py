"""MI011: the migration does nothing."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _after(scene: Scene) -> Iterable[Sighting]:
    merge = scene.way_back is not None and scene.way_back.merge
    if scene.python and scene.direction == "up" and not (scene.statements or scene.unread or merge):
        yield Sighting(Statement(Action.READ))


RULE = Rule("MI011", WARNING, after=_after)
