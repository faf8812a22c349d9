"""The end of a run, for every face: its true outcome, a log where there is something to tell, and the exit code."""

from __future__ import annotations

import shutil

from diana_agent import exits
from diana_agent.events import Answered, AnyEvent, ChangeStarted, Refused
from diana_agent.run import Run
from diana_agent.runtime import end_run
from diana_agent.steps.report import report
from diana_agent.workflow import Standing
from diana_tools.errors import DianaError

_CHANGES = ("migrate", "rollback", "restore")


async def close_run(run: Run, exit_code: int | None = None) -> int:
    """Write the log if a change was tried or declined and none was written since; then end the record.

    Returns the exit code: what a headless verb came to, or what the session's last standing says.
    """
    events, standing = run.journal.events(), run.standing
    outcome, code = outcome_of(standing, events)
    code = code if exit_code is None else exit_code
    if _worth_telling(events) and not standing.report:
        try:
            await report(run)
        except DianaError as error:
            run.note(f"error.{error.code}", "warn", **error.fields)
            code = code or exits.UNLOGGED
    if run.bench is not None:
        shutil.rmtree(run.bench.scratch_folder, ignore_errors=True)
    end_run(run, outcome, code)
    return code


def _worth_telling(events: tuple[AnyEvent, ...]) -> bool:
    changes = any(isinstance(event, ChangeStarted) for event in events)
    declined = any(isinstance(event, Answered) and not event.matched for event in events)
    refused = any(isinstance(event, Refused) and event.verb in _CHANGES for event in events)
    return changes or declined or refused


def outcome_of(now: Standing, events: tuple[AnyEvent, ...]) -> tuple[str, int]:
    """The run's outcome word and exit code, from what was measured."""
    if now.in_flight is not None:
        return "failed", exits.PERSON
    if now.change is not None:
        return _of_change(now, now.change.result.state == "applied")
    if any(isinstance(event, Answered) and not event.matched for event in events):
        return "cancelled", exits.APPROVAL
    if now.halted is not None:
        return "failed", now.halted.exit_code
    if now.rehearsal is not None and not now.rehearsal.passed:
        return "failed", exits.HALTED
    if any(isinstance(event, Refused) and event.verb in _CHANGES for event in events):
        return "cancelled", exits.APPROVAL
    if now.preview is not None:
        return "dry_run", exits.DONE
    if now.plan is not None and not now.plan.pending:
        return "up_to_date", exits.DONE
    return "done", exits.DONE


def _of_change(now: Standing, applied: bool) -> tuple[str, int]:
    if applied:
        if now.change is not None and now.change.act == "restore":
            return "done", exits.DONE  # a restore is measured by itself, not by step 8
        if now.verification is None:
            return "incomplete", exits.VERIFICATION
        if now.verification.passed:
            return "done", exits.DONE
        failed = any(check.passed is False for check in now.verification.checks)
        return "incomplete", exits.VERIFICATION if failed else exits.DONE
    back = now.recovered is not None and now.recovered.result.recovered
    return "failed", exits.FAILED if back else exits.PERSON


def unrecorded(now: Standing) -> int:
    """The exit code of a run whose record cannot be continued (a full disk), from what stands in it."""
    if now.in_flight is not None:
        return exits.PERSON
    if now.change is None:
        return exits.HALTED
    _, code = _of_change(now, now.change.result.state == "applied")
    return code or (exits.PERSON if now.verification is None else exits.UNLOGGED)
