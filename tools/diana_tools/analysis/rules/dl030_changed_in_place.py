"""DL030: values are rewritten from themselves in some rows, with no copy of what they were."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.overwriting import overwritten
from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement, Where


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if statement.action is not Action.UPDATE or statement.where is not Where.SOME or statement.looped:
        return
    gone = overwritten(statement, scene.ledger)
    derived = [column.name for column in statement.columns if column.derived and column.name in gone]
    if derived:
        yield Sighting(statement, detail=", ".join(derived[:5]))


RULE = Rule("DL030", WARNING, see=_see)
