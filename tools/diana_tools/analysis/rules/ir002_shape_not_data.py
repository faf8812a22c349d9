"""IR002: the downgrade brings back the shape of what is lost, never what was in it."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting


def _after(scene: Scene) -> Iterable[Sighting]:
    back = scene.way_back
    if scene.losses and back is not None and back.there and scene.direction == "up":
        first = scene.losses[0]
        yield Sighting(first.statement, object=first.object)


RULE = Rule("IR002", TYPED, after=_after)
