"""What a reader gives: statements in one typed form, and places that could not be read."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum

LONGEST_TEXT = 500
LARGEST_FILE = 1_048_576
UNKNOWN = "?"
"""Stands for a name that could not be resolved."""

# Controls, zero-width characters and the bidirectional overrides of Unicode TR 36, and lone surrogates.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")


class Action(StrEnum):
    """What a statement does, whichever language it was written in."""

    READ = "read"
    DROP_DATABASE = "drop_database"
    DROP_SCHEMA = "drop_schema"
    DROP_TABLE = "drop_table"
    DROP_COLUMN = "drop_column"
    DROP_INDEX = "drop_index"
    DROP_CONSTRAINT = "drop_constraint"
    DROP_VIEW = "drop_view"
    DROP_BEHAVIOUR = "drop_behaviour"
    DROP_SEQUENCE = "drop_sequence"
    RESTART_SEQUENCE = "restart_sequence"
    TRUNCATE = "truncate"
    DELETE = "delete"
    UPDATE = "update"
    INSERT = "insert"
    CREATE_TABLE = "create_table"
    CREATE_INDEX = "create_index"
    CREATE_TYPE = "create_type"
    CREATE_ROUTINE = "create_routine"
    CREATE_OTHER = "create_other"
    ADD_COLUMN = "add_column"
    ADD_CONSTRAINT = "add_constraint"
    ADD_ENUM_VALUE = "add_enum_value"
    ALTER_TYPE = "alter_type"
    SET_NOT_NULL = "set_not_null"
    DROP_NOT_NULL = "drop_not_null"
    CHANGE_DEFAULT = "change_default"
    RENAME_TABLE = "rename_table"
    RENAME_COLUMN = "rename_column"
    RENAME_SCHEMA = "rename_schema"
    RENAME_ENUM_VALUE = "rename_enum_value"
    DETACH_PARTITION = "detach_partition"
    SET_UNLOGGED = "set_unlogged"
    REBUILD = "rebuild"
    CALL = "call"
    ESCAPE = "escape"
    ACCESS = "access"
    SAFETY_OFF = "safety_off"
    SAFETY_ON = "safety_on"
    SET_PATH = "set_path"
    TRANSACTION = "transaction"


class Where(StrEnum):
    """Whether a change is restricted to some rows."""

    NONE = "none"
    ALWAYS = "always"
    SOME = "some"


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A key that points to `table`; `on_delete` is the action in capitals, empty for the engine's default."""

    table: str
    on_delete: str = ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column as declared, written or projected.

    `source` is the column whose values it keeps, empty for anything else; `derived` the column that an
    expression was made of when that may change values; `cast` the type that the values went through.
    `fills`: only values that were NULL are written.
    """

    name: str
    type: str = ""
    nullable: bool = True
    default: bool = False
    source: str = ""
    derived: str = ""
    cast: str = ""
    fills: bool = False
    keys: tuple[ForeignKey, ...] = ()


@dataclass(frozen=True, slots=True)
class Statement:
    """One act on a database. `table` and `column` are unquoted; `?` stands for a name that could not be resolved.

    `columns` are those declared (create, add), written (update) or projected (insert from select).
    `name` is the new name of a rename, or the object of an act that concerns no table; `kind` says more about
    what is dropped, created or constrained. `reads` is the table that rows are copied from, `star` all of its
    columns, `complete` all of its rows. `filters` are the columns that a WHERE restricts.
    `conditional`: nobody knows whether it runs. `looped`: runs once for each row of a query. `outside`: out of
    the migration's transaction. `guessed`: a part of it could not be resolved. `line` is 1-based, in the file.
    """

    action: Action
    table: str = ""
    column: str = ""
    name: str = ""
    kind: str = ""
    line: int = 1
    text: str = ""
    operation: bool = False
    old_type: str = ""
    new_type: str = ""
    using: bool = False
    where: Where = Where.NONE
    filters: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    reads: str = ""
    star: bool = False
    complete: bool = False
    keys: tuple[ForeignKey, ...] = ()
    calls: tuple[str, ...] = ()
    body: Reading | None = None
    cascade: bool = False
    guarded: bool = False
    replaces: bool = False
    temporary: bool = False
    concurrently: bool = False
    outside: bool = False
    batch: bool = False
    looped: bool = False
    conditional: bool = False
    guessed: bool = False

    @property
    def object(self) -> str:
        """`table.column`, `table`, or the name of what is neither."""
        if self.table and self.column:
            return f"{self.table}.{self.column}"
        return self.table or self.name


@dataclass(frozen=True, slots=True)
class Gap:
    """A place that could not be read; `why` is a message id (`unread.<why>`) that begins with its rule."""

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

    def __bool__(self) -> bool:
        """Whether there is anything in it."""
        return bool(self.statements or self.gaps)

    def maybe(self, *, looped: bool = False) -> Reading:
        """The same, but nobody knows whether these statements run, or how often."""
        changed = tuple(replace(s, conditional=True, looped=s.looped or looped) for s in self.statements)
        return Reading(changed, self.gaps)

    def guess(self) -> Reading:
        """The same, but a part of these statements could not be resolved."""
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
