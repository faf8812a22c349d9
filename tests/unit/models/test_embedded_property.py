"""Diana without a key, whatever is said and answered: what she never does."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from diana_agent.guard import phrases
from diana_agent.models.base import START, Conversation, JsonObject, Message, Text, Verb
from diana_agent.models.guide import Guide
from diana_agent.models.intents import Intent, classify
from diana_agent.models.thread import view_of
from diana_agent.models.voice import Voice
from diana_prompts.catalogue import Catalogue
from fakes.verbs import BACKUP, CHANGE, CHECKED, CONNECTION, DOWN, FACTS, FAILED, NAMES, PLAN, REHEARSAL, answer
from unit.models.embedded_talk import session


def test_the_same_conversation_gets_the_same_move():
    talk = Conversation("", (Message("user", (Text(START),)),))
    guide = Guide(view_of(talk), frozenset(NAMES), Voice(Catalogue(), "expert"))
    assert guide.move() == guide.move()


_NEXT = st.lists(st.sampled_from([*NAMES, "confirm", "shell"]), max_size=4).map(" ".join)
_BODIES = st.sampled_from(
    [{}, PLAN, DOWN, CONNECTION, BACKUP, REHEARSAL, CHANGE, FAILED, CHECKED, FACTS, {"pending": 3}, {"state": None},
     {"plan": {"pending": [{"id": 7}]}}, {"checks": "x"}, {"facts": [{"value": {"a": 1}}]}]
)  # fmt: skip
_STATUSES = st.sampled_from(["done", "done", "done", "nothing", "refused", "halted", "failed", ""])
_RESULTS = st.builds(
    answer, _NEXT, _BODIES, status=_STATUSES,
    reason=st.sampled_from(["", "declined", "plan_changed", "x"]), sentence=st.sampled_from(["", "Said so."]),
)  # fmt: skip
_TALK = st.lists(
    st.sampled_from(
        ["yes", "no", "4", "1", "2", "3", "5", "6", "7", "8", "9", "0", "what will be lost?", "is it safe?", "status",
         "what does 1a0000000003 do?", "why did it fail?", phrases.EXECUTE, "ok", "thanks", "run it?",
         "skip the backup", "not yet", "don't run it", "roll back", "restore", "gibberish", ""]
    )
    | st.text(max_size=40),
    max_size=8,
)  # fmt: skip
_ASKED_FOR = {
    "migrate": {Intent.GO}, "rollback": {Intent.GO, Intent.ROLLBACK}, "restore": {Intent.RESTORE},
    "backup": {Intent.GO, Intent.MAKE_BACKUP, Intent.ROLLBACK},
    "rehearse": {Intent.GO, Intent.REHEARSE, Intent.ROLLBACK},
}  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(
    st.fixed_dictionaries({name: _RESULTS for name in NAMES}), _TALK, st.sets(st.sampled_from(NAMES)),
    st.sampled_from(["beginner", "intermediate", "expert"]),
)  # fmt: skip
async def test_whatever_is_said_and_answered_she_only_does_what_was_asked_for(
    results: dict[str, JsonObject], talk: list[str], missing: set[str], skill: str
):
    """No verb that does not exist, none twice in a turn, no change without words of the person that ask for it."""
    made = session(skill, **results)
    made.verbs = tuple(Verb(name, name, {}) for name in NAMES if name not in missing)
    shown = shown_down = False
    for said in [START, *talk]:
        await made.say(said)
        assert len(made.path) == len(set(made.path))
        for verb in made.path:
            assert verb not in missing
            if verb in _ASKED_FOR:
                assert classify(said) in _ASKED_FOR[verb]
            if verb == "rollback" and classify(said) is Intent.GO:
                assert shown_down
            assert verb != "migrate" or shown
            planned = verb in ("plan", "rollback") and results[verb]["status"] in ("done", "nothing")
            shown = shown or (planned and "pending" in results[verb])
            if results[verb].get("direction") == "down" or verb == "facts":
                shown_down = True
        assert made.said.strip()
