"""Step 6 for plan_only: the tool's own dry run, or the best truth there is, named for what it is (S6)."""

from __future__ import annotations

import asyncio

from diana_agent import bodies
from diana_agent.events import Previewed
from diana_agent.run import Outcome, Run
from diana_agent.steps.look import own_text
from diana_tools.domain import Plan
from diana_tools.errors import ToolError
from diana_tools.measured import Preview
from diana_tools.migrate import measure


async def preview(run: Run) -> Outcome:
    """Show what would run; the target's fingerprint is the same before and after, or it is said loudly.

    Raises:
        ToolError: `preview_changed_target`.
    """
    plan, bench = run.need_plan(), run.need_bench()
    table = run.need_probe().version_table
    before = await asyncio.to_thread(measure, bench, table, digests=False)
    shown = await _shown(run, plan)
    after = await asyncio.to_thread(measure, bench, table, digests=False)
    if (before.schema, before.version) != (after.schema, after.version):
        raise ToolError("preview_changed_target")
    run.write(Previewed(preview=shown), "tool")
    if shown.why:
        run.note(f"preview.{shown.why}", "warn")
    run.note("preview.done", "good")
    return Outcome("done", bodies.preview(shown))


async def _shown(run: Run, plan: Plan) -> Preview:
    rehearsed = run.standing.rehearsal
    if rehearsed is not None and rehearsed.passed:
        return Preview("captured_sql", ";\n".join(one.sql for one in rehearsed.statements) + ";", "from_rehearsal")
    bench = run.need_bench()
    command = bench.adapter.preview(bench.project, run.need_probe(), plan.target) if plan.direction == "up" else None
    if command is None:
        return _texts(run, plan, "tool_has_none")
    told = bench.adapter.parse_preview(await run.doors.executor.query(command))
    if not told.sql:
        return _texts(run, plan, told.why or "tool_has_none")
    return Preview(told.kind, bench.redactor.text(told.sql), told.why)


def _texts(run: Run, plan: Plan, why: str) -> Preview:
    """The migrations' own text, where there is no SQL to be had."""
    parts = [f"# {one.path}\n{own_text(run, one.path) or run.catalogue.say('preview.outside')}" for one in plan.pending]
    return Preview("file_text", "\n\n".join(parts), why)
