"""SE004: somebody may see or do more than before."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.ACCESS:
        yield Sighting(statement, detail=statement.kind)


RULE = Rule("SE004", TYPED, see=_see)
