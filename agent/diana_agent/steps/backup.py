"""Step 5: the backup, its proof by the strongest means the policy allows, and its copies (S5)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from diana_agent import bodies
from diana_agent.events import BackedUp, Copied, Proven
from diana_agent.run import Outcome, Run
from diana_agent.steps.approved import refused_early
from diana_agent.steps.prerequisites import megabytes
from diana_agent.steps.scratch import open_scratch, rows_allowed, scratch_grant
from diana_agent.stores import usable_stores
from diana_tools.backup import copy_to, make_backup, prove_restored, scratch_operation
from diana_tools.databases import manifest
from diana_tools.errors import BackupError, RehearsalError
from diana_tools.measured import Backup, Grade
from diana_tools.traffic import table_of, uncompared

_SHOW_EVERY_S = 0.5


async def backup(run: Run) -> Outcome:
    """Back up, prove, and copy to every store; what each showed is recorded as it is known.

    Raises:
        BackupError: the backup, its proof or its copy failed; the run may not go on.
    """
    plan, bench = run.need_plan(), run.need_bench()
    refusal = await refused_early(run, plan)
    if refusal is not None:
        return Outcome("refused", reason=refusal.reason, fields=refusal.fields, exit_code=4)
    table = run.need_probe().version_table
    made = await make_backup(bench, plan, table, _progress(run, "progress.backup"))
    made = replace(made, journal=run.journal.head)
    await asyncio.to_thread(manifest.update, made)
    run.write(BackedUp(backup=made), "tool")
    run.note(
        "backup.made",
        "good",
        path=made.path,
        size=megabytes(made.size),
        checksum=made.sha256,
        folder=str(bench.backup_folder),
    )
    if rows_allowed(run):
        made = await _proven(run, made, plan.plan_hash, table)
    else:
        run.note("backup.rows_not_allowed", "warn")
    await _copied(run, made)
    kept = run.need_backup()
    await asyncio.to_thread(manifest.update, kept)
    return Outcome("done", bodies.backup(kept))


async def _proven(run: Run, made: Backup, plan_hash: str, table: str) -> Backup:
    bench, connected = run.need_bench(), run.need_connected()
    operation = scratch_operation(bench, plan_hash, connected.facts.version)
    grant = await scratch_grant(run, "backup", operation)
    started = time.monotonic()
    try:
        async with open_scratch(run, grant) as scratch:
            proof = await prove_restored(bench, made, scratch, grant, table)
    except RehearsalError as error:
        run.note("backup.not_restored", "warn", error=run.catalogue.say(f"error.{error.code}", **error.fields))
        return made
    if proof.grade is Grade.NONE:
        run.write(Proven(backup=made.id, proof=proof), "tool")
        raise BackupError("backup_differs", {"path": made.path, "error": ", ".join(proof.problems[:5])})
    run.write(Proven(backup=made.id, proof=proof), "tool")
    if missing := uncompared(proof.checks):
        tables = ", ".join(map(table_of, missing[:5]))
        run.note("backup.content_not_compared", "warn", count=str(len(missing)), tables=tables)
    else:
        run.note("backup.proven", "good", seconds=f"{time.monotonic() - started:.1f}")
    return run.need_backup()


async def _copied(run: Run, made: Backup) -> None:
    for store in usable_stores(run, run.need_bench().url.address):
        for copy in await copy_to((store,), made, _progress(run, "progress.copy")):
            run.write(Copied(backup=made.id, copy_=copy), "tool")
            run.note("backup.copied", "good", store=copy.store, location=copy.location)


def _progress(run: Run, message: str) -> Callable[[int], None]:
    """A counter of bytes as live lines, at most two a second; it is called from worker threads."""
    last = 0.0

    def shown(done: int) -> None:
        nonlocal last
        if time.monotonic() - last >= _SHOW_EVERY_S:
            last = time.monotonic()
            run.line(run.catalogue.say(message, size=megabytes(done)))

    return shown
