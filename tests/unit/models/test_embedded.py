"""Diana without a key, in conversation with canned verbs: the plan, a yes, and the run to its log."""

from __future__ import annotations

import pytest

from diana_agent.guard import phrases
from diana_agent.models.base import JsonObject
from fakes.verbs import CHANGE, FINDINGS, PLAN, answer, but
from unit.models.embedded_talk import RUN, SAY, session, started


async def test_she_begins_by_looking_and_ends_with_a_question():
    talk = session()
    text = await talk.start()
    assert talk.path == ["detect", "connect", "plan"]
    assert "2 migrations are pending on `shop.db`: `1a0000000002`, `1a0000000003`." in text
    assert "`orders.legacy_note`" in text
    assert "412 values in 3,000 rows" in text
    assert "0.7 s" in text
    assert "way down takes back what was applied" in text
    assert (
        "1 plan, 2 dry run, 3 back up, 4 migrate, 5 verify, 6 roll back, 7 restore, 8 log, 9 settings, 0 leave" in text
    )
    assert text.endswith(SAY("embedded.ask.backup"))


@pytest.mark.parametrize("yes", ["yes", "go on", "run", "migrate", "4", "los", "weiter"])
async def test_a_yes_takes_the_run_to_its_log(yes: str):
    talk = await started()
    text = await talk.say(yes)
    assert talk.path == RUN
    assert "2 migrations are applied, in 0.4 s. 4 of 4 checks passed. The log is written." in text
    assert text.endswith(SAY("embedded.next.idle"))
    again = await talk.say("yes")
    assert talk.path == []
    assert again.startswith(SAY("embedded.nothing_left"))


async def test_migrate_before_any_plan_shows_the_plan_first_and_waits():
    talk = session()
    text = await talk.say("migrate")
    assert talk.path == ["detect", "connect", "plan"]
    assert text.endswith(SAY("embedded.ask.backup"))


async def test_verify_is_called_where_it_leads_on():
    talk = await started(migrate=answer("verify report", CHANGE))
    await talk.say("yes")
    assert talk.path == ["backup", "rehearse", "migrate", "verify", "report"]


async def test_nothing_pending():
    empty = but(PLAN, pending=[], findings=[], destructive=False)
    talk = session(plan=answer("report plan", empty, status="nothing", reason="up_to_date"))
    text = await talk.start()
    assert text == f"{SAY('embedded.up_to_date')}\n\n{SAY('embedded.next.idle')}"
    await talk.say("yes")
    assert talk.path == []


async def test_plan_only_offers_the_dry_run_and_nothing_else():
    talk = await started(plan=answer("preview report", PLAN), preview=answer("report preview", {"kind": "offline_sql",
                         "sql": "DROP TABLE a;\n```\nnot the end", "why": ""}))  # fmt: skip
    assert "Shall I show what would run?" in talk.said
    await talk.say("yes")
    assert talk.path == ["preview", "report"]
    assert "````sql\nDROP TABLE a;\n```\nnot the end\n````" in talk.said
    text = await talk.say("dry run")
    assert talk.path == ["preview"]
    assert "````sql\nDROP TABLE a;\n```\nnot the end\n````" in text


async def test_an_unread_place_is_never_called_harmless():
    unread = but(
        PLAN,
        findings=[],
        unread=[{"file": "versions/4.py", "line": 3, "why": "unread.AC002.dynamic_sql", "migration": ""}],
    )
    talk = session(plan=answer("backup", unread))
    text = await talk.start()
    assert "`versions/4.py`, line 3, could not be read, so it counts as destructive" in text
    assert SAY("unread.AC002.dynamic_sql") in text
    assert SAY("embedded.no_loss") not in text


async def test_a_loss_that_could_not_be_counted_is_not_zero():
    finding = but(dict(FINDINGS[0]) if isinstance(FINDINGS[0], dict) else {}, loss={"rows": None, "total": None,
                  "why": "loss.timed_out"})  # fmt: skip
    talk = session(plan=answer("backup", but(PLAN, findings=[finding])))
    text = await talk.start()
    assert "How much that is could not be counted (counting took too long)." in text


async def test_what_goes_but_is_empty_is_said_so():
    finding = but(
        dict(FINDINGS[0]) if isinstance(FINDINGS[0], dict) else {}, data_loss=False, loss={"rows": 0, "total": 9}
    )
    talk = session(plan=answer("backup", but(PLAN, findings=[finding], destructive=False)))
    text = await talk.start()
    assert SAY("embedded.nothing_in_it") in text
    assert "`orders.legacy_note`" in text
    assert SAY("embedded.no_loss") not in text


async def test_the_phrase_is_announced_for_production_and_never_asked_for():
    production: JsonObject = {"name": "eu-prod", "level": "production"}
    talk = session(plan=answer("backup", but(PLAN, environment=production)))
    text = await talk.start()
    assert SAY("embedded.phrase_ahead") in text
    assert phrases.EXECUTE not in text
    for typed in (phrases.EXECUTE, phrases.EXECUTE.lower(), f"yes! {phrases.EXECUTE}"):
        said = await talk.say(typed)
        assert talk.path == []
        assert said.startswith(SAY("embedded.phrase"))
        assert said.endswith(SAY("embedded.next.backup"))


@pytest.mark.parametrize("verb", RUN)
async def test_no_step_is_taken_twice_in_one_turn(verb: str):
    talk = await started()
    talk.results[verb] = but(talk.results[verb], next=[verb, "report"])
    await talk.say("yes")
    assert talk.path == RUN[: RUN.index(verb) + 1]


async def test_a_plan_nobody_saw_is_shown_before_it_runs():
    """A session that comes back to a run that is ready: a yes to nothing is a yes to seeing the plan."""
    talk = session(detect=answer("migrate plan report", {"tool": "alembic"}))
    text = await talk.say("migrate")
    assert talk.path == ["detect", "plan"]
    assert "migrations are pending" in text
