"""The facts of a step as JSON, for models and for `--json`: addresses and counts, never a secret or a row."""

from __future__ import annotations

from diana_agent import events as ev
from diana_agent.models.base import JsonValue
from diana_tools import registry
from diana_tools.domain import Detection, Environment, Finding, Migration, Plan, Unread
from diana_tools.measured import Backup, ChangeResult, Preview, RecoveryResult, Rehearsal, Verification

JsonObject = dict[str, JsonValue]

LONGEST_SQL = 20_000


def detection(found: Detection) -> JsonObject:
    """One detection: tool, where, and the evidence."""
    return {
        "tool": found.tool, "root": found.root, "config": found.config, "migrations": found.migrations,
        "count": found.count, "section": found.section, "confidence": found.confidence.value,
        "evidence": [{"path": e.path, "why": e.why} for e in found.evidence], **adapter(found.tool),
    }  # fmt: skip


def adapter(tool: str) -> JsonObject:
    """The distribution that a tool's adapter comes from, where that is not Diana herself; else no key at all."""
    origin = registry.origin(tool)
    return {} if origin is None else {"adapter": {"distribution": origin.distribution, "version": origin.version}}


def environment(where: Environment | None) -> JsonObject | None:
    """The environment, its level, and who said so."""
    if where is None:
        return None
    return {"name": where.name, "level": where.level.value, "because": list(where.because)}


def connection(found: ev.Connected, where: Environment | None) -> JsonObject:
    """The database that was reached and pinned."""
    return {
        "engine": found.address.engine, "place": found.address.place, "database": found.address.name,
        "username": found.address.username, "identity": found.identity.digest,
        "server_version": found.facts.version, "size": found.facts.size, "sessions": len(found.facts.sessions),
        "round_trip": round(found.facts.round_trip, 4), "version": list(found.version),
        "fingerprint": found.fingerprint, "environment": environment(where),
    }  # fmt: skip


def migration(one: Migration) -> JsonObject:
    """One migration of a plan."""
    return {
        "id": one.id, "name": one.name, "description": one.description, "path": one.path, "checksum": one.checksum,
        "reversible": one.reversible, "transactional": one.transactional,
    }  # fmt: skip


def finding(one: Finding) -> JsonObject:
    """One finding with its live count, where one could be taken."""
    loss: JsonObject | None = None
    if one.loss is not None:
        loss = {"rows": one.loss.rows, "total": one.loss.total, "why": one.loss.why}
    return {
        "rule": one.rule, "kind": one.kind, "level": one.level, "data_loss": one.data_loss, "object": one.object,
        "file": one.file, "line": one.line, "statement": one.statement, "recovery": one.recovery,
        "confidence": one.confidence, "migration": one.migration, "loss": loss,
    }  # fmt: skip


def unread(one: Unread) -> JsonObject:
    """A place that nobody could read."""
    return {"file": one.file, "line": one.line, "why": one.why, "migration": one.migration}


def plan(made: Plan) -> JsonObject:
    """A plan, as `diana plan --json` prints it."""
    return {
        "tool": made.tool, "tool_version": made.tool_version,
        "target": {"engine": made.address.engine, "place": made.address.place, "database": made.address.name},
        "environment": environment(made.environment), "direction": made.direction, "current": list(made.current),
        "target_version": list(made.target), "pending": [migration(m) for m in made.pending],
        "findings": [finding(f) for f in made.findings], "unread": [unread(u) for u in made.unread],
        "destructive": made.destructive,
        "estimate": {"seconds": made.estimate.seconds, "confidence": made.estimate.confidence,
                     "basis": made.estimate.basis},
        "recovery": {"rung": made.recovery.rung, "why": made.recovery.why},
        "history": {"state": made.history.state, "problems": list(made.history.problems)},
        "plan_hash": made.plan_hash, "plan_code": made.code_word, **adapter(made.tool),
    }  # fmt: skip


def backup(made: Backup) -> JsonObject:
    """A backup, its proof and its copies."""
    return {
        "id": made.id, "path": made.path, "size": made.size, "sha256": made.sha256, "grade": made.grade.value,
        "made_at": made.made_at, "version": list(made.version), "missing": list(made.missing),
        "program": made.program,
        "copies": [
            {"store": c.store, "location": c.location, "remote": c.remote, "verified": c.verified} for c in made.copies
        ],
    }  # fmt: skip


def rehearsal(done: Rehearsal) -> JsonObject:
    """A rehearsal: what was tried, and how it went."""
    return {
        "kind": done.kind, "scratch": done.scratch, "passed": done.passed, "seconds": round(done.seconds, 3),
        "statements": len(done.statements), "error": done.error, "failed": done.failed, "backup": done.backup,
        "rows_before": sum(t.rows for t in done.before.tables),
        "rows_after": None if done.after is None else sum(t.rows for t in done.after.tables),
    }  # fmt: skip


def preview(shown: Preview) -> JsonObject:
    """A dry run's text, bounded."""
    return {"kind": shown.kind, "sql": shown.sql[:LONGEST_SQL], "why": shown.why}


def change(result: ChangeResult, recovered: RecoveryResult | None) -> JsonObject:
    """How a change ended, measured, and which rung brought the database back."""
    back: JsonObject | None = None
    if recovered is not None:
        back = {
            "rung": recovered.rung,
            "recovered": recovered.recovered,
            "problems": list[JsonValue](recovered.problems),
        }
    return {
        "state": result.state, "seconds": round(result.seconds, 3), "tool_exit": result.exit_code,
        "applied": list(result.applied), "not_applied": list(result.not_applied), "error": result.error,
        "failed": result.failed, "warnings": list(result.warnings), "log": result.log, "recovery": back,
    }  # fmt: skip


def verification(done: Verification) -> JsonObject:
    """Every check with what was expected and found, and what was not checked."""
    return {
        "passed": sum(check.passed is True for check in done.checks), "total": len(done.checks),
        "critical": done.critical, "not_checked": list(done.not_checked),
        "checks": [
            {"name": c.name, "passed": c.passed, "critical": c.critical, "expected": c.expected, "found": c.found,
             "query": c.query, "problems": list(c.problems)}
            for c in done.checks
        ],
    }  # fmt: skip
