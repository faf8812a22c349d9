"""What an expression can be known to be without running it."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from diana_tools.analysis.sql.plpgsql import HOLE
from diana_tools.analysis.statement import Action, Column, Where

MOST_CHOICES = 16
LONGEST_STRING = 1_048_576


@dataclass(frozen=True, slots=True)
class Text:
    """A string. `line` is where its literal begins, 0 when it was put together; HOLE stands for what is unknown.

    `sql`: it is SQL by `text()` or `literal_column()`, which goes into a statement as it stands.
    """

    text: str
    line: int = 0
    sql: bool = False

    @property
    def holes(self) -> bool:
        """Whether a part of it is unknown."""
        return HOLE in self.text


@dataclass(frozen=True, slots=True)
class Plain:
    """A number, a truth value or None."""

    value: int | float | bool | None


@dataclass(slots=True, eq=False)
class Items:
    """A list, tuple or set. It can be changed, so each equals itself alone; `known` False: nobody knows its items."""

    items: tuple[Value, ...]
    known: bool = True

    def forget(self) -> None:
        """Something changed it that may not have happened, or that we do not follow."""
        self.items, self.known = (), False


@dataclass(slots=True, eq=False)
class Pairs:
    """A dictionary. It can be changed, so each is equal to itself alone; `known` False: nobody knows its pairs."""

    pairs: tuple[tuple[Value, Value], ...]
    known: bool = True

    def forget(self) -> None:
        """Something changed it that may not have happened, or that we do not follow."""
        self.pairs, self.known = (), False

    def get(self, key: str) -> Value | None:
        """The value of a string key."""
        found = [value for name, value in self.pairs if isinstance(name, Text) and name.text == key]
        return found[-1] if found else None


@dataclass(frozen=True, slots=True)
class Imported:
    """Something of another module, by its dotted path; also built-in names (`builtins.print`)."""

    path: str

    @property
    def last(self) -> str:
        """The last part of the path."""
        return self.path.rpartition(".")[2]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the same file, with the names that were known where it was defined."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    scope: Scope


@dataclass(frozen=True, slots=True)
class Class:
    """A class of the same file: its `__tablename__`, empty when it has none, and what its body assigns."""

    name: str
    table: str
    members: tuple[str, ...]
    enum: bool
    methods: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Instance:
    """An object of a class of the same file: what its methods do is not followed."""


@dataclass(frozen=True, slots=True)
class Bind:
    """A connection, an engine or a session: `kind` says which."""

    kind: str = "connection"


@dataclass(frozen=True, slots=True)
class Context:
    """Alembic's migration context, a dialect or an inspector: things that are looked at; `kind` says which."""

    kind: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What `batch_alter_table` gives; `recreate` as it was asked for."""

    table: str
    recreate: str = "auto"
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    """A SQLAlchemy table, or a class mapped to one."""

    name: str
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Columns:
    """The collection of a table's columns, `table.c`."""

    table: str


@dataclass(frozen=True, slots=True)
class Handle:
    """A column of a table, as conditions and assignments use it."""

    table: str
    name: str


@dataclass(frozen=True, slots=True)
class Definition:
    """A column as `sa.Column` declares it."""

    column: Column


@dataclass(frozen=True, slots=True)
class Key:
    """A foreign key constraint: the table it points to and what a delete there does."""

    table: str
    on_delete: str = ""


@dataclass(frozen=True, slots=True)
class Type:
    """A column type as SQL spells it; `name` is that of an enum type."""

    text: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition on rows; `fills` names the columns that must be NULL."""

    where: Where
    filters: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Change:
    """An update, delete, insert or select that was put together but not run yet; also an ORM query (`query`)."""

    action: Action
    table: str
    where: Where = Where.NONE
    filters: tuple[str, ...] = ()
    fills: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    query: bool = False


@dataclass(frozen=True, slots=True)
class Definer:
    """A DDL construct of SQLAlchemy that was put together but not run yet."""

    action: Action
    table: str = ""
    name: str = ""
    kind: str = ""
    cascade: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows that a query returned; `table` is empty when nobody knows of which table."""

    table: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One row, or one mapped object; `fresh` when the migration made it itself."""

    table: str = ""
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class Method:
    """A name looked up on a value; only a call tells what it is."""

    receiver: Value
    name: str


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several values; nobody knows which."""

    options: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Unknown:
    """Anything. `foreign`: it comes from code that was not read, so that calling it may do anything."""

    foreign: bool = False


Value = (
    Text
    | Plain
    | Items
    | Pairs
    | Imported
    | Function
    | Class
    | Instance
    | Bind
    | Context
    | Batch
    | Table
    | Columns
    | Handle
    | Definition
    | Key
    | Type
    | Condition
    | Change
    | Definer
    | Rows
    | Row
    | Method
    | Choice
    | Unknown
)
ANYTHING = Unknown()
NONE = Plain(None)


@dataclass(slots=True, eq=False)
class Scope:
    """Names and what they stand for, with the scope around it; equal to itself alone, for scopes hold one another."""

    names: dict[str, Value] = field(default_factory=dict[str, "Value"])
    outer: Scope | None = None

    def get(self, name: str) -> Value | None:
        """What a name stands for, None when nobody assigned it."""
        scope: Scope | None = self
        while scope is not None:
            if name in scope.names:
                return scope.names[name]
            scope = scope.outer
        return None


@dataclass(frozen=True, slots=True)
class Arguments:
    """The arguments of a call. `loose`: more may come from a `*` or `**` that could not be resolved."""

    positional: tuple[Value, ...] = ()
    keywords: tuple[tuple[str, Value], ...] = ()
    loose: bool = False

    def get(self, index: int, name: str = "") -> Value | None:
        """An argument by place (-1: only by name) or by name; None when it was not given."""
        for keyword, value in self.keywords:
            if keyword == name:
                return value
        return self.positional[index] if 0 <= index < len(self.positional) else None

    def given(self, name: str) -> bool:
        """Whether a keyword was given."""
        return any(keyword == name for keyword, _ in self.keywords)

    def every(self) -> tuple[Value, ...]:
        """All values, by place and by name."""
        return self.positional + tuple(value for _, value in self.keywords)
