"""DL001: a database is dropped."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import BLOCKED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.DROP_DATABASE:
        yield Sighting(statement)


RULE = Rule("DL001", BLOCKED, kind="drop_database", loses=True, see=_see)
