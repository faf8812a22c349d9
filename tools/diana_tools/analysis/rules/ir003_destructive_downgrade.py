"""IR003: taking the migration back destroys what was written since."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting


def _after(scene: Scene) -> Iterable[Sighting]:
    if scene.losses and scene.direction == "down":
        first = scene.losses[0]
        # Its own losses are counted with them; this says what they mean together.
        yield Sighting(first.statement, object=first.statement.table or first.statement.name)


RULE = Rule("IR003", TYPED, loses=True, after=_after)
