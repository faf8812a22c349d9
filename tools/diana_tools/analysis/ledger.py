"""What exists while migrations go by: tables, columns, types, and which of them the pending migrations made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from diana_tools.analysis.live import LiveSchema
from diana_tools.analysis.statement import UNKNOWN, ForeignKey, Reading

_DEFAULT_SCHEMAS = {"postgresql": "public.", "sqlite": "main."}
_TEMPORARY = "temporary: "


@dataclass(slots=True)
class Held:
    """A column: its type as spelled, and whether the pending migrations made it (then it holds nothing old)."""

    name: str
    type: str
    fresh: bool = False
    required: bool = False


@dataclass(slots=True)
class Holder:
    """A table. `complete`: all of its columns are known."""

    name: str
    columns: dict[str, Held] = field(default_factory=dict[str, Held])
    keys: list[ForeignKey] = field(default_factory=list[ForeignKey])
    fresh: bool = False
    complete: bool = False


class Ledger:
    """The schema as far as it is known: from the live database, or from the earlier migrations."""

    def __init__(self, dialect: str, live: LiveSchema | None) -> None:
        self.dialect = dialect
        self.live = live
        self.tables: dict[str, Holder] = {}
        self.enums: dict[str, tuple[str, ...]] = dict(live.enums) if live is not None else {}
        self.made: set[str] = set()
        self.detached: set[str] = set()
        self.copied: dict[tuple[str, str], str] = {}
        self.routines: dict[str, Reading] = {}
        self.path = ""
        self._there: set[str] = set()
        for table in live.tables if live is not None else ():
            columns = {self.fold(c.name): Held(c.name, c.type, required=not c.nullable) for c in table.columns}
            self._there.add(self.key(table.name).rpartition(".")[2])
            self.tables[self.key(table.name)] = Holder(
                table.name, columns, list(table.keys), complete=bool(table.columns)
            )

    @property
    def known(self) -> bool:
        """Whether a live schema says what exists; what it does not name does not exist."""
        return self.live is not None and bool(self.live.tables)

    def fold(self, name: str) -> str:
        """A plain name as it is compared: PostgreSQL folded it already, the others ignore case."""
        return name if self.dialect == "postgresql" else name.casefold()

    def key(self, name: str) -> str:
        """The name of something in a schema as it is compared; what needs no schema may be written with it."""
        folded = self.fold(name)
        default = _DEFAULT_SCHEMAS.get(self.dialect, "")
        if default and folded.startswith(default):
            return folded.removeprefix(default)
        return folded if "." in folded else f"{self.path}{folded}"

    def place(self, name: str, *, temporary: bool = False) -> str:
        """Where a table is kept: a temporary one hides the real one of its name, unless a schema is named."""
        hidden = _TEMPORARY + self.fold(name)
        return hidden if temporary or ("." not in name and hidden in self.tables) else self.key(name)

    def table(self, name: str) -> Holder | None:
        """What is known of a table."""
        return self.tables.get(self.place(name))

    def spares(self, table: str) -> bool:
        """Whether a table holds nothing from before: the pending migrations made it, or it is not there at all."""
        found = self.table(table)
        if found is not None:
            return found.fresh
        return self.known and table != UNKNOWN and not self.path and not self._elsewhere(table)

    def _elsewhere(self, table: str) -> bool:
        """Whether some schema has a table of this name: a search path may lead there."""
        return self.key(table).rpartition(".")[2] in self._there

    def spares_column(self, table: str, column: str) -> bool:
        """Whether a column holds nothing from before."""
        if self.spares(table):
            return True
        holder = self.table(table)
        if holder is None or column == UNKNOWN:
            return False
        found = holder.columns.get(self.fold(column))
        return found.fresh if found is not None else holder.complete and self.known

    def type_of(self, table: str, column: str) -> str:
        """The type of a column, empty when it is not known."""
        holder = self.table(table)
        found = holder.columns.get(self.fold(column)) if holder is not None else None
        return found.type if found is not None else ""

    def members(self, type_name: str) -> tuple[str, ...]:
        """The members of an enum type, empty when it is not known."""
        return self.enums.get(self.key(type_name), ())

    def routine(self, name: str) -> Reading | None:
        """The body of a function or procedure, None when nobody knows it."""
        made = self.routines.get(name.rpartition(".")[2])
        return made if made is not None else self.live.routine(name) if self.live is not None else None

    def pointing_to(self, table: str) -> Iterator[tuple[str, ForeignKey]]:
        """Tables with a foreign key to this one, with that key."""
        wanted = self.key(table)
        for holder in self.tables.values():
            for key in holder.keys:
                if self.key(key.table) == wanted and self.key(holder.name) != wanted:
                    yield holder.name, key

    def settle(self) -> None:
        """Everything that is there now holds data: the pending migrations begin."""
        for holder in self.tables.values():
            holder.fresh = False
            for column in holder.columns.values():
                column.fresh = False
        self.made.clear()
        self.copied.clear()
        self.detached.clear()

    def replace(self, old: str, new: str) -> None:
        """A rebuild: `new` takes the place of `old` and holds its data in every column that both have."""
        before, after = self.tables.pop(self.place(old), None), self.table(new)
        if after is None:
            return
        after.fresh = before.fresh if before is not None else False
        after.complete = True
        for key, column in after.columns.items():
            kept = before.columns.get(key) if before is not None else None
            column.fresh = after.fresh or (before is not None and before.complete and (kept is None or kept.fresh))


def members_of(text: str) -> tuple[str, ...]:
    """The members of `enum('a','b')`; quotes inside are doubled."""
    inner = text.partition("(")[2].rpartition(")")[0]
    parts = inner.strip()[1:-1].split("','") if inner.strip() else []
    if any("', '" in part for part in parts):
        parts = inner.strip()[1:-1].split("', '")
    return tuple(part.replace("''", "'") for part in parts)
