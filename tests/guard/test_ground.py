"""The ground itself: with a careful person the change does come through, so that the other tests can fail."""

from __future__ import annotations

from diana_agent.dispatch import dispatch
from diana_agent.models.base import ToolCall
from diana_agent.run import Outcome, Run
from guard.ground import ADD, Ground

PATH = ("detect", "connect", "plan", "backup", "rehearse", "migrate")


async def walk(run: Run, *verbs: str) -> Outcome:
    """Ask for verbs one after the other; the last outcome."""
    outcome = Outcome("nothing")
    for verb in verbs:
        _, outcome = await dispatch(run, ToolCall("1", verb, "{}"), "model")
    return outcome


async def test_a_destructive_change_comes_through_with_the_phrase(ground: Ground) -> None:
    before = ground.content()
    ground.person.behaviour = "confirm"
    outcome = await walk(ground.open(), *PATH)
    assert outcome.status == "done", (outcome.reason, outcome.body)
    assert ground.content() != before
    assert [question.id for question in ground.person.asked] == ["ask.destructive", "ask.production"]


async def test_it_does_not_without(ground: Ground) -> None:
    before = ground.content()
    for behaviour in ("leave", "wrong", "yes", "no"):
        ground.person.behaviour = behaviour
        outcome = await walk(ground.open(), *PATH)
        assert outcome.status == "refused"
        assert outcome.reason == "phrase_wrong"
        assert ground.content() == before


async def test_a_harmless_change_needs_a_yes(ground: Ground) -> None:
    ground.migration.write_text(ADD)
    ground.person.behaviour = "yes"
    outcome = await walk(ground.open(), *PATH)
    assert outcome.status == "done", (outcome.reason, outcome.body)
    assert [question.id for question in ground.person.asked] == ["ask.production"]
