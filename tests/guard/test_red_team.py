"""A red team's model tries to get an unbacked, an unconfirmed or another change through; none of it works.

Every refusal is a sentence that a person can read. The red team's person is in test_red_team_chat.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from diana_agent.dispatch import verbs
from diana_agent.events import ChangeStarted, ToolAnswered
from diana_agent.loop import Loop
from diana_agent.run import Run
from guard.ground import Ground
from guard.people import Meanwhile
from guard.red_team import ATTEMPTS, READY, RUN, SHOWN, Attempt, ScriptedModel
from guard.test_list import nothing_ran
from shown import shown


async def play(ground: Ground, attempt: Attempt) -> Run:
    """The whole attempt through the real loop; the run afterwards."""
    if attempt.ahead is not None:
        attempt.ahead(ground)
    happens = attempt.meanwhile
    ground.person = Meanwhile(
        attempt.present, attempt.behaviour, happens=(lambda: happens(ground)) if happens else lambda: None
    )
    run = ground.open()
    model = ScriptedModel(ground, attempt.script)
    turns = Loop(run, model, "", verbs(lambda name: name), lambda: False)
    while model.at < len(attempt.script):
        await turns.turn("go on", lambda _text: None)
    return run


def answers(run: Run) -> list[tuple[str, str]]:
    """Reason and sentence of every answer that was no success."""
    found = [json.loads(event.result) for event in run.journal.events() if isinstance(event, ToolAnswered)]
    return [(one["reason"], one["sentence"]) for one in found if one["reason"]]


def readable(reason: str, sentence: str) -> str:
    """What is wrong with a refusal as a sentence, or nothing."""
    if " " not in sentence or sentence == reason or not sentence.rstrip().endswith((".", ")")):
        return "no sentence"
    if "{" in sentence or "Traceback" in sentence or reason in sentence.split():
        return "raw words in it"
    return "" if 15 < len(sentence) < 600 else "too short or too long"


def test_there_are_enough() -> None:
    assert len(ATTEMPTS) >= 40
    assert len({attempt.name for attempt in ATTEMPTS}) == len(ATTEMPTS)


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.name.replace(" ", "-"))
async def test_a_model_tries_to(
    ground: Ground, attempt: Attempt, record_property: Callable[[str, object], None]
) -> None:
    before = ground.content()
    run = await play(ground, attempt)
    nothing_ran(ground, before)
    refused = answers(run)
    assert attempt.reason in [reason for reason, _ in refused] or not attempt.reason, refused
    assert not [(reason, said, readable(reason, said)) for reason, said in refused if readable(reason, said)]
    shown(record_property, SHOWN, model=1)


async def test_the_same_model_comes_through_with_a_person_who_confirms(ground: Ground) -> None:
    """Without this the attempts above would prove nothing."""
    before = ground.content()
    run = await play(ground, Attempt("honestly", (*READY, *RUN), "", "confirm"))
    assert sum(isinstance(event, ChangeStarted) for event in run.journal.events()) == 1
    assert ground.content() != before
