"""CO006: a value of an enum is renamed."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.RENAME_ENUM_VALUE:
        yield Sighting(statement, detail=f"{statement.old_type} -> {statement.new_type}")


RULE = Rule("CO006", TYPED, kind="rename", see=_see)
