"""A backup by pg_dump of the server's own major version: one pass, one snapshot that is measured too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from diana_tools.command import CaptureCommand, Output
from diana_tools.databases import manifest
from diana_tools.databases.archive import Writer, Written, backup_name, require_space, sweep, work_folder
from diana_tools.databases.base import BackupRequest, Doors
from diana_tools.databases.postgresql import facts, programs
from diana_tools.databases.postgresql.state import state
from diana_tools.databases.postgresql.surroundings import surroundings
from diana_tools.errors import BackupError, ConnectionFailed
from diana_tools.measured import Backup, Schema, State, Surroundings
from diana_tools.redaction import bounded
from diana_tools.sessions import ReadSession

_LONGEST_S = 24 * 3600.0
_STATEMENT_MS = 15 * 60_000
_LOCK_WAIT_MS = 10_000
# What no file of the backup holds; sentences `missing.<id>` are in the catalogue.
_ALWAYS_MISSING = ("passwords", "tablespaces", "server_settings", "replication_slots")


@dataclass(frozen=True, slots=True)
class _Measured:
    """What was read in the dumped snapshot itself."""

    state: State
    surroundings: Surroundings


def programs_for(server_version: str) -> programs.Programs:
    """pg_dump and pg_restore of the server's major version: an older one refuses, a newer one's archive may not load.

    Raises:
        BackupError: `backup_program_missing` with the version wanted and those that were found.
    """
    major = programs.major_of(server_version)
    found = programs.find(major, programs.CLIENT)
    if found is None:
        there = ", ".join(programs.known(programs.CLIENT)) or "-"
        raise BackupError("backup_program_missing", {"version": str(major), "found": there})
    return found


def backup_program(server_version: str) -> str:
    """Program and version, for people."""
    return f"pg_dump {programs_for(server_version).version}"


async def backup(doors: Doors, request: BackupRequest, progress: Callable[[int], None]) -> Backup:
    """Dump, measure the dumped snapshot meanwhile, and write the manifest; see `databases.base.Database.backup`."""
    sweep(request.folder)
    stack = ExitStack()
    try:
        session = await asyncio.to_thread(
            stack.enter_context, doors.sessions.read(request.url, statement_timeout_ms=_STATEMENT_MS)
        )
        return await _in_snapshot(doors, request, session, progress)
    except ConnectionFailed as error:
        raise BackupError(error.code, error.fields | {"folder": str(request.folder)}) from None
    finally:
        await asyncio.to_thread(stack.close)


async def _in_snapshot(
    doors: Doors, request: BackupRequest, session: ReadSession, progress: Callable[[int], None]
) -> Backup:
    if session.greeted_pid() != session.one("SELECT pg_catalog.pg_backend_pid()"):
        raise BackupError("pooler_in_between", {"place": request.url.address.place, "error": "backend pid"})
    if facts.identity(session, request.url).digest != request.identity.digest:
        raise BackupError("database_changed", {"place": request.url.address.place})
    server = str(session.one("SHOW server_version"))
    found = programs_for(server)
    size = int(str(session.one("SELECT pg_catalog.pg_database_size(current_database())")))
    require_space(request.folder, size // 4)
    snapshot = str(session.one("SELECT pg_catalog.pg_export_snapshot()"))
    made = datetime.now(UTC)
    name = backup_name(request.identity.name, made, request.run)
    path = request.folder / f"{name}.{'dump' if found.zstd else 'dump.zst'}"
    with Writer(path, compress=not found.zstd) as writer, work_folder(request.folder, f".{name}") as private:
        command = _command(found, request, snapshot, private)
        dumping = asyncio.ensure_future(_dump(doors, command, request, writer, progress))
        measuring = asyncio.ensure_future(asyncio.to_thread(_measure, session, request.version_table))
        try:
            done, _ = await asyncio.wait((dumping, measuring), return_when=asyncio.FIRST_EXCEPTION)
            for task in done:
                task.result()
            output, measured = dumping.result(), measuring.result()
        finally:
            await _ended(session, dumping, measuring)
        written = writer.commit()
    return _recorded(request, name, made, written, measured, server, found, _warnings(output, request))


def _command(found: programs.Programs, request: BackupRequest, snapshot: str, private: Path) -> CaptureCommand:
    passfile = private / "pgpass"
    try:
        programs.write_passfile(passfile, request.url.password)
    except ValueError:
        raise BackupError("password_line_break", {"place": request.url.address.place, "error": "pgpass"}) from None
    argv = (
        found.path("pg_dump"), "-Fc", "--compress=zstd:3" if found.zstd else "--compress=0", "--no-password",
        f"--lock-wait-timeout={_LOCK_WAIT_MS}", f"--snapshot={snapshot}",
    )  # fmt: skip
    return CaptureCommand(argv, private, programs.client_environment(request.url, passfile), timeout=_LONGEST_S)


async def _dump(
    doors: Doors, command: CaptureCommand, request: BackupRequest, writer: Writer, progress: Callable[[int], None]
) -> Output:
    done = 0

    def sink(chunk: bytes) -> None:
        nonlocal done
        writer.write(chunk)
        done += len(chunk)
        progress(done)

    output = await doors.executor.capture(command, sink)
    if output.exit_code != 0 or output.timed_out or not done:
        raise BackupError(
            "backup_program_failed", {"program": "pg_dump", "error": said(output, (request.url.password,))}
        )
    return output


def said(output: Output, secrets: tuple[str, ...]) -> str:
    """The decisive lines of one of PostgreSQL's programs, without secrets, bounded."""
    lines = (output.stderr or output.stdout).splitlines()
    errors = [line for line in lines if "error:" in line.lower() or "fatal:" in line.lower()] or lines[-3:]
    words = " ".join(dict.fromkeys(line.strip() for line in errors[:3]))
    if output.timed_out:
        words = f"timeout {words}".strip()
    return bounded(words, 500, secrets) or f"exit {output.exit_code}"


def _measure(session: ReadSession, version_table: str) -> _Measured:
    measured = state(session, version_table, (), digests=True)
    return _Measured(measured, surroundings(session))


async def _ended(session: ReadSession, dumping: asyncio.Future[Output], measuring: asyncio.Future[_Measured]) -> None:
    """Neither the program nor the thread outlives the backup, whichever of them failed or was cancelled."""
    if not dumping.done():
        dumping.cancel()
    while not measuring.done():
        await asyncio.to_thread(session.stop)
        await asyncio.wait((measuring,), timeout=0.5)
    await asyncio.gather(dumping, measuring, return_exceptions=True)


def _recorded(
    request: BackupRequest,
    name: str,
    made: datetime,
    written: Written,
    measured: _Measured,
    server: str,
    found: programs.Programs,
    warnings: tuple[str, ...],
) -> Backup:
    dumped, invalid = _without_invalid(measured.state)
    beside = manifest.manifest_path(request.folder, name)
    backup = Backup(
        id=name, engine="postgresql", path=str(written.path), manifest=str(beside), size=written.size,
        sha256=written.sha256, identity=request.identity.digest, address=request.url.address,
        made_at=made.isoformat(timespec="seconds"), version=dumped.version, state=dumped, server=server,
        program=f"pg_dump {found.version}", batch=request.batch,
        missing=(*_ALWAYS_MISSING, *(("invalid_indexes",) if invalid else ()), *warnings),
        version_table=request.version_table, surroundings=measured.surroundings,
    )  # fmt: skip
    try:
        manifest.write(backup)
    except BackupError:
        written.path.unlink(missing_ok=True)
        raise
    return backup


def _without_invalid(measured: State) -> tuple[State, bool]:
    """pg_dump leaves invalid indexes out, so they are not what a restore is compared with."""
    kept = tuple(o for o in measured.schema.objects if not (o.kind == "index" and o.definition.endswith(" invalid")))
    return replace(measured, schema=Schema(kept)), len(kept) != len(measured.schema.objects)


def _warnings(output: Output, request: BackupRequest) -> tuple[str, ...]:
    lines = (bounded(line.strip(), 200, (request.url.password,)) for line in output.stderr.splitlines())
    return tuple(dict.fromkeys(line for line in lines if "warning" in line))[:10]
