"""SQLite, the engine: what `databases.base.Database` asks for, answered by this folder."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from diana_tools.databases.base import BackupRequest, Blocker, Doors, Grant
from diana_tools.databases.sqlite import catalog, content, copies, holders, losses, place, restore, scratch
from diana_tools.domain import DatabaseUrl, Finding, Identity, Loss
from diana_tools.errors import BackupError
from diana_tools.measured import Backup, Proof, Schema, ServerFacts, State
from diana_tools.permit import Use
from diana_tools.sessions import ReadSession


class Sqlite:
    """See `databases.base.Database`. A file is its own server; what runs a statement is the library in Diana."""

    engine: str = "sqlite"
    transactional_ddl: bool = True
    scratch_on_same_server: bool = False

    def identity(self, session: ReadSession, url: DatabaseUrl) -> Identity:
        """Device and inode of the file."""
        return place.identity(url)

    def facts(self, session: ReadSession) -> ServerFacts:
        """The library's version, the size in bytes, who else has the file open, and what the file lets us do."""
        started = time.monotonic()
        size = copies.size_of(session)
        took = time.monotonic() - started
        path = Path(session.url.database)
        modes = (("read", os.R_OK), ("write", os.W_OK))
        return ServerFacts(
            version=sqlite3.sqlite_version, size=size, round_trip=took,
            sessions=tuple(f"{one.query} {one.session} {one.state}" for one in holders.holders(path)),
            rights=tuple(name for name, mode in modes if os.access(path, mode)),
        )  # fmt: skip

    def schema(self, session: ReadSession) -> Schema:
        """See `catalog.schema`."""
        return catalog.schema(session)

    def state(self, session: ReadSession, version_table: str, tables: tuple[str, ...], *, digests: bool) -> State:
        """See `content.state`."""
        return content.state(session, version_table, tables, digests=digests)

    def loss(self, session: ReadSession, finding: Finding) -> Loss:
        """See `losses.loss`."""
        return losses.loss(session, finding)

    def blockers(self, session: ReadSession) -> tuple[Blocker, ...]:
        """Other processes that have the file open, as far as this machine shows them (see `holders`)."""
        return holders.holders(Path(session.url.database))

    def backup_program(self, server_version: str) -> str:
        """The library itself: it is always there, and it is the one that reads the file."""
        return copies.PROGRAM

    async def backup(self, doors: Doors, request: BackupRequest, progress: Callable[[int], None]) -> Backup:
        """See `copies.make`; a cancelled backup stops at the next step and leaves nothing."""
        stop = threading.Event()

        def told(done: int) -> None:
            if stop.is_set():
                raise BackupError("backup_cancelled", {"folder": str(request.folder)})
            progress(done)

        working = asyncio.ensure_future(asyncio.to_thread(copies.make, doors.sessions, request, told))
        try:
            return await asyncio.shield(working)
        except asyncio.CancelledError:
            stop.set()
            await asyncio.wait((working,))
            working.exception()
            raise

    async def read_proof(self, doors: Doors, backup: Backup) -> Proof:
        """See `copies.proof`."""
        return await asyncio.to_thread(copies.proof, doors.sessions, backup)

    def scratch_uses(self, folder: Path, url: DatabaseUrl, server_version: str) -> tuple[Use, ...]:
        """See `scratch.uses`."""
        return scratch.uses(folder)

    async def scratch(
        self, doors: Doors, folder: Path, url: DatabaseUrl, server_version: str, grant: Grant
    ) -> scratch.SqliteScratch:
        """See `scratch.make`."""
        return await asyncio.to_thread(scratch.make, doors.sessions, folder, url, grant)

    def run_environment(self, run: str, server_version: str) -> Mapping[str, str]:
        """Nothing: there is no server, and a statement ends with its process."""
        return {}

    def left_of_run(self, session: ReadSession, run: str) -> tuple[Blocker, ...]:
        """Nothing: there is no server."""
        return ()

    def sweep_scratch(self, folder: Path) -> None:
        """Nothing runs, and nothing lies outside the folder."""

    def cancel_uses(self, url: DatabaseUrl) -> tuple[Use, ...]:
        """Nothing to cancel."""
        return ()

    async def end_run(self, doors: Doors, url: DatabaseUrl, run: str, grant: Grant) -> int:
        """Nothing is left."""
        return 0

    def restore_uses(self, url: DatabaseUrl, backup: Backup, folder: Path) -> tuple[Use, ...]:
        """See `restore.uses`."""
        return restore.uses(url)

    async def restore(self, doors: Doors, url: DatabaseUrl, backup: Backup, folder: Path, grant: Grant) -> str:
        """See `restore.restore`."""
        return await asyncio.to_thread(restore.restore, doors.sessions, url, backup, folder, grant)
