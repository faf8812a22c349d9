"""CO013: a value added to an enum goes to its end, and comparisons change their meaning."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import INFORMATION, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.ADD_ENUM_VALUE and not statement.guarded:
        yield Sighting(statement, detail=statement.new_type)


RULE = Rule("CO013", INFORMATION, see=_see)
