"""Step 4: the plan, with findings and live counts; nothing is written to the database (S4)."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace

from diana_agent import bodies
from diana_agent.events import Planned
from diana_agent.guard.rules import gate_of
from diana_agent.run import Outcome, Run
from diana_agent.steps.detect import say_origin
from diana_agent.workflow import same_work
from diana_config.settings import Mode
from diana_tools.domain import Environment, Finding, Plan
from diana_tools.errors import ToolError
from diana_tools.measured import Rehearsal
from diana_tools.plan import Aim, Gate, cleared, make_plan, pinned
from diana_tools.workbench import look


async def plan(run: Run) -> Outcome:
    """Plan in the direction that the person's mode asks for."""
    made = await fresh_plan(run, aim_of(run, "down" if run.settings.mode is Mode.ROLLBACK else "up"))
    return record(run, made)


def record(run: Run, made: Plan) -> Outcome:
    """Write a plan down and say what it means."""
    run.write(Planned(plan=made), "tool")
    say_origin(run, made.tool)
    if not made.pending:
        run.note("plan.up_to_date" if made.direction == "up" else "plan.nothing_to_roll_back", "good")
        return Outcome("nothing", bodies.plan(made))
    run.note(
        "plan.summary" if made.direction == "up" else "plan.summary_down", count=str(len(made.pending)),
        current=", ".join(made.current) or "-", target=", ".join(made.target) or "-", code=made.code_word,
    )  # fmt: skip
    if made.destructive:
        run.note("plan.destructive", "bad", objects=", ".join(objects(made)) or "?")
    run.note("plan.estimate", seconds=f"{made.estimate.seconds:g}", confidence=made.estimate.confidence)
    return Outcome("done", bodies.plan(made))


def objects(made: Plan) -> tuple[str, ...]:
    """What loses data, once each, and the files nobody could read."""
    lost = [finding.object for finding in made.findings if finding.data_loss]
    return tuple(dict.fromkeys((*lost, *(one.file for one in made.unread))))


def aim_of(run: Run, direction: str) -> Aim:
    """How far the person wants to go: everything, a version, or a count (O14); never said by a model."""
    return Aim(direction, run.settings.version, run.settings.count)


async def fresh_plan(run: Run, aim: Aim) -> Plan:
    """Plan now, and carry over what a rehearsal of the same work has cleared.

    Raises:
        ToolError: `environment_unknown` before anything was asked of the database.
    """
    standing, bench = run.standing, run.need_bench()
    if standing.environment is None:
        raise ToolError("environment_unknown")
    run.probe = await look(bench.adapter, bench.project, bench.doors)
    made = await asyncio.to_thread(
        make_plan, bench, run.probe, standing.environment, aim, gate(run, standing.environment)
    )
    earlier = standing.plan
    if standing.rehearsal is None or earlier is None or not same_work(made, earlier):
        return made
    better = pinned(with_rehearsal(run, made, standing.rehearsal), run.project)
    # A file that only the run itself opens has changed: what the rehearsal cleared is not what would run.
    return better if better.opened == earlier.opened else made


def with_rehearsal(run: Run, made: Plan, rehearsal: Rehearsal) -> Plan:
    """The plan after a rehearsal: unread statements read as they really ran, the time measured."""
    live = rehearsal.before.schema
    after = cleared(made, rehearsal, run.need_bench().url.engine, live, gate(run, made.environment))
    known = {(f.rule, f.object): f for f in made.findings}
    return replace(after, findings=tuple(_counted(f, known.get((f.rule, f.object))) for f in after.findings))


def _counted(finding: Finding, earlier: Finding | None) -> Finding:
    return finding if finding.loss is not None or earlier is None else replace(finding, loss=earlier.loss)


def gate(run: Run, where: Environment) -> Gate:
    """The effective policy: its digest (a plan confirmed under one is void under another) and each rule's level."""
    policy = run.settings.policy
    digest = hashlib.sha256(repr(policy).encode()).hexdigest()[:16]
    return Gate(digest, lambda rule, level: gate_of(policy.severity(rule, level), where.level))
