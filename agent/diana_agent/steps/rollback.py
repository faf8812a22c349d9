"""S7.6: planning the way down, then running it; the first call plans, the second one runs what was shown."""

from __future__ import annotations

from diana_agent.run import Outcome, Run
from diana_agent.steps.migrate import change
from diana_agent.steps.plan import aim_of, fresh_plan, record
from diana_tools.errors import ToolError


async def rollback(run: Run) -> Outcome:
    """Plan the way down if that was not shown yet; else run it.

    Raises:
        ToolError: `cannot_roll_back` where the tool has no way down.
    """
    bench, plan = run.need_bench(), run.standing.plan
    if not bench.adapter.can_roll_back:
        raise ToolError("cannot_roll_back", {"tool": bench.adapter.title})
    if plan is None or plan.direction != "down" or run.standing.applied:
        return record(run, await fresh_plan(run, aim_of(run, "down")))
    return await change(run, "rollback")
