"""The pending migrations on a proven scratch, by the user's own tool, everything measured (guard's design, 18)."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from diana_tools.adapters.base import Override, RehearsalOutput
from diana_tools.backup import differences
from diana_tools.command import WriteCommand
from diana_tools.databases.base import Grant, Scratch
from diana_tools.domain import DatabaseUrl, Plan
from diana_tools.errors import BackupError, ConnectionFailed, RehearsalError, ScratchBreach, ToolError
from diana_tools.live import for_people
from diana_tools.measured import Backup, Rehearsal, State
from diana_tools.permit import Act, Operation, Use
from diana_tools.traffic import own, without_rows
from diana_tools.workbench import Workbench, look

RUN = "rehearse"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A rehearsal before its permit: the marker, the redirection, the command and the whole operation."""

    marker: str
    override: Override
    command: WriteCommand
    operation: Operation


def prepare(bench: Workbench, plan: Plan, scratch_url: DatabaseUrl) -> Prepared:
    """Decide everything that the run on a scratch will do, so that its permit can be bound to it."""
    marker = secrets.token_hex(16)
    override = bench.adapter.override(bench.project, scratch_url, bench.scratch_folder)
    command = bench.adapter.rehearse(bench.project, override, marker, plan.direction, plan.target, bench.timeout)
    operation = Operation(
        act=Act.SCRATCH, tool=bench.adapter.tool, identity=bench.identity.digest, plan_hash=plan.plan_hash,
        uses=(Use(RUN, command.digest),), recovery="destroy",
    )  # fmt: skip
    return Prepared(marker, override, command, operation)


@dataclass(frozen=True, slots=True)
class Grants:
    """The two permits of a rehearsal: for the scratch, and for the run on it; `rows` tells the kind."""

    scratch: Grant
    run: Grant
    rows: bool


async def load(scratch: Scratch, backup: Backup, grant: Grant, *, rows: bool) -> None:
    """Fill a scratch from the backup: with its rows, or the schema and the migration table alone.

    Raises:
        RehearsalError: `backup_not_restorable`, with the engine's words.
    """
    try:
        await (scratch.load(backup, grant) if rows else scratch.load_schema(backup, grant))
    except BackupError as error:
        raise RehearsalError(error.code, error.fields) from None


async def rehearse(
    bench: Workbench,
    plan: Plan,
    prepared: Prepared,
    scratch: Scratch,
    backup: Backup,
    grants: Grants,
    version_table: str,
    line: Callable[[str], None],
) -> Rehearsal:
    """Run the migrations on a loaded scratch, after the tool's own probe has reported the marker.

    Raises:
        RehearsalError: `marker_not_seen`: the tool went elsewhere; nothing was run.
        ScratchBreach: the target's schema, history or rows differ after the rehearsal.
    """
    target_before = await asyncio.to_thread(_target, bench, version_table)
    await scratch.mark(prepared.marker, grants.scratch)
    _write_override(prepared.override)
    try:
        probe = await look(bench.adapter, bench.project, bench.doors, prepared.override)
    except (ToolError, ConnectionFailed) as error:
        raise RehearsalError("scratch_not_reached", {"error": error.fields.get("error", "") or error.code}) from None
    if probe.marker != prepared.marker:
        there = probe.url.address.place if probe.url else ""
        raise RehearsalError("marker_not_seen", {"place": there, "scratch": scratch.place})
    before = await asyncio.to_thread(_state, bench, scratch.url, version_table)
    run = grants.run
    changed = await bench.doors.executor.change(prepared.command, run.permit, run.operation, run.use(RUN), _human(line))
    target_after = await asyncio.to_thread(_target, bench, version_table)
    breach = _breach(plan, target_before, target_after)
    if breach:
        raise ScratchBreach("target_changed", {"what": ", ".join(breach[:5])})
    told = bench.adapter.parse_rehearsal(changed.output)
    if told.marker != prepared.marker:
        raise RehearsalError("marker_not_seen", {"place": "", "scratch": scratch.place})
    after = await asyncio.to_thread(_state, bench, scratch.url, version_table)
    passed = changed.output.exit_code == 0 and not told.error
    return Rehearsal(
        kind="full" if grants.rows else "schema", scratch=scratch.place, passed=passed,
        seconds=changed.output.seconds, statements=told.statements, before=before,
        after=after if passed else None, error=_error(bench, told, changed.output.exit_code), failed=told.failed,
        opened=told.opened, backup=backup.id, target=_seen(target_before, target_after),
        version_table=version_table,
    )  # fmt: skip


def _human(line: Callable[[str], None]) -> Callable[[str], None]:
    """Only what the tool says to people: the rehearsal's own machine-readable lines stay in the log."""
    plainly = for_people(line)

    def shown(text: str) -> None:
        if text.strip() and not text.startswith("@@"):
            plainly(text)

    return shown


def _error(bench: Workbench, told: RehearsalOutput, exit_code: int) -> str:
    return bench.redactor.text(told.error, 1200) or (
        "" if exit_code == 0 else f"{bench.adapter.tool}: exit {exit_code}"
    )


def _write_override(override: Override) -> None:
    for path, text in override.files.items():
        path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
        path.unlink(missing_ok=True)
        Path(path).touch(mode=0o600)
        path.write_text(text)


@dataclass(frozen=True, slots=True)
class _Target:
    """The target at one moment, and whether anybody else could write it then."""

    state: State
    alone: bool


def _target(bench: Workbench, version_table: str) -> _Target:
    """For a file its content too; on a server others write as they like, so schema, history and counts must do."""
    whole = bench.url.engine == "sqlite"
    with bench.doors.sessions.read(bench.url) as session:
        state = bench.database.state(session, version_table, (), digests=whole)
        return _Target(state, alone=whole and not bench.database.blockers(session))


def _seen(before: _Target, after: _Target) -> str:
    """What may be said of the target after a rehearsal that breached nothing; see `Rehearsal.target`."""
    if differences(before.state, after.state):
        return "moved"
    return "content" if before.state.digests and after.state.digests else "counts"


def _state(bench: Workbench, url: DatabaseUrl, version_table: str) -> State:
    with bench.doors.sessions.read(url) as session:
        return bench.database.state(session, version_table, (), digests=False)


def _breach(plan: Plan, before: _Target, after: _Target) -> tuple[str, ...]:
    """Schema and history must not move at all; rows may, where an application goes on writing.

    An application that opens the file for each request is seen by nobody; so only tables that the run can write count.
    """
    found = differences(before.state, after.state)
    return own(found, plan.tables) if before.alone and after.alone else without_rows(found)
