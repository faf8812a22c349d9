"""The migration log: the document's sections and fields, each sign and first line where it is true."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import stories
from diana_agent import events as ev
from diana_agent.journal import Entry, read
from diana_agent.report import document, render, summary
from diana_agent.report_story import Status, status_of, tell
from diana_tools.measured import Grade, Proof, Verification
from logs import CATALOGUE, lines, section, sections

Tell = Callable[[Sequence[ev.AnyEvent]], list[Entry]]


@pytest.fixture
def tell_(tmp_path: Path) -> Tell:
    return lambda events: stories.told(tmp_path, events)


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
        "- Proof: restored (restored elsewhere and compared)",
        "- Proof Checks: objects compared: `3`, rows compared: `1520`, the schema is the same, "
        "the content of the tables is the same",
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
    again = list(read(tmp_path / "r1.jsonl"))
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
        assert "  - missing: `table:orders`" in verification


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
