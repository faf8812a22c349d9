"""TX006: definitions and rows are changed in one migration."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action

_ROWS = frozenset({Action.UPDATE, Action.DELETE, Action.TRUNCATE})
_SHAPES = frozenset(
    {
        Action.DROP_TABLE,
        Action.DROP_COLUMN,
        Action.ADD_COLUMN,
        Action.ALTER_TYPE,
        Action.SET_NOT_NULL,
        Action.ADD_CONSTRAINT,
        Action.CREATE_INDEX,
        Action.RENAME_TABLE,
        Action.RENAME_COLUMN,
    }
)


def _after(scene: Scene) -> Iterable[Sighting]:
    if not scene.python or not any(statement.action in _SHAPES for statement in scene.statements):
        return
    changing = [statement for statement in scene.statements if statement.action in _ROWS]
    if changing:
        yield Sighting(changing[0], object=changing[0].table)


RULE = Rule("TX006", WARNING, after=_after)
