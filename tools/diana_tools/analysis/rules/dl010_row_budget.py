"""DL010: a restricted DELETE or UPDATE; how many rows it hits is only known live."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.overwriting import overwritten
from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement, Where


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.where is not Where.SOME:
        return
    if statement.action is Action.DELETE and not scene.ledger.spares(statement.table):
        yield Sighting(statement)
    elif statement.action is Action.UPDATE and not statement.looped:
        columns = overwritten(statement, scene.ledger)
        if columns and not any(column.derived for column in statement.columns):
            yield Sighting(statement, kind="update_rows", loses=False, detail=", ".join(columns[:5]))


RULE = Rule("DL010", TYPED, kind="delete_rows", loses=True, see=_see)
