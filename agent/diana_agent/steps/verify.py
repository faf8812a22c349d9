"""Step 8: what was done is checked against what the rehearsal expected; what was not checked is named (S8)."""

from __future__ import annotations

import asyncio

from diana_agent import bodies
from diana_agent.events import Verified
from diana_agent.run import Outcome, Run
from diana_agent.steps.earlier import last_change, reconcile, restored_backup, told
from diana_agent.workflow import Standing
from diana_tools.errors import ToolError
from diana_tools.measured import Verification
from diana_tools.verify import verify as check
from diana_tools.verify import verify_restored

WARNINGS = {
    "history": "verify.history", "schema": "verify.schema", "data": "verify.data",
    "connectivity": "verify.connectivity",
}  # fmt: skip


async def verify(run: Run) -> Outcome:
    """Check this run's change, or the last one that an earlier run made on this database.

    One whose end no Diana saw is measured first, and its outcome is recorded and said.

    Raises:
        ToolError: `nothing_to_verify` when no run has changed this database.
        LockHeld: a change is still running on this database.
    """
    standing = run.standing
    if standing.change is None and standing.in_flight is None:
        seen = await reconcile(run)
        if seen is not None:
            outcome = told(run, *seen)
            if outcome is not None:
                return outcome
        standing = seen[1] if seen is not None else last_change(run) or standing
    done = await _checked(run, standing)
    run.write(Verified(verification=done), "tool")
    body = bodies.verification(done)
    for one in done.checks:
        if one.passed is False:
            run.note(WARNINGS[one.name], "bad" if one.critical else "warn")
    passed = sum(one.passed is True for one in done.checks)
    run.note("verify.result", "good" if done.passed else "warn", passed=str(passed), total=str(len(done.checks)))
    if done.critical:
        run.note("verify.critical", "bad")
    if any(one.passed is False for one in done.checks):
        return Outcome("failed", body, "verification_failed", exit_code=9)
    return Outcome("done", body)


async def _checked(run: Run, standing: Standing) -> Verification:
    """The checks of a migration, or of a restore where that was the last change."""
    bench, table = run.need_bench(), run.need_probe().version_table
    made = await asyncio.to_thread(restored_backup, run, standing)
    if made is not None:
        return await verify_restored(bench, made, table)
    if standing.plan is None:
        raise ToolError("nothing_to_verify")
    return await check(bench, standing.plan, standing.rehearsal, standing.before, table)
