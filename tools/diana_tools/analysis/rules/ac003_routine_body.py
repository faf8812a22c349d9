"""AC003: a function, procedure, trigger or rule whose body could not be read, or takes rows away when it runs."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_TAKING = frozenset(
    {Action.DELETE, Action.TRUNCATE, Action.DROP_TABLE, Action.DROP_COLUMN, Action.DROP_SCHEMA, Action.DROP_DATABASE}
)


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.CREATE_ROUTINE:
        return
    body = statement.body
    if body is None or body.gaps or any(inner.action in _TAKING for inner in body.statements):
        yield Sighting(statement, object=statement.name)


RULE = Rule("AC003", WARNING, see=_see)
