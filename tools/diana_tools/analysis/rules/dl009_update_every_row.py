"""DL009: UPDATE overwrites a column in every row: no WHERE, one that restricts nothing, or once for each row."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.overwriting import overwritten
from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement, Where


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.UPDATE or statement.kind == "upsert":
        return
    if statement.where is Where.SOME and not statement.looped:
        return
    columns = overwritten(statement, scene.ledger)
    if columns:
        yield Sighting(statement, detail=", ".join(columns[:5]), guessed=statement.where is Where.SOME)


RULE = Rule("DL009", TYPED, kind="update_all", loses=True, see=_see)
