"""A run's log for programs: the facts of `report.render` as one JSON object."""

from __future__ import annotations

from collections.abc import Sequence

from diana_agent import bodies
from diana_agent import report_text as text
from diana_agent.journal import Entry
from diana_agent.models.base import JsonValue
from diana_agent.report_page import (
    Page,
    halt_words,
    head_line,
    restore_command,
    rollback_command,
    state_lines,
    tool_of,
    user_of,
)
from diana_agent.report_rest import first_line, not_checked
from diana_agent.report_sections import mark
from diana_agent.report_story import CHECKS, Story, status_of, tell
from diana_prompts.catalogue import Catalogue

JsonObject = dict[str, JsonValue]
SCHEMA = "diana.report/1"


def document(entries: Sequence[Entry], catalogue: Catalogue | None = None) -> JsonObject:
    """The same facts for programs (`report --json`); sentences in it are of `catalogue`, English by default."""
    told, story = catalogue or Catalogue(), tell(entries)
    plan, made, result = story.plan, story.backup, story.result
    before, after = story.versions
    body: JsonObject = {
        "schema": SCHEMA,
        "status": status_of(story).value,
        "head": head_line(told, story),
        "states": list[JsonValue](state_lines(told, story)),
        "warning": first_line(Page(told), story),
        "environment": bodies.environment(story.environment),
        "database": None if story.address is None else {
            "engine": story.address.engine, "place": story.address.place, "name": story.address.name,
        },
        "tool": tool_of(told, story),
        "user": user_of(story),
        "run": _run(story),
        "seconds": round(result.seconds, 3) if result else None,
        "version": {"before": _list(before), "after": _list(after)},
        "migrations": [bodies.migration(m) | {"state": mark(story, m)} for m in plan.pending] if plan else [],
        "plan": bodies.plan(plan) if plan else None,
        "backup": _backup(story),
        "rehearsal": bodies.rehearsal(story.rehearsal) if story.rehearsal else None,
        "change": bodies.change(result, story.recovered.result if story.recovered else None) if result else None,
        "verification": None if story.verification is None
        else bodies.verification(story.verification) | {"passed": story.passed, "total": len(CHECKS)},
        "schema_diff": _diff(story),
        "rollback": {"command": rollback_command(story) or None, "restore": restore_command(story) or None,
                     "rung": plan.recovery.rung if plan else None, "backup": made.id if made else None},
        "halted": None if story.halted is None else {
            "reason": story.halted.reason, "exit": story.halted.exit_code, "sentence": halt_words(told, story),
        },
        "not_checked": list[JsonValue](not_checked(Page(told), story)),
        "log": story.reported or None,
        "journal": {"head": story.head, "entries": story.entries},
        **_course(story),
    }  # fmt: skip
    return {name: _cleaned(value) for name, value in body.items()}


def _list(version: tuple[str, ...] | None) -> JsonValue:
    return None if version is None else list(version)


def _run(story: Story) -> JsonObject:
    run = story.run
    return {
        "id": run.run if run else None, "project": run.project if run else None, "model": run.model if run else None,
        "ticket": run.ticket if run else "", "reason": run.reason if run else "",
        "started": story.began.isoformat() if story.began else None,
        "changed": story.change.started.isoformat() if story.change else None,
        "outcome": story.ended.outcome if story.ended else None,
        "exit": story.ended.exit_code if story.ended else None,
    }  # fmt: skip


def _backup(story: Story) -> JsonValue:
    made = story.backup
    if made is None:
        return None
    body = bodies.backup(made)
    body["proof_checks"] = list(made.proof.checks) if made.proof else []
    return body


def _diff(story: Story) -> JsonValue:
    if story.diff is None:
        return None
    source, diff = story.diff
    return {
        "source": source,
        "added": [{"kind": o.kind, "name": o.name, "definition": o.definition} for o in diff.added],
        "removed": [{"kind": o.kind, "name": o.name, "definition": o.definition} for o in diff.removed],
        "changed": [
            {"kind": old.kind, "name": old.name, "before": old.definition, "after": new.definition}
            for old, new in diff.changed
        ],
    }


def _course(story: Story) -> JsonObject:
    return {
        "steps": [
            {"step": s.step, "began": s.began.isoformat(), "outcome": s.outcome, "seconds": s.seconds}
            for s in story.steps
        ],
        "confirmations": [
            {"question": c.question, "at": c.at.isoformat(), "matched": c.matched, "tries": c.tries}
            for c in story.confirmations
        ],
        "approvals": [
            {"nonce": a.nonce, "approver": a.approver, "asked_by": a.asked_by, "sealed": a.sealed, "signer": a.signer}
            for a in story.approvals
        ],
        "refusals": [
            {"verb": verb, "reason": reason, "count": count}
            for (verb, reason), count in sorted(story.refusals.items())
        ],
    }  # fmt: skip


def _cleaned(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return text.clean(value)
    if isinstance(value, list):
        return [_cleaned(one) for one in value]
    if isinstance(value, dict):
        return {text.clean(name): _cleaned(one) for name, one in value.items()}
    return value
