"""What an engine's folder declares and answers; connections and processes come from the doors handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from diana_tools.domain import DatabaseUrl, Finding, Identity, Loss
from diana_tools.executor import Executor
from diana_tools.measured import Backup, Proof, Schema, ServerFacts, State
from diana_tools.permit import Operation, Permit, Use
from diana_tools.sessions import ReadSession, Sessions


@dataclass(frozen=True, slots=True)
class Doors:
    """The only ways to the outside: processes and connections, both holding the redeemer already."""

    executor: Executor
    sessions: Sessions


@dataclass(frozen=True, slots=True)
class Grant:
    """A permit together with the operation it was minted for; every use of it is redeemed by its name."""

    permit: Permit
    operation: Operation

    def use(self, name: str) -> Use:
        """The declared use of that name.

        Raises:
            KeyError: the operation never declared it (a bug, not a refusal).
        """
        for use in self.operation.uses:
            if use.name == name:
                return use
        raise KeyError(name)


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What a backup needs to know; `folder` exists, is private, and outside any work tree."""

    url: DatabaseUrl
    identity: Identity
    folder: Path
    run: str
    version: tuple[str, ...]
    version_table: str
    batch: str
    touched: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Blocker:
    """Another session that holds or waits on something, as the server tells it."""

    session: str
    state: str
    seconds: float
    query: str


class Scratch(Protocol):
    """A throw-away database that is not the target; made under a permit of kind scratch, then destroyed."""

    url: DatabaseUrl
    place: str
    """Where it lies, for people: a path, or host:port/database."""

    async def load(self, backup: Backup, grant: Grant) -> None:
        """Restore a backup into it, events and triggers that act outside kept off.

        Raises:
            BackupError: `backup_not_restorable` with the engine's words.
        """
        ...

    async def load_schema(self, schema_of: Backup, grant: Grant) -> None:
        """Restore only the schema and the rows of the migration table."""
        ...

    async def mark(self, marker: str, grant: Grant) -> None:
        """Put the random marker table there."""
        ...

    async def destroy(self) -> None:
        """Remove it and everything it left; never raises for what is already gone."""
        ...


class Database(Protocol):
    """One engine. Everything that reads gets a `ReadSession`; everything that changes gets a `Grant`."""

    engine: str
    transactional_ddl: bool
    scratch_on_same_server: bool
    """Whether the guard may allow a scratch beside the target, in dev only."""

    def identity(self, session: ReadSession, url: DatabaseUrl) -> Identity:
        """Which database this is (guard.md 5)."""
        ...

    def facts(self, session: ReadSession) -> ServerFacts:
        """Server version, size, sessions, rights."""
        ...

    def schema(self, session: ReadSession) -> Schema:
        """The whole user schema, normalised, without Diana's own marker."""
        ...

    def state(self, session: ReadSession, version_table: str, tables: tuple[str, ...], *, digests: bool) -> State:
        """Schema, version rows and row counts of `tables` (empty: all), in one snapshot."""
        ...

    def loss(self, session: ReadSession, finding: Finding) -> Loss:
        """Count live what a finding would destroy."""
        ...

    def blockers(self, session: ReadSession) -> tuple[Blocker, ...]:
        """Other sessions that would get in the way."""
        ...

    def backup_program(self, server_version: str) -> str:
        """The program that will dump, with its version.

        Raises:
            BackupError: `backup_program_missing` with the remedy's fields.
        """
        ...

    async def backup(self, doors: Doors, request: BackupRequest, progress: Callable[[int], None]) -> Backup:
        """One pass: dump, compress, hash, `.part`, fsync, rename, manifest; constant memory; 0600 in 0700.

        Raises:
            BackupError: with the dump program's own words, redacted; nothing half-made is left.
        """
        ...

    async def read_proof(self, doors: Doors, backup: Backup) -> Proof:
        """Hash and let the engine's own reader go through every byte (grade read)."""
        ...

    def scratch_uses(self, folder: Path, url: DatabaseUrl, server_version: str) -> tuple[Use, ...]:
        """The uses that making, loading, marking and destroying a scratch need, known before the permit."""
        ...

    async def scratch(self, doors: Doors, folder: Path, url: DatabaseUrl, server_version: str, grant: Grant) -> Scratch:
        """Make an empty scratch: another server, or another file; `url` is the target, never written to.

        Raises:
            RehearsalError: `scratch_impossible` with why and the remedy's fields.
        """
        ...

    def run_environment(self, run: str, server_version: str) -> Mapping[str, str]:
        """Variables for a run's tool by which its sessions can be found on the server, and end with it."""
        ...

    def left_of_run(self, session: ReadSession, run: str) -> tuple[Blocker, ...]:
        """The sessions of a run's tool that are still on this database."""
        ...

    def sweep_scratch(self, folder: Path) -> None:
        """End and remove what a scratch of a Diana that is gone left running or lying outside its folder."""
        ...

    def cancel_uses(self, url: DatabaseUrl) -> tuple[Use, ...]:
        """The uses that ending a run's sessions needs; none where a statement ends with its process."""
        ...

    async def end_run(self, doors: Doors, url: DatabaseUrl, run: str, grant: Grant) -> int:
        """Cancel on the server what is left of a run (killing a client does not); how many sessions are still there.

        Raises:
            ConnectionFailed: the server could not be reached, or refused.
        """
        ...

    def restore_uses(self, url: DatabaseUrl, backup: Backup, folder: Path) -> tuple[Use, ...]:
        """The uses that a restore over the database needs, known before the permit."""
        ...

    async def restore(self, doors: Doors, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
        """Give the backup's state back over the database, keeping the failed state; returns where it was kept.

        Raises:
            ChangeFailed: `restore_failed` with what was left where.
        """
        ...
