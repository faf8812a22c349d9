"""SE003: a statement reaches files, programs, networks or other sessions."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import BLOCKED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.ESCAPE:
        yield Sighting(statement, object=statement.name)


RULE = Rule("SE003", BLOCKED, see=_see)
