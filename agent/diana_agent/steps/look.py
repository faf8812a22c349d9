"""The verbs that only answer: facts of the run so far, findings again, and a migration's own text."""

from __future__ import annotations

import asyncio

from diana_agent import bodies
from diana_agent.models.base import JsonValue
from diana_agent.run import Outcome, Run
from diana_agent.workflow import Standing
from diana_tools.errors import ToolError
from diana_tools.files import bounded_text, leads_out, repository
from diana_tools.redaction import plain

LONGEST_TEXT = 12_000


def facts(run: Run, topic: str) -> Outcome:
    """Everything measured so far; the topic only says what was asked about."""
    now = run.standing
    body: bodies.JsonObject = {
        "topic": topic,
        "connection": bodies.connection(now.connected, now.environment) if now.connected is not None else None,
        "plan": bodies.plan(now.plan) if now.plan is not None else None,
        "backup": bodies.backup(now.backup) if now.backup is not None else None,
        "rehearsal": bodies.rehearsal(now.rehearsal) if now.rehearsal is not None else None,
        "unrehearsed": now.unrehearsed,
        "change": _change(now),
        "verification": bodies.verification(now.verification) if now.verification is not None else None,
        "facts": list[JsonValue](_listed(now)),
    }
    return Outcome("done", body)


def _change(now: Standing) -> bodies.JsonObject | None:
    if now.change is None:
        return None
    recovered = now.recovered.result if now.recovered is not None else None
    return bodies.change(now.change.result, recovered) | {"act": now.change.act}


def _listed(now: Standing) -> list[bodies.JsonObject]:
    """The same as single facts with where each came from (`diana ask --json`)."""
    found: list[bodies.JsonObject] = []

    def add(kind: str, value: JsonValue, source: str) -> None:
        found.append({"kind": kind, "value": value, "source": source})

    if now.environment is not None:
        add("environment", f"{now.environment.name} ({now.environment.level.value})", "settings")
    if now.connected is not None:
        add("database", now.connected.address.place, "connect")
        add("current_version", list(now.connected.version), "migration table")
    if now.plan is not None:
        add("pending", [one.id for one in now.plan.pending], "plan")
        add("destructive", now.plan.destructive, "analysis")
        for one in now.plan.findings:
            if one.data_loss:
                add("loss", bodies.finding(one), f"{one.file}:{one.line}")
        add("estimate_seconds", now.plan.estimate.seconds, now.plan.estimate.basis)
        add("recovery", now.plan.recovery.rung, now.plan.recovery.why)
    if now.backup is not None:
        add("backup", now.backup.path, f"proof {now.backup.grade.value}")
    if now.rehearsal is not None:
        add("rehearsal", now.rehearsal.passed, now.rehearsal.kind)
    return found


def analyze(run: Run) -> Outcome:
    """The findings and what could not be read, of the plan at hand."""
    plan = run.standing.plan
    if plan is None:
        raise ToolError("plan_first")
    return Outcome(
        "done",
        {"findings": [bodies.finding(f) for f in plan.findings], "unread": [bodies.unread(u) for u in plan.unread]},
    )


async def read_migration(run: Run, migration: str) -> Outcome:
    """The text of one pending migration, cleaned and bounded; it is untrusted and only ever data.

    A link that leads out of the repository is refused: it could name any file of the person's.

    Raises:
        ToolError: `version_unknown` for anything that is not in the plan (no path can be asked for).
    """
    plan = run.standing.plan
    known = {one.id: one for one in plan.pending} if plan is not None else {}
    one = known.get(migration) or next((m for m in known.values() if migration and m.id.startswith(migration)), None)
    if one is None:
        raise ToolError("version_unknown", {"version": plain(migration, 80)})
    text = await asyncio.to_thread(own_text, run, one.path)
    if text is None:
        return Outcome("refused", reason="migration_outside", fields=(("path", one.path),), exit_code=5)
    return Outcome("done", {"id": one.id, "path": one.path, "text": text})


def own_text(run: Run, path: str) -> str | None:
    """The beginning of a project's file as it may be shown; None where it leads out of the repository."""
    place = run.project / path
    if leads_out(place, repository(run.project)):
        return None
    return run.redactor.text(bounded_text(place, 9 * LONGEST_TEXT), LONGEST_TEXT)
