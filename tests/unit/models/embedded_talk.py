"""A conversation with Diana without a key and canned verbs, not begun or after its opening turn."""

from __future__ import annotations

from diana_agent.models.base import JsonObject
from diana_agent.models.embedded import Embedded
from diana_prompts.catalogue import Catalogue
from fakes.verbs import Session

SAY = Catalogue().say
RUN = ["backup", "rehearse", "migrate", "report"]


def session(skill: str = "intermediate", **results: JsonObject) -> Session:
    made = Session(Embedded(Catalogue(), skill))
    made.results.update(results)
    return made


async def started(skill: str = "intermediate", **results: JsonObject) -> Session:
    made = session(skill, **results)
    await made.start()
    return made
