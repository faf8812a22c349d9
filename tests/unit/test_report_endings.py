"""Every ending of a run has a true log: failures, kills, dry runs, refusals, rollbacks, restores."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import stories
from diana_agent import events as ev
from diana_agent.journal import Entry
from diana_agent.report import document, render, summary
from diana_agent.report_story import Status, status_of, tell
from diana_tools.domain import Recovery
from logs import CATALOGUE, lines, section

Tell = Callable[[Sequence[ev.AnyEvent]], list[Entry]]


@pytest.fixture
def tell_(tmp_path: Path) -> Tell:
    return lambda events: stories.told(tmp_path, events)


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
    assert "  - missing: `table:orders`" in text
    assert "part of the change is in it" in text
    assert "✅ Rollback" not in text
    assert "- Schema Version: 0f0000000000 → not known" in text
    assert "- Rollback Script: none; the state of the database has to be measured first" in text
    assert "UniqueViolation: duplicate key" in text


def test_a_failure_that_left_a_part_of_a_migration(tell_: Tell) -> None:
    """One that was applied and one that stopped in its middle: a rollback of the first would leave the rest."""
    entries = tell_(stories.failure("partial", recovery=Recovery("e", "restore_of_the_backup")))
    text = render(entries, CATALOGUE)
    assert "- Rollback Script: none; a rollback takes back whole migrations only" in text
    assert "diana restore --backup" in text


def test_a_failure_whose_migrations_were_taken_back_without_their_values(tell_: Tell) -> None:
    measured = ev.Measured(moment="recovered", state=stories.BEFORE)
    text = render(tell_(stories.failure("partial", *stories.NOT_RECOVERED, measured)), CATALOGUE)
    assert "- Total Migrations: 3 planned, 0 applied, 3 not applied" in text
    assert "  1. create_tables - Create the tables (applied, then taken back)" in text
    assert "diana rollback" not in text


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
