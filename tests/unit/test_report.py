"""The migration log: the document's sections and fields, true for every ending, and safe whatever a name holds."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

import stories
from diana_agent import events as ev
from diana_agent.journal import Entry, read
from diana_agent.report import document, render, summary
from diana_agent.report_story import Status, status_of, tell
from diana_prompts.catalogue import Catalogue
from diana_tools.domain import Address, Environment, Level
from diana_tools.measured import ChangeResult, Copy, Grade, Proof, RecoveryResult, Verification

CATALOGUE = Catalogue("en")
ASKED = [ev.Asked(question="ask.destructive", asks="phrase", plan_hash="0123456789abcdef" * 4)]
Tell = Callable[[Sequence[ev.AnyEvent]], list[Entry]]


@pytest.fixture
def tell_(tmp_path: Path) -> Tell:
    return lambda events: stories.told(tmp_path, events)


def lines(entries: Sequence[Entry]) -> list[str]:
    return render(entries, CATALOGUE).splitlines()


def section(entries: Sequence[Entry], title: str) -> list[str]:
    """The lines below one heading of the second level."""
    text = render(entries, CATALOGUE)
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", text, re.S | re.M)
    assert found, title
    return found.group(1).splitlines()


def sections(entries: Sequence[Entry]) -> list[str]:
    return [line[3:] for line in lines(entries) if line.startswith("## ")]


def test_a_success_has_the_five_sections_and_every_field_of_their_lines(tell_: Tell) -> None:
    entries = tell_(stories.success())
    assert sections(entries)[:5] == [
        "Migration Summary", "Migrations Applied", "Database Backup", "Verification", "Rollback Plan",
    ]  # fmt: skip
    summary_lines = section(entries, "Migration Summary")
    for line in (
        "- Environment: eu-prod (production)", "- Database: PostgreSQL - shop", "- Migration Tool: Alembic 1.18.4",
        "- Executed By: Anna", "- Timestamp: 2026-11-24 09:30:24 UTC", "- Duration: 3.21 s", "- Status: ✅ SUCCESS",
    ):  # fmt: skip
        assert line in summary_lines
    applied = section(entries, "Migrations Applied")
    for line in (
        "- Total Migrations: 3", "- Migrations List:", "  1. create_tables - Create the tables (applied)",
        "  3. drop_legacy - Drop the legacy code (applied)", "- Schema Version: 0f0000000000 → 1a0000000003",
    ):  # fmt: skip
        assert line in applied
    backup = section(entries, "Database Backup")
    for line in (
        f"- Backup File: `{stories.backup().path}`", "- Backup Size: 12.3 MB (12,345,678 bytes)",
        f"- Backup Checksum: `{stories.SHA}` (SHA-256)",
        "- Cloud Backup: `s3://backups-eu/backup-1.dump` (store s3-eu, remote, verified there)",
    ):  # fmt: skip
        assert line in backup
    verification = section(entries, "Verification")
    for line in (
        "- Migration Table Status: ✅ All migrations marked as applied",
        "- Schema Validation: ✅ Schema matches expected state",
        "- Data Integrity: ✅ No data loss detected beyond what the plan removes",
        "- Database Connectivity: ✅ Database responsive", "- Checks Passed: 4/4",
    ):  # fmt: skip
        assert line in verification
    plan = section(entries, "Rollback Plan")
    assert "- Rollback Script: below, in this log" in plan
    assert "- Manual Rollback Steps: See the numbered steps below" in plan
    assert status_of(tell(entries)) is Status.SUCCESS


def test_without_planned_loss_the_document_s_own_words_stand(tell_: Tell) -> None:
    events = [ev.Planned(plan=stories.plan(findings=())) if isinstance(e, ev.Planned) else e for e in stories.success()]
    assert "- Data Integrity: ✅ No data loss detected" in lines(tell_(events))


def test_the_restore_command_is_exact_whatever_the_project_is_called(tell_: Tell) -> None:
    project = '/srv/it\'s a `shop`/$(touch x)/p;r "o"'
    events = stories.success()
    events[0] = stories.begin(project)[0]
    entries = tell_(events)
    command = next(line.strip() for line in lines(entries) if line.strip().startswith("diana restore"))
    assert shlex.split(command) == [
        "diana", "restore", "--backup", "backup-1", "--project", project, "--environment", "eu-prod",
    ]  # fmt: skip
    assert document(entries)["rollback"] == {
        "command": shlex.join(
            ["diana", "rollback", "--to", "0f0000000000", "--project", project, "--environment", "eu-prod"]
        ),
        "restore": command, "rung": "a", "backup": "backup-1",
    }  # fmt: skip


def test_the_journal_s_head_is_the_anchor(tell_: Tell) -> None:
    entries = tell_(stories.success())
    assert f"- Head: `{entries[-1].hash}`" in section(entries, "Journal")
    assert document(entries)["journal"] == {"head": entries[-1].hash, "entries": len(entries)}


def test_rendering_needs_the_entries_alone_and_is_pure(tell_: Tell, tmp_path: Path) -> None:
    entries = tell_(stories.success())
    again = list(read(tmp_path / "run.jsonl"))
    assert render(entries, CATALOGUE) == render(again, CATALOGUE), "what was journalled is what is told"
    assert summary(entries, CATALOGUE) == summary(again, CATALOGUE)


@pytest.mark.parametrize("name", ["history", "schema", "data", "connectivity"])
@pytest.mark.parametrize("passed", [False, None])
def test_the_sign_stands_only_where_the_check_passed(tell_: Tell, name: str, passed: bool | None) -> None:
    events = stories.success()
    events[-1] = ev.Verified(verification=stories.checks(**{name: passed}))
    entries = tell_(events)
    verification = section(entries, "Verification")
    title = {"history": "Migration Table Status", "schema": "Schema Validation", "data": "Data Integrity",
             "connectivity": "Database Connectivity"}[name]  # fmt: skip
    line = next(line for line in verification if line.startswith(f"- {title}"))
    assert "✅" not in line
    assert sum("✅" in line for line in verification) == 3
    text = render(entries, CATALOGUE)
    assert "✅ SUCCESS" not in text
    assert "✅ DATABASE MIGRATION COMPLETE" not in text
    assert "- Status: ⚠️ MIGRATION APPLIED, VERIFICATION INCOMPLETE (3/4)" in text
    assert ("⚠️ CRITICAL VERIFICATION FAILURES" in text) == (name == "connectivity" and passed is False)
    if passed is None:
        assert line == f"- {title}: not checked"
        assert f"- The check {title} was not made." in section(entries, "Not Checked")
    else:
        assert ("❌ CRITICAL: " if name == "connectivity" else "❌ WARN: ") in line
        assert "  - difference: `missing:table:orders`" in verification


def test_a_database_that_went_away_leaves_three_checks_open(tell_: Tell) -> None:
    lost = stories.checks(connectivity=False).checks[-1]
    events = stories.success()
    events[-1] = ev.Verified(verification=Verification((lost,), ("history", "schema", "data")))
    entries = tell_(events)
    assert "VERIFICATION INCOMPLETE (0/4)" in summary(entries, CATALOGUE)
    assert section(entries, "Not Checked")[1:4] == [
        "- Migration table status", "- Schema", "- Data integrity"
    ]  # fmt: skip


def test_an_applied_run_without_any_verification_is_incomplete(tell_: Tell) -> None:
    entries = tell_(stories.success()[:-1])
    text = render(entries, CATALOGUE)
    assert "VERIFICATION INCOMPLETE (0/4)" in text
    assert "- No verification was made after the change." in text
    assert "Verification: not made" in summary(entries, CATALOGUE)


def test_a_verification_before_the_change_says_nothing_about_it(tell_: Tell) -> None:
    events = stories.success()
    entries = tell_([*events[:10], events[-1], *events[10:-1]])
    assert status_of(tell(entries)) is Status.INCOMPLETE


@pytest.mark.parametrize(
    ("proof", "asked", "first"),
    [
        (stories.RESTORED, "", "# Database Migration Log"),
        (stories.READ, "ask.unproven", "> **⚠️ PROOF LOWER THAN THE POLICY ASKS:"),
        (stories.READ, "ask.unproven_yes", "> **⚠️ PROOF LOWER THAN THE POLICY ASKS:"),
        (stories.READ, "", "> **⚠️ PROOF BELOW A RESTORE TEST:"),
        (Proof(Grade.RESTORED, "00" * 32), "", "> **⚠️ UNPROVEN BACKUP:"),
    ],
)
def test_the_first_line_says_when_the_proof_is_low(tell_: Tell, proof: Proof, asked: str, first: str) -> None:
    question = stories.confirmed(asked, "phrase") if asked else []
    made = proof.grade.value if proof.sha256 == stories.SHA else "none"
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan()), *stories.backed_up(proof), *question,
        *stories.permitted(grade="read" if made == "none" else made), stories.finished(),
        ev.Verified(verification=stories.checks()),
    ])  # fmt: skip
    assert lines(entries)[0].startswith(first)
    assert (document(entries)["warning"] == "") == (proof is stories.RESTORED)


def test_an_approval_given_beforehand_counts_as_the_question_on_the_proof(tell_: Tell) -> None:
    approval = ev.ApprovalUsed(
        nonce="9" * 32, approver="Bo", asked_by="ci@build", approved_at=stories.START, sealed="ssh",
        signer="bo@example.org", plan_hash="0123456789abcdef" * 4, confirmed=("ask.unproven", "ask.production"),
    )  # fmt: skip
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan()), *stories.backed_up(stories.READ), approval,
        *stories.permitted(grade="read"), stories.finished(), ev.Verified(verification=stories.checks()),
    ])  # fmt: skip
    assert "POLICY ASKS" in lines(entries)[0]
    course = "\n".join(section(entries, "Course of the Run"))
    assert "Approved by Bo at 2026-11-24 09:30:00 UTC (sealed by ssh, signer bo@example.org" in course
    assert "9" * 32 in course


def test_a_skipped_backup_is_the_first_thing_said(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan(findings=())), *stories.confirmed("ask.skip_backup"),
        *stories.permitted(grade="none", made=None), stories.finished(), ev.Verified(verification=stories.checks()),
    ])  # fmt: skip
    assert lines(entries)[0].startswith("> **⚠️ NO BACKUP:")
    assert "- Backup File: none; the backup was skipped on a person's own demand" in lines(entries)
    assert "- Backup Restore Command: none; there is no backup" in lines(entries)
    assert "Backup: none" in summary(entries, CATALOGUE)


def test_a_backup_that_was_there_but_skipped_is_not_the_run_s_backup(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan()), *stories.backed_up(), *stories.permitted(grade="none"),
        stories.finished(),
    ])  # fmt: skip
    assert lines(entries)[0].startswith("> **⚠️ NO BACKUP:")


def test_a_failure_that_was_taken_back_says_only_what_was_measured(tell_: Tell) -> None:
    entries = tell_(stories.failure("partial", *stories.RECOVERED))
    text = render(entries, CATALOGUE)
    assert "- Status: ❌ MIGRATION FAILED" in text
    assert "✅ Rollback successful. Database restored to pre-migration state." in text
    assert "  1. create_tables - Create the tables (applied, then taken back)" in text
    assert "  2. full_name - Join the names (failed here)" in text
    assert "- Schema Version: 0f0000000000 → 0f0000000000" in text
    assert "- Rollback Script: none; nothing of this run is in the database" in text
    assert "Database migrations failed. Check logs for details." in summary(entries, CATALOGUE)
    assert "🎉" not in summary(entries, CATALOGUE)
    assert "Workflow complete" not in summary(entries, CATALOGUE)


def test_a_failure_that_could_not_be_taken_back(tell_: Tell) -> None:
    text = render(tell_(stories.failure("partial", *stories.NOT_RECOVERED)), CATALOGUE)
    assert "⚠️ CRITICAL: Automatic rollback failed. Manual database restore required. (rung b)" in text
    assert "  - difference: `missing:table:orders`" in text
    assert "part of the change is in it" in text
    assert "✅ Rollback" not in text
    assert "- Schema Version: 0f0000000000 → not known" in text
    assert "  diana rollback --count 1 " in text
    assert "UniqueViolation: duplicate key" in text


def test_a_failure_that_changed_nothing(tell_: Tell) -> None:
    entries = tell_(stories.failure("unchanged"))
    assert status_of(tell(entries)) is Status.RECOVERED
    text = render(entries, CATALOGUE)
    assert "measured to be in its state before the run" in text
    assert "- Total Migrations: 3 planned, 0 applied, 3 not applied" in text


def test_a_state_that_could_not_be_read_is_called_unknown(tell_: Tell) -> None:
    text = render(tell_(stories.failure("unknown")), CATALOGUE)
    assert "The state of the database is not known" in text
    assert text.count("(state not known)") == 3
    assert "- Rollback Script: none; the state of the database has to be measured first" in text


def test_a_run_that_was_killed_in_the_change(tell_: Tell) -> None:
    entries = tell_([*stories.begin(), ev.Planned(plan=stories.plan()), *stories.backed_up(), *stories.permitted()])
    text = render(entries, CATALOGUE)
    assert "❌ MIGRATION INTERRUPTED" in text
    assert "Run diana verify before anything else." in text
    assert "its end was not recorded" in text
    assert "- Duration: not known" in text


def test_a_dry_run(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan(unread=(stories.UNREAD,))), *stories.DRY_RUN,
        ev.RunEnded(outcome="dry_run", exit_code=0),
    ])  # fmt: skip
    text = render(entries, CATALOGUE)
    assert "- Status: DRY-RUN COMPLETE - Migrations previewed but not applied" in text
    assert "- Total Migrations: 3 planned, none applied" in text
    assert "- Schema Version: 0f0000000000 (planned: 1a0000000003)" in text
    assert "  ALTER TABLE customers DROP legacy;" in text
    assert "not read, so not known to be safe: `migrations/versions/x.py`:3" in text
    assert "✅" not in text
    assert "- 1 places in the migrations could not be read." in section(entries, "Not Checked")
    assert summary(entries, CATALOGUE).startswith("DRY-RUN COMPLETE")
    assert summary(entries, CATALOGUE).endswith("Workflow complete ✅\n")


def test_nothing_to_do(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.UP_TO_DATE), ev.RunEnded(outcome="up_to_date", exit_code=0)
    ])  # fmt: skip
    assert "- Status: ✅ Database is up-to-date. No pending migrations." in lines(entries)
    assert "- Total Migrations: 0" in lines(entries)
    assert summary(entries, CATALOGUE).startswith("✅ Database is up-to-date. No pending migrations.")


def test_a_person_s_no(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Planned(plan=stories.plan()), *stories.backed_up(),
        *stories.confirmed(tries=3, matched=False), ev.Refused(verb="migrate", reason="phrase_wrong"),
        ev.Refused(verb="migrate", reason="declined_before"), ev.Refused(verb="migrate", reason="declined_before"),
        ev.Halted(reason="phrase_wrong", exit_code=4), ev.RunEnded(outcome="cancelled", exit_code=4),
    ])  # fmt: skip
    text = render(entries, CATALOGUE)
    assert "- Status: CANCELLED, NOTHING WAS CHANGED" in text
    assert "- Wrong or broken-off tries at a phrase: 3" in text
    assert "- Refusals by the guard: 3" in text
    assert re.search(r"  - migrate: .*\(2\)$", text, re.M)
    assert "Anna did not confirm" in text
    assert "✅" not in text


def test_a_wrong_try_before_the_right_one_is_counted(tell_: Tell) -> None:
    events = stories.success()
    events[events.index(next(e for e in events if isinstance(e, ev.Answered)))] = stories.confirmed(tries=2)[1]
    assert "- Wrong or broken-off tries at a phrase: 1" in lines(tell_(events))


def test_a_halt_before_anything(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), ev.Prerequisite(name="disk", met=False, message="nowhere.known", fields={"need": "9 GB"}),
        ev.Halted(reason="journal_missing", exit_code=5, fields={"path": "/a_b/*c*", "error": "gone"}),
        ev.RunEnded(outcome="failed", exit_code=5),
    ])  # fmt: skip
    text = render(entries, CATALOGUE)
    assert "- Status: HALTED BEFORE ANY CHANGE" in text
    assert r"- Halted: There is no journal to read at /a_b/\*c\* (gone)." in text
    assert "- Not met: `disk (need: 9 GB)`" in text
    assert "✅" not in text


def test_a_run_that_is_not_over_yet(tell_: Tell) -> None:
    entries = tell_([*stories.begin(), ev.Planned(plan=stories.plan())])
    assert "- Status: NOT FINISHED, NOTHING WAS CHANGED SO FAR" in lines(entries)
    assert render([], CATALOGUE), "an empty journal has a log too"
    assert summary([], CATALOGUE).startswith("NOT FINISHED")
    assert document([])["status"] == "unfinished"


def rolled_back() -> list[ev.AnyEvent]:
    down = stories.plan(
        direction="down", current=(stories.PENDING[2].id,), target=("0f0000000000",),
        pending=tuple(reversed(stories.PENDING)), findings=(),
    )  # fmt: skip
    return [
        *stories.begin(), ev.Planned(plan=down), *stories.backed_up(), *stories.permitted(act="rollback"),
        stories.finished(act="rollback"), ev.Measured(moment="after", state=stories.BEFORE),
        ev.Verified(verification=stories.checks()),
    ]  # fmt: skip


def test_a_rollback(tell_: Tell) -> None:
    entries = tell_(rolled_back())
    text = render(entries, CATALOGUE)
    assert "**✅ ROLLBACK COMPLETE**" in text
    assert "- Total Migrations: 3 rolled back" in text
    assert "  1. drop_legacy - Drop the legacy code (rolled back)" in text
    assert "- Migration Table Status: ✅ All migrations marked as rolled back" in text
    assert "  diana migrate --to 1a0000000003 " in text
    assert "🎉" not in summary(entries, CATALOGUE)


def test_a_restore_of_an_earlier_run_s_backup(tell_: Tell) -> None:
    entries = tell_([
        *stories.begin(), *stories.confirmed("ask.restore"), *stories.permitted(act="restore", grade="restored"),
        ev.Measured(moment="recovered", state=stories.BEFORE), stories.finished(act="restore", done=0),
    ])  # fmt: skip
    text = render(entries, CATALOGUE)
    assert text.startswith("# Database Migration Log\n\n**✅ RESTORE COMPLETE**")
    assert "- Backup: `backup-1`, made by an earlier run" in text
    assert "measured to be as the backup holds it" in text
    assert "Restored Backup: backup-1" in summary(entries, CATALOGUE)


def test_a_migration_that_cannot_be_taken_back(tell_: Tell) -> None:
    pending = (*stories.PENDING[:2], replace(stories.PENDING[2], reversible=False))
    events = [
        ev.Planned(plan=stories.plan(pending=pending)) if isinstance(e, ev.Planned) else e for e in stories.success()
    ]
    entries = tell_(events)
    assert "- Rollback Script: none; the tool cannot take back `drop_legacy`" in lines(entries)
    assert document(entries)["rollback"] is not None


def test_the_last_change_is_told_and_all_are_listed(tell_: Tell) -> None:
    second = [
        *stories.permitted(permit="p2"),
        stories.finished(permit="p2"),
        ev.Verified(verification=stories.checks()),
    ]
    entries = tell_([*stories.failure("partial", *stories.RECOVERED)[:-2], ev.Planned(plan=stories.plan()), *second])
    text = render(entries, CATALOGUE)
    assert status_of(tell(entries)) is Status.SUCCESS
    assert "migration started, failed part of the way after 3.21 s" in text
    assert "migration started, applied after 3.21 s" in text
    assert "Rollback successful" not in text


def test_looking_again_after_the_run_does_not_change_its_log(tell_: Tell) -> None:
    again = [
        ev.Reported(path="/out/log.md"),
        ev.Planned(plan=stories.UP_TO_DATE),
        ev.RunEnded(outcome="done", exit_code=0),
    ]
    entries = tell_([*stories.success(), *again])
    assert status_of(tell(entries)) is Status.SUCCESS
    assert "Migration Log: /out/log.md" in summary(entries, CATALOGUE)


def test_a_new_plan_with_work_after_the_log_is_another_story(tell_: Tell) -> None:
    entries = tell_([*stories.success(), ev.Reported(path="/out/log.md"), ev.Planned(plan=stories.plan())])
    assert status_of(tell(entries)) is Status.UNFINISHED
    assert "✅ SUCCESS" not in render(entries, CATALOGUE)


HOSTILE = (
    "x](javascript:alert(1)) <script>alert(1)</script> | `a` **b** ![i](http://e.example/i.png)\n\n"
    "# Status: ✅ SUCCESS\n\x1b]52;c;eA==\x07\u202e<!-- https://evil.example www.evil.example _c_"
)


def hostile() -> list[ev.AnyEvent]:
    """Every text that others can choose, chosen badly."""
    bad = Environment(HOSTILE, Level.PRODUCTION)
    address = Address("postgresql", HOSTILE, 5432, HOSTILE, HOSTILE)
    pending = tuple(replace(m, name=HOSTILE, description=HOSTILE, path=HOSTILE) for m in stories.PENDING)
    finding = replace(stories.LEGACY, object=HOSTILE, file=HOSTILE, statement=HOSTILE)
    unread = replace(stories.UNREAD, file=HOSTILE, why=HOSTILE)
    plan = stories.plan(
        pending=pending, findings=(finding,), unread=(unread,), address=address, environment=bad, current=(HOSTILE,),
        tool_version=HOSTILE,
    )  # fmt: skip
    made = stories.backup(
        path=HOSTILE, program=HOSTILE, missing=(HOSTILE,), copies=(Copy(HOSTILE, HOSTILE, True, False),)
    )
    result = ChangeResult(
        1, 1.0, "partial", (stories.ALL[0],), stories.ALL[1:], HOSTILE, stories.ALL[1], (HOSTILE,), HOSTILE
    )
    return [
        stories.begin(HOSTILE, ticket=HOSTILE, reason=HOSTILE)[0],
        ev.EnvironmentSettled(environment=bad),
        ev.Prerequisite(name=HOSTILE, met=False, message=HOSTILE, fields={HOSTILE: HOSTILE}),
        ev.Planned(plan=plan), ev.BackedUp(backup=made),
        ev.Rehearsed(rehearsal=replace(stories.REHEARSAL, passed=False, error=HOSTILE)),
        ev.Refused(verb=HOSTILE, reason=HOSTILE, fields={}),
        ev.Noted(message=HOSTILE, fields={"a": HOSTILE}, tone="bad"),
        *stories.confirmed(HOSTILE), *stories.permitted(),
        ev.ChangeFinished(permit="p1", act="apply", result=result),
        ev.Recovered(result=RecoveryResult(HOSTILE, False, (HOSTILE,))),
        ev.Verified(verification=Verification((
            replace(
                stories.checks(schema=False).checks[1], expected=HOSTILE, found=HOSTILE, query=HOSTILE,
                problems=(HOSTILE,),
            ),
        ), (HOSTILE,))),
        ev.Halted(reason=HOSTILE, exit_code=8, fields={"x": HOSTILE}, umbrella=HOSTILE),
    ]  # fmt: skip


def test_hostile_text_reads_as_itself(tell_: Tell) -> None:
    entries = tell_(hostile())
    text = render(entries, CATALOGUE)
    assert "\x1b" not in text
    assert "\u202e" not in text
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    flat = [child for token in tokens for child in [token, *(token.children or [])]]
    kinds = {token.type for token in flat}
    assert not kinds & {"link_open", "image", "html_block", "html_inline", "table_open", "em_open", "s_open"}
    headings = [
        following.content for token, following in pairwise(tokens) if token.type == "heading_open"
    ]  # fmt: skip
    assert "Status: ✅ SUCCESS" not in headings
    assert len(headings) == 12
    assert sum(token.type == "strong_open" for token in flat) <= 2, "only the first line and the head line are bold"
    assert "\n# Status" not in text


def test_hostile_text_in_json_and_summary_is_clean(tell_: Tell) -> None:
    entries = tell_(hostile())
    for text in (json.dumps(document(entries), ensure_ascii=False), summary(entries, CATALOGUE)):
        assert "\x1b" not in text
        assert "\u202e" not in text
    assert len([line for line in summary(entries, CATALOGUE).splitlines() if line.startswith("# ")]) == 0


SECRET = "hunter2hunter2"


def test_nothing_secret_reaches_the_log(tell_: Tell) -> None:
    url = f"postgresql://anna:{SECRET}@db/shop"
    events = stories.failure("partial")
    place = next(i for i, e in enumerate(events) if isinstance(e, ev.ChangeFinished))
    events[place] = stories.finished("partial", done=1, error=f"could not connect: {url} password={SECRET}")
    events[0] = stories.begin(reason=f"see {url}", ticket=f"token={SECRET}")[0]
    events.append(ev.Noted(message="x", fields={"error": f"PGPASSWORD={SECRET}"}, tone="bad"))
    entries = tell_(events)
    assert SECRET not in render(entries, CATALOGUE)
    assert SECRET not in summary(entries, CATALOGUE)
    assert SECRET not in json.dumps(document(entries))


def test_the_summary_of_a_success_is_the_document_s_block(tell_: Tell) -> None:
    entries = tell_([*stories.success(), ev.Reported(path="/out/database-migration-log-2026-11-24.md")])
    assert summary(entries, CATALOGUE) == (
        "✅ DATABASE MIGRATION COMPLETE\n\n"
        "Environment: eu-prod\nDatabase: PostgreSQL - shop\nMigration Tool: Alembic 1.18.4\n\n"
        "Migrations Applied: 3 ✅\nMigration Duration: 3.21 s\nSchema Version: 0f0000000000 → 1a0000000003\n\n"
        f"Backup: {stories.backup().path} (12.3 MB)\nVerification: All checks passed ✅\n\n"
        "Migration Log: /out/database-migration-log-2026-11-24.md\n\n"
        "Next Steps:\n- Test application with new schema\n- Monitor database performance\n"
        "- Verify data integrity in application\n- Keep backup until confirmed stable\n\n"
        "Database migrations completed successfully! 🎉\nWorkflow complete ✅\n"
    )


def test_the_json_holds_the_same_facts(tell_: Tell) -> None:
    entries = tell_(stories.success(ticket="OPS-7", reason="release 12"))
    body = document(entries)
    assert body["schema"] == "diana.report/1"
    assert body["status"] == "success"
    assert body["run"] == {
        "id": "r1", "project": "/srv/it's a shop/project", "model": "embedded", "ticket": "OPS-7",
        "reason": "release 12", "started": "2026-11-24T09:30:00+00:00", "changed": "2026-11-24T09:30:24+00:00",
        "outcome": None, "exit": None,
    }  # fmt: skip
    assert body["version"] == {"before": ["0f0000000000"], "after": ["1a0000000003"]}
    assert body["seconds"] == 3.21
    assert body["confirmations"] == [
        {"question": "ask.destructive", "at": "2026-11-24T09:30:18+00:00", "matched": True, "tries": 1},
        {"question": "ask.production", "at": "2026-11-24T09:30:20+00:00", "matched": True, "tries": 1},
    ]
    assert json.loads(json.dumps(body)) == body
    text = render(entries, CATALOGUE)
    assert "- Ticket: OPS-7" in text
    assert "- Reason: release 12" in text


def test_the_schema_s_difference_comes_from_measurements(tell_: Tell) -> None:
    measured = lines(tell_(stories.success()))
    assert "Measured on the database, before and after:" in measured
    for line in (
        "- added column `customers.full_name`", "- removed column `customers.legacy`",
        "- changed column `customers.name`: `varchar(80) not null` → `varchar(120) not null`",
        "- rows in `orders`: 20 → 21",
    ):  # fmt: skip
        assert line in measured


def test_without_a_measurement_the_rehearsal_s_difference_is_named_as_such(tell_: Tell) -> None:
    events = [e for e in stories.success() if not isinstance(e, ev.Measured)]
    told = lines(tell_(events))
    assert "Seen in the rehearsal on a scratch database:" in told
    assert not any(line.startswith("- rows in") for line in told)


def test_every_message_of_the_log_can_be_said() -> None:
    """Ids that are put together at run time exist for every value they can take."""
    for act in ("apply", "rollback", "restore"):
        for status in ("success", "recovered", "failed", "unknown", "interrupted"):
            assert CATALOGUE.has(f"report.head.{act}.{status}")
    for status in ("cancelled", "halted", "dry_run", "up_to_date", "nothing_run", "unfinished"):
        assert CATALOGUE.has(f"report.head.{status}")
    for grade in Grade:
        assert CATALOGUE.has(f"report.grade.{grade.value}")
    for rung in ("a", "b", "c", "d", "e", "none"):
        assert CATALOGUE.has(f"report.rung.{rung}")
    for step in range(1, 11):
        assert CATALOGUE.has(f"report.step.{step}")
