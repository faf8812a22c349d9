"""IR001: the migration has no downgrade, or one that does nothing or only raises."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _after(scene: Scene) -> Iterable[Sighting]:
    back = scene.way_back
    does_something = bool(scene.statements) or scene.unread
    if back is not None and not back.there and scene.direction == "up" and does_something:
        yield Sighting(Statement(Action.READ, line=back.line or 1))


RULE = Rule("IR001", WARNING, after=_after)
