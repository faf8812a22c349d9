"""DL004: a drop takes along whatever depends on it; blocked unless a live list shows that nothing does."""

from __future__ import annotations

from collections.abc import Iterable

from diana_tools.analysis.rule import BLOCKED, TYPED, Rule, Scene, Sighting
from diana_tools.analysis.statement import Action, Statement

_KINDS = {Action.DROP_TABLE: "drop_table", Action.DROP_COLUMN: "drop_column", Action.DROP_BEHAVIOUR: "other"}
_HOLDING = frozenset({"type", "domain", "extension"})


def _see(statement: Statement, scene: Scene) -> Iterable[Sighting]:
    kind = _KINDS.get(statement.action)
    if kind is None or not statement.cascade or _spared(statement, scene):
        return
    found = _dependants(statement, scene)
    if found is None or found:
        yield Sighting(statement, kind=kind, detail=", ".join((found or ())[:5]))
    elif statement.action is not Action.DROP_BEHAVIOUR:
        yield Sighting(statement, kind=kind, level=TYPED, loses=False)


def _spared(statement: Statement, scene: Scene) -> bool:
    if statement.action is Action.DROP_TABLE:
        return scene.ledger.spares(statement.table)
    if statement.action is Action.DROP_COLUMN:
        return scene.ledger.spares_column(statement.table, statement.column)
    return statement.kind not in _HOLDING or scene.ledger.key(statement.name) in scene.ledger.made


def _dependants(statement: Statement, scene: Scene) -> tuple[str, ...] | None:
    """What goes along, None when nobody can tell."""
    live = scene.ledger.live
    if live is None or not scene.ledger.known or statement.kind == "extension":
        return None
    if statement.action is Action.DROP_BEHAVIOUR:
        return live.using_type(statement.name)
    return live.dependants(statement.column or statement.table)


RULE = Rule("DL004", BLOCKED, loses=True, see=_see)
