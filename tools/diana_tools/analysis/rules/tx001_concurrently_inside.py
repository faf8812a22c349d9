"""TX001: CONCURRENTLY inside the transaction that Alembic opens: PostgreSQL refuses it."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    if scene.postgresql and scene.python and statement.concurrently and not statement.outside:
        yield Sighting(statement)


RULE = Rule("TX001", TYPED, undone=True, see=_see)
