"""What is found and planned, as frozen types; what was measured is in measured.py."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from enum import StrEnum


class Level(StrEnum):
    """How careful an environment must be treated; a person's own name maps to one of these."""

    DEV = "dev"
    STAGING = "staging"
    PRODUCTION = "production"

    @property
    def rank(self) -> int:
        """0 for dev up to 2 for production."""
        return list(Level).index(self)


@dataclass(frozen=True, slots=True)
class Environment:
    """Where we are: a person's own name, its level, and which sources had a say (`because`)."""

    name: str
    level: Level
    because: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Address:
    """A database's address without any secret: safe to show, log and journal.

    For SQLite `database` is the absolute path and `host`, `port` are empty (S3.8).
    """

    engine: str
    host: str
    port: int | None
    database: str
    username: str = ""

    @property
    def place(self) -> str:
        """`host:port/database`, or the path for SQLite."""
        if self.engine == "sqlite":
            return self.database
        return f"{self.host}:{self.port}/{self.database}" if self.port else f"{self.host}/{self.database}"

    @property
    def name(self) -> str:
        """The bare database name: for SQLite the file's name without its folder."""
        return self.database.rsplit("/", 1)[-1] if self.engine == "sqlite" else self.database


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A connection in memory only, with its password; never put one in an event (guard.md 12)."""

    engine: str
    driver: str
    host: str
    port: int | None
    database: str
    username: str = ""
    password: str = field(default="", repr=False)
    query: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    @property
    def address(self) -> Address:
        """The same without anything secret."""
        return Address(self.engine, self.host, self.port, self.database, self.username)


@dataclass(frozen=True, slots=True)
class Identity:
    """Which database this really is (guard.md 5): `server` and `database` as the engine itself names them."""

    engine: str
    server: str
    database: str
    host: str
    name: str

    @property
    def digest(self) -> str:
        """32 hex characters that stand for the identity in permits, locks and plans."""
        body = json.dumps([self.engine, self.server, self.database, self.host, self.name])
        return hashlib.sha256(body.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Evidence:
    """A file that speaks for a tool; `why` is a message id (`evidence.<why>`)."""

    path: str
    why: str


class Confidence(StrEnum):
    """How sure a detection is."""

    CERTAIN = "certain"
    LIKELY = "likely"
    POSSIBLE = "possible"


@dataclass(frozen=True, slots=True)
class Detection:
    """A migration tool found from files alone. Paths are relative to the project's root, `/`-separated."""

    tool: str
    root: str
    config: str
    migrations: str
    count: int
    evidence: tuple[Evidence, ...]
    confidence: Confidence
    section: str = ""


@dataclass(frozen=True, slots=True)
class Migration:
    """One migration. `reversible` None means nobody could tell. `path` is project-relative."""

    id: str
    name: str
    description: str
    path: str
    checksum: str
    reversible: bool | None
    transactional: bool


@dataclass(frozen=True, slots=True)
class History:
    """What the tool's own table says; `problems` are message ids with fields folded in (`history.<id>`)."""

    state: str
    problems: tuple[str, ...] = ()
    applied: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Loss:
    """A live count of what a finding would destroy. `rows` None: could not be counted, and `why` says so."""

    rows: int | None
    total: int | None = None
    why: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a rule saw in a migration (rules of the catalogue; kinds in README, `diana analyze`).

    `level` is the rule's gate: B blocked, T typed, W warning, I information, O off.
    `object` is `table` or `table.column`, unquoted. `confidence` is parsed, captured or guessed.
    """

    rule: str
    kind: str
    level: str
    data_loss: bool
    object: str
    file: str
    line: int
    statement: str
    recovery: str = "backup"
    confidence: str = "parsed"
    migration: str = ""
    detail: str = ""
    loss: Loss | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """A statement or file that nobody could read; it counts as destructive until a capture clears it."""

    file: str
    line: int
    why: str
    statement: str = ""
    migration: str = ""


@dataclass(frozen=True, slots=True)
class Estimate:
    """How long the run may take, in seconds; `basis` is estimate or rehearsal."""

    seconds: float
    confidence: str
    basis: str


@dataclass(frozen=True, slots=True)
class Recovery:
    """The best rung of the ladder that is possible, known before the run: a, b, c, d, e or none."""

    rung: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done, in order, with what it would cost; its hash is what a person confirms.

    `code` holds (project-relative path, SHA-256) of every file the run would load. Direction is up or down.
    `tables` are those there are now whose rows the run can change; all of them while anything is unread.
    """

    tool: str
    tool_version: str
    address: Address
    identity: str
    environment: Environment
    direction: str
    current: tuple[str, ...]
    target: tuple[str, ...]
    pending: tuple[Migration, ...]
    findings: tuple[Finding, ...]
    unread: tuple[Unread, ...]
    estimate: Estimate
    recovery: Recovery
    history: History
    tables: tuple[str, ...]
    argv: tuple[str, ...]
    code: tuple[tuple[str, str], ...]
    policy: str
    plan_hash: str = ""
    opened: tuple[tuple[str, str], ...] = ()
    """Files of the project that only a run opens, with their hash, as the rehearsal saw them (`code` has the rest)."""
    captured: str = ""
    """SHA-256 of the SQL that a rehearsal captured where the text could not be read; empty where all was read."""

    @property
    def code_word(self) -> str:
        """The first four base32 characters of the hash: what people say to each other."""
        return base64.b32encode(bytes.fromhex(self.plan_hash[:10])).decode()[:4] if self.plan_hash else ""

    @property
    def destructive(self) -> bool:
        """Any data loss, or anything unread that no capture cleared (guard.md, Destructive)."""
        return any(f.data_loss for f in self.findings) or bool(self.unread)
