"""Step 3: read a database URL, find the program that runs the tool, reach the database and pin which one it is."""

from __future__ import annotations

import difflib
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from diana_tools.adapters.base import Adapter, Project
from diana_tools.databases.base import Blocker, Database, Doors
from diana_tools.domain import DatabaseUrl, Detection, Identity
from diana_tools.errors import ConnectionFailed, ToolError
from diana_tools.files import sha256_of
from diana_tools.measured import ServerFacts

_SCHEMES = {
    "postgresql": "postgresql", "postgres": "postgresql", "pg": "postgresql", "cockroachdb": "postgresql",
    "sqlite": "sqlite", "sqlite3": "sqlite", "mysql": "mysql", "mariadb": "mysql", "mssql": "sqlserver",
    "sqlserver": "sqlserver", "mongodb": "mongodb",
}  # fmt: skip


def parse_url(text: str, base: Path) -> DatabaseUrl:
    """Read a database URL; a relative SQLite path is taken from `base`.

    Raises:
        ConnectionFailed: `url_scheme_unknown` with the nearest known scheme, `url_unreadable`. Never the URL itself.
    """
    scheme, mark, rest = text.strip().partition("://")
    if not mark:
        raise ConnectionFailed("url_unreadable", {"place": "", "error": ""})
    name, _, driver = scheme.partition("+")
    engine = _SCHEMES.get(name.lower())
    if engine is None:
        near = difflib.get_close_matches(name.lower(), _SCHEMES, 1, 0.5)
        nearest = near[0] if near else "postgresql"
        raise ConnectionFailed("url_scheme_unknown", {"scheme": name[:40], "nearest": nearest})
    if engine == "sqlite":
        return _sqlite(rest, driver, base)
    try:
        parts = urlsplit(f"{engine}://{rest}")
        port = parts.port
    except ValueError:
        raise ConnectionFailed("url_unreadable", {"place": "", "error": ""}) from None
    return DatabaseUrl(
        engine=engine, driver=driver, host=parts.hostname or "",
        port=port or (5432 if engine == "postgresql" else None),
        database=unquote(parts.path.lstrip("/")), username=unquote(parts.username or ""),
        password=unquote(parts.password or ""), query=tuple(parse_qsl(parts.query)),
    )  # fmt: skip


def _sqlite(rest: str, driver: str, base: Path) -> DatabaseUrl:
    path, _, query = rest.partition("?")
    path = unquote(path.removeprefix("/"))
    if not path or path == ":memory:":
        raise ConnectionFailed("database_in_memory", {"place": "", "error": ""})
    return DatabaseUrl("sqlite", driver, "", None, str((base / path).resolve()), query=tuple(parse_qsl(query)))


def projects(adapter: Adapter, detection: Detection, root: Path, chosen: str) -> tuple[Project, ...]:
    """The ways the tool could be run here, best first; `chosen` is the person's own interpreter, if any."""
    tool_root = root / detection.root
    programs = (Path(chosen),) if chosen else adapter.interpreters(root, tool_root)
    return tuple(
        Project(root, tool_root, root / detection.config, detection.section, program)
        for program in programs
        if program.exists()
    )


@dataclass(frozen=True, slots=True)
class Executed:
    """What looking will execute: `files` as (path, SHA-256), and in `untold` what nobody could find for sure."""

    files: tuple[tuple[str, str], ...]
    untold: tuple[str, ...] = ()


def executed(adapter: Adapter, found: Sequence[Project]) -> Executed:
    """What the trust question lists; only where nothing is untold may the answer be remembered."""
    paths = sorted({path for project in found for path in adapter.executed(project)})
    files = [path for path in paths if path.is_absolute() and path.is_file()]
    untold = tuple(str(path) for path in paths if path not in files)
    return Executed(tuple((str(path), sha256_of(path)) for path in files), untold)


async def with_version(adapter: Adapter, found: Sequence[Project], doors: Doors) -> Project:
    """The first way that has the tool installed, with its version.

    Raises:
        ToolError: `tool_not_installed` when none has, with the programs that were tried.
    """
    for project in found:
        output = await doors.executor.query(adapter.version(project))
        try:
            return replace(project, version=adapter.parse_version(output))
        except ToolError:
            continue
    tried = ", ".join(str(project.interpreter) for project in found) or "-"
    raise ToolError("tool_not_installed", {"tool": adapter.title, "tried": tried})


def outside_tested(adapter: Adapter, version: str) -> bool:
    """Whether a version lies outside the range that the conformance suite has run (S2.6)."""
    low, high = (tuple(int(part) for part in bound.split(".")[:2]) for bound in adapter.tested)
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    return not low <= numbers <= high


@dataclass(frozen=True, slots=True)
class Reached:
    """A database that answered: which one it is, what it said of itself, its schema, and who else is there."""

    identity: Identity
    facts: ServerFacts
    fingerprint: str
    blockers: tuple[Blocker, ...]


def reach(doors: Doors, database: Database, url: DatabaseUrl) -> Reached:
    """Connect by Diana's own driver, reading only, and pin the identity (S3.3, guard's design 5).

    Raises:
        ConnectionFailed: the code tells why.
    """
    with doors.sessions.read(url) as session:
        started = time.monotonic()
        session.one("SELECT 1")
        took = time.monotonic() - started
        facts = replace(database.facts(session), round_trip=took)
        schema = database.schema(session)
        return Reached(database.identity(session, url), facts, schema.fingerprint, database.blockers(session))
