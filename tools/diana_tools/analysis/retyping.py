"""What a change of type does to values, from every old type that somebody vouches for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from diana_tools.analysis.rule import Scene
from diana_tools.analysis.statement import UNKNOWN, Action, Statement
from diana_tools.analysis.types import SqlType, lossy, parse_type


class Outcome(StrEnum):
    """Nothing changes, every value survives, values may be lost, members of an enum are gone."""

    SAME = "same"
    SAFE = "safe"
    LOSSY = "lossy"
    FEWER_MEMBERS = "fewer_members"


@dataclass(frozen=True, slots=True)
class Retyping:
    """The outcome; `old` as it is spelled, `?` when nobody knows it (then the outcome is a guess)."""

    outcome: Outcome
    old: str
    new: str

    @property
    def detail(self) -> str:
        """`old -> new`."""
        return f"{self.old} -> {self.new}"

    @property
    def guessed(self) -> bool:
        """Whether the old type is not known."""
        return self.old == UNKNOWN


def retyping(statement: Statement, scene: Scene) -> Retyping | None:
    """What ALTER_TYPE does; None for any other statement and for a column that holds nothing old."""
    if statement.action is not Action.ALTER_TYPE:
        return None
    if scene.ledger.spares_column(statement.table, statement.column):
        return None
    live = scene.ledger.type_of(statement.table, statement.column)
    new = _resolved(statement.new_type, scene)
    olds = [_resolved(text, scene) for text in (live, statement.old_type) if text and text != UNKNOWN]
    if any(old.family == "enum" for old in olds) and new.family == "enum":
        # Where enums are kept as text, the catalogue tells a width; what was declared tells the members.
        olds = [old for old in olds if old.family == "enum"]
    shown = live or statement.old_type or UNKNOWN
    return Retyping(_outcome(olds, new, statement.using), shown, statement.new_type)


def _resolved(text: str, scene: Scene) -> SqlType:
    kind = parse_type(text)
    members = scene.ledger.members(text)
    return SqlType("enum", text, members=members) if members and kind.family != "enum" else kind


def _outcome(olds: list[SqlType], new: SqlType, using: bool) -> Outcome:
    if not olds:
        endless = new.family == "text" and new.width == parse_type("text").width and not new.array
        return Outcome.SAFE if endless and not using else Outcome.LOSSY
    if any(old.family == new.family == "enum" and lossy(old, new) for old in olds):
        return Outcome.FEWER_MEMBERS
    if using or any(lossy(old, new) for old in olds):
        enums = all(old.family == "enum" for old in olds) and new.family == "enum"
        return Outcome.SAFE if enums and not any(lossy(old, new) for old in olds) else Outcome.LOSSY
    return Outcome.SAME if all(_alike(old, new) for old in olds) else Outcome.SAFE


def _alike(old: SqlType, new: SqlType) -> bool:
    return (old.family, old.width, old.scale, old.members, old.array) == (
        new.family,
        new.width,
        new.scale,
        new.members,
        new.array,
    )
