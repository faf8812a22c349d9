"""What was measured, as frozen types: schemas, states, backups, rehearsals, changes and verifications."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from enum import StrEnum

from diana_tools.domain import Address


@dataclass(frozen=True, slots=True)
class SchemaObject:
    """One object of a schema in a form that can be compared: kind, qualified name, normalised definition."""

    kind: str
    name: str
    definition: str


@dataclass(frozen=True, slots=True)
class Schema:
    """A whole schema, sorted by kind and name."""

    objects: tuple[SchemaObject, ...]

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all objects."""
        body = json.dumps([[o.kind, o.name, o.definition] for o in self.objects])
        return hashlib.sha256(body.encode()).hexdigest()

    def diff(self, later: Schema) -> SchemaDiff:
        """What `later` has that this has not, what it lost, and what reads differently."""
        mine = {(o.kind, o.name): o for o in self.objects}
        its = {(o.kind, o.name): o for o in later.objects}
        changed = tuple(
            (mine[key], its[key])
            for key in sorted(mine.keys() & its.keys())
            if mine[key].definition != its[key].definition
        )
        return SchemaDiff(
            added=tuple(its[key] for key in sorted(its.keys() - mine.keys())),
            removed=tuple(mine[key] for key in sorted(mine.keys() - its.keys())),
            changed=changed,
        )


@dataclass(frozen=True, slots=True)
class SchemaDiff:
    """The difference between two schemas."""

    added: tuple[SchemaObject, ...] = ()
    removed: tuple[SchemaObject, ...] = ()
    changed: tuple[tuple[SchemaObject, SchemaObject], ...] = ()

    @property
    def empty(self) -> bool:
        """True when both were the same."""
        return not (self.added or self.removed or self.changed)


@dataclass(frozen=True, slots=True)
class TableMeasure:
    """Rows of a table and, where asked for, an order-free digest of their content (None: not taken)."""

    table: str
    rows: int
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class State:
    """A database measured at one moment, in one snapshot: what "as before" is compared with."""

    schema: Schema
    version: tuple[str, ...]
    tables: tuple[TableMeasure, ...]
    violations: tuple[str, ...] = ()
    """Constraints that hold rows against them, or that the engine has not validated, as `table.constraint[:rows]`."""
    digests: bool = False
    """Whether the content was asked for: then a table without a digest is one that could not be read in time."""

    def rows(self) -> dict[str, int]:
        """Row count by table."""
        return {table.table: table.rows for table in self.tables}


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a connection told: server version, size in bytes, round trip in seconds, other sessions."""

    version: str
    size: int
    round_trip: float
    sessions: tuple[str, ...] = ()
    pooler: str = ""
    rights: tuple[str, ...] = ()


class Grade(StrEnum):
    """How a backup was proven (guard.md 17), from weakest to strongest."""

    NONE = "none"
    ATTESTED = "attested"
    READ = "read"
    RESTORED = "restored"

    @property
    def rank(self) -> int:
        """0 for none up to 3 for restored."""
        return list(Grade).index(self)


@dataclass(frozen=True, slots=True)
class Proof:
    """What was done to a backup to believe in it, and what it showed. `problems` are message ids."""

    grade: Grade
    sha256: str
    checks: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a dump of one database leaves out, as SQL without any password.

    `superuser` is the name of the server's first role, `options` what follows the name in CREATE DATABASE, `roles`
    make the roles that the database names, `database` its owner, settings and grants.
    """

    superuser: str
    options: str
    roles: tuple[str, ...] = ()
    database: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup in a store: where, and how it was verified there (`checks` are message ids)."""

    store: str
    location: str
    remote: bool
    verified: bool
    checks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Backup:
    """A backup that was made. `path` is absolute; `manifest` lies beside it; times are ISO 8601 in UTC.

    `version_table` is the migration tool's own table, whose rows a schema-only restore keeps. `missing` are message
    ids of what is in none of its files.
    """

    id: str
    engine: str
    path: str
    manifest: str
    size: int
    sha256: str
    identity: str
    address: Address
    made_at: str
    version: tuple[str, ...]
    state: State
    server: str
    program: str
    batch: str
    missing: tuple[str, ...] = ()
    proof: Proof | None = None
    copies: tuple[Copy, ...] = ()
    version_table: str = ""
    journal: str = ""
    """The head of the run's journal when the backup was made: an anchor that finds a cut tail (guard's design, 10)."""
    surroundings: Surroundings | None = None

    @property
    def grade(self) -> Grade:
        """The grade of its proof, bound to its hash; none without one."""
        if self.proof is None or self.proof.sha256 != self.sha256:
            return Grade.NONE
        return self.proof.grade


@dataclass(frozen=True, slots=True)
class CapturedStatement:
    """One statement as it really ran in a rehearsal, without the values of any row.

    Equal statements of a migration stand once: `times` executions with `parameters` bound values each,
    `seconds` together.
    """

    migration: str
    sql: str
    seconds: float = 0.0
    parameters: int = 0
    times: int = 1


@dataclass(frozen=True, slots=True)
class Preview:
    """What a dry run showed. `kind` is offline_sql, captured_sql or file_text; `why` a message id."""

    kind: str
    sql: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run on a proven scratch. `kind` is schema or full; `passed` False carries `error`."""

    kind: str
    scratch: str
    passed: bool
    seconds: float
    statements: tuple[CapturedStatement, ...]
    before: State
    after: State | None
    error: str = ""
    failed: str = ""
    backup: str = ""
    opened: tuple[tuple[str, str], ...] = ()
    """Files of the project that the run opened: project-relative path and SHA-256."""
    target: str = "counts"
    """What of the target was as before: its `content`, only schema, history and row `counts`; or rows had `moved`."""
    version_table: str = ""
    """The migration tool's own table, whose rows come and go with the versions."""


@dataclass(frozen=True, slots=True)
class ChangeResult:
    """How a changing command ended, measured. `state` is applied, unchanged, partial or unknown."""

    exit_code: int
    seconds: float
    state: str
    applied: tuple[str, ...]
    not_applied: tuple[str, ...]
    error: str = ""
    failed: str = ""
    warnings: tuple[str, ...] = ()
    log: str = ""


@dataclass(frozen=True, slots=True)
class RecoveryResult:
    """Which rung was taken and what was measured after it."""

    rung: str
    recovered: bool
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """One check of the verification: expected, found and the query behind it. `passed` None: not checked."""

    name: str
    passed: bool | None
    critical: bool
    expected: str
    found: str
    query: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verification:
    """All checks of step 8, and what was not checked (message ids)."""

    checks: tuple[Check, ...]
    not_checked: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """True when every check passed; one that was not made does not count as passed."""
        return all(check.passed is True for check in self.checks)

    @property
    def critical(self) -> bool:
        """True when a critical check failed."""
        return any(check.critical and check.passed is False for check in self.checks)
