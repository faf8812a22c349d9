"""DL011: a type change that some values do not survive."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.retyping import Outcome, retyping
from diana_tools.analysis.rule import TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Statement


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    found = retyping(statement, scene)
    if found is not None and found.outcome is Outcome.LOSSY:
        yield Sighting(statement, detail=found.detail, guessed=found.guessed)


RULE = Rule("DL011", TYPED, kind="type_change_lossy", loses=True, see=_see)
