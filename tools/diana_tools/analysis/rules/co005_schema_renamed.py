"""CO005: a schema is renamed."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.RENAME_SCHEMA:
        yield Sighting(statement, object=statement.old_type, detail=f"{statement.old_type} -> {statement.name}")


RULE = Rule("CO005", TYPED, kind="rename", see=_see)
