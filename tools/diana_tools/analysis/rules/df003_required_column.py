"""DF003: a column that must have a value and has no default is added to a table that may have rows."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.ADD_COLUMN or scene.ledger.spares(statement.table):
        return
    if any(not column.nullable and not column.default for column in statement.columns):
        yield Sighting(statement)


RULE = Rule("DF003", TYPED, kind="not_null_without_default", undone=True, see=_see)
