"""IR004: a value added to an enum cannot be removed again."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import INFORMATION, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.ADD_ENUM_VALUE:
        yield Sighting(statement, detail=statement.new_type)


RULE = Rule("IR004", INFORMATION, see=_see)
