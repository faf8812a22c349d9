"""Giving a backup's state back over the database: its own permit, its own phrase, and never by itself (rung e)."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass, replace
from pathlib import Path

from diana_agent import events as ev
from diana_agent.guard import policy
from diana_agent.guard.guard import Refusal, Request
from diana_agent.guard.levels import kinship
from diana_agent.lock import run_lock
from diana_agent.run import Outcome, Run
from diana_agent.sentences import differences_said
from diana_agent.steps.earlier import refuse_unfinished
from diana_agent.steps.environment import file_of
from diana_agent.steps.facts_for_person import restore_facts
from diana_tools.backup import differences
from diana_tools.databases import manifest
from diana_tools.databases.base import Grant
from diana_tools.domain import Environment
from diana_tools.errors import BackupError, ConnectionFailed, DianaError
from diana_tools.measured import Backup, ChangeResult, State
from diana_tools.migrate import measure
from diana_tools.permit import Act, Operation
from diana_tools.traffic import table_of, uncompared, without_rows


async def restore(run: Run, backup_id: str) -> Outcome:
    """Restore one backup of the connected database; empty `backup_id` means the newest.

    Raises:
        BackupError: `no_backup`, `backup_changed`: nothing was started.
        LockHeld: another run has the database.
    """
    bench = run.need_bench()
    made = await asyncio.to_thread(_find, run, backup_id)
    with run_lock(run.folders.state, bench):
        await asyncio.to_thread(refuse_unfinished, run)
        return await _restored(run, made)


def _find(run: Run, backup_id: str) -> Backup:
    bench = run.need_bench()
    for made in manifest.find(bench.backup_folder):
        # A restore of PostgreSQL gives the database a new identity, so the place counts too; the content is compared.
        same = made.identity == bench.identity.digest or made.address == bench.url.address
        if backup_id in ("", made.id) and same:
            break
    else:
        raise BackupError("no_backup", {"id": backup_id or "-", "folder": str(bench.backup_folder)})
    with Path(made.path).open("rb") as handle:
        if hashlib.file_digest(handle, "sha256").hexdigest() != made.sha256:
            raise BackupError("backup_changed", {"path": made.path})
    return made


async def _restored(run: Run, made: Backup) -> Outcome:
    bench, where = run.need_bench(), run.need_environment()
    before = await asyncio.to_thread(measure, bench, made_table(run), digests=True)
    uses = bench.database.restore_uses(bench.url, made, bench.scratch_folder)
    operation = Operation(
        act=Act.RESTORE, tool=bench.adapter.tool, identity=bench.identity.digest, plan_hash=f"restore:{made.sha256}",
        uses=uses, recovery="failed state kept", backup=made.id,
    )  # fmt: skip
    request = Request(
        verb="restore", operation=operation, level=where.level, destructive=True, grade=made.grade.value,
        verdict=policy.restore(where.level, made, bench.url.address.name),
        fields={"database": bench.url.address.name, "backup": made.id, "made_at": made.made_at},
        facts=restore_facts(run, made, before), assume_yes=run.said.yes,
    )  # fmt: skip
    answer = await run.guard.permit(request)
    if isinstance(answer, Refusal):
        return Outcome("refused", reason=answer.reason, fields=answer.fields, exit_code=4)
    run.write(ev.ChangeStarted(permit=answer.id, act=answer.act.value, argv=("restore", made.id), log=""), "guard")
    started = time.monotonic()
    try:
        kept = await bench.database.restore(
            bench.doors, bench.url, made, bench.scratch_folder, Grant(answer, operation)
        )
    except DianaError as error:
        return await _failed(run, _Attempt(answer.id, made, started), before, error)
    try:
        found = await _compared(run, made)
    except DianaError as error:
        return _unclear(run, _Attempt(answer.id, made, started), error)
    problems, missing = without_rows(found), uncompared(found)
    state = "applied" if not problems else "partial"
    run.write(_finished(_Attempt(answer.id, made, started), state, ", ".join(problems[:5])), "tool")
    if problems:
        run.note("restore.differs", "bad", problems=differences_said(problems, run.catalogue))
        return Outcome(
            "failed", {"restored": False, "kept": kept, "problems": list(problems)}, "restore_differs", exit_code=8
        )
    try:
        await asyncio.to_thread(_pinned_again, run, where)
    except ConnectionFailed as error:
        run.note(f"error.{error.code}", "warn", **error.fields)
    if missing:
        tables = ", ".join(map(table_of, missing[:5]))
        run.note("restore.not_compared", "warn", backup=made.id, kept=kept, tables=tables, count=str(len(missing)))
    else:
        run.note("restore.done", "good", backup=made.id, kept=kept)
    return Outcome("done", {"restored": True, "kept": kept, "backup": made.id, "version": list(made.version)})


def _pinned_again(run: Run, where: Environment) -> None:
    """The restored database may be another one by its identity: what it is run as is remembered for that too."""
    bench = run.need_bench()
    with bench.doors.sessions.read(bench.url) as session:
        identity = bench.database.identity(session, bench.url)
    run.bench = replace(bench, identity=identity)
    path = file_of(bench.url)
    run.known.remember(identity.digest, where.name, where.level.value, kinship(identity), path)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A restore under way; `started` is a monotonic time."""

    permit: str
    made: Backup
    started: float


async def _failed(run: Run, attempt: _Attempt, before: State, error: DianaError) -> Outcome:
    """A restore that failed: whether the database is as it was is measured, whatever the engine said."""
    try:
        left = differences(before, await asyncio.to_thread(measure, run.need_bench(), made_table(run), digests=True))
    except ConnectionFailed:
        left = ("unknown",)
    run.write(_finished(attempt, "unchanged" if not left else "unknown", error.code), "tool")
    if left:
        return _person_needed(run, error, attempt.made)
    fields = tuple(error.fields.items())
    run.note(f"error.{error.code}", "bad", **error.fields)
    return Outcome("failed", {"restored": False}, error.code, fields, exit_code=7)


def _unclear(run: Run, attempt: _Attempt, error: DianaError) -> Outcome:
    """The engine restored, and the result could not be looked at.

    Raises:
        DianaError: the record cannot be continued.
    """
    if error.code.startswith("journal_"):
        raise error
    run.write(_finished(attempt, "unknown", error.code), "tool")
    return _person_needed(run, error, attempt.made)


def _person_needed(run: Run, error: DianaError, made: Backup) -> Outcome:
    """What the database holds is not known, or not what it was: a person's business, whatever kind of failure it is."""
    run.note(f"error.{error.code}", "bad", **error.fields)
    run.note("restore.unclear", "bad", problems=differences_said((error.code,), run.catalogue))
    run.note("recovery.how", "warn", backup=made.id, project=str(run.project))
    fields = tuple(error.fields.items())
    return Outcome("failed", {"restored": False}, error.code, fields, exit_code=8)


async def _compared(run: Run, made: Backup) -> tuple[str, ...]:
    """The restored database against the state that was in the backup; the identity may be new, the content not."""
    bench = run.need_bench()
    now = await asyncio.to_thread(measure, bench, made_table(run), digests=True)
    run.write(ev.Measured(moment="recovered", state=replace(now)), "tool")
    # The engine compared every row where nobody else could write yet; what moves afterwards is other sessions' work.
    return differences(made.state, now)


def made_table(run: Run) -> str:
    """The tool's own table."""
    return run.need_probe().version_table


def _finished(attempt: _Attempt, state: str, error: str) -> ev.ChangeFinished:
    good, made = state == "applied", attempt.made
    result = ChangeResult(
        exit_code=0 if good else 1, seconds=time.monotonic() - attempt.started, state=state,
        applied=(made.id,) if good else (), not_applied=() if good else (made.id,), error=error,
    )  # fmt: skip
    return ev.ChangeFinished(permit=attempt.permit, act=Act.RESTORE.value, result=result)
