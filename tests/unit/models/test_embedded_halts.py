"""Diana without a key, where a step does not end well: she stops, says so, and goes on only after a new yes."""

from __future__ import annotations

import json

import pytest

from diana_agent.models.base import START, Conversation, Message, Stop, Text, ToolCall, ToolResult
from diana_agent.models.guide import Guide
from diana_agent.models.thread import view_of
from diana_agent.models.voice import Voice
from diana_prompts.catalogue import Catalogue
from fakes.verbs import FAILED, NAMES, PENDING, PLAN, REHEARSAL, VERBS, answer, but
from unit.models.embedded_talk import RUN, SAY, session, started


@pytest.mark.parametrize("verb", ["detect", "connect", "plan", "backup", "rehearse", "migrate", "report"])
@pytest.mark.parametrize("status", ["refused", "halted", "failed"])
async def test_a_step_that_does_not_end_well_stops_the_turn(verb: str, status: str):
    order = ["detect", "connect", "plan", *RUN]
    talk = session()
    talk.results[verb] = answer(f"{verb} plan", status=status, reason="some_reason", sentence="It is as it is.")
    text = await talk.start()
    if verb in RUN:
        text = await talk.say("yes")
    assert talk.path[-1] == verb
    assert talk.path == [one for one in order[: order.index(verb) + 1] if (one in RUN) == (verb in RUN)]
    assert text == f"It is as it is.\n\n{SAY('embedded.again', step=SAY(f'embedded.step.{verb}'))}"


async def test_without_a_sentence_the_reason_is_said():
    talk = session(connect=answer("connect", status="halted", reason="no_route"))
    assert (await talk.start()).startswith("the connection stopped before anything changed (no_route).")


async def test_a_failed_run_says_what_was_measured_and_what_comes_next():
    failed = answer("report migrate", FAILED, status="failed", reason="migration_failed", sentence="It failed.")
    talk = await started(migrate=failed)
    text = await talk.say("yes")
    assert talk.path == ["backup", "rehearse", "migrate"]
    assert text == f"It failed. {SAY('embedded.state.recovered')}\n\n{SAY('embedded.next.report')}"
    await talk.say("log")
    assert talk.path == ["report"]
    await talk.say("yes")
    assert talk.path == []


async def test_a_half_run_is_not_talked_round():
    half = but(FAILED, state="partial", applied=["1a0000000002"], not_applied=["1a0000000003"], recovery=None)
    talk = await started(migrate=answer("report", half, status="failed", reason="person_needed", sentence="A person."))
    text = await talk.say("yes")
    assert "not as it was before. Applied: `1a0000000002`; not applied: `1a0000000003`." in text


async def test_after_a_no_to_the_guard_she_does_not_ask_again():
    no = answer("migrate report", status="refused", reason="declined", sentence="Cancelled.")
    talk = await started(migrate=no)
    text = await talk.say("yes")
    assert text == f"Cancelled.\n\n{SAY('embedded.declined')}"
    talk.results["facts"] = answer("migrate report", {"facts": []}, status="done")
    asked = await talk.say("what would be lost?")
    assert asked.endswith(SAY("embedded.next.again", verb="migrate")), "a yes alone would not do any more"


async def test_a_refused_rehearsal_stops_and_a_yes_goes_on_without_it():
    no = answer("migrate", status="refused", reason="marker_not_seen", sentence="No rehearsal.")
    talk = await started(rehearse=no)
    text = await talk.say("yes")
    assert talk.path == ["backup", "rehearse"]
    assert text == f"No rehearsal.\n\n{SAY('embedded.next.migrate')}"
    await talk.say("yes")
    assert talk.path == ["migrate", "report"]


async def test_after_a_failed_rehearsal_the_run_is_not_even_asked_for():
    bad = but(REHEARSAL, passed=False, error="boom", failed="1a0000000003")
    failed = answer("migrate plan", bad, status="failed", reason="rehearsal_failed", sentence="It failed.")
    talk = await started(rehearse=failed)
    text = await talk.say("yes")
    assert text == f"It failed.\n\n{SAY('embedded.next.mend')}"
    text = await talk.say("yes")
    assert talk.path == []
    assert text == f"{SAY('embedded.broken')}\n\n{SAY('embedded.next.mend')}"
    mended = but(PLAN, pending=[*PENDING, {"id": "1a0000000004"}])
    talk.results |= {"plan": answer("rehearse migrate", mended), "rehearse": answer("migrate", REHEARSAL)}
    await talk.say("plan")
    await talk.say("yes")
    assert talk.path == ["rehearse", "migrate", "report"]


async def test_a_plan_that_changed_is_shown_before_a_yes_counts_again():
    changed = answer("migrate plan", status="refused", reason="plan_changed", sentence="Changed.")
    talk = await started(migrate=changed)
    await talk.say("yes")
    assert talk.path == ["backup", "rehearse", "migrate"]
    text = await talk.say("yes")
    assert talk.path == ["plan"]
    assert "migrations are pending" in text


async def test_a_result_that_cannot_be_read_counts_as_not_done():
    talk = session()
    talk.messages = [
        Message("user", (Text(START),)), Message("assistant", (ToolCall("e", "detect", "{}"),)),
        Message("user", (ToolResult("e", "detect", ok=True, content="no json"),)),
    ]  # fmt: skip
    turn = [piece async for piece in talk.model.reply(Conversation("", tuple(talk.messages)), VERBS)][-1]
    assert "gave no answer that I can read" in getattr(turn, "text", "")
    assert getattr(turn, "stop", None) is Stop.END


async def test_an_answer_that_is_marked_as_an_error_is_one():
    good = answer("connect", {"tool": "alembic"})
    messages = (
        Message("user", (Text(START),)), Message("assistant", (ToolCall("e", "detect", "{}"),)),
        Message("user", (ToolResult("e", "detect", ok=False, content=json.dumps(good)),)),
    )  # fmt: skip
    assert Guide(view_of(Conversation("", messages)), frozenset(NAMES), Voice(Catalogue(), "expert")).move().verb == ""


async def test_a_cut_turn_left_nothing_behind():
    """The session died in the middle of a call; the person comes back and says go on."""
    talk = await started()
    talk.messages += [Message("user", (Text("yes"),)), Message("assistant", (ToolCall("x", "backup", "{}"),))]
    await talk.say("where is the backup?")
    assert talk.said.strip().startswith(SAY("embedded.no_backup"))
    await talk.say("go on")
    assert talk.path == RUN
