"""The database's door for tests of its checks: the targets, a changing session, and a server that only notes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy
from sqlalchemy.exc import OperationalError

from diana_tools import session_places as places
from diana_tools.domain import DatabaseUrl
from diana_tools.permit import Act, Use
from diana_tools.sessions import Sessions
from guard.checking import Keeper, granted

SERVER = DatabaseUrl("postgresql", "psycopg", "127.0.0.1", 5432, "shop", "me", "pw")


def changed(
    keeper: Keeper, url: DatabaseUrl, act: Act, use: Use, place: places.Place = None, doors: Sessions | None = None
) -> None:
    with (doors or Sessions(keeper)).change(url, *granted(act, use), place) as session:
        if url.engine == "sqlite":
            session.run("DELETE FROM t")


@dataclass
class Server:
    """Stands for a PostgreSQL server: what it was told, and what it answers."""

    answer: object = True
    told: list[str] = field(default_factory=list[str])
    given: list[Mapping[str, object]] = field(default_factory=list[Mapping[str, object]])
    arguments: dict[str, object] = field(default_factory=dict[str, object])
    options: dict[str, object] = field(default_factory=dict[str, object])
    url: str = ""
    fails: str = ""
    opened: int = 0
    closed: int = 0
    disposed: int = 0
    rolled_back: int = 0

    def create_engine(self, url: object, *, connect_args: dict[str, object], poolclass: object) -> Server:
        assert poolclass is sqlalchemy.NullPool
        self.url, self.arguments = str(url), connect_args
        return self

    def connect(self) -> Server:
        if self.fails == "connect":
            raise OperationalError("x", {}, OSError("refused"))
        self.opened += 1
        return self

    def execute(self, statement: object, parameters: Mapping[str, object] | None = None) -> list[tuple[object]]:
        self.told.append(str(statement))
        self.given.append(parameters or {})
        if self.fails and self.fails in str(statement):
            raise OperationalError("x", {}, OSError("refused"))
        return [(self.answer,)]

    def execution_options(self, **options: object) -> Server:
        self.options = options
        return self

    def rollback(self) -> None:
        self.rolled_back += 1

    def close(self) -> None:
        self.closed += 1

    def dispose(self) -> None:
        self.disposed += 1
