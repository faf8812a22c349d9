"""Step 6, the dry run that nobody else has: the pending migrations on a scratch that is proven to be one."""

from __future__ import annotations

from diana_agent import bodies
from diana_agent.events import Planned, Rehearsed
from diana_agent.run import Outcome, Run
from diana_agent.steps.plan import with_rehearsal
from diana_agent.steps.scratch import open_scratch, rows_allowed, scratch_grant
from diana_tools import rehearse as rehearsing
from diana_tools.backup import scratch_operation
from diana_tools.errors import RehearsalError
from diana_tools.measured import Rehearsal


async def rehearse(run: Run) -> Outcome:
    """Rehearse the plan; where no scratch can be proven, say so and leave the target alone.

    Raises:
        ScratchBreach: the target changed meanwhile (exit 8).
    """
    try:
        done = await _rehearsed(run)
    except RehearsalError as error:
        run.guard.refuse("rehearse", error.code, error.fields)
        return Outcome("refused", reason=error.code, fields=tuple(error.fields.items()), exit_code=5)
    run.write(Rehearsed(rehearsal=done), "tool")
    plan = run.need_plan()
    if not done.passed:
        run.note("rehearse.failed", "bad", migration=done.failed, error=done.error)
        run.note(f"rehearse.target.{done.target}", "good" if done.target != "moved" else "warn")
        return Outcome("failed", bodies.rehearsal(done), "rehearsal_failed", exit_code=5)
    better = with_rehearsal(run, plan, done)
    if better != plan:
        run.write(Planned(plan=better), "tool")
    run.note(
        f"rehearse.passed.{done.kind}", "good", seconds=f"{done.seconds:.1f}", statements=str(len(done.statements))
    )
    run.note(f"rehearse.target.{done.target}", "good" if done.target != "moved" else "warn")
    return Outcome("done", bodies.rehearsal(done) | {"plan_hash": better.plan_hash, "plan_code": better.code_word})


async def _rehearsed(run: Run) -> Rehearsal:
    bench, plan, made, connected = run.need_bench(), run.need_plan(), run.need_backup(), run.need_connected()
    rows = rows_allowed(run)
    grant = await scratch_grant(run, "rehearse", scratch_operation(bench, plan.plan_hash, connected.facts.version))
    async with open_scratch(run, grant) as scratch:
        await rehearsing.load(scratch, made, grant, rows=rows)
        prepared = rehearsing.prepare(bench, plan, scratch.url)
        grants = rehearsing.Grants(grant, await scratch_grant(run, "rehearse", prepared.operation), rows)
        table = run.need_probe().version_table
        return await rehearsing.rehearse(bench, plan, prepared, scratch, made, grants, table, run.line)
