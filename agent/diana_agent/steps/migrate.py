"""Step 7: everything checked again at the moment of use, the guard's permit, the real run, and the truth after it."""

from __future__ import annotations

import asyncio
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

from diana_agent import bodies
from diana_agent import events as ev
from diana_agent.guard import policy
from diana_agent.guard.guard import Refusal, Request
from diana_agent.guard.rules import rules_of
from diana_agent.lock import run_lock
from diana_agent.models.base import JsonValue
from diana_agent.report_text import why_failed
from diana_agent.run import Outcome, Run
from diana_agent.sentences import differences_said
from diana_agent.steps.approved import second_person, with_approval, write_request
from diana_agent.steps.earlier import refuse_unfinished, say_way_back
from diana_agent.steps.facts_for_person import execution_facts
from diana_agent.steps.plan import aim_of, fresh_plan, record
from diana_agent.steps.verify import verify
from diana_agent.stores import usable_stores
from diana_tools import migrate as migrating
from diana_tools.backup import copy_to, differences
from diana_tools.databases.base import Grant
from diana_tools.domain import Plan
from diana_tools.errors import BackupError, DianaError, PermitRefused
from diana_tools.measured import Backup, ChangeResult, RecoveryResult, State
from diana_tools.permit import Act
from diana_tools.traffic import of_rows, table_of, uncompared


async def migrate(run: Run) -> Outcome:
    """Apply the plan that was shown, and no other."""
    return await change(run, "migrate")


async def change(run: Run, verb: str) -> Outcome:
    """Run the present plan, up or down, under the run lock, which is held through verify (guard's design, 6).

    Raises:
        LockHeld: another run has the database.
    """
    with run_lock(run.folders.state, run.need_bench()):
        await asyncio.to_thread(refuse_unfinished, run)
        plan = run.need_plan()
        refusal = await _recheck(run, verb, plan)
        if refusal is not None:
            return refusal
        ready = migrating.prepare(run.need_bench(), plan, run.need_probe(), _backup_id(run))
        request = _request(run, verb, plan, ready)
        if run.said.request is not None:
            return write_request(run, plan, request)
        if run.said.approval is not None:
            request = await with_approval(run, plan, request)
            if isinstance(request, Refusal):
                return _refused(request)
        answer = await run.guard.permit(request)
        if isinstance(answer, Refusal):
            return _refused(answer)
        refusal = await _recheck(run, verb, plan) or await _too_late(run, verb, plan, ready)
        if refusal is not None:
            return refusal
        return await _changed(run, plan, ready, Grant(answer, ready.operation))


def _refused(answer: Refusal) -> Outcome:
    return Outcome("refused", reason=answer.reason, fields=answer.fields, exit_code=4)


def _backup_id(run: Run) -> str | None:
    made = run.standing.backup
    return made.id if made is not None else None


async def _recheck(run: Run, verb: str, plan: Plan) -> Outcome | None:
    """Files, history, identity and backup as they are now; a difference sends the run back to planning."""
    fresh = await fresh_plan(run, aim_of(run, plan.direction))
    if fresh.plan_hash != plan.plan_hash or fresh.destructive != plan.destructive:
        answer = run.guard.refuse(verb, "plan_changed", {"was": plan.code_word, "now": fresh.code_word})
        record(run, fresh)
        return _refused(answer)
    made = run.standing.backup
    if made is not None and not run.settings.skip_backup and not await asyncio.to_thread(_as_written, made):
        return _refused(run.guard.refuse(verb, "backup_changed", {"path": made.path}))
    return None


async def _too_late(run: Run, verb: str, plan: Plan, ready: migrating.Ready) -> Outcome | None:
    """The policy once more after the answer: a question may stand for hours, and copies may vanish meanwhile."""
    reason = _request(run, verb, plan, ready).verdict.reason
    made = run.standing.backup
    needed = plan.environment.level in rules_of(run.settings).remote_copy and not run.settings.skip_backup
    if not reason and needed and made is not None and not await _still_copied(run, made):
        reason = "no_remote_copy"
    return _refused(run.guard.refuse(verb, reason, {})) if reason else None


async def _still_copied(run: Run, made: Backup) -> bool:
    """Whether a store outside the database's failure domain holds the backup now, verified there again."""
    held = {copy.store for copy in made.copies if copy.remote and copy.verified}
    for store in usable_stores(run, run.need_bench().url.address):
        if store.name in held:
            try:
                (copy,) = await copy_to((store,), made, lambda _sent: None)
            except BackupError:
                continue
            if copy.verified:
                return True
    return False


def _as_written(made: Backup) -> bool:
    """Whether the backup's file is still, byte for byte, what was proven."""
    try:
        with Path(made.path).open("rb") as handle:
            return hashlib.file_digest(handle, "sha256").hexdigest() == made.sha256
    except OSError:
        return False


def _request(run: Run, verb: str, plan: Plan, ready: migrating.Ready) -> Request:
    made = None if run.settings.skip_backup else run.standing.backup
    facts = policy.ApplyFacts(
        level=plan.environment.level, plan=plan, backup=made, skip_backup=run.settings.skip_backup, now=run.clock(),
        rehearsal_failed=run.standing.rehearsal is not None and not run.standing.rehearsal.passed,
        timeout=run.settings.timeout, ticket_missing=_ticket_missing(run, plan),
    )  # fmt: skip
    fields = {
        "count": str(len(plan.pending)), "database": plan.address.name, "environment": plan.environment.name,
        "code": plan.code_word, "seconds": f"{plan.estimate.seconds:g}", "timeout": f"{run.settings.timeout:g}",
    }  # fmt: skip
    return Request(
        verb=verb, operation=ready.operation, level=plan.environment.level, destructive=plan.destructive,
        grade=made.grade.value if made is not None else "none", verdict=policy.apply(facts, rules_of(run.settings)),
        fields=fields, facts=execution_facts(run, plan), assume_yes=run.said.yes,
        second_person=second_person(run, plan),
    )  # fmt: skip


def _ticket_missing(run: Run, plan: Plan) -> bool:
    """O13: ticket and reason, where the person's policy asks for them."""
    demanded = plan.environment.level.value in run.settings.policy.require_ticket
    return demanded and not (run.settings.ticket and run.settings.reason)


async def _changed(run: Run, plan: Plan, ready: migrating.Ready, grant: Grant) -> Outcome:
    """From the moment that the change is in flight no failure is less than a person's business."""
    bench, table = run.need_bench(), run.need_probe().version_table
    before = await asyncio.to_thread(migrating.measure, bench, table, digests=True)
    run.write(ev.Measured(moment="before", state=before), "tool")
    run.write(
        ev.ChangeStarted(permit=grant.permit.id, act=grant.permit.act.value, argv=ready.command.argv,
                         log=str(run.folders.state / "runs" / f"{grant.permit.id}-{migrating.RUN}")),
        "guard",
    )  # fmt: skip
    try:
        return await _begun(run, plan, ready, grant, before)
    except PermitRefused:
        raise
    except (DianaError, OSError) as error:
        if isinstance(error, DianaError) and error.code.startswith("journal_"):
            raise
        return unclear(run, plan, error)


def unclear(run: Run, plan: Plan, error: DianaError | OSError) -> Outcome:
    """Something failed after a change had begun: nobody knows what is true now, and a person must look (exit 8)."""
    code = error.code if isinstance(error, DianaError) else error.strerror or "unknown"
    now = run.standing
    started = now.in_flight
    if started is not None and now.change is not None:
        run.write(ev.Recovered(result=RecoveryResult("none", recovered=False, problems=(code,))), "tool")
    elif started is not None:
        missing = tuple(m.id for m in plan.pending)
        result = ChangeResult(-1, 0.0, "unknown", (), missing, code, log=f"{started.log}/{migrating.LOG}")
        run.write(ev.ChangeFinished(permit=started.permit, act=started.act, result=result), "tool")
    run.note("recovery.failed", "bad", problems=differences_said((code,), run.catalogue))
    say_way_back(run, run.standing)
    done = run.standing.change
    body = bodies.change(done.result, None) if done is not None else {}
    return Outcome("failed", body, "person_needed", (("error", code),), exit_code=8)


async def _begun(run: Run, plan: Plan, ready: migrating.Ready, grant: Grant, before: State) -> Outcome:
    bench, table = run.need_bench(), run.need_probe().version_table
    try:
        result, after = await migrating.run(bench, plan, ready, grant, before, table, run.line)
    except PermitRefused as error:
        run.write(ev.ChangeFinished(permit=grant.permit.id, act=grant.permit.act.value, result=_never(plan, error)))
        raise
    run.write(ev.ChangeFinished(permit=grant.permit.id, act=grant.permit.act.value, result=result), "tool")
    if after is not None:
        run.write(ev.Measured(moment="after", state=after), "tool")
    if result.state == "applied":
        return await _succeeded(run, plan, result, after)
    return await _failed(run, _Failure(plan, ready, grant, before, after, result))


def _never(plan: Plan, error: PermitRefused) -> ChangeResult:
    """A change that its permit did not let begin."""
    return ChangeResult(-1, 0.0, "unchanged", (), tuple(m.id for m in plan.pending), error.code)


async def _succeeded(run: Run, plan: Plan, result: ChangeResult, after: State | None) -> Outcome:
    message = "migrate.done" if plan.direction == "up" else "rollback.done"
    run.note(message, "good", count=str(len(plan.pending)), seconds=f"{result.seconds:.1f}")
    for warning in result.warnings:
        run.note("migrate.warning", "warn", line=warning)
    run.write(ev.StepEntered(step=8))
    started = time.monotonic()
    checked = await verify(run)
    how = "done" if checked.status == "done" else "failed"
    run.write(ev.StepLeft(step=8, outcome=how, seconds=time.monotonic() - started))
    body = bodies.change(result, None)
    body["version"] = list[JsonValue](after.version if after is not None else ())
    body["verification"] = checked.body
    if checked.status != "done":
        return Outcome("failed", body, checked.reason, exit_code=9)
    return Outcome("done", body)


@dataclass(frozen=True, slots=True)
class _Failure:
    """A change that did not come to its end, and the states around it; `after` None: it could not be measured."""

    plan: Plan
    ready: migrating.Ready
    grant: Grant
    before: State
    after: State | None
    result: ChangeResult


async def _failed(run: Run, failure: _Failure) -> Outcome:
    """S7.5: the ladder's rungs a to c by themselves where the person wants it; d and e never (guard's design)."""
    result = failure.result
    error = why_failed(run.catalogue, result.error)
    run.note("migrate.failed", "bad", migration=result.failed or "-", error=error, log=result.log)
    recovered, now = await _recovered(run, failure)
    if recovered is not None:
        run.write(ev.Recovered(result=recovered), "tool")
    body = bodies.change(result, recovered)
    fields = (("log", result.log), ("error", result.error))
    if recovered is not None and recovered.recovered:
        _say_recovered(run, failure.before, now, recovered.rung)
        return Outcome("failed", body, "migration_failed", fields, exit_code=7)
    made = run.standing.backup
    problems = _left(failure, recovered, now)
    body["left"] = list[JsonValue](problems)
    run.note(_message(recovered), "bad", problems=differences_said(problems, run.catalogue) or "?")
    if made is not None:
        run.note("recovery.how", "warn", backup=made.id, project=str(run.project))
    else:
        run.note("recovery.by_hand", "warn")
    return Outcome("failed", body, "person_needed", fields, exit_code=8)


def _message(recovered: RecoveryResult | None) -> str:
    if recovered is None:
        return "recovery.not_tried"
    if recovered.rung == "a" and not of_rows(recovered.problems):
        return "recovery.not_compared"
    return "recovery.rows_moved" if recovered.rung == "a" else "recovery.failed"


def _say_recovered(run: Run, before: State, now: State | None, rung: str) -> None:
    """Back as before; where rows moved meanwhile, that is said, and nothing is claimed of them."""
    found = differences(before, now) if now is not None else ()
    rows, missing = of_rows(found), uncompared(found)
    if missing:
        tables = ", ".join(map(table_of, missing[:5]))
        run.note("recovery.done_uncompared", "good", rung=rung, tables=tables, moved=", ".join(rows[:5]) or "-")
    elif rows:
        run.note("recovery.done_live", "good", rung=rung, tables=", ".join(rows[:5]))
    else:
        run.note("recovery.done", "good", rung=rung)


def _left(failure: _Failure, recovered: RecoveryResult | None, now: State | None) -> tuple[str, ...]:
    """What of the run is still there, as far as it could be measured."""
    if recovered is not None and recovered.problems:
        return recovered.problems
    return migrating.left_behind(failure.plan, differences(failure.before, now)) if now is not None else ()


async def _recovered(run: Run, failure: _Failure) -> tuple[RecoveryResult | None, State | None]:
    bench, table = run.need_bench(), run.need_probe().version_table
    if failure.result.state == "unchanged":
        return RecoveryResult("a", recovered=True), failure.after
    if failure.grant.permit.act is not Act.APPLY or not run.settings.rollback_on_failure:
        return None, failure.after
    run.note("recovery.started", "warn")
    if failure.ready.back is not None:
        permit = failure.grant.permit
        folder = run.folders.state / "runs" / f"{permit.id}-{migrating.BACK}"
        run.write(
            ev.RecoveryStarted(
                permit=permit.id, act=permit.act.value, argv=failure.ready.back.argv, log=str(folder)
            ),
            "guard",
        )  # fmt: skip
    try:
        done, now = await migrating.take_back(
            bench, failure.plan, failure.ready, failure.grant, failure.before, table, run.line
        )
    except DianaError as error:
        if error.code.startswith("journal_"):
            raise
        return RecoveryResult("none", recovered=False, problems=(error.code,)), None
    run.write(ev.Measured(moment="recovered", state=now), "tool")
    return done, now
