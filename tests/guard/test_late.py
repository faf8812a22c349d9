"""What else nobody gets past: refusals that stay, answers that come late, copies and emptiness that do not last."""

from __future__ import annotations

import shutil
import sqlite3
from dataclasses import replace
from datetime import timedelta

import pytest

from diana_agent.events import ChangeFinished, GaveBack, Refused
from diana_agent.guard.mint import Mint
from diana_agent.journal import Journal
from diana_config.settings import PolicySetting
from diana_tools.domain import Level
from diana_tools.errors import PermitRefused
from diana_tools.measured import ChangeResult
from diana_tools.permit import Act, Operation, Use
from guard.ground import ADD, Ground
from guard.test_ground import PATH, walk
from guard.test_list import meanwhile, nothing_ran


async def test_a_no_takes_the_verb_away_until_the_person_gives_it_back(ground: Ground) -> None:
    ground.migration.write_text(ADD)
    ground.person.behaviour = "no"
    run = ground.open()
    await walk(run, *PATH)
    ground.person.behaviour = "confirm"
    assert (await walk(run, "migrate")).reason == "declined_before"
    run.write(GaveBack(verb="migrate"), "person")
    assert (await walk(run, "migrate")).status == "done"


async def test_coding_agent_in_the_process_tree(ground: Ground) -> None:
    ground.agent = lambda: "Some Agent"
    ground.person.behaviour = "confirm"
    before, run = ground.content(), ground.open()
    outcome = await walk(run, *PATH)
    assert outcome.reason == "coding_agent"
    assert not ground.person.asked
    nothing_ran(ground, before)


async def test_skip_backup_is_refused_where_data_would_be_lost(ground: Ground) -> None:
    ground.skip_backup = True
    ground.person.behaviour = "confirm"
    before, run = ground.content(), ground.open()
    outcome = await walk(run, "detect", "connect", "plan", "migrate")
    assert outcome.reason == "skip_backup_destructive"
    nothing_ran(ground, before)
    ground.migration.write_text(ADD)
    run = ground.open()
    assert (await walk(run, "detect", "connect", "plan", "migrate")).status == "done"
    assert [question.id for question in ground.person.asked] == ["ask.skip_backup", "ask.production"]


async def test_rows_do_not_leave_production_unless_the_policy_says_so(ground: Ground) -> None:
    ground.policy = PolicySetting(coding_agents=True)
    ground.person.behaviour = "confirm"
    run = ground.open()
    outcome = await walk(run, *PATH)
    assert outcome.status == "done", outcome
    assert [question.id for question in ground.person.asked] == ["ask.unproven", "ask.destructive", "ask.production"]
    standing = run.standing
    assert standing.rehearsal is not None
    assert standing.rehearsal.kind == "schema"
    assert sum(table.rows for table in standing.rehearsal.before.tables) == 0


async def test_three_refusals_take_a_verb_away(ground: Ground) -> None:
    run = ground.open()
    await walk(run, "detect", "connect", "plan", "migrate", "migrate", "migrate", "migrate")
    reasons = [event.reason for event in run.journal.events() if isinstance(event, Refused)]
    assert reasons == ["no_backup", "no_backup", "no_backup", "too_many_refusals"]


async def test_unexpected_database_opens_nothing(ground: Ground) -> None:
    before, run = ground.content(), ground.open()
    run.settings = replace(run.settings, expected_db="orders")
    ground.person.behaviour = "confirm"
    outcome = await walk(run, "detect", "connect")
    assert (outcome.reason, outcome.exit_code) == ("database_mismatch", 5)
    for verb in ("plan", "backup", "rehearse", "migrate", "restore"):
        assert (await walk(run, verb)).reason in ("not_now", "bad_arguments")
    nothing_ran(ground, before)


async def test_a_halted_second_connect_closes_what_the_first_one_opened(ground: Ground) -> None:
    run = ground.open()
    await walk(run, "detect", "connect", "plan")
    run.settings = replace(run.settings, expected_db="orders")
    assert (await walk(run, "connect")).reason == "database_mismatch"
    assert (await walk(run, "backup")).reason == "not_now"


@pytest.mark.parametrize(("minutes", "reason"), [(16, "question_expired"), (14, "")])
async def test_question_that_was_answered_late(ground: Ground, minutes: int, reason: str) -> None:
    def time_passes() -> None:
        ground.clock.ahead += timedelta(minutes=minutes)

    meanwhile(ground, time_passes)
    before, run = ground.content(), ground.open()
    outcome = await walk(run, *PATH)
    assert outcome.reason == reason
    assert (ground.content() == before) is bool(reason)


async def test_backup_that_grew_too_old_while_the_person_thought(ground: Ground) -> None:
    def time_passes() -> None:
        ground.clock.ahead += timedelta(minutes=14)

    meanwhile(ground, time_passes)
    before, run = ground.content(), ground.open()
    await walk(run, *PATH[:-1])
    ground.clock.ahead += timedelta(minutes=50)
    assert (await walk(run, "migrate")).reason == "backup_too_old"
    nothing_ran(ground, before)


async def test_store_that_is_gone_when_it_counts(ground: Ground) -> None:
    meanwhile(ground, lambda: shutil.rmtree(ground.folder / "vault"))
    before, run = ground.content(), ground.open()
    assert (await walk(run, *PATH)).reason == "no_remote_copy"
    nothing_ran(ground, before)


async def test_what_was_empty_at_the_plan_and_is_not_at_the_run(ground: Ground) -> None:
    ground.level = "staging"
    connection = sqlite3.connect(ground.database)
    connection.execute("UPDATE customer SET legacy = NULL")
    connection.commit()
    run = ground.open()
    ground.person.behaviour = "confirm"
    await walk(run, *PATH[:-1])
    assert not run.need_plan().destructive
    connection.execute("UPDATE customer SET legacy = 'now it holds something'")
    connection.commit()
    connection.close()
    before = ground.content()
    assert (await walk(run, "migrate")).reason == "plan_changed"
    nothing_ran(ground, before)


def test_recovery_comes_after_the_run_and_never_after_success(ground: Ground) -> None:
    journal = Journal(ground.folder / "mint.jsonl", ground.clock)
    main, back = Use("run", "0" * 64), Use("back", "1" * 64, recovery=True)
    operation = Operation(Act.APPLY, "toy", "1" * 32, "2" * 64, (main, back), "b")
    mint = Mint(journal, ground.clock)
    permit = mint.mint(operation, level=Level.PRODUCTION, destructive=True, grade="restored")
    with pytest.raises(PermitRefused, match="permit_mismatch"):
        mint.redeem(permit, operation, back)
    mint.redeem(permit, operation, main)
    result = ChangeResult(0, 1.0, "applied", ("1",), ())
    journal.append(ChangeFinished(permit=permit.id, act="apply", result=result), "tool")
    with pytest.raises(PermitRefused, match="permit_mismatch"):
        mint.redeem(permit, operation, back)


async def test_backup_and_its_copy_carry_the_head_of_the_journal(ground: Ground) -> None:
    run = ground.open()
    await walk(run, "detect", "connect", "plan", "backup")
    heads = {entry.hash for entry in run.journal.entries}
    made = run.need_backup()
    assert made.journal in heads
    for folder in (ground.folder / "home" / "d", ground.folder / "vault"):
        (paper,) = folder.rglob("backup-*.json")
        assert made.journal in paper.read_text()
