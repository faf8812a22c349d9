"""What proof and rehearsal share: may rows be copied, a permit of kind scratch, a scratch that is always removed."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from diana_agent.guard.guard import Refusal, Request
from diana_agent.guard.policy import Verdict
from diana_agent.journal import held
from diana_agent.run import Run
from diana_tools import registry
from diana_tools.databases.base import Grant, Scratch
from diana_tools.domain import Level
from diana_tools.errors import PermitRefused
from diana_tools.permit import Operation

_LONGEST_RESTORE_S = 12 * 3600.0


def rows_allowed(run: Run) -> bool:
    """Rows go into a scratch in dev and staging; in production only by the person's own policy (guard's design, 18)."""
    where = run.standing.environment
    if where is None:
        return False
    return where.level is not Level.PRODUCTION or run.settings.policy.scratch_rows_in_production


async def scratch_grant(run: Run, verb: str, operation: Operation) -> Grant:
    """A permit for making, loading, marking and destroying a scratch; it is not asked for, but it is recorded.

    Raises:
        PermitRefused: the guard took the verb away.
    """
    where = run.standing.environment
    level = where.level if where is not None else Level.PRODUCTION
    answer = await run.guard.permit(
        Request(verb=verb, operation=operation, level=level, destructive=False, grade="", verdict=Verdict(), fields={})
    )
    if isinstance(answer, Refusal):
        raise PermitRefused(answer.reason)
    return Grant(answer, operation)


def sweep(run: Run) -> int:
    """End and remove the scratches of Dianas that were killed; how many there were."""
    swept = 0
    for folder in (run.folders.state / "scratch").glob("*-*"):
        owner = run.folders.state / "runs" / f"{folder.name.rpartition('-')[0]}.jsonl"
        if owner == run.journal.path or held(owner) or _restoring(folder):
            continue
        for database in registry.databases().values():
            database.sweep_scratch(folder)
        shutil.rmtree(folder, ignore_errors=True)
        swept += 1
    return swept


def _restoring(folder: Path) -> bool:
    """Whether a restore over the database may still read from there: it goes on when its Diana is gone."""
    work = folder / "restore.part"
    return work.exists() and time.time() - work.stat().st_mtime < _LONGEST_RESTORE_S


@asynccontextmanager
async def open_scratch(run: Run, grant: Grant) -> AsyncGenerator[Scratch]:
    """An empty scratch of the target's engine and version, destroyed on the way out whatever happened."""
    bench, connected = run.need_bench(), run.need_connected()
    scratch = await bench.database.scratch(bench.doors, bench.scratch_folder, bench.url, connected.facts.version, grant)
    try:
        yield scratch
    finally:
        await asyncio.shield(scratch.destroy())
