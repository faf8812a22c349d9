"""`diana ask`: one question, answered from facts that were measured, by the embedded Diana or by Claude."""

from __future__ import annotations

from diana_agent.dispatch import verbs
from diana_agent.models.ask import answer, migration_of
from diana_agent.models.base import JsonValue, Model
from diana_agent.run import JsonObject, Run
from diana_agent.steps.look import facts, read_migration
from diana_agent.talker import Talker


async def answer_question(run: Run, question: str, model: str) -> JsonObject:
    """The object that `diana ask --json` prints; it only reads."""
    known = dict(facts(run, "overview").body)
    migration = migration_of(question, known)
    if migration:
        known["migration"] = (await read_migration(run, migration)).body
    found = answer(question, known, run.catalogue, run.settings.skill)
    body: JsonObject = {
        "question": question, "language": run.catalogue.language, "intent": found.intent, "answer": found.text,
        "facts": list[JsonValue](one.as_json() for one in found.facts), "unknown": found.unknown, "model": "embedded",
    }  # fmt: skip
    if model == "claude":
        talker = Talker(run)
        await talker.change("claude")
        body |= await _by_claude(run, talker.model, question) if talker.remote else {}
    return body


async def _by_claude(run: Run, model: Model, question: str) -> JsonObject:
    """The same question in one turn of the same conversation, with the looking verbs only."""
    from diana_agent.loop import Loop
    from diana_agent.workflow import LOOKING
    from diana_prompts.system import system_prompt, verb_description

    looking = tuple(verb for verb in verbs(verb_description) if verb.name in LOOKING)
    said: list[str] = []
    loop = Loop(run, model, system_prompt(run.settings.language, run.settings.skill), looking, lambda: False)
    try:
        await loop.turn(question, said.append)
    finally:
        await model.close()
    return {"answer": "".join(said), "model": model.name, "intent": "free", "unknown": not said}
