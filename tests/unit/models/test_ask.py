"""`diana ask`: answers that rest on facts, say so when there are none, and never do anything."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest

from diana_agent.models import intents
from diana_agent.models.answers import TOPICS
from diana_agent.models.ask import answer, migration_of, topic_of
from diana_agent.models.base import JsonObject
from diana_agent.models.intents import Intent
from diana_agent.models.voice import Voice, duration, fenced, name, size
from diana_prompts.catalogue import Catalogue, fields_of
from fakes.verbs import BACKUP, CHANGE, CHECKED, FACTS, FAILED, PLAN, REHEARSAL, SOURCE, but

CATALOGUE = Catalogue()
QUESTIONS = {
    Intent.PENDING: "what is pending?", Intent.LOSS: "what will be lost?", Intent.SAFETY: "is it safe?",
    Intent.DURATION: "how long will it take?", Intent.MIGRATION: "what does 1a0000000003 do?",
    Intent.RECOVERY: "can I undo it?", Intent.BACKUP: "where is the backup?", Intent.REHEARSAL: "was it rehearsed?",
    Intent.FAILURE: "why did it fail?", Intent.ENVIRONMENT: "which environment is this?",
    Intent.CHECKS: "what did you check?", Intent.HISTORY: "which version is it on?", Intent.OVERVIEW: "status?",
}  # fmt: skip
FULL = but(FACTS, backup=BACKUP, rehearsal=REHEARSAL, verification=CHECKED)


def ask(question: str, facts: JsonObject, skill: str = "intermediate"):
    return answer(question, facts, CATALOGUE, skill)


def test_every_question_has_its_phrase_here():
    assert set(QUESTIONS) == set(TOPICS)


@pytest.mark.parametrize("intent", QUESTIONS)
@pytest.mark.parametrize("skill", ["beginner", "intermediate", "expert"])
def test_an_answer_rests_on_facts(intent: Intent, skill: str):
    facts = but(FULL, change=FAILED) if intent is Intent.FAILURE else FULL
    found = ask(QUESTIONS[intent], facts, skill)
    assert found.intent == intent.value
    assert not found.unknown
    assert found.text
    assert found.facts
    for fact in found.facts:
        assert set(fact.as_json()) == {"kind", "value", "source"}
        assert fact.source


@pytest.mark.parametrize("intent", [one for one in QUESTIONS if one is not Intent.FAILURE])
def test_without_facts_nothing_is_claimed(intent: Intent):
    empty: JsonObject = {}
    for facts in (empty, but(FACTS, connection=None, plan=None), but({}, plan="broken")):
        found = ask(QUESTIONS[intent], facts)
        assert found.intent == intent.value
        assert found.unknown
        assert not found.facts


def test_what_is_not_understood_is_unknown():
    found = ask("who won the world cup?", FULL)
    assert (found.intent, found.unknown, found.facts) == ("unknown", True, ())
    assert "what would be lost" in found.text


@pytest.mark.parametrize("wish", ["migrate", "yes", "roll back", "restore the backup", "4"])
def test_a_wish_is_told_where_it_belongs(wish: str):
    assert ask(wish, FULL).text == CATALOGUE.say("embedded.ask_only")


def test_what_no_chat_can_do_and_the_phrase():
    assert ask("skip the backup", FULL).text == CATALOGUE.say("embedded.cannot")
    assert ask("EXECUTE DESTRUCTIVE MIGRATIONS", FULL).text == CATALOGUE.say("embedded.phrase")


def test_topics_and_the_migration_that_is_spoken_of():
    assert topic_of("what will be lost?", FACTS) == "loss"
    assert topic_of("hello", FACTS) == "overview"
    assert migration_of("what does 1a0000000003 do?", FACTS) == "1a0000000003"
    assert migration_of("explain 1A0000000003", FACTS) == "1a0000000003"
    assert migration_of("what does the first migration do?", FACTS) == "1a0000000002"
    assert migration_of("what does 9f0000000001 do?", FACTS) == ""
    assert migration_of("how long?", FACTS) == ""


def test_the_text_of_a_migration_is_quoted_when_it_is_there():
    assert "op.drop_column" in ask("what does 1a0000000003 do?", but(FACTS, migration=SOURCE)).text
    assert "op.drop_column" not in ask("what does 1a0000000003 do?", FACTS).text


def test_the_loss_is_told_with_its_count_and_its_place():
    found = ask("what will be lost?", FACTS)
    assert [one.as_json() for one in found.facts] == [
        {"kind": "destructive", "value": "true", "source": "plan"},
        {"kind": "loss", "value": "drop_column orders.legacy_note: 412", "source": "versions/3_drop_legacy.py:14"},
    ]


def test_after_a_run_the_past_is_past():
    assert "has been carried out" in ask("what is pending?", but(FACTS, change=CHANGE)).text
    assert "`1a0000000003`" in ask("which version is it on?", but(FACTS, change=CHANGE)).text
    moved = ask("which version is it on?", but(FACTS, change=but(CHANGE, act="restore", applied=["b-1"])))
    assert moved.unknown


def test_a_failure_is_told_with_what_was_measured():
    text = ask("why did it fail?", but(FACTS, change=FAILED)).text
    assert "no such column: x" in text
    assert "as it was before the run" in text
    text = ask("why did it fail?", but(FACTS, rehearsal=but(REHEARSAL, passed=False, error="boom", failed="1a"))).text
    assert "The rehearsal failed in `1a`: boom." in text
    bad = but(CHECKED, passed=3, checks=[{"name": "data", "passed": False, "expected": "10", "found": "9"}])
    assert "expected 10, found 9" in ask("why did it fail?", but(FACTS, verification=bad)).text


def test_a_weak_proof_is_named_as_weak():
    for grade, words in (("read", "not restored anywhere"), ("none", "not proven"), ("attested", "attested")):
        assert words in ask("where is the backup?", but(FACTS, backup=but(BACKUP, grade=grade))).text
    copies = but(BACKUP, copies=[{"store": "s3", "location": "s3://b/x", "remote": True, "verified": False}])
    assert "not verified" in ask("where is the backup?", but(FACTS, backup=copies)).text


def test_foreign_text_stays_in_its_place():
    assert name("a`b\nc\x1b[31m") == "`a b c`"
    assert name("") == "`-`"
    assert fenced("```\nout\n````").startswith("`````\n")
    assert fenced("\n".join("x" * 100)).count("\n") == 42
    assert [duration(one) for one in (0.34, 59.6, 61, 120, 3725)] == [
        "0.3 s",
        "1 min",
        "1 min 1 s",
        "2 min",
        "1 h 2 min",
    ]
    assert [size(one) for one in (0, 999, 1500, 2_500_000, 10**16)] == [
        "0 B",
        "999 B",
        "1.5 kB",
        "2.5 MB",
        "10000.0 TB",
    ]


def test_codes_are_worded_or_shown_as_they_are():
    voice = Voice(CATALOGUE, "expert")
    assert voice.worded("loss", "loss.not_there") == "it is not in the database now"
    assert voice.worded("loss", "brand_new") == "brand new"


def test_one_is_one():
    one = but(PLAN, pending=[{"id": "1a", "name": "", "description": ""}], findings=[])
    assert "One migration is pending:" in ask("what is pending?", but(FACTS, plan=one)).text


def _ids() -> dict[str, str]:
    import tomllib

    return tomllib.loads((files("diana_prompts") / "messages" / "en" / "embedded.toml").read_text("utf-8"))


def test_every_sentence_that_is_spoken_is_in_the_catalogue_and_none_is_dead():
    ids = _ids()
    code = "\n".join(path.read_text("utf-8") for path in Path(intents.__file__).parent.glob("*.py"))
    spoken = set(re.findall(r"[\"'](embedded\.[a-z_.]+)[\"']", code))
    assert spoken <= set(ids)
    built = re.findall(r'f"(embedded\.[a-z_.]+)\{', code)
    assert all(any(one.startswith(prefix) for one in ids) for prefix in built)
    prefixes = (*built, *(f"embedded.{kind}." for kind in re.findall(r'worded\("([a-z_]+)"', code)))
    talk = {f"embedded.{intent.value}" for intent in Intent}
    for one in ids:
        base = re.sub(r"\.(one|expert|beginner)$", "", one)
        assert base in spoken | talk or base.startswith(prefixes), one


def test_a_variant_needs_no_field_that_its_sentence_has_not():
    ids = _ids()
    for one, text in ids.items():
        base = re.sub(r"\.(one|expert|beginner)$", "", one)
        if base != one and base in ids:
            assert fields_of(text) <= fields_of(ids[base]) | {"count"}, one


def test_every_kind_of_intent_has_something_to_say():
    ids = _ids()
    from diana_agent.models.guide import TARGETS

    for intent in Intent:
        if intent not in TOPICS and intent not in TARGETS and intent is not Intent.GO:
            assert f"embedded.{intent.value}" in ids
