"""What a reader gives: statements in one typed form, and places that could not be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

LONGEST_TEXT = 500
LARGEST_FILE = 1_048_576

# Controls, zero-width characters and the bidirectional overrides of Unicode TR 36.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")


class Action(StrEnum):
    """What a statement does, whichever language it was written in."""

    DROP_DATABASE = "drop_database"
    DROP_SCHEMA = "drop_schema"
    DROP_TABLE = "drop_table"
    DROP_COLUMN = "drop_column"
    TRUNCATE = "truncate"
    DELETE = "delete"
    UPDATE = "update"
    INSERT = "insert"
    ALTER_TYPE = "alter_type"
    SET_NOT_NULL = "set_not_null"
    ADD_COLUMN = "add_column"
    CREATE_TABLE = "create_table"
    RENAME_TABLE = "rename_table"
    RENAME_COLUMN = "rename_column"
    DROP_INDEX = "drop_index"
    DROP_CONSTRAINT = "drop_constraint"
    DROP_VIEW = "drop_view"
    DROP_BEHAVIOUR = "drop_behaviour"
    DROP_SEQUENCE = "drop_sequence"
    RESTART_SEQUENCE = "restart_sequence"
    ADD_FOREIGN_KEY = "add_foreign_key"
    CREATE_ROUTINE = "create_routine"
    ESCAPE = "escape"
    SAFETY_OFF = "safety_off"
    SAFETY_ON = "safety_on"


class Where(StrEnum):
    """Whether a change is restricted to some rows."""

    NONE = "none"
    ALWAYS = "always"
    SOME = "some"


@dataclass(frozen=True, slots=True)
class Column:
    """A column as declared or projected. `source` is the column that it copies, empty when it is an expression."""

    name: str
    type: str = ""
    nullable: bool = True
    default: bool = False
    source: str = ""


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key that points to `table`; `on_delete` is the action in capitals, empty for the engine's default."""

    table: str
    on_delete: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """One act on a database. `table` and `column` are unquoted; `?` stands for a name that could not be resolved.

    `columns` are those declared (create, add), written (update) or projected (insert from select, `star` for
    all of them). `name` is the new name of a rename, or the object of a drop that concerns no table. `source`
    is `sql` or `operation`; `text` the statement as written, bounded and without control characters.
    """

    action: Action
    table: str = ""
    column: str = ""
    line: int = 0
    text: str = ""
    source: str = "sql"
    name: str = ""
    old_type: str = ""
    new_type: str = ""
    using: bool = False
    where: Where = Where.NONE
    cascade: bool = False
    guarded: bool = False
    replaces: bool = False
    columns: tuple[Column, ...] = ()
    reads: str = ""
    star: bool = False
    complete: bool = False
    keys: tuple[ForeignKey, ...] = ()
    itself: bool = False
    calls: tuple[str, ...] = ()
    guessed: bool = False
    batch: bool = False

    @property
    def object(self) -> str:
        """`table.column`, `table`, or the name of what is neither."""
        if self.table and self.column:
            return f"{self.table}.{self.column}"
        return self.table or self.name


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that could not be read; `why` is a message id that begins with the rule it belongs to."""

    line: int
    why: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything that a reader got out of a text, in order."""

    statements: tuple[Statement, ...] = ()
    gaps: tuple[Gap, ...] = ()

    def __add__(self, other: Reading) -> Reading:
        """Both, one after the other."""
        return Reading(self.statements + other.statements, self.gaps + other.gaps)

    def guess(self) -> Reading:
        """The same, but nobody knows whether these statements run."""
        return Reading(tuple(replace(s, guessed=True) for s in self.statements), self.gaps)


@dataclass(slots=True)
class Collected:
    """A reading in the making."""

    statements: list[Statement] = field(default_factory=list[Statement])
    gaps: list[Gap] = field(default_factory=list[Gap])

    def add(self, reading: Reading) -> None:
        """Append what was read."""
        self.statements.extend(reading.statements)
        self.gaps.extend(reading.gaps)

    def reading(self) -> Reading:
        """What was collected."""
        return Reading(tuple(self.statements), tuple(self.gaps))


def plain(text: str, longest: int = LONGEST_TEXT) -> str:
    """Foreign text made safe to show: one line, bounded, no control, zero-width or bidirectional characters."""
    flat = " ".join(_UNSAFE.sub("", text[: longest * 8]).split())
    return flat if len(flat) <= longest else flat[: longest - 1] + "…"
