"""The index of runs: what their journals say, made searchable; it can be thrown away and rebuilt at any time."""

from __future__ import annotations

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from diana_agent.journal import GENESIS, whole_part
from diana_agent.report_story import status_of, tell
from diana_tools.errors import ConnectionFailed, DianaError
from diana_tools.sessions import own_file

if TYPE_CHECKING:
    from sqlalchemy import Connection, RowMapping, Table

INDEX_FILE = "index.sqlite"
VERSION = 1
"""Of the table; an index of another version is rebuilt."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. `status` is what its journal shows, `outcome` how it called its own end (empty while it has none).

    `exit` is its exit code, `problem` a code when the journal is not whole.
    """

    run: str
    project: str = ""
    database: str = ""
    place: str = ""
    environment: str = ""
    level: str = ""
    tool: str = ""
    user: str = ""
    ticket: str = ""
    status: str = ""
    outcome: str = ""
    exit: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    entries: int = 0
    head: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which runs: exact values where given, and a text that may stand anywhere in one of their words."""

    project: str = ""
    database: str = ""
    environment: str = ""
    status: str = ""
    text: str = ""


@cache
def _table() -> Table:
    from sqlalchemy import Column, Integer, MetaData, String, Table

    words = ("project", "database", "place", "environment", "level", "tool", "user", "ticket", "status", "outcome",
             "started", "ended", "head", "problem")  # fmt: skip
    return Table(
        "runs", MetaData(), Column("run", String, primary_key=True),
        *(Column(word, String, nullable=False, index=word in ("started", "database")) for word in words),
        Column("exit", Integer), Column("entries", Integer, nullable=False),
        Column("size", Integer, nullable=False), Column("changed", Integer, nullable=False),
    )  # fmt: skip


def rebuild(folder: Path) -> int:
    """Throw the index away and read every journal of the folder again; returns how many runs there are.

    Raises:
        DianaError: `index_unwritable`.
    """
    with _opened(folder) as connection:
        connection.execute(_table().delete())
        return _bring_up(connection, folder)


def runs(folder: Path, wanted: Wanted | None = None, limit: int = 50) -> tuple[RunRow, ...]:
    """The newest runs first, after journals that are new or have grown were read.

    Raises:
        DianaError: `index_unwritable`.
    """
    from sqlalchemy import or_, select

    table, wanted = _table(), wanted or Wanted()
    query = select(table).order_by(table.c.started.desc(), table.c.run.desc()).limit(limit)
    exact = {"project": wanted.project, "database": wanted.database, "environment": wanted.environment,
             "status": wanted.status}  # fmt: skip
    for column, value in exact.items():
        if value:
            query = query.where(table.c[column] == value)
    if wanted.text:
        everywhere = (table.c[name].contains(wanted.text, autoescape=True) for name in (
            "run", "project", "database", "place", "environment", "tool", "user", "ticket", "status",
        ))  # fmt: skip
        query = query.where(or_(*everywhere))
    with _opened(folder) as connection:
        _bring_up(connection, folder)
        return tuple(_row(found) for found in connection.execute(query).mappings())


def known_head(folder: Path, run: str) -> str:
    """The head that a run's journal had when the index last read it, without reading it again; empty when unknown.

    Raises:
        DianaError: `index_unwritable`.
    """
    from sqlalchemy import select

    table = _table()
    with _opened(folder) as connection:
        row = connection.execute(select(table.c.head).where(table.c.run == run)).first()
    return str(row.head) if row is not None else ""


def known_runs(folder: Path) -> frozenset[str]:
    """The runs whose journals were there when the index last looked, without looking again.

    Raises:
        DianaError: `index_unwritable`.
    """
    from sqlalchemy import select

    with _opened(folder) as connection:
        return frozenset(str(row.run) for row in connection.execute(select(_table().c.run)))


def _bring_up(connection: Connection, folder: Path) -> int:
    """Read what is new or has changed, forget what is gone; returns how many runs there are."""
    from sqlalchemy import select

    table = _table()
    rows = connection.execute(select(table)).all()
    known, heads = {row.run: (row.size, row.changed) for row in rows}, {row.run: str(row.head) for row in rows}
    found: dict[str, tuple[int, int]] = {}
    for path in folder.glob("*.jsonl"):
        with suppress(OSError):
            seen = path.stat()
            if path.name.isascii():
                found[path.stem] = (seen.st_size, seen.st_mtime_ns)
    for run in known.keys() - found.keys():
        connection.execute(table.delete().where(table.c.run == run))
    for run, (size, changed) in found.items():
        if known.get(run) != (size, changed):
            connection.execute(table.delete().where(table.c.run == run))
            fresh = _read(folder / f"{run}.jsonl", heads.get(run, ""))
            values = _values(fresh) | {"size": size, "changed": changed}
            connection.execute(table.insert().values(values))
    return len(found)


def _read(path: Path, before: str = "") -> RunRow:
    """What one journal says, up to where it is whole.

    The head that it had `before` must still stand in it: else its end was cut off or all of it written anew, and the
    index keeps the head that tells so.
    """
    try:
        report, entries = whole_part(path)
    except DianaError as error:
        return RunRow(path.stem, problem=error.code)
    if before not in ("", GENESIS, *(entry.hash for entry in entries)):
        report = replace(report, head=before, problem=report.problem or "journal_cut")
    story = tell(entries)
    run, where, place, ended = story.run, story.environment, story.address, story.ended
    chosen = story.detected.chosen if story.detected else None
    return RunRow(
        run=path.stem, project=run.project if run else "", database=place.name if place else "",
        place=place.place if place else "", environment=where.name if where else "", level=story.level,
        tool=chosen.tool if chosen else "", user=run.user if run else "", ticket=run.ticket if run else "",
        status=status_of(story).value, outcome=ended.outcome if ended else "",
        exit=ended.exit_code if ended else None, started=story.began, ended=story.last if ended else None,
        entries=report.entries, head=report.head, problem=report.problem,
    )  # fmt: skip


def _values(row: RunRow) -> dict[str, str | int | None]:
    """A row as the table holds it: times as text that sorts."""
    return {
        "run": row.run, "project": row.project, "database": row.database, "place": row.place,
        "environment": row.environment, "level": row.level, "tool": row.tool, "user": row.user, "ticket": row.ticket,
        "status": row.status, "outcome": row.outcome, "exit": row.exit,
        "started": _stamp(row.started), "ended": _stamp(row.ended),
        "entries": row.entries, "head": row.head, "problem": row.problem,
    }  # fmt: skip


def _stamp(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else ""


def _row(found: RowMapping | Mapping[str, str | int | None]) -> RunRow:
    def word(name: str) -> str:
        return str(found[name] or "")

    def time(name: str) -> datetime | None:
        return datetime.fromisoformat(word(name)) if found[name] else None

    code = found["exit"]
    return RunRow(
        run=word("run"), project=word("project"), database=word("database"), place=word("place"),
        environment=word("environment"), level=word("level"), tool=word("tool"), user=word("user"),
        ticket=word("ticket"), status=word("status"), outcome=word("outcome"),
        exit=None if code is None else int(code), started=time("started"), ended=time("ended"),
        entries=int(found["entries"] or 0), head=word("head"), problem=word("problem"),
    )  # fmt: skip


@contextmanager
def _opened(folder: Path) -> Generator[Connection]:
    """The index in one transaction; made where it is missing, made again where it is of no use."""
    from sqlalchemy.exc import SQLAlchemyError

    path = folder / INDEX_FILE
    try:
        _exists(path)
        try:
            engine = own_file(path)
        except ConnectionFailed as error:
            if error.code != "not_a_database":
                raise
            path.unlink()
            _exists(path)
            engine = own_file(path)
        with engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            _shape(connection)
            yield connection
            connection.commit()
    except (OSError, SQLAlchemyError, ConnectionFailed) as error:
        raise DianaError("index_unwritable", {"path": str(path), "error": _words(error)}) from None


def _words(error: OSError | Exception) -> str:
    if isinstance(error, ConnectionFailed):
        return error.fields.get("error") or error.code
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    return str(getattr(error, "orig", None) or type(error).__name__)[:200]


def _exists(path: Path) -> None:
    """An empty private file where there is none; what is a link is not Diana's."""
    if path.is_symlink():
        raise FileExistsError(17, "a link is in its place")
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    if not path.exists():
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))


def _shape(connection: Connection) -> None:
    """The table of this version, empty where the file held another one."""
    version = connection.exec_driver_sql("PRAGMA user_version").scalar()
    if version != VERSION:
        _table().drop(connection, checkfirst=True)
        _table().create(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")
