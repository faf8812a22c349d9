"""Step 7: the tool's real command under a permit, then the state by measurement, never by its words."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from diana_tools import traffic
from diana_tools.adapters.base import Probe
from diana_tools.backup import differences
from diana_tools.command import WriteCommand
from diana_tools.databases.base import Grant
from diana_tools.domain import Plan
from diana_tools.errors import ChangeFailed, DianaError
from diana_tools.executor import UNWATCHED, Changed, still_runs, unwatched
from diana_tools.live import for_people
from diana_tools.measured import ChangeResult, RecoveryResult, State
from diana_tools.permit import Act, Operation, Use
from diana_tools.redaction import Redactor
from diana_tools.workbench import Workbench, look

RUN = "run"
BACK = "back"
LOG = "output.log"


@dataclass(frozen=True, slots=True)
class Ready:
    """An apply or rollback before its permit: its command, the way back by the tool, and the operation."""

    command: WriteCommand
    back: WriteCommand | None
    operation: Operation


def prepare(bench: Workbench, plan: Plan, probe: Probe, backup: str | None) -> Ready:
    """Fix the command, and for rung b the tool's own down, so that one permit carries both."""
    if plan.direction == "down":
        command, back = bench.adapter.rollback(bench.project, probe, plan.target, bench.timeout), None
    else:
        command = bench.adapter.apply(bench.project, plan.target, bench.timeout)
        wanted = plan.recovery.rung == "b" and bench.adapter.can_roll_back
        back = bench.adapter.rollback(bench.project, probe, plan.current, bench.timeout) if wanted else None
    named = dict(bench.database.run_environment(bench.run, bench.server_version))
    command = replace(command, env={**command.env, **named})
    cancel = tuple(replace(use, recovery=True) for use in bench.database.cancel_uses(bench.url))
    uses = (Use(RUN, command.digest), *((Use(BACK, back.digest, recovery=True),) if back else ()), *cancel)
    operation = Operation(
        act=Act.ROLLBACK if plan.direction == "down" else Act.APPLY, tool=plan.tool, identity=plan.identity,
        plan_hash=plan.plan_hash, uses=uses, recovery=plan.recovery.rung, backup=backup,
    )  # fmt: skip
    return Ready(command, back, operation)


def measure(bench: Workbench, version_table: str, *, digests: bool) -> State:
    """The target's state now, in one snapshot."""
    with bench.doors.sessions.read(bench.url) as session:
        return bench.database.state(session, version_table, (), digests=digests)


async def run(
    bench: Workbench,
    plan: Plan,
    ready: Ready,
    grant: Grant,
    before: State,
    version_table: str,
    line: Callable[[str], None],
) -> tuple[ChangeResult, State | None]:
    """Run the command to its end and say what is true of the database afterwards, with its state if it could be read.

    `state` is `applied` only when the history shows the target; `unchanged` only when schema, history and the rows
    of the tables that the plan touches are as before; `partial` otherwise; `unknown` when the database could not
    be read, or a statement could not be ended on it.
    """
    changed = await _change(bench, ready.command, grant, RUN, line)
    try:
        if await _left_running(bench, changed, grant):
            return _unknown(bench, plan, changed, "still_running"), None
    except DianaError as error:
        return _unknown(bench, plan, changed, error.code), None
    return await judge(bench, plan, changed, before, version_table)


def _unknown(bench: Workbench, plan: Plan, changed: Changed, code: str) -> ChangeResult:
    return _result(bench, plan, changed, "unknown", (), tuple(m.id for m in plan.pending), code)


async def judge(
    bench: Workbench, plan: Plan, changed: Changed, before: State | None, version_table: str
) -> tuple[ChangeResult, State | None]:
    """What is true of the database after a command that has ended; see `run`. `before` None: it was not kept."""
    try:
        probe = await look(bench.adapter, bench.project, bench.doors)
        after = await asyncio.to_thread(measure, bench, version_table, digests=True)
    except DianaError as error:
        return _unknown(bench, plan, changed, error.code), None
    done = _done(plan, probe)
    left = tuple(m.id for m in plan.pending if m.id not in done)
    unwatched_end = changed.output.exit_code == UNWATCHED
    if not left and (changed.output.exit_code == 0 or unwatched_end):
        state = "applied"
    else:
        same = before is not None and not left_behind(plan, differences(before, after))
        state = "unchanged" if same else "partial"
    code = "supervisor_died" if unwatched_end and state != "applied" else ""
    return _result(bench, plan, changed, state, done, left, code), after


async def _change(
    bench: Workbench, command: WriteCommand, grant: Grant, use: str, line: Callable[[str], None]
) -> Changed:
    """Run one command of the permit.

    One whose supervisor died was ended with it, and has no exit code of its own.
    """
    try:
        changed = await bench.doors.executor.change(
            command, grant.permit, grant.operation, grant.use(use), for_people(line)
        )
    except ChangeFailed as error:
        if error.code != "supervisor_died":
            raise
        changed = unwatched(Path(error.fields["folder"]))
    return changed


async def _left_running(bench: Workbench, changed: Changed, grant: Grant) -> bool:
    """Whether anything of a command that did not end by itself still runs, here or on the server."""
    if not changed.output.timed_out and changed.output.exit_code != UNWATCHED:
        return False
    return still_runs(changed.log) or await bench.database.end_run(bench.doors, bench.url, bench.run, grant) > 0


def left_behind(plan: Plan, found: tuple[str, ...]) -> tuple[str, ...]:
    """The differences that the run may have left; rows that only other sessions can have written are not among them.

    What nobody could read may have written anywhere, and committed too: then every difference counts.
    """
    return found if plan.unread else traffic.own(found, plan.tables)


def _done(plan: Plan, probe: Probe) -> tuple[str, ...]:
    applied = {m.id for m in probe.applied}
    if plan.direction == "down":
        return tuple(m.id for m in plan.pending if m.id not in applied)
    return tuple(m.id for m in plan.pending if m.id in applied)


def _result(
    bench: Workbench, plan: Plan, changed: Changed, state: str, done: tuple[str, ...], left: tuple[str, ...], code: str
) -> ChangeResult:
    output, failed = changed.output, state != "applied"
    told = bench.adapter.explain(output) if failed and output.exit_code != 0 else ("", "")
    if UNWATCHED < output.exit_code < 0 and not output.timed_out:
        code = code or "tool_killed"
    error = ": ".join(word for word in (code or told[0], bench.redactor.text(told[1], 500)) if word)
    if failed and not error:
        error = "timeout" if output.timed_out else "tool_said_success_but_did_nothing"
    return ChangeResult(
        exit_code=output.exit_code, seconds=output.seconds, state=state, applied=done, not_applied=left, error=error,
        failed=_failed(bench, plan, output.stdout, left) if failed else "",
        warnings=_warnings(output.stdout, bench.redactor), log=str(changed.log / LOG),
    )  # fmt: skip


def _failed(bench: Workbench, plan: Plan, text: str, left: tuple[str, ...]) -> str:
    """The migration that was running last, else the first one that is missing."""
    named = [step.migration for step in map(bench.adapter.progress, text.splitlines()) if step is not None]
    known = {m.id for m in plan.pending}
    last = next((name for name in reversed(named) if name in known), "")
    return last or (left[0] if left else "")


def _warnings(text: str, redactor: Redactor) -> tuple[str, ...]:
    lines = (redactor.text(line, 300) for line in text.splitlines())
    return tuple(line for line in lines if "warn" in line.lower())[:20]


async def take_back(
    bench: Workbench,
    plan: Plan,
    ready: Ready,
    grant: Grant,
    before: State,
    version_table: str,
    line: Callable[[str], None],
) -> tuple[RecoveryResult, State]:
    """Rung a if the database is measured to be as before, else rung b once, and then measured again."""
    now = await asyncio.to_thread(measure, bench, version_table, digests=True)
    problems = left_behind(plan, differences(before, now))
    if not problems:
        return RecoveryResult("a", recovered=True), now
    if ready.back is None:
        undone = plan.recovery.rung == "a" and not traffic.without_rows(problems)
        return RecoveryResult("a" if undone else "none", recovered=False, problems=problems), now
    changed = await _change(bench, ready.back, grant, BACK, line)
    if await _left_running(bench, changed, grant):
        raise ChangeFailed("still_running")
    now = await asyncio.to_thread(measure, bench, version_table, digests=True)
    problems = left_behind(plan, differences(before, now))
    return RecoveryResult("b", recovered=not problems, problems=problems), now
