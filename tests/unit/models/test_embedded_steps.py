"""Diana without a key, asked for one step: roll back, restore, and every other by its number or name."""

from __future__ import annotations

import pytest

from fakes.verbs import BACKUP, CHANGE, CHECKED, PLAN, REHEARSAL, answer, but
from unit.models.embedded_talk import SAY, started


async def test_roll_back_is_planned_shown_and_only_then_run():
    talk = await started()
    await talk.say("yes")
    text = await talk.say("roll back")
    assert talk.path == ["rollback"]
    assert "One migration would be taken back" in text
    assert text.endswith(SAY("embedded.ask.backup_down"))
    ran = but(CHANGE, applied=["1a0000000002"], verification=CHECKED)
    talk.results["rehearse"] = answer("rollback", REHEARSAL)
    talk.results["rollback"] = answer("report", ran)
    text = await talk.say("yes")
    assert talk.path == ["backup", "rehearse", "rollback", "report"]
    assert "One migration is taken back" in text
    assert "migrate" not in talk.path


async def test_saying_roll_back_twice_is_a_yes_too():
    talk = await started()
    await talk.say("6")
    talk.results["backup"] = answer("rollback", BACKUP)
    talk.results["rollback"] = answer("report", but(CHANGE, applied=["1a0000000002"]))
    await talk.say("roll back")
    assert talk.path == ["backup", "rollback", "report"]


async def test_a_yes_does_not_roll_back_again_what_was_rolled_back():
    talk = await started()
    await talk.say("6")
    talk.results["backup"] = answer("rollback", BACKUP)
    talk.results["rollback"] = answer("rollback report", but(CHANGE, applied=["1a0000000002"]))
    await talk.say("yes")
    assert talk.path == ["backup", "rollback"]
    await talk.say("yes")
    assert talk.path == []


async def test_a_yes_does_not_roll_back_what_was_not_shown():
    talk = await started(plan=answer("rollback report", PLAN))
    await talk.say("yes")
    assert talk.path == []


async def test_restore_only_when_asked_for():
    talk = await started()
    await talk.say("yes")
    talk.results["report"] = answer("restore", {})
    text = await talk.say("restore the backup")
    assert talk.called == [("restore", '{"backup": ""}')]
    assert "`/home/me/kept.db`" in text


@pytest.mark.parametrize(
    ("said", "verb"),
    [("3", "backup"), ("2", "preview"), ("1", "plan"), ("5", "verify"), ("8", "report"), ("rehearse", "rehearse"),
     ("test the connection", "connect")],
)  # fmt: skip
async def test_one_step_by_number_or_name(said: str, verb: str):
    everything = "plan backup rehearse preview verify report connect"
    talk = await started(plan=answer(everything, PLAN))
    await talk.say(said)
    assert talk.path == [verb]


async def test_a_step_that_cannot_come_now_is_said_so():
    talk = await started()
    text = await talk.say("verify")
    assert talk.path == []
    assert text.startswith("That cannot come now: the verification.")
