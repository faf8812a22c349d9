"""`diana ask`: one question answered from facts, by the rules and words of the chat."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ValidationError

from diana_agent.models.about_plan import migration_of as _migration_of
from diana_agent.models.about_plan import names_of
from diana_agent.models.answers import TOPICS, Asked, Fact, respond
from diana_agent.models.base import JsonObject
from diana_agent.models.intents import Intent, classify
from diana_agent.models.results import Facts
from diana_agent.models.voice import Voice
from diana_prompts.catalogue import Catalogue


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer and the facts it rests on; `unknown`: it was not understood, or nothing measured answers it."""

    intent: str
    text: str
    facts: tuple[Fact, ...]
    unknown: bool


def answer(question: str, facts: JsonObject, catalogue: Catalogue, skill: str) -> Answer:
    """Answer from the result of `facts`, with the result of `read_migration` as its key `migration` if there is one."""
    voice, known = Voice(catalogue, skill), _read(facts)
    intent = classify(question, names_of(known))
    if intent in TOPICS:
        found = respond(intent, Asked(question, known), voice)
        return Answer(intent.value, found.text, found.facts, not found.known)
    if intent in (Intent.UNKNOWN, Intent.CANNOT, Intent.PHRASE, Intent.HELP):
        return Answer(intent.value, voice.say(f"embedded.{intent.value}"), (), intent is Intent.UNKNOWN)
    return Answer(intent.value, voice.say("embedded.ask_only"), (), unknown=True)


def topic_of(question: str, facts: JsonObject) -> str:
    """The topic of `facts` that a question asks for; overview when it asks for none."""
    return TOPICS.get(classify(question, names_of(_read(facts))), "overview")


def migration_of(question: str, facts: JsonObject) -> str:
    """The id of the pending migration whose text a question asks for, or an empty string."""
    known = _read(facts)
    if classify(question, names_of(known)) is not Intent.MIGRATION:
        return ""
    one = _migration_of(question, known.plan)
    return one.id if one is not None else ""


def _read(facts: JsonObject) -> Facts:
    try:
        return Facts.model_validate(facts)
    except ValidationError:
        return Facts()
