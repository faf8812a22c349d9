"""SE010: a function runs with its owner's rights and looks names up wherever the caller says."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is Action.CREATE_ROUTINE and statement.kind == "definer":
        yield Sighting(statement)


RULE = Rule("SE010", WARNING, see=_see)
