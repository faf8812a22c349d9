"""DL021: a foreign key that deletes or empties rows here when rows there are deleted."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_REACHING = frozenset({"CASCADE", "SET NULL"})
_MAKING = frozenset({Action.CREATE_TABLE, Action.ADD_COLUMN, Action.ADD_CONSTRAINT})


def _see(statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    if statement.action in _MAKING:
        for key in statement.keys:
            if key.on_delete in _REACHING:
                yield Sighting(statement, detail=f"{key.table} ON DELETE {key.on_delete}")
                return


RULE = Rule("DL021", WARNING, see=_see)
