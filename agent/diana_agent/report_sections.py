"""The document's five sections of a migration log, each from the journal alone (S9.1)."""

from __future__ import annotations

from diana_agent import report_text as text
from diana_agent.report_page import (
    Page,
    database_of,
    halt_words,
    head_line,
    loss_planned,
    restore_command,
    rollback_command,
    state_lines,
    tool_of,
    user_of,
    verify_command,
    version_words,
)
from diana_agent.report_story import CHECKS, Status, Story, status_of
from diana_tools.domain import Migration, Plan
from diana_tools.measured import Backup, Check, Copy

_MOST = 200


def summary_section(page: Page, story: Story) -> None:
    """Migration Summary: environment, database, tool, who, when, how long, and the true status."""
    page.heading("report.section.summary")
    where = story.environment or (story.plan.environment if story.plan else None)
    words = (
        page.say("report.environment_level", name=text.inline(where.name), level=where.level.value) if where else "–"
    )
    page.item("report.environment", environment=words)
    engine, name = database_of(page.catalogue, story.address)
    page.item("report.database", type=text.inline(engine), name=text.inline(name))
    if story.address is not None:
        page.item("report.address", place=text.code(story.address.place))
    page.item("report.tool", tool=text.inline(tool_of(page.catalogue, story)))
    page.item("report.user", user=text.inline(user_of(story)))
    at = story.change.started if story.change else story.began
    page.item("report.timestamp", at=text.moment(at) if at else "–")
    result = story.result
    took = text.duration(page.catalogue, result.seconds) if result else page.say("report.no_change")
    page.item("report.duration", duration=took if story.change is None or result else page.say("report.unknown"))
    _status(page, story)
    _run(page, story)


def _status(page: Page, story: Story) -> None:
    status = status_of(story)
    page.item(
        "report.status",
        status=page.say("report.status.success") if status is Status.SUCCESS else head_line(page.catalogue, story),
    )
    for words in state_lines(page.catalogue, story):
        page.item("report.state", state=words)
    if story.result is not None and story.result.error:
        page.item("report.error", error=text.code(text.why_failed(page.catalogue, story.result.error)))
    why = halt_words(page.catalogue, story)
    if why:
        page.item("report.halt", why=why)


def _run(page: Page, story: Story) -> None:
    if story.began and story.last:
        page.item(
            "report.total_time",
            duration=text.duration(page.catalogue, max(0.0, (story.last - story.began).total_seconds())),
        )
    run, plan = story.run, story.plan
    if run is not None:
        for message, value in (("ticket", run.ticket), ("reason", run.reason)):
            if value:
                page.item(f"report.{message}", **{message: text.inline(value)})
        page.item(
            "report.run", run=text.code(run.run), host=text.inline(run.host), version=text.inline(run.version),
            model=text.inline(run.model),
        )  # fmt: skip
    if plan is not None:
        page.item("report.plan", code=plan.code_word, hash=text.code(plan.plan_hash))


def migrations_section(page: Page, story: Story) -> None:
    """Migrations Applied: what was done to each, the versions, the warnings, and the schema's difference."""
    page.heading("report.section.migrations")
    plan = story.plan if story.change is None or story.change.act != "restore" else None
    if plan is None:
        restored = story.change is not None
        page.item("report.total_restored" if restored else "report.total_none")
    else:
        _total(page, story, plan)
        if plan.pending:
            page.item("report.list")
        for number, migration in enumerate(plan.pending, 1):
            page.numbered(number, f"{_titled(page, migration)} ({page.say(f'report.mark.{mark(story, migration)}')})")
    before, after = story.versions
    if story.change is None and plan is not None and plan.pending:
        page.item(
            "report.version_planned", before=text.inline(version_words(page.catalogue, before)),
            after=text.inline(version_words(page.catalogue, plan.target)),
        )  # fmt: skip
    else:
        page.item(
            "report.version", before=text.inline(version_words(page.catalogue, before)),
            after=text.inline(version_words(page.catalogue, after)),
        )  # fmt: skip
    if story.result is not None and story.result.warnings:
        page.item("report.tool_warnings")
        for warning in story.result.warnings:
            page.under(text.code(warning))
    if story.result is not None and story.result.log:
        page.item("report.output", path=text.code(story.result.log))
    _diff(page, story)


def _total(page: Page, story: Story, plan: Plan) -> None:
    count, result = len(plan.pending), story.result
    if story.change is None:
        page.item("report.total_planned" if count else "report.total_none", count=count)
        return
    back = "_back" if story.change.act == "rollback" else ""
    if result is None:
        page.item("report.total_split", count=count, applied="?", left="?")
        return
    applied = 0 if status_of(story) is Status.RECOVERED or story.taken_back else len(result.applied)
    if applied == count:
        page.item(f"report.total{back}", count=count)
    else:
        page.item(f"report.total{back}_split", count=count, applied=applied, left=count - applied)


def _titled(page: Page, migration: Migration) -> str:
    name = text.inline(migration.name or migration.id)
    if migration.description and migration.description != migration.name:
        return page.say("report.migration", name=name, description=text.inline(migration.description))
    return page.say("report.migration_bare", name=name)


def mark(story: Story, migration: Migration) -> str:
    """What became of one migration, as the end of a message id."""
    change, result = story.change, story.result
    if change is None:
        return "not_applied"
    down = change.act == "rollback"
    if result is None or result.state == "unknown":
        return "unknown"
    done = migration.id in result.applied
    if done and (status_of(story) is Status.RECOVERED or story.taken_back):
        return "taken_back"
    if done:
        return "rolled_back" if down else "applied"
    if migration.id == result.failed:
        return "failed"
    return "not_rolled_back" if down else "not_applied"


def _diff(page: Page, story: Story) -> None:
    page.heading("report.diff", 3)
    found = story.diff
    if found is None:
        page.lines.append(page.say("report.diff.none"))
        return
    source, diff = found
    page.lines += [page.say(f"report.diff.{source}"), ""]
    rows = [
        *(page.say("report.diff.added", kind=text.inline(o.kind), name=text.code(o.name)) for o in diff.added),
        *(page.say("report.diff.removed", kind=text.inline(o.kind), name=text.code(o.name)) for o in diff.removed),
        *(_changed(page, old.kind, old.name, old.definition, new.definition) for old, new in diff.changed),
    ]
    if diff.empty:
        rows.append(page.say("report.diff.empty"))
    page.lines += [f"- {row}" for row in rows[:_MOST]]
    if len(rows) > _MOST:
        page.item("report.diff.more", count=len(rows) - _MOST)
    if source == "measured":
        _row_counts(page, story)


def _changed(page: Page, kind: str, name: str, old: str, new: str) -> str:
    said = page.say("report.diff.changed", kind=text.inline(kind), name=text.code(name))
    return f"{said}: {text.code(old)} → {text.code(new)}"


def _row_counts(page: Page, story: Story) -> None:
    before, after = story.measured.get("before"), story.after
    if before is None or after is None:
        return
    was, now = before.rows(), after.rows()
    moved = [table for table in sorted(was.keys() | now.keys()) if was.get(table) != now.get(table)]
    for table in moved[:_MOST]:
        page.item(
            "report.diff.rows", table=text.code(table), before=was.get(table, "–"), after=now.get(table, "–")
        )  # fmt: skip


def backup_section(page: Page, story: Story) -> None:
    """Database Backup: file, size, checksum, copies, proof and what is not in it."""
    page.heading("report.section.backup")
    made = story.backup
    if made is None:
        _no_backup(page, story)
        return
    page.item("report.backup.file", path=text.code(made.path))
    page.item("report.backup.size", size=text.size(page.catalogue, made.size))
    page.item("report.backup.checksum", sha256=text.code(made.sha256))
    if not made.copies:
        page.item("report.backup.cloud_none")
    for copy in made.copies:
        page.item("report.backup.cloud", location=_copy(page, copy))
        for check in copy.checks:
            page.under(text.worded(page.catalogue, "copy", check))
    page.item(
        "report.backup.id", id=text.code(made.id), at=text.moment_of(made.made_at), program=text.inline(made.program),
        version=text.inline(version_words(page.catalogue, made.version)),
    )  # fmt: skip
    _proof(page, made)


def _no_backup(page: Page, story: Story) -> None:
    permit = story.permit
    if permit is not None and permit.backup and permit.grade != "none":
        page.item("report.backup.earlier", id=text.code(permit.backup))
        page.item("report.backup.grade", grade=page.choice("report.grade", permit.grade))
        return
    page.item("report.backup.skipped" if permit is not None else "report.backup.none")


def _copy(page: Page, copy: Copy) -> str:
    return page.say(
        "report.backup.copy", location=text.code(copy.location), store=text.inline(copy.store),
        remote=page.say("report.backup.remote" if copy.remote else "report.backup.local"),
        verified=page.say("report.backup.verified" if copy.verified else "report.backup.unverified"),
    )  # fmt: skip


def _proof(page: Page, made: Backup) -> None:
    page.item("report.backup.grade", grade=page.say(f"report.grade.{made.grade.value}"))
    if made.proof is not None and made.proof.checks:
        words = (text.worded(page.catalogue, "proof", check) for check in made.proof.checks)
        page.item("report.backup.checks", checks=", ".join(words))
    if made.missing:
        page.item(
            "report.backup.missing",
            missing=", ".join(text.worded(page.catalogue, "missing", one) for one in made.missing),
        )


def verification_section(page: Page, story: Story) -> None:
    """Verification: the four checks; the sign stands only where the check passed."""
    page.heading("report.section.verification")
    for name in CHECKS:
        found = story.check(name)
        page.item(f"report.check.{name}", result=_result(page, story, name, found))
        if found is not None and (found.expected or found.found):
            page.under(
                page.say(
                    "report.check.detail", expected=text.code(found.expected), found=text.code(found.found),
                    query=text.code(found.query),
                )
            )  # fmt: skip
        for problem in found.problems[:_MOST] if found else ():
            page.under(text.worded(page.catalogue, "report.difference", problem))
    page.item("report.checks_passed", passed=story.passed, total=len(CHECKS))


def _result(page: Page, story: Story, name: str, found: Check | None) -> str:
    if found is None or found.passed is None:
        return page.say("report.check.open")
    if not found.passed:
        return page.say(f"report.failed.{name}")
    if name == "data" and loss_planned(story):
        return page.say("report.passed.data_planned")
    if name == "history" and story.plan is not None and story.plan.direction == "down":
        return page.say("report.passed.history_down")
    return page.say(f"report.passed.{name}")


def rollback_section(page: Page, story: Story) -> None:
    """Rollback Plan: the script, the exact restore command, and the steps for a person."""
    page.heading("report.section.rollback")
    why = _no_script(page, story)
    if why:
        page.item("report.rollback.script_none", why=why)
    else:
        page.item("report.rollback.script")
        page.block(rollback_command(story), "sh")
        untold = [m for m in story.plan.pending if m.reversible is None] if story.plan else []
        if untold and story.change is not None and story.change.act == "apply":
            page.item("report.rollback.untold", names=_names(untold))
    restore = restore_command(story)
    page.item("report.rollback.restore" if restore else "report.rollback.restore_none")
    if restore:
        page.block(restore, "sh")
    if story.change is None or status_of(story) is Status.RECOVERED:
        page.item("report.rollback.manual_none")
    else:
        page.item("report.rollback.manual")
        for number, words in enumerate(_steps(page, story, script=not why, restore=bool(restore)), 1):
            page.numbered(number, words)
    if story.plan is not None:
        page.item("report.rollback.recovery", way=page.choice("report.rung", story.plan.recovery.rung))


def _no_script(page: Page, story: Story) -> str:
    """Why there is no rollback script, or an empty string."""
    change, result, plan = story.change, story.result, story.plan
    if change is None or status_of(story) is Status.RECOVERED:
        return page.say("report.rollback.nothing")
    if result is None or result.state == "unknown" or (plan is None and change.act != "restore"):
        return page.say("report.rollback.unsure")
    if change.act == "restore" or plan is None:
        return page.say("report.rollback.restored")
    tried = story.recovered is not None and story.recovered.result.rung != "none"
    if not result.applied or tried:
        return page.say("report.rollback.unsure")
    if result.state == "partial" and plan.recovery.rung != "b":
        return page.say("report.rollback.remainder")
    stuck = [m for m in plan.pending if m.reversible is False and m.id in result.applied]
    if change.act == "apply" and stuck:
        return page.say("report.rollback.irreversible", names=_names(stuck))
    return ""


def _names(migrations: list[Migration]) -> str:
    return ", ".join(text.code(m.name or m.id) for m in migrations)


def _steps(page: Page, story: Story, *, script: bool, restore: bool) -> list[str]:
    look = text.code(verify_command(story))
    steps = [page.say("report.rollback.step.stop"), page.say("report.rollback.step.verify", command=look)]
    if script:
        steps.append(page.say("report.rollback.step.script"))
    if restore:
        since = text.moment_of(story.backup.made_at) if story.backup else page.say("report.unknown")
        steps.append(page.say("report.rollback.step.restore", at=since))
    else:
        steps.append(page.say("report.rollback.step.no_backup"))
    return [*steps, page.say("report.rollback.step.after", command=look)]
