"""TX003: BEGIN, COMMIT or ROLLBACK inside the transaction that Alembic manages."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_ENDS = frozenset({"begin", "start", "commit", "rollback"})


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    ends = statement.action is Action.TRANSACTION and statement.kind in _ENDS
    if scene.python and ends and not statement.outside:
        yield Sighting(statement, detail=statement.kind.upper())


RULE = Rule("TX003", WARNING, see=_see)
