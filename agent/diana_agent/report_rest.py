"""What a log holds beside the five sections: failure, plan, what was not checked, the course, the anchor (S9.2)."""

from __future__ import annotations

from collections.abc import Mapping

from diana_agent import report_text as text
from diana_agent.events import Prerequisite
from diana_agent.report_page import Page, question_words, user_of
from diana_agent.report_story import CHECKS, Change, Confirmation, Status, Story, questions, status_of
from diana_tools.domain import Finding
from diana_tools.measured import Grade

_MOST = 200


def first_line(page: Page, story: Story) -> str:
    """What stands before everything else when the proof is below a restore test; else empty (guard's design, 17)."""
    if story.change is None:
        return ""
    made, permit = story.backup, story.permit
    grade = made.grade.value if made else (permit.grade if permit else Grade.NONE.value)
    if grade == Grade.RESTORED.value:
        return ""
    if made is None and (permit is None or permit.backup is None or permit.grade == Grade.NONE.value):
        return page.say("report.first.no_backup")
    if grade == Grade.NONE.value:
        return page.say("report.first.grade_none")
    below = any(question.startswith("ask.unproven") for question in questions(story))
    message = "report.first.below_policy" if below else "report.first.below_restored"
    return page.say(message, grade=grade, level=story.level)


def failure_section(page: Page, story: Story) -> None:
    """What failed, in the tool's own words, and what the recovery came to; left out when nothing failed."""
    result = story.result
    failed = result is not None and result.state != "applied"
    unmet = [one for one in story.unmet if one.met is False]
    if not failed and not unmet:
        return
    page.heading("report.section.failure" if failed else "report.section.unmet")
    for one in unmet:
        page.item("report.failure.unmet", what=_prerequisite(page, one))
    if result is None or not failed:
        return
    if result.failed:
        page.item("report.failure.migration", name=text.code(_name_of(story, result.failed)))
    page.item("report.failure.exit", code=result.exit_code)
    page.block(result.error)
    recovered = story.recovered.result if story.recovered else None
    if recovered is None:
        page.item("report.failure.no_attempt" if status_of(story) is not Status.RECOVERED else "report.state.recovered")
        return
    message = "report.failure.recovered" if recovered.recovered else "report.failure.not_recovered"
    page.item(message, rung=text.inline(recovered.rung), way=page.choice("report.rung", recovered.rung))
    for problem in recovered.problems[:_MOST]:
        page.under(text.worded(page.catalogue, "report.difference", problem))


def _prerequisite(page: Page, one: Prerequisite) -> str:
    return _said(page, one.message if page.catalogue.has(one.message) else f"prerequisite.{one.name}", one.fields)


def _said(page: Page, message: str, fields: Mapping[str, str]) -> str:
    prefix, _, last = message.rpartition(".")
    return text.sentence(page.catalogue, (prefix,), last, fields)


def _name_of(story: Story, migration: str) -> str:
    pending = story.plan.pending if story.plan else ()
    return next((m.name or m.id for m in pending if m.id == migration), migration)


def plan_section(page: Page, story: Story) -> None:
    """The findings with what they were counted to lose, what nobody could read, the estimate and the rehearsal."""
    plan = story.plan
    if plan is None:
        return
    page.heading("report.section.plan")
    if not plan.findings and not plan.unread:
        page.item("report.plan.none")
    for finding in plan.findings[:_MOST]:
        page.item(
            "report.plan.finding", rule=text.inline(finding.rule), kind=page.choice("kind", finding.kind),
            object=text.code(finding.object), file=text.code(finding.file), line=finding.line,
            loss=_loss(page, finding),
        )  # fmt: skip
    for unread in plan.unread[:_MOST]:
        page.item(
            "report.plan.unread", file=text.code(unread.file), line=unread.line,
            why=text.worded(page.catalogue, "unread", unread.why),
        )  # fmt: skip
    if plan.pending:
        page.item(
            "report.plan.estimate", duration=text.duration(page.catalogue, plan.estimate.seconds),
            basis=page.choice("report.basis", plan.estimate.basis),
        )  # fmt: skip
    _rehearsal(page, story)
    if story.preview is not None and story.change is None:
        page.item("report.plan.preview", kind=page.choice("report.preview", story.preview.kind))
        page.block(story.preview.sql)


def _loss(page: Page, finding: Finding) -> str:
    if not finding.data_loss:
        return ""
    if finding.loss is None or finding.loss.rows is None:
        return page.say("report.plan.loss_unknown")
    return page.say("report.plan.loss", rows=f"{finding.loss.rows:,}")


def _rehearsal(page: Page, story: Story) -> None:
    done = story.rehearsal
    if done is None:
        page.item("report.plan.no_rehearsal")
        return
    result = "report.rehearsal.passed" if done.passed else "report.rehearsal.failed"
    page.item(
        "report.plan.rehearsal", kind=page.choice("report.rehearsal", done.kind),
        result=page.say(result, error=text.code(done.error)), duration=text.duration(page.catalogue, done.seconds),
    )  # fmt: skip


def open_section(page: Page, story: Story) -> None:
    """What was not checked, named one by one."""
    page.heading("report.section.open")
    left = not_checked(page, story)
    page.lines += [f"- {words}" for words in left] or [page.say("report.open.none")]


def not_checked(page: Page, story: Story) -> list[str]:
    """Every sentence on what was not checked."""
    left = _unverified(page, story) if story.change is not None else []
    unknown = [one for one in story.unmet if one.met is None]
    left += [page.say("report.failure.unchecked", what=_prerequisite(page, one)) for one in unknown]
    pending = bool(story.plan and story.plan.pending)
    if story.change is None and story.preview is not None:
        left.append(page.say("report.open.dry_run"))
    if pending and story.rehearsal is None:
        left.append(page.say("report.open.no_rehearsal"))
    if story.rehearsal is not None and story.rehearsal.kind == "schema":
        left.append(page.say("report.open.schema_rehearsal"))
    made = story.backup
    if made is not None:
        if made.grade is not Grade.RESTORED:
            left.append(page.say("report.open.not_restored"))
        left += [page.say("report.open.copy", store=text.inline(c.store)) for c in made.copies if not c.verified]
    if story.plan is not None and story.plan.unread:
        left.append(page.say("report.open.unread", count=len(story.plan.unread)))
    return left


def _unverified(page: Page, story: Story) -> list[str]:
    done = story.verification
    if done is None:
        return [page.say("report.open.no_verification")]
    left = [text.worded(page.catalogue, "report.not_checked", word) for word in done.not_checked]
    named = {word.partition(":")[0] for word in done.not_checked}
    for name in CHECKS:
        found = story.check(name)
        if (found is None or found.passed is None) and name not in named:
            title = page.say(f"report.check.{name}", result="").strip().rstrip(":")
            left.append(page.say("report.open.check", name=title))
    return left


def course_section(page: Page, story: Story) -> None:
    """Who did what and when: steps, confirmations, approvals, changes, refusals, wrong tries, warnings."""
    page.heading("report.section.course")
    for step in story.steps:
        name = f"report.step.{step.step}"
        page.item(
            "report.step", number=step.step, name=page.say(name if page.catalogue.has(name) else "report.step.other"),
            at=text.moment(step.began), outcome=page.say(f"report.outcome.{step.outcome}"),
            duration="–" if step.seconds is None else text.duration(page.catalogue, step.seconds),
        )  # fmt: skip
    for approval in story.approvals:
        page.item(
            "report.approval", approver=text.inline(approval.approver), at=text.moment(approval.approved_at),
            sealed=approval.sealed, signer=text.inline(approval.signer) or "–",
            asked_by=text.inline(approval.asked_by), nonce=text.code(approval.nonce),
        )  # fmt: skip
    for one in story.confirmations:
        _confirmation(page, story, one)
    for change in story.changes:
        _change(page, change)
    _refusals(page, story)
    if story.warnings:
        page.item("report.warnings")
    for noted in story.warnings[:_MOST]:
        page.under(_said(page, noted.message, noted.fields))


def _confirmation(page: Page, story: Story, one: Confirmation) -> None:
    message = {True: "report.confirmed", False: "report.declined", None: "report.unanswered"}[one.matched]
    page.item(
        message, at=text.moment(one.at), user=text.inline(user_of(story)),
        question=question_words(page.catalogue, one.question),
    )  # fmt: skip


def _change(page: Page, change: Change) -> None:
    at, act = text.moment(change.started), page.choice("report.act", change.act)
    if change.result is None:
        page.item("report.change_open", at=at, act=act)
        return
    page.item(
        "report.change", at=at, act=act, state=page.choice("report.change_state", change.result.state),
        duration=text.duration(page.catalogue, change.result.seconds),
    )  # fmt: skip


def _refusals(page: Page, story: Story) -> None:
    page.item("report.refusals", count=sum(story.refusals.values()))
    for (verb, reason), count in sorted(story.refusals.items()):
        why = text.sentence(page.catalogue, ("refused", "error"), reason, story.refused_fields[verb, reason])
        page.under(page.say("report.refusal", verb=text.inline(verb), why=why, count=count))
    wrong = sum(one.wrong for one in story.confirmations if one.asks == "phrase")
    page.item("report.wrong_tries", count=wrong)


def anchor_section(page: Page, story: Story) -> None:
    """The journal's head: what finds a cut tail later (guard's design, 10)."""
    page.heading("report.section.anchor")
    page.item("report.anchor.head", head=text.code(story.head))
    page.item("report.anchor.entries", count=story.entries)
    words = ("diana", "journal", "verify", *((story.run.run,) if story.run else ()), "--anchor", story.head)
    page.item("report.anchor.use", command=text.code(text.command(*words)))
