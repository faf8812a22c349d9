"""What earlier runs recorded about this database, and the end of a change that no Diana was there to record."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from diana_agent import bodies
from diana_agent import events as ev
from diana_agent.heads import keep_head
from diana_agent.journal import Journal, whole_part
from diana_agent.lock import run_lock
from diana_agent.models.base import JsonValue
from diana_agent.run import Outcome, Run
from diana_agent.sentences import differences_said
from diana_agent.workflow import Standing, fold
from diana_tools import migrate as migrating
from diana_tools.backup import differences
from diana_tools.databases import manifest
from diana_tools.errors import ConnectionFailed, DianaError, LockHeld
from diana_tools.executor import ended, still_runs
from diana_tools.measured import Backup, ChangeResult, RecoveryResult
from diana_tools.permit import Act
from diana_tools.traffic import without_rows


@dataclass(frozen=True, slots=True)
class Unfinished:
    """An earlier run whose change has no recorded end."""

    path: Path
    standing: Standing
    started: ev.ChangeStarted


def last_change(run: Run) -> Standing | None:
    """Where the newest run stood that changed the connected database; a journal that is broken is passed over."""
    bench = run.need_bench()
    for _, standing in _earlier(run):
        change, there = standing.change, standing.connected
        if change is None or there is None or change.result.state == "unchanged":
            continue
        # A restore of PostgreSQL gives the database a new identity.
        restored = change.act == Act.RESTORE and there.address == bench.url.address
        if restored or (there.identity.digest == bench.identity.digest and standing.plan is not None):
            return standing
    return None


def restored_backup(run: Run, now: Standing) -> Backup | None:
    """The backup that the last change gave back, where that was a restore and the backup is still there."""
    if now.change is None or now.change.act != Act.RESTORE:
        return None
    named = (*now.change.result.applied, *now.change.result.not_applied)
    return next((one for one in manifest.find(run.need_bench().backup_folder) if one.id in named), None)


def unfinished(run: Run) -> Unfinished | None:
    """The newest earlier run that changed this database, if the end of its change was not recorded."""
    bench = run.need_bench()
    for path, standing in _earlier(run):
        started, there = standing.in_flight, standing.connected
        if there is None or (started is None and standing.change is None):
            continue
        # A restore of PostgreSQL gives the database a new identity half-way.
        restored = started is not None and started.act == Act.RESTORE and there.address == bench.url.address
        if there.identity.digest == bench.identity.digest or restored:
            return Unfinished(path, standing, started) if started is not None else None
    return None


def _earlier(run: Run) -> Iterator[tuple[Path, Standing]]:
    """Earlier runs that began a change, newest first; of a run that was killed, all that it had acknowledged."""
    paths = sorted(run.journal.path.parent.glob("*.jsonl"), key=lambda path: path.name, reverse=True)
    for path in paths:
        try:
            if path == run.journal.path or b'"change_started"' not in path.read_bytes():
                continue
            report, entries = whole_part(path)
        except (OSError, DianaError):
            continue
        if report.problem in ("", "journal_torn"):
            yield path, fold(entry.event for entry in entries)


def refuse_unfinished(run: Run) -> None:
    """Nothing may start on a database while nobody knows what an earlier change left there.

    Raises:
        LockHeld: `change_still_runs`, `change_unfinished`.
    """
    left = unfinished(run)
    if left is None:
        return
    _nothing_left(run, left)
    raise LockHeld("change_unfinished", {"run": left.path.stem})


def _nothing_left(run: Run, left: Unfinished) -> None:
    bench, name = run.need_bench(), left.path.stem
    alive = bool(left.started.log) and still_runs(Path(left.started.log))
    if not alive:
        with bench.doors.sessions.read(bench.url) as session:
            alive = bool(bench.database.left_of_run(session, name))
    if alive:
        raise LockHeld("change_still_runs", {"run": name})


async def reconcile(run: Run) -> tuple[str, Standing] | None:
    """Measure how a change ended that no Diana saw end, and add that to the record of its run; which, and its standing.

    None: there is no such change. A process that still holds the database is waited for by nobody here.

    Raises:
        LockHeld: `database_held`, `change_still_runs`.
        DianaError: the record of that run cannot be continued.
    """
    if await asyncio.to_thread(unfinished, run) is None:
        return None
    with run_lock(run.folders.state, run.need_bench()):
        left = await asyncio.to_thread(unfinished, run)
        if left is None:
            return None
        await asyncio.to_thread(_nothing_left, run, left)
        found = await _end_of(run, left)
        journal = Journal(left.path, run.clock)
        try:
            for event in found:
                journal.append(event, "tool")
            keep_head(run.folders.state, left.path.stem, journal)
            return left.path.stem, fold(journal.events())
        finally:
            journal.close()


async def _end_of(run: Run, left: Unfinished) -> tuple[ev.AnyEvent, ...]:
    plan, before, started = left.standing.plan, left.standing.before, left.started
    bench, table = run.need_bench(), run.need_probe().version_table
    if started.act == Act.RESTORE or plan is None:
        result = await asyncio.to_thread(_restored, run, left)
        return (ev.ChangeFinished(permit=started.permit, act=started.act, result=result),)
    if left.standing.change is not None:
        return await asyncio.to_thread(_taken_back, run, left)
    changed = ended(Path(started.log))
    result, after = await migrating.judge(bench, plan, changed, before, table)
    done = ev.ChangeFinished(permit=started.permit, act=started.act, result=result)
    return (done,) if after is None else (done, ev.Measured(moment="after", state=after))


def _restored(run: Run, left: Unfinished) -> ChangeResult:
    """A restore that was cut off: applied where the database is what the backup holds, else nobody knows."""
    bench, wanted = run.need_bench(), left.started.argv[-1:]
    made = next((one for one in manifest.find(bench.backup_folder) if (one.id,) == wanted), None)
    state, error = "unknown", "interrupted"
    if made is not None:
        try:
            now = migrating.measure(bench, run.need_probe().version_table, digests=True)
            state, error = ("unknown", error) if without_rows(differences(made.state, now)) else ("applied", "")
        except ConnectionFailed as failed:
            error = failed.code
    applied = wanted if state == "applied" else ()
    return ChangeResult(0 if applied else -1, 0.0, state, applied, () if applied else wanted, error)


def _taken_back(run: Run, left: Unfinished) -> tuple[ev.AnyEvent, ...]:
    """A recovery that was cut off: whether the database is as before the run is measured."""
    plan, before = left.standing.plan, left.standing.before
    try:
        now = migrating.measure(run.need_bench(), run.need_probe().version_table, digests=True)
    except ConnectionFailed as error:
        return (ev.Recovered(result=RecoveryResult("none", recovered=False, problems=(error.code,))),)
    if plan is None or before is None:
        return (ev.Recovered(result=RecoveryResult("none", recovered=False, problems=("unknown",))),)
    problems = migrating.left_behind(plan, differences(before, now))
    done = RecoveryResult("b", recovered=not problems, problems=problems)
    return ev.Measured(moment="recovered", state=now), ev.Recovered(result=done)


def told(run: Run, name: str, now: Standing) -> Outcome | None:
    """Say what came of an interrupted change; None where it was applied and the checks of step 8 can follow."""
    change = now.change
    if change is None:
        return None
    result, recovered = change.result, now.recovered.result if now.recovered is not None else None
    body = bodies.change(result, recovered)
    if result.state == "applied":
        run.note("earlier.applied", "good", run=name)
        return None if change.act != Act.RESTORE and now.plan is not None else Outcome("done", body)
    fields = (("log", result.log), ("error", result.error))
    if result.state == "unchanged" or (recovered is not None and recovered.recovered):
        run.note("earlier.unchanged", "good", run=name)
        return Outcome("failed", body, "migration_failed", fields, exit_code=7)
    problems = _problems(now)
    body["left"] = list[JsonValue](problems)
    run.note("earlier.partial", "bad", run=name, problems=differences_said(problems, run.catalogue) or "?")
    say_way_back(run, now)
    return Outcome("failed", body, "person_needed", fields, exit_code=8)


def say_way_back(run: Run, now: Standing) -> None:
    """The command that gives the state before the run back, or that there is none."""
    if now.backup is not None:
        run.note("recovery.how", "warn", backup=now.backup.id, project=str(run.project))
    else:
        run.note("recovery.by_hand", "warn")


def _problems(now: Standing) -> tuple[str, ...]:
    if now.recovered is not None and now.recovered.result.problems:
        return now.recovered.result.problems
    if now.plan is not None and now.before is not None and now.after is not None:
        return migrating.left_behind(now.plan, differences(now.before, now.after))
    return (now.change.result.error,) if now.change is not None else ()
