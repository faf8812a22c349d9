"""CO016: a type changes without loss; programs that read the column see the new one."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.retyping import Outcome, retyping
from diana_tools.analysis.rule import WARNING, Rule, Scene, Sighting
from diana_tools.analysis.statement import Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    found = retyping(statement, scene)
    if found is not None and found.outcome is Outcome.SAFE:
        yield Sighting(statement, detail=found.detail, guessed=found.guessed)


RULE = Rule("CO016", WARNING, kind="type_change_safe", see=_see)
