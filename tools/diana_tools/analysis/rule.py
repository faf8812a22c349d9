"""What a rule is, what it is shown, and where rules come from."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from diana_tools.analysis.ledger import Ledger
from diana_tools.analysis.python.reader import WayBack
from diana_tools.analysis.statement import Action, Statement

BLOCKED, TYPED, WARNING, INFORMATION = "B", "T", "W", "I"


@dataclass(frozen=True, slots=True)
class Sighting:
    """A statement that a rule objects to. What is None is as the rule says; `object` as the statement says."""

    statement: Statement
    object: str | None = None
    kind: str | None = None
    level: str | None = None
    loses: bool | None = None
    detail: str = ""
    guessed: bool = False


@dataclass(slots=True)
class Scene:
    """What surrounds a statement: the schema before it, and its whole migration.

    `way_back` is None where the language has no downgrade. `unread`: a part of the migration could not be read.
    `losses` are the sightings so far that lose data; `dropped` the keys of tables with data that this migration
    dropped, with the keys of their columns; `switches` how its pragmas stand by now.
    """

    dialect: str
    direction: str
    ledger: Ledger
    statements: tuple[Statement, ...]
    way_back: WayBack | None
    python: bool
    place: int = 0
    unread: bool = False
    switches: dict[str, Action] = field(default_factory=dict[str, Action])
    losses: list[Sighting] = field(default_factory=list[Sighting])
    dropped: dict[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    @property
    def postgresql(self) -> bool:
        """Whether the database is PostgreSQL."""
        return self.dialect == "postgresql"

    @property
    def sqlite(self) -> bool:
        """Whether the database is SQLite."""
        return self.dialect == "sqlite"


Look = Callable[[Statement, Scene], Iterable[Sighting]]
LookBack = Callable[[Scene], Iterable[Sighting]]


def _nothing(_statement: Statement, _scene: Scene) -> Iterable[Sighting]:
    return ()


def _nothing_more(_scene: Scene) -> Iterable[Sighting]:
    return ()


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of the catalogue: `see` looks at each statement, `after` at the migration as a whole.

    `level` is B, T, W or I; `undone` says that the engine itself takes back what this rule warns of, where DDL is
    transactional.
    """

    id: str
    level: str
    kind: str = "other"
    loses: bool = False
    undone: bool = False
    see: Look = _nothing
    after: LookBack = _nothing_more


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule in the folder, by id.

    Raises:
        ValueError: a file without a `RULE`, or an id that is there twice.
    """
    from diana_tools.analysis import rules as folder

    found: dict[str, Rule] = {}
    for module in iter_modules(folder.__path__):
        rule = getattr(import_module(f"{folder.__name__}.{module.name}"), "RULE", None)
        if not isinstance(rule, Rule) or rule.id in found:
            raise ValueError(module.name)
        found[rule.id] = rule
    return tuple(found[key] for key in sorted(found))
