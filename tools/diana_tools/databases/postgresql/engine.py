"""PostgreSQL, the engine: what `databases.base.Database` asks for, answered by this folder."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from diana_tools.databases.base import BackupRequest, Blocker, Doors, Grant
from diana_tools.databases.postgresql import catalog, dump, facts, loss, proof, restore, running, scratch, server
from diana_tools.databases.postgresql import state as states
from diana_tools.domain import DatabaseUrl, Finding, Identity, Loss
from diana_tools.measured import Backup, Proof, Schema, ServerFacts, State
from diana_tools.permit import Use
from diana_tools.sessions import ReadSession


class Postgresql:
    """See `databases.base.Database`. DDL is transactional; a scratch is always a server of Diana's own."""

    engine: str = "postgresql"
    transactional_ddl: bool = True
    scratch_on_same_server: bool = False

    def identity(self, session: ReadSession, url: DatabaseUrl) -> Identity:
        """See `facts.identity`."""
        return facts.identity(session, url)

    def facts(self, session: ReadSession) -> ServerFacts:
        """See `facts.facts`."""
        started = time.monotonic()
        session.one("SELECT 1")
        took = time.monotonic() - started
        return replace(facts.facts(session), round_trip=took)

    def schema(self, session: ReadSession) -> Schema:
        """See `catalog.schema`."""
        return catalog.schema(session)

    def state(self, session: ReadSession, version_table: str, tables: tuple[str, ...], *, digests: bool) -> State:
        """See `state.state`."""
        return states.state(session, version_table, tables, digests=digests)

    def loss(self, session: ReadSession, finding: Finding) -> Loss:
        """See `loss.loss`."""
        return loss.loss(session, finding)

    def blockers(self, session: ReadSession) -> tuple[Blocker, ...]:
        """See `facts.blockers`."""
        return facts.blockers(session)

    def backup_program(self, server_version: str) -> str:
        """See `dump.backup_program`."""
        return dump.backup_program(server_version)

    async def backup(self, doors: Doors, request: BackupRequest, progress: Callable[[int], None]) -> Backup:
        """See `dump.backup`; `progress` gets the bytes that pg_dump wrote so far."""
        return await dump.backup(doors, request, progress)

    async def read_proof(self, doors: Doors, backup: Backup) -> Proof:
        """See `proof.read_proof`."""
        return await proof.read_proof(doors, backup)

    def scratch_uses(self, folder: Path, url: DatabaseUrl, server_version: str) -> tuple[Use, ...]:
        """See `scratch.uses`."""
        return scratch.uses(folder, url, server_version)

    async def scratch(
        self, doors: Doors, folder: Path, url: DatabaseUrl, server_version: str, grant: Grant
    ) -> scratch.PostgresqlScratch:
        """See `scratch.make`."""
        return await scratch.make(doors, folder, url, server_version, grant)

    def run_environment(self, run: str, server_version: str) -> Mapping[str, str]:
        """See `running.environment`."""
        return running.environment(run, server_version)

    def left_of_run(self, session: ReadSession, run: str) -> tuple[Blocker, ...]:
        """See `running.sessions_of`."""
        return running.sessions_of(session, run)

    def sweep_scratch(self, folder: Path) -> None:
        """See `server.sweep`."""
        server.sweep(folder)

    def cancel_uses(self, url: DatabaseUrl) -> tuple[Use, ...]:
        """See `running.cancel_uses`."""
        return running.cancel_uses(url)

    async def end_run(self, doors: Doors, url: DatabaseUrl, run: str, grant: Grant) -> int:
        """See `running.end_sessions`."""
        return await running.end_sessions(doors, url, run, grant)

    def restore_uses(self, url: DatabaseUrl, backup: Backup, folder: Path) -> tuple[Use, ...]:
        """See `restore.uses`."""
        return restore.uses(url, backup, folder)

    async def restore(self, doors: Doors, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
        """See `restore.restore`."""
        return await restore.restore(doors, url, backup, folder, grant)
